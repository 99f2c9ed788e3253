package Http;

# A small HTTP/1.1 client: one kept connection, cookies by host, forms, files
# and JSON.  It goes to 127.0.0.1 whatever the host is called, and follows no
# redirect by itself.  It comes from 127.0.0.1 as well, or from another address
# of this host ("from").
#
#     my $http = Http->new(port => 8080, host => 'shandong.localhost');
#     my $res = $http->post_json('/api/case/', { item => '1' });
#     $res->code, $res->header('Location'), $res->body, $res->json->{id}
#
# With openapi => OpenApi->new(...) each JSON reply under /api/ is validated,
# and one that does not fit its schema is a failed check.

use strict;
use warnings;

use Errno qw(EINTR);
use IO::Socket::INET;
use JSON::PP;

use Http::Response;

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %o) = @_;

    return bless { host => 'localhost', address => '127.0.0.1', timeout => 30,
                   headers => {}, cookies => {}, %o }, $class;
}


# the same settings with no cookies and a connection of its own

sub stranger {
    my ($self, %o) = @_;

    my %same = map { $_ => $self->{$_} }
        qw(host address port timeout headers openapi);

    return ref($self)->new(%same, %o);
}


# the answer of code that asks, as soon as it is another one than 503: again

sub until_answered {
    my $ask = shift;

    for (1 .. 50) {
        my $res = $ask->();
        return $res if $res->code != 503;
        select undef, undef, undef, 0.02;
    }

    die "busy\n";
}


sub get {
    my ($self, $path, %o) = @_;

    return $self->request('GET', $path, %o);
}


# posts fields as a browser does: { name => value } or [name => value, ...]

sub post {
    my ($self, $path, $fields, %o) = @_;

    my @pairs = ref $fields eq 'HASH'
        ? map { ($_ => $fields->{$_}) } sort keys %$fields : @{ $fields // [] };
    my @parts;

    while (my ($name, $value) = splice @pairs, 0, 2) {
        push @parts, escape($name) . '=' . escape($value);
    }

    return $self->request('POST', $path, %o, body => join('&', @parts),
                          type => 'application/x-www-form-urlencoded');
}


sub post_json {
    my ($self, $path, $data, %o) = @_;

    return $self->request('POST', $path, %o, body => $json->encode($data),
                          type => 'application/json');
}


# multipart: fields as above; a file is { name, type, content }

sub upload {
    my ($self, $path, $fields, %o) = @_;

    my @pairs = ref $fields eq 'HASH'
        ? map { ($_ => $fields->{$_}) } sort keys %$fields : @$fields;
    my $boundary = sprintf 'zwfw%08x%08x', rand 2**32, rand 2**32;
    my $body = '';

    while (my ($name, $value) = splice @pairs, 0, 2) {
        my $head = 'Content-Disposition: form-data; name="' . bytes($name)
            . '"';

        if (ref $value) {
            $head .= '; filename="' . bytes($value->{name}) . "\"\r\n"
                . "Content-Type: "
                . ($value->{type} // 'application/octet-stream');
            $value = $value->{content};
        }

        $body .= "--$boundary\r\n$head\r\n\r\n" . bytes($value) . "\r\n";
    }

    return $self->request('POST', $path, %o, body => "$body--$boundary--\r\n",
                          type => "multipart/form-data; boundary=$boundary");
}


# Options: host, headers (a hash), body, type.  Dies when there is no answer.

sub request {
    my ($self, $method, $path, %o) = @_;

    $self->ask($method, $path, %o);
    return $self->answer;
}


# The two halves of it: what is asked is answered later, one at a time.

sub ask {
    my ($self, $method, $path, %o) = @_;

    my $host = $o{host} // $self->{host};
    my %head = (%{ $self->{headers} }, %{ $o{headers} // {} });
    my $text = "$method $path HTTP/1.1\r\nHost: $host"
        . ($self->{port} == 80 ? '' : ":$self->{port}") . "\r\n";

    $head{'Content-Type'} //= $o{type} if defined $o{type};
    $head{'Content-Length'} //= length $o{body} if defined $o{body};

    my $cookies = $self->{cookies}{$host} // {};
    $head{Cookie} //= join '; ', map { "$_=$cookies->{$_}" } sort keys %$cookies
        if %$cookies;

    $text .= "$_: " . bytes($head{$_}) . "\r\n"
        for grep { defined $head{$_} } sort keys %head;

    $text .= "\r\n" . ($o{body} // '');
    $self->{asked} = { method => $method, path => $path, host => $host,
                       whole => $self->write($text) };
}


sub answer {
    my $self = shift;

    my $asked = delete $self->{asked};
    my $res = $self->receive(@$asked{qw(method path whole)});

    $self->keep_cookies($asked->{host}, $res);
    $self->validate($asked->{method}, $asked->{path}, $res)
        if $self->{openapi};

    return $res;
}


sub exchange {
    my ($self, $method, $text) = @_;

    my $path = ($text =~ /^\S+ (\S+)/)[0];
    my $res = $self->receive($method, $path, $self->write($text));

    $self->validate($method, $path, $res) if $self->{openapi};
    return $res;
}


sub receive {
    my ($self, $method, $path, $whole) = @_;

    my $sock = $self->{sock};

    my $res = eval {
        Http::Response->read($method, sub { $self->more($sock) });
    };
    delete $self->{sock} if !$res or $res->closes or !$whole;

    die "$method $path: $@" if !$res;
    return $res;
}


# whether all was sent; what is not taken may still be answered

sub write {
    my ($self, $text) = @_;

    local $SIG{PIPE} = 'IGNORE';

    # a server may have closed an idle connection
    delete $self->{sock} if $self->{sock} and readable($self->{sock}, 0);

    my $sock = $self->{sock} //= IO::Socket::INET->new(
        PeerAddr => $self->{address}, PeerPort => $self->{port},
        $self->{from} ? (LocalAddr => $self->{from}) : (),
        Timeout => $self->{timeout})
        or die "cannot connect to port $self->{port}: $@\n";

    my $sent = 0;
    while ($sent < length $text) {
        my $n = syswrite $sock, $text, length($text) - $sent, $sent;
        last if !defined $n and !$!{EINTR};
        $sent += $n // 0;
    }

    return $sent == length $text;
}


sub readable {
    my ($sock, $timeout) = @_;

    my $bits = '';

    vec($bits, fileno $sock, 1) = 1;
    return select($bits, undef, undef, $timeout) > 0;
}


sub more {
    my ($self, $sock) = @_;

    die "timed out\n" if !readable($sock, $self->{timeout});

    my $got = sysread $sock, my $text, 65536;
    die "read failed: $!\n" if !defined $got;

    return $text;
}


sub keep_cookies {
    my ($self, $host, $res) = @_;

    for ($res->headers('Set-Cookie')) {
        my ($pair, @attributes) = split /;\s*/;
        my ($name, $value) = split /=/, $pair, 2;
        my %attribute = map { /^([^=]*)=?(.*)/s; (lc $1, $2) } @attributes;

        # a browser keeps no secure cookie of a page that came in the clear
        next if exists $attribute{secure};

        $self->{cookies}{$host}{$name} = $value;
        delete $self->{cookies}{$host}{$name}
            if ($attribute{'max-age'} // 1) <= 0
            or ($attribute{expires} // '') =~ /\b1970\b/;
    }
}


sub cookie {
    my ($self, $name, $host) = @_;

    return $self->{cookies}{ $host // $self->{host} }{$name};
}


sub validate {
    my ($self, $method, $path, $res) = @_;

    return if $path !~ m{^/api/} or !$res->is_json or $method eq 'HEAD';

    require Test::More;
    local $Test::Builder::Level = $Test::Builder::Level + 3;

    Test::More::fail("reply: $_") for $self->{openapi}->errors(
        $method, $path, $res->code, $res->json);
}


sub bytes {
    my $text = shift;

    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}


sub escape {
    my $text = bytes(shift);

    $text =~ s/([^A-Za-z0-9 ._~*-])/sprintf '%%%02X', ord $1/ge;
    return $text =~ tr/ /+/r;
}


1;
