package OpenApi;

# Finds the schema of a reply in an OpenAPI document and validates the reply.
#
#     my $api = OpenApi->new($document);        # decoded, or a file name
#     my @errors = $api->errors('GET', '/api/case/1', 200, $data);

use strict;
use warnings;

use JSON::PP;

use Schema;


sub new {
    my ($class, $document) = @_;

    if (!ref $document) {
        open my $in, '<:raw', $document or die "open $document: $!\n";
        local $/;
        $document = JSON::PP->new->utf8->decode(scalar readline $in);
    }

    return bless { document => $document }, $class;
}


# without a status any success will do

sub errors {
    my ($self, $method, $path, $status, $data) = @_;

    my $root = $self->{document};
    my $operation = $self->operation($method, $path);

    if (!$operation) {
        return "no operation $method $path"
            if ($status // 200) != 404 and ($status // 200) != 405;

        return map { "$method $path $status $_" } Schema::errors(
            $root->{components}{schemas}{Problem}, $data, $root);
    }

    my $responses = $operation->{responses};
    my ($key) = grep { exists $responses->{$_} }
        defined $status ? ($status, substr($status, 0, 1) . 'XX', 'default')
                        : (sort(grep { /^2/ } keys %$responses), 'default');

    return "$method $path: no response " . ($status // '2XX') if !$key;

    my $response = $responses->{$key};

    if (my $ref = $response->{'$ref'}) {
        $ref =~ m{^#/components/responses/(.+)} or die "bad reference $ref\n";
        $response = $root->{components}{responses}{$1};
    }

    my ($type) = sort grep { m{[/+]json$} } keys %{ $response->{content} };
    return "$method $path: no JSON in response $key" if !$type;

    my $schema = $response->{content}{$type}{schema};
    return "$method $path: no schema for response $key" if !$schema;

    return map { "$method $path $key $_" }
        Schema::errors($schema, $data, $root);
}


# of two paths that fit, the one with fewer braces

sub operation {
    my ($self, $method, $path) = @_;

    my $paths = $self->{document}{paths};

    $path =~ s/\?.*//s;
    $path =~ s{(?<=.)/\z}{};
    $method = lc $method;
    $method = 'get' if $method eq 'head';

    for (sort { $a =~ tr/{// <=> $b =~ tr/{// or $a cmp $b } keys %$paths) {
        my $pattern = join '[^/]+', map { quotemeta } split /\{[^}]*\}/, $_, -1;

        return $paths->{$_}{$method}
            if $path =~ /\A$pattern\z/ and $paths->{$_}{$method};
    }

    return;
}


1;
