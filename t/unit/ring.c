
/*
 * ngx_http_zwfw_monitor_ring.c: a worker is killed before each store that it
 * makes to the rings.  Who takes them over finds each record that was written,
 * whole, and counts the one that was being written, or has lost it
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "stores.h"
#include "tap.h"

#include "ngx_http_zwfw_monitor_ring.c"


#define TEST_SIZE      131072
#define TEST_SLOTS     4
#define TEST_CAPACITY  4


typedef void (*test_act_pt)(void);


typedef struct {
    const char   *name;
    unsigned      before;                   /* records of one that was killed */
    test_act_pt   act;
} test_act_t;


/* what is known to have been done */

typedef struct {
    unsigned      written;
    unsigned      lost;                     /* the ring was full */
} test_done_t;


static void test_act(test_act_t *act);
static unsigned test_killed(test_act_t *act, unsigned n, unsigned *bad);
static int test_child(test_act_pt act, unsigned n);
static void test_worker(void);
static void test_write(unsigned n);
static unsigned test_others(unsigned deaths);
static unsigned test_record(ngx_http_zwfw_ring_t *ring, ngx_uint_t i);

static void test_few(void);
static void test_half(void);
static void test_full(void);
static void test_again(void);
static void test_leave(void);


static test_act_t  test_acts[] = {
    { "write", 0, test_few },
    { "write into a full ring", 0, test_full },
    { "take over, and write", 2, test_again },
    { "take over a full ring, and write", TEST_CAPACITY, test_again },
    { "leave", 0, test_leave }
};


static u_char                   *test_memory;
static test_done_t              *test_done;
static ngx_http_zwfw_ring_t      test_rings[TEST_SLOTS + 1];
static ngx_http_zwfw_monitor_t   test_monitor;
static ngx_log_t                 test_log;
static ngx_cycle_t               test_cycle;

volatile ngx_msec_t   ngx_current_msec = 1000000;
volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
ngx_int_t             ngx_ncpu = 1;
ngx_pid_t             ngx_pid;
ngx_module_t          ngx_core_module;
ngx_module_t          ngx_http_zwfw_monitor_module;


int
main(void)
{
    ngx_uint_t  i;

    (void) alarm(60);

    test_memory = mmap(NULL, TEST_SIZE + 4096, PROT_READ|PROT_WRITE,
                       MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (test_memory == MAP_FAILED) {
        return 1;
    }

    test_done = (test_done_t *) (test_memory + TEST_SIZE);

    for (i = 0; i < sizeof(test_acts) / sizeof(test_acts[0]); i++) {
        test_act(&test_acts[i]);
    }

    return tap_done();
}


static void
test_act(test_act_t *act)
{
    unsigned  n, all, bad, worst;

    worst = 0;

    for (n = 1; /* void */ ; n++) {
        bad = 0;
        all = test_killed(act, n, &bad);

        if (bad) {
            printf("# %s: killed before store %u: %u faults\n", act->name, n,
                   bad);
            worst++;
        }

        if (all) {
            break;
        }
    }

    tap_ok(worst == 0, "%s: killed before each of %u stores", act->name,
           all - 1);
    tap_ok(all > 2, "%s: which it has", act->name);
}


/* returns n when there are fewer stores */

static unsigned
test_killed(test_act_t *act, unsigned n, unsigned *bad)
{
    unsigned  deaths;

    memset(test_memory, 0, TEST_SIZE + 4096);
    deaths = 0;

    if (act->before) {
        test_done->lost = act->before;      /* read by the child */
        (void) test_child(test_half, -1);
        deaths++;
    }

    if (test_child(act->act, n) == SIGKILL) {
        *bad += test_others(deaths + 1);
        return 0;
    }

    *bad += test_others(deaths);

    return n;
}


/* returns the signal that has killed it */

static int
test_child(test_act_pt act, unsigned n)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        stores_watch(test_memory, TEST_SIZE, n);
        act();
        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        exit(1);
    }

    if (WIFSIGNALED(status)) {
        return WTERMSIG(status);
    }

    if (status != 0) {
        exit(1);
    }

    return 0;
}


static void
test_worker(void)
{
    ngx_pid = getpid();

    memset(test_rings, 0, sizeof(test_rings));
    memset(&test_monitor, 0, sizeof(test_monitor));

    test_monitor.shared = (ngx_http_zwfw_rings_t *) test_memory;
    test_monitor.nslots = TEST_SLOTS;
    test_monitor.capacity = TEST_CAPACITY;
    test_monitor.tick.log = &test_log;

    if (ngx_http_zwfw_monitor_open(&test_cycle, &test_monitor) != NGX_OK) {
        exit(1);
    }
}


static void
test_write(unsigned n)
{
    ngx_http_zwfw_record_t  *rec;

    while (n--) {
        rec = ngx_http_zwfw_monitor_room(&test_monitor);

        if (rec == NULL) {
            test_done->lost++;
            continue;
        }

        rec->at = test_monitor.own->slot->head;
        rec->bytes = rec->at * 7;
        rec->status = rec->at;

        ngx_http_zwfw_monitor_written(&test_monitor, rec);
        test_done->written++;
    }
}


/* one that lives; returns how many faults there are */

static unsigned
test_others(unsigned deaths)
{
    unsigned                bad, i;
    ngx_uint_t              n;
    ngx_atomic_uint_t       events, head, lost;
    ngx_http_zwfw_ring_t   *ring;
    ngx_http_zwfw_slot_t   *slot;

    stores_watch(NULL, 0, 0);
    test_worker();
    ngx_http_zwfw_monitor_adopt(&test_monitor);

    bad = (test_monitor.own == NULL);

    for (i = 0; i < 2; i++) {
        events = head = lost = 0;

        for (n = 0; n < TEST_SLOTS; n++) {
            ring = &test_rings[n];
            slot = ring->slot;

            /* nobody else is left who could hold one */

            bad += (slot->owner != 0 && !ring->mine);
            bad += (slot->events != slot->head + slot->lost);
            bad += test_record(ring, n);

            events += slot->events;
            head += slot->head;
            lost += slot->lost;
        }

        bad += (head < test_done->written
                || head > test_done->written + deaths);
        bad += (lost < test_done->lost || lost > test_done->lost + deaths);
        bad += (events < test_done->written + test_done->lost
                || events > test_done->written + test_done->lost + deaths);

        /* it goes on, when all of this is stored */

        for (n = 0; n < TEST_SLOTS; n++) {
            slot = test_rings[n].slot;
            slot->tail = slot->batch = slot->head;
        }

        test_write(2);
    }

    return bad;
}


static unsigned
test_record(ngx_http_zwfw_ring_t *ring, ngx_uint_t i)
{
    unsigned                 bad;
    ngx_http_zwfw_record_t  *rec;

    bad = 0;

    for (i = ring->slot->tail; i < ring->slot->head; i++) {
        rec = &ring->records[i % TEST_CAPACITY];
        bad += (rec->number != i + 1 || rec->at != (int64_t) i
                || rec->bytes != (int64_t) i * 7
                || rec->status != (int32_t) i);
    }

    return bad;
}


/* ---- what a worker does when it is killed ---- */

static void
test_few(void)
{
    test_worker();
    test_write(3);
}


/* in the middle of one record more, where there is room */

static void
test_half(void)
{
    unsigned                 n;
    ngx_http_zwfw_record_t  *rec;

    n = test_done->lost;
    test_done->lost = 0;

    test_worker();
    test_write(n);

    rec = ngx_http_zwfw_monitor_room(&test_monitor);

    if (rec) {
        rec->at = 12345;

    } else {
        test_done->lost++;
    }

    (void) raise(SIGKILL);
}


static void
test_full(void)
{
    test_worker();
    test_write(TEST_CAPACITY + 2);
}


static void
test_again(void)
{
    test_worker();
    ngx_http_zwfw_monitor_adopt(&test_monitor);
    test_write(2);
}


static void
test_leave(void)
{
    test_worker();
    test_write(1);
    ngx_http_zwfw_monitor_release(test_monitor.own);
}


/* ---- of nginx and of core ---- */

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return size <= sizeof(test_rings) ? test_rings : NULL;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return NULL;
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return NULL;
}


ngx_shm_zone_t *
ngx_shared_memory_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    return NULL;
}


ngx_str_t *
ngx_http_zwfw_platform_name(ngx_http_zwfw_platform_t *pf)
{
    return NULL;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    /* void */
}


/* of a path of /proc, which is all that is asked for */

u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    va_list  args;

    if (strcmp(fmt, "/proc/%P/stat") != 0) {
        exit(1);
    }

    va_start(args, fmt);
    buf += sprintf((char *) buf, "/proc/%ld/stat",
                   (long) va_arg(args, ngx_pid_t));
    va_end(args);

    return buf;
}
