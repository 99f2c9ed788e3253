# What of GB/T 39047 is done, by which route or directive, and which test shows
# it.  A clause is done when all three are there.
#
#     perl t/clauses.t --table       prints the table that stands in README.md

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Rows;

# clause | what of it | routes and directives, ", " between | tests

my @table = map { [split /\s*\|\s*/] } grep { /\|/ } split /\n/, <<'TABLE';
5.1 | pages for PC and phone, JSON for apps | zwfw_pages, zwfw_api, GET /openapi.json | t/browser/pages.t, t/core_openapi.t
5.2.1.1 | one frame: search, log-in, help, accessibility | GET /, GET /help, GET /accessibility | t/browser/pages.t
5.2.1.2 用户注册 | natural persons, by e-mail and password | GET /register, POST /register, GET /privacy | t/auth_register.t
5.2.1.3 登录认证 | log in and out, lock-out | GET /login, POST /login, POST /logout | t/auth_login.t, t/auth_session.t
5.2.1.3 登录认证 | own sessions, listed and ended | GET /auth/sessions, POST /auth/sessions/{id}/end | t/auth_session.t
5.2.1.4 事项发布 | directory and guides | GET /item/{code}, GET /item/catalog, GET /item/topics | t/item_show.t, t/sql_item.t
5.2.1.5 搜索服务 | words, filters, region upwards | GET /item/ | t/sql_item.t, t/sql_plans.t
5.2.1.6 办件查询 | own cases, progress, materials | GET /case/, GET /case/{id}, GET /case/{id}/files/{file} | t/sql_case.t, t/privacy.t
5.2.1.9 b | overview of and entry to the own cases | GET /case/mine, GET /case/ | t/sql_case_lists.t, t/sql_case_plans.t
5.2.2.2 a | drafts, approval by another person, suspension | POST /item/drafts, POST /item/drafts/{id}/approve, POST /item/{code}/suspend | t/sql_item_write.t
5.2.2.3 | apply, receive, correct, accept | POST /case/, POST /case/{id}/receive, POST /case/{id}/correct, POST /case/{id}/accept | t/sql_case.t
5.2.2.3 | decide | POST /case/{id}/grant, POST /case/{id}/refuse | t/sql_case.t, t/sql_case_law.t
5.2.2.4 用户访问监测 | every visit collected once, with a ledger | zwfw_monitor, zwfw_monitor_spill, GET /monitor/, GET /monitor/ledger | t/monitor_visit.t, t/monitor_ledger.t, t/spill.t
5.2.2.5 电子监察 | deadlines and overdue cases, read only | GET /case/overview | t/sql_case.t, t/sql_case_plans.t
5.2.3.2 a | one log-in for pages of others as well | zwfw_auth | t/auth_existing.t
5.2.3.2 table 1 | level 1, checked by every row and guard | zwfw_auth, POST /register | t/privacy.t, t/auth_guard.t
5.2.3.6 搜索引擎 | one tokenizer over PostgreSQL | GET /item/ | t/sql_item.t
TABLE


sub table {
    return join '', "| GB/T 39047 | what | by | shown by |\n",
        "|---|---|---|---|\n", map {
            my ($clause, $what, $by, $tests) = @$_;

            "| $clause | $what | "
                . join(', ', map { "`$_`" } split /, /, $by) . ' | '
                . join(', ', map { "`$_`" } split /, /, $tests) . " |\n"
        } @table;
}


if (@ARGV and $ARGV[0] eq '--table') {
    binmode STDOUT, ':utf8';
    print table();
    exit;
}

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my %row = map { Rows::name($_) => $_ } Rows::all();
my %there = map { $_ => 1 } keys %row,
    map { $_->{name} } Rows::directives();


sub text {
    return join '', map { local (@ARGV, $/) = $_; <> } @_;
}


# Does a test ask for it: is it generated from all rows, or does it, with what
# it takes from t/lib and conf, name the directive, the path, the function or
# that without its slice?

sub asked {
    my ($what, @tests) = @_;

    my $text = text(@tests);

    $text .= text(grep { -f } (map { "t/lib/$_.pm" } $text =~ /^use (\w+);/mg),
                  $text =~ m{\b(conf/\w+\.conf)\b}g);

    my $row = $row{$what} or return $text =~ /\b$what\b/;
    my $path = join '[^/]+', map { quotemeta }
        split /\{\w+\}/, $what =~ s/^\w+ //r, -1;

    my ($verb) = ($row->{call} // '') =~ /^[a-z]+_(\w+)$/;

    return $text =~ /\bRows::all\b/
        || $verb && $text =~ /\b$row->{call}\b|'$verb'/
        || $text =~ m{['" ](?:/api)?$path['"?\s]};
}

my $standard = qr/^5\.(?:1|2\.[123](?:\.\d+)*)\b/;

for (@table) {
    my ($clause, $what, $by, $tests) = @$_;

    like($clause, $standard, "$clause is one of the standard");
    is(join(', ', grep { !$there{$_} } split /, /, $by), '',
       "$clause, $what: is there");
    is(join(', ', grep { !-f } split /, /, $tests), '',
       "$clause, $what: has its test");
    is(join(', ', grep { !asked($_, split /, /, $tests) } split /, /, $by), '',
       "$clause, $what: which asks for it");
}

open my $in, '<:encoding(UTF-8)', 'README.md' or die "README.md: $!\n";
my $readme = do { local $/; <$in> };

ok(index($readme, "\n" . table() . "\n") >= 0,
   'README.md has this table: perl t/clauses.t --table prints it');

done_testing();
