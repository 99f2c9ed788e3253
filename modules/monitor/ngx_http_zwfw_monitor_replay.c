
/*
 * Replay: files of the spill go into the database, the oldest first, one after
 * the other with pauses, by one worker of the node.  A file goes when the
 * database has it.  Files of an earlier life of nginx are replayed as well
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_REPLAY_PAUSE  20      /* ms, at least */
#define NGX_HTTP_ZWFW_REPLAY_LOOK   2       /* s: files of other workers */


struct ngx_http_zwfw_replay_s {
    ngx_http_zwfw_monitor_t   *monitor;
    ngx_http_zwfw_chore_t      looking;
    ngx_http_zwfw_chore_t      working;
    ngx_http_zwfw_look_t       look;
    ngx_http_zwfw_file_t       file;
    ngx_http_zwfw_file_key_t   key;
    ngx_http_zwfw_slot_t      *slot;        /* NULL: of another life */
    ngx_atomic_uint_t          files;       /* known before the look */
    ngx_uint_t                 next;        /* of the names */
    ngx_msec_t                 began;
    ngx_event_t                pause;
    ngx_connection_t           ident;       /* of the event, in debug lines */
    unsigned                   active:1;
};


static void ngx_http_zwfw_replay_look(ngx_http_zwfw_replay_t *rp);
static void ngx_http_zwfw_replay_looked(void *data);
static void ngx_http_zwfw_replay_next(ngx_http_zwfw_replay_t *rp);
static ngx_uint_t ngx_http_zwfw_replay_mine(ngx_http_zwfw_replay_t *rp);
static void ngx_http_zwfw_replay_read(void *data);
static void ngx_http_zwfw_replay_send(ngx_http_zwfw_replay_t *rp,
    ngx_str_t *args, ngx_str_t *body);
static void ngx_http_zwfw_replay_answered(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_replay_set_aside(ngx_http_zwfw_replay_t *rp,
    const char *suffix);
static void ngx_http_zwfw_replay_count(ngx_http_zwfw_replay_t *rp);
static void ngx_http_zwfw_replay_removed(void *data);
static void ngx_http_zwfw_replay_paused(ngx_event_t *ev);
static void ngx_http_zwfw_replay_free(ngx_http_zwfw_replay_t *rp);
static void ngx_http_zwfw_replay_end(ngx_http_zwfw_replay_t *rp);


static ngx_str_t  ngx_http_zwfw_replay_call = ngx_string("monitor_store");


ngx_int_t
ngx_http_zwfw_monitor_replay_init(ngx_cycle_t *cycle,
    ngx_http_zwfw_monitor_t *m)
{
    ngx_http_zwfw_replay_t  *rp;

    if (m->spill.len == 0) {
        return NGX_OK;
    }

    rp = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_replay_t));

    if (rp == NULL
        || ngx_http_zwfw_chore_init(&rp->looking, cycle->pool, m->platform, rp)
           != NGX_OK
        || ngx_http_zwfw_chore_init(&rp->working, cycle->pool, m->platform, rp)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rp->monitor = m;

    rp->looking.data = &rp->look;
    rp->look.owner = rp;
    rp->look.folder = m->spill;
    rp->look.platform = ngx_http_zwfw_platform_name(m->platform);
    rp->look.lock = NGX_INVALID_FILE;

    rp->working.data = &rp->file;
    rp->file.owner = rp;
    rp->file.folder = m->spill;

    rp->ident.fd = (ngx_socket_t) -1;
    rp->ident.data = rp;
    rp->pause.handler = ngx_http_zwfw_replay_paused;
    rp->pause.data = &rp->ident;
    rp->pause.log = cycle->log;
    rp->pause.cancelable = 1;

    m->replay = rp;

    return NGX_OK;
}


/* each tick: are there files, and does the database take what rings have? */

void
ngx_http_zwfw_monitor_replay(ngx_http_zwfw_monitor_t *m)
{
    ngx_uint_t               i;
    ngx_atomic_uint_t        now;
    ngx_http_zwfw_replay_t  *rp;

    rp = m->replay;

    if (rp == NULL || rp->active) {
        return;
    }

    for (i = 0; i <= m->nslots; i++) {
        if (m->rings[i].mine && m->rings[i].failed) {
            return;
        }
    }

    now = ngx_time();

    if (m->shared->files == 0
        && now - m->shared->looked < NGX_HTTP_ZWFW_REPLAY_LOOK)
    {
        return;
    }

    rp->active = 1;
    ngx_http_zwfw_replay_look(rp);
}


static void
ngx_http_zwfw_replay_look(ngx_http_zwfw_replay_t *rp)
{
    rp->files = rp->monitor->shared->files;

    if (ngx_http_zwfw_chore_post(&rp->looking, ngx_http_zwfw_file_look,
                                 ngx_http_zwfw_replay_looked)
        != NGX_OK)
    {
        ngx_http_zwfw_replay_end(rp);
    }
}


static void
ngx_http_zwfw_replay_looked(void *data)
{
    ngx_http_zwfw_look_t  *look = data;

    ngx_http_zwfw_rings_t   *shared;
    ngx_http_zwfw_replay_t  *rp;

    rp = look->owner;
    shared = rp->monitor->shared;

    shared->looked = ngx_time();

    if (rp->look.rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, rp->look.err,
                      "zwfw: spilled visits cannot be looked for in \"%V\": "
                      "%s failed", &rp->look.folder, rp->look.what);
    }

    if (rp->look.rc != NGX_OK) {
        ngx_http_zwfw_replay_end(rp);
        return;
    }

    /* not when somebody has spilled meanwhile */

    (void) ngx_atomic_cmp_set(&shared->files, rp->files, rp->look.files);
    shared->aside = rp->look.aside;

    rp->next = 0;
    ngx_http_zwfw_replay_next(rp);
}


static void
ngx_http_zwfw_replay_next(ngx_http_zwfw_replay_t *rp)
{
    if (ngx_http_zwfw_monitor_leaving()) {
        ngx_http_zwfw_replay_end(rp);
        return;
    }

    while (rp->next < rp->look.nnames) {
        (void) ngx_cpystrn(rp->file.name, rp->look.names[rp->next++],
                           NGX_HTTP_ZWFW_FILE_NAME);

        if (!ngx_http_zwfw_replay_mine(rp)) {
            continue;
        }

        if (ngx_http_zwfw_chore_post(&rp->working, ngx_http_zwfw_file_read,
                                     ngx_http_zwfw_replay_read)
            != NGX_OK)
        {
            break;
        }

        return;
    }

    ngx_http_zwfw_replay_end(rp);
}


/*
 * One of a ring that is in use is counted first; until then it is its owner's,
 * who may have been killed and come back
 */

static ngx_uint_t
ngx_http_zwfw_replay_mine(ngx_http_zwfw_replay_t *rp)
{
    ngx_str_t                 node;
    ngx_http_zwfw_monitor_t  *m;

    m = rp->monitor;
    rp->slot = NULL;

    if (ngx_http_zwfw_file_key(rp->file.name, rp->look.platform, &rp->key)
        != NGX_OK)
    {
        return 0;
    }

    node = ngx_http_zwfw_node(m->platform);

    if (rp->key.epoch != m->shared->epoch || rp->key.ring > m->nslots
        || ngx_memcmp(rp->key.node, node.data, node.len) != 0)
    {
        return 1;
    }

    rp->slot = &m->shared->slots[rp->key.ring];

    return rp->key.last <= rp->slot->tail;
}


static void
ngx_http_zwfw_replay_read(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    ngx_http_zwfw_replay_t  *rp;

    rp = f->owner;

    if (f->rc == NGX_OK) {
        f->suffix = NULL;
        ngx_http_zwfw_replay_send(rp, &f->args, &f->body);
        return;
    }

    if (f->rc == NGX_DECLINED) {
        ngx_http_zwfw_replay_set_aside(rp, ".bad");
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, f->err,
                  "zwfw: \"%V%s\" cannot be replayed: %s failed", &f->folder,
                  f->name, f->what);

    ngx_http_zwfw_replay_free(rp);
    ngx_http_zwfw_replay_next(rp);
}


static void
ngx_http_zwfw_replay_send(ngx_http_zwfw_replay_t *rp, ngx_str_t *args,
    ngx_str_t *body)
{
    rp->began = ngx_current_msec;

    if (ngx_http_zwfw_tell(rp->monitor->platform, NGX_HTTP_ZWFW_SLOW,
                           &ngx_http_zwfw_replay_call, args, body,
                           ngx_http_zwfw_replay_answered, rp)
        != NGX_OK)
    {
        ngx_http_zwfw_replay_end(rp);
    }
}


/* the ledger is told that these visits do not come, then the file goes */

static void
ngx_http_zwfw_replay_set_aside(ngx_http_zwfw_replay_t *rp, const char *suffix)
{
    ngx_str_t             args, body;
    ngx_pool_t           *pool;
    ngx_http_zwfw_told_t  told;

    rp->file.suffix = suffix;

    told.events = rp->key.last;
    told.lost = 0;
    told.refused = 0;
    told.spilled = rp->key.last - rp->key.first;

    pool = ngx_create_pool(1024, ngx_cycle->log);

    if (pool == NULL
        || ngx_http_zwfw_monitor_args(pool, &rp->key, &told, "aside", &args)
           != NGX_OK)
    {
        ngx_http_zwfw_replay_end(rp);

    } else {
        ngx_str_set(&body, "{}");
        ngx_http_zwfw_replay_send(rp, &args, &body);
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_http_zwfw_replay_answered(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_replay_t  *rp = data;

    ngx_http_zwfw_file_t  *f;

    f = &rp->file;

    if (rc != NGX_OK) {

        if (f->suffix || !ngx_http_zwfw_monitor_useless(answer)) {
            ngx_http_zwfw_replay_end(rp);
            return;
        }

        ngx_http_zwfw_replay_set_aside(rp, ".refused");
        return;
    }

    if (f->suffix) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "zwfw: \"%V%s\" is damaged, or refused by the database: "
                      "it is set aside as \"%s\", its %ui visits are lost",
                      &f->folder, f->name, f->suffix,
                      rp->key.last - rp->key.first);
    }

    ngx_http_zwfw_replay_free(rp);
    ngx_http_zwfw_replay_count(rp);

    if (ngx_http_zwfw_chore_post(&rp->working,
                                 f->suffix ? ngx_http_zwfw_file_set_aside
                                           : ngx_http_zwfw_file_remove,
                                 ngx_http_zwfw_replay_removed)
        != NGX_OK)
    {
        ngx_http_zwfw_replay_end(rp);
    }
}


/* files of a ring come in the order of its numbers, each is counted once: also
   when a worker was killed before it removed one */

static void
ngx_http_zwfw_replay_count(ngx_http_zwfw_replay_t *rp)
{
    ngx_http_zwfw_slot_t  *slot;

    slot = rp->slot;

    if (slot == NULL || rp->key.last <= slot->acked) {
        return;
    }

    slot->acked = rp->key.last;

    if (rp->file.suffix) {
        slot->aside += rp->key.last - rp->key.first;

    } else {
        slot->replayed += rp->key.last - rp->key.first;
    }
}


static void
ngx_http_zwfw_replay_removed(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    ngx_msec_t               took;
    ngx_http_zwfw_rings_t   *shared;
    ngx_http_zwfw_replay_t  *rp;

    rp = f->owner;
    shared = rp->monitor->shared;

    if (f->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, f->err,
                      "zwfw: \"%V%s\" is stored and cannot be removed: "
                      "%s failed", &f->folder, f->name, f->what);

    } else if (shared->files) {
        (void) ngx_atomic_fetch_add(&shared->files, -1);
        shared->aside += (f->suffix != NULL);
    }

    /* at least half of the time is for what comes in */

    took = ngx_current_msec - rp->began;
    ngx_add_timer(&rp->pause, ngx_max(took, NGX_HTTP_ZWFW_REPLAY_PAUSE));
}


static void
ngx_http_zwfw_replay_paused(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_zwfw_replay_t  *rp;

    c = ev->data;
    rp = c->data;

    if (rp->next == NGX_HTTP_ZWFW_FILE_NAMES
        && !ngx_http_zwfw_monitor_leaving())
    {
        ngx_http_zwfw_replay_look(rp);
        return;
    }

    ngx_http_zwfw_replay_next(rp);
}


static void
ngx_http_zwfw_replay_free(ngx_http_zwfw_replay_t *rp)
{
    free(rp->file.text);
    rp->file.text = NULL;
}


/* another worker may look now */

static void
ngx_http_zwfw_replay_end(ngx_http_zwfw_replay_t *rp)
{
    ngx_http_zwfw_replay_free(rp);

    if (rp->look.lock != NGX_INVALID_FILE) {
        (void) ngx_close_file(rp->look.lock);
        rp->look.lock = NGX_INVALID_FILE;
    }

    rp->active = 0;
}
