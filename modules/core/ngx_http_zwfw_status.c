
/*
 * The operator's view of this node: the very metrics, as JSON and as a page.
 * It is out of memory, so that it is there while the database is away
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_STATUS_SILENT  2000   /* ms; it tells each 300 */


static ngx_int_t ngx_http_zwfw_status(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_status_worker(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *workers,
    ngx_http_zwfw_worker_t *w);
static ngx_int_t ngx_http_zwfw_status_metrics(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    ngx_http_zwfw_worker_t *w);
static ngx_int_t ngx_http_zwfw_status_metric(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object, ngx_http_zwfw_metric_t *m,
    ngx_http_zwfw_worker_t *w);
static ngx_int_t ngx_http_zwfw_status_value(ngx_http_request_t *r,
    zwfw_json_t *object, const char *name, ngx_uint_t value, ngx_uint_t flag);
static const char *ngx_http_zwfw_status_name(ngx_http_request_t *r,
    ngx_http_zwfw_metric_t *m);


ngx_http_zwfw_step_pt  ngx_http_zwfw_status_steps[] = {
    ngx_http_zwfw_status,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_int_t
ngx_http_zwfw_status(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                node;
    zwfw_json_t             *status, *workers, *totals;
    ngx_http_zwfw_worker_t  *w;

    ngx_http_zwfw_worker_tell(ctx->platform);

    node = ngx_http_zwfw_node(ctx->platform);
    status = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (status == NULL
        || zwfw_json_add(&ctx->mem, status, "node", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &node) == NULL)
    {
        return NGX_ERROR;
    }

    workers = zwfw_json_add(&ctx->mem, status, "workers", ZWFW_JSON_ARRAY,
                            NULL);
    totals = zwfw_json_add(&ctx->mem, status, "totals", ZWFW_JSON_OBJECT,
                           NULL);

    if (workers == NULL || totals == NULL
        || ngx_http_zwfw_status_metrics(r, ctx, totals, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (w = ctx->platform->shared->workers; w; w = w->next) {
        if (w->pid
            && ngx_http_zwfw_status_worker(r, ctx, workers, w) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_zwfw_answer(r, status);
}


static ngx_int_t
ngx_http_zwfw_status_worker(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *workers, ngx_http_zwfw_worker_t *w)
{
    ngx_msec_t    silent;
    zwfw_json_t  *worker;

    worker = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    if (worker == NULL) {
        return NGX_ERROR;
    }

    silent = ngx_current_msec - w->at;

    if ((ngx_msec_int_t) silent < 0) {
        silent = 0;
    }

    if (ngx_http_zwfw_add_number(r, worker, "worker", w->number) != NGX_OK
        || ngx_http_zwfw_add_number(r, worker, "pid", w->pid) != NGX_OK
        || ngx_http_zwfw_status_value(r, worker, "silent",
               silent > NGX_HTTP_ZWFW_STATUS_SILENT, 1) != NGX_OK
        || ngx_http_zwfw_status_metrics(r, ctx, worker, w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    zwfw_json_append(workers, NULL, worker);

    return NGX_OK;
}


/* those of a worker, or (NULL) of the node */

static ngx_int_t
ngx_http_zwfw_status_metrics(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, ngx_http_zwfw_worker_t *w)
{
    ngx_uint_t                   i, worker;
    ngx_http_zwfw_metric_t     **list, *m;
    ngx_http_zwfw_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);

    list = mcf->metrics.elts;
    worker = w ? NGX_HTTP_ZWFW_METRIC_WORKER : 0;

    for (i = 0; i < mcf->metrics.nelts; i++) {
        for (m = list[i]; m->name; m++) {

            if ((m->flags & NGX_HTTP_ZWFW_METRIC_WORKER) == worker
                && ngx_http_zwfw_status_metric(r, ctx, object, m, w)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* a number, or an object of them by the values of the label */

static ngx_int_t
ngx_http_zwfw_status_metric(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, ngx_http_zwfw_metric_t *m, ngx_http_zwfw_worker_t *w)
{
    ngx_uint_t    i, flag;
    const char   *name;

    name = ngx_http_zwfw_status_name(r, m);
    if (name == NULL) {
        return NGX_ERROR;
    }

    flag = m->flags & NGX_HTTP_ZWFW_METRIC_FLAG;

    if (m->label == NULL) {
        return ngx_http_zwfw_status_value(r, object, name,
                   ngx_http_zwfw_gauge(ctx->platform, w, m, 0), flag);
    }

    object = zwfw_json_add(&ctx->mem, object, name, ZWFW_JSON_OBJECT, NULL);
    if (object == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; m->values[i]; i++) {
        if (ngx_http_zwfw_status_value(r, object, m->values[i],
                ngx_http_zwfw_gauge(ctx->platform, w, m, i), flag)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_status_value(ngx_http_request_t *r, zwfw_json_t *object,
    const char *name, ngx_uint_t value, ngx_uint_t flag)
{
    ngx_http_zwfw_ctx_t  *ctx;

    if (!flag) {
        return ngx_http_zwfw_add_number(r, object, name, value);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    return zwfw_json_add(&ctx->mem, object, name,
                         value ? ZWFW_JSON_TRUE : ZWFW_JSON_FALSE, NULL)
           ? NGX_OK : NGX_ERROR;
}


/* "zwfw_requests_total" as "requests" */

static const char *
ngx_http_zwfw_status_name(ngx_http_request_t *r, ngx_http_zwfw_metric_t *m)
{
    u_char      *p;
    size_t       len;
    const char  *name;

    name = m->name + sizeof("zwfw_") - 1;
    len = ngx_strlen(name);

    if (m->type[0] == 'c') {
        len -= sizeof("_total") - 1;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NULL;
    }

    *ngx_cpymem(p, name, len) = '\0';

    return (const char *) p;
}
