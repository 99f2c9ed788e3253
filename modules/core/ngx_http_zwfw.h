
/*
 * ngx-zwfw: what core offers to slices.  A slice includes this file only
 */


#ifndef _NGX_HTTP_ZWFW_H_INCLUDED_
#define _NGX_HTTP_ZWFW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "zwfw_json.h"
#include "zwfw_field.h"


/* who may ask: bits of a route's audience and of a session's roles */

#define NGX_HTTP_ZWFW_ANYONE        0x0001
#define NGX_HTTP_ZWFW_NATURAL       0x0002  /* natural person */
#define NGX_HTTP_ZWFW_CLERK         0x0010  /* receives and accepts cases */
#define NGX_HTTP_ZWFW_APPROVER      0x0020  /* decides cases */
#define NGX_HTTP_ZWFW_SUPERVISOR    0x0040
#define NGX_HTTP_ZWFW_ITEM_MANAGER  0x0080  /* writes items */
#define NGX_HTTP_ZWFW_ITEM_EDITOR   0x0100  /* approves items, another person */
#define NGX_HTTP_ZWFW_OPERATOR      0x0200  /* runs the platform, reads audit */

#define NGX_HTTP_ZWFW_STAFF         0x03f0
#define NGX_HTTP_ZWFW_USER          0x03f2  /* anybody with a session */


/* classes of SQL calls */

#define NGX_HTTP_ZWFW_READ   0
#define NGX_HTTP_ZWFW_WRITE  1
#define NGX_HTTP_ZWFW_SLOW   2


typedef struct ngx_http_zwfw_ctx_s       ngx_http_zwfw_ctx_t;
typedef struct ngx_http_zwfw_slice_s     ngx_http_zwfw_slice_t;
typedef struct ngx_http_zwfw_platform_s  ngx_http_zwfw_platform_t;

typedef ngx_int_t (*ngx_http_zwfw_step_pt)(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


/*
 * At most count requests in period: of a user, of an address, or with the same
 * value of a field from the same network, so that nobody uses up what is
 * another's
 */

typedef struct {
    ngx_uint_t                 count;
    time_t                     period;      /* seconds */
    ngx_str_t                  by;          /* "uid", "address" or a field */
} ngx_http_zwfw_limit_t;

#define NGX_HTTP_ZWFW_LIMITS  2


/* a shared copy of the page for everybody; see README, page cache */

typedef struct {
    ngx_str_t                  key;         /* "item/{code}", purged by it */
    time_t                     time;        /* seconds */
} ngx_http_zwfw_cache_t;


typedef struct {
    ngx_uint_t                 method;      /* NGX_HTTP_GET, NGX_HTTP_POST */
    ngx_str_t                  path;        /* "/{id}/accept", "//login" */
    ngx_uint_t                 who;         /* 0 stops nginx at start-up */
    ngx_uint_t                 level;       /* least real-name level, 0-5 */
    zwfw_field_t              *fields;
    ngx_str_t                  call;        /* "case_submit": api.case_submit */
    ngx_uint_t                 class;       /* of steps: WRITE takes a key
                                               for their call that writes */
    ngx_http_zwfw_step_pt     *steps;       /* instead of call; NULL ends */
    ngx_str_t                  reply;       /* of steps: the function whose
                                               comment describes it, a JSON
                                               Schema, or a media type */
    ngx_str_t                  page;        /* "item/show", its template */
    ngx_str_t                  form;        /* GET path shown again on 422 */
    ngx_str_t                  next;        /* "/case/{id}", after success */
    ngx_http_zwfw_limit_t      limit[NGX_HTTP_ZWFW_LIMITS];
    ngx_http_zwfw_cache_t      cache;
    ngx_str_t                  reads;       /* staff read of personal data */
} ngx_http_zwfw_route_t;

#define ngx_http_zwfw_null_route  { .method = 0 }


/* gets NGX_OK and the answer; or NGX_ERROR and the SQLSTATE, which is empty
   when the store is away or too slow */
typedef void (*ngx_http_zwfw_told_pt)(void *data, ngx_int_t rc,
    ngx_str_t *answer);


/* run on one node each interval, as api.<call> of class slow, or by run() */

typedef struct {
    ngx_str_t                  name;
    ngx_msec_t                 interval;
    ngx_str_t                  call;

    /* instead of call; done() comes later, or NGX_ERROR is returned */
    ngx_int_t                (*run)(ngx_http_zwfw_platform_t *pf,
                                    ngx_http_zwfw_told_pt done, void *data);
} ngx_http_zwfw_job_t;

#define ngx_http_zwfw_null_job  { ngx_null_string, 0, ngx_null_string, NULL }


/* numbers for operators: of this node, or what a worker says of itself */

#define NGX_HTTP_ZWFW_METRIC_OPEN    1      /* strangers see it, too */
#define NGX_HTTP_ZWFW_METRIC_WORKER  2      /* get() is called in each worker */
#define NGX_HTTP_ZWFW_METRIC_FLAG    4      /* 0 or 1 */

typedef struct {
    const char                *name;        /* "zwfw_requests_total" */
    const char                *help;
    const char                *type;        /* "counter" or "gauge" */
    ngx_uint_t               (*get)(ngx_http_zwfw_platform_t *pf,
                                    ngx_uint_t first, ngx_uint_t i);
    ngx_uint_t                 first;       /* for get() */
    const char                *label;       /* NULL: none */
    const char               **values;      /* of the label; i counts them */
    ngx_uint_t                 flags;
} ngx_http_zwfw_metric_t;

#define ngx_http_zwfw_null_metric  { .name = NULL }


/* an entry of the main navigation: a GET row of the slice with a page */

typedef struct {
    ngx_str_t                  path;        /* of the row */
    ngx_str_t                  word;        /* in group "nav" */
    ngx_uint_t                 place;       /* the smaller, the earlier */
    ngx_uint_t                 who;         /* sees it; 0: whom it is open to */
    ngx_uint_t                 home;        /* begins there after log-in */
    ngx_str_t                  under;       /* whose pages belong to it */
} ngx_http_zwfw_nav_t;

#define ngx_http_zwfw_null_nav  { .place = 0 }


struct ngx_http_zwfw_slice_s {
    ngx_uint_t                *abi;         /* &ngx_http_zwfw_abi_1 */
    ngx_str_t                  name;        /* "case": stem of URLs and pages */
    ngx_http_zwfw_route_t     *routes;
    ngx_http_zwfw_job_t       *jobs;        /* NULL: none */
    ngx_http_zwfw_nav_t       *nav;         /* NULL: none */
};


/* a user with a session, read only, in r->pool */

typedef struct {
    ngx_str_t                  id;          /* digest of the token, 64 hex */
    ngx_str_t                  uid;
    ngx_str_t                  name;        /* for greeting only */
    ngx_str_t                  body;        /* staff: uuid; several: one
                                               for each of roles */
    ngx_str_t                  region;
    ngx_str_t                  roles;       /* "clerk,approver" */
    ngx_str_t                  channel;     /* where the login happened */
    ngx_uint_t                 who;         /* NGX_HTTP_ZWFW_NATURAL, ... */
    ngx_uint_t                 level;
    time_t                     created;
} ngx_http_zwfw_session_t;


/* what a slice may tell of a visit beside its arguments, for statistics:
   codes and numbers, nothing of the person */

typedef struct {
    ngx_str_t                  item;        /* code */
    ngx_str_t                  case_type;
    ngx_str_t                  age_band;    /* "30-39" */
    ngx_uint_t                 rank;        /* of the hit chosen, from 1 */
    ngx_uint_t                 funnel;      /* step reached, from 1 */
    ngx_msec_t                 dwell;
} ngx_http_zwfw_visit_t;


struct ngx_http_zwfw_ctx_s {
    ngx_http_zwfw_step_pt     *step;        /* the next one */
    void                     (*resume)(ngx_http_request_t *r);
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_slice_t     *slice;
    ngx_http_zwfw_route_t     *route;       /* NULL: no row, guard only */
    ngx_http_zwfw_session_t   *session;     /* NULL: nobody */
    ngx_str_t                  request_id;  /* 32 hex; of each route */
    ngx_str_t                  channel;
    ngx_str_t                  new_id;      /* UUIDv7 for what is created */
    zwfw_mem_t                 mem;         /* r->pool, for the pure units */
    zwfw_json_t               *args;        /* path and query */
    zwfw_json_t               *body;
    zwfw_json_t               *errors;      /* field: code, of a 422 */
    ngx_str_t                  answer;      /* JSON text, of call or a step */
    ngx_uint_t                 status;      /* 0: 200 */
    ngx_str_t                  code;        /* of the refusal */
    ngx_str_t                  field;
    ngx_uint_t                 retry;       /* Retry-After, seconds */
    ngx_http_zwfw_visit_t      visit;
    void                      *data;        /* the slice's own */
    void                      *core;        /* core's own */
    ngx_int_t                  rc;          /* of a step that answered */
    unsigned                   page:1;      /* face: page, else JSON */
    unsigned                   refused:1;
    unsigned                   declined:1;  /* the runner turns to reply */
};


extern ngx_module_t  ngx_http_zwfw_core_module;

/* its name changes with this header: another core fails at nginx -t */
extern ngx_uint_t    ngx_http_zwfw_abi_1;


/*
 * Registers a slice; called in preconfiguration.  Checks its routes: a
 * missing audience, a level above 5 or an unknown field stop nginx.
 */
ngx_int_t ngx_http_zwfw_add(ngx_conf_t *cf, ngx_http_zwfw_slice_t *slice);

/* adds a table of metrics of the node; called in preconfiguration */
ngx_int_t ngx_http_zwfw_add_metrics(ngx_conf_t *cf,
    ngx_http_zwfw_metric_t *metrics);

/* context of the request, made when absent; NULL: no memory */
ngx_http_zwfw_ctx_t *ngx_http_zwfw_ctx(ngx_http_request_t *r) ZWFW_HOT;

ngx_str_t *ngx_http_zwfw_platform_name(ngx_http_zwfw_platform_t *pf);

/* of a worker: 16 hex that name this node; they change when nginx starts */
ngx_str_t ngx_http_zwfw_node(ngx_http_zwfw_platform_t *pf);

/* families of a User-Agent header: "edge", "windows", "other"; static */
void ngx_http_zwfw_agent(ngx_str_t *header, ngx_str_t *browser,
    ngx_str_t *system);

/*
 * Refuses: remembers status, code (stable, snake_case, not copied) and field
 * (may be NULL).  Returns NGX_DECLINED, for the step to return.
 */
ngx_int_t ngx_http_zwfw_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_str_t *field);

/*
 * For guards: may this person enter?  Cuts our cookies out of a request that
 * may go to an upstream; who it is stays known, also to internal redirects and
 * subrequests.
 *
 *     NGX_OK        yes, it is ctx->session
 *     NGX_AGAIN     Redis is asked; the phases of the request go on
 *     NGX_DECLINED  refused, ctx->status says how: 401, 403, 428, or 503 when
 *                   the store of sessions is away
 *     500           no memory
 */
ngx_int_t ngx_http_zwfw_guard(ngx_http_request_t *r, ngx_uint_t who,
    ngx_uint_t level) ZWFW_HOT;

/*
 * For guards in the access phase: answers what was refused, with a page or a
 * problem.  Returns NGX_DONE, for the phase handler to return.
 */
ngx_int_t ngx_http_zwfw_answer_refusal(ngx_http_request_t *r);

/* while location configurations are merged: the platform selected there */
ngx_http_zwfw_platform_t *ngx_http_zwfw_conf_platform(ngx_conf_t *cf);

/*
 * A folder that a directive names, for what only workers may see: an absolute
 * path, there, closed to others, and workers can write to it.  folder ends
 * with a slash and NUL.  NGX_ERROR: it was said why
 */
ngx_int_t ngx_http_zwfw_own_folder(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *name, ngx_str_t *folder);

/* and whether rows answer there, which have a gate of their own */
ngx_uint_t ngx_http_zwfw_conf_rows(ngx_conf_t *cf);

/* bit of a role's or kind's name, "clerk", "natural"; 0: unknown */
ngx_uint_t ngx_http_zwfw_who(ngx_str_t *name);

/* the last steps, for lists of a slice's own; session, permit, body and check
   always run before them */
ngx_int_t ngx_http_zwfw_step_reply(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_step_send(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/*
 * The last step of a list, after a call whose answer is {"file": <address>,
 * "name": ..., "type": ...}: sends that stored file as a download.  Not a byte
 * is sent of a file that was changed on the disk.
 */
ngx_int_t ngx_http_zwfw_step_file(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/*
 * Calls api.<call>(args, body) as the asking user; the answer is in
 * ctx->answer when the next step runs.  call is static.
 *
 *     NGX_AGAIN     asked
 *     NGX_DECLINED  refused: 503 with Retry-After
 */
ngx_int_t ngx_http_zwfw_call(ngx_http_request_t *r, ngx_uint_t class,
    ngx_str_t *call, zwfw_json_t *args, zwfw_json_t *body);

/* writes a tree into ctx->answer */
ngx_int_t ngx_http_zwfw_answer(ngx_http_request_t *r, zwfw_json_t *json);

/* adds a number to an object; name is not copied */
ngx_int_t ngx_http_zwfw_add_number(ngx_http_request_t *r,
    zwfw_json_t *object, const char *name, ngx_uint_t n);

/* ctx->answer as a tree; NULL: no memory, or no JSON */
zwfw_json_t *ngx_http_zwfw_answered(ngx_http_request_t *r);

/* a member that is a string; empty when there is none */
void ngx_http_zwfw_get_text(zwfw_json_t *json, const char *name,
    ngx_str_t *text);

/* where a form's success leads, instead of .next; a path that is not of this
   site is ignored; the path is copied */
void ngx_http_zwfw_next(ngx_http_request_t *r, ngx_str_t *path);

/* where a form's success leads when nothing else is said: to the page where
   the person of the session begins, if there is one */
void ngx_http_zwfw_home(ngx_http_request_t *r);

/* form token of ctx->session, 43 characters */
ngx_int_t ngx_http_zwfw_form_token(ngx_http_request_t *r, ngx_str_t *token);

/*
 * Calls api.<call>(args, body) for no request: a batch or a job, of nobody.
 * call is static, args and body are JSON texts and are copied.
 *
 *     NGX_OK     asked; done() comes later
 *     NGX_ERROR  the store is away; done() does not come
 */
ngx_int_t ngx_http_zwfw_tell(ngx_http_zwfw_platform_t *pf, ngx_uint_t class,
    ngx_str_t *call, ngx_str_t *args, ngx_str_t *body,
    ngx_http_zwfw_told_pt done, void *data);

/*
 * Opens a session for the person in s (id and created are set by core), sets
 * the cookie, ends the session that the request came with.
 *
 *     NGX_AGAIN     asked; the next step runs when it is stored
 *     NGX_DECLINED  refused: 503
 */
ngx_int_t ngx_http_zwfw_login(ngx_http_request_t *r,
    ngx_http_zwfw_session_t *s);

/* the browser that was known from an earlier log-in: 64 hex, digest of its
   cookie; NGX_DECLINED: none */
ngx_int_t ngx_http_zwfw_device(ngx_http_request_t *r, ngx_str_t *id);

/* it is known by another cookie, set when a session opens in this request */
ngx_int_t ngx_http_zwfw_new_device(ngx_http_request_t *r, ngx_str_t *id);

/* pseudonym of where a request comes from, 32 hex: its host, or when it is
   wide its network (/24, /56) */
ngx_int_t ngx_http_zwfw_peer(ngx_http_request_t *r, const char *purpose,
    ngx_uint_t wide, u_char *hex);

/* ends the session with this id, of this user only; the cookie as well when
   it is the own one.  Returns as ngx_http_zwfw_login() */
ngx_int_t ngx_http_zwfw_logout(ngx_http_request_t *r, ngx_str_t *id);

/* ends all sessions of this user but the one that asks; their number becomes
   args.ended.  Returns as ngx_http_zwfw_login() */
ngx_int_t ngx_http_zwfw_logout_others(ngx_http_request_t *r);

/* own sessions: ctx->answer becomes {"items":[{id,created,channel,
   browser,system,current}]}.  Returns as ngx_http_zwfw_login() */
ngx_int_t ngx_http_zwfw_sessions(ngx_http_request_t *r);

/*
 * Runs work(data) in the thread pool, with an admission limit per worker and
 * per address; data is copied in and copied back, so it must live in r->pool.
 *
 *     NGX_AGAIN     queued; the next step runs when it is done
 *     NGX_DECLINED  refused: 503, too many wait
 */
ngx_int_t ngx_http_zwfw_work(ngx_http_request_t *r, void (*work)(void *data),
    void *data, size_t size);

/*
 * Work in a thread for no request: one turn of a chore at a time.  work()
 * touches neither pools nor logs of nginx; next() runs on the event loop when
 * it is done, and does not when the worker ends before.
 *
 *     NGX_OK     posted
 *     NGX_ERROR  the queue of the pool is full; neither of both is called
 */
typedef struct {
    ngx_http_zwfw_platform_t  *platform;
    ngx_thread_task_t         *task;
    void                     (*work)(void *data);   /* in the thread */
    void                     (*next)(void *data);   /* after it */
    void                      *data;
} ngx_http_zwfw_chore_t;

ngx_int_t ngx_http_zwfw_chore_init(ngx_http_zwfw_chore_t *c,
    ngx_pool_t *pool, ngx_http_zwfw_platform_t *pf, void *data);
ngx_int_t ngx_http_zwfw_chore_post(ngx_http_zwfw_chore_t *c,
    void (*work)(void *data), void (*next)(void *data));

/* scrypt, for a thread only.  hash is the text to store or to compare with:
   "scrypt$15$8$3$<salt>$<digest>", at most 128 bytes, NUL-terminated */
ngx_int_t ngx_http_zwfw_password_hash(ngx_str_t *password, u_char *hash);
ngx_int_t ngx_http_zwfw_password_verify(ngx_str_t *password, u_char *hash);

/* pairwise pseudonym of a user for a purpose: 32 hex */
ngx_int_t ngx_http_zwfw_pseudonym(ngx_http_request_t *r, const char *purpose,
    ngx_str_t *value, u_char *hex);


#endif /* _NGX_HTTP_ZWFW_H_INCLUDED_ */
