
/*
 * A connection to Redis: hiredis on nginx's events.  For redis.c, sentinel.c
 * and track.c
 */


#ifndef _NGX_HTTP_ZWFW_WIRE_H_INCLUDED_
#define _NGX_HTTP_ZWFW_WIRE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/hiredis.h>
#include <hiredis/async.h>


typedef struct {
    ngx_str_t                  name;        /* for log lines */
    char                      *host;        /* IP address or path */
    ngx_uint_t                 port;        /* 0: host is a unix socket */
    ngx_str_t                  db;          /* empty: the first one */
    ngx_str_t                  password;    /* empty: none */
    ngx_msec_t                 timeout;
    char                       told[NGX_INET6_ADDRSTRLEN + 1];
    u_char                     text[NGX_SOCKADDR_STRLEN];
} ngx_http_zwfw_address_t;


typedef struct {
    redisAsyncContext         *ac;          /* NULL: closed */
    ngx_connection_t          *connection;
    ngx_http_zwfw_address_t   *address;
    ngx_log_t                 *log;
    ngx_uint_t                 level;       /* of lines about failures */

    /* once for each wire that was open; nothing may be asked from inside */
    void                     (*closed)(void *data);
    void                      *data;

    unsigned                   sending:1;
} ngx_http_zwfw_wire_t;


/*
 * An address that a server has told, in place of the one that is there.
 *
 *     NGX_OK        it is another one
 *     NGX_DECLINED  it is the same
 *     NGX_ERROR     no IP address and port, logged
 */
ngx_int_t ngx_http_zwfw_address_set(ngx_http_zwfw_address_t *address,
    ngx_str_t *host, ngx_str_t *port, ngx_log_t *log);

/*
 * Begins to connect; commands may be sent at once, they leave when it is
 * connected.
 *
 *     NGX_OK     closed() will come one day
 *     NGX_ERROR  refused at once; closed() does not come
 */
ngx_int_t ngx_http_zwfw_wire_open(ngx_http_zwfw_wire_t *wire);

/* closed() comes now, or at the end of hiredis' callback that is running */
void ngx_http_zwfw_wire_close(ngx_http_zwfw_wire_t *wire);

/*
 * Sends one command; the words are copied.  All commands of a turn of the
 * event loop leave with one write.  reply() gets NULL when the wire closes.
 */
ngx_int_t ngx_http_zwfw_wire_send(ngx_http_zwfw_wire_t *wire,
    ngx_uint_t nwords, ngx_str_t *words, redisCallbackFn *reply, void *data);

/* logs the first word of an error that Redis answered */
void ngx_http_zwfw_wire_log(ngx_http_zwfw_wire_t *wire, redisReply *reply,
    ngx_str_t *command);


#endif /* _NGX_HTTP_ZWFW_WIRE_H_INCLUDED_ */
