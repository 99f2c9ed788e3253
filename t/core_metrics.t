# zwfw_metrics: text that Prometheus reads, complete from here, short for
# strangers, and counting what happened.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Node;
use Proc;

# who asks from elsewhere is put in by realip

my $node = Node->new(server => <<'END');
        location = /metrics { zwfw_metrics; }
        location = /far/metrics {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;
            zwfw_metrics;
        }
END

my $http = $node->client;


sub samples {
    my ($path, %o) = @_;

    my $res = $http->get($path // '/metrics', %o);
    my %sample = map { /^(\S+) (\S+)$/ } grep { !/^#/ } split /\n/, $res->body;

    return \%sample;
}


Proc::until_true('stores', 10, sub {
    my $sample = samples();
    return !grep { /_up\{/ && !$sample->{$_} } keys %$sample;
});


my $res = $http->get('/metrics');

is($res->code, 200, 'answers');
is($res->header('Content-Type'), 'text/plain; version=0.0.4', 'content type');
is($http->request('HEAD', '/metrics')->code, 200, 'HEAD');
is($http->post('/metrics', {})->code, 405, 'no POST');


# the format: HELP, TYPE, samples of one metric together, no sample twice

my ($name, %type, %seen, @wrong);

for my $line (split /\n/, $res->body) {
    if ($line =~ /^# HELP (zwfw_\w+) \S.*\.$/) {
        push @wrong, "$1 stands twice" if $type{$1};
        $name = $1;

    } elsif ($line =~ /^# TYPE (\w+) (counter|gauge)$/) {
        push @wrong, $line if $1 ne $name;
        push @wrong, $line
            if ($2 eq 'counter') ne (substr($1, -6) eq '_total');
        $type{$1} = $2;

    } elsif ($line =~ /^((\w+)\{(?:\w+="\w+",?)+\}) \d+$/) {
        push @wrong, "$line below $name" if $2 ne $name or !$type{$2};
        push @wrong, "$1 twice" if $seen{$1}++;

    } else {
        push @wrong, $line;
    }
}

is("@wrong", '', 'format');
like($res->body, qr/\n\z/, 'ends with a line feed');
is_deeply([sort keys %type], [qw(
    zwfw_page_cache_total zwfw_postgres_connections zwfw_postgres_in_flight
    zwfw_postgres_up zwfw_postgres_waiting zwfw_redis_in_flight zwfw_redis_up
    zwfw_requests_total zwfw_session_cache_total)], 'what there is');


# strangers see whether the stores answer, and nothing else

is_deeply([sort keys %{ samples('/far/metrics',
                                headers => { 'X-Real-IP' => '192.0.2.1' }) }],
          ['zwfw_postgres_up{platform="test",class="read"}',
           'zwfw_postgres_up{platform="test",class="slow"}',
           'zwfw_postgres_up{platform="test",class="write"}',
           'zwfw_redis_up{platform="test"}'], 'for strangers');


# requests by status

sub grown {
    my ($metric, $code) = @_;

    my $key = $metric =~ s/\{/{platform="test",/r;
    my $before = samples()->{$key};

    $code->();
    return samples()->{$key} - $before;
}


is(grown('zwfw_requests_total{status="2xx"}', sub {
       $http->get('/api/health') for 1 .. 3;
   }), 3, '2xx');
is(grown('zwfw_requests_total{status="4xx"}', sub {
       $http->get('/api/nothing') for 1 .. 2;
   }), 2, '4xx');


# a session is asked once from Redis, then known, in all workers

my $he = $node->client(roles => 'operator');

is(grown('zwfw_session_cache_total{outcome="miss"}', sub {
       is($he->get('/api/health')->code, 200, 'with a session');
   }), 1, 'a miss');

is(grown('zwfw_session_cache_total{outcome="hit"}', sub {
       Proc::until_true('a session that is known', 10, sub {
           my $hits = grown('zwfw_session_cache_total{outcome="hit"}', sub {
               $he->get('/api/health');
           });
           return $hits == 1;
       });
   }) > 0, 1, 'a hit');

is(grown('zwfw_session_cache_total{outcome="miss"}', sub {
       $http->get('/api/health');
   }), 0, 'nobody is no miss');


# the page cache

my ($code) = $node->db->admin(
    "SELECT code FROM zwfw.items WHERE state = 'in_use' LIMIT 1");

is(grown('zwfw_page_cache_total{outcome="hit"}', sub {
       Proc::until_true('a page that is kept', 10, sub {
           return grown('zwfw_page_cache_total{outcome="hit"}', sub {
               $http->get("/item/$code")->code == 200 or die "no page\n";
           });
       });
   }) > 0, 1, 'a page from the cache');


# a store that is away is seen

$node->redis->stop;

Proc::until_true('redis is away', 10, sub {
    return !samples()->{'zwfw_redis_up{platform="test"}'};
});
pass('redis is away');
is(samples()->{'zwfw_postgres_up{platform="test",class="read"}'}, 1,
   'PostgreSQL is not');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
