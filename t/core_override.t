# "override" of a platform: a template, words and design tokens win over those
# of html; what is not overridden stays, and so does another platform.

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);

use lib 't/lib';
use Zwfw;

no_root_location();

my $dir = tempdir('zwfw-o-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %file = (
    'core/logo.html' => '<b>OWN LOGO</b>',
    'core/hole/user.html' => '<i>OWN HOLE</i>',
    'core/words.json' => '{"error": {"not_found": "OWN WORD"}}',
    'assets/tokens.css' => ":root { --brand: #a00; }\n",
);

chmod 0755, $dir;

for my $name (keys %file) {
    make_path("$dir/$name" =~ s{/[^/]+$}{}r);
    open my $out, '>', "$dir/$name" or die "$name: $!\n";
    print $out $file{$name};
    close $out or die "$name: $!\n";
}

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(http_config => platform(override => $dir)
        . platform(name => 'plain') . "zwfw_insecure_cookies on;\n");
    $block->set_value(config => sprintf <<'END', $block->name =~ /plain/
zwfw_use %s;
location /api/ { zwfw_api; }
location / { zwfw_pages $TEST_NGINX_ZWFW_HTML; }
location /assets/ { alias $TEST_NGINX_ZWFW_HTML/assets/; }
END
        ? 'plain' : 'test');
});

run_tests();

__DATA__

=== TEST 1: a template, also one of a hole in a cached page
--- request eval
["GET /item/topics", "GET /item/topics"]
--- response_body_like eval
[qr/<b>OWN LOGO<\/b>.*<i>OWN HOLE<\/i>/s, qr/<b>OWN LOGO<\/b>.*<i>OWN HOLE<\/i>/s]

=== TEST 2: a word, and those beside it
--- request eval
["GET /api/none", "POST /api/health\n", "GET /none"]
--- response_body_like eval
[qr/"detail":"OWN WORD"/, qr/"detail":"[^"]*请求方法/, qr/没有找到这个页面.*OWN WORD/s]
--- error_code eval
[404, 405, 404]

=== TEST 3: tokens are linked behind those of html
--- request
GET /help
--- response_body_like eval
qr{href="/assets/tokens.css">\n<link rel="stylesheet" href="/tokens.css">\n<link rel="stylesheet" href="/assets/zwfw.css">}
--- response_headers_like
Content-Security-Policy: .*; style-src 'self'; .*

=== TEST 4: and are there, as the policy wants them
--- request
GET /tokens.css
--- response_body
:root { --brand: #a00; }
--- response_headers
Content-Type: text/css; charset=utf-8
X-Content-Type-Options: nosniff

=== TEST 5: the plain platform is as it was
--- request eval
["GET /help", "GET /tokens.css", "GET /api/none"]
--- response_body_like eval
[qr{^(?!.*(?:OWN|href="/tokens))}s, qr{^(?!.*OWN)}s, qr{^(?!.*OWN)}s]
--- error_code eval
[200, 404, 404]
