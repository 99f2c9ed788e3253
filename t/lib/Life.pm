package Life;

# The life of the package: in a system of its own, beside a site with modules of
# nginx-extras, it is installed, works, is upgraded to a newer build, rolled
# back, removed and purged; somebody asks both sites without a pause.
#
#     Life::run($build, $deb);            # a Build with all modules, its package
#
# The system is made by debootstrap of the sources that apt has here, and has no
# network but its own; what starts in it ends with it.

use strict;
use warnings;

use File::Temp ();
use Test::More;

use Readme;
use Tree;

my $inside = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root'
    . ' DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8';


sub run {
    my ($build, $deb) = @_;

    my $dir = File::Temp->newdir('zwfw-l-XXXXXX', TMPDIR => 1);
    my $root = "$dir/root";

    chmod 0755, $dir;
    make($root);
    mkdir "$root/deb" or die "deb: $!\n";
    Tree::shell("cp $deb $root/deb/old.deb");
    newer($build);
    Tree::shell('cp ' . $build->path('dist/ngx-zwfw_2.0_*.deb')
                . " $root/deb/new.deb");
    Tree::shell("cp -R t/data/life/* t/lib $root/deb/");
    Tree::shell("cat modules/{core,item}/demo.sql >$root/deb/demo.sql");

    # with as many workers; of nchan's, those that quit crash now and then while
    # others publish, without this package as well: it has one

    for my $workers (2, 1) {
        my $here = "$dir/$workers";

        Tree::shell("cp -a $root $here");

        my $said = Tree::shell("unshare --mount --pid --net --ipc --fork sh"
            . " -c 'mount -t proc proc $here/proc && exec chroot $here $inside"
            . " bash /deb/life.sh $workers' 2>&1 || true");

        subtest("with $workers workers" => sub { told($said) });
        Tree::shell("rm -rf --one-file-system $here");
    }

    Tree::shell("rm -rf --one-file-system $root");
}


# what life.sh has printed: "ok name" or "not ok name", the rest is its log

sub told {
    my $said = shift;

    my @told = $said =~ /^((?:not )?ok (?!\d).*)$/mg;

    is($told[-1] // '', 'ok the end', 'the package has lived')
        or diag($said);
    diag($_) for $said =~ /^# (.*\bsubmit 200: .*)$/mg;
    ok(!/^not/, s/^(?:not )?ok //r) or diag($said) for @told;
}


# its successor: other modules, pages and tables, nodes of schema 2, another
# conffile, one slice more between others (that of README.md), and one less

sub newer {
    my $build = shift;

    $build->edit('modules/core/ngx_http_zwfw_core.h',
                 sub { s/(NGX_HTTP_ZWFW_SCHEMA +)1\b/${1}2/ });
    $build->edit('html/core/help.html', sub { s/<h1>/<h1>2.0 / });
    $build->edit('conf/site.conf', sub { $_ .= "# of 2.0\n" });
    write_file($build->path('modules/core/tables/90-next.sql'),
               "UPDATE zwfw.schema SET version = 2;\n");
    hello($build);
    $build->edit('modules/order', sub { s/^auth\n/auth\nhello\n/m
                                        && s/^monitor\n//m });
    Tree::shell('rm -r ' . $build->path('modules/monitor'));
    $build->run('modules');
    $build->run('package', '--version=2.0');
}


sub hello {
    my $build = shift;

    my $to = $build->path('modules/hello');

    mkdir $to or die "$to: $!\n";
    Readme::files('hello/', $to);
    Tree::shell("mv $to/html " . $build->path('html/hello')
                . " && mkdir $to/tables");

    my ($table, $function) = split /^(?=CREATE FUNCTION)/m,
        Tree::shell("cat $to/hello.sql") =~ s/^SET ROLE.*\n//mr;

    unlink "$to/hello.sql";
    write_file("$to/tables/01-hello.sql", $table);
    write_file("$to/api.sql", $function =~ s/CREATE FUNCTION/CREATE OR REPLACE FUNCTION/r);
    write_file("$to/config", "zwfw_load=15\n\n. auto/module\n");
}


sub make {
    my $root = shift;

    my %at = map { split ' ' } split /\n/, Tree::shell(
        "apt-get indextargets --format '\$(RELEASE) \$(REPO_URI)'");
    my ($suite) = Tree::shell('cat /etc/os-release')
        =~ /^VERSION_CODENAME=(\w+)$/m;
    my @sources = map { "deb $at{$_} $_ main" }
        grep { /^\Q$suite\E(?:-updates|-security)?$/ } sort keys %at;

    Tree::shell("debootstrap --variant=minbase $suite $root $at{$suite} 2>&1");
    write_file("$root/etc/apt/sources.list", join '', map { "$_\n" } @sources);
    write_file("$root/etc/apt/apt.conf.d/90here", Tree::shell(
        q{apt-config dump | grep -E '^Acquire::https?::' || true}));
    write_file("$root/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    chmod 0755, "$root/usr/sbin/policy-rc.d";
    Tree::shell("cp /etc/resolv.conf $root/etc/");
    Tree::shell("unshare --mount --fork sh -c 'mount -t proc proc $root/proc"
        . " && chroot $root $inside sh -c \"apt-get -q update && apt-get -q -y"
        . ' --no-install-recommends install nginx nginx-extras postgresql'
        . " redis-server iproute2 procps\"' 2>&1");
    write_file("$root/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n");
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}


1;
