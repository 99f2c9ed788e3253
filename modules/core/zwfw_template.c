
/*
 * Mustache: the compiler.  One pass over the text, no recursion: open
 * sections, parents and blocks wait on a stack of 32.
 *
 * A tag that fills its line takes the line with it.  A parent counts from its
 * opening to its closing tag.  What stands between the blocks of a parent is
 * ignored, so a block there needs only its own side of the line to be blank.
 * Blocks given to a parent lose the indentation of their first line here and
 * get the one of the place they fill when they are rendered.
 */


#include <string.h>

#include "zwfw_op.h"
#include "zwfw_tag.h"


#define ZWFW_TEMPLATE_DEPTH  32
#define ZWFW_TEMPLATE_SIZE   (4 * 1024 * 1024)


typedef struct {
    uint32_t          op;
    unsigned          clean;     /* only white space before it on its line */
    size_t            dedent;    /* of what is around it */
    zwfw_str_t        name;
    zwfw_str_t        indent;
    unsigned char    *start;
} zwfw_open_t;


typedef struct {
    zwfw_mem_t       *mem;
    zwfw_tags_t       in;
    zwfw_op_t        *ops;
    uint32_t          count;
    uint32_t          room;
    unsigned          depth;
    zwfw_open_t       opened[ZWFW_TEMPLATE_DEPTH];
} zwfw_compiler_t;


static int zwfw_compile_all(zwfw_compiler_t *c);
static int zwfw_compile_tag(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_value(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_partial(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_section(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_parent(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_block(zwfw_compiler_t *c, zwfw_tag_t *tag);
static void zwfw_compile_argument(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_close(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_close_parent(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_open_t *opened);
static int zwfw_compile_close_block(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_open_t *opened);
static int zwfw_compile_around(zwfw_compiler_t *c, zwfw_tag_t *tag,
    unsigned alone);
static int zwfw_compile_text(zwfw_compiler_t *c, unsigned char *last);
static int zwfw_compile_dedent(zwfw_compiler_t *c, zwfw_str_t *text);
static zwfw_op_t *zwfw_compile_op(zwfw_compiler_t *c, zwfw_op_type_e type);
static int zwfw_compile_open(zwfw_compiler_t *c, zwfw_tag_t *tag);
static int zwfw_compile_path(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_op_t *op);
static int zwfw_compile_name(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_op_t *op);
static unsigned zwfw_compile_in_parent(zwfw_compiler_t *c, unsigned depth);


zwfw_template_t *
zwfw_template_compile(zwfw_mem_t *mem, zwfw_str_t *text, char *error,
    size_t size)
{
    int               rc;
    zwfw_template_t  *t;
    zwfw_compiler_t   c;

    memset(&c, 0, sizeof(zwfw_compiler_t));

    c.mem = mem;
    c.in.error = error;
    c.in.size = size;
    c.in.start = text->len ? text->data : (unsigned char *) "";
    c.in.last = c.in.start + text->len;
    c.in.pos = c.in.start;
    c.in.open.len = 2;
    c.in.open.data = (unsigned char *) "{{";
    c.in.close.len = 2;
    c.in.close.data = (unsigned char *) "}}";

    t = mem->alloc(mem->pool, sizeof(zwfw_template_t));

    rc = t ? zwfw_compile_all(&c) : ZWFW_ERROR;

    if (rc == ZWFW_ERROR) {
        (void) zwfw_tag_error(&c.in, c.in.pos, "out of memory");
    }

    if (rc != ZWFW_OK) {
        return NULL;
    }

    t->ops = c.ops;
    t->count = c.count;

    return t;
}


static int
zwfw_compile_all(zwfw_compiler_t *c)
{
    int           rc;
    zwfw_tag_t    tag;
    zwfw_open_t  *opened;

    if (c->in.last - c->in.start > ZWFW_TEMPLATE_SIZE) {
        return zwfw_tag_error(&c->in, c->in.start, "the text is too long");
    }

    for ( ;; ) {

        rc = zwfw_tag_next(&c->in, &tag);
        if (rc != ZWFW_OK) {
            return rc;
        }

        if (tag.start == NULL) {
            break;
        }

        rc = zwfw_compile_tag(c, &tag);
        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    if (c->depth) {
        opened = &c->opened[c->depth - 1];
        return zwfw_tag_error(&c->in, opened->start, "\"%.*s\" is not closed",
                              zwfw_tag_shown(&opened->name),
                              opened->name.data);
    }

    return zwfw_compile_text(c, c->in.last);
}


static int
zwfw_compile_tag(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    switch (tag->mark) {

    case '!':
        return zwfw_compile_around(c, tag, 1);

    case '=':

        if (zwfw_tag_delimiters(&c->in, tag) != ZWFW_OK) {
            return ZWFW_DECLINED;
        }

        return zwfw_compile_around(c, tag, 1);

    case '#':
    case '^':
        return zwfw_compile_section(c, tag);

    case '/':
        return zwfw_compile_close(c, tag);

    case '>':
        return zwfw_compile_partial(c, tag);

    case '<':
        return zwfw_compile_parent(c, tag);

    case '$':
        return zwfw_compile_block(c, tag);

    default:
        return zwfw_compile_value(c, tag);
    }
}


static int
zwfw_compile_value(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    zwfw_op_t      *op;
    zwfw_str_t      filter;
    unsigned char  *p;

    filter.len = 0;
    filter.data = NULL;

    p = memchr(tag->name.data, '|', tag->name.len);

    if (p) {
        filter.data = p + 1;
        filter.len = tag->name.data + tag->name.len - filter.data;
        tag->name.len = p - tag->name.data;

        zwfw_tag_trim(&filter);
        zwfw_tag_trim(&tag->name);

        if (filter.len == 0 || zwfw_tag_has_space(&filter)
            || memchr(filter.data, '|', filter.len))
        {
            return zwfw_tag_error(&c->in, tag->start, "bad filter");
        }
    }

    if (zwfw_compile_around(c, tag, 0) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    op = zwfw_compile_op(c, tag->mark ? ZWFW_OP_RAW : ZWFW_OP_VALUE);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    op->filter = filter;

    return zwfw_compile_path(c, tag, op);
}


static int
zwfw_compile_partial(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    zwfw_op_t  *op;

    if (zwfw_compile_around(c, tag, 1) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    op = zwfw_compile_op(c, ZWFW_OP_PARTIAL);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    if (tag->clean && tag->line) {
        op->alone = 1;
        op->indent = tag->indent;
    }

    return zwfw_compile_name(c, tag, op);
}


static int
zwfw_compile_section(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    zwfw_op_t  *op;

    if (zwfw_compile_around(c, tag, 1) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    op = zwfw_compile_op(c, tag->mark == '#' ? ZWFW_OP_SECTION
                                             : ZWFW_OP_INVERTED);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    if (memchr(tag->name.data, '|', tag->name.len)) {
        return zwfw_tag_error(&c->in, tag->start, "a section has no filter");
    }

    if (zwfw_compile_path(c, tag, op) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    return zwfw_compile_open(c, tag);
}


static int
zwfw_compile_parent(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    int         rc;
    uint32_t    text;
    zwfw_op_t  *op;

    /* whether it fills its line is known at its end */

    text = c->count;

    if (zwfw_compile_around(c, tag, 0) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (text == c->count) {
        tag->indent.len = 0;
    }

    op = zwfw_compile_op(c, ZWFW_OP_PARENT);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    rc = zwfw_compile_name(c, tag, op);
    if (rc != ZWFW_OK) {
        return rc;
    }

    return zwfw_compile_open(c, tag);
}


static int
zwfw_compile_block(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    int         rc;
    unsigned    argument;
    zwfw_op_t  *op;

    argument = zwfw_compile_in_parent(c, c->depth);

    if (zwfw_compile_around(c, tag, 1) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    op = zwfw_compile_op(c, ZWFW_OP_BLOCK);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    op->alone = (tag->clean && tag->line);
    op->indent = op->alone ? zwfw_tag_first(&c->in, tag->line) : tag->indent;

    rc = zwfw_compile_name(c, tag, op);
    if (rc != ZWFW_OK) {
        return rc;
    }

    rc = zwfw_compile_open(c, tag);

    if (rc == ZWFW_OK && argument) {
        zwfw_compile_argument(c, tag);
    }

    return rc;
}


/* a block given to a parent starts at the left margin */

static void
zwfw_compile_argument(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    c->in.dedent = 0;

    if (tag->line) {
        c->in.dedent = zwfw_tag_first(&c->in, tag->line).len;
        c->in.pos = tag->line;
    }
}


static int
zwfw_compile_close(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    int           rc;
    zwfw_open_t  *opened;

    if (c->depth == 0) {
        return zwfw_tag_error(&c->in, tag->start, "\"/%.*s\" closes nothing",
                              zwfw_tag_shown(&tag->name), tag->name.data);
    }

    opened = &c->opened[c->depth - 1];

    if (opened->name.len != tag->name.len
        || memcmp(opened->name.data, tag->name.data, tag->name.len) != 0)
    {
        return zwfw_tag_error(&c->in, tag->start, "\"/%.*s\" closes \"%.*s\"",
                              zwfw_tag_shown(&tag->name), tag->name.data,
                              zwfw_tag_shown(&opened->name),
                              opened->name.data);
    }

    switch (c->ops[opened->op].type) {

    case ZWFW_OP_PARENT:
        rc = zwfw_compile_close_parent(c, tag, opened);
        break;

    case ZWFW_OP_BLOCK:
        rc = zwfw_compile_close_block(c, tag, opened);
        break;

    default:
        rc = zwfw_compile_around(c, tag, 1);
    }

    c->ops[opened->op].next = c->count;
    c->in.dedent = opened->dedent;
    c->depth--;

    return rc;
}


static int
zwfw_compile_close_parent(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_open_t *opened)
{
    zwfw_op_t  *op;

    c->in.pos = tag->end;

    if (opened->clean && tag->line) {
        c->in.pos = tag->line;

        op = &c->ops[opened->op];
        op->alone = 1;
        op->indent = opened->indent;

        if (op->indent.len) {

            /* the text before it ends with the white space of the line */

            op[-1].text.len -= op->indent.len;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_compile_close_block(zwfw_compiler_t *c, zwfw_tag_t *tag,
    zwfw_open_t *opened)
{
    int         rc;
    zwfw_op_t  *op;

    if (zwfw_compile_in_parent(c, c->depth - 1)) {
        rc = zwfw_compile_text(c, tag->start - tag->blank);
        c->in.pos = tag->end;

        return rc;
    }

    rc = zwfw_compile_around(c, tag, 1);
    op = &c->ops[opened->op];

    if (op->alone && c->count == opened->op + 1) {
        op->indent = opened->indent;
    }

    return rc;
}


/*
 * Adds the text before the tag and goes behind it.  A tag that may stand
 * alone and does takes its line with it.
 */

static int
zwfw_compile_around(zwfw_compiler_t *c, zwfw_tag_t *tag, unsigned alone)
{
    int  rc;

    if (alone && tag->clean && tag->line) {
        rc = zwfw_compile_text(c, tag->start - tag->blank);
        c->in.pos = tag->line;

        return rc;
    }

    rc = zwfw_compile_text(c, tag->start);
    c->in.pos = tag->end;

    return rc;
}


static int
zwfw_compile_text(zwfw_compiler_t *c, unsigned char *last)
{
    zwfw_op_t   *op;
    zwfw_str_t   text;

    text.data = c->in.pos;
    text.len = last - c->in.pos;

    c->in.pos = last;

    if (zwfw_compile_in_parent(c, c->depth)) {
        return ZWFW_OK;
    }

    if (c->in.dedent && text.len && zwfw_compile_dedent(c, &text) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (text.len == 0) {
        return ZWFW_OK;
    }

    op = zwfw_compile_op(c, ZWFW_OP_TEXT);
    if (op == NULL) {
        return ZWFW_ERROR;
    }

    op->text = text;

    return ZWFW_OK;
}


/* copies the text without the first blanks of its lines */

static int
zwfw_compile_dedent(zwfw_compiler_t *c, zwfw_str_t *text)
{
    size_t          n;
    unsigned char  *p, *q, *last;

    q = c->mem->alloc(c->mem->pool, text->len);
    if (q == NULL) {
        return ZWFW_ERROR;
    }

    p = text->data;
    last = p + text->len;
    n = (p == c->in.start || p[-1] == '\n') ? c->in.dedent : 0;

    text->data = q;

    for ( /* void */ ; p < last; p++) {

        if (n && (*p == ' ' || *p == '\t')) {
            n--;
            continue;
        }

        n = (*p == '\n') ? c->in.dedent : 0;
        *q++ = *p;
    }

    text->len = q - text->data;

    return ZWFW_OK;
}


/* an operation without body; NULL: out of memory */

static zwfw_op_t *
zwfw_compile_op(zwfw_compiler_t *c, zwfw_op_type_e type)
{
    uint32_t    room;
    zwfw_op_t  *op;

    if (c->count == c->room) {

        room = c->room ? c->room * 2 : 16;

        op = c->mem->alloc(c->mem->pool, room * sizeof(zwfw_op_t));
        if (op == NULL) {
            return NULL;
        }

        if (c->count) {
            memcpy(op, c->ops, c->count * sizeof(zwfw_op_t));
        }

        c->ops = op;
        c->room = room;
    }

    op = &c->ops[c->count++];

    memset(op, 0, sizeof(zwfw_op_t));

    op->type = type;
    op->next = c->count;

    return op;
}


/* the last operation gets a body: what comes until its closing tag */

static int
zwfw_compile_open(zwfw_compiler_t *c, zwfw_tag_t *tag)
{
    zwfw_open_t  *opened;

    if (c->depth == ZWFW_TEMPLATE_DEPTH) {
        return zwfw_tag_error(&c->in, tag->start,
                              "sections nest deeper than %d",
                              ZWFW_TEMPLATE_DEPTH);
    }

    opened = &c->opened[c->depth++];

    opened->op = c->count - 1;
    opened->clean = tag->clean;
    opened->dedent = c->in.dedent;
    opened->name = tag->name;
    opened->indent = tag->indent;
    opened->start = tag->start;

    return ZWFW_OK;
}


/* a dotted name, or the implicit iterator "." */

static int
zwfw_compile_path(zwfw_compiler_t *c, zwfw_tag_t *tag, zwfw_op_t *op)
{
    unsigned char  *p, *last, *dot;

    if (zwfw_compile_name(c, tag, op) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    p = op->text.data;
    last = p + op->text.len;

    if (op->text.len == 1 && *p == '.') {
        return ZWFW_OK;
    }

    dot = memchr(p, '.', last - p);

    if (dot) {
        op->text.len = dot - p;
        op->rest.data = dot + 1;
        op->rest.len = last - op->rest.data;
    }

    for ( /* void */ ; dot; dot = memchr(p, '.', last - p)) {

        if (dot == p || dot + 1 == last) {
            return zwfw_tag_error(&c->in, tag->start, "bad name \"%.*s\"",
                                  zwfw_tag_shown(&tag->name), tag->name.data);
        }

        p = dot + 1;
    }

    return ZWFW_OK;
}


static int
zwfw_compile_name(zwfw_compiler_t *c, zwfw_tag_t *tag, zwfw_op_t *op)
{
    if (tag->name.len == 0) {
        return zwfw_tag_error(&c->in, tag->start, "a tag has no name");
    }

    if (zwfw_tag_has_space(&tag->name)) {
        return zwfw_tag_error(&c->in, tag->start, "bad name \"%.*s\"",
                              zwfw_tag_shown(&tag->name), tag->name.data);
    }

    if (op->type == ZWFW_OP_PARTIAL && tag->name.data[0] == '*') {
        return zwfw_tag_error(&c->in, tag->start,
                              "dynamic names are not supported");
    }

    op->text = tag->name;

    return ZWFW_OK;
}


static unsigned
zwfw_compile_in_parent(zwfw_compiler_t *c, unsigned depth)
{
    return depth && c->ops[c->opened[depth - 1].op].type == ZWFW_OP_PARENT;
}


void
zwfw_template_names(zwfw_template_t *t,
    void (*seen)(void *data, zwfw_str_t *name), void *data)
{
    uint32_t    i;
    zwfw_op_t  *op;

    for (i = 0; i < t->count; i++) {
        op = &t->ops[i];

        if (op->type == ZWFW_OP_PARTIAL || op->type == ZWFW_OP_PARENT) {
            seen(data, &op->text);
        }
    }
}


void
zwfw_template_filters(zwfw_template_t *t,
    void (*seen)(void *data, zwfw_str_t *name), void *data)
{
    uint32_t    i;
    zwfw_op_t  *op;

    for (i = 0; i < t->count; i++) {
        op = &t->ops[i];

        if (op->filter.len) {
            seen(data, &op->filter);
        }
    }
}
