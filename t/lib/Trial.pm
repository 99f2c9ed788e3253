package Trial;

# Builds the module of t/data/trial, with which a test does something inside of
# a worker, and has the servers of this test load it after ours.
#
#     Trial::load();

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp;

my $dir;


sub load {
    my ($modules) = $ENV{TEST_NGINX_LOAD_MODULES} =~ m{^(\S+)/[^/ ]+};

    $dir = File::Temp->newdir('zwfw-x-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir;

    local $ENV{ZWFW_INCLUDE} = "$modules/include";

    system('bash', '-c', <<'END', $dir, abs_path('t/data/trial')) == 0
        {
            cd "$TEST_NGINX_ZWFW_SRC" || exit
            configure=./configure
            [ -x $configure ] || configure=auto/configure
            $configure --builddir="$0" $TEST_NGINX_ZWFW_FLAGS \
                --add-dynamic-module="$1" && make -f "$0/Makefile" modules
        } >"$0/log" 2>&1 || { cat "$0/log"; exit 1; }
END
        or die "the module of t/data/trial is not built\n";

    system('cp', '-r', 'html', "$dir/html") == 0 and mkdir "$dir/html/trial"
        or die "no copy of html\n";

    open my $words, '>', "$dir/html/trial/words.json" or die "$dir: $!\n";
    print $words "{}\n";
    close $words or die "$dir: $!\n";

    $ENV{TEST_NGINX_ZWFW_HTML} = "$dir/html";
    $ENV{TEST_NGINX_LOAD_MODULES} .= " $dir/ngx_http_zwfw_trial_module.so";
}


1;
