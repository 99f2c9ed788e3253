#!/usr/bin/perl

# Lines of the files of a folder that were run, as gcov has them from the
# objects in other folders.  A line that one program has run is covered: the
# tests of units and nginx itself are different programs.
#
#     perl t/coverage.pl --least=85 modules .build/nginx/addon .build/coverage
#
# Ends with 1 when fewer percent than the least were run.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;

my $least = ($ARGV[0] // '') =~ /^--least=(\d+)\z/ && shift @ARGV ? $1 : 0;
my ($sources, @folders) = @ARGV;
my $root = abs_path($sources // die "usage: coverage.pl folder folder ...\n");
my %line;       # file, line: how often it was run
my @notes;

find({ no_chdir => 1, wanted => sub { push @notes, $_ if /\.gcno$/ } },
     grep { -d } @folders);

# without counts none of its lines was run; what gcov has to say is that nginx'
# headers are not here

for my $file (@notes) {
    my $counts = $file =~ s/gcno$/gcda/r;

    unlink $counts if -z $counts;

    open my $gcov, '-|', 'sh', '-c', 'exec gcov -t -o "$0" "$1" 2>/dev/null',
        dirname($file), $file or die "gcov: $!\n";
    count($gcov);
    close $gcov or die "gcov does not read $file\n";
}

$| = 1;

my ($run, $all) = (0, 0);

for my $file (sort keys %line) {
    my @lines = values %{ $line{$file} };
    my $ran = grep { $_ } @lines;

    show($ran, scalar @lines, $file);
    $run += $ran;
    $all += @lines;
}

$all or die "nothing was counted\n";
show($run, $all, 'all');

if (100 * $run < $least * $all) {
    print STDERR "fewer than $least % of the lines were run\n";
    exit 1;
}


sub count {
    my $gcov = shift;
    my $file;

    while (<$gcov>) {
        if (/^\s*-:\s*0:Source:(.*)/) {
            my $path = abs_path($1);

            $file = $path && $path =~ m{^\Q$root\E/(.*\.c)$} ? $1 : undef;

        } elsif (defined $file && /^\s*([\d#=]+)\*?:\s*(\d+):/) {
            $line{$file}{$2} += $1 =~ /[#=]/ ? 0 : $1;
        }
    }
}


sub show {
    my ($ran, $of, $name) = @_;

    printf "%6.1f %% %6d of %6d  %s\n", 100 * $ran / $of, $ran, $of, $name;
}
