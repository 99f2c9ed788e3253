package Pages;

# Pages that are kept: what a node shows is told from what is in the database
# by guides that are changed without a word.
#
#     my $pages = Pages->new($db);
#     my $mark = $pages->mark;          # changes the guide of an item
#     $pages->publish("item/$code");    # and says so
#     $pages->shown($http);             # the mark that a client sees
#     $pages->kept($http);              # returns when pages are kept
#     steady('what', sub { ... });

use strict;
use warnings;
use utf8;

use Exporter qw(import);
use Test::More;

use Proc;

our @EXPORT = qw(steady);


sub new {
    my ($class, $db) = @_;

    my ($code, $second) = split /\n/, $db->admin("SELECT code FROM zwfw.items
        WHERE state = 'in_use' ORDER BY code LIMIT 2");

    return bless { db => $db, n => 0, code => $code, second => $second },
        $class;
}


sub code {
    return $_[0]{code};
}


sub second {
    return $_[0]{second};
}


sub mark {
    my ($self, $code) = @_;

    my $text = 'mark' . ++$self->{n};

    $self->{db}->admin("UPDATE zwfw.item_versions SET document = jsonb_set("
        . "document::jsonb, '{accept_condition}', to_jsonb('$text'::text))"
        . "::json WHERE code = '" . ($code // $self->{code}) . "'");
    return $text;
}


sub name {
    my ($self, $name) = @_;

    $self->{db}->admin("UPDATE zwfw.items SET name = '$name'
                         WHERE code = '$self->{code}'");
}


sub publish {
    my ($self, $key) = @_;

    $self->{db}->admin("NOTIFY zwfw_cache, '$key'");
}


sub shown {
    my ($self, $http, $path) = @_;

    my $text = $http->get($path // "/item/$self->{code}")->text;

    return ($text =~ /(mark\d+)/)[0] // '';
}


# how long it takes until a node hears notifications is its own business

sub kept {
    my ($self, $http) = @_;

    Proc::until_true('pages are kept', 20, sub {
        my $new = $self->mark;
        $self->publish("item/$self->{code}");
        my $first = $self->shown($http);
        $self->mark;
        return $first eq $new && $self->shown($http) eq $new;
    });
}


# A node that was not heard of for a while on a busy machine drops its pages, as
# it must: what is kept is looked at again then.  The code gives lists of what
# it is about, what was seen, and what should be.

sub steady {
    my ($what, $code) = @_;

    my @wrong;

    for (1 .. 5) {
        @wrong = grep { $_->[1] ne $_->[2] } $code->();
        last if !@wrong;
    }

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join("\n", map { "$_->[0]: $_->[1], not $_->[2]" } @wrong), '', $what);
}


1;
