
/*
 * What the fuzz targets share
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"


static size_t fuzz_char(const unsigned char *p, size_t len);
static int fuzz_in(unsigned c, unsigned least, unsigned most);


void
fuzz_must(int so, const char *what)
{
    if (!so) {
        fprintf(stderr, "fuzz: it is not so: %s\n", what);
        abort();
    }
}


unsigned
fuzz_dice(zwfw_str_t *input, unsigned sides)
{
    size_t    i;
    uint32_t  n;

    n = 2166136261;

    for (i = 0; i < input->len; i++) {
        n = (n ^ input->data[i]) * 16777619;
    }

    return (n >> 8) % sides;
}


zwfw_str_t
fuzz_take(zwfw_str_t *input, unsigned char end)
{
    size_t          len;
    zwfw_str_t      s;
    unsigned char  *p;

    p = input->len ? memchr(input->data, end, input->len) : NULL;
    len = p ? (size_t) (p - input->data) : input->len;
    s = tap_copy(input->data, len);

    len += p ? 1 : 0;
    input->data += len;
    input->len -= len;

    return s;
}


int
fuzz_among(const char *code, const char *codes)
{
    char  word[64];

    snprintf(word, sizeof(word), " %s ", code);

    return strstr(codes, word) != NULL;
}


int
fuzz_equal(zwfw_str_t *a, zwfw_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


int
fuzz_text(zwfw_str_t *s)
{
    size_t  i, n;

    for (i = 0; i < s->len; i += n) {
        n = fuzz_char(s->data + i, s->len - i);

        if (n == 0 || s->data[i] == '\0') {
            return 0;
        }
    }

    return 1;
}


/* bytes of the character, by the table of RFC 3629, 4; 0: it is none */

static size_t
fuzz_char(const unsigned char *p, size_t len)
{
    size_t    i;
    unsigned  r;

    static const unsigned  rows[][10] = {
        { 1, 0x00, 0x7f },
        { 2, 0xc2, 0xdf, 0x80, 0xbf },
        { 3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf },
        { 3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf },
        { 3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf },
        { 3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf }
    };

    for (r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {

        for (i = 0; i < rows[r][0] && i < len; i++) {
            if (!fuzz_in(p[i], rows[r][1 + 2 * i], rows[r][2 + 2 * i])) {
                break;
            }
        }

        if (i == rows[r][0]) {
            return i;
        }
    }

    return 0;
}


static int
fuzz_in(unsigned c, unsigned least, unsigned most)
{
    return c >= least && c <= most;
}


int
fuzz_same(zwfw_json_t *a, zwfw_json_t *b)
{
    zwfw_json_t  *child, *other;

    if (a->type != b->type || a->count != b->count
        || !fuzz_equal(&a->value, &b->value))
    {
        return 0;
    }

    other = b->child;

    for (child = a->child; child; child = child->next) {

        if (a->type == ZWFW_JSON_OBJECT) {
            other = zwfw_json_get(b, (char *) child->key.data, child->key.len);
        }

        if (other == NULL || !fuzz_same(child, other)) {
            return 0;
        }

        other = other->next;
    }

    return 1;
}


void
fuzz_tree(zwfw_json_t *json, unsigned depth)
{
    unsigned      n;
    zwfw_json_t  *child;

    n = 0;

    if (json->type == ZWFW_JSON_ARRAY || json->type == ZWFW_JSON_OBJECT) {
        fuzz_must(depth != 0, "it is not too deep");

    } else {
        fuzz_must(json->child == NULL, "a value has no children");
        fuzz_must(fuzz_text(&json->value), "a value is a text");
    }

    for (child = json->child; child; child = child->next) {

        if (json->type == ZWFW_JSON_OBJECT) {
            fuzz_must(fuzz_text(&child->key), "a key is a text");
            fuzz_must(zwfw_json_get(json, (char *) child->key.data,
                                    child->key.len) == child,
                      "no key stands twice");
        }

        fuzz_must(child->next || child == json->last, "the last is the last");
        fuzz_tree(child, depth - 1);
        n++;
    }

    fuzz_must(n == json->count, "the count of children");
}


zwfw_str_t
fuzz_write(zwfw_json_t *json)
{
    zwfw_str_t  s;

    s.len = zwfw_json_size(json);
    s.data = tap_mem->alloc(NULL, s.len);

    if (s.data == NULL) {
        abort();
    }

    fuzz_must(zwfw_json_write(s.data, json) == s.data + s.len,
              "it is as long as it says");

    return s;
}


zwfw_json_t *
fuzz_read(zwfw_str_t *text)
{
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    static const zwfw_json_limits_t  limits = { 64, 100000, 100000, 100 };

    return zwfw_json_parse(tap_mem, text->data, text->len, &limits, &json,
                           &error) == ZWFW_OK ? json : NULL;
}
