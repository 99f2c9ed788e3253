
/*
 * zwfw_form.h: multipart bodies, cut into pieces in every way
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_form.h"


#define TEST_LOG  65536


typedef struct {
    const char  *body;
    const char  *log;      /* "[name|filename|type]bytes;" of each part */
} test_good_t;


typedef struct {
    const char  *body;
    const char  *code;
    const char  *field;
} test_bad_t;


typedef struct {
    const char  *header;
    const char  *boundary;     /* NULL: refused */
} test_header_t;


static int test_part(void *data, zwfw_str_t *name, zwfw_str_t *filename,
    zwfw_str_t *type);
static int test_bytes(void *data, const unsigned char *p, size_t len);
static int test_end(void *data);
static void test_log(const void *p, size_t len);
static zwfw_multipart_t *test_create(const char *boundary);
static int test_feed(zwfw_multipart_t *mp, const char *p, size_t len,
    zwfw_json_error_t *error);
static int test_split(const char *body, size_t len, size_t one, size_t two,
    zwfw_json_error_t *error);
static int test_bytewise(const char *body, size_t len,
    zwfw_json_error_t *error);
static void test_good(void);
static void test_bad(void);
static void test_truncated(void);
static void test_binary(void);
static void test_calls(void);
static void test_head_limit(void);
static void test_names(void);
static void test_parts(void);
static void test_handler(void);
static void test_boundaries(void);
static void test_headers(void);
static void test_memory(void);


#define HEAD(rest)  "Content-Disposition: form-data; " rest "\r\n\r\n"
#define PART(rest)  "--b\r\n" HEAD(rest)


static char                      test_text[TEST_LOG];
static size_t                    test_length;
static unsigned                  test_count;     /* of calls of bytes() */
static int                       test_answers[3];
static zwfw_multipart_handler_t  test_handlers[] = {
    { test_part, test_bytes, test_end, test_text }
};


static test_good_t  test_goods[] = {
    { "--b--", "" },
    { "--b--\r\n", "" },
    { PART("name=\"a\"") "1\r\n--b--\r\n", "[a||]1;" },
    { PART("name=a") "1\r\n--b--", "[a||]1;" },
    { PART("name=\"a\"") "\r\n--b--\r\n", "[a||];" },
    { PART("name=\"a\"") "1\r\n" PART("name=\"b.0.c\"") "2\r\n--b--\r\n",
      "[a||]1;[b.0.c||]2;" },
    { PART("name=\"f\"; filename=\"x.png\"") "1\r\n--b--\r\n",
      "[f|x.png|application/octet-stream]1;" },

    /* nearly the boundary */

    { PART("name=\"a\"") "\r\n\r\n--\r\n-b\r\n--c\r--b\n--b\r\r\n--b--\r\n",
      "[a||]\r\n\r\n--\r\n-b\r\n--c\r--b\n--b\r;" },
    { PART("name=\"a\"") "--b--\r\r\n--b--\r\n", "[a||]--b--\r;" },
    { PART("name=\"a\"") "x--b\r\n--B\r\n\r\n--b--\r\n",
      "[a||]x--b\r\n--B\r\n;" },
    { PART("name=\"a\"") "\r\r\r\r\n--b--\r\n", "[a||]\r\r\r;" },

    /* headers */

    { "--b\r\ncontent-DISPOSITION:form-data;NAME=\"a\"\r\n"
      "Content-Type: text/plain; charset=UTF-8\r\nX-Other: y\r\n\r\n1"
      "\r\n--b--\r\n", "[a||]1;" },
    { "--b\r\nContent-Type:\tImage/PNG ; a=\"b;c\" \r\n"
      "content-transfer-encoding: Binary\r\n"
      "Content-Disposition: FORM-DATA ; filename=x ; name=\"f\" \r\n\r\n1"
      "\r\n--b--\r\n", "[f|x|image/png]1;" },
    { "--b\r\nContent-Type: application/octet-stream\r\n"
      HEAD("name=\"f\"; filename=\"\"") "\r\n--b--\r\n",
      "[f||application/octet-stream];" },
    { PART("name=\"a\"; x=y; z=\"\\\"\"") "1\r\n--b--\r\n", "[a||]1;" },

    /* names */

    { PART("name=\"%22a%22\"") "1\r\n--b--\r\n", "[\"a\"||]1;" },
    { PART("name=\"a\\\"b\\\\c\\d%20%2\"") "1\r\n--b--\r\n",
      "[a\"b\\c\\d%20%2||]1;" },
    { PART("name=\"材料\"; filename=\"照片.jpg\"") "1\r\n--b--\r\n",
      "[材料|照片.jpg|application/octet-stream]1;" },
    { PART("name=\"f\"; filename=\"C:\\dir\\x.png\"") "1\r\n--b--\r\n",
      "[f|x.png|application/octet-stream]1;" },
    { PART("name=\"f\"; filename=\"C:\\\\dir\\\\x.png\"") "1\r\n--b--\r\n",
      "[f|x.png|application/octet-stream]1;" },
    { PART("name=\"f\"; filename=\"../../etc/pass wd\"") "1\r\n--b--\r\n",
      "[f|pass wd|application/octet-stream]1;" },
    { PART("name=\"f\"; filename=\"a/b\\..x%22\"") "1\r\n--b--\r\n",
      "[f|..x\"|application/octet-stream]1;" },
    { PART("name=\"f\"; filename=\"100%.png\"") "1\r\n--b--\r\n",
      "[f|100%.png|application/octet-stream]1;" },

    /* control characters only before the last component */

    { PART("name=\"f\"; filename=\"a%0D%0A/b\"") "1\r\n--b--\r\n",
      "[f|b|application/octet-stream]1;" }
};


static test_bad_t  test_bads[] = {

    /* framing */

    { "", "bad_multipart", "" },
    { "\r\n--b--", "bad_multipart", "" },
    { "x\r\n--b--", "bad_multipart", "" },
    { "--c--", "bad_multipart", "" },
    { "--b", "bad_multipart", "" },
    { "--b-", "bad_multipart", "" },
    { "--b-x", "bad_multipart", "" },
    { "--b\n", "bad_multipart", "" },
    { "--b \r\n", "bad_multipart", "" },
    { "--bb\r\n", "bad_multipart", "" },
    { "--b--\r", "bad_multipart", "" },
    { "--b--\n", "bad_multipart", "" },
    { "--b--\r\nx", "bad_multipart", "" },
    { "--b--x", "bad_multipart", "" },
    { "--b----b--", "bad_multipart", "" },
    { PART("name=\"a\"") "1\r\n--b", "bad_multipart", "" },
    { PART("name=\"a\"") "1\r\n--bx", "bad_multipart", "" },
    { PART("name=\"a\"") "1\r\n--b\n", "bad_multipart", "" },
    { PART("name=\"a\"") "1\n--b--\n", "bad_multipart", "a" },
    { PART("name=\"a\"") "1--b--\r\n", "bad_multipart", "a" },
    { PART("name=\"a\"") "--b--\r\n", "bad_multipart", "a" },
    { PART("name=\"a\""), "bad_multipart", "a" },

    /* header blocks */

    { "--b\r\n\r\n1\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nX: y\r\n\r\n1\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Disposition: form-data; name=\"a\"\n\n1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Disposition: form-data; name=\"a\"\r\r\n1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1"
      "\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\n Content-Disposition: form-data; name=\"a\"\r\n\r\n1"
      "\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\n1"
      "\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Disposition; form-data; name=\"a\"\r\n\r\n1"
      "\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1"
      "\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n" HEAD("name=b")
      "1\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nX: \x01\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nX: \x7f\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Type: image\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Type: /png\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Type: image/\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Type: image/png x\r\n" HEAD("name=b") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { "--b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n" HEAD("name=b")
      "1\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Transfer-Encoding: base64\r\n" HEAD("name=b")
      "1\r\n--b--\r\n", "bad_multipart", "" },
    { "--b\r\nContent-Transfer-Encoding: binary x\r\n" HEAD("name=b")
      "1\r\n--b--\r\n", "bad_multipart", "" },

    /* parameters */

    { PART("name") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name =\"a\"") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name= \"a\"") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\\\"") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\"b") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\" b=c") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\";") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\"; name=\"b\"") "1\r\n--b--\r\n", "bad_multipart", "" },
    { PART("name=\"a\"; filename=x; filename=y") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { PART("name=\"a\"; filename=\"\"; filename=y") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { PART("name=\"a\"; filename*=UTF-8''x") "1\r\n--b--\r\n",
      "bad_multipart", "" },
    { PART("name*=UTF-8''x; name=\"a\"") "1\r\n--b--\r\n",
      "bad_multipart", "" },

    /* names */

    { PART("name=\"\"") "1\r\n--b--\r\n", "bad_name", "" },
    { PART("name=\"a%0Db\"") "1\r\n--b--\r\n", "bad_name", "" },
    { PART("name=\"a%0ab\"") "1\r\n--b--\r\n", "bad_name", "" },
    { PART("name=\"a\tb\"") "1\r\n--b--\r\n", "bad_name", "" },
    { PART("name=\"a\xff\"") "1\r\n--b--\r\n", "bad_utf8", "" },
    { PART("name=\"f\"; filename=\"a\xc0\x80\"") "1\r\n--b--\r\n",
      "bad_utf8", "f" },
    { PART("name=\"f\"; filename=\"a%0d%0aX: y\"") "1\r\n--b--\r\n",
      "bad_character", "f" },
    { PART("name=\"f\"; filename=\"a\xc2\x85\"") "1\r\n--b--\r\n",
      "bad_character", "f" },
    { PART("name=\"f\"; filename=\"a/\"") "1\r\n--b--\r\n",
      "bad_name", "f" },
    { PART("name=\"f\"; filename=\"a\\..\"") "1\r\n--b--\r\n",
      "bad_name", "f" },
    { PART("name=\"f\"; filename=\".\"") "1\r\n--b--\r\n",
      "bad_name", "f" }
};


static test_header_t  test_contents[] = {
    { "multipart/form-data; boundary=abc", "abc" },
    { "Multipart/Form-Data;BOUNDARY=abc", "abc" },
    { " multipart/form-data ; charset=utf-8 ; boundary=\"a b'()+_,./:=?\" ",
      "a b'()+_,./:=?" },
    { "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
      "----WebKitFormBoundary7MA4YWxkTrZu0gW" },
    { "", NULL },
    { "multipart", NULL },
    { "multipart/form-data", NULL },
    { "multipart/form-data;", NULL },
    { "multipart/mixed; boundary=abc", NULL },
    { "multipart/form-datax; boundary=abc", NULL },
    { "text/form-data; boundary=abc", NULL },
    { "multipart/form-data; boundary=", NULL },
    { "multipart/form-data; boundary=\"\"", NULL },
    { "multipart/form-data; boundary=\"abc", NULL },
    { "multipart/form-data; boundary=\"abc \"", NULL },
    { "multipart/form-data; boundary=\"a\\\"b\"", NULL },
    { "multipart/form-data; boundary=\"a\\bc\"", NULL },
    { "multipart/form-data; boundary=a\x01", NULL },
    { "multipart/form-data; boundary=a!", NULL },
    { "multipart/form-data; boundary=\"\xe4\xb8\xad\"", NULL },
    { "multipart/form-data; boundary=a b", NULL },
    { "multipart/form-data; boundary=a, b", NULL },
    { "multipart/form-data; boundary=a; boundary=a", NULL },
    { "multipart/form-data, boundary=a", NULL },
    { "multipart/form-data; charset; boundary=a", NULL }
};


int
main(void)
{
    test_good();
    test_bad();
    test_truncated();
    test_binary();
    test_calls();
    test_head_limit();
    test_names();
    test_parts();
    test_handler();
    test_boundaries();
    test_headers();
    test_memory();

    return tap_done();
}


static int
test_part(void *data, zwfw_str_t *name, zwfw_str_t *filename,
    zwfw_str_t *type)
{
    if (data != test_text) {
        return ZWFW_ERROR;
    }

    test_log("[", 1);
    test_log(name->data, name->len);
    test_log("|", 1);
    test_log(filename->data, filename->len);
    test_log("|", 1);
    test_log(type->data, type->len);
    test_log("]", 1);

    return test_answers[0];
}


static int
test_bytes(void *data, const unsigned char *p, size_t len)
{
    (void) data;

    test_count++;
    test_log(p, len);

    return test_answers[1];
}


static int
test_end(void *data)
{
    (void) data;

    test_log(";", 1);

    return test_answers[2];
}


static void
test_log(const void *p, size_t len)
{
    if (len && len <= TEST_LOG - test_length) {
        memcpy(test_text + test_length, p, len);
        test_length += len;
    }
}


/* with an empty log */

static zwfw_multipart_t *
test_create(const char *boundary)
{
    zwfw_str_t  s;

    test_length = 0;
    test_count = 0;

    s = tap_str(boundary);

    return zwfw_multipart_create(tap_mem, &s, test_handlers);
}


/* each piece is a block of its own, and is overwritten after use */

static int
test_feed(zwfw_multipart_t *mp, const char *p, size_t len,
    zwfw_json_error_t *error)
{
    int         rc;
    zwfw_str_t  piece;

    piece = tap_copy(p, len);
    rc = zwfw_multipart_feed(mp, piece.data, piece.len, error);

    memset(piece.data, '!', len);

    return rc;
}


static int
test_split(const char *body, size_t len, size_t one, size_t two,
    zwfw_json_error_t *error)
{
    int                rc;
    zwfw_multipart_t  *mp;

    memset(error, 0, sizeof(zwfw_json_error_t));

    mp = test_create("b");

    rc = test_feed(mp, body, one, error);

    if (rc == ZWFW_OK) {
        rc = test_feed(mp, body + one, two - one, error);
    }

    if (rc == ZWFW_OK) {
        rc = test_feed(mp, body + two, len - two, error);
    }

    return (rc == ZWFW_OK) ? zwfw_multipart_finish(mp, error) : rc;
}


static int
test_bytewise(const char *body, size_t len, zwfw_json_error_t *error)
{
    int                rc;
    size_t             i;
    zwfw_multipart_t  *mp;

    memset(error, 0, sizeof(zwfw_json_error_t));

    mp = test_create("b");

    for (i = 0; i < len; i++) {
        rc = test_feed(mp, body + i, 1, error);

        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    return zwfw_multipart_finish(mp, error);
}


static void
test_good(void)
{
    char                name[64];
    size_t              i, len, one, wrong;
    test_good_t        *t;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_goods) / sizeof(test_goods[0]); i++) {
        t = &test_goods[i];
        len = strlen(t->body);

        tap_ok(test_split(t->body, len, 0, len, &error) == ZWFW_OK,
               "good body %zu is read", i);

        snprintf(name, sizeof(name), "good body %zu: its parts", i);
        tap_is(test_text, test_length, t->log, name);

        tap_ok(test_bytewise(t->body, len, &error) == ZWFW_OK,
               "good body %zu, byte by byte", i);

        snprintf(name, sizeof(name), "good body %zu: its parts", i);
        tap_is(test_text, test_length, t->log, name);

        wrong = 0;

        for (one = 0; one <= len; one++) {

            if (test_split(t->body, len, one, len, &error) != ZWFW_OK
                || test_length != strlen(t->log)
                || memcmp(test_text, t->log, test_length) != 0)
            {
                wrong++;
            }

            tap_mem_reset(TAP_MEM_ALL);
        }

        tap_ok(wrong == 0, "good body %zu, cut anywhere", i);
    }
}


static void
test_bad(void)
{
    char                name[64];
    size_t              i, len, one, wrong;
    test_bad_t         *t;
    zwfw_json_error_t   error;

    for (i = 0; i < sizeof(test_bads) / sizeof(test_bads[0]); i++) {
        t = &test_bads[i];
        len = strlen(t->body);

        tap_ok(test_split(t->body, len, 0, len, &error) == ZWFW_DECLINED,
               "bad body %zu is refused", i);

        snprintf(name, sizeof(name), "bad body %zu: its code", i);
        tap_code(error.code, t->code, name);

        snprintf(name, sizeof(name), "bad body %zu: its field", i);
        tap_is(error.field.data, error.field.len, t->field, name);

        wrong = (test_bytewise(t->body, len, &error) != ZWFW_DECLINED);

        for (one = 0; one <= len; one++) {

            if (test_split(t->body, len, one, len, &error) != ZWFW_DECLINED
                || strcmp(error.code, t->code) != 0)
            {
                wrong++;
            }

            tap_mem_reset(TAP_MEM_ALL);
        }

        tap_ok(wrong == 0, "bad body %zu, cut anywhere", i);
    }
}


/* only the whole is one, with or without its last CRLF */

static void
test_truncated(void)
{
    static const char  body[] =
        PART("name=\"a\"") "1\r\n" PART("name=\"f\"; filename=\"x\"")
        "\r\n\r\n--b--\r\n";

    size_t              n, wrong, len;
    zwfw_json_error_t   error;

    len = sizeof(body) - 1;
    wrong = 0;

    for (n = 0; n < len; n++) {

        if (test_split(body, n, n / 2, n, &error)
            != ((n == len - 2) ? ZWFW_OK : ZWFW_DECLINED))
        {
            wrong++;
        }

        tap_mem_reset(TAP_MEM_ALL);
    }

    tap_ok(wrong == 0, "no beginning of a body is a body");
    tap_ok(test_split(body, len, 1, len, &error) == ZWFW_OK,
           "the whole is one");
}


/* all bytes, cut into three pieces in all ways */

static void
test_binary(void)
{
    static const char  head[] = PART("name=\"f\"; filename=\"x\"");
    static const char  tail[] = "\r\n\r\r\n-\r\n--\r\n--b--";
    static const char  want[] = "[f|x|application/octet-stream]";

    char                body[512], *p;
    size_t              n, len, one, two, wrong;
    zwfw_json_error_t   error;

    memcpy(body, head, sizeof(head) - 1);
    p = body + sizeof(head) - 1;

    for (n = 0; n < 256; n++) {
        *p++ = (char) n;
    }

    memcpy(p, tail, sizeof(tail) - 1);
    len = p + sizeof(tail) - 1 - body;
    wrong = 0;

    for (one = sizeof(head) + 240; one <= len; one++) {
        for (two = one; two <= len; two++) {

            if (test_split(body, len, one, two, &error) != ZWFW_OK
                || test_length != sizeof(want) - 1 + 256 + 10 + 1
                || memcmp(test_text + sizeof(want) - 1,
                          body + sizeof(head) - 1, 256 + 10)
                   != 0)
            {
                wrong++;
            }

            tap_mem_reset(TAP_MEM_ALL);
        }
    }

    tap_ok(wrong == 0, "all bytes, in three pieces");
}


/* a piece of many CR is one call, not one for each */

static void
test_calls(void)
{
    char                body[2048];
    size_t              len;
    zwfw_json_error_t   error;

    len = sprintf(body, PART("name=\"a\""));
    memset(body + len, '\r', 1000);
    len += 1000;
    len += sprintf(body + len, "\r\n--b--");

    tap_ok(test_split(body, len, 0, len, &error) == ZWFW_OK, "1000 times CR");
    tap_ok(test_count == 1, "are passed on at once");

    tap_mem_reset(TAP_MEM_ALL);
}


/* 4 KiB, the empty line included */

static void
test_head_limit(void)
{
    char                body[8192];
    size_t              len, extra;
    zwfw_json_error_t   error;

    for (extra = 0; extra < 2; extra++) {
        len = sprintf(body, "--b\r\nX: ");
        memset(body + len, 'x', 5000);
        len = 5 + 4096 + extra - strlen("\r\n" HEAD("name=\"a\""));
        len += sprintf(body + len, "\r\n" HEAD("name=\"a\"") "1\r\n--b--");

        if (extra == 0) {
            tap_ok(test_split(body, len, 100, len, &error) == ZWFW_OK,
                   "a header block of 4096 bytes");
            continue;
        }

        tap_ok(test_split(body, len, 100, len, &error) == ZWFW_DECLINED,
               "a header block of 4097 bytes");
        tap_code(error.code, "bad_multipart", "4097 bytes: its code");
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_names(void)
{
    int                 extra;
    char                name[256], body[1024];
    size_t              len;
    zwfw_json_error_t   error;

    for (extra = 0; extra < 2; extra++) {
        memset(name, 'n', sizeof(name));
        name[ZWFW_FORM_NAME + extra] = '\0';

        len = sprintf(body, PART("name=\"%s\"") "1\r\n--b--", name);

        if (extra == 0) {
            tap_ok(test_split(body, len, 0, len, &error) == ZWFW_OK,
                   "a name of %d bytes", ZWFW_FORM_NAME);
            continue;
        }

        tap_ok(test_split(body, len, 0, len, &error) == ZWFW_DECLINED,
               "a name of one byte more");
        tap_code(error.code, "bad_name", "one byte more: its code");
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_parts(void)
{
    static const char  part[] = PART("name=\"a\"") "1\r\n";

    int                 rc;
    unsigned            n;
    zwfw_multipart_t   *mp;
    zwfw_json_error_t   error;

    rc = ZWFW_OK;
    mp = test_create("b");

    for (n = 0; n < ZWFW_FORM_PAIRS && rc == ZWFW_OK; n++) {
        rc = test_feed(mp, part, sizeof(part) - 1, &error);
    }

    tap_ok(rc == ZWFW_OK, "%d parts", ZWFW_FORM_PAIRS);

    rc = test_feed(mp, part, sizeof(part) - 1, &error);

    tap_ok(rc == ZWFW_DECLINED, "one part more");
    tap_code(error.code, "too_many", "one part more: its code");
    tap_ok(zwfw_multipart_finish(mp, &error) == ZWFW_DECLINED,
           "what was refused stays refused");

    tap_mem_reset(TAP_MEM_ALL);
}


/* what a handler returns is returned, then and ever after */

static void
test_handler(void)
{
    static const char  body[] = PART("name=\"a\"") "1\r\n--b--\r\n";

    int                 i, rc;
    zwfw_multipart_t   *mp;
    zwfw_json_error_t   error;

    for (i = 0; i < 3; i++) {
        test_answers[i] = 413;

        mp = test_create("b");
        rc = test_feed(mp, body, sizeof(body) - 1, &error);
        tap_ok(rc == 413, "handler %d stops the parser", i);

        rc = test_feed(mp, "x", 1, &error);
        tap_ok(rc == 413, "handler %d: nothing more is fed", i);
        tap_ok(zwfw_multipart_finish(mp, &error) == 413,
               "handler %d: nor is it finished", i);

        test_answers[i] = ZWFW_OK;
    }

    mp = test_create("b");
    tap_ok(test_feed(mp, "", 0, &error) == ZWFW_OK, "an empty piece");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_boundaries(void)
{
    char  text[128];

    memset(text, '-', sizeof(text));

    text[71] = '\0';
    tap_ok(test_create(text) == NULL, "a boundary of 71 characters");
    text[70] = '\0';
    tap_ok(test_create(text) != NULL, "a boundary of 70 characters");
    text[69] = ' ';
    tap_ok(test_create(text) == NULL, "a boundary that ends with a space");
    text[68] = ' ';
    text[69] = '-';
    tap_ok(test_create(text) != NULL, "a space within a boundary");
    text[0] = '\r';
    tap_ok(test_create(text) == NULL, "CR in a boundary");
    tap_ok(test_create("") == NULL, "an empty boundary");
    tap_ok(test_create("'()+_,-./:=?09azAZ") != NULL, "legal characters");
    tap_ok(test_create("a;b") == NULL, "an illegal character");
    tap_ok(test_create("a\xc3\xa4") == NULL, "not ASCII");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_headers(void)
{
    int             rc;
    size_t          i;
    zwfw_str_t      header, boundary;
    test_header_t  *t;

    for (i = 0; i < sizeof(test_contents) / sizeof(test_contents[0]); i++) {
        t = &test_contents[i];

        header = tap_str(t->header);
        rc = zwfw_multipart_boundary(header.data, header.len, &boundary);

        if (t->boundary == NULL) {
            tap_ok(rc == ZWFW_DECLINED, "no boundary: %s", t->header);
            continue;
        }

        tap_ok(rc == ZWFW_OK, "boundary: %s", t->header);
        tap_is(boundary.data, boundary.len, t->boundary, "the boundary");
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_memory(void)
{
    static const char  body[] =
        PART("name=\"f\"; filename=\"x\"") "1\r\n--b--\r\n";

    int                 rc;
    unsigned            n, wrong;
    zwfw_multipart_t   *mp;
    zwfw_json_error_t   error;

    wrong = 0;

    for (n = 0; n < 20; n++) {
        tap_mem_reset(n);

        mp = test_create("b");
        if (mp == NULL) {
            continue;
        }

        rc = test_feed(mp, body, sizeof(body) - 1, &error);

        if (rc == ZWFW_OK) {
            break;
        }

        wrong += (rc != ZWFW_ERROR);
    }

    tap_ok(wrong == 0 && n == 5, "out of memory at each of %u allocations",
           n);

    tap_mem_reset(TAP_MEM_ALL);
}
