# Files of visits that cannot be used, and those that cannot be written: what is
# lost then is counted, both numbers are published.  GB/T 39047, 5.2.2.4

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Proc;
use Spill;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};

Spill::stores();


# ---- files that are damaged are set aside, and counted ----

Spill::start();
Spill::flood(100);

my $l = Spill::settled('nothing happens', 0);
my $lost = $l->{lost};

$Spill::db->{pg}->stop;
Spill::flood(300);
is(Spill::stop(), '', 'stopped with the database away');
Spill::start();
Spill::flood(400);
is(Spill::stop(), '', 'and another one');

my @files = Spill::files();
cmp_ok(@files, '>=', 2, 'there are files');
my @bad = map { my ($first, $last) = /-(\d{15})-(\d{15})-\d{4}-/;
                $last - $first } @files[0, 1];

truncate $files[0], (-s $files[0]) - 1 or die "$!\n";
my $whole = Spill::slurp($files[1]);
substr($whole, 400, 1) ^= "\1";
open my $out, '>', $files[1] or die "$!\n";
print $out $whole;
close $out or die "$!\n";

Spill::start();
$Spill::db->{pg}->launch;
$l = Spill::settled('damaged', 1);
is($l->{lost} - $lost, $bad[0] + $bad[1], 'damaged: their visits are lost');
is_deeply([sort glob "$Spill::folder/*.bad"], [map { "$_.bad" } @files[0, 1]],
          'damaged: and the files are there');
is(scalar($Spill::node->nginx->log_lines(qr/it is set aside as ".bad"/)), 2,
   'damaged: it is said');
is($Spill::node->{operator}->get('/api/monitor/live')->json->{aside}, 2,
   'damaged: and shown');
is(Spill::stop(), '', 'damaged: no alert');


# ---- the disk is full: rings hold, then visits are lost, and counted ----

sub full {
    my ($what, $dir, $size, $why, $away, $back) = @_;

    my $before = Spill::ledger();

    # who hangs is waited for until the answer is there

    Spill::start(workers => 1, ring => '64k', spill => "$dir$size",
                 block => 'postgres_timeout 1s 60s;');
    Spill::live();
    Proc::until_true('the first visits', 20, sub {
        return Spill::ledger()->{expected} > $before->{expected};
    });

    $Spill::db->{pg}->$away;
    Spill::load(1, sub {
        my $since = time;       # ticks, each of which tries again

        Proc::until_true('no room', 60, sub {
            return Spill::live()->{lost} > 100 && time - $since >= ($long ? 5 : 3)
                && $Spill::node->nginx->log_lines(qr/cannot be spilled/);
        });
    });

    my $full = Spill::live();
    Spill::explained($full, $what);
    cmp_ok($full->{spilled}, '>', 0, "$what: some are in files");
    cmp_ok($full->{pending}, '>', 0, "$what: the ring holds");
    like(join('', $Spill::node->nginx->log_lines(qr/cannot be spilled/)), $why,
         "$what: it is said why");
    is(scalar($Spill::node->nginx->log_lines(qr/cannot be spilled/)), 1,
       "$what: and once");

    my $used = 0;
    $used += -s for glob "$dir/*";
    cmp_ok($used, '<=', 131072, "$what: no more than that");

    $Spill::db->{pg}->$back;
    my $now = Spill::settled($what, 1, $dir);
    my $gone = Spill::live()->{lost};
    is($now->{lost} - $before->{lost}, $gone, "$what: both numbers agree");

    my $res;
    Proc::until_true('an answer', 20, sub {
        $res = $Spill::node->{operator}->get('/api/monitor/ledger');
        return $res->code == 200;
    });
    is($res->json->{totals}{lost}, $now->{lost}, "$what: and are published");
    like($Spill::node->client->get('/metrics')->text,
         qr/^zwfw_visits_lost_total\{[^}]*\} $gone$/m, "$what: as a metric");

    # well again by itself

    $Spill::db->{pg}->$away;
    Spill::flood(100);
    Proc::until_true('spilled again', 30, sub { Spill::live()->{spilled} > 0 });
    $Spill::db->{pg}->$back;
    Spill::settled("$what, again", 1, $dir);
    is(Spill::stop(), '', "$what: no alert");
}


# a batch that was sent is in a file, the next one waits, and then comes the
# answer of the first

full('the size is reached', Spill::folder(), ' 96k',
     qr/has reached its size of 98304/, 'freeze', 'thaw');

my $disk = Spill::folder();

if (system('mount', '-t', 'tmpfs', '-o', 'size=128k,mode=700', 'none', $disk)
    == 0)
{
    eval { full('the disk is full', $disk, '', qr/No space left on device/,
                'stop', 'launch') };
    my $error = $@;
    undef $Spill::node;
    system('umount', $disk);
    is($error, '', 'a disk that is full');

} else {
    diag('no disk can be mounted here: none is full');
}


# ---- a folder that workers cannot write to ----

Spill::start();

my $dir = $Spill::node->nginx->dir;
my $refusing = Spill::folder();
my $conf = Spill::slurp("$dir/nginx.conf") =~ s/^user root;/user nobody nogroup;/mr;

chmod 0500, $refusing;
open my $new, '>', "$dir/refused.conf" or die "$!\n";
print $new $conf =~ s/\Q$Spill::folder\E/$refusing/r;
close $new or die "$!\n";

my $said = `$ENV{TEST_NGINX_BINARY} -t -p $dir/ -e stderr -c refused.conf 2>&1`;
isnt($?, 0, 'a folder that workers cannot write to is refused');
like($said, qr/"zwfw_monitor_spill": (?:workers cannot|nothing can be) writ/,
     'by name');
is(Spill::stop(), '', 'the end: no alert');

done_testing();
