# Variables where a platform is selected and no handler of ours runs; the
# location that is found decides, not the server it stands in.

use lib 't/lib';
use Zwfw;

no_root_location();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(http_config => platform() . platform(
        name => 'other', redis => '127.0.0.1:1', channels => 'hall')
        . "zwfw_insecure_cookies on;\n");
});

run_tests();

__DATA__

=== TEST 1: an id, the same wherever it is asked for
--- config
zwfw_use test;
location /id { add_header X-Again $zwfw_request_id; return 200 "$zwfw_request_id"; }
--- request
GET /id
--- response_body_like: ^[0-9a-f]{32}$
--- response_headers_like
X-Again: ^[0-9a-f]{32}$

=== TEST 2: another one for another request
--- config
zwfw_use test;
location /id { return 200 "$zwfw_request_id $zwfw_request_id"; }
--- pipelined_requests eval
["GET /id", "GET /id"]
--- response_body_like eval
[qr/^([0-9a-f]{32}) \1$/, qr/^([0-9a-f]{32}) \1$/]

=== TEST 3: the channel
--- config
zwfw_use test;
location /pc { return 200 "$zwfw_channel"; }
location /hall { zwfw_channel hall; return 200 "$zwfw_channel"; }
--- request eval
["GET /pc", "GET /hall"]
--- response_body eval
["pc", "hall"]

=== TEST 4: nothing without a platform
--- config
location /id { return 200 "<$zwfw_request_id$zwfw_channel>"; }
--- request
GET /id
--- response_body: <>

=== TEST 5: asked for in the server, answered by a location of another platform
--- config
zwfw_use other;
set $early "$zwfw_channel $zwfw_request_id";
location /api/ { zwfw_use test; zwfw_channel app; zwfw_api; add_header X-Channel "$early $zwfw_channel"; }
--- request
GET /api/words/core
--- response_headers_like
X-Channel: ^pc [0-9a-f]{32} app$

=== TEST 6: an "if" is of the location around it
--- config
zwfw_use test;
location /api/ { zwfw_api; if ($arg_x) { add_header X-If yes; } }
--- request
GET /api/health?x=1
--- error_code: 422
--- response_body_like: unknown_field

=== TEST 7: OPTIONS goes the way of all answers
--- config
zwfw_use test;
location /api/ { zwfw_api; }
--- request
OPTIONS /api/login
--- error_code: 204
--- response_headers_like
Allow: OPTIONS, POST
X-Content-Type-Options: nosniff
X-Request-Id: ^[0-9a-f]{32}$

=== TEST 8: everybody acts in the own name
--- config
zwfw_use test;
location /for { return 200 "<$zwfw_acting_for>"; }
--- request
GET /for
--- response_body: <>
