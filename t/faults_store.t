# A worker is killed before each store that it makes to memory which it shares:
# to the table of sessions, under the lock, and to its ring of visits.  The others
# go on, and what they find is right or not there; see t/unit/known.c and ring.c.
# None allocates such memory: nginx's own allocator stands no death in the middle,
# so all is there before the first worker runs.

use strict;
use warnings;

use List::Util qw(uniq);
use Test::More;

use lib 't/lib';
use Unit;

Unit::killed('known', 'ring');

my @allocating;

for my $file (glob 'modules/*/*.c') {
    my $name = '';

    open my $in, '<', $file or die "$file: $!\n";

    while (defined(my $line = readline $in)) {
        $name = $1 if $line =~ /^(\w+)\(/;
        push @allocating, $name if $line =~ /\bngx_slab_c?alloc/;
    }
}

is(join(' ', sort +uniq(@allocating)), join(' ', map { "ngx_http_zwfw_$_" } qw(
    known_init monitor_zone_init shared_zone worker_slots
)), 'shared memory is allocated by what the master calls');

done_testing();
