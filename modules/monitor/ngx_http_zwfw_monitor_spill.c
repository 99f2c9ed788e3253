
/*
 * Spill: while the database is away and a ring fills, its batches go into
 * files, each under its key.  A batch that was sent and not answered may go
 * there, too: sent again out of the file, it is stored once.  The ring moves
 * on when the file is on the disk
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_SPILL_SIZE   1073741824   /* bytes of the folder */
#define NGX_HTTP_ZWFW_SPILL_LEAST  65536
#define NGX_HTTP_ZWFW_SPILL_BATCH  2000         /* records at most */


/* of a ring: what a thread writes or removes */

struct ngx_http_zwfw_spill_s {
    ngx_http_zwfw_chore_t      chore;
    ngx_pool_t                *pool;        /* of args and body */
    ngx_http_zwfw_file_key_t   key;
    ngx_http_zwfw_told_t       told;
    ngx_http_zwfw_file_t       file;
    unsigned                   saving:1;    /* else removing */
};


static ngx_int_t ngx_http_zwfw_spill_prepare(ngx_http_zwfw_ring_t *ring);
static ngx_int_t ngx_http_zwfw_spill_create(ngx_http_zwfw_ring_t *ring);
static void ngx_http_zwfw_spill_name(ngx_http_zwfw_ring_t *ring);
static void ngx_http_zwfw_spill_save(void *data);
static void ngx_http_zwfw_spill_saved(void *data);
static void ngx_http_zwfw_spill_removed(void *data);
static ngx_int_t ngx_http_zwfw_spill_count(ngx_http_zwfw_ring_t *ring);
static void ngx_http_zwfw_spill_failed(ngx_http_zwfw_ring_t *ring);


/* zwfw_monitor_spill <folder> [<size>] */

char *
ngx_http_zwfw_monitor_spill_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_zwfw_monitor_main_conf_t  *mmcf = conf;

    ngx_str_t  *value;

    if (mmcf->spill.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mmcf->max_size = NGX_HTTP_ZWFW_SPILL_SIZE;

    if (cf->args->nelts == 3) {
        mmcf->max_size = ngx_parse_offset(&value[2]);

        if (mmcf->max_size < NGX_HTTP_ZWFW_SPILL_LEAST) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid size \"%V\" in \"%V\", it takes at "
                               "least 64k", &value[2], &value[0]);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_zwfw_own_folder(cf, &value[0], &value[1], &mmcf->spill)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


void
ngx_http_zwfw_monitor_spill(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_slot_t     *slot;
    ngx_http_zwfw_monitor_t  *m;

    m = ring->monitor;
    slot = ring->slot;

    if (m->spill.len == 0 || ring->records == NULL || ring->spilling
        || ring->stuck || ring->unsure || (!ring->sending && !ring->failed)
        || slot->head - slot->tail < m->capacity / 2)
    {
        return;
    }

    if (ngx_http_zwfw_spill_prepare(ring) != NGX_OK) {
        ring->stuck = 1;
        return;
    }

    if (ngx_http_zwfw_chore_post(&ring->spill->chore, ngx_http_zwfw_spill_save,
                                 ngx_http_zwfw_spill_saved)
        != NGX_OK)
    {
        ngx_destroy_pool(ring->spill->pool);
        ring->stuck = 1;
        return;
    }

    ring->spilling = 1;
}


/* the ring may go on, and numbers change, while a thread writes */

static ngx_int_t
ngx_http_zwfw_spill_prepare(ngx_http_zwfw_ring_t *ring)
{
    ngx_uint_t              most;
    ngx_http_zwfw_slot_t   *slot;
    ngx_http_zwfw_spill_t  *s;

    slot = ring->slot;

    /* larger than one that is sent: each takes its time of the disk, but a
       small folder is to have room for several */

    most = ngx_min(ring->monitor->max_size / 1024, NGX_HTTP_ZWFW_SPILL_BATCH);

    if (ngx_http_zwfw_spill_create(ring) != NGX_OK) {
        return NGX_ERROR;
    }

    s = ring->spill;

    s->pool = ngx_create_pool(4096, ngx_cycle->log);
    if (s->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zwfw_monitor_bound(ring, most);
    ngx_http_zwfw_spill_name(ring);

    s->saving = 1;
    s->told.events = slot->events;
    s->told.lost = slot->lost;
    s->told.refused = slot->refused;
    s->told.spilled = slot->spilled + (s->key.last - s->key.first);
    s->file.rc = NGX_AGAIN;

    if (ngx_http_zwfw_monitor_args(s->pool, &s->key, &s->told, "replayed",
                                   &s->file.args)
        != NGX_OK
        || ngx_http_zwfw_monitor_body(s->pool, s->key.last - s->key.first,
                                      &s->file.body)
           != NGX_OK)
    {
        ngx_destroy_pool(s->pool);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_spill_create(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_spill_t    *s;
    ngx_http_zwfw_monitor_t  *m;

    if (ring->spill) {
        return NGX_OK;
    }

    m = ring->monitor;

    s = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_zwfw_spill_t));

    if (s == NULL
        || ngx_http_zwfw_chore_init(&s->chore, ngx_cycle->pool, m->platform, s)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->chore.data = &s->file;
    s->file.owner = ring;
    s->file.folder = m->spill;
    s->file.max_size = m->max_size;

    ring->spill = s;

    return NGX_OK;
}


static void
ngx_http_zwfw_spill_name(ngx_http_zwfw_ring_t *ring)
{
    ngx_str_t              *platform;
    ngx_http_zwfw_spill_t  *s;

    s = ring->spill;
    platform = ngx_http_zwfw_platform_name(ring->monitor->platform);

    ngx_http_zwfw_monitor_key(ring, &s->key);
    ngx_http_zwfw_file_name(s->file.name, platform, &s->key);
}


/* records of a batch do not change until the ring moves on */

static void
ngx_http_zwfw_spill_save(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    ngx_http_zwfw_ring_t  *ring;

    ring = f->owner;

    ngx_http_zwfw_monitor_columns(ring, ring->spill->key.first,
                                  ring->spill->key.last, &f->body);
    ngx_http_zwfw_file_save(f);
}


static void
ngx_http_zwfw_spill_saved(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    ngx_http_zwfw_ring_t  *ring;

    ring = f->owner;
    ring->spilling = 0;

    if (ngx_http_zwfw_spill_count(ring) != NGX_OK) {
        ring->stuck = 1;
    }

    ngx_http_zwfw_monitor_spill(ring);

    /* an answer may have come meanwhile */

    if (!ring->failed) {
        ngx_http_zwfw_monitor_ship(ring);
    }
}


/* the numbers that were told to the file are known to the ledger one day */

static ngx_int_t
ngx_http_zwfw_spill_count(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_slot_t     *slot;
    ngx_http_zwfw_spill_t    *s;
    ngx_http_zwfw_monitor_t  *m;

    s = ring->spill;
    m = ring->monitor;
    slot = ring->slot;

    ngx_destroy_pool(s->pool);

    if (s->file.rc != NGX_OK) {
        ngx_http_zwfw_spill_failed(ring);
        return NGX_ERROR;
    }

    slot->told_events = s->told.events;
    slot->told_rest = s->told.lost + s->told.refused + s->told.spilled;
    slot->spilled = s->told.spilled;

    ngx_memory_barrier();
    slot->tail = s->key.last;

    (void) ngx_atomic_fetch_add(&m->shared->files, 1);

    if (m->no_room) {
        m->no_room = 0;
        ngx_log_error(NGX_LOG_NOTICE, m->tick.log, 0,
                      "zwfw: visits of platform \"%V\" can be spilled again",
                      ngx_http_zwfw_platform_name(m->platform));
    }

    return NGX_OK;
}


/* said once, until it is well again; the ring goes on holding */

static void
ngx_http_zwfw_spill_failed(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_file_t     *f;
    ngx_http_zwfw_monitor_t  *m;

    m = ring->monitor;
    f = &ring->spill->file;

    if (m->no_room || f->rc == NGX_AGAIN) {
        return;
    }

    m->no_room = 1;

    if (f->rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_CRIT, m->tick.log, 0,
                      "zwfw: visits of platform \"%V\" cannot be spilled: "
                      "\"%V\" has reached its size of %O bytes",
                      ngx_http_zwfw_platform_name(m->platform), &f->folder,
                      f->max_size);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, m->tick.log, f->err,
                  "zwfw: visits of platform \"%V\" cannot be spilled to "
                  "\"%V\": %s failed", ngx_http_zwfw_platform_name(m->platform),
                  &f->folder, f->what);
}


/*
 * A worker that was killed after it wrote a file and before it counted it: the
 * ring still has the batch, so the file goes, and the batch takes its way
 */

ngx_int_t
ngx_http_zwfw_monitor_sure(ngx_http_zwfw_ring_t *ring)
{
    ngx_http_zwfw_spill_t  *s;

    if (!ring->unsure) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_spill_create(ring) != NGX_OK) {
        return NGX_ERROR;
    }

    s = ring->spill;
    s->saving = 0;

    ngx_http_zwfw_spill_name(ring);

    if (ngx_http_zwfw_chore_post(&s->chore, ngx_http_zwfw_file_remove,
                                 ngx_http_zwfw_spill_removed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ring->spilling = 1;

    return NGX_AGAIN;
}


static void
ngx_http_zwfw_spill_removed(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    ngx_http_zwfw_ring_t  *ring;

    ring = f->owner;
    ring->spilling = 0;

    if (f->rc == NGX_OK) {
        ring->unsure = 0;
        ngx_http_zwfw_monitor_ship(ring);
        return;
    }

    ngx_http_zwfw_spill_failed(ring);
}


/*
 * The loop is over, so it may wait for the disk: at most for what a ring
 * holds, in files of a batch.  Threads have ended: what one had begun is done
 */

void
ngx_http_zwfw_monitor_spill_rest(ngx_http_zwfw_ring_t *ring)
{
    ngx_uint_t  files;

    if (ring->monitor->spill.len == 0) {
        return;
    }

    if (ring->spilling) {
        ring->spilling = 0;

        if (ring->spill->saving) {
            (void) ngx_http_zwfw_spill_count(ring);
        }
    }

    files = ring->monitor->capacity;

    while (files-- && ngx_http_zwfw_monitor_remains(ring->slot)) {

        if (ngx_http_zwfw_spill_prepare(ring) != NGX_OK) {
            return;
        }

        ngx_http_zwfw_spill_save(&ring->spill->file);

        if (ngx_http_zwfw_spill_count(ring) != NGX_OK) {
            return;
        }
    }
}
