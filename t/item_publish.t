# From writing to reading: one writes a guide by pages or by JSON, another
# approves it, and every worker of every node shows it.
# GB/T 39047, 5.2.1.4 and 5.2.2.2 a

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Form;
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $item = '11990102MB0DEM105F4000199001000';
my $catalog = '000199001000';

my $node = Node->new;
my $other = Node->new(db => $node->db, redis => $node->redis, workers => 1);
my $db = $node->db;


sub everywhere {
    my ($what, $pattern, $path, @readers) = @_;

    ok(eval {
        Proc::until_true($what, 10, sub {
            return !grep { $_->get($path)->text !~ $pattern } @readers;
        });
    }, "$what: everywhere") or diag($@);
}


People::seed($db);

my ($manager, $editor) = map { People::staff($node->client, $_) }
    qw(hejing linfeng);
my @readers = map { $_->readers } $node, $other;
my $page;

is(scalar @readers, 3, 'two workers, and another node');


subtest 'written by pages' => sub {
    my $res = begin();

    is($res->code, 303, 'a new version');
    $page = $res->header('Location');
    like($page, qr{^/item/drafts/[0-9a-f-]{36}$}, 'leads to its page');

    $res = $manager->get($page);
    like($res->text, qr/和第 1 版一样，没有改动/, 'nothing is changed yet');
    unlike($res->text, qr{action="$page/approve"}, 'no approving');

    my $form = Form->new($res, $page);
    is($form->value('guide.materials.0.name'), '个体工商户登记申请书',
       'a row of the list');
    is($form->value('guide.materials.4.name'), '', 'two more are free');
    is($form->value('picked.objects.is_1'), 'on', 'a choice');
    is($form->value('picked.objects.is_2'), undef, 'not chosen');
    is($form->send($manager)->code, 303, 'saved as it is');
    is_deeply(draft()->{changes}, [], 'changes nothing')
        or diag(explain(draft()->{changes}));
};


sub begin {
    my $form = Form->new($manager->get('/item/manage'), '/item/drafts');

    $form->set(catalog_code => $catalog);
    return $form->send($manager);
}


sub draft {
    return $manager->get("/api$page")->json;
}


subtest 'rows' => sub {
    my $form = Form->new($manager->get($page), $page);

    $form->check('guide.materials.1.remove', 1);
    $form->set('guide.materials.3.code' => 'M09',
               'guide.materials.3.name' => "住所<承诺书>",
               'guide.materials.3.need' => '2',
               'guide.materials.3.source' => '99',
               'guide.materials.0.note' => "第一行\n第二行",
               'guide.questions.1.question' => '', promise_day => '1',
               'guide.questions.1.answer' => '',
               keywords => '开店、ＡＢＣ执照');
    $form->check('guide.materials.3.kinds.is_pdf', 1);
    $form->check('guide.materials.3.kinds.is_ofd', 1);
    $form->check('picked.topics.is_u05', 1);
    is($form->send($manager)->code, 303, 'saved');

    my $draft = draft();
    is(join(' ', map { $_->{code} } @{ $draft->{materials} }), 'M01 M03 M09',
       'one is gone, one is new');
    is_deeply($draft->{materials}[2],
              { code => 'M09', name => '住所<承诺书>', need => '2',
                source => '99', kinds => ['ofd', 'pdf'] }, 'the new one');
    is($draft->{materials}[0]{note}, "第一行\n第二行", 'lines');
    is(scalar @{ $draft->{questions} }, 1, 'an emptied row is gone');
    is_deeply($draft->{keywords}, ['开店', 'abc执照'], 'words are folded');
    is_deeply([map { $_->{code} } @{ $draft->{topics} }], ['u05', 'u06'],
              'topics');

    my $changes = $manager->get($page)->text;
    like($changes,
         qr{材料名称<p class="hint">经营者身份证明</p></th>\s*<td[^>]*><span[^>]*>经营者身份证明</span></td>\s*<td[^>]*><span[^>]*>没有},
         'what is gone');
    like($changes, qr{住所&lt;承诺书&gt;</span></td>}, 'what is new, escaped');
    like($changes,
         qr{是否必要<p class="hint">住所&lt;承诺书&gt;</p></th>\s*<td[^>]*><span[^>]*>没有</span></td>\s*<td[^>]*>\s*<span class="list">非必要},
         'a code by its word');
};


subtest 'wrong input' => sub {
    my $form = Form->new($manager->get($page), $page);

    $form->set('guide.materials.1.files' => 'viele', promise_day => '9',
               'guide.materials.0.need' => '3');
    my $res = $form->send($manager);
    is($res->code, 422, 'refused');
    like($res->text, qr{<a href="\#f-guide\.materials\.1\.files">最多几个文件：},
         'the summary leads there, in words');
    like($res->text, qr{id="e-guide\.materials\.1\.files"}, 'so does the field');

    my $again = Form->new($res, $page);
    is($again->value('guide.materials.1.files'), 'viele', 'what was typed');
    is($again->value('guide.materials.0.need'), '3', 'what was chosen');
    is($again->value('picked.topics.is_u05'), 'on', 'what was checked');
    is($again->value('picked.topics.is_u07'), undef, 'and what was not');

    $again->set('guide.materials.1.files' => '2', promise_day => '1');
    $again->check('picked.objects.is_1', 0);
    $res = $again->send($manager);
    is($res->code, 422, 'nobody to serve');
    like($res->text, qr{<a href="\#f-objects">服务对象：}, 'is said');

    $form = Form->new($manager->get($page), $page);
    $form->set('guide.phones.complain' => $form->value('guide.phones.consult'));
    $res = $form->send($manager, "$page/submit");
    is($res->code, 422, 'the rules are checked when it is submitted');
    like($res->text, qr/咨询电话和监督投诉电话不能相同/, 'and said');
    is(Form->new($res, $page)->value('guide.materials.2.name'),
       '住所<承诺书>', 'nothing typed is lost');
    is(draft()->{state}, 'draft', 'still a draft');
};


subtest 'by a second person' => sub {
    my $form = Form->new($manager->get($page), $page);

    $form->set('guide.accept_condition' => '有经营能力的公民（新版条件）。');
    is($form->send($manager, "$page/submit")->code, 303,
       'saved and submitted at once');
    is(draft()->{state}, 'pending', 'waits');

    my $res = $manager->get($page);
    unlike($res->text, qr/<button[^>]*>(?:保存|审核通过|退回修改)/,
           'its writer has no buttons now');
    my $seen = { revision => draft()->{revision} };
    is($manager->post_json("/api$page/approve", $seen)->code, 403,
       'nor the right');
    is($manager->get('/item/pending')->code, 403, 'nor the list');

    People::grant($db, split(/\|/, $db->admin("SELECT u.id, i.body
        FROM zwfw.users u, zwfw.items i WHERE u.name = '何静'
         AND i.code = '$item' LIMIT 1")), 'item_editor');

    my $both = People::staff($node->client, 'hejing');
    $res = $both->get($page);
    like($res->text, qr/编制和审核不能是同一个人/, 'with both roles it says');
    unlike($res->text, qr/<button[^>]*>审核通过/, 'and has no button');
    $res = $both->post_json("/api$page/approve", $seen);
    is($res->code . ' ' . $res->json->{code}, '403 same_person', 'is refused');
    $res = $editor->post_json("/api$page/approve", {});
    is($res->code . ' ' . $res->json->{field}, '422 revision',
       'what was seen must be said');

    like($editor->get('/item/pending')->text, qr{<a href="\Q$page\E">},
         'an editor sees it');
    $res = $editor->get($page);
    like($res->text, qr/<button[^>]*>审核通过/, 'and may approve');
    like($res->text, qr/新版条件/, 'having read it');
    like($res->text, qr/共 \d+ 处/, 'and what differs');
};


# the writer gets it back and changes it while the editor has the page open

subtest 'an old page' => sub {
    my $approve = Form->new($editor->get($page), "$page/approve");
    my $reject = Form->new($editor->get($page), "$page/reject");

    $reject->set(reason => '请写明经营能力。');
    is($reject->send($editor)->code, 303, 'sent back');
    my $form = Form->new($manager->get($page), $page);
    $form->set('guide.accept_condition' => '有经营能力的公民（新版条件二）。');
    is($form->send($manager, "$page/submit")->code, 303, 'submitted again');

    my $res = $approve->send($editor);
    is($res->code, 409, 'approving what was seen before is refused');
    like($res->text, qr/在您打开以后，内容已经有人改过/, 'it is said why');
    like($res->text, qr/新版条件二/, 'with what there is now');
    is(draft()->{state}, 'pending', 'it still waits');
};


subtest 'published' => sub {
    for (@readers) {
        like($_->get("/item/$item")->text, qr/第 1 版/, 'the old guide');
    }

    # a change that nobody is told of shows that the page is kept
    $db->admin("UPDATE zwfw.item_versions SET document = replace("
        . "document::text, '有经营能力的公民', '偷偷改过')::json"
        . " WHERE code = '$item'");
    unlike($_->get("/item/$item")->text, qr/偷偷改过/, 'is kept')
        for @readers;

    my $res = Form->new($editor->get($page), "$page/approve")->send($editor);
    is($res->code, 303, 'approved by the page');
    everywhere('the new guide', qr/新版条件二.*第 2 版/s, "/item/$item",
               @readers);
    is($_->get("/api/item/$item")->json->{version}, 2, 'as JSON')
        for @readers;
    was_promised();
    is($readers[0]->get("/api/item/?q=" . Http::escape('ABC执照'))
       ->json->{count}, 1, 'its new words find it');
    like($editor->get($page)->text, qr{<a [^>]*"/item/$item/suspend">暂停办理},
         'it may be suspended now');
    like($editor->get("/item/$item")->text,
         qr{<a href="/item/$item\?version=1">第 1 版</a>}, 'the older is there');
};


# a case is of the version that was in force on its day, and leads there

sub was_promised {
    my $reader = $readers[0];

    is($reader->get("/api/item/$item?version=1")->json->{promise_day}, 0,
       'what version 1 promised');
    is($reader->get("/api/item/$item?version=1")->json->{newer}, 2,
       'and that there is another');
    is($reader->get("/api/item/$item")->json->{promise_day}, 1,
       'what version 2 promises');
    ok(!exists $reader->get("/api/item/$item?version=2")->json->{newer},
       'which is the last');

    for my $look (1, 2) {
        my $page = $reader->get("/item/$item?version=1")->text;

        like($page, qr/您看的是第 1 版指南，最新公布的是第 2 版/,
             "the page of version 1 says so, look $look");
        like($page, qr{<dt>承诺办结时限</dt><dd>不到 1 个工作日},
             'with what it promised');
        unlike($page, qr{在线办理</a>}, 'nobody applies by it');
        unlike($reader->get("/item/$item")->text, qr/您看的是第/,
               'the page in force is another');
    }

    is($reader->get("/api/item/$item?version=3")->code, 404, 'no such version');
    is($reader->get("/item/$item?version=3")->code, 404, 'nor its page');
    is($reader->get("/api/item/$item?version=x")->json->{field}, 'version',
       'no number');
}


subtest 'suspended' => sub {
    my $ask = "/item/$item/suspend";
    my $form = Form->new($editor->get($ask), $ask);

    my $res = $form->send($editor);
    is($res->code, 422, 'not without a reason');
    like($res->text, qr/理由：请填写/, 'which is said');
    $form->set(reason => '系统升级，暂停三天。');
    is($form->send($editor)->code, 303, 'suspended');
    everywhere('the reason', qr/暂停办理.*系统升级，暂停三天。/s,
               "/item/$item", @readers);
    unlike($readers[0]->get("/item/$item")->text, qr/在线办理<\/a>/,
           'no way to apply');

    my $she = $node->client(kind => 'natural');
    $res = $she->get("/api/case/new?item=$item");
    is($res->code, 409, 'applying is refused') or diag($res->text);

    is($manager->post_json("/api/item/$item/resume", { version => 2 })->code,
       403,
       'a writer does not resume it');
    is(Form->new($editor->get($ask), "/item/$item/resume")->send($editor)
       ->code, 303, 'resumed');
    everywhere('open again', qr{在线办理</a>}, "/item/$item", @readers);
};


subtest 'written by JSON' => sub {
    my $res = $manager->post_json('/api/item/drafts',
                                  { catalog_code => $catalog });
    is($res->code, 200, 'a draft');
    my $draft = "/api/item/drafts/" . $res->json->{id};
    my $guide = $manager->get($draft)->json;

    is($manager->post_json('/api/item/drafts', { catalog_code => $catalog })
       ->json->{code}, 'draft_exists', 'one at a time');
    $res = $manager->post_json($draft, { revision => $guide->{revision},
                                         objects => '1', promise_day => 2,
                                         project_type => '2' });
    is($res->json->{state}, 'draft', 'saved');
    $res = $manager->post_json($draft, { revision => $guide->{revision} });
    is($res->code . ' ' . $res->json->{code}, '409 changed_meanwhile',
       'from an old page');
    is($manager->post_json("$draft/submit",
           { revision => $guide->{revision} + 1 })->json->{state}, 'pending',
       'submitted');

    $guide = $manager->get($draft)->json;
    $res = $editor->post_json("$draft/reject", { reason => '请核对',
                                  revision => $guide->{revision} });
    is($res->json->{state}, 'draft', 'sent back');
    like($manager->get($draft =~ s{^/api}{}r)->text, qr/请核对/,
         'its writer reads why');
    $manager->post_json("$draft/submit",
                        { revision => $res->json->{revision} });
    is($editor->post_json("$draft/approve",
                          { revision => $res->json->{revision} })
       ->json->{state}, 'in_use', 'approved');
    everywhere('version 3', qr/第 3 版/, "/item/$item", @readers);
};


subtest 'dropped' => sub {
    my $draft = begin()->header('Location');

    unlike($editor->get($draft)->text, qr/删除草稿/, 'not by an editor');
    my $drop = Form->new($manager->get($draft), "$draft/drop");
    my $form = Form->new($manager->get($draft), $draft);
    is($form->send($manager)->code, 303, 'saved in another window');
    my $res = $drop->send($manager);
    is($res->code, 409, 'the old page drops nothing');
    like($res->text, qr/个体工商户登记申请书/, 'and shows what there is');
    $res = Form->new($res, "$draft/drop")->send($manager);
    is($res->code . ' ' . $res->header('Location'), '303 /item/manage',
       'its writer drops it');
    is($manager->get($draft)->code, 404, 'it is gone');
    unlike($manager->get('/item/manage')->text, qr/\Q$draft\E/,
           'also from the list');
    $page = begin()->header('Location');
    isnt($page, $draft, 'and another one may begin');
};


subtest 'fees' => sub {
    my $form = Form->new($manager->get($page), $page);

    $form->set('guide.fees.0.name' => '工本费', 'guide.fees.0.basis' => '价目表',
               'guide.fees.0.amount' => '十二块五');
    my $res = $form->send($manager);
    is($res->code, 422, 'words are no amount');
    like($res->text, qr{<a href="\#f-guide\.fees\.0\.amount">收费标准（元）：请以元为单位},
         'the field is named, in words');
    $form = Form->new($res, $page);
    is($form->value('guide.fees.0.amount'), '十二块五', 'what was typed stays');
    $form->set('guide.fees.0.amount' => '12.5');
    is($form->send($manager)->code, 303, 'saved');
    is(draft()->{fees}[0]{amount}, 1250, 'JSON has fen');
    is(Form->new($manager->get($page), $page)->value('guide.fees.0.amount'),
       '12.50', 'the form has yuan');
    like($manager->get($page)->text, qr/12\.50 元/, 'so do the changes');
    $res = $manager->post_json("/api$page", { revision => draft()->{revision},
        guide => { fees => [{ name => 'x', amount => '12.50',
                              basis => 'x' }] } });
    is($res->code . ' ' . $res->json->{field}, '422 guide.fees.0.amount',
       'a text is no amount in JSON');
};


is_deeply([$_->nginx->stop], [], 'nothing bad in the log') for $other, $node;

done_testing;
