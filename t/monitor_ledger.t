# Visits are stored exactly once, and what is not stored is counted: the
# database goes away, workers are killed, nginx is reloaded, a ring is full.
# GB/T 39047, 5.2.2.4

use strict;
use warnings;

use POSIX ();
use Test::More;

use lib 't/lib';
use Node;
use Proc;

my %o = (server => "        zwfw_monitor on;\n");

my $node = Node->new(%o, http => "    zwfw_monitor_ring 32m;\n");
my ($db, $redis) = ($node->db, $node->redis);

my $seen = 0;


sub ask {
    my ($http, $n, $path) = @_;

    for (1 .. $n) {
        my $code = $http->get($path // '/api/help')->code;
        $code < 500 or die "$code\n";
        $seen++;
    }
}


# sums of the database: { expected, stored, lost, visits, counted }

sub ledger {
    my %sum;

    @sum{qw(expected stored lost visits counted)} = split /\|/, $db->admin(
        "SELECT sum(expected), sum(stored), sum(lost),
                (SELECT count(*) FROM zwfw.visits),
                (SELECT sum(visits) FROM zwfw.visit_hours)
           FROM zwfw.visit_rings");

    return \%sum;
}


# somebody who may look, whose log-in is a visit

sub operator {
    $seen++;
    return $node->client(roles => 'operator');
}


# sums of the node's memory, asked by an operator

sub live {
    my $http = shift;

    my %sum = map { $_ => 0 } qw(expected stored pending lost);

    $seen++;

    for my $ring (@{ $http->get('/api/monitor/live')->json->{items} }) {
        $sum{$_} += $ring->{$_} for keys %sum;
    }

    return \%sum;
}


# waits until the database knows of all, then compares

sub settled {
    my ($what, $expected, $lost) = @_;

    my $l;

    eval {
        Proc::until_true($what, 20, sub {
            $l = ledger();
            return ($l->{expected} || 0) >= $expected
                && $l->{stored} + $l->{lost} == $l->{expected};
        });
    };

    is($l->{expected}, $expected, "$what: expected");
    is($l->{lost}, $lost // 0, "$what: lost");
    is($l->{stored}, $expected - ($lost // 0), "$what: stored");
    is($l->{visits}, $l->{stored}, "$what: as many rows");
    is($l->{counted}, $l->{stored}, "$what: as many in the counters");
}


# clients that ask while something happens

sub load {
    my ($clients, $code) = @_;

    my $port = $node->nginx->port;
    my @pids;

    for (1 .. $clients) {
        my $pid = fork() // die "fork() failed: $!\n";

        if ($pid == 0) {
            my $stop = 0;
            local $SIG{TERM} = sub { $stop = 1 };

            until ($stop) {
                my $http = Http->new(port => $port);
                eval { $http->get('/api/help') for 1 .. 20 };
            }

            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    eval { $code->() };
    my $error = $@;

    kill 'TERM', @pids;
    waitpid $_, 0 for @pids;
    die $error if $error;

    # nginx ends what they had begun

    my ($lines, $same) = (-1, 0);

    Proc::until_true('the log stands still', 20, sub {
        my $now = logged();
        $same = $now == $lines ? $same + 1 : 0;
        $lines = $now;
        return $same == 20;
    });
}


# what nginx has logged itself; a worker that was killed has cut no line

sub logged {
    open my $in, '<', $node->nginx->dir . '/logs/access.log' or die "$!\n";

    return scalar(() = <$in>);
}


# ---- nothing happens ----

my $http = $node->client;
ask($http, 40);
ask($node->client, 700);
settled('740 visits', $seen);

is($db->admin('SELECT max(last - first) <= 500 FROM zwfw.visit_batches'), 't',
   'a batch has 500 at most');


# ---- the database is away, and comes back ----

my $operator = operator();
live($operator);
settled('before', $seen);

$db->{pg}->stop;
ask($http, 30);

my $live = live($operator);
cmp_ok($live->{pending}, '>=', 30, 'away: pending');
is($live->{lost}, 0, 'away: nothing is lost');

$db->{pg}->launch;
settled('back', $seen);


# ---- it does not answer: what was sent is sent again, and stored once ----

$db->{pg}->freeze;
ask($http, 20);
$node->nginx->wait_log(qr/PostgreSQL .*(?:answer|away|time)/i);
$db->{pg}->thaw;
settled('frozen', $seen);


# ---- it is killed under load, several times ----

load(2, sub {
    for (1 .. 3) {
        my $before = ledger()->{stored};

        Proc::until_true('a batch', 20, sub {
            return ledger()->{stored} > $before;
        });
        $db->{pg}->crash;
        $db->{pg}->launch;
    }
});
cmp_ok(logged(), '>', $seen, 'there was a load');
settled('killed', $seen = logged());


# ---- a reload under load: two generations of workers ----

load(2, sub {
    $node->nginx->reload for 1 .. 3;
});
settled('reload', $seen = logged());


# ---- a reload while the database is away: the next generation takes over ----

$db->{pg}->stop;
ask($node->client, 50);
my @old = $node->nginx->workers;
$node->nginx->reload;
Proc::until_true('the end of the old workers', 20, sub {
    return !grep { Proc::alive($_) } @old;
});
cmp_ok(live($operator = $node->tab($operator))->{pending}, '>=',
       50, 'reload, away: pending');
$db->{pg}->launch;
settled('reload, away', $seen = logged());


# ---- a worker is killed: another one ships what it had ----

$db->{pg}->stop;
ask($node->client, 40);
my $workers = join ' ', $node->nginx->workers;
kill 'KILL', split / /, $workers;
Proc::until_true('new workers', 20, sub {
    my @now = $node->nginx->workers;
    return @now == 2 && !grep { $workers =~ /\b$_\b/ } @now;
});
$db->{pg}->launch;
settled('killed workers', $seen = logged());


# ---- and killed under load: at most the record it was writing is lost ----

load(2, sub {
    $node->nginx->crash_worker for 1 .. 4;
});

my $l;
Proc::until_true('killed under load', 20, sub {
    $l = ledger();
    return $l->{expected} >= logged()
        && $l->{stored} + $l->{lost} == $l->{expected};
});
cmp_ok($l->{lost}, '<=', 4, 'killed under load: lost at most what was written');
is($l->{visits}, $l->{stored}, 'killed under load: as many rows');
is($l->{counted}, $l->{stored}, 'killed under load: as many in the counters');

is($db->admin('SELECT count(*) FROM (SELECT 1 FROM zwfw.visit_batches a
    JOIN zwfw.visit_batches b ON a.node = b.node AND a.epoch = b.epoch
     AND a.ring = b.ring AND a.id < b.id AND a.first < b.last
     AND b.first < a.last) o'), 0, 'no two batches overlap');


# ---- the end: what is in the ring is shipped before ----

my $before = ledger()->{stored};

ask($node->client, 25);
is(join('', $node->nginx->stop(allow => qr/exited on signal 9/)), '',
   'quits without an alert');
is(ledger()->{stored}, $before + 25, 'nothing is left behind');


# ---- a ring that is full: what has no room is counted ----

$node = Node->new(%o, db => $db, redis => $redis, workers => 1,
                  http => "    zwfw_monitor_ring 8k;\n");
$operator = operator();
live($operator);
Proc::until_true('both visits of the operator', 10, sub {
    return ledger()->{stored} >= $before + 25 + 2;
});

$db->{pg}->stop;
my %was = %{ live($operator) };
ask($operator, 49);
$live = live($operator);

is($live->{expected} - $was{expected}, 50, 'full: expected');
is($live->{lost}, 34, 'full: 50 of 16 are lost');
is($live->{pending}, 16, 'full: 16 wait');

# the second question for the numbers was lost as well

$db->{pg}->launch;
Proc::until_true('the ledger', 20, sub {
    return $db->admin("SELECT stored + lost = expected
                              AND expected > $live->{expected}
                         FROM zwfw.visit_rings ORDER BY epoch DESC LIMIT 1")
        eq 't';
});
is($db->admin('SELECT lost FROM zwfw.visit_rings ORDER BY epoch DESC LIMIT 1'),
   35, 'full: and published');
is($operator->get('/api/monitor/ledger')->json->{totals}{lost},
   ledger()->{lost}, 'also by the ledger');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
