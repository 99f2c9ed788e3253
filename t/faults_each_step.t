# A worker dies before each step of the path of a request, a step being a call
# that it makes of the system, of libpq or of libcrypto: a draft, a whole
# application, a log-in, a log-out, a download, while others ask.  Who asks again
# with the same key is told what was done, which is done once; a session is there
# or not, never half of it; others notice nothing but that their own connection to
# the dead worker breaks.  Some steps, others each time; ZWFW_LONG=1: all.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Load;
use Node;
use People;
use Proc;
use Steps;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $long = $ENV{ZWFW_LONG};
my $seed = srand($ENV{ZWFW_SEED} // time);
my $some = 7;                           # of each kind
my $card = '11990100MB0DEM172G3002099009000';
my $steps = Steps->new;
my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my ($node, $acts, $deaths) = (undef, 0, 0);

{
    my %env = $steps->env;
    local @ENV{keys %env} = values %env;

    $node = Node->new(workers => 2, db => $db, redis => $redis,
                      block => 'postgres_connections 1 2 1;',
                      server => <<'END');
        zwfw_monitor on;
        location = /metrics { zwfw_monitor off; zwfw_metrics; }
END
}

my $nginx = $node->nginx;
my $she = $node->client(kind => 'natural');
my $clerk = $node->client(roles => 'clerk');
my $load = Load->new(node => $node, clients => 1, of_one => 2,
                     order => [qw(item who page me greeting)]);
my %as = (uid => $she->{me}{uid}, cookie => $she->cookie('zwfw'), token => $she->{token});
my (%kind, %last);


# ---- what is asked, and what must hold then ----

# $kind{name} = { begin, ask, holds }: begin returns what the other two are given;
# ask returns the answer, or dies; holds is told the answer, where there was one

sub headers {
    my ($key, $step) = @_;

    return (%{ Load::Ask::as(\%as, 'Idempotency-Key' => $key) },
            Connection => 'close', $step ? ('X-Steps' => 1) : ());
}


sub key { return 'each-step-' . ++$acts }


sub once {
    my ($name, $key, $res, $ask) = @_;

    my $again = Http::until_answered(sub { $ask->($key) });

    return is($again->code, 200, "$name: asked again") if $again->code != 200;

    my $rows = $db->admin("SELECT string_agg(id::text, ' ')
                             FROM zwfw.cases WHERE note = '$key'");

    is($rows, $again->json->{id}, "$name: done once, and that is told");
    is($res->json->{id}, $rows, "$name: as before") if $res && $res->code == 200;
}


sub draft {
    my ($key, $step) = @_;

    return $node->client->post_json('/api/case/draft',
        { item => $card, note => $key }, headers => { headers($key, $step) });
}


# Load knows how to hand in, and whose files are whose

sub submit {
    my ($key, $step) = @_;

    local $load->{act}{submit} = { key => $key, person => \%as };
    my $http = $node->client;

    $http->{headers} = { $step ? ('X-Steps' => 1) : () };
    return $load->ask('submit', $http, \%as);
}


for my $act (['a draft', \&draft], ['an application', \&submit]) {
    my ($name, $ask) = @$act;

    $kind{$name} = {
        begin => \&key,
        ask => sub { $ask->($_[0], 1) },
        holds => sub { once($name, @_, $ask) },
    };
}


# all that Redis has of the sessions of somebody: each is whole

sub whole {
    my ($name, $uid) = @_;

    my %has = map { $_ => 1 } @{ $redis->query('ZRANGE', "zwfw:test:u:$uid", 0,
                                               -1) };
    my @keys = @{ $redis->query('KEYS', 'zwfw:test:[st]:{*') };
    my %part;

    /^zwfw:test:([st]):\{(\w+)\}/ and $part{$2} .= $1 for @keys;
    is(join(' ', grep { length $part{$_} != 2 } keys %part), '',
       "$name: no session is half");
    is(join(' ', grep { !$part{$_} } keys %has), '',
       "$name: none is in the list only");
    return \%has;
}


sub login {
    my ($step) = @_;

    my $http = $node->client;
    my $res = $http->post_json('/api/login',
        { map { $_ => $clerk->{me}{$_} } qw(email password) },
        headers => { Connection => 'close', $step ? ('X-Steps' => 1) : () });

    $http->{token} = $res->json->{token};
    return ($res, $http);
}


sub me { return $_[0]->get('/api/auth/me')->code }


$kind{'a log-in'} = {
    begin => sub { },
    ask => sub { $last{login} = undef; (my $res, $last{login}) = login(1);
                 return $res },
    holds => sub {
        my ($none, $res) = @_;

        is(me($last{login}), 200, 'a log-in: who was told so is known') if $res;
        my $http;
        my $again = Http::until_answered(sub {
            (my $res, $http) = login();
            return $res;
        });
        is($again->code, 200, 'a log-in: again');
        is(me($http), 200, 'a log-in: known');
        whole('a log-in', $clerk->{me}{uid});
        is($http->post_json('/api/logout', {}, headers =>
            { 'X-CSRF-Token' => $http->{token} })->code, 200, 'and out');
    },
};


sub logout {
    my ($http, $step) = @_;

    my $gone = $node->client;

    $gone->{cookies} = { localhost => { zwfw => $http->cookie('zwfw') } };
    return $gone->post_json('/api/logout', {}, headers => {
        'X-CSRF-Token' => $http->{token}, Connection => 'close',
        $step ? ('X-Steps' => 1) : () });
}


$kind{'a log-out'} = {
    begin => sub { (login())[1] },
    ask => sub { logout($_[0], 1) },
    holds => sub {
        my ($http, $res) = @_;

        whole('a log-out', $clerk->{me}{uid});

        my @each = $node->readers;
        my $cookie = { localhost => { zwfw => $http->cookie('zwfw') } };
        my $codes = sub { $_->{cookies} = { %$cookie } for @each;
                          join ' ', map { me($_) } @each };

        if ($res or me($http) == 401) {
            ok(eval { Proc::until_true('gone', 10, sub {
                $codes->() eq '401 401' }) }, 'a log-out: gone for each worker');
        } else {
            is($codes->(), '200 200', 'a log-out: not done, for each worker');
            is(logout($http)->code, 200, 'a log-out: again');
        }

        ok(eval { Proc::until_true('gone', 10, sub {
            $codes->() eq '401 401' }) }, 'a log-out: gone in the end');
    },
};


$kind{'a download'} = {
    begin => sub { },
    ask => sub { download(1) },
    holds => sub {
        my ($none, $res) = @_;

        for ($res ? $res : (), download()) {
            is($_->code, 200, 'a download: answered');
            ok($_->body eq $last{content}, 'a download: with what was handed in');
        }
    },
};


sub download {
    my ($step) = @_;

    return $node->client->get($last{file}, headers => { headers('', $step) });
}


# ---- the steps ----

# a limit of an hour is nothing to look at here

sub unlimited {
    my @keys = @{ $redis->query('KEYS', 'zwfw:test:limit:*') };

    $redis->query('DEL', @keys) if @keys;
}


# dies before that step; returns how many steps there were, when it did not die

sub dies {
    my ($name, $n) = @_;

    my $kind = $kind{$name};
    my %before = map { $_ => 1 } $nginx->workers;

    unlimited();
    my $what = $kind->{begin}->();

    $steps->arm($n);
    my $res = eval { $kind->{ask}->($what) };
    my $failed = $@;
    my $state = $steps->state;

    if (!$res) {
        like($failed, qr/connection closed|reset/,
             "$name: its connection breaks");
    }

    # what is done when the answer is on its way

    $state = Proc::until_true("$name: a step or the end", 20, sub {
        my $now = $steps->state;
        return ($now->{died} || $now->{done}) && $now;
    });

    if ($state->{died}) {
        $deaths++;
        Proc::until_true('another worker', 20, sub {
            my @now = $nginx->workers;
            return @now == 2 && !grep { $_ == $state->{pid} } @now;
        });
        note "$name: step $n, $state->{name}", $res ? ', answered' : '';
    } else {
        ok($res, "$name: answered");
    }

    $steps->arm(0);
    $kind->{holds}->($what, $res && $res->code == 200 ? $res : undef);
    is($res->code, 200, "$name: nothing but this is answered") if $res;

    return $state->{died} ? 0 : $state->{count};
}


# a file to be downloaded, in several pieces

{
    my $key = key();
    my $id = submit($key)->json->{id};

    $last{file} = "/api/case/$id/files/" . $db->admin("SELECT id
        FROM zwfw.case_materials WHERE case_id = '$id' ORDER BY code LIMIT 1");
    $last{content} = Load::Ask::content($key, 0);
}

$load->phase(calm => sub { $load->told(2, 200, $load->kinds) });
$load->phase(dies => sub {
    for my $name (sort keys %kind) {
        my $all = dies($name, undef);
        my $step = $long ? 1 : int $all / $some;
        my $over = 0;

        cmp_ok($all, '>', 30, "$name: has steps");
        diag("$name: $all steps");

        # the number is another one when others ask as well, or when the worker
        # is a new one

        for (my $n = 1 + int rand $step; $long ? $over < 3 : $n <= $all;
             $n += $step)
        {
            $over = dies($name, $n) ? $over + 1 : 0;
        }
    }
});
$load->phase(after => sub { $load->told(2, 200, $load->kinds) });
$load->stop;

cmp_ok($deaths, '>', 3 * keys %kind, 'workers have died');
diag("ZWFW_SEED=$seed: $deaths workers died, ",
     Load::summary($load->asked));


# ---- others, and what is left ----

sub visits {
    return ($node->client->get('/metrics')->body
        =~ /^zwfw_visits_$_[0]\{.*\} (\d+)$/m)[0];
}


$load->sound('dies');
$load->only($_, qr/ 200$/, "$_: all is well") for qw(calm after);
$load->only('dies', qr/ (?:200|none)$/, 'nobody is refused');
cmp_ok(scalar(grep { $_->{code} eq 'none' } $load->asked), '<=', $deaths,
       'no more connections break than there were');

is($db->admin("SELECT count(*) - count(DISTINCT note) FROM zwfw.cases"), 0,
   'no case is there twice');
is($db->admin("SELECT count(*) FROM zwfw.cases c WHERE note LIKE 'each-step-%'
    AND state <> 'draft' AND 3 <> (SELECT count(*) FROM zwfw.case_materials m
                                    WHERE m.case_id = c.id)"), 0,
   'each application has its three files');

my %worker = map { $_ => 1 }
    $node->client->get('/metrics')->body =~ /worker="(\d+)"/g;

is(join(' ', sort keys %worker), '0 1', 'no worker that is gone has a place');
ok(eval { Proc::until_true('stored', 20, sub { !visits('pending') }) },
   'no visit waits in a ring of who is gone');

my ($visits, $stored, $lost) = map { visits($_) }
    qw(total stored_total lost_total);

note "$visits visits, $stored stored, $lost lost";
is($visits, $stored + $lost, 'each visit is stored or counted as lost');
cmp_ok($lost, '<=', $deaths, 'one of a worker at most');
is($db->admin('SELECT count(*) FROM zwfw.visits'), $stored,
   'they are there once');

Proc::until_true('backends of who is gone end', 20, sub {
    $db->admin("SELECT count(*) FROM pg_stat_activity
                 WHERE usename = 'zwfw_web'") <= 2 * 5 + 1 });
pass('no connection is left');

is(join('', $nginx->stop(allow => qr/exited on signal 9|was locked by/)), '',
   'no other alert');

done_testing();
