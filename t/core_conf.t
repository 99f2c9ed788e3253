# Directives with a value that they do not take: "nginx -t" refuses and names
# the directive.

use lib 't/lib';
use Zwfw;

no_root_location();

run_tests();

__DATA__

=== TEST 1: code is no number
--- http_config eval
main::platform(code => '37000x')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "code 37000x", it takes six digits


=== TEST 2: code is too short
--- http_config eval
main::platform(code => '3700')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "code 3700", it takes six digits


=== TEST 3: region is no number
--- http_config eval
main::platform(region => 'x')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "region x", it takes six digits


=== TEST 4: code twice
--- http_config eval
main::platform(code => ['370000', '370000'])
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"code" directive is duplicate


=== TEST 5: code with two values
--- http_config eval
main::platform(code => '370000 1')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "code" directive


=== TEST 6: kind is none of three
--- http_config eval
main::platform(kind => 'city')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "kind city", it takes national, province or ministry


=== TEST 7: base_url with a slash
--- http_config eval
main::platform(base_url => 'https://a.example/')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "base_url https://a.example/"


=== TEST 8: base_url without a scheme
--- http_config eval
main::platform(base_url => 'a.example')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "base_url a.example"


=== TEST 9: no code
--- http_config eval
main::platform(code => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "code" in zwfw_platform "test"


=== TEST 10: no kind
--- http_config eval
main::platform(kind => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "kind" in zwfw_platform "test"


=== TEST 11: no base_url
--- http_config eval
main::platform(base_url => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "base_url" in zwfw_platform "test"


=== TEST 12: no postgres
--- http_config eval
main::platform(postgres => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "postgres" in zwfw_platform "test"


=== TEST 13: no redis
--- http_config eval
main::platform(redis => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "redis" in zwfw_platform "test"


=== TEST 14: no keys
--- http_config eval
main::platform(keys => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "keys" in zwfw_platform "test"


=== TEST 15: no files
--- http_config eval
main::platform(files => undef)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
no "files" in zwfw_platform "test"


=== TEST 16: postgres with an unknown parameter
--- http_config eval
main::platform(postgres => '"nothing=1"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "postgres" parameter


=== TEST 17: postgres with the name of a host
--- http_config eval
main::platform(postgres => '"host=db.example dbname=a"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
host "db.example" in "postgres" must be an IP address or a socket directory


=== TEST 18: postgres with a service
--- http_config eval
main::platform(postgres => '"service=a"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"service" is not supported in "postgres"


=== TEST 19: postgres_connections: none
--- http_config eval
main::platform(postgres_connections => '0 1 1')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number "0" in "postgres_connections", it takes 1 to 64


=== TEST 20: postgres_connections: too many
--- http_config eval
main::platform(postgres_connections => '1 65 1')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number "65" in "postgres_connections", it takes 1 to 64


=== TEST 21: postgres_connections: two of three
--- http_config eval
main::platform(postgres_connections => '1 1')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "postgres_connections" directive


=== TEST 22: postgres_timeout is too short
--- http_config eval
main::platform(postgres_timeout => '1ms')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid time "1ms" in "postgres_timeout", it takes at least 100ms


=== TEST 23: postgres_timeout is no time
--- http_config eval
main::platform(postgres_timeout => '1s soon')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid time "soon" in "postgres_timeout"


=== TEST 24: postgres_depth is too much
--- http_config eval
main::platform(postgres_depth => 33)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number "33" in "postgres_depth", it takes 1 to 32


=== TEST 25: postgres_waiting is none
--- http_config eval
main::platform(postgres_waiting => 0)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number "0" in "postgres_waiting", it takes 1 to 65536


=== TEST 26: redis with the name of a host
--- http_config eval
main::platform(redis => 'redis.example:6379')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid address "redis.example:6379" in "redis"


=== TEST 27: redis with an unknown parameter
--- http_config eval
main::platform(redis => '"unix:/tmp/x user=a"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid "user=a" in "redis"


=== TEST 28: redis with a password file that is not there
--- http_config eval
main::platform(redis => '"unix:/tmp/x password=/nonexistent"')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
cannot read the password file "/nonexistent" of "redis"


=== TEST 29: redis_timeout is no time
--- http_config eval
main::platform(redis_timeout => 'soon')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"redis_timeout" directive


=== TEST 30: keys: no file
--- http_config eval
main::platform(keys => '/nonexistent')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
keys: open() "/nonexistent" failed


=== TEST 31: keys: no keys in it
--- http_config eval
main::platform(keys => '/dev/null')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
keys: "/dev/null" is empty


=== TEST 32: session_idle is longer than session_life
--- http_config eval
main::platform(session_idle => '2h', session_life => '1h')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
session_idle of zwfw_platform "test" must be at least 60s and at most session_life


=== TEST 33: session_idle is no time
--- http_config eval
main::platform(session_idle => 'long')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"session_idle" directive


=== TEST 34: session_life is no time
--- http_config eval
main::platform(session_life => '-1')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"session_life" directive


=== TEST 35: zone_size is too small
--- http_config eval
main::platform(zone_size => '4k')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
zone_size of zwfw_platform "test" is too small


=== TEST 36: zone_size is no size
--- http_config eval
main::platform(zone_size => 'x')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"zone_size" directive


=== TEST 37: page_cache is no size
--- http_config eval
main::platform(page_cache => 'x')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"page_cache" directive


=== TEST 38: threads: none
--- http_config eval
main::platform(threads => 0)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number "0" in "threads", it takes 1 to 1024


=== TEST 39: thread_pool that is not there
--- http_config eval
main::platform(thread_pool => 'other')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
unknown thread pool "other"


=== TEST 40: an unknown directive
--- http_config eval
main::platform(nothing => 1)
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
unknown directive "nothing"


=== TEST 41: a platform with a bad name
--- http_config eval
main::platform(name => 'Test')
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_platform: invalid name "Test", it takes lower case letters and digits


=== TEST 42: a platform twice
--- http_config eval
main::platform() . main::platform()
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
duplicate zwfw_platform "test"


=== TEST 43: a platform without a name
--- http_config eval
'zwfw_platform { }'
--- config
location /api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_platform" directive


=== TEST 44: zwfw_use of nothing
--- config
location /api/ { zwfw_use; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_use" directive


=== TEST 45: zwfw_use twice
--- config
location /api/ { zwfw_use test; zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"zwfw_use" directive is duplicate


=== TEST 46: zwfw_api with a value
--- config
location /api/ { zwfw_use test; zwfw_api on; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_api" directive


=== TEST 47: zwfw_api twice
--- config
location /api/ { zwfw_use test; zwfw_api; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
"zwfw_api" directive is duplicate


=== TEST 48: zwfw_api in a server
--- config
zwfw_use test; zwfw_api;
--- must_die
--- suppress_stderr
--- error_log
"zwfw_api" directive is not allowed here


=== TEST 49: zwfw_api beside another handler
--- config
location /api/ { zwfw_use test; zwfw_api; proxy_pass http://127.0.0.1:1; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_api in location "/api/" stands beside another content handler


=== TEST 50: zwfw_api in a regular expression
--- config
location ~ ^/api/ { zwfw_use test; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_api in location "^/api/" takes a location that is


=== TEST 51: zwfw_pages without a folder
--- config
location / { zwfw_use test; zwfw_pages; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_pages" directive


=== TEST 52: zwfw_pages with a folder that is empty
--- config
location / { zwfw_use test; zwfw_pages $TEST_NGINX_SERVROOT; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_pages


=== TEST 53: zwfw_pages without a platform
--- config
location / { zwfw_pages $TEST_NGINX_ZWFW_HTML; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_pages: no zwfw_use says which platform answers


=== TEST 54: zwfw_metrics with a value
--- config
location /m { zwfw_metrics on; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_metrics" directive


=== TEST 55: zwfw_channel that is none
--- config
location /api/ { zwfw_use test; zwfw_channel fax; zwfw_api; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_channel: unknown channel "fax"


=== TEST 56: zwfw_channel twice
--- config
zwfw_channel pc; zwfw_channel app;
--- must_die
--- suppress_stderr
--- error_log
"zwfw_channel" directive is duplicate


=== TEST 57: zwfw_insecure_cookies is no flag
--- config
zwfw_insecure_cookies yes;
--- must_die
--- suppress_stderr
--- error_log
invalid value "yes" in "zwfw_insecure_cookies" directive


=== TEST 58: zwfw_auth without a value
--- config
location /a/ { zwfw_use test; zwfw_auth; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "zwfw_auth" directive


=== TEST 59: zwfw_auth on
--- config
location /a/ { zwfw_use test; zwfw_auth on; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "on" in "zwfw_auth", it takes off or who=...


=== TEST 60: zwfw_auth of an unknown audience
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,king; }
--- must_die
--- suppress_stderr
--- error_log
unknown audience "king" in "zwfw_auth"


=== TEST 61: zwfw_auth of nobody
--- config
location /a/ { zwfw_use test; zwfw_auth who=; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "who=" in "zwfw_auth"


=== TEST 62: zwfw_auth with an empty audience
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,,approver; }
--- must_die
--- suppress_stderr
--- error_log
unknown audience "" in "zwfw_auth"


=== TEST 63: zwfw_auth ends with a comma
--- config
location /a/ { zwfw_use test; zwfw_auth who=clerk,; }
--- must_die
--- suppress_stderr
--- error_log
unknown audience "" in "zwfw_auth"


=== TEST 64: zwfw_auth with a level that is none
--- config
location /a/ { zwfw_use test; zwfw_auth who=user level>=6; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "level>=6" in "zwfw_auth", it takes level>=0 to level>=5


=== TEST 65: zwfw_auth with a level that is no number
--- config
location /a/ { zwfw_use test; zwfw_auth who=user level>=; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "level>=" in "zwfw_auth"


=== TEST 66: zwfw_auth with an unknown parameter
--- config
location /a/ { zwfw_use test; zwfw_auth who=user when=now; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "when=now" in "zwfw_auth"


=== TEST 67: zwfw_auth twice
--- config
location /a/ { zwfw_use test; zwfw_auth off; zwfw_auth off; }
--- must_die
--- suppress_stderr
--- error_log
"zwfw_auth" directive is duplicate


=== TEST 68: zwfw_auth without a platform
--- config
location /a/ { zwfw_auth who=user; }
--- must_die
--- suppress_stderr
--- error_log
zwfw_auth: no zwfw_use says whose sessions are meant
