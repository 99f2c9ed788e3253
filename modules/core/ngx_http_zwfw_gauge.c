
/*
 * The metrics of core, and what the workers of a node say of themselves: each
 * one writes its numbers into the platform's shared memory, several times a
 * second, so that whichever answers can show all of them
 */


#include "ngx_http_zwfw_core.h"


static ngx_uint_t ngx_http_zwfw_gauge_pg_up(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_pg(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_pg_open(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_standby(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_redis_up(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_redis(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_threads(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_lines(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_count(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_gauge_key(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);


static const char  *ngx_http_zwfw_pg_classes[] = {
    "read", "write", "slow", NULL
};

static const char  *ngx_http_zwfw_statuses[] = {
    "2xx", "3xx", "4xx", "5xx", NULL
};

static const char  *ngx_http_zwfw_outcomes[] = { "hit", "miss", NULL };

static const char  *ngx_http_zwfw_told_lines[] = {
    "stored", "merged", "refused", "lost", NULL
};


/* numbers of gauge_redis(), gauge_threads() and gauge_key() */

#define NGX_HTTP_ZWFW_GAUGE_CONNECTED  0
#define NGX_HTTP_ZWFW_GAUGE_IN_FLIGHT  1
#define NGX_HTTP_ZWFW_GAUGE_BREAKER    2

#define NGX_HTTP_ZWFW_GAUGE_TASKS      0
#define NGX_HTTP_ZWFW_GAUGE_LIMIT      1

#define NGX_HTTP_ZWFW_GAUGE_NEWEST     0
#define NGX_HTTP_ZWFW_GAUGE_KEYS       1


ngx_http_zwfw_metric_t  ngx_http_zwfw_core_metrics[] = {

    { "zwfw_postgres_up",
      "Whether PostgreSQL answers the worker that says so.", "gauge",
      ngx_http_zwfw_gauge_pg_up, 0,
      "class", ngx_http_zwfw_pg_classes,
      NGX_HTTP_ZWFW_METRIC_OPEN|NGX_HTTP_ZWFW_METRIC_FLAG },

    { "zwfw_redis_up",
      "Whether Redis answers the worker that says so.", "gauge",
      ngx_http_zwfw_gauge_redis_up, 0, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_OPEN|NGX_HTTP_ZWFW_METRIC_FLAG },

    { "zwfw_postgres_connections",
      "Connections to PostgreSQL that are ready.", "gauge",
      ngx_http_zwfw_gauge_pg, offsetof(ngx_http_zwfw_pg_state_t, connected),
      "class", ngx_http_zwfw_pg_classes, NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_postgres_in_flight",
      "Statements without an answer yet.", "gauge",
      ngx_http_zwfw_gauge_pg, offsetof(ngx_http_zwfw_pg_state_t, in_flight),
      "class", ngx_http_zwfw_pg_classes, NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_postgres_waiting",
      "Statements that wait for a connection.", "gauge",
      ngx_http_zwfw_gauge_pg, offsetof(ngx_http_zwfw_pg_state_t, waiting),
      "class", ngx_http_zwfw_pg_classes, NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_postgres_breaker",
      "Whether statements are refused at once.", "gauge",
      ngx_http_zwfw_gauge_pg_open, 0, "class", ngx_http_zwfw_pg_classes,
      NGX_HTTP_ZWFW_METRIC_WORKER|NGX_HTTP_ZWFW_METRIC_FLAG },

    { "zwfw_postgres_standby",
      "Whether reads go to a standby.", "gauge",
      ngx_http_zwfw_gauge_standby, 0, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER|NGX_HTTP_ZWFW_METRIC_FLAG },

    { "zwfw_redis_connections",
      "Connections to Redis that are ready.", "gauge",
      ngx_http_zwfw_gauge_redis, NGX_HTTP_ZWFW_GAUGE_CONNECTED, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_redis_in_flight",
      "Commands without an answer yet.", "gauge",
      ngx_http_zwfw_gauge_redis, NGX_HTTP_ZWFW_GAUGE_IN_FLIGHT, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_redis_breaker",
      "Whether commands are refused at once.", "gauge",
      ngx_http_zwfw_gauge_redis, NGX_HTTP_ZWFW_GAUGE_BREAKER, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER|NGX_HTTP_ZWFW_METRIC_FLAG },

    { "zwfw_thread_tasks",
      "Tasks in the thread pool, or waiting for it.", "gauge",
      ngx_http_zwfw_gauge_threads, NGX_HTTP_ZWFW_GAUGE_TASKS, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_thread_tasks_limit",
      "Tasks of a worker that are admitted at once.", "gauge",
      ngx_http_zwfw_gauge_threads, NGX_HTTP_ZWFW_GAUGE_LIMIT, NULL, NULL, 0 },

    { "zwfw_requests_total",
      "Answers of this node by class of status.", "counter",
      ngx_http_zwfw_gauge_count, NGX_HTTP_ZWFW_COUNT_2XX,
      "status", ngx_http_zwfw_statuses, 0 },

    { "zwfw_session_cache_total",
      "Sessions looked up in the shared memory of this node.", "counter",
      ngx_http_zwfw_gauge_count, NGX_HTTP_ZWFW_COUNT_SESSION_HIT,
      "outcome", ngx_http_zwfw_outcomes, 0 },

    { "zwfw_page_cache_total",
      "Shared pages looked up in the caches of this node.", "counter",
      ngx_http_zwfw_gauge_count, NGX_HTTP_ZWFW_COUNT_PAGE_HIT,
      "outcome", ngx_http_zwfw_outcomes, 0 },

    { "zwfw_audit_lines_total",
      "Lines of the audit trail that are told after an answer: stored, "
      "counted in an equal one, refused with their request, lost.", "counter",
      ngx_http_zwfw_gauge_count, NGX_HTTP_ZWFW_COUNT_LINE_STORED,
      "outcome", ngx_http_zwfw_told_lines, 0 },

    { "zwfw_audit_lines_waiting",
      "Such lines that are not stored yet.", "gauge",
      ngx_http_zwfw_gauge_lines, 0, NULL, NULL,
      NGX_HTTP_ZWFW_METRIC_WORKER },

    { "zwfw_key_newest",
      "Number of the key that seals new values.", "gauge",
      ngx_http_zwfw_gauge_key, NGX_HTTP_ZWFW_GAUGE_NEWEST, NULL, NULL, 0 },

    { "zwfw_keys",
      "Keys that values can be read with.", "gauge",
      ngx_http_zwfw_gauge_key, NGX_HTTP_ZWFW_GAUGE_KEYS, NULL, NULL, 0 },

      ngx_http_zwfw_null_metric
};


ngx_int_t
ngx_http_zwfw_add_metrics(ngx_conf_t *cf, ngx_http_zwfw_metric_t *metrics)
{
    ngx_http_zwfw_metric_t     **m;
    ngx_http_zwfw_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);

    m = ngx_array_push(&mcf->metrics);
    if (m == NULL) {
        return NGX_ERROR;
    }

    *m = metrics;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_worker_slots(ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t               n;
    ngx_core_conf_t         *ccf;
    ngx_http_zwfw_worker_t  *w, **place;

    ccf = (ngx_core_conf_t *) ngx_get_conf(pf->cycle->conf_ctx,
                                           ngx_core_module);
    place = &pf->shared->workers;

    for (n = 0; n < (ngx_uint_t) ccf->worker_processes; n++) {

        if (*place == NULL) {
            w = ngx_slab_calloc(pf->slab, sizeof(ngx_http_zwfw_worker_t));
            if (w == NULL) {
                return NGX_ERROR;
            }

            w->number = n;
            ngx_memory_barrier();
            *place = w;
        }

        place = &(*place)->next;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_worker_start(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_worker_t  *w;

    for (w = pf->shared->workers; w && w->number != ngx_worker; w = w->next) {
        /* void */
    }

    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&pf->slab->mutex);

    ngx_memzero(w->values, sizeof(w->values));
    w->at = ngx_current_msec;
    w->pid = ngx_pid;

    ngx_shmtx_unlock(&pf->slab->mutex);

    pf->worker = w;

    return NGX_OK;
}


/* a slot that the next generation has taken is no longer ours */

void
ngx_http_zwfw_worker_tell(ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t               i, n;
    ngx_http_zwfw_metric_t  *m;
    ngx_http_zwfw_worker_t  *w;

    w = pf->worker;

    if (w == NULL || w->pid != ngx_pid) {
        return;
    }

    n = 0;

    for (m = ngx_http_zwfw_core_metrics; m->name; m++) {

        if (!(m->flags & NGX_HTTP_ZWFW_METRIC_WORKER)) {
            continue;
        }

        for (i = 0; i < ngx_http_zwfw_gauges(m)
                    && n < NGX_HTTP_ZWFW_GAUGES; i++)
        {
            w->values[n++] = m->get(pf, m->first, i);
        }
    }

    w->at = ngx_current_msec;
}


void
ngx_http_zwfw_worker_end(ngx_http_zwfw_platform_t *pf)
{
    ngx_shmtx_lock(&pf->slab->mutex);

    if (pf->worker && pf->worker->pid == ngx_pid) {
        pf->worker->pid = 0;
    }

    ngx_shmtx_unlock(&pf->slab->mutex);
}


ngx_uint_t
ngx_http_zwfw_gauges(ngx_http_zwfw_metric_t *m)
{
    ngx_uint_t  n;

    if (m->label == NULL) {
        return 1;
    }

    for (n = 0; m->values[n]; n++) {
        /* void */
    }

    return n;
}


/* a worker's numbers stand in the order of the table */

ngx_uint_t
ngx_http_zwfw_gauge(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_worker_t *worker, ngx_http_zwfw_metric_t *m, ngx_uint_t i)
{
    ngx_http_zwfw_metric_t  *before;

    if (worker == NULL) {
        return m->get(pf, m->first, i);
    }

    for (before = ngx_http_zwfw_core_metrics; before < m; before++) {

        if (before->flags & NGX_HTTP_ZWFW_METRIC_WORKER) {
            i += ngx_http_zwfw_gauges(before);
        }
    }

    return i < NGX_HTTP_ZWFW_GAUGES ? worker->values[i] : 0;
}


static ngx_uint_t
ngx_http_zwfw_gauge_pg_up(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_pg_state_t  state;

    ngx_http_zwfw_pg_state(pf->pg, i, &state);

    return state.connected > 0 && !state.open;
}


/* first is the offset of a number in the state */

static ngx_uint_t
ngx_http_zwfw_gauge_pg(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_pg_state_t  state;

    ngx_http_zwfw_pg_state(pf->pg, i, &state);

    return *(ngx_uint_t *) ((u_char *) &state + first);
}


static ngx_uint_t
ngx_http_zwfw_gauge_pg_open(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_pg_state_t  state;

    ngx_http_zwfw_pg_state(pf->pg, i, &state);

    return state.open;
}


static ngx_uint_t
ngx_http_zwfw_gauge_standby(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    return ngx_http_zwfw_pg_standby_up(pf->pg);
}


static ngx_uint_t
ngx_http_zwfw_gauge_redis_up(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_redis_state_t  state;

    ngx_http_zwfw_redis_state(pf->redis, &state);

    return state.connected && !state.open;
}


static ngx_uint_t
ngx_http_zwfw_gauge_redis(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_redis_state_t  state;

    ngx_http_zwfw_redis_state(pf->redis, &state);

    switch (first) {

    case NGX_HTTP_ZWFW_GAUGE_CONNECTED:
        return state.connected;

    case NGX_HTTP_ZWFW_GAUGE_BREAKER:
        return state.open;

    default:
        return state.in_flight;
    }
}


static ngx_uint_t
ngx_http_zwfw_gauge_threads(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    return first == NGX_HTTP_ZWFW_GAUGE_LIMIT ? pf->threads
                                              : ngx_http_zwfw_working(pf);
}


static ngx_uint_t
ngx_http_zwfw_gauge_lines(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    return ngx_http_zwfw_lines_waiting(pf);
}


static ngx_uint_t
ngx_http_zwfw_gauge_count(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_uint_t  n, share;

    n = 0;

    for (share = 0; share < NGX_HTTP_ZWFW_SHARES; share++) {
        n += pf->shared->counters[share][first + i];
    }

    return n;
}


static ngx_uint_t
ngx_http_zwfw_gauge_key(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    return first == NGX_HTTP_ZWFW_GAUGE_NEWEST
           ? ngx_http_zwfw_newest_key(pf)->number : pf->keys.nelts;
}


void
ngx_http_zwfw_count(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_counter_e counter)
{
    ngx_atomic_t  *counters;

    counters = pf->shared->counters[ngx_worker % NGX_HTTP_ZWFW_SHARES];

    (void) ngx_atomic_fetch_add(&counters[counter], 1);
}
