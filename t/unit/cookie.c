
/*
 * zwfw_cookie.h: our cookie among others, and the token of a session
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_cookie.h"


typedef struct {
    const char  *header;
    unsigned     count;
    const char  *value;
} test_find_t;


static void test_find(void);
static void test_any_end(void);
static void test_tokens(void);
static void test_last_character(void);


static const char  test_token[] =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";


static test_find_t  test_finds[] = {
    { "", 0, "" },
    { ";", 0, "" },
    { "zwfw", 0, "" },
    { "zwfw;", 0, "" },
    { "zwfw=", 1, "" },
    { "zwfw=x", 1, "x" },
    { "zwfw=x;", 1, "x" },
    { " \t zwfw \t = \t x \t ; a=b", 1, "x" },
    { "a=b; zwfw=x", 1, "x" },
    { "a=b;zwfw=x;c=d", 1, "x" },
    { "a=b; zwfw=x=y; c=d", 1, "x=y" },
    { "zwfw=\"x\"", 1, "\"x\"" },
    { "zwfw=a b", 1, "a b" },
    { "zwfw=x; zwfw=y", 2, "y" },
    { "zwfw=x; zwfw=x", 2, "x" },
    { "zwfw=x; a=b; zwfw=; zwfw = z", 3, "z" },
    { "ZWFW=x; Zwfw=y", 0, "" },
    { "__Host-zwfw=x", 0, "" },
    { "zwfw2=x; xzwfw=y; zwf=z", 0, "" },
    { "a=zwfw=x", 0, "" },
    { "a=\"b; zwfw=x\"", 1, "x\"" },
    { "=zwfw=x", 0, "" },
    { "a=b, zwfw=x", 0, "" },
    { ";;; ; zwfw=x ;;;", 1, "x" }
};


int
main(void)
{
    test_find();
    test_any_end();
    test_tokens();
    test_last_character();

    return tap_done();
}


static void
test_find(void)
{
    size_t      i;
    unsigned    n;
    zwfw_str_t  header, value;

    static zwfw_str_t  name = zwfw_string("zwfw");

    for (i = 0; i < sizeof(test_finds) / sizeof(test_finds[0]); i++) {
        header = tap_str(test_finds[i].header);
        value.data = (unsigned char *) "";
        value.len = 0;

        n = zwfw_cookie_find(header.data, header.len, &name, &value);

        tap_ok(n == test_finds[i].count, "%u times in \"%s\"",
               test_finds[i].count, test_finds[i].header);
        tap_is(value.data, value.len, test_finds[i].value,
               test_finds[i].header);
    }
}


/* each beginning of a header is read to its end and no further */

static void
test_any_end(void)
{
    size_t      i, len;
    unsigned    n;
    zwfw_str_t  header, value;

    static const char  text[] = "a=b; zwfw = x ; zwfw=y;c";
    static zwfw_str_t  name = zwfw_string("zwfw");

    len = sizeof(text) - 1;
    n = 0;

    for (i = 0; i <= len; i++) {
        header = tap_copy(text, i);
        n += zwfw_cookie_find(header.data, header.len, &name, &value);
    }

    /* the first one counts from its "=" on, the second one as well */

    tap_ok(n == (len - 10) + (len - 20), "headers that end anywhere: %u", n);
}


static void
test_tokens(void)
{
    size_t      i;
    unsigned    bad;
    zwfw_str_t  token;

    token = tap_str(test_token);
    tap_ok(zwfw_cookie_token(&token) == ZWFW_OK, "a token");

    token = tap_str("__--__--__--__--__--__--__--__--__--__--__8");
    tap_ok(zwfw_cookie_token(&token) == ZWFW_OK, "a token of base64url's own");

    token = tap_copy(test_token, 42);
    tap_ok(zwfw_cookie_token(&token) == ZWFW_DECLINED, "too short");

    token = tap_str("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    tap_ok(zwfw_cookie_token(&token) == ZWFW_DECLINED, "padded");

    token = tap_str("");
    tap_ok(zwfw_cookie_token(&token) == ZWFW_DECLINED, "empty");

    bad = 0;

    for (i = 0; i < ZWFW_TOKEN; i++) {
        token = tap_str(test_token);
        token.data[i] = "+/=. \"\0\x80"[i % 8];
        bad += (zwfw_cookie_token(&token) == ZWFW_DECLINED);
    }

    tap_ok(bad == ZWFW_TOKEN, "a wrong character anywhere");
}


/* 32 bytes have one text only */

static void
test_last_character(void)
{
    int         c;
    unsigned    n;
    zwfw_str_t  token;

    n = 0;

    for (c = 0; c < 256; c++) {
        token = tap_str(test_token);
        token.data[ZWFW_TOKEN - 1] = (unsigned char) c;
        n += (zwfw_cookie_token(&token) == ZWFW_OK);
    }

    tap_ok(n == 16, "sixteen last characters are possible: %u", n);
}
