# The runtime of PostgreSQL: classes and their queues, time that is over,
# statements that are outdated, connections that end.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# the queue has room for what the worker itself writes now and then

my $told = Told->new(block => <<'END');
        postgres_connections 1 1 1;
        postgres_depth 4;
        postgres_waiting 8;
        postgres_timeout 20s 20s;
END
my $nginx = $told->node->nginx;


sub answered {
    my $res = shift;

    return join ' ', $res->code, $res->code == 200 ? () : $res->json->{code};
}


sub answers {
    return join ', ', map { answered($_->answer) } @_;
}


subtest 'the queue is bounded' => sub {
    $told->hold;

    my @in_flight = map { $told->ask(read => 'HOLD') } 1 .. 4;
    $told->until_state(in_flight => 'read', 4);

    my @waiting = map { $told->ask(read => 'HOLD') } 1 .. 8;
    $told->until_state(waiting => 'read', 8);

    my $res = $told->read('PID');
    is(answered($res), '503 store_away', 'one more is refused');
    like($res->header('Retry-After'), qr/^[1-9]/, 'with when to ask again');
    is($told->state(waiting => 'read'), 8, 'and does not wait');

    is(answered($told->write('PID')), '200', 'another class has its own');

    $told->let_go;
    is(answers(@in_flight, @waiting), join(', ', (200) x 12),
       'those in the queue are answered');
};


subtest 'what is slow is in nobody\'s way' => sub {
    $told->hold;

    my $slow = $told->ask(slow => 'HOLD');
    $told->until_state(in_flight => 'slow', 1);

    is(answered($told->read('PID')), '200', 'a read is answered') for 1 .. 3;
    is(answered($told->write('PID')), '200', 'a write as well');
    is($told->state(in_flight => 'slow'), 1, 'while it goes on');

    $told->let_go;
    is(answers($slow), '200', 'it ends');
};


subtest 'a write does not wait for a lock for long' => sub {
    $told->hold;

    my $locked = $told->ask(write => 'HOLD');
    $told->until_state(in_flight => 'write', 1);
    my $behind = $told->ask(write => 'PID');

    is(answers($locked), '503 busy', 'it is refused');
    is(answers($behind), '200', 'the one behind it is not');
    $told->let_go;
};


subtest 'large answers' => sub {
    my @asked = map { $told->ask(read => 'BIG') } 1 .. 4;

    is(length $_->answer->json->{big}, 1000000, 'a million characters')
        for @asked;
    is(length $told->write('BIG')->json->{big}, 1000000, 'of a write');
};


subtest 'statements that are outdated' => sub {
    for my $class (qw(read write)) {
        is(answered($told->$class('PID')), '200', "$class: prepared");

        $told->replace($class, answer => q{'{"new":1}'::json});
        is($told->$class('PID')->json->{new}, 1, 'replaced: the new one runs');
        $told->replace($class);

        $told->$class('FORGET');
        is(answered($told->$class('PID')), '200', 'forgotten by the server');
        is($told->times, 1, 'it ran once');

        $told->drop($class);
        my $res = $told->$class('PID');
        is(answered($res), '503 schema_mismatch', 'no such function');
        like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');

        $told->replace($class);
        is(answered($told->$class('PID')), '200', 'it is there again');

        # the plan's result is another one now

        $told->drop($class);
        $told->replace($class, result => 'jsonb',
                       answer => q{'{"new":2}'::jsonb});
        is(answered($told->$class('PID')),
           $class eq 'read' ? '200' : '503 schema_mismatch', 'another result');
        is($told->$class('PID')->json->{new}, 2, 'then it is known');

        $told->drop($class);
        $told->replace($class);
        $told->$class('PID');
        is(answered($told->$class('PID')), '200', 'and back');
    }
};


subtest 'backends end' => sub {
    for my $class (qw(read write slow)) {
        my $pid = $told->$class('PID');
        is($told->terminate($class), 1, "$class: one backend");
        is(answered($told->$class('PID')), '200', 'idle: nobody notices');
    }

    my $asked = $told->ask(read => 'SLEEP');
    Proc::until_true('it sleeps', 20, sub { $told->times == 1 });
    $told->terminate('read');
    is(answers($asked), '200', 'a read is asked again');
    is($told->times, 2, 'once');

    $asked = $told->ask(write => 'SLEEP');
    Proc::until_true('it sleeps', 20, sub { $told->times == 1 });
    $told->terminate('write');
    is(answers($asked), '503 store_away', 'a write is not');
    is($told->times, 1, 'whatever came of it');
};


subtest 'what was sent after a Prepare that fails' => sub {
    $told->hold;

    my @asked = map { $told->ask(read => 'HOLD') } 1 .. 4;
    $told->until_state(in_flight => 'read', 4);

    # they are asked again, on a connection that has nothing prepared

    $told->drop('read');
    $told->terminate('read');
    is(answers(@asked), join(', ', ('503 schema_mismatch') x 4),
       'all are told the same');

    $told->replace('read');
    $told->let_go;
    is(answered($told->read('PID')), '200', 'the function is there again');
};


subtest 'a database of another version' => sub {
    $told->admin('UPDATE zwfw.schema SET version = 2, oldest = 2');
    $nginx->reload;

    my $http = $told->node->client;
    my $res = $told->read('PID');

    is(answered($res), '503 schema_mismatch', 'the first one');
    like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');

    Proc::until_true('it is known', 20, sub {
        my $health = $http->get('/api/health')->json;
        return ($health->{schema}{database} // 0) == 2
            && $health->{schema}{node} == 1;
    });

    is(answered($told->$_('PID')), '503 schema_mismatch', $_)
        for qw(read write slow);

    $res = $http->get('/item/PID');
    is($res->code, 503, 'a page');
    like($res->text, qr/平台正在升级/, 'says it in words');

    $told->admin('UPDATE zwfw.schema SET version = 1, oldest = 1');
    Proc::until_true('the right one', 20, sub {
        return $told->read('PID')->code == 200
            && $told->write('PID')->code == 200;
    });
    pass('it is found without a reload');
};

is(join('', $nginx->stop), '', 'no alert');


# the time of a question begins when it is asked

my $short = Told->new(db => $told->node->db, redis => $told->node->redis,
                      block => <<'END');
        postgres_connections 1 1 1;
        postgres_timeout 1s 2s;
END

subtest 'time that is over' => sub {
    $short->slow('PID');
    $short->hold;

    my @asked = map { $short->ask(slow => 'HOLD') } 1 .. 2;

    is(answers($asked[0]), '504 timeout', 'the server gives up');
    is(answers($asked[1]), '503 store_away', 'waiting included');

    $short->let_go;
    Proc::until_true('answered again', 20, sub {
        return $short->slow('PID')->code == 200;
    });
    is(scalar $short->node->nginx->log_lines(qr/PostgreSQL is away/), 0,
       'the connection has stayed');
};

done_testing();
