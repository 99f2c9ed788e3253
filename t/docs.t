# The READMEs say what there is, and nothing else: each directive, variable,
# job and endpoint of the tables, with its audience and level; and each code of
# a refusal has a Chinese sentence.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Rows;
use Tree;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

use constant LINES => 200;

my @slices = Rows::slices();
my %readme = map { $_ => text("modules/$_/README.md") } @slices;


sub text {
    my $file = shift;

    open my $in, '<:encoding(UTF-8)', $file or return '';
    local $/;
    return scalar readline $in;
}


sub same {
    my ($told, $there, $name) = @_;

    my %told = map { $_ => 1 } @$told;
    my %there = map { $_ => 1 } @$there;

    is(join("\n", (map { "not in the README: $_" }
                   grep { !$told{$_} } sort keys %there),
            (map { "only in the README: $_" }
             grep { !$there{$_} } sort keys %told)), '', $name);
}


for my $slice (@slices) {
    my $text = $readme{$slice};
    my @lines = split /\n/, $text, -1;

    # what was measured is looked up, not read
    my $read = () = $text =~ s/\n^## Figures\n.*?(?=\n## |\z)//msr =~ /\n/g;

    ok($read > 0 && $read < LINES, "$slice: a README of at most "
       . LINES . ' lines');
    is(join("\n", grep { length > 120 && !/^\|/ } @lines), '',
       "$slice: lines that can be read");

    my @directives = $text =~ /^    Syntax:  (\w+)/mg;
    my @block = ($text =~ /^\| Syntax \|.*\n\|.*\n((?:\|.*\n)+)/m)[0] // '';

    push @directives, map { "in the block: $_" }
        map { /^\| `(\w+)/mg } @block;

    same(\@directives, [map { ($_->{block} ? 'in the block: ' : '')
                              . $_->{name} }
                        grep { $_->{slice} eq $slice } Rows::directives()],
         "$slice: directives");

    same([map { "$_->[0] $_->[1] for $_->[2], level $_->[3]" }
          map { [/^\| (GET|POST) \| `([^`]*)` \| ([^|]*) \| (\d) \| \S/] }
          grep { /^\| (?:GET|POST) / } @lines],
         [map { Rows::name($_) . ' for ' . audience($_)
                . ", level $_->{level}" }
          grep { $_->{slice} eq $slice } Rows::all()],
         "$slice: endpoints");

    same([$text =~ /^\| `([a-z]+_[a-z_]+)` \| \d+ (?:s|min|h) \| \S/mg],
         [job_names($slice)], "$slice: jobs");

    like($text, qr/^## Glossary\n.*\p{Han}/ms, "$slice: a glossary");
    like($text, qr/5\.2\.\d/, "$slice: its clause of GB\/T 39047");
}

same([map { /^\| `\$(\w+)`/mg } values %readme], [Rows::variables()],
     'variables');


sub audience {
    my $row = shift;

    my @who = @{ $row->{who} };
    my $natural = grep { $_ eq 'natural' } @who;

    return $natural ? 'user' : 'staff' if @who - $natural == 6;
    return join ', ', @who;
}


# the names, which are not always those of the calls

sub job_names {
    my $slice = shift;

    return map { /\{\s*(?:\.name = )?ngx_string\("(\w+)"\)/g }
        map { /^static ngx_http_zwfw_job_t\s.*?^\};/gms } Rows::source($slice);
}


# codes that C and SQL refuse with, and the words for them

my (%code, %word);

for my $slice (@slices) {
    my $words = JSON::PP->new->decode(text("html/$slice/words.json"));

    $word{$slice} = { %{ $words->{error} // {} } };

    my $c = Rows::source($slice);
    my $sql = join '', map { text($_) =~ s/--.*//gr }
        grep { -f } glob "modules/$slice/{api.sql,api/*.sql,tables/*.sql}";

    $code{$slice}{$_} = 1 for
        $c =~ /\b\w*refuse\(\s*r,[^;]*?"([a-z]+_[a-z_]+|missing|busy)"/g,
        map({ /"([a-z_]+)"/g } $c =~ /\b\w*refuse\(\s*r,([^;]*;)/g),
        $sql =~ /\bfail\(\s*'([a-z_]+)'/g, rules($sql);

    $code{$slice}{$_} = 1 for map { /"((?:bad|too|not|duplicate)_[a-z_]+)"/g }
        map { text($_) } glob "modules/$slice/zwfw_{type,type_person,field,"
            . "form,json_parse,multipart,multipart_head,upload}.c";

    $code{$slice}{$_} = 1 for
        map { /\{ "[0-9A-Z]{2,5}", \w+, "([a-z_]+)"/g } $c;
}


# the rules of guides: VALUES (broken, code, field), ...

sub rules {
    my $sql = shift;

    return map { s/\bIN \([^()]*\)//gr
                 =~ /,\s*'([a-z_]+)',\s*'[a-z_.]+'\s*\)/g }
        $sql =~ /FUNCTION zwfw\.item_rules_\w+(.*?)^END/gms;
}


# each job has a name that operators can read

my $names = JSON::PP->new->decode(text('html/core/words.json'))->{job};

is(join(' ', grep { ($names->{$_} // '') !~ /\p{Han}/ }
        map { job_names($_) } @slices), '', 'each job has a Chinese name');


my (@without, $codes);

for my $slice (@slices) {
    for my $code (sort keys %{ $code{$slice} }) {
        my $word = $word{$slice}{$code} // $word{core}{$code};

        $codes++;
        push @without, "$slice: $code"
            if !defined $word or $word !~ /\p{Han}.*[。！]$/;
    }
}

cmp_ok($codes, '>', 80, 'codes are found');
is(join("\n", @without), '', "each of $codes codes has a Chinese sentence");

# The number of a slice's functions, with the sum that it is of: another sum is
# another number, so that an older tree does not bring older functions back.

my %release = map { /^(\w+) api ([0-9a-f]{64}) (\d+) / ? ($1, [$2, $3]) : () }
    split /\n/, Tree::shell('. ./build.sh help >/dev/null; migration_files');

for my $slice (sort keys %release) {
    my ($sum, $number) = @{ $release{$slice} };
    my $file = "modules/$slice/release";
    my ($noted) = -f $file ? text($file) =~ /^$number (\w+)\n\z/ : ();

    is($noted // 'none', $sum, $file)
        or diag('functions changed: write "' . ($number + 1) . " $sum\"");
}

# each change of it in the history raised it

for my $change (split /^commit /m, eval { Tree::shell(Tree::git() . ' log -p -m'
    . " --full-history --unified=0 --format='commit %h' -- 'modules/*/release'"
    . ' 2>/dev/null') } // '')
{
    my ($commit) = $change =~ /^(\w+)/ or next;

    for (split /^diff /m, $change) {
        my ($old) = /^-(\d+) /m;
        my ($new) = /^\+(\d+) /m;

        ok($new > $old, "$commit: from $old to $new")
            if defined $old && defined $new;
    }
}

done_testing();
