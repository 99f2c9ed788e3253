
/*
 * The path of a request: one list of steps, one runner
 */


#include "ngx_http_zwfw_place.h"


static ngx_http_zwfw_step_pt *ngx_http_zwfw_refused(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_first_refusal(ngx_http_zwfw_ctx_t *ctx);
static ngx_uint_t ngx_http_zwfw_forgiven(ngx_http_zwfw_ctx_t *ctx);


/* every request runs through these, in this order */

static ngx_http_zwfw_step_pt  ngx_http_zwfw_steps[] = {
    ngx_http_zwfw_step_match,       /* which row?                   404 405 */
    ngx_http_zwfw_step_session,     /* who is it?        asks Redis     503 */
    ngx_http_zwfw_step_permit,      /* may they?                401 403 428 */
    ngx_http_zwfw_step_limit,       /* too often?        asks Redis     429 */
    ngx_http_zwfw_step_cached,      /* is the page in the cache?            */
    ngx_http_zwfw_step_body,        /* what do they say? asks client    413 */
    ngx_http_zwfw_step_check,       /* is it well said?             403 422 */
    ngx_http_zwfw_step_limit_said,  /* too often the same? asks Redis   429 */
    ngx_http_zwfw_step_resume,      /* typed before a log-in? asks Redis    */
    ngx_http_zwfw_step_turn,        /* to the row's own steps, if it has some */
    ngx_http_zwfw_step_call,        /* do it             asks PostgreSQL    */
    ngx_http_zwfw_step_reply,       /* what came of it: JSON, page or error */
    ngx_http_zwfw_step_send
};


/* a form that was refused is shown again */

ngx_http_zwfw_step_pt  ngx_http_zwfw_form_steps[] = {
    ngx_http_zwfw_step_form,        /* what the form's page needs           */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


ngx_http_zwfw_step_pt  ngx_http_zwfw_send_steps[] = {
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_refused_steps[] = {
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


ngx_int_t
ngx_http_zwfw_handler(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_loc_conf_t  *lcf;

    ctx = ngx_http_zwfw_ctx(r);
    if (ctx == NULL || ngx_http_zwfw_request_id(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    if (ngx_http_zwfw_begin(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->page = (lcf->face == NGX_HTTP_ZWFW_PAGES);
    ctx->step = ngx_http_zwfw_error_list(r);

    if (ctx->step == NULL) {
        ctx->step = ngx_http_zwfw_steps;
    }

    r->main->count++;

    ngx_http_zwfw_run(r);

    return NGX_DONE;
}


/* room for questions, which a file behind a guard never asks */

ngx_int_t
ngx_http_zwfw_begin(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_state_t   *state = ctx->core;
    ngx_http_zwfw_asking_t  *asking;

    asking = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_asking_t));
    if (asking == NULL) {
        return NGX_ERROR;
    }

    state->query = &asking->query;
    state->args = asking->args;
    state->command = &asking->command;
    state->words = asking->words;

    ctx->resume = ngx_http_zwfw_run;

    return NGX_OK;
}


void
ngx_http_zwfw_run(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    do {
        if (ctx->declined) {
            ctx->step = ngx_http_zwfw_refused(r, ctx);
        }

        rc = (*ctx->step++)(r, ctx);

        /* a step that declines has refused: none is passed by mistake */

        if (rc == NGX_DECLINED && !ctx->declined) {
            rc = NGX_ERROR;
            ctx->refused = 0;
        }

        if (rc == NGX_ERROR
            && (!ctx->refused || state->form || state->keeping))
        {
            rc = ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                      "internal_error", NULL);
        }

    } while (rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_finalize_request(r, rc == NGX_DONE ? ctx->rc : rc);
}


/* where a refused request goes on */

static ngx_http_zwfw_step_pt *
ngx_http_zwfw_refused(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_step_pt  *steps;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ctx->declined = 0;

    /* pieces of a page that was not finished */

    state->out = NULL;
    state->last = NULL;
    state->length = 0;
    state->hashed = 0;

    if (ngx_http_zwfw_forgiven(ctx)) {
        return ctx->step;
    }

    /* it could not be kept */

    if (state->keeping) {
        state->keeping = 0;
        ctx->retry = 0;
        ngx_http_zwfw_first_refusal(ctx);
        return ngx_http_zwfw_refused_steps;
    }

    steps = ngx_http_zwfw_keep_list(r, ctx);
    if (steps) {
        return steps;
    }

    /* without a body there is nothing to show again */

    if (ctx->page && ctx->route && ctx->body && state->form == NULL
        && (ctx->status == NGX_HTTP_ZWFW_UNPROCESSABLE
            || ctx->status == NGX_HTTP_CONFLICT
            || ctx->status == NGX_HTTP_TOO_MANY_REQUESTS))
    {
        state->form = ngx_http_zwfw_form_route(ctx, ctx->route);

        if (state->form) {
            state->why.status = ctx->status;
            state->why.code = ctx->code;
            state->why.field = ctx->field;
            return ngx_http_zwfw_form_steps;
        }
    }

    /* the form's own page could not be had: the first refusal counts */

    if (state->form && state->why.status && ctx->status < 500) {
        ngx_http_zwfw_first_refusal(ctx);
    }

    state->form = NULL;

    return ngx_http_zwfw_refused_steps;
}


static void
ngx_http_zwfw_first_refusal(ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    ctx->status = state->why.status;
    ctx->code = state->why.code;
    ctx->field = state->why.field;
}


/* public pages and what nginx refused are served to strangers while the store
   of sessions is away */

static ngx_uint_t
ngx_http_zwfw_forgiven(ngx_http_zwfw_ctx_t *ctx)
{
    /* a guard has no step to go on with */

    if (ctx->step == NULL
        || ngx_strcmp(ctx->code.data, "session_store_away") != 0
        || (ctx->route
            && (ctx->route->method != NGX_HTTP_GET
                || !(ctx->route->who & NGX_HTTP_ZWFW_ANYONE))))
    {
        return 0;
    }

    ctx->refused = 0;
    ctx->status = 0;
    ctx->retry = 0;
    ngx_str_null(&ctx->code);

    return 1;
}


/*
 * Goes on after an answer of Redis, PostgreSQL or a thread.  A request that
 * was finalized meanwhile has no steps left to run
 */

void
ngx_http_zwfw_resume(ngx_http_request_t *r)
{
    ngx_connection_t     *c;
    ngx_http_zwfw_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    ngx_http_set_log_request(c->log, r);

    ctx->resume(r);

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_zwfw_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_str_t *field)
{
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    /* nothing of an answer that was begun is sent */

    state = ctx->core;
    state->out = NULL;
    state->length = 0;
    state->hashed = 0;
    ngx_memzero(state->hash, sizeof(state->hash));

    ctx->refused = 1;
    ctx->declined = 1;
    ctx->status = status;
    ctx->code.data = (u_char *) code;
    ctx->code.len = ngx_strlen(code);

    ngx_str_null(&ctx->field);

    if (field) {
        ctx->field = *field;
    }

    (void) ngx_http_zwfw_request_id(r);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "zwfw: refused %ui %s, request %V",
                  status, code, &ctx->request_id);

    return NGX_DECLINED;
}


ngx_http_zwfw_ctx_t *
ngx_http_zwfw_ctx(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_http_zwfw_state_t     *state;
    ngx_http_zwfw_loc_conf_t  *lcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    if (ctx) {
        state = ctx->core;

        /* a variable was asked for before the location was found */

        if (state->place == lcf) {
            return ctx;
        }

        ctx->platform = lcf->platform;
        state->place = lcf;

        return ngx_http_zwfw_set_channel(r, ctx, lcf) == NGX_OK ? ctx : NULL;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_ctx_t)
                               + sizeof(ngx_http_zwfw_state_t));
    if (ctx == NULL) {
        return NULL;
    }

    state = (ngx_http_zwfw_state_t *) (ctx + 1);
    state->place = lcf;

    ctx->core = state;
    ctx->platform = lcf->platform;
    ctx->mem.alloc = ngx_http_zwfw_alloc;
    ctx->mem.pool = r->pool;

    if (ngx_http_zwfw_set_channel(r, ctx, lcf) != NGX_OK) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_zwfw_core_module);

    return ctx;
}


/* for zwfw_mem_t */

void *
ngx_http_zwfw_alloc(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


/* made when it is asked for: a file behind a guard needs none */

ngx_str_t *
ngx_http_zwfw_request_id(ngx_http_request_t *r)
{
    u_char                id[16];
    ngx_str_t            *of_main;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (ctx->request_id.len) {
        return &ctx->request_id;
    }

    if (r != r->main
        && ngx_http_get_module_ctx(r->main, ngx_http_zwfw_core_module))
    {
        of_main = ngx_http_zwfw_request_id(r->main);
        if (of_main == NULL) {
            return NULL;
        }

        ctx->request_id = *of_main;
        return of_main;
    }

    ctx->request_id.data = ngx_pnalloc(r->pool, 2 * sizeof(id));
    if (ctx->request_id.data == NULL || ngx_http_zwfw_random_id(id) != NGX_OK)
    {
        return NULL;
    }

    ngx_hex_dump(ctx->request_id.data, id, sizeof(id));
    ctx->request_id.len = 2 * sizeof(id);

    return &ctx->request_id;
}


ngx_http_zwfw_platform_t *
ngx_http_zwfw_platform(ngx_http_request_t *r)
{
    ngx_http_zwfw_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    return lcf->platform;
}


ngx_str_t *
ngx_http_zwfw_platform_name(ngx_http_zwfw_platform_t *pf)
{
    return &pf->name;
}


ngx_int_t
ngx_http_zwfw_step_turn(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    if (ctx->route->steps) {
        ctx->step = ctx->route->steps;
    }

    return NGX_OK;
}


/* a string member */

ngx_int_t
ngx_http_zwfw_put(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    zwfw_str_t *name, zwfw_str_t *value)
{
    zwfw_json_t  *json;

    json = zwfw_json_new(&ctx->mem, ZWFW_JSON_STRING, value);
    if (json == NULL) {
        return NGX_ERROR;
    }

    zwfw_json_append(object, name, json);

    return NGX_OK;
}


void
ngx_http_zwfw_get_text(zwfw_json_t *json, const char *name, ngx_str_t *text)
{
    json = zwfw_json_get(json, name, ngx_strlen(name));

    ngx_str_null(text);

    if (json && json->type == ZWFW_JSON_STRING) {
        text->data = json->value.data;
        text->len = json->value.len;
    }
}
