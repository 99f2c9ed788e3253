package Bench;

# Measures two sides of a row in turns, in one run, against one nginx and the
# stores that ./build.sh bench has started.  run.pl has the rows, Judge.pm says
# what came of them.
#
#     my $bench = Bench->start(1, @rows);   # rows that can be measured, ready
#     $bench->rounds(9, time + 330, sub { say "round $_[0]" });
#     $bench->results;                      # a list of hashes
#
# A row has one side or two.  A side has two functions.  measure() takes a slice
# of time and returns { rate, cpu, ms }: requests a second and, of nginx,
# nanoseconds of its workers' processor time a request, or how long an answer
# took.  ready() returns when all that it needs is warm.  The first argument of
# start() divides how much there is of what rows are measured among.
#
#     $bench->http('/path', session => 1, hits => 'page_cache', script => lua)
#     $bench->pgbench('item_show', { code => '...' }, body => '{}', me => {})

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use JSON::PP ();
use List::Util qw(max);
use Time::HiRes qw(sleep);

use Http;
use Judge;
use NginxServer;
use Proc;

my $json = JSON::PP->new->utf8->canonical;

my @me = qw(uid acting_for roles body region level channel request_id session);

# an invented person; the token is 32 bytes as base64url

my %person = (uid => '019a0000-0000-7000-8000-0000000be2c4',
              name => '演示人员', body => '', region => '370100', roles => '',
              channel => 'pc', agent => 'wrk', who => 2, level => 3);

my ($pgbench) = reverse sort glob '/usr/lib/postgresql/*/bin/pgbench';


# ---- a run ----

sub start {
    my ($class, $divide, @rows) = @_;

    my $self = bless { rows => \@rows, divide => $divide }, $class;
    my @present = grep { !$_->{needs} or $_->{needs}->() } @rows;

    my @server = (
        level => 'warn', connections => 1024,
        http => join('', settings(), platform('bench'),
                     map { $_->{http} // () } @present),
        server => join "\n", common(), map { $_->{conf} // () } @present);
    my $main = join '', map { $_->{main} // () } @present;

    # where only nginx works, one worker has a processor of its own: how clients
    # share out among several would differ from slice to slice

    $self->{nginx} = NginxServer->start(
        @server, workers => 1, main => "worker_cpu_affinity 10;\n$main");
    $self->{wide} = NginxServer->start(
        @server, workers => 2, main => "worker_cpu_affinity auto;\n$main");

    $self->{http} = Http->new(port => $self->{nginx}->port);
    $self->file('1k.html', 'x' x 1023 . "\n");
    ($self->{token}) = $self->keep_sessions({});

    for my $row (grep { $_->{sides} } @present) {
        @$row{qw(a b)} = $row->{sides}->($self);
        $_->{ready}->() for grep { $_ } @$row{qw(a b)};
        $row->{pairs} = [];
        $row->{divided} = $row->{large} && $divide > 1;
    }

    return $self;
}


# So many, and none but the first that would end too late if it took as long as
# the longest.

sub rounds {
    my ($self, $count, $end, $tell) = @_;

    my $longest = 0;

    for my $n (1 .. $count) {
        my $begin = Time::HiRes::time;

        last if $n > 1 and $begin + $longest > $end;

        $tell->($n);
        $self->round;
        $longest = max($longest, Time::HiRes::time - $begin);
    }
}


# Each side of each row once; who begins, changes.  Rows with long slices are
# left out every other time.

sub round {
    my $self = shift;

    my $turn = $self->{turn}++;

    for my $row (grep { $_->{pairs} } @{ $self->{rows} }) {
        next if $row->{long} and $turn % 2;

        my %pair;

        for my $side (@{ $row->{pairs} } % 2 ? qw(b a) : qw(a b)) {
            $pair{$side} = $row->{$side}{measure}->() if $row->{$side};
        }

        push @{ $row->{pairs} }, \%pair;
    }
}


sub results {
    my $self = shift;

    return Judge::results(@{ $self->{rows} });
}


# ---- what a row may need ----

# is there such a directive in what was built?

sub directive {
    my $name = shift;

    for my $so (split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '') {
        open my $in, '<:raw', $so or die "$so: $!\n";
        local $/;
        return 1 if readline($in) =~ /\0\Q$name\E\0/;
    }

    return 0;
}


sub slice {
    my $name = shift;

    return ($ENV{TEST_NGINX_LOAD_MODULES} // '') =~ /_zwfw_${name}_module\.so/;
}


# ---- sides ----

# Options: session (with the cookie of somebody known), wide (asks the nginx of
# two workers), hits (the counter that must rise with each request), connections,
# seconds, script (Lua for wrk), before, after and later (called at the ends of each slice; the workers' time
# while after() waits is theirs).

sub http {
    my ($self, $path, %o) = @_;

    my $headers = $self->headers(%o);
    my $nginx = $o{wide} ? $self->{wide} : $self->{nginx};
    my $url = 'http://127.0.0.1:' . $nginx->port . $path;

    my @command = ($o{wide} ? () : qw(taskset -c 0), 'wrk', '-t1',
                   '-c', $o{connections} // 32, '-d', '60s', '--timeout', '10s',
                   map { ('-H', "$_: $headers->{$_}") } sort keys %$headers);

    push @command, '-s', $self->file("$self->{scripts}.lua", $o{script})
        if $o{script} and ++$self->{scripts};

    my $measure = sub {
        $o{before}->() if $o{before};

        my $before = worker_time($nginx);
        my $text = output([@command, $url], $o{seconds} // 0.5);
        $o{after}->() if $o{after};

        my $used = worker_time($nginx) - $before;
        $o{later}->() if $o{later};

        my ($n) = $text =~ /(\d+) requests in / or die "wrk: $text\n";
        my ($rate) = $text =~ m{Requests/sec:\s+([\d.]+)};

        die "$path: $1\n" if $text =~ /(Non-2xx .*|Socket errors: .*)/;
        return { rate => $rate, cpu => $used / $n, count => $n };
    };

    my $ready = sub {
        $self->wait_for_hit($path, $headers, $o{hits}) if $o{hits};

        my $before = $o{hits} && $self->counter($o{hits});
        my $slice = $measure->();
        my $hits = $o{hits} ? $self->counter($o{hits}) - $before : 0;

        die "$path: $hits hits in $o{hits}, $slice->{count} requests\n"
            if $o{hits} and $hits < 0.99 * $slice->{count};
    };

    return { measure => $measure, ready => $ready };
}


# nothing is cached before the listener of the node has heard of the stores

sub wait_for_hit {
    my ($self, $path, $headers, $name) = @_;

    Proc::until_true("a hit in $name", 30, sub {
        my $before = $self->counter($name);
        $self->{http}->get($path, headers => $headers);
        return $self->counter($name) > $before;
    });
}


# The same statement as core's, of the same user, with eight connections.
# Options: body, me, seconds, before; set (lines of pgbench's own), define (its
# variables), sql (expressions instead of the arguments and of who asks).

sub pgbench {
    my ($self, $call, $args, %o) = @_;

    my %value = (args => $json->encode($args), body => '{}', me => {},
                 define => {}, sql => {}, %o);
    my %me = (level => 0, channel => 'pc', %{ $value{me} });
    my %sql = (args => ':args::jsonb', %{ $value{sql} });

    # pgbench's variables are never empty
    my @set = grep { length($me{$_} // '') } @me;
    my %set = map { $_ => $sql{$_} // ":me_$_" } @set;

    my $file = $self->file("$call.sql", ($o{set} ? "$o{set}\n" : '')
        . 'WITH me AS MATERIALIZED (SELECT '
        . join(',', map { "set_config('zwfw.$_'," . ($set{$_} // "''")
                          . ",true)" } @me)
        . ") SELECT api.$call($sql{args},:body::jsonb) FROM me;\n");

    my @command = (
        $pgbench, '-n', '-M', 'prepared', '-c', 8, '-j', 2,
        '-T', $o{seconds} // 2, '-f', $file, '-D', "args=$value{args}",
        '-D', "body=$value{body}",
        (map { ('-D', "me_$_=$me{$_}") } @set),
        (map { ('-D', "$_=$value{define}{$_}") } keys %{ $value{define} }),
        $ENV{TEST_NGINX_ZWFW_POSTGRES});

    my $measure = sub {
        $o{before}->() if $o{before};

        my $text = output(\@command);

        die "pgbench: $text\n" if $text =~ /^number of failed.*: [1-9]/m
            or $text !~ /^tps = ([\d.]+)/m;
        return { rate => $1 };
    };

    return { measure => $measure, ready => $measure };
}


# nanoseconds that the workers' threads have run

sub worker_time {
    my $nginx = shift;

    my $time = 0;

    for my $pid ($nginx->workers) {
        for my $file (glob "/proc/$pid/task/*/schedstat") {
            open my $in, '<', $file or next;
            $time += (split ' ', readline $in)[0];
        }
    }

    return $time;
}


sub counter {
    my ($self, $name) = @_;

    my $text = $self->{http}->get('/metrics')->body;
    my ($n) = $text =~ /^zwfw_$name\w*\{[^}]*outcome="hit"[^}]*\} (\d+)/m
        or die "no counter $name in /metrics\n";

    return $n;
}


# ---- what the sides ask ----

sub settings {
    return <<"END";
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    keepalive_timeout 60s;
    zwfw_insecure_cookies on;
END
}


# with other stores or folders than those of the run, if some are given; when the
# machine stands still, that shows in the figures and ends no run

sub platform {
    my ($name, $more, %other) = @_;

    my %value = map {
        ($_ => $other{$_} // $ENV{"TEST_NGINX_ZWFW_$_"}
            // die "TEST_NGINX_ZWFW_$_ is not set: run ./build.sh bench\n")
    } qw(POSTGRES REDIS KEYS FILES HTML);

    $more //= '';

    return <<"END";
    zwfw_platform $name {
        code 370000;
        kind province;
        base_url http://localhost;
        postgres "$value{POSTGRES}";
        redis "$value{REDIS}";
        keys "$value{KEYS}";
        files "$value{FILES}";
        html "$value{HTML}";
        postgres_timeout 10s 30s;
        redis_timeout 10s;
        $more
    }
END
}


sub common {
    my $name = shift // 'bench';

    return <<"END";
        access_log off;
        zwfw_use $name;
        location / { zwfw_pages $ENV{TEST_NGINX_ZWFW_HTML}; }
        location /api/ { zwfw_api; }
        location /file/ { alias \$DIR/html/; default_type text/html; }
        location = /metrics { zwfw_metrics; }
END
}


# a file that nginx serves under /file/; returns its full name

sub file {
    my ($self, $name, $text) = @_;

    my $file = $self->{nginx}->dir . "/html/$name";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";

    return $file;
}


# what is answered there; dies when it is no 200

sub body {
    my ($self, $path, %o) = @_;

    my $res = $self->{http}->get($path, headers => $self->headers(%o));

    die "$path: " . $res->code . "\n" if $res->code != 200;
    return $res->body;
}


sub headers {
    my ($self, %o) = @_;

    return $o{session} ? { Cookie => "zwfw=$self->{token}" } : {};
}


# Sessions as they lie in Redis after a login, of persons like the one above;
# returns their tokens.

sub keep_sessions {
    return shift->keep_sessions_of('bench', @_);
}


sub keep_sessions_of {
    my ($self, $platform, @people) = @_;

    my (@tokens, @pairs);

    for my $me (@people) {
        my $token = sprintf '%042dA', ++$self->{sessions};
        my $id = sha256_hex($token);
        my $text = $json->encode({ %person, created => time,
                                   expires => time + 3600, %$me });

        push @tokens, $token;
        push @pairs, "zwfw:$platform:s:{$id}", $text,
            "zwfw:$platform:t:{$id}", 1;
    }

    # no more words than a command line holds
    while (my @some = splice @pairs, 0, 400) {
        redis('MSET', @some) eq "OK\n" or die "Redis kept no session\n";
    }

    return @tokens;
}


sub redis {
    my ($socket) = $ENV{TEST_NGINX_ZWFW_REDIS} =~ /^unix:(.*)/
        or die "Redis is not on a unix socket\n";

    return output(['redis-cli', '-s', $socket, @_]);
}


# ---- helpers ----

# what a command prints; wrk ends early, with its figures, when interrupted

sub output {
    my ($command, $seconds) = @_;

    my $file = File::Temp->new(TEMPLATE => 'zwfw-b-XXXXXX', TMPDIR => 1);
    my $pid = Proc::spawn(command => $command, log => "$file");

    if ($seconds) {
        sleep $seconds;
        kill 'INT', $pid;
    }

    my $status = Proc::finish($pid, 60);

    local $/;
    my $text = readline($file) // '';
    die "$command->[0] failed: $text\n" if $status;

    return $text;
}


1;
