# Rights, functions, refusals, cursors, repeated requests, jobs: core's SQL,
# asked as nginx asks.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Proc;
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new;
my $nobody = $db->user;
my $operator = $db->user(uid => Sql::uuid(), roles => 'clerk,operator');


# rows of one column

sub rows {
    return split /\n/, $db->admin($_[0]);
}


subtest 'rights' => sub {
    is_deeply([rows(q{
        SELECT c.oid::regclass FROM pg_class c, unnest(ARRAY['SELECT',
                   'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
         WHERE c.relnamespace IN ('zwfw'::regnamespace, 'api'::regnamespace)
           AND c.relkind IN ('r', 'v', 'p')
           AND has_table_privilege('zwfw_web', c.oid, p)})],
        [], 'nginx reads and writes no table');

    is_deeply([rows(q{
        SELECT p.proname FROM pg_proc p
         WHERE p.pronamespace = 'zwfw'::regnamespace
           AND has_function_privilege('zwfw_web', p.oid, 'EXECUTE')
         ORDER BY 1})],
        ['once', 'schema_version'], 'and executes two helpers');

    is_deeply([rows(q{
        SELECT p.oid::regprocedure FROM pg_proc p
         WHERE p.pronamespace IN ('zwfw'::regnamespace, 'api'::regnamespace)
           AND has_function_privilege('public', p.oid, 'EXECUTE')})],
        [], 'strangers execute nothing');

    is_deeply([rows(q{
        SELECT c.oid::regclass FROM pg_class c
         WHERE c.relnamespace = 'zwfw'::regnamespace AND c.relkind = 'r'
           AND c.relowner <> 'zwfw_owner'::regrole})],
        [], 'tables belong to the owner');

    is_deeply([rows(q{
        SELECT polrelid::regclass || ' ' || r FROM pg_policy, unnest(polroles) r
         GROUP BY polrelid, r HAVING count(*) > 1})],
        [], 'one policy per table and role');

    like(($nobody->ask('SELECT * FROM zwfw.audit;'))[1],
         qr/42501: permission denied/, 'a table is refused');

    $db->file('modules/core/roles.sql');
    pass('roles.sql runs twice');
};


subtest 'functions of api' => sub {
    my $all = "FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace";

    cmp_ok($db->admin("SELECT count(*) $all"), '>', 10, 'there are some');

    my %rule = (
        'signature' => "pg_get_function_arguments(p.oid)"
            . " = 'args jsonb, body jsonb' AND p.prorettype = 'json'::regtype",
        'plpgsql' => "p.prolang = (SELECT oid FROM pg_language"
            . " WHERE lanname = 'plpgsql')",
        'security definer' => 'p.prosecdef',
        'search_path' => "'search_path=zwfw, pg_temp' = ANY (p.proconfig)",
        'owner' => "p.proowner::regrole::text"
            . " IN ('zwfw_citizen', 'zwfw_staff', 'zwfw_system')",
        'nginx may execute' =>
            "has_function_privilege('zwfw_web', p.oid, 'EXECUTE')",
        'schema of the reply' => "(obj_description(p.oid)::jsonb->>'type')"
            . " = 'object' AND obj_description(p.oid)::jsonb"
            . " ? 'additionalProperties'",
    );

    for my $name (sort keys %rule) {
        is_deeply([rows("SELECT p.proname $all"
                        . " AND ($rule{$name}) IS NOT TRUE")],
                  [], $name);
    }

    is_deeply([rows(q{
        SELECT p.oid::regprocedure FROM pg_proc p
         WHERE p.pronamespace IN ('zwfw'::regnamespace, 'api'::regnamespace)
           AND (length(p.prosrc)
                - length(replace(p.prosrc, E'\n', ''))) > 41})],
        [], 'at most 40 lines');
};


subtest 'plpgsql_check is silent' => sub {
    is_deeply([rows(q{
        SELECT p.oid::regprocedure || ' ' || c
          FROM pg_proc p,
               LATERAL plpgsql_check_function(p.oid::regprocedure,
                           security_warnings => true) c
         WHERE p.pronamespace IN ('zwfw'::regnamespace, 'api'::regnamespace)
           AND p.prolang = (SELECT oid FROM pg_language
                             WHERE lanname = 'plpgsql')
           AND p.prorettype <> 'trigger'::regtype
           AND c !~ 'unused parameter "(args|body)"'})], [], 'functions');

    is_deeply([rows(q{
        SELECT t.tgname || ' ' || c
          FROM pg_trigger t,
               LATERAL plpgsql_check_function(t.tgfoid, t.tgrelid) c
         WHERE NOT t.tgisinternal})], [], 'triggers');
};


subtest 'who asks' => sub {
    is($db->admin("SELECT zwfw.me() IS NULL AND zwfw.my_body() IS NULL"
                  . " AND zwfw.my_level() IS NULL AND zwfw.my_roles() IS NULL"
                  . " AND NOT zwfw.has_role('clerk')"), 't', 'nobody');

    is($db->admin("BEGIN; SELECT set_config('zwfw.uid', '', true),"
                  . " set_config('zwfw.level', '', true);"
                  . " SELECT zwfw.me() IS NULL AND zwfw.my_level() IS NULL"),
       "|\nt", 'an ended setting is nobody');

    is($db->admin("BEGIN; SELECT set_config('zwfw.roles', 'clerk,approver',"
                  . " true); SELECT zwfw.has_role('approver'),"
                  . " zwfw.has_role('approve')"),
       "clerk,approver\nt|f", 'roles');
};


subtest 'refusals' => sub {
    is($nobody->refused('item_show', { code => 'x' }), '404 item_not_found',
       'status and code');
    is($nobody->refused('item_search', { after => '!' }),
       '422 bad_cursor after', 'and field');
};


subtest 'cursors' => sub {
    my $after = sub {
        $db->admin("SELECT zwfw.after(jsonb_build_object('after', $_[0]),"
                   . " VARIADIC '{$_[1]}')");
    };
    my $cursor = q{zwfw.cursor('[7, "2026-11-23T10:00:00+08:00", "甲乙"]')};

    is($after->($cursor, 'int4,timestamptz,text'),
       '{7,2026-11-23T10:00:00+08:00,甲乙}', 'there and back');
    unlike($db->admin("SELECT $cursor"), qr/[^A-Za-z0-9_-]/, 'base64url');
    is($after->('NULL::text', 'int4'), '', 'none: the first page');

    for ('%%%', 'abcde', 'W10', 'WzFd', 'eyJhIjoxfQ', 'WzEsWzFdXQ', '', 'bnVsbA') {
        is($nobody->refused('item_search', { after => $_ }),
           '422 bad_cursor after', "bad: $_");
    }

    for ('["x", 1, "019a0000-0000-7000-8000-000000000001"]',
         '[null, 1, "019a0000-0000-7000-8000-000000000001"]',
         '[1, 1, "no"]', '[1, 1]', '[99999999999, 1, "no"]')
    {
        is($nobody->refused('item_search',
                            { after => $db->admin("SELECT zwfw.cursor('$_')") }),
           '422 bad_cursor after', "mistyped: $_");
    }
};


subtest 'credit codes' => sub {
    is($db->admin("SELECT zwfw.is_credit_code('$_')"), 't', $_)
        for '91110000101623741K', '11310000MB2F30661Y', '11990000MB0DEM025R';
    is($db->admin("SELECT zwfw.is_credit_code('$_')"), 'f', "no: $_")
        for '91110000101623741L', '11310000MB2F3O661Y', '1199', '';
    is($db->admin("SELECT zwfw.is_credit_code("
                  . "overlay('11990000MB0DEM025R' placing '$_' from 9))"),
       'f', "one character: $_") for 0 .. 9, 'A';
};


subtest 'sealed values' => sub {
    is($db->admin("SELECT zwfw.sealed('users.email',"
                  . " '019a0000-0000-7000-8000-000000000001', 'zs1:1:x'),"
                  . " zwfw.sealed('a', NULL, NULL) IS NULL"),
       '{"sealed" : ["users.email", "019a0000-0000-7000-8000-000000000001", '
       . '"zs1:1:x"]}|t', 'names column and row');
};


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
    is($operator->call('core_sweep')->{replies}, 2, 'old ones are swept');
};


subtest 'the same request at the same time' => sub {
    my @they = map { $db->user(uid => '019a0000-0000-7000-8000-00000000000a') }
        1 .. 4;
    my $before = runs();

    my $sql = $they[0]->statement(once('race', 'd', 'run', 9));
    $they[0]->ask('BEGIN;');
    my ($state, $answer) = $they[0]->ask($sql);
    is($state, '00000', 'one is in the middle');

    $_->send($sql) for @they[1 .. 3];
    Proc::until_true('the others', 10, sub {
        $db->admin("SELECT count(*) FROM pg_stat_activity"
                   . " WHERE wait_event_type = 'Lock'") == 3;
    });
    pass('the others wait');

    $they[0]->ask('COMMIT;');
    is(($_->receive)[1], $answer, 'the same answer') for @they[1 .. 3];
    is(runs(), $before + 1, 'it ran once');

    $_->{me}{uid} = '019a0000-0000-7000-8000-00000000000b' for @they;
    $sql = $they[0]->statement(once('race', 'd', 'run', 9));
    $they[0]->ask('BEGIN;');
    $they[0]->ask($sql);
    $they[1]->send($sql);
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


subtest 'ping' => sub {
    is($nobody->call('core_ping')->{version}, 1, 'version');
    like($nobody->call('core_ping')->{at}, qr/^\d{4}-\d\d-\d\dT.*\+08:00$/,
         'time, with zone');
    is(($nobody->ask('SELECT zwfw.schema_version();'))[1], "1\n", 'the same');
};

done_testing;
