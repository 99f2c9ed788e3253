
/*
 * Forms: a tree out of pairs, written as pairs again, is the same tree, in
 * whatever order the pairs come
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_form.h"


#define FUZZ_PAIRS  1200


typedef struct {
    zwfw_str_t   name;
    zwfw_json_t *value;
} pair_t;


static int parse(zwfw_str_t *text, zwfw_json_t **root,
    zwfw_json_error_t *error);
static void accepted(zwfw_json_t *root);
static void collect(zwfw_json_t *json, const char *path);
static zwfw_json_t *put(int backwards);
static zwfw_str_t encode(void);


static pair_t    pairs[FUZZ_PAIRS];
static unsigned  npairs;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    zwfw_str_t          text;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    text = tap_copy(data, size);
    memset(&error, 0, sizeof(zwfw_json_error_t));

    rc = parse(&text, &root, &error);

    if (rc == ZWFW_OK) {
        accepted(root);

    } else {
        fuzz_must(rc == ZWFW_DECLINED, "read or refused");
        fuzz_must(fuzz_among(error.code, " bad_name duplicate_key too_deep"
                             " too_many bad_utf8 bad_character bad_escape "),
                  "a code of those that are documented");
        fuzz_must(fuzz_text(&error.field), "the field is a text");
        fuzz_must(error.field.len <= ZWFW_FORM_NAME + 3, "and a short one");
    }

    tap_mem_reset(TAP_MEM_ALL);
    text = tap_copy(data, size);
    tap_mem_left(1 + fuzz_dice(&text, 16));

    rc = parse(&text, &root, &error);

    fuzz_must(rc == ZWFW_OK || rc == ZWFW_DECLINED || rc == ZWFW_ERROR,
              "out of memory is an error of its own");

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static int
parse(zwfw_str_t *text, zwfw_json_t **root, zwfw_json_error_t *error)
{
    *root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

    return zwfw_form_parse(tap_mem, text->data, text->len, *root, error);
}


static void
accepted(zwfw_json_t *root)
{
    zwfw_str_t          text;
    zwfw_json_t        *again;
    zwfw_json_error_t   error;

    fuzz_tree(root, ZWFW_FORM_DEPTH);

    npairs = 0;
    collect(root, "");

    fuzz_must(npairs <= ZWFW_FORM_PAIRS, "not too many pairs");
    fuzz_must(fuzz_same(root, put(0)), "the same pairs, the same tree");
    fuzz_must(fuzz_same(root, put(1)), "backwards as well");

    text = encode();

    fuzz_must(parse(&text, &again, &error) == ZWFW_OK
              && fuzz_same(root, again), "it is read again as the same");
}


/* the name of each value, and the value */

static void
collect(zwfw_json_t *json, const char *path)
{
    char          name[ZWFW_FORM_NAME + 20];
    int           n;
    unsigned      i;
    zwfw_json_t  *child;

    if (json->type == ZWFW_JSON_STRING) {
        fuzz_must(json->value.len != 0, "an empty value is absent");
        fuzz_must(npairs < FUZZ_PAIRS, "not too many");

        pairs[npairs].name = tap_str(path);
        pairs[npairs++].value = json;
        return;
    }

    fuzz_must(json->count <= ZWFW_FORM_INDEX
              || json->type == ZWFW_JSON_OBJECT, "arrays are short");

    for (child = json->child, i = 0; child; child = child->next, i++) {

        if (json->type == ZWFW_JSON_ARRAY) {
            n = snprintf(name, sizeof(name), "%s.%u", path, i);

        } else {
            n = snprintf(name, sizeof(name), "%s%s%.*s", path,
                         *path ? "." : "", (int) child->key.len,
                         (char *) child->key.data);
        }

        fuzz_must(n <= ZWFW_FORM_NAME, "names are short");
        collect(child, name);
    }
}


static zwfw_json_t *
put(int backwards)
{
    pair_t             *pair;
    unsigned            i;
    zwfw_json_t        *root;
    zwfw_json_error_t   error;

    root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

    for (i = 0; i < npairs; i++) {
        pair = &pairs[backwards ? npairs - i - 1 : i];

        fuzz_must(zwfw_form_put(tap_mem, root, &pair->name, pair->value,
                                &error) == ZWFW_OK, "it is put");
    }

    fuzz_must(zwfw_form_done(root, &error) == ZWFW_OK, "without a hole");

    return root;
}


/* each byte but letters as an escape */

static zwfw_str_t
encode(void)
{
    char        *p;
    size_t       i, j, len;
    unsigned     part;
    zwfw_str_t   text, *s;

    len = 1;

    for (i = 0; i < npairs; i++) {
        len += 3 * (pairs[i].name.len + pairs[i].value->value.len) + 2;
    }

    text.data = tap_mem->alloc(NULL, len);
    p = (char *) text.data;

    for (i = 0; i < npairs; i++) {

        for (part = 0; part < 2; part++) {
            s = part ? &pairs[i].value->value : &pairs[i].name;

            for (j = 0; j < s->len; j++) {
                p += (s->data[j] >= 'a' && s->data[j] <= 'z')
                     ? sprintf(p, "%c", s->data[j])
                     : sprintf(p, (i & 1) ? "%%%02X" : "%%%02x", s->data[j]);
            }

            *p++ = part ? '&' : '=';
        }
    }

    text.len = (unsigned char *) p - text.data;

    return tap_copy(text.data, text.len);
}
