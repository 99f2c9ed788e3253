# Lines of the audit trail on their way: one who is refused over and over is in
# nobody's way, is bounded, and no line of theirs is lost without a word.

use strict;
use warnings;
use utf8;

use List::Util qw(sum0);
use Test::More;

use lib 't/lib';
use Http;
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $bound = 256;
my $node = Node->new(workers => 1, server => <<'END', block => <<'BLOCK');
        location = /metrics { zwfw_metrics; }
END
        postgres_connections 1 1 1;
BLOCK
my ($db, $nginx) = ($node->db, $node->nginx);
my $http = $node->client;

sub staff {
    return $node->client(roles => 'clerk', level => 5);
}


# a number of the metrics

sub metric {
    my $name = shift;

    my ($value) = $http->get('/metrics')->body
        =~ /^zwfw_audit_lines_$name\} (\d+)$/m;
    return $value;
}


sub total {
    return metric("total\\{.*outcome=\"$_[0]\"");
}


sub waiting {
    return metric('waiting\{.*');
}


# an act that only approvers may do

sub grant {
    my ($who, $id) = @_;

    return $who->post_json("/api/case/$id/grant", {});
}


# what the trail says of a person, as "lines refusals"

sub told {
    my $uid = shift;

    return $db->admin("SELECT count(*) || ' '
        || coalesce(sum(coalesce((detail->>'count')::int, 1)), 0)
          FROM zwfw.audit WHERE uid = '$uid' AND action = 'case_grant'
           AND outcome = 'refused' AND detail->>'code' = 'not_allowed'");
}


# somebody whose lines are of another chain

sub another {
    my ($make, $its) = @_;

    my $http;

    do { $http = $make->() } while chain($http->{me}{uid}) == $its;
    return $http;
}


sub chain {
    return $db->admin("SELECT hashtext('$_[0]') & 15");
}


# somebody holds the chains: lines cannot be stored

my $other;

sub hold {
    my $chains = join ',', @_;

    $other = $db->user->patient;
    $other->ask('BEGIN;');
    is(($other->ask("SELECT pg_advisory_xact_lock(hashtext('zwfw.audit'), n)
                       FROM unnest(ARRAY[$chains]) n;"))[0], '00000', 'held');
}


sub let_go {
    $other->ask('COMMIT;');
}


my $clerk = staff();
my $uid = $clerk->{me}{uid};
my $she = another(\&staff, chain($uid));
my $he = another(sub { $node->client(kind => 'natural') }, chain($uid));
my $operator = $node->client(roles => 'operator');
my $id = $db->uuid;

subtest 'one line' => sub {
    my $res = grant($clerk, $id);

    is($res->code, 403, 'refused');
    Proc::until_true('the line', 20, sub { told($uid) eq '1 1' });
    is($db->admin("SELECT concat_ws(' ', role, action, object, object_id,
                       outcome, detail, channel, length(session))
                     FROM zwfw.audit
                    WHERE request_id = '" . $res->header('X-Request-Id') . "'"),
       qq{clerk case_grant case $id refused }
       . '{"code": "not_allowed", "status": 403} pc 64', 'who, what, where');
    is(total('stored'), 1, 'counted');
};

subtest 'the same again and again' => sub {
    hold(chain($uid));

    is(grant($clerk, $id)->code, 403, 'refused') for 1 .. 500;
    cmp_ok(waiting(), '<', 20, 'few lines wait');

    let_go();
    Proc::until_true('all told', 20, sub { (split / /, told($uid))[1] == 501 });
    cmp_ok((split / /, told($uid))[0], '<', 30, 'in few lines');
    is(total('merged'), 501 - (split / /, told($uid))[0], 'which is counted');
};

subtest 'many different ones' => sub {
    my ($before) = (split / /, told($uid))[1];
    my %code;

    hold(chain($uid));
    $code{ grant($clerk, $db->uuid)->code }++ for 1 .. $bound + 40;

    is_deeply(\%code, { 403 => $bound, 429 => 40 }, 'are bounded');
    is(waiting(), $bound, 'so many wait');
    is(total('refused'), 40, 'those not told of are counted');

    my $res = grant($clerk, $db->uuid);
    is($res->json->{code}, 'too_many_requests', 'why');
    like($res->header('Retry-After'), qr/^[1-9]/, 'when to ask again');

    $res = $clerk->get("/api/case/" . $db->uuid . '/work');
    is($res->code, 429, 'what staff reads would make lines as well');
    is($clerk->get('/api/auth/sessions')->code, 200,
       'what makes no line is answered');

    # others: a clerk of another chain, and one who writes

    my $far = $she->{me}{uid};

    is(grant($she, $id)->code, 403, 'another clerk is refused as ever');
    Proc::until_true('her line', 20, sub { told($far) eq '1 1' });
    pass('and her line is stored');

    let_go();
    Proc::until_true('all told', 30, sub {
        (split / /, told($uid))[1] == $before + $bound;
    });
    is(waiting(), 0, 'none waits any more');
    is($db->admin("SELECT count(*) - count(DISTINCT request_id)
                     FROM zwfw.audit WHERE uid = '$uid'"), 0,
       'each of them once');
    is(grant($clerk, $db->uuid)->code, 403, 'and the clerk is heard again');
};

subtest 'others write meanwhile' => sub {

    my ($item) = $db->admin("SELECT code FROM zwfw.items
                              WHERE state = 'in_use' LIMIT 1");
    my $token = $he->{token};

    # with one connection for all that writes, and a lock that does not end

    hold(chain($uid));
    grant($clerk, $db->uuid) for 1 .. 200;

    my %code;
    $code{ $he->post_json('/api/case/draft', { item => $item },
                          headers => { 'X-CSRF-Token' => $token })->code }++
        for 1 .. 20;

    is_deeply(\%code, { 200 => 20 }, 'all of it is done');
    let_go();
    Proc::until_true('all told', 30, sub { waiting() == 0 });
};

subtest 'the store is away' => sub {
    my ($before) = (split / /, told($uid))[1];

    $db->{pg}->stop;
    Proc::until_true('away', 10, sub {
        $http->get('/api/health')->json->{postgres} eq 'down';
    });
    is(grant($clerk, $db->uuid)->code, 403, 'refused') for 1 .. 3;

    # the worker that knows of it goes only when it is told

    my ($old) = $nginx->workers;
    kill 'HUP', $nginx->pid;
    Proc::until_true('a new worker', 30, sub {
        my ($new, @others) = $nginx->workers;
        return $new && !@others && $new != $old;
    });
    ok(Proc::alive($old), 'the old one is there');

    $db->{pg}->launch;
    Proc::until_true('all told', 30, sub {
        (split / /, told($uid))[1] == $before + 3;
    });
    Proc::until_true('the old one goes', 30, sub { !Proc::alive($old) });
    like($db->admin("SELECT string_agg(detail->>'late', ' ') FROM zwfw.audit
                      WHERE uid = '$uid'"), qr/^[1-9]/, 'they say how late');
};

subtest 'an answer that is not heard' => sub {
    my $id = $db->uuid;

    # the first one is stored, but when nobody waits for it any more

    $db->admin(<<'END');
CREATE SEQUENCE first;
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
    IF nextval('first') = 1 THEN
        BEGIN
            PERFORM pg_sleep(5);
        EXCEPTION WHEN query_canceled THEN
            PERFORM pg_sleep(1);
        END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER linger AFTER INSERT ON zwfw.audit
    FOR EACH ROW EXECUTE FUNCTION linger();
END
    my $stored = total('stored');

    grant($clerk, $id);
    Proc::until_true('it is told', 30, sub { total('stored') == $stored + 1 });
    is($db->admin('SELECT count(*) FROM zwfw.audit WHERE object_id = '
                  . "'$id'"), 1, 'is one line, though it was told twice');
    $db->admin('DROP TRIGGER linger ON zwfw.audit');
};

subtest 'what is lost' => sub {
    is(total('lost'), 0, 'nothing so far');

    # one that SQL cannot store

    $db->admin("ALTER TABLE zwfw.audit ADD CONSTRAINT never
                CHECK (object_id <> '$id') NOT VALID");
    hold(chain($uid));

    my ($before) = (split / /, told($uid))[1];

    grant($clerk, $_) for $db->uuid, $id, $db->uuid;
    let_go();
    Proc::until_true('the others', 20, sub {
        (split / /, told($uid))[1] == $before + 2;
    });
    Proc::until_true('it is counted', 20, sub { total('lost') == 1 });

    # and those of a worker that is told to end at once

    $db->{pg}->stop;
    Proc::until_true('away', 10, sub {
        $http->get('/api/health')->json->{postgres} eq 'down';
    });
    grant($clerk, $db->uuid) for 1 .. 3;

    my ($old) = $nginx->workers;
    kill 'TERM', $old;
    Proc::until_true('another worker', 30, sub {
        my ($new) = $nginx->workers;
        return $new && $new != $old;
    });
    is(total('lost'), 4, 'are counted');
    is(scalar $nginx->log_lines(qr/line of the audit trail .* is lost/), 4,
       'and logged');
    $db->{pg}->launch;
};

$db->admin('ALTER TABLE zwfw.audit DROP CONSTRAINT never');

my $check = Proc::until_true('an answer', 20, sub {
    my $res = $operator->get('/api/audit/check');
    return $res->code == 200 && $res->json;
});
ok($check->{ok}, 'the chains are whole');
is(join('', $nginx->stop(allow => qr/line of the audit trail/)), '',
   'no alert');

done_testing();
