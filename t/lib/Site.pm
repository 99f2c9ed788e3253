package Site;

# The demo's nginx over the stores of the run: its own configuration with all
# three platforms, in the foreground of a test.
#
#     my $site = Site->start;
#     for my $platform ($site->platforms) { $platform->{name, host, code} }
#     my $http = $site->client($platform);          # nobody
#     $site->login($http, 'lixiaomei');             # the same, logged in
#     my @bad = $site->stop;
#
# start(http => '...') puts directives before those of its http block.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP ();

use Http;
use NginxServer;
use Proc;


sub start {
    my ($class, %o) = @_;

    my $conf = $ENV{TEST_NGINX_ZWFW_SITE}
        // die "TEST_NGINX_ZWFW_SITE is not set: run ./build.sh test FILE\n";
    my $dir = tempdir('zwfw-s-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    $conf = with($conf, "$dir/nginx.conf", $o{http}) if $o{http};

    my $demo = JSON::PP->new->utf8->decode(do {
        local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_DEMO}; <> });
    my $self = bless { dir => $dir, demo => $demo }, $class;

    ($self->{port}) = $demo->{platforms}[0]{insecure_url} =~ /:(\d+)/;
    $self->{pid} = Proc::spawn(log => "$dir/output", command => [
        $ENV{TEST_NGINX_BINARY}, '-p', $ENV{TEST_NGINX_ZWFW_SITE_PREFIX}, '-e',
        "$dir/error.log", '-c', $conf, '-g',
        "daemon off; error_log $dir/error.log warn;"]);
    Proc::until_true('the demo answers', 30, sub {
        return !grep {
            (eval { $self->client($_)->get('/api/health')->code } // 0) != 200
        } $self->platforms;
    });

    return $self;
}


# a copy of the configuration with more in it

sub with {
    my ($conf, $copy, $http) = @_;

    my $text = do { local (@ARGV, $/) = $conf; <> };

    $text =~ s/^http \{\n\K/$http\n/m or die "$conf has no http\n";
    open my $out, '>', $copy or die "$copy: $!\n";
    print $out $text;
    close $out or die "$copy: $!\n";

    return $copy;
}


sub platforms {
    my $self = shift;

    return map { { %$_, host => "$_->{name}.localhost" } }
        @{ $self->{demo}{platforms} };
}


sub port {
    return $_[0]{port};
}


sub workers {
    return grep { NginxServer::title($_) eq 'nginx: worker process' }
        Proc::children($_[0]{pid});
}


sub client {
    my ($self, $platform) = @_;

    return Http->new(port => $self->{port}, host => $platform->{host});
}


sub login {
    my ($self, $http, $name) = @_;

    my ($platform) = $http->{host} =~ /^(\w+)/;
    my $res = $http->post_json('/api/login', {
        email => "$name\@$platform.example", password => 'demo-2026' });

    die "$name cannot log in: " . $res->body if $res->code != 200;
    $http->{headers}{'X-CSRF-Token'} = $res->json->{token};
    return $http;
}


# quits it; the lines that must not be there

sub stop {
    my $self = shift;

    kill 'QUIT', $self->{pid};

    my $status = Proc::finish($self->{pid}, 30);
    open my $in, '<', "$self->{dir}/error.log" or die "error.log: $!\n";
    my @bad = grep { /\[(?:alert|crit|emerg)\]|exited on signal|open socket #/ }
        <$in>;

    push @bad, "nginx ended with status $status\n" if $status;
    return @bad;
}


1;
