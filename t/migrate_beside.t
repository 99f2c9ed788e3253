# A node goes on while its database is migrated for a newer build, and beside
# nodes of that one: no request fails.  Where a table that is written changes, a
# write may be told to come again, and does, once.  A schema that it would not
# survive is refused while it runs, and refuses it afterwards.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Build;
use Load;
use Node;
use Proc;
use Stores;
use Tree;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $pg = Stores::Postgres->start;
my $tree = Tree->new($pg);


# the same tree, and that of its successor, whose nodes need schema 2

my $build = Build->new(built => 1);

$build->define(NGX_HTTP_ZWFW_SCHEMA => 2);
$build->run('modules');

my ($code, $said) = $tree->migrate('zwfw');

is($code, 0, 'a database') or diag($said);
$tree->demo('zwfw');

my $load;
my $db = bless { pg => $pg, dbname => 'zwfw' }, 'Sql';
my $node = Node->new(db => $db);


sub node {
    return Node->new(db => $db, redis => $node->redis,
                     files => $node->{files});
}


sub next_node {
    local $ENV{TEST_NGINX_LOAD_MODULES} = $ENV{TEST_NGINX_LOAD_MODULES}
        =~ s{\S*(/ngx_http_zwfw_core_module\.so)}{$build->path("dist$1")}er;

    return node();
}


sub schema {
    my ($node, $code) = @_;

    my ($http, $res) = $node->client;

    Proc::until_true('all stores are known', 30, sub {
        $res = $http->get('/api/health');
        exists $res->json->{schema}{database} && $res->code == $code
            && $res->json->{redis} eq 'up';
    });

    return $res->json->{schema};
}


# the n-th release after this one: tables, columns, functions; the last two change
# what everybody writes at the time

sub release {
    my ($n, $more) = @_;

    my $next = Tree->new($pg);

    $next->append("modules/core/tables/9$_-next.sql", <<"SQL") for 1 .. $n;
CREATE TABLE zwfw.next_$_ (id uuid PRIMARY KEY, text text);
GRANT SELECT, INSERT ON zwfw.next_$_ TO zwfw_citizen;
ALTER TABLE zwfw.regions ADD next_$_ text DEFAULT 'next';
UPDATE zwfw.schema SET version = 2;
SQL
    $next->append("modules/core/tables/9$_-next.sql", <<"SQL") for 4 .. $n;
ALTER TABLE zwfw.cases ADD next_$_ text;
ALTER TABLE zwfw.users ADD next_$_ text;
SQL
    $next->append($_, "-- $n\n")
        for qw(modules/case/api/8-handle.sql modules/item/api/2-guide.sql);
    $next->append('modules/core/tables/99-last.sql', $more) if $more;

    return $next;
}


sub migrated {
    my $n = shift;

    ($code, $said) = release($n)->migrate('zwfw');
    is($code, 0, "release $n") or diag($said);
    like($said, qr{ core/9$n-next\n.* item/api\n.* case/api\n}s,
         'has tables and functions');
    $load->told(1, 200, $load->kinds);
}


$load = Load->new(node => $node, clients => 3, of_one => 30,
                     order => [qw(item draft me page submit greeting)]);

$load->answered(3, $load->kinds);
is_deeply(schema($node, 200), { node => 1, database => 1, oldest => 1 },
          'a schema of its own');


subtest 'migrated under load' => sub {
    $load->phase(migrated => sub { migrated($_) for 1 .. 3 });
    $load->only(migrated => qr/ 200$/, 'no request fails');
};


subtest 'tables that are written change' => sub {
    $load->phase(changed => sub { migrated($_) for 4 .. 5 });
    $load->only(changed => qr/ 200$|^(?:draft|submit) 503$/,
                'no request fails that only reads');
};


subtest 'a table is in use for long' => sub {
    my $reader = $db->user->patient;
    my $next = release(6);

    $db->admin('GRANT SELECT ON zwfw.cases TO zwfw_web');
    $reader->ask('BEGIN;');
    is(($reader->ask('LOCK TABLE zwfw.cases IN ACCESS SHARE MODE;'))[0],
       '00000', 'as by a dump');

    my $log = $next->path('log');
    my $pid = Proc::spawn(log => $log, command => [
        'env', "ZWFW_POSTGRES=host=$pg->{dir} user=postgres", 'bash',
        $next->path('build.sh'), 'migrate', 'zwfw']);

    Proc::until_true('it waits', 60, sub {
        Tree::shell("cat '$log'") =~ /a table is in use, trying again/;
    });
    $load->phase(waits => sub { $load->told(3, 200, $load->kinds) });
    $load->only(waits => qr/ 200$/, 'nobody waits with it');
    $reader->ask('ROLLBACK;');
    is(Proc::finish($pid, 60), 0, 'it migrates then');
    $db->admin('REVOKE SELECT ON zwfw.cases FROM zwfw_web');
};


subtest 'the older node and a newer one' => sub {
    my $next = next_node();

    is_deeply(schema($next, 200), { node => 2, database => 2, oldest => 1 },
              'the newer');
    is($next->client->get('/api/item/topics')->code, 200, 'works');
    is(join('', $next->nginx->stop), '', 'no alert');

    # one that connects now

    my $same = node();

    is_deeply(schema($same, 200), { node => 1, database => 2,
                               oldest => 1 }, 'the older');
    is($same->client->get('/api/item/topics')->code, 200, 'works');
    is($db->admin('SELECT zwfw.schema_version()'), 1,
       'also one that compares for equality');
    is(join('', $same->nginx->stop), '', 'no alert');
};


my $last = release(6, 'UPDATE zwfw.schema SET version = 3, oldest = 2;');

subtest 'what it would not survive' => sub {
    ($code, $said) = $last->migrate('zwfw');
    is($code, 5, 'is refused');
    like($said, qr/older nodes cannot go on with it: stop them first/, 'why');
    like($said, qr/nothing was changed/, 'as a whole');
    is($db->admin('SELECT zwfw.schema_span()'), '1 2', 'and nothing was');
    $load->phase(refused => sub { $load->told(3, 200, $load->kinds) });
    $load->only(refused => qr/ 200$/, 'no request fails');
};


$load->stop;
$load->sound;
$load->kept(30);
is(join('', $node->nginx->stop), '', 'no alert');


subtest 'without nodes' => sub {
    Proc::until_true('nobody is connected', 30, sub {
        !$db->admin("SELECT count(*) FROM pg_stat_activity
                      WHERE usename = 'zwfw_web'");
    });
    ($code, $said) = $last->migrate('zwfw');
    is($code, 0, 'it is migrated') or diag($said);

    my $next = next_node();

    is_deeply(schema($next, 200), { node => 2, database => 3,
                               oldest => 2 }, 'the newer node');
    is($next->client->get('/api/item/topics')->code, 200, 'works');
    is(join('', $next->nginx->stop), '', 'no alert');

    my $old = node();

    is_deeply(schema($old, 503), { node => 1, database => 3,
                              oldest => 2 }, 'the older');

    my $res = $old->client->get('/api/item/topics');

    is($res->code . ' ' . $res->json->{code}, '503 schema_mismatch',
       'is refused');
    ok($old->nginx->log_lines(qr/its schema is 3, for nodes of 2 or newer,/),
       'as the log says');
    is($db->admin('SELECT zwfw.schema_version()'), 2, 'as any older one');
    is(join('', $old->nginx->stop), '', 'no alert');
};

done_testing();
