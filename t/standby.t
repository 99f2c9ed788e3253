# A primary and a standby: reads go to the standby, writes to the primary, and
# who has written sees it at once, on any node; a standby that is behind, frozen
# or away is in nobody's way.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Pair;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $pair = Pair->new;
my ($db, $primary, $standby) = @$pair{qw(db primary standby)};
my ($a, $b, $short) = map {
    $pair->node(block => "postgres_lag $_; postgres_depth 1;"
                    . ' postgres_timeout 4s 10s;')
} '1h', '1h', '100ms';
my $marked = $db->admin("SELECT min(code) FROM zwfw.items
                          WHERE state = 'in_use'");


# a mark that only the database moves: who reads it is told by its value

sub mark {
    $db->admin("UPDATE zwfw.items SET state = 'suspended', reason = '$_[0]'
                 WHERE code = '$marked'");
}


sub seen {
    my ($http, %o) = @_;

    my $res = $http->get("/api/item/$marked", %o);
    return $res->code == 200 ? $res->json->{reason} : $res->code;
}


sub drafts {
    my ($http, %o) = @_;

    my $res = $http->get('/api/case/', %o);

    return $res->code == 200 ? scalar @{ $res->json->{items} } : $res->code;
}


mark('原来的');


subtest 'who has written sees it' => sub {
    $pair->until_reads_standby($a, $b, $short);
    Proc::until_true('all is replayed', 20, sub {
        seen($a->client) eq '原来的' && seen($b->client) eq '原来的';
    });

    my ($stranger, $she) = ($a->client, $pair->person($a));
    my $another = $pair->person($b, 1);
    my $other = $b->again($she);

    $pair->until_replayed;
    $standby->pause;
    mark('后来的');

    is(seen($stranger), '原来的', 'a stranger reads the standby');
    is(drafts($she), 0, 'as she does');

    my $res = Pair::writes($she, 'first');

    is($res->code, 200, 'she writes');
    is(drafts($she), 1, 'and sees it');
    is(seen($she), '后来的', 'she reads the primary');

    my ($seen) = $res->headers('Set-Cookie');

    like($seen, qr/^zwfw-seen=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
         'by a cookie');

    # the same browser on the other node

    my $there = $b->client;

    $there->{cookies} = { localhost => { %{ $she->{cookies}{localhost} } } };
    is(drafts($there), 1, 'she sees it on another node');
    is(seen($there), '后来的', 'which reads the primary for her');

    # one that keeps no cookie, but has the session

    my $session = 'zwfw=' . $she->cookie('zwfw');

    is(drafts($a->client, headers => { Cookie => $session }), 1,
       'the node knows the person as well');
    Proc::until_true('the other node has heard', 20, sub {
        drafts($b->client, headers => { Cookie => $session }) == 1;
    });
    is(drafts($other), 1, 'so another device of hers sees it there');

    is(seen($b->client, headers => { Cookie => 'zwfw-seen=x' }), '后来的',
       'a cookie that is not understood leads to the primary');
    is(seen($b->client, headers => { Cookie => 'zwfw-seen=1' }), '原来的',
       'an old one does not');

    is(seen($stranger), '原来的', 'the others read the standby all the time');
    is(seen($another), '原来的', 'another person as well');

    # a page that is kept is made of what was published

    like($stranger->get("/item/$marked")->text, qr/后来的/,
         'a shared page is of the primary');

    # what a POST reads is not read there

    People::login($b->client, People::register($a->client));

    $standby->resume;
    Proc::until_true('replayed', 20, sub { seen($stranger) eq '后来的' });

    Proc::until_true('she reads the standby again', 20, sub {
        $standby->pause;
        mark('再后来的' . rand);
        my $name = seen($she);
        my $old = $name eq '后来的';
        $standby->resume;
        mark('后来的');
        Proc::until_true('replayed', 20, sub {
            seen($stranger) eq '后来的';
        });
        return $old;
    });
};


subtest 'a reply that is given again' => sub {
    my $she = $pair->person($a);

    Pair::writes($she, 'second', 'Idempotency-Key' => 'standby-key-1');
    $standby->pause;

    # its first answer was lost, and the cookie with it

    my $again = $b->client;
    my @third = ('third', 'Idempotency-Key' => 'standby-key-2');

    Pair::writes($she, @third);
    $again->{cookies}{localhost}{zwfw} = $she->cookie('zwfw');
    $again->{token} = $she->{token};

    my $res = Pair::writes($again, @third);

    is($res->code, 200, 'asked again');
    like($res->header('Set-Cookie'), qr/^zwfw-seen=\d+;/, 'it says so as well');
    is(drafts($again), 3, 'it is seen');

    $standby->resume;
};


subtest 'a standby that is behind' => sub {
    $pair->until_reads_standby($short);
    $standby->pause;
    mark('最新的');

    Proc::until_true('the primary is read', 20, sub {
        seen($short->client) eq '最新的';
    });
    ok(eval {
        Proc::until_true('told', 20, sub { !$pair->reads_standby($short) });
    }, 'metrics say so');
    ok($pair->reads_standby($a), 'where it may be behind for longer it is read');

    $standby->resume;
    $pair->until_reads_standby($short);
    is(seen($short->client), '最新的', 'until it has caught up');
};


subtest 'a standby that is frozen, or away' => sub {
    my @asked = map { $a->client } 1 .. 5;

    $standby->freeze;
    $_->ask('GET', "/api/item/$marked") for @asked;
    is(join(' ', map { $_->answer->code } @asked), join(' ', (200) x 5),
       'frozen: the primary answers');
    is(seen($a->client), '最新的', 'and goes on');
    $standby->thaw;
    $pair->until_reads_standby($a, $b);

    $primary->set("synchronous_standby_names = ''");
    $standby->crash;
    is(join(' ', map { seen($a->client) } 1 .. 5), join(' ', ('最新的') x 5),
       'away: the primary answers');
    is(Pair::writes($pair->person($a), 'fourth')->code, 200, 'and writes');
    $standby->launch;
    $primary->set("synchronous_standby_names = '*'");
    $pair->until_reads_standby($a, $b);
    is(scalar $a->nginx->log_lines(qr/away for class (?!standby)/), 0,
       'it is no trouble for others');
};


subtest 'what a standby cannot do' => sub {
    my $function = $db->admin("SELECT pg_get_functiondef(
        'api.item_show(jsonb, jsonb)'::regprocedure)");

    $db->admin('CREATE TABLE zwfw.told (n integer);
        GRANT INSERT ON zwfw.told TO PUBLIC;
        CREATE OR REPLACE FUNCTION api.item_show(args jsonb, body jsonb)
        RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$ BEGIN
        INSERT INTO zwfw.told VALUES (1);
        RETURN $j${"reason":"written"}$j$::json; END $$');
    Proc::until_true('replayed', 20, sub { seen($a->client) eq 'written' });
    is(seen($b->client), 'written', 'is asked of the primary');
    $db->admin("$function; DROP TABLE zwfw.told");
    Proc::until_true('replayed', 20, sub { seen($a->client) eq '最新的' });
};


subtest 'a standby of another version' => sub {
    my $version = 'SELECT version FROM zwfw.schema';

    $db->admin('UPDATE zwfw.schema SET version = 2, oldest = 2');
    Proc::until_true('replayed', 20, sub {
        $standby->psql($version, dbname => 'zwfw') == 2;
    });
    $standby->pause;
    $db->admin('UPDATE zwfw.schema SET version = 1, oldest = 1');

    # each node connects anew, and leaves

    my $sessions = "SELECT sessions FROM pg_stat_database
                     WHERE datname = 'zwfw'";
    my $before = $standby->psql($sessions);

    $standby->psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'zwfw standby'");
    Proc::until_true('they try', 20, sub {
        $standby->psql($sessions) >= $before + 6;
    });
    is(seen($a->client), '最新的', 'is not read');
    is(Pair::writes($pair->person($a), 'fifth')->code, 200,
       'and in nobody\'s way');
    ok(eval {
        Proc::until_true('told', 20, sub { !$pair->reads_standby($a) });
    }, 'as metrics say');

    $standby->resume;
    $pair->until_reads_standby($a, $b);
};

is(join('', $_->nginx->stop), '', 'no alert') for $a, $b, $short;

done_testing();
