
/*
 * Slow work in nginx's thread pool, with an admission limit
 */


#include "ngx_http_zwfw_core.h"

#include <openssl/crypto.h>


#define NGX_HTTP_ZWFW_WORK_TIME  60000


static void ngx_http_zwfw_work_in_thread(void (*work)(void *data),
    void *data);
static void ngx_http_zwfw_work_run(void *data, ngx_log_t *log);
static void ngx_http_zwfw_work_done(ngx_event_t *ev);
static void ngx_http_zwfw_work_wake(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_work_post(ngx_http_request_t *r,
    void (*work)(void *data), void *data, size_t size, ngx_uint_t counted);
static ngx_thread_task_t *ngx_http_zwfw_work_task(ngx_http_request_t *r,
    ngx_http_zwfw_state_t *state, size_t size);
static ngx_uint_t ngx_http_zwfw_work_admits(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_chore_run(void *data, ngx_log_t *log);
static void ngx_http_zwfw_chore_done(ngx_event_t *ev);


typedef struct ngx_http_zwfw_task_s  ngx_http_zwfw_task_t;

struct ngx_http_zwfw_task_s {
    ngx_queue_t                queue;
    ngx_http_request_t        *request;
    ngx_http_zwfw_platform_t  *platform;
    ngx_str_t                  network;     /* of the client */
    void                     (*work)(void *data);
    void                      *data;        /* of the caller, copied back */
    size_t                     size;
    size_t                     room;
    void                      *copy;        /* what the thread touches */
};


/* of this worker: the tasks that run or wait */

static ngx_queue_t  ngx_http_zwfw_tasks;


ngx_int_t
ngx_http_zwfw_work(ngx_http_request_t *r, void (*work)(void *data),
    void *data, size_t size)
{
    ngx_int_t             rc;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    rc = NGX_BUSY;

    if (ngx_http_zwfw_work_admits(r, ctx)) {
        rc = ngx_http_zwfw_work_post(r, work, data, size, 1);
    }

    if (rc == NGX_BUSY) {
        ctx->retry = 1;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                    NULL);
    }

    return rc;
}


/* pieces of a download: short, and one of a request at a time */

ngx_int_t
ngx_http_zwfw_work_more(ngx_http_request_t *r, void (*work)(void *data),
    void *data, size_t size)
{
    return ngx_http_zwfw_work_post(r, work, data, size, 0);
}


/* NGX_BUSY: the queue of the pool is full */

static ngx_int_t
ngx_http_zwfw_work_post(ngx_http_request_t *r, void (*work)(void *data),
    void *data, size_t size, ngx_uint_t counted)
{
    ngx_thread_task_t     *task;
    ngx_http_zwfw_ctx_t   *ctx;
    ngx_http_zwfw_task_t  *t;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    task = ngx_http_zwfw_work_task(r, ctx->core, size);
    if (task == NULL) {
        return NGX_ERROR;
    }

    t = task->ctx;

    t->request = r;
    t->platform = ctx->platform;
    t->network = ngx_http_zwfw_network(r->connection);
    t->work = work;
    t->data = data;
    t->size = size;

    ngx_memcpy(t->copy, data, size);

    if (ngx_thread_task_post(ctx->platform->pool, task) != NGX_OK) {
        return NGX_BUSY;
    }

    if (counted) {
        ngx_queue_insert_tail(&ngx_http_zwfw_tasks, &t->queue);

    } else {
        ngx_queue_init(&t->queue);
    }

    /* a worker that quits waits for its timers, and so for this task */

    ngx_add_timer(&task->event, NGX_HTTP_ZWFW_WORK_TIME);

    r->main->blocked++;
    r->aio = 1;
    r->write_event_handler = ngx_http_zwfw_work_wake;

    return NGX_AGAIN;
}


/* a request has one at a time, and uses it again */

static ngx_thread_task_t *
ngx_http_zwfw_work_task(ngx_http_request_t *r, ngx_http_zwfw_state_t *state,
    size_t size)
{
    ngx_thread_task_t     *task;
    ngx_http_zwfw_task_t  *t;

    task = state->task;

    if (task) {
        t = task->ctx;

        if (t->room >= size) {
            return task;
        }
    }

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_zwfw_task_t) + size);
    if (task == NULL) {
        return NULL;
    }

    t = task->ctx;
    t->room = size;
    t->copy = t + 1;

    task->handler = ngx_http_zwfw_work_run;
    task->event.data = t;
    task->event.handler = ngx_http_zwfw_work_done;
    task->event.log = r->connection->log;

    state->task = task;

    return task;
}


/* a request terminated meanwhile has nginx's finalizer in this place */

static void
ngx_http_zwfw_work_wake(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t  *ctx;

    if (r->aio) {
        return;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    ctx->resume(r);
}


/* at most pf->threads of a worker, and a quarter of them for one network */

static ngx_uint_t
ngx_http_zwfw_work_admits(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t              network;
    ngx_uint_t             all, own;
    ngx_queue_t           *q;
    ngx_http_zwfw_task_t  *t;

    if (ngx_http_zwfw_tasks.next == NULL) {
        ngx_queue_init(&ngx_http_zwfw_tasks);
    }

    all = 0;
    own = 0;
    network = ngx_http_zwfw_network(r->connection);

    for (q = ngx_queue_head(&ngx_http_zwfw_tasks);
         q != ngx_queue_sentinel(&ngx_http_zwfw_tasks);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_zwfw_task_t, queue);

        if (t->platform != ctx->platform) {
            continue;
        }

        all++;

        if (t->network.len == network.len
            && ngx_memcmp(t->network.data, network.data, network.len) == 0)
        {
            own++;
        }
    }

    return all < ctx->platform->threads
           && own < ngx_max(ctx->platform->threads / 4, 2);
}


ngx_uint_t
ngx_http_zwfw_working(ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ngx_http_zwfw_task_t  *t;

    if (ngx_http_zwfw_tasks.next == NULL) {
        return 0;
    }

    n = 0;

    for (q = ngx_queue_head(&ngx_http_zwfw_tasks);
         q != ngx_queue_sentinel(&ngx_http_zwfw_tasks);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_zwfw_task_t, queue);
        n += (t->platform == pf);
    }

    return n;
}


/*
 * Nothing of nginx is touched.  What OpenSSL keeps for a thread is freed here:
 * nginx does not wait for the end of its threads, and a thread that frees it
 * then does so while exit() of the worker frees all of OpenSSL
 */

static void
ngx_http_zwfw_work_in_thread(void (*work)(void *data), void *data)
{
    work(data);

    OPENSSL_thread_stop();
}


/* in the thread */

static void
ngx_http_zwfw_work_run(void *data, ngx_log_t *log)
{
    ngx_http_zwfw_task_t  *t = data;

    ngx_http_zwfw_work_in_thread(t->work, t->copy);
}


static void
ngx_http_zwfw_work_done(ngx_event_t *ev)
{
    ngx_http_zwfw_task_t  *t = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = t->request;

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, 0,
                      "zwfw: work of a thread takes more than %d ms",
                      NGX_HTTP_ZWFW_WORK_TIME);
        ev->timedout = 0;
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_queue_remove(&t->queue);

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;
    r->aio = 0;

    ngx_memcpy(t->data, t->copy, t->size);
    ngx_explicit_memzero(t->copy, t->size);

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_zwfw_chore_init(ngx_http_zwfw_chore_t *c, ngx_pool_t *pool,
    ngx_http_zwfw_platform_t *pf, void *data)
{
    ngx_thread_task_t  *task;

    task = ngx_thread_task_alloc(pool, 0);
    if (task == NULL) {
        return NGX_ERROR;
    }

    task->ctx = c;
    task->handler = ngx_http_zwfw_chore_run;
    task->event.data = c;
    task->event.handler = ngx_http_zwfw_chore_done;
    task->event.log = ngx_cycle->log;

    c->platform = pf;
    c->task = task;
    c->data = data;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_chore_post(ngx_http_zwfw_chore_t *c, void (*work)(void *data),
    void (*next)(void *data))
{
    c->work = work;
    c->next = next;

    if (ngx_thread_task_post(c->platform->pool, c->task) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a worker that quits waits for its timers, and so for this turn */

    ngx_add_timer(&c->task->event, NGX_HTTP_ZWFW_WORK_TIME);

    return NGX_OK;
}


/* in the thread */

static void
ngx_http_zwfw_chore_run(void *data, ngx_log_t *log)
{
    ngx_http_zwfw_chore_t  *c = data;

    ngx_http_zwfw_work_in_thread(c->work, c->data);
}


static void
ngx_http_zwfw_chore_done(ngx_event_t *ev)
{
    ngx_http_zwfw_chore_t  *c = ev->data;

    if (ev->timedout) {
        ev->timedout = 0;
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    c->next(c->data);
}
