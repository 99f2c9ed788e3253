
/*
 * A Redis instance as its files see it: redis.c, redis_conf.c and track.c
 */


#ifndef _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_
#define _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_


#include "ngx_http_zwfw_core.h"
#include "ngx_http_zwfw_wire.h"


#define NGX_HTTP_ZWFW_REDIS_PAUSE  100      /* between tries: first, */
#define NGX_HTTP_ZWFW_REDIS_PROBE  1000     /* and longest */


struct ngx_http_zwfw_redis_s {
    ngx_http_zwfw_address_t    address;
    ngx_http_zwfw_wire_t       wire;
    ngx_queue_t                asked;       /* operations, oldest first */
    ngx_queue_t                failed;      /* to be told */
    ngx_queue_t                spare;
    ngx_queue_t                trackers;
    ngx_event_t                timer;       /* of the oldest operation */
    ngx_event_t                connect;     /* limit of opening or next try */
    ngx_event_t                fail;        /* posted when the wire closed */
    ngx_msec_t                 pause;       /* before the next try */
    ngx_msec_t                 since;       /* ready */
    ngx_uint_t                 in_flight;
    ngx_uint_t                 greetings;   /* unanswered ones */
    ngx_connection_t           ident;       /* of events, in debug lines */
    unsigned                   ready:1;
    unsigned                   open:1;      /* the breaker */
    unsigned                   quit:1;
};


/* trackers of a worker that ends */
void ngx_http_zwfw_track_exit(ngx_http_zwfw_redis_t *redis);


#endif /* _NGX_HTTP_ZWFW_REDIS_H_INCLUDED_ */
