
/*
 * A Redis Cluster: which master has which slot.  Each is a Redis of its own,
 * with redis.c's connection and breaker.  The map is asked for each second, and
 * soon when an answer says that it is out of date
 */


#include "ngx_http_zwfw_cluster.h"

#include <hiredis/read.h>


static ngx_http_zwfw_redis_t *ngx_http_zwfw_cluster_new(
    ngx_http_zwfw_cluster_t *cluster);
static void ngx_http_zwfw_cluster_refresh(ngx_event_t *ev);
static ngx_http_zwfw_redis_t *ngx_http_zwfw_cluster_seed(
    ngx_http_zwfw_cluster_t *cluster, ngx_uint_t n);
static void ngx_http_zwfw_cluster_told(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_cluster_range(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_reply_t *range, u_char *masters);
static void ngx_http_zwfw_cluster_settle(ngx_http_zwfw_cluster_t *cluster,
    u_char *masters);


ngx_int_t
ngx_http_zwfw_cluster_start(ngx_http_zwfw_redis_t *front)
{
    ngx_http_zwfw_cluster_t  *cluster;

    cluster = ngx_calloc(sizeof(ngx_http_zwfw_cluster_t), front->wire.log);
    if (cluster == NULL) {
        return NGX_ERROR;
    }

    cluster->front = front;
    cluster->turn = ngx_worker;

    ngx_str_set(&cluster->words[0], "CLUSTER");
    ngx_str_set(&cluster->words[1], "SLOTS");

    cluster->ask.nwords = 2;
    cluster->ask.words = cluster->words;
    cluster->ask.done = ngx_http_zwfw_cluster_told;
    cluster->ask.data = cluster;

    cluster->ident.fd = (ngx_socket_t) -1;
    cluster->ident.data = cluster;

    cluster->timer.handler = ngx_http_zwfw_cluster_refresh;
    cluster->timer.data = &cluster->ident;
    cluster->timer.log = front->wire.log;
    cluster->timer.cancelable = 1;

    ngx_http_zwfw_errand_init(cluster);

    front->cluster = cluster;

    ngx_http_zwfw_cluster_refresh(&cluster->timer);

    return NGX_OK;
}


void
ngx_http_zwfw_cluster_exit(ngx_http_zwfw_cluster_t *cluster)
{
    ngx_uint_t  i;

    for (i = 0; i < cluster->nnodes; i++) {
        ngx_http_zwfw_redis_end(cluster->nodes[i]);
        ngx_free(cluster->nodes[i]);
    }

    ngx_http_zwfw_errand_exit(cluster);

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }

    cluster->front->cluster = NULL;
    ngx_free(cluster);
}


void
ngx_http_zwfw_cluster_state(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_redis_state_t *state)
{
    ngx_uint_t              i;
    ngx_http_zwfw_redis_t  *node;

    state->connected = 0;
    state->open = !cluster->known;
    state->in_flight = cluster->nwaiting;

    for (i = 0; i < cluster->nnodes; i++) {
        node = cluster->nodes[i];

        state->in_flight += node->in_flight;

        if (node->serves) {
            state->connected += node->ready;
            state->open |= node->open;
        }
    }
}


ngx_uint_t
ngx_http_zwfw_redis_clustered(ngx_http_zwfw_redis_t *redis)
{
    return redis->clustered;
}


uint32_t
ngx_http_zwfw_redis_id(ngx_http_zwfw_redis_t *master)
{
    return master->id;
}


ngx_uint_t
ngx_http_zwfw_redis_masters(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_t **masters, ngx_uint_t *version)
{
    ngx_uint_t                i, n;
    ngx_http_zwfw_cluster_t  *cluster;

    cluster = redis->cluster;

    if (cluster == NULL) {
        masters[0] = redis;
        *version = 1;

        return 1;
    }

    n = 0;

    for (i = 0; i < cluster->nnodes; i++) {
        if (cluster->nodes[i]->serves) {
            masters[n++] = cluster->nodes[i];
        }
    }

    *version = cluster->version;

    return n;
}


ngx_uint_t
ngx_http_zwfw_redis_tag(ngx_http_zwfw_redis_t *redis,
    ngx_http_zwfw_redis_t *master, ngx_uint_t tag)
{
    u_char                    text[NGX_INT_T_LEN];
    ngx_str_t                 key;
    ngx_uint_t                n, node;
    ngx_http_zwfw_cluster_t  *cluster;

    cluster = redis->cluster;
    key.data = text;

    for (n = tag; cluster && n < tag + 16 * NGX_HTTP_ZWFW_SLOTS; n++) {
        key.len = ngx_sprintf(text, "%ui", n) - text;
        node = cluster->map[ngx_http_zwfw_cluster_slot(&key)];

        if (node && cluster->nodes[node - 1] == master) {
            return n;
        }
    }

    return tag;
}


ngx_http_zwfw_redis_t *
ngx_http_zwfw_cluster_node(ngx_http_zwfw_cluster_t *cluster, ngx_str_t *host,
    ngx_str_t *port)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_zwfw_redis_t    *node;
    ngx_http_zwfw_address_t   address;

    ngx_memzero(&address, sizeof(ngx_http_zwfw_address_t));

    rc = ngx_http_zwfw_address_set(&address, host, port,
                                   cluster->front->wire.log);
    if (rc != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < cluster->nnodes; i++) {
        node = cluster->nodes[i];

        if (node->address.port == address.port
            && ngx_strcmp(node->address.host, address.host) == 0)
        {
            ngx_http_zwfw_redis_unpark(node);
            return node;
        }
    }

    node = ngx_http_zwfw_cluster_new(cluster);
    if (node == NULL) {
        return NULL;
    }

    (void) ngx_http_zwfw_address_set(&node->address, host, port,
                                     cluster->front->wire.log);
    node->id = ngx_crc32_long(node->address.name.data,
                              node->address.name.len);

    ngx_http_zwfw_redis_unpark(node);

    return node;
}


/* one that has no work any more, or a new one */

static ngx_http_zwfw_redis_t *
ngx_http_zwfw_cluster_new(ngx_http_zwfw_cluster_t *cluster)
{
    ngx_log_t              *log;
    ngx_uint_t              i;
    ngx_http_zwfw_redis_t  *node;

    log = cluster->front->wire.log;

    for (i = 0; i < cluster->nnodes; i++) {
        node = cluster->nodes[i];

        if (node->parked && node->wire.ac == NULL && !node->fail.posted
            && node->in_flight == 0 && ngx_queue_empty(&node->trackers))
        {
            return node;
        }
    }

    if (cluster->nnodes == NGX_HTTP_ZWFW_MASTERS) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "zwfw: a redis cluster of more than %d masters",
                      NGX_HTTP_ZWFW_MASTERS);
        return NULL;
    }

    node = ngx_calloc(sizeof(ngx_http_zwfw_redis_t), log);
    if (node == NULL) {
        return NULL;
    }

    node->address = cluster->front->address;
    node->front = cluster->front;
    node->parked = 1;

    if (ngx_http_zwfw_redis_start(node, log) != NGX_OK) {
        ngx_free(node);
        return NULL;
    }

    cluster->nodes[cluster->nnodes++] = node;

    return node;
}


void
ngx_http_zwfw_cluster_soon(ngx_http_zwfw_cluster_t *cluster)
{
    if (cluster->front->quit || cluster->ask.operation) {
        return;
    }

    /* not more often, however many commands are sent on */

    if (cluster->timer.timer_set
        && (ngx_msec_int_t) (cluster->timer.timer.key - ngx_current_msec)
           <= NGX_HTTP_ZWFW_REDIS_PAUSE)
    {
        return;
    }

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }

    ngx_add_timer(&cluster->timer, NGX_HTTP_ZWFW_REDIS_PAUSE);
}


/* asks one master after another for the map; the directive's addresses when
   none of them answers */

static void
ngx_http_zwfw_cluster_refresh(ngx_event_t *ev)
{
    ngx_uint_t                i, n;
    ngx_connection_t         *c;
    ngx_http_zwfw_redis_t    *node;
    ngx_http_zwfw_cluster_t  *cluster;

    c = ev->data;
    cluster = c->data;

    if (cluster->ask.operation) {
        return;
    }

    n = cluster->nnodes + cluster->front->seeds.nelts;
    cluster->turn++;

    for (i = 0; i < n; i++) {

        if (i < cluster->nnodes) {
            node = cluster->nodes[(cluster->turn + i) % cluster->nnodes];
            node = node->serves ? node : NULL;

        } else {
            node = ngx_http_zwfw_cluster_seed(cluster, cluster->turn + i);
        }

        if (node && ngx_http_zwfw_redis_ask(node, &cluster->ask) == NGX_OK) {
            cluster->asked = node;
            return;
        }
    }

    ngx_add_timer(&cluster->timer, NGX_HTTP_ZWFW_REDIS_PAUSE);
}


static ngx_http_zwfw_redis_t *
ngx_http_zwfw_cluster_seed(ngx_http_zwfw_cluster_t *cluster, ngx_uint_t n)
{
    u_char                    text[NGX_INT_T_LEN];
    ngx_str_t                 host, port;
    ngx_http_zwfw_address_t  *seeds;

    seeds = cluster->front->seeds.elts;
    n %= cluster->front->seeds.nelts;

    host.data = (u_char *) seeds[n].host;
    host.len = ngx_strlen(seeds[n].host);
    port.data = text;
    port.len = ngx_sprintf(text, "%ui", seeds[n].port) - text;

    return ngx_http_zwfw_cluster_node(cluster, &host, &port);
}


/* {first, last, {address, port, ...}, replicas ...} of each range */

static void
ngx_http_zwfw_cluster_told(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_cluster_t  *cluster = c->data;

    u_char                  masters[NGX_HTTP_ZWFW_MASTERS];
    ngx_uint_t              i;
    ngx_http_zwfw_reply_t   range;

    if (c->rc != NGX_OK || c->reply.n == 0) {
        ngx_add_timer(&cluster->timer, NGX_HTTP_ZWFW_REDIS_PAUSE);
        return;
    }

    ngx_memzero(cluster->map, NGX_HTTP_ZWFW_SLOTS);
    ngx_memzero(masters, NGX_HTTP_ZWFW_MASTERS);

    for (i = 0; i < c->reply.n; i++) {
        ngx_http_zwfw_redis_element(&c->reply, i, &range);
        ngx_http_zwfw_cluster_range(cluster, &range, masters);
    }

    ngx_http_zwfw_cluster_settle(cluster, masters);

    ngx_add_timer(&cluster->timer, NGX_HTTP_ZWFW_REDIS_PROBE);

    if (!ngx_queue_empty(&cluster->waiting) && !cluster->again.timer_set) {
        ngx_add_timer(&cluster->again, 1);
    }
}


static void
ngx_http_zwfw_cluster_range(ngx_http_zwfw_cluster_t *cluster,
    ngx_http_zwfw_reply_t *range, u_char *masters)
{
    u_char                  text[NGX_INT64_LEN];
    int64_t                 slot;
    ngx_str_t               port;
    ngx_uint_t              i;
    ngx_http_zwfw_redis_t  *node;
    ngx_http_zwfw_reply_t   first, last, master, host, number;

    if (range->n < 3) {
        return;
    }

    ngx_http_zwfw_redis_element(range, 0, &first);
    ngx_http_zwfw_redis_element(range, 1, &last);
    ngx_http_zwfw_redis_element(range, 2, &master);

    if (master.n < 2 || first.integer < 0
        || last.integer >= NGX_HTTP_ZWFW_SLOTS)
    {
        return;
    }

    ngx_http_zwfw_redis_element(&master, 0, &host);
    ngx_http_zwfw_redis_element(&master, 1, &number);

    /* one that does not know its own address */

    if (host.value.len == 0) {
        host.value.data = (u_char *) cluster->asked->address.host;
        host.value.len = ngx_strlen(cluster->asked->address.host);
    }

    port.data = text;
    port.len = ngx_sprintf(text, "%L", number.integer) - text;

    node = ngx_http_zwfw_cluster_node(cluster, &host.value, &port);

    for (i = 0; node && i < cluster->nnodes; i++) {
        if (cluster->nodes[i] == node) {
            masters[i] = 1;

            for (slot = first.integer; slot <= last.integer; slot++) {
                cluster->map[slot] = i + 1;
            }
        }
    }
}


/* who has no slot any more and nothing to answer is left */

static void
ngx_http_zwfw_cluster_settle(ngx_http_zwfw_cluster_t *cluster, u_char *masters)
{
    ngx_uint_t              i;
    ngx_http_zwfw_redis_t  *node;

    cluster->known = 1;

    for (i = 0; i < cluster->nnodes; i++) {
        node = cluster->nodes[i];

        if (node->serves != masters[i]) {
            node->serves = masters[i];
            cluster->version++;
        }

        if (!node->serves && node->in_flight == 0 && node != cluster->asked) {
            ngx_http_zwfw_redis_park(node);
        }
    }
}


/* CRC16, the variant of XMODEM */

ngx_uint_t
ngx_http_zwfw_cluster_slot(ngx_str_t *key)
{
    u_char      *p, *last, *end;
    uint16_t     crc;
    ngx_uint_t   i;

    p = key->data;
    last = p + key->len;

    end = ngx_strlchr(p, last, '{');

    if (end) {
        last = ngx_strlchr(end + 1, last, '}');

        if (last && last > end + 1) {
            p = end + 1;

        } else {
            last = key->data + key->len;
        }
    }

    crc = 0;

    for ( /* void */ ; p < last; p++) {
        crc ^= *p << 8;

        for (i = 0; i < 8; i++) {
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
        }
    }

    return crc % NGX_HTTP_ZWFW_SLOTS;
}
