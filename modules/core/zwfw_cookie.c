
/*
 * Cookies of requests, and the token of a session
 */


#include <string.h>

#include "zwfw_cookie.h"


static const unsigned char *zwfw_cookie_skip(const unsigned char *p,
    const unsigned char *last);
static const unsigned char *zwfw_cookie_end(const unsigned char *p,
    const unsigned char *last);


unsigned
zwfw_cookie_find(const unsigned char *header, size_t len,
    const zwfw_str_t *name, zwfw_str_t *value)
{
    unsigned              n;
    const unsigned char  *p, *end, *last, *eq, *next;

    n = 0;
    last = header + len;

    for (p = header; p < last; p = next) {
        end = memchr(p, ';', last - p);
        end = end ? end : last;
        next = (end < last) ? end + 1 : last;

        eq = memchr(p, '=', end - p);
        if (eq == NULL) {
            continue;
        }

        p = zwfw_cookie_skip(p, eq);

        if ((size_t) (zwfw_cookie_end(p, eq) - p) != name->len
            || memcmp(p, name->data, name->len) != 0)
        {
            continue;
        }

        p = zwfw_cookie_skip(eq + 1, end);

        value->data = (unsigned char *) p;
        value->len = zwfw_cookie_end(p, end) - p;
        n++;
    }

    return n;
}


static const unsigned char *
zwfw_cookie_skip(const unsigned char *p, const unsigned char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


static const unsigned char *
zwfw_cookie_end(const unsigned char *p, const unsigned char *last)
{
    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    return last;
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
