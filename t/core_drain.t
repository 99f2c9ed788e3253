# A worker that is told to leave, by a reload or by the end of nginx, answers
# what it has begun: questions to PostgreSQL and Redis, work in a thread, a body
# that is still being sent.  Then it goes, and nothing is left open.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $block = <<'END';
        postgres_connections 1 1 1;
        postgres_timeout 20s 20s;
        redis_timeout 20s;
END
my $told = Told->new(block => $block);
my $db = $told->node->db;
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


for my $how (qw(reload quit)) {
    $nginx = $told->node->nginx;
    ($old) = $nginx->workers;

    my $person = $told->node->client(kind => 'natural');

    $told->hold;
    my @asked = map { $told->ask($_ => 'STAY') } qw(read write slow);
    $told->until_state(in_flight => $_, 1) for qw(read write slow);
    my $half = half();

    $told->node->redis->freeze;
    $person->ask('GET', '/api/auth/sessions');
    Proc::until_true('Redis is asked', 20, sub { metric('redis_in_flight') });

    leave($how);
    ok(Proc::alive($old), "$how: it is waited for");

    $told->node->redis->thaw;
    is(answers($person), '200', "$how: a question to Redis");
    $told->let_go;
    is(answers(@asked), '200 200 200', "$how: questions to PostgreSQL");
    syswrite $half->{sock}, $rest;
    is(answers($half), '422', "$how: a body that was being sent");

    Proc::until_true("$how: the worker ends", 30, sub { !Proc::alive($old) });
    pass("$how: then the worker is gone");

    if ($how eq 'quit') {
        is(join('', $nginx->stop), '', 'quit: nothing was left open');
        $told = Told->new(block => $block, db => $db);
        $nginx = $told->node->nginx;
    }
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
