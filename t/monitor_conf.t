# Directives of monitor, and what is wrong with them.  t/spill.t has a folder
# that workers cannot write to.

use File::Temp qw(tempdir);

use lib 't/lib';
use Zwfw;

repeat_each(1);
no_root_location();

my $dir = tempdir('zwfw-c-XXXXXX', TMPDIR => 1, CLEANUP => 1);
mkdir "$dir/$_->[0]" and chmod $_->[1], "$dir/$_->[0]"
    for ['own', 0700], ['open', 0755], ['group', 0710];


sub spill {
    return main::platform() . "zwfw_monitor_spill $_[0];\n" =~ s/DIR/$dir/gr;
}


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


=== TEST 10: a folder for files, and its size
--- http_config eval
main::spill('DIR/own 64k')
--- config
zwfw_use test;
zwfw_monitor on;
location /api/ { zwfw_api; }
--- request
GET /api/nothing
--- error_code: 404
--- no_error_log
[error]


=== TEST 11: a folder named from where nginx is
--- http_config eval
main::spill('spill')
--- config
--- must_die
--- error_log
"zwfw_monitor_spill" takes an absolute path, not "spill"


=== TEST 12: no folder there
--- http_config eval
main::spill('/nonexistent/x')
--- config
--- must_die
--- error_log
"zwfw_monitor_spill" takes a folder that is there, not "/nonexistent/x"


=== TEST 13: a folder that others can read
--- http_config eval
main::spill('DIR/open')
--- config
--- must_die
--- error_log eval
'"zwfw_monitor_spill": others can come to "'


=== TEST 14: or come to
--- http_config eval
main::spill('DIR/group')
--- config
--- must_die
--- error_log eval
'its mode must be 0700'


=== TEST 15: a folder twice
--- http_config eval
main::spill('DIR/own; zwfw_monitor_spill DIR/own')
--- config
--- must_die
--- error_log
"zwfw_monitor_spill" directive is duplicate


=== TEST 16: a folder that is too small
--- http_config eval
main::spill('DIR/own 63k')
--- config
--- must_die
--- error_log
invalid size "63k" in "zwfw_monitor_spill", it takes at least 64k


=== TEST 17: a size that is none
--- http_config eval
main::spill('DIR/own large')
--- config
--- must_die
--- error_log
invalid size "large" in "zwfw_monitor_spill"


=== TEST 18: a value too many for it
--- http_config eval
main::spill('DIR/own 1m 2m')
--- config
--- must_die
--- error_log
invalid number of arguments in "zwfw_monitor_spill" directive


=== TEST 19: a folder of a server
--- config
zwfw_monitor_spill /tmp;
--- must_die
--- error_log
"zwfw_monitor_spill" directive is not allowed here
