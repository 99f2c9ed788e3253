# Accounts, asked as nginx asks: guesses at the same time count one after the
# other, and nothing is told of an account that is closed (GB/T 39047, 5.2.1.3).

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Sql;
use Test::More;

my $db = Sql->new(slices => ['core', 'auth']);
my $nobody = $db->user(channel => 'pc', request_id => 'r1');
my $email = { sealed => 'zs1:1:x', index => ['1:' . 'a' x 64] };
my %try = (email => $email, network => 'n1');
my $version = $nobody->call('auth_notice')->{version};
my $she = $nobody->call('auth_register', { new_id => Sql::uuid() },
    { %try, name => '王秀英', password => 'x', consent => $version });


subtest 'guesses at the same time' => sub {
    my ($first, $second) = map { $db->user(channel => 'pc', request_id => 'r1')->patient } 1, 2;

    is($nobody->call('auth_enter', {}, { %try, right => 'false' })->{outcome},
       'wrong', 'a guess') for 1 .. 4;

    $first->ask('BEGIN;');
    is($first->call('auth_enter', {}, { %try, right => 'false' })->{outcome},
       'wrong', 'the fifth');
    $second->send($second->statement('api.auth_enter('
        . Sql::User::arguments({}, { %try, right => 'true' }) . ')'));
    $db->until_locked(1);
    $first->ask('COMMIT;');
    like(($second->receive)[1], qr/"outcome" : "locked"/,
         'the sixth comes to a door that is locked');
};


subtest 'an account that is closed' => sub {
    my $find = sub {
        return $nobody->call('auth_find', {}, { index => $email->{index} });
    };

    is_deeply($find->(), { uid => $she->{uid}, password => 'x' }, 'found');
    $db->admin("UPDATE zwfw.users SET state = 'closed'");
    is_deeply($find->(), {}, 'its hash is not told');
    is($nobody->call('auth_enter', {}, { %try, network => 'n2',
                                         right => 'true' })->{outcome},
       'wrong', 'nor that it is closed');
};

done_testing;
