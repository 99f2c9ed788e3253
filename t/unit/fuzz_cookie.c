
/*
 * Cookies: what is found is what a plain reading finds, and a header in two
 * pieces has what the pieces have.  The first line of an input is the name,
 * and where that cannot be one, "zwfw" is
 */


#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_agent.h"
#include "zwfw_cookie.h"


static unsigned find(zwfw_str_t *header, zwfw_str_t *name,
    zwfw_str_t *value);
static unsigned plain(zwfw_str_t *header, zwfw_str_t *name,
    zwfw_str_t *value);
static zwfw_str_t named(zwfw_str_t line);
static zwfw_str_t trimmed(unsigned char *p, unsigned char *last);
static int token(zwfw_str_t *s);
static void agent(zwfw_str_t *header);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned        n;
    zwfw_str_t      header, name, value, other, left, right;

    header = tap_copy(data, size);
    name = named(fuzz_take(&header, '\n'));
    header = tap_copy(header.data, header.len);

    n = find(&header, &name, &value);

    fuzz_must(n == plain(&header, &name, &other), "found as often");

    if (n) {
        fuzz_must(fuzz_equal(&value, &other), "the same value");
        fuzz_must(value.data >= header.data && value.data + value.len
                  <= header.data + header.len, "out of the header");
        fuzz_must(zwfw_cookie_token(&value)
                  == (token(&value) ? ZWFW_OK : ZWFW_DECLINED), "a token");
    }

    right = header;
    left = fuzz_take(&right, ';');

    fuzz_must(n == find(&left, &name, &other) + find(&right, &name, &other),
              "in two pieces");

    value = tap_copy(data, size < 43 ? size : 43);
    fuzz_must(zwfw_cookie_token(&value)
              == (token(&value) ? ZWFW_OK : ZWFW_DECLINED), "tokens");

    agent(&header);
    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static unsigned
find(zwfw_str_t *header, zwfw_str_t *name, zwfw_str_t *value)
{
    return zwfw_cookie_find(header->data, header->len, name, value);
}


static unsigned
plain(zwfw_str_t *header, zwfw_str_t *name, zwfw_str_t *value)
{
    unsigned        n;
    zwfw_str_t      rest, pair, key;
    unsigned char  *equal;

    n = 0;
    rest = *header;

    while (rest.len) {
        pair = fuzz_take(&rest, ';');
        equal = pair.len ? memchr(pair.data, '=', pair.len) : NULL;

        if (equal == NULL) {
            continue;
        }

        key = trimmed(pair.data, equal);

        if (fuzz_equal(&key, name)) {
            *value = trimmed(equal + 1, pair.data + pair.len);
            n++;
        }
    }

    return n;
}


static zwfw_str_t
named(zwfw_str_t line)
{
    size_t  i;

    static zwfw_str_t  ours = zwfw_string("zwfw");

    for (i = 0; i < line.len; i++) {
        if (strchr(" \t=;", line.data[i]) != NULL) {
            return ours;
        }
    }

    return line.len ? line : ours;
}


static zwfw_str_t
trimmed(unsigned char *p, unsigned char *last)
{
    zwfw_str_t  s;

    for ( /* void */ ; p < last && (*p == ' ' || *p == '\t'); p++) {
        /* void */
    }

    for ( /* void */ ; p < last && (last[-1] == ' ' || last[-1] == '\t');
          last--)
    {
        /* void */
    }

    s.data = p;
    s.len = last - p;

    return s;
}


/* decoded to 32 bytes, and nothing is left over */

static int
token(zwfw_str_t *s)
{
    size_t       i;
    uint32_t     bits;
    const char  *at;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "abcdefghijklmnopqrstuvwxyz0123456789-_";

    bits = 0;

    for (i = 0; i < s->len; i++) {
        at = s->data[i] ? strchr(letters, s->data[i]) : NULL;

        if (at == NULL) {
            return 0;
        }

        bits = at - letters;
    }

    return s->len * 6 / 8 == 32 && s->len * 6 - 32 * 8 < 6
           && (bits & ((1 << (s->len * 6 - 32 * 8)) - 1)) == 0;
}


static void
agent(zwfw_str_t *header)
{
    zwfw_agent_t  all, head;

    zwfw_agent(header->data, header->len, &all);
    zwfw_agent(header->data, header->len > 512 ? 512 : header->len, &head);

    fuzz_must(all.browser.len && all.system.len, "families have names");
    fuzz_must(fuzz_equal(&all.browser, &head.browser)
              && fuzz_equal(&all.system, &head.system),
              "no more than 512 bytes are looked at");
}
