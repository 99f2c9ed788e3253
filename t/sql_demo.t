# The demo's data: whatever a natural person applies for online is received and
# decided by somebody, on each platform; numbers of nobody are well made.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Rows;
use Sql;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $demo = JSON::PP->new->utf8->decode(do {
    local (@ARGV, $/) = $ENV{TEST_NGINX_ZWFW_DEMO}; <> });

is(join(' ', map { $_->{name} } @{ $demo->{platforms} }),
   'national shandong transport', 'three platforms');


for my $platform (@{ $demo->{platforms} }) {
    my $name = $platform->{name};
    my $db = Sql->new(platform => $name, slices => [Rows::slices()]);
    my @accounts = @{ $platform->{accounts} };
    my $sql = join ';', map { "INSERT INTO told VALUES ('$_->{email}',"
        . " '$_->{body}', '$_->{roles}')" } grep { $_->{body} } @accounts;

    $db->admin("CREATE TABLE told (email text PRIMARY KEY, body uuid,"
               . " role text); $sql");

    cmp_ok($db->admin(q{SELECT count(*) FROM zwfw.items i WHERE i.online
                         AND i.state = 'in_use' AND '1' = ANY (i.objects)}),
           '>', 0, "$name: there are items for natural persons");
    is($db->admin(q{
        SELECT string_agg(i.name || ': ' || r, ', ')
          FROM zwfw.items i, unnest('{clerk,approver}'::text[]) r
         WHERE i.online AND i.state = 'in_use' AND '1' = ANY (i.objects)
           AND NOT EXISTS (SELECT FROM told t
                            WHERE t.body = i.body AND t.role = r)}), '',
       "$name: and nobody's case waits for ever");
    is($db->admin(q{SELECT string_agg(t.email, ' ') FROM told t
                     WHERE t.body NOT IN (SELECT b.id FROM zwfw.bodies b)}),
       '', 'all staff are of bodies that are there');

    my ($head) = grep { $_->{roles} eq 'supervisor' } @accounts;
    my $seen = $db->user(uid => Sql::uuid(), roles => 'supervisor',
                         body => $head->{body})->call('case_overview');
    is(scalar @{ $seen->{bodies} },
       $db->admin('SELECT count(*) FROM zwfw.bodies'),
       'the supervisor oversees all of them');

    for (grep { $_->{kind} eq 'natural' } @accounts) {
        my ($number) = $_->{id_number} =~ /^(99\d{15}[\dX])$/;
        my ($i, $sum) = (17, 0);
        $sum += $_ * 2 ** $i-- for split //, substr $number // '', 0, 17;
        is(substr($number // '', 17), substr('10X98765432', $sum % 11, 1),
           "$_->{name} has the number of nobody");
    }
}

done_testing;
