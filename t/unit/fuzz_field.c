
/*
 * Types of fields, cursors among them: what is accepted is what its schema
 * says, is accepted again as it is, and has not grown.  An input that begins
 * with "{" is a body, checked against a table of all types; else its first
 * word is a type and the rest a value
 */


#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"
#include "zwfw_field.h"


#define FUZZ_SIZE   40
#define FUZZ_CODES  " bad_type bad_value bad_character bad_utf8 bad_date"     \
                    " bad_check_digit too_short too_long too_small"           \
                    " too_large too_many too_deep missing unknown_field "


typedef struct {
    zwfw_type_t  *type;
    const char   *pattern;      /* extended regular expression */
    int         (*so)(zwfw_str_t *s);
} rule_t;


static void body(zwfw_str_t *text);
static void value(zwfw_str_t *input);
static void matches(rule_t *rule, zwfw_json_t *json);
static int is_date(zwfw_str_t *s);
static int is_integer(zwfw_str_t *s);
static int is_count(zwfw_str_t *s);
static int is_idnumber(zwfw_str_t *s);
static int is_text(zwfw_str_t *s);
static int is_clean(zwfw_str_t *s);
static int is_line(zwfw_str_t *s);
static int is_name(zwfw_str_t *s);
static int is_secret(zwfw_str_t *s);
static int characters(zwfw_str_t *s);


static rule_t  rules[] = {
    { zwfw_type_uuid, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", NULL },
    { zwfw_type_text, NULL, is_text },
    { zwfw_type_line, NULL, is_line },
    { zwfw_type_code, "^[0-9A-Za-z._-]{1,40}$", NULL },
    { zwfw_type_integer, "^(0|[1-9][0-9]*)$", is_integer },
    { zwfw_type_count, "^[1-9][0-9]*$", is_count },
    { zwfw_type_boolean, NULL, NULL },
    { zwfw_type_date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", is_date },
    { zwfw_type_idnumber, "^[1-9][0-9]{16}[0-9X]$", is_idnumber },
    { zwfw_type_phone, "^(1[3-9][0-9]{9}|1000000[0-9]{4})$", NULL },
    { zwfw_type_email, "^[^@ A-Z\t-\r]{1,64}@([a-z0-9]([a-z0-9-]*[a-z0-9])?"
      "\\.)+[a-z]([a-z0-9-]*[a-z0-9])?$", NULL },
    { zwfw_type_name, "^[^0-9]+$", is_name },
    { zwfw_type_secret, NULL, is_secret },
    { zwfw_type_cursor, "^[0-9A-Za-z_-]{1,40}$", NULL },
    { zwfw_type_file, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", NULL },
    { NULL, NULL, NULL }
};


static zwfw_field_t  members[] = {
    { zwfw_string("code"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 20, NULL,
      NULL },
    { zwfw_string("file"), zwfw_type_file, 0, 1000, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  fields[] = {
      zwfw_field_version, zwfw_field_after, zwfw_field_limit,
    { zwfw_string("person"), zwfw_type_group, ZWFW_FIELD_REQUIRED, 0, members,
      NULL },
    { zwfw_string("list"), zwfw_type_list, 0, 3, members, NULL },
    { zwfw_string("object"), zwfw_type_object, 0, 100, NULL, NULL },
    { zwfw_string("on"), zwfw_type_boolean, 0, 0, NULL, NULL },
    { zwfw_string("text"), zwfw_type_text, 0, 20, NULL, NULL },
    { zwfw_string("day"), zwfw_type_date, 0, 0, NULL, NULL },
      zwfw_null_field
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zwfw_str_t  input;

    input = tap_copy(data, size);

    if (size && data[0] == '{') {
        body(&input);

    } else {
        value(&input);
        zwfw_field_find(fields, &input);
    }

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static void
body(zwfw_str_t *text)
{
    int           rc;
    unsigned      n;
    zwfw_str_t    once, twice;
    zwfw_json_t  *json, *errors, *error;

    json = fuzz_read(text);

    if (json == NULL) {
        return;
    }

    errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    rc = zwfw_field_check(tap_mem, fields, json, errors);

    fuzz_must((rc == ZWFW_OK) == (errors->count == 0),
              "refused with an error, else not");
    fuzz_must(errors->count <= 50, "not too many errors");
    fuzz_tree(errors, 2);

    for (error = errors->child; error; error = error->next) {
        fuzz_must(fuzz_among((char *) error->value.data, FUZZ_CODES),
                  "a code of those that are documented");
    }

    if (rc == ZWFW_OK) {
        fuzz_tree(json, 64);
        once = fuzz_write(json);
        n = json->count;

        fuzz_must(zwfw_field_check(tap_mem, fields, json, errors) == ZWFW_OK,
                  "accepted again");
        twice = fuzz_write(json);
        fuzz_must(n == json->count && fuzz_equal(&once, &twice), "as it is");
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
value(zwfw_str_t *input)
{
    rule_t       *rule;
    const char   *code;
    zwfw_str_t    name, whole, once;
    zwfw_json_t   json;

    name = fuzz_take(input, ' ');
    whole = tap_copy(input->data, input->len);

    for (rule = rules; rule->type; rule++) {
        if (fuzz_equal(&rule->type->name, &name)) {
            break;
        }
    }

    if (rule->type == NULL) {
        return;
    }

    memset(&json, 0, sizeof(zwfw_json_t));
    json.type = ZWFW_JSON_STRING;
    json.value = whole;

    code = rule->type->check(tap_mem, &json, FUZZ_SIZE);

    if (code) {
        fuzz_must(fuzz_among(code, FUZZ_CODES), "a documented code");
        return;
    }

    if (json.value.len == 0) {
        return;
    }

    fuzz_must(json.value.data >= whole.data && json.value.data
              + json.value.len <= whole.data + whole.len, "it never grows");

    matches(rule, &json);

    once = tap_copy(json.value.data, json.value.len);

    fuzz_must(rule->type->check(tap_mem, &json, FUZZ_SIZE) == NULL
              && fuzz_equal(&once, &json.value), "accepted again, as it is");
}


static void
matches(rule_t *rule, zwfw_json_t *json)
{
    char      text[1024];
    regex_t  *regex;

    static regex_t   regexes[sizeof(rules) / sizeof(rules[0])];
    static unsigned  made[sizeof(rules) / sizeof(rules[0])];

    if (rule->so) {
        fuzz_must(rule->so(&json->value), (char *) rule->type->name.data);
    }

    if (rule->pattern == NULL) {
        return;
    }

    regex = &regexes[rule - rules];

    if (made[rule - rules]++ == 0) {
        fuzz_must(regcomp(regex, rule->pattern, REG_EXTENDED|REG_NOSUB) == 0,
                  "a pattern");
    }

    fuzz_must(json->value.len < sizeof(text), "none of these is so long");
    fuzz_must(memchr(json->value.data, '\0', json->value.len) == NULL, "NUL");

    memcpy(text, json->value.data, json->value.len);
    text[json->value.len] = '\0';

    fuzz_must(regexec(regex, text, 0, NULL, 0) == 0,
              (char *) rule->type->name.data);
}


/* a day that the library knows by the same name */

static int
is_date(zwfw_str_t *s)
{
    char       text[11], again[11];
    time_t     t;
    struct tm  tm;

    memcpy(text, s->data, 10);
    text[10] = '\0';

    memset(&tm, 0, sizeof(struct tm));

    if (sscanf(text, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday)
        != 3)
    {
        return 0;
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;
    t = timegm(&tm);
    gmtime_r(&t, &tm);

    snprintf(again, sizeof(again), "%04d-%02d-%02d", (tm.tm_year + 1900)
             % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100);

    return strcmp(text, again) == 0;
}


static int
is_integer(zwfw_str_t *s)
{
    char  text[20];

    snprintf(text, sizeof(text), "%.*s", (int) s->len, (char *) s->data);

    return strtoull(text, NULL, 10) <= FUZZ_SIZE;
}


static int
is_count(zwfw_str_t *s)
{
    return is_integer(s) && s->data[0] != '0';
}


static int
is_idnumber(zwfw_str_t *s)
{
    unsigned    i, sum;
    zwfw_str_t  day;

    /* the sum of the digits, each by its power of two, is 1 modulo 11 */

    sum = 0;

    for (i = 0; i < 18; i++) {
        sum = (2 * sum + (s->data[i] == 'X' ? 10u : s->data[i] - '0')) % 11;
    }

    day = tap_copy("0000-00-00", 10);
    memcpy(day.data, s->data + 6, 4);
    memcpy(day.data + 5, s->data + 10, 2);
    memcpy(day.data + 8, s->data + 12, 2);

    return sum == 1 && is_date(&day);
}


static int
is_text(zwfw_str_t *s)
{
    return is_clean(s) && characters(s) <= FUZZ_SIZE;
}


/* a text without control characters and spaces around it */

static int
is_clean(zwfw_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if ((s->data[i] < 0x20 && s->data[i] != '\n' && s->data[i] != '\t')
            || s->data[i] == 0x7f)
        {
            return 0;
        }
    }

    return fuzz_text(s) && !strchr(" \t\n", s->data[0])
           && !strchr(" \t\n", s->data[s->len - 1]);
}


static int
is_line(zwfw_str_t *s)
{
    return is_text(s) && !memchr(s->data, '\n', s->len)
           && !memchr(s->data, '\t', s->len);
}


static int
is_name(zwfw_str_t *s)
{
    return is_clean(s) && characters(s) >= 2 && characters(s) <= 50
           && !memchr(s->data, '\n', s->len);
}


static int
is_secret(zwfw_str_t *s)
{
    return fuzz_text(s) && characters(s) >= 8 && characters(s) <= FUZZ_SIZE;
}


static int
characters(zwfw_str_t *s)
{
    int     n;
    size_t  i;

    n = 0;

    for (i = 0; i < s->len; i++) {
        n += ((s->data[i] & 0xc0) != 0x80);
    }

    return n;
}
