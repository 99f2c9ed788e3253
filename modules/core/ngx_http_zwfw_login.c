
/*
 * Sessions begin, and their users see them.  What changes several keys is a
 * script: all of it or nothing
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <hiredis/read.h>

#include "ngx_http_zwfw_session.h"
#include "zwfw_agent.h"


#define NGX_HTTP_ZWFW_TOKEN   32            /* random bytes */
#define NGX_HTTP_ZWFW_ZONE    (8 * 3600)    /* Asia/Shanghai, no summer time */


/* what waits in state->entry for the answer of Redis */

typedef struct {
    ngx_http_zwfw_session_t    session;
    ngx_str_t                  cookie;      /* value of Set-Cookie */
    ngx_str_t                  id;          /* of the session that ends */
    unsigned                   elsewhere:1; /* it is in another slot */
} ngx_http_zwfw_change_t;


static ngx_int_t ngx_http_zwfw_login_id(ngx_http_request_t *r,
    ngx_str_t *name, ngx_http_zwfw_change_t *entry);
static ngx_int_t ngx_http_zwfw_login_former(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry);
static ngx_int_t ngx_http_zwfw_login_record(ngx_http_request_t *r,
    ngx_http_zwfw_session_t *s, ngx_str_t *record);
static ngx_int_t ngx_http_zwfw_login_put(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, const char *key, zwfw_json_type_e type,
    ngx_str_t *value);
static ngx_int_t ngx_http_zwfw_login_put_number(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, const char *key, time_t value);
static ngx_int_t ngx_http_zwfw_login_put_agent(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object);
static ngx_int_t ngx_http_zwfw_login_write(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *json, ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_login_words(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry);
static ngx_int_t ngx_http_zwfw_login_keys(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry);
static ngx_int_t ngx_http_zwfw_login_leave(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry);
static void ngx_http_zwfw_login_done(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_sessions_done(ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_sessions_add(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *items, ngx_http_zwfw_reply_t *id,
    ngx_http_zwfw_reply_t *record);
static ngx_int_t ngx_http_zwfw_sessions_agent(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *item, ngx_str_t *agent);


/* s, t, u of the new session; s, t, u of the former one;
   record, life, idle, now, end of life, id, id of the former one */

static ngx_str_t  ngx_http_zwfw_login_script = ngx_string(
    "redis.call('DEL', KEYS[4], KEYS[5]) "
    "redis.call('ZREM', KEYS[6], ARGV[7]) "
    "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) "
    "redis.call('SET', KEYS[2], 1, 'EX', ARGV[3]) "
    "redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[4]) "
    "redis.call('ZADD', KEYS[3], ARGV[5], ARGV[6]) "
    "redis.call('EXPIRE', KEYS[3], ARGV[2]) "
    "return 1"
);


/* u; prefix, id, before and behind an id.  Returns id and record of each, and
   removes what has ended.  Both keys in one command: a cluster that moves them
   refuses it, and would say of each that it is not there */

static ngx_str_t  ngx_http_zwfw_sessions_script = ngx_string(
    "local function key(kind, id) "
    "return ARGV[1] .. kind .. ARGV[3] .. id .. ARGV[4] end "
    "local list = {} "
    "for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, 99)) do "
    "local s = redis.call('MGET', key('s:', id), key('t:', id)) "
    "if s[1] and s[2] then "
    "list[#list + 1] = id "
    "list[#list + 1] = s[1] "
    "else redis.call('ZREM', KEYS[1], id) end "
    "end "
    "return list"
);


ngx_int_t
ngx_http_zwfw_login(ngx_http_request_t *r, ngx_http_zwfw_session_t *s)
{
    ngx_str_t               *name;
    ngx_http_zwfw_ctx_t     *ctx;
    ngx_http_zwfw_state_t   *state;
    ngx_http_zwfw_change_t  *entry;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    name = ngx_http_zwfw_cookie_name(r);
    if (name == NULL) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "https_required",
                                    NULL);
    }

    entry = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_change_t));
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->session = *s;
    entry->session.created = ngx_time();

    if (entry->session.channel.len == 0) {
        entry->session.channel = ctx->channel;
    }

    if (ngx_http_zwfw_login_id(r, name, entry) != NGX_OK
        || ngx_http_zwfw_login_former(r, entry) != NGX_OK
        || ngx_http_zwfw_login_words(r, entry) != NGX_OK)
    {
        return NGX_ERROR;
    }

    state->entry = entry;
    state->command->nwords = 16;
    state->command->words = state->words;
    state->command->done = ngx_http_zwfw_login_done;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* a new token: its digest is the id, and it goes to the browser only */

static ngx_int_t
ngx_http_zwfw_login_id(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_zwfw_change_t *entry)
{
    u_char     *p, hash[NGX_HTTP_ZWFW_HASH];
    ngx_str_t   token;

    static ngx_str_t  session = ngx_null_string;

    p = ngx_pnalloc(r->pool, 2 * NGX_HTTP_ZWFW_HASH);

    if (p == NULL
        || ngx_http_zwfw_new_cookie(r, name, &session, &entry->cookie, &token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* where the keys of this person are */

    if (ngx_http_zwfw_redis_clustered(ngx_http_zwfw_platform(r)->redis)) {
        ngx_http_zwfw_session_tag(&entry->session.uid, token.data);
    }

    if (ngx_http_zwfw_sha256(&token, 1, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    entry->session.id.data = p;
    entry->session.id.len = 2 * NGX_HTTP_ZWFW_HASH;

    ngx_hex_dump(p, hash, NGX_HTTP_ZWFW_HASH);

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_new_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *age, ngx_str_t *cookie, ngx_str_t *token)
{
    u_char     *p, random[NGX_HTTP_ZWFW_TOKEN];
    ngx_str_t   bytes, *attributes;

    attributes = ngx_http_zwfw_cookie_attributes(name);

    p = ngx_pnalloc(r->pool, name->len + 1 + ZWFW_TOKEN + attributes->len
                             + age->len);

    if (p == NULL || RAND_bytes(random, NGX_HTTP_ZWFW_TOKEN) != 1) {
        return NGX_ERROR;
    }

    cookie->data = p;
    p = ngx_sprintf(p, "%V=", name);

    bytes.data = random;
    bytes.len = NGX_HTTP_ZWFW_TOKEN;

    token->data = p;
    ngx_encode_base64url(token, &bytes);
    OPENSSL_cleanse(random, NGX_HTTP_ZWFW_TOKEN);

    p = ngx_sprintf(p + token->len, "%V%V", attributes, age);
    cookie->len = p - cookie->data;

    return NGX_OK;
}


/* plain http has names of its own, without "Secure" */

ngx_str_t *
ngx_http_zwfw_cookie_attributes(ngx_str_t *name)
{
    static ngx_str_t  insecure = ngx_string("; Path=/; HttpOnly; SameSite=Lax");
    static ngx_str_t  secure = ngx_string("; Path=/; Secure; HttpOnly"
                                          "; SameSite=Lax");

    return name->data[0] == '_' ? &secure : &insecure;
}


/* the session that the request came with; without one, the new one: nothing
   of it is there to be ended */

static ngx_int_t
ngx_http_zwfw_login_former(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry)
{
    u_char     *p, hash[NGX_HTTP_ZWFW_HASH];
    ngx_str_t   token;

    if (ngx_http_zwfw_cookie_token(r, &token) != NGX_OK) {
        entry->id = entry->session.id;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, 2 * NGX_HTTP_ZWFW_HASH);

    if (p == NULL || ngx_http_zwfw_sha256(&token, 1, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(p, hash, NGX_HTTP_ZWFW_HASH);

    entry->id.data = p;
    entry->id.len = 2 * NGX_HTTP_ZWFW_HASH;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_login_record(ngx_http_request_t *r,
    ngx_http_zwfw_session_t *s, ngx_str_t *record)
{
    zwfw_json_t          *json;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    json = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (json == NULL
        || ngx_http_zwfw_login_put(ctx, json, "uid", ZWFW_JSON_STRING, &s->uid)
        || ngx_http_zwfw_login_put(ctx, json, "name", ZWFW_JSON_STRING,
                                   &s->name)
        || ngx_http_zwfw_login_put(ctx, json, "body", ZWFW_JSON_STRING,
                                   &s->body)
        || ngx_http_zwfw_login_put(ctx, json, "region", ZWFW_JSON_STRING,
                                   &s->region)
        || ngx_http_zwfw_login_put(ctx, json, "roles", ZWFW_JSON_STRING,
                                   &s->roles)
        || ngx_http_zwfw_login_put(ctx, json, "channel", ZWFW_JSON_STRING,
                                   &s->channel)
        || ngx_http_zwfw_login_put_number(ctx, json, "who", s->who)
        || ngx_http_zwfw_login_put_number(ctx, json, "level", s->level)
        || ngx_http_zwfw_login_put_number(ctx, json, "created", s->created)
        || ngx_http_zwfw_login_put_number(ctx, json, "expires",
                                          s->created + ctx->platform->life)
        || ngx_http_zwfw_login_put_agent(r, ctx, json))
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_login_write(ctx, json, record);
}


/* what is empty is absent */

static ngx_int_t
ngx_http_zwfw_login_put(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    const char *key, zwfw_json_type_e type, ngx_str_t *value)
{
    if (value->len == 0) {
        return NGX_OK;
    }

    return zwfw_json_add(&ctx->mem, object, key, type, (zwfw_str_t *) value)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_login_put_number(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    const char *key, time_t value)
{
    ngx_str_t  text;

    text.data = ctx->mem.alloc(ctx->mem.pool, NGX_TIME_T_LEN);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%T", value) - text.data;

    return ngx_http_zwfw_login_put(ctx, object, key, ZWFW_JSON_NUMBER, &text);
}


static ngx_int_t
ngx_http_zwfw_login_put_agent(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object)
{
    ngx_str_t         text;
    zwfw_agent_t      agent;
    ngx_table_elt_t  *h;

    h = r->headers_in.user_agent;

    zwfw_agent(h ? h->value.data : NULL, h ? h->value.len : 0, &agent);

    text.data = ngx_pnalloc(r->pool, agent.browser.len + 1 + agent.system.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%V/%V", (ngx_str_t *) &agent.browser,
                           (ngx_str_t *) &agent.system)
               - text.data;

    return ngx_http_zwfw_login_put(ctx, object, "agent", ZWFW_JSON_STRING,
                                   &text);
}


void
ngx_http_zwfw_agent(ngx_str_t *header, ngx_str_t *browser, ngx_str_t *system)
{
    zwfw_agent_t  agent;

    zwfw_agent(header->data, header->len, &agent);

    browser->len = agent.browser.len;
    browser->data = agent.browser.data;

    system->len = agent.system.len;
    system->data = agent.system.data;
}


static ngx_int_t
ngx_http_zwfw_login_write(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *json,
    ngx_str_t *text)
{
    text->len = zwfw_json_size(json);

    text->data = ctx->mem.alloc(ctx->mem.pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) zwfw_json_write(text->data, json);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_login_words(ngx_http_request_t *r,
    ngx_http_zwfw_change_t *entry)
{
    u_char                    *p;
    time_t                     value[4];
    ngx_str_t                 *words;
    ngx_uint_t                 i;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_state_t     *state;
    ngx_http_zwfw_session_t   *s;
    ngx_http_zwfw_platform_t  *pf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    pf = ctx->platform;
    s = &entry->session;
    words = state->words;

    ngx_str_set(&words[0], "EVAL");
    words[1] = ngx_http_zwfw_login_script;
    ngx_str_set(&words[2], "6");

    p = ngx_pnalloc(r->pool, 4 * NGX_TIME_T_LEN);

    if (p == NULL
        || ngx_http_zwfw_login_keys(r, entry) != NGX_OK
        || ngx_http_zwfw_login_record(r, s, &words[9]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    value[0] = pf->life;
    value[1] = pf->idle;
    value[2] = s->created;
    value[3] = s->created + pf->life;

    for (i = 0; i < 4; i++) {
        words[10 + i].data = p;
        p = ngx_sprintf(p, "%T", value[i]);
        words[10 + i].len = p - words[10 + i].data;
    }

    words[14] = s->id;
    words[15] = entry->id;

    return NGX_OK;
}


/* a script has the keys of one person: in a cluster the former session of
   another one ends by a command of its own */

static ngx_int_t
ngx_http_zwfw_login_keys(ngx_http_request_t *r, ngx_http_zwfw_change_t *entry)
{
    u_char                    tag[NGX_HTTP_ZWFW_TAG], other[NGX_HTTP_ZWFW_TAG];
    ngx_str_t                *words, *id, *uid;
    ngx_http_zwfw_ctx_t      *ctx;
    ngx_http_zwfw_session_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    words = ((ngx_http_zwfw_state_t *) ctx->core)->words;
    s = &entry->session;

    id = &entry->id;
    uid = ctx->session ? &ctx->session->uid : &s->uid;

    ngx_http_zwfw_session_tag(&s->uid, tag);
    ngx_http_zwfw_session_tag(uid, other);

    if (ngx_http_zwfw_redis_clustered(ctx->platform->redis)
        && ngx_memcmp(tag, other, NGX_HTTP_ZWFW_TAG) != 0)
    {
        entry->elsewhere = 1;
        id = &s->id;
        uid = &s->uid;
    }

    if (ngx_http_zwfw_session_key(r, 's', &s->id, tag, &words[3])
        || ngx_http_zwfw_session_key(r, 't', &s->id, tag, &words[4])
        || ngx_http_zwfw_session_key(r, 'u', &s->uid, tag, &words[5])
        || ngx_http_zwfw_session_key(r, 's', id, tag, &words[6])
        || ngx_http_zwfw_session_key(r, 't', id, tag, &words[7])
        || ngx_http_zwfw_session_key(r, 'u', uid, tag, &words[8]))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_OK: there is nothing to end; NGX_AGAIN: login_done() comes once more */

static ngx_int_t
ngx_http_zwfw_login_leave(ngx_http_request_t *r, ngx_http_zwfw_change_t *entry)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (!entry->elsewhere) {
        return NGX_OK;
    }

    entry->elsewhere = 0;

    if (ngx_http_zwfw_logout_words(r, &ctx->session->uid, &entry->id, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_ask_redis(r, ctx);
}


static void
ngx_http_zwfw_login_done(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_int_t                rc;
    ngx_http_zwfw_ctx_t     *ctx;
    ngx_http_zwfw_state_t   *state;
    ngx_http_zwfw_change_t  *entry;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    entry = state->entry;

    rc = NGX_AGAIN;

    if (c->rc == NGX_OK) {
        rc = ngx_http_zwfw_login_leave(r, entry);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_DECLINED) {
            ngx_http_zwfw_resume(r);
            return;
        }
    }

    if (rc == NGX_OK) {
        ngx_http_zwfw_login_drop(ctx, &entry->id);

        ctx->session = &entry->session;
        rc = ngx_http_zwfw_login_set_cookie(r, &entry->cookie);

        if (rc == NGX_OK && state->device.len) {
            rc = ngx_http_zwfw_login_set_cookie(r, &state->device);
        }
    }

    ngx_http_zwfw_login_finish(r, rc);
}


ngx_int_t
ngx_http_zwfw_sessions(ngx_http_request_t *r)
{
    return ngx_http_zwfw_login_each(r, &ngx_http_zwfw_sessions_script,
                                    ngx_http_zwfw_sessions_done);
}


ngx_int_t
ngx_http_zwfw_login_each(ngx_http_request_t *r, ngx_str_t *script,
    void (*done)(ngx_http_zwfw_command_t *c))
{
    u_char                 *p, tag[NGX_HTTP_ZWFW_TAG];
    ngx_str_t              *words;
    ngx_uint_t              clustered;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    words = state->words;

    if (ctx->session == NULL) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_UNAUTHORIZED, "no_session",
                                    NULL);
    }

    ngx_str_set(&words[0], "EVAL");
    words[1] = *script;
    ngx_str_set(&words[2], "1");

    ngx_http_zwfw_session_tag(&ctx->session->uid, tag);
    p = ngx_pnalloc(r->pool, NGX_HTTP_ZWFW_TAG + 2);

    if (p == NULL
        || ngx_http_zwfw_session_key(r, 'u', &ctx->session->uid, tag,
                                     &words[3])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    words[4] = ctx->platform->prefix;
    words[5] = ctx->session->id;

    clustered = ngx_http_zwfw_redis_clustered(ctx->platform->redis);

    words[6].data = p;
    words[6].len = clustered ? NGX_HTTP_ZWFW_TAG + 2 : 1;
    (void) ngx_sprintf(p, clustered ? "{%*s}" : "{",
                       (size_t) NGX_HTTP_ZWFW_TAG, tag);

    ngx_str_set(&words[7], "}");
    words[7].len = !clustered;

    state->command->nwords = 8;
    state->command->words = words;
    state->command->done = done;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


static void
ngx_http_zwfw_sessions_done(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_int_t               rc;
    ngx_uint_t              i;
    zwfw_json_t            *json, *items;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_reply_t   id, record;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (c->rc != NGX_OK) {
        ngx_http_zwfw_login_finish(r, NGX_AGAIN);
        return;
    }

    json = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    items = json ? zwfw_json_add(&ctx->mem, json, "items", ZWFW_JSON_ARRAY,
                                 NULL)
                 : NULL;

    rc = items ? NGX_OK : NGX_ERROR;

    for (i = 0; i + 1 < c->reply.n && rc == NGX_OK; i += 2) {
        ngx_http_zwfw_redis_element(&c->reply, i, &id);
        ngx_http_zwfw_redis_element(&c->reply, i + 1, &record);

        rc = ngx_http_zwfw_sessions_add(ctx, items, &id, &record);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_login_write(ctx, json, &ctx->answer);
    }

    ngx_http_zwfw_login_finish(r, rc);
}


static ngx_int_t
ngx_http_zwfw_sessions_add(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *items,
    ngx_http_zwfw_reply_t *id, ngx_http_zwfw_reply_t *record)
{
    ngx_tm_t                tm;
    ngx_int_t               rc;
    ngx_str_t               agent, created, *own;
    zwfw_json_t            *item;
    ngx_http_zwfw_known_t   known;

    rc = ngx_http_zwfw_session_parse(ctx, &record->value, &known, &agent);
    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    created.len = sizeof("1970-01-01T08:00:00+08:00") - 1;
    created.data = ctx->mem.alloc(ctx->mem.pool, created.len);

    item = zwfw_json_add(&ctx->mem, items, NULL, ZWFW_JSON_OBJECT, NULL);

    if (created.data == NULL || item == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime(known.session.created + NGX_HTTP_ZWFW_ZONE, &tm);

    (void) ngx_sprintf(created.data, "%4d-%02d-%02dT%02d:%02d:%02d+08:00",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);

    own = &ctx->session->id;

    if (ngx_http_zwfw_login_put(ctx, item, "id", ZWFW_JSON_STRING, &id->value)
        || ngx_http_zwfw_login_put(ctx, item, "created", ZWFW_JSON_STRING,
                                   &created)
        || ngx_http_zwfw_login_put(ctx, item, "channel", ZWFW_JSON_STRING,
                                   &known.session.channel)
        || ngx_http_zwfw_sessions_agent(ctx, item, &agent) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = (own->len == id->value.len
          && ngx_memcmp(own->data, id->value.data, own->len) == 0);

    return zwfw_json_add(&ctx->mem, item, "current",
                         rc ? ZWFW_JSON_TRUE : ZWFW_JSON_FALSE, NULL)
           ? NGX_OK : NGX_ERROR;
}


/* "chrome/windows" in two: each has its word */

static ngx_int_t
ngx_http_zwfw_sessions_agent(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *item,
    ngx_str_t *agent)
{
    u_char     *p;
    ngx_str_t   browser, system;

    p = ngx_strlchr(agent->data, agent->data + agent->len, '/');
    if (p == NULL) {
        return NGX_OK;
    }

    browser.data = agent->data;
    browser.len = p - agent->data;
    system.data = p + 1;
    system.len = agent->len - browser.len - 1;

    if (ngx_http_zwfw_login_put(ctx, item, "browser", ZWFW_JSON_STRING,
                                &browser))
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_login_put(ctx, item, "system", ZWFW_JSON_STRING,
                                   &system)
           ? NGX_ERROR : NGX_OK;
}


void
ngx_http_zwfw_login_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_AGAIN:
        ctx->retry = 1;
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);
        break;

    case NGX_DECLINED:
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
        break;

    default:
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
    }

    ngx_http_zwfw_resume(r);
}


void
ngx_http_zwfw_login_drop(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *id)
{
    u_char  hash[NGX_HTTP_ZWFW_HASH];

    if (ngx_http_zwfw_session_bytes(id, hash) == NGX_OK) {
        ngx_http_zwfw_known_drop(ctx->platform, hash);
    }
}


ngx_int_t
ngx_http_zwfw_login_set_cookie(ngx_http_request_t *r, ngx_str_t *cookie)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Set-Cookie");
    h->value = *cookie;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}
