
/*
 * Who has written reads what was written, where reads go to a standby: the
 * answer to a write names its transaction in a cookie, so that any node hears
 * of it with the next request; this node remembers it for the person as well,
 * for another device, and tells the other nodes.  What is told is the name of a
 * key under the prefix that they listen to.  It opens nothing, it only chooses
 * the server
 */


#include "ngx_http_zwfw_session.h"


static ngx_str_t *ngx_http_zwfw_seen_name(ngx_http_request_t *r);
static void ngx_http_zwfw_seen_tell(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_seen_told(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_seen_keep(ngx_atomic_t *slot, uint64_t seen);
static ngx_atomic_t *ngx_http_zwfw_seen_slot(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *uid);


uint64_t
ngx_http_zwfw_seen(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    uint64_t       seen;
    ngx_int_t      n;
    ngx_str_t     *name, value;
    ngx_uint_t     count;

    seen = ctx->session
           ? *ngx_http_zwfw_seen_slot(ctx->platform, &ctx->session->uid) : 0;

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
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->seen == 0) {
        return NGX_OK;
    }

    if (ctx->session) {
        ngx_http_zwfw_seen_keep(ngx_http_zwfw_seen_slot(ctx->platform,
                                                        &ctx->session->uid),
                                state->seen);
        ngx_http_zwfw_seen_tell(r, ctx);
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


/* nobody waits: a node that does not hear reads what has been replayed */

static void
ngx_http_zwfw_seen_tell(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                   *p;
    ngx_str_t                 words[5];
    ngx_http_zwfw_state_t    *state = ctx->core;
    ngx_http_zwfw_command_t  *c;

    p = ngx_pnalloc(r->pool, ctx->platform->prefix.len + sizeof("s:seen::")
                             + ctx->session->uid.len + NGX_INT64_LEN);
    c = ngx_calloc(sizeof(ngx_http_zwfw_command_t), r->connection->log);

    if (p == NULL || c == NULL) {
        goto failed;
    }

    ngx_str_set(&words[0], "SET");
    words[1].data = p;
    words[1].len = ngx_sprintf(p, "%Vs:seen:%V:%uL", &ctx->platform->prefix,
                               &ctx->session->uid, state->seen) - p;
    ngx_str_set(&words[2], "1");
    ngx_str_set(&words[3], "PX");
    ngx_str_set(&words[4], "1000");

    c->nwords = 5;
    c->words = words;
    c->done = ngx_http_zwfw_seen_told;
    c->data = c;
    c->alone = 1;

    if (ngx_http_zwfw_redis_ask(ctx->platform->redis, c) == NGX_OK) {
        return;
    }

failed:

    if (c) {
        ngx_free(c);
    }
}


static void
ngx_http_zwfw_seen_told(ngx_http_zwfw_command_t *c)
{
    ngx_free(c);
}


ngx_int_t
ngx_http_zwfw_seen_heard(ngx_http_zwfw_platform_t *pf, ngx_str_t *key)
{
    u_char     *p, *last;
    ngx_int_t   seen;
    ngx_str_t   uid;

    static u_char  prefix[] = "s:seen:";

    p = key->data + pf->prefix.len;
    last = key->data + key->len;

    if (last - p < (ssize_t) sizeof(prefix) - 1
        || ngx_memcmp(p, prefix, sizeof(prefix) - 1) != 0)
    {
        return NGX_DECLINED;
    }

    uid.data = p + sizeof(prefix) - 1;

    p = ngx_strlchr(uid.data, last, ':');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    uid.len = p++ - uid.data;

    seen = ngx_atoi(p, last - p);
    if (seen == NGX_ERROR) {
        return NGX_DECLINED;
    }

    ngx_http_zwfw_seen_keep(ngx_http_zwfw_seen_slot(pf, &uid), seen);

    return NGX_OK;
}


static void
ngx_http_zwfw_seen_keep(ngx_atomic_t *slot, uint64_t seen)
{
    ngx_atomic_uint_t  old;

    while ((old = *slot) < seen) {
        (void) ngx_atomic_cmp_set(slot, old, seen);
    }
}


/* shared with some others, which only read from the primary for longer */

static ngx_atomic_t *
ngx_http_zwfw_seen_slot(ngx_http_zwfw_platform_t *pf, ngx_str_t *uid)
{
    return &pf->shared->seen[ngx_crc32_short(uid->data, uid->len)
                             % NGX_HTTP_ZWFW_SEEN];
}
