
/*
 * What the two files of the multipart parser share; others use zwfw_form.h
 */


#ifndef _ZWFW_MULTIPART_H_INCLUDED_
#define _ZWFW_MULTIPART_H_INCLUDED_


#include "zwfw_form.h"


typedef struct {
    zwfw_str_t   name;
    zwfw_str_t   filename;     /* its last component */
    zwfw_str_t   type;         /* lower case, no parameters */
    unsigned     disposed;     /* Content-Disposition was seen */
} zwfw_multipart_part_t;


/*
 * Reads the header block of a part, whose last line is empty; changes it, and
 * part points into it.  Returns NULL or an error code; then part->name is the
 * name if it is a good one, else empty.
 */
const char *zwfw_multipart_read(unsigned char *head, size_t len,
    zwfw_multipart_part_t *part);

/* 1-70 characters of RFC 2046, the last one not a space */
int zwfw_multipart_legal(zwfw_str_t *boundary);


#endif /* _ZWFW_MULTIPART_H_INCLUDED_ */
