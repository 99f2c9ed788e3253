
/*
 * Flat JSON objects of few members as we write them ourselves: without spaces,
 * escapes or nested values.  Those are read in place, at a tenth of what a tree
 * costs; anything else is for zwfw_json_parse().  No nginx types
 */


#ifndef _ZWFW_RECORD_H_INCLUDED_
#define _ZWFW_RECORD_H_INCLUDED_


#include "zwfw_mem.h"


typedef struct {
    const char   *name;
    unsigned      number;       /* digits; else a string, without its quotes */
    zwfw_str_t   *value;        /* into the text; left alone if not there */
} zwfw_member_t;


/*
 * Members of other names are passed over.  Fastest in the order in which the
 * members were written.
 *
 *     ZWFW_OK        a JSON object, these are its members
 *     ZWFW_DECLINED  not written that way, of another type, or twice the same;
 *                    some of the values may be set
 */
int zwfw_record_read(unsigned char *text, size_t len,
    const zwfw_member_t *members, size_t nmembers);


#endif /* _ZWFW_RECORD_H_INCLUDED_ */
