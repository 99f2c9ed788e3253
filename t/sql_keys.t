# What nginx asks to roll keys over: which values are due, in turns, and how
# they are stored beside those who change them.  All sealed columns are known.

use strict;
use warnings;

use IO::Handle;
use Test::More;

use lib 't/lib';
use Proc;
use Rows;
use Sql;

my $db = Sql->new(slices => [Rows::slices()]);
my $nginx = $db->user;
my $operator = $db->user(roles => 'operator');
my $zero = '00000000-0000-0000-0000-';


# 250 people under key 1, one under key 3

for my $n (1 .. 251) {
    my $key = $n == 251 ? 3 : 1;

    $db->register(sprintf('%s%012d', $zero, $n), 'name', "zs1:$key:v$n",
                  "$key:$n");
}


sub due {
    my ($key, $after) = @_;

    return $nginx->call('keys_due', { key => $key,
                                      after => $after // ['', 0, ''] });
}


sub sealed {
    return $db->admin("SELECT email || ' ' || email_index FROM zwfw.users
                        WHERE id = '$_[0]'");
}


sub roll {
    my @values = @_;

    return $nginx->call('keys_roll', {}, { name => 'users.email',
                                           values => \@values })->{rolled};
}


sub value {
    my ($one, %more) = @_;

    my ($n) = $one->{value} =~ /:v(\d+)$/;

    return { id => $one->{id}, old => $one->{value}, new => "zs1:2:w$n",
             blind => "2:$n", %more };
}


# in turns, each value once, nothing of the key itself or of a newer one

my ($answer, $after, @all);

while (($answer = due(2, $after))->{values}) {
    is($answer->{name}, 'users.email', 'a turn of one column');
    cmp_ok(scalar @{ $answer->{values} }, '<=', 100, 'which is bounded');
    push @all, @{ $answer->{values} };
    $after = $answer->{after};
}

is(scalar @all, 250, 'all that are older');
is(scalar(keys %{{ map { $_->{id} => 1 } @all }}), 250, 'each one once');
is_deeply(due(1), {}, 'nothing is older than key 1');


# stored: only what is as it was

is(roll(value($all[0])), 1, 'one is stored');
is(sealed($all[0]{id}), 'zs1:2:w1 2:1', 'with its index');
is(roll(value($all[0])), 0, 'once');

$db->admin("UPDATE zwfw.users SET email = 'zs1:1:other'
             WHERE id = '$all[1]{id}'");
is(roll(value($all[1])), 0, 'one that was changed meanwhile');
is(sealed($all[1]{id}), 'zs1:1:other 1:2', 'stays as it is');

is(roll(value($all[2], blind => '2:1'), value($all[3])), 1,
   'an index that is taken leaves out its row only');
is(sealed($all[2]{id}), 'zs1:1:v3 1:3', 'which stays as it is');


# somebody holds a row: it is not waited for

sub held {
    return $db->admin("SELECT count(*) FROM pg_stat_activity
                        WHERE state = 'idle in transaction'");
}


open my $held, '|-', 'psql', '-Xqo', '/dev/null', '-d', $db->conninfo
    or die "psql: $!\n";
$held->autoflush;
print $held "BEGIN; SELECT FROM zwfw.users WHERE id = '$all[4]{id}' "
    . "FOR UPDATE;\n";
Proc::until_true('the row is held', 10, sub { return held() == 1 });
is(roll(value($all[4]), value($all[5])), 1, 'one that is held is left out');
close $held;
Proc::until_true('it is let go', 10, sub { return held() == 0 });
is(roll(value($all[4])), 1, 'and stored the next time');


# for operators, and not for others

my $show = $operator->call('keys_show', { keys => [1, 2], key => 2 });

is_deeply([map { "$_->{number} $_->{state}" } @{ $show->{keys} }],
          ['3 missing', '2 used', '1 rolling'], 'states');
is_deeply([map { "$_->{place} $_->{key} $_->{count}" }
           sort { $a->{key} <=> $b->{key} } @{ $show->{values} }],
          ['users.email 1 246', 'users.email 3 1'], 'counts');
is($nginx->refused('keys_show', { keys => [1], key => 1 }), '403 not_allowed',
   'nobody else sees it');


# the walk through the files

sub walk {
    return $nginx->call('keys_files', { key => 2, next => 0, failed => 0, @_ })
        ->{from};
}


is(walk(), 0, 'a walk begins');
is(walk(next => 400, failed => 2), 400, 'goes on');
is(walk(), 400, 'from where it was, also after a break');
is(walk(next => 65536, failed => 1), undef, 'and ends');
is(walk(), undef, 'for an hour');
is($operator->call('keys_show', { keys => [1, 2], key => 2 })->{files}{failed},
   3, 'what failed is told');
is($nginx->call('keys_files', { key => 1, next => 0, failed => 0 })->{from},
   undef, 'a node with an older key does not walk back');
$db->admin("UPDATE zwfw.file_walk SET began_at = began_at - interval '2 h'");
is(walk(), 0, 'then it begins again');
is($nginx->call('keys_files', { key => 3, next => 0, failed => 0 })->{from},
   0, 'and for a newer key at once');


# all that is sealed is declared, and can be found by its key

my %declared = map { $_ => 1 } split /\n/,
    $db->admin('SELECT name FROM zwfw.sealed_columns');
my %sealed = map { $_ => 1 } map { Rows::source($_)
    =~ /\{\s*zwfw_string\("\w+"\),[^{}]*?"([a-z_]+\.[a-z_]+)"\s*\}/g }
    Rows::slices();

is(join(' ', sort keys %declared), join(' ', sort keys %sealed),
   'the columns that C seals are those that are declared');

for my $name (sort keys %declared) {
    my ($table, $column) = split /\./, $name;
    my $plan = $db->admin("SET enable_seqscan = off;
        SET enable_bitmapscan = off; SET ROLE zwfw_system;
        EXPLAIN (COSTS off) SELECT id FROM zwfw.$table
         WHERE zwfw.key_of($column) < 2
           AND (zwfw.key_of($column), id) > (0, '${zero}000000000000')
         ORDER BY zwfw.key_of($column), id LIMIT 100");

    like($plan, qr/Index (?:Only )?Scan .*_key/, "$name has its index");
    unlike($plan, qr/Sort|Seq Scan|Filter/, 'which gives them in their order');
}

done_testing();
