# Redis with sentinels: its master is killed, hangs, and is made a replica, under
# load.  Who had a session has it afterwards; while there is no master, what needs
# one is refused, and nobody is taken for logged out.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Load;
use Node;
use People;
use Proc;
use Sentinels;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $redis = Sentinels->start;
my $node = Node->new(redis => $redis, block => 'redis_timeout 500ms;'
                         . ' postgres_timeout 4s 10s;');
my $nginx = $node->nginx;
my $idle = Node->new(db => $node->db, redis => $redis);     # nobody asks it

# each worker has found the master

for my $http ($node->readers) {
    Proc::until_true('sessions are stored', 20, sub {
        return $http->get('/api/health')->code == 200;
    });
}

my $her = $node->client;
my $person = People::register($her);
my $load = Load->new(node => $node, clients => 3,
                     order => [qw(me draft page me greeting)]);


sub me {
    return shift->get('/api/auth/me')->code;
}


# a kept connection to each worker, with the cookie of somebody

sub everywhere {
    my $who = shift;

    return map {
        my $http = $_;
        $http->{cookies} = { localhost => { %{ $who->{cookies}{localhost} } } };
        $http;
    } $node->readers;
}


# a session ends, and each worker that has known it hears of that

sub ends {
    my $when = shift;

    # one worker may have found the master later than the one that was asked

    my @hers = everywhere($her);

    Proc::until_true('each worker answers her', 10, sub {
        join(' ', map { me($_) } @hers) eq '200 200';
    });

    my $phone = $node->client;
    People::login($phone, $person);
    my @each = everywhere($phone);

    is(join(' ', map { me($_) } @each), '200 200', "$when: logged in");
    is($phone->post_json('/api/logout', {})->code, 200, "$when: logged out");
    ok(eval { Proc::until_true('heard', 10, sub {
        join(' ', map { me($_) } @each) eq '401 401' }) },
       "$when: each worker has heard of that");
}


# nobody is master, until this is done

sub nobody {
    my ($name, $again) = @_;

    my $res;

    $load->phase($name => sub {
        $load->told(3, 503, qw(me draft));
        Proc::until_true('refused', 20, sub {
            $res = $her->get('/api/auth/sessions');
            return $res->code == 503;
        });
        $load->told(5, 200, 'page');
    });
    is($res->json->{code}, 'session_store_away', "$name: her as well");
    like($res->header('Retry-After'), qr/^[1-9]/, "$name: with when to ask");
    is($res->header('Set-Cookie'), undef, "$name: her cookie is kept");
    $again->();
    $load->recovers($name, qw(me draft));
    ok(eval { Proc::until_true('answered', 10, sub {
        $res = $her->get('/api/auth/sessions');
        return $res->code != 503;
    }) }, "$name: she is answered");
    is($res->code, 200, "$name: she is logged in");
}


$load->phase(before => sub { $load->told(10, 200, qw(me draft greeting)) });
ends('before');

$load->phase(reload => sub {
    for (1 .. 3) {
        $nginx->reload;
        $load->told(5, 200, qw(me draft));
    }
});

my $first = $redis->master;

$redis->replicated;
$first->crash;
nobody(killed => sub { $redis->promoted($first) });
ends('killed');

# it comes back, and the other one hangs

my $second = $redis->master;

$redis->follow($first);
$second->freeze;
nobody(frozen => sub { $redis->promoted($second) });

my $at = $redis->master->{port};

for my $worker ($idle->nginx->workers) {
    ok(eval { Proc::until_true('heard', 10, sub {
        my @said = $idle->nginx->log_lines(qr/ $worker#.*master "people"/);
        return $said[-1] =~ /:$at"/;
    }) }, 'who had nothing to ask has heard of it, too');
}

$second->thaw;
ends('frozen');

# one that answers, but is no master any more

$redis->follow($second);
my $third = $redis->master;
$third->query('REPLICAOF', '127.0.0.1', $second->{port});
nobody(replica => sub { $third->query('REPLICAOF', 'NO', 'ONE') });
ends('replica');
ok(scalar(() = $nginx->log_lines(qr/refused EVAL: READONLY/)), 'it said so');
ok(scalar(() = $nginx->log_lines(qr/is no master/)), 'and was asked its role');

$load->phase(after => sub { $load->told(10, 200, $load->kinds) });
$load->stop;

$load->sound;
$load->only($_, qr/ 200$/, "$_: all is well") for qw(before reload after);
$load->kept(20);

is(join('', $_->nginx->stop), '', 'no alert') for $node, $idle;

done_testing();
