
/*
 * zwfw_metrics: how the stores and the requests of all platforms are doing,
 * as text for Prometheus.  Strangers see only whether the stores answer
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_METRIC_LINE  160      /* bytes of a sample, at most,
                                               besides names */


static ngx_buf_t *ngx_http_zwfw_metrics_text(ngx_http_request_t *r);
static size_t ngx_http_zwfw_metrics_size(ngx_http_zwfw_main_conf_t *mcf);
static size_t ngx_http_zwfw_metric_size(ngx_http_zwfw_metric_t *m,
    ngx_http_zwfw_main_conf_t *mcf);
static u_char *ngx_http_zwfw_metric_text(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_main_conf_t *mcf);
static u_char *ngx_http_zwfw_metric_platform(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_platform_t *pf);
static u_char *ngx_http_zwfw_metric_samples(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_worker_t *w);
static ngx_uint_t ngx_http_zwfw_metrics_local(ngx_http_request_t *r);


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
    ngx_buf_t                   *b;
    ngx_uint_t                   i, local;
    ngx_http_zwfw_metric_t     **list, *m;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        ngx_http_zwfw_worker_tell(pf[i]);
    }

    b = ngx_create_temp_buf(r->pool, ngx_http_zwfw_metrics_size(mcf));
    if (b == NULL) {
        return NULL;
    }

    local = ngx_http_zwfw_metrics_local(r);
    list = mcf->metrics.elts;

    for (i = 0; i < mcf->metrics.nelts; i++) {
        for (m = list[i]; m->name; m++) {
            if (local || (m->flags & NGX_HTTP_ZWFW_METRIC_OPEN)) {
                b->last = ngx_http_zwfw_metric_text(b->last, b->end, m, mcf);
            }
        }
    }

    return b;
}


static size_t
ngx_http_zwfw_metrics_size(ngx_http_zwfw_main_conf_t *mcf)
{
    size_t                    size;
    ngx_uint_t                i;
    ngx_http_zwfw_metric_t  **list, *m;

    size = 0;
    list = mcf->metrics.elts;

    for (i = 0; i < mcf->metrics.nelts; i++) {
        for (m = list[i]; m->name; m++) {
            size += ngx_http_zwfw_metric_size(m, mcf);
        }
    }

    return size;
}


static size_t
ngx_http_zwfw_metric_size(ngx_http_zwfw_metric_t *m,
    ngx_http_zwfw_main_conf_t *mcf)
{
    size_t                       size;
    ngx_uint_t                   i, lines;
    ngx_http_zwfw_worker_t      *w;
    ngx_http_zwfw_platform_t   **pf;

    size = ngx_strlen(m->help) + 2 * (ngx_strlen(m->name)
                                      + NGX_HTTP_ZWFW_METRIC_LINE);
    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        lines = 1;

        for (w = pf[i]->shared->workers; w; w = w->next) {
            lines++;
        }

        size += lines * ngx_http_zwfw_gauges(m)
                * (ngx_strlen(m->name) + pf[i]->name.len
                   + NGX_HTTP_ZWFW_METRIC_LINE);
    }

    return size;
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
    ngx_http_zwfw_worker_t  *w;

    if (!(m->flags & NGX_HTTP_ZWFW_METRIC_WORKER)) {
        return ngx_http_zwfw_metric_samples(p, last, m, pf, NULL);
    }

    for (w = pf->shared->workers; w; w = w->next) {
        if (w->pid) {
            p = ngx_http_zwfw_metric_samples(p, last, m, pf, w);
        }
    }

    return p;
}


static u_char *
ngx_http_zwfw_metric_samples(u_char *p, u_char *last,
    ngx_http_zwfw_metric_t *m, ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_worker_t *w)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_zwfw_gauges(m); i++) {
        p = ngx_slprintf(p, last, "%s{platform=\"%V\"", m->name, &pf->name);

        if (w) {
            p = ngx_slprintf(p, last, ",worker=\"%ui\"", w->number);
        }

        if (m->label) {
            p = ngx_slprintf(p, last, ",%s=\"%s\"", m->label, m->values[i]);
        }

        p = ngx_slprintf(p, last, "} %ui\n",
                         ngx_http_zwfw_gauge(pf, w, m, i));
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
