# A worker that is told to leave, by a reload or by the end of nginx, answers
# what it has begun: a question of each class to PostgreSQL, one that waits for a
# connection, one to Redis, work in a thread, a body that is still being sent.
# Each of these is all that keeps it; then it goes, and nothing is left open.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Proxy;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $block = <<'END';
        postgres_connections 1 1 1;
        postgres_timeout 20s 20s;
        redis_timeout 20s;
END
my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my $wire = Proxy->start(to => $db->{pg}->socket);
my %stores = (block => $block, db => $db, redis => $redis, pg_wire => $wire);
my $told = Told->new(%stores);
my $she = $told->{people}[0];
my ($nginx, $old);


sub metric {
    my $name = shift;

    my ($n) = $told->node->client->get('/metrics')->body
        =~ /^zwfw_$name\{[^}]*\} (\d+)$/m;
    return $n;
}


# "200" and the like; what was cut is "none"

sub answers {
    return join ' ', map { my $res = eval { $_->answer };
                           $res ? $res->code : 'none' } @_;
}


# a form of which the end is missing; send the rest to get an answer

my $rest = '"password":"not-the-one"}';

sub half {
    my $http = $told->node->client;
    my $begin = '{"email":"nobody@shandong.example",';

    $http->{asked} = { method => 'POST', path => '/api/login',
                       host => 'localhost', whole => 1 };
    $http->write("POST /api/login HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($begin . $rest) . "\r\n\r\n$begin");
    Proc::until_true('it is being read', 10, sub {
        return $told->node->client->get('/help')->code == 200;
    });
    return $http;
}


# a log-in whose hash is being computed: the worker stands still, its threads
# with it, until go()

sub hashing {
    my $http = $told->node->client;

    $http->ask('POST', '/api/login', type => 'application/json',
               body => encode_json({ email => 'a@shandong.example',
                                     password => 'not-the-one' }));
    Proc::until_true('a thread works', 20, sub { metric('thread_tasks') });
    kill 'STOP', $old;
    Proc::stopped($old);
    return $http;
}


# tells the worker to leave, and returns when it does

my %leave = (
    reload => sub { kill 'HUP', $nginx->pid },
    quit => sub { kill 'QUIT', $nginx->pid },
);


sub leave {
    my $how = shift;

    $leave{$how}->();
    kill 'CONT', $old;
    Proc::until_true("$how: the worker leaves", 20, sub {
        return !Proc::alive($old)
               || NginxServer::title($old) =~ /shutting down/;
    });
}


# ---- what is begun: how, what lets it end, and how it ends ----

sub asked {
    my $class = shift;

    $told->hold;
    my $client = $told->ask($class => 'STAY');
    $told->until_state(in_flight => $class, 1);
    return $client;
}


# a question that no connection is there for, as there was one a moment ago

sub waits {
    my $client;

    Proc::until_true('it waits', 30, sub {
        $wire->pass;
        Proc::until_true('a connection', 20, sub {
            return $told->read('PID')->code == 200;
        });
        $wire->mute;
        $wire->drop;
        $client = $told->node->client;
        $client->ask('GET', '/api/item/PID');
        return $told->state(waiting => 'read');
    });

    return $client;
}


sub of_redis {
    my $client = $told->node->tab($she);

    $redis->freeze;
    $client->ask('GET', '/api/auth/sessions');
    Proc::until_true('Redis is asked', 20, sub { metric('redis_in_flight') });
    return $client;
}


my %begun = (
    (map { my $class = $_;
           ($class => [sub { asked($class) }, sub { $told->let_go }, 200]) }
         qw(read write slow)),
    waiting => [\&waits, sub { $wire->pass }, 200],
    redis => [\&of_redis, sub { $redis->thaw }, 200],
    body => [\&half, sub { syswrite $_[0]{sock}, $rest }, 422],
);


for my $how (qw(reload quit)) {
    for my $what (sort keys %begun) {
        my ($begin, $end, $code) = @{ $begun{$what} };

        $nginx = $told->node->nginx;
        ($old) = $nginx->workers;

        my $client = $begin->();

        leave($how);
        ok(Proc::alive($old), "$how, $what: it is waited for");
        $end->($client);
        is(answers($client), $code, "$how, $what: it is answered");
        Proc::until_true("$how, $what: the worker ends", 30,
                         sub { !Proc::alive($old) });
        again($what) if $how eq 'quit';
    }
}


# another nginx over the same stores, for the same people

sub again {
    my $what = shift;

    is(join('', $nginx->stop), '', "quit, $what: nothing was left open");
    $told = Told->new(%stores, of => $told);
}


# work in a thread

for my $how (qw(reload quit)) {
    $nginx = $told->node->nginx;
    ($old) = $nginx->workers;

    my $client = hashing();

    leave($how);
    is(answers($client), '422', "$how: work in a thread");
    Proc::until_true("$how: the worker ends", 30, sub { !Proc::alive($old) });
}

is(join('', $nginx->stop), '', 'no alert');

done_testing();
