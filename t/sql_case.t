# A case from draft to result: who may do what and when (GB/T 39047, 5.2.1.6
# and 5.2.2.3; 行政许可法 29 to 44).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use JSON::PP ();
use Test::More;

my $none = Sql::uuid();


subtest 'the state table' => sub {
    is($db->admin(q{SELECT string_agg(code, ' ' ORDER BY code)
                      FROM zwfw.case_states}),
       $db->admin(q{
           SELECT string_agg(m[1], ' ' ORDER BY m[1])
             FROM pg_constraint c, regexp_matches(
                      pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') m
            WHERE c.conrelid = 'zwfw.cases'::regclass
              AND pg_get_constraintdef(c.oid) LIKE '%''special''%'
              AND m[1] <> 'text'}), 'are the states of a case');
    is($db->admin(q{
        SELECT string_agg(s.code, ' ') FROM zwfw.case_states s
         WHERE s.open <> (s.code = ANY (ARRAY(
               SELECT m[1] FROM pg_attrdef d, regexp_matches(
                      pg_get_expr(d.adbin, d.adrelid), '''([a-z_]+)''', 'g') m
                WHERE d.adrelid = 'zwfw.cases'::regclass)))}), '',
       'the same ones are open');

    is($db->admin(q{
        WITH RECURSIVE r AS (
            SELECT 'draft' AS code
             UNION
            SELECT m.to_state FROM r JOIN zwfw.case_moves m
                ON m.from_state = r.code WHERE m.to_state IS NOT NULL)
        SELECT string_agg(code, ' ') FROM zwfw.case_states
         WHERE code NOT IN (SELECT code FROM r)}), '', 'each can be reached');
    is($db->admin(q{
        SELECT string_agg(s.code, ' ') FROM zwfw.case_states s
         WHERE s.open AND NOT EXISTS (SELECT FROM zwfw.case_moves m
               WHERE m.from_state = s.code)}), '', 'each open one be left');
    is($db->admin(q{
        SELECT string_agg(DISTINCT act, ' ') FROM zwfw.case_moves
         WHERE to_state IN ('rejected', 'refused', 'withdrawn', 'terminated',
                            'voided', 'forwarded') AND NOT reason}), '',
       'an end against somebody has its reason');
};


subtest 'a draft' => sub {
    my $new = ask($wang, 'case_new', { item => $food });
    is($new->{item}{name}, '食品经营许可（新办）', 'the item');
    is($new->{applicant}{name}, '王秀英', 'the name is known');
    ok($new->{form}[1]{as}{choice}, 'a choice');
    is($new->{form}[1]{options}[0]{value}, '餐饮服务', 'its options');
    is(join(' ', map { $_->{required} ? 1 : 0 } @{ $new->{materials} }),
       '1 1 1 0', 'materials, required or not');

    is($wang->refused('case_new', { item => 'x' }), '404 item_not_found',
       'no such item');
    my $coach = '11990100MB0DEM05XC3000199005000';
    is($wang->refused('case_new', { item => $coach }),
       '409 item_not_for_you', 'not for natural persons');
    my $driver = '11990100MB0DEM13X03000199007000';
    is($wang->refused('case_new', { item => $driver }),
       '428 level_too_low', 'a level too low');
    is(person('王秀英', 2)->refused('case_new', { item => $driver }),
       '428 level_too_low', 'by one');
    is(ask(person('王秀英', 3), 'case_new', { item => $driver })->{item}{code},
       $driver, 'one that is enough');

    my $case = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                   { item => $food, form => { area => 60 } });
    is("$case->{state} $case->{version}", 'draft 1', 'begun');
    ok(!$case->{number}, 'without a number');
    is(refused($wang, 'submit', $case), '422 missing applicant.name',
       'not yet complete');
    is(faults($wang, 'submit', $case), join(', ', (map { "$_ missing" }
       (map { "applicant.$_" } qw(name id_number phone)),
       (map { "form.$_" } qw(shop_name kind address))),
       (map { "materials.$_ missing files" } qw(M01 M02 M03))),
       'all that is missing');
    is(faults($wang, 'save', $case, form => { area => 'many', kind => '其他',
                  more => 1 }, materials => [
                  { code => 'M01', file => upload('a', 'text/html') },
                  { code => 'M02', file => $none }, { code => 'M09' }]),
       'form.kind bad_value choice 100, form.area bad_type integer 999999, form.more unknown_field, '
       . 'materials.M01 bad_file_type, materials.M02 bad_value, '
       . 'materials.M09 unknown_material', 'all that is wrong in a draft');
    is(faults($wang, 'submit', $case, applicant => $applicant,
              form => { %$form, area => '6.5' }, materials => [
              @{ materials('M01') }, { code => 'M03', file =>
                                       upload('b', 'text/html') }]),
       'form.area bad_type integer 999999, materials.M02 missing files, '
       . 'materials.M03 bad_file_type', 'answers and materials together');
    is($db->admin('SELECT count(*) FROM zwfw.case_materials'), 0,
       'of which nothing is kept');

    is(refused($wang, 'save', $case, form => { @$_[0, 1] }), $_->[2], $_->[2])
        for [x => 1, '422 unknown_field form.x'],
            [area => 'many', '422 bad_type form.area'],
            [area => '1000000', '422 too_large form.area'],
            [area => [], '422 bad_type form.area'],
            [kind => '其他', '422 bad_value form.kind'],
            [shop_name => 'x' x 101, '422 too_long form.shop_name'],
            [shop_name => "a\nb", '422 bad_value form.shop_name'],
            [shop_name => 1, '422 bad_type form.shop_name'];
    is(refused($wang, 'save', $case, materials => [$_->[0]]), $_->[1],
       $_->[1])
        for [{ code => 'M09', file => upload('a') },
             '422 unknown_material materials.M09'],
            [{ code => 'M01', file => upload('a', 'text/html') },
             '422 bad_file_type materials.M01'],
            [{ code => 'M01', file => $none }, '422 bad_value materials.M01'],
            [{ code => 'M01', file => {} }, '422 bad_value materials.M01'];
    is(refused($wang, 'save', $case, materials => materials(('M01') x 6)),
       '422 too_many materials.M01', 'six files');

    is(refused($li, 'save', $case), '404 case_not_found', 'another\'s');
    is(refused($clerk, 'work', $case), '404 case_not_found',
       'the body does not see it');
    is($db->admin("SELECT count(*) FROM zwfw.case_events"), 0, 'no event');

    $case = act($wang, 'save', $case, form => $form, applicant => $applicant,
                note => '请尽快', materials => materials('M01', 'M01', 'M02'));
    is($case->{version}, 2, 'saved');
    is(refused($wang, 'save', { %$case, version => 1 }),
       '409 case_changed version', 'the other device is told');

    my $edit = ask($wang, 'case_edit', $case);
    is($edit->{form}[3]{value}, 60, 'a string became a number');
    ok($edit->{form}[1]{options}[0]{chosen}, 'what was chosen');
    is($edit->{applicant}{id_number}, "cases.id_number $case->{id}",
       'sealed for this row');
    my @ids = map { $_->{id} } @{ $edit->{materials}[0]{files} };
    is(@ids, 2, 'two files of a material');

    my $old = $db->admin("SELECT address FROM zwfw.case_materials"
                         . " WHERE id = '$ids[1]'");
    $case = act($wang, 'save', $case, materials => [
        { code => 'M01', file => $ids[0] },
        { code => 'M01', file => upload('new.png', 'image/png') },
        { code => 'M02' }]);
    $edit = ask($wang, 'case_edit', $case);
    is(join(' ', map { scalar @{ $_->{files} } } @{ $edit->{materials} }),
       '2 0 0 0', 'one replaced, one deleted');
    is($edit->{materials}[0]{files}[0]{id}, $ids[0], 'one kept');
    is($db->admin("SELECT count(*) FROM zwfw.files WHERE address = '$old'"),
       0, 'its content is given up');

    is(refused($wang, 'submit', $case), '422 missing materials.M02',
       'a material is missing');
    is(refused($li, 'drop', $case), '404 case_not_found', 'another\'s');
    is(refused($wang, 'drop', { %$case, version => 9 }),
       '409 case_changed version', 'an old version');
    is_deeply(act($wang, 'drop', $case), {}, 'dropped');
    is($wang->refused('case_show', $case), '404 case_not_found', 'gone');
    is($db->admin("SELECT count(*) FROM zwfw.file_uses"), 0, 'with its files');
};


subtest 'answers of all types' => sub {
    my $fault = sub {
        return $db->admin(sprintf "SELECT zwfw.case_fault('%s', '%s', true)",
                          map { JSON::PP->new->allow_nonref->encode($_) } @_);
    };

    is($fault->({ type => $_->[0] }, $_->[1]), $_->[2] // '',
       "$_->[0]: $_->[1]")
        for [date => '2026-02-28'], [date => '2026-02-30', 'bad_date date 0'],
            [date => 'infinity', 'bad_date date 0'],
            [date => '28.2.2026', 'bad_date date 0'],
            [boolean => 'on'], [boolean => 'false'], [boolean => JSON::PP::true],
            [boolean => 'perhaps', 'bad_type boolean 100'],
            [integer => '0'], [integer => '-1', 'bad_type integer 999999999'],
            [line => 'x' x 100], [line => "a\tb", 'bad_value line 100'],
            [text => 'x' x 501, 'too_long text 500'], [text => "a\nb"];
};


subtest 'handed in' => sub {
    my $case = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                   { item => $food });
    is(refused($wang, 'submit', $case, form => $form),
       '422 missing applicant.name', 'by whom?');
    is(refused($wang, 'submit', $case, form => $form,
               applicant => { %$applicant, phone => undef }),
       '422 missing applicant.phone', 'and how to reach?');

    $case = act($wang, 'submit', $case, form => $form, note => '请尽快',
                applicant => $applicant,
                materials => materials('M01', 'M02', 'M03'));
    is($case->{state}, 'submitted', 'with what is said now');
    like($case->{number}, qr/^11990100MB0DEM033R20261123\d{8}[0-9A-Z]$/,
         'number: body, day, serial, check');
    is(deadline($case), 'receive 2026-11-25 2', 'two working days to receive');
    is($db->admin("SELECT zwfw.check_37_36('$_->[0]')"), $_->[1],
       "check character $_->[1]")
        for ['11310000MB2F30661Y00111310000MB2F30661Y2025000001001', '9'],
            ['11310000MB2F30661Y00111310000MB2F30661Y2025000001002', '7'],
            ['91110000101623741K99991110000101623741KA0000000000000000001001',
             'G'];

    my $shown = show($wang, $case);
    is(steps($shown), 'submit+ receive* accept decide close', 'the stepper');
    is_deeply($shown->{acts}, ['withdraw'], 'may be withdrawn');
    is($shown->{line}[0]{actor}, 'applicant', 'time line');
    is($shown->{item}{hash}, $db->admin("SELECT hash FROM zwfw.item_versions"
       . " WHERE code = '$food'"), 'the guide it began with');
    is($shown->{channel}, 'pc', 'channel');
    is(refused($wang, $_, $case), '409 wrong_state', "no $_")
        for qw(edit save submit drop resubmit);
    is($wang->refused('case_receipt', $case), '409 no_paper_yet',
       'no receipt yet');
    is($li->refused("case_$_", $case), '404 case_not_found', "another's $_")
        for qw(show edit receipt);
    is($nobody->refused('case_show', $case), '404 case_not_found', 'nobody');

    is(refused($wang, 'withdraw', $case, @$_), '422 missing reason', 'why?')
        for [], [reason => ' '];
    is(refused($li, 'withdraw', $case, reason => 'x'), '404 case_not_found',
       'not by others');
    $case = act($wang, 'withdraw', $case, reason => '不再经营');
    is($case->{state}, 'withdrawn', 'withdrawn');
    $shown = show($wang, $case);
    is(steps($shown), 'submit+ withdrawn+', 'an early end');
    is($shown->{line}[1]{reason}, '不再经营', 'with its reason');
    is_deeply($shown->{acts}, [], 'nothing can be done any more');
    ok(!$shown->{deadline}, 'no limit runs');
};


subtest 'received, corrected once, accepted, granted' => sub {
    my $case = apply($wang);
    is($case->{state}, 'submitted', 'draft and submission in one');

    is(refused($wang, 'receive', $case), '403 not_allowed', 'no clerk');
    is(refused($approver, 'receive', $case), '403 not_allowed',
       'no approver either');
    is(refused($stranger, 'receive', $case), '404 case_not_found',
       'another body');
    is(refused($clerk, 'accept', $case), '409 wrong_state', 'first received');

    my $inbox = ask($clerk, 'case_inbox', { state => 'submitted' });
    is($inbox->{items}[0]{applicant}, '王秀英', 'in the inbox');
    my $work = ask($clerk, 'case_work', $case);
    is_deeply($work->{acts}, ['receive'], 'may be received');
    ok($work->{whole}, 'the chain is whole');

    $case = act($clerk, 'receive', $case);
    is("$case->{state} $case->{deadline}{date}", 'received 2026-11-30',
       'five working days to say what is missing');
    is(refused($clerk, 'receive', { %$case, version => 2 }),
       '409 case_changed version', 'a second clerk is told');

    for my $who ($wang, $clerk) {
        my $receipt = ask($who, 'case_receipt', $case);
        is($receipt->{receipt}, "$case->{number}-02", 'receipt');
        is(join(' ', map { "$_->{code}:$_->{count}" }
                @{ $receipt->{materials} }), 'M01:1 M02:1 M03:1', 'materials');
        is($receipt->{window}, '市政务服务大厅综合窗口', 'window');
        like($receipt->{at}, qr/^2026-11-23T10:00/, 'time');
    }

    is($stranger->refused('case_receipt', $case), '404 case_not_found',
       'not of another body');

    my @ask = (items => [{ material => 'M02', text => '没有标明面积' },
                         { field => 'area', text => '与图不符' },
                         { material => 'M03' }], note => '一次性告知');
    is(refused($clerk, 'correct', $case, items => [$_->[0]]), $_->[1], $_->[1])
        for [{ material => 'M03' }, '422 missing items'],
            [{ text => 'x' }, '422 missing items.0.material'],
            [{ text => 'x', material => 'M09' },
             '422 bad_value items.0.material'],
            [{ text => 'x', field => 'x' }, '422 bad_value items.0.field'],
            [{ text => 'x', field => 'area', material => 'M01' },
             '422 bad_value items.0.field'];
    is(refused($approver, 'correct', $case, @ask), '403 not_allowed',
       'clerks ask');

    clock('2026-11-24T09:00:00');
    $case = act($clerk, 'correct', $case, @ask);
    is("$case->{state} $case->{deadline}{kind}", 'correction correct',
       'to be corrected');
    ok($case->{deadline}{paused}, 'the clock of the body stands still');
    is(refused($clerk, 'correct', $case, @ask), '409 case_corrected_once',
       'a second notice is refused');
    is(refused($clerk, $_, $case, reason => 'x', remedy => 'x'),
       '409 wrong_state', "no $_") for qw(accept reject);

    my $shown = show($wang, $case);
    is(steps($shown), 'submit+ receive+ correct* accept decide close',
       'the stepper');
    is(join(' ', map { $_->{label} } @{ $shown->{correction}{items} }),
       '主要设备设施布局和操作流程图 面积（平方米）', 'what is asked for');
    is_deeply($shown->{can}, { resubmit => JSON::PP::true,
              withdraw => JSON::PP::true }, 'what can be done');
    my $edit = ask($wang, 'case_edit', $case);
    ok($edit->{correction}{open}, 'the form, with the notice');
    my $first = $edit->{materials}[1]{files}[0]{id};

    clock('2026-11-26T09:00:00');
    is(refused($wang, 'resubmit', $case, materials => materials('M01')),
       '422 not_corrected materials.M02', 'all that was asked for');
    is(faults($wang, 'resubmit', $case, form => { %$form, area => 'x' },
              materials => [{ code => 'M01' }, { code => 'M02',
                  file => $first }]), 'form.area bad_type integer 999999, '
       . 'materials.M01 missing files, materials.M02 not_corrected',
       'all that is wrong in a correction');
    is(refused($li, 'resubmit', $case), '404 case_not_found', 'not by others');
    $case = act($wang, 'resubmit', $case, form => { %$form, area => '66' },
                note => '已补正', materials => materials('M02'));
    is("$case->{state} $case->{deadline}{date}", 'received 2026-12-03',
       'back');
    is(ask($wang, 'case_receipt', $case)->{receipt}, "$case->{number}-04",
       'with another receipt');

    my @papers = @{ ask($wang, 'case_receipt', $case)->{papers} };

    is(join(' ', map { $_->{number} =~ /-(\d+)$/ } @papers), '04 03 02',
       'all papers, the newest first');
    is(join(' ', map { $_->{kind} } @papers),
       'receipt correction_notice receipt', 'the first receipt as well');
    is(join(' ', map { scalar @{ $_->{materials} } }
            grep { $_->{is}{receipt} } @papers), '3 3', 'with its materials');
    is($clerk->call('case_file', { id => $case->{id}, file => $first })
       ->{name}, 'M02.jpg', 'what was replaced is kept on record');

    is(refused($clerk, 'correct', $case, items => [
               { material => 'M01', text => '签名不清' }]),
       '409 case_corrected_once items.0', 'nothing new may be asked for');
    my $again = $db->user(%{ $clerk->{me} });
    $again->ask('BEGIN;');
    is(act($again, 'correct', $case, items => [
           { material => 'M02', text => '仍未标明' },
           { field => 'area', text => '仍不符' }])->{state}, 'correction',
       'but what was asked for or has changed');
    $again->ask('ROLLBACK;');

    clock('2026-11-27T09:00:00');
    is(refused($approver, 'accept', $case), '403 not_allowed', 'clerks accept');
    $case = act($clerk, 'accept', $case);
    is("$case->{state} $case->{deadline}{kind} $case->{deadline}{date}",
       'accepted promise 2026-12-04', 'five working days promised');
    is(show($wang, $case)->{legal_due}, '2026-12-11', 'ten by law');

    my %grant = (result => { name => '食品经营许可证', number => 'JY99000001',
                             valid_until => '2031-11-26' },
                 opinion => '同意');
    is(refused($clerk, 'grant', $case, %grant), '403 not_allowed',
       'clerks do not decide');
    is(refused($stranger, 'grant', $case, %grant), '404 case_not_found',
       'nor another body');
    is(refused($approver, 'grant', $case, %grant, result => { %{
               $grant{result} }, valid_until => $_->[0] }), $_->[1], $_->[0])
        for ['2026-02-30', '422 bad_date result.valid_until'],
            ['2020-01-01', '422 day_past result.valid_until'];
    is(refused($approver, 'grant', $case, %grant, result => {}),
       '422 missing result.name', 'a result has a name');
    is_deeply(ask($approver, 'case_work', $case)->{acts},
              ['grant', 'refuse'], 'approvers do');
    is_deeply(ask($clerk, 'case_work', $case)->{acts}, [], 'clerks nothing');

    clock('2026-12-07T09:00:00');
    $case = act($approver, 'grant', $case, %grant);
    is("$case->{state} $case->{outcome}", 'closed granted', 'granted');

    $shown = show($wang, $case);
    is($shown->{late}, 1, 'a working day later than promised');
    is($shown->{result}{number}, 'JY99000001', 'the result');
    is(steps($shown), 'submit+ receive+ accept+ decide+ close+', 'all done');
    is_deeply($shown->{acts}, [], 'nothing left to do');
    is(refused($wang, 'withdraw', $case, reason => 'x'), '409 wrong_state',
       'no withdrawal after the decision');
    ok(!grep({ exists $_->{opinion} } @{ $shown->{line} }),
       'no opinions for applicants');
    is(join(' ', grep { $_ } map { $_->{by} } @{ $shown->{line} }),
       join(' ', ('济南市市场监督管理局（演示）') x 5), 'staff is its body');
    is((grep { $_->{opinion} } @{ ask($clerk, 'case_work', $case)->{line} })[0]
       {opinion}, '同意', 'but for staff');

    is(events($case), 'submit submitted applicant, receive received clerk,'
       . ' correct correction clerk, resubmit received applicant,'
       . ' accept accepted clerk, process processing approver,'
       . ' grant granted approver, close closed system', 'all of it');
    is($db->admin("SELECT string_agg(action || ' ' || (detail->>'state'), ', '"
                  . " ORDER BY at, id) FROM zwfw.audit"
                  . " WHERE object_id = '$case->{id}'"),
       'case_receive received, case_correct correction,'
       . ' case_accept accepted, case_grant closed', 'acts of staff audited');
};

done_testing;
