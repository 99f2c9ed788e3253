# Applications while everything is killed at random moments, by three clocks that
# know nothing of each other, so that one store is killed while the other is
# frozen and the node itself goes: each that was acknowledged is there, once, with
# its files, and of who handed it in.  500 of them; ZWFW_LONG=1: 10,000.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Load;
use Node;
use Proc;
use Proxy;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my ($count, $of_one) = $ENV{ZWFW_LONG} ? (10_000, 100) : (500, 20);
my $redis = Stores::Redis->start(settings => [
    '--appendonly', 'yes', '--appendfsync', 'always']);
my $db = Sql->new(slices => [Node::slices()]);
my $pg_wire = Proxy->start(to => $db->{pg}->socket);
my $redis_wire = Proxy->start(to => $redis->socket);
my $node = Node->new(workers => 3, daemon => 1, db => $db, redis => $redis,
                     pg_wire => $pg_wire, redis_wire => $redis_wire,
                     block => 'postgres_connections 1 2 1;');
my ($pg, $nginx) = ($db->{pg}, $node->nginx);
my $held = $nginx->held;
my $load = Load->new(node => $node, of_one => $of_one, order => ['submit']);

# a clock: what each of its harms begins with, and what ends it

my %clock = (
    PostgreSQL => {
        'PostgreSQL killed' => [sub { $pg->crash }, sub { $pg->launch }],
        'PostgreSQL frozen' => [sub { $pg->freeze }, sub { $pg->thaw }],
        'PostgreSQL cut' => [sub { $pg_wire->drop }],
        'PostgreSQL cut in an answer' => [
            sub { $pg_wire->cut(int rand 3000) }, sub { $pg_wire->pass },
        ],
    },
    Redis => {
        'Redis killed' => [sub { $redis->crash }, sub { $redis->launch }],
        'Redis frozen' => [sub { $redis->freeze }, sub { $redis->thaw }],
        'Redis cut' => [sub { $redis_wire->drop }],
        'Redis cut in an answer' => [
            sub { $redis_wire->cut(int rand 500) }, sub { $redis_wire->pass },
        ],
    },
    nginx => {
        'a worker killed' => [sub { $nginx->crash_worker }],
        'workers killed' => [sub { $nginx->crash_worker for 1 .. 3 }],
        'nginx killed' => [sub { $nginx->crash; $nginx->launch }],
        'reload' => [sub { $nginx->reload }],
        'binary replaced' => [sub { $nginx->upgrade }],
    },
);
my %done = map { map { $_ => 0 } keys %$_ } values %clock;
my %deck = map { $_ => [sort keys %{ $clock{$_} }] } keys %clock;
my (%until, %end, %together);

my $seed = srand($ENV{ZWFW_SEED} // time);

# in answers, of whatever kind, that the clients have got
my ($quiet, $harm) = (30, 6);


# Goes on with a clock whose time has come: what it has begun ends, or something
# begins, each harm once before any of them comes again.

sub tick {
    my ($name, $now) = @_;

    return if $now < ($until{$name} //= 1 + rand $quiet);

    if (my $end = delete $end{$name}) {
        $end->[1]->();
        $until{$name} = $now + 1 + rand $quiet;
        return;
    }

    my @all = sort keys %{ $clock{$name} };
    my $deck = $deck{$name};
    my $what = @$deck ? splice @$deck, rand @$deck, 1 : $all[rand @all];

    $together{$what}++ if grep { $_ ne $name } keys %end;
    $clock{$name}{$what}[0]->();
    $done{$what}++;

    $end{$name} = $clock{$name}{$what} if $clock{$name}{$what}[1];
    $until{$name} = $now + 1 + rand($end{$name} ? $harm : $quiet);
}


# all harm is done, enough is acknowledged, and harm was done while other lasted

sub goes_on {
    return $load->done < $count || grep({ @$_ } values %deck)
           || keys %together < 4;
}


$load->phase(all => sub {
    $load->told(10, 200, 'submit');

    for (my $first = $load->asked; goes_on(); ) {
        Proc::until_true('an answer', 30, sub {
            my $now = $load->asked - $first;

            return grep { $now >= ($until{$_} // 0) } keys %clock;
        });

        tick($_, $load->asked - $first) for sort keys %clock;
    }

    $_->[1]->() for values %end;
    $load->told(5, 200, 'submit');
});

$load->stop;
$load->sound('all');
$load->kept($count);

is(join(', ', grep { !$done{$_} } sort keys %done), '', 'all harm was done');
cmp_ok($nginx->held, '<=', $held + 3, 'no descriptor is left over');
diag("ZWFW_SEED=$seed: ", scalar $load->done, ' applications; ',
     join ', ', map { "$_: $done{$_}" } sort keys %done);
diag('while other harm lasted: ', join ', ',
     map { "$_: $together{$_}" } sort keys %together);
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
