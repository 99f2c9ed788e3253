# Files and folders that zwfw_platform names: "nginx -t" refuses what is not
# there, secrets that others read, and overrides of nothing.  t/existing.t has
# what workers cannot write.

use File::Temp qw(tempdir);

use lib 't/lib';
use Zwfw;

no_root_location();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value(config => 'location /api/ { zwfw_use test; zwfw_api; }');
});

my $dir = tempdir('zwfw-c-XXXXXX', TMPDIR => 1, CLEANUP => 1);

chmod 0755, $dir;
file('keys', 0600, '1 ' . '0' x 64 . "\n");
file('short', 0600, '1 ' . '0' x 63 . "\n");
file('zero', 0600, '0 ' . '0' x 64 . "\n");
file('bare', 0600, '0' x 64 . "\n");
file('blank', 0600, "\n\n");
file('open', 0644, '1 ' . '0' x 64 . "\n");
file('group', 0640, '1 ' . '0' x 64 . "\n");
file('password', 0600, "secret\n");
file('told', 0604, "secret\n");
mkdir "$dir/$_" for qw(files typo typo/core word word/core
                       token token/assets asset asset/assets);
file('typo/core/lay0ut.html', 0644, 'x');
file('word/core/words.json', 0644, '{"error":{"nto_found":"x"}}');
file('token/assets/tokens.css', 0644, ':root { --brnad: red; }');
file('asset/assets/zwfw.js', 0644, 'x');


sub file {
    my ($name, $mode, $text) = @_;

    open my $out, '>', "$dir/$name" or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
    chmod $mode, "$dir/$name" or die "$name: $!\n";
}


sub dir {
    return $dir;
}


run_tests();

__DATA__

=== TEST 1: redis: a password that others can read
--- http_config eval
main::platform(redis => '"unix:/tmp/x password=' . main::dir() . '/told"')
--- must_die
--- error_log eval
'redis: others can come to "' . main::dir() . '/told"'

=== TEST 2: keys that others can read
--- http_config eval
main::platform(keys => main::dir() . '/open')
--- must_die
--- error_log eval
'keys: others can come to "' . main::dir() . '/open", its mode must be 0600'

=== TEST 3: keys that are a folder
--- http_config eval
main::platform(keys => main::dir())
--- must_die
--- error_log eval
'keys: "' . main::dir() . '" is a folder'

=== TEST 4: files: no folder there
--- http_config eval
main::platform(files => '/nonexistent')
--- must_die
--- error_log eval
'"files" takes a folder that is there, not "/nonexistent"'

=== TEST 5: files: a file
--- http_config eval
main::platform(files => '/etc/passwd')
--- must_die
--- error_log eval
'"files" takes a folder that is there, not "/etc/passwd"'

=== TEST 6: files: an empty name
--- http_config eval
main::platform(files => '""')
--- must_die
--- error_log eval
'"files" takes the name of a folder'

=== TEST 7: one folder of files for two databases
--- http_config eval
main::platform(files => main::dir() . '/files') . main::platform(name => 'other', files => main::dir() . '/files', postgres => '"host=/tmp user=other"')
--- must_die
--- error_log eval
'"files" of zwfw_platform "test" and "other" are the same folder'

=== TEST 8: html: no folder there
--- http_config eval
main::platform(html => '/nonexistent')
--- must_die
--- error_log eval
'"html" takes a folder that is there'

=== TEST 9: override: no folder there
--- http_config eval
main::platform(override => '/nonexistent')
--- must_die
--- error_log eval
'"override" takes a folder that is there, not "/nonexistent"'

=== TEST 10: override of a template that is not there
--- http_config eval
main::platform(override => main::dir() . '/typo')
--- must_die
--- error_log eval
'override: "core/lay0ut.html" in'

=== TEST 11: override of a word that is not there
--- http_config eval
main::platform(override => main::dir() . '/word')
--- must_die
--- error_log eval
'has no word "error.nto_found"'

=== TEST 12: override of a token that is not there
--- http_config eval
main::platform(override => main::dir() . '/token')
--- must_die
--- error_log eval
'has no token "--brnad"'

=== TEST 13: override of an asset that is no token
--- http_config eval
main::platform(override => main::dir() . '/asset')
--- must_die
--- error_log eval
'override: "assets/zwfw.js" in'

=== TEST 14: keys that the group reads, a database and a password of Redis
--- http_config eval
main::platform(keys => main::dir() . '/group', redis => '"unix:/tmp/x db=3 password=' . main::dir() . '/password"')
--- request
GET /api/nothing
--- error_code: 404

=== TEST 15: keys: one that is too short
--- http_config eval
main::platform(keys => main::dir() . '/short')
--- must_die
--- error_log eval
'keys: "' . main::dir() . '/short" takes lines of a number and 64 hexadecimals'

=== TEST 16: keys: number zero
--- http_config eval
main::platform(keys => main::dir() . '/zero')
--- must_die
--- error_log eval
'keys: "' . main::dir() . '/zero" takes lines of a number and 64 hexadecimals'

=== TEST 17: keys: no number
--- http_config eval
main::platform(keys => main::dir() . '/bare')
--- must_die
--- error_log eval
'keys: "' . main::dir() . '/bare" takes lines of a number and 64 hexadecimals'

=== TEST 18: keys: empty lines only
--- http_config eval
main::platform(keys => main::dir() . '/blank')
--- must_die
--- error_log eval
'keys: no key in "' . main::dir() . '/blank"'

=== TEST 19: redis: nothing but a space
--- http_config eval
main::platform(redis => '" "')
--- must_die
--- error_log eval
'invalid address "" in "redis"'
