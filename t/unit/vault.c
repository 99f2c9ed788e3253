
/*
 * zwfw_vault.h: files at rest, what changes to them are found, what is removed
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "zwfw_vault.h"
#include "zwfw_vault_crypt.h"


#define TEST_MOST  200001


static void test_vault(zwfw_vault_t *v, unsigned nkeys);
static int test_store(zwfw_vault_t *v, size_t len, char *address);
static int test_read(zwfw_vault_t *v, const char *address, size_t len);
static void test_path(const char *address, char *path);
static unsigned test_files(void);
static void test_flip(const char *address, off_t offset);
static void test_age(const char *path, time_t age);
static void test_sizes(void);
static void test_equal(void);
static void test_sm3(void);
static void test_secret(void);
static void test_changes(void);
static void test_swap(void);
static void test_keys(void);
static int test_roll_one(zwfw_vault_t *v, const char *address, int *rolled);
static void test_roll(void);
static void test_roll_refused(void);
static void test_away(void);
static void test_dropped(void);
static void test_addresses(void);
static void test_scan(void);
static void test_remove(void);
static void test_clean(void);


static char           test_folder[64];
static unsigned char  test_content[TEST_MOST];

static unsigned char  test_seals[3][16] = { "first seal 12345",
                                            "second seal 1234" };
static unsigned char  test_macs[3][32] = {
    "first mac key of thirty-two byt", "second mac key of thirty-two by" };
static unsigned char  test_index[32] = "index key of all the platforms.";

static zwfw_vault_key_t  test_vault_keys[2] = {
    { 1, test_seals[0], test_macs[0] },
    { 7, test_seals[1], test_macs[1] }
};


int
main(void)
{
    char    command[128];
    size_t  i;

    for (i = 0; i < TEST_MOST; i++) {
        test_content[i] = (unsigned char) (i * 7 + i / 251);
    }

    snprintf(test_folder, sizeof(test_folder), "/tmp/zwfw-vault-XXXXXX");

    if (mkdtemp(test_folder) == NULL) {
        printf("Bail out!  no folder\n");
        return 1;
    }

    strcat(test_folder, "/");

    test_sizes();
    test_equal();
    test_sm3();
    test_secret();
    test_changes();
    test_swap();
    test_keys();
    test_roll();
    test_roll_refused();
    test_away();
    test_dropped();
    test_addresses();
    test_scan();
    test_remove();
    test_clean();

    snprintf(command, sizeof(command), "rm -rf %s", test_folder);

    if (system(command) != 0) {
        printf("# %s is left\n", test_folder);
    }

    return tap_done();
}


static void
test_vault(zwfw_vault_t *v, unsigned nkeys)
{
    memset(v, 0, sizeof(zwfw_vault_t));

    v->folder = test_folder;
    v->index = test_index;
    v->keys = test_vault_keys;
    v->nkeys = nkeys;
}


static int
test_store(zwfw_vault_t *v, size_t len, char *address)
{
    int                rc;
    size_t             done, n;
    zwfw_vault_file_t  f;

    rc = zwfw_vault_enter(v);

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_create(v, &f);

        /* in pieces of odd lengths */

        for (done = 0, n = 1; rc == ZWFW_OK && done < len; done += n) {
            n = (2 * n + 1 < len - done) ? 2 * n + 1 : len - done;
            rc = zwfw_vault_write(&f, test_content + done, n);
        }

        if (rc == ZWFW_OK) {
            rc = zwfw_vault_finish(&f);
        }

        if (rc == ZWFW_OK) {
            rc = zwfw_vault_keep(&f);
            memcpy(address, f.address, sizeof(f.address));
        }

        zwfw_vault_drop(&f);
    }

    zwfw_vault_leave(v);

    return rc;
}


/* 1: the content is what was stored; 0: another; or what open() returned */

static int
test_read(zwfw_vault_t *v, const char *address, size_t len)
{
    int                   rc, same;
    size_t                n;
    zwfw_vault_file_t     f;
    static unsigned char  buf[TEST_MOST];

    rc = zwfw_vault_enter(v);

    if (rc != ZWFW_OK) {
        zwfw_vault_leave(v);
        return rc;
    }

    rc = zwfw_vault_open(v, address, &f);
    zwfw_vault_leave(v);

    same = (f.size == len);

    while (rc == ZWFW_OK && same && f.done < f.size) {
        n = (f.size - f.done < 10007) ? f.size - f.done : 10007;
        rc = zwfw_vault_read(&f, buf + f.done, n);
    }

    zwfw_vault_close(&f);

    if (rc != ZWFW_OK) {
        return rc;
    }

    return same && memcmp(buf, test_content, len) == 0;
}


static void
test_path(const char *address, char *path)
{
    memcpy(path, test_folder, strlen(test_folder) + 1);
    zwfw_vault_path(address, path + strlen(test_folder));
}


/* how many there are, beside the vault as well */

static unsigned
test_files(void)
{
    char      command[128];
    FILE     *pipe;
    unsigned  n;

    snprintf(command, sizeof(command), "find %s -type f | wc -l",
             test_folder);

    n = 1000000;
    pipe = popen(command, "r");

    if (pipe == NULL || fscanf(pipe, "%u", &n) != 1) {
        n = 1000000;
    }

    pclose(pipe);

    return n;
}


static void
test_flip(const char *address, off_t offset)
{
    int            fd;
    char           path[256];
    unsigned char  c;

    test_path(address, path);

    fd = open(path, O_RDWR);

    if (pread(fd, &c, 1, offset) != 1) {
        printf("Bail out!  pread\n");
        exit(1);
    }

    c ^= 1;

    if (pwrite(fd, &c, 1, offset) != 1) {
        printf("Bail out!  pwrite\n");
        exit(1);
    }

    close(fd);
}


static void
test_age(const char *path, time_t age)
{
    struct timespec  times[2];

    memset(times, 0, sizeof(times));

    times[0].tv_sec = time(NULL) - age;
    times[1].tv_sec = times[0].tv_sec;

    if (utimensat(AT_FDCWD, path, times, 0) == -1) {
        printf("Bail out!  utimensat\n");
        exit(1);
    }
}


static void
test_sizes(void)
{
    char          address[65], path[256];
    size_t        i;
    struct stat   st;
    zwfw_vault_t  v;

    static size_t  sizes[] = { 1, 15, 16, 17, 65535, 65536, 65537, 131072,
                               TEST_MOST };

    test_vault(&v, 1);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        tap_ok(test_store(&v, sizes[i], address) == ZWFW_OK
               && test_read(&v, address, sizes[i]) == 1,
               "%zu bytes come back", sizes[i]);
    }

    test_path(address, path);
    tap_ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600
           && st.st_size == ZWFW_VAULT_HEADER + TEST_MOST,
           "a file is as long as its content and the header");

    tap_ok(test_files() == sizeof(sizes) / sizeof(sizes[0]),
           "nothing is left beside them");
}


static void
test_equal(void)
{
    char          one[65], two[65];
    unsigned      n;
    zwfw_vault_t  v;

    test_vault(&v, 1);
    test_store(&v, 4711, one);
    n = test_files();

    test_vault(&v, 2);
    test_store(&v, 4711, two);

    tap_ok(strcmp(one, two) == 0 && test_files() == n,
           "equal content is stored once, under a newer key as well");
    tap_ok(test_read(&v, two, 4711) == 1, "and can be read");
}


static void
test_sm3(void)
{
    zwfw_vault_t       v;
    zwfw_vault_file_t  f;

    test_vault(&v, 1);
    zwfw_vault_enter(&v);
    zwfw_vault_create(&v, &f);
    zwfw_vault_write(&f, (unsigned char *) "abc", 3);
    zwfw_vault_finish(&f);

    tap_is(f.sm3, 64,
           "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
           "the digest is SM3");
    tap_ok(strcmp(f.sm3, f.address) != 0 && f.size == 3,
           "and is not the name");

    zwfw_vault_drop(&f);
    zwfw_vault_leave(&v);
}


static void
test_secret(void)
{
    int                   fd;
    char                  address[65], path[256];
    ssize_t               n;
    zwfw_vault_t          v;
    static unsigned char  one[70000], two[70000];

    test_vault(&v, 1);

    test_store(&v, 60000, address);
    test_path(address, path);
    fd = open(path, O_RDONLY);
    n = read(fd, one, sizeof(one));
    close(fd);

    tap_ok(n == 60000 + ZWFW_VAULT_HEADER
           && memmem(one, n, test_content + 1000, 16) == NULL,
           "content is not on the disk");

    test_store(&v, 60000, address);
    fd = open(path, O_RDONLY);
    n = read(fd, two, sizeof(two));
    close(fd);

    tap_ok(memcmp(one + ZWFW_VAULT_HEADER, two + ZWFW_VAULT_HEADER, 64) != 0,
           "each file has a key of its own");

    /* bytes 16 to 31 of a header */

    tap_ok(memcmp(one + 16, two + 16, 16) != 0,
           "which is wrapped with a nonce of its own");
}


static void
test_changes(void)
{
    int            fd;
    char           address[65], path[256];
    off_t          at;
    unsigned       found, tried;
    zwfw_vault_t   v;

    test_vault(&v, 1);
    test_store(&v, 100, address);

    found = 0;
    tried = 0;

    for (at = 0; at < ZWFW_VAULT_HEADER + 100; at++) {
        test_flip(address, at);
        tried++;
        found += (test_read(&v, address, 100) == ZWFW_DECLINED
                  && v.error == 0 && v.what);
        test_flip(address, at);
    }

    tap_ok(found == tried && test_read(&v, address, 100) == 1,
           "a change of any byte is found");

    test_store(&v, TEST_MOST, address);
    test_flip(address, ZWFW_VAULT_HEADER + TEST_MOST - 1);
    tap_ok(test_read(&v, address, TEST_MOST) == ZWFW_DECLINED,
           "the last one of a long file, too");

    test_store(&v, 100, address);
    test_path(address, path);

    fd = open(path, O_WRONLY|O_APPEND);
    found = write(fd, "x", 1);
    close(fd);
    tap_ok(found == 1 && test_read(&v, address, 100) == ZWFW_DECLINED,
           "a byte more is found");

    tap_ok(truncate(path, ZWFW_VAULT_HEADER + 99) == 0
           && test_read(&v, address, 100) == ZWFW_DECLINED,
           "a byte less is found");

    tap_ok(truncate(path, 20) == 0
           && test_read(&v, address, 100) == ZWFW_DECLINED,
           "a part of a header is found");
}


static void
test_swap(void)
{
    char          one[65], two[65], from[256], to[256];
    zwfw_vault_t  v;

    test_vault(&v, 1);
    test_store(&v, 300, one);
    test_store(&v, 301, two);
    test_path(one, from);
    test_path(two, to);

    tap_ok(rename(from, to) == 0 && test_read(&v, two, 300) == ZWFW_DECLINED,
           "a file does not pass for another one");
}


static void
test_keys(void)
{
    char              old[65], new[65];
    zwfw_vault_t      v;
    zwfw_vault_key_t  other;

    test_vault(&v, 1);
    test_store(&v, 500, old);
    test_vault(&v, 2);
    test_store(&v, 501, new);

    tap_ok(test_read(&v, old, 500) == 1 && test_read(&v, new, 501) == 1,
           "files of an old and of the newest key are read");

    test_vault(&v, 1);
    tap_ok(test_read(&v, new, 501) == ZWFW_DECLINED && v.error == 0,
           "without its key a file is refused");

    other = test_vault_keys[1];
    other.number = 1;
    v.keys = &other;
    tap_ok(test_read(&v, old, 500) == ZWFW_DECLINED,
           "and with another one of its number");
}


static int
test_roll_one(zwfw_vault_t *v, const char *address, int *rolled)
{
    int  rc;

    rc = zwfw_vault_enter(v);

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_roll(v, address, rolled);
    }

    zwfw_vault_leave(v);

    return rc;
}


/* the content is longer than the buffer, so that it is copied in pieces */

static void
test_roll(void)
{
    int                rolled, rc;
    char               one[65], gone[65];
    unsigned           before;
    zwfw_vault_t       v, reader;
    zwfw_vault_file_t  f;

    test_vault(&v, 1);
    test_store(&v, 200000, one);
    before = test_files();

    /* a reader that has begun */

    test_vault(&reader, 1);
    zwfw_vault_enter(&reader);
    rc = zwfw_vault_open(&reader, one, &f);

    test_vault(&v, 2);
    tap_ok(rc == ZWFW_OK && test_roll_one(&v, one, &rolled) == ZWFW_OK
           && rolled == 1, "a file comes under the newest key");
    tap_ok(zwfw_vault_read(&f, reader.buffer, 60000) == ZWFW_OK
           && memcmp(reader.buffer, test_content, 60000) == 0,
           "who reads it reads on");

    zwfw_vault_close(&f);
    zwfw_vault_leave(&reader);

    tap_ok(test_files() == before, "there is no file more");

    v.keys = &test_vault_keys[1];
    v.nkeys = 1;
    tap_ok(test_read(&v, one, 200000) == 1, "it is read without the old key");

    test_vault(&v, 1);
    tap_ok(test_read(&v, one, 200000) == ZWFW_DECLINED && v.nokey,
           "and not with the old one");

    test_vault(&v, 2);
    tap_ok(test_roll_one(&v, one, &rolled) == ZWFW_OK && rolled == 0,
           "once is enough");

    test_vault(&v, 1);
    tap_ok(test_roll_one(&v, one, &rolled) == ZWFW_OK && rolled == 0,
           "it never comes under an older key");

    memset(gone, 'a', 64);
    gone[64] = '\0';
    tap_ok(test_roll_one(&v, gone, &rolled) == ZWFW_OK && rolled == 0,
           "one that is gone is passed over");
}


static void
test_roll_refused(void)
{
    int                rolled;
    char               one[65];
    unsigned           before;
    zwfw_vault_t       v;

    test_vault(&v, 1);
    test_store(&v, 70000, one);
    before = test_files();

    v.keys = &test_vault_keys[1];
    tap_ok(test_roll_one(&v, one, &rolled) == ZWFW_DECLINED && v.nokey
           && rolled == 0, "without its key a file stays as it is");

    test_flip(one, 40);
    test_vault(&v, 2);
    tap_ok(test_roll_one(&v, one, &rolled) == ZWFW_DECLINED && rolled == 0,
           "so does one that was changed");

    test_flip(one, 40);
    test_flip(one, 60000);
    tap_ok(test_roll_one(&v, one, &rolled) == ZWFW_OK && rolled == 1
           && test_read(&v, one, 70000) == ZWFW_DECLINED,
           "a change of the content is not covered up");
    tap_ok(test_files() == before, "nothing is left beside the vault");
}


static void
test_away(void)
{
    char          address[65];
    zwfw_vault_t  v;

    test_vault(&v, 1);

    memset(address, 'a', 64);
    address[64] = '\0';
    tap_ok(test_read(&v, address, 1) == ZWFW_DECLINED && v.error == ENOENT,
           "a file that is not there");

    v.folder = "/tmp/zwfw-there-is-no-such-folder/";
    tap_ok(test_store(&v, 10, address) == ZWFW_DECLINED
           && v.error == ENOENT && v.what,
           "a folder that is not there is not made");
    tap_ok(test_read(&v, address, 1) == ZWFW_DECLINED && v.error == ENOENT,
           "nor read from");
}


static void
test_dropped(void)
{
    unsigned           n;
    zwfw_vault_t       v;
    zwfw_vault_file_t  f;

    n = test_files();

    test_vault(&v, 1);
    zwfw_vault_enter(&v);

    zwfw_vault_create(&v, &f);
    zwfw_vault_write(&f, test_content, 100000);
    zwfw_vault_drop(&f);
    tap_ok(test_files() == n, "an unfinished file is dropped");

    zwfw_vault_create(&v, &f);
    zwfw_vault_write(&f, test_content, 77);
    zwfw_vault_finish(&f);
    tap_ok(test_files() == n + 1, "a finished one is there");
    zwfw_vault_drop(&f);
    zwfw_vault_drop(&f);
    tap_ok(test_files() == n, "and is dropped unless it is kept");

    zwfw_vault_leave(&v);
    zwfw_vault_leave(&v);
}


static void
test_addresses(void)
{
    size_t        i;
    zwfw_vault_t  v;

    static const char  *bad[] = {
        "", "abc", "../../../../../../../../../../../../../../etc/passwd"
                   "aaaaaaaaaaaa",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };

    test_vault(&v, 1);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tap_ok(test_read(&v, bad[i], 1) == ZWFW_DECLINED && v.error == 0,
               "\"%s\" is no address", bad[i]);
    }
}


static void
test_scan(void)
{
    char               address[65], path[256];
    unsigned           n, most, turns;
    zwfw_vault_t       v;
    zwfw_vault_scan_t  s;

    test_vault(&v, 1);

    for (n = 0; n < 20; n++) {
        test_store(&v, 1000 + n, address);
        test_path(address, path);
        test_age(path, 90000);
    }

    for (most = 1; most < 100; most *= 7) {
        memset(&s, 0, sizeof(s));
        s.before = time(NULL) - 86400;

        zwfw_vault_enter(&v);
        n = 0;
        turns = 0;

        do {
            if (zwfw_vault_scan(&v, &s, most) != ZWFW_OK) {
                break;
            }

            n += s.count;
            turns++;
        } while (s.count);

        zwfw_vault_leave(&v);
        zwfw_vault_scan_free(&s);

        tap_ok(n == 20 && turns >= 20 / most,
               "the old ones are found, %u at a time", most);
    }
}


static void
test_remove(void)
{
    char          address[65], path[256];
    time_t        before;
    unsigned      n;
    zwfw_vault_t  v;

    before = time(NULL) - 86400;

    test_vault(&v, 1);
    test_store(&v, 2000, address);
    test_path(address, path);
    n = test_files();

    zwfw_vault_enter(&v);
    tap_ok(zwfw_vault_remove(&v, address, before) == ZWFW_OK
           && test_files() == n, "a young file stays");
    zwfw_vault_leave(&v);

    test_age(path, 90000);
    test_store(&v, 2000, address);

    zwfw_vault_enter(&v);
    tap_ok(zwfw_vault_remove(&v, address, before) == ZWFW_OK
           && test_files() == n, "an old one is young when it comes again");

    test_age(path, 90000);
    tap_ok(zwfw_vault_remove(&v, address, before) == ZWFW_OK
           && test_files() == n - 1, "an old one goes");
    tap_ok(zwfw_vault_remove(&v, address, before) == ZWFW_OK,
           "one that is gone already is no error");
    zwfw_vault_leave(&v);
}


static void
test_clean(void)
{
    char               path[256];
    unsigned           n;
    zwfw_vault_t       v;
    zwfw_vault_file_t  old, new;

    n = test_files();

    test_vault(&v, 1);
    zwfw_vault_enter(&v);
    zwfw_vault_create(&v, &old);
    zwfw_vault_create(&v, &new);

    snprintf(path, sizeof(path), "%s%s", test_folder, old.temp);
    test_age(path, 90000);

    tap_ok(zwfw_vault_clean(&v, time(NULL) - 86400) == ZWFW_OK
           && test_files() == n + 1,
           "what an upload left behind goes, one that runs stays");

    zwfw_vault_drop(&old);
    zwfw_vault_drop(&new);
    zwfw_vault_leave(&v);
}
