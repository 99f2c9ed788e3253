#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('field', qw(
    zwfw_field.c zwfw_type.c zwfw_type_person.c zwfw_form.c
    zwfw_json.c zwfw_json_parse.c zwfw_utf8.c
));
