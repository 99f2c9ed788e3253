package Revoked;

# The side of the row of revocation: somebody logs out at one node while the
# other one, over the same stores, answers what wrk asks of it as fast as it
# can.  The figure is the time from the answer to the log-out until the other
# node refuses the session, which it had in its cache.
#
#     Revoked::side($bench)

use strict;
use warnings;

use File::Temp;
use List::Util qw(max);
use Time::HiRes qw(time);

use Bench;
use Http;
use NginxServer;
use Proc;

use constant TIMES => 5;        # in a slice

my $guarded = <<'END';
        location /guarded/ {
            zwfw_auth who=natural level=1;
            alias $DIR/html/;
            default_type text/html;
        }
END


sub conf {
    return $guarded;
}


sub side {
    my $bench = shift;

    my $there = NginxServer->start(
        workers => 2, level => 'warn', connections => 1024,
        main => "worker_cpu_affinity auto;\n",
        http => Bench::settings() . Bench::platform('bench'),
        server => Bench::common() . $guarded);
    my $file = $there->dir . '/html/1k.html';

    open my $out, '>', $file or die "$file: $!\n";
    print $out 'x' x 1024;
    close $out or die "$file: $!\n";

    my @load = ('wrk', '-t1', '-c', 32, '-d', '60s', '-H',
                "Cookie: zwfw=$bench->{token}",
                'http://127.0.0.1:' . $there->port . '/guarded/1k.html');

    my $measure = sub {
        my $log = File::Temp->new(TEMPLATE => 'zwfw-b-XXXXXX', TMPDIR => 1);
        my $load = Proc::spawn(command => \@load, log => "$log");
        my $worst = max(map { revoked($bench, $there) } 1 .. TIMES);

        kill 'INT', $load;
        Proc::finish($load, 60);

        return { ms => 1000 * $worst };
    };

    return { measure => $measure, ready => $measure, node => $there };
}


# seconds

sub revoked {
    my ($bench, $there) = @_;

    my ($token) = $bench->keep_sessions({});
    my ($a, $b) = map { Http->new(port => $_->port) } $bench->{nginx}, $there;
    my $cookie = { Cookie => "zwfw=$token" };

    for my $http ($a, $b) {
        Proc::until_true('a session', 30, sub {
            $http->get('/guarded/1k.html', headers => $cookie)->code == 200;
        });
    }

    my $me = $a->get('/api/auth/me', headers => $cookie)->json;
    my $res = $a->post_json('/api/logout', {}, headers => {
        %$cookie, 'X-CSRF-Token' => $me->{token} });

    die 'log-out: ' . $res->code . "\n" if $res->code >= 400;

    my $begin = time;

    Proc::until_true('the other node refuses it', 30, sub {
        $b->get('/guarded/1k.html', headers => $cookie)->code == 401;
    });

    return time - $begin;
}


1;
