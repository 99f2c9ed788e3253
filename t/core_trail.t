# Lines of the audit trail that are told after the answer: the store may be away,
# frozen or busy by then.  Each is there in the end, and once.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1);
my ($db, $nginx) = ($node->db, $node->nginx);
my $clerk = $node->client(roles => 'clerk', level => 5);
my $token = $clerk->{token};


# something that staff may not do is told of, without a question to the store

sub refused {
    my ($id, $what) = @_;

    my $res = $clerk->post_json("/api/case/$id/accept", {},
                                headers => { 'X-CSRF-Token' => $token });

    is($res->code . ' ' . ($res->json->{field} // ''), '422 version',
       "$what: refused");
    return $res->header('X-Request-Id');
}


sub lines {
    my $id = shift;

    return $db->admin("SELECT string_agg(concat_ws(' ', action, outcome,
        request_id), ', ') FROM zwfw.audit WHERE object_id = '$id'");
}


# what was told before has been written when a later line is there

sub settled {
    my ($id, $what, $request) = @_;

    Proc::until_true("the line, $what", 30, sub { lines($id) ne '' });

    my $later = $db->uuid;
    refused($later, 'a later one');
    Proc::until_true('a later line', 30, sub { lines($later) ne '' });

    is(lines($id), "case_accept refused $request", "$what: one line");
}


my $id = $db->uuid;
settled($id, 'all is well', refused($id, 'all is well'));


# stopped

$id = $db->uuid;
$db->{pg}->stop;

my $request = refused($id, 'no store');

$db->{pg}->restart;
settled($id, 'it is back', $request);


# frozen: the statement is under way, its answer is never heard

$id = $db->uuid;
$db->{pg}->freeze;
$request = refused($id, 'frozen');
$nginx->wait_log(qr/PostgreSQL is away for class write/);
$db->{pg}->thaw;
settled($id, 'thawed', $request);


# the person's chain is locked for longer than a statement waits

my $other = $db->user->patient;

$id = $db->uuid;
$other->ask('BEGIN;');
is(($other->ask("SELECT pg_advisory_xact_lock(hashtext('zwfw.audit'), n)
                   FROM generate_series(0, 15) n;"))[0], '00000', 'a lock');
$request = refused($id, 'locked');

my $waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    . ' AND NOT granted';

Proc::until_true('it waits', 10, sub { $db->admin($waiting) });
Proc::until_true('it gives up', 10, sub { !$db->admin($waiting) });
is(lines($id), '', 'no line yet');
$other->ask('COMMIT;');
settled($id, 'unlocked', $request);


# what staff has read

my $she = $node->client(roles => 'operator');
my $uid = $she->{me}{uid};
my $res = $she->get('/api/audit');

$request = $res->header('X-Request-Id');
Proc::until_true('the line', 10, sub {
    $db->admin("SELECT count(*) FROM zwfw.audit
                 WHERE request_id = '$request' AND action = 'audit_list'");
});

for my $same ($request, '0' x 32) {
    $db->user->call('audit_tell', {}, { lines => [{
        uid => $uid, request_id => $same, action => 'audit_list',
        outcome => 'ok', again => JSON::PP::true }] });
}

is($db->admin("SELECT string_agg(request_id, ' ' ORDER BY seq) FROM zwfw.audit
                WHERE uid = '$uid' AND action = 'audit_list'"), "$request " . '0' x 32,
   'told again it is the same line, of another request another one');

ok($node->client(roles => 'operator')->get('/api/audit/check')->json->{ok},
   'the chains are whole');
unlike(join('', $nginx->log_lines), qr/line of the audit trail is lost/,
       'no line is lost');

is(join('', $nginx->stop), '', 'no alert');

done_testing();
