package Tree;

# A copy of what build.sh migrates with, in a path with a space: of this checkout
# or of an earlier commit.  A test may change it; the server is the test's.
#
#     my $tree = Tree->new($pg);                # this checkout
#     my $old = Tree->new($pg, commit => $id);  # as it was
#     my ($code, $text) = $tree->migrate('--dry-run', 'zwfw_one');
#     $tree->demo('zwfw_one');
#     Tree::catalog($pg, 'zwfw_one');           # all that is in it

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use POSIX ();

my $keys;


sub new {
    my ($class, $pg, %o) = @_;

    my $self = bless { pg => $pg, owner => $$,
                       dir => tempdir('zwfw t-XXXXXX', TMPDIR => 1) }, $class;
    my ($dir, $from) = ($self->{dir}, 'build.sh conf modules');

    chmod 0755, $dir;
    shell($o{commit} ? Tree::git() . " archive $o{commit} $from"
                       . " | tar -x -C '$dir'"
                     : "cp -R $from '$dir/'");

    return $self;
}


sub path {
    my ($self, $path) = @_;

    return "$self->{dir}/$path";
}


sub append {
    my ($self, $file, $text) = @_;

    open my $out, '>>', $self->path($file) or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


# (exit code, what it said)

sub migrate {
    my ($self, @arguments) = @_;

    return $self->migrate_as('user=postgres', @arguments);
}


sub migrate_as {
    my ($self, $login, @arguments) = @_;

    local $ENV{ZWFW_POSTGRES} = "host=$self->{pg}{dir} $login";
    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec 'bash', $self->path('build.sh'), 'migrate', @arguments
            or POSIX::_exit(127);
    }

    my $text = join '', <$out>;
    close $out;

    return ($? >> 8, $text);
}


# the demo data that this tree has for a platform; what a script of it prints
# depends on the script only, and is made once

sub demo {
    my ($self, $database) = @_;

    for my $slice (split ' ', shell("cat '" . $self->path('modules/order')
                                    . "'"))
    {
        my $sql = $self->path("modules/$slice/demo.sql");
        my $script = $self->path("modules/$slice/demo.sh");
        my @files = grep { -f } $sql, -f $script ? $self->printed($slice) : ();

        next if !@files;
        shell(join ' ', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v',
              'platform=shandong', '-v', 'code=370000', '-d',
              "'" . $self->{pg}->conninfo(dbname => $database) . "'",
              (map { "-f '$_'" } @files), '2>&1');
    }
}


my %printed;

sub printed {
    my ($self, $slice) = @_;

    my $script = $self->path("modules/$slice/demo.sh");
    my $id = sha256_hex(shell("cat '$script'"));

    $keys //= tempdir('zwfw-t-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    return $printed{$id} //= do {
        my $file = "$keys/$id.sql";

        shell("echo '1 " . '5a' x 32 . "' >'$keys/keys'; . '$script';"
              . " demo_$slice shandong '$keys/keys' >'$file'");
        $file;
    };
}


# git, in a checkout that may belong to somebody else

sub git {
    return "git -c safe.directory='*'";
}


sub shell {
    my $command = shift;

    open my $out, '-|', 'bash', '-o', 'pipefail', '-c', $command
        or die "bash: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out or die "$command: $text\n";

    return $text;
}


# what is in a database, as pg_dump writes it: { "FUNCTION api core_ping(...)" =>
# its statements }, apart from the schema "old"

sub catalog {
    my ($pg, $database) = @_;

    my $text = shell("pg_dump -s -N old -d '"
                     . $pg->conninfo(dbname => $database) . "'");
    my %entry;

    $text =~ s/^\\\w+ \w+\n//gm;         # of psql, another one each time

    for (split /^--\n-- Name: /m, $text) {
        my ($name, $type, $schema, $body) =
            /^(.*); Type: (.*); Schema: (.*); Owner: .*\n--\n(.*)/s or next;

        # privileges stand in the order in which they were granted
        $entry{"$type $schema $name"} = join "\n",
            $type =~ /ACL/ ? sort split /\n/, $body : $body;
    }

    return \%entry;
}


sub DESTROY {
    my $self = shift;

    return if $$ != $self->{owner};

    local ($@, $?, $!);
    remove_tree($self->{dir});
}


1;
