
/*
 * body: what do they say?  JSON, urlencoded or multipart becomes one tree
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_body_bound(ngx_http_request_t *r,
    ngx_http_zwfw_state_t *state);
static void ngx_http_zwfw_body_unbound(ngx_http_request_t *r,
    ngx_http_zwfw_state_t *state);
static void ngx_http_zwfw_body_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_body_parse(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_body_tree(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_body_text(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_body_is(ngx_http_request_t *r,
    const char *type);


static zwfw_json_limits_t  ngx_http_zwfw_body_limits = { 10, 5000, 500, 24 };


ngx_int_t
ngx_http_zwfw_step_body(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0, "zwfw body");

    if (ctx->route->method != NGX_HTTP_POST) {
        if (r == r->main
            && (r->headers_in.content_length_n > 0 || r->headers_in.chunked))
        {
            return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST,
                                        "bad_request", NULL);
        }

        return NGX_OK;
    }

    if (ngx_http_zwfw_body_is(r, "multipart/form-data") == NGX_OK) {
        state->limit = ngx_http_zwfw_files_limit(ctx->route->fields);
    }

    /* it could fill the disk; nginx says so of HTTP/2, too */

    if (state->limit == 0 && r->headers_in.chunked) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_LENGTH_REQUIRED,
                                    "length_required", NULL);
    }

    if (ngx_http_zwfw_body_bound(r, state) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->headers_in.content_length_n > state->limit) {
        r->keepalive = 0;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "too_large", NULL);
    }

    state->reading = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_zwfw_body_read);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_zwfw_body_unbound(r, state);
        return ngx_http_zwfw_refuse(r, rc,
                                    rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
                                    ? "too_large" : "bad_request", NULL);
    }

    r->main->count--;

    if (state->reading) {
        state->reading = 0;
        return NGX_AGAIN;
    }

    return ngx_http_zwfw_body_parse(r, ctx);
}


/* nginx bounds what comes in chunks as the location says, which is shared: this
   request gets one of its own */

static ngx_int_t
ngx_http_zwfw_body_bound(ngx_http_request_t *r, ngx_http_zwfw_state_t *state)
{
    void                      **conf;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_zwfw_loc_conf_t   *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    if (state->limit == 0) {
        state->limit = NGX_HTTP_ZWFW_BODY;
    }

    state->limit = ngx_min(state->limit, lcf->most);

    if (!r->headers_in.chunked) {
        return NGX_OK;
    }

    conf = ngx_palloc(r->pool, ngx_http_max_module * sizeof(void *));
    clcf = ngx_palloc(r->pool, sizeof(ngx_http_core_loc_conf_t));

    if (conf == NULL || clcf == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(conf, r->loc_conf, ngx_http_max_module * sizeof(void *));

    *clcf = *(ngx_http_core_loc_conf_t *)
            conf[ngx_http_core_module.ctx_index];

    clcf->client_max_body_size = state->limit;
    conf[ngx_http_core_module.ctx_index] = clcf;
    state->conf = r->loc_conf;
    r->loc_conf = conf;

    return NGX_OK;
}


/* what the connection does next is said by the location, which outlives the
   request */

static void
ngx_http_zwfw_body_unbound(ngx_http_request_t *r, ngx_http_zwfw_state_t *state)
{
    if (state->conf) {
        r->loc_conf = state->conf;
        state->conf = NULL;
    }
}


/* the reference that reading took becomes the runner's, whose own was given
   back: nginx may finalize the request meanwhile */

static void
ngx_http_zwfw_body_read(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    if (state->reading) {
        state->reading = 0;
        return;
    }

    rc = ngx_http_zwfw_body_parse(r, ctx);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_ERROR) {
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
    }

    ctx->resume(r);
}


static ngx_int_t
ngx_http_zwfw_body_parse(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_http_zwfw_body_unbound(r, state);

    ctx->body = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    if (ctx->body == NULL) {
        return NGX_ERROR;
    }

    if (!state->keeping
        && ngx_http_zwfw_body_is(r, "multipart/form-data") == NGX_OK)
    {
        state->by_form = 1;
        return ngx_http_zwfw_files(r, ctx);
    }

    if (ngx_http_zwfw_body_text(r, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len > NGX_HTTP_ZWFW_BODY) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "too_large", NULL);
    }

    rc = ngx_http_zwfw_body_tree(r, ctx, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_zwfw_body_keep(r, ctx);
}


static ngx_int_t
ngx_http_zwfw_body_tree(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text)
{
    int                     rc;
    zwfw_json_error_t       error;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ngx_http_zwfw_body_is(r, "application/x-www-form-urlencoded")
        == NGX_OK)
    {
        state->by_form = 1;
        rc = zwfw_form_parse(&ctx->mem, text->data, text->len, ctx->body,
                             &error);

    } else if (state->keeping
               && ngx_http_zwfw_body_is(r, "multipart/form-data") == NGX_OK)
    {
        rc = ngx_http_zwfw_keep_parts(r, ctx, text, &error);

    } else if (ngx_http_zwfw_body_is(r, "application/json") == NGX_OK) {
        rc = zwfw_json_parse(&ctx->mem, text->data, text->len,
                             &ngx_http_zwfw_body_limits, &ctx->body, &error);

        if (rc == ZWFW_OK && ctx->body->type != ZWFW_JSON_OBJECT) {
            return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST, "bad_json",
                                        NULL);
        }

    } else if (text->len) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                    "bad_content_type", NULL);

    } else {
        return NGX_OK;
    }

    if (rc == ZWFW_DECLINED) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST, error.code,
                                    error.field.len
                                    ? (ngx_str_t *) &error.field : NULL);
    }

    return rc == ZWFW_OK ? NGX_OK : NGX_ERROR;
}


/* what was typed, for a form that is shown again */

ngx_int_t
ngx_http_zwfw_body_keep(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (!ctx->page || ctx->route->form.len == 0) {
        return NGX_OK;
    }

    state->values.data = ngx_pnalloc(r->pool, zwfw_json_size(ctx->body));
    if (state->values.data == NULL) {
        return NGX_ERROR;
    }

    state->values.len = zwfw_json_write(state->values.data, ctx->body)
                        - state->values.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_body_is(ngx_http_request_t *r, const char *type)
{
    size_t      len;
    ngx_str_t  *value;

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.content_type->value;
    len = ngx_strlen(type);

    if (value->len < len
        || ngx_strncasecmp(value->data, (u_char *) type, len) != 0)
    {
        return NGX_DECLINED;
    }

    if (value->len > len && value->data[len] != ';'
        && value->data[len] != ' ')
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the whole body in one piece; at most NGX_HTTP_ZWFW_BODY and in memory */

static ngx_int_t
ngx_http_zwfw_body_text(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char       *p;
    size_t        len;
    ngx_chain_t  *cl;

    ngx_str_null(text);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    if (len > NGX_HTTP_ZWFW_BODY) {
        text->len = len;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (cl->buf->in_file) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    text->len = p - text->data;

    return NGX_OK;
}
