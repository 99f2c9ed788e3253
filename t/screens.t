# Each screen of a list in each of its states: nothing to show, a wrong
# question, nobody or somebody without a right, and more than anybody counts.
# Which screens are lists is told by the schemas of their replies.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $db = $node->db;
my $body = '019a0000-0000-7000-8000-000000000009';


# Row => who may look, the address that finds nothing and what it says, the
# address that finds too much and what it says, and what a wrong question is.
# Without "much" a list has as many rows as the standard has codes.

my %screen = (
    'GET /case/' => {
        who => 'natural', none => ['', '您还没有办件'],
        much => ['', '共 1000 件以上'], wrong => 'after=x' },
    'GET /case/inbox' => {
        who => 'clerk', none => ['', '现在没有要办的'],
        much => ['', '在办，共 1000 件以上'], wrong => 'after=x' },
    'GET /case/overview' => {
        who => 'supervisor', none => ['', '没有这样的办件'],
        much => ['', '在办，共 1000 件以上'], wrong => 'after=x' },
    'GET /' => {
        none => ['', '网上还没有公布服务事项'],
        much => ['', '查看全部 1000 项以上服务事项'] },
    'GET /item/' => {
        none => ['?q=没有这样的事', '没有找到事项'],
        much => ['?region=all', '共找到 1000 项以上'], wrong => 'after=x' },
    'GET /item/topics' => {
        none => ['?audience=legal', '这里还没有主题'], wrong => 'audience=x' },
    'GET /item/catalog' => {
        none => ['?type=09', '目录里没有“行政裁决”类的事项'],
        much => ['?limit=30', '共 1000 项以上'], wrong => 'after=x' },
    'GET /item/manage' => {
        who => 'item_manager', none => ['', '还没有事项'],
        much => ['', '共 1000 项以上'], wrong => 'after=x' },
    'GET /item/pending' => {
        who => 'item_editor', none => ['', '现在没有待审核的事项'],
        much => ['', '共 1000 项以上待审核'], wrong => 'after=x' },
    'GET /audit' => {
        who => 'operator',
        none => ['?from=2001-01-01&to=2001-01-01', '没有符合条件的记录'],
        much => ['', '共 1000 条以上'], wrong => 'after=x' },
    'GET /jobs' => {
        who => 'operator', none => ['', '还没有做过定时任务'],
        much => ['', '只列出前 100 件'] },
    'GET /keys' => {
        who => 'operator', none => ['', '还没有查完过'],
        much => ['', '10000 以上'] },
    'GET /monitor/ledger' => {
        who => 'supervisor', none => ['', '还没有任何节点报数'],
        much => ['', '共 1000 个以上'], wrong => 'after=x' },
    'GET /monitor/live' => {
        who => 'operator', none => ['', '本机还没有记录'] },
);

my @rows = grep { $screen{ Rows::name($_) } } Rows::all();
my $nobody = $node->client;


# the table has them all

my %called = map { ($_->{call} => Rows::name($_)) }
    grep { $_->{page} and $_->{call} } Rows::all();

is_deeply([grep { !$screen{$_} } map { $called{$_} // () } $db->lists], [],
          'each list has its states');
is(scalar @rows, scalar keys %screen, 'and each is a row');

for my $row (@rows) {
    my $name = Rows::name($row);
    my $s = $screen{$name};
    my ($after) = grep { $_->{name} eq 'after' } @{ $row->{fields} };

    ok($s->{none}, "$name: a state with nothing");
    ok($s->{wrong}, "$name: a wrong question") if @{ $row->{fields} };
    ok($s->{much}, "$name: too many") if $after;
}


# at the body 9, of which the demo has nothing

my %client;


sub client {
    my ($kind, $at) = @_;

    return $nobody if !$kind;
    return $client{"$kind $at"} //= $node->client(kind => $kind,
                                                    body => $at);
}


# A page, which is whole, leads on and is for people: no code stands in it.

sub page {
    my ($what, $http, $path, $code, $words) = @_;

    my $res = $http->get(Http::bytes($path));
    my $text = $res->text;

    is($res->code, $code, "$what: $code");
    cmp_ok(index($text, $words), '>', 0, "$what: $words");
    cmp_ok(() = $text =~ /<h1>/g, '==', 1, "$what: has a heading");
    is(($text =~ /(\{\{|\bnot_allowed\b|\bbad_(?:cursor|value)\b)/)[0], undef,
       "$what: in words");
}


sub ask {
    my ($state, $at) = @_;

    for my $row (grep { $screen{ Rows::name($_) }{$state} } @rows) {
        my $s = $screen{ Rows::name($row) };
        my ($query, $words) = @{ $s->{$state} };

        page(Rows::name($row) . " $state", client($s->{who}, $at),
             $row->{path} . $query, 200, $words);
    }
}


# nothing: no job begins any more, which are forgotten then

$db->admin(q{
    CREATE FUNCTION public.none() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER none BEFORE INSERT ON zwfw.jobs
        FOR EACH ROW EXECUTE FUNCTION public.none();
    SET session_replication_role = replica;
    UPDATE zwfw.items SET state = 'draft' WHERE state = 'in_use';
    DELETE FROM zwfw.item_catalog WHERE type = '09';
    DELETE FROM zwfw.jobs});
ask('none', '019a0000-0000-7000-8000-000000000001');


# a wrong question

for my $row (grep { $screen{ Rows::name($_) }{wrong} } @rows) {
    my $s = $screen{ Rows::name($row) };

    page(Rows::name($row) . ' wrong', client($s->{who}, $body),
         "$row->{path}?$s->{wrong}", 422, '去掉这些条件，重新打开');
}


# nobody, and each who has no right

for my $row (grep { "@{ $_->{who} }" ne 'anyone' } @rows) {
    my $name = Rows::name($row);
    my %who = map { $_ => 1 } @{ $row->{who} };
    my $res = $nobody->get($row->{path});

    is($res->code, 303, "$name: nobody");
    like($res->header('Location'), qr{/login\?}, "$name: logs in first");

    page("$name: $_", client($_, $body), $row->{path}, 403,
         '确认登录的是有权限的账户') for grep { !$who{$_} } Rows::kinds();
}


# too many

my $she = client('natural', $body);
my $uid = $she->{me}{uid};

$db->admin(qq{
SET session_replication_role = replica;

INSERT INTO zwfw.cases (id, number, owner, body, item, item_version,
    item_hash, item_name, state, version, name, id_number, phone, form,
    created_at, updated_at, submitted_at, received_at, handed_at, due,
    notice_due, deemed)
SELECT gen_random_uuid(), lpad(n::text, 35, '0'), '$uid', '$body', v.code,
       v.version, v.hash, '食品经营许可（新办）', 'received', 1, '王秀英', 'x',
       'x', '{}', now(), now(), now(), now(), now(), zwfw.today() + 9,
       zwfw.today() + 9, false
  FROM generate_series(1, 1010) n, zwfw.item_versions v
 WHERE v.code LIKE '%000199002000';

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT '000197' || lpad(k::text, 6, '0'), '演示事项', '01', '法', '{1}'
  FROM generate_series(1, 1010) k;

INSERT INTO zwfw.items (id, code, version, state, catalog_code, name, type,
    body, level, region, anticipate_day, promise_day, objects, updated_at)
SELECT gen_random_uuid(), b.credit_code || s.level || k.code, 1, s.state,
       k.code, k.name, k.type, b.id, s.level, b.region, 20, 5, '{1}', now()
  FROM zwfw.item_catalog k, zwfw.bodies b,
       (VALUES ('1', 'in_use'), ('2', 'pending')) s (level, state)
 WHERE k.code LIKE '000197%' AND b.id = '$body';

INSERT INTO zwfw.audit (chain, seq, at, uid, action, outcome, prev_hash, hash)
SELECT 15, 100000 + n, now(), '$uid', 'case_accept', 'ok', '',
       sha256(n::text::bytea)
  FROM generate_series(1, 1010) n;

INSERT INTO zwfw.jobs (name, every, node, last_at)
SELECT 'case_deem' || n, interval '1 hour', 'x', now()
  FROM generate_series(1, 110) n;

INSERT INTO zwfw.users (id, kind, name, email, email_index, password,
                        created_at)
SELECT gen_random_uuid(), 'natural', '王秀英', 'zs1:99:x', '99:' || n, 'x',
       now()
  FROM generate_series(1, 10010) n;

INSERT INTO zwfw.visit_rings (node, epoch, ring, expected, lost, stored,
                              reported_at)
SELECT lpad(to_hex(n), 16, '0'), 1795000000000, 0, 10, 0, 10, now()
  FROM generate_series(1, 1010) n;
});

# another node, which has kept no page

is(join('', $node->nginx->stop), '', 'no alert');
$node = Node->new(db => $db, redis => $node->redis);
$nobody = $node->client;
%client = ("natural $body" => $node->again($she));
ask('much', $body);

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
