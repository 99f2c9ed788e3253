# "Your first slice" of README.md: out of tree, with the installed headers, in
# at most 60 lines, as it stands there.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Temp;
use Test::More;

use lib 't/lib';
use Node;
use OpenApi;
use Readme;

my $dir = File::Temp->newdir('zwfw-x-XXXXXX', TMPDIR => 1);
my ($modules) = $ENV{TEST_NGINX_LOAD_MODULES} =~ m{^(\S+)/[^/ ]+};

chmod 0755, $dir;

cmp_ok(Readme::files('hello/', "$dir/hello"), '<=', 60, 'at most 60 lines');

my $db = Sql->new(slices => [Node::slices()]);

system('cp', '-r', abs_path('html'), "$dir/html") == 0 or die "cp failed\n";

my $printed = eval {
    Readme::run('sh build', HELLO => "$dir/hello", HTML => "$dir/html",
                DB => $db->conninfo, ZWFW_INCLUDE => "$modules/include",
                NGINX_SRC => $ENV{TEST_NGINX_ZWFW_SRC},
                NGX_CONF_FLAGS => $ENV{TEST_NGINX_ZWFW_FLAGS});
};

is($@, '', 'it is built with the headers alone');
ok(-f "$dir/hello/build/ngx_http_zwfw_hello_module.so", 'and is a module');
unlike($printed, qr/warning:/, 'without a warning');

local $ENV{TEST_NGINX_ZWFW_HTML} = "$dir/html";
local $ENV{TEST_NGINX_LOAD_MODULES} = "$ENV{TEST_NGINX_LOAD_MODULES} "
    . "$dir/hello/build/ngx_http_zwfw_hello_module.so";

my $node = Node->new(db => $db, openapi => 0);
my $http = $node->client;

# its document has one slice more than that of the build

$http->{openapi} = OpenApi->new($http->get('/api/openapi.json')->json);

is_deeply($http->get('/api/hello/')->json,
          { items => [{ id => 1, text => '国庆节期间大厅照常开放。' }] },
          'it answers JSON');
like($http->get('/hello/')->text,
     qr{<title>公告 - .*<p>国庆节期间大厅照常开放。</p>}s, 'and a page');
is($http->get('/api/hello/?x=1')->code, 422, 'and checks what it is asked');
ok($http->get('/api/openapi.json')->json->{paths}{'/api/hello'},
   'and is described');
is($http->get('/api/words/hello')->body, '{}', 'with words of its own');

is(join('', $node->nginx->stop), '', 'no alert');


# rows that stop nginx at start-up

my $c = "$dir/hello/ngx_http_zwfw_hello_module.c";
my $who = '.who = NGX_HTTP_ZWFW_ANYONE,';
my $row = do { local (@ARGV, $/) = $c; <> };

for (['', 'has no audience'], ["$who .level = 6,", 'has a level above 5'],
     ["$who .class = NGX_HTTP_ZWFW_WRITE,", 'is a GET that writes'],
     ["$who .level = 1, .cache = { ngx_string(\"hello\"), 60 },",
      'has a shared page that is not for everybody'],
     ['.who = NGX_HTTP_ZWFW_USER, .cache = { ngx_string("hello"), 60 },',
      'has a shared page that is not for everybody'])
{
    my ($instead, $wrong) = @$_;

    open my $out, '>', $c or die "$c: $!\n";
    print $out $row =~ s/\Q$who\E/$instead/r;
    close $out or die "$c: $!\n";
    is(system("cd $ENV{TEST_NGINX_ZWFW_SRC} && make -s modules"
              . " -f $dir/hello/build/Makefile >$dir/made 2>&1"), 0, 'it is built');
    ok(!eval { Node->new(db => $db) }, "a row that $wrong stops nginx");
    like($@, qr/route "\/" of slice "hello" $wrong/, 'which says so');
}

done_testing();
