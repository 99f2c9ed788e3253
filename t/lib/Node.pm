package Node;

# A node of one platform, "test", over stores of its own: PostgreSQL with the
# schema and demo data of all slices, Redis, and an nginx with both faces.
#
#     my $node = Node->new;                           # workers => 2
#     my $anyone = $node->client;                     # an Http
#     my $clerk = $node->client(roles => 'clerk', body => $uuid);
#     my $she = $node->client(kind => 'natural');     # both have logged in
#     my $tablet = $node->again($she);                # another session of hers
#     $node->db->admin('SELECT 1'); $node->redis->query('PING');
#     my @each = $node->readers;                      # a client of each worker
#     my @bad = $node->nginx->stop;
#
# Each JSON answer that a client gets is compared with its schema in the OpenAPI
# document; a test that breaks functions or files on purpose, so that there is
# nothing to compare with, says openapi => 0.
#
# Another node over the same stores: Node->new(db => $db, redis => $redis);
# the latter may be Sentinels or a Cluster.
# "postgres" is another conninfo of that database.
# "block" (of the platform), "server", "http" and "main" add to the
# configuration, "keys" is another key file.  "pg_wire" and "redis_wire" are a
# Proxy that nginx asks instead of the store.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp;

use Http;
use NginxServer;
use OpenApi;
use People;
use Proc;
use Sql;
use Stores;

# where staff works that is appointed without a body

my $body = '019a0000-0000-7000-8000-000000000009';
my $people = 0;


sub new {
    my ($class, %o) = @_;

    my $self = bless {
        db => $o{db} // Sql->new(slices => [slices()]),
        redis => $o{redis} // Stores::Redis->start,
        files => $o{files} // File::Temp->newdir('zwfw-f-XXXXXX', TMPDIR => 1),
        block => $o{block} // '', openapi => $o{openapi} // 1,
        postgres => $o{postgres},
        pg_wire => $o{pg_wire}, redis_wire => $o{redis_wire},
    }, $class;

    $self->{html} = $ENV{TEST_NGINX_ZWFW_HTML} // abs_path('html');
    $self->{keys} = $o{keys} // $ENV{TEST_NGINX_ZWFW_KEYS}
        // die "TEST_NGINX_ZWFW_KEYS is not set: run ./build.sh test FILE\n";
    $self->{nginx} = NginxServer->start(
        workers => $o{workers} // 2,
        map({ ($_ => $o{$_}) } qw(daemon single binary)),
        main => $o{main} // '',
        http => $self->platform . ($o{http} // ''),
        server => $self->server . ($o{server} // ''));

    return $self;
}


# those that are built, in their order

sub slices {
    open my $in, '<', 'modules/order' or die "modules/order: $!\n";

    return grep { -f "modules/$_/config" } map { /^(\w+)$/ } <$in>;
}


sub server {
    my $self = shift;

    return <<"END";
        zwfw_use test;
        zwfw_insecure_cookies on;
        add_header X-Worker \$pid always;
        location /api/ { zwfw_api; }
        location / { zwfw_pages $self->{html}; }
END
}


sub platform {
    my $self = shift;

    my ($pg_wire, $redis_wire) = @$self{qw(pg_wire redis_wire)};
    my $pg = $self->{postgres} // $self->{db}->conninfo(
        user => 'zwfw_web',
        $pg_wire ? (host => '127.0.0.1', port => $pg_wire->port) : ());
    my $redis = $redis_wire ? '127.0.0.1:' . $redis_wire->port
                            : $self->{redis}->address;

    return <<"END";
    zwfw_platform test {
        code 370000;
        kind province;
        name 测试政务服务平台（演示）;
        base_url https://shandong.localhost:8443;
        postgres "$pg";
        redis "$redis";
        keys $self->{keys};
        files $self->{files};
        html $self->{html};
        $self->{block}
    }
END
}


sub db {
    return $_[0]{db};
}


sub redis {
    return $_[0]{redis};
}


sub nginx {
    return $_[0]{nginx};
}


# Somebody who has logged in: kind "natural", or, with another kind or roles, one
# of the staff; { body, name, level }.  {me} says who it is, {token} is what posts
# must carry.

sub client {
    my ($self, %me) = @_;

    my $http = Http->new(port => $self->nginx->port, host => 'localhost',
                         openapi => $self->{openapi} ? OpenApi->shared : undef);

    return $http if !%me;

    for my $key (keys %me) {
        die "client: $key\n" if $key !~ /^(?:kind|roles|body|name|level)$/;
    }

    $me{roles} //= $me{kind} if $me{kind} and $me{kind} ne 'natural';

    # each comes from a network of its own, as people do
    local $http->{from} = sprintf '127.%d.%d.1', 1 + ++$people / 256,
        $people % 256;

    $http->{me} = People::appoint($self->db, keys => $self->{keys},
                                  body => $body, %me);
    People::prove($self->db, $http->{me}{uid}, $me{level})
        if defined $me{level};
    People::login($http, $http->{me});

    return $self->ready($http);
}


# another session of the same person

sub again {
    my ($self, $http) = @_;

    my $same = $self->client;

    local $same->{from} = "127.0.1.1";
    $same->{me} = $http->{me};
    People::login($same, $same->{me});
    return $self->ready($same);
}


# another connection of the same session

sub tab {
    my ($self, $http) = @_;

    my $same = $self->client;

    $same->{$_} = $http->{$_} for qw(cookies me token);
    return $same;
}


# the address of the network is that of the log-in only

sub ready {
    my ($self, $http) = @_;

    $http->{token} = delete $http->{headers}{'X-CSRF-Token'};
    delete $http->{sock};
    return $http;
}


# One kept connection to each worker.

sub readers {
    my $self = shift;

    my (%reader, @kept);

    Proc::until_true('a connection to each worker', 20, sub {
        my $http = $self->client;

        $reader{ $http->get('/help')->header('X-Worker') } //= $http;
        push @kept, $http;
        return keys %reader == $self->nginx->workers;
    });

    return values %reader;
}


1;
