# What is too much: addresses of 64 KiB, ten thousand parameters, JSON that is
# deep or wide, bombs of parts.  Each row refuses it by name, with a problem or
# a page; a worker has what it had before, and never more than a bound that
# core/README.md tells.  Over all rows.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use Raw;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# KiB that one request may take, and that a worker may keep of many: what
# malloc() does not give back

my ($of_request, $kept) = map { $_ * 1024 * NginxServer::larger() } 16, 12;

my $node = Node->new(workers => 1, openapi => 0,
                     block => 'postgres_connections 1 1 1;', http => <<'END');
    large_client_header_buffers 4 256k;
    client_max_body_size 130m;
END
my $nginx = $node->nginx;

# people log in at another node: their passwords take memory as well

my $door = Node->new(db => $node->db, redis => $node->redis);
my ($worker) = $nginx->workers;
my @rows = grep { $_->{call} or $_->{steps} } Rows::all();
my @posts = grep { $_->{method} eq 'POST' } @rows;
my (@wrong, %client, %told);


# a session of a kind that a row is for

sub headers {
    my $row = shift;

    my ($kind) = @{ $row->{who} };

    return if $kind eq 'anyone';
    return @{ $client{$kind} //= do {
        my $http = $door->client(level => 5, $kind eq 'natural'
            ? (kind => 'natural') : (roles => $kind));

        ['Cookie: zwfw=' . $http->cookie('zwfw'),
         "X-CSRF-Token: $http->{token}"];
    } };
}


# What a row answers, to somebody who may ask; how often is forgotten, and a row
# that ended the session has another one.

my $raw;

sub answer {
    my ($row, $url, @more) = @_;

    for (1 .. 4) {
        my $text = Raw::request($row->{method}, $url, headers($row), @more);

        $raw //= Raw->new($nginx->port);

        # what is refused while it is sent is answered all the same
        $raw->send($text);
        my $res = $raw->answer($row->{method});

        undef $raw if !$res or $res->closes;
        next if !$res;

        if ($res->code == 429) {
            $node->redis->query('DEL', $_)
                for @{ $node->redis->query('KEYS', 'zwfw:test:limit:*') };
        } elsif ($res->code == 401 and $row->{who}[0] ne 'anyone') {
            delete $client{ $row->{who}[0] };
        } else {
            return $res;
        }
    }

    return;
}


# it is one of these: "400 too_many"; of a page its status alone

sub told {
    my ($what, $row, $mount, $want, @asked) = @_;

    my $name = Rows::name($row) . " $mount $what";
    my $res = answer($row, @asked);

    if (!$res) {
        push @wrong, "$name: no answer";
        return;
    }

    my $said = $res->code . ' '
        . ($res->is_json ? $res->json->{code} // '' : '');
    my ($code, $why) = split / /, $want;

    $told{ $res->code }++;
    push @wrong, "$name: $said" . ($mount ? '' : substr $res->text, 0, 200)
        if $mount ? $said !~ /^(?:$code $why)\z/
                  : $res->code !~ /^$code\z/ || $res->text !~ /<h1>/;
}


sub memory {
    return Proc::memory($worker);
}

# each row is asked once before it is measured

answer($_, Rows::url($_), $_->{method} eq 'POST' ? { body => '{}' } : ())
    for @rows;

my $before = memory();
my @open = Proc::descriptors($worker);

my $least = Proc::trough($worker);


# ---- addresses ----

my $letters = join '', map { chr 97 + $_ % 26 } 1 .. 65_536;
my $many = join '&', map { "a$_=" } 1 .. 10_000;
my $same = join '&', ('a=1') x 10_000;

for my $row (@rows) {
    my $url = Rows::url($row) =~ s/\?.*//r;
    for ([path => "$url/$letters", '(?:404|405) \w+'],
         [query => "$url?a=$letters", '(?:400|404|422) \w+'],
         [name => "$url?$letters=1", '(?:400|404|422) \w+'],
         [parameters => "$url?$many", '400 too_many'],
         ['the same one' => "$url?$same", '400 \w+'],
         [signs => "$url?" . '&' x 60_000, '(?:200|404|422) \w*'],
         [escapes => "$url?a=" . '%61' x 20_000, '(?:404|422) \w+'])
    {
        my ($what, $at, $want) = @$_;
        my $post = $row->{method} eq 'POST';

        told($what, $row, '/api', $want, $at, $post
             ? ('Content-Type: application/json', { body => '{}' }) : ());
    }
}

is(join("\n", splice @wrong, 0, 30), '', 'addresses');


# ---- bodies: what there is, its type, and what it is refused with ----

my $multi = 'multipart/form-data; boundary=a';
my $head = 'Content-Disposition: form-data; name=';

sub part {
    my ($name, $value, $more) = @_;

    return "--a\r\n$head\"$name\"" . ($more // '') . "\r\n\r\n$value\r\n";
}

my @json = (
    [deep => '[' x 10_000 . ']' x 10_000, '400 too_deep'],
    ['deep objects' => '{"a":' x 10_000 . '1' . '}' x 10_000, '400 too_deep'],
    ['never ending' => '{"a":' x 10_000, '400 (?:too_deep|bad_json)'],
    ['ten thousand members' => '{' . join(',', map { "\"a$_\":1" } 1 .. 10_000)
     . '}', '400 too_many'],
    ['a wide list' => '{"a":[' . join(',', (1) x 100_000) . ']}',
     '400 too_many'],
    ['a list of lists' => '{"a":[' . join(',', ('[[]]') x 50_000) . ']}',
     '400 too_many'],
    ['a long name' => "{\"$letters\":1}", '(?:400|422) \w+'],
    ['a long number' => '{"a":' . '9' x 100_000 . '}', '(?:400|422) \w+'],
    ['a number beyond all' => '{"a":1e999999999}', '(?:400|422) \w+'],
    ['a long text' => '{"a":"' . 'x' x 1_000_000 . '"}', '(?:400|422) \w+'],
    ['escapes' => '{"a":"' . '\u0041' x 100_000 . '"}', '(?:400|422) \w+'],
    ['half a pair' => '{"a":"\ud800"}', '400 \w+'],
    ['spaces' => ' ' x 1_000_000, '400 \w+'],
    ['a MiB and more' => '"' . 'x' x 1_100_000 . '"', '413 too_large'],
    ['the same member' => '{' . join(',', ('"a":1') x 10_000) . '}',
     '400 \w+'],
);
my @forms = (
    ['ten thousand' => join('&', map { "a$_=1" } 1 .. 10_000), '400 too_many'],
    ['the same one' => join('&', ('a=1') x 10_000), '(?:400|422) \w+'],
    ['dots' => join('.', ('a') x 10_000) . '=1', '(?:400|422) \w+'],
    [signs => '&' x 1_000_000, '(?:200|4(?:00|04|09|13|22)) \w*'],
    ['numbers' => 'a.999999999.b=1&a.0.b=1', '(?:400|422) \w+'],
    ['a long name' => "$letters=1", '(?:400|422) \w+'],
    ['escapes' => 'a=' . '%' x 100_000, '(?:400|422) \w+'],
);
my @parts = (
    ['ten thousand parts' => join('', map { part("a$_", '') } 1 .. 10_000)
     . "--a--\r\n", '400 too_many'],
    ['ten thousand files' => join('', map { part("a$_", 'x',
        '; filename="a.pdf"') } 1 .. 10_000) . "--a--\r\n", '400 \w+'],
    ['a huge header' => "--a\r\n$head\"x\"; x=\"$letters\"\r\n\r\n\r\n--a--\r\n",
     '400 \w+'],
    ['many headers' => "--a\r\n" . join('', map { "X-$_: y\r\n" } 1 .. 10_000)
     . "\r\nx\r\n--a--\r\n", '400 \w+'],
    ['a header without an end' => "--a\r\n$head\"" . 'x' x 1_000_000,
     '400 \w+'],
    ['parts in a part' => "--a\r\n$head\"x\"\r\n"
     . "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
     . "--b\r\nContent-Disposition: file; filename=\"a\"\r\n\r\nx\r\n" x 1000
     . "--b--\r\n--a--\r\n", '(?:400|422) \w+'],
    ['boundaries that are nearly one' => "--a\r\n$head\"x\"\r\n\r\n"
     . "\r\n-\r\n--\r\n-a\r\n-- a\r\n--b" x 20_000 . "\r\n--a--\r\n",
     '(?:400|422) \w+'],
    ['a part without an end' => "--a\r\n$head\"x\"\r\n\r\n" . 'x' x 900_000,
     '(?:400|422) \w+'],
    ['no end' => part('x', 'y'), '(?:400|422) \w+'],
    ['no beginning' => 'x' x 900_000 . "\r\n--a--\r\n", '(?:400|422) \w+'],
    ['nothing' => '', '(?:400|422) \w+'],
);
my %bodies = ('application/json' => \@json,
              'application/x-www-form-urlencoded' => \@forms,
              $multi => \@parts);
my $turn = 0;

for my $row (@posts) {
    for my $type (sort keys %bodies) {
        for (@{ $bodies{$type} }) {
            my ($what, $body, $want) = @$_;

            # as pages one of five, others for each row; ZWFW_LONG=1: all

            for my $mount ('/api', $ENV{ZWFW_LONG} || $turn++ % 5 == 0
                           ? '' : ())
            {
                next if $mount eq '' and !$row->{page} and !$row->{form}
                    and !$row->{next};

                told($what, $row, $mount, $want,
                     Rows::url($row, mount => $mount), "Content-Type: $type",
                     { body => $body });
            }
        }
    }
}

is(join("\n", splice @wrong, 0, 40), '', 'bodies: '
   . join ', ', map { "$told{$_} times $_" } sort keys %told);
cmp_ok($told{400}, '>', 25 * @posts, 'most are ill-formed or too many');
cmp_ok($told{413} // 0, '>=', @posts, 'each row has too large a body once');
cmp_ok($told{422} // 0, '>', 8 * @posts, 'others are no values of a field');


# boundaries that are none

my ($row) = grep { $_->{call} && $_->{call} eq 'case_draft' } @posts;

for my $type ('multipart/form-data', 'multipart/form-data; boundary=',
              'multipart/form-data; boundary="', "multipart/form-data; boundary="
              . 'b' x 71, 'multipart/form-data; boundary="a";boundary=b',
              'multipart/form-data; x=' . substr($letters, 0, 60_000),
              'multipart/form-data;' . ';' x 60_000,
              'application/json; charset=utf-16', 'application/jsonx',
              'text/plain', '')
{
    told("type \"" . substr($type, 0, 60) . '"', $row, '/api',
         '(?:400|415|422) \w+', Rows::url($row), "Content-Type: $type",
         { body => part('x', 'y') . "--a--\r\n" });
}

is(join("\n", splice @wrong, 0, 20), '', 'types of bodies');


# ---- what a worker has ----

undef $raw;

my ($peak, $after) = (Proc::peak($worker), memory());

Proc::until_true('its connections are closed', 20, sub {
    my @now = Proc::descriptors($worker);
    return @now <= @open;
});
pass('no descriptor more than before');
cmp_ok($after - $before, '<', $kept, "it keeps little: $before to $after KiB");
cmp_ok($peak - $least, '<', $of_request + $kept,
       "and has never had much more: $least to $peak KiB");
is(join(' ', glob $nginx->dir . '/client_body_temp/*'), '', 'no file is left');
is($node->db->admin("SELECT count(*) FROM zwfw.cases"), 0, 'nothing is stored');
is(join('', $nginx->stop(allow => qr/client intended to send too large/)), '',
   'no alert');

done_testing();
