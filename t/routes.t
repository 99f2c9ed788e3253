# Routes and functions fit: each call has a function, each function of api is
# called by a row, a job or a step, a GET cannot write, and all of them are
# made alike.  design.md, 2 and 3

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Rows;
use Schema;
use Sql;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $db = Sql->new(slices => [Rows::slices()]);
my $json = JSON::PP->new;
my @rows = Rows::all();

cmp_ok(scalar @rows, '>', 40, 'the tables of routes are read');

# what nginx says of itself, in the document that build.sh has fetched

my $document = $json->utf8->decode(do {
    local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_OPENAPI}
        // die "TEST_NGINX_ZWFW_OPENAPI is not set: run ./build.sh test FILE\n";
    <> });
my @operations = map { my $path = $_; map { uc . " $path" }
                       keys %{ $document->{paths}{$path} } }
    keys %{ $document->{paths} };

$json->utf8(0);

is(join("\n", sort @operations),
   join("\n", sort map { $_->{method} . ' ' . Rows::url({ %$_, fields => [] },
            map { ($_->{name} => "{$_->{name}}") } @{ $_->{fields} })
            =~ s{/\z}{}r }
        grep { $_->{path} ne '/' and $_->{call} || $_->{steps} } @rows),
   'they are those that nginx has');

# statistics name each row in words

my $words = $json->utf8->decode(do {
    local (@ARGV, $/) = 'html/core/words.json';
    <> });

is(join("\n", grep { !$words->{act}{$_} } map { Rows::name($_) } @rows), '',
   'each row has a word, for statistics');
$json->utf8(0);

my %function = map { $_->{name} => $_ } @{ $json->decode($db->admin(<<'SQL')) };
SELECT json_agg(json_build_object('name', p.proname, 'volatile', p.provolatile,
           'definer', p.prosecdef, 'owner', p.proowner::regrole::text,
           'arguments', pg_get_function_arguments(p.oid),
           'result', pg_get_function_result(p.oid),
           'config', array_to_string(p.proconfig, '; '),
           'comment', obj_description(p.oid, 'pg_proc'),
           'language', l.lanname))
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'api'::regnamespace
SQL


# what C calls besides the rows: the words of step lists and of jobs

my %named = map { $_ => 1 } Rows::jobs(),
    map { Rows::source($_) =~ /ngx_string\("(\w+)"\)/g } Rows::slices();

my @wrong;

for my $row (@rows) {
    my $name = Rows::name($row);
    my $f = $function{ $row->{call} // '' };

    push @wrong, "$name: neither a call nor steps nor a page"
        if !$row->{call} and !$row->{steps} and !$row->{page};
    push @wrong, "$name: steps without a reply"
        if $row->{steps} and !$row->{reply}
        and $row->{steps}[-1] ne 'ngx_http_zwfw_step_file';
    next if !$row->{call};

    push @wrong, "$name: there is no api.$row->{call}" and next if !$f;
    push @wrong, "$name: api.$row->{call} is not STABLE"
        if $row->{method} eq 'GET' and $f->{volatile} ne 's';
    push @wrong, "$name: api.$row->{call} is not VOLATILE"
        if $row->{method} eq 'POST' and $f->{volatile} ne 'v';
    push @wrong, "$name: class " . ($row->{class} // 'none')
        if ($row->{class} // '') !~ ($row->{method} eq 'GET'
                                     ? qr/^(?:READ|SLOW)$/ : qr/^WRITE$/);
}

is(join("\n", @wrong), '', 'each call has its function');
is(join(' ', grep { !$function{$_} } Rows::jobs()), '', 'each job, too');


# a name that is nowhere in C is called by nobody

my %called = map { ($_->{call} // '') => 1 } @rows;

is(join(' ', grep { !$called{$_} and !$named{$_} } sort keys %function), '',
   'each function is called');


# all of them are made alike

@wrong = ();

for my $name (sort keys %function) {
    my $f = $function{$name};
    my $schema = eval { $json->decode($f->{comment} // '') };

    push @wrong, "$name: arguments $f->{arguments}"
        if $f->{arguments} ne 'args jsonb, body jsonb';
    push @wrong, "$name: returns $f->{result}" if $f->{result} ne 'json';
    push @wrong, "$name: not SECURITY DEFINER" if !$f->{definer};
    push @wrong, "$name: language $f->{language}"
        if $f->{language} ne 'plpgsql';
    push @wrong, "$name: search_path"
        if ($f->{config} // '') !~ /search_path=zwfw, pg_temp(?:;|\z)/;
    push @wrong, "$name: owner $f->{owner}"
        if $f->{owner} !~ /^zwfw_(?:citizen|staff|system)$/;
    push @wrong, "$name: its comment is no JSON Schema"
        if ref $schema ne 'HASH' or !($schema->{type} // $schema->{anyOf});

    # dies of a keyword that the harness could not check
    eval { walk($schema, $name) if $schema; 1 } or push @wrong, "$name: $@";
}

is(join("\n", @wrong), '', 'functions are made alike');

done_testing();


sub walk {
    my ($schema, $path) = @_;

    return if ref $schema ne 'HASH';

    Schema::errors({ %$schema, map { ($_ => {}) }
                     grep { exists $schema->{$_} } qw(items) }, undef);

    walk($schema->{properties}{$_}, "$path.$_")
        for sort keys %{ $schema->{properties} // {} };
    walk($schema->{$_}, $path) for qw(items additionalProperties);
}
