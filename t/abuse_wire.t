# What is on the wire: shapes that two servers read as different requests,
# pipelines, and bytes that would be a header if they were echoed.  Nothing
# hidden in a body is done, answers come in the order of the questions and are
# those of the questions, and no header is anybody else's.  Over all rows.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use Test::More;

use lib 't/lib';
use Node;
use People;
use Raw;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1, openapi => 0, http => <<'END');
    error_page 400 413 414 431 494 500 501 502 503 =400 /api/;
    keepalive_requests 100000;
END
my $port = $node->nginx->port;
my $db = $node->db;
my $card = '11990100MB0DEM172G3002099009000';
my @rows = grep { $_->{call} or $_->{steps} } Rows::all();
my $she = $node->client;

my $person = People::register($she);

my @her = ('Cookie: zwfw=' . $she->cookie('zwfw'),
           "X-CSRF-Token: $she->{headers}{'X-CSRF-Token'}");
my $json = 'Content-Type: application/json';
my @wrong;


# a draft of hers, which has a name

sub draft {
    my $note = shift;

    return Raw::request('POST', '/api/case/draft', @her, $json,
                        { body => qq({"item":"$card","note":"$note"}) });
}


sub drafts {
    return $db->admin("SELECT count(*) FROM zwfw.cases WHERE note LIKE '$_[0]'");
}

{
    my $raw = Raw->new($port);
    $raw->send(draft('seen'));
    is($raw->answer('POST')->code, 200, 'a draft of hers');
}


# ---- one request or two? ----

# the lines that say how long a body is, the body, and whether the request
# behind it is one (1) or part of something that is refused (0)

my $hidden = draft('hidden');
my $len = length $hidden;
my $chunk = sprintf "%x\r\n%s\r\n0\r\n\r\n", $len, $hidden;

my @shapes = (
    ['CL and TE', 'Content-Length: 4', 'Transfer-Encoding: chunked',
     "0\r\n\r\n$hidden"],
    ['TE and CL', 'Transfer-Encoding: chunked', "Content-Length: $len", $chunk],
    ['CL twice', 'Content-Length: 0', "Content-Length: $len", $hidden],
    ['CL twice, the same', "Content-Length: $len", "Content-Length: $len",
     $hidden],
    ['CL list', "Content-Length: 0, $len", $hidden],
    (map { ["CL \"$_\"", "Content-Length: $_", $hidden] } '-1', '+0', '0x0',
     '1e1', '0 0', '', '99999999999999999999', "0\t0", '٣'),
    ['CL with a space', 'Content-Length : 0', $hidden],
    ['CL with a tab', "Content-Length\t: 0", $hidden],
    ['CL on a line that goes on', 'Content-Length:', ' 0', $hidden],
    ['TE on a line that goes on', 'Transfer-Encoding:', " chunked\r\nX: y",
     $chunk],
    ['a header that goes on', 'X: y', ' Transfer-Encoding: chunked', $chunk],
    ['TE twice', ('Transfer-Encoding: chunked') x 2, $chunk],
    ['TE twice, one of them identity', 'Transfer-Encoding: identity',
     'Transfer-Encoding: chunked', $chunk],
    (map { ["TE \"$_\"", "Transfer-Encoding: $_", $chunk] } 'identity',
     'chunked, identity', 'identity, chunked', 'xchunked', 'chunkedx',
     "\x0bchunked", 'chunked;q=1', '"chunked"', 'gzip', 'gzip, chunked', ''),
    ['TE with a space', 'Transfer-Encoding : chunked', $chunk],
    ['TE with NUL', "Transfer-Encoding: chun\0ked", $chunk],
    ['bare CR', "X: y\rTransfer-Encoding: chunked", $chunk],
    ['bare CR before a header', "X: y\r\rContent-Length: 4", $hidden],
    ['NUL in a header', "X: y\0", $hidden],
    ['no colon', 'Content-Length 4', $hidden],
    ['a colon first', ': y', $hidden],
    (map { my ($name, $body) = @$_;
           ["chunk: $name", 'Transfer-Encoding: chunked', $body . $hidden] }
     ['a size that overflows', "ffffffffffffffff\r\nx\r\n0\r\n\r\n"],
     ['a size beyond 64 bits', '1' . '0' x 16 . "\r\nx\r\n0\r\n\r\n"],
     ['a size with a sign', "-1\r\nx\r\n0\r\n\r\n"],
     ['a size with 0x', "0x1\r\nx\r\n0\r\n\r\n"],
     ['no size', "\r\nx\r\n0\r\n\r\n"],
     ['more than its size', "1\r\nxyz\r\n0\r\n\r\n"],
     ['less than its size', "5\r\nx\r\n0\r\n\r\n"],
     ['no line behind it', "1\r\nx0\r\n\r\n"]),
);


# Whatever became of the first one, the one inside may not be done; a
# connection that is kept has to give one answer to each that was sent.

for my $shape (@shapes) {
    my ($name, @lines) = @$shape;
    my $body = pop @lines;
    my $raw = Raw->new($port);

    $raw->send(encode_utf8("POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\n"
        . join('', map { "$_\r\n" } @lines) . "\r\n") . $body);

    my @all = $raw->answers('POST');

    ok(@all == 1 && $all[0]->code =~ /^(?:400|411|501)$/ && $all[0]->closes,
       "$name is refused") or diag(map { $_->code . ' ' . $_->body } @all);
}

is(drafts('hidden'), 0, 'nothing inside was done');


# what is well formed, if odd, is one request and its neighbour another

for (
    ['an extension', "%x;a=\"b\r\n%s\r\n0\r\n\r\n"],
    ['bare LF', "%x\n%s\n0\n\n"],
    ['zeros', "000000%x\r\n%s\r\n000\r\n\r\n"],
    ['trailers', "%x\r\n%s\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n"],
) {
    my ($name, $format) = @$_;
    my $raw = Raw->new($port);
    my $form = "--a\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\n"
        . "$card\r\n--a--\r\n";

    $raw->send(join "\r\n", 'POST /api/case/draft HTTP/1.1', 'Host: localhost',
        @her, 'Content-Type: multipart/form-data; boundary=a',
        'Transfer-Encoding: chunked', '',
        sprintf $format, length $form, $form);
    $raw->send(Raw::request('GET', '/api/health', 'Connection: close'));

    my @codes = map { $_->code } $raw->answers('POST');
    is("@codes", '200 200', "chunks: $name") if $name ne 'trailers';
    like("@codes", qr/^(?:200 200|400)$/, "chunks: $name")
        if $name eq 'trailers';
}


# ---- a body that a row does not want is no request ----

my $before = drafts('%');

for my $row (@rows) {
    for my $mount ('/api', '') {
        my $url = Rows::url($row, mount => $mount);

        for my $method ('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS') {
            my $raw = Raw->new($port);

            $raw->send(Raw::request($method, $url, 'Content-Type: text/x',
                                    { body => $hidden }));
            $raw->send(Raw::request('GET', '/api/health', 'Connection: close'));

            my @all = $raw->answers($method);
            my $told = join ' ', map { $_->code } @all;

            push @wrong, "$method $url: $told" if $told !~ /^\d+ 200$/
                and !(@all == 1 and $all[0]->closes);
        }
    }
}

is(join("\n", splice @wrong, 0, 30), '', 'what is behind a body is answered');
is(drafts('%'), $before, 'what is in it is not');


# ---- pipelines: each its own answer, in order ----

my @asked = map { my $row = $_;
    map { { url => Rows::url($row, mount => $_), row => $row } } '/api', ''
} grep { $_->{method} eq 'GET' and !$_->{limit} } @rows;
my @codes = split /\n/, $db->admin("SELECT code FROM zwfw.items
    WHERE state = 'in_use' ORDER BY code LIMIT 8");

push @asked, map { { url => $_ } } map { ("/api/item/$_", "/item/$_") } @codes;


# what an answer is, without what is never the same

sub essence {
    my $res = shift;

    return join ' ', $res->code, $res->header('Location') // '',
        $res->body =~ s/"request_id":\s*"\w+"//gr =~ s/\b[0-9a-f]{32}\b//gr
        =~ s/name="_(?:token|key)" value="[^"]*"//gr;
}


# several connections, each another order, half of them in one write

my %single;

for (@asked) {
    my $raw = Raw->new($port);

    $raw->send(Raw::request('GET', $_->{url}, @her));
    $single{ $_->{url} } = essence($raw->answer);
}

my @steady = grep { $_->{url} !~ m{/(?:health|keys|jobs|monitor|auth/)
                                     |/case/(?:mine)?\z}x } @asked;
my $pairs = 0;

for my $turn (1 .. 6) {
    my @order = sort { rand() <=> rand() } @steady;
    my $raw = Raw->new($port);
    my @ids;

    # posts and strangers between them
    my @text = map { my $n = $_;
        my $text = Raw::request('GET', $order[$n]{url}, @her);
        $n % 7 ? $text : $text . draft("pipe-$turn-$n") } 0 .. $#order;

    if ($turn % 2) { $raw->send(join '', @text) }
    else { $raw->send($_) for map { /(.{1,700})/gs } @text }

    for my $n (0 .. $#order) {
        my $res = $raw->answer // last;
        my $want = $single{ $order[$n]{url} };

        $pairs++;
        push @ids, $res->header('X-Request-Id') // ();
        push @wrong, "$order[$n]{url}: " . substr(essence($res), 0, 120)
            . ", not " . substr $want, 0, 120 if essence($res) ne $want;

        next if $n % 7;
        $res = $raw->answer('POST') // last;
        push @wrong, "draft $n: " . $res->code if $res->code !~ /^(?:200|429)$/;
        next if $res->code != 200;

        my $note = $db->admin("SELECT note FROM zwfw.cases WHERE id = '"
                              . $res->json->{id} . "'");
        push @wrong, "draft $n is $note" if $note ne "pipe-$turn-$n";
    }

    my %seen;
    push @wrong, 'an id twice' if grep { $seen{$_}++ } @ids;
}

is($pairs, 6 * @steady, 'each is answered');
is(join("\n", splice @wrong, 0, 20), '', 'by its own answer');


# ---- bytes that would be a header ----

# every head is looked at as it came

sub strange {
    my ($what, $raw) = @_;

    my $text = '';

    while (defined(my $more = $raw->more)) {
        last if $more eq '';
        $text .= $more;
    }

    my ($head) = $text =~ /\A(.*?)\r\n\r\n/s or return "$what: no answer";
    my @bad = grep { !/\A(?:[A-Za-z-]+: [\x20-\x7e]*|HTTP\/1\.1 \d+ .*)\z/
                     or /^X-(?:Injected|Evil)|^Set-Cookie: evil/i }
        split /\r\n/, $head;

    return map { "$what: $_" } @bad;
}


my @bytes = ('%0d%0aX-Injected:%201', '%0aX-Injected:%201', '%0dX-Injected:1',
             "\x0bX-Injected:1", '%E5%98%8A%E5%98%8DX-Injected:1',
             '%250d%250aX-Injected:1', '%00%0d%0a%0d%0aX-Injected:1',
             '%22%3b%0d%0aX-Injected:1');
my $heads = 0;

for my $row (@rows) {
    for my $mount ('/api', '') {
        my $url = Rows::url($row, mount => $mount);
        my $bytes = $bytes[$heads++ % @bytes];
        my @query = map { $_->{name} } grep { $_->{in} eq 'query' }
            @{ $row->{fields} };
        my @at = ("$url$bytes", "$url?x=$bytes", "$url?$bytes=1", $url =~ /\?/
                  ? () : map { "$url?$_=$bytes" } 'next', @query);

        push @at, map { Rows::url($row, mount => $mount, $_->{name} => $bytes) }
            grep { $_->{in} eq 'path' } @{ $row->{fields} };

        for my $at (@at) {
            my $raw = Raw->new($port);

            $raw->send(Raw::request($row->{method}, $at, 'Connection: close',
                'X-Request-Id: evil', 'X-Forwarded-Host: evil.example',
                "Referer: http://x/$bytes", "Cookie: zwfw=$bytes; a=$bytes",
                'Content-Type: application/x-www-form-urlencoded',
                $row->{method} eq 'POST'
                ? { body => "next=$bytes&_token=$bytes" } : ()));
            push @wrong, strange("$row->{method} $at", $raw);
        }
    }
}

is(join("\n", splice @wrong, 0, 20), '', 'nothing is echoed into a head');


# a redirect goes nowhere but to this site

for my $next ('//evil.example', '/\\evil.example', 'https://evil.example/',
              '/%09/evil.example', "/%0d%0aX-Injected:1", '\\\\evil.example',
              '/..//evil.example', 'javascript:alert(1)', '/%2f/evil.example')
{
    my $raw = Raw->new($port);
    my $hers = $node->client;

    $raw->send(Raw::request('GET', "/case/?next=$next", 'Connection: close'));
    push @wrong, strange("next $next", $raw);

    my $res = $hers->post('/login', {
        email => $person->{email}, password => $person->{password},
        next => $next =~ s/%(..)/chr hex $1/ger,
        _token => $hers->get('/login')->hidden->{_token} });
    my $to = $res->header('Location') // '';

    ok($res->code == 303 && $to =~ m{^/(?![/\\])[\x21-\x7e]*\z}
       || $res->code == 422 && $to eq '', "a log-in leads not to $next")
        or diag($res->code . " $to");
}

is(join("\n", splice @wrong), '', 'no head of it');


# the name of a file

for my $name ("a\r\nX-Injected: 1.pdf", "a\";\r\n\r\nX.pdf", "a\nX-Evil: 1.pdf",
              "a%0d%0aX-Evil:1.pdf", "\x{202e}fdp.exe.pdf", 'a";x="b.pdf',
              '../../etc/passwd.pdf', "文件'; filename=\"x.pdf", 'é' x 80 . '.pdf')
{
    my $res = $she->upload('/api/case/draft', [
        item => $card, note => 'named', 'materials.0.code' => 'M01',
        'materials.0.file' => { name => $name, type => 'application/pdf',
                                content => "%PDF-1.4\n" }]);

    like($res->code, qr/^(?:200|4\d\d)$/, 'a name that is none');
    next if $res->code != 200;

    my ($file) = map { $_->{path} } map { @{ $_->{files} // [] } }
        @{ $she->get('/api/case/' . $res->json->{id})->json->{materials} };
    my $raw = Raw->new($port);

    $raw->send(Raw::request('GET', $file, @her, 'Connection: close'));
    push @wrong, strange('file', $raw);
}

is(join("\n", splice @wrong), '', 'is no header');
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
