# A notice of holidays moves the limits of cases that run, and no others
# (GB/T 39047, 5.2.2.3).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use JSON::PP ();
use Test::More;

my %limits = map { $_ => "to_char($_, 'MM-DD')" }
    qw(notice_due correct_due promise_due legal_due);

sub limits {
    my ($case, @names) = @_;

    return $db->admin("SELECT concat_ws(' ', to_char(nullif(due, 'infinity'),"
                      . " 'MM-DD'), @{[ join ', ', @limits{@names} ]})"
                      . " FROM zwfw.cases WHERE id = '$case->{id}'");
}

# the notice of days off; "+" before one that is worked

sub notice {
    my @days = map { { name => 'x', date => s/^\+//r, isOffDay => /^\+/
                       ? JSON::PP::false : JSON::PP::true } } @_;
    my $doc = JSON::PP->new->encode({
        year => 2027, papers => ['https://www.gov.cn/a.htm'],
        days => \@days });

    return $db->admin("SELECT zwfw.load_calendar(2027, '$doc')");
}

sub recount {
    my $done = ask($nobody, 'case_recount');

    is($done->{failed}, 0, 'all could be counted');
    return $done->{recounted};
}


clock('2026-12-17T10:00:00');
my $late = act($clerk, 'receive', apply($wang));

clock('2026-12-28T10:00:00');
my ($new, $asked, $taken, $refused) = map { apply($_) }
    $wang, $li, $wang, $wang;

$asked = act($both, 'correct', act($both, 'receive', $asked),
             items => [{ material => 'M01', text => '看不清' }]);
$taken = act($both, 'accept', act($both, 'receive', $taken));
$refused = act($both, 'reject', act($both, 'receive', $refused),
               reason => '不符合', remedy => '可以申请行政复议');

# what the papers of a case say

sub papers {
    my ($user, $case) = @_;

    my $all = ask($user, 'case_receipt', $case);

    return join ' ', map { $_ // '-' } (map { $_->{date} // () }
        @{ $all->{papers} }), $all->{notice_due},
        @{ $all->{dates} }{qw(promise_due legal_due)};
}

my $closed = limits($refused, 'notice_due');
my $events = $db->admin('SELECT count(*) FROM zwfw.case_events');

is(limits($new, 'notice_due'), '12-30 01-04', 'until a notice: weekdays');
is(limits($asked, 'correct_due'), '02-08', 'to correct');
is(limits($taken, 'promise_due', 'legal_due'), '01-04 01-04 01-11',
   'promised and legal');
is(limits($late, 'notice_due'), '12-24 12-24', 'one that is late');

my @given = ('2027-02-08 2027-01-04 - -', '2027-01-04 2027-01-04 2027-01-11');
is(papers($li, $asked), $given[0], 'papers say the same: to correct');
is(papers($wang, $taken), $given[1], 'accepted');

is(notice('2026-12-22', '2027-01-01'), 2, 'a notice arrives');

is(limits($new, 'notice_due'), '12-30 01-04', 'until the job has come');
is(show($wang, $new)->{silence}{date}, '2027-01-05', 'a page knows it before');
is(recount(), 4, 'the open cases are counted');
is(recount(), 0, 'once');
is(limits($new, 'notice_due'), '12-30 01-05', 'what is later moves');
is(limits($asked, 'correct_due'), '02-09', 'the limit to correct');
is(show($li, $asked)->{correction}{date}, '2027-02-09', 'is shown');
is(papers($li, $asked), $given[0], 'a paper that was given stays');
is(papers($wang, $taken), $given[1], 'and that of acceptance');
is(limits($taken, 'promise_due', 'legal_due'), '01-05 01-05 01-12',
   'promised and legal time');
is(limits($late, 'notice_due'), '12-24 12-24', 'a limit that is over stays');
is(limits($refused, 'notice_due'), $closed, 'and a case that is closed');
is($db->admin('SELECT count(*) FROM zwfw.case_events'), $events,
   'nothing happened to any case');

clock('2027-01-05T10:00:00');
is($nobody->call('case_deem')->{deemed}, 1, 'silence accepts the late one');
is(show($wang, $new)->{state}, 'submitted', 'and not another too early');

clock('2027-01-06T00:10:00');
is($nobody->call('case_deem')->{deemed}, 1, 'a day later');
is(show($wang, $new)->{state}, 'accepted', 'it does');


subtest 'the job is late' => sub {
    notice('2027-10-01');
    clock('2026-12-28T10:00:00');
    my ($case, $taken) = map { apply($_) } $wang, $li;
    my $over = act($clerk, 'correct', act($clerk, 'receive', apply($li)),
                   items => [{ material => 'M01', text => 'x' }]);

    notice('2027-01-01', '2027-02-05');
    clock('2027-01-05T10:00:00');
    is($nobody->call('case_deem')->{deemed}, 0,
       'nothing is over by limits of the old calendar');
    is(show($wang, $case)->{state}, 'submitted', 'nor on a page');
    is(deadline(act($clerk, 'receive', $taken)), 'notice 2027-01-05 0',
       'nor for a clerk');
    clock('2027-02-09T10:00:00');
    is($nobody->call('case_deem')->{returned}, 0, 'nor to correct');

    recount();
    is(limits($over, 'correct_due'), '02-10', 'it was not over when loaded');
    is_deeply($nobody->call('case_deem'),
              { deemed => 1, returned => 0, failed => 0 }, 'silence is');
};


subtest 'less time' => sub {
    notice('2027-03-01', '2027-03-02');
    recount();
    clock('2027-02-25T10:00:00');
    my $case = apply($wang);
    my $asked = act($clerk, 'correct', act($clerk, 'receive', apply($li)),
                    items => [{ material => 'M01', text => 'x' }]);
    my $given = limits($asked, 'correct_due');

    is(limits($case, 'notice_due'), '03-03 03-08', 'two days off');
    clock('2027-03-06T10:00:00');
    notice('+2027-02-27', '+2027-02-28', '+2027-03-06', '+2027-03-07');
    recount();
    is(limits($case, 'notice_due'), '03-03 03-06',
       'no limit is over before one could know');
    is(limits($asked, 'correct_due'), $given, 'an applicant keeps his time');
};


# A clerk acts while a notice is loaded and counted: neither waits, and none
# undoes what the other did.

subtest 'at the same time' => sub {
    notice('2027-10-01');
    clock('2026-12-28T10:00:00');
    recount();
    my @cases = map { act($clerk, 'receive', apply($_)) } $wang, $li;
    my $user = $db->user(%{ $both->{me} })->patient;

    $user->ask('BEGIN;');
    act($user, 'accept', $cases[0]);
    is(notice('2027-01-01'), 2, 'a notice is loaded meanwhile');
    recount();
    is(limits($cases[1], 'notice_due'), '01-05 01-05', 'another is counted');
    $user->ask('COMMIT;');
    is(limits($cases[0], 'promise_due', 'notice_due'), '01-04 01-04',
       'by the old calendar');
    is(recount(), 1, 'the turn of that one comes');
    is(limits($cases[0], 'promise_due', 'legal_due', 'notice_due'),
       '01-05 01-05 01-12', 'by the new one, as what it is now');

    my $counting = $db->user->patient;
    notice('2027-01-01', '2027-01-04');
    $counting->ask('BEGIN;');
    $counting->call('case_recount');
    $user->send($user->statement("api.case_accept(" . Sql::User::arguments(
        { id => $cases[1]{id} }, { version => $cases[1]{version} }) . ")"));
    $db->until_locked(1);
    $counting->ask('COMMIT;');
    is(($user->receive)[0], '00000', 'a clerk is not refused for it');
    recount();
    is(limits($cases[1], 'promise_due', 'notice_due'), '01-06 01-06',
       'what was accepted stays so, by the new calendar');
};

done_testing;
