#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('vault', qw(
    zwfw_vault.c zwfw_vault_read.c zwfw_vault_scan.c zwfw_vault_crypt.c
    zwfw_vault_roll.c
));
