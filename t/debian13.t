# Debian 13, which has nginx 1.26, PostgreSQL 17 and Redis 8: nothing here is of
# one release only.  The long variant makes a system of it (as root), and runs
# all tests in there, on a copy of this tree: ZWFW_LONG=1 ./build.sh test
# t/debian13.t; ZWFW_SUITE is another release, as sid with the nginx of the day,
# ZWFW_INSIDE has other words for its build.sh test, as "t/style.t t/build.t".

use strict;
use warnings;

use File::Temp ();
use Test::More;

use lib 't/lib';
use System;
use Tree;

my $suite = $ENV{ZWFW_SUITE} || 'trixie';

# what is told of a release in words, or checks the words

my @files = grep { !/README\.md$|^t\/debian13\.t$/ } split /\n/, Tree::shell(
    'find build.sh conf modules t -type f -not -path "t/data/fuzz/*"'
    . ' -not -path "t/servroot/*"');

cmp_ok(scalar @files, '>', 300, 'files');

# places and packages of a version, and a version that is compared with

my $place = qr{/(?:lib|etc)/postgresql/\d|\bpostgresql-\d|pg_ctlcluster\ \d
               |\blib(?:ssl|hiredis|yajl|pq)\d|nginx/1\.\d|\bbookworm\b
               |libperl5|/perl/5\.\d}x;
my @found;

for my $file (@files) {
    open my $in, '<:raw', $file or die "$file: $!\n";

    while (my $line = <$in>) {
        push @found, "$file:$.: $line" if $line =~ $place;
    }
}

is(join('', @found), '', 'nothing is of one release');

for my $package (split ' ', Tree::shell(
    q{. ./build.sh help >/dev/null; echo "${BUILD_PACKAGES[@]}"}
    . q{ "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"}))
{
    unlike($package, qr/-\d+(?:-|$)|\d\.\d/, "$package has no version");
}


# a system of it, made of the sources of this one

if ($ENV{ZWFW_LONG}) {
    is($>, 0, 'the long variant runs as root');

    my $dir = File::Temp->newdir('zwfw-13-XXXXXX', TMPDIR => 1);
    my ($root, $log) = ("$dir/root", "$dir/log");
    my $words = $ENV{ZWFW_INSIDE} // '';

    chmod 0755, $dir;
    System::make($root, $suite);
    Tree::shell("mkdir -p $root/src/.build && tar -cf - --exclude=./.build"
                . ' --exclude=./.run --exclude=./dist --exclude=./t/servroot .'
                . " | tar -C $root/src -xf - && { [ ! -d .build/npm ]"
                . " || cp -R .build/npm $root/src/.build/; }");

    my $code = system('bash', '-c', System::inside(
        $root, "cd /src && ./build.sh deps && ./build.sh test $words")
                      . " >$log 2>&1 </dev/null");

    is($code >> 8, 0, 'all tests pass there') or diag(Tree::shell(
        "tail -n 300 $log; tail -n 5 $root/src/.build/*.log"));
    like(Tree::shell("grep -a 'loaded by nginx' $log | tail -n 1"),
         $suite eq 'trixie' ? qr/by nginx 1\.26\./ : qr/by nginx \d/,
         'by its nginx');
    note Tree::shell("grep -aE '^(?:Files=|Result: |test: )|\\.\\. ok' $log"
                     . ' || true');
    System::leave($root);
}

done_testing();
