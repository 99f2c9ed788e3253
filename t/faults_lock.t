# A worker that is killed while it holds the lock of the shared memory, under
# load: nginx sets it free, and nobody waits for it.

use strict;
use warnings;
use utf8;

use POSIX ();
use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Trial;

Trial::load();

my $node = Node->new(workers => 2, server => <<'END');
        location = /none { lock_and_die zwfw:none; }
        location = /die { lock_and_die zwfw:test:; }
END
my $nginx = $node->nginx;
my $clerk = $node->client(roles => 'clerk');

# a client asks all the time, with a session: that needs the lock each time

my $parent = $$;
my $load = fork() // die "fork() failed: $!\n";

if ($load == 0) {
    while (getppid == $parent) {
        my $http = $clerk->stranger(timeout => 5);

        $http->{cookies} = $clerk->{cookies};
        eval { $http->get('/api/auth/sessions') for 1 .. 20 };
    }
    POSIX::_exit(0);
}

is($node->client->get('/none')->code, 404, 'no such memory');

for my $n (1 .. 5) {
    my %before = map { $_ => 1 } $nginx->workers;

    ok(!eval { $node->client->get('/die') }, "$n: a worker dies");
    Proc::until_true('another one', 20, sub {
        my @now = $nginx->workers;
        return @now == 2 && grep { !$before{$_} } @now;
    });

    my %answers;

    for my $http ($node->readers) {
        $http->{cookies} = $clerk->{cookies};
        $answers{ $http->get('/api/auth/sessions')->code }++;
    }

    is_deeply(\%answers, { 200 => 2 }, "$n: both workers know her");
}

kill 'KILL', $load;
waitpid $load, 0;

is(scalar(() = $nginx->log_lines(qr/was locked by/)), 5, 'nginx set it free');
is(join('', $nginx->stop(allow => qr/exited on signal 9|was locked by/)), '',
   'no other alert');

done_testing();
