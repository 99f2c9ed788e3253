
/*
 * Mustache: compiled once, rendered over a JSON tree.  No nginx types.
 *
 * All of the public specification but lambdas and dynamic names: comments,
 * delimiters, interpolation, inverted, partials, sections, inheritance.
 * Escaping is the default.  Two additions: filters, {{at|date}}, and the
 * count of an array, which is missing when it is 0: {{#list.count}}.
 */


#ifndef _ZWFW_TEMPLATE_H_INCLUDED_
#define _ZWFW_TEMPLATE_H_INCLUDED_


#include "zwfw_json.h"


typedef struct zwfw_template_s  zwfw_template_t;


/*
 * Compiles; text must live as long as the template.  NULL: error is filled
 * with "<line>: <what>" (English, for the log of nginx -t).
 */
zwfw_template_t *zwfw_template_compile(zwfw_mem_t *mem, zwfw_str_t *text,
    char *error, size_t size);


typedef struct {
    zwfw_mem_t         *mem;     /* for scratch memory of this rendering */

    /* output; ZWFW_OK or ZWFW_ERROR */
    int               (*write)(void *data, const unsigned char *p, size_t len);

    /* a partial or parent by name; NULL: unknown, renders as nothing */
    zwfw_template_t  *(*partial)(void *data, zwfw_str_t *name);

    /*
     * a hole: a partial whose name begins with "hole/" is not rendered but
     * reported here, when this is set; the caller fills it later
     */
    int               (*hole)(void *data, zwfw_str_t *name);

    /*
     * a filter: result is escaped by the caller of it.  key is the last
     * segment of the variable's name, for "." of the section's name; value
     * is never NULL: a null stands for a missing one, which renders as
     * nothing.  ZWFW_DECLINED: no such filter
     */
    int               (*filter)(void *data, zwfw_str_t *filter,
                                zwfw_str_t *key, zwfw_json_t *value,
                                zwfw_str_t *result);
    void               *data;
} zwfw_render_t;


/*
 * Renders over the roots, looked up from the last to the first (the page
 * context under the data).  Partials and parents nest at most 20 deep, the
 * output is at most 4 MiB: beyond, ZWFW_DECLINED.
 */
int zwfw_template_render(zwfw_template_t *t, zwfw_json_t **roots,
    unsigned nroots, zwfw_render_t *render);

/* calls seen() for each partial and parent that the template names */
void zwfw_template_names(zwfw_template_t *t,
    void (*seen)(void *data, zwfw_str_t *name), void *data);

/* calls seen() for each filter that the template names */
void zwfw_template_filters(zwfw_template_t *t,
    void (*seen)(void *data, zwfw_str_t *name), void *data);


/* the filters of core that need nothing but the value */

/* "2026-11-23T10:00:00+08:00" as 2026年11月23日; as it is when no time */
int zwfw_filter_date(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result);

/* 2026年11月23日 10:00, in Asia/Shanghai */
int zwfw_filter_datetime(zwfw_mem_t *mem, zwfw_json_t *value,
    zwfw_str_t *result);

/* fen as 1,234.56 元; 0 is 0.00 元 */
int zwfw_filter_yuan(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result);

/* ID number: first and last; phone: first 3, last 4; mail: first 3 and host;
   else (a name): all but the first character; always stars of fixed count */
int zwfw_filter_mask(zwfw_mem_t *mem, zwfw_json_t *value, zwfw_str_t *result);


#endif /* _ZWFW_TEMPLATE_H_INCLUDED_ */
