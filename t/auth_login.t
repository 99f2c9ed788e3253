# Logging in: who is let in, how refusals look alike, the cookie, and where a
# login leads.  GB/T 39047, 5.2.1.3

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use List::Util qw(min sum0);
use Test::More;

use lib 't/lib';
use Http;
use Node;
use People;
use Port;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = tempdir('zwfw-l-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($tls, $clear) = (Port::free(), Port::free());

Proc::run(command => [qw(openssl req -x509 -newkey ec -pkeyopt
                         ec_paramgen_curve:P-256 -noenc -subj /CN=localhost
                         -days 1 -keyout), "$dir/key", '-out', "$dir/cert"],
          log => "$dir/log");

my $node = Node->new(http => <<"END");
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $dir/cert;
        ssl_certificate_key $dir/key;
        zwfw_use test;
        zwfw_insecure_cookies on;
        location /api/ { zwfw_api; }
    }
    server {
        listen 127.0.0.1:$clear;
        zwfw_use test;
        location /api/ { zwfw_api; }
    }
END
my $db = $node->db;


sub post {
    my ($person, %more) = @_;

    my %said = (email => $person->{email}, password => $person->{password},
                %more);

    return $node->client->post_json('/api/login', \%said);
}


my $her = People::register($node->client);


# let in

my $res = post($her);

is($res->code, 200, 'the right password');
is($res->json->{uid}, $her->{uid}, 'it is she');
is($res->header('Cache-Control'), 'no-store', 'is not kept');
like($res->header('Set-Cookie'),
     qr/^zwfw=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax(?:, |$)/,
     'the cookie over http, where that is on');
isnt(($res->header('Set-Cookie') =~ /=([^;]+)/)[0],
     (post($her)->header('Set-Cookie') =~ /=([^;]+)/)[0],
     'a new one each time');
is(post($her, email => uc $her->{email})->code, 200,
   'the address in capital letters');


# the cookie over https, and where nothing is encrypted

sub curl {
    my ($url) = @_;

    open my $out, '>', "$dir/body" or die "$dir/body: $!\n";
    print $out JSON::PP->new->utf8->encode({
        map { $_ => $her->{$_} } qw(email password) });
    close $out or die "$dir/body: $!\n";

    open my $in, '-|', qw(curl -s -k -i --noproxy *), '--data', "\@$dir/body",
        '-H', 'Content-Type: application/json', $url or die "curl: $!\n";
    local $/;
    return scalar readline $in;
}


my $text = curl("https://127.0.0.1:$tls/api/login");

like($text, qr/^Set-Cookie:\ __Host-zwfw=[\w-]{43};\ Path=\/;\ Secure;
               \ HttpOnly;\ SameSite=Lax\r$/mx, 'the cookie over https');
like($text, qr/^Set-Cookie:\ __Host-zwfw-device=[\w-]{43};\ Path=\/;\ Secure;
               \ HttpOnly;\ SameSite=Lax;\ Max-Age=15552000\r$/mx,
     'the one of the browser');
is(scalar(() = $text =~ /^Set-Cookie:/mg), 2, 'and no other');
like($text, qr/^Strict-Transport-Security: max-age=\d{8}\r$/m, 'HSTS');
$text = curl("http://127.0.0.1:$clear/api/login");
like($text, qr/^HTTP\/1.1 403 /, 'no cookie in the clear');
unlike($text, qr/^Set-Cookie/mi, 'really none');
like($text, qr/"https_required"/, 'says what to do');


# wrong password and unknown address look alike

sub face {
    my $res = shift;

    my %headers = map { lc $_->[0] => $_->[1] } @{ $res->{headers} };

    delete @headers{qw(x-request-id x-worker date etag)};
    return { code => $res->code, headers => \%headers,
             body => $res->body =~ s/[0-9a-f]{32}/ID/r };
}


# what the workers have worked, threads included, in ticks of the processor

sub work {
    return sum0 map {
        open my $in, '<', "/proc/$_/stat" or die "stat of $_: $!\n";
        (split ' ', readline($in) =~ s/.*\)//r)[11];
    } $node->nginx->workers;
}


sub fails {
    my $person = shift;

    my $before = work();
    my $res = post($person, password => 'geheim-2025');
    push @{ $person->{work} }, work() - $before;

    return face($res);
}


my $nobody = { email => 'no' . $her->{email}, password => $her->{password} };
my ($known, $unknown);

for (1 .. 4) {
    $known = fails($her);
    $unknown = fails($nobody);
    is($known->{code}, 422, "failure $_");
    is_deeply($unknown, $known, 'looks the same for nobody');
}

like($known->{body}, qr/"code":"wrong_login","field":"password"/, 'its code');
ok(!$known->{headers}{'set-cookie'}, 'no cookie');

my ($work, $same) = map { min @{ $_->{work} } } $her, $nobody;

cmp_ok($work, '>', 5, 'a password is hard work');
cmp_ok($_->[0], '<', 2 * $_->[1], 'as hard for nobody')
    for [$work, $same], [$same, $work];


# a success forgets failures

is(post($her)->code, 200, 'after four failures the fifth try is right');
is(fails($her)->{code}, 422, 'which counts from one again');


# where a login leads

my %leads = (
    '/case/new?item=1' => '/case/new?item=1',
    '/' => '/',
    '' => '/',
    '//evil.example' => '/',
    '/\\evil.example' => '/',
    '\\\\evil.example' => '/',
    'https://evil.example/' => '/',
    'javascript:alert(1)' => '/',
    'case/' => '/',
    "/\tcase" => undef,
    "/\r\nX-Evil: 1" => undef,
    "/\t/evil.example" => undef,
    '/ /evil.example' => '/',
    '/办事' => '/',
);

for my $next (sort keys %leads) {
    my $res = $node->client->post('/login', {
        email => $her->{email}, password => $her->{password}, next => $next,
    });

    (my $title = "next \"$next\"") =~ s/([\t\r\n])/sprintf '\\x%02x', ord $1/ge;
    is($res->header('Location'), $leads{$next}, $title);
    is($res->code, defined $leads{$next} ? 303 : 422, 'its status');
}

my $page = $node->client->get('/login?next=%22%3E%3Cscript%3Ealert(1)');
is($page->hidden->{next}, '"><script>alert(1)', 'next in the form is escaped');
unlike($page->body, qr/<script>alert/, 'everywhere');
is($node->client->get('/login?next=a&next=b')->code, 400, 'next twice');


# the form again

$page = $node->client->post('/login', { email => $her->{email},
                                        password => 'x1' });
is($page->code, 422, 'too short a password');
$page = $node->client->post('/login', { email => $her->{email},
                                        next => '/case/',
                                        password => 'geheim-2025' });
is($page->code, 422, 'page: a wrong password');
like($page->text, qr/电子邮箱或者密码不对/, 'in words');
like($page->text, qr/value="\Q$her->{email}\E"/, 'keeps the address');
unlike($page->body, qr/geheim-2025/, 'not the password');
is($page->hidden->{next}, '/case/', 'and where it leads');


# who logs in again ends the session of before

my $http = $node->client;
my $former = $node->client;

People::login($http, $her);
$former->{cookies} = { localhost => { %{ $http->{cookies}{localhost} } } };
is($former->get('/api/auth/me')->code, 200, 'a session');

my ($form) = $http->get('/login')->text =~ m{(<form[^>]*action="/login".*)}s;
my ($token) = $form =~ /name="_token" value="([^"]+)"/;
$res = $http->post('/login', { _token => $token, email => $her->{email},
                               password => $her->{password} });
is($res->code, 303, 'once more by the form');
is($http->get('/api/auth/me')->code, 200, 'the new one');
Proc::until_true('the former one has ended', 3, sub {
    return $former->get('/api/auth/me')->code == 401;
});
pass('the former one has ended');


# staff whose last role was taken away may do nothing, and is not let in

my $left = People::register($node->client);

$db->admin("UPDATE zwfw.users SET kind = 'staff' WHERE id = '$left->{uid}'");
$http = $node->client;
$res = $http->post_json('/api/login', {
    map { $_ => $left->{$_} } qw(email password) });
is($res->code . ' ' . $res->json->{code}, '403 not_allowed',
   'nobody without a role');
is($http->cookie('zwfw'), undef, 'nor has a cookie');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
