
/*
 * HTML forms: urlencoded and multipart bodies become the tree that the same
 * fields as JSON would give.  No nginx types
 */


#ifndef _ZWFW_FORM_H_INCLUDED_
#define _ZWFW_FORM_H_INCLUDED_


#include "zwfw_json.h"


#define ZWFW_FORM_DEPTH    5
#define ZWFW_FORM_INDEX    200
#define ZWFW_FORM_PAIRS    1000
#define ZWFW_FORM_NAME     200


/*
 * Puts one pair into an object: "a.b=x" makes {"a":{"b":"x"}}, "m.0.f=x"
 * makes {"m":[{"f":"x"}]}.  Indexes are dense, in any order, below
 * ZWFW_FORM_INDEX; a segment of digits is always an index.  An empty value is
 * absent (nothing is put, but the name is checked).  Names are checked UTF-8
 * without control characters; name and value are copied.  An object or array
 * put as a value gets a value of its own (not empty): names do not reach into
 * it, and the type file takes only such an object.
 *
 * Refused: "bad_name", "duplicate_key" (the same name twice, or a value and
 * an object under one name), "too_deep", "too_many", "bad_utf8",
 * "bad_character" (NUL).
 */
int zwfw_form_put(zwfw_mem_t *mem, zwfw_json_t *root, zwfw_str_t *name,
    zwfw_json_t *value, zwfw_json_error_t *error);

/*
 * Turns arrays of the tree into JSON arrays once all pairs are put; a hole
 * between the indexes is "bad_name" with the path of the hole.
 */
int zwfw_form_done(zwfw_json_t *root, zwfw_json_error_t *error);

/*
 * Reads application/x-www-form-urlencoded (or a query string) into root;
 * calls put and done.  Also refused: "bad_escape" (%zz, %00).
 */
int zwfw_form_parse(zwfw_mem_t *mem, const unsigned char *text, size_t len,
    zwfw_json_t *root, zwfw_json_error_t *error);


/* ---- multipart/form-data, as a push parser over any pieces ---- */

typedef struct {
    /* a part begins; type and filename are empty for plain fields.  The
       strings are in the memory of create() and may be kept */
    int           (*part)(void *data, zwfw_str_t *name, zwfw_str_t *filename,
                          zwfw_str_t *type);
    int           (*bytes)(void *data, const unsigned char *p, size_t len);
    int           (*end)(void *data);      /* of a part */
    void           *data;
} zwfw_multipart_handler_t;


typedef struct zwfw_multipart_s  zwfw_multipart_t;

/*
 * boundary is the parameter of the content type, 1-70 legal characters, or
 * NULL is returned.  Header block of a part at most 4 KiB, parts at most
 * ZWFW_FORM_PAIRS, filename reduced to its last component, no control
 * characters; filename* (RFC 5987) is refused as browsers do not send it.
 * A file always has a type; without a file chosen its filename is empty.
 * Nothing may stand before the first boundary, or behind the closing one but
 * CRLF.
 */
zwfw_multipart_t *zwfw_multipart_create(zwfw_mem_t *mem,
    zwfw_str_t *boundary, zwfw_multipart_handler_t *handler);

/* feeds a piece: ZWFW_OK, ZWFW_DECLINED ("bad_multipart", "bad_name",
   "bad_utf8", "bad_character", "too_many"), or what the handler returned when
   it was not ZWFW_OK.  A result other than ZWFW_OK is final */
int zwfw_multipart_feed(zwfw_multipart_t *mp, const unsigned char *p,
    size_t len, zwfw_json_error_t *error);

/* ZWFW_OK only when the closing boundary was seen */
int zwfw_multipart_finish(zwfw_multipart_t *mp, zwfw_json_error_t *error);

/* the boundary parameter of a content type header; ZWFW_DECLINED: none */
int zwfw_multipart_boundary(const unsigned char *header, size_t len,
    zwfw_str_t *boundary);


#endif /* _ZWFW_FORM_H_INCLUDED_ */
