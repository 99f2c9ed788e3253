# Finding an item: words and parts of words, whatever their width; near things
# first; conditions; page by page; both faces.  GB/T 39047, 5.2.1.5

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1);
my $http = $node->client;


sub query {
    my %o = @_;

    return join '&', map { "$_=" . Http::escape($o{$_}) } sort keys %o;
}


sub search {
    my $res = $http->get('/api/item/?' . query(@_));

    return $res->json if $res->code == 200;
    return { error => $res->code . " $res->{code} " . $res->text };
}


sub names {
    my $found = search(@_);

    return $found->{error} // join ' ', map { $_->{name} } @{ $found->{items} };
}


sub page {
    return $http->get('/item/?' . query(@_));
}


# what may be chosen

{
    my $page = page()->text;
    my $codes = $node->db->admin("SELECT string_agg(c, ' ')"
        . " FROM unnest(zwfw.item_codes('objects')) c");

    is(join(' ', map { /value="(\d)"/g }
            $page =~ m{<select id="f-object".*?</select>}gs), $codes,
       'each kind of people that an item may serve');
    like($http->get('/')->text,
         qr{<form [^>]*action="/item/"(?:(?!</form>).)*
            <select[^>]*name="region">\s*<option\ value="all">}sx,
         'the home page lets choose a region');
}


# the home page leads to nothing that is empty

{
    my %topics = map { $_ => 1 } $http->get('/')->text
        =~ m{href="/item/\?topic=([uc]\d\d)">\p{Han}}g;

    is(join(' ', sort keys %topics), $node->db->admin(
        "SELECT string_agg(DISTINCT t, ' ' ORDER BY t)"
        . " FROM zwfw.items, unnest(topics) t WHERE state = 'in_use'"),
       'its topics are those of what is offered');
    isnt(names(topic => $_, region => 'all'), '', "topic $_") for keys %topics;
}

like(names(q => '开餐馆'), qr/食品经营许可/, 'another word for the same');


# words

my $card = '社会保障卡申领';

is(names(q => $card), $card, 'a name');
is(names(q => '障卡'), $card, 'two characters out of it');
is(names(q => '社保卡'), $card, 'as people call it');
is(names(q => '  社保卡  '), $card, 'blanks around');
is(names(q => '社会 申领'), $card, 'two words');
is(names(q => '娶'), '', 'a character that stands nowhere');
like(names(q => '卡'), qr/$card/, 'one character');
is(names(q => '社会保障局卡'), '', 'neighbours that are none');
is(names(q => '11990102MB0DEM105F4000199001000'), '个体工商户注册登记',
   'the code of an item');

$node->db->admin("UPDATE zwfw.items SET keywords = keywords || '{abc12}'"
                 . " WHERE name = '$card'");
is(names(q => 'ＡＢＣ１２'), $card, 'full width');
is(names(q => 'aBc12'), $card, 'capital letters');
is(names(q => 'abc1'), '', 'a part of a Latin word is another word');


# what is no word finds nothing, and breaks nothing

for my $q (q{%_'}, q{%}, q{'; DROP TABLE zwfw.items; --}, "\x{1f600}",
           "\x{1f468}\x{200d}\x{1f469}\x{200d}\x{1f467}", '!&|():*<->', '\\',
           '<script>alert(1)</script>')
{
    my $found = search(q => $q);

    is_deeply([$found->{count}, $found->{items}], [0, []], "$q finds nothing");
    my $page = page(q => $q);
    is($page->code, 200, 'and has its page');
    like($page->text, qr/没有找到事项/, 'which says what to do');
    unlike($page->text, qr/<script>alert/, 'and is escaped');
}

my $long = '我想在家附近开一个小饭店卖早点和面条请问我需要先办理什么手续准备哪些材料要花多长时间多少钱去哪里办可以不可以在网上申请啊';
$long = substr $long . '请告诉我' x 5, 0, 60;
is(length $long, 60, 'sixty characters');
is(search(q => $long)->{count}, 0, 'a sentence is taken as it is');
is(page(q => $long)->code, 200, 'on the page as well');

my $res = $http->get('/api/item/?' . query(q => "${long}啊"));
is($res->code . ' ' . $res->json->{code} . ' ' . $res->json->{field},
   '422 too_long q', 'one more is too much');
is(page(q => "${long}啊")->code, 422, 'so it is on the page');
is(search(q => '')->{count}, search()->{count}, 'nothing asked');


# regions: what is near comes first, but what is above is there, too

my ($near, $far) = map { search(region => $_, limit => 100) } '370102', '000000';

is($near->{items}[0]{region}{code}, '370102', 'the own district first');
is_deeply([map { $_->{region}{code} } @{ $near->{items} }],
          [sort { $b <=> $a } map { $_->{region}{code} } @{ $near->{items} }],
          'then the city, the province, the state');
cmp_ok($near->{count}, '>', $far->{count}, 'not what is below');
is_deeply([map { $_->{code} } grep { $_->{chosen} } @{ $near->{regions} }],
          ['370102'], 'which was chosen');
is(search(region => 'all')->{count}, $node->db->admin(
   "SELECT count(*) FROM zwfw.items WHERE state = 'in_use'"), 'everywhere');
cmp_ok(search(region => '370103')->{count}, '<', $near->{count},
       'not what is beside');
$res = $http->get('/api/item/?region=999999');
is($res->code . ' ' . $res->json->{field}, '422 region', 'no such region');


# conditions

my %type = map { $_->{type} => 1 } @{ search(type => '20', limit => 100)
                                      ->{items} };
is(join(' ', keys %type), '20', 'a type');
my @served = map { $_->{objects} } @{ search(object => '2', limit => 100)
                                     ->{items} };
cmp_ok(scalar @served, '>', 0, 'for whom: some');
is(scalar(grep { grep { $_ eq '2' } @$_ } @served), scalar @served,
   'and no others');
like(names(topic => 'u16', limit => 100), qr/$card/, 'a topic');
is(names(catalog => '002099009000'), $card, 'an entry of the directory');
is(names(q => '经营', type => '20'), '', 'words and conditions together');
$res = $http->get('/api/item/?topic=U-1');
is($res->code . ' ' . $res->json->{field}, '422 topic', 'no such topic');


# page by page

sub pages {
    my ($ask) = @_;

    my (@names, $after);

    for (1 .. 20) {
        my ($next, @more) = $ask->($after);
        push @names, @more;
        $after = $next // last;
    }

    return @names;
}

for my $asked ({ region => 'all' }, { region => '370102' },
               { q => '经营', region => 'all' })
{
    my $name = join ' ', map { "$_ $asked->{$_}" } sort keys %$asked;
    my @all = map { $_->{name} } @{ search(%$asked, limit => 100)->{items} };

    cmp_ok(scalar @all, '>', 2, "$name: several");
    is_deeply([pages(sub {
        my $found = search(%$asked, limit => 2, $_[0] ? (after => $_[0]) : ());
        return $found->{next}, map { $_->{name} } @{ $found->{items} };
    })], \@all, 'each of them once, in order');

    is_deeply([pages(sub {
        my $page = page(%$asked, limit => 2, $_[0] ? (after => $_[0]) : ());
        my ($next) = $page->text =~ /name="after" value="([^"]+)"/;
        return $next, $page->text =~ m{<h2><a href="/item/\w+">([^<]+)}g;
    })], \@all, 'on pages as well');
}

my $page = page(q => '经营', region => 'all', type => '01', limit => 1);
my ($form) = $page->text =~ m{(<form[^>]*>(?:(?!</form>).)*name="after".*?</form>)}s;

like($form, qr/name="$_->[0]" value="$_->[1]"/, "the next page keeps $_->[0]")
    for ['q', '经营'], ['region', 'all'], ['type', '01'], ['limit', '1'];
is(join(' ', $page->text =~ /<option value="(\w+)"[^>]* selected>/g), '01',
   'the chosen type is selected');

$res = $http->get('/api/item/?after=WzFd');
is($res->code . ' ' . $res->json->{code}, '422 bad_cursor', 'a wrong cursor');

# a suspended one is marked, and is not offered online

my $found = qr{<a href="/item/\w+">$card</a>.*?<p class="meta">(.*?)</p>}s;

like((page(q => $card)->text =~ $found)[0], qr/可在线办理/, 'offered online');
$node->db->admin("UPDATE zwfw.items SET state = 'suspended', reason = 'x'
                   WHERE name = '$card'; NOTIFY zwfw_cache, 'item'");
Proc::until_true('suspended', 10, sub {
    return (page(q => $card)->text =~ $found)[0] =~ /暂停办理/;
});
unlike((page(q => $card)->text =~ $found)[0], qr/可在线办理/,
       'not while it is suspended');


# directories: codes to begin a draft with, shelves for whom

like($http->get('/item/catalog')->text, qr{002099009000</td>},
     'the basic directory has its codes');
like($http->get('/item/catalog?type=03')->text,
     qr{没有“行政强制”类的事项}, 'an empty part says which');
my ($persons, $others) = $http->get('/item/topics')->text
    =~ m{<h3>个人办事</h3>(.*?)<h3>法人和其他组织办事</h3>(.*?)<h2}s;
like($persons, qr/topic=u16/, 'topics for persons');
unlike($persons, qr/topic=c/, 'and those only');
like($others, qr/topic=c02/, 'and for others');
unlike($others, qr/topic=c01/, 'where something is offered');
unlike($others, qr/topic=u/, 'theirs only');

my $manager = $node->client(roles => 'item_manager',
    body => '019a0000-0000-7000-8000-000000000009');
like($manager->get('/item/manage?state=in_use')->text,
     qr{在用：共 1 项。.*第 1 版}s, 'own items by state');
like($manager->get('/item/manage?state=cancelled')->text,
     qr{没有“已取消”的事项}, 'none of this state');
is($manager->get('/item/manage?state=gone')->code, 422, 'no such state');


is_deeply([$node->nginx->stop], [], 'nothing bad in the log');

done_testing;
