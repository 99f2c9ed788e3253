# A form that is refused is shown again with all that was typed, and all that is
# wrong with it, files included; what nginx itself refuses has a page of ours.

use strict;
use warnings;
use utf8;

use File::Temp;
use Test::More;

use lib 't/lib';
use Form;
use Node;
use People;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1);
my $card = '11990100MB0DEM172G3002099009000';
my $food = '11990100MB0DEM033R3000199002000';
my $pdf = "%PDF-1.7\n1 0 obj\n%%EOF\n";
my $large = "%PDF-1.7\n" . 'x' x (20 * 1024 * 1024);


sub client {
    my $http = $node->client;

    People::register($http);
    return $http;
}


sub file {
    my ($content, $name) = @_;

    return { name => $name, content => $content,
             type => 'application/octet-stream' };
}


sub errors {
    my $res = shift;

    return join ' ', $res->code, map { "$_->{field}=$_->{code}" }
        @{ $res->json->{errors} // [$res->json] };
}


sub cases {
    return $node->db->admin('SELECT count(*) FROM zwfw.cases');
}


my $she = client();
my $token = $she->{headers}{'X-CSRF-Token'};
my @typed = (_token => $token, item => $card, note => '请<b>尽快</b>办理',
             'applicant.name' => '王秀英', 'applicant.phone' => '13800000000',
             'materials.0.code' => 'M01', 'materials.0.file' =>
                 file("MZ\x90\0 no picture", 'photo.exe'),
             'materials.1.code' => 'M01', 'materials.1.file' =>
                 file($pdf, 'good.pdf'),
             'materials.2.code' => 'M01', 'materials.2.file' =>
                 file($large, 'large.pdf'));


# files that are not taken: 422, the form, what was typed, and what helps

my $res = $she->upload('/case/draft', \@typed);
my $text = $res->text;

is($res->code, 422, 'two wrong files');
like($text, qr/<h1>申请：/, 'the form is shown again');
like($text, qr/请&lt;b&gt;尽快&lt;\/b&gt;办理/, 'with the text');
is(Form->new($res, '/case/')->value('applicant.name'), '王秀英',
   'with the name');
like($text, qr/文件没有保留，请重新选择/, 'files are to be chosen again');
like($text, qr{<a href="#f-materials\.0\.file">[^<]*JPG、PNG[^<]*</a>},
     'which types are taken');
like($text, qr{<a href="#f-materials\.2\.file">[^<]*不超过 20 MB[^<]*</a>},
     'how large a file may be');
unlike($text, qr/#f-materials\.1\.file/, 'the good one is not blamed');
like($text, qr/<input id="f-materials\.$_\.file"/, "input $_ is there")
    for 0, 2;
like($text, qr{<p class="error" id="e-materials\.M01">[^<]*JPG、PNG},
     'the error stands at the material');
unlike($text, qr/\{size\}|materials\.file/, 'in words');
is(cases(), 0, 'nothing is stored');

is($she->upload('/case/draft', [@typed[0 .. 13]])->code, 422, 'one of them');
is($she->upload('/case/draft', [@typed[0 .. 9], 'materials.0.code' => 'M01',
                                'materials.0.file' => file($pdf, 'a.pdf')])
       ->code, 303, 'a good one is taken');


# three wrong fields are told at once, on both faces, in the form's order

my @wrong = (_token => $token, item => $card, 'applicant.name' => '9',
             'applicant.phone' => '555', note => 'n' x 501,
             'materials.0.code' => 'M01',
             'materials.0.file' => file('GIF89a' . 'x' x 20, 'a.gif'));

is(errors($she->upload('/api/case/draft', \@wrong)),
   '422 applicant.name=bad_character applicant.phone=bad_value'
   . ' materials.0.file=bad_file_type note=too_long', 'JSON');

$res = $she->upload('/case/draft', \@wrong);
is($res->code, 422, 'page');
like($res->text, qr/href="#f-\Q$_\E"/, "names $_")
    for qw(applicant.name applicant.phone materials.0.file note);

is(errors($she->post_json('/api/case/draft?x=1', {
       item => $card, applicant => { name => 5 }, note => [] })),
   '422 x=unknown_field applicant.name=bad_type note=bad_type',
   'with what the query has');

is(errors($she->upload('/api/case/draft', [
       item => $card, note => 'n' x 100_000, scan => file($pdf, 'a.pdf'),
       'form.photo' => file($pdf, 'b.pdf') ])),
   '422 note=too_long scan=unknown_field form.photo=unknown_field',
   'parts where none belong');


# those who program are told of requests, those who look at a page of pages

for (['method_not_allowed', qr/GET 或者 POST/, qr/链接或按钮/,
      sub { $she->request('DELETE', $_[0] . '/item/topics') }],
     ['unknown_field', qr/重新发送/, qr/刷新页面/, sub {
         $she->request('POST', $_[0] . '/case/draft', body => 'x=1',
             type => 'application/x-www-form-urlencoded') }])
{
    my ($code, $json, $page, $ask) = @$_;

    my $problem = $ask->('/api')->json;
    my ($it) = grep { $_->{code} eq $code } @{ $problem->{errors}
                                              // [$problem] };
    like($it->{detail}, $json, "$code: in words of programs");
    unlike($it->{detail}, $page, 'not of pages');

    my $text = $ask->('')->text;
    like($text, $page, "$code: a page in its own");
    unlike($text, $json, 'not of programs');
}


# what SQL refuses is told as its own field wants it

my %detail = ('form.area' => ['x', qr/^请填写整数，从 0 到 999999。$/],
              'form.shop_name' => ['长' x 101, qr/最多 100 个字。/],
              'form.kind' => ['无', qr/从给出的选项中选择/]);

for my $field (sort keys %detail) {
    my ($value, $says) = @{ $detail{$field} };

    like($she->post('/api/case/draft', { _token => $token, item => $food,
                                         $field => $value })->json->{detail},
         $says, "$field says what fits");
}


# the form's own page cannot be had: the first refusal counts

$res = $she->post('/case/draft', { _token => $token, item => 'nothing',
                                   note => 'n' x 501 });
is($res->code, 422, 'a form of no item');
like($res->text, qr/内容太长/, 'says what is wrong with it');


# staff: what a page only shows stays, what was typed comes back

my $new = $she->get("/api/case/new?item=$food")->json;
my @need = grep { $_->{need} == 1 } @{ $new->{materials} };
my $n = 0;

$res = $she->upload('/api/case/', [
    item => $food, 'applicant.name' => '王秀英',
    'applicant.id_number' => '990101199001010019',
    'applicant.phone' => '13800000000', 'form.shop_name' => '历下区演示小吃店',
    'form.kind' => '餐饮服务', 'form.address' => '演示路 1 号', 'form.area' => 60,
    map { ("materials.$n.code" => $_->{code},
           'materials.' . $n++ . '.file' => file($pdf, 'a.pdf')) } @need ]);
is($res->code, 200, 'a case') or diag($res->body);

my $case = $res->json->{id};
my $clerk = $node->client(roles => 'clerk', level => 5, body =>
    $node->db->admin("SELECT body FROM zwfw.cases WHERE id = '$case'"));
my $work = "/case/$case/work";

is(Form->new($clerk->get($work), "/case/$case/receive")->send($clerk)->code,
   303, 'is received');

my $form = Form->new($clerk->get($work), "/case/$case/reject");

$form->set(reason => '', remedy => '可以依法申请行政复议');
$res = $form->send($clerk);
is($res->code, 422, 'a refusal without a reason');
like($res->text, qr/历下区演示小吃店/, 'what the applicant said stands there');
like($res->text, qr/演示路 1 号/, 'all of it');
is(Form->new($res, "/case/$case/reject")->value('remedy'),
   '可以依法申请行政复议', 'and what the clerk typed');
like($res->text, qr/<p class="error" id="e-reason">/, 'and what is missing');


# the form's template cannot be rendered: an answer all the same

my $html = File::Temp->newdir;

system('cp', '-r', "$node->{html}/.", $html) == 0 or die "cp: $?\n";

open my $out, '>', "$html/case/new.html" or die "case/new.html: $!\n";
print $out '{{>case/new}}';
close $out;

{
    local $ENV{TEST_NGINX_ZWFW_HTML} = "$html";

    my $other = Node->new(workers => 1, server => 'client_max_body_size 2m;',
                          map { $_ => $node->{$_} } qw(db redis files));
    my $http = $other->client;

    $http->{cookies} = $she->{cookies};
    $res = $http->post('/case/draft', { _token => $token, item => $card,
                                        note => 'n' x 501 });
    is($res->code, 500, 'a form that cannot be shown');
    like($res->text, qr/<h1>平台出了问题/, 'is a page');

    $res = $http->upload('/case/draft', [ item => $card, note => 'n' x 3e6 ]);
    is($res->code, 413, 'more than this nginx takes');
    like($res->text, qr/<h1>提交的内容太大/, 'is a page, too');
    is(join('', $other->nginx->stop), '', 'no alert');
}


# what nginx refuses itself

sub cut {
    my ($path, $length, %head) = @_;

    my $http = $she->stranger;
    my $head = join '', map { "$_: $head{$_}\r\n" } sort keys %head;

    return $http->exchange('POST', "POST $path HTTP/1.1\r\nHost: localhost\r\n"
        . 'Cookie: zwfw=' . $she->cookie('zwfw') . "\r\n"
        . "Content-Type: multipart/form-data; boundary=a\r\n"
        . "Content-Length: $length\r\n$head\r\n");
}


for my $length (131 * 1024 * 1024, 10 * 1024 ** 4) {
    $res = cut('/case/draft', $length);
    is($res->code, 413, "a body of $length bytes");
    like($res->text, qr/<h1>提交的内容太大.*没有保存/s, 'is told on a page');
    like($res->text, qr/张三/, 'that knows who asks');
    like($res->header('Content-Security-Policy') // '', qr/default-src/,
         'and is as safe as all of them');
    ok($res->closes, 'the connection ends');

    $res = cut('/api/case/draft', $length);
    is($res->code . $res->json->{code}, '413too_large', 'JSON: a problem');
    like($res->header('Content-Type'), qr{^application/problem\+json},
         'of its type');
}

# all of it is sent before anybody reads an answer, as browsers do

my $body = "--a\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"
    . 'x' x (132 * 1024 * 1024);

$res = $she->request('POST', '/case/draft', body => $body,
                     type => 'multipart/form-data; boundary=a');
is($res->code, 413, 'sent whole');
like($res->text, qr/<h1>提交的内容太大/, 'a page comes back, no reset');

is(join('', $node->nginx->stop(
       allow => qr/client intended to send too large body/)), '', 'no alert');

done_testing();
