
/*
 * Shipping: each second, or when a batch is full, a worker sends what its own
 * ring and the rings of dead workers hold, one batch of a ring at a time.
 * The bounds of a batch that was sent stay until it is stored: sent again, it
 * is the same one
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_MONITOR_TICK   1000   /* ms */
#define NGX_HTTP_ZWFW_MONITOR_WATCH  50


static void ngx_http_zwfw_monitor_tick(ngx_event_t *ev);
static void ngx_http_zwfw_monitor_soon(ngx_event_t *ev);
static void ngx_http_zwfw_monitor_watch(ngx_event_t *ev);
static ngx_int_t ngx_http_zwfw_monitor_send(ngx_http_zwfw_ring_t *ring);
static void ngx_http_zwfw_monitor_stored(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_monitor_took(ngx_http_zwfw_ring_t *ring);


static ngx_str_t  ngx_http_zwfw_monitor_call = ngx_string("monitor_store");


ngx_int_t
ngx_http_zwfw_monitor_start(ngx_cycle_t *cycle, ngx_http_zwfw_monitor_t *m)
{
    m->ident.fd = (ngx_socket_t) -1;
    m->ident.data = m;

    m->tick.handler = ngx_http_zwfw_monitor_tick;
    m->tick.data = &m->ident;
    m->tick.log = cycle->log;
    m->tick.cancelable = 1;

    m->soon.handler = ngx_http_zwfw_monitor_soon;
    m->soon.data = &m->ident;
    m->soon.log = cycle->log;

    m->watch.handler = ngx_http_zwfw_monitor_watch;
    m->watch.data = &m->ident;
    m->watch.log = cycle->log;
    m->watch.cancelable = 1;

    if (ngx_http_zwfw_monitor_open(cycle, m) != NGX_OK
        || ngx_http_zwfw_monitor_replay_init(cycle, m) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_add_timer(&m->tick, NGX_HTTP_ZWFW_MONITOR_TICK);

    return NGX_OK;
}


/* what is left goes into files, and what cannot is taken over by a worker that
   lives, if there is one */

void
ngx_http_zwfw_monitor_stop(ngx_http_zwfw_monitor_t *m)
{
    ngx_uint_t             i;
    ngx_http_zwfw_ring_t  *ring;

    if (m->rings == NULL) {
        return;
    }

    if (m->soon.posted) {
        ngx_delete_posted_event(&m->soon);
    }

    /* also of workers that died just before, if this one is the last */

    if (m->spill.len) {
        ngx_http_zwfw_monitor_adopt(m);
    }

    for (i = 0; i <= m->nslots; i++) {
        ring = &m->rings[i];

        if (!ring->mine) {
            continue;
        }

        ngx_http_zwfw_monitor_spill_rest(ring);

        if (ring->slot->head != ring->slot->tail) {
            ngx_log_error(NGX_LOG_WARN, m->tick.log, 0,
                          "zwfw: %uA visits of platform \"%V\" are left in "
                          "ring %ui", ring->slot->head - ring->slot->tail,
                          ngx_http_zwfw_platform_name(m->platform), i);
        }

        ngx_http_zwfw_monitor_release(ring);
    }
}


/* a worker that quits waits for the tick when there is something to ship */

void
ngx_http_zwfw_monitor_wake(ngx_http_zwfw_monitor_t *m)
{
    ngx_http_zwfw_slot_t  *slot;

    m->tick.cancelable = 0;

    if (!m->tick.timer_set && !m->tick.posted) {
        ngx_add_timer(&m->tick, NGX_HTTP_ZWFW_MONITOR_TICK);
    }

    if (m->own == NULL || m->own->sending || m->own->failed) {
        return;
    }

    slot = m->own->slot;

    if (slot->head - slot->tail >= NGX_HTTP_ZWFW_MONITOR_BATCH) {
        ngx_post_event(&m->soon, &ngx_posted_events);
    }
}


static void
ngx_http_zwfw_monitor_tick(ngx_event_t *ev)
{
    ngx_uint_t                i, leaving;
    ngx_connection_t         *c;
    ngx_http_zwfw_ring_t     *ring;
    ngx_http_zwfw_monitor_t  *m;

    c = ev->data;
    m = c->data;
    leaving = ngx_http_zwfw_monitor_leaving();

    if (!leaving) {
        if (m->own == NULL) {
            ngx_http_zwfw_monitor_claim(m);
        }

        ngx_http_zwfw_monitor_adopt(m);
    }

    ev->cancelable = 1;

    for (i = 0; i <= m->nslots; i++) {
        ring = &m->rings[i];

        if (!ring->mine) {
            continue;
        }

        ring->slot->beat = ngx_current_msec;
        ring->failed = 0;
        ring->stuck = 0;

        ngx_http_zwfw_monitor_ship(ring);
        ngx_http_zwfw_monitor_spill(ring);

        if (ngx_http_zwfw_monitor_remains(ring->slot)) {
            ev->cancelable = 0;

        } else if (ring != m->own && !ring->sending && !ring->spilling) {
            ngx_http_zwfw_monitor_release(ring);
        }
    }

    /* who leaves tries once; an answer that is still to come has a timer */

    if (!leaving) {
        ngx_add_timer(ev, NGX_HTTP_ZWFW_MONITOR_TICK);
        ngx_http_zwfw_monitor_replay(m);
    }
}


/*
 * While answers are awaited or do not come: a ring may fill between two ticks.
 * It looks at the rings itself, so that the log phase need not
 */

static void
ngx_http_zwfw_monitor_watch(ngx_event_t *ev)
{
    ngx_uint_t                i, again;
    ngx_connection_t         *c;
    ngx_http_zwfw_ring_t     *ring;
    ngx_http_zwfw_monitor_t  *m;

    c = ev->data;
    m = c->data;
    again = 0;

    for (i = 0; i < m->nslots; i++) {
        ring = &m->rings[i];

        if (ring->mine && (ring->sending || ring->failed)) {
            ngx_http_zwfw_monitor_spill(ring);
            again = 1;
        }
    }

    if (again && !ngx_http_zwfw_monitor_leaving()) {
        ngx_add_timer(ev, NGX_HTTP_ZWFW_MONITOR_WATCH);
    }
}


static void
ngx_http_zwfw_monitor_soon(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_zwfw_monitor_t  *m;

    c = ev->data;
    m = c->data;

    if (m->own) {
        ngx_http_zwfw_monitor_ship(m->own);
    }
}


void
ngx_http_zwfw_monitor_ship(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_slot_t     *slot;
    ngx_http_zwfw_monitor_t  *m;

    m = ring->monitor;
    slot = ring->slot;

    if (ring->sending || ring->spilling
        || !ngx_http_zwfw_monitor_remains(slot)
        || ngx_http_zwfw_monitor_sure(ring) != NGX_OK)
    {
        return;
    }

    ngx_http_zwfw_monitor_bound(ring, NGX_HTTP_ZWFW_MONITOR_BATCH);

    ring->told.events = slot->events;
    ring->told.lost = slot->lost;
    ring->told.refused = slot->refused;
    ring->told.spilled = slot->spilled;
    ring->first = slot->tail;
    ring->last = slot->batch;

    if (m->spill.len && !m->watch.timer_set) {
        ngx_add_timer(&m->watch, NGX_HTTP_ZWFW_MONITOR_WATCH);
    }

    if (ngx_http_zwfw_monitor_send(ring) == NGX_OK) {
        ring->sending = 1;

    } else {
        ring->failed = 1;
    }
}


void
ngx_http_zwfw_monitor_bound(ngx_http_zwfw_ring_t *ring, ngx_uint_t most)
{
    ngx_http_zwfw_slot_t  *slot;

    slot = ring->slot;

    if (slot->batch == slot->tail) {
        slot->batch = ngx_min(slot->head, slot->tail + most);
        ngx_memory_barrier();
    }
}


static ngx_int_t
ngx_http_zwfw_monitor_send(ngx_http_zwfw_ring_t *ring)
{
    ngx_int_t                  rc;
    ngx_str_t                  args, body;
    ngx_pool_t                *pool;
    ngx_http_zwfw_file_key_t   key;

    ngx_http_zwfw_monitor_key(ring, &key);

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_http_zwfw_monitor_args(pool, &key, &ring->told, NULL, &args)
        == NGX_OK
        && ngx_http_zwfw_monitor_body(pool, key.last - key.first, &body)
           == NGX_OK)
    {
        ngx_http_zwfw_monitor_columns(ring, key.first, key.last, &body);

        /* never in the way of what people write */

        rc = ngx_http_zwfw_tell(ring->monitor->platform, NGX_HTTP_ZWFW_SLOW,
                                &ngx_http_zwfw_monitor_call, &args, &body,
                                ngx_http_zwfw_monitor_stored, ring);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static void
ngx_http_zwfw_monitor_stored(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_ring_t  *ring = data;

    ngx_http_zwfw_slot_t  *slot;

    slot = ring->slot;
    ring->sending = 0;

    if (rc != NGX_OK && !ngx_http_zwfw_monitor_useless(answer)) {
        ring->failed = 1;
        ngx_http_zwfw_monitor_spill(ring);
        return;
    }

    /* the batch may be in a file by now, or on its way there: that one counts,
       and is found to be stored already when it is replayed */

    if (ring->spilling || slot->tail != ring->first
        || slot->batch != ring->last)
    {
        ngx_http_zwfw_monitor_ship(ring);
        return;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "zwfw: the database refuses %uA visits, they are lost",
                      slot->batch - slot->tail);

        slot->refused += slot->batch - slot->tail;
        slot->tail = slot->batch;

    } else {
        ngx_http_zwfw_monitor_took(ring);
    }

    if (slot->head - slot->tail >= NGX_HTTP_ZWFW_MONITOR_BATCH
        || (ngx_http_zwfw_monitor_leaving()
            && ngx_http_zwfw_monitor_remains(slot)))
    {
        ngx_http_zwfw_monitor_ship(ring);
    }
}


static void
ngx_http_zwfw_monitor_took(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_slot_t  *slot;

    slot = ring->slot;

    slot->told_events = ring->told.events;
    slot->told_rest = ring->told.lost + ring->told.refused
                      + ring->told.spilled;
    slot->tail = slot->batch;
}


ngx_uint_t
ngx_http_zwfw_monitor_useless(ngx_str_t *state)
{
    return state->len == 5
           && (ngx_strncmp(state->data, "22", 2) == 0
               || ngx_strncmp(state->data, "23", 2) == 0
               || ngx_strncmp(state->data, "ZW", 2) == 0);
}


ngx_uint_t
ngx_http_zwfw_monitor_leaving(void)
{
    return ngx_exiting || ngx_quit || ngx_terminate;
}
