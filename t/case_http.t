# Cases over HTTP: all that is wrong is said in one answer; what staff reads of
# an applicant is in the audit trail; nobody asks without end (GB/T 39047,
# 5.2.2.3; design: rows, reads, limit).

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $db = $node->db;
my $food = '11990100MB0DEM033R3000199002000';
my $body = '019a0000-0000-7000-8000-000000000002';
my %person = ('applicant.name' => '王秀英',
              'applicant.id_number' => '990101199001010019',
              'applicant.phone' => '10000000001');
my %answers = (shop_name => '演示小吃店', kind => '餐饮服务',
               address => '演示路 1 号', area => '60');


sub person {
    my $http = $node->client;

    People::register($http);
    return $http;
}


sub staff {
    my ($roles, $office) = @_;

    my $http = $node->client(roles => $roles, body => $office // $body);
    $http->{headers}{'X-CSRF-Token'} = $http->{token};
    return $http;
}


sub form {
    my %own = (%answers, @_);

    return map { ("form.$_" => $own{$_}) } keys %own;
}


sub file {
    my ($n, $name) = @_;

    return ("materials.$n.code" => 'M0' . ($n + 1), "materials.$n.file" =>
            { name => "$name.pdf", content => "%PDF-1.4\n$name\n",
              type => 'application/pdf' });
}


# "field code, field code" of a problem

sub errors {
    my $res = shift;

    return $res->code . ' ' . join ', ', map { "$_->{field} $_->{code}" }
        @{ $res->json->{errors} // [$res->json] };
}


subtest 'all that is wrong, at once' => sub {
    my $she = person();
    my $res = $she->upload('/api/case/', [
        item => $food, form(area => 'many', kind => '其他'),
        'applicant.name' => '王秀英', file(0, 'a'), 'materials.1.code' => 'M09',
        'materials.1.file' => { name => 'b.pdf', type => 'application/pdf',
                                content => "%PDF-1.4\n" } ]);
    my $all = '422 applicant.id_number missing, applicant.phone missing, '
        . 'form.kind bad_value, form.area bad_type, materials.M02 missing, '
        . 'materials.M03 missing, materials.M09 unknown_material';

    is(errors($res), $all, 'person, answers and materials');
    is($res->json->{field}, 'applicant.id_number', 'the first one as before');
    ok(!grep({ $_->{detail} !~ /\p{Han}.*[。！]$/ } @{ $res->json->{errors} }),
       'each in a sentence');
    is((map { $_->{detail} } grep { $_->{field} eq 'materials.M02' }
        @{ $res->json->{errors} })[0], '请上传这份材料。', 'that helps');
    is(errors($she->upload('/api/case/', [ item => $food ])),
       '422 ' . join(', ', map { "$_ missing" } qw(applicant.name
           applicant.id_number applicant.phone form.shop_name form.kind
           form.address form.area materials.M01 materials.M02 materials.M03)),
       'nothing at all');
    is(errors($she->upload('/api/case/', [ item => $food, %person, form(),
              file(0, 'a'), file(1, 'b') ])), '422 materials.M03 missing',
       'one: without a list');

    my $page = $she->upload('/case/', [
        _token => $she->get('/help')->hidden->{_token}, item => $food, %person,
        form(area => 'many'), file(0, 'a') ])->text;
    like($page, qr{<a href="#f-\Q$_\E">}, "page: the summary leads to $_")
        for qw(form.area materials.M02 materials.M03);
    like($page, qr/id="e-\Q$_\E"/, "and says it there: $_")
        for qw(form.area materials.M02 materials.M03);
    like($page, qr/id="e-materials\.M02">请上传这份材料。</, 'in words');
    unlike($page, qr/id="e-form\.kind"/, 'not where nothing is wrong');
    like($page, qr/value="王秀英"/, 'what was typed is kept');

    is($db->admin('SELECT count(*) FROM zwfw.cases'), 0, 'nothing is stored');
};


subtest 'an item for legal persons' => sub {
    my $coach = '11990100MB0DEM05XC3000199005000';
    my $she = person();
    my $res = $she->get("/api/case/new?item=$coach");

    is($res->code . ' ' . $res->json->{code}, '409 item_not_for_you',
       'refused by name');
    like($she->get("/case/new?item=$coach")->text, qr/自然人不能申请这个事项/,
         'page: in words');
    my $guide = $she->get("/item/$coach")->text;
    like($guide, qr/自然人不能申请这个事项/, 'the guide says so');
    unlike($guide, qr/在线办理/, 'instead of a button');
    like($she->get("/item/$food")->text, qr{href="/case/new\?item=$food"},
         'which others have');
};


subtest 'who reads is seen' => sub {
    my $she = person();
    my $res = $she->upload('/api/case/', [ item => $food, %person, form(),
                           file(0, 'SECRET'), file(1, 'b'), file(2, 'c') ]);
    my $id = $res->json->{id};
    my ($path) = map { $_->{files}[0]{path} }
        @{ $she->get("/api/case/$id")->json->{materials} };
    my $clerk = staff('clerk');
    my $reader = $node->client(roles => 'approver', body => $body);
    my $uid = $reader->{me}{uid};

    is($clerk->post_json("/api/case/$id/receive", { version => 2 })->code,
       200, 'received');
    is($reader->get($_)->code, 200, $_)
        for "/$path", "/api/$path", "/case/$id/work", "/case/$id/receipt",
            '/case/inbox';
    is(staff('clerk', $body =~ s/2$/3/r)->get("/$path")->code, 404,
       'not of another body');
    is($she->get("/$path")->code, 200, 'and the applicant, of course');

    my $read = "SELECT string_agg(action || ' ' || object || ' '"
        . " || coalesce(object_id, '-') || ' ' || outcome, E'\\n'"
        . " ORDER BY action) FROM zwfw.audit WHERE uid = '$uid'"
        . " AND action <> 'auth_login'";
    my $file = '/{id}/files/{file}';
    my $told = join "\n", sort "$file case $id ok", "$file case $id ok",
        "case_inbox case - ok", "case_receipt case $id ok",
        "case_work case $id ok";

    Proc::until_true('five lines, and one of the log-in', 20, sub {
        $db->admin("SELECT count(*) FROM zwfw.audit WHERE uid = '$uid'") == 6;
    });
    is($db->admin($read), $told, 'each with its action and its case');
    is($db->admin("SELECT count(*) FROM zwfw.audit a WHERE a::text ~ "
                  . "'SECRET|王秀英|990101199001010019|10000000001'"), 0,
       'and nothing of the person');
    is($db->admin("SELECT count(*) FROM zwfw.audit WHERE action = '$file'"
                  . ' AND uid IS DISTINCT FROM ' . "'$uid'"), 0,
       'neither of the applicant, nor of who was refused');
};


subtest 'a clerk of one body who decides in another' => sub {
    my $other = $body =~ s/2$/3/r;
    my $account = People::appoint($db, roles => 'clerk', body => $other);

    People::grant($db, $account->{uid}, $body, 'approver');

    my $told = People::login(my $she = $node->client, $account);
    is("$told->{roles} $told->{body} $told->{bodies}",
       "approver,clerk $body $body,$other", 'logs in');

    my $wang = person();
    my ($mine, $theirs) = map { $wang->upload('/api/case/', [
        item => $_->[0], %person, $_->[1]->(), file(0, 'a'), file(1, 'b'),
        file(2, 'c') ])->json->{id} }
        ['11990102MB0DEM041H4000199004000', sub {
            ('form.words' => '演示', 'form.size' => '600×120', 'form.light' =>
             '不发光', 'form.address' => '演示路 1 号') }], [$food, \&form];

    is($she->post_json("/api/case/$mine/receive", { version => 2 })->code,
       200, 'takes in what comes to the one');
    is($she->post_json("/api/case/$theirs/receive", { version => 2 })->code,
       403, 'not what comes to the other');
    is($she->get("/api/case/$theirs/work")->code, 200, 'which is seen');

    my $told_of = "SELECT string_agg(action || ' ' || outcome || ' '"
        . " || coalesce(body::text, '-'), ', ' ORDER BY action, outcome)"
        . " FROM zwfw.audit WHERE uid = '$account->{uid}'"
        . " AND action LIKE 'case%'";
    my $lines = "case_receive ok $other, case_receive refused -, "
        . 'case_work ok -';

    Proc::until_true('what she did and tried', 20, sub {
        ($db->admin($told_of) // '') eq $lines;
    });
    pass('is in the trail: with the body, where it is known');
};


subtest 'not without end' => sub {
    my @rows = grep { $_->{slice} eq 'case' } Rows::all();

    is(join("\n", map { Rows::name($_) } grep {
           !$_->{limit} && $_->{method} eq 'POST'
               && "@{ $_->{who} }" eq 'natural' } @rows), '',
       'whatever applicants send is counted');
    ok((grep { $_->{path} =~ /\{file\}/ && $_->{limit} } @rows),
       'and what is decrypted');

    for my $row (grep { $_->{limit} } @rows) {
        my ($kind) = @{ $row->{who} };
        my $name = Rows::name($row);
        my $url = Rows::url($row);
        my $ask = sub {
            my ($http, $at) = @_;
            return $row->{method} eq 'GET' ? $http->get($at)
                : $http->request('POST', $at, body => '{}',
                                 type => 'application/json');
        };
        my @two = map {
            my $http = $node->client(level => 5, kind => $kind,
                                     body => $body);
            $http->{headers}{'X-CSRF-Token'} = $http->{token};
            $http;
        } 1, 2;

        $node->redis->query('DEL', $_)
            for @{ $node->redis->query('KEYS', 'zwfw:test:limit:case*') };
        isnt($ask->($two[0], $url)->code, 429, "$name: once");
        my ($key) = @{ $node->redis->query('KEYS', 'zwfw:test:limit:case*') };
        $node->redis->query('SET', $key, $row->{limit} - 1, 'KEEPTTL');
        isnt($ask->($two[0], $url)->code, 429, 'to the limit');

        my $res = $ask->($two[0], $url);
        is($res->code . ' ' . $res->json->{code}, '429 too_many_requests',
           'no more');
        cmp_ok($res->header('Retry-After'), '<=', 3600, 'until when');
        like($res->json->{detail}, qr/太频繁.*。$/, 'in a sentence');
        isnt($ask->($two[1], $url)->code, 429, 'others may');

        my $page = $two[0]->get(Rows::url($row, mount => ''));
        like($page->text, qr/请在 <strong>\d+ (?:秒|分钟)<\/strong>以后再试/,
             'page: says when') if $row->{method} eq 'GET';
    }
};

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
