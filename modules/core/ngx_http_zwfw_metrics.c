
/*
 * zwfw_metrics: how the stores and the requests of all platforms are doing,
 * as text for Prometheus.  Strangers see only whether the stores answer
 */


#include "ngx_http_zwfw_core.h"


typedef struct {
    const char                *name;
    const char                *help;
    const char                *type;
    const char                *label;       /* NULL: none */
    const char               **values;      /* of the label */
    ngx_uint_t               (*get)(ngx_http_zwfw_platform_t *pf,
                                    ngx_uint_t first, ngx_uint_t i);
    ngx_uint_t                 first;       /* counter, or field of a pool */
    ngx_uint_t                 open;        /* strangers see it */
} ngx_http_zwfw_metric_t;


static ngx_buf_t *ngx_http_zwfw_metrics_text(ngx_http_request_t *r);
static u_char *ngx_http_zwfw_metric_text(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_main_conf_t *mcf);
static u_char *ngx_http_zwfw_metric_platform(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_platform_t *pf);
static ngx_uint_t ngx_http_zwfw_metrics_local(ngx_http_request_t *r);
static ngx_uint_t ngx_http_zwfw_metric_pg_up(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_metric_pg(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_metric_redis_up(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_metric_redis(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);
static ngx_uint_t ngx_http_zwfw_metric_count(ngx_http_zwfw_platform_t *pf,
    ngx_uint_t first, ngx_uint_t i);


#define NGX_HTTP_ZWFW_METRICS  4096         /* bytes of a platform, of help */


static const char  *ngx_http_zwfw_pg_classes[] = {
    "read", "write", "slow", NULL
};

static const char  *ngx_http_zwfw_statuses[] = {
    "2xx", "3xx", "4xx", "5xx", NULL
};

static const char  *ngx_http_zwfw_outcomes[] = { "hit", "miss", NULL };


static ngx_http_zwfw_metric_t  ngx_http_zwfw_metric_list[] = {

    { "zwfw_postgres_up",
      "Whether PostgreSQL answers the worker that says so.", "gauge",
      "class", ngx_http_zwfw_pg_classes, ngx_http_zwfw_metric_pg_up,
      0, 1 },

    { "zwfw_postgres_connections",
      "Connections to PostgreSQL of the worker that says so.", "gauge",
      "class", ngx_http_zwfw_pg_classes, ngx_http_zwfw_metric_pg,
      offsetof(ngx_http_zwfw_pg_state_t, connected), 0 },

    { "zwfw_postgres_in_flight",
      "Statements of that worker without an answer yet.", "gauge",
      "class", ngx_http_zwfw_pg_classes, ngx_http_zwfw_metric_pg,
      offsetof(ngx_http_zwfw_pg_state_t, in_flight), 0 },

    { "zwfw_postgres_waiting",
      "Statements of that worker that wait for a connection.", "gauge",
      "class", ngx_http_zwfw_pg_classes, ngx_http_zwfw_metric_pg,
      offsetof(ngx_http_zwfw_pg_state_t, waiting), 0 },

    { "zwfw_redis_up",
      "Whether Redis answers the worker that says so.", "gauge",
      NULL, NULL, ngx_http_zwfw_metric_redis_up, 0, 1 },

    { "zwfw_redis_in_flight",
      "Commands of that worker without an answer yet.", "gauge",
      NULL, NULL, ngx_http_zwfw_metric_redis, 0, 0 },

    { "zwfw_requests_total",
      "Answers of this node by class of status.", "counter",
      "status", ngx_http_zwfw_statuses, ngx_http_zwfw_metric_count,
      NGX_HTTP_ZWFW_COUNT_2XX, 0 },

    { "zwfw_session_cache_total",
      "Sessions looked up in the shared memory of this node.", "counter",
      "outcome", ngx_http_zwfw_outcomes, ngx_http_zwfw_metric_count,
      NGX_HTTP_ZWFW_COUNT_SESSION_HIT, 0 },

    { "zwfw_page_cache_total",
      "Shared pages looked up in the caches of this node.", "counter",
      "outcome", ngx_http_zwfw_outcomes, ngx_http_zwfw_metric_count,
      NGX_HTTP_ZWFW_COUNT_PAGE_HIT, 0 },

    { NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 }
};


ngx_int_t
ngx_http_zwfw_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_http_zwfw_metrics_text(r);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_buf_t *
ngx_http_zwfw_metrics_text(ngx_http_request_t *r)
{
    ngx_buf_t                  *b;
    ngx_uint_t                  local;
    ngx_http_zwfw_metric_t     *m;
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);

    b = ngx_create_temp_buf(r->pool, (mcf->platforms.nelts + 1)
                                     * NGX_HTTP_ZWFW_METRICS);
    if (b == NULL) {
        return NULL;
    }

    local = ngx_http_zwfw_metrics_local(r);

    for (m = ngx_http_zwfw_metric_list; m->name; m++) {
        if (local || m->open) {
            b->last = ngx_http_zwfw_metric_text(b->last, b->end, m, mcf);
        }
    }

    return b;
}


/* all samples of a metric stand together, below what it is */

static u_char *
ngx_http_zwfw_metric_text(u_char *p, u_char *last, ngx_http_zwfw_metric_t *m,
    ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;

    p = ngx_slprintf(p, last, "# HELP %s %s\n# TYPE %s %s\n",
                     m->name, m->help, m->name, m->type);

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        p = ngx_http_zwfw_metric_platform(p, last, m, pf[i]);
    }

    return p;
}


static u_char *
ngx_http_zwfw_metric_platform(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t  i;

    if (m->label == NULL) {
        return ngx_slprintf(p, last, "%s{platform=\"%V\"} %ui\n",
                            m->name, &pf->name, m->get(pf, m->first, 0));
    }

    for (i = 0; m->values[i]; i++) {
        p = ngx_slprintf(p, last, "%s{platform=\"%V\",%s=\"%s\"} %ui\n",
                         m->name, &pf->name, m->label, m->values[i],
                         m->get(pf, m->first, i));
    }

    return p;
}


static ngx_uint_t
ngx_http_zwfw_metrics_local(ngx_http_request_t *r)
{
    ngx_str_t  *addr;

    addr = &r->connection->addr_text;

    return (addr->len > 4 && ngx_strncmp(addr->data, "127.", 4) == 0)
           || (addr->len == 3 && ngx_strncmp(addr->data, "::1", 3) == 0)
           || (addr->len >= 5 && ngx_strncmp(addr->data, "unix:", 5) == 0);
}


static ngx_uint_t
ngx_http_zwfw_metric_pg_up(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_pg_state_t  state;

    ngx_http_zwfw_pg_state(pf->pg, i, &state);

    return state.connected > 0 && !state.open;
}


/* first is the offset of a number in the state */

static ngx_uint_t
ngx_http_zwfw_metric_pg(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_pg_state_t  state;

    ngx_http_zwfw_pg_state(pf->pg, i, &state);

    return *(ngx_uint_t *) ((u_char *) &state + first);
}


static ngx_uint_t
ngx_http_zwfw_metric_redis_up(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_redis_state_t  state;

    ngx_http_zwfw_redis_state(pf->redis, &state);

    return state.connected && !state.open;
}


static ngx_uint_t
ngx_http_zwfw_metric_redis(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    ngx_http_zwfw_redis_state_t  state;

    ngx_http_zwfw_redis_state(pf->redis, &state);

    return state.in_flight;
}


static ngx_uint_t
ngx_http_zwfw_metric_count(ngx_http_zwfw_platform_t *pf, ngx_uint_t first,
    ngx_uint_t i)
{
    return pf->shared->counters[first + i];
}


void
ngx_http_zwfw_count(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_counter_e counter)
{
    (void) ngx_atomic_fetch_add(&pf->shared->counters[counter], 1);
}
