# What the page cache lets go of: what is published, in all workers; what makes
# room; everything while a node would not hear that something is published.
# design.md, 2

use strict;
use warnings;
use utf8;

use File::Temp;
use IO::Select;
use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use Http::Response;
use Node;
use Pages;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my $files = File::Temp->newdir('zwfw-f-XXXXXX', TMPDIR => 1);
my $pages = Pages->new($db);
my ($code, $second) = ($pages->code, $pages->second);


# a platform with a small cache, of some twenty pages, and much patience

sub small {
    my $pg = $db->conninfo(user => 'zwfw_web');

    $db->admin('ALTER ROLE zwfw_web SET statement_timeout = 0');

    return <<"END";
    zwfw_platform small {
        code 100000; kind national; base_url https://small.localhost;
        postgres "$pg"; postgres_timeout 60s 60s; page_cache 256k;
        redis "unix:${\ $redis->socket}"; keys $ENV{TEST_NGINX_ZWFW_KEYS};
        files $files; html $ENV{TEST_NGINX_ZWFW_HTML};
    }
    server {
        listen 127.0.0.1:\$PORT;
        server_name small.localhost;
        zwfw_use small;
        location / { zwfw_pages $ENV{TEST_NGINX_ZWFW_HTML}; }
    }
END
}


my $node = Node->new(db => $db, redis => $redis, http => small(), workers => 1);
my $http = $node->client;
my $small = $http->stranger(host => 'small.localhost');


subtest 'workers' => sub {
    my $second = Node->new(db => $db, redis => $redis, workers => 2);
    my @readers = map { $_->readers } $node, $second;
    my $all = sub { join ' ', map { $pages->shown($_) } @readers };
    my $new;

    is(scalar @readers, 3, 'three workers of two nodes');

    steady('each keeps what was not published', sub {
        $pages->kept($_) for @readers;

        my $old = $pages->mark;
        $pages->publish("item/$code");
        Proc::until_true('it is everywhere', 10,
                         sub { $all->() eq "$old $old $old" });
        $new = $pages->mark;
        $pages->publish($_) for 'item/other', 'items';
        return ['kept', $all->(), "$old $old $old"];
    });

    $pages->publish('item');
    ok(eval { Proc::until_true('the new one is everywhere', 10,
                               sub { $all->() eq "$new $new $new" }) },
       'what is published, is so everywhere');
    is_deeply([$second->nginx->stop], [], 'nothing bad in the log');
};


steady('what is not asked for makes room', sub {
    $pages->kept($small);

    my ($old, $path) = ($pages->shown($small), "/item/$second");
    my $used = $pages->shown($small, $path);

    $pages->mark($_) for $code, $second;
    my @before = ($pages->shown($small), $pages->shown($small, $path));

    for my $n (1 .. 60) {
        $small->get("/item/?q=x$n");
        $pages->shown($small, $path) eq $used or last;
    }

    return ['kept', "@before", "$old $used"],
        ['in use', $pages->shown($small, $path), $used],
        ['not in use', $pages->shown($small) ne $old, 1];
});


# the answer was asked for before, and comes after the page was dropped

subtest 'published meanwhile' => sub {
    $pages->kept($small);

    my $text = $pages->mark;
    my $names = sub { return $small->get("/item/?q=$code")->text };

    $pages->name('甲乙');
    $pages->publish('item');
    Proc::until_true('dropped', 10, sub {
        return $pages->shown($small) eq $text && $names->() =~ /甲乙/;
    });
    $pages->publish("item/$code");

    open my $psql, '|-', 'psql', '-Xq', '-d', $db->conninfo
        or die "psql: $!\n";
    $psql->autoflush;
    print $psql "BEGIN; LOCK TABLE zwfw.item_versions;"
        . " UPDATE zwfw.item_versions SET document = jsonb_set("
        . "document::jsonb, '{accept_condition}', '\"mark0\"')::json"
        . " WHERE code = '$code';\n";
    Proc::until_true('the table is locked', 10, sub { locks('granted') });

    my $sock;
    Proc::until_true('somebody waits', 10, sub {
        $sock = ask();
        return IO::Select->new($sock)->can_read(0.2) ? 0 : locks('NOT granted');
    });

    $pages->name('丙丁');
    $pages->publish('item');
    Proc::until_true('the purge is heard', 10, sub { $names->() =~ /丙丁/ });
    print $psql "COMMIT;\n";

    my $res = Http::Response->read('GET', sub {
        sysread($sock, my $part, 65536) // die "read: $!\n";
        return $part;
    });
    like($res->text, qr/$text/, 'who asked before has what there was');
    is($pages->shown($small), 'mark0', 'which is not kept');
    close $psql;
};


sub locks {
    return $db->admin("SELECT count(*) FROM pg_locks WHERE $_[0]
        AND relation = 'zwfw.item_versions'::regclass
        AND (mode = 'AccessExclusiveLock' OR NOT granted)");
}


# a question that nobody waits for yet

sub ask {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $node->nginx->port)
        or die "connect: $!\n";

    print $sock "GET /item/$code HTTP/1.1\r\nHost: small.localhost\r\n"
        . "Connection: close\r\n\r\n";
    return $sock;
}


subtest 'deaf' => sub {
    my $ear = sub {
        return split /\n/, $db->admin("SELECT pid FROM pg_stat_activity
            WHERE usename = 'zwfw_web' AND (query ILIKE 'LISTEN%'
                  OR query = 'SELECT 1')");
    };

    my ($old, $new);
    my $hears = sub {
        $pages->kept($http);
        $old = $pages->shown($http);
        $new = $pages->mark;
        return ['kept', $pages->shown($http), $old];
    };
    my $renewed = sub { $pages->shown($http) eq $new };

    steady('it hears and keeps', $hears);
    my @ears = $ear->();
    ok(scalar @ears, 'a connection listens');
    $db->admin("SELECT pg_terminate_backend($_)") for @ears;
    ok(eval { Proc::until_true('deaf', 10, $renewed) },
       'cut off, the node keeps nothing');
    steady('it hears again, and keeps', $hears);
    @ears = $ear->();
    kill 'STOP', @ears;
    ok(eval { Proc::until_true('deaf', 10, $renewed) },
       'silence is deafness');
    for (1, 2) {
        $new = $pages->mark;
        is($pages->shown($http), $new, 'nothing is kept meanwhile');
    }

    kill 'CONT', @ears;
    steady('and again', $hears);
};


is_deeply([$node->nginx->stop], [], 'nothing bad in the log');

done_testing;
