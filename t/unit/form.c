
/*
 * zwfw_form.h: urlencoded forms as trees, and what is refused
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_form.h"


typedef struct {
    const char  *text;
    const char  *written;
} test_good_t;


typedef struct {
    const char  *text;
    const char  *code;
    const char  *field;
} test_bad_t;


static int test_parse(const char *text, size_t len, zwfw_json_t **root,
    zwfw_json_error_t *error);
static void test_written(zwfw_json_t *json, const char *want,
    const char *name);
static void test_good(void);
static void test_bad(void);
static void test_nul(void);
static void test_name_length(void);
static void test_pairs(void);
static void test_indexes(void);
static void test_values(void);
static void test_memory(void);


static test_good_t  test_goods[] = {
    { "", "{}" },
    { "&&&", "{}" },
    { "a=1", "{\"a\":\"1\"}" },
    { "a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}" },
    { "&a=1&", "{\"a\":\"1\"}" },
    { "a=b=c", "{\"a\":\"b=c\"}" },
    { "a=x+y%2Bz%26%3d", "{\"a\":\"x y+z&=\"}" },
    { "a%2eb=1", "{\"a\":{\"b\":\"1\"}}" },
    { "%e5%a7%93=%E5%BC%A0", "{\"姓\":\"张\"}" },
    { "姓=张", "{\"姓\":\"张\"}" },
    { "a=%0d%0a", "{\"a\":\"\\r\\n\"}" },
    { "a=&b&c=1", "{\"c\":\"1\"}" },
    { "a=&a=&a=1&a=", "{\"a\":\"1\"}" },
    { "m.0.f=&m.5.f=", "{}" },
    { "a.b=x&a.c=y&d=z", "{\"a\":{\"b\":\"x\",\"c\":\"y\"},\"d\":\"z\"}" },
    { "m.0.f=x", "{\"m\":[{\"f\":\"x\"}]}" },
    { "m.0=x&m.1=y", "{\"m\":[\"x\",\"y\"]}" },
    { "m.2.f=c&m.0.f=a&m.1.f=b&m.0.g=d",
      "{\"m\":[{\"f\":\"a\",\"g\":\"d\"},{\"f\":\"b\"},{\"f\":\"c\"}]}" },
    { "a.1.1=d&a.1.0=c&a.0.0=a&a.0.1=b",
      "{\"a\":[[\"a\",\"b\"],[\"c\",\"d\"]]}" },
    { "a.b.c.d.e=1", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":\"1\"}}}}}" },
    { "a.0x=1&a.x0=2&-1=3&a.%ef%bc%90=4",
      "{\"a\":{\"0x\":\"1\",\"x0\":\"2\",\"０\":\"4\"},\"-1\":\"3\"}" }
};


static test_bad_t  test_bads[] = {
    { "=1", "bad_name", "" },
    { ".=1", "bad_name", "." },
    { "a.=1", "bad_name", "a." },
    { ".a=1", "bad_name", ".a" },
    { "a..b=1", "bad_name", "a..b" },
    { "a..b=", "bad_name", "a..b" },
    { "0=1", "bad_name", "0" },
    { "0.a=1", "bad_name", "0.a" },
    { "a.00=1", "bad_name", "a.00" },
    { "a.01=1", "bad_name", "a.01" },
    { "a%0ab=1", "bad_name", "" },
    { "a%7fb=1", "bad_name", "" },
    { "a%c2%85b=1", "bad_name", "" },
    { "a.0=1&a.b=2", "bad_name", "a.b" },
    { "a.b=1&a.0=2", "bad_name", "a.0" },
    { "a.0.x=1&a.b.x=2", "bad_name", "a.b.x" },
    { "a.0.0=1&a.0.b=2", "bad_name", "a.0.b" },

    { "a.1=x", "bad_name", "a.0" },
    { "a.0=x&a.2=y", "bad_name", "a.1" },
    { "a.0=x&a.12=y&a.1=z", "bad_name", "a.2" },
    { "m.0.f.0=x&m.0.f.1=y&m.0.f.3=z", "bad_name", "m.0.f.2" },
    { "m.11.f=x&m.0.f=1&m.1.f=1&m.2.f=1&m.3.f=1&m.4.f=1&m.5.f=1&m.6.f=1"
      "&m.7.f=1&m.8.f=1&m.9.f=1", "bad_name", "m.10" },

    { "a=1&a=1", "duplicate_key", "a" },
    { "a=1&%61=2", "duplicate_key", "a" },
    { "a=1&a.b=2", "duplicate_key", "a.b" },
    { "a=1&a.0=2", "duplicate_key", "a.0" },
    { "a.b=1&a=2", "duplicate_key", "a" },
    { "a.0=1&a=2", "duplicate_key", "a" },
    { "a.0=1&a.0=2", "duplicate_key", "a.0" },
    { "a.0.b=1&a.0.b=2", "duplicate_key", "a.0.b" },
    { "a.0.b=1&a.0=2", "duplicate_key", "a.0" },

    { "a.b.c.d.e.f=1", "too_deep", "a.b.c.d.e.f" },
    { "a.b.c.d.e.f=", "too_deep", "a.b.c.d.e.f" },
    { "a.200=1", "too_many", "a.200" },
    { "a.1000=1", "too_many", "a.1000" },
    { "a.99999999999999999999=1", "too_many", "a.99999999999999999999" },

    { "a=%ff", "bad_utf8", "a" },
    { "a=%c0%80", "bad_utf8", "a" },
    { "a=%ed%a0%80", "bad_utf8", "a" },
    { "a=\xe4\xb8", "bad_utf8", "a" },
    { "%ff=1", "bad_utf8", "" },

    { "a=%", "bad_escape", "a" },
    { "a=%4", "bad_escape", "a" },
    { "a=%zz", "bad_escape", "a" },
    { "a=%4z", "bad_escape", "a" },
    { "a=%z4", "bad_escape", "a" },
    { "a=%-1", "bad_escape", "a" },
    { "a=%00", "bad_escape", "a" },
    { "%zz=1", "bad_escape", "" },
    { "%00=1", "bad_escape", "" },
    { "%ff=%zz", "bad_escape", "" },
    { "a=1&b=%4&c=2", "bad_escape", "b" }
};


int
main(void)
{
    test_good();
    test_bad();
    test_nul();
    test_name_length();
    test_pairs();
    test_indexes();
    test_values();
    test_memory();

    return tap_done();
}


static int
test_parse(const char *text, size_t len, zwfw_json_t **root,
    zwfw_json_error_t *error)
{
    int            rc;
    zwfw_str_t     s;
    unsigned char  before[256];

    memset(error, 0, sizeof(zwfw_json_error_t));

    *root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    if (*root == NULL) {
        return ZWFW_ERROR;
    }

    s = tap_copy(text, len);
    memcpy(before, text, len < 256 ? len : 256);

    rc = zwfw_form_parse(tap_mem, s.data, s.len, *root, error);

    /* what was parsed is const */

    if (memcmp(before, s.data, len < 256 ? len : 256) != 0) {
        tap_ok(0, "the text is left as it was");
    }

    return rc;
}


static void
test_written(zwfw_json_t *json, const char *want, const char *name)
{
    zwfw_str_t  s;

    s.len = zwfw_json_size(json);
    s.data = tap_mem->alloc(tap_mem->pool, s.len);
    zwfw_json_write(s.data, json);

    tap_is(s.data, s.len, want, name);
}


static void
test_good(void)
{
    int                 rc;
    size_t              i;
    test_good_t        *t;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_goods) / sizeof(test_goods[0]); i++) {
        t = &test_goods[i];

        rc = test_parse(t->text, strlen(t->text), &root, &error);

        tap_ok(rc == ZWFW_OK, "good form %zu is read", i);
        test_written(root, t->written, t->text);

        tap_mem_reset(TAP_MEM_ALL);
    }
}


static void
test_bad(void)
{
    int                 rc;
    char                name[64];
    size_t              i;
    test_bad_t         *t;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_bads) / sizeof(test_bads[0]); i++) {
        t = &test_bads[i];

        rc = test_parse(t->text, strlen(t->text), &root, &error);

        tap_ok(rc == ZWFW_DECLINED, "bad form %zu is refused", i);

        snprintf(name, sizeof(name), "bad form %zu: its code", i);
        tap_code(error.code, t->code, name);

        snprintf(name, sizeof(name), "bad form %zu: its field", i);
        tap_is(error.field.data, error.field.len, t->field, name);

        tap_mem_reset(TAP_MEM_ALL);
    }
}


static void
test_nul(void)
{
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    tap_ok(test_parse("a=x\0y", 5, &root, &error) == ZWFW_DECLINED,
           "a zero byte in a value is refused");
    tap_code(error.code, "bad_character", "zero byte in a value: its code");
    tap_is(error.field.data, error.field.len, "a", "zero byte: its field");

    tap_ok(test_parse("a\0b=x", 5, &root, &error) == ZWFW_DECLINED,
           "a zero byte in a name is refused");
    tap_code(error.code, "bad_character", "zero byte in a name: its code");
    tap_is(error.field.data, error.field.len, "", "zero byte: no field");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_name_length(void)
{
    char                text[256];
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    memset(text, 'n', sizeof(text));

    memcpy(text + ZWFW_FORM_NAME, "=1", 2);
    tap_ok(test_parse(text, ZWFW_FORM_NAME + 2, &root, &error) == ZWFW_OK,
           "a name of %d bytes", ZWFW_FORM_NAME);

    memcpy(text + ZWFW_FORM_NAME, "n=1", 3);
    tap_ok(test_parse(text, ZWFW_FORM_NAME + 3, &root, &error)
           == ZWFW_DECLINED, "a name of one byte more");
    tap_code(error.code, "bad_name", "a long name: its code");

    tap_mem_reset(TAP_MEM_ALL);
}


/* empty pairs count as well */

static void
test_pairs(void)
{
    char                text[16384], *p;
    unsigned            n;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    p = text;

    for (n = 0; n < ZWFW_FORM_PAIRS; n++) {
        p += sprintf(p, "k%u=%s&", n, n % 2 ? "v" : "");
    }

    tap_ok(test_parse(text, p - text, &root, &error) == ZWFW_OK,
           "%d pairs", ZWFW_FORM_PAIRS);
    tap_ok(root->count == ZWFW_FORM_PAIRS / 2, "of which half are empty");

    p += sprintf(p, "k=");
    tap_ok(test_parse(text, p - text, &root, &error) == ZWFW_DECLINED,
           "one pair more");
    tap_code(error.code, "too_many", "one pair more: its code");

    tap_mem_reset(TAP_MEM_ALL);
}


/* all of them, backwards */

static void
test_indexes(void)
{
    int                 n;
    char                text[16384], *p;
    zwfw_json_t        *root, *v;
    zwfw_json_error_t   error;

    p = text;

    for (n = ZWFW_FORM_INDEX - 1; n >= 0; n--) {
        p += sprintf(p, "l.%d.v=%d&", n, n);
    }

    tap_ok(test_parse(text, p - text, &root, &error) == ZWFW_OK,
           "%d indexes, the last one first", ZWFW_FORM_INDEX);

    v = zwfw_json_find(root, "l.0.v", 5);
    tap_is(v->value.data, v->value.len, "0", "the first one");
    v = zwfw_json_find(root, "l.199.v", 7);
    tap_is(v->value.data, v->value.len, "199", "the last one");

    tap_mem_reset(TAP_MEM_ALL);
}


/* objects that core makes of uploads are values: no name reaches into them */

static void
test_values(void)
{
    int                 rc;
    zwfw_str_t          name, text;
    zwfw_json_t        *root, *file, *value;
    zwfw_json_error_t   error;

    memset(&error, 0, sizeof(zwfw_json_error_t));

    root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    file = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    text = tap_str("x");
    zwfw_json_add(tap_mem, file, "sm3", ZWFW_JSON_STRING, &text);

    name = tap_str("m.0.file");
    rc = zwfw_form_put(tap_mem, root, &name, file, &error);
    tap_ok(rc == ZWFW_OK, "an object as a value");

    value = zwfw_json_new(tap_mem, ZWFW_JSON_STRING, &text);

    name = tap_str("m.0.file.name");
    rc = zwfw_form_put(tap_mem, root, &name, value, &error);
    tap_ok(rc == ZWFW_DECLINED, "a name does not reach into it");
    tap_code(error.code, "duplicate_key", "a name into it: its code");

    name = tap_str("m.0.file");
    rc = zwfw_form_put(tap_mem, root, &name, value, &error);
    tap_ok(rc == ZWFW_DECLINED, "nor does it replace it");
    tap_code(error.code, "duplicate_key", "to replace it: its code");

    name = tap_str("note");
    rc = zwfw_form_put(tap_mem, root, &name, value, &error);
    tap_ok(rc == ZWFW_OK, "another value");

    name.data[0] = 'X';
    text.data[0] = 'Y';

    tap_ok(zwfw_form_done(root, &error) == ZWFW_OK, "done");
    test_written(root, "{\"m\":[{\"file\":{\"sm3\":\"Y\"}}],\"note\":\"x\"}",
                 "names and values were copied");
    tap_ok(zwfw_json_find(root, "m.0.file", 8)->value.len != 0,
           "the object is marked as core's own");
    tap_ok(zwfw_json_find(root, "m.0", 3)->value.len == 0
           && root->value.len == 0, "objects that names made are not");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_memory(void)
{
    static const char  text[] = "a.b=x&m.1.f=y&m.0.f=z";

    int                 rc;
    unsigned            n, wrong;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    wrong = 0;

    for (n = 0; n < 100; n++) {
        tap_mem_reset(n);
        rc = test_parse(text, sizeof(text) - 1, &root, &error);

        if (rc == ZWFW_OK) {
            break;
        }

        wrong += (rc != ZWFW_ERROR);
    }

    tap_ok(wrong == 0 && n > 10 && n < 100,
           "out of memory at each of %u allocations", n);

    tap_mem_reset(TAP_MEM_ALL);
}
