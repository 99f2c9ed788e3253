
/*
 * Stores are counted, and the process dies before one of them
 */


#include <signal.h>
#include <string.h>

#include "stores.h"


typedef unsigned int  stores_int_t __attribute__((mode(SI)));
typedef unsigned int  stores_long_t __attribute__((mode(DI)));


void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read1(void *p);
void __tsan_read2(void *p);
void __tsan_read4(void *p);
void __tsan_read8(void *p);
void __tsan_read16(void *p);
void __tsan_read_range(void *p, size_t size);
void __tsan_write1(void *p);
void __tsan_write2(void *p);
void __tsan_write4(void *p);
void __tsan_write8(void *p);
void __tsan_write16(void *p);
void __tsan_write_range(void *p, size_t size);
void __tsan_unaligned_read2(void *p);
void __tsan_unaligned_read4(void *p);
void __tsan_unaligned_read8(void *p);
void __tsan_unaligned_write2(void *p);
void __tsan_unaligned_write4(void *p);
void __tsan_unaligned_write8(void *p);
void __tsan_read_write4(void *p);
void __tsan_read_write8(void *p);
void __tsan_atomic_thread_fence(int order);
stores_int_t __tsan_atomic32_load(const volatile stores_int_t *p, int order);
stores_long_t __tsan_atomic64_load(const volatile stores_long_t *p, int order);
void __tsan_atomic32_store(volatile stores_int_t *p, stores_int_t value,
    int order);
void __tsan_atomic64_store(volatile stores_long_t *p, stores_long_t value,
    int order);
stores_long_t __tsan_atomic64_fetch_add(volatile stores_long_t *p,
    stores_long_t value, int order);
int __tsan_atomic64_compare_exchange_strong(volatile stores_long_t *p,
    stores_long_t *old, stores_long_t value, int order, int failed);


static char      *stores_first;
static char      *stores_last;
static unsigned   stores_at;
static unsigned   stores_seen;


void
stores_watch(void *memory, size_t size, unsigned n)
{
    stores_first = memory;
    stores_last = stores_first + size;
    stores_at = n;
    stores_seen = 0;
}


unsigned
stores_count(void)
{
    return stores_seen;
}


void
stores_before(void *p)
{
    if ((char *) p < stores_first || (char *) p >= stores_last) {
        return;
    }

    if (++stores_seen == stores_at) {
        (void) raise(SIGKILL);
    }
}


void *
stores_copy(void *to, const void *from, size_t size)
{
    size_t  i, n;

    for (i = 0; i < size; i += n) {
        n = (size - i < 8) ? size - i : 8;
        stores_before((char *) to + i);
        memcpy((char *) to + i, (const char *) from + i, n);
    }

    return to;
}


void *
stores_set(void *to, int c, size_t size)
{
    size_t  i, n;

    for (i = 0; i < size; i += n) {
        n = (size - i < 8) ? size - i : 8;
        stores_before((char *) to + i);
        memset((char *) to + i, c, n);
    }

    return to;
}


/* what the compiler has called */

void
__tsan_init(void)
{
    /* void */
}


void
__tsan_func_entry(void *pc)
{
    (void) pc;
}


void
__tsan_func_exit(void)
{
    /* void */
}


void
__tsan_read1(void *p)
{
    (void) p;
}


void
__tsan_read2(void *p)
{
    (void) p;
}


void
__tsan_read4(void *p)
{
    (void) p;
}


void
__tsan_read8(void *p)
{
    (void) p;
}


void
__tsan_read16(void *p)
{
    (void) p;
}


void
__tsan_read_range(void *p, size_t size)
{
    (void) p;
    (void) size;
}


void
__tsan_write1(void *p)
{
    stores_before(p);
}


void
__tsan_write2(void *p)
{
    stores_before(p);
}


void
__tsan_write4(void *p)
{
    stores_before(p);
}


void
__tsan_write8(void *p)
{
    stores_before(p);
}


void
__tsan_write16(void *p)
{
    stores_before(p);
}


void
__tsan_write_range(void *p, size_t size)
{
    (void) size;

    stores_before(p);
}


void
__tsan_unaligned_read2(void *p)
{
    (void) p;
}


void
__tsan_unaligned_read4(void *p)
{
    (void) p;
}


void
__tsan_unaligned_read8(void *p)
{
    (void) p;
}


void
__tsan_unaligned_write2(void *p)
{
    stores_before(p);
}


void
__tsan_unaligned_write4(void *p)
{
    stores_before(p);
}


void
__tsan_unaligned_write8(void *p)
{
    stores_before(p);
}


void
__tsan_read_write4(void *p)
{
    stores_before(p);
}


void
__tsan_read_write8(void *p)
{
    stores_before(p);
}


void
__tsan_atomic_thread_fence(int order)
{
    (void) order;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


stores_int_t
__tsan_atomic32_load(const volatile stores_int_t *p, int order)
{
    (void) order;

    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}


stores_long_t
__tsan_atomic64_load(const volatile stores_long_t *p, int order)
{
    (void) order;

    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}


void
__tsan_atomic32_store(volatile stores_int_t *p, stores_int_t value, int order)
{
    (void) order;

    stores_before((void *) p);
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}


void
__tsan_atomic64_store(volatile stores_long_t *p, stores_long_t value,
    int order)
{
    (void) order;

    stores_before((void *) p);
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}


stores_long_t
__tsan_atomic64_fetch_add(volatile stores_long_t *p, stores_long_t value,
    int order)
{
    (void) order;

    stores_before((void *) p);

    return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);
}


int
__tsan_atomic64_compare_exchange_strong(volatile stores_long_t *p,
    stores_long_t *old, stores_long_t value, int order, int failed)
{
    (void) order;
    (void) failed;

    stores_before((void *) p);

    return __atomic_compare_exchange_n(p, old, value, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
