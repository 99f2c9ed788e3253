
/*
 * Invalidation messages of Redis (client side caching, RESP2): a connection
 * that redirects the messages of a prefix to itself and subscribes to them
 */


#include "ngx_http_zwfw_redis.h"


typedef struct {
    ngx_queue_t                queue;
    ngx_http_zwfw_redis_t     *redis;
    ngx_http_zwfw_track_t     *track;       /* NULL: no longer wanted */
    ngx_http_zwfw_wire_t       wire;
    ngx_event_t                timer;       /* limit of opening or next try */
    ngx_event_t                gone;        /* posted when the wire closed */
    ngx_msec_t                 pause;
    ngx_connection_t           ident;       /* of events, in debug lines */
    unsigned                   ready:1;
    unsigned                   failed:1;    /* the last try */
} ngx_http_zwfw_tracker_t;


static void ngx_http_zwfw_track_connect(ngx_http_zwfw_tracker_t *t);
static ngx_int_t ngx_http_zwfw_track_greet(ngx_http_zwfw_tracker_t *t);
static void ngx_http_zwfw_track_authorized(redisAsyncContext *ac,
    void *answer, void *data);
static void ngx_http_zwfw_track_identified(redisAsyncContext *ac,
    void *answer, void *data);
static void ngx_http_zwfw_track_enabled(redisAsyncContext *ac, void *answer,
    void *data);
static void ngx_http_zwfw_track_message(redisAsyncContext *ac, void *answer,
    void *data);
static void ngx_http_zwfw_track_subscribed(ngx_http_zwfw_tracker_t *t);
static void ngx_http_zwfw_track_keys(ngx_http_zwfw_tracker_t *t,
    redisReply *keys);
static ngx_int_t ngx_http_zwfw_track_check(ngx_http_zwfw_tracker_t *t,
    redisReply *reply, int type, ngx_str_t *command);
static void ngx_http_zwfw_track_try(ngx_event_t *ev);
static void ngx_http_zwfw_track_closed(void *data);
static void ngx_http_zwfw_track_gone(ngx_event_t *ev);


ngx_int_t
ngx_http_zwfw_redis_track(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_track_t *track)
{
    ngx_log_t                *log;
    ngx_http_zwfw_tracker_t  *t;

    log = redis->wire.log;

    t = ngx_calloc(sizeof(ngx_http_zwfw_tracker_t), log);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->redis = redis;
    t->track = track;
    t->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;

    t->ident.fd = (ngx_socket_t) -1;
    t->ident.data = t;

    t->timer.handler = ngx_http_zwfw_track_try;
    t->timer.data = &t->ident;
    t->timer.log = log;
    t->timer.cancelable = 1;

    t->gone.handler = ngx_http_zwfw_track_gone;
    t->gone.data = &t->ident;
    t->gone.log = log;

    t->wire.address = &redis->address;
    t->wire.log = log;
    t->wire.closed = ngx_http_zwfw_track_closed;
    t->wire.data = t;

    ngx_queue_insert_tail(&redis->trackers, &t->queue);

    ngx_http_zwfw_track_connect(t);

    return NGX_OK;
}


void
ngx_http_zwfw_redis_untrack(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_track_t *track)
{
    ngx_queue_t              *q;
    ngx_http_zwfw_tracker_t  *t;

    for (q = ngx_queue_head(&redis->trackers);
         q != ngx_queue_sentinel(&redis->trackers);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_zwfw_tracker_t, queue);

        if (t->track != track) {
            continue;
        }

        /* it may be at work further up the stack: freed a moment later */

        t->track = NULL;

        if (!t->gone.posted) {
            ngx_post_event(&t->gone, &ngx_posted_events);
        }

        ngx_http_zwfw_wire_close(&t->wire);
        return;
    }
}


void
ngx_http_zwfw_track_exit(ngx_http_zwfw_redis_t *redis)
{
    ngx_queue_t              *q;
    ngx_http_zwfw_tracker_t  *t;

    while (!ngx_queue_empty(&redis->trackers)) {
        q = ngx_queue_head(&redis->trackers);
        t = ngx_queue_data(q, ngx_http_zwfw_tracker_t, queue);

        t->track = NULL;
        ngx_http_zwfw_wire_close(&t->wire);

        if (t->gone.posted) {
            ngx_delete_posted_event(&t->gone);
        }

        ngx_http_zwfw_track_gone(&t->gone);
    }
}


void
ngx_http_zwfw_track_renew(ngx_http_zwfw_redis_t *redis)
{
    ngx_queue_t              *q;
    ngx_http_zwfw_tracker_t  *t;

    for (q = ngx_queue_head(&redis->trackers);
         q != ngx_queue_sentinel(&redis->trackers);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_zwfw_tracker_t, queue);

        ngx_http_zwfw_wire_close(&t->wire);
    }
}


static void
ngx_http_zwfw_track_connect(ngx_http_zwfw_tracker_t *t)
{
    /* a master that only a sentinel has named is not listened to */

    if (t->redis->sentinel && !t->redis->ready) {
        ngx_add_timer(&t->timer, NGX_HTTP_ZWFW_REDIS_PAUSE);
        return;
    }

    t->wire.level = t->failed ? NGX_LOG_INFO : NGX_LOG_ERR;
    t->failed = 1;

    if (ngx_http_zwfw_wire_open(&t->wire) != NGX_OK) {
        ngx_add_timer(&t->timer, t->pause);
        t->pause = ngx_min(t->pause * 2, NGX_HTTP_ZWFW_REDIS_PROBE);
        return;
    }

    ngx_add_timer(&t->timer, t->redis->address.timeout);

    if (ngx_http_zwfw_track_greet(t) != NGX_OK) {
        ngx_http_zwfw_wire_close(&t->wire);
    }
}


static ngx_int_t
ngx_http_zwfw_track_greet(ngx_http_zwfw_tracker_t *t)
{
    ngx_str_t  auth[2], id[2];

    ngx_str_set(&auth[0], "AUTH");
    auth[1] = t->redis->address.password;

    if (auth[1].len
        && ngx_http_zwfw_wire_send(&t->wire, 2, auth,
                                   ngx_http_zwfw_track_authorized, t)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&id[0], "CLIENT");
    ngx_str_set(&id[1], "ID");

    return ngx_http_zwfw_wire_send(&t->wire, 2, id,
                                   ngx_http_zwfw_track_identified, t);
}


static void
ngx_http_zwfw_track_authorized(redisAsyncContext *ac, void *answer,
    void *data)
{
    static ngx_str_t  auth = ngx_string("AUTH");

    (void) ngx_http_zwfw_track_check(data, answer, REDIS_REPLY_STATUS, &auth);
}


static void
ngx_http_zwfw_track_identified(redisAsyncContext *ac, void *answer,
    void *data)
{
    redisReply               *reply = answer;
    ngx_http_zwfw_tracker_t  *t = data;

    u_char     id[NGX_INT64_LEN];
    ngx_str_t  words[8] = {
        ngx_string("CLIENT"), ngx_string("TRACKING"), ngx_string("ON"),
        ngx_string("REDIRECT"), ngx_null_string, ngx_string("BCAST"),
        ngx_string("PREFIX"), ngx_null_string
    };

    static ngx_str_t  client = ngx_string("CLIENT ID");

    if (ngx_http_zwfw_track_check(t, reply, REDIS_REPLY_INTEGER, &client)
        != NGX_OK)
    {
        return;
    }

    words[4].data = id;
    words[4].len = ngx_sprintf(id, "%L", (int64_t) reply->integer) - id;
    words[7] = t->track->prefix;

    if (ngx_http_zwfw_wire_send(&t->wire, 8, words,
                                ngx_http_zwfw_track_enabled, t)
        != NGX_OK)
    {
        ngx_http_zwfw_wire_close(&t->wire);
    }
}


static void
ngx_http_zwfw_track_enabled(redisAsyncContext *ac, void *answer, void *data)
{
    ngx_http_zwfw_tracker_t  *t = data;

    static ngx_str_t  tracking = ngx_string("CLIENT TRACKING");
    static ngx_str_t  words[2] = {
        ngx_string("SUBSCRIBE"), ngx_string("__redis__:invalidate")
    };

    if (ngx_http_zwfw_track_check(t, answer, REDIS_REPLY_STATUS, &tracking)
        != NGX_OK)
    {
        return;
    }

    if (ngx_http_zwfw_wire_send(&t->wire, 2, words,
                                ngx_http_zwfw_track_message, t)
        != NGX_OK)
    {
        ngx_http_zwfw_wire_close(&t->wire);
    }
}


/* {"subscribe", channel, n}, {"message", channel, keys} or an error */

static void
ngx_http_zwfw_track_message(redisAsyncContext *ac, void *answer, void *data)
{
    redisReply               *reply = answer;
    ngx_http_zwfw_tracker_t  *t = data;

    char  *kind;

    static ngx_str_t  subscribe = ngx_string("SUBSCRIBE");

    if (ngx_http_zwfw_track_check(t, reply, REDIS_REPLY_ARRAY, &subscribe)
        != NGX_OK)
    {
        return;
    }

    if (reply->elements < 3 || reply->element[0]->type != REDIS_REPLY_STRING) {
        return;
    }

    kind = reply->element[0]->str;

    if (ngx_strcmp(kind, "message") == 0) {
        ngx_http_zwfw_track_keys(t, reply->element[2]);

    } else if (ngx_strcmp(kind, "subscribe") == 0) {
        ngx_http_zwfw_track_subscribed(t);
    }
}


static void
ngx_http_zwfw_track_subscribed(ngx_http_zwfw_tracker_t *t)
{
    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    t->ready = 1;
    t->failed = 0;
    t->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;
    t->wire.level = NGX_LOG_ERR;

    t->track->ready(t->track->data);
}


static void
ngx_http_zwfw_track_keys(ngx_http_zwfw_tracker_t *t, redisReply *keys)
{
    size_t      i;
    ngx_str_t   key;

    /* nil: the whole database was flushed */

    if (keys->type != REDIS_REPLY_ARRAY) {
        t->track->key(t->track->data, NULL);
        return;
    }

    for (i = 0; i < keys->elements && t->track; i++) {

        if (keys->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        key.data = (u_char *) keys->element[i]->str;
        key.len = keys->element[i]->len;

        t->track->key(t->track->data, &key);
    }
}


/* anything unexpected closes the connection; the next try comes later */

static ngx_int_t
ngx_http_zwfw_track_check(ngx_http_zwfw_tracker_t *t, redisReply *reply,
    int type, ngx_str_t *command)
{
    if (reply == NULL || t->track == NULL) {
        return NGX_ERROR;
    }

    if (reply->type == type) {
        return NGX_OK;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_zwfw_wire_log(&t->wire, reply, command);
    }

    t->pause = NGX_HTTP_ZWFW_REDIS_PROBE;
    ngx_http_zwfw_wire_close(&t->wire);

    return NGX_ERROR;
}


static void
ngx_http_zwfw_track_try(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_zwfw_tracker_t  *t;

    c = ev->data;
    t = c->data;

    if (t->wire.ac == NULL) {
        ngx_http_zwfw_track_connect(t);
        return;
    }

    ngx_log_error(t->wire.level, ev->log, NGX_ETIMEDOUT,
                  "zwfw: redis \"%V\" does not answer to a listener",
                  &t->redis->address.name);

    t->pause = NGX_HTTP_ZWFW_REDIS_PROBE;
    ngx_http_zwfw_wire_close(&t->wire);
}


static void
ngx_http_zwfw_track_closed(void *data)
{
    ngx_http_zwfw_tracker_t  *t = data;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (t->redis->quit) {
        return;
    }

    if (!t->gone.posted) {
        ngx_post_event(&t->gone, &ngx_posted_events);
    }
}


static void
ngx_http_zwfw_track_gone(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_zwfw_tracker_t  *t;

    c = ev->data;
    t = c->data;

    if (t->wire.ac) {
        return;
    }

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (t->track == NULL) {
        ngx_queue_remove(&t->queue);
        ngx_free(t);
        return;
    }

    ngx_add_timer(&t->timer, t->pause);
    t->pause = ngx_min(t->pause * 2, NGX_HTTP_ZWFW_REDIS_PROBE);

    if (t->ready) {
        t->ready = 0;
        t->track->lost(t->track->data);
    }
}
