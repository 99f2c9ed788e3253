package NginxServer;

# An nginx with a master and workers, for tests of faults and privacy.
#
#     my $nginx = NginxServer->start(
#         main => '...', http => '...', server => '...', workers => 2);
#
# "server" is put into a server that listens on port(); "http" stands before
# it; "$PORT" and "$DIR" in them stand for that port and the directory.  It runs
# when start() returns.  stop() quits it gracefully and returns the lines of the
# error log that must not be there.  "single" is nginx without a master, "binary"
# another program that becomes nginx, and takes its time, as valgrind does.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Time::HiRes qw(sleep);

use Port;
use Proc;

my $patience = 120;     # s; nginx may run in valgrind
my $bad = qr/\[(?:alert|crit|emerg)\]|exited on signal|open socket #/;


sub start {
    my ($class, %o) = @_;

    my $self = bless {
        dir => tempdir('zwfw-n-XXXXXX', TMPDIR => 1), owner => $$,
        port => Port::free(), workers => 2, connections => 512,
        level => 'info', main => '', http => '', server => '', listen => '',
        modules => [split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // ''], %o,
    }, $class;

    chmod 0755, $self->{dir};
    make_path("$self->{dir}/logs", "$self->{dir}/html");
    $self->configure;
    $self->launch;

    return $self;
}


# also after crash() or stop()

sub launch {
    my $self = shift;

    my $binary = $self->{binary} || $ENV{TEST_NGINX_BINARY} || $ENV{NGINX}
        || 'nginx';
    my @command = ($binary, '-e', $self->log_file, '-p', "$self->{dir}/",
                   '-c', 'nginx.conf');

    my $before = delete $self->{crashed};
    my $pid = $self->{pid} = Proc::spawn(command => \@command,
                                         log => "$self->{dir}/output");
    $self->follow($before) if $self->{daemon};
    Proc::until_true('start of nginx', $patience, sub {
        die "nginx does not start:\n", $self->log_lines
            if !$self->{daemon} && defined Proc::ended($pid);
        return $self->listening && $self->workers == $self->{workers};
    });

    # a master takes no new binary while who has started it is there

    Proc::finish($pid, 30) if $self->{daemon};
}


# the master that wrote its pid, which is nobody's child

sub follow {
    my ($self, $not) = @_;

    eval { Proc::until_true('a pid of nginx', 30, sub {
        open my $in, '<', "$self->{dir}/nginx.pid" or return;
        $self->{pid} = (readline($in) // 0) + 0;
        return $self->{pid} && $self->{pid} != ($not // 0);
    }) };
    die $@, 'not ', $not // 0, "\n", grep { defined } ($self->log_lines)[-30 .. -1]
        if $@;
    Proc::own($self->{pid});
}


# writes the configuration, with other parts if some are given

sub configure {
    my ($self, %o) = @_;

    my %c = (%$self, %o);
    my $modules = join '', map { "load_module $_;\n" } @{ $c{modules} };
    my $user = $> == 0 ? "user root;\n" : '';
    my $daemon = $c{daemon} ? 'on' : 'off';
    my $master = $c{single} ? 'off' : 'on';

    my $text = <<"END";
daemon $daemon;
master_process $master;
worker_processes $c{workers};
worker_shutdown_timeout 20s;
error_log ${\ $self->log_file} $c{level};
pid nginx.pid;
env ASAN_OPTIONS;
env LSAN_OPTIONS;
env UBSAN_OPTIONS;
$user$modules$c{main}
events { worker_connections $c{connections}; }

http {
    default_type text/plain;
    access_log logs/access.log;
$c{http}
    server {
        listen 127.0.0.1:\$PORT $c{listen};
        server_name localhost;
$c{server}
    }
}
END

    $text =~ s/\$PORT\b/$self->{port}/g;
    $text =~ s/\$DIR\b/$self->{dir}/g;

    open my $out, '>', "$self->{dir}/nginx.conf" or die "nginx.conf: $!\n";
    print $out $text;
    close $out or die "nginx.conf: $!\n";

    @$self{keys %o} = values %o;
}


# how many times as much memory it may take: the sanitizers keep what was freed

sub larger {
    return $ENV{SANITIZE} ? 30 : 1;
}


sub port {
    return $_[0]{port};
}


sub dir {
    return $_[0]{dir};
}


sub pid {
    return $_[0]{pid};
}


sub log_file {
    return "$_[0]{dir}/logs/error.log";
}


sub log_lines {
    my ($self, $pattern) = @_;

    open my $in, '<', $self->log_file or return;
    return grep { !defined $pattern or /$pattern/ } <$in>;
}


# waits for a line in the error log

sub wait_log {
    my ($self, $pattern, $seconds) = @_;

    return Proc::until_true("\"$pattern\" in error.log", $seconds // 10, sub {
        return $self->log_lines($pattern);
    });
}


sub listening {
    my $self = shift;

    return defined IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 1);
}


# Pids of the workers, not of cache helpers or of workers that shut down.

sub workers {
    my $self = shift;

    return grep { $_ } $self->{pid} if $self->{single};
    return grep { $self->{binary} or title($_) eq 'nginx: worker process' }
        Proc::children($self->{pid});
}


sub title {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/cmdline" or return '';
    return (readline($in) // '') =~ s/[\0 ]+\z//r;
}


# How many descriptors all workers hold, as soon as that does not change any
# more: connections to stores may be opened or closed yet.

sub held {
    my $self = shift;

    my ($held, $same) = (-1, 0);

    Proc::until_true('all is open, and nothing else', 30, sub {
        my $now = 0;

        $now += () = Proc::descriptors($_) for $self->workers;
        $same = $now == $held ? $same + 1 : 0;
        $held = $now;
        sleep 0.05;
        return $same == 20;
    });

    return $held;
}


# Memory of each worker in KiB, by pid; and by how much one that is still there
# has grown since.

sub memory {
    return { map { $_ => Proc::memory($_) } $_[0]->workers };
}


sub grown {
    my ($self, $before) = @_;

    my $now = $self->memory;
    my ($most) = sort { $b <=> $a } map { $now->{$_} - $before->{$_} }
        grep { defined $before->{$_} } keys %$now;

    return $most;
}


# Returns when all new workers run.  Old ones go on with what they have.

sub reload {
    my $self = shift;

    my %old = map { $_ => 1 } $self->workers;

    kill 'HUP', $self->{pid};
    Proc::until_true('reload', $patience, sub {
        my @now = $self->workers;
        return @now == $self->{workers} && !grep { $old{$_} } @now;
    });
}


# Another binary takes over, of one that was started as a daemon: nginx takes
# the signal of no other.  The new master has its workers, then the old ones go.

sub upgrade {
    my $self = shift;

    my $old = $self->{pid};

    kill 'USR2', $old;
    $self->follow($old);
    Proc::until_true('new workers', 30, sub {
        return $self->workers == $self->{workers};
    });

    kill 'QUIT', $old;
    Proc::until_true('end of the old one', 30, sub { !Proc::alive($old) });
}


# kill -9 of one worker; returns when nginx has started another

sub crash_worker {
    my $self = shift;

    my ($victim) = $self->workers;

    kill 'KILL', $victim;
    Proc::until_true('a new worker', 30, sub {
        my @now = $self->workers;
        return @now == $self->{workers} && !grep { $_ == $victim } @now;
    });
}


# kill -9 of all of it at once, as a machine that loses power; launch() follows

sub crash {
    my $self = shift;

    $self->{crashed} = $self->{pid};
    Proc::destroy(delete $self->{pid});
}


# "allow" is a pattern of log lines that the test has caused itself

sub stop {
    my ($self, %o) = @_;

    return if !$self->{pid};

    kill 'QUIT', $self->{pid};
    my $status = Proc::finish($self->{pid}, $patience);
    Proc::until_true('end of nginx', $patience,
                     sub { !Proc::alive($self->{pid}) });
    undef $self->{pid};

    my @lines = $self->log_lines($bad);
    @lines = grep { !/$o{allow}/ } @lines if $o{allow};
    push @lines, "nginx ended with status $status\n" if $status;

    return @lines;
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner};

    local ($@, $?);
    eval { Proc::destroy($self->{pid}) } if $self->{pid};
    remove_tree($self->{dir}) if !$ENV{TEST_NGINX_NO_CLEAN};
}


1;
