package Proc;

# Processes that a test starts: started in the foreground of their own, waited
# for by looking, ended by pid, and at the end when the test forgot: by a signal
# that they have named, so that they leave nothing behind, or killed.

use strict;
use warnings;

use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my $owner = $$;
my %running;         # what ends it, by pid; nothing: it is killed

# END does not run for a signal
$SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP PIPE);


# command => [...], log => file, user => name to become when root, quit => the
# signal that ends it at once

sub spawn {
    my %o = @_;

    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        eval { become($o{user}); redirect($o{log}); setpgrp };
        warn $@ if $@;
        exec { $o{command}[0] } @{ $o{command} } if !$@;
        POSIX::_exit(127);
    }

    $running{$pid} = $o{quit};
    return $pid;
}


# one that another process has started, and that ends with the test

sub own {
    $running{ $_[0] } = undef;
}


sub become {
    my $user = shift;

    return if !defined $user or $> != 0;

    my ($uid, $gid) = (getpwnam $user)[2, 3];

    $) = "$gid $gid";
    POSIX::setgid($gid) and POSIX::setuid($uid)
        or die "cannot become $user: $!\n";
}


sub redirect {
    my $log = shift;

    open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
    return if !defined $log;

    open STDOUT, '>>', $log or die "$log: $!\n";
    open STDERR, '>&', \*STDOUT or die "$log: $!\n";
}


# runs a command to its end; dies when it fails

sub run {
    my $pid = spawn(@_);

    my $status = finish($pid, 60);
    my %o = @_;
    die "@{ $o{command} } failed, status $status\n" if $status;
}


# looks until the condition holds

sub until_true {
    my ($what, $seconds, $condition) = @_;

    my $deadline = time + $seconds;

    while (1) {
        my $value = $condition->();
        return $value if $value;
        die "not within $seconds s: $what\n" if time > $deadline;
        sleep 0.005;
    }
}


# what so many processes say that do the same at the same time, in their order;
# each is told its number

sub together {
    my ($count, $code) = @_;

    my @made = map {
        pipe my $in, my $out or die "pipe() failed: $!\n";
        my $pid = fork() // die "fork() failed: $!\n";

        if ($pid == 0) {
            syswrite $out, eval { $code->($_) } // $@;
            POSIX::_exit(0);
        }

        [$pid, $in];
    } 0 .. $count - 1;

    my @said = map { scalar readline $_->[1] } @made;
    waitpid $_->[0], 0 for @made;

    return @said;
}


# waits for the end of a child; returns its status as in $?

sub finish {
    my ($pid, $seconds) = @_;

    my $status;

    until_true("end of process $pid", $seconds, sub {
        my $got = waitpid $pid, WNOHANG;
        $status = $? if $got == $pid;
        return $got != 0;
    });

    delete $running{$pid};
    return $status // 0;
}


# undef while the child runs, else its status

sub ended {
    my $pid = shift;

    return if waitpid($pid, WNOHANG) != $pid;

    delete $running{$pid};
    return $?;
}


# state letter and parent, of a process that is there and no zombie

sub state {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/stat" or return;
    my ($state, $parent) = (readline($in) // '') =~ /^.*\) (\S) (\d+)/s
        or return;

    return if $state eq 'Z' or $state eq 'X';
    return ($state, $parent);
}


# what all its threads have worked, in ticks of the processor's clock

sub ticks {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/stat" or die "process $pid: $!\n";
    my ($user, $system) = readline($in) =~ /^.*\) \S(?: \S+){10} (\d+) (\d+)/s;

    return $user + $system;
}


# memory of its own, in KiB

sub memory {
    return kib(shift, 'RssAnon');
}


# the most that it had in memory at once since trough(), in KiB

sub peak {
    return kib(shift, 'VmHWM');
}


sub trough {
    my $pid = shift;

    open my $out, '>', "/proc/$pid/clear_refs" or die "process $pid: $!\n";
    print $out '5';
    close $out or die "process $pid: $!\n";
    return peak($pid);
}


sub kib {
    my ($pid, $name) = @_;

    open my $in, '<', "/proc/$pid/status" or die "process $pid: $!\n";

    return (map { /^\Q$name\E:\s+(\d+) kB/ } <$in>)[0];
}


# what its open descriptors are, sorted

sub descriptors {
    my $pid = shift;

    return sort grep { defined } map { readlink } glob "/proc/$pid/fd/*";
}


# a zombie has what it had, its sockets, until the last of its threads has ended

sub alive {
    my $pid = shift;

    return defined((state($pid))[0]) || (() = glob "/proc/$pid/task/*") > 1;
}


sub children {
    my $pid = shift;

    return grep { ((state($_))[1] // 0) == $pid }
        map { m{(\d+)$} } glob '/proc/[0-9]*';
}


sub descendants {
    return map { ($_, descendants($_)) } children(shift);
}


# Stops a process with all below it, as a machine that hangs.

sub freeze {
    my $pid = shift;

    kill 'STOP', $pid;
    stopped($pid);

    for (descendants($pid)) {
        kill 'STOP', $_;
        stopped($_);
    }
}


sub stopped {
    my $pid = shift;

    until_true("process $pid stopped", 10, sub {
        return ((state($pid))[0] // 'T') =~ /[Tt]/;
    });
}


sub thaw {
    my $pid = shift;

    kill 'CONT', $_ for reverse $pid, descendants($pid);
}


# kill -9 of a process and all below it, which is stopped first so that none is
# born meanwhile; returns when they are gone

sub destroy {
    my $pid = shift;

    kill 'STOP', $pid;
    until_true("stop of $pid", 10, sub { ((state($pid))[0] // 'T') eq 'T' });

    my @all = ($pid, descendants($pid));

    kill 'KILL', @all;
    finish($pid, 10);
    until_true("end of @all", 10, sub { !grep { alive($_) } @all });
}


# Ends these: first all that have a signal, frozen or not, and then, of whatever
# is still there, each by kill -9.

sub end {
    my @pids = @_;

    my @named = grep { defined $running{$_} } @pids;

    for (@named) {
        kill $running{$_}, $_;
        thaw($_);
    }

    eval { finish($_, 15) } for @named;
    eval { destroy($_) } for grep { exists $running{$_} } @pids;
}


END {
    if ($$ == $owner) {
        local $?;
        end(keys %running);
    }
}


1;
