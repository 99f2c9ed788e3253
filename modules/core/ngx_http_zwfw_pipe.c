
/*
 * The operations on one connection: each is [Prepare] Bind/Execute Sync, so
 * that an error stays with its own statement.  Our queue says what libpq has
 * to answer: PQgetResult() returns NULL for ever when nothing is pending.
 */


#include "ngx_http_zwfw_pg.h"


#define NGX_HTTP_ZWFW_PG_AGAIN   0x01       /* asked once again */
#define NGX_HTTP_ZWFW_PG_STABLE  0x02       /* only when it is stable */
#define NGX_HTTP_ZWFW_PG_STALE   0x04       /* to be prepared anew */
#define NGX_HTTP_ZWFW_PG_CLOSE   0x08       /* the server is the wrong one */


typedef struct {
    const char                *state;
    ngx_uint_t                 what;
} ngx_http_zwfw_pipe_state_t;


static void ngx_http_zwfw_pipe_ready(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pipe_input(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pipe_expired(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pipe_lost(ngx_http_zwfw_pgconn_t *conn,
    const char *why);

static ngx_http_zwfw_statement_t *ngx_http_zwfw_pipe_statement(
    ngx_http_zwfw_pipe_t *pipe, ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_pipe_write(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op, ngx_http_zwfw_query_t *q);
static ngx_int_t ngx_http_zwfw_pipe_deallocate(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op);
static ngx_int_t ngx_http_zwfw_pipe_read(ngx_http_zwfw_pipe_t *pipe);
static ngx_int_t ngx_http_zwfw_pipe_keep(ngx_http_zwfw_operation_t *op,
    PGresult *res);
static void ngx_http_zwfw_pipe_complete(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op);
static void ngx_http_zwfw_pipe_refused(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op, PGresult *res);
static void ngx_http_zwfw_pipe_orphan(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_statement_t *st);
static ngx_uint_t ngx_http_zwfw_pipe_what(PGresult *res);
static void ngx_http_zwfw_pipe_checked(ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_pipe_standby(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_pipe_late(ngx_http_zwfw_pipe_t *pipe);
static void ngx_http_zwfw_pipe_timer(ngx_http_zwfw_pipe_t *pipe);
static void ngx_http_zwfw_pipe_idle(ngx_http_zwfw_pipe_t *pipe);
static ngx_msec_t ngx_http_zwfw_pipe_timeout(ngx_http_zwfw_pipe_t *pipe);


/* a failed statement is rolled back: the server itself says it did nothing */

static ngx_http_zwfw_pipe_state_t  ngx_http_zwfw_pipe_states[] = {

    /* serialization failure, deadlock */

    { "40001", NGX_HTTP_ZWFW_PG_AGAIN },
    { "40P01", NGX_HTTP_ZWFW_PG_AGAIN },

    /* the server has forgotten the statement, so it did not run */

    { "26000", NGX_HTTP_ZWFW_PG_AGAIN|NGX_HTTP_ZWFW_PG_STALE },

    /* read only: the primary is another one now */

    { "25006", NGX_HTTP_ZWFW_PG_CLOSE },

    { NULL, 0 }
};


ngx_http_zwfw_pipe_t *
ngx_http_zwfw_pipe_create(ngx_http_zwfw_pgpool_t *pool)
{
    ngx_uint_t                  i;
    ngx_pool_t                 *memory;
    ngx_http_zwfw_pipe_t       *pipe;
    ngx_http_zwfw_operation_t  *ops;

    memory = ngx_create_pool(4096, ngx_cycle->log);
    if (memory == NULL) {
        return NULL;
    }

    pipe = ngx_pcalloc(memory, sizeof(ngx_http_zwfw_pipe_t));
    ops = ngx_pcalloc(memory, pool->depth * sizeof(ngx_http_zwfw_operation_t));

    if (pipe == NULL || ops == NULL) {
        ngx_destroy_pool(memory);
        return NULL;
    }

    pipe->memory = memory;
    pipe->pool = pool;
    pipe->conn.data = pipe;
    pipe->conn.ready = ngx_http_zwfw_pipe_ready;
    pipe->conn.input = ngx_http_zwfw_pipe_input;
    pipe->conn.expired = ngx_http_zwfw_pipe_expired;
    pipe->conn.lost = ngx_http_zwfw_pipe_lost;

    ngx_rbtree_init(&pipe->statements, &pipe->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&pipe->operations);
    ngx_queue_init(&pipe->free);

    for (i = 0; i < pool->depth; i++) {
        ngx_queue_insert_tail(&pipe->free, &ops[i].queue);
    }

    return pipe;
}


/* connected: it is of use only when the schema is of use to us */

static void
ngx_http_zwfw_pipe_ready(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_http_zwfw_pipe_t   *pipe;
    ngx_http_zwfw_query_t  *q;

    pipe = conn->data;
    q = &pipe->check;

    ngx_str_set(&q->name, "zwfw_check");
    ngx_str_set(&q->sql, "SELECT zwfw.schema_span()");
    q->tries = 1;
    q->deadline = ngx_current_msec + NGX_HTTP_ZWFW_PG_CONNECT;
    q->done = ngx_http_zwfw_pipe_checked;
    q->data = pipe;

    if (PQenterPipelineMode(conn->pg) != 1
        || ngx_http_zwfw_pipe_send(pipe, q) != NGX_OK)
    {
        ngx_http_zwfw_pipe_lost(conn, ngx_http_zwfw_pg_gone);
    }
}


static void
ngx_http_zwfw_pipe_input(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_http_zwfw_pipe_t  *pipe;

    pipe = conn->data;

    if (ngx_http_zwfw_pipe_read(pipe) != NGX_OK) {
        ngx_http_zwfw_pipe_lost(conn, ngx_http_zwfw_pg_gone);
        return;
    }

    if (pipe->bad) {
        ngx_http_zwfw_pool_lost(pipe, pipe->bad, "the server is read only");
        return;
    }

    if (pipe->in_flight == 0 && ngx_http_zwfw_pgconn_moved(conn)) {
        ngx_http_zwfw_pool_lost(pipe, NGX_HTTP_ZWFW_PG_AWAY,
                                "the server has another role now");
        return;
    }

    ngx_http_zwfw_pool_wake(pipe->pool);
}


static void
ngx_http_zwfw_pipe_expired(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_http_zwfw_pipe_t  *pipe;

    pipe = conn->data;

    if (pipe->in_flight == 0) {
        ngx_http_zwfw_pool_retire(pipe);
        return;
    }

    if ((ngx_msec_int_t) (pipe->deadline - ngx_current_msec) <= 0) {
        ngx_http_zwfw_pool_lost(pipe, pipe->ready ? NGX_HTTP_ZWFW_PG_LATE
                                                  : NGX_HTTP_ZWFW_PG_AWAY,
                                "no answer in time");
        return;
    }

    ngx_http_zwfw_pipe_late(pipe);
    ngx_http_zwfw_pipe_timer(pipe);
}


/* who has waited long enough, in the queue as well, is told; the server goes
   on with the statement, within its own time */

static void
ngx_http_zwfw_pipe_late(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_queue_t                *l;
    ngx_http_zwfw_query_t      *q;
    ngx_http_zwfw_operation_t  *op;

    for (l = ngx_queue_head(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_next(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);
        q = op->query;

        if (q && (ngx_msec_int_t) (q->deadline - ngx_current_msec) <= 0) {
            op->query = NULL;
            ngx_http_zwfw_pg_answer(q, NGX_AGAIN, NULL);
        }
    }
}


static void
ngx_http_zwfw_pipe_lost(ngx_http_zwfw_pgconn_t *conn, const char *why)
{
    ngx_http_zwfw_pool_lost(conn->data, NGX_HTTP_ZWFW_PG_AWAY, why);
}


ngx_int_t
ngx_http_zwfw_pipe_send(ngx_http_zwfw_pipe_t *pipe, ngx_http_zwfw_query_t *q)
{
    ngx_queue_t                *l;
    ngx_http_zwfw_operation_t  *op;

    l = ngx_queue_head(&pipe->free);
    ngx_queue_remove(l);
    ngx_queue_insert_tail(&pipe->operations, l);

    op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);

    op->query = q;
    op->result = NULL;
    op->syncs = 1;
    op->preparing = 0;
    op->orphan = 0;
    q->operation = op;

    pipe->pool->in_flight++;

    if (pipe->in_flight++ == 0) {
        pipe->deadline = ngx_current_msec + ngx_http_zwfw_pipe_timeout(pipe);
        ngx_http_zwfw_pipe_timer(pipe);

    } else if ((ngx_msec_int_t) (q->deadline - pipe->conn.timer.timer.key) < 0)
    {
        ngx_http_zwfw_pipe_timer(pipe);
    }

    op->statement = ngx_http_zwfw_pipe_statement(pipe, &q->name);
    if (op->statement == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_pipe_write(pipe, op, q);
}


static ngx_http_zwfw_statement_t *
ngx_http_zwfw_pipe_statement(ngx_http_zwfw_pipe_t *pipe, ngx_str_t *name)
{
    uint32_t                    hash;
    ngx_http_zwfw_statement_t  *st;

    hash = ngx_crc32_short(name->data, name->len);

    st = (ngx_http_zwfw_statement_t *)
             ngx_str_rbtree_lookup(&pipe->statements, name, hash);
    if (st) {
        return st;
    }

    st = ngx_pcalloc(pipe->memory, sizeof(ngx_http_zwfw_statement_t));
    if (st == NULL) {
        return NULL;
    }

    st->sn.str.len = name->len;
    st->sn.str.data = ngx_pnalloc(pipe->memory, name->len + 1);
    if (st->sn.str.data == NULL) {
        return NULL;
    }

    ngx_memcpy(st->sn.str.data, name->data, name->len);
    st->sn.str.data[name->len] = '\0';

    st->sn.node.key = hash;
    ngx_rbtree_insert(&pipe->statements, &st->sn.node);

    return st;
}


static ngx_int_t
ngx_http_zwfw_pipe_write(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op, ngx_http_zwfw_query_t *q)
{
    char                       *name;
    PGconn                     *pg;
    ngx_http_zwfw_statement_t  *st;

    pg = pipe->conn.pg;
    st = op->statement;
    name = (char *) st->sn.str.data;

    if (st->stale && ngx_http_zwfw_pipe_deallocate(pipe, op) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!st->prepared) {

        if (!PQsendPrepare(pg, name, (char *) q->sql.data, 0, NULL)) {
            return NGX_ERROR;
        }

        st->prepared = 1;
        op->preparing = 1;
    }

    if (!PQsendQueryPrepared(pg, name, q->nargs, (const char **) q->args,
                             NULL, NULL, 0)
        || !PQpipelineSync(pg))
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_pgconn_flush(&pipe->conn);
}


/* with a Sync of its own: whether it fails does not matter */

static ngx_int_t
ngx_http_zwfw_pipe_deallocate(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op)
{
    u_char                     *p;
    ngx_http_zwfw_statement_t  *st;
    u_char                      sql[sizeof("DEALLOCATE \"\"") + NAME_MAX];

    st = op->statement;

    p = ngx_snprintf(sql, sizeof(sql) - 1, "DEALLOCATE \"%V\"", &st->sn.str);
    *p = '\0';

    if (!PQsendQueryParams(pipe->conn.pg, (char *) sql, 0, NULL, NULL, NULL,
                           NULL, 0)
        || !PQpipelineSync(pipe->conn.pg))
    {
        return NGX_ERROR;
    }

    op->syncs++;
    st->stale = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_pipe_read(ngx_http_zwfw_pipe_t *pipe)
{
    PGconn                     *pg;
    PGresult                   *res;
    ngx_uint_t                  nulls;
    ngx_queue_t                *l;
    ngx_http_zwfw_operation_t  *op;

    pg = pipe->conn.pg;
    nulls = 0;

    while (!PQisBusy(pg) && pipe->in_flight && !pipe->bad) {

        res = PQgetResult(pg);

        if (res == NULL) {

            /* one ends a statement; two: libpq does not expect ours */

            if (++nulls == 2) {
                return NGX_ERROR;
            }

            continue;
        }

        nulls = 0;
        l = ngx_queue_head(&pipe->operations);
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);

        if (PQresultStatus(res) != PGRES_PIPELINE_SYNC) {

            if (ngx_http_zwfw_pipe_keep(op, res) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        PQclear(res);

        if (--op->syncs == 0) {
            ngx_http_zwfw_pipe_complete(pipe, op);
        }
    }

    return (PQstatus(pg) == CONNECTION_OK) ? NGX_OK : NGX_ERROR;
}


/* an error may come after the row: a constraint checked at commit */

static ngx_int_t
ngx_http_zwfw_pipe_keep(ngx_http_zwfw_operation_t *op, PGresult *res)
{
    switch (PQresultStatus(res)) {

    case PGRES_COMMAND_OK:

        if (op->syncs == 1 && op->preparing) {
            op->preparing = 0;
            PQclear(res);
            return NGX_OK;
        }

        break;

    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_FATAL_ERROR:
        break;

    case PGRES_PIPELINE_ABORTED:
        PQclear(res);
        return NGX_OK;

    default:

        /* COPY: not in a pipeline */

        PQclear(res);
        return NGX_ERROR;
    }

    if (op->syncs != 1) {
        PQclear(res);
        return NGX_OK;
    }

    PQclear(op->result);
    op->result = res;

    return NGX_OK;
}


static void
ngx_http_zwfw_pipe_complete(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op)
{
    PGresult  *res;

    ngx_queue_remove(&op->queue);
    ngx_queue_insert_head(&pipe->free, &op->queue);

    pipe->pool->in_flight--;
    pipe->in_flight--;

    if (pipe->in_flight == 0) {
        ngx_http_zwfw_pipe_idle(pipe);

    } else {

        /* the server turns to the next one */

        pipe->deadline = ngx_current_msec + ngx_http_zwfw_pipe_timeout(pipe);
    }

    res = op->result;
    op->result = NULL;

    if (res == NULL || PQresultStatus(res) == PGRES_FATAL_ERROR) {
        ngx_http_zwfw_pipe_refused(pipe, op, res);
        return;
    }

    if (pipe->ready) {
        pipe->used = 1;
        pipe->pool->delay = 0;
    }

    if (op->query == NULL) {
        PQclear(res);
        return;
    }

    ngx_http_zwfw_pg_answer(op->query, NGX_OK, res);
}


static void
ngx_http_zwfw_pipe_refused(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_operation_t *op, PGresult *res)
{
    ngx_uint_t              what;
    ngx_http_zwfw_query_t  *q;

    q = op->query;
    what = ngx_http_zwfw_pipe_what(res);

    /* the primary may do what a standby cannot, or cannot yet */

    if (what && pipe->pool->class == NGX_HTTP_ZWFW_PG_STANDBY) {
        what &= ~NGX_HTTP_ZWFW_PG_CLOSE;
        what |= NGX_HTTP_ZWFW_PG_STABLE;
    }

    if (op->preparing) {
        op->statement->prepared = 0;
        ngx_http_zwfw_pipe_orphan(pipe, op->statement);

    } else if (what & NGX_HTTP_ZWFW_PG_STALE) {
        op->statement->prepared = 0;
        op->statement->stale = 1;
    }

    if (what & NGX_HTTP_ZWFW_PG_CLOSE) {
        pipe->bad = NGX_HTTP_ZWFW_PG_AWAY;
    }

    if (q == NULL) {
        PQclear(res);
        return;
    }

    if (op->orphan) {
        PQclear(res);
        ngx_http_zwfw_pool_again(pipe->pool, q);
        return;
    }

    if (q->tries == 0
        && ((what & NGX_HTTP_ZWFW_PG_AGAIN)
            || ((what & NGX_HTTP_ZWFW_PG_STABLE) && q->stable)))
    {
        PQclear(res);
        q->tries = 1;
        ngx_http_zwfw_pool_again(pipe->pool, q);
        return;
    }

    ngx_http_zwfw_pg_answer(q, (what & NGX_HTTP_ZWFW_PG_CLOSE) ? NGX_AGAIN
                                                               : NGX_ERROR,
                            res);
}


/* what was sent in the hope of that Prepare did not run: asked again */

static void
ngx_http_zwfw_pipe_orphan(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_statement_t *st)
{
    ngx_queue_t                *l;
    ngx_http_zwfw_operation_t  *op;

    for (l = ngx_queue_head(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_next(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);

        if (op->statement == st && !op->preparing) {
            op->orphan = 1;
        }
    }
}


static ngx_uint_t
ngx_http_zwfw_pipe_what(PGresult *res)
{
    char                        *state;
    ngx_http_zwfw_pipe_state_t  *st;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (state == NULL) {
        return 0;
    }

    for (st = ngx_http_zwfw_pipe_states; st->state; st++) {
        if (ngx_strcmp(st->state, state) == 0) {
            return st->what;
        }
    }

    if (ngx_http_zwfw_pg_outdated(res)) {
        return NGX_HTTP_ZWFW_PG_STABLE|NGX_HTTP_ZWFW_PG_STALE;
    }

    return 0;
}


static void
ngx_http_zwfw_pipe_checked(ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_pg_t    *pg;
    ngx_http_zwfw_pipe_t  *pipe;

    pipe = q->data;
    pg = pipe->pool->pg;

    if (q->rc == NGX_AGAIN) {
        return;
    }

    if (pipe->pool->class == NGX_HTTP_ZWFW_PG_STANDBY) {
        ngx_http_zwfw_pipe_standby(pipe, q);
        return;
    }

    if (q->rc == NGX_OK) {
        pg->other = !ngx_http_zwfw_pg_serves(q, &pg->oldest, &pg->schema);

    } else if (ngx_strncmp(q->state, "3F000", 5) == 0
               || ngx_strncmp(q->state, "42883", 5) == 0)
    {
        pg->oldest = 0;
        pg->schema = 0;
        pg->other = 1;

    } else {
        pipe->bad = NGX_HTTP_ZWFW_PG_AWAY;
        ngx_http_zwfw_pool_trouble(pipe->pool, pipe->bad,
                                   q->message.len ? (char *) q->message.data
                                                  : ngx_http_zwfw_pg_gone);
        return;
    }

    if (pg->other) {
        pipe->bad = NGX_HTTP_ZWFW_PG_OTHER;
        return;
    }

    ngx_http_zwfw_pool_ready(pipe);
}


/* which schema the platform has is said by the primary: this one may be
   behind */

static void
ngx_http_zwfw_pipe_standby(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_query_t *q)
{
    ngx_int_t  oldest, schema;

    if (q->rc == NGX_OK && ngx_http_zwfw_pg_serves(q, &oldest, &schema)) {
        ngx_http_zwfw_pool_ready(pipe);
        return;
    }

    pipe->bad = NGX_HTTP_ZWFW_PG_AWAY;
    ngx_http_zwfw_pool_trouble(pipe->pool, pipe->bad,
                               "another version is there yet");
}


/* a worker that quits waits for what is in flight, for nothing else */

static void
ngx_http_zwfw_pipe_timer(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_queue_t                *l;
    ngx_msec_int_t              wait, own;
    ngx_http_zwfw_operation_t  *op;

    wait = pipe->deadline - ngx_current_msec;

    for (l = ngx_queue_head(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_next(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);

        if (op->query) {
            own = op->query->deadline - ngx_current_msec;
            wait = ngx_min(wait, own);
        }
    }

    pipe->conn.timer.cancelable = !pipe->ready;
    ngx_add_timer(&pipe->conn.timer, ngx_max(wait, 1));
}


static void
ngx_http_zwfw_pipe_idle(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_event_t  *ev;

    ev = &pipe->conn.timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (pipe->pool->npipes > 1) {
        ev->cancelable = 1;
        ngx_add_timer(ev, NGX_HTTP_ZWFW_PG_IDLE);
    }
}


static ngx_msec_t
ngx_http_zwfw_pipe_timeout(ngx_http_zwfw_pipe_t *pipe)
{
    if (!pipe->ready) {
        return NGX_HTTP_ZWFW_PG_CONNECT;
    }

    /* the other half is for the primary */

    return (pipe->pool->class == NGX_HTTP_ZWFW_PG_STANDBY)
           ? pipe->pool->timeout / 2 : pipe->pool->timeout;
}


void
ngx_http_zwfw_pipe_fail(ngx_http_zwfw_pipe_t *pipe, ngx_queue_t *guilty)
{
    ngx_queue_t                *l;
    ngx_http_zwfw_query_t      *q;
    ngx_http_zwfw_operation_t  *op;

    /* newest first: each goes in front of the queue */

    for (l = ngx_queue_last(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_prev(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);
        q = op->query;

        PQclear(op->result);
        op->result = NULL;

        if (q && q->stable && q->tries == 0 && l != guilty) {
            op->query = NULL;
            q->tries = 1;
            ngx_http_zwfw_pool_again(pipe->pool, q);
        }
    }

    for (l = ngx_queue_head(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_next(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);
        q = op->query;

        if (q) {
            op->query = NULL;
            ngx_http_zwfw_pg_answer(q, NGX_AGAIN, NULL);
        }
    }
}


void
ngx_http_zwfw_pipe_destroy(ngx_http_zwfw_pipe_t *pipe)
{
    ngx_queue_t                *l;
    ngx_http_zwfw_operation_t  *op;

    for (l = ngx_queue_head(&pipe->operations);
         l != ngx_queue_sentinel(&pipe->operations);
         l = ngx_queue_next(l))
    {
        op = ngx_queue_data(l, ngx_http_zwfw_operation_t, queue);
        PQclear(op->result);
    }

    pipe->pool->in_flight -= pipe->in_flight;

    ngx_http_zwfw_pgconn_close(&pipe->conn);
    ngx_destroy_pool(pipe->memory);
}
