#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('record', qw(zwfw_record.c zwfw_utf8.c));
