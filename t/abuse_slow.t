# Clients that are slow, and clients that go away.  Hundreds that never end
# their headers, their bodies, or never read an answer stop nobody else, take a
# bounded memory, and are gone after nginx's timeouts.  Whoever leaves at any
# step of any row leaves nothing behind: no half of an act, no file, no
# descriptor, no thread.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use People;
use Raw;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $slow = 300;
my $of_client = 64 * NginxServer::larger();        # KiB
my $kept = 12 * 1024 * NginxServer::larger();
my $node = Node->new(workers => 1, openapi => 0,
                     block => 'postgres_connections 1 1 1;', http => <<'END',
    client_header_timeout 3s;
    client_body_timeout 3s;
    send_timeout 3s;
    keepalive_timeout 3s;
    lingering_time 3s;
    lingering_timeout 1s;
    reset_timedout_connection on;
END
    server => <<'END');
        location = /metrics { zwfw_metrics; }
        location = /clients { stub_status; }
END
my $nginx = $node->nginx;
my ($worker) = $nginx->workers;
my $db = $node->db;
my $card = '11990100MB0DEM172G3002099009000';
my @rows = grep { $_->{call} or $_->{steps} } Rows::all();
my @posts = grep { $_->{method} eq 'POST' } @rows;
my $she = $node->client;

People::register($she);

my @her = ('Cookie: zwfw=' . $she->cookie('zwfw'),
           "X-CSRF-Token: $she->{headers}{'X-CSRF-Token'}");


sub others {
    my ($what) = @_;

    my $http = $node->client;

    is(join(' ', map { $http->get($_)->code } "/api/item/$card", '/help',
            "/item/$card", '/api/health'), '200 200 200 200', $what);
    is($she->stranger->request('GET', '/api/auth/me', headers => {
        Cookie => 'zwfw=' . $she->cookie('zwfw') })->code, 200, 'with a session');
}


sub metric {
    my $name = shift;

    my @values = $node->client->get('/metrics')->body
        =~ /^zwfw_$name(?:\{[^}]*\})? (\d+)$/mg;
    my $sum = 0;

    $sum += $_ for @values;
    return $sum;
}


# who is connected, beside who asks

sub clients {
    return ($node->client->get('/clients')->body =~ /connections: (\d+)/)[0] - 1;
}


sub alone {
    my $what = shift;

    ok(eval { Proc::until_true($what, 60, sub {
        select undef, undef, undef, 0.05;
        return !clients();
    }) }, "$what: nobody stays connected") or diag(clients());
}

others('before');
is($node->client(roles => 'operator')->get('/api/audit')->code, 200,
   'and a connection for what is slow');
delete $she->{sock};
alone('before');

my $open = $nginx->held;
my $before = Proc::memory($worker);


# nothing is left of those that were there

sub calm {
    my $what = shift;

    alone($what);

    # that who has asked last is gone nginx may not have seen yet
    my @now;

    ok(eval { Proc::until_true($what, 10, sub {
        @now = Proc::descriptors($worker);
        return @now <= $open;
    }) }, 'no descriptor is open') or diag("$open, now @now");

    # jobs and the trail of audit may ask at any time, but not for ever
    ok(eval { Proc::until_true($what, 30, sub {
        return !grep { metric($_) } qw(redis_in_flight postgres_in_flight
                                       postgres_waiting thread_tasks);
    }) }, 'nothing under way');
    is(join(' ', glob $nginx->dir . '/client_body_temp/*'), '',
       'no file is left');
}


# ---- slow ones ----

my %slowly = (
    headers => sub { "GET /api/item/$card HTTP/1.1\r\nHost: loc" },
    'a line' => sub { 'GET /api/' . 'a' x 900 },
    'a body' => sub {
        my $row = $posts[$_[0] % @posts];
        my $body = "POST " . Rows::url($row) . " HTTP/1.1\r\nHost: localhost\r\n"
            . join('', map { "$_\r\n" } @her)
            . "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{";
        return $body . ' ' x 20_000;
    },
    'parts' => sub {
        return "POST /api/case/draft HTTP/1.1\r\nHost: localhost\r\n"
            . join('', map { "$_\r\n" } @her)
            . "Content-Type: multipart/form-data; boundary=a\r\n"
            . "Content-Length: 9000000\r\n\r\n--a\r\n" . 'x' x 40_000;
    },
    'chunks' => sub {
        return "POST /api/case/draft HTTP/1.1\r\nHost: localhost\r\n"
            . join('', map { "$_\r\n" } @her)
            . "Content-Type: multipart/form-data; boundary=a\r\n"
            . "Transfer-Encoding: chunked\r\n\r\n4000\r\n--a\r\n";
    },
    'answers' => sub {
        return Raw::request('GET', '/api/openapi.json') x 40;
    },
);

my @slow = map { my $how = $_; map {
    my $raw = Raw->new($nginx->port, $how eq 'answers' ? (buffer => 2048) : ());
    $raw->send($slowly{$how}->($_));
    $raw->{how} = $how;
    $raw;
} 1 .. $slow / keys %slowly } sort keys %slowly;

others('others are served');
cmp_ok(clients(), '>', $slow / 2, 'while the slow ones are there');
cmp_ok(Proc::memory($worker) - $before, '<', $slow * $of_client + $kept,
       'memory for each is bounded');

# a byte now and then keeps nobody longer than nginx waits for a header

Proc::until_true('they are sent away', 300, sub {
    $_->send('x') for grep { $_->{how} eq 'headers' } @slow;
    select undef, undef, undef, 0.2;        # slowly
    return !clients();
});
calm('slow ones');
cmp_ok(Proc::memory($worker) - $before, '<', $kept, 'and is given back');


# ---- those that leave, at each step of each row ----

# where a request is cut: in its line, in its headers, before, in and behind its
# body, and in the answer

sub cuts {
    my $text = shift;

    my $head = index($text, "\r\n\r\n") + 4;
    my $rest = length($text) - $head;

    return 3, int($head / 2), $head - 2, $head, $rest > 1
        ? ($head + 1, $head + int($rest / 2), length($text) - 1) : (),
        length $text;
}


# numbers of all rows that a request may make

sub stored {
    return $db->admin("SELECT string_agg(n::text, ' ') FROM (
        SELECT count(*) AS n FROM zwfw.cases UNION ALL
        SELECT count(*) FROM zwfw.users UNION ALL
        SELECT count(*) FROM zwfw.items UNION ALL
        SELECT count(*) FROM zwfw.item_versions UNION ALL
        SELECT count(*) FROM zwfw.files) AS all_of_them");
}

my $stored = stored();
my ($left, $turn) = (0, 0);

for my $row (@rows) {
    my $body = $row->{method} eq 'POST' ? { body => '{"unheard":"'
        . 'x' x 3000 . '"}' } : ();

    for my $who ([], \@her) {
        my $text = Raw::request($row->{method}, Rows::url($row), @$who,
                                'Content-Type: application/json', $body // ());

        for my $cut (cuts($text)) {
            my $raw = Raw->new($nginx->port);

            $raw->send(substr $text, 0, $cut);
            $raw->more(0.2) if $cut == length $text and $turn % 3 == 0;
            $turn++ % 2 ? $raw->reset : $raw->close;
            $left++;
        }
    }
}

cmp_ok($left, '>', 500, 'many left');
others('they stop nobody');
calm('those that left');
is(stored(), $stored, 'nothing is stored of what is refused');


# an act of those that left before they knew: done as a whole or not at all

sub part {
    my ($name, $value, $more) = @_;

    return "--a\r\nContent-Disposition: form-data; name=\"$name\""
        . ($more // '') . "\r\n\r\n$value\r\n";
}

my $form = join '', part('item', $card), part('note', 'left'),
    part('materials.0.code', 'M01'), part('materials.0.file',
        "%PDF-1.4\n" . 'x' x 300_000, '; filename="a.pdf"'), "--a--\r\n";
my $sender = $node->client;                 # what the other one may is used up

People::register($sender);

my $whole = Raw::request('POST', '/api/case/draft',
    'Cookie: zwfw=' . $sender->cookie('zwfw'),
    "X-CSRF-Token: $sender->{headers}{'X-CSRF-Token'}",
    'Content-Type: multipart/form-data; boundary=a', { body => $form });

{
    my $raw = Raw->new($nginx->port);

    $raw->send($whole);
    is($raw->answer('POST')->code, 200, 'who stays is answered');
    ok(-d "$node->{files}/tmp", 'files are written in a folder of their own');
}

for my $n (1 .. 30) {
    my $raw = Raw->new($nginx->port);

    $raw->send(substr $whole, 0, int(length($whole) * $n / 30));
    $n % 2 ? $raw->reset : $raw->close;
}

calm('half a file');
is($db->admin(<<'SQL'), '', 'each draft has its file, or there is none');
SELECT string_agg(c.id::text, ' ') FROM zwfw.cases AS c
 WHERE c.note = 'left' AND NOT EXISTS (SELECT FROM zwfw.case_materials AS f
                                        WHERE f.case_id = c.id)
SQL
is($sender->upload('/api/case/draft', [
    item => $card, note => 'left', map {
        ("materials.$_.code" => 'M0' . ($_ + 1), "materials.$_.file" => {
            name => 'a.pdf', type => 'application/pdf',
            content => $_ == 0 ? "%PDF-1.4\n" : 'no such file' })
    } 0 .. 2 ])->code, 422, 'a file is refused, and those before it go');
is(join(' ', glob "$node->{files}/tmp/*"), '', 'no half of a file stays');


# Their passwords cost what they cost: as much memory as a mapping of its own has,
# so that nothing is kept of it.

sub registered {
    my $http = $node->client;

    People::register($http);
    return $http;
}


# while a store is silent, and while a thread computes

for my $store ($node->redis, $db->{pg}) {
    my $what = ref $store;

    # some rows end the session
    my %own = map { ($_->{path} => ['Cookie: zwfw='
        . registered()->cookie('zwfw')]) }
        grep { $_->{path} =~ m{^/(?:logout|auth/sessions/)} } @posts;

    $store->freeze;

    for my $row (@rows) {
        my $raw = Raw->new($nginx->port);
        my $url = Rows::url($row);

        $raw->send(Raw::request($row->{method}, $url,
            @{ $own{ $row->{path} } // \@her },
            'Content-Type: application/json',
            $row->{method} eq 'POST' ? { body => '{}' } : ()));
        $turn++ % 2 ? $raw->reset : $raw->close;
    }

    $store->thaw;
    Proc::until_true('service', 20, sub {
        return $node->client->get('/api/health')->code == 200
            && $node->client->get("/api/item/$card")->code == 200
            && registered()->get('/api/case/')->code == 200;
    });
    calm("$what is silent");
}

for (1 .. 12) {
    my $raw = Raw->new($nginx->port);

    $raw->send(Raw::request('POST', '/api/login', 'Content-Type: application/json',
        { body => '{"email":"nobody@shandong.example","password":"geheim-2026"}'
        }));
    $raw->more(0.05);
    $_ % 2 ? $raw->reset : $raw->close;
}

Proc::until_true('threads are done', 30, sub { !metric('thread_tasks') });
calm('a thread computes');
others('in the end');
cmp_ok(Proc::memory($worker) - $before, '<', $kept, 'with its memory');
is(join(' ', $nginx->workers), $worker, 'of the same worker');
is(join('', $nginx->stop), '', 'no alert');

done_testing();
