package Sentinels;

# A Redis with two replicas and three sentinels that watch them, with what
# conf/sentinel.conf advises, in place of a Stores::Redis.
#
#     my $redis = Sentinels->start;
#     my $node = Node->new(redis => $redis);
#     my $old = $redis->master;                   # a Stores::Redis
#     $redis->replicated; $old->crash; $redis->promoted($old);
#     $redis->follow($old);                       # it comes back as a replica

use strict;
use warnings;

use Port;
use Proc;
use Stores;

my ($name, $password, $other) = qw(people of-redis of-sentinels);
my @advised = ('--min-replicas-to-write', 1, '--min-replicas-max-lag', 2,
               '--appendonly', 'yes');


sub start {
    my $class = shift;

    my $self = bless {}, $class;
    my @ports = map { Port::free() } 1 .. 3;

    $self->{stores} = [map {
        Stores::Redis->start(port => $_, password => $password,
            settings => ['--repl-diskless-sync-delay', 0, @advised,
                         $_ == $ports[0] ? () : of($ports[0])]);
    } @ports];
    $self->replicated;
    $self->{sentinels} = [map {
        Sentinels::One->start(port => Port::free(), password => $other,
                              of => $ports[0]);
    } 1 .. 3];
    $self->until_watched;

    # the first one is away: nobody listens there

    $self->{nobody} = Port::free();
    $self->{secret} = [map { secret($_) } $password, $other];

    return $self;
}


sub of {
    return ('--replicaof', "127.0.0.1 $_[0]");
}


sub secret {
    my $file = File::Temp->new;

    print $file shift, "\n";
    close $file or die "$file: $!\n";

    return $file;
}


# until each sentinel knows the others and the replicas

sub until_watched {
    my $self = shift;

    Proc::until_true('sentinels that know each other', 30, sub {
        return !grep {
            my %is = @{ $_->query('SENTINEL', 'master', $name) };
            $is{'num-slaves'} != 2 or $is{'num-other-sentinels'} != 2;
        } @{ $self->{sentinels} };
    });
}


sub address {
    my $self = shift;

    my $hosts = join ',', map { "127.0.0.1:$_" } $self->{nobody},
        map { $_->{port} } @{ $self->{sentinels} };

    return "$hosts master=$name password=$self->{secret}[0]"
        . " sentinel_password=$self->{secret}[1]";
}


sub at {
    my ($self, $port) = @_;

    return (grep { $_->{port} == $port } @{ $self->{stores} })[0];
}


# what a sentinel says

sub master {
    my ($self, $sentinel) = @_;

    return $self->at(($sentinel // $self->{sentinels}[0])->query(
        'SENTINEL', 'get-master-addr-by-name', $name)->[1]);
}


sub query {
    my $self = shift;

    return $self->master->query(@_);
}


# until all that is written is on the replicas as well, or on so many of them

sub replicated {
    my ($self, $master, $least) = @_;

    $master //= $self->{sentinels} ? $self->master : $self->{stores}[0];
    Proc::until_true('replicated', 30, sub {
        my $sock = $master->connection;

        # none that it knows of: it writes nothing
        my $has = eval {
            Stores::Redis::say_to($sock, 'SET', 'zwfw-replicated', 1);
            Stores::Redis::say_to($sock, 'WAIT', $least // 2, 1000);
        };
        return defined $has && $has >= ($least // 2);
    });
}


# until all sentinels say that another one than this is master, and it writes

sub promoted {
    my ($self, $old) = @_;

    Proc::until_true('another master', 60, sub {
        return !grep { $self->master($_) == $old } @{ $self->{sentinels} };
    });
    $self->replicated(undef, 1);
}


sub follow {
    my ($self, $old) = @_;

    my $master = $self->master;

    $old->{settings} = [@advised, of($master->{port})];
    $old->launch if !$old->{pid};
    $self->replicated($master);
    $self->until_watched;
}


package Sentinels::One;

our @ISA = ('Stores::Redis');


sub create {
    my $self = shift;

    my $file = "$self->{dir}/sentinel.conf";

    open my $out, '>', $file or die "$file: $!\n";
    print $out <<"END";
port $self->{port}
bind 127.0.0.1
dir $self->{dir}
unixsocket ${\ $self->socket}
requirepass $self->{password}
sentinel sentinel-pass $self->{password}
sentinel monitor $name 127.0.0.1 $self->{of} 2
sentinel auth-pass $name $password
sentinel down-after-milliseconds $name 1000
sentinel failover-timeout $name 2000
END
    close $out or die "$file: $!\n";
}


sub command {
    my $self = shift;

    return ($ENV{REDIS_SERVER} || 'redis-server', "$self->{dir}/sentinel.conf",
            '--sentinel');
}


1;
