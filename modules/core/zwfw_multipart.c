
/*
 * multipart/form-data (RFC 7578): a push parser, strict.
 *
 * The body begins with its first boundary and ends with the closing one and
 * at most one CRLF: nobody can hide anything before or behind.  Lines end
 * with CRLF only.
 */


#include <string.h>

#include "zwfw_multipart.h"


#define ZWFW_MULTIPART_HEADER  4096


typedef enum {
    ZWFW_MULTIPART_START = 0,   /* the first boundary, without CRLF before */
    ZWFW_MULTIPART_LINE,        /* two bytes behind a boundary */
    ZWFW_MULTIPART_HEAD,
    ZWFW_MULTIPART_BODY,
    ZWFW_MULTIPART_TAIL         /* two bytes behind the closing boundary */
} zwfw_multipart_state_e;


struct zwfw_multipart_s {
    zwfw_mem_t                *mem;
    zwfw_multipart_handler_t  *handler;
    zwfw_multipart_state_e     state;
    int                        rc;         /* final, unless ZWFW_OK */
    zwfw_json_error_t          error;
    unsigned                   parts;
    size_t                     matched;    /* bytes of mark, or of the two */
    zwfw_str_t                 mark;       /* CRLF "--" boundary */
    unsigned char              two;        /* the first of two bytes */
    size_t                     length;     /* of head */
    zwfw_str_t                 name;       /* of the part */
    unsigned char              head[ZWFW_MULTIPART_HEADER];
};


static int zwfw_multipart_step(zwfw_multipart_t *mp, const unsigned char **p,
    const unsigned char *last);
static int zwfw_multipart_refuse(zwfw_multipart_t *mp, const char *code);
static int zwfw_multipart_start(zwfw_multipart_t *mp, unsigned char c);
static int zwfw_multipart_line(zwfw_multipart_t *mp, unsigned char c);
static int zwfw_multipart_tail(zwfw_multipart_t *mp, unsigned char c);
static int zwfw_multipart_head(zwfw_multipart_t *mp, unsigned char c);
static int zwfw_multipart_body(zwfw_multipart_t *mp, const unsigned char **p,
    const unsigned char *last);
static int zwfw_multipart_pass(zwfw_multipart_t *mp, const unsigned char *p,
    size_t len);

static int zwfw_multipart_part(zwfw_multipart_t *mp);
static int zwfw_multipart_copy(zwfw_mem_t *mem, zwfw_str_t *s);


zwfw_multipart_t *
zwfw_multipart_create(zwfw_mem_t *mem, zwfw_str_t *boundary,
    zwfw_multipart_handler_t *handler)
{
    zwfw_multipart_t  *mp;

    if (!zwfw_multipart_legal(boundary)) {
        return NULL;
    }

    mp = mem->alloc(mem->pool, sizeof(zwfw_multipart_t));
    if (mp == NULL) {
        return NULL;
    }

    memset(mp, 0, sizeof(zwfw_multipart_t));

    mp->mem = mem;
    mp->handler = handler;
    mp->mark.len = 4 + boundary->len;
    mp->mark.data = mem->alloc(mem->pool, mp->mark.len);

    if (mp->mark.data == NULL) {
        return NULL;
    }

    memcpy(mp->mark.data, "\r\n--", 4);
    memcpy(mp->mark.data + 4, boundary->data, boundary->len);

    /* as if CRLF had come before the body */

    mp->matched = 2;

    return mp;
}


int
zwfw_multipart_feed(zwfw_multipart_t *mp, const unsigned char *p, size_t len,
    zwfw_json_error_t *error)
{
    const unsigned char  *last;

    if (len == 0) {
        return mp->rc;
    }

    last = p + len;

    while (p < last && mp->rc == ZWFW_OK) {
        mp->rc = zwfw_multipart_step(mp, &p, last);
    }

    if (mp->rc == ZWFW_DECLINED) {
        *error = mp->error;
    }

    return mp->rc;
}


/* takes at least one byte, or fails */

static int
zwfw_multipart_step(zwfw_multipart_t *mp, const unsigned char **p,
    const unsigned char *last)
{
    switch (mp->state) {

    case ZWFW_MULTIPART_START:
        return zwfw_multipart_start(mp, *(*p)++);

    case ZWFW_MULTIPART_LINE:
        return zwfw_multipart_line(mp, *(*p)++);

    case ZWFW_MULTIPART_HEAD:
        return zwfw_multipart_head(mp, *(*p)++);

    case ZWFW_MULTIPART_BODY:
        return zwfw_multipart_body(mp, p, last);

    default: /* ZWFW_MULTIPART_TAIL */
        return zwfw_multipart_tail(mp, *(*p)++);
    }
}


static int
zwfw_multipart_refuse(zwfw_multipart_t *mp, const char *code)
{
    mp->error.code = code;
    mp->error.field = mp->name;

    return ZWFW_DECLINED;
}


static int
zwfw_multipart_start(zwfw_multipart_t *mp, unsigned char c)
{
    if (c != mp->mark.data[mp->matched]) {
        return zwfw_multipart_refuse(mp, "bad_multipart");
    }

    if (++mp->matched == mp->mark.len) {
        mp->state = ZWFW_MULTIPART_LINE;
        mp->matched = 0;
    }

    return ZWFW_OK;
}


static int
zwfw_multipart_line(zwfw_multipart_t *mp, unsigned char c)
{
    if (mp->matched == 0) {
        mp->two = c;
        mp->matched = 1;
        return ZWFW_OK;
    }

    mp->matched = 0;

    if (mp->two == '-' && c == '-') {
        mp->state = ZWFW_MULTIPART_TAIL;
        return ZWFW_OK;
    }

    if (mp->two != '\r' || c != '\n') {
        return zwfw_multipart_refuse(mp, "bad_multipart");
    }

    if (++mp->parts > ZWFW_FORM_PAIRS) {
        return zwfw_multipart_refuse(mp, "too_many");
    }

    mp->state = ZWFW_MULTIPART_HEAD;
    mp->length = 0;

    return ZWFW_OK;
}


static int
zwfw_multipart_tail(zwfw_multipart_t *mp, unsigned char c)
{
    if (mp->matched < 2 && c == "\r\n"[mp->matched]) {
        mp->matched++;
        return ZWFW_OK;
    }

    return zwfw_multipart_refuse(mp, "bad_multipart");
}


/* gathers lines up to the empty one */

static int
zwfw_multipart_head(zwfw_multipart_t *mp, unsigned char c)
{
    size_t          n;
    unsigned char  *head;

    head = mp->head;
    n = mp->length;

    if (n == ZWFW_MULTIPART_HEADER
        || ((n && head[n - 1] == '\r') != (c == '\n'))
        || (c < 0x20 && c != '\r' && c != '\n' && c != '\t')
        || c == 0x7f)
    {
        return zwfw_multipart_refuse(mp, "bad_multipart");
    }

    head[n++] = c;
    mp->length = n;

    if (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {

        if (n == 2 && c == '\n') {
            return zwfw_multipart_refuse(mp, "bad_multipart");
        }

        return ZWFW_OK;
    }

    mp->state = ZWFW_MULTIPART_BODY;

    return zwfw_multipart_part(mp);
}


/*
 * Passes bytes on up to the next mark.  CR stands in the mark only once, at
 * its beginning, so that after a mismatch no earlier byte can begin another.
 */

static int
zwfw_multipart_body(zwfw_multipart_t *mp, const unsigned char **pos,
    const unsigned char *last)
{
    int                   rc;
    size_t                held;
    const unsigned char  *p, *start;

    p = *pos;
    start = p;
    held = mp->matched;     /* bytes of the mark in pieces before this one */

    while (p < last && mp->matched < mp->mark.len) {

        if (*p == mp->mark.data[mp->matched]) {
            mp->matched++;
            p++;
            continue;
        }

        if (held) {
            rc = zwfw_multipart_pass(mp, mp->mark.data, held);
            if (rc != ZWFW_OK) {
                return rc;
            }

            held = 0;
        }

        mp->matched = 0;
        p = memchr(p, '\r', last - p);

        if (p == NULL) {
            p = last;
        }
    }

    *pos = p;

    rc = zwfw_multipart_pass(mp, start, (p - start) - (mp->matched - held));

    if (rc != ZWFW_OK || mp->matched < mp->mark.len) {
        return rc;
    }

    mp->state = ZWFW_MULTIPART_LINE;
    mp->matched = 0;
    memset(&mp->name, 0, sizeof(zwfw_str_t));

    return mp->handler->end(mp->handler->data);
}


static int
zwfw_multipart_pass(zwfw_multipart_t *mp, const unsigned char *p, size_t len)
{
    if (len == 0) {
        return ZWFW_OK;
    }

    return mp->handler->bytes(mp->handler->data, p, len);
}


int
zwfw_multipart_finish(zwfw_multipart_t *mp, zwfw_json_error_t *error)
{
    if (mp->rc == ZWFW_OK
        && (mp->state != ZWFW_MULTIPART_TAIL || mp->matched == 1))
    {
        mp->rc = zwfw_multipart_refuse(mp, "bad_multipart");
    }

    if (mp->rc == ZWFW_DECLINED) {
        *error = mp->error;
    }

    return mp->rc;
}


/* the header block is complete */

static int
zwfw_multipart_part(zwfw_multipart_t *mp)
{
    const char             *code;
    zwfw_multipart_part_t   part;

    code = zwfw_multipart_read(mp->head, mp->length, &part);

    mp->name = part.name;

    if (code) {
        return zwfw_multipart_refuse(mp, code);
    }

    if (zwfw_multipart_copy(mp->mem, &part.name) != ZWFW_OK
        || zwfw_multipart_copy(mp->mem, &part.filename) != ZWFW_OK
        || zwfw_multipart_copy(mp->mem, &part.type) != ZWFW_OK)
    {
        return ZWFW_ERROR;
    }

    mp->name = part.name;

    return mp->handler->part(mp->handler->data, &part.name, &part.filename,
                             &part.type);
}


/* out of the buffer, which the next part will use */

static int
zwfw_multipart_copy(zwfw_mem_t *mem, zwfw_str_t *s)
{
    unsigned char  *p;

    if (s->len == 0) {
        return ZWFW_OK;
    }

    p = mem->alloc(mem->pool, s->len);
    if (p == NULL) {
        return ZWFW_ERROR;
    }

    memcpy(p, s->data, s->len);
    s->data = p;

    return ZWFW_OK;
}
