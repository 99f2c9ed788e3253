# GET item/{code}: the guide of an item, for everybody, as JSON and as a page.
# GB/T 39047, 5.2.1.4

use lib 't/lib';
use Zwfw;

repeat_each(2);
no_root_location();

$ENV{ITEM} = '11990102MB0DEM105F4000199001000';

run_tests();

__DATA__

=== TEST 1: the guide as JSON
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"GET /api/item/$ENV{ITEM}"
--- response_headers_like
Content-Type: application/json; charset=utf-8
Cache-Control: no-cache
X-Content-Type-Options: nosniff
ETag: "[0-9a-f]{32}"
X-Request-Id: [0-9a-f]{32}
--- response_body_like: "name":\s*"个体工商户注册登记"
--- no_error_log
[error]


=== TEST 2: the guide as a page, twice: rendered, then from the cache
--- config
location / { zwfw_use test; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- request eval
["GET /item/$ENV{ITEM}", "GET /item/$ENV{ITEM}"]
--- response_headers eval
["Content-Type: text/html; charset=utf-8",
 "Content-Type: text/html; charset=utf-8"]
--- response_body_like eval
["<h1>个体工商户注册登记</h1>.*</html>", "<h1>个体工商户注册登记</h1>.*</html>"]
--- no_error_log
[error]


=== TEST 3: an unknown item
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request
GET /api/item/11990102MB0DEM105F4000199009999
--- error_code: 404
--- response_headers
Content-Type: application/problem+json; charset=utf-8
Cache-Control: no-store
--- response_body_like: ^\{"status":404,"code":"item_not_found","detail":"[^"]+","request_id":"[0-9a-f]{32}"\}$


=== TEST 4: a code that cannot be one
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request
GET /api/item/%E4%B8%AD
--- error_code: 404
--- response_body_like: "code":"not_found","field":"code"


=== TEST 5: an unknown query field
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"GET /api/item/$ENV{ITEM}?nothing=1"
--- error_code: 422
--- response_body_like: "code":"unknown_field","field":"nothing"


=== TEST 15: ... is ignored by a page, as links get more on their way
--- config
location / { zwfw_use test; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- request eval
"GET /item/$ENV{ITEM}?utm_source=x"
--- response_body_like: <h1>个体工商户注册登记</h1>


=== TEST 6: a query field twice
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"GET /api/item/$ENV{ITEM}?code=1"
--- error_code: 400
--- response_body_like: "code":"duplicate_key","field":"code"


=== TEST 7: HEAD has the headers of GET
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"HEAD /api/item/$ENV{ITEM}"
--- response_headers_like
Content-Length: [1-9]\d+
ETag: "[0-9a-f]{32}"
--- response_body
--- no_error_log
[error]


=== TEST 8: OPTIONS says what there is
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"OPTIONS /api/item/$ENV{ITEM}"
--- error_code: 204
--- response_headers
Allow: GET, HEAD, OPTIONS
--- response_body


=== TEST 9: another method
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"DELETE /api/item/$ENV{ITEM}"
--- error_code: 405
--- response_headers
Allow: GET, HEAD, OPTIONS
--- response_body_like: "code":"method_not_allowed"


=== TEST 10: a body where none belongs
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"GET /api/item/$ENV{ITEM}
{}"
--- error_code: 400
--- response_body_like: "code":"bad_request"


=== TEST 11: the page of an unknown item is ours, with the policy
--- config
location / { zwfw_use test; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- request
GET /item/nothing
--- error_code: 404
--- response_headers_like
Content-Security-Policy: default-src 'none'; script-src 'self';.*
X-Frame-Options: DENY
--- response_body_like: <html lang="zh-CN">.*没有找到


=== TEST 12: both stores away: the same question is refused at once
--- http_config eval
main::platform(postgres => '"host=/nonexistent user=zwfw_web dbname=none"',
               redis => '"unix:/nonexistent/redis.sock"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- request eval
"GET /api/item/$ENV{ITEM}"
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like: "code":"store_away"


=== TEST 13: no platform is selected
--- config
location /api/ { zwfw_api; }
--- must_die
--- error_log
zwfw_api: no zwfw_use says which platform answers


=== TEST 14: an unknown platform is selected
--- config
location /api/ { zwfw_use other; zwfw_api; }
--- must_die
--- error_log
zwfw_use: there is no zwfw_platform "other"
