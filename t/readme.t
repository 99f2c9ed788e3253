# Commands and configurations of README.md are run as they stand there: the
# smallest configuration, a stranger's suite.

use strict;
use warnings;
use utf8;

use File::Temp;
use JSON::PP ();
use Test::More;

use lib 't/lib';
use Build;
use Harness;
use Node;
use Port;
use Proc;
use Readme;
use Stores;
use Tree;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = File::Temp->newdir('zwfw-r-XXXXXX', TMPDIR => 1);

chmod 0755, $dir;


sub text {
    my $file = shift;

    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar readline $in;
}

my $readme = text('README.md');


subtest 'what it names is there' => sub {
    my %command = map { $_ => 1 } map { text($_) =~ /^cmd_(\w+)\(/mg }
        qw(build.sh modules/core/install.sh modules/core/backup.sh modules/core/package.sh t/tools.sh);
    my @asked = $readme =~ m{\./build\.sh (\w+)}g;

    cmp_ok(scalar @asked, '>', 5, 'commands');
    is(join(' ', grep { !$command{$_} } @asked), '', 'are those of build.sh');

    my @files = grep { !/[*{]/ }
        $readme =~ m{`((?:modules|conf|t|html)/[\w./*{},-]+)`}g;

    cmp_ok(scalar @files, '>', 10, 'files and folders');
    is(join(' ', grep { !-e } @files), '', 'are in the tree');

    my @told = text('build.sh') =~ /^  (ZWFW_\w+|NGINX\w*|JOBS|SANITIZE) /mg;

    is(join(' ', grep { $readme !~ /`$_`/ } @told), '', 'all variables');
};


subtest 'the repository' => sub {
    my %top = map { s{/.*}{}sr => 1 }
        split /\n/, Tree::shell(Tree::git() . ' ls-files');

    is(join(' ', sort keys %top), '.ci .clang-format .editorconfig .gitignore'
       . ' LICENSE README.md build.sh conf html modules t', 'its top level');

    my ($command) = $readme =~ m{^    (\./build\.sh test)\b}m;

    ok(-x '.ci/run', '.ci/run');
    like(text('.ci/run'), qr/\bexec \Q$command\E$/m, 'is the command for tests');
};


subtest 'accounts of the demo' => sub {
    my $demo = JSON::PP->new->utf8->decode(do {
        local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_DEMO}; <> });
    my ($shandong) = grep { $_->{name} eq 'shandong' } @{ $demo->{platforms} };

    for (@{ $shandong->{accounts} }) {
        like($readme, qr/\Q$_->{email}\E/, $_->{email});
        like($readme, qr/`\Q$_->{password}\E`/, 'and its password');
    }
};


# As it stands there, but for the places: a copy of this tree, a root below
# $dir, a PostgreSQL of its own, the account that this test runs with; "sudo" is
# one that stays who it is, but for postgres.

subtest 'into an nginx that is there' => sub {
    my $build = Build->new(built => 1);
    my $pg = Stores::Postgres->start;
    my $redis = Stores::Redis->start;
    my $root = "$dir/system";
    my $me = getpwuid $>;
    my %place = ('/usr/share/zwfw' => "$root/usr/share/zwfw",
                 '/etc/postgresql/*/main' => "$pg->{dir}/data",
                 '/etc/nginx' => "$root/etc/nginx",
                 '/var/lib/zwfw' => "$root/var/lib/zwfw",
                 '/run/postgresql' => $pg->{dir},
                 'unix:/run/redis/redis.sock' => 'unix:' . $redis->socket,
                 'www-data' => $me);
    my $places = join '|', map { quotemeta } sort { length $b <=> length $a }
        keys %place;
    my $here = sub { $_[0] =~ s/($places)/$place{$1}/gr };

    mkdir "$dir/bin" or die "bin: $!\n";
    open my $sudo, '>', "$dir/bin/sudo" or die "sudo: $!\n";
    print $sudo "#!/bin/sh\n[ \"\$1\" != -u ] || shift 2\nexec \"\$@\"\n";
    close $sudo or die "sudo: $!\n";
    chmod 0755, "$dir/bin/sudo";

    {
        local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
        local $ENV{DESTDIR} = $root;
        local ($ENV{PGHOST}, $ENV{PGUSER}) = ($pg->{dir}, 'postgres');
        delete local @ENV{qw(SANITIZE PROFILE)};

        my $said = eval { Readme::run_text("cd '" . $build->path('') . "'\n"
            . $here->(Readme::block('sh install'))) };

        is($@, '', 'the commands');
        like($said // '', qr/a reload is not enough/, 'that say what is next');
    }

    my $text = Readme::block('nginx');

    cmp_ok($text =~ tr/\n//, '<=', 12, 'at most 12 lines');

    my ($http, $server) =
        $here->($text) =~ /^(zwfw_platform.*?^\}\n)(.*)/ms;
    my $main = join '', map { text($root . readlink) }
        sort glob "$root/etc/nginx/modules-enabled/*.conf";

    is(scalar(() = $main =~ /load_module/g),
       scalar(split ' ', $ENV{TEST_NGINX_LOAD_MODULES}), 'all modules');

    my $nginx = NginxServer->start(
        modules => [], main => $main =~ s{load_module }{load_module $root}gr,
        http => $http, workers => 1,
        server => "$server zwfw_insecure_cookies on; root \$DIR/html;");
    my $anyone = Http->new(port => $nginx->port);

    is($anyone->get('/intranet/')->code, 401, 'a program is refused');
    like($anyone->get('/intranet/', headers => { Accept => 'text/html' })
         ->header('Location'), qr{^/login\?}, 'people are led to the login');
    is($anyone->get('/login')->code, 200, 'which is there');
    is($anyone->get('/assets/zwfw.css')->code, 200, 'as it should look');
    Proc::until_true('connections', 30,
                     sub { $anyone->get('/health')->code == 200 });
    is($anyone->get('/item/topics')->code, 200, 'out of the database');
    is(join('', $nginx->stop), '', 'no alert');
};


subtest 'a suite of a stranger' => sub {
    my $text = Readme::block('perl');

    cmp_ok($text =~ tr/\n//, '<=', 15, 'at most 15 lines');

    open my $out, '>', "$dir/own.t" or die "own.t: $!\n";
    print $out $text;
    close $out or die "own.t: $!\n";

    my $port = Port::free();

    local $ENV{TEST_NGINX_SERVER_PORT} = "127.0.0.1:$port";
    local $ENV{TEST_NGINX_CLIENT_PORT} = $port;
    local $ENV{TEST_NGINX_SERVROOT} = "$dir/root";
    my $lib = Harness::installed() // $Harness::fallback;
    my $printed = `prove -Q -I$lib $dir/own.t 2>&1`;

    is($?, 0, 'passes') or diag($printed);
};

done_testing();
