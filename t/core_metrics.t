# zwfw_metrics: text that Prometheus reads, complete from here, short for
# strangers, and counting what happened.

use strict;
use warnings;
use utf8;

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
    zwfw_audit_lines_total zwfw_audit_lines_waiting
    zwfw_key_newest zwfw_keys zwfw_page_cache_total zwfw_postgres_breaker
    zwfw_postgres_connections zwfw_postgres_in_flight zwfw_postgres_standby
    zwfw_postgres_up zwfw_postgres_waiting zwfw_redis_breaker zwfw_redis_connections
    zwfw_redis_in_flight zwfw_redis_up zwfw_requests_total
    zwfw_session_cache_total zwfw_thread_tasks zwfw_thread_tasks_limit
    zwfw_visits_files zwfw_visits_files_aside zwfw_visits_fullest
    zwfw_visits_lost_total zwfw_visits_pending zwfw_visits_refused_total
    zwfw_visits_room zwfw_visits_spilled zwfw_visits_stored_total
    zwfw_visits_total)],
          'what there is');


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


# each worker tells; the page and its JSON show the same numbers

my @workers = map { /worker="(\d)"/ } grep { /^zwfw_redis_connections/ }
    sort keys %{ samples() };

is("@workers", '0 1', 'of both workers');

$he = $node->client(roles => 'operator');

my $status = Proc::until_true('connections of both workers', 20, sub {
    my $now = $he->get('/api/status')->json;
    return $now if !grep { !$_->{postgres_connections}{read} }
        @{ $now->{workers} };
});

is_deeply([map { $_->{worker} } @{ $status->{workers} }], [0, 1],
          'both in the status');
is_deeply([sort map { $_->{pid} } @{ $status->{workers} }],
          [sort $node->nginx->workers], 'by their pids');


# "requests.2xx", "0.redis_in_flight": the value, flags as 0 and 1

sub flat {
    my ($path, $value) = @_;

    return map { flat($path eq '' ? $_ : "$path.$_", $value->{$_}) }
        sort keys %$value if ref $value eq 'HASH';
    return $path => 0 + $value;
}

my %shown = (flat('', $status->{totals}),
             map { flat($_->{worker}, $_) } @{ $status->{workers} });

delete @shown{grep { /^\d\.(?:pid|worker|silent)$/ } keys %shown};
is(join(' ', sort keys %shown), join(' ', sort map { key($_) } keys %seen),
   'the same numbers');

sub key {
    my ($name, $label) = $_[0] =~ /^zwfw_(\w+?)(?:_total)?\{(.*)\}$/;
    my %label = $label =~ /(\w+)="([^"]*)"/g;

    delete $label{platform};
    my $worker = delete $label{worker};

    return join '.', grep { defined } $worker, $name, values %label;
}

is($shown{'key_newest'}, 1, 'number of the key');
is($shown{'0.postgres_connections.read'}, 1, 'connections of a class');

my $page = $he->get('/status');

is($page->code, 200, 'a page');
is(scalar(() = $page->text =~ /<h2>工作进程 \d/g), 2, 'with both');
is($node->client->get('/api/status')->code, 401, 'nobody: not');
is($node->client(roles => 'supervisor')->get('/status')->code, 403,
   'a supervisor: not');


# a worker that hangs is seen by the other one

my ($first, $second) = map { $_->{pid} } @{ $status->{workers} };

kill 'STOP', $first;
Proc::until_true('silence', 20, sub {
    my @silent = map { $_->{pid} } grep { $_->{silent} }
        @{ (eval { $node->client(roles => 'operator')->get('/api/status')
                   ->json } // {})->{workers} // [] };
    return "@silent" eq $first;
});
pass('a worker that hangs');
kill 'CONT', $first;


# one that was killed gives its place to the next one

$node->nginx->crash_worker;
of_all('the new worker');
pass('a new worker in place of one that was killed');


# more of them after a reload

$node->nginx->configure(workers => 3);
$node->nginx->reload;
of_all('three workers');
pass('a place for a worker that the configuration did not have before');


# waits until the status names the workers that run, no others

sub of_all {
    Proc::until_true(shift, 10, sub {
        my $status = eval {
            $node->client(roles => 'operator')->get('/api/status')->json
        } // {};
        my %pid = map { $_->{pid} => 1 } @{ $status->{workers} };

        return join(' ', sort keys %pid)
            eq join(' ', sort $node->nginx->workers);
    });
}


# the database is away: the status is there, and says it

$he = $node->client(roles => 'operator');
$he->get('/api/status');
$node->db->{pg}->stop;
Proc::until_true('breakers', 10, sub {
    my $res = $he->get('/api/status');
    return $res->code == 200 && !grep {
        !$_->{postgres_breaker}{read} || $_->{postgres_connections}{read}
    } @{ $res->json->{workers} };
});
pass('PostgreSQL is away for all workers');
like($he->get('/status')->text, qr{<span class="tag bad">停用</span>},
     'the page says so');
$node->db->{pg}->launch;


# a store that is away is seen

$node->redis->stop;

Proc::until_true('redis is away', 10, sub {
    return !samples()->{'zwfw_redis_up{platform="test"}'};
});
pass('redis is away');
Proc::until_true('PostgreSQL is not', 10, sub {
    return samples()->{'zwfw_postgres_up{platform="test",class="read"}'};
});
pass('PostgreSQL is not');

is(join('', $node->nginx->stop(allow => qr/exited on signal 9/)), '',
   'no alert');

done_testing();
