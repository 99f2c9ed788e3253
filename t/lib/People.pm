package People;

# Natural persons of a test: they come in through the API, as apps do.
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

use strict;
use warnings;

use File::Temp;
use Test::More;

my $number = 0;


sub register {
    my ($http, %more) = @_;

    my $version = $http->get('/api/register')->json->{version};
    my %said = (email => sprintf('person%d.%d@test.example', $$, ++$number),
                password => 'geheim-2026', name => "\x{5f20}\x{4e09}",
                consent => $version, %more);

    return enter($http, '/api/register', \%said);
}


sub login {
    my ($http, $person) = @_;

    return enter($http, '/api/login', {
        map { $_ => $person->{$_} } qw(email password)
    });
}


# the demo accounts, as build.sh makes them

sub seed {
    my $db = shift;

    my $sql = File::Temp->new(SUFFIX => '.sql');

    print $sql scalar `bash -c '. modules/auth/demo.sh
        demo_auth shandong "\$TEST_NGINX_ZWFW_KEYS"'`;
    close $sql or die "$sql: $!\n";
    $db->file("$sql");
}


sub staff {
    my ($http, $name) = @_;

    login($http, { email => "$name\@shandong.example",
                   password => 'demo-2026' });
    return $http;
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
