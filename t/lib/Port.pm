package Port;

# A port of 127.0.0.1 that is ours while this process lives: a UDP socket of
# the same number keeps other test processes away from it.  Below the range
# that the kernel gives to clients, so that no connection takes it either.

use strict;
use warnings;

use IO::Socket::INET;

my ($first, $count) = (20000, 10000);
my %held;


sub free {
    for my $try (0 .. $count - 1) {
        my $port = $first + ($$ * 17 + $try * 7) % $count;

        next if $held{$port};

        my $lock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'udp');
        next if !$lock;

        my $tcp = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp',
            Listen => 1, ReuseAddr => 1);
        next if !$tcp;

        $held{$port} = $lock;
        return $port;
    }

    die "no free port from $first on\n";
}


1;
