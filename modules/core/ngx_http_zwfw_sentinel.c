
/*
 * The master of a Redis that has sentinels: one of them is asked where it is,
 * and stays connected to say so when another one becomes master.
 *
 * What it says is not believed but tried: redis.c asks each master for its
 * role.  A sentinel that is away, silent or does not know the master is left
 * for the next one
 */


#include "ngx_http_zwfw_redis.h"


struct ngx_http_zwfw_sentinel_s {
    ngx_http_zwfw_redis_t     *redis;
    ngx_http_zwfw_wire_t       wire;
    ngx_uint_t                 current;     /* of redis->seeds */
    ngx_event_t                timer;       /* limit of an answer or next try */
    ngx_event_t                gone;        /* posted when the wire closed */
    ngx_connection_t           ident;       /* of events, in debug lines */
    unsigned                   seeking:1;   /* redis_found() is due */
    unsigned                   failed:1;    /* the last try */
};


static void ngx_http_zwfw_sentinel_connect(ngx_http_zwfw_sentinel_t *s);
static ngx_int_t ngx_http_zwfw_sentinel_greet(ngx_http_zwfw_sentinel_t *s);
static void ngx_http_zwfw_sentinel_auth(redisAsyncContext *ac, void *answer,
    void *data);
static void ngx_http_zwfw_sentinel_found(redisAsyncContext *ac, void *answer,
    void *data);
static void ngx_http_zwfw_sentinel_heard(redisAsyncContext *ac, void *answer,
    void *data);
static ngx_int_t ngx_http_zwfw_sentinel_check(ngx_http_zwfw_sentinel_t *s,
    redisReply *reply, int type, ngx_str_t *command);
static void ngx_http_zwfw_sentinel_try(ngx_event_t *ev);
static void ngx_http_zwfw_sentinel_closed(void *data);
static void ngx_http_zwfw_sentinel_gone(ngx_event_t *ev);


ngx_int_t
ngx_http_zwfw_sentinel_start(ngx_http_zwfw_redis_t *redis)
{
    ngx_log_t                 *log;
    ngx_http_zwfw_sentinel_t  *s;

    log = redis->wire.log;

    s = ngx_calloc(sizeof(ngx_http_zwfw_sentinel_t), log);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->redis = redis;

    s->ident.fd = (ngx_socket_t) -1;
    s->ident.data = s;

    s->timer.handler = ngx_http_zwfw_sentinel_try;
    s->timer.data = &s->ident;
    s->timer.log = log;
    s->timer.cancelable = 1;

    s->gone.handler = ngx_http_zwfw_sentinel_gone;
    s->gone.data = &s->ident;
    s->gone.log = log;

    s->wire.log = log;
    s->wire.closed = ngx_http_zwfw_sentinel_closed;
    s->wire.data = s;

    /* workers begin with different ones */

    s->current = ngx_worker % redis->seeds.nelts;

    redis->sentinel = s;

    return NGX_OK;
}


void
ngx_http_zwfw_sentinel_exit(ngx_http_zwfw_sentinel_t *s)
{
    ngx_http_zwfw_wire_close(&s->wire);

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    if (s->gone.posted) {
        ngx_delete_posted_event(&s->gone);
    }

    ngx_free(s);
}


void
ngx_http_zwfw_sentinel_find(ngx_http_zwfw_sentinel_t *s)
{
    if (s->seeking) {
        return;
    }

    s->seeking = 1;

    /* a connection that has subscribed answers nothing more */

    ngx_http_zwfw_wire_close(&s->wire);

    if (s->gone.posted) {
        ngx_delete_posted_event(&s->gone);
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_http_zwfw_sentinel_connect(s);
}


void
ngx_http_zwfw_redis_remember(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_redis_t  *redis;

    redis = pf->redis;

    if (redis->sentinel == NULL || !redis->ready) {
        return;
    }

    ngx_shmtx_lock(&pf->slab->mutex);

    /* a worker that is killed here leaves no address, not half of one */

    pf->shared->master_port = 0;
    ngx_memory_barrier();

    (void) ngx_cpystrn(pf->shared->master, (u_char *) redis->address.host,
                       sizeof(pf->shared->master));
    ngx_memory_barrier();

    pf->shared->master_port = redis->address.port;

    ngx_shmtx_unlock(&pf->slab->mutex);
}


void
ngx_http_zwfw_sentinel_recall(ngx_http_zwfw_platform_t *pf)
{
    u_char      text[NGX_INT_T_LEN];
    ngx_str_t   host, port;

    if (pf->redis->master.len == 0) {
        return;
    }

    ngx_shmtx_lock(&pf->slab->mutex);

    if (pf->shared->master_port) {
        host.data = pf->shared->master;
        host.len = ngx_strlen(host.data);
        port.data = text;
        port.len = ngx_sprintf(text, "%ui", pf->shared->master_port) - text;

        (void) ngx_http_zwfw_address_set(&pf->redis->address, &host, &port,
                                         ngx_cycle->log);
    }

    ngx_shmtx_unlock(&pf->slab->mutex);
}


static void
ngx_http_zwfw_sentinel_connect(ngx_http_zwfw_sentinel_t *s)
{
    ngx_http_zwfw_address_t  *seeds;

    seeds = s->redis->seeds.elts;

    s->wire.address = &seeds[s->current];
    s->wire.level = s->failed ? NGX_LOG_INFO : NGX_LOG_ERR;

    if (ngx_http_zwfw_wire_open(&s->wire) != NGX_OK) {
        ngx_http_zwfw_sentinel_closed(s);
        return;
    }

    ngx_add_timer(&s->timer, s->wire.address->timeout);

    if (ngx_http_zwfw_sentinel_greet(s) != NGX_OK) {
        ngx_http_zwfw_wire_close(&s->wire);
    }
}


/* asks and subscribes in one turn: no change is missed between both */

static ngx_int_t
ngx_http_zwfw_sentinel_greet(ngx_http_zwfw_sentinel_t *s)
{
    ngx_str_t  auth[2], get[3];

    static ngx_str_t  hear[2] = {
        ngx_string("SUBSCRIBE"), ngx_string("+switch-master")
    };

    ngx_str_set(&auth[0], "AUTH");
    auth[1] = s->wire.address->password;

    if (auth[1].len
        && ngx_http_zwfw_wire_send(&s->wire, 2, auth,
                                   ngx_http_zwfw_sentinel_auth, s)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&get[0], "SENTINEL");
    ngx_str_set(&get[1], "get-master-addr-by-name");
    get[2] = s->redis->master;

    if (ngx_http_zwfw_wire_send(&s->wire, 3, get, ngx_http_zwfw_sentinel_found,
                                s)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_wire_send(&s->wire, 2, hear,
                                   ngx_http_zwfw_sentinel_heard, s);
}


static void
ngx_http_zwfw_sentinel_auth(redisAsyncContext *ac, void *answer, void *data)
{
    static ngx_str_t  auth = ngx_string("AUTH");

    (void) ngx_http_zwfw_sentinel_check(data, answer, REDIS_REPLY_STATUS,
                                        &auth);
}


/* {host, port}; nil for a name that it does not know */

static void
ngx_http_zwfw_sentinel_found(redisAsyncContext *ac, void *answer, void *data)
{
    redisReply                *reply = answer;
    ngx_http_zwfw_sentinel_t  *s = data;

    ngx_str_t  host, port;

    static ngx_str_t  get = ngx_string("SENTINEL");

    if (reply && reply->type == REDIS_REPLY_NIL) {
        ngx_log_error(s->wire.level, s->wire.log, 0,
                      "zwfw: sentinel \"%V\" knows no master \"%V\"",
                      &s->wire.address->name, &s->redis->master);
    }

    if (ngx_http_zwfw_sentinel_check(s, reply, REDIS_REPLY_ARRAY, &get)
        != NGX_OK)
    {
        return;
    }

    if (reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        ngx_http_zwfw_wire_close(&s->wire);
        return;
    }

    host.data = (u_char *) reply->element[0]->str;
    host.len = reply->element[0]->len;
    port.data = (u_char *) reply->element[1]->str;
    port.len = reply->element[1]->len;

    if (ngx_http_zwfw_redis_found(s->redis, &host, &port) != NGX_OK) {
        ngx_http_zwfw_wire_close(&s->wire);
        return;
    }

    s->seeking = 0;
}


/* {"subscribe", channel, n}, or {"message", channel, "<name> <old address>
   <port> <new address> <port>"} */

static void
ngx_http_zwfw_sentinel_heard(redisAsyncContext *ac, void *answer, void *data)
{
    redisReply                *reply = answer;
    ngx_http_zwfw_sentinel_t  *s = data;

    redisReply  *text;
    ngx_str_t   *name;

    static ngx_str_t  subscribe = ngx_string("SUBSCRIBE");

    if (ngx_http_zwfw_sentinel_check(s, reply, REDIS_REPLY_ARRAY, &subscribe)
        != NGX_OK)
    {
        return;
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    s->failed = 0;
    s->wire.level = NGX_LOG_ERR;

    name = &s->redis->master;
    text = reply->elements == 3 ? reply->element[2] : NULL;

    if (text && text->type == REDIS_REPLY_STRING
        && (size_t) text->len > name->len && text->str[name->len] == ' '
        && ngx_memcmp(text->str, name->data, name->len) == 0)
    {
        ngx_http_zwfw_redis_renew(s->redis);
    }
}


/* anything unexpected closes the connection; the next one is tried */

static ngx_int_t
ngx_http_zwfw_sentinel_check(ngx_http_zwfw_sentinel_t *s, redisReply *reply,
    int type, ngx_str_t *command)
{
    if (reply == NULL) {
        return NGX_ERROR;
    }

    if (reply->type == type) {
        return NGX_OK;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_zwfw_wire_log(&s->wire, reply, command);
    }

    ngx_http_zwfw_wire_close(&s->wire);

    return NGX_ERROR;
}


static void
ngx_http_zwfw_sentinel_try(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_zwfw_sentinel_t  *s;

    c = ev->data;
    s = c->data;

    if (s->wire.ac == NULL) {
        ngx_http_zwfw_sentinel_connect(s);
        return;
    }

    ngx_log_error(s->wire.level, ev->log, NGX_ETIMEDOUT,
                  "zwfw: sentinel \"%V\" does not answer",
                  &s->wire.address->name);

    ngx_http_zwfw_wire_close(&s->wire);
}


static void
ngx_http_zwfw_sentinel_closed(void *data)
{
    ngx_http_zwfw_sentinel_t  *s = data;

    if (!s->redis->quit && !s->gone.posted) {
        ngx_post_event(&s->gone, &ngx_posted_events);
    }
}


static void
ngx_http_zwfw_sentinel_gone(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_zwfw_sentinel_t  *s;

    c = ev->data;
    s = c->data;

    s->failed = 1;
    s->current = (s->current + 1) % s->redis->seeds.nelts;

    ngx_add_timer(&s->timer, NGX_HTTP_ZWFW_REDIS_PAUSE);
}
