# Stores and workers that break under load: killed, frozen, back.  Clients know
# each answer, so a wrong one is seen; what was acknowledged is there at the
# end, once; refusals are clear and come while the fault lasts; public reads
# need no Redis.

use strict;
use warnings;
use utf8;

use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my ($clients, $each, $parent) = (4, 8, $$);
my $card = '11990100MB0DEM172G3002099009000';
my $redis = Stores::Redis->start(settings => [
    '--appendonly', 'yes', '--appendfsync', 'always']);
my $node = Node->new(workers => 3, redis => $redis);
my ($db, $nginx) = ($node->db, $node->nginx);
my $pg = $db->{pg};
my $json = JSON::PP->new->utf8;

my %item = map { split /\|/, $_, 2 } split /\n/, $db->admin(
    "SELECT code || '|' || name FROM zwfw.items WHERE state = 'in_use'");
my @codes = sort keys %item;


# people with sessions: enough of them for the limit of an hour

my @people = map {
    my $http = $node->client(kind => 'natural');

    { uid => $http->{me}{uid}, cookie => $http->cookie('zwfw'),
      token => $http->{token} };
} 1 .. $each * $clients;


# the questions; each dies of an answer that is wrong

sub api_item {
    my $http = shift;

    my $code = $codes[rand @codes];
    my $res = $http->get("/api/item/$code");

    return $res if $res->code != 200;
    die "item $code is " . $res->body
        if $res->json->{code} ne $code or $res->json->{name} ne $item{$code};
    return $res;
}


sub page {
    my $http = shift;

    my $code = $codes[rand @codes];
    my $res = $http->get("/item/$code");

    return $res if $res->code != 200;
    die "page of $code is another\n"
        if index($res->text, "<h1>$item{$code}</h1>") < 0;
    return $res;
}


sub as {
    my $person = shift;

    return (headers => {
        Cookie => "zwfw=$person->{cookie}", Connection => 'close',
        'X-CSRF-Token' => $person->{token}, @_,
    });
}


sub me {
    my ($http, @mine) = @_;

    my $person = $mine[rand @mine];
    my $res = $http->get('/api/auth/sessions', as($person));

    die "sessions: " . $res->body
        if $res->code == 200 and !exists $res->json->{items};
    return $res;
}


# the same key until it is acknowledged

my ($draft, $drafts) = (undef, 0);

sub draft {
    my ($http, @mine) = @_;

    $draft //= { key => "key-of-$$-" . ++$drafts,
                 person => $mine[$drafts % @mine] };

    my $res = $http->post_json('/api/case/draft',
        { item => $card, note => $draft->{key} },
        as($draft->{person}, 'Idempotency-Key' => $draft->{key}));

    return $res if $res->code != 200;

    $res->{done} = "$draft->{key} $draft->{person}{uid} " . $res->json->{id};
    undef $draft;
    return $res;
}


my %ask = (item => \&api_item, page => \&page, me => \&me, draft => \&draft);
my @order = qw(item draft me item page me draft item);


# a client: a line for each question: time, seconds, what, status, retry, more

sub client {
    my ($out, @mine) = @_;

    my $http = Http->new(port => $nginx->port, timeout => 30,
                         headers => { Connection => 'close' });

    for (my $n = 0; getppid == $parent; $n++) {
        my $what = $order[$n % @order];
        my $began = time;
        my $res = eval { $ask{$what}->($http, @mine) };
        my $failed = $@ =~ s/\s+/ /gr;

        delete $http->{sock};
        syswrite $out, join("\t", $began, time - $began, $what,
            $res ? $res->code : 'none', $res && $res->header('Retry-After')
            // '-', $res ? $res->{done} // '-' : substr $failed, 0, 200) . "\n";
        # refusals count for the limit of a person as well
        sleep($res && $res->code == 200 || $what ne 'draft' ? 0.01 : 0.15);
    }
}


my $log = "$node->{files}/clients";
open my $out, '>>', $log or die "$log: $!\n";

my @pids = map {
    my @mine = splice @people, 0, $each;
    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        srand $$;
        eval { client($out, @mine) };
        POSIX::_exit(0);
    }

    $pid;
} 1 .. $clients;


# phases: what was done in which time

my %phase;


sub phase {
    my ($name, $code) = @_;

    $phase{$name} = [time];
    $code->();
    push @{ $phase{$name} }, time;
}


# waits until the clients have been told this so often, each kind of question,
# of what they have asked from now on

sub told {
    my ($count, $code, @what) = @_;

    my $began = time;

    for my $what (@what) {
        Proc::until_true("$count times $what $code", 30, sub {
            sleep 0.02;
            return $count <= grep {
                $_->{code} eq $code and $_->{what} eq $what
                and $_->{at} > $began
            } asked();
        });
    }
}


sub recovers {
    my ($name, @what) = @_;

    ok(eval { told(1, 200, @what); 1 }, "$name: recovers")
        or diag($@, summary(asked()));
}


sub asked {
    open my $in, '<', $log or die "$log: $!\n";

    return map {
        my %line;
        chomp;
        @line{qw(at took what code retry more)} = split /\t/;
        \%line;
    } <$in>;
}


sub during {
    my ($begin, $end) = @{ $phase{ $_[0] } };

    return grep { $_->{at} >= $begin and $_->{at} + $_->{took} <= $end }
        asked();
}


# each phase lasts until its answers are there: refusals that waited for the end
# of a fault would never be

my @kinds = sort keys %ask;

# a session is known for 900 ms after the last word of Redis
my $heard = 1;

phase(calm => sub { told(20, 200, @kinds) });

$pg->crash;
phase('PostgreSQL killed' => sub { told(20, 503, qw(item draft)) });
$pg->launch;
recovers('PostgreSQL killed', qw(item draft page));

$pg->freeze;
phase('PostgreSQL frozen' => sub { told(6, 503, qw(item draft)) });
$pg->thaw;
recovers('PostgreSQL frozen', qw(item draft page));

$pg->restart;
recovers('PostgreSQL restarted', qw(item draft));

$redis->crash;
sleep $heard;
phase('Redis killed' => sub {
    told(20, 503, qw(me draft));
    told(20, 200, qw(item page));
});
$redis->launch;
recovers('Redis killed', qw(me draft));

$redis->freeze;
sleep $heard;
phase('Redis frozen' => sub {
    told(10, 503, qw(me draft));
    told(10, 200, qw(item page));
});
$redis->thaw;
recovers('Redis frozen', qw(me draft));

phase('workers killed' => sub {
    for (1 .. 20) {
        $nginx->crash_worker;
        told(int rand 3, 200, $kinds[rand @kinds]);
    }
});
recovers('workers killed', @kinds);

phase(reload => sub {
    for (1 .. 5) {
        $nginx->reload;
        told(4, 200, @kinds);
    }
});
recovers('reload', @kinds);

phase(after => sub { told(20, 200, @kinds) });

kill 'KILL', @pids;
waitpid $_, 0 for @pids;


# what the clients have seen

sub summary {
    my %count;

    $count{"$_->{what} $_->{code}"}++ for @_;
    return join ', ', map { "$_: $count{$_}" } sort keys %count;
}


my @all = asked();
my @wrong = grep { $_->{code} !~ /^(?:200|503|none)$/ } @all;
my @broken = grep { $_->{code} eq 'none'
    and $_->{more} !~ /connection closed|timed out|cannot connect|reset/ } @all;

is(summary(@wrong), '', 'answered or refused, nothing else');
is(join("\n", map { $_->{more} } @broken), '', 'no wrong answer');
is(scalar(grep { $_->{code} eq '503' and $_->{retry} !~ /^[1-9]\d*$/ } @all), 0,
   'each refusal says when to ask again');

my ($kill) = $phase{'workers killed'};
my @cut = grep { $_->{code} eq 'none' and ($_->{at} + $_->{took} < $kill->[0]
                                           or $_->{at} > $kill->[1]) } @all;
is(summary(@cut), '', 'no connection breaks unless its worker is killed')
    or diag(map { "$_->{at} $_->{took} $_->{more}\n" } @cut);


sub only {
    my ($name, $codes, @lines) = @_;

    my @others = grep { "$_->{what} $_->{code}" !~ $codes } @lines;

    cmp_ok(scalar @lines, '>', 10, "$name: asked")
        or diag(join ' ', @{ $phase{$name} // [] });
    is(summary(@others), '', $name);
}


only("$_: all is well", qr/ 200$/, during($_)) for qw(calm reload after);

my @down = during('PostgreSQL killed');
only('PostgreSQL killed: what needs it is refused',
     qr/^(?:item|draft|me) 503|^page (?:200|503)|^me 200/, @down);

@down = during('PostgreSQL frozen');
only('PostgreSQL frozen: what needs it is refused',
     qr/ (?:200|503)$/, @down);
is(scalar(grep { $_->{what} eq 'draft' and $_->{code} eq '200' } @down), 0,
   'nothing is written');

@down = during('Redis killed');
only('Redis killed: public reads go on, others are refused',
     qr/^(?:item|page) 200|^(?:me|draft) 503/, @down);

@down = during('Redis frozen');
only('Redis frozen: public reads go on, others are refused',
     qr/^(?:item|page) 200|^(?:me|draft) 503/, @down);


# what was acknowledged is there, once

my %row = map { /^(\S+) (.*)$/ } split /\n/, $db->admin(
    "SELECT note || ' ' || owner || ' ' || id FROM zwfw.cases");
my @done = map { $_->{more} } grep { $_->{what} eq 'draft'
                                     and $_->{code} eq '200' } @all;

cmp_ok(scalar @done, '>', 60, 'many drafts');
is(scalar(grep { my ($key, $rest) = split / /, $_, 2;
                 ($row{$key} // '') ne $rest } @done), 0,
   'each that was acknowledged is there');
is($db->admin('SELECT count(*) - count(DISTINCT note) FROM zwfw.cases'), 0,
   'none is there twice');
cmp_ok(keys %row, '<=', @done + $clients, 'and none that nobody asked for');

is(join('', $nginx->stop(allow => qr/exited on signal 9|was locked by/)), '',
   'no other alert');
is(scalar(() = $nginx->log_lines(qr/\[(?:crit|emerg)\]/)), 0,
   'nothing critical');

done_testing();
