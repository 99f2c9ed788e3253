
/*
 * The audit trail, as far as nginx knows better than SQL: refusals of staff,
 * which undo their own rows, and what staff has read of persons
 */


#include "ngx_http_zwfw_core.h"
#include "zwfw_utf8.h"


#define NGX_HTTP_ZWFW_TRAIL_ID  64          /* bytes of an id as it was asked */


static ngx_uint_t ngx_http_zwfw_trail_denied(ngx_http_zwfw_ctx_t *ctx);
static zwfw_json_t *ngx_http_zwfw_trail_line(ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_trail_add(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *line, const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_zwfw_trail_object(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *line);
static ngx_int_t ngx_http_zwfw_trail_refusal(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *line);


/* what makes lines is refused while too many of them are on their way */

ngx_int_t
ngx_http_zwfw_trail_room(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ctx->session == NULL
        || !(ctx->session->who & NGX_HTTP_ZWFW_STAFF)
        || (ctx->route->method != NGX_HTTP_POST && ctx->route->reads.len == 0))
    {
        return NGX_OK;
    }

    rc = ngx_http_zwfw_lines_room(ctx->platform, &ctx->session->uid);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_zwfw_count(ctx->platform, NGX_HTTP_ZWFW_COUNT_LINE_REFUSED);

    state->untold = 1;
    ctx->retry = 1;

    if (rc == NGX_BUSY) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                    "too_many_requests", NULL);
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE, "store_away",
                                NULL);
}


/* a form that is shown again after a log-in is read like any page */

static ngx_uint_t
ngx_http_zwfw_trail_denied(ngx_http_zwfw_ctx_t *ctx)
{
    return ctx->refused && ctx->status != NGX_HTTP_OK;
}


void
ngx_http_zwfw_trail(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p;
    ngx_str_t               text;
    zwfw_json_t            *line;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ctx->session == NULL || ctx->route == NULL || state->untold
        || !(ctx->session->who & NGX_HTTP_ZWFW_STAFF)
        || (ngx_http_zwfw_trail_denied(ctx)
            ? (ctx->route->method != NGX_HTTP_POST || ctx->status >= 500)
            : ctx->route->reads.len == 0))
    {
        return;
    }

    line = ngx_http_zwfw_trail_line(ctx);
    text.data = line ? ngx_pnalloc(r->pool, zwfw_json_size(line)) : NULL;

    if (text.data == NULL) {
        ngx_http_zwfw_lines_lost(ctx->platform);
        return;
    }

    p = zwfw_json_write(text.data, line);

    /* members only: others follow */

    text.data++;
    text.len = p - text.data - 1;

    ngx_http_zwfw_lines_add(ctx->platform, &ctx->session->uid, &text,
                            &ctx->request_id,
                            ngx_http_zwfw_trail_denied(ctx));
}


/* who did what, as columns of the trail */

static zwfw_json_t *
ngx_http_zwfw_trail_line(ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                *action;
    zwfw_json_t              *line;
    ngx_http_zwfw_session_t  *s;

    static ngx_str_t  ok = ngx_string("ok");
    static ngx_str_t  refused = ngx_string("refused");

    /* a row of steps is named by its path */

    action = ctx->route->call.len ? &ctx->route->call : &ctx->route->path;
    s = ctx->session;
    line = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (line == NULL
        || ngx_http_zwfw_trail_add(ctx, line, "uid", &s->uid) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "role", &s->roles) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "body", &s->body) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "session", &s->id) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "channel", &ctx->channel)
           != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "action", action) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "object", &ctx->slice->name)
           != NGX_OK
        || ngx_http_zwfw_trail_object(ctx, line) != NGX_OK
        || ngx_http_zwfw_trail_add(ctx, line, "outcome",
                                   ngx_http_zwfw_trail_denied(ctx) ? &refused
                                                                   : &ok)
           != NGX_OK
        || (ngx_http_zwfw_trail_denied(ctx)
            && ngx_http_zwfw_trail_refusal(ctx, line) != NGX_OK))
    {
        return NULL;
    }

    return line;
}


static ngx_int_t
ngx_http_zwfw_trail_add(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *line,
    const char *name, ngx_str_t *value)
{
    if (value->len == 0
        || zwfw_json_add(&ctx->mem, line, name, ZWFW_JSON_STRING,
                         (zwfw_str_t *) value))
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


/* who is refused at the gate may have asked for anything */

static ngx_int_t
ngx_http_zwfw_trail_object(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *line)
{
    ngx_str_t     value;
    zwfw_json_t  *id;

    id = zwfw_json_get(ctx->args, "id", 2);

    if (id == NULL) {
        id = zwfw_json_get(ctx->args, "code", 4);
    }

    if (id == NULL
        || zwfw_utf8_check(id->value.data, id->value.len, NULL) != ZWFW_OK)
    {
        return NGX_OK;
    }

    value.data = id->value.data;
    value.len = zwfw_utf8_cut(&id->value, NGX_HTTP_ZWFW_TRAIL_ID);

    return ngx_http_zwfw_trail_add(ctx, line, "object_id", &value);
}


static ngx_int_t
ngx_http_zwfw_trail_refusal(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *line)
{
    zwfw_str_t    status;
    zwfw_json_t  *detail;

    static zwfw_str_t  key = zwfw_string("detail");

    detail = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    status.data = ctx->mem.alloc(ctx->mem.pool, NGX_INT_T_LEN);

    if (detail == NULL || status.data == NULL) {
        return NGX_ERROR;
    }

    status.len = ngx_sprintf(status.data, "%ui", ctx->status) - status.data;

    if (zwfw_json_add(&ctx->mem, detail, "status", ZWFW_JSON_NUMBER, &status)
        == NULL
        || ngx_http_zwfw_trail_add(ctx, detail, "code", &ctx->code) != NGX_OK)
    {
        return NGX_ERROR;
    }

    zwfw_json_append(line, &key, detail);

    return NGX_OK;
}
