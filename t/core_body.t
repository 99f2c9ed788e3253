# What clients say: bodies that are refused and how, connections that stay in
# step after a refusal, requests that come twice, methods, validators, limits.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1);
my $db = $node->db;
my $item = '11990100MB0DEM172G3002099009000';
my @json = (type => 'application/json');
my @form = (type => 'application/x-www-form-urlencoded');


# one who has registered

sub person {
    my $http = $node->client;

    People::register($http);
    return $http;
}


sub problem {
    my $res = shift;

    return join ' ', $res->code, $res->is_json
        ? grep { defined } @{ $res->json }{qw(code field)} : $res->body;
}


# bodies

my $http = $node->client;
my $long = 'x' x 1_048_577;

my @bodies = (
    # JSON
    ['', 400, 'bad_json'],
    ['null', 400, 'bad_json'],
    ['[]', 400, 'bad_json'],
    ['"x"', 400, 'bad_json'],
    ['{', 400, 'bad_json'],
    ['{}{}', 400, 'bad_json'],
    ['{"email":1}x', 400, 'bad_json'],
    ["{'email':'a'}", 400, 'bad_json'],
    ['{"email":"a",}', 400, 'bad_json'],
    ['{"email":NaN}', 400, 'bad_json'],
    ['{/* */}', 400, 'bad_json'],
    ["\xef\xbb\xbf{}", 400, 'bad_json'],
    ['{"email":"a","email":"b"}', 400, 'duplicate_key email'],
    ['{"email":"a","\u0065mail":"b"}', 400, 'duplicate_key email'],
    ['{"next":{"a":{"b":1,"b":2}}}', 400, 'duplicate_key next.a.b'],
    ['{"next":' . '[' x 10 . ']' x 10 . '}', 400, 'too_deep'],
    ['[' x 100_000, 400, 'too_deep'],
    ['{"next":[' . join(',', (1) x 501) . ']}', 400, 'too_many'],
    ["{\"email\":\"\xff\"}", 400, 'bad_utf8'],
    ["{\"email\":\"\xc0\x80\"}", 400, 'bad_utf8'],
    ["{\"email\":\"\xed\xa0\x80\"}", 400, 'bad_utf8'],
    ["{\"email\":\"\xe4\xb8\"}", 400, 'bad_utf8'],
    ["{\"\xff\":1}", 400, 'bad_utf8'],
    ['{"email":"\ud800"}', 400, 'bad_json|bad_utf8|bad_character|bad_escape'],
    ['{"email":"\u0000"}', 400, 'bad_character'],
    ["{\"email\":\"\0\"}", 400, 'bad_character'],
    ["{\"email\":\"\x01\"}", 400, 'bad_character|bad_json'],
    ["{\"email\":\"a\"}\0", 400, 'bad_character|bad_json'],
    ['{"next":1e400}', 400, 'bad_number'],
    ['{"next":9007199254740993}', 400, 'bad_number'],
    ['{"next":' . '9' x 5000 . '}', 400, 'bad_number'],
    ['{"next":01}', 400, 'bad_json|bad_number'],
    ['{"nothing":1}', 422, 'missing email|unknown_field nothing'],
    ['{"email":{"a":1},"password":"x"}', 422, 'bad_type email'],
    ['{"email":null,"password":"abcdef12"}', 422,
     'missing email|bad_type email'],
    [$long, 413, 'too_large'],

    # forms
    ['email=a&email=b', 400, 'duplicate_key email', @form],
    ['email=%zz', 400, 'bad_escape email', @form],
    ['email=%00', 400, 'bad_escape email|bad_character email', @form],
    ['email=%ff', 400, 'bad_utf8 email', @form],
    ["email=a\0b", 400, 'bad_character email', @form],
    ['a.b.c.d.e.f=1', 400, 'too_deep a.b.c.d.e.f', @form],
    ['a.200=1', 400, 'too_many a.200', @form],
    ['a.1=1', 400, 'bad_name a.0', @form],
    ['=1', 400, 'bad_name', @form],
    ['a=1&a.b=2', 400, 'bad_name a|bad_name a.b|duplicate_key a.b', @form],
    ['email=&password=', 422, 'missing email', @form],
    [join('&', map { "a$_=1" } 0 .. 9999), 400, 'too_many', @form],
    ['x' x 1_048_577, 413, 'too_large', @form],

    # other types
    ['{}', 415, 'bad_content_type', type => 'text/plain'],
    ['{}', 415, 'bad_content_type', type => 'application/jsonx'],
    ['{}', 415, 'bad_content_type', type => 'text/plain, application/json'],
    ['{}', 415, 'bad_content_type'],
    ['{}', 422, 'missing email', type => 'application/json; charset=utf-8'],
    ['{}', 422, 'missing email', type => 'Application/JSON'],
    ['x', 400, 'bad_multipart', type => 'multipart/form-data'],
    ['x', 400, 'bad_multipart', type => 'multipart/form-data; boundary=a'],
);

for (@bodies) {
    my ($body, $code, $expected, @type) = @$_;
    my $ask = '/api/login';

    @type = @json if !@type and $code != 415;

    my $res = $http->request('POST', $ask, body => $body, @type);
    my $got = problem($res);
    my $title = substr($body, 0, 40)
        =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;

    ok((grep { $got =~ /^$code \Q$_\E( |$)/ } split /\|/, $expected), $title)
        or diag("got $got, not $code $expected");
    like($res->json->{detail}, qr/\p{Han}.*。$/, "$title: words");
    like($res->json->{request_id}, qr/^[0-9a-f]{32}$/, "$title: request id");
    is($res->json->{request_id}, $res->header('X-Request-Id'), 'the same');
}

my $page = $http->request('POST', '/login', body => 'email=%ff', @form);
is($page->code, 400, 'a page');
like($page->text, qr/<h1>.*\p{Han}/, 'is ours');


# lengths

sub raw {
    my ($http, $text) = @_;

    return $http->exchange($text =~ /^(\w+)/, $text);
}


my $res = raw($http, "POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    . "2\r\n{}\r\n0\r\n\r\n");
is(problem($res), '411 length_required', 'chunks');
is($http->get('/api/health')->code, 200, 'in step after it');

$res = raw($http, "POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n{");
is(problem($res), '413 too_large', 'refused before it is sent');
ok($res->closes, 'the connection ends');

for my $head ("Content-Length: 2\r\nTransfer-Encoding: chunked",
              "Content-Length: 2\r\nContent-Length: 3",
              'Content-Length: -1', 'Transfer-Encoding: gzip') {
    $res = raw($http->stranger, "POST /api/login HTTP/1.1\r\nHost: a\r\n"
               . "Content-Type: application/json\r\n$head\r\n\r\n{}");
    like($res->code, qr/^(?:400|501)$/, $head =~ s/\r\n/, /r);
    ok($res->closes, 'the connection ends');
}

is(problem($http->request('GET', '/api/health', body => '{}', @json)),
   '400 bad_request', 'GET with a body');
is($http->get('/api/health')->code, 200, 'in step after it');


# each early refusal leaves a body unread: it is no next request

my $she = person();
my $inside = "GET /api/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

my @early = (
    ['/api/nothing', 404, {}],
    ['/api/health', 405, {}],
    ['/nothing', 404, {}],
    ['/api/case/draft', 401, {}],
    ['/case/draft', 401, {}],
    ['/api/item/drafts', 403, {}, $she],
    ['/api/login', 403, { Origin => 'http://evil.example' }],
    ['/api/case/draft', 400, {}, $she],
    ['/api/login', 415, { 'Content-Type' => 'text/plain' }],
);

for (@early) {
    my ($path, $code, $headers, $like) = @$_;

    for my $times (1, 1000) {
        my $http = $node->client;
        my $length = $times * length $inside;
        my %head = (Host => 'localhost', 'Content-Type' => 'application/json',
                    'Content-Length' => $length, %$headers);

        $head{Cookie} = 'zwfw=' . $like->cookie('zwfw') if $like;
        $head{'X-CSRF-Token'} = $like->{headers}{'X-CSRF-Token'} if $like;

        my $head = "POST $path HTTP/1.1\r\n"
            . join('', map { "$_: $head{$_}\r\n" } sort keys %head) . "\r\n";

        # at once, and the body only when the answer is here
        is(raw($http, $head . $inside x $times)->code, $code,
           "$path $code, $length bytes at once");
        is($http->get('/api/words/core')->code, 200, 'in step');

        next if $code == 400 or $code == 415;

        $res = raw($http, $head . 'GET');
        is($res->code, $code, 'a body that comes late');
        syswrite $http->{sock}, substr $inside x $times, 3 if $http->{sock};
        is($http->get('/api/words/core')->code, 200, 'in step');
    }
}


# the same request again

sub draft {
    my ($http, $key, $note) = @_;

    return $http->post_json('/api/case/draft',
        { item => $item, note => $note // 'n', applicant => {
            name => '王秀英', phone => '13800000000' } },
        headers => { 'Idempotency-Key' => $key });
}


my $key = 'key-of-one-request-1';
my $first = draft($she, $key);

is($first->code, 200, 'a draft');
is(draft($she, $key)->body, $first->body, 'again: the same reply') for 1 .. 2;
is($db->admin('SELECT count(*) FROM zwfw.cases'), 1, 'and one draft');
is(problem(draft($she, $key, 'other')), '422 idempotency_conflict',
   'another request with that key');
isnt(draft($she, "$key-2")->json->{id}, $first->json->{id}, 'another key');
isnt(draft(person(), $key)->json->{id}, $first->json->{id}, 'another person');
is(problem(draft($she, $_)), '400 bad_idempotency_key', "a bad key: \"$_\"")
    for 'x' x 7, 'x' x 65, 'with a space';
is(draft($she, $_)->code, 200, length($_) . " characters are a good one")
    for qw(12345678), q(x) x 64;

is(problem($she->post_json('/api/case/draft', { item => $item, form => {
       a => [{ sealed => ['users.email', $item, 'zs1:1:x'] }] } })),
   '422 bad_name sealed', 'what only we say is not said by others');

my $token = $she->{headers}{'X-CSRF-Token'};
my %form = (item => $item, note => 'by form', _token => $token,
            _key => 'key-of-one-form');
my @places = map { $she->post('/case/draft', \%form)->header('Location') } 1, 2;

like($places[0], qr{^/case/[0-9a-f-]{36}/edit$}, 'a form');
is($places[1], $places[0], 'sent twice, leads to the same place');


my %id = map { $_ => 1 } Proc::together(6, sub {
    delete $she->{sock};
    return Http::until_answered(sub { draft($she, 'key-of-six-requests') })
        ->json->{id} // 'none';
});
is(scalar keys %id, 1, 'six at once: one draft');
like((keys %id)[0], qr/^[0-9a-f-]{36}$/, 'and six answers');


# methods

sub allows {
    my ($method, $path) = @_;

    my $res = $http->request($method, $path);

    return join ' ', $res->code, $res->header('Allow') // 'nothing';
}


for my $at ('/api', '') {
    is(allows('OPTIONS', "$at/item/$item"), '204 GET, HEAD, OPTIONS', 'GET');
    is(allows('OPTIONS', "$at/register"), '204 GET, HEAD, OPTIONS, POST',
       'both');
    is(allows('OPTIONS', "$at/logout"), '204 OPTIONS, POST', 'POST');
    is(allows($_, "$at/item/$item"), '405 GET, HEAD, OPTIONS', $_)
        for qw(PUT DELETE PATCH POST PROPFIND);
    is(allows('GET', "$at/logout"), '405 OPTIONS, POST', 'GET where none is');
    is(allows('HEAD', "$at/logout"), '405 OPTIONS, POST', 'HEAD as well');
    is($http->request('OPTIONS', "$at/nothing")->code, 404, 'no such thing');

    my ($get, $head) = map { $http->request($_, "$at/item/$item") }
        qw(GET HEAD);
    is($head->code, 200, 'HEAD');
    is($head->body, '', 'has no body');
    is($head->header($_), $get->header($_), "but its $_")
        for qw(ETag Content-Type Content-Length Cache-Control);

    my $etag = $get->header('ETag');

    for my $match ($etag, "W/$etag", "\"x\", $etag", '*') {
        my $res = $http->get("$at/item/$item",
                             headers => { 'If-None-Match' => $match });
        is($res->code, 304, "If-None-Match: $match");
        is($res->header('ETag'), $etag, 'says which');
    }

    is($http->get("$at/item/$item", headers => {
        'If-None-Match' => '"x"' })->code, 200, 'another one');
    for my $match ($etag, "\"x\", $etag", '*') {
        is($http->get("$at/item/$item", headers => {
            'If-Match' => $match })->code, 200, "If-Match: $match");
    }

    for my $match ('"x"', "W/$etag", "\"x$etag") {
        my $res = $http->get("$at/item/$item",
                             headers => { 'If-Match' => $match });
        is($res->code, 412, "If-Match: $match");
        like($res->text, qr/您要的内容已经有了变化/, 'in our words');
        ok($res->header('X-Request-Id'), 'an answer of ours');
    }

    is($http->get("$at/item/$item", headers => { 'If-Unmodified-Since' =>
        'Sat, 01 Jan 2000 00:00:00 GMT' })->code, 200,
       'nothing says when it was changed');

    is($http->get("$at/nothing", headers => {
        'If-None-Match' => '*' })->code, 404, 'no validator of an error');
}

is($http->request('TRACE', '/api/health')->code, 405, 'TRACE');
is($http->get('/api/health', headers => { Accept => 'image/png' })->code, 200,
   'Accept is not asked');


# a limit by person: counted before the body is read

my $eager = person();
my %codes;

$codes{ $eager->request('POST', '/api/case/draft', body => '{', @json)->code }++
    for 1 .. 60;
is_deeply(\%codes, { 400 => 60 }, 'sixty in an hour');

$res = draft($eager, 'key-of-too-many');
is(problem($res), '429 too_many_requests', 'not one more');
cmp_ok($res->header('Retry-After'), '<=', 3600, 'until when');
cmp_ok($res->header('Retry-After'), '>', 3500, 'about an hour');
is(draft(person(), 'key-of-another')->code, 200, 'others may');

$page = $eager->post('/case/draft', \%form);
is($page->code, 429, 'page: the same');
like($page->text, qr/操作太频繁/, 'in words');

# a bound of nginx that is meant holds, also where it is as its default

my $bounded = Node->new(workers => 1, db => $db, redis => $node->redis,
                        http => 'client_max_body_size 1m;');

for ([$bounded, qr/^413 too_large/], [$node, qr/^403 bad_token/]) {
    my ($where, $told) = @$_;

    $res = $where->client(kind => 'natural')->upload('/api/case/draft', [
        item => $item, 'materials.0.code' => 'a', 'materials.0.file' => {
            name => 'a.pdf', type => 'application/pdf', content => $long }]);
    like(problem($res), $told, '1m of http{}, or no bound');
}

is(join('', $_->nginx->stop), '', 'no alert') for $bounded, $node;

done_testing();
