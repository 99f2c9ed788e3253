
/*
 * Sessions that the workers of a node know, a table in the platform's zone, and
 * what the listener hears of them.  For session.c, hear.c and shared.c
 */


#ifndef _NGX_HTTP_ZWFW_KNOWN_H_INCLUDED_
#define _NGX_HTTP_ZWFW_KNOWN_H_INCLUDED_


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_HASH  32              /* SHA-256 of a session's token */
#define NGX_HTTP_ZWFW_KNOWN_ENTRY  512      /* bytes, and of all texts less */


/* moves whenever an entry of this slot may have become wrong */

typedef struct {
    uint32_t                   epoch;
    uint32_t                   slot;
} ngx_http_zwfw_generation_t;


typedef struct {
    u_char                     hash[NGX_HTTP_ZWFW_HASH];
    ngx_http_zwfw_session_t    session;
    time_t                     expires;     /* absolute */
    uint32_t                   index;       /* where it was found, and what */
    uint32_t                   epoch;       /* says that it is still there */
    uint64_t                   stamp;
} ngx_http_zwfw_known_t;


/* makes the table of a new zone, in three quarters of it */
ngx_int_t ngx_http_zwfw_known_init(ngx_http_zwfw_platform_t *pf);

/*
 * Looks up known->hash; the strings of the session are in the pool.
 *
 *     NGX_OK        found; *touch says that the idle time is to be prolonged
 *     NGX_DECLINED  ask Redis, and store the answer with *generation
 *     NGX_ERROR     no memory
 */
ngx_int_t ngx_http_zwfw_known_find(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_pool_t *pool,
    ngx_http_zwfw_generation_t *generation, ngx_uint_t *touch) ZWFW_HOT;

/*
 * Whether what was found before is found now, and the same: as find() with the
 * hash of a copy, which is left as it is.
 *
 *     NGX_OK        nothing of it has changed, and nothing is to be done
 *     NGX_DECLINED  find() knows
 */
ngx_int_t ngx_http_zwfw_known_still(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known) ZWFW_HOT;

/* copies what was found, its texts to text; NGX_DECLINED: there is no room */
ngx_int_t ngx_http_zwfw_known_copy(ngx_http_zwfw_known_t *to,
    ngx_http_zwfw_known_t *known, u_char *text, size_t room);

/* keeps an answer of Redis, unless its generation has moved; it has prolonged
   the idle time */
void ngx_http_zwfw_known_store(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_known_t *known, ngx_http_zwfw_generation_t *generation);

/* forgets one session, or all of them */
void ngx_http_zwfw_known_drop(ngx_http_zwfw_platform_t *pf, u_char *hash);
void ngx_http_zwfw_known_empty(ngx_http_zwfw_platform_t *pf);

/* all that Redis dropped until then is known here; 0: no longer */
void ngx_http_zwfw_known_beat(ngx_http_zwfw_platform_t *pf, ngx_msec_t beat);


/* ---- ngx_http_zwfw_hear.c ---- */

typedef struct ngx_http_zwfw_hear_s  ngx_http_zwfw_hear_t;

ngx_http_zwfw_hear_t *ngx_http_zwfw_hear_create(ngx_cycle_t *cycle,
    ngx_http_zwfw_platform_t *pf);

/* of the listener, each 300 ms: listens where the keys are, and beats */
void ngx_http_zwfw_hear(ngx_http_zwfw_hear_t *hear);

/* it is no longer the listener */
void ngx_http_zwfw_hear_stop(ngx_http_zwfw_hear_t *hear);

/* whether what this master drops is heard: its answers may be kept */
ngx_uint_t ngx_http_zwfw_heard(ngx_http_zwfw_platform_t *pf, uint32_t master);


#endif /* _NGX_HTTP_ZWFW_KNOWN_H_INCLUDED_ */
