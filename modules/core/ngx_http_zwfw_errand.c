
/*
 * Commands to a cluster, on their way to the master of their key.
 *
 * One is kept until it is answered: MOVED and ASK send it on; what a slot that
 * is moving has only in part is asked again until it is too late
 */


#include "ngx_http_zwfw_cluster.h"


#define NGX_HTTP_ZWFW_HOPS   5              /* then it waits for a map */
#define NGX_HTTP_ZWFW_AGAIN  20             /* ms before it is asked again */


/* a command on its way */

typedef struct {
    ngx_queue_t                queue;       /* of the cluster */
    ngx_http_zwfw_cluster_t   *cluster;
    ngx_http_zwfw_command_t   *asker;       /* NULL: nobody waits */
    ngx_http_zwfw_command_t    command;
    ngx_http_zwfw_redis_t     *master;      /* asked last */
    ngx_msec_t                 deadline;
    ngx_uint_t                 slot;
    ngx_uint_t                 hops;
    ngx_str_t                  words[1];
} ngx_http_zwfw_errand_t;


static ngx_http_zwfw_errand_t *ngx_http_zwfw_errand_new(
    ngx_http_zwfw_cluster_t *cluster, ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_errand_start(ngx_http_zwfw_errand_t *e);
static ngx_int_t ngx_http_zwfw_errand_send(ngx_http_zwfw_errand_t *e,
    ngx_http_zwfw_redis_t *master, ngx_uint_t asking);
static ngx_int_t ngx_http_zwfw_errand_wait(ngx_http_zwfw_errand_t *e);
static void ngx_http_zwfw_errand_done(ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_errand_follow(ngx_http_zwfw_errand_t *e,
    ngx_str_t *error);
static void ngx_http_zwfw_errand_end(ngx_http_zwfw_errand_t *e);
static void ngx_http_zwfw_errand_again(ngx_event_t *ev);
static ngx_uint_t ngx_http_zwfw_cluster_says(ngx_str_t *error,
    const char *word);


void
ngx_http_zwfw_errand_init(ngx_http_zwfw_cluster_t *cluster)
{
    ngx_queue_init(&cluster->asking);
    ngx_queue_init(&cluster->waiting);

    cluster->again.handler = ngx_http_zwfw_errand_again;
    cluster->again.data = &cluster->ident;
    cluster->again.log = cluster->front->wire.log;
}


void
ngx_http_zwfw_errand_exit(ngx_http_zwfw_cluster_t *cluster)
{
    ngx_queue_t              *q;
    ngx_http_zwfw_errand_t   *e;
    ngx_http_zwfw_command_t  *c;

    if (!ngx_queue_empty(&cluster->asking)) {
        ngx_queue_add(&cluster->waiting, &cluster->asking);
    }

    while (!ngx_queue_empty(&cluster->waiting)) {
        q = ngx_queue_head(&cluster->waiting);
        e = ngx_queue_data(q, ngx_http_zwfw_errand_t, queue);

        c = e->asker;

        ngx_queue_remove(q);
        ngx_free(e);

        if (c) {
            ngx_http_zwfw_command_exit(c);
        }
    }

    if (cluster->again.timer_set) {
        ngx_del_timer(&cluster->again);
    }
}


ngx_int_t
ngx_http_zwfw_cluster_ask(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_errand_t  *e;

    e = ngx_http_zwfw_errand_new(cluster, c);
    if (e == NULL) {
        return NGX_BUSY;
    }

    if (ngx_http_zwfw_errand_start(e) != NGX_OK) {
        ngx_free(e);
        return NGX_BUSY;
    }

    c->operation = e->asker ? e : NULL;

    return NGX_OK;
}


void
ngx_http_zwfw_cluster_forget(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_errand_t  *e;

    e = c->operation;

    if (e) {
        e->asker = NULL;
        c->operation = NULL;
    }
}


/* with a copy of its words, as it may be sent several times */

static ngx_http_zwfw_errand_t *
ngx_http_zwfw_errand_new(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_command_t *c)
{
    u_char                  *p;
    size_t                   len;
    ngx_str_t               *key;
    ngx_uint_t               i;
    ngx_http_zwfw_errand_t  *e;

    len = sizeof(ngx_http_zwfw_errand_t) + c->nwords * sizeof(ngx_str_t);

    for (i = 0; i < c->nwords; i++) {
        len += c->words[i].len;
    }

    e = ngx_alloc(len, cluster->front->wire.log);
    if (e == NULL) {
        return NULL;
    }

    ngx_memzero(e, sizeof(ngx_http_zwfw_errand_t));

    e->cluster = cluster;
    e->asker = c->done ? c : NULL;
    e->deadline = ngx_current_msec + cluster->front->address.timeout;

    e->command.nwords = c->nwords;
    e->command.words = e->words;
    e->command.done = ngx_http_zwfw_errand_done;
    e->command.data = e;

    p = (u_char *) &e->words[c->nwords];

    for (i = 0; i < c->nwords; i++) {
        e->words[i].data = p;
        e->words[i].len = c->words[i].len;
        p = ngx_cpymem(p, c->words[i].data, c->words[i].len);
    }

    /* a script and the number of its keys come first */

    key = &e->words[e->words[0].len == 4
                    && ngx_memcmp(e->words[0].data, "EVAL", 4) == 0 ? 3 : 1];

    e->slot = ngx_http_zwfw_cluster_slot(key);

    return e;
}


static ngx_int_t
ngx_http_zwfw_errand_start(ngx_http_zwfw_errand_t *e)
{
    ngx_uint_t                node;
    ngx_http_zwfw_cluster_t  *cluster;

    cluster = e->cluster;

    if (!cluster->known) {
        return ngx_http_zwfw_errand_wait(e);
    }

    e->hops = 0;
    node = cluster->map[e->slot];

    if (node
        && ngx_http_zwfw_errand_send(e, cluster->nodes[node - 1], 0) == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_http_zwfw_cluster_soon(cluster);

    return NGX_BUSY;
}


static ngx_int_t
ngx_http_zwfw_errand_send(ngx_http_zwfw_errand_t *e,
    ngx_http_zwfw_redis_t *master, ngx_uint_t asking)
{
    ngx_str_t                word;
    ngx_http_zwfw_command_t  c;

    if (asking) {
        ngx_str_set(&word, "ASKING");

        ngx_memzero(&c, sizeof(ngx_http_zwfw_command_t));
        c.nwords = 1;
        c.words = &word;

        if (ngx_http_zwfw_redis_ask(master, &c) != NGX_OK) {
            return NGX_BUSY;
        }
    }

    e->master = master;

    if (ngx_http_zwfw_redis_ask(master, &e->command) == NGX_OK) {
        ngx_queue_insert_tail(&e->cluster->asking, &e->queue);
        return NGX_OK;
    }

    /* ASKING counts for the next command, which must not be another one */

    if (asking) {
        ngx_http_zwfw_wire_close(&master->wire);
    }

    return NGX_BUSY;
}


static ngx_int_t
ngx_http_zwfw_errand_wait(ngx_http_zwfw_errand_t *e)
{
    ngx_http_zwfw_cluster_t  *cluster;

    cluster = e->cluster;

    if ((ngx_msec_int_t) (e->deadline - ngx_current_msec) <= 0
        || cluster->nwaiting >= NGX_HTTP_ZWFW_REDIS_DEPTH)
    {
        return NGX_BUSY;
    }

    ngx_queue_insert_tail(&cluster->waiting, &e->queue);
    cluster->nwaiting++;

    if (!cluster->again.timer_set) {
        ngx_add_timer(&cluster->again, NGX_HTTP_ZWFW_AGAIN);
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_errand_done(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_errand_t  *e = c->data;

    ngx_queue_remove(&e->queue);

    if (c->rc == NGX_AGAIN) {
        ngx_http_zwfw_cluster_soon(e->cluster);

    } else if (c->rc == NGX_ERROR) {

        if (ngx_http_zwfw_errand_follow(e, &c->reply.value) == NGX_OK) {
            return;
        }
    }

    ngx_http_zwfw_errand_end(e);
}


/*
 * Goes on with a command that was not answered.
 *
 *     NGX_OK        it will be
 *     NGX_DECLINED  it will not: the error is the answer
 */

static ngx_int_t
ngx_http_zwfw_errand_follow(ngx_http_zwfw_errand_t *e, ngx_str_t *error)
{
    u_char                 *p, *last;
    ngx_str_t               host, port;
    ngx_uint_t              asking;
    ngx_http_zwfw_redis_t  *node;

    if (!ngx_http_zwfw_cluster_moving(error)) {

        if (ngx_http_zwfw_cluster_says(error, "CLUSTERDOWN")) {
            ngx_http_zwfw_cluster_soon(e->cluster);
        }

        return NGX_DECLINED;
    }

    asking = ngx_http_zwfw_cluster_says(error, "ASK ");

    if (!asking) {
        ngx_http_zwfw_cluster_soon(e->cluster);
    }

    /* "MOVED <slot> <address>:<port>"; no address: the same as before */

    p = ngx_strlchr(error->data, error->data + error->len, ' ');
    last = error->data + error->len;
    p = p ? ngx_strlchr(p + 1, last, ' ') : NULL;

    if ((!asking && !ngx_http_zwfw_cluster_says(error, "MOVED "))
        || p == NULL || e->hops++ == NGX_HTTP_ZWFW_HOPS)
    {
        return ngx_http_zwfw_errand_wait(e) == NGX_OK ? NGX_OK : NGX_DECLINED;
    }

    host.data = p + 1;

    for (p = last; p > host.data && p[-1] != ':'; p--) { /* void */ }

    port.data = p;
    port.len = last - p;
    host.len = p > host.data ? p - 1 - host.data : 0;

    if (host.len == 0) {
        host.data = (u_char *) e->master->address.host;
        host.len = ngx_strlen(e->master->address.host);
    }

    node = ngx_http_zwfw_cluster_node(e->cluster, &host, &port);

    return (node && ngx_http_zwfw_errand_send(e, node, asking) == NGX_OK)
           ? NGX_OK : NGX_DECLINED;
}


/* what it says is answered, if somebody waits */

static void
ngx_http_zwfw_errand_end(ngx_http_zwfw_errand_t *e)
{
    ngx_http_zwfw_command_t  *asker;

    asker = e->asker;

    if (asker) {
        asker->operation = NULL;
        asker->rc = e->command.rc;
        asker->reply = e->command.reply;
        asker->from = e->master ? e->master->id : 0;
        asker->done(asker);
    }

    ngx_free(e);
}


static void
ngx_http_zwfw_errand_again(ngx_event_t *ev)
{
    ngx_queue_t               list, *q;
    ngx_connection_t         *c;
    ngx_http_zwfw_errand_t   *e;
    ngx_http_zwfw_cluster_t  *cluster;

    c = ev->data;
    cluster = c->data;

    if (ngx_queue_empty(&cluster->waiting)) {
        return;
    }

    /* who still has to wait goes into the other list */

    ngx_queue_init(&list);
    ngx_queue_add(&list, &cluster->waiting);
    ngx_queue_init(&cluster->waiting);
    cluster->nwaiting = 0;

    while (!ngx_queue_empty(&list)) {
        q = ngx_queue_head(&list);
        ngx_queue_remove(q);

        e = ngx_queue_data(q, ngx_http_zwfw_errand_t, queue);

        if (ngx_http_zwfw_errand_start(e) != NGX_OK) {
            e->command.rc = NGX_AGAIN;
            ngx_memzero(&e->command.reply, sizeof(ngx_http_zwfw_reply_t));
            ngx_http_zwfw_errand_end(e);
        }
    }
}


ngx_uint_t
ngx_http_zwfw_cluster_moving(ngx_str_t *error)
{
    /* of a script that touches what has moved already */

    static char  script[] = "non local key";

    return ngx_http_zwfw_cluster_says(error, "MOVED ")
           || ngx_http_zwfw_cluster_says(error, "ASK ")
           || ngx_http_zwfw_cluster_says(error, "TRYAGAIN")
           || ngx_strnstr(error->data, script, error->len);
}


static ngx_uint_t
ngx_http_zwfw_cluster_says(ngx_str_t *error, const char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return error->len >= len && ngx_memcmp(error->data, word, len) == 0;
}
