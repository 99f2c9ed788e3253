# build.sh run, stop and testenv, in a copy of the tree: the demo is healthy on
# its three platforms with servers of somebody else and with its own, and what
# stop leaves is what was there before.

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;

use lib 't/lib';
use Build;
use Http;
use Port;
use Proc;
use Stores;
use Tree;

my @platforms = qw(national shandong transport);
my $dir = tempdir('zwfw-d-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $run = "$dir/.run";

chmod 0755, $dir;
delete $ENV{$_} for grep { /^(?:TEST_NGINX_|ZWFW_|SANITIZE$)/ } keys %ENV;
$ENV{ZWFW_PORT} = Port::free();
$ENV{ZWFW_TLS_PORT} = Port::free();

END {
    local $?;
    system("$dir/build.sh testenv --stop; $dir/build.sh stop")
        if $dir and -d $run;
}


Tree::shell("cp -a build.sh conf html modules '$dir/'");
Build::built($dir) or Tree::shell("'$dir/build.sh' modules 2>&1");


# (exit code, what it said)

sub build {
    my @words = @_;

    my $out = "$dir/out";
    my $status = system("'$dir/build.sh' @words </dev/null >$out 2>&1");

    return ($status >> 8, Tree::shell("cat $out"));
}


# the processes of the pid files below .run that are alive

sub pids {
    my @files = glob "$run/nginx.pid $run/*/postmaster.pid $run/*/redis.pid";

    return grep { Proc::alive($_) }
        map { Tree::shell("head -n 1 $_") =~ /(\d+)/ } @files;
}


sub master {
    return Tree::shell("cat $run/nginx.pid") + 0;
}


# answers of /api/health, to a stranger's curl that trusts the demo's authority

sub healthy {
    my $what = shift;

    for (@platforms) {
        my $at = "https://$_.localhost:$ENV{ZWFW_TLS_PORT}/api/health";

        is(Tree::shell("curl -s -m 10 --noproxy '*' --cacert $run/ca.pem"
                       . ' -o /dev/null -w "%{http_code}"' . " $at"),
           200, "$what: $_ is healthy");
    }
}


sub stopped {
    my @pids = @_;

    my ($code, $said) = build('stop');

    is($code, 0, 'stop') or diag($said);
    my @left = grep { Proc::alive($_) } @pids;

    is("@left", '', 'ends all that it started');
    kill 'KILL', @left;
    is((build('stop'))[0], 0, 'and has nothing to do the second time');
}


subtest 'with servers of somebody else' => sub {
    my $pg = Stores::Postgres->start;
    my $redis = Stores::Redis->start(settings => ['--unixsocketperm', 777]);

    $pg->psql('CREATE DATABASE theirs');
    $pg->psql('CREATE TABLE t AS SELECT 42 AS n', dbname => 'theirs');
    $redis->query('SET', 'theirs', 42);

    local $ENV{ZWFW_POSTGRES} = $pg->conninfo;
    local $ENV{ZWFW_REDIS} = 'unix:' . $redis->socket;

    my ($code, $said) = build('run');

    is($code, 0, 'run') or return diag($said);
    healthy('run');
    like($said, qr{\Qhttps://$_.localhost:$ENV{ZWFW_TLS_PORT}/\E},
         "prints the address of $_") for @platforms;
    is(join(' ', grep { -e } "$run/pg", "$run/redis"), '',
       'no servers of its own');
    unlike($said, qr/configuring/, 'nothing was built again');

    my $demo = JSON::PP->new->decode(Tree::shell("cat $run/demo.json"));
    my ($shandong) = grep { $_->{name} eq 'shandong' } @{ $demo->{platforms} };

    for (grep { defined $_->{email} } @{ $shandong->{accounts} }[0, -1]) {
        my $http = Http->new(port => $ENV{ZWFW_PORT},
                             host => 'shandong.localhost');

        like($said, qr/\Q$_->{email}\E/, "prints $_->{email}");
        is($http->post_json('/api/login', {
            email => $_->{email}, password => $_->{password} })->code, 200,
           'who logs in');
    }

    my $master = master();
    my @mine = Proc::descendants($master);

    ($code, $said) = build('run');
    is($code, 0, 'run again') or diag($said);
    is(master(), $master, 'is the same nginx');
    healthy('again');

    stopped(@mine, map { ($_, Proc::descendants($_)) } pids());
    ok(Proc::alive($pg->{pid}) && Proc::alive($redis->{pid}),
       'the servers run');
    is($pg->psql('SELECT n FROM t', dbname => 'theirs'), 42,
       'with the database that was there');
    is($redis->query('GET', 'theirs'), 42, 'and the key');
    remove_tree($run);
};


subtest 'with servers of its own' => sub {
    my ($code, $said) = build('run');

    is($code, 0, 'run') or return diag($said);
    healthy('run');

    my @pids = pids();

    is(scalar @pids, 3, 'nginx, PostgreSQL and Redis');
    stopped(map { ($_, Proc::descendants($_)) } @pids);
    remove_tree($run);
};


subtest 'testenv' => sub {
    my $look = <<'END';
eval "$(./build.sh testenv 2>/dev/null)"
psql -XqAt -d "$TEST_NGINX_ZWFW_ADMIN" \
    -c "SELECT count(*) FROM zwfw.migrations WHERE name <> 'api'" \
    -c "SELECT count(*) > 0 FROM zwfw.items WHERE state = 'in_use'"
psql -XqAt -d "$TEST_NGINX_ZWFW_POSTGRES" -c 'SELECT current_user'
redis-cli -s "${TEST_NGINX_ZWFW_REDIS#unix:}" ping
ls $TEST_NGINX_LOAD_MODULES | wc -l
ls "$TEST_NGINX_ZWFW_KEYS" "$TEST_NGINX_ZWFW_OPENAPI" \
    "$TEST_NGINX_ZWFW_HTML/core/layout.html" | wc -l
./build.sh testenv | sed 's/=.*//' | LC_ALL=C sort
END
    my @said = split /\n/, Tree::shell("cd $dir; exec 2>&1; $look");
    my @tables = glob 'modules/*/tables/*.sql';
    my @exported = Tree::shell('cat build.sh')
        =~ /^    export (TEST_NGINX_\w+)=/mg;
    my @pids = map { Tree::shell("head -n 1 $_") =~ /(\d+)/ }
        glob "$run/testenv/*/postmaster.pid $run/testenv/*/redis.pid";

    is($said[0], @tables, 'the database is migrated');
    is($said[1], 't', 'and has the items of the demo');
    is($said[2], 'zwfw_web', 'the account of the workers logs in');
    is($said[3], 'PONG', 'Redis answers');
    is($said[4], 5, 'the modules are there');
    is($said[5], 3, 'and keys, document, pages');
    is(join(' ', map { /^export (TEST_NGINX_\w+)$/ } @said),
       join(' ', sort @exported),
       'started twice it prints all variables');

    is(scalar(grep { Proc::alive($_) } @pids), 2, 'two servers');
    is((build('testenv --stop'))[0], 0, 'testenv --stop');
    is(join(' ', grep { Proc::alive($_) } @pids), '', 'ends them');
    ok(!-e "$run/testenv", 'and nothing is left');
};

done_testing();
