
/*
 * What the files of the PostgreSQL runtime share: a socket of libpq in the
 * event loop (pgconn.c), a pipeline of operations on it (pipe.c), a pool of
 * such pipelines with its queue (pg.c, pg_conf.c), and LISTEN (listen.c)
 */


#ifndef _NGX_HTTP_ZWFW_PG_H_INCLUDED_
#define _NGX_HTTP_ZWFW_PG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <libpq-fe.h>

#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_PG_CONNECT  1000      /* ms without an answer */
#define NGX_HTTP_ZWFW_PG_IDLE     60000     /* of an extra connection */
#define NGX_HTTP_ZWFW_PG_GRACE    200       /* for what is asked again */
#define NGX_HTTP_ZWFW_PG_DELAY    100       /* first back-off */
#define NGX_HTTP_ZWFW_PG_DELAYS   700       /* the longest: service within a
                                               second of recovery */

#define NGX_HTTP_ZWFW_PG_STANDBYS 2000      /* the longest, for a standby */
#define NGX_HTTP_ZWFW_PG_PROBE    200       /* how far a standby has got */

/* uses of a connection: a class; reads of a standby; listening */

#define NGX_HTTP_ZWFW_PG_STANDBY  NGX_HTTP_ZWFW_CLASSES
#define NGX_HTTP_ZWFW_PG_POOLS    (NGX_HTTP_ZWFW_CLASSES + 1)
#define NGX_HTTP_ZWFW_PG_LISTEN   NGX_HTTP_ZWFW_PG_POOLS
#define NGX_HTTP_ZWFW_PG_USES     (NGX_HTTP_ZWFW_PG_POOLS + 1)

/* what is configured for reads counts for those of a standby, too */

#define ngx_http_zwfw_pg_class(use)                                          \
    ((use) == NGX_HTTP_ZWFW_PG_STANDBY ? NGX_HTTP_ZWFW_READ : (use))


/* why a connection is closed */

#define NGX_HTTP_ZWFW_PG_AWAY     1         /* refused, or lost */
#define NGX_HTTP_ZWFW_PG_LATE     2         /* no answer in time */
#define NGX_HTTP_ZWFW_PG_OTHER    3         /* another schema */


typedef struct ngx_http_zwfw_pgconn_s  ngx_http_zwfw_pgconn_t;
typedef struct ngx_http_zwfw_pgpool_s  ngx_http_zwfw_pgpool_t;


/*
 * One connection of libpq in the event loop.  Its owner sets the functions;
 * each of them is called last and may close and free the connection.
 */

struct ngx_http_zwfw_pgconn_s {
    PGconn                    *pg;
    ngx_http_zwfw_pg_t        *of;
    ngx_uint_t                 server;      /* of its servers */
    ngx_connection_t          *connection;  /* of the same socket */
    ngx_event_t                timer;       /* the owner's when connected */

    void                     (*ready)(ngx_http_zwfw_pgconn_t *conn);
    void                     (*input)(ngx_http_zwfw_pgconn_t *conn);
    void                     (*expired)(ngx_http_zwfw_pgconn_t *conn);
    void                     (*lost)(ngx_http_zwfw_pgconn_t *conn,
                                     const char *why);
    void                      *data;
    unsigned                   connected:1;
    unsigned                   standby:1;   /* is to be one */
};


typedef struct {
    ngx_str_node_t             sn;          /* name, NUL-terminated */
    unsigned                   prepared:1;  /* or being prepared */
    unsigned                   stale:1;     /* to be deallocated before */
} ngx_http_zwfw_statement_t;


/* a query on its way; outlives it when the asker is gone */

typedef struct {
    ngx_queue_t                queue;       /* of the pipe, oldest first */
    ngx_http_zwfw_query_t     *query;       /* NULL: nobody waits */
    ngx_http_zwfw_statement_t *statement;
    PGresult                  *result;
    ngx_uint_t                 syncs;       /* to come */
    unsigned                   preparing:1;
    unsigned                   orphan:1;    /* its Prepare has failed */
} ngx_http_zwfw_operation_t;


typedef struct {
    ngx_queue_t                queue;       /* of the pool */
    ngx_http_zwfw_pgpool_t    *pool;
    ngx_http_zwfw_pgconn_t     conn;
    ngx_pool_t                *memory;      /* the pipe itself lives there */
    ngx_rbtree_t               statements;
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                operations;  /* in flight, oldest first */
    ngx_queue_t                free;
    ngx_uint_t                 in_flight;
    ngx_msec_t                 deadline;    /* of the oldest: the server has
                                               been silent since it began */
    ngx_http_zwfw_query_t      check;       /* of the schema */
    ngx_uint_t                 bad;         /* why it must be closed */
    unsigned                   ready:1;
    unsigned                   used:1;      /* has answered */
} ngx_http_zwfw_pipe_t;


/* connections and queue of a class */

struct ngx_http_zwfw_pgpool_s {
    ngx_http_zwfw_pg_t        *pg;
    ngx_uint_t                 class;
    ngx_uint_t                 limit;       /* of connections */
    ngx_uint_t                 depth;       /* of a connection's pipeline */
    ngx_msec_t                 timeout;

    ngx_queue_t                pipes;
    ngx_uint_t                 npipes;
    ngx_uint_t                 ready;       /* of them */
    ngx_uint_t                 in_flight;

    ngx_queue_t                waiting;
    ngx_uint_t                 nwaiting;
    ngx_event_t                drain;       /* posted */
    ngx_event_t                patience;    /* timer of the first waiting */

    ngx_event_t                retry;       /* timer of the next attempt */
    ngx_msec_t                 started;     /* last attempt to connect */
    ngx_msec_t                 delay;       /* least time between attempts */
    ngx_uint_t                 tried;       /* servers, one after another */
    ngx_uint_t                 trouble;     /* already logged */
    unsigned                   open:1;      /* the breaker */
};


typedef struct {
    const char                *host;
    const char                *addr;        /* NULL: host is it */
    const char                *port;        /* NULL: libpq's */
} ngx_http_zwfw_pg_server_t;


/* how far the standby of a worker's connections has got; of standby.c */

typedef struct {
    ngx_event_t                timer;       /* of the next questions */
    ngx_http_zwfw_query_t      flushed;     /* asked of the primary */
    ngx_http_zwfw_query_t      replayed;    /* asked of the standby */
    uint64_t                   seen;        /* transactions below this one */
    uint64_t                   goal;        /* WAL position; 0: reached */
    ngx_msec_t                 asked;       /* when flushed was, last */
    ngx_msec_t                 since;       /* the goal is there */
    unsigned                   asking_flushed:1;
    unsigned                   asking_replayed:1;
    unsigned                   known:1;     /* it had reached a goal */
} ngx_http_zwfw_pg_standby_t;


struct ngx_http_zwfw_pg_s {
    ngx_http_zwfw_pg_t        *next;
    ngx_cycle_t               *cycle;
    ngx_http_zwfw_pg_conf_t    conf;
    ngx_http_zwfw_pg_server_t *servers;
    ngx_uint_t                 nservers;
    ngx_uint_t                 at[2];       /* tried first: for the primary,
                                               for a standby */
    unsigned                   standby:1;   /* is read, if there is one */
    char                      *title[NGX_HTTP_ZWFW_PG_USES];
    char                      *options[NGX_HTTP_ZWFW_PG_USES];
    ngx_http_zwfw_pgpool_t     pools[NGX_HTTP_ZWFW_PG_POOLS];
    ngx_http_zwfw_pg_standby_t replay;
    ngx_queue_t                listeners;
    ngx_int_t                  schema;      /* -1: unknown, 0: none */
    ngx_int_t                  oldest;      /* that it still works for */
    unsigned                   other:1;     /* it is not of use to us */
};


/* ---- ngx_http_zwfw_pg_conf.c ---- */

/* names of the classes and of listening */
extern char  *ngx_http_zwfw_pg_uses[];

/* the pools of all cycles that live in this process */
extern ngx_http_zwfw_pg_t  *ngx_http_zwfw_pgs;


/* ---- ngx_http_zwfw_pgconn.c ---- */

extern const char  ngx_http_zwfw_pg_gone[];

/*
 * Starts to connect for that use (a class or listening).
 *
 *     NGX_OK     ready() or lost() comes later
 *     NGX_ERROR  it failed at once; to be closed
 */
ngx_int_t ngx_http_zwfw_pgconn_open(ngx_http_zwfw_pgconn_t *conn,
    ngx_http_zwfw_pg_t *pg, ngx_uint_t use);

/* sends what libpq holds, the rest by events; NGX_ERROR: lost */
ngx_int_t ngx_http_zwfw_pgconn_flush(ngx_http_zwfw_pgconn_t *conn);

/*
 * It could not connect, its server is the wrong one, or is full.  Returns
 * whether another server is to be tried at once: not all were yet; *tried
 * counts them
 */
ngx_uint_t ngx_http_zwfw_pgconn_elsewhere(ngx_http_zwfw_pgconn_t *conn,
    ngx_uint_t *tried);

/* of several servers, whether this one has another role now */
ngx_uint_t ngx_http_zwfw_pgconn_moved(ngx_http_zwfw_pgconn_t *conn);

/* may be called twice */
void ngx_http_zwfw_pgconn_close(ngx_http_zwfw_pgconn_t *conn);

/* first line of a text of libpq's */
ngx_str_t ngx_http_zwfw_pg_line(const char *text);


/* ---- ngx_http_zwfw_pipe.c ---- */

/* NULL: no memory.  Not connected yet */
ngx_http_zwfw_pipe_t *ngx_http_zwfw_pipe_create(ngx_http_zwfw_pgpool_t *pool);

/* NGX_ERROR: the connection is lost, and the query is in flight on it */
ngx_int_t ngx_http_zwfw_pipe_send(ngx_http_zwfw_pipe_t *pipe,
    ngx_http_zwfw_query_t *q);

/* what is in flight is asked again, except guilty (an operation or NULL), or
   answered with NGX_AGAIN */
void ngx_http_zwfw_pipe_fail(ngx_http_zwfw_pipe_t *pipe,
    ngx_queue_t *guilty);

/* closes and frees; nobody is told */
void ngx_http_zwfw_pipe_destroy(ngx_http_zwfw_pipe_t *pipe);


/* ---- ngx_http_zwfw_pg.c, for the others ---- */

void ngx_http_zwfw_pool_ready(ngx_http_zwfw_pipe_t *pipe);
void ngx_http_zwfw_pool_lost(ngx_http_zwfw_pipe_t *pipe, ngx_uint_t how,
    const char *why);
void ngx_http_zwfw_pool_retire(ngx_http_zwfw_pipe_t *pipe);

/* logs trouble once until the next one, or until it is over */
void ngx_http_zwfw_pool_trouble(ngx_http_zwfw_pgpool_t *pool, ngx_uint_t how,
    const char *why);

/* puts a query that was in flight in front of the queue; of the primary, when
   the standby has not answered */
void ngx_http_zwfw_pool_again(ngx_http_zwfw_pgpool_t *pool,
    ngx_http_zwfw_query_t *q);

/* the queue may move */
void ngx_http_zwfw_pool_wake(ngx_http_zwfw_pgpool_t *pool);

/* calls done(); takes res (may be NULL), q is not touched afterwards */
void ngx_http_zwfw_pg_answer(ngx_http_zwfw_query_t *q, ngx_int_t rc,
    PGresult *res);

/* whether a statement failed because what it calls was replaced or is gone */
ngx_uint_t ngx_http_zwfw_pg_outdated(PGresult *res);

/* whether the schema works for this node, as zwfw.schema_span() says: for nodes
   of its own version and for older ones down to the oldest */
ngx_uint_t ngx_http_zwfw_pg_serves(ngx_http_zwfw_query_t *q,
    ngx_int_t *oldest, ngx_int_t *schema);


/* ---- ngx_http_zwfw_standby.c ---- */

void ngx_http_zwfw_standby_init(ngx_http_zwfw_pg_t *pg);
void ngx_http_zwfw_standby_exit(ngx_http_zwfw_pg_t *pg);

/* whether it can be asked by somebody who has seen what this transaction did */
ngx_uint_t ngx_http_zwfw_standby_serves(ngx_http_zwfw_pg_t *pg,
    uint64_t seen);

/* it is connected: all that is known of it is of another one */
void ngx_http_zwfw_standby_found(ngx_http_zwfw_pg_t *pg);


/* ---- ngx_http_zwfw_listen.c ---- */

void ngx_http_zwfw_listen_exit(ngx_http_zwfw_pg_t *pg);


#endif /* _NGX_HTTP_ZWFW_PG_H_INCLUDED_ */
