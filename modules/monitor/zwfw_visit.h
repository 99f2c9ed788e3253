
/*
 * What is kept of a visit: classes, pseudonyms and masked words, nothing that
 * names a person.  No nginx types
 */


#ifndef _ZWFW_VISIT_H_INCLUDED_
#define _ZWFW_VISIT_H_INCLUDED_


#include "zwfw_mem.h"


typedef enum {
    ZWFW_REFERRER_NONE = 0,
    ZWFW_REFERRER_DIRECT,
    ZWFW_REFERRER_SEARCH,
    ZWFW_REFERRER_INTERNAL,
    ZWFW_REFERRER_EXTERNAL
} zwfw_referrer_e;


typedef enum {
    ZWFW_DEVICE_NONE = 0,
    ZWFW_DEVICE_PC,
    ZWFW_DEVICE_MOBILE,
    ZWFW_DEVICE_TABLET,
    ZWFW_DEVICE_BOT
} zwfw_device_e;


/* class of a Referer header (may be empty); host is the own one, lower case,
   without a port */
zwfw_referrer_e zwfw_visit_referrer(const unsigned char *p, size_t len,
    const unsigned char *host, size_t host_len);

/* class of a User-Agent header */
zwfw_device_e zwfw_visit_device(const unsigned char *p, size_t len);

/*
 * Copies search words, at most chars characters and size - 1 bytes, and NUL.
 * What may be a number of a person or a telephone (six digits or more, also
 * full-width ones, with single spaces or hyphens between them) and words with
 * "@" become "***".  Not UTF-8, or with control characters: nothing is copied.
 */
void zwfw_visit_words(const unsigned char *p, size_t len, size_t chars,
    unsigned char *out, size_t size);

/* SipHash-2-4 of 128 bits: a keyed pseudonym that costs next to nothing */
void zwfw_visit_hash(const unsigned char key[16], const unsigned char *p,
    size_t len, unsigned char hash[16]);


#endif /* _ZWFW_VISIT_H_INCLUDED_ */
