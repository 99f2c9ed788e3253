# Who did what in the audit trail, in names: staff by name, account and body,
# natural persons masked, jobs and strangers by a word; cases and items as they
# are called.  People are found by name and by account.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8);
use Test::More;

use lib 't/lib';
use Node;
use People;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $db = $node->db;
my $she = $node->client(roles => 'operator');
my $token = $she->get('/help')->hidden->{_token};

People::seed($db);

my ($clerk, $citizen, $gone) = (uid('赵敏'), uid('李晓梅'), $db->uuid);
my ($body) = $db->admin("SELECT body FROM zwfw.staff_roles
                          WHERE user_id = '$clerk'");
my $office = $db->admin("SELECT name FROM zwfw.bodies WHERE id = '$body'");
my ($item, $name) = split /\|/, $db->admin("SELECT code, name FROM zwfw.items
    WHERE state = 'in_use' AND online AND name LIKE '%经营许可%'
    ORDER BY code LIMIT 1");
my $xiaomei = People::staff($node->client, 'lixiaomei');
my ($case, $number) = @{ People::apply($xiaomei, $item) }{qw(id number)};

sub uid {
    my $name = shift;

    return $db->admin("SELECT id FROM zwfw.users WHERE name = '$name'");
}


# an act as functions write it: of whom, in which roles, by which channel

sub act {
    my ($uid, $roles, $channel, $sql) = @_;

    $db->admin("BEGIN; SELECT set_config('zwfw.uid', '$uid', true),
        set_config('zwfw.roles', '$roles', true),
        set_config('zwfw.body', '" . ($roles && $body) . "', true),
        set_config('zwfw.channel', '$channel', true);
        SELECT zwfw.write_audit($sql); COMMIT");
}


act($clerk, 'approver,clerk', 'pc', "'case_accept', 'case', '$case'");
act($citizen, '', 'mobile', "'auth_logout', 'session', 'f'");
act($gone, 'clerk', 'pc', "'item_save', 'item', '$item'");
act('', '', '', "'item_switch', 'item', '$item'");
act('', '', 'pc', "'auth_login', 'user', NULL, 'failed'");

my @acts = qw(auth_login item_switch item_save auth_logout case_accept);


sub items {
    my ($query, $http) = @_;

    return @{ ($http // $she)->get("/api/audit$query")->json->{items} };
}


sub cells {
    my $text = $she->get("/audit$_[0]")->text =~ s/^.*?<tbody[^>]*>//sr
                                              =~ s/<\/tbody>.*//sr;

    return map { s/<[^>]*>/ /gr =~ s/\s+/ /gr =~ s/^ | $//gr }
        $text =~ /<tr.*?>(.*?)<\/tr>/gs;
}


# the JSON, the page and the table for spreadsheets say the same

my %row = map { $_->{action} => $_ } reverse items('');

is_deeply({ map { my $row = $row{$_};
                  ($_ => [@$row{qw(person_kind person account object_name)}])
              } @acts }, {
    case_accept => ['staff', '赵敏', 'zhaomin@shandong.example',
                    "$name $number"],
    auth_logout => ['natural', '李**', undef, undef],
    item_save => ['unknown', undef, undef, $name],
    item_switch => ['system', undef, undef, $name],
    auth_login => ['nobody', undef, undef, undef],
}, 'who, and what was touched');

my ($shown) = cells('?action=case_accept');

like($shown, qr/办件 \Q$name $number\E 赵敏 zhaomin\@shandong\.example \Q$office/,
     'page: what, who, account and body');
like($shown, qr/审批人员 受理人员 电脑网站$/, 'and all roles');
like((cells('?action=auth_logout'))[0], qr/登录 李\*\* 手机网站$/,
     'a natural person is masked');
like((cells('?action=item_save'))[0], qr/ 查不到的账户/, 'a word for who is gone');
like((cells('?action=item_switch'))[0], qr/ 平台自动办理$/, 'for a job');
like((cells('?action=auth_login'))[0], qr/ 没有登录的人 电脑网站$/,
     'for a stranger');

my $all = join "\n", cells('');

unlike($all, qr/[0-9a-f]{8}-[0-9a-f]{4}-|李晓梅|lixiaomei/, 'no ids, no names');

my ($titles, @rows) = map { [/"((?:[^"]|"")*)"/g] } split /\r\n/,
    decode_utf8($she->get('/audit/export')->body);
my ($line) = grep { $_->[9] eq 'case_accept' } @rows;

is_deeply([@$titles[2 .. 4, 11]], [qw(人员 账户 身份 对象名称)], 'CSV: titles');
is_deeply([@$line[2 .. 4, 6, 11]],
          ['赵敏', 'zhaomin@shandong.example', '工作人员', '审批人员、受理人员',
           "$name $number"], 'CSV: the same');
unlike(join('', map { @$_ } @rows), qr/李晓梅|lixiaomei/, 'CSV: masked');


# by name: staff only

sub acts {
    return join ' ', map { $_->{action} } items('?' . join '&', @_);
}


is(acts('staff=' . Http::escape('敏')), 'case_accept', 'a part of a name');
is(acts('staff=' . Http::escape('李')), '', 'of no natural person');
is(acts('staff=' . Http::escape('赵'), "uid=$citizen"), '',
   'and of nobody else');

act(uid('孙立'), 'approver', 'pc', "'case_grant', 'case', '$case'");
act($clerk, 'clerk', 'pc', "'case_inbox', 'case', NULL");

$db->admin("UPDATE zwfw.users SET name = '赵立' WHERE name = '孙立'");
is(acts('staff=' . Http::escape('赵')), 'case_inbox case_grant case_accept',
   'of several people, in one order');
is($she->get('/api/audit?limit=2&staff=' . Http::escape('赵'))->json->{count}, 3,
   'counted');


# by account: the address stands in no path

sub find {
    my ($email, %more) = @_;

    return $she->post('/audit', { _token => $token, email => $email, %more });
}


my $res = find('ZhaoMin@shandong.example', from => '2026-01-02',
               action => 'case_accept');

is($res->code, 303, 'an account is found');
is($res->header('Location'),
   "/audit?uid=$clerk&from=2026-01-02&to=&action=case_accept",
   'and leads to the acts');
like($she->get("/audit?uid=$clerk")->text =~ s/<[^>]*>//gr,
     qr/只看一个人的记录：赵敏（zhaomin\@shandong\.example）。/, 'whose they are');
is($db->admin("SELECT object_id FROM zwfw.audit
                WHERE action = 'audit_person'"), $clerk,
   'who was looked for is an act');

like(find('lixiaomei@shandong.example')->header('Location'), qr/\?uid=$citizen/,
     'a natural person by the whole address');
like($she->get("/audit?uid=$citizen")->text =~ s/<[^>]*>//gr, qr/记录：李\*\*。/,
     'is masked there, too');

$res = find('nobody@shandong.example', to => '2026-01-02',
            action => 'case_accept');

is($res->code, 422, 'an address of nobody');
like($res->text, qr/id="e-email">没有找到用这个电子邮箱/, 'in words');
like($res->text, qr/id="f-email"[^>]* value="nobody\@/, 'with what was typed');
like($res->text, qr/id="f-to"[^>]* value="2026-01-02"/, 'and the days');
is_deeply([$res->text =~ /<option value="case_accept"([^>]*)>/g],
          [' selected'], 'the action');
like($res->text, qr/role="alert"/, 'at the top of the page as well');
is(find('x')->code, 422, 'no address');
is(find('zhaomin@shandong.example', action => '受理' x 30)->header('Location'),
   "/audit?uid=$clerk&from=&to=&action=", 'an act that is none');
is($node->client(roles => 'clerk')->post('/audit', { email => 'a@b.example' })
   ->code, 403, 'operators only');


# an address that cannot be opened hides nothing else

$db->admin("UPDATE zwfw.users SET email = replace(email, 'zs1:', 'zs1:9')
             WHERE id = '$clerk'");
like((cells('?action=case_accept'))[0], qr/ 赵敏 \Q$office/, 'a key is missing');
like($she->get('/audit/export')->text, qr/"赵敏","","工作人员"/, 'CSV as well');


# nobody knows names

$db->admin('DELETE FROM zwfw.audit_names');

$res = $she->get('/audit');

is($res->code, 200, 'without slices that know names');
unlike($res->text, qr/name="email"/, 'nobody is looked for');
like((cells('?action=case_accept'))[0], qr/办件 查不到的账户.* \Q$office/,
     'roles and bodies are known');

$db->admin("INSERT INTO zwfw.audit_names VALUES ('person', 'none', 'none')");
is($she->get('/audit')->code, 200, 'functions that are not there');

ok($she->get('/api/audit/check')->json->{ok}, 'the chains are whole');
unlike(join('', $node->nginx->log_lines), qr/zhaomin/i,
       'no log has an address');
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
