package Proxy;

# A wire between nginx and a store that does what it is told: a port of
# 127.0.0.1 whose connections go on to another address, "127.0.0.1:port" or the
# path of a unix socket.
#
#     my $wire = Proxy->start(to => $redis->socket);
#     $wire->port;
#     $wire->refuse;            # nobody listens any more; who is in, goes on
#     $wire->hang;              # connections are accepted, nothing goes through
#     $wire->mute;              # questions go through, answers do not
#     $wire->slow(0.2);         # each piece of an answer comes so much later
#     $wire->cut(100);          # each connection breaks after so many more
#                               # bytes of answers
#     $wire->drop;              # what is open now breaks
#     $wire->drop(qr/TRACKING/);    # if its client ever said that
#     $wire->pass;              # a wire again
#     $wire->seen;              # how many connections there ever were
#     $wire->seen(qr/PING/);    # whose client has begun with that
#
# Each returns when it is so; drop() says how many.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use Port;

my $said = 65536;                   # bytes of a client that drop() looks at
my $begun = 512;                    # and seen()


sub start {
    my ($class, %o) = @_;

    my $self = bless { port => Port::free(), owner => $$, mode => 'pass',
                       seen => 0, hello => [], %o }, $class;

    socketpair my $ours, my $its, AF_UNIX, SOCK_STREAM, 0
        or die "socketpair() failed: $!\n";

    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        close $ours;
        eval { $self->run($its) };
        warn "Proxy: $@" if $@;
        POSIX::_exit(0);
    }

    close $its;
    @$self{qw(control pid)} = ($ours, $pid);
    $self->tell('pass');

    return $self;
}


sub port {
    return $_[0]{port};
}


for my $word (qw(refuse hang mute slow cut drop pass seen)) {
    no strict 'refs';

    *$word = sub {
        my ($self, $value) = @_;

        return $self->tell(join ' ', $word, $value // ());
    };
}


sub tell {
    my ($self, $line) = @_;

    my $control = $self->{control};

    syswrite $control, "$line\n";
    my $answer = readline $control;
    die "the proxy has ended\n" if !defined $answer;

    chomp $answer;
    return $answer;
}


# ---- the other process ----

sub run {
    my ($self, $control) = @_;

    $self->{control} = $control;
    $self->{links} = {};

    while (1) {
        my $reads = IO::Select->new($control, $self->{listen} // (),
            map { $_->{in} } grep { $self->flows($_) } $self->links);
        my @late = sort { $a <=> $b } map { $_->{late} ? $_->{late}[0][0] : () }
            $self->links;
        my $wait = @late ? ($late[0] > time ? $late[0] - time : 0) : undef;

        for my $sock ($reads->can_read($wait)) {
            if ($sock == $control) {
                $self->obey(readline($control) // return);
            } elsif ($self->{listen} and $sock == $self->{listen}) {
                $self->accept;
            } else {
                $self->forward($self->{links}{$sock} // next);
            }
        }

        $self->deliver($_) for $self->links;
    }
}


# a connection is two links, one a direction

sub flows {
    my ($self, $link) = @_;

    return $self->{mode} ne 'hang'
           && ($self->{mode} ne 'mute' || $link->{client});
}


sub links {
    return values %{ $_[0]{links} };
}


sub obey {
    my ($self, $line) = @_;

    my ($word, $value) = $line =~ /^(\w+)(?: (.*))?$/;
    my $answer = 1;

    if ($word eq 'drop') {
        my @hit = grep { $_->{client}
                         and (!defined $value or $_->{said} =~ /$value/) }
            $self->links;
        $self->end($_) for @hit;
        $answer = @hit;

    } elsif ($word eq 'seen') {
        $answer = defined $value
            ? scalar grep { $$_ =~ /$value/ } @{ $self->{hello} }
            : $self->{seen};

    } else {
        @$self{qw(mode value)} = ($word, $value);
        $_->{left} = $value for $self->links;

        if ($word eq 'refuse') {
            close delete $self->{listen} if $self->{listen};
        } else {
            $self->{listen} //= IO::Socket::INET->new(
                LocalAddr => '127.0.0.1', LocalPort => $self->{port},
                Listen => 128, ReuseAddr => 1) // die "listen: $!\n";
        }
    }

    syswrite $self->{control}, "$answer\n";
}


sub accept {
    my $self = shift;

    my $in = $self->{listen}->accept // return;
    my $out = $self->{to} =~ m{^/} ? IO::Socket::UNIX->new($self->{to})
                                   : IO::Socket::INET->new($self->{to});

    $self->{seen}++;

    if (!$out) {
        reset_of($in);
        return;
    }

    push @{ $self->{hello} }, \my $hello;
    $hello = '';

    my %pair = (said => '', left => $self->{value}, hello => \$hello);
    my $asks = { in => $in, out => $out, client => 1, %pair };
    my $answers = { in => $out, out => $in, %pair };

    ($asks->{other}, $answers->{other}) = ($answers, $asks);
    $self->{links}{ $_->{in} } = $_ for $asks, $answers;
}


sub forward {
    my ($self, $link) = @_;

    my $n = sysread $link->{in}, my $text, 16384;

    if (!$n) {
        $self->end($link);
        return;
    }

    if ($link->{client}) {
        $link->{said} .= $text if length $link->{said} < $said;
        ${ $link->{hello} } = substr $link->{said}, 0, $begun
            if length ${ $link->{hello} } < $begun;

    } elsif ($self->{mode} eq 'cut') {
        $text = substr $text, 0, $link->{left};
        $link->{left} -= length $text;

    } elsif ($self->{mode} eq 'slow' or $link->{late}) {
        push @{ $link->{late} }, [time + ($self->{value} // 0), $text];
        return;
    }

    $self->put($link, $text);
    $self->end($link) if !$link->{client} and $self->{mode} eq 'cut'
                         and $link->{left} <= 0;
}


sub deliver {
    my ($self, $link) = @_;

    while ($self->{links}{ $link->{in} } and $link->{late}
           and $link->{late}[0][0] <= time)
    {
        my $piece = shift @{ $link->{late} };

        delete $link->{late} if !@{ $link->{late} };
        $self->put($link, $piece->[1]);
    }
}


sub put {
    my ($self, $link, $text) = @_;

    while (length $text) {
        my $n = syswrite $link->{out}, $text;

        if (!$n) {
            $self->end($link);
            return;
        }

        substr $text, 0, $n, '';
    }
}


# both directions, as a cable that was pulled: with a reset

sub end {
    my ($self, $link) = @_;

    my @both = ($link, $link->{other} // ());

    for my $one (@both) {
        next if !delete $self->{links}{ $one->{in} };
        reset_of($one->{in});
        delete $one->{other};
    }
}


sub reset_of {
    my $sock = shift;

    setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
    close $sock;
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner} or !$self->{pid};

    local ($@, $?);
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
}


1;
