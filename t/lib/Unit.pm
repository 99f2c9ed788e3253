package Unit;

# Compiles a C program of t/unit with the pure units it tests, under the
# sanitizers, and passes its TAP on.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Spec;
use File::Temp;


my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');


# run('json', 'zwfw_json.c', ...): the status is the one of the program

sub run {
    my ($name, @sources) = @_;

    my $dir = File::Temp->newdir(TMPDIR => 1);
    my $program = "$dir/$name";

    my @command = (
        $ENV{CC} || 'cc',
        qw(-W -Wall -Wextra -Werror -g),
        '-fsanitize=address,undefined', '-fno-sanitize-recover=all',
        "-I$root/modules/core", '-o', $program,
        "$root/t/unit/$name.c", "$root/t/unit/tap.c",
        map({ "$root/modules/core/$_" } @sources),
        '-l:libyajl_s.a', '-lcrypto',
    );

    if (system(@command) != 0) {
        print "1..1\nnot ok 1 - t/unit/$name.c compiles\n";
        return 1;
    }

    my $status = system($program);

    # a program that was killed has no status of its own

    return $status & 127 ? 1 : $status >> 8;
}


1;
