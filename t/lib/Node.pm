package Node;

# A node of one platform, "test", over stores of its own: PostgreSQL with the
# schema and demo data of all slices, Redis, and an nginx with both faces.
#
#     my $node = Node->new;                           # workers => 2
#     my $anyone = $node->client;                     # an Http
#     my $she = $node->client(roles => 'operator');   # one with a session
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
use Digest::SHA qw(sha256_hex);
use File::Temp;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);

use Http;
use NginxServer;
use OpenApi;
use Proc;
use Sql;
use Stores;

# bits of a session's audience

my %who = (natural => 0x0002, clerk => 0x0010, approver => 0x0020,
           supervisor => 0x0040, item_manager => 0x0080, item_editor => 0x0100,
           operator => 0x0200);


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
        workers => $o{workers} // 2, map({ ($_ => $o{$_}) } qw(daemon single)),
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


# With roles or a kind it has a session: { roles, uid, name, body, region,
# level, kind }.

sub client {
    my ($self, %me) = @_;

    my $http = Http->new(port => $self->nginx->port, host => 'localhost',
                         openapi => $self->{openapi} ? OpenApi->shared : undef);

    $http->{cookies}{localhost}{zwfw} = $self->session(%me) if %me;

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


# Puts a session into Redis as nginx does; returns its token.  left: for how
# many seconds more.

sub session {
    my ($self, %me) = @_;

    my $token = encode_base64url(join '', map { chr rand 256 } 1 .. 32);
    my $uid = $me{uid} // $self->db->uuid;
    my $tag = $self->redis->can('tag') ? $self->redis->tag($uid) : '';

    substr $token, 0, length $tag, $tag;

    my $hash = sha256_hex($token);
    my $key = $tag ? "{$tag}$hash" : "{$hash}";
    my @kinds = (split(/,/, $me{roles} // ''), $me{kind} // ());
    my $bits = 0;

    $bits |= $who{$_} // die "unknown role $_\n" for @kinds;

    my $data = encode_json({
        uid => $uid, body => $me{body} // '',
        name => $me{name} // "\x{5f20}\x{793a}\x{4f8b}",
        region => $me{region} // '370000', channel => 'pc',
        roles => $me{roles} // '', agent => 'test', who => $bits,
        level => $me{level} // 4, created => time,
        expires => time + ($me{left} // 3600),
    });

    $self->redis->query('SET', "zwfw:test:s:$key", $data, 'EX', 3600);
    $self->redis->query('SET', "zwfw:test:t:$key", 1, 'EX', 1800);

    return $token;
}


1;
