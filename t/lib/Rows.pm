package Rows;

# The tables of the slices as they stand in C: routes, fields, jobs, directives
# and variables.  Tests are generated from them.
#
#     for my $row (Rows::all()) { $row->{slice, method, path, who, level,
#         fields, call, class, steps, page, form, next, limit, cache, reads} }
#     Rows::url($row, id => $uuid);         # "/api/case/019a..."
#     Rows::sample($row->{fields});         # a body that passes the check
#
# who is a list of names; fields is a list of { name, type, flags, size,
# fields }; steps is a list of functions.

use strict;
use warnings;
use utf8;

my %kind = (NATURAL => ['natural'], CLERK => ['clerk'],
            APPROVER => ['approver'], SUPERVISOR => ['supervisor'],
            ITEM_MANAGER => ['item_manager'], ITEM_EDITOR => ['item_editor'],
            OPERATOR => ['operator'], ANYONE => ['anyone']);

my @staff = qw(clerk approver supervisor item_manager item_editor operator);

$kind{STAFF} = [@staff];
$kind{USER} = ['natural', @staff];

my %good = (
    uuid => '019a0000-0000-7000-8000-00000000ffff', text => '说明',
    line => '名称', code => 'a1', integer => 1, count => 1, boolean => \1,
    date => '2026-10-09',
    idnumber => '990101199001010019', phone => '10000000001',
    email => 'nobody@shandong.example', name => '王秀英',
    secret => 'demo-2026', cursor => 'WzFd', object => {}, list => [],
);

my $read;


sub kinds {
    return ('natural', @staff);
}


sub slices {
    open my $in, '<', 'modules/order' or die "modules/order: $!\n";

    return grep { -f "modules/$_/config" } map { /^(\w+)$/ } <$in>;
}


sub all {
    return @{ tables()->{rows} };
}


# names of functions that jobs call

sub jobs {
    return @{ tables()->{jobs} };
}


# { name, slice, block }: block is true inside of zwfw_platform

sub directives {
    return @{ tables()->{directives} };
}


sub variables {
    return @{ tables()->{variables} };
}


# C of a slice, without comments

sub source {
    my $slice = shift;

    local (@ARGV, $/) = sort glob "modules/$slice/*.c modules/$slice/*.h";
    my $text = join '', <>;

    utf8::decode($text);
    return $text =~ s{/\*.*?\*/}{}gsr;
}


sub tables {
    return $read if $read;

    $read = { rows => [], jobs => [], directives => [], variables => [] };

    for my $slice (slices()) {
        my $text = shared(source($slice));
        my %define = $text =~ /^#define (\w+)\s+\(?([0-9][0-9* ]*)\)?\s*$/mg;
        my %fields = arrays($text, 'zwfw_field_t');
        my %steps = arrays($text, 'ngx_http_zwfw_step_pt');
        my %routes = arrays($text, 'ngx_http_zwfw_route_t');
        my %jobs = arrays($text, 'ngx_http_zwfw_job_t');

        for my $name (sort keys %routes) {
            push @{ $read->{rows} },
                map { row($slice, $_, \%fields, \%steps, \%define) }
                $routes{$name}
                =~ /(\.method = NGX.*?)(?=\.method =|\z|null_)/gs;
        }

        for my $table (values %jobs) {
            push @{ $read->{jobs} },
                $table =~ /\.call = ngx_string\("(\w+)"/g,
                $table =~ /\{\s*ngx_string[^,]*,\s*\d+,\s*
                           ngx_string\("(\w+)"\)/gx;
        }

        words($slice, $text);
    }

    return $read;
}


# rows of fields that core, or a slice for itself, names once

sub shared {
    my $text = shift;

    my %row = (source('core') . $text)
        =~ /^#define (\w+)\s*\\\n(\s*\{ zwfw_string(?:[^\n]*\\\n)*[^\n]*\})$/mg;
    my $names = join '|', sort keys %row;

    return $text =~ s{^\s+($names),$}{$row{$1} =~ s/\\\n/\n/gr . ','}gemr;
}


# directives and variables

sub words {
    my ($slice, $text) = @_;

    my %commands = arrays($text, 'ngx_command_t');
    my %variables = arrays($text, 'ngx_http_variable_t');

    for my $table (sort keys %commands) {
        while ($commands{$table} =~ /ngx_string\("(\w+)"\),\s*(NGX\w+)/g) {
            push @{ $read->{directives} },
                { slice => $slice, name => $1,
                  block => $2 eq 'NGX_HTTP_ZWFW_PLATFORM_CONF' };
        }
    }

    push @{ $read->{variables} }, map { /ngx_string\("(\w+)"\)/g }
        map { $variables{$_} } sort keys %variables;
}


# name => text between the braces of each table of the type

sub arrays {
    my ($text, $type) = @_;

    return $text =~ /^static\s+\Q$type\E\s+(\w+)\[\] = \{\n(.*?)^\};/gms,
        $text =~ /^\Q$type\E\s+(\w+)\[\] = \{\n(.*?)^\};/gms;
}


sub row {
    my ($slice, $text, $fields, $steps, $define) = @_;

    my %row = (slice => $slice, level => 0, fields => []);

    ($row{method}) = $text =~ /NGX_HTTP_(GET|POST)/;
    ($row{level}) = $1 if $text =~ /\.level = (\d+)/;
    ($row{class}) = $text =~ /\.class = NGX_HTTP_ZWFW_(\w+)/;
    ($row{limit}) = $text =~ /\.limit = \{ \{ (\d+)/;
    ($row{cache}) = $text =~ /\.cache = \{ ngx_string\("([^"]+)"/;

    for (qw(path call page form next reads)) {
        ($row{$_}) = $text =~ /\.$_ = ngx_string\("([^"]*)"\)/;
    }

    my ($who) = $text =~ /\.who = ([^,]*),/;
    $row{who} = [map { @{ $kind{$_} // die "unknown $_ in $who\n" } }
                 $who =~ /NGX_HTTP_ZWFW_(\w+)/g];
    $row{reply} = 1 if $text =~ /\.reply =/;

    $row{fields} = fields($1, $fields, $define) if $text =~ /\.fields = (\w+)/;
    $row{steps} = [($steps->{$1} // die "no steps $1\n") =~ /^    (\w+)/gm]
        if $text =~ /\.steps = (\w+)/;
    $row{absolute} = $row{path} =~ m{^//};
    $row{path} = $row{absolute} ? substr $row{path}, 1
        : "/$slice$row{path}";

    return \%row;
}


sub fields {
    my ($name, $fields, $define) = @_;

    my $text = $fields->{$name} // die "no fields $name\n";
    my @list;

    while ($text =~ /\{\s*zwfw_string\("(\w+)"\),\s*zwfw_type_(\w+),
                     \s*([\w|]+),\s*(\w+),\s*(\w+)/gx)
    {
        my %field = (name => $1, type => $2, size => $4);
        my ($flags, $own) = ($3, $5);

        $field{in} = $flags =~ /PATH/ ? 'path'
            : $flags =~ /QUERY/ ? 'query' : 'body';
        $field{required} = $flags =~ /REQUIRED/ ? 1 : 0;
        $field{size} = eval($define->{$field{size}}
                            // die "no size $field{size}\n")
            if $field{size} !~ /^\d+$/;
        $field{fields} = fields($own, $fields, $define) if $own ne 'NULL';
        push @list, \%field;
    }

    return \@list;
}


sub name {
    my $row = shift;

    return "$row->{method} $row->{path}";
}


# path of the JSON, or with mount another; names in braces get values

sub url {
    my ($row, %value) = @_;

    my $mount = delete $value{mount} // '/api';
    my $path = $row->{path} =~ s/\{(\w+)\}/$value{$1} \/\/ place($row, $1)/ger;

    my @query = map { "$_->{name}=" . ($value{$_->{name}} // value($_)) }
        grep { $_->{in} eq 'query' and $_->{required} } @{ $row->{fields} };

    return $mount . $path . (@query ? '?' . join '&', @query : '');
}


sub place {
    my ($row, $name) = @_;

    my ($field) = grep { $_->{name} eq $name } @{ $row->{fields} };

    return $field ? value($field) : die name($row) . " has no field $name\n";
}


sub value {
    my $field = shift;

    return sample($field->{fields}) if $field->{type} eq 'group';
    return [sample($field->{fields})]
        if $field->{type} eq 'list' and $field->{required};
    return substr $good{uuid}, 0 if $field->{type} eq 'file';

    my $value = $good{ $field->{type} } // die "no value of $field->{type}\n";

    return $value;
}


# required members of a body, each of its type

sub sample {
    my $fields = shift;

    return { map { ($_->{name} => value($_)) }
             grep { $_->{in} eq 'body' and $_->{required} } @$fields };
}


1;
