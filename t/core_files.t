# Files: uploads of up to 20 MiB, what is refused, how they lie on the disk,
# and how they come back.  Materials of a case are the row that takes them.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use File::Find qw(find);
use IO::Socket::INET;
use POSIX ();
use Test::More;

use lib 't/lib';
use Node;
use People;
use Proc;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $node = Node->new;
my $folder = "$node->{files}";
my $item = '11990100MB0DEM172G3002099009000';
my $pdf = "%PDF-1.7\n1 0 obj\nSECRET-OF-THE-FILE\n%%EOF\n";
my $jpeg = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0" . 'j' x 100 . "\xff\xd9";
my $png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . 'p' x 100;


sub client {
    my $http = $node->client;

    People::register($http);
    return $http;
}


sub file {
    my ($content, $name) = @_;

    return { name => $name // 'a.pdf', content => $content,
             type => 'application/octet-stream' };
}


# a draft with one material of these files

sub draft {
    my ($http, @files) = @_;

    my $n = 0;

    return $http->upload('/api/case/draft', [
        item => $item, map { ("materials.$n.code" => 'M01',
                              'materials.' . $n++ . '.file' => $_) } @files ]);
}


sub problem {
    my $res = shift;

    return join ' ', $res->code, $res->is_json
        ? grep { defined } @{ $res->json }{qw(code field)} : $res->body;
}


sub files {
    my ($http, $id) = @_;

    my $edit = $http->get("/api/case/$id/edit")->json;
    my ($material) = grep { $_->{code} eq 'M01' } @{ $edit->{materials} };

    return @{ $material->{files} };
}


sub stored {
    my @found;

    find(sub { push @found, $File::Find::name if -f }, $folder);
    return sort @found;
}


my $she = client();


# in and out

my $res = draft($she, file($pdf, '身份证 正;a.pdf'), file($jpeg, 'b.jpg'),
                file($png, 'c.png'));

is($res->code, 200, 'three files') or diag($res->text);

my $case = $res->json->{id};
my @files = files($she, $case);

is(join(' ', map { "$_->{name} $_->{type} $_->{size}" } @files),
   sprintf('身份证 正;a.pdf application/pdf %d b.jpg image/jpeg %d '
           . 'c.png image/png %d', map { length } $pdf, $jpeg, $png),
   'names, types and sizes');

my @contents = ($pdf, $jpeg, $png);

for (@files) {
    my $res = $she->get("/api/$_->{path}", headers => { 'If-Match' => '"x"' });

    is($res->body, shift @contents, "$_->{name}: the same bytes");
    is($res->header('Content-Type'), $_->{type}, 'its type');
    like($res->header('Content-Disposition'), qr/^attachment; /, 'a download');
    is($res->header('X-Content-Type-Options'), 'nosniff', 'nosniff');
    like($res->header('Content-Security-Policy'), qr/\bsandbox\b/, 'sandbox');
    like($res->header('Cache-Control'), qr/no-store/, 'is not kept');
}

$res = $she->get("/$files[0]{path}");
is($res->body, $pdf, 'by the path of pages');
like($res->header('Content-Disposition'),
     qr/filename\*=UTF-8''%E8%BA%AB%E4%BB%BD%E8%AF%81%20%E6%AD%A3%3[Bb]a\.pdf/,
     'its name');
is($she->request('HEAD', "/api/$files[0]{path}")->body, '', 'HEAD');
is($she->get("/api/$files[0]{path}", headers => { Range => 'bytes=0-3' })
       ->body =~ s/^(.{4}).*/$1/sr, '%PDF', 'a part, or all');

is($node->client->get("/api/$files[0]{path}")->code, 401, 'nobody');
is(client()->get("/api/$files[0]{path}")->code, 404, 'somebody else');
is($she->get("/api/case/$case/files/" . $node->db->uuid)->code, 404,
   'no such file');


# at rest: sealed, once, under a name that says nothing

my @stored = stored();

is(scalar @stored, 3, 'three files are stored');

for (@stored) {
    my $bytes = do { local (@ARGV, $/) = $_; <> };
    unlike($bytes, qr/SECRET-OF-THE-FILE|JFIF|IHDR|PDF/, 'as nobody reads it');
    like($_, qr{/([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{60}$}, 'its name');
    is(sprintf('%o', (stat)[2] & 0077), '0', 'for this account only');
}

is(draft($she, file($pdf))->code, 200, 'the same content again');
is(join(' ', stored()), "@stored", 'is stored once');


# sizes

my $big = "%PDF-1.7\n" . 'b' x (20 * 1024 * 1024 - 9);

$res = draft($she, file($big));
is($res->code, 200, '20 MiB');
is($she->get('/api/' . (files($she, $res->json->{id}))[0]{path})->body, $big,
   'come back');
is(problem(draft($she, file("${big}b"))), '422 file_too_large materials.0.file',
   'one byte more');
is(problem(draft($she, file($pdf), file("${big}b"))),
   '422 file_too_large materials.1.file', 'in the second file');
is(problem(draft($she, map { file("$pdf$_") } 1 .. 6)),
   '422 too_many materials.M01', 'six where five may be');


# what is no file of ours

my @refused = (
    ['text', file("hello\n", 'a.pdf'), '422 bad_file_type'],
    ['a page', file('<html><script>alert(1)</script>', 'a.pdf'),
     '422 bad_file_type'],
    ['SVG', file('<svg xmlns="http://www.w3.org/2000/svg"/>', 'a.svg'),
     '422 bad_file_type'],
    ['a program', file("\x7fELF" . "\0" x 60, 'a.jpg'), '422 bad_file_type'],
    ['GIF', file('GIF89a' . "\0" x 60, 'a.png'), '422 bad_file_type'],
    ['three bytes', file('%PD', 'a.pdf'), '422 bad_file_type'],
    ['a name for something else', file($pdf, 'a.jpg'), '422 bad_file_type'],
    ['no name of its own', file($pdf, '.pdf'), '422 bad_file_type'],
    ['a text', 'no file', '422 bad_type|422 bad_value'],
);

for (@refused) {
    my ($title, $file, $expected) = @$_;
    my $got = problem(draft($she, $file));

    ok((grep { index($got, $_) == 0 } split /\|/, $expected), $title)
        or diag("got $got, not $expected");
}

is(draft($she, file('', ''))->code, 200, 'nothing was chosen');
is(scalar files($she, draft($she, file('', 'a.pdf'))->json->{id}), 0,
   'nothing is in it');

my %name = ('../../etc/passwd.pdf' => 'passwd.pdf', 'C:\\a\\b.pdf' => 'b.pdf',
            '/etc/shadow.pdf' => 'shadow.pdf', '<b>.pdf' => '<b>.pdf');

for my $name (sort keys %name) {
    my $res = draft($she, file($pdf, $name));
    my ($file) = $res->code == 200 ? files($she, $res->json->{id}) : ();
    is($file->{name}, $name{$name}, "name $name");
}

is(problem($she->upload('/api/case/draft',
                        [item => $item, note => file($pdf)])),
   '422 bad_type note', 'a file where a text belongs');
is(problem($she->upload('/api/case/draft',
                        [item => $item, scan => file($pdf)])),
   '422 unknown_field scan', 'a file that nobody asked for');

my ($mine) = $stored[0] =~ m{([0-9a-f]{64})$};

for my $file ({ file => $mine, name => 'a.pdf', size => 1,
                type => 'application/pdf', sm3 => $mine }, $mine,
              $files[0]{id}) {
    my $res = client()->post_json('/api/case/draft', {
        item => $item, materials => [{ code => 'M01', file => $file }] });
    is($res->code, 422, 'a file of somebody else is not taken');
}


# bodies that are no such thing

sub multipart {
    my ($body, $type) = @_;

    return problem($she->request('POST', '/api/case/draft', body => $body,
        type => $type // 'multipart/form-data; boundary=a'));
}


my $part = "--a\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\n$item";

is(multipart($part), '400 bad_multipart item', 'cut off');
is(multipart("$part\r\n--a"), '400 bad_multipart', 'without its end');
is(multipart(''), '400 bad_multipart', 'empty');
is(multipart("$part\r\n--a--\r\n", 'multipart/form-data'),
   '400 bad_multipart', 'without a boundary');
is(multipart("--a\r\nContent-Type: text/plain\r\n\r\nx\r\n--a--\r\n"),
   '400 bad_multipart', 'a part without a name');
is(multipart("$part\r\n$part\r\n--a--\r\n"), '400 duplicate_key item',
   'a field twice');
is(multipart("--a\r\nX: " . 'x' x 100_000 . "\r\n\r\n\r\n--a--\r\n"),
   '400 bad_multipart', 'an endless head');
is(multipart("--a\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"
             . "\xff\r\n--a--\r\n"), '400 bad_utf8 note', 'no UTF-8');


# in chunks, and cut off by the client

sub head {
    my $more = shift;

    return "POST /api/case/draft HTTP/1.1\r\nHost: localhost\r\n"
        . 'Cookie: zwfw=' . $she->cookie('zwfw') . "\r\nX-CSRF-Token: "
        . $she->{headers}{'X-CSRF-Token'}
        . "\r\nContent-Type: multipart/form-data; boundary=a\r\n$more\r\n\r\n";
}


sub chunk {
    return sprintf("%x\r\n", length $_[0]) . "$_[0]\r\n";
}


my $begin = "$part\r\n--a\r\nContent-Disposition: form-data; "
    . "name=\"materials.0.code\"\r\n\r\nM01\r\n--a\r\nContent-Disposition: "
    . "form-data; name=\"materials.0.file\"; filename=\"a.pdf\"\r\n\r\n";

$res = $she->exchange('POST', head('Transfer-Encoding: chunked')
    . join('', map { chunk($_) } $begin, ($pdf) x 1000, "\r\n--a--\r\n")
    . "0\r\n\r\n");
is($res->code, 200, 'in chunks');
is((files($she, $res->json->{id}))[0]{size}, 1000 * length $pdf, 'complete');


sub temporary {
    return grep { -f } glob("$folder/tmp/*"),
        glob($node->nginx->dir . '/client_body_temp/*');
}


sub logged {
    open my $in, '<', $node->nginx->dir . '/logs/access.log' or die "$!\n";

    return scalar(() = <$in>);
}


my $before = join ' ', stored();
my $lines = logged();

for my $sent (10, 100_000, 5_000_000) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $node->nginx->port);

    print $sock head('Content-Length: 10000000') . $begin . 'x' x $sent;
    close $sock;
}

Proc::until_true('the end of three', 10, sub { logged() >= $lines + 3 });
Proc::until_true('no temporary files', 10, sub { !temporary() });
is(join(' ', stored()), $before, 'nothing is left of aborted uploads');


# many at once: taken, or put off

my @read = map {
    pipe my $in, my $out or die "pipe() failed: $!\n";
    my $pid = fork() // die "fork() failed: $!\n";

    if ($pid == 0) {
        delete $she->{sock};
        syswrite $out, eval { draft($she, file($pdf . 'x' x 3_000_000))->code }
            // $@;
        POSIX::_exit(0);
    }

    $in;
} 1 .. 8;

my %codes = map { (readline $_) => 1 } @read;
wait for @read;

delete $she->{sock};
delete $codes{503};
is_deeply(\%codes, { 200 => 1 }, 'eight at once');


# a file that was changed on the disk, one that is gone, and no folder

my ($path) = grep { -s == (sort { $a <=> $b } map { -s } @stored)[0] } @stored;
my %size = map { $_->{size} => $_ } @files;
my $file = $size{ (sort { $a <=> $b } keys %size)[0] };

open my $out, '+<:raw', $path or die "$path: $!\n";
seek $out, -40, 2;
print $out 'X' x 8;
close $out;

is(problem($she->get("/api/$file->{path}")), '500 file_damaged',
   'a changed file is not sent');

unlink $path;
$res = $she->get("/api/$file->{path}");
like($res->code, qr/^50[03]$/, 'one that is gone');
is($res->json->{code}, $res->code == 500 ? 'file_damaged' : 'files_away',
   'its code');

rename $folder, "$folder.away" or die "rename $folder: $!\n";
$res = draft($she, file($pdf));
is(problem($res), '503 files_away', 'no folder');
cmp_ok($res->header('Retry-After'), '>', 0, 'later');
is(problem($she->get("/api/$files[0]{path}")), '503 files_away', 'to read');
is(draft($she)->code, 200, 'without files all goes on');
rename "$folder.away", $folder or die "rename $folder: $!\n";
is(draft($she, file($pdf))->code, 200, 'it is back');

my $told = qr/zwfw: (?:a file|file \w+ of \S+) could not be/;

is(join('', $node->nginx->stop(allow => $told)), '',
   'nothing else is critical');

done_testing();
