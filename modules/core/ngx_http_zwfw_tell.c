
/*
 * tell: a call of no request.  Its memory is its own, so that it outlives
 * whoever has told
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_TELL_TRIES  60        /* of the audit trail, */
#define NGX_HTTP_ZWFW_TELL_PAUSE  1000      /* with so many ms between them */


typedef struct {
    ngx_pool_t                *pool;
    ngx_http_zwfw_query_t      query;
    char                      *args[NGX_HTTP_ZWFW_ME + 2];
    ngx_http_zwfw_told_pt      done;
    void                      *data;
    ngx_http_zwfw_platform_t  *platform;
    ngx_event_t                again;       /* asks once more */
    ngx_uint_t                 tries;       /* left; 0: done() is told */
} ngx_http_zwfw_tell_t;


static ngx_int_t ngx_http_zwfw_tell_again(ngx_http_zwfw_tell_t *tell);
static void ngx_http_zwfw_tell_retry(ngx_event_t *ev);
static void ngx_http_zwfw_tell_logged(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static ngx_http_zwfw_tell_t *ngx_http_zwfw_tell_create(
    ngx_http_zwfw_told_pt done, void *data);
static ngx_int_t ngx_http_zwfw_tell_ask(ngx_http_zwfw_tell_t *tell,
    ngx_http_zwfw_platform_t *pf, ngx_uint_t class, ngx_str_t *call);
static ngx_int_t ngx_http_zwfw_tell_nobody(ngx_http_zwfw_tell_t *tell);
static ngx_int_t ngx_http_zwfw_tell_args(ngx_http_zwfw_tell_t *tell,
    ngx_str_t *args, ngx_str_t *body);
static void ngx_http_zwfw_told(ngx_http_zwfw_query_t *q);


ngx_int_t
ngx_http_zwfw_tell(ngx_http_zwfw_platform_t *pf, ngx_uint_t class,
    ngx_str_t *call, ngx_str_t *args, ngx_str_t *body,
    ngx_http_zwfw_told_pt done, void *data)
{
    ngx_http_zwfw_tell_t  *tell;

    tell = ngx_http_zwfw_tell_create(done, data);
    if (tell == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_tell_nobody(tell) != NGX_OK
        || ngx_http_zwfw_tell_args(tell, args, body) != NGX_OK)
    {
        ngx_destroy_pool(tell->pool);
        return NGX_ERROR;
    }

    return ngx_http_zwfw_tell_ask(tell, pf, class, call);
}


void
ngx_http_zwfw_tell_as(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *call, zwfw_json_t *args)
{
    ngx_str_t              text;
    ngx_http_zwfw_tell_t  *tell;

    static ngx_str_t  body = ngx_string("{}");

    text.len = zwfw_json_size(args);
    text.data = ngx_pnalloc(r->pool, text.len);

    tell = text.data ? ngx_http_zwfw_tell_create(ngx_http_zwfw_tell_logged,
                                                 NULL)
                     : NULL;
    if (tell == NULL) {
        return;
    }

    (void) zwfw_json_write(text.data, args);

    if (ngx_http_zwfw_me(tell->pool, ctx, tell->args) != NGX_OK
        || ngx_http_zwfw_tell_args(tell, &text, &body) != NGX_OK)
    {
        ngx_destroy_pool(tell->pool);
        return;
    }

    tell->tries = NGX_HTTP_ZWFW_TELL_TRIES;

    if (ngx_http_zwfw_tell_ask(tell, ctx->platform, NGX_HTTP_ZWFW_WRITE, call)
        != NGX_OK)
    {
        ngx_http_zwfw_tell_logged(NULL, NGX_ERROR, &body);
    }
}


/* the store was away or too slow; SQL knows a line that it has already */

static ngx_int_t
ngx_http_zwfw_tell_again(ngx_http_zwfw_tell_t *tell)
{
    if (tell->tries == 0 || ngx_exiting || ngx_terminate) {
        return NGX_DECLINED;
    }

    tell->tries--;

    tell->again.handler = ngx_http_zwfw_tell_retry;
    tell->again.data = tell;
    tell->again.log = ngx_cycle->log;

    ngx_add_timer(&tell->again, NGX_HTTP_ZWFW_TELL_PAUSE);

    return NGX_OK;
}


static void
ngx_http_zwfw_tell_retry(ngx_event_t *ev)
{
    ngx_http_zwfw_tell_t  *tell = ev->data;

    if (ngx_http_zwfw_pg_ask(tell->platform->pg, &tell->query) == NGX_OK
        || ngx_http_zwfw_tell_again(tell) == NGX_OK)
    {
        return;
    }

    tell->query.rc = NGX_AGAIN;
    ngx_http_zwfw_told(&tell->query);
}


static void
ngx_http_zwfw_tell_logged(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "zwfw: a line of the audit trail is lost");
    }
}


static ngx_http_zwfw_tell_t *
ngx_http_zwfw_tell_create(ngx_http_zwfw_told_pt done, void *data)
{
    ngx_pool_t            *pool;
    ngx_http_zwfw_tell_t  *tell;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    tell = ngx_pcalloc(pool, sizeof(ngx_http_zwfw_tell_t));
    if (tell == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    tell->pool = pool;
    tell->done = done;
    tell->data = data;

    return tell;
}


/* the memory is gone when it could not be asked */

static ngx_int_t
ngx_http_zwfw_tell_ask(ngx_http_zwfw_tell_t *tell,
    ngx_http_zwfw_platform_t *pf, ngx_uint_t class, ngx_str_t *call)
{
    ngx_http_zwfw_query_t  *q;

    q = &tell->query;
    q->class = class;
    q->name = *call;
    q->stable = (class == NGX_HTTP_ZWFW_READ);
    q->args = tell->args;
    q->nargs = NGX_HTTP_ZWFW_ME + 2;
    q->done = ngx_http_zwfw_told;
    q->data = tell;

    tell->platform = pf;

    if (ngx_http_zwfw_statement(tell->pool, call, &q->sql) == NGX_OK
        && (ngx_http_zwfw_pg_ask(pf->pg, q) == NGX_OK
            || ngx_http_zwfw_tell_again(tell) == NGX_OK))
    {
        return NGX_OK;
    }

    ngx_destroy_pool(tell->pool);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_tell_nobody(ngx_http_zwfw_tell_t *tell)
{
    u_char  id[16], *hex;

    hex = ngx_pcalloc(tell->pool, 2 * sizeof(id) + 1);

    if (hex == NULL || ngx_http_zwfw_random_id(id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, id, sizeof(id));

    ngx_http_zwfw_nobody(tell->args);

    tell->args[7] = (char *) hex;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_tell_args(ngx_http_zwfw_tell_t *tell, ngx_str_t *args,
    ngx_str_t *body)
{
    tell->args[NGX_HTTP_ZWFW_ME] = ngx_http_zwfw_cstring(tell->pool, args);
    tell->args[NGX_HTTP_ZWFW_ME + 1] = ngx_http_zwfw_cstring(tell->pool, body);

    return tell->args[NGX_HTTP_ZWFW_ME] && tell->args[NGX_HTTP_ZWFW_ME + 1]
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_zwfw_told(ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_tell_t  *tell = q->data;

    ngx_str_t  answer;

    if ((q->rc == NGX_AGAIN
         || (q->rc == NGX_ERROR && ngx_http_zwfw_passing(q->state)))
        && ngx_http_zwfw_tell_again(tell) == NGX_OK)
    {
        return;
    }

    switch (q->rc) {

    case NGX_OK:
        tell->done(tell->data, NGX_OK, &q->value);
        break;

    case NGX_ERROR:
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "zwfw: api.%V() failed: %*s %V, request %s",
                      &q->name, sizeof(q->state), q->state, &q->message,
                      tell->args[7]);

        answer.len = sizeof(q->state);
        answer.data = q->state;
        tell->done(tell->data, NGX_ERROR, &answer);
        break;

    default:
        ngx_str_null(&answer);
        tell->done(tell->data, NGX_ERROR, &answer);
        break;
    }

    ngx_destroy_pool(tell->pool);
}
