# What is kept of a visit, what is not, and who may look at it.
# GB/T 39047, 5.2.2.4

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Http;
use Node;
use Proc;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $node = Node->new(server => <<'END');
        zwfw_monitor on;
        set_real_ip_from 127.0.0.1;
        location /files/person-99010219900101123X/ { return 200 "x\n"; }
        location /quiet/ { zwfw_monitor off; return 200 "x\n"; }
END

my $db = $node->db;
my $code = '11990102MB0DEM105F4000199001000';
my $chrome = 'Mozilla/5.0 (Linux; Android 13) Chrome/100.0 Mobile Safari/537';


# the rows of what the code asks for, in the order of their batch

sub visits {
    my $ask = shift;

    my $count = 'SELECT count(*) FROM zwfw.visits';
    my $before = $db->admin($count);
    my $n = $ask->();

    Proc::until_true("$n visits", 10, sub {
        return $db->admin($count) >= $before + $n;
    });

    return map { JSON::PP->new->decode($_) } split /\n/, $db->admin(
        "SELECT jsonb_strip_nulls(to_jsonb(v) - 'batch' - 'number')
           FROM zwfw.visits v ORDER BY at, batch, number OFFSET $before");
}


# somebody who has logged in, which makes a visit as well

sub come {
    my %me = @_;

    my $http;

    visits(sub {
        $http = $node->client(%me);
        return 1;
    });

    return $http;
}


sub visit {
    my ($path, %o) = @_;

    my $http = $o{http} // $node->client;
    my ($row) = visits(sub {
        $http->get($path, headers => { 'User-Agent' => $chrome,
                                       %{ $o{headers} // {} } });
        return 1;
    });

    return $row;
}


subtest 'a page' => sub {
    my $v = visit("/item/$code");

    is($v->{route}, 'GET /item/{code}', 'route');
    is($v->{item}, $code, 'item');
    is($v->{channel}, 'pc', 'channel');
    is($v->{status}, 200, 'status');
    cmp_ok($v->{bytes}, '>', 1000, 'bytes');
    like($v->{latency}, qr/^\d+$/, 'latency');
    like($v->{at}, qr/^\d{4}-\d\d-\d\dT/, 'time');
    is("$v->{browser} $v->{system} $v->{device}", 'chrome android mobile',
       'user agent');
    is($v->{referrer}, 'direct', 'referrer');
    is(join(' ', grep { exists $v->{$_} } qw(session uid user_type level)),
       '', 'nobody');

    is(visit("/item/$code")->{visitor}, $v->{visitor}, 'the same visitor');
    isnt(visit("/item/$code", headers => { 'User-Agent' => 'curl/8' })
         ->{visitor}, $v->{visitor}, 'another one');
    my @seen = map {
        visit('/help', headers => { 'X-Real-IP' => $_ })->{visitor}
    } qw(192.0.2.1 192.0.2.2 192.0.2.1);

    is($seen[2], $seen[0], 'with this browser, from the same address');
    isnt($seen[1], $seen[0], 'from another one');

    is(visit("/api/item/$code")->{route}, 'GET /api/item/{code}', 'as JSON');
    is(visit('/login')->{route}, 'GET /login', 'an absolute path');
};


subtest 'where it comes from' => sub {
    my $from = sub { visit('/help', headers => { Referer => $_[0] }) };

    is($from->('https://www.baidu.com/s?wd=x')->{referrer}, 'search',
       'search');
    is($from->('http://localhost:8080/')->{referrer}, 'internal', 'internal');
    is($from->('https://other.example/')->{referrer}, 'external', 'external');
};


subtest 'a search' => sub {
    my $v = visit('/api/item/?q=' . Http::escape('登记'));

    is($v->{words}, '登记', 'words');
    cmp_ok($v->{hits}, '>', 0, 'hits');
    is(visit('/api/item/?q=' . Http::escape('没有的'))->{hits}, 0, 'no hit');
    is(visit('/api/item/?region=370102')->{region}, '370102', 'region');
    is(visit('/api/item/?q=' . Http::escape('补办 99010219900101123X'))
       ->{words}, '补办 ***X', 'no numbers of people');
    is(visit('/api/item/?q=' . Http::escape('"a\\b"'))->{words}, '"a\\b"',
       'quotes');
    is(visit('/api/item/?nothing=1&q=x')->{words}, undef,
       'nothing of what was refused');
};


subtest 'somebody' => sub {
    my $she = come(kind => 'natural', level => 3);
    my $uid = $she->{me}{uid};
    my @both = ($she);
    visits(sub { push @both, $node->again($she); 1 });

    my ($v, $w) = map { visit('/help', http => $_) } @both;

    is("$v->{user_type} $v->{level}", 'natural 3', 'type and level');
    isnt($v->{uid}, $uid, 'a pseudonym');
    is($v->{uid}, $w->{uid}, 'the same person');
    isnt($v->{session}, $w->{session}, 'another session');

    my $clerk = visit('/help', http => come(roles => 'clerk'));
    is("$clerk->{user_type} $clerk->{level} $clerk->{region}",
       'staff 1 370102', 'staff, of the division of its body');
};


subtest 'who does not want to be tracked' => sub {
    my $he = come(kind => 'natural');

    for my $header ('DNT', 'Sec-GPC') {
        my $v = visit('/api/item/?q=' . Http::escape('登记'), http => $he,
                      headers => { $header => 1, Referer => 'https://a.b/' });

        is_deeply([sort keys %$v],
                  [qw(at bytes channel latency route status)],
                  "$header: leaves counters");
    }

    ok(visit('/help', http => $he, headers => { DNT => 0 })->{visitor},
       'DNT: 0 is no wish');
};


subtest 'other locations' => sub {
    is(visit('/api/item/x/y/z')->{route}, 'GET /api/', 'no row');
    is(visit('/files/person-99010219900101123X/a')->{status}, 200,
       'a foreign one');

    my @rows = visits(sub {
        my $http = $node->client;
        $http->get('/quiet/x');
        $http->request('STRANGE', '/help');
        return 1;
    });
    is(join(' ', map { $_->{route} } @rows), '- /', 'off, and a strange method');
};


subtest 'nothing of a person' => sub {
    my $http = come(kind => 'natural');
    my $token = $http->cookie('zwfw');
    my ($id, $mail, $name) = ('99010219900307123X', 'lisi@a.example', '李四');

    visits(sub {
        $http->get('/item/' . Http::escape($id), headers => {
            Referer => "https://a.example/$id?$mail", 'User-Agent' => $mail,
            'X-Forwarded-For' => $id, 'X-Name' => $name });
        $http->get('/api/item/?q=' . Http::escape("$id $mail"));
        $http->get("/case/019a0000-0000-7000-8000-0000990307dd?$id");
        $http->post_json('/api/login', { email => $mail,
                                         password => 'geheim-2026' });
        $http->post("/$id/$mail", { name => $name });
        return 5;
    });

    my $text = join "\n", map {
        $db->admin("SELECT to_jsonb(t) FROM zwfw.$_ t")
    } qw(visits visit_hours visit_batches visit_rings);

    like($text, qr/POST \/api\/login/, 'something to search in');
    unlike($text, qr/\Q$_\E/, "no $_") for '19900307', '990307', 'lisi', '李四',
        $token, 'geheim', '127.0.0.1';
};


subtest 'how many people' => sub {
    my $http = come(roles => 'operator');
    my $count = sub {
        my $day = $http->get('/api/monitor/')->json;
        return $day->{visitors};
    };

    visits(sub { $http->get('/help'); 1 });
    my $before = $count->();

    for my $agent ('first/1', 'second/1', 'first/1') {
        visit('/help', headers => { 'User-Agent' => $agent });
    }

    is($count->(), $before + 2, 'two more, one of them twice');
    visit('/help', headers => { 'User-Agent' => 'third/1', DNT => 1 });
    is($count->(), $before + 2, 'who objects is not counted');
    like($http->get('/monitor/')->text,
         qr{<dt>访客数</dt><dd>${\ ($before + 2) }}, 'on the page');
};


subtest 'who may look' => sub {
    for my $role (qw(operator supervisor)) {
        my $http = come(roles => $role);

        for my $path ('', 'ledger', 'live') {
            is($http->get("/api/monitor/$path")->code, 200,
               "$role: JSON of /$path");

            my $page = $http->get("/monitor/$path");
            is($page->code, 200, "$role: page of /$path");
            like($page->body, qr/<th scope="row"/, 'with rows');
        }
    }

    for my $path ('', 'ledger', 'live') {
        is($node->client(roles => 'clerk')->get("/api/monitor/$path")->code,
           403, "clerk: not /$path");
        is($node->client->get("/api/monitor/$path")->code, 401,
           "nobody: not /$path");
    }

    my $http = come(roles => 'operator');
    my $day = $http->get('/api/monitor/?day=2001-01-01');
    is($day->json->{visits}, 0, 'a day without visits');
    like($http->get('/monitor/?day=2001-01-01')->body,
         qr/class="empty"/, 'says so');
    is($http->get('/api/monitor/?day=2001-13-01')->code, 422, 'no day');
};


is(join('', $node->nginx->stop), '', 'no alert');


# without the directive nothing is collected

my $quiet = Node->new(db => $db, redis => $node->redis);
my $rows = $db->admin('SELECT count(*) FROM zwfw.visits');

$quiet->client->get('/api/help') for 1 .. 3;
is(join('', $quiet->nginx->stop), '', 'no alert');
is($db->admin('SELECT count(*) FROM zwfw.visits'), $rows, 'off by default');

done_testing();
