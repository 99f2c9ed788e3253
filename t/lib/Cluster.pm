package Cluster;

# A Redis Cluster of three masters, one of which has a replica, and a fourth
# that has joined and has no slots, with what conf/cluster.conf advises, in place
# of a Stores::Redis.
#
#     my $redis = Cluster->start;
#     my $node = Node->new(redis => $redis);
#     $redis->query('GET', 'a');                  # wherever it is
#     my $tag = $redis->tag($uid);                # of all keys of a person
#     my $at = $redis->of($tag);                  # the Stores::Redis with them
#     my $move = $redis->move($tag, $redis->{spare});
#     $move->{keys}; $move->key($key); $move->finish;
#     $redis->reshard($from, $to, 100);           # slots, by redis-cli

use strict;
use warnings;

use Port;
use Proc;
use Stores;

my $password = 'of-cluster';
my @advised = ('--cluster-require-full-coverage', 'no',
               '--cluster-allow-reads-when-down', 'no');
my $digits = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';


sub start {
    my $class = shift;

    my $self = bless {}, $class;

    @$self{qw(one two three spare replica)} = my @all = map { one() } 1 .. 5;
    $self->{all} = \@all;

    for my $n (0 .. 2) {
        $all[$n]->query('CLUSTER', 'SET-CONFIG-EPOCH', $n + 1);
        $all[$n]->query('CLUSTER', 'ADDSLOTSRANGE', int(16384 / 3 * $n),
                        $n == 2 ? 16383 : int(16384 / 3 * ($n + 1)) - 1);
    }

    $all[0]->query('CLUSTER', 'MEET', '127.0.0.1', @$_{qw(port bus)})
        for @all[1 .. 4];
    Proc::until_true('nodes that know each other', 30, sub {
        return !grep { () = $_->query('CLUSTER', 'NODES') =~ /connected/g;
                       $_->query('CLUSTER', 'INFO')
                           !~ /cluster_state:ok.*known_nodes:5/s } @all;
    });
    $all[4]->query('CLUSTER', 'REPLICATE', id($all[1]));
    $self->replicated;

    return $self;
}


sub one {
    my $bus = Port::free();

    return Stores::Redis->start(
        port => Port::free(), bus => $bus, password => $password,
        settings => ['--cluster-enabled', 'yes', '--cluster-port', $bus,
                     '--cluster-node-timeout', 2000, @advised,
                     '--repl-diskless-sync-delay', 0]);
}


sub id {
    return $_[0]->query('CLUSTER', 'MYID');
}


# the replica has what its master has, and the others know of it

sub replicated {
    my $self = shift;

    my $id = id($self->{replica});

    Proc::until_true('the replica', 30, sub {
        return $self->{replica}->query('INFO', 'replication')
            =~ /master_link_status:up/
            && !grep { $_->query('CLUSTER', 'NODES')
                           !~ /^$id \S+ (?:myself,)?slave/m } @{ $self->{all} };
    });
}


sub address {
    my $self = shift;

    $self->{secret} //= do {
        my $file = File::Temp->new;
        print $file "$password\n";
        close $file or die "$file: $!\n";
        $file;
    };

    return join(',', map { "127.0.0.1:$self->{$_}{port}" } qw(one two three))
        . " cluster password=$self->{secret}";
}


# as the product: the last twelve bits of a uuid

sub tag {
    my ($self, $uid) = @_;

    my $bits = hex substr $uid, -3;

    return substr($digits, $bits >> 6, 1) . substr $digits, $bits & 63, 1;
}


sub slot {
    my ($self, $tag) = @_;

    return $self->{one}->query('CLUSTER', 'KEYSLOT', $tag);
}


sub at {
    my ($self, $port) = @_;

    return (grep { $_->{port} == $port } @{ $self->{all} })[0];
}


# who has the keys of a tag

sub of {
    my ($self, $tag) = @_;

    my $slot = $self->slot($tag);

    for my $range (@{ $self->{three}->query('CLUSTER', 'SLOTS') }) {
        return $self->at($range->[2][1])
            if $range->[0] <= $slot and $slot <= $range->[1];
    }

    die "nobody has slot $slot\n";
}


sub query {
    my ($self, @command) = @_;

    my ($at, $asking) = $self->{three};
    my $answer;

    Proc::until_true("an answer to $command[0]", 20, sub {
        my $sock = $at->connection;

        Stores::Redis::say_to($sock, 'ASKING') if $asking;
        $answer = eval { Stores::Redis::say_to($sock, @command) };
        return 1 if !$@;

        die $@ if $@ !~ /(MOVED|ASK) \d+ \S*:(\d+)|TRYAGAIN|CLUSTERDOWN/;
        ($at, $asking) = ($self->at($2), $1 eq 'ASK') if $1;
        return;
    });

    return $answer;
}


sub reshard {
    my ($self, $from, $to, $slots) = @_;

    my @said;

    Proc::until_true('nodes that agree', 30, sub {
        @said = cli('check', $from);
        return $? == 0;
    });
    @said = cli('reshard', $from, '--cluster-from', id($from), '--cluster-to',
                id($to), '--cluster-slots', $slots, '--cluster-yes');
    die "reshard: @said" if $?;
}


sub cli {
    my ($what, $at, @more) = @_;

    open my $out, '-|', 'redis-cli', '-a', $password, '--no-auth-warning',
        '--cluster', $what, "127.0.0.1:$at->{port}", @more
        or die "redis-cli: $!\n";
    my @lines = <$out>;

    close $out;
    return @lines;
}


# a slot, key by key

sub move {
    my ($self, $tag, $to) = @_;

    my $from = $self->of($tag);
    my $slot = $self->slot($tag);

    $to->query('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', id($from));
    $from->query('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', id($to));

    return bless { cluster => $self, from => $from, to => $to, slot => $slot,
                   keys => $from->query('CLUSTER', 'GETKEYSINSLOT', $slot,
                                        1000) }, 'Cluster::Move';
}


package Cluster::Move;


sub key {
    my ($self, @keys) = @_;

    $self->{from}->query('MIGRATE', '127.0.0.1', $self->{to}{port}, '', 0, 5000,
                         'AUTH', $password, 'KEYS', @keys);
}


# what is left, and then the slot

sub finish {
    my $self = shift;

    while (my @keys = @{ $self->{from}->query('CLUSTER', 'GETKEYSINSLOT',
                                              $self->{slot}, 100) })
    {
        $self->key(@keys);
    }

    my $id = Cluster::id($self->{to});
    my %all = map { $_->{port} => $_ } @{ $self->{cluster}{all} };

    delete $all{ $self->{cluster}{replica}{port} };

    my @set = ('CLUSTER', 'SETSLOT', $self->{slot}, 'NODE', $id);

    $_->query(@set) for @$self{qw(to from)};
    delete @all{ map { $self->{$_}{port} } qw(to from) };
    $_->query(@set) for values %all;
}


1;
