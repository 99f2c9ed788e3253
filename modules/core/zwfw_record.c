
/*
 * Flat JSON objects, read in place
 */


#include "zwfw_record.h"
#include "zwfw_utf8.h"

#include <string.h>


#define ZWFW_RECORD_MEMBERS  32     /* in all, or it is declined */
#define ZWFW_RECORD_DIGITS   15


static const unsigned char *zwfw_record_string(const unsigned char *p,
    const unsigned char *last, zwfw_str_t *value);
static const unsigned char *zwfw_record_number(const unsigned char *p,
    const unsigned char *last, zwfw_str_t *value);
static const zwfw_member_t *zwfw_record_member(const zwfw_member_t *members,
    size_t nmembers, size_t next, zwfw_str_t *name);
static int zwfw_record_twice(zwfw_str_t *names, size_t nnames);


int
zwfw_record_read(unsigned char *text, size_t len,
    const zwfw_member_t *members, size_t nmembers)
{
    size_t                n, next;
    zwfw_str_t            value, names[ZWFW_RECORD_MEMBERS];
    const unsigned char  *p, *last;
    const zwfw_member_t  *member;

    p = text;
    last = text + len;
    next = 0;

    if (len < 2 || *p != '{' || last[-1] != '}') {
        return ZWFW_DECLINED;
    }

    for (n = 0; n < ZWFW_RECORD_MEMBERS; n++) {

        p = zwfw_record_string(p + 1, last, &names[n]);

        if (p == NULL || p == last || *p != ':' || ++p == last) {
            return ZWFW_DECLINED;
        }

        member = zwfw_record_member(members, nmembers, next, &names[n]);

        if (member && member->number != (*p != '"')) {
            return ZWFW_DECLINED;
        }

        p = (*p == '"') ? zwfw_record_string(p, last, &value)
                        : zwfw_record_number(p, last, &value);

        if (p == NULL || p == last) {
            return ZWFW_DECLINED;
        }

        if (member) {
            *member->value = value;
            next = member - members + 1;
        }

        if (*p == '}') {
            return (p + 1 == last) ? zwfw_record_twice(names, n + 1)
                                   : ZWFW_DECLINED;
        }

        if (*p != ',') {
            return ZWFW_DECLINED;
        }
    }

    return ZWFW_DECLINED;
}


/* returns what is behind the string, NULL if it is not a plain one */

static const unsigned char *
zwfw_record_string(const unsigned char *p, const unsigned char *last,
    zwfw_str_t *value)
{
    if (p >= last || *p++ != '"') {
        return NULL;
    }

    value->data = (unsigned char *) p;

    while (p < last && *p != '"') {

        if (*p < 0x20 || *p == '\\') {
            return NULL;
        }

        if (*p < 0x80) {
            p++;

        } else if (zwfw_utf8_next(&p, last) == ZWFW_UTF8_BAD) {
            return NULL;
        }
    }

    if (p == last) {
        return NULL;
    }

    value->len = p - value->data;

    return p + 1;
}


static const unsigned char *
zwfw_record_number(const unsigned char *p, const unsigned char *last,
    zwfw_str_t *value)
{
    value->data = (unsigned char *) p;

    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    value->len = p - value->data;

    if (value->len == 0 || value->len > ZWFW_RECORD_DIGITS
        || (value->len > 1 && *value->data == '0'))
    {
        return NULL;
    }

    return p;
}


/* most often it is the next one */

static const zwfw_member_t *
zwfw_record_member(const zwfw_member_t *members, size_t nmembers, size_t next,
    zwfw_str_t *name)
{
    size_t                n;
    const zwfw_member_t  *member;

    for (n = 0; n < nmembers; n++) {
        member = &members[(next + n) % nmembers];

        if (strncmp(member->name, (char *) name->data, name->len) == 0
            && member->name[name->len] == '\0')
        {
            return member;
        }
    }

    return NULL;
}


static int
zwfw_record_twice(zwfw_str_t *names, size_t nnames)
{
    size_t  i, j;

    for (i = 0; i < nnames; i++) {
        for (j = 0; j < i; j++) {

            if (names[i].len == names[j].len
                && memcmp(names[i].data, names[j].data, names[i].len) == 0)
            {
                return ZWFW_DECLINED;
            }
        }
    }

    return ZWFW_OK;
}
