# The page cache: one copy of a page for everybody, found by path and query,
# with the parts of each person put in.  design.md, 2

use strict;
use warnings;
use utf8;

use File::Path qw(make_path);
use File::Temp;
use Test::More;

use lib 't/lib';
use Node;
use Pages;
use Proc;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = File::Temp->newdir('zwfw-c-XXXXXX', TMPDIR => 1);

chmod 0755, $dir;
make_path("$dir/over/item");

my $db = Sql->new(slices => [Node::slices()]);
my $redis = Stores::Redis->start;
my $pages = Pages->new($db);
my ($code, $second) = ($pages->code, $pages->second);


# another platform beside "test", with templates of its own

sub other {
    my $pg = $db->conninfo(user => 'zwfw_web');

    return Http::bytes(<<"END");
    zwfw_platform other {
        code 100000; kind national; name 另一个平台（演示）;
        base_url https://other.localhost; postgres "$pg";
        redis "unix:${\ $redis->socket}"; keys $ENV{TEST_NGINX_ZWFW_KEYS};
        files $dir; html $ENV{TEST_NGINX_ZWFW_HTML}; override $dir/over;
    }
    server {
        listen 127.0.0.1:\$PORT;
        server_name other.localhost;
        zwfw_use other;
        zwfw_insecure_cookies on;
        location / { zwfw_pages $ENV{TEST_NGINX_ZWFW_HTML}; }
    }
END
}


# the page of an item through an override template

sub template {
    my $text = shift;

    open my $out, '>:encoding(UTF-8)', "$dir/over/item/show.html"
        or die "show.html: $!\n";
    print $out "{{<core/layout}}{{\$title}}x{{/title}}{{\$main}}<h1>$text</h1>"
        . "{{accept_condition}}<p>{{page.path}}</p>{{/main}}{{/core/layout}}";
    close $out or die "show.html: $!\n";
}


template('first');

my $node = Node->new(db => $db, redis => $redis, http => other(), workers => 1);
my $http = $node->client;
my $other = $http->stranger(host => 'other.localhost');

steady('a path has one page, however it is spelt', sub {
    $pages->kept($http);

    my $old = $pages->shown($http);
    my $new = $pages->mark($second);

    $pages->mark;
    $pages->publish("item/$second");
    Proc::until_true('the other one', 10,
                     sub { $pages->shown($http, "/item/$second") eq $new });
    return ['kept', $pages->shown($http), $old],
        ['spelt otherwise',
         $pages->shown($http, '/item/' . $code =~ s/^1/%31/r), $old],
        ['another one', $pages->shown($http, "/item/$second"), $new];
});


steady('each query has a page, whatever the order', sub {
    my $text = sub { $http->get("/item/?$_[0]")->text };
    my $type = $db->admin("SELECT type FROM zwfw.items WHERE code = '$code'");
    my $asked = "q=$code&type=$type";

    $pages->kept($http);
    $pages->name('甲乙');
    $pages->publish('item');
    Proc::until_true('it is there', 10, sub { $text->($asked) =~ /甲乙/ });

    my %page = map { $_ => $text->($_) } $asked, "q=$code", "type=$type",
        "q=$code&region=370102", "q=$code&type=20";

    $pages->name('丙丁');
    return ['pages', scalar keys %{{ reverse %page }}, 5],
        (map { [$_, $text->($_), $page{$_}] } sort keys %page),
        ['in another order', $text->(join '&', reverse split /&/, $asked),
         $page{$asked}],
        ['with what no row knows', $text->("$asked&from=x"), $page{$asked}];
});


subtest 'two platforms' => sub {
    my ($here, $there);

    steady('each keeps its own', sub {
        $pages->kept($_) for $http, $other;
        ($here, $there) = map { $_->get("/item/$code")->text } $http, $other;
        $pages->mark;
        return ['here', $http->get("/item/$code")->text, $here],
            ['there', $other->get("/item/$code")->text, $there];
    });

    like($here, qr/测试政务服务平台/, 'one has its name and template');
    like($there, qr/另一个平台.*first/s, 'the other as well');
    like($other->get("/item/$code$_")->text, qr{<p>/item/$code$_</p>},
         "a page that names its path \"$_\" names this one") for '', '/', '';
};


# who asks first is nobody's business; what is personal is not in the copy

subtest 'people' => sub {
    my @rows = grep { $_->{cache} } Rows::all();

    cmp_ok(scalar @rows, '>', 4, 'shared pages');
    is(join(' ', map { Rows::name($_) } grep { "@{ $_->{who} }" ne 'anyone'
            or $_->{level} or $_->{reads} or $_->{method} ne 'GET' } @rows),
       '', 'are for everybody');

    for my $row (@rows) {
        my $url = Rows::url($row, mount => '', code => $code);
        my $name = Rows::name($row);
        my @text = map { asked($url, @$_) } [0, 1, 2], [1, 2, 0], [2, 0, 1];
        my @token = map { /name="_token" value="([^"]+)"/g } @text[0, 1];

        like($text[0], qr/王一，您好/, "$name: who is logged in has a name");
        unlike($text[0], qr/李二|事项编制/, 'not that of another');
        like($text[1], qr/李二，您好.*事项编制/s, 'and the entries of a role');
        unlike($text[1], qr/王一/, 'his own');
        unlike($text[2], qr/王一|李二|_token|退出登录/, 'a stranger has none');
        is(scalar @token, 2, 'one token each');
        isnt($token[0], $token[1], 'of his own');

        s{<nav class="(?:account|nav)".*?</nav>}{}gs for @text;
        is_deeply([grep { $text[$_] ne $text[0] } 1 .. $#text], [],
                  'all else is the same, whoever asked first');
    }
};


# a page made anew for the first of three people, in their order

sub asked {
    my ($url, @order) = @_;

    my @people = ($node->client(kind => 'natural', name => '王一'),
        $node->client(roles => 'item_manager,item_editor', name => '李二'),
        $node->client);
    my @text;

    $pages->publish('item');
    Proc::until_true('a page is made anew', 10, sub {
        my $new = $pages->mark;
        return $pages->shown($http) eq $new;
    });
    $db->admin("UPDATE zwfw.item_versions SET document = jsonb_set("
        . "document::jsonb, '{accept_condition}', '\"x\"')::json");
    $pages->publish("item/$code");
    Proc::until_true('and the guide', 10, sub { $pages->shown($http) eq '' });

    $text[$_] = $people[$_]->get($url)->text for @order;
    return @text;
}


subtest 'HEAD and 304' => sub {
    $pages->kept($http);

    my $she = $node->client(kind => 'natural');
    my $res = $http->get("/item/$code");
    my $hers = $she->get("/item/$code");
    my $head = $http->request('HEAD', "/item/$code");
    my $tag = $res->header('ETag');

    is($head->header($_), $res->header($_), "HEAD has $_ of GET")
        for qw(ETag Content-Length Content-Type Cache-Control);
    is($head->body, '', 'and no body');
    isnt($hers->header('ETag'), $tag, 'what is hers has its own tag');
    is($res->header('Cache-Control'), 'no-cache', 'proxies ask again');
    is($hers->header('Cache-Control'), 'no-store', 'and keep nothing of hers');

    my $again = sub {
        return $_[0]->request('GET', "/item/$code",
                              headers => { 'If-None-Match' => $_[1] });
    };
    is($again->($http, $tag)->code, 304, 'not modified');
    is($again->($http, $tag)->body, '', 'nothing is sent');
    is($again->($she, $hers->header('ETag'))->code, 304, 'for her as well');
    is($again->($she, $tag)->code, 200, 'but not by the tag of others');

    my $new = $pages->mark;
    $pages->publish("item/$code");
    Proc::until_true('the new page', 10, sub { $pages->shown($http) eq $new });
    $res = $again->($http, $tag);
    is($res->code, 200, 'published: modified');
    isnt($res->header('ETag'), $tag, 'with another tag');
};


subtest 'errors' => sub {
    my $none = $second =~ s/\d$/9/r;

    $pages->kept($http);
    is($http->get("/item/$none")->code, 404, 'not there');
    $db->admin("UPDATE zwfw.item_versions SET code = '$none'
                 WHERE code = '$second'");
    is($http->get("/item/$none")->code, 200, 'there: a refusal is not kept');
    is($http->get("/item/$second")->code, 200, 'the page is')
        if $pages->shown($http, "/item/$second");
    $db->admin("UPDATE zwfw.item_versions SET code = '$second'
                 WHERE code = '$none'");
    is($http->get('/item/?region=999999')->code, 422, 'wrong');
    is($http->get('/item/?region=999999')->code, 422, 'stays wrong');
};


subtest 'templates' => sub {
    $pages->kept($other);
    my $tag = $other->get("/item/$code")->header('ETag');

    template('second');
    like($other->get("/item/$code")->text, qr/<h1>first/, 'as it was read');
    $node->nginx->reload;
    my $res = $other->request('GET', "/item/$code",
                              headers => { 'If-None-Match' => $tag });
    is($res->code, 200, 'after a reload the page is another');
    like($res->text, qr/<h1>second/, 'of the new template');
    unlink "$dir/over/item/show.html";
    $node->nginx->reload;
    like($other->get("/item/$code")->text, qr/办事指南.*受理条件/s,
         'without it of the common one');
};


is_deeply([$node->nginx->stop], [], 'nothing bad in the log');

done_testing;
