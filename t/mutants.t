# The faults of t/mutants, as far as it takes no time: each applies to this tree,
# is a small one, says what it is, and names tests that are there.  Whether
# these see it, ./build.sh mutants says.

use strict;
use warnings;

use Test::More;

my @patches = sort glob 't/mutants/*.patch';
my $git = system('git --version >/dev/null 2>&1') == 0;
my %touched;

cmp_ok(scalar @patches, '>=', 60, 'faults');

for my $file (@patches) {
    my $text = do { local (@ARGV, $/) = $file; <> };
    my ($head, $diff) = split /^(?=--- a\/)/m, $text, 2;
    my @tests = ($head // '') =~ /^Test: (.*)$/mg;
    my @changed = grep { !/^(?:---|\+\+\+) / } ($diff // '') =~ /^([-+].*)$/mg;

    subtest $file => sub {
        like($head, qr/\A[A-Z].*\.$/m, 'says what it is');
        cmp_ok(scalar @tests, '>', 0, 'names tests');
        ok(-f, $_) for @tests;
        cmp_ok(scalar @changed, '<=', 9, 'a small one');
        is(applied($file), '', 'applies');
    };

    $touched{$_}++ for ($diff // '') =~ m{^\+\+\+ b/(?:modules/)?(\w+)}mg;
    $touched{$_}++ for ($diff // '') =~ m{^\+\+\+ b/\S+\.(\w+)$}mg;
}

ok($touched{$_}, "in $_") for slices(), qw(html c sql);

done_testing();


# what is said against it

sub applied {
    my $file = shift;

    return join '', $git ? `git apply --check $file 2>&1`
                         : `patch -p1 -F0 --dry-run -s <$file 2>&1`;
}


sub slices {
    open my $in, '<', 'modules/order' or die "modules/order: $!\n";
    chomp(my @slices = <$in>);

    return grep { -d "modules/$_" } @slices;
}
