# Visits outlive their database: what rings cannot hold goes into files and
# comes back, each visit once, while workers are killed, nginx is reloaded,
# upgraded, stopped, and started in another shape.  GB/T 39047, 5.2.2.4
#
# ZWFW_LONG=1: 120 s without a database, a million requests.

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};
my $folder = folder();
my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my (@logs, $node);


# closed to others, of whoever runs the workers

sub folder {
    my $dir = tempdir('zwfw-sp-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    chmod 0700, $dir;
    return $dir;
}


sub start {
    my %o = @_;

    my $spill = delete $o{spill} // $folder;
    my $ring = delete $o{ring} // '2m';

    $node = Node->new(
        db => $db, redis => $redis, workers => 2, daemon => 1, %o,
        http => "    zwfw_monitor_spill $spill;\n"
            . "    zwfw_monitor_ring $ring;\n"
            . "    keepalive_requests 100000;\n",
        server => "        zwfw_monitor on;\n"
            . "        location /x { return 204; }\n"
            . "        location = /metrics { zwfw_monitor off;"
            . " zwfw_metrics; access_log off; }\n");

    push @logs, $node->nginx->dir . '/logs/access.log';
    $node->{operator} = $node->client(roles => 'operator');

    return $node;
}


# the node is gone, its log stays

sub stop {
    my @bad = $node->nginx->stop(
        allow => qr/exited on signal 9|cannot be spilled|is damaged|are left/);

    my $text = slurp($logs[-1]);

    pop @logs;
    push @logs, \$text;

    return join '', @bad;
}


sub slurp {
    my $file = shift;

    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return readline($in) // '';
}


# what nginx has logged itself, in all its lives

sub logged {
    my $sum = 0;

    $sum += (ref $_ ? $$_ : slurp($_)) =~ tr/\n// for @logs;
    return $sum;
}


# requests, 50 in one go; returns how many were answered

sub flood {
    my ($count) = @_;

    my $port = $node->nginx->port;
    my $got = 0;

    while ($count > 0) {
        my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $port) or next;
        while ($count > 0) {
            my $n = $count < 50 ? $count : 50;
            my ($text, $seen) = ('', 0);

            syswrite $sock, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n" x $n;

            while ($seen < $n) {
                sysread $sock, $text, 65536, length $text or last;
                $seen = () = $text =~ /^HTTP\/1.1 204/mg;
            }

            $got += $seen;
            $count -= $n;
            last if $seen < $n;
        }
    }

    return $got;
}


# clients that ask until the code is done; they end also when it dies

sub load {
    my ($clients, $code) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my @pids = map { my $pid = fork() // die "fork() failed: $!\n";
                     $pid or client(); $pid } 1 .. $clients;
    eval { $code->() };
    my $error = $@;

    kill 'TERM', @pids;
    waitpid $_, 0 for @pids;
    die $error if $error;
}


sub client {
    my $stop = 0;

    $SIG{TERM} = sub { $stop = 1 };
    until ($stop) {
        flood(500);
        select undef, undef, undef, $long ? 0.02 : 0.05;
    }
    POSIX::_exit(0);
}


# sums of the node's memory; there is nothing that they do not explain

sub live {
    my %sum;
    my $json = $node->{operator}->get('/api/monitor/live')->json;

    for my $ring (@{ $json->{items} }) {
        $sum{$_} += $ring->{$_}
            for qw(expected stored spilled pending refused lost);
    }

    return \%sum;
}


sub explained {
    my ($l, $what) = @_;

    is($l->{stored} + $l->{spilled} + $l->{pending} + $l->{refused}
       + $l->{lost}, $l->{expected}, "$what: the ledger adds up");
}


# sums of the database, out of the answer that operators get

sub ledger {
    my %sum;

    @sum{qw(expected stored spilled refused lost visits counted)}
        = split /\|/, $db->admin(
            'SELECT sum(expected), sum(stored), sum(in_files), sum(refused),
                    sum(lost + aside), (SELECT count(*) FROM zwfw.visits),
                    (SELECT sum(visits) FROM zwfw.visit_hours)
               FROM zwfw.visit_rings');
    $_ ||= 0 for values %sum;

    return \%sum;
}


sub files {
    my $dir = shift // $folder;

    my @files = sort grep { /-[0-9a-f]{16}\z/ } glob "$dir/*";
    return @files;
}


# waits until the database has all that was logged; slack: workers that were
# killed while they wrote a line or a record

sub settled {
    my ($what, $slack, $dir) = @_;

    my $l;

    eval {
        Proc::until_true($what, $long ? 400 : 60, sub {
            $l = ledger();
            return !files($dir) && $l->{spilled} == 0
                && $l->{stored} + $l->{lost} == $l->{expected}
                && $l->{expected} >= logged() - $slack;
        });
    } or diag($@, explain($l), logged(), ' ', join "\n", files($dir));

    cmp_ok(abs($l->{expected} - logged()), '<=', $slack,
           "$what: all that was logged is expected");
    is($l->{stored} + $l->{lost}, $l->{expected}, "$what: or lost");
    is($l->{refused}, 0, "$what: nothing is refused");
    is($l->{spilled}, 0, "$what: nothing is in files");
    is($l->{visits}, $l->{stored}, "$what: as many rows");
    is($l->{counted}, $l->{stored}, "$what: as many in the counters");
    is($db->admin('SELECT count(*) FROM zwfw.visit_batches a
        JOIN zwfw.visit_batches b ON a.node = b.node AND a.epoch = b.epoch
         AND a.ring = b.ring AND a.id < b.id AND a.first < b.last
         AND b.first < a.last'), 0, "$what: no two batches overlap");

    return $l;
}


# until so many more are in files

sub until_spilled {
    my ($what, $more) = @_;

    my $was = live()->{spilled};

    Proc::until_true($what, 30, sub { live()->{spilled} >= $was + $more });
}


# ---- the database goes away under load, and nginx does what it likes ----

start();
flood(1000);
settled('nothing happens', 0);
is(scalar(files()), 0, 'no file is written');

my $away = time;
$db->{pg}->stop;

load(2, sub { until_spilled('away', 2000) });
my $l = live();
explained($l, 'away');
is($l->{lost}, 0, 'away: nothing is lost');
cmp_ok($l->{spilled}, '>=', 2000, 'away: visits are in files');
like($node->{operator}->get('/monitor/live')->text, qr/暂存文件/,
     'away: and people can see it');

is(sprintf('%o', (stat $folder)[2] & 07777), '700', 'the folder is closed');
is_deeply([map { sprintf '%o', (stat)[2] & 07777 } (files())[0]], ['600'],
          'and so is a file');

load(2, sub {
    $node->nginx->crash_worker;
    until_spilled('killed', 500);
    my @old = $node->nginx->workers;
    $node->nginx->reload;
    Proc::until_true('the end of the old workers', 30, sub {
        return !grep { Proc::alive($_) } @old;
    });
    until_spilled('reloaded', 500);
});

$l = live();
explained($l, 'killed, reloaded');
cmp_ok($l->{lost}, '<=', 1, 'killed: at most what was written is lost');

load(2, sub {
    $node->nginx->upgrade;
    Proc::until_true('upgraded', 30, sub { live()->{spilled} > 500 });
});
explained($l = live(), 'upgraded');
like($node->client->get('/metrics')->text,
     qr/^zwfw_visits_spilled\{[^}]*\} [1-9]\d*$/m, 'upgraded: as a metric');

if ($long) {
    load(4, sub {
        Proc::until_true('a million requests in 120 s', 600, sub {
            select undef, undef, undef, 0.5;
            return logged() >= 1_000_000 && time - $away >= 120;
        });
    });
}

flood(150);
is(stop(), '', 'stopped: no alert');
my $waiting = files();
note logged(), " requests, $waiting files, ", int(time - $away), ' s away';
cmp_ok($waiting, '>', 4, 'stopped: all is in files');

# another number of workers, other rings, another node: still away

start(workers => 1, ring => '128k');
flood(150);
is(stop(), '', 'stopped again');
cmp_ok(files(), '>', $waiting, 'and these are in files as well');

# a name that tells of a write that was cut is nobody's

open my $cut, '>', (files())[0] . '.tmp' or die "$!\n";
print $cut 'zwfw-visits 1 ';
close $cut or die "$!\n";

start(workers => 2);
my $copy = (files())[0];
my $text = slurp($copy);
$db->{pg}->launch;
$l = settled('back', 1);
cmp_ok($l->{lost}, '<=', 1, 'back: nothing else is lost');
is(scalar(() = glob "$folder/*.tmp"), 0, 'back: what was cut is gone');
note "stored $l->{stored}, lost $l->{lost}, expected $l->{expected}";

# a worker was killed between the answer and the end of the file

open my $again, '>', $copy or die "$copy: $!\n";
print $again $text;
close $again or die "$copy: $!\n";
settled('replayed twice', 1);


# ---- it hangs: a batch without an answer goes into a file, too ----

$db->{pg}->freeze;
load(2, sub { until_spilled('frozen', 1000) });
explained(live(), 'frozen');
$db->{pg}->thaw;
settled('thawed', 1);


# ---- files that are damaged are set aside, and counted ----

$db->{pg}->stop;
flood(700);
my $lost = $l->{lost};
is(stop(), '', 'stopped with the database away');

my @files = files();
cmp_ok(@files, '>=', 2, 'there are files');
my @bad = map { my ($first, $last) = /-(\d{15})-(\d{15})-\d{4}-/;
                $last - $first } @files[0, 1];

truncate $files[0], (-s $files[0]) - 1 or die "$!\n";
my $whole = slurp($files[1]);
substr($whole, 400, 1) ^= "\1";
open my $out, '>', $files[1] or die "$!\n";
print $out $whole;
close $out or die "$!\n";

start();
$db->{pg}->launch;
$l = settled('damaged', 1);
is($l->{lost} - $lost, $bad[0] + $bad[1], 'damaged: their visits are lost');
is_deeply([sort glob "$folder/*.bad"], [map { "$_.bad" } @files[0, 1]],
          'damaged: and the files are there');
is(scalar($node->nginx->log_lines(qr/is damaged, it is set aside/)), 2,
   'damaged: it is said');
is($node->{operator}->get('/api/monitor/live')->json->{aside}, 2,
   'damaged: and shown');
is(stop(), '', 'damaged: no alert');


# ---- the disk is full: rings hold, then visits are lost, and counted ----

sub full {
    my ($what, $dir, $size, $why) = @_;

    my $before = ledger();

    start(workers => 1, ring => '64k', spill => "$dir$size");
    live();
    Proc::until_true('the first visits', 20, sub {
        return ledger()->{expected} > $before->{expected};
    });

    $db->{pg}->stop;
    load(1, sub {
        my $since = time;

        Proc::until_true('no room', 60, sub {
            return live()->{lost} > 100 && time - $since >= ($long ? 5 : 0)
                && $node->nginx->log_lines(qr/cannot be spilled/);
        });
    });

    my $full = live();
    explained($full, $what);
    cmp_ok($full->{spilled}, '>', 0, "$what: some are in files");
    cmp_ok($full->{pending}, '>=', 120, "$what: the ring holds");
    like(join('', $node->nginx->log_lines(qr/cannot be spilled/)), $why,
         "$what: it is said why");
    is(scalar($node->nginx->log_lines(qr/cannot be spilled/)), 1,
       "$what: and once");

    my $used = 0;
    $used += -s for glob "$dir/*";
    cmp_ok($used, '<=', 131072, "$what: no more than that");

    $db->{pg}->launch;
    my $now = settled($what, 1, $dir);
    my $gone = live()->{lost};
    is($now->{lost} - $before->{lost}, $gone, "$what: both numbers agree");
    is($node->{operator}->get('/api/monitor/ledger')->json->{totals}{lost},
       $now->{lost}, "$what: and are published");
    like($node->client->get('/metrics')->text,
         qr/^zwfw_visits_lost_total\{[^}]*\} $gone$/m, "$what: as a metric");

    # well again by itself

    $db->{pg}->stop;
    flood(100);
    Proc::until_true('spilled again', 30, sub { live()->{spilled} > 0 });
    $db->{pg}->launch;
    settled("$what, again", 1, $dir);
    is(stop(), '', "$what: no alert");
}


full('the size is reached', folder(), ' 96k', qr/has reached its size of 98304/);

if ($> == 0) {
    my $disk = folder();

    system('mount', '-t', 'tmpfs', '-o', 'size=128k,mode=700', 'none', $disk)
        == 0 or die "no tmpfs\n";
    eval { full('the disk is full', $disk, '', qr/No space left on device/) };
    my $error = $@;
    undef $node;
    system('umount', $disk);
    is($error, '', 'a disk that is full');
}


done_testing();
