package Large;

# Sides of the rows among many rows: a PostgreSQL of their own, with a node over
# it.  Loading takes minutes, so these rows are measured only when they are
# named; the statements are those of a node, the rows what sql_plans.t and
# sql_case_plans.t have, more of them.
#
#     Large::search($bench)     # 300,000 items, 200 searches a second
#     Large::anywhere($bench)   # the same items, searches without a region
#     Large::own($bench)        # 5,000,000 cases: lists of applicants
#     Large::inbox($bench)      # lists of clerks

use strict;
use warnings;
use utf8;

use File::Temp;

use Bench;
use Http;
use NginxServer;
use Node;
use Paced;
use Sql;

use constant {
    COUNTIES => 3000,           # with 100 items each
    BODIES => 1000,             # with 5000 cases each
    ASKING => 1000,             # applicants who ask, and clerks
};

my $body = '019a0000-0000-7000-9000-';
my $owner = '019a0000-0000-7000-a000-';
my (%db, %node);

# what items are about, and what may be done with it

my @about = qw(食品 药品 道路 水路 建筑 户外 公共 场所 劳务 医疗 机动 房产 社保
               生育 户口 档案 森林 矿产 出版 广告);
my @acts = qw(生产经营许可 变更登记 注销登记 信息备案 资格认定);


# ---- rows ----

# nine of ten in a county: words or a topic

sub search {
    my $bench = shift;

    return Paced::side(node('items', $bench), rate => 200, ask => sub {
        my $n = shift;
        my $region = $n % 10 ? 'region=99' . sprintf '%04d',
            1 + rand counties($bench) : 'region=all';
        my $words = word();

        return '/api/item/?' . ($n % 5 == 4
            ? sprintf('topic=u%02d&', 1 + rand 20) : "q=$words&") . $region;
    });
}


sub anywhere {
    return Paced::side(node('items', $_[0]), rate => 0, ask => sub {
        return '/api/item/?region=all&q=' . word();
    });
}


# what names begin with, a whole name, or what many of them end with

sub word {
    my ($about, $act) = ($about[rand @about], $acts[rand @acts]);

    return Http::escape((substr($act, -2), $about, "$about$act")[rand 3]);
}


sub own {
    return lists($_[0], '/api/case/', map {
        { uid => $owner . sprintf('%012d', $_), level => 1 }
    } 0 .. ASKING - 1);
}


sub inbox {
    my $bench = shift;

    return lists($bench, '/api/case/inbox', map {
        { uid => $owner . sprintf('%012d', $_), roles => 'clerk', who => 0x10,
          body => $body . sprintf('%012d', $_ % bodies($bench) + 1) }
    } 0 .. ASKING - 1);
}


sub lists {
    my ($bench, $path, @people) = @_;

    my $nginx = node('cases', $bench);
    my @cookies = $bench->keep_sessions_of('cases', @people);

    return Paced::side($nginx, rate => 20, seconds => 4, ask => sub {
        return ($path, $cookies[rand @cookies]);
    });
}


# ---- a node over rows ----

sub counties {
    return int(COUNTIES / $_[0]{divide}) || 1;
}


sub bodies {
    return int(BODIES / $_[0]{divide}) || 1;
}


sub node {
    my ($name, $bench) = @_;

    return $node{$name} //= do {
        my $db = $db{$name} = Sql->new(slices => [Node::slices()]);
        my $files = $db->{files} = File::Temp->newdir('zwfw-b-XXXXXX',
                                                      TMPDIR => 1);

        $db->{pg}->set($_) for qw(shared_buffers='1GB' max_wal_size='8GB'
                                  maintenance_work_mem='512MB');
        $db->{pg}->restart;
        print STDERR "bench: loading $name\n";
        $name eq 'items' ? items($db, counties($bench))
                         : cases($db, bodies($bench));
        NginxServer->start(
            workers => 2, level => 'warn', connections => 1024,
            http => Bench::settings() . Bench::platform($name, '',
                POSTGRES => $db->conninfo(user => 'zwfw_web'),
                FILES => "$files"),
            server => Bench::common($name));
    };
}


# without the indexes that need not be there meanwhile

sub load {
    my ($db, $table, $sql) = @_;

    my $indexes = $db->admin(qq{
        SELECT string_agg(indexdef, ';') FROM pg_indexes x
         WHERE schemaname = 'zwfw' AND tablename = '$table'
           AND NOT EXISTS (SELECT FROM pg_constraint
                            WHERE conname = x.indexname)});

    $db->admin(join ';', map { /INDEX (\w+)/ ? "DROP INDEX zwfw.$1" : () }
               split /;/, $indexes);
    $db->admin("SET session_replication_role = replica; $sql; $indexes");
    $db->admin("VACUUM (ANALYZE) zwfw.$table");
}


sub items {
    my ($db, $counties) = @_;

    my $names = join ',', map { my $about = $_; map { "'$about$_'" } @acts }
        @about;

    $db->admin(<<"END");
INSERT INTO zwfw.regions (code, name, parent, level)
SELECT '99' || lpad(n::text, 4, '0'), '测试县', '370100', 4
  FROM generate_series(1, $counties) n;

INSERT INTO zwfw.bodies (id, credit_code, name, short_name, level, region)
SELECT ('$body' || lpad(n::text, 12, '0'))::uuid, c || zwfw.credit_check(c),
       '测试局（演示）', '测试局（演示）', 4, '99' || lpad(n::text, 4, '0')
  FROM generate_series(1, $counties) n,
       LATERAL (SELECT '1199' || lpad(n::text, 4, '0') || 'MB0DEMXX0' AS c) x;

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT '000198' || lpad((k - 1)::text, 6, '0'), (ARRAY[$names])[k],
       (ARRAY['01', '07', '20'])[k % 3 + 1], '法', '{4}'
  FROM generate_series(1, 100) k;
END

    load($db, 'items', <<"END");
INSERT INTO zwfw.items (id, code, version, state, catalog_code, name, type,
    body, level, region, anticipate_day, promise_day, objects, topics, heat,
    updated_at)
SELECT gen_random_uuid(), b.credit_code || '4' || k.code, 1, 'in_use', k.code,
       k.name, k.type, b.id, '4', b.region, 20, 5, '{1}',
       ARRAY['u' || lpad((right(k.code, 2)::integer % 30)::text, 2, '0')],
       random() * 100000, now() - random() * interval '300 days'
  FROM zwfw.bodies b, zwfw.item_catalog k
 WHERE b.id::text LIKE '$body%' AND k.code LIKE '000198%'
END
}


# five of most owners, five hundred of some

sub cases {
    my ($db, $bodies) = @_;

    my $count = $bodies * 5000;

    $db->admin(<<"END");
INSERT INTO zwfw.bodies (id, credit_code, name, short_name, level, region)
SELECT ('$body' || lpad(n::text, 12, '0'))::uuid, c || zwfw.credit_check(c),
       '测试局（演示）', '测试局（演示）', 4, '370102'
  FROM generate_series(1, $bodies) n,
       LATERAL (SELECT '1199' || lpad(n::text, 4, '0') || 'MB0DEMXX0' AS c) x;
END

    load($db, 'cases', <<"END");
INSERT INTO zwfw.cases (id, number, owner, body, item, item_version,
    item_hash, item_name, state, version, name, id_number, phone, form,
    created_at, updated_at, submitted_at, received_at, handed_at, due,
    notice_due, correct_due, ended_at, deemed)
SELECT ('019a' || lpad(to_hex(n), 8, '0') || '70008000'
        || lpad(n::text, 12, '0'))::uuid, lpad(n::text, 35, '0'),
       ('$owner' || lpad(CASE WHEN n % 100 = 0 THEN n / 100 % 100
                         ELSE n % ($count / 5) END::text, 12, '0'))::uuid,
       ('$body' || lpad((n % $bodies + 1)::text, 12, '0'))::uuid,
       v.code, v.version, v.hash, '食品经营许可（新办）', s, 1, '王秀英',
       repeat('x', 95), repeat('x', 86),
       '{"shop_name": "演示小吃店", "kind": "餐饮服务"}', t, t, t,
       CASE WHEN s <> 'submitted' THEN t END, t,
       CASE WHEN s IN ('submitted', 'received', 'accepted')
            THEN zwfw.today() + (n % 20 - 4) ELSE 'infinity' END,
       CASE WHEN s IN ('submitted', 'received')
            THEN zwfw.today() + (n % 20 - 1) END,
       CASE s WHEN 'correction' THEN zwfw.today() + n % 20 END,
       CASE WHEN s IN ('withdrawn', 'closed') THEN t END, false
  FROM generate_series(1, $count) n,
       LATERAL (SELECT (ARRAY['submitted', 'received', 'correction',
                    'accepted', 'withdrawn'] || array_fill('closed'::text,
                    ARRAY[15]))[(n / $bodies) % 20 + 1] AS s,
                    now() - n * interval '30 seconds' AS t) x,
       zwfw.item_versions v WHERE v.code LIKE '%000199002000'
END
}


1;
