# The main flow in an nginx under valgrind: people search, log in, keep a draft
# with files and hand it in; a clerk receives and accepts it, an approver grants
# it; the file and the result are fetched, all log out, nginx reloads and quits.
# Memcheck has nothing to say of any of its processes: nothing is read that was
# not written, nothing is touched that is not there, nothing is lost.
# ZWFW_LONG=1: each row as well, for everybody.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Folder;
use Node;
use People;
use Rows;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $item = '11990100MB0DEM172G3002099009000';
my $dir = Folder->new;

$dir->put('nginx', <<"END");
#!/bin/sh
exec valgrind --tool=memcheck --leak-check=full --show-leak-kinds=definite \\
    --errors-for-leak-kinds=definite --error-exitcode=9 --num-callers=20 \\
    --suppressions=$ENV{PWD}/t/data/valgrind/suppressions \\
    --log-file=$dir/log.%p $ENV{TEST_NGINX_BINARY} "\$@"
END
chmod 0755, "$dir/nginx";

# people come in at a node that is faster, and go on in the other one

# with sanitizers, which do not stand its memory, these look

my $binary = $ENV{SANITIZE} ? undef : "$dir/nginx";
my $door = Node->new;
my $node = Node->new(db => $door->db, redis => $door->redis, workers => 1,
    files => $door->{files}, binary => $binary,
    block => 'redis_timeout 30s; postgres_timeout 30s;',
    server => "        zwfw_monitor on;\n"
        . "        location = /metrics { zwfw_metrics; }\n"
        . "        location /staff/ { zwfw_auth who=clerk; root html; }\n");
my ($she, $clerk, $approver);


sub tab {
    my $http = $node->tab(shift);

    $http->{timeout} = 60;
    $http->{headers}{'X-CSRF-Token'} = $http->{token};
    return $http;
}


sub seen {
    my ($http, $url, $sign, $code) = @_;

    my $res = $http->get($url);

    is($res->code, $code // 200, $url) or diag($res->text);
    like($res->text, $sign, 'with what is looked for') if $sign;
    return $res;
}


# an act on the case as it is now

sub done {
    my ($http, $case, $act, %said) = @_;

    my $version = $door->db->admin("SELECT version FROM zwfw.cases
                                     WHERE id = '$case->{id}'");
    my $res = $http->post_json("/api/case/$case->{id}/$act",
                               { version => $version, %said });

    is($res->code, 200, $act) or diag($res->text);
}


# ---- the flow ----

my $nobody = tab($door->client);

Proc::until_true('its stores are there', 60, sub {
    $nobody->get('/api/health')->code == 200;
});

seen($nobody, '/', qr/<h1/);
seen($nobody, '/item/?q=%E7%A4%BE%E4%BC%9A', qr/社会/);
seen($nobody, "/item/$item", qr/<h1/);
seen($nobody, '/case/', undef, 303);
seen($nobody, '/staff/', undef, 401);

$she = tab($door->client(kind => 'natural'));
($clerk, $approver) = map { tab($door->client(roles => $_, body =>
    $door->db->admin("SELECT body FROM zwfw.items WHERE code = '$item'"))) }
    qw(clerk approver);

# who works there has a password that is cheap to compare

my $again = tab($door->client);

People::login($again, $clerk->{me});
seen($again, '/api/auth/me', qr/clerk/);

seen($she, "/case/new?item=$item", qr/<form/);
is($she->upload('/case/', [item => $item, _token => $she->{token},
       'applicant.id_number' => '99010119900101001Y' ])->code, 422,
   'what is wrong is said');

my $case = People::apply($she, $item, '/api/case/draft');

seen($she, "/case/$case->{id}/edit", qr/材料\.pdf/);
done($she, $case, 'submit');
seen($clerk, '/case/inbox', qr/$case->{id}/);
seen($clerk, "/case/$case->{id}/work", qr/王秀英/);
done($clerk, $case, 'receive');
done($clerk, $case, 'accept');
done($approver, $case, 'grant', opinion => '符合条件',
     result => { name => '演示许可' });

my ($path) = seen($she, "/api/case/$case->{id}")->body
    =~ m{"path":\s*"(case/[^"]+/files/[^"]+)"};

is(seen($she, "/$path")->body, "%PDF-1.4\n", 'her file');
seen($she, "/case/$case->{id}", qr/演示许可/);
seen($she, "/case/$case->{id}/receipt", qr/演示许可/);
seen($clerk, '/staff/', undef, 404);
seen($nobody, '/metrics', qr/^zwfw_/m);


# ---- ZWFW_LONG=1: registration with its scrypt, and each row ----

sub each_row {
    my %who = (natural => $she, clerk => $clerk, approver => $approver);

    People::register(tab($door->client));

    # an address of a page is no operation
    $_->{openapi} = undef for $nobody, values %who;

    for my $row (grep { $_->{path} !~ m{^/(?:logout|auth/sessions/)} }
                 Rows::all())
    {
        for my $http ($nobody, grep { defined } @who{ @{ $row->{who} } }) {
            for my $mount ('/api', '') {
                my $url = Rows::url($row, mount => $mount);
                my $res = $row->{method} eq 'GET' ? $http->get($url)
                    : $http->post_json($url, Rows::sample($row->{fields}));

                cmp_ok($res->code, '<', 500, "$row->{method} $url");
            }
        }
    }
}

each_row() if $ENV{ZWFW_LONG};


# ---- the end: of sessions, of a worker, of nginx ----

$node->nginx->reload;
seen(tab($she), '/case/', qr/$case->{id}/);
is(tab($she)->post_json('/api/logout', {})->code, 200, 'she leaves');
seen(tab($she), '/api/auth/me', undef, 401);
is(join('', $node->nginx->stop), '', 'no alert');
is(join('', $door->nginx->stop), '', 'nor at the other node');


# ---- what valgrind says ----

my %said = map {
    my $file = $_;
    ($file =~ /(\d+)$/ => do { local (@ARGV, $/) = $file; <> });
} glob "$dir/log.*";

cmp_ok(scalar keys %said, '>=', $binary ? 3 : 0,
       'a master and the workers of each generation');

for my $pid (sort keys %said) {
    like($said{$pid}, qr/^==$pid== ERROR SUMMARY: 0 errors /m,
         "process $pid: silent") or diag($said{$pid});
}

done_testing();
