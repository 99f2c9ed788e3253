
/*
 * The two stores, as the rest of core asks them: PostgreSQL and Redis.  Nothing
 * here waits; answers come from the event loop
 */


#ifndef _NGX_HTTP_ZWFW_STORE_H_INCLUDED_
#define _NGX_HTTP_ZWFW_STORE_H_INCLUDED_


#include "ngx_http_zwfw.h"


#define NGX_HTTP_ZWFW_CLASSES     3         /* of statements */


/* ---- PostgreSQL: ngx_http_zwfw_pg.c ---- */

typedef struct ngx_http_zwfw_pg_s        ngx_http_zwfw_pg_t;
typedef struct ngx_http_zwfw_pg_conf_s   ngx_http_zwfw_pg_conf_t;
typedef struct ngx_http_zwfw_query_s     ngx_http_zwfw_query_t;

/* of a platform's block; equal conninfo shares one ngx_http_zwfw_pg_t */

struct ngx_http_zwfw_pg_conf_s {
    ngx_str_t                  conninfo;    /* NUL-terminated */
    ngx_uint_t                 connections[NGX_HTTP_ZWFW_CLASSES];
    ngx_uint_t                 depth;       /* of read pipelines, 32 */
    ngx_uint_t                 waiting;     /* queued calls of a class, 1024 */
    ngx_msec_t                 lag;         /* a standby may have, 5 s */
    ngx_msec_t                 timeout[NGX_HTTP_ZWFW_CLASSES];
};


/*
 * One call.  Made by the caller in memory that lives until done() or
 * ngx_http_zwfw_pg_forget(); name is static and names the prepared statement.
 */

struct ngx_http_zwfw_query_s {
    ngx_queue_t                queue;       /* of pg.c */
    void                      *operation;   /* of pg.c, while in flight */
    ngx_msec_t                 deadline;    /* of pg.c, for the answer */
    ngx_uint_t                 class;
    ngx_str_t                  name;
    ngx_str_t                  sql;         /* NUL-terminated */
    ngx_uint_t                 nargs;
    char                     **args;        /* text; NULL is SQL NULL; valid
                                               until done() or forget() */
    uint64_t                   seen;        /* transaction that a standby must
                                               have replayed */
    unsigned                   standby:1;   /* may answer it */
    unsigned                   stable:1;    /* may be asked again */
    unsigned                   tries:2;
    unsigned                   outdated:1;  /* of the answer: its function
                                               was replaced meanwhile */

    void                     (*done)(ngx_http_zwfw_query_t *q);
    void                      *data;

    /* the answer, valid inside done() only */
    ngx_int_t                  rc;          /* NGX_OK; NGX_ERROR: refused by
                                               SQL, see state; NGX_AGAIN: the
                                               store is away or too slow;
                                               NGX_DECLINED: its schema is
                                               another */
    ngx_str_t                  value;       /* first column of the first row */
    uint64_t                   written;     /* the second: transaction, or 0 */
    ngx_str_t                  column;      /* PG_DIAG_COLUMN_NAME: field */
    ngx_str_t                  detail;      /* all fields: {"field": "code"} */
    ngx_str_t                  message;     /* primary */
    u_char                     state[5];    /* SQLSTATE, "00000" when none */
};


typedef struct {
    ngx_uint_t                 connected;   /* connections that are ready */
    ngx_uint_t                 waiting;
    ngx_uint_t                 in_flight;
    ngx_int_t                  schema;      /* of the database; -1: unknown */
    ngx_int_t                  oldest;      /* that it still works for */
    unsigned                   open:1;      /* the breaker: refuses at once */
} ngx_http_zwfw_pg_state_t;


/*
 * Configuration time: checks conninfo (an IP address or a socket, no name)
 * and finds or makes the pool; logs [emerg] and returns NULL when it is bad.
 */
ngx_http_zwfw_pg_t *ngx_http_zwfw_pg_add(ngx_conf_t *cf,
    ngx_http_zwfw_pg_conf_t *conf);

/* of a worker (or single process): starts and ends all pools of the cycle */
ngx_int_t ngx_http_zwfw_pg_init(ngx_cycle_t *cycle);
void ngx_http_zwfw_pg_exit(ngx_cycle_t *cycle);

/*
 * Asks; done() comes later, from the event loop, never from inside.
 *
 *     NGX_OK        asked or queued
 *     NGX_BUSY      the breaker is open or the queue is full,
 *     NGX_DECLINED  the schema is another: refused at once, done() does not
 *                   come
 */
ngx_int_t ngx_http_zwfw_pg_ask(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_query_t *q);

/* the asker is gone: done() will not come; a write in flight goes on */
void ngx_http_zwfw_pg_forget(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_query_t *q);

/*
 * LISTEN on a channel, by one connection of this worker; event() gets each
 * payload; beat() comes when a "SELECT 1" sent each 300 ms was answered;
 * lost() when the connection went away (it is opened again by itself).
 * start and stop as this worker wins or loses the lease.
 */
typedef struct {
    ngx_str_t                  channel;
    void                     (*event)(void *data, ngx_str_t *payload);
    void                     (*beat)(void *data);
    void                     (*lost)(void *data);
    void                      *data;
} ngx_http_zwfw_listen_t;

ngx_int_t ngx_http_zwfw_pg_listen(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_listen_t *listen);
void ngx_http_zwfw_pg_unlisten(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_listen_t *listen);

/* whether reads may go to a standby, now or later: who writes is to be known */
ngx_uint_t ngx_http_zwfw_pg_standby(ngx_http_zwfw_pg_t *pg);

/* whether they do */
ngx_uint_t ngx_http_zwfw_pg_standby_up(ngx_http_zwfw_pg_t *pg);

void ngx_http_zwfw_pg_state(ngx_http_zwfw_pg_t *pg, ngx_uint_t class,
    ngx_http_zwfw_pg_state_t *state);


/* ---- Redis: ngx_http_zwfw_redis.c ---- */

typedef struct ngx_http_zwfw_redis_s     ngx_http_zwfw_redis_t;
typedef struct ngx_http_zwfw_command_s   ngx_http_zwfw_command_t;

/* one element of an answer; bulk bytes are valid inside done() only */

typedef struct {
    ngx_int_t                  type;        /* REDIS_REPLY_STRING, ... */
    int64_t                    integer;
    ngx_str_t                  value;
    ngx_uint_t                 n;           /* of an array */
    void                      *elements;    /* redisReply **, for redis.c */
} ngx_http_zwfw_reply_t;

/*
 * One command with all its words; made by the caller, as a query is.  The
 * words are copied when it is asked.
 */

struct ngx_http_zwfw_command_s {
    void                      *operation;   /* of redis.c, while in flight */
    ngx_uint_t                 nwords;
    ngx_str_t                 *words;

    void                     (*done)(ngx_http_zwfw_command_t *c);
    void                      *data;

    ngx_int_t                  rc;          /* NGX_OK; NGX_ERROR: Redis said
                                               -ERR; NGX_AGAIN: away */
    uint32_t                   from;        /* the master of a cluster that
                                               said so, in all workers; or 0 */
    ngx_http_zwfw_reply_t      reply;
    unsigned                   alone:1;     /* of no request: done() is called
                                               when the worker ends, too */
};


typedef struct {
    ngx_uint_t                 connected;   /* masters that are ready */
    ngx_uint_t                 in_flight;
    unsigned                   open:1;      /* the breaker, of any master */
} ngx_http_zwfw_redis_state_t;


#define NGX_HTTP_ZWFW_MASTERS  128          /* of a cluster */

/* configuration time: what the "redis" directive takes */
ngx_http_zwfw_redis_t *ngx_http_zwfw_redis_add(ngx_conf_t *cf,
    ngx_str_t *address, ngx_msec_t timeout);

ngx_int_t ngx_http_zwfw_redis_init(ngx_cycle_t *cycle);
void ngx_http_zwfw_redis_exit(ngx_cycle_t *cycle);

/* tells workers that start which master sentinels have named */
void ngx_http_zwfw_redis_remember(ngx_http_zwfw_platform_t *pf);

/* NGX_OK: asked; NGX_BUSY: refused at once, done() does not come.  done may
   be NULL: nobody waits for the answer */
ngx_int_t ngx_http_zwfw_redis_ask(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_command_t *c);
void ngx_http_zwfw_redis_forget(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_command_t *c);

/* element i of an array reply */
void ngx_http_zwfw_redis_element(ngx_http_zwfw_reply_t *reply, ngx_uint_t i,
    ngx_http_zwfw_reply_t *element);

/* whether it is a cluster: keys of one script must have one {tag} */
ngx_uint_t ngx_http_zwfw_redis_clustered(ngx_http_zwfw_redis_t *redis);

/*
 * Who has keys: the instance itself, or the masters of a cluster; returns how
 * many.  *version moves when they change.
 */
ngx_uint_t ngx_http_zwfw_redis_masters(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_t **masters, ngx_uint_t *version);

/* what names a master in all workers; 0: it is no cluster */
uint32_t ngx_http_zwfw_redis_id(ngx_http_zwfw_redis_t *master);

/* a number that is a {tag} of keys which this master has: the given one, or the
   next that is */
ngx_uint_t ngx_http_zwfw_redis_tag(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_t *master, ngx_uint_t tag);

/*
 * Invalidation of keys under a prefix, on a connection of its own: CLIENT
 * TRACKING ON REDIRECT <own id> BCAST PREFIX ..., SUBSCRIBE
 * __redis__:invalidate.  key() gets each key (NULL: all of them); ready()
 * when it is subscribed; lost() when the connection went away (it is opened
 * again by itself).
 */
typedef struct {
    ngx_str_t                  prefix;
    void                     (*key)(void *data, ngx_str_t *key);
    void                     (*ready)(void *data);
    void                     (*lost)(void *data);
    void                      *data;
} ngx_http_zwfw_track_t;

ngx_int_t ngx_http_zwfw_redis_track(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_track_t *track);
void ngx_http_zwfw_redis_untrack(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_track_t *track);

void ngx_http_zwfw_redis_state(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_state_t *state);


#endif /* _NGX_HTTP_ZWFW_STORE_H_INCLUDED_ */
