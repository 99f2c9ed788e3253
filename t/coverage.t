# What is counted of a program whose lines are known, and that too few of them
# are told.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp;
use Test::More;

my $temp = File::Temp->newdir('zwfw-v-XXXXXX', TMPDIR => 1);
my $dir = abs_path("$temp");

mkdir "$dir/$_" or die "$_: $!\n" for qw(src objects);
open my $out, '>', "$dir/src/some.c" or die "some.c: $!\n";
print $out <<'C';
int main(int argc, char **argv)
{
    if (argc > 1) {
        return argv[1][0];
    }

    return 0;
}
C
close $out or die "some.c: $!\n";


sub counted {
    my $text = `perl t/coverage.pl @_ $dir/src $dir/objects 2>&1`;

    return ($? >> 8) . " $text" =~ s/ +/ /gr;
}


is(system("cd $dir/objects && gcc --coverage -c -o some.o $dir/src/some.c"
          . ' && gcc --coverage -o some some.o'), 0, 'a program');

like(counted('--least=1'), qr/^1  ?0\.0 % 0 of 4 some\.c\n.*fewer than 1 %/s,
     'nothing was run');

is(system("$dir/objects/some"), 0, 'it is run');
like(counted(), qr/^0  ?75\.0 % 3 of 4 some\.c\n 75\.0 % 3 of 4 all\n\z/,
     'three lines of four');
like(counted('--least=75'), qr/^0 /, 'as many as asked for');
like(counted('--least=76'), qr/^1 .*fewer than 76 % of the lines were run\n\z/s,
     'one percent less');

isnt(system("$dir/objects/some x"), 0, 'another way through');
like(counted('--least=100'), qr/^0  ?100\.0 % 4 of 4 some\.c\n/, 'all of it');

like(counted("$dir/objects/none"), qr/^\d+ nothing was counted\n\z/,
     'no program at all');

done_testing();
