# A server that takes no connection: it has none left, it is starting, or it is
# a standby alone.  Each is 503 with when to ask again, and is over by itself.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $told = Told->new(block => 'postgres_connections 1 2 1;');
my ($nginx, $db) = ($told->node->nginx, $told->node->db);


sub refused {
    my ($told, $name) = @_;

    for my $class (qw(read write slow)) {
        my $res = $told->$class('PID');

        is($res->code, 503, "$name: $class");
        is($res->json->{code}, 'store_away', 'the store is away');
        like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');
    }

    my $res = $told->node->client->get('/item/PID');

    is($res->code, 503, "$name: a page");
    unlike($res->text, qr/FATAL|PostgreSQL|53300|57P03/, 'in words');
}


sub answers {
    my ($told, $name) = @_;

    for my $class (qw(read write slow)) {
        ok(eval {
            Proc::until_true('an answer', 20, sub {
                $told->$class('PID')->code == 200;
            });
        }, "$name: $class") or diag($@);
    }
}


subtest 'no connection is left' => sub {
    answers($told, 'before');
    $told->admin('ALTER ROLE zwfw_web CONNECTION LIMIT 0');
    $told->terminate($_) for qw(read write slow listen);
    $nginx->wait_log(qr/away for class $_/) for qw(read write slow);
    refused($told, 'none');

    # a few, so that some classes have one

    $told->admin('ALTER ROLE zwfw_web CONNECTION LIMIT -1');
    answers($told, 'after');
};


subtest 'one is left, another is not to be had' => sub {
    $told->hold;

    my $held = $told->ask(write => 'HOLD');

    $told->until_state(in_flight => 'write', 1);
    $told->admin('ALTER ROLE zwfw_web CONNECTION LIMIT 0');

    my $behind = $told->ask(write => 'PID');

    is($held->answer->json->{code}, 'busy', 'the first one is answered');
    is($behind->answer->code, 200, 'the one behind it has its connection');
    $told->let_go;
    $told->admin('ALTER ROLE zwfw_web CONNECTION LIMIT -1');
};


# who waits is told at once, not when the time is over: nobody would wait for
# that here

subtest 'it dies while they are asked' => sub {
    my $long = Told->new(db => $db, redis => $told->node->redis, of => $told,
                         block => 'postgres_connections 1 1 1;
                                   postgres_timeout 60s 60s;');

    answers($long, 'before');
    $long->hold;

    my @asked = map { [$_, $long->ask($_ => 'STAY')] } qw(read write slow);

    $long->until_state(in_flight => $_, 1) for qw(read write slow);

    push @asked, ['write', $long->ask(write => 'PID')];
    Proc::until_true('it waits, as does a job', 20,
                     sub { $long->state(waiting => 'write') });
    $db->{pg}->crash;

    for (@asked) {
        my ($class, $http) = @$_;
        my $res = eval { $http->answer };

        ok($res, "$class: answered") or diag($@);
        is($res && $res->code, 503, "$class: refused");
    }

    $db->{pg}->launch;
    delete $long->{holder};
    answers($long, 'after');
    is(join('', $long->node->nginx->stop), '', 'no alert');
    answers($told, 'after');
};


# a standby that is not to be read answers as a server does that is starting

my $standby = $db->{pg}->standby;

$standby->stop;
$standby->{cold} = 1;
$standby->write_settings('hot_standby = off');
$standby->launch;

my $alone = Told->new(db => $db, redis => $told->node->redis, of => $told,
    postgres => $standby->conninfo(dbname => 'zwfw', user => 'zwfw_web'));

subtest 'it is starting' => sub {
    ok(!eval { $standby->psql('SELECT 1') }, 'nobody is let in');
    like($@, qr/not accepting connections/, 'with that reason');
    $alone->node->nginx->wait_log(qr/away for class $_/, 20)
        for qw(read write slow);
    refused($alone, 'starting');
    ok(!defined $alone->node->client->get('/api/health')->json
       ->{schema}{database}, 'nothing is known of its schema');
};


# one that can be read, and not written

subtest 'it is a standby' => sub {
    $standby->stop;
    $standby->{cold} = 0;
    $standby->write_settings('hot_standby = on');
    $standby->launch;

    Proc::until_true('it can be read', 20, sub {
        $alone->node->client->get('/api/health')->json->{status} eq 'ok';
    });

    my $res = $alone->write('PID');

    is($res->code, 503, 'it cannot be written');
    like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');
};

is(join('', $_->node->nginx->stop), '', 'no alert') for $told, $alone;

done_testing();
