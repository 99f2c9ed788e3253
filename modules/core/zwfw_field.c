
/*
 * The check of a whole body against a table of fields.
 *
 * Forms and JSON follow one rule: an empty string, also one that is empty
 * when trimmed, is absent, and so is a list without members.
 */


#include <string.h>

#include "zwfw_field.h"
#include "zwfw_utf8.h"


#define ZWFW_FIELD_ERRORS   50
#define ZWFW_FIELD_UNKNOWN  100        /* bytes shown of an unknown name */


typedef struct zwfw_field_path_s  zwfw_field_path_t;

struct zwfw_field_path_s {
    zwfw_field_path_t  *up;            /* NULL: this is the outermost */
    zwfw_str_t          name;
};


typedef struct {
    zwfw_mem_t         *mem;
    zwfw_json_t        *errors;
    unsigned            failed;
} zwfw_field_check_t;


static zwfw_field_t *zwfw_field_named(zwfw_field_t *fields,
    const unsigned char *p, size_t len);
static int zwfw_field_walk(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *object, zwfw_field_path_t *up);
static int zwfw_field_one(zwfw_field_check_t *fc, zwfw_field_t *field,
    zwfw_json_t *object, zwfw_field_path_t *up);
static zwfw_json_t *zwfw_field_value(zwfw_json_t *object,
    zwfw_field_t *field);
static int zwfw_field_missing(zwfw_field_check_t *fc, zwfw_field_t *field,
    zwfw_field_path_t *path);
static int zwfw_field_list(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *list, zwfw_field_path_t *up);
static int zwfw_field_unknown(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *object, zwfw_field_path_t *up);
static int zwfw_field_error(zwfw_field_check_t *fc, zwfw_field_path_t *path,
    const char *code);
static int zwfw_field_path(zwfw_mem_t *mem, zwfw_field_path_t *path,
    zwfw_str_t *text);
static void zwfw_field_digits(unsigned n, unsigned char *buf,
    zwfw_str_t *text);


int
zwfw_field_check(zwfw_mem_t *mem, zwfw_field_t *fields, zwfw_json_t *object,
    zwfw_json_t *errors)
{
    zwfw_field_check_t  fc;

    fc.mem = mem;
    fc.errors = errors;
    fc.failed = 0;

    if (zwfw_field_walk(&fc, fields, object, NULL) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    return fc.failed ? ZWFW_DECLINED : ZWFW_OK;
}


zwfw_field_t *
zwfw_field_find(zwfw_field_t *fields, zwfw_str_t *path)
{
    unsigned              index;
    zwfw_field_t         *field;
    const unsigned char  *p, *end, *last;

    field = NULL;
    index = 0;
    last = path->data + path->len;

    for (p = path->data; p <= last; p = end + 1) {
        end = memchr(p, '.', last - p);

        if (end == NULL) {
            end = last;
        }

        /* a segment of digits is always an index, as zwfw_form_put() says */

        if (index) {
            index = 0;
            continue;
        }

        field = zwfw_field_named(fields, p, end - p);
        if (field == NULL) {
            return NULL;
        }

        fields = field->fields;
        index = (field->type == zwfw_type_list);
    }

    return field;
}


static zwfw_field_t *
zwfw_field_named(zwfw_field_t *fields, const unsigned char *p, size_t len)
{
    zwfw_field_t  *f;

    for (f = fields; f && f->type; f++) {

        if (!(f->flags & (ZWFW_FIELD_PATH|ZWFW_FIELD_QUERY))
            && f->name.len == len && memcmp(f->name.data, p, len) == 0)
        {
            return f;
        }
    }

    return NULL;
}


/* as deep as the tables are */

static int
zwfw_field_walk(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *object, zwfw_field_path_t *up)
{
    zwfw_field_t  *field;

    if (object->type != ZWFW_JSON_OBJECT) {
        return zwfw_field_error(fc, up, "bad_type");
    }

    for (field = fields; field->name.len; field++) {

        if (zwfw_field_one(fc, field, object, up) != ZWFW_OK) {
            return ZWFW_ERROR;
        }
    }

    return zwfw_field_unknown(fc, fields, object, up);
}


static int
zwfw_field_one(zwfw_field_check_t *fc, zwfw_field_t *field,
    zwfw_json_t *object, zwfw_field_path_t *up)
{
    const char         *code;
    zwfw_json_t        *value;
    zwfw_field_path_t   path;

    path.up = up;
    path.name = field->name;

    value = zwfw_field_value(object, field);

    if (value) {
        code = field->type->check(fc->mem, value, field->size);
        if (code) {
            return zwfw_field_error(fc, &path, code);
        }

        /* it may be empty now that it is trimmed */

        value = zwfw_field_value(object, field);
    }

    if (value == NULL) {
        return zwfw_field_missing(fc, field, &path);
    }

    if (field->type == zwfw_type_group) {
        return zwfw_field_walk(fc, field->fields, value, &path);
    }

    if (field->type == zwfw_type_list) {
        return zwfw_field_list(fc, field->fields, value, &path);
    }

    return ZWFW_OK;
}


/* an empty value is removed */

static zwfw_json_t *
zwfw_field_value(zwfw_json_t *object, zwfw_field_t *field)
{
    zwfw_json_t  *value;

    value = zwfw_json_get(object, (const char *) field->name.data,
                          field->name.len);

    if (value == NULL) {
        return NULL;
    }

    if ((value->type == ZWFW_JSON_STRING && value->value.len == 0)
        || (value->type == ZWFW_JSON_ARRAY && value->count == 0
            && field->type == zwfw_type_list))
    {
        zwfw_json_remove(object, value);
        return NULL;
    }

    return value;
}


/* of a group its required members are missing: a form has inputs for them */

static int
zwfw_field_missing(zwfw_field_check_t *fc, zwfw_field_t *field,
    zwfw_field_path_t *path)
{
    unsigned      failed;
    zwfw_json_t   empty;

    if (!(field->flags & ZWFW_FIELD_REQUIRED)) {
        return ZWFW_OK;
    }

    failed = fc->failed;

    if (field->type == zwfw_type_group) {
        memset(&empty, 0, sizeof(zwfw_json_t));
        empty.type = ZWFW_JSON_OBJECT;

        if (zwfw_field_walk(fc, field->fields, &empty, path) != ZWFW_OK) {
            return ZWFW_ERROR;
        }
    }

    if (fc->failed != failed) {
        return ZWFW_OK;
    }

    return zwfw_field_error(fc, path, "missing");
}


static int
zwfw_field_list(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *list, zwfw_field_path_t *up)
{
    unsigned            n;
    zwfw_json_t        *child;
    unsigned char       digits[12];
    zwfw_field_path_t   path;

    n = 0;
    path.up = up;

    for (child = list->child; child; child = child->next) {
        zwfw_field_digits(n++, digits, &path.name);

        if (zwfw_field_walk(fc, fields, child, &path) != ZWFW_OK) {
            return ZWFW_ERROR;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_field_unknown(zwfw_field_check_t *fc, zwfw_field_t *fields,
    zwfw_json_t *object, zwfw_field_path_t *up)
{
    zwfw_json_t        *child;
    zwfw_field_t       *field;
    zwfw_field_path_t   path;

    path.up = up;

    for (child = object->child; child; child = child->next) {

        for (field = fields; field->name.len; field++) {

            if (field->name.len == child->key.len
                && memcmp(field->name.data, child->key.data, child->key.len)
                   == 0)
            {
                break;
            }
        }

        if (field->name.len) {
            continue;
        }

        path.name.data = child->key.data;
        path.name.len = zwfw_utf8_cut(&child->key, ZWFW_FIELD_UNKNOWN);

        if (zwfw_field_error(fc, &path, "unknown_field") != ZWFW_OK) {
            return ZWFW_ERROR;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_field_error(zwfw_field_check_t *fc, zwfw_field_path_t *path,
    const char *code)
{
    zwfw_str_t    key, value;
    zwfw_json_t  *error;

    fc->failed++;

    if (fc->errors->count >= ZWFW_FIELD_ERRORS) {
        return ZWFW_OK;
    }

    if (zwfw_field_path(fc->mem, path, &key) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (zwfw_json_get(fc->errors, (const char *) key.data, key.len)) {
        return ZWFW_OK;
    }

    value.data = (unsigned char *) code;
    value.len = strlen(code);

    error = zwfw_json_new(fc->mem, ZWFW_JSON_STRING, &value);
    if (error == NULL) {
        return ZWFW_ERROR;
    }

    zwfw_json_append(fc->errors, &key, error);

    return ZWFW_OK;
}


static int
zwfw_field_path(zwfw_mem_t *mem, zwfw_field_path_t *path, zwfw_str_t *text)
{
    unsigned char      *p;
    zwfw_field_path_t  *step;

    text->len = 0;

    for (step = path; step; step = step->up) {
        text->len += step->name.len + (step->up ? 1 : 0);
    }

    text->data = mem->alloc(mem->pool, text->len + 1);
    if (text->data == NULL) {
        return ZWFW_ERROR;
    }

    p = text->data + text->len;

    for (step = path; step; step = step->up) {
        p -= step->name.len;

        if (step->name.len) {
            memcpy(p, step->name.data, step->name.len);
        }

        if (step->up) {
            *--p = '.';
        }
    }

    return ZWFW_OK;
}


static void
zwfw_field_digits(unsigned n, unsigned char *buf, zwfw_str_t *text)
{
    unsigned char  *p;

    p = buf + 12;

    do {
        *--p = '0' + n % 10;
        n /= 10;
    } while (n);

    text->data = p;
    text->len = buf + 12 - p;
}
