# A Redis Cluster: sessions are on all of its masters; slots move, key by key
# and by redis-cli, while people ask; a master joins, and one dies.  No wrong
# answer, and nobody is taken for logged out.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Test::More;

use lib 't/lib';
use Cluster;
use Load;
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $redis = Cluster->start;
my $node = Node->new(redis => $redis,
                     block => 'postgres_connections 1 1 1; '
                         . 'postgres_timeout 4s 10s;',
                     server => 'location = /metrics { zwfw_metrics; }');
my ($nginx, $db) = ($node->nginx, $node->db);
my $held = $nginx->held;
my $load = Load->new(node => $node, clients => 3,
                     order => [qw(me draft page me greeting)]);


# an Http with the cookie of another

sub same {
    my $who = shift;

    my $http = $node->client;

    $http->{cookies} = { localhost => { %{ $who->{cookies}{localhost} } } };
    $http->{headers} = { %{ $who->{headers} } };
    return $http;
}


sub everywhere {
    my $who = shift;

    return map { $_->{cookies} = same($who)->{cookies}; $_ } $node->readers;
}


sub codes {
    return join ' ', map { $_->get('/api/auth/me')->code } @_;
}


sub until_codes {
    my ($name, $codes, @each) = @_;

    ok(eval { Proc::until_true($name, 10, sub { codes(@each) eq $codes }) },
       $name) or diag(codes(@each));
}


# a person with two sessions

sub person {
    my $person = People::appoint($node->db);
    my ($desk, $phone) = map { $node->client } 1, 2;

    People::login($_, $person) for $desk, $phone;

    return { desk => $desk, phone => $phone, said => $person,
             tag => $redis->tag($person->{uid}) };
}


sub sessions {
    my $http = shift;

    return $http->get('/api/auth/sessions');
}


$load->phase(calm => sub { $load->told(10, 200, qw(me draft page greeting)) });

is(scalar(grep { my $at = $_;
                 grep { /:s:\{\w/ } @{ $at->query('KEYS', 'zwfw:*') } }
          @$redis{qw(one two three)}), 3, 'sessions are on all masters');


# shared memory counts while all masters are heard

sub hits {
    return ($node->client->get('/metrics')->body
        =~ /^zwfw_session_cache_total\{.*outcome="hit"\} (\d+)$/m)[0];
}

my $hits = hits();

ok(eval { Proc::until_true('hits', 20, sub { hits() > $hits + 20 }) },
   'who is known is not asked for');


subtest 'a log-in over that of another one' => sub {
    my ($her, $him);

    Proc::until_true('two with different slots', 20, sub {
        ($her, $him) = (person(), person());
        return $redis->of($her->{tag}) != $redis->of($him->{tag});
    });

    my $shared = same($her->{desk});
    my $before = same($her->{desk});

    People::login($shared, $him->{said});
    is($shared->get('/api/auth/me')->json->{uid}, $him->{said}{uid}, 'is his');
    until_codes('hers is over', '401', $before);
    is(scalar @{ sessions($her->{phone})->json->{items} }, 1,
       'and not in her list');
};


subtest 'key by key' => sub {
    my $her = person();
    my @fresh = map { $node->client } 1 .. 4;   # nobody will ask who it is

    People::login($_, $her->{said}) for @fresh;

    my $from = $redis->of($her->{tag});
    my ($to) = grep { $_ != $from } @$redis{qw(one two three)};
    my $move = $redis->move($her->{tag}, $to);
    my $hers = join '|', $her->{said}{uid}, map { sha256_hex($_->cookie('zwfw')) }
        @$her{qw(desk phone)}, @fresh;
    my @keys = grep { /$hers/ } @{ $move->{keys} };   # her tag is not hers alone
    my ($list) = grep { /:u:\{/ } @keys;

    is(scalar @keys, 13, 'six sessions and a list');
    is(codes(@$her{qw(desk phone)}), '200 200', 'nothing has moved yet');

    for my $http (@fresh) {
        my $kind = $http == $fresh[0] || $http == $fresh[1] ? 's' : 't';
        my $hash = sha256_hex($http->cookie('zwfw'));

        $move->key(grep { /:$kind:.*$hash/ } @keys);
        is(codes($http), '200', "its $kind has moved, the other key has not");
    }

    $move->key($list);

    for my $key (map { my $hash = sha256_hex($_->cookie('zwfw'));
                       grep { /$hash/ } @keys }
                 @$her{qw(desk phone)})
    {
        my $res = sessions($her->{desk});

        is($res->code, 503, 'the list waits, and is not told in part');
        like($res->header('Retry-After'), qr/^[1-9]/, 'with when to ask');
        $res = $her->{desk}->post_json('/api/auth/sessions/end', {});
        is($res->code, 503, 'nor are some ended');
        is(codes(map { same($_) } @$her{qw(desk phone)}), '200 200',
           'both are logged in');
        $move->key($key);
    }

    is(codes(@$her{qw(desk phone)}), '200 200', 'all keys have moved');
    $move->finish;
    is(codes(@$her{qw(desk phone)}), '200 200', 'the slot has moved');
    is(scalar @{ sessions($her->{desk})->json->{items} }, 6,
       'the list is whole');

    my @phones = everywhere($her->{phone});

    is(codes(@phones), '200 200', 'each worker knows it');
    is($her->{desk}->post_json('/api/auth/sessions/end', {})->code, 200,
       'the others are ended');
    until_codes('each worker has heard of it there', '401 401', @phones);
};


# a master without slots is not listened to: what it says is not kept

subtest 'to one that has just joined' => sub {
    my $her = person();
    my $move = $redis->move($her->{tag}, $redis->{spare});

    $move->key(@{ $move->{keys} });

    my @phones = everywhere($her->{phone});

    is(codes(@phones, @phones), '200 200 200 200', 'it is asked');

    my ($key) = grep { /:s:/ } sort { $a cmp $b } @{ $move->{keys} };
    my @gone = map { everywhere($_) } @$her{qw(phone desk)};

    codes(@gone);
    $redis->query('DEL', $_) for grep { /:s:/ } @{ $move->{keys} };
    is(codes(@gone), '401 401 401 401', 'what it drops is dropped at once');
    $move->finish;

    # and it is, when it has a slot

    my $again = $node->client;

    Proc::until_true('logged in', 20, sub {
        $again->post_json('/api/login', { map { $_ => $her->{said}{$_} }
            qw(email password) })->code == 200;
    });
    $again->{headers}{'X-CSRF-Token'} = $again->get('/help')->hidden->{_token};

    my @each = everywhere($again);

    $load->told(30, 200, 'me');
    is(codes(@each), '200 200', 'it is a master');
    is($again->post_json('/api/logout', {})->code, 200, 'logged out there');
    until_codes('each worker has heard of that', '401 401', @each);
};


$load->phase(reload => sub {
    for (1 .. 3) {
        $nginx->reload;
        $load->told(5, 200, qw(me draft));
    }
});

my ($his, $her);

Proc::until_true('one whose master has a replica, one of another', 20, sub {
    my $person = person();
    my $at = $redis->of($person->{tag}) == $redis->{two};
    $at ? ($his //= $person) : ($her //= $person);
    return $his && $her;
});

# nobody logs in from here on: each thread that hashes keeps what it had

my $warm = $nginx->memory;

$load->phase(resharding => sub {
    $redis->reshard($redis->{one}, $redis->{spare}, 60);
    $redis->reshard($redis->{three}, $redis->{one}, 60);
    $load->told(10, 200, qw(me draft greeting));
});


subtest 'a master dies' => sub {
    Proc::until_true('replicated', 20, sub {
        my $two = $redis->{two};
        $two->query('SET', "zwfw-{$his->{tag}}", 1);
        return $two->query('WAIT', 1, 1000);
    });
    $redis->{two}->crash;
    $load->phase(killed => sub {
        my $res;

        Proc::until_true('refused', 20, sub {
            $res = sessions($his->{desk});
            return $res->code == 503;
        });
        is($res->json->{code}, 'session_store_away', 'who was there is not');
        is($res->header('Set-Cookie'), undef, 'and keeps the cookie');
        ok(eval { Proc::until_true('answered', 60, sub {
            $res = sessions($his->{desk});
            return $res->code != 503;
        }) }, 'until the replica is master');
        is($res->code, 200, 'he is logged in');
    });
    is(sessions($her->{desk})->code, 200, 'as is she');

    my @phones = everywhere($his->{phone});

    $load->recovers('killed', qw(me draft greeting));
    until_codes('each worker knows him', '200 200', @phones);
    is($his->{desk}->post_json('/api/auth/sessions/end', {})->code, 200,
       'he ends the others');
    until_codes('each worker has heard of it', '401 401', @phones);
};


($his, $her) = ();
$load->phase(after => sub { $load->told(10, 200, $load->kinds) });
$load->stop;

# each worker asks one master more than in the beginning, and one listens to it

note "$held descriptors, now ", $nginx->held;
cmp_ok($nginx->held, '<=', $held + 3, 'no descriptor is left over');
cmp_ok($nginx->grown($warm), '<', 2048 * NginxServer::larger(), 'nor memory');
note 'grown by ', $nginx->grown($warm), ' KiB';

$load->sound;
$load->only($_, qr/ 200$/, "$_: all is well")
    for qw(calm reload resharding after);
$load->kept(20);

is(join('', $nginx->stop), '', 'no alert');

done_testing();
