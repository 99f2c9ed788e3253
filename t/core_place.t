# Where the faces of a platform stand: "nginx -t" refuses what the directives of
# locations do not take, and names the directive.

use lib 't/lib';
use Zwfw;

no_root_location();

run_tests();

__DATA__

=== TEST 1: zwfw_use of nothing
--- config
location /api/ { zwfw_use; zwfw_api; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_use" directive

=== TEST 2: zwfw_use twice
--- config
location /api/ { zwfw_use test; zwfw_use test; zwfw_api; }
--- must_die
--- error_log
"zwfw_use" directive is duplicate

=== TEST 3: zwfw_api with a value
--- config
location /api/ { zwfw_use test; zwfw_api on; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_api" directive

=== TEST 4: zwfw_api twice
--- config
location /api/ { zwfw_use test; zwfw_api; zwfw_api; }
--- must_die
--- error_log
"zwfw_api" directive is duplicate

=== TEST 5: zwfw_api in a server
--- config
zwfw_use test; zwfw_api;
--- must_die
--- error_log
"zwfw_api" directive is not allowed here

=== TEST 6: zwfw_api beside another handler
--- config
location /api/ { zwfw_use test; zwfw_api; proxy_pass http://127.0.0.1:1; }
--- must_die
--- error_log
zwfw_api in location "/api/" stands beside another content handler

=== TEST 7: zwfw_api in a regular expression
--- config
location ~ ^/api/ { zwfw_use test; zwfw_api; }
--- must_die
--- error_log
zwfw_api in location "^/api/" takes a location that is

=== TEST 8: zwfw_pages without a folder
--- config
location / { zwfw_use test; zwfw_pages; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_pages" directive

=== TEST 9: zwfw_pages with another folder than the platform's html
--- config
location / { zwfw_use test; zwfw_pages $TEST_NGINX_SERVROOT; }
--- must_die
--- error_log
zwfw_pages: platform "test" has its pages in

=== TEST 10: zwfw_pages without a platform
--- config
location / { zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- error_log
zwfw_pages: no zwfw_use says which platform answers

=== TEST 11: zwfw_metrics with a value
--- config
location /m { zwfw_metrics on; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_metrics" directive

=== TEST 12: zwfw_channel that is none
--- config
location /api/ { zwfw_use test; zwfw_channel fax; zwfw_api; }
--- must_die
--- error_log
zwfw_channel: unknown channel "fax"

=== TEST 13: zwfw_channel twice
--- config
zwfw_channel pc; zwfw_channel app;
--- must_die
--- error_log
"zwfw_channel" directive is duplicate

=== TEST 14: zwfw_insecure_cookies is no flag
--- config
zwfw_insecure_cookies yes;
--- must_die
--- error_log
invalid value "yes" in "zwfw_insecure_cookies" directive

=== TEST 15: zwfw_use of an empty name
--- config
location /api/ { zwfw_use ""; zwfw_api; }
--- must_die
--- error_log
zwfw_use takes the name of a zwfw_platform

=== TEST 16: zwfw_use of what is not there
--- config
location /api/ { zwfw_use other; zwfw_api; }
--- must_die
--- error_log
zwfw_use: there is no zwfw_platform "other"

=== TEST 17: zwfw_api without a slash at the end
--- config
location /api { zwfw_use test; zwfw_api; }
--- must_die
--- error_log
zwfw_api in location "/api" takes a location that ends with a slash

=== TEST 18: zwfw_api in an exact match
--- config
location = /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- error_log
zwfw_api in location "/api/" takes a location that is no exact match

=== TEST 19: zwfw_pages in an exact match
--- config
location = / { zwfw_use test; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- error_log
zwfw_pages in location "/" takes a location that is no exact match

=== TEST 20: zwfw_pages in a folder
--- config
location /a/ { zwfw_use test; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- error_log
zwfw_pages in location "/a/" takes the location "/"

=== TEST 21: zwfw_api in a named location
--- config
location @a { zwfw_use test; zwfw_api; }
--- must_die
--- error_log
zwfw_api in location "@a" takes a location that is a path

=== TEST 22: zwfw_pages beside zwfw_api
--- config
location / { zwfw_use test; zwfw_api; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- error_log
"zwfw_pages" directive is duplicate

=== TEST 23: zwfw_pages of a folder that is not there
--- config
location / { zwfw_use test; zwfw_pages /nonexistent; }
--- must_die
--- error_log
"zwfw_pages" takes a folder that is there, not "/nonexistent"

=== TEST 24: zwfw_metrics twice
--- config
location /m { zwfw_metrics; zwfw_metrics; }
--- must_die
--- error_log
"zwfw_metrics" directive is duplicate

=== TEST 25: zwfw_metrics before another handler
--- config
location /m { zwfw_metrics; proxy_pass http://127.0.0.1:1; }
--- must_die
--- error_log
zwfw_metrics in location "/m" stands beside another content handler

=== TEST 26: zwfw_metrics behind another handler
--- config
location /m { proxy_pass http://127.0.0.1:1; zwfw_metrics; }
--- must_die
--- error_log
"zwfw_metrics" directive stands beside another content handler

=== TEST 27: zwfw_metrics beside zwfw_api
--- config
location /api/ { zwfw_use test; zwfw_api; zwfw_metrics; }
--- must_die
--- error_log
"zwfw_metrics" directive stands beside another content handler

=== TEST 28: zwfw_metrics without a platform
--- http_config

--- config
location /m { zwfw_metrics; }
--- must_die
--- error_log
zwfw_metrics in location "/m" has no zwfw_platform to tell of

=== TEST 29: zwfw_api behind another handler
--- config
location /api/ { zwfw_use test; proxy_pass http://127.0.0.1:1; zwfw_api; }
--- must_die
--- error_log
"zwfw_api" directive stands beside another content handler

=== TEST 30: zwfw_pages behind another handler
--- config
location / { proxy_pass http://127.0.0.1:1; zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- error_log
"zwfw_pages" directive stands beside another content handler
