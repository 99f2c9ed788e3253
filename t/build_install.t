# build.sh modules, install and uninstall: what they refuse and how; a subset of
# the slices; what is installed below a DESTDIR loads, and uninstall leaves
# nothing.  No root is needed.  All of it in a copy of the tree.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Build;
use NginxServer;
use Tree;

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


# installed is what is for use, of all slices

$ENV{DESTDIR} = $root;
refused('what is for a debugger', 7, qr/dist is not for use \(debug\):/,
        'install');
system('rm', '-rf', "$dir/dist");
Build::release($dir);
$manifest = read_file("$dir/dist/MANIFEST");

my @slices = split ' ', Tree::shell('cat modules/order');
my $count = @slices;

refused('a dry run', 0, qr{^would\ install\ \Q$root\E/.*core_module\.so$}mx,
        'install', '--dry-run');
ok(!-e $root, 'installs nothing');

refused('install', 0, qr/restart nginx or send USR2.*a reload is not enough/s,
        'install');

my ($core) = grep { /core_module\.so$/ } found();
my @available = grep { m{/modules-available/.} } found();

like($core, qr{/modules/ngx_http}, 'where nginx looks for modules');
like($available[0], qr/40-mod-zwfw-00-core\.conf$/, "core's is the first");
is(join(' ', map { /40-mod-zwfw-\d\d-(\w+)\.conf$/ } @available), "@slices",
   'slices follow in their order');
ok(!grep({ m{/modules-enabled/} } found()), 'none is enabled');
ok(-f "$root/usr/include/zwfw/ngx_http_zwfw.h", 'public headers');
ok(!-e "$root/usr/include/zwfw/ngx_http_zwfw_core.h", 'and only these');

write_file("$dir/html/core/more.html", 'more');
my $first = read_file($core);

write_file($core, 'of an earlier release');
refused('again, and enabled', 0, qr/installed: $count modules/,
        'install', '--enable');
is(read_file($core), $first, 'the module is new');
is(read_file("$core.previous"), 'of an earlier release', 'and the old is kept');
ok(-f "$share/html/core/more.html", 'a new page is there');

# what is no more goes, what was enabled stays so: one whose name had another
# number, none that is new since

my @enabled = sort grep { m{/modules-enabled/.} } found();

is(scalar @enabled, $count, 'all are enabled');
unlink "$dir/html/core/more.html";

{
    my ($auth) = grep { /-auth\.conf$/ } @enabled;
    my ($item) = grep { /-item\.conf$/ } @enabled;
    my $earlier = $auth =~ s/-10-auth/-01-auth/r;
    my $text = read_file("$share/INSTALLED");
    my $to = readlink($auth) =~ s/-10-auth/-01-auth/r;

    rename $auth, $earlier or die "$auth: $!\n";
    unlink $earlier, $item;
    symlink $to, $earlier or die "$earlier: $!\n";
    $text =~ s{^link \S+ (\S+)-10-auth\.conf$}{link $to $1-01-auth.conf}m
        or die "no link of auth\n";
    $text =~ s/^link \S+ \S+-item\.conf\n//m or die "no link of item\n";
    write_file("$share/INSTALLED", $text);

    refused('an upgrade', 0, qr/^not loaded are 40-mod-zwfw-20-item\.conf:/m,
            'install');
    is_deeply([sort grep { m{/modules-enabled/.} } found()],
              [grep { $_ ne $item } @enabled], 'enabled is what was');
    ok(!-e "$share/html/core/more.html", 'a page is no more');
    refused('all', 0, qr/^installed(?!.*not loaded)/s, 'install', '--enable');
    is_deeply([sort grep { m{/modules-enabled/.} } found()], \@enabled,
              'all are');
}


# a slice that does not say where it is loaded, or not where it is

for (['', 'missing'], ["zwfw_load=50\n", 'in another place'])
{
    my $config = "$dir/modules/auth/config";
    my $text = read_file($config);

    write_file($config, $text =~ s/^zwfw_load=.*\n/$_->[0]/mr);
    refused($_->[1], 7, qr/zwfw_load of modules.*not in the order of/,
            'install');
    write_file($config, $text);
}

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


# headers of another tree: Debian's nginx takes those of its nginx-dev alone, one
# of one's own none of them

write_file("$dir/dist/MANIFEST", $manifest);

my ($headers) = $manifest =~ /^headers (.*)$/m;
my $tree = 'tree ' . 'a' x 64;
my $debian = $headers =~ /^nginx-dev /;

for ($debian ? ($tree, "$headers+other", '') : ('nginx-dev 1.0', '')) {
    write_file("$dir/dist/MANIFEST",
               $manifest =~ s/^headers \K.*$/$_/mr);
    refused("headers of \"$_\"", 7,
            qr/dist was built with headers of (?:\Q$_\E|nobody .*),/, 'install');
}

{
    my $own = "$dir/own-nginx";

    write_file($own, "#!/bin/sh\nexec '" . Tree::shell("command -v '$nginx'")
               =~ s/\n//r . "' \"\$@\"\n");
    chmod 0755, $own;
    local $ENV{NGINX} = $own;
    my $other = $manifest =~ s/^nginx [\d.]+ \K.*$/none/mr;

    write_file("$dir/dist/MANIFEST", $other =~ s/^headers \K.*$/nginx-dev 1/mr);
    refused("nginx-dev's for one of one's own", 7,
            qr/headers of nginx-dev 1, \Q$own\E needs those of its own tree/,
            'install');
    write_file("$dir/dist/MANIFEST", $other =~ s/^headers \K.*$/$tree/mr);
    refused('its own tree', 0, qr/^would install/, 'install', '--dry-run');
    delete local $ENV{NGINX_SRC};
    refused('no tree is named', 3, qr/\Q$own\E is not Debian's.*NGINX_SRC says/,
            'modules', '--dry-run');
}

write_file("$dir/dist/MANIFEST", $manifest);


# what a build notes: of whom the headers are, by their content

sub headers {
    my $src = shift;

    return Tree::shell(". ./build.sh help >/dev/null; SRC=\$(cd '$src' && pwd"
                       . ' -P); headers_identity') =~ s/\n//r;
}

{
    my $src = $ENV{NGINX_SRC} || '/usr/share/nginx/src';

    Tree::shell("mkdir '$dir/tree' && cp -R '$src/src' '$dir/tree/'");
    is(headers($src), $headers, 'those that are here');

    my $copy = headers("$dir/tree");

    like($copy, qr/^tree [0-9a-f]{64}$/, 'a tree of one\'s own');
    open my $h, '>>', "$dir/tree/src/core/nginx.h" or die "nginx.h: $!\n";
    print $h "/* other */\n";
    close $h;
    isnt(headers("$dir/tree"), $copy, 'and another one');
}


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
