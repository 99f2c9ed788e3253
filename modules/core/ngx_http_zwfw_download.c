
/*
 * file: a stored file is checked, decrypted in a thread piece by piece, sent
 */


#include "ngx_http_zwfw_core.h"


typedef struct ngx_http_zwfw_download_s  ngx_http_zwfw_download_t;

struct ngx_http_zwfw_download_s {
    ngx_http_zwfw_download_t  *task;        /* itself: what a thread is given */
    zwfw_vault_t               vault;
    zwfw_vault_file_t          file;
    char                       address[ZWFW_VAULT_ADDRESS + 1];
    ngx_str_t                  name;
    ngx_str_t                  type;
    ngx_int_t                  rc;          /* of the vault */
    u_char                    *piece;
    size_t                     size;        /* of the piece */
    ngx_buf_t                  buf;
    void                     (*resume)(ngx_http_request_t *r);
};


static ngx_http_zwfw_download_t *ngx_http_zwfw_download_create(
    ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_download_free(void *data);
static ngx_int_t ngx_http_zwfw_download_what(ngx_http_request_t *r,
    ngx_http_zwfw_download_t *d);
static void ngx_http_zwfw_download_open(void *data);
static void ngx_http_zwfw_download_opened(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_download_failed(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_download_t *d);
static ngx_int_t ngx_http_zwfw_download_header(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_download_t *d);
static ngx_int_t ngx_http_zwfw_download_name(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
static void ngx_http_zwfw_download_next(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_download_t *d);
static void ngx_http_zwfw_download_read(void *data);
static void ngx_http_zwfw_download_send(ngx_http_request_t *r);
static void ngx_http_zwfw_download_sent(ngx_http_request_t *r, ngx_int_t rc);
static void ngx_http_zwfw_download_wait(ngx_http_request_t *r);
static void ngx_http_zwfw_download_write(ngx_http_request_t *r);


ngx_int_t
ngx_http_zwfw_step_file(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_http_zwfw_download_t  *d;

    d = ngx_http_zwfw_download_create(r, ctx);

    if (d == NULL || ngx_http_zwfw_download_what(r, d) != NGX_OK) {
        return NGX_ERROR;
    }

    d->resume = ctx->resume;

    rc = ngx_http_zwfw_work(r, ngx_http_zwfw_download_open, &d->task,
                            sizeof(d->task));

    if (rc == NGX_AGAIN) {
        ctx->resume = ngx_http_zwfw_download_opened;
    }

    return rc;
}


static ngx_http_zwfw_download_t *
ngx_http_zwfw_download_create(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_zwfw_state_t     *state = ctx->core;
    ngx_http_zwfw_download_t  *d;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_zwfw_download_t));
    if (cln == NULL) {
        return NULL;
    }

    d = cln->data;
    ngx_memzero(d, sizeof(ngx_http_zwfw_download_t));

    cln->handler = ngx_http_zwfw_download_free;
    state->files = d;
    d->task = d;
    d->piece = ngx_palloc(r->pool, ZWFW_VAULT_PIECE);

    if (d->piece == NULL
        || ngx_http_zwfw_vault(r->pool, ctx->platform, &d->vault) != NGX_OK)
    {
        return NULL;
    }

    return d;
}


static void
ngx_http_zwfw_download_free(void *data)
{
    ngx_http_zwfw_download_t  *d = data;

    zwfw_vault_close(&d->file);
    zwfw_vault_leave(&d->vault);
}


/* of the answer of the step before */

static ngx_int_t
ngx_http_zwfw_download_what(ngx_http_request_t *r,
    ngx_http_zwfw_download_t *d)
{
    zwfw_json_t  *json, *file, *name, *type;

    json = ngx_http_zwfw_answered(r);
    file = zwfw_json_get(json, "file", 4);
    name = zwfw_json_get(json, "name", 4);
    type = zwfw_json_get(json, "type", 4);

    if (file == NULL || name == NULL || type == NULL
        || file->type != ZWFW_JSON_STRING
        || name->type != ZWFW_JSON_STRING
        || type->type != ZWFW_JSON_STRING
        || file->value.len != ZWFW_VAULT_ADDRESS)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(d->address, file->value.data, ZWFW_VAULT_ADDRESS);

    d->name.len = name->value.len;
    d->name.data = name->value.data;
    d->type.len = type->value.len;
    d->type.data = type->value.data;

    return NGX_OK;
}


/* in the thread */

static void
ngx_http_zwfw_download_open(void *data)
{
    ngx_http_zwfw_download_t  *d = *(ngx_http_zwfw_download_t **) data;

    d->rc = zwfw_vault_enter(&d->vault);

    if (d->rc == ZWFW_OK) {
        d->rc = zwfw_vault_open(&d->vault, d->address, &d->file);
    }

    zwfw_vault_leave(&d->vault);
}


static void
ngx_http_zwfw_download_opened(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_state_t     *state;
    ngx_http_zwfw_download_t  *d;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    d = state->files;

    rc = NGX_OK;

    if (d->rc != ZWFW_OK) {
        rc = ngx_http_zwfw_download_failed(r, ctx, d);

    } else if (ngx_http_zwfw_download_header(r, ctx, d) != NGX_OK) {
        rc = ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                  "internal_error", NULL);
    }

    if (rc != NGX_OK) {
        ctx->resume = d->resume;
        ctx->resume(r);
        return;
    }

    ngx_http_zwfw_trail(r, ctx);

    /* a file has no validators: nginx would refuse each that is sent */

    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_zwfw_download_next(r, ctx, d);
}


static ngx_int_t
ngx_http_zwfw_download_failed(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_download_t *d)
{
    ngx_log_error(NGX_LOG_CRIT, r->connection->log, d->vault.error,
                  "zwfw: file %s of \"%V\" could not be read: %s%s, "
                  "request %V",
                  d->address, &ctx->platform->files,
                  d->vault.what ? d->vault.what : "out of memory",
                  d->vault.error ? " failed" : "", &ctx->request_id);

    if (d->vault.error) {
        ctx->retry = 10;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "files_away", NULL);
    }

    if (d->vault.nokey) {
        ctx->retry = NGX_HTTP_ZWFW_NO_KEY;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "key_missing", NULL);
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                d->vault.what ? "file_damaged"
                                              : "internal_error", NULL);
}


/* whatever it holds, it is saved and not shown: no script of it runs here */

static ngx_int_t
ngx_http_zwfw_download_header(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_download_t *d)
{
    ngx_str_t  disposition;
    ngx_str_t  cache = ngx_string("private, no-store");
    ngx_str_t  csp = ngx_string("default-src 'none'; sandbox");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = d->file.size;
    r->headers_out.content_type = d->type;
    r->headers_out.content_type_len = d->type.len;

    if (ngx_http_zwfw_download_name(r, &d->name, &disposition) != NGX_OK
        || ngx_http_zwfw_add_header(r, "Content-Disposition", &disposition)
           != NGX_OK
        || ngx_http_zwfw_add_header(r, "Cache-Control", &cache) != NGX_OK
        || ngx_http_zwfw_add_header(r, "Content-Security-Policy", &csp)
           != NGX_OK
        || ngx_http_zwfw_add_header(r, "X-Request-Id", &ctx->request_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_security_headers(r, 0);
}


/* RFC 6266 and RFC 8187 */

static ngx_int_t
ngx_http_zwfw_download_name(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, sizeof("attachment; filename*=UTF-8''")
                             + 3 * name->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;
    p = ngx_cpymem(p, "attachment; filename*=UTF-8''",
                   sizeof("attachment; filename*=UTF-8''") - 1);
    p = (u_char *) ngx_escape_uri(p, name->data, name->len,
                                  NGX_ESCAPE_URI_COMPONENT);
    value->len = p - value->data;

    return NGX_OK;
}


static void
ngx_http_zwfw_download_next(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_download_t *d)
{
    d->size = ngx_min(d->file.size - d->file.done, ZWFW_VAULT_PIECE);

    ctx->resume = ngx_http_zwfw_download_send;

    if (ngx_http_zwfw_work_more(r, ngx_http_zwfw_download_read, &d->task,
                                sizeof(d->task))
        != NGX_AGAIN)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* in the thread */

static void
ngx_http_zwfw_download_read(void *data)
{
    ngx_http_zwfw_download_t  *d = *(ngx_http_zwfw_download_t **) data;

    d->rc = zwfw_vault_read(&d->file, d->piece, d->size);
}


static void
ngx_http_zwfw_download_send(ngx_http_request_t *r)
{
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_state_t     *state;
    ngx_http_zwfw_download_t  *d;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    d = state->files;

    if (d->rc != ZWFW_OK) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, d->vault.error,
                      "zwfw: file %s of \"%V\" could not be read to its end, "
                      "request %V",
                      d->address, &ctx->platform->files, &ctx->request_id);
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b = &d->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = d->piece;
    b->pos = d->piece;
    b->last = d->piece + d->size;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    if (d->file.done == d->file.size) {
        b->last_buf = (r == r->main);
        b->last_in_chain = 1;
    }

    out.buf = b;
    out.next = NULL;

    ngx_http_zwfw_download_sent(r, ngx_http_output_filter(r, &out));
}


/* the piece is used again when nothing of it is left */

static void
ngx_http_zwfw_download_sent(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_event_t               *wev;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_state_t     *state;
    ngx_http_zwfw_download_t  *d;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    d = state->files;

    if (rc == NGX_ERROR || d->buf.last_in_chain) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (d->buf.pos < d->buf.last) {
        ngx_http_zwfw_download_wait(r);
        return;
    }

    wev = r->connection->write;

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    ngx_http_zwfw_download_next(r, ctx, d);
}


/* for the client, as nginx's own writer does */

static void
ngx_http_zwfw_download_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    wev = r->connection->write;

    r->write_event_handler = ngx_http_zwfw_download_write;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_zwfw_download_write(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        ngx_http_zwfw_download_wait(r);
        return;
    }

    ngx_http_zwfw_download_sent(r, ngx_http_output_filter(r, NULL));
}
