
/*
 * limit: how often a row is asked, counted in Redis, for all nodes together
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_limit_ask(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_uint_t before);
static ngx_int_t ngx_http_zwfw_limit_key(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_limit_t *limit, ngx_str_t *key);
static ngx_int_t ngx_http_zwfw_limit_who(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_limit_t *limit, u_char *hex);
static ngx_int_t ngx_http_zwfw_limit_value(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_limit_t *limit, u_char *hex);
static void ngx_http_zwfw_counted(ngx_http_zwfw_command_t *c);
static ngx_uint_t ngx_http_zwfw_limit_over(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_reply_t *reply);


/* counts in fixed windows; one begins with its first request */

static ngx_str_t  ngx_http_zwfw_count_script = ngx_string(
    "local out = {} "
    "for i, key in ipairs(KEYS) do "
    "local n = redis.call('INCR', key) "
    "if n == 1 then redis.call('EXPIRE', key, ARGV[i]) end "
    "out[#out + 1] = n "
    "out[#out + 1] = redis.call('TTL', key) "
    "end "
    "return out"
);


ngx_uint_t
ngx_http_zwfw_limit_before(ngx_http_zwfw_limit_t *limit)
{
    return (limit->by.len == 3 && ngx_strncmp(limit->by.data, "uid", 3) == 0)
           || (limit->by.len == 7
               && ngx_strncmp(limit->by.data, "address", 7) == 0);
}


/* limit: too often by this person, or from there? */

ngx_int_t
ngx_http_zwfw_step_limit(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    return ctx->route->limit[0].count ? ngx_http_zwfw_limit_ask(r, ctx, 1)
                                      : NGX_OK;
}


/* limit_said: too often with this value of a field? */

ngx_int_t
ngx_http_zwfw_step_limit_said(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx)
{
    return ctx->route->limit[0].count ? ngx_http_zwfw_limit_ask(r, ctx, 0)
                                      : NGX_OK;
}


/* words: EVAL, script, number of keys, keys, periods */

static ngx_int_t
ngx_http_zwfw_limit_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t before)
{
    u_char                  *p;
    ngx_str_t               *words;
    ngx_uint_t               i, n;
    ngx_http_zwfw_limit_t   *limit, *asked[NGX_HTTP_ZWFW_LIMITS];
    ngx_http_zwfw_state_t   *state = ctx->core;

    n = 0;
    words = state->words;
    limit = ctx->route->limit;
    state->limited = 0;

    for (i = 0; i < NGX_HTTP_ZWFW_LIMITS && limit[i].count; i++) {
        if (ngx_http_zwfw_limit_before(&limit[i]) == before) {
            state->limited |= 1 << i;
            asked[n++] = &limit[i];
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, (n + 1) * NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&words[0], "EVAL");
    words[1] = ngx_http_zwfw_count_script;
    words[2].data = p;
    p = ngx_sprintf(p, "%ui", n);
    words[2].len = p - words[2].data;

    for (i = 0; i < n; i++) {
        if (ngx_http_zwfw_limit_key(r, ctx, asked[i], &words[3 + i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        words[3 + n + i].data = p;
        p = ngx_sprintf(p, "%T", asked[i]->period);
        words[3 + n + i].len = p - words[3 + n + i].data;
    }

    state->command.nwords = 3 + 2 * n;
    state->command.words = words;
    state->command.done = ngx_http_zwfw_counted;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* "zwfw:<platform>:limit:<route>:<by>:<whom>", which is a digest */

static ngx_int_t
ngx_http_zwfw_limit_key(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_limit_t *limit, ngx_str_t *key)
{
    u_char                 *p, hex[32];
    ngx_http_zwfw_route_t  *rt;

    rt = ctx->route;

    if (ngx_http_zwfw_limit_who(r, ctx, limit, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, ctx->platform->prefix.len + sizeof("limit::::")
                             + ctx->slice->name.len + rt->path.len
                             + limit->by.len + sizeof(hex));
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    key->len = ngx_sprintf(p, "%Vlimit:%V%V:%V:%*s", &ctx->platform->prefix,
                           &ctx->slice->name, &rt->path, &limit->by,
                           sizeof(hex), hex)
               - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_limit_who(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_limit_t *limit, u_char *hex)
{
    if (!ngx_http_zwfw_limit_before(limit)) {
        return ngx_http_zwfw_limit_value(r, ctx, limit, hex);
    }

    if (limit->by.len == 3 && ctx->session) {
        return ngx_http_zwfw_pseudonym(r, "limit", &ctx->session->uid, hex);
    }

    return ngx_http_zwfw_peer(r, "limit", 0, hex);
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


/* the value, sealed values by their index, and the network it comes from */

static ngx_int_t
ngx_http_zwfw_limit_value(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_limit_t *limit, u_char *hex)
{
    u_char       *p, network[32];
    ngx_str_t     text;
    zwfw_json_t  *value, *index;

    value = zwfw_json_get(ctx->body, (char *) limit->by.data, limit->by.len);
    index = zwfw_json_get(value, "index", 5);

    if (index) {
        value = index->last;
    }

    text.len = value ? value->value.len : 0;

    p = ngx_pnalloc(r->pool, sizeof(network) + text.len);

    if (p == NULL
        || ngx_http_zwfw_peer(r, "limit", 1, network) != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = p;
    p = ngx_cpymem(p, network, sizeof(network));

    if (text.len) {
        p = ngx_cpymem(p, value->value.data, text.len);
    }

    text.len = p - text.data;

    return ngx_http_zwfw_pseudonym(r, "limit", &text, hex);
}


static void
ngx_http_zwfw_counted(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_uint_t            retry;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (c->rc != NGX_OK || c->reply.n < 2) {
        ctx->retry = 1;
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);

    } else {
        retry = ngx_http_zwfw_limit_over(ctx, &c->reply);

        if (retry) {
            ctx->retry = retry;
            (void) ngx_http_zwfw_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                        "too_many_requests", NULL);
        }
    }

    ngx_http_zwfw_resume(r);
}


/* seconds until the last of the windows that are full ends; 0: none is */

static ngx_uint_t
ngx_http_zwfw_limit_over(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_reply_t *reply)
{
    ngx_uint_t              i, n, retry;
    ngx_http_zwfw_reply_t   count, ttl;
    ngx_http_zwfw_state_t  *state = ctx->core;

    n = 0;
    retry = 0;

    for (i = 0; i < NGX_HTTP_ZWFW_LIMITS; i++) {
        if (!(state->limited & (1 << i)) || n + 1 >= reply->n) {
            continue;
        }

        ngx_http_zwfw_redis_element(reply, n, &count);
        ngx_http_zwfw_redis_element(reply, n + 1, &ttl);
        n += 2;

        if ((ngx_uint_t) count.integer > ctx->route->limit[i].count) {
            retry = ngx_max(retry, (ngx_uint_t) ngx_max(ttl.integer, 1));
        }
    }

    return retry;
}
