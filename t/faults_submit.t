# Applications while everything is killed at random moments: each that was
# acknowledged is there, once, with its files, and of who handed it in.  500 of
# them; ZWFW_LONG=1: 10,000.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Load;
use Node;
use Proxy;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my ($count, $of_one) = $ENV{ZWFW_LONG} ? (10_000, 100) : (500, 10);
my $redis = Stores::Redis->start(settings => [
    '--appendonly', 'yes', '--appendfsync', 'always']);
my $db = Sql->new(slices => [Node::slices()]);
my $pg_wire = Proxy->start(to => $db->{pg}->socket);
my $redis_wire = Proxy->start(to => $redis->socket);
my $node = Node->new(workers => 3, db => $db, redis => $redis,
                     pg_wire => $pg_wire, redis_wire => $redis_wire);
my ($pg, $nginx) = ($db->{pg}, $node->nginx);
my $load = Load->new(node => $node, of_one => $of_one, order => ['submit']);

my @harm = (
    ['PostgreSQL killed' => sub { $pg->crash; $pg->launch }],
    ['PostgreSQL frozen' => sub {
        $pg->freeze;
        $load->answered(2, 'submit');
        $pg->thaw;
    }],
    ['PostgreSQL cut' => sub { $pg_wire->drop }],
    ['PostgreSQL cut in an answer' => sub {
        $pg_wire->cut(int rand 3000);
        $load->answered(4, 'submit');
        $pg_wire->pass;
    }],
    ['Redis killed' => sub { $redis->crash; $redis->launch }],
    ['Redis frozen' => sub {
        $redis->freeze;
        $load->answered(2, 'submit');
        $redis->thaw;
    }],
    ['Redis cut' => sub { $redis_wire->drop }],
    (['worker killed' => sub { $nginx->crash_worker }]) x 3,
    ['reload' => sub { $nginx->reload }],
);

my %done = map { $_->[0] => 0 } @harm;
my @order = @harm;

my $seed = srand($ENV{ZWFW_SEED} // time);


# each harm at least once, in any order, then any of them

$load->phase(all => sub {
    $load->told(10, 200, 'submit');

    while (@order or $load->done < $count) {
        my ($harm) = @order ? splice(@order, rand @order, 1)
                            : $harm[rand @harm];

        $load->told(1 + int rand 20, 200, 'submit');
        $harm->[1]->();
        $done{ $harm->[0] }++;
    }

    $load->told(5, 200, 'submit');
});

$load->stop;
$load->sound('all');
$load->kept($count);

is(join(', ', grep { !$done{$_} } sort keys %done), '', 'all harm was done');
diag("ZWFW_SEED=$seed: ", scalar $load->done, ' applications; ',
     join ', ', map { "$_: $done{$_}" } sort keys %done);
diag(Load::summary($load->asked));


# their files, which only their owner may read

my @done = map { [split / /] } $load->done;

is($db->admin("SELECT count(*) FROM zwfw.cases c WHERE 3 <>
    (SELECT count(*) FROM zwfw.case_materials m WHERE m.case_id = c.id)"), 0,
   'each has three materials');

my ($wrong, %file) = (0);

push @{ $file{ $_->[0] } }, $_->[1] for map { [split / /] } split /\n/,
    $db->admin("SELECT case_id || ' ' || id FROM zwfw.case_materials
                 ORDER BY case_id, code");

for my $one (map { $done[rand @done] } 1 .. 50) {
    my ($key, $uid, $id) = @$one;
    my $http = $node->client;

    $http->{cookies}{localhost}{zwfw} = $load->{by}{$uid}{cookie};

    for my $n (0 .. 2) {
        my $res = $http->get("/api/case/$id/files/$file{$id}[$n]");
        $wrong++ if $res->body ne Load::Ask::content($key, $n);
    }
}

is($wrong, 0, 'with what was handed in');

is(join('', $nginx->stop(allow => qr/exited on signal 9|was locked by/)), '',
   'no other alert');

done_testing();
