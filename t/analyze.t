# What can be seen without running it: cppcheck has nothing to say of modules,
# clang-tidy and gcc's analyzer have nothing to say of the units that read what
# strangers send, each check that is left out has its reason, and each tool finds
# a fault that is planted for it.  ZWFW_LONG=1: all tools over all of modules, and
# clang's analyzer.

use strict;
use warnings;

use File::Temp;
use Test::More;

my $dir = File::Temp->newdir('zwfw-y-XXXXXX', TMPDIR => 1);


sub analyze {
    my $said = `./build.sh analyze @_ 2>&1`;

    return ($? >> 8, $said);
}


sub put {
    my ($name, $text) = @_;

    open my $out, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $out $text;
    close $out or die "$dir/$name: $!\n";
    return "$dir/$name";
}


my ($code, $said) = analyze();

is($code, 0, 'nothing is found') or diag($said);
my @all = glob 'modules/*/*.c';
my $most = $ENV{ZWFW_LONG} ? @all : () = glob 'modules/*/zwfw_*.c';

like($said, qr/^analyze: ${\ scalar @all} files, $most by all,/m,
     'in many files');
cmp_ok($most, '>', 20, 'by all tools');

open my $in, '<', 't/data/analyze/checks' or die "checks: $!\n";
my @lines = grep { !/^#|^$/ } <$in>;

cmp_ok(scalar @lines, '<=', 17, 'few checks are left out');
is(join('', grep { !/^(?:clang-tidy|cppcheck|gcc|ubsan)  \S+  \S+ \S+/ } @lines),
   '', 'each of a tool, with a reason');
is(`grep -nE -e '-W?no-(analyzer|sanitize)|--suppress=[a-z]' build.sh t/*.sh`, '',
   'and nowhere else');
is(`grep -rnE 'cppcheck-suppress|NOLINT|GCC diagnostic' modules`, '',
   'nor in the source');


# what each of them is there for, in its own words

my @planted = (
    ['cppcheck', qr/\[arrayIndexOutOfBounds\]/, <<'END'],
int f(void) { int a[2] = { 1, 2 }; return a[2]; }
END
    ['clang-tidy', qr/\[bugprone-sizeof-expression\b/, <<'END'],
int g(const int *p) { return (int) sizeof(sizeof(*p)); }
END
    ['gcc', qr/\[-Werror=analyzer-double-free\]/, <<'END'],
#include <stdlib.h>
void h(char *p, int n) { free(p); if (n) { free(p); } }
END
);

push @planted, ["clang's analyzer", qr/\[clang-analyzer-core\.NullDereference/,
                "int i(int *p) { if (p == 0) { return *p; } return 0; }\n"]
    if $ENV{ZWFW_LONG};

for (@planted) {
    my ($tool, $sign, $text) = @$_;

    ($code, $said) = analyze(put('planted.c', $text));
    is($code, 1, "$tool: a planted fault fails");
    like($said, $sign, "$tool names it");
}

done_testing();
