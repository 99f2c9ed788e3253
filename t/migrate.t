# build.sh migrate: one at a time, all or nothing, never over a file that was
# edited or a database that is newer; a dry run changes nothing; it needs no
# superuser; prune drops what no file creates, and only that.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;
use Stores;
use Tree;

my $pg = Stores::Postgres->start;
my $tree = Tree->new($pg);


sub sql {
    my ($database, $sql) = @_;

    return $pg->psql($sql, dbname => $database);
}


# what is in a database, and which files it knows

sub state {
    my $database = shift;

    return { catalog => Tree::catalog($pg, $database),
             known => sql($database, 'SELECT slice, name, sha256, applied_at
                                        FROM zwfw.migrations ORDER BY 1, 2') };
}


subtest 'a dry run changes nothing' => sub {
    my ($code, $text) = $tree->migrate('--dry-run', 'zwfw_one');

    is($code, 0, 'without a database');
    like($text, qr/zwfw_one: would be made/, 'says what would be made');
    is($pg->psql("SELECT count(*) FROM pg_database
                   WHERE datname = 'zwfw_one'"), 0, 'and makes nothing');

    is(($tree->migrate('zwfw_one'))[0], 0, 'migrates');

    my $was = state('zwfw_one');
    my $more = Tree->new($pg);

    $more->append('modules/core/tables/90-more.sql',
                  'CREATE TABLE zwfw.more (id integer PRIMARY KEY);');
    $more->append('modules/item/api/4-write.sql', "-- other\n");

    ($code, $text) = $more->migrate('--dry-run', 'zwfw_one');
    is($code, 0, 'with one');
    like($text, qr/would apply\n  core\/90-more\n  item\/api\n/,
         'says what it would apply, and no more');
    is_deeply(state('zwfw_one'), $was, 'changes nothing');

    ($code, $text) = $more->migrate('zwfw_one');
    like($text, qr/: applied\n  core\/90-more\n  item\/api\n/, 'applies it');
    is(sql('zwfw_one', 'SELECT count(*) FROM zwfw.more'), 0, 'it is there');

    ($code, $text) = $tree->migrate('zwfw_one');
    is($code, 9, 'an older tree is refused, with a code of its own');
    like($text, qr/ahead of this tree by core\/90-more/, 'with the reason');

    ($code, $text) = $tree->migrate('zwfw_one', 'zwfw_after');
    is($code, 9, 'of several the same');
    is(sql('zwfw_after', 'SELECT version FROM zwfw.schema'), 1, 'others go on');
    $pg->psql('DROP DATABASE zwfw_after');

    $was = state('zwfw_one');
    ($code, $text) = $more->migrate('zwfw_one');
    unlike($text, qr/applied/, 'again: nothing to do');
    is_deeply(state('zwfw_one'), $was, 'nothing is done');
};


subtest 'all or nothing' => sub {
    my $bad = Tree->new($pg);

    $bad->append('modules/core/tables/90-good.sql',
                 'CREATE TABLE zwfw.good (id integer);');
    $bad->append('modules/monitor/tables/90-bad.sql', 'SELECT 1/0;');
    $tree->migrate('zwfw_two');

    my $was = state('zwfw_two');
    my ($code, $text) = $bad->migrate('zwfw_two');

    is($code, 5, 'an error in the last file');
    like($text, qr{ERROR:  monitor/90-bad: division by zero}, 'names the file');
    like($text, qr/nothing was changed/, 'says so');
    is_deeply(state('zwfw_two'), $was, 'and nothing was');
};


subtest 'a file that was edited' => sub {
    my $edited = Tree->new($pg);

    $edited->append('modules/item/tables/01-items.sql', "\n");
    $edited->append('modules/core/tables/90-more.sql',
                    'CREATE TABLE zwfw.more (id integer);');

    my $was = state('zwfw_two');
    my ($code, $text) = $edited->migrate('zwfw_two');

    is($code, 5, 'is refused');
    like($text, qr/item\/01-items was edited after it was applied/, 'by name');
    is_deeply(state('zwfw_two'), $was, 'nothing is changed');
    is(($edited->migrate('--dry-run', 'zwfw_two'))[0], 5,
       'a dry run says so, too');
};


subtest 'two at once' => sub {
    my @pids = map { Proc::spawn(
        command => ['env', "ZWFW_POSTGRES=host=$pg->{dir} user=postgres",
                    'bash', $tree->path('build.sh'), 'migrate', 'zwfw_both'],
        log => $tree->path("log$_")) } 1, 2;

    is(join(' ', map { Proc::finish($_, 60) } @pids), '0 0', 'both succeed');
    is(scalar(() = Tree::shell("cat '" . $tree->path('log') . "'[12]")
              =~ /core\/01-base$/mg), 1, 'one applies, the other waits');
    is_deeply(Tree::catalog($pg, 'zwfw_both'), Tree::catalog($pg, 'zwfw_two'),
              'the database is as another one');
};


subtest 'prune' => sub {
    my $less = Tree->new($pg);

    $less->append('modules/item/api/4-write.sql', <<'SQL');
CREATE OR REPLACE FUNCTION api.item_gone(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;
SQL
    is(($less->migrate('zwfw_two'))[0], 0, 'with a function more');

    my @all = functions();

    $tree->migrate('zwfw_two');
    is_deeply([functions()], \@all, 'migrate drops nothing');
    is(($tree->migrate('--prune', 'zwfw_two'))[0], 0, 'prune');
    is_deeply([functions()], [grep { $_ ne 'item_gone' } @all],
              'drops this one, and no other');
};


# the lock of a migration, and one of a function

subtest 'prune waits for nobody else' => sub {
    my $db = bless { pg => $pg, dbname => 'zwfw_both' }, 'Sql';
    my $holder = $db->user->patient;
    my $log = $tree->path('pruned');
    my $gone = sub {
        return sql('zwfw_both', "SELECT count(*) FROM pg_proc
                                  WHERE proname = 'core_gone'") == 0;
    };

    for ([q{SELECT pg_advisory_lock(hashtext('zwfw.migrations'));},
          q{SELECT pg_advisory_unlock_all();},
          sub { sql('zwfw_both', "SELECT count(*) FROM pg_locks
                     WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database
                                        WHERE datname = 'zwfw_both')") }],
         ['BEGIN; ALTER FUNCTION api.core_gone() STABLE;', 'ROLLBACK;',
          sub { Tree::shell("cat '$log'") =~ /is in use, trying again/ }])
    {
        my ($hold, $free, $waits) = @$_;

        sql('zwfw_both', 'CREATE OR REPLACE FUNCTION api.core_gone()
            RETURNS json LANGUAGE sql AS $$ SELECT NULL::json $$;
            ALTER FUNCTION api.core_gone OWNER TO zwfw_web');
        $holder->ask($hold);

        my $pid = Proc::spawn(log => $log, command => [
            'env', "ZWFW_POSTGRES=host=$pg->{dir} user=postgres", 'bash',
            $tree->path('build.sh'), 'migrate', '--prune', 'zwfw_both']);

        Proc::until_true('it waits', 60, $waits);
        ok(!$gone->(), 'nothing is dropped meanwhile');
        $holder->ask($free);
        is(Proc::finish($pid, 60), 0, 'and then it is')
            or diag(Tree::shell("cat '$log'"));
        ok($gone->(), 'dropped');
    }
};


sub functions {
    return split /\n/, sql('zwfw_two', "SELECT proname FROM pg_proc
        WHERE pronamespace = 'api'::regnamespace ORDER BY 1");
}


subtest 'a notice of holidays' => sub {
    my $file = "$tree->{dir}/2027.json";
    my $write = sub {
        open my $out, '>', $file or die "$file: $!\n";
        print $out shift;
        close $out or die "$file: $!\n";
    };

    $write->('{"year": 2027, "papers": ["https://www.gov.cn/a.htm"], "days":'
             . ' [{"name": "x", "date": "2027-01-01", "isOffDay": true}]}');

    my ($code, $text) = $tree->migrate('--calendar', $file, 'zwfw_two');

    is($code, 0, 'is loaded');
    like($text, qr/zwfw_two: 1 days have become working or free/, 'and told');
    is(sql('zwfw_two', "SELECT working FROM zwfw.days
                         WHERE day = '2027-01-01'"), 'f', 'a day off');

    for (['{"year": 2027, "papers": [], "days": []}',
          qr/calendar 2027: papers: no address of a notice/],
         ['{"papers": ["https://www.gov.cn/a.htm"], "days": [{"name": "x",'
          . ' "date": "2027-01-01", "isOffDay": true}]}', qr/year: it is none/],
         ['{"year": "soon"}', qr/year: it is none/],
         ['<html>', qr/invalid input syntax for type json/])
    {
        $write->($_->[0]);
        ($code, $text) = $tree->migrate('--calendar', $file, 'zwfw_two');
        is($code, 5, 'a broken one is refused');
        like($text, $_->[1], 'and why');
        like($text, qr/zwfw_two: nothing was changed/, 'as a whole');
    }

    is(sql('zwfw_two', 'SELECT count(*) FROM zwfw.calendars'), 1,
       'one was loaded');

    is(($tree->migrate('--calendar', '/nonexistent', 'zwfw_two'))[0], 2,
       'no file');
};


subtest 'without a superuser' => sub {
    $pg->psql('CREATE ROLE plain LOGIN');

    my ($code, $text) = $tree->migrate_as('user=plain dbname=postgres',
                                          'zwfw_plain');
    is($code, 5, 'it may not make a database');
    like($text, qr/ask the administrator: \.\/build\.sh migrate --dba zwfw_p/,
         'says whom to ask, and for what');

    ($code, $text) = $tree->migrate_as('user=plain', '--dba', 'zwfw_plain');
    is($code, 0, 'what the administrator has to run');

    open my $psql, '|-', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d',
        $pg->conninfo or die "psql: $!\n";
    print $psql $text;
    ok(close $psql, 'runs as it is');

    ($code, $text) = $tree->migrate_as('user=plain', 'zwfw_plain');
    is($code, 0, 'then it may') or diag($text);
    is($pg->psql("SELECT rolsuper OR rolcreaterole OR rolcreatedb
                    FROM pg_roles WHERE rolname = 'plain'"), 'f',
       'and is nobody special');
    is(sql('zwfw_plain', 'SELECT string_agg(extname, $$ $$)
                            FROM pg_extension'), 'plpgsql', 'no extension');
    is(sql('zwfw_plain', "SELECT string_agg(rolname, ' ') FROM pg_roles
        WHERE rolname LIKE 'zwfw%' AND (rolsuper OR rolcreaterole
              OR rolcreatedb OR rolreplication OR rolbypassrls
              OR rolcanlogin AND rolname <> 'zwfw_web')"), '',
       'no role is anybody special');
    is_deeply(Tree::catalog($pg, 'zwfw_plain'), Tree::catalog($pg, 'zwfw_two'),
              'as an administrator would have made it');
};


# Only functions have changed, and their number: what is older keeps away.

subtest 'an older tree' => sub {
    my $next = Tree->new($pg);

    Tree::shell("sed -i 's/^[0-9]*/99/' '" . $next->path('modules/item/release')
                . "'");
    $next->append('modules/item/api/4-write.sql', <<'SQL');
CREATE OR REPLACE FUNCTION api.item_next(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;
SQL

    my $equal = Tree->new($pg);

    $equal->append('modules/item/api/4-write.sql', "-- other\n");

    my ($code, $text) = $equal->migrate('zwfw_two');

    is($code, 0, 'functions of the same number may change') or diag($text);

    ($code, $text) = $tree->migrate('--prune', 'zwfw_two');
    is($code, 5, 'but nothing is pruned by another tree');
    like($text, qr{has not what this tree has: item/api$}m, 'as it says');

    ($code, $text) = $next->migrate('zwfw_two');
    like($text, qr{applied\n  item/api\n}, 'the next number') or diag($text);

    my $was = state('zwfw_two');

    for ([], ['--dry-run'], ['--prune']) {
        ($code, $text) = $tree->migrate(@$_, 'zwfw_two');
        is($code, 9, "@$_: the older is refused");
        like($text, qr{ahead of this tree by item/api$}m, 'why');
        is_deeply(state('zwfw_two'), $was, 'and nothing is changed');
    }

    ($code, $text) = $next->migrate('zwfw_two');
    unlike($text, qr/applied/, 'the newer has nothing to do');
    is_deeply(state('zwfw_two'), $was, 'and does nothing');

    # a tree without the last slice, as before there was one

    my $less = Tree->new($pg);

    Tree::shell("cp -R '" . $next->path('modules') . "' '$less->{dir}/'"
                . " && sed -i '\$d' '" . $less->path('modules/order') . "'");

    my ($last) = reverse split ' ', Tree::shell('cat modules/order');

    ($code, $text) = $less->migrate('--prune', 'zwfw_two');
    is($code, 0, 'prune, without a slice') or diag($text);
    is_deeply(state('zwfw_two'), $was, "functions of $last stay");

    # what somebody has dropped

    sql('zwfw_two', 'DROP FUNCTION api.item_topics');
    ($code, $text) = $next->migrate('--prune', 'zwfw_two');
    is($code, 5, 'nothing is pruned where some are missing');
    ($code, $text) = $next->migrate('zwfw_two');
    like($text, qr{applied\n  item/api\n\w}, 'what is missing comes back');
    is_deeply(state('zwfw_two')->{catalog}, $was->{catalog}, 'all of it');
};


# what such a login has made serves: one that registers writes, reads, logs in

subtest 'a node over a database without a superuser' => sub {
    my $plain = Node->new(db => bless { pg => $pg, dbname => 'zwfw_plain' },
                          'Sql');
    my $her = People::register($plain->client);

    ok($her->{uid} // $her->{email}, 'she registers');

    my $http = $plain->client;

    People::login($http, $her);
    is(scalar @{ $http->get('/api/auth/sessions')->json->{items} }, 2,
       'and logs in');
    is($http->get("/$_")->code, 200, "page /$_") for '', 'item/', 'case/';
    Proc::until_true('jobs run', 20, sub {
        sql('zwfw_plain', 'SELECT count(*) > 2 AND count(lease_until) = 0
                             FROM zwfw.jobs') eq 't';
    });
    is(sql('zwfw_plain', 'SELECT string_agg(last_error, $$ $$)
                            FROM zwfw.jobs'), '', 'and do not fail');
    is(join('', $plain->nginx->log_lines(qr/\[error\]/)), '', 'no error');
    is(join('', $plain->nginx->stop), '', 'no alert');
};


# a node and a database of different versions do not work together

my $node = Node->new;
my $http = $node->client;
my ($item) = $node->db->admin(
    "SELECT code FROM zwfw.items WHERE state = 'in_use' LIMIT 1");

is($http->get("/api/item/$item")->code, 200, 'the same version');
is_deeply($http->get('/api/health')->json->{schema},
          { node => 1, database => 1, oldest => 1 }, 'both versions in health');
is(join('', $node->nginx->stop), '', 'no alert');

$node->db->admin('UPDATE zwfw.schema SET version = 2, oldest = 2');
$node = Node->new(db => $node->db, redis => $node->redis);
$http = $node->client;

my $res = $http->get("/api/item/$item");

is($res->code . ' ' . $res->json->{code}, '503 schema_mismatch',
   'another version');
like($res->header('Retry-After'), qr/^\d+$/, 'to be tried again');
like($res->json->{detail}, qr/\p{Han}/, 'in words');

$res = $http->get('/api/health');

is($res->code, 503, 'not healthy');
is_deeply($res->json->{schema}, { node => 1, database => 2, oldest => 2 },
          'both versions in health');
is(scalar(() = $node->nginx->log_lines(
       qr/schema_mismatch, its schema is 2, for nodes of 2 or newer, ours 1/)) > 0, 1, 'and in the log');

$node->db->admin('UPDATE zwfw.schema SET version = 1, oldest = 1');
Proc::until_true('the same version again', 20, sub {
    return $http->get("/api/item/$item")->code == 200;
});
pass('a migrated database is used without a reload');
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
