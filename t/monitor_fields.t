# What a slice tells of a visit arrives in the columns of these names, and not
# in those of a later visit that takes its place in the ring.
# GB/T 39047, 5.2.2.4

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Node;
use Proc;
use Trial;

Trial::load();

# a row of a slice that the OpenAPI document of the build does not know

my $node = Node->new(openapi => 0, http => "    zwfw_monitor_ring 8k;\n",
                     server => <<'END');
        zwfw_monitor on;
        location /plain/ { return 200 "x\n"; }
END
my $db = $node->db;
my $client = $node->client;
my $room = 16;                              # 8 KiB of 512 bytes


# as many visits as the ring has places; returns what is known of the last

sub visits {
    my $path = shift;

    my $count = 'SELECT count(*) FROM zwfw.visits';
    my $before = $db->admin($count);

    is(scalar(grep { $client->get($path)->code == 200 } 1 .. $room), $room,
       "$path: visits");

    Proc::until_true('they are stored', 20, sub {
        return $db->admin($count) == $before + $room;
    });

    return JSON::PP->new->decode($db->admin(
        'SELECT jsonb_strip_nulls(to_jsonb(v)) FROM zwfw.visits v
          ORDER BY at DESC, batch DESC, number DESC LIMIT 1'));
}


my $visit = visits('/api/trial/visit');

is_deeply({ map { $_ => $visit->{$_} }
            qw(item case_type age_band rank funnel dwell) },
          { item => '11990100MB0DEM172G3002099009000', case_type => '2',
            age_band => '30-39', rank => 3, funnel => 4, dwell => 5600 },
          'with all that was told');

is(join(' ', sort keys %{ visits('/plain/x') }),
   'at batch browser bytes device latency number referrer route status'
   . ' system visitor', 'in its place, a visit of which less is known');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
