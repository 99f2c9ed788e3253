package Paced;

# Sides with a pace: so many requests a second, whatever the answers take, and
# how long these took, counted from when each was due.
#
#     Paced::side($nginx, rate => 200, ask => sub { ($path, $cookie) });
#     Paced::side($nginx, rate => 0, ask => ...);      # as fast as they come
#     Paced::wire($nginx, $pace, @asked);              # thousands, by h2load
#
# The first two are asked by processes of Perl, each with a kept connection and
# a share of the pace; the third by h2load, whose headers are the
# same for all: a pace that it does not reach is lowered for all who share it.

use strict;
use warnings;

use File::Temp;
use Time::HiRes qw(sleep time);

use Bench;
use Http;
use Proc;

use constant {
    CLIENTS => 8,
    SLOWEST => 2000,
};

my $fast = 40;          # connections of h2load


sub side {
    my ($nginx, %o) = @_;

    my $seconds = $o{seconds} // 2;

    my $measure = sub {
        my $begin = time + 0.05;
        my @told = Proc::together(CLIENTS, sub {
            return join ' ', client($nginx->port, $begin, $seconds, $_[0], %o);
        });

        my @ms = map { /^[\d. ]*\z/ ? split : die "a client: $_\n" } @told;

        die "nothing was answered\n" if !@ms;
        return { rate => @ms / $seconds, ms => percentile(95, @ms) };
    };

    return { measure => $measure, ready => $measure };
}


# milliseconds that the answers took

sub client {
    my ($port, $begin, $seconds, $n, %o) = @_;

    my $http = Http->new(port => $port);
    my @ms;

    srand $$;

    for (my $i = $n; ; $i += CLIENTS) {
        my $due = $o{rate} ? $begin + $i / $o{rate} : time;

        last if $due >= $begin + $seconds;
        sleep $due - time if $due > time;

        my ($path, $cookie) = $o{ask}->($i);
        my $res = $http->get($path, headers => $cookie
                             ? { Cookie => "zwfw=$cookie" } : {});

        die "$path: " . $res->code . "\n" if $res->code != 200;
        push @ms, sprintf '%.2f', 1000 * (time - $due);
    }

    return @ms;
}


sub wire {
    my ($nginx, $pace, $cookie, @asked) = @_;

    my $file = File::Temp->new(TEMPLATE => 'zwfw-b-XXXXXX', TMPDIR => 1);

    print $file map { 'http://127.0.0.1:' . $nginx->port . "$_\n" } @asked;
    $file->flush;

    my $measure = sub {
        my $log = File::Temp->new(TEMPLATE => 'zwfw-b-XXXXXX', TMPDIR => 1);

        my $said = Bench::output([
            qw(taskset -c 0 h2load --h1 -t1 -D 2 -c), $fast, '--rps',
            $$pace / $fast, '-i', "$file", '-H', "Cookie: zwfw=$cookie",
            '--log-file', "$log"]);

        my @ms;

        while (my $line = readline $log) {
            my (undef, $status, $took) = split ' ', $line;

            die "h2load: status $status\n" if $status != 200;
            push @ms, $took / 1000;
        }

        die "h2load: $said\n" if !@ms;
        return { rate => @ms / 2, ms => percentile(99, @ms) };
    };

    my $ready = sub {
        $measure->();
        $$pace *= 0.8
            while $$pace > SLOWEST and $measure->()->{rate} < 0.97 * $$pace;
    };

    return { measure => $measure, ready => $ready, file => $file };
}


sub percentile {
    my ($share, @values) = @_;

    my @sorted = sort { $a <=> $b } @values;

    return $sorted[$share / 100 * $#sorted];
}


1;
