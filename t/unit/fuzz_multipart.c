
/*
 * multipart/form-data: however the body is cut, the parts are the same; their
 * bytes stand in the body, one behind the other; written anew they are the
 * same parts.  The first line of an input is its content type
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "zwfw_form.h"


#define FUZZ_PARTS  16


typedef struct {
    zwfw_str_t          name;
    zwfw_str_t          filename;
    zwfw_str_t          type;
    zwfw_str_t          content;
    unsigned            ended;
} part_t;


typedef struct {
    part_t              parts[FUZZ_PARTS];
    unsigned            nparts;
    unsigned            more;   /* parts that there was no room for */
    size_t              room;   /* for content */
    int                 rc;
    zwfw_json_error_t   error;
} told_t;


static void feed(told_t *told, zwfw_str_t *boundary, zwfw_str_t *body,
    unsigned step);
static int on_part(void *data, zwfw_str_t *name, zwfw_str_t *filename,
    zwfw_str_t *type);
static int on_bytes(void *data, const unsigned char *p, size_t len);
static int on_end(void *data);
static void same(told_t *a, told_t *b);
static void inside(told_t *told, zwfw_str_t *boundary, zwfw_str_t *body);
static void clean(zwfw_str_t *s, const char *others);
static zwfw_str_t rewrite(told_t *told, zwfw_str_t *boundary);
static size_t quoted(unsigned char *p, const char *key, zwfw_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    told_t      whole, cut, again;
    zwfw_str_t  input, header, boundary, body;

    input = tap_copy(data, size);
    header = fuzz_take(&input, '\n');
    body = tap_copy(input.data, input.len);

    if (zwfw_multipart_boundary(header.data, header.len, &boundary)
        != ZWFW_OK)
    {
        tap_mem_reset(TAP_MEM_ALL);
        return 0;
    }

    fuzz_must(boundary.len >= 1 && boundary.len <= 70, "boundary, its size");
    fuzz_must(boundary.data >= header.data && boundary.data + boundary.len
              <= header.data + header.len, "boundary, out of the header");

    feed(&whole, &boundary, &body, body.len);
    feed(&cut, &boundary, &body, 1);
    same(&whole, &cut);
    feed(&cut, &boundary, &body, 2 + fuzz_dice(&body, 30));
    same(&whole, &cut);

    inside(&whole, &boundary, &body);

    if (whole.rc == ZWFW_OK && whole.more == 0) {
        body = rewrite(&whole, &boundary);
        feed(&again, &boundary, &body, body.len);
        same(&whole, &again);
    }

    tap_mem_reset(3 + fuzz_dice(&body, 16));
    input = tap_copy(data, size);
    header = fuzz_take(&input, '\n');

    if (zwfw_multipart_boundary(header.data, header.len, &boundary)
        == ZWFW_OK)
    {
        feed(&cut, &boundary, &input, input.len);
        fuzz_must(cut.rc == ZWFW_ERROR || cut.rc == whole.rc,
                  "out of memory is an error of its own");
    }

    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static void
feed(told_t *told, zwfw_str_t *boundary, zwfw_str_t *body, unsigned step)
{
    size_t                    at, len;
    zwfw_str_t                piece;
    zwfw_multipart_t         *mp;
    zwfw_multipart_handler_t  handler = { on_part, on_bytes, on_end, told };

    memset(told, 0, sizeof(told_t));
    told->room = body->len;

    mp = zwfw_multipart_create(tap_mem, boundary, &handler);

    if (mp == NULL) {
        told->rc = ZWFW_ERROR;
        return;
    }

    for (at = 0; at < body->len && told->rc == ZWFW_OK; at += len) {
        len = body->len - at < step ? body->len - at : step;
        piece = tap_copy(body->data + at, len);
        told->rc = zwfw_multipart_feed(mp, piece.data, len, &told->error);
    }

    fuzz_must(zwfw_multipart_feed(mp, body->data, 0, &told->error)
              == told->rc, "a result is final");

    if (told->rc == ZWFW_OK) {
        told->rc = zwfw_multipart_finish(mp, &told->error);
    }

    if (told->rc == ZWFW_DECLINED) {
        fuzz_must(fuzz_among(told->error.code, " bad_multipart bad_name"
                             " bad_utf8 bad_character too_many "),
                  "a code of those that are documented");

        /* it may stand in the parser */
        told->error.field = tap_copy(told->error.field.data,
                                     told->error.field.len);
    }
}


static int
on_part(void *data, zwfw_str_t *name, zwfw_str_t *filename, zwfw_str_t *type)
{
    part_t  *part;
    told_t  *told = data;

    if (told->nparts == FUZZ_PARTS) {
        told->more++;
        return ZWFW_OK;
    }

    fuzz_must(told->nparts == 0 || told->parts[told->nparts - 1].ended,
              "one part after the other");

    clean(name, "");
    clean(filename, "/\\");
    fuzz_must(name->len && name->len <= ZWFW_FORM_NAME, "a name, its size");

    part = &told->parts[told->nparts++];
    part->name = *name;
    part->filename = *filename;
    part->type = *type;
    part->content.data = tap_copy("", 0).data;

    return ZWFW_OK;
}


static int
on_bytes(void *data, const unsigned char *p, size_t len)
{
    part_t         *part;
    told_t         *told = data;
    unsigned char  *joined;

    fuzz_must(len != 0, "never no bytes");
    fuzz_must(len <= told->room, "no more bytes than there are");
    told->room -= len;

    if (told->more) {
        return ZWFW_OK;
    }

    part = &told->parts[told->nparts - 1];
    fuzz_must(!part->ended, "no bytes behind the end");

    joined = tap_mem->alloc(NULL, part->content.len + len);

    if (joined == NULL) {
        return ZWFW_ERROR;
    }

    memcpy(joined, part->content.data, part->content.len);
    memcpy(joined + part->content.len, p, len);
    part->content.data = joined;
    part->content.len += len;

    return ZWFW_OK;
}


static int
on_end(void *data)
{
    told_t  *told = data;

    fuzz_must(told->nparts != 0, "an end of something");

    if (!told->more) {
        fuzz_must(!told->parts[told->nparts - 1].ended, "one end");
        told->parts[told->nparts - 1].ended = 1;
    }

    return ZWFW_OK;
}


static void
same(told_t *a, told_t *b)
{
    part_t    *p, *q;
    unsigned   i;

    fuzz_must(a->rc == b->rc, "the same result");
    fuzz_must(a->nparts == b->nparts && a->more == b->more,
              "the same number of parts");

    if (a->rc == ZWFW_DECLINED) {
        fuzz_must(strcmp(a->error.code, b->error.code) == 0, "the same code");
        fuzz_must(fuzz_equal(&a->error.field, &b->error.field),
                  "the same field");
    }

    for (i = 0; i < a->nparts; i++) {
        p = &a->parts[i];
        q = &b->parts[i];

        fuzz_must(fuzz_equal(&p->name, &q->name), "the same name");
        fuzz_must(fuzz_equal(&p->filename, &q->filename), "of a file");
        fuzz_must(fuzz_equal(&p->type, &q->type), "the same type");
        fuzz_must(p->ended == q->ended, "the same end");

        /* what is held back at the end of a body differs with the cut */

        if (p->ended) {
            fuzz_must(fuzz_equal(&p->content, &q->content), "the same bytes");
        }
    }
}


static void
inside(told_t *told, zwfw_str_t *boundary, zwfw_str_t *body)
{
    char            mark[80];
    int             n;
    unsigned        i;
    zwfw_str_t     *s;
    unsigned char  *p, *last;

    n = snprintf(mark, sizeof(mark), "\r\n--%.*s", (int) boundary->len,
                 (char *) boundary->data);
    p = body->data;
    last = body->data + body->len;

    for (i = 0; i < told->nparts; i++) {
        s = &told->parts[i].content;

        fuzz_must(s->len == 0 || memmem(s->data, s->len, mark, n) == NULL,
                  "no boundary within a part");

        if (s->len) {
            p = memmem(p, last - p, s->data, s->len);
            fuzz_must(p != NULL, "bytes of the body, in its order");
            p += s->len;
        }
    }

    if (told->rc == ZWFW_OK) {
        for (i = 0; i < told->nparts; i++) {
            fuzz_must(told->parts[i].ended, "no part without an end");
        }
    }
}


/* a text without control characters and these */

static void
clean(zwfw_str_t *s, const char *others)
{
    size_t  i;

    fuzz_must(fuzz_text(s), "a name is a text");

    for (i = 0; i < s->len; i++) {
        fuzz_must(s->data[i] >= 0x20 && s->data[i] != 0x7f
                  && strchr(others, s->data[i]) == NULL, "a clean one");
    }
}


static zwfw_str_t
rewrite(told_t *told, zwfw_str_t *boundary)
{
    part_t         *part;
    size_t          len;
    unsigned        i;
    unsigned char  *p, *start;

    len = 200;

    for (i = 0; i < told->nparts; i++) {
        part = &told->parts[i];
        len += 300 + 2 * (part->name.len + part->filename.len)
               + part->type.len + part->content.len;
    }

    start = tap_mem->alloc(NULL, len);
    p = start;

    for (i = 0; i < told->nparts; i++) {
        part = &told->parts[i];

        p += sprintf((char *) p, "--%.*s\r\nContent-Disposition: form-data",
                     (int) boundary->len, boundary->data);
        p += quoted(p, "name", &part->name);

        if (part->type.len) {
            p += quoted(p, "filename", &part->filename);
            p += sprintf((char *) p, "\r\nCONTENT-TYPE:%.*s",
                         (int) part->type.len, part->type.data);
        }

        p += sprintf((char *) p, "\r\n\r\n");
        memcpy(p, part->content.data, part->content.len);
        p += part->content.len;
        p += sprintf((char *) p, "\r\n");
    }

    p += sprintf((char *) p, "--%.*s--\r\n", (int) boundary->len,
                 boundary->data);

    return tap_copy(start, p - start);
}


static size_t
quoted(unsigned char *p, const char *key, zwfw_str_t *s)
{
    size_t          i;
    unsigned char  *start;

    start = p;
    p += sprintf((char *) p, "; %s=\"", key);

    for (i = 0; i < s->len; i++) {

        if (s->data[i] == '"' || s->data[i] == '\\') {
            *p++ = '\\';
        }

        *p++ = s->data[i];
    }

    *p++ = '"';

    return p - start;
}
