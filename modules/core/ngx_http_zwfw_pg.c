
/*
 * PostgreSQL: pools of pipelined connections by class (read, write, slow),
 * their queues, back-off and breaker.  Asking only queues; a posted event
 * sends what one turn of the event loop has gathered.
 */


#include "ngx_http_zwfw_pg.h"


static void ngx_http_zwfw_pg_unlink(void *data);
static ngx_int_t ngx_http_zwfw_pg_same(ngx_http_zwfw_pg_conf_t *a,
    ngx_http_zwfw_pg_conf_t *b);
static ngx_http_zwfw_pg_t *ngx_http_zwfw_pg_create(ngx_conf_t *cf,
    ngx_http_zwfw_pg_conf_t *conf, ngx_str_t *options);
static ngx_int_t ngx_http_zwfw_pg_check(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_str_t *options);
static ngx_int_t ngx_http_zwfw_pg_check_hosts(ngx_conf_t *cf,
    const char *hosts, const char *addrs);

static void ngx_http_zwfw_pool_init(ngx_http_zwfw_pg_t *pg,
    ngx_uint_t class);
static void ngx_http_zwfw_pool_exit(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_drain(ngx_event_t *ev);
static ngx_http_zwfw_pipe_t *ngx_http_zwfw_pool_pick(
    ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_take(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_pool_expire(ngx_event_t *ev);
static void ngx_http_zwfw_pool_patience(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_retry(ngx_event_t *ev);
static ngx_uint_t ngx_http_zwfw_pool_wanted(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_grow(ngx_http_zwfw_pgpool_t *pool);
static void ngx_http_zwfw_pool_remove(ngx_http_zwfw_pipe_t *pipe);


static char  *ngx_http_zwfw_pg_uses[] = { "read", "write", "slow", "listen" };

/* the pools of all cycles that live in this process */

static ngx_http_zwfw_pg_t  *ngx_http_zwfw_pgs;


ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_add(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf)
{
    ngx_str_t            options;
    ngx_pool_cleanup_t  *cln;
    ngx_http_zwfw_pg_t  *pg;

    for (pg = ngx_http_zwfw_pgs; pg; pg = pg->next) {
        if (pg->cycle == cf->cycle
            && ngx_http_zwfw_pg_same(&pg->conf, conf) == NGX_OK)
        {
            return pg;
        }
    }

    if (ngx_http_zwfw_pg_check(cf, &conf->conninfo, &options) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    pg = ngx_http_zwfw_pg_create(cf, conf, &options);

    if (cln == NULL || pg == NULL) {
        return NULL;
    }

    pg->next = ngx_http_zwfw_pgs;
    ngx_http_zwfw_pgs = pg;

    cln->handler = ngx_http_zwfw_pg_unlink;
    cln->data = pg;

    return pg;
}


/* a cycle goes: one that was never started, or that a reload has replaced */

static void
ngx_http_zwfw_pg_unlink(void *data)
{
    ngx_http_zwfw_pg_t  **p;

    for (p = &ngx_http_zwfw_pgs; *p; p = &(*p)->next) {
        if (*p == data) {
            *p = (*p)->next;
            return;
        }
    }
}


static ngx_int_t
ngx_http_zwfw_pg_same(ngx_http_zwfw_pg_conf_t *a, ngx_http_zwfw_pg_conf_t *b)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
        if (a->connections[i] != b->connections[i]
            || a->timeout[i] != b->timeout[i])
        {
            return NGX_DECLINED;
        }
    }

    if (a->depth != b->depth || a->waiting != b->waiting
        || a->conninfo.len != b->conninfo.len
        || ngx_memcmp(a->conninfo.data, b->conninfo.data, a->conninfo.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_create(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf,
    ngx_str_t *options)
{
    u_char              *p, *last;
    size_t               size;
    ngx_uint_t           i;
    ngx_msec_t           timeout;
    ngx_http_zwfw_pg_t  *pg;

    pg = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_pg_t));
    if (pg == NULL) {
        return NULL;
    }

    pg->cycle = cf->cycle;
    pg->conf = *conf;
    pg->schema = -1;
    ngx_queue_init(&pg->listeners);

    size = options->len + NGX_INT_T_LEN
           + sizeof("zwfw listen") + sizeof(" -c statement_timeout=")
           + sizeof(" -c lock_timeout=200");

    for (i = 0; i < NGX_HTTP_ZWFW_PG_USES; i++) {

        p = ngx_pnalloc(cf->pool, size);
        if (p == NULL) {
            return NULL;
        }

        last = p + size;
        pg->title[i] = (char *) p;
        p = ngx_slprintf(p, last, "zwfw %s%Z", ngx_http_zwfw_pg_uses[i]);

        /* the server gives up before us: its connection stays */

        timeout = (i == NGX_HTTP_ZWFW_PG_LISTEN) ? NGX_HTTP_ZWFW_PG_CONNECT
                                                 : conf->timeout[i];
        timeout = ngx_max(timeout - timeout / 10, 1);

        pg->options[i] = (char *) p;
        ngx_slprintf(p, last, "%V -c statement_timeout=%M%s%Z", options,
                     timeout, (i == NGX_HTTP_ZWFW_WRITE)
                              ? " -c lock_timeout=200" : "");
    }

    return pg;
}


/* a name would be resolved by libpq while the worker stands still */

static ngx_int_t
ngx_http_zwfw_pg_check(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_str_t *options)
{
    char              *err;
    ngx_int_t          rc;
    const char        *hosts, *addrs, *service;
    PQconninfoOption  *opts, *o;

    ngx_str_null(options);
    hosts = "";
    addrs = "";
    service = "";
    err = NULL;
    rc = NGX_ERROR;

    opts = PQconninfoParse((char *) conninfo->data, &err);
    if (opts == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"postgres\" parameter: %s",
                           err ? err : "no memory");
        PQfreemem(err);
        return NGX_ERROR;
    }

    for (o = opts; o->keyword; o++) {

        if (o->val == NULL) {
            continue;
        }

        if (ngx_strcmp(o->keyword, "host") == 0) {
            hosts = o->val;

        } else if (ngx_strcmp(o->keyword, "hostaddr") == 0) {
            addrs = o->val;

        } else if (ngx_strcmp(o->keyword, "service") == 0) {
            service = o->val;

        } else if (ngx_strcmp(o->keyword, "options") == 0) {
            options->len = ngx_strlen(o->val);
            options->data = (u_char *) o->val;
        }
    }

    if (*service) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"service\" is not supported in \"postgres\"");
        goto done;
    }

    if (options->len) {
        options->data = ngx_pstrdup(cf->pool, options);
        if (options->data == NULL) {
            goto done;
        }
    }

    rc = ngx_http_zwfw_pg_check_hosts(cf, hosts, addrs);

done:

    PQconninfoFree(opts);

    return rc;
}


static ngx_int_t
ngx_http_zwfw_pg_check_hosts(ngx_conf_t *cf, const char *hosts,
    const char *addrs)
{
    size_t       host, addr;
    ngx_str_t    name;
    ngx_addr_t   parsed;

    for ( ;; ) {
        host = strcspn(hosts, ",");
        addr = strcspn(addrs, ",");

        name.len = addr ? addr : host;
        name.data = (u_char *) (addr ? addrs : hosts);

        /* an empty host is the default socket, "@" an abstract one */

        if (name.len && name.data[0] != '/' && name.data[0] != '@'
            && ngx_parse_addr(cf->pool, &parsed, name.data, name.len)
               != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "host \"%V\" in \"postgres\" must be "
                               "an IP address or a socket directory", &name);
            return NGX_ERROR;
        }

        hosts += host;
        addrs += addr;

        if (*hosts == '\0' && *addrs == '\0') {
            return NGX_OK;
        }

        hosts += (*hosts == ',');
        addrs += (*addrs == ',');
    }
}


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
    }
}


ngx_int_t
ngx_http_zwfw_pg_ask(ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_query_t *q)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = &pg->pools[q->class];

    q->operation = NULL;
    q->queue.next = NULL;
    q->tries = 0;

    if (pool->open || pool->nwaiting >= pg->conf.waiting
        || (pg->schema != -1 && pg->schema != NGX_HTTP_ZWFW_SCHEMA))
    {
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
    char  *state, *text;

    q->operation = NULL;
    q->rc = rc;

    ngx_str_null(&q->value);
    ngx_str_null(&q->column);
    ngx_str_null(&q->message);

    if (PQntuples(res) > 0 && PQnfields(res) > 0 && !PQgetisnull(res, 0, 0)) {
        q->value.len = PQgetlength(res, 0, 0);
        q->value.data = (u_char *) PQgetvalue(res, 0, 0);
    }

    text = PQresultErrorField(res, PG_DIAG_COLUMN_NAME);
    if (text) {
        q->column.len = ngx_strlen(text);
        q->column.data = (u_char *) text;
    }

    text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (text) {
        q->message.len = ngx_strlen(text);
        q->message.data = (u_char *) text;
    }

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    ngx_memcpy(q->state, state ? state : "00000", 5);

    q->done(q);

    PQclear(res);
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
    state->open = pool->open;
}


static void
ngx_http_zwfw_pool_init(ngx_http_zwfw_pg_t *pg, ngx_uint_t class)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = &pg->pools[class];

    pool->pg = pg;
    pool->class = class;
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
    ngx_int_t   schema;
    ngx_uint_t  connecting;

    schema = pool->pg->schema;
    connecting = pool->npipes - pool->ready;

    if (pool->npipes == pool->limit) {
        return 0;
    }

    if (connecting == 0) {
        return pool->npipes == 0 || pool->nwaiting || pool->open
               || (schema != -1 && schema != NGX_HTTP_ZWFW_SCHEMA);
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

        if (since < pool->delay) {
            ngx_add_timer(&pool->retry, pool->delay - since);
            return;
        }

        pool->started = ngx_current_msec;

        pipe = ngx_http_zwfw_pipe_create(pool);
        if (pipe == NULL) {
            pool->delay = NGX_HTTP_ZWFW_PG_DELAYS;
            continue;
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
    ngx_queue_t             *guilty;
    ngx_http_zwfw_pgpool_t  *pool;

    pool = pipe->pool;

    ngx_http_zwfw_pool_trouble(pool, how, why);
    ngx_http_zwfw_pool_remove(pipe);

    if (how == NGX_HTTP_ZWFW_PG_LATE || (!pipe->ready && pool->ready == 0)) {
        pool->open = 1;
    }

    if (!pipe->used) {
        pool->delay = ngx_min(pool->delay * 2, NGX_HTTP_ZWFW_PG_DELAYS);
        pool->delay = ngx_max(pool->delay, NGX_HTTP_ZWFW_PG_DELAY);
    }

    guilty = (how == NGX_HTTP_ZWFW_PG_LATE) ? ngx_queue_head(&pipe->operations)
                                            : NULL;

    ngx_http_zwfw_pipe_fail(pipe, guilty);
    ngx_http_zwfw_pipe_destroy(pipe);

    ngx_post_event(&pool->drain, &ngx_posted_events);
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
                      "schema_mismatch, its schema is %i, ours %d",
                      class, pool->pg->schema, NGX_HTTP_ZWFW_SCHEMA);
        return;
    }

    line = ngx_http_zwfw_pg_line(why);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "zwfw: PostgreSQL is away for class %s: %V", class, &line);
}
