
/*
 * What the files of monitor share
 */


#ifndef _NGX_HTTP_ZWFW_MONITOR_H_INCLUDED_
#define _NGX_HTTP_ZWFW_MONITOR_H_INCLUDED_


#include "ngx_http_zwfw.h"
#include "zwfw_visit.h"
#include "ngx_http_zwfw_monitor_file.h"


#define NGX_HTTP_ZWFW_MONITOR_BATCH   500   /* records at most */
#define NGX_HTTP_ZWFW_MONITOR_AGENTS  64    /* kept by a worker */
#define NGX_HTTP_ZWFW_MONITOR_NONE    -1    /* a number that is not known */


#define NGX_HTTP_ZWFW_MONITOR_FAMILY  10    /* bytes of a browser's name */


/*
 * A record of a ring has two parts, in two arrays, 192 and 320 bytes: what
 * each visit has, and what is known of some.  An empty text, class 0, a number
 * of -1 and an id of zeros are unknown.  The number stored last makes it
 * visible.
 */

typedef struct {
    ngx_atomic_t               number;      /* from 1, of this ring */
    int64_t                    at;          /* ms since 1970 */
    int64_t                    bytes;
    int32_t                    latency;     /* ms */
    int32_t                    status;
    u_char                     visitor[16];
    u_char                     more;        /* there is another part of it; else
                                               that is an earlier one's */
    u_char                     referrer;    /* zwfw_referrer_e */
    u_char                     device;      /* zwfw_device_e */
    char                       channel[10];
    char                       browser[NGX_HTTP_ZWFW_MONITOR_FAMILY];
    char                       system[NGX_HTTP_ZWFW_MONITOR_FAMILY];
    char                       route[111];
} ngx_http_zwfw_record_t;


typedef struct {
    int32_t                    level;
    int32_t                    hits;
    int32_t                    rank;
    int32_t                    funnel;
    int32_t                    dwell;       /* ms */
    u_char                     session[16];
    u_char                     uid[16];
    char                       region[7];
    char                       user_type[10];
    char                       age_band[8];
    char                       case_type[8];
    char                       item[32];
    char                       words[203];  /* 60 characters, most of 3 bytes */
} ngx_http_zwfw_more_t;


/*
 * A slot of the shared memory: a ring and who writes into it.  Records
 * [tail, batch) are sent, [batch, head) wait.  events counts what there was
 * to be written, lost what was not.
 */

typedef struct {
    ngx_atomic_t               owner;       /* pid and start of a worker, by
                                               compare-and-swap; 0: nobody */
    ngx_atomic_t               beat;        /* ngx_current_msec of it */
    ngx_atomic_t               events;
    ngx_atomic_t               lost;        /* there was no room, or a worker
                                               was killed while it wrote */
    ngx_atomic_t               refused;     /* by the database, for good */
    ngx_atomic_t               head;
    ngx_atomic_t               tail;        /* stored or spilled up to here */
    ngx_atomic_t               batch;       /* end of the one that was sent */
    ngx_atomic_t               told_events;     /* as the ledger knows */
    ngx_atomic_t               told_rest;   /* lost, refused and spilled */
    ngx_atomic_t               spilled;     /* all that went into files */
    ngx_atomic_t               replayed;    /* of it, stored */
    ngx_atomic_t               aside;       /* of it, set aside */
    ngx_atomic_t               acked;       /* files up to here are counted */
    ngx_atomic_t               unused[2];   /* two cache lines */
} ngx_http_zwfw_slot_t;


typedef struct {
    ngx_atomic_uint_t          epoch;       /* ms, when it was made */
    ngx_atomic_t               files;       /* of all lives, that wait */
    ngx_atomic_t               aside;
    ngx_atomic_t               looked;      /* s, when somebody looked */
    ngx_atomic_t               unused[4];   /* a cache line */
    ngx_http_zwfw_slot_t       slots[1];    /* and the others */
} ngx_http_zwfw_rings_t;


typedef struct ngx_http_zwfw_monitor_s  ngx_http_zwfw_monitor_t;
typedef struct ngx_http_zwfw_spill_s  ngx_http_zwfw_spill_t;
typedef struct ngx_http_zwfw_replay_s  ngx_http_zwfw_replay_t;


/* what the ledger is told of a ring */

typedef struct {
    ngx_atomic_uint_t          events;
    ngx_atomic_uint_t          lost;
    ngx_atomic_uint_t          refused;
    ngx_atomic_uint_t          spilled;
} ngx_http_zwfw_told_t;


/* a ring as this worker sees it */

typedef struct {
    ngx_http_zwfw_monitor_t   *monitor;
    ngx_http_zwfw_slot_t      *slot;
    ngx_http_zwfw_record_t    *records;     /* NULL: the one of no ring */
    ngx_http_zwfw_more_t      *more;
    ngx_uint_t                 next;        /* place of the next record; of its
                                               owner */
    ngx_uint_t                 index;
    ngx_http_zwfw_told_t       told;        /* with what is being sent */
    ngx_uint_t                 first;       /* of what is being sent; it may */
    ngx_uint_t                 last;        /* be in a file meanwhile */
    ngx_http_zwfw_spill_t     *spill;       /* NULL: nothing was yet */
    unsigned                   mine:1;      /* to ship */
    unsigned                   sending:1;
    unsigned                   failed:1;    /* wait for the next tick */
    unsigned                   spilling:1;  /* a thread has its batch */
    unsigned                   stuck:1;     /* no file; as failed */
    unsigned                   unsure:1;    /* its batch may be in a file that
                                               is not counted */
} ngx_http_zwfw_ring_t;


/* a browser that a worker has seen; what is read of each visit stands first */

typedef struct {
    size_t                     len;         /* of its header */
    u_char                     visitor[16]; /* the last one with it, from addr;
                                               a page has many parts */
    u_char                     device;      /* 0: there is none */
    char                       browser[NGX_HTTP_ZWFW_MONITOR_FAMILY];
    char                       system[NGX_HTTP_ZWFW_MONITOR_FAMILY];
    u_char                     addr_len;
    u_char                     addr[NGX_SOCKADDR_STRLEN];
    u_char                     mark[8];     /* stands for the header */
    u_char                     header[224];
} ngx_http_zwfw_agent_t;


/* of a platform whose visits are collected */

struct ngx_http_zwfw_monitor_s {
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_rings_t     *shared;
    ngx_uint_t                 nslots;      /* with a ring; there is one more,
                                               for events without one */
    ngx_uint_t                 capacity;    /* records of a ring */

    /* of this worker */
    ngx_http_zwfw_ring_t      *rings;
    ngx_http_zwfw_ring_t      *own;         /* NULL: none was free */
    time_t                     day;         /* of the keys below */
    ngx_event_t                tick;
    ngx_event_t                soon;        /* posted: a batch is full */
    ngx_event_t                watch;       /* while answers are awaited */
    ngx_http_zwfw_replay_t    *replay;
    unsigned                   no_room:1;   /* said: files cannot be written */
    ngx_connection_t           ident;       /* of the events, in debug lines */
    ngx_atomic_uint_t          self;        /* as an owner */
    u_char                     visitor_key[16];
    u_char                     session_key[16];
    u_char                     uid_key[16];
    ngx_http_zwfw_agent_t      agents[NGX_HTTP_ZWFW_MONITOR_AGENTS];

    ngx_shm_zone_t            *zone;
    ngx_str_t                  spill;       /* folder; empty: none */
    off_t                      max_size;    /* of it */
};


typedef struct {
    ngx_array_t                monitors;    /* ngx_http_zwfw_monitor_t * */
    size_t                     ring;        /* bytes */
    ngx_str_t                  spill;       /* folder; empty: none */
    off_t                      max_size;
} ngx_http_zwfw_monitor_main_conf_t;


typedef struct {
    ngx_flag_t                 enabled;
    ngx_http_zwfw_monitor_t   *monitor;     /* NULL: off */
    ngx_str_t                  name;        /* of the location, as it is kept */
} ngx_http_zwfw_monitor_conf_t;


extern ngx_module_t  ngx_http_zwfw_monitor_module;


/* of a platform; NULL: nothing of it is collected */
ngx_http_zwfw_monitor_t *ngx_http_zwfw_monitor_find(
    ngx_http_zwfw_monitor_main_conf_t *mmcf, ngx_http_zwfw_platform_t *pf);


/* ---- live.c: the rings of this node, for operators ---- */

extern ngx_http_zwfw_metric_t  ngx_http_zwfw_monitor_metrics[];

ngx_int_t ngx_http_zwfw_monitor_live(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


/* ---- visit.c: the log phase ---- */

/* the name of a location, as visits of it are kept */
ngx_int_t ngx_http_zwfw_visit_name(ngx_conf_t *cf, ngx_str_t *location,
    ngx_str_t *name);

ngx_int_t ngx_http_zwfw_monitor_log(ngx_http_request_t *r) ZWFW_HOT;


/* ---- ring.c ---- */

/* the zone at configuration time */
ngx_int_t ngx_http_zwfw_monitor_zone(ngx_conf_t *cf,
    ngx_http_zwfw_monitor_t *m, size_t size);

/* of a worker: its view of the slots, and a ring of its own */
ngx_int_t ngx_http_zwfw_monitor_open(ngx_cycle_t *cycle,
    ngx_http_zwfw_monitor_t *m);

/* takes a slot that nobody holds; own is NULL until there is one */
void ngx_http_zwfw_monitor_claim(ngx_http_zwfw_monitor_t *m);

/* takes over what dead workers have left */
void ngx_http_zwfw_monitor_adopt(ngx_http_zwfw_monitor_t *m);
void ngx_http_zwfw_monitor_release(ngx_http_zwfw_ring_t *ring);

/* room for the next record, and it is written; NULL: it is lost, counted */
ngx_http_zwfw_record_t *ngx_http_zwfw_monitor_room(
    ngx_http_zwfw_monitor_t *m) ZWFW_HOT;
void ngx_http_zwfw_monitor_written(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_record_t *rec) ZWFW_HOT;

/* its other part, which is not cleared */
ngx_http_zwfw_more_t *ngx_http_zwfw_monitor_more(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_record_t *rec);

/* is there something that the database does not know? */
ngx_uint_t ngx_http_zwfw_monitor_remains(ngx_http_zwfw_slot_t *slot);


/* ---- ship.c ---- */

ngx_int_t ngx_http_zwfw_monitor_start(ngx_cycle_t *cycle,
    ngx_http_zwfw_monitor_t *m);
void ngx_http_zwfw_monitor_stop(ngx_http_zwfw_monitor_t *m);

/* sends a batch of it, if there is something to be told */
void ngx_http_zwfw_monitor_ship(ngx_http_zwfw_ring_t *ring);

/* it would be refused for ever: the data (22, 23), or another batch (ZW) */
ngx_uint_t ngx_http_zwfw_monitor_useless(ngx_str_t *state);

ngx_uint_t ngx_http_zwfw_monitor_leaving(void);

/* the end of its batch, which stays until it is stored or spilled */
void ngx_http_zwfw_monitor_bound(ngx_http_zwfw_ring_t *ring,
    ngx_uint_t most);

/* a record was written: it is shipped at the next tick, or soon */
void ngx_http_zwfw_monitor_wake(ngx_http_zwfw_monitor_t *m) ZWFW_HOT;


/* ---- spill.c: a batch goes into a file ---- */

char *ngx_http_zwfw_monitor_spill_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* when the database does not take it and the ring fills: in a thread */
void ngx_http_zwfw_monitor_spill(ngx_http_zwfw_ring_t *ring);

/* NGX_AGAIN: a thread removes a file of its batch that a killed worker may
   have left, and it is shipped then */
ngx_int_t ngx_http_zwfw_monitor_sure(ngx_http_zwfw_ring_t *ring);

/* all that is left, when the worker ends */
void ngx_http_zwfw_monitor_spill_rest(ngx_http_zwfw_ring_t *ring);


/* ---- replay.c: files go into the database ---- */

ngx_int_t ngx_http_zwfw_monitor_replay_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_monitor_t *m);
void ngx_http_zwfw_monitor_replay(ngx_http_zwfw_monitor_t *m);


/* ---- batch.c ---- */

/* arguments of api.monitor_store for a batch; file: how it comes there,
   "replayed" or "aside", or NULL */
ngx_int_t ngx_http_zwfw_monitor_args(ngx_pool_t *pool,
    ngx_http_zwfw_file_key_t *key, ngx_http_zwfw_told_t *told,
    const char *file, ngx_str_t *args);
void ngx_http_zwfw_monitor_key(ngx_http_zwfw_ring_t *ring,
    ngx_http_zwfw_file_key_t *key);

/* the body: room for it, and then itself, which a thread may write */
ngx_int_t ngx_http_zwfw_monitor_body(ngx_pool_t *pool, ngx_uint_t records,
    ngx_str_t *body);
void ngx_http_zwfw_monitor_columns(ngx_http_zwfw_ring_t *ring,
    ngx_uint_t first, ngx_uint_t last, ngx_str_t *body);


#endif /* _NGX_HTTP_ZWFW_MONITOR_H_INCLUDED_ */
