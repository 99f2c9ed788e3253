#!/usr/bin/perl

# The rows of ./build.sh bench [--json] [--rounds N] [row ...].  Each is
# measured in turns, A and B, at least nine times in one run: all rows in each
# round, so that noise of the machine meets all of them.  The figure is the
# median of the pairs.  Bench.pm explains sides and needs, Judge.pm the figures.
# No round begins that would end later than 600 seconds after the first one.
# --list tells the rows and measures none.  Rows among many rows, which take
# minutes to make, and that of a million requests are measured when they are
# named, or by --all; --divide has so many times fewer, to try them, and proves
# nothing.
#
# The exit code is 1 if a row is below or absent, 2 if one is not known.
#
#     verdict  ok, below; absent: what it needs is not built, or it has no sides
#              yet; noisy: two equal sides differ by more than 3 %, there are
#              fewer than nine pairs, or fewer rows than the name says
#
# one_row_read is a ratio of requests a second: other load on the machine takes
# more from the side with fewer processes, ours.
#
# Targets are goals for a quiet machine, no test asserts them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib";

use Asked;
use Bench;
use Cases;
use IPC::Open2 qw(open2);
use Judge;
use JSON::PP ();
use Kept;
use Large;
use List::Util qw(first);
use Mixed;
use Proc;
use Revoked;
use Time::HiRes qw(sleep time);

use constant SECONDS => 600;

my $item = '11990102MB0DEM105F4000199001000';

my @rows = (
    { name => 'same',
      title => 'static file of 1 KiB / the same again (A/A)',
      target => '= 1',
      judge => \&Judge::cpu_ratio,
      sides => sub { map { $_[0]->http('/file/1k.html') } 1 .. 2 } },

    { name => 'guarded_file',
      title => 'guarded static file, session cached / unguarded',
      target => '>= 0.95',
      needs => sub { Bench::directive('zwfw_auth') },
      conf => Revoked::conf(),
      judge => \&Judge::cpu_ratio,
      sides => sub { ($_[0]->http('/guarded/1k.html', session => 1,
                                  hits => 'session_cache'),
                      $_[0]->http('/file/1k.html', session => 1)) } },

    { name => 'asked_file',
      title => 'guarded static file, Redis asked / nginx, Lua and Redis',
      target => '>= 2.5',
      needs => sub { Bench::directive('zwfw_auth') && Asked::present() },
      main => Asked::main(), http => Asked::http(), conf => Asked::conf(),
      judge => \&Judge::cpu_ratio,
      sides => \&Asked::sides },

    { name => 'log_phase',
      title => 'log phase, microseconds added to a request',
      target => '<= 0.4',
      needs => sub { Bench::directive('zwfw_monitor') },
      http => 'zwfw_monitor_ring 32m;',
      conf => 'location /monitored/ { zwfw_monitor on;
               alias $DIR/html/; default_type text/html; }',
      judge => \&Judge::cpu_added, long => 1,
      sides => sub { monitored($_[0]) } },

    { name => 'log_shipped',
      title => 'log phase with shipping, microseconds added to a request',
      target => '<= 1.0',
      needs => sub { Bench::directive('zwfw_monitor') },
      judge => \&Judge::cpu_added, long => 1,
      sides => sub { monitored($_[0], shipped => 1) } },

    { name => 'log_p99',
      title => '99 % of answers of the demo mix, with / without log phase',
      target => '<= 1.05',
      needs => sub { Bench::directive('zwfw_monitor') && Bench::slice('auth') },
      judge => \&Judge::time_ratio, long => 1,
      sides => \&Mixed::sides },

    { name => 'cached_page',
      title => 'cached public page, anonymous / static file of its size',
      target => '>= 0.80',
      judge => \&Judge::cpu_ratio,
      sides => sub { page($_[0]) } },

    { name => 'cached_page_session',
      title => 'cached public page, personal holes / static file of its size',
      target => '>= 0.60',
      judge => \&Judge::cpu_ratio,
      sides => sub { page($_[0], session => 1) } },

    { name => 'one_row_read',
      title => 'GET /api/item/{code}, 64 connections / pgbench, 8',
      target => '>= 0.70',
      judge => \&Judge::rate_ratio, long => 1,
      sides => sub { ($_[0]->http("/api/item/$item", connections => 64,
                                  seconds => 2, wide => 1),
                      $_[0]->pgbench('item_show', { code => $item })) } },

    { name => 'revocation',
      title => 'log-out until a busy second node refuses it, ms, the worst',
      target => '<= 1000', worst => 1,
      needs => sub { Bench::slice('auth') },
      judge => sub { $_[0]{a}{ms} },
      sides => \&Revoked::side },

    { name => 'case_submit',
      title => 'POST /api/case/ / pgbench, durable',
      target => '>= 0.60', floor => 300,
      needs => sub { Bench::slice('case') },
      judge => \&Judge::rate_ratio, long => 1,
      sides => \&Cases::submit },

    { name => 'case_transition',
      title => 'transition of a case / pgbench, durable',
      target => '>= 0.60', floor => 600,
      needs => sub { Bench::slice('case') },
      judge => \&Judge::rate_ratio, long => 1,
      sides => \&Cases::receive },

    { name => 'search',
      title => 'search among 300,000 items, 200 a second, 95 % in ms',
      target => '<= 30', large => 1,
      needs => sub { Bench::slice('item') },
      judge => sub { $_[0]{a}{ms} },
      sides => \&Large::search },

    { name => 'search_anywhere',
      title => 'the same without a region, a second',
      target => '>= 20', large => 1,
      needs => sub { Bench::slice('item') },
      judge => sub { $_[0]{a}{rate} },
      sides => \&Large::anywhere },

    { name => 'own_list',
      title => 'GET /api/case/ among 5,000,000, 20 a second, 95 % in ms',
      target => '<= 10', large => 1,
      needs => sub { Bench::slice('case') },
      judge => sub { $_[0]{a}{ms} },
      sides => \&Large::own },

    { name => 'inbox',
      title => 'GET /api/case/inbox among them, 20 a second, 95 % in ms',
      target => '<= 20', large => 1,
      needs => sub { Bench::slice('case') },
      judge => sub { $_[0]{a}{ms} },
      sides => \&Large::inbox },

    { name => 'memory',
      title => 'KiB of a worker after a million requests and 108 reloads',
      target => '<= 1024', large => 1, worst => 1,
      needs => sub { Bench::slice('auth') },
      judge => sub { $_[0]{a}{kib} }, long => 1,
      sides => \&Kept::side },
);

exit main(@ARGV);


# A file whose visits are stored in the end, and the same file without.  The
# database takes them when the last request is done, as its processes would
# take processors from the workers; what the workers do for it counts if
# "shipped" is asked for.  Their answers to the question whether all is stored
# count then, too: it is seldom asked.

sub monitored {
    my ($bench, %o) = @_;

    my ($cookie) = $bench->keep_sessions({ roles => 'operator',
                                           who => 0x200 });
    my %me = (headers => { Cookie => "zwfw=$cookie" });
    my ($in, $out, $pid);

    my $before = sub {
        $pid = open2($out, $in, 'psql', '-XqAt', '-d',
                     $ENV{TEST_NGINX_ZWFW_ADMIN});
        print $in "BEGIN; LOCK zwfw.visit_batches;\n\\echo locked\n";
        $in->flush;
        readline($out) eq "locked\n" or die "visits are not locked\n";
    };

    my $after = sub {
        close $in;
        waitpid $pid, 0;

        Proc::until_true('all visits stored', 30, sub {
            sleep 0.25;
            my $live = $bench->{http}->get('/api/monitor/live', %me)->json;
            return !grep { $_->{pending} } @{ $live->{items} };
        });
    };

    return ($bench->http('/monitored/1k.html', before => $before,
                         ($o{shipped} ? 'after' : 'later') => $after),
            $bench->http('/file/1k.html'));
}


# a page from the cache, and a file of the same length

sub page {
    my ($bench, %o) = @_;

    my %me = $o{session} ? (session => 1) : ();
    my $name = $o{session} ? 'personal.html' : 'page.html';

    my $page = $bench->http("/item/$item", hits => 'page_cache', %me);
    $bench->file($name, 'x' x length $bench->body("/item/$item", %me));

    return ($page, $bench->http("/file/$name", %me));
}


sub main {
    my %o = (rounds => 18, divide => 1);
    my @names;

    while (defined(my $word = shift)) {
        if ($word =~ /^--(json|list|all)$/) {
            $o{$1} = 1;

        } elsif ($word =~ /^--(rounds|divide)$/) {
            $o{$1} = int(shift // 0);

        } else {
            push @names, $word;
        }
    }

    usage() if $o{rounds} < 1 or $o{divide} < 1 or grep { /^-/ } @names;

    my @asked = asked(\%o, @names);
    my @results = $o{list} ? map { Judge::about($_) } @asked
        : measured(\%o, @asked);

    $o{json} ? print_json(@results)
        : $o{list} ? print_list(@results) : print_table(@results);

    return Judge::failed(@results) ? 1 : 0;
}


sub usage {
    print STDERR "usage: ./build.sh bench [--json] [--list] [--all]"
        . " [--rounds N] [--divide N] [row ...]\n";
    exit 2;
}


# those named, with A/A; of none named all but those among many rows

sub asked {
    my ($o, @names) = @_;

    for my $name (@names) {
        next if grep { $_->{name} eq $name } @rows;
        print STDERR "bench: there is no row $name: "
            . join(' ', map { $_->{name} } @rows) . "\n";
        exit 2;
    }

    return grep { $o->{all} or $o->{list} or !$_->{large} } @rows if !@names;
    return grep { my $row = $_;
                  first { $_ eq $row->{name} } 'same', @names } @rows;
}


sub measured {
    my ($o, @asked) = @_;

    my $bench = Bench->start($o->{divide}, @asked);

    $bench->rounds($o->{rounds}, time + SECONDS,
                   sub { print STDERR "\rbench: round $_[0] of $o->{rounds}" });
    print STDERR "\n";

    return $bench->results;
}


sub print_list {
    printf "%-20s %-8s %s\n", @$_{qw(name target title)} for @_;
}


sub print_json {
    my $json = JSON::PP->new->utf8->canonical;

    print $json->encode($_), "\n" for @_;
}


sub print_table {
    my $line = "%-20s %-8s %7s  %-15s %-7s %15s %15s\n";

    print "A / B, median of pairs; req/s and microseconds of the workers' "
        . "processor time\n";
    printf $line, qw(row target value quartiles verdict A B);

    for my $row (@_) {
        printf $line, $row->{name}, $row->{target}, $row->{value} // '',
            join(' .. ', @{ $row->{quartiles} // [] }), $row->{verdict},
            map { speed($row, $_) } qw(a b);
    }

    print "load of the machine: ", load(), "\n";
}


sub speed {
    my ($row, $side) = @_;

    my $rate = $row->{"${side}_rate"};
    my $cpu = $row->{"${side}_cpu_us"};

    return '' if !defined $rate;
    return $rate . (defined $cpu ? " / $cpu us" : '');
}


sub load {
    open my $in, '<', '/proc/loadavg' or return '?';
    return join ' ', (split ' ', readline $in)[0 .. 2];
}
