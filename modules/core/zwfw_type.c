
/*
 * The types of fields.  Values are normalised in place: they never grow
 */


#include <string.h>

#include "zwfw_type.h"
#include "zwfw_utf8.h"


#define ZWFW_TYPE_SECRET  8            /* characters at least */
#define ZWFW_TYPE_DEPTH   8
#define ZWFW_TYPE_FILE    255          /* characters of a file's name */
#define ZWFW_TYPE_EXACT   9007199254740992ULL


static const char *zwfw_type_uuid_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_text_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_line_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_chars(zwfw_json_t *value, size_t size,
    int lines);
static const char *zwfw_type_code_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_integer_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_count_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_boolean_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_date_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_secret_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_cursor_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_object_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_group_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_list_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_file_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);

static size_t zwfw_type_space(const unsigned char *p, size_t len);
static size_t zwfw_type_space_end(const unsigned char *p, size_t len);
static void zwfw_type_newlines(zwfw_str_t *s);
static const char *zwfw_type_only(zwfw_str_t *s, size_t size,
    const char *others);
static int zwfw_type_deep(zwfw_json_t *json, unsigned left);


zwfw_type_t  zwfw_type_uuid[] = {
    { zwfw_string("uuid"),
      "\"type\":\"string\",\"format\":\"uuid\"",
      zwfw_type_uuid_check }
};


zwfw_type_t  zwfw_type_text[] = {
    { zwfw_string("text"),
      "\"type\":\"string\"",
      zwfw_type_text_check }
};


zwfw_type_t  zwfw_type_line[] = {
    { zwfw_string("line"),
      "\"type\":\"string\",\"pattern\":\"^[^\\\\n\\\\t]*$\"",
      zwfw_type_line_check }
};


zwfw_type_t  zwfw_type_code[] = {
    { zwfw_string("code"),
      "\"type\":\"string\",\"pattern\":\"^[0-9A-Za-z._-]+$\"",
      zwfw_type_code_check }
};


zwfw_type_t  zwfw_type_integer[] = {
    { zwfw_string("integer"),
      "\"type\":\"integer\",\"minimum\":0",
      zwfw_type_integer_check }
};


zwfw_type_t  zwfw_type_count[] = {
    { zwfw_string("count"),
      "\"type\":\"integer\",\"minimum\":1",
      zwfw_type_count_check }
};


zwfw_type_t  zwfw_type_boolean[] = {
    { zwfw_string("boolean"),
      "\"type\":\"boolean\"",
      zwfw_type_boolean_check }
};


zwfw_type_t  zwfw_type_date[] = {
    { zwfw_string("date"),
      "\"type\":\"string\",\"format\":\"date\"",
      zwfw_type_date_check }
};


zwfw_type_t  zwfw_type_secret[] = {
    { zwfw_string("secret"),
      "\"type\":\"string\",\"format\":\"password\",\"minLength\":8",
      zwfw_type_secret_check }
};


zwfw_type_t  zwfw_type_cursor[] = {
    { zwfw_string("cursor"),
      "\"type\":\"string\",\"pattern\":\"^[0-9A-Za-z_-]+$\"",
      zwfw_type_cursor_check }
};


zwfw_type_t  zwfw_type_object[] = {
    { zwfw_string("object"),
      "\"type\":\"object\"",
      zwfw_type_object_check }
};


zwfw_type_t  zwfw_type_group[] = {
    { zwfw_string("group"),
      "\"type\":\"object\"",
      zwfw_type_group_check }
};


zwfw_type_t  zwfw_type_list[] = {
    { zwfw_string("list"),
      "\"type\":\"array\"",
      zwfw_type_list_check }
};


zwfw_type_t  zwfw_type_file[] = {
    { zwfw_string("file"),
      "\"type\":\"string\",\"format\":\"uuid\"",
      zwfw_type_file_check }
};


static const char *
zwfw_type_uuid_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t       i;
    zwfw_str_t  *s;

    (void) mem;
    (void) size;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    s = &value->value;

    if (s->len == 0) {
        return NULL;
    }

    if (s->len != 36) {
        return "bad_value";
    }

    zwfw_type_lower(s);

    for (i = 0; i < 36; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {

            if (s->data[i] != '-') {
                return "bad_value";
            }

            continue;
        }

        if (!zwfw_type_alnum(s->data[i]) || s->data[i] > 'f') {
            return "bad_value";
        }
    }

    return NULL;
}


static const char *
zwfw_type_text_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    return zwfw_type_chars(value, size, 1);
}


static const char *
zwfw_type_line_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    return zwfw_type_chars(value, size, 0);
}


static const char *
zwfw_type_chars(zwfw_json_t *value, size_t size, int lines)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *p, *last;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    if (value->value.len == 0) {
        return NULL;
    }

    if (lines) {
        zwfw_type_newlines(&value->value);
    }

    p = value->value.data;
    last = p + value->value.len;

    for (n = 0; p < last; n++) {
        c = zwfw_utf8_next(&p, last);

        if (c == ZWFW_UTF8_BAD) {
            return "bad_utf8";
        }

        if (lines && (c == '\n' || c == '\t')) {
            continue;
        }

        if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            return "bad_character";
        }
    }

    return (n > size) ? "too_long" : NULL;
}


static const char *
zwfw_type_code_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    return zwfw_type_only(&value->value, size, "._-");
}


static const char *
zwfw_type_integer_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t       i;
    uint64_t     n, most;
    zwfw_str_t  *s;

    (void) mem;

    if (value->type != ZWFW_JSON_NUMBER && !zwfw_type_string(value)) {
        return "bad_type";
    }

    s = &value->value;

    if (s->len == 0) {
        return NULL;
    }

    if (*s->data == '-' && zwfw_type_digits(s->data + 1, s->len - 1)) {
        return "too_small";
    }

    if (!zwfw_type_digits(s->data, s->len)
        || (s->len > 1 && *s->data == '0'))
    {
        return "bad_value";
    }

    if (s->len > 16) {
        return "too_large";
    }

    n = 0;
    most = size ? size : ZWFW_TYPE_EXACT - 1;

    for (i = 0; i < s->len; i++) {
        n = n * 10 + (s->data[i] - '0');
    }

    if (n > most) {
        return "too_large";
    }

    value->type = ZWFW_JSON_NUMBER;

    return NULL;
}


static const char *
zwfw_type_count_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    const char  *code;

    code = zwfw_type_integer_check(mem, value, size);

    if (code == NULL && value->value.len && *value->value.data == '0') {
        return "too_small";
    }

    return code;
}


static const char *
zwfw_type_boolean_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    zwfw_str_t  *s;

    (void) mem;
    (void) size;

    if (value->type == ZWFW_JSON_TRUE || value->type == ZWFW_JSON_FALSE) {
        return NULL;
    }

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    s = &value->value;

    if (s->len == 0) {
        return NULL;
    }

    if ((s->len == 4 && memcmp(s->data, "true", 4) == 0)
        || (s->len == 2 && memcmp(s->data, "on", 2) == 0))
    {
        value->type = ZWFW_JSON_TRUE;

    } else if (s->len == 5 && memcmp(s->data, "false", 5) == 0) {
        value->type = ZWFW_JSON_FALSE;

    } else {
        return "bad_value";
    }

    memset(s, 0, sizeof(zwfw_str_t));

    return NULL;
}


static const char *
zwfw_type_date_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    zwfw_str_t     *s;
    unsigned char   day[8];

    (void) mem;
    (void) size;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    s = &value->value;

    if (s->len == 0) {
        return NULL;
    }

    if (s->len != 10 || s->data[4] != '-' || s->data[7] != '-') {
        return "bad_value";
    }

    memcpy(day, s->data, 4);
    memcpy(day + 4, s->data + 5, 2);
    memcpy(day + 6, s->data + 8, 2);

    if (!zwfw_type_digits(day, 8)) {
        return "bad_value";
    }

    return zwfw_type_day(day) ? NULL : "bad_date";
}


static const char *
zwfw_type_secret_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t       i, n;
    zwfw_str_t  *s;

    (void) mem;

    if (value->type != ZWFW_JSON_STRING) {
        return "bad_type";
    }

    s = &value->value;

    if (zwfw_utf8_check(s->data, s->len, &n) != ZWFW_OK) {
        return "bad_utf8";
    }

    for (i = 0; i < s->len; i++) {

        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            return "bad_character";
        }
    }

    if (n < ZWFW_TYPE_SECRET) {
        return "too_short";
    }

    return (n > size) ? "too_long" : NULL;
}


static const char *
zwfw_type_cursor_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    return zwfw_type_only(&value->value, size, "_-");
}


static const char *
zwfw_type_object_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    if (value->type != ZWFW_JSON_OBJECT) {
        return "bad_type";
    }

    if (zwfw_type_deep(value, ZWFW_TYPE_DEPTH)) {
        return "too_deep";
    }

    return (zwfw_json_size(value) > size) ? "too_large" : NULL;
}


static const char *
zwfw_type_group_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;
    (void) size;

    return (value->type == ZWFW_JSON_OBJECT) ? NULL : "bad_type";
}


static const char *
zwfw_type_list_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    (void) mem;

    if (value->type != ZWFW_JSON_ARRAY) {
        return "bad_type";
    }

    return (value->count > size) ? "too_many" : NULL;
}


/*
 * A client sends the id of a file it owns.  The object of a file is only
 * taken from core, which gave it a value (zwfw_form.h): from a client it
 * would be a claim to a content that it never had
 */

static const char *
zwfw_type_file_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t        n;
    zwfw_json_t  *member;

    if (value->type != ZWFW_JSON_OBJECT) {
        return zwfw_type_uuid_check(mem, value, size);
    }

    if (value->value.len == 0) {
        return "bad_type";
    }

    member = zwfw_json_get(value, "size", 4);

    if (member == NULL
        || zwfw_type_integer_check(mem, member, size) != NULL)
    {
        return "too_large";
    }

    member = zwfw_json_get(value, "name", 4);

    if (member == NULL
        || zwfw_utf8_check(member->value.data, member->value.len, &n)
           != ZWFW_OK)
    {
        return "bad_utf8";
    }

    return (n > ZWFW_TYPE_FILE) ? "too_long" : NULL;
}


int
zwfw_type_string(zwfw_json_t *value)
{
    size_t       n;
    zwfw_str_t  *s;

    if (value->type != ZWFW_JSON_STRING) {
        return 0;
    }

    s = &value->value;

    while ((n = zwfw_type_space(s->data, s->len)) != 0) {
        s->data += n;
        s->len -= n;
    }

    while ((n = zwfw_type_space_end(s->data, s->len)) != 0) {
        s->len -= n;
    }

    return 1;
}


/* bytes of the space at the beginning: ASCII, U+00A0, U+3000 */

static size_t
zwfw_type_space(const unsigned char *p, size_t len)
{
    if (len && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) {
        return 1;
    }

    if (len >= 2 && memcmp(p, "\xc2\xa0", 2) == 0) {
        return 2;
    }

    return (len >= 3 && memcmp(p, "\xe3\x80\x80", 3) == 0) ? 3 : 0;
}


static size_t
zwfw_type_space_end(const unsigned char *p, size_t len)
{
    size_t  n;

    for (n = 1; n <= 3 && n <= len; n++) {

        if (zwfw_type_space(p + len - n, n) == n) {
            return n;
        }
    }

    return 0;
}


/* CR LF becomes LF */

static void
zwfw_type_newlines(zwfw_str_t *s)
{
    unsigned char  *p, *out, *last;

    out = s->data;
    last = s->data + s->len;

    for (p = s->data; p < last; p++) {

        if (*p == '\r' && last - p > 1 && p[1] == '\n') {
            continue;
        }

        *out++ = *p;
    }

    s->len = out - s->data;
}


/* ASCII letters, digits and others, at most size */

static const char *
zwfw_type_only(zwfw_str_t *s, size_t size, const char *others)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!zwfw_type_alnum(c) && (c == '\0' || strchr(others, c) == NULL)) {
            return "bad_value";
        }
    }

    return (s->len > size) ? "too_long" : NULL;
}


void
zwfw_type_lower(zwfw_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] >= 'A' && s->data[i] <= 'Z') {
            s->data[i] |= 0x20;
        }
    }
}


int
zwfw_type_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


int
zwfw_type_digits(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }
    }

    return len != 0;
}


unsigned
zwfw_type_day(const unsigned char *p)
{
    static const unsigned char  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    unsigned  year, month, day, most;

    year = (p[0] - '0') * 1000 + (p[1] - '0') * 100 + (p[2] - '0') * 10
           + (p[3] - '0');
    month = (p[4] - '0') * 10 + (p[5] - '0');
    day = (p[6] - '0') * 10 + (p[7] - '0');

    if (year == 0 || month == 0 || month > 12) {
        return 0;
    }

    most = days[month - 1];

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        most++;
    }

    if (day == 0 || day > most) {
        return 0;
    }

    return year * 10000 + month * 100 + day;
}


/* more than so many objects and arrays within each other */

static int
zwfw_type_deep(zwfw_json_t *json, unsigned left)
{
    zwfw_json_t  *child;

    if (json->type != ZWFW_JSON_ARRAY && json->type != ZWFW_JSON_OBJECT) {
        return 0;
    }

    if (left == 0) {
        return 1;
    }

    for (child = json->child; child; child = child->next) {

        if (zwfw_type_deep(child, left - 1)) {
            return 1;
        }
    }

    return 0;
}
