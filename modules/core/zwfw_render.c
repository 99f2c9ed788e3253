
/*
 * Mustache: the renderer.
 *
 * False are: missing, null, false, an empty array, an empty string.  Zero and
 * an empty object are true.  A block takes the content that the outermost
 * parent gives it; in that content the blocks of outer parents are filled.
 *
 * Bounds: sections nest 32 deep in a template (the compiler's), partials and
 * parents 20 deep, contents of blocks 20 deep, the output is 4 MiB and the
 * work 16 million steps: operations, values looked at, bytes filtered.
 */


#include <stdio.h>
#include <string.h>

#include "zwfw_render.h"


#define ZWFW_RENDER_DEPTH   20
#define ZWFW_RENDER_OUTPUT  (4 * 1024 * 1024)
#define ZWFW_RENDER_STEPS   (16 * 1024 * 1024)


static int zwfw_render_body(zwfw_rendering_t *r, zwfw_template_t *t,
    uint32_t from, uint32_t to);
static int zwfw_render_op(zwfw_rendering_t *r, zwfw_template_t *t,
    zwfw_op_t *op);
static int zwfw_render_text(zwfw_rendering_t *r, zwfw_op_t *op);
static int zwfw_render_value(zwfw_rendering_t *r, zwfw_op_t *op);
static int zwfw_render_filter(zwfw_rendering_t *r, zwfw_op_t *op,
    zwfw_json_t *value, zwfw_str_t *result);
static int zwfw_render_escaped(zwfw_rendering_t *r, zwfw_str_t *s);
static int zwfw_render_section(zwfw_rendering_t *r, zwfw_template_t *t,
    zwfw_op_t *op);
static int zwfw_render_partial(zwfw_rendering_t *r, zwfw_template_t *t,
    zwfw_op_t *op);
static int zwfw_render_hole(zwfw_rendering_t *r, zwfw_op_t *op);
static int zwfw_render_block(zwfw_rendering_t *r, zwfw_template_t *t,
    zwfw_op_t *op);
static zwfw_op_t *zwfw_render_find_block(zwfw_rendering_t *r,
    zwfw_str_t *name, zwfw_parent_t **parent);
static void zwfw_render_push(zwfw_rendering_t *r, zwfw_op_t *op,
    zwfw_indent_t *indent);
static int zwfw_render_margin(zwfw_rendering_t *r);
static int zwfw_render_indent(zwfw_rendering_t *r, zwfw_indent_t *indent);
static int zwfw_render_write(zwfw_rendering_t *r, const unsigned char *p,
    size_t len);


static const zwfw_str_t  zwfw_entities[] = {
      zwfw_null_string,
      zwfw_string("&amp;"),
      zwfw_string("&lt;"),
      zwfw_string("&gt;"),
      zwfw_string("&quot;"),
      zwfw_string("&#39;")
};


static const unsigned char  zwfw_escapes[256] = {
    ['&'] = 1, ['<'] = 2, ['>'] = 3, ['"'] = 4, ['\''] = 5
};


int
zwfw_template_render(zwfw_template_t *t, zwfw_json_t **roots,
    unsigned nroots, zwfw_render_t *render)
{
    zwfw_rendering_t  r;

    memset(&r, 0, sizeof(zwfw_rendering_t));

    r.render = render;
    r.roots = roots;
    r.nroots = nroots;
    r.room = ZWFW_RENDER_OUTPUT;
    r.steps = ZWFW_RENDER_STEPS;

    return zwfw_render_body(&r, t, 0, t->count);
}


static int
zwfw_render_body(zwfw_rendering_t *r, zwfw_template_t *t, uint32_t from,
    uint32_t to)
{
    int         rc;
    uint32_t    i;
    zwfw_op_t  *op;

    for (i = from; i < to; i = op->next) {

        zwfw_render_spend(r, 1);

        if (r->steps == 0) {
            return ZWFW_DECLINED;
        }

        op = &t->ops[i];

        rc = zwfw_render_op(r, t, op);

        if (rc != ZWFW_OK || r->failed) {
            return (rc != ZWFW_OK) ? rc : ZWFW_ERROR;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_render_op(zwfw_rendering_t *r, zwfw_template_t *t, zwfw_op_t *op)
{
    uint32_t  body;

    switch (op->type) {

    case ZWFW_OP_TEXT:
        return zwfw_render_text(r, op);

    case ZWFW_OP_VALUE:
    case ZWFW_OP_RAW:
        return zwfw_render_value(r, op);

    case ZWFW_OP_SECTION:
        return zwfw_render_section(r, t, op);

    case ZWFW_OP_INVERTED:

        if (zwfw_render_true(zwfw_render_find(r, op))) {
            return ZWFW_OK;
        }

        body = op - t->ops + 1;

        return zwfw_render_body(r, t, body, op->next);

    case ZWFW_OP_BLOCK:
        return zwfw_render_block(r, t, op);

    default: /* ZWFW_OP_PARTIAL, ZWFW_OP_PARENT */
        return zwfw_render_partial(r, t, op);
    }
}


static int
zwfw_render_text(zwfw_rendering_t *r, zwfw_op_t *op)
{
    int             rc;
    unsigned char  *p, *last, *line;

    if (r->indent == NULL) {
        return zwfw_render_write(r, op->text.data, op->text.len);
    }

    p = op->text.data;
    last = p + op->text.len;
    rc = ZWFW_OK;

    for ( /* void */ ; p < last && rc == ZWFW_OK; p = line) {

        line = memchr(p, '\n', last - p);
        line = line ? line + 1 : last;

        /* an empty line stays empty */

        if (*p != '\n' && *p != '\r') {
            rc = zwfw_render_margin(r);
        }

        if (rc == ZWFW_OK) {
            rc = zwfw_render_write(r, p, line - p);
        }

        r->newline = (line[-1] == '\n');
    }

    return rc;
}


static int
zwfw_render_value(zwfw_rendering_t *r, zwfw_op_t *op)
{
    int           rc;
    zwfw_str_t    s;
    zwfw_json_t  *value;

    value = zwfw_render_find(r, op);

    if (op->filter.len) {
        rc = zwfw_render_filter(r, op, value, &s);
        if (rc != ZWFW_OK) {
            return rc;
        }

    } else {
        s = zwfw_render_string(value);
    }

    if (s.len == 0) {
        return ZWFW_OK;
    }

    rc = zwfw_render_margin(r);
    if (rc != ZWFW_OK) {
        return rc;
    }

    if (op->type == ZWFW_OP_RAW) {
        return zwfw_render_write(r, s.data, s.len);
    }

    return zwfw_render_escaped(r, &s);
}


/*
 * a filter never gets NULL: a null stands for what is missing; the key of "."
 * is the section's
 */

static int
zwfw_render_filter(zwfw_rendering_t *r, zwfw_op_t *op, zwfw_json_t *value,
    zwfw_str_t *result)
{
    int             rc;
    zwfw_str_t      key, *filter;
    zwfw_json_t     null;
    unsigned char  *p, *last;

    filter = &op->filter;

    if (r->render->filter == NULL) {
        return ZWFW_DECLINED;
    }

    if (value == NULL) {
        memset(&null, 0, sizeof(zwfw_json_t));
        value = &null;
    }

    if (op->text.len == 1 && op->text.data[0] == '.' && r->context) {
        op = r->context->op;
    }

    last = op->rest.len ? op->rest.data + op->rest.len
                        : op->text.data + op->text.len;
    p = last - 1;

    while (p > op->text.data && p[-1] != '.') {
        p--;
    }

    key.len = last - p;
    key.data = p;

    zwfw_render_spend(r, value->value.len);

    result->len = 0;
    result->data = NULL;

    rc = r->render->filter(r->render->data, filter, &key, value, result);

    if (value->type == ZWFW_JSON_NULL) {
        result->len = 0;
    }

    return rc;
}


static int
zwfw_render_escaped(zwfw_rendering_t *r, zwfw_str_t *s)
{
    int                rc;
    unsigned           n;
    unsigned char     *p, *last, *run;
    const zwfw_str_t  *entity;

    run = s->data;
    last = run + s->len;

    for (p = run; p < last; p++) {

        n = zwfw_escapes[*p];

        if (n == 0) {
            continue;
        }

        rc = zwfw_render_write(r, run, p - run);
        if (rc != ZWFW_OK) {
            return rc;
        }

        entity = &zwfw_entities[n];

        rc = zwfw_render_write(r, entity->data, entity->len);
        if (rc != ZWFW_OK) {
            return rc;
        }

        run = p + 1;
    }

    return zwfw_render_write(r, run, last - run);
}


static int
zwfw_render_section(zwfw_rendering_t *r, zwfw_template_t *t, zwfw_op_t *op)
{
    int              rc;
    uint32_t         body;
    zwfw_json_t     *value;
    zwfw_context_t   context;

    value = zwfw_render_find(r, op);

    if (!zwfw_render_true(value)) {
        return ZWFW_OK;
    }

    body = op - t->ops + 1;

    context.up = r->context;
    context.json = value;
    context.op = op;

    r->context = &context;

    if (value->type != ZWFW_JSON_ARRAY) {
        rc = zwfw_render_body(r, t, body, op->next);
        r->context = context.up;

        return rc;
    }

    rc = ZWFW_OK;

    for (value = value->child; value && rc == ZWFW_OK; value = value->next) {
        zwfw_render_spend(r, 1);
        context.json = value;
        rc = zwfw_render_body(r, t, body, op->next);
    }

    r->context = context.up;

    return rc;
}


/* a partial, or a parent: a partial whose tag gives something to blocks */

static int
zwfw_render_partial(zwfw_rendering_t *r, zwfw_template_t *t, zwfw_op_t *op)
{
    int               rc;
    zwfw_indent_t     indent;
    zwfw_parent_t     parent;
    zwfw_template_t  *partial;

    if (op->type == ZWFW_OP_PARTIAL && r->render->hole && op->text.len > 5
        && memcmp(op->text.data, "hole/", 5) == 0)
    {
        return zwfw_render_hole(r, op);
    }

    if (r->render->partial == NULL) {
        return ZWFW_OK;
    }

    partial = r->render->partial(r->render->data, &op->text);
    if (partial == NULL) {
        return ZWFW_OK;
    }

    if (r->depth == ZWFW_RENDER_DEPTH) {
        return ZWFW_DECLINED;
    }

    parent.up = r->parent;
    parent.template = t;
    parent.op = op;

    if (op->type == ZWFW_OP_PARENT) {
        r->parent = &parent;
    }

    zwfw_render_push(r, op, &indent);
    r->depth++;

    rc = zwfw_render_body(r, partial, 0, partial->count);

    r->depth--;
    r->indent = indent.up;
    r->parent = parent.up;

    return rc;
}


static int
zwfw_render_hole(zwfw_rendering_t *r, zwfw_op_t *op)
{
    int            rc;
    zwfw_indent_t  indent;

    zwfw_render_push(r, op, &indent);

    rc = zwfw_render_margin(r);

    r->indent = indent.up;

    if (rc != ZWFW_OK) {
        return rc;
    }

    return r->render->hole(r->render->data, &op->text);
}


static int
zwfw_render_block(zwfw_rendering_t *r, zwfw_template_t *t, zwfw_op_t *op)
{
    int             rc;
    uint32_t        body;
    zwfw_op_t      *given;
    zwfw_indent_t   indent;
    zwfw_parent_t  *parent, *up;

    given = zwfw_render_find_block(r, &op->text, &parent);

    if (given == NULL) {
        body = op - t->ops + 1;
        return zwfw_render_body(r, t, body, op->next);
    }

    if (r->blocks == ZWFW_RENDER_DEPTH) {
        return ZWFW_DECLINED;
    }

    up = r->parent;
    r->parent = parent->up;

    zwfw_render_push(r, op, &indent);
    r->blocks++;

    t = parent->template;
    body = given - t->ops + 1;

    rc = zwfw_render_body(r, t, body, given->next);

    r->blocks--;
    r->indent = indent.up;
    r->parent = up;

    return rc;
}


/* what the outermost parent gives to a block; NULL: none does */

static zwfw_op_t *
zwfw_render_find_block(zwfw_rendering_t *r, zwfw_str_t *name,
    zwfw_parent_t **parent)
{
    uint32_t        i;
    zwfw_op_t      *op, *found;
    zwfw_parent_t  *p;

    found = NULL;

    for (p = r->parent; p; p = p->up) {

        i = p->op - p->template->ops + 1;

        for ( /* void */ ; i < p->op->next; i = op->next) {
            op = &p->template->ops[i];

            zwfw_render_spend(r, 1);

            if (op->type == ZWFW_OP_BLOCK
                && op->text.len == name->len
                && memcmp(op->text.data, name->data, name->len) == 0)
            {
                found = op;
                *parent = p;
                break;
            }
        }
    }

    return found;
}


/* the indentation of a partial or block is added to the one around it */

static void
zwfw_render_push(zwfw_rendering_t *r, zwfw_op_t *op, zwfw_indent_t *indent)
{
    indent->up = r->indent;
    indent->text = &op->indent;

    if (op->indent.len) {
        r->indent = indent;

        /* else the white space of the line is written already */

        r->newline = op->alone;

    } else if (op->alone) {
        r->newline = 1;
    }
}


/* writes the indentation where a line starts */

static int
zwfw_render_margin(zwfw_rendering_t *r)
{
    if (r->indent == NULL || !r->newline) {
        return ZWFW_OK;
    }

    r->newline = 0;

    return zwfw_render_indent(r, r->indent);
}


/* from the outside in: at most as deep as partials and blocks */

static int
zwfw_render_indent(zwfw_rendering_t *r, zwfw_indent_t *indent)
{
    int  rc;

    if (indent->up) {
        rc = zwfw_render_indent(r, indent->up);
        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    return zwfw_render_write(r, indent->text->data, indent->text->len);
}


void
zwfw_render_spend(zwfw_rendering_t *r, size_t steps)
{
    r->steps -= (steps < r->steps) ? steps : r->steps;
}


static int
zwfw_render_write(zwfw_rendering_t *r, const unsigned char *p, size_t len)
{
    if (len == 0) {
        return ZWFW_OK;
    }

    if (len > r->room) {
        return ZWFW_DECLINED;
    }

    r->room -= len;

    return r->render->write(r->render->data, p, len);
}
