
/*
 * Shared pages of a worker: text without personal parts, and where they go
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_BEAT   900            /* ms; an older one is no beat */
#define NGX_HTTP_ZWFW_TAGS   8              /* parts of a purge key */
#define NGX_HTTP_ZWFW_KEY    512            /* bytes; not kept beyond */
#define NGX_HTTP_ZWFW_PART   1024           /* bytes; enough for most holes */
#define NGX_HTTP_ZWFW_POOL   4096           /* bytes of an entry but its text */


typedef struct {
    ngx_str_node_t             sn;          /* key; first */
    ngx_queue_t                queue;       /* of use, last one used first */
    ngx_uint_t                 refs;        /* requests that send it */
    ngx_str_t                  text;
    u_char                     hash[32];    /* of text */
    ngx_array_t                holes;
    ngx_pool_t                *pool;        /* of this entry */
    uint32_t                   tags[NGX_HTTP_ZWFW_TAGS];
    ngx_uint_t                 ntags;
    ngx_msec_t                 until;
    unsigned                   dropped:1;
} ngx_http_zwfw_entry_t;


typedef struct {
    ngx_rbtree_t               tree;
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                queue;
    size_t                     size;        /* of all entries */
    ngx_atomic_uint_t          purged;      /* as far as this worker went */
    ngx_http_zwfw_listener_t   listener;
    ngx_http_zwfw_listen_t     listen;
    ngx_http_zwfw_platform_t  *platform;
} ngx_http_zwfw_store_t;


static ngx_int_t ngx_http_zwfw_cache_key(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *key);
static ngx_int_t ngx_http_zwfw_cache_serve(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_entry_t *e);
static ngx_int_t ngx_http_zwfw_cache_fill(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_hole_t *hole, zwfw_json_t *page);
static void ngx_http_zwfw_cache_release(void *data);
static ngx_http_zwfw_entry_t *ngx_http_zwfw_cache_entry(
    ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_text_t *text);
static void ngx_http_zwfw_cache_insert(ngx_http_zwfw_store_t *store,
    ngx_http_zwfw_entry_t *e);
static ngx_int_t ngx_http_zwfw_cache_tags(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_entry_t *e);
static void ngx_http_zwfw_cache_drop(ngx_http_zwfw_store_t *store,
    ngx_http_zwfw_entry_t *e);
static void ngx_http_zwfw_cache_empty(ngx_http_zwfw_store_t *store);
static void ngx_http_zwfw_cache_catch_up(ngx_http_zwfw_store_t *store);
static void ngx_http_zwfw_cache_purge(ngx_http_zwfw_platform_t *pf,
    uint32_t hash);
static void ngx_http_zwfw_cache_won(void *data);
static void ngx_http_zwfw_cache_lost(void *data);
static void ngx_http_zwfw_cache_event(void *data, ngx_str_t *payload);
static void ngx_http_zwfw_cache_beat(void *data);
static void ngx_http_zwfw_cache_gone(void *data);


ngx_int_t
ngx_http_zwfw_caches_init(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_http_zwfw_store_t      *store;
    ngx_http_zwfw_platform_t  **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        store = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_store_t));
        if (store == NULL) {
            return NGX_ERROR;
        }

        ngx_rbtree_init(&store->tree, &store->sentinel,
                        ngx_str_rbtree_insert_value);
        ngx_queue_init(&store->queue);

        store->platform = pf[i];
        store->purged = pf[i]->shared->purged;

        ngx_str_set(&store->listen.channel, "zwfw_cache");
        store->listen.event = ngx_http_zwfw_cache_event;
        store->listen.beat = ngx_http_zwfw_cache_beat;
        store->listen.lost = ngx_http_zwfw_cache_gone;
        store->listen.data = pf[i];

        store->listener.won = ngx_http_zwfw_cache_won;
        store->listener.lost = ngx_http_zwfw_cache_lost;
        store->listener.data = store;

        pf[i]->page_store = store;

        ngx_http_zwfw_shared_listen(pf[i], &store->listener);
    }

    return NGX_OK;
}


/* pools of nobody: what a request still sends goes with the request */

void
ngx_http_zwfw_caches_exit(ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_http_zwfw_platform_t  **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        ngx_http_zwfw_cache_empty(pf[i]->page_store);
    }
}


/* cached: is the page in the cache? */

ngx_int_t
ngx_http_zwfw_step_cached(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                key;
    ngx_http_zwfw_entry_t   *e;
    ngx_http_zwfw_state_t   *state = ctx->core;
    ngx_http_zwfw_store_t   *store;
    ngx_http_zwfw_shared_t  *shared;

    if (!ctx->page || ctx->route->cache.time == 0) {
        return NGX_OK;
    }

    store = ctx->platform->page_store;
    shared = ctx->platform->shared;

    /* another worker's clock may be ahead of this one's */

    if (shared->page_beat == 0
        || (ngx_msec_int_t) (ngx_current_msec - shared->page_beat)
           > NGX_HTTP_ZWFW_BEAT)
    {
        ngx_http_zwfw_cache_empty(store);
        return NGX_OK;
    }

    ngx_http_zwfw_cache_catch_up(store);

    if (ngx_http_zwfw_cache_key(r, ctx, &key) != NGX_OK) {
        return NGX_OK;
    }

    state->cache_key = key;
    state->purged = store->purged;

    e = (ngx_http_zwfw_entry_t *)
            ngx_str_rbtree_lookup(&store->tree, &key,
                                  ngx_crc32_short(key.data, key.len));

    if (e && (ngx_msec_int_t) (e->until - ngx_current_msec) <= 0) {
        ngx_http_zwfw_cache_drop(store, e);
        e = NULL;
    }

    ngx_http_zwfw_count(ctx->platform, e ? NGX_HTTP_ZWFW_COUNT_PAGE_HIT
                                         : NGX_HTTP_ZWFW_COUNT_PAGE_MISS);

    if (e == NULL) {
        return NGX_OK;
    }

    ngx_queue_remove(&e->queue);
    ngx_queue_insert_head(&store->queue, &e->queue);

    return ngx_http_zwfw_cache_serve(r, ctx, e);
}


/* the path, which says the row, and the query: decoded and in one order */

static ngx_int_t
ngx_http_zwfw_cache_key(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *key)
{
    u_char        *p;
    size_t         len;
    zwfw_json_t   *value;
    zwfw_field_t  *f;
    ngx_uint_t     n;

    len = r->uri.len;
    n = 0;

    for (f = ctx->route->fields; f && f->type; f++) {
        value = zwfw_json_get(ctx->args, (char *) f->name.data, f->name.len);

        if (value) {
            len += f->name.len + value->value.len + 2;
            n++;

            if (value->type != ZWFW_JSON_STRING) {
                return NGX_DECLINED;
            }
        }
    }

    if (n != ctx->args->count || len > NGX_HTTP_ZWFW_KEY) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;
    p = ngx_cpymem(p, r->uri.data, r->uri.len);

    for (f = ctx->route->fields; f && f->type; f++) {
        value = zwfw_json_get(ctx->args, (char *) f->name.data, f->name.len);

        if (value && !(f->flags & ZWFW_FIELD_PATH)) {
            *p++ = '\0';
            p = ngx_cpymem(p, f->name.data, f->name.len);
            *p++ = '=';
            p = ngx_cpymem(p, value->value.data, value->value.len);
        }
    }

    key->len = p - key->data;

    return NGX_OK;
}


/* the text as it lies in the entry, with the personal parts in between */

static ngx_int_t
ngx_http_zwfw_cache_serve(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_entry_t *e)
{
    size_t                   from;
    ngx_uint_t               i;
    zwfw_json_t             *page;
    ngx_pool_cleanup_t      *cln;
    ngx_http_zwfw_hole_t    *hole;
    ngx_http_zwfw_state_t   *state = ctx->core;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_zwfw_cache_release;
    cln->data = e;
    e->refs++;

    state->last = &state->out;
    state->hashed = 1;
    ngx_memcpy(state->hash, e->hash, sizeof(e->hash));

    from = 0;
    page = NULL;
    hole = e->holes.elts;

    for (i = 0; i < e->holes.nelts; i++) {

        if (page == NULL) {
            page = ngx_http_zwfw_page_context(r, 1);
        }

        if (page == NULL
            || ngx_http_zwfw_out(r, ctx, e->text.data + from,
                                 hole[i].offset - from)
               != NGX_OK
            || ngx_http_zwfw_cache_fill(r, ctx, &hole[i], page) != NGX_OK)
        {
            return NGX_ERROR;
        }

        from = hole[i].offset;
    }

    if (ngx_http_zwfw_out(r, ctx, e->text.data + from, e->text.len - from)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "text/html");
    ctx->step = ngx_http_zwfw_send_steps;

    return NGX_OK;
}


/* the digest of it all needs that of the text and the personal parts only */

static ngx_int_t
ngx_http_zwfw_cache_fill(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_hole_t *hole, zwfw_json_t *page)
{
    ngx_str_t               parts[3];
    ngx_http_zwfw_text_t    out;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_memzero(&out, sizeof(ngx_http_zwfw_text_t));

    out.text.data = ngx_pnalloc(r->pool, NGX_HTTP_ZWFW_PART);
    out.size = NGX_HTTP_ZWFW_PART;

    if (out.text.data == NULL
        || ngx_http_zwfw_render(r, &hole->name, page, page, &out) != NGX_OK)
    {
        return NGX_ERROR;
    }

    parts[0].data = state->hash;
    parts[0].len = sizeof(state->hash);
    parts[1].data = (u_char *) &hole->offset;
    parts[1].len = sizeof(hole->offset);
    parts[2] = out.text;

    if (ngx_http_zwfw_sha256(parts, 3, state->hash) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_out(r, ctx, out.text.data, out.text.len);
}


/* appends a piece to what is sent */

ngx_int_t
ngx_http_zwfw_out(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx, u_char *p,
    size_t len)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (len == 0) {
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->pos = p;
    b->last = p + len;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    *state->last = cl;
    state->last = &cl->next;
    state->length += len;

    return NGX_OK;
}


static void
ngx_http_zwfw_cache_release(void *data)
{
    ngx_http_zwfw_entry_t  *e = data;

    e->refs--;

    if (e->dropped && e->refs == 0) {
        ngx_destroy_pool(e->pool);
    }
}


/*
 * Keeps a page that was rendered with holes, unless a purge came while it was
 * asked for, and serves it
 */

ngx_int_t
ngx_http_zwfw_cache_keep(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_text_t *text)
{
    ngx_http_zwfw_entry_t  *e;
    ngx_http_zwfw_state_t  *state = ctx->core;
    ngx_http_zwfw_store_t  *store;

    store = ctx->platform->page_store;

    e = ngx_http_zwfw_cache_entry(r, ctx, text);
    if (e == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zwfw_cache_catch_up(store);

    if (store->purged == state->purged
        && e->text.len + NGX_HTTP_ZWFW_POOL <= ctx->platform->page_cache / 4)
    {
        ngx_http_zwfw_cache_insert(store, e);

    } else {
        e->dropped = 1;
    }

    return ngx_http_zwfw_cache_serve(r, ctx, e);
}


static ngx_http_zwfw_entry_t *
ngx_http_zwfw_cache_entry(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_text_t *text)
{
    ngx_pool_t             *pool;
    ngx_uint_t              i;
    ngx_http_zwfw_hole_t   *hole, *from;
    ngx_http_zwfw_entry_t  *e;
    ngx_http_zwfw_state_t  *state = ctx->core;

    pool = ngx_create_pool(NGX_HTTP_ZWFW_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    e = ngx_pcalloc(pool, sizeof(ngx_http_zwfw_entry_t));
    if (e == NULL) {
        goto failed;
    }

    e->pool = pool;
    e->until = ngx_current_msec + ctx->route->cache.time * 1000;
    e->text.len = text->text.len;
    e->text.data = ngx_pstrdup(pool, &text->text);
    e->sn.str.len = state->cache_key.len;
    e->sn.str.data = ngx_pstrdup(pool, &state->cache_key);

    if (e->text.data == NULL || e->sn.str.data == NULL
        || ngx_array_init(&e->holes, pool, text->holes->nelts + 1,
                          sizeof(ngx_http_zwfw_hole_t)) != NGX_OK
        || ngx_http_zwfw_cache_tags(r, ctx, e) != NGX_OK
        || ngx_http_zwfw_sha256(&e->text, 1, e->hash) != NGX_OK)
    {
        goto failed;
    }

    e->sn.node.key = ngx_crc32_short(e->sn.str.data, e->sn.str.len);
    from = text->holes->elts;

    for (i = 0; i < text->holes->nelts; i++) {
        hole = ngx_array_push(&e->holes);
        *hole = from[i];
    }

    return e;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


/* in the place of an older copy, and of those used least when it is full */

static void
ngx_http_zwfw_cache_insert(ngx_http_zwfw_store_t *store,
    ngx_http_zwfw_entry_t *e)
{
    ngx_http_zwfw_entry_t  *old;

    old = (ngx_http_zwfw_entry_t *)
              ngx_str_rbtree_lookup(&store->tree, &e->sn.str, e->sn.node.key);

    if (old) {
        ngx_http_zwfw_cache_drop(store, old);
    }

    ngx_rbtree_insert(&store->tree, &e->sn.node);
    ngx_queue_insert_head(&store->queue, &e->queue);
    store->size += e->text.len + NGX_HTTP_ZWFW_POOL;

    while (store->size > store->platform->page_cache) {
        old = ngx_queue_data(ngx_queue_last(&store->queue),
                             ngx_http_zwfw_entry_t, queue);
        ngx_http_zwfw_cache_drop(store, old);
    }
}


/* "item/{code}" is purged by "item/1199..." and by "item" */

static ngx_int_t
ngx_http_zwfw_cache_tags(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_entry_t *e)
{
    size_t      i;
    ngx_str_t   key;

    if (ngx_http_zwfw_fill(r, &ctx->route->cache.key, NULL, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i <= key.len && e->ntags < NGX_HTTP_ZWFW_TAGS; i++) {
        if (i == key.len || key.data[i] == '/') {
            e->tags[e->ntags++] = ngx_crc32_short(key.data, i);
        }
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_cache_drop(ngx_http_zwfw_store_t *store,
    ngx_http_zwfw_entry_t *e)
{
    ngx_rbtree_delete(&store->tree, &e->sn.node);
    ngx_queue_remove(&e->queue);
    store->size -= e->text.len + NGX_HTTP_ZWFW_POOL;

    e->dropped = 1;

    if (e->refs == 0) {
        ngx_destroy_pool(e->pool);
    }
}


static void
ngx_http_zwfw_cache_empty(ngx_http_zwfw_store_t *store)
{
    ngx_http_zwfw_entry_t  *e;

    while (!ngx_queue_empty(&store->queue)) {
        e = ngx_queue_data(ngx_queue_head(&store->queue),
                           ngx_http_zwfw_entry_t, queue);
        ngx_http_zwfw_cache_drop(store, e);
    }
}


/* drops what was purged since this worker looked last */

static void
ngx_http_zwfw_cache_catch_up(ngx_http_zwfw_store_t *store)
{
    uint32_t                 hash;
    ngx_uint_t               i;
    ngx_queue_t             *q, *next;
    ngx_atomic_uint_t        purged;
    ngx_http_zwfw_entry_t   *e;
    ngx_http_zwfw_shared_t  *shared;

    shared = store->platform->shared;
    purged = shared->purged;

    if (purged == store->purged) {
        return;
    }

    ngx_memory_barrier();

    if (purged - store->purged >= NGX_HTTP_ZWFW_PURGES) {
        store->purged = purged;
        ngx_http_zwfw_cache_empty(store);
        return;
    }

    for ( /* void */ ; store->purged != purged; store->purged++) {
        hash = shared->purge[store->purged % NGX_HTTP_ZWFW_PURGES];

        if (hash == 0) {
            ngx_http_zwfw_cache_empty(store);
            continue;
        }

        for (q = ngx_queue_head(&store->queue);
             q != ngx_queue_sentinel(&store->queue);
             q = next)
        {
            next = ngx_queue_next(q);
            e = ngx_queue_data(q, ngx_http_zwfw_entry_t, queue);

            for (i = 0; i < e->ntags; i++) {
                if (e->tags[i] == hash) {
                    ngx_http_zwfw_cache_drop(store, e);
                    break;
                }
            }
        }
    }
}


/* for all workers of the node; 0: everything */

static void
ngx_http_zwfw_cache_purge(ngx_http_zwfw_platform_t *pf, uint32_t hash)
{
    ngx_http_zwfw_shared_t  *shared;

    shared = pf->shared;

    ngx_shmtx_lock(&pf->slab->mutex);

    shared->purge[shared->purged % NGX_HTTP_ZWFW_PURGES] = hash;
    ngx_memory_barrier();
    shared->purged++;

    ngx_shmtx_unlock(&pf->slab->mutex);
}


static void
ngx_http_zwfw_cache_won(void *data)
{
    ngx_http_zwfw_store_t  *store = data;

    store->platform->shared->page_beat = 0;
    ngx_http_zwfw_cache_purge(store->platform, 0);

    if (ngx_http_zwfw_pg_listen(store->platform->pg, &store->listen)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "zwfw: pages of platform \"%V\" are not cached now",
                      &store->platform->name);
    }
}


static void
ngx_http_zwfw_cache_lost(void *data)
{
    ngx_http_zwfw_store_t  *store = data;

    store->platform->shared->page_beat = 0;
    ngx_http_zwfw_pg_unlisten(store->platform->pg, &store->listen);
}


static void
ngx_http_zwfw_cache_event(void *data, ngx_str_t *payload)
{
    ngx_http_zwfw_platform_t  *pf = data;

    ngx_http_zwfw_cache_purge(pf, ngx_crc32_short(payload->data,
                                                  payload->len));
}


static void
ngx_http_zwfw_cache_beat(void *data)
{
    ngx_http_zwfw_platform_t  *pf = data;

    pf->shared->page_beat = ngx_current_msec;
}


/* what was published meanwhile is not known */

static void
ngx_http_zwfw_cache_gone(void *data)
{
    ngx_http_zwfw_platform_t  *pf = data;

    ngx_http_zwfw_cache_purge(pf, 0);
    pf->shared->page_beat = 0;
}
