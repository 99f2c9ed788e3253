
/*
 * JSON: what is read is written, and read again as the same
 */


#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_record.h"


static void accepted(zwfw_str_t *text, zwfw_json_t *json);
static void paths(zwfw_json_t *root);
static void record(zwfw_str_t *text);


static const zwfw_json_limits_t  limits = { 8, 200, 50, 40 };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                rc;
    zwfw_str_t         text;
    zwfw_json_t       *json;
    zwfw_json_error_t  error;

    text = tap_copy(data, size);
    memset(&error, 0, sizeof(zwfw_json_error_t));

    rc = zwfw_json_parse(tap_mem, text.data, text.len, &limits, &json, &error);

    if (rc == ZWFW_OK) {
        accepted(&text, json);

    } else {
        fuzz_must(rc == ZWFW_DECLINED, "read or refused");
        fuzz_must(fuzz_among(error.code, " bad_json bad_utf8 bad_character"
                             " too_deep too_many bad_number duplicate_key "),
                  "a code of those that are documented");
        fuzz_must(fuzz_text(&error.field), "the field is a text");
    }

    tap_mem_reset(TAP_MEM_ALL);
    text = tap_copy(data, size);
    record(&text);

    tap_mem_reset(TAP_MEM_ALL);
    text = tap_copy(data, size);
    tap_mem_left(fuzz_dice(&text, 8));

    rc = zwfw_json_parse(tap_mem, text.data, text.len, &limits, &json, &error);

    fuzz_must(rc == ZWFW_OK || rc == ZWFW_DECLINED || rc == ZWFW_ERROR,
              "out of memory is an error of its own");

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static void
accepted(zwfw_str_t *text, zwfw_json_t *json)
{
    size_t       i;
    zwfw_str_t   out, again;
    zwfw_json_t *copy;

    fuzz_must(fuzz_text(text), "only a text is read");
    fuzz_tree(json, limits.depth + 1);
    paths(json);

    out = fuzz_write(json);

    for (i = 0; i < out.len; i++) {
        fuzz_must(out.data[i] >= 0x20 && out.data[i] != '<',
                  "it may stand in a script element");
    }

    copy = fuzz_read(&out);
    fuzz_must(copy && fuzz_same(json, copy), "it is read again as the same");

    again = fuzz_write(copy);
    fuzz_must(fuzz_equal(&out, &again), "and written the same");
}


/* members are found by their path */

static void
paths(zwfw_json_t *root)
{
    zwfw_json_t  *child;

    if (root->type != ZWFW_JSON_OBJECT) {
        return;
    }

    for (child = root->child; child; child = child->next) {

        if (child->key.len && memchr(child->key.data, '.', child->key.len)) {
            continue;
        }

        fuzz_must(zwfw_json_find(root, (char *) child->key.data,
                                 child->key.len) == child, "by its path");
    }
}


/* what is read without a tree is what the tree has */

static void
record(zwfw_str_t *text)
{
    int                 rc;
    size_t              i;
    zwfw_str_t          values[4];
    zwfw_json_t        *json, *value;
    zwfw_json_error_t   error;

    zwfw_member_t  members[] = {
        { "uid", 0, &values[0] },
        { "name", 0, &values[1] },
        { "who", 1, &values[2] },
        { "a", 1, &values[3] }
    };

    memset(values, 0, sizeof(values));

    if (zwfw_record_read(text->data, text->len, members, 4) != ZWFW_OK) {
        return;
    }

    rc = zwfw_json_parse(tap_mem, text->data, text->len, &limits, &json,
                         &error);

    fuzz_must(rc == ZWFW_OK || strcmp(error.code, "too_many") == 0,
              "a record is JSON");

    for (i = 0; rc == ZWFW_OK && i < 4; i++) {
        value = zwfw_json_get(json, members[i].name, strlen(members[i].name));

        fuzz_must((value != NULL) == (values[i].data != NULL),
                  "the same members");

        fuzz_must(value == NULL
                  || (fuzz_equal(&value->value, &values[i])
                      && value->type == (members[i].number
                                         ? ZWFW_JSON_NUMBER
                                         : ZWFW_JSON_STRING)),
                  "of the same values");
    }
}
