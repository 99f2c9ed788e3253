# What many requests of all kinds and many reloads leave behind: workers and
# master have the memory and the descriptors that they had.  ZWFW_LONG=1: after
# a million requests and a hundred reloads.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Rows;
use Steady;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};
my ($more, $reloads, $between) = $long ? (500_000, 100, 5000) : (5000, 6, 500);

# KiB that a worker, or the master, may have more in the end
my $kept = 1024 * NginxServer::larger();

# one connection of a class, so that each worker has all that it may have

my $node = Node->new(workers => 2, http => 'zwfw_monitor on;',
                     block => 'postgres_connections 1 1 1;',
                     server => <<'END');
        location /guarded/ {
            zwfw_auth who=natural level=1;
            alias $DIR/;
        }
END
my $nginx = $node->nginx;

my $steady = Steady->new(nginx => $nginx, more => ['/guarded/nginx.conf'], map {
    my ($name, %who) = @$_;
    my $http = $node->client(%who);

    ($name => { cookie => $http->cookie('zwfw'), token => $http->{token} });
} ['natural', kind => 'natural'],
  ['staff', roles => join ',', grep { $_ ne 'natural' } Rows::kinds()]);


# a generation of workers, when it has answered for a while

sub warm {
    $nginx->reload;
    Proc::until_true('the old workers are gone', 30, sub {
        Proc::children($nginx->pid) == $nginx->workers;
    });
    $steady->ask(2500);
}


# { what it is: how many of them }, numbers apart, of all workers or the master

sub open_files {
    my %open;

    $open{s/\d+//gr}++ for map { Proc::descriptors($_) } @_;
    return \%open;
}


warm();

my $first = $steady->floor;
my $held = $nginx->held;
my $open = open_files($nginx->workers);
my %master = (memory => Proc::memory($nginx->pid),
              open => open_files($nginx->pid));
my %told = $steady->ask($more);

subtest 'many requests' => sub {
    cmp_ok($told{$_} // 0, '>', 0, "of all kinds: $_")
        for 200, 303, 400, 401, 404, 414, 422;
    is($told{500} // 0, 0, 'none fails');
    note join ', ', map { "$_: $told{$_}" } sort keys %told;

    my $floor = $steady->floor;

    note "$first KiB, now $floor";
    cmp_ok($floor - $first, '<', $kept, 'no memory is left over');
    is($nginx->held, $held, 'no descriptor');
    is_deeply(open_files($nginx->workers), $open, 'they are what they were');
};

subtest 'and many reloads' => sub {
    for (1 .. $reloads) {
        $nginx->reload;
        $steady->ask($between);
    }

    warm();

    my $floor = $steady->floor;

    note "$first KiB, now $floor";
    cmp_ok($floor - $first, '<', $kept, 'no memory is left over');
    is($nginx->held, $held, 'no descriptor');
    is_deeply(open_files($nginx->workers), $open, 'they are what they were');

    my $memory = Proc::memory($nginx->pid);

    note "the master $master{memory} KiB, now $memory";
    cmp_ok($memory - $master{memory}, '<', $kept, 'nor memory of the master');
    is_deeply(open_files($nginx->pid), $master{open}, 'nor a descriptor');
};

is(join('', $nginx->stop), '', 'no alert, no socket left');

done_testing();
