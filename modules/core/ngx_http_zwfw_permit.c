
/*
 * The gate: who may ask for a row, from where, and how often
 */


#include "ngx_http_zwfw_session.h"


static ngx_int_t ngx_http_zwfw_origin(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_own_origin(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_int_t ngx_http_zwfw_limit_key(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *key);
static void ngx_http_zwfw_counted(ngx_http_zwfw_command_t *c);


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


/* counts in a fixed window; the window begins with its first request */

static ngx_str_t  ngx_http_zwfw_count_script = ngx_string(
    "local n = redis.call('INCR', KEYS[1]) "
    "if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end "
    "return {n, redis.call('TTL', KEYS[1])}"
);


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

    return ngx_http_zwfw_session(r);
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


/* limit: too often?  counted in Redis, for all nodes together */

ngx_int_t
ngx_http_zwfw_step_limit(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                   *p;
    ngx_str_t                 key;
    ngx_http_zwfw_limit_t    *limit;
    ngx_http_zwfw_state_t    *state = ctx->core;
    ngx_http_zwfw_command_t  *c;

    limit = &ctx->route->limit;

    if (limit->count == 0) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_limit_key(r, ctx, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&state->words[0], "EVAL");
    state->words[1] = ngx_http_zwfw_count_script;
    ngx_str_set(&state->words[2], "1");
    state->words[3] = key;
    state->words[4].data = p;
    state->words[4].len = ngx_sprintf(p, "%T", limit->period) - p;

    c = &state->command;
    c->nwords = 5;
    c->words = state->words;
    c->done = ngx_http_zwfw_counted;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* the bytes of an address, or of the /64 of IPv6 that one subscriber has */

ngx_str_t
ngx_http_zwfw_network(ngx_connection_t *c)
{
    ngx_str_t             network;
    struct sockaddr_in   *sin;

#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;
        network.data = sin6->sin6_addr.s6_addr;
        network.len = 8;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            network.data += 12;
            network.len = 4;
        }

        return network;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        network.data = (u_char *) &sin->sin_addr;
        network.len = 4;
        return network;

    default: /* AF_UNIX */
        return c->addr_text;
    }
}


/* "zwfw:<platform>:limit:<route>:<who>", who is a digest */

static ngx_int_t
ngx_http_zwfw_limit_key(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *key)
{
    u_char                   *p, hex[33];
    ngx_str_t                 by;
    ngx_http_zwfw_route_t    *rt;

    rt = ctx->route;

    by = ngx_http_zwfw_network(r->connection);

    if (ctx->session && rt->limit.by.len == 3) {
        by = ctx->session->uid;
    }

    if (ngx_http_zwfw_pseudonym(r, "limit", &by, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, ctx->platform->prefix.len + sizeof("limit:::")
                             + ctx->slice->name.len + rt->path.len + 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    key->len = ngx_sprintf(p, "%Vlimit:%V%V:%*s", &ctx->platform->prefix,
                           &ctx->slice->name, &rt->path, (size_t) 32, hex)
               - p;

    return NGX_OK;
}


static void
ngx_http_zwfw_counted(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_reply_t   n, ttl;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (c->rc != NGX_OK || c->reply.n != 2) {
        ctx->retry = 1;
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);

    } else {
        ngx_http_zwfw_redis_element(&c->reply, 0, &n);
        ngx_http_zwfw_redis_element(&c->reply, 1, &ttl);

        if ((ngx_uint_t) n.integer > ctx->route->limit.count) {
            ctx->retry = ttl.integer > 0 ? ttl.integer : 1;
            (void) ngx_http_zwfw_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                        "too_many_requests", NULL);
        }
    }

    ngx_http_zwfw_resume(r);
}
