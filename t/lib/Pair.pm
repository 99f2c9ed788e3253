package Pair;

# A primary and a standby of a platform, and nodes that know both.
#
#     my $pair = Pair->new;
#     my $node = $pair->node(block => 'postgres_lag 1h;');
#     $pair->until_reads_standby($node);
#     my $she = $pair->person($node);                 # an Http with a session
#     Pair::writes($she, 'a note')->code;             # a draft of hers
#
# What is acknowledged is on the disks of both, if not replayed yet.

use strict;
use warnings;
use utf8;

use Node;
use Proc;

my $card = '11990100MB0DEM172G3002099009000';


sub new {
    my $class = shift;

    my $db = Sql->new(slices => [Node::slices()]);
    my $self = bless { db => $db, primary => $db->{pg},
                       redis => Stores::Redis->start }, $class;

    $self->{standby} = $self->{primary}->standby(settings => [
        'wal_retrieve_retry_interval = 100ms']);
    $self->{primary}->set("synchronous_standby_names = '*'");

    return $self;
}


sub node {
    my ($self, %o) = @_;

    my $hosts = join ',', map { $self->{$_}{dir} } qw(primary standby);
    my $node = Node->new(db => $self->{db}, redis => $self->{redis},
        workers => 1, openapi => 0, files => $self->{files}, %o,
        postgres => "host=$hosts dbname=zwfw user=zwfw_web",
        server => 'location = /metrics { zwfw_metrics; }');

    $self->{files} //= $node->{files};
    return $node;
}


# the first one, or another; each has one session, at any node

sub person {
    my ($self, $node, $n) = @_;

    return $node->tab($self->{people}[$n // 0]
                      //= $node->client(kind => 'natural'));
}


# the standby has all that was written up to now

sub until_replayed {
    my $self = shift;

    my $at = $self->{primary}->psql('SELECT pg_current_wal_lsn()');

    Proc::until_true("$at is replayed", 20, sub {
        return $self->{standby}->psql(
            "SELECT pg_last_wal_replay_lsn() >= '$at'") eq 't';
    });
}


# a draft; further headers may follow

sub writes {
    my ($http, $note, %o) = @_;

    return $http->post_json('/api/case/draft', { item => $card,
        note => $note }, headers => { 'X-CSRF-Token' => $http->{token}, %o });
}


sub reads_standby {
    my ($self, $node) = @_;

    return $node->client->get('/metrics')->body
        =~ /^zwfw_postgres_standby\{[^}]*\} 1$/m;
}


sub until_reads_standby {
    my ($self, @nodes) = @_;

    for my $node (@nodes) {
        Proc::until_true('reads go to the standby', 20, sub {
            $self->reads_standby($node);
        });
    }
}


1;
