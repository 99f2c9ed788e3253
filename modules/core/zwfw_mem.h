
/*
 * What the pure units of core share: bytes and memory, no nginx types
 */


#ifndef _ZWFW_MEM_H_INCLUDED_
#define _ZWFW_MEM_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* the layout of ngx_str_t, so that one can be read as the other */

typedef struct {
    size_t           len;
    unsigned char   *data;
} zwfw_str_t;


/* of nearly every request: such functions lie side by side, and need fewer
   lines of the caches */
#define ZWFW_HOT   __attribute__((hot))
#define ZWFW_RARE  __attribute__((noinline))    /* called by one of them */


#define zwfw_string(s)  { sizeof(s) - 1, (unsigned char *) s }
#define zwfw_null_string  { 0, NULL }


/* memory comes from the caller and is freed by the caller, all at once */

typedef struct {
    void          *(*alloc)(void *pool, size_t size);   /* NULL: none left */
    void            *pool;
} zwfw_mem_t;


#define ZWFW_OK        0
#define ZWFW_ERROR    -1         /* out of memory */
#define ZWFW_DECLINED -5         /* bad input; what is wrong is in the error */


#endif /* _ZWFW_MEM_H_INCLUDED_ */
