
/*
 * ngx_http_zwfw_known.c: a worker is killed before each store that it makes to
 * the table of sessions, while it holds the lock.  The others then know the
 * right sessions, or none, and the table is sound
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ngx_http_zwfw_known.h"
#include "stores.h"
#include "tap.h"


#define memcpy  stores_copy
#define memset  stores_set

#include "ngx_http_zwfw_known.c"

#undef memcpy
#undef memset


#define TEST_SIZE     65536
#define TEST_PAGES    4                     /* for the table: 22 entries */
#define TEST_FEW      6                     /* sessions of a table */
#define TEST_MANY     30
#define TEST_WAITING  40                    /* one that asks Redis meanwhile */
#define TEST_LONG     41
#define TEST_NONE     -1                    /* not known */
#define TEST_WRONG    -2


typedef void (*test_act_pt)(void);


typedef struct {
    const char   *name;
    ngx_uint_t    sessions;                 /* that are there before */
    time_t        later;                    /* seconds after them */
    int           gone;                     /* that must not come back */
    test_act_pt   act;
} test_act_t;


static void test_act(test_act_t *act);
static unsigned test_killed(test_act_t *act, unsigned n, ngx_uint_t *bad);
static void test_begin(test_act_t *act);
static void test_fill(int n, int version, ngx_http_zwfw_known_t *known);
static void test_keep(int n, int version,
    ngx_http_zwfw_generation_t *generation);
static int test_find(int n, ngx_http_zwfw_generation_t *generation);
static int test_peek(int n);
static int test_is(int n, ngx_http_zwfw_known_t *known);
static ngx_uint_t test_others(test_act_t *act);
static ngx_uint_t test_work(void);
static ngx_uint_t test_sound(void);

static void test_store(void);
static void test_store_again(void);
static void test_store_long(void);
static void test_store_old(void);
static void test_take_free(void);
static void test_use(void);
static void test_drop(void);
static void test_drop_two(void);
static void test_drop_none(void);
static void test_empty(void);


static test_act_t  test_acts[] = {
    { "store", TEST_FEW, 0, TEST_NONE, test_store },
    { "store what is there", TEST_FEW, 0, TEST_NONE, test_store_again },
    { "store what does not fit", TEST_FEW, 0, TEST_NONE, test_store_long },
    { "store what was dropped", TEST_FEW, 0, 2, test_store_old },
    { "store in a full table", TEST_MANY, 0, TEST_NONE, test_store },
    { "store in a free place", TEST_FEW, 0, 2, test_take_free },
    { "find", TEST_FEW, 1, TEST_NONE, test_use },
    { "find what is to be prolonged", TEST_FEW, 61, TEST_NONE, test_use },
    { "drop", TEST_FEW, 0, 2, test_drop },
    { "drop, and drop another one", TEST_FEW, 0, 2, test_drop_two },
    { "drop what is not there", TEST_FEW, 0, TEST_WAITING, test_drop_none },
    { "empty", TEST_FEW, 0, 2, test_empty },
    { "empty a full table", TEST_MANY, 0, 29, test_empty }
};


static u_char                      *test_memory;
static size_t                       test_used;
static char                         test_text[400];
static ngx_time_t                   test_now;
static ngx_http_zwfw_platform_t     test_pf;
static ngx_http_zwfw_generation_t   test_before[TEST_LONG + 1];

volatile ngx_time_t  *ngx_cached_time = &test_now;
volatile ngx_msec_t   ngx_current_msec = 1000000;
ngx_uint_t            ngx_pagesize = 4096;


int
main(void)
{
    ngx_uint_t  i;

    test_memory = mmap(NULL, TEST_SIZE, PROT_READ|PROT_WRITE,
                       MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (test_memory == MAP_FAILED) {
        return 1;
    }

    memset(test_text, 'x', sizeof(test_text));

    /* a table that is not sound may have no end */

    (void) alarm(60);

    for (i = 0; i < sizeof(test_acts) / sizeof(test_acts[0]); i++) {
        test_act(&test_acts[i]);
    }

    return tap_done();
}


/* before each store, and then not at all */

static void
test_act(test_act_t *act)
{
    unsigned    n, all;
    ngx_uint_t  bad, worst;

    worst = 0;

    for (n = 1; /* void */ ; n++) {
        bad = 0;
        all = test_killed(act, n, &bad);

        if (bad) {
            printf("# %s: killed before store %u: %lu faults\n", act->name, n,
                   (unsigned long) bad);
            worst++;
        }

        if (all) {
            break;
        }
    }

    tap_ok(worst == 0, "%s: killed before each of %u stores", act->name, all);
    tap_ok(all >= 2, "%s: which it has", act->name);
}


/* returns how many stores there were when there are fewer */

static unsigned
test_killed(test_act_t *act, unsigned n, ngx_uint_t *bad)
{
    int              status;
    pid_t            pid;
    unsigned         all;
    int              pipes[2];
    ngx_slab_pool_t  *slab;

    test_begin(act);
    slab = test_pf.slab;
    all = 0;

    if (pipe(pipes) == -1) {
        exit(1);
    }

    pid = fork();

    if (pid == 0) {
        stores_watch(test_memory, TEST_SIZE, n);
        act->act();
        all = stores_count();
        _exit(write(pipes[1], &all, sizeof(all)) == sizeof(all) ? 0 : 1);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        exit(1);
    }

    (void) close(pipes[1]);

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        *bad += test_others(act);

    } else if (status != 0
               || read(pipes[0], &all, sizeof(all)) != sizeof(all))
    {
        exit(1);
    }

    (void) close(pipes[0]);

    /* as nginx's master does */

    if (slab->lock.lock == (ngx_atomic_uint_t) pid) {
        slab->lock.lock = 0;
    }

    *bad += test_others(act);
    *bad += test_work();

    return all;
}


static void
test_begin(test_act_t *act)
{
    int         i;
    ngx_uint_t  n;

    stores_watch(NULL, 0, 0);
    memset(test_memory, 0, TEST_SIZE);

    test_now.sec = 1000000;
    test_used = sizeof(ngx_slab_pool_t);

    test_pf.idle = 1800;
    test_pf.slab = (ngx_slab_pool_t *) test_memory;
    test_pf.slab->pfree = TEST_PAGES;
    test_pf.shared = ngx_slab_calloc(test_pf.slab,
                                     sizeof(ngx_http_zwfw_shared_t));
    test_pf.shared->session_beat = ngx_current_msec;

    if (ngx_http_zwfw_known_init(&test_pf) != NGX_OK) {
        exit(1);
    }

    for (n = 0; n < act->sessions; n++) {
        (void) test_find(n, &test_before[n]);
        test_keep(n, 0, &test_before[n]);
    }

    for (i = act->sessions; i <= TEST_LONG; i++) {
        (void) test_find(i, &test_before[i]);
    }

    test_now.sec += act->later;
}


static void
test_fill(int n, int version, ngx_http_zwfw_known_t *known)
{
    static char               text[5][32];
    ngx_uint_t                i;
    ngx_http_zwfw_session_t  *s;

    /* three to a bucket, and a slot of its own */

    memset(known, 0, sizeof(ngx_http_zwfw_known_t));
    known->hash[0] = n / 3;
    known->hash[4] = n;
    known->hash[31] = n;
    known->expires = 2000000 + n;

    s = &known->session;
    s->who = 1 + n;
    s->level = version;
    s->created = n;

    for (i = 0; i < 5; i++) {
        (void) sprintf(text[i], "%lu of %d, %d", (unsigned long) i, n,
                       version);
    }

    s->uid.data = (u_char *) text[0];
    s->name.data = (u_char *) text[1];
    s->body.data = (u_char *) text[2];
    s->roles.data = (u_char *) text[3];
    s->id.data = (u_char *) text[4];

    s->uid.len = strlen(text[0]);
    s->name.len = strlen(text[1]);
    s->body.len = strlen(text[2]);
    s->roles.len = strlen(text[3]);
    s->id.len = strlen(text[4]);
}


static void
test_keep(int n, int version, ngx_http_zwfw_generation_t *generation)
{
    ngx_http_zwfw_known_t  known;

    test_fill(n, version, &known);

    if (n == TEST_LONG) {
        known.session.region.data = (u_char *) test_text;
        known.session.region.len = sizeof(test_text);
    }

    ngx_http_zwfw_known_store(&test_pf, &known, generation);
}


/* returns its version */

static int
test_find(int n, ngx_http_zwfw_generation_t *generation)
{
    int                          version;
    ngx_int_t                    rc;
    ngx_uint_t                   touch;
    ngx_http_zwfw_known_t        known;
    ngx_http_zwfw_generation_t   none;

    test_fill(n, 0, &known);
    ngx_memzero(&known.session, sizeof(ngx_http_zwfw_session_t));

    rc = ngx_http_zwfw_known_find(&test_pf, &known, NULL,
                                  generation ? generation : &none, &touch);

    version = (rc == NGX_OK) ? test_is(n, &known) : TEST_NONE;
    tap_mem_reset(TAP_MEM_ALL);

    return version;
}


/* without the lock */

static int
test_peek(int n)
{
    int                    version;
    ngx_int_t              rc;
    ngx_http_zwfw_known_t  known;

    test_fill(n, 0, &known);

    rc = ngx_http_zwfw_known_peek(&test_pf, &known, NULL);

    version = (rc == NGX_OK) ? test_is(n, &known) : TEST_NONE;
    tap_mem_reset(TAP_MEM_ALL);

    return version;
}


static int
test_is(int n, ngx_http_zwfw_known_t *known)
{
    ngx_uint_t                i;
    ngx_str_t                *got[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    ngx_str_t                *want[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    ngx_http_zwfw_known_t     right;
    ngx_http_zwfw_session_t  *s;

    s = &known->session;

    if (s->level > 1) {
        return TEST_WRONG;
    }

    test_fill(n, s->level, &right);
    ngx_http_zwfw_known_texts(s, got);
    ngx_http_zwfw_known_texts(&right.session, want);

    for (i = 0; i < NGX_HTTP_ZWFW_KNOWN_TEXTS; i++) {
        if (got[i]->len != want[i]->len
            || memcmp(got[i]->data, want[i]->data, want[i]->len) != 0)
        {
            return TEST_WRONG;
        }
    }

    if (s->who != right.session.who || s->created != right.session.created
        || known->expires != right.expires)
    {
        return TEST_WRONG;
    }

    return s->level;
}


/* what another worker sees, before and after the lock is free; returns how many
   faults there are */

static ngx_uint_t
test_others(test_act_t *act)
{
    int                     i, seen;
    ngx_uint_t              bad, begun;
    ngx_slab_pool_t        *slab;
    ngx_http_zwfw_known_t   known;
    ngx_http_zwfw_table_t  *t;

    bad = 0;
    begun = 0;
    slab = test_pf.slab;
    t = test_pf.shared->sessions;

    /* a session that is dropped is not known again, once that has begun, and an
       answer that was asked for before is not kept */

    if (act->gone != TEST_NONE) {
        test_fill(act->gone, 0, &known);
        begun = (t->changing
                 || test_before[act->gone].epoch != t->epoch
                 || test_before[act->gone].slot
                    != *ngx_http_zwfw_known_slot(t, known.hash));
    }

    for (i = 0; i <= TEST_LONG; i++) {
        seen = test_peek(i);
        bad += (seen == TEST_WRONG);
        bad += (i == act->gone && begun && (t->version & 1)
                && seen != TEST_NONE);
    }

    if (slab->lock.lock) {
        return bad;
    }

    for (i = 0; i <= TEST_LONG; i++) {
        bad += (test_find(i, NULL) == TEST_WRONG);
    }

    if (begun) {
        bad += (test_find(act->gone, NULL) != TEST_NONE);
        test_keep(act->gone, 0, &test_before[act->gone]);
        bad += (test_find(act->gone, NULL) != TEST_NONE);
    }

    return bad + test_sound();
}


/* it goes on */

static ngx_uint_t
test_work(void)
{
    int                         i;
    ngx_uint_t                  bad;
    ngx_http_zwfw_known_t       known;
    ngx_http_zwfw_generation_t  generation;

    bad = 0;

    for (i = 0; i < TEST_MANY; i++) {
        if (test_find(i, &generation) == TEST_NONE) {
            test_keep(i, 1, &generation);
            bad += (test_find(i, NULL) != 1);
        }
    }

    for (i = TEST_MANY - 3; i < TEST_MANY; i++) {
        test_fill(i, 0, &known);
        ngx_http_zwfw_known_drop(&test_pf, known.hash);
        bad += (test_find(i, NULL) != TEST_NONE);
        bad += test_sound();
    }

    ngx_http_zwfw_known_empty(&test_pf);

    for (i = 0; i < TEST_MANY; i++) {
        bad += (test_find(i, NULL) != TEST_NONE);
    }

    return bad + test_sound();
}


/* each entry is in its bucket and in the order, or free, once; nobody holds the
   lock */

static ngx_uint_t
test_sound(void)
{
    char                    place[64];
    uint32_t                i, n, last, used;
    ngx_uint_t              bad;
    ngx_http_zwfw_entry_t  *e;
    ngx_http_zwfw_table_t  *t;

    bad = 0;
    memset(place, 0, sizeof(place));
    t = test_pf.shared->sessions;

    if (t->entries >= sizeof(place) || t->used > t->entries) {
        return 1;
    }

    used = 0;
    last = 0;

    for (i = t->newest; i && used <= t->used; i = e->older, used++) {
        e = ngx_http_zwfw_known_entry(t, i);
        bad += (e->newer != last || i > t->used || place[i]++);
        bad += (ngx_http_zwfw_known_lookup(t, e->hash) != i);
        last = i;
    }

    bad += (i != 0 || t->oldest != last);

    for (i = t->free, n = 0; i && n <= t->used; n++) {
        bad += (i > t->used || place[i]++);
        i = ngx_http_zwfw_known_entry(t, i)->next;
    }

    bad += (i != 0 || used + n != t->used);

    for (n = 0, used += 1; n <= t->mask && used; n++) {
        for (i = t->buckets[n]; i && used; used--) {
            e = ngx_http_zwfw_known_entry(t, i);
            bad += (ngx_http_zwfw_known_bucket(t, e->hash) != &t->buckets[n]);
            i = e->next;
        }
    }

    bad += (used != 1);
    bad += (t->changing || (t->version & 1) || test_pf.slab->lock.lock);

    return bad;
}


/* ---- what a worker does when it is killed ---- */

static void
test_store(void)
{
    test_keep(TEST_WAITING, 0, &test_before[TEST_WAITING]);
}


static void
test_store_again(void)
{
    test_keep(2, 1, &test_before[2]);
}


static void
test_store_long(void)
{
    test_keep(TEST_LONG, 0, &test_before[TEST_LONG]);
}


static void
test_store_old(void)
{
    test_drop();
    test_keep(2, 0, &test_before[2]);
}


static void
test_take_free(void)
{
    test_drop();
    test_store();
}


static void
test_use(void)
{
    (void) test_find(2, NULL);
}


static void
test_drop(void)
{
    ngx_http_zwfw_known_t  known;

    test_fill(2, 0, &known);
    ngx_http_zwfw_known_drop(&test_pf, known.hash);
}


static void
test_drop_two(void)
{
    ngx_http_zwfw_known_t  known;

    test_drop();
    test_fill(1, 0, &known);
    ngx_http_zwfw_known_drop(&test_pf, known.hash);
}


static void
test_drop_none(void)
{
    ngx_http_zwfw_known_t  known;

    test_fill(TEST_WAITING, 0, &known);
    ngx_http_zwfw_known_drop(&test_pf, known.hash);
}


static void
test_empty(void)
{
    ngx_http_zwfw_known_empty(&test_pf);
}


/* ---- of nginx and of core ---- */

void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    p = (u_char *) pool + test_used;
    test_used += ngx_align(size, 64);

    return test_used <= TEST_SIZE ? p : NULL;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc(pool, size);
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    ngx_slab_pool_t  *slab;

    (void) mtx;
    slab = test_pf.slab;

    /* nobody else runs: it would never be free */

    if (slab->lock.lock) {
        exit(2);
    }

    stores_before((void *) &slab->lock.lock);
    slab->lock.lock = getpid();
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;

    stores_before((void *) &test_pf.slab->lock.lock);
    test_pf.slab->lock.lock = 0;
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    (void) pool;

    return tap_mem[0].alloc(NULL, size);
}


void
ngx_http_zwfw_count(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_counter_e counter)
{
    (void) pf;
    (void) counter;
}
