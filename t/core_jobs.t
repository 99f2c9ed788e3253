# Jobs: of all workers of all nodes one runs it, who fails says why, and a
# worker that quits has told the end.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Proc;

my $first = Node->new;
my ($db, $redis) = ($first->db, $first->redis);


# counts who asks for the job, and what it does is seen

sub watch {
    $db->admin(<<'END');
CREATE TABLE public.asked (node text);
CREATE TABLE public.ran (uid text, level text, request_id text, channel text);
GRANT USAGE ON SCHEMA public TO zwfw_system;
GRANT ALL ON public.asked, public.ran TO PUBLIC;

CREATE FUNCTION public.asked() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    IF NEW.name = 'core_sweep' THEN
        INSERT INTO public.asked VALUES (NEW.node);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER asked BEFORE INSERT ON zwfw.jobs
    FOR EACH ROW EXECUTE FUNCTION public.asked();
END
}


# what the job does instead

sub job {
    $db->admin("CREATE OR REPLACE FUNCTION api.core_sweep(args jsonb,
        body jsonb) RETURNS json LANGUAGE plpgsql SECURITY DEFINER AS \$\$
        BEGIN
            INSERT INTO public.ran VALUES (current_setting('zwfw.uid'),
                current_setting('zwfw.level'),
                current_setting('zwfw.request_id'),
                current_setting('zwfw.channel'));
            $_[0]
            RETURN '{}'::json;
        END \$\$");
    $db->admin("TRUNCATE public.asked, public.ran;
        DELETE FROM zwfw.jobs WHERE name = 'core_sweep'");
}


sub row {
    return $db->admin("SELECT $_[0] FROM zwfw.jobs WHERE name = 'core_sweep'");
}


sub count {
    return $db->admin("SELECT count(*) FROM $_[0]");
}


# the real one: old replies go, new ones stay

is(join('', $first->nginx->stop), '', 'stops at once');

$db->admin("DELETE FROM zwfw.jobs; INSERT INTO zwfw.replies
    SELECT '', 'key-' || h, 'd', 'core_ping', '{}', now() - h * interval '1 h'
      FROM generate_series(1, 48) h");

my $node = Node->new(db => $db, redis => $redis);

Proc::until_true('the sweep', 60, sub { return count('zwfw.replies') < 48 });
is(count('zwfw.replies'), 23, 'core_sweep has run');
Proc::until_true('the end', 10, sub {
    return row('lease_until IS NULL') eq 't';
});
is(row("every || ' ' || (last_error IS NULL)"), '01:00:00 true', 'its row');
like(row('node'), qr/^[0-9a-f]{16}$/, 'its node');
is(join('', $node->nginx->stop), '', 'no alert');


# two nodes of two workers each: all ask, one runs it

watch();
job('');

my @nodes = map { Node->new(db => $db, redis => $redis) } 1, 2;

Proc::until_true('four claims', 60, sub { return count('public.asked') >= 4 });
is($db->admin('SELECT count(DISTINCT node) FROM public.asked'), 2,
   'both nodes have asked');
Proc::until_true('the end', 10, sub {
    return row('lease_until IS NULL') eq 't';
});
is(count('public.ran'), 1, 'one has run it');
is($db->admin("SELECT uid || '|' || level || '|' || channel FROM public.ran"),
   '|0|', 'of nobody');
like($db->admin('SELECT request_id FROM public.ran'), qr/^[0-9a-f]{32}$/,
     'request id');

is(join('', map { $_->nginx->stop } @nodes), '', 'no alert of both');


# a job that fails

job("PERFORM 1 / 0;");
$node = Node->new(db => $db, redis => $redis);
Proc::until_true('the error', 60, sub { return row('last_error') });

is(row('last_error'), '22012', 'its error is kept');
is(row('lease_until IS NULL'), 't', 'its lease is given back');

my $jobs = $node->client(roles => 'operator')->get('/api/jobs')->json;
my ($sweep) = grep { $_->{job} eq 'core_sweep' } @{ $jobs->{items} };

is("$sweep->{outcome} $sweep->{error} $sweep->{every}", 'failed 22012 3600',
   'an operator sees it');
ok($sweep->{last_at} lt $sweep->{next_at}, 'and when it runs next');
is($jobs->{count}, $db->admin('SELECT count(*) FROM zwfw.jobs'), 'all jobs');
like($node->client(roles => 'operator')->get('/jobs')->text,
     qr/清理过期的重复提交记录.*22012/s, 'on a page, by a name');
is($node->client(roles => 'supervisor')->get('/api/jobs')->code, 403,
   'nobody else');

is(scalar(() = $node->nginx->log_lines(
       qr/\[error\].*api\.core_sweep\(\) failed: 22012 division by zero, /)),
   1, 'and logged');
is(join('', $node->nginx->stop), '', 'no alert');


# a job that fails for some of its rows

job(q{RETURN '{"failed": 2}'::json;});
$node = Node->new(db => $db, redis => $redis);
Proc::until_true('the error', 60, sub { return row('last_error') });

is(row('last_error'), 'rows_failed', 'is told like one that fails');
is(scalar(() = $node->nginx->log_lines(
       qr/\[error\].*api\.core_sweep\(\) failed: rows_failed.*"failed": 2/)),
   1, 'and logged');
like($node->client(roles => 'operator')->get('/jobs')->text,
     qr/清理过期的重复提交记录.*失败.*rows_failed/s, 'an operator sees it');
is(join('', $node->nginx->stop), '', 'no alert');

job(q{RETURN '{"failed": 0}'::json;});
$node = Node->new(db => $db, redis => $redis);
Proc::until_true('the end', 10, sub {
    return row('lease_until IS NULL') eq 't';
});
is(row('last_error IS NULL'), 't', 'none of them is no failure');
is(join('', $node->nginx->stop), '', 'no alert');


# a worker that quits while its job runs tells the end

job("PERFORM pg_advisory_xact_lock(1);");

my $holder = $db->user;
$holder->ask('SELECT pg_advisory_lock(1);');

$node = Node->new(db => $db, redis => $redis);
Proc::until_true('the job waits', 60, sub {
    return $db->admin("SELECT count(*) FROM pg_locks
                        WHERE locktype = 'advisory' AND NOT granted");
});

kill 'QUIT', $node->nginx->pid;
$holder->ask('SELECT pg_advisory_unlock(1);');

is(join('', $node->nginx->stop), '', 'quits');
is(row("lease_until IS NULL AND last_error IS NULL"), 't',
   'and the job has ended');


# timers hold no worker that has nothing to do: its next try is in an hour

job('');
$node = Node->new(db => $db, redis => $redis);
Proc::until_true('both workers have asked', 60, sub {
    return count('public.asked') >= 2 && row('lease_until IS NULL') eq 't';
});
is(join('', $node->nginx->stop), '', 'quits with timers set');


# the database goes away while jobs are due

$node = Node->new(db => $db, redis => $redis);
$db->{pg}->stop;
$node->nginx->wait_log(qr/PostgreSQL is away/);
is(scalar($node->nginx->workers), 2, 'the workers live');
$db->{pg}->launch;
is(join('', $node->nginx->stop), '', 'no alert while it was away');

done_testing();
