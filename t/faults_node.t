# What happens to a node itself under load: it is reloaded each second, its
# binary is replaced, its clock jumps, the disk of its files is full.  Clients
# know each answer, and what was acknowledged is there.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep);
use Time::Piece ();

use lib 't/lib';
use Load;
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};
my ($faketime) = glob '/usr/lib/*/faketime/libfaketime.so.1';
my $files = File::Temp->newdir('zwfw-f-XXXXXX', TMPDIR => 1);
my $clock = File::Temp->new(TEMPLATE => 'zwfw-c-XXXXXX', TMPDIR => 1);
my $node;


# seconds that the clock of nginx is wrong

sub clock {
    my $seconds = shift;

    seek $clock, 0, 0;
    printf $clock "%+d\n", $seconds;
    $clock->flush;
}


# what nginx takes for the time

sub told {
    my $date = $node->client->get('/help')->header('Date');

    return Time::Piece->strptime($date, '%a, %d %b %Y %T GMT')->epoch;
}


clock(0);
die "libfaketime is not installed: run ./build.sh deps\n" if !$faketime;

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;

# an nginx that is replaced passes on no more than it is told to

my %fake = (LD_PRELOAD => $faketime, FAKETIME_TIMESTAMP_FILE => "$clock",
            FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1);

{
    local @ENV{keys %fake} = values %fake;

    $node = Node->new(workers => 2, daemon => 1, files => $files, db => $db,
                      redis => $redis,
                      main => join '', map { "env $_;\n" } sort keys %fake);
}

my $nginx = $node->nginx;

my $load = Load->new(node => $node, clients => 3,
                     order => [qw(item draft me page greeting submit)]);
my @kinds = $load->kinds;

$load->phase(calm => sub { $load->told(2, 200, @kinds) });


# ---- its process ----

$load->phase('reloaded each second' => sub {
    for (1 .. ($long ? 60 : 5)) {
        $nginx->reload;
        sleep 1;
    }
});
$load->only('reloaded each second', qr/ 200$/);

$load->phase('its binary replaced' => sub {
    $nginx->upgrade for 1 .. ($long ? 10 : 2);
    $load->told(2, 200, @kinds);
});
$load->only('its binary replaced', qr/ 200$/);


# ---- its clock ----

$load->phase('its clock jumps' => sub {
    for my $jump (600, -600, 1200, 0) {
        clock($jump);
        Proc::until_true("nginx is $jump seconds off", 20, sub {
            return abs(told() - time - $jump) < 60;
        });
        $load->told(2, 200, @kinds);
    }
});
$load->only('its clock jumps', qr/ 200$/);


# ---- the disk of its files, where one can be mounted ----

if (system('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', "$files")
    == 0)
{
    eval {
        $load->phase('the disk is full' => sub {
            $load->told(3, 503, 'submit');
            $load->told(3, 200, qw(item draft me page));
        });
    };
    my $error = $@;

    system('umount', '-l', "$files") == 0 or die "$files stays mounted\n";
    is($error, '', 'the disk is full: files are refused, others not');
    $load->recovers('the disk is full');

} else {
    diag('no disk can be mounted here: none is full');
}

$load->stop;
$load->sound;
$load->kept(10);

my $told = qr/zwfw: (?:a file|file \w+ of \S+) could not be/;

is(join('', $nginx->stop(allow => $told)), '', 'no alert, no socket left');

done_testing();
