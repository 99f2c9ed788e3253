
/*
 * files: multipart bodies are read in a thread, their files are stored
 */


#include "ngx_http_zwfw_core.h"
#include "zwfw_upload.h"


typedef struct {
    zwfw_upload_t              upload;
    zwfw_upload_t             *task;        /* what the thread is given */
    void                     (*resume)(ngx_http_request_t *r);
} ngx_http_zwfw_files_t;


static ngx_http_zwfw_files_t *ngx_http_zwfw_files_create(
    ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_files_free(void *data);
static ngx_int_t ngx_http_zwfw_files_pieces(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_upload_t *u);
static void ngx_http_zwfw_files_run(void *data);
static void ngx_http_zwfw_files_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_files_result(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_upload_t *u);


off_t
ngx_http_zwfw_files_limit(zwfw_field_t *fields)
{
    uint64_t  sum;

    sum = zwfw_upload_limit(fields);

    if (sum == 0) {
        return 0;
    }

    return ngx_min(sum + NGX_HTTP_ZWFW_BODY, NGX_HTTP_ZWFW_BODIES);
}


ngx_int_t
ngx_http_zwfw_files(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    zwfw_upload_t          *u;
    ngx_http_zwfw_files_t  *files;
    ngx_http_zwfw_state_t  *state = ctx->core;

    files = ngx_http_zwfw_files_create(r, ctx);
    if (files == NULL) {
        return NGX_ERROR;
    }

    u = &files->upload;

    if (zwfw_multipart_boundary(r->headers_in.content_type->value.data,
                                r->headers_in.content_type->value.len,
                                &u->boundary)
        != ZWFW_OK)
    {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST, "bad_multipart",
                                    NULL);
    }

    rc = ngx_http_zwfw_files_pieces(r, ctx, u);
    if (rc != NGX_OK) {
        return rc;
    }

    state->files = files;
    files->task = u;
    files->resume = ctx->resume;

    rc = ngx_http_zwfw_work(r, ngx_http_zwfw_files_run, &files->task,
                            sizeof(files->task));

    if (rc == NGX_AGAIN) {
        ctx->resume = ngx_http_zwfw_files_done;
    }

    return rc;
}


static ngx_http_zwfw_files_t *
ngx_http_zwfw_files_create(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_zwfw_files_t  *files;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_zwfw_files_t));
    if (cln == NULL) {
        return NULL;
    }

    files = cln->data;
    ngx_memzero(files, sizeof(ngx_http_zwfw_files_t));

    cln->handler = ngx_http_zwfw_files_free;

    files->upload.fields = ctx->route->fields;

    if (ngx_http_zwfw_vault(r->pool, ctx->platform, &files->upload.vault)
        != NGX_OK)
    {
        return NULL;
    }

    return files;
}


static void
ngx_http_zwfw_files_free(void *data)
{
    ngx_http_zwfw_files_t  *files = data;

    zwfw_upload_free(&files->upload);
}


/* keys stay where they are: as old as the worker, and never written */

ngx_int_t
ngx_http_zwfw_vault(ngx_pool_t *pool, ngx_http_zwfw_platform_t *pf,
    zwfw_vault_t *vault)
{
    ngx_uint_t            i;
    zwfw_vault_key_t     *keys;
    ngx_http_zwfw_key_t  *key;

    keys = ngx_palloc(pool, pf->keys.nelts * sizeof(zwfw_vault_key_t));
    if (keys == NULL) {
        return NGX_ERROR;
    }

    key = pf->keys.elts;

    for (i = 0; i < pf->keys.nelts; i++) {
        keys[i].number = key[i].number;
        keys[i].seal = key[i].seal;
        keys[i].mac = key[i].mac;
    }

    ngx_memzero(vault, sizeof(zwfw_vault_t));

    vault->folder = (char *) pf->files.data;
    vault->index = ngx_http_zwfw_steady_key(pf)->index;
    vault->keys = keys;
    vault->nkeys = pf->keys.nelts;
    vault->dir = -1;

    return NGX_OK;
}


/* where the body lies */

static ngx_int_t
ngx_http_zwfw_files_pieces(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_upload_t *u)
{
    off_t                   size;
    ngx_buf_t              *b;
    ngx_uint_t              n;
    ngx_chain_t            *cl, *body;
    zwfw_upload_piece_t    *piece;
    ngx_http_zwfw_state_t  *state = ctx->core;

    n = 0;
    size = 0;
    body = r->request_body ? r->request_body->bufs : NULL;

    for (cl = body; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
        n++;
    }

    if (size > state->limit) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "too_large", NULL);
    }

    piece = ngx_pcalloc(r->pool, (n + 1) * sizeof(zwfw_upload_piece_t));
    if (piece == NULL) {
        return NGX_ERROR;
    }

    u->pieces = piece;

    for (cl = body; cl; cl = cl->next) {
        b = cl->buf;

        piece->len = ngx_buf_size(b);

        if (piece->len == 0) {
            continue;
        }

        if (ngx_buf_in_memory(b)) {
            piece->p = b->pos;

        } else {
            piece->fd = b->file->fd;
            piece->offset = b->file_pos;
        }

        piece++;
    }

    u->npieces = piece - u->pieces;

    return NGX_OK;
}


/* in the thread */

static void
ngx_http_zwfw_files_run(void *data)
{
    zwfw_upload_t  **u = data;

    zwfw_upload_run(*u);
}


static void
ngx_http_zwfw_files_done(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_files_t  *files;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    files = state->files;

    ctx->resume = files->resume;

    rc = ngx_http_zwfw_files_result(r, ctx, &files->upload);

    if (rc == NGX_ERROR) {
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
    }

    ctx->resume(r);
}


static ngx_int_t
ngx_http_zwfw_files_result(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_upload_t *u)
{
    ngx_str_t               field;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (u->vault.what) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, u->vault.error,
                      "zwfw: a file could not be stored in \"%V\": %s failed, "
                      "request %V",
                      &ctx->platform->files, u->vault.what, &ctx->request_id);
    }

    if (u->rc == ZWFW_ERROR) {
        return NGX_ERROR;
    }

    if (u->rc == ZWFW_OK) {
        ctx->body = u->root;
        state->wrong = u->errors->child ? u->errors : NULL;
        return ngx_http_zwfw_body_keep(r, ctx);
    }

    if (u->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ctx->retry = 10;
    }

    field.len = u->error.field.len;
    field.data = u->error.field.data;

    return ngx_http_zwfw_refuse(r, u->status, u->error.code,
                                field.len ? &field : NULL);
}
