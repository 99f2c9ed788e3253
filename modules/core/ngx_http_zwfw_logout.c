
/*
 * Sessions end: one, or all of a person but the one that asks
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <hiredis/read.h>

#include "ngx_http_zwfw_session.h"


/* what waits in state->entry for the answer of Redis */

typedef struct {
    ngx_str_t                  id;          /* of the session that ends */
    unsigned                   own:1;
} ngx_http_zwfw_leaving_t;


static void ngx_http_zwfw_logout_done(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_logout_others_done(ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_logout_count(ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t n);
static ngx_int_t ngx_http_zwfw_login_expire(ngx_http_request_t *r);


/* s, t, u; id, whether it is the session that asks */

static ngx_str_t  ngx_http_zwfw_logout_script = ngx_string(
    "if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 and ARGV[2] == '0' "
    "then return 0 end "
    "redis.call('DEL', KEYS[1], KEYS[2]) "
    "return 1"
);


/* u; prefix, id of the session that stays, before and behind an id.  Returns
   the ids of the others.  Asks for all before it changes one: a cluster refuses
   that while it moves them */

static ngx_str_t  ngx_http_zwfw_logout_others_script = ngx_string(
    "local function key(kind, id) "
    "return ARGV[1] .. kind .. ARGV[3] .. id .. ARGV[4] end "
    "local ids = redis.call('ZRANGE', KEYS[1], 0, -1) "
    "local gone = {} "
    "for _, id in ipairs(ids) do "
    "redis.call('EXISTS', key('s:', id), key('t:', id)) end "
    "for _, id in ipairs(ids) do if id ~= ARGV[2] then "
    "redis.call('DEL', key('s:', id), key('t:', id)) "
    "redis.call('ZREM', KEYS[1], id) "
    "gone[#gone + 1] = id "
    "end end "
    "return gone"
);


ngx_int_t
ngx_http_zwfw_logout(ngx_http_request_t *r, ngx_str_t *id)
{
    u_char                    hash[NGX_HTTP_ZWFW_HASH];
    ngx_http_zwfw_ctx_t      *ctx;
    ngx_http_zwfw_state_t    *state;
    ngx_http_zwfw_leaving_t  *entry;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    /* it has ended already */

    if (ctx->session == NULL) {
        return ngx_http_zwfw_login_expire(r);
    }

    if (ngx_http_zwfw_session_bytes(id, hash) != NGX_OK) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    entry = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_leaving_t));
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->id = *id;
    entry->own = ngx_memcmp(id->data, ctx->session->id.data, id->len) == 0;

    if (ngx_http_zwfw_logout_words(r, &ctx->session->uid, id, entry->own)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    state->entry = entry;
    state->command->done = ngx_http_zwfw_logout_done;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


ngx_int_t
ngx_http_zwfw_logout_words(ngx_http_request_t *r, ngx_str_t *uid,
    ngx_str_t *id, ngx_uint_t own)
{
    u_char                  tag[NGX_HTTP_ZWFW_TAG];
    ngx_str_t              *words;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    words = state->words;

    ngx_http_zwfw_session_tag(uid, tag);

    ngx_str_set(&words[0], "EVAL");
    words[1] = ngx_http_zwfw_logout_script;
    ngx_str_set(&words[2], "3");

    if (ngx_http_zwfw_session_key(r, 's', id, tag, &words[3])
        || ngx_http_zwfw_session_key(r, 't', id, tag, &words[4])
        || ngx_http_zwfw_session_key(r, 'u', uid, tag, &words[5]))
    {
        return NGX_ERROR;
    }

    words[6] = *id;
    words[7].len = 1;
    words[7].data = (u_char *) (own ? "1" : "0");

    state->command->nwords = 8;
    state->command->words = words;

    return NGX_OK;
}


static void
ngx_http_zwfw_logout_done(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_int_t                 rc;
    ngx_http_zwfw_ctx_t      *ctx;
    ngx_http_zwfw_state_t    *state;
    ngx_http_zwfw_leaving_t  *entry;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    entry = state->entry;

    rc = (c->rc == NGX_OK) ? NGX_OK : NGX_AGAIN;

    if (rc == NGX_OK && c->reply.integer != 1) {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        ngx_http_zwfw_login_drop(ctx, &entry->id);

        /* who left is known to the end of the request, for the audit */

        if (entry->own) {
            rc = ngx_http_zwfw_login_expire(r);
        }
    }

    ngx_http_zwfw_login_finish(r, rc);
}


ngx_int_t
ngx_http_zwfw_logout_others(ngx_http_request_t *r)
{
    return ngx_http_zwfw_login_each(r, &ngx_http_zwfw_logout_others_script,
                                    ngx_http_zwfw_logout_others_done);
}


static void
ngx_http_zwfw_logout_others_done(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_uint_t              i;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_reply_t   id;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (c->rc != NGX_OK) {
        ngx_http_zwfw_login_finish(r, NGX_AGAIN);
        return;
    }

    for (i = 0; i < c->reply.n; i++) {
        ngx_http_zwfw_redis_element(&c->reply, i, &id);
        ngx_http_zwfw_login_drop(ctx, &id.value);
    }

    ngx_http_zwfw_login_finish(r, ngx_http_zwfw_logout_count(ctx, i));
}


/* args.ended, for what is told of it */

static ngx_int_t
ngx_http_zwfw_logout_count(ngx_http_zwfw_ctx_t *ctx, ngx_uint_t n)
{
    zwfw_str_t  number;

    number.data = ctx->mem.alloc(ctx->mem.pool, NGX_INT_T_LEN);
    if (number.data == NULL) {
        return NGX_ERROR;
    }

    number.len = ngx_sprintf(number.data, "%ui", n) - number.data;

    return zwfw_json_add(&ctx->mem, ctx->args, "ended", ZWFW_JSON_NUMBER,
                         &number)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_login_expire(ngx_http_request_t *r)
{
    ngx_str_t  *name;

    static ngx_str_t  insecure = ngx_string(
        "zwfw=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    static ngx_str_t  secure = ngx_string(
        "__Host-zwfw=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");

    name = ngx_http_zwfw_cookie_name(r);
    if (name == NULL) {
        return NGX_OK;
    }

    return ngx_http_zwfw_login_set_cookie(r, name->len == sizeof("zwfw") - 1
                                             ? &insecure : &secure);
}
