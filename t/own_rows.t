# Tests make their people and rows through the API.  What no request can make,
# or not so often, is listed here with its reason: a file that writes a row or
# a session past the API is in the list, and none is that does not.

use strict;
use warnings;
use utf8;

use File::Find qw(find);
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my %reason = (
    'lib/People.pm' =>
        'no request appoints staff, or proves a level above 1, yet',
    'core_redis.t' =>
        'the session of one log-in many times over, for Redis to be asked',

    # what time, chance or another version has left

    'auth_session.t' => 'a session that is over, which Redis still has',
    'auth_login.t' => 'an account that has become one of the staff',
    'core_audit_names.t' => 'acts of each kind of person, a kind that is none',
    'core_jobs.t' => 'replies of the last two days',
    'migrate_history.t' => 'rows as earlier schemas had them',
    'sql_case_law.t' => 'counters of days that are long over',
    'sql_case_lists.t' => 'events that the test has put aside come back',
    'sql_item.t' => 'items that are asked for more or less often',
    'standby.t' => 'a table of its own, for something to replay',
    'visible.t' => 'events of acts that no request makes yet',

    # more than anybody could ask for in a test

    'bench/Bench.pm' => 'sessions for a load',
    'bench/Cases.pm' => 'cases and people for a load',
    'bench/Large.pm' => '300,000 items and 5,000,000 cases',
    'browser/crowded.t' => '1010 items',
    'core_audit.t' => 'acts of certain days, and 10,001 lines of the trail',
    'screens.t' => '1010 rows for each list',
    'sql_case_plans.t' => '300,000 cases',
    'sql_jobs.t' => '100 items that take effect on one day',
    'sql_plans.t' => '300,000 rows for each list',
);

my %past;

find({ no_chdir => 1, wanted => sub {
    return if !/\.(?:t|pm|js|mjs)$/ or m{/node_modules/};

    open my $in, '<', $_ or die "$_: $!\n";
    my $text = do { local $/; <$in> };
    my $name = s{^t/}{}r;

    $past{$name}++ if $name ne 'own_rows.t'
        and $text =~ /\bINSERT\s+INTO\s+zwfw\.
                     |\bzwfw\.write_audit\(|\bSET\ kind\ =\ 'staff'
                     |['"]M?SET['"],.*zwfw:|\@pairs,\s"zwfw:/xi;
} }, 't');

cmp_ok(scalar keys %past, '>', 10, 'files that write past the API');
is_deeply([grep { !$reason{$_} } sort keys %past], [], 'each has its reason');
is_deeply([grep { !$past{$_} } sort keys %reason], [], 'and none is needless');

done_testing();
