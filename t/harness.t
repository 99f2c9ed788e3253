# The small harness in t/lib/Fallback: what passes with openresty's
# Test::Nginx::Socket passes with it, with as many checks; what is wrong fails.
# Where that one is installed, or in PERL5LIB, the same is asked of both.
#
# The blocks are in t/data/harness.  A title ends in the number of checks that
# must pass and fail: "(2 ok, 1 not)".  What the real one answers by giving up,
# with all that would follow, says so there.

use strict;
use warnings;

use lib 't/lib', 't/lib/Fallback';

use File::Temp qw(tempdir);
use Test::More;

use Harness;
use Port;
use Test::Nginx::Socket::Client;
use Test::Nginx::Socket::Spec;

my $dir = tempdir(CLEANUP => 1);
my $port = Port::free();

delete @ENV{grep { /^TEST_NGINX_/ and $_ ne 'TEST_NGINX_BINARY' } keys %ENV};
$ENV{TEST_NGINX_SERVER_PORT} = "127.0.0.1:$port";
$ENV{TEST_NGINX_CLIENT_PORT} = $port;
$ENV{TEST_NGINX_SERVROOT} = "$dir/root";
$ENV{TEST_NGINX_SETTING} = 'from the environment';

my $nginx = $ENV{TEST_NGINX_BINARY} || '';
$ENV{TEST_NGINX_BINARY} = Harness::binary($dir, "$dir/root");

my $small = $Harness::fallback;
my $real = Harness::installed();
my @harnesses = ([small => $small], $real ? [real => $real] : ());

diag('Test::Nginx::Socket: ', $real ? "the real one in $real, and ours"
                                    : 'ours, the real one is not installed');


# runs a test file; returns all it printed, and its exit code

sub child {
    my ($text, @lib) = @_;

    my $file = "$dir/child.t";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;

    my $printed = join '', map { "-I$_ " } @lib;
    $printed = `$^X $printed $file 2>&1`;

    return ($printed, $? >> 8);
}


sub slurp {
    open my $in, '<', "t/data/harness/$_[0]" or die "$_[0]: $!\n";
    local $/;
    return scalar readline $in;
}


sub suite {
    my ($head, $data, $lib) = @_;

    return child("use Test::Nginx::Socket 'no_plan';\n$head\nrun_tests();\n"
                 . "__DATA__\n\n$data", $lib // $small);
}


sub count {
    my ($printed, $title) = @_;

    my @lines = grep { /\Q$title\E/ } $printed =~ /^((?:not )?ok .*)$/mg;
    my $not = grep { /^not/ } @lines;

    return (@lines - $not) . " ok, $not not";
}


# all blocks of a file, with one of the two

sub compare {
    my ($file, $which, $lib) = @_;

    my @blocks = slurp($file) =~ /^(===.*?)(?=^===|\z)/msg;
    my @alone = $which eq 'real' ? grep { /\A.* gives up\)\n/ } @blocks : ();
    my @together = grep { my $block = $_; !grep { $_ eq $block } @alone }
        @blocks;
    my ($printed, $code) = suite('', join('', @together), $lib);
    my $before = Test::More->builder->is_passing;

    for (@together) {
        my ($title, $count) = /\A=== (.*\((\d+ ok, \d+ not)(?:;.*)?\))\n/
            or die "a title of $file: $_";

        is(count($printed, $title), $count, "$which: $title");
    }

    # the real one ends with 0 after a timeout; prove reads what it printed
    ($file eq 'good.txt') ? is($code, 0, "$which: good tests pass")
        : $which eq 'small' ? isnt($code, 0, "$which: bad tests fail") : 0;
    diag($printed) if $before and !Test::More->builder->is_passing;

    for (@alone) {
        my ($title) = /\A=== (.*)\n/;
        my ($said) = suite('', $_, $lib);

        like($said, qr/^(?:Bail out!|not ok)/m, "$which: $title");
    }
}


for my $file (qw(good.txt bad.txt)) {
    compare($file, @$_) for @harnesses;
}


# what is unknown or ambiguous fails, and names itself

for ([unknown => "--- config\n--- requset\nGET /\n",
      qr/section "requset": unknown/],
     [skip => "--- config\n--- SKIP\n", qr/section "SKIP": unknown/],
     [only => "--- config\n--- ONLY\n", qr/section "ONLY": unknown/],
     [filter => "--- config evil\n", qr/unknown filter "evil"/],
     [twice => "--- config\n--- config\n", qr/"config": given twice/],
     [code => "--- config eval: 1 +\n", qr/"config": syntax error/],
     [strict => "--- config eval: \$x = 1\n", qr/"config": Global symbol/],
     [lines => "--- error_code: 200\n404\n", qr/lines behind a value/],
     [both => "--- response_body\na\n--- response_body_like\nb\n",
      qr/"response_body_like" is ignored beside "response_body"/],
     [expanded => "--- response_body\n\$TEST_NGINX_A\n",
      qr/releases of the real one do not expand/],
     [vacuous => "--- config\n--- request eval: ['GET /', 'GET /']\n"
      . "--- response_body_like eval: ['works']\n",
      qr/"response_body_like" has no entry for request 1/],
     [spaced => "--- config\n", qr/env_to_nginx: there is a space in "A=b c"/,
      'env_to_nginx("A=b c");'],
     [wide => "--- config\n# 中\n", qr/"use utf8" do not go together/,
      'use utf8;'])
{
    my ($name, $sections, $pattern, $head) = @$_;
    my ($printed, $code) = suite($head // '', "=== t\n$sections");

    isnt($code, 0, "$name fails");
    like($printed, $pattern, "$name is named");
}


# functions

my $functions = <<'END';
use Test::Nginx::Socket;
repeat_each(3);
no_shuffle();
no_long_string();
no_diff();
no_root_location();
master_on();
workers(2);
worker_connections(32);
log_level('notice');
timeout(7);
env_to_nginx('NAME=a', 'OTHER');
add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value(error_code => 404) if $block->name =~ /^third/;
});
add_response_body_check(sub {
    my ($block, $body, $i, $repeat) = @_;
    diag("body of request $i.$repeat: ", length $body);
});
add_cleanup_handler(sub { diag('cleaned up ', html_dir() =~ s/.*root//r,
                               ' ', -d server_root() ? 1 : 0) });
plan tests => repeat_each() * (blocks() + 4);
diag(join ' ', timeout(), workers(), worker_connections(), log_level());
run_tests();
__DATA__

=== first
--- config
--- request
GET /
--- grep_error_log eval: qr/start worker process (?=\d)/
--- grep_error_log_out eval
["start worker process \nstart worker process \n", "", ""]

=== second
--- config
location /conf { alias $TEST_NGINX_SERVER_ROOT/conf/nginx.conf; }
--- request eval: ["GET /conf", "GET /"]
--- response_body_like eval
[qr/\A(?=.*^worker_processes\ +2;) (?=.*^error_log\ \S+\ notice;)
    (?=.*^env\ NAME=a;\nenv\ OTHER;) (?=.*worker_connections\ +32;)
    (?!.*location\ \/\ \{)/msx,
 qr/It works/]
--- error_code eval: [200, 200]

=== third
--- request
GET /other
END

for (@harnesses) {
    my ($which, $lib) = @$_;
    my ($printed, $code) = child($functions, $lib);

    is($code, 0, "$which functions: passes") or diag($printed);
    like($printed, qr/^1\.\.21$/m, "$which functions: plan");
    like($printed, qr/^# 7 2 32 notice$/m,
         "$which functions: settings are read");
    is(scalar(() = $printed =~ /^# body of request/mg), 12,
       "$which functions: bodies");
    like($printed, qr/^# body of request 1\.2: \d+$/m,
         "$which functions: a body of a repetition");
    like($printed, qr{^# cleaned up /html 1$}m, "$which functions: cleanup");
    unlike($printed, qr/second.*first|third.*second/s,
           "$which functions: no_shuffle");
    ok(!-e "$dir/root/logs/nginx.pid", "$which functions: nginx has ended");

    ($printed) = suite(<<'SLEEP', <<'DATA', $lib);
no warnings 'redefine';
*Test::Nginx::Socket::sleep = sub { diag("slept $_[0]") };
SLEEP
=== t
--- config
--- request
GET /
--- wait: 0.4
DATA
    is(scalar(() = $printed =~ /^# slept 0\.4$/mg), 1, "$which: wait");

    ($printed, $code) = suite('repeat_each(2);', <<'DATA', $lib);
=== t
--- config
no_such_directive;
--- must_die
--- suppress_stderr
--- grep_error_log: unknown directive
--- grep_error_log_out
unknown directive
DATA
    is($code, 0, "$which: each start has its own lines") or diag($printed);
}


# requests

sub requests {
    my ($block) = Test::Nginx::Socket::Spec::parse("=== t\n" . shift);

    return join '|', map { @{ $_->{packets} } }
        Test::Nginx::Socket::Client::requests($block);
}

my $head = "Host: localhost\r\nConnection: close\r\n";

is(requests("--- request\n\n  # why\n  GET /a\n"),
   "GET /a HTTP/1.1\r\n$head\r\n", 'a path');
is(requests("--- request\nGET\n"), "GET / HTTP/1.1\r\n$head\r\n", 'a method');
is(requests("--- request\nGET /a HTTP/1.0\n"), "GET /a HTTP/1.0\r\n$head\r\n",
   'a version');
is(requests("--- request\nPOST /a\n\n  a=1\nb \n\n"),
   "POST /a HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\na=1\nb", 'a body');
is(requests("--- request\nPOST /a\nab\n--- more_headers\n#x\n"
            . "Content-Length: 9\n"),
   "POST /a HTTP/1.1\r\n${head}Content-Length: 9\r\n\r\nab\n", 'own length');
is(requests("--- request\nPOST /a\n0\n--- more_headers\n"
            . "Transfer-Encoding: chunked\n"),
   "POST /a HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n0\n",
   'chunks of its own');
is(requests("--- request\nGET /\n--- more_headers\nhost: a\n\nX:  b: c\nY\n"),
   "GET / HTTP/1.1\r\nConnection: close\r\nhost: a\r\nX: b: c\r\nY: \r\n\r\n",
   'own host');
is(requests("--- request\nGET /\n--- more_headers\nConnection: x\n"),
   "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: x\r\n\r\n",
   'own connection');
is(requests("--- request eval: ['GET /a', 'GET /b']\n"
            . "--- more_headers eval: ['', 'A: b']\n"),
   "GET /a HTTP/1.1\r\n$head\r\n|GET /b HTTP/1.1\r\n${head}A: b\r\n\r\n",
   'several');
is(requests("--- pipelined_requests eval: ['GET /a', 'GET /b']\n"),
   "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
   . "GET /b HTTP/1.1\r\n$head\r\n", 'pipelined');
is(requests("--- raw_request eval: [\"GET\", \" / HTTP/1.0\\r\\n\\r\\n\"]\n"),
   "GET| / HTTP/1.0\r\n\r\n", 'raw, in two packets');
ok(!eval { requests("--- request eval: ['GET /a', 'GET /b']\n"
                    . "--- more_headers eval: ['']\n") }, 'headers run out');
ok(!eval { requests("--- request\nGET /a HTTP/1.1 x\n") }, 'bad line');
ok(!eval { requests("--- config\n") }, 'no request');


# t/lib/Zwfw.pm

sub zwfw {
    return child("use lib 't/lib';\nuse Zwfw;\nrun_tests();\n__DATA__\n\n"
                 . shift);
}

$ENV{TEST_NGINX_BINARY} = $nginx;
$ENV{TEST_NGINX_LOAD_MODULES} = ' ';
$ENV{TEST_NGINX_ZWFW_POSTGRES} = 'host=/x dbname="y"';
$ENV{"TEST_NGINX_ZWFW_$_"} = "/tmp/$_" for qw(REDIS KEYS FILES HTML);

my $empty = "=== t\n--- http_config\n--- config\n";

my ($printed, $code) = zwfw("$empty--- request\nGET /\n");
is($code, 0, 'Zwfw: passes') or diag($printed);
is(count($printed, ' t - '), '3 ok, 0 not', 'Zwfw: looks for alerts');

my $loop = "location /loop { proxy_pass http://\$TEST_NGINX_SERVER_PORT; }\n"
    . "--- request\nGET /loop\n--- error_code: 500\n";

($printed, $code) = zwfw("$empty$loop");
isnt($code, 0, 'Zwfw: an alert fails');
like($printed, qr/^# kept: \S+zwfw-t-/m, 'Zwfw: the directory is kept');
system 'rm', '-rf', $1 if $printed =~ m{^# kept: (\S+/zwfw-t-\w+)$}m;

($printed, $code) = zwfw("$empty$loop--- error_log\n[alert]\n");
is($code, 0, 'Zwfw: an expected alert does not') or diag($printed);

($printed, $code) = zwfw("=== t\n--- config\n--- must_die: 1\n"
    . "--- suppress_stderr\n--- error_log\nunknown directive \"zwfw_plat");
is($code, 0, 'Zwfw: a platform is there by default') or diag($printed);

($printed, $code) = child(<<'END');
use lib 't/lib';
use Zwfw;
print platform(name => 'a', kind => undef, x => ['1', '2 3']);
pass();
END

like($printed, qr/^zwfw_platform a \{\n    base_url http:\/\/localhost;\n/m,
     'Zwfw: platform()');
like($printed, qr/^    postgres "host=\/x dbname=\\"y\\"";$/m,
     'Zwfw: platform() quotes');
like($printed, qr/^    x 1;\n    x 2 3;\n\}$/m, 'Zwfw: platform() repeats');
unlike($printed, qr/kind/, 'Zwfw: platform() leaves out');

delete $ENV{TEST_NGINX_ZWFW_REDIS};
($printed, $code) = child("use lib 't/lib'; use Zwfw; print platform();");
like($printed, qr/TEST_NGINX_ZWFW_REDIS is not set: run/,
     'Zwfw: what is missing is named');
system 'rm', '-rf', $1 if $printed =~ m{^# kept: (\S+/zwfw-t-\w+)$}m;

done_testing();
