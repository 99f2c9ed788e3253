# The main navigation: each person sees what is open to them and nothing else,
# on shared copies of pages as well; where one is; and where somebody begins
# who has just logged in.  GB/T 39047, 5.2.1.1

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Node;
use People;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new(workers => 1);
my ($body) = split /\n/, $node->db->admin('SELECT id FROM zwfw.bodies LIMIT 1');

my %sees = (
    '' => '首页 事项目录 我的办件 帮助',
    natural => '首页 事项目录 我的办件 帮助',
    clerk => '工作台 事项目录 帮助',
    approver => '工作台 事项目录 帮助',
    supervisor => '办件监察 访问监测 事项目录 帮助',
    item_manager => '事项编制 事项目录 帮助',
    item_editor => '事项编制 事项审核 事项目录 帮助',
    operator => '访问监测 审计 密钥 运行状况 事项目录 帮助',
    'clerk,supervisor' => '工作台 办件监察 访问监测 事项目录 帮助',
);


sub nav {
    my $page = shift;

    my ($nav) = $page->text =~ m{aria-label="主导航">(.*?)</nav>}s;

    return [map { { path => $_->[0], here => $_->[1], text => $_->[2] } }
            map { [m{href="([^"]*)"(?: aria-current="(\w+)")?>([^<]*)</a>}] }
            split /<li>/, $nav =~ s/.*?(?=<li>)<li>//sr];
}


sub texts {
    return join ' ', map { $_->{text} } @{ nav(shift) };
}


sub client {
    my $who = shift;

    return $who eq '' ? $node->client
                      : $node->client(kind => $who, body => $body);
}


my %client = map { $_ => client($_) } sort keys %sees;

# each entry opens; the home page is a shared copy, from the second time on

for my $who (sort keys %sees) {
    my $title = $who || 'nobody';
    my $http = $client{$who};

    for (1, 2) {
        is(texts($http->get('/')), $sees{$who}, "$title, the home page");
    }

    is(texts($http->get('/help')), $sees{$who}, "$title, a page of one's own");

    for my $entry (@{ nav($http->get('/help')) }) {
        my $code = $http->get($entry->{path})->code;
        my $expected = $who eq '' && $entry->{text} eq '我的办件' ? 303 : 200;

        is($code, $expected, "$title opens $entry->{text}");
    }
}


# in turns: nothing of one stays in the copy for another

for my $who ((sort keys %sees) x 2) {
    is(texts($client{$who}->get('/')), $sees{$who}, "in turns: $who");
}

my ($one, $other) = map { $client{$_}->get('/') } qw(clerk natural);

isnt($one->header('ETag'), $other->header('ETag'), 'different pages');
is($client{natural}->get('/', headers => {
       'If-None-Match' => $one->header('ETag') })->code, 200,
   'what another one has is not the same');


# where one is

sub here {
    my ($who, $path) = @_;

    return join ' ', map { "$_->{text}:$_->{here}" } grep { $_->{here} }
        @{ nav($client{$who}->get($path)) };
}


is(here('', '/'), '首页:page', 'the page itself');
is(here('', '/item/topics'), '事项目录:page', 'the directory');
is(here('', '/item/?q=a'), '事项目录:true', 'below it');
is(here('', '/privacy'), '', 'nowhere');
is(here('natural', '/case/mine'), '我的办件:page', 'the own cases');
is(here('natural', '/case/'), '我的办件:true', 'all of them');
is(here('clerk', '/case/inbox?state=received'), '工作台:page', 'with a query');
is(here('clerk', '/case/none'), '工作台:true', 'a refusal is below as well');
is(here('item_editor', '/item/manage'), '事项编制:page',
   'the page counts before what it stands below');
is(here('item_manager', '/item/drafts/019a0000-0000-7000-8000-00000000ffff'),
   '事项编制:true', 'the nearest counts');
is(here('operator', '/audit/check'), '审计:true', 'a page of another');


# where somebody begins

sub begins {
    my ($roles, %more) = @_;

    my $who = $roles
        ? People::appoint($node->db, roles => $roles, body => $body)
        : People::register($node->client);
    my $res = $node->client->post('/login', {
        email => $who->{email}, password => $who->{password}, %more });

    is($res->code, 303, "$roles logs in");
    return $res->header('Location');
}


is(begins(''), '/', 'a natural person: the home page');
is(begins('clerk'), '/case/inbox', 'a clerk: the work');
is(begins('supervisor'), '/case/overview', 'a supervisor: the overview');
is(begins('item_editor'), '/item/pending', 'an editor: what waits');
is(begins('operator'), '/monitor/', 'an operator: the visits');
is(begins('supervisor,approver'), '/case/inbox', 'with both: the work');
is(begins('clerk', next => '/item/topics'), '/item/topics',
   'who was on the way somewhere goes there');
is(begins('clerk', next => '//evil.example'), '/case/inbox',
   'a bad way is none');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
