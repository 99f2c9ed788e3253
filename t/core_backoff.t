# Stores that are away are not asked all the time: connections are tried with
# growing pauses, and what needs a store that does not answer is refused without
# waiting for it each time.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);

use lib 't/lib';
use Node;
use Proc;
use Proxy;

my $db = Sql->new(slices => [Node::slices()]);

# Who connects is cut off at once.  A worker has four connections to
# PostgreSQL and two to Redis; each begins with 100 ms, then twice as long, up to
# a second: eight of them take 4.5 s.  A slow machine takes longer.

subtest 'pauses grow' => sub {
    my %wire = map { $_ => Proxy->start(to => '/nobody/is/here') } qw(pg redis);
    my $began = time;
    my $node = Node->new(workers => 1, db => $db, pg_wire => $wire{pg},
                         redis_wire => $wire{redis});

    for (['pg', 4], ['redis', 2]) {
        my ($name, $connections) = @$_;

        Proc::until_true("$name: tried", 60, sub {
            return $wire{$name}->seen >= 8 * $connections;
        });
        cmp_ok(time - $began, '>', 3, "$name: not all the time");
    }

    is($node->client->get('/api/item/x')->code, 503, 'refused');
    is(join('', $node->nginx->stop), '', 'no alert');
};


# A question waits for two seconds: a hundred would for more than three minutes,
# longer than a client here has patience.

subtest 'who does not answer is not waited for again' => sub {
    my $wire = Proxy->start(to => $db->{pg}->socket);
    my $node = Node->new(workers => 1, db => $db, pg_wire => $wire,
                         block => 'postgres_timeout 2s 2s;');
    my $http = $node->client;

    Proc::until_true('it answers', 20, sub {
        return $http->get('/api/item/x')->code == 404;
    });
    $wire->hang;
    is($http->get('/api/item/x')->code, 503, 'the first one waits');

    my $refused = 0;
    my $began = time;

    $refused += $http->get('/api/item/x')->code == 503 while
        $refused < 100 and time - $began < 60;
    is($refused, 100, 'a hundred do not');

    $wire->pass;
    Proc::until_true('it answers again', 20, sub {
        return $http->get('/api/item/x')->code == 404;
    });
    is(join('', $node->nginx->stop), '', 'no alert');
};

done_testing();
