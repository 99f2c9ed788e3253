# Asks without a pause until told to stop: ask.pl NAME PORT METHOD PATH ANSWER.
# /deb/NAME.bad has what was answered otherwise, NAME.good is there after ten
# good answers in a row; whoever removes it sees whether there are ten more.

use strict;
use warnings;

use IO::Socket::INET;

my ($name, $port, $method, $path, $answer) = @ARGV;
my $good = 0;

while (!-e "/deb/$name.stop") {
    my $text = eval {
        local $SIG{ALRM} = sub { die "no answer in time\n" };
        alarm 10;

        my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
            or die "connect: $!\n";

        print $sock "$method $path HTTP/1.0\r\nHost: localhost\r\n"
            . "Content-Length: 0\r\n\r\n";

        my $got = do { local $/; <$sock> };

        alarm 0;
        $got;
    } // "none: $@";

    if ($text =~ /$answer/s) {
        touch("/deb/$name.good", '') if ++$good % 10 == 0;

    } else {
        $good = 0;
        touch("/deb/$name.bad", time . " $text\n");
    }

    select undef, undef, undef, 0.01;
}

sub touch {
    my ($file, $line) = @_;

    open my $out, '>>', $file or die "$file: $!\n";
    print $out $line;
    close $out;
}
