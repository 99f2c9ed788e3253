# t/lib/Schema.pm and t/lib/OpenApi.pm

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use Test::More;

use OpenApi;
use Schema;

my $json = JSON::PP->new->allow_nonref;

# schema, data that fits, data that does not with the errors

my @cases = (
    ['{"type":"string"}', ['"a"', '"1"', '""'],
     { '1' => '/: is integer, not string',
       'null' => '/: is null, not string',
       'true' => '/: is boolean, not string',
       '{}' => '/: is object, not string',
       '[]' => '/: is array, not string' }],
    ['{"type":"integer"}', ['0', '-5', '1.0', '12345678901'],
     { '"1"' => '/: is string, not integer',
       '1.5' => '/: is number, not integer' }],
    ['{"type":"number"}', ['1', '1.5', '1e3'],
     { '"1"' => '/: is string, not number' }],
    ['{"type":"boolean"}', ['true', 'false'],
     { '1' => '/: is integer, not boolean' }],
    ['{"type":["string","null"]}', ['"a"', 'null'],
     { '1' => '/: is integer, not string or null' }],
    ['{"type":"string","format":"date","title":"t","description":"d"}',
     ['"no date"'], {}],
    ['{"enum":["a",1,null]}', ['"a"', '1', 'null'],
     { '"b"' => '/: "b" is none of ["a",1,null]',
       '"1"' => '/: "1" is none of ["a",1,null]' }],
    ['{"pattern":"^[a-z]+$"}', ['"abc"', '7'],
     { '"a1"' => '/: does not match ^[a-z]+$' }],
    ['{"type":"object","required":["a"],"properties":{"a":{"type":"integer"},'
     . '"b":{"type":"array","items":{"type":"string"}}}}',
     ['{"a":1}', '{"a":1,"b":[]}', '{"a":1,"b":["x"],"c":null}'],
     { '{}' => '/a: is missing',
       '{"a":"1","b":["x",2]}' =>
           '/a: is string, not integer|/b/1: is integer, not string' }],
    ['{"properties":{"a":{}},"additionalProperties":false}',
     ['{"a":1}', '{}', '[]'], { '{"b":1}' => '/b: is not allowed' }],
    ['{"additionalProperties":{"type":"integer"}}', ['{"a":1}'],
     { '{"a":"x"}' => '/a: is string, not integer' }],
    ['{"anyOf":[{"type":"string"},{"required":["id"],"type":"object"}]}',
     ['"a"', '{"id":1}'],
     { '{}' => '/: fits none of anyOf (/: is object, not string; '
           . '/id: is missing)' }],
    ['{"items":{"items":{"type":"integer"}}}', ['[[1],[]]'],
     { '[[1],["a"]]' => '/1/0: is string, not integer' }],
);

for (@cases) {
    my ($schema, $good, $bad) = @$_;
    my $decoded = $json->decode($schema);

    is(join('|', Schema::errors($decoded, $json->decode($_))), '',
       "$_ fits $schema") for @$good;
    is(join('|', Schema::errors($decoded, $json->decode($_))), $bad->{$_},
       "$_ does not fit $schema") for sort keys %$bad;
}

for ('{"minimum":1}', '{"oneOf":[]}', '{"type":"text"}', '[]',
     '{"$ref":"other.json"}', '{"$ref":"#/nowhere"}')
{
    ok(!eval { Schema::errors($json->decode($_), 1, {}); 1 },
       "a schema outside the subset dies: $_");
}

my $api = OpenApi->new($json->decode(<<'END'));
{ "paths": {
    "/api/case/{id}": {
      "get": { "responses": {
        "200": { "content": { "application/json": {
          "schema": { "$ref": "#/components/schemas/case" } } } },
        "4XX": { "$ref": "#/components/responses/problem" } } } },
    "/api/case/count": {
      "get": { "responses": { "default": { "content": { "application/json": {
        "schema": { "type": "integer" } } } } } } },
    "/api/bare": { "get": { "responses": { "200": { "description": "" } } } } },
  "components": {
    "schemas": { "case": { "type": "object", "required": ["id"] } },
    "responses": { "problem": { "content": { "application/problem+json": {
      "schema": { "type": "object", "required": ["status", "code"] } } } } } } }
END

my @replies = (
    ['GET', '/api/case/1', 200, '{"id":1}', ''],
    ['HEAD', '/api/case/1?a=b', 200, '{"id":1}', ''],
    ['GET', '/api/case/1', undef, '{"id":1}', ''],
    ['GET', '/api/case/1', 200, '{}',
     'GET /api/case/1 200 /id: is missing'],
    ['GET', '/api/case/1', 404, '{"status":404,"code":"x"}', ''],
    ['GET', '/api/case/1', 404, '{"status":404}',
     'GET /api/case/1 4XX /code: is missing'],
    ['GET', '/api/case/1', 500, '{}', 'GET /api/case/1: no response 500'],
    ['GET', '/api/case/count', 200, '7', ''],
    ['GET', '/api/case/count', 200, '"7"',
     'GET /api/case/count default /: is string, not integer'],
    ['POST', '/api/case/1', 200, '{}', 'no operation POST /api/case/1'],
    ['GET', '/api/case/1/2', 200, '{}', 'no operation GET /api/case/1/2'],
    ['GET', '/api/bare', 200, '{}', 'GET /api/bare: no JSON in response 200'],
);

for (@replies) {
    my ($method, $path, $status, $data, $errors) = @$_;

    is(join('|', $api->errors($method, $path, $status, $json->decode($data))),
       $errors, "$method $path " . ($status // 'any success') . " $data");
}

done_testing();
