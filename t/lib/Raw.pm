package Raw;

# A connection that sends bytes as they are, and takes apart what comes back:
# for requests that no client makes.
#
#     my $raw = Raw->new($port);
#     $raw->send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
#     my $res = $raw->answer('GET');      # an Http::Response; undef at the end
#     my @all = $raw->answers;            # until the server closes, or is idle
#     $raw->reset;                        # goes away without a word
#
# Raw::request('GET', '/', 'Cookie: a=1', { body => '...' }) is the text of one.

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);

use Http;


sub new {
    my ($class, $port, %o) = @_;

    my $sock = IO::Socket::INET->new(Proto => 'tcp') // die "socket: $!\n";

    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, $o{buffer} if $o{buffer};
    $sock->connect($port, Socket::INADDR_LOOPBACK())
        or die "cannot connect to port $port: $!\n";
    $sock->autoflush(1);

    return bless { sock => $sock, rest => '', timeout => 20, %o }, $class;
}


sub request {
    my ($method, $path, @lines) = @_;

    my %o = ref $lines[-1] ? %{ pop @lines } : ();

    unshift @lines, 'Host: ' . ($o{host} // 'localhost');
    push @lines, 'Content-Length: ' . length $o{body} if defined $o{body};

    return join("\r\n", "$method $path HTTP/1.1", @lines, '', '')
        . ($o{body} // '');
}


# whether all of it was taken

sub send {
    my ($self, $text) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $sent = 0;

    while ($sent < length $text) {
        my $n = syswrite $self->{sock}, $text, 65536, $sent;
        return 0 if !defined $n;
        $sent += $n;
    }

    return 1;
}


# further bytes; '' at the end, undef when nothing comes

sub more {
    my ($self, $timeout) = @_;

    return if !Http::readable($self->{sock}, $timeout // $self->{timeout});

    my $got = sysread $self->{sock}, my $text, 65536;

    return $got ? $text : '';
}


sub answer {
    my ($self, $method) = @_;

    my $res = eval {
        Http::Response->read($method // 'GET', sub {
            $self->more // die "timed out\n";
        }, \$self->{rest});
    };

    $self->{why} = $@;
    return $res;
}


# answers to so many methods, and those of what was not asked: nothing more may
# come than was counted

sub answers {
    my ($self, @methods) = @_;

    my @all;

    while (my $res = $self->answer(shift @methods // 'GET')) {
        push @all, $res;
        last if $res->closes;
    }

    return @all;
}


# whether the server has closed it; waits for that

sub ended {
    my $self = shift;

    while (defined(my $text = $self->more)) {
        return 1 if $text eq '';
    }

    return 0;
}


sub close {
    my $self = shift;

    CORE::close($self->{sock});
}


sub reset {
    my $self = shift;

    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    CORE::close($self->{sock});
}


1;
