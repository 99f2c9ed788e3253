
/*
 * A cluster as its two files see it: cluster.c knows the masters, errand.c has
 * the commands on their way
 */


#ifndef _NGX_HTTP_ZWFW_CLUSTER_H_INCLUDED_
#define _NGX_HTTP_ZWFW_CLUSTER_H_INCLUDED_


#include "ngx_http_zwfw_redis.h"


#define NGX_HTTP_ZWFW_SLOTS  16384


struct ngx_http_zwfw_cluster_s {
    ngx_http_zwfw_redis_t     *front;       /* that others ask */
    ngx_http_zwfw_redis_t     *nodes[NGX_HTTP_ZWFW_MASTERS];
    ngx_uint_t                 nnodes;
    u_char                     map[NGX_HTTP_ZWFW_SLOTS];    /* node + 1 */
    ngx_http_zwfw_command_t    ask;         /* CLUSTER SLOTS */
    ngx_str_t                  words[2];
    ngx_http_zwfw_redis_t     *asked;
    ngx_uint_t                 turn;        /* who is asked next */
    ngx_uint_t                 version;     /* of the masters */
    ngx_event_t                timer;       /* of the next question */
    ngx_event_t                again;       /* of errands that wait */
    ngx_queue_t                asking;      /* errands at a master */
    ngx_queue_t                waiting;     /* and those that wait */
    ngx_uint_t                 nwaiting;
    ngx_connection_t           ident;       /* of events, in debug lines */
    unsigned                   known:1;     /* there is a map */
};


/* ---- ngx_http_zwfw_cluster.c ---- */

/* the map is out of date, or a master is away: it is asked for soon */
void ngx_http_zwfw_cluster_soon(ngx_http_zwfw_cluster_t *cluster);

/* the one at an address, which is opened when it was not needed before; NULL:
   no address, or too many */
ngx_http_zwfw_redis_t *ngx_http_zwfw_cluster_node(
    ngx_http_zwfw_cluster_t *cluster, ngx_str_t *host, ngx_str_t *port);

/* the slot of a key: of what stands in its first braces, or of all of it */
ngx_uint_t ngx_http_zwfw_cluster_slot(ngx_str_t *key);


/* ---- ngx_http_zwfw_errand.c ---- */

void ngx_http_zwfw_errand_init(ngx_http_zwfw_cluster_t *cluster);
void ngx_http_zwfw_errand_exit(ngx_http_zwfw_cluster_t *cluster);


#endif /* _NGX_HTTP_ZWFW_CLUSTER_H_INCLUDED_ */
