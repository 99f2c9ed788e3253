# The faults of t/mutants, as far as it takes no time: each applies to this tree,
# is one of a line, says what it is, and names tests that are there.  Whether
# these see it, ./build.sh mutants says.

use strict;
use warnings;

use Test::More;

my @patches = sort glob 't/mutants/*.patch';
my $git = system('git --version >/dev/null 2>&1') == 0;
my %touched;

# faults of two lines, and why one does not do

my %two = (
    'auth-consent-row' => 'a statement of two lines',
    'core-audit-broken' => 'the next condition becomes the first one',
    'core-cluster-order' => 'the other answer is waited for in another place',
    'core-csrf' => 'no token is declined, a wrong one as well',
    'core-drop-file' => 'the semicolon moves up',
    'core-once-reply' => 'a statement of two lines',
    'core-origin' => 'a length stands in both conditions',
    'core-redis-order' => 'the last operation has a macro of two lines',
    'core-samesite' => 'a text of two lines',
    'item-author' => 'the last assignment of a list',
    'item-mine' => 'FOR UPDATE moves up',
    'monitor-visitors' => 'the semicolon moves up',
);

cmp_ok(scalar @patches, '>=', 60, 'faults');

for my $file (@patches) {
    my $text = do { local (@ARGV, $/) = $file; <> };
    my ($head, $diff) = split /^(?=--- a\/)/m, $text, 2;
    my @tests = ($head // '') =~ /^Test: (.*)$/mg;
    my ($name) = $file =~ m{(\w[^/]*)\.patch};

    subtest $file => sub {
        like($head, qr/\A[A-Z].*\.$/m, 'says what it is');
        cmp_ok(scalar @tests, '>', 0, 'names tests');
        ok(-f, $_) for @tests;
        is(lines($diff // ''), $two{$name} ? 2 : 1, 'of a line');
        is(applied($file), '', 'applies');
    };

    $touched{$_}++ for ($diff // '') =~ m{^\+\+\+ b/(?:modules/)?(\w+)}mg;
    $touched{$_}++ for ($diff // '') =~ m{^\+\+\+ b/\S+\.(\w+)$}mg;
}

ok(-f "t/mutants/$_.patch", "$_ is there") for sort keys %two;
ok($touched{$_}, "in $_") for slices(), qw(html c sql);

done_testing();


# how many lines it takes away, or puts there, that are not empty nor a brace

sub lines {
    my $diff = shift;

    my ($gone, $new) = map { scalar grep { /[^\s{}]/ } $diff
        =~ /^\Q$_\E(?!(?:--|\+\+) )(.*)$/mg } '-', '+';

    return $gone > $new ? $gone : $new;
}


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
