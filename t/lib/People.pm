package People;

# People of a test: they come in through the API, as apps do.
#
#     my $her = People::register($node->client);
#     my $again = People::login($node->client, $her);
#
# Both give the answer of the API with what was sent, and leave the client with
# the cookie and with the token that its posts must carry.
#
#     People::seed($node->db);                        # the demo's accounts
#     my $manager = People::staff($node->client, 'hejing');
#
# staff() gives the client.
#
#     my $case = People::apply($http, $item);     # handed in: { id, number }
#
#     People::prove($db, $her->{uid}, 3);     # what no row of the API does yet
#     my $he = People::appoint($db, roles => 'clerk', body => $uuid);
#     my $she = People::appoint($db);
#
# Levels above 1 are proven, and staff is appointed, by rows in the database, as
# seeds do it; who is appointed logs in with $he, or $she.

use strict;
use warnings;
use utf8;

use File::Temp;
use Test::More;

use Stores;

my $number = 0;
my $hash;

# of a kind: the last number before its accounts, how many a test has, and what
# of them is kept for all tests
my %first = (staff => 10_000, natural => 20_000);
my (%count, %kept);
my $kept = 80;


sub register {
    my ($http, %more) = @_;

    my $version = $http->get('/api/register')->json->{version};
    my %said = (email => address(), password => 'geheim-2026', name => '张三',
                consent => $version, %more);

    return enter($http, '/api/register', \%said);
}


sub login {
    my ($http, $person) = @_;

    return enter($http, '/api/login', {
        map { $_ => $person->{$_} } qw(email password)
    });
}


sub address {
    return sprintf 'person%d.%d@test.example', $$, ++$number;
}


# the demo accounts, as build.sh makes them

sub seed {
    my $db = shift;

    run($db, scalar bash('demo_auth shandong "$TEST_NGINX_ZWFW_KEYS"'));
}


sub run {
    my ($db, $text) = @_;

    my $sql = File::Temp->new(SUFFIX => '.sql');

    print $sql $text;
    close $sql or die "$sql: $!\n";
    $db->file("$sql");
}


sub bash {
    my ($script, @arguments) = @_;

    open my $out, '-|', 'bash', '-c', ". modules/auth/demo.sh; $script",
        'demo.sh', map { Http::bytes($_) } @arguments
        or die "bash: $!\n";
    my $text = join '', <$out>;
    close $out or die "modules/auth/demo.sh failed\n";

    return $text;
}


sub staff {
    my ($http, $name) = @_;

    login($http, { email => "$name\@shandong.example",
                   password => 'demo-2026' });
    return $http;
}


# Somebody who is there, with a password whose hash is cheap to compare: a natural
# person or, with roles ("clerk,approver") at a body, one of the staff.  keys:
# another key file.

sub appoint {
    my ($db, %me) = @_;

    my $kind = $me{roles} ? 'staff' : 'natural';
    my $n = ++$count{$kind};
    my $name = $me{name} // ($me{roles} ? '张示例' : '张三');
    my $uid = sprintf '019a0000-0000-7000-8000-0001%08d', $first{$kind} + $n;
    my $sql = kept($kind, $n, $me{keys})
        // account($kind, $n, $n, $me{keys} // $ENV{TEST_NGINX_ZWFW_KEYS});

    $sql =~ s/\@NAME\@/Http::bytes($name =~ s{'}{''}gr)/e;
    $sql =~ s/ON CONFLICT DO NOTHING//g;    # twice is a mistake here
    run($db, join "\n", $sql, map {
        "INSERT INTO zwfw.staff_roles VALUES ('$uid', '$me{body}', '$_');"
    } split /,/, $me{roles} // '');

    return { email => "$kind$n\@test.example", password => 'demo-2026',
             name => $name, uid => $uid };
}


# Accounts sealed with the keys of a run: the first test makes them for all.

sub kept {
    my ($kind, $n, $keys) = @_;

    return if $keys and $keys ne $ENV{TEST_NGINX_ZWFW_KEYS};

    $kept{$kind} //= do {
        my $file = Stores::once("people-$kind", sub {
            my $new = shift;

            open my $out, '>:raw', $new or die "$new: $!\n";
            print $out account($kind, 1, $kept, $ENV{TEST_NGINX_ZWFW_KEYS});
            close $out or die "$new: $!\n";
        }) // return;

        open my $in, '<', $file or die "$file: $!\n";
        local $/ = '';
        [readline $in];
    };

    return $kept{$kind}[$n - 1];
}


# SQL of the accounts from one number to another, an empty line behind each

sub account {
    my ($kind, $from, $to, $keys) = @_;

    $hash //= bash('demo_scrypt 10 1');

    return bash(<<'END', $hash, $keys, $kind, $first{$kind}, $from, $to);
HASH=$1
demo_keys "$2"

for n in $(seq "$5" "$6"); do
    demo_account $(($4 + n)) "$3" @NAME@ "$3$n@test.example"
    echo
done
END
}


sub grant {
    my ($db, $uid, $body, $role) = @_;

    $db->admin("INSERT INTO zwfw.staff_roles VALUES ('$uid', '$body', '$role')");
}


# the level of an account from its next log-in on; 0 for none

sub prove {
    my ($db, $uid, $level) = @_;

    $db->admin("DELETE FROM zwfw.level_proofs WHERE user_id = '$uid'");
    $db->admin("INSERT INTO zwfw.level_proofs
                VALUES ('$uid', $level, 'seeded', now())") if $level;
}


# What a guide asks for, as a natural person fills it in; a path for drafts.  A
# client of a Node says its token by itself.

sub apply {
    my ($http, $item, $path) = @_;

    my $guide = $http->get("/api/item/$item")->json;
    my $i = 0;
    my $res = $http->upload($path // '/api/case/', [
        item => $item, 'applicant.name' => '王秀英',
        'applicant.phone' => '10000000001',
        'applicant.id_number' => '990101199001010019',
        (map { ("form.$_->{name}" => $_->{options} ? $_->{options}[0]
                : $_->{type} eq 'integer' ? 60
                : $_->{type} eq 'date' ? '2026-12-01' : '演示') }
         @{ $guide->{form} }),
        map { ("materials.$i.code" => $_->{code}, 'materials.' . $i++ . '.file'
               => { name => '材料.pdf', content => "%PDF-1.4\n",
                    type => 'application/pdf' }) } @{ $guide->{materials} },
    ], headers => { 'X-CSRF-Token' => $http->{token}
                        // $http->{headers}{'X-CSRF-Token'} });

    is($res->code, 200, "applies for $item") or diag($res->text);
    return $res->json;
}


sub enter {
    my ($http, $path, $said) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 2;

    my $res = $http->post_json($path, $said);

    is($res->code, 200, "$path lets in") or diag($res->body);
    $http->{headers}{'X-CSRF-Token'} = $res->json->{token};

    return { %$said, %{ $res->json } };
}


1;
