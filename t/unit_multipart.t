#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('multipart', qw(
    zwfw_multipart.c zwfw_multipart_head.c zwfw_utf8.c
));
