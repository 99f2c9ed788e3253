# The measurements of t/bench: verdicts out of invented pairs, the rows that
# there are, and those that change nothing measured once, with the stores of
# TEST_NGINX_ZWFW_POSTGRES, and those among many rows with few of them.  No
# figure is held against anything here.

use strict;
use warnings;

use JSON::PP ();
use File::Temp;
use Test::More;
use Time::HiRes qw(time);

use lib 't/bench', 't/lib';
use Bench;
use Judge;

my %row = (title => 'a row', target => '>= 0.80',
           judge => \&Judge::rate_ratio);
my %same = (name => 'same', title => 'A/A', target => '= 1',
            judge => \&Judge::rate_ratio, pairs => pairs(9, 100, 100));


# so many pairs of slices: requests a second of both sides

sub pairs {
    my ($count, $a, $b) = @_;

    return [map { { a => { rate => $a }, b => { rate => $b } } } 1 .. $count];
}


sub result {
    my ($row, @others) = @_;

    return (grep { $_->{name} eq 'x' }
            Judge::results({ %row, name => 'x', %$row }, @others))[0];
}


sub verdict {
    return result(@_)->{verdict};
}


subtest 'verdicts' => sub {
    my $good = { pairs => pairs(9, 90, 100) };

    is(verdict($good, \%same), 'ok', 'the target is met');
    is(verdict({ pairs => pairs(9, 80, 100) }, \%same), 'ok', 'just so');
    is(verdict({ pairs => pairs(9, 79, 100) }, \%same), 'below', 'it is not');
    is(verdict({ target => '<= 0.80', pairs => pairs(9, 79, 100) }, \%same),
       'ok', 'a bound from above');
    is(verdict({ target => '<= 0.80', pairs => pairs(9, 81, 100) }, \%same),
       'below', 'not kept');
    is(verdict({ %$good, floor => 90 }, \%same), 'ok', 'on the floor');
    is(verdict({ %$good, floor => 91 }, \%same), 'below', 'under the floor');

    is(verdict({ pairs => pairs(8, 90, 100) }, \%same), 'noisy', 'few pairs');
    is(verdict($good), 'noisy', 'without A/A');
    is(verdict($good, { %same, pairs => pairs(9, 104, 100) }), 'noisy',
       'two equal sides differ');
    is(verdict($good, { %same, pairs => pairs(9, 96, 100) }), 'noisy',
       'the other way round as well');
    is(verdict($good, { %same, pairs => pairs(9, 102, 100) }), 'ok',
       'a little does not count');

    is_deeply(result({}, \%same), { name => 'x', title => 'a row',
              target => '>= 0.80', verdict => 'absent' }, 'nothing to measure');
};


subtest 'figures' => sub {
    my @pairs = map { pairs(1, $_, 100)->[0] } 70, 99, 80, 90, 60;
    my $row = result({ pairs => \@pairs }, \%same);

    is($row->{value}, 0.8, 'the median');
    is_deeply($row->{quartiles}, [0.7, 0.9], 'quartiles');
    is($row->{pairs}, 5, 'how many');
    is($row->{a_rate}, 80, 'requests a second of A');
    is($row->{b_rate}, 100, 'and of B');

    $row = result({ worst => 1, pairs => \@pairs }, \%same);
    is($row->{value}, 0.99, 'the largest, where the worst counts');

    $row = result({ judge => sub { $_[0]{a}{ms} }, target => '<= 7',
                    pairs => [map { { a => { ms => $_ } } } 1 .. 9] }, \%same);
    is("$row->{value} $row->{verdict}", '5 ok', 'a row of one side');

    my $cpu = { a => { cpu => 3000 }, b => { cpu => 1500 } };

    is(Judge::cpu_ratio($cpu), 0.5, 'A costs twice as much');
    is(Judge::cpu_added($cpu), 1.5, 'microseconds more');
};


# one row whose slices take a tenth of a second

subtest 'the rounds end in time' => sub {
    my $count = 0;
    my $slice = { measure => sub { Time::HiRes::sleep(0.05); $count++; {} } };
    my $rounds = sub {
        my $end = shift;

        my $bench = bless { rows => [{ pairs => [], a => $slice,
                                       b => $slice }] }, 'Bench';
        my @told;

        $count = 0;
        $bench->rounds(4, $end, sub { push @told, $_[0] });
        is($count, 2 * @told, 'both sides each time');

        return "@told";
    };

    is($rounds->(time + 600), '1 2 3 4', 'all of them');
    is($rounds->(time - 1), '1', 'too late for a second one');
    is($rounds->(time + 0.11), '1', 'it would end too late');
};


sub run {
    my @words = @_;

    my $said = File::Temp->new;

    open my $out, '-|', "$^X t/bench/run.pl --json @words 2>$said"
        or die "run.pl: $!\n";
    my @rows = map { JSON::PP->new->utf8->decode($_) } <$out>;

    ok(close $out, "run.pl @words") or diag(<$said>);
    return @rows;
}


subtest 'rows' => sub {
    my @rows = run('--list');

    is(join(' ', map { $_->{name} } @rows), 'same guarded_file asked_file'
       . ' log_phase log_shipped log_p99 cached_page cached_page_session'
       . ' one_row_read revocation case_submit case_transition search'
       . ' search_anywhere own_list inbox memory', 'all of them');
    is(join(', ', map { $_->{target} } @rows), '= 1, >= 0.95, >= 2.5, <= 0.4,'
       . ' <= 1.0, <= 1.05, >= 0.80, >= 0.60, >= 0.70, <= 1000, >= 0.60,'
       . ' >= 0.60, <= 30, >= 20, <= 10, <= 20, <= 1024', 'and their targets');

    my $readme = do { local (@ARGV, $/) = 'modules/core/README.md'; <> };

    is(join(' ', $readme =~ /^\| `(\w+)` \| [<>=]/mg),
       join(' ', map { $_->{name} } @rows), 'the README has a figure of each');

    my %target = map { $_->{name} => $_->{target} } @rows;
    my @quick = qw(same guarded_file cached_page cached_page_session
                   one_row_read);

    @rows = run('--rounds', 1, @quick);
    is(join(' ', map { $_->{name} } @rows), "@quick", 'one round of some');

    for (@rows) {
        is($_->{target}, $target{ $_->{name} }, "$_->{name}: target");
        like($_->{value}, qr/^\d+(?:\.\d+)?\z/, "$_->{name}: value");
        is($_->{verdict}, 'noisy', "$_->{name}: one pair proves nothing");
    }
};


# a thousandth of the rows, a million requests divided as well

subtest 'among many rows' => sub {
    my @large = qw(search search_anywhere own_list inbox memory);
    my @rows = run('--divide', 1000, '--rounds', 1, @large);

    is(join(' ', map { $_->{name} } @rows), "same @large", 'when named');
    like($_->{value}, qr/^-?\d+(?:\.\d+)?\z/, "$_->{name}: value") for @rows;
    is_deeply([grep { $_->{verdict} ne 'noisy' or exists $_->{divided} } @rows],
              [], 'fewer prove nothing');
    is(verdict({ pairs => pairs(9, 90, 100), divided => 1 }, \%same), 'noisy',
       'however often they are measured');
};


subtest 'the exit code' => sub {
    my $of = sub { scalar Judge::failed(map { { verdict => $_ } } @_) };

    is($of->('ok', 'noisy', 'ok'), 0, 'nothing is below');
    is($of->('ok', 'below'), 1, 'one is');
    is($of->('absent', 'ok'), 1, 'or cannot be measured');

    local $ENV{TEST_NGINX_LOAD_MODULES} = join ' ', grep { !/_monitor_/ }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $said = `$^X t/bench/run.pl --json --rounds 1 log_phase 2>/dev/null`;

    is($? >> 8, 1, 'a row whose slice is not there');
    like($said, qr/"name":"log_phase".*"verdict":"absent"/, 'is absent');
};


for (['--rounds 0', 'no round', qr/^usage: /],
     ['--divide 0', 'divided by nothing', qr/^usage: /],
     ['--whatever', 'an option that is not there', qr/^usage: /],
     ['same no_such_row', 'a row that is not there',
      qr/^bench: there is no row no_such_row: same guarded_file /])
{
    my ($words, $name, $why) = @$_;
    my $said = `$^X t/bench/run.pl $words 2>&1`;

    is($? >> 8, 2, $name);
    like($said, $why, 'is refused');
}

done_testing();
