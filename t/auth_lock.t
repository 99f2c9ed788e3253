# Guessing of passwords: what is locked, for whom and for how long, and who is
# not; limits of rows and of the shipped configuration.  GB/T 39047, 5.2.1.3

use strict;
use warnings;
use utf8;

use List::Util qw(min sum);
use POSIX ();
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# X-From is where a request comes from, as behind a balancer

my $from = <<'END';
        set_real_ip_from 127.0.0.1;
        real_ip_header X-From;
END
my $node = Node->new(server => $from);
my $db = $node->db;
my $wrong = 'geheim-2025';


sub client {
    my ($from, $like, $at) = @_;

    my $http = ($at // $node)->client;

    $http->{headers}{'X-From'} = $from;
    $http->{cookies} = { localhost => { %{ $like->{cookies}{localhost} } } }
        if $like;

    return $http;
}


# one who was logged in has the cookie of the browser, not of the session

sub browser {
    my $http = client(@_);

    delete $http->{cookies}{localhost}{zwfw};
    return $http;
}


sub try {
    my ($http, $person, $password) = @_;

    my $res = $http->post_json('/api/login', {
        email => $person->{email}, password => $password // $wrong });

    return $res->code == 200 ? 'in' : $res->json->{code};
}


sub face {
    my $res = shift;

    my %headers = map { lc $_->[0] => $_->[1] } @{ $res->{headers} };

    delete @headers{qw(x-request-id x-worker date etag)};
    return { code => $res->code, headers => \%headers,
             body => $res->body =~ s/[0-9a-f]{32}/ID/r };
}


sub ask {
    my ($http, $person, $password) = @_;

    return $http->post_json('/api/login', {
        email => $person->{email}, password => $password });
}


sub audit {
    my ($person, $what) = @_;

    return $db->admin("SELECT string_agg($what, ' ' ORDER BY seq)
        FROM zwfw.audit WHERE uid = '$person->{uid}'
         AND action IN ('auth_login', 'auth_lock')");
}


sub clock {
    $db->admin("SELECT zwfw.move_clock("
               . ($_[0] ? "now() + interval '$_[0]'" : 'NULL') . ')');
}


# the cookie of a browser

my $home = client('192.0.2.10');
my $her = People::register($home);
my $device = $home->cookie('zwfw-device');

like($device, qr/^[\w-]{43}$/, 'the browser has a cookie');

my $res = ask(client('192.0.2.10'), $her, $her->{password});
my ($set) = grep { /^zwfw-device=/ } map { $_->[1] }
    grep { lc $_->[0] eq 'set-cookie' } @{ $res->{headers} };

like($set, qr/^zwfw-device=[\w-]{43};\ Path=\/;\ HttpOnly;\ SameSite=Lax;
              \ Max-Age=15552000$/x, 'how it is set');
unlike($db->admin('SELECT string_agg(device, $$ $$) FROM zwfw.known_devices'),
       qr/\Q$device\E/, 'it is not stored itself');
is(client('192.0.2.10', undef)->get('/api/auth/me', headers => {
       Cookie => "zwfw=$device" })->code, 401, 'it is no session');
$res = ask(client('192.0.2.10'), $her, $wrong);
is($res->header('Set-Cookie'), undef, 'a failure makes none');


# a stranger: five tries, then a minute, then twice as long

my $evil = client('198.51.100.7');

is(join(' ', map { try($evil, $her) } 1 .. 6),
   'wrong_login ' x 5 . 'account_locked', 'five tries from one network');

$res = ask($evil, $her, $her->{password});
is($res->code . ' ' . $res->json->{code}, '429 account_locked',
   'then the right one is refused as well');
cmp_ok($res->header('Retry-After'), '<=', 60, 'for a minute at most');
cmp_ok($res->header('Retry-After'), '>', 30, 'about a minute');
like($res->json->{detail}, qr/暂时不能从这里登录/, 'in words');
is(try(client('198.51.100.200'), $her, $her->{password}), 'account_locked',
   'for all of that network');

my $page = client('198.51.100.7')->post('/login', {
    email => $her->{email}, password => $her->{password} });
is($page->code, 429, 'the page says so as well');
like($page->text, qr/请在 \d+ 秒以后再试/, 'and when');

is(audit($her, 'action || $$:$$ || outcome'),
   'auth_login:ok' . ' auth_login:failed' x 5 . ' auth_lock:failed'
   . ' auth_login:refused' x 4, 'the audit has the lock');
like($db->admin("SELECT detail FROM zwfw.audit WHERE action = 'auth_lock'"),
     qr/"door": "near", "failures": 5, "locked_seconds": 60/,
     'which door, how often, how long');

for (['61 seconds', '2 minutes'], ['4 minutes', '4 minutes'],
     ['9 minutes', '8 minutes'])
{
    my ($at, $long) = @$_;
    my ($minutes) = $long =~ /(\d+)/;

    clock($at);
    is(try($evil, $her), 'wrong_login', "after $at one more try");
    my $left = ask($evil, $her, $wrong)->header('Retry-After');
    cmp_ok($left, '<=', 60 * $minutes, "then at most $long");
    cmp_ok($left, '>', 60 * $minutes - 30, "about $long");
}

$db->admin("UPDATE zwfw.login_doors SET failures = 40, locked_until = NULL
             WHERE door LIKE 'near %'");
try($evil, $her);
$res = ask($evil, $her, $wrong);
cmp_ok($res->header('Retry-After'), '<=', 1800, 'never more than half an hour');
clock('2 hours');
is(join(' ', map { try($evil, $her) } 1 .. 5), 'wrong_login' . ' wrong_login' x 4,
   'an hour later all is forgotten');


# the owner is not locked out: at home, in the browser of before

is(try($evil, $her), 'account_locked', 'the stranger is locked');
is(try(client('203.0.113.5'), $her, $her->{password}), 'in',
   'the owner from elsewhere');

my $mine = browser('198.51.100.7', $home);
is(try($mine, $her, $her->{password}), 'in',
   'the owner in the network of the stranger, with her browser');
isnt($mine->cookie('zwfw-device'), $device, 'which is known by a new cookie');

my $stale = browser('198.51.100.7', $home);
is(try($stale, $her, $her->{password}), 'account_locked',
   'the old one knows nobody any more');


# strangers from everywhere: the account is locked for them, not for her

$db->admin("DELETE FROM zwfw.login_doors");
is(try(client("100.64.$_.1"), $her), 'wrong_login', "network $_") for 1 .. 3;
is($db->admin("SELECT failures FROM zwfw.login_doors
                WHERE door LIKE 'account %'"), 3, 'are counted together');
$db->admin("UPDATE zwfw.login_doors SET failures = 39
             WHERE door LIKE 'account %'");
is(try(client('100.64.4.1'), $her), 'wrong_login', 'the fortieth');
is(try(client('100.64.99.1'), $her, $her->{password}), 'account_locked',
   'forty failures lock it for all strangers');
like(audit($her, 'coalesce(detail->>$$door$$, $$-$$)'), qr/\baccount\b/,
     'the audit says so');

my $known = browser('100.64.99.1', $mine);
is(try($known, $her, $her->{password}), 'in', 'not for her browser');


# which has a count of its own, and cannot be locked by others

is(join(' ', map { try(browser('192.0.2.77', $known), $her) } 1 .. 6),
   'wrong_login ' x 5 . 'account_locked', 'her browser: five tries');
clock('2 hours 2 minutes');
is(try(browser('192.0.2.77', $known), $her, $her->{password}), 'in',
   'a minute later she remembers');


# a cookie that was planted becomes nobody's

$db->admin("DELETE FROM zwfw.login_doors");

my $planted = 'A' x 43;
my $trap = client('192.0.2.30');

$trap->{cookies}{localhost}{'zwfw-device'} = $planted;
is(try($trap, $her, $her->{password}), 'in', 'she logs in with it');
isnt($trap->cookie('zwfw-device'), $planted, 'and gets another');
is($db->admin("SELECT count(*) FROM zwfw.known_devices WHERE device
       = encode(sha256('$planted'), 'hex')"), 0, 'it is not known');


# a browser of two people

my $him = People::register(client('192.0.2.50'));
my $both = browser('192.0.2.10', $trap);

is(try($both, $him, $him->{password}), 'in', 'he logs in with her browser');
is($db->admin("SELECT count(*) FROM zwfw.known_devices k JOIN
       (SELECT device FROM zwfw.known_devices ORDER BY at DESC, device LIMIT 1)
       newest USING (device)"), 2, 'it is known to both');


# nobody learns which address has an account

clock();
$db->admin("DELETE FROM zwfw.login_doors");

sub work {
    return sum map { Proc::ticks($_) } $node->nginx->workers;
}


my %nobody = (email => "no$her->{email}", password => $her->{password});
my @takes;

for my $n (1, 2, 6) {
    $db->admin("UPDATE zwfw.login_doors SET failures = failures + 3,
        locked_until = now() + interval '1 minute'
        WHERE door LIKE 'near %'") if $n == 6;

    my @faces = map {
        my $began = work();
        my $res = ask(client('203.0.113.99'), $_, $wrong);
        push @{ $takes[$n % 6 ? $_ == $her ? 0 : 1 : 2] }, work() - $began;
        face($res);
    } $her, \%nobody;

    delete $_->{headers}{'retry-after'} for @faces;
    is_deeply($faces[0], $faces[1], "try $n looks the same for nobody");
    is($faces[0]{code}, $n < 6 ? 422 : 429, 'its status');
}

my ($less, $more) = sort { $a <=> $b } map { min @$_ } @takes[0, 1];
cmp_ok($more, '<', 3 * $less, 'what is compared costs about the same');

my $kind = $db->admin("SELECT substr(password, 1, 14) FROM zwfw.users LIMIT 1");
my $nobody = do { local (@ARGV, $/) =
    'modules/auth/ngx_http_zwfw_auth_password.c'; <> };

like($nobody, qr/_nobody\[\] =\s*"\Q$kind\E/, 'as the same parameters say');


# at the same time: a hundred guesses are no more than five

$db->admin("DELETE FROM zwfw.login_doors");

my @read = map {
    my $right = $_ == 20;

    pipe my $in, my $out or die "pipe() failed: $!\n";
    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        my $http = Http->new(port => $node->nginx->port, timeout => 60,
                             headers => { 'X-From' => "203.0.114.$_" });
        my $code = eval { $http->post_json('/api/login', {
            email => $him->{email}, password => $wrong })->json->{code} };

        syswrite $out, $code // "died: $@";
        POSIX::_exit(0);
    }

    $in;
} 1 .. 20;

my %got;

$got{ scalar(readline $_) // '' }++ for @read;
wait for 1 .. 20;

cmp_ok($got{wrong_login}, '<=', 5, 'at most five of twenty are compared');
is(join(' ', grep { !/^(?:wrong_login|account_locked|busy)$/ } keys %got), '',
   'the others wait') or diag(explain(\%got));


# one password, many accounts: the network is locked

$db->admin("DELETE FROM zwfw.login_doors");
is(try(client('203.0.113.130'), { email => 'a@b.example' }), 'wrong_login',
   'one account of a network');
$db->admin("UPDATE zwfw.login_doors SET failures = 99
             WHERE door LIKE 'network %'");
is(try(client('203.0.113.131'), { email => 'c@d.example' }), 'wrong_login',
   'the hundredth failure');
is(try(client('203.0.113.132'), $him, $him->{password}), 'account_locked',
   'locks the network for all accounts');
is(try(client('203.0.112.1'), $him, $him->{password}), 'in', 'and no other');


# IPv6: a host has more than one address, and IPv4 may stand in IPv6

$db->admin("DELETE FROM zwfw.login_doors");
try(client('2001:db8:1:2::1'), $him) for 1 .. 5;
is(try(client('2001:db8:1:2:3:4:5:6'), $him), 'account_locked',
   'another address of the host');
is(try(client('2001:db8:1:ff::1'), $him), 'account_locked', 'of its line');
is(try(client('2001:db8:2::1'), $him), 'wrong_login', 'another line');
try(client('::ffff:192.0.2.99'), $him) for 1 .. 5;
is(try(client('192.0.2.98'), $him), 'account_locked', 'IPv4 in IPv6');
is(try(client('::ffff:198.51.100.1'), $him, $him->{password}), 'in',
   'other IPv4 in IPv6');


# what is old goes

$db->admin("UPDATE zwfw.known_devices SET at = at - interval '1 year'
             WHERE user_id = '$her->{uid}';
    UPDATE zwfw.login_doors SET failed_at = failed_at - interval '2 days'");
$db->user->call('auth_sweep');
is($db->admin("SELECT count(*) FROM zwfw.known_devices
                WHERE user_id = '$her->{uid}'"), 0, 'browsers of last year');
is($db->admin('SELECT count(*) FROM zwfw.login_doors'), 0, 'old failures');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
