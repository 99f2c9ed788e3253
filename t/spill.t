# Visits outlive their database: what rings cannot hold goes into files and
# comes back, each visit once, while workers are killed, nginx is reloaded,
# upgraded, stopped, and started in another shape.  GB/T 39047, 5.2.2.4
#
# ZWFW_LONG=1: 120 s without a database, a million requests, and meanwhile a disk
# that is full for 5 s.

use strict;
use warnings;
use utf8;

use Errno;
use Fcntl qw(LOCK_EX);
use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Proc;
use Spill;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};

Spill::stores();

my $disk = $long ? Spill::folder() : '';
my $lost = 0;           # there was no room

# one of its own, so that it can be full

if ($long) {
    system('mount', '-t', 'tmpfs', '-o', 'size=1g,mode=755', 'none', $disk) == 0
        or die "$disk: no disk can be mounted here\n";
    $Spill::folder = "$disk/visits";
    mkdir $Spill::folder, 0700 or die "$Spill::folder: $!\n";
}

END { system('umount', '-l', $disk) if $disk }


# ---- the database goes away under load, and nginx does what it likes ----

Spill::start();
Spill::flood(1000);
Spill::settled('nothing happens', 0);
is(scalar(Spill::files()), 0, 'no file is written');

my $away = time;
$Spill::db->{pg}->stop;

Spill::load(2, sub { Spill::until_spilled('away', 2000) });
my $l = Spill::live();
Spill::explained($l, 'away');
is($l->{lost}, 0, 'away: nothing is lost');
cmp_ok($l->{spilled}, '>=', 2000, 'away: visits are in files');
like($Spill::node->{operator}->get('/monitor/live')->text, qr/暂存文件/,
     'away: and people can see it');

is(sprintf('%o', (stat $Spill::folder)[2] & 07777), '700', 'the folder is closed');
is_deeply([map { sprintf '%o', (stat)[2] & 07777 } (Spill::files())[0]], ['600'],
          'and so is a file');

Spill::load(2, sub {
    $Spill::node->nginx->crash_worker;
    Spill::until_spilled('killed', 500);
    my @old = $Spill::node->nginx->workers;
    $Spill::node->nginx->reload;
    Proc::until_true('the end of the old workers', 30, sub {
        return !grep { Proc::alive($_) } @old;
    });
    Spill::until_spilled('reloaded', 500);
});

$l = Spill::live();
Spill::explained($l, 'killed, reloaded');
cmp_ok($l->{lost}, '<=', 1, 'killed: at most what was written is lost');

Spill::load(2, sub {
    $Spill::node->nginx->upgrade;
    Proc::until_true('upgraded', 30, sub { Spill::live()->{spilled} > 500 });
});
Spill::explained($l = Spill::live(), 'upgraded');
like($Spill::node->client->get('/metrics')->text,
     qr/^zwfw_visits_spilled\{[^}]*\} [1-9]\d*$/m, 'upgraded: as a metric');

# a million requests; in the middle of them nothing can be written for 5 s, which
# is told once, and what rings cannot hold is lost and counted

if ($long) {
    Spill::load(4, sub {
        asked(500_000);
        fill("$disk/ballast");

        my $since = time;

        Proc::until_true('no room', 60, sub {
            return time - $since >= 5 && Spill::live()->{lost} > 100;
        });

        unlink "$disk/ballast" or die "$!\n";
        Spill::until_spilled('room again', 500);
        asked(1_000_000);
        Proc::until_true('120 s', 600, sub { time - $away >= 120 });
    });

    my @said = $Spill::node->nginx->log_lines(qr/cannot be spilled/);

    like($said[0], qr/No space left on device/, 'full: it is said why');
    cmp_ok(@said, '<=', 2, 'full: and once by each worker');
    Spill::explained($l = Spill::live(), 'full');
    $lost = $l->{lost};
    cmp_ok($lost, '>', 100, 'full: what is lost is counted');
}


sub asked {
    my $count = shift;

    Proc::until_true("$count requests", 600, sub {
        select undef, undef, undef, 0.5;
        return Spill::logged() >= $count;
    });
}


sub fill {
    my $file = shift;

    open my $out, '>', $file or die "$file: $!\n";

    for my $size (1 << 20, 4096) {
        1 while syswrite $out, "\0" x $size;
    }

    $!{ENOSPC} or die "$file: $!\n";
}

Spill::flood(150);
is(Spill::stop(), '', 'stopped: no alert');
my $waiting = Spill::files();
note Spill::logged(), " requests, $waiting files, ", int(time - $away), ' s away';
cmp_ok($waiting, '>', 4, 'stopped: all is in files');

# another number of workers, other rings, another node: still away

Spill::start(workers => 1, ring => '128k');
Spill::flood(150);
is(Spill::stop(), '', 'stopped again');
cmp_ok(Spill::files(), '>', $waiting, 'and these are in files as well');

# a name that tells of a write that was cut is nobody's

put((Spill::files())[0] . '.tmp', 'zwfw-visits 1 ');

Spill::start(workers => 2);
my $copy = (Spill::files())[0];
my $text = Spill::slurp($copy);
$Spill::db->{pg}->launch;
$l = Spill::settled('back', 1);
cmp_ok($l->{lost} - $lost, '<=', 1, 'back: nothing else is lost');
is(scalar(() = glob "$Spill::folder/*.tmp"), 0, 'back: what was cut is gone');
note "stored $l->{stored}, lost $l->{lost}, expected $l->{expected}";

# a worker was killed between the answer and the end of the file

put($copy, $text);
Spill::settled('replayed twice', 1);


sub put {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


# ---- it hangs: a batch without an answer goes into a file, too ----

$Spill::db->{pg}->freeze;
Spill::load(2, sub { Spill::until_spilled('frozen', 1000) });
Spill::explained($l = Spill::live(), 'frozen');
is($l->{lost}, 0, 'frozen: nothing is lost');
$copy = (Spill::files())[0];
$text = Spill::slurp($copy);

# who replays holds a lock: here it is the test

open my $lock, '>>', "$Spill::folder/test.lock" or die "$!\n";
flock $lock, LOCK_EX or die "$!\n";
my @wait = Spill::files();

$Spill::db->{pg}->thaw;
Proc::until_true('what rings hold is stored', 30, sub {
    return Spill::live()->{pending} < 10;
});
is_deeply([grep { -e } @wait], \@wait, 'thawed: files are of one at a time');
close $lock;
Spill::settled('thawed', 1);

# and of this life of nginx, too, a file counts once

put($copy, $text);
Spill::settled('replayed twice again', 1);
Proc::until_true('all is told', 10, sub {
    $l = Spill::live();
    return $l->{pending} == 0;
});
is($l->{spilled}, 0, 'replayed twice again: counted once');

is(Spill::stop(), '', 'the end: no alert');

done_testing();
