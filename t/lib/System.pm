package System;

# A Debian of its own, in a folder: made by debootstrap, as root, of the sources
# that apt has here, also of another release than this one.
#
#     my $suite = System::here();                     # the release of this machine
#     System::make($root, $suite, qw(nginx redis-server));
#     Tree::shell(System::inside($root, 'nginx -v', net => 0));
#
# What starts in it ends with its command; it has the network of this machine,
# or with net => 0 none but its own.  System::leave($root) removes it.

use strict;
use warnings;

use Tree;

my $environment = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root'
    . ' DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8';


sub here {
    return (Tree::shell('cat /etc/os-release')
            =~ /^VERSION_CODENAME=(\w+)$/m)[0];
}


# where apt has which release from; sid is alone

sub sources {
    my $suite = shift;

    my $here = here();
    my %at = map { split ' ' } split /\n/, Tree::shell(
        "apt-get indextargets --format '\$(RELEASE) \$(REPO_URI)'");

    my $with = $suite eq 'sid' ? '' : '(?:-updates|-security)?';

    return map { [$_ =~ s/^\Q$here\E/$suite/r, $at{$_}] }
        grep { /^\Q$here\E$with$/ } sort keys %at;
}


sub make {
    my ($root, $suite, @packages) = @_;

    my @sources = sources($suite);

    Tree::shell("debootstrap --variant=minbase $suite $root"
                . " $sources[0][1] 2>&1");
    write_file("$root/etc/apt/sources.list",
               join '', map { "deb $_->[1] $_->[0] main\n" } @sources);
    write_file("$root/etc/apt/apt.conf.d/90here", Tree::shell(
        q{apt-config dump | grep -E '^Acquire::https?::' || true}));
    write_file("$root/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    chmod 0755, "$root/usr/sbin/policy-rc.d";
    Tree::shell("cp /etc/resolv.conf $root/etc/");
    Tree::shell(inside($root, 'apt-get -q update' . (@packages
        ? " && apt-get -q -y --no-install-recommends install @packages" : ''))
                . ' 2>&1');
}


# the command of a shell that runs one in there

sub inside {
    my ($root, $command, %o) = @_;

    my $net = $o{net} // 1 ? '' : '--net';

    return "unshare --mount --pid --ipc $net --fork --kill-child sh -c '"
        . "mount --rbind /dev $root/dev && mount -t proc proc $root/proc"
        . " && mount -t sysfs sysfs $root/sys"
        . " && mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm"
        . " && exec chroot $root $environment sh -c \"\$1\"' sh '"
        . $command =~ s/'/'\\''/gr . "'";
}


# what was mounted in there is no more when the command has ended

sub leave {
    Tree::shell("rm -rf --one-file-system $_[0]");
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}


1;
