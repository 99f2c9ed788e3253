
/*
 * Mustache: reads the tags of a template and what is around them on the line
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "zwfw_tag.h"


static unsigned char *zwfw_tag_mark(zwfw_tags_t *in, zwfw_tag_t *tag);
static void zwfw_tag_line(zwfw_tags_t *in, zwfw_tag_t *tag);
static zwfw_str_t zwfw_tag_indent(zwfw_tags_t *in, unsigned char *p);
static unsigned char *zwfw_tag_find(unsigned char *p, unsigned char *last,
    zwfw_str_t *what);
static unsigned char *zwfw_tag_blank(unsigned char *p, unsigned char *last);
static unsigned zwfw_tag_is_space(unsigned char ch);


int
zwfw_tag_next(zwfw_tags_t *in, zwfw_tag_t *tag)
{
    unsigned char  *p, *end;

    memset(tag, 0, sizeof(zwfw_tag_t));

    tag->start = zwfw_tag_find(in->pos, in->last, &in->open);
    if (tag->start == NULL) {
        return ZWFW_OK;
    }

    p = zwfw_tag_mark(in, tag);
    end = zwfw_tag_find(p, in->last, &in->close);

    if (tag->mark == '{' || tag->mark == '=') {

        /* "}" or "=" belongs to the closing delimiter */

        while (end && (end == p
                       || end[-1] != (tag->mark == '{' ? '}' : '=')))
        {
            end = zwfw_tag_find(end + 1, in->last, &in->close);
        }
    }

    if (end == NULL) {
        return zwfw_tag_error(in, tag->start, "a tag is not closed");
    }

    tag->end = end + in->close.len;

    if (tag->mark == '{' || tag->mark == '=') {
        end--;
    }

    tag->name.data = p;
    tag->name.len = end - p;

    zwfw_tag_trim(&tag->name);
    zwfw_tag_line(in, tag);

    return ZWFW_OK;
}


static unsigned char *
zwfw_tag_mark(zwfw_tags_t *in, zwfw_tag_t *tag)
{
    unsigned char  *p;

    p = tag->start + in->open.len;

    while (p < in->last && zwfw_tag_is_space(*p)) {
        p++;
    }

    if (p < in->last && *p && strchr("!=#^/><${&", *p)) {
        tag->mark = *p++;
    }

    return p;
}


/* looks what else is on the line */

static void
zwfw_tag_line(zwfw_tags_t *in, zwfw_tag_t *tag)
{
    unsigned char  *p;

    p = tag->start;

    while (p > in->pos && (p[-1] == ' ' || p[-1] == '\t')) {
        p--;
    }

    tag->clean = (p == in->start || p[-1] == '\n');
    tag->line = zwfw_tag_blank(tag->end, in->last);

    if (tag->clean) {
        tag->blank = tag->start - p;
        tag->indent = zwfw_tag_indent(in, p);
    }
}


int
zwfw_tag_delimiters(zwfw_tags_t *in, zwfw_tag_t *tag)
{
    size_t       i;
    zwfw_str_t   open, close;

    open = tag->name;
    i = 0;

    while (i < open.len && !zwfw_tag_is_space(open.data[i])) {
        i++;
    }

    close.data = open.data + i;
    close.len = open.len - i;
    open.len = i;

    zwfw_tag_trim(&close);

    if (open.len == 0 || close.len == 0 || zwfw_tag_has_space(&close)
        || memchr(open.data, '=', open.len)
        || memchr(close.data, '=', close.len))
    {
        return zwfw_tag_error(in, tag->start, "bad delimiters");
    }

    in->open = open;
    in->close = close;

    return ZWFW_OK;
}


/* the white space at p, without what is cut from each line */

static zwfw_str_t
zwfw_tag_indent(zwfw_tags_t *in, unsigned char *p)
{
    size_t       n;
    zwfw_str_t   indent;

    indent.data = p;

    while (p < in->last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    indent.len = p - indent.data;

    n = (indent.len < in->dedent) ? indent.len : in->dedent;

    indent.data += n;
    indent.len -= n;

    return indent;
}


zwfw_str_t
zwfw_tag_first(zwfw_tags_t *in, unsigned char *p)
{
    unsigned char  *line;

    while (p < in->last) {

        line = zwfw_tag_blank(p, in->last);
        if (line == NULL) {
            break;
        }

        p = line;
    }

    return zwfw_tag_indent(in, p);
}


int
zwfw_tag_error(zwfw_tags_t *in, unsigned char *pos, const char *fmt,
    ...)
{
    int             n;
    va_list         args;
    unsigned        line;
    unsigned char  *p;

    line = 1;

    for (p = in->start; p < pos; p++) {
        line += (*p == '\n');
    }

    n = snprintf(in->error, in->size, "%u: ", line);

    if (n > 0 && (size_t) n < in->size) {
        va_start(args, fmt);
        (void) vsnprintf(in->error + n, in->size - n, fmt, args);
        va_end(args);
    }

    return ZWFW_DECLINED;
}


int
zwfw_tag_shown(zwfw_str_t *name)
{
    return name->len < 64 ? (int) name->len : 64;
}


static unsigned char *
zwfw_tag_find(unsigned char *p, unsigned char *last, zwfw_str_t *what)
{
    while ((size_t) (last - p) >= what->len) {

        p = memchr(p, what->data[0], last - p - what->len + 1);

        if (p == NULL || memcmp(p, what->data, what->len) == 0) {
            return p;
        }

        p++;
    }

    return NULL;
}


/* the start of the next line when nothing but blanks is before it, or NULL */

static unsigned char *
zwfw_tag_blank(unsigned char *p, unsigned char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == last) {
        return last;
    }

    if (*p == '\r' && last - p > 1) {
        p++;
    }

    return (*p == '\n') ? p + 1 : NULL;
}


static unsigned
zwfw_tag_is_space(unsigned char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}


unsigned
zwfw_tag_has_space(zwfw_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (zwfw_tag_is_space(s->data[i])) {
            return 1;
        }
    }

    return 0;
}


void
zwfw_tag_trim(zwfw_str_t *s)
{
    while (s->len && zwfw_tag_is_space(s->data[s->len - 1])) {
        s->len--;
    }

    while (s->len && zwfw_tag_is_space(s->data[0])) {
        s->data++;
        s->len--;
    }
}
