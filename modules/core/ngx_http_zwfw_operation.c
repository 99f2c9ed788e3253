
/*
 * Commands to Redis, pipelined: each that waits for its answer is an operation,
 * which outlives the request that asked
 */


#include "ngx_http_zwfw_redis.h"


typedef struct {
    ngx_queue_t                queue;
    ngx_http_zwfw_redis_t     *redis;
    ngx_http_zwfw_command_t   *command;     /* NULL: nobody waits */
    ngx_msec_t                 asked;
    u_char                     word[16];    /* the first one, for the log */
} ngx_http_zwfw_operation_t;


static void ngx_http_zwfw_redis_answer(redisAsyncContext *ac, void *answer,
    void *data);
static void ngx_http_zwfw_redis_refused(ngx_http_zwfw_operation_t *op,
    redisReply *reply);
static void ngx_http_zwfw_redis_reply(ngx_http_zwfw_reply_t *reply,
    redisReply *answer);
static void ngx_http_zwfw_redis_unanswered(ngx_http_zwfw_command_t *c);
static ngx_http_zwfw_operation_t *ngx_http_zwfw_redis_take(
    ngx_http_zwfw_redis_t *redis);
static ngx_http_zwfw_command_t *ngx_http_zwfw_redis_drop(
    ngx_http_zwfw_operation_t *op);
static void ngx_http_zwfw_redis_free(ngx_queue_t *list);


ngx_int_t
ngx_http_zwfw_redis_ask(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_operation_t  *op;

    if (redis->cluster) {
        return ngx_http_zwfw_cluster_ask(redis->cluster, c);
    }

    if (redis->open || redis->in_flight >= NGX_HTTP_ZWFW_REDIS_DEPTH) {
        return NGX_BUSY;
    }

    op = ngx_http_zwfw_redis_take(redis);
    if (op == NULL) {
        return NGX_BUSY;
    }

    if (ngx_http_zwfw_wire_send(&redis->wire, c->nwords, c->words,
                                ngx_http_zwfw_redis_answer, op)
        != NGX_OK)
    {
        ngx_queue_insert_head(&redis->spare, &op->queue);
        return NGX_BUSY;
    }

    (void) ngx_cpystrn(op->word, c->words[0].data,
                       ngx_min(c->words[0].len + 1, sizeof(op->word)));

    c->from = 0;

    op->asked = ngx_current_msec;
    op->command = c->done ? c : NULL;
    c->operation = c->done ? op : NULL;

    ngx_queue_insert_tail(&redis->asked, &op->queue);
    redis->in_flight++;

    if (!redis->timer.timer_set) {
        ngx_add_timer(&redis->timer, redis->address.timeout);
    }

    return NGX_OK;
}


void
ngx_http_zwfw_redis_forget(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_operation_t  *op;

    if (redis->cluster) {
        ngx_http_zwfw_cluster_forget(c);
        return;
    }

    op = c->operation;

    if (op) {
        op->command = NULL;
        c->operation = NULL;
    }
}


void
ngx_http_zwfw_redis_element(ngx_http_zwfw_reply_t *reply, ngx_uint_t i,
    ngx_http_zwfw_reply_t *element)
{
    redisReply  **elements;

    elements = reply->elements;

    ngx_http_zwfw_redis_reply(element, elements[i]);
}


static void
ngx_http_zwfw_redis_answer(redisAsyncContext *ac, void *answer, void *data)
{
    redisReply                 *reply = answer;
    ngx_http_zwfw_operation_t  *op = data;

    ngx_http_zwfw_redis_t    *redis;
    ngx_http_zwfw_command_t  *c;

    /* the connection is being closed: all fail a moment later */

    if (reply == NULL) {
        return;
    }

    redis = op->redis;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_zwfw_redis_refused(op, reply);
    }

    c = ngx_http_zwfw_redis_drop(op);

    if (ngx_queue_empty(&redis->asked) && redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (c == NULL) {
        return;
    }

    c->rc = (reply->type == REDIS_REPLY_ERROR) ? NGX_ERROR : NGX_OK;
    ngx_http_zwfw_redis_reply(&c->reply, reply);

    c->done(c);
}


static void
ngx_http_zwfw_redis_refused(ngx_http_zwfw_operation_t *op, redisReply *reply)
{
    ngx_str_t               word, text;
    ngx_http_zwfw_redis_t  *redis;

    redis = op->redis;

    text.data = (u_char *) reply->str;
    text.len = reply->len;

    if (redis->front && ngx_http_zwfw_cluster_moving(&text)) {
        return;
    }

    word.data = op->word;
    word.len = ngx_strlen(op->word);
    ngx_http_zwfw_wire_log(&redis->wire, reply, &word);

    /* it is a replica now: the sentinels know the master */

    if (redis->sentinel && ngx_strstr(reply->str, "READONLY")) {
        ngx_http_zwfw_redis_renew(redis);
    }
}


static void
ngx_http_zwfw_redis_reply(ngx_http_zwfw_reply_t *reply, redisReply *answer)
{
    reply->type = answer->type;
    reply->integer = answer->integer;
    reply->value.data = (u_char *) answer->str;
    reply->value.len = answer->str ? answer->len : 0;
    reply->n = (answer->type == REDIS_REPLY_ARRAY) ? answer->elements : 0;
    reply->elements = answer->element;
}


void
ngx_http_zwfw_redis_timeout(ngx_event_t *ev)
{
    ngx_queue_t                *q;
    ngx_msec_t                  waited;
    ngx_connection_t           *c;
    ngx_http_zwfw_redis_t      *redis;
    ngx_http_zwfw_operation_t  *op;

    c = ev->data;
    redis = c->data;

    if (ngx_queue_empty(&redis->asked)) {
        return;
    }

    q = ngx_queue_head(&redis->asked);
    op = ngx_queue_data(q, ngx_http_zwfw_operation_t, queue);

    waited = ngx_current_msec - op->asked;

    if (waited < redis->address.timeout) {
        ngx_add_timer(ev, redis->address.timeout - waited);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ev->log, NGX_ETIMEDOUT,
                  "zwfw: redis \"%V\" did not answer %s, %ui wait",
                  &redis->address.name, op->word, redis->in_flight);

    redis->open = 1;
    redis->pause = NGX_HTTP_ZWFW_REDIS_PROBE;
    ngx_http_zwfw_wire_close(&redis->wire);
}


void
ngx_http_zwfw_redis_tell(ngx_http_zwfw_redis_t *redis)
{
    ngx_queue_t                *q;
    ngx_http_zwfw_command_t    *c;
    ngx_http_zwfw_operation_t  *op;

    while (!ngx_queue_empty(&redis->failed)) {
        q = ngx_queue_head(&redis->failed);
        op = ngx_queue_data(q, ngx_http_zwfw_operation_t, queue);

        c = ngx_http_zwfw_redis_drop(op);

        if (c) {
            ngx_http_zwfw_redis_unanswered(c);
        }
    }
}


static void
ngx_http_zwfw_redis_unanswered(ngx_http_zwfw_command_t *c)
{
    c->rc = NGX_AGAIN;
    ngx_memzero(&c->reply, sizeof(ngx_http_zwfw_reply_t));
    c->done(c);
}


static ngx_http_zwfw_operation_t *
ngx_http_zwfw_redis_take(ngx_http_zwfw_redis_t *redis)
{
    ngx_queue_t                *q;
    ngx_http_zwfw_operation_t  *op;

    if (!ngx_queue_empty(&redis->spare)) {
        q = ngx_queue_head(&redis->spare);
        ngx_queue_remove(q);

        return ngx_queue_data(q, ngx_http_zwfw_operation_t, queue);
    }

    op = ngx_alloc(sizeof(ngx_http_zwfw_operation_t), redis->wire.log);
    if (op) {
        op->redis = redis;
    }

    return op;
}


/* ends an operation; returns who waits for it */

static ngx_http_zwfw_command_t *
ngx_http_zwfw_redis_drop(ngx_http_zwfw_operation_t *op)
{
    ngx_http_zwfw_redis_t    *redis;
    ngx_http_zwfw_command_t  *c;

    redis = op->redis;
    c = op->command;

    if (c) {
        c->operation = NULL;
        op->command = NULL;
    }

    ngx_queue_remove(&op->queue);
    ngx_queue_insert_head(&redis->spare, &op->queue);
    redis->in_flight--;

    return c;
}


void
ngx_http_zwfw_redis_forget_all(ngx_http_zwfw_redis_t *redis)
{
    ngx_http_zwfw_redis_free(&redis->asked);
    ngx_http_zwfw_redis_free(&redis->failed);
    ngx_http_zwfw_redis_free(&redis->spare);
}


static void
ngx_http_zwfw_redis_free(ngx_queue_t *list)
{
    ngx_queue_t                *q;
    ngx_http_zwfw_command_t    *c;
    ngx_http_zwfw_operation_t  *op;

    while (!ngx_queue_empty(list)) {
        q = ngx_queue_head(list);
        op = ngx_queue_data(q, ngx_http_zwfw_operation_t, queue);

        c = op->command;

        ngx_queue_remove(q);
        ngx_free(op);

        if (c) {
            ngx_http_zwfw_command_exit(c);
        }
    }
}


void
ngx_http_zwfw_command_exit(ngx_http_zwfw_command_t *c)
{
    c->operation = NULL;

    if (c->alone) {
        ngx_http_zwfw_redis_unanswered(c);
    }
}
