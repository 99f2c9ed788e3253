package Load;

# Clients that ask a node without a pause while a test does something to it.
# They know each answer, so a wrong one is seen, and write down what they were
# told.
#
#     my $load = Load->new(node => $node, clients => 4,
#                          order => [qw(item draft me page)]);
#     $load->phase(calm => sub { $load->told(20, 200, $load->kinds) });
#     my @lines = $load->during('calm');
#     my @all = $load->stop;
#
# A line: { at, took, what, code, retry, more }; code is "none" when there was
# no answer, more says why then or when it was refused, and otherwise what was
# acknowledged, or that somebody was greeted.
#
# Questions (Load::Ask): item, the guide as JSON; page, the same as a page; me,
# the own sessions, of Redis; who, the own account, of PostgreSQL; greeting, a
# public page that greets who is there; draft and submit, a draft of a case and a
# whole application with files, asked with the same Idempotency-Key until they
# are acknowledged.
#
# One more client asks in waves ("waves"): 16 different questions of different
# people at the same time, each over a connection that is kept, so that many
# answers are under way when something breaks.

use strict;
use warnings;
use utf8;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use parent qw(Load::Ask Load::Holds);

use Http;
use Proc;

my %acts = Load::Holds::acts();
my $wave = Load::Holds::wave();


# "order" is what a client asks, again and again, of any of "nodes"; "of_one" are
# the people of a client, enough of them for the limits of an hour

sub new {
    my ($class, %o) = @_;

    my $self = bless { clients => 4, of_one => 20, waves => [], phase => {},
                       owner => $$, %o }, $class;
    my $db = $self->{node}->db;

    $self->{item} = { map { split /\|/, $_, 2 } split /\n/, $db->admin(
        "SELECT code || '|' || name FROM zwfw.items WHERE state = 'in_use'") };
    $self->{codes} = [sort keys %{ $self->{item} }];
    $self->{people} = [map { $self->person($_) } 1 .. $self->{of_one}
                                                      * $self->{clients}];
    $self->{crowd} = [@{ $self->{people} }];
    $self->{by} = { map { $_->{uid} => $_ } @{ $self->{people} } };
    $self->{log} = "$self->{node}{files}/clients";
    $self->begin;

    return $self;
}


sub person {
    my ($self, $n) = @_;

    my $name = '张' . chr(0x4e00 + $n / 256) . chr(0x4e00 + $n % 256);
    my $http = $self->{node}->client(kind => 'natural', name => $name);

    return { uid => $http->{me}{uid}, name => $name, token => $http->{token},
             cookie => $http->cookie('zwfw'),
             session => $http->get('/api/auth/sessions')->json->{items}[0]{id}
           };
}


sub begin {
    my $self = shift;

    open my $out, '>>', $self->{log} or die "$self->{log}: $!\n";

    my $parent = $$;

    my @clients = map {
        my @mine = splice @{ $self->{people} }, 0, $self->{of_one};
        sub { $self->client($out, $parent, @mine) };
    } 1 .. $self->{clients};

    push @clients, sub { $self->crowd($out, $parent) } if @{ $self->{waves} };

    $self->{pids} = [map {
        my $pid = fork() // die "fork() failed: $!\n";

        if ($pid == 0) {
            $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
            srand $$;
            eval { $_->() };
            POSIX::_exit(0);
        }

        $pid;
    } @clients];
}


# what is asked, each kind once

sub kinds {
    my %kind = map { $_ => 1 } @{ $_[0]{order} }, @{ $_[0]{waves} };

    return sort keys %kind;
}


# ---- a client ----

sub client {
    my ($self, $out, $parent, @mine) = @_;

    my $http = Http->new(port => $self->{node}->nginx->port, timeout => 30,
                         headers => { Connection => 'close' });
    my @order = @{ $self->{order} };
    my @ports = map { $_->nginx->port } @{ $self->{nodes} // [$self->{node}] };

    for (my $n = 0; getppid == $parent; $n++) {
        my $what = $order[$n % @order];
        my $began = time;
        $http->{port} = $ports[rand @ports];
        my $res = eval { $self->ask($what, $http, @mine) };
        my $failed = $@ =~ s/\s+/ /gr;

        delete $http->{sock};
        told_to($out, $what, $began, $res, $failed);

        # refusals count for the limit of a person as well
        sleep($res && $res->code == 200 || !$acts{$what} ? 0.01 : 0.25);
    }
}


# as many people at a time, one after the other as they come in

sub crowd {
    my ($self, $out, $parent) = @_;

    my @people = @{ $self->{crowd} };
    my @ports = map { $_->nginx->port } @{ $self->{nodes} // [$self->{node}] };
    my @seats = map { Http->new(port => $ports[$_ % @ports], timeout => 30) }
        1 .. $wave;

    while (getppid == $parent) {
        my @asked = map {
            my $what = $self->{waves}[rand @{ $self->{waves} }];
            my $question = $self->question($what, $people[rand @people]);
            my $began = time;

            eval { Load::Ask::put($_, $question) };
            [$_, $what, $began, $question];
        } @seats;

        for (@asked) {
            my ($http, $what, $began, $question) = @$_;
            my $res = eval { Load::Ask::taken($http, $question) };

            told_to($out, $what, $began, $res, $@ =~ s/\s+/ /gr);
        }

        sleep 0.3;
    }
}


sub told_to {
    my ($out, $what, $began, $res, $failed) = @_;

    my $took = time - $began;
    my $why = $res && $res->code != 200 && eval { $res->json->{code} };

    syswrite $out, join("\t", $began, $took, $what,
        $res ? $res->code : 'none', $res && $res->header('Retry-After')
        // '-', $res ? $res->{done} // $why || '-' : substr $failed, 0, 200)
        . "\n";
}


# ---- what they were told ----

sub asked {
    my $self = shift;

    open $self->{in}, '<', $self->{log} or die "$self->{log}: $!\n"
        if !$self->{in};

    my $in = $self->{in};
    seek $in, 0, 1;
    $self->{lines} //= [];

    while (defined(my $text = readline $in)) {
        my %line;

        # a line may be seen when half of it is written

        $text = delete($self->{half}) . $text if defined $self->{half};
        $self->{half} = $text if !chomp $text;
        next if defined $self->{half};
        @line{qw(at took what code retry more)} = split /\t/, $text;
        push @{ $self->{lines} }, \%line;
    }

    return @{ $self->{lines} };
}


# what is done in a phase, which has a name

sub phase {
    my ($self, $name, $code) = @_;

    $self->{phase}{$name} = [time];
    $code->();
    push @{ $self->{phase}{$name} }, time;
}


# what was asked and answered in it

sub during {
    my ($self, $name) = @_;

    my ($begin, $end) = @{ $self->{phase}{$name} };

    return grep { $_->{at} >= $begin and $_->{at} + $_->{took} <= $end }
        $self->asked;
}


# what was under way in it, at any time

sub around {
    my ($self, $name) = @_;

    my ($begin, $end) = @{ $self->{phase}{$name} };

    return grep { $_->{at} + $_->{took} >= $begin and $_->{at} <= $end }
        $self->asked;
}


# waits until the clients have been told this so often, each kind of question,
# of what they have asked from now on

sub told {
    my ($self, $count, $code, @what) = @_;

    my $began = time;
    my ($next, %told) = (scalar $self->asked);

    for my $what (@what) {
        Proc::until_true("$count times $what $code", 30, sub {
            $self->asked;

            for (@{ $self->{lines} }[$next .. $#{ $self->{lines} }]) {
                $next++;
                $told{ $_->{what} }++
                    if $_->{at} > $began and $_->{code} =~ /^(?:$code)$/;
            }

            sleep 0.02;
            return ($told{$what} // 0) >= $count;
        });
    }
}


# the same, whatever they are told

sub answered {
    my ($self, $count, @what) = @_;

    $self->told($count, qr/^(?:200|503)$/, @what);
}


# all of it within a second, on a machine that may stand still for longer

sub recovers {
    my ($self, $name, @what) = @_;

    my $began = time;

    @what = $self->kinds if !@what;
    ok(eval { $self->told(1, 200, @what); 1 }, "$name: recovers")
        or diag($@, summary($self->asked));
    cmp_ok(time - $began, '<', 1 + 4, "$name: which does not take long");
}


# all kinds of questions and answers among some lines, and how often

sub summary {
    my %count;

    $count{"$_->{what} $_->{code}"}++ for @_;
    return join ', ', map { "$_: $count{$_}" } sort keys %count;
}


sub stop {
    my $self = shift;

    kill 'KILL', @{ $self->{pids} };
    waitpid $_, 0 for @{ $self->{pids} };
    $self->{pids} = [];

    return $self->asked;
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner} or !@{ $self->{pids} // [] };

    local ($@, $?);
    $self->stop;
}


1;
