# Stores that are there and cannot be asked: refusing, silent, slow, cut in
# the middle of an answer, one connection after the other; out of connections,
# read only.  Under load, by clients who know each answer.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Load;
use Node;
use Proc;
use Proxy;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my $pg_wire = Proxy->start(to => $db->{pg}->socket);
my $redis_wire = Proxy->start(to => $redis->socket);

# one connection of a class, so that many answers are under way on it; a commit
# may wait for the disk, which others use

my %stores = (db => $db, redis => $redis, pg_wire => $pg_wire,
              redis_wire => $redis_wire, block => <<'END', server => <<'OF');
        postgres_connections 1 1 1;
        postgres_timeout 4s 10s;
END
        location = /metrics { zwfw_metrics; }
OF
my $node = Node->new(workers => 2, %stores);
my $nginx = $node->nginx;
my $held = $nginx->held;
my $load = Load->new(node => $node, waves => [qw(item who me greeting)],
                     order => [qw(item draft me who page greeting me item)]);
my @kinds = $load->kinds;

# KiB that a worker may have more in the end than when it was warm
my $kept = 2048 * NginxServer::larger();

# a session is known for 900 ms after the last word of Redis
my $heard = 1;

# while something holds all is well, or the kinds that are named are refused and
# the others answered; a page of the database may be kept, or not

my %refused;


sub fault {
    my ($name, $wire, $begin, $end, @refused) = @_;

    my %either = $wire == $pg_wire && @refused ? (page => 1) : ();
    my %is = (%either, map { $_ => 1 } @refused);

    $begin->();
    sleep $heard if $wire == $redis_wire and @refused;
    $load->phase($name => sub {
        $load->told(5, 503, @refused);
        $load->told(5, 200, grep { !$is{$_} } @kinds);
    });
    $end->();
    $load->recovers($name);
    $refused{$name} = join '|', @refused, keys %either;
}


$load->phase(calm => sub { $load->told(10, 200, @kinds) });

my $warm = $nginx->memory;


# ---- PostgreSQL; who is known needs Redis only, some pages are kept ----

my @pg = qw(draft item who);
my $pass = sub { $pg_wire->pass };

fault('PostgreSQL refuses', $pg_wire,
      sub { $pg_wire->refuse; $pg_wire->drop }, $pass, @pg);
fault('PostgreSQL is silent', $pg_wire, sub { $pg_wire->hang }, $pass, @pg);
fault('PostgreSQL accepts and is silent', $pg_wire,
      sub { $pg_wire->hang; $pg_wire->drop }, $pass, @pg);
fault('PostgreSQL is slow', $pg_wire, sub { $pg_wire->slow(0.05) }, $pass);

$load->phase('PostgreSQL is cut' => sub {
    for my $bytes (0, 1, 100, 1000, 3000, 10_000) {
        $pg_wire->cut($bytes);
        $load->answered(5, @kinds);
    }
    for (1 .. 10) {
        $pg_wire->pass;
        $load->told(1, 200, @pg);
        $pg_wire->drop;
    }
});
$pg_wire->pass;
$load->recovers('PostgreSQL is cut');

fault('PostgreSQL has no connection left', $pg_wire, sub {
    $db->admin('ALTER ROLE zwfw_web CONNECTION LIMIT 0');
    $pg_wire->drop;
}, sub { $db->admin('ALTER ROLE zwfw_web CONNECTION LIMIT -1') }, @pg);

fault('PostgreSQL is read only', $pg_wire, sub {
    $db->admin('ALTER ROLE zwfw_web SET default_transaction_read_only = on');
    $pg_wire->drop;
}, sub {
    $db->admin('ALTER ROLE zwfw_web RESET default_transaction_read_only');
    $pg_wire->drop;
}, 'draft');


# ---- Redis: public reads need none of it ----

my @redis = qw(draft me who);

$pass = sub { $redis_wire->pass };

fault('Redis refuses', $redis_wire,
      sub { $redis_wire->refuse; $redis_wire->drop }, $pass, @redis);
fault('Redis is silent', $redis_wire, sub { $redis_wire->hang }, $pass,
      @redis);
fault('Redis accepts and is silent', $redis_wire,
      sub { $redis_wire->hang; $redis_wire->drop }, $pass, @redis);
fault('Redis is slow', $redis_wire, sub { $redis_wire->slow(0.05) }, $pass);

$load->phase('Redis is cut' => sub {
    for my $bytes (0, 1, 5, 50, 500, 2000) {
        $redis_wire->cut($bytes);
        $load->answered(5, @kinds);
    }
});
$redis_wire->pass;
$load->recovers('Redis is cut');


# who is in stays in: that is how it is told to let others in again

my $inside = $redis->connection;

fault('Redis has no connection left', $redis_wire, sub {
    Stores::Redis::say_to($inside, qw(CONFIG SET maxclients 1));
    $redis_wire->drop;
}, sub {
    Stores::Redis::say_to($inside, qw(CONFIG SET maxclients 1000));
}, @redis);
close $inside;


# ---- one connection at a time: the listener, without which Redis is asked about
# each session, and the one that asks ----

# one worker may have found Redis before the other

sub connected {
    my $sum = 0;

    $sum += $_ for $node->client->get('/metrics')->body
        =~ /^zwfw_redis_connections\{[^}]*\} (\d+)$/mg;
    return $sum;
}


Proc::until_true('both workers are connected', 20, sub { connected() == 2 });

my $listeners = 0;

$load->phase('listener is cut' => sub {
    for (1 .. 10) {
        $listeners += $redis_wire->drop(qr/TRACKING/);
        $load->told(2, 200, @kinds);
    }
});
cmp_ok($listeners, '>', 5, 'listeners were cut');

my $asking = 0;

$load->phase('connection of the sessions is cut' => sub {
    for (1 .. 10) {
        $asking += $redis_wire->drop(qr/^(?!.*TRACKING)/s);
        $load->told(2, 200, @kinds);
    }
});
cmp_ok($asking, '>', 5, 'connections were cut');

$load->recovers('connection of the sessions is cut');
$load->phase(after => sub { $load->told(10, 200, @kinds) });
$load->stop;


# ---- what is left ----

cmp_ok($nginx->held, '<=', $held, 'no descriptor is left over');
cmp_ok($nginx->grown($warm), '<', $kept, 'nor memory');
note 'grown by ', $nginx->grown($warm), ' KiB';


# ---- what the clients have seen ----

$load->sound;
$load->only($_, qr/ 200$/, "$_: all is well")
    for qw(calm after), 'listener is cut';

for my $name (sort keys %refused) {
    $load->only($name, $refused{$name} ? qr/ 200$|^(?:$refused{$name}) 503/
                                       : qr/ 200$/,
        $refused{$name} ? "$name: what needs it is refused, all else goes on"
                        : "$name: it takes its time");
}

$load->greeted(grep { !/^Redis/ or /slow/ } 'calm', 'listener is cut', 'after',
               sort keys %refused);
$load->only($_, qr/ (?:200|503)$/) for 'PostgreSQL is cut', 'Redis is cut',
    'connection of the sessions is cut';

$load->kept(60);


# ---- a session that ends while nobody listens ----

sub misses {
    return ($_[0]->get('/metrics')->body
        =~ /^zwfw_session_cache_total\{.*outcome="miss"\} (\d+)$/m)[0];
}


subtest 'over at once, also where nobody listens' => sub {
    my $second = Node->new(workers => 2, %stores);
    my $she = $node->client(kind => 'natural');
    my $tablet = $node->again($she);
    my $other = $second->client;
    my @there = $second->readers;

    $_->{cookies} = $tablet->{cookies} for @there;
    is(join(' ', map { $_->get('/api/auth/me')->code } @there), '200 200',
       'she is known there');

    # who listens is cut off and cannot come back, who asks goes on

    $redis_wire->refuse;
    cmp_ok($redis_wire->drop(qr/TRACKING/), '>=', 2, 'both nodes are deaf');
    ok(eval { Proc::until_true('asked each time', 20, sub {
        my $before = misses($other);

        $_->get('/api/auth/me') for @there;
        return misses($other) >= $before + @there;
    }) }, 'Redis is asked each time');

    is($she->post_json('/api/auth/sessions/end', {}, headers => {
        'X-CSRF-Token' => $she->{token} })->code, 200, 'she ends it here');
    is(join(' ', map { $_->get('/api/auth/me')->code } @there), '401 401',
       'it is over there');
    $redis_wire->pass;
    is(join('', $second->nginx->stop), '', 'no alert');
};

is(join('', $nginx->stop), '', 'no alert, no socket left');

done_testing();
