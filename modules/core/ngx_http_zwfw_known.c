
/*
 * Sessions that the workers of a node know: a hash table with LRU order in
 * the platform's zone, entries of one size, allocated once.
 *
 * Changes are under the mutex of the slab pool, the only one that nginx frees
 * when a worker is killed.  What such a worker left half done is thrown away:
 * the table says while it is being changed.  Who is known is read without the
 * mutex, as long as nothing changes meanwhile
 */


#include "ngx_http_zwfw_known.h"


#define NGX_HTTP_ZWFW_KNOWN_SLOTS  1024     /* of generations */
#define NGX_HTTP_ZWFW_KNOWN_TEXTS  7
#define NGX_HTTP_ZWFW_KNOWN_CHAIN  16       /* of a bucket, without the lock */

#define NGX_HTTP_ZWFW_FRESH        900      /* ms since the last beat heard */
#define NGX_HTTP_ZWFW_TOUCH        60       /* seconds */


/* indexes stand for pointers; 0 is none, its place is not used.  The first 64
   bytes tell whether a copy is still right */

typedef struct {
    uint32_t     newer;
    uint32_t     older;
    uint32_t     next;                      /* of the bucket, or free */
    uint32_t     who;
    uint64_t     stamp;                     /* another one whenever it is
                                               written; 0: nobody */
    time_t       expires;
    time_t       idle;                      /* ends unless touched */
    time_t       touched;
    time_t       used;
    time_t       created;
    u_char       hash[NGX_HTTP_ZWFW_HASH];
    uint16_t     level;
    uint16_t     len[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    u_char       text[1];
} ngx_http_zwfw_entry_t;


#define NGX_HTTP_ZWFW_KNOWN_SPACE                                             \
    (NGX_HTTP_ZWFW_KNOWN_ENTRY - offsetof(ngx_http_zwfw_entry_t, text))


typedef struct {
    ngx_uint_t   changing;                  /* a worker, under the lock */
    ngx_uint_t   version;                   /* odd: the same */
    uint32_t     entries;
    uint32_t     mask;                      /* of buckets */
    uint32_t     newest;
    uint32_t     oldest;
    uint32_t     free;
    uint32_t     used;                      /* highest ever since emptied */
    uint32_t     epoch;
    uint64_t     stamp;                     /* last one given */
    uint32_t    *buckets;
    u_char      *memory;
    uint32_t     slots[NGX_HTTP_ZWFW_KNOWN_SLOTS];
} ngx_http_zwfw_table_t;


static ngx_int_t ngx_http_zwfw_known_peek(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool) ZWFW_HOT;
static ngx_int_t ngx_http_zwfw_known_use(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool,
    ngx_http_zwfw_generation_t *generation, ngx_uint_t *touch) ZWFW_RARE;
static ngx_uint_t ngx_http_zwfw_known_fresh(ngx_http_zwfw_platform_t *pf);
static ngx_http_zwfw_table_t *ngx_http_zwfw_known_lock(
    ngx_http_zwfw_platform_t *pf);
static void ngx_http_zwfw_known_change(ngx_http_zwfw_table_t *t);
static void ngx_http_zwfw_known_changed(ngx_http_zwfw_table_t *t);
static void ngx_http_zwfw_known_unlock(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_table_t *t);
static void ngx_http_zwfw_known_clear(ngx_http_zwfw_table_t *t);
static ngx_http_zwfw_entry_t *ngx_http_zwfw_known_entry(
    ngx_http_zwfw_table_t *t, uint32_t i);
static uint32_t *ngx_http_zwfw_known_bucket(ngx_http_zwfw_table_t *t,
    u_char *hash);
static uint32_t *ngx_http_zwfw_known_slot(ngx_http_zwfw_table_t *t,
    u_char *hash);
static uint32_t ngx_http_zwfw_known_lookup(ngx_http_zwfw_table_t *t,
    u_char *hash);
static uint32_t ngx_http_zwfw_known_take(ngx_http_zwfw_table_t *t,
    u_char *hash);
static void ngx_http_zwfw_known_remove(ngx_http_zwfw_table_t *t, uint32_t i);
static void ngx_http_zwfw_known_link(ngx_http_zwfw_table_t *t, uint32_t i);
static void ngx_http_zwfw_known_unlink(ngx_http_zwfw_table_t *t, uint32_t i);
static ngx_uint_t ngx_http_zwfw_known_due(ngx_http_zwfw_entry_t *e);
static ngx_uint_t ngx_http_zwfw_known_touch(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_entry_t *e);
static ngx_uint_t ngx_http_zwfw_known_now(ngx_http_zwfw_entry_t *e);
static void ngx_http_zwfw_known_read(ngx_http_zwfw_known_t *known,
    ngx_http_zwfw_entry_t *e, uint32_t i, uint32_t epoch) ZWFW_HOT;
static size_t ngx_http_zwfw_known_size(ngx_http_zwfw_entry_t *e) ZWFW_HOT;
static ngx_int_t ngx_http_zwfw_known_write(ngx_http_zwfw_table_t *t,
    ngx_http_zwfw_entry_t *e, ngx_http_zwfw_known_t *known);
static void ngx_http_zwfw_known_texts(ngx_http_zwfw_session_t *s,
    ngx_str_t **texts);


ngx_int_t
ngx_http_zwfw_known_init(ngx_http_zwfw_platform_t *pf)
{
    size_t                  size;
    uint32_t                buckets;
    ngx_http_zwfw_table_t  *t;

    t = ngx_slab_calloc(pf->slab, sizeof(ngx_http_zwfw_table_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    size = pf->slab->pfree * ngx_pagesize / 4 * 3;
    t->entries = size / (NGX_HTTP_ZWFW_KNOWN_ENTRY + 2 * sizeof(uint32_t)) - 1;

    for (buckets = 16; buckets < t->entries; buckets *= 2) { /* void */ }

    t->mask = buckets - 1;
    t->epoch = 1;

    t->buckets = ngx_slab_calloc(pf->slab, buckets * sizeof(uint32_t));
    t->memory = ngx_slab_alloc(pf->slab, (t->entries + 1)
                                         * NGX_HTTP_ZWFW_KNOWN_ENTRY);

    if (t->buckets == NULL || t->memory == NULL) {
        return NGX_ERROR;
    }

    pf->shared->sessions = t;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_known_find(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool,
    ngx_http_zwfw_generation_t *generation, ngx_uint_t *touch)
{
    ngx_int_t  rc;

    *touch = 0;

    rc = ngx_http_zwfw_known_peek(pf, known, pool);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_zwfw_known_use(pf, known, pool, generation, touch);
    }

    if (rc != NGX_ERROR) {
        ngx_http_zwfw_count(pf, rc == NGX_OK
                                ? NGX_HTTP_ZWFW_COUNT_SESSION_HIT
                                : NGX_HTTP_ZWFW_COUNT_SESSION_MISS);
    }

    return rc;
}


/*
 * Copies an entry without the lock, as nearly every request can: nothing is
 * written to memory that the other workers read.  What was changed meanwhile
 * may be anything, so indexes are bounded and the copy is thrown away; so is
 * one that must be moved, or touched, which needs the lock.  NGX_DECLINED:
 * there is no copy
 */

static ngx_int_t
ngx_http_zwfw_known_peek(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool)
{
    size_t                  size;
    u_char                 *hash;
    uint32_t                i, epoch;
    ngx_uint_t              n, version;
    ngx_http_zwfw_entry_t  *e, *copy;
    ngx_http_zwfw_table_t  *t;

    t = pf->shared->sessions;
    hash = known->hash;

    version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);

    if ((version & 1) || !ngx_http_zwfw_known_fresh(pf)) {
        return NGX_DECLINED;
    }

    e = NULL;
    i = *ngx_http_zwfw_known_bucket(t, hash);

    for (n = 0; i && i <= t->entries && n < NGX_HTTP_ZWFW_KNOWN_CHAIN; n++) {
        e = ngx_http_zwfw_known_entry(t, i);

        if (ngx_memcmp(e->hash, hash, NGX_HTTP_ZWFW_HASH) == 0) {
            break;
        }

        i = e->next;
        e = NULL;
    }

    if (e == NULL) {
        return NGX_DECLINED;
    }

    size = ngx_http_zwfw_known_size(e);
    size = offsetof(ngx_http_zwfw_entry_t, text)
           + ngx_min(size, NGX_HTTP_ZWFW_KNOWN_SPACE);

    copy = ngx_palloc(pool, size);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, e, size);
    epoch = t->epoch;

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    if (__atomic_load_n(&t->version, __ATOMIC_RELAXED) != version
        || !ngx_http_zwfw_known_now(copy))
    {
        return NGX_DECLINED;
    }

    ngx_http_zwfw_known_read(known, copy, i, epoch);

    return NGX_OK;
}


/* the same without a copy: there is one */

ngx_int_t
ngx_http_zwfw_known_still(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known)
{
    ngx_uint_t              version;
    ngx_http_zwfw_entry_t  *e;
    ngx_http_zwfw_table_t  *t;

    t = pf->shared->sessions;

    version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);

    if ((version & 1) || t->epoch != known->epoch
        || !ngx_http_zwfw_known_fresh(pf))
    {
        return NGX_DECLINED;
    }

    e = ngx_http_zwfw_known_entry(t, known->index);

    if (e->stamp != known->stamp || !ngx_http_zwfw_known_now(e)) {
        return NGX_DECLINED;
    }

    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    if (__atomic_load_n(&t->version, __ATOMIC_RELAXED) != version) {
        return NGX_DECLINED;
    }

    ngx_http_zwfw_count(pf, NGX_HTTP_ZWFW_COUNT_SESSION_HIT);

    return NGX_OK;
}


/* neither over, nor to be moved or touched */

static ngx_uint_t
ngx_http_zwfw_known_now(ngx_http_zwfw_entry_t *e)
{
    time_t  now = ngx_time();

    return e->used == now && e->expires > now && e->idle > now
           && !ngx_http_zwfw_known_due(e);
}


/* the same with the lock: what was used is the newest */

static ngx_int_t
ngx_http_zwfw_known_use(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool,
    ngx_http_zwfw_generation_t *generation, ngx_uint_t *touch)
{
    uint32_t                i, epoch;
    ngx_http_zwfw_entry_t  *e, *copy;
    ngx_http_zwfw_table_t  *t;

    t = ngx_http_zwfw_known_lock(pf);

    i = ngx_http_zwfw_known_fresh(pf)
        ? ngx_http_zwfw_known_lookup(t, known->hash) : 0;
    e = ngx_http_zwfw_known_entry(t, i);

    if (i == 0 || e->expires <= ngx_time() || e->idle <= ngx_time()) {
        generation->epoch = t->epoch;
        generation->slot = *ngx_http_zwfw_known_slot(t, known->hash);

        ngx_http_zwfw_known_unlock(pf, t);

        return NGX_DECLINED;
    }

    copy = ngx_palloc(pool, NGX_HTTP_ZWFW_KNOWN_ENTRY);
    if (copy == NULL) {
        ngx_http_zwfw_known_unlock(pf, t);
        return NGX_ERROR;
    }

    ngx_http_zwfw_known_change(t);

    if (e->used != ngx_time()) {
        ngx_http_zwfw_known_unlink(t, i);
        ngx_http_zwfw_known_link(t, i);
    }

    *touch = ngx_http_zwfw_known_touch(pf, e);

    ngx_memcpy(copy, e, NGX_HTTP_ZWFW_KNOWN_ENTRY);

    epoch = t->epoch;

    ngx_http_zwfw_known_unlock(pf, t);

    ngx_http_zwfw_known_read(known, copy, i, epoch);

    return NGX_OK;
}


/* all that Redis has dropped until a moment ago is known here */

static ngx_uint_t
ngx_http_zwfw_known_fresh(ngx_http_zwfw_platform_t *pf)
{
    ngx_msec_t  beat;

    beat = __atomic_load_n(&pf->shared->session_beat, __ATOMIC_ACQUIRE);

    return beat
           && (ngx_msec_int_t) (ngx_current_msec - beat)
              < NGX_HTTP_ZWFW_FRESH;
}


void
ngx_http_zwfw_known_store(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_http_zwfw_generation_t *generation)
{
    uint32_t                i;
    ngx_http_zwfw_entry_t  *e;
    ngx_http_zwfw_table_t  *t;

    t = ngx_http_zwfw_known_lock(pf);

    if (generation->epoch != t->epoch
        || generation->slot != *ngx_http_zwfw_known_slot(t, known->hash))
    {
        ngx_http_zwfw_known_unlock(pf, t);
        return;
    }

    ngx_http_zwfw_known_change(t);

    i = ngx_http_zwfw_known_lookup(t, known->hash);
    if (i == 0) {
        i = ngx_http_zwfw_known_take(t, known->hash);
    }

    e = ngx_http_zwfw_known_entry(t, i);

    e->touched = ngx_time();
    e->idle = e->touched + pf->idle;

    if (ngx_http_zwfw_known_write(t, e, known) != NGX_OK) {
        ngx_http_zwfw_known_remove(t, i);
    }

    ngx_http_zwfw_known_unlock(pf, t);
}


void
ngx_http_zwfw_known_drop(ngx_http_zwfw_platform_t *pf, u_char *hash)
{
    uint32_t                i;
    ngx_http_zwfw_table_t  *t;

    t = ngx_http_zwfw_known_lock(pf);

    ngx_http_zwfw_known_change(t);
    (*ngx_http_zwfw_known_slot(t, hash))++;

    i = ngx_http_zwfw_known_lookup(t, hash);
    if (i) {
        ngx_http_zwfw_known_remove(t, i);
    }

    ngx_http_zwfw_known_unlock(pf, t);
}


void
ngx_http_zwfw_known_empty(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_table_t  *t;

    t = ngx_http_zwfw_known_lock(pf);

    ngx_http_zwfw_known_change(t);
    ngx_http_zwfw_known_clear(t);

    ngx_http_zwfw_known_unlock(pf, t);
}


void
ngx_http_zwfw_known_beat(ngx_http_zwfw_platform_t *pf, ngx_msec_t beat)
{
    ngx_msec_t  last;

    ngx_shmtx_lock(&pf->slab->mutex);

    last = pf->shared->session_beat;

    if (beat == 0 || last == 0 || (ngx_msec_int_t) (beat - last) > 0) {
        pf->shared->session_beat = beat;
    }

    ngx_shmtx_unlock(&pf->slab->mutex);
}


static ngx_http_zwfw_table_t *
ngx_http_zwfw_known_lock(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_table_t  *t;

    ngx_shmtx_lock(&pf->slab->mutex);

    t = pf->shared->sessions;

    /* a worker was killed in the middle of a change */

    if (t->changing) {
        ngx_http_zwfw_known_change(t);
        ngx_http_zwfw_known_clear(t);
        ngx_http_zwfw_known_changed(t);
    }

    return t;
}


/* from here on nobody reads without the lock */

static void
ngx_http_zwfw_known_change(ngx_http_zwfw_table_t *t)
{
    t->changing = 1;

    __atomic_store_n(&t->version, t->version | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


static void
ngx_http_zwfw_known_changed(ngx_http_zwfw_table_t *t)
{
    __atomic_store_n(&t->version, (t->version | 1) + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&t->changing, 0, __ATOMIC_RELEASE);
}


static void
ngx_http_zwfw_known_unlock(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_table_t *t)
{
    if (t->changing) {
        ngx_http_zwfw_known_changed(t);
    }

    ngx_shmtx_unlock(&pf->slab->mutex);
}


/* moves all generations as well */

static void
ngx_http_zwfw_known_clear(ngx_http_zwfw_table_t *t)
{
    ngx_memzero(t->buckets, (t->mask + 1) * sizeof(uint32_t));

    t->newest = 0;
    t->oldest = 0;
    t->free = 0;
    t->used = 0;
    t->epoch++;
}


static ngx_http_zwfw_entry_t *
ngx_http_zwfw_known_entry(ngx_http_zwfw_table_t *t, uint32_t i)
{
    return (ngx_http_zwfw_entry_t *)
               (t->memory + (size_t) i * NGX_HTTP_ZWFW_KNOWN_ENTRY);
}


static uint32_t *
ngx_http_zwfw_known_bucket(ngx_http_zwfw_table_t *t, u_char *hash)
{
    uint32_t  n;

    ngx_memcpy(&n, hash, sizeof(uint32_t));

    return &t->buckets[n & t->mask];
}


static uint32_t *
ngx_http_zwfw_known_slot(ngx_http_zwfw_table_t *t, u_char *hash)
{
    uint32_t  n;

    ngx_memcpy(&n, hash + sizeof(uint32_t), sizeof(uint32_t));

    return &t->slots[n % NGX_HTTP_ZWFW_KNOWN_SLOTS];
}


static uint32_t
ngx_http_zwfw_known_lookup(ngx_http_zwfw_table_t *t, u_char *hash)
{
    uint32_t                i;
    ngx_http_zwfw_entry_t  *e;

    for (i = *ngx_http_zwfw_known_bucket(t, hash); i; i = e->next) {
        e = ngx_http_zwfw_known_entry(t, i);

        if (ngx_memcmp(e->hash, hash, NGX_HTTP_ZWFW_HASH) == 0) {
            return i;
        }
    }

    return 0;
}


/* a new entry for hash, in the place of the oldest one when all are in use */

static uint32_t
ngx_http_zwfw_known_take(ngx_http_zwfw_table_t *t, u_char *hash)
{
    uint32_t                i, *bucket;
    ngx_http_zwfw_entry_t  *e;

    if (t->free == 0 && t->used == t->entries) {
        ngx_http_zwfw_known_remove(t, t->oldest);
    }

    if (t->free) {
        i = t->free;
        t->free = ngx_http_zwfw_known_entry(t, i)->next;

    } else {
        i = ++t->used;
    }

    e = ngx_http_zwfw_known_entry(t, i);
    bucket = ngx_http_zwfw_known_bucket(t, hash);

    ngx_memcpy(e->hash, hash, NGX_HTTP_ZWFW_HASH);
    e->touched = 0;
    e->idle = 0;
    e->next = *bucket;
    *bucket = i;

    ngx_http_zwfw_known_link(t, i);

    return i;
}


static void
ngx_http_zwfw_known_remove(ngx_http_zwfw_table_t *t, uint32_t i)
{
    uint32_t               *p;
    ngx_http_zwfw_entry_t  *e;

    e = ngx_http_zwfw_known_entry(t, i);
    p = ngx_http_zwfw_known_bucket(t, e->hash);

    while (*p != i) {
        p = &ngx_http_zwfw_known_entry(t, *p)->next;
    }

    *p = e->next;
    e->stamp = 0;

    ngx_http_zwfw_known_unlink(t, i);

    e->next = t->free;
    t->free = i;
}


static void
ngx_http_zwfw_known_link(ngx_http_zwfw_table_t *t, uint32_t i)
{
    ngx_http_zwfw_entry_t  *e;

    e = ngx_http_zwfw_known_entry(t, i);

    e->used = ngx_time();
    e->newer = 0;
    e->older = t->newest;

    if (t->newest) {
        ngx_http_zwfw_known_entry(t, t->newest)->newer = i;

    } else {
        t->oldest = i;
    }

    t->newest = i;
}


static void
ngx_http_zwfw_known_unlink(ngx_http_zwfw_table_t *t, uint32_t i)
{
    ngx_http_zwfw_entry_t  *e;

    e = ngx_http_zwfw_known_entry(t, i);

    if (e->newer) {
        ngx_http_zwfw_known_entry(t, e->newer)->older = e->older;

    } else {
        t->newest = e->older;
    }

    if (e->older) {
        ngx_http_zwfw_known_entry(t, e->older)->newer = e->newer;

    } else {
        t->oldest = e->newer;
    }
}


/* is it time to prolong?  Also when the clock was set back: Redis counts by its
   own, and would end a session that is in use */

static ngx_uint_t
ngx_http_zwfw_known_due(ngx_http_zwfw_entry_t *e)
{
    return ngx_time() < e->touched
           || ngx_time() - e->touched >= NGX_HTTP_ZWFW_TOUCH;
}


/* prolongs the entry when it is due; then the caller tells Redis */

static ngx_uint_t
ngx_http_zwfw_known_touch(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_entry_t *e)
{
    if (!ngx_http_zwfw_known_due(e)) {
        return 0;
    }

    e->touched = ngx_time();
    e->idle = e->touched + pf->idle;

    return 1;
}


/* the texts stay where they are */

static void
ngx_http_zwfw_known_read(ngx_http_zwfw_known_t *known,
    ngx_http_zwfw_entry_t *e, uint32_t i, uint32_t epoch)
{
    u_char      *p;
    ngx_str_t   *texts[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    ngx_uint_t   n;

    p = e->text;

    ngx_http_zwfw_known_texts(&known->session, texts);

    for (n = 0; n < NGX_HTTP_ZWFW_KNOWN_TEXTS; n++) {
        texts[n]->data = p;
        texts[n]->len = e->len[n];
        p += e->len[n];
    }

    known->session.who = e->who;
    known->session.level = e->level;
    known->session.created = e->created;
    known->expires = e->expires;

    known->index = i;
    known->epoch = epoch;
    known->stamp = e->stamp;
}


ngx_int_t
ngx_http_zwfw_known_copy(ngx_http_zwfw_known_t *to,
    ngx_http_zwfw_known_t *known, u_char *text, size_t room)
{
    ngx_str_t   *texts[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    ngx_uint_t   n;

    *to = *known;

    ngx_http_zwfw_known_texts(&to->session, texts);

    for (n = 0; n < NGX_HTTP_ZWFW_KNOWN_TEXTS; n++) {

        if (texts[n]->len > room) {
            return NGX_DECLINED;
        }

        room -= texts[n]->len;
        text = ngx_copy(text, texts[n]->data, texts[n]->len);
        texts[n]->data = text - texts[n]->len;
    }

    return NGX_OK;
}


/* bytes of its texts */

static size_t
ngx_http_zwfw_known_size(ngx_http_zwfw_entry_t *e)
{
    size_t      size;
    ngx_uint_t  i;

    size = 0;

    for (i = 0; i < NGX_HTTP_ZWFW_KNOWN_TEXTS; i++) {
        size += e->len[i];
    }

    return size;
}


static ngx_int_t
ngx_http_zwfw_known_write(ngx_http_zwfw_table_t *t, ngx_http_zwfw_entry_t *e,
    ngx_http_zwfw_known_t *known)
{
    size_t       size;
    u_char      *p;
    ngx_str_t   *texts[NGX_HTTP_ZWFW_KNOWN_TEXTS];
    ngx_uint_t   i;

    p = e->text;
    size = NGX_HTTP_ZWFW_KNOWN_SPACE;

    ngx_http_zwfw_known_texts(&known->session, texts);

    for (i = 0; i < NGX_HTTP_ZWFW_KNOWN_TEXTS; i++) {

        if (texts[i]->len > size) {
            return NGX_DECLINED;
        }

        p = ngx_cpymem(p, texts[i]->data, texts[i]->len);
        e->len[i] = texts[i]->len;
        size -= texts[i]->len;
    }

    e->who = known->session.who;
    e->level = known->session.level;
    e->created = known->session.created;
    e->expires = known->expires;
    e->stamp = ++t->stamp;

    return NGX_OK;
}


static void
ngx_http_zwfw_known_texts(ngx_http_zwfw_session_t *s, ngx_str_t **texts)
{
    texts[0] = &s->uid;
    texts[1] = &s->name;
    texts[2] = &s->body;
    texts[3] = &s->region;
    texts[4] = &s->roles;
    texts[5] = &s->channel;
    texts[6] = &s->id;
}
