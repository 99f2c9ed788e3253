
/*
 * Who has written reads what was written, where reads go to a standby: the
 * answer to a write names its transaction in a cookie, so that any node hears
 * of it with the next request; this node remembers it for the session as well,
 * for who keeps no cookies.  It opens nothing, it only chooses the server
 */


#include "ngx_http_zwfw_session.h"


static ngx_str_t *ngx_http_zwfw_seen_name(ngx_http_request_t *r);
static ngx_atomic_t *ngx_http_zwfw_seen_slot(ngx_http_zwfw_ctx_t *ctx);


uint64_t
ngx_http_zwfw_seen(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    uint64_t       seen;
    ngx_int_t      n;
    ngx_str_t     *name, value;
    ngx_uint_t     count;
    ngx_atomic_t  *slot;

    slot = ngx_http_zwfw_seen_slot(ctx);
    seen = slot ? *slot : 0;

    name = ngx_http_zwfw_seen_name(r);
    count = name ? ngx_http_zwfw_cookies(r, name, &value) : 0;

    if (count == 0) {
        return seen;
    }

    n = (count == 1) ? ngx_atoi(value.data, value.len) : NGX_ERROR;

    /* what is not understood is read from the primary */

    if (n == NGX_ERROR) {
        return (uint64_t) -1;
    }

    return ngx_max(seen, (uint64_t) n);
}


ngx_int_t
ngx_http_zwfw_saw(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p;
    ngx_str_t              *name, *attributes, cookie;
    ngx_atomic_t           *slot;
    ngx_atomic_uint_t       old;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->seen == 0) {
        return NGX_OK;
    }

    slot = ngx_http_zwfw_seen_slot(ctx);

    while (slot && (old = *slot) < state->seen) {
        (void) ngx_atomic_cmp_set(slot, old, state->seen);
    }

    name = ngx_http_zwfw_seen_name(r);
    if (name == NULL) {
        return NGX_OK;
    }

    attributes = ngx_http_zwfw_cookie_attributes(name);

    p = ngx_pnalloc(r->pool, name->len + 1 + NGX_INT64_LEN + attributes->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    cookie.data = p;
    cookie.len = ngx_sprintf(p, "%V=%uL%V", name, state->seen, attributes) - p;

    return ngx_http_zwfw_login_set_cookie(r, &cookie);
}


/* as the session's: plain http has a name of its own, or none */

static ngx_str_t *
ngx_http_zwfw_seen_name(ngx_http_request_t *r)
{
    ngx_str_t  *name;

    static ngx_str_t  insecure = ngx_string("zwfw-seen");
    static ngx_str_t  secure = ngx_string("__Host-zwfw-seen");

    name = ngx_http_zwfw_cookie_name(r);
    if (name == NULL) {
        return NULL;
    }

    return name->len == sizeof("zwfw") - 1 ? &insecure : &secure;
}


/* shared with some others, which only read from the primary for longer */

static ngx_atomic_t *
ngx_http_zwfw_seen_slot(ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t  *id;

    if (ctx->session == NULL) {
        return NULL;
    }

    id = &ctx->session->id;

    return &ctx->platform->shared->seen[ngx_crc32_short(id->data, id->len)
                                        % NGX_HTTP_ZWFW_SEEN];
}
