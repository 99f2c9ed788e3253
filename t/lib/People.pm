package People;

# Natural persons of a test: they come in through the API, as apps do.
#
#     my $her = People::register($node->client);
#     my $again = People::login($node->client, $her);
#
# Both give the answer of the API with what was sent, and leave the client with
# the cookie and with the token that its posts must carry.

use strict;
use warnings;

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


sub enter {
    my ($http, $path, $said) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 2;

    my $res = $http->post_json($path, $said);

    is($res->code, 200, "$path lets in") or diag($res->body);
    $http->{headers}{'X-CSRF-Token'} = $res->json->{token};

    return { %$said, %{ $res->json } };
}


1;
