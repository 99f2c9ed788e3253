# The audit trail: append-only, chained, filtered by time, act and person.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use JSON::PP ();
use Sql;
use Test::More;

my $db = Sql->new(slices => ['core']);
my @clerks = map { $db->user(uid => Sql::uuid(), roles => 'clerk',
                             request_id => sprintf('%032x', $_),
                             session => 'f' x 64, channel => 'pc',
                             body => '019a0000-0000-7000-8000-000000000002') }
    1 .. 5;
my $operator = $db->user(uid => Sql::uuid(), roles => 'operator');


# a line of nginx; who it is stands in the line

sub line {
    my ($he, $name, %more) = @_;
    my $me = $he->{me};

    return { uid => $me->{uid}, role => $me->{roles}, body => $me->{body},
             session => $me->{session}, channel => $me->{channel},
             request_id => $me->{request_id}, action => $name,
             object => $name =~ s/_.*//r, object_id => 'A1',
             outcome => 'refused', detail => { status => 409,
             code => 'wrong_state' }, %more };
}


sub act {
    my ($he, $name) = @_;

    $db->user->call('audit_tell', {}, { lines => [line($he, $name)] });
}


act($_, 'case_accept') for @clerks, @clerks;
act($clerks[0], 'item_save');

subtest 'what a row holds' => sub {
    my $row = $operator->call('audit_list', { action => 'item_save' })
        ->{items}[0];

    like(delete $row->{at}, qr/^\d{4}-.*\+08:00$/, 'time');
    like(delete $row->{hash}, qr/^[0-9a-f]{64}$/, 'hash');
    ok(delete $row->{id} > 0, 'id');
    is_deeply($row, {
        uid => $clerks[0]{me}{uid}, role => 'clerk', channel => 'pc',
        person_kind => 'unknown', roles => [{ role => 'clerk' }],
        body => '019a0000-0000-7000-8000-000000000002',
        body_name => '济南市市场监督管理局（演示）',
        action => 'item_save', object => 'item', object_id => 'A1',
        outcome => 'refused', request_id => sprintf('%032x', 1),
        detail => { status => 409, code => 'wrong_state' },
    }, 'who did what, where, with which outcome');
};

subtest 'lists' => sub {
    my $list = $operator->call('audit_list');
    is($list->{count}, 11, 'all of them');
    is($list->{items}[0]{action}, 'item_save', 'the newest first');
    ok(!exists $list->{next}, 'one page');

    my (@seen, $after);

    do {
        my $page = $operator->call('audit_list', {
            limit => 4, action => 'case_accept',
            $after ? (after => $after) : () });
        push @seen, map { $_->{id} } @{ $page->{items} };
        $after = $page->{next};
        is($page->{count}, 10, 'of ten');
    } while ($after);

    is_deeply(\@seen, [map { $_->{id} } @{ $list->{items} }[1 .. 10]],
              'pages hold each once, in order');

    is($operator->call('audit_list', { uid => $clerks[0]{me}{uid} })->{count},
       3, 'one person');
    my $today = $db->admin('SELECT zwfw.today()');
    is($operator->call('audit_list', { from => $today, to => $today })
       ->{count}, 11, 'today');
    is($operator->call('audit_list', { to => '2020-01-01' })->{count}, 0,
       'long ago');
    is_deeply($operator->call('audit_list', { to => '2020-01-01' })->{items},
              [], 'an empty page is a list');

    for my $call ('audit_list', 'audit_check') {
        is($clerks[0]->refused($call), '403 not_allowed', "$call: operators");
        is($db->user->refused($call), '403 not_allowed', "$call: nobody else");
    }

    is($operator->refused('audit_list', { uid => 'x' }), '22P02', 'bad uid');
};

subtest 'without the slice that knows people' => sub {
    my $list = $operator->call('audit_list', { staff => '赵' });

    is($list->{count}, 0, 'nobody has a name');
    ok(!$list->{finds}, 'which is told');
    is($operator->refused('audit_person', {}, { email => { index => ['x'] } }),
       '422 person_not_found email', 'nor an address');
    is($clerks[0]->refused('audit_person'), '403 not_allowed', 'operators');
};

subtest 'many lines' => sub {
    my $he = $db->user(uid => Sql::uuid(), request_id => 'a' x 32);
    my $she = $db->user(uid => $he->{me}{uid}, request_id => 'b' x 32);
    my $tell = sub { $db->user->call('audit_tell', {}, { lines => [@_] }) };
    my $list = sub {
        return join ', ', map { join ' ', $_->{action}, map { $_ // '-' }
                                $_->{detail} ? @{ $_->{detail} }{qw(count late)}
                                             : 'none' }
            reverse @{ $operator->call('audit_list', {
                uid => $he->{me}{uid} })->{items} };
    };

    $tell->(line($he, 'a_one', count => 7), line($he, 'a_two', late => 3),
            line($he, 'a_read', outcome => 'ok', detail => undef));
    is($list->(), 'a_one 7 -, a_two - 3, a_read none', 'are rows, in order');

    $tell->(line($he, 'a_two', late => 9, again => JSON::PP::true),
            line($he, 'a_new', again => JSON::PP::true),
            line($she, 'a_two', again => JSON::PP::true));
    is($list->(), 'a_one 7 -, a_two - 3, a_read none, a_new - -, a_two - -',
       'told again it is the same row, of another request another one');

    is($operator->call('audit_list', { uid => $he->{me}{uid} })
       ->{items}[0]{request_id}, 'b' x 32, 'whose id it has');
};

subtest 'nobody changes it' => sub {
    for my $sql ("UPDATE zwfw.audit SET action = 'x'",
                 'DELETE FROM zwfw.audit', 'TRUNCATE zwfw.audit')
    {
        ok(!eval { $db->admin($sql) }, $sql);
        like($@, qr/append-only/, 'refused even to an administrator');
    }

    is($db->admin("SELECT string_agg(g.grantee || ' ' || g.privilege_type,"
                  . " ', ' ORDER BY g.grantee, g.privilege_type) FROM information_schema"
                  . ".role_table_grants g WHERE g.table_schema = 'zwfw'"
                  . " AND g.table_name = 'audit'"
                  . " AND g.grantee <> 'zwfw_owner'"),
       'zwfw_staff SELECT, zwfw_system INSERT, zwfw_system SELECT', 'rights');
};

subtest 'at the same time' => sub {
    my @same = map { $db->user(uid => $clerks[0]{me}{uid}) } 1 .. 4;

    for my $he (@same, @clerks) {
        my $one = $he->statement("api.audit_tell(" . Sql::User::arguments(
            {}, { lines => [line($he, 'a_b')] }) . ')');
        $he->send(join "\n", ($one) x 20);
    }

    is(($_->receive)[0], '00000', 'written') for @same, @clerks;
    is($operator->call('audit_list', { action => 'a_b' })->{count}, 180,
       'all of them');
    is($db->admin('SELECT count(*) FROM (SELECT max(seq) - count(*) AS gap'
                  . ' FROM zwfw.audit GROUP BY chain) c WHERE gap <> 0'), 0,
       'without a gap');
};

subtest 'the chain' => sub {
    my $check = $operator->call('audit_check');
    my $all = $db->admin('SELECT count(*) FROM zwfw.audit');

    ok($check->{ok}, 'whole');
    is($check->{checked}, $all, 'every row was compared');
    is(@{ $check->{heads} },
       $db->admin('SELECT count(DISTINCT chain) FROM zwfw.audit'), 'heads');

    my $tamper = sub {
        my $sql = shift;
        $db->admin("ALTER TABLE zwfw.audit DISABLE TRIGGER keep; $sql;"
                   . " ALTER TABLE zwfw.audit ENABLE TRIGGER keep");
        return $operator->call('audit_check');
    };
    my ($id, $chain, $seq) = split /\|/, $db->admin(
        'SELECT id, chain, seq FROM zwfw.audit WHERE seq = 2'
        . ' ORDER BY at, id LIMIT 1');
    my $row = "WHERE chain = $chain AND seq = $seq";

    for my $set ("action = action || 'x'", "at = at + interval '1 second'",
                 'uid = NULL', q{detail = '{"status": 200}'}, "outcome = 'ok'",
                 "session = ''")
    {
        $db->admin("CREATE TABLE kept AS SELECT * FROM zwfw.audit $row");
        $check = $tamper->("UPDATE zwfw.audit SET $set $row");
        is_deeply([@$check{qw(ok broken first)}], [JSON::PP::false, 1, $id],
                  "changed: $set");
        $tamper->('UPDATE zwfw.audit a SET action = k.action, at = k.at,'
                  . ' uid = k.uid, detail = k.detail, outcome = k.outcome,'
                  . " session = k.session FROM kept k $row"
                  =~ s/chain =/a.chain =/r =~ s/AND seq/AND a.seq/r);
        $db->admin('DROP TABLE kept');
    }

    ok($operator->call('audit_check')->{ok}, 'put right again');

    # a day begins at midnight in China, and ends before the next one does

    my ($at) = $db->admin("SELECT at FROM zwfw.audit $row");
    my $first = '2020-02-02';

    $tamper->("UPDATE zwfw.audit SET at = '$first 00:00:00+08' $row");
    is($operator->call('audit_check', $_->[1])->{checked}, $_->[0], $_->[2])
        for [1, { from => $first, to => $first }, 'its first moment'],
            [0, { to => '2020-02-01' }, 'is not of the day before'];
    $tamper->("UPDATE zwfw.audit SET at = '$at' $row");

    $check = $tamper->("UPDATE zwfw.audit SET action = action || 'x' $row;"
        . " UPDATE zwfw.audit a SET hash = zwfw.audit_hash(a) $row;"
        . " UPDATE zwfw.audit SET prev_hash = (SELECT hash FROM zwfw.audit"
        . " $row) WHERE chain = $chain AND seq = $seq + 1");
    is($check->{first}, $id + 16, 'hashed anew: the row after it is seen');

    $check = $tamper->("DELETE FROM zwfw.audit $row");
    ok(!$check->{ok}, 'a missing row is seen');
    is($check->{first}, $id + 16, 'at the row after it');
    ok($operator->call('audit_check', { to => '2020-01-01' })->{ok},
       'other days are whole');
};

done_testing;
