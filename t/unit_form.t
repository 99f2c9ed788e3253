#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('form', qw(
    zwfw_form.c zwfw_json.c zwfw_utf8.c
));
