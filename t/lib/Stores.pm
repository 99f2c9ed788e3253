package Stores;

# Private PostgreSQL and Redis of a test that stops, freezes or kills them.
# Each has its own directory and listens on a unix socket only.
#
#     my $pg = Stores::Postgres->start;      my $redis = Stores::Redis->start;
#     $pg->freeze; $pg->thaw; $pg->crash; $pg->restart; $pg->stop;
#
# Stores::Postgres->start(like => $dir) begins with a copy of a data directory.
#
# Both end with the test.  A crash is kill -9 of all its processes at once.

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use POSIX ();

use Proc;


sub start {
    my ($class, %o) = @_;

    my $self = bless { dir => tempdir('zwfw-s-XXXXXX', TMPDIR => 1),
                       owner => $$, %o }, $class;

    chmod 0755, $self->{dir};
    $self->create;
    $self->launch;

    return $self;
}


sub launch {
    my $self = shift;

    my $log = "$self->{dir}/log";

    die "already running\n" if $self->{pid};

    my $pid = $self->{pid} = Proc::spawn(
        command => [$self->command], log => $log, user => scalar $self->user);

    Proc::until_true("start, see $log", 30, sub {
        die "ended at start, see $log\n" if defined Proc::ended($pid);
        return $self->ready;
    });
}


sub stop {
    my $self = shift;

    return if !$self->{pid};

    $self->thaw;
    kill $self->quit_signal, $self->{pid};
    Proc::finish($self->{pid}, 30);
    undef $self->{pid};
}


sub restart {
    my $self = shift;

    $self->stop;
    $self->launch;
}


sub crash {
    my $self = shift;

    Proc::destroy($self->{pid});
    undef $self->{pid};
}


sub freeze {
    Proc::freeze($_[0]{pid});
}


sub thaw {
    Proc::thaw($_[0]{pid});
}


sub dir {
    return $_[0]{dir};
}


sub user {
    return;
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner};

    local ($@, $?);
    eval { $self->crash } if $self->{pid};
    remove_tree($self->{dir});
}


package Stores::Postgres;

our @ISA = ('Stores');

# where Debian keeps the newest, or where PGBIN says

my ($bin) = grep { -x "$_/postgres" } $ENV{PGBIN} // (),
    reverse sort glob '/usr/lib/postgresql/*/bin';


sub create {
    my $self = shift;

    die "no PostgreSQL server is installed\n" if !$bin;

    my $dir = $self->{dir};

    if ($> == 0) {
        my ($uid, $gid) = (getpwnam $self->user)[2, 3];
        chown $uid, $gid, $dir or die "chown $dir: $!\n";
    }

    Proc::run(
        command => $self->{like} ? ['cp', '-a', $self->{like}, "$dir/data"]
            : ["$bin/initdb", '-D', "$dir/data", '-U', 'postgres', '-A',
               'trust', '-E', 'UTF8', '--locale=C.UTF-8'],
        log => "$dir/initdb.log", user => $self->user);

    open my $conf, '>>', "$dir/data/postgresql.conf" or die "$dir: $!\n";
    print $conf "listen_addresses = ''\nunix_socket_directories = '$dir'\n",
        "shared_buffers = 64MB\nmax_connections = 100\n",
        map { "$_\n" } @{ $self->{settings} // [] };
    close $conf or die "$dir: $!\n";
}


# PostgreSQL refuses to run as root

sub user {
    return defined getpwnam('postgres') ? 'postgres' : 'nobody';
}


sub command {
    return ("$bin/postgres", '-D', "$_[0]{dir}/data");
}


sub quit_signal {
    return 'INT';
}


sub ready {
    my $self = shift;

    open my $in, '<', "$self->{dir}/data/postmaster.pid" or return;
    my @lines = <$in>;

    return @lines >= 8 && $lines[0] == $self->{pid} && $lines[7] =~ /^ready/;
}


sub conninfo {
    my ($self, %o) = @_;

    $o{host} //= $self->{dir};
    $o{user} //= 'postgres';
    $o{dbname} //= 'postgres';

    return join ' ', map { "$_=$o{$_}" } sort keys %o;
}


sub socket {
    return "$_[0]{dir}/.s.PGSQL.5432";
}


# Runs SQL; returns what "psql -A -t" prints, without the last newline; dies
# with psql's message of an error.

sub psql {
    my ($self, $sql, %o) = @_;

    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        $ENV{PGOPTIONS} = '-c client_min_messages=error';
        open STDERR, '>&', \*STDOUT;
        exec "$bin/psql", '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d',
            $self->conninfo(%o), '-c', $sql or POSIX::_exit(127);
    }

    my $text = join '', <$out>;
    close $out or die "psql: $text\n";

    chomp $text;
    return $text;
}


package Stores::Redis;

use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_RCVTIMEO);

our @ISA = ('Stores');


sub create {
}


# "settings" are further arguments; without them nothing survives a crash

sub command {
    my $self = shift;

    return ($ENV{REDIS_SERVER} || 'redis-server', '--port', 0, '--dir',
            $self->{dir}, '--unixsocket', $self->socket, '--save', '',
            @{ $self->{settings} // [] });
}


sub socket {
    return "$_[0]{dir}/redis.sock";
}


sub quit_signal {
    return 'TERM';
}


sub ready {
    my $self = shift;

    return (eval { $self->query('PING') } // '') eq 'PONG';
}


# Sends one command; returns text, a list reference or undef; dies of an error.

sub query {
    my ($self, @command) = @_;

    my $sock = IO::Socket::UNIX->new($self->socket) or die "connect: $!\n";

    setsockopt $sock, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 5, 0;
    print $sock '*' . @command . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @command;
    $sock->flush;

    return answer($sock);
}


sub answer {
    my $sock = shift;

    my $line = readline $sock;
    die "no answer from Redis\n" if !defined $line;

    my ($type, $value) = $line =~ /^(.)(.*)\r\n\z/s;

    die "Redis: $value\n" if $type eq '-';
    return $value if $type eq '+' or $type eq ':';
    return if $value < 0;
    return [map { scalar answer($sock) } 1 .. $value] if $type eq '*';

    read $sock, my $text, $value + 2;
    return substr $text, 0, $value;
}


1;
