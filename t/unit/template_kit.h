
/*
 * What the tests of templates share: a rendering into a buffer, and the files
 * of the specification.  Memory is tap_mem's, freed by kit_done()
 */


#ifndef _TEMPLATE_KIT_H_INCLUDED_
#define _TEMPLATE_KIT_H_INCLUDED_


#include "tap.h"
#include "zwfw_template.h"


#define KIT_PARTIALS  16


typedef struct {
    zwfw_str_t          name;
    zwfw_template_t    *template;
} kit_partial_t;


typedef struct {
    zwfw_render_t       render;
    kit_partial_t       partials[KIT_PARTIALS];
    unsigned            npartials;
    unsigned char      *out;
    size_t              len;
    size_t              writes;
    size_t              fail;    /* the write that fails, 0: none */
    char                error[256];
} kit_t;


void kit_init(kit_t *kit);
void kit_done(kit_t *kit);

/* NULL: refused, or out of memory */
zwfw_json_t *kit_json(const char *text, size_t len);

/* the text is copied, so that a read behind its end is seen */
zwfw_template_t *kit_compile(kit_t *kit, const void *text, size_t len);

void kit_partial(kit_t *kit, zwfw_str_t *name, zwfw_template_t *t);

/* of kit->out and kit->len, which are emptied before */
int kit_render(kit_t *kit, zwfw_template_t *t, zwfw_json_t *root);

/* the names end with NULL */
extern const char  *kit_files[];

/* the list of cases in a file */
zwfw_json_t *kit_cases(const char *file);


#endif /* _TEMPLATE_KIT_H_INCLUDED_ */
