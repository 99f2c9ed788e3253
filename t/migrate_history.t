# A database of any earlier commit is migrated to what a new one is, and its
# rows stay.  Where there is no history (an export, a shallow clone) it says
# so, and only databases with fewer slices are migrated.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use lib 't/lib';
use Stores;
use Tree;

my $pg = Stores::Postgres->start;
my $now = Tree->new($pg);
my ($code, $text) = $now->migrate('zwfw_new');

is($code, 0, 'a new database') or diag($text);

my %visited;
my $new = Tree::catalog($pg, 'zwfw_new');

cmp_ok(scalar keys %$new, '>', 500, 'all that is in it is read');


# fewer slices, as when one is added later

my @slices = split ' ', Tree::shell('cat modules/order');

for my $n (1 .. $#slices) {
    my $some = Tree->new($pg);

    Tree::shell("printf '%s\n' @slices[0 .. $n - 1] >'"
                . $some->path('modules/order') . "'");
    upgraded("zwfw_some_$n", $some, "with $slices[$n - 1] as the last slice");
}


# The last commits of the newest eight states of tables and roles, and of the
# first one; with ZWFW_LONG=1 of all, and of each state of what is said of
# functions as well, which are replaced by any migration.

my $shallow = eval { Tree::shell(Tree::git() . ' rev-parse'
                                 . ' --is-shallow-repository 2>/dev/null') };
my @commits = split ' ', eval { Tree::shell(
    Tree::git() . ' rev-list --reverse HEAD 2>/dev/null') } // '';

diag('no history: only databases of this tree are migrated') if !@commits;
diag('a shallow clone: of the history it sees ' . @commits . ' commits')
    if ($shallow // '') =~ /true/;

my %seen;
my @states = grep { my $key = state_of($_); $key && !$seen{$key}++ }
    reverse @commits;

for my $commit ($ENV{ZWFW_LONG} || @states < 9 ? @states
                : @states[0 .. 7, -1])
{
    my $name = 'zwfw_' . substr($commit, 0, 12);

    upgraded($name, Tree->new($pg, commit => $commit),
             'of commit ' . substr($commit, 0, 7));
}

ok(!@commits || keys %seen > 1 || $shallow =~ /true/,
   'more than one state in the history');

done_testing();


# What of a commit decides whether its database can be migrated: tables, roles
# and what is said of functions, without their bodies.

my %head;

sub state_of {
    my $commit = shift;

    my $what = $ENV{ZWFW_LONG} ? qr{roles|tables/.*|api.*} : qr{roles|tables/.*};
    my @files = grep { m{\smodules/(?:order|[a-z]+/(?:$what)\.sql)$} }
        split /\n/, Tree::shell(Tree::git() . " ls-tree -r $commit modules");

    return sha256_hex(join "\n", map {
        my ($blob, $path) = /^\d+ blob ([0-9a-f]+)\t(.*)/;

        "$path " . ($head{$blob} //= $path =~ m{/api} ? heads($blob) : $blob);
    } @files) if grep { m{/tables/} } @files;

    return;
}


sub heads {
    my $blob = shift;

    my $sql = Tree::shell(Tree::git() . " cat-file blob $blob");

    return sha256_hex($sql =~ s/--.*//gr =~ s/AS (\$\w*\$).*?\1//gsr
                      =~ s/SELECT zwfw\.describe\(.*?;$//gmsr);
}


# a database of that tree with its demo data is migrated

sub upgraded {
    my ($database, $tree, $name) = @_;

    my ($code, $text) = $tree->migrate($database);

    # a commit that could be applied nowhere has left no database

    if ($code) {
        like($text, qr/ERROR:.*^build\.sh: $database: nothing was changed/ms,
             "$name: was applied nowhere") or diag($text);
        return;
    }

    $tree->demo($database);
    visit($database);
    keep($database);

    ($code, $text) = $now->migrate($database);
    is($code, 0, "$name: migrates") or return diag($text);

    ($code, $text) = $now->migrate('--prune', $database);
    is($code, 0, "$name: prunes") or diag($text);

    compared($database, $name);
    is(lost($database), '', "$name: its rows are there");
    is($pg->psql('SELECT string_agg(d::text, $$ $$ ORDER BY day)
                    FROM zwfw.visit_days d', dbname => $database),
       visited($database) ? '(2026-11-01,3,2) (2026-11-02,1,1)' : '',
       "$name: days of visits");

    $pg->psql("DROP DATABASE $database");
}


# four visits of two people, as they were collected before days were counted

sub visit {
    my $database = shift;

    $pg->psql(<<'SQL', dbname => $database) if visited($database);
INSERT INTO zwfw.visits (at, batch, number, route, status, latency, bytes,
                         visitor)
SELECT at::timestamptz, 1, n, 'GET /', 200, 1, 1, visitor::uuid
  FROM unnest('{2026-11-01 00:00+08,2026-11-01 12:00+08,2026-11-01 12:01+08,
                2026-11-02 00:00+08}'::text[],
              ARRAY[repeat('1', 32), repeat('2', 32), NULL, repeat('1', 32)])
       WITH ORDINALITY AS v (at, visitor, n);
INSERT INTO zwfw.visit_hours
SELECT date_trunc('hour', at), route, 'pc', 2, count(*), 1, 1
  FROM zwfw.visits GROUP BY 1, 2;
SQL
}


sub visited {
    my $database = shift;

    return $visited{$database} //= $pg->psql(
        "SELECT to_regclass('zwfw.visits') IS NOT NULL
                AND to_regclass('zwfw.visit_days') IS NULL",
        dbname => $database) eq 't';
}


# all is as in a new database, but helpers that have no file any more

sub compared {
    my ($database, $name) = @_;

    my $got = Tree::catalog($pg, $database);
    my @more = grep { !exists $new->{$_} } keys %$got;

    is(join("\n", (map { "missing: $_" } grep { !exists $got->{$_} }
                   sort keys %$new),
            (map { "other: $_\n$got->{$_}$new->{$_}" }
             grep { exists $got->{$_} && $got->{$_} ne $new->{$_} }
             sort keys %$new),
            (map { "more: $_" } grep { !/^FUNCTION zwfw|zwfw FUNCTION/ }
             sort @more)), '',
       "$name: is as a new one");
    is(ambiguous($database), '', "$name: no call fits two functions");
}


# functions of a name with as many arguments of the same types, which an older
# one with defaults may be

sub ambiguous {
    my $database = shift;

    return $pg->psql(<<'SQL', dbname => $database);
SELECT string_agg(p.oid::regprocedure || ' and ' || q.oid::regprocedure, ', ')
  FROM pg_proc p JOIN pg_proc q USING (pronamespace, proname)
 WHERE p.pronamespace IN ('zwfw'::regnamespace, 'api'::regnamespace)
   AND p.oid < q.oid
   AND p.pronargs - p.pronargdefaults <= q.pronargs
   AND q.pronargs - q.pronargdefaults <= p.pronargs
   AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[], q.proargtypes::oid[])
                       WITH ORDINALITY AS a (one, other, n)
                    WHERE a.one <> a.other
                      AND a.n <= greatest(p.pronargs - p.pronargdefaults,
                                          q.pronargs - q.pronargdefaults))
SQL
}


# copies all rows

sub keep {
    my $database = shift;

    $pg->psql(<<'SQL', dbname => $database);
CREATE SCHEMA old;
DO $$
DECLARE
    name  text;
BEGIN
    FOR name IN SELECT relname FROM pg_class
                 WHERE relnamespace = 'zwfw'::regnamespace AND relkind = 'r'
                   AND relname NOT IN ('migrations', 'schema')
    LOOP
        EXECUTE format('CREATE TABLE old.%I AS TABLE zwfw.%1$I', name);
    END LOOP;
END $$;

-- tables some rows of which are gone, by the columns that there are still

CREATE FUNCTION old.lost() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name  text;
    list  text;
    gone  boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'old' LOOP
        IF to_regclass('zwfw.' || name) IS NULL THEN
            RETURN NEXT name;
            CONTINUE;
        END IF;

        SELECT string_agg(quote_ident(attname), ', ') INTO list
          FROM pg_attribute o JOIN pg_attribute n USING (attname)
         WHERE o.attrelid = ('old.' || name)::regclass AND o.attnum > 0
           AND n.attrelid = ('zwfw.' || name)::regclass;

        EXECUTE format('SELECT EXISTS (SELECT ROW(%s)::text FROM old.%I
            EXCEPT SELECT ROW(%1$s)::text FROM zwfw.%2$I)', list, name)
           INTO gone;

        IF gone THEN
            RETURN NEXT name;
        END IF;
    END LOOP;
END $$;
SQL
}


# What tables are filled with by their files may be written anew, as it is in a
# new database.  A table that is dropped on purpose stands here.

sub lost {
    my $database = shift;

    my %dropped = (login_failures => 'counters of half an hour');

    return join ' ', grep {
        my $rows = rows('zwfw_new', $_);

        $rows eq '' or $rows ne rows($database, $_);
    } grep { !$dropped{$_} }
        split /\n/, $pg->psql('SELECT old.lost()', dbname => $database);
}


sub rows {
    my ($database, $table) = @_;

    return $pg->psql("SELECT t::text FROM zwfw.$table t ORDER BY 1",
                     dbname => $database);
}
