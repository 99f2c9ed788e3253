
/*
 * One connection of libpq in the event loop: connecting, reading, writing,
 * closing.  Level-triggered, since libpq does not promise to read all; libpq
 * opens and closes the socket, nginx only watches it.
 */


#include "ngx_http_zwfw_pg.h"


static ngx_int_t ngx_http_zwfw_pgconn_wait(ngx_http_zwfw_pgconn_t *conn,
    ngx_event_handler_pt handler, ngx_uint_t write);
static ngx_int_t ngx_http_zwfw_pgconn_wrap(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pgconn_poll(ngx_event_t *ev);
static void ngx_http_zwfw_pgconn_connected(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pgconn_read(ngx_event_t *rev);
static void ngx_http_zwfw_pgconn_write(ngx_event_t *wev);
static void ngx_http_zwfw_pgconn_timer(ngx_event_t *ev);
static void ngx_http_zwfw_pgconn_unwatch(ngx_connection_t *c,
    ngx_uint_t flags);
static void ngx_http_zwfw_pgconn_unwrap(ngx_http_zwfw_pgconn_t *conn);
static void ngx_http_zwfw_pgconn_notice(void *data, const PGresult *res);


/* what stands before dbname may be changed by conninfo, the rest not */

static const char  *ngx_http_zwfw_pgconn_keywords[] = {
    "application_name",
    "gssencmode",
    "dbname",
    "options",
    "client_encoding",
    "host",
    "hostaddr",
    "port",
    "target_session_attrs",
    NULL
};

/* libpq's own text may hold the message of a statement, and so its values */

const char  ngx_http_zwfw_pg_gone[] = "the connection was lost";


ngx_int_t
ngx_http_zwfw_pgconn_open(ngx_http_zwfw_pgconn_t *conn, ngx_http_zwfw_pg_t *pg,
    ngx_uint_t use)
{
    const char                 *values[10];
    ngx_http_zwfw_pg_server_t  *server;

    conn->of = pg;
    conn->standby = (use == NGX_HTTP_ZWFW_PG_STANDBY);
    conn->server = pg->at[conn->standby];

    server = &pg->servers[conn->server];

    values[0] = pg->title[use];
    values[1] = "disable";
    values[2] = (const char *) pg->conf.conninfo.data;
    values[3] = pg->options[use];
    values[4] = "UTF8";

    /* of a single server conninfo says it all: libpq skips what is NULL */

    values[5] = server->host;
    values[6] = server->addr;
    values[7] = server->port;
    values[8] = NULL;
    values[9] = NULL;

    if (pg->nservers > 1) {
        values[8] = conn->standby ? "standby" : "read-write";
    }

    conn->timer.handler = ngx_http_zwfw_pgconn_timer;
    conn->timer.data = conn;
    conn->timer.log = ngx_cycle->log;
    conn->timer.cancelable = 1;

    conn->pg = PQconnectStartParams(ngx_http_zwfw_pgconn_keywords, values, 1);

    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        return NGX_ERROR;
    }

    PQsetNoticeReceiver(conn->pg, ngx_http_zwfw_pgconn_notice, NULL);
    ngx_add_timer(&conn->timer, NGX_HTTP_ZWFW_PG_CONNECT / pg->nservers);

    return ngx_http_zwfw_pgconn_wait(conn, ngx_http_zwfw_pgconn_poll, 1);
}


static ngx_int_t
ngx_http_zwfw_pgconn_wait(ngx_http_zwfw_pgconn_t *conn,
    ngx_event_handler_pt handler, ngx_uint_t write)
{
    ngx_connection_t  *c;

    if (ngx_http_zwfw_pgconn_wrap(conn) != NGX_OK) {
        return NGX_ERROR;
    }

    c = conn->connection;
    c->read->handler = handler;
    c->write->handler = handler;

    if (write) {
        return ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    return ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
}


/* libpq may have taken another socket for the next address */

static ngx_int_t
ngx_http_zwfw_pgconn_wrap(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_socket_t       s;
    ngx_connection_t  *c;

    s = PQsocket(conn->pg);

    if (conn->connection && conn->connection->fd == s) {
        return NGX_OK;
    }

    ngx_http_zwfw_pgconn_unwrap(conn);

    c = ngx_get_connection(s, ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = conn;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->log_error = NGX_ERROR_ERR;
    conn->connection = c;

    return NGX_OK;
}


static void
ngx_http_zwfw_pgconn_poll(ngx_event_t *ev)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    PostgresPollingStatusType  status;
    ngx_http_zwfw_pgconn_t    *conn;

    c = ev->data;
    conn = c->data;

    /* libpq may close the socket: nothing may be watched meanwhile */

    ngx_http_zwfw_pgconn_unwatch(c, 0);

    status = PQconnectPoll(conn->pg);

    if (status == PGRES_POLLING_OK) {
        ngx_http_zwfw_pgconn_connected(conn);
        return;
    }

    rc = NGX_ERROR;

    if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        rc = ngx_http_zwfw_pgconn_wait(conn, ngx_http_zwfw_pgconn_poll,
                                       status == PGRES_POLLING_WRITING);
    }

    if (rc != NGX_OK) {
        conn->lost(conn, PQerrorMessage(conn->pg));
        return;
    }

    /* the server is alive, even if it is far away */

    ngx_add_timer(&conn->timer, NGX_HTTP_ZWFW_PG_CONNECT / conn->of->nservers);
}


static void
ngx_http_zwfw_pgconn_connected(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_del_timer(&conn->timer);

    if (PQsetnonblocking(conn->pg, 1) != 0
        || ngx_http_zwfw_pgconn_wait(conn, ngx_http_zwfw_pgconn_read, 0)
           != NGX_OK)
    {
        conn->lost(conn, PQerrorMessage(conn->pg));
        return;
    }

    conn->connection->write->handler = ngx_http_zwfw_pgconn_write;
    conn->connected = 1;
    conn->ready(conn);
}


static void
ngx_http_zwfw_pgconn_read(ngx_event_t *rev)
{
    ngx_connection_t        *c;
    ngx_http_zwfw_pgconn_t  *conn;

    c = rev->data;
    conn = c->data;

    if (!PQconsumeInput(conn->pg)) {
        conn->lost(conn, ngx_http_zwfw_pg_gone);
        return;
    }

    conn->input(conn);
}


static void
ngx_http_zwfw_pgconn_write(ngx_event_t *wev)
{
    ngx_connection_t        *c;
    ngx_http_zwfw_pgconn_t  *conn;

    c = wev->data;
    conn = c->data;

    if (ngx_http_zwfw_pgconn_flush(conn) != NGX_OK) {
        conn->lost(conn, ngx_http_zwfw_pg_gone);
    }
}


static void
ngx_http_zwfw_pgconn_timer(ngx_event_t *ev)
{
    ngx_http_zwfw_pgconn_t  *conn;

    conn = ev->data;

    if (!conn->connected) {
        conn->lost(conn, "no answer while connecting");
        return;
    }

    conn->expired(conn);
}


ngx_int_t
ngx_http_zwfw_pgconn_flush(ngx_http_zwfw_pgconn_t *conn)
{
    int           unsent;
    ngx_int_t     rc;
    ngx_event_t  *rev, *wev;

    unsent = PQflush(conn->pg);

    if (unsent == -1 || PQsocket(conn->pg) == -1) {
        return NGX_ERROR;
    }

    rc = NGX_OK;
    rev = conn->connection->read;
    wev = conn->connection->write;

    if (unsent && !wev->active) {
        rc = ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (!unsent && wev->active) {
        rc = ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }

    /* libpq reads while it cannot write: no event comes for that */

    if (!PQisBusy(conn->pg)) {
        ngx_post_event(rev, &ngx_posted_events);
    }

    return rc;
}


ngx_uint_t
ngx_http_zwfw_pgconn_elsewhere(ngx_http_zwfw_pgconn_t *conn,
    ngx_uint_t *tried)
{
    ngx_uint_t          *at;
    ngx_http_zwfw_pg_t  *pg;

    pg = conn->of;
    at = &pg->at[conn->standby];

    /* another pool may have gone on already */

    if (*at == conn->server) {
        *at = (*at + 1) % pg->nservers;
    }

    if (++*tried < pg->nservers) {
        return 1;
    }

    *tried = 0;

    return 0;
}


/* the server says so by itself, after the answer to a statement */

ngx_uint_t
ngx_http_zwfw_pgconn_moved(ngx_http_zwfw_pgconn_t *conn)
{
    const char  *value;

    if (conn->of->nservers == 1) {
        return 0;
    }

    value = PQparameterStatus(conn->pg, "in_hot_standby");

    if (value && (ngx_strcmp(value, "on") == 0) != conn->standby) {
        return 1;
    }

    value = PQparameterStatus(conn->pg, "default_transaction_read_only");

    return !conn->standby && value && ngx_strcmp(value, "on") == 0;
}


void
ngx_http_zwfw_pgconn_close(ngx_http_zwfw_pgconn_t *conn)
{
    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    ngx_http_zwfw_pgconn_unwrap(conn);

    PQfinish(conn->pg);

    conn->pg = NULL;
    conn->connected = 0;
}


static void
ngx_http_zwfw_pgconn_unwatch(ngx_connection_t *c, ngx_uint_t flags)
{
    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
}


static void
ngx_http_zwfw_pgconn_unwrap(ngx_http_zwfw_pgconn_t *conn)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c;

    c = conn->connection;

    if (c == NULL) {
        return;
    }

    /* a socket that libpq has closed is already gone from epoll */

    flags = (PQsocket(conn->pg) == -1) ? NGX_CLOSE_EVENT : 0;

    ngx_http_zwfw_pgconn_unwatch(c, flags);
    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;
    conn->connection = NULL;
}


ngx_str_t
ngx_http_zwfw_pg_line(const char *text)
{
    ngx_str_t  line;

    line.data = (u_char *) text;
    line.len = strcspn(text, "\n");

    return line;
}


/* libpq would print it to stderr, which is the error log */

static void
ngx_http_zwfw_pgconn_notice(void *data, const PGresult *res)
{
    /* void */
}
