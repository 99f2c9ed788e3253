package Stores::Redis;

# A private Redis; Stores.pm has what it shares with PostgreSQL.

use strict;
use warnings;

use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_RCVTIMEO);

our @ISA = ('Stores');


sub create {
}


# "settings" are further arguments; without them nothing survives a crash.
# "port" is one of 127.0.0.1, "password" that of clients and replicas.

sub command {
    my $self = shift;

    my @password = map { ('--requirepass', $_, '--masterauth', $_) }
        $self->{password} // ();

    return ($ENV{REDIS_SERVER} || 'redis-server', '--port',
            $self->{port} // 0, '--bind', '127.0.0.1', '--dir', $self->{dir},
            '--unixsocket', $self->socket, '--save', '', @password,
            @{ $self->{settings} // [] });
}


# what the "redis" directive takes

sub address {
    return 'unix:' . $_[0]->socket;
}


sub socket {
    return "$_[0]{dir}/redis.sock";
}


sub quit_signal {
    return 'TERM';
}


sub ready {
    my $self = shift;

    return (eval { $self->query('PING') } // '') eq 'PONG';
}


# Sends one command; returns text, a list reference or undef; dies of an error.

sub query {
    my ($self, @command) = @_;

    return say_to($self->connection, @command);
}


sub connection {
    my $self = shift;

    my $sock = IO::Socket::UNIX->new($self->socket) or die "connect: $!\n";

    setsockopt $sock, SOL_SOCKET, SO_RCVTIMEO, pack 'l!l!', 5, 0;
    say_to($sock, 'AUTH', $self->{password}) if defined $self->{password};

    return $sock;
}


sub say_to {
    my ($sock, @command) = @_;

    print $sock '*' . @command . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @command;
    $sock->flush;

    return answer($sock);
}


sub answer {
    my $sock = shift;

    my $line = readline $sock;
    die "no answer from Redis\n" if !defined $line;

    my ($type, $value) = $line =~ /^(.)(.*)\r\n\z/s;

    die "Redis: $value\n" if $type eq '-';
    return $value if $type eq '+' or $type eq ':';
    return if $value < 0;
    return [map { scalar answer($sock) } 1 .. $value] if $type eq '*';

    read $sock, my $text, $value + 2;
    return substr $text, 0, $value;
}


1;
