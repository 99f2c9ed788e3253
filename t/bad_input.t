# Wrong input anywhere gets a sentence that helps: each field of each route
# missing, mistyped, too long, doubled or unknown is refused with the field's
# name and Chinese words, and nothing is stored.  Generated from the tables.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

# what is no such thing; {} for a text is none, "x" for an object
my %wrong = (
    uuid => 'x', text => 5, line => [], code => {}, integer => 'one',
    count => 'one', boolean => 'perhaps', date => '2026-02-30', idnumber => '123',
    phone => '555', email => 'nobody', name => 5, secret => 5,
    cursor => '*', object => 'x', group => 'x', list => 'x', file => 'x',
);
my %wrong_query = (%wrong, text => "\1", line => "\1", code => '*',
                   integer => 'one', count => 'one');
my %least = (integer => 0, count => 1);

my $json = JSON::PP->new->utf8->canonical;
my $node = Node->new;
my ($asked, @wrong, %before, %client) = (0);


# Somebody of a row's kind; another one now and then, for rows are limited by
# person.  Own rows are no answer to a wrong question.

sub client {
    my $row = shift;

    my ($kind) = @{ $row->{who} };

    return $node->client if $kind eq 'anyone';
    return $client{$kind}[$row->{asked}++ / 30] //= come($kind);
}


sub come {
    my $kind = shift;

    my %was = counts();
    my $http = $node->client(level => 5, kind => $kind);
    my %is = counts();

    $before{$_} += $is{$_} - $was{$_} for keys %is;
    return $http;
}


sub ask {
    my ($row, $url, $body) = @_;

    my $http = client($row);

    return $http->get($url) if $row->{method} eq 'GET';
    return $http->request('POST', $url, body => $body,
        type => 'application/json',
        headers => { 'X-CSRF-Token' => $http->{token} });
}


# What the sentence of a type has to say: how a value looks that fits, or how
# large it may be.  {size} is the field's.

my %says = (
    phone => qr/11 位手机号码/, idnumber => qr/18 位公民身份号码/,
    date => qr/年-月-日.*2026-11-27/, integer => '整数，从 0 到 {size}。',
    count => '整数，从 1 到 {size}。',
    email => qr/电子邮箱/, name => qr/2 到 50 个字/, boolean => qr/“是”或者“否”/,
    code => qr/选项/, uuid => qr/编号/, cursor => qr/翻页/, secret => qr/密码/,
    text => qr/文字|编码|字符/, line => qr/文字|编码|字符/, file => qr/文件/,
    object => qr/结构/, group => qr/结构/, list => qr/结构/,
);
my %says_long = (
    %says, (map { $_ => '最多 {size} 个字。' } qw(text line)),
    (map { $_ => '最多 {size} 个字符。' } qw(code cursor email secret)),
    object => '最多 {size} 个字节。', list => '最多 {size} 条。',
);


sub fits {
    my ($what, $field, $code, $text) = @_;

    return '“提示” of no hint' if $text =~ /提示/;
    return 'of a file' if $text =~ /文件/ and ($field->{type} // '') ne 'file';
    return 'of a page' if $text =~ /刷新|页面上|本平台的页面|按钮/;
    return 'a mark is left' if $text =~ /[{}]/;
    return if $what !~ /^(?:mistyped|too long|too small|null)$/ or !$field->{type}
        or $code =~ /^(?:not_found|bad_name|bad_utf8)$/;

    my $want = ($what eq 'too long' ? \%says_long : \%says)->{ $field->{type} };

    $want =~ s/\{size\}/$field->{size}/ if !ref $want;
    return if $text =~ (ref $want ? $want : qr/\Q$want\E/);
    return "not “$want”";
}


# refused by name, in words that people read, and with what it is about

sub refused {
    my ($what, $row, $field, $url, $body, $about) = @_;

    my $res = ask($row, $url, $body);
    my $it = $res->is_json ? $res->json : {};
    my @fields = ($it->{field} // '', map { $_->{field} }
                  @{ $it->{errors} // [] });

    my ($told) = grep { ($_->{field} // '') eq $field } @{ $it->{errors} // [] },
        $it;
    my $of = $about // {};
    my $wrong = fits($what, $of, ($told // $it)->{code} // '',
                     ($told // $it)->{detail} // '');

    $asked++;
    return if !$wrong and $res->code =~ /^4(?:00|04|22)$/ and ($it->{code} // '') ne ''
        and ($it->{detail} // '') =~ /\p{Han}.*[。！]$/
        and grep { $_ eq $field or index($_, "$field.") == 0 } @fields;

    push @wrong, Rows::name($row) . ": $field $what: " . ($wrong // '') . ' '
        . substr($res->text, 0, 160);
}


sub query {
    my ($url, $name, $value) = @_;

    return $url . ($url =~ /\?/ ? '&' : '?') . "$name=" . Http::escape($value);
}


# a body with one member, of a dotted path, set or taken away

sub with {
    my ($row, $path, @value) = @_;

    my $body = $json->decode($json->encode(Rows::sample($row->{fields})));
    my @parts = split /\./, $path;
    my $name = pop @parts;
    my $in = \$body;

    for (@parts) {
        $in = /^\d+$/ ? \($$in //= [])->[$_] : \($$in //= {})->{$_};
    }

    $$in //= {};
    delete $$in->{$name};
    $$in->{$name} = $value[0] if @value;

    return $json->encode($body);
}


# one more than it may be

sub too_long {
    my $field = shift;

    my ($type, $size) = @$field{qw(type size)};

    return ($size || 2**53 - 1) + 1 if defined $least{$type};
    return [map { Rows::sample($field->{fields}) } 0 .. $size]
        if $type eq 'list';
    return { text => '长' x $size } if $type eq 'object';
    return 'a' x ($size + 1) . '@shandong.example' if $type eq 'email';
    return '长' x ($size + 1) if $type =~ /^(?:text|line|name)$/;
    return '1' x ($type eq 'file' ? 99 : ($size || 99) + 1);
}


%before = counts();

for my $row (Rows::all()) {
    next if !$row->{call} and !$row->{steps};

    my $url = Rows::url($row);

    refused('unknown', $row, 'unheard', query($url, 'unheard', 1),
            $row->{method} eq 'POST' ? with($row, 'x') : undef);

    for my $field (@{ $row->{fields} }) {
        path($row, $field) if $field->{in} eq 'path';
        asked($row, $field, $url) if $field->{in} eq 'query';
        said($row, $field, $url, $field->{name}) if $field->{in} eq 'body';
    }

    next if $row->{method} eq 'GET';

    refused('unknown', $row, 'unheard', $url, with($row, 'unheard', 1));
    all($row, $url);
}


cmp_ok($asked, '>', 500, 'many questions');
is(join("\n", @wrong), '', "$asked wrong questions are refused in words");
is_deeply({ counts() }, \%before, 'and nothing is stored');
is(join('', $node->nginx->stop), '', 'no alert');


# all fields wrong at once: each is named, the first in front

sub all {
    my ($row, $url) = @_;

    my @fields = grep { $_->{in} eq 'body' } @{ $row->{fields} };
    my %body = map { ($_->{name} => $wrong{ $_->{type} }) } @fields;
    my $res = ask($row, "$url?unheard=1", $json->encode(\%body));
    my $it = $res->is_json ? $res->json : {};
    my @told = map { $_->{field} } @{ $it->{errors} // [$it] };

    $asked++;
    return if join(' ', sort @told) eq join(' ', sort 'unheard',
                                            map { $_->{name} } @fields)
        and $res->code == 422 and $it->{field} eq $told[0]
        and !grep { $_->{detail} !~ /\p{Han}.*[。！]$/ } @{ $it->{errors} };

    push @wrong, Rows::name($row) . ": all wrong: "
        . substr($res->text, 0, 300);
}


# a bad place is a thing that is not there

sub path {
    my ($row, $field) = @_;

    my $body = $row->{method} eq 'POST' ? with($row, 'x') : undef;

    refused('mistyped', $row, $field->{name},
            Rows::url($row, $field->{name} => '*'), $body);
    refused('too long', $row, $field->{name},
            Rows::url($row, $field->{name} => too_long($field)), $body);
}


sub asked {
    my ($row, $field, $url) = @_;

    my $name = $field->{name};
    my $bare = $url =~ s/\?.*//r;
    my $value = Rows::value($field);
    my $least = $name eq 'limit' ? 1 : $least{ $field->{type} };

    $value = 'true' if ref $value;
    refused('missing', $row, $name, $bare) if $field->{required};
    refused('mistyped', $row, $name, query($bare, $name,
                                           $wrong_query{ $field->{type} }),
            undef, $field);
    refused('too long', $row, $name, query($bare, $name, too_long($field)),
            undef, $field);
    refused('too small', $row, $name, query($bare, $name, $least - 1),
            undef, $field) if defined $least;
    refused('doubled', $row, $name,
            query(query($bare, $name, $value), $name, $value));
}


sub said {
    my ($row, $field, $url, $path) = @_;

    my ($type, $name) = @$field{qw(type name)};

    refused('missing', $row, $path, $url, with($row, $path))
        if $field->{required} and $path !~ /\.\d+\./;
    refused('empty', $row, $path, $url, with($row, $path, ''))
        if $field->{required} and $type !~ /^(?:group|list|integer|count)$/;
    refused('too small', $row, $path, $url,
            with($row, $path, $least{$type} - 1), $field)
        if defined $least{$type};
    refused('null', $row, $path, $url, with($row, $path, undef), $field);
    refused('mistyped', $row, $path, $url, with($row, $path, $wrong{$type}), $field);
    refused('too long', $row, $path, $url,
            with($row, $path, too_long($field)), $field)
        if $type ne 'group';

    my $twice = with($row, $path, 'twice');
    my $one = $json->encode($name) . ':"twice"';

    $twice =~ s/\Q$one\E/$one,$one/ or die "no $one in $twice\n";
    refused('doubled', $row, $path, $url, $twice);

    return if !$field->{fields};

    my $in = $type eq 'list' ? "$path.0" : $path;

    said($row, $_, $url, "$in.$_->{name}") for @{ $field->{fields} };
    refused('unknown', $row, "$in.unheard", $url,
            with($row, "$in.unheard", 1));
}


# what there is in the database before and after, but for the audit trail and
# what counts visits and jobs

sub counts {
    return split /\s+/, $node->db->admin(<<'SQL');
SELECT c.relname || ' ' || (xpath('/row/n/text()', query_to_xml(
           format('SELECT count(*) AS n FROM zwfw.%I', c.relname),
           false, true, '')))[1]::text
  FROM pg_class c
 WHERE c.relnamespace = 'zwfw'::regnamespace AND c.relkind = 'r'
   AND c.relname !~ '^(audit|jobs|visit|monitor)'
SQL
}

done_testing();
