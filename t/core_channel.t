# "channels" of a platform: those that are open.  By another one everybody is
# told which are, on a page of its own or in a problem; guarded locations are
# closed as well, and nothing of it reaches the stores.

use lib 't/lib';
use Zwfw;

no_root_location();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(http_config => <<'END' . platform(
map $http_host $channel {
    default  pc;
    m.host   mobile;
    hall     hall;
}
zwfw_insecure_cookies on;
END
        channels => $block->name =~ /all are open/ ? undef : 'mobile hall'));
    $block->set_value(config => <<'END') if !defined $block->config;
zwfw_use test;
zwfw_channel $channel;
location /api/ { zwfw_api; }
location / { zwfw_pages $TEST_NGINX_ZWFW_HTML; }
location /guarded/ { zwfw_auth who=user; alias $TEST_NGINX_SERVROOT/html/; }
location /asset/ { return 200 "asset $zwfw_channel"; }
END
});

run_tests();

__DATA__

=== TEST 1: a program by a closed channel
--- request
GET /api/item/topics
--- error_code: 503
--- response_body_like eval
qr/"code":"channel_closed","detail":"这个渠道现在没有开放。您可以改用：手机网站、政务服务大厅。"/
--- response_headers
Content-Type: application/problem+json; charset=utf-8
Retry-After: 3600

=== TEST 2: a person by a closed channel
--- request
GET /item/topics
--- error_code: 503
--- response_body_like eval
qr/<h1>渠道没有开放<\/h1>\n<p class="lead">这个渠道现在没有开放。您可以改用：手机网站、政务服务大厅。<\/p>/
--- response_headers
Content-Type: text/html; charset=utf-8
Retry-After: 3600

=== TEST 3: open channels
--- request eval
["GET /api/item/topics", "GET /api/item/topics"]
--- more_headers eval
["Host: m.host", "Host: hall"]
--- error_code eval
[200, 200]

=== TEST 4: a form by a closed channel is not read
--- request
POST /login
email=a%40b.example&password=x
--- more_headers
Content-Type: application/x-www-form-urlencoded
Origin: http://localhost
--- error_code: 503
--- response_body_like: 渠道没有开放

=== TEST 5: a guarded folder by a closed channel
--- request
GET /guarded/x
--- more_headers
Accept: text/html
--- error_code: 503
--- response_body_like: 渠道没有开放

=== TEST 6: what is not the platform's is there
--- request
GET /asset/
--- response_body: asset pc

=== TEST 7: a path that is nothing is nothing by any channel
--- request
GET /api/none
--- error_code: 404

=== TEST 8: all are open
--- request eval
["GET /api/item/topics", "GET /api/item/topics"]
--- more_headers eval
["Host: m.host", "Host: localhost"]
--- error_code eval
[200, 200]
