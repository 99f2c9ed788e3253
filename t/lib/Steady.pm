package Steady;

# Requests of all kinds at one node, as many as are wanted, for what they leave
# behind in its processes: each row of the slices under both faces, asked by
# nobody and by somebody who may, with what passes its check; what is refused
# early, files, and what is asked most, many times in between.
#
#     my $steady = Steady->new(nginx => $nginx, natural => { cookie, token },
#                              staff => { cookie, token }, more => [@paths]);
#     my %status = $steady->ask(20_000);      # how often which answer came
#     my $kib = $steady->floor;               # asks as well
#
# wrk asks, which "build.sh deps" installs for the bench.
#
# Rows that end the session of who asks are left out, and so are those that
# compare passwords, 100 ms each: t/auth_limits.t and others ask them.

use strict;
use warnings;
use utf8;

use File::Temp;
use JSON::PP ();
use List::Util qw(min sum);

use Http;
use Proc;
use Rows;

my $json = JSON::PP->new->utf8->canonical;
my $left_out = qr{^/api/(?:login|register|logout|auth/sessions/)};
my $item = '11990100MB0DEM033R3000199002000';


sub new {
    my ($class, %o) = @_;

    my $self = bless { %o }, $class;

    $self->{asked} = [$self->often, map { ($_, $self->often) } $self->each];
    return $self;
}


# Memory of a worker, in KiB, on an average: the least of some times, each after
# all kinds, as a body or an answer of a moment ago counts for a while.

sub floor {
    my $self = shift;

    return int min(map {
        $self->ask(scalar @{ $self->{asked} });

        my @memory = values %{ $self->{nginx}->memory };
        sum(@memory) / @memory;
    } 1 .. 5);
}


# what is asked most

sub often {
    my $self = shift;

    my $she = $self->{natural};

    return ($self->get('/help'), $self->get("/item/$item"),
            $self->get("/api/item/$item"), $self->get('/help', $she),
            $self->get('/api/auth/sessions', $she));
}


sub each {
    my $self = shift;

    my $she = $self->{natural};

    # what is large comes first

    return ($self->post('/api/case/draft', 'x' x 300_000, $she),
            $self->get('/api/' . 'x' x 9000),
            $self->get('/help?' . 'x=1&' x 400),
            $self->post('/api/case/', '[' x 1000, $she),
            $self->post('/api/case/', '{"item": [', $she),
            $self->post('/api/case/', '{}'), $self->get('/none'),
            $self->get('/api/none'), $self->get('/api/item/?q=%zz'),
            $self->get('/api/item/?x=1'),
            map({ ($self->get($_), $self->get($_, $she)) }
                @{ $self->{more} // [] }),
            map { $self->row($_) } Rows::all());
}


sub row {
    my ($self, $row) = @_;

    my $who = (grep { $_ eq 'natural' or $_ eq 'anyone' } @{ $row->{who} })
        ? $self->{natural} : $self->{staff};
    my @urls = map { Rows::url($row, mount => $_) } '/api',
        $row->{page} ? '' : ();

    return if $urls[0] =~ $left_out and $row->{method} eq 'POST';
    return map { ($self->get($_), $self->get($_, $who)) } @urls
        if $row->{method} eq 'GET';

    my $body = $json->encode(Rows::sample($row->{fields}));
    my $path = shift @urls;

    return map { $self->post($path, $body, $_) } undef, $who;
}


# requests as they are sent

sub get {
    my ($self, $path, $who) = @_;

    return join "\r\n", "GET $path HTTP/1.1", head($who), '', '';
}


sub post {
    my ($self, $path, $body, $who) = @_;

    return join "\r\n", "POST $path HTTP/1.1", head($who),
        'Content-Type: application/json', 'Content-Length: ' . length $body, '',
        $body;
}


sub head {
    my $who = shift;

    return ('Host: localhost', $who ? ("Cookie: zwfw=$who->{cookie}",
                                       "X-CSRF-Token: $who->{token}") : ());
}


# One after the other, over eight connections, until so many are answered; a
# request is written as a string of Lua.

sub ask {
    my ($self, $count) = @_;

    my $script = File::Temp->new(TEMPLATE => 'zwfw-w-XXXXXX', TMPDIR => 1,
                                 SUFFIX => '.lua');
    my $asked = join ",\n", map {
        '"' . Http::bytes($_) =~ s/([^ !#-\[\]-~])/sprintf '\\%03d', ord $1/ger
            . '"' } @{ $self->{asked} };

    print $script <<"END";
local asked = {
$asked
}
local n, answered, told = 0, 0, {}

function request()
    n = n % #asked + 1
    return asked[n]
end

function response(status)
    answered = answered + 1
    told[status] = (told[status] or 0) + 1

    if answered == $count then
        for status, count in pairs(told) do
            print("status", status, count)
        end

        os.exit(0)
    end
end
END
    close $script or die "$script: $!\n";

    my $log = File::Temp->new(TEMPLATE => 'zwfw-w-XXXXXX', TMPDIR => 1);
    my $pid = Proc::spawn(log => "$log", command => [
        'wrk', '-t1', '-c8', '-d3600s', '--timeout', '30s', '-s', "$script",
        'http://127.0.0.1:' . $self->{nginx}->port]);
    my $status = Proc::finish($pid, 3600);
    my $said = do { local $/; readline $log };

    die "wrk: $said\n" if $status or $said !~ /^status/m;
    return $said =~ /^status\s+(\d+)\s+(\d+)$/mg;
}


1;
