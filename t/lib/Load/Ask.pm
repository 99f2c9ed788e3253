package Load::Ask;

# The questions of Load's clients; each dies of an answer that is wrong.
#
#     my $res = $load->ask('item', $http, @people);
#
# A person is { uid, name, cookie, token, session }.  An act that is acknowledged
# is told in $res->{done}: its key, who asked, and its id.
#
# Questions that are not acts have two halves, for who asks many at once:
#
#     my $question = $load->question('me', $person);
#     Load::Ask::put($http, $question);
#     my $res = Load::Ask::taken($http, $question);

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
my %act = (draft => \&draft, submit => \&submit);
my %question = (item => \&item, page => \&page, me => \&me, who => \&who,
                greeting => \&greeting);


sub ask {
    my ($self, $what, $http, @mine) = @_;

    return $act{$what}->($self, $http, @mine) if $act{$what};

    my $question = $self->question($what, $mine[rand @mine]);

    put($http, $question, Connection => 'close');
    return taken($http, $question);
}


# { path, as: the headers of who asks, is: looks at the answer }

sub question {
    my ($self, $what, $person) = @_;

    return $question{$what}->($self, $person);
}


sub put {
    my ($http, $question, %more) = @_;

    $http->{kept} = defined $http->{sock};
    $http->ask('GET', $question->{path},
               headers => { %{ $question->{as} // {} }, %more });
}


# Nginx may close a connection that is kept when a question is on its way: who
# has heard nothing asks again, as browsers do.

sub taken {
    my ($http, $question) = @_;

    my ($res, $failed);

    if ($http->{asked}) {
        $res = eval { $http->answer };
        $failed = $@;
    }

    if (!$res) {
        die $failed if $failed and !($http->{kept}
                                     and $failed =~ /without an answer|reset/);
        delete $http->{sock};
        put($http, $question);
        $res = $http->answer;
    }

    $question->{is}->($res) if $res->code == 200;
    return $res;
}


sub item {
    my $self = shift;

    my $code = $self->{codes}[rand @{ $self->{codes} }];

    return { path => "/api/item/$code", is => sub {
        my $res = shift;

        die "item $code is " . $res->body
            if $res->json->{code} ne $code
               or $res->json->{name} ne $self->{item}{$code};
    } };
}


sub page {
    my $self = shift;

    my $code = $self->{codes}[rand @{ $self->{codes} }];

    return { path => "/item/$code", is => sub {
        die "page of $code is another\n"
            if index($_[0]->text, "<h1>$self->{item}{$code}</h1>") < 0;
    } };
}


sub as {
    my $person = shift;

    return { Cookie => "zwfw=$person->{cookie}",
             'X-CSRF-Token' => $person->{token}, @_ };
}


# each has one session; the list is that of Redis

sub me {
    my ($self, $person) = @_;

    return { path => '/api/auth/sessions', as => as($person), is => sub {
        my @ids = map { $_->{id} } @{ $_[0]->json->{items} };

        die "sessions of $person->{name} are @ids\n"
            if "@ids" ne $person->{session};
    } };
}


sub who {
    my ($self, $person) = @_;

    return { path => '/api/auth/me', as => as($person), is => sub {
        my $res = shift;

        die "$person->{name} is " . $res->body
            if $res->json->{uid} ne $person->{uid}
               or $res->json->{name} ne $person->{name};
    } };
}


# a page from the cache, with a hole for who reads it; that nobody is greeted is
# right while sessions cannot be asked: greeted() looks at that

sub greeting {
    my ($self, $person) = @_;

    return { path => '/help', as => as($person), is => sub {
        my $res = shift;
        my ($name) = $res->text =~ /(\w+)，您好/;

        die "$person->{name} is greeted as $name\n"
            if defined $name and $name ne $person->{name};
        $res->{done} = 'greeted' if defined $name;
    } };
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
    my $res = $code->($act->{key}, headers => as($act->{person},
        'Idempotency-Key' => $act->{key}, Connection => 'close'));

    return $res if $res->code != 200;

    $res->{done} = "$act->{key} $act->{person}{uid} " . $res->json->{id};
    delete $self->{act}{$what};
    return $res;
}


1;
