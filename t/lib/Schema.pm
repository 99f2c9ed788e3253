package Schema;

# Validates decoded JSON (JSON::PP) against the subset of JSON Schema that the
# replies of this project are described in.  A keyword outside the subset is an
# error of the schema and dies: a check must never be silently skipped.
#
#     my @errors = Schema::errors($schema, $data);      # "/items/0/id: ..."
#     my @errors = Schema::errors($schema, $data, $root);
#
# The root is the document that "$ref": "#/..." points into.

use strict;
use warnings;

use B;
use JSON::PP;

my %ignored = map { $_ => 1 }
    qw($schema title description format default example examples);

my %keywords = (
    '$ref'               => \&check_ref,
    type                 => \&check_type,
    enum                 => \&check_enum,
    pattern              => \&check_pattern,
    anyOf                => \&check_any_of,
    required             => \&check_required,
    properties           => \&check_properties,
    additionalProperties => \&check_additional,
    items                => \&check_items,
);

my $json = JSON::PP->new->canonical->allow_nonref;


sub errors {
    my ($schema, $data, $root) = @_;

    my @errors;

    check({ root => $root, errors => \@errors }, $schema, $data, '');
    return @errors;
}


sub check {
    my ($run, $schema, $data, $path) = @_;

    if (type_of($schema) eq 'boolean') {
        wrong($run, $path, 'is not allowed') if !$schema;
        return;
    }

    die "schema of $path is not an object\n" if ref $schema ne 'HASH';

    for my $keyword (sort keys %$schema) {
        next if $ignored{$keyword};

        my $code = $keywords{$keyword}
            or die "schema of " . ($path || '/') . ": unknown \"$keyword\"\n";

        $code->($run, $schema, $data, $path);
    }
}


sub wrong {
    my ($run, $path, $text) = @_;

    push @{ $run->{errors} }, ($path || '/') . ": $text";
}


sub type_of {
    my $data = shift;

    return 'null' if !defined $data;
    return 'boolean' if JSON::PP::is_bool($data);
    return 'object' if ref $data eq 'HASH';
    return 'array' if ref $data eq 'ARRAY';
    die 'not JSON: ' . ref($data) . "\n" if ref $data;

    # a string keeps its text, a number has none, as JSON::PP decodes them
    my $flags = B::svref_2object(\$data)->FLAGS;
    return 'string' if $flags & B::SVp_POK;
    return $data == int $data ? 'integer' : 'number'
        if $flags & (B::SVp_IOK | B::SVp_NOK);
    return 'string';
}


sub check_ref {
    my ($run, $schema, $data, $path) = @_;

    my $ref = $schema->{'$ref'};
    my $target = $run->{root};

    die "\"\$ref\": \"$ref\" is not local\n" if $ref !~ s{^#/}{};

    for (split m{/}, $ref) {
        my $name = s{~1}{/}gr =~ s{~0}{~}gr;
        $target = ref $target eq 'HASH' ? $target->{$name} : undef;
    }

    die "\"\$ref\": \"#/$ref\" leads nowhere\n" if !defined $target;
    check($run, $target, $data, $path);
}


sub check_type {
    my ($run, $schema, $data, $path) = @_;

    my $want = $schema->{type};
    my @want = ref $want ? @$want : $want;
    my $type = type_of($data);

    for (@want) {
        die "schema of $path: unknown type \"$_\"\n"
            if !/^(?:null|boolean|object|array|string|integer|number)$/;
        return if $_ eq $type or $_ eq 'number' and $type eq 'integer';
    }

    wrong($run, $path, "is $type, not " . join ' or ', @want);
}


sub check_enum {
    my ($run, $schema, $data, $path) = @_;

    my $text = $json->encode($data);

    wrong($run, $path, "$text is none of " . $json->encode($schema->{enum}))
        if !grep { $json->encode($_) eq $text } @{ $schema->{enum} };
}


sub check_pattern {
    my ($run, $schema, $data, $path) = @_;

    return if type_of($data) ne 'string';

    wrong($run, $path, "does not match $schema->{pattern}")
        if $data !~ /$schema->{pattern}/;
}


sub check_any_of {
    my ($run, $schema, $data, $path) = @_;

    my @all;

    for (@{ $schema->{anyOf} }) {
        my @errors;

        check({ %$run, errors => \@errors }, $_, $data, $path);
        return if !@errors;
        push @all, join ', ', @errors;
    }

    wrong($run, $path, 'fits none of anyOf (' . join('; ', @all) . ')');
}


sub check_required {
    my ($run, $schema, $data, $path) = @_;

    return if type_of($data) ne 'object';

    for (@{ $schema->{required} }) {
        wrong($run, "$path/$_", 'is missing') if !exists $data->{$_};
    }
}


sub check_properties {
    my ($run, $schema, $data, $path) = @_;

    return if type_of($data) ne 'object';

    for (sort keys %{ $schema->{properties} }) {
        check($run, $schema->{properties}{$_}, $data->{$_}, "$path/$_")
            if exists $data->{$_};
    }
}


sub check_additional {
    my ($run, $schema, $data, $path) = @_;

    return if type_of($data) ne 'object';

    for (sort keys %$data) {
        check($run, $schema->{additionalProperties}, $data->{$_}, "$path/$_")
            if !exists $schema->{properties}{$_};
    }
}


sub check_items {
    my ($run, $schema, $data, $path) = @_;

    return if type_of($data) ne 'array';

    for (0 .. $#$data) {
        check($run, $schema->{items}, $data->[$_], "$path/$_");
    }
}


1;
