package H2;

# Frames of HTTP/2 as a test wants them, by prior knowledge on a plain socket:
# header blocks are literals without compression, so that anything can be said.
#
#     my $h2 = H2->new($port);
#     $h2->headers(1, GET => '/help', 'cookie', 'a=1');
#     $h2->frame(H2::RST_STREAM, 0, 1, pack 'N', 8);
#     my %status = $h2->read_until(sub { ... });
#
# What came: $h2->{status}{$stream}, {body}{$stream}, {reset}{$stream},
# {ended}{$stream}, {goaway}, {closed}.

use strict;
use warnings;

use Raw;

use constant {
    DATA => 0, HEADERS => 1, PRIORITY => 2, RST_STREAM => 3, SETTINGS => 4,
    PUSH_PROMISE => 5, PING => 6, GOAWAY => 7, WINDOW_UPDATE => 8,
    CONTINUATION => 9, END_STREAM => 1, ACK => 1, END_HEADERS => 4,
};


sub new {
    my ($class, $port, %o) = @_;

    my $self = bless { raw => Raw->new($port, %o), rest => '', got => {} },
        $class;

    # an own window that is never in the way
    $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . text(SETTINGS, 0, 0, pack 'nN', 4, 2**31 - 1)
        . text(WINDOW_UPDATE, 0, 0, pack 'N', 2**30));
    return $self;
}


sub text {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}


sub write {
    my ($self, $text) = @_;

    return $self->{raw}->send($text);
}


sub frame {
    my ($self, @frame) = @_;

    return $self->write(text(@frame));
}


# literals, never indexed

sub block {
    my @pairs = @_;

    my $text = '';

    while (my ($name, $value) = splice @pairs, 0, 2) {
        $text .= "\x10" . number(length $name) . $name
            . number(length $value) . $value;
    }

    return $text;
}


# an integer with a prefix of seven bits

sub number {
    my $n = shift;

    return chr $n if $n < 127;

    my $text = "\x7f";

    for ($n -= 127; $n >= 128; $n >>= 7) {
        $text .= chr($n & 127 | 128);
    }

    return $text . chr $n;
}


sub head {
    my ($method, $path, @more) = @_;

    return block(':method', $method, ':scheme', 'http', ':authority',
                 'localhost', ':path', $path, @more);
}


# a request, without a body unless $flags are given

sub request {
    my ($self, $stream, $block, $flags) = @_;

    return $self->frame(HEADERS, ($flags // END_STREAM) | END_HEADERS, $stream,
                        $block);
}


# reads what there is; false at the end

sub read {
    my ($self, $timeout) = @_;

    my $text = $self->{raw}->more($timeout);

    return 1 if !defined $text;
    if ($text eq '') { $self->{closed} = 1; return 0 }

    $self->{rest} .= $text;

    while (length $self->{rest} >= 9) {
        my $length = unpack 'N', "\0" . substr $self->{rest}, 0, 3;
        my ($type, $flags, $stream) = unpack 'CCN', substr $self->{rest}, 3, 6;

        last if length $self->{rest} < 9 + $length;
        my $payload = substr substr($self->{rest}, 0, 9 + $length, ''), 9;
        $self->got($type, $flags, $stream, $payload);
    }

    return 1;
}


# nginx says the status first, as one of the static table or as three digits

sub got {
    my ($self, $type, $flags, $stream, $payload) = @_;

    my %static = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304,
                  0x8c => 400, 0x8d => 404, 0x8e => 500);

    if ($type == HEADERS) {
        $payload =~ s/\A(?:[\x20-\x3f][^\x80-\xff]?)+(?=[\x08\x48\x88-\x8e])//;
        $self->{status}{$stream} = $static{ ord $payload }
            // ($payload =~ /\A[\x08\x18\x48]\x03(\d{3})/)[0] // 'unknown';

    } elsif ($type == DATA) {
        $self->{body}{$stream} .= $payload;

    } elsif ($type == RST_STREAM) {
        $self->{reset}{$stream} = unpack 'N', $payload;

    } elsif ($type == GOAWAY) {
        $self->{goaway} = (unpack 'NN', $payload)[1];

    } elsif ($type == PING) {
        $self->{pongs}++;

    } elsif ($type == SETTINGS) {
        $self->{acks}++ if $flags & ACK;
    }

    $self->{ended}{$stream} = 1
        if $flags & END_STREAM and $type == DATA || $type == HEADERS;
}


# reads until the condition holds, the connection ends or nothing comes

sub read_until {
    my ($self, $condition, $seconds) = @_;

    my $end = time + ($seconds // 20);

    while (!$condition->() and !$self->{closed} and time <= $end) {
        $self->read(0.5);
    }

    return $condition->();
}


# the status of one request, "reset" or "closed"

sub told {
    my ($self, $stream) = @_;

    $self->read_until(sub {
        return $self->{ended}{$stream} || exists $self->{reset}{$stream};
    });

    return $self->{status}{$stream}
        // (exists $self->{reset}{$stream} ? 'reset' : 'closed');
}


sub reset {
    my $self = shift;

    $self->{raw}->reset;
}


1;
