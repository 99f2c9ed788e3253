# t/lib/Stores.pm, t/lib/NginxServer.pm and t/lib/Http.pm: servers of a test
# can be stopped, frozen, killed and started again, and be talked to.

use strict;
use warnings;

use lib 't/lib';

use IPC::SysV ();
use Test::More;

use Http;
use NginxServer;
use Proc;
use Stores;

subtest 'PostgreSQL' => sub {
    my $pg = Stores::Postgres->start;

    is($pg->psql('SHOW fsync'), 'on', 'writes are durable');
    is($pg->psql('SHOW full_page_writes'), 'on', 'pages are, too');
    is($pg->psql('SELECT 1 UNION SELECT 2 ORDER BY 1'), "1\n2", 'rows');
    ok(!eval { $pg->psql('SELECT 1/0') }, 'an error dies');
    like($@, qr/division by zero/, 'with its text');

    $pg->psql('CREATE TABLE t (a int)');
    $pg->psql('INSERT INTO t VALUES (7)');
    $pg->crash;
    ok(!-e $pg->dir . '/.s.PGSQL.5432' || !defined connected($pg),
       'nobody is there after a crash');

    $pg->launch;
    is($pg->psql('SELECT a FROM t'), 7, 'a commit survives a crash');

    my $client = Proc::spawn(
        command => ['psql', '-d', $pg->conninfo, '-c', 'SELECT pg_sleep(30)'],
        log => '/dev/null');
    Proc::until_true('the query', 10, sub {
        $pg->psql("SELECT count(*) FROM pg_stat_activity"
                  . " WHERE query LIKE 'SELECT pg_sleep%'") > 0;
    });

    $pg->freeze;
    my @states = map { (Proc::state($_))[0] } $pg->{pid},
        Proc::descendants($pg->{pid});
    ok(@states > 5, 'it has several processes');
    is_deeply([grep { $_ ne 'T' } @states], [], 'all are frozen');

    $pg->thaw;
    is($pg->psql('SELECT a FROM t'), 7, 'it goes on');

    $pg->restart;
    is($pg->psql('SELECT a FROM t'), 7, 'it was restarted');
    ok(Proc::finish($client, 10), 'a client notices that');

    my $pid = $pg->{pid};
    $pg->stop;
    ok(!Proc::alive($pid), 'it ends');

    my $dir = $pg->dir;
    undef $pg;
    ok(!-e $dir, 'its directory is removed');
};

my $first = Stores::Postgres->start;
my $dir = $first->dir . '/data';

$first->stop;


# nothing is left of what it shared

sub gone {
    my ($shared, $what) = @_;

    is(Stores::Shared::attached($shared), undef, "$what: no segment is left");
    is(join(' ', Stores::Shared::files($shared)), '', "$what: nor a file");
}

subtest 'what PostgreSQL shares' => sub {
    my %ends = (
        'it runs' => sub { },
        'it is frozen' => sub { $_[0]->freeze },
        'it has crashed, and runs' => sub { $_[0]->crash; $_[0]->launch },
    );

    for my $what (sort keys %ends) {
        my $pg = Stores::Postgres->start(like => $dir);
        my $shared = $pg->shared;

        cmp_ok(Stores::Shared::attached($shared), '>', 0, "$what: a segment");
        cmp_ok(scalar Stores::Shared::files($shared), '>', 0, 'and a file');
        $ends{$what}->($pg);
        undef $pg;
        gone($shared, $what);
    }

    my $pg = Stores::Postgres->start(like => $dir);
    my $shared = $pg->shared;

    $pg->crash;
    is(Stores::Shared::attached($shared), 0, 'a crash leaves it');
    ok(scalar Stores::Shared::files($shared), 'and the files');

    my $at = IPC::SysV::shmat($shared->{id}, undef, 0);

    undef $pg;
    IPC::SysV::shmdt($at);
    is(Stores::Shared::attached($shared), 0, 'whoever is attached keeps it');
    ok(scalar Stores::Shared::files($shared), 'and the files');
    Stores::Shared::remove($shared);
    gone($shared, 'nobody is');
};

# a test that ends, in whatever way, has nobody who looks after its stores

subtest 'the end of a test' => sub {
    for my $end ('exit', 'kill TERM => $$', '$pg->freeze', '$pg->crash') {
        open my $out, '-|', $^X, '-It/lib', '-MStores', '-e', <<'END', $end,
            our $pg = Stores::Postgres->start(like => $ARGV[1]);
            my $shared = $pg->shared;
            $| = 1;
            print join ' ', @$shared{qw(pid id)}, @{ $shared->{files} };
            open STDERR, '>', '/dev/null';
            eval "$ARGV[0]; 1" or die $@;
END
            $dir or die "perl: $!\n";

        my ($pid, $id, @files) = split ' ', join '', <$out>;

        close $out;
        ok(@files && !Proc::alive($pid), "$end: it runs no more");
        gone({ pid => $pid, id => $id, files => \@files }, $end);
    }
};

sub connected {
    my $pg = shift;

    return IO::Socket::UNIX->new($pg->dir . '/.s.PGSQL.5432');
}

subtest 'Redis' => sub {
    my $redis = Stores::Redis->start;

    is($redis->query('SET', 'k', "a\r\nb"), 'OK', 'set');
    is($redis->query('GET', 'k'), "a\r\nb", 'get');
    is($redis->query('GET', 'none'), undef, 'nothing');
    is($redis->query('DEL', 'none'), 0, 'a number');
    is_deeply($redis->query('MGET', 'k', 'none'), ["a\r\nb", undef], 'a list');
    ok(!eval { $redis->query('NO') }, 'an error dies');
    like($@, qr/^Redis: ERR unknown command/, 'with its text');

    $redis->freeze;
    is((Proc::state($redis->{pid}))[0], 'T', 'it is frozen');
    $redis->thaw;
    is($redis->query('PING'), 'PONG', 'it goes on');

    $redis->crash;
    ok(!eval { $redis->query('PING') }, 'nobody is there after a crash');
    $redis->launch;
    is($redis->query('GET', 'k'), undef, 'a crash loses all');
};

my $nginx = NginxServer->start(modules => [], server => <<'END');
    client_max_body_size 1m;
    location /text { return 200 "$request_method $host $http_cookie"; }
    location /cookie {
        add_header Set-Cookie "a=1; Path=/; HttpOnly";
        add_header Set-Cookie "s=1; Secure";
        return 204;
    }
    location /forget { add_header Set-Cookie "a=; Max-Age=0"; return 204; }
    location /json {
        default_type application/json;
        return 200 '{"name":"中文","n":[1,true]}';
    }
    location /page {
        default_type text/html;
        return 200 '<input type="hidden" name="t" value="a&quot;b">';
    }
    location /pid { return 200 $pid; }
    location /body {
        proxy_pass http://127.0.0.1:$PORT/kept;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header X-Type $content_type;
    }
    location /kept {
        client_body_in_file_only on;
        client_body_temp_path $DIR/kept;
        proxy_pass http://127.0.0.1:$PORT/type;
        proxy_set_header X-File $request_body_file;
        proxy_set_header X-Type $http_x_type;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
    }
    location /type { return 200 "$http_x_type\n$http_x_file"; }
    location /close { keepalive_timeout 0; return 200 bye; }
    root $DIR/html;
END

subtest 'client' => sub {
    my $http = Http->new(port => $nginx->port, host => 'a.localhost');

    is($http->get('/text')->body, 'GET a.localhost ', 'host and method');
    my $kept = $http->{sock};
    is($http->get('/text', host => 'b.localhost')->body, 'GET b.localhost ',
       'another host');
    is($http->{sock}, $kept, 'on the same connection');
    is($http->request('HEAD', '/text')->code, 200, 'HEAD');
    is($http->get('/text')->code, 200, 'the connection is in step after it');

    is($http->get('/cookie')->code, 204, 'a cookie is set');
    is($http->get('/text')->body, 'GET a.localhost a=1',
       'and sent back, but no secure one');
    is($http->get('/text', host => 'b.localhost')->body, 'GET b.localhost ',
       'to its own host only');
    is($http->stranger->get('/text')->body, 'GET a.localhost ',
       'a stranger has none');
    is($http->cookie('a'), 1, 'it can be asked for');
    $http->get('/forget');
    is($http->get('/text')->body, 'GET a.localhost ', 'and is forgotten');

    my $data = $http->get('/json');
    ok($data->is_json, 'JSON by its type');
    is($data->json->{name}, "\x{4e2d}\x{6587}", 'characters');
    is_deeply($http->get('/page')->hidden, { t => 'a"b' }, 'hidden inputs');
    is($http->get('/none')->code, 404, 'an error is an answer');

    $http->get('/close');
    ok(!$http->{sock}, 'a closed connection is dropped');
    is($http->get('/text')->code, 200, 'and made again');
    ok(!eval { Http->new(port => 1)->get('/') }, 'nobody there dies');
};

subtest 'posts' => sub {
    my $http = Http->new(port => $nginx->port);

    is_deeply([posted($http->post('/body', [a => 'x y&', a => '中']))],
              ['application/x-www-form-urlencoded', 'a=x+y%26&a=%E4%B8%AD'],
              'a form');

    my $data = { b => [1], a => "\x{4e2d}" };
    is_deeply([posted($http->post_json('/body', $data))],
              ['application/json', '{"a":"中","b":[1]}'], 'JSON');

    my ($type, $body) = posted($http->upload('/body', [
        note => 'n', file => { name => '照片.jpg', type => 'image/jpeg',
                               content => "\xff\xd8\0\r\n--" }]));
    my ($boundary) = $type =~ m{^multipart/form-data; boundary=(\w+)$};

    is($body, join("\r\n", "--$boundary",
        'Content-Disposition: form-data; name="note"', '', 'n', "--$boundary",
        'Content-Disposition: form-data; name="file"; filename="照片.jpg"',
        'Content-Type: image/jpeg', '', "\xff\xd8\0\r\n--", "--$boundary--",
        ''), 'a file');

    my $big = $http->post('/body', { a => 'x' x 3_000_000 });
    is($big->code, 413, 'a refusal before the body is sent is read');
};

sub posted {
    my ($type, $file) = split /\n/, shift->body;

    open my $in, '<:raw', $file or die "open $file: $!\n";
    local $/;
    return ($type, scalar readline $in);
}

subtest 'nginx' => sub {
    my $http = Http->new(port => $nginx->port);
    my @workers = $nginx->workers;

    is(scalar @workers, 2, 'two workers');
    ok((grep { $_ == $http->get('/pid')->body } @workers), 'one answers');

    $nginx->configure(server => 'location /new { return 200 new; }');
    $nginx->reload;
    is($http->get('/new')->body, 'new', 'a reload brings what is new');

    $nginx->crash_worker;
    is(scalar $nginx->workers, 2, 'a killed worker is replaced');
    ok($nginx->wait_log(qr/exited on signal 9/), 'the log says so');
    is($http->stranger->get('/new')->body, 'new', 'and it serves');

    like(join('', $nginx->stop), qr/exited on signal 9/, 'stop() finds it');
    ok(!eval { $http->stranger->get('/new') }, 'nobody is there any more');

    ok(!eval { NginxServer->start(modules => [], http => 'bad;') },
       'a bad configuration dies');
    like($@, qr/unknown directive "bad"/, 'with the reason');
};

done_testing();
