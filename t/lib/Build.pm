package Build;

# A build of this tree with something that is other, as of a later release: made
# by its own build.sh, in a copy.
#
#     my $next = Build->new;
#     $next->edit('modules/core/ngx_http_zwfw_core.h', sub { s/1/2/ });
#     $next->run('modules', '--modules=core');    # dies with what it said
#     $next->path('dist/ngx_http_zwfw_core_module.so');
#     Build::release($folder);         # what is to be installed, in a copy

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);

use Tree;


sub new {
    my $class = shift;

    my $self = bless { owner => $$,
                       dir => tempdir('zwfw-c-XXXXXX', TMPDIR => 1) }, $class;

    chmod 0755, $self->{dir};
    Tree::shell("cp -R build.sh README.md LICENSE conf html modules"
                . " '$self->{dir}/'");

    return $self;
}


sub path {
    my ($self, $path) = @_;

    return "$self->{dir}/$path";
}


# the code changes $_, the text of the file

sub edit {
    my ($self, $file, $code) = @_;

    open my $in, '<', $self->path($file) or die "$file: $!\n";
    local $_ = do { local $/; <$in> };
    my $was = $_;

    $code->();
    die "$file: nothing was changed\n" if $_ eq $was;
    open my $out, '>', $self->path($file) or die "$file: $!\n";
    print $out $_;
    close $out or die "$file: $!\n";
}


sub run {
    my ($self, @command) = @_;

    delete local @ENV{qw(SANITIZE PROFILE)};
    return Tree::shell("bash '$self->{dir}/build.sh' @command 2>&1");
}


# the modules of this checkout, or where they are of another profile its own

sub release {
    my $folder = shift;

    delete local @ENV{qw(SANITIZE PROFILE)};
    Tree::shell("if grep -qsx 'profile release' dist/MANIFEST; then"
                . " cp -R dist '$folder/'; else '$folder/build.sh' modules 2>&1;"
                . ' fi');
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner};

    local ($@, $?, $!);
    remove_tree($self->{dir});
}


1;
