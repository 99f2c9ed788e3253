#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('json', qw(
    zwfw_json.c zwfw_json_parse.c zwfw_utf8.c
));
