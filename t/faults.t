# Stores and workers that break under load: killed, frozen, back.  Clients know
# each answer, so a wrong one is seen; what was acknowledged is there at the
# end, once; refusals are clear and come while the fault lasts; public reads
# need no Redis.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Load;
use Node;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $redis = Stores::Redis->start(settings => [
    '--appendonly', 'yes', '--appendfsync', 'always']);
my $node = Node->new(workers => 3, redis => $redis);
my ($pg, $nginx) = ($node->db->{pg}, $node->nginx);
my $load = Load->new(node => $node, waves => [qw(item who me greeting)],
                     order => [qw(item draft me who page greeting me item)]);
my @kinds = $load->kinds;


# each phase lasts until its answers are there: refusals that waited for the end
# of a fault would never be

# a session is known for 900 ms after the last word of Redis
my $heard = 1;

$load->phase(calm => sub { $load->told(20, 200, @kinds) });

$pg->crash;
$load->phase('PostgreSQL killed' => sub {
    $load->told(20, 503, qw(item draft who));
});
$pg->launch;
$load->recovers('PostgreSQL killed', qw(item draft page who));

$pg->freeze;
$load->phase('PostgreSQL frozen' => sub {
    $load->told(6, 503, 'draft');
    $load->told(60, 503, qw(item who));
});
$pg->thaw;
$load->recovers('PostgreSQL frozen', qw(item draft page who));

$pg->restart;
$load->recovers('PostgreSQL restarted', qw(item draft));

$redis->crash;
sleep $heard;
$load->phase('Redis killed' => sub {
    $load->told(20, 503, qw(me draft who));
    $load->told(20, 200, qw(item page greeting));
});
$redis->launch;
$load->recovers('Redis killed', qw(me draft who));

$redis->freeze;
sleep $heard;
$load->phase('Redis frozen' => sub {
    $load->told(10, 503, 'draft');
    $load->told(60, 503, qw(me who));
    $load->told(10, 200, qw(item page greeting));
});
$redis->thaw;
$load->recovers('Redis frozen', qw(me draft who));

$load->phase('workers killed' => sub {
    for (1 .. 20) {
        $nginx->crash_worker;
        $load->told(int rand 3, 200, $kinds[rand @kinds]);
    }
});
$load->recovers('workers killed');

$load->phase(reload => sub {
    for (1 .. 5) {
        $nginx->reload;
        $load->told(4, 200, @kinds);
    }
});
$load->recovers('reload');

$load->phase(after => sub { $load->told(20, 200, @kinds) });

$load->stop;


# what the clients have seen

$load->sound('workers killed');
$load->only($_, qr/ 200$/, "$_: all is well") for qw(calm reload after);
$load->greeted('calm', 'PostgreSQL killed', 'PostgreSQL frozen', 'reload',
               'after');
$load->refused_soon($_, 3) for 'PostgreSQL frozen', 'Redis frozen';
$load->only('PostgreSQL killed',
    qr/^(?:item|draft|who) 503|^page (?:200|503)|^(?:me|greeting) 200/,
    'PostgreSQL killed: what needs it is refused');
$load->only('PostgreSQL frozen', qr/ (?:200|503)$/,
    'PostgreSQL frozen: what needs it is refused');
is(scalar(grep { $_->{what} eq 'draft' and $_->{code} eq '200' }
          $load->during('PostgreSQL frozen')), 0, 'nothing is written');
$load->only($_, qr/^(?:item|page|greeting) 200|^(?:me|draft|who) 503/,
    "$_: public reads go on, others are refused")
    for 'Redis killed', 'Redis frozen';

$load->kept(60);

is(join('', $nginx->stop(allow => qr/exited on signal 9|was locked by/)), '',
   'no other alert');
is(scalar(() = $nginx->log_lines(qr/\[(?:crit|emerg)\]/)), 0,
   'nothing critical');

done_testing();
