# One person, two bodies: a role counts in the body where it is held, and in no
# other (GB/T 39047, 5.2.3.2; design: rights are checked by row).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use People;
use JSON::PP ();
use Test::More;

my $json = JSON::PP->new;
my $sign = '11990102MB0DEM041H4000199004000';
my $answers = { words => '演示小吃', size => '600×120', light => '不发光',
               address => '演示路 1 号' };
my %why = (reason => '不符合规定', remedy => '可以申请行政复议');
my %grant = (result => { name => '准予决定书' }, opinion => '同意');

# decides on food in body 2, takes signboards in in body 3

my $she = staff('approver,clerk', 2, 3);
my $other = staff('clerk,approver', 3, 3);


sub signboard {
    return apply($_[0], item => $sign, form => $answers);
}


subtest 'bodies of roles' => sub {
    my $of = sub {
        my ($roles, $bodies, $sql) = @_;
        return $db->admin("BEGIN; SET LOCAL zwfw.roles = '$roles';"
                          . "SET LOCAL zwfw.body = '$bodies'; SELECT $sql;"
                          . ' ROLLBACK');
    };
    my ($one, $two) = (body(2), body(3));

    is($of->(@$_[0 .. 2]), $_->[3], $_->[4])
        for ['clerk,approver', $one, "zwfw.bodies_of('clerk')", "{$one}",
             'one body is that of all roles'],
            ['approver,clerk', "$one,$two", "zwfw.bodies_of('clerk')",
             "{$two}", 'of two, the one at its place'],
            ['approver,clerk', "$one,$two",
             "zwfw.bodies_of('clerk', 'approver')", "{$one,$two}", 'both'],
            ['clerk,clerk', "$one,$two", "zwfw.bodies_of('clerk')",
             "{$one,$two}", 'one role in both'],
            ['approver,clerk,operator', "$one,$two",
             "zwfw.bodies_of('operator')", '{}', 'no body: no rights'],
            ['clerk', $one, "zwfw.bodies_of('approver')", '{}', 'no role'],
            ['', '', "zwfw.bodies_of('clerk')", '{}', 'nobody'],
            ['approver,clerk', "$one,$two", "zwfw.roles_in('$two')",
             '{clerk}', 'roles of a body'],
            ['approver,clerk', "$one,$two", 'zwfw.my_body()', $one, 'first'];

    is($db->user(roles => 'approver,clerk', body => "$one,$two")->refusal(
           'SELECT zwfw.act_as(NULL, NULL);'), '42501', 'nginx asks api only');
};


subtest 'each role in its own body' => sub {
    my ($food, $board) = (apply($wang), signboard($wang));

    is(join(' ', sort map { $_->{id} } @{ ask($she, 'case_inbox')->{items} }),
       join(' ', sort $food->{id}, $board->{id}), 'she sees both');
    is(ask($she, 'case_inbox')->{open}{count}, 2, 'counted');
    is(ask($she, 'case_inbox', { q => $board->{number} })->{count}, 1,
       'found by number');
    is(ask($she, 'case_inbox', { limit => 1 })->{next} ? 1 : 0, 1,
       'pages over both');

    is_deeply(ask($she, 'case_work', $food)->{acts}, [], 'no clerk of one');
    is_deeply(ask($she, 'case_work', $board)->{acts}, ['receive'],
              'clerk of the other');
    is(refused($she, 'receive', $food), '403 not_allowed', 'not here');
    $board = act($she, 'receive', $board);
    $food = act($clerk, 'receive', $food);

    my %ask = (items => [{ material => 'M01', text => 'x' }]);
    is(refused($she, @$_), '403 not_allowed', "no $_->[0]")
        for ['correct', $food, %ask], ['accept', $food],
            ['reject', $food, %why];
    $food = act($clerk, 'accept', $food);
    $board = act($she, 'accept', $board);

    is_deeply(ask($she, 'case_work', $board)->{acts}, [],
              'no approver of the other');
    is(refused($she, @$_), '403 not_allowed', "no $_->[0]")
        for ['grant', $board, %grant],
            ['refuse', $board, %why, opinion => 'x'];
    is(act($she, 'grant', $food, %grant)->{outcome}, 'granted', 'but here');
    is(act($other, 'grant', $board, %grant)->{outcome}, 'granted',
       'whom it belongs to');

    is($db->admin("SELECT string_agg(action || ' ' || role || ' ' || body,"
                  . " ', ' ORDER BY at, seq) FROM zwfw.audit"
                  . " WHERE uid = '$she->{me}{uid}'"),
       join(', ', 'case_receive clerk ' . body(3), 'case_accept clerk '
            . body(3), 'case_grant approver ' . body(2)),
       'the audit trail tells role and body of each act');
};


subtest 'what policies show' => sub {
    my $see = sub {
        my ($who, $table) = @_;
        return $db->admin('BEGIN; SET ROLE zwfw_staff;' . join('', map {
            "SET LOCAL zwfw.$_ = '$who->{me}{$_}';" } qw(uid roles body))
            . "SELECT count(DISTINCT body) FROM zwfw.$table; ROLLBACK");
    };
    my $mixed = staff('clerk,supervisor', 3, 2);

    is($see->($she, $_), 2, "both bodies' $_")
        for qw(cases case_materials case_events);
    is($see->($mixed, 'cases'), 2, 'who oversees one sees its cases');
    is($see->($mixed, $_), 1, "but only as a clerk its $_")
        for qw(case_materials case_events);

    my $food = apply($li);
    is($mixed->refused('case_work', { id => $food->{id} }),
       '404 case_not_found', 'nor as work');
    is(ask($mixed, 'case_overview')->{bodies}[0]{id}, body(2),
       'the overview is of the body overseen');
    is($mixed->refused('case_overview', { body => body(3) }),
       '422 bad_value body', 'and of no other');
    is(ask($mixed, 'case_inbox')->{open}{count}, 0, 'the inbox of its own');
};


subtest 'items' => sub {
    my $editor = staff('item_editor,item_manager', 2, 3);
    my $writer = staff('item_manager', 2);
    my $mine = $editor->call('item_save', { new_id => Sql::uuid() },
                             { catalog_code => '000199004000' });
    is($db->admin("SELECT body FROM zwfw.items WHERE id = '$mine->{id}'"),
       body(3), 'she writes for the body where she is a writer');

    my $theirs = $writer->call('item_save', { new_id => Sql::uuid() },
                               { catalog_code => '000199002000' });
    is($editor->refused('item_save', { id => $theirs->{id} },
                        { revision => $theirs->{revision} }),
       '404 item_not_found', 'not for the other one');

    $writer->call('item_submit', { id => $theirs->{id} },
                  { revision => $theirs->{revision} });
    my $draft = $editor->call('item_draft_show', { id => $theirs->{id} });
    ok($draft->{can}{approve}, 'whose drafts she judges');
    is($editor->call('item_approve', { id => $theirs->{id} },
                     { revision => $theirs->{revision} })->{state},
       'in_use', 'does');
    ok(!$editor->call('item_draft_show', { id => $theirs->{id} })
       ->{can}{renew}, 'the next version is not hers to begin');

    my $third = staff('item_manager', 3);
    $third->call('item_submit', { id => $mine->{id} },
                 { revision => $mine->{revision} });
    is($editor->refused('item_approve', { id => $mine->{id} },
                        { revision => $mine->{revision} }),
       '404 item_not_found', 'but no drafts of the first');
    ok(!$editor->call('item_draft_show', { id => $mine->{id} })
       ->{can}{approve}, 'as the page says');
    is($editor->refused('item_suspend', { code => $sign },
                        { version => 1, reason => 'x' }),
       '403 not_allowed', 'nor its items in use');
    my %body = map { $_->{code} => 1 }
        @{ $editor->call('item_own_list', { limit => 100 })->{items} };
    is(scalar(grep { /000199004000$/ } keys %body), 1, 'her own list');
    is($editor->call('item_pending_list')->{count}, 0,
       'and what waits for her');
};


subtest 'a session' => sub {
    my $uid = $wang->{me}{uid};
    my $session = sub {
        $db->admin('DELETE FROM zwfw.staff_roles');
        People::grant($db, $uid, body($_->[0]), $_->[1]) for @_;

        my $all = $json->decode($db->admin("SELECT zwfw.auth_session(u)
            FROM zwfw.users u WHERE u.id = '$uid'"));
        return join ' ', map { $_ // '-' } @$all{qw(roles body bodies)};
    };

    is($session->([2, 'clerk'], [2, 'approver']),
       'approver,clerk ' . body(2) . ' -', 'of one body');
    is($session->([3, 'clerk'], [2, 'approver']), join(' ', 'approver,clerk',
       body(2), join ',', body(2), body(3)), 'of two: one for each role');
};

done_testing;
