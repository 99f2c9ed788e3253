# Visits: a batch is stored once, the ledger adds up, and what is shown of it
# (GB/T 39047, 5.2.2.4).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new(slices => ['core', 'item', 'monitor']);
my $node = $db->user;
my $at = 1795406400123;         # 2026-11-23 12:00 in China


sub batch {
    my ($first, $last, %more) = @_;

    return { node => '0123456789abcdef', epoch => 1795000000000, ring => 0,
             first => $first, last => $last, expected => $last, lost => 0,
             %more };
}


sub column {
    my ($n, $value) = @_;

    return [map { ref $value ? $value->($_) : $value } 1 .. $n];
}


sub visits {
    my ($n, %more) = @_;

    my %column = (at => $at, route => 'GET /item/{code}', channel => 'pc',
                  status => 200, latency => 7, bytes => 1000, %more);

    return { map { ($_ => column($n, $column{$_})) } keys %column };
}


sub rows {
    return split /\n/, $db->admin($_[0]);
}


sub stored {
    return $db->admin('SELECT count(*) FROM zwfw.visits');
}


subtest 'a batch is stored once' => sub {
    is($node->call('monitor_store', batch(0, 3), visits(3))->{stored}, 3,
       'three rows');
    is($node->call('monitor_store', batch(0, 3), visits(3))->{stored}, 0,
       'the same again');
    is(stored(), 3, 'three rows still');
    is($db->admin('SELECT sum(visits) FROM zwfw.visit_hours'), 3, 'counted');

    is($node->refused('monitor_store', $_, visits($_->{last})),
       '409 batch_changed', 'with another end it is another one')
        for batch(0, 4), batch(0, 2);
    is($node->refused('monitor_store', batch(3, 5), visits($_)), '22000',
       'as many rows as its bounds say') for 1, 3;
    is(stored(), 3, 'nothing of them');
    is($node->call('monitor_store', batch(3, 5), visits(2))->{stored}, 2,
       'the next one');
    is($node->call('monitor_store', batch(0, 2, ring => 1), visits(2))
       ->{stored}, 2, 'of another ring');
    is($node->call('monitor_store', batch(0, 1, epoch => 1795000000001),
                   visits(1))->{stored}, 1, 'of another life of the node');
};


subtest 'at the same time' => sub {
    my @both = map { $db->user } 1, 2;
    my $sql = $both[0]->statement('api.monitor_store('
        . Sql::User::arguments(batch(5, 505), visits(500)) . ')');

    $_->ask('BEGIN;') for @both;
    is(($both[0]->ask($sql))[0], '00000', 'one stores');
    $both[1]->send($sql);
    $db->until_locked(1);
    $both[0]->ask('COMMIT;');
    is(($both[1]->receive)[1], "{\"stored\" : 0}\n", 'the other waits for it');
    $both[1]->ask('COMMIT;');
    is($db->admin('SELECT count(*) FROM zwfw.visits'), 508, 'stored once');
};


subtest 'the whole record' => sub {
    my %record = (
        at => $at + 3600_000, route => 'GET /item/', channel => 'mobile',
        status => 404, latency => 12, bytes => 2048, item => '1199',
        case_type => '1', region => '370100', referrer => 'search',
        browser => 'wechat', system => 'android', device => 'mobile',
        visitor => 'a' x 32, session => 'b' x 32, uid => 'c' x 32,
        user_type => 'natural', level => 3, age_band => '30-39',
        words => '公积金 "提取"', hits => 0, rank => 2, funnel => 4,
        dwell => 900);

    $node->call('monitor_store', batch(0, 1, ring => 2),
                { map { ($_ => [$record{$_}]) } keys %record });

    my $json = $db->admin("SELECT to_jsonb(v) - 'at' - 'batch'
        || jsonb_build_object('at', extract(epoch FROM v.at) * 1000)
        FROM zwfw.visits v WHERE status = 404");
    my $row = JSON::PP->new->decode($json);

    $_ =~ s/-//g for @$row{qw(visitor session uid)};
    is(delete $row->{number}, 1, 'number in its batch');
    $record{age_band} = '30-39';
    is_deeply($row, \%record, 'each column');

    is_deeply([rows("SELECT column_name FROM information_schema.columns
                     WHERE table_name = 'visits' AND column_name <> ALL
                           ('{at,batch,number,"
                    . join(',', keys %record) . "}')")], [],
              'there is no other');

    $node->call('monitor_store', batch(0, 2, ring => 3),
                { %{ visits(2) }, words => [undef, 'x'] });
    is($db->admin("SELECT count(*) FROM zwfw.visits WHERE item IS NULL
                   AND visitor IS NULL AND words = 'x'"), 1,
       'a column that is not there is NULL');
};


subtest 'the ledger' => sub {
    my $head = $db->user(roles => 'operator');

    $node->call('monitor_store', batch(505, 505, expected => 600, lost => 20),
                {});
    is($db->admin("SELECT expected || ' ' || stored || ' ' || lost
                     FROM zwfw.visit_rings WHERE ring = 0
                      AND epoch = 1795000000000"), '600 505 20',
       'told without rows');
    $node->call('monitor_store', batch(0, 3), visits(3));
    is($db->admin("SELECT expected || ' ' || lost FROM zwfw.visit_rings
                    WHERE ring = 0 AND epoch = 1795000000000"), '600 20',
       'what comes late takes nothing back');
    is($db->admin('SELECT (SELECT sum(stored) FROM zwfw.visit_rings),
                          (SELECT count(*) FROM zwfw.visits),
                          (SELECT sum(visits) FROM zwfw.visit_hours),
                          (SELECT sum(last - first) FROM zwfw.visit_batches)'),
       '511|511|511|511', 'four ways to count agree');

    my $ledger = $head->call('monitor_ledger', { limit => 2 });
    is($ledger->{totals}{expected}, 606, 'expected');
    is($ledger->{totals}{pending}, 75, 'pending');
    is($ledger->{totals}{lost}, 20, 'lost');
    is($ledger->{count}, 5, 'rings');

    my @all = @{ $ledger->{items} };

    while (my $after = $ledger->{next}) {
        $ledger = $head->call('monitor_ledger', { limit => 2,
                                                  after => $after });
        push @all, @{ $ledger->{items} };
    }

    is_deeply([map { "$_->{epoch}/$_->{ring}" } @all],
              ['1795000000001/0', map { "1795000000000/$_" } 3, 2, 1, 0],
              'page by page, the newest first');
};


subtest 'the overview' => sub {
    my $head = $db->user(roles => 'supervisor');
    my $day = $head->call('monitor_overview', { day => '2026-11-23' });

    is($day->{visits}, 511, 'visits');
    is_deeply([map { "$_->{hour} $_->{visits}" } @{ $day->{hours} }],
              ['12:00 510', '13:00 1'], 'by hour');
    is_deeply([map { "$_->{route} $_->{visits} $_->{refused}" }
               @{ $day->{routes} }],
              ['GET /item/{code} 510 0', 'GET /item/ 1 1'], 'by route');
    is_deeply([map { $_->{act} } @{ $day->{routes} }],
              ['GET /item/{code}', 'GET /item/'], 'which a page has words for');
    is_deeply([map { "$_->{channel} $_->{visits}" } @{ $day->{channels} }],
              ['pc 510', 'mobile 1'], 'by channel');
    is($day->{latency}, 7, 'mean latency');

    my $none = $head->call('monitor_overview', { day => '2026-11-22' });
    is($none->{visits}, 0, 'a day without visits');
    is_deeply($none->{hours}, [], 'no hours');
};


subtest 'visitors' => sub {
    my $head = $db->user(roles => 'operator');
    my $noon = 1796011200000;   # 2026-11-30 12:00 in China
    my ($one, $two) = ('1' x 32, '2' x 32);
    my @seen = (undef, $one, $one, $two, undef);

    my $store = sub {
        my ($ring, $when) = @_;
        $node->call('monitor_store', batch(0, 5, ring => $ring),
                    { %{ visits(5) }, at => [($when) x 5],
                      visitor => \@seen });
    };
    my $day = sub {
        my $answer = $head->call('monitor_overview', { day => $_[0] });
        return "$answer->{visits} $answer->{visitors}";
    };

    $store->(10, $noon);
    is($day->('2026-11-30'), '5 2', 'two of five visits');
    $store->(10, $noon);
    is($day->('2026-11-30'), '5 2', 'the same batch again');
    $store->(11, $noon + 3600_000);
    is($day->('2026-11-30'), '10 2', 'the same visitors an hour later');
    $seen[4] = '3' x 32;
    $store->(12, $noon);
    is($day->('2026-11-30'), '15 3', 'a new one');
    $store->(13, $noon + 12 * 3600_000);
    is($day->('2026-12-01'), '5 3', 'from midnight in China, another day');

    is_deeply([map { "$_->{day} $_->{visits} $_->{visitors} $_->{most}" }
               @{ $head->call('monitor_overview', { day => '2026-12-01' })
                  ->{days} }],
              ['2026-12-01 5 3 511', '2026-11-30 15 3 511',
               '2026-11-23 511 1 511'], 'day by day');
    is($db->admin('SELECT (SELECT sum(visits) FROM zwfw.visit_days)
                        = (SELECT sum(visits) FROM zwfw.visit_hours)'), 't',
       'days count as hours do');

    my $plan = $db->admin("SET enable_seqscan = off; EXPLAIN SELECT visitors
        FROM zwfw.visit_days WHERE day = '2026-12-01'");
    like($plan, qr/Index/, 'by index');

    $db->admin("SELECT zwfw.move_clock('2026-12-08 12:00+08')");
    $node->call('monitor_sweep');
    is($db->admin('SELECT string_agg(DISTINCT day::text, $$ $$)
                     FROM zwfw.visit_visitors'), '2026-12-01',
       'after a week it is forgotten who it was');
    is($day->('2026-11-30'), '15 3', 'but not how many');
    $db->admin('SELECT zwfw.move_clock(NULL)');
};


subtest 'visitors at the same time' => sub {
    my @both = map { $db->user } 1, 2;
    my @sql = map {
        my $n = $_;
        $both[0]->statement('api.monitor_store(' . Sql::User::arguments(
            batch(0, 200, ring => 20 + $n),
            visits(200, visitor => sub {
                sprintf '%032x', 1000 + ($n ? $_[0] : 201 - $_[0]) })) . ')');
    } 0, 1;

    $_->ask('BEGIN;') for @both;
    is(($both[0]->ask($sql[0]))[0], '00000', 'one stores');
    $both[1]->send($sql[1]);
    $both[0]->ask('COMMIT;');
    is(($both[1]->receive)[0], '00000', 'the other waits, and no deadlock');
    $both[1]->ask('COMMIT;');
    is($db->admin("SELECT count(*) FROM zwfw.visit_visitors
                    WHERE visitor < '00000000-0000-0000-0000-000000001000'"),
       200, 'each is counted once');
};


subtest 'who may look' => sub {
    for my $call ('monitor_overview', 'monitor_ledger') {
        is($db->user(roles => $_)->refused($call), '403 not_allowed',
           "$call: not " . ($_ || 'nobody')) for '', 'clerk', 'item_manager';
    }

    is($db->admin("SELECT bool_or(has_table_privilege(r, t, 'SELECT'))
        FROM unnest('{zwfw_citizen,zwfw_staff}'::text[]) r,
             unnest('{zwfw.visits,zwfw.visits_default,zwfw.visit_visitors}'
                    ::text[]) t"), 'f',
       'the visits themselves: no role of users');
};


subtest 'partitions' => sub {
    $at = 915148800000;         # 1999
    $node->call('monitor_store', batch(0, 1, ring => 6), visits(1));
    is($db->admin("SELECT count(*) FROM zwfw.visits_default
                    WHERE at < '2000-01-01'"), 1,
       'of a month without one a visit is stored all the same');

    $db->admin("SELECT zwfw.move_clock('2031-12-31 23:30+08')");
    $node->call('monitor_sweep');
    is_deeply([rows("SELECT c.relname FROM pg_inherits i
                     JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE c.relkind = 'r' AND c.relname > 'visits_2031' AND c.relname < 'visits_d'
                    ORDER BY 1")],
              ['visits_2031_12', 'visits_2032_01', 'visits_2032_02'],
              'of this month and two more');
    $node->call('monitor_sweep');

    $at = 1956528000000;        # 2032-01-01 00:00 in China
    $node->call('monitor_store', batch(0, 1, ring => 7), visits(1));
    is($db->admin('SELECT count(*) FROM zwfw.visits_2032_01'), 1,
       'months begin in China');
    is($db->admin("SELECT relrowsecurity FROM pg_class
                    WHERE relname = 'visits_2032_01'"), 't', 'row security');
    $db->admin("SELECT zwfw.move_clock(NULL)");
};


subtest 'batches are forgotten' => sub {
    $db->admin("UPDATE zwfw.visit_batches SET stored_at = now() - interval
                '2 months'");
    is($node->call('monitor_sweep')->{batches}, 2, 'old ones');
    is_deeply([rows("SELECT ring || ' ' || first FROM zwfw.visit_batches
                      WHERE epoch = 1795000000000 ORDER BY ring")],
              ['0 5', map { "$_ 0" } 1 .. 3, 6, 7, 10 .. 13, 20, 21],
              'but not the last one of a ring');
};


subtest 'out of files' => sub {
    my $epoch = 1795000000002;
    my $ring = sub {
        return $db->admin("SELECT concat_ws(' ', expected, stored, in_files,
                                  expected - stored - in_files - refused - lost
                                      - aside, refused, lost + aside)
                             FROM zwfw.visit_rings WHERE epoch = $epoch");
    };
    my $store = sub {
        my ($first, $last, %more) = @_;
        return $node->call('monitor_store', batch($first, $last, ring => 7,
            epoch => $epoch, %more), visits($last - $first))->{stored};
    };

    $store->(0, 2, expected => 12, lost => 1, refused => 2, spilled => 4);
    is($ring->(), '12 2 4 3 2 1', 'expected, stored, files, pending, refused,'
       . ' lost');
    is($store->(2, 5, expected => 9, file => 'replayed', spilled => 3), 3,
       'a file comes back');
    is($ring->(), '12 5 1 3 2 1', 'its numbers take nothing back');
    is($store->(2, 5, expected => 9, file => 'replayed', spilled => 3), 0,
       'and once more');
    is($ring->(), '12 5 1 3 2 1', 'it is counted once');
    is($node->call('monitor_store', batch(5, 6, ring => 7, epoch => $epoch,
                                          file => 'aside'), {})->{stored}, 0,
       'one of no use');
    is($ring->(), '12 5 0 3 2 2', 'is lost');
    is($store->(5, 6, file => 'replayed'), 0, 'and does not come back');
    is($ring->(), '12 5 0 3 2 2', 'in no way');

    # stored, its answer was late, and in a file: no more are there than are not

    $store->(6, 9, expected => 12, lost => 1, refused => 2, spilled => 7);
    is($ring->(), '12 8 0 0 2 2', 'in a file as well');
    $store->(6, 9, expected => 12, file => 'replayed', spilled => 7);
    is($ring->(), '12 8 0 0 2 2', 'and out of it');

    my $head = $db->user(roles => 'operator');
    my $first = $head->call('monitor_ledger', {})->{items}[0];

    is(join(' ', @$first{qw(epoch expected stored spilled pending refused
                            lost)}), "$epoch 12 8 0 0 2 2", 'shown');

    my $kept = sub {
        $db->admin("UPDATE zwfw.visit_batches
                       SET stored_at = now() - interval '2 months';
                    UPDATE zwfw.visit_rings SET spilled = $_[0]
                     WHERE epoch = $epoch");
        $node->call('monitor_sweep');
        return $db->admin("SELECT count(*) FROM zwfw.visit_batches
                            WHERE epoch = $epoch");
    };

    is($kept->(9), 4, 'its batches are kept while files may come');
    is($kept->(7), 1, 'and are forgotten then, but for the last one');
};

done_testing;
