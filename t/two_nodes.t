# Two nodes over one Redis and one PostgreSQL, both under load, each person at
# both: what is done at one holds at the other.  A log-out, a publication, a
# request that is sent to both at once, the counters of limits; and one node
# dies.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Load;
use Node;
use Pages;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $first = Node->new;
my $db = $first->db;
my $second = Node->new(db => $db, redis => $first->redis,
                       files => $first->{files}, keys => $first->{keys});
my @nodes = ($first, $second);
my $pages = Pages->new($db);
my $load = Load->new(node => $first, nodes => \@nodes, clients => 3,
                     order => [qw(me draft page greeting item)]);
my $card = '11990100MB0DEM172G3002099009000';


# an Http of a node, with the cookie of another

sub same {
    my ($who, $node) = @_;

    my $http = $node->client;

    $http->{cookies} = { localhost => { %{ $who->{cookies}{localhost} } } };
    $http->{headers} = { %{ $who->{headers} } };
    return $http;
}


# kept connections to each worker of both, with that cookie

sub everywhere {
    my $who = shift;

    return map {
        my $http = $_;
        $http->{cookies} = { localhost => { %{ $who->{cookies}{localhost} } } };
        $http;
    } map { $_->readers } @nodes;
}


sub codes {
    return join ' ', map { $_->get('/api/auth/me')->code } @_;
}


sub until_codes {
    my ($name, $codes, @each) = @_;

    ok(eval { Proc::until_true($name, 10, sub { codes(@each) eq $codes }) },
       $name) or diag(codes(@each));
}


# a draft of a person, at a node

sub draft {
    my ($http, $note) = @_;

    return $http->post_json('/api/case/draft', { item => $card, note => $note },
        headers => { 'Idempotency-Key' => "key-of-$note" });
}


$load->phase(both => sub { $load->told(10, 200, $load->kinds) });


subtest 'sessions' => sub {
    my $her = $first->client;
    my $person = People::register($her);
    my $phone = $second->client;

    People::login($phone, $person);

    my @hers = everywhere($her);
    my @phones = everywhere($phone);

    is(codes(@hers, @phones), '200 ' x 7 . '200', 'known in four workers');
    is(scalar @{ $her->get('/api/auth/sessions')->json->{items} }, 2,
       'both are listed');
    is($phone->post_json('/api/logout', {})->code, 200, 'one logs out');
    until_codes('all workers have heard of it', '401 401 401 401', @phones);
    is(codes(@hers), '200 200 200 200', 'of this one only');

    my $again = $second->client;

    People::login($again, $person);

    my @others = everywhere($again);

    is(codes(@others), '200 200 200 200', 'another one is known');
    is($her->post_json('/api/auth/sessions/end', {})->code, 200,
       'all others are ended');
    until_codes('all workers have heard of that', '401 401 401 401', @others);
    is(codes(@hers), '200 200 200 200', 'hers goes on');
};


subtest 'pages' => sub {
    my @readers = map { $_->readers } @nodes;
    my $shown = sub { join ' ', map { $pages->shown($_) } @readers };

    $pages->kept($_) for @readers;
    my $new = $pages->mark;
    $pages->publish('item/' . $pages->code);
    ok(eval { Proc::until_true('the new one', 10,
                               sub { $shown->() eq "$new $new $new $new" }) },
       'what is published is so in all workers') or diag($shown->());
};


subtest 'one key, two nodes' => sub {
    my $her = $first->client;
    People::register($her);

    for my $n (1 .. 10) {
        my @said = Proc::together(2, sub {
            my $at = same($her, $nodes[shift]);
            my $res = Http::until_answered(sub { draft($at, "both-$n") });
            return $res->code . ' ' . ($res->json->{id} // $res->body);
        });

        like($said[0], qr/^200 /, "$n: answered");
        is($said[1], $said[0], "$n: the same");
    }

    is($db->admin("SELECT count(*) FROM zwfw.cases WHERE note LIKE 'both-%'"),
       10, 'each once');
};


# 60 an hour of one person

subtest 'limits' => sub {
    my $her = $first->client;

    People::register($her);

    my @at = map { same($her, $_) } @nodes;
    my @codes = map { draft($at[$_ % 2], "limit-$_")->code } 1 .. 62;

    is(join(' ', @codes), '200 ' x 60 . '429 429',
       'counted for both nodes together');
};


$load->phase('one dies' => sub {
    Proc::destroy($second->nginx->pid);
    $load->told(5, 'none', 'page');
    $load->told(5, 200, $load->kinds);
    $load->stop;
});

$load->sound('one dies');
$load->only('both', qr/ 200$/, 'both: all is well');
$load->kept(20);

is(join('', $first->nginx->stop), '', 'no alert');

done_testing();
