# Requests that come twice run once; jobs run on one node.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Sql;
use Test::More;

my $db = Sql->new(slices => ['core']);
my $nobody = $db->user;


# a function that counts how often it ran

$db->admin(q{
    SET ROLE zwfw_owner;
    CREATE TABLE zwfw.runs (n integer);
    GRANT INSERT, SELECT ON zwfw.runs TO zwfw_system;
    CREATE FUNCTION api.run(args jsonb, body jsonb) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
    BEGIN
        INSERT INTO runs VALUES ((args->>'n')::integer);
        IF body ? 'fail' THEN
            PERFORM fail('no', 409);
        END IF;
        RETURN json_build_object('n', args->'n', 'uid', me());
    END $$;
    ALTER FUNCTION api.run OWNER TO zwfw_system});

sub once {
    my ($key, $digest, $call, $n, $body) = @_;

    return "zwfw.once('$key', '$digest', '$call', '{\"n\": $n}', '"
        . ($body // '{}') . "')";
}

sub runs {
    return $db->admin('SELECT count(*) FROM zwfw.runs');
}


subtest 'a request repeated' => sub {
    my $he = $db->user(uid => Sql::uuid());
    my $she = $db->user(uid => Sql::uuid());
    my $ask = sub { (shift->ask($_[0]))[1] };

    my $first = $he->statement(once('k1', 'd1', 'run', 1));
    my $answer = $ask->($he, $first);
    like($answer, qr/"n" : 1, "uid" : "$he->{me}{uid}"/, 'the answer');
    is($ask->($he, $first), $answer, 'comes again');
    is(runs(), 1, 'it ran once');

    is($he->refusal($he->statement(once('k1', 'd2', 'run', 1))),
       '422 idempotency_conflict', 'another body');
    is($he->refusal($he->statement(once('k1', 'd1', 'core_sweep', 1))),
       '422 idempotency_conflict', 'another function');

    like($ask->($she, $she->statement(once('k1', 'd1', 'run', 2))),
         qr/"n" : 2/, 'the same key of somebody else');
    like($ask->($nobody, $nobody->statement(once('k1', 'd1', 'run', 3))),
         qr/"n" : 3/, 'and of nobody');
    is(runs(), 3, 'three ran');

    my $bad = $he->statement(once('k2', 'd1', 'run', 1, '{"fail": 1}'));
    is($he->refusal($bad), '409 no', 'a refusal');
    is($he->refusal($bad), '409 no', 'is not kept');
    is(runs(), 3, 'nor what it did');

    is($he->refusal($he->statement(once('k3', 'd', $_, 1))), '42883',
       "no such function: $_") for 'nothing', 'run"(1); --', '';

    $db->admin("UPDATE zwfw.replies SET at = at - interval '25 hours'");
    $ask->($he, $first);
    is(runs(), 4, 'after a day it runs again');
    is($nobody->call('core_sweep')->{replies}, 2, 'old ones are swept');
};


subtest 'the same request at the same time' => sub {
    my @they = map {
        $db->user(uid => '019a0000-0000-7000-8000-00000000000a')->patient
    } 1 .. 4;
    my $before = runs();

    my $sql = $they[0]->statement(once('race', 'd', 'run', 9));
    $they[0]->ask('BEGIN;');
    my ($state, $answer) = $they[0]->ask($sql);
    is($state, '00000', 'one is in the middle');

    $_->send($sql) for @they[1 .. 3];
    $db->until_locked(3);

    $they[0]->ask('COMMIT;');
    is(($_->receive)[1], $answer, 'the same answer') for @they[1 .. 3];
    is(runs(), $before + 1, 'it ran once');

    $_->{me}{uid} = '019a0000-0000-7000-8000-00000000000b' for @they;
    $sql = $they[0]->statement(once('race', 'd', 'run', 9));
    $they[0]->ask('BEGIN;');
    $they[0]->ask($sql);
    $they[1]->send($sql);
    $db->until_locked(1);
    $they[0]->ask('ROLLBACK;');
    is(($they[1]->receive)[0], '00000', 'undone: the next one runs');
    is(runs(), $before + 2, 'once');
};


subtest 'jobs' => sub {
    my $claim = sub {
        $nobody->call('job_claim', { name => 'j', node => $_[0],
                                     every => $_[1] })->{claimed};
    };

    ok($claim->('a', 1000), 'the first node runs it');
    ok(!$claim->('b', 1000), 'the second does not');
    $nobody->call('job_done', { name => 'j', node => 'a', error => 'away' });
    is($db->admin('SELECT last_error, lease_until IS NULL FROM zwfw.jobs'),
       'away|t', 'its end is noted');
    ok(!$claim->('b', 60000), 'it is not yet time');
    ok($claim->('b', 0), 'now it is');

    $nobody->call('job_done', { name => 'j', node => 'a' });
    ok(!$claim->('a', 0), 'another node ends nothing');
    $db->admin('UPDATE zwfw.jobs SET lease_until = now()');
    ok($claim->('a', 0), 'the lease of a dead node ends');
};

done_testing;
