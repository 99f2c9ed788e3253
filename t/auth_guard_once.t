# A guarded request reaches what is behind the guard once, whatever happens on
# its connection while Redis is being asked.  GB/T 39047, 5.2.3.2

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);
use Test::More;

use lib 't/lib';
use Node;

my $node = Node->new(workers => 1, block => 'redis_timeout 10s;',
                     http => <<'END', server => <<'END');
    log_format behind "$request_method $uri";
    server {
        listen unix:$DIR/behind;
        access_log logs/behind.log behind;
        location / { client_max_body_size 1m; return 200 "behind"; }
    }
END
        location /large/ { alias $DIR/html/; }
        location /plain { return 200 "plain"; }
        location /guarded/ {
            zwfw_auth who=user;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://unix:$DIR/behind;
        }
        location /refused/ {
            zwfw_auth who=operator;
            proxy_pass http://unix:$DIR/behind;
        }
END
my $nginx = $node->nginx;
my $she = $node->client(kind => 'natural');
my $cookie = $she->cookie('zwfw');

open my $large, '>', $nginx->dir . '/html/8m' or die "8m: $!\n";
print $large 'x' x (8 << 20);
close $large or die "8m: $!\n";

$she->get('/plain');


# nginx has seen all that was sent before

sub seen {
    is($node->client->get('/plain')->body, 'plain', 'the worker goes on');
}


# A connection on which nginx once had to wait for room: from then on, each
# packet that comes tells it of room as well.

sub full_once {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $@\n";

    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 65536 or die "SO_RCVBUF: $!\n";
    connect $sock, pack_sockaddr_in($nginx->port, inet_aton('127.0.0.1'))
        or die "cannot connect: $!\n";
    syswrite $sock, "GET /large/8m HTTP/1.1\r\nHost: localhost\r\n\r\n";
    seen();

    my ($text, $size) = ('', 0);

    until ($size and length $text >= $size) {
        sysread $sock, $text, 1 << 20, length $text or die "cut off\n";
        $size ||= length($1) + (8 << 20) if $text =~ /^(.*?\r\n\r\n)/s;
    }

    return $sock;
}


sub answer {
    my $sock = shift;

    my $text = '';

    while ($text !~ /\r\n\r\n.+/s) {
        sysread $sock, $text, 65536, length $text or last;
    }

    return $text;
}


for my $path (qw(guarded refused)) {
    my $sock = full_once();

    $node->redis->freeze;
    syswrite $sock, "POST /$path/pay HTTP/1.1\r\nHost: localhost\r\n"
        . "Cookie: zwfw=$cookie\r\nContent-Length: 30\r\n\r\n";

    for (1 .. 3) {
        seen();
        syswrite $sock, 'x' x 10;
    }

    seen();
    $node->redis->thaw;

    my $text = answer($sock);

    like($text, $path eq 'guarded' ? qr/^HTTP\/1.1 200 .*behind$/s
                                   : qr/^HTTP\/1.1 403 /, "$path: answered");
    unlike($text, qr/HTTP.*HTTP\/1.1 \d/s, "$path: once");
}

open my $log, '<', $nginx->dir . '/logs/behind.log' or die "behind.log: $!\n";
is(join('', readline $log), "POST /guarded/pay\n", 'it came there once');
is(join('', $nginx->stop), '', 'no alert');

done_testing();
