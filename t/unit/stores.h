
/*
 * Dying before a store into shared memory.  What is compiled with
 * -fsanitize=thread calls a function before each store; those of t/unit/stores.c
 * count, in place of the sanitizer's
 */


#ifndef _STORES_H_INCLUDED_
#define _STORES_H_INCLUDED_


#include <stddef.h>


/* the memory of which stores count; the process is killed before the n-th from
   now on, 0: none */
void stores_watch(void *memory, size_t size, unsigned n);

/* how many there were since */
unsigned stores_count(void);

/* for stores that no compiler sees */
void stores_before(void *p);

/* in the place of memcpy() and memset(): each word is a store */
void *stores_copy(void *to, const void *from, size_t size);
void *stores_set(void *to, int c, size_t size);


#endif /* _STORES_H_INCLUDED_ */
