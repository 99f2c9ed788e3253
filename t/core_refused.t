# What nginx itself refuses on a site of conf/: bad escapes, long addresses,
# missing assets, too many requests, names of hosts that are nobody's.  The
# answer is the platform's, in Chinese, as a problem for programs, by HTTP/2 as
# well.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use Test::More;

use lib 't/lib';
use Node;
use Port;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $html = abs_path('html');
my $h2 = Port::free();


sub conf {
    my $name = shift;

    my $text = do { local (@ARGV, $/) = "conf/$name"; <> };

    # the platform's own: $html is not relative to the demo here
    return $text =~ s{(zwfw_pages +|alias +)html}{$1$html}gr;
}

{
    no warnings 'redefine';
    *Node::server = sub {
        return "zwfw_use test;\nzwfw_insecure_cookies on;\n"
            . "large_client_header_buffers 4 4k;\nlisten 127.0.0.1:$h2 http2;\n"
            . "set_real_ip_from 127.0.0.1;\nreal_ip_header X-From;\n"
            . "location = /network { return 200 \$zwfw_network; }\n"
            . conf('site.conf');
    };
}

my $node = Node->new(workers => 1, http => conf('core.conf')
                                           . conf('auth.conf'));
my $http = $node->client;


# sends bytes as they are; returns status, headers and body
sub raw {
    my ($text, $line) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $node->nginx->port)
        // die "connect: $!\n";

    print $socket $text . "Host: localhost\r\nConnection: close\r\n\r\n";
    local $/;
    return scalar(readline $socket) // '';
}


for (
    ['a bad escape', "GET /item/%zz HTTP/1.1\r\n", 400],
    ['a NUL', "GET /item/%00 HTTP/1.1\r\n", 400],
    ['a long address', 'GET /item/' . 'a' x 9000 . " HTTP/1.1\r\n", 414],
    ['a long header', "GET /item/ HTTP/1.1\r\nX: " . 'a' x 9000 . "\r\n", 431],
    ['an asset that is not there', "GET /assets/none.css HTTP/1.1\r\n", 404],
    ['the folder of assets', "GET /assets/ HTTP/1.1\r\n", 403],
    ['a method for a file', "POST /assets/zwfw.css HTTP/1.1\r\n"
                            . "Content-Length: 0\r\n", 405],
) {
    my ($name, $text, $status) = @$_;
    my $got = raw($text);

    like($got, qr{^HTTP/1.1 $status }, "$name is $status");
    like($got, qr{^Content-Type: text/html; charset=utf-8\r$}m, 'as a page');
    like($got, qr{^Content-Security-Policy: }m, 'of ours');
    like($got, qr{^X-Request-Id: [0-9a-f]{32}\r$}m, 'with an id');
    like($got, qr{问题编号}, 'in Chinese') if utf8::decode($got);
    unlike($got, qr{<center>}, 'not of nginx');
}

for (['/api/item/%zz', 400, 'bad_request'],
     ['/api/' . 'a' x 9000, 414, 'uri_too_long'],
     ['/api', 404, 'not_found'], ['/api?x=1', 404, 'not_found'])
{
    my ($path, $status, $code) = @$_;
    my $got = raw("GET $path HTTP/1.1\r\n");

    like($got, qr{^HTTP/1.1 $status }, "$status for a program");
    like($got, qr{^Content-Type: application/problem\+json}m, 'is a problem');
    like($got, qr{"status":$status,"code":"$code","detail":"[^"]+"},
         "with its code");
}


like(raw("GET /apis HTTP/1.1\r\n"), qr{^Content-Type: text/html}m,
     'another name that begins so is a page');


# HTTP/2, where nginx has neither a request line nor a path when it refuses

sub h2 {
    my $path = shift;

    open my $in, '-|', 'curl', '-s', '--noproxy', '*', '--path-as-is',
        '--http2-prior-knowledge', '-w', '\n%{http_code} %{content_type}',
        "http://127.0.0.1:$h2$path" or die "curl: $!\n";

    my $text = do { local $/; <$in> };

    return ($text =~ /"code":"(\w+)"/ ? "$1 " : '') . $text =~ s/.*\n//sr;
}

my $problem = 'application/problem+json; charset=utf-8';
my $page = 'text/html; charset=utf-8';

is(h2('/api/item/%zz'), "bad_request 400 $problem", 'HTTP/2: a bad escape');
is(h2('/item/%zz'), "400 $page", 'of a page');


# whose limits are one: what comes from where

sub network {
    my $from = shift;

    return unpack 'H*', $http->get('/network',
        headers => { 'X-From' => $from })->body;
}

is(network('192.0.2.1'), 'c0000201', 'an address of IPv4 is itself');
is(network('::ffff:192.0.2.1'), 'c0000201', 'within IPv6, too');
is(network('2001:db8:a:a::1'), '20010db8000a000a', 'of IPv6 it is a /64');
is(network('2001:db8:a:a:ffff:a0a:a0a:a0a'), network('2001:db8:a:a::1'),
   'of which all are one');


# 61 at once are too many, whatever their answer

my ($limited) = grep { $_->code == 429 } map {
    $http->post_json('/api/login', { email => 'x', password => 'y' })
} 1 .. 80;

ok($limited, 'guessing is slowed down');
is($limited->json->{code}, 'too_many_requests', 'with a problem');
like($limited->header('Retry-After') // '', qr/^\d+$/, 'that says when');

is($http->get('/assets/zwfw.css')->code, 200, 'what is there is sent');
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
