package Test::Nginx::Socket::Server;

# The nginx of a test: its directory, configuration, start, stop and log.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

our %option = (
    binary      => $ENV{TEST_NGINX_BINARY} || 'nginx',
    modules     => $ENV{TEST_NGINX_LOAD_MODULES} // '',
    listen      => $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT}
                   || 1984,
    root        => File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT}
                                       || 't/servroot'),
    level       => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master      => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    user        => $ENV{TEST_NGINX_WORKER_USER} || ($> == 0 ? 'root' : ''),
    pause       => $ENV{TEST_NGINX_SLEEP} || 0.015,
    timeout     => $ENV{TEST_NGINX_TIMEOUT} || 3,
    workers     => 1,
    connections => 64,
    location    => 1,
    env         => [],
);

$option{port} = $ENV{TEST_NGINX_CLIENT_PORT}
                || $option{listen} =~ s/.*://r;
$ENV{TEST_NGINX_SERVER_ROOT} = $option{root};
$ENV{TEST_NGINX_SERVER_PORT} //= $option{listen};

my ($pid, $log_position, %ports);


sub path {
    return join '/', $option{root}, @_;
}


# Starts nginx with a block's configuration.  Returns nothing when it runs,
# else the status it ended with, as in $?.

sub start {
    my $block = shift;

    %ports = ();
    $log_position = 0;
    make_root();
    write_user_files($block);
    write_file(path('conf/nginx.conf'), configuration($block));

    return run($block);
}


sub run {
    my $block = shift;

    my $deadline = time + 30;

    unlink path('logs/nginx.pid');

    $pid = fork() // die "fork() failed: $!\n";
    execute($block) if $pid == 0;

    while (!-s path('logs/nginx.pid')) {
        if (my $status = died()) {
            return $status->{wait};
        }

        die "nginx does not start in 30 seconds\n" if time > $deadline;
        sleep 0.003;
    }

    return;
}


sub execute {
    my $block = shift;

    setpgrp;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null' if defined $block->suppress_stderr;

    my @command = ($option{binary}, '-e', path('logs/error.log'),
                   '-p', path(''), '-c', path('conf/nginx.conf'));

    exec { $command[0] } @command or POSIX::_exit(127);
}


# the status of a server that ended by itself

sub died {
    return if !$pid or waitpid($pid, WNOHANG) != $pid;

    undef $pid;
    return { wait => $? };
}


sub running {
    return defined $pid;
}


sub stop {
    return if !$pid;

    my $deadline = time + $option{timeout};

    kill 'QUIT', $pid;

    while (waitpid($pid, WNOHANG) == 0) {
        if (time > $deadline) {
            warn "nginx $pid does not quit: killed\n";
            kill 'KILL', -$pid;
            waitpid $pid, 0;
            last;
        }

        sleep 0.003;
    }

    undef $pid;
    unlink path('logs/nginx.pid');
}


sub make_root {
    my $root = $option{root};

    if (-d $root) {
        remove_tree(map { path($_) } qw(conf html logs));
        remove_tree(glob("$root/*_temp"), glob("$root/*_cache"));
        rmdir $root or die "$root holds something else: $!\n";
    }

    make_path(map { path($_) } qw(conf html logs));
    write_file(path('html/index.html'), '<html><head><title>It works!</title>'
               . '</head><body>It works!</body></html>');
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "cannot write $name: $!\n";
    binmode $out;
    print $out $text;
    close $out or die "cannot write $name: $!\n";
}


sub write_user_files {
    my $block = shift;

    my $files = $block->user_files;
    return if !$files;

    if (!ref $files) {
        my (undef, @parts) = split /^.*?>>> (\S+)(?:[ \t]+(.+))?\n/m, $files;

        $files = [];
        while (my ($name, $date, $body) = splice @parts, 0, 3) {
            push @$files, [$name, $body, $date];
        }
    }

    for (@$files) {
        my ($name, $body, $date) = @$_;

        $name = path('html', $name) if $name !~ m{^/};
        make_path($1) if $name =~ m{(.*)/};
        write_file($name, expand($body // ''));

        system(qw(env TZ=GMT touch -t), $date, $name) == 0
            or die "bad date \"$date\" of $name\n" if $date;
    }
}


# $TEST_NGINX_NAME stands for the environment's value

sub expand {
    my $text = shift;

    return $text if !defined $text or ref $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $name = $1;
        my $value = $name =~ /^TEST_NGINX_RAND_PORT_\d+$/
                    ? $ports{$name} //= free_port() : $ENV{$name};
        die "no environment variable $name\n" if !defined $value;
        $value;
    }ge;

    return $text;
}


sub free_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $@\n";

    return $sock->sockport;
}


sub configuration {
    my $block = shift;

    my $config = expand($block->config);
    my $level = $block->log_level || $option{level};
    my $http = expand($block->http_config // '');
    my $main = expand($block->main_config // '');
    my $modules = join '', map { "load_module $_;\n" }
        split ' ', expand($option{modules});
    my $env = join '', map { "env $_;\n" }
        qw(ASAN_OPTIONS LD_PRELOAD LD_LIBRARY_PATH), @{ $option{env} };
    my $user = $option{user} ? "user $option{user};" : '';
    my $root = path('html');
    my $location = $option{location}
        ? "location / { root $root; index index.html index.htm; }" : '';

    return <<"END";
daemon off;
master_process $option{master};
worker_processes $option{workers};
$user
error_log ${\ path('logs/error.log')} $level;
pid ${\ path('logs/nginx.pid')};
$env$main
$modules

http {
    access_log ${\ path('logs/access.log')};
    default_type text/plain;
    keepalive_timeout 68;

$http

    server {
        listen $option{listen};
        server_name localhost;
        client_max_body_size 30M;

$config

        $location
    }
}

events {
    accept_mutex off;
    worker_connections $option{connections};
}
END
}


# The lines of error.log since the last call.  The debug log tells when the
# connection from the given port is over, log phase included; without it there
# is nothing to wait for but time.

sub log_lines {
    my $port = shift;

    my $began = time;
    my ($lines, $state);

    do {
        sleep 0.003;
        $lines = read_log($log_position);
        $state = $port ? connection($lines, $port) : '';
    } while ($state ne 'closed'
             and time < $began + ($state eq 'open' ? 2 : 3 * $option{pause}));

    return take($lines);
}


# the same, when the server has ended and nothing more can come

sub last_lines {
    return take(read_log($log_position));
}


sub take {
    my $lines = shift;

    $log_position += length for @$lines;
    return $lines;
}


sub connection {
    my ($lines, $port) = @_;

    my $number;

    for (@$lines) {
        $number = $1 if /(\*\d+) accept: \S+:$port /;
        return 'closed' if $number and /\Q$number\E close http connection: /;
    }

    return $number ? 'open' : '';
}


sub read_log {
    my $position = shift;

    open my $in, '<', path('logs/error.log') or return [];
    seek $in, $position, 0;

    return [grep { /\n\z/ } <$in>];
}


sub rewind_log {
    $log_position = 0;
}


1;
