package Clock;

# A clock of nginx that is wrong.
#
#     my $clock = Clock->new;
#     my %env = $clock->env;        # in which nginx is to be started
#     $clock->wrong(-600);          # seconds, from now on
#
# The library that tells the time is t/data/clock/clock.c.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp;

use Preload;


sub new {
    my $class = shift;

    my $self = bless {
        dir => File::Temp->newdir('zwfw-cl-XXXXXX', TMPDIR => 1),
    }, $class;

    chmod 0755, $self->{dir};
    Preload::build("$self->{dir}/clock.so", abs_path('t/data/clock/clock.c'));
    $self->wrong(0);

    return $self;
}


sub env {
    my $self = shift;

    return (Preload::env("$self->{dir}/clock.so"),
            ZWFW_CLOCK => "$self->{dir}/wrong");
}


# in one write, into what nginx has mapped

sub wrong {
    my ($self, $seconds) = @_;

    my $file = "$self->{dir}/wrong";

    open my $out, -f $file ? '+<' : '+>', $file or die "$file: $!\n";
    syswrite $out, pack 'q', $seconds;
    close $out or die "$file: $!\n";
}


1;
