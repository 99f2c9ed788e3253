# The whole demo, with nothing but curl: its own configuration is started, and
# on each platform one case goes from registration to its result, as JSON, over
# https, with a cookie and a token.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use File::Temp qw(tempdir);
use JSON::PP ();
use POSIX ();
use Test::More;

use lib 't/lib';
use Proc;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $site = $ENV{TEST_NGINX_ZWFW_SITE}
    // die "TEST_NGINX_ZWFW_SITE is not set: run ./build.sh test FILE\n";
my $json = JSON::PP->new->utf8;
my $dir = tempdir('zwfw-c-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $demo = $json->decode(do {
    local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_DEMO}; <> });
my $ca = $ENV{TEST_NGINX_ZWFW_DEMO} =~ s/demo\.json$/$demo->{ca}/r;

# an item that the clerk and the approver of the demo handle

my %item = (national => '异地就医备案', shandong => '个体工商户注册登记',
            transport => '道路货物运输经营许可');


# the demo, in the foreground of this test

my $nginx = Proc::spawn(log => "$dir/log", command => [
    $ENV{TEST_NGINX_BINARY}, '-p', $ENV{TEST_NGINX_ZWFW_SITE_PREFIX}, '-e',
    "$dir/error.log", '-c', $site, '-g',
    "daemon off; error_log $dir/error.log warn;"]);

open my $photo, '>', "$dir/photo.jpg" or die "photo.jpg: $!\n";
binmode $photo;
print $photo "\xff\xd8\xff\xe0\0\x10JFIF\0" . 'demo' x 5000 . "\xff\xd9";
close $photo;

for my $platform (@{ $demo->{platforms} }) {
    subtest $platform->{name} => sub { flow($platform) };
}

kill 'QUIT', $nginx;
is(Proc::finish($nginx, 30), 0, 'nginx ends');
is(`grep -E '\\[(alert|crit|emerg)\\]' $dir/error.log`, '', 'without an alert');

done_testing();


# (status, answer, headers) of what curl is asked to do

sub curl {
    my ($person, $path, @more) = @_;

    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        exec 'curl', '-s', '--noproxy', '*', '--cacert', $ca, '-b',
            $person->{jar}, '-c', $person->{jar}, '-w', "\n%{http_code}",
            map({ encode_utf8($_) } @more), $person->{url} . $path
            or POSIX::_exit(127);
    }

    my ($body, $status) = join('', <$out>) =~ /\A(.*)\n(\d+)\z/s;
    close $out;

    return ($status, $body);
}


sub get {
    my ($person, $path) = @_;

    my ($status, $body) = curl($person, $path);

    is($status, 200, "GET $path") or diag(decode_utf8($body));
    return $json->decode($body);
}


sub post {
    my ($person, $path, $data) = @_;

    my ($status, $body) = curl($person, $path,
        '-H', 'Content-Type: application/json',
        $person->{token} ? ('-H', "X-CSRF-Token: $person->{token}") : (),
        '-d', JSON::PP->new->encode($data));

    like($status, qr/^20[01]$/, "POST $path") or diag(decode_utf8($body));
    return $json->decode($body);
}


my $people = 0;

sub person {
    my ($platform) = @_;

    return { url => $platform->{url}, jar => "$dir/jar" . ++$people };
}


sub staff {
    my ($platform, $role) = @_;

    my ($account) = grep { $_->{roles} eq $role } @{ $platform->{accounts} };
    my $person = person($platform);

    post($person, '/api/login', { email => $account->{email},
                                  password => $account->{password} });
    $person->{token} = get($person, '/api/auth/me')->{token};
    return $person;
}


sub flow {
    my $platform = shift;

    my $she = person($platform);
    my $name = $item{ $platform->{name} };

    Proc::until_true('the platform', 30, sub {
        return (curl($she, '/api/health'))[0] == 200;
    });

    post($she, '/api/register', {
        name => '王小演', email => "curl-$$-$people\@flow.example",
        password => 'demo-2026',
        consent => get($she, '/api/privacy')->{version} });
    $she->{token} = get($she, '/api/auth/me')->{token};

    my ($item) = grep { $_->{name} eq $name } @{ get($she,
        '/api/item/?q=' . join '', map { sprintf '%%%02X', ord }
            split //, encode_utf8($name))->{items} };
    my $guide = get($she, "/api/item/$item->{code}");

    my @fields = (item => $item->{code}, 'applicant.name' => '王小演',
        'applicant.id_number' => '990101199001010019',
        'applicant.phone' => '10000001234',
        map { ("form.$_->{name}" => $_->{options} ? $_->{options}[0]
                   : $_->{type} eq 'integer' ? 60
                   : $_->{type} eq 'date' ? '2026-12-01' : '演示') }
        @{ $guide->{form} });
    my ($n, @uploads) = (0);

    for my $material (@{ $guide->{materials} }) {
        push @fields, "materials.$n.code" => $material->{code};
        push @uploads, '-F', "materials.$n.file=\@$dir/photo.jpg";
        $n++;
    }

    my ($status, $body) = curl($she, '/api/case/', '-H',
        "X-CSRF-Token: $she->{token}", @uploads,
        map { ('-F', "$fields[2 * $_]=$fields[2 * $_ + 1]") }
            0 .. @fields / 2 - 1);

    like($status, qr/^20[01]$/, 'applies') or return diag(decode_utf8($body));

    my $case = get($she, '/api/case/' . $json->decode($body)->{id});
    my $path = "/api/case/$case->{id}";

    is($case->{state}, 'submitted', 'submitted');
    is((curl({ %$she, token => undef }, "$path/withdraw", '-H',
             'Content-Type: application/json', '-d', '{}'))[0], 403,
       'nothing without the token');

    handle($platform, $she, $path);
}


sub handle {
    my ($platform, $she, $path) = @_;

    my $clerk = staff($platform, 'clerk');
    my $approver = staff($platform, 'approver');
    my $act = sub {
        my ($who, $what, %more) = @_;
        my $version = get($she, $path)->{version};
        return post($who, "$path/$what", { version => $version, %more });
    };

    $act->($clerk, 'receive');

    my ($file) = map { @{ $_->{files} } } @{ get($clerk, "$path/work")
                                             ->{materials} };
    is((curl($clerk, "$path/files/$file->{id}", '-o', "$dir/back.jpg"))[0],
       200, 'the photo');
    is(system('cmp', '-s', "$dir/photo.jpg", "$dir/back.jpg"), 0,
       'as it went up');

    $act->($clerk, 'correct', items => [{ material => 'M01',
                                          text => '看不清，请重新拍照。' }]);
    is(get($she, $path)->{state}, 'correction', 'a correction');

    my ($status, $body) = curl($she, "$path/resubmit", '-H',
        "X-CSRF-Token: $she->{token}", '-F', 'version='
        . get($she, $path)->{version}, '-F', 'materials.0.code=M01', '-F',
        "materials.0.file=\@$dir/photo.jpg");
    is($status, 200, 'resubmits') or diag(decode_utf8($body));

    $act->($clerk, 'accept');
    is((curl($clerk, "$path/grant", '-H', 'Content-Type: application/json',
             '-H', "X-CSRF-Token: $clerk->{token}", '-d', '{}'))[0], 403,
       'no clerk decides');
    $act->($approver, 'grant', result => { name => '决定书', number => '演 1' },
           opinion => '同意。');

    my $case = get($she, $path);
    is($case->{state}, 'closed', 'closed');
    is($case->{result}{number}, '演 1', 'the result');
    is(get($she, '/api/case/')->{count}, 1, 'in the own list');
}
