# What becomes of drafts: nobody judges another text than the one he saw, a
# writer drops his own, amounts are typed in yuan (GB/T 39047, 5.2.2.2 a)

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
my $catalog = '000199002000';
my $food = "11990100MB0DEM033R3$catalog";

sub body { return sprintf '019a0000-0000-7000-8000-%012d', shift }

sub staff {
    my ($roles, $body) = @_;

    return $db->user(uid => Sql::uuid(), roles => $roles, body => body($body));
}

my $nobody = $db->user;
my $writer = staff('item_manager', 2);
my $editor = staff('item_editor', 2);
my $above = staff('item_editor', 1);
my $stranger = staff('item_manager', 3);
my $draft;

sub draft {
    return $writer->call('item_save', { new_id => Sql::uuid() },
                         { catalog_code => $catalog, @_ });
}


# while the editor reads, the first one sends it back and its writer changes it

subtest 'a race' => sub {
    $draft = draft(promise_day => 4);
    my $id = { id => $draft->{id} };
    my $pending = $writer->call('item_submit', $id, { revision => 2 });
    my $seen = $editor->call('item_draft_show', $id);

    is($seen->{revision}, $pending->{revision}, 'what the editor looks at');
    $above->call('item_reject', $id, { revision => $seen->{revision},
                                       reason => '请核实' });
    $writer->call('item_submit', $id, { revision => 3, promise_day => 1,
                                        project_type => '1' });
    is($editor->refused('item_approve', $id,
                        { revision => $seen->{revision} }),
       '409 changed_meanwhile revision', 'is not what would be approved');
    is($editor->refused('item_reject', $id,
                        { revision => $seen->{revision}, reason => 'x' }),
       '409 changed_meanwhile revision', 'nor sent back');
    is($nobody->call('item_show', { code => $food })->{version}, 1,
       'nothing is published');

    # both at once: who is second waits for the row, and sees what became of it
    my $now = $editor->call('item_draft_show', $id)->{revision};
    my @act = ([$above, 'item_reject', { revision => $now, reason => 'x' }],
               [$editor, 'item_approve', { revision => $now }]);

    $above->ask('BEGIN;');
    $_->[0]->send($_->[0]->statement("api.$_->[1]("
        . Sql::User::arguments($id, $_->[2]) . ')')) for $act[0];
    is(($above->receive)[0], '00000', 'one sends it back');
    $editor->send($editor->statement('api.item_approve('
        . Sql::User::arguments($id, $act[1][2]) . ')'));
    Proc::until_true('the other waits', 10, sub {
        return $db->admin("SELECT count(*) FROM pg_stat_activity"
                          . " WHERE wait_event_type = 'Lock'") > 0;
    });
    $above->ask('COMMIT;');
    like(($editor->receive)[1], qr/changed_meanwhile/, 'and is too late');
    is($db->admin("SELECT state FROM zwfw.items WHERE id = '$id->{id}'"),
       'draft', 'it is back');
};


# two who act on what both have seen: who is second is told

subtest 'at the same time' => sub {
    my ($colleague, $other) = (staff('item_manager', 2),
                               staff('item_editor', 2));
    my $id = { id => $draft->{id} };
    my $revision = $writer->call('item_draft_show', $id)->{revision};
    my $at_once = sub {
        my ($call, $args, @acts) = @_;
        my @who = map { $db->user(%{ $_->{me} })->patient }
            map { $_->[0] } @acts;

        $who[0]->ask('BEGIN;');
        $who[0]->call($call, $args, $acts[0][1]);
        $who[1]->send($who[1]->statement("api.$call("
            . Sql::User::arguments($args, $acts[1][1]) . ')'));
        $db->until_locked(1);
        $who[0]->ask('COMMIT;');
        return ($who[1]->receive)[1];
    };

    like($at_once->('item_save', $id,
             [$writer, { revision => $revision, keywords => '开店' }],
             [$colleague, { revision => $revision, keywords => '摆摊' }]),
         qr/changed_meanwhile/, 'a draft is not written over');
    is($db->admin("SELECT keywords FROM zwfw.items"
                  . " WHERE id = '$id->{id}'"), '{开店}',
       'it is as the first said');

    like($at_once->('item_suspend', { code => $food },
             [$editor, { version => 1, reason => '系统升级' }],
             [$other, { version => 1, reason => '另有原因' }]),
         qr/wrong_state/, 'what is suspended is not once more');
    is($nobody->call('item_show', { code => $food })->{reason}, '系统升级',
       'the reason is that of the first');
    $editor->call('item_resume', { code => $food }, { version => 1 });
};


subtest 'dropped' => sub {
    my $id = { id => $draft->{id} };
    my $revision = $writer->call('item_draft_show', $id)->{revision};
    my $fourth = staff('item_manager', 2);

    is($writer->call('item_draft_show', $id)->{can}{drop}, 1,
       'its writer may drop one that was sent back');
    ok(!$fourth->call('item_draft_show', $id)->{can}{drop}, 'a colleague not');
    is($fourth->refused('item_drop', $id, { revision => $revision }),
       '403 not_writer', 'and is refused');
    is($stranger->refused('item_drop', $id, { revision => $revision }),
       '404 item_not_found', 'another body');
    is($editor->refused('item_drop', $id, { revision => $revision }),
       '403 not_allowed', 'an editor');
    is($writer->refused('item_drop', $id, { revision => $revision - 1 }),
       '409 changed_meanwhile revision', 'as it was seen');

    $writer->call('item_submit', $id, { revision => $revision });
    is($writer->refused('item_drop', $id, { revision => $revision }),
       '409 wrong_state', 'not while it waits for an editor');
    $db->admin("UPDATE zwfw.items SET state = 'approved'"
               . " WHERE id = '$id->{id}'");
    is($writer->refused('item_drop', $id, { revision => $revision }),
       '409 wrong_state', 'nor for its day');
    $db->admin("UPDATE zwfw.items SET state = 'draft'"
               . " WHERE id = '$id->{id}'");
    is_deeply($writer->call('item_drop', $id, { revision => $revision }), {},
              'dropped');
    is($writer->refused('item_draft_show', $id), '404 item_not_found', 'gone');
    is($db->admin("SELECT string_agg(detail->>'version', ' ')"
                  . " FROM zwfw.audit WHERE action = 'item_drop'"
                  . " AND object_id = '$food' AND uid = '$writer->{me}{uid}'"),
       '2', 'the trail has which one');
    is($nobody->call('item_show', { code => $food })->{version}, 1,
       'what is offered stays');
    my $offered = { id => $db->admin("SELECT id FROM zwfw.items"
        . " WHERE code = '$food' AND state = 'in_use'") };
    ok($writer->call('item_draft_show', $offered)->{can}{renew},
       'from which the next version may begin');
    ok(!$editor->call('item_draft_show', $offered)->{can}{renew},
       'by who writes');
    is(draft()->{version}, 2, 'and it may begin');
    ok(!$writer->call('item_draft_show', $offered)->{can}{renew},
       'which is said no longer');
};


subtest 'amounts' => sub {
    $draft = $writer->call('item_save', { new_id => Sql::uuid() },
                           { catalog_code => '000199001000' });
    my $id = { id => $draft->{id} };
    my $fee = sub {
        my ($amount, %form) = @_;
        return { revision => $draft->{revision}, %form, guide => { fees => [
            { name => '工本费', amount => $amount, basis => 'x' }] } };
    };
    my $stored = sub {
        my $revision = $writer->call('item_save', $id, $fee->(@_))->{revision};
        $draft->{revision} = $revision;
        return $db->admin("SELECT guide->'fees'->0->'amount' FROM zwfw.items"
                          . " WHERE id = '$draft->{id}'");
    };
    my %form = (picked => { whole => 'on', objects => { is_1 => 'on' } });

    is($stored->($_->[0], %form), $_->[1], "a form: $_->[0] yuan")
        for ['12.50', 1250], ['12.5', 1250], ['12', 1200], ['0.01', 1],
            ['0', 0], ['9999999.99', 999999999], [' 7 ', 700],
            ["\x{ff11}\x{ff12}.\x{ff15}", 1250];
    is($writer->call('item_draft_show', $id)->{edit}{guide}{fees}{rows}[0]
       {amount}{value}, '12.50', 'as it is shown again');
    is($stored->(1250), 1250, 'JSON: fen');
    is($writer->refused('item_save', $id, $fee->($_, %form)),
       '422 bad_amount guide.fees.0.amount', "a form: $_")
        for '12.505', '-1', '1,000', '十元', '12.', '.5', '10000000', '1e3';
    is($writer->refused('item_save', $id, $fee->($_)),
       '422 bad_type guide.fees.0.amount', "JSON: $_")
        for '12.50', 12.5, -1;
};

done_testing;
