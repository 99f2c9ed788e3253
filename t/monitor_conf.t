# Directives of monitor, and what is wrong with them.

use lib 't/lib';
use Zwfw;

repeat_each(1);
no_root_location();

run_tests();

__DATA__

=== TEST 1: on, where a platform is selected
--- config
zwfw_use test;
zwfw_monitor on;
location /api/ { zwfw_api; }
--- request
GET /api/nothing
--- error_code: 404
--- no_error_log
[error]


=== TEST 2: on, where none is selected: nobody is told
--- config
zwfw_monitor on;
location /x { return 200 "x\n"; }
--- request
GET /x
--- response_body
x
--- no_error_log
[error]


=== TEST 3: neither on nor off
--- config
zwfw_monitor perhaps;
--- must_die
--- error_log
invalid value "perhaps" in "zwfw_monitor" directive, it must be "on" or "off"


=== TEST 4: a ring that is too small
--- http_config eval
main::platform() . "zwfw_monitor_ring 4k;\n"
--- config
--- must_die
--- error_log
"zwfw_monitor_ring" is too small, it takes at least 8k


=== TEST 5: a ring of another size than a size
--- http_config eval
main::platform() . "zwfw_monitor_ring large;\n"
--- config
--- must_die
--- error_log
"zwfw_monitor_ring" directive invalid value


=== TEST 6: a ring in a server
--- config
zwfw_monitor_ring 1m;
--- must_die
--- error_log
"zwfw_monitor_ring" directive is not allowed here


=== TEST 7: a ring twice
--- http_config eval
main::platform() . "zwfw_monitor_ring 1m; zwfw_monitor_ring 2m;\n"
--- config
--- must_die
--- error_log
"zwfw_monitor_ring" directive is duplicate


=== TEST 8: on twice
--- config
zwfw_monitor on; zwfw_monitor off;
--- must_die
--- error_log
"zwfw_monitor" directive is duplicate


=== TEST 9: a value too many
--- config
zwfw_monitor on off;
--- must_die
--- error_log
invalid number of arguments in "zwfw_monitor" directive
