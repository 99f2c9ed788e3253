# zwfw_platform: "nginx -t" refuses what its directives do not take, and names
# the directive.

use lib 't/lib';
use Zwfw;

no_root_location();

# what uses the platform; the location is the same everywhere

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(config => 'location /api/ { zwfw_use test; zwfw_api; }')
        if !defined $block->config;
});

run_tests();

__DATA__

=== TEST 1: code is no number
--- http_config eval
main::platform(code => '37000x')
--- must_die
--- error_log
invalid "code 37000x", it takes six digits

=== TEST 2: code is too short
--- http_config eval
main::platform(code => '3700')
--- must_die
--- error_log
invalid "code 3700", it takes six digits

=== TEST 3: region is no number
--- http_config eval
main::platform(region => 'x')
--- must_die
--- error_log
invalid "region x", it takes six digits

=== TEST 4: code twice
--- http_config eval
main::platform(code => ['370000', '370000'])
--- must_die
--- error_log
"code" directive is duplicate

=== TEST 5: code with two values
--- http_config eval
main::platform(code => '370000 1')
--- must_die
--- error_log
invalid number of arguments in "code" directive

=== TEST 6: kind is none of three
--- http_config eval
main::platform(kind => 'city')
--- must_die
--- error_log
invalid "kind city", it takes national, province or ministry

=== TEST 7: base_url with a slash
--- http_config eval
main::platform(base_url => 'https://a.example/')
--- must_die
--- error_log
invalid "base_url https://a.example/"

=== TEST 8: base_url without a scheme
--- http_config eval
main::platform(base_url => 'a.example')
--- must_die
--- error_log
invalid "base_url a.example"

=== TEST 9: no code
--- http_config eval
main::platform(code => undef)
--- must_die
--- error_log
no "code" in zwfw_platform "test"

=== TEST 10: no kind
--- http_config eval
main::platform(kind => undef)
--- must_die
--- error_log
no "kind" in zwfw_platform "test"

=== TEST 11: no base_url
--- http_config eval
main::platform(base_url => undef)
--- must_die
--- error_log
no "base_url" in zwfw_platform "test"

=== TEST 12: no postgres
--- http_config eval
main::platform(postgres => undef)
--- must_die
--- error_log
no "postgres" in zwfw_platform "test"

=== TEST 13: no redis
--- http_config eval
main::platform(redis => undef)
--- must_die
--- error_log
no "redis" in zwfw_platform "test"

=== TEST 14: no keys
--- http_config eval
main::platform(keys => undef)
--- must_die
--- error_log
no "keys" in zwfw_platform "test"

=== TEST 15: no files
--- http_config eval
main::platform(files => undef)
--- must_die
--- error_log
no "files" in zwfw_platform "test"

=== TEST 16: postgres with an unknown parameter
--- http_config eval
main::platform(postgres => '"nothing=1"')
--- must_die
--- error_log
invalid "postgres" parameter

=== TEST 17: postgres with the name of a host
--- http_config eval
main::platform(postgres => '"host=db.example dbname=a"')
--- must_die
--- error_log
host "db.example" in "postgres" must be an IP address or a socket directory

=== TEST 18: postgres with a service
--- http_config eval
main::platform(postgres => '"service=a"')
--- must_die
--- error_log
"service" is not supported in "postgres"

=== TEST 19: postgres_connections: none
--- http_config eval
main::platform(postgres_connections => '0 1 1')
--- must_die
--- error_log
invalid number "0" in "postgres_connections", it takes 1 to 64

=== TEST 20: postgres_connections: too many
--- http_config eval
main::platform(postgres_connections => '1 65 1')
--- must_die
--- error_log
invalid number "65" in "postgres_connections", it takes 1 to 64

=== TEST 21: postgres_connections: two of three
--- http_config eval
main::platform(postgres_connections => '1 1')
--- must_die
--- error_log
invalid number of arguments in "postgres_connections" directive

=== TEST 22: postgres_timeout is too short
--- http_config eval
main::platform(postgres_timeout => '1ms')
--- must_die
--- error_log
invalid time "1ms" in "postgres_timeout", it takes at least 100ms

=== TEST 23: postgres_timeout is no time
--- http_config eval
main::platform(postgres_timeout => '1s soon')
--- must_die
--- error_log
invalid time "soon" in "postgres_timeout"

=== TEST 24: postgres_depth is too much
--- http_config eval
main::platform(postgres_depth => 33)
--- must_die
--- error_log
invalid number "33" in "postgres_depth", it takes 1 to 32

=== TEST 25: postgres_waiting is none
--- http_config eval
main::platform(postgres_waiting => 0)
--- must_die
--- error_log
invalid number "0" in "postgres_waiting", it takes 1 to 65536

=== TEST 26: redis with the name of a host
--- http_config eval
main::platform(redis => 'redis.example:6379')
--- must_die
--- error_log
invalid address "redis.example:6379" in "redis"

=== TEST 27: redis with an unknown parameter
--- http_config eval
main::platform(redis => '"unix:/tmp/x user=a"')
--- must_die
--- error_log
invalid "user=a" in "redis"

=== TEST 28: redis with a password file that is not there
--- http_config eval
main::platform(redis => '"unix:/tmp/x password=/nonexistent"')
--- must_die
--- error_log
cannot read the password file "/nonexistent" of "redis"

=== TEST 29: redis_timeout is no time
--- http_config eval
main::platform(redis_timeout => 'soon')
--- must_die
--- error_log
"redis_timeout" directive

=== TEST 30: keys: no file
--- http_config eval
main::platform(keys => '/nonexistent')
--- must_die
--- error_log
keys: open() "/nonexistent" failed

=== TEST 31: keys: no keys in it
--- http_config eval
main::platform(keys => '/dev/null')
--- must_die
--- error_log
keys: "/dev/null" is empty

=== TEST 32: session_idle is longer than session_life
--- http_config eval
main::platform(session_idle => '2h', session_life => '1h')
--- must_die
--- error_log
session_idle of zwfw_platform "test" must be at least 60s and at most session_life

=== TEST 33: session_idle is no time
--- http_config eval
main::platform(session_idle => 'long')
--- must_die
--- error_log
"session_idle" directive

=== TEST 34: session_life is no time
--- http_config eval
main::platform(session_life => '-1')
--- must_die
--- error_log
"session_life" directive

=== TEST 35: zone_size is too small
--- http_config eval
main::platform(zone_size => '4k')
--- must_die
--- error_log
zone_size of zwfw_platform "test" is too small

=== TEST 36: zone_size is no size
--- http_config eval
main::platform(zone_size => 'x')
--- must_die
--- error_log
"zone_size" directive

=== TEST 37: page_cache is no size
--- http_config eval
main::platform(page_cache => 'x')
--- must_die
--- error_log
"page_cache" directive

=== TEST 38: threads: none
--- http_config eval
main::platform(threads => 0)
--- must_die
--- error_log
invalid number "0" in "threads", it takes 1 to 1024

=== TEST 39: thread_pool that is not there
--- http_config eval
main::platform(thread_pool => 'other')
--- must_die
--- error_log
unknown thread pool "other"

=== TEST 40: an unknown directive
--- http_config eval
main::platform(nothing => 1)
--- must_die
--- error_log
unknown directive "nothing"

=== TEST 41: a platform with a bad name
--- http_config eval
main::platform(name => 'Test')
--- must_die
--- error_log
zwfw_platform: invalid name "Test", it takes lower case letters and digits

=== TEST 42: a platform twice
--- http_config eval
main::platform() . main::platform()
--- must_die
--- error_log
duplicate zwfw_platform "test"

=== TEST 43: a platform without a name
--- http_config eval
'zwfw_platform { }'
--- must_die
--- error_log
invalid number of arguments in "zwfw_platform" directive

=== TEST 44: a platform whose name is empty
--- http_config eval
'zwfw_platform "" { code 370000; }'
--- must_die
--- error_log eval
'zwfw_platform takes a name'

=== TEST 45: base_url with an account
--- http_config eval
main::platform(base_url => 'https://me@a.example')
--- must_die
--- error_log eval
'invalid "base_url https://me@a.example"'

=== TEST 46: base_url with a query
--- http_config eval
main::platform(base_url => 'https://a.example?x')
--- must_die
--- error_log eval
'invalid "base_url https://a.example?x"'

=== TEST 47: redis_timeout is too short
--- http_config eval
main::platform(redis_timeout => 0)
--- must_die
--- error_log eval
'invalid time "0" in "redis_timeout", it takes at least 100ms'

=== TEST 48: redis: no such database
--- http_config eval
main::platform(redis => '"unix:/tmp/x db=none"')
--- must_die
--- error_log eval
'invalid "db=none" in "redis"'

=== TEST 49: redis: a database twice
--- http_config eval
main::platform(redis => '"unix:/tmp/x db=1 db=2"')
--- must_die
--- error_log eval
'invalid "db=2" in "redis"'

=== TEST 50: page_cache that keeps nothing
--- http_config eval
main::platform(page_cache => '1k')
--- must_die
--- error_log eval
'invalid size "1k" in "page_cache", it takes 0 or at least 256k'

=== TEST 51: channels: none
--- http_config eval
main::platform(channels => '')
--- must_die
--- error_log eval
'invalid number of arguments in "channels" directive'

=== TEST 52: channels: an unknown one
--- http_config eval
main::platform(channels => 'pc fax')
--- must_die
--- error_log eval
'unknown channel "fax" in "channels"'

=== TEST 53: channels: one twice
--- http_config eval
main::platform(channels => 'pc app pc')
--- must_die
--- error_log eval
'channel "pc" twice in "channels"'

=== TEST 54: channels twice
--- http_config eval
main::platform(channels => ['pc', 'app'])
--- must_die
--- error_log eval
'"channels" directive is duplicate'
