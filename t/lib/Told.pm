package Told;

# A node whose database does what it is told, so that each way to fail can be
# asked for: three functions of api, of one class each, are replaced by some
# that obey a word of the request.  Their answers have no schema.
#
#     my $told = Told->new(block => 'postgres_depth 2;');
#     $told->read('S55P03')->code;       # 503
#     $told->ask(read => 'HOLD');        # returns a client to be answered later
#
# Words: S<state> raises it; O<state> does so the first time only; L<state> as
# an error of the server's caches says it; HOLD waits for hold() to end, STAY
# does so without a lock; SLEEP sleeps for long, the first time only; FORGET
# drops the prepared statements; BIG answers a million characters; PID, or
# anything else, who answers.

use strict;
use warnings;
use utf8;

use JSON::PP ();

use Node;
use Proc;

my $json = JSON::PP->new->utf8;

my %call = (read => 'item_show', write => 'case_draft', slow => 'audit_list');
my %word = (read => "args->>'code'", write => "body->>'note'",
            slow => "args->>'action'");


sub new {
    my ($class, %o) = @_;

    my $node = Node->new(workers => 1, openapi => 0, server => <<'END', %o);
        location = /metrics { zwfw_metrics; }
END
    my $self = bless { node => $node }, $class;

    # several, as each may ask so often in an hour; those of another one, as the
    # database may be away

    my $of = $o{of} // { people => [map { $node->client(kind => 'natural') }
                                    1 .. 3],
                         operator => $node->client(roles => 'operator') };

    @$self{qw(people operator)} = ([@{ $of->{people} }], $of->{operator});
    $self->words
        if $self->admin("SELECT to_regnamespace('told') IS NULL") eq 't';
    $self->replace($_) for sort keys %call;
    return $self;
}


sub node {
    return $_[0]{node};
}


sub admin {
    my ($self, $sql) = @_;

    return $self->node->db->admin($sql);
}


sub words {
    my $self = shift;

    $self->admin(<<'END');
CREATE SCHEMA told;
GRANT USAGE ON SCHEMA told TO PUBLIC;
CREATE SEQUENCE told.asked;
CREATE FUNCTION told.obey(word text) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    n  bigint := nextval('told.asked');
BEGIN
    IF word LIKE 'S_____' OR word LIKE 'O_____' AND n = 1 THEN
        RAISE EXCEPTION USING errcode = right(word, 5), message = 'told_to';
    ELSIF word LIKE 'L_____' THEN
        RAISE EXCEPTION USING errcode = right(word, 5),
            message = 'cache lookup failed for function 1';
    ELSIF word = 'HOLD' THEN
        PERFORM pg_advisory_xact_lock_shared(7);
    ELSIF word = 'STAY' THEN
        WHILE NOT pg_try_advisory_xact_lock_shared(7) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
    ELSIF word = 'SLEEP' AND n = 1 THEN
        PERFORM pg_sleep(60);
    ELSIF word = 'FORGET' THEN
        EXECUTE 'DEALLOCATE ALL';
    ELSIF word = 'BIG' THEN
        RETURN json_build_object('big', repeat('x', 1000000));
    END IF;

    RETURN json_build_object('pid', pg_backend_pid());
END $$;
END
}


# CREATE OR REPLACE of the function of a class; answer and result may differ

sub replace {
    my ($self, $class, %o) = @_;

    my $stable = $class eq 'write' ? 'VOLATILE' : 'STABLE';
    my $result = $o{result} // 'json';
    my $answer = $o{answer} // "told.obey($word{$class})";

    $self->admin("CREATE OR REPLACE FUNCTION api.$call{$class}(args jsonb,
        body jsonb) RETURNS $result LANGUAGE plpgsql $stable
        SECURITY DEFINER SET search_path = zwfw, pg_temp AS
        \$\$ BEGIN RETURN $answer; END \$\$;
        GRANT EXECUTE ON FUNCTION api.$call{$class} TO zwfw_web, zwfw_citizen,
            zwfw_system");
}


sub drop {
    my ($self, $class) = @_;

    $self->admin("DROP FUNCTION api.$call{$class}(jsonb, jsonb)");
}


# a client, which has asked

sub ask {
    my ($self, $class, $word) = @_;

    $self->admin("SELECT setval('told.asked', 1, false)");

    if ($class eq 'read') {
        my $http = $self->node->client;

        $http->ask('GET', "/api/item/$word");
        return $http;
    }

    if ($class eq 'slow') {
        my $http = $self->node->tab($self->{operator});

        $http->ask('GET', "/api/audit?action=$word");
        return $http;
    }

    push @{ $self->{people} }, my $person = shift @{ $self->{people} };
    my $http = $self->node->tab($person);

    $http->ask('POST', '/api/case/draft', type => 'application/json',
               body => $json->encode({ item => 'a', note => $word }),
               headers => { 'X-CSRF-Token' => $http->{token} });
    return $http;
}


sub read {
    return $_[0]->ask(read => $_[1])->answer;
}


sub write {
    return $_[0]->ask(write => $_[1])->answer;
}


sub slow {
    return $_[0]->ask(slow => $_[1])->answer;
}


# how often the function has run since the last question

sub times {
    return $_[0]->admin('SELECT last_value - (NOT is_called)::int
                           FROM told.asked');
}


# what HOLD waits for

sub hold {
    my $self = shift;

    $self->{holder} = $self->node->db->user;
    ($self->{holder}->ask('SELECT pg_advisory_lock(7);'))[0] eq '00000'
        or die "no lock\n";
}


sub let_go {
    my $self = shift;

    $self->{holder}->ask('SELECT pg_advisory_unlock(7);');
    delete $self->{holder};
}


# "in_flight" or "waiting" of a class, of the one worker

sub state {
    my ($self, $what, $class) = @_;

    my ($value) = $self->node->client->get('/metrics')->body
        =~ /^zwfw_postgres_$what\{.*class="$class"\} (\d+)$/m;
    return $value;
}


sub until_state {
    my ($self, $what, $class, $value) = @_;

    Proc::until_true("$what of $class is $value", 20, sub {
        return $self->state($what, $class) == $value;
    });
}


# ends the backends of a class; returns how many there were

sub terminate {
    my ($self, $class) = @_;

    return $self->admin("SELECT count(pg_terminate_backend(pid, 10000))
                           FROM pg_stat_activity
                          WHERE application_name = 'zwfw $class'");
}


1;
