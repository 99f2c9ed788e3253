
/*
 * zwfw_json.h: what is read, what is refused and where, what is written
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_json.h"


typedef struct {
    const char  *text;
    const char  *written;
} test_good_t;


typedef struct {
    const char  *text;
    const char  *code;
    const char  *field;
} test_bad_t;


static int test_parse(const char *text, size_t len,
    const zwfw_json_limits_t *limits, zwfw_json_t **json,
    zwfw_json_error_t *error);
static void test_good(void);
static void test_bad(void);
static void test_nul(void);
static void test_limits(void);
static void test_limit(const char *good, const char *bad, const char *code);
static void test_keys(void);
static void test_field_length(void);
static void test_memory(void);
static void test_prefixes(void);
static void test_tree(void);
static void test_write(void);
static void test_written(zwfw_json_t *json, const char *want,
    const char *name);


static zwfw_json_limits_t  test_wide = { 16, 1000, 500, 400 };
static zwfw_json_limits_t  test_small = { 3, 10, 4, 20 };


static test_good_t  test_goods[] = {
    { "{}", NULL },
    { "[]", NULL },
    { "null", NULL },
    { "true", NULL },
    { "false", NULL },
    { "0", NULL },
    { "-0", NULL },
    { "\"\"", NULL },
    { " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", "{\"a\":[1,2]}" },
    { "{\"a\":{\"b\":[null,true,false,\"x\",-1.5e+3]}}", NULL },
    { "{\"\":1,\"a\":2,\"A\":3}", NULL },
    { "\"\\u4e2d\\u6587\"", "\"中文\"" },
    { "\"\\uD83D\\uDe00\"", "\"😀\"" },
    { "\"\\ud83d\\udc00\\udbff\\udfff\"", "\"🐀\xf4\x8f\xbf\xbf\"" },
    { "\"\\\\ud800\"", NULL },
    { "\"\\\\\\\\u0000\"", NULL },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"",
      "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\"" },
    { "\"\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80\x7f\"", NULL },
    { "9007199254740992", NULL },
    { "-9007199254740992", NULL },
    { "9999999999999999.5", NULL },
    { "1e308", NULL },
    { "1.7976931348623157e308", NULL },
    { "1e-400", NULL },
    { "0e0", NULL },
    { "1E0000000000000000000000000001", NULL }
};


static test_bad_t  test_bads[] = {
    { "", "bad_json", "" },
    { " ", "bad_json", "" },
    { "{", "bad_json", "" },
    { "}", "bad_json", "" },
    { "[", "bad_json", "" },
    { "[1", "bad_json", "" },
    { "[1,]", "bad_json", "" },
    { "[,1]", "bad_json", "" },
    { "{\"a\"}", "bad_json", "" },
    { "{\"a\":}", "bad_json", "" },
    { "{\"a\":1,}", "bad_json", "" },
    { "{a:1}", "bad_json", "" },
    { "{'a':1}", "bad_json", "" },
    { "{\"a\":1]", "bad_json", "" },
    { "{1:1}", "bad_json", "" },
    { "tru", "bad_json", "" },
    { "nulll", "bad_json", "" },
    { "True", "bad_json", "" },
    { "NaN", "bad_json", "" },
    { "Infinity", "bad_json", "" },
    { "01", "bad_json", "" },
    { "+1", "bad_json", "" },
    { "1.", "bad_json", "" },
    { ".5", "bad_json", "" },
    { "1e", "bad_json", "" },
    { "-", "bad_json", "" },
    { "0x10", "bad_json", "" },
    { "{}{}", "bad_json", "" },
    { "{} x", "bad_json", "" },
    { "{}\"", "bad_json", "" },
    { "{}\"a\"", "bad_json", "" },
    { "{}\"a\\\"", "bad_json", "" },
    { "1 2", "bad_json", "" },
    { "{} 1", "bad_json", "" },
    { "{} -", "bad_json", "" },
    { "\"a", "bad_json", "" },
    { "\"a\\\"", "bad_json", "" },
    { "\"\\x\"", "bad_json", "" },
    { "\"\\u12g4\"", "bad_json", "" },
    { "\"\\u12", "bad_json", "" },
    { "\"\\", "bad_json", "" },
    { "\\u0061", "bad_json", "" },
    { "\"a\nb\"", "bad_json", "" },
    { "\"a\x1f" "b\"", "bad_json", "" },
    { "\v{}", "bad_json", "" },
    { "{}\f", "bad_json", "" },
    { "[\x01]", "bad_json", "" },
    { "\"\v\"", "bad_json", "" },
    { "/* */{}", "bad_json", "" },
    { "{} // x", "bad_json", "" },
    { "{} /", "bad_json", "" },
    { "{} /*", "bad_json", "" },
    { "[1/**/]", "bad_json", "" },
    { "\xef\xbb\xbf{}", "bad_json", "" },
    { "\xc2\xa0{}", "bad_json", "" },

    { "{\"a\":\"\xff\"}", "bad_utf8", "a" },
    { "{\"a\":[1,\"\xc0\x80\"]}", "bad_utf8", "a.1" },
    { "{\"a\":\"\xc1\xbf\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xe0\x9f\xbf\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xed\xa0\x80\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xf0\x8f\xbf\xbf\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xf4\x90\x80\x80\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xf5\x80\x80\x80\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xe4\xb8\"}", "bad_utf8", "a" },
    { "{\"a\":\"\xe4\xb8", "bad_utf8", "a" },
    { "{\"a\":\"\x80\"}", "bad_utf8", "a" },
    { "{\"a\":{\"b\":1,\"\xff\":2}}", "bad_utf8", "a" },
    { "\"\xff\"", "bad_utf8", "" },

    { "{\"a\":\"\\u0000\"}", "bad_character", "a" },
    { "{\"a\":1,\"b\":{\"c\\u0000\":1}}", "bad_character", "b" },
    { "[\"\",\"\\ud800\"]", "bad_character", "1" },
    { "[\"\\uDBFF\"]", "bad_character", "0" },
    { "[\"\\udc00\"]", "bad_character", "0" },
    { "[\"\\udfff\"]", "bad_character", "0" },
    { "[\"\\ud800x\"]", "bad_character", "0" },
    { "[\"\\ud800\\n\"]", "bad_character", "0" },
    { "[\"\\ud800\\u0041\"]", "bad_character", "0" },
    { "[\"\\ud800\\ud800\\udc00\"]", "bad_character", "0" },
    { "[\"\\ud800\\udc", "bad_character", "0" },
    { "[\"\\ud800\\udc00\\udc00\"]", "bad_character", "0" },

    { "{\"a\":9007199254740993}", "bad_number", "a" },
    { "[0,-9007199254740993]", "bad_number", "1" },
    { "10000000000000000", "bad_number", "" },
    { "[1,2,1e309]", "bad_number", "2" },
    { "{\"a\":1,\"b\":-1e309}", "bad_number", "b" },
    { "{\"a\":1.7976931348623159e308}", "bad_number", "a" },
    { "{\"a\":1e-401}", "bad_number", "a" },
    { "{\"a\":0e401}", "bad_number", "a" },
    { "{\"a\":0e-99999999999999999999}", "bad_number", "a" },

    { "{\"a\":1,\"a\":1}", "duplicate_key", "a" },
    { "{\"a\":1,\"\\u0061\":1}", "duplicate_key", "a" },
    { "{\"x\":[{},{\"a\":1,\"b\":2,\"a\":3}]}", "duplicate_key", "x.1.a" },
    { "{\"x\":{\"中\":1,\"中\":2},\"y\":1}", "duplicate_key", "x.中" },
    { "{\"\":1,\"\":1}", "duplicate_key", "" },

    /* the first of two mistakes is told */

    { "{\"a\":\"\xff\",", "bad_utf8", "a" },
    { "{\"a\"} \"\xff\"", "bad_json", "" },
    { "{\"a\":1e999,\"b\":\"\xff\"}", "bad_number", "a" }
};


int
main(void)
{
    test_good();
    test_bad();
    test_nul();
    test_limits();
    test_keys();
    test_field_length();
    test_memory();
    test_prefixes();
    test_tree();
    test_write();

    return tap_done();
}


static int
test_parse(const char *text, size_t len, const zwfw_json_limits_t *limits,
    zwfw_json_t **json, zwfw_json_error_t *error)
{
    zwfw_str_t  s;

    s = tap_copy(text, len);

    return zwfw_json_parse(tap_mem, s.data, s.len, limits, json, error);
}


static void
test_good(void)
{
    int                 rc;
    char                name[64];
    size_t              i;
    test_good_t        *t;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_goods) / sizeof(test_goods[0]); i++) {
        t = &test_goods[i];

        rc = test_parse(t->text, strlen(t->text), &test_wide, &json, &error);

        tap_ok(rc == ZWFW_OK, "good text %zu is read", i);

        if (rc != ZWFW_OK) {
            continue;
        }

        snprintf(name, sizeof(name), "good text %zu is written", i);
        test_written(json, t->written ? t->written : t->text, name);

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
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_bads) / sizeof(test_bads[0]); i++) {
        t = &test_bads[i];

        rc = test_parse(t->text, strlen(t->text), &test_wide, &json, &error);

        tap_ok(rc == ZWFW_DECLINED, "bad text %zu is refused", i);

        snprintf(name, sizeof(name), "bad text %zu: its code", i);
        tap_code(error.code, t->code, name);

        snprintf(name, sizeof(name), "bad text %zu: its field", i);
        tap_is(error.field.data, error.field.len, t->field, name);

        tap_mem_reset(TAP_MEM_ALL);
    }
}


static void
test_nul(void)
{
    int                 rc;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    rc = test_parse("{\"a\":\"x\0y\"}", 11, &test_wide, &json, &error);

    tap_ok(rc == ZWFW_DECLINED, "a zero byte in a string is refused");
    tap_code(error.code, "bad_character", "a zero byte: its code");
    tap_is(error.field.data, error.field.len, "a", "a zero byte: its field");

    rc = test_parse("{}\0", 3, &test_wide, &json, &error);

    tap_ok(rc == ZWFW_DECLINED, "a zero byte behind the value is refused");
    tap_code(error.code, "bad_character", "zero byte behind: its code");

    rc = zwfw_json_parse(tap_mem, NULL, 0, &test_wide, &json, &error);

    tap_ok(rc == ZWFW_DECLINED, "no text at all is refused");
    tap_code(error.code, "bad_json", "no text at all: its code");

    tap_mem_reset(TAP_MEM_ALL);
}


/* depth 3, nodes 10, members 4, number 20 */

static void
test_limits(void)
{
    test_limit("[[[]]]", "[[[[]]]]", "too_deep");
    test_limit("{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":{}}]}", "too_deep");
    test_limit("[1,2,3,4]", "[1,2,3,4,5]", "too_many");
    test_limit("{\"a\":1,\"b\":1,\"c\":1,\"d\":1}",
               "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}", "too_many");
    test_limit("[[1,2,3],[1,2,3],[]]", "[[1,2,3],[1,2,3],[1]]", "too_many");
    test_limit("0.123456789012345678", "0.1234567890123456789",
               "bad_number");
    test_limit("-0.12345678901234567", "-0.123456789012345678",
               "bad_number");
}


static void
test_limit(const char *good, const char *bad, const char *code)
{
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    tap_ok(test_parse(good, strlen(good), &test_small, &json, &error)
           == ZWFW_OK, "at the limit: %s", good);
    tap_ok(test_parse(bad, strlen(bad), &test_small, &json, &error)
           == ZWFW_DECLINED, "above the limit: %s", bad);
    tap_code(error.code, code, "above the limit: its code");

    tap_mem_reset(TAP_MEM_ALL);
}


/* many keys are sorted before they are compared */

static void
test_keys(void)
{
    int                 rc;
    char                text[8192], *p;
    unsigned            n, count;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    for (count = 14; count < 20; count++) {
        p = text;
        *p++ = '{';

        for (n = 0; n < count; n++) {
            p += sprintf(p, "\"k%u\":%u,", n * 11 % count, n);
        }

        sprintf(p - 1, "}");
        rc = test_parse(text, strlen(text), &test_wide, &json, &error);
        tap_ok(rc == ZWFW_OK, "%u different keys", count);

        sprintf(p, "\"k%u\":0}", count / 2);
        p[-1] = ',';
        rc = test_parse(text, strlen(text), &test_wide, &json, &error);
        tap_ok(rc == ZWFW_DECLINED, "%u keys and one twice", count);
        tap_code(error.code, "duplicate_key", "one key twice: its code");
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_field_length(void)
{
    char                text[1024];
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    memset(text, 'k', sizeof(text));
    memcpy(text, "{\"a\":{\"", 7);
    memcpy(text + 300, "\":1e999}}", 10);

    tap_ok(test_parse(text, 309, &test_wide, &json, &error)
           == ZWFW_DECLINED, "a bad number under a long key");
    tap_is(error.field.data, error.field.len, "a",
           "a path too long ends at the container");

    tap_mem_reset(TAP_MEM_ALL);
}


/* each allocation fails once */

static void
test_memory(void)
{
    static const char  good[] = "{\"a\":[1,\"x\",null,true,{\"b\":{}}]}";
    static const char  bad[] = "{\"a\":[1,\"x\",{\"b\":1,\"b\":1}]}";

    int                 rc;
    unsigned            n, wrong;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    wrong = 0;

    for (n = 0; n < 100; n++) {
        tap_mem_reset(n);
        rc = test_parse(good, sizeof(good) - 1, &test_wide, &json, &error);

        if (rc == ZWFW_OK) {
            break;
        }

        wrong += (rc != ZWFW_ERROR);
    }

    tap_ok(wrong == 0 && n > 10 && n < 100,
           "out of memory at each of %u allocations", n);

    for (n = 0; n < 100; n++) {
        tap_mem_reset(n);
        rc = test_parse(bad, sizeof(bad) - 1, &test_wide, &json, &error);

        if (rc == ZWFW_DECLINED) {
            break;
        }

        wrong += (rc != ZWFW_ERROR);
    }

    tap_ok(wrong == 0 && n > 10 && n < 100,
           "out of memory in a refusal, %u allocations", n);

    tap_mem_reset(TAP_MEM_ALL);
}


/* no beginning of a text is a text */

static void
test_prefixes(void)
{
    static const char  text[] =
        "{\"\\ud83d\\ude00\":[-1.5e-3,\"\xe4\xb8\xad\",{\"\\n\":null}],"
        "\"b\":true}";

    size_t              i, wrong;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    wrong = 0;

    for (i = 0; i < sizeof(text) - 1; i++) {

        if (test_parse(text, i, &test_wide, &json, &error)
            != ZWFW_DECLINED || error.code == NULL)
        {
            wrong++;
        }

        tap_mem_reset(TAP_MEM_ALL);
    }

    tap_ok(wrong == 0, "no beginning of a text is a text");
    tap_ok(test_parse(text, i, &test_wide, &json, &error) == ZWFW_OK,
           "the whole is one");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_tree(void)
{
    static const char  text[] =
        "{\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"0\":7,\"\":8}";

    zwfw_json_t        *json, *v, *a;
    zwfw_json_error_t   error;

    test_parse(text, sizeof(text) - 1, &test_wide, &json, &error);

    v = zwfw_json_find(json, "a.b.1.c", 7);
    tap_ok(v && v->type == ZWFW_JSON_STRING, "find() by path");
    tap_is(v->value.data, v->value.len, "x", "find(): the value");

    tap_ok(zwfw_json_find(json, "a.b.0", 5)
           == zwfw_json_get(json, "a", 1)->child->child, "find() by index");
    tap_ok(zwfw_json_find(json, "0", 1) == zwfw_json_get(json, "0", 1),
           "find(): digits as a key");
    tap_ok(zwfw_json_find(json, "a.b.2", 5) == NULL, "find(): no such index");
    tap_ok(zwfw_json_find(json, "a.b.01", 6) == NULL, "find(): no index");
    tap_ok(zwfw_json_find(json, "a.b.x", 5) == NULL, "find(): not a number");
    tap_ok(zwfw_json_find(json, "a.b.", 4) == NULL, "find(): empty index");
    tap_ok(zwfw_json_find(json, "a.b.9999999999", 14) == NULL,
           "find(): index too long");
    tap_ok(zwfw_json_find(json, "0.x", 3) == NULL, "find() in a number");
    tap_ok(zwfw_json_find(json, "", 0) == json->last, "find(): empty key");
    tap_ok(zwfw_json_find(NULL, "a", 1) == NULL, "find() in nothing");
    tap_ok(zwfw_json_get(NULL, "a", 1) == NULL, "get() in nothing");
    tap_ok(zwfw_json_get(zwfw_json_find(json, "a.b", 3), "0", 1) == NULL,
           "get() in an array");

    a = zwfw_json_get(json, "a", 1);
    zwfw_json_remove(json, json->last);
    tap_ok(json->count == 2 && json->last->next == NULL, "remove() the last");
    zwfw_json_remove(json, a);
    test_written(json, "{\"0\":7}", "remove() the first");
    zwfw_json_remove(json, a);
    tap_ok(json->count == 1, "remove() a stranger");
    zwfw_json_remove(json, json->child);
    tap_ok(json->count == 0 && json->child == NULL && json->last == NULL,
           "remove() the only one");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_write(void)
{
    zwfw_str_t    s, n;
    zwfw_json_t  *json, *list;

    s = tap_str("</script>\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\"\\\x01\n"
                "\xe4\xb8\xad\xe2");
    n = tap_str("12");

    json = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    zwfw_json_add(tap_mem, json, "a<", ZWFW_JSON_STRING, &s);
    zwfw_json_add(tap_mem, json, "n", ZWFW_JSON_NUMBER, &n);
    list = zwfw_json_add(tap_mem, json, "l", ZWFW_JSON_ARRAY, NULL);
    zwfw_json_add(tap_mem, list, NULL, ZWFW_JSON_TRUE, NULL);
    zwfw_json_add(tap_mem, list, NULL, ZWFW_JSON_STRING, NULL);

    test_written(json, "{\"a\\u003c\":\"\\u003c/script>\\u2028\\u2029"
                 "\xe2\x80\xaa\\\"\\\\\\u0001\\n\xe4\xb8\xad\xe2\","
                 "\"n\":12,\"l\":[true,\"\"]}", "what a script must not see");

    tap_mem_reset(0);
    tap_ok(zwfw_json_new(tap_mem, ZWFW_JSON_NULL, NULL) == NULL,
           "new() out of memory");
    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_written(zwfw_json_t *json, const char *want, const char *name)
{
    size_t          size;
    zwfw_str_t      s;
    unsigned char  *last;

    size = zwfw_json_size(json);
    s.len = size;
    s.data = tap_mem->alloc(tap_mem->pool, size);

    last = zwfw_json_write(s.data, json);

    if (last != s.data + size) {
        tap_ok(0, "size() and write() agree on %s", name);
        return;
    }

    tap_is(s.data, s.len, want, name);
}
