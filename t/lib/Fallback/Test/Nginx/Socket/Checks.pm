package Test::Nginx::Socket::Checks;

# Compares what came with what the sections of a block expect.  Each expected
# thing is one check; a status is always expected, 200 when none is given.

use strict;
use warnings;

use Test::More;

use Test::Nginx::Socket::Client;
use Test::Nginx::Socket::Server;

our @body_checks;


# $many: the block has several requests, so each expectation must be an array

sub response {
    my ($block, $res, $i, $many, $repeat) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $name = $block->name;
    my $code = defined $block->error_code
               ? expected($block, 'error_code', $i, $many) : 200;

    is($res->{code} // '', $code, "$name - status code");

    my $raw = expected($block, 'raw_response_headers_like', $i, $many);
    like($res->{raw_headers}, qr/$raw/s, "$name - raw headers") if defined $raw;

    headers($block, $res, $i, $many);
    body($block, $res, $i, $many);

    $_->($block, $res->{content}, $i, $repeat, 0) for @body_checks;
}


sub expected {
    my ($block, $section, $i, $many) = @_;

    my $value = $block->$section;

    if (ref $value eq 'ARRAY') {
        return $value->[$i]
            // die "\"$section\" has no entry for request $i\n";
    }

    die "\"$section\" is not an array, but there are several requests\n"
        if $many and defined $value;

    return $value;
}


sub headers {
    my ($block, $res, $i, $many) = @_;

    my $name = $block->name;
    my $exact = expected($block, 'response_headers', $i, $many);
    my $like = expected($block, 'response_headers_like', $i, $many);

    for (header_lines($exact)) {
        my ($field, $value) = @$_;

        if (!defined $value) {
            unlike($res->{raw_headers}, qr/^\s*\Q$field\E\s*:/m,
                   "$name - no header $field");
            next;
        }

        is(Test::Nginx::Socket::Client::field($res, $field) // '',
           port($value), "$name - header $field");
    }

    for (header_lines($like)) {
        my ($field, $value) = @$_;

        like(Test::Nginx::Socket::Client::field($res, $field) // '',
             qr/^$value$/, "$name - header $field");
    }
}


# [name, value]; no value for "! name"; of two lines of a name the last counts

sub header_lines {
    my $text = shift;

    my (@names, %value);

    for (split /\n/, $text // '') {
        s/^\s+|\s+$//g;

        my ($name, $value) = /^!\s*(.*)/ ? ($1) : split /\s*:\s*/, $_, 2;
        next if !defined $name;

        push @names, $name if !exists $value{$name};
        $value{$name} = $value;
    }

    return map { [$_, $value{$_}] } @names;
}


sub body {
    my ($block, $res, $i, $many) = @_;

    my $name = $block->name . ' - body';
    my $body = expected($block, 'response_body', $i, $many);
    my $like = expected($block, 'response_body_like', $i, $many);
    my $unlike = expected($block, 'response_body_unlike', $i, $many);

    if (ref $body) {
        like($res->{content}, $body, "$name like");

    } elsif (defined $block->response_body) {
        is($res->{content}, port($body), $name);
    }

    if (defined $like) {
        $like = port($like);
        like($res->{content}, qr/$like/s, "$name like");
    }

    if (defined $unlike) {
        $unlike = port($unlike);
        unlike($res->{content}, qr/$unlike/s, "$name unlike");
    }
}


sub port {
    my $text = shift;

    return $text if !defined $text or ref $text;

    my %value = (ServerPort => $ENV{TEST_NGINX_SERVER_PORT},
                 ServerPortForClient =>
                     $Test::Nginx::Socket::Server::option{port});

    return $text =~ s/\$(ServerPort(?:ForClient)?)\b/$value{$1}/gr;
}


# after each request, of the lines written since the last time

sub error_log {
    my ($block, $lines, $repeat) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $name = $block->name;

    grep_error_log($block, $lines, $repeat);

    for my $pattern (patterns($block->error_log)) {
        ok(scalar(grep { matches($_, $pattern) } @$lines),
           "$name - \"$pattern\" is in error.log");
    }

    for my $pattern (patterns($block->no_error_log)) {
        my @found = grep { matches($_, $pattern) } @$lines;

        ok(!@found, "$name - \"$pattern\" is not in error.log")
            or diag(@found[0 .. ($#found < 9 ? $#found : 9)]);
    }

    for (@$lines) {
        fail("$name - $_")
            if /\bAssertion .*?failed\b/ or /exited on signal/;
        warn_of($block, $_, $1) if /\[(alert|crit|emerg)\]/;
    }
}


sub patterns {
    my $value = shift;

    return if !defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value;
}


sub matches {
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ /$pattern/ : index($line, $pattern) >= 0;
}


sub warn_of {
    my ($block, $line, $level) = @_;

    my @patterns = (patterns($block->error_log),
                    patterns($block->no_error_log));

    diag("WARNING: ", $block->name, " - $line")
        if !grep { index($_, "[$level") >= 0 } @patterns;
}


sub grep_error_log {
    my ($block, $lines, $repeat) = @_;

    my ($pattern, $out) = ($block->grep_error_log, $block->grep_error_log_out);

    die "one of grep_error_log and grep_error_log_out is missing\n"
        if defined $pattern xor defined $out;

    $pattern = $pattern->[$repeat] if ref $pattern eq 'ARRAY';
    $out = $out->[$repeat] if ref $out eq 'ARRAY';
    return if !defined $pattern;

    my $regexp = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my $found = join '', map { "$_\n" } grep { !/\n/ }
        map { /($regexp)/ ? $1 : () } @$lines;
    my $name = $block->name . ' - grep_error_log_out';

    ref $out ? like($found, $out, $name) : is($found, $out, $name);
}


1;
