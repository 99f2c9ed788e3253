
# postgres with several servers: "nginx -t" refuses a list that does not fit,
# and a role that would have writes go astray; what fits is taken.

use lib 't/lib';
use Zwfw;

no_root_location();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(config => 'location /api/ { zwfw_use test; zwfw_api; }')
        if !defined $block->config;
});

# an example, with what is there

sub example {
    my $text = do { local (@ARGV, $/) = shift; <> };

    $text =~ s{10\.0\.0\.\d}{127.0.0.1}g;
    $text =~ s{port=5432}{port=1};
    $text =~ s{/etc/nginx/zwfw\.keys}{$ENV{TEST_NGINX_ZWFW_KEYS}};
    $text =~ s{/srv/zwfw/files}{$ENV{TEST_NGINX_ZWFW_FILES}};
    $text =~ s{/usr/share/zwfw/html}{$ENV{TEST_NGINX_ZWFW_HTML}};

    return $text;
}

run_tests();

__DATA__

=== TEST 1: one of several is a name
--- http_config eval
main::platform(postgres => '"host=/tmp,db.example dbname=a"')
--- must_die
--- error_log
host "db.example" in "postgres" must be an IP address or a socket directory

=== TEST 2: one of several is empty
--- http_config eval
main::platform(postgres => '"host=/tmp,,10.0.0.2 dbname=a"')
--- must_die
--- error_log
"host" in "postgres" must name each of 3 servers

=== TEST 3: the last one is empty
--- http_config eval
main::platform(postgres => '"host=/tmp, dbname=a"')
--- must_die
--- error_log
"host" in "postgres" must name each of 2 servers

=== TEST 4: fewer ports than servers
--- http_config eval
main::platform(postgres => '"host=/tmp,/var,10.0.0.2 port=1,2 dbname=a"')
--- must_die
--- error_log
"port" in "postgres" must name each of 3 servers

=== TEST 5: more ports than servers
--- http_config eval
main::platform(postgres => '"host=/tmp,/var port=1,2,3 dbname=a"')
--- must_die
--- error_log
"port" in "postgres" must name each of 2 servers

=== TEST 6: more names than addresses
--- http_config eval
main::platform(postgres =>
    '"host=/tmp,/var,/usr hostaddr=10.0.0.1,10.0.0.2 dbname=a"')
--- must_die
--- error_log
"host" in "postgres" must name each of 2 servers

=== TEST 7: any of several
--- http_config eval
main::platform(postgres => '"host=/tmp,/var target_session_attrs=any"')
--- must_die
--- error_log
"target_session_attrs" of several servers in "postgres" must be "prefer-standby" or "read-write", not "any"

=== TEST 8: standbys only
--- http_config eval
main::platform(postgres => '"host=/tmp,/var target_session_attrs=standby"')
--- must_die
--- error_log
"target_session_attrs" of several servers in "postgres" must be "prefer-standby" or "read-write", not "standby"

=== TEST 9: postgres_lag is too short
--- http_config eval
main::platform(postgres_lag => '1ms')
--- must_die
--- error_log
invalid time "1ms" in "postgres_lag", it takes at least 100ms

=== TEST 10: postgres_lag twice
--- http_config eval
main::platform(postgres_lag => ['1s', '1s'])
--- must_die
--- error_log
"postgres_lag" directive is duplicate

=== TEST 11: addresses, a port for each, a role
--- http_config eval
main::platform(postgres =>
    '"hostaddr=127.0.0.1,127.0.0.1 port=1,2 target_session_attrs=read-write"')
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: PostgreSQL is away for class write
--- no_error_log
class standby

=== TEST 12: addresses with names, one port, a lag
--- http_config eval
main::platform(postgres_lag => '1s', postgres => '"host=127.0.0.1,127.0.0.1'
    . ' hostaddr=127.0.0.1,127.0.0.1 port=1 dbname=a'
    . ' target_session_attrs=prefer-standby"')
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: PostgreSQL is away for class write
zwfw: PostgreSQL is away for class standby

=== TEST 13: a URI
--- http_config eval
main::platform(postgres =>
    '"postgresql://zwfw_web@127.0.0.1:1,127.0.0.1:2/a"')
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: PostgreSQL is away for class standby

=== TEST 14: conf/pair.conf
--- http_config eval
main::example('conf/pair.conf')
--- config
location /api/ { zwfw_use shandong; zwfw_api; }
--- request
GET /api/health
--- error_code: 503
--- error_log
zwfw: PostgreSQL is away for class write
zwfw: PostgreSQL is away for class standby
