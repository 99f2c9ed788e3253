# conf/existing.conf: an nginx that serves a site and an application, beside
# another module; one folder and one upstream are guarded.  GB/T 39047, 5.2.3.2

use strict;
use warnings;

use lib 't/lib';
use Folder;
use Test::More;

use Http;
use Port;
use Proc;

my $dir = Folder->new(qw(www www/news www/handbook modules-enabled));
my ($port, $upstream) = (Port::free(), Port::free());

$dir->put('www/index.html', 'front');
$dir->put('www/news/index.html', 'news');
$dir->put('www/handbook/index.html', 'handbook');


# the example with this machine's places, and with the application behind it

sub configure {
    my $text = do { local (@ARGV, $/) = 'conf/existing.conf'; <> };
    my %env = map { $_ => $ENV{"TEST_NGINX_ZWFW_$_"} // die "no $_\n" }
        qw(POSTGRES REDIS KEYS FILES HTML);
    my $load = join "\n", map { "load_module $_;" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $user = $> == 0 ? 'user root;' : '';

    for ($text) {
        s/^user .*/$user/m;
        s/^load_module.*\n//mg;
        s{^(include /etc/nginx/modules-enabled.*)$}{$1\n$load\ndaemon off;}m;
        s{/etc/nginx/modules-enabled}{$dir/modules-enabled};
        s{/run/nginx.pid}{$dir/nginx.pid};
        s{/var/log/nginx/error.log}{$dir/existing.log};
        s/^ +ssl_certificate.*\n//mg;
        s/443 ssl/127.0.0.1:$port/;
        s{/var/www/intranet}{$dir/www};
        s{"host=/run[^"]*"}{"$env{POSTGRES}"};
        s{unix:/run/redis\S*;}{"$env{REDIS}";};
        s{/etc/nginx/zwfw.keys}{$env{KEYS}};
        s{/var/lib/zwfw/files}{$env{FILES}};
        s{/usr/share/zwfw/html}{$env{HTML}}g;
        s/127.0.0.1:8081/127.0.0.1:$upstream/;
        s/^http \{/http {
            zwfw_insecure_cookies on;
            access_log off;
            client_body_temp_path $dir\/body;
            proxy_temp_path $dir\/proxy;
            fastcgi_temp_path $dir\/fastcgi;
            uwsgi_temp_path $dir\/uwsgi;
            scgi_temp_path $dir\/scgi;
        /m;
    }

    return $text;
}


# the application: an nginx without our modules, which says what it was told

sub application {
    return <<"END";
        daemon off;
        pid $dir/application.pid;
        events { }
        http {
            access_log off;
            client_body_temp_path $dir/body2;
            proxy_temp_path $dir/proxy2;
            fastcgi_temp_path $dir/fastcgi2;
            uwsgi_temp_path $dir/uwsgi2;
            scgi_temp_path $dir/scgi2;
            server {
                listen 127.0.0.1:$upstream;
                return 200 "user \$http_x_zwfw_user, cookie \$http_cookie";
            }
        }
END
}


sub start {
    my ($name, $text, $its_port) = @_;

    $dir->put("$name.conf", $text);

    my $pid = Proc::spawn(
        command => [$ENV{TEST_NGINX_BINARY}, '-e', "$dir/$name.log", '-p',
                    "$dir/", '-c', "$dir/$name.conf"],
        log => "$dir/output");

    Proc::until_true("start of $name", 30, sub {
        die "$name does not start: ", log_text($name)
            if defined Proc::ended($pid);
        return eval { client($its_port)->get('/')->code };
    });

    return $pid;
}


sub client {
    return Http->new(port => $_[0] // $port, host => 'intranet.example');
}


sub log_text {
    return do { local (@ARGV, $/) = "$dir/$_[0].log"; <> } // '';
}


# logs in by the form of the page, as a browser does

sub login {
    my $name = shift;

    my $http = client();
    my $page = $http->get('/login')->body;
    my %hidden = $page =~ /<input type="hidden" name="(\w+)" value="([^"]*)"/g;
    my $res = $http->post('/login', {
        %hidden, email => "$name\@shandong.example", password => 'demo-2026',
    });

    is($res->code, 303, "$name logs in") or diag($res->body);

    return $http;
}


my $app = start('application', application(), $upstream);
my $pid = start('existing', configure(), $port);
my $http = client();
my @page = (headers => { Accept => 'text/html' });

is($http->get('/')->body, 'front', 'the site is as it was');
is($http->get('/news/')->body, 'news', 'with its folders');
is($http->get('/handbook/')->code, 401, 'the folder asks who it is');
like($http->get('/handbook/', @page)->header('Location'), qr{/login\?},
     'and leads a browser to the login page');
is($http->get('/archive/', @page)->code, 303, 'so does the application');
is($http->get('/login')->code, 200, 'the login page is here');

my $clerk = login('zhaomin');

is($clerk->get('/handbook/')->body, 'handbook', 'staff reads the handbook');
like($clerk->get('/archive/', headers => { 'X_Zwfw.User' => 'forged' })->body,
     qr/^user [0-9a-f-]{36}, cookie $/,
     'the application gets the user and no cookie of ours');

my $citizen = login('lixiaomei');

is($citizen->get('/handbook/')->code, 403, 'a citizen does not');
is($citizen->get('/archive/')->code, 403, 'nor see the application');
is($citizen->get('/')->body, 'front', 'the site is open to all');

kill 'QUIT', $pid, $app;
is(Proc::finish($_, 30), 0, 'nginx quits') for $pid, $app;
unlike(log_text('existing'), qr/\[(?:alert|crit|emerg|error)\]/, 'and has nothing to say');

done_testing();
