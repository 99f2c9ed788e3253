# What people say stays sealed: after a flow with planted values neither the
# database nor Redis, logs, stored files nor temporary folders have them.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use File::Find qw(find);
use MIME::Base64 qw(encode_base64);
use Test::More;

use lib 't/lib';
use Node;
use People;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(server => "        zwfw_monitor on;\n");
my ($db, $redis) = ($node->db, $node->redis);
my $item = '11990100MB0DEM172G3002099009000';


# invented: the division 99 does not exist

sub id_number {
    my $body = '990101' . '19900307' . '123';
    my @weight = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2);
    my ($sum, @digit) = (0, split //, $body);

    $sum += $weight[$_] * $digit[$_] for 0 .. 16;

    return $body . substr '10X98765432', $sum % 11, 1;
}


my %planted = (
    email => 'planted.person@leak.example',
    password => 'planted-passwort-7351',
    'wrong password' => 'planted-falsch-9264',
    'ID number' => id_number(),
    phone => '13900007351',
    'file content' => 'PLANTED CONTENT OF A FILE 5527',
    'another phone' => '13900008462',
    'file of a correction' => 'PLANTED CONTENT OF A CORRECTION 6638',
    search => 'plantedsearch4416',
);
my $name = '欧阳测试';


# what a case is about stands in its rows, and nowhere else

my %told = (
    name => $name, message => '请补交背面plantedmessage1175',
    note => '补充说明plantednote2286', opinion => '符合条件plantedopinion3397',
    result => '演示许可plantedresult4408',
);


# the flow: register, log in wrong and right, search, apply, correct, decide,
# hand out, leave

my $http = $node->client;
my $her = People::register($http, email => $planted{email}, name => $name,
                           password => $planted{password});
my @tokens = ($http->cookie('zwfw'), $her->{token});

is($node->client->post('/login', { email => $planted{email},
       password => $planted{'wrong password'} })->code, 422, 'wrong');
is($node->client->post_json('/api/register', { email => $planted{email},
       password => $planted{password}, name => $name,
       consent => $her->{consent} })->code, 409, 'once more');
is($node->client->post_json('/api/login', {
       email => "$planted{email} ", password => [$planted{password}],
   })->code, 422, 'ill said');
is($node->client->request('POST', '/api/login', type => 'application/json',
       body => qq({"email":"$planted{email}","password":"$planted{password}"))
       ->code, 400, 'cut off');

People::login($http, $her);
push @tokens, $http->cookie('zwfw'), $http->{headers}{'X-CSRF-Token'};
is($http->get("/item/?q=$planted{search}")->code, 200, 'a search');
is($http->get('/api/item/nothing')->code, 404, 'a refusal');

my $pdf = "%PDF-1.7\n$planted{'file content'}\n";
my %said = ('applicant.name' => $name,
            'applicant.id_number' => $planted{'ID number'},
            'applicant.phone' => $planted{phone});

is($http->post('/case/', { item => $item, %said, _token => $tokens[-1],
       'applicant.id_number' => substr($planted{'ID number'}, 0, 17) . 'Y',
   })->code, 422, 'page: a wrong ID number');

my $res = $http->upload('/api/case/', [
    item => $item, %said, 'form.kind' => '首次申领', 'form.bank' => '演示银行甲',
    map { ("materials.$_.code" => 'M0' . ($_ + 1),
           "materials.$_.file" => { name => "$_.pdf",
                                    content => $pdf . 'x' x 100_000 }) } 0, 1,
]);
is($res->code, 200, 'a case') or diag($res->text);

my $case = $res->json->{id} // '';
my $shown = $http->get("/api/case/$case");

is($shown->code, 200, 'is shown');
like($http->get("/case/$case")->text, qr/$name|欧/, 'and has a page');

my ($path) = $shown->body =~ m{"path":\s*"(case/[^"]+/files/[^"]+)"};
is($http->get("/api/$path")->body, $pdf . 'x' x 100_000, 'with its file');

my ($body) = $db->admin("SELECT body FROM zwfw.cases WHERE id = '$case'");
my $clerk = $node->client(roles => 'clerk', body => $body);

my $approver = $node->client(roles => 'approver', body => $body);

is($clerk->get('/api/case/inbox')->code, 200, 'a clerk looks');
is($clerk->get("/api/case/$case/work")->code, 200, 'at the case');


# an act on the case, as it is now; files of her go with it

sub act {
    my ($who, $act, $said, $file) = @_;

    my $version = $db->admin("SELECT version FROM zwfw.cases
                               WHERE id = '$case'");
    my $url = "/api/case/$case/$act";

    $who->{headers}{'X-CSRF-Token'} //= $who->get('/help')->hidden->{_token};

    return $file
        ? $who->upload($url, [version => $version, %$said,
              'materials.0.code' => 'M01', 'materials.0.file' =>
                  { name => '9.pdf', content => $file }])
        : $who->post_json($url, { version => $version, %$said });
}


sub done {
    my ($who, $act, @said) = @_;

    my $res = act($who, $act, @said);

    is($res->code, 200, $act) or diag($res->text);
}


my @again = ({ note => $told{note}, 'applicant.name' => $name,
               'applicant.id_number' => $planted{'ID number'},
               'applicant.phone' => $planted{'another phone'} },
             "%PDF-1.7\n$planted{'file of a correction'}\n" . 'x' x 100_000);

done($clerk, 'receive', {});
done($clerk, 'correct', { note => $told{message}, items => [
    { material => 'M01', text => $told{message} }] });

$db->admin('ALTER TABLE zwfw.case_events RENAME TO gone');
is(act($http, 'resubmit', @again)->code, 500, 'what breaks a correction');
$db->admin('ALTER TABLE zwfw.gone RENAME TO case_events');

done($http, 'resubmit', @again);
done($clerk, 'accept', {});
done($approver, 'grant', { opinion => $told{opinion},
                           result => { name => $told{result} } });
like($http->get("/case/$case/receipt")->text, qr/受理|收件/, 'the receipt');
like($http->get("/case/$case")->text, qr/$told{result}/, 'and the result');

# what breaks tells nothing either

$db->admin('ALTER TABLE zwfw.cases RENAME TO away');
is($http->get("/api/case/$case")->code, 500, 'a broken table');
is($http->upload('/api/case/', [item => $item, %said])->code, 500,
   'while she applies');
$db->admin('ALTER TABLE zwfw.away RENAME TO cases');

my %redis = dump_redis();

is($http->post_json('/api/logout', {})->code, 200, 'she leaves');


# the places

sub dump_redis {
    my %value;

    for my $key (@{ $redis->query('KEYS', '*') }) {
        my $type = $redis->query('TYPE', $key);
        my $value = $type eq 'string' ? $redis->query('GET', $key)
            : $type eq 'zset' ? $redis->query('ZRANGE', $key, 0, -1)
            : die "$key is a $type\n";

        $value{$key} = ref $value ? "@$value" : $value // 'expired';
    }

    return %value;
}


sub dump_postgres {
    my $conninfo = $db->conninfo;

    return scalar `pg_dump -d "$conninfo"`;
}


sub folder {
    my $dir = shift;

    my $text = '';

    find(sub {
        $text .= "\n$File::Find::name\n";
        return if !-f;
        open my $in, '<:raw', $_ or die "$_: $!\n";
        local $/;
        $text .= readline $in;
    }, $dir);

    return $text;
}


is(join('', $node->nginx->stop), '', 'no alert');

my %place = (
    database => dump_postgres(),
    "database's log" => folder("$db->{pg}{dir}/log"),
    Redis => join("\n", %redis, dump_redis()),
    "Redis' folder" => folder($redis->dir),
    "nginx's folders and logs" => folder($node->nginx->dir),
    files => folder("$node->{files}"),
);

like($place{database}, qr/COPY zwfw.cases .*\Q$case\E/s, 'a whole dump');
like($place{"database's log"}, qr/ERROR:.*zwfw\.cases/, 'its log, of an error');
like($place{Redis}, qr/zwfw:test:s:\{[0-9a-f]{64}\}/, 'sessions were there');
like($place{"nginx's folders and logs"}, qr/refused 422 wrong_login/, 'a log');
like($place{files}, qr{/[0-9a-f]{64}\n}, 'a stored file');

my $n = 0;
my %secret = (%planted, map { ('token ' . ++$n => $_) } @tokens);

for my $what (sort keys %secret) {
    my $bytes = encode_utf8($secret{$what});
    my $hex = unpack 'H*', $bytes;

    for my $where (sort keys %place) {

        # nginx's own access log has the line of the request; the demo's has
        # not; what people search for is counted
        next if $what eq 'search' and $where =~ /nginx|^database$/;

        my @forms = ($bytes, $hex, encode_base64($bytes, '') =~ s/.{0,3}=*$//r,
                     $bytes =~ s/\@/%40/r);
        my ($found) = grep { index(lc $place{$where}, lc) >= 0 } @forms;

        is($found, undef, "$what: not in $where");
    }
}


# what a case tells is in the database, but in no visit, log or file

my $visits = join '',
    $place{database} =~ /^(COPY zwfw\.visits_\w+ .*?)^\\\.$/msg;
my ($uid) = $db->admin("SELECT owner FROM zwfw.cases WHERE id = '$case'");

like($visits, qr{GET /item/\t.*plantedsearch}, 'visits were stored');
like($visits, qr{POST /api/case/\{id\}/grant\t}, 'of the whole flow');
$place{visits} = $visits;
@told{'her id', 'number of the case'} = ($uid, $case);

for my $what (sort keys %told) {
    my $plain = encode_utf8($told{$what});

    cmp_ok(index($place{database}, $plain), '>', 0, "$what: in the database");

    for my $where (grep { /nginx|log|files|visits/ } sort keys %place) {

        # nginx's own log has the address of the case, and what failed is found
        # by it
        next if $what eq 'number of the case' and $where ne 'visits';

        is(index($place{$where}, $plain), -1, "$what: not in $where");
    }
}

done_testing();
