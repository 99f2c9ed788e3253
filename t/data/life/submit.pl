# Hands in applications without a pause until told to stop: whole ones, with
# files, each with an Idempotency-Key that is kept until it is acknowledged, by
# people who register first.  submit1.good and submit2.good are there after some
# more; in the end "ok ..." is said of each that was told.

use strict;
use warnings;
use utf8;

use Test::More;

use lib '/deb/lib';
use Load;
use Node;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Here->new;
my $load = Load->new(node => $node, clients => 1, of_one => 20,
                     order => [qw(submit item item)]);

until (-e '/deb/submit1.stop') {
    if (-e '/deb/submit1.good' && -e '/deb/submit2.good') {
        select undef, undef, undef, 0.05;

    } else {
        $load->told(3, 200, $load->kinds);
        Here::touch("submit$_.good") for 1, 2;
    }
}

$load->stop;
$load->sound;
$load->kept(30);
done_testing();
diag(Load::summary($load->asked));
Here::touch('submit.end');


# the node of life.sh, as tests know nodes

package Here;

use parent -norequire, 'Node';

sub new {
    return bless { files => '/deb', openapi => 0 }, shift;
}

sub nginx {
    return $_[0];
}

sub port {
    return 81;
}

sub db {
    return $_[0];
}

sub admin {
    my ($self, $sql) = @_;

    open my $out, '-|:encoding(UTF-8)', 'runuser', '-u', 'postgres', '--',
        'psql', '-XqAt', '-d', 'zwfw_test', '-c', $sql or die "psql: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out or die "psql failed: $sql\n";

    return $text =~ s/\n\z//r;
}

sub touch {
    open my $out, '>', "/deb/$_[0]" or die "$_[0]: $!\n";
}
