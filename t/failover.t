# The primary dies, or hangs, under load: reads go on, writes are refused until
# the standby is promoted and then find it; what was acknowledged is there, once.
# The old one comes back as a standby.

use strict;
use warnings;
use utf8;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Pair;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my ($clients, $parent) = (3, $$);
my $pair = Pair->new;
my ($first, $second) = @$pair{qw(primary standby)};
my @nodes = map { $pair->node } 1, 2;
my @items = split /\n/, $pair->{db}->admin(
    "SELECT code FROM zwfw.items WHERE state = 'in_use'");
my $item = $items[0];


# a client: a line for each question, the same key until it is acknowledged

sub client {
    my ($out, $who, @mine) = @_;

    my ($n, $key, $she) = (0);

    while (getppid == $parent) {
        my $node = $nodes[$n++ % 2];
        my $began = time;
        my ($what, $res, $wrong) = $n % 3 ? 'item' : 'draft';

        if ($what eq 'item') {
            my $code = $items[rand @items];

            $res = eval { $node->client->get("/api/item/$code") };
            $wrong = $res && $res->code == 200 && $res->json->{code} ne $code;

        } else {
            $key //= "load-$who-$n";
            $she //= $pair->person($node, $mine[$n / 3 % @mine]);
            $she->{port} = $node->nginx->port;
            delete $she->{sock};
            $res = eval {
                Pair::writes($she, $key, 'Idempotency-Key' => $key);
            };
        }

        my $code = $wrong ? 'another' : $res ? $res->code : 'none';
        my $done = $what eq 'draft' && $code eq '200'
            ? "$key $she->{me}{uid} " . $res->json->{id} : '-';

        undef $_ for $done eq '-' ? () : ($key, $she);
        syswrite $out, join("\t", $began, $what, $code,
            ($res && $res->header('Retry-After')) // '-', $done) . "\n";
        sleep $code eq '200' ? 0.02 : 0.1;
    }
}


my $log = "$pair->{files}/clients";
open my $out, '>>', $log or die "$log: $!\n";

# enough people for the limit of an hour

my $each = 12;

$pair->person($nodes[0], $_) for 0 .. $each * $clients - 1;

my @pids = map {
    my $who = $_;
    my @mine = ($who - 1) * $each .. $who * $each - 1;
    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        srand $$;
        eval { client($out, $who, @mine) };
        POSIX::_exit(0);
    }

    $pid;
} 1 .. $clients;


sub asked {
    open my $in, '<', $log or die "$log: $!\n";

    return map {
        my %line;
        chomp;
        @line{qw(at what code retry done)} = split /\t/;
        \%line;
    } <$in>;
}


# waits until the clients have been told this so often, of what they ask now

sub told {
    my ($count, $what, $code) = @_;

    my $began = time;
    my @told;

    my $is = eval {
        Proc::until_true("$count times $what $code", 30, sub {
            sleep 0.02;
            @told = grep { $_->{at} > $began and $_->{what} eq $what
                           and $_->{code} eq $code } asked();
            return @told >= $count;
        });
    };

    ok($is, "$count times $what $code") or diag($@);
    return $is && $told[0]{at} - $began;
}


sub goes_on {
    my $promoted = shift;

    $promoted->promote;
    note sprintf 'it wrote %.2f s after the promotion', told(5, draft => 200);
    told(5, item => 200);
}


subtest 'the primary is killed' => sub {
    $pair->until_reads_standby(@nodes);
    told(10, draft => 200);
    $first->crash;
    told(3, draft => 503);
    told(10, item => 200);
    goes_on($second);
};


subtest 'it comes back as a standby' => sub {
    $first->follow($second);
    $second->set("synchronous_standby_names = '*'");
    $pair->until_reads_standby(@nodes);
    told(5, $_ => 200) for qw(draft item);
};


# pages are kept only by who hears what is published

subtest 'it is listened to' => sub {
    my $http = $nodes[0]->client;
    my $hits = sub {
        $http->get("/item/$item");
        return ($http->get('/metrics')->body
            =~ /^zwfw_page_cache_total\{.*outcome="hit"\} (\d+)$/m)[0];
    };
    my $before = $hits->();

    ok(eval { Proc::until_true('hits', 20, sub { $hits->() > $before }) },
       'the cache is used again');
};


subtest 'the primary hangs' => sub {
    $second->freeze;
    told(3, draft => 503);
    told(10, item => 200);
    goes_on($first);
    $second->crash;
    told(5, draft => 200);
};


kill 'KILL', @pids;
waitpid $_, 0 for @pids;


subtest 'what the clients were told' => sub {
    my @all = asked();

    is(join(' ', grep { !/^(?:200|503)$/ } map { $_->{code} } @all), '',
       'answered or refused');
    is(scalar(grep { $_->{code} eq '503' and $_->{retry} !~ /^[1-9]/ } @all),
       0, 'each refusal says when to ask again');

    my %row = map { /^(\S+) (.+)$/ } split /\n/, $first->psql(
        "SELECT note || ' ' || owner || ' ' || id FROM zwfw.cases",
        dbname => 'zwfw');
    my @done = map { $_->{done} } grep { $_->{done} ne '-' } @all;

    cmp_ok(scalar @done, '>=', 30, 'many drafts');
    is(join(', ', grep { my ($key, $rest) = split / /, $_, 2;
                         ($row{$key} // '') ne $rest } @done), '',
       'each that was acknowledged is there, of who asked');
    is($first->psql('SELECT count(*) - count(DISTINCT note) FROM zwfw.cases',
                    dbname => 'zwfw'), 0, 'none is there twice');
};


subtest 'one that may not write any more' => sub {
    my $she = $pair->person($nodes[0], $each * $clients);   # nobody has used

    is(Pair::writes($she, 'before')->code, 200, 'it may');
    $first->set('default_transaction_read_only = on');

    # a backend reads its settings between two statements

    my ($n, $res) = (0);

    Proc::until_true('fenced off: refused', 20, sub {
        $res = Pair::writes($she, 'fenced-' . ++$n);
        return $res->code != 200;
    });
    is($res->code, 503, 'fenced off: refused');
    like($res->header('Retry-After'), qr/^[1-9]/, 'with when to ask again');

    $first->set('default_transaction_read_only = off');
    Proc::until_true('written', 20, sub {
        Pair::writes($she, 'after')->code == 200;
    });
    is($first->psql("SELECT count(*) FROM zwfw.cases
        WHERE note = 'fenced-$n'", dbname => 'zwfw'), 0, 'it was not written');
};


is(join('', $_->nginx->stop), '', 'no alert') for @nodes;

done_testing();
