package Zwfw;

# Test files that ask an nginx begin with
#
#     use lib 't/lib';
#     use Zwfw;
#
# and have everything that "use Test::Nginx::Socket 'no_plan'" gives, from the
# real one when it is installed, else from t/lib/Fallback; and also
#
#     platform(%more)   the text of a zwfw_platform block
#
# A block without an http_config section gets platform().  Each process has its
# own port and server root, so files may run side by side.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP;

use Harness;
use Port;

my ($lib) = abs_path(__FILE__) =~ m{(.*)/};
my $root = abs_path("$lib/../..");
my $directory = tempdir('zwfw-t-XXXXXX', TMPDIR => 1);
my $owner = $$;
my $api;

push @INC, $Harness::fallback;
environment();

{
    local $ENV{TEST_NGINX_BINARY} = Harness::binary($directory,
                                                    "$directory/root");
    require Test::Nginx::Socket;
}

Test::Nginx::Socket::add_block_preprocessor(\&complete);
Test::Nginx::Socket::add_response_body_check(\&check_reply);
{
    no warnings 'once';
    push @Test::Nginx::Socket::after_stop, \&check_stop;
}

# END does not run for a signal
$SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP);


sub import {
    my $caller = caller;

    {
        no strict 'refs';
        *{"${caller}::platform"} = \&platform;
    }

    # as if the caller had said "use", with either harness
    @_ = ('Test::Nginx::Socket', 'no_plan');
    goto &{ Test::Nginx::Socket->can('import') };
}


sub environment {
    my $port = Port::free();

    $ENV{TEST_NGINX_SERVROOT} = "$directory/root";
    $ENV{TEST_NGINX_HTML_DIR} = "$directory/root/html";
    $ENV{TEST_NGINX_SERVER_PORT} = "127.0.0.1:$port";
    $ENV{TEST_NGINX_CLIENT_PORT} = $port;
    $ENV{TEST_NGINX_BINARY} ||= $ENV{NGINX} || 'nginx';
    $ENV{TEST_NGINX_TIMEOUT} ||= 30;
    $ENV{TEST_NGINX_LOAD_MODULES} ||= join ' ', modules();
}


# what build.sh made, in the order in which nginx must load it

sub modules {
    open my $in, '<', "$root/modules/order" or die "open modules/order: $!\n";

    return map {
        my $file = "$root/dist/ngx_http_zwfw_${_}_module.so";
        -f $file or die "$file is missing: ./build.sh modules makes it\n";
        $file;
    } grep { /^\w+$/ } map { s/#.*//r =~ s/\s//gr } <$in>;
}


# Directives of the block by name, over the usual ones: text as it stands in
# the configuration, a list for a directive that is repeated, undef for none.

sub platform {
    my %more = @_;

    my $name = delete $more{name} // 'test';
    my %directive = (
        code => '370000',
        kind => 'province',
        base_url => 'http://localhost',
        postgres => quoted('POSTGRES'),
        redis => quoted('REDIS'),
        keys => quoted('KEYS'),
        files => quoted('FILES'),
        html => quoted('HTML'),
        %more,
    );

    my @lines = map {
        my $key = $_;
        my $value = $directive{$key};
        map { "    $key $_;\n" } ref $value ? @$value : $value;
    } grep { defined $directive{$_} } sort keys %directive;

    return join '', "zwfw_platform $name {\n", @lines, "}\n";
}


sub quoted {
    my $name = "TEST_NGINX_ZWFW_" . shift;

    die "$name is not set: run ./build.sh test FILE, "
        . "or eval \"\$(./build.sh testenv)\" first\n" if !defined $ENV{$name};

    return '"' . $ENV{$name} =~ s/(["\\])/\\$1/gr . '"';
}


# no test may raise an alert that it does not expect

sub complete {
    my $block = shift;

    $block->set_value(http_config => platform()
                                     . "zwfw_insecure_cookies on;\n")
        if !defined $block->http_config;

    return if defined $block->must_die;

    my $expected = $block->error_log // '';
    my $refused = $block->no_error_log;
    my @refused = ref $refused eq 'ARRAY' ? @$refused
        : ref $refused ? $refused : split /\n+/, $refused // '';

    for my $level ('[alert]', '[emerg]') {
        next if grep { index($_, $level) >= 0 } @refused,
            ref $expected eq 'ARRAY' ? @$expected : $expected;
        push @refused, $level;
    }

    $block->set_value(no_error_log => \@refused);
}


# every JSON reply of /api fits the schema in the OpenAPI document

sub check_reply {
    my ($block, $body, $i) = @_;

    my $file = $ENV{TEST_NGINX_ZWFW_OPENAPI};
    my $request = $block->pipelined_requests // $block->request;

    $request = $request->[$i] if ref $request eq 'ARRAY';
    return if !$file or !defined $request or ($body // '') !~ /^\s*\{/
        or $request !~ m{^\s*(\w+)\s+(/api/\S+)};

    my ($method, $path) = ($1, $2);
    my $data = eval { JSON::PP->new->utf8->decode($body) };

    $api ||= do { require OpenApi; OpenApi->new($file) };

    my @errors = !$data ? "bad JSON: $@" : $api->errors(
        $method, $path, $data->{request_id} && $data->{status}, $data);

    Test::More::fail($block->name . " - reply: $_") for @errors;
}


sub check_stop {
    my ($block, $lines) = @_;

    Test::More::fail($block->name . " - while nginx stopped: $_")
        for grep { /\[(?:alert|emerg)\]|exited on signal/ } @$lines;
}


# compiled before the harness, so this runs after the harness stopped nginx

END {
    if ($$ == $owner and -d $directory) {
        local $?;
        my $kept = $ENV{TEST_NGINX_NO_CLEAN}
            || !Test::More->builder->is_passing;

        $kept ? print STDERR "# kept: $directory\n" : remove_tree($directory);
    }
}


1;
