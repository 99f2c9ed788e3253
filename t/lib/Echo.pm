package Echo;

# An upstream that answers with the head of the request as it came.
#
#     my $echo = Echo->start;       # ends with the test
#     my $other = Echo->start(sub { my $head = shift; "HTTP/1.0 204 ..." });
#     proxy_pass http://127.0.0.1:$echo->port;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();

my $owner = $$;


sub start {
    my ($class, $says) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1)
        or die "cannot listen: $@\n";
    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        serve($listen, $says // \&echo);
        POSIX::_exit(0);
    }

    return bless { port => $listen->sockport, pid => $pid }, $class;
}


sub serve {
    my ($listen, $says) = @_;

    while (my $sock = $listen->accept) {
        my $head = '';

        while ($head !~ /\r\n\r\n/) {
            sysread $sock, $head, 65536, length $head or last;
        }

        $head =~ s/\r\n\r\n.*//s;
        print $sock $says->($head);
        close $sock;
    }
}


sub echo {
    my $head = shift;

    return "HTTP/1.1 200 OK\r\nContent-Length: " . length($head)
        . "\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n$head";
}


sub port {
    return $_[0]{port};
}


sub DESTROY {
    my $self = shift;

    return if $$ != $owner;

    local $?;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
}


1;
