
/*
 * A connection to Redis: hiredis on nginx's events, level-triggered, because
 * hiredis reads at most 16 KiB at a time.  hiredis owns the socket and frees
 * its context on its own, so nothing here touches it after calling hiredis
 */


#include "ngx_http_zwfw_wire.h"


#define NGX_HTTP_ZWFW_WIRE_SMALL  512       /* a command needs no more often */


static ngx_int_t ngx_http_zwfw_wire_attach(ngx_http_zwfw_wire_t *wire);
static void ngx_http_zwfw_wire_connected(const redisAsyncContext *ac,
    int status);
static void ngx_http_zwfw_wire_read(ngx_event_t *rev);
static void ngx_http_zwfw_wire_write(ngx_event_t *wev);
static void ngx_http_zwfw_wire_add_read(void *data);
static void ngx_http_zwfw_wire_del_read(void *data);
static void ngx_http_zwfw_wire_add_write(void *data);
static void ngx_http_zwfw_wire_del_write(void *data);
static void ngx_http_zwfw_wire_cleanup(void *data);
static void ngx_http_zwfw_wire_detach(ngx_connection_t *c);


ngx_int_t
ngx_http_zwfw_address_set(ngx_http_zwfw_address_t *address, ngx_str_t *host,
    ngx_str_t *port, ngx_log_t *log)
{
    ngx_int_t  n;
#if (NGX_HAVE_INET6)
    u_char     in6[16];
#endif

    n = ngx_atoi(port->data, port->len);

    /* hiredis would look a name up on the event loop */

    if (n < 1 || n > 65535 || host->len > NGX_INET6_ADDRSTRLEN
        || (ngx_inet_addr(host->data, host->len) == INADDR_NONE
#if (NGX_HAVE_INET6)
            && ngx_inet6_addr(host->data, host->len, in6) != NGX_OK
#endif
           ))
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "zwfw: redis names \"%V\" port \"%V\", which is no IP "
                      "address with a port", host, port);
        return NGX_ERROR;
    }

    if (address->host && address->port == (ngx_uint_t) n
        && ngx_strlen(address->host) == host->len
        && ngx_memcmp(address->host, host->data, host->len) == 0)
    {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) address->told, host->data, host->len + 1);

    address->host = address->told;
    address->port = n;
    address->name.data = address->text;
    address->name.len = ngx_snprintf(address->text, sizeof(address->text),
                                     ngx_strchr(address->told, ':')
                                     ? "[%V]:%i" : "%V:%i", host, n)
                        - address->text;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_wire_open(ngx_http_zwfw_wire_t *wire)
{
    redisAsyncContext  *ac;

    if (wire->address->port) {
        ac = redisAsyncConnect(wire->address->host, wire->address->port);

    } else {
        ac = redisAsyncConnectUnix(wire->address->host);
    }

    if (ac == NULL) {
        return NGX_ERROR;
    }

    if (ac->err) {
        ngx_log_error(wire->level, wire->log, 0,
                      "zwfw: connect to redis \"%V\" failed: %s",
                      &wire->address->name, ac->errstr);
        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    wire->ac = ac;

    if (ngx_http_zwfw_wire_attach(wire) != NGX_OK) {
        wire->ac = NULL;
        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_wire_attach(ngx_http_zwfw_wire_t *wire)
{
    ngx_connection_t   *c;
    redisAsyncContext  *ac;

    ac = wire->ac;

    c = ngx_get_connection(ac->c.fd, wire->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = wire;
    c->log = wire->log;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    c->read->log = wire->log;
    c->read->handler = ngx_http_zwfw_wire_read;
    c->write->log = wire->log;
    c->write->handler = ngx_http_zwfw_wire_write;

    wire->connection = c;
    wire->sending = 0;

    ac->data = wire;
    ac->ev.data = wire;
    ac->ev.addRead = ngx_http_zwfw_wire_add_read;
    ac->ev.delRead = ngx_http_zwfw_wire_del_read;
    ac->ev.addWrite = ngx_http_zwfw_wire_add_write;
    ac->ev.delWrite = ngx_http_zwfw_wire_del_write;
    ac->ev.cleanup = ngx_http_zwfw_wire_cleanup;

    /* the socket is connected when it becomes writable */

    if (ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        ac->ev.cleanup = NULL;
        ngx_http_zwfw_wire_detach(c);
        return NGX_ERROR;
    }

    (void) redisAsyncSetConnectCallback(ac, ngx_http_zwfw_wire_connected);

    return NGX_OK;
}


void
ngx_http_zwfw_wire_close(ngx_http_zwfw_wire_t *wire)
{
    if (wire->ac) {
        redisAsyncFree(wire->ac);
    }
}


/* as hiredis writes it word by word, at a third of the cost; it looks into the
   text as a string, which must have an end */

ngx_int_t
ngx_http_zwfw_wire_send(ngx_http_zwfw_wire_t *wire, ngx_uint_t nwords,
    ngx_str_t *words, redisCallbackFn *reply, void *data)
{
    int          rc;
    size_t       len;
    u_char      *p, *text, small[NGX_HTTP_ZWFW_WIRE_SMALL];
    ngx_uint_t   i;

    if (wire->ac == NULL) {
        return NGX_ERROR;
    }

    len = sizeof("*" CRLF) + NGX_INT_T_LEN;

    for (i = 0; i < nwords; i++) {
        len += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + words[i].len;
    }

    text = (len > sizeof(small)) ? ngx_alloc(len, wire->log) : small;
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text, "*%ui" CRLF, nwords);

    for (i = 0; i < nwords; i++) {
        p = ngx_sprintf(p, "$%uz" CRLF, words[i].len);
        p = ngx_cpymem(p, words[i].data, words[i].len);
        *p++ = CR;
        *p++ = LF;
    }

    *p = '\0';

    rc = redisAsyncFormattedCommand(wire->ac, reply, data, (char *) text,
                                    p - text);

    if (text != small) {
        ngx_free(text);
    }

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


void
ngx_http_zwfw_wire_log(ngx_http_zwfw_wire_t *wire, redisReply *reply,
    ngx_str_t *command)
{
    size_t  len;

    /* the rest of the text may hold words of the command */

    len = strcspn(reply->str, " ");

    ngx_log_error(wire->level, wire->log, 0,
                  "zwfw: redis \"%V\" refused %V: %*s",
                  &wire->address->name, command, ngx_min(len, 32),
                  reply->str);
}


static void
ngx_http_zwfw_wire_connected(const redisAsyncContext *ac, int status)
{
    ngx_http_zwfw_wire_t  *wire = ac->data;

    if (status == REDIS_OK) {
        return;
    }

    ngx_log_error(wire->level, wire->log, ngx_socket_errno,
                  "zwfw: connect to redis \"%V\" failed",
                  &wire->address->name);
}


static void
ngx_http_zwfw_wire_read(ngx_event_t *rev)
{
    ngx_connection_t      *c;
    ngx_http_zwfw_wire_t  *wire;

    c = rev->data;
    wire = c->data;

    redisAsyncHandleRead(wire->ac);
}


static void
ngx_http_zwfw_wire_write(ngx_event_t *wev)
{
    ngx_connection_t      *c;
    ngx_http_zwfw_wire_t  *wire;

    c = wev->data;
    wire = c->data;

    /* what hiredis cannot send now waits until the socket is writable */

    wire->sending = 1;
    redisAsyncHandleWrite(wire->ac);
    wire->sending = 0;
}


static void
ngx_http_zwfw_wire_add_read(void *data)
{
    ngx_http_zwfw_wire_t  *wire = data;

    ngx_event_t  *rev;

    rev = wire->connection->read;

    if (!rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_http_zwfw_wire_del_read(void *data)
{
    ngx_http_zwfw_wire_t  *wire = data;

    ngx_event_t  *rev;

    rev = wire->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }
}


static void
ngx_http_zwfw_wire_add_write(void *data)
{
    ngx_http_zwfw_wire_t  *wire = data;

    ngx_event_t  *wev;

    wev = wire->connection->write;

    if (wev->active) {
        return;
    }

    if (wire->sending) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
        return;
    }

    if (!wev->posted) {
        ngx_post_event(wev, &ngx_posted_events);
    }
}


static void
ngx_http_zwfw_wire_del_write(void *data)
{
    ngx_http_zwfw_wire_t  *wire = data;

    ngx_event_t  *wev;

    wev = wire->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_http_zwfw_wire_cleanup(void *data)
{
    ngx_http_zwfw_wire_t  *wire = data;

    redisAsyncContext  *ac;

    ac = wire->ac;

    if (ac->err && (ac->c.flags & REDIS_CONNECTED)) {
        ngx_log_error(wire->level, wire->log, 0,
                      "zwfw: redis \"%V\" is lost: %s",
                      &wire->address->name, ac->errstr);
    }

    ac->ev.cleanup = NULL;
    wire->ac = NULL;

    ngx_http_zwfw_wire_detach(wire->connection);
    wire->connection = NULL;

    wire->closed(wire->data);
}


/* hiredis closes the socket: nginx only forgets it */

static void
ngx_http_zwfw_wire_detach(ngx_connection_t *c)
{
    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (ngx_del_conn) {
        if (c->read->active || c->write->active) {
            ngx_del_conn(c, 0);
        }

    } else {
        if (c->read->active) {
            ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        if (c->write->active) {
            ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
        }
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}
