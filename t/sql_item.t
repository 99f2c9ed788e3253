# Items: guide, search, directory (GB/T 39047, 5.2.1.4, 5.2.1.5, 5.2.2.2 a).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use Encode qw(encode_utf8);
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new;
my $nobody = $db->user;
my $food = '11990100MB0DEM033R3000199002000';


sub rows {
    return split /\n/, $db->admin($_[0]);
}


sub names {
    my $args = shift;

    return map { $_->{name} } @{ $nobody->call('item_search', $args)->{items} };
}


# another item of a body, in use

sub copy {
    my ($body, $name, $heat) = @_;

    my $n = sprintf '0001990021%02d', $heat % 100;

    $db->admin(qq{
        INSERT INTO zwfw.item_catalog
        VALUES ('$n', '$name', '01', '法', '{3,4}') ON CONFLICT DO NOTHING;
        INSERT INTO zwfw.items (id, code, version, state, catalog_code,
            name, type, body, level, region, anticipate_day, promise_day,
            objects, heat)
        SELECT gen_random_uuid(), b.credit_code || b.level || '$n', 1,
            'in_use', '$n', '$name', '01', b.id, b.level::text, b.region,
            5, 5, '{1}', $heat
          FROM zwfw.bodies b WHERE b.short_name LIKE '$body%'});
}


subtest 'a guide' => sub {
    my $guide = $nobody->call('item_show', { code => $food });

    is($guide->{name}, '食品经营许可（新办）', 'name');
    is($guide->{state}, 'in_use', 'state');
    ok($guide->{applicable}, 'may be applied for');
    is($guide->{body}{credit_code}, substr($food, 0, 18), 'body');
    is($guide->{region}{name}, '济南市', 'region');
    is("$guide->{anticipate_day}/$guide->{promise_day}", '10/5', 'times');
    is(@{ $guide->{materials} }, 4, 'materials');
    is($guide->{materials}[3]{issuer}, '市场监督管理部门', 'who issues one');
    is_deeply([map { $_->{stage} } @{ $guide->{flow} }],
              [qw(accept review approve close deliver)], 'stages');
    is($guide->{form}[1]{options}[0], '餐饮服务', 'fields of the form');
    is_deeply([sort map { $_->{name} } @{ $guide->{topics} }],
              ['准营准办', '准营准办'], 'topics');

    my ($document, $hash) = split /\n/, $db->admin(
        "SELECT document::text || E'\\n' || hash FROM zwfw.item_versions"
        . " WHERE code = '$food'");
    is($guide->{hash}, $hash, 'hash');
    is(sha256_hex(encode_utf8($document)), $hash, 'of the document');

    is($nobody->refused('item_show', { code => $_ }), '404 item_not_found',
       "not there: $_") for 'x', $food =~ s/0$/1/r, '';
};


subtest 'demo data of the platforms' => sub {
    is($db->admin('SELECT count(*) FROM zwfw.items'), 12, 'a province: 12');
    is($db->admin("SELECT count(*) FROM zwfw.bodies"
                  . " WHERE name NOT LIKE '%（演示）'"
                  . " OR substr(credit_code, 3, 2) <> '99'"), 0,
       'every body says that it is invented');
    is($db->admin("SELECT count(*) FROM zwfw.items WHERE '1' = ANY (objects)"),
       11, 'natural persons may apply for most');

    $db->file('modules/core/demo.sql', 'modules/item/demo.sql');
    is($db->admin('SELECT count(*) FROM zwfw.items'), 12, 'twice is harmless');

    for my $platform ('national', 'transport') {
        my $other = Sql->new(platform => $platform);
        is($other->admin("SELECT count(*) FROM zwfw.items"
                         . " WHERE state = 'in_use'"), 3, $platform);
    }
};


subtest 'tokens' => sub {
    my $tokens = sub {
        $db->admin("SELECT array_to_string(zwfw.tokens('$_[0]'"
                   . ($_[1] ? ', true' : '') . "), ' ')");
    };

    is($tokens->('食品'), '食品 食 品', 'pairs and single ones');
    is($tokens->('食品经营', 1), '食品 品经 经营', 'asking: pairs');
    is($tokens->('食 x 品', 1), '食 x 品', 'or what stands alone');
    is($tokens->('ＡＢc１２ ｶ'), 'abc12', 'width and case');
    is($tokens->(q{%_''<>()}), '', 'nothing in it');
    is($tokens->('C1驾照', 1), 'c1 驾照', 'mixed');
    is($tokens->('𠀀𠀁', 1), '𠀀𠀁', 'beyond the first plane');
};


subtest 'words' => sub {
    is((names({ q => '食品经营' }))[0], '食品经营许可（新办）', 'by a part');
    is((names({ q => '开饭店' }))[0], '食品经营许可（新办）', 'as people say');
    is((names({ q => '食品经营许可(新办)' }))[0], '食品经营许可（新办）',
       'brackets of either width');
    is((names({ q => $food }))[0], '食品经营许可（新办）', 'by code');
    is_deeply([names({ q => '食品 社会保障' })], [], 'all words must fit');
    is_deeply([names({ q => $_ })], [], "nothing: $_")
        for '%_', q{'}, '（）', '😀', "a' | 's:", '!食品卡';
    is((names({ q => '证' }))[0], '机动车驾驶证期满换证', 'one character');

    my @missing;

    for my $name (rows('SELECT name FROM zwfw.items')) {
        for my $i (0 .. length($name) - 2) {
            for my $n (2 .. length($name) - $i) {
                my $part = substr $name, $i, $n;
                next if $part =~ /^[（）]+$/;
                push @missing, $part
                    if !grep { $_ eq $name } names({ q => $part });
            }
        }
    }

    is_deeply(\@missing, [], 'every part of every name is found');
};

subtest 'order' => sub {
    copy('市交通', '测试排序许可', 1);
    copy('区民政', '测试排序许可', 1);
    copy('区民政', '测试排序许可证', 3);
    copy('区卫生', '新测试排序许可', 90);
    copy('区民政', '测试新排序许可', 91);

    my $list = $nobody->call('item_search',
                             { q => '测试排序许可', region => '370102' });
    is_deeply([map { "$_->{name} $_->{region}{code}" } @{ $list->{items} }],
              ['测试排序许可 370102', '测试排序许可 370100',
               '测试排序许可证 370102', '新测试排序许可 370102'],
              'the name, the nearer region, the begin of a name, a part');

    my (@seen, $after);

    do {
        my $page = $nobody->call('item_search', {
            q => '排序', limit => 2, $after ? (after => $after) : () });
        push @seen, map { $_->{code} } @{ $page->{items} };
        $after = $page->{next};
        is($page->{count}, 5, 'of five');
        ok(!$page->{count_capped}, 'counted');
    } while ($after);

    my %seen;
    $seen{$_}++ for @seen;
    is(@seen, 5, 'pages hold all');
    is(keys %seen, 5, 'each once');
};


# without a region pages of what is found by name are not ranked: the order is
# that of the long page, which is

subtest 'by name' => sub {
    copy(@$_) for ['区民政', '索引C1', 4], ['市交通', '索引Ｃ１', 8],
        ['区民政', '索引C1许可', 5], ['区民政', '索引C12许可', 6],
        ['区民政', '新索引C1', 90], ['区民政', '索引许可', 9];
    $db->admin("UPDATE zwfw.items SET state = 'cancelled' WHERE heat = 9");

    is_deeply([names({ q => '索引c1' })],
              ['索引Ｃ１', '索引C1', '索引C1许可', '新索引C1'],
              'not what has a longer word');

    for (['索引', 5], ['索引C1', 4], ['测试排序许可', 4], ['测试', 5],
         ['索引 许可', 2])
    {
        my ($q, $count) = @$_;
        my $all = $nobody->call('item_search', { q => $q, limit => 100 });
        my ($after, @items);

        do {
            my $page = $nobody->call('item_search', {
                q => $q, limit => 1, $after ? (after => $after) : () });
            push @items, @{ $page->{items} };
            $after = $page->{next};
            is($page->{count}, $count, "$q: all are counted");
        } while ($after);

        is_deeply(\@items, $all->{items}, 'each once, in order');
    }

    is_deeply([names({ q => '索引', type => '20', limit => 1 })], [],
              'conditions hold');
    is_deeply([names({ q => '索引', region => '370103', limit => 1 })],
              ['索引Ｃ１'], 'and so does a region');
};


subtest 'regions' => sub {
    my $count = sub { $nobody->call('item_search', { @_ })->{count} };

    is($count->(q => '结婚', region => '370102'), 1, 'in its district');
    is($count->(q => '结婚', region => '370103'), 0, 'not in another');
    is($count->(q => '结婚', region => '370100'), 0, 'not in the city');
    is($count->(q => '公积金', region => '370103'), 1,
       'the city serves its districts');
    is($count->(q => '结婚', region => 'all'), 1, 'everywhere');
    is($db->user(region => '370103')->call('item_search', { q => '结婚' })
       ->{count}, 0, 'the region of the one who asks');
    is($nobody->refused('item_search', { region => '999999' }),
       '422 bad_value region', 'no such region');

    my @regions = @{ $nobody->call('item_search', { region => '370100' })
                     ->{regions} };
    is_deeply([map { $_->{name} } @regions[0 .. 3]],
              ['全国', '山东省', '济南市', '历下区'], 'above and below');
    is_deeply([map { $_->{name} } grep { $_->{chosen} } @regions],
              ['济南市'], 'the chosen one');
    is(@{ $nobody->call('item_search')->{regions} }, 35,
       'none chosen: the provinces');
};


subtest 'filters' => sub {
    is_deeply([names({ topic => 'u11' })], ['结婚登记'], 'topic');
    is_deeply([names({ catalog => '000799012000' })], ['结婚登记'],
              'entry of the directory');
    is_deeply([sort(names({ type => '07' }))],
              [sort '结婚登记', '居住证申领'], 'type');
    is_deeply([names({ object => '2', topic => 'c17', q => '旅客' })],
              ['道路旅客运输经营许可'], 'together');
    is($nobody->refused('item_search', { topic => "u'1" }),
       '422 bad_value topic', 'bad topic');

    for my $bad ([topic => 'zz'], [type => '99'], [catalog => 'nope'],
                 [object => '8'])
    {
        is($nobody->refused('item_search', { @$bad }),
           "422 bad_value $bad->[0]", "no such $bad->[0]");
    }

    is($nobody->refused('item_topics', { audience => 'x' }),
       '422 bad_value audience', 'no such audience');

    my $first = $nobody->call('item_search', { limit => 1 });
    is($first->{items}[0]{name}, '社会保障卡申领', 'no words: by demand');

    my (%seen, $after, $n);

    do {
        my $page = $nobody->call('item_search', {
            limit => 5, $after ? (after => $after) : () });
        $seen{ $_->{code} }++, $n++ for @{ $page->{items} };
        $after = $page->{next};
    } while ($after);

    is($n, $first->{count}, 'all are listed');
    is(keys %seen, $n, 'each once');
};


subtest 'topics and directory' => sub {
    my $topics = $nobody->call('item_topics');
    my @empty = grep {
        !$nobody->call('item_search', { topic => $_->{code} })->{count}
    } @{ $topics->{items} };

    cmp_ok($topics->{count}, '>', 5, 'topics');
    is_deeply(\@empty, [], 'each leads to something');
    is_deeply([sort keys %{ $topics->{has} }], [qw(legal natural)], 'for both');
    is($nobody->call('item_topics', { audience => 'legal' })->{items}[0]{name},
       '准营准办', 'of legal persons');

    is($nobody->refused('item_catalog', { type => '99' }),
       '422 bad_value type', 'no such type');

    my $list = $nobody->call('item_catalog', { limit => 2, type => '20' });
    is_deeply([map { $_->{name} } @{ $list->{items} }],
              ['社会保障卡申领', '住房公积金提取（租房）'], 'directory');
    is($list->{count}, 3, 'of three');
    is_deeply([map { $_->{name} } @{ $nobody->call('item_catalog', {
                   limit => 2, type => '20', after => $list->{next} })
               ->{items} }], ['生育登记'], 'next page');
};

done_testing;
