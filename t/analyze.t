# What can be seen without running it: cppcheck, clang-tidy and gcc's analyzer
# have nothing to say of the units that read what strangers send, each check that
# is left out has its reason, and a fault that is planted is found by each.
# ZWFW_LONG=1: all of modules.

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
like($said, qr/^analyze: (?:[2-9]\d|\d{3}) files/m, 'in many files');

open my $in, '<', 't/data/analyze/checks' or die "checks: $!\n";
my @lines = grep { !/^#|^$/ } <$in>;

cmp_ok(scalar @lines, '<=', 12, 'few checks are left out');
is(join('', grep { !/^[\w.-]+\s+\S+ \S+/ } @lines), '', 'each with a reason');


# what each of them is there for

for (
    ['a leak', qr/memleak|unix\.Malloc|analyzer-malloc-leak/, <<'END'],
#include <stdlib.h>
int f(int n) { char *p = malloc(8); if (p == NULL || n) { return 1; }
    free(p); return 0; }
END
    ['NULL', qr/nullPointer|NullDereference|analyzer-null/, <<'END'],
int g(int *p) { if (p == 0) { return *p; } return 0; }
END
    ['a size of a pointer', qr/pointerSize|bugprone-sizeof/, <<'END'],
#include <string.h>
void h(char *p) { memset(p, 0, sizeof(p)); }
END
) {
    my ($what, $sign, $text) = @$_;

    ($code, $said) = analyze(put('planted.c', $text));
    is($code, 1, "$what fails");
    like($said, $sign, 'and is named');
}

done_testing();
