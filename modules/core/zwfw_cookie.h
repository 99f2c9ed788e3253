
/*
 * Cookies of requests, and the token of a session.  No nginx types
 */


#ifndef _ZWFW_COOKIE_H_INCLUDED_
#define _ZWFW_COOKIE_H_INCLUDED_


#include "zwfw_mem.h"


#define ZWFW_TOKEN  43          /* 32 bytes as base64url */


/*
 * Looks for a name, case-sensitive, in the value of one Cookie header; it is
 * not empty and has no space, tab, "=" or ";".
 * Returns how often it stands there; *value is the last one found, without
 * spaces around it, and is left alone when there is none.
 */
unsigned zwfw_cookie_find(const unsigned char *header, size_t len,
    const zwfw_str_t *name, zwfw_str_t *value) ZWFW_HOT;

/* where the value of one cookie begins, which begins at p without spaces and
   ends before end; NULL: it has another name, or is none */
const unsigned char *zwfw_cookie_value(const unsigned char *p,
    const unsigned char *end, const zwfw_str_t *name) ZWFW_HOT;

/* ZWFW_OK for exactly the texts that 32 bytes are written as */
int zwfw_cookie_token(const zwfw_str_t *token);


#endif /* _ZWFW_COOKIE_H_INCLUDED_ */
