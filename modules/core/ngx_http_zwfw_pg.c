
/*
 * PostgreSQL: pools of pipelined connections by class (read, write, slow),
 * their queues, back-off and breaker.  Asking only queues; a posted event
 * sends what one turn of the event loop has gathered.
 */


#include "ngx_http_zwfw_pg.h"


static void ngx_http_zwfw_pool_init(ngx_http_zwfw_pg_t *pg,
    ngx_uint_t class);
static void ngx_http_zwfw_pool_exit(ngx_http_zwfw_pgpool_t *pool);
static ngx_uint_t ngx_http_zwfw_pool_closed(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_pipe_t *pipe, ngx_uint_t how);
static void ngx_http_zwfw_pool_divert(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_drain(ngx_event_t *ev);
static ngx_http_zwfw_pipe_t *ngx_http_zwfw_pool_pick(
    ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_take(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_pool_expire(ngx_event_t *ev);
static void ngx_http_zwfw_pool_refuse(ngx_http_zwfw_pgpool_t *pool,
    ngx_int_t rc);
static void ngx_http_zwfw_pool_patience(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_retry(ngx_event_t *ev);
static void ngx_http_zwfw_pg_field(PGresult *res, int name,
    ngx_str_t *field);
static ngx_uint_t ngx_http_zwfw_pool_wanted(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_grow(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_remove(ngx_http_zwfw_pipe_t *pipe);


ngx_int_t
ngx_http_zwfw_pg_init(ngx_cycle_t *cycle)
{
    ngx_uint_t           i;
    ngx_http_zwfw_pg_t  *pg;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    for (pg = ngx_http_zwfw_pgs; pg; pg = pg->next) {

        if (pg->cycle != cycle) {
            continue;
        }

        for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
            ngx_http_zwfw_pool_init(pg, i);
        }

        if (pg->standby) {
            ngx_http_zwfw_pool_init(pg, NGX_HTTP_ZWFW_PG_STANDBY);
            ngx_http_zwfw_standby_init(pg);
        }
    }

    return NGX_OK;
}


void
ngx_http_zwfw_pg_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t           i;
    ngx_http_zwfw_pg_t  *pg;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    for (pg = ngx_http_zwfw_pgs; pg; pg = pg->next) {

        if (pg->cycle != cycle) {
            continue;
        }

        ngx_http_zwfw_listen_exit(pg);

        for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
            ngx_http_zwfw_pool_exit(&pg->pools[i]);
        }

        if (pg->standby) {
            ngx_http_zwfw_standby_exit(pg);
            ngx_http_zwfw_pool_exit(&pg->pools[NGX_HTTP_ZWFW_PG_STANDBY]);
        }
    }
}


ngx_int_t
ngx_http_zwfw_pg_ask(ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_pgpool_t  *pool;

    if (q->standby && ngx_http_zwfw_standby_serves(pg, q->seen)) {
        q->class = NGX_HTTP_ZWFW_PG_STANDBY;
    }

    pool = &pg->pools[q->class];

    q->operation = NULL;
    q->queue.next = NULL;
    q->tries = 0;

    if (pg->other) {
        return NGX_DECLINED;
    }

    if (pool->open || pool->nwaiting >= pg->conf.waiting) {
        return NGX_BUSY;
    }

    q->deadline = ngx_current_msec + pool->timeout;

    ngx_queue_insert_tail(&pool->waiting, &q->queue);
    pool->nwaiting++;

    ngx_post_event(&pool->drain, &ngx_posted_events);

    return NGX_OK;
}


void
ngx_http_zwfw_pg_forget(ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_operation_t  *op;

    op = q->operation;

    if (op) {
        op->query = NULL;
        q->operation = NULL;
        return;
    }

    if (q->queue.next) {
        ngx_http_zwfw_pool_take(&pg->pools[q->class], q);
    }
}


void
ngx_http_zwfw_pg_answer(ngx_http_zwfw_query_t *q, ngx_int_t rc, PGresult *res)
{
    char  *state;

    q->operation = NULL;
    q->rc = rc;

    q->written = 0;
    ngx_str_null(&q->value);

    if (PQntuples(res) > 0 && PQnfields(res) > 0 && !PQgetisnull(res, 0, 0)) {
        q->value.len = PQgetlength(res, 0, 0);
        q->value.data = (u_char *) PQgetvalue(res, 0, 0);

        if (PQnfields(res) == 2) {
            q->written = ngx_atoi((u_char *) PQgetvalue(res, 0, 1),
                                  PQgetlength(res, 0, 1));
        }
    }

    ngx_http_zwfw_pg_field(res, PG_DIAG_COLUMN_NAME, &q->column);
    ngx_http_zwfw_pg_field(res, PG_DIAG_MESSAGE_DETAIL, &q->detail);
    ngx_http_zwfw_pg_field(res, PG_DIAG_MESSAGE_PRIMARY, &q->message);

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    ngx_memcpy(q->state, state ? state : "00000", 5);

    q->outdated = ngx_http_zwfw_pg_outdated(res);

    q->done(q);

    PQclear(res);
}


static void
ngx_http_zwfw_pg_field(PGresult *res, int name, ngx_str_t *field)
{
    char  *text;

    text = PQresultErrorField(res, name);

    field->len = text ? ngx_strlen(text) : 0;
    field->data = (u_char *) text;
}


/*
 * Functions or tables were replaced while a plan was made of the former ones.
 * Both states say other things, too.  The message of the first one is never
 * translated; that of the second one is, but not where it comes from
 */

ngx_uint_t
ngx_http_zwfw_pg_outdated(PGresult *res)
{
    char  *state, *text;

    static char  lookup[] = "cache lookup failed";

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (state == NULL) {
        return 0;
    }

    if (ngx_strcmp(state, "XX000") == 0) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        return text && ngx_strncmp(text, lookup, sizeof(lookup) - 1) == 0;
    }

    if (ngx_strcmp(state, "0A000") == 0) {
        text = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);
        return text && ngx_strcmp(text, "RevalidateCachedQuery") == 0;
    }

    return ngx_strcmp(state, "42883") == 0;
}


void
ngx_http_zwfw_pg_state(ngx_http_zwfw_pg_t *pg, ngx_uint_t class,
    ngx_http_zwfw_pg_state_t *state)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = &pg->pools[class];

    state->connected = pool->ready;
    state->waiting = pool->nwaiting;
    state->in_flight = pool->in_flight;
    state->schema = pg->schema;
    state->oldest = pg->oldest;
    state->open = pool->open;
}


/* "oldest version" */

ngx_uint_t
ngx_http_zwfw_pg_serves(ngx_http_zwfw_query_t *q, ngx_int_t *oldest,
    ngx_int_t *schema)
{
    u_char  *p, *last;

    last = q->value.data + q->value.len;
    p = ngx_strlchr(q->value.data, last, ' ');

    *oldest = p ? ngx_atoi(q->value.data, p - q->value.data) : 0;
    *schema = p ? ngx_atoi(p + 1, last - p - 1) : 0;

    return *oldest > 0 && *oldest <= NGX_HTTP_ZWFW_SCHEMA
           && *schema >= NGX_HTTP_ZWFW_SCHEMA;
}


static void
ngx_http_zwfw_pool_init(ngx_http_zwfw_pg_t *pg, ngx_uint_t class)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = &pg->pools[class];

    pool->pg = pg;
    pool->class = class;

    class = ngx_http_zwfw_pg_class(class);

    pool->limit = ngx_max(pg->conf.connections[class], 1);
    pool->depth = (class == NGX_HTTP_ZWFW_READ) ? ngx_max(pg->conf.depth, 1)
                                                : 1;
    pool->timeout = pg->conf.timeout[class];

    ngx_queue_init(&pool->pipes);
    ngx_queue_init(&pool->waiting);

    pool->drain.handler = ngx_http_zwfw_pool_drain;
    pool->drain.data = pool;
    pool->drain.log = ngx_cycle->log;

    pool->patience.handler = ngx_http_zwfw_pool_expire;
    pool->patience.data = pool;
    pool->patience.log = ngx_cycle->log;

    pool->retry.handler = ngx_http_zwfw_pool_retry;
    pool->retry.data = pool;
    pool->retry.log = ngx_cycle->log;
    pool->retry.cancelable = 1;

    ngx_http_zwfw_pool_grow(pool);
}


static void
ngx_http_zwfw_pool_exit(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_queue_t           *l;
    ngx_http_zwfw_pipe_t  *pipe;

    while (!ngx_queue_empty(&pool->pipes)) {
        l = ngx_queue_head(&pool->pipes);
        pipe = ngx_queue_data(l, ngx_http_zwfw_pipe_t, queue);
        ngx_http_zwfw_pool_remove(pipe);
        ngx_http_zwfw_pipe_destroy(pipe);
    }

    if (pool->drain.posted) {
        ngx_delete_posted_event(&pool->drain);
    }

    if (pool->patience.timer_set) {
        ngx_del_timer(&pool->patience);
    }

    if (pool->retry.timer_set) {
        ngx_del_timer(&pool->retry);
    }
}


/* sends what waits; the connections that it lacks are opened */

static void
ngx_http_zwfw_pool_drain(ngx_event_t *ev)
{
    ngx_queue_t             *l;
    ngx_http_zwfw_pipe_t    *pipe;
    ngx_http_zwfw_query_t   *q;
    ngx_http_zwfw_pgpool_t  *pool;

    pool = ev->data;

    while (!ngx_queue_empty(&pool->waiting)) {

        pipe = ngx_http_zwfw_pool_pick(pool);
        if (pipe == NULL) {
            break;
        }

        l = ngx_queue_head(&pool->waiting);
        q = ngx_queue_data(l, ngx_http_zwfw_query_t, queue);
        ngx_http_zwfw_pool_take(pool, q);

        if (ngx_http_zwfw_pipe_send(pipe, q) != NGX_OK) {
            ngx_http_zwfw_pool_lost(pipe, NGX_HTTP_ZWFW_PG_AWAY,
                                    ngx_http_zwfw_pg_gone);
        }
    }

    ngx_http_zwfw_pool_grow(pool);
    ngx_http_zwfw_pool_patience(pool);
}


/* the least loaded, the first of equals: the last ones may become idle */

static ngx_http_zwfw_pipe_t *
ngx_http_zwfw_pool_pick(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_uint_t             least;
    ngx_queue_t           *l;
    ngx_http_zwfw_pipe_t  *pipe, *found;

    found = NULL;
    least = pool->depth;

    for (l = ngx_queue_head(&pool->pipes);
         l != ngx_queue_sentinel(&pool->pipes);
         l = ngx_queue_next(l))
    {
        pipe = ngx_queue_data(l, ngx_http_zwfw_pipe_t, queue);

        if (pipe->ready && pipe->in_flight < least) {
            found = pipe;
            least = pipe->in_flight;
        }
    }

    return found;
}


static void
ngx_http_zwfw_pool_take(ngx_http_zwfw_pgpool_t *pool, ngx_http_zwfw_query_t *q)
{
    ngx_queue_remove(&q->queue);
    q->queue.next = NULL;
    pool->nwaiting--;

    if (pool->nwaiting == 0 && pool->patience.timer_set) {
        ngx_del_timer(&pool->patience);
    }
}


static void
ngx_http_zwfw_pool_expire(ngx_event_t *ev)
{
    ngx_queue_t             *l;
    ngx_http_zwfw_query_t   *q;
    ngx_http_zwfw_pgpool_t  *pool;

    pool = ev->data;

    while (!ngx_queue_empty(&pool->waiting)) {
        l = ngx_queue_head(&pool->waiting);
        q = ngx_queue_data(l, ngx_http_zwfw_query_t, queue);

        if ((ngx_msec_int_t) (q->deadline - ngx_current_msec) > 0) {
            break;
        }

        ngx_http_zwfw_pool_take(pool, q);
        ngx_http_zwfw_pg_answer(q, NGX_AGAIN, NULL);
    }

    ngx_http_zwfw_pool_patience(pool);
}


/* nobody needs to wait for a server that takes nobody, or for a database of
   another version */

static void
ngx_http_zwfw_pool_refuse(ngx_http_zwfw_pgpool_t *pool, ngx_int_t rc)
{
    ngx_queue_t            *l;
    ngx_http_zwfw_query_t  *q;

    while (!ngx_queue_empty(&pool->waiting)) {
        l = ngx_queue_head(&pool->waiting);
        q = ngx_queue_data(l, ngx_http_zwfw_query_t, queue);

        ngx_http_zwfw_pool_take(pool, q);
        ngx_http_zwfw_pg_answer(q, rc, NULL);
    }
}


static void
ngx_http_zwfw_pool_patience(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_queue_t            *l;
    ngx_msec_int_t          wait;
    ngx_http_zwfw_query_t  *q;

    if (pool->nwaiting == 0 || pool->patience.timer_set) {
        return;
    }

    l = ngx_queue_head(&pool->waiting);
    q = ngx_queue_data(l, ngx_http_zwfw_query_t, queue);
    wait = q->deadline - ngx_current_msec;

    ngx_add_timer(&pool->patience, ngx_max(wait, 1));
}


static void
ngx_http_zwfw_pool_retry(ngx_event_t *ev)
{
    ngx_http_zwfw_pool_grow(ev->data);
}


/* one at least, one more when the rest is full, and a probe */

static ngx_uint_t
ngx_http_zwfw_pool_wanted(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_uint_t  connecting;

    connecting = pool->npipes - pool->ready;

    if (pool->npipes == pool->limit) {
        return 0;
    }

    if (connecting == 0) {
        return pool->npipes == 0 || pool->nwaiting || pool->open
               || pool->pg->other;
    }

    return pool->nwaiting > connecting * pool->depth;
}


static void
ngx_http_zwfw_pool_grow(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_msec_t             since;
    ngx_http_zwfw_pipe_t  *pipe;

    while (!pool->retry.timer_set && ngx_http_zwfw_pool_wanted(pool)) {

        since = ngx_current_msec - pool->started;

        if (since < pool->delay && pool->tried == 0) {
            ngx_add_timer(&pool->retry, pool->delay - since);
            return;
        }

        pool->started = ngx_current_msec;

        pipe = ngx_http_zwfw_pipe_create(pool);
        if (pipe == NULL) {
            pool->delay = NGX_HTTP_ZWFW_PG_DELAYS;
            ngx_add_timer(&pool->retry, pool->delay);
            return;
        }

        ngx_queue_insert_tail(&pool->pipes, &pipe->queue);
        pool->npipes++;

        if (ngx_http_zwfw_pgconn_open(&pipe->conn, pool->pg, pool->class)
            != NGX_OK)
        {
            ngx_http_zwfw_pool_lost(pipe, NGX_HTTP_ZWFW_PG_AWAY,
                                    PQerrorMessage(pipe->conn.pg));
        }
    }
}


void
ngx_http_zwfw_pool_ready(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = pipe->pool;

    pipe->ready = 1;
    pool->ready++;
    pool->open = 0;
    pool->tried = 0;

    if (pool->class == NGX_HTTP_ZWFW_PG_STANDBY && pool->ready == 1) {
        ngx_http_zwfw_standby_found(pool->pg);
    }

    if (pool->trouble) {
        pool->trouble = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "zwfw: PostgreSQL is back for class %s",
                      ngx_http_zwfw_pg_uses[pool->class]);
    }

    ngx_http_zwfw_pool_wake(pool);
}


void
ngx_http_zwfw_pool_lost(ngx_http_zwfw_pipe_t *pipe, ngx_uint_t how,
    const char *why)
{
    ngx_uint_t               standby, elsewhere, refused;
    ngx_queue_t             *guilty;
    ngx_http_zwfw_pgpool_t  *pool;

    pool = pipe->pool;
    standby = (pool->class == NGX_HTTP_ZWFW_PG_STANDBY);

    /* all connections of a pool are to one server */

    elsewhere = (how == NGX_HTTP_ZWFW_PG_AWAY && !pipe->ready
                 && pool->ready == 0
                 && ngx_http_zwfw_pgconn_elsewhere(&pipe->conn,
                                                   &pool->tried));

    ngx_http_zwfw_pool_remove(pipe);

    refused = 0;

    if (!elsewhere) {
        ngx_http_zwfw_pool_trouble(pool, how, why);
        refused = ngx_http_zwfw_pool_closed(pool, pipe, how);
    }

    guilty = (how == NGX_HTTP_ZWFW_PG_LATE && !standby)
             ? ngx_queue_head(&pipe->operations) : NULL;

    ngx_http_zwfw_pipe_fail(pipe, guilty);
    ngx_http_zwfw_pipe_destroy(pipe);

    if (standby && pool->ready == 0) {
        ngx_http_zwfw_pool_divert(pool);
    }

    if (how == NGX_HTTP_ZWFW_PG_OTHER) {
        ngx_http_zwfw_pool_refuse(pool, NGX_DECLINED);

    } else if (refused) {
        ngx_http_zwfw_pool_refuse(pool, NGX_AGAIN);
    }

    ngx_post_event(&pool->drain, &ngx_posted_events);
}


/* opens the breaker, and has the next attempts wait; returns whether there is
   nobody to wait for */

static ngx_uint_t
ngx_http_zwfw_pool_closed(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_pipe_t *pipe, ngx_uint_t how)
{
    ngx_msec_t  most;
    ngx_uint_t  refused;

    refused = (!pipe->ready && pool->ready == 0);

    if (how == NGX_HTTP_ZWFW_PG_LATE || refused) {
        pool->open = 1;
    }

    if (pipe->used) {
        return refused;
    }

    most = (pool->class == NGX_HTTP_ZWFW_PG_STANDBY)
           ? NGX_HTTP_ZWFW_PG_STANDBYS
           : NGX_HTTP_ZWFW_PG_DELAYS / pool->pg->nservers;

    pool->delay = ngx_min(pool->delay * 2, most);
    pool->delay = ngx_max(pool->delay, NGX_HTTP_ZWFW_PG_DELAY);

    return refused;
}


/* nobody waits for a standby: the primary is asked */

static void
ngx_http_zwfw_pool_divert(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_queue_t            *l;
    ngx_http_zwfw_query_t  *q;

    while (!ngx_queue_empty(&pool->waiting)) {
        l = ngx_queue_last(&pool->waiting);
        q = ngx_queue_data(l, ngx_http_zwfw_query_t, queue);

        ngx_http_zwfw_pool_take(pool, q);

        if (q->stable) {
            ngx_http_zwfw_pool_again(pool, q);

        } else {
            ngx_http_zwfw_pg_answer(q, NGX_AGAIN, NULL);
        }
    }
}


void
ngx_http_zwfw_pool_retire(ngx_http_zwfw_pipe_t *pipe)
{
    if (pipe->pool->npipes > 1) {
        ngx_http_zwfw_pool_remove(pipe);
        ngx_http_zwfw_pipe_destroy(pipe);
    }
}


static void
ngx_http_zwfw_pool_remove(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_queue_remove(&pipe->queue);
    pipe->pool->npipes--;
    pipe->pool->ready -= pipe->ready;
}


void
ngx_http_zwfw_pool_again(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_query_t *q)
{
    ngx_msec_t  least;

    q->operation = NULL;

    if (pool->class == NGX_HTTP_ZWFW_PG_STANDBY) {
        q->class = NGX_HTTP_ZWFW_READ;
        pool = &pool->pg->pools[q->class];
    }

    least = ngx_current_msec + NGX_HTTP_ZWFW_PG_GRACE;

    if ((ngx_msec_int_t) (q->deadline - least) < 0) {
        q->deadline = least;
    }

    ngx_queue_insert_head(&pool->waiting, &q->queue);
    pool->nwaiting++;

    ngx_post_event(&pool->drain, &ngx_posted_events);
}


void
ngx_http_zwfw_pool_wake(ngx_http_zwfw_pgpool_t *pool)
{
    if (pool->nwaiting) {
        ngx_post_event(&pool->drain, &ngx_posted_events);
    }
}


void
ngx_http_zwfw_pool_trouble(ngx_http_zwfw_pgpool_t *pool, ngx_uint_t how,
    const char *why)
{
    char       *class;
    ngx_str_t   line;

    if (pool->trouble == how) {
        return;
    }

    pool->trouble = how;
    class = ngx_http_zwfw_pg_uses[pool->class];

    if (how == NGX_HTTP_ZWFW_PG_OTHER) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "zwfw: PostgreSQL is refused for class %s: "
                      "schema_mismatch, its schema is %i, for nodes of %i or "
                      "newer, ours %d", class, pool->pg->schema,
                      pool->pg->oldest, NGX_HTTP_ZWFW_SCHEMA);
        return;
    }

    line = ngx_http_zwfw_pg_line(why);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "zwfw: PostgreSQL is away for class %s: %V", class, &line);
}
