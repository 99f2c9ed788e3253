package Judge;

# From the pairs of slices that were measured to figures and verdicts.

use strict;
use warnings;

use List::Util qw(max);


# Whoever holds the run against a target knows how much two equal sides differ.

sub results {
    my @done = map { result($_) } @_;
    my ($same) = grep { $_->{name} eq 'same' } @done;
    my $noisy = !$same || abs($same->{value} - 1) > 0.03;

    for my $row (grep { defined $_->{value} } @done) {
        my ($met, $divided) = delete @$row{qw(met divided)};
        $row->{verdict} = $noisy || $row->{pairs} < 9 || $divided ? 'noisy'
            : $met ? 'ok' : 'below';
    }

    return @done;
}


# those that missed their target, or were not there to be measured; of what is
# noisy nobody knows

sub failed {
    return grep { ($_->{verdict} // '') =~ /^(?:below|absent)\z/ } @_;
}


# what a row is, measured or not

sub about {
    my $row = shift;

    return { map { $_ => $row->{$_} } qw(name title target) };
}


sub result {
    my $row = shift;

    my %result = %{ about($row) };

    return { %result, verdict => 'absent' } if !$row->{pairs};

    my @pairs = @{ $row->{pairs} };
    my @values = map { $row->{judge}->($_) } @pairs;
    my ($low, $value, $high) = quartiles(@values);

    $value = max(@values) if $row->{worst};

    for my $side (qw(a b)) {
        my @slices = grep { $_ && defined $_->{rate} }
            map { $_->{$side} } @pairs;

        next if !@slices;

        $result{"${side}_rate"} = int median(map { $_->{rate} } @slices);
        $result{"${side}_cpu_us"} = rounded(
            median(map { $_->{cpu} / 1000 } @slices), 2)
            if defined $slices[0]{cpu};
    }

    my ($bound, $target) = split ' ', $row->{target};
    my $met = $bound eq '>=' ? $value >= $target
        : $bound eq '<=' ? $value <= $target : abs($value - 1) <= 0.03;

    return { %result, value => rounded($value, 3),
             quartiles => [rounded($low, 3), rounded($high, 3)],
             pairs => scalar @pairs,
             divided => $row->{divided},
             met => $met && ($result{a_rate} // 0) >= ($row->{floor} // 0) };
}


# ---- judges: the figure of one pair ----

# share of the processor time: 1 is the same, 0.5 is twice the cost of B

sub cpu_ratio {
    my $pair = shift;

    return $pair->{b}{cpu} / $pair->{a}{cpu};
}


# what A costs more than B: microseconds a request

sub cpu_added {
    my $pair = shift;

    return ($pair->{a}{cpu} - $pair->{b}{cpu}) / 1000;
}


sub time_ratio {
    my $pair = shift;

    return $pair->{a}{ms} / $pair->{b}{ms};
}


sub rate_ratio {
    my $pair = shift;

    return $pair->{a}{rate} / $pair->{b}{rate};
}


# lower quartile, median, upper quartile

sub quartiles {
    my @sorted = sort { $a <=> $b } @_;

    return map {
        my $at = $_ * $#sorted / 4;
        my $i = int $at;
        my $next = $sorted[$i + 1] // $sorted[$i];

        $sorted[$i] + ($at - $i) * ($next - $sorted[$i]);
    } 1 .. 3;
}


sub median {
    return (quartiles(@_))[1];
}


sub rounded {
    my ($n, $digits) = @_;

    return 0 + sprintf "%.${digits}f", $n;
}


1;
