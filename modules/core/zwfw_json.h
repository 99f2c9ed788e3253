
/*
 * JSON: a tree read by yajl, and the one writer of core.  No nginx types
 */


#ifndef _ZWFW_JSON_H_INCLUDED_
#define _ZWFW_JSON_H_INCLUDED_


#include "zwfw_mem.h"


typedef enum {
    ZWFW_JSON_NULL = 0,
    ZWFW_JSON_FALSE,
    ZWFW_JSON_TRUE,
    ZWFW_JSON_NUMBER,
    ZWFW_JSON_STRING,
    ZWFW_JSON_ARRAY,
    ZWFW_JSON_OBJECT
} zwfw_json_type_e;


typedef struct zwfw_json_s  zwfw_json_t;

struct zwfw_json_s {
    zwfw_json_type_e    type;
    unsigned            count;   /* children */
    zwfw_str_t          key;     /* empty unless the parent is an object */
    zwfw_str_t          value;   /* number: its text; string: unescaped UTF-8 */
    zwfw_json_t        *child;   /* first one, in order of the text */
    zwfw_json_t        *last;
    zwfw_json_t        *next;    /* sibling */
};


typedef struct {
    unsigned            depth;   /* of arrays and objects in each other */
    unsigned            nodes;   /* all values together */
    unsigned            members; /* of one object or array */
    size_t              number;  /* digits and signs of one number */
} zwfw_json_limits_t;


typedef struct {
    const char         *code;    /* static: "bad_json", "duplicate_key", ... */
    zwfw_str_t          field;   /* dotted path, may be empty */
} zwfw_json_error_t;


/*
 * Reads one JSON value that fills the whole text.
 *
 * Refused, with error->code: "bad_json" (syntax, trailing bytes, comments),
 * "bad_utf8", "bad_character" (U+0000, raw or escaped; lone surrogate),
 * "too_deep", "too_many" (nodes or members), "bad_number" (too long, or not
 * finite as a double, an exponent beyond 400, or an integer beyond 2^53),
 * "duplicate_key".  error->field says where, but not for "bad_json".
 *
 *     ZWFW_OK        *json is set; strings are copies in mem
 *     ZWFW_DECLINED  error is set
 *     ZWFW_ERROR     out of memory
 */
int zwfw_json_parse(zwfw_mem_t *mem, const unsigned char *text, size_t len,
    const zwfw_json_limits_t *limits, zwfw_json_t **json,
    zwfw_json_error_t *error);

/* member of an object; NULL: none, or json is NULL or no object */
zwfw_json_t *zwfw_json_get(zwfw_json_t *json, const char *key, size_t len);

/* by a dotted path, "applicant.name", "materials.0.file"; NULL: none */
zwfw_json_t *zwfw_json_find(zwfw_json_t *json, const char *path, size_t len);

/* a new value without parent; value is not copied; NULL: out of memory */
zwfw_json_t *zwfw_json_new(zwfw_mem_t *mem, zwfw_json_type_e type,
    zwfw_str_t *value);

/* appends child under key (NULL in arrays); key is not copied */
void zwfw_json_append(zwfw_json_t *parent, zwfw_str_t *key,
    zwfw_json_t *child);

/* appends a string, number (text) or boolean; returns it, NULL: no memory */
zwfw_json_t *zwfw_json_add(zwfw_mem_t *mem, zwfw_json_t *parent,
    const char *key, zwfw_json_type_e type, zwfw_str_t *value);

/* removes a child; it is not freed */
void zwfw_json_remove(zwfw_json_t *parent, zwfw_json_t *child);

/* bytes that zwfw_json_write() writes: compact, UTF-8, no final newline */
size_t zwfw_json_size(zwfw_json_t *json);

/* writes; returns the end.  Escapes quote, backslash, below 0x20, U+2028/9,
   and "<", so that the text may stand in a script element */
unsigned char *zwfw_json_write(unsigned char *p, zwfw_json_t *json);


#endif /* _ZWFW_JSON_H_INCLUDED_ */
