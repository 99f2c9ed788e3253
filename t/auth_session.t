# Sessions: seen and ended by their user, on all workers and nodes at once;
# cookies, form tokens and origins.
# GB/T 39047, 5.2.1.3 and 5.2.1.9

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my ($db, $redis) = ($node->db, $node->redis);
my $second = Node->new(db => $db, redis => $redis);


# an Http of a node, with the cookie of another

sub client {
    my ($like, $at) = @_;

    my $http = ($at // $node)->client;

    $http->{cookies} = { localhost => { %{ $like->{cookies}{localhost} } } }
        if $like;

    return $http;
}


sub me {
    return shift->get('/api/auth/me')->code;
}


my $phone = client();
my $her = People::register($phone);
my $desk = client();

$desk->{headers}{'User-Agent'} = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) '
    . 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36';
People::login($desk, $her);


# the list

my $items = $desk->get('/api/auth/sessions')->json->{items};

is(scalar @$items, 2, 'two sessions');
is(scalar(grep { $_->{current} } @$items), 1, 'one is this');

my ($this) = grep { $_->{current} } @$items;
my ($other) = grep { !$_->{current} } @$items;

is("@$this{qw(browser system channel)}", 'chrome windows pc', 'its browser');
like($this->{created}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/, 'its time');
isnt($this->{id}, $desk->cookie('zwfw'), 'its id is not its token');

my $page = $desk->get('/auth/sessions');

like($page->text, qr/Windows 电脑，谷歌浏览器/, 'as a page');
like($page->text, qr{action="/auth/sessions/$other->{id}/end"}, 'to be ended');
is(client()->get('/auth/sessions')->header('Location'),
   '/login?next=%2Fauth%2Fsessions', 'nobody goes to the login');


# ended elsewhere: seen by all, where it was known a moment before; a cache that
# is not told would know it for a minute

sub ended {
    my @known = @_;

    for my $http (@known) {
        Proc::until_true('the end', 10, sub { me($http) == 401 });
    }
}


my @seen = map { client($phone, $_) } ($node) x 4, ($second) x 4;

is(join(' ', map { me($_) } (@seen) x 2), '200 ' x 15 . '200',
   'known everywhere');

my $stranger = client();
my $him = People::register($stranger);

for my $id ($other->{id}, uc $other->{id}, 'f' x 64, 'f' x 63, '..', 'x') {
    my $res = $stranger->post_json("/api/auth/sessions/$id/end", {});
    is($res->code, 404, "not his to end: $id");
}

is(me($phone), 200, 'it has not ended');

my $res = $desk->post("/auth/sessions/$other->{id}/end",
                      { _token => $page->hidden->{_token} });

is($res->code, 303, 'she ends it');
is($res->header('Location'), '/auth/sessions', 'and sees the list');

ended(@seen);
is(join(' ', map { me($_) } @seen), '401 ' x 7 . '401', 'all workers know');
is(me($desk), 200, 'this one goes on');
is($desk->post_json("/api/auth/sessions/$other->{id}/end", {})->code, 404,
   'it can be ended once');
is(scalar @{ $desk->get('/api/auth/sessions')->json->{items} }, 1,
   'one is left');


# all others at once

my @others = map { my $http = client(); People::login($http, $her); $http }
    1 .. 3;

@seen = map { my $one = $_; map { client($one, $_) } $node, $second } @others;
is(join(' ', map { me($_) } @seen), join(' ', (200) x 6), 'three more');
is($desk->post_json('/api/auth/sessions/end', {}, headers => {
       'X-CSRF-Token' => 'x' })->code, 403, 'not without its token');
is(me($others[0]), 200, 'they go on');
$res = $desk->post_json('/api/auth/sessions/end', {});
is($res->json->{ended}, 3, 'three have ended');

for (@seen) {
    Proc::until_true('the end', 5, sub { me($_) == 401 });
}

is(me($desk), 200, 'the one that asked goes on');
is(me($stranger), 200, 'and those of others');
is($db->admin("SELECT detail FROM zwfw.audit
                WHERE action = 'auth_end_others' AND uid = '$her->{uid}'"),
   '{"ended": 3}', 'the audit has it');
is($db->admin("SELECT count(*) FROM zwfw.known_devices
                WHERE user_id = '$her->{uid}'"), 1,
   'her other browsers are strangers again');
is(client()->post('/auth/sessions/end', {})->code, 401, 'nobody has none');


# a session that Redis loses is lost everywhere

@seen = map { client($stranger, $_) } ($node) x 2, ($second) x 2;
is(join(' ', map { me($_) } @seen), '200 200 200 200', 'known everywhere');
$redis->query('DEL', "zwfw:test:s:{$_}")
    for map { $_->{id} } @{ $stranger->get('/api/auth/sessions')
                                ->json->{items} };
ended(@seen);
is(join(' ', map { me($_) } @seen), '401 401 401 401', 'lost everywhere');


# log out

my $known = client($desk, $second);
is(me($known), 200, 'known by the second node');

is($desk->get('/api/logout')->code, 405, 'no GET logs out');
$res = $desk->post_json('/api/logout', {});
is($res->code, 200, 'she logs out');
is($res->header('Set-Cookie'),
   'zwfw=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
   'the cookie is forgotten');
ended($known);
is($known->post_json('/api/logout', {})->code, 401, 'twice is nobody');
is(client()->post('/logout', {})->code, 401, 'page: nobody');
is($db->admin("SELECT string_agg(action, ' ' ORDER BY seq) FROM zwfw.audit
       WHERE uid = '$her->{uid}' AND action IN ('auth_logout', 'auth_end')"),
   'auth_end auth_logout', 'the audit has both');


# what Redis has of a session is believed only as a whole

for (['one that lasts', 200, 1], ['one that is over', 401, 1, left => -1],
     ['one that was idle', 401, 0])
{
    my ($name, $code, $alive, %left) = @$_;
    my $http = $node->client(kind => 'natural');
    my $id = sha256_hex($http->cookie('zwfw'));
    my $life = "zwfw:test:t:{$id}";

    if (%left) {
        my $of = decode_json($redis->query('GET', "zwfw:test:s:{$id}"));

        $of->{expires} = time + $left{left};
        $redis->query('SET', "zwfw:test:s:{$id}", encode_json($of));
    }

    $redis->query('DEL', $life) if !$alive;
    is($http->get('/api/auth/sessions')->code, $code, $name);
}


# cookies

People::login($desk, $her);

my $token = $desk->cookie('zwfw');


sub with_cookie {
    return client()->get('/api/auth/me', headers => { Cookie => shift })->code;
}


is(with_cookie("zwfw=$token"), 200, 'the cookie');
is(with_cookie("a=1; zwfw=$token; b=2"), 200, 'among others');
is(with_cookie("zwfw=$token; zwfw=$token"), 401, 'twice');
is(with_cookie("zwfw=x; zwfw=$token"), 401, 'behind another');
is(with_cookie("zwfw=\"$token\""), 401, 'in quotes');
is(with_cookie("ZWFW=$token"), 401, 'in capital letters');
is(with_cookie("__Host-zwfw=$token"), 401, 'the name of https');
is(with_cookie("xzwfw=$token"), 401, 'a longer name');
is(with_cookie("zwfw=${token}A"), 401, 'a longer value');
is(with_cookie('zwfw=' . substr $token, 1), 401, 'a shorter value');
is(with_cookie("zwfw=$this->{id}"), 401, 'an id is no token');
is(with_cookie('zwfw=' . 'A' x 43), 401, 'a token of nobody');
is(with_cookie('zwfw='), 401, 'an empty one');


# form tokens and origins

sub posts {
    my ($how, %headers) = @_;

    my $http = client($desk);
    my $res = $http->post_json('/api/auth/sessions/x/end',
                               $how // {}, headers => \%headers);

    return join ' ', $res->code, $res->json->{code};
}


my %good = ('X-CSRF-Token' => $desk->{headers}{'X-CSRF-Token'});
my ($good) = values %good;

is(posts({}, %good), '404 not_found', 'with its token');
is(posts({ _token => $good }), '404 not_found', 'in the body');
is(posts({}), '403 bad_token', 'with none');
is(posts({}, 'X-CSRF-Token' => ''), '403 bad_token', 'with an empty one');
is(posts({ _token => [$good] }), '403 bad_token', 'in a list');
is(posts({}, 'X-CSRF-Token' => $phone->{headers}{'X-CSRF-Token'}),
   '403 bad_token', 'of another session');
is(posts({}, 'X-CSRF-Token' => substr $good, 1), '403 bad_token', 'a part');
is(posts({}, 'X-CSRF-Token' => "${good}A"), '403 bad_token', 'too much');
is(posts({}, 'X-CSRF-Token' => $good =~ s/(.)\z/$1 eq 'A' ? 'E' : 'A'/er),
   '403 bad_token', 'with another end');

my $here = 'http://localhost:' . $node->nginx->port;
my @origins = (
    ['Origin' => $here, 404],
    ['Origin' => 'https://shandong.localhost:8443', 404],
    ['Origin' => 'null', 403],
    ['Origin' => 'http://evil.example', 403],
    ['Origin' => "$here.evil.example", 403],
    ['Origin' => 'https://localhost:' . $node->nginx->port, 403],
    ['Origin' => 'http://localhost', 403],
    ['Sec-Fetch-Site' => 'same-origin', 404],
    ['Sec-Fetch-Site' => 'none', 404],
    ['Sec-Fetch-Site' => 'same-site', 403],
    ['Sec-Fetch-Site' => 'cross-site', 403],
    ['Sec-Fetch-Site' => 'anything', 403],
);

for (@origins) {
    my ($name, $value, $code) = @$_;

    is(posts({}, %good, $name => $value),
       $code == 404 ? '404 not_found' : '403 wrong_origin', "$name: $value");
}

is(posts({}, %good, Origin => 'http://evil.example',
         'Sec-Fetch-Site' => 'same-origin'), '403 wrong_origin', 'both count');
is(client()->post_json('/api/login', {}, headers => {
    Origin => 'http://evil.example' })->json->{code}, 'wrong_origin',
   'nobody is logged in from elsewhere');
is(me(client($desk)), 200, 'nothing has ended');


is(join('', map { $_->nginx->stop } $node, $second), '', 'no alert');

done_testing();
