# What the law says of cases: reasons, silence, the guide in force, one answer
# (行政许可法 32, 38, 42; GB/T 39047, 5.2.2.3).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use JSON::PP ();
use Test::More;

my $json = JSON::PP->new;


subtest 'refusals say why and what can be done' => sub {
    clock('2026-11-23T10:00:00');
    my $one = act($clerk, 'receive', apply($wang));
    my $two = act($both, 'accept', act($both, 'receive', apply($li)));
    my %why = (reason => '不符合规定的距离', remedy => '可以申请行政复议');

    for my $name (sort keys %why) {
        is(refused($clerk, 'reject', $one, %why, $name => ' '),
           "422 missing $name", "reject: $name");
        is(refused($both, 'refuse', $two, %why, opinion => 'x', $name => ''),
           "422 missing $name", "refuse: $name");
    }

    is(refused($approver, 'reject', $one, %why), '403 not_allowed', 'clerks');
    is(refused($clerk, 'refuse', $two, %why), '403 not_allowed', 'approvers');

    $one = act($clerk, 'reject', $one, %why);
    is("$one->{state} $one->{outcome}", 'rejected rejected', 'not accepted');
    is(steps(show($wang, $one)), 'submit+ receive+ rejected+', 'the stepper');
    is(show($wang, $one)->{result}{remedy}, $why{remedy}, 'remedy');

    $two = act($both, 'refuse', $two, %why, opinion => '不同意');
    is("$two->{state} $two->{outcome}", 'closed refused', 'refused');
    is(show($li, $two)->{result}{reason}, $why{reason}, 'reason');
    is(show($li, $two)->{line}[4]{document}{kind}, 'refusal_decision',
       'the document');
    is(ask($both, 'case_work', $two)->{remedies}{review} =~ /行政复议/, 1,
       'the guide names the remedies');
};


subtest 'a notice that asks for an answer only' => sub {
    clock('2026-11-23T10:00:00');
    my $case = act($clerk, 'receive', apply($wang));

    $case = act($clerk, 'correct', $case,
                items => [{ field => 'area', text => '与图不符' }]);
    $case = act($wang, 'resubmit', $case,
                applicant => { id_number => Cases::sealed('y'),
                               phone => Cases::sealed('z') },
                form => { %$form, area => '66' });
    is($case->{state}, 'received', 'is answered by one');
    is(refused($clerk, 'correct', $case, items => [
               { field => 'applicant.phone', text => '打不通' }]),
       '409 case_corrected_once items.0',
       'a phone number that is sealed anew has not changed');
};


subtest 'a case that nobody takes in' => sub {
    clock('2026-09-28T15:00:00');
    my ($case, $late, $gone) = map { apply($wang) } 1 .. 3;
    is(deadline($case), 'receive 2026-09-30 2', 'two working days to receive');
    is(show($wang, $case)->{silence}{date}, '2026-10-10',
       'five to speak, since it was handed in');

    my $row = sub {
        return (grep { $_->{id} eq $case->{id} }
                @{ ask($_[0], $_[1], { limit => 100 })->{items} })[0];
    };

    ok(!$row->($clerk, 'case_inbox')->{silence}{risk}, 'no risk yet');
    clock('2026-10-09T09:00:00');
    is_deeply($row->($clerk, 'case_inbox')->{silence},
              { date => '2026-10-10', weekday => 6, remaining => 1,
                risk => JSON::PP::true }, 'the inbox warns the day before');
    clock('2026-10-10T23:59:59');
    ok($row->($supervisor, 'case_overview')->{silence}{today},
       'and the supervisor sees it');
    $late = act($clerk, 'receive', $late);
    is(deadline($late), 'notice 2026-10-10 0',
       'to take it in does not prolong the limit');
    is(ask($wang, 'case_receipt', $late)->{notice_due}, '2026-10-10',
       'as the receipt says');
    is($nobody->call('case_deem')->{deemed}, 0, 'not yet');

    clock('2026-10-11T00:00:01');
    my $shown = show($wang, $case);
    is("$shown->{state} $shown->{promise_due}", 'accepted 2026-10-10',
       'accepted by law, from the day of submission');
    is(steps($shown), 'submit+ accept+ decide* close', 'the stepper');
    is(refused($clerk, 'receive', $case), '409 wrong_state',
       'too late to take it in');
    is(act($wang, 'withdraw', $gone, reason => 'x')->{state}, 'withdrawn',
       'a withdrawal meanwhile');
    like(events($gone), qr/deem accepted system, withdraw/,
         'finds it accepted');

    $db->admin("INSERT INTO zwfw.case_counters SELECT '" . body(2) . "', '"
               . "2026-10-11'::date - d, 0, 1 FROM (VALUES (100), (101)) x (d)");
    is(ask($nobody, 'case_deem')->{deemed}, 2, 'the job notes both');
    is($db->admin("SELECT min(day) FROM zwfw.case_counters"), '2026-07-03',
       'and forgets what was counted a hundred days ago');
    is($nobody->call('case_deem')->{deemed}, 0, 'once');
    is(events($case), 'submit submitted applicant, deem accepted system',
       'an event of the system');
    is(show($wang, $late)->{line}[2]{since}, '2026-09-28',
       'since it was handed in, not since it was taken in');
    $shown = show($wang, $case);
    ok($shown->{deemed}, 'accepted by silence');
    is($shown->{line}[1]{since}, '2026-09-28', 'since');
    ok(!$shown->{silence}, 'no longer a question');
    ok(ask($clerk, 'case_work', $case)->{whole}, 'the chain is whole');
    ok($row->($supervisor, 'case_overview')->{deemed},
       'the supervisor is told');

    for my $who ($wang, $clerk) {
        my $papers = ask($who, 'case_receipt', $case);
        is($papers->{papers}[0]{kind}, 'acceptance_notice', 'with its paper');
        ok(!$papers->{receipt}, 'but no receipt');
    }

    $case = act($approver, 'grant', $shown, opinion => '同意',
                result => { name => '食品经营许可证' });
    is("$case->{state} $case->{outcome}", 'closed granted', 'is decided');
};


subtest 'silence is acceptance' => sub {
    clock('2026-09-28T15:00:00');
    my $case = act($clerk, 'receive', apply($wang));
    is($case->{deadline}{date}, '2026-10-10', 'five working days');

    clock('2026-10-10T23:59:59');
    is($nobody->call('case_deem')->{deemed}, 0, 'not yet');
    is(show($wang, $case)->{state}, 'received', 'still received');

    clock('2026-10-11T00:00:01');
    my $shown = show($wang, $case);
    is("$shown->{state} $shown->{promise_due}", 'accepted 2026-10-10',
       'accepted by law, from the day of receipt');
    is_deeply($shown->{acts}, ['withdraw'], 'as an accepted one');
    is(refused($clerk, 'correct', $case, items => [
               { material => 'M01', text => 'x' }]), '409 wrong_state',
       'too late to ask');
    is(refused($clerk, 'reject', $case, reason => 'x', remedy => 'x'),
       '409 wrong_state', 'too late to refuse acceptance');

    is(ask($nobody, 'case_deem')->{deemed}, 1, 'the job notes it');
    is($nobody->call('case_deem')->{deemed}, 0, 'once');
    is(events($case), 'submit submitted applicant, receive received clerk,'
       . ' deem accepted system', 'an event of the system');
    $shown = show($wang, $case);
    ok($shown->{deemed}, 'accepted by silence');
    is($shown->{line}[2]{since}, '2026-09-28', 'since');
    is(deadline($shown), 'promise 2026-10-10 0 overdue',
       'the promised time is over, by no working day');

    clock('2026-09-28T15:00:00');
    $case = act($clerk, 'receive', apply($wang));
    clock('2026-10-11T00:00:01');
    is(act($wang, 'withdraw', $case, reason => 'x')->{state}, 'withdrawn',
       'a withdrawal meanwhile');
    like(events($case), qr/deem accepted system, withdraw withdrawn/,
         'finds it accepted');

    clock('2026-11-23T10:00:00');
    $case = act($clerk, 'correct', act($clerk, 'receive', apply($wang)),
                items => [{ material => 'M01', text => 'x' }]);
    clock('2026-11-27T10:00:00');
    $case = act($wang, 'resubmit', $case, materials => materials('M01'));
    is(deadline($case), 'notice 2026-12-04 5',
       'corrected papers begin a limit of their own');
    clock('2026-12-04T23:59:59');
    $nobody->call('case_deem');
    is(show($wang, $case)->{state}, 'received', 'which runs');
    clock('2026-12-05T00:00:01');
    $nobody->call('case_deem');
    is(show($wang, $case)->{state}, 'accepted', 'and ends');
    is(show($wang, $case)->{line}[4]{since}, '2026-11-27', 'since they came');

    clock('2026-11-23T10:00:00');
    $case = act($clerk, 'correct', act($clerk, 'receive', apply($wang)),
                items => [{ material => 'M01', text => 'x' }]);
    my $due = $case->{deadline}{date};
    clock("${due}T23:00:00");
    is($nobody->call('case_deem')->{returned}, 0, 'time to correct');
    clock('2027-02-01T00:00:01');
    is($nobody->call('case_deem')->{returned}, 1, 'is over');
    is(show($wang, $case)->{state}, 'returned', 'the papers go back');

    clock('2026-12-24T10:00:00');
    $case = act($clerk, 'accept', act($clerk, 'receive', apply($wang)));
    is(deadline($case), 'promise 2026-12-31 5', 'a known year');
    ok(!$case->{deadline}{provisional}, 'is not provisional');
    clock('2026-12-25T10:00:00');
    $case = act($clerk, 'accept', act($clerk, 'receive', apply($wang)));
    ok($case->{deadline}{provisional}, 'next year is provisional');
    clock('2026-11-23T10:00:00');
};


subtest 'a new version of the item' => sub {
    my $manager = staff('item_manager', 2);
    my $editor = staff('item_editor', 2);
    my $draft = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                    { item => $food, form => $form, applicant => $applicant,
                      materials => materials('M01', 'M02', 'M03') });
    my $left = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                   { item => $food, materials => materials('M01') });
    my $running = act($clerk, 'receive', apply($wang));

    my $new = $manager->call('item_save', { new_id => Sql::uuid() },
                             { catalog_code => '000199002000',
                               promise_day => 3 });
    my $guide = $json->decode($db->admin(
        "SELECT guide FROM zwfw.items WHERE id = '$new->{id}'"));
    $guide->{form} = [grep { $_->{name} ne 'area' } @{ $guide->{form} }];
    $guide->{form}[0]{name} = 'shop';
    $new = $manager->call('item_save', { id => $new->{id} },
        { revision => $new->{revision}, guide => $guide });
    my %seen = (revision => $new->{revision});
    $manager->call('item_submit', { id => $new->{id} }, \%seen);
    $editor->call('item_approve', { id => $new->{id} }, \%seen);

    my $edit = ask($wang, 'case_edit', $draft);
    ok($edit->{item_changed}, 'a draft is told');
    is($edit->{item}{version}, 2, 'of the new version');
    ok(show($wang, $left)->{offered}, 'another draft can go on');
    is(refused($wang, 'submit', $draft), '422 missing form.shop',
       'what is new is to be filled in');
    $draft = act($wang, 'submit', $draft, form => {
        shop => 'x', kind => '餐饮服务', address => '演示路 1 号' });
    is($draft->{state}, 'submitted', 'handed in');

    $running = act($clerk, 'accept', $running);
    is($running->{deadline}{date}, '2026-11-30',
       'a running one keeps its promise');

    $editor->call('item_suspend', { code => $food },
                  { version => 2, reason => 'x' });
    is($wang->refused('case_new', { item => $food }), '409 item_not_offered',
       'nobody applies for a suspended one');
    ok(!show($wang, $left)->{offered}, 'a draft of it says so');
    is(refused($wang, 'edit', $left), '409 item_not_offered', 'waits');
    act($wang, 'drop', $left);
    is(refused($wang, 'show', $left), '404 case_not_found', 'or is deleted');
    is(act($clerk, 'receive', $draft)->{state}, 'received',
       'but what was handed in goes on');
    $editor->call('item_resume', { code => $food }, { version => 2 });
    $db->admin("UPDATE zwfw.items SET online = false WHERE code = '$food'");
    is($wang->refused('case_new', { item => $food }), '409 item_not_offered',
       'nor for one that is handled at the counter only');
    $db->admin("UPDATE zwfw.items SET online = true WHERE code = '$food'");
};


subtest 'at the same time' => sub {
    my $shop = { shop => 'x', kind => '餐饮服务', address => '演示路 1 号' };
    my $case = act($clerk, 'receive', apply($wang, form => $shop));
    my $first = $db->user(%{ $clerk->{me} })->patient;
    my $second = $db->user(%{ $clerk->{me} }, uid => Sql::uuid())->patient;

    $first->ask('BEGIN;');
    is(act($first, 'accept', $case)->{state}, 'accepted', 'one accepts');
    $second->send($second->statement("api.case_reject("
        . Sql::User::arguments({ id => $case->{id} },
              { version => $case->{version}, reason => 'x', remedy => 'x' })
        . ")"));
    $db->until_locked(1);
    $first->ask('COMMIT;');
    like(($second->receive)[1], qr/case_changed/, 'the other is told');
    is(events($case), 'submit submitted applicant, receive received clerk,'
       . ' accept accepted clerk', 'one did it');

    # the job passes over what somebody is about to change
    my $due = apply($wang, form => $shop);
    my $leaving = $db->user(%{ $wang->{me} })->patient;

    $db->admin("UPDATE zwfw.cases SET notice_due = zwfw.today() - 1"
               . " WHERE id = '$due->{id}'");
    $leaving->ask('BEGIN;');
    act($leaving, 'withdraw', $due, reason => 'x');
    is_deeply($nobody->call('case_deem'),
              { deemed => 0, returned => 0, failed => 0 }, 'the job goes on');
    $leaving->ask('COMMIT;');

    # a draft on two devices: nothing is written over, nor deleted unseen
    my $draft = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                    { item => $food });
    my ($here, $there) = map { $db->user(%{ $wang->{me} })->patient } 1, 2;

    for my $act ('save', 'drop') {
        $here->ask('BEGIN;');
        my $saved = act($here, 'save', $draft, note => "before $act");
        $there->send($there->statement("api.case_$act("
            . Sql::User::arguments({ id => $draft->{id} },
                  { version => $draft->{version} }) . ')'));
        $db->until_locked(1);
        $here->ask('COMMIT;');
        like(($there->receive)[1], qr/case_changed/, "no $act meanwhile");
        $draft = $saved;
    }

    is(ask($wang, 'case_edit', $draft)->{note}, 'before drop', 'it is there');

    # each of sixteen connections counts for itself

    my %users;

    while (keys %users < 4) {
        my $user = person('王秀英')->patient;
        $users{($user->ask('SELECT pg_backend_pid() & 15;'))[1]} //= $user;
    }

    my @users = values %users;
    $_->ask('BEGIN;') for @users;
    my %number = map { ($_->{number} => 1) }
        map { apply($_, form => $shop) } @users;
    $_->ask('COMMIT;') for @users;
    is(keys %number, 4, 'numbers do not wait for each other');

    my $key = $wang->statement("zwfw.once('k1', 'd1', 'case_apply', "
        . Sql::User::arguments({ new_id => Sql::uuid() },
              { item => $food, applicant => $applicant, form => $shop,
                materials => materials('M01', 'M02', 'M03') }) . ")");
    my $before = $db->admin('SELECT count(*) FROM zwfw.cases');
    is(($wang->ask($key))[1], ($wang->ask($key))[1], 'sent twice');
    is($db->admin('SELECT count(*) FROM zwfw.cases') - $before, 1, 'one case');
};

done_testing;
