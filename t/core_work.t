# Slow work has an admission limit: of a worker, and of one network, which is
# an address or the /64 of IPv6.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;

# one thread works, so that the rest waits; who asks is put in by realip

my $node = Node->new(
    workers => 1, main => 'thread_pool default threads=1;',
    block => 'threads 8; postgres_timeout 20s 20s; redis_timeout 20s;',
    server => <<'END');
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
END
my $nginx = $node->nginx;
my $n = 0;


# a log-in, of which a hash has to be computed

sub login {
    my ($address, $http) = @_;

    $http //= Http->new(port => $nginx->port, host => 'localhost',
                        timeout => 60);

    $http->ask('POST', '/api/login', type => 'application/json',
        body => encode_json({ email => 'nobody' . ++$n . '@shandong.example',
                              password => 'not-the-one' }),
        headers => { 'X-Real-IP' => $address });
    return $http;
}


sub answers {
    my %count;

    for my $res (map { $_->answer } @_) {
        $count{ $res->code . ' ' . $res->json->{code} }++;
        ok($res->header('Retry-After'), 'busy: when to ask again')
            if $res->code == 503;
    }

    return \%count;
}


# the worker finds them all at once, and so before the first is done

sub together {
    my @addresses = @_;

    my ($worker) = $nginx->workers;

    kill 'STOP', $worker;
    Proc::stopped($worker);
    my @asked = map { login($_) } @addresses;
    kill 'CONT', $worker;

    return answers(@asked);
}


# connections to the stores are there from now on

my ($wrong) = keys %{ answers(login('192.0.2.99')) };
like($wrong, qr/^4\d\d /, "one is worked on: $wrong");

is_deeply(together(('192.0.2.1') x 4), { $wrong => 2, '503 busy' => 2 },
          'one address has a quarter');
is_deeply(together(('192.0.2.1') x 2), { $wrong => 2 },
          'and has it again when it is done');

is_deeply(together(map { ("192.0.2.$_") x 2 } 1 .. 5),
          { $wrong => 8, '503 busy' => 2 }, 'all together have their bound');

is_deeply(together(map { "2001:db8:0:1::$_" } 1 .. 4),
          { $wrong => 2, '503 busy' => 2 }, 'a /64 is one network');
is_deeply(together(map { "2001:db8:0:${_}::1" } 1 .. 4), { $wrong => 4 },
          'another /64 is another one');
is_deeply(together('192.0.2.7', '::ffff:192.0.2.7', '192.0.2.7'),
          { $wrong => 2, '503 busy' => 1 },
          'an address is the same when it is written as IPv6');

is($node->client->get('/api/health')->code, 200, 'others are answered');
is(join('', $nginx->stop), '', 'no alert');

done_testing();
