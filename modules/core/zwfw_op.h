
/*
 * A compiled Mustache template: what the compiler and the renderer share
 */


#ifndef _ZWFW_OP_H_INCLUDED_
#define _ZWFW_OP_H_INCLUDED_


#include "zwfw_template.h"


typedef enum {
    ZWFW_OP_TEXT = 0,
    ZWFW_OP_VALUE,               /* escaped */
    ZWFW_OP_RAW,
    ZWFW_OP_SECTION,
    ZWFW_OP_INVERTED,
    ZWFW_OP_PARTIAL,
    ZWFW_OP_PARENT,
    ZWFW_OP_BLOCK
} zwfw_op_type_e;


/* the body of an operation stands behind it and ends before next */

typedef struct {
    zwfw_op_type_e   type;
    uint32_t         next;
    unsigned         alone;      /* it fills its line, which was removed */
    zwfw_str_t       text;       /* literal, name, or the name's first part */
    zwfw_str_t       rest;       /* of a dotted name, behind the first dot */
    zwfw_str_t       indent;     /* partial, parent, block: of each line */
    zwfw_str_t       filter;     /* may be empty */
} zwfw_op_t;


struct zwfw_template_s {
    zwfw_op_t       *ops;
    uint32_t         count;
};


#endif /* _ZWFW_OP_H_INCLUDED_ */
