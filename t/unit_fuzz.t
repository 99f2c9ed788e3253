# Parsers under libFuzzer: each target of t/unit/fuzz_*.c begins with the texts
# of t/data/fuzz and asks a second opinion about whatever comes of them; then with
# texts that are as large as may be, and larger by one, and what is near them.
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
my %large = (cookie => 200, field => 200, filter => 300, form => 60, json => 100,
             multipart => 30, template => 60, upload => 20, visit => 100);
my @names = sort keys %runs;
my $dir = File::Temp->newdir('zwfw-fuzz-XXXXXX',
                             DIR => -w '/dev/shm' ? '/dev/shm' : '/tmp');
my $data = "$FindBin::Bin/data/fuzz";

is_deeply([ map { m{fuzz_(\w+)\.c} } sort glob "$FindBin::Bin/unit/fuzz_*.c" ],
          \@names, 'all targets are run');

my $said = Unit::fuzz_build($dir, @names);

is($said, undef, 'they are compiled') or BAIL_OUT('clang does not');

mkdir $_ or die "$_: $!\n" for map { "$dir/$_" } qw(found large files);
$ENV{FUZZ_FOLDER} = "$dir/files";

for my $name (@names) {
    my @seeds = glob "$data/$name/*";
    my @dict = grep { -e s/^-dict=//r } "-dict=$data/$name.dict";

    cmp_ok(scalar @seeds, '>=', 3, "$name: texts to begin with");
    mkdir "$dir/$_/$name" or die "$_: $!\n" for 'found', 'large';
    fuzz($name, $runs{$name}, 1024, @dict, "$dir/found/$name", "$data/$name");

    my @found = glob "$dir/found/$name/*";

    cmp_ok(scalar @found, '>', 20, 'of which some go another way');

    my ($most, $count) = (0, 0);

    for (edges($name)) {
        $most = length if length > $most;
        write_file("$dir/large/$name/" . ++$count, $_);
    }

    cmp_ok($count, '>=', 2, "$name: texts at its limits");
    fuzz($name, $count + $large{$name}, $most + 100, @dict,
         "$dir/large/$name");
}

done_testing();


# so many inputs of so many bytes, beginning with those of folders

sub fuzz {
    my ($name, $count, $most, @more) = @_;

    my $runs = $count * ($ENV{ZWFW_LONG} ? 100 : 1);
    my @options = ("-runs=$runs", "-max_len=$most", '-timeout=60',
                   '-rss_limit_mb=3000', "-artifact_prefix=$dir/",
                   $ENV{ZWFW_LONG} ? () : '-seed=1');
    my $told = `'$dir/$name' @options @more 2>&1`;

    is($?, 0, "$name: the opinions agree") or diag(tail($told), crash());
    cmp_ok(($told =~ /^Done (\d+) runs/m)[0] // 0, '>=', $runs,
           "about each of the inputs, to $most bytes") or diag(tail($told));
}


sub write_file {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


# texts at each limit of a parser, and one beyond it

sub edges {
    my $name = shift;

    my $part = sub { "--b\r\nContent-Disposition: form-data; name=\"$_[0]\""
        . ($_[2] // '') . "\r\n\r\n$_[1]\r\n" };
    my $long = sub { map { 'x' x ($_[0] + $_) } -1 .. 1 };
    my %edge = (
        cookie => sub { map({ "s\n$_" } map({ "s=$_" } $long->(43), $long->(512),
            $long->(8192)), join('; ', ('a=b') x 2000) . '; s=1') },
        field => sub { (map { "text  $_" } $long->(500), $long->(65_536)),
            (map { "list " . '[' x $_ . ']' x $_ } 8, 9),
            (map { '{"person":{"code":"a"},' . join(',', map { "\"u$_\":1" }
                1 .. $_) . '}' } 50, 51),
            (map { "{\"$_\":1}" } $long->(100)),
            map { '{"person":{"code":"a"},"text":"' . $_ . '"}' } $long->(20) },
        filter => sub { map { my $n = $_; map { "$n$_" } $long->(64),
            $long->(4096) } 0 .. 4 },
        form => sub { (map { join '&', map { "a$_=1" } 1 .. $_ } 999 .. 1001),
            (map { "$_=1" } $long->(200)),
            (map { join('.', ('a') x $_) . '=1' } 5, 6, 7),
            (map { my $n = $_; join '&', map { "a.$_=1" } 0 .. $n } 198 .. 200),
            map { "a=$_" } $long->(65_536) },
        json => sub { (map { '[' x $_ . ']' x $_ } 8 .. 10),
            (map { '[' . join(',', ('[1]') x $_) . ']' } 49 .. 51, 99 .. 101),
            (map { '[' . join(',', (('[1,1,1]') x 49) , ('1') x $_) . ']' }
             0 .. 4),
            (map { '{' . join(',', map { "\"a$_\":1" } 1 .. $_) . '}' }
             15 .. 17, 49 .. 51),
            (map { "{\"$_\":1}" } $long->(40), $long->(200)),
            (map { "1e$_" } 399 .. 401), map { "[\"$_\"]" } $long->(65_536) },
        multipart => sub { (map { my $b = 'b' x $_;
                "multipart/form-data; boundary=$b\n--$b\r\n"
                . "Content-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"
                . "--$b--\r\n" } 69 .. 71),
            (map { "multipart/form-data; boundary=b\n"
                   . $part->('a', 'x', "\r\nX: $_") . "--b--\r\n" }
             map { 'y' x ($_ - 45) } 4090 .. 4098),
            "multipart/form-data; boundary=b\n" . $part->('a', 'x' x 20_000)
            . "--b--\r\n" },
        template => sub { (map { my $n = $_; '{{#list}}' x $n . 'x'
                . '{{/list}}' x $n } 31 .. 33),
            (map { '{{^none}}' x $_ . 'x' . '{{/none}}' x $_ } 19 .. 21,
             31 .. 33),
            'x' x 65_536, '{{name}}' x 2000 },
        upload => sub { (map { $part->('note', $_) . "--b--\r\n" }
                         $long->(65_536)),
            (map { join('', map { $part->("u$_", 'x', '; filename="a.exe"') }
                        1 .. $_) . "--b--\r\n" } 49 .. 51),
            join('', map { $part->("a$_", 'x' x 65_536) } 1 .. 17)
            . "--b--\r\n" },
        visit => sub { map { "0$_" } $long->(47), $long->(511) },
    );

    return $edge{$name}->();
}


sub tail {
    my @lines = grep { !/^#\d/ } split /\n/, shift;

    return join "\n", @lines > 40 ? @lines[-40 .. -1] : @lines;
}


# the input that it is about, to be kept in t/data/fuzz

sub crash {
    return map { "\n$_ " . `base64 -w 0 '$_'` }
        glob "$dir/{crash,leak,oom,timeout,slow-unit}-*";
}
