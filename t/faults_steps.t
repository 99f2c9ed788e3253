# A worker that is killed at a step of the path: what it was doing is done once
# or not at all, who asks again with the same key is told what was done, and
# other requests do not notice.

use strict;
use warnings;
use utf8;

use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Node;
use Proxy;

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my $pg_wire = Proxy->start(to => $db->{pg}->socket);
my $redis_wire = Proxy->start(to => $redis->socket);
my $node = Node->new(workers => 1, db => $db, redis => $redis,
                     pg_wire => $pg_wire, redis_wire => $redis_wire,
                     server => <<'END');
        location = /metrics { zwfw_metrics; }
END
my $nginx = $node->nginx;
my $card = '11990100MB0DEM172G3002099009000';
my $acts = 0;

my $she = $node->client(kind => 'natural');

$she->{headers}{'X-CSRF-Token'} = $she->{token};


# a client with the same session and a connection of its own

sub again {
    my $http = $she->stranger;

    $http->{cookies} = $she->{cookies};
    return $http;
}


sub ask {
    my ($key, %o) = @_;

    my $http = again();

    $http->{headers}{'Idempotency-Key'} = $key;
    $http->ask('POST', '/api/case/draft', type => 'application/json',
               body => qq({"item":"$card","note":"$key"}), %o);
    return $http;
}


sub metric {
    my $name = shift;

    my @values = $node->client->get('/metrics')->body
        =~ /^zwfw_$name(?:\{[^}]*\})? (\d+)$/mg;
    my $sum = 0;

    $sum += $_ for @values;
    return $sum;
}


sub rows {
    return $db->admin("SELECT count(*) FROM zwfw.cases WHERE note = '$_[0]'");
}


# the worker dies now; then all is as before, and the same key leads to one row

sub dies {
    my ($name, $client, %o) = @_;

    $nginx->crash_worker;
    $o{after}->() if $o{after};

    ok(!eval { $client->answer }, "$name: the connection breaks") if $client;
    Proc::until_true("$name: service", 20, sub {
        return (eval { again()->get("/api/item/$card")->code } // 0) == 200;
    });
    pass("$name: another one serves");
    return if !$o{key};

    my $res = Proc::until_true("$name: asked again", 20, sub {
        my $got = eval { ask($o{key})->answer };
        return $got && $got->code == 200 && $got;
    });

    is(rows($o{key}), 1, "$name: done once");
    is($db->admin("SELECT id FROM zwfw.cases WHERE note = '$o{key}'"),
       $res->json->{id}, "$name: and that is told");
}


sub key { return 'key-of-step-' . ++$acts }


# ---- while it reads ----

{
    my $sock = IO::Socket::INET->new("127.0.0.1:${\ $nginx->port}");

    print $sock "POST /api/case/draft HTTP/1.1\r\nHost: local";
    $sock->flush;
    dies('half a header');
    ok(!defined(readline $sock), 'half a header: no answer');
}

{
    my $key = key();
    my $client = again();

    $client->{headers}{'Idempotency-Key'} = $key;
    $client->write("POST /api/case/draft HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: 500\r\n"
        . "Cookie: zwfw=${\ $she->cookie('zwfw')}\r\n\r\n{\"item\":");
    Proc::until_true('it is being read', 10,
                     sub { $node->client->get('/help')->code == 200 });
    dies('half a body', undef, key => $key);
}


# ---- while it waits for Redis: the session, the limit of an hour ----

{
    my $key = key();

    $redis->freeze;
    my $client = ask($key);
    Proc::until_true('Redis is asked', 20, sub { metric('redis_in_flight') });
    dies('Redis is asked', $client, key => $key,
         after => sub { $redis->thaw });
}


# ---- while the statement runs: it ends without the worker ----

{
    my $key = key();

    # whoever waits for the table does so until the worker has ended

    $db->admin('ALTER FUNCTION zwfw.once SET lock_timeout = 0');

    open my $psql, '|-', 'psql', '-Xq', '-d', $db->conninfo
        or die "psql: $!\n";
    $psql->autoflush;
    print $psql "BEGIN; LOCK TABLE zwfw.cases IN EXCLUSIVE MODE;\n";
    Proc::until_true('the table is locked', 10, sub {
        return $db->admin("SELECT count(*) FROM pg_locks WHERE granted
            AND mode = 'ExclusiveLock' AND relation = 'zwfw.cases'::regclass");
    });

    my $client = ask($key);

    $db->until_locked(1);
    dies('the statement runs', $client, key => $key,
         after => sub { print $psql "COMMIT;\n"; close $psql });
}


# ---- when it is done, and its answer on the way ----

{
    my $key = key();

    $pg_wire->mute;
    my $client = ask($key);
    Proc::until_true('the row is there', 20, sub { rows($key) });
    dies('its answer is on the way', $client, key => $key,
         after => sub { $pg_wire->pass });
}

is(join('', $nginx->stop(allow => qr/exited on signal 9/)), '',
   'no other alert');

done_testing();
