
/*
 * The connection to a Redis instance, one of each worker: opened, greeted,
 * lost, tried again.
 *
 * When the oldest operation is not answered in time, or the connection is
 * lost, all of them fail; the breaker then refuses at once until a new
 * connection has answered PING
 */


#include "ngx_http_zwfw_redis.h"


static void ngx_http_zwfw_redis_connect(ngx_http_zwfw_redis_t *redis);
static void ngx_http_zwfw_redis_open(ngx_http_zwfw_redis_t *redis);
static ngx_int_t ngx_http_zwfw_redis_greet(ngx_http_zwfw_redis_t *redis);
static void ngx_http_zwfw_redis_greeted(redisAsyncContext *ac, void *answer,
    void *data);
static ngx_uint_t ngx_http_zwfw_redis_replica(redisReply *reply);
static void ngx_http_zwfw_redis_try(ngx_event_t *ev);
static void ngx_http_zwfw_redis_away(ngx_http_zwfw_redis_t *redis);
static void ngx_http_zwfw_redis_closed(void *data);
static void ngx_http_zwfw_redis_fail(ngx_event_t *ev);


void
ngx_http_zwfw_redis_state(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_state_t *state)
{
    if (redis->cluster) {
        ngx_http_zwfw_cluster_state(redis->cluster, state);
        return;
    }

    state->connected = redis->ready;
    state->open = redis->open;
    state->in_flight = redis->in_flight;
}


ngx_int_t
ngx_http_zwfw_redis_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_zwfw_core_module);
    if (mcf == NULL) {
        return NGX_OK;
    }

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {

        /* platforms may share one */

        if (pf[i]->redis->timer.handler) {
            continue;
        }

        ngx_http_zwfw_sentinel_recall(pf[i]);

        if (ngx_http_zwfw_redis_start(pf[i]->redis, cycle->log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_redis_start(ngx_http_zwfw_redis_t *redis, ngx_log_t *log)
{
    redis->ident.fd = (ngx_socket_t) -1;
    redis->ident.data = redis;

    redis->timer.handler = ngx_http_zwfw_redis_timeout;
    redis->timer.data = &redis->ident;
    redis->timer.log = log;

    redis->connect.handler = ngx_http_zwfw_redis_try;
    redis->connect.data = &redis->ident;
    redis->connect.log = log;
    redis->connect.cancelable = 1;

    redis->fail.handler = ngx_http_zwfw_redis_fail;
    redis->fail.data = &redis->ident;
    redis->fail.log = log;

    redis->wire.address = &redis->address;
    redis->wire.log = log;
    redis->wire.closed = ngx_http_zwfw_redis_closed;
    redis->wire.data = redis;

    redis->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;

    ngx_queue_init(&redis->asked);
    ngx_queue_init(&redis->failed);
    ngx_queue_init(&redis->spare);
    ngx_queue_init(&redis->trackers);

    if (redis->clustered) {
        return ngx_http_zwfw_cluster_start(redis);
    }

    if (redis->master.len && ngx_http_zwfw_sentinel_start(redis) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!redis->parked) {
        ngx_http_zwfw_redis_connect(redis);
    }

    /* one that other workers know is tried while a sentinel is asked */

    if (redis->sentinel && redis->address.host) {
        ngx_http_zwfw_redis_open(redis);
    }

    return NGX_OK;
}


void
ngx_http_zwfw_redis_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_redis_t       *redis;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_zwfw_core_module);
    if (mcf == NULL) {
        return;
    }

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        redis = pf[i]->redis;

        if (redis->timer.handler && !redis->quit) {
            ngx_http_zwfw_redis_end(redis);
        }
    }
}


void
ngx_http_zwfw_redis_end(ngx_http_zwfw_redis_t *redis)
{
    redis->quit = 1;

    ngx_http_zwfw_track_exit(redis);
    ngx_http_zwfw_redis_park(redis);

    if (redis->fail.posted) {
        ngx_delete_posted_event(&redis->fail);
    }

    if (redis->sentinel) {
        ngx_http_zwfw_sentinel_exit(redis->sentinel);
    }

    if (redis->cluster) {
        ngx_http_zwfw_cluster_exit(redis->cluster);
    }

    ngx_http_zwfw_redis_forget_all(redis);
}


void
ngx_http_zwfw_redis_park(ngx_http_zwfw_redis_t *redis)
{
    redis->parked = 1;

    if (redis->connect.timer_set) {
        ngx_del_timer(&redis->connect);
    }

    ngx_http_zwfw_wire_close(&redis->wire);
}


void
ngx_http_zwfw_redis_unpark(ngx_http_zwfw_redis_t *redis)
{
    if (!redis->parked) {
        return;
    }

    redis->parked = 0;
    redis->open = 0;
    redis->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;

    ngx_http_zwfw_redis_connect(redis);
}


static void
ngx_http_zwfw_redis_connect(ngx_http_zwfw_redis_t *redis)
{
    if (redis->sentinel) {
        ngx_http_zwfw_sentinel_find(redis->sentinel);

    } else {
        ngx_http_zwfw_redis_open(redis);
    }
}


ngx_int_t
ngx_http_zwfw_redis_found(ngx_http_zwfw_redis_t *redis, ngx_str_t *host,
    ngx_str_t *port)
{
    ngx_int_t  rc;

    rc = ngx_http_zwfw_address_set(&redis->address, host, port,
                                   redis->wire.log);

    if (rc == NGX_ERROR) {
        return NGX_DECLINED;
    }

    /* another one than before, also for who is connected */

    if (rc == NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, redis->wire.log, 0,
                      "zwfw: master \"%V\" of redis is \"%V\"",
                      &redis->master, &redis->address.name);

        ngx_http_zwfw_track_renew(redis);
        ngx_http_zwfw_wire_close(&redis->wire);
    }

    if (redis->wire.ac || redis->fail.posted) {
        return NGX_OK;
    }

    if (redis->connect.timer_set) {
        ngx_del_timer(&redis->connect);
    }

    ngx_http_zwfw_redis_open(redis);

    return NGX_OK;
}


void
ngx_http_zwfw_redis_renew(ngx_http_zwfw_redis_t *redis)
{
    redis->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;

    if (redis->wire.ac) {
        ngx_http_zwfw_wire_close(&redis->wire);
        return;
    }

    /* it may be the sentinel that asks for this: not from inside */

    if (redis->connect.timer_set) {
        ngx_del_timer(&redis->connect);
    }

    ngx_add_timer(&redis->connect, 1);
}


static void
ngx_http_zwfw_redis_open(ngx_http_zwfw_redis_t *redis)
{
    redis->tried = ngx_current_msec;
    redis->wire.level = redis->open ? NGX_LOG_INFO : NGX_LOG_ERR;

    if (ngx_http_zwfw_wire_open(&redis->wire) != NGX_OK) {
        ngx_http_zwfw_redis_away(redis);
        return;
    }

    ngx_add_timer(&redis->connect, redis->address.timeout);

    if (ngx_http_zwfw_redis_greet(redis) != NGX_OK) {
        ngx_http_zwfw_wire_close(&redis->wire);
    }
}


/* the first commands of a connection; it is ready when all are answered */

static ngx_int_t
ngx_http_zwfw_redis_greet(ngx_http_zwfw_redis_t *redis)
{
    ngx_uint_t  i, n;
    ngx_str_t   words[3][2] = {
        { ngx_string("AUTH"), redis->address.password },
        { ngx_string("SELECT"), redis->address.db },
        { ngx_string("PING"), ngx_null_string }
    };

    if (redis->sentinel) {
        ngx_str_set(&words[2][0], "ROLE");
    }

    redis->greetings = 0;

    for (i = 0; i < 3; i++) {
        n = (i == 2) ? 1 : 2;

        if (n == 2 && words[i][1].len == 0) {
            continue;
        }

        if (ngx_http_zwfw_wire_send(&redis->wire, n, words[i],
                                    ngx_http_zwfw_redis_greeted, redis)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        redis->greetings++;
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_redis_greeted(redisAsyncContext *ac, void *answer, void *data)
{
    redisReply             *reply = answer;
    ngx_http_zwfw_redis_t  *redis = data;

    static ngx_str_t  greeting = ngx_string("the connection");

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_zwfw_wire_log(&redis->wire, reply, &greeting);
        redis->pause = NGX_HTTP_ZWFW_REDIS_PROBE;
        ngx_http_zwfw_wire_close(&redis->wire);
        return;
    }

    if (ngx_http_zwfw_redis_replica(reply)) {
        ngx_log_error(redis->wire.level, redis->wire.log, 0,
                      "zwfw: redis \"%V\" is no master",
                      &redis->address.name);
        ngx_http_zwfw_wire_close(&redis->wire);
        return;
    }

    if (--redis->greetings) {
        return;
    }

    ngx_del_timer(&redis->connect);

    if (redis->open) {
        ngx_log_error(NGX_LOG_NOTICE, redis->wire.log, 0,
                      "zwfw: redis \"%V\" is back", &redis->address.name);
    }

    redis->ready = 1;
    redis->open = 0;
    redis->since = ngx_current_msec;
    redis->pause = NGX_HTTP_ZWFW_REDIS_PAUSE;
    redis->wire.level = NGX_LOG_ERR;
}


/* what ROLE answered: {"master", ...} or {"slave", ...} */

static ngx_uint_t
ngx_http_zwfw_redis_replica(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY
           && (reply->elements == 0
               || reply->element[0]->type != REDIS_REPLY_STRING
               || ngx_strcmp(reply->element[0]->str, "master") != 0);
}


/* time to try again, or the connection took too long to become ready */

static void
ngx_http_zwfw_redis_try(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_zwfw_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    if (redis->wire.ac == NULL) {
        ngx_http_zwfw_redis_connect(redis);
        return;
    }

    ngx_log_error(redis->wire.level, ev->log, NGX_ETIMEDOUT,
                  "zwfw: redis \"%V\" does not answer to a new connection",
                  &redis->address.name);

    redis->pause = NGX_HTTP_ZWFW_REDIS_PROBE;
    ngx_http_zwfw_wire_close(&redis->wire);
}


/* opens the breaker until a later try succeeds: one that was not answered in
   time has been its own pause */

static void
ngx_http_zwfw_redis_away(ngx_http_zwfw_redis_t *redis)
{
    ngx_msec_int_t  wait;

    redis->open = 1;

    wait = redis->tried + redis->pause - ngx_current_msec;
    ngx_add_timer(&redis->connect, ngx_max(wait, 1));

    redis->pause = ngx_min(redis->pause * 2, NGX_HTTP_ZWFW_REDIS_PROBE);
}


static void
ngx_http_zwfw_redis_closed(void *data)
{
    ngx_http_zwfw_redis_t *redis = data;

    if (redis->connect.timer_set) {
        ngx_del_timer(&redis->connect);
    }

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    /* one that was ready for a while is opened again without a pause */

    if (!redis->ready
        || ngx_current_msec - redis->since < NGX_HTTP_ZWFW_REDIS_PROBE)
    {
        redis->open = 1;
    }

    redis->ready = 0;

    if (redis->quit) {
        return;
    }

    if (!ngx_queue_empty(&redis->asked)) {
        ngx_queue_add(&redis->failed, &redis->asked);
        ngx_queue_init(&redis->asked);
    }

    if (!redis->fail.posted) {
        ngx_post_event(&redis->fail, &ngx_posted_events);
    }
}


/* connects again, and tells those who waited */

static void
ngx_http_zwfw_redis_fail(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_zwfw_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    if (redis->wire.ac == NULL && !redis->connect.timer_set && !redis->parked) {

        if (redis->open) {
            ngx_http_zwfw_redis_away(redis);

        } else {
            ngx_http_zwfw_redis_connect(redis);
        }
    }

    ngx_http_zwfw_redis_tell(redis);
}
