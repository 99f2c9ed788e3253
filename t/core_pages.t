# Every page keeps to the content security policy, which is written once, and
# templates cannot break it: no script or style inside, nothing of other sites,
# nothing unescaped.  design.md, 7

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $policy = join '; ', "default-src 'none'", "script-src 'self'",
    "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'",
    "frame-ancestors 'none'", "require-trusted-types-for 'script'",
    "trusted-types 'none'";

my %always = (
    'Content-Security-Policy' => $policy,
    'X-Content-Type-Options' => 'nosniff',
    'X-Frame-Options' => 'DENY',
    'Referrer-Policy' => 'same-origin',
    'Cross-Origin-Opener-Policy' => 'same-origin',
    'Content-Type' => 'text/html; charset=utf-8',
);

my $node = Node->new;
my ($code) = $node->db->admin("SELECT code FROM zwfw.items
                                WHERE state = 'in_use' ORDER BY code LIMIT 1");
my %client = map { $_ => $node->client(kind => $_) } Rows::kinds();
my $nobody = $node->client;
my (@wrong, $pages);


sub page {
    my ($what, $res) = @_;

    return if $res->code == 303;

    my $text = $res->text;

    $pages++;
    push @wrong, map { "$what: $_ " . ($res->header($_) // 'is missing') }
        grep { ($res->header($_) // '') ne $always{$_} } sort keys %always;
    push @wrong, map { "$what: no $_" } grep { index($text, $_) < 0 }
        '<html lang="zh-CN">', '<title>', '<main id="main"', '<h1';
    push @wrong, map { "$what: $_" } bad($text);
    push @wrong, "$what: a tag of the template is left"
        if $text =~ /\{\{|\}\}/;
    push @wrong, "$what: id $_ twice" for twice($text =~ /\bid="([^"]*)"/g);
}


# what the policy would block, or what must not be there at all

sub bad {
    my $text = shift;

    my @bad;

    $text =~ s/<!--.*?-->//gs;

    while ($text =~ /<([a-z][a-z0-9]*)\b([^>]*)>/g) {
        my ($tag, $at) = ($1, $2);

        push @bad, "<$tag$at>"
            if $at =~ /\s(?:style|on[a-z]+)\s*=/ or $tag eq 'style'
            or $tag eq 'script' && $at !~ /\ssrc="\/assets\//
            or $tag =~ /^(?:iframe|object|embed|base|applet)$/
            or $at =~ /\s(?:src|action)="(?:[a-z]+:)?\/\//
            or $at =~ /\s(?:href|src|action)="javascript:/i
            or $tag eq 'link' && $at =~ /href="(?!\/assets\/|\/tokens\.css"|data:)/;
    }

    return @bad;
}


sub twice {
    my %n;

    $n{$_}++ for @_;
    return grep { $n{$_} > 1 } sort keys %n;
}


for my $row (grep { $_->{page} } Rows::all()) {
    my $url = Rows::url($row, mount => '',
                        $row->{path} =~ m{/\{code\}$} ? (code => $code) : ());
    my ($kind) = @{ $row->{who} };

    page(Rows::name($row) . ", $kind",
         ($client{$kind} // $nobody)->get($url));
    page(Rows::name($row) . ', nobody', $nobody->get($url));
    page(Rows::name($row) . ', too much', ($client{$kind} // $nobody)->get(
        $url . ($url =~ /\?/ ? '&' : '?') . 'unheard=<script>'));
}


# a form with nothing in it is shown again, and says what is missing

for my $row (grep { $_->{form} and $_->{form} !~ /\{/ } Rows::all()) {
    next if !grep { $_->{required} and $_->{name} ne 'item' }
        @{ $row->{fields} };

    my ($kind) = @{ $row->{who} };
    my $http = $client{$kind} // $nobody;
    my %query = map { ($_->{name} => $code) }
        grep { $_->{type} eq 'code' and $_->{name} eq 'item' }
        @{ $row->{fields} };
    my $res = $http->post($row->{path}, {
        %query, _token => $http->get('/help')->hidden->{_token} // '' });

    page(Rows::name($row) . ', empty', $res);
    push @wrong, Rows::name($row) . ', empty: ' . $res->code
        if $res->code != 422;
    push @wrong, Rows::name($row) . ', empty: no words about it'
        if $res->text !~ /请填写或选择这一项/;
}

# a select shows what was asked for, in its place

my $found = $nobody->get('/item/?type=05&object=1')->text;

is(join(' ', map { /<option value="(\w+)"[^>]*\sselected/ ? $1 : () }
        split /\n/, $found), '1 05', 'what was chosen is chosen');
is(scalar(() = $found =~ /<option value="05"/g), 1, 'once');

page('nothing there', $nobody->get('/none'));
page('refused', $nobody->request('POST', '/login', body => '{',
                                 type => 'application/json'));

cmp_ok($pages, '>', 50, 'pages are seen');
is(join("\n", @wrong), '', 'all of them are as they must be');


# a refusal in words

like($nobody->get('/item/x')->text, qr{<h1>[^<>0-9]+</h1>}, 'no number');


# templates, with all that is between their tags

@wrong = ();

for my $file (glob 'html/*/*.html html/*/*/*.html') {
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };

    push @wrong, map { "$file: $_" } bad($text =~ s/\{\{.*?\}\}//gsr);
    push @wrong, "$file: not escaped: $_"
        for $text =~ /(\{\{\{.*?\}\}\}|\{\{&.*?\}\})/g;

    # where it is posted, it says which page it is of

    while ($text =~ m{(<form\b[^>]*method="post"[^>]*>)(.*?)</form>}gs) {
        push @wrong, "$file: no token in $1"
            if $2 !~ /name="_token"|\{\{>case\/hidden\}\}/;
    }
}

is(join("\n", @wrong), '', 'templates cannot break it');


# the look hangs on tokens: a colour is named once; paper is printed black

open my $css, '<', 'html/assets/zwfw.css' or die "zwfw.css: $!\n";
my @colours = grep { !/#000;/ and /#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(/i }
    map { s{/\*.*?\*/}{}gr } <$css>;

is(join('', @colours), '', 'colours stand in tokens.css');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
