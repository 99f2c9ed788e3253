# What a connection remembers of who asked: each request gets its own session,
# whose changes and end are seen by the next one.  GB/T 39047, 5.2.3.2

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use List::Util qw(uniq);
use Test::More;

use lib 't/lib';
use Echo;
use H2;
use Node;
use Port;
use Proc;
use Raw;

my $echo = Echo->start;
my $port = $echo->port;
my $h2_port = Port::free();

my $node = Node->new(workers => 1, server => <<"END");
        listen 127.0.0.1:$h2_port http2;

        location = /metrics { zwfw_metrics; }
        location /who/ {
            zwfw_auth who=natural;
            proxy_set_header X-Zwfw-User \$zwfw_user_id;
            proxy_set_header X-Zwfw-Level \$zwfw_level;
            proxy_pass http://127.0.0.1:$port;
        }
        location /outside/ {
            zwfw_auth who=natural;
            error_page 502 = /who/;
            proxy_pass http://127.0.0.1:1;
        }
END
my $redis = $node->redis;
my ($she, $he) = map { $node->client(kind => 'natural') } 1 .. 2;
my %token = map { $_ => $_->cookie('zwfw') } $she, $he;     # also when ended


# asks on one connection, as these people, one after the other; or at once

sub who {
    my ($raw, $at_once, @people) = @_;

    my @requests = map { Raw::request('GET', '/who/', $_
        ? "Cookie: zwfw=$token{$_}" : ()) } @people;
    my @answers;

    if ($at_once) {
        $raw->send(join '', @requests);
        @answers = map { $raw->answer } @people;

    } else {
        @answers = map { $raw->send($_); $raw->answer } @requests;
    }

    return map { said($_) } @answers;
}


# "<user>/<level>", or the status of a refusal

sub said {
    my $res = shift // return 'none';

    return $res->code if $res->code != 200;

    my ($uid) = $res->body =~ /^X-Zwfw-User: ([\w-]+)\r$/m;
    my ($level) = $res->body =~ /^X-Zwfw-Level: (\d)\r$/m;

    return "$uid/$level";
}


sub hits {
    return ($node->client->get('/metrics')->body
        =~ /^zwfw_session_cache_total\{.*outcome="hit"\} (\d+)$/m)[0];
}


# who is known to the node: a listener that is away would have Redis asked

sub known {
    for my $http (@_) {
        Proc::until_true('a session that is known', 10, sub {
            my $before = hits();
            $http->get('/who/');
            return hits() - $before == 1;
        });
    }
}


my ($her, $him) = map { "$_->{me}{uid}/1" } $she, $he;

isnt($her, $him, 'two people');
$_->get('/who/') for $she, $he;

for my $at_once (0, 1) {
    my $name = $at_once ? ', at once' : '';
    my $raw = Raw->new($node->nginx->port);
    my @turns = ($she) x 3;

    is_deeply([uniq who($raw, $at_once, @turns)], [$her], "she$name");

    @turns = map { ($she, $he, $he, undef, $she, $she, undef) } 1 .. 20;

    is_deeply([who($raw, $at_once, @turns)],
              [map { !$_ ? 401 : $_ == $she ? $her : $him } @turns],
              "each is who they are, on one connection$name");
}


# a cookie that differs in one character, whichever

my $raw = Raw->new($node->nginx->port);
my $token = $token{$she};

is_deeply([who($raw, 0, $she, $she, $she)], [($her) x 3], 'she');

for my $i (0 .. length($token) - 1) {
    my $other = $token;

    substr($other, $i, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/;
    $raw->send(Raw::request('GET', '/who/', "Cookie: zwfw=$other"));
    is(said($raw->answer), 401, "another character at $i");
    is_deeply([who($raw, 0, $she)], [$her], 'she again');
}


# sent to another location after a guard

$raw->send(Raw::request('GET', '/outside/', "Cookie: zwfw=$token")) for 1 .. 3;
is_deeply([map { said($raw->answer) } 1 .. 3], [($her) x 3],
          'behind error_page as well');


# streams of HTTP/2, side by side

my $h2 = H2->new($h2_port);
my ($stream, @streams) = (-1);

sub stream {
    my ($method, $http) = @_;

    push @streams, $stream += 2;
    $h2->request($stream, H2::head($method => '/who/', 'cookie',
                                   "zwfw=$token{$http}"),
                 $method eq 'GET' ? H2::END_STREAM : 0);
    $h2->told($stream) if $method eq 'GET';
}

stream(@$_) for [GET => $she], [GET => $she], [GET => $she], [POST => $she],
    [GET => $he], [GET => $he], [POST => $he], [GET => $she];
$h2->frame(H2::DATA, H2::END_STREAM, $_, 'x') for @streams[6, 3];
$h2->told($_) for @streams[6, 3];

is_deeply([map { $h2->{body}{$_} =~ /^X-Zwfw-User: (\S+)/m } @streams],
          [map { $_->{me}{uid} } ($she) x 4, ($he) x 3, $she],
          'streams of HTTP/2 side by side');


# nothing is believed that has changed

sub record {
    return 'zwfw:test:s:{' . sha256_hex($token{ +shift }) . '}';
}


known($she, $he);
is_deeply([who($raw, 0, $she, $she)], [($her) x 2], 'remembered');

my $session = decode_json($redis->query('GET', record($she)));

$session->{level} = 3;
$redis->query('SET', record($she), encode_json($session), 'KEEPTTL');

Proc::until_true('the new level', 10, sub { (who($raw, 0, $she))[0] ne $her });
is_deeply([who($raw, 0, $she, $he, $she)],
          ["$she->{me}{uid}/3", $him, "$she->{me}{uid}/3"], 'another level');

is_deeply([who($raw, 0, $he, $he)], [($him) x 2], 'he, until now');
is($he->post_json('/api/logout', {}, headers => {
       'X-CSRF-Token' => $he->{token} })->code, 200, 'he logs out');
is_deeply([who($raw, 0, $he, $she)], [401, "$she->{me}{uid}/3"],
          'and is not remembered');

$redis->query('DEL', record($she));
Proc::until_true('the end', 10, sub { (who($raw, 0, $she))[0] eq '401' });
is_deeply([who($raw, 0, $she, $he, undef)], [(401) x 3], 'nobody is left');

done_testing();
