# Each rule of a complete implementing list has a list that breaks it (GB/T
# 39047, 5.2.2.2 a).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new;
my $catalog = '000199002000';
my $food = "11990100MB0DEM033R3$catalog";

my $writer = $db->user(uid => Sql::uuid(), roles => 'item_manager',
                       body => '019a0000-0000-7000-8000-000000000002');

$writer->call('item_save', { new_id => Sql::uuid() },
              { catalog_code => $catalog, promise_day => 4 });

my $id = $db->admin("SELECT id FROM zwfw.items WHERE code = '$food'"
                    . " AND state = 'draft'");
my $check = sub {
    my ($set) = @_;
    my $got = eval {
        $db->admin("BEGIN; UPDATE zwfw.items SET $set WHERE id = '$id';"
                   . " SELECT zwfw.item_check(i) FROM zwfw.items i"
                   . " WHERE id = '$id'; ROLLBACK"); 'ok';
    };
    return $got // ($@ =~ /ERROR:  (\w+)/)[0];
};
my $guide = sub { "guide = jsonb_set(guide, '{$_[0]}', '$_[1]')" };
my $without = sub { "guide = guide #- '{$_[0]}'" };

is($check->('heat = 0'), 'ok', 'a good one passes');

my @rules = (
    [C1 => 'effective_day_past', 'effective_on = zwfw.today() - 1'],
    [C1 => 'promise_longer_than_legal', 'promise_day = 11'],
    [C1 => 'promise_longer_than_legal',
        "anticipate_type = '2', anticipate_day = 6, promise_day = 5"],
    [C1 => 'legal_time_needs_basis', 'anticipate_day = 30'],
    [C3 => 'not_at_once', "project_type = '1', promise_day = 3"],
    [C2 => 'not_at_once', "project_type = '2', promise_day = 0"],
    [C4 => 'visit_needs_reason', $guide->('visits', 1)],
    [C4 => 'visit_reason_unexpected', $guide->('visit_reason', '"x"')],
    [C5 => 'online_needs_no_visit', "guide = guide || '{\"visits\": 1,"
        . " \"visit_reason\": \"x\"}'"],
    [C5 => 'neither_online_nor_mail', 'online = false'],
    [C6 => 'fee_missing', 'fee = true'],
    [C6 => 'fee_not_payable_online', 'fee = true, ' . $guide->('fees',
        '[{"name": "x", "amount": 1, "basis": "x"}]')],
    [C6 => 'fee_unexpected', $guide->('fees',
        '[{"name": "x", "amount": 1, "basis": "x"}]')],
    [C6 => 'fee_unexpected', $guide->('pay_online', 'true')],
    [C7 => 'result_type', $guide->('result,result_type', '"20"')],
    [C7 => 'result_type', $guide->('result,name', '"批复"')],
    [C7 => 'result_type', $guide->('result,name', '"公文"')],
    [C7 => 'bad_value', $guide->('result', '{"name": "通知书",'
        . ' "result_type": "30"}')],
    [C8 => 'phones_equal', $guide->('phones,complain', '"0531-00001002"')],
    [C8 => 'phone_without_area', $guide->('phones,consult', '"00001002"')],
    [C8 => 'phone_without_area', $guide->('phones,complain', '"12345"')],
    [C9 => 'topic_missing', "topics = '{c02}'"],
    [C9 => 'topic_missing', "topics = '{u07}'"],
    [C9 => 'unknown_topic', "topics = '{u07,c02,c99}'"],
    [C10 => 'question_missing', $without->('questions')],
    [C10 => 'stage_missing', $without->('flow,2')],
    [C11 => 'material_needs_sample', $without->('materials,0,sample')],
    [C11 => 'material_needs_issuer', $without->('materials,3,issuer')],
    [C11 => 'material_missing', $guide->('materials', '[]')],
    [C12 => 'entrust_missing', $guide->('power_source', '"5"')],
    [C12 => 'bad_value', $guide->('power_source', '"7"')],
    [C13 => 'name_not_in_catalog', "name = '食品许可'"],
    [C13 => 'basis_not_in_catalog', $guide->('basis,0,name', '"x"')],
    ['six elements' => 'missing', $without->('accept_condition')],
    ['six elements' => 'missing', $without->('places')],
    ['six elements' => 'missing', $without->('materials,0,name')],
    [form => 'duplicate', $guide->('form,1,name', '"shop_name"')],
    [form => 'bad_value', $guide->('form,1,name', '"a.b"')],
    [form => 'bad_value', $guide->('form,1,type', '"script"')],
    [form => 'missing', $without->('form,1,options')],
    [materials => 'duplicate', $guide->('materials,1,code', '"M01"')],
    [materials => 'bad_value', $guide->('materials,0,need', '"4"')],
    [materials => 'bad_value', $guide->('materials,0,source', '"11"')],
);

is($check->($_->[2]), $_->[1], "$_->[0]: $_->[1]") for @rules;

is($check->("name = '食品许可', " . $guide->('refines', 'true')), 'ok',
   'C13: a refinement says so');
is($check->('anticipate_day = 30, '
            . $guide->('anticipate_explain', '"x"')), 'ok',
   'C1: a longer legal time with its basis');

# the directory goes on while somebody writes

my $ended = sub {
    my ($set, $sql) = @_;
    my $got = eval {
        $db->admin("BEGIN; UPDATE zwfw.item_catalog SET $set"
                   . " WHERE code = '$catalog'; $sql; ROLLBACK"); 'ok';
    };
    return $got // ($@ =~ /ERROR:  (\w+)/)[0];
};
my $again = "SELECT zwfw.item_check(i) FROM zwfw.items i WHERE id = '$id'";

is($ended->("state = 'cancelled'", $again), 'catalog_cancelled',
   'C13: no longer in the directory');
is($ended->("levels = '{7}'", $again), 'level_not_in_catalog',
   'C13: not at this level');
is($ended->("state = 'cancelled'",
            "SELECT zwfw.item_new(gen_random_uuid(), '$catalog')"),
   'unknown_catalog', 'and no draft begins');

$db->admin("UPDATE zwfw.items SET promise_day = 11 WHERE id = '$id'");
is($writer->refused('item_submit', { id => $id }, { revision => 2 }),
   '422 promise_longer_than_legal promise_day',
   'a list that breaks one is not submitted');

ok(!eval { $db->admin("UPDATE zwfw.items SET state = 'in_use'"
                      . " WHERE code = '$food' AND version IN (1, 2)") },
   'C14: one version in use');
like($@, qr/items_offered/, 'the index says so');

done_testing;
