package Sql;

# Functions of the database alone: a private server with the schema and the
# demo data of a platform, and one psql per user, which asks as nginx does.
#
#     my $db = Sql->new;                        # core and item, shandong
#     my $he = $db->user(roles => 'item_manager', body => $uuid);
#     my $answer = $he->call('item_show', { code => $code });
#     $answer->{code};                          # what was answered
#     $he->refused('item_show', { code => 'x' });   # "404 item_not_found"
#     $he->faults('case_apply', $args, $body);      # "field code, field code"
#     $db->admin('SELECT 1');                   # as superuser

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use IPC::Open2 qw(open2);
use JSON::PP ();
use Stores;

my $json = JSON::PP->new->canonical->allow_nonref;
my $number = 0;

my @settings = qw(uid acting_for roles body region level channel request_id
                  session);


sub new {
    my ($class, %o) = @_;

    my $self = bless { slices => ['core', 'item'], platform => 'shandong', %o },
        $class;
    my $like = $self->cluster;

    $self->{pg} = Stores::Postgres->start($like ? (like => $like) : ());
    $self->load if !$like;
    $self->{dbname} = 'zwfw';
    return $self;
}


# The data directory to begin with, which is the same for all tests of a run
# with these slices: the first one makes it.

sub cluster {
    my $self = shift;

    return Stores::once(join('-', $self->{platform}, @{ $self->{slices} }), sub {
        my $dir = shift;
        my $pg = $self->{pg} = Stores::Postgres->start;

        $self->load;
        $pg->stop;
        rename "$pg->{dir}/data", $dir or die "$dir: $!\n";
        delete @$self{qw(pg dbname)};
    });
}


sub load {
    my $self = shift;

    $self->admin('CREATE DATABASE zwfw');
    $self->{dbname} = 'zwfw';
    $self->file('modules/core/roles.sql');
    $self->admin('ALTER DATABASE zwfw SET zwfw.test_clock = on');
    $self->admin('CREATE EXTENSION plpgsql_check');

    for my $kind ('tables/*.sql', 'api{.sql,/*.sql}') {
        $self->file(grep { -f } glob "modules/$_/$kind")
            for @{ $self->{slices} };
    }

    $self->file(grep { -f } map { "modules/$_/demo.sql" }
                @{ $self->{slices} });
}


# runs files, as a migration does

sub file {
    my ($self, @files) = @_;

    return if !@files;

    my $role = $files[0] =~ /roles\.sql/ ? '' : 'SET ROLE zwfw_owner;';
    my $pid = open(my $out, '-|') // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
            '-v', "platform=$self->{platform}", '-d', $self->conninfo,
            '-c', "SET client_min_messages = error; $role",
            map { ('-f', $_) } @files or POSIX::_exit(127);
    }

    my $text = join '', <$out>;
    close $out or die "psql: $text\n";
}


sub conninfo {
    my ($self, %o) = @_;

    return $self->{pg}->conninfo(dbname => $self->{dbname}, %o);
}


sub admin {
    my ($self, $sql) = @_;

    my %o = $self->{dbname} ? (dbname => $self->{dbname}) : ();
    return decode_utf8($self->{pg}->psql(encode_utf8($sql), %o));
}


# Many rows for tables: no trigger runs, and indexes that are no constraints are
# built when all rows are there, as they were.

sub fill {
    my ($self, $tables, $sql) = @_;

    my $list = join ', ', map { "'zwfw.$_'::regclass" } @$tables;

    $self->admin(qq{
        SET session_replication_role = replica;
        SET maintenance_work_mem = '128MB';
        CREATE TEMP TABLE later ON COMMIT DROP AS
        SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS def
          FROM pg_index
         WHERE indrelid IN ($list)
           AND NOT EXISTS (SELECT FROM pg_constraint
                            WHERE conindid = indexrelid);
        DO \$\$
        BEGIN
            EXECUTE (SELECT string_agg('DROP INDEX ' || name, ';') FROM later);
        END \$\$;
        $sql;
        DO \$\$
        BEGIN
            EXECUTE (SELECT string_agg(def, ';') FROM later);
        END \$\$});
    $self->admin("VACUUM (ANALYZE) zwfw.$_") for @$tables;
}


# the functions whose reply is a page of a list

sub lists {
    return split /\n/, $_[0]->admin(q{
        SELECT p.proname
          FROM pg_proc p, LATERAL obj_description(p.oid, 'pg_proc') d
         WHERE p.pronamespace = 'api'::regnamespace
           AND d::jsonb->'properties' ?& ARRAY['items', 'count_capped']
         ORDER BY 1});
}


# Returns when so many sessions wait for a lock of another one.  Asked inside of
# the server: one that is busy is slow to wait as well as to be asked.

sub until_locked {
    my ($self, $count) = @_;

    $self->admin(qq{
        DO \$\$
        BEGIN
            FOR i IN 1 .. 12000 LOOP
                EXIT WHEN (SELECT count(DISTINCT l.pid) FROM pg_locks l
                            WHERE NOT l.granted) = $count;
                PERFORM pg_sleep(0.01);
                IF i = 12000 THEN
                    RAISE EXCEPTION 'nobody waits for a lock';
                END IF;
            END LOOP;
        END \$\$});
}


# a new id, as nginx makes it: the time in front

sub uuid {
    return sprintf '%08x-%04x-7%03x-8%03x-%012x', 0x019a1000 + $number / 4096,
        $$ & 0xffff, $number++ & 0xfff, rand 4096, rand 2**40;
}


sub user {
    my ($self, %me) = @_;

    return $self->session(\%me, user => 'zwfw_web');
}


sub session {
    my ($self, $me, @login) = @_;

    my $user = bless { me => $me }, 'Sql::User';
    local $ENV{PGCLIENTENCODING} = 'UTF8';
    local $ENV{PSQLRC} = '/dev/null';
    $user->{pid} = open2($user->{out}, $user->{in}, '/bin/sh', '-c',
        'exec psql -XqAt -v VERBOSITY=verbose -d "$0" 2>&1',
        $self->conninfo(@login));

    return $user;
}


# a superuser who holds a table that others write, until ->ask('ROLLBACK;')

sub holder {
    my ($self, $table) = @_;

    my $holder = $self->session({});

    $holder->ask("BEGIN; LOCK TABLE zwfw.$table IN EXCLUSIVE MODE;");
    return $holder;
}


# The account of a natural person, by the function that nginx asks: the address
# as it is sealed, and its blind index.

sub register {
    my ($self, $uid, $name, $sealed, $index) = @_;

    $self->{door} //= $self->user(channel => 'pc', request_id => '0' x 32);
    $self->{door}->call('auth_register', { new_id => $uid }, {
        email => { sealed => $sealed, index => [$index] }, name => $name,
        password => 'x', new_device => 'd' x 64,
        consent => $self->{door}->call('auth_notice')->{version} });
}


package Sql::User;

use Encode qw(decode_utf8 encode_utf8);


sub quote {
    my $text = shift // '';

    return "'" . $text =~ s/'/''/gr . "'";
}


# A session that is to stand in a transaction, or to wait for one, for as long
# as the test takes: the role's time limits are for nginx.

sub patient {
    my $self = shift;

    $self->ask('SET statement_timeout = 0;'
               . ' SET idle_in_transaction_session_timeout = 0;');
    return $self;
}


# the statement of nginx, up to the function

sub statement {
    my ($self, $call) = @_;

    my $me = join ', ', map {
        "set_config('zwfw.$_', " . quote($self->{me}{$_}) . ", true)"
    } @settings;

    return "WITH me AS MATERIALIZED (SELECT $me) SELECT $call FROM me;";
}


# sends it; receive() has the answer

sub send {
    my ($self, $sql) = @_;

    my $in = $self->{in};

    print $in encode_utf8($sql), "\n\\echo :SQLSTATE end\n";
    $in->flush;
}


# ($sqlstate, $text)

sub receive {
    my $self = shift;

    my $out = $self->{out};
    my $text = '';

    while (defined(my $line = <$out>)) {
        return ($1, decode_utf8($text)) if $line =~ /^([0-9A-Z]{5}) end$/;
        $text .= $line;
    }

    die "psql ended: $text\n";
}


sub ask {
    my ($self, $sql) = @_;

    $self->send($sql);
    return $self->receive;
}


sub arguments {
    my ($args, $body) = @_;

    return join ', ', map { quote($json->encode($_ // {})) . '::jsonb' }
        $args, $body;
}


# the answer of api.<call>; dies of a refusal

sub call {
    my ($self, $call, @arguments) = @_;

    my ($state, $text) = $self->ask(
        $self->statement("api.$call(" . arguments(@arguments) . ")"));

    die "$call: $text\n" if $state ne '00000';

    return $json->decode($text);
}


# the refusal: "<status or SQLSTATE> <code> <field>"

sub refused {
    my ($self, $call, @arguments) = @_;

    return $self->refusal(
        $self->statement("api.$call(" . arguments(@arguments) . ")"));
}


sub refusal {
    my ($self, $sql) = @_;

    my ($state, $text) = $self->ask($sql);
    return "not refused: $text" if $state eq '00000';

    my ($code) = $text =~ /^ERROR:  [0-9A-Z]{5}: (.*)$/m;
    my ($field) = $text =~ /^COLUMN NAME:  (.*)$/m;

    return join ' ', $state =~ s/^ZW//r, $state =~ /^ZW/ ? $code : (),
        $field // ();
}


# all that is wrong, where several things are: "<field> <code>, ..."

sub faults {
    my ($self, $call, @arguments) = @_;

    my ($state, $text) = $self->ask(
        $self->statement("api.$call(" . arguments(@arguments) . ")"));
    return "not refused: $state $text" if $state ne 'ZW422';

    my ($detail) = $text =~ /^DETAIL:  \{ (.*) \}$/m;

    return ($detail // '') =~ tr/"//dr =~ s/ : / /gr;
}


sub DESTROY {
    my $self = shift;

    local ($@, $?, $!);
    close $self->{in};
    waitpid $self->{pid}, 0;
}


1;
