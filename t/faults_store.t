# A worker is killed before each store that it makes to memory which it shares:
# to the table of sessions, under the lock, and to its ring of visits.  The others
# go on, and what they find is right or not there; see t/unit/known.c and ring.c.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Unit;

Unit::killed('known', 'ring');

done_testing();
