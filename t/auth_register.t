# Registration: what is accepted, what is refused and how, and what is kept.
# GB/T 39047, 5.2.1.2

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Http;
use Node;
use People;
use Proc;
use Port;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $port = Port::free();
my $node = Node->new(http => <<"END");
    server {
        listen 127.0.0.1:$port;
        zwfw_use test;
        location /api/ { zwfw_api; }
    }
END
my $db = $node->db;
my $number = 0;


my $version = $node->client->get('/api/register')->json->{version};

like($version, qr/^\d{4}-\d{2}$/, 'the notice has a version');
is($node->client->get('/api/privacy')->json->{version}, $version,
   'the one of its page');


sub said {
    return { email => 'weiwei' . ++$number . '@test.example', name => '卫薇',
             password => 'geheim-2026', consent => $version, @_ };
}


# one who is let in

my $http = $node->client;
my $sent = said();
my $res = $http->post_json('/api/register', $sent);

is($res->code, 200, 'a person registers');
is($res->json->{name}, '卫薇', 'name');
is($res->json->{level}, 1, 'level 1');
is($res->json->{kind}, 'natural', 'a natural person');
is($http->get('/api/auth/me')->json->{uid}, $res->json->{uid},
   'and is logged in');
is($http->get('/api/auth/me')->json->{email}, $sent->{email},
   'the address can be read by her');

my $uid = $res->json->{uid};


# what is kept

sub row {
    my ($columns, $rest) = @_;

    return $db->admin("SELECT $columns FROM zwfw.$rest");
}


is(row("version || ' ' || channel || ' ' || request_id",
       "consents WHERE user_id = '$uid'"),
   "$version pc " . $res->header('X-Request-Id'), 'the consent');
is(row("level || ' ' || method", "level_proofs WHERE user_id = '$uid'"),
   '1 email_password', 'the proof of the level');
like(row('email', "users WHERE id = '$uid'"), qr/^zs1:\d+:[\w-]+$/,
     'the address is sealed');
like(row('password', "users WHERE id = '$uid'"),
     qr/^scrypt\$15\$8\$3\$[0-9a-f]{32}\$[0-9a-f]{64}$/, 'the password hashed');
is(row("action || ' ' || outcome || ' ' || request_id",
       "audit WHERE object_id = '$uid'"),
   'auth_register ok ' . $res->header('X-Request-Id'), 'the audit');


# refusals

my @refused = (
    ['letters only', { password => 'geheimgeheim' }, 422,
     'weak_password', 'password'],
    ['digits only', { password => '1234567890' }, 422,
     'weak_password', 'password'],
    ['what many take', { password => 'Abc12345' }, 422,
     'weak_password', 'password'],
    ['with a year', { password => 'woaini520' }, 422,
     'weak_password', 'password'],
    ['few signs', { password => 'aaaa1111' }, 422, 'weak_password', 'password'],
    ['seven characters', { password => 'gehei-7' }, 422,
     'too_short', 'password'],
    ['73 characters', { password => '1' . 'a' x 72 }, 422,
     'too_long', 'password'],
    ['no password', { password => undef }, 422, 'missing', 'password'],
    ['a number as password', { password => 12345678 }, 422,
     'bad_type', 'password'],
    ['no address', { email => undef }, 422, 'missing', 'email'],
    ['no address at all', { email => 'weiwei' }, 422, 'bad_value', 'email'],
    ['two addresses', { email => 'a@b.example,c@d.example' }, 422,
     'bad_value', 'email'],
    ['no name', { name => undef }, 422, 'missing', 'name'],
    ['a name of signs', { name => '<b>' }, 422, 'bad_character', 'name'],
    ['no consent', { consent => undef }, 422, 'missing', 'consent'],
    ['an old consent', { consent => '2020-01' }, 422,
     'consent_outdated', 'consent'],
    ['a field that is not there', { roles => 'clerk' }, 422,
     'unknown_field', 'roles'],
    ['a level of her own', { level => 5 }, 422, 'unknown_field', 'level'],
    ['an address as we keep it', { email => { sealed => 'zs1:1:x' } }, 422,
     'bad_type', 'email'],
);

my $rows = row('count(*)', 'users');

for (@refused) {
    my ($title, $change, $status, $code, $field) = @$_;
    my $said = said(%$change);

    delete @$said{ grep { !defined $said->{$_} } keys %$said };

    my $got = $node->client->post_json('/api/register', $said);
    my $problem = $got->json;

    is("@$problem{qw(status code field)}", "$status $code $field", $title);
    is($got->code, $status, "$title: status");
    like($problem->{detail}, qr/\p{Han}{4}/, "$title: a sentence");
    is($got->header('Set-Cookie'), undef, "$title: no cookie");
}

my $problem = $node->client->post_json('/api/register', {})->json;

is_deeply([sort map { $_->{field} } @{ $problem->{errors} }],
          [qw(consent email name password)], 'all that is wrong at once');
is(row('count(*)', 'users'), $rows, 'nobody of them is in');


# an address is there once, however it is written, and at the same time

for my $email ($sent->{email}, uc $sent->{email}) {
    my $got = $node->client->post_json('/api/register', said(email => $email));

    is($got->code, 409, "$email again");
    is("@{ $got->json }{qw(code field)}", 'already_registered email',
       'its code');
    is($got->header('Set-Cookie'), undef, 'no cookie');
}


my $same = said();
is_deeply([sort { $a <=> $b } Proc::together(3, sub {
    my $http = Http->new(port => $node->nginx->port);
    return Http::until_answered(sub {
        $http->post_json('/api/register', $same);
    })->code;
})], [200, 409, 409], 'three at once: one is let in');


# long passwords count, to the last character

my $long = '密码' x 35 . '1x';
my $she = People::register($node->client, password => $long);

is($node->client->post_json('/api/login', { email => $she->{email},
                                       password => substr($long, 0, 71) })
       ->json->{code}, 'wrong_login', 'one character less is wrong');
People::login($node->client, $she);


# the page

$http = $node->client;
my $page = $http->get('/register?next=%2Fcase%2F');

is($page->code, 200, 'the page');
is($page->hidden->{next}, '/case/', 'knows where it leads');
like($page->text, qr/name="consent" type="checkbox" value="$version"/,
     'asks for consent');

$sent = said(next => '/case/', password => 'geheimgeheim');
$page = $http->post('/register', $sent);

is($page->code, 422, 'page: a weak password');
like($page->text, qr/id="e-password">[^<]*\p{Han}/, 'says so beside it');
like($page->text, qr/name="email"[^>]* value="$sent->{email}"/,
     'keeps the address');
unlike($page->body, qr/geheimgeheim/, 'never the password');
is($page->hidden->{next}, '/case/', 'and where it leads');

$page = $http->post('/register', { %$sent, name => '"><script>', email => '' });
unlike($page->body, qr/"><script>/, 'what was typed is escaped');
like($page->text, qr/id="e-email">/, 'an empty address is missing');

$page = $http->post('/register', { %$sent, password => 'geheim-2026' });
is($page->code, 303, 'page: let in');
is($page->header('Location'), '/case/', 'goes on');
is($http->get('/auth/sessions')->code, 200, 'is logged in');

$page = $node->client->post('/register', {
    %$sent, email => $sent->{email}, password => 'geheim-2026' });
is($page->code, 409, 'page: once more');
like($page->text, qr/id="e-email">/, 'says so beside the address');


# in the clear where cookies must be secure: nobody is kept

$rows = row('count(*)', 'users');
$res = Http->new(port => $port)->post_json('/api/register', said());

is($res->code, 403, 'no secure connection');
is($res->json->{code}, 'https_required', 'its code');
is($res->header('Set-Cookie'), undef, 'no cookie');
is(row('count(*)', 'users'), $rows, 'and no account');


# 21 letters are 126 bits of a nonce

is(row("count(*) > 3 AND count(*) = count(DISTINCT substr(split_part(email,"
       . " ':', 3), 1, 21))", "users WHERE kind = 'natural'"), 't',
   'nothing is sealed with the nonce of something else');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
