# build.sh modules, install and uninstall: what they refuse and how; a subset of
# the slices; what is installed below a DESTDIR loads, and uninstall leaves
# nothing.  No root is needed.  All of it in a copy of the tree.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use NginxServer;

my $dir = tempdir('zwfw-b-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $root = "$dir/root";
my $share = "$root/usr/share/zwfw";
my $nginx = $ENV{NGINX} || $ENV{TEST_NGINX_BINARY} || 'nginx';

delete $ENV{SANITIZE};
chmod 0755, $dir;
system('cp', '-R', 'build.sh', 'conf', 'html', 'modules', $dir) == 0
    or die "cp failed\n";


# exit code, and all that was said
sub build {
    my ($script, @words) = @_;

    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec $script, @words or die "$script: $!\n";
    }

    my $text = join '', <$out>;

    close $out;
    return ($? >> 8, $text);
}


sub refused {
    my ($name, $code, $pattern, @words) = @_;

    my ($got, $text) = build("$dir/build.sh", @words);

    is($got, $code, "$name: exit code");
    like($text, $pattern, "$name: what it says");
}


sub read_file {
    my $name = shift;

    local (@ARGV, $/) = $name;
    return scalar <>;
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}


sub found {
    return sort map { chomp; $_ } qx(find '$root' -mindepth 1 2>&1);
}


refused('an unknown profile', 2, qr/there is no profile fast/,
        'modules', '--profile=fast');
refused('without core', 2, qr/no slice runs without core/,
        'modules', '--modules=auth');
refused('an unknown slice', 2, qr/there is no slice none: core/,
        'modules', '--modules=core,none');
refused('an unknown option', 2, qr/modules \[--modules/, 'modules', '--fast');
refused('nothing is built', 7, qr/there is nothing to install/, 'install');
refused('nothing is installed', 7, qr/nothing is installed/, 'uninstall')
    if !-e '/usr/share/zwfw';
refused('help', 0, qr/^examples:.*^exit codes:/ms, 'help');

{
    local $ENV{NGINX} = '/nonexistent/nginx';
    local $ENV{NGINX_SRC} = '/nonexistent/src';

    refused('all that is missing', 3,
            qr{no nginx in /nonexistent/nginx;.*no nginx tree in /nonexistent}s,
            'modules');
}

{
    my $nginx = "$dir/nginx";

    write_file($nginx, "#!/bin/sh\nexec nginx -V 2>&1"
                       . " | sed 's/ --with-compat / /' >&2\n");
    chmod 0755, $nginx;
    local $ENV{NGINX} = $nginx;

    refused('an nginx that takes no modules from outside', 3,
            qr{$nginx was built without --with-compat$}m, 'modules');
    unlink $nginx;
}

refused('a dry run', 0, qr/would build .*-O0 --coverage -fprofile-update=atomic\n.*core_module\.so\n\z/s,
        'modules', '--modules=core', '--profile=coverage', '--dry-run');
ok(!-e "$dir/dist" && !-e "$dir/.build", 'makes nothing');


# two slices, for a debugger

refused('a subset', 0, qr/modules: 2 in /,
        'modules', '--modules=core,auth', '--profile=debug');

my @built = map { s{.*/}{}r } sort glob "'$dir/dist/'*.so";
my $manifest = read_file("$dir/dist/MANIFEST");

is("@built", 'ngx_http_zwfw_auth_module.so ngx_http_zwfw_core_module.so',
   'two modules');
like($manifest, qr/^nginx [\d.]+ .*^signature \d,\d,\d,[01]+$/ms, 'for whom');
like($manifest, qr/^profile debug\nmodules core auth $/m, 'what');
like($manifest, qr/^[0-9a-f]{64}  ngx_http_zwfw_auth_module\.so$/m, 'sums');


# installed

$ENV{DESTDIR} = $root;
refused('a dry run', 0, qr{^would\ install\ \Q$root\E/.*core_module\.so$}mx,
        'install', '--dry-run');
ok(!-e $root, 'installs nothing');

refused('install', 0, qr/restart nginx or send USR2.*a reload is not enough/s,
        'install');

my ($core) = grep { /core_module\.so$/ } found();
my @available = grep { m{/modules-available/.} } found();

like($core, qr{/modules/ngx_http}, 'where nginx looks for modules');
is(scalar @available, 2, 'a file of load_module for each');
like($available[0], qr/40-mod-zwfw-00-core\.conf$/, "core's is the first");
like($available[1], qr/40-mod-zwfw-01-auth\.conf$/, 'the slice follows');
ok(!grep({ m{/modules-enabled/} } found()), 'none is enabled');
ok(-f "$root/usr/include/zwfw/ngx_http_zwfw.h", 'public headers');
ok(!-e "$root/usr/include/zwfw/ngx_http_zwfw_core.h", 'and only these');

write_file("$dir/html/core/more.html", 'more');
my $first = read_file($core);

write_file($core, 'of an earlier release');
refused('again, and enabled', 0, qr/installed: 2 modules/,
        'install', '--enable');
is(read_file($core), $first, 'the module is new');
is(read_file("$core.previous"), 'of an earlier release', 'and the old is kept');
ok(-f "$share/html/core/more.html", 'a new page is there');

unlink "$dir/html/core/more.html";
refused('once more', 0, qr/installed: 2 modules/, 'install');
ok(!-e "$share/html/core/more.html", 'what is no more goes');

my @enabled = sort grep { m{/modules-enabled/.} } found();

is(scalar @enabled, 2, 'what was enabled stays so');

my $main = join '', map { read_file($root . readlink)
                          =~ s/^load_module /load_module $root/r } @enabled;
my $running = NginxServer->start(modules => [], main => $main, workers => 1,
                                 server => 'return 200;');

is(join('', $running->stop), '', 'nginx loads them from there');


# the installation itself

my ($code, $text) = build("$share/build.sh", 'run');

is($code, 2, 'an installation has no demo');
like($text, qr/it can migrate, backup, restore and uninstall/, 'it says what it can');
($code, $text) = build("$share/build.sh", 'migrate', '--dba', 'zwfw_one');
is($code, 0, 'it says what an administrator has to run');
like($text, qr/CREATE DATABASE zwfw_one .*CREATE ROLE/s, 'for that database');
($code, $text) = build("$share/build.sh", 'migrate');
is($code, 2, 'which has to be named');


# what does not fit

write_file("$dir/dist/ngx_http_zwfw_auth_module.so", 'broken');
refused('a broken module', 7, qr/dist is not what its MANIFEST says/,
        'install');
write_file("$dir/dist/MANIFEST", $manifest =~ s/^nginx .*/nginx 1.0.0 x/r);
system('cp', "$root/" . ($core =~ s/.*?\Q$root\E//r
                                =~ s/core_module/auth_module/r),
       "$dir/dist/ngx_http_zwfw_auth_module.so");
refused('another nginx', 7, qr/dist was built for another nginx/, 'install');


# away again

my $own = "$root/etc/nginx/modules-enabled/99-own.conf";
my ($place) = $enabled[0] =~ m{^(.*)/};

unlink $enabled[0] or die "$enabled[0]: $!\n";
symlink '../modules-available/40-mod-zwfw-00-core.conf', $enabled[0];
refused('a link of somebody else', 7,
        qr{nginx\ would\ not\ start:\ remove\ first\ .*00-core}x, 'uninstall');
ok(-f $core, 'nothing is gone');
unlink $enabled[0];

write_file("$share/html/core/help.html", 'changed here');
($code, $text) = build("$share/build.sh", 'uninstall', '--dry-run');
like($text, qr/^would remove \Q$core\E$/m, 'a dry run');
ok(-f $core, 'removes nothing');
($code, $text) = build("$share/build.sh", 'uninstall');
is($code, 0, 'uninstall, by the installation');
like($text, qr{kept, it was changed: \Q$share\E/html/core/help\.html\n}, 'says');
is_deeply([grep { -f } found()], ["$share/html/core/help.html"],
          'what it keeps');

unlink "$share/html/core/help.html";
system('rm', '-rf', "$root/usr");
system('cp', '-R', 'html', $dir);
write_file("$dir/dist/MANIFEST", $manifest);
mkdir $root;
refused('a last time', 0, qr/installed/, 'install', '--enable');
refused('and away', 0, qr/^uninstalled/m, 'uninstall');
is_deeply([found()], [], 'nothing is left');

done_testing();
