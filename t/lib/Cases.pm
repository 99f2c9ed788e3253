package Cases;

# Tests of cases: a private server with all that a case needs, some people,
# and calls whose answers are compared with their schemas.
#
#     my $case = apply($wang);                       # handed in, for $food
#     $case = act($clerk, 'receive', $case);         # api.case_receive
#     refused($li, 'withdraw', $case);               # "404 case_not_found"

use strict;
use warnings;
use utf8;

use Exporter qw(import);
use JSON::PP ();
use Schema;
use Sql;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
    Test::More->builder->failure_output;

our @EXPORT = qw(
    $db $food $applicant $form $wang $li $nobody $clerk $approver $both
    $stranger $supervisor body staff person clock upload materials ask apply
    act refused faults show events steps deadline);

our $db = Sql->new(slices => ['core', 'auth', 'item', 'case']);
our $food = '11990100MB0DEM033R3000199002000';
our $applicant = { name => '王秀英', id_number => sealed('id'),
                  phone => sealed('phone') };
our $form = { shop_name => '历下区演示小吃店', kind => '餐饮服务',
             address => '演示路 1 号', area => '60' };

my $json = JSON::PP->new;
my $files = 0;
my %schema;


sub body { return sprintf '019a0000-0000-7000-8000-%012d', shift }

sub staff {
    my ($roles, @bodies) = @_;      # one body, or one for each role

    return $db->user(uid => Sql::uuid(), roles => $roles, level => 5,
                     body => join ',', map { body($_) } @bodies);
}

sub person {
    my ($name, $level) = @_;
    my $uid = Sql::uuid();

    $db->register($uid, $name, 'zs1:1:x', "1:$uid");
    return $db->user(uid => $uid, level => $level // 1, channel => 'pc');
}

sub clock { $db->admin("SELECT zwfw.move_clock('$_[0]+08:00')") }

sub upload {
    my ($name, $type) = @_;

    return { file => sprintf('%064x', ++$files), name => $name, size => 1000,
             type => $type // 'image/jpeg', sm3 => sprintf('%064x', $files) };
}

sub materials {
    return [map { { code => $_, file => upload("$_.jpg") } } @_];
}

sub sealed {
    return { sealed => "zs1:1:$_[0]", index => ["1:$_[0]"] };
}

# nginx puts plain values for sealed ones

sub opened {
    my $value = shift;

    return [map { opened($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    return join ' ', @{ $value->{sealed} }[0, 1] if $value->{sealed};
    return { map { $_ => opened($value->{$_}) } keys %$value };
}


# an answer, which fits its schema

sub ask {
    my ($user, $call, $args, $body) = @_;

    $schema{$call} //= $json->decode($db->admin(
        "SELECT obj_description('api.$call(jsonb,jsonb)'::regprocedure)"));
    my $answer = opened($user->call($call, $args, $body));
    my @errors = Schema::errors($schema{$call}, $answer);
    is_deeply(\@errors, [], "$call: answer fits its schema") if @errors;

    return $answer;
}

sub apply {
    my ($user, %body) = @_;

    return ask($user, 'case_apply', { new_id => Sql::uuid() },
               { item => $food, applicant => $applicant, form => $form,
                 materials => materials('M01', 'M02', 'M03'), %body });
}

sub act {
    my ($user, $act, $case, %body) = @_;

    return ask($user, "case_$act", { id => $case->{id} },
               { version => $case->{version}, %body });
}

sub refused {
    my ($user, $act, $case, %body) = @_;

    return $user->refused("case_$act", { id => $case->{id} },
                          { version => $case->{version}, %body });
}

sub faults {
    my ($user, $act, $case, %body) = @_;

    return $user->faults("case_$act", { id => $case->{id} },
                         { version => $case->{version}, %body });
}

sub show { return ask($_[0], 'case_show', { id => $_[1]{id} }) }

sub deadline {
    my $d = $_[0]{deadline};

    return join ' ', "$d->{kind} $d->{date} $d->{remaining}",
        $d->{late} // (), $d->{overdue} ? 'overdue' : ();
}

sub events {
    return $db->admin("SELECT string_agg(act || ' ' || to_state || ' '"
                      . " || actor, ', ' ORDER BY seq) FROM zwfw.case_events"
                      . " WHERE case_id = '$_[0]{id}'");
}

sub steps {
    return join ' ', map { $_->{step} . ($_->{done} ? '+' : '')
                           . ($_->{current} ? '*' : '') }
        @{ $_[0]{steps} };
}


# people of invented names

our $wang = person('王秀英');
our $li = person('李建国');
our $nobody = $db->user;
our $clerk = staff('clerk', 2);
our $approver = staff('approver', 2);
our $both = staff('clerk,approver', 2);
our $stranger = staff('clerk,approver', 3);
our $supervisor = staff('supervisor', 1);

clock('2026-11-23T10:00:00');

1;
