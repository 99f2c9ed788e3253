
/*
 * Visits: what is kept of search words is a short text without long numbers
 * and addresses.  The first byte of an input is the number of characters
 */


#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_utf8.h"
#include "zwfw_visit.h"


#define FUZZ_ROOM  48


static void words(zwfw_str_t *input);
static unsigned digits(zwfw_str_t *s);
static void header(zwfw_str_t *input);
static void hash(zwfw_str_t *input);
static void cut(zwfw_str_t *input);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zwfw_str_t  input;

    input = tap_copy(data, size);

    words(&input);
    header(&input);
    hash(&input);
    cut(&input);

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static void
words(zwfw_str_t *input)
{
    size_t           i, chars, count;
    zwfw_str_t       text, out, again;

    if (input->len == 0) {
        return;
    }

    chars = input->data[0] % 50;
    text = tap_copy(input->data + 1, input->len - 1);

    out.data = tap_mem->alloc(NULL, FUZZ_ROOM);
    memset(out.data, 'x', FUZZ_ROOM);
    zwfw_visit_words(text.data, text.len, chars, out.data, FUZZ_ROOM);

    fuzz_must(memchr(out.data, '\0', FUZZ_ROOM) != NULL, "it has an end");
    out.len = strlen((char *) out.data);

    fuzz_must(zwfw_utf8_check(out.data, out.len, &count) == ZWFW_OK
              && fuzz_text(&out), "it is a text");
    fuzz_must(count <= chars, "no more characters than asked for");
    fuzz_must(out.len == 0 || memchr(out.data, '@', out.len) == NULL,
              "no address");
    fuzz_must(digits(&out) < 6, "no long number");

    for (i = 0; i < out.len; i++) {
        fuzz_must(out.data[i] >= 0x20 && out.data[i] != 0x7f, "no control");
    }

    again.data = tap_mem->alloc(NULL, FUZZ_ROOM);
    zwfw_visit_words(out.data, out.len, chars, again.data, FUZZ_ROOM);
    again.len = strlen((char *) again.data);
    fuzz_must(fuzz_equal(&out, &again), "nothing is left to hide");
}


/* the most of them in a row, one space or hyphen between two */

static unsigned
digits(zwfw_str_t *s)
{
    size_t    i;
    unsigned  n, most;

    n = 0;
    most = 0;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] >= '0' && s->data[i] <= '9') {
            n++;

        } else if (i + 2 < s->len && memcmp(s->data + i, "\xef\xbc", 2) == 0
                   && s->data[i + 2] >= 0x90 && s->data[i + 2] <= 0x99)
        {
            n++;
            i += 2;

        } else if ((s->data[i] != ' ' && s->data[i] != '-')
                   || (i && (s->data[i - 1] == ' ' || s->data[i - 1] == '-')))
        {
            n = 0;
        }

        most = n > most ? n : most;
    }

    return most;
}


static void
header(zwfw_str_t *input)
{
    zwfw_str_t       text;
    zwfw_device_e    device;
    zwfw_referrer_e  referrer;

    static const char  host[] = "shandong.example";

    text = tap_copy(input->data, input->len);

    referrer = zwfw_visit_referrer(text.data, text.len,
                                   (unsigned char *) host, sizeof(host) - 1);

    fuzz_must((referrer == ZWFW_REFERRER_DIRECT) == (text.len == 0),
              "none is direct");

    if (referrer == ZWFW_REFERRER_INTERNAL) {
        fuzz_must(text.len >= sizeof(host) + 2, "with the own host in it");
    }

    device = zwfw_visit_device(text.data, text.len);
    fuzz_must(device >= ZWFW_DEVICE_PC && device <= ZWFW_DEVICE_BOT,
              "some device");
    fuzz_must(device == zwfw_visit_device(text.data, text.len > 512
                                                     ? 512 : text.len),
              "no more than 512 bytes are looked at");
}


static void
hash(zwfw_str_t *input)
{
    zwfw_str_t     moved;
    unsigned char  one[16], other[16];

    static const unsigned char  key[16] = "0123456789abcde";

    moved = tap_copy(input->data, input->len);
    moved.data = tap_mem->alloc(NULL, input->len + 1);
    memcpy(moved.data + 1, input->data, input->len);

    zwfw_visit_hash(key, input->data, input->len, one);
    zwfw_visit_hash(key, moved.data + 1, input->len, other);
    fuzz_must(memcmp(one, other, 16) == 0, "wherever it stands");

    if (input->len) {
        moved.data[1] ^= 1;
        zwfw_visit_hash(key, moved.data + 1, input->len, other);
        fuzz_must(memcmp(one, other, 16) != 0, "another text, another one");
    }
}


/* UTF-8, and where it may be cut */

static void
cut(zwfw_str_t *input)
{
    size_t      n;
    zwfw_str_t  head;

    fuzz_must(!fuzz_text(input)
              || zwfw_utf8_check(input->data, input->len, NULL) == ZWFW_OK,
              "a text is one");
    fuzz_must(fuzz_text(input)
              || (input->len && memchr(input->data, '\0', input->len))
              || zwfw_utf8_check(input->data, input->len, NULL) != ZWFW_OK,
              "what is none is refused");

    if (!fuzz_text(input)) {
        return;
    }

    for (n = 0; n <= input->len; n++) {
        head.data = input->data;
        head.len = zwfw_utf8_cut(input, n);

        fuzz_must(head.len <= n && head.len + 3 >= n, "a short cut");
        fuzz_must(fuzz_text(&head), "through no character");
    }
}
