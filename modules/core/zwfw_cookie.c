
/*
 * Cookies of requests, and the token of a session
 */


#include <string.h>

#include "zwfw_cookie.h"


static const unsigned char *zwfw_cookie_skip(const unsigned char *p,
    const unsigned char *last);


unsigned
zwfw_cookie_find(const unsigned char *header, size_t len,
    const zwfw_str_t *name, zwfw_str_t *value)
{
    unsigned              n;
    const unsigned char  *p, *end, *last, *next;

    n = 0;
    last = header + len;

    for (p = header; p < last; p = next) {
        end = memchr(p, ';', last - p);
        end = end ? end : last;
        next = (end < last) ? end + 1 : last;

        p = zwfw_cookie_value(zwfw_cookie_skip(p, end), end, name);

        if (p == NULL) {
            continue;
        }

        p = zwfw_cookie_skip(p, end);
        value->data = (unsigned char *) p;

        for (value->len = end - p; value->len; value->len--) {
            if (p[value->len - 1] != ' ' && p[value->len - 1] != '\t') {
                break;
            }
        }

        n++;
    }

    return n;
}


const unsigned char *
zwfw_cookie_value(const unsigned char *p, const unsigned char *end,
    const zwfw_str_t *name)
{
    if ((size_t) (end - p) <= name->len || *p != *name->data
        || memcmp(p, name->data, name->len) != 0)
    {
        return NULL;
    }

    p = zwfw_cookie_skip(p + name->len, end);

    return (p < end && *p == '=') ? p + 1 : NULL;
}


static const unsigned char *
zwfw_cookie_skip(const unsigned char *p, const unsigned char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


int
zwfw_cookie_token(const zwfw_str_t *token)
{
    size_t         i;
    unsigned char  c;

    if (token->len != ZWFW_TOKEN) {
        return ZWFW_DECLINED;
    }

    for (i = 0; i < ZWFW_TOKEN; i++) {
        c = token->data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return ZWFW_DECLINED;
        }
    }

    /* the last character stands for four bits and two zeros */

    if (memchr("AEIMQUYcgkosw048", token->data[ZWFW_TOKEN - 1], 16) == NULL) {
        return ZWFW_DECLINED;
    }

    return ZWFW_OK;
}
