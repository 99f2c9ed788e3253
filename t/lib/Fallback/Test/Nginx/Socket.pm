package Test::Nginx::Socket;

# A small harness that understands test files in the format of openresty's
# Test::Nginx::Socket, as far as the suites here use it.  What it does not know
# it refuses: a file that passes here passes there.

use strict;
use warnings;

use List::Util qw(shuffle);
use Test::More ();
use Time::HiRes qw(sleep);

use Test::Nginx::Socket::Checks;
use Test::Nginx::Socket::Client;
use Test::Nginx::Socket::Server;
use Test::Nginx::Socket::Spec;

my @own = qw(
    run_tests blocks repeat_each no_shuffle no_root_location master_on workers
    worker_connections no_long_string no_diff log_level timeout html_dir
    server_root env_to_nginx add_block_preprocessor add_cleanup_handler
    add_response_body_check
);

my @more = qw(
    ok is isnt like unlike is_deeply cmp_ok pass fail diag note plan explain
    eq_array eq_hash eq_set isa_ok BAIL_OUT
);

# called with a block and the lines its server wrote while it was stopped
our @after_stop;

my $option = \%Test::Nginx::Socket::Server::option;
my $repeat_each = 1;
my $shuffle = !$ENV{TEST_NGINX_NO_SHUFFLE};
my $owner = $$;

# END does not run for a signal
$SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP);

my (@preprocessors, @cleanups, @blocks, $current);


sub import {
    my ($class, @plan) = @_;

    my $caller = caller;

    strict->import;
    warnings->import;

    no strict 'refs';
    *{"${caller}::$_"} = \&{"Test::More::$_"} for @more;
    *{"${caller}::$_"} = \&{$_} for @own;

    Test::More->builder->exported_to($caller);
    Test::More->builder->plan(@plan) if @plan;
}


sub repeat_each { return setting(\$repeat_each, @_) }
sub log_level { return setting(\$option->{level}, @_) }
sub timeout { return setting(\$option->{timeout}, @_) }
sub workers { return setting(\$option->{workers}, @_) }
sub worker_connections { return setting(\$option->{connections}, @_) }
sub master_on () { $option->{master} = 'on' }
sub no_root_location () { $option->{location} = 0 }
sub no_shuffle () { $shuffle = 0 }
sub no_long_string () { }
sub no_diff () { }
sub html_dir () { return Test::Nginx::Socket::Server::path('html') }
sub server_root () { return $option->{root} }
sub add_block_preprocessor (&) { unshift @preprocessors, shift }
sub add_cleanup_handler ($) { unshift @cleanups, shift }

sub add_response_body_check ($) {
    push @Test::Nginx::Socket::Checks::body_checks, shift;
}


sub env_to_nginx {
    # the real one quotes such a value again at each start of nginx
    /\s/ and die "env_to_nginx: there is a space in \"$_\"\n" for @_;

    push @{ $option->{env} }, @_;
}


sub setting {
    my ($variable, @value) = @_;

    $$variable = $value[0] if @value;
    return $$variable;
}


sub blocks {
    if (!@blocks) {
        no warnings 'once';
        my $text = join '', readline *main::DATA;

        @blocks = Test::Nginx::Socket::Spec::parse($text);
        die "no test blocks behind __DATA__\n" if !@blocks;
    }

    return @blocks;
}


sub run_tests () {
    my @list = blocks();

    for my $block ($shuffle ? shuffle(@list) : @list) {
        $_->($block) for @preprocessors;
        $block->set_value(name => "$0 " . $block->name);

        eval { run_block($block); 1 } or give_up($block, $@);
    }

    finish();
}


sub give_up {
    my ($block, $error) = @_;

    Test::More::fail($block->name . ' - cannot be run');
    Test::More::diag($error);
}


sub run_block {
    my $block = shift;

    if (defined $block->config) {
        stop();
        $current = $block;
        my $status = Test::Nginx::Socket::Server::start($block);

        return must_die($block, $status) if defined $block->must_die;
        die "nginx does not start:\n",
            @{ Test::Nginx::Socket::Server::last_lines() } if defined $status;
    }

    die "no config, and no server of an earlier block\n"
        if !Test::Nginx::Socket::Server::running();

    Test::Nginx::Socket::Server::rewind_log();

    for my $repeat (0 .. $repeat_each - 1) {
        Test::Nginx::Socket::Server::write_user_files($block) if $repeat;
        run_requests($block, $repeat);
    }
}


sub must_die {
    my ($block, $status) = @_;

    my $name = $block->name;
    my $code = $block->must_die;

    for my $repeat (0 .. $repeat_each - 1) {
        $status = Test::Nginx::Socket::Server::run($block) if $repeat;

        if (($status // 0) & 127) {
            Test::More::fail("$name - nginx died of a signal");

        } elsif ($code =~ /^\s*\d+\s*$/) {
            Test::More::is(($status // 0) >> 8, $code + 0, "$name - exit code");

        } else {
            Test::More::isnt($status // 0, 0, "$name - nginx must die");
        }

        Test::Nginx::Socket::Server::stop();
        Test::Nginx::Socket::Checks::error_log(
            $block, Test::Nginx::Socket::Server::last_lines(), $repeat);
    }
}


sub run_requests {
    my ($block, $repeat) = @_;

    my @requests = Test::Nginx::Socket::Client::requests($block);
    my $many = @requests > 1 || defined $block->pipelined_requests;
    my $i = 0;

    for my $request (@requests) {
        my ($text, $port, $error) = Test::Nginx::Socket::Client::exchange(
            $request->{packets}, '127.0.0.1', $option->{port},
            seconds($block->timeout) // $option->{timeout});

        Test::More::fail($block->name . " - $error") if $error;

        for (1 .. $request->{responses}) {
            $text = check($block, $text, $request, $i, $many, $repeat);
            sleep $block->wait if $block->wait;

            Test::Nginx::Socket::Checks::error_log(
                $block, Test::Nginx::Socket::Server::log_lines($port), $repeat);
            $i++;
        }

        if (my $status = Test::Nginx::Socket::Server::died()) {
            Test::More::fail($block->name . ' - nginx died, status '
                             . $status->{wait});
        }
    }
}


# one response; returns what is behind it

sub check {
    my ($block, $text, $request, $i, $many, $repeat) = @_;

    return if defined $block->ignore_response;

    my $head = $request->{packets}[0] =~ /^\s*HEAD\s/;
    my $res = Test::Nginx::Socket::Client::parse($text // '', $head);

    Test::More::fail($block->name . " - $res->{error}") if $res->{error};
    Test::More::diag($block->name . " - $res->{warning}") if $res->{warning};

    Test::Nginx::Socket::Checks::response($block, $res, $i, $many, $repeat);

    Test::More::diag($block->name . ' - more bytes behind the response')
        if $request->{responses} == 1 and defined $res->{left};

    return $res->{left};
}


sub seconds {
    my $time = shift;

    return if !defined $time;
    return $1 / 1000 if $time =~ /^\s*([\d.]+)ms\s*$/;
    return $1 if $time =~ /^\s*([\d.]+)s?\s*$/;
    die "bad time \"$time\"\n";
}


sub stop {
    return if !Test::Nginx::Socket::Server::running();

    Test::Nginx::Socket::Server::stop();
    my $lines = Test::Nginx::Socket::Server::last_lines();
    $_->($current, $lines) for @after_stop;
}


sub finish {
    $_->() for splice @cleanups;
    stop();
}


END {
    if ($$ == $owner) {
        local $?;
        finish();
    }
}


1;
