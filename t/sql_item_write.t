# Items are written by one and approved by another person (GB/T 39047,
# 5.2.2.2 a).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use JSON::PP ();
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new;
my $json = JSON::PP->new;
my $catalog = '000199002000';
my $food = "11990100MB0DEM033R3$catalog";

sub body { return sprintf '019a0000-0000-7000-8000-%012d', shift }

sub staff {
    my ($roles, $body) = @_;

    return $db->user(uid => Sql::uuid(), roles => $roles, body => body($body));
}

my $nobody = $db->user;
my $writer = staff('item_manager', 2);
my $second = staff('item_manager,item_editor', 2);
my $editor = staff('item_editor', 2);
my $above = staff('item_editor', 1);
my $stranger = staff('item_manager,item_editor', 3);

sub draft {
    return $writer->call('item_save', { new_id => Sql::uuid() },
                         { catalog_code => $catalog, @_ });
}

sub audit {
    return $db->admin("SELECT string_agg(action || ' ' || outcome, ', '"
                      . " ORDER BY at, id) FROM zwfw.audit"
                      . " WHERE object_id = '$food'"
                      . " AND uid = '$_[0]{me}{uid}'");
}


my $draft = draft(promise_day => 4);

subtest 'a draft' => sub {
    is($draft->{code}, $food, 'code');
    is("$draft->{version} $draft->{state} $draft->{revision}", '2 draft 2',
       'the next version');
    is($nobody->call('item_show', { code => $food })->{promise_day}, 5,
       'nobody sees it');
    is($writer->refused('item_save', { new_id => Sql::uuid() },
                        { catalog_code => $catalog }),
       '409 draft_exists catalog_code', 'one at a time');
    is($writer->refused('item_save', { new_id => Sql::uuid() },
                        { catalog_code => '000199099000' }),
       '422 unknown_catalog catalog_code', 'not in the directory');

    my $id = { id => $draft->{id} };
    is($writer->refused('item_save', $id, { revision => 1 }),
       '409 changed_meanwhile revision', 'somebody saved before');
    is($writer->refused('item_save', $id, {}),
       '409 changed_meanwhile revision', 'no revision');
    is($stranger->refused('item_save', $id, { revision => 2 }),
       '404 item_not_found', 'another body');
    is($editor->refused('item_save', $id, { revision => 2 }),
       '403 not_allowed', 'an editor does not write');
    is($nobody->refused('item_save', $id, { revision => 2 }),
       '403 not_allowed', 'nor does a stranger');

    is($writer->refused('item_save', $id, { revision => 2, @$_[0, 1] }),
       $_->[2], "$_->[2]") for
        [guide => { x => 1 }, '422 unknown_field guide.x'],
        [guide => { visits => -1 }, '422 bad_type guide.visits'],
        [guide => { materials => {} }, '422 bad_type guide.materials'],
        [guide => { flow => [{ stage => 1 }] },
            '422 bad_type guide.flow.0.stage'],
        [guide => { form => [{ options => ['a', {}] }] },
            '422 bad_type guide.form.0.options.1'],
        [guide => { accept_condition => 'x' x 4001 },
            '422 too_long guide.accept_condition'],
        [guide => 'x', '422 bad_type guide'],
        [objects => '7', '422 bad_value objects'],
        [objects => [], '422 bad_value objects'],
        [real_level => 6, '422 bad_value real_level'],
        [project_type => '3', '422 bad_value project_type'],
        [anticipate_type => '3', '422 bad_value anticipate_type'],
        [promise_type => '3', '422 bad_value promise_type'];

    my $saved = $writer->call('item_save', $id, {
        revision => 2, objects => '1，2', keywords => 'ＫＦＤ、开饭店',
        state => 'in_use', body => body(3), id => Sql::uuid(), authors => '{}' });
    is("$saved->{id} $saved->{state}", "$draft->{id} draft",
       'only its own columns are written');

    my $shown = $writer->call('item_draft_show', $id);
    is_deeply($shown->{keywords}, ['kfd', '开饭店'], 'words are folded');
    is_deeply([map { $_->{field} } @{ $shown->{changes} }],
              ['keywords', 'promise_day'], 'what changed');
    is_deeply($shown->{changes}[1],
              { field => 'promise_day', old => '5', new => '4',
                was => { values => { promise_day => [5],
                                     promise_type => [1] } },
                now => { values => { promise_day => [4],
                                     promise_type => [1] } } },
              'from, to, with the unit of each');
    is($shown->{before}, 1, 'since version 1');
    ok($shown->{own}, 'own work');
    is($stranger->refused('item_draft_show', $id), '404 item_not_found',
       'not shown to others');

    my $guide = { %{ $json->decode($db->admin("SELECT guide FROM zwfw.items"
                        . " WHERE id = '$draft->{id}'")) } };
    $guide->{$_} = "$guide->{$_}" for 'visits', 'minutes';
    $guide->{express} = 'on';
    $guide->{materials}[0]{files} = '3';
    $writer->call('item_save', $id, { revision => 3, guide => $guide });
    is($db->admin("SELECT guide->'visits', guide->'express',"
                  . " guide->'materials'->0->'files' FROM zwfw.items"
                  . " WHERE id = '$draft->{id}'"), '0|true|3',
       'forms send strings');
};


subtest 'a second person' => sub {
    my $id = { id => $draft->{id} };

    is($editor->refused('item_approve', $id, { revision => 4 }),
       '409 wrong_state', 'not yet submitted');
    is($editor->refused('item_submit', $id, { revision => 4 }),
       '403 not_allowed', 'an editor does not submit it');
    is($writer->call('item_submit', $id, { revision => 4 })->{state},
       'pending', 'submitted');
    is($writer->refused('item_save', $id, { revision => 4 }),
       '409 wrong_state', 'no longer written');

    is($editor->call('item_pending_list')->{count}, 1, 'editors see it');
    is($above->call('item_pending_list')->{items}[0]{code}, $food,
       'above, too');
    is($stranger->call('item_pending_list')->{count}, 0, 'others do not');
    is($writer->refused('item_pending_list'), '403 not_allowed',
       'it is the editors\' list');

    is($stranger->refused('item_approve', $id, { revision => 4 }),
       '404 item_not_found', 'another body');
    is($writer->refused('item_approve', $id, { revision => 4 }),
       '403 not_allowed', 'a writer');

    is($above->refused('item_reject', $id, { revision => 4 }),
       '422 missing reason', 'a rejection says why');
    is($above->refused('item_reject', $id, { revision => 3, reason => 'x' }),
       '409 changed_meanwhile revision', 'of what was seen');
    is($above->call('item_reject', $id, { revision => 4,
           reason => '承诺时限请核实' })->{state}, 'draft', 'rejected');
    is($writer->call('item_own_list')->{items}[0]{reason}, '承诺时限请核实',
       'its writer reads the reason');

    $second->call('item_save', $id, { revision => 5, promise_day => 5 });
    ok(!exists $writer->call('item_own_list')->{items}[0]{reason},
       'which is answered by what is written');
    $writer->call('item_submit', $id, { revision => 6 });
    is($second->refused('item_approve', $id, { revision => 6 }),
       '403 same_person', 'who wrote a part of it does not approve it');

    is($editor->refused('item_approve', $id, { revision => $_ }),
       '409 changed_meanwhile revision', "it was seen as of " . ($_ // 'never'))
        for 4, 5, undef;

    my $listen = $db->user;
    $listen->ask('LISTEN zwfw_cache;');
    is($editor->call('item_approve', $id, { revision => 6 })->{state},
       'in_use', 'approved');
    my $heard = ($listen->ask('SELECT 1;'))[1];
    like($heard, qr/"zwfw_cache" with payload "item\/$food"/, 'pages drop');
    like($heard, qr/"zwfw_cache" with payload "item"/, 'and lists');

    my $guide = $nobody->call('item_show', { code => $food });
    is("$guide->{version} $guide->{keywords}[0]", '2 kfd', 'everybody sees it');
    is($nobody->call('item_show', { code => $food, version => 1 })->{state},
       'replaced', 'the old version stays readable');
    is($nobody->call('item_search', { q => 'KFD' })->{count}, 1, 'and found');
    is($nobody->call('item_search', { q => '食品经营' })->{count}, 1,
       'one version is');

    is(audit($writer), 'item_save ok, item_save ok, item_save ok,'
       . ' item_submit ok, item_submit ok', 'what the writer did');
    is(audit($editor), 'item_approve ok', 'and the editor');
    is(audit($above), 'item_reject ok', 'and the one above');
    is($editor->refused('item_approve', $id, { revision => 6 }),
       '409 wrong_state', 'once');
};


subtest 'a day to come' => sub {
    $db->admin("SELECT zwfw.move_clock('2026-11-23T10:00:00+08:00')");
    $draft = draft(promise_day => 3, effective_on => '2026-12-01');
    my $id = { id => $draft->{id} };

    is($writer->refused('item_submit', $id, { revision => 2,
                            effective_on => '2026-11-22' }),
       '422 effective_day_past effective_on', 'not a day that is gone');
    $second->call('item_submit', $id, { revision => 2 });
    is($second->refused('item_approve', $id, { revision => 2 }),
       '403 same_person', 'nor does who handed it in approve it');
    $db->admin("SELECT zwfw.move_clock('2026-12-02T00:00:01+08:00')");
    is($editor->refused('item_approve', $id, { revision => 2 }),
       '422 effective_day_past effective_on', 'nor one that went meanwhile');
    $db->admin("SELECT zwfw.move_clock('2026-11-30T10:00:00+08:00')");
    my $done = $editor->call('item_approve', $id, { revision => 2 });
    is("$done->{state} $done->{effective_on}", 'approved 2026-12-01',
       'it waits');
    is($nobody->call('item_switch')->{published}, 0, 'not yet');
    is($nobody->call('item_show', { code => $food })->{promise_day}, 5,
       'the old text');

    $db->admin("SELECT zwfw.move_clock('2026-12-01T00:00:01+08:00')");
    is($nobody->call('item_switch')->{published}, 1, 'the day comes');
    is($nobody->call('item_show', { code => $food })->{promise_day}, 3,
       'the new text');
    is($nobody->call('item_switch')->{published}, 0, 'once');
    $db->admin('SELECT zwfw.move_clock(NULL)');
    is(join(' ', map { $_->{version} } @{ $nobody->call('item_show',
            { code => $food, version => 2 })->{others} }), '3 1',
       'each version names the others');
};


subtest 'suspended and cancelled' => sub {
    my $code = { code => $food };
    my %seen = (version => 3);

    is($writer->refused('item_suspend', $_, { %seen, reason => 'x' }),
       '403 not_allowed', 'editors only') for $code, { code => 'x' };
    is($stranger->refused('item_suspend', $code, { %seen, reason => 'x' }),
       '403 not_allowed', 'of the body');
    is($editor->refused('item_suspend', $code, { %seen, reason => ' ' }),
       '422 missing reason', 'with a reason');

    my $offered = $editor->call('item_offered', $code);
    is(join(' ', "$offered->{version} $offered->{state}:",
            sort keys %{ $offered->{can} }),
       '3 in_use: cancel suspend', 'what an editor is asked about');
    is($above->call('item_offered', $code)->{id}, $offered->{id},
       'one of the body above as well');
    is($_->refused('item_offered', $code), '403 not_allowed', 'nobody else')
        for $writer, $stranger;

    is($editor->refused('item_suspend', $code, { version => 2, reason => 'x' }),
       '409 changed_meanwhile version', 'of the version that was seen');
    is($editor->refused('item_suspend', $code, { reason => 'x' }),
       '409 changed_meanwhile version', 'which must be said');
    $editor->call('item_suspend', $code, { %seen, reason => '系统升级' });
    my $guide = $nobody->call('item_show', $code);
    is("$guide->{state} $guide->{reason}", 'suspended 系统升级',
       'shown with its reason');
    ok(!$guide->{applicable}, 'nobody may apply');
    is($nobody->call('item_search', { q => '食品经营' })->{items}[0]{state},
       'suspended', 'still found');
    ok($nobody->call('item_search', { q => '食品经营' })->{items}[0]
       {suspended}, 'and marked');
    is($editor->refused('item_suspend', $code, { %seen, reason => 'x' }),
       '409 wrong_state', 'once');

    is_deeply([sort keys %{ $editor->call('item_offered', $code)->{can} }],
              [qw(cancel resume)], 'asked about again');
    is($editor->refused('item_resume', $code, { version => 2 }),
       '409 changed_meanwhile version', 'resumed as it was seen, too');
    $editor->call('item_resume', $code, { %seen });
    ok($nobody->call('item_show', $code)->{applicable}, 'resumed');
    ok(!exists $nobody->call('item_show', $code)->{reason}, 'no reason left');

    is($above->refused('item_cancel', $code, { %seen }),
       '422 missing reason', 'it says why it is cancelled');
    is($above->refused('item_cancel', $code, { version => 2, reason => 'x' }),
       '409 changed_meanwhile version', 'and cancels what it has seen');
    $above->call('item_cancel', $code, { %seen,
                                         reason => '国家取消该许可' });
    is($nobody->call('item_show', $code)->{state}, 'cancelled', 'cancelled');
    is($editor->refused('item_offered', $code), '404 item_not_found',
       'nothing is left to take away');
    is($nobody->call('item_search', { q => '食品经营' })->{count}, 0,
       'no longer found');
    is($editor->refused('item_resume', $code, { %seen }), '404 item_not_found',
       'for good');

    my $again = draft();
    is($again->{version}, 4, 'but a later version may follow');
};

done_testing;
