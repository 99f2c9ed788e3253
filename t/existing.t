# Beside another module of Debian, headers-more: loaded and not configured, ours
# change nothing of a site; configured, a guard and the other module both do
# their work.  Either order of loading is fine.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Folder;
use Node;
use Port;
use Proc;

my @ours = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

# a nginx of one's own does not load what was built for Debian's
my @other = $ENV{NGINX_SRC} ? ()
    : '/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so';
my $more = @other ? 'more_set_headers "X-Site: old"; more_clear_headers Server;'
                  : 'add_header X-Site old always;';

my $site = <<"END";
        $more
        gzip on; gzip_types text/plain;
        location / { root \$DIR/html; }
        location /app/ { proxy_pass http://127.0.0.1:\$PORT/echo/; }
        location /echo/ { return 200 "\$http_x_zwfw_user \$http_cookie"; }
        location /old/ { return 301 /new/; }
END

my @asked = (
    ['GET', '/page.txt'], ['HEAD', '/page.txt'], ['GET', '/none'],
    ['POST', '/page.txt'], ['GET', '/old/'], ['OPTIONS', '/'],
    ['GET', '/app/', { Cookie => 'zwfw=x; own=1', 'X-Zwfw-User' => 'theirs' }],
    ['GET', '/page.txt', { 'Accept-Encoding' => 'gzip', Range => 'bytes=0-9' }],
);


# all that such a site says, does and holds
sub behaviour {
    my ($name, @modules) = @_;

    my $nginx = NginxServer->start(modules => \@modules, server => $site,
                                   workers => 1, level => 'info');
    my $port = $nginx->port;
    my $file = $nginx->dir . '/html/page.txt';

    open my $out, '>', $file or die "$file: $!\n";
    print $out 'page ' x 1000;
    close $out or die "$file: $!\n";
    utime 1700000000, 1700000000, $file;

    my @said = map {
        my $res = Http->new(port => $port)->request($_->[0], $_->[1],
                                                    headers => $_->[2] // {});

        join "\n", $res->code, (sort map { "$_->[0]: $_->[1]" }
            grep { $_->[0] ne 'Date' } @{ $res->{headers} }), $res->body;
    } @asked;

    my ($worker) = $nginx->workers;
    my @threads = glob "/proc/$worker/task/*";
    my @shared = do {
        no warnings 'portable';
        local @ARGV = "/proc/$worker/maps";
        map { /^(\w+)-(\w+) .* \/dev\/zero / ? hex($2) - hex $1 : () } <>;
    };

    # it listens, and hears the master
    Proc::until_true("$name: two sockets", 10, sub {
        return 2 == grep { (readlink // '') =~ /^socket/ }
            glob "/proc/$worker/fd/*";
    });

    is(join('', $nginx->stop), '', "$name: no alert");
    is(join('', $nginx->log_lines(qr/zwfw[_:]/)), '',
       "$name: not a word of ours");

    return map { s/\b$port\b/PORT/gr } @said, scalar(@threads) . ' threads',
        "shared: @shared";
}


my @alone = behaviour('alone', @other);

is_deeply([behaviour('ours last', @other, @ours)], \@alone,
          'nothing is different with our modules');
is_deeply([behaviour('ours first', @ours, @other)], \@alone,
          'in either order');


# both at work

local $ENV{TEST_NGINX_LOAD_MODULES} = join ' ', @other, @ours;

my $node = Node->new(server => <<"END");
        location /folder/ {
            $more
            zwfw_auth who=staff;
            alias \$DIR/html/;
        }
END

open my $out, '>', $node->nginx->dir . '/html/page.txt' or die "page: $!\n";
print $out 'page';
close $out or die "page: $!\n";

for (['nobody', 401], ['a citizen', 403, kind => 'natural'],
     ['a clerk', 200, roles => 'clerk'])
{
    my ($name, $code, %me) = @$_;
    my $res = $node->client(%me)->get('/folder/page.txt');

    is($res->code, $code, "$name: the guard");
    is($res->header('X-Site'), 'old', "$name: the other module");
}

is(join('', $node->nginx->stop), '', 'no alert');


# the example as it stands, but for the places of this machine

my $dir = Folder->new(qw(modules-enabled certificates tmp files));
my $text = do { local (@ARGV, $/) = 'conf/existing.conf'; <> };
my %env = map { $_ => $ENV{"TEST_NGINX_ZWFW_$_"} } qw(POSTGRES REDIS KEYS HTML);

chmod 0700, "$dir/files";
chown((getpwnam 'www-data')[2, 3], "$dir/files") if !$>;
$dir->put('modules-enabled/other.conf', map { "load_module $_;\n" } @other);
system("openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=intranet.example"
       . " -keyout $dir/certificates/key -out $dir/certificates/pem"
       . " >$dir/log 2>&1") == 0 or die "openssl failed\n";

for ($text) {
    s{load_module modules/}{load_module @{[$ours[0] =~ s{[^/]+$}{}r]}}g;
    s{/etc/nginx/modules-enabled}{$dir/modules-enabled};
    s{(?:/run|/var/log/nginx)/((?:nginx\.pid|error\.log))}{$dir/$1}g;
    s{/etc/ssl/certs/\S+;}{$dir/certificates/pem;};
    s{/etc/ssl/private/\S+;}{$dir/certificates/key;};
    s{"host=/run[^"]*"}{"$env{POSTGRES}"};
    s{unix:/run/redis\S*;}{"$env{REDIS}";};
    s{/etc/nginx/zwfw.keys}{$env{KEYS}};
    s{/var/lib/zwfw/files}{$dir/files};
    s{/usr/share/zwfw/html}{$env{HTML}}g;
    s{443 ssl}{127.0.0.1:@{[Port::free()]} ssl};
    s{^(http \{)}{$1 client_body_temp_path $dir/tmp/a; proxy_temp_path
        $dir/tmp/b; fastcgi_temp_path $dir/tmp/c; uwsgi_temp_path $dir/tmp/d;
        scgi_temp_path $dir/tmp/e; access_log off;}m;
}

$dir->put('existing.conf', $text);


sub check {
    return scalar `$ENV{TEST_NGINX_BINARY} -t -e stderr -c $dir/existing.conf 2>&1`;
}

my $said = check();

is($?, 0, 'conf/existing.conf is accepted by nginx -t') or diag($said);


# files that were made by an administrator, for nobody else

chown 0, 0, "$dir/files";
chmod 0500, "$dir/files";
$said = check();
isnt($?, 0, 'a folder that workers cannot write is refused');
like($said, qr/"files": (?:workers cannot|nothing can be) writ.* "$dir\/files/,
     'by name');

done_testing();
