# PostgreSQL over TCP that takes connections with TLS, or without it, only: libpq
# asks for the other kind first, is refused, and goes on with another socket
# while it connects.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Port;
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my ($pg, $port) = ($db->{pg}, Port::free());
my $dir = $pg->dir . '/data';

# the name of its unix socket has the port, too
$ENV{PGPORT} = $port;

Proc::run(command => ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', '/CN=localhost',
    '-keyout', "$dir/server.key", '-out', "$dir/server.crt"],
    log => "$dir/../openssl.log", user => $pg->user);
chmod 0600, "$dir/server.key";
$pg->write_settings("listen_addresses = '127.0.0.1'", "port = $port",
                    'ssl = on');


# who comes over TCP must come so

sub only {
    my $kind = shift;

    open my $out, '>', "$dir/pg_hba.conf" or die "pg_hba.conf: $!\n";
    print $out "local all all trust\n$kind all all 127.0.0.1/32 trust\n";
    close $out or die "pg_hba.conf: $!\n";
    $pg->restart;
}


sub refused {
    open my $in, '<', $pg->dir . '/log' or die "log: $!\n";
    return scalar grep { /FATAL: .*pg_hba\.conf.* (?:SSL|no) encryption/ } <$in>;
}


sub answers {
    my ($told, $name, $tls) = @_;

    for my $class (qw(read write slow)) {
        Proc::until_true("$name: $class", 20,
                         sub { $told->$class('PID')->code == 200 });
        pass("$name: $class");
    }

    is($db->admin("SELECT count(*) FROM pg_stat_ssl NATURAL JOIN
        pg_stat_activity WHERE usename = 'zwfw_web' AND ssl = '$tls'
        AND application_name IN ('zwfw read', 'zwfw write', 'zwfw slow')"), 3,
       "$name: over TCP, as it must be");
}


my $of;

for (['hostnossl', 'prefer', 'f'], ['hostssl', 'allow', 't']) {
    my ($kind, $mode, $tls) = @$_;

    only($kind);

    my $before = refused();
    my $told = Told->new(db => $db, redis => $redis, $of ? (of => $of) : (),
        block => 'postgres_connections 1 1 1;',
        postgres => "hostaddr=127.0.0.1 port=$port dbname=zwfw user=zwfw_web"
                    . " sslmode=$mode");
    my $nginx = $told->node->nginx;

    answers($told, $kind, $tls);
    cmp_ok(refused() - $before, '>=', 3, "$kind: each was refused first");

    my $held = $nginx->held;

    for my $n (1 .. 3) {
        $told->terminate($_) for qw(read write slow listen);
        answers($told, "$kind, again $n", $tls);
    }

    is($nginx->held, $held, "$kind: no descriptor is left over");
    is(join('', $nginx->stop), '', "$kind: no alert");
    $of = $told;
}

done_testing();
