package Mixed;

# Sides of the row about the time that answers take: the demo's mix at a fixed
# pace, asked of a node that collects visits and ships them, and of one that
# does not.  Of twenty requests of somebody who has logged in ten are parts of
# pages, which no node counts, eight are pages that all share, one is a list of
# Redis and one a row of PostgreSQL.
#
#     Mixed::sides($bench)

use strict;
use warnings;

use Bench;
use NginxServer;
use Paced;

my $item = '/item/11990102MB0DEM105F4000199001000';
my @parts = map { "/assets/$_" } qw(zwfw.css tokens.css zwfw.js);
my @asked = ('/', @parts, $item, @parts, '/help', '/item/topics', $item,
             @parts, '/item/catalog', $item, '/', '/api/auth/sessions',
             '/assets/zwfw.css', "/api$item");


sub sides {
    my $bench = shift;

    my $pace = 10_000;

    return map {
        my $nginx = NginxServer->start(
            workers => 1, level => 'warn', connections => 1024,
            main => "worker_cpu_affinity 10;\n",
            http => Bench::settings() . Bench::platform('bench'),
            server => Bench::common() . <<"END");
        zwfw_monitor $_;
        location /assets/ {
            zwfw_monitor off;
            alias $ENV{TEST_NGINX_ZWFW_HTML}/assets/;
        }
END
        my $side = Paced::wire($nginx, \$pace, $bench->{token}, @asked);

        ({ %$side, node => $nginx });
    } qw(on off);
}


1;
