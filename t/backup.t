# A platform is backed up while it is used, and restored onto a machine that has
# none of it, by the commands of README.md: people log in, files decrypt, the
# audit trail is whole, numbers go on.  What is not whole, or would write over
# something, is refused.

use strict;
use warnings;
use utf8;

use File::Temp;
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;
use Readme;
use Stores;
use Tree;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $dir = File::Temp->newdir('zwfw-k-XXXXXX', TMPDIR => 1);
my %place = (TO => "$dir/to", KEYS => "$dir/keys", FILES => "$dir/files");

chmod 0755, $dir;


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}


# a command of README.md, for another database; (whether it worked, what it said)

sub command {
    my ($title, $pg, %place) = @_;

    local $ENV{ZWFW_POSTGRES} = "host=$pg->{dir} user=postgres";
    my $said = eval {
        Readme::run_text("exec 2>&1\n" . join('', map { "$_='$place{$_}'\n" }
            sort keys %place) . Readme::block($title) =~ s/_shandong//r);
    };

    return (defined $said, $said // $@);
}


# a draft with a file of that text; where the file is found

sub upload {
    my ($http, $text) = @_;

    my ($item) = grep { $_->{online} && grep { $_ eq '1' } @{ $_->{objects} } }
        @{ $http->get('/api/item/')->json->{items} };
    my ($material) = @{ $http->get("/api/item/$item->{code}")
                        ->json->{materials} };
    my $res = $http->upload('/api/case/draft', [
        _token => $http->get('/help')->hidden->{_token},
        item => $item->{code}, 'materials.0.code' => $material->{code},
        'materials.0.file' => { name => 'a.pdf', type => 'application/pdf',
                                content => "%PDF-1.4\n$text\n" },
    ]);

    is($res->code, 200, "hands in $text") or diag($res->text);

    my $case = $http->get('/api/case/' . $res->json->{id})->json;
    my ($file) = map { @{ $_->{files} // [] } } @{ $case->{materials} };

    return $file->{path};
}


my $node = Node->new(keys => $place{KEYS}, files => $place{FILES})
    if mkdir $place{FILES} and !system 'cp', $ENV{TEST_NGINX_ZWFW_KEYS},
                                       $place{KEYS};
my $pg = $node->db->{pg};
my $http = $node->client;
my $her = People::register($http);
my $path = upload($http, 'before');
my $count = 'SELECT count(*) FROM zwfw.';
my $next = "SELECT nextval('zwfw.visit_batches_id_seq')";
my $numbered = 'SELECT sum(n) FROM zwfw.case_counters';

$node->db->admin('SELECT zwfw.case_number(b.id) FROM zwfw.bodies b');


# Between the two steps of the backup she hands in another file, whichever is
# the first: no row of the dump may name a file that was not read.

mkdir "$dir/bin" or die "bin: $!\n";

for my $tool (qw(pg_dump tar)) {
    my ($real) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH};

    write_file("$dir/bin/$tool", <<"END");
#!/bin/sh
'$real' "\$\@" || exit
[ -e '$dir/first' ] && exit
touch '$dir/first'
until [ -e '$dir/told' ] || [ ! -e '$dir' ]; do sleep 0.05; done
END
    chmod 0755, "$dir/bin/$tool";
}


subtest 'backup while it is used' => sub {
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        my ($ok, $said) = command('sh backup', $pg, %place);
        print $said;
        POSIX::_exit($ok ? 0 : 1);
    }

    ok(Proc::until_true('the middle of it', 60, sub { -e "$dir/first" }),
       'in the middle of it');
    upload($http, 'meanwhile');
    write_file("$dir/told", "go\n");

    my $said = join '', <$out>;
    ok(close $out, 'it is made') or diag($said);
    like($said, qr/with the keys: keep it where nobody else reads it/, 'told');
    is(join(' ', map { s{.*/}{}r } sort glob "$place{TO}/*"),
       'MANIFEST files.tar keys zwfw.dump', 'all parts');
    is((stat $place{TO})[2] & 077, 0, 'for nobody else');
};


subtest 'a second one' => sub {
    my ($ok, $said) = command('sh backup', $pg, %place);

    ok(!$ok, 'over the first is refused');
    like($said, qr/there is something in \Q$place{TO}/, 'why');

    ($ok, $said) = command('sh backup', $pg, %place, TO => "$dir/x",
                           FILES => "$dir/none");
    like($said, qr/there is no folder/, 'without files');
    ($ok, $said) = command('sh backup', Stores::Postgres->start, %place,
                           TO => "$dir/x");
    like($said, qr/zwfw is no database of a platform/, 'of nothing');
    ok(!-e "$dir/x/MANIFEST", 'is none');
};


my $cases = $node->db->admin("${count}cases");
my $last = $node->db->admin($next);
my $numbers = $node->db->admin($numbered);

is(join('', $node->nginx->stop), '', 'no alert');


# a new server, nothing else

my $new = Stores::Postgres->start;
my %empty = (%place, KEYS => "$dir/new-keys", FILES => "$dir/new-files");

subtest 'what is not restored' => sub {
    my ($ok, $said);
    my $refused = sub {
        my ($name, $why, %other) = @_;

        ($ok, $said) = command('sh restore', $other{pg} // $new, %empty,
                               map { $_ => $other{$_} } grep { /^[A-Z]+$/ }
                               keys %other);
        ok(!$ok, "$name is refused");
        like($said, $why, 'why');
    };

    $refused->('where a platform is', qr/zwfw has a platform already/,
               pg => $pg);
    $refused->('over files', qr/there is something in/,
               FILES => $place{FILES});
    $refused->('over keys', qr/there is a /, KEYS => $place{KEYS});

    system('cp', '-R', $place{TO}, "$dir/broken");
    truncate "$dir/broken/files.tar", 512;
    $refused->('what was cut', qr/is not what its MANIFEST says/,
               TO => "$dir/broken");
    unlink "$dir/broken/MANIFEST";
    $refused->('what did not end', qr/is no complete backup/,
               TO => "$dir/broken");

    ok(!-e $empty{KEYS} && !-e $empty{FILES}, 'nothing was written');
    is($new->psql("SELECT count(*) FROM pg_database WHERE datname = 'zwfw'"),
       0, 'nowhere');
};


# What fails in the middle leaves nothing, so that it can be tried again: the tool
# of a part does what it is told to after its work, and the disk is full.

sub failing {
    my ($name, $why, $told, %other) = @_;

    my %place = (%empty, %other);
    my $bin = "$dir/failing";

    Tree::shell("rm -rf '$bin' && mkdir '$bin'");

    for my $tool (sort keys %$told) {
        my ($real) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH};

        write_file("$bin/$tool", "#!/bin/sh\nreal='$real'\n$told->{$tool}\n");
        chmod 0755, "$bin/$tool";
    }

    local $ENV{PATH} = "$bin:$ENV{PATH}";
    my ($ok, $said) = command('sh restore', $new, %place);

    ok(!$ok, "$name: fails");
    like($said, $why, "$name: why");
    is($new->psql("SELECT to_regclass('zwfw.migrations')", dbname => 'zwfw'),
       '', "$name: the database has nothing");
}


sub nothing {
    my ($name, %place) = (shift, %empty, @_);

    ok(!-e $place{KEYS} && !-e "$place{KEYS}.new", "$name: no keys");
    is(Tree::shell("find '$place{FILES}' -mindepth 1"), '', "$name: no files");
}


subtest 'what cannot be finished' => sub {
    failing('files', qr/tar failed/, { tar => '"$real" "$@"; exit 2' });
    nothing('files');
    failing('the database', qr/pg_restore failed, nothing was changed/,
            { pg_restore => 'exit 1' });
    nothing('the database');
    failing('keys', qr{cannot write \Q$dir\E/none/keys}, {},
            KEYS => "$dir/none/keys");
    nothing('keys', KEYS => "$dir/none/keys");

    # committed, and the answer is lost: then it stays

    my $lost = "$dir/lost";
    my %there = (%empty, KEYS => "$lost-keys", FILES => "$lost-files");
    my $other = Stores::Postgres->start;

    Tree::shell("mkdir '$lost'");
    write_file("$lost/pg_restore", "#!/bin/sh\n"
               . Tree::shell('command -v pg_restore') =~ s/\n/ "\$\@"\nexit 1\n/r);
    chmod 0755, "$lost/pg_restore";

    {
        local $ENV{PATH} = "$lost:$ENV{PATH}";
        my ($ok, $said) = command('sh restore', $other, %there);

        ok(!$ok, 'an answer that is lost') or diag($said);
    }

    ok(-e $there{KEYS} && glob("$there{FILES}/*"), 'what belongs to it is there');

    my ($ok, $said) = command('sh restore', $other, %there);

    like($said, qr/has a platform already/, 'and it is not done twice');

    my $disk = "$dir/disk";

    mkdir $disk or die "$disk: $!\n";

    if (system('mount', '-t', 'tmpfs', '-o', 'size=1m,nr_inodes=4', 'none',
               $disk) == 0)
    {
        failing('a full disk', qr/No space left on device/, {}, FILES => $disk);
        nothing('a full disk', FILES => $disk);
        system('umount', $disk);

    } else {
        diag('no disk can be mounted here: none is full');
    }

    # killed, after files and keys: the next one begins anew

    failing('killed', qr/restore/, { pg_restore => 'kill -9 $PPID' });
    ok(-e $empty{KEYS} && glob("$empty{FILES}/*"), 'files and keys are there');
    write_file("$empty{FILES}/more", 'of nobody');
};


subtest 'restored' => sub {
    my ($ok, $said) = command('sh restore', $new, %empty);

    ok($ok, 'it is') or diag($said);
    is(Tree::shell("cd '$empty{FILES}' && find . -type f | sort"),
       Tree::shell("tar -tf '$place{TO}/files.tar' | grep -v '/\$' | sort"),
       'files are those of the backup');

    my $db = bless { pg => $new, dbname => 'zwfw' }, 'Sql';
    my $other = Node->new(db => $db, files => $empty{FILES},
                          keys => $empty{KEYS});
    my $again = $other->client;

    People::login($again, $her);
    is($again->get('/api/auth/me')->json->{email}, $her->{email},
       'what was encrypted is read');
    is($again->get("/api/$path")->body, "%PDF-1.4\nbefore\n",
       'the file as well');

    my @files = split /\n/, $db->admin('SELECT address FROM zwfw.files');

    cmp_ok(scalar @files, '>=', 1, 'files');
    is(join(' ', grep {
        !Tree::shell("find '$empty{FILES}' -type f -name '*" . substr($_, 2)
                     . "*'") } @files), '', 'each that a row names is there');
    is($db->admin("${count}cases"), $cases - 1, 'cases of that moment');
    is($db->admin($next), $last, 'sequences go on');
    is($db->admin($numbered), $numbers, 'and numbers of cases');
    upload($again, 'afterwards');

    my $check = $other->client(roles => 'operator')->get('/api/audit/check');

    ok($check->json->{ok}, 'the audit trail is whole');
    is((stat $empty{KEYS})[2] & 077, 0, 'keys are for nobody else');
    is(join('', $other->nginx->stop), '', 'no alert');
};

done_testing();
