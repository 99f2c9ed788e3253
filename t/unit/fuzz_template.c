
/*
 * Templates: a text and, behind a NUL, a second one, which is every partial of
 * both, rendered over a hostile tree when they compile
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "template_kit.h"


static int render(kit_t *kit, zwfw_str_t *text, zwfw_str_t *partial);
static zwfw_json_t *tree(void);
static int escapes(zwfw_str_t *s);
static void seen(void *data, zwfw_str_t *name);


static kit_t     kit;
static unsigned  named;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    size_t          len;
    zwfw_str_t      input, text, partial;
    unsigned char  *first;

    if (kit.render.mem == NULL) {
        kit_init(&kit);
    }

    input = tap_copy(data, size);
    text = fuzz_take(&input, '\0');
    partial = fuzz_take(&input, '\0');

    kit.fail = 0;
    rc = render(&kit, &text, &partial);

    fuzz_must(rc == ZWFW_OK || rc == ZWFW_DECLINED, "rendered or refused");

    if (rc == ZWFW_OK) {
        len = kit.len;

        if (escapes(&text) && escapes(&partial)) {
            fuzz_must(memchr(kit.out, '"', len) == NULL, "values are escaped");
        }

        first = malloc(len + 1);
        memcpy(first, kit.out, len);

        fuzz_must(render(&kit, &text, &partial) == ZWFW_OK && kit.len == len
                  && memcmp(first, kit.out, len) == 0, "twice is the same");
        free(first);

        kit.fail = 1;
        fuzz_must(render(&kit, &text, &partial)
                  == (len ? ZWFW_ERROR : ZWFW_OK), "a failed write is told");
        kit.fail = 0;
    }

    tap_mem_reset(TAP_MEM_ALL);
    kit.npartials = 0;

    return 0;
}


static int
render(kit_t *kit, zwfw_str_t *text, zwfw_str_t *partial)
{
    unsigned          i;
    zwfw_template_t  *t, *p;

    static zwfw_str_t  names[] = {
        zwfw_string("p"), zwfw_string("parent"), zwfw_string("include"),
        zwfw_string("partial"), zwfw_string("text"), zwfw_string("node")
    };

    kit->npartials = 0;

    t = kit_compile(kit, text->data, text->len);

    if (t == NULL) {
        fuzz_must(kit->error[0] >= '1' && kit->error[0] <= '9',
                  "an error names the line");
        return ZWFW_DECLINED;
    }

    named = 0;
    zwfw_template_names(t, seen, text);
    zwfw_template_filters(t, seen, text);
    fuzz_must(named <= text->len, "fewer names than bytes");

    p = kit_compile(kit, partial->data, partial->len);

    for (i = 0; p && i < sizeof(names) / sizeof(names[0]); i++) {
        kit_partial(kit, &names[i], p);
    }

    return kit_render(kit, t, tree());
}


static zwfw_json_t *
tree(void)
{
    static const char  data[] =
        "{\"a\":[{\"a\":1,\"b\":\"<\\\"\"},{\"a\":[[],[0]]},null,\"\","
        "\"x\\ny\\\"\"],\"b\":{\"c\":{\"a\":\"2026-11-23\"}},\"boolean\":true,"
        "\"list\":[1],\"foo\":\"\\\"b\\\"\",\"nodes\":[{\"nodes\":[]}],"
        "\"text\":\"\\ud83d\\ude00\\\"\",\"string\":\"---\\\"\"}";

    return kit_json(data, sizeof(data) - 1);
}


/* there is no quote in it, and nothing that shows a value as it is */

static int
escapes(zwfw_str_t *s)
{
    size_t  i, j;

    for (i = 0; i < s->len; i++) {

        if (strchr("\"&=", s->data[i])) {
            return 0;
        }

        if (s->data[i] != '{' || i == 0 || s->data[i - 1] != '{') {
            continue;
        }

        for (j = i + 1; j < s->len && s->data[j]
                        && strchr(" \t\r\n\v\f", s->data[j]); j++)
        {
            /* void */
        }

        if (j < s->len && s->data[j] == '{') {
            return 0;
        }
    }

    return 1;
}


/* names are parts of the text */

static void
seen(void *data, zwfw_str_t *name)
{
    zwfw_str_t *text = data;

    fuzz_must(name->len == 0
              || memmem(text->data, text->len, name->data, name->len) != NULL,
              "a name out of the text");
    named++;
}
