
/*
 * Filters of templates: days, money, and what is hidden
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_template.h"


typedef int (*filter_pt)(zwfw_mem_t *mem, zwfw_json_t *value,
    zwfw_str_t *result);


static zwfw_str_t filtered(filter_pt filter, zwfw_str_t *text);
static void hidden(zwfw_str_t *text);
static void days(zwfw_str_t *text);
static void money(zwfw_str_t *text);
static unsigned numbers(zwfw_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zwfw_str_t  text;

    text = tap_copy(data, size);

    /* values come out of JSON */

    if (fuzz_text(&text)) {
        hidden(&text);
        days(&text);
        money(&text);
    }

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static zwfw_str_t
filtered(filter_pt filter, zwfw_str_t *text)
{
    zwfw_str_t   result;
    zwfw_json_t  value;

    memset(&value, 0, sizeof(zwfw_json_t));
    value.type = ZWFW_JSON_STRING;
    value.value = tap_copy(text->data, text->len);

    fuzz_must(filter(tap_mem, &value, &result) == ZWFW_OK, "filtered");
    fuzz_must(fuzz_text(&result), "a text");
    fuzz_must(fuzz_equal(&value.value, text), "the value is as it was");

    tap_mem_left(0);
    filter(tap_mem, &value, &value.value);
    tap_mem_left(TAP_MEM_ALL);

    return result;
}


static void
hidden(zwfw_str_t *text)
{
    zwfw_str_t  s;

    s = filtered(zwfw_filter_mask, text);

    if (text->len == 0) {
        fuzz_must(s.len == 0, "nothing of nothing");
        return;
    }

    fuzz_must(memchr(s.data, '*', s.len) != NULL, "with a star");
    fuzz_must(memmem(s.data, s.len, text->data, text->len) == NULL
              || memchr(text->data, '*', text->len), "not all of it");

    if (memchr(text->data, '@', text->len) == NULL) {
        fuzz_must(numbers(&s) <= 7, "at most seven digits of a number");
    }
}


static void
days(zwfw_str_t *text)
{
    int         year, month, day, hour, minute;
    char        line[80];
    zwfw_str_t  s;

    s = filtered(zwfw_filter_date, text);

    if (!fuzz_equal(&s, text)) {
        snprintf(line, sizeof(line), "%.*s", (int) s.len, (char *) s.data);
        fuzz_must(sscanf(line, "%d年%d月%d日", &year, &month, &day) == 3
                  && month >= 1 && month <= 12 && day >= 1 && day <= 31
                  && year >= 0 && year <= 10000, "a day");
    }

    s = filtered(zwfw_filter_datetime, text);

    if (!fuzz_equal(&s, text) && memchr(s.data, ':', s.len)) {
        snprintf(line, sizeof(line), "%.*s", (int) s.len, (char *) s.data);
        fuzz_must(sscanf(line, "%d年%d月%d日 %d:%d", &year, &month, &day,
                         &hour, &minute) == 5
                  && hour >= 0 && hour <= 24 && minute >= 0 && minute <= 59,
                  "a time");
    }
}


/* without commas, point and unit it is the number again */

static void
money(zwfw_str_t *text)
{
    char        want[64];
    size_t      i, n;
    zwfw_str_t  s, got;
    long long   fen;

    s = filtered(zwfw_filter_yuan, text);

    if (fuzz_equal(&s, text) || text->len > 17) {
        return;
    }

    snprintf(want, sizeof(want), "%.*s", (int) text->len,
             (char *) text->data);
    fen = strtoll(want, NULL, 10);

    n = 0;
    got = tap_copy(s.data, s.len);

    for (i = 0; i < s.len; i++) {
        if ((s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '-') {
            got.data[n++] = s.data[i];
        }
    }

    got.data[n] = '\0';
    fuzz_must(strtoll((char *) got.data, NULL, 10) == fen, "the same money");
    fuzz_must(s.len >= 8 && s.data[s.len - 7] == '.', "fen behind a point");
}


static unsigned
numbers(zwfw_str_t *s)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < s->len; i++) {
        n += (s->data[i] >= '0' && s->data[i] <= '9');
    }

    return n;
}
