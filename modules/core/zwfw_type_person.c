
/*
 * Types of what is asked about a person
 */


#include <string.h>
#include <time.h>

#include "zwfw_type.h"
#include "zwfw_utf8.h"


#define ZWFW_TYPE_EMAIL  254
#define ZWFW_TYPE_LOCAL  64            /* of an address, before the "@" */
#define ZWFW_TYPE_LABEL  63            /* of a domain name */
#define ZWFW_TYPE_OLD    18000101


static const char *zwfw_type_idnumber_check(zwfw_mem_t *mem,
    zwfw_json_t *value, size_t size);
static const char *zwfw_type_phone_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_email_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static const char *zwfw_type_name_check(zwfw_mem_t *mem, zwfw_json_t *value,
    size_t size);
static unsigned zwfw_type_today(void);
static int zwfw_type_province(const unsigned char *p);
static int zwfw_type_local(const unsigned char *p, size_t len);
static int zwfw_type_domain(const unsigned char *p, size_t len);
static int zwfw_type_letter(uint32_t c);


zwfw_type_t  zwfw_type_idnumber[] = {
    { zwfw_string("idnumber"),
      "\"type\":\"string\",\"pattern\":\"^[0-9]{17}[0-9Xx]$\"",
      zwfw_type_idnumber_check }
};


zwfw_type_t  zwfw_type_phone[] = {
    { zwfw_string("phone"),
      "\"type\":\"string\","
      "\"pattern\":\"^(1[3-9][0-9]{9}|1000000[0-9]{4})$\"",
      zwfw_type_phone_check }
};


zwfw_type_t  zwfw_type_email[] = {
    { zwfw_string("email"),
      "\"type\":\"string\",\"format\":\"email\"",
      zwfw_type_email_check }
};


zwfw_type_t  zwfw_type_name[] = {
    { zwfw_string("name"),
      "\"type\":\"string\",\"minLength\":2,\"maxLength\":50",
      zwfw_type_name_check }
};


/*
 * GB 11643.  Numbers of 15 digits are invalid since 2013.  Codes of counties
 * come and go, so only the province is looked at
 */

static const char *
zwfw_type_idnumber_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    static const unsigned char  weight[] = {
        7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2
    };

    unsigned     i, sum, day;
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

    if (s->len != 18 || !zwfw_type_digits(s->data, 17)) {
        return "bad_value";
    }

    if (s->data[17] == 'x') {
        s->data[17] = 'X';
    }

    if ((s->data[17] != 'X' && !zwfw_type_digits(s->data + 17, 1))
        || !zwfw_type_province(s->data))
    {
        return "bad_value";
    }

    sum = 0;

    for (i = 0; i < 17; i++) {
        sum += (s->data[i] - '0') * weight[i];
    }

    if (s->data[17] != "10X98765432"[sum % 11]) {
        return "bad_check_digit";
    }

    day = zwfw_type_day(s->data + 6);

    if (day < ZWFW_TYPE_OLD || day > zwfw_type_today()) {
        return "bad_date";
    }

    return NULL;
}


static const char *
zwfw_type_phone_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
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

    if (s->len != 11 || !zwfw_type_digits(s->data, 11)) {
        return "bad_value";
    }

    if (s->data[0] == '1' && s->data[1] >= '3') {
        return NULL;
    }

    /* no number in use begins so: these are for invented persons */

    return memcmp(s->data, "1000000", 7) ? "bad_value" : NULL;
}


static const char *
zwfw_type_email_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t          n;
    zwfw_str_t     *s;
    unsigned char  *at;

    (void) mem;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    s = &value->value;

    if (s->len == 0) {
        return NULL;
    }

    if (size == 0 || size > ZWFW_TYPE_EMAIL) {
        size = ZWFW_TYPE_EMAIL;
    }

    if (s->len > size) {
        return "too_long";
    }

    zwfw_type_lower(s);

    at = memchr(s->data, '@', s->len);
    if (at == NULL) {
        return "bad_value";
    }

    n = at - s->data;

    if (!zwfw_type_local(s->data, n)
        || !zwfw_type_domain(at + 1, s->len - n - 1))
    {
        return "bad_value";
    }

    return NULL;
}


static const char *
zwfw_type_name_check(zwfw_mem_t *mem, zwfw_json_t *value, size_t size)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *p, *last;

    (void) mem;
    (void) size;

    if (!zwfw_type_string(value)) {
        return "bad_type";
    }

    if (value->value.len == 0) {
        return NULL;
    }

    p = value->value.data;
    last = p + value->value.len;

    for (n = 0; p < last; n++) {
        c = zwfw_utf8_next(&p, last);

        if (c == ZWFW_UTF8_BAD) {
            return "bad_utf8";
        }

        if (!zwfw_type_letter(c)) {
            return "bad_character";
        }
    }

    if (n < 2) {
        return "too_short";
    }

    return (n > 50) ? "too_long" : NULL;
}


/* in Asia/Shanghai, which has no summer time */

static unsigned
zwfw_type_today(void)
{
    time_t     now;
    struct tm  tm;

    now = time(NULL) + 8 * 3600;

    if (gmtime_r(&now, &tm) == NULL) {
        return 0;
    }

    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}


/* 81, 82, 83 are residence permits, 9. foreigners' and 99 invented persons */

static int
zwfw_type_province(const unsigned char *p)
{
    static const char  last[] = "x537645139";

    unsigned char  c;

    c = p[0] - '0';

    if (c == 0 || p[1] == '0') {
        return c == 5;
    }

    return p[1] <= last[c];
}


static int
zwfw_type_local(const unsigned char *p, size_t len)
{
    size_t  i;

    if (len == 0 || len > ZWFW_TYPE_LOCAL || p[len - 1] == '.') {
        return 0;
    }

    for (i = 0; i < len; i++) {

        if (p[i] == '.' && (i == 0 || p[i - 1] == '.')) {
            return 0;
        }

        if (!zwfw_type_alnum(p[i])
            && (p[i] == '\0' || strchr(".!#$%&'*+/=?^_`{|}~-", p[i]) == NULL))
        {
            return 0;
        }
    }

    return 1;
}


/* labels of letters, digits and inner hyphens; the last is no number */

static int
zwfw_type_domain(const unsigned char *p, size_t len)
{
    size_t    i, start;
    unsigned  labels, letter;

    start = 0;
    labels = 0;
    letter = 0;

    for (i = 0; i <= len; i++) {

        if (i < len && p[i] != '.') {

            if (!zwfw_type_alnum(p[i]) && p[i] != '-') {
                return 0;
            }

            continue;
        }

        if (i == start || i - start > ZWFW_TYPE_LABEL || p[start] == '-'
            || p[i - 1] == '-')
        {
            return 0;
        }

        letter = (p[start] > '9');
        start = i + 1;
        labels++;
    }

    return labels >= 2 && letter;
}


/* may stand in a person's name: no digits, nothing invisible */

static int
zwfw_type_letter(uint32_t c)
{
    if (c < 0x80) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
               || c == ' ' || c == '.' || c == '-' || c == '\'';
    }

    if (c < 0xa0                              /* controls */
        || (c >= 0x2000 && c <= 0x200f)       /* spaces, joiners, marks */
        || (c >= 0x2028 && c <= 0x202f)       /* separators, directions */
        || (c >= 0x205f && c <= 0x206f)
        || c == 0xfeff
        || (c >= 0xff10 && c <= 0xff19)       /* wide digits */
        || (c >= 0xfff0 && c <= 0xffff)
        || (c >= 0xe0000 && c <= 0xe007f))    /* tags */
    {
        return 0;
    }

    /* the private area as well: rare characters are still stored there */

    return 1;
}
