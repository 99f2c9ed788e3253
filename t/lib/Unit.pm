package Unit;

# Compiles a C program of t/unit with the pure units it tests, under the
# sanitizers, and passes its TAP on; or fuzz targets, with libFuzzer.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Spec;
use File::Temp;


my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');


# run('json', 'zwfw_json.c', ...): the status is the one of the program

sub run {
    my ($name, @sources) = @_;

    my $dir = File::Temp->newdir(TMPDIR => 1);
    my $program = "$dir/$name";
    my @count;

    # ./build.sh coverage reads what these programs count

    if ($ENV{ZWFW_COVERAGE}) {
        $program = "$ENV{ZWFW_COVERAGE}/$name";
        @count = qw(--coverage -fprofile-update=atomic);
    }

    my @command = (
        $ENV{CC} || 'cc',
        qw(-W -Wall -Wextra -Werror -g), @count,
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


# killed('known', 'ring'): programs with files of ours that know nginx, in which
# each store can be the last one; see t/unit/stores.h

sub killed {
    require Test::More;
    Test::More::is(killed_one($_), 0, "t/unit/$_.c") for @_;
}


sub killed_one {
    my $name = shift;

    my $dir = File::Temp->newdir(TMPDIR => 1);
    my $src = $ENV{TEST_NGINX_ZWFW_SRC};
    my @flags = qw(-W -Wall -Werror -g -O1);
    my $cc = $ENV{CC} || 'cc';

    # where the modules were built

    my @headers = map { "-I$_" } "$root/.build/nginx",
        map({ "$root/modules/$_" } qw(core monitor)),
        map({ "$src/src/$_" } qw(core event event/modules event/quic os/unix
                                 http http/modules http/v2 http/v3)),
        `pg_config --includedir` =~ /(.+)/;

    for (['-fsanitize=thread', qw(-Wno-unused-parameter -Wno-tsan -Wno-unknown-warning-option),
          @headers, '-c', '-o', "$dir/$name.o", "$root/t/unit/$name.c"],
         ["-I$root/modules/core", '-o', "$dir/$name", "$dir/$name.o",
          map { "$root/t/unit/$_.c" } 'stores', 'tap'])
    {
        return 'it does not compile' if system($cc, @flags, @$_) != 0;
    }

    # its TAP is that of a subtest

    open my $out, '-|', "$dir/$name" or die "$name: $!\n";

    while (defined(my $line = readline $out)) {
        print "    $line";
    }

    close $out;
    return $?;
}


# fuzz_build($dir, 'json', ...): t/unit/fuzz_json and so on, in $dir; what the
# compiler had to say when it did not work.  The units are compiled once.

sub fuzz_build {
    my ($dir, @names) = @_;

    my @flags = (
        qw(-W -Wall -Wextra -Werror -g -O1 -D_GNU_SOURCE),
        '-fno-sanitize-recover=all', '-fno-omit-frame-pointer',
        map { "-I$root/$_" } qw(modules/core modules/monitor t/unit),
    );
    my $sanitizers = 'address,undefined';
    my @units = map { glob "$root/$_" } 'modules/*/zwfw_*.c',
        't/unit/{tap,fuzz,template_kit}.c';
    my $jobs = $ENV{JOBS} || `nproc` + 0;

    open my $make, '>', "$dir/Makefile" or die "Makefile: $!\n";
    print $make "all: @{[map { qq($dir/$_) } @names]}\n";

    for (@units, map { "$root/t/unit/fuzz_$_.c" } @names) {
        print $make "$dir/", object($_), ": $_\n\t\@clang @flags "
            . "-fsanitize=fuzzer-no-link,$sanitizers -c -o \$@ \$<\n";
    }

    my @objects = map { "$dir/" . object($_) } @units;

    for (@names) {
        print $make "$dir/$_: $dir/fuzz_$_.o @objects\n\t\@clang -g "
            . "-fsanitize=fuzzer,$sanitizers -o \$@ \$^ -l:libyajl_s.a "
            . "-lcrypto -lm\n";
    }

    close $make or die "Makefile: $!\n";

    my $said = `make -s -j $jobs -f '$dir/Makefile' 2>&1`;

    return $? ? $said : undef;
}


sub object {
    return basename($_[0], '.c') . '.o';
}


1;
