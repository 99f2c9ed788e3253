# Keys are rolled over while serving: what was sealed under an older key, in
# rows and files, comes under the newest; the old key leaves the file and all
# is still there.  A key that left too early is told, and comes back.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use MIME::Base64 qw(encode_base64url);
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;
use Readme;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = tempdir('zwfw-k-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $item = '11990100MB0DEM172G3002099009000';
my $pdf = "%PDF-1.7\n1 0 obj\n" . ('of her ' x 30_000) . "\n%%EOF\n";
my $first = do { local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_KEYS}; <> };

like($first, qr/\A1 [0-9a-f]{64}\n\z/, 'the tests begin with key 1');


sub keys_file {
    open my $out, '>', "$dir/keys" or die "$dir/keys: $!\n";
    print $out @_;
    close $out or die "$dir/keys: $!\n";
    chmod 0600, "$dir/keys" or die "$dir/keys: $!\n";
}


keys_file($first);

my $node = Node->new(keys => "$dir/keys");
my $db = $node->db;
my $operator = $node->client(roles => 'operator');


# jobs are due at once

sub reload {
    $db->admin('DELETE FROM zwfw.jobs');
    $node->nginx->reload;
}


# what a job says in the log; one that an old worker has just begun would be due
# in a minute

sub said {
    my $pattern = shift;

    return Proc::until_true("$pattern in error.log", 60, sub {
        return 1 if eval { $node->nginx->wait_log($pattern, 1) };
        $db->admin('DELETE FROM zwfw.jobs');
        return 0;
    });
}


sub count {
    return $db->admin("SELECT count(*) FROM zwfw.$_[0]");
}


sub file_numbers {
    return map {
        open my $in, '<:raw', $_ or die "$_: $!\n";
        read $in, my $head, 8;
        unpack 'x4 N', $head;
    } glob "$node->{files}/??/??/*";
}


sub states {
    return join ' ', map { "$_->{number} $_->{state}" }
        @{ $operator->get('/api/keys')->json->{keys} };
}


# HMAC-SM3 as openssl computes it, in hexadecimals

sub mac {
    my ($key, $text) = @_;

    open my $out, '>', "$dir/text" or die "$dir/text: $!\n";
    print $out $text;
    close $out or die "$dir/text: $!\n";

    my $mac = `openssl mac -digest SM3 -macopt hexkey:$key -in $dir/text HMAC`;

    return lc $mac =~ s/\s//gr;
}


# people, a case with a file, drafts without a number

my $http = $node->client;
my $her = People::register($http);
my ($master) = $first =~ /^1 (\S+)/;

is($http->get('/api/auth/me')->json->{token},
   encode_base64url(pack 'H*', mac(mac($master, 'token'),
                                   sha256_hex($http->cookie('zwfw')))),
   'a form token is HMAC-SM3 of the session');

my @others = map { People::register($node->client) } 1 .. 3;
my %person = (id_number => '990101199001010019', phone => '10000000001');

my $res = $http->upload('/api/case/draft', [
    item => $item, 'applicant.name' => $her->{name},
    (map { ("applicant.$_" => $person{$_}) } sort keys %person),
    'materials.0.code' => 'M01',
    'materials.0.file' => { name => 'a.pdf', content => $pdf,
                            type => 'application/pdf' } ]);

is($res->code, 200, 'a case with a file') or diag($res->text);

my $case = $res->json->{id};

my $free = $http->upload('/api/case/draft', [ item => $item ])->json->{id};

ok($free, 'a draft that says nothing of the person');
is_deeply([file_numbers()], [1], 'the file is under key 1');
is(states(), '1 used', 'the page knows one key');


sub all_there {
    my ($title, $http) = @_;

    my $edit = $http->get("/api/case/$case/edit");
    my ($file) = map { @{ $_->{files} } } grep { $_->{code} eq 'M01' }
        @{ $edit->json->{materials} };

    is($edit->json->{applicant}{$_}, $person{$_}, "$title: $_")
        for sort keys %person;
    is($http->get("/api/$file->{path}")->body, $pdf, "$title: the file");

    my $again = $node->client;
    People::login($again, $her);
    is($again->get('/api/auth/me')->json->{email}, $her->{email},
       "$title: the address");
    is($node->client->post_json('/api/register', {
        map { $_ => $her->{$_} } qw(email password name consent) })->code,
       409, "$title: the address is taken");
}


# key 2 is known, and not yet used: on all nodes before one of them uses it

my $old_token = $http->get('/api/auth/me')->json->{token};

Readme::run('sh key known', KEYS => "$dir/keys");
reload();
is(states(), '2 spare 1 used', 'key 2 is spare');
is($http->get('/api/auth/me')->json->{token}, $old_token,
   'forms are as they were');

my $late = People::register($node->client);
is(count("users WHERE id = '$late->{uid}' AND zwfw.key_of(email) = 1"), 1,
   'key 1 is still what is used');


# key 2 is used

Readme::run('sh key used', KEYS => "$dir/keys");
reload();
is((stat "$dir/keys")[2] & 0777, 0600, 'nobody else may read the file');

my $asked = 0;

Proc::until_true('all rows are under key 2', 150, sub {
    $asked++;
    die "not served while it runs\n"
        if $http->get("/api/case/$case/edit")->code != 200;
    return count('users WHERE zwfw.key_of(email) < 2') == 0
        && count('cases WHERE zwfw.key_of(id_number) < 2
                  OR zwfw.key_of(phone) < 2') == 0;
});
ok($asked, "served meanwhile, $asked times");
Proc::until_true('all files are under key 2', 150, sub {
    return !grep { $_ != 2 } file_numbers();
});
Proc::until_true('the page says so', 150, sub {
    return states() eq '2 used 1 free';
});

is(count("users WHERE email_index NOT LIKE '2:%'"), 0,
   'blind indexes are of key 2');
is(count("cases WHERE id = '$free' AND id_number IS NULL"), 1,
   'what is empty stays empty');
all_there('with both keys', $http);
is($http->get('/api/auth/me')->json->{token} eq $old_token, '',
   'forms have the new key');
is($http->post_json('/api/auth/sessions/x/end', {},
       headers => { 'X-CSRF-Token' => $old_token })->code, 404,
   'a form that was open can be sent');
like($operator->get('/keys')->text, qr/可以从所有机器的密钥文件里删去/,
     'the page says it in words');
ok(said(qr/\[notice\].* values and .* files of platform/),
   'the log has how many');


# key 1 leaves

Readme::run('sh key removed', KEYS => "$dir/keys");
reload();
is(states(), '2 used', 'one key is left');
$http->{headers}{'X-CSRF-Token'}
    = $http->get('/api/auth/me')->json->{token};
all_there('without key 1', $http);
People::login($node->client, $_) for @others;


# a key that left too early: told, not shown as nothing, and it comes back

my $third = '3 ' . '0badcafe' x 8 . "\n";

my $second = do { local (@ARGV, $/) = "$dir/keys"; <> };

keys_file($third);
reload();

for my $path ("/api/case/$case/edit", '/api/auth/me') {
    $res = $http->get($path);
    is($res->code, 503, "$path: its key is not there");
    is($res->json->{code}, 'key_missing', 'its code');
    is($res->header('Retry-After'), 60, 'it may come back');
}

$res = $http->get("/case/$case/edit");
is($res->code, 503, 'the page as well');
like($res->text, qr/它的密钥暂时不在本平台/, 'in words');
unlike($res->text, qr/zs1:/, 'nothing of how it is stored');

my ($path) = $db->admin("SELECT 'case/' || case_id || '/files/' || id
    FROM zwfw.case_materials WHERE case_id = '$case'");
is($http->get("/api/$path")->json->{code}, 'key_missing', 'the file');
is(states(), '3 used 2 missing', 'the page of keys says which');
ok(said(qr/\[crit\].* stay under an older key/),
   'so does the log');

keys_file($second, $third);
reload();
Proc::until_true('all is under key 3', 150, sub {
    return states() eq '3 used 2 free';
});
keys_file($third);
reload();
all_there('with key 3', $http);


# a value that was changed is not shown either

$db->admin("UPDATE zwfw.cases SET phone = overlay(phone PLACING
    CASE substr(phone, 20, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 20 FOR 1)
    WHERE id = '$case'");
$res = $http->get("/api/case/$case/edit");
is($res->code . ' ' . $res->json->{code}, '500 value_damaged', 'a change');

is(join('', $node->nginx->stop(
       allow => qr/could not be|stay under an older key/)), '', 'no alert');

done_testing();
