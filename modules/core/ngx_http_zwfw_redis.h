
/*
 * A Redis instance as its files see it: redis.c, operation.c, redis_conf.c,
 * sentinel.c, cluster.c, errand.c and track.c
 */


#ifndef _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_
#define _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_


#include "ngx_http_zwfw_core.h"
#include "ngx_http_zwfw_wire.h"


#define NGX_HTTP_ZWFW_REDIS_DEPTH  4096     /* commands without an answer */
#define NGX_HTTP_ZWFW_REDIS_PAUSE  100      /* between tries: first, */
#define NGX_HTTP_ZWFW_REDIS_PROBE  700      /* and longest: service within a
                                               second of recovery */


typedef struct ngx_http_zwfw_sentinel_s  ngx_http_zwfw_sentinel_t;
typedef struct ngx_http_zwfw_cluster_s  ngx_http_zwfw_cluster_t;


struct ngx_http_zwfw_redis_s {
    ngx_http_zwfw_address_t    address;     /* of sentinels' master: the last
                                               one; no host: none yet */
    ngx_array_t                seeds;       /* ngx_http_zwfw_address_t: what
                                               the directive names */
    ngx_str_t                  master;      /* the name that sentinels know */
    ngx_str_t                  sentinel_password;
    ngx_http_zwfw_sentinel_t  *sentinel;    /* NULL: the address is fixed */
    ngx_http_zwfw_cluster_t   *cluster;     /* not NULL: this one is asked
                                               through its masters */
    ngx_http_zwfw_redis_t     *front;       /* of a master of a cluster */
    uint32_t                   id;          /* of a master of a cluster, the
                                               same in all workers */
    ngx_http_zwfw_wire_t       wire;
    ngx_queue_t                asked;       /* operations, oldest first */
    ngx_queue_t                failed;      /* to be told */
    ngx_queue_t                spare;
    ngx_queue_t                trackers;
    ngx_event_t                timer;       /* of the oldest operation */
    ngx_event_t                connect;     /* limit of opening or next try */
    ngx_event_t                fail;        /* posted when the wire closed */
    ngx_msec_t                 pause;       /* between the beginnings of two
                                               tries */
    ngx_msec_t                 tried;       /* when the last one began */
    ngx_msec_t                 since;       /* ready */
    ngx_uint_t                 in_flight;
    ngx_uint_t                 greetings;   /* unanswered ones */
    ngx_connection_t           ident;       /* of events, in debug lines */
    unsigned                   ready:1;
    unsigned                   open:1;      /* the breaker */
    unsigned                   quit:1;
    unsigned                   clustered:1; /* what the directive says */
    unsigned                   serves:1;    /* it has slots */
    unsigned                   parked:1;    /* it is not needed: closed */
};


/* the connection of one instance begins, and ends with the worker */
ngx_int_t ngx_http_zwfw_redis_start(ngx_http_zwfw_redis_t *redis,
    ngx_log_t *log);
void ngx_http_zwfw_redis_end(ngx_http_zwfw_redis_t *redis);

/* one without operations is closed until it is needed again */
void ngx_http_zwfw_redis_park(ngx_http_zwfw_redis_t *redis);
void ngx_http_zwfw_redis_unpark(ngx_http_zwfw_redis_t *redis);

/*
 * A sentinel says where the master is: it is connected to, and everything that
 * was connected to another one is closed.
 *
 *     NGX_OK        it will be tried
 *     NGX_DECLINED  no IP address and port
 */
ngx_int_t ngx_http_zwfw_redis_found(ngx_http_zwfw_redis_t *redis,
    ngx_str_t *host, ngx_str_t *port);

/* the master is another one: it is looked for at once */
void ngx_http_zwfw_redis_renew(ngx_http_zwfw_redis_t *redis);


/* ---- ngx_http_zwfw_operation.c ---- */

/* the timer of the oldest operation */
void ngx_http_zwfw_redis_timeout(ngx_event_t *ev);

/* those who waited hear that there is no answer, NGX_AGAIN */
void ngx_http_zwfw_redis_tell(ngx_http_zwfw_redis_t *redis);

/* the worker ends: what is of no request is told */
void ngx_http_zwfw_redis_forget_all(ngx_http_zwfw_redis_t *redis);
void ngx_http_zwfw_command_exit(ngx_http_zwfw_command_t *c);


/* ---- ngx_http_zwfw_sentinel.c ---- */

ngx_int_t ngx_http_zwfw_sentinel_start(ngx_http_zwfw_redis_t *redis);
void ngx_http_zwfw_sentinel_exit(ngx_http_zwfw_sentinel_t *sentinel);

/* a worker that starts after a reload need not wait for a sentinel: it tries
   the master that the others know */
void ngx_http_zwfw_sentinel_recall(ngx_http_zwfw_platform_t *pf);

/* asks one sentinel after another; ngx_http_zwfw_redis_found() comes, not from
   inside */
void ngx_http_zwfw_sentinel_find(ngx_http_zwfw_sentinel_t *sentinel);


/* ---- ngx_http_zwfw_cluster.c ---- */

ngx_int_t ngx_http_zwfw_cluster_start(ngx_http_zwfw_redis_t *front);
void ngx_http_zwfw_cluster_exit(ngx_http_zwfw_cluster_t *cluster);
void ngx_http_zwfw_cluster_state(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_redis_state_t *state);


/* ---- ngx_http_zwfw_errand.c ---- */

/* as ngx_http_zwfw_redis_ask() and _forget() */
ngx_int_t ngx_http_zwfw_cluster_ask(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_command_t *c);
void ngx_http_zwfw_cluster_forget(ngx_http_zwfw_command_t *c);

/* an error that sends a command on, or says that it is to be sent again */
ngx_uint_t ngx_http_zwfw_cluster_moving(ngx_str_t *error);


/* ---- ngx_http_zwfw_track.c ---- */

/* trackers of a worker that ends */
void ngx_http_zwfw_track_exit(ngx_http_zwfw_redis_t *redis);

/* they are to listen to another master */
void ngx_http_zwfw_track_renew(ngx_http_zwfw_redis_t *redis);


#endif /* _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_ */
