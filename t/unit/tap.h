
/*
 * What the programs of t/unit share: TAP, and memory that can run out
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include "zwfw_mem.h"


/* one test; the name is printf's */
void tap_ok(int pass, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

/* compares bytes with a C string, and shows both when they differ */
void tap_is(const void *got, size_t len, const char *want, const char *name);

/* compares error codes; NULL is shown as "none" */
void tap_code(const char *got, const char *want, const char *name);

/* prints the plan; returns the status for exit() */
int tap_done(void);


/* memory: each block is malloc'ed alone, so that the sanitizer sees its end */

extern zwfw_mem_t  tap_mem[];

/* frees all blocks, then as below */
void tap_mem_reset(unsigned n);

/* the next n allocations work, the others return NULL */
void tap_mem_left(unsigned n);

#define TAP_MEM_ALL  ((unsigned) -1)

/* a copy of bytes that ends where its block ends */
zwfw_str_t tap_copy(const void *p, size_t len);

/* a copy of a C string */
zwfw_str_t tap_str(const char *s);


#endif /* _TAP_H_INCLUDED_ */
