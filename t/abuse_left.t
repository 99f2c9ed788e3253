# Who leaves while PostgreSQL is at work: an act that waits for a lock, whose
# client closes, resets, or drops its stream meanwhile, is done as a whole or
# not at all, once however often it is sent again, and its answer reaches nobody
# else on the same connection to PostgreSQL.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use H2;
use Node;
use People;
use Port;
use Proc;
use Raw;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $item = '11990100MB0DEM172G3002099009000';
my $port = Port::free();

# one connection for all that is written, and locks are waited for

my $node = Node->new(workers => 1, openapi => 0, server => <<"END", block =>
        listen 127.0.0.1:$port http2;
        location = /clients { stub_status; }
END
    'postgres_connections 2 1 1; postgres_timeout 30s;');
my ($db, $nginx) = ($node->db, $node->nginx);
my $json = JSON::PP->new->utf8->canonical;
my ($worker) = $nginx->workers;

$db->admin('ALTER FUNCTION zwfw.once SET lock_timeout = 0');

my $body = $db->admin("SELECT body FROM zwfw.items WHERE code = '$item'");
my ($she, $he) = map { $node->client(kind => 'natural') } 1, 2;
my %who = (draft => $she, submit => $she,
           (map { $_ => $node->client(roles => 'clerk', body => $body) }
            'receive'));

$who{accept} = $who{receive};
$who{grant} = $node->client(roles => 'approver', body => $body);

my @acts = qw(draft submit receive accept grant);
my %state = (draft => 'draft', submit => 'submitted', receive => 'received',
             accept => 'accepted', grant => 'granted');
my %more = (grant => { opinion => '符合条件', result => { name => '演示许可' } });
my $key = 0;


sub key {
    return sprintf 'left-%04d', $key;
}



# what is sent: path, body, headers

sub request {
    my ($act, $case) = @_;

    my $http = $who{$act};
    my $said = $act eq 'draft' ? { item => $item, note => key() } : {
        version => 0 + $db->admin("SELECT version FROM zwfw.cases
                                    WHERE id = '$case'"),
        %{ $more{$act} // {} } };

    return { path => $act eq 'draft' ? '/api/case/draft'
                                     : "/api/case/$case/$act",
             http => $http, body => $json->encode($said),
             headers => [Cookie => 'zwfw=' . $http->cookie('zwfw'),
                         'X-CSRF-Token' => $http->{token},
                         'Content-Type' => 'application/json',
                         'Idempotency-Key' => key()] };
}


# ways to go: each sends the request, and gives what ends its client

sub raw {
    my $ask = shift;

    my $raw = Raw->new($nginx->port);
    my @head = @{ $ask->{headers} };
    my @lines;

    push @lines, join ': ', splice @head, 0, 2 while @head;
    $raw->send(Raw::request('POST', $ask->{path}, @lines,
                            { body => $ask->{body} }));
    return $raw;
}


my %way = (
    close => sub { my $raw = raw(@_); return sub { $raw->close } },
    reset => sub { my $raw = raw(@_); return sub { $raw->reset } },
    stream => sub {
        my $ask = shift;
        my $h2 = H2->new($port);
        my @head = @{ $ask->{headers} };

        $h2->request(1, H2::head(POST => $ask->{path},
            'content-length', length $ask->{body}, map { $_ % 2 ? $head[$_] : lc $head[$_] } 0 .. $#head), 0);
        $h2->frame(H2::DATA, H2::END_STREAM, 1, $ask->{body});

        # which another stream of the same connection tells
        return sub {
            $h2->frame(H2::RST_STREAM, 0, 1, pack 'N', 8);
            $h2->request(3, H2::head(GET => '/clients'));
            $h2->told(3);
            $h2->reset;
        };
    },
);


sub clients {
    return ($node->client->get('/clients')->body =~ /connections: (\d+)/)[0];
}


sub waits {
    return $db->admin("SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'zwfw write' AND wait_event_type = 'Lock'");
}


# what there is of an act, each a number: what it did, its event, its line in
# the trail, its reply

sub trace {
    my ($act, $case) = @_;

    my $of = $act eq 'draft' ? "c.note = '${\ key()}'" : "c.id = '$case'";

    return $db->admin("SELECT concat_ws(' ',
        (SELECT count(*) FROM zwfw.cases c
          WHERE $of AND '$state{$act}' IN (c.state, c.outcome)),
        (SELECT count(*) FROM zwfw.case_events e JOIN zwfw.cases c
             ON c.id = e.case_id
          WHERE $of AND e.to_state = '$state{$act}'),
        (SELECT count(*) FROM zwfw.audit a JOIN zwfw.cases c
             ON c.id::text = a.object_id
          WHERE $of AND a.action = 'case_$act' AND a.outcome = 'ok'),
        (SELECT count(*) FROM zwfw.replies r
          WHERE r.key LIKE '%${\ key()}' AND r.reply IS NOT NULL))");
}


# the case of somebody who stays, what each act leaves behind

my (%whole, $number);

sub stays {
    my $case;

    for my $act (@acts) {
        $key++;
        $case = People::apply($she, $item, '/api/case/draft')->{id}
            if $act eq 'submit';

        my $ask = request($act, $case);
        my $res = raw($ask)->answer('POST');

        is($res->code, 200, "$act: who stays") or diag($res->text);
        $whole{$act} = trace($act, $case);
        like($whole{$act}, $act eq 'draft' ? qr/^1 0 0 1$/ : qr/^1 1 [01] 1$/,
             "$act: done, with its event");
    }
}


sub leaves {
    my ($act, $way, $case) = @_;

    my $what = "$act, $way";
    my $holder = $db->holder($act eq 'draft' ? 'cases' : 'case_events');

    delete $_->{sock} for $he, values %who;
    Proc::until_true("$what: nobody is there", 20, sub { clients() == 1 });

    my $leave = $way{$way}->(my $ask = request($act, $case));

    Proc::until_true("$what: a lock", 20, \&waits);

    # another one comes behind it, on the same connection to PostgreSQL
    my $note = 'behind-' . ++$number;

    $he->ask('POST', '/api/case/draft', type => 'application/json',
             body => $json->encode({ item => $item, note => $note }),
             headers => { 'X-CSRF-Token' => $he->{token} });
    Proc::until_true("$what: he is there", 20, sub { clients() == 3 });

    $leave->();
    Proc::until_true("$what: gone", 20, sub { clients() == 2 });
    is(waits(), 1, "$what: PostgreSQL is still at it");
    $holder->ask('ROLLBACK;');

    my $his = $he->answer;

    is($his->code, 200, "$what: who comes behind is answered")
        or diag($his->text);
    is($db->admin("SELECT owner || ' ' || note FROM zwfw.cases
                    WHERE id = '" . $his->json->{id} . "'"),
       "$he->{me}{uid} $note", 'with what is his');

    my $trace = trace($act, $case);

    like($trace, qr/^(?:\Q$whole{$act}\E|0 0 0 0)$/,
         "$what: whole or not at all") or diag("not $whole{$act}");

    my $res = raw($ask)->answer('POST');

    is($res->code, 200, "$what: sent again") or diag($res->text);
    is(trace($act, $case), $whole{$act}, 'is done once');
    is($res->json->{id}, $case // $db->admin("SELECT id FROM zwfw.cases
        WHERE note = '${\ key()}'"), 'and told of the same case');

    return $trace eq $whole{$act};
}


stays();

my $done = 0;

for my $way (sort keys %way) {
    my $case;

    for my $act (@acts) {
        $key++;
        $case = People::apply($she, $item, '/api/case/draft')->{id}
            if $act eq 'submit';
        $done += leaves($act, $way, $case);
    }
}

cmp_ok($done, '>', @acts, 'acts that were done for nobody');
is(join(' ', $nginx->workers), $worker, 'the same worker');
is(join('', $nginx->stop), '', 'no alert');

done_testing();
