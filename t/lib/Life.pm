package Life;

# The life of the package: in a system of its own, beside a site with modules of
# nginx-extras, it is installed, works, is upgraded to a newer build, rolled
# back, removed and purged; somebody asks both sites without a pause.
#
#     Life::run($build, $deb);            # a Build with all modules, its package
#
# The system has no network but its own.

use strict;
use warnings;

use File::Temp ();
use Test::More;

use Build;
use Readme;
use System;
use Tree;

sub run {
    my ($build, $deb) = @_;

    my $dir = File::Temp->newdir('zwfw-l-XXXXXX', TMPDIR => 1);
    my $root = "$dir/root";

    chmod 0755, $dir;
    System::make($root, System::here(), qw(nginx nginx-extras postgresql
                                           redis-server iproute2 procps));
    System::write_file("$root/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n");
    mkdir "$root/deb" or die "deb: $!\n";
    Tree::shell("cp $deb $root/deb/old.deb");
    Build::release($build->path(''));
    $build->run('package', '--version=1.1');
    Tree::shell('cp ' . $build->path('dist/ngx-zwfw_1.1_*.deb')
                . " $root/deb/middle.deb");
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

        my $said = Tree::shell(System::inside(
            $here, "bash /deb/life.sh $workers", net => 0) . ' 2>&1 || true');

        subtest("with $workers workers" => sub { told($said) });
        System::leave($here);
    }

    System::leave($root);
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
    System::write_file($build->path('modules/core/tables/90-next.sql'),
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
    System::write_file("$to/tables/01-hello.sql", $table);
    System::write_file("$to/api.sql", $function =~ s/CREATE FUNCTION/CREATE OR REPLACE FUNCTION/r);
    System::write_file("$to/config", "zwfw_load=15\n\n. auto/module\n");
}


1;
