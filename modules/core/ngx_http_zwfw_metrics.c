
/*
 * zwfw_metrics: how the stores and the requests of all platforms are doing,
 * as text for Prometheus.  Strangers see only whether the stores answer
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_metrics_text(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf, ngx_uint_t detail, ngx_buf_t *b);
static ngx_uint_t ngx_http_zwfw_metrics_local(ngx_http_request_t *r);
static void ngx_http_zwfw_metric(ngx_buf_t *b, const char *name,
    ngx_http_zwfw_platform_t *pf, const char *label, ngx_uint_t n);


#define NGX_HTTP_ZWFW_METRICS  8192         /* bytes of one platform */


static const char  *ngx_http_zwfw_counter_names[] = {
    "requests{class=\"2xx\"",
    "requests{class=\"3xx\"",
    "requests{class=\"4xx\"",
    "requests{class=\"5xx\"",
    "session_cache{outcome=\"hit\"",
    "session_cache{outcome=\"miss\"",
    "page_cache{outcome=\"hit\"",
    "page_cache{outcome=\"miss\""
};


static const char  *ngx_http_zwfw_class_names[] = { "read", "write", "slow" };


ngx_int_t
ngx_http_zwfw_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_buf_t                   *b;
    ngx_uint_t                   i, detail;
    ngx_chain_t                  out;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);
    pf = mcf->platforms.elts;

    b = ngx_create_temp_buf(r->pool, (mcf->platforms.nelts + 1)
                                     * NGX_HTTP_ZWFW_METRICS);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    detail = ngx_http_zwfw_metrics_local(r);

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (ngx_http_zwfw_metrics_text(r, pf[i], detail, b) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only
        || b->last == b->pos)
    {
        return rc;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_zwfw_metrics_text(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf, ngx_uint_t detail, ngx_buf_t *b)
{
    u_char                         label[64];
    ngx_uint_t                     i;
    ngx_http_zwfw_pg_state_t       pg;
    ngx_http_zwfw_redis_state_t    redis;

    ngx_http_zwfw_redis_state(pf->redis, &redis);
    ngx_http_zwfw_metric(b, "redis_up", pf, "", redis.connected
                                                && !redis.open);

    for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
        ngx_http_zwfw_pg_state(pf->pg, i, &pg);

        ngx_sprintf(label, ",class=\"%s\"%Z", ngx_http_zwfw_class_names[i]);

        ngx_http_zwfw_metric(b, "postgres_up", pf, (char *) label,
                             pg.connected > 0 && !pg.open);

        if (!detail) {
            continue;
        }

        ngx_http_zwfw_metric(b, "postgres_connections", pf, (char *) label,
                             pg.connected);
        ngx_http_zwfw_metric(b, "postgres_in_flight", pf, (char *) label,
                             pg.in_flight);
        ngx_http_zwfw_metric(b, "postgres_waiting", pf, (char *) label,
                             pg.waiting);
    }

    if (!detail) {
        return NGX_OK;
    }

    ngx_http_zwfw_metric(b, "redis_in_flight", pf, "", redis.in_flight);

    for (i = 0; i < NGX_HTTP_ZWFW_COUNTERS; i++) {
        b->last = ngx_sprintf(b->last, "zwfw_%s,platform=\"%V\"} %uA\n",
                              ngx_http_zwfw_counter_names[i], &pf->name,
                              pf->shared->counters[i]);
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_metric(ngx_buf_t *b, const char *name,
    ngx_http_zwfw_platform_t *pf, const char *label, ngx_uint_t n)
{
    b->last = ngx_sprintf(b->last, "zwfw_%s{platform=\"%V\"%s} %ui\n",
                          name, &pf->name, label, n);
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


void
ngx_http_zwfw_count(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_counter_e counter)
{
    (void) ngx_atomic_fetch_add(&pf->shared->counters[counter], 1);
}
