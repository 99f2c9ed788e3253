
/*
 * The gate: who may ask for a row, and from where
 */


#include "ngx_http_zwfw_session.h"


static ngx_int_t ngx_http_zwfw_origin(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_own_origin(ngx_http_request_t *r,
    ngx_str_t *origin);


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   who;
} ngx_http_zwfw_audience_t;


static ngx_http_zwfw_audience_t  ngx_http_zwfw_audiences[] = {
    { ngx_string("anyone"), NGX_HTTP_ZWFW_ANYONE },
    { ngx_string("user"), NGX_HTTP_ZWFW_USER },
    { ngx_string("staff"), NGX_HTTP_ZWFW_STAFF },
    { ngx_string("natural"), NGX_HTTP_ZWFW_NATURAL },
    { ngx_string("clerk"), NGX_HTTP_ZWFW_CLERK },
    { ngx_string("approver"), NGX_HTTP_ZWFW_APPROVER },
    { ngx_string("supervisor"), NGX_HTTP_ZWFW_SUPERVISOR },
    { ngx_string("item_manager"), NGX_HTTP_ZWFW_ITEM_MANAGER },
    { ngx_string("item_editor"), NGX_HTTP_ZWFW_ITEM_EDITOR },
    { ngx_string("operator"), NGX_HTTP_ZWFW_OPERATOR },
    { ngx_null_string, 0 }
};


ngx_uint_t
ngx_http_zwfw_who(ngx_str_t *name)
{
    ngx_http_zwfw_audience_t  *a;

    for (a = ngx_http_zwfw_audiences; a->who; a++) {
        if (a->name.len == name->len
            && ngx_strncmp(a->name.data, name->data, name->len) == 0)
        {
            return a->who;
        }
    }

    return 0;
}


/* name of one bit; empty when there is none */

ngx_str_t
ngx_http_zwfw_who_name(ngx_uint_t who)
{
    ngx_http_zwfw_audience_t  *a;

    for (a = ngx_http_zwfw_audiences; a->who; a++) {
        if (a->who == who) {
            break;
        }
    }

    return a->name;
}


/* session: who is it? */

ngx_int_t
ngx_http_zwfw_step_session(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw session");

    return ngx_http_zwfw_session(r, ctx);
}


/* permit: may they? */

ngx_int_t
ngx_http_zwfw_step_permit(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw permit %d", ctx->session != NULL);

    if (ngx_http_zwfw_trail_room(r, ctx) != NGX_OK
        || ngx_http_zwfw_allow(r, ctx->route->who, ctx->route->level)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ctx->route->method != NGX_HTTP_POST) {
        return NGX_OK;
    }

    /* before an account is made that no session can be opened for */

    if (ngx_http_zwfw_cookie_name(r) == NULL) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "https_required",
                                    NULL);
    }

    return ngx_http_zwfw_origin(r, ctx);
}


ngx_int_t
ngx_http_zwfw_allow(ngx_http_request_t *r, ngx_uint_t who, ngx_uint_t level)
{
    ngx_http_zwfw_ctx_t      *ctx;
    ngx_http_zwfw_session_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    s = ctx->session;

    if (who & NGX_HTTP_ZWFW_ANYONE) {
        return NGX_OK;
    }

    if (s == NULL) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_UNAUTHORIZED, "no_session",
                                    NULL);
    }

    if (!(s->who & who)) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "not_allowed",
                                    NULL);
    }

    if (s->level < level) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_ZWFW_PRECONDITION_REQUIRED,
                                    "level_too_low", NULL);
    }

    return NGX_OK;
}


/* browsers say where a POST comes from: it must be our own pages */

static ngx_int_t
ngx_http_zwfw_origin(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t  *value;

    value = ngx_http_zwfw_header(r, (u_char *) "sec-fetch-site",
                                 sizeof("sec-fetch-site") - 1);

    if (value
        && !(value->len == 11 && ngx_strncmp(value->data, "same-origin", 11)
                                 == 0)
        && !(value->len == 4 && ngx_strncmp(value->data, "none", 4) == 0))
    {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "wrong_origin",
                                    NULL);
    }

    value = ngx_http_zwfw_header(r, (u_char *) "origin",
                                 sizeof("origin") - 1);

    if (value && ngx_http_zwfw_own_origin(r, value) != NGX_OK) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "wrong_origin",
                                    NULL);
    }

    return NGX_OK;
}


/* base_url, or over plain http where cookies may be insecure our own host */

static ngx_int_t
ngx_http_zwfw_own_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t                 *own, *host;
    ngx_http_zwfw_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    own = &lcf->platform->base_url;

    if (origin->len == own->len
        && ngx_strncasecmp(origin->data, own->data, own->len) == 0)
    {
        return NGX_OK;
    }

    if (!lcf->insecure || r->headers_in.host == NULL) {
        return NGX_DECLINED;
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        return NGX_DECLINED;
    }

#endif

    host = &r->headers_in.host->value;

    if (origin->len == 7 + host->len
        && ngx_strncmp(origin->data, "http://", 7) == 0
        && ngx_strncasecmp(origin->data + 7, host->data, host->len) == 0)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}
