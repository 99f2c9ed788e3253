#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

# the programs read data/mustache

chdir $FindBin::Bin or die "$FindBin::Bin: $!";

exit Unit::run('template', qw(
    zwfw_template.c zwfw_tag.c zwfw_render.c zwfw_lookup.c zwfw_filter.c
    zwfw_json.c zwfw_json_parse.c zwfw_utf8.c ../../t/unit/template_kit.c
));
