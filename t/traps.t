# Traps of event loops that nginx, hiredis and libpq set, and which test walks
# into each: the table at the end.  Those that no other test meets are here.

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);


sub connections {
    my $told = shift;

    return $told->admin("SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'zwfw read'
              AND datname = current_database()");
}


subtest 'a client that goes while it waits is noticed' => sub {
    my $told = Told->new(block => 'postgres_timeout 20s 20s;');
    my $nginx = $told->node->nginx;

    $told->hold;

    my $http = $told->ask(read => 'HOLD');
    $told->until_state(in_flight => 'read', 1);
    delete $http->{sock};

    Proc::until_true('it is told to be gone', 20, sub {
        return scalar $nginx->log_lines(qr/prematurely closed connection/);
    });
    is($told->state(in_flight => 'read'), 1, 'while the statement goes on');

    $told->let_go;
    is($told->read('PID')->code, 200, 'the next one is answered');
    is(join('', $nginx->stop), '', 'no alert');
};


subtest 'processes that are no workers ask nobody' => sub {
    my $told = Told->new(http => 'proxy_cache_path $DIR/cache
                                  keys_zone=c:1m;');
    my $nginx = $told->node->nginx;

    is($told->read('PID')->code, 200, 'the worker asks');
    is(connections($told), 1, 'alone');
    is(join('', $nginx->stop), '', 'no alert');
};


subtest 'one process for all' => sub {
    my $told = Told->new(single => 1);
    my $nginx = $told->node->nginx;

    is($told->read('PID')->code, 200, 'it asks PostgreSQL');
    is($told->write('PID')->code, 200, 'and Redis, who is known');
    is(join('', $nginx->stop), '', 'no alert');
};


subtest 'a worker that waits for nothing but stores leaves' => sub {
    my $node = Node->new(workers => 1,
                         postgres => 'host=/nonexistent dbname=zwfw');
    my $nginx = $node->nginx;
    my ($old) = $nginx->workers;

    $node->{redis}->stop;
    is($node->client->get('/api/item/x')->code, 503, 'away');

    $nginx->reload;
    Proc::until_true('the old worker leaves', 20,
                     sub { !grep { $_ == $old } $nginx->workers });
    is(join('', $nginx->stop), '', 'no alert');
};


# a running nginx maps the old one

subtest 'a module is never written over' => sub {
    my $dir = tempdir(CLEANUP => 1);

    for my $name (qw(from to)) {
        open my $out, '>', "$dir/$name" or die "$dir/$name: $!\n";
        print $out "$name\n";
        close $out or die "$dir/$name: $!\n";
    }

    open my $old, '<', "$dir/to" or die "$dir/to: $!\n";
    open my $in, '<:utf8', 'build.sh' or die "build.sh: $!\n";
    my ($publish) = do { local $/; readline $in }
        =~ /^(publish\(\) \{\n.*?^\}\n)/ms;

    is(system('bash', '-ec', "$publish publish $dir/from $dir/to"), 0,
       'build.sh does it');
    is(readline $old, "to\n", 'who has the old one keeps it');
    open my $new, '<', "$dir/to" or die "$dir/to: $!\n";
    is(readline $new, "from\n", 'the new one is there');
};


# "trap: test, words of it; the line that keeps it away, as a fault of t/mutants
# without it".  No line alone does for those of %many.

my %many = (
    'events at edges lose what libpq leaves unread' =>
        'libpq reads all there is, and does not promise to',
    'several servers, one of which is gone' => 'each is connected to by itself',
    'macros of several statements' => 'it is a rule for all lines',
    'libpq answers nothing for ever' => 'it is a loop, and has no end without it',
);

for my $line (split /\n/, <<'END') {
events at edges lose what hiredis leaves unread: core_redis.t, large values; core-redis-edge
events at edges lose what libpq leaves unread: core_pg.t, large answers
libpq takes another socket while it connects: core_pg_tls.t, each was refused first; core-pg-socket
what libpq closes while it connects is watched: core_pg_tls.t, no alert; core-pg-unwatch
several servers, one of which is gone: failover.t, the primary is killed
a descriptor is closed by somebody else: core_pg_refused.t, it dies while they are asked; core-pg-closed
macros of several statements: style.t, of several statements
a worker does not wait for a question: core_drain.t, PostgreSQL; core-drain-question
connections that are open at the end: core_drain.t, nothing was left open; core-pg-left
processes that are no workers: traps.t, processes that are no workers ask nobody; core-pg-helper
hiredis frees itself in its callbacks: faults_wire.t, refuse; core-redis-freed
who waits for a connection is forgotten: core_pg.t, those in the queue are answered; core-pg-wake
a body of no bytes: core_body.t, has no body; core-no-body
a client that goes is not noticed: traps.t, a client that goes while it waits is noticed; core-client-gone
an error in a pipeline meets its neighbours: core_pg.t, what was sent after a Prepare that fails; core-pg-orphan
a slow statement is in the way of others: core_pg.t, what is slow is in nobody\'s way; core-pg-class
libpq answers nothing for ever: core_pg.t, backends end
a module is overwritten in its place: traps.t, a module is never written over; core-publish
the queue of the threads is full: core_work.t, all together have their bound; core-work-bound
a task is under way when the worker leaves: core_drain.t, thread; core-work-leaves
a task outlives its client: core_files.t, nothing is left of aborted uploads; core-work-blocked
END
    my ($trap, $file, $words, $fault) = $line
        =~ /^(.+): (\S+\.t), (.+?)(?:; (\S+))?$/;

    ok(index(text("t/$file"), $words) >= 0, $trap) or diag("$file: $words");

    next if !$fault and delete $many{$trap};

    like($fault && text("t/mutants/$fault.patch"), qr/^Test: /m,
         "$trap: with a fault of its own");
}

is(join(', ', sort keys %many), '', 'all that no line does for are traps');

done_testing();


sub text {
    my $file = shift;

    open my $in, '<:utf8', $file or return '';
    local $/;
    return readline($in) // '';
}
