package Load::Holds;

# What must hold of all that Load's clients were told.
#
#     $load->sound('workers killed');         # where connections may break
#     $load->only('calm', qr/ 200$/);         # in a phase
#     $load->greeted('calm'); $load->refused_soon('frozen', $workers);
#     $load->kept(60);                        # at least so many acts

use strict;
use warnings;
use utf8;

use Test::More;

my %acts = (draft => 1, submit => 1);
my $wave = 16;


# what is done once, and how many ask at the same time

sub acts {
    return %acts;
}


sub wave {
    return $wave;
}


# answered rightly, refused, or given up by a database that took too long; each
# refusal says when to ask again; nothing breaks but in the phases that are named, where workers were killed

sub sound {
    my ($self, @killed) = @_;

    my @all = $self->asked;
    my @wrong = grep { "$_->{code} $_->{more}"
        !~ /^(?:(?:200|503|none) |504 timeout$)/ } @all;
    my @broken = grep { $_->{code} eq 'none' } @all;
    my @odd = grep { $_->{more}
        !~ /connection closed|cannot connect|reset/ } @broken;
    my %cut = map { ("$_->{at} $_->{what}" => 1) }
        map { $self->around($_) } @killed;
    my @cut = grep { !$cut{"$_->{at} $_->{what}"} } @broken;

    is(Load::summary(@wrong), '', 'answered or refused, nothing else');
    is(join("\n", map { $_->{more} } @odd), '', 'no wrong answer');
    is(scalar(grep { $_->{code} eq '503' and $_->{retry} !~ /^[1-9]\d*$/ }
              @all), 0, 'each refusal says when to ask again');
    is(Load::summary(@cut), '', 'no connection breaks unless its worker is killed')
        or diag(map { "$_->{at} $_->{took} $_->{more}\n" } @cut);
}


# Nobody waits longer for a store that is silent than is configured; and only who
# has asked a worker before its breaker opened: a client each worker and class
# once, one with a connection that is kept once.

sub refused_soon {
    my ($self, $name, $workers) = @_;

    my @refused = grep { $_->{code} eq '503' } $self->during($name);
    my @waited = grep { $_->{took} > 0.5 } @refused;
    my ($longest) = sort { $b <=> $a } map { $_->{took} } @refused;
    my $most = $self->{clients} * $workers * 2 + (@{ $self->{waves} } && $wave);

    cmp_ok($longest, '<', 1 + 3, "$name: nobody waits for long");
    cmp_ok(scalar @waited, '<=', $most, "$name: nor many");
    cmp_ok(@refused - @waited, '>', $most, "$name: the others not at all");
}


# each line of a phase is one of these: "what code"

sub only {
    my ($self, $name, $codes, $test) = @_;

    my @lines = $self->during($name);
    my @others = grep { "$_->{what} $_->{code}" !~ $codes } @lines;

    cmp_ok(scalar @lines, '>', 10, "$name: asked")
        or diag(join ' ', @{ $self->{phase}{$name} // [] });
    is(Load::summary(@others), '', $test // $name)
        or diag(map { "$_->{at} $_->{took} $_->{what} $_->{more}\n" }
                grep { defined } @others[0 .. 19]);
}


# who asks while all that is needed is there is greeted

sub greeted {
    my ($self, @names) = @_;

    for my $name (@names) {
        my @lines = grep { $_->{what} eq 'greeting' and $_->{code} eq '200' }
            $self->during($name);

        cmp_ok(scalar @lines, '>', 0, "$name: people come in");
        is(scalar(grep { $_->{more} ne 'greeted' } @lines), 0,
           "$name: each is greeted");
    }
}


# what was acknowledged is there, once, and belongs to who asked

sub kept {
    my ($self, $least) = @_;

    my $db = $self->{node}->db;
    my %row = map { /^(\S+) (.*)$/ } split /\n/, $db->admin(
        "SELECT note || ' ' || owner || ' ' || id FROM zwfw.cases
          WHERE note ~ '-of-\\d+-'");
    my @done = $self->done;

    cmp_ok(scalar @done, '>=', $least, 'many acts');
    is(scalar(grep { my ($key, $rest) = split / /, $_, 2;
                     ($row{$key} // '') ne $rest } @done), 0,
       'each that was acknowledged is there');
    is($db->admin('SELECT count(*) - count(DISTINCT note) FROM zwfw.cases'), 0,
       'none is there twice');
    cmp_ok(keys %row, '<=', @done + $self->{clients} * grep({ $acts{$_} }
        $self->kinds), 'and none that nobody asked for');
}


# "key uid id" of each act that was acknowledged

sub done {
    return map { $_->{more} } grep { $acts{ $_->{what} }
                                     and $_->{code} eq '200' } $_[0]->asked;
}


1;
