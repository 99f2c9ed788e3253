
/*
 * tell: a call of no request.  Its memory is its own, so that it outlives
 * whoever has told
 */


#include "ngx_http_zwfw_core.h"


typedef struct {
    ngx_queue_t                queue;       /* of all that are under way */
    ngx_pool_t                *pool;
    ngx_http_zwfw_query_t      query;
    char                      *args[NGX_HTTP_ZWFW_ME + 2];
    ngx_http_zwfw_told_pt      done;
    void                      *data;
} ngx_http_zwfw_tell_t;


static ngx_http_zwfw_tell_t *ngx_http_zwfw_tell_create(
    ngx_http_zwfw_told_pt done, void *data);
static ngx_int_t ngx_http_zwfw_tell_ask(ngx_http_zwfw_tell_t *tell,
    ngx_http_zwfw_platform_t *pf, ngx_uint_t class, ngx_str_t *call);
static ngx_int_t ngx_http_zwfw_tell_nobody(ngx_http_zwfw_tell_t *tell);
static ngx_int_t ngx_http_zwfw_tell_args(ngx_http_zwfw_tell_t *tell,
    ngx_str_t *args, ngx_str_t *body);
static void ngx_http_zwfw_told(ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_tell_destroy(ngx_http_zwfw_tell_t *tell);


static ngx_queue_t  ngx_http_zwfw_tells;


void
ngx_http_zwfw_tells_init(void)
{
    ngx_queue_init(&ngx_http_zwfw_tells);
}


/* who would have been told is not there any more */

void
ngx_http_zwfw_tells_exit(void)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&ngx_http_zwfw_tells)) {
        q = ngx_queue_head(&ngx_http_zwfw_tells);
        ngx_http_zwfw_tell_destroy(ngx_queue_data(q, ngx_http_zwfw_tell_t,
                                                  queue));
    }
}


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
        ngx_http_zwfw_tell_destroy(tell);
        return NGX_ERROR;
    }

    return ngx_http_zwfw_tell_ask(tell, pf, class, call);
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

    ngx_queue_insert_tail(&ngx_http_zwfw_tells, &tell->queue);

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

    if (ngx_http_zwfw_statement(tell->pool, call, &q->sql, 0) == NGX_OK
        && ngx_http_zwfw_pg_ask(pf->pg, q) == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_http_zwfw_tell_destroy(tell);

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

    ngx_http_zwfw_tell_destroy(tell);
}


static void
ngx_http_zwfw_tell_destroy(ngx_http_zwfw_tell_t *tell)
{
    ngx_queue_remove(&tell->queue);
    ngx_destroy_pool(tell->pool);
}
