
/*
 * What the files of core share; no slice includes this
 */


#ifndef _NGX_HTTP_ZWFW_CORE_H_INCLUDED_
#define _NGX_HTTP_ZWFW_CORE_H_INCLUDED_


#include "ngx_http_zwfw_store.h"
#include "zwfw_form.h"
#include "zwfw_template.h"
#include "zwfw_vault.h"

#include <openssl/evp.h>


#define NGX_HTTP_ZWFW_SCHEMA      1         /* zwfw.schema_span() */
#define NGX_HTTP_ZWFW_ME          9         /* settings sent with a call */

#define NGX_HTTP_ZWFW_BODY        1048576   /* of a row without files */
#define NGX_HTTP_ZWFW_BODIES      136314880 /* of any row, 130 MiB */

#define NGX_HTTP_ZWFW_NO_KEY      60        /* s, Retry-After without a key */

#define NGX_HTTP_ZWFW_UNPROCESSABLE          422
#define NGX_HTTP_ZWFW_PRECONDITION_REQUIRED  428

#define NGX_HTTP_ZWFW_PLATFORM_MODULE  0x4657575a   /* "ZWWF" */
#define NGX_HTTP_ZWFW_PLATFORM_CONF    0x02000000


/* ---- keys: ngx_http_zwfw_crypt.c, ngx_http_zwfw_hmac.c ---- */

#define NGX_HTTP_ZWFW_MAC  32               /* bytes */


/* a prepared key, for the event loop alone */

typedef struct {
    EVP_MD_CTX                *inner;
    EVP_MD_CTX                *outer;
    EVP_MD_CTX                *work;
} ngx_http_zwfw_hmac_t;


typedef struct {
    ngx_uint_t                 number;
    u_char                     seal[16];    /* SM4 */
    u_char                     mac[32];     /* of sealed values and files */
    u_char                     index[32];   /* blind index */
    ngx_http_zwfw_hmac_t       token;       /* CSRF, pseudonyms */
} ngx_http_zwfw_key_t;


/* ---- shared memory of a platform: ngx_http_zwfw_shared.c ---- */

/* one worker of the node does a thing at a time; under the zone's mutex */

typedef struct {
    ngx_pid_t                  pid;         /* 0: nobody */
    ngx_msec_t                 until;       /* monotonic, ngx_current_msec */
} ngx_http_zwfw_lease_t;


#define NGX_HTTP_ZWFW_PURGES  256
#define NGX_HTTP_ZWFW_SEEN    512           /* transactions, by person */

typedef enum {
    NGX_HTTP_ZWFW_COUNT_2XX = 0,
    NGX_HTTP_ZWFW_COUNT_3XX,
    NGX_HTTP_ZWFW_COUNT_4XX,
    NGX_HTTP_ZWFW_COUNT_5XX,
    NGX_HTTP_ZWFW_COUNT_SESSION_HIT,
    NGX_HTTP_ZWFW_COUNT_SESSION_MISS,
    NGX_HTTP_ZWFW_COUNT_PAGE_HIT,
    NGX_HTTP_ZWFW_COUNT_PAGE_MISS,
    NGX_HTTP_ZWFW_COUNT_LINE_STORED,
    NGX_HTTP_ZWFW_COUNT_LINE_MERGED,
    NGX_HTTP_ZWFW_COUNT_LINE_REFUSED,
    NGX_HTTP_ZWFW_COUNT_LINE_LOST,
    NGX_HTTP_ZWFW_COUNTERS
} ngx_http_zwfw_counter_e;


/* counters of each worker have cache lines of their own; with more workers some
   share them */

#define NGX_HTTP_ZWFW_SHARES  16
#define NGX_HTTP_ZWFW_SHARE   ngx_align(NGX_HTTP_ZWFW_COUNTERS, 8)

#define NGX_HTTP_ZWFW_GAUGES  24            /* numbers of a worker */

typedef struct ngx_http_zwfw_worker_s  ngx_http_zwfw_worker_t;

/* what a worker has said of itself last; never freed, the next one with its
   number takes it */

struct ngx_http_zwfw_worker_s {
    ngx_http_zwfw_worker_t    *next;        /* by number */
    ngx_uint_t                 number;      /* ngx_worker */
    ngx_pid_t                  pid;         /* 0: it has ended */
    ngx_msec_t                 at;          /* ngx_current_msec */
    ngx_uint_t                 values[NGX_HTTP_ZWFW_GAUGES];
};


/* the counters come first, as what is in pages of its own begins a line */

typedef struct {
    ngx_atomic_t               counters[NGX_HTTP_ZWFW_SHARES]
                                       [NGX_HTTP_ZWFW_SHARE];
    ngx_http_zwfw_lease_t      listener;    /* of sessions and pages */
    ngx_msec_t                 session_beat;    /* last one heard */
    u_char                     master[NGX_INET6_ADDRSTRLEN + 1];    /* that
                                               sentinels named, for workers
                                               that start */
    ngx_uint_t                 master_port; /* 0: none yet */
    uint32_t                   masters[NGX_HTTP_ZWFW_MASTERS];  /* of a
                                               cluster, that are listened to */
    ngx_msec_t                 page_beat;
    ngx_atomic_t               purged;      /* purges so far */
    uint32_t                   purge[NGX_HTTP_ZWFW_PURGES];  /* key hashes,
                                               0: everything */
    ngx_http_zwfw_worker_t    *workers;     /* of ngx_http_zwfw_gauge.c */
    void                      *sessions;    /* of ngx_http_zwfw_known.c */
    ngx_atomic_t               seen[NGX_HTTP_ZWFW_SEEN];    /* of seen.c */
    u_char                     node[16];    /* hex, names this node */
} ngx_http_zwfw_shared_t;


/*
 * Told when this worker becomes the listener of the node, and when it is no
 * longer.  Linked in init_process; lives as long as the worker.
 */
typedef struct {
    ngx_queue_t                queue;
    void                     (*won)(void *data);
    void                     (*lost)(void *data);
    void                      *data;
} ngx_http_zwfw_listener_t;

void ngx_http_zwfw_shared_listen(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_listener_t *listener);


/* ---- platforms: ngx_http_zwfw_core_module.c ---- */

struct ngx_http_zwfw_platform_s {
    ngx_str_t                  name;        /* of the block */
    ngx_str_t                  code;        /* division or ministry */
    ngx_str_t                  kind;        /* national, province, ministry */
    ngx_str_t                  title;       /* Chinese name, for pages */
    ngx_str_t                  region;
    ngx_str_t                  base_url;    /* no slash at the end */
    ngx_str_t                  redis_address;
    ngx_msec_t                 redis_timeout;
    ngx_str_t                  keys_file;
    ngx_str_t                  files;       /* folder, with a slash */
    ngx_str_t                  html;        /* folder of templates and words */
    ngx_str_t                  override;    /* looked into before it */
    ngx_str_t                  tokens;      /* of override, a style sheet */
    ngx_uint_t                 channels;    /* bits of those open; 0: all */
    ngx_str_t                  prefix;      /* "zwfw:<name>:" */
    time_t                     idle;        /* of a session */
    time_t                     life;
    size_t                     zone_size;
    size_t                     page_cache;  /* bytes a worker */
    ngx_uint_t                 threads;     /* admitted at once a worker */
    ngx_str_t                  pool_name;   /* thread_pool */
    ngx_http_zwfw_pg_conf_t    pg_conf;

    ngx_cycle_t               *cycle;       /* that the block is read for */
    ngx_http_zwfw_pg_t        *pg;
    ngx_http_zwfw_redis_t     *redis;
    ngx_array_t                keys;        /* ngx_http_zwfw_key_t, newest
                                               last */
    ngx_thread_pool_t         *pool;
    ngx_shm_zone_t            *zone;
    ngx_slab_pool_t           *slab;
    ngx_http_zwfw_shared_t    *shared;
    ngx_queue_t                listeners;   /* of the worker */
    void                      *node;        /* of shared.c, of the worker */
    ngx_http_zwfw_worker_t    *worker;      /* this one */
    ngx_rbtree_t               pages;       /* ngx_http_zwfw_page_t by name */
    ngx_rbtree_node_t          sentinel;
    zwfw_json_t               *words;       /* slice, group, code, text */
    zwfw_mem_t                 mem;         /* of the configuration */
    void                      *page_store;  /* of cache.c, of the worker */
    void                      *lines;       /* of lines.c, of the worker */
    ngx_uint_t                 index;
};


/* ---- configuration ---- */

typedef struct ngx_http_zwfw_node_s  ngx_http_zwfw_node_t;

/* a route with its fields parted by where they come from */

typedef struct {
    ngx_http_zwfw_route_t     *route;
    zwfw_field_t              *args;        /* path and query */
    zwfw_field_t              *body;
} ngx_http_zwfw_row_t;


/* a segment of paths, in the tree of routes */

struct ngx_http_zwfw_node_s {
    ngx_str_t                  segment;     /* "{id}": any, named id */
    ngx_http_zwfw_node_t      *child;
    ngx_http_zwfw_node_t      *next;        /* sibling; "{...}" stands last */
    ngx_http_zwfw_slice_t     *slice;
    ngx_http_zwfw_row_t       *get;
    ngx_http_zwfw_row_t       *post;
};


typedef struct {
    ngx_array_t                platforms;   /* ngx_http_zwfw_platform_t * */
    ngx_array_t                slices;      /* ngx_http_zwfw_slice_t * */
    ngx_array_t                metrics;     /* ngx_http_zwfw_metric_t *, tables:
                                               core's first */
    ngx_array_t                navs;        /* of nav.c, in their order */
    ngx_http_zwfw_node_t      *root;
    ngx_http_core_loc_conf_t  *http;        /* of http{}, never merged */
} ngx_http_zwfw_main_conf_t;


#define NGX_HTTP_ZWFW_API    1
#define NGX_HTTP_ZWFW_PAGES  2

typedef struct {
    ngx_str_t                  use;
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_complex_value_t  *channel;
    ngx_flag_t                 insecure;    /* cookies over plain http */
    ngx_uint_t                 face;
    off_t                      most;        /* bytes of any body here */
    ngx_uint_t                 metrics;     /* zwfw_metrics stands here */
    ngx_uint_t                 bounded;     /* client_max_body_size does */
    ngx_str_t                  mount;       /* "/api": cut off the path */
    ngx_str_t                  folder;      /* of pages */
} ngx_http_zwfw_loc_conf_t;


/* ---- pages ---- */

typedef struct {
    ngx_str_node_t             sn;          /* "item/show" */
    zwfw_template_t           *template;
} ngx_http_zwfw_page_t;


/* a personal part of a shared page */

typedef struct {
    size_t                     offset;
    ngx_str_t                  name;        /* of its template, "hole/user" */
} ngx_http_zwfw_hole_t;


/* a text that grows while it is rendered */

typedef struct {
    ngx_str_t                  text;
    size_t                     size;
    ngx_array_t               *holes;       /* ngx_http_zwfw_hole_t; NULL: the
                                               page is for one request */
    ngx_http_request_t        *request;
} ngx_http_zwfw_text_t;


/* ---- a request's state of core: ctx->core ---- */

#define NGX_HTTP_ZWFW_ROOM  16              /* of args and words */


/* with which the stores are asked: guards need none */

typedef struct {
    ngx_http_zwfw_query_t      query;
    ngx_http_zwfw_command_t    command;
    char                      *args[NGX_HTTP_ZWFW_ROOM];
    ngx_str_t                  words[NGX_HTTP_ZWFW_ROOM];
} ngx_http_zwfw_asking_t;


typedef struct {
    ngx_http_zwfw_row_t       *row;         /* of ctx->route */
    ngx_http_zwfw_query_t     *query;       /* NULL before begin() */
    char                     **args;        /* of query; the same */
    ngx_http_zwfw_command_t   *command;     /* the same */
    ngx_str_t                 *words;       /* of command; the same */
    ngx_str_t                  once;        /* Idempotency-Key */
    u_char                     digest[33];  /* of what is asked once */
    ngx_str_t                  values;      /* body as typed, for its form */
    ngx_str_t                  location;    /* of a 303 */
    ngx_str_t                  back;        /* where the form is; of keep.c */
    ngx_http_zwfw_route_t     *form;        /* GET row shown again, or NULL */
    ngx_http_zwfw_route_t     *posted;      /* POST row that its values were
                                               typed for; NULL: ctx->route */

    struct {
        ngx_uint_t             status;
        ngx_str_t              code;
        ngx_str_t              field;
    } why;                                  /* it is shown again */

    zwfw_json_t               *kinds;       /* of fields, as SQL says, or
                                               NULL: "line 100" */
    void                      *files;       /* of files.c or download.c */
    zwfw_json_t               *wrong;       /* parts that were refused, or
                                               NULL: field, code */
    ngx_thread_task_t         *task;        /* of work.c */
    off_t                      limit;       /* of the body, bytes */
    void                     **conf;        /* of the location, while the
                                               body is read, or NULL */
    ngx_chain_t               *out;         /* pieces of a page, else answer */
    ngx_chain_t              **last;
    size_t                     length;      /* of out */
    u_char                     hash[32];    /* of out, for the ETag */
    ngx_str_t                  cache_key;   /* the page is to be kept */
    ngx_atomic_uint_t          purged;      /* before it was asked for */
    void                      *entry;       /* of login.c */
    uint64_t                   seen;        /* transaction of its last write */
    ngx_str_t                  device;      /* Set-Cookie of the browser */
    ngx_uint_t                 limited;     /* how many limits were looked at */
    void                      *place;       /* location configuration that
                                               platform and channel are of */
    unsigned                   asking:1;    /* query is in flight */
    unsigned                   cleanup:1;   /* is registered */
    unsigned                   reading:1;   /* the body */
    unsigned                   known:1;     /* the session was looked up */
    unsigned                   looking:1;   /* the session is being asked for */
    unsigned                   by_form:1;   /* the body is a form */
    unsigned                   hashed:1;    /* hash is set */
    unsigned                   keeping:1;   /* a refused form is being read */
    unsigned                   kept:1;      /* and is kept, behind back */
    unsigned                   untold:1;    /* nothing in the audit trail */
} ngx_http_zwfw_state_t;


/* shared.c: the zone at configuration time; the listener of a worker */
ngx_int_t ngx_http_zwfw_shared_add(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf);
ngx_int_t ngx_http_zwfw_shared_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);
void ngx_http_zwfw_shared_exit(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);

/* platform.c */
char *ngx_http_zwfw_platform_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_http_zwfw_platform_t *ngx_http_zwfw_find_platform(
    ngx_http_zwfw_main_conf_t *mcf, ngx_str_t *name);

/* slice.c: what core itself answers */
extern ngx_http_zwfw_slice_t  ngx_http_zwfw_core_slice;

/* run.c: goes on with the list of steps; the platform that serves the request,
   NULL: none is selected there */
void *ngx_http_zwfw_alloc(void *pool, size_t size);
ngx_int_t ngx_http_zwfw_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_zwfw_begin(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
void ngx_http_zwfw_run(ngx_http_request_t *r);
ngx_http_zwfw_platform_t *ngx_http_zwfw_platform(ngx_http_request_t *r);

/* sets ctx->request_id once, one for a request and its subrequests; NULL: no
   memory */
ngx_str_t *ngx_http_zwfw_request_id(ngx_http_request_t *r);

void ngx_http_zwfw_resume(ngx_http_request_t *r);
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_form_steps[];
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_send_steps[];
ngx_int_t ngx_http_zwfw_put(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    zwfw_str_t *name, zwfw_str_t *value);

/* steps that only core's own list has */
ngx_int_t ngx_http_zwfw_step_match(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_session(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_permit(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_limit(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_limit_said(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_cached(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_body(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_check(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_resume(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_turn(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_call(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_form(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/* limit.c: by uid or address, so that no body needs to be read */
ngx_uint_t ngx_http_zwfw_limit_before(ngx_http_zwfw_limit_t *limit);

/* permit.c: name of one audience bit, empty when it has none */
ngx_str_t ngx_http_zwfw_who_name(ngx_uint_t who);

/* limit.c: whom limits by address count; bytes of the connection's own */
ngx_str_t ngx_http_zwfw_network(ngx_connection_t *c);

/* route.c */
ngx_int_t ngx_http_zwfw_routes(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf);
ngx_int_t ngx_http_zwfw_form_inputs(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *json, zwfw_json_t *page);
ngx_http_zwfw_route_t *ngx_http_zwfw_form_route(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *posted);
zwfw_json_t *ngx_http_zwfw_form_arg(ngx_http_zwfw_ctx_t *ctx,
    zwfw_field_t *field);

/*
 * seen.c: the transaction that a standby must have replayed to be read by who
 * asks; it is told to who has written, as the last of an answer's headers, and
 * to the other nodes, which hear of such a key (NGX_DECLINED: another one)
 */
uint64_t ngx_http_zwfw_seen(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_saw(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_seen_heard(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *key);

/* call.c: the settings of nobody, and of the one who asks */
void ngx_http_zwfw_nobody(char **args);
ngx_int_t ngx_http_zwfw_me(ngx_pool_t *pool, ngx_http_zwfw_ctx_t *ctx,
    char **args);

/* trail.c: what of this answer belongs into the audit trail; whether there is
   room for it, as a step */
void ngx_http_zwfw_trail(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_trail_room(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/*
 * lines.c: stores a line, however long that takes.  text has the members of a
 * JSON object, without braces; a line that merges is counted in an equal one
 * that still waits.  All is copied.  What cannot be kept is counted as lost
 */
void ngx_http_zwfw_lines_add(ngx_http_zwfw_platform_t *pf, ngx_str_t *uid,
    ngx_str_t *text, ngx_str_t *request_id, ngx_uint_t merges);
void ngx_http_zwfw_lines_lost(ngx_http_zwfw_platform_t *pf);

/* NGX_BUSY: too many of this person wait; NGX_DECLINED: of all */
ngx_int_t ngx_http_zwfw_lines_room(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *uid);

ngx_uint_t ngx_http_zwfw_lines_waiting(ngx_http_zwfw_platform_t *pf);
ngx_int_t ngx_http_zwfw_lines_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);
void ngx_http_zwfw_lines_exit(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);

/* tell.c: calls that a worker has not heard of when it ends */
void ngx_http_zwfw_tells_init(void);
void ngx_http_zwfw_tells_exit(void);

/* call.c: the statement that sets them and calls, a copy that ends with NUL;
   marked: its answer names the transaction */
ngx_int_t ngx_http_zwfw_statement(ngx_pool_t *pool, ngx_str_t *call,
    ngx_str_t *sql, ngx_uint_t marked);
char *ngx_http_zwfw_cstring(ngx_pool_t *pool, ngx_str_t *s);
ngx_int_t ngx_http_zwfw_ask_redis(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/* while the request waits: ends it when its client goes */
void ngx_http_zwfw_watch(ngx_http_request_t *r);

/* job.c: the timers of a worker */
ngx_int_t ngx_http_zwfw_jobs_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);

/*
 * error.c: at configuration time, what nginx refuses in a location of ours
 * comes back to it; and the steps of a request that did, NULL: it did not
 */
ngx_int_t ngx_http_zwfw_error_pages(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);
ngx_http_zwfw_step_pt *ngx_http_zwfw_error_list(ngx_http_request_t *r);

/* body.c: keeps what was typed, for a form that is shown again */
ngx_int_t ngx_http_zwfw_body_keep(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/* check.c: the form token as it came, taken out of the body; empty: none */
void ngx_http_zwfw_given_token(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *given);

/*
 * keep.c: forms kept over a log-in.  The steps that read a refused form, NULL:
 * it is not kept; the texts of its multipart body; the way back to it
 */
ngx_http_zwfw_step_pt *ngx_http_zwfw_keep_list(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
int ngx_http_zwfw_keep_parts(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text, zwfw_json_error_t *error);
ngx_int_t ngx_http_zwfw_back(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *rt);
ngx_int_t ngx_http_zwfw_login_path(ngx_http_request_t *r, ngx_str_t *back,
    ngx_str_t *path);

/* keep.c: the token of a page, which says whose it is; and whose it is, also
   when the session is over */
ngx_int_t ngx_http_zwfw_page_token(ngx_http_request_t *r, ngx_str_t *token);
ngx_int_t ngx_http_zwfw_token_owner(ngx_http_request_t *r, ngx_str_t *token,
    ngx_str_t *uid);

/* work.c: tasks of this worker that were admitted */
ngx_uint_t ngx_http_zwfw_working(ngx_http_zwfw_platform_t *pf);

/* more of a work that was admitted; the caller has the next word */
ngx_int_t ngx_http_zwfw_work_more(ngx_http_request_t *r,
    void (*work)(void *data), void *data, size_t size);

/* files.c: bytes that a body with these fields may have; 0: no files */
off_t ngx_http_zwfw_files_limit(zwfw_field_t *fields);

/*
 * Reads a multipart body in a thread and stores its files; ctx->body is set
 * when ctx->resume() goes on.  Returns NGX_AGAIN, NGX_DECLINED or NGX_ERROR
 */
ngx_int_t ngx_http_zwfw_files(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/* the keys of a platform for the vault, and its folder */
ngx_int_t ngx_http_zwfw_vault(ngx_pool_t *pool, ngx_http_zwfw_platform_t *pf,
    zwfw_vault_t *vault);

/*
 * roll.c: brings what is sealed under older keys under the newest, values and
 * files.  The run() of a job
 */
ngx_int_t ngx_http_zwfw_keys_roll(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_told_pt done, void *data);
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_keys_steps[];

/*
 * sweep.c: removes the files of a platform that are older than a day and that
 * no row uses.  The run() of a job
 */
ngx_int_t ngx_http_zwfw_files_sweep(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_told_pt done, void *data);

/* site.c: templates and words of a platform */
ngx_int_t ngx_http_zwfw_read_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
char *ngx_http_zwfw_site_folder(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *folder);
ngx_int_t ngx_http_zwfw_site(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_platform_t *pf);
ngx_http_zwfw_page_t *ngx_http_zwfw_find_page(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *name);
ngx_str_t *ngx_http_zwfw_word(ngx_http_zwfw_platform_t *pf, ngx_str_t *slice,
    ngx_str_t *group, ngx_str_t *code);

/* the sentence of an error code, of whatever slice */
ngx_str_t *ngx_http_zwfw_error_word(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *code);

/* nav.c */
ngx_int_t ngx_http_zwfw_navs(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf);
ngx_int_t ngx_http_zwfw_nav_words(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf, ngx_http_zwfw_platform_t *pf);
ngx_int_t ngx_http_zwfw_page_nav(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page);

/* page.c */
ngx_int_t ngx_http_zwfw_render(ngx_http_request_t *r, ngx_str_t *name,
    zwfw_json_t *data, zwfw_json_t *page, ngx_http_zwfw_text_t *out);
ngx_int_t ngx_http_zwfw_page(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_zwfw_text_t *out);
void ngx_http_zwfw_page_hide(zwfw_field_t *fields, zwfw_json_t *values);
zwfw_json_t *ngx_http_zwfw_page_context(ngx_http_request_t *r,
    ngx_uint_t personal);

/* cache.c: shared pages of a worker */
ngx_int_t ngx_http_zwfw_cache_keep(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_text_t *text);
ngx_int_t ngx_http_zwfw_out(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    u_char *p, size_t len);
void ngx_http_zwfw_caches_exit(ngx_http_zwfw_main_conf_t *mcf);
ngx_int_t ngx_http_zwfw_caches_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_main_conf_t *mcf);

/* reply.c */
extern zwfw_json_limits_t  ngx_http_zwfw_answer_limits;
ngx_int_t ngx_http_zwfw_fill(ngx_http_request_t *r, ngx_str_t *pattern,
    zwfw_json_t *answer, ngx_str_t *filled);
ngx_int_t ngx_http_zwfw_open(ngx_http_request_t *r, zwfw_json_t *json);
ngx_str_t ngx_http_zwfw_sentence(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *code,
    ngx_str_t *field);
ngx_int_t ngx_http_zwfw_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);
ngx_int_t ngx_http_zwfw_security_headers(ngx_http_request_t *r,
    ngx_uint_t page);
ngx_str_t *ngx_http_zwfw_header(ngx_http_request_t *r, u_char *name,
    size_t len);

/* openapi.c, audit.c, status.c: steps of rows of slice.c */
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_openapi_steps[];
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_audit_steps[];
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_status_steps[];

/* guard.c */
ngx_int_t ngx_http_zwfw_guard_init(ngx_conf_t *cf);

/* variable.c */
ngx_int_t ngx_http_zwfw_add_variables(ngx_conf_t *cf);

/* gauge.c: the metrics of core, and what the workers of a node say */
extern ngx_http_zwfw_metric_t  ngx_http_zwfw_core_metrics[];

/* a place for each worker, by the master, so that none of them allocates shared
   memory: who dies while it does leaves it broken for all */
ngx_int_t ngx_http_zwfw_worker_slots(ngx_http_zwfw_platform_t *pf);

ngx_int_t ngx_http_zwfw_worker_start(ngx_http_zwfw_platform_t *pf);
void ngx_http_zwfw_worker_tell(ngx_http_zwfw_platform_t *pf);
void ngx_http_zwfw_worker_end(ngx_http_zwfw_platform_t *pf);

/* a number of a worker (NULL: of the node), and how many a metric has */
ngx_uint_t ngx_http_zwfw_gauge(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_worker_t *worker, ngx_http_zwfw_metric_t *m, ngx_uint_t i);
ngx_uint_t ngx_http_zwfw_gauges(ngx_http_zwfw_metric_t *m);

/* metrics.c */
ngx_int_t ngx_http_zwfw_metrics_handler(ngx_http_request_t *r);
void ngx_http_zwfw_count(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_counter_e counter) ZWFW_HOT;

/* sha256.c: of all parts, 32 bytes */
ngx_int_t ngx_http_zwfw_sha256(ngx_str_t *parts, ngx_uint_t n, u_char *hash)
    ZWFW_HOT;

/* crypt.c */
ngx_int_t ngx_http_zwfw_keys(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf);
ngx_http_zwfw_key_t *ngx_http_zwfw_newest_key(ngx_http_zwfw_platform_t *pf);
ngx_http_zwfw_key_t *ngx_http_zwfw_steady_key(ngx_http_zwfw_platform_t *pf);
ngx_int_t ngx_http_zwfw_check_form_token(ngx_http_request_t *r,
    ngx_str_t *given);
ngx_int_t ngx_http_zwfw_random(u_char *p, size_t len);
ngx_int_t ngx_http_zwfw_random_id(u_char *id);

/* hmac.c: keys and *mac have NGX_HTTP_ZWFW_MAC bytes; NGX_ERROR is OpenSSL's */
ngx_int_t ngx_http_zwfw_hmac(u_char *key, u_char *data, size_t len,
    u_char *mac);
ngx_int_t ngx_http_zwfw_hmac_init(ngx_pool_t *pool,
    ngx_http_zwfw_hmac_t *hmac, u_char *key);
ngx_int_t ngx_http_zwfw_hmac_by(ngx_http_zwfw_hmac_t *hmac, u_char *data,
    size_t len, u_char *mac);

ngx_int_t ngx_http_zwfw_digest(u_char *data, size_t len, u_char *hex);
ngx_int_t ngx_http_zwfw_uuid(ngx_pool_t *pool, ngx_str_t *uuid);
ngx_int_t ngx_http_zwfw_index_by(ngx_pool_t *pool, ngx_http_zwfw_key_t *key,
    ngx_str_t *value, ngx_str_t *index);
ngx_int_t ngx_http_zwfw_seal(ngx_pool_t *pool, ngx_http_zwfw_key_t *key,
    ngx_str_t *place, ngx_str_t *value, ngx_str_t *sealed);
ngx_int_t ngx_http_zwfw_unseal(ngx_pool_t *pool, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *place, ngx_str_t *sealed, ngx_str_t *value);


#endif /* _NGX_HTTP_ZWFW_CORE_H_INCLUDED_ */
