
/*
 * LISTEN: a connection that hears notifications, and asks each 300 ms so that
 * silence is told from deafness
 */


#include "ngx_http_zwfw_pg.h"


#define NGX_HTTP_ZWFW_LISTEN_BEAT  300      /* ms between questions */
#define NGX_HTTP_ZWFW_LISTEN_DEAF  900      /* ms without an answer */


typedef struct {
    ngx_queue_t                queue;       /* of pg */
    ngx_http_zwfw_pgconn_t     conn;
    ngx_http_zwfw_pg_t        *pg;
    ngx_http_zwfw_listen_t    *listen;      /* NULL: unlistened meanwhile */
    ngx_event_t                retry;
    ngx_msec_t                 delay;
    ngx_uint_t                 tried;       /* servers, one after another */
    ngx_msec_t                 asked;       /* when the last question was */
    unsigned                   waiting:1;   /* for its answer */
    unsigned                   subscribed:1;
    unsigned                   trouble:1;   /* logged */
    unsigned                   calling:1;   /* may be unlistened inside */
} ngx_http_zwfw_pglisten_t;


static ngx_http_zwfw_pglisten_t *ngx_http_zwfw_pglisten_find(
    ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_listen_t *listen);
static void ngx_http_zwfw_pglisten_open(ngx_http_zwfw_pglisten_t *l);
static void ngx_http_zwfw_pglisten_retry(ngx_event_t *ev);
static void ngx_http_zwfw_pglisten_ready(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pglisten_ask(ngx_http_zwfw_pglisten_t *l,
    const char *sql);
static void ngx_http_zwfw_pglisten_input(ngx_http_zwfw_pgconn_t *conn);
static ngx_int_t ngx_http_zwfw_pglisten_read(ngx_http_zwfw_pglisten_t *l);
static ngx_int_t ngx_http_zwfw_pglisten_tell(ngx_http_zwfw_pglisten_t *l,
    ngx_uint_t answered);
static void ngx_http_zwfw_pglisten_expired(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pglisten_lost(ngx_http_zwfw_pgconn_t *conn,
    const char *why);
static ngx_uint_t ngx_http_zwfw_pglisten_over(ngx_http_zwfw_pglisten_t *l);
static void ngx_http_zwfw_pglisten_free(ngx_http_zwfw_pglisten_t *l);


ngx_int_t
ngx_http_zwfw_pg_listen(ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_listen_t *listen)
{
    ngx_http_zwfw_pglisten_t  *l;

    if (ngx_http_zwfw_pglisten_find(pg, listen)) {
        return NGX_OK;
    }

    l = ngx_calloc(sizeof(ngx_http_zwfw_pglisten_t), ngx_cycle->log);
    if (l == NULL) {
        return NGX_ERROR;
    }

    l->pg = pg;
    l->listen = listen;
    l->conn.data = l;
    l->conn.ready = ngx_http_zwfw_pglisten_ready;
    l->conn.input = ngx_http_zwfw_pglisten_input;
    l->conn.expired = ngx_http_zwfw_pglisten_expired;
    l->conn.lost = ngx_http_zwfw_pglisten_lost;

    l->retry.handler = ngx_http_zwfw_pglisten_retry;
    l->retry.data = l;
    l->retry.log = ngx_cycle->log;
    l->retry.cancelable = 1;

    ngx_queue_insert_tail(&pg->listeners, &l->queue);
    ngx_http_zwfw_pglisten_open(l);

    return NGX_OK;
}


void
ngx_http_zwfw_pg_unlisten(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_listen_t *listen)
{
    ngx_http_zwfw_pglisten_t  *l;

    l = ngx_http_zwfw_pglisten_find(pg, listen);

    if (l == NULL) {
        return;
    }

    l->listen = NULL;

    if (!l->calling) {
        ngx_http_zwfw_pglisten_free(l);
    }
}


void
ngx_http_zwfw_listen_exit(ngx_http_zwfw_pg_t *pg)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&pg->listeners)) {
        q = ngx_queue_head(&pg->listeners);
        ngx_http_zwfw_pglisten_free(ngx_queue_data(q, ngx_http_zwfw_pglisten_t,
                                                   queue));
    }
}


static ngx_http_zwfw_pglisten_t *
ngx_http_zwfw_pglisten_find(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_listen_t *listen)
{
    ngx_queue_t               *q;
    ngx_http_zwfw_pglisten_t  *l;

    for (q = ngx_queue_head(&pg->listeners);
         q != ngx_queue_sentinel(&pg->listeners);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_zwfw_pglisten_t, queue);

        if (l->listen == listen) {
            return l;
        }
    }

    return NULL;
}


static void
ngx_http_zwfw_pglisten_open(ngx_http_zwfw_pglisten_t *l)
{
    if (ngx_http_zwfw_pgconn_open(&l->conn, l->pg, NGX_HTTP_ZWFW_PG_LISTEN)
        != NGX_OK)
    {
        ngx_http_zwfw_pglisten_lost(&l->conn, PQerrorMessage(l->conn.pg));
    }
}


static void
ngx_http_zwfw_pglisten_retry(ngx_event_t *ev)
{
    ngx_http_zwfw_pglisten_open(ev->data);
}


static void
ngx_http_zwfw_pglisten_ready(ngx_http_zwfw_pgconn_t *conn)
{
    char                      *channel;
    u_char                    *sql;
    ngx_str_t                 *name;
    ngx_http_zwfw_pglisten_t  *l;

    l = conn->data;
    name = &l->listen->channel;

    channel = PQescapeIdentifier(conn->pg, (char *) name->data, name->len);
    sql = NULL;

    if (channel) {
        sql = ngx_alloc(sizeof("LISTEN ") + ngx_strlen(channel),
                        ngx_cycle->log);
    }

    if (sql == NULL) {
        PQfreemem(channel);
        ngx_http_zwfw_pglisten_lost(conn, "no memory");
        return;
    }

    ngx_sprintf(sql, "LISTEN %s%Z", channel);
    PQfreemem(channel);

    ngx_add_timer(&conn->timer, NGX_HTTP_ZWFW_LISTEN_BEAT);
    ngx_http_zwfw_pglisten_ask(l, (char *) sql);

    ngx_free(sql);
}


static void
ngx_http_zwfw_pglisten_ask(ngx_http_zwfw_pglisten_t *l, const char *sql)
{
    l->waiting = 1;
    l->asked = ngx_current_msec;

    if (!PQsendQuery(l->conn.pg, sql)
        || ngx_http_zwfw_pgconn_flush(&l->conn) != NGX_OK)
    {
        ngx_http_zwfw_pglisten_lost(&l->conn, ngx_http_zwfw_pg_gone);
    }
}


static void
ngx_http_zwfw_pglisten_input(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_int_t                  rc;
    ngx_uint_t                 waiting;
    ngx_http_zwfw_pglisten_t  *l;

    l = conn->data;
    waiting = l->waiting;

    if (ngx_http_zwfw_pglisten_read(l) != NGX_OK) {
        ngx_http_zwfw_pglisten_lost(conn, "the server refused to listen");
        return;
    }

    if (ngx_http_zwfw_pgconn_moved(conn)) {
        ngx_http_zwfw_pglisten_lost(conn, "the server has another role now");
        return;
    }

    l->calling = 1;
    rc = ngx_http_zwfw_pglisten_tell(l, waiting && !l->waiting);
    l->calling = 0;

    if (ngx_http_zwfw_pglisten_over(l)) {
        return;
    }

    if (rc == NGX_AGAIN) {
        ngx_http_zwfw_pglisten_ask(l, "SELECT 1");
    }
}


static ngx_int_t
ngx_http_zwfw_pglisten_read(ngx_http_zwfw_pglisten_t *l)
{
    PGresult        *res;
    ExecStatusType   status;

    while (!PQisBusy(l->conn.pg) && l->waiting) {

        res = PQgetResult(l->conn.pg);

        if (res == NULL) {
            l->waiting = 0;
            break;
        }

        status = PQresultStatus(res);
        PQclear(res);

        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            return NGX_ERROR;
        }
    }

    return (PQstatus(l->conn.pg) == CONNECTION_OK) ? NGX_OK : NGX_ERROR;
}


/* what was notified before the answer is told before the beat; NGX_AGAIN: it
   has just subscribed, the first beat is to be asked for */

static ngx_int_t
ngx_http_zwfw_pglisten_tell(ngx_http_zwfw_pglisten_t *l, ngx_uint_t answered)
{
    PGnotify   *notify;
    ngx_str_t   payload;

    while (l->listen && (notify = PQnotifies(l->conn.pg)) != NULL) {
        payload.len = ngx_strlen(notify->extra);
        payload.data = (u_char *) notify->extra;

        l->listen->event(l->listen->data, &payload);

        PQfreemem(notify);
    }

    if (l->listen == NULL || !answered) {
        return NGX_OK;
    }

    if (l->subscribed) {
        l->listen->beat(l->listen->data);
        return NGX_OK;
    }

    l->subscribed = 1;
    l->delay = 0;
    l->tried = 0;

    if (l->trouble) {
        l->trouble = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "zwfw: PostgreSQL is listened to again");
    }

    return NGX_AGAIN;
}


static void
ngx_http_zwfw_pglisten_expired(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_http_zwfw_pglisten_t  *l;

    l = conn->data;

    if (!l->waiting) {
        ngx_add_timer(&conn->timer, NGX_HTTP_ZWFW_LISTEN_BEAT);
        ngx_http_zwfw_pglisten_ask(l, "SELECT 1");
        return;
    }

    if (ngx_current_msec - l->asked >= NGX_HTTP_ZWFW_LISTEN_DEAF) {
        ngx_http_zwfw_pglisten_lost(conn, "no answer in time");
        return;
    }

    ngx_add_timer(&conn->timer, NGX_HTTP_ZWFW_LISTEN_BEAT);
}


static void
ngx_http_zwfw_pglisten_lost(ngx_http_zwfw_pgconn_t *conn, const char *why)
{
    ngx_str_t                  line;
    ngx_uint_t                 subscribed, elsewhere;
    ngx_http_zwfw_pglisten_t  *l;

    l = conn->data;

    elsewhere = (!conn->connected
                 && ngx_http_zwfw_pgconn_elsewhere(conn, &l->tried));

    if (!l->trouble && !elsewhere) {
        l->trouble = 1;
        line = ngx_http_zwfw_pg_line(why);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "zwfw: PostgreSQL is not listened to: %V", &line);
    }

    ngx_http_zwfw_pgconn_close(conn);

    /* at once the first time, then ever later */

    ngx_add_timer(&l->retry, elsewhere ? 0 : l->delay);

    if (!elsewhere) {
        l->delay = ngx_min(l->delay * 2, NGX_HTTP_ZWFW_PG_DELAYS);
        l->delay = ngx_max(l->delay, NGX_HTTP_ZWFW_PG_DELAY);
    }

    subscribed = l->subscribed;
    l->subscribed = 0;
    l->waiting = 0;

    if (subscribed) {
        l->calling = 1;
        l->listen->lost(l->listen->data);
        l->calling = 0;

        ngx_http_zwfw_pglisten_over(l);
    }
}


static ngx_uint_t
ngx_http_zwfw_pglisten_over(ngx_http_zwfw_pglisten_t *l)
{
    if (l->listen) {
        return 0;
    }

    ngx_http_zwfw_pglisten_free(l);

    return 1;
}


static void
ngx_http_zwfw_pglisten_free(ngx_http_zwfw_pglisten_t *l)
{
    ngx_queue_remove(&l->queue);

    if (l->retry.timer_set) {
        ngx_del_timer(&l->retry);
    }

    ngx_http_zwfw_pgconn_close(&l->conn);
    ngx_free(l);
}
