# Nobody sees what is not theirs: for each route of the tables a stranger, the
# wrong kind of user, one whose level is too low, and the owner of another row
# are refused; through subrequests, internal redirects and "satisfy any" as
# well; and the database by itself.  Generated from the tables.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my @rows = Rows::all();
my @closed = grep { !grep { $_ eq 'anyone' } @{ $_->{who} } } @rows;
my @read = grep { $_->{method} eq 'GET' } @closed;

my $n = 0;
my $ask = join '', map {
    '        location = /ask/' . $n++ . "/ {\n            auth_request "
        . Rows::url($_) . ";\n            empty_gif;\n        }\n" } @read;

my $node = Node->new(server => <<"END");
        location /any/ { satisfy any; allow all; zwfw_api; }
        location /include/ { ssi on; alias \$DIR/html/; }
        location /rewrite/ { rewrite ^/rewrite(/.*)\$ \$1 last; }
        location /error/ { error_page 403 = \$arg_to; return 403; }
$ask
END

open my $out, '>', $node->nginx->dir . '/html/page.html' or die "page: $!\n";
print $out '<!--# include virtual="$arg_to" -->';
close $out or die "page: $!\n";

my $nobody = $node->client;
my %body = (own => uuid(9), other => uuid(12));
my %client;


sub uuid {
    return sprintf '019a0000-0000-7000-8000-%012d', shift;
}


# somebody with a session of this kind, at a body other than that of the rows

sub client {
    my ($kind, %me) = @_;

    return $client{join ' ', $kind, %me} //= $node->client(
        kind => $kind, body => $body{other}, %me);
}


sub ask {
    my ($http, $row, %value) = @_;

    my $url = Rows::url($row, %value);

    return $http->get($url) if $row->{method} eq 'GET';
    return $http->post_json($url, Rows::sample($row->{fields}),
                            headers => { 'X-CSRF-Token' => token($http) });
}


sub token {
    my $http = shift;

    return $http->{token} //= $http->{cookies}{localhost}{zwfw}
        ? $http->get('/help')->hidden->{_token} : 'none';
}


sub told {
    my $res = shift;

    return $res->code . ' ' . ($res->is_json ? $res->json->{code} // '' : '');
}


cmp_ok(scalar @closed, '>', 30, 'routes that are not for anyone');


# at the gate

my @wrong;
my $gates = 0;

for my $row (@closed) {
    my $name = Rows::name($row);
    my %who = map { $_ => 1 } @{ $row->{who} };
    my @mounts = ('/api', '/any');

    for my $mount (@mounts) {
        expect("$mount $name: nobody", '401 no_session',
               ask($nobody, $row, mount => $mount));

        for my $kind (grep { !$who{$_} } Rows::kinds()) {
            expect("$mount $name: $kind", '403 not_allowed',
                   ask(client($kind), $row, mount => $mount));
        }

        next if !$row->{level};

        for my $kind (sort keys %who) {
            expect("$mount $name: $kind of a level too low",
                   '428 level_too_low', ask(client($kind,
                   level => $row->{level} - 1), $row, mount => $mount));
        }
    }
}


sub expect {
    my ($what, $told, $res) = @_;

    $gates++;
    push @wrong, "$what: " . told($res) if told($res) ne $told;
}

is(join("\n", @wrong), '', "$gates questions are refused at the gate");


# a page leads nobody to its data, but to the login

@wrong = ();

for my $row (grep { $_->{page} } @read) {
    my $res = $nobody->get(Rows::url($row, mount => ''));

    push @wrong, Rows::name($row) . ': ' . $res->code
        if $res->code != 303 and $res->code != 401
        or $res->code == 303 and $res->header('Location') !~ m{/login\?};
}

is(join("\n", @wrong), '', 'pages lead to the login');


# a page says to who has no right what can be done, and shows nothing of its own

@wrong = ();

for my $row (grep { $_->{page} or $_->{next} } @closed) {
    my %who = map { $_ => 1 } @{ $row->{who} };

    for my $kind (grep { !$who{$_} } Rows::kinds()) {
        my $res = ask(client($kind), $row, mount => '');

        push @wrong, Rows::name($row) . ": $kind: " . $res->code
            if $res->code != 403
            or $res->text !~ m{<h1>没有权限</h1>.*确认登录的是有权限的账户}s;
    }
}

is(join("\n", @wrong), '', 'pages of another kind of user are refused');


# by another way: included, asked for a permission, redirected inside

@wrong = ();

for my $i (0 .. $#read) {
    my $row = $read[$i];
    my $name = Rows::name($row);
    my $url = Rows::url($row);
    my $included = $nobody->get("/include/page.html?to=$url")->body;

    push @wrong, "$name included: " . substr $included, 0, 80
        if $included ne '' and $included !~ /"code":"no_session"/;
    push @wrong, "$name asked: $_" for grep { $_ ne '401' }
        $nobody->get("/ask/$i/")->code;
    push @wrong, "$name $_: " . told($nobody->get($_))
        for grep { told($nobody->get($_)) ne '401 no_session' }
            "/rewrite$url", "/error/?to=$url";
}

is(join("\n", @wrong), '', scalar(@read) . ' routes refuse inside as well');


# rows of somebody: a case, a draft, an item, a session

my $owner = $node->client;
my $res = $owner->post_json('/api/register', {
    email => 'owner@shandong.example', password => 'demo-2026',
    consent => $owner->get('/api/register')->json->{version},
    name => '王秀英',
});

is($res->code, 200, 'somebody registers') or diag($res->body);

my $code = $node->db->admin("SELECT code FROM zwfw.items
    WHERE state = 'in_use' AND online AND body = '$body{own}'
    ORDER BY code LIMIT 1");
my $draft = ask_as('item_manager', '/api/item/drafts', {
    catalog_code => $node->db->admin("SELECT code FROM zwfw.item_catalog
        WHERE state = 'in_use' ORDER BY code LIMIT 1") });
my $case = apply($owner, $owner->get("/api/item/$code")->json);

my ($session) = map { $_->{id} }
    @{ $owner->get('/api/auth/sessions')->json->{items} };
my %place = (case => { id => $case->json->{id} },
             item => { id => $draft->json->{id}, code => $code },
             auth => { id => $session });

my ($file) = map { @{ $_->{files} // [] } }
    @{ $owner->get("/api/case/$place{case}{id}")->json->{materials} };

($place{case}{file}) = $file->{path} =~ m{/([0-9a-f-]{36})\z};

my @seen = map { $owner->get("/api/case/$place{case}{id}$_")->code }
    '', "/files/$place{case}{file}", '/receipt';

is("@seen", '200 200 409', 'who sees the case and its file; no receipt yet');


# a case with all that its guide asks for

sub apply {
    my ($http, $item) = @_;

    my @fields = (
        _token => token($http), item => $item->{code},
        'applicant.name' => '王秀英', 'applicant.phone' => '10000000001',
        'applicant.id_number' => '990101199001010019',
    );
    my $i = 0;

    for (@{ $item->{form} }) {
        push @fields, "form.$_->{name}" => $_->{options} ? $_->{options}[0]
            : $_->{type} eq 'integer' ? 60
            : $_->{type} eq 'date' ? '2026-12-01' : '演示';
    }

    for (@{ $item->{materials} }) {
        push @fields, "materials.$i.code" => $_->{code},
            "materials.$i.file" => { name => "$i.pdf", content => "%PDF-1.4\n",
                                     type => 'application/pdf' };
        $i++;
    }

    my $res = $http->upload('/api/case/', \@fields);

    is($res->code, 200, 'and applies') or diag($res->body);
    return $res;
}


sub ask_as {
    my ($role, $url, $data) = @_;

    my $http = $node->client(roles => $role, body => $body{own});
    my $res = $http->post_json($url, $data,
        headers => { 'X-CSRF-Token' => token($http) });

    is($res->code, 200, "$role asks $url") or diag($res->body);
    return $res;
}


# who changes what everybody may read is refused, and not told that it is
# not there

my %public = map { $_->{path} => 1 }
    grep { "@{ $_->{who} }" eq 'anyone' } @rows;

@wrong = ();
my $others = 0;

for my $row (grep { $_->{path} =~ /\{/ } @closed) {
    my $place = $place{ $row->{slice} };

    push @wrong, Rows::name($row) . ': this test makes no such row' and next
        if !$place;

    for my $kind (@{ $row->{who} }) {
        my $told = told(ask(client($kind), $row, %$place));

        $others++;
        push @wrong, Rows::name($row) . ": another $kind: $told"
            if $told !~ ($public{ $row->{path} =~ s{\}.*}{\}}r } ? qr/^403 /
                                                            : qr/^404 /);
    }
}

is(join("\n", @wrong), '', "$others rows of others are not found");


# the database by itself: rights, row level security, whose functions are whose

my $db = $node->db;
my $json = JSON::PP->new;

is($db->admin(<<'SQL'), '', 'nginx\'s login may do nothing but call');
SELECT string_agg(format('%s.%s', table_schema, table_name), ' ')
  FROM information_schema.role_table_grants
 WHERE grantee IN ('zwfw_web', 'PUBLIC') AND table_schema IN ('zwfw', 'api')
SQL

# personal is what names a person, or hangs on what does

is($db->admin(<<'SQL'), '', 'tables with rows of persons have their policies');
SELECT string_agg(c.relname, ' ')
  FROM pg_class c
 WHERE c.relnamespace = 'zwfw'::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT c.relrowsecurity
   AND EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0
                  AND a.attname IN ('uid', 'user_id', 'owner', 'applicant',
                                    'email', 'email_index', 'phone',
                                    'id_number', 'case_id', 'session'))
SQL

is($db->admin(<<'SQL'), '', 'exactly one policy of each role that may read');
SELECT string_agg(t.relname || ' ' || r.rolname || ' ' || t.n, ', ')
  FROM pg_roles r, LATERAL (
       SELECT c.oid, c.relname,
              (SELECT count(*) FROM pg_policy p
                WHERE p.polrelid = c.oid AND r.oid = ANY (p.polroles)) AS n
         FROM pg_class c
        WHERE c.relnamespace = 'zwfw'::regnamespace AND c.relrowsecurity) t
 WHERE r.rolname IN ('zwfw_citizen', 'zwfw_staff', 'zwfw_system')
   AND t.n <> has_table_privilege(r.oid, t.oid,
                                  'SELECT, INSERT, UPDATE, DELETE')::int
SQL

is($db->admin(<<'SQL'), '', 'and no policy for all');
SELECT string_agg(p.polrelid::regclass::text, ' ') FROM pg_policy p
 WHERE 0 = ANY (p.polroles) OR NOT p.polpermissive
SQL

is($db->admin("SELECT string_agg(p.proname, ' ') FROM pg_proc p
               WHERE p.pronamespace = 'zwfw'::regnamespace
                 AND has_function_privilege('zwfw_web', p.oid, 'EXECUTE')
                 AND p.proname NOT IN ('once', 'schema_span', 'schema_version')"), '',
   'of our own functions it may call three');

note("functions that see all rows:\n",
     $db->admin("SELECT string_agg('    ' || p.oid::regprocedure, E'\\n'
                        ORDER BY p.oid::regprocedure::text)
                   FROM pg_proc p
                  WHERE p.proowner = 'zwfw_system'::regrole"));

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
