# Stores that are away: who needs one that is silent waits for the time that is
# configured, once; from then on each is refused at once, while the store is
# asked every second; who needs one that refuses does not wait at all; what is
# back is used within a second.  For Redis, and each class of PostgreSQL.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Node;
use Proc;
use Proxy;
use Told;

my $db = Sql->new(slices => [Node::slices()]);

# Who connects is cut off at once.  A worker has four connections to
# PostgreSQL and two to Redis; each begins with 100 ms, then twice as long, up to
# 700: eight of them take 3.5 s.  A slow machine takes longer.

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


# ---- what is promised ----

my $redis = Stores::Redis->start;
my %wire = (pg => Proxy->start(to => $db->{pg}->socket),
            redis => Proxy->start(to => $redis->socket));

# who asks for TLS first waits for an answer before it says what it is for

my $told = Told->new(
    db => $db, redis => $redis, redis_wire => $wire{redis},
    postgres => $db->conninfo(user => 'zwfw_web', host => '127.0.0.1',
                              port => $wire{pg}->port, sslmode => 'disable'),
    block => 'postgres_timeout 1s 1s; postgres_connections 1 1 1;');
my $refusals = 40;
my $anyone = $told->node->client;
my $operator = $told->node->tab($told->{operator});
my @people = map { $told->node->tab($_) } @{ $told->{people} };


# what is asked of each store, and what begins a connection for that

my %kinds = (
    pg => {
        read => [sub { $anyone->get('/api/item/PID') }, 'zwfw read'],
        slow => [sub { $operator->get('/api/audit?action=PID') }, 'zwfw slow'],
        write => [sub {
            push @people, my $http = shift @people;
            return $http->post_json('/api/case/draft',
                { item => 'a', note => 'PID' },
                headers => { 'X-CSRF-Token' => $http->{token} });
        }, 'zwfw write'],
    },
    redis => {
        sessions => [sub { $people[0]->get('/api/auth/sessions') }, 'PING'],
    },
);


# all are refused, and each says when to ask again

sub refused {
    my ($name, $ask, $count) = @_;

    my $refused = grep { $_->code == 503
                         and ($_->header('Retry-After') // '') =~ /^[1-9]\d*$/ }
        map { $ask->() } 1 .. $count;

    is($refused, $count, "$name: refused, $count times");
}


# Asks until that is the answer, but not too often: acts of a person are counted.

sub until_code {
    my ($ask, $code) = @_;

    Proc::until_true("a $code", 20, sub {
        my $is = $ask->()->code == $code;

        sleep 0.05 if !$is;
        return $is;
    });
}


# Each gets an answer.  The next attempt, or one that is under way, has found the
# store; attempts come each second, and a machine may stand still.

sub back {
    my ($wire, $most, %kind) = @_;

    my $began = time;

    $wire->pass;
    my %before = map { $_ => $wire->seen($kind{$_}[1]) } keys %kind;

    for my $name (sort keys %kind) {
        my ($ask, $hello) = @{ $kind{$name} };

        ok(eval { until_code($ask, 200) }, "$name: is back");
        cmp_ok($wire->seen($hello) - $before{$name}, '<=', $most,
               "$name: which attempt has found it");
    }

    cmp_ok(time - $began, '<', 1 + 4, 'which does not take long');
}


sub silent {
    my ($wire, $name, $ask, $hello) = @_;

    my $began = time;

    refused("$name, the first one", $ask, 1);
    cmp_ok(time - $began, '<', 1 + 4, 'it waits no longer than is configured');

    # forty that wait for 200 ms each would see ten attempts

    my $seen = $wire->seen($hello);

    refused("$name, the others", $ask, $refusals);
    cmp_ok($wire->seen($hello) - $seen, '<=', 4, 'they do not wait for it');
}


# returns with the beginning of an attempt

sub attempts {
    my ($wire, $hello, $count) = @_;

    my $before = $wire->seen($hello);

    Proc::until_true("$count attempts", 30, sub {
        sleep 0.05;
        return $wire->seen($hello) >= $before + $count;
    });
}


for my $store (sort keys %kinds) {
    my %kind = %{ $kinds{$store} };
    my $wire = $wire{$store};

    until_code($_->[0], 200) for values %kind;

    # A second is what one waits.  When the machine stands still in the wrong
    # moment that is over, and a new connection asks for more than one answer, so
    # it begins again; who is cut off at half of it would never be answered.

    subtest "$store is slow" => sub {
        for my $name (sort keys %kind) {
            my $ask = $kind{$name}[0];

            ok(eval { Proc::until_true('an answer', 20, sub {
                $wire->slow(0.8);
                return 1 if $ask->()->code == 200;

                $wire->pass;
                until_code($ask, 200);
                return 0;
            }) }, "$name: answered, after 800 ms");
        }

        $wire->slow(1.5);
        refused("$_, after 1500 ms", $kind{$_}[0], 1) for sort keys %kind;

        # what is under way is late already

        back($wire, 2, %kind);
    };

    # questions arrive, nothing comes back

    subtest "$store is silent" => sub {
        $wire->mute;
        silent($wire, $_, @{ $kind{$_} }) for sort keys %kind;

        for my $name (sort keys %kind) {
            my ($ask, $hello) = @{ $kind{$name} };

            attempts($wire, $hello, 1);

            my $began = time;

            attempts($wire, $hello, 3);
            cmp_ok(time - $began, '<', 3 + 2, "$name: it is tried each second");
        }

        refused($_, $kind{$_}[0], 1) for sort keys %kind;
        back($wire, 1, %kind);
    };

    # forty that wait for 200 ms each would take eight seconds; after a while
    # pauses are as long as they get

    subtest "$store refuses" => sub {
        $wire->refuse;
        $wire->drop;

        for my $name (sort keys %kind) {
            my $ask = $kind{$name}[0];

            until_code($ask, 503);

            my $began = time;

            refused($name, $ask, $refusals);
            cmp_ok(time - $began, '<', 0.2 * $refusals, 'nobody waits');
        }

        sleep 1.5;
        back($wire, 1, %kind);
    };
}

is(join('', $told->node->nginx->stop), '', 'no alert');

done_testing();
