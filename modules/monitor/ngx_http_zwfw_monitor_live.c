
/*
 * The rings of this node as they are now, also while the database is away: a
 * list, and metrics of all of them together.  GB/T 39047, 5.2.2.4
 */


#include "ngx_http_zwfw_monitor.h"


/* what is said of a ring; the metrics have their sums */

typedef enum {
    NGX_HTTP_ZWFW_LIVE_EXPECTED = 0,
    NGX_HTTP_ZWFW_LIVE_STORED,
    NGX_HTTP_ZWFW_LIVE_SPILLED,
    NGX_HTTP_ZWFW_LIVE_PENDING,
    NGX_HTTP_ZWFW_LIVE_REFUSED,
    NGX_HTTP_ZWFW_LIVE_LOST,
    NGX_HTTP_ZWFW_LIVE_FULLEST,             /* pending in the fullest */
    NGX_HTTP_ZWFW_LIVE_ROOM,
    NGX_HTTP_ZWFW_LIVE_FILES,               /* of all lives of nginx */
    NGX_HTTP_ZWFW_LIVE_ASIDE
} ngx_http_zwfw_live_e;


static ngx_int_t ngx_http_zwfw_live_ring(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, zwfw_json_t *items, ngx_uint_t i);
static ngx_atomic_uint_t ngx_http_zwfw_live_number(
    ngx_http_zwfw_monitor_t *m, ngx_uint_t i, ngx_uint_t what);
static ngx_uint_t ngx_http_zwfw_live_metric(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);


static const char  *ngx_http_zwfw_live_names[] = {
    "expected", "stored", "spilled", "pending", "refused", "lost"
};


ngx_http_zwfw_metric_t  ngx_http_zwfw_monitor_metrics[] = {

    { "zwfw_visits_total", "Visits of this node that are to be stored.",
      "counter", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_EXPECTED,
      NULL, NULL, 0 },

    { "zwfw_visits_stored_total", "Visits of them that are stored.",
      "counter", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_STORED,
      NULL, NULL, 0 },

    { "zwfw_visits_lost_total", "Visits of them that are lost.",
      "counter", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_LOST,
      NULL, NULL, 0 },

    { "zwfw_visits_refused_total",
      "Visits of them that the database refuses for good.",
      "counter", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_REFUSED,
      NULL, NULL, 0 },

    { "zwfw_visits_spilled", "Visits of them that wait in files.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_SPILLED,
      NULL, NULL, 0 },

    { "zwfw_visits_files",
      "Files of visits that wait, of earlier starts of nginx as well.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_FILES,
      NULL, NULL, 0 },

    { "zwfw_visits_files_aside", "Files of visits that were set aside.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_ASIDE,
      NULL, NULL, 0 },

    { "zwfw_visits_pending", "Visits of them that wait in rings.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_PENDING,
      NULL, NULL, 0 },

    { "zwfw_visits_fullest", "Visits that wait in the fullest ring.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_FULLEST,
      NULL, NULL, 0 },

    { "zwfw_visits_room", "Visits for which a ring has room.",
      "gauge", ngx_http_zwfw_live_metric, NGX_HTTP_ZWFW_LIVE_ROOM,
      NULL, NULL, 0 },

      ngx_http_zwfw_null_metric
};


ngx_int_t
ngx_http_zwfw_monitor_live(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                           node;
    ngx_uint_t                          i;
    zwfw_json_t                        *answer, *items;
    ngx_http_zwfw_monitor_t            *m;
    ngx_http_zwfw_monitor_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_monitor_module);
    m = ngx_http_zwfw_monitor_find(mmcf, ctx->platform);

    node = ngx_http_zwfw_node(ctx->platform);
    answer = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (answer == NULL
        || zwfw_json_add(&ctx->mem, answer, "node", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &node) == NULL)
    {
        return NGX_ERROR;
    }

    items = zwfw_json_add(&ctx->mem, answer, "items", ZWFW_JSON_ARRAY, NULL);
    if (items == NULL) {
        return NGX_ERROR;
    }

    if (m && m->shared->files
        && ngx_http_zwfw_add_number(r, answer, "files", m->shared->files)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (m && m->shared->aside
        && ngx_http_zwfw_add_number(r, answer, "aside", m->shared->aside)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; m && i <= m->nslots; i++) {
        if (m->shared->slots[i].events
            && ngx_http_zwfw_live_ring(r, m, items, i) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_zwfw_answer(r, answer);
}


static ngx_int_t
ngx_http_zwfw_live_ring(ngx_http_request_t *r, ngx_http_zwfw_monitor_t *m,
    zwfw_json_t *items, ngx_uint_t i)
{
    ngx_uint_t            what;
    zwfw_json_t          *ring;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_zwfw_ctx(r);
    ring = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (ring == NULL
        || ngx_http_zwfw_add_number(r, ring, "ring", i) != NGX_OK
        || ngx_http_zwfw_add_number(r, ring, "room",
                                    i < m->nslots ? m->capacity : 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (what = 0; what <= NGX_HTTP_ZWFW_LIVE_LOST; what++) {
        if (ngx_http_zwfw_add_number(r, ring, ngx_http_zwfw_live_names[what],
                                     ngx_http_zwfw_live_number(m, i, what))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    zwfw_json_append(items, NULL, ring);

    return NGX_OK;
}


static ngx_atomic_uint_t
ngx_http_zwfw_live_number(ngx_http_zwfw_monitor_t *m, ngx_uint_t i,
    ngx_uint_t what)
{
    ngx_atomic_uint_t      tail;
    ngx_http_zwfw_slot_t  *slot;

    slot = &m->shared->slots[i];

    switch (what) {

    case NGX_HTTP_ZWFW_LIVE_EXPECTED:
        return slot->events;

    case NGX_HTTP_ZWFW_LIVE_STORED:
        return slot->tail - slot->refused - slot->spilled + slot->replayed;

    case NGX_HTTP_ZWFW_LIVE_SPILLED:
        return slot->spilled - slot->replayed - slot->aside;

    case NGX_HTTP_ZWFW_LIVE_REFUSED:
        return slot->refused;

    case NGX_HTTP_ZWFW_LIVE_LOST:
        return slot->lost + slot->aside;

    default:

        /* tail first: it never overtakes head */

        tail = slot->tail;
        ngx_memory_barrier();
        return slot->head - tail;
    }
}


static ngx_uint_t
ngx_http_zwfw_live_metric(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_uint_t                          sum, most;
    ngx_atomic_uint_t                   n;
    ngx_http_zwfw_monitor_t            *m;
    ngx_http_zwfw_monitor_main_conf_t  *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_zwfw_monitor_module);
    m = ngx_http_zwfw_monitor_find(mmcf, pf);

    if (m == NULL) {
        return 0;
    }

    switch (first) {

    case NGX_HTTP_ZWFW_LIVE_ROOM:
        return m->capacity;

    case NGX_HTTP_ZWFW_LIVE_FILES:
        return m->shared->files;

    case NGX_HTTP_ZWFW_LIVE_ASIDE:
        return m->shared->aside;
    }

    sum = 0;
    most = 0;

    for (i = 0; i <= m->nslots; i++) {
        n = ngx_http_zwfw_live_number(m, i, first);
        sum += n;
        most = ngx_max(most, n);
    }

    return first == NGX_HTTP_ZWFW_LIVE_FULLEST ? most : sum;
}
