# How often log-in and registration may be asked: by address and by what is
# said, as their rows say; and by the limits of nginx in the configuration that
# is shipped, which answer in words as well.  GB/T 39047, 5.2.1.3

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $from = <<'END';
        set_real_ip_from 127.0.0.1;
        real_ip_header X-From;
END
my $node = Node->new(server => $from);
my ($login, $register) = map { my $path = $_; grep {
    Rows::name($_) eq "POST $path" } Rows::all() } qw(/login /register);


sub client {
    my ($from, $at) = @_;

    my $http = ($at // $node)->client;

    $http->{headers}{'X-From'} = $from;
    return $http;
}


# what is asked of many is no log-in: nothing is compared

sub asked {
    my ($http, $path, $n) = @_;

    my %codes;

    $codes{ $http->post_json($path, {})->code }++ for 1 .. $n;
    return \%codes;
}


sub refused {
    my ($res, $title, $code) = @_;

    is($res->code, 429, $title);
    is($res->json->{code}, $code // 'too_many_requests', 'its code');
    cmp_ok($res->header('Retry-After'), '>=', 1, 'says when');
    like($res->json->{detail}, qr/\p{Han}{4}.*。/, 'and why, in words');
}


# by address

for (['/api/login', $login], ['/api/register', $register]) {
    my ($path, $row) = @$_;
    my $her = client('192.0.2.1');

    is_deeply(asked($her, $path, $row->{limit}), { 422 => $row->{limit} },
              "$path: as often as the row says");
    refused($her->post_json($path, {}), "$path: and no more");
    like($her->post_json($path, {})->json->{detail}, qr/登录、注册的次数太多/,
         'in words of this slice');
    is(client('192.0.2.2')->post_json($path, {})->code, 422, 'others may');
    is($her->get($path)->code, $path =~ /login/ ? 404 : 200,
       'what only reads is not counted');
}

my $page = client('192.0.2.1')->post('/login', {});

is($page->code, 429, 'the page');
like($page->text, qr/<strong>\d+ (?:分钟|秒)<\/strong>以后再试/, 'says when');

asked(client('2001:db8::1'), '/api/login', $login->{limit});
refused(client('2001:db8::ffff')->post_json('/api/login', {}),
        'another address of the same host');
is(client('2001:db8:0:1::1')->post_json('/api/login', {})->code, 422,
   'another host');


# by what is said, from one network: nobody uses up what is another's

my %person = (email => 'liming@test.example', password => 'geheim-2026');

for my $path ('login', 'register') {
    my $said = { %person, $path eq 'login' ? ()
                 : (name => '李明', consent => '2020-01') };
    my @keys = map { "zwfw:test:limit:auth//$path:$_" } qw(email:*);

    is(client('198.51.100.1')->post_json("/api/$path", $said)->code, 422,
       "$path: is heard");

    my ($key) = @{ $node->redis->query('KEYS', @keys) };
    my $left = $node->redis->query('TTL', $key);

    unlike($key, qr/liming/, 'the key says nothing of the person');
    cmp_ok($left, '>', 500, 'and ends');
    $node->redis->query('INCRBY', $key, 1000);

    refused(client('198.51.100.77')->post_json("/api/$path", $said),
            "$path: too often from this network");
    is(client('198.51.101.1')->post_json("/api/$path", $said)->code, 422,
       'another network');
    is(client('198.51.100.1')->post_json("/api/$path",
           { %$said, email => 'other@test.example' })->code, 422,
       'another address of mail');
}

is(join('', $node->nginx->stop), '', 'no alert');


# the limits of nginx, as shipped

my ($core, $conf) = map { local (@ARGV, $/) = "conf/$_.conf"; <> }
    qw(core auth);
my $shipped = Node->new(http => $core . $conf,
                        server => $from, workers => 1);
my $flood = client('203.0.113.1', $shipped);

Proc::until_true('it has its stores', 20, sub {
    $flood->get('/api/health')->code == 200;
});

my %codes = %{ asked($flood, '/api/login', 100) };

cmp_ok($codes{422} // 0, '>=', 61, 'a person is not disturbed')
    or diag(explain(\%codes));
cmp_ok($codes{429} // 0, '>=', 20, 'a flood ends');
# one is let in each second: not two, one behind the other

sub flooded {
    my $ask = shift;

    my $res = $ask->();
    return $res->code == 429 ? $res : $ask->();
}


sub form {
    my $path = shift;

    return flooded(sub {
        $flood->post($path, {}, headers => { Accept => 'text/html' });
    });
}


refused(flooded(sub { $flood->post_json('/api/register', {}) }),
        'for both paths together');
is(form('/login/')->code, 429, 'however the path is written');

my $res = form('/login');

is($res->code, 429, 'a browser');
cmp_ok($res->header('Retry-After'), '>=', 1, 'is told when');
like($res->text, qr/操作太频繁了/, 'and why, by a page of ours');
like($res->header('Content-Security-Policy'), qr/default-src 'none'/,
     'with its headers');
is($flood->get('/login')->code, 200, 'reading is free');
is(client('203.0.113.2', $shipped)->post_json('/api/login', {})->code, 422,
   'others are not disturbed');

is(join('', $shipped->nginx->stop), '', 'no alert');

done_testing();
