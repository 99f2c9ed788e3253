# The audit page: the list, its filters, the check of the chain and the CSV,
# for operators only.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use Test::More;

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $db = $node->db;
my $she = $node->client(roles => 'operator');

my $clerk = $node->client(roles => 'clerk', name => '陈静怡');
my $person = $node->client;

$person->{me} = People::register($person, name => '王小明');
$node->ready($person);

my @people = ($db->uuid, map { $_->{me}{uid} } $clerk, $person);


# an act of somebody, as functions write it

sub act {
    my ($uid, $sql) = @_;

    $db->admin("BEGIN; SELECT set_config('zwfw.uid', '$uid', true),
        set_config('zwfw.roles', 'clerk', true),
        set_config('zwfw.channel', 'pc', true); SELECT $sql; COMMIT");
}


$db->admin("SELECT zwfw.move_clock('2026-03-02 09:30+08')");
act($people[0], "zwfw.write_audit('item_submit', 'item', 'A-1')");
$db->admin("SELECT zwfw.move_clock('2026-03-03 09:30+08')");
act($people[1], "zwfw.write_audit('item_approve', 'item', 'A-1')");
act($people[1], "zwfw.write_audit('item_cancel', 'item', '=1+1', 'refused',
    '{\"code\":\"wrong_state\",\"status\":409}')");
$db->admin("SELECT zwfw.move_clock('2026-03-04 00:00+08')");
act($people[2], "zwfw.write_audit('auth_login', 'user', '\@SUM(1)')");

# what the tests themselves read is written down as well, later

$db->admin("SELECT zwfw.move_clock('2026-03-09 12:00+08')");

my $until = 'to=2026-03-08';


# the gate

for my $path ('/api/audit', '/api/audit/check', '/api/audit/export') {
    is($node->client->get($path)->code, 401, "$path: nobody");
    is($clerk->get($path)->code, 403, "$path: a clerk");
    is($person->get($path)->code, 403, "$path: a person");
}

my $res = $node->client->get('/audit');
is($res->code, 303, 'page: nobody');
like($res->header('Location'), qr{/login\?next=%2Faudit$},
     'page: to the log-in');
is($clerk->get('/audit')->code, 403, 'page: a clerk');


# the list

sub uri { return join '', map { sprintf '%%%02x', $_ } unpack 'C*',
          encode_utf8(shift) }

sub found {
    my $query = shift;

    my $res = $she->get("/api/audit$query");

    return join ' ', $res->code,
        map { "$_->{action}" } @{ $res->json->{items} // [] };
}


is(found("?$until"),
   '200 auth_login item_cancel item_approve item_submit', 'newest first');
is(found('?from=2026-03-03&to=2026-03-03'), '200 item_cancel item_approve',
   'a day');
is(found('?to=2026-03-02'), '200 item_submit', 'until a day');
is(found("?from=2026-03-04&$until"), '200 auth_login', 'from a day');
is(found('?action=item_cancel'), '200 item_cancel', 'an action');
is(found("?$until&uid=$people[1]"), '200 item_cancel item_approve', 'a person');
is(found("?$until&staff=" . uri('静怡')), '200 item_cancel item_approve',
   'a member of staff by name');
is(found("?$until&staff=" . uri('小明')), '200', 'nobody else by name');
is(found("?$until&staff=" . uri('_')), '200', 'a name is no pattern');
is(found("?from=&$until&action=&uid=&staff="), found("?$until"),
   'empty fields of a form');
is(found('?limit=5000'), '422', 'a limit');
is(found('?from=2026-02-30'), '422', 'a day that is none');
is(found('?after=xx'), '422', 'a bad cursor');

my (@seen, $next);

do {
    my $page = $she->get("/api/audit?limit=1&$until"
                         . ($next ? "&after=$next" : ''))->json;

    push @seen, map { $_->{action} } @{ $page->{items} };
    $next = $page->{next};
} while ($next and @seen < 10);

is("@seen", 'auth_login item_cancel item_approve item_submit', 'page by page');


# the pages

$res = $she->get('/audit?from=2026-03-03&action=item_cancel');
is($res->code, 200, 'page');

my $text = $res->text;

like($text, qr/<h1>审计<\/h1>/, 'its title');
like($text, qr/取消事项/, 'words of actions');
like($text, qr/被拒绝.*现在的状态不能这样操作/s, 'words of outcomes');
unlike($text =~ s/<[^>]*>//gr, qr/wrong_state/, 'not as codes');
unlike($text =~ s/<[^>]*>//gr, qr/$people[1]/, 'nor ids of people');
like($text, qr/>陈静怡</, 'who it was');
like($text, qr/2026年3月3日 09:30/, 'a time');
unlike($text, qr/A-1/, 'filtered');
like($text, qr/name="from" type="date" value="2026-03-03"/, 'filter is kept');
is($res->hidden->{action}, 'item_cancel', 'for the export as well');

my %acts = map { $_ => 1 } $text =~ /<option value="(\w*)"/g;

is_deeply([map { scalar(() = $text =~ /<option value="$_"/g) } sort keys %acts],
          [(1) x keys %acts], 'each action can be chosen once');
is_deeply([grep { $_ ne 'audit_list' } sort keys %acts],
          ['', qw(auth_login auth_register item_approve item_cancel item_submit)],
          'those that the trail has');
is_deeply([$text =~ /<option value="(\w*)" selected>([^<]+)</g],
          [item_cancel => '取消事项'], 'and the one that is');

is_deeply([$she->get('/audit?action=item_drop')->text
           =~ /<option value="(\w*)" selected>([^<]+)</g],
          [item_drop => '删除事项草稿'], 'one that nobody did yet');
like($she->get('/audit?uid=' . $db->uuid)->text, qr/没有符合条件的记录/,
     'nothing found');

my @pages = map { [/name="after" value="(\S+)"/] } $she->get('/audit?limit=1')
    ->text;
ok($pages[0][0], 'a next page');


# the chain

my $check = $she->get("/api/audit/check?$until")->json;

is($check->{checked}, 4, 'all are checked');
ok($check->{ok}, 'and whole');
cmp_ok(scalar @{ $check->{heads} }, '>=', $db->admin(
    "SELECT count(DISTINCT chain) FROM zwfw.audit WHERE at < '2026-03-08'"),
    'heads of all');
like($she->get('/audit/check')->text, qr/记录完整/, 'page: whole');

my $none = $she->get('/audit/check?from=2030-01-01')->text;

like($none, qr/没有可以检查的记录/, 'page: nothing to check');
unlike($none, qr/记录完整/, 'which is not the same');

for my $path ('/api/audit', '/api/audit/check', '/api/audit/export') {
    my $res = $she->get("$path?from=2026-03-02&to=2026-03-01");

    is($res->code . ' ' . $res->json->{field}, '422 to',
       "$path: a period that ends before it begins");
    like($res->json->{detail}, qr/不能早于/, 'in words');
}


# the table for spreadsheets

$res = $she->get("/audit/export?$until");

is($res->code, 200, 'export');
is($res->header('Content-Type'), 'text/csv; charset=utf-8', 'its type');
is($res->header('Content-Disposition'), 'attachment; filename="audit.csv"',
   'is a download');
is($res->header('Cache-Control'), 'no-store', 'is not kept');
is(substr($res->body, 0, 3), "\xef\xbb\xbf", 'byte order mark');


sub csv {
    my $body = decode_utf8(substr shift->body, 3);

    my @rows;

    while ($body =~ /\G((?:"(?:[^"]|"")*",?)+)\r\n/gc) {
        my $row = $1;
        push @rows, [map { s/""/"/gr } $row =~ /"((?:[^"]|"")*)"(?:,|$)/g];
    }

    is(pos $body // 0, length $body, 'CSV to its end');
    return @rows;
}


my @rows = csv($res);

is(scalar @rows, 5, 'all rows');
is_deeply([map { scalar @$_ } @rows], [(18) x 5], 'all columns');
is_deeply([@{ $rows[0] }[1, 8, 9, 13]], ['时间', '操作', '操作代码', '结果'],
          'titles');
is_deeply([map { $_->[9] } @rows[1 .. 4]],
          [qw(auth_login item_cancel item_approve item_submit)], 'in order');
is($rows[2][13], '被拒绝', 'words');
is_deeply(JSON::PP->new->decode($rows[2][14]),
          { code => 'wrong_state', status => 409 }, 'quotes');
is($rows[2][12], "'=1+1", 'a formula is a text');
is($rows[1][12], "'\@SUM(1)", 'this one as well');

@rows = csv($she->get("/api/audit/export?uid=$people[0]"));
is(scalar @rows, 2, 'filtered, as JSON face');
is($she->get('/audit/export?from=x')->code, 422, 'a bad filter');
is($she->request('HEAD', '/audit/export')->code, 200, 'HEAD');

@rows = csv($she->get('/audit/export?to=2020-01-01'));
is(scalar @rows, 1, 'nothing but titles');


# who reads is seen

Proc::until_true('exports in the trail', 10, sub {
    return found('?action=//audit/export') eq '200' . ' //audit/export' x 4;
});
like($she->get('/audit?action=audit_list')->text,
     qr{<td[^>]*><a href="/audit\?action=audit_list">查看审计记录</a>},
     'lists as well');


# a row that was changed behind nginx

$db->admin("SET session_replication_role = replica;
    UPDATE zwfw.audit SET outcome = 'ok' WHERE action = 'item_cancel'");

$check = $she->get('/api/audit/check')->json;

ok(!$check->{ok}, 'a change is seen');
is($check->{first}, $db->admin(
    "SELECT id FROM zwfw.audit WHERE action = 'item_cancel'"), 'and named');
like($she->get('/audit/check')->text, qr/记录被改动过/, 'page: broken');


# many rows: page by page, and cut off

$db->admin("SET session_replication_role = replica;
    INSERT INTO zwfw.audit (chain, seq, at, action, outcome, prev_hash, hash)
    SELECT n % 16, 1000 + n, timestamptz '2025-01-01' + n * interval '1 s',
           'many', 'ok', '', ''
      FROM generate_series(1, 10001) n");

@rows = csv($she->get('/audit/export?action=many&to=2025-01-01'));
my $day = $db->admin("SELECT count(*) FROM zwfw.audit WHERE action = 'many'
    AND at < '2025-01-02 00:00+08'");
is(scalar @rows, [10002, $day + 1]->[$day <= 10000], 'a day');

@rows = csv($she->get('/audit/export?action=many'));
is(scalar @rows, 1 + 10000 + 1, 'at most 10,000');
like($rows[-1][0], qr/只导出了最近的 10000 条.*请缩小日期范围/,
     'and it says so');

my %once = map { $_->[0] => 1 } @rows[1 .. 10000];
is(scalar keys %once, 10000, 'each once');


# the store is away in the middle: a refusal, not half a table

$db->admin("CREATE OR REPLACE FUNCTION api.audit_list(args jsonb, body jsonb)
    RETURNS json LANGUAGE plpgsql STABLE AS \$\$
    BEGIN
        IF args ? 'after' THEN
            RAISE EXCEPTION 'gone';
        END IF;
        RETURN '{\"items\":[{\"id\":1}],\"next\":\"abc\",\"count\":1,
                 \"count_capped\":false}'::json;
    END \$\$");

$res = $she->get('/api/audit/export');
is($res->code, 500, 'an error in the middle');
is($res->json->{code}, 'internal_error', 'is a problem');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
