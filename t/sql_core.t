# Rights, functions, refusals, cursors: core's SQL, asked as nginx asks; what
# holds for the functions of all slices.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Rows;
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new(slices => [Rows::slices()]);
my $nobody = $db->user;


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
        ['once', 'schema_span', 'schema_version'], 'and executes helpers');

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

    for ('%%%', 'abcde', 'W10', 'WzFd', 'eyJhIjoxfQ', 'WzEsWzFdXQ', '',
         'bnVsbA')
    {
        is($nobody->refused('item_search', { after => $_ }),
           '422 bad_cursor after', "bad: $_");
    }

    for ('["x", 1, "019a0000-0000-7000-8000-000000000001"]',
         '[null, 1, "019a0000-0000-7000-8000-000000000001"]',
         '[1, 1, "no"]', '[1, 1]', '[99999999999, 1, "no"]')
    {
        my $after = $db->admin("SELECT zwfw.cursor('$_')");

        is($nobody->refused('item_search', { after => $after }),
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


subtest 'ids among texts' => sub {
    my $id = Sql::uuid();

    is($db->admin("SELECT zwfw.uuids(ARRAY['11990100MB0DEM033R3000199002000',"
                  . " '$id', '$id-', '', 'x'])"), "{$id}", 'and nothing else');
};


subtest 'version' => sub {
    is(($nobody->ask('SELECT zwfw.schema_span();'))[1], "1 1\n",
       'nginx may ask for it');

    $db->admin('UPDATE zwfw.schema SET version = 3, oldest = 2');
    is(($nobody->ask('SELECT zwfw.schema_span();'))[1], "2 3\n",
       'for whom it works');
    is(($nobody->ask('SELECT zwfw.schema_version();'))[1], "2\n",
       'to who wants an equal one: the oldest');
    ok(!eval { $db->admin('UPDATE zwfw.schema SET oldest = 4'); 1 },
       'it works for its own');
    $db->admin('UPDATE zwfw.schema SET version = 1, oldest = 1');
};

done_testing;
