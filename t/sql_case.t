# A case from draft to result: who may do what and when, deadlines, events
# (GB/T 39047, 5.2.1.6 and 5.2.2.3; 行政许可法 29 to 44).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use JSON::PP ();
use Proc;
use Schema;
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new(slices => ['core', 'auth', 'item', 'case']);
my $json = JSON::PP->new;
my $food = '11990100MB0DEM033R3000199002000';
my $none = Sql::uuid();
my %schema;
my $files = 0;


sub body { return sprintf '019a0000-0000-7000-8000-%012d', shift }

sub staff {
    my ($roles, $body) = @_;

    return $db->user(uid => Sql::uuid(), roles => $roles, level => 5,
                     body => body($body));
}

sub person {
    my ($name, $level) = @_;
    my $uid = Sql::uuid();

    $db->admin("INSERT INTO zwfw.users (id, kind, name, email, email_index,"
               . " password, created_at) VALUES ('$uid', 'natural', '$name',"
               . " 'zs1:1:x', '1:$uid', 'x', now())");
    return $db->user(uid => $uid, level => $level // 1, channel => 'pc');
}

sub clock { $db->admin("SELECT zwfw.move_clock('$_[0]+08:00')") }

sub upload {
    my ($name, $type) = @_;

    return { file => sprintf('%064x', ++$files), name => $name, size => 1000,
             type => $type // 'image/jpeg', sm3 => sprintf('%064x', $files) };
}

sub materials {
    return [map { { code => $_, file => upload("$_.jpg") } } @_];
}

sub sealed {
    return { sealed => "zs1:1:$_[0]", index => ["1:$_[0]"] };
}

my $applicant = { name => '王秀英', id_number => sealed('id'),
                  phone => sealed('phone') };
my $form = { shop_name => '历下区演示小吃店', kind => '餐饮服务',
             address => '演示路 1 号', area => '60' };


# nginx puts plain values for sealed ones

sub opened {
    my $value = shift;

    return [map { opened($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    return join ' ', @{ $value->{sealed} }[0, 1] if $value->{sealed};
    return { map { $_ => opened($value->{$_}) } keys %$value };
}


# an answer, which fits its schema

sub ask {
    my ($user, $call, $args, $body) = @_;

    $schema{$call} //= $json->decode($db->admin(
        "SELECT obj_description('api.$call(jsonb,jsonb)'::regprocedure)"));
    my $answer = opened($user->call($call, $args, $body));
    my @errors = Schema::errors($schema{$call}, $answer);
    is_deeply(\@errors, [], "$call: answer fits its schema") if @errors;

    return $answer;
}

sub apply {
    my ($user, %body) = @_;

    return ask($user, 'case_apply', { new_id => Sql::uuid() },
               { item => $food, applicant => $applicant, form => $form,
                 materials => materials('M01', 'M02', 'M03'), %body });
}

sub act {
    my ($user, $act, $case, %body) = @_;

    return ask($user, "case_$act", { id => $case->{id} },
               { version => $case->{version}, %body });
}

sub refused {
    my ($user, $act, $case, %body) = @_;

    return $user->refused("case_$act", { id => $case->{id} },
                          { version => $case->{version}, %body });
}

sub show { return ask($_[0], 'case_show', { id => $_[1]{id} }) }

sub deadline {
    my $d = $_[0]{deadline};

    return join ' ', "$d->{kind} $d->{date} $d->{remaining}",
        $d->{late} // (), $d->{overdue} ? 'overdue' : ();
}

sub events {
    return $db->admin("SELECT string_agg(act || ' ' || to_state || ' '"
                      . " || actor, ', ' ORDER BY seq) FROM zwfw.case_events"
                      . " WHERE case_id = '$_[0]{id}'");
}

sub steps {
    return join ' ', map { $_->{step} . ($_->{done} ? '+' : '')
                           . ($_->{current} ? '*' : '') }
        @{ $_[0]{steps} };
}

my $wang = person('王秀英');
my $li = person('李建国');
my $nobody = $db->user;
my $clerk = staff('clerk', 2);
my $approver = staff('approver', 2);
my $both = staff('clerk,approver', 2);
my $stranger = staff('clerk,approver', 3);
my $supervisor = staff('supervisor', 1);

clock('2026-11-23T10:00:00');


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
       '409 item_not_offered', 'not for natural persons');
    my $driver = '11990100MB0DEM13X03000199007000';
    is($wang->refused('case_new', { item => $driver }),
       '428 level_too_low', 'a level too low');

    my $case = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                   { item => $food, form => { area => 60 } });
    is("$case->{state} $case->{version}", 'draft 1', 'begun');
    ok(!$case->{number}, 'without a number');
    is(refused($wang, 'submit', $case), '422 missing form.shop_name',
       'not yet complete');

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
        for qw(save submit drop resubmit);
    is($wang->refused('case_receipt', $case), '409 wrong_state',
       'no receipt yet');
    is($li->refused("case_$_", $case), '404 case_not_found', "another's $_")
        for qw(show edit receipt);
    is($nobody->refused('case_show', $case), '404 case_not_found', 'nobody');

    is(refused($wang, 'withdraw', $case), '422 missing reason', 'why?');
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
    is(refused($li, 'resubmit', $case), '404 case_not_found', 'not by others');
    $case = act($wang, 'resubmit', $case, form => { %$form, area => '66' },
                note => '已补正', materials => materials('M02'));
    is("$case->{state} $case->{deadline}{date}", 'received 2026-12-03',
       'back');
    is(ask($wang, 'case_receipt', $case)->{receipt}, "$case->{number}-04",
       'with another receipt');
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
            ['2020-01-01', '422 bad_date result.valid_until'];
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


subtest 'files' => sub {
    my $case = apply($wang);
    my $shown = show($wang, $case);
    my %file = (id => $case->{id},
                file => $shown->{materials}[0]{files}[0]{id});

    is_deeply(ask($_, 'case_file', \%file),
              { file => $db->admin("SELECT address FROM zwfw.case_materials"
                                   . " WHERE id = '$file{file}'"),
                name => 'M01.jpg', size => 1000, type => 'image/jpeg' },
              'for its applicant and its body') for $wang, $clerk, $approver;
    is($_->refused('case_file', \%file), '404 case_not_found', 'not for others')
        for $li, $stranger, $nobody;
    is($supervisor->refused('case_file', \%file), '403 not_allowed',
       'nor for supervisors');
    is($wang->refused('case_file', { %file, id => apply($wang)->{id} }),
       '404 case_not_found', 'nor under another case');
};


subtest 'events stay' => sub {
    for my $sql ('UPDATE zwfw.case_events SET reason = NULL',
                 'DELETE FROM zwfw.case_events', 'TRUNCATE zwfw.case_events')
    {
        ok(!eval { $db->admin($sql) }, $sql);
        like($@, qr/append-only/, 'is refused');
    }

    my $case = act($clerk, 'receive', apply($wang));
    ok(ask($clerk, 'case_work', $case)->{whole}, 'a chain is whole');

    for my $set ("reason = 'x'", "at = at - interval '1 s'", 'uid = NULL',
                 "data = '{}'", "prev_hash = ''")
    {
        $db->admin("ALTER TABLE zwfw.case_events DISABLE TRIGGER keep;"
                   . "CREATE TABLE kept AS SELECT * FROM zwfw.case_events"
                   . " WHERE case_id = '$case->{id}';"
                   . "UPDATE zwfw.case_events SET $set"
                   . " WHERE case_id = '$case->{id}' AND seq = 2");
        ok(!ask($clerk, 'case_work', $case)->{whole}, "$set is seen");
        $db->admin("DELETE FROM zwfw.case_events"
                   . " WHERE case_id = '$case->{id}';"
                   . "INSERT INTO zwfw.case_events SELECT * FROM kept;"
                   . "DROP TABLE kept;"
                   . "ALTER TABLE zwfw.case_events ENABLE TRIGGER keep");
    }

    ok(ask($clerk, 'case_work', $case)->{whole}, 'put right again');
};


subtest 'lists' => sub {
    my %seen;
    my $after;
    my $pages = 0;

    do {
        my $page = ask($wang, 'case_own_list',
                       { limit => 3, $after ? (after => $after) : () });
        $seen{$_->{id}}++ for @{ $page->{items} };
        $after = $page->{next};
        $pages++;
    } while $after;

    my $count = ask($wang, 'case_own_list')->{count};
    is(keys %seen, $count, 'each on one page');
    cmp_ok($pages, '>', 2, 'of several');
    ok(!grep({ $_ > 1 } values %seen), 'once');
    is(ask($wang, 'case_own_list', { state => 'withdrawn' })->{count}, 2,
       'of a state');
    is($wang->refused('case_own_list', { state => 'x' }),
       '422 bad_value state', 'of no state');
    is(ask($li, 'case_own_list')->{count}, 1, 'of one\'s own');
    is(ask($nobody, 'case_own_list')->{count}, 0, 'of nobody');

    clock('2026-12-01T10:00:00');
    my $case = apply($li);
    my $inbox = ask($clerk, 'case_inbox');

    for my $tab (@{ $inbox->{tabs} }) {
        my $list = ask($clerk, 'case_inbox',
                       { state => $tab->{state}, limit => 100 });
        is(@{ $list->{items} }, $tab->{count}, "as many $tab->{state}");
        my $late = ask($clerk, 'case_inbox', { state => $tab->{state},
                       due => 'overdue', limit => 100 });
        is(@{ $late->{items} }, $tab->{overdue}, 'overdue');
    }

    is(@{ ask($clerk, 'case_inbox', { limit => 100 })->{items} },
       $inbox->{open}{count}, 'as many open');
    my $late = ask($clerk, 'case_inbox', { due => 'overdue', limit => 100 });
    is(@{ $late->{items} }, $inbox->{overdue}{count}, 'as many overdue');
    cmp_ok($inbox->{overdue}{count}, '>', 0, 'there are some');
    ok(!grep({ !$_->{deadline}{overdue} } @{ $late->{items} }), 'they are');
    my @due = map { $_->{deadline}{date} } @{ $late->{items} };
    is_deeply(\@due, [sort @due], 'the most urgent first');
    is(ask($clerk, 'case_inbox', { due => 'soon' })->{items}[-1]{id},
       $case->{id}, 'soon');
    is(ask($clerk, 'case_inbox', { due => 'today' })->{count}, 0, 'today');
    is($clerk->refused('case_inbox', { due => 'x' }), '422 bad_value due',
       'never');
    is($clerk->refused('case_inbox', { state => 'draft' }),
       '422 bad_value state', 'no drafts');

    is(ask($clerk, 'case_inbox', { q => lc $case->{number} })->{items}[0]{id},
       $case->{id}, 'by number');
    is(ask($stranger, 'case_inbox', { q => $case->{number} })->{count}, 0,
       'not of another body');
    is(ask($stranger, 'case_inbox')->{open}{count}, 0, 'nor in its lists');
    is($supervisor->refused('case_inbox'), '403 not_allowed',
       'not for supervisors');

    my @closed = map { $_->{id} } @{ ask($clerk, 'case_inbox',
                                         { state => 'closed' })->{items} };
    is_deeply(\@closed, [reverse sort @closed], 'what is over: newest first');
};


subtest 'overview' => sub {
    my $all = ask($supervisor, 'case_overview');

    for my $tab (@{ $all->{tabs} }) {
        is(@{ ask($supervisor, 'case_overview',
                  { state => $tab->{state}, limit => 100 })->{items} },
           $tab->{count}, "as many $tab->{state}");
        is(@{ ask($supervisor, 'case_overview', { state => $tab->{state},
                  overdue => JSON::PP::true, limit => 100 })->{items} },
           $tab->{overdue}, 'overdue');
    }

    is(ask($supervisor, 'case_overview', { overdue => JSON::PP::true })
       ->{count}, $all->{overdue}{count}, 'as many overdue');
    is($all->{open}{count}, ask($clerk, 'case_inbox')->{open}{count},
       'all of the one body');
    is($all->{items}[0]{applicant}, '王**', 'names are masked');

    my $pages = 0;
    my ($after, @ids);

    do {
        my $page = ask($supervisor, 'case_overview',
                       { limit => 3, $after ? (after => $after) : () });
        push @ids, map { $_->{id} } @{ $page->{items} };
        $after = $page->{next};
    } while $after;

    is(@ids, $all->{count}, 'pages over several bodies');
    is(ask($supervisor, 'case_overview', { body => body(2) })->{count},
       $all->{count}, 'of a body');
    is(ask($supervisor, 'case_overview', { body => body(3) })->{count}, 0,
       'of another one below the one below');
    is($supervisor->refused('case_overview', { body => $none }),
       '422 bad_value body', 'of none');
    my $below = staff('supervisor', 9);
    is(ask($below, 'case_overview')->{open}{count}, 0, 'below: none');
    is($below->refused('case_overview', { body => body(2) }),
       '422 bad_value body', 'nor asked for by name');
    is($clerk->refused('case_overview'), '403 not_allowed', 'no clerk');
    is(refused($supervisor, 'work', { id => $ids[0] }), '403 not_allowed',
       'it is a list, not an act');
};


subtest 'a new version of the item' => sub {
    my $manager = staff('item_manager', 2);
    my $editor = staff('item_editor', 2);
    my $draft = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                    { item => $food, form => $form, applicant => $applicant,
                      materials => materials('M01', 'M02', 'M03') });
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
    $manager->call('item_submit', { id => $new->{id} },
                   { revision => $new->{revision} });
    $editor->call('item_approve', { id => $new->{id} });

    my $edit = ask($wang, 'case_edit', $draft);
    ok($edit->{item_changed}, 'a draft is told');
    is($edit->{item}{version}, 2, 'of the new version');
    is(refused($wang, 'submit', $draft), '422 missing form.shop',
       'what is new is to be filled in');
    $draft = act($wang, 'submit', $draft, form => {
        shop => 'x', kind => '餐饮服务', address => '演示路 1 号' });
    is($draft->{state}, 'submitted', 'handed in');

    $running = act($clerk, 'accept', $running);
    is($running->{deadline}{date}, '2026-12-08',
       'a running one keeps its promise');

    $editor->call('item_suspend', { code => $food }, { reason => 'x' });
    is($wang->refused('case_new', { item => $food }), '409 item_not_offered',
       'nobody applies for a suspended one');
    is(act($clerk, 'receive', $draft)->{state}, 'received',
       'but what was handed in goes on');
    $editor->call('item_resume', { code => $food });
};


subtest 'at the same time' => sub {
    my $shop = { shop => 'x', kind => '餐饮服务', address => '演示路 1 号' };
    my $case = act($clerk, 'receive', apply($wang, form => $shop));
    my $second = $db->user(%{ $clerk->{me} }, uid => Sql::uuid());

    $clerk->ask('BEGIN;');
    is(act($clerk, 'accept', $case)->{state}, 'accepted', 'one accepts');
    $second->send($second->statement("api.case_reject("
        . Sql::User::arguments({ id => $case->{id} },
              { version => $case->{version}, reason => 'x', remedy => 'x' })
        . ")"));
    Proc::until_true('the other', 10, sub {
        $db->admin("SELECT count(*) FROM pg_stat_activity"
                   . " WHERE wait_event_type = 'Lock'") == 1;
    });
    $clerk->ask('COMMIT;');
    like(($second->receive)[1], qr/case_changed/, 'the other is told');
    is(events($case), 'submit submitted applicant, receive received clerk,'
       . ' accept accepted clerk', 'one did it');

    my @users = map { person('王秀英') } 1 .. 4;
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


subtest 'rights' => sub {
    my $as = sub {
        my ($role, $me, $sql) = @_;
        return $db->admin("BEGIN; SET ROLE $role;" . join('', map {
            "SELECT set_config('zwfw.$_', '$me->{me}{$_}', true) WHERE false;"
            . "SET LOCAL zwfw.$_ = '$me->{me}{$_}';" }
            keys %{ $me->{me} }) . "$sql; ROLLBACK");
    };

    is($as->('zwfw_citizen', $li, 'SELECT count(DISTINCT owner)'
             . ' FROM zwfw.cases'), 1, 'an applicant\'s functions see his');
    is($as->('zwfw_citizen', $li, "SELECT count(*) FROM zwfw.$_"
             . " WHERE owner <> '$li->{me}{uid}'"), 0, $_)
        for qw(case_materials case_events);
    is($as->('zwfw_staff', $clerk, "SELECT count(*) FROM zwfw.cases"
             . " WHERE state = 'draft' OR body <> '" . body(2) . "'"), 0,
       'staff\'s see the body\'s, no drafts');
    is($as->('zwfw_staff', $stranger, "SELECT count(*) FROM zwfw.$_"), 0,
       "of $_") for qw(cases case_materials case_events);
    is($as->('zwfw_staff', $supervisor, "SELECT count(*) FROM zwfw.$_"), 0,
       "a supervisor's none of $_") for qw(case_materials case_events);
    ok(!eval { $as->('zwfw_staff', $clerk,
                     'DELETE FROM zwfw.cases') }, 'staff deletes no case');

    my $for = $db->user(%{ $li->{me} }, acting_for => $wang->{me}{uid});
    is(ask($for, 'case_own_list')->{count},
       ask($wang, 'case_own_list')->{count}, 'acting for another');

    is($db->admin(q{
        SELECT string_agg(DISTINCT p.oid::regprocedure || ' ' || c, E'\n')
          FROM pg_proc p, LATERAL plpgsql_check_function(p.oid::regprocedure,
                                      security_warnings => true) c
         WHERE (p.pronamespace = 'zwfw'::regnamespace
                OR p.pronamespace = 'api'::regnamespace)
           AND p.proname LIKE 'case%' AND p.prorettype <> 'trigger'::regtype
           AND p.prolang = (SELECT oid FROM pg_language
                             WHERE lanname = 'plpgsql')
           AND c !~ 'unused parameter "(args|body)"'}), '',
       'plpgsql_check is silent');
    is($db->admin(q{
        SELECT string_agg(p.proname, ' ') FROM pg_proc p
         WHERE p.proname LIKE 'case%' AND length(p.prosrc)
               - length(replace(p.prosrc, E'\n', '')) > 41}), '',
       'at most 40 lines');
};

done_testing;
