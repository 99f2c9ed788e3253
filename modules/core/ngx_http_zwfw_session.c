
/*
 * Who asks: the session of the cookie, from shared memory or from Redis
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <hiredis/read.h>

#include "ngx_http_zwfw_place.h"
#include "ngx_http_zwfw_session.h"


/* a question under way */

typedef struct {
    ngx_http_request_t         *request;
    ngx_http_zwfw_redis_t      *redis;
    ngx_http_zwfw_command_t     data;       /* GET s:{id} */
    ngx_http_zwfw_command_t     life;       /* GETEX t:{id} EX time */
    ngx_str_t                   data_words[2];
    ngx_str_t                   life_words[4];
    u_char                      idle_time[NGX_TIME_T_LEN];
    ngx_http_zwfw_generation_t  generation;
    ngx_http_zwfw_known_t      *known;
    ngx_int_t                   rc;         /* NGX_DECLINED: no such session */
    ngx_uint_t                  waiting;    /* answers that are not here */
    unsigned                    idle:1;     /* it is over */
    unsigned                    away:1;
} ngx_http_zwfw_lookup_t;


/* prolongs the idle time; nobody waits, so it lives on its own */

typedef struct {
    ngx_http_zwfw_command_t     command;
    ngx_http_zwfw_platform_t   *platform;
    u_char                      hash[NGX_HTTP_ZWFW_HASH];
} ngx_http_zwfw_prolong_t;


/* what a guard has found, for the locations after it */

typedef struct {
    ngx_http_zwfw_platform_t   *platform;
    ngx_http_zwfw_session_t    *session;
} ngx_http_zwfw_kept_t;


static ngx_int_t ngx_http_zwfw_session_find(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *token) ZWFW_RARE;
static void ngx_http_zwfw_session_mark(void *data);
static ngx_int_t ngx_http_zwfw_session_ask(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_known_t *known, ngx_str_t *token,
    ngx_http_zwfw_generation_t *generation) ZWFW_RARE;
static ngx_http_zwfw_lookup_t *ngx_http_zwfw_session_lookup(
    ngx_http_request_t *r, ngx_http_zwfw_known_t *known, u_char *tag);
static void ngx_http_zwfw_session_forget(void *data);
static void ngx_http_zwfw_session_data(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_session_life(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_session_answered(ngx_http_zwfw_lookup_t *lookup);
static ngx_int_t ngx_http_zwfw_session_refuse(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_int_t rc);
static void ngx_http_zwfw_session_prolong(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_known_t *known) ZWFW_RARE;
static void ngx_http_zwfw_session_prolonged(ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_cookie(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_zwfw_cookie_value(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *token);


ngx_int_t
ngx_http_zwfw_session(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               token;
    ngx_http_zwfw_state_t  *state;

    state = ctx->core;

    if (state->known) {
        return ctx->refused ? NGX_DECLINED : NGX_OK;
    }

    /* a guard: the phases are run again when there is room to write */

    if (state->looking) {
        return NGX_AGAIN;
    }

    if (ngx_http_zwfw_channel_open(r, ctx) != NGX_OK) {
        state->known = 1;
        return NGX_DECLINED;
    }

    ctx->session = ngx_http_zwfw_session_kept(r, ctx->platform);

    if (ctx->session || ngx_http_zwfw_cookie(r, &token) != NGX_OK) {
        state->known = 1;
        return NGX_OK;
    }

    ctx->session = ngx_http_zwfw_recall(r, ctx->platform, &token);

    if (ctx->session) {
        state->known = 1;
        return NGX_OK;
    }

    return ngx_http_zwfw_session_find(r, ctx, &token);
}


static ngx_int_t
ngx_http_zwfw_session_find(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_int_t                    rc;
    ngx_uint_t                   touch;
    ngx_http_zwfw_state_t       *state;
    ngx_http_zwfw_known_t       *known;
    ngx_http_zwfw_generation_t   generation;

    state = ctx->core;

    known = ngx_palloc(r->pool, sizeof(ngx_http_zwfw_known_t));
    if (known == NULL || ngx_http_zwfw_sha256(token, 1, known->hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_zwfw_known_find(ctx->platform, known, r->pool, &generation,
                                  &touch);

    if (rc == NGX_DECLINED) {
        return ngx_http_zwfw_session_ask(r, ctx, known, token, &generation);
    }

    if (rc == NGX_OK) {
        state->known = 1;
        ctx->session = &known->session;

        ngx_http_zwfw_remember(r, ctx->platform, token, known);

        if (touch) {
            ngx_http_zwfw_session_prolong(r, ctx, known);
        }
    }

    return rc;
}


/*
 * A guard has cut the cookie out of the request: what it found is kept in the
 * pool, which internal redirects and subrequests share, as a cleanup that does
 * nothing
 */

ngx_int_t
ngx_http_zwfw_session_keep(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_zwfw_kept_t  *kept;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_zwfw_kept_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    kept = cln->data;
    kept->platform = ctx->platform;
    kept->session = ctx->session;

    cln->handler = ngx_http_zwfw_session_mark;

    return NGX_OK;
}


ngx_http_zwfw_session_t *
ngx_http_zwfw_session_kept(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_zwfw_kept_t  *kept;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        kept = cln->data;

        if (cln->handler == ngx_http_zwfw_session_mark
            && kept->platform == pf)
        {
            return kept->session;
        }
    }

    return NULL;
}


static void
ngx_http_zwfw_session_mark(void *data)
{
    /* void */
}


static ngx_int_t
ngx_http_zwfw_session_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_known_t *known, ngx_str_t *token,
    ngx_http_zwfw_generation_t *generation)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_zwfw_redis_t   *redis;
    ngx_http_zwfw_state_t   *state;
    ngx_http_zwfw_lookup_t  *lookup;

    state = ctx->core;
    redis = ctx->platform->redis;

    if (zwfw_cookie_token((zwfw_str_t *) token) != ZWFW_OK) {
        state->known = 1;
        return NGX_OK;
    }

    cln = ngx_http_cleanup_add(r, 0);
    lookup = ngx_http_zwfw_session_lookup(r, known, token->data);

    if (cln == NULL || lookup == NULL) {
        return NGX_ERROR;
    }

    lookup->redis = redis;
    lookup->generation = *generation;

    if (ngx_http_zwfw_redis_ask(redis, &lookup->data) != NGX_OK) {
        return ngx_http_zwfw_session_refuse(r, ctx, NGX_AGAIN);
    }

    if (ngx_http_zwfw_redis_ask(redis, &lookup->life) != NGX_OK) {
        ngx_http_zwfw_redis_forget(redis, &lookup->data);
        return ngx_http_zwfw_session_refuse(r, ctx, NGX_AGAIN);
    }

    cln->handler = ngx_http_zwfw_session_forget;
    cln->data = lookup;

    state->looking = 1;

    ngx_http_zwfw_watch(r);

    return NGX_AGAIN;
}


static ngx_http_zwfw_lookup_t *
ngx_http_zwfw_session_lookup(ngx_http_request_t *r,
    ngx_http_zwfw_known_t *known, u_char *tag)
{
    ngx_str_t               *id;
    ngx_http_zwfw_ctx_t     *ctx;
    ngx_http_zwfw_lookup_t  *lookup;

    id = &known->session.id;
    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    lookup = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_lookup_t));
    id->data = ngx_pnalloc(r->pool, 2 * NGX_HTTP_ZWFW_HASH);

    if (lookup == NULL || id->data == NULL) {
        return NULL;
    }

    ngx_hex_dump(id->data, known->hash, NGX_HTTP_ZWFW_HASH);
    id->len = 2 * NGX_HTTP_ZWFW_HASH;

    ngx_str_set(&lookup->data_words[0], "GET");
    ngx_str_set(&lookup->life_words[0], "GETEX");
    ngx_str_set(&lookup->life_words[2], "EX");
    lookup->life_words[3].data = lookup->idle_time;
    lookup->life_words[3].len = ngx_sprintf(lookup->idle_time, "%T",
                                            ctx->platform->idle)
                                - lookup->idle_time;

    if (ngx_http_zwfw_session_key(r, 's', id, tag, &lookup->data_words[1])
        != NGX_OK
        || ngx_http_zwfw_session_key(r, 't', id, tag, &lookup->life_words[1])
           != NGX_OK)
    {
        return NULL;
    }

    lookup->request = r;
    lookup->known = known;
    lookup->waiting = 2;

    lookup->data.nwords = 2;
    lookup->data.words = lookup->data_words;
    lookup->data.done = ngx_http_zwfw_session_data;
    lookup->data.data = lookup;

    lookup->life.nwords = 4;
    lookup->life.words = lookup->life_words;
    lookup->life.done = ngx_http_zwfw_session_life;
    lookup->life.data = lookup;

    return lookup;
}


static void
ngx_http_zwfw_session_forget(void *data)
{
    ngx_http_zwfw_lookup_t  *lookup = data;

    ngx_http_zwfw_redis_forget(lookup->redis, &lookup->data);
    ngx_http_zwfw_redis_forget(lookup->redis, &lookup->life);
}


/* the answers come in any order, as a cluster may move one key before the
   other; the bytes of the first are gone when the second one comes */

static void
ngx_http_zwfw_session_data(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_lookup_t  *lookup = c->data;

    ngx_str_t             agent;
    ngx_http_request_t   *r;
    ngx_http_zwfw_ctx_t  *ctx;

    r = lookup->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (c->rc != NGX_OK) {
        lookup->away = 1;

    } else if (c->reply.type != REDIS_REPLY_STRING) {
        lookup->rc = NGX_DECLINED;

    } else {
        lookup->rc = ngx_http_zwfw_session_parse(ctx, &c->reply.value,
                                                 lookup->known, &agent);

        if (lookup->rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "zwfw: a session of platform \"%V\" is not readable",
                          &ctx->platform->name);
        }
    }

    ngx_http_zwfw_session_answered(lookup);
}


static void
ngx_http_zwfw_session_life(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_lookup_t  *lookup = c->data;

    if (c->rc != NGX_OK) {
        lookup->away = 1;

    } else if (c->reply.type != REDIS_REPLY_STRING) {
        lookup->idle = 1;
    }

    ngx_http_zwfw_session_answered(lookup);
}


static void
ngx_http_zwfw_session_answered(ngx_http_zwfw_lookup_t *lookup)
{
    ngx_http_request_t     *r;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;
    ngx_http_zwfw_known_t  *known;

    if (--lookup->waiting) {
        return;
    }

    r = lookup->request;
    known = lookup->known;
    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    if (lookup->away) {
        lookup->rc = NGX_AGAIN;

    } else if (lookup->rc == NGX_OK
               && (lookup->idle || known->expires <= ngx_time()))
    {
        lookup->rc = NGX_DECLINED;
    }

    state->known = 1;
    state->looking = 0;
    r->read_event_handler = ngx_http_block_reading;

    if (lookup->rc == NGX_OK) {
        ctx->session = &known->session;

        /* what a master drops that nobody listens to would not be heard */

        if (ngx_http_zwfw_heard(ctx->platform, lookup->data.from)) {
            ngx_http_zwfw_known_store(ctx->platform, known,
                                      &lookup->generation);
        }

    } else if (lookup->rc != NGX_DECLINED) {
        (void) ngx_http_zwfw_session_refuse(r, ctx, lookup->rc);
    }

    ngx_http_zwfw_resume(r);
}


/* NGX_AGAIN: Redis is away; the cookie is kept */

static ngx_int_t
ngx_http_zwfw_session_refuse(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    state->known = 1;

    if (rc != NGX_AGAIN) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
    }

    ctx->retry = 1;

    return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                "session_store_away", NULL);
}


static void
ngx_http_zwfw_session_prolong(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_known_t *known)
{
    u_char                    tag[NGX_HTTP_ZWFW_TAG], seconds[NGX_TIME_T_LEN];
    ngx_str_t                 words[3];
    ngx_http_zwfw_prolong_t  *prolong;

    prolong = ngx_calloc(sizeof(ngx_http_zwfw_prolong_t), r->connection->log);
    if (prolong == NULL) {
        return;
    }

    ngx_memcpy(prolong->hash, known->hash, NGX_HTTP_ZWFW_HASH);

    prolong->platform = ctx->platform;
    prolong->command.nwords = 3;
    prolong->command.words = words;
    prolong->command.done = ngx_http_zwfw_session_prolonged;
    prolong->command.data = prolong;
    prolong->command.alone = 1;

    ngx_str_set(&words[0], "EXPIRE");
    words[2].data = seconds;
    words[2].len = ngx_sprintf(seconds, "%T", ctx->platform->idle) - seconds;

    ngx_http_zwfw_session_tag(&known->session.uid, tag);

    if (ngx_http_zwfw_session_key(r, 't', &known->session.id, tag, &words[1])
        == NGX_OK
        && ngx_http_zwfw_redis_ask(ctx->platform->redis, &prolong->command)
           == NGX_OK)
    {
        return;
    }

    ngx_http_zwfw_known_drop(ctx->platform, known->hash);
    ngx_free(prolong);
}


/* one that is no longer idle, but over, must not be known either */

static void
ngx_http_zwfw_session_prolonged(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_prolong_t  *prolong = c->data;

    if (c->rc != NGX_OK || c->reply.integer != 1) {
        ngx_http_zwfw_known_drop(prolong->platform, prolong->hash);
    }

    ngx_free(prolong);
}


ngx_str_t *
ngx_http_zwfw_cookie_name(ngx_http_request_t *r)
{
    ngx_http_zwfw_loc_conf_t  *lcf;

    static ngx_str_t  insecure = ngx_string("zwfw");
#if (NGX_HTTP_SSL)
    static ngx_str_t  secure = ngx_string("__Host-zwfw");

    if (r->connection->ssl) {
        return &secure;
    }
#endif

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    return lcf->insecure ? &insecure : NULL;
}


ngx_int_t
ngx_http_zwfw_cookie_token(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_str_t  *name;

    name = ngx_http_zwfw_cookie_name(r);

    return name ? ngx_http_zwfw_find_cookie(r, name, token) : NGX_DECLINED;
}


ngx_int_t
ngx_http_zwfw_find_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
    if (ngx_http_zwfw_cookie_value(r, name, token) != NGX_OK
        || zwfw_cookie_token((zwfw_str_t *) token) != ZWFW_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the one of our name, if it is as long as a token */

static ngx_int_t
ngx_http_zwfw_cookie(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_str_t  *name;

    name = ngx_http_zwfw_cookie_name(r);

    return name ? ngx_http_zwfw_cookie_value(r, name, token) : NGX_DECLINED;
}


static ngx_int_t
ngx_http_zwfw_cookie_value(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
    /* with two of them, somebody else may have set one: nobody is known */

    return (ngx_http_zwfw_cookies(r, name, token) == 1
            && token->len == ZWFW_TOKEN) ? NGX_OK : NGX_DECLINED;
}


ngx_uint_t
ngx_http_zwfw_cookies(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    unsigned          n;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    n = 0;

    for (i = 0; (h = ngx_http_zwfw_cookie_header(r, i)) != NULL; i++) {
        n += zwfw_cookie_find(h->value.data, h->value.len,
                              (zwfw_str_t *) name, (zwfw_str_t *) value);
    }

    return n;
}


/* the header of that number; NULL: there are no more */

ngx_table_elt_t *
ngx_http_zwfw_cookie_header(ngx_http_request_t *r, ngx_uint_t i)
{
#if (nginx_version >= 1023000)
    ngx_table_elt_t   *h;

    for (h = r->headers_in.cookie; h && i; h = h->next) {
        i--;
    }

    return h;

#else
    ngx_table_elt_t  **cookies;

    cookies = r->headers_in.cookies.elts;

    return (i < r->headers_in.cookies.nelts) ? cookies[i] : NULL;

#endif
}


ngx_int_t
ngx_http_zwfw_session_bytes(ngx_str_t *id, u_char *hash)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    if (id->len != 2 * NGX_HTTP_ZWFW_HASH) {
        return NGX_DECLINED;
    }

    for (i = 0; i < id->len; i++) {
        if (id->data[i] >= 'A' && id->data[i] <= 'F') {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < NGX_HTTP_ZWFW_HASH; i++) {
        n = ngx_hextoi(id->data + 2 * i, 2);

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        hash[i] = (u_char) n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_session_key(ngx_http_request_t *r, u_char kind, ngx_str_t *id,
    u_char *tag, ngx_str_t *key)
{
    u_char                    *p;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_platform_t  *pf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    pf = ctx->platform;

    p = ngx_pnalloc(r->pool, pf->prefix.len + sizeof("s:{}") + id->len
                             + NGX_HTTP_ZWFW_TAG);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    p = ngx_sprintf(p, "%V%c:", &pf->prefix, kind);

    if (ngx_http_zwfw_redis_clustered(pf->redis)) {
        p = ngx_sprintf(p, "{%*s}%V", (size_t) NGX_HTTP_ZWFW_TAG, tag, id);

    } else {
        p = ngx_sprintf(p, kind == 'u' ? "%V" : "{%V}", id);
    }

    key->len = p - key->data;

    return NGX_OK;
}


/* twelve random bits of a uuid, as base64url has them */

void
ngx_http_zwfw_session_tag(ngx_str_t *uid, u_char *tag)
{
    ngx_int_t  n;

    static u_char  text[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "abcdefghijklmnopqrstuvwxyz0123456789-_";

    n = (uid->len > 3) ? ngx_hextoi(uid->data + uid->len - 3, 3) : 0;
    n = ngx_max(n, 0);

    tag[0] = text[n >> 6];
    tag[1] = text[n & 0x3f];
}


ngx_int_t
ngx_http_zwfw_session_of_key(ngx_http_zwfw_platform_t *pf, ngx_str_t *key,
    u_char *hash)
{
    size_t     before, behind;
    ngx_str_t  id;

    before = pf->prefix.len + sizeof("s:{") - 1;
    behind = 1;

    if (ngx_http_zwfw_redis_clustered(pf->redis)) {
        before += NGX_HTTP_ZWFW_TAG + 1;
        behind = 0;
    }

    if (key->len != before + 2 * NGX_HTTP_ZWFW_HASH + behind) {
        return NGX_DECLINED;
    }

    id.data = key->data + before;
    id.len = 2 * NGX_HTTP_ZWFW_HASH;

    return ngx_http_zwfw_session_bytes(&id, hash);
}
