# Parsers under libFuzzer: each target of t/unit/fuzz_*.c begins with the texts
# of t/data/fuzz and asks a second opinion about whatever comes of them.
# ZWFW_LONG=1: a hundred times as many inputs, other ones each time.

use strict;
use warnings;

use FindBin;
use File::Temp;
use Test::More;

use lib 't/lib';
use Unit;

my %runs = (cookie => 30000, field => 30000, filter => 30000, form => 8000,
            json => 15000, multipart => 8000, template => 4000, upload => 800,
            visit => 10000);
my @names = sort keys %runs;
my $dir = File::Temp->newdir('zwfw-fuzz-XXXXXX',
                             DIR => -w '/dev/shm' ? '/dev/shm' : '/tmp');
my $data = "$FindBin::Bin/data/fuzz";

is_deeply([ map { m{fuzz_(\w+)\.c} } sort glob "$FindBin::Bin/unit/fuzz_*.c" ],
          \@names, 'all targets are run');

my $said = Unit::fuzz_build($dir, @names);

is($said, undef, 'they are compiled') or BAIL_OUT('clang does not');

mkdir $_ or die "$_: $!\n" for "$dir/found", "$dir/files";
$ENV{FUZZ_FOLDER} = "$dir/files";

for my $name (@names) {
    my @seeds = glob "$data/$name/*";
    my $runs = $runs{$name} * ($ENV{ZWFW_LONG} ? 100 : 1);
    my @options = ("-runs=$runs", '-max_len=1024', '-timeout=60',
                   '-rss_limit_mb=3000', "-artifact_prefix=$dir/",
                   $ENV{ZWFW_LONG} ? () : '-seed=1',
                   grep({ -e s/^-dict=//r } "-dict=$data/$name.dict"));

    cmp_ok(scalar @seeds, '>=', 3, "$name: texts to begin with");
    mkdir "$dir/found/$name" or die "found: $!\n";

    my $told = `'$dir/$name' @options $dir/found/$name $data/$name 2>&1`;
    my @found = glob "$dir/found/$name/*";

    is($?, 0, "$name: the opinions agree") or diag(tail($told), crash());
    ok($told =~ /^Done $runs runs/m, 'about each of the inputs');
    cmp_ok(scalar @found, '>', 20, 'of which some go another way');
}

done_testing();


sub tail {
    my @lines = grep { !/^#\d/ } split /\n/, shift;

    return join "\n", @lines > 40 ? @lines[-40 .. -1] : @lines;
}


# the input that it is about, to be kept in t/data/fuzz

sub crash {
    return map { "\n$_ " . `base64 -w 0 '$_'` }
        glob "$dir/{crash,leak,oom,timeout,slow-unit}-*";
}
