
# redis on several machines: "nginx -t" refuses what does not fit together; the
# examples are taken.

use lib 't/lib';
use Zwfw;

no_root_location();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(config => 'location /api/ { zwfw_use test; zwfw_api; }')
        if !defined $block->config;
});

# an example, with what is there; nobody listens at its addresses

sub example {
    my $text = do { local (@ARGV, $/) = shift; <> };

    $text =~ s{10\.0\.0\.(\d)}{127.0.0.$1}g;
    $text =~ s{:(\d+)(?=[ ,])}{":" . $1 % 10}ge;
    $text =~ s{\w*password=/etc[\w/.]+}{}g;
    $text =~ s{port=5432}{port=1};
    $text =~ s{passfile=[\w/.]+}{};
    $text =~ s{/etc/nginx/zwfw\.keys}{$ENV{TEST_NGINX_ZWFW_KEYS}};
    $text =~ s{/srv/zwfw/files}{$ENV{TEST_NGINX_ZWFW_FILES}};
    $text =~ s{/usr/share/zwfw/html}{$ENV{TEST_NGINX_ZWFW_HTML}};

    return $text;
}

run_tests();

__DATA__

=== TEST 1: several addresses of what
--- http_config eval
main::platform(redis => '"10.0.0.1:6379,10.0.0.2:6379"')
--- must_die
--- error_log
several addresses in "redis" take "master=<name>", of sentinels, or "cluster"

=== TEST 2: a sentinel with the name of a host
--- http_config eval
main::platform(redis => '"10.0.0.1:1,sentinel.example:1 master=a"')
--- must_die
--- error_log
invalid address "sentinel.example:1" in "redis"

=== TEST 3: a sentinel at a path
--- http_config eval
main::platform(redis => '"unix:/tmp/sentinel.sock master=a"')
--- must_die
--- error_log
invalid address "unix:/tmp/sentinel.sock" in "redis"

=== TEST 4: an address is missing
--- http_config eval
main::platform(redis => '",10.0.0.2:1 master=a"')
--- must_die
--- error_log
invalid address "" in "redis"

=== TEST 5: a sentinel twice, once with the usual port
--- http_config eval
main::platform(redis => '"10.0.0.1,10.0.0.2:1,10.0.0.1:26379 master=a"')
--- must_die
--- error_log
duplicate address "10.0.0.1:26379" in "redis"

=== TEST 6: a master without a name
--- http_config eval
main::platform(redis => '"10.0.0.1:1 master="')
--- must_die
--- error_log
invalid "master=" in "redis"

=== TEST 7: two masters
--- http_config eval
main::platform(redis => '"10.0.0.1:1 master=a master=b"')
--- must_die
--- error_log
invalid "master=b" in "redis"

=== TEST 8: a password for sentinels that are not there
--- http_config eval
main::platform(redis => "\"10.0.0.1:1 sentinel_password="
    . "$ENV{TEST_NGINX_ZWFW_KEYS}\"")
--- must_die
--- error_log
"sentinel_password" in "redis" takes "master=<name>"

=== TEST 9: a password file of sentinels that is not there
--- http_config eval
main::platform(redis => '"10.0.0.1:1 sentinel_password=/nonexistent master=a"')
--- must_die
--- error_log
cannot read the password file "/nonexistent" of "redis"

=== TEST 10: conf/sentinel.conf
--- http_config eval
main::example('conf/sentinel.conf')
--- config
location /api/ { zwfw_use shandong; zwfw_api; }
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: connect to redis "127.0.0.

=== TEST 11: conf/two-nodes.conf
--- http_config eval
main::example('conf/two-nodes.conf')
--- config
location /api/ { zwfw_use shandong; zwfw_api; }
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: connect to redis "127.0.0.3:9" failed

=== TEST 12: a cluster at a path
--- http_config eval
main::platform(redis => '"unix:/tmp/a.sock cluster"')
--- must_die
--- error_log
invalid address "unix:/tmp/a.sock" in "redis"

=== TEST 13: a cluster with sentinels
--- http_config eval
main::platform(redis => '"10.0.0.1:1 cluster master=a"')
--- must_die
--- error_log
"redis" takes "master=<name>" or "cluster", not both

=== TEST 14: a database of a cluster
--- http_config eval
main::platform(redis => '"10.0.0.1:1 db=1 cluster"')
--- must_die
--- error_log
"db" in "redis" cannot be chosen of a cluster

=== TEST 15: a cluster twice
--- http_config eval
main::platform(redis => '"10.0.0.1:1 cluster cluster"')
--- must_die
--- error_log
invalid "cluster" in "redis"

=== TEST 16: conf/cluster.conf
--- http_config eval
main::example('conf/cluster.conf')
--- config
location /api/ { zwfw_use shandong; zwfw_api; }
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: connect to redis "127.0.0.
