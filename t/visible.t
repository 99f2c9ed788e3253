# What people read on pages is Chinese, in words: no ids of rows, codes, names of
# fields or methods, raw times, or marks of templates.  Every page of the tables,
# to everybody who may see it, in every state that cases and items have, and
# every form that is shown again.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use People;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# Latin words that these pages have
my %word = map { $_ => 1 } qw(javascript cookie tab shift enter ctrl);

my @rows = Rows::all();
my $node = Node->new;
my $db = $node->db;
my (%place, %client, %answered, @found, $pages);


# who reads, of the body whose cases and items these are

sub client {
    my $kind = shift;

    return $client{$kind} //= $kind eq 'anyone' ? $node->client
        : $node->client(level => 5, kind => $kind, body => $place{body});
}


# texts between tags, and the attributes that are shown or read out

sub visible {
    my $html = shift;

    my @texts;

    $html =~ s/<!--.*?-->//gs;
    $html =~ s/<(script|style)\b.*?<\/\1>//gsi;

    while ($html =~ /<([a-z]\w*)\b([^>]*)>/gi) {
        my ($tag, $at) = (lc $1, $2);

        push @texts, $at =~ /\s(?:placeholder|aria-label|alt|title|data-label)
                             ="([^"]*)"/gx;
        push @texts, $at =~ /\svalue="([^"]*)"/
            if $tag eq 'input' and $at !~ /type="(?:hidden|radio|checkbox|date)"/;
    }

    return map { s/&\w+;|&#\d+;/ /gr } @texts, $html =~ />([^<]+)/g;
}


# what is none of that; each rule with what it lets pass

sub faults {
    my $text = shift;

    my @faults = $text =~ /(\{\{|\}\}|\[object|\bNaN\b)/g;

    push @faults, $text =~ /\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-\w+)/gi;
    push @faults, $text =~ /\b(\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*)/g;
    push @faults, $text =~ /\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\b/g;

    # addresses, files, hashes and names of nodes are what they are
    $text =~ s{https?://\S+|[\w.+-]+\@[\w.-]+|[\w-]+\.(?:pdf|jpg|png)\b}{ }gi;
    $text =~ s/\b[0-9a-f]{16,64}\b/ /g;

    push @faults, grep { !$word{lc()} } $text =~ /\b([A-Za-z]*[a-z]\w*)/g;

    return @faults;
}


sub look {
    my ($what, $res, @codes) = @_;

    $pages++;
    push @found, "$what: answers " . $res->code
        if !grep { $_ == $res->code } @codes;
    push @found, "$what: no page"
        if $res->header('Content-Type') !~ m{^text/html};

    my %seen;

    push @found, map { "$what: $_" } grep { !$seen{$_}++ }
        map { faults($_) } visible($res->text);
}


# the rules find what they are for

my %bad = (
    '<p>019a0000-0000-7000-8000-000000000009</p>' => 1, '<p>GET</p>' => 1,
    '<p>case_accept</p>' => 1, '<p>received</p>' => 1, '<p>null</p>' => 1,
    '<p>undefined</p>' => 1, '<p>{{name}}</p>' => 3, '<p>{{#a}}</p>' => 3,
    '<p>2026-10-09T08:00:00+08:00</p>' => 1, '<input value="draft">' => 1,
    '<p>2026-10-09T08:00:00Z</p>' => 1, '<p title="id_number">甲</p>' => 1,
    '<a href="/case/received">甲，a@b.example</a>' => 0, '<p>A PDF，PNG</p>' => 0,
    '<input type="hidden" value="draft">' => 0, '<p>甲.pdf 2026-10-09</p>' => 0,
);

is(scalar(map { faults($_) } visible($_)), $bad{$_}, $_) for sort keys %bad;


# a case with its papers, a draft, an item that is written, people

People::seed($db);

my ($item, $body) = split /\|/, $db->admin("SELECT code, body FROM zwfw.items
    WHERE state = 'in_use' AND online AND name LIKE '%经营许可%'
    ORDER BY code LIMIT 1");
my $http = client('natural');

%place = (body => $body, item => $item, owner => $http->{me}{uid});

my $case = People::apply($http, $item)->{id};
my $draft = People::apply($http, $item, '/api/case/draft')->{id};
my $written = api('item_manager', '/item/drafts', { catalog_code => $db->admin(
    "SELECT c.code FROM zwfw.item_catalog c WHERE c.state = 'in_use'
        AND '$body' <> ALL (SELECT i.body FROM zwfw.items i
                             WHERE i.catalog_code = c.code)
      ORDER BY c.code LIMIT 1") })->{id};


sub api {
    my ($kind, $path, $data) = @_;

    my $res = client($kind)->post_json("/api$path", $data,
        headers => { 'X-CSRF-Token' => client($kind)->{token} });

    is($res->code, 200, "$kind: $path") or diag($res->text);
    return $res->json;
}


# a paper, and all that can happen to a case

api('clerk', "/case/$case/receive", { version => $db->admin(
    "SELECT version FROM zwfw.cases WHERE id = '$case'") });
$db->admin("SET session_replication_role = replica;
    INSERT INTO zwfw.case_events (case_id, seq, owner, body, act, from_state,
        to_state, at, actor, document, data, prev_hash, hash)
    SELECT '$case', 100 + row_number() OVER (ORDER BY s.number, m.act),
           '$place{owner}', '$body', m.act, m.from_state, m.to_state, now(),
           m.who, m.document, '{}', '', ''
      FROM zwfw.case_moves m JOIN zwfw.case_states s ON s.code = m.from_state
     WHERE m.to_state IS NOT NULL");


# acts of all kinds in the audit trail

my @acts = map { $_->{call} // raw($_) }
    grep { $_->{method} eq 'POST' or $_->{reads} } @rows;
my $words = JSON::PP->new->decode(do {
    local (@ARGV, $/) = 'html/core/words.json';
    <> });

# a path as it stands in its table

sub raw {
    my $row = shift;

    return $row->{absolute} ? "/$row->{path}"
        : $row->{path} =~ s{^/$row->{slice}}{}r;
}


sub audit {
    my ($action, $role, $outcome, $detail) = @_;

    my $uid = client('clerk')->{me}{uid};

    $db->admin("BEGIN; SELECT set_config('zwfw.uid', '$uid', true),
        set_config('zwfw.roles', '$role', true),
        set_config('zwfw.channel', 'pc', true);
        SELECT zwfw.write_audit('$action', 'case', '$case', '$outcome',
                                '$detail'); COMMIT");
}

audit($_, 'approver,clerk', 'ok', '{}') for @acts;
audit('case_accept', $_, 'refused', '{"code":"wrong_state"}') for Rows::kinds();
audit('auth_lock', '', 'failed', qq({"door":"$_","failures":5,
    "locked_seconds":60})) for keys %{ $words->{door} };


sub address {
    my ($row, %value) = @_;

    my $path = $row->{path} =~ s/\{(\w+)\}/$value{$1}/gr;
    my @query = map { "$_->{name}=" . ($value{$_->{name}} // '') }
        grep { $_->{in} eq 'query' and $_->{required} } @{ $row->{fields} };

    return $path . (@query ? '?' . join '&', @query : '');
}


sub id_of {
    my $row = shift;

    return $row->{slice} eq 'item' ? $written
        : $row->{path} =~ /edit|save|submit|drop/ ? $draft : $case;
}


# a page is not there in each state: a refusal is a page as well

sub show {
    my ($what, $row) = @_;

    my $url = address($row, id => id_of($row), code => $item, item => $item);

    for my $kind (@{ $row->{who} }) {
        my $res = client($kind)->get($url);

        next if $res->code == 303;
        $answered{ $row->{path} } ||= $res->code == 200;
        look("$what$kind $row->{path}", $res, 200, 404, 409, 422);
    }
}


my @pages = grep { $_->{method} eq 'GET' and $_->{page} } @rows;

cmp_ok(scalar @pages, '>', 25, 'pages');
show('', $_) for @pages;

for my $state (split /\n/, $db->admin('SELECT code FROM zwfw.case_states')) {
    $db->admin("SET session_replication_role = replica;
        ALTER TABLE zwfw.cases DROP CONSTRAINT IF EXISTS cases_check1;
        UPDATE zwfw.cases SET state = '$state' WHERE id = '$case'");
    show("$state: ", $_) for grep { $_->{slice} eq 'case' } @pages;
}

for my $state (qw(draft pending approved in_use suspended cancelled replaced)) {
    $db->admin("SET session_replication_role = replica;
        UPDATE zwfw.items SET state = '$state' WHERE id = '$written'");
    show("$state: ", $_) for grep { $_->{path} =~ m{drafts/|manage} } @pages;
}

is(join(' ', grep { !$answered{$_} } map { $_->{path} } @pages), '',
   'each page was seen');
is(join("\n", @found), '', "$pages pages are words");


# the trail, page by page, with each filter

@found = ();
($pages, my $next) = (0, '');

do {
    my $res = client('operator')->get('/audit?limit=50' . $next);

    look("audit$next", $res, 200);
    $next = $res->text =~ /name="after" value="(\S+)"/ ? "&after=$1" : '';
} while ($next and $pages < 20);

look("audit $_", client('operator')->get("/audit?$_"), 200, 422)
    for 'action=case_accept', "uid=$client{clerk}{me}{uid}", 'from=x';


# refusals, and forms that are shown again

look('nothing', $node->client->get('/nothing'), 404);
look('closed', client('clerk')->get('/audit'), 403);
look('a method', $node->client->request('POST', '/help'), 405);
look('a bad path', $node->client->get('/item/x'), 404);

my @forms = grep { $_->{method} eq 'POST' and $_->{form} } @rows;

for my $row (@forms) {
    for my $kind (@{ $row->{who} }) {
        my $url = address($row, id => id_of($row), code => $item);
        my $res = client($kind)->post($url, {
            _token => client($kind)->{token} // '',
            map { $_->{name} => $item } grep { $_->{name} eq 'item' }
                @{ $row->{fields} } });

        look("$kind sends $url", $res, 200, 404, 409, 422, 429)
            if $res->code != 303;
    }
}

is(join("\n", @found), '', "$pages pages of refusals and filters are words");
is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
