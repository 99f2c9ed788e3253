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
