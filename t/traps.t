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


# "trap: test, words of it"

for my $line (split /\n/, <<'END') {
events at edges lose what hiredis leaves unread: core_redis.t, large values
events at edges lose what libpq leaves unread: core_pg.t, large answers
libpq takes another socket while it connects: failover.t, the primary is killed
a descriptor is closed by somebody else: faults_wire.t, no alert
macros of several statements: style.t, of several statements
a worker does not wait for a question: core_drain.t, PostgreSQL
connections that are open at the end: core_drain.t, nothing was left open
processes that are no workers: traps.t, processes that are no workers ask nobody
hiredis frees itself in its callbacks: faults_wire.t, refuse
who waits for a connection is forgotten: core_pg_refused.t, the one behind it has its connection
a body of no bytes: core_body.t, has no body
a client that goes is not noticed: traps.t, a client that goes while it waits is noticed
an error in a pipeline meets its neighbours: core_pg.t, what was sent after a Prepare that fails
a slow statement is in the way of others: core_pg.t, what is slow is in nobody\'s way
libpq answers nothing for ever: core_pg.t, backends end
a module is overwritten in its place: traps.t, a module is never written over
the queue of the threads is full: core_work.t, all together have their bound
a task is under way when the worker leaves: core_drain.t, thread
a task outlives its client: core_files.t, nothing is left of aborted uploads
END
    my ($trap, $file, $words) = $line =~ /^(.+): (\S+\.t), (.+)$/;

    open my $in, '<:utf8', "t/$file" or die "t/$file: $!\n";
    local $/;
    ok(index(readline $in, $words) >= 0, $trap) or diag("$file: $words");
}

done_testing();
