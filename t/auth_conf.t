# zwfw_auth: "nginx -t" refuses what it does not take, and says what it is.

use lib 't/lib';
use Zwfw;

no_root_location();

run_tests();

__DATA__

=== TEST 1: zwfw_auth without a value
--- config
location /a/ { zwfw_use test; zwfw_auth; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_auth" directive

=== TEST 2: zwfw_auth on
--- config
location /a/ { zwfw_use test; zwfw_auth on; }
--- must_die
--- error_log
invalid parameter "on" in "zwfw_auth", it takes off or who=...

=== TEST 3: zwfw_auth of an unknown audience
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,king; }
--- must_die
--- error_log
unknown audience "king" in "zwfw_auth"

=== TEST 4: zwfw_auth of nobody
--- config
location /a/ { zwfw_use test; zwfw_auth who=; }
--- must_die
--- error_log
invalid parameter "who=" in "zwfw_auth"

=== TEST 5: zwfw_auth with an empty audience
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,,approver; }
--- must_die
--- error_log
unknown audience "" in "zwfw_auth"

=== TEST 6: zwfw_auth ends with a comma
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,; }
--- must_die
--- error_log
unknown audience "" in "zwfw_auth"

=== TEST 7: zwfw_auth with a level that is none
--- config
location /a/ { zwfw_use test; zwfw_auth who=user level>=6; }
--- must_die
--- error_log
invalid parameter "level>=6" in "zwfw_auth", it takes level>=0 to level>=5

=== TEST 8: zwfw_auth with a level that is no number
--- config
location /a/ { zwfw_use test; zwfw_auth who=user level>=; }
--- must_die
--- error_log
invalid parameter "level>=" in "zwfw_auth"

=== TEST 9: zwfw_auth with an unknown parameter
--- config
location /a/ { zwfw_use test; zwfw_auth who=user when=now; }
--- must_die
--- error_log
invalid parameter "when=now" in "zwfw_auth"

=== TEST 10: zwfw_auth twice
--- config
location /a/ { zwfw_use test; zwfw_auth off; zwfw_auth off; }
--- must_die
--- error_log
"zwfw_auth" directive is duplicate

=== TEST 11: zwfw_auth without a platform
--- config
location /a/ { zwfw_auth who=user; }
--- must_die
--- error_log
zwfw_auth: no zwfw_use says whose sessions are meant

=== TEST 12: zwfw_auth where rows answer
--- config
location /api/ { zwfw_use test; zwfw_api; zwfw_auth who=user; }
--- must_die
--- error_log
zwfw_auth: stands beside zwfw_api or zwfw_pages

=== TEST 13: zwfw_auth with both spellings of a level
--- config
location /a/ { zwfw_use test; zwfw_auth who=user level=1 level>=2; }
--- must_die
--- error_log
invalid number of arguments in "zwfw_auth" directive

=== TEST 14: zwfw_auth with a level before who
--- config
location /a/ { zwfw_use test; zwfw_auth level>=1 who=user; }
--- must_die
--- error_log
invalid parameter "level>=1" in "zwfw_auth", it takes off or who=...

=== TEST 15: zwfw_auth of a whole server leaves the login alone
--- config
zwfw_use test;
zwfw_auth who=user;
location /api/ { zwfw_api; }
location / { zwfw_pages $TEST_NGINX_ZWFW_HTML; }
location /intranet/ { return 200 "in"; }
location /file/ { alias $TEST_NGINX_SERVROOT/html/; }
--- request eval
["GET /login", "GET /api/privacy", "GET /file/x"]
--- more_headers
Accept: text/html
--- error_code eval
[200, 200, 303]
--- response_headers eval
["! Location", "! Location", "Location: /login?next=%2Ffile%2Fx"]
