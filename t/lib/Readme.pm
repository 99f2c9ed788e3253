package Readme;

# The blocks of code in the READMEs: what stands there is what the tests run.
#
#     Readme::block('sh backup')            # text of the block with that title
#     Readme::files('hello/', $folder)      # writes all "<language> hello/..."

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);

my %block;


sub blocks {
    return \%block if %block;

    for my $file ('README.md', glob 'modules/*/README.md') {
        open my $in, '<', $file or die "$file: $!\n";
        my $text = do { local $/; <$in> };

        $block{$1} //= $2 while $text =~ /^```(\w[^\n]*)\n(.*?)^```$/gms;
    }

    return \%block;
}


sub block {
    my $title = shift;

    return blocks()->{$title} // die "no README has a block \"$title\"\n";
}


# returns how many lines they have together

sub files {
    my ($prefix, $folder) = @_;

    my $lines = 0;

    for my $title (sort keys %{ blocks() }) {
        my ($name) = $title =~ /^\w+ \Q$prefix\E(\S+)$/ or next;

        make_path(dirname("$folder/$name"));
        open my $out, '>', "$folder/$name" or die "$folder/$name: $!\n";
        print $out block($title);
        close $out or die "$folder/$name: $!\n";

        $lines += block($title) =~ tr/\n//;
    }

    return $lines;
}


# runs a block with bash; dies with what it printed

sub run {
    my ($title, %env) = @_;

    local @ENV{keys %env} = values %env;

    return run_text(block($title));
}


sub run_text {
    my $text = shift;

    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec 'bash', '-euc', $text or die "bash: $!\n";
    }

    my $printed = join '', <$out>;

    close $out or die "$text\n" . substr($printed, -2000) . "\n";
    return $printed;
}


1;
