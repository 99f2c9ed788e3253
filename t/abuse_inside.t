# Other ways in than an address: subrequests of nginx's own modules, internal
# redirects, pages for errors, try_files, "satisfy any", and methods that are
# neither GET nor POST.  None of them leads somebody without the right to the
# content of a row or behind a guard; who may gets there, and nothing breaks.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Echo;
use Folder;
use Node;
use People;
use Raw;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my @rows = Rows::all();
my @closed = grep { !grep { $_ eq 'anyone' } @{ $_->{who} } } @rows;
my $dir = Folder->new(qw(staff ssi open));

$dir->put('staff/file.txt', 'for staff only');
$dir->put('staff/index.html', 'for staff only');
$dir->put('open/file.txt', 'for everybody');
$dir->put('ssi/page.html', '<!--#include virtual="$arg_to" -->');
$dir->put('ssi/wait.html', '<!--#include virtual="$arg_to" wait="yes" -->'
    . '<!--#include virtual="$arg_to" --> behind it');
$dir->put('ssi/set.html', '<!--#include virtual="$arg_to" set="one" -->'
    . '<!--#echo var="one" encoding="none" --> behind it');
$dir->put('ssi/stub.html', '<!--#block name="none" -->nothing<!--#endblock -->'
    . '<!--#include virtual="$arg_to" stub="none" -->');


# an upstream that names a place inside

my $up = Echo->start(sub {
    my ($to) = shift =~ /[?&]to=([^& ]*)/;

    return "HTTP/1.0 200 OK\r\nX-Accel-Redirect: $to\r\n\r\nx";
});


my $port = $up->port;
my $server = <<"END";
        error_page 418 = \@inside;
        location /ssi/ { ssi on; ssi_types *; alias $dir/ssi/; }
        location /rewrite/ { rewrite ^/rewrite(/.*)\$ \$1 last; }
        location /error/ { error_page 403 = \$arg_to; return 403; }
        location /status/ { error_page 403 \$arg_to; return 403; }
        location /try/ { try_files /none /none/ \$arg_to; }
        location /accel/ { proxy_pass http://127.0.0.1:$port; }
        location /any/ { satisfy any; allow all; zwfw_api; }
        location /named/ { return 418; }
        location \@inside {
            zwfw_auth who=clerk;
            root $dir/staff;
            try_files /file.txt =404;
        }
        location /staff/ { zwfw_auth who=clerk; alias $dir/staff/; }
        location /near/ {
            satisfy any; allow all; zwfw_auth who=clerk; alias $dir/staff/;
        }
        location = /ask/staff { auth_request /staff/file.txt;
                                alias $dir/open/file.txt; }
        location = /before/staff { add_before_body /staff/file.txt;
            addition_types *; alias $dir/open/file.txt; }
        location = /mirror/staff { mirror /staff/; return 204; }
END
my $node = Node->new(workers => 1, openapi => 0);
my $db = $node->db;
my %place = rows();


# rows of somebody: a case with a file, a draft of an item, a session

sub rows {
    my $code = '11990100MB0DEM172G3002099009000';
    my $body = $db->admin("SELECT body FROM zwfw.items WHERE code = '$code'");
    my $owner = $node->client(kind => 'natural');
    my $manager = $node->client(roles => 'item_manager', body => $body);
    my $case = People::apply($owner, $code);
    my $draft = $manager->post_json('/api/item/drafts', {
        catalog_code => $db->admin("SELECT code FROM zwfw.item_catalog
            WHERE state = 'in_use' ORDER BY code LIMIT 1") },
        headers => { 'X-CSRF-Token' => $manager->{token} });

    is($draft->code, 200, 'a draft') or diag($draft->text);

    my ($file) = $owner->get("/api/case/$case->{id}")->body
        =~ m{files/([0-9a-f-]{36})"};

    return (case => { id => $case->{id}, file => $file },
            item => { id => $draft->json->{id}, code => $code },
            auth => { id => $owner->get('/api/auth/sessions')
                               ->json->{items}[0]{id} });
}


sub url {
    my ($row, %o) = @_;

    return Rows::url($row, %{ $place{ $row->{slice} } // {} }, %o);
}


# who is asked about each row by auth_request, addition and mirror, which take
# no variables in an address

my (@places, $n);

for my $row (@closed) {
    my $url = url($row);

    $n++;
    push @places, "        location = /mirror/$n { mirror $url; return 204; }\n"
        . "        location = /before/$n { add_before_body $url;\n"
        . "            addition_types *; alias $dir/open/file.txt; }\n"
        . "        location = /index/$n/ { index $url; alias $dir/none/; }\n"
        . "        location = /ask/$n { auth_request $url;\n"
        . "            alias $dir/open/file.txt; }\n";
}

$node->nginx->configure(server => join '', $node->server, $server, @places);
$node->nginx->reload;

my $nobody = $node->client;
my (%client, $came);


# somebody with the kind that a row wants, or nobody; how often it is asked is
# limited for each

sub client {
    my ($row, $other) = @_;

    my %has = map { $_ => 1 } @{ $row->{who} };
    my ($kind) = grep { $other xor $has{$_} } Rows::kinds();

    return $nobody if !$kind;

    my $it = $client{$kind} //= { asked => 0 };

    return $it->{http} if $it->{asked}++ % 25;

    $came++;
    return $it->{http} = $node->client(level => 5, kind => $kind);
}


# ---- rows: each way in, for nobody and for another kind ----

my ($unknown, @wrong, %told) = (0);
my @ways = ((map { "/ssi/$_.html?to=" } qw(page wait set stub)), '/error/?to=',
            '/status/?to=', '/try/?to=', '/accel/?to=');


# What the gate says to somebody, and nothing else: where the answer inside is
# left out there is nothing at all.  What is asked inside of a GET is one.

sub nothing {
    my ($what, $row, $http, $res) = @_;

    my $nobody = !$http->cookie('zwfw');
    my $text = $res->text;
    my $said = $nobody ? qr/"code":"no_session"|<h1>请先登录/
                       : qr/"code":"not_allowed"|<h1>没有权限/;
    my $leads = $nobody && $res->code == 303 && $text eq ''
        && ($res->header('Location') // '') =~ m{^/login\?next=};

    $told{ $res->code }++;
    return if $leads or $text =~ $said;
    return if $text =~ /"code":"method_not_allowed"|这个地址不支持这样访问/
        and $row->{method} eq 'POST';

    # a page that was posted to, and is looked at again, leads to its form
    return if $res->code == 303 and $text eq '' and $row->{form}
        and $res->header('Location') eq url({ %$row,
            path => "/$row->{slice}$row->{form}" }, mount => '');
    return if $text eq ($what =~ m{^/ssi/set} ? ' behind it' : '')
        and $what =~ m{^(?:mirror|/ssi/set|/ssi/page.*, page)};

    push @wrong, "$what, " . ($nobody ? 'nobody' : 'another') . ': '
        . $res->code . ' ' . ($res->header('Location') // '') . substr $text,
        0, 120;
}


$n = 0;

for my $row (@closed) {
    my $name = Rows::name($row);
    my $url = url($row);
    my $page = url($row, mount => '');

    $n++;

    for my $http ($nobody, client($row, 1)) {
        nothing("$_ $name", $row, $http, $http->get("$_$url")) for @ways;
        nothing("$_ $name, page", $row, $http, $http->get("$_$page"))
            for @ways[0, 4, 6];
        nothing("rewrite $name", $row, $http, $http->request($row->{method},
            "/rewrite$url", body => '{}', type => 'application/json'))
            if $row->{method} eq 'POST';
        nothing("$_ $name", $row, $http,
                $http->get("/$_/$n" . (/index/ ? '/' : '')))
            for qw(before mirror index);

        # a refusal that auth_request does not know is 500, and told in the log
        my $ask = $http->get("/ask/$n")->code;

        $unknown++ if $ask == 500 and $row->{method} eq 'POST';
        push @wrong, "auth_request $name: $ask"
            if $ask != ($http->cookie('zwfw') ? 403 : 401)
            and ($ask != 500 or $row->{method} ne 'POST');
    }
}

is(join("\n", splice @wrong, 0, 40), '', 'no way in: '
   . join ', ', map { "$told{$_} times $_" } sort keys %told);
cmp_ok($told{401} // 0, '>', 100, 'which is said');

my @unknown = $node->nginx->log_lines('auth request unexpected status');

is(scalar @unknown, $unknown, 'auth_request: a method that is none');
is(join('', grep { !/unexpected status: 405\b/ } @unknown), '', 'nothing else');


# who may is let in by the same ways

my ($mine) = grep { Rows::name($_) eq 'GET /auth/sessions' } @closed;

for my $way (@ways) {
    like(client($mine)->get("$way/api/auth/sessions")->body,
         qr/"items"/, "$way leads there") if $way !~ /try|accel/;
}

is($nobody->get('/error/?to=/api/item/topics')->code, 200, 'what is open, too');


# ---- POST rows inside: nothing is done that was not asked for ----

sub counts {
    return $db->admin("SELECT count(*) FROM zwfw.cases UNION ALL
        SELECT count(*) - $came FROM zwfw.users UNION ALL
        SELECT count(*) FROM zwfw.item_versions");
}

my $before = counts();
$n = 0;

for my $row (@closed) {
    $n++;
    next if $row->{method} ne 'POST';

    for my $http ($nobody, client($row, 1), client($row)) {
        my $res = $http->request('POST', "/mirror/$n", type => 'application/json',
            body => $row->{path} =~ /draft/ ? '{"item":"x"}' : '{}');

        push @wrong, Rows::name($row) . ' mirrored: ' . $res->code
            if $res->code != 204;
    }
}

is(join("\n", splice @wrong, 0, 20), '', 'mirrored posts');
is(counts(), $before, 'store nothing');


# ---- guards ----

my $clerk = $node->client(roles => 'clerk');
my $low = $node->client(kind => 'natural');

for my $way (@ways, '/named/?', '/near/file.txt?') {
    my $path = "$way/staff/file.txt";
    my $open = $way =~ m{^/near};

    like($clerk->get($path)->body, $way =~ /try_files/ ? qr/./ : qr/for staff/,
         "$way a clerk sees it");

    for (['nobody', $nobody], ['a person', $low]) {
        my ($who, $http) = @$_;
        my $text = $http->get($path)->body;

        $open ? like($text, qr/for staff/, "$way $who, by the address")
              : unlike($text, qr/for staff/, "$way $who does not");
    }
}

for (['nobody', $nobody, 401], ['a person', $low, 403], ['a clerk', $clerk, 200])
{
    my ($who, $http, $code) = @$_;
    my $res = $http->get('/ask/staff');

    is($res->code, $code, "auth_request of what is guarded: $who");
    is($res->body =~ /for everybody/ ? 1 : 0, $code == 200 ? 1 : 0,
       'its answer');
    is($http->get('/before/staff')->body =~ /for staff/ ? 1 : 0,
       $code == 200 ? 1 : 0, "add_before_body: $who");
    is($http->get('/mirror/staff')->code, 204, "mirror: $who");
}

# while the store of sessions is away nobody is let in

my $late = $node->client(roles => 'clerk');

$node->redis->freeze;
is($late->get('/ask/staff')->code, 500, 'sessions are away');
$node->redis->thaw;

for my $reader ($node->readers) {
    $reader->{cookies} = $late->{cookies};
    Proc::until_true('they are back', 20, sub {
        return $reader->get('/ask/staff')->code == 200;
    });
}


# ---- methods ----

sub method {
    my ($method, $url, $http) = @_;

    my $raw = Raw->new($node->nginx->port);
    my $cookie = $http->cookie('zwfw');

    $raw->send(Raw::request($method, $url, 'Connection: close',
        defined $cookie ? "Cookie: zwfw=$cookie" : (), { body => '' }));
    return $raw->answer($method);
}

for my $row (@rows) {
    next if !$row->{call} and !$row->{steps};

    my $url = Rows::url($row);
    my $name = Rows::name($row);

    for my $http ($nobody, client($row)) {
        my $get = $row->{method} eq 'GET' ? $http->get($url)->code : undef;
        my $head = method('HEAD', $url, $http);

        push @wrong, "HEAD $name: " . $head->code . ", not $get"
            if defined $get and $head->code != $get;

        for my $method (qw(PUT DELETE PATCH TRACE CONNECT PROPFIND get FOO)) {
            my $res = method($method, $url, $http);

            push @wrong, "$method $name: " . ($res ? $res->code : 'nothing')
                if !$res or $res->code !~ /^(?:400|404|405|501)$/;
        }

        my $options = method('OPTIONS', $url, $http);

        push @wrong, "OPTIONS $name: " . $options->code
            if $options->code !~ /^(?:204)$/
            or ($options->header('Allow') // '') !~ /\b$row->{method}\b/
            or $options->body ne '';
    }
}

is(join("\n", splice @wrong, 0, 40), '', 'other methods');
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
