package Cases;

# Sides of the rows about cases: nginx, asked by wrk with a script of Lua, and
# pgbench with the same function, arguments of the same size, ids of the same
# order.  Who asks changes with each request on both: an applicant is limited,
# and the acts of one clerk are a chain, one after the other.
#
#     Cases::submit($bench)     # two sides: an application is handed in
#     Cases::receive($bench)    # two sides: a clerk receives one

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP ();

use Proc;

use constant {
    APPLICANTS => 600,
    CLERKS => 64,
    CASES => 8000,          # enough for a slice of time
};

my $json = JSON::PP->new->utf8->canonical;
my $prepared;

my $seconds = 2;
my $model = '11990100MB0DEM033R3000199002000';
my $item = substr($model, 0, 19) . '000199099000';

# ids are these and twelve digits

my $uid = '019a0000-be2c-7000-8000-';
my $clerk = '019a0000-be2c-7000-9000-';
my $case = '019a0000-be2c-7000-a000-';

my %said = (
    item => $item,
    form => { shop_name => '历下区演示小吃店', kind => '餐饮服务',
              address => '演示路 1 号', area => '60' },
);

my %applicant = (name => '王秀英', id_number => '990101199001010019',
                 phone => '10000000001');


# ---- rows ----

sub submit {
    my $bench = shift;

    prepare();

    my @me = map {
        { uid => $uid . sprintf('%012d', $_), roles => '', body => '',
          region => '370100', level => 1 }
    } 1 .. APPLICANTS;

    my %applied = (%applicant, map { ($_ => sealed($applicant{$_})) }
                   qw(id_number phone));

    return ($bench->http('/api/case/', connections => 64,
                seconds => $seconds, wide => 1, before => sub { quiet(); unlimit() },
                script => script($bench, 'applicants', '"/api/case/"',
                                 { %said, applicant => \%applicant }, @me)),
            $bench->pgbench('case_apply', {}, seconds => $seconds,
                body => $json->encode({ %said, applicant => \%applied }),
                me => $me[0], set => '\set n random(1, ' . APPLICANTS . ')',
                sql => { uid => "'$uid' || lpad(:n::text, 12, '0')",
                         args => args(new_id => new_id()) }));
}


sub receive {
    my $bench = shift;

    prepare();

    my $body = sql("SELECT body FROM zwfw.items WHERE code = '$model'");

    my @me = map {
        { uid => $clerk . sprintf('%012d', $_), roles => 'clerk', who => 0x10,
          body => $body, region => '370100', level => 4 }
    } 1 .. CLERKS;

    my $path = qq{string.format("/api/case/$case%012d/receive", n)};
    my %said = (version => 1);

    # k: a case of its own for each of eight clients, one after the other
    return ($bench->http('/api/case/1/receive', connections => 64,
                seconds => $seconds, wide => 1,
                before => sub { quiet(); cases() },
                script => script($bench, 'clerks', $path, \%said, @me)),
            $bench->pgbench('case_receive', {}, seconds => $seconds,
                before => sub { quiet(); cases() },
                body => $json->encode(\%said), me => $me[0],
                define => { n => 0 },
                set => "\\set k :n * 8 + :client_id + 1\n"
                     . "\\set n :n + 1\n\\set m :k % " . CLERKS . ' + 1',
                sql => { uid => "'$clerk' || lpad(:m::text, 12, '0')",
                         args => args(id => "'$case' || "
                                          . "lpad(:k::text, 12, '0')") }));
}


# ---- wrk ----

# each request is another one's; n counts from 1

sub script {
    my ($bench, $name, $path, $said, @me) = @_;

    my $body = $json->encode($said);
    my $people = $bench->file($name, join '',
                              map { "@$_\n" } people($bench, @me));

    return <<"END";
local people, n = {}, 0

function init()
    for line in io.lines("$people") do
        local cookie, token = line:match("(%S+) (%S+)")
        people[#people + 1] = { ["Cookie"] = "zwfw=" .. cookie,
                                ["X-CSRF-Token"] = token,
                                ["Content-Type"] = "application/json" }
    end
end

function request()
    n = n + 1
    return wrk.format("POST", $path, people[n % #people + 1], [[$body]])
end
END
}


# cookies with their form tokens, which a page tells

sub people {
    my ($bench, @me) = @_;

    return map {
        my $cookie = $_;
        my ($token) = $bench->{http}->get('/help',
            headers => { Cookie => "zwfw=$cookie" })->body
            =~ /name="_token" value="([^"]{43,})"/ or die "no form token\n";

        [$cookie, $token];
    } $bench->keep_sessions(@me);
}


# 60 applications an hour are counted from now on

sub unlimit {
    Bench::redis('EVAL', "for _, k in ipairs(redis.call('KEYS', "
                 . "'zwfw:bench:limit:*')) do redis.call('DEL', k) end", 0);
}


# ---- pgbench ----

# what nginx makes of a value that it seals

sub sealed {
    my $length = 16 + length($_[0]) + 32;

    return { sealed => 'zs1:1:' . 'x' x (($length * 4 + 2) / 3),
             index => ['1:' . '0' x 64] };
}


sub args {
    my ($name, $value) = @_;

    return "jsonb_build_object('$name', $value)";
}


# random behind the milliseconds, as nginx's ids

sub new_id {
    return "overlay(replace(gen_random_uuid()::text, '-', '') placing "
        . "lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
        . ", 12, '0') from 1)";
}


# ---- the database ----

sub sql {
    my $text = Bench::output(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d',
                              $ENV{TEST_NGINX_ZWFW_ADMIN}, '-c',
                              encode_utf8($_[0])]);
    chomp $text;

    return $text;
}


# what wrk asked for last has been done, nobody waits for it

sub quiet {
    Proc::until_true('end of the last slice', 30, sub {
        return sql("SELECT count(*) FROM pg_stat_activity"
                   . " WHERE usename = 'zwfw_web' AND state <> 'idle'") == 0;
    });
}


# applicants, and an item like the model that wants no materials

sub prepare {
    return if $prepared++;

    sql(<<"END");
INSERT INTO zwfw.users (id, kind, name, email, email_index, password,
                        created_at)
SELECT ('$uid' || lpad(n::text, 12, '0'))::uuid, 'natural', '王秀英', 'zs1:1:x',
       '1:bench' || n, 'x', now()
  FROM generate_series(1, ${\ APPLICANTS }) n;

INSERT INTO zwfw.item_catalog (code, name, type, basis, levels)
SELECT right('$item', 12), name, type, basis, levels
  FROM zwfw.item_catalog WHERE code = right('$model', 12);

INSERT INTO zwfw.items (id, code, version, state, catalog_code, name, type,
                        body, level, region, anticipate_day, promise_day,
                        objects, guide)
SELECT gen_random_uuid(), '$item', 1, state, right('$item', 12), name, type,
       body, level, region, anticipate_day, promise_day, objects, guide
  FROM zwfw.items WHERE code = '$model' AND state = 'in_use';

INSERT INTO zwfw.item_versions
SELECT i.code, i.version, i.id,
       jsonb_set(v.document::jsonb, '{materials}', '[]')::json, v.hash, now()
  FROM zwfw.items i, zwfw.item_versions v
 WHERE i.code = '$item' AND v.code = '$model';

ANALYZE;
END
}


# nothing but cases that have been handed in

sub cases {
    sql(<<"END");
SET session_replication_role = replica;
TRUNCATE zwfw.cases, zwfw.case_events CASCADE;

INSERT INTO zwfw.cases (id, number, owner, body, item, item_version,
    item_hash, item_name, state, version, channel, name, id_number, phone,
    form, created_at, updated_at, submitted_at, handed_at, due, notice_due,
    deemed)
SELECT ('$case' || lpad(n::text, 12, '0'))::uuid, lpad(n::text, 35, '0'),
       ('$uid' || lpad((n % ${\ APPLICANTS } + 1)::text, 12, '0'))::uuid,
       i.body, i.code, i.version, v.hash, i.name, 'submitted', 1, 'pc',
       '王秀英', repeat('x', 95), repeat('x', 86),
       '${\ Encode::decode_utf8($json->encode($said{form})) }', now(), now(),
       now(), now(), current_date + 2, current_date + 7, false
  FROM generate_series(1, ${\ CASES }) n,
       zwfw.items i JOIN zwfw.item_versions v ON v.item = i.id
 WHERE i.code = '$item';

INSERT INTO zwfw.case_events (case_id, seq, owner, body, act, from_state,
    to_state, at, actor, uid, data, prev_hash, hash)
SELECT c.id, 1, c.owner, c.body, 'submit', 'draft', 'submitted',
       c.submitted_at, 'applicant', c.owner, '{"materials": []}', '',
       sha256(c.id::text::bytea)
  FROM zwfw.cases c;
END
}


1;
