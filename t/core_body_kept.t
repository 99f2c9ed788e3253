# A connection that is kept after a body in chunks: how long, is said by its
# location, not by what a request left.  Memory that was given back is
# overwritten here, so that nothing is read of it unseen.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Raw;

my ($db, $redis) = (Sql->new(slices => [Node::slices()]),
                    Stores::Redis->start);

local $ENV{MALLOC_PERTURB_} = 165;

my $node = Node->new(workers => 1, db => $db, redis => $redis,
                     server => "        keepalive_timeout 3s;\n");
my $she = $node->client(kind => 'natural');
my @head = ('Cookie: zwfw=' . $she->cookie('zwfw'),
            "X-CSRF-Token: $she->{token}", 'Transfer-Encoding: chunked',
            'Content-Type: multipart/form-data; boundary=a');
my $part = "--a\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\nx\r\n";

# one that is read to its end, and one that is refused on the way

for (['read', 404, "$part--a--\r\n"], ['refused', 400, "${part}x"]) {
    my ($what, $code, $body) = @$_;
    my $raw = Raw->new($node->nginx->port, timeout => 10);

    for my $n (1 .. 5) {
        $raw->send(Raw::request('POST', '/api/case/draft', @head)
                   . sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body);

        my $res = $raw->answer('POST');
        is($res && $res->code, $code, "$what: request $n of a connection");
    }

    ok($raw->ended, "$what: nginx closes it in the end");
}

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
