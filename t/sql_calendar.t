# The clock and the working days (GB/T 39047, 5.2.2.3; 行政许可法 82).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use JSON::PP ();
use Sql;
use Test::More;

my $db = Sql->new(slices => ['core']);


sub deadline {
    my ($since, $n) = @_;

    return $db->admin("SELECT zwfw.deadline('$since'::date, $n)");
}


subtest 'the clock' => sub {
    my $today = $db->admin('SELECT zwfw.today()');

    $db->admin("SELECT zwfw.move_clock('2026-12-01T00:30:00+08:00')");
    is($db->admin('SELECT zwfw.today()'), '2026-12-01', 'moves, in China');
    is($db->admin('SET ROLE zwfw_citizen; SELECT zwfw.today()'),
       '2026-12-01', 'for functions as well');

    $db->admin('SELECT zwfw.move_clock(NULL)');
    is($db->admin('SELECT zwfw.today()'), $today, 'and back');

    $db->admin("SELECT zwfw.move_clock('2026-12-01T00:30:00+08:00')");
    is($db->admin("SET zwfw.test_clock = ''; SELECT zwfw.now() = now()"), 't',
       'but never in a database that is not for tests');
    ok(!eval { $db->admin("SET zwfw.test_clock = '';"
                          . " SELECT zwfw.move_clock(now())") },
       'nor can it be set there');
    like($@, qr/test databases only/, 'it says so');
    $db->admin('SELECT zwfw.move_clock(NULL)');

    is($db->user->refusal("SELECT zwfw.move_clock(now());"), '42501',
       'nginx cannot move it');
};


subtest 'deadlines' => sub {
    my @vectors = (
        ['2025-01-20', 5, '2025-01-26'], ['2025-01-24', 5, '2025-02-07'],
        ['2025-01-26', 1, '2025-01-27'], ['2025-04-25', 5, '2025-05-06'],
        ['2025-09-26', 20, '2025-10-30'], ['2025-12-29', 5, '2026-01-06'],
        ['2025-12-31', 1, '2026-01-04'], ['2026-02-12', 5, '2026-02-26'],
        ['2026-09-18', 10, '2026-10-09'], ['2026-09-21', 10, '2026-10-12'],
        ['2026-12-25', 10, '2027-01-08'],
    );

    is(deadline(@$_[0, 1]), $_->[2], "$_->[0] + $_->[1]") for @vectors;

    for (@vectors) {
        is($db->admin("SELECT zwfw.working_days_between('$_->[0]', "
                      . "'$_->[2]')"), $_->[1], "$_->[0] to $_->[2]");
    }

    is(deadline('2026-10-03', 1), '2026-10-08', 'from a holiday');
    is(deadline('2026-10-03', 0), '2026-10-08', 'nothing, on a holiday');
    is(deadline('2026-10-09', 0), '2026-10-09', 'nothing, on a working day');
    is($db->admin("SELECT zwfw.working_days_between('2026-10-12',"
                  . " '2026-10-09')"), -2, 'overdue');

    is($db->admin("SELECT zwfw.deadline('2026-11-22T16:30:00Z'"
                  . "::timestamptz, 1)"), '2026-11-24',
       'the day begins at midnight in China');
    is($db->admin("SET timezone = 'America/New_York'; SELECT zwfw.deadline("
                  . "'2026-11-22T16:30:00Z'::timestamptz, 1)"), '2026-11-24',
       'whatever the zone of the session');

    ok(!eval { deadline('2090-01-01', 5) }, 'no calendar');
    like($@, qr/no calendar from 2090-01-01/, 'is an error, not a guess');
};


subtest 'years' => sub {
    my $year = sub {
        $db->admin("SELECT count(*) FILTER (WHERE working),"
                   . " bool_or(provisional), count(DISTINCT source)"
                   . " FROM zwfw.days WHERE day BETWEEN '$_[0]-01-01'"
                   . " AND '$_[0]-12-31'");
    };

    is($year->(2024), '251|f|1', 2024 . ' has its notice');
    is($year->(2025), '248|f|1', 2025 . ' too');
    is($year->(2026), '248|f|1', 2026 . ' too');
    is($year->(2027), '261|t|0', 2027 . ' is counted by weekday');
    is($db->admin("SELECT count(*) FROM zwfw.holidays"
                  . " WHERE source !~ '^https://www.gov.cn/'"), 0,
       'each holiday names its notice');
    is($db->admin("SELECT zwfw.provisional('2027-01-08'),"
                  . " zwfw.provisional('2026-12-31'),"
                  . " zwfw.provisional('2090-01-01')"), 't|f|t',
       'a day knows whether it is sure');
};


subtest 'a notice arrives' => sub {
    my $load = sub {
        my $doc = JSON::PP->new->encode($_[0]);
        $db->admin("SELECT zwfw.load_calendar(2027, '$doc')");
    };
    my $day = sub { { name => 'x', date => $_[0],
                      isOffDay => $_[1] ? JSON::PP::true : JSON::PP::false } };
    my $notice = {
        year => 2027, papers => ['https://www.gov.cn/a.htm'],
        days => [$day->('2027-01-01', 1), $day->('2027-01-02', 1),
                 $day->('2027-02-06', 0)],
    };

    is($load->($notice), 2, 'two days change, a Saturday off was off');
    is(deadline('2026-12-25', 10), '2027-01-11', 'the deadline moves');
    is($db->admin("SELECT zwfw.provisional('2027-01-11')"), 'f', 'it is sure');
    is(deadline('2027-02-05', 1), '2027-02-06', 'a Saturday to work');
    is($load->($notice), 0, 'again: nothing changes');
    is($db->admin("SELECT count(*) FROM (SELECT n - lag(n) OVER (ORDER BY day)"
                  . " AS step, working FROM zwfw.days) d"
                  . " WHERE step <> working::int"), 0, 'numbers run on');

    $notice->{days} = [$day->('2027-01-01', 1)];
    is($load->($notice), 1, 'a corrected notice replaces it');

    # a December day that the next notice names is that one's to take back

    my $old = $db->admin("SELECT jsonb_build_object('year', 2026, 'papers',"
        . " jsonb_agg(DISTINCT h.source), 'days', jsonb_agg(jsonb_build_object("
        . "'name', h.name, 'date', h.day, 'isOffDay', h.off)))"
        . " FROM zwfw.holidays h WHERE extract(year FROM h.day) = 2026");
    my $saturday = sub { $db->admin("SELECT working FROM zwfw.days"
                                    . " WHERE day = '2026-12-26'") };

    $notice->{days} = [$day->('2026-12-26', 0), $day->('2027-01-01', 1)];
    is($load->($notice), 1, 'a Saturday of this year is worked');
    is($db->admin("SELECT zwfw.load_calendar(2026, '$old')"), 0,
       'a corrected notice of this year');
    is($saturday->(), 't', 'leaves it so');
    $notice->{days} = [$day->('2027-01-01', 1)];
    is($load->($notice) . $saturday->(), '1f', 'one of the next year does not');

    my $first = $notice->{days}[0];
    my @bad = (
        [{ year => undef }, 'year: it is not 2027'],
        [{ year => '2027' }, 'year: it is not 2027'],
        [{ papers => [] }, 'papers: no address'],
        [{ papers => ['a notice'] }, 'papers: no address'],
        [{ days => [] }, 'days: no list'],
        [{ days => {} }, 'days: no list'],
        [{ days => [$first, 'x'] }, 'days.1.date: no day'],
        [{ days => [$first, $day->('2027-02-30', 1)] }, 'days.1.date: no day'],
        [{ days => [$first, $day->('2028-01-01', 1)] }, 'days.1.date: no day'],
        [{ days => [$first, $day->('2026-11-30', 1)] }, 'days.1.date: no day'],
        [{ days => [$first, $first] }, 'days.1.date: named before'],
        [{ days => [{ %$first, name => ' ' }] }, 'days.0.name: it has none'],
        [{ days => [{ %$first, isOffDay => 'true' }] },
         'days.0.isOffDay: neither true nor false'],
    );
    my $was = $db->admin('SELECT jsonb_agg(h ORDER BY h.day)'
                         . ' FROM zwfw.holidays h');

    for (@bad) {
        my ($change, $fault) = @$_;

        ok(!eval { $load->({ %$notice, %$change }) }, "refused: $fault");
        like($@, qr/calendar 2027: \Q$fault\E/, 'it names the field');
    }

    ok(!eval { $db->admin("SELECT zwfw.load_calendar(NULL, '{}')") }, 'none');
    like($@, qr/year: it is none/, 'of no year');
    ok(!eval { $db->admin("SELECT zwfw.load_calendar(2090, "
                          . "jsonb '{\"year\": 2090}')") }, 'too far away');
    like($@, qr/year: there are no days of it/, 'is said');
    is($db->admin('SELECT jsonb_agg(h ORDER BY h.day) FROM zwfw.holidays h'),
       $was, 'nothing has changed');

    is($db->user->refusal("SELECT zwfw.load_calendar(2027, '{}');"), '42501',
       'nginx cannot load one');
};

done_testing;
