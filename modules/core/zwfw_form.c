
/*
 * HTML forms: pairs of names and values become a tree.
 *
 * While pairs are put, an array's children have the whole name up to their
 * index as key ("m.0"), and root->value.len counts the pairs.
 */


#include <string.h>

#include "zwfw_form.h"
#include "zwfw_utf8.h"


typedef struct {
    int              index;    /* the segment is one */
    zwfw_str_t       segment;
    unsigned char   *next;     /* segment; NULL: there is none */
    unsigned char   *last;
} zwfw_form_name_t;


static int zwfw_form_refuse(zwfw_json_error_t *error, const char *code,
    zwfw_str_t *field);
static const char *zwfw_form_name_check(zwfw_str_t *name);
static const char *zwfw_form_path_check(zwfw_str_t *name);
static const char *zwfw_form_value_check(zwfw_json_t *value);
static int zwfw_form_segment(zwfw_form_name_t *n);
static zwfw_json_t *zwfw_form_copy(zwfw_mem_t *mem, zwfw_json_t *value);
static int zwfw_form_place(zwfw_mem_t *mem, zwfw_json_t *root,
    zwfw_str_t *name, zwfw_json_t *value, zwfw_json_error_t *error);
static zwfw_json_t *zwfw_form_child(zwfw_json_t *parent, zwfw_str_t *key);
static int zwfw_form_container(zwfw_json_t *json);

static int zwfw_form_close(zwfw_json_t *json, zwfw_json_error_t *error);
static int zwfw_form_order(zwfw_json_t *array, zwfw_json_error_t *error);
static unsigned zwfw_form_index(zwfw_str_t *key, unsigned char **digits);
static int zwfw_form_hole(zwfw_json_t **slot, unsigned hole,
    zwfw_json_error_t *error);

static int zwfw_form_pair(zwfw_mem_t *mem, unsigned char *p,
    unsigned char *last, zwfw_json_t *root, zwfw_json_error_t *error);
static int zwfw_form_decode(zwfw_str_t *s);
static int zwfw_form_hex(unsigned char c);


/* marks an array or object that was put as a value */

static zwfw_str_t  zwfw_form_own = zwfw_string("own");


int
zwfw_form_put(zwfw_mem_t *mem, zwfw_json_t *root, zwfw_str_t *name,
    zwfw_json_t *value, zwfw_json_error_t *error)
{
    const char   *code;
    zwfw_str_t    copy;
    zwfw_json_t  *json;

    if (root->value.len >= ZWFW_FORM_PAIRS) {
        return zwfw_form_refuse(error, "too_many", NULL);
    }

    root->value.len++;

    /* a name that is no text is not repeated in the error */

    code = zwfw_form_name_check(name);
    if (code) {
        return zwfw_form_refuse(error, code, NULL);
    }

    copy.len = name->len;
    copy.data = mem->alloc(mem->pool, name->len);

    if (copy.data == NULL) {
        return ZWFW_ERROR;
    }

    memcpy(copy.data, name->data, name->len);

    code = zwfw_form_path_check(&copy);

    if (code == NULL) {
        code = zwfw_form_value_check(value);
    }

    if (code) {
        return zwfw_form_refuse(error, code, &copy);
    }

    if (value->type == ZWFW_JSON_STRING && value->value.len == 0) {
        return ZWFW_OK;
    }

    json = zwfw_form_copy(mem, value);
    if (json == NULL) {
        return ZWFW_ERROR;
    }

    return zwfw_form_place(mem, root, &copy, json, error);
}


static int
zwfw_form_refuse(zwfw_json_error_t *error, const char *code,
    zwfw_str_t *field)
{
    memset(error, 0, sizeof(zwfw_json_error_t));

    error->code = code;

    if (field) {
        error->field = *field;
    }

    return ZWFW_DECLINED;
}


static const char *
zwfw_form_name_check(zwfw_str_t *name)
{
    uint32_t              c;
    const char           *code;
    const unsigned char  *p, *last;

    if (name->len == 0 || name->len > ZWFW_FORM_NAME) {
        return "bad_name";
    }

    code = NULL;
    p = name->data;
    last = p + name->len;

    while (p < last) {
        c = zwfw_utf8_next(&p, last);

        if (c == ZWFW_UTF8_BAD) {
            return "bad_utf8";
        }

        if (c == 0) {
            code = "bad_character";
        }

        if (code == NULL && (c < 0x20 || (c >= 0x7f && c <= 0x9f))) {
            code = "bad_name";
        }
    }

    return code;
}


static const char *
zwfw_form_path_check(zwfw_str_t *name)
{
    unsigned          depth;
    zwfw_form_name_t  n;

    n.next = name->data;
    n.last = name->data + name->len;

    for (depth = 0; zwfw_form_segment(&n); depth++) {

        if (n.segment.len == 0) {
            return "bad_name";
        }

        if (!n.index) {
            continue;
        }

        /* the root is an object */

        if (depth == 0 || (n.segment.len > 1 && n.segment.data[0] == '0')) {
            return "bad_name";
        }

        if (n.segment.len > 3
            || zwfw_form_index(&n.segment, NULL) >= ZWFW_FORM_INDEX)
        {
            return "too_many";
        }
    }

    return (depth > ZWFW_FORM_DEPTH) ? "too_deep" : NULL;
}


static const char *
zwfw_form_value_check(zwfw_json_t *value)
{
    zwfw_str_t  *s;

    if (value->type != ZWFW_JSON_STRING || value->value.len == 0) {
        return NULL;
    }

    s = &value->value;

    if (memchr(s->data, '\0', s->len)) {
        return "bad_character";
    }

    return (zwfw_utf8_check(s->data, s->len, NULL) == ZWFW_OK) ? NULL
                                                                : "bad_utf8";
}


/* goes to the next segment of a name; 0: there is none */

static int
zwfw_form_segment(zwfw_form_name_t *n)
{
    unsigned char  *p;

    if (n->next == NULL) {
        return 0;
    }

    n->index = 1;

    for (p = n->next; p < n->last && *p != '.'; p++) {

        if (*p < '0' || *p > '9') {
            n->index = 0;
        }
    }

    n->segment.data = n->next;
    n->segment.len = p - n->next;
    n->next = (p < n->last) ? p + 1 : NULL;

    return 1;
}


static zwfw_json_t *
zwfw_form_copy(zwfw_mem_t *mem, zwfw_json_t *value)
{
    zwfw_json_t  *json;

    json = zwfw_json_new(mem, value->type, &value->value);
    if (json == NULL) {
        return NULL;
    }

    json->count = value->count;
    json->child = value->child;
    json->last = value->last;

    if (zwfw_form_container(value)) {
        json->value = zwfw_form_own;
        return json;
    }

    if (value->value.len) {
        json->value.data = mem->alloc(mem->pool, value->value.len);
        if (json->value.data == NULL) {
            return NULL;
        }

        memcpy(json->value.data, value->value.data, value->value.len);
    }

    return json;
}


/* hangs the value into the tree; makes the objects and arrays of the name */

static int
zwfw_form_place(zwfw_mem_t *mem, zwfw_json_t *root, zwfw_str_t *name,
    zwfw_json_t *value, zwfw_json_error_t *error)
{
    zwfw_str_t         key;
    zwfw_json_t       *parent, *child;
    zwfw_form_name_t   n;
    zwfw_json_type_e   type;

    n.next = name->data;
    n.last = name->data + name->len;

    zwfw_form_segment(&n);

    for (parent = root; /* void */ ; parent = child) {

        key = n.segment;

        if (parent->type == ZWFW_JSON_ARRAY) {
            key.data = name->data;
            key.len = n.segment.data + n.segment.len - name->data;
        }

        child = zwfw_form_child(parent, &key);

        if (!zwfw_form_segment(&n)) {
            break;
        }

        type = n.index ? ZWFW_JSON_ARRAY : ZWFW_JSON_OBJECT;

        if (child == NULL) {
            child = zwfw_json_new(mem, type, NULL);
            if (child == NULL) {
                return ZWFW_ERROR;
            }

            zwfw_json_append(parent, NULL, child);
            child->key = key;
            continue;
        }

        if (!zwfw_form_container(child) || child->value.len) {
            return zwfw_form_refuse(error, "duplicate_key", name);
        }

        if (child->type != type) {
            return zwfw_form_refuse(error, "bad_name", name);
        }
    }

    if (child) {
        return zwfw_form_refuse(error, "duplicate_key", name);
    }

    zwfw_json_append(parent, NULL, value);
    value->key = key;

    return ZWFW_OK;
}


static zwfw_json_t *
zwfw_form_child(zwfw_json_t *parent, zwfw_str_t *key)
{
    zwfw_json_t  *child;

    for (child = parent->child; child; child = child->next) {

        if (child->key.len == key->len
            && memcmp(child->key.data, key->data, key->len) == 0)
        {
            return child;
        }
    }

    return NULL;
}


static int
zwfw_form_container(zwfw_json_t *json)
{
    return json->type == ZWFW_JSON_ARRAY || json->type == ZWFW_JSON_OBJECT;
}


int
zwfw_form_done(zwfw_json_t *root, zwfw_json_error_t *error)
{
    memset(&root->value, 0, sizeof(zwfw_str_t));

    return zwfw_form_close(root, error);
}


/* is at most ZWFW_FORM_DEPTH deep, as the names were */

static int
zwfw_form_close(zwfw_json_t *json, zwfw_json_error_t *error)
{
    zwfw_json_t  *child;

    if (json->type == ZWFW_JSON_ARRAY
        && zwfw_form_order(json, error) != ZWFW_OK)
    {
        return ZWFW_DECLINED;
    }

    for (child = json->child; child; child = child->next) {

        if (!zwfw_form_container(child) || child->value.len) {
            continue;
        }

        if (zwfw_form_close(child, error) != ZWFW_OK) {
            return ZWFW_DECLINED;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_form_order(zwfw_json_t *array, zwfw_json_error_t *error)
{
    unsigned      i, n;
    zwfw_json_t  *child, *slot[ZWFW_FORM_INDEX];

    memset(slot, 0, sizeof(slot));

    for (child = array->child; child; child = child->next) {
        slot[zwfw_form_index(&child->key, NULL)] = child;
    }

    n = array->count;

    for (i = 0; i < n; i++) {

        if (slot[i] == NULL) {
            return zwfw_form_hole(slot, i, error);
        }
    }

    array->child = NULL;
    array->last = NULL;
    array->count = 0;

    for (i = 0; i < n; i++) {
        zwfw_json_append(array, NULL, slot[i]);
    }

    return ZWFW_OK;
}


/* the index that a key ends with; digits is set to where it begins */

static unsigned
zwfw_form_index(zwfw_str_t *key, unsigned char **digits)
{
    unsigned        n, unit;
    unsigned char  *p;

    n = 0;
    unit = 1;

    for (p = key->data + key->len; p > key->data && p[-1] != '.'; p--) {
        n += (p[-1] - '0') * unit;
        unit *= 10;
    }

    if (digits) {
        *digits = p;
    }

    return n;
}


/* the key of a child behind the hole is turned into the path of the hole */

static int
zwfw_form_hole(zwfw_json_t **slot, unsigned hole, zwfw_json_error_t *error)
{
    unsigned        i, n, len;
    zwfw_str_t      path;
    unsigned char  *p;

    i = hole;

    while (slot[i] == NULL) {
        i++;
    }

    path = slot[i]->key;
    zwfw_form_index(&path, &p);

    len = 1;

    for (n = hole; n >= 10; n /= 10) {
        len++;
    }

    path.len = p + len - path.data;

    for (n = hole; len; n /= 10) {
        p[--len] = '0' + n % 10;
    }

    return zwfw_form_refuse(error, "bad_name", &path);
}


int
zwfw_form_parse(zwfw_mem_t *mem, const unsigned char *text, size_t len,
    zwfw_json_t *root, zwfw_json_error_t *error)
{
    int             rc;
    unsigned char  *p, *last, *end;

    if (len == 0) {
        return zwfw_form_done(root, error);
    }

    p = mem->alloc(mem->pool, len);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    memcpy(p, text, len);
    last = p + len;

    while (p < last) {
        end = memchr(p, '&', last - p);

        if (end == NULL) {
            end = last;
        }

        if (end > p) {
            rc = zwfw_form_pair(mem, p, end, root, error);
            if (rc != ZWFW_OK) {
                return rc;
            }
        }

        p = (end < last) ? end + 1 : last;
    }

    return zwfw_form_done(root, error);
}


static int
zwfw_form_pair(zwfw_mem_t *mem, unsigned char *p, unsigned char *last,
    zwfw_json_t *root, zwfw_json_error_t *error)
{
    zwfw_str_t      name;
    zwfw_json_t     value;
    unsigned char  *equal;

    memset(&value, 0, sizeof(zwfw_json_t));
    value.type = ZWFW_JSON_STRING;

    equal = memchr(p, '=', last - p);

    if (equal) {
        value.value.data = equal + 1;
        value.value.len = last - (equal + 1);
        last = equal;
    }

    name.data = p;
    name.len = last - p;

    if (zwfw_form_decode(&name) != ZWFW_OK) {
        return zwfw_form_refuse(error, "bad_escape", NULL);
    }

    if (zwfw_form_decode(&value.value) != ZWFW_OK) {
        return zwfw_form_refuse(error, "bad_escape",
                                zwfw_form_name_check(&name) ? NULL : &name);
    }

    return zwfw_form_put(mem, root, &name, &value, error);
}


/* in place; %00 is refused */

static int
zwfw_form_decode(zwfw_str_t *s)
{
    int             high, low;
    unsigned char  *p, *out, *last;

    if (s->len == 0) {
        return ZWFW_OK;
    }

    out = s->data;
    last = s->data + s->len;

    for (p = s->data; p < last; p++) {

        if (*p != '%') {
            *out++ = (*p == '+') ? ' ' : *p;
            continue;
        }

        if (last - p < 3) {
            return ZWFW_DECLINED;
        }

        high = zwfw_form_hex(p[1]);
        low = zwfw_form_hex(p[2]);

        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            return ZWFW_DECLINED;
        }

        *out++ = high * 16 + low;
        p += 2;
    }

    s->len = out - s->data;

    return ZWFW_OK;
}


static int
zwfw_form_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}
