# A form that comes when its session has just ended is not lost: it is kept for
# its person, sealed, for 15 minutes, and shown again once after the log-in.
# Pages that refuse a form lead back to it.  design.md, 2

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

my $node = Node->new(workers => 1);
my $card = '11990100MB0DEM172G3002099009000';
my $kept = qr/您刚才填写的文字已经保留，15 分钟内有效/;
my $lost = qr/您刚才填写的内容没有保存/;
my $again = qr/您登录前填写的内容已经恢复，请确认后再提交/;
my $gone = qr/只恢复一次，现在已经没有了/;

my $http = $node->client;
my $her = People::register($http);


sub draft {
    my $form = Form->new($http->get("/case/new?item=$card"), '/case/');

    $form->set('applicant.name' => '王秀英');

    my $res = $form->send($http, '/case/draft');

    return $res->header('Location') =~ m{^/case/([0-9a-f-]{36})}
        ? $1 : die "no draft\n";
}


sub log_in {
    my ($who, $login) = @_;

    my $form = Form->new($who->get($login), '/login');

    $form->set(email => $her->{email}, password => $her->{password});
    delete $who->{headers}{'X-CSRF-Token'};

    return $form->send($who)->header('Location');
}


sub forget {
    my $who = shift;

    delete $who->{cookies}{localhost}{zwfw};
    delete $who->{headers}{'X-CSRF-Token'};
}


sub login_link {
    my $link = shift->text =~ m{class="button" href="(/login[^"]*)"} ? $1 : die "no link\n";

    return $link;
}


# the page without its frame, for a failure that can be read

sub main_of {
    return shift->text =~ m{<main\b(.*)</main>}s ? $1 : '';
}


sub forms {
    return @{ $node->redis->query('KEYS', 'zwfw:test:form:*') };
}


my $id = draft();
my $edit = "/case/$id/edit";

delete $http->{headers}{'X-CSRF-Token'};


# lost cookie, idle session, session that was ended: the form is of its person

sub ended {
    my ($how, $end, $send) = @_;

    subtest $how => sub {
        my $form = Form->new($http->get($edit), "/case/$id/");

        $form->set('applicant.name' => '李<b>建国', note => '改过的说明');
        $end->();

        my $res = $send->($form);

        is($res->code, 401, 'the session is over');
        like(main_of($res), $kept, 'what was typed is kept');

        my @keys = forms();

        is(scalar @keys, 1, 'in one key');
        unlike($node->redis->query('GET', $keys[0]), qr/李|%E6/, 'sealed');
        cmp_ok($node->redis->query('TTL', $keys[0]), '<=', 900,
               'for 15 minutes');

        forget($http);

        my $back = log_in($http, login_link($res));

        like($back, qr{^\Q$edit\E\?_form=[\w-]{43}$}, 'back to the form');
        $res = $http->get($back);
        is($res->code, 200, 'it is shown');
        like(main_of($res), $again, 'and says why');

        my $shown = Form->new($res, "/case/$id/");

        is($shown->value('applicant.name'), '李<b>建国', 'as it was typed');
        is($shown->value('note'), '改过的说明', 'all of it');
        is(scalar(my @none = forms()), 0, 'once');

        $res = $http->get($back);
        like(main_of($res), $gone, 'a second time says so');
        is(Form->new($res, "/case/$id/")->value('applicant.name'), '王秀英',
           'and shows what is stored');
    };
}


my $by_form = sub { $_[0]->send($http, "/case/$id/save") };
my $by_parts = sub {
    my $form = shift;

    return $http->upload("/case/$id/save",
        [(map { $_->{on} ? ($_->{name} => $_->{value}) : () }
          @{ $form->{inputs} }),
         'materials.0.file' => { name => '', content => '' }]);
};
my $elsewhere = sub {
    $node->redis->query('DEL', $_)
        for @{ $node->redis->query('KEYS', 'zwfw:test:s:{*') };
    Proc::until_true('the end', 10, sub {
        $http->get('/api/auth/me')->code == 401;
    });
};

ended('the cookie is lost', sub { forget($http) }, $by_form);
ended('a form with files', sub { forget($http) }, $by_parts);
ended('ended elsewhere', $elsewhere, $by_form);


subtest 'sent after a log-in elsewhere' => sub {
    my $form = Form->new($http->get($edit), "/case/$id/");

    $form->set('applicant.name' => '李建国');
    forget($http);
    log_in($http, '/login');

    my $res = $form->send($http, "/case/$id/save");

    is($res->code, 409, 'not blindly saved');
    like(main_of($res), $again, 'but shown to be confirmed');

    my $shown = Form->new($res, "/case/$id/");

    is($shown->value('applicant.name'), '李建国', 'as it was typed');
    is($shown->send($http, "/case/$id/save")->code, 303, 'and saved');
    like($http->get($edit)->text, qr/value="李建国"/, 'it is there');
};


subtest 'nobody else sees it' => sub {
    my $form = Form->new($http->get($edit), "/case/$id/");

    $form->set('applicant.name' => '赵保密');
    forget($http);

    my $res = $form->send($http, "/case/$id/save");
    my ($ticket) = login_link($res) =~ /_form%3D([\w-]{43})/;
    my $him = $node->client;

    People::register($him);
    unlike($him->get("/case/new?item=$card&_form=$ticket")->text, qr/赵保密/,
           'another person');
    unlike($him->get("$edit?_form=$ticket")->text, qr/赵保密/,
           'not under its address either');
    log_in($http, '/login');
    unlike($http->get("/case/new?item=$card&_form=$ticket")->text, $again,
           'nor her on another page');
    is(scalar(my @none = forms()), 0, 'which used it up');
};


# what proves nothing is not kept

subtest 'not kept' => sub {
    my $form = Form->new($http->get($edit), "/case/$id/");
    my $token = $form->value('_token');
    my ($own, $uid, @rest) = split /\./, $token;
    my %bad = (
        none => '', plain => $own, cut => substr($token, 0, -1),
        'of another session' => join('.', 'A' x 43, $uid, @rest),
        'of another person' => join('.', $own, Sql::uuid(), @rest),
    );

    forget($http);

    for my $what (sort keys %bad) {
        my $res = $http->post("/case/$id/save", { note => 'x',
                                                  _token => $bad{$what} });
        is($res->code, 401, $what);
        like(main_of($res), $lost, 'says so');
        like(login_link($res), qr{^/login\?next=%2Fcase%2F$id%2Fedit$},
             'and keeps the way back');
    }

    for my $size (65_000, 66_000) {
        my $res = $http->post("/case/$id/save", { _token => $token,
            note => 'x' x ($size - length(Http::escape($token)) - 20) });

        like(main_of($res), $size < 65_536 ? $kept : $lost, "$size bytes");
    }

    my $res = $http->post("/case/$id/save", { _token => $token, note => 'x' },
                          headers => { 'Transfer-Encoding' => undef });

    like(main_of($res), $kept, 'the token is good');
    $node->redis->query('DEL', $_) for forms();

    $res = $http->post_json("/api/case/$id/save", { version => 1 });
    is($res->code, 401, 'the other face is only refused');
    is(scalar(my @none = forms()), 0, 'and nothing is kept of it');
};


subtest 'the way back' => sub {
    log_in($http, '/login');

    my $res = $http->get("/case/$id/save");

    is($res->code, 303, 'a GET of what is only posted');
    is($res->header('Location'), $edit, 'leads to its form');
    is($http->get('/logout')->code, 405, 'where there is one');
    is($http->get("/api/case/$id/save")->code, 405, 'on pages only');

    $res = $node->client->get('/case/?state=draft');
    is($res->header('Location'), '/login?next=%2Fcase%2F%3Fstate%3Ddraft',
       'the query of a page comes along');
};


subtest 'while the database is away' => sub {
    my $form = Form->new($http->get($edit), "/case/$id/");

    $node->db->{pg}->crash;

    my $res = $form->send($http, "/case/$id/save");

    is($res->code, 503, 'nothing is saved');
    like(main_of($res), qr/$lost.*“后退”.*内容还在/s, 'and it says what helps');
    unlike(main_of($res), qr/重新打开这个页面/, 'no link that only posts');

    $res = $http->get("$edit?x=1");
    like(main_of($res), qr{href="\Q$edit\E\?x=1">重新打开这个页面}, 'of a page');
    unlike($http->get('/../..//evil.example/help')->text, qr{href="//},
           'never to another host');
};


is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
