
/*
 * Mustache: a rendering under way, of the renderer and what looks names up
 */


#ifndef _ZWFW_RENDER_H_INCLUDED_
#define _ZWFW_RENDER_H_INCLUDED_


#include "zwfw_op.h"


typedef struct zwfw_context_s  zwfw_context_t;

struct zwfw_context_s {
    zwfw_context_t     *up;
    zwfw_json_t        *json;
    zwfw_op_t          *op;      /* the section */
};


/* a parent being rendered: what its tag gives to blocks */

typedef struct zwfw_parent_s  zwfw_parent_t;

struct zwfw_parent_s {
    zwfw_parent_t      *up;
    zwfw_template_t    *template;
    zwfw_op_t          *op;
};


typedef struct zwfw_indent_s  zwfw_indent_t;

struct zwfw_indent_s {
    zwfw_indent_t      *up;
    zwfw_str_t         *text;
};


typedef struct {
    zwfw_render_t      *render;
    zwfw_json_t       **roots;
    unsigned            nroots;
    zwfw_context_t     *context;
    zwfw_parent_t      *parent;
    zwfw_indent_t      *indent;
    unsigned            newline; /* kept only while there is an indent */
    unsigned            depth;
    unsigned            blocks;
    unsigned            failed;  /* out of memory */
    size_t              room;    /* bytes of output left */
    size_t              steps;
} zwfw_rendering_t;


/* the value of a name; NULL: there is none */
zwfw_json_t *zwfw_render_find(zwfw_rendering_t *r, zwfw_op_t *op);

/* whether a section of it is shown; its text */
unsigned zwfw_render_true(zwfw_json_t *json);
zwfw_str_t zwfw_render_string(zwfw_json_t *json);

/* counts work; what is left of it is looked at before each operation */
void zwfw_render_spend(zwfw_rendering_t *r, size_t steps);


#endif /* _ZWFW_RENDER_H_INCLUDED_ */
