
/*
 * UTF-8, checked
 */


#include "zwfw_utf8.h"


uint32_t
zwfw_utf8_next(const unsigned char **p, const unsigned char *last)
{
    size_t                n;
    uint32_t              c, least;
    const unsigned char  *s;

    s = *p;
    c = *s++;

    if (c < 0x80) {
        *p = s;
        return c;
    }

    if (c >= 0xc2 && c <= 0xdf) {
        n = 1;
        c &= 0x1f;
        least = 0x80;

    } else if (c >= 0xe0 && c <= 0xef) {
        n = 2;
        c &= 0x0f;
        least = 0x800;

    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 3;
        c &= 0x07;
        least = 0x10000;

    } else {
        return ZWFW_UTF8_BAD;
    }

    if ((size_t) (last - s) < n) {
        return ZWFW_UTF8_BAD;
    }

    while (n--) {

        if ((*s & 0xc0) != 0x80) {
            return ZWFW_UTF8_BAD;
        }

        c = (c << 6) | (*s++ & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return ZWFW_UTF8_BAD;
    }

    *p = s;

    return c;
}


int
zwfw_utf8_check(const unsigned char *text, size_t len, size_t *count)
{
    size_t                n;
    const unsigned char  *p, *last;

    if (len == 0) {
        if (count) {
            *count = 0;
        }

        return ZWFW_OK;
    }

    p = text;
    last = text + len;

    for (n = 0; p < last; n++) {

        if (zwfw_utf8_next(&p, last) == ZWFW_UTF8_BAD) {
            return ZWFW_DECLINED;
        }
    }

    if (count) {
        *count = n;
    }

    return ZWFW_OK;
}


size_t
zwfw_utf8_cut(zwfw_str_t *text, size_t len)
{
    if (text->len <= len) {
        return text->len;
    }

    while (len && (text->data[len] & 0xc0) == 0x80) {
        len--;
    }

    return len;
}
