
/*
 * Mustache: what a name stands for, and what a value is as a condition and as
 * a text
 */


#include <stdio.h>
#include <string.h>

#include "zwfw_render.h"


#define ZWFW_LOOKUP_COUNT  64    /* steps: it takes memory */


static zwfw_json_t *zwfw_render_member(zwfw_rendering_t *r,
    zwfw_json_t *json, zwfw_str_t *key);
static zwfw_json_t *zwfw_render_count(zwfw_rendering_t *r,
    zwfw_json_t *array, zwfw_str_t *key);


zwfw_json_t *
zwfw_render_find(zwfw_rendering_t *r, zwfw_op_t *op)
{
    unsigned         n;
    zwfw_str_t       part, rest;
    zwfw_json_t     *json;
    unsigned char   *dot;
    zwfw_context_t  *context;

    n = r->nroots;

    if (op->text.len == 1 && op->text.data[0] == '.') {

        if (r->context) {
            return r->context->json;
        }

        return n ? r->roots[n - 1] : NULL;
    }

    json = NULL;

    for (context = r->context; context && !json; context = context->up) {
        json = zwfw_render_member(r, context->json, &op->text);
    }

    while (n && !json) {
        json = zwfw_render_member(r, r->roots[--n], &op->text);
    }

    for (rest = op->rest; rest.len && json; /* void */ ) {

        part = rest;
        dot = memchr(rest.data, '.', rest.len);

        if (dot) {
            part.len = dot++ - part.data;
            rest.len -= dot - rest.data;
            rest.data = dot;

        } else {
            rest.len = 0;
        }

        json = (json->type == ZWFW_JSON_ARRAY)
               ? zwfw_render_count(r, json, &part)
               : zwfw_render_member(r, json, &part);
    }

    return json;
}


static zwfw_json_t *
zwfw_render_member(zwfw_rendering_t *r, zwfw_json_t *json, zwfw_str_t *key)
{
    size_t        n;
    zwfw_json_t  *child;

    if (json == NULL || json->type != ZWFW_JSON_OBJECT) {
        return NULL;
    }

    n = 0;

    for (child = json->child; child; child = child->next) {

        n++;

        if (child->key.len == key->len
            && memcmp(child->key.data, key->data, key->len) == 0)
        {
            break;
        }
    }

    zwfw_render_spend(r, n);

    return child;
}


/*
 * "count" of an array that is not empty: a number, so that nothing is looked
 * up in it by the names inside of {{#list.count}}
 */

static zwfw_json_t *
zwfw_render_count(zwfw_rendering_t *r, zwfw_json_t *array, zwfw_str_t *key)
{
    zwfw_str_t    number;
    zwfw_mem_t   *mem;
    zwfw_json_t  *count;

    if (array->child == NULL || key->len != 5
        || memcmp(key->data, "count", 5) != 0)
    {
        return NULL;
    }

    zwfw_render_spend(r, ZWFW_LOOKUP_COUNT);

    mem = r->render->mem;
    count = NULL;

    number.data = mem->alloc(mem->pool, 12);

    if (number.data) {
        number.len = snprintf((char *) number.data, 12, "%u", array->count);
        count = zwfw_json_new(mem, ZWFW_JSON_NUMBER, &number);
    }

    if (count == NULL) {
        r->failed = 1;
    }

    return count;
}


unsigned
zwfw_render_true(zwfw_json_t *json)
{
    if (json == NULL) {
        return 0;
    }

    switch (json->type) {

    case ZWFW_JSON_NULL:
    case ZWFW_JSON_FALSE:
        return 0;

    case ZWFW_JSON_STRING:
        return json->value.len != 0;

    case ZWFW_JSON_ARRAY:
        return json->child != NULL;

    default:
        return 1;
    }
}


zwfw_str_t
zwfw_render_string(zwfw_json_t *json)
{
    static const zwfw_str_t  yes = zwfw_string("true");
    static const zwfw_str_t  no = zwfw_string("false");
    static const zwfw_str_t  none = zwfw_null_string;

    if (json == NULL) {
        return none;
    }

    switch (json->type) {

    case ZWFW_JSON_NUMBER:
    case ZWFW_JSON_STRING:
        return json->value;

    case ZWFW_JSON_TRUE:
        return yes;

    case ZWFW_JSON_FALSE:
        return no;

    default:
        return none;
    }
}
