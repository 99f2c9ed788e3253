# Lists of cases among 300,000: neither a Seq Scan nor a Sort, whatever the
# filter, in the first plans of a connection and in those it settles for.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Encode ();
use JSON::PP ();
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new(slices => ['core', 'auth', 'item', 'case']);
my $json = JSON::PP->new->canonical;
my $body = '019a0000-0000-7000-9000-000000000007';
my $above = '019a0000-0000-7000-9000-000000000001';
my $uid = '019a0000-0000-7000-a000-000000000007';


# 300 bodies, all but one of them below the first, with 1,000 cases each, of
# 300 persons who have much to do

$db->fill([qw(cases case_events case_materials bodies)], q{
INSERT INTO zwfw.bodies (id, credit_code, name, short_name, level, region,
                         parent)
SELECT ('019a0000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid,
       c || zwfw.credit_check(c), '测试局（演示）', '测试局（演示）', 4, '370102',
       CASE WHEN n > 1 THEN '019a0000-0000-7000-9000-000000000001'::uuid END
  FROM generate_series(1, 300) n,
       LATERAL (SELECT '1199' || lpad(n::text, 4, '0') || 'MB0DEMXX0' AS c) x;

INSERT INTO zwfw.cases (id, number, owner, body, item, item_version,
    item_hash, item_name, state, version, name, id_number, phone, form,
    created_at, updated_at, submitted_at, received_at, handed_at, due,
    notice_due, correct_due, deemed)
SELECT ('019a' || lpad(to_hex(n), 8, '0') || '70008000' || lpad(n::text, 12,
        '0'))::uuid,
       CASE WHEN s <> 'draft' THEN lpad(n::text, 35, '0') END,
       ('019a0000-0000-7000-a000-' || lpad((n / 3 % 300)::text, 12,
        '0'))::uuid,
       ('019a0000-0000-7000-9000-' || lpad((n % 300 + 1)::text, 12,
        '0'))::uuid,
       v.code, v.version, v.hash, '食品经营许可（新办）', s, 1, '王秀英', 'x', 'x',
       '{}', t, t, CASE WHEN s <> 'draft' THEN t END,
       CASE WHEN s NOT IN ('draft', 'submitted') THEN t END,
       CASE WHEN s <> 'draft' THEN t END,
       CASE WHEN s IN ('submitted', 'received', 'accepted')
            THEN today + (n / 3000 % 20 - 4) ELSE 'infinity' END,
       CASE WHEN s IN ('submitted', 'received')
            THEN today + (n / 3000 % 20 - 1) END,
       CASE s WHEN 'correction' THEN today + n / 3000 % 20 END, false
  FROM generate_series(1, 300000) n, zwfw.today() today,
       LATERAL (SELECT (ARRAY['draft', 'submitted', 'received', 'correction',
                    'accepted', 'withdrawn', 'closed', 'closed', 'closed',
                    'closed'])[n / 300 % 10 + 1] AS s,
                    now() - n * interval '1 minute' AS t) x,
       zwfw.item_versions v WHERE v.code LIKE '%000199002000';

INSERT INTO zwfw.case_events (case_id, seq, owner, body, act, from_state,
    to_state, at, actor, data, prev_hash, hash)
SELECT c.id, 1, c.owner, c.body, 'submit', 'draft', 'submitted',
       c.submitted_at, 'applicant', '{"materials": []}', '', ''
  FROM zwfw.cases c WHERE c.state <> 'draft';

INSERT INTO zwfw.case_events (case_id, seq, owner, body, act, from_state,
    to_state, at, actor, document, data, prev_hash, hash)
SELECT c.id, 2, c.owner, c.body, 'receive', 'submitted', 'received',
       c.submitted_at, 'clerk', 'receipt', '{"materials": []}', '', ''
  FROM zwfw.cases c WHERE c.state NOT IN ('draft', 'submitted');

INSERT INTO zwfw.case_materials (id, case_id, owner, body, code, address,
    name, size, type, sm3, at)
SELECT gen_random_uuid(), c.id, c.owner, c.body, 'M01', repeat('0', 64),
       'x.jpg', 1, 'image/jpeg', repeat('0', 64), now()
  FROM zwfw.cases c
});

is($db->admin('SELECT count(*) FROM zwfw.cases'), 300000, '300,000 cases');

my %me = (
    applicant => { uid => $uid },
    clerk => { uid => $uid, roles => 'clerk', body => $body },
    both => { uid => $uid, roles => 'clerk,supervisor', body => $above },
    two => { uid => $uid, roles => 'approver,clerk', body => "$above,$body" },
    supervisor => { uid => $uid, roles => 'supervisor', body => $above },
    job => {},
);


# all plans of a call, also of the statements inside; asked seven times, so
# that a cached plan is among them

sub plans {
    my ($who, $call, $args) = @_;

    my $set = join '', map { "SET zwfw.$_ = '$me{$who}{$_}';" }
        keys %{ $me{$who} };
    my $text = $json->encode($args);

    return $db->admin("LOAD 'auto_explain';"
        . 'SET auto_explain.log_min_duration = 0;'
        . "SET auto_explain.log_nested_statements = on; $set"
        . 'SET client_min_messages = log; SET ROLE zwfw_web;'
        . "SELECT api.$call('$text', '{}');\n" x 7);
}


# scans of what has many rows

sub scans {
    return [$_[0] =~ /(Seq Scan on (?:cases|case_events|case_materials) \S*)/g];
}


# a sort of a list; the lines of one case are sorted in memory

sub sorts {
    return [grep { /due|updated_at/ } $_[0] =~ /(Sort Key: .*)/g];
}


my @lists = (
    ['applicant', 'case_own_list', {}],
    ['applicant', 'case_own_list', { state => 'closed' }],
    ['clerk', 'case_inbox', {}],
    ['clerk', 'case_inbox', { state => 'submitted' }],
    ['clerk', 'case_inbox', { state => 'closed' }],
    ['clerk', 'case_inbox', { due => 'overdue' }],
    ['clerk', 'case_inbox', { due => 'soon', state => 'received' }],
    ['both', 'case_inbox', {}],
    ['supervisor', 'case_overview', { body => $body }],
    ['supervisor', 'case_overview', { body => $body, state => 'accepted' }],
    ['supervisor', 'case_overview',
        { body => $body, overdue => JSON::PP::true }],
);

# each list of cases that there is, by its reply

is_deeply([grep { my $call = $_; !grep { $_->[1] eq $call } @lists }
           grep { /^case_/ } $db->lists], [], 'every list is asked for');

for (@lists) {
    my ($who, $call, $args) = @$_;
    my $name = join ' ', $who, $call, Encode::decode_utf8(
        $json->encode($args));
    my $first = $db->user(%{ $me{$who} })->call($call, { %$args, limit => 2 });
    ok($first->{next}, "$name: more than one page");

    for my $after (undef, $first->{next}) {
        my $text = plans($who, $call,
                         { %$args, $after ? (after => $after) : () });
        my $page = $after ? 'next page' : 'first page';

        cmp_ok(() = $text =~ /Query Text/g, '>', 6, "$name, $page: plans");
        is_deeply(scans($text), [], "$name, $page: no scan");
        is_deeply(sorts($text), [], "$name, $page: no sort");
    }
}


# over many bodies the first of each are merged: a sort of these, not of all

for (['supervisor', 'case_overview', {}],
     ['supervisor', 'case_overview', { state => 'closed' }],
     ['supervisor', 'case_overview', { overdue => JSON::PP::true }],
     ['two', 'case_inbox', {}], ['two', 'case_inbox', { state => 'closed' }])
{
    my $text = plans(@$_);
    my $name = join ' ', @$_[0, 1], $json->encode($_->[2]);

    is_deeply(scans($text), [], "$name: no scan");
    unlike($text, qr/Sort Method: external/, "$name: in memory");
    like($text, qr/Nested Loop.*Limit.*Index Scan/s, "$name: by body");
    unlike($text, qr/Index Cond: .*\bbody = .*\bbody = /,
           "$name: each is looked up once");
}


# one case, by its applicant and its body; the jobs

my $case = $db->admin("SELECT id FROM zwfw.cases WHERE owner = '$uid'"
                      . " AND state = 'closed' LIMIT 1");
my $office = $db->admin("SELECT id FROM zwfw.cases WHERE body = '$body'"
                        . " AND state = 'received' LIMIT 1");
my $number = $db->admin("SELECT number FROM zwfw.cases WHERE id = '$office'");

for (['applicant', 'case_mine', {}],
     ['applicant', 'case_show', { id => $case }],
     ['applicant', 'case_receipt', { id => $case }],
     ['clerk', 'case_work', { id => $office }],
     ['clerk', 'case_receipt', { id => $office }],
     ['clerk', 'case_inbox', { q => $number }],
     ['two', 'case_inbox', { q => $number }],
     ['two', 'case_work', { id => $office }],
     ['job', 'case_deem', {}], ['job', 'case_recount', {}])
{
    is_deeply(scans(plans(@$_)), [], "@$_[0, 1]: by index");
}


# the tabs of an inbox and the lists of a supervisor are counted up to a bound

my $clerk = $db->user(%{ $me{clerk} });
my $all = $db->user(%{ $me{supervisor} })->call('case_overview');
ok($all->{open}{count_capped}, 'more than a thousand');
is($all->{open}{count}, 1000, 'are a thousand');
is($clerk->call('case_inbox')->{open}{count}, 400, 'fewer are counted');

done_testing;
