package Test::Nginx::Socket::Client;

# Writes requests, sends them, reads responses.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Socket::INET;


# All requests of a block.  Each is a list of packets and a number of
# responses; the packets are sent one after the other on one connection.

sub requests {
    my $block = shift;

    if (defined(my $raw = $block->raw_request)) {
        return { packets => ref $raw ? [@$raw] : [$raw], responses => 1 };
    }

    if (defined(my $list = $block->pipelined_requests)) {
        ref $list eq 'ARRAY' or die "pipelined_requests is not an array\n";

        my $text = join '', map {
            text($list->[$_], headers($block, $_),
                 $_ == $#$list ? 'close' : 'keep-alive')
        } 0 .. $#$list;

        return { packets => [$text], responses => scalar @$list };
    }

    my $request = $block->request;
    die "no request\n" if !defined $request;

    return map {
        { packets => [text($request->[$_], headers($block, $_), 'close')],
          responses => 1 }
    } 0 .. $#$request
        if ref $request eq 'ARRAY';

    $request =~ s/\A(?:\s*\#[^\n]+\s+|\s+)+//;

    return { packets => [text($request, headers($block, 0), 'close')],
             responses => 1 };
}


sub headers {
    my ($block, $i) = @_;

    my $headers = $block->more_headers || '';

    if (ref $headers eq 'ARRAY') {
        $headers = $headers->[$i];
        die "more_headers has no entry for request $i\n" if !defined $headers;
    }

    return join '', map {
        my ($name, $value) = split /:\s*/, $_, 2;
        "$name: " . ($value // '') . "\r\n";
    } grep { !/^\s*\#/ } split /\n+/, $headers;
}


# "METHOD [path [version]]", further lines are the body

sub text {
    my ($request, $headers, $connection) = @_;

    die "a request is not a string\n" if ref $request;

    my ($line, $body) = split /(?<=\n)/, $request, 2;
    my ($method, $path, $version, @more) = split ' ', $line // '';

    die "bad request line \"" . ($line // '') . "\"\n"
        if !defined $method or @more;

    $path //= '/';
    $version //= 'HTTP/1.1';
    $body //= '';

    if ($body ne '' and $headers !~ /^Content-Length:/m
        and $headers !~ /^(?i:Transfer-Encoding): chunked\r$/m)
    {
        $body =~ s/\A\s+|\s+\z//g;
        $headers .= "Content-Length: " . length($body) . "\r\n";
    }

    $headers = "Connection: $connection\r\n$headers"
        if $headers !~ /^Connection/mi;
    $headers = "Host: localhost\r\n$headers" if $headers !~ /^Host:/mi;

    return "$method $path $version\r\n$headers\r\n$body";
}


# Sends packets and reads until the server closes the connection.  Returns what
# came, the client's port, and what went wrong if something did.

sub exchange {
    my ($packets, $address, $port, $timeout) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $sock = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port,
                                     Proto => 'tcp', Timeout => $timeout)
        or return ('', undef, "cannot connect to $address:$port: $@");

    my @out = @$packets;
    my $in = '';

    $sock->blocking(0);

    while (1) {
        my ($read, $write) = ('', '');

        vec($read, fileno $sock, 1) = 1;
        vec($write, fileno $sock, 1) = 1 if @out;

        my $n = select $read, $write, undef, $timeout;
        next if $n < 0 and $!{EINTR};
        return ($in, $sock->sockport, 'client socket timed out') if $n == 0;

        if (vec $write, fileno $sock, 1) {
            @out = () if !send_some($sock, \@out);
        }

        if (vec $read, fileno $sock, 1) {
            my $got = sysread $sock, $in, 65536, length $in;
            next if !defined $got and ($!{EAGAIN} or $!{EINTR});
            last if !$got;
        }
    }

    return ($in, $sock->sockport);
}


sub send_some {
    my ($sock, $out) = @_;

    my $sent = syswrite $sock, $out->[0];

    return $!{EAGAIN} || $!{EINTR} if !defined $sent;

    substr $out->[0], 0, $sent, '';
    shift @$out if $out->[0] eq '';
    return 1;
}


# Takes one response from the front of the text; what is behind it is "left".

sub parse {
    my ($raw, $head) = @_;

    my %res = (content => '', header => {}, raw_headers => '');

    return \%res if $raw !~ s/\A(.*?\r\n)\r\n//s;

    $res{raw_headers} = $1;
    $res{content} = $raw;

    my ($status, @lines) = split /\r\n/, $1;
    $res{code} = $1 if $status =~ m{^HTTP/\d\.\d (\d+)(?: |$)};

    for (@lines) {
        my ($name, $value) = split /:\s*/, $_, 2;
        push @{ $res{header}{lc $name} }, ($value // '') =~ s/\s+\z//r;
    }

    return \%res if ($res{code} // 0) =~ /^(?:101|304)$/;

    my $length = field(\%res, 'Content-Length');

    if ((field(\%res, 'Transfer-Encoding') // '') eq 'chunked') {
        unchunk(\%res);

    } elsif (($length // '') =~ /^\d+$/) {
        $res{warning} = "body truncated: $length expected, but got "
            . length $raw if length $raw < $length and !$head;

        if (length $raw > $length) {
            $res{content} = substr $raw, 0, $length;
            $res{left} = substr $raw, $length;
        }
    }

    return \%res;
}


sub field {
    my ($res, $name) = @_;

    my $values = $res->{header}{lc $name =~ tr/_/-/r};
    return $values ? join(', ', @$values) : undef;
}


sub unchunk {
    my $res = shift;

    my $body = '';

    for ($res->{content}) {
        pos = 0;

        while (/\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
            my $size = hex $1;

            if ($size == 0 and /\G\r\n/gc) {
                my $left = substr $_, pos;
                $res->{left} = $left if $left ne '';
                $res->{content} = $body;
                return;
            }

            $body .= substr $_, pos, $size;
            last if pos() + $size > length;
            pos = pos() + $size;
            last if !/\G\r\n/gc;
        }
    }

    delete $res->{code};
    $res->{error} = 'invalid chunked body';
}


1;
