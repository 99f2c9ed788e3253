
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


/* counts in fixed windows; one begins with its first request.  One key: others
   may stand in another slot of a cluster */

static ngx_str_t  ngx_http_zwfw_count_script = ngx_string(
    "local n = redis.call('INCR', KEYS[1]) "
    "if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end "
    "return { n, redis.call('TTL', KEYS[1]) }"
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
    ((ngx_http_zwfw_state_t *) ctx->core)->limited = 0;

    return ngx_http_zwfw_limit_ask(r, ctx, 1);
}


/* limit_said: too often with this value of a field? */

ngx_int_t
ngx_http_zwfw_step_limit_said(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx)
{
    ((ngx_http_zwfw_state_t *) ctx->core)->limited = 0;

    return ngx_http_zwfw_limit_ask(r, ctx, 0);
}


/* asks for the next one, from state->limited on; NGX_OK: there is none */

static ngx_int_t
ngx_http_zwfw_limit_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t before)
{
    u_char                 *p;
    ngx_str_t              *words;
    ngx_http_zwfw_limit_t  *limit;
    ngx_http_zwfw_state_t  *state = ctx->core;

    for ( ;; ) {
        if (state->limited == NGX_HTTP_ZWFW_LIMITS) {
            return NGX_OK;
        }

        limit = &ctx->route->limit[state->limited++];

        if (limit->count == 0) {
            return NGX_OK;
        }

        if (ngx_http_zwfw_limit_before(limit) == before) {
            break;
        }
    }

    words = state->words;

    ngx_str_set(&words[0], "EVAL");
    words[1] = ngx_http_zwfw_count_script;
    ngx_str_set(&words[2], "1");

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);

    if (p == NULL
        || ngx_http_zwfw_limit_key(r, ctx, limit, &words[3]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    words[4].data = p;
    words[4].len = ngx_sprintf(p, "%T", limit->period) - p;

    state->command->nwords = 5;
    state->command->words = words;
    state->command->done = ngx_http_zwfw_counted;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* "zwfw:<platform>:limit:<route>:<by>:<whom>", which is a digest; in a
   cluster it also stands before the route, whose "{id}" would be its tag */

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

    p = ngx_pnalloc(r->pool, ctx->platform->prefix.len + sizeof("limit:{}:::")
                             + ctx->slice->name.len + rt->path.len
                             + limit->by.len + 2 * sizeof(hex));
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    p = ngx_sprintf(p, "%Vlimit:", &ctx->platform->prefix);

    if (ngx_http_zwfw_redis_clustered(ctx->platform->redis)) {
        p = ngx_sprintf(p, "{%*s}", sizeof(hex), hex);
    }

    p = ngx_sprintf(p, "%V%V:%V:%*s", &ctx->slice->name, &rt->path,
                    &limit->by, sizeof(hex), hex);
    key->len = p - key->data;

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

    ngx_int_t               rc;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_limit_t  *limit;
    ngx_http_zwfw_reply_t   count, ttl;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    limit = &ctx->route->limit[state->limited - 1];

    if (c->rc != NGX_OK || c->reply.n < 2) {
        ctx->retry = 1;
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);
        ngx_http_zwfw_resume(r);
        return;
    }

    ngx_http_zwfw_redis_element(&c->reply, 0, &count);
    ngx_http_zwfw_redis_element(&c->reply, 1, &ttl);

    if ((ngx_uint_t) count.integer > limit->count) {
        ctx->retry = ngx_max(ttl.integer, 1);
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                    "too_many_requests", NULL);
        ngx_http_zwfw_resume(r);
        return;
    }

    rc = ngx_http_zwfw_limit_ask(r, ctx, ngx_http_zwfw_limit_before(limit));

    if (rc == NGX_ERROR) {
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_zwfw_resume(r);
    }
}
