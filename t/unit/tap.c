
/*
 * TAP, and memory that can run out
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"


typedef struct tap_block_s  tap_block_t;

struct tap_block_s {
    void         *p;
    tap_block_t  *next;
};


static void *tap_alloc(void *pool, size_t size);


static unsigned      tap_count;
static unsigned      tap_failed;
static unsigned      tap_left = TAP_MEM_ALL;
static tap_block_t  *tap_blocks;


zwfw_mem_t  tap_mem[] = {
    { tap_alloc, NULL }
};


void
tap_ok(int pass, const char *name, ...)
{
    va_list  args;

    tap_count++;

    if (!pass) {
        tap_failed++;
    }

    printf("%sok %u - ", pass ? "" : "not ", tap_count);

    va_start(args, name);
    vprintf(name, args);
    va_end(args);

    printf("\n");
    fflush(stdout);
}


void
tap_is(const void *got, size_t len, const char *want, const char *name)
{
    int  same;

    same = (len == strlen(want) && (len == 0 || memcmp(got, want, len) == 0));

    tap_ok(same, "%s", name);

    if (!same) {
        printf("#      got: \"%.*s\"\n#     want: \"%s\"\n", (int) len,
               len ? (const char *) got : "", want);
    }
}


void
tap_code(const char *got, const char *want, const char *name)
{
    got = got ? got : "none";
    want = want ? want : "none";

    tap_is(got, strlen(got), want, name);
}


int
tap_done(void)
{
    tap_mem_reset(TAP_MEM_ALL);

    printf("1..%u\n", tap_count);

    return tap_failed ? 1 : 0;
}


static void *
tap_alloc(void *pool, size_t size)
{
    tap_block_t  *block;

    (void) pool;

    if (tap_left == 0) {
        return NULL;
    }

    if (tap_left != TAP_MEM_ALL) {
        tap_left--;
    }

    block = malloc(sizeof(tap_block_t));
    if (block == NULL) {
        return NULL;
    }

    block->p = malloc(size ? size : 1);
    block->next = tap_blocks;
    tap_blocks = block;

    return block->p;
}


void
tap_mem_reset(unsigned n)
{
    tap_block_t  *block;

    while (tap_blocks) {
        block = tap_blocks;
        tap_blocks = block->next;
        free(block->p);
        free(block);
    }

    tap_mem_left(n);
}


void
tap_mem_left(unsigned n)
{
    tap_left = n;
}


zwfw_str_t
tap_copy(const void *p, size_t len)
{
    unsigned    left;
    zwfw_str_t  s;

    left = tap_left;
    tap_left = TAP_MEM_ALL;

    s.len = len;
    s.data = tap_alloc(NULL, len);

    tap_left = left;

    if (s.data == NULL) {
        abort();
    }

    if (len) {
        memcpy(s.data, p, len);
    }

    return s;
}


zwfw_str_t
tap_str(const char *s)
{
    return tap_copy(s, strlen(s));
}
