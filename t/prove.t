# build.sh prove: what proves a release, one part after the other.  Cheap parts
# are done here, on a copy of the tree, and commands stand in for the others.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Build;
use Tree;

my $build = Build->new;

Tree::shell('cp -R t ' . $build->path(''));


sub prove {
    my @words = @_;

    delete local @ENV{qw(SANITIZE PROFILE ZWFW_LONG)};
    my $said = Tree::shell($build->path('build.sh') . " prove @words 2>&1"
                           . '; echo "code $?"');

    return ($said =~ /^code (\d+)$/m ? $1 : -1, $said);
}


my ($code, $said) = prove('nothing');

is($code, 2, 'a part that is not there');
like($said, qr/there is no part nothing: test, long, sanitize/, 'it names all');

($code, $said) = prove(q('mutants none' 'analyze modules/core/zwfw_utf8.c'));
is($code, 1, 'one of two parts fails');
like($said, qr/^mutants\ none\ +failed\ 2\ +\d+\ +(\S+)\n
               analyze\ modules\S+\ +passed\ +\d+\ +\S+\n/mx,
     'the table has both, the other one was done');

my ($log) = $said =~ /^mutants none .* (\S+)$/m;

like(Tree::shell('cat ' . $build->path($log)), qr/there is no .*none\.patch/,
     'what it said is kept');

($code, $said) = prove(q('analyze modules/core/zwfw_utf8.c'));
is($code, 0, 'none fails');


# which commands the parts are: a build.sh that says how it was called

my $calls = 'echo "called $* long=${ZWFW_LONG-} sanitize=${SANITIZE-}"';

$build->edit('build.sh', sub {
    s/^main "\$\@"$/[ "\$1" = prove ] || { $calls; exit 0; }\n$&/m;
});
($code, $said) = prove();
is($code, 0, 'all parts');
is(join(', ', $said =~ /^(.*?) +passed /mg), 'test 1 of 3, test 2 of 3,'
   . ' test 3 of 3, long, sanitize, mutants, coverage, bench', 'one by one');

my %called = map {
    my ($part) = m{([^/]+)\.log$};
    ($part => Tree::shell("cat $_") =~ /^called (.*)$/m);
} glob $build->path('.build/prove/*.log');

is($called{$_}, 'test long= sanitize=', $_) for map { "test-$_-of-3" } 1 .. 3;
is($called{sanitize}, 'test long= sanitize=1', 'sanitize');
is($called{$_}, "$_ long= sanitize=", $_) for qw(mutants coverage);
is($called{bench}, 'bench --all long= sanitize=', 'bench');
like($called{long}, qr{^test .*\bt/memory\.t .* long=1 sanitize=$}, 'long');

my @long = grep { Tree::shell("cat $_") =~ /ENV\{ZWFW_LONG\}/ }
    glob 't/*.t t/browser/*.t';

is(join(' ', $called{long} =~ m{(t/\S+)}g), "@long",
   'all that have a long variant');

done_testing();
