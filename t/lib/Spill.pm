package Spill;

# A platform whose visits go into files: nodes one after the other over the same
# stores, clients, and the ledger in memory and in the database.
#
#     Spill::start(ring => '64k', spill => $folder, workers => 1);
#     Spill::load(2, sub { ... });          # two clients meanwhile
#     my $sums = Spill::live(); Spill::explained($sums, 'so far');
#     $sums = Spill::settled('in the end', $slack);
#
# $node, $db, $folder: what there is now.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Test::More;

use Node;
use Proc;

our ($node, $db, $redis, $folder);

my $long = $ENV{ZWFW_LONG};
my (@logs, $operator);


sub stores {
    undef $operator;
    $folder = folder();
    $db = Sql->new(slices => [Node::slices()]);
    $redis = Stores::Redis->start;
}


# closed to others, of whoever runs the workers

sub folder {
    my $dir = tempdir('zwfw-sp-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    chmod 0700, $dir;
    return $dir;
}


sub start {
    my %o = @_;

    my $spill = delete $o{spill} // $folder;
    my $ring = delete $o{ring} // ($long ? '8m' : '4m');

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

    # who has logged in before, as the database may be away

    $node->{operator} = $operator ? $node->tab($operator)
        : ($operator = $node->client(roles => 'operator'));

    return $node;
}


# the node is gone, its log stays

sub stop {
    my @bad = $node->nginx->stop(
        allow => qr/exited on signal 9|cannot be spilled|it is set aside|are left/);

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
        select undef, undef, undef, $long ? 0.1 : 0.2;
    }
    POSIX::_exit(0);
}


# sums of the node's memory; there is nothing that they do not explain

sub live {
    my @names = qw(expected stored spilled pending refused lost);
    my %sum = map { $_ => 0 } @names;
    my $json = $node->{operator}->get('/api/monitor/live')->json;

    for my $ring (@{ $json->{items} }) {
        $sum{$_} += $ring->{$_} for @names;
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
            return if files($dir);
            $l = ledger();
            return $l->{spilled} == 0
                && $l->{stored} + $l->{lost} == $l->{expected}
                && $l->{expected} >= logged() - $slack;
        });
    } or diag($@, explain($l = ledger()), logged(), ' files: ',
              scalar(() = files($dir)));

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


1;
