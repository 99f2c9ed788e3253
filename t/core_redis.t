# The connection to Redis: bounded, large values, closed by the server.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $depth = 4096;

my $node = Node->new(workers => 1, block => 'redis_timeout 60s;', openapi => 0,
                     server => <<'END');
        location = /metrics { zwfw_metrics; }
END
my ($nginx, $redis) = ($node->nginx, $node->redis);
my $http = $node->client;


# Somebody of whom a worker has to ask Redis each time: her session, of one
# log-in, lies there once more under another token; { name }.

my $she = $node->client(kind => 'natural');
my $id = sha256_hex($she->cookie('zwfw'));
my $session = decode_json($redis->query('GET', "zwfw:test:s:{$id}"));
my $copies = 0;

sub fresh {
    my $http = $node->client;
    my $token = sprintf '%042dA', ++$copies;
    my $key = '{' . sha256_hex($token) . '}';

    $redis->query('SET', "zwfw:test:s:$key", encode_json({ %$session, @_ }),
                  'EX', 3600);
    $redis->query('SET', "zwfw:test:t:$key", 1, 'EX', 1800);
    $http->{cookies}{localhost}{zwfw} = $token;
    return $http;
}


sub me {
    return fresh(@_)->get('/api/auth/me');
}


sub in_flight {
    my ($n) = $http->get('/metrics')->body
        =~ /^zwfw_redis_in_flight\{[^}]*\} (\d+)$/m;
    return $n;
}


# a question that is counted by a script, which writes

sub counted {
    my $client = shift;

    $client->ask('POST', '/api/case/draft', body => '{}',
                 type => 'application/json');
    return $client;
}


subtest 'large values' => sub {
    my $name = 'x' x 1_000_000;
    my $res = fresh(name => $name)->get('/help');

    is($res->code, 200, 'a million bytes');
    like($res->body, qr/>\s*$name\b/, 'all of them');

    my @asked = map { fresh(name => $name) } 1 .. 4;
    $_->ask('GET', '/api/auth/me') for @asked;
    is($_->answer->code, 200, 'several together') for @asked;
};


subtest 'closed by the server' => sub {
    is(me()->code, 200, 'open');
    is($redis->query('CLIENT', 'KILL', 'TYPE', 'normal') > 0, 1, 'closed');
    Proc::until_true('answered', 20, sub { me()->code == 200 });
    pass('opened again');

    # scripts wait, and with them who asked

    my $client = fresh();

    $redis->query('CLIENT', 'PAUSE', 60000, 'WRITE');
    my $before = in_flight();
    counted($client);
    Proc::until_true('it waits', 20, sub { in_flight() > $before });
    $redis->query('CLIENT', 'KILL', 'TYPE', 'normal');

    my $res = $client->answer;
    is($res->code . ' ' . $res->json->{code}, '503 session_store_away',
       'who waits is told');
    like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');

    $redis->query('CLIENT', 'UNPAUSE');
    Proc::until_true('answered', 20, sub {
        return me()->code == 200
            && counted(fresh())->answer->code != 503;
    });
    pass('opened again');
};


subtest 'bounded' => sub {
    my $client = fresh();
    my $cookie = 'zwfw=' . $client->cookie('zwfw');

    is($client->get('/api/auth/me')->code, 200, 'known');
    $redis->query('CLIENT', 'PAUSE', 120000, 'WRITE');

    # those who asked are gone, with their last byte, and hold no connection of
    # nginx; what they asked is not

    my $text = "POST /api/case/draft HTTP/1.1\r\nHost: localhost\r\n"
        . "Cookie: $cookie\r\nContent-Length: 0\r\n\r\n";

    Proc::until_true('all that it takes', 120, sub {
        for (1 .. 100) {
            my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                             PeerPort => $nginx->port) or next;
            syswrite $sock, $text;
            close $sock;
        }

        return in_flight() >= $depth;
    });

    my $res = counted($client)->answer;
    is($res->code . ' ' . $res->json->{code}, '503 session_store_away',
       'one more is refused');
    like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');
    is(in_flight(), $depth, 'and does not wait');
    is($http->get('/help')->code, 200, 'what needs no Redis is answered');

    $redis->query('CLIENT', 'UNPAUSE');
    Proc::until_true('answered', 20, sub { in_flight() < 10 });
    isnt(counted($client)->answer->code, 503, 'and asked again');
};

is(join('', $nginx->stop), '', 'no alert');

done_testing();
