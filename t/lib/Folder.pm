package Folder;

# A folder of a test that workers may read, and that goes with it.
#
#     my $dir = Folder->new(qw(staff staff/inner));
#     $dir->put('staff/index.html', 'for staff');
#     "$dir/staff";

use strict;
use warnings;

use File::Temp;

our @ISA = ('File::Temp::Dir');


sub new {
    my ($class, @inside) = @_;

    my $self = bless File::Temp->newdir('zwfw-d-XXXXXX', TMPDIR => 1), $class;

    chmod 0755, "$self";
    mkdir "$self/$_" or die "$self/$_: $!\n" for @inside;

    return $self;
}


sub put {
    my ($self, $name, @text) = @_;

    open my $out, '>', "$self/$name" or die "$self/$name: $!\n";
    print $out @text;
    close $out or die "$self/$name: $!\n";
}


1;
