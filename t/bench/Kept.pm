package Kept;

# The side of the row of memory: what a generation of workers has more than the
# first one of the same age, after all that was asked and reloaded since: a
# million requests of all kinds in nine slices.  t/memory.t has more to say.
#
#     Kept::side($bench)

use strict;
use warnings;

use Bench;
use Cases;
use NginxServer;
use Proc;
use Rows;
use Steady;

use constant {
    RELOADS => 12,          # in a slice
    REQUESTS => 9300,       # after each
};


sub side {
    my $bench = shift;

    my $nginx = NginxServer->start(
        workers => 2, level => 'warn', connections => 1024,
        http => Bench::settings() . Bench::platform('bench'),
        server => Bench::common());
    my ($she, $he) = map { { cookie => $_->[0], token => $_->[1] } }
        Cases::people($bench, {}, { who => 0x3f0,
            roles => join ',', grep { $_ ne 'natural' } Rows::kinds() });
    my $steady = Steady->new(nginx => $nginx, natural => $she, staff => $he);
    my $requests = int(REQUESTS / $bench->{divide}) || 1;

    my $first;
    my $measure = sub {
        for (1 .. int(RELOADS / $bench->{divide}) || 1) {
            $nginx->reload;
            Proc::until_true('the old workers are gone', 30, sub {
                Proc::children($nginx->pid) == $nginx->workers;
            });
            $steady->ask($requests);
        }

        my $floor = $steady->floor;
        $first //= $floor;

        return { kib => $floor - $first };
    };

    return { measure => $measure, ready => $measure };
}


1;
