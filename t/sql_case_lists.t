# Lists of cases, whose numbers are right, files, events that stay, rights
# (GB/T 39047, 5.2.1.6, 5.2.2.3, 5.2.2.5).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use JSON::PP ();
use Test::More;

my $none = Sql::uuid();


subtest 'cases of all kinds' => sub {
    my %why = (reason => 'x', remedy => 'x');
    my %grant = (result => { name => '食品经营许可证' }, opinion => '同意');
    my $accepted = sub { act($both, 'accept', act($both, 'receive', $_[0])) };
    my $ask = [{ material => 'M01', text => 'x' }];

    ask($wang, 'case_draft', { new_id => Sql::uuid() }, { item => $food });
    apply($wang);
    act($wang, 'withdraw', apply($wang), reason => 'x') for 1 .. 2;
    act($clerk, 'receive', apply($wang));
    act($clerk, 'correct', act($clerk, 'receive', apply($wang)),
        items => $ask);
    act($clerk, 'reject', act($clerk, 'receive', apply($wang)), %why);
    act($both, 'grant', $accepted->(apply($wang)), %grant) for 1 .. 2;
    act($both, 'refuse', $accepted->(apply($wang)), %why, opinion => 'x');
    $accepted->(apply($li));

    is($db->admin(q{SELECT string_agg(state || ' ' || n, ', ' ORDER BY state)
                      FROM (SELECT state, count(*) AS n FROM zwfw.cases
                             GROUP BY state) x}),
       'accepted 1, closed 3, correction 1, draft 1, received 1, rejected 1,'
       . ' submitted 1, withdrawn 2', 'are there');
};


subtest 'files' => sub {
    my $case = apply($wang);
    my $shown = show($wang, $case);
    my %file = (id => $case->{id},
                file => $shown->{materials}[0]{files}[0]{id});

    is_deeply(ask($_, 'case_file', \%file),
              { file => $db->admin("SELECT address FROM zwfw.case_materials"
                                   . " WHERE id = '$file{file}'"),
                name => 'M01.jpg', size => 1000, type => 'image/jpeg' },
              'for its applicant and its body') for $wang, $clerk, $approver;
    is($_->refused('case_file', \%file), '404 case_not_found', 'not for others')
        for $li, $stranger, $nobody;
    is($supervisor->refused('case_file', \%file), '403 not_allowed',
       'nor for supervisors');
    is($wang->refused('case_file', { %file, id => apply($wang)->{id} }),
       '404 case_not_found', 'nor under another case');

    my $draft = ask($wang, 'case_draft', { new_id => Sql::uuid() },
                    { item => $food, materials => materials('M01') });
    my ($place) = $db->admin("SELECT address FROM zwfw.case_materials"
                             . " WHERE case_id = '$draft->{id}'");
    my $stored = "SELECT (SELECT count(*) FROM zwfw.file_uses"
        . " WHERE address = '$place') + (SELECT count(*) FROM zwfw.files"
        . " WHERE address = '$place')";

    is($db->admin($stored), 2, 'the file of a draft is in use');
    ask($wang, 'case_drop', { id => $draft->{id} },
        { version => $draft->{version} });
    is($db->admin($stored), 0, 'and forgotten when it is dropped');
};


subtest 'events stay' => sub {
    for my $sql ('UPDATE zwfw.case_events SET reason = NULL',
                 'DELETE FROM zwfw.case_events', 'TRUNCATE zwfw.case_events')
    {
        ok(!eval { $db->admin($sql) }, $sql);
        like($@, qr/append-only/, 'is refused');
    }

    my $case = act($clerk, 'receive', apply($wang));
    ok(ask($clerk, 'case_work', $case)->{whole}, 'a chain is whole');

    my $whole = sub {
        my $sql = shift =~ s/HERE/WHERE case_id = '$case->{id}'/gr;

        $db->admin("ALTER TABLE zwfw.case_events DISABLE TRIGGER keep;"
                   . "CREATE TABLE kept AS SELECT * FROM zwfw.case_events"
                   . " WHERE case_id = '$case->{id}'; $sql");

        my $answer = ask($clerk, 'case_work', $case);

        $db->admin("DELETE FROM zwfw.case_events"
                   . " WHERE case_id = '$case->{id}';"
                   . "INSERT INTO zwfw.case_events SELECT * FROM kept;"
                   . "DROP TABLE kept;"
                   . "ALTER TABLE zwfw.case_events ENABLE TRIGGER keep");
        return $answer->{whole};
    };

    ok(!$whole->("UPDATE zwfw.case_events SET $_ HERE AND seq = 2"),
       "$_ is seen")
        for "reason = 'x'", "at = at - interval '1 s'", 'uid = NULL',
            "data = '{}'", "prev_hash = ''";
    ok(!$whole->(q{
        UPDATE zwfw.case_events SET reason = 'x' HERE AND seq = 1;
        UPDATE zwfw.case_events e SET hash = zwfw.case_event_hash(e)
          HERE AND seq = 1;
        UPDATE zwfw.case_events SET prev_hash = (
            SELECT hash FROM zwfw.case_events HERE AND seq = 1)
          HERE AND seq = 2}), 'and one that was hashed anew');

    ok(ask($clerk, 'case_work', $case)->{whole}, 'put right again');
};


subtest 'lists' => sub {
    my %seen;
    my $after;
    my $pages = 0;

    do {
        my $page = ask($wang, 'case_own_list',
                       { limit => 3, $after ? (after => $after) : () });
        $seen{$_->{id}}++ for @{ $page->{items} };
        $after = $page->{next};
        $pages++;
    } while $after;

    my $all = keys %seen;

    ok(!ask($wang, 'case_own_list', { limit => $all })->{next},
       'a page that holds all of them is the last');
    ok(ask($wang, 'case_own_list', { limit => $all - 1 })->{next},
       'one that holds all but one is not');

    my $count = ask($wang, 'case_own_list')->{count};
    is(keys %seen, $count, 'each on one page');
    cmp_ok($pages, '>', 2, 'of several');
    ok(!grep({ $_ > 1 } values %seen), 'once');
    is(ask($wang, 'case_own_list', { state => 'withdrawn' })->{count}, 2,
       'of a state');
    is($wang->refused('case_own_list', { state => 'x' }),
       '422 bad_value state', 'of no state');
    is(ask($li, 'case_own_list')->{count}, 1, 'of one\'s own');
    is(ask($nobody, 'case_own_list')->{count}, 0, 'of nobody');

    my $mine = ask($wang, 'case_mine');

    is(join(', ', map {
            my %state = map { $_->{state} => 1 } @{ $mine->{$_} };
            join ' ', $_, sort keys %state;
        } sort keys %$mine),
       'corrections correction, drafts draft, ended closed rejected withdrawn,'
       . ' running received submitted', 'what waits, runs and has ended');
    is(scalar(map { @$_ } values %$mine), $count, 'all of them');
    is(scalar(map { @$_ } values %{ ask($nobody, 'case_mine') }), 0,
       'nothing of nobody');

    clock('2026-12-01T10:00:00');
    my $case = apply($li);
    my $inbox = ask($clerk, 'case_inbox');

    for my $tab (@{ $inbox->{tabs} }) {
        my $list = ask($clerk, 'case_inbox',
                       { state => $tab->{state}, limit => 100 });
        is(@{ $list->{items} }, $tab->{count}, "as many $tab->{state}");
        my $late = ask($clerk, 'case_inbox', { state => $tab->{state},
                       due => 'overdue', limit => 100 });
        is(@{ $late->{items} }, $tab->{overdue}, 'overdue');
    }

    is(@{ ask($clerk, 'case_inbox', { limit => 100 })->{items} },
       $inbox->{open}{count}, 'as many open');
    my $late = ask($clerk, 'case_inbox', { due => 'overdue', limit => 100 });
    is(@{ $late->{items} }, $inbox->{overdue}{count}, 'as many overdue');
    cmp_ok($inbox->{overdue}{count}, '>', 0, 'there are some');
    ok(!grep({ !$_->{deadline}{overdue} } @{ $late->{items} }), 'they are');
    my @due = map { $_->{deadline}{date} } @{ $late->{items} };
    is_deeply(\@due, [sort @due], 'the most urgent first');
    is(ask($clerk, 'case_inbox', { due => 'soon' })->{items}[-1]{id},
       $case->{id}, 'soon');
    is(ask($clerk, 'case_inbox', { due => 'today' })->{count}, 0, 'today');
    is($clerk->refused('case_inbox', { due => 'x' }), '422 bad_value due',
       'never');
    is($clerk->refused('case_inbox', { state => 'draft' }),
       '422 bad_value state', 'no drafts');

    is(ask($clerk, 'case_inbox', { q => lc $case->{number} })->{items}[0]{id},
       $case->{id}, 'by number');
    is(ask($stranger, 'case_inbox', { q => $case->{number} })->{count}, 0,
       'not of another body');
    is(ask($stranger, 'case_inbox')->{open}{count}, 0, 'nor in its lists');
    is($supervisor->refused('case_inbox'), '403 not_allowed',
       'not for supervisors');

    my @closed = map { $_->{id} } @{ ask($clerk, 'case_inbox',
                                         { state => 'closed' })->{items} };
    is_deeply(\@closed, [reverse sort @closed], 'what is over: newest first');
};


subtest 'overview' => sub {
    my $all = ask($supervisor, 'case_overview');

    for my $tab (@{ $all->{tabs} }) {
        is(@{ ask($supervisor, 'case_overview',
                  { state => $tab->{state}, limit => 100 })->{items} },
           $tab->{count}, "as many $tab->{state}");
        is(@{ ask($supervisor, 'case_overview', { state => $tab->{state},
                  overdue => JSON::PP::true, limit => 100 })->{items} },
           $tab->{overdue}, 'overdue');
    }

    is(ask($supervisor, 'case_overview', { overdue => JSON::PP::true })
       ->{count}, $all->{overdue}{count}, 'as many overdue');
    is($all->{open}{count}, ask($clerk, 'case_inbox')->{open}{count},
       'all of the one body');
    is($all->{items}[0]{applicant}, '王**', 'names are masked');

    my $pages = 0;
    my ($after, @ids);

    do {
        my $page = ask($supervisor, 'case_overview',
                       { limit => 3, $after ? (after => $after) : () });
        push @ids, map { $_->{id} } @{ $page->{items} };
        $after = $page->{next};
    } while $after;

    is(@ids, $all->{count}, 'pages over several bodies');
    is(ask($supervisor, 'case_overview', { body => body(2) })->{count},
       $all->{count}, 'of a body');
    is(ask($supervisor, 'case_overview', { body => body(3) })->{count}, 0,
       'of another one below the one below');
    is($supervisor->refused('case_overview', { body => $none }),
       '422 bad_value body', 'of none');
    my $below = staff('supervisor', 9);
    is(ask($below, 'case_overview')->{open}{count}, 0, 'below: none');
    is($below->refused('case_overview', { body => body(2) }),
       '422 bad_value body', 'nor asked for by name');
    is($clerk->refused('case_overview'), '403 not_allowed', 'no clerk');
    is(refused($supervisor, 'work', { id => $ids[0] }), '403 not_allowed',
       'it is a list, not an act');
};


subtest 'rights' => sub {
    my $as = sub {
        my ($role, $me, $sql) = @_;
        return $db->admin("BEGIN; SET ROLE $role;" . join('', map {
            "SELECT set_config('zwfw.$_', '$me->{me}{$_}', true) WHERE false;"
            . "SET LOCAL zwfw.$_ = '$me->{me}{$_}';" }
            keys %{ $me->{me} }) . "$sql; ROLLBACK");
    };

    is($as->('zwfw_citizen', $li, 'SELECT count(DISTINCT owner)'
             . ' FROM zwfw.cases'), 1, 'an applicant\'s functions see his');
    is($as->('zwfw_citizen', $li, "SELECT count(*) FROM zwfw.$_"
             . " WHERE owner <> '$li->{me}{uid}'"), 0, $_)
        for qw(case_materials case_events);
    is($as->('zwfw_staff', $clerk, "SELECT count(*) FROM zwfw.cases"
             . " WHERE state = 'draft' OR body <> '" . body(2) . "'"), 0,
       'staff\'s see the body\'s, no drafts');
    is($as->('zwfw_staff', $stranger, "SELECT count(*) FROM zwfw.$_"), 0,
       "of $_") for qw(cases case_materials case_events);
    is($as->('zwfw_staff', $supervisor, "SELECT count(*) FROM zwfw.$_"), 0,
       "a supervisor's none of $_") for qw(case_materials case_events);
    ok(!eval { $as->('zwfw_staff', $clerk,
                     'DELETE FROM zwfw.cases') }, 'staff deletes no case');
    like($@, qr/permission denied for table cases/, 'has no right to');

    my $for = $db->user(%{ $li->{me} }, acting_for => $wang->{me}{uid});
    is(ask($for, 'case_own_list')->{count},
       ask($wang, 'case_own_list')->{count}, 'acting for another');
};

done_testing;
