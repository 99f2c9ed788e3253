
/*
 * Classes, pseudonyms and masked words of a visit
 */


#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "zwfw_visit.h"


#define ZWFW_VISIT_HEADER  512              /* bytes that are looked at */
#define ZWFW_VISIT_DIGITS  6


/* characters of a text, one after the other */

typedef struct {
    const unsigned char  *p;
    const unsigned char  *last;
} zwfw_visit_text_t;


static int zwfw_visit_same(const unsigned char *p, const unsigned char *s,
    size_t len);
static size_t zwfw_visit_find(const unsigned char *p, size_t len,
    const zwfw_str_t *s);
static int zwfw_visit_engine(const unsigned char *host, size_t len);
static int zwfw_visit_marked(const unsigned char *p, size_t len,
    const zwfw_str_t *marks);
static size_t zwfw_visit_char(zwfw_visit_text_t *t);
static size_t zwfw_visit_digit(const unsigned char *p,
    const unsigned char *last);
static size_t zwfw_visit_number(zwfw_visit_text_t *t);
static size_t zwfw_visit_address(zwfw_visit_text_t *t);
static uint64_t zwfw_visit_word(const unsigned char *p, size_t len);
static void zwfw_visit_rounds(uint64_t *v, unsigned n);
static void zwfw_visit_put(unsigned char *p, uint64_t w);


static const zwfw_str_t  zwfw_visit_engines[] = {
    zwfw_string("baidu"), zwfw_string("sogou"), zwfw_string("so"),
    zwfw_string("bing"), zwfw_string("google"), zwfw_string("sm"),
    zwfw_string("toutiao"), zwfw_string("yandex"), zwfw_string("duckduckgo"),
    zwfw_null_string
};

static const zwfw_str_t  zwfw_visit_bots[] = {
    zwfw_string("bot"), zwfw_string("spider"), zwfw_string("crawl"),
    zwfw_string("curl/"), zwfw_string("wget/"), zwfw_null_string
};

static const zwfw_str_t  zwfw_visit_tablets[] = {
    zwfw_string("ipad"), zwfw_string("tablet"), zwfw_null_string
};

static const zwfw_str_t  zwfw_visit_mobiles[] = {
    zwfw_string("mobile"), zwfw_string("iphone"), zwfw_string("android"),
    zwfw_null_string
};


zwfw_referrer_e
zwfw_visit_referrer(const unsigned char *p, size_t len,
    const unsigned char *host, size_t host_len)
{
    size_t  n;

    static const zwfw_str_t  scheme = zwfw_string("://");

    if (len == 0) {
        return ZWFW_REFERRER_DIRECT;
    }

    n = zwfw_visit_find(p, len < 10 ? len : 10, &scheme);

    if (n == 0) {
        return ZWFW_REFERRER_EXTERNAL;
    }

    p += n;
    len -= n;

    for (n = 0; n < len && p[n] != '/' && p[n] != ':' && p[n] != '?'; n++) {
        /* void */
    }

    if (n == host_len && zwfw_visit_same(p, host, n)) {
        return ZWFW_REFERRER_INTERNAL;
    }

    return zwfw_visit_engine(p, n) ? ZWFW_REFERRER_SEARCH
                                   : ZWFW_REFERRER_EXTERNAL;
}


zwfw_device_e
zwfw_visit_device(const unsigned char *p, size_t len)
{
    if (len > ZWFW_VISIT_HEADER) {
        len = ZWFW_VISIT_HEADER;
    }

    if (zwfw_visit_marked(p, len, zwfw_visit_bots)) {
        return ZWFW_DEVICE_BOT;
    }

    if (zwfw_visit_marked(p, len, zwfw_visit_tablets)) {
        return ZWFW_DEVICE_TABLET;
    }

    if (zwfw_visit_marked(p, len, zwfw_visit_mobiles)) {
        return ZWFW_DEVICE_MOBILE;
    }

    return ZWFW_DEVICE_PC;
}


/* s is in lower case */

static int
zwfw_visit_same(const unsigned char *p, const unsigned char *s, size_t len)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < len; i++) {
        c = p[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (c != s[i]) {
            return 0;
        }
    }

    return 1;
}


/* where it ends; 0: it is not there */

static size_t
zwfw_visit_find(const unsigned char *p, size_t len, const zwfw_str_t *s)
{
    size_t  i;

    for (i = 0; i + s->len <= len; i++) {
        if (zwfw_visit_same(p + i, s->data, s->len)) {
            return i + s->len;
        }
    }

    return 0;
}


/* is a label of the host, but the last one, an engine's name? */

static int
zwfw_visit_engine(const unsigned char *host, size_t len)
{
    size_t             i, begin;
    const zwfw_str_t  *s;

    begin = 0;

    for (i = 0; i < len; i++) {
        if (host[i] != '.') {
            continue;
        }

        for (s = zwfw_visit_engines; s->len; s++) {
            if (i - begin == s->len
                && zwfw_visit_same(host + begin, s->data, s->len))
            {
                return 1;
            }
        }

        begin = i + 1;
    }

    return 0;
}


static int
zwfw_visit_marked(const unsigned char *p, size_t len, const zwfw_str_t *marks)
{
    for ( /* void */ ; marks->len; marks++) {
        if (zwfw_visit_find(p, len, marks)) {
            return 1;
        }
    }

    return 0;
}


void
zwfw_visit_words(const unsigned char *p, size_t len, size_t chars,
    unsigned char *out, size_t size)
{
    size_t             n, skip;
    unsigned char     *begin;
    zwfw_visit_text_t  t;

    begin = out;
    skip = 1;
    t.p = p;
    t.last = p + len;

    while (t.p < t.last && chars) {

        /* what is left of a word behind a number may still have its "@" */

        skip = (skip || t.p[-1] == ' ') ? zwfw_visit_address(&t) : 0;

        if (skip == 0) {
            skip = zwfw_visit_number(&t);
        }

        n = skip ? 3 : zwfw_visit_char(&t);

        if (n == 0) {
            out = begin;
            break;
        }

        if (out + n >= begin + size || (skip && chars < 3)) {
            break;
        }

        memcpy(out, skip ? (const unsigned char *) "***" : t.p, n);
        out += n;
        t.p += skip ? skip : n;
        chars -= skip ? 3 : 1;
    }

    *out = '\0';
}


/* bytes of the next character; 0: it is none of a text */

static size_t
zwfw_visit_char(zwfw_visit_text_t *t)
{
    size_t         i, n;
    uint32_t       c;

    static const uint32_t  least[] = { 0, 0x20, 0x80, 0x800, 0x10000 };

    c = *t->p;

    if (c < 0x80) {
        return c < 0x20 || c == 0x7f ? 0 : 1;
    }

    n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

    if (c < 0xc2 || c > 0xf4 || (size_t) (t->last - t->p) < n) {
        return 0;
    }

    c &= 0x7f >> n;

    for (i = 1; i < n; i++) {
        if ((t->p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (t->p[i] & 0x3f);
    }

    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)
           ? 0 : n;
}


/* bytes of a digit, U+FF10 to U+FF19 among them */

static size_t
zwfw_visit_digit(const unsigned char *p, const unsigned char *last)
{
    if (p < last && *p >= '0' && *p <= '9') {
        return 1;
    }

    return last - p >= 3 && p[0] == 0xef && p[1] == 0xbc
           && p[2] >= 0x90 && p[2] <= 0x99
           ? 3 : 0;
}


/* bytes of a long number; 0: there is none */

static size_t
zwfw_visit_number(zwfw_visit_text_t *t)
{
    size_t                n, digits;
    const unsigned char  *p, *end;

    digits = 0;
    end = t->p;

    for (p = t->p; (n = zwfw_visit_digit(p, t->last)) > 0; /* void */ ) {
        digits++;
        p += n;
        end = p;

        if (p < t->last && (*p == ' ' || *p == '-')) {
            p++;
        }
    }

    return digits < ZWFW_VISIT_DIGITS ? 0 : end - t->p;
}


/* bytes of a word with "@"; 0: this one has none */

static size_t
zwfw_visit_address(zwfw_visit_text_t *t)
{
    int                   at;
    const unsigned char  *p;

    at = 0;

    for (p = t->p; p < t->last && *p != ' '; p++) {
        if (*p == '@') {
            at = 1;
        }
    }

    return at ? p - t->p : 0;
}


void
zwfw_visit_hash(const unsigned char key[16], const unsigned char *p,
    size_t len, unsigned char hash[16])
{
    size_t    left;
    uint64_t  w, k0, k1, v[4];

    k0 = zwfw_visit_word(key, 8);
    k1 = zwfw_visit_word(key + 8, 8);

    v[0] = k0 ^ 0x736f6d6570736575ULL;
    v[1] = k1 ^ 0x646f72616e646f6dULL ^ 0xee;
    v[2] = k0 ^ 0x6c7967656e657261ULL;
    v[3] = k1 ^ 0x7465646279746573ULL;

    for (left = len; left >= 8; left -= 8) {
        memcpy(&w, p, 8);
        w = le64toh(w);
        v[3] ^= w;
        zwfw_visit_rounds(v, 2);
        v[0] ^= w;
        p += 8;
    }

    w = (uint64_t) len << 56 | zwfw_visit_word(p, left);
    v[3] ^= w;
    zwfw_visit_rounds(v, 2);
    v[0] ^= w;

    v[2] ^= 0xee;
    zwfw_visit_rounds(v, 4);
    zwfw_visit_put(hash, v[0] ^ v[1] ^ v[2] ^ v[3]);

    v[1] ^= 0xdd;
    zwfw_visit_rounds(v, 4);
    zwfw_visit_put(hash + 8, v[0] ^ v[1] ^ v[2] ^ v[3]);
}


/* little-endian, at most 8 bytes */

static uint64_t
zwfw_visit_word(const unsigned char *p, size_t len)
{
    uint64_t  w;

    w = 0;

    if (len) {
        memcpy(&w, p, len);
    }

    return le64toh(w);
}


/* the four words stay in registers */

static void
zwfw_visit_rounds(uint64_t *v, unsigned n)
{
    uint64_t  a, b, c, d;

    a = v[0];
    b = v[1];
    c = v[2];
    d = v[3];

    while (n--) {
        a += b;
        c += d;
        b = (b << 13 | b >> 51) ^ a;
        d = (d << 16 | d >> 48) ^ c;
        a = a << 32 | a >> 32;
        c += b;
        a += d;
        b = (b << 17 | b >> 47) ^ c;
        d = (d << 21 | d >> 43) ^ a;
        c = c << 32 | c >> 32;
    }

    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
}


static void
zwfw_visit_put(unsigned char *p, uint64_t w)
{
    w = htole64(w);
    memcpy(p, &w, sizeof(w));
}
