package Harness;

# Which harness runs the suites: openresty's Test::Nginx::Socket when it is
# installed or in PERL5LIB, else the small one in t/lib/Fallback.

use strict;
use warnings;

use Cwd qw(abs_path);

my ($lib) = abs_path(__FILE__) =~ m{(.*)/};

our $fallback = "$lib/Fallback";


# the folder of the installed one, undef when there is none

sub installed {
    my ($folder) = grep {
        !ref and -f "$_/Test/Nginx/Socket.pm" and abs_path($_) ne $fallback
    } @INC;

    return $folder;
}


# Releases of Test::Nginx differ in where nginx writes before it has read its
# configuration: here it is always the error.log of the server root, so that a
# block can say what nginx must die of.

sub binary {
    my ($directory, $root) = @_;

    my $nginx = $ENV{TEST_NGINX_BINARY} || $ENV{NGINX} || 'nginx';
    my $file = "$directory/nginx";

    open my $out, '>', $file or die "$file: $!\n";
    print $out qq{#!/bin/sh\nexec "$nginx" "\$@" -e "$root/logs/error.log"\n};
    close $out or die "$file: $!\n";
    chmod 0755, $file or die "$file: $!\n";

    return $file;
}


1;
