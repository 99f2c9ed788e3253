package Build;

# A build of this tree with something that is other, as of a later release: made
# by its own build.sh, in a copy.
#
#     my $next = Build->new;           # built => 1: not all of it is built again
#     $next->define(NGX_HTTP_ZWFW_SCHEMA => 2);
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
    my ($class, %o) = @_;

    my $self = bless { owner => $$,
                       dir => tempdir('zwfw-c-XXXXXX', TMPDIR => 1) }, $class;

    chmod 0755, $self->{dir};
    Tree::shell("cp -a build.sh README.md LICENSE conf html modules"
                . " '$self->{dir}/'");

    delete local @ENV{qw(SANITIZE PROFILE)};
    built($self->{dir}) if $o{built};
    return $self;
}


# What was built here is as good there, with the Makefile's paths changed; where
# it is not, or of another profile, build.sh builds it again.  Returns whether it
# is there.

sub built {
    my $dir = shift;

    my $profile = $ENV{PROFILE} || 'release';
    return 0 if system("grep -qsx 'profile $profile' dist/MANIFEST") != 0;

    my $here = Tree::shell('pwd -P') =~ s/\n//r;

    Tree::shell(<<"END");
        cp -a dist '$dir/' && mkdir '$dir/.build'
        cp -a .build/nginx '$dir/.build/'
        grep -rlIF '$here/' '$dir/.build/nginx' | while read -r file; do
            touch -r "\$file" '$dir/time'
            sed -i 's|$here/|$dir/|g' "\$file"
            touch -r '$dir/time' "\$file"
        done
        . '$dir/build.sh' help >/dev/null
        PROFILE=$profile CHOSEN=
        profile_flags; find_nginx; find_source
        build_key >'$dir/.build/key'
END
    return 1;
}


# A macro of core's private header; only files that name it are compiled again,
# as it was, and no other header may name it.

sub define {
    my ($self, $name, $value) = @_;

    my $header = 'modules/core/ngx_http_zwfw_core.h';
    my ($at, @files) = split /\n/,
        Tree::shell("cd '$self->{dir}' && ls -1 '$header'"
                    . " && grep -rlw --include='*.[ch]' $name modules");

    @files = grep { $_ ne $at } @files;
    die "$name: who names it?\n" if !@files or grep { /\.h$/ } @files;

    my $time = (stat $self->path($header))[9];

    $self->edit($header, sub { s/(#define $name +)\S+/$1$value/ });
    utime $time, $time, $self->path($header);
    utime undef, undef, map { $self->path($_) } @files;
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
