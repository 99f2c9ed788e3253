# What a slice tells of a visit arrives in the columns of these names.
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

my $node = Node->new(openapi => 0, server => "        zwfw_monitor on;\n");
my $db = $node->db;

is($node->client->get('/api/trial/visit')->code, 200, 'a visit');

my $row = Proc::until_true('it is stored', 20, sub {
    return $db->admin('SELECT to_jsonb(v) FROM zwfw.visits v');
});
my $visit = JSON::PP->new->decode($row);

is_deeply({ map { $_ => $visit->{$_} }
            qw(item case_type age_band rank funnel dwell) },
          { item => '11990100MB0DEM172G3002099009000', case_type => '2',
            age_band => '30-39', rank => 3, funnel => 4, dwell => 5600 },
          'with all that was told');

is(join('', $node->nginx->stop), '', 'no alert');

done_testing();
