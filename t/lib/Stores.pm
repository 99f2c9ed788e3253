package Stores;

# Private PostgreSQL and Redis of a test that stops, freezes or kills them.
# Each has its own directory and listens on a unix socket only.
#
#     my $pg = Stores::Postgres->start;      my $redis = Stores::Redis->start;
#     $pg->freeze; $pg->thaw; $pg->crash; $pg->restart; $pg->stop;
#
# Stores::Postgres->start(like => $dir) begins with a copy of a data directory.
#
# Both end with the test.  A crash is kill -9 of all its processes at once; the
# memory that PostgreSQL shared then goes when it starts again, or with the store.
#
#     my $standby = $pg->standby;             # replays what $pg writes
#     $pg->set("synchronous_standby_names = '*'");
#     $standby->pause; $standby->resume;      # what it replays
#     $standby->promote; $pg->follow($standby);

use strict;
use warnings;

use Fcntl qw(LOCK_EX);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use POSIX ();

use Proc;
use Stores::Redis;
use Stores::Shared;


# The path of what all tests of a run begin with, if they have a place for it: the
# first one that asks makes it, at the path that $make is given.

sub once {
    my ($name, $make) = @_;

    my $path = ($ENV{ZWFW_TEST_CLUSTERS} // return) . "/$name";

    open my $lock, '>', "$path.lock" or die "$path.lock: $!\n";
    flock $lock, LOCK_EX or die "$path.lock: $!\n";

    if (!-e $path) {
        $make->("$path.new");
        rename "$path.new", $path or die "$path: $!\n";
    }

    return $path;
}


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
        command => [$self->command], log => $log, user => scalar $self->user,
        quit => scalar $self->end_signal);

    Proc::until_true("start, see $log", 30, sub {
        die "ended at start: ", said($log) if defined Proc::ended($pid);
        return $self->ready;
    });
}


sub said {
    my $log = shift;

    open my $in, '<', $log or return "nothing in $log\n";
    return readline $in;
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


# what ends it at once, where kill -9 would leave something

sub end_signal {
    return;
}


# what is left of one that does not run

sub clear {
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner};

    local ($@, $?);
    Proc::end(delete $self->{pid}) if $self->{pid};
    eval { $self->clear };
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

    if ($self->{of}) {
        $self->copy($self->{of});

    } else {
        Proc::run(
            command => $self->{like} ? ['cp', '-a', $self->{like}, "$dir/data"]
                : ["$bin/initdb", '-D', "$dir/data", '-U', 'postgres', '-A',
                   'trust', '-E', 'UTF8', '--locale=C.UTF-8'],
            log => "$dir/initdb.log", user => $self->user);
    }

    $self->write_settings;
}


sub copy {
    my ($self, $of) = @_;

    my $dir = $self->{dir};

    Proc::run(
        command => ["$bin/pg_basebackup", '-R', '-c', 'fast', '-D',
                    "$dir/data", '-d', $of->conninfo],
        log => "$dir/initdb.log", user => $self->user);
}


sub write_settings {
    my ($self, @more) = @_;

    my $dir = $self->{dir};

    open my $conf, '>>', "$dir/data/postgresql.conf" or die "$dir: $!\n";
    print $conf "listen_addresses = ''\nunix_socket_directories = '$dir'\n",
        "shared_buffers = 64MB\nmax_connections = 100\n",
        map { "$_\n" } @{ $self->{settings} // [] }, @more;
    close $conf or die "$dir: $!\n";
}


sub standby {
    my ($self, %o) = @_;

    return ref($self)->start(of => $self, %o);
}


# a standby stands still; returns when it does, which is not at once

sub pause {
    my $self = shift;

    $self->psql('SELECT pg_wal_replay_pause()');
    Proc::until_true('it is paused', 20, sub {
        $self->psql('SELECT pg_get_wal_replay_pause_state()') eq 'paused';
    });
}


sub resume {
    $_[0]->psql('SELECT pg_wal_replay_resume()');
}


# one that was the primary: starts anew, as a standby

sub follow {
    my ($self, $of) = @_;

    $self->clear;
    File::Path::remove_tree("$self->{dir}/data");
    $self->copy($of);
    $self->write_settings;
    $self->launch;
}


# returns when it is the primary

sub promote {
    $_[0]->psql('SELECT pg_promote()') eq 't' or die "not promoted\n";
}


# a setting, without a restart

sub set {
    my ($self, $setting) = @_;

    $self->psql("ALTER SYSTEM SET $setting");
    $self->psql('SELECT pg_reload_conf()');
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


sub end_signal {
    return 'QUIT';
}


sub crash {
    my $self = shift;

    $self->{shared} = eval { $self->shared };       # none before it has started
    $self->SUPER::crash;
}


# one that has started again, or was stopped, has done that itself

sub clear {
    my $self = shift;

    my $shared = delete $self->{shared} or return;
    Stores::Shared::remove($shared) if -e "$self->{dir}/data/postmaster.pid";
}


sub shared {
    my $self = shift;

    return Stores::Shared::of("$self->{dir}/data", $self->{pid});
}


sub ready {
    my $self = shift;

    open my $in, '<', "$self->{dir}/data/postmaster.pid" or return;
    my @lines = <$in>;

    # one that is "cold" starts for as long as it is left alone

    my $state = $self->{cold} ? qr/^starting/ : qr/^(?:ready|standby)/;

    return @lines >= 8 && $lines[0] == $self->{pid} && $lines[7] =~ $state;
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


1;
