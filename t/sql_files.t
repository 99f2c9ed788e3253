# Which stored files are used: core's SQL of files.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $db = Sql->new;
my $nobody = $db->user;
my ($letter, $photo, $other) = map { $_ x 64 } qw(a b c);
my ($one, $two) = (Sql::uuid(), Sql::uuid());


# a body's object of a stored file

sub upload {
    my $address = shift;

    return sprintf '{"file":"%s","name":"证明（演示）.pdf","size":%d,'
        . '"type":"application/pdf","sm3":"%s"}', $address, 4711, 'd' x 64;
}


# as a function of a slice does; returns what it prints, or the error

sub citizen {
    my $sql = shift;

    my $text = eval { $db->admin("SET ROLE zwfw_citizen; $sql") };

    return $text // ($@ =~ /ERROR:\s+(\S+)/ ? $1 : $@);
}


sub unused {
    my $answer = $nobody->call('files_unused', { addresses => \@_ });

    return [sort @{ $answer->{addresses} }];
}


is_deeply(unused($letter, $photo), [$letter, $photo],
          'nobody uses what was never kept');

is(citizen("SELECT zwfw.keep_file('" . upload($letter) . "', 'cases', '$one'),"
           . " zwfw.keep_file('" . upload($photo) . "', 'cases', '$one'),"
           . " zwfw.keep_file('" . upload($letter) . "', 'letters', '$two'),"
           . " zwfw.keep_file('" . upload($letter) . "', 'cases', '$one')"),
   "$letter|$photo|$letter|$letter", 'rows keep files, twice is once');

is(citizen("SELECT zwfw.keep_file(NULL, 'cases', '$one') IS NULL"), 't',
   'no file is no use');

is(citizen("SELECT zwfw.keep_file('\"$one\"', 'cases', '$one')"),
   'bad_value', 'what was not uploaded is refused');

is_deeply(unused($letter, $photo, $other), [$other], 'used ones are known');

is(citizen("SELECT zwfw.show_file('$letter', '证明.pdf')"),
   '{"file" : "' . $letter . '", "name" : "证明.pdf", "size" : 4711,'
   . ' "type" : "application/pdf"}', 'what a download sends');

is(citizen("SELECT zwfw.show_file('$other', 'x') IS NULL"), 't',
   'of an unknown file nothing');

citizen("SELECT zwfw.drop_file('cases', '$one', '$photo')");
is_deeply(unused($letter, $photo), [$photo], 'one use is dropped');

citizen("SELECT zwfw.drop_file('cases', '$one')");
is_deeply(unused($letter), [], 'another row still uses it');

citizen("SELECT zwfw.drop_file('letters', '$two')");
is_deeply(unused($letter), [$letter], 'the last use is dropped');

is($db->admin('SELECT count(*) FROM zwfw.files'), 0, 'and all is forgotten');

is(citizen("SELECT zwfw.drop_file('letters', '$two') IS NULL"), 'f',
   'again is harmless');

is_deeply($nobody->call('files_unused', { addresses => [] }),
          { addresses => [] }, 'none of none');

like(citizen('SELECT * FROM zwfw.files'), qr/^permission$/,
     'only by these functions');

like(($nobody->ask("SELECT zwfw.keep_file(NULL, 'x', NULL);"))[1],
     qr/42501/, 'nginx itself keeps nothing');

done_testing;
