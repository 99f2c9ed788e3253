# The state table of cases as it is agreed (facts.md, 3.5: states, who leaves
# them how, clocks, reasons, papers): what stands here is compared whole, so
# that nobody changes a move without noticing.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Sql;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $db = Sql->new(slices => ['core', 'auth', 'item', 'case']);

# code, number, clock, limit that runs, open

my @states = map { join ' ', split } split /\n/, <<'END';
draft         0  none    -        f
submitted     10 running receive  t
pre_returned  12 paused  -        t
received      20 running notice   t
correction    22 paused  correct  t
accepted      30 running promise  t
rejected      32 stopped -        f
processing    40 running promise  t
special       42 paused  -        t
granted       50 running close    t
refused       52 running close    t
closed        60 stopped -        f
delivered     70 stopped -        f
archived      80 stopped -        f
withdrawn     90 stopped -        f
terminated    91 stopped -        f
voided        92 stopped -        f
returned      93 stopped -        f
forwarded     94 stopped -        f
END

# from, act, to, who, clock, reason, paper

my @moves = map { join ' ', split } split /\n/, <<'END';
draft         save        draft         applicant keep    f -
draft         drop        -             applicant keep    f -
draft         submit      submitted     applicant receive f -
pre_returned  submit      submitted     applicant receive f -
pre_returned  abandon     returned      applicant stop    f -
submitted     receive     received      clerk     take    f receipt
submitted     deem        accepted      system    promise f acceptance_notice
submitted     pre_return  pre_returned  clerk     pause   t pre_return_notice
received      accept      accepted      clerk     promise f acceptance_notice
received      deem        accepted      system    promise f acceptance_notice
received      correct     correction    clerk     correct f correction_notice
received      reject      rejected      clerk     stop    t rejection_notice
correction    resubmit    received      applicant notice  f receipt
correction    expire      returned      system    stop    f return_notice
accepted      process     processing    approver  keep    f -
processing    suspend     special       approver  pause   t special_notice
special       resume      processing    approver  resume  f -
processing    extend      processing    approver  extend  t extension_notice
processing    grant       granted       approver  close   f grant_decision
processing    refuse      refused       approver  close   t refusal_decision
granted       close       closed        system    stop    f -
refused       close       closed        system    stop    f -
closed        deliver     delivered     clerk     keep    f delivery_receipt
delivered     archive     archived      clerk     keep    f -
END

# acts of many states

my %many = (
    'withdraw withdrawn applicant stop t -' =>
        'submitted pre_returned received correction accepted processing special',
    'terminate terminated approver stop t termination_notice' =>
        'submitted pre_returned received correction accepted processing special',
    'void voided approver stop t voiding_notice' =>
        'submitted pre_returned received correction accepted processing special'
        . ' granted refused closed delivered',
    'forward forwarded clerk stop t forwarding_notice' =>
        'submitted received accepted processing',
);

for my $act (keys %many) {
    push @moves, map { "$_ $act" } split ' ', $many{$act};
}


sub rows {
    my ($table, @columns) = @_;

    return [sort split /\n/, $db->admin(
        'SELECT ' . join(" || ' ' || ", map { "coalesce($_\::text, '-')" }
                         @columns) . " FROM zwfw.$table")];
}


my @columns = split ' ', $db->admin(q{
    SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
     WHERE attrelid = 'zwfw.case_states'::regclass AND attnum > 0});

is_deeply(rows('case_states', @columns[0 .. 4]),
          [sort map { s/ ([tf])$/$1 eq 't' ? ' true' : ' false'/er } @states],
          'states');
is_deeply(rows('case_moves', qw(from_state act to_state who clock reason
                                document)),
          [sort map { s/ ([tf]) (\S+)$/$1 eq 't' ? " true $2" : " false $2"/er }
           @moves], 'moves');

done_testing();
