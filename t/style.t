# The style that a machine can check: columns, tabs, comments, blank lines,
# prototypes, the length of functions and files.  The limits may only go down.

use strict;
use warnings;

use Test::More;

use constant {
    C_FUNCTION => 60,
    C_FILE => 810,
    SQL_FUNCTION => 45,
    PERL_FILE => 400,
};

my @c = sort glob('modules/*/*.c modules/*/*.h');
my @sql = sort glob('modules/*/*.sql modules/*/{api,tables}/*.sql');
my (@functions, @files);

for my $file (@c) {
    my @lines = lines($file);

    push @files, [ scalar @lines, $file ];
    is_deeply([ faults($file, @lines) ], [], "$file has no fault of style");
    push @functions, map { [ $_->[0], "$file $_->[1]" ] } functions(@lines);
    is_deeply([ unknown($file, @lines) ], [],
              "$file has prototypes of its static functions")
        if $file =~ /\.c$/;

    # nginx says which C library it wants, before that is there

    like((grep { /^#include/ } @lines)[0], qr/<ngx_config\.h>|"ngx_\w+\.h"/,
         "$file begins with nginx") if $file =~ m{/ngx_\w+\.[ch]$};
}

within('functions', C_FUNCTION, @functions);
within('files of C', C_FILE, @files);
within('functions of SQL', SQL_FUNCTION, map { sql_functions($_) } @sql);
within('files of Perl', PERL_FILE,
       map { [ scalar(my @l = lines($_)), $_ ] }
       glob('t/*.t t/lib/*.pm t/lib/*/*.pm'));

# what is acknowledged is on the disk, in tests and figures as well

is_deeply([ grep { grep { /\b(?:fsync|synchronous_commit)\b\W+(?:=|to)?\W*off\b/i }
                   lines($_) }
            'build.sh', @sql,
            glob('conf/* t/*.t t/*.sh t/lib/*.pm t/lib/*/*.pm t/bench/*') ],
          [], 'nothing turns off that commits wait for the disk');

done_testing();


sub lines {
    my $file = shift;

    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    chomp(my @lines = <$in>);

    return @lines;
}


sub faults {
    my ($file, @lines) = @_;
    my @faults;

    for my $n (0 .. $#lines) {
        my $line = $lines[$n];
        my $at = $n + 1;

        push @faults, "$at: more than 80 columns" if length $line > 80;
        push @faults, "$at: a tab" if $line =~ /\t/;
        push @faults, "$at: a space at the end" if $line =~ /\s$/;
        push @faults, "$at: a comment of two slashes"
            if $line =~ m{^\s*//} or $line =~ m{;\s+//};
        push @faults, "$at: no blank line before else"
            if $line =~ /^\s*\} else/ and $lines[$n - 1] ne '';
        push @faults, "$at: a macro of several statements needs braces"
            if $line =~ /^\s*ngx_(?:post|delete_posted)_event\(/
               and $lines[$n - 1] =~ /^\s*(?:if|for|while) \(.*\)$|^\s*else$/;
        push @faults, "$at: code commented out"
            if $line =~ m{^\s*#if 0} or $line =~ m{^\s*/\*.*;\s*\*/\s*$};
        push @faults, "$at: unfinished" if $line =~ /\b(TODO|FIXME|XXX)\b/;
        push @faults, "$at: one blank line between functions"
            if $n > 2 and $line =~ /^\w/ and $lines[$n - 1] eq ''
               and $lines[$n - 2] eq '}';
    }

    return @faults;
}


# name and length of each function: "name(" in the first column, then "{"

sub functions {
    my @found;
    my ($name, $start);

    for my $n (0 .. $#_) {
        my $line = $_[$n];

        if ($line =~ /^(\w+)\(/) {
            $name = $1;

        } elsif ($line eq '{' and $name) {
            $start = $n;

        } elsif ($line eq '}' and defined $start) {
            push @found, [ $n - $start + 1, $name ];
            undef $start;
            undef $name;
        }
    }

    return @found;
}


# static functions that are defined but not announced

sub unknown {
    my ($file, @lines) = @_;
    my $text = join "\n", @lines;
    my %announced = map { $_ => 1 }
        $text =~ /^static [^(;{=]*?(\w+)\([^{;]*?\)(?:\s+ZWFW_\w+)?;/mg;

    return grep { !$announced{$_} }
        $text =~ /^static [^\n(]*\n(\w+)\([^;{]*?\)\n\{/mg;
}


sub sql_functions {
    my $file = shift;
    my @found;
    my ($name, $n);

    for my $line (lines($file)) {
        if ($line =~ /^CREATE (?:OR REPLACE )?FUNCTION (\S+?)\(/) {
            ($name, $n) = ($1, 0);
        }

        next if !defined $name;

        $n++;

        if ($line =~ /\$\$;\s*$/) {
            push @found, [ $n, "$file $name" ];
            undef $name;
        }
    }

    return @found;
}


sub within {
    my ($what, $limit, @found) = @_;

    @found = sort { $b->[0] <=> $a->[0] } @found;

    note "the longest $what:";
    note sprintf '%5d %s', @$_ for @found[0 .. ($#found < 9 ? $#found : 9)];

    is_deeply([ map { "$_->[1]: $_->[0]" } grep { $_->[0] > $limit } @found ],
              [], "$what are within $limit lines");
}
