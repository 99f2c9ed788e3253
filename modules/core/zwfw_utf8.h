
/*
 * UTF-8, checked: no overlong forms, no surrogates, nothing above U+10FFFF
 */


#ifndef _ZWFW_UTF8_H_INCLUDED_
#define _ZWFW_UTF8_H_INCLUDED_


#include "zwfw_mem.h"


#define ZWFW_UTF8_BAD  0xffffffff


/* the character at *p, below last; *p moves behind it unless it is bad */
uint32_t zwfw_utf8_next(const unsigned char **p, const unsigned char *last);

/* ZWFW_OK or ZWFW_DECLINED; count (or NULL) is set to the characters */
int zwfw_utf8_check(const unsigned char *text, size_t len, size_t *count);

/* bytes of the longest prefix of at most len bytes that cuts no character */
size_t zwfw_utf8_cut(zwfw_str_t *text, size_t len);


#endif /* _ZWFW_UTF8_H_INCLUDED_ */
