package Http::Response;

# A response as Http reads it.  Bodies are bytes, text() and json() characters.

use strict;
use warnings;

use JSON::PP;

my %entity = (amp => '&', lt => '<', gt => '>', quot => '"');


# Reads one response; $more gives further bytes, '' at the end of the input.
# What is behind it is left in $$rest, where that is given.

sub read {
    my ($class, $method, $more, $rest) = @_;

    my $self = bless { body => '', headers => [] }, $class;

    $self->{rest} = $$rest if $rest;
    $self->read_all($method, $more);
    $$rest = delete $self->{rest} if $rest;

    die "bytes behind the response\n" if ($self->{rest} // '') ne '';
    return $self;
}


sub read_all {
    my ($self, $method, $more) = @_;

    do {
        $self->read_head($more);
    } while ($self->{code} =~ /^1/ and $self->{code} != 101);

    my $length = $self->header('Content-Length');

    return if $method eq 'HEAD' or $self->{code} =~ /^(?:204|304)$/;

    if (lc($self->header('Transfer-Encoding') // '') eq 'chunked') {
        $self->read_chunks($more);

    } elsif (defined $length) {
        $self->{body} = $self->take($length, $more);

    } else {
        $self->{until_close} = 1;
        while (1) {
            my $text = $more->();
            last if $text eq '';
            $self->{rest} .= $text;
        }
        $self->{body} = delete $self->{rest};
    }
}


sub read_head {
    my ($self, $more) = @_;

    my ($status, @lines) = split /\r\n/, $self->line("\r\n\r\n", $more);

    ($self->{code}) = $status =~ m{^HTTP/1\.[01] (\d{3})(?: |$)}
        or die "bad status line \"$status\"\n";
    $self->{headers} = [map { [/^([^:\s]+):\s*(.*?)\s*$/] } @lines];
}


# up to and with the end

sub line {
    my ($self, $end, $more) = @_;

    my $at;

    $self->{rest} //= '';
    $self->fill($more) while ($at = index $self->{rest}, $end) < 0;

    return substr $self->{rest}, 0, $at + length $end, '';
}


sub take {
    my ($self, $length, $more) = @_;

    $self->fill($more) while length $self->{rest} < $length;
    return substr $self->{rest}, 0, $length, '';
}


sub fill {
    my ($self, $more) = @_;

    my $text = $more->();

    die "connection closed "
        . ($self->{rest} eq '' && !$self->{code} ? "without an answer\n"
                                                 : "inside the response\n")
        if $text eq '';
    $self->{rest} .= $text;
}


sub read_chunks {
    my ($self, $more) = @_;

    while (1) {
        my $line = $self->line("\r\n", $more);
        my ($size) = $line =~ /^([0-9A-Fa-f]+)/ or die "bad chunk \"$line\"\n";

        last if hex $size == 0;

        $self->{body} .= $self->take(hex $size, $more);
        $self->take(2, $more) eq "\r\n" or die "bad end of a chunk\n";
    }

    1 while $self->line("\r\n", $more) ne "\r\n";
}


sub code {
    return $_[0]{code};
}


sub body {
    return $_[0]{body};
}


sub text {
    my $text = $_[0]{body};

    utf8::decode($text) or die "the body is not UTF-8\n";
    return $text;
}


sub headers {
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $self->{headers} };
}


sub header {
    my @values = headers(@_);

    return @values ? join(', ', @values) : undef;
}


sub is_json {
    return ($_[0]->header('Content-Type') // '') =~ m{[/+]json\s*(?:;|$)};
}


sub json {
    my $self = shift;

    return $self->{json} //= JSON::PP->new->utf8->decode($self->{body});
}


# name => value of the hidden inputs of a page

sub hidden {
    my $self = shift;

    my %value;

    for my $tag ($self->text =~ /<input\b([^>]*)>/gi) {
        my %at = $tag =~ /([\w-]+)\s*=\s*"([^"]*)"/g;

        s/&(?:#(\d+)|(\w+));/$1 ? chr $1 : $entity{$2} \/\/ "&$2;"/ge
            for values %at;
        $value{ $at{name} } = $at{value} // ''
            if lc($at{type} // '') eq 'hidden' and defined $at{name};
    }

    return \%value;
}


sub closes {
    my $self = shift;

    return $self->{until_close}
        || lc($self->header('Connection') // '') eq 'close';
}


1;
