# Spellings of addresses: whatever is doubled, escaped, cut or added, no closed
# row and no guarded file answers somebody without the right, and each refusal
# is the platform's own.  Over all rows of all three platforms of the demo, and
# over the guards of a site beside them.

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use Node;
use Raw;
use Rows;
use Site;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my @closed = grep { !grep { $_ eq 'anyone' } @{ $_->{who} } } Rows::all();
my %row = map { $_->{method} . ' ' . ($_->{absolute} ? "$_->{slice}/" : '')
                . ($_->{path} =~ s{^/}{$_->{absolute} ? '/' : ''}er) => $_ }
    Rows::all();
my @host = ('localhost', '127.0.0.1', 'evil.example', 'a b', '', 'x' x 300,
            "localhost\tx", 'localhost/..', 'localhost:99999', '[::1', '.');


# what may be done to the path of an address: none of them is another's address

sub spellings {
    my $path = shift;

    my @parts = split m{/}, substr $path, 1;
    my $last = pop @parts;
    my $in = join '', map { "/$_" } @parts;
    my $first = shift @parts // $last;
    my $rest = substr $path, length "/$first";
    my $hex = join '', map { sprintf '%%%02x', ord } split //, $last;

    return $path, "/$path", "//$path", $path =~ s{/}{//}gr, "$path/", "$path//",
        "/.$path", "/x/..$path", "/./.$path", "$in/./$last", "$in/x/../$last",
        "$path/.", "$path/x/..", "/..$path", "/../..$path", "$in/%2e/$last",
        "$in/x/%2e%2e/$last", "$in/x%2f..%2f$last", "$in%2f$last",
        "$in%2F$last", "$in%252f$last", "$in%5c$last", "$in\\$last",
        "/%2e%2e$path", "$in/$hex", "$in/\U$hex", $path =~ s/(\w)/%25$1/r,
        "$in/" . $hex =~ s/%/%25/gr, "$path;", "$path;x=1", "/$first;$rest",
        "/$first;x=1$rest", "/$first/..;/$first$rest", "$path%3b", "$path%00",
        "$path%00.css", "$in/%00$last", "$path%2e",
        ($path =~ m{/\z} ? () : ("$path.", "$path..")),
        "$path%20", "$path%09", "$path%0a", "$path%0d%0a", "$path .css",
        "$path.json", "$path.css", "$path~", "$path/.css", "$path?", "$path??",
        "$path?/../x", "$path#", "$path#/../x", "$path%23", "$path%3f",
        "\U$path", ucfirst($path), "/\u$first$rest", "$in%c0%af$last",
        "$in%e0%80%af$last", "$in%u002f$last", "$in/%ef%bc%8f$last",
        "/%c0%ae%c0%ae$path", "$path%", "$path%4", "$path%zz", "$path\x7f",
        "$path\xff", "$path%ff", "/assets/..$path", "/assets/%2e%2e$path",
        "/assets/..%2f$path", "/assets/x/../..$path", "/assets/;/..$path",
        "/assets\\..$path", "http://localhost$path", "http://evil.example$path",
        "HTTP://LOCALHOST$path", "http://a:b\@localhost$path",
        "http://localhost:80$path", "http:$path", "https://localhost$path",
        "x://localhost$path", "localhost$path", '*', substr($path, 1);
}


# One question of each kind: [what it is, its text].  The headers stay the same.

sub questions {
    my ($method, $path, @lines) = @_;

    my $body = $method eq 'POST' ? { body => '{}' } : {};
    my $text = sub { Raw::request($method, shift, @_, @lines, $body) };

    return (map { [$_, $text->($_)] } spellings($path)),
        (map { ["X-$_", $text->('/', "X-$_: $path")] }
         qw(Original-URL Rewrite-URL Accel-Redirect Forwarded-Prefix)),
        (map { ["override $_", Raw::request($_, $path, @lines,
                    "X-HTTP-Method-Override: $method", $body)] }
         'get', 'G E T', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH',
         'PROPFIND', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'CONNECT', 'X' x 40);
}


# Whether an answer gave nothing away: what it is, or undef.  Which row it is of
# stands in its head; a closed one refuses for the very reason that $who has no
# right, and what is no row is not there.

sub refused {
    my ($who, $mount, $method, $res) = @_;

    my ($said, $at) = split / /, $res->header('X-Route') // '';
    my $code = $res->code . ' '
        . ($res->is_json && $res->body ne '' ? $res->json->{code} // ''
           : '');

    if (!defined $at) {
        return 'no row' if $code =~ /^(?:400|404|405|421|501|505) /;
        return 'options' if $said eq 'OPTIONS' and $code eq '204 '
            and $res->body eq '';
        return;
    }

    my $row = $row{ ($said eq 'HEAD' ? 'GET' : $said) . " $at" } // return;

    # an ill query is told to everybody
    return 'query' if $code eq '400 bad_name';
    return 'open' if grep { $_ eq 'anyone' or $_ eq $who } @{ $row->{who} };
    return 'head' if $said eq 'HEAD' and $res->body eq ''
        and $code =~ ($who eq 'nobody' ? qr/^(?:303|401) / : qr/^403 /);

    if ($res->is_json) {
        return 'JSON' if $code eq ($who eq 'nobody' ? '401 no_session'
                                                    : '403 not_allowed');
        return;
    }

    return 'login' if $who eq 'nobody' and $said eq 'GET' and $code =~ /^303 /
        and ($res->header('Location') // '') =~ m{^/login\?next=}
        and $res->body eq '';
    return 'page' if $code =~ ($who eq 'nobody' ? qr/^401 / : qr/^403 /)
        and $res->text =~ /<h1>(?:请先登录|没有权限)/;
    return;
}


# asks on one connection as long as it is kept

my ($asked, $raw, @wrong) = (0);

sub ask {
    my ($port, $method, $what, $text) = @_;

    for (1 .. 2) {
        $raw //= Raw->new($port);

        my $res = $raw->send($text)
            && $raw->answer($text =~ /^HEAD / ? 'HEAD' : $method);

        undef $raw if !$res or $res->closes;
        $asked++ if $res;
        return $res if $res;
    }

    push @wrong, "$what: no answer";
    return;
}


# one of so many of them, others each time; ZWFW_LONG=1: all

sub some {
    my ($of, $n, @questions) = @_;

    return @questions if $ENV{ZWFW_LONG};
    return @questions[grep { $_ % $of == $n % $of } 0 .. $#questions];
}


# ---- the demo: all rows of all platforms, as JSON and as pages ----

my $site = Site->start(http =>
    'add_header X-Route "$request_method $zwfw_route" always;');
my ($n, %said, %usual, %gate) = (0);


# what is the same each time

sub told {
    my $res = shift;

    return join ' ', $res->code, $res->header('X-Route') // '',
        $res->text =~ s/[0-9a-f]{32}|[\w-]{43}//gr;
}


# a header that names another address changes nothing of the answer

sub same {
    my ($host, $who, $row, $res, @lines) = @_;

    $usual{"$host $who $row->{method}"} //= told(ask($site->port, $row->{method},
        'as usual', Raw::request($row->{method}, '/', @lines, { host => $host,
            $row->{method} eq 'POST' ? (body => '{}') : () })));

    return told($res) eq $usual{"$host $who $row->{method}"};
}


# sessions of a platform that open other rows: [kind, which share, headers]

sub others {
    my $platform = shift;

    return map {
        my ($kind, $name) = @$_;
        my $http = $site->login($site->client($platform), $name);

        [$kind, 12, 'Cookie: zwfw=' . $http->cookie('zwfw'),
         "X-CSRF-Token: $http->{headers}{'X-CSRF-Token'}"];
    } ['natural', 'lixiaomei'], ['supervisor', 'zhouqiang'];
}


# all of them for somebody who has no right

sub none {
    my ($platform, $who, $part, @lines) = @_;

    my $host = $platform->{host};

    for my $row (grep { !grep { $_ eq $who } @{ $_->{who} } } @closed) {
        for my $mount ('/api', '') {
            my $path = Rows::url($row, mount => $mount) =~ s/\?.*//r;

            for (some($part, ++$n, questions($row->{method}, $path, @lines))) {
                my ($what, $text) = @$_;
                my $res = ask($site->port, $row->{method}, "$host $what",
                              $text =~ s/^Host: \S+/Host: $host/mr) // next;
                my $told = $what =~ /^X-/
                    ? same($host, $who, $row, $res, @lines) ? 'same' : undef
                    : refused($who, $mount, $row->{method}, $res);

                $said{ $told // '' }++;
                $gate{$who}{ Rows::name($row) }++
                    if ($told // '') =~ /^(?:JSON|page|login)\z/;
                push @wrong, "$host $who $row->{method} $what: " . $res->code
                    . ' ' . ($res->header('X-Route') // '-') . ' '
                    . substr $res->body, 0, 80 if !defined $told;
            }
        }
    }
}


for my $platform ($site->platforms) {
    none($platform, 'nobody', 6);
    none($platform, @$_) for others($platform);
}

cmp_ok($asked, '>', 4000, 'many spellings');
is(join("\n", splice @wrong, 0, 40), '',
   "$asked of them open nothing: "
   . join ', ', map { "$said{$_} $_" } sort keys %said);

for my $who (sort keys %gate) {
    is(join("\n", grep { !$gate{$who}{$_} } map { Rows::name($_) }
            grep { !grep { $_ eq $who } @{ $_->{who} } } @closed), '',
       "each row that is closed to $who says so, for that reason");
}


# with the right, many of the same spellings lead there

my ($platform) = grep { $_->{name} eq 'shandong' } $site->platforms;
my $she = $site->login($site->client($platform), 'lixiaomei');
my $cookie = 'Cookie: zwfw=' . $she->cookie('zwfw');
my %there;

for (map { [$_, Raw::request('GET', $_, $cookie, { host => $platform->{host} })] }
     spellings('/api/case/'), spellings('/api/auth/me'))
{
    my $res = ask($site->port, 'GET', @$_) // next;
    $there{ $res->code }++;
}

cmp_ok($there{200} // 0, '>', 20, 'who may sees it by many of them')
    or diag(join ' ', %there);


# a session is one of its platform, whatever the host is said to be

my ($other) = grep { $_->{name} eq 'transport' } $site->platforms;

for (
    ['another host', '/api/auth/me', $other->{host}],
    ['its own in the address', "http://$other->{host}/api/auth/me",
     $platform->{host}],
    ['with a port', '/api/auth/me', "$other->{host}:80"],
    ['in other letters', '/api/auth/me', "\U$other->{host}"],
    ['with a dot', '/api/auth/me', "$other->{host}."],
    (map { ["host \"$_\"", '/api/auth/me', $_] } @host),
) {
    my ($name, $path, $host) = @$_;
    my $res = ask($site->port, 'GET', $name, Raw::request('GET', $path, $cookie,
                                                          { host => $host }));

    ok($res && $res->code =~ /^4/, $name)
        or diag($res ? $res->code . $res->body : 'nothing');
}

is(ask($site->port, 'GET', 'itself', Raw::request('GET', '/api/auth/me', $cookie,
       { host => "\U$platform->{host}." }))->code, 200, 'its own host');

my $two = ask($site->port, 'GET', 'two hosts',
    "GET /api/auth/me HTTP/1.1\r\nHost: $platform->{host}\r\n"
    . "Host: $other->{host}\r\n$cookie\r\n\r\n");

is($two->code, 400, 'two hosts');
undef $raw;
is(join('', $site->stop), '', 'no alert');


# ---- guards of a site: files, an upstream, locations that lead to them ----

my $dir = tempdir('zwfw-a-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;
mkdir "$dir/$_" for qw(staff open);

for ('staff/file.txt', 'staff/index.html', 'staff/.hidden') {
    open my $out, '>', "$dir/$_" or die "$dir/$_: $!\n";
    print $out 'for staff only';
    close $out or die "$dir/$_: $!\n";
}

my $node = Node->new(workers => 1, server => <<"END");
        root $dir;
        location /staff/ { zwfw_auth who=clerk; autoindex on; }
        location /open/ { alias $dir/open/; autoindex on; }
        location /exact/ {
            zwfw_auth who=clerk;
            location = /exact/file.txt { alias $dir/staff/file.txt; }
            location ~ \\.html\$ { alias $dir/staff/index.html; }
        }
        location ~ ^/regex/(.+)\$ { zwfw_auth who=clerk; alias $dir/staff/\$1; }
        location /if/ {
            zwfw_auth who=clerk;
            alias $dir/staff/;
            if (\$arg_a) { add_header X-If 1; }
            limit_except GET { deny all; }
        }
        location /dav/ {
            zwfw_auth who=clerk;
            alias $dir/staff/;
            dav_methods PUT DELETE MKCOL COPY MOVE;
        }
        location /whole { zwfw_auth who=clerk; alias $dir/staff; }
END
my $nobody = $node->client;
my $clerk = $node->client(roles => 'clerk');
my @files = map { my $at = $_; map { "/$at/$_" } qw(file.txt index.html) }
    qw(staff exact regex if dav whole);

for my $path (@files, '/staff/', '/staff/.hidden', '/if/file.txt?a=1') {
    my $res = $clerk->get($path);

    is($res->code, 200, "$path: a clerk") or diag($res->body);
    is($nobody->get($path)->code, 401, "$path: nobody");
}

@wrong = ();
$asked = 0;

for my $path (@files, '/staff/.hidden') {
    for my $method (qw(GET POST)) {
        for ($method eq 'GET' ? questions($method, $path)
                              : some(6, ++$n, questions($method, $path))) {
            my ($what, $text) = @$_;

            $text =~ s/ HTTP/?a=1 HTTP/ if $what !~ /[?#*]/ and $asked % 3 == 0;
            my $res = ask($node->nginx->port, $method, $what, $text) // next;

            push @wrong, "$method $what: " . $res->code . ' ' . $res->body
                if $res->body =~ /for staff|file\.txt/ or $res->code =~ /^2/
                and $res->text !~ /<title>/;
        }
    }
}

cmp_ok($asked, '>', 1000, 'many spellings of files');
is(join("\n", @wrong), '', "$asked of them open nothing");
ok(-f "$dir/$_", "$_ is still there") for 'staff/file.txt', 'staff/index.html';
is(join(' ', map { s{.*/}{}r } glob "$dir/staff/*"), 'file.txt index.html',
   'and nothing else');

undef $raw;
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
