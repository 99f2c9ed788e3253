
/*
 * zwfw_record.h: flat objects as we write them, and no others
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_record.h"


typedef struct {
    const char  *text;
    const char  *uid;
    const char  *name;
    const char  *level;
} test_read_t;


static int test_read(zwfw_str_t text, zwfw_str_t values[3]);
static void test_reads(void);
static void test_declined(void);
static void test_any_end(void);
static void test_many(void);


static test_read_t  test_good[] = {
    { "{\"uid\":\"u\",\"name\":\"n\",\"level\":3}", "u", "n", "3" },
    { "{\"level\":0,\"name\":\"\",\"uid\":\"\"}", "", "", "0" },
    { "{\"uid\":\"李明\"}", "李明", "-", "-" },
    { "{\"x\":\"y\",\"level\":999999999999999}", "-", "-", "999999999999999" },
    { "{\"ui\":\"a\",\"uids\":\"b\",\"\":\"c\",\"z\":1}", "-", "-", "-" },
    { "{\"name\":\"{a:1,b}\",\"uid\":\"<\"}", "<", "{a:1,b}", "-" }
};


static const char  *test_bad[] = {
    "", "{", "}", "{}", "[]", "\"a\"", "1", "{\"uid\"}", "{\"uid\":}",
    "{\"uid\":\"a\"", "{\"uid\":\"a\",}", "{\"uid\":\"a\"}}", "{\"uid\":\"a}",
    "{\"uid\":\"a\"} ", " {\"uid\":\"a\"}", "{ \"uid\":\"a\"}",
    "{\"uid\" :\"a\"}", "{\"uid\": \"a\"}", "{\"uid\":\"a\" }",
    "{\"uid\":\"a\";\"name\":\"b\"}", "{uid:\"a\"}", "{\"uid\":'a'}",
    "{\"uid\":\"a\\n\"}", "{\"ui\\u0064\":\"a\"}", "{\"uid\":\"a\tb\"}",
    "{\"uid\":\"\xff\"}", "{\"uid\":\"\xe6\x9d\"}", "{\"x\":\"\xc0\x80\"}",
    "{\"uid\":1}", "{\"level\":\"1\"}", "{\"level\":-1}", "{\"level\":1.0}",
    "{\"level\":01}", "{\"level\":1e3}", "{\"level\":1000000000000000}",
    "{\"level\":null}", "{\"uid\":null}", "{\"uid\":true}", "{\"x\":null}",
    "{\"uid\":{}}", "{\"uid\":[\"a\"]}", "{\"x\":{\"uid\":\"a\"}}",
    "{\"uid\":\"a\",\"uid\":\"a\"}", "{\"x\":1,\"y\":2,\"x\":1}"
};


int
main(void)
{
    test_reads();
    test_declined();
    test_any_end();
    test_many();

    return tap_done();
}


static int
test_read(zwfw_str_t text, zwfw_str_t values[3])
{
    size_t         i;
    zwfw_member_t  members[] = {
        { "uid", 0, &values[0] },
        { "name", 0, &values[1] },
        { "level", 1, &values[2] }
    };

    for (i = 0; i < 3; i++) {
        values[i].data = (unsigned char *) "-";
        values[i].len = 1;
    }

    return zwfw_record_read(text.data, text.len, members, 3);
}


static void
test_reads(void)
{
    size_t        i;
    test_read_t  *t;
    zwfw_str_t    values[3];

    for (i = 0; i < sizeof(test_good) / sizeof(test_good[0]); i++) {
        t = &test_good[i];

        tap_ok(test_read(tap_str(t->text), values) == ZWFW_OK, "%s", t->text);
        tap_is(values[0].data, values[0].len, t->uid, "uid");
        tap_is(values[1].data, values[1].len, t->name, "name");
        tap_is(values[2].data, values[2].len, t->level, "level");
    }
}


static void
test_declined(void)
{
    size_t      i;
    zwfw_str_t  values[3];

    for (i = 0; i < sizeof(test_bad) / sizeof(test_bad[0]); i++) {
        tap_ok(test_read(tap_str(test_bad[i]), values) == ZWFW_DECLINED,
               "declined: %s", test_bad[i]);
    }

    tap_ok(test_read(tap_copy("{\"uid\":\"a\0b\"}", 13), values)
           == ZWFW_DECLINED, "declined: a zero");
}


/* each beginning of a text is read to its end and no further */

static void
test_any_end(void)
{
    size_t      i, len;
    unsigned    n;
    zwfw_str_t  values[3];

    static const char  text[] = "{\"uid\":\"\xe6\x9d\x8e\",\"level\":12}";

    len = sizeof(text) - 1;
    n = 0;

    for (i = 0; i <= len; i++) {
        n += (test_read(tap_copy(text, i), values) == ZWFW_OK);
    }

    tap_ok(n == 1, "none but the whole text: %u", n);
}


static void
test_many(void)
{
    char        *p, text[512];
    unsigned     n;
    zwfw_str_t   values[3];

    p = text;

    for (n = 0; n < 33; n++) {
        p += sprintf(p, "%c\"m%u\":%u", n ? ',' : '{', n, n);

        if (n == 31) {
            strcpy(p, "}");
            tap_ok(test_read(tap_str(text), values) == ZWFW_OK, "32 members");
        }
    }

    strcpy(p, "}");
    tap_ok(test_read(tap_str(text), values) == ZWFW_DECLINED, "33 members");
}
