# The second person sees all that he approves: each member of the shape of a
# guide and each column that its writer sets, with what was written there.
# GB/T 39047, 5.2.2.2 a

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use lib 't/lib';
use Form;
use Node;
use People;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $item = '11990102MB0DEM105F4000199001000';

my $node = Node->new;
my $db = $node->db;
my $json = JSON::PP->new->utf8(0)->canonical->allow_nonref;

People::seed($db);

my ($manager, $editor) = map { People::staff($node->client, $_) }
    qw(hejing linfeng);
my $words = do {
    open my $fh, '<:encoding(UTF-8)', 'html/item/words.json' or die $!;
    local $/;
    $json->decode(<$fh>);
};
my $number = 40;
my %expected;           # field: what its cell says


# a value for each member, its word if it is a code

sub value_of {
    my ($path, $type) = @_;

    if (ref $type eq 'HASH') {
        return { map { my $name = s/!$//r;
                       ($name, value_of("$path.$name", $type->{$_})) }
                 sort keys %$type };
    }

    if (ref $type eq 'ARRAY') {
        return [value_of($path, $type->[0])];
    }

    my ($group) = $path =~ /([^.]+)$/;
    my $code = $db->admin("SELECT (zwfw.item_codes('$path'))[1]");

    if ($code ne '') {
        $expected{$path} = $words->{$group}{$code};
        return $code;
    }

    if ($type eq 'boolean') {
        $expected{$path} = $words->{yes}{true};
        return JSON::PP::true;
    }

    if ($type eq 'text') {
        return $expected{$path} = "写在 $path";
    }

    $number++;
    $expected{$path} = $type eq 'amount' ? "0.$number 元" : $number;
    return $number;
}


sub cells {
    my ($page) = @_;
    my ($table) = $page =~ m{id="members".*?<tbody[^>]*>(.*?)</tbody>}s;

    return map { [map { s/<p class="hint">.*?<\/p>//sr =~ s/<[^>]*>//gr
                          =~ s/^\s+|\s+$//gr =~ s/\s+/ /gr }
                  m{<th[^>]*>(.*?)</th>\s*<td[^>]*>(.*?)</td>}s] }
           ($table // '') =~ m{<tr[^>]*>(.*?)</tr>}gs;
}


my $form = Form->new($manager->get('/item/manage'), '/item/drafts');
$form->set(catalog_code => '000199001000');
my $page = $form->send($manager)->header('Location');
my $edit = $manager->get("/api$page")->json->{edit};



# nobody has to think of names for the fields of the application

sub names {
    return map { $_->{name} } @{ $manager->get("/api$page")->json->{form} };
}


sub add_field {
    my ($gone) = @_;
    my $form = Form->new($manager->get($page), $page);
    my $free = scalar names();

    $form->check("guide.form.$gone.remove", 1) if defined $gone;
    $form->set("guide.form.$free.label" => '店名',
               "guide.form.$free.type" => 'line');
    is($form->send($manager)->code, 303, 'a field without a name');
    return join ' ', names();
}


my @had = names();
is(add_field(), "@had field_1", 'gets one; rows that are empty get none');
is(add_field(scalar @had), "@had field_2",
   'another instead of it gets a name that had no other meaning');


my $guide = value_of('guide', $json->decode($db->admin(
    'SELECT zwfw.item_shape()')));
$db->admin("UPDATE zwfw.items SET guide = '" . $json->encode($guide) . "',"
    . " name = '写在 name', project_type = '9', anticipate_day = 17,"
    . " anticipate_type = '2', promise_day = 0, promise_type = '1',"
    . " fee = false, online = false, real_level = 4, objects = '{5,9}',"
    . " topics = '{u07,c02}', keywords = '{开店,摆摊}',"
    . " effective_on = '2031-02-03', state = 'pending'"
    . " WHERE code = '$item' AND state = 'draft'");
%expected = (%expected, name => '写在 name', project_type => '其他',
    anticipate_day => '17 天', anticipate_type => '天',
    promise_day => '不到 1 个工作日', promise_type => '个工作日',
    fee => '不收费', online => '只在窗口办理', real_level => '实名四级',
    objects => '非法人企业其他组织', topics => '准营准办',
    keywords => '开店、摆摊', effective_on => '2031年2月3日');

is_deeply([sort grep { !/^guide\./ } keys %expected],
          [sort grep { $_ ne 'guide' } keys %$edit],
          'all columns that the form has');

my $res = $editor->get($page);
is($res->code, 200, 'the page of the second person');
like($res->text, qr{<button[^>]*>审核通过}, 'who may approve here');
my @cells = cells($res->text);
like($res->text, qr{<p class="hint">写在 $_</p>}, 'a row by what people call it')
    for 'guide.materials.name', 'guide.form.label';
unlike($res->text, qr{<p class="hint">写在 $_</p>}, 'not by its code')
    for 'guide.materials.code', 'guide.form.name';

for my $field (sort keys %expected) {
    my $label = $words->{field}{$field} // "no word for $field";

    ok(scalar(grep { $_->[0] eq $label
                     && $_->[1] eq $expected{$field} } @cells),
       "$field: $label, $expected{$field}")
        or diag(map { "  @$_\n" } grep { $_->[0] eq $label } @cells);
}

# a version that its day did not put into use says why

$db->admin("UPDATE zwfw.items SET state = 'approved', held_at = updated_at,"
           . " held_code = 'catalog_cancelled'"
           . " WHERE code = '$item' AND state = 'pending'");
$res = $editor->get($page);
like($res->text, qr{没有启用</h2>\s*<p>基本目录中的这个事项已经取消。</p>},
     'held by a rule');
$db->admin("UPDATE zwfw.items SET held_code = NULL WHERE held_code <> ''");
like($editor->get($page)->text, qr{没有启用</h2>\s*<p>平台启用这一版时出了故障},
     'held by a fault');
$db->admin("UPDATE zwfw.items SET state = 'pending'"
           . " WHERE code = '$item' AND state = 'approved'");
unlike($editor->get($page)->text, qr{没有启用}, 'not held');

# the way out of an item stands behind a question

$db->admin("UPDATE zwfw.items SET state = 'draft', effective_on = NULL"
           . " WHERE code = '$item' AND state = 'pending'");
my $used = $db->admin("SELECT id FROM zwfw.items WHERE code = '$item'"
                      . " AND state = 'in_use'");
my $shown = $editor->get("/item/drafts/$used")->text;
like($shown, qr{<a href="/item/$item/cancel">永久取消这个事项</a>}, 'a link');
unlike($shown, qr{<form[^>]*action="/item/$item/(?:cancel|suspend)"},
       'which does nothing by itself');

my $asked = $editor->get("/item/$item/cancel");
my $cancel = Form->new($asked, "/item/$item/cancel");
like($asked->text, qr{<h1>取消事项：个体工商户}, 'it is said what is cancelled');
like($asked->text, qr{取消以后不能恢复}, 'and what it means');
is($cancel->send($editor)->code, 422, 'not without a reason');
is($db->admin("SELECT state FROM zwfw.items WHERE id = '$used'"), 'in_use',
   'nothing is done yet');

$cancel->set(reason => '国家取消该登记。');
my $said = $cancel->send($editor);
is($said->code . ' ' . $said->header('Location'), "303 /item/$item",
   'affirmed');
is($db->admin("SELECT state FROM zwfw.items WHERE id = '$used'"), 'cancelled',
   'and done');
is($editor->get("/item/$item/cancel")->code, 404, 'there is no second time');
is($manager->get("/item/$item/cancel")->code, 403, 'editors only');

is_deeply([$node->nginx->stop], [], 'nothing bad in the log');

done_testing;
