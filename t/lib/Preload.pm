package Preload;

# Libraries that are loaded before the C library, in front of whose functions
# they stand: compiled of the sources of a test, and put where nginx finds them.

use strict;
use warnings;

my @cc = split ' ', $ENV{CC} || 'cc';


sub build {
    my ($library, @sources) = @_;

    system(@cc, qw(-W -Wall -Werror -g -O1 -fPIC -fno-builtin -shared -o),
           $library, @sources, '-ldl') == 0
        or die "$sources[0] does not compile\n";
}


# what of the environment has nginx load it: the sanitizers want to be the first

sub env {
    my $library = shift;

    my $before = $ENV{SANITIZE} ? `@cc -print-file-name=libasan.so` : '';

    return (LD_PRELOAD => join ' ', split(' ', $before), $library);
}


1;
