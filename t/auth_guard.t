# zwfw_auth: the guard of any location.  Whom it lets in, how it refuses, what
# an upstream behind it is told, and that it is nothing where it is not asked.
# GB/T 39047, 5.2.3.2

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Echo;
use Folder;
use Http;
use NginxServer;
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = Folder->new(qw(staff level ssi));
my $echo = Echo->start;
my $port = $echo->port;

$dir->put('staff/index.html', 'for clerks');
$dir->put('level/file', 'for level 3');
$dir->put('ssi/part.txt', 'a part');
$dir->put('ssi/index.html', '<!--#include file="part.txt" -->, '
    . '<!--#include virtual="/told/" --><!--#echo var="zwfw_level" -->');


my $node = Node->new(server => <<"END");
        underscores_in_headers on;
        ignore_invalid_headers off;
        root $dir;

        location /staff/ { zwfw_auth who=clerk,approver; }
        location /level/ { zwfw_auth who=user level>=3; }
        location /equal/ { zwfw_auth who=user level=3; alias $dir/level/; }
        location /ssi/ { ssi on; zwfw_auth who=natural; }
        location /up/ {
            zwfw_auth who=natural;
            proxy_set_header X-Zwfw-User \$zwfw_user_id;
            proxy_pass http://127.0.0.1:$port;
        }
        location /told/ {
            internal;
            proxy_set_header X-Zwfw-User \$zwfw_user_id;
            proxy_pass http://127.0.0.1:$port;
        }
        location /try/ {
            zwfw_auth who=natural;
            try_files /none \@told;
        }
        location \@told {
            proxy_set_header X-Zwfw-User \$zwfw_user_id;
            proxy_set_header X-Zwfw-Level \$zwfw_level;
            proxy_pass http://127.0.0.1:$port;
        }
        location /open/ { proxy_pass http://127.0.0.1:$port; }
        location /near/ {
            satisfy any;
            allow 127.0.0.1;
            deny all;
            zwfw_auth who=clerk;
            alias $dir/level/;
        }
        location /far/ {
            satisfy any;
            deny all;
            zwfw_auth who=clerk level>=2;
            alias $dir/level/;
        }
        location /nested/ {
            zwfw_auth who=clerk;
            location /nested/open/ { zwfw_auth off; alias $dir/level/; }
            location /nested/in/ { alias $dir/level/; }
        }
END

my %html = (headers => { Accept => 'text/html,*/*;q=0.8' });
my $clerk = $node->client(roles => 'clerk', level => 4);
my $person = $node->client(kind => 'natural');
my $uid = $person->{me}{uid};
my $nobody = $node->client;


# a folder

is($clerk->get('/staff/')->body, 'for clerks', 'a clerk, by the index');
is($clerk->get('/staff/index.html')->body, 'for clerks', 'by name');
is($clerk->get('/staff/none')->code, 404, 'what is not there');
is($node->client(roles => 'approver')->get('/staff/')->code, 200,
   'an approver');

my $res = $nobody->get('/staff/?a=1&b=%2F', %html);

is($res->code, 303, 'nobody, with a browser');
is($res->header('Location'), '/login?next=%2Fstaff%2F%3Fa%3D1%26b%3D%252F',
   'goes to the login, and back');
is($res->header('Cache-Control'), 'no-store', 'is not kept');

$res = $nobody->get('/staff/');
is($res->code, 401, 'nobody, with a program');
is($res->header('Content-Type'), 'application/problem+json; charset=utf-8',
   'gets a problem');
is($res->json->{code}, 'no_session', 'its code');

$res = $nobody->post('/staff/', { a => 1 }, %html);
is($res->code, 401, 'nobody posts');
like($res->text, qr/请先登录/, 'gets a page');

$res = $person->get('/staff/', %html);
is($res->code, 403, 'a person is no clerk');
like($res->header('Content-Security-Policy'), qr/default-src 'none'/,
     'a page of ours');
is($person->get('/staff/')->json->{code}, 'not_allowed', 'or a problem');
is($nobody->request('HEAD', '/staff/')->code, 401, 'HEAD as well');


# a level

for my $path ('/level/file', '/equal/file') {
    is($person->get($path)->code, 428, "$path: level 1 is too low");
    is($person->get($path)->json->{code}, 'level_too_low', 'its code');
    is($node->client(kind => 'natural', level => 3)->get($path)->body,
       'for level 3', 'level 3 is enough');
}


# includes, and what an upstream is told

$res = $person->get('/ssi/');
is($res->code, 200, 'a page with includes');
like($res->body, qr/^a part, /, 'a file');
like($res->body, qr/^X-Zwfw-User: $uid\b/m, 'an upstream knows the person');
unlike($res->body, qr/zwfw=/, 'and gets no cookie of ours');
is($nobody->get('/ssi/')->code, 401, 'nobody');

$res = $person->get('/try/');
like($res->body, qr/^X-Zwfw-User: $uid\r\nX-Zwfw-Level: 1\b/m,
     'an upstream behind try_files as well');
unlike($res->body, qr/zwfw=/, 'it gets no cookie either');
is($nobody->get('/try/')->code, 401, 'nobody');


sub told {
    my ($http, $path, @lines) = @_;

    my $cookie = $http->cookie('zwfw');

    return $http->exchange('GET', join "\r\n", "GET $path HTTP/1.1",
        @lines, defined $cookie ? "Cookie: a=1; zwfw=$cookie; b=2" : (),
        $path =~ /last/ ? () : 'Host: localhost',
        $path =~ /last/ ? ('Host: localhost', 'X_Zwfw_Last: forged') : (),
        '', '')->body;
}


my @forged = ('X-Zwfw-User: forged', 'x_zwfw_user: forged',
              'X.Zwfw.User: forged', 'x-ZWFW_user: forged',
              'X-Zwfw-Anything: forged', 'X-Zwfw-: forged');

for my $path ('/up/', '/open/') {
    my $body;

    $body = told($person, $path, $_), unlike($body, qr/forged/, "$path $_")
        for @forged;

    unlike(told($person, $path, @forged), qr/forged/, "$path all of them");
    unlike(told($person, "${path}last"), qr/forged/, "$path the last one");

    for my $at (0 .. 2, 18 .. 22, 38 .. 42) {
        my @lines = map { "X-Own-$_: kept" } 1 .. 45;

        splice @lines, $at, 0, $forged[ $at % @forged ];
        $body = told($person, $path, @lines);
        unlike($body, qr/forged/, "$path header $at");
        is(scalar(() = $body =~ /^X-Own-\d+: kept\r?$/mg), 45,
           'others are kept');
    }

    unlike(told($person, $path, ('X-Zwfw-User: forged') x 60), qr/forged/,
           "$path sixty of them");
}

for my $sign (qw(_ . ~ + !)) {
    my $name = join $sign, 'X', 'Zwfw', 'User';
    unlike(told($person, '/up/', "$name: forged"), qr/forged/, $name);
}

for my $cookies ('zwfw-device=' . 'A' x 43, 'a=1; zwfw-device=x; b=2',
                 "zwfw =" . $person->cookie('zwfw'))
{
    my $res = $person->exchange('GET', join "\r\n", 'GET /up/ HTTP/1.1',
        'Host: localhost', "Cookie: c=3; $cookies; zwfw="
        . $person->cookie('zwfw'), '', '');

    unlike($res->body, qr/zwfw ?=|zwfw-device/i, "no upstream gets $cookies")
        if $res->code == 200;
    is($res->code, $cookies =~ /zwfw =/ ? 401 : 200, 'the answer');
}

my $body = told($person, '/up/', 'X-Zwfw-User: forged');
like($body, qr/^X-Zwfw-User: $uid\b/m, 'ours is what counts');
like($body, qr/^Cookie: a=1; b=2\s*$/m, 'the cookies of others');
unlike(told($nobody, '/open/', 'X-Zwfw-Level: forged'), qr/zwfw/i, 'nobody');
like(told($nobody, '/open/', 'X-Zwf: kept', 'Zwfw: kept'),
     qr/^X-Zwf: kept\r\nZwfw: kept\b/m, 'names like ours are kept');


# satisfy any, and locations in locations

is($nobody->get('/near/file')->code, 200, 'near: by the address');
is($nobody->get('/far/file')->code, 401, 'far: nobody');
is($person->get('/far/file')->code, 403, 'far: a person');
is($node->client(roles => 'clerk')->get('/far/file')->code, 403,
   'far: a level too low');
is($clerk->get('/far/file')->code, 200, 'far: a clerk');
is($nobody->get('/nested/in/file')->code, 401, 'inherited');
is($nobody->get('/nested/open/file')->code, 200, 'switched off');
is($clerk->get('/nested/in/file')->code, 200, 'inherited: a clerk');


# refusals on one connection, with bodies that nobody reads

my $sock;

for my $round (1 .. 3) {
    my $res = $nobody->post('/staff/', { a => 'x' x (40_000 * $round) });

    is($res->code, 401, "refusal $round");
    $sock //= $nobody->{sock};
    is($nobody->{sock}, $sock, 'on the same connection');
}

is($nobody->get('/open/')->code, 200, 'which is in step');
is(told($nobody, '/up/') =~ /"status":(\d+)/ && $1, 401, 'and refuses');


# the store of sessions is away

$node->redis->stop;

for my $http ($clerk, $person) {
    $res = $node->client;
    $res->{cookies} = $http->{cookies};
    my $cookie = $http->cookie('zwfw');

    Proc::until_true('the cache is out of date', 5, sub {
        return $res->get('/staff/')->code == 503;
    });

    my $got = $res->get('/up/', %html);
    is($got->code, 503, 'no sessions: refused');
    is($got->header('Retry-After'), 1, 'for a second');
    is($got->header('Set-Cookie'), undef, 'the cookie is left alone');
    is($res->cookie('zwfw'), $cookie, 'and kept');
    like($got->text, qr/您的登录仍然保留/, 'the page says so');
}

is($nobody->get('/staff/')->code, 401, 'nobody needs no store');
is($nobody->get('/near/file')->code, 200, 'nor does who is near');
$node->redis->launch;
Proc::until_true('Redis is back', 5, sub {
    return $clerk->get('/staff/')->code == 401;
});
pass('sessions that the store has lost are none');


# both connections are still open

$nobody->get('/staff/');
$clerk->get('/staff/', %html);
is(join('', $node->nginx->stop), '', 'no alert, no open socket');


# loaded and not asked for, the modules are nothing

sub plain {
    my @modules = @_;

    my $nginx = NginxServer->start(modules => \@modules, workers => 1,
                                   server => "root $dir;", level => 'debug');
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $nginx->port);
    my ($worker) = $nginx->workers;

    print $sock "GET /$_ HTTP/1.1\r\nHost: a\r\nX-Zwfw-User: me\r\n"
        . ($_ eq 'none' ? "Connection: close\r\n" : '') . "\r\n"
        for 'staff/', 'level/file', 'none';

    my $got = do { local $/; <$sock> } =~ s/^Date: .*\r\n//mgr;
    my %has = (answers => $got, threads => scalar(() = glob
                                                  "/proc/$worker/task/*"));

    close $sock;

    # it listens, and hears the master
    Proc::until_true('two sockets', 5, sub {
        return 2 == grep { (readlink // '') =~ /^socket/ }
            glob "/proc/$worker/fd/*";
    });

    open my $maps, '<', "/proc/$worker/maps" or die "maps: $!\n";
    $has{zones} = grep { m{^\S+ rw-s .*/dev/zero} } <$maps>;

    is(join('', $nginx->stop), '', 'no alert');
    $has{log} = [grep { s{/tmp/zwfw-\S+}{}g; /zwfw/ } $nginx->log_lines];

    return \%has;
}


my @modules = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
my $with = plain(@modules);

is(scalar(() = $with->{answers} =~ m{HTTP/1\.1 }g), 3, 'three answers');
is_deeply($with, plain(), 'unconfigured, nothing is different');

done_testing();
