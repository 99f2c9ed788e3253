package OpenApi;

# Finds the schema of a reply in an OpenAPI document and validates the reply.
#
#     my $api = OpenApi->new($document);        # decoded, or a file name
#     my @errors = $api->errors('GET', '/api/case/1', 200, $data);
#
# OpenApi->shared is that of the build which is tested: one for all clients of
# a process.  Files are decoded once and kept beside themselves for the next
# process, as that takes a second.

use strict;
use warnings;

use JSON::PP;
use Storable qw(nstore retrieve);

use Schema;


my $shared;


sub new {
    my ($class, $document) = @_;

    return bless { document => $document }, $class;
}


sub shared {
    my $class = shift;

    return $shared //= $class->new($ENV{TEST_NGINX_ZWFW_OPENAPI} // die
        "TEST_NGINX_ZWFW_OPENAPI is not set: run ./build.sh test FILE\n");
}


sub document {
    my $self = shift;

    $self->{document} = decoded($self->{document}) if !ref $self->{document};

    return $self->{document};
}


sub decoded {
    my $file = shift;

    my $kept = "$file.kept";

    return retrieve($kept) if -e $kept and -M $kept <= -M $file;

    open my $in, '<:raw', $file or die "open $file: $!\n";
    my $document = JSON::PP->new->utf8->decode(do { local $/; <$in> });

    if (-w $file and nstore($document, "$kept.$$")) {
        rename "$kept.$$", $kept or die "rename $kept: $!\n";
    }

    return $document;
}


# without a status any success will do; what is refused before there is a row
# is a problem like any other

sub errors {
    my ($self, $method, $path, $status, $data) = @_;

    my $root = $self->document;
    my $operation = $self->operation($method, $path);

    if (!$operation) {
        return "no operation $method $path"
            if ($status // 200) < 400;

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

    $path =~ s/\?.*//s;
    $path =~ s{(?<=.)/\z}{};
    $method = lc $method;
    $method = 'get' if $method eq 'head';

    for ($self->patterns) {
        my ($pattern, $operations) = @$_;

        return $operations->{$method}
            if $operations->{$method} and $path =~ $pattern;
    }

    return;
}


sub patterns {
    my $self = shift;

    return @{ $self->{patterns} } if $self->{patterns};

    my $paths = $self->document->{paths};

    $self->{patterns} = [map {
        my $pattern = join '[^/]+', map { quotemeta } split /\{[^}]*\}/, $_, -1;
        [qr/\A$pattern\z/, $paths->{$_}];
    } sort { $a =~ tr/{// <=> $b =~ tr/{// or $a cmp $b } keys %$paths];

    return @{ $self->{patterns} };
}


1;
