package Stores::Shared;

# The memory that the processes of a PostgreSQL share, which stays after kill -9
# until it starts again: a segment of System V, and files of /dev/shm.  The
# machine has 4096 segments, for all tests that ever run on it.
#
#     my $shared = Stores::Shared::of($data, $pid);    # while it runs
#     Stores::Shared::attached($shared);     # how many are; undef: it is gone
#     Stores::Shared::files($shared);        # those that are there
#     Stores::Shared::remove($shared);       # what nobody uses
#
# No object: at the end of a test it would be gone before the store that has it.

use strict;
use warnings;

use IPC::SysV qw(IPC_RMID);

use Proc;


sub of {
    my ($data, $pid) = @_;

    open my $in, '<', "$data/postmaster.pid" or die "$data: $!\n";
    my ($id) = ((<$in>)[6] // '') =~ /^ *\d+ +(\d+)$/
        or die "$data: no segment\n";

    my %files = map { ($_ => 1) } map { mapped($_) }
        $pid, Proc::descendants($pid);

    return { pid => $pid, id => $id, files => [sort keys %files] };
}


sub mapped {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/maps" or return;
    return map { m{ (/dev/shm/PostgreSQL\.\d+)$} } <$in>;
}


# its id may have gone to a segment that another process has made

sub attached {
    my $shared = shift;

    open my $in, '<', '/proc/sysvipc/shm' or return;

    for (<$in>) {
        my (undef, $id, undef, undef, $creator, undef, $attached) = split ' ';

        return $attached if $id eq $shared->{id} and $creator eq $shared->{pid};
    }

    return;
}


sub files {
    return grep { -e } @{ $_[0]{files} };
}


sub remove {
    my $shared = shift;

    return if attached($shared) // 1;

    shmctl $shared->{id}, IPC_RMID, 0 or warn "segment $shared->{id}: $!\n";
    unlink files($shared);
}


1;
