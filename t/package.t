# build.sh package: a .deb by Debian's conventions and a tarball, for exactly this
# nginx.  The long variant takes the package through its life beside another site
# of the same nginx, with the modules of nginx-extras, in a system of its own
# (debootstrap, as root): t/lib/Life.pm.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Build;
use Life;
use NginxServer;
use Tree;

my $dir = tempdir('zwfw-p-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $build = Build->new;

chmod 0755, $dir;
delete @ENV{qw(DESTDIR PREFIX)};


sub shell {
    return Tree::shell(join ' ', @_);
}


sub read_file {
    my $name = shift;

    local (@ARGV, $/) = $name;
    return scalar <>;
}


sub refused {
    my ($name, $code, $why, $command) = @_;

    my $said = `$command 2>&1`;

    is($? >> 8, $code, "$name: exit code");
    like($said, $why, "$name: what it says");
}


refused('nothing is built', 7, qr/there is nothing to install/,
        $build->path('build.sh') . ' package');
refused('a version that is none', 2, qr/package \[--version=1\.0\]/,
        $build->path('build.sh') . ' package --version=a');

my $made = sub { $build->path("dist/ngx-zwfw_$_[0]_*.deb") };

Build::release($build->path(''));
$build->run('package', '--version=1.0');

my ($deb) = glob $made->('1.0');
my ($tarball) = glob $build->path('dist/*.tar.gz');

shell("dpkg-deb -R $deb $dir/deb");

my @so = map { s{.*/}{}r } glob "$dir/deb/usr/lib/nginx/modules/*.so";


subtest 'control' => sub {
    my $of = sub { shell("dpkg-deb -f $deb @_") =~ s/\n\z//r };
    my ($abi) = shell("dpkg-query -W -f='\${Provides}' nginx")
        =~ /(nginx-abi-[\d.-]+)/;

    is($of->('Version'), '1.0', 'version');
    like($of->('Depends'), qr/^\Q$abi\E, /, 'of the nginx that is here');
    like($of->('Depends'), qr/\b$_\S* \(>= /, "and $_")
        for qw(libc libpq libssl);
    like($of->('Static-Built-Using'),
         qr/^hiredis \(= \S+\), yajl \(= \S+\)$/, 'what is inside');
    is(read_file("$dir/deb/DEBIAN/conffiles"), join('', map { "/etc/$_\n" }
        'default/zwfw', map { "nginx/snippets/zwfw-$_.conf" }
        qw(auth core site)), 'what administrators change');

    my $said = `lintian --fail-on error $deb 2>&1`;

    is($?, 0, 'lintian finds no error') or diag($said);
    unlike($said, qr/^E:/m, 'none at all');
};


# as postinst links them

sub links {
    my ($list) = read_file("$dir/deb/DEBIAN/postinst") =~ /for pair in (.*); do/;

    return map { [split /:/] } split ' ', $list;
}


subtest 'modules in their order' => sub {
    my @links = sort { $a->[1] cmp $b->[1] } links();
    my @load = map {
        read_file("$dir/deb/usr/share/nginx/modules-available/$_->[0]")
            =~ s{^load_module }{load_module $dir/deb}r } @links;

    is(scalar @load, scalar @so, 'each is loaded');
    is(join(' ', map { $_->[0] =~ /mod-zwfw-(\w+)/ } @links),
       join(' ', split ' ', shell('cat modules/order')),
       'in the order of their names');

    my $nginx = NginxServer->start(modules => [], workers => 1,
                                   main => join('', @load),
                                   server => 'return 200;');

    is(join('', $nginx->stop), '', 'nginx loads them');
    ok(!eval { NginxServer->start(modules => [], workers => 1,
                                  main => join('', reverse @load),
                                  server => 'return 200;') },
       'and in no other order');
    like($@, qr/undefined symbol/, 'as it says');
};


# What dpkg calls, in a root of its own, for builds with other slices: the way
# from 1.0 to 2.0 and back; t/lib/Life.pm has dpkg itself go it.

my $sys = "$dir/sys";
my %slices = ('1.0' => '00-core 10-auth 20-item 40-monitor',
              '2.0' => '00-core 10-auth 30-case 40-monitor');


sub scripts {
    my $version = shift;

    my $links = join ' ', map { my ($name) = /-(\w+)/;
        "mod-zwfw-$name.conf:40-mod-zwfw-$_.conf" } split ' ', $slices{$version};

    shell("mkdir -p $sys/$version/DEBIAN && . ./build.sh help >/dev/null"
          . " && cd $sys/$version && LINKS=($links) && package_scripts $version"
          . " && sed -Ei 's,/(etc|usr/share|var/lib)/,$sys/\\1/,g' DEBIAN/*");
}


sub call {
    my ($version, $script, @words) = @_;

    local $ENV{PATH} = "$sys/bin:$ENV{PATH}";
    return shell("sh $sys/$version/DEBIAN/$script @words 2>&1");
}


# the files of a version, or none

sub unpacked {
    my $version = shift;

    shell("cd $sys/usr/share/nginx/modules-available && rm -f *");
    shell("touch $sys/usr/share/nginx/modules-available/mod-zwfw-$_.conf")
        for map { /-(\w+)/ } split ' ', $version ? $slices{$version} : '';
}


sub upgrade {
    my ($from, $to) = @_;

    call($to, 'preinst', 'upgrade', $from, $to);
    enabled("before the files of $to are there",
            join ' ', grep { my ($name) = /-(\w+)/;
                             $slices{$to} =~ /$name/ } all());
    unpacked($to);
    call($to, 'postinst', 'configure', $from);
}


sub all {
    return map { s{.*/}{}r =~ s/40-mod-zwfw-|\.conf$//gr }
        glob "$sys/etc/nginx/modules-enabled/*.conf";
}


sub enabled {
    my ($name, $links) = @_;

    is(join(' ', all()), $links, $name);
}


subtest 'links' => sub {
    shell("mkdir -p $sys/bin $sys/etc/nginx/modules-enabled"
          . " $sys/etc/default $sys/usr/share/nginx/modules-available"
          . " && cd $sys && echo 'DATABASES=zwfw_x' >etc/default/zwfw"
          . " && echo 'echo zwfw \$\@ >>$sys/said;"
          . " exit \$(cat $sys/code 2>/dev/null)' >bin/zwfw"
          . " && echo 'exit 1' >bin/invoke-rc.d && echo : >bin/dpkg-trigger"
          . ' && chmod 755 bin/*');
    scripts($_) for sort keys %slices;

    my $place = "$sys/etc/nginx/modules-enabled";

    call('1.0', 'preinst', 'install');
    unpacked('1.0');
    call('1.0', 'postinst', 'configure', "''");
    enabled('all are, at first', '00-core 10-auth 20-item 40-monitor');

    unlink "$place/40-mod-zwfw-10-auth.conf";
    upgrade('1.0', '2.0');
    enabled('a new one is, none that was taken out or is no more',
            '00-core 30-case 40-monitor');
    is(join(' ', grep { !-e } glob "$place/*.conf"), '', 'none leads nowhere');

    upgrade('2.0', '1.0');
    enabled('one that is back is as it was', '00-core 20-item 40-monitor');
    is(read_file("$sys/said"), "zwfw migrate zwfw_x\n", 'the newer one migrates');
    upgrade('1.0', '2.0');
    enabled('and once more', '00-core 30-case 40-monitor');

    # what a package says whose database is ahead, or which cannot migrate it

    my $migrating = sub {
        shell("echo $_[0] >$sys/code");
        local $ENV{PATH} = "$sys/bin:$ENV{PATH}";
        my $said = `sh $sys/2.0/DEBIAN/postinst configure 1.0 2>&1`;
        unlink "$sys/code";
        return ($? >> 8, $said);
    };
    my ($code, $said) = $migrating->(9);

    is($code, 0, 'a database that is ahead is left alone');
    like($said, qr/a newer version has migrated it.*health/s, 'as it says');
    is(($migrating->(5))[0], 5, 'one that cannot be migrated is not');

    for (['prerm', 'remove', 'abort-remove'],
         ['prerm', 'deconfigure', 'abort-deconfigure'])
    {
        my ($script, $try, $abort) = @$_;

        call('2.0', $script, $try);
        enabled("$try: none", '');
        call('2.0', 'postinst', $abort);
        enabled("$abort: as before", '00-core 30-case 40-monitor');
    }

    call('1.0', 'preinst', 'upgrade', '2.0', '1.0');
    call('2.0', 'postinst', 'abort-upgrade', '1.0');
    enabled('abort-upgrade: as before', '00-core 30-case 40-monitor');

    # of a build that has not noted what it had enabled, in another place

    shell("rm -r $sys/var/lib/ngx-zwfw");
    rename "$place/40-mod-zwfw-40-monitor.conf",
        "$place/40-mod-zwfw-03-monitor.conf";
    upgrade('2.0', '1.0');
    enabled('of an earlier build', '00-core 03-monitor 20-item');

    # a link of somebody else is neither doubled nor left behind

    call('1.0', 'prerm', 'remove');
    unpacked('');
    call('1.0', 'postrm', 'purge');
    ok(!-e "$sys/var/lib/ngx-zwfw", 'purged');
    is_deeply([glob "$place/*"], [], 'no link is left');
    symlink "$sys/usr/share/nginx/modules-available/mod-zwfw-core.conf",
        "$place/40-mod-zwfw-01-mine.conf";
    unpacked('1.0');
    call('1.0', 'postinst', 'configure', "''");
    enabled('one of somebody else', '01-mine 10-auth 20-item 40-monitor');
    call('1.0', 'prerm', 'remove');
    enabled('removed', '');
};


subtest 'the rest' => sub {
    ok(-f "$dir/deb/$_", $_) for map { "usr/share/$_" }
        'zwfw/html/core/help.html', 'zwfw/modules/core/tables/01-base.sql',
        'doc/ngx-zwfw/examples/existing.conf', 'doc/ngx-zwfw/copyright',
        'man/man8/zwfw.8.gz';
    like(read_file("$dir/deb/etc/nginx/snippets/zwfw-site.conf"),
         qr{zwfw_pages  /usr/share/zwfw/html;.* /usr/share/zwfw/html/assets/;}s,
         'snippets name the pages');
    like(read_file("$dir/deb/usr/share/zwfw/MANIFEST"), qr/^$_/m, $_)
        for 'nginx [\d.]+ \S+$', 'OpenSSL 3', '\S.* \d+\.\d+\.\d+$',
            'commit (?:none|[0-9a-f]{40})$';
    refused('uninstall', 7, qr/apt-get remove ngx-zwfw/,
            "$dir/deb/usr/share/zwfw/build.sh uninstall");
    refused('zwfw', 2, qr/usage: zwfw migrate\|backup\|restore/,
            "$dir/deb/usr/sbin/zwfw run");
};


subtest 'the tarball' => sub {
    shell("tar -C $dir -xzf $tarball");

    my $tree = "$dir/ngx-zwfw-1.0";

    shell("cd $tree/dist && grep -E '^[0-9a-f]{64} ' MANIFEST"
          . ' | sha256sum -c --status');
    pass('holds what its manifest says');
    shell("cd / && DESTDIR=$dir/there CC=/bin/false $tree/build.sh install"
          . ' 2>&1');
    is(join(' ', map { s{.*/}{}r } glob "$dir/there/usr/lib/nginx/modules/*.so"),
       "@so", 'install works from it');
};


$build->edit('dist/MANIFEST', sub { s/^nginx .*/nginx 1.0.0 x/ });
refused('of another nginx', 7, qr/dist was built for another nginx/,
        $build->path('build.sh') . ' package');
ok(-f $deb, 'which leaves the package that there was');


# Without the switch this is all; with it the rest is no choice: only root can make
# a system.

if ($ENV{ZWFW_LONG}) {
    is($>, 0, 'the long variant runs as root');
    Life::run($build, $deb) if $> == 0;
}

done_testing();
