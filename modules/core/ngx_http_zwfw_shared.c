
/*
 * The shared memory of a platform, and its listener: the one worker of a node
 * that hears what Redis dropped, see hear.c
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/rand.h>

#include "ngx_http_zwfw_session.h"


#define NGX_HTTP_ZWFW_TICK   300            /* ms, of beats and the lease */
#define NGX_HTTP_ZWFW_LEASE  1000


/* of a worker and platform */

typedef struct {
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_hear_t      *hear;
    ngx_event_t                tick;
    ngx_connection_t           ident;       /* of the event, in debug lines */
    unsigned                   listener:1;
} ngx_http_zwfw_shared_node_t;


static ngx_int_t ngx_http_zwfw_shared_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_zwfw_shared_start(ngx_cycle_t *cycle,
    ngx_http_zwfw_platform_t *pf);
static void ngx_http_zwfw_shared_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_zwfw_shared_lease(ngx_http_zwfw_platform_t *pf);
static void ngx_http_zwfw_shared_release(ngx_http_zwfw_platform_t *pf);
static void ngx_http_zwfw_shared_won(ngx_http_zwfw_shared_node_t *node);
static void ngx_http_zwfw_shared_lost(ngx_http_zwfw_shared_node_t *node);


/* another Redis gets another zone, which knows nothing of the former one */

ngx_int_t
ngx_http_zwfw_shared_add(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    u_char     *p;
    size_t      len;
    uint32_t    crc;
    ngx_str_t   name;

    if (pf->zone_size < 16 * ngx_pagesize) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone_size of zwfw_platform \"%V\" is too small, "
                           "it takes at least %uz", &pf->name,
                           16 * ngx_pagesize);
        return NGX_ERROR;
    }

    len = sizeof("zwfw:::ffffffff") - 1 + pf->name.len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    crc = ngx_crc32_long(pf->redis_address.data, pf->redis_address.len);

    name.data = p;
    name.len = ngx_sprintf(p, "zwfw:%V:%08xD", &pf->name, crc) - p;

    pf->zone = ngx_shared_memory_add(cf, &name, pf->zone_size,
                                     &ngx_http_zwfw_core_module);
    if (pf->zone == NULL) {
        return NGX_ERROR;
    }

    if (pf->zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zwfw_platform \"%V\"", &pf->name);
        return NGX_ERROR;
    }

    pf->cycle = cf->cycle;
    pf->zone->init = ngx_http_zwfw_shared_zone;
    pf->zone->data = pf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_shared_zone(ngx_shm_zone_t *zone, void *data)
{
    u_char                     random[8];
    ngx_http_zwfw_platform_t  *pf = zone->data;

    pf->slab = (ngx_slab_pool_t *) zone->shm.addr;

    /* kept over a reload */

    if (data || zone->shm.exists) {
        pf->shared = pf->slab->data;

        if (ngx_http_zwfw_worker_slots(pf) != NGX_OK) {
            goto failed;
        }

        return NGX_OK;
    }

    pf->shared = ngx_slab_calloc(pf->slab, sizeof(ngx_http_zwfw_shared_t));

    if (pf->shared == NULL || ngx_http_zwfw_worker_slots(pf) != NGX_OK
        || ngx_http_zwfw_known_init(pf) != NGX_OK
        || RAND_bytes(random, sizeof(random)) != 1)
    {
        goto failed;
    }

    ngx_hex_dump(pf->shared->node, random, sizeof(random));
    pf->slab->data = pf->shared;

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "zwfw: cannot set up the zone of zwfw_platform \"%V\"",
                  &pf->name);

    return NGX_ERROR;
}


ngx_str_t
ngx_http_zwfw_node(ngx_http_zwfw_platform_t *pf)
{
    ngx_str_t  node;

    node.data = pf->shared->node;
    node.len = sizeof(pf->shared->node);

    return node;
}


ngx_int_t
ngx_http_zwfw_shared_init(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (ngx_http_zwfw_shared_start(cycle, pf[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_shared_start(ngx_cycle_t *cycle, ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_shared_node_t  *node;

    node = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_shared_node_t));
    if (node == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     node->listener = 0;
     */

    node->platform = pf;
    node->hear = ngx_http_zwfw_hear_create(cycle, pf);

    if (node->hear == NULL || ngx_http_zwfw_worker_start(pf) != NGX_OK) {
        return NGX_ERROR;
    }

    node->ident.fd = (ngx_socket_t) -1;
    node->ident.data = node;

    node->tick.handler = ngx_http_zwfw_shared_tick;
    node->tick.data = &node->ident;
    node->tick.log = cycle->log;
    node->tick.cancelable = 1;

    if (pf->listeners.next == NULL) {
        ngx_queue_init(&pf->listeners);
    }

    pf->node = node;

    ngx_add_timer(&node->tick, 1);

    return NGX_OK;
}


void
ngx_http_zwfw_shared_exit(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (pf[i]->node) {
            ngx_http_zwfw_worker_end(pf[i]);
            ngx_http_zwfw_shared_release(pf[i]);
        }
    }
}


void
ngx_http_zwfw_shared_listen(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_listener_t *listener)
{
    ngx_http_zwfw_shared_node_t  *node = pf->node;

    if (pf->listeners.next == NULL) {
        ngx_queue_init(&pf->listeners);
    }

    ngx_queue_insert_tail(&pf->listeners, &listener->queue);

    if (node && node->listener) {
        listener->won(listener->data);
    }
}


static void
ngx_http_zwfw_shared_tick(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_zwfw_shared_node_t  *node;

    c = ev->data;
    node = c->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {

        /* a worker of the next generation takes over */

        ngx_http_zwfw_worker_end(node->platform);

        if (node->listener) {
            ngx_http_zwfw_shared_lost(node);
            ngx_http_zwfw_shared_release(node->platform);
        }

        return;
    }

    ngx_http_zwfw_worker_tell(node->platform);

    if (ngx_http_zwfw_shared_lease(node->platform)) {

        if (!node->listener) {
            ngx_http_zwfw_shared_won(node);
        }

        ngx_http_zwfw_hear(node->hear);
        ngx_http_zwfw_redis_remember(node->platform);

    } else if (node->listener) {
        ngx_http_zwfw_shared_lost(node);
    }

    ngx_add_timer(ev, NGX_HTTP_ZWFW_TICK);
}


/* takes or prolongs it; returns whether this worker holds it */

static ngx_uint_t
ngx_http_zwfw_shared_lease(ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t              held;
    ngx_http_zwfw_lease_t  *lease;

    lease = &pf->shared->listener;

    ngx_shmtx_lock(&pf->slab->mutex);

    held = lease->pid && lease->pid != ngx_pid
           && (ngx_msec_int_t) (lease->until - ngx_current_msec) > 0
           && (kill(lease->pid, 0) == 0 || ngx_errno != NGX_ESRCH);

    if (!held) {
        lease->pid = ngx_pid;
        lease->until = ngx_current_msec + NGX_HTTP_ZWFW_LEASE;
    }

    ngx_shmtx_unlock(&pf->slab->mutex);

    return !held;
}


static void
ngx_http_zwfw_shared_release(ngx_http_zwfw_platform_t *pf)
{
    ngx_shmtx_lock(&pf->slab->mutex);

    if (pf->shared->listener.pid == ngx_pid) {
        pf->shared->listener.pid = 0;
    }

    ngx_shmtx_unlock(&pf->slab->mutex);
}


static void
ngx_http_zwfw_shared_won(ngx_http_zwfw_shared_node_t *node)
{
    ngx_queue_t               *q;
    ngx_http_zwfw_listener_t  *l;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, node->tick.log, 0,
                   "zwfw listener of \"%V\"", &node->platform->name);

    node->listener = 1;

    for (q = ngx_queue_head(&node->platform->listeners);
         q != ngx_queue_sentinel(&node->platform->listeners);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_zwfw_listener_t, queue);
        l->won(l->data);
    }
}


static void
ngx_http_zwfw_shared_lost(ngx_http_zwfw_shared_node_t *node)
{
    ngx_queue_t               *q;
    ngx_http_zwfw_listener_t  *l;

    node->listener = 0;

    ngx_http_zwfw_hear_stop(node->hear);

    for (q = ngx_queue_head(&node->platform->listeners);
         q != ngx_queue_sentinel(&node->platform->listeners);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_zwfw_listener_t, queue);
        l->lost(l->data);
    }
}
