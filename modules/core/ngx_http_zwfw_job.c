
/*
 * Jobs: what a slice has to have done at intervals, by one node of all.  Each
 * worker asks for each job when its timer says; the lease is a row
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_JOB_FIRST  3000       /* ms, the first try within */
#define NGX_HTTP_ZWFW_JOB_AGAIN  30000      /* ms, while the store is away */


/* a job of a platform in this worker */

typedef struct {
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_job_t       *job;
    ngx_event_t                timer;       /* not set while it is told */
    ngx_connection_t           ident;       /* of the event, in debug lines */
} ngx_http_zwfw_worker_job_t;


static ngx_int_t ngx_http_zwfw_jobs_start(ngx_cycle_t *cycle,
    ngx_http_zwfw_platform_t *pf, ngx_http_zwfw_job_t *job);
static void ngx_http_zwfw_job_due(ngx_event_t *ev);
static void ngx_http_zwfw_job_claimed(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static ngx_uint_t ngx_http_zwfw_job_says(ngx_str_t *answer,
    const char *name);
static void ngx_http_zwfw_job_ran(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_job_done(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static ngx_int_t ngx_http_zwfw_job_tell(ngx_http_zwfw_worker_job_t *w,
    ngx_str_t *call, ngx_str_t *error, ngx_http_zwfw_told_pt done);
static ngx_int_t ngx_http_zwfw_job_args(ngx_http_zwfw_worker_job_t *w,
    ngx_pool_t *pool, ngx_str_t *error, ngx_str_t *args);
static void ngx_http_zwfw_job_wait(ngx_http_zwfw_worker_job_t *w,
    ngx_msec_t time);


static ngx_str_t  ngx_http_zwfw_job_claim_call = ngx_string("job_claim");
static ngx_str_t  ngx_http_zwfw_job_done_call = ngx_string("job_done");
static ngx_str_t  ngx_http_zwfw_job_nothing = ngx_string("{}");


ngx_int_t
ngx_http_zwfw_jobs_init(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i, n;
    ngx_http_zwfw_job_t         *job;
    ngx_http_zwfw_slice_t      **slice;
    ngx_http_zwfw_platform_t   **pf;

    pf = mcf->platforms.elts;
    slice = mcf->slices.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        for (n = 0; n < mcf->slices.nelts; n++) {
            for (job = slice[n]->jobs; job && job->name.len; job++) {
                if (ngx_http_zwfw_jobs_start(cycle, pf[i], job) != NGX_OK) {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_jobs_start(ngx_cycle_t *cycle, ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_job_t *job)
{
    ngx_http_zwfw_worker_job_t  *w;

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_worker_job_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->platform = pf;
    w->job = job;

    w->ident.fd = (ngx_socket_t) -1;
    w->ident.data = w;

    w->timer.handler = ngx_http_zwfw_job_due;
    w->timer.data = &w->ident;
    w->timer.log = cycle->log;
    w->timer.cancelable = 1;

    ngx_add_timer(&w->timer,
                  ngx_random() % (ngx_min(job->interval,
                                          NGX_HTTP_ZWFW_JOB_FIRST) + 1));

    return NGX_OK;
}


static void
ngx_http_zwfw_job_due(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_zwfw_worker_job_t  *w;

    c = ev->data;
    w = c->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ev->log, 0, "zwfw job \"%V\" is due",
                   &w->job->name);

    if (ngx_http_zwfw_job_tell(w, &ngx_http_zwfw_job_claim_call, NULL,
                               ngx_http_zwfw_job_claimed)
        != NGX_OK)
    {
        ngx_http_zwfw_job_wait(w, NGX_HTTP_ZWFW_JOB_AGAIN);
    }
}


static void
ngx_http_zwfw_job_claimed(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_worker_job_t  *w = data;

    ngx_str_t  none;

    if (rc != NGX_OK) {
        ngx_http_zwfw_job_wait(w, NGX_HTTP_ZWFW_JOB_AGAIN);
        return;
    }

    if (!ngx_http_zwfw_job_says(answer, "claimed")) {
        ngx_http_zwfw_job_wait(w, w->job->interval);
        return;
    }

    if (w->job->run) {
        rc = w->job->run(w->platform, ngx_http_zwfw_job_ran, w);

    } else {
        rc = ngx_http_zwfw_tell(w->platform, NGX_HTTP_ZWFW_SLOW,
                                &w->job->call, &ngx_http_zwfw_job_nothing,
                                &ngx_http_zwfw_job_nothing,
                                ngx_http_zwfw_job_ran, w);
    }

    if (rc != NGX_OK) {
        ngx_str_null(&none);
        ngx_http_zwfw_job_ran(w, NGX_ERROR, &none);
    }
}


/* a member of an answer that is true, or a number of something */

static ngx_uint_t
ngx_http_zwfw_job_says(ngx_str_t *answer, const char *name)
{
    ngx_uint_t          yes;
    zwfw_mem_t          mem;
    ngx_pool_t         *pool;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 2, 10, 10, 20 };

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return 0;
    }

    mem.alloc = ngx_http_zwfw_alloc;
    mem.pool = pool;
    yes = 0;

    if (zwfw_json_parse(&mem, answer->data, answer->len, &limits, &json,
                        &error)
        == ZWFW_OK)
    {
        json = zwfw_json_get(json, (char *) name, ngx_strlen(name));
        yes = json && (json->type == ZWFW_JSON_TRUE
                       || (json->type == ZWFW_JSON_NUMBER
                           && json->value.data[0] != '0'));
    }

    ngx_destroy_pool(pool);

    return yes;
}


/* who has claimed also tells the end, when the worker quits as well; rows that
   failed alone are told like the failure of all */

static void
ngx_http_zwfw_job_ran(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_worker_job_t  *w = data;

    ngx_str_t  away = ngx_string("store_away");
    ngx_str_t  rows = ngx_string("rows_failed");

    if (rc == NGX_OK && ngx_http_zwfw_job_says(answer, "failed")) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "zwfw: api.%V() failed: rows_failed, PostgreSQL's log "
                      "has their ids: %V",
                      &w->job->call, answer);
        answer = &rows;

    } else if (rc == NGX_OK) {
        answer = NULL;

    } else if (answer->len == 0) {
        answer = &away;
    }

    if (ngx_http_zwfw_job_tell(w, &ngx_http_zwfw_job_done_call, answer,
                               ngx_http_zwfw_job_done)
        != NGX_OK)
    {
        ngx_http_zwfw_job_wait(w, w->job->interval);
    }
}


/* when it could not be told, the lease ends by itself */

static void
ngx_http_zwfw_job_done(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_worker_job_t  *w = data;

    ngx_http_zwfw_job_wait(w, w->job->interval);
}


static ngx_int_t
ngx_http_zwfw_job_tell(ngx_http_zwfw_worker_job_t *w, ngx_str_t *call,
    ngx_str_t *error, ngx_http_zwfw_told_pt done)
{
    ngx_int_t    rc;
    ngx_str_t    args;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_zwfw_job_args(w, pool, error, &args);

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_tell(w->platform, NGX_HTTP_ZWFW_WRITE, call, &args,
                                &ngx_http_zwfw_job_nothing, done, w);
    }

    ngx_destroy_pool(pool);

    return rc;
}


/* {"name", "node", "every"} and perhaps "error" */

static ngx_int_t
ngx_http_zwfw_job_args(ngx_http_zwfw_worker_job_t *w, ngx_pool_t *pool,
    ngx_str_t *error, ngx_str_t *args)
{
    u_char        every[NGX_INT64_LEN];
    zwfw_mem_t    mem;
    zwfw_str_t    node, number;
    zwfw_json_t  *json;

    mem.alloc = ngx_http_zwfw_alloc;
    mem.pool = pool;

    node.data = w->platform->shared->node;
    node.len = sizeof(w->platform->shared->node);

    number.data = every;
    number.len = ngx_sprintf(every, "%M", w->job->interval) - every;

    json = zwfw_json_new(&mem, ZWFW_JSON_OBJECT, NULL);

    if (json == NULL
        || zwfw_json_add(&mem, json, "name", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &w->job->name) == NULL
        || zwfw_json_add(&mem, json, "node", ZWFW_JSON_STRING, &node) == NULL
        || zwfw_json_add(&mem, json, "every", ZWFW_JSON_NUMBER, &number)
           == NULL
        || (error && zwfw_json_add(&mem, json, "error", ZWFW_JSON_STRING,
                                   (zwfw_str_t *) error) == NULL))
    {
        return NGX_ERROR;
    }

    args->data = ngx_pnalloc(pool, zwfw_json_size(json));
    if (args->data == NULL) {
        return NGX_ERROR;
    }

    args->len = zwfw_json_write(args->data, json) - args->data;

    return NGX_OK;
}


/* a tenth at random, so that workers and nodes do not ask at once; never
   earlier: it would not be time yet */

static void
ngx_http_zwfw_job_wait(ngx_http_zwfw_worker_job_t *w, ngx_msec_t time)
{
    time = ngx_min(time, w->job->interval);

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_add_timer(&w->timer, time + ngx_random() % (time / 10 + 1));
}
