# Lists among 300,000 rows: neither a Seq Scan nor a Sort, whatever the filter,
# in the first plans of a connection and in those it settles for.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Encode qw(encode_utf8);
use JSON::PP ();
use Rows;
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new(slices => [Rows::slices()]);
my $body = '019a0000-0000-7000-9000-000000000007';
my $uid = '019a0000-0000-7000-a000-000000000007';


# 3,000 counties with 100 items each; what a name is found by is asked for once,
# and codes that are right are not checked

$db->fill([qw(items audit regions bodies item_catalog users visit_rings jobs)],
          q{
INSERT INTO zwfw.regions (code, name, parent, level)
SELECT '99' || lpad(n::text, 4, '0'), '测试县', '370100', 4
  FROM generate_series(1, 3000) n;

INSERT INTO zwfw.bodies (id, credit_code, name, short_name, level, region)
SELECT ('019a0000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid,
       c || zwfw.credit_check(c), '测试局（演示）', '测试局（演示）', 4,
       '99' || lpad(n::text, 4, '0')
  FROM generate_series(1, 3000) n,
       LATERAL (SELECT '1199' || lpad(n::text, 4, '0') || 'MB0DEMXX0' AS c) x;

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT '000198' || lpad(k::text, 6, '0'),
       substr('食品药品道路水路建筑户外公共场所劳务医疗机动不动产社保生育户口档案森林矿产',
              k / 5 + 1, 2)
       || (ARRAY['生产经营许可', '变更登记', '注销登记', '信息备案',
                 '资格认定'])[k % 5 + 1],
       (ARRAY['01', '07', '20'])[k % 3 + 1], '法', '{4}'
  FROM generate_series(0, 99) k;

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT '000197' || lpad(k::text, 6, '0'), '测试目录',
       (ARRAY['01', '07', '20'])[k % 3 + 1], '法', '{4}'
  FROM generate_series(1, 30000) k;

CREATE TEMP TABLE names ON COMMIT DROP AS
SELECT name, zwfw.tokens(name) AS list FROM zwfw.item_catalog GROUP BY name;
CREATE TEMP TABLE was ON COMMIT DROP AS
SELECT pg_get_functiondef('zwfw.tokens'::regproc) AS def;
CREATE OR REPLACE FUNCTION zwfw.tokens(words text, asking boolean DEFAULT false)
RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT list FROM names WHERE name = words);
END $$;
ALTER TABLE zwfw.items DROP CONSTRAINT items_code_check;

INSERT INTO zwfw.items (id, code, version, state, catalog_code, name, type,
    body, level, region, anticipate_day, promise_day, objects, topics, heat,
    updated_at)
SELECT gen_random_uuid(), b.credit_code || '4' || k.code, 1,
       CASE right(k.code, 2) WHEN '99' THEN 'pending' WHEN '98' THEN 'draft'
       ELSE 'in_use' END, k.code, k.name, k.type, b.id, '4', b.region, 20, 5,
       '{1}', ARRAY['u' || lpad((right(k.code, 2)::integer % 30)::text, 2,
                                '0')],
       random() * 100000, now() - random() * interval '300 days'
  FROM zwfw.bodies b, zwfw.item_catalog k
 WHERE b.short_name LIKE '测试局%' AND k.code LIKE '000198%';

ALTER TABLE zwfw.items ADD CONSTRAINT items_code_check
    CHECK (zwfw.is_item_code(code)) NOT VALID;
DO $$ BEGIN EXECUTE (SELECT def FROM was); END $$;

INSERT INTO zwfw.audit (chain, seq, at, uid, action, outcome, prev_hash, hash)
SELECT n % 16, n / 16 + 1, now() - n * interval '1 minute',
       ('019a0000-0000-7000-a000-' || lpad((n % 1000)::text, 12, '0'))::uuid,
       (ARRAY['case_accept', 'item_save', 'login'])[n % 3 + 1], 'ok', '', ''
  FROM generate_series(0, 299999) n;

INSERT INTO zwfw.users (id, kind, name, email, email_index, password,
                        created_at)
SELECT ('019a0000-0000-7000-a000-' || lpad(n::text, 12, '0'))::uuid,
       CASE WHEN n < 1000 THEN 'staff' ELSE 'natural' END,
       CASE WHEN n = 7 THEN '测试孤名' ELSE '测试人' || n % 10 END, 'x',
       '1:' || n, 'x', now()
  FROM generate_series(0, 299999) n;

INSERT INTO zwfw.visit_rings (node, epoch, ring, expected, lost, stored,
                              reported_at)
SELECT lpad(to_hex(n % 50), 16, '0'), 1795000000000 + n / 200 * 1000,
       n / 50 % 4, 10, 0, 10, now()
  FROM generate_series(0, 299999) n;

INSERT INTO zwfw.jobs (name, every, node, last_at)
SELECT 'x' || n, interval '1 hour', 'x', now()
  FROM generate_series(1, 300000) n
});

is($db->admin('SELECT count(*) >= 300000 FROM zwfw.items'), 't',
   '300,000 items');
is($db->admin('SELECT count(*) FROM zwfw.items WHERE hashtext(code) % 100 = 0
                  AND (words <> zwfw.item_words(state, code, name, keywords,
                                region, type, objects, topics)
                       OR NOT zwfw.is_item_code(code))'), 0,
   'that could be written so');


# From 16 on PostgreSQL may sort in the plan what an aggregate is given in an
# order, the versions before do so out of sight: that is not what is looked for.

my $version = $db->admin('SHOW server_version_num');
my $aggregates = $version < 160_000 ? ''
    : 'SET enable_presorted_aggregate = off;';


# all plans of a call, also of the statements inside; asked seven times, so
# that a cached plan is among them

sub plans {
    my ($roles, $call, $args) = @_;

    my $sql = "SELECT api.$call('$args', '{}');\n";
    return $db->admin(
        "$aggregates LOAD 'auto_explain';"
        . 'SET auto_explain.log_min_duration = 0;'
        . 'SET auto_explain.log_nested_statements = on;'
        . "SELECT set_config('zwfw.roles', '$roles', false),"
        . " set_config('zwfw.body', '$body', false);"
        . 'SET client_min_messages = log; SET ROLE zwfw_web;' . $sql x 7);
}


# where the first page ends

sub cursor_of {
    my ($roles, $call, $args) = @_;

    my $answer = $db->user(roles => $roles, body => $body)
        ->call($call, JSON::PP->new->decode(encode_utf8($args)));
    return $answer->{next};
}


# without small tables, and without the pages of several bodies being merged

sub found {
    my ($text, $what) = @_;

    return [grep { !/ on (item_topics|clock|visit_totals|audit_names|"\*VALUES\*")/ }
            $text =~ /($what)/g];
}


my @lists = (
    ['operator', 'audit_list', '{}'],
    ['operator', 'audit_list', qq({"uid": "$uid"})],
    ['operator', 'audit_list', '{"action": "item_save", "from": "2020-01-01"}'],
    ['operator', 'audit_list', '{"staff": "孤名"}'],
    ['operator', 'core_jobs', '{}'],
    ['operator', 'monitor_ledger', '{}'],
    ['item_manager', 'item_own_list', '{}'],
    ['item_manager', 'item_own_list', '{"state": "in_use"}'],
    ['item_editor', 'item_pending_list', '{}'],
    ['', 'item_catalog', '{}'],
    ['', 'item_catalog', '{"type": "01"}'],
    ['', 'item_home', '{}'],
    ['', 'item_topics', '{}'],
    ['', 'item_search', '{}'],
    ['', 'item_search', '{"topic": "u11"}'],
);

# each list that there is, by its reply; those of cases are in sql_case_plans.t

is_deeply([grep { my $call = $_; !grep { $_->[1] eq $call } @lists }
           grep { !/^case_/ } $db->lists], [], 'every list is asked for');

for (@lists) {
    my ($roles, $call, $args) = @$_;
    my $next = cursor_of($roles, $call, $args =~ s/\}/, "limit": 2}/r
                                              =~ s/\{, /{/r);

    for my $page ('first', 'second') {
        last if $page eq 'second' && !$next;
        $args =~ s/\}/, "after": "$next"}/ if $page eq 'second';
        $args =~ s/\{, /{/;

        my $text = plans($roles, $call, $args);
        cmp_ok(() = $text =~ /Query Text/g, '>', 6, "$call $page: plans");
        is_deeply(found($text, 'Seq Scan on \S+'), [], "$call $page: no scan");
        is_deeply([grep { !/\(i\.\*\)|r\.level/ }
                   @{ found($text, 'Sort Key: .*') }], [],
                  "$call $page: no sort");
    }
}


# of many who share a name the last of each are merged

{
    my $text = plans('operator', 'audit_list', '{"staff": "测试人"}');

    is_deeply(found($text, 'Seq Scan on \S+'), [], 'of many: no scan');
    like($text, qr/Nested Loop.*Limit.*Index Scan/s, 'of many: by person');
    unlike($text, qr/Sort Method: external/, 'of many: in memory');
}


# what fits is ranked: a sort of what the index found, never of the table

for my $args ('{"q": "许可"}', '{"q": "许可", "region": "990007"}',
              '{"region": "990007"}', '{"region": "370000", "topic": "u05"}',
              '{"q": "食品生产经营许可", "object": "1"}')
{
    my $text = plans('', 'item_search', $args);
    is_deeply(found($text, 'Seq Scan on \S+'), [], "$args: no scan");
    like($text, qr/Bitmap Index Scan on items_words/, "$args: words");
}


# but where names fill a page, and are too many to be counted

for my $q ('食品', '食品信息备案') {
    my $args = qq({"q": "$q", "region": "all"});
    my $text = plans('', 'item_search', $args);
    my $answer = $db->user->call('item_search', { q => $q, region => 'all' });

    is_deeply(found($text, 'Seq Scan on \S+'), [], "$args: no scan");
    unlike($text, qr/Scan on items_words/, "$args: not ranked");
    is("$answer->{count} $answer->{count_capped}", '1000 1', 'many');
    is(@{ $answer->{items} }, 20, 'a page');
}


# where many names hold them they are found among what is asked for most, page for
# page what the ranking of all finds

$db->admin(q{UPDATE zwfw.items SET keywords = '{登记}'
              WHERE hashtext(code) % 1000 = 0 AND name NOT LIKE '%登记'});

for my $q ('许可', '登记', '经营许可') {
    my $args = qq({"q": "$q", "region": "all"});

    unlike(plans('', 'item_search', $args), qr/array_position\(path/,
           "$args: not ranked");
}

is($db->admin(<<'END'), '登记 许可 场所', 'the same pages');
DO $$
DECLARE
    word   text;
    c      text[];
    quick  record;
    slow   record;
BEGIN
    FOREACH word IN ARRAY '{登记,许可,场所}'::text[] LOOP
        c := NULL;

        FOR n IN 1 .. 12 LOOP
            SELECT * INTO quick FROM zwfw.item_page(zwfw.item_query(
                jsonb_build_object('q', word), NULL), word, NULL, true, c, 200);
            SELECT * INTO slow FROM zwfw.item_page(zwfw.item_query(
                jsonb_build_object('q', word), NULL), word, NULL, false, c,
                200);

            ASSERT cardinality(slow.ids) = 200, 'a short page';
            ASSERT quick = slow, format('page %s of %s', n, word);
            c := ARRAY(SELECT jsonb_array_elements_text(slow.keys[200]));
        END LOOP;

        PERFORM set_config('zwfw.seen', concat_ws(' ', nullif(
            current_setting('zwfw.seen', true), ''), word), false);
    END LOOP;
END $$;
SELECT current_setting('zwfw.seen');
END


# one row of many

is_deeply(found(plans('', 'item_show',
                      '{"code": "11990100MB0DEM033R3000199002000"}'),
                'Seq Scan on \S+|Sort Key'), [], 'item_show: by index');

done_testing;
