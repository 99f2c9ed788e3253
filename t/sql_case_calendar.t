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

sub notice {
    my @free = @_;

    my $doc = JSON::PP->new->encode({
        year => 2027, papers => ['https://www.gov.cn/a.htm'],
        days => [map { { name => 'x', date => $_,
                         isOffDay => JSON::PP::true } } @free] });

    return $db->admin("SELECT zwfw.load_calendar(2027, '$doc')");
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

done_testing;
