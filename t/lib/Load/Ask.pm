package Load::Ask;

# The questions of Load's clients; each dies of an answer that is wrong.
#
#     my $res = $load->ask('item', $http, @people);
#
# A person is { uid, name, cookie, token }.  An act that is acknowledged is told
# in $res->{done}: its key, who asked, and its id.

use strict;
use warnings;
use utf8;

my $card = '11990100MB0DEM172G3002099009000';
my $food = '11990100MB0DEM033R3000199002000';
my @applicant = ('applicant.name' => '王秀英',
                 'applicant.id_number' => '990101199001010019',
                 'applicant.phone' => '10000000001');
my @form = ('form.shop_name' => '演示小吃店', 'form.kind' => '餐饮服务',
            'form.address' => '演示路 1 号', 'form.area' => '60');
my %ask = (item => \&item, page => \&page, me => \&me, draft => \&draft,
           greeting => \&greeting, submit => \&submit);


sub ask {
    my ($self, $what, @rest) = @_;

    return $ask{$what}->($self, @rest);
}


sub item {
    my ($self, $http) = @_;

    my $code = $self->{codes}[rand @{ $self->{codes} }];
    my $res = $http->get("/api/item/$code");

    return $res if $res->code != 200;
    die "item $code is " . $res->body
        if $res->json->{code} ne $code
           or $res->json->{name} ne $self->{item}{$code};
    return $res;
}


sub page {
    my ($self, $http) = @_;

    my $code = $self->{codes}[rand @{ $self->{codes} }];
    my $res = $http->get("/item/$code");

    return $res if $res->code != 200;
    die "page of $code is another\n"
        if index($res->text, "<h1>$self->{item}{$code}</h1>") < 0;
    return $res;
}


sub as {
    my $person = shift;

    return (headers => {
        Cookie => "zwfw=$person->{cookie}", Connection => 'close',
        'X-CSRF-Token' => $person->{token}, @_,
    });
}


sub me {
    my ($self, $http, @mine) = @_;

    my $person = $mine[rand @mine];
    my $res = $http->get('/api/auth/sessions', as($person));

    die "sessions: " . $res->body
        if $res->code == 200 and !exists $res->json->{items};
    return $res;
}


# a page from the cache, with a hole for who reads it

sub greeting {
    my ($self, $http, @mine) = @_;

    my $person = $mine[rand @mine];
    my $res = $http->get('/help', as($person));
    my ($name) = $res->text =~ /(\w+)，您好/;

    die "$person->{name} is greeted as $name\n"
        if defined $name and $name ne $person->{name};
    $res->{done} = 'greeted' if defined $name;
    return $res;
}


sub draft {
    my ($self, $http, @mine) = @_;

    return $self->act('draft', sub {
        my ($key, %as) = @_;

        return $http->post_json('/api/case/draft',
                                { item => $card, note => $key }, %as);
    }, @mine);
}


# a whole application: person, answers, three files, which say whose they are

sub submit {
    my ($self, $http, @mine) = @_;

    return $self->act('submit', sub {
        my ($key, %as) = @_;

        return $http->upload('/api/case/', [
            item => $food, note => $key, @applicant, @form,
            map { ("materials.$_.code" => 'M0' . ($_ + 1),
                   "materials.$_.file" => {
                       name => "$_.pdf", type => 'application/pdf',
                       content => content($key, $_) }) } 0 .. 2 ], %as);
    }, @mine);
}


sub content {
    my ($key, $n) = @_;

    return "%PDF-1.4\n$key $n\n" . "$key $n\n" x 100;
}


# the same key until it is acknowledged

sub act {
    my ($self, $what, $code, @mine) = @_;

    my $act = $self->{act}{$what} //= {
        key => "$what-of-$$-" . ++$self->{acts},
        person => $mine[$self->{acts} % @mine],
    };
    my $res = $code->($act->{key},
                      as($act->{person}, 'Idempotency-Key' => $act->{key}));

    return $res if $res->code != 200;

    $res->{done} = "$act->{key} $act->{person}{uid} " . $res->json->{id};
    delete $self->{act}{$what};
    return $res;
}


1;
