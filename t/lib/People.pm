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
#
# Levels above 1 are proven, and staff is appointed, by rows in the database, as
# seeds do it; who is appointed logs in with $he.

use strict;
use warnings;
use utf8;

use File::Temp;
use Test::More;

my $number = 0;
my $hash;


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


# Somebody of the staff with roles at a body, and with a password whose hash is
# cheap to compare.  roles: "clerk,approver"; keys: another key file.

sub appoint {
    my ($db, %me) = @_;

    my %he = (email => address(), password => 'demo-2026',
              name => $me{name} // '张示例',
              uid => sprintf('019a0000-0000-7000-8000-0001%08d',
                             ++$number + 10_000));
    $hash //= bash('demo_scrypt 10 1');

    run($db, bash('HASH=$1; demo_keys "$2"; demo_account "${@:3}"', $hash,
        $me{keys} // $ENV{TEST_NGINX_ZWFW_KEYS}, $number + 10_000, 'staff',
        @he{qw(name email)}, $me{body}, join ' ', split /,/, $me{roles}));

    return \%he;
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
