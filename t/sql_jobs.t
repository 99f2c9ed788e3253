# A job that cannot do its work with one row does it with all others, counts
# the row, and names it in the log without a word of what the row holds.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Cases;
use JSON::PP ();
use Test::More;

my $json = JSON::PP->new;
my $catalog = '000199002000';


# the answer of a job, and what it warned of: "<id> <code>, ..."

sub job {
    my ($state, $text) = $nobody->ask($nobody->statement(
        "api.$_[0]('{}', '{}')"));

    is($state, '00000', "$_[0] ends well");
    my @told = $text =~ /^WARNING:  01000: api\.$_[0]\(\) failed for (.*)$/mg;
    unlike($text, qr/王秀英/, 'nobody is named');

    return $json->decode(($text =~ /^(\{.*\})$/m)[0]),
           join ', ', map { s/://r } @told;
}

sub state { return $db->admin("SELECT state FROM zwfw.$_[0]"
                              . " WHERE id = '$_[1]{id}'") }


subtest 'cases' => sub {
    clock('2026-09-28T15:00:00');
    my @silent = map { apply($wang) } 1 .. 3;
    my @asked = map {
        act($clerk, 'correct', act($clerk, 'receive', apply($wang)),
            items => [{ material => 'M01', text => 'x' }]);
    } 1 .. 2;
    my $ids = join ', ', map { "'$_->{id}'" } $silent[0], $asked[0];

    $db->admin("ALTER TABLE zwfw.cases ADD CONSTRAINT broken CHECK"
               . " (state IN ('submitted', 'correction') OR id NOT IN ($ids))"
               . " NOT VALID");
    clock('2027-02-01T10:00:00');
    my ($done, $told) = job('case_deem');
    is_deeply($done, { deemed => 2, returned => 1, failed => 2 },
              'the others are moved');
    is($told, "$silent[0]{id} 23514, $asked[0]{id} 23514", 'these are told');
    is(join(' ', map { state('cases', $_) } @silent, @asked),
       'submitted accepted accepted correction returned', 'as they are');
    is(events($silent[0]), 'submit submitted applicant',
       'nothing is left of what failed');

    $db->admin('ALTER TABLE zwfw.cases DROP CONSTRAINT broken');
    ($done, $told) = job('case_deem');
    is_deeply($done, { deemed => 1, returned => 1, failed => 0 },
              'mended, they are moved as well');
    is($told, '', 'and nothing is told');

    # limits are counted anew
    clock('2026-12-28T10:00:00');
    my ($one, $two) = map { apply($wang) } 1 .. 2;
    $db->admin("SELECT zwfw.load_calendar(2027, '{\"year\": 2027, \"papers\":"
               . ' ["https://www.gov.cn/a.htm"], "days": [{"name": "x",'
               . ' "date": "2027-01-01", "isOffDay": true}]}\')');
    $db->admin("ALTER TABLE zwfw.cases ADD CONSTRAINT broken CHECK"
               . " (notice_due < '2027-01-05' OR id <> '$one->{id}')");
    ($done, $told) = job('case_recount');
    is($done->{failed}, 1, 'one cannot be counted');
    is($told, "$one->{id} 23514", 'it is told');
    is($db->admin("SELECT notice_due FROM zwfw.cases WHERE id = '$two->{id}'"),
       '2027-01-05', 'another one is counted');
    $db->admin('ALTER TABLE zwfw.cases DROP CONSTRAINT broken');
    ($done, $told) = job('case_recount');
    is_deeply($done, { recounted => 1, failed => 0 }, 'mended, this one, too');
};


# A hundred and one versions wait for their day.  The directory gives up the
# entries of a hundred, which come first.

subtest 'items' => sub {
    clock('2026-11-23T10:00:00');
    my $manager = staff('item_manager', 2);
    my $new = $manager->call('item_save', { new_id => Sql::uuid() },
        { catalog_code => $catalog, promise_day => 3,
          effective_on => '2026-12-01' });
    my %seen = (revision => $new->{revision});
    $manager->call('item_submit', { id => $new->{id} }, \%seen);
    staff('item_editor', 2)->call('item_approve', { id => $new->{id} },
                                  \%seen);

    $db->admin("INSERT INTO zwfw.item_catalog
            SELECT 90::text || lpad(n::text, 10, '0'), name, type, basis,
                   levels, 'cancelled'
              FROM zwfw.item_catalog, generate_series(1, 100) n
             WHERE code = '$catalog';
        INSERT INTO zwfw.items (id, code, version, state, catalog_code, name,
            type, body, level, region, anticipate_day, promise_day, objects,
            topics, guide, effective_on)
            SELECT gen_random_uuid(), left(i.code, 19) || k.code, 1,
                   'approved', k.code, i.name, i.type, i.body, i.level,
                   i.region, i.anticipate_day, i.promise_day, i.objects,
                   i.topics, i.guide, '2026-11-30'
              FROM zwfw.items i, zwfw.item_catalog k
             WHERE i.id = '$new->{id}' AND k.code LIKE '90%'");
    my $first = { id => $db->admin("SELECT id FROM zwfw.items
            WHERE catalog_code LIKE '90%' ORDER BY code LIMIT 1") };

    clock('2026-12-03T10:00:00');
    my ($done, $told) = job('item_switch');
    is_deeply($done, { published => 1, failed => 100 },
              'what holds comes into use, days late as well');
    is(state('items', $new), 'in_use', 'this');
    like($told, qr/^$first->{id} catalog_cancelled, /,
         'what does not hold any more is told, with the rule');
    is(state('items', $first), 'approved', 'and waits');
    is($db->admin("SELECT count(*) FROM zwfw.item_versions
                    WHERE item = '$first->{id}'"), 0, 'unpublished');

    my $editor = staff('item_editor', 2);
    my $held = $editor->call('item_draft_show', $first)->{held};
    is($held->{code}, 'catalog_cancelled', 'its editor is told the rule');
    is_deeply((job('item_switch'))[0], { published => 0, failed => 0 },
              'it is not tried all the time');

    clock('2026-12-03T11:30:00');
    is((job('item_switch'))[0]{failed}, 100, 'but each hour');

    my $sent = $editor->call('item_reject', $first,
                   { revision => 1, reason => '目录已取消' });
    is($sent->{state}, 'draft', 'until it is sent back');
    is($editor->call('item_draft_show', $first)->{held}, undef,
       'then there is nothing to tell');

    clock('2026-12-03T13:00:00');
    is((job('item_switch'))[0]{failed}, 99, 'and is tried no more');
};

done_testing;
