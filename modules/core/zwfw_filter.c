
/*
 * The filters of templates that need nothing but the value: dates as they are
 * read in China (Asia/Shanghai, UTC+8 all the year), money, hidden names and
 * numbers.  What a filter does not understand it shows as it is; mask hides.
 */


#include <stdio.h>
#include <string.h>

#include "zwfw_template.h"


#define ZWFW_DATE_SIZE  64


typedef struct {
    int              year;
    int              month;
    int              day;
    int              hour;
    int              minute;
    int              second;
    int              offset;     /* seconds east of UTC */
    unsigned         timed;      /* there is more than a date */
} zwfw_time_t;


static int zwfw_filter_time(zwfw_mem_t *mem, zwfw_json_t *value,
    zwfw_str_t *result, unsigned timed);
static int zwfw_time_parse(zwfw_str_t *s, zwfw_time_t *tm);
static const unsigned char *zwfw_time_clock(const unsigned char *p,
    const unsigned char *last, zwfw_time_t *tm);
static const unsigned char *zwfw_time_zone(const unsigned char *p,
    const unsigned char *last, zwfw_time_t *tm);
static const unsigned char *zwfw_time_digits(const unsigned char *p,
    const unsigned char *last, unsigned count, int *number);
static const unsigned char *zwfw_time_char(const unsigned char *p,
    const unsigned char *last, unsigned char ch);
static int zwfw_time_check(zwfw_time_t *tm);
static int zwfw_time_days(zwfw_time_t *tm);
static void zwfw_time_local(zwfw_time_t *tm);
static unsigned char *zwfw_yuan_digits(unsigned char *p,
    const unsigned char *fen, size_t n);
static unsigned zwfw_mask_phone(zwfw_str_t *s);
static unsigned zwfw_mask_number(zwfw_str_t *s);
static size_t zwfw_mask_length(zwfw_str_t *s);
static size_t zwfw_mask_first(zwfw_str_t *s, size_t count);
static int zwfw_mask_join(zwfw_mem_t *mem, zwfw_str_t *s, size_t first,
    size_t last);
static int zwfw_mask_name(zwfw_mem_t *mem, zwfw_str_t *s);
static zwfw_str_t zwfw_filter_string(zwfw_json_t *value);


int
zwfw_filter_date(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result)
{
    return zwfw_filter_time(mem, value, result, 0);
}


int
zwfw_filter_datetime(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result)
{
    return zwfw_filter_time(mem, value, result, 1);
}


static int
zwfw_filter_time(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result,
    unsigned timed)
{
    int           n;
    char         *p;
    zwfw_time_t   tm;

    *result = zwfw_filter_string(value);

    if (zwfw_time_parse(result, &tm) != ZWFW_OK) {
        return ZWFW_OK;
    }

    p = mem->alloc(mem->pool, ZWFW_DATE_SIZE);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    if (tm.timed) {
        zwfw_time_local(&tm);
    }

    n = snprintf(p, ZWFW_DATE_SIZE, "%d年%d月%d日",
                 tm.year, tm.month, tm.day);

    if (timed && tm.timed) {
        n += snprintf(p + n, ZWFW_DATE_SIZE - n, " %02d:%02d", tm.hour,
                      tm.minute);
    }

    result->data = (unsigned char *) p;
    result->len = n;

    return ZWFW_OK;
}


/* 2026-11-23, 2026-11-23T10:00:00.123456+08:00; without a zone it is +08 */

static int
zwfw_time_parse(zwfw_str_t *s, zwfw_time_t *tm)
{
    const unsigned char  *p, *last;

    memset(tm, 0, sizeof(zwfw_time_t));

    tm->offset = 8 * 3600;

    last = s->data + s->len;

    p = zwfw_time_digits(s->data, last, 4, &tm->year);
    p = zwfw_time_char(p, last, '-');
    p = zwfw_time_digits(p, last, 2, &tm->month);
    p = zwfw_time_char(p, last, '-');
    p = zwfw_time_digits(p, last, 2, &tm->day);

    if (p && p < last) {
        tm->timed = 1;

        p = zwfw_time_clock(p, last, tm);
        p = zwfw_time_zone(p, last, tm);
    }

    if (p == NULL || p != last) {
        return ZWFW_DECLINED;
    }

    return zwfw_time_check(tm);
}


static const unsigned char *
zwfw_time_clock(const unsigned char *p, const unsigned char *last,
    zwfw_time_t *tm)
{
    if (*p != 'T' && *p != ' ') {
        return NULL;
    }

    p = zwfw_time_digits(p + 1, last, 2, &tm->hour);
    p = zwfw_time_char(p, last, ':');
    p = zwfw_time_digits(p, last, 2, &tm->minute);

    if (p && p < last && *p == ':') {
        p = zwfw_time_digits(p + 1, last, 2, &tm->second);

        if (p && last - p > 1 && *p == '.') {
            for (p++; p < last && *p >= '0' && *p <= '9'; p++) {
                /* void */
            }
        }
    }

    return p;
}


/* Z, +08, +0800, +08:00, +08:05:43; or nothing */

static const unsigned char *
zwfw_time_zone(const unsigned char *p, const unsigned char *last,
    zwfw_time_t *tm)
{
    int            n, unit;
    unsigned char  sign;

    if (p == NULL || p == last) {
        return p;
    }

    sign = *p++;

    if (sign == 'Z') {
        tm->offset = 0;
        return p;
    }

    if (sign != '+' && sign != '-') {
        return NULL;
    }

    p = zwfw_time_digits(p, last, 2, &n);

    if (p == NULL || n > 15) {
        return NULL;
    }

    tm->offset = n * 3600;

    for (unit = 60; unit && p && p < last; unit /= 60) {

        p = zwfw_time_digits(*p == ':' ? p + 1 : p, last, 2, &n);

        if (n > 59) {
            return NULL;
        }

        tm->offset += n * unit;
    }

    if (sign == '-') {
        tm->offset = -tm->offset;
    }

    return p;
}


/* the end of the number; NULL: it is none of so many digits */

static const unsigned char *
zwfw_time_digits(const unsigned char *p, const unsigned char *last,
    unsigned count, int *number)
{
    *number = 0;

    if (p == NULL || (size_t) (last - p) < count) {
        return NULL;
    }

    for ( /* void */ ; count; count--, p++) {

        if (*p < '0' || *p > '9') {
            return NULL;
        }

        *number = *number * 10 + (*p - '0');
    }

    return p;
}


static const unsigned char *
zwfw_time_char(const unsigned char *p, const unsigned char *last,
    unsigned char ch)
{
    return (p && p < last && *p == ch) ? p + 1 : NULL;
}


static int
zwfw_time_check(zwfw_time_t *tm)
{
    if (tm->year < 1 || tm->month < 1 || tm->month > 12
        || tm->day < 1 || tm->day > zwfw_time_days(tm)
        || tm->hour > 23 || tm->minute > 59 || tm->second > 60)
    {
        return ZWFW_DECLINED;
    }

    return ZWFW_OK;
}


/* days of the month */

static int
zwfw_time_days(zwfw_time_t *tm)
{
    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (tm->month == 2 && tm->year % 4 == 0
        && (tm->year % 100 || tm->year % 400 == 0))
    {
        return 29;
    }

    return days[tm->month - 1];
}


/* moves the time to Asia/Shanghai: by less than a day, back or forward */

static void
zwfw_time_local(zwfw_time_t *tm)
{
    int  t;

    t = tm->hour * 3600 + tm->minute * 60 + tm->second;
    t += 8 * 3600 - tm->offset;

    if (t < 0) {
        t += 86400;
        tm->day--;

    } else if (t >= 86400) {
        t -= 86400;
        tm->day++;
    }

    tm->hour = t / 3600;
    tm->minute = t / 60 % 60;

    if (tm->day == 0) {
        tm->year -= (tm->month == 1);
        tm->month = (tm->month == 1) ? 12 : tm->month - 1;
        tm->day = zwfw_time_days(tm);

    } else if (tm->day > zwfw_time_days(tm)) {
        tm->year += (tm->month == 12);
        tm->month = (tm->month == 12) ? 1 : tm->month + 1;
        tm->day = 1;
    }
}


int
zwfw_filter_yuan(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result)
{
    size_t          i, n;
    unsigned        minus;
    unsigned char  *p, *fen;

    static const char  yuan[] = " 元";

    *result = zwfw_filter_string(value);

    fen = result->data;
    n = result->len;
    minus = (n && *fen == '-');

    fen += minus;
    n -= minus;

    while (n > 1 && *fen == '0') {
        fen++;
        n--;
    }

    for (i = 0; i < n && fen[i] >= '0' && fen[i] <= '9'; i++) { /* void */ }

    if (i == 0 || i < n) {
        return ZWFW_OK;
    }

    /* sign, digits and their commas, "0.00 ", the unit */

    p = mem->alloc(mem->pool, n + n / 3 + 16);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    result->data = p;

    if (minus && *fen != '0') {
        *p++ = '-';
    }

    p = zwfw_yuan_digits(p, fen, n);

    memcpy(p, yuan, sizeof(yuan) - 1);
    p += sizeof(yuan) - 1;

    result->len = p - result->data;

    return ZWFW_OK;
}


static unsigned char *
zwfw_yuan_digits(unsigned char *p, const unsigned char *fen, size_t n)
{
    if (n <= 2) {
        *p++ = '0';
    }

    while (n > 2) {
        *p++ = *fen++;
        n--;

        if (n > 2 && (n - 2) % 3 == 0) {
            *p++ = ',';
        }
    }

    *p++ = '.';
    *p++ = (n == 2) ? *fen++ : '0';
    *p++ = *fen;

    return p;
}


int
zwfw_filter_mask(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result)
{
    size_t          chars, first, last;
    zwfw_str_t      s;
    unsigned char  *at;

    s = zwfw_filter_string(value);
    *result = s;

    if (s.len == 0) {
        return ZWFW_OK;
    }

    at = memchr(s.data, '@', s.len);

    if (at && at != s.data) {
        s.len = at - s.data;
        chars = zwfw_mask_length(&s) - 1;
        first = zwfw_mask_first(&s, chars < 3 ? chars : 3);

        return zwfw_mask_join(mem, result, first, result->len - s.len);
    }

    if (zwfw_mask_phone(result)) {
        return zwfw_mask_join(mem, result, 3, 4);
    }

    if (!zwfw_mask_number(result)) {
        return zwfw_mask_name(mem, result);
    }

    first = 0;
    last = 0;
    chars = zwfw_mask_length(result);

    if (chars > 2) {
        first = zwfw_mask_first(result, 1);
        last = result->len - zwfw_mask_first(result, chars - 1);
    }

    return zwfw_mask_join(mem, result, first, last);
}


/* a mobile phone; the country's code is cut off */

static unsigned
zwfw_mask_phone(zwfw_str_t *s)
{
    size_t  i;

    if (s->len == 14 && memcmp(s->data, "+86", 3) == 0) {
        s->data += 3;
        s->len -= 3;
    }

    if (s->len != 11 || s->data[0] != '1') {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


/* an ID number, or any other text with a digit in it */

static unsigned
zwfw_mask_number(zwfw_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] >= '0' && s->data[i] <= '9') {
            return 1;
        }
    }

    return 0;
}


/* characters of UTF-8 */

static size_t
zwfw_mask_length(zwfw_str_t *s)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < s->len; i++) {
        n += ((s->data[i] & 0xc0) != 0x80);
    }

    return n;
}


/* bytes of the first characters */

static size_t
zwfw_mask_first(zwfw_str_t *s, size_t count)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {

        if ((s->data[i] & 0xc0) == 0x80) {
            continue;
        }

        if (count-- == 0) {
            break;
        }
    }

    return i;
}


/* first bytes, four stars, last bytes */

static int
zwfw_mask_join(zwfw_mem_t *mem, zwfw_str_t *s, size_t first, size_t last)
{
    unsigned char  *p;

    p = mem->alloc(mem->pool, first + 4 + last);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    memcpy(p, s->data, first);
    memcpy(p + first, "****", 4);
    memcpy(p + first + 4, s->data + s->len - last, last);

    s->data = p;
    s->len = first + 4 + last;

    return ZWFW_OK;
}


/* one star for the first character, as it hides always one */

static int
zwfw_mask_name(zwfw_mem_t *mem, zwfw_str_t *s)
{
    size_t          first;
    unsigned char  *p;

    first = zwfw_mask_first(s, 1);

    p = mem->alloc(mem->pool, 1 + s->len - first);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    *p = '*';
    memcpy(p + 1, s->data + first, s->len - first);

    s->data = p;
    s->len = 1 + s->len - first;

    return ZWFW_OK;
}


/* the text of a string or number, else nothing */

static zwfw_str_t
zwfw_filter_string(zwfw_json_t *value)
{
    zwfw_str_t  none;

    if (value && (value->type == ZWFW_JSON_NUMBER
                  || value->type == ZWFW_JSON_STRING)
        && value->value.len)
    {
        return value->value;
    }

    none.len = 0;
    none.data = (unsigned char *) "";

    return none;
}
