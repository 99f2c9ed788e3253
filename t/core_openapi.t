# GET openapi.json: all rows with their fields and replies, as tools of others
# accept it, and as the answers are.

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use OpenApi;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $http = $node->client;

my $res = $http->get('/api/openapi.json');
my $doc = $res->json;


# the document

is($res->code, 200, 'answers');
is($res->header('Content-Type'), 'application/json; charset=utf-8', 'type');
is($doc->{openapi}, '3.1.0', 'version');
is($doc->{info}{title}, '测试政务服务平台（演示）', 'title');
is($doc->{servers}[0]{url}, 'https://shandong.localhost:8443', 'server');
is_deeply([map { $_->{name} } @{ $doc->{tags} }], [Node::slices()], 'tags');

# both workers say the same, byte by byte

my %body = map { $node->client->get('/api/openapi.json')->body => 1 } 1 .. 8;

is_deeply([keys %body], [$res->body], 'always the same');
is($http->get('/api/openapi.json', headers => {
    'If-None-Match' => $res->header('ETag') })->code, 304, 'not modified');


# all operations

my (%id, @wrong);

for my $path (sort keys %{ $doc->{paths} }) {
    for my $method (sort keys %{ $doc->{paths}{$path} }) {
        push @wrong, map { "$method $path: $_" }
            operation($path, $method, $doc->{paths}{$path}{$method});
    }
}

is(join("\n", @wrong), '', 'operations');
cmp_ok(scalar keys %id, '>', 20, 'there are many');


sub operation {
    my ($path, $method, $op) = @_;

    my @wrong;
    my $id = $op->{operationId};
    my $ok = $op->{responses}{200}{content};
    my @names = sort $path =~ /\{(\w+)\}/g;
    my @said = sort map { $_->{name} }
        grep { ($_->{in} // '') eq 'path' } @{ $op->{parameters} // [] };

    push @wrong, "operationId $id" if $id !~ /^[a-z][a-z0-9_]+$/ or $id{$id}++;
    push @wrong, "names @said, not @names" if "@said" ne "@names";
    push @wrong, 'no schema of its reply'
        if grep { /json/ and !$ok->{$_}{schema} } keys %$ok;
    push @wrong, 'no security' if !$op->{security};
    push @wrong, 'no problems'
        if grep { !$op->{responses}{$_} } qw(400 422 503 default);
    push @wrong, 'a path with a slash at its end' if $path =~ m{/\z};
    push @wrong, forms($op->{requestBody}{content}) if $op->{requestBody};

    if ($method eq 'post') {
        push @wrong, 'no csrf' if !grep { $_->{csrf} } @{ $op->{security} };
        push @wrong, 'no 409' if !$op->{responses}{409};
    }

    return @wrong;
}


# each leaf of the JSON is an input of the forms

sub forms {
    my $content = shift;

    my @wrong;
    my @leaves = leaves($content->{'application/json'}{schema}, '');

    for my $type (grep { !/json/ } sort keys %$content) {
        my $schema = $content->{$type}{schema};

        for my $leaf (@leaves) {
            push @wrong, "$type has no $leaf"
                if !$schema->{properties}{$leaf}
                and !grep { $leaf =~ /$_/ }
                    keys %{ $schema->{patternProperties} // {} };
        }
    }

    push @wrong, 'no form'
        if !$content->{'application/x-www-form-urlencoded'};
    push @wrong, 'files without multipart'
        if !$content->{'multipart/form-data'}
        and grep { ($_->{description} // '') =~ /bytes/
                   and ($_->{format} // '') eq 'uuid' }
            values %{ $content->{'application/json'}{schema}{properties} };

    return @wrong;
}


sub leaves {
    my ($schema, $name) = @_;

    my $in = $schema->{properties};

    return map { leaves($in->{$_}, $name eq '' ? $_ : "$name.$_") }
        sort keys %$in if $in;
    return leaves($schema->{items}, "$name.0") if $schema->{items};
    return "$name.any" if $schema->{type} eq 'object';
    return $name;
}


# some of them closely

my $paths = $doc->{paths};

is_deeply([grep { $_->{in} eq 'path' }
           @{ $paths->{'/api/item/{code}'}{get}{parameters} }],
          [{ name => 'code', in => 'path', required => JSON::PP::true,
             schema => { type => 'string', maxLength => 31,
                         pattern => '^[0-9A-Za-z._-]+$' } }], 'a path');
is_deeply($paths->{'/api/item/{code}'}{get}{security}, [], 'for anyone');
is($paths->{'/api/item/{code}'}{get}{responses}{200}{content}
   {'application/json'}{schema}{'$ref'}, '#/components/schemas/item_show',
   'its reply');
is_deeply($paths->{'/api/audit'}{get}{security}, [{ session => [] }],
          'for a session');
is($paths->{'/api/audit'}{get}{description},
   'For operator. Its reading is audited.', 'for whom');
is_deeply([map { "$_->{in} $_->{name}" }
           @{ $paths->{'/api/audit'}{get}{parameters} }],
          ['query from', 'query to', 'query action', 'query uid',
           'query staff', 'query after', 'query limit'], 'a query');
is_deeply($paths->{'/api/audit/export'}{get}{responses}{200}{content},
          { 'text/csv' => { schema => { type => 'string' } } }, 'no JSON');
is($paths->{'/api/health'}{get}{responses}{503}{content}{'application/json'}
   {schema}{'$ref'}, '#/components/schemas/core_get_health',
   'the same with another status');
ok(!exists $paths->{'/api/help'}, 'no page');
is($http->get('/openapi.json')->code, 404, 'not among the pages');


# answers fit it

my $api = OpenApi->new($doc);
my ($code) = $node->db->admin(
    "SELECT code FROM zwfw.items WHERE state = 'in_use' LIMIT 1");
my $she = $node->client(roles => 'operator');

for (['/api/health', 200], ['/api/words/core', 200], ["/api/item/$code", 200],
     ['/api/openapi.json', 200], ['/api/words/none', 404],
     ['/api/item/none', 404], ['/api/audit', 401], ['/api/audit?x=1', 401])
{
    my ($path, $status) = @$_;
    my $res = $http->get($path);

    is($res->code, $status, "$path $status");
    is(join("\n", $api->errors('GET', $path, $status, $res->json)), '',
       "$path fits");
}

for (['/api/audit', 200], ['/api/audit/check', 200], ['/api/audit?x=1', 422],
     ['/api/audit?from=x&to=y', 422])
{
    my ($path, $status) = @$_;
    my $res = $she->get($path);

    is($res->code, $status, "$path $status");
    is(join("\n", $api->errors('GET', $path, $status, $res->json)), '',
       "$path fits");
}


# the tools of others accept it

my $dir = tempdir('zwfw-o-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $bin = ($ENV{NODE_PATH} // '.build/npm/node_modules') . '/.bin';

open my $out, '>:raw', "$dir/openapi.json" or die "$dir: $!\n";
print $out $res->body;
close $out or die "$dir: $!\n";


sub tool {
    my ($name, @arguments) = @_;

    local $ENV{REDOCLY_TELEMETRY} = 'off';
    my $printed = `cd $dir && $bin/$name @arguments 2>&1 </dev/null`;

    is($?, 0, $name) or diag(substr $printed, -3000);
    return $printed;
}


unlike(tool('redocly', 'lint', 'openapi.json'), qr/Error was generated/,
       'no error');
tool('openapi-typescript', 'openapi.json', '-o', 'api.d.ts');
tool('tsc', '--noEmit', '--strict', '--skipLibCheck', 'false', 'api.d.ts');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
