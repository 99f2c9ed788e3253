package Form;

# A form of a page as a browser without JavaScript fills and sends it.
#
#     my $form = Form->new($res, '/item/drafts/');   # its action begins so
#     $form->set('guide.materials.0.name', '申请表');
#     $form->check('picked.objects.is_2', 1);
#     my $res = $form->send($http);                  # or to another action
#
# Values are characters; an input that is not in the form cannot be set.

use strict;
use warnings;

my %entity = (amp => '&', lt => '<', gt => '>', quot => '"', '#39' => "'");


sub new {
    my ($class, $res, $action) = @_;

    for ($res->text =~ m{<form\b(.*?)</form>}gs) {
        my ($head, $body) = /^([^>]*)>(.*)/s;
        my $to = attribute($head, 'action') // '';

        next if index($to, $action) != 0;

        my $self = bless { action => $to, inputs => [] }, $class;

        while ($body =~ m{<input\b([^>]*)>
                          |<(textarea|select)\b([^>]*)>\n?(.*?)</\2>}gsx)
        {
            $self->input($2 // 'input', $1 // $3, $4);
        }

        return $self;
    }

    die "no form $action\n";
}


sub attribute {
    my ($head, $name) = @_;

    my ($value) = $head =~ /\s\Q$name\E="([^"]*)"/ or return undef;

    return plain($value);
}


sub plain {
    my $text = shift;

    $text =~ s/&(amp|lt|gt|quot|#39);/$entity{$1}/g;
    return $text;
}


sub input {
    my ($self, $tag, $head, $inside) = @_;

    my $name = attribute($head, 'name') // return;
    my $type = attribute($head, 'type') // '';
    my $value = attribute($head, 'value') // '';
    my $on = $type ne 'checkbox' || $head =~ /\schecked\b/;

    if ($tag eq 'textarea') {
        $value = plain($inside);

    } elsif ($tag eq 'select') {
        ($value) = $inside =~ /value="([^"]*)" selected/;
        $value //= ($inside =~ /value="([^"]*)"/)[0];
    }

    push @{ $self->{inputs} }, { name => $name, on => $on, value => $value };
}


sub find {
    my ($self, $name) = @_;

    my ($input) = grep { $_->{name} eq $name } @{ $self->{inputs} };

    return $input // die "no input $name\n";
}


sub names {
    return map { $_->{name} } @{ $_[0]{inputs} };
}


sub value {
    my ($self, $name) = @_;

    my $input = $self->find($name);

    return $input->{on} ? $input->{value} : undef;
}


sub set {
    my ($self, %values) = @_;

    $self->find($_)->{value} = $values{$_} for sort keys %values;
}


sub check {
    my ($self, $name, $on) = @_;

    $self->find($name)->{on} = $on;
}


sub send {
    my ($self, $http, $action) = @_;

    return $http->post($action // $self->{action},
        [map { $_->{on} ? ($_->{name} => $_->{value}) : () }
         @{ $self->{inputs} }]);
}


1;
