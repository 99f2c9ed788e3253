
/*
 * The audit trail, as far as nginx knows better than SQL: refusals of staff,
 * which undo their own rows, and what staff has read of persons
 */


#include "ngx_http_zwfw_core.h"


static zwfw_json_t *ngx_http_zwfw_trail_args(ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_trail_refusal(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *args);


void
ngx_http_zwfw_trail(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *args;

    static ngx_str_t  refused = ngx_string("audit_refused");
    static ngx_str_t  read = ngx_string("audit_read");

    if (ctx->session == NULL || ctx->route == NULL
        || !(ctx->session->who & NGX_HTTP_ZWFW_STAFF)
        || (ctx->refused ? (ctx->route->method != NGX_HTTP_POST
                            || ctx->status >= 500)
                         : ctx->route->reads.len == 0))
    {
        return;
    }

    args = ngx_http_zwfw_trail_args(ctx);
    if (args == NULL) {
        return;
    }

    if (!ctx->refused) {
        ngx_http_zwfw_tell_as(r, ctx, &read, args);
        return;
    }

    if (ngx_http_zwfw_trail_refusal(r, ctx, args) == NGX_OK) {
        ngx_http_zwfw_tell_as(r, ctx, &refused, args);
    }
}


/* which row, of which thing */

static zwfw_json_t *
ngx_http_zwfw_trail_args(ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t    *action;
    zwfw_json_t  *args, *id;

    /* a row of steps is named by its path */

    action = ctx->route->call.len ? &ctx->route->call : &ctx->route->path;
    args = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (args == NULL
        || zwfw_json_add(&ctx->mem, args, "action", ZWFW_JSON_STRING,
                         (zwfw_str_t *) action) == NULL
        || zwfw_json_add(&ctx->mem, args, "object", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->slice->name) == NULL)
    {
        return NULL;
    }

    id = zwfw_json_get(ctx->args, "id", 2);

    if (id == NULL) {
        id = zwfw_json_get(ctx->args, "code", 4);
    }

    if (id && zwfw_json_add(&ctx->mem, args, "object_id", ZWFW_JSON_STRING,
                            &id->value) == NULL)
    {
        return NULL;
    }

    return args;
}


static ngx_int_t
ngx_http_zwfw_trail_refusal(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *args)
{
    zwfw_str_t  status;

    status.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (status.data == NULL) {
        return NGX_ERROR;
    }

    status.len = ngx_sprintf(status.data, "%ui", ctx->status) - status.data;

    if (zwfw_json_add(&ctx->mem, args, "status", ZWFW_JSON_NUMBER, &status)
        == NULL
        || zwfw_json_add(&ctx->mem, args, "code", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->code) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
