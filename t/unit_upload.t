#!/usr/bin/perl

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Unit;

exit Unit::run('upload', qw(
    zwfw_upload.c zwfw_vault.c zwfw_vault_crypt.c zwfw_vault_read.c
    zwfw_vault_scan.c zwfw_multipart.c zwfw_multipart_head.c zwfw_form.c
    zwfw_field.c zwfw_type.c zwfw_type_person.c zwfw_json.c zwfw_utf8.c
));
