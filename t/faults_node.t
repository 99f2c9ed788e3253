# What happens to a node itself under load: it is reloaded each second, its
# binary is replaced, its clock jumps, the disk of its files is full.  Clients
# know each answer, and what was acknowledged is there.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);
use Time::Piece ();

use lib 't/lib';
use Clock;
use Load;
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};
my $files = File::Temp->newdir('zwfw-f-XXXXXX', TMPDIR => 1);
my $clock = Clock->new;
my $node;


# what nginx takes for the time

sub told {
    my $date = $node->client->get('/help')->header('Date');

    return Time::Piece->strptime($date, '%a, %d %b %Y %T GMT')->epoch;
}


my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;

# an nginx that is replaced passes on no more than it is told to

my %wrong = $clock->env;

{
    local @ENV{keys %wrong} = values %wrong;

    $node = Node->new(workers => 2, daemon => 1, files => $files, db => $db,
                      redis => $redis,
                      main => join '', map { "env $_;\n" } sort keys %wrong);
}

my $nginx = $node->nginx;

my $load = Load->new(node => $node, clients => 3,
                     order => [qw(item draft me page greeting submit)]);
my @kinds = $load->kinds;

$load->phase(calm => sub { $load->told(2, 200, @kinds) });


# ---- its process ----

# the master has what it had: the first reload makes room for a second cycle, and
# is over when its old workers are gone, to which it has a socket each

my ($memory, @open);

sub old_ones_gone {
    Proc::until_true('old workers are gone', 30,
                     sub { Proc::children($nginx->pid) == $nginx->workers });
}

$load->phase('reloaded each second' => sub {
    for (1 .. ($long ? 60 : 6)) {
        $nginx->reload;
        sleep 1;
        next if $memory;

        old_ones_gone();
        $memory = Proc::memory($nginx->pid);
        @open = Proc::descriptors($nginx->pid);
    }
});
$load->only('reloaded each second', qr/ 200$/);
old_ones_gone();
is_deeply([sort map { s/\d+//gr } Proc::descriptors($nginx->pid)],
          [sort map { s/\d+//gr } @open], 'no descriptor of the master is left');
cmp_ok(Proc::memory($nginx->pid) - $memory, '<',
       1024 * NginxServer::larger(), 'nor memory');
note 'the master has grown by ', Proc::memory($nginx->pid) - $memory, ' KiB';

$load->phase('its binary replaced' => sub {
    $nginx->upgrade for 1 .. ($long ? 10 : 2);
    $load->told(2, 200, @kinds);
});
$load->only('its binary replaced', qr/ 200$/);


# ---- its clock ----

$load->phase('its clock jumps' => sub {
    for my $jump (600, -600, 1200, 0) {
        $clock->wrong($jump);
        Proc::until_true("nginx is $jump seconds off", 20, sub {
            return abs(told() - time - $jump) < 60;
        });
        $load->told(2, 200, @kinds);
    }
});
$load->only('its clock jumps', qr/ 200$/);


# Redis counts by a clock of its own: who asks is prolonged, also when the clock
# was in the future a moment ago

subtest 'a session in use goes on' => sub {
    my $she = $node->client(kind => 'natural');
    my $key = 'zwfw:test:t:{' . sha256_hex($she->cookie('zwfw')) . '}';
    my $off = sub {
        my $seconds = shift;

        $clock->wrong($seconds);
        Proc::until_true("nginx is $seconds seconds off", 20, sub {
            return abs(told() - time - $seconds) < 60;
        });
        is($she->get('/api/auth/me')->code, 200, "$seconds s off: she asks");
    };

    $off->(600);
    is($redis->query('EXPIRE', $key, 100), 1, 'hers, until nobody uses it');
    $off->(0);
    ok(eval { Proc::until_true('prolonged', 10, sub {
        return $redis->query('TTL', $key) > 100;
    }) }, 'it is prolonged');
};


# ---- the disk of its files: who is root can mount one ----

my $mounted = system('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none',
                     "$files") == 0;

is($mounted, 1, 'a disk is mounted') if $> == 0;

if ($mounted) {
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
}

$load->stop;
$load->sound;
$load->kept(10);

my $told = qr/zwfw: (?:a file|file \w+ of \S+) could not be/;

is(join('', $nginx->stop(allow => $told)), '', 'no alert, no socket left');

done_testing();
