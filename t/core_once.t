# Idempotency-Key of rows with steps: registering twice by the same request is
# one account and one reply, of which a stranger sees nothing; log in and log
# out take no key.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Form;
use Node;
use Proc;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $db = $node->db;
my $version = $node->client->get('/api/register')->json->{version};
my $number = 0;


sub said {
    return { email => 'once' . ++$number . '@test.example', name => '张三',
             password => 'geheim-2026', consent => $version, @_ };
}


sub register {
    my ($said, $key, $http) = @_;

    $http //= $node->client;

    return $http->post_json('/api/register', $said,
        headers => $key ? { 'Idempotency-Key' => $key } : {});
}


sub problem {
    my $res = shift;

    return join ' ', $res->code, grep { defined } @{ $res->json }{qw(code field)};
}


# one after the other

my $said = said();
my $first = register($said, 'a-key-of-hers');

is($first->code, 200, 'an account') or diag($first->body);

my $http = $node->client;
my $again = register($said, 'a-key-of-hers', $http);
my $uid = $first->json->{uid};

is($again->code, 200, 'the same request again');
is($again->json->{uid}, $uid, 'is the same account');
is($http->get('/api/auth/me')->json->{uid}, $uid, 'that is logged in');
is($db->admin("SELECT count(*) FROM zwfw.audit WHERE object_id = '$uid'"), 1,
   'one line in the audit trail');

is(problem(register($said)), '409 already_registered email', 'without the key');
is(problem(register($said, 'another-key')), '409 already_registered email',
   'with another one');
is(problem(register({ %$said, password => 'guessed-2026' }, 'a-key-of-hers')),
   '409 already_registered email', 'who does not know the password gets none');

my $other = register(said(), 'a-key-of-hers');
is($other->code, 200, 'a stranger with that key');
isnt($other->json->{uid}, $uid, 'has an account of his own');

unlike($db->admin("SELECT string_agg(r::text, ' ') FROM zwfw.replies r"),
       qr/a-key-of-hers|geheim|test\.example/, 'what is stored tells nothing');


# at the same time

$said = said();

my %answer = map { $_ => 1 } Proc::together(2, sub {
    my $res = Http::until_answered(sub { register($said, 'a-double-click') });
    return $res->code . ' ' . ($res->json->{uid} // '');
});

is(scalar keys %answer, 1, 'two at once: one answer');
like((keys %answer)[0], qr/^200 [0-9a-f-]{36}$/, 'an account');


# a form

$said = said();

my $form = Form->new($node->client->get('/register'), '/register');
$form->set(map { $_ => $said->{$_} } qw(email name password));
$form->check('consent', 1);

my @codes = map { $form->send($node->client)->code } 1, 2;
is("@codes", '303 303', 'a form sent twice');


# rows that take no key

my @login = ('/api/login', { map { $_ => $said->{$_} } qw(email password) },
             headers => { 'Idempotency-Key' => 'x' });
my @sessions = map { my $http = $node->client; $http->post_json(@login);
                     $http->cookie('zwfw') } 1, 2;

isnt($sessions[0], $sessions[1], 'each log-in is one');

my $document = JSON::PP->new->utf8->decode(do {
    local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_OPENAPI};
    <> });
my (%offered, %writes);

for my $path (keys %{ $document->{paths} }) {
    my $post = $document->{paths}{$path}{post} // next;

    $offered{$path} = 1
        if grep { ($_->{'$ref'} // '') =~ /idempotency_key$/ }
            @{ $post->{parameters} // [] };
}

for my $row (grep { $_->{method} eq 'POST' } Rows::all()) {
    my %name = map { ($_->{name} => "{$_->{name}}") } @{ $row->{fields} };

    $writes{ Rows::url({ %$row, fields => [] }, %name) =~ s{/\z}{}r } = 1
        if ($row->{class} // '') eq 'WRITE';
}

is(join("\n", sort keys %offered), join("\n", sort keys %writes),
   'the key is offered where it counts');
ok($offered{'/api/register'}, 'to who registers');
ok(!$offered{$_}, "not for $_") for '/api/login', '/api/logout',
    '/api/auth/sessions/{id}/end';

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
