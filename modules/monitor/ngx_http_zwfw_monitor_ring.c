
/*
 * Rings in shared memory.  A worker writes into one of its own, without a
 * lock; a slot has one owner, who alone ships it.  The memory survives a
 * reload; one of another layout has another name
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_MONITOR_SLOTS   4     /* a worker: old and new ones live
                                               side by side, and some died */
#define NGX_HTTP_ZWFW_MONITOR_LAYOUT  4
#define NGX_HTTP_ZWFW_MONITOR_SILENT  5000  /* ms without a beat */

#define NGX_HTTP_ZWFW_MONITOR_RECORD                                          \
    (sizeof(ngx_http_zwfw_record_t) + sizeof(ngx_http_zwfw_more_t))


#if (NGX_PTR_SIZE != 8)
#error an owner is 64 bits
#endif


static ngx_int_t ngx_http_zwfw_monitor_zone_init(ngx_shm_zone_t *zone,
    void *data);
static size_t ngx_http_zwfw_monitor_head(ngx_uint_t nslots);
static ngx_uint_t ngx_http_zwfw_monitor_take(ngx_http_zwfw_ring_t *ring,
    ngx_atomic_uint_t owner);
static void ngx_http_zwfw_monitor_recover(ngx_http_zwfw_ring_t *ring);
static ngx_uint_t ngx_http_zwfw_monitor_dead(ngx_http_zwfw_slot_t *slot,
    ngx_atomic_uint_t owner);
static uint32_t ngx_http_zwfw_monitor_began(ngx_pid_t pid);


ngx_int_t
ngx_http_zwfw_monitor_zone(ngx_conf_t *cf, ngx_http_zwfw_monitor_t *m,
    size_t ring)
{
    u_char           *p;
    size_t            size;
    ngx_int_t         workers;
    ngx_str_t         name, *platform;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    workers = ccf->worker_processes;

    if (workers == NGX_CONF_UNSET) {
        workers = ngx_max(ngx_ncpu, 1);     /* it may stand behind http{} */
    }

    m->nslots = NGX_HTTP_ZWFW_MONITOR_SLOTS * workers;
    m->capacity = ring / NGX_HTTP_ZWFW_MONITOR_RECORD;

    size = ngx_http_zwfw_monitor_head(m->nslots)
           + m->nslots * m->capacity * NGX_HTTP_ZWFW_MONITOR_RECORD;
    size += size / 64 + 16 * ngx_pagesize;  /* what the slab pool takes */

    platform = ngx_http_zwfw_platform_name(m->platform);

    p = ngx_pnalloc(cf->pool, sizeof("zwfw:monitor:::x:") + platform->len
                              + 3 * NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name.data = p;
    name.len = ngx_sprintf(p, "zwfw:monitor:%V:%d:%uix%ui", platform,
                           NGX_HTTP_ZWFW_MONITOR_LAYOUT, m->nslots,
                           m->capacity)
               - p;

    m->zone = ngx_shared_memory_add(cf, &name, ngx_align(size, ngx_pagesize),
                                    &ngx_http_zwfw_monitor_module);
    if (m->zone == NULL) {
        return NGX_ERROR;
    }

    m->zone->init = ngx_http_zwfw_monitor_zone_init;
    m->zone->data = m;

    return NGX_OK;
}


/* fresh memory is zero; a page that is not written to takes no memory */

static ngx_int_t
ngx_http_zwfw_monitor_zone_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                    size;
    ngx_time_t               *tp;
    ngx_slab_pool_t          *pool;
    ngx_http_zwfw_monitor_t  *m = zone->data;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        m->shared = pool->data;
        return NGX_OK;
    }

    size = ngx_http_zwfw_monitor_head(m->nslots);

    m->shared = ngx_slab_alloc(pool, size + m->nslots * m->capacity
                                            * NGX_HTTP_ZWFW_MONITOR_RECORD);
    if (m->shared == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zwfw: cannot set up \"%V\"", &zone->shm.name);
        return NGX_ERROR;
    }

    ngx_memzero(m->shared, size);

    tp = ngx_timeofday();
    m->shared->epoch = (ngx_atomic_uint_t) tp->sec * 1000 + tp->msec;

    pool->data = m->shared;

    return NGX_OK;
}


/* bytes before the first record */

static size_t
ngx_http_zwfw_monitor_head(ngx_uint_t nslots)
{
    return ngx_align(sizeof(ngx_http_zwfw_rings_t)
                     + nslots * sizeof(ngx_http_zwfw_slot_t), 512);
}


ngx_int_t
ngx_http_zwfw_monitor_open(ngx_cycle_t *cycle, ngx_http_zwfw_monitor_t *m)
{
    size_t                   size;
    u_char                  *records;
    ngx_uint_t               i;
    ngx_http_zwfw_ring_t    *ring;

    m->rings = ngx_pcalloc(cycle->pool, (m->nslots + 1)
                                        * sizeof(ngx_http_zwfw_ring_t));
    if (m->rings == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     ring->records = NULL;
     *     ring->more = NULL;
     *     ring->spill = NULL;
     *     ring->mine = ring->sending = ring->failed = 0;
     *     ring->spilling = ring->stuck = ring->unsure = 0;
     */

    records = (u_char *) m->shared + ngx_http_zwfw_monitor_head(m->nslots);
    size = m->capacity * NGX_HTTP_ZWFW_MONITOR_RECORD;

    for (i = 0; i <= m->nslots; i++) {
        ring = &m->rings[i];
        ring->monitor = m;
        ring->slot = &m->shared->slots[i];
        ring->index = i;

        if (i < m->nslots) {
            ring->records = (ngx_http_zwfw_record_t *) (records + i * size);
            ring->more = (ngx_http_zwfw_more_t *) (ring->records
                                                   + m->capacity);
        }
    }

    m->self = (ngx_atomic_uint_t) ngx_pid << 32
              | ngx_http_zwfw_monitor_began(ngx_pid);

    ngx_http_zwfw_monitor_claim(m);

    return NGX_OK;
}


void
ngx_http_zwfw_monitor_claim(ngx_http_zwfw_monitor_t *m)
{
    ngx_uint_t             i;
    ngx_http_zwfw_ring_t  *ring;

    for (i = 0; i < m->nslots; i++) {
        ring = &m->rings[i];

        if (ring->slot->owner == 0 && ngx_http_zwfw_monitor_take(ring, 0)) {
            m->own = ring;
            return;
        }
    }

    /* when workers die one after the other, none has ticked since */

    ngx_http_zwfw_monitor_adopt(m);

    for (i = 0; i < m->nslots; i++) {
        ring = &m->rings[i];

        if (ring->mine) {
            m->own = ring;
            return;
        }
    }
}


void
ngx_http_zwfw_monitor_adopt(ngx_http_zwfw_monitor_t *m)
{
    ngx_uint_t             i;
    ngx_atomic_uint_t      owner;
    ngx_http_zwfw_ring_t  *ring;

    for (i = 0; i <= m->nslots; i++) {
        ring = &m->rings[i];
        owner = ring->slot->owner;

        if (ring->mine
            || (owner == 0 && !ngx_http_zwfw_monitor_remains(ring->slot))
            || (owner && !ngx_http_zwfw_monitor_dead(ring->slot, owner)))
        {
            continue;
        }

        if (ngx_http_zwfw_monitor_take(ring, owner) && owner) {
            ngx_log_error(NGX_LOG_NOTICE, m->tick.log, 0,
                          "zwfw: ring %ui of a worker that is gone has "
                          "%uA records left", i,
                          ring->slot->head - ring->slot->tail);
        }
    }
}


/* owner: who holds it, 0 or dead */

static ngx_uint_t
ngx_http_zwfw_monitor_take(ngx_http_zwfw_ring_t *ring,
    ngx_atomic_uint_t owner)
{
    if (!ngx_atomic_cmp_set(&ring->slot->owner, owner, ring->monitor->self)) {
        return 0;
    }

    ring->slot->beat = ngx_current_msec;
    ring->mine = 1;
    ring->failed = 0;
    ring->stuck = 0;

    /* who was killed may have written a file that it did not count */

    ring->unsure = (owner != 0 && ring->slot->batch != ring->slot->tail
                    && ring->monitor->spill.len);

    ngx_http_zwfw_monitor_recover(ring);

    return 1;
}


/*
 * A worker that was killed while it wrote: a record that is complete counts,
 * one that is not is lost.  Events without a ring have many writers
 */

static void
ngx_http_zwfw_monitor_recover(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_slot_t    *slot;
    ngx_http_zwfw_record_t  *rec;

    if (ring->records == NULL) {
        return;
    }

    slot = ring->slot;
    rec = &ring->records[slot->head % ring->monitor->capacity];

    if (slot->head - slot->tail < ring->monitor->capacity
        && slot->head + slot->lost < slot->events
        && rec->number == slot->head + 1)
    {
        slot->head++;
    }

    slot->lost = slot->events - slot->head;
    ring->next = slot->head % ring->monitor->capacity;
}


void
ngx_http_zwfw_monitor_release(ngx_http_zwfw_ring_t *ring)
{
    ring->mine = 0;

    ngx_memory_barrier();
    ring->slot->owner = 0;
}


ngx_uint_t
ngx_http_zwfw_monitor_remains(ngx_http_zwfw_slot_t *slot)
{
    return slot->head != slot->tail
           || slot->events != slot->told_events
           || slot->lost + slot->refused + slot->spilled
              != slot->told_rest;
}


ngx_http_zwfw_record_t *
ngx_http_zwfw_monitor_room(ngx_http_zwfw_monitor_t *m)
{
    ngx_http_zwfw_slot_t  *slot;

    if (m->own == NULL) {
        slot = &m->shared->slots[m->nslots];
        (void) ngx_atomic_fetch_add(&slot->lost, 1);
        (void) ngx_atomic_fetch_add(&slot->events, 1);
        return NULL;
    }

    slot = m->own->slot;
    slot->events++;

    if (slot->head - slot->tail >= m->capacity) {
        slot->lost++;
        return NULL;
    }

    return &m->own->records[m->own->next];
}


ngx_http_zwfw_more_t *
ngx_http_zwfw_monitor_more(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_record_t *rec)
{
    rec->more = 1;

    return &m->own->more[rec - m->own->records];
}


void
ngx_http_zwfw_monitor_written(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_record_t *rec)
{
    ngx_http_zwfw_ring_t  *own;
    ngx_http_zwfw_slot_t  *slot;

    own = m->own;
    slot = own->slot;

    ngx_memory_barrier();
    rec->number = slot->head + 1;

    ngx_memory_barrier();
    slot->head++;

    if (++own->next == m->capacity) {
        own->next = 0;
    }
}


/* a pid may be another process's by now: then it began at another time */

static ngx_uint_t
ngx_http_zwfw_monitor_dead(ngx_http_zwfw_slot_t *slot,
    ngx_atomic_uint_t owner)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) (owner >> 32);

    if (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
        return 1;
    }

    if (ngx_current_msec - slot->beat < NGX_HTTP_ZWFW_MONITOR_SILENT) {
        return 0;
    }

    return ngx_http_zwfw_monitor_began(pid) != (uint32_t) owner;
}


/*
 * When a process began, in ticks since the start of the machine: field 22 of
 * /proc/<pid>/stat, which is memory of the kernel.  0: the system does not say
 */

static uint32_t
ngx_http_zwfw_monitor_began(ngx_pid_t pid)
{
    u_char      *p, *last, text[1024];
    ssize_t      n;
    uint32_t     ticks;
    ngx_fd_t     fd;
    ngx_uint_t   i;

    *ngx_sprintf(text, "/proc/%P/stat", pid) = '\0';

    fd = ngx_open_file(text, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = ngx_read_fd(fd, text, sizeof(text));
    (void) ngx_close_file(fd);

    /* the name, in parentheses, may have spaces and parentheses itself */

    for (last = text + ngx_max(n, 0), p = last;
         p > text && p[-1] != ')';
         p--)
    {
        /* void */
    }

    for (i = 2; i < 22 && p < last; p++) {
        i += (*p == ' ');
    }

    for (ticks = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        ticks = ticks * 10 + (*p - '0');
    }

    return ticks;
}
