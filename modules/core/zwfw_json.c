
/*
 * JSON: the tree and its writer
 */


#include <string.h>

#include "zwfw_json.h"


static zwfw_json_t *zwfw_json_index(zwfw_json_t *array, const char *p,
    size_t len);
static size_t zwfw_json_put(unsigned char *p, zwfw_json_t *json);
static size_t zwfw_json_put_children(unsigned char *p, zwfw_json_t *json);
static size_t zwfw_json_put_text(unsigned char *p, const void *text,
    size_t len);
static size_t zwfw_json_put_string(unsigned char *p, zwfw_str_t *s);
static size_t zwfw_json_put_escape(unsigned char *p, uint32_t c);
static uint32_t zwfw_json_special(const unsigned char *p,
    const unsigned char *last);


zwfw_json_t *
zwfw_json_get(zwfw_json_t *json, const char *key, size_t len)
{
    zwfw_json_t  *child;

    if (json == NULL || json->type != ZWFW_JSON_OBJECT) {
        return NULL;
    }

    for (child = json->child; child; child = child->next) {

        if (child->key.len == len
            && (len == 0 || memcmp(child->key.data, key, len) == 0))
        {
            return child;
        }
    }

    return NULL;
}


zwfw_json_t *
zwfw_json_find(zwfw_json_t *json, const char *path, size_t len)
{
    size_t       n;
    const char  *dot;

    while (json) {
        dot = memchr(path, '.', len);
        n = dot ? (size_t) (dot - path) : len;

        json = (json->type == ZWFW_JSON_ARRAY) ? zwfw_json_index(json, path, n)
                                               : zwfw_json_get(json, path, n);
        if (dot == NULL) {
            break;
        }

        path += n + 1;
        len -= n + 1;
    }

    return json;
}


static zwfw_json_t *
zwfw_json_index(zwfw_json_t *array, const char *p, size_t len)
{
    size_t        i, n;
    zwfw_json_t  *child;

    if (len == 0 || len > 9 || (len > 1 && p[0] == '0')) {
        return NULL;
    }

    n = 0;

    for (i = 0; i < len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return NULL;
        }

        n = n * 10 + (p[i] - '0');
    }

    for (child = array->child; child && n; child = child->next) {
        n--;
    }

    return child;
}


zwfw_json_t *
zwfw_json_new(zwfw_mem_t *mem, zwfw_json_type_e type, zwfw_str_t *value)
{
    zwfw_json_t  *json;

    json = mem->alloc(mem->pool, sizeof(zwfw_json_t));
    if (json == NULL) {
        return NULL;
    }

    memset(json, 0, sizeof(zwfw_json_t));

    json->type = type;

    if (value) {
        json->value = *value;
    }

    return json;
}


void
zwfw_json_append(zwfw_json_t *parent, zwfw_str_t *key, zwfw_json_t *child)
{
    memset(&child->key, 0, sizeof(zwfw_str_t));

    if (key && parent->type == ZWFW_JSON_OBJECT) {
        child->key = *key;
    }

    child->next = NULL;

    if (parent->last) {
        parent->last->next = child;

    } else {
        parent->child = child;
    }

    parent->last = child;
    parent->count++;
}


zwfw_json_t *
zwfw_json_add(zwfw_mem_t *mem, zwfw_json_t *parent, const char *key,
    zwfw_json_type_e type, zwfw_str_t *value)
{
    zwfw_str_t    name;
    zwfw_json_t  *json;

    json = zwfw_json_new(mem, type, value);
    if (json == NULL) {
        return NULL;
    }

    if (key == NULL) {
        zwfw_json_append(parent, NULL, json);
        return json;
    }

    name.len = strlen(key);
    name.data = (unsigned char *) key;

    zwfw_json_append(parent, &name, json);

    return json;
}


void
zwfw_json_remove(zwfw_json_t *parent, zwfw_json_t *child)
{
    zwfw_json_t  *prev, **link;

    prev = NULL;

    for (link = &parent->child; *link != child; link = &prev->next) {

        prev = *link;

        if (prev == NULL) {
            return;
        }
    }

    *link = child->next;

    if (parent->last == child) {
        parent->last = prev;
    }

    child->next = NULL;
    parent->count--;
}


size_t
zwfw_json_size(zwfw_json_t *json)
{
    return zwfw_json_put(NULL, json);
}


unsigned char *
zwfw_json_write(unsigned char *p, zwfw_json_t *json)
{
    return p + zwfw_json_put(p, json);
}


/* the functions below count the bytes, and write them unless p is NULL */

static size_t
zwfw_json_put(unsigned char *p, zwfw_json_t *json)
{
    switch (json->type) {

    case ZWFW_JSON_NULL:
        return zwfw_json_put_text(p, "null", 4);

    case ZWFW_JSON_FALSE:
        return zwfw_json_put_text(p, "false", 5);

    case ZWFW_JSON_TRUE:
        return zwfw_json_put_text(p, "true", 4);

    case ZWFW_JSON_NUMBER:
        return zwfw_json_put_text(p, json->value.data, json->value.len);

    case ZWFW_JSON_STRING:
        return zwfw_json_put_string(p, &json->value);

    default:
        return zwfw_json_put_children(p, json);
    }
}


static size_t
zwfw_json_put_children(unsigned char *p, zwfw_json_t *json)
{
    size_t        n;
    unsigned      object;
    zwfw_json_t  *child;

    object = (json->type == ZWFW_JSON_OBJECT);

    n = zwfw_json_put_text(p, object ? "{" : "[", 1);

    for (child = json->child; child; child = child->next) {

        if (child != json->child) {
            n += zwfw_json_put_text(p ? p + n : NULL, ",", 1);
        }

        if (object) {
            n += zwfw_json_put_string(p ? p + n : NULL, &child->key);
            n += zwfw_json_put_text(p ? p + n : NULL, ":", 1);
        }

        n += zwfw_json_put(p ? p + n : NULL, child);
    }

    return n + zwfw_json_put_text(p ? p + n : NULL, object ? "}" : "]", 1);
}


static size_t
zwfw_json_put_text(unsigned char *p, const void *text, size_t len)
{
    if (p && len) {
        memcpy(p, text, len);
    }

    return len;
}


static size_t
zwfw_json_put_string(unsigned char *p, zwfw_str_t *s)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *from, *last, *start;

    n = zwfw_json_put_text(p, "\"", 1);

    if (s->len == 0) {
        return n + zwfw_json_put_text(p ? p + n : NULL, "\"", 1);
    }

    from = s->data;
    start = from;
    last = from + s->len;

    while (from < last) {
        c = zwfw_json_special(from, last);

        if (c == 0x10000) {
            from++;
            continue;
        }

        n += zwfw_json_put_text(p ? p + n : NULL, start, from - start);
        n += zwfw_json_put_escape(p ? p + n : NULL, c);

        from += (c < 0x80) ? 1 : 3;
        start = from;
    }

    n += zwfw_json_put_text(p ? p + n : NULL, start, from - start);

    return n + zwfw_json_put_text(p ? p + n : NULL, "\"", 1);
}


/* the character at p when it must be escaped, else 0x10000 */

static uint32_t
zwfw_json_special(const unsigned char *p, const unsigned char *last)
{
    if (*p < 0x20 || *p == '"' || *p == '\\' || *p == '<') {
        return *p;
    }

    if (*p == 0xe2 && last - p >= 3 && p[1] == 0x80
        && (p[2] == 0xa8 || p[2] == 0xa9))
    {
        return 0x2000 + p[2] - 0x80;
    }

    return 0x10000;
}


static size_t
zwfw_json_put_escape(unsigned char *p, uint32_t c)
{
    static const char  hex[] = "0123456789abcdef";
    static const char  from[] = "\"\\\b\f\n\r\t";
    static const char  to[] = "\"\\bfnrt";

    const char  *s;

    s = (c && c < 0x80) ? strchr(from, c) : NULL;

    if (p == NULL) {
        return s ? 2 : 6;
    }

    *p++ = '\\';

    if (s) {
        *p = to[s - from];
        return 2;
    }

    *p++ = 'u';
    *p++ = hex[(c >> 12) & 0xf];
    *p++ = hex[(c >> 8) & 0xf];
    *p++ = hex[(c >> 4) & 0xf];
    *p = hex[c & 0xf];

    return 6;
}
