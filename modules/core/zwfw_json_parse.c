
/*
 * JSON: the reader.
 *
 * yajl 2.1 accepts overlong UTF-8, makes "?" of lone surrogates, takes VT and
 * FF for spaces and forgives an open string after the value; a scan before it
 * finds these.
 */


#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "zwfw_json.h"
#include "zwfw_utf8.h"


#define ZWFW_JSON_PATH      200        /* bytes of a path in an error */
#define ZWFW_JSON_EXPONENT  400
#define ZWFW_JSON_FEW       16         /* keys that are compared pairwise */


typedef struct {
    zwfw_mem_t                *mem;
    const zwfw_json_limits_t  *limits;
    zwfw_json_t               *root;
    zwfw_json_t              **open;   /* arrays and objects not yet closed */
    unsigned                   depth;  /* of them */
    unsigned                   nodes;
    zwfw_str_t                 key;    /* of the next value, or NULL */
    const char                *code;   /* NULL when canceled: out of memory */
} zwfw_json_build_t;


static int zwfw_json_read(zwfw_json_build_t *b, const unsigned char *text,
    size_t len);
static size_t zwfw_json_scan(const unsigned char *text, size_t len,
    const char **code);
static size_t zwfw_json_scan_escape(const unsigned char *p,
    const unsigned char *last);
static uint32_t zwfw_json_hex(const unsigned char *p,
    const unsigned char *last);
static int zwfw_json_path(zwfw_json_build_t *b, zwfw_str_t *path);
static size_t zwfw_json_path_add(zwfw_str_t *path, zwfw_json_t *parent,
    zwfw_str_t *key, unsigned n);

static zwfw_json_t *zwfw_json_build(zwfw_json_build_t *b,
    zwfw_json_type_e type, const unsigned char *text, size_t len);
static int zwfw_json_on_null(void *data);
static int zwfw_json_on_boolean(void *data, int value);
static int zwfw_json_on_number(void *data, const char *text, size_t len);
static int zwfw_json_on_string(void *data, const unsigned char *text,
    size_t len);
static int zwfw_json_on_key(void *data, const unsigned char *text,
    size_t len);
static int zwfw_json_on_object(void *data);
static int zwfw_json_on_array(void *data);
static int zwfw_json_on_object_end(void *data);
static int zwfw_json_on_array_end(void *data);
static int zwfw_json_open(zwfw_json_build_t *b, zwfw_json_type_e type);

static int zwfw_json_number_check(zwfw_str_t *text);
static int zwfw_json_exponent_check(const char *p);
static int zwfw_json_keys_check(zwfw_json_build_t *b, zwfw_json_t *object);
static zwfw_json_t *zwfw_json_twin_few(zwfw_json_t *object);
static zwfw_json_t *zwfw_json_twin_many(zwfw_json_t **sorted, unsigned n);
static int zwfw_json_key_cmp(const void *one, const void *two);


static const yajl_callbacks  zwfw_json_callbacks = {
    zwfw_json_on_null,
    zwfw_json_on_boolean,
    NULL,
    NULL,
    zwfw_json_on_number,
    zwfw_json_on_string,
    zwfw_json_on_object,
    zwfw_json_on_key,
    zwfw_json_on_object_end,
    zwfw_json_on_array,
    zwfw_json_on_array_end
};


int
zwfw_json_parse(zwfw_mem_t *mem, const unsigned char *text, size_t len,
    const zwfw_json_limits_t *limits, zwfw_json_t **json,
    zwfw_json_error_t *error)
{
    zwfw_json_build_t  b;

    memset(error, 0, sizeof(zwfw_json_error_t));
    memset(&b, 0, sizeof(zwfw_json_build_t));

    b.mem = mem;
    b.limits = limits;
    b.open = mem->alloc(mem->pool,
                        ((size_t) limits->depth + 1) * sizeof(zwfw_json_t *));
    if (b.open == NULL) {
        return ZWFW_ERROR;
    }

    switch (zwfw_json_read(&b, text, len)) {

    case ZWFW_OK:
        *json = b.root;
        return ZWFW_OK;

    case ZWFW_DECLINED:
        error->code = b.code;
        return zwfw_json_path(&b, &error->field);

    default:
        return ZWFW_ERROR;
    }
}


static int
zwfw_json_read(zwfw_json_build_t *b, const unsigned char *text, size_t len)
{
    size_t        good;
    const char   *code;
    yajl_handle   yajl;
    yajl_status   status;

    yajl = yajl_alloc(&zwfw_json_callbacks, NULL, b);
    if (yajl == NULL) {
        return ZWFW_ERROR;
    }

    /* what stands before the first bad byte is read for the path to it */

    good = zwfw_json_scan(text, len, &code);
    status = yajl_parse(yajl, text, good);

    if (status == yajl_status_ok && code == NULL) {
        status = yajl_complete_parse(yajl);
    }

    yajl_free(yajl);

    if (status == yajl_status_client_canceled) {
        return b->code ? ZWFW_DECLINED : ZWFW_ERROR;
    }

    if (status == yajl_status_ok && code == NULL) {
        return ZWFW_OK;
    }

    b->code = (status == yajl_status_ok) ? code : "bad_json";

    return ZWFW_DECLINED;
}


/*
 * Counts the bytes before the first one that makes the text bad whatever its
 * grammar.  A backslash outside of strings is left to yajl.
 */

static size_t
zwfw_json_scan(const unsigned char *text, size_t len, const char **code)
{
    size_t                n;
    unsigned              quoted;
    const unsigned char  *p, *last;

    if (len == 0) {
        *code = "bad_json";
        return 0;
    }

    *code = NULL;
    quoted = 0;
    p = text;
    last = text + len;

    while (p < last) {

        if (*p == '\\') {
            n = zwfw_json_scan_escape(p, last);
            if (n == 0) {
                *code = "bad_character";
                return p - text;
            }

            p += n;
            continue;
        }

        if (*p < 0x20 && *p != '\t' && *p != '\n' && *p != '\r') {
            *code = *p ? "bad_json" : "bad_character";
            return p - text;
        }

        quoted ^= (*p == '"');

        if (*p < 0x80) {
            p++;
            continue;
        }

        if (zwfw_utf8_next(&p, last) == ZWFW_UTF8_BAD) {
            *code = "bad_utf8";
            return p - text;
        }
    }

    if (quoted) {
        *code = "bad_json";
    }

    return len;
}


/* bytes of an escape, at least those that can be skipped; 0: bad */

static size_t
zwfw_json_scan_escape(const unsigned char *p, const unsigned char *last)
{
    uint32_t  c;

    if (last - p < 2) {
        return 1;
    }

    if (p[1] != 'u') {
        return 2;
    }

    c = zwfw_json_hex(p, last);

    if (c == ZWFW_UTF8_BAD) {
        return 2;
    }

    if (c == 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return 0;
    }

    if (c < 0xd800 || c > 0xdbff) {
        return 6;
    }

    c = zwfw_json_hex(p + 6, last);

    return (c >= 0xdc00 && c <= 0xdfff) ? 12 : 0;
}


/* the value of \uXXXX at p */

static uint32_t
zwfw_json_hex(const unsigned char *p, const unsigned char *last)
{
    unsigned  i, c;
    uint32_t  value;

    if (last - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return ZWFW_UTF8_BAD;
    }

    value = 0;

    for (i = 2; i < 6; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return ZWFW_UTF8_BAD;
        }

        value = value * 16 + (c - 'a' + 10);
    }

    return value;
}


/*
 * Sets the path to where the reader stands, or to a container above it when
 * that would be too long.  ZWFW_DECLINED, or ZWFW_ERROR: out of memory
 */

static int
zwfw_json_path(zwfw_json_build_t *b, zwfw_str_t *path)
{
    unsigned      i;
    zwfw_json_t  *parent, *child;

    if (strcmp(b->code, "bad_json") == 0) {
        return ZWFW_DECLINED;
    }

    path->len = 0;
    path->data = b->mem->alloc(b->mem->pool, ZWFW_JSON_PATH);

    if (path->data == NULL) {
        return ZWFW_ERROR;
    }

    for (i = 0; i < b->depth; i++) {
        parent = b->open[i];

        if (i + 1 == b->depth) {
            zwfw_json_path_add(path, parent, &b->key, parent->count);
            break;
        }

        child = b->open[i + 1];

        if (zwfw_json_path_add(path, parent, &child->key, parent->count - 1)
            == 0)
        {
            break;
        }
    }

    return ZWFW_DECLINED;
}


/* appends a key, or the index n; 0: nothing to append or no room */

static size_t
zwfw_json_path_add(zwfw_str_t *path, zwfw_json_t *parent, zwfw_str_t *key,
    unsigned n)
{
    zwfw_str_t      s;
    unsigned char  *p, digits[12];

    s = *key;

    if (parent->type == ZWFW_JSON_ARRAY) {
        p = digits + sizeof(digits);

        do {
            *--p = '0' + n % 10;
            n /= 10;
        } while (n);

        s.data = p;
        s.len = digits + sizeof(digits) - p;
    }

    if (s.data == NULL || s.len + 1 > ZWFW_JSON_PATH - path->len) {
        return 0;
    }

    if (path->len) {
        path->data[path->len++] = '.';
    }

    memcpy(path->data + path->len, s.data, s.len);
    path->len += s.len;

    return s.len + 1;
}


/* adds a value where the reader stands; NULL: canceled */

static zwfw_json_t *
zwfw_json_build(zwfw_json_build_t *b, zwfw_json_type_e type,
    const unsigned char *text, size_t len)
{
    zwfw_str_t    value;
    zwfw_json_t  *json, *parent;

    parent = b->depth ? b->open[b->depth - 1] : NULL;

    if (b->nodes >= b->limits->nodes
        || (parent && parent->count >= b->limits->members))
    {
        b->code = "too_many";
        return NULL;
    }

    value.len = len;
    value.data = NULL;

    if (text) {
        value.data = b->mem->alloc(b->mem->pool, len + 1);
        if (value.data == NULL) {
            return NULL;
        }

        memcpy(value.data, text, len);
        value.data[len] = '\0';
    }

    json = zwfw_json_new(b->mem, type, &value);
    if (json == NULL) {
        return NULL;
    }

    b->nodes++;

    if (parent) {
        zwfw_json_append(parent, &b->key, json);

    } else {
        b->root = json;
    }

    return json;
}


static int
zwfw_json_on_null(void *data)
{
    zwfw_json_build_t *b = data;

    if (zwfw_json_build(b, ZWFW_JSON_NULL, NULL, 0) == NULL) {
        return 0;
    }

    b->key.data = NULL;

    return 1;
}


static int
zwfw_json_on_boolean(void *data, int value)
{
    zwfw_json_build_t *b = data;

    zwfw_json_type_e  type;

    type = value ? ZWFW_JSON_TRUE : ZWFW_JSON_FALSE;

    if (zwfw_json_build(b, type, NULL, 0) == NULL) {
        return 0;
    }

    b->key.data = NULL;

    return 1;
}


static int
zwfw_json_on_number(void *data, const char *text, size_t len)
{
    zwfw_json_build_t *b = data;

    zwfw_json_t  *json;

    if (len > b->limits->number) {
        b->code = "bad_number";
        return 0;
    }

    json = zwfw_json_build(b, ZWFW_JSON_NUMBER, (unsigned char *) text, len);
    if (json == NULL) {
        return 0;
    }

    if (zwfw_json_number_check(&json->value) != ZWFW_OK) {

        /* the value is there already, the path shall name it */

        if (b->depth) {
            zwfw_json_remove(b->open[b->depth - 1], json);
        }

        b->code = "bad_number";
        return 0;
    }

    b->key.data = NULL;

    return 1;
}


static int
zwfw_json_on_string(void *data, const unsigned char *text, size_t len)
{
    zwfw_json_build_t *b = data;

    if (zwfw_json_build(b, ZWFW_JSON_STRING, text, len) == NULL) {
        return 0;
    }

    b->key.data = NULL;

    return 1;
}


static int
zwfw_json_on_key(void *data, const unsigned char *text, size_t len)
{
    zwfw_json_build_t *b = data;

    b->key.len = len;
    b->key.data = b->mem->alloc(b->mem->pool, len + 1);

    if (b->key.data == NULL) {
        return 0;
    }

    memcpy(b->key.data, text, len);
    b->key.data[len] = '\0';

    return 1;
}


static int
zwfw_json_on_object(void *data)
{
    return zwfw_json_open(data, ZWFW_JSON_OBJECT);
}


static int
zwfw_json_on_array(void *data)
{
    return zwfw_json_open(data, ZWFW_JSON_ARRAY);
}


static int
zwfw_json_on_object_end(void *data)
{
    zwfw_json_build_t *b = data;

    if (zwfw_json_keys_check(b, b->open[b->depth - 1]) != ZWFW_OK) {
        return 0;
    }

    b->depth--;

    return 1;
}


static int
zwfw_json_on_array_end(void *data)
{
    zwfw_json_build_t *b = data;

    b->depth--;

    return 1;
}


static int
zwfw_json_open(zwfw_json_build_t *b, zwfw_json_type_e type)
{
    zwfw_json_t  *json;

    if (b->depth >= b->limits->depth) {
        b->code = "too_deep";
        return 0;
    }

    json = zwfw_json_build(b, type, NULL, 0);
    if (json == NULL) {
        return 0;
    }

    b->key.data = NULL;
    b->open[b->depth++] = json;

    return 1;
}


/* text ends with a zero byte; its grammar was checked by yajl */

static int
zwfw_json_number_check(zwfw_str_t *text)
{
    double       d;
    size_t       n;
    const char  *p, *e;

    p = (const char *) text->data;
    e = strpbrk(p, "eE");

    if (e == NULL && strchr(p, '.') == NULL) {
        p += (*p == '-');
        n = strlen(p);

        if (n > 16 || (n == 16 && strcmp(p, "9007199254740992") > 0)) {
            return ZWFW_DECLINED;
        }

        return ZWFW_OK;
    }

    if (e && zwfw_json_exponent_check(e + 1) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    d = strtod(p, NULL);

    return isfinite(d) ? ZWFW_OK : ZWFW_DECLINED;
}


/* PostgreSQL would write each unit of a negative exponent as a zero */

static int
zwfw_json_exponent_check(const char *p)
{
    unsigned  n;

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (n = 0; *p; p++) {
        n = n * 10 + (*p - '0');

        if (n > ZWFW_JSON_EXPONENT) {
            return ZWFW_DECLINED;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_json_keys_check(zwfw_json_build_t *b, zwfw_json_t *object)
{
    unsigned       n;
    zwfw_json_t   *twin, *child, **sorted;

    if (object->count <= ZWFW_JSON_FEW) {
        twin = zwfw_json_twin_few(object);

    } else {
        sorted = b->mem->alloc(b->mem->pool,
                               object->count * sizeof(zwfw_json_t *));
        if (sorted == NULL) {
            return ZWFW_ERROR;
        }

        n = 0;

        for (child = object->child; child; child = child->next) {
            sorted[n++] = child;
        }

        twin = zwfw_json_twin_many(sorted, n);
    }

    if (twin == NULL) {
        return ZWFW_OK;
    }

    b->key = twin->key;
    b->code = "duplicate_key";

    return ZWFW_DECLINED;
}


static zwfw_json_t *
zwfw_json_twin_few(zwfw_json_t *object)
{
    zwfw_json_t  *one, *two;

    for (one = object->child; one; one = one->next) {
        for (two = one->next; two; two = two->next) {

            if (one->key.len == two->key.len
                && memcmp(one->key.data, two->key.data, one->key.len) == 0)
            {
                return two;
            }
        }
    }

    return NULL;
}


static zwfw_json_t *
zwfw_json_twin_many(zwfw_json_t **sorted, unsigned n)
{
    unsigned  i;

    qsort(sorted, n, sizeof(zwfw_json_t *), zwfw_json_key_cmp);

    for (i = 1; i < n; i++) {

        if (zwfw_json_key_cmp(&sorted[i - 1], &sorted[i]) == 0) {
            return sorted[i];
        }
    }

    return NULL;
}


static int
zwfw_json_key_cmp(const void *one, const void *two)
{
    const zwfw_str_t  *a, *b;

    a = &(*(zwfw_json_t *const *) one)->key;
    b = &(*(zwfw_json_t *const *) two)->key;

    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return memcmp(a->data, b->data, a->len);
}
