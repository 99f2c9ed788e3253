# Requests that no browser makes, or that stop half-way: HTTP/2 bodies, chunks,
# Expect, validators of a POST, limits of nginx itself, clients that go away.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use File::Temp;
use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Node;
use People;
use Port;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $port = Port::free();
my $node = Node->new(workers => 1, server => <<"END", http => <<'HTTP');
        listen 127.0.0.1:$port http2;
        limit_req zone=headers;
        limit_req_status 429;
END
    limit_req_zone $http_x_limit zone=headers:1m rate=1r/m;
HTTP
my $dir = File::Temp->newdir;
my $card = '11990100MB0DEM172G3002099009000';
my $she = $node->client;

People::register($she);

my $token = $she->{headers}{'X-CSRF-Token'};
my @who = ('Cookie: zwfw=' . $she->cookie('zwfw'), "X-CSRF-Token: $token");
my $multipart = 'Content-Type: multipart/form-data; boundary=a';
my $json = 'Content-Type: application/json';


sub part {
    my ($name, $value, $more) = @_;

    return "--a\r\nContent-Disposition: form-data; name=\"$name\""
        . ($more // '') . "\r\n\r\n$value\r\n";
}


sub upload {
    my $size = shift;

    return part('item', $card) . part('materials.0.code', 'M01')
        . part('materials.0.file', "%PDF-1.7\n" . 'x' x ($size - 9),
               '; filename="a.pdf"') . "--a--\r\n";
}


sub answer {
    my $res = shift;

    return join ' ', $res->code, $res->is_json
        ? grep { defined } @{ $res->json }{qw(code field)} : ();
}


# HTTP/2: with a length, or with none, which the pipe does not tell

sub h2 {
    my ($path, $body, $piped, @headers) = @_;

    open my $out, '>:raw', "$dir/body" or die "$dir/body: $!\n";
    print $out $body;
    close $out;

    my $to = "http://127.0.0.1:$port$path";
    my @command = ('curl', '-s', '--max-time', 60, '--noproxy', '*',
                   '--http2-prior-knowledge', '-w', "\n%{content_type} %{http_code}",
                   ($piped ? ('-T', '-', '-X', 'POST')
                           : ('--data-binary', "\@$dir/body")),
                   (map { ('-H', $_) } @headers), $to);

    # an answer before the body's end is followed by RST_STREAM with NO_ERROR
    # (RFC 9113, 8.1), at which this curl now and then forgets the answer, or
    # its body: then its type is told

    for (1 .. 50) {
        my $text = curl($piped ? "cat $dir/body |" : '/dev/null', @command);
        my ($type, $code) = $text =~ /([^\n;]*)[^\n]* (\d+)\z/;
        my @told = $text =~ /"(?:code|field)":"([^"]*)"/g;

        @told = $type if !@told and $code >= 400;
        return join ' ', $code, @told if $? >> 8 != 92 and $code ne '000';
    }

    return 'curl failed';
}


sub curl {
    my ($from, @command) = @_;

    my $pid = open(my $in, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDIN, $from or die "$from: $!\n";
        exec @command or die "curl: $!\n";
    }

    my $text = do { local $/; <$in> };
    close $in;

    return decode_utf8($text);
}


my $draft = '{"item":"' . $card . '"}';

is(h2('/api/case/draft', $draft, 0, $json, @who), '200', 'HTTP/2: a body');
is(h2('/api/case/draft', $draft, 1, $json, @who), '411 length_required',
   'of no length') for 1 .. 3;
is(h2('/api/case/draft', upload(1000), 1, $multipart, @who), '200',
   'but files may come so');
is(h2('/api/case/draft', upload(20 * 1024 * 1024), 0, $multipart, @who),
   '200', '20 MiB');
is(h2('/api/case/draft', upload(20 * 1024 * 1024 + 1), 1, $multipart, @who),
   '422 file_too_large materials.0.file', 'a byte more');
like(h2('/api/case/draft', upload(131 * 1024 * 1024), $_, $multipart, @who),
     qr{^413 (?:too_large|application/problem\+json)$},
     'more than any row takes') for 0, 1;
is(h2('/api/case/draft', $draft, 0, $json), '401 no_session', 'nobody');


# parts

sub parts {
    my ($count, @more) = @_;

    return answer($she->request('POST', '/api/case/draft',
        type => 'multipart/form-data; boundary=a', body => join '',
        part('item', $card), (map { part("x$_", '') } 2 .. $count), @more,
        "--a--\r\n"));
}


is(parts(1000), '200', 'a thousand parts');
is(parts(1001), '400 too_many', 'one more');
is(answer($she->request('POST', '/api/case/draft', body => "--a--\r\n",
    type => 'multipart/form-data; boundary=a')), '422 missing item',
   'no part at all');
is(answer($she->request('POST', '/api/case/draft', type => 'application/json',
    body => '{"note":"' . 'x' x 2_000_000 . '"}')), '413 too_large',
   'files may be large, JSON may not');


# raw requests

sub raw {
    my ($path, $headers, @pieces) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $node->nginx->port);

    $sock->autoflush(1);
    print $sock "POST $path HTTP/1.1\r\nHost: localhost\r\n"
        . join('', map { "$_\r\n" } @$headers) . "\r\n";

    my $more = sub {
        Http::readable($sock, 20) or die "timed out\n";
        sysread $sock, my $text, 65536;
        return $text;
    };

    return ($sock, $more) if !@pieces;

    print $sock $_ for @pieces;
    return Http::Response->read('POST', $more);
}


# who waits to be asked for a body is asked for it when it is wanted

my @expect = ('Expect: 100-continue', $json, 'Content-Length: '
              . length $draft);

for (['/api/case/draft', 401], ['/api/nothing', 404], ['/api/help', 404]) {
    my ($path, $code) = @$_;
    my (undef, $more) = raw($path, [@expect]);
    my $res = Http::Response->read('POST', $more);

    is($res->code, $code, "$path: refused, and not asked for its body");
    ok($res->closes, 'the connection ends');
}

my ($sock, $more) = raw('/api/case/draft', [@expect, @who]);
like($more->(), qr{^HTTP/1\.1 100 }, 'asked for');
print $sock $draft;
is(Http::Response->read('POST', $more)->code, 200, 'and taken');


# chunks

my @chunked = ('Transfer-Encoding: chunked', $multipart, @who);
my $mib = sprintf("%x\r\n", 1024 * 1024) . 'x' x (1024 * 1024) . "\r\n";

my $res = raw('/api/case/draft', \@chunked, ($mib) x 132, "0\r\n\r\n");
is(answer($res), '413 too_large', 'chunks without an end');
is(raw('/case/draft', \@chunked, ($mib) x 132, "0\r\n\r\n")->text
   =~ /<h1>提交的内容太大/, 1, 'a page of ours');

$res = raw('/api/case/draft', \@chunked, $mib, "zz\r\n");
is(answer($res), '400 bad_request', 'what is no chunk');


# a validator is of what is read: a change that was made is not hidden by one

for my $head ('If-None-Match', 'If-Match') {
    my $res = $she->post_json('/api/case/draft', { item => $card },
                              headers => { $head => '*' });
    is($res->code, 200, "POST with $head");
    like($res->json->{id} // '', qr/^[0-9a-f-]{36}$/, 'its answer');
}


# rows of one face only

sub allows {
    my ($method, $path) = @_;

    my $res = $she->stranger->request($method, $path);
    return join ' ', $res->code, $res->header('Allow') // 'nothing';
}


is(allows('OPTIONS', '/api/login'), '204 OPTIONS, POST',
   'the page of a form is no JSON');
is(allows('PUT', '/api/help'), '404 nothing', 'a page only');
is(allows('PUT', '/help'), '405 GET, HEAD, OPTIONS', 'is one');


# what nginx limits

my %limit = (headers => { 'X-Limit' => 'x' });

is($she->get('/api/health', %limit)->code, 200, 'one a minute');
$res = $she->get('/api/health', %limit);
is(answer($res), '429 too_many_requests', 'the second is a problem of ours');
cmp_ok($res->header('Retry-After') // 0, '>', 0, 'that says when');
$res = $she->get('/help', %limit);
is($res->code, 429, 'page');
like($res->text, qr/张三.*<h1>操作太频繁/s, 'ours, of who is logged in');


# clients that go away at each step

my $register = '{"email":"gone%d@test.example","password":"geheim-2026",'
    . '"name":"张三","consent":"x"}';

for my $n (1 .. 20) {
    my $body = sprintf $register, $n;
    my ($sock) = raw('/api/register', [$json, 'Content-Length: '
                                       . length(encode_utf8($body))]);

    print $sock encode_utf8($body) if $n % 2;
    close $sock;

    ($sock) = raw('/api/case/draft', [$multipart, @who,
                                      'Content-Length: 3000000']);
    print $sock substr upload(3_000_000), 0, $n * 150_000;
    close $sock;
}

$node->db->{pg}->freeze;

for (1 .. 20) {
    my ($sock) = raw('/api/case/draft', [$json, @who, 'Content-Length: '
                                         . length $draft]);
    print $sock $draft;
    close $sock;
}

$node->db->{pg}->thaw;
Proc::until_true('answers', 20, sub {
    $she->stranger->get("/api/item/$card")->code == 200;
});

is(join('', $node->nginx->stop(
       allow => qr/client (?:intended to send too large|sent invalid)/)), '',
   'no alert, no socket left');

done_testing();
