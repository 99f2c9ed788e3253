
/*
 * call: one function of api, as the asking user, in one round trip
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_SET                                                    \
    "WITH me AS MATERIALIZED (SELECT set_config('zwfw.uid',$1,true),"        \
    "set_config('zwfw.acting_for',$2,true),set_config('zwfw.roles',$3,true)," \
    "set_config('zwfw.body',$4,true),set_config('zwfw.region',$5,true),"     \
    "set_config('zwfw.level',$6,true),set_config('zwfw.channel',$7,true),"   \
    "set_config('zwfw.request_id',$8,true),"                                 \
    "set_config('zwfw.session',$9,true))"


static void ngx_http_zwfw_call_standby(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_uint_t class);
static ngx_int_t ngx_http_zwfw_call_once(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *call, zwfw_json_t *args,
    zwfw_json_t *body);
static ngx_int_t ngx_http_zwfw_ask(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_uint_t class, ngx_uint_t nargs);
static char *ngx_http_zwfw_json_text(ngx_http_request_t *r,
    zwfw_json_t *json);
static void ngx_http_zwfw_called(ngx_http_zwfw_query_t *q);
static ngx_int_t ngx_http_zwfw_call_away(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_uint_t other);
static void ngx_http_zwfw_call_failed(ngx_http_request_t *r,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_call_log(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_call_refused(ngx_http_request_t *r,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_call_errors(ngx_http_request_t *r,
    ngx_str_t *text);
static void ngx_http_zwfw_call_kinds(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *errors);
static void ngx_http_zwfw_forget(void *data);
static void ngx_http_zwfw_forget_command(void *data);


/* how SQL's refusals look to a client; the first prefix that fits */

typedef struct {
    const char  *state;
    ngx_uint_t   status;
    const char  *code;
} ngx_http_zwfw_sqlstate_t;


static ngx_http_zwfw_sqlstate_t *ngx_http_zwfw_sqlstate(u_char *state);


static ngx_http_zwfw_sqlstate_t  ngx_http_zwfw_states[] = {
    { "23505", NGX_HTTP_CONFLICT, "conflict" },
    { "23503", NGX_HTTP_ZWFW_UNPROCESSABLE, "bad_value" },
    { "23514", NGX_HTTP_ZWFW_UNPROCESSABLE, "bad_value" },
    { "22",    NGX_HTTP_ZWFW_UNPROCESSABLE, "bad_value" },
    { "42501", NGX_HTTP_FORBIDDEN, "not_allowed" },
    { "57014", NGX_HTTP_GATEWAY_TIME_OUT, "timeout" },
    { "55P03", NGX_HTTP_SERVICE_UNAVAILABLE, "busy" },
    { "40001", NGX_HTTP_SERVICE_UNAVAILABLE, "busy" },
    { "40P01", NGX_HTTP_SERVICE_UNAVAILABLE, "busy" },
    { "08",    NGX_HTTP_SERVICE_UNAVAILABLE, "store_away" },
    { "53",    NGX_HTTP_SERVICE_UNAVAILABLE, "store_away" },
    { "57P",   NGX_HTTP_SERVICE_UNAVAILABLE, "store_away" },
    { NULL, 0, NULL }
};


static ngx_str_t  ngx_http_zwfw_once_name = ngx_string("zwfw_once");

/* whatever it saw or wrote is committed before this transaction is */

#define NGX_HTTP_ZWFW_MARK  ",pg_current_xact_id()"

static ngx_str_t  ngx_http_zwfw_once_sql[] = {

    ngx_string(NGX_HTTP_ZWFW_SET
    " SELECT zwfw.once($10,$11,$12,$13::jsonb,$14::jsonb) FROM me"),

    ngx_string(NGX_HTTP_ZWFW_SET
    " SELECT zwfw.once($10,$11,$12,$13::jsonb,$14::jsonb)" NGX_HTTP_ZWFW_MARK
    " FROM me")
};


/* call: do it */

ngx_int_t
ngx_http_zwfw_step_call(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_route_t  *rt;

    rt = ctx->route;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw call %V", &rt->call);

    if (rt->call.len == 0) {
        ngx_str_set(&ctx->answer, "{}");
        return NGX_OK;
    }

    return ngx_http_zwfw_call(r, rt->class, &rt->call, ctx->args, ctx->body);
}


ngx_int_t
ngx_http_zwfw_call(ngx_http_request_t *r, ngx_uint_t class, ngx_str_t *call,
    zwfw_json_t *args, zwfw_json_t *body)
{
    ngx_uint_t              pair;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_query_t  *q;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    q = state->query;
    q->standby = 0;

    if (class == NGX_HTTP_ZWFW_WRITE && state->once.len) {
        return ngx_http_zwfw_call_once(r, ctx, call, args, body);
    }

    q->name = *call;
    q->stable = (class != NGX_HTTP_ZWFW_WRITE);

    pair = ngx_http_zwfw_pg_standby(ctx->platform->pg);

    if (pair) {
        ngx_http_zwfw_call_standby(r, ctx, class);
    }

    if (ngx_http_zwfw_statement(r->pool, call, &q->sql,
                                pair && class == NGX_HTTP_ZWFW_WRITE)
        != NGX_OK
        || ngx_http_zwfw_me(r->pool, ctx, state->args) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* everybody gets what a shared page has: nobody asks for it */

    if (ctx->route->cache.time) {
        ngx_http_zwfw_nobody(state->args);
    }

    state->args[9] = ngx_http_zwfw_json_text(r, args);
    state->args[10] = ngx_http_zwfw_json_text(r, body);

    if (state->args[9] == NULL || state->args[10] == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_ask(r, ctx, class, 11);
}


/*
 * What a write is made of is read where it is written.  A page that is kept for
 * everybody is made anew when something was published: a standby may not have
 * that yet
 */

static void
ngx_http_zwfw_call_standby(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t class)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (class == NGX_HTTP_ZWFW_READ && ctx->route->method == NGX_HTTP_GET
        && state->cache_key.len == 0)
    {
        state->query->standby = 1;
        state->query->seen = ngx_http_zwfw_seen(r, ctx);
    }
}


/* the same request twice gets the answer of the first one; of several calls of
   a row it is the first that writes */

static ngx_int_t
ngx_http_zwfw_call_once(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *call, zwfw_json_t *args, zwfw_json_t *body)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    state->query->name = ngx_http_zwfw_once_name;
    state->query->sql = ngx_http_zwfw_once_sql[
                               ngx_http_zwfw_pg_standby(ctx->platform->pg)];
    state->query->stable = 0;

    if (ngx_http_zwfw_me(r->pool, ctx, state->args) != NGX_OK) {
        return NGX_ERROR;
    }

    state->args[9] = ngx_http_zwfw_cstring(r->pool, &state->once);
    state->args[10] = (char *) state->digest;
    state->args[11] = ngx_http_zwfw_cstring(r->pool, call);
    state->args[12] = ngx_http_zwfw_json_text(r, args);
    state->args[13] = ngx_http_zwfw_json_text(r, body);

    ngx_str_null(&state->once);

    if (state->args[9] == NULL || state->args[11] == NULL
        || state->args[12] == NULL || state->args[13] == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_ask(r, ctx, NGX_HTTP_ZWFW_WRITE, 14);
}


static ngx_int_t
ngx_http_zwfw_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t class, ngx_uint_t nargs)
{
    ngx_int_t               rc;
    ngx_http_cleanup_t     *cln;
    ngx_http_zwfw_query_t  *q;
    ngx_http_zwfw_state_t  *state = ctx->core;

    q = state->query;
    q->class = class;
    q->nargs = nargs;
    q->args = state->args;
    q->done = ngx_http_zwfw_called;
    q->data = r;
    q->tries = 0;

    rc = ngx_http_zwfw_pg_ask(ctx->platform->pg, q);

    if (rc != NGX_OK) {
        return ngx_http_zwfw_call_away(r, ctx, rc == NGX_DECLINED);
    }

    if (!state->cleanup) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            ngx_http_zwfw_pg_forget(ctx->platform->pg, q);
            return NGX_ERROR;
        }

        cln->handler = ngx_http_zwfw_forget;
        cln->data = ctx;
        state->cleanup = 1;
    }

    state->asking = 1;
    ngx_http_zwfw_watch(r);

    return NGX_AGAIN;
}


/* who asks travels with the question */

ngx_int_t
ngx_http_zwfw_me(ngx_pool_t *pool, ngx_http_zwfw_ctx_t *ctx, char **args)
{
    ngx_uint_t                i;
    ngx_http_zwfw_session_t  *s;

    static char  levels[][2] = { "0", "1", "2", "3", "4", "5" };

    s = ctx->session;

    ngx_http_zwfw_nobody(args);

    args[6] = ngx_http_zwfw_cstring(pool, &ctx->channel);
    args[7] = ngx_http_zwfw_cstring(pool, &ctx->request_id);

    if (s) {
        args[5] = levels[s->level];
        args[0] = ngx_http_zwfw_cstring(pool, &s->uid);
        args[2] = ngx_http_zwfw_cstring(pool, &s->roles);
        args[3] = ngx_http_zwfw_cstring(pool, &s->body);
        args[4] = ngx_http_zwfw_cstring(pool, &s->region);
        args[8] = ngx_http_zwfw_cstring(pool, &s->id);
    }

    for (i = 0; i < NGX_HTTP_ZWFW_ME; i++) {
        if (args[i] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the settings of nobody */

void
ngx_http_zwfw_nobody(char **args)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ZWFW_ME; i++) {
        args[i] = "";
    }

    args[5] = "0";
}


char *
ngx_http_zwfw_cstring(ngx_pool_t *pool, ngx_str_t *s)
{
    char  *p;

    p = ngx_pnalloc(pool, s->len + 1);
    if (p == NULL) {
        return NULL;
    }

    ngx_memcpy(p, s->data, s->len);
    p[s->len] = '\0';

    return p;
}


static char *
ngx_http_zwfw_json_text(ngx_http_request_t *r, zwfw_json_t *json)
{
    char    *text;
    u_char  *p;

    if (json == NULL) {
        return "{}";
    }

    text = ngx_pnalloc(r->pool, zwfw_json_size(json) + 1);
    if (text == NULL) {
        return NULL;
    }

    p = zwfw_json_write((u_char *) text, json);
    *p = '\0';

    return text;
}


ngx_int_t
ngx_http_zwfw_statement(ngx_pool_t *pool, ngx_str_t *call, ngx_str_t *sql,
    ngx_uint_t marked)
{
    u_char  *p;

    static u_char  head[] = NGX_HTTP_ZWFW_SET " SELECT api.";
    static u_char  args[] = "($10::jsonb,$11::jsonb)";
    static u_char  mark[] = NGX_HTTP_ZWFW_MARK;
    static u_char  tail[] = " FROM me";

    p = ngx_pnalloc(pool, sizeof(head) + call->len + sizeof(args)
                          + sizeof(mark) + sizeof(tail));
    if (p == NULL) {
        return NGX_ERROR;
    }

    sql->data = p;

    p = ngx_cpymem(p, head, sizeof(head) - 1);
    p = ngx_cpymem(p, call->data, call->len);
    p = ngx_cpymem(p, args, sizeof(args) - 1);

    if (marked) {
        p = ngx_cpymem(p, mark, sizeof(mark) - 1);
    }

    p = ngx_cpymem(p, tail, sizeof(tail));

    sql->len = p - sql->data - 1;

    return NGX_OK;
}


static void
ngx_http_zwfw_called(ngx_http_zwfw_query_t *q)
{
    ngx_http_request_t  *r = q->data;

    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    state->asking = 0;

    if (q->rc == NGX_OK) {

        if (q->written) {
            state->seen = q->written;
        }

        ctx->answer.data = ngx_pstrdup(r->pool, &q->value);
        ctx->answer.len = q->value.len;

        if (ctx->answer.data == NULL) {
            (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                        "internal_error", NULL);
        }

    } else {
        ngx_http_zwfw_call_failed(r, q);
    }

    ngx_http_zwfw_resume(r);
}


/* the store does not answer, or not as the schema that we know */

static ngx_int_t
ngx_http_zwfw_call_away(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_uint_t other)
{
    ctx->retry = 1;

    return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                other ? "schema_mismatch" : "store_away",
                                NULL);
}


static void
ngx_http_zwfw_call_failed(ngx_http_request_t *r, ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_sqlstate_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (q->rc == NGX_AGAIN) {
        (void) ngx_http_zwfw_call_away(r, ctx, 0);
        return;
    }

    if (q->rc == NGX_DECLINED || q->outdated) {

        if (q->outdated) {
            ngx_http_zwfw_call_log(ctx, q);
        }

        (void) ngx_http_zwfw_call_away(r, ctx, 1);
        return;
    }

    if (q->state[0] == 'Z' && q->state[1] == 'W') {
        ngx_http_zwfw_call_refused(r, q);
        return;
    }

    s = ngx_http_zwfw_sqlstate(q->state);

    if (s) {
        ctx->retry = (s->status == NGX_HTTP_SERVICE_UNAVAILABLE);
        (void) ngx_http_zwfw_refuse(r, s->status, s->code, NULL);
        return;
    }

    ngx_http_zwfw_call_log(ctx, q);

    (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                "internal_error", NULL);
}


/* not the log of the connection: it would add address and query */

static void
ngx_http_zwfw_call_log(ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_query_t *q)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "zwfw: api.%V() failed: %*s %V, request %V",
                  &q->name, (size_t) 5, q->state, &q->message,
                  &ctx->request_id);
}


static ngx_http_zwfw_sqlstate_t *
ngx_http_zwfw_sqlstate(u_char *state)
{
    ngx_http_zwfw_sqlstate_t  *s;

    for (s = ngx_http_zwfw_states; s->state; s++) {
        if (ngx_strncmp(state, s->state, ngx_strlen(s->state)) == 0) {
            return s;
        }
    }

    return NULL;
}


/*
 * ZWnnn: status nnn, the message is the code, the column is the field; the
 * detail has all fields with their codes, where there are several
 */

static void
ngx_http_zwfw_call_refused(ngx_http_request_t *r, ngx_http_zwfw_query_t *q)
{
    char         *code;
    ngx_int_t     status;
    ngx_str_t     field, column;

    status = ngx_atoi(q->state + 2, 3);
    code = ngx_http_zwfw_cstring(r->pool, &q->message);

    if (status < 400 || status > 599 || code == NULL) {
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "internal_error", NULL);
        return;
    }

    if (status == NGX_HTTP_ZWFW_UNPROCESSABLE && q->detail.len) {
        ngx_http_zwfw_call_errors(r, &q->detail);
    }

    column = q->column;
    field.len = column.len;
    field.data = (u_char *) ngx_http_zwfw_cstring(r->pool, &column);

    if (field.data == NULL) {
        field.len = 0;
    }

    (void) ngx_http_zwfw_refuse(r, status, code, field.len ? &field : NULL);
}


static void
ngx_http_zwfw_call_errors(ngx_http_request_t *r, ngx_str_t *text)
{
    zwfw_json_t          *errors;
    zwfw_json_error_t     error;
    ngx_http_zwfw_ctx_t  *ctx;

    static zwfw_json_limits_t  limits = { 2, 500, 500, 1 };

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (zwfw_json_parse(&ctx->mem, text->data, text->len, &limits, &errors,
                        &error)
        == ZWFW_OK)
    {
        ngx_http_zwfw_call_kinds(ctx, errors);
        ctx->errors = errors;
    }
}


/* "too_long line 100": of the field it says how it is to be filled in */

static void
ngx_http_zwfw_call_kinds(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *errors)
{
    u_char                 *space, *last;
    zwfw_str_t              kind;
    zwfw_json_t            *error;
    ngx_http_zwfw_state_t  *state = ctx->core;

    state->kinds = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    for (error = errors->child; state->kinds && error; error = error->next) {
        last = error->value.data + error->value.len;
        space = ngx_strlchr(error->value.data, last, ' ');

        if (error->type != ZWFW_JSON_STRING || space == NULL) {
            continue;
        }

        kind.data = space + 1;
        kind.len = last - kind.data;
        error->value.len = space - error->value.data;

        if (ngx_http_zwfw_put(ctx, state->kinds, &error->key, &kind)
            != NGX_OK)
        {
            return;
        }
    }
}


/* the event of a client that has gone with the end of its request is over */

void
ngx_http_zwfw_watch(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    r->read_event_handler = ngx_http_test_reading;

    if (rev->pending_eof) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


/* the client is gone */

static void
ngx_http_zwfw_forget(void *data)
{
    ngx_http_zwfw_ctx_t  *ctx = data;

    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->asking) {
        ngx_http_zwfw_pg_forget(ctx->platform->pg, state->query);
        state->asking = 0;
    }
}


/* sends state->command; its done() goes on */

ngx_int_t
ngx_http_zwfw_ask_redis(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_zwfw_state_t    *state = ctx->core;
    ngx_http_zwfw_command_t  *c;

    c = state->command;
    c->data = r;

    if (ngx_http_zwfw_redis_ask(ctx->platform->redis, c) != NGX_OK) {
        ctx->retry = 1;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        ngx_http_zwfw_redis_forget(ctx->platform->redis, c);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_zwfw_forget_command;
    cln->data = ctx;

    ngx_http_zwfw_watch(r);

    return NGX_AGAIN;
}


static void
ngx_http_zwfw_forget_command(void *data)
{
    ngx_http_zwfw_ctx_t  *ctx = data;

    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_http_zwfw_redis_forget(ctx->platform->redis, state->command);
}
