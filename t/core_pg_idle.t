# Connections to PostgreSQL that are not needed any more end.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Proc;
use Told;

my $idle = Told->new(block => <<'END');
        postgres_connections 1 4 1;
        postgres_timeout 20s 20s;
END
my $count = "SELECT count(*) FROM pg_stat_activity
              WHERE application_name = 'zwfw write'";

Proc::until_true('four connections', 90, sub {
    $idle->hold;
    my @asked = map { $idle->ask(write => 'STAY') } 1 .. 12;
    $idle->let_go;
    $_->answer for @asked;
    return $idle->admin($count) == 4;
});
Proc::until_true('one is left', 90, sub { $idle->admin($count) == 1 });
is($idle->write('PID')->code, 200, 'which answers');
is(join('', $idle->node->nginx->stop), '', 'no alert');

done_testing();
