# How each refusal of PostgreSQL looks to a client, what is asked again, and
# how often the function runs for that.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Proc;
use Told;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $told = Told->new(block => 'postgres_connections 1 1 1;');

# word, answer, how often a read and a write are run for it

my @states = (
    ['S23505', '409 conflict', 1, 1],
    ['S23503', '422 bad_value', 1, 1],
    ['S23514', '422 bad_value', 1, 1],
    ['S22P02', '422 bad_value', 1, 1],
    ['S22001', '422 bad_value', 1, 1],
    ['S42501', '403 not_allowed', 1, 1],
    ['S57014', '504 timeout', 1, 1],
    ['S55P03', '503 busy', 1, 1],
    ['S40001', '503 busy', 2, 2],
    ['S40P01', '503 busy', 2, 2],
    ['S25006', '503 store_away', 1, 1],
    ['S08006', '503 store_away', 1, 1],
    ['S53200', '503 store_away', 1, 1],
    ['S57P01', '503 store_away', 1, 1],
    ['S42883', '503 schema_mismatch', 2, 1],
    ['LXX000', '503 schema_mismatch', 2, 1],

    # an error of ours, though caches have the same states

    ['SXX000', '500 internal_error', 1, 1],
    ['S0A000', '500 internal_error', 1, 1],
    ['SP0001', '500 internal_error', 1, 1],
    ['S42P01', '500 internal_error', 1, 1],

    # refused by our functions

    ['SZW409', '409 told_to', 1, 1],
    ['SZW404', '404 told_to', 1, 1],
    ['SZW999', '500 internal_error', 1, 1],

    # what is asked again may succeed

    ['O40001', '200', 2, 2],
    ['O40P01', '200', 2, 2],
);


sub answered {
    my $res = shift;

    return join ' ', $res->code,
        $res->code == 200 ? () : $res->json->{code} // 'none';
}


for my $class (qw(read write)) {
    for (@states) {
        my ($word, $answer, @times) = @$_;
        my $res = $told->$class($word);

        is(answered($res), $answer, "$class $word: answer");
        is($told->times, $times[$class eq 'write'], "$class $word: times");
        is(defined $res->header('Retry-After'), $res->code == 503,
           "$class $word: when to ask again") if $res->code >= 500;
    }
}

is(answered($told->slow('S55P03')), '503 busy', 'slow ones, too');


# what is ours is told to whoever reads the log, with no value of a row

is(scalar $told->node->nginx->log_lines(
       qr/api\.item_show\(\) failed: XX000 told_to, request [0-9a-f]{32}/), 1,
   'an error is logged with its state');
is(scalar $told->node->nginx->log_lines(qr/failed: 55P03/), 0,
   'a refusal is none');


# one that is read only is left for the primary

for my $class (qw(read write)) {
    my $pid = $told->$class('PID')->json->{pid};

    is($told->$class('PID')->json->{pid}, $pid, "$class: it stays connected");
    $told->$class('S40001');
    is($told->$class('PID')->json->{pid}, $pid, 'after a refusal as well');

    $told->$class('S25006');
    my $other = Proc::until_true('another connection', 10, sub {
        my $res = $told->$class('PID');
        return $res->code == 200 && $res->json->{pid};
    });
    isnt($other, $pid, "$class: 25006 connects anew");
}


# the other face

my $res = $told->node->client->get('/item/S55P03');

is($res->code, 503, 'a page');
like($res->text, qr/有人正在处理同一件事/, 'says it in words');

is(join('', $told->node->nginx->stop), '', 'no alert');

done_testing();
