# build.sh says what is wrong, with a code of its own for each kind of failure,
# and stops nothing that it has not started.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Proc;
use Stores;
use Tree;

my $tree = Tree->new;
my $tools = tempdir('zwfw-x-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $tools;


# (exit code, what it said), as somebody without rights where the user is root

sub build {
    my ($root, @command) = @_;

    my @as = $> == 0 ? ('runuser', '-u', 'nobody', '--') : ();
    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec @as, 'env', "PATH=$tools:$ENV{PATH}", 'bash', "$root/build.sh",
            @command or POSIX::_exit(127);
    }

    my $text = join '', <$out>;
    close $out;

    return ($? >> 8, $text);
}


sub tool {
    my ($name, $text) = @_;

    open my $out, '>', "$tools/$name" or die "$name: $!\n";
    print $out "#!/bin/sh\n$text\n";
    close $out;
    chmod 0755, "$tools/$name";
}


subtest 'usage' => sub {
    my ($code, $help) = build('.', 'help');
    my @commands = sort $help =~ /^  ([a-z]+)/mg;

    is($code, 0, 'help');
    is_deeply(\@commands, [sort grep { $_ ne 'help' }
                           Tree::shell('cat build.sh modules/core/{install,backup,package}.sh t/tools.sh') =~ /^cmd_(\w+)\(/mg],
              'lists each command');
    like($help, qr/\b$_\b/, "and $_") for qw(NGINX NGINX_SRC JOBS CC
        ZWFW_LONG ZWFW_POSTGRES ZWFW_REDIS ZWFW_PORT ZWFW_TLS_PORT);

    for (['no-such'], ['run', 'now'], ['stop', '-x'], ['modules', 'core'],
         ['deps', '-y'], ['clean', 'all'], ['testenv', '--start'],
         ['migrate', '--no-such'], ['testenv', '--stop', 'x'],
         ['test', 't/no-such.t'])
    {
        my ($code, $text) = build('.', @$_);

        is($code, 2, "@$_: 2");
        like($text, qr/^build\.sh: .*\b$_->[0]\b/m, 'named');
    }
};


subtest 'a path with a space' => sub {
    my ($code, $text) = build($tree->path(''), 'modules');

    is($code, 2, 'no module is built');
    like($text, qr/^build\.sh: .*zwfw t-.*move this folder$/m,
         'the reason, and what to do');
};


subtest 'what is missing' => sub {
    tool('dpkg-query', 'case "$*" in *postgresql*|*redis*) exit 1;; esac;'
                       . ' printf installed');
    tool('sudo', 'exit 1');
    tool('apt-get', "touch $tools/ran");

    my ($code, $text) = build('.', 'run');

    is($code, 3, 'exit code');
    like($text, qr/^build\.sh: missing packages\.  As root: apt-get install/m,
         'says what an administrator types');
    like($text, qr/apt-get install .*\b$_\b/m, "with $_")
        for qw(postgresql redis-server);
    unlike($text, qr/apt-get install .*\b(?:gcc|nginx)\b/, 'and no more');
    ok(!-e "$tools/ran", 'and installs nothing');

    tool('dpkg-query', 'exit 1');
    ($code, $text) = build('.', 'modules');
    is($code, 3, 'nor do modules');
    like($text, qr/apt-get install .*\blibpq-dev\b.*\blibyajl-dev\b/,
         'all of them at once');

    unlink map { "$tools/$_" } qw(dpkg-query sudo apt-get);
};


# another compiler, another folder: what the first one has made is not taken for
# its work

subtest 'what was configured before' => sub {
    tool('other-cc', 'echo other 1.0');
    my $key = sub {
        my ($root, $more) = @_;

        return Tree::shell(". '$root/build.sh' help >/dev/null; SRC=. NGINX=x"
            . " NGINX_ABOUT=x CC_OPT= LD_OPT= FLAGS=(); CC=cc $more;"
            . ' build_key');
    };
    my $here = $key->('.', '');

    is($key->('.', ''), $here, 'the same');
    isnt($key->('.', "CC=$tools/other-cc"), $here, 'another CC');
    isnt($key->($tree->path(''), 'BUILD=$PWD/.build'), $here,
         'a copy of this checkout');
    isnt($key->('.', 'BUILD=/none'), $here, 'another place of what is built');
};


# a module that another one could clash with, or that brings what is to be
# linked statically, is no module

subtest 'symbols of a module' => sub {
    my $core = 'ngx_http_zwfw_core_module';
    my $three = join '', map { "int $_;" }
        qw(ngx_modules ngx_module_names ngx_module_order);
    my $told = sub {
        my ($name, $text, $more) = @_;

        open my $out, '>', "$tools/x.c" or die "x.c: $!\n";
        print $out "$text\n";
        close $out;
        return Tree::shell("cd $tools && cc -shared -fPIC -o $name.so x.c "
            . ($more // '') . " && cd - >/dev/null && . ./build.sh help"
            . " >/dev/null && { (check_symbols $tools/$name.so) 2>&1 || echo \$?; }");
    };

    is($told->('x', $three), '', 'a slice exports three');
    is($told->($core, "$three int ngx_http_zwfw_abi_1, zwfw_json_get;"), '',
       'core its public names as well');

    for (['x', substr($three, 16), 'x.so does not export ngx_modules'],
         ['x', "$three int zwfw_json_get;", 'x.so exports zwfw_json_get'],
         [$core, $three, "$core.so does not export its ABI number"],
         [$core, "$three int ngx_http_zwfw_abi_1, ngx_http_zwfw_steps;",
          "$core.so exports ngx_http_zwfw_steps"],
         ['x', $three, 'x.so needs a library that must be linked statically',
          "-Wl,--no-as-needed $tools/libhiredis.so.1"])
    {
        my ($name, $text, $why, $more) = @$_;

        Tree::shell("cd $tools && echo 'int y;' >y.c && cc -shared -fPIC"
                    . ' -Wl,-soname,libhiredis.so.1 -o libhiredis.so.1 y.c');
        like($told->($name, $text, $more), qr/\Q$why\E\n4\n\z/, $why);
    }
};


# as the owner of the checkout: pid files are there, but of other processes

subtest 'stop' => sub {
    my $stop = sub {
        return system('bash', $tree->path('build.sh'), @_) >> 8;
    };

    is($stop->('stop'), 0, 'nothing is there');
    is($stop->('testenv', '--stop'), 0, 'nor for tests');
    ok(!-e $tree->path('.run'), 'and nothing was made');

    my $other = Proc::spawn(command => ['sleep', '600']);

    for ('nginx.pid', 'pg/postmaster.pid', 'redis/redis.pid') {
        my ($folder) = m{^(.*)/};

        Tree::shell("mkdir -p '" . $tree->path('.run/' . ($folder // ''))
                    . "' && echo $other >'" . $tree->path(".run/$_") . "'");
    }

    is($stop->('stop'), 0, 'with the pid files of another process');
    ok(Proc::alive($other), 'which lives');
    is($stop->('clean', '--all'), 0, 'clean --all');
    ok(Proc::alive($other), 'which still lives');
    ok(!-e $tree->path('.run'), 'data are gone');
    Proc::destroy($other);
};

done_testing();
