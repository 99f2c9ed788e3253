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
    my ($class, %o) = @_;

    my $db = Sql->new(slices => [Node::slices()]);
    my $self = bless { db => $db, primary => $db->{pg},
                       redis => Stores::Redis->start }, $class;

    $self->{standby} = $self->{primary}->standby(settings => [
        'wal_retrieve_retry_interval = 100ms']);
    $self->{primary}->set("synchronous_standby_names = '*'");

    # enough people for the limit of an hour

    $self->{people} = [map { $db->uuid } 1 .. $o{people} // 2];
    $db->admin(join ';', map { "INSERT INTO zwfw.users (id, kind, name, email,
        email_index, password, created_at) VALUES ('$_', 'natural', '张三',
        'zs1:1:x', '1:$_', 'x', now())" } @{ $self->{people} });

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


sub person {
    my ($self, $node, $uid) = @_;

    return $node->client(kind => 'natural', level => 1,
                         uid => $uid // $self->{people}[0]);
}


# a draft; further headers may follow

sub writes {
    my ($http, $note, %o) = @_;

    $http->{token} //= $http->get('/help')->hidden->{_token};

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
