
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_kit.h"


#define KIT_FILE    (256 * 1024)
#define KIT_OUTPUT  (4 * 1024 * 1024)


static int kit_write(void *data, const unsigned char *p, size_t len);
static zwfw_template_t *kit_find(void *data, zwfw_str_t *name);
static int kit_filter(void *data, zwfw_str_t *filter, zwfw_str_t *key,
    zwfw_json_t *value, zwfw_str_t *result);
static int kit_word(zwfw_str_t *key, zwfw_json_t *value,
    zwfw_str_t *result);


const char  *kit_files[] = {
    "comments", "delimiters", "inheritance", "interpolation", "inverted",
    "partials", "sections", NULL
};


void
kit_init(kit_t *kit)
{
    memset(kit, 0, sizeof(kit_t));

    kit->render.mem = tap_mem;
    kit->render.write = kit_write;
    kit->render.partial = kit_find;
    kit->render.filter = kit_filter;
    kit->render.data = kit;
}


void
kit_done(kit_t *kit)
{
    tap_mem_reset(TAP_MEM_ALL);
    free(kit->out);

    kit->out = NULL;
    kit->npartials = 0;
}


zwfw_json_t *
kit_cases(const char *file)
{
    char    path[64];
    char   *text;
    FILE   *f;
    size_t  len;

    snprintf(path, sizeof(path), "data/mustache/%s.json", file);

    text = tap_mem->alloc(NULL, KIT_FILE);
    f = fopen(path, "r");

    if (text == NULL || f == NULL) {
        printf("Bail out!  %s cannot be read\n", path);
        exit(1);
    }

    len = fread(text, 1, KIT_FILE, f);
    fclose(f);

    return zwfw_json_get(kit_json(text, len), "tests", 5);
}


zwfw_json_t *
kit_json(const char *text, size_t len)
{
    zwfw_json_t         *json;
    zwfw_json_error_t    error;
    zwfw_json_limits_t   limits;

    limits.depth = 1000;
    limits.nodes = 1000000;
    limits.members = 100000;
    limits.number = 40;

    if (zwfw_json_parse(tap_mem, (const unsigned char *) text, len, &limits,
                        &json, &error)
        != ZWFW_OK)
    {
        return NULL;
    }

    return json;
}


zwfw_template_t *
kit_compile(kit_t *kit, const void *text, size_t len)
{
    zwfw_str_t  copy;

    copy = tap_copy(text, len);

    kit->error[0] = '\0';

    return zwfw_template_compile(tap_mem, &copy, kit->error,
                                 sizeof(kit->error));
}


void
kit_partial(kit_t *kit, zwfw_str_t *name, zwfw_template_t *t)
{
    if (kit->npartials < KIT_PARTIALS) {
        kit->partials[kit->npartials].name = *name;
        kit->partials[kit->npartials].template = t;
        kit->npartials++;
    }
}


int
kit_render(kit_t *kit, zwfw_template_t *t, zwfw_json_t *root)
{
    if (kit->out == NULL) {
        kit->out = malloc(KIT_OUTPUT);
    }

    kit->len = 0;
    kit->writes = 0;

    return zwfw_template_render(t, &root, root ? 1 : 0, &kit->render);
}


static int
kit_write(void *data, const unsigned char *p, size_t len)
{
    kit_t *kit = data;

    if (++kit->writes == kit->fail) {
        return ZWFW_ERROR;
    }

    if (kit->out == NULL || len == 0 || len > KIT_OUTPUT - kit->len) {
        abort();
    }

    memcpy(kit->out + kit->len, p, len);
    kit->len += len;

    return ZWFW_OK;
}


static zwfw_template_t *
kit_find(void *data, zwfw_str_t *name)
{
    kit_t *kit = data;

    unsigned        i;
    kit_partial_t  *partial;

    for (i = 0; i < kit->npartials; i++) {
        partial = &kit->partials[i];

        if (partial->name.len == name->len
            && memcmp(partial->name.data, name->data, name->len) == 0)
        {
            return partial->template;
        }
    }

    return NULL;
}


static int
kit_filter(void *data, zwfw_str_t *filter, zwfw_str_t *key,
    zwfw_json_t *value, zwfw_str_t *result)
{
    (void) data;

    if (filter->len == 4 && memcmp(filter->data, "date", 4) == 0) {
        return zwfw_filter_date(tap_mem, value, result);
    }

    if (filter->len == 4 && memcmp(filter->data, "yuan", 4) == 0) {
        return zwfw_filter_yuan(tap_mem, value, result);
    }

    if (filter->len == 4 && memcmp(filter->data, "mask", 4) == 0) {
        return zwfw_filter_mask(tap_mem, value, result);
    }

    if (filter->len == 8 && memcmp(filter->data, "datetime", 8) == 0) {
        return zwfw_filter_datetime(tap_mem, value, result);
    }

    if (filter->len == 4 && memcmp(filter->data, "word", 4) == 0) {
        return kit_word(key, value, result);
    }

    return ZWFW_DECLINED;
}


/* <key=value> */

static int
kit_word(zwfw_str_t *key, zwfw_json_t *value, zwfw_str_t *result)
{
    size_t          size;
    unsigned char  *p;

    size = key->len + value->value.len + 4;

    p = tap_mem->alloc(NULL, size);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    result->data = p;
    result->len = snprintf((char *) p, size, "<%.*s=%.*s>",
                           (int) key->len, key->data,
                           (int) value->value.len,
                           value->value.len ? (char *) value->value.data
                                            : "");

    return ZWFW_OK;
}
