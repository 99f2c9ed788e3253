# Pages while Redis is killed or frozen.  Who has a cookie keeps it, is told to
# wait and is not taken for a stranger; what was typed is said not to be saved;
# no page leads round in a circle; strangers are led to the log-in as ever.  What
# was known before is known afterwards.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Form;
use Node;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $redis = Stores::Redis->start(settings => [
    '--appendonly', 'yes', '--appendfsync', 'always']);
my $node = Node->new(redis => $redis);
my $new = '/case/new?item=11990100MB0DEM172G3002099009000';
my $she = $node->client(kind => 'natural');
my $cookie = $she->cookie('zwfw');
my $saved = 0;
my %harm = (
    killed => [sub { $redis->crash }, sub { $redis->launch }],
    frozen => [sub { $redis->freeze }, sub { $redis->thaw }],
);


# a page that asks for patience, and nothing else

sub waits {
    my ($name, $res) = @_;

    is($res->code, 503, "$name: to wait");
    like($res->header('Retry-After') // '', qr/^[1-9]\d*$/, "$name: how long");
    like($res->header('Content-Type'), qr{^text/html}, "$name: a page");
    like($res->text, qr/登录服务暂时无法使用/, "$name: which says why");
    stays($name, $res);
}


sub stays {
    my ($name, $res) = @_;

    is($res->header('Location'), undef, "$name: it leads nowhere");
    is($res->header('Set-Cookie'), undef, "$name: and leaves the cookie alone");
}


for my $how (sort keys %harm) {
    subtest "Redis is $how" => sub {
        my ($begin, $end) = @{ $harm{$how} };
        my $form = Form->new($she->get($new), '/case/');

        my $tablet = $node->again($she);

        $form->set('applicant.name' => '王秀英');
        $begin->();
        waits('a session that is asked for now', $tablet->get('/case/mine'));

        # a session is known for 900 ms after the last word of Redis

        Proc::until_true('she is not known', 20, sub {
            return $she->get('/case/mine')->code == 503;
        });
        waits($_, $she->get($_)) for '/case/mine', '/auth/sessions', $new;

        my $sent = $form->send($she, '/case/draft');

        waits('a form', $sent);
        like($sent->text, qr/您刚才填写的内容没有保存.*“后退”.*内容还在/s,
             'a form: where what she has typed is');

        for my $path ('/login', '/help') {
            my $res = $she->get($path);

            is($res->code, 200, "$path goes on");
            stays($path, $res);
        }

        my $stranger = $node->client;
        my $res = $stranger->get('/case/mine');

        is($res->code, 303, 'a stranger');
        is($res->header('Location'), '/login?next=%2Fcase%2Fmine',
           'is led to the log-in');
        $res = $stranger->get($res->header('Location'));
        is($res->code, 200, 'which is there');
        stays('the log-in', $res);

        my $login = Form->new($res, '/login');

        $login->set(email => $she->{me}{email},
                    password => $she->{me}{password});
        $res = $login->send($stranger);
        waits('to log in', $res);

        is($she->cookie('zwfw'), $cookie, 'she has her cookie');
        $end->();
        ok(eval { Proc::until_true('known', 20, sub {
            return $she->get('/case/mine')->code == 200;
        }) }, 'and is known by it');
        $res = $form->send($she, '/case/draft');
        is($res->code, 303, 'the same form');
        like($she->get($res->header('Location'))->text, qr/王秀英/,
             'is saved as it was typed');
        is($node->db->admin('SELECT count(*) FROM zwfw.cases'), ++$saved,
           'once, and what was refused was not');
    };
}

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
