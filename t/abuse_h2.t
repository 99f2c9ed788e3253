# HTTP/2 by clients that are none: streams that are opened and reset as fast as
# they can be, floods of frames that cost their sender nothing, heads without an
# end, pseudo-headers that contradict each other.  A worker answers others all
# the while, keeps nothing, and no spelling opens a row.  Over all rows.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use H2;
use Node;
use People;
use Port;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $port = Port::free();
my $kept = 12 * 1024 * NginxServer::larger();      # KiB, as in abuse_size.t
my $node = Node->new(workers => 1, openapi => 0, server => <<"END",
        listen 127.0.0.1:$port http2;
        location = /metrics { zwfw_metrics; }
        location = /clients { stub_status; }
END
    block => 'postgres_connections 1 1 1;', http => <<'END');
    http2_recv_timeout 3s;
    keepalive_timeout 3s;
    client_header_timeout 3s;
    client_body_timeout 3s;
END
my $nginx = $node->nginx;
my ($worker) = $nginx->workers;
my $db = $node->db;
my $card = '11990100MB0DEM172G3002099009000';
my @rows = grep { $_->{call} or $_->{steps} } Rows::all();
my @closed = grep { !grep { $_ eq 'anyone' } @{ $_->{who} } } @rows;
my $she = $node->client;

People::register($she);

my @her = ('cookie', 'zwfw=' . $she->cookie('zwfw'),
           'x-csrf-token', $she->{headers}{'X-CSRF-Token'});
my @json = ('content-type', 'application/json');
my @wrong;


sub metric {
    my $name = shift;

    my @values = $node->client->get('/metrics')->body
        =~ /^zwfw_$name(?:\{[^}]*\})? (\d+)$/mg;
    my $sum = 0;

    $sum += $_ for @values;
    return $sum;
}


sub others {
    my $what = shift;

    is(join(' ', map { $node->client->get($_)->code } "/api/item/$card",
            "/item/$card"), '200 200', "$what: others are served");

    my $h2 = H2->new($port);
    $h2->request(1, H2::head(GET => '/api/auth/me', @her));
    is($h2->told(1), 200, "$what: by HTTP/2 as well");
}


# when all clients have gone, a worker has what it had

sub calm {
    my $what = shift;

    ok(eval { Proc::until_true($what, 30, sub {
        select undef, undef, undef, 0.05;
        return $node->client->get('/clients')->body =~ /connections: 1\b/;
    }) }, "$what: nobody stays");

    # jobs and the trail of audit may ask at any time, but not for ever
    ok(eval { Proc::until_true($what, 30, sub {
        return !grep { metric($_) } qw(redis_in_flight postgres_in_flight
                                       postgres_waiting thread_tasks);
    }) }, 'nothing under way');
}


others('before');
delete $she->{sock};
$node->client(roles => 'operator')->get('/api/audit');
calm('before');

my $before = Proc::memory($worker);
my @open = Proc::descriptors($worker);


# ---- rows: the gate by HTTP/2, whatever the pseudo-headers say ----

my %head = (
    plain => sub { H2::head(@_) },
    'another authority' => sub { my ($method, $path, @more) = @_;
        H2::block(':method', $method, ':scheme', 'http', ':authority',
                  'evil.example', ':path', $path, @more) },
    'authority and host' => sub { H2::head(@_, 'host', 'evil.example') },
    'no authority' => sub { my ($method, $path, @more) = @_;
        H2::block(':method', $method, ':scheme', 'http', ':path', $path,
                  'host', 'localhost', @more) },
    'a method with a space' => sub { my ($method, @more) = @_;
        H2::head("$method /api/health", @more) },
    'a path that is two lines' => sub { my ($method, $path, @more) = @_;
        H2::head($method, "$path HTTP/1.1\r\nX: y", @more) },
    'a path without a slash' => sub { my ($method, $path, @more) = @_;
        H2::head($method, substr($path, 1), @more) },
    'a whole address' => sub { my ($method, $path, @more) = @_;
        H2::head($method, "http://localhost$path", @more) },
    'a star' => sub { my ($method, $path, @more) = @_;
        H2::head('OPTIONS', '*', @more) },
    'an empty path' => sub { my ($method, $path, @more) = @_;
        H2::head($method, '', @more) },
    'two paths' => sub { H2::head(@_, ':path', '/help') },
    'two methods' => sub { H2::head(@_, ':method', 'GET') },
    'no method' => sub { my ($method, $path, @more) = @_;
        H2::block(':scheme', 'http', ':path', $path, @more) },
    'no scheme' => sub { my ($method, $path, @more) = @_;
        H2::block(':method', $method, ':path', $path, @more) },
    'a pseudo-header of its own' => sub { H2::head(@_, ':who', 'clerk') },
    'pseudo-headers at the end' => sub { my ($method, $path, @more) = @_;
        H2::block(@more, ':method', $method, ':scheme', 'http', ':path',
                  $path) },
    'a header in capitals' => sub { H2::head(@_, 'X-Zwfw-User', 'a') },
    'a header with CRLF' => sub { H2::head(@_, 'x', "y\r\nx-zwfw-user: a") },
    'a name with CRLF' => sub { H2::head(@_, "x\r\nhost", 'y') },
    'an empty name' => sub { H2::head(@_, '', 'y') },
    'a NUL' => sub { H2::head(@_, 'x', "y\0") },
    chunks => sub { H2::head(@_, 'transfer-encoding', 'chunked') },
    'a connection' => sub { H2::head(@_, 'connection', 'close, x-zwfw-user') },
);
my %told;
my ($h2, $stream) = (undef, -1);


# on one connection as long as nginx keeps it

sub ask {
    my $block = shift;

    if (!$h2 or $h2->{closed} or defined $h2->{goaway} or $stream > 1500) {
        $h2 = H2->new($port);
        $stream = -1;
    }

    $stream += 2;
    $h2->request($stream, $block);

    my $told = $h2->told($stream);

    undef $h2 if $told eq 'closed';
    return $told;
}


for my $row (@closed) {
    for my $mount ('/api', '') {
        my $url = Rows::url($row, mount => $mount);

        for my $what (sort keys %head) {
            my $told = ask($head{$what}->($row->{method}, $url));

            $told{$told}++;
            push @wrong, "$row->{method} $url, $what: $told"
                if $told !~ /^(?:303|4\d\d|reset|closed)\z/
                and !($what eq 'two paths' || $what =~ /star/) || $told =~ /^5/;
        }
    }
}

is(join("\n", splice @wrong, 0, 30), '', 'nobody: '
   . join ', ', map { "$told{$_} times $_" } sort keys %told);
cmp_ok($told{401} // 0, '>', 50, 'the gate is what says so');
undef $h2;
others('odd heads');


# ---- a body and its length ----

sub post {
    my ($length, @pieces) = @_;

    my $h2 = H2->new($port);
    my $last = pop @pieces;

    $h2->request(1, H2::head(POST => '/api/case/draft', @her, @json,
        defined $length ? ('content-length', $length) : ()), 0);
    $h2->frame(H2::DATA, 0, 1, $_) for @pieces;
    $h2->frame(H2::DATA, H2::END_STREAM, 1, $last);
    return $h2->told(1);
}

my $draft = qq({"item":"$card","note":"h2"});

is(post(length $draft, $draft), 200, 'a body');
is(post(length($draft) + 5, $draft), 400, 'less than its length');
isnt(post(5, $draft), 200, 'more than its length');
is(post("$_", $draft), 400, "a length of \"$_\"") for '-1', '0x10', '+5', 'x';
is(post(length $draft, map { $_ } split(//, $draft), ''), 200, 'byte by byte');
is($db->admin("SELECT count(*) FROM zwfw.cases WHERE note = 'h2'"), 2,
   'only what is whole is done');


# ---- floods ----

# Each gets all the time nginx gives it, or is sent away; its connection may not
# cost a worker more than a bound while it lasts.

sub flood {
    my ($what, $count, $code, %o) = @_;

    my $h2 = H2->new($port, %o);
    my $sent = 0;

    Proc::trough($worker);
    my $least = Proc::kib($worker, 'VmRSS');

    while ($sent < $count and !$h2->{closed} and !defined $h2->{goaway}) {
        my $text = join '', map { $code->($h2, $sent + $_) } 0 .. 99;

        last if !$h2->write($text);
        $sent += 100;
        next if $o{deaf};
        $h2->read(0) while Http::readable($h2->{raw}{sock}, 0)
            and !$h2->{closed};
    }

    others($what);
    cmp_ok(Proc::peak($worker) - $least, '<', $kept, "$what: $sent frames, "
           . (defined $h2->{goaway} ? 'then sent away' : 'endured'));
    $h2->reset;
}

my $get = H2::head(GET => "/api/item/$card");
my $me = H2::head(GET => '/api/auth/me', @her);
my $login = H2::head(POST => '/api/login', @json, 'content-length', 10);

flood('rapid reset', 20_000, sub {
    my $id = 2 * $_[1] + 1;
    return H2::text(H2::HEADERS, 5, $id, $_[1] % 2 ? $get : $me)
        . H2::text(H2::RST_STREAM, 0, $id, pack 'N', 8);
});
flood('resets of what wants a body', 10_000, sub {
    my $id = 2 * $_[1] + 1;
    return H2::text(H2::HEADERS, 4, $id, $login)
        . H2::text(H2::RST_STREAM, 0, $id, pack 'N', 8);
});
flood('settings', 50_000, sub { H2::text(H2::SETTINGS, 0, 0, '') }, deaf => 1);
flood('large settings', 5_000, sub {
    H2::text(H2::SETTINGS, 0, 0, pack('nN', 4, 65_535) x 100) });
flood('pings', 50_000, sub { H2::text(H2::PING, 0, 0, 'x' x 8) }, deaf => 1);
flood('priorities', 50_000, sub {
    H2::text(H2::PRIORITY, 0, 2 * $_[1] + 1, pack 'NC', 2 * $_[1] + 3, 9) });
flood('windows', 50_000, sub {
    H2::text(H2::WINDOW_UPDATE, 0, 0, pack 'N', 1) });
flood('empty data', 50_000, sub {
    my $n = $_[1];
    return ($n ? '' : H2::text(H2::HEADERS, 4, 1, $login))
        . H2::text(H2::DATA, 0, 1, '');
});
flood('a head without an end', 50_000, sub {
    my $n = $_[1];
    return H2::text($n ? H2::CONTINUATION : H2::HEADERS, 0, 1,
                    $n ? H2::block("a$n", 'x' x 100) : $get);
});
flood('empty continuations', 50_000, sub {
    my $n = $_[1];
    return H2::text($n ? H2::CONTINUATION : H2::HEADERS, 0, 1, $n ? '' : $get);
});
flood('a table that is told again and again', 2_000, sub {
    my $n = $_[1];

    # one header of the dynamic table, then references to it
    return H2::text(H2::HEADERS, 5, 2 * $n + 1, H2::head(GET => '/help')
        . ($n ? '' : "\x40" . H2::number(1) . 'a' . H2::number(3000)
           . 'x' x 3000) . "\xbe" x 3000);
});
flood('a table as large as can be said', 2_000, sub {
    return H2::text(H2::HEADERS, 5, 2 * $_[1] + 1, "\x3f\xff\xff\xff\xff\x0f") });
flood('frames of no type', 20_000, sub {
    H2::text(77, 255, $_[1], 'x' x 100) });
flood('streams that are even', 1_000, sub {
    H2::text(H2::HEADERS, 5, 2 * $_[1] + 2, $get) });
flood('answers that nobody reads', 400, sub {
    H2::text(H2::HEADERS, 5, 2 * $_[1] + 1,
             H2::head(GET => '/api/openapi.json')) },
    deaf => 1, buffer => 2048);

calm('floods');
cmp_ok(Proc::memory($worker) - $before, '<', $kept, 'memory is given back');

# what the last one asked by is closed when the worker looks at it

my @now;

ok(eval { Proc::until_true('descriptors', 30, sub {
    @now = Proc::descriptors($worker);
    return @now <= @open;
}) }, 'no descriptor is open') or diag("@now");


# ---- resets at each step of each row ----

my $stored = $db->admin('SELECT count(*) FROM zwfw.cases');

for my $store (undef, $node->redis, $db->{pg}) {
    my $conn = H2->new($port);
    my $id = -1;

    $store->freeze if $store;

    for my $row (@rows) {
        next if $row->{path} =~ m{^/(?:logout|auth/sessions/)};

        my $body = $row->{method} eq 'POST';

        $conn->request($id += 2, H2::head($row->{method}, Rows::url($row), @her,
            $body ? (@json, 'content-length', 15) : ()), $body ? 0 : 1);
        $conn->frame(H2::DATA, H2::END_STREAM, $id, '{"unheard":"x"}')
            if $body and $id % 4 == 1;
        $conn->frame(H2::RST_STREAM, 0, $id, pack 'N', 8);
        $conn->read(0) if !$store;
    }

    $conn->reset if $store;
    $store->thaw if $store;
    Proc::until_true('service', 20, sub {
        return $node->client->get('/api/health')->code == 200
            && $node->client->get("/api/item/$card")->code == 200
            && $node->client(kind => 'natural')->get('/api/case/')->code == 200;
    });
    undef $conn;
    calm('resets' . ($store ? ', ' . ref($store) . ' is silent' : ''));
}

is($db->admin('SELECT count(*) FROM zwfw.cases'), $stored, 'nothing is stored');
others('in the end');
is(join(' ', $nginx->workers), $worker, 'by the same worker');
is(join('', $nginx->stop), '', 'no alert');

done_testing();
