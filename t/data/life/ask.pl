# Asks without a pause until told to stop, over a connection that it keeps:
# ask.pl NAME PORT METHOD PATH ANSWER [KIND].  NAME.bad has what was answered
# otherwise, NAME.good is there after ten good answers in a row; whoever removes
# it sees whether there are ten more.
#
# A connection that nginx closes between two answers is opened again; one that it
# closes within an answer, or that is new and has none, has failed.  KIND may be
#
#     publish    the body is a number, one more each time
#     subscribe  waits for what is published after the last it knows; numbers
#                only rise.  Its worker ends that by 410 when it quits

use strict;
use warnings;

use IO::Socket::INET;

my ($name, $port, $method, $path, $answer, $kind) = (@ARGV, '');
my ($sock, $good, $number) = (undef, 0, 0);
my %since;

$SIG{PIPE} = 'IGNORE';

while (!-e "/deb/$name.stop") {
    my $text = asked();

    if ($text =~ /$answer/s && rises($text)) {
        touch("/deb/$name.good", '') if ++$good % 10 == 0;

    } else {
        $good = 0;
        touch("/deb/$name.bad", time . " $text\n");
    }

    select undef, undef, undef, 0.01 if $kind ne 'subscribe';
}


sub asked {
    return eval {
        local $SIG{ALRM} = sub { die "no answer in time\n" };
        alarm 10;

        my $text;

        until (defined $text) {
            my $kept = $sock && !ended();

            $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
                or die "connect: $!\n" if !$kept;
            $text = exchange();
            undef $text if $kind eq 'subscribe'
                           && ($text // '') =~ m{^HTTP/1.1 410 };
            die "closed without a word\n"
                if !defined $text && !$kept && $kind ne 'subscribe';
        }

        alarm 0;
        $text;
    } // do {
        my $why = $@;

        alarm 0;
        undef $sock;
        "none: $why";
    };
}


# has nginx closed it since the last answer?

sub ended {
    my $bits = '';

    vec($bits, fileno $sock, 1) = 1;
    return scalar select $bits, undef, undef, 0;
}


# the answer, or undef if there is nothing of one

sub exchange {
    my $body = $method eq 'POST' ? $kind eq 'publish' ? ++$number : '' : undef;
    my $text = join "\r\n", "$method $path HTTP/1.1", 'Host: localhost',
        (map { "$_: $since{$_}" } sort keys %since),
        defined $body ? 'Content-Length: ' . length $body : (), '', $body // '';

    my $got = '';

    if (syswrite($sock, $text) // 0) {
        until (complete($got)) {
            my $n = sysread $sock, $got, 65536, length $got;

            next if $n;
            last if $got eq '';
            last if $got =~ /\r\n\r\n/ && $got !~ /^(?:Content-Length|Transfer-Encoding):/mi;
            die "cut: $got\n";
        }
    }

    undef $sock if $got eq '' || $got =~ /^Connection: close/mi;
    return $got eq '' ? undef : $got;
}


sub complete {
    my ($head, $body) = split /\r\n\r\n/, shift, 2;

    return 0 if !defined $body;
    return 1 if $head =~ m{^HTTP/1.1 (?:204|304) };
    return length $body >= $1 if $head =~ /^Content-Length: (\d+)/mi;
    return $body =~ /(?:^|\r\n)0\r\n\r\n\z/ if $head =~ /^Transfer-Encoding/mi;
    return 0;
}


# of a subscriber: is it the next, and what it asks for after that

sub rises {
    my $text = shift;

    return 1 if $kind ne 'subscribe';

    my ($at) = $text =~ /^Last-Modified: (.*?)\r/mi;
    my ($tag) = $text =~ /^Etag: (.*?)\r/mi;
    my ($n) = $text =~ /\r\n\r\n(\d+)\z/;

    %since = ('If-Modified-Since' => $at, 'If-None-Match' => $tag)
        if defined $at;
    return 0 if !$n || $n <= $number;
    $number = $n;
    return 1;
}


sub touch {
    my ($file, $line) = @_;

    open my $out, '>>', $file or die "$file: $!\n";
    print $out $line;
    close $out or die "$file: $!\n";
}
