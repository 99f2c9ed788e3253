
/*
 * What the listener of a node hears: an ear at each Redis that has keys, which
 * is one, or the masters of a cluster.
 *
 * An ear sets a beat key under the tracked prefix.  When it hears that this key
 * was changed, everything dropped there before the beat was sent is known to
 * the node; sessions known in shared memory count only while that is less than
 * 900 ms ago for all of them, and are taken from no other master
 */


#include "ngx_http_zwfw_session.h"


#define NGX_HTTP_ZWFW_DEAF   3000           /* ms, then it listens anew */


typedef struct {
    ngx_http_zwfw_hear_t      *hear;
    ngx_http_zwfw_redis_t     *master;
    ngx_http_zwfw_track_t      track;
    ngx_http_zwfw_command_t    beat;
    ngx_str_t                  words[5];
    ngx_uint_t                 tag;         /* of the beat key, in a cluster */
    ngx_msec_t                 sent;        /* the beat not heard yet */
    ngx_msec_t                 heard;       /* when that was sent; 0: none */
    unsigned                   ready:1;
    unsigned                   waiting:1;   /* for a beat to be heard */
} ngx_http_zwfw_ear_t;


/* of a worker and platform */

struct ngx_http_zwfw_hear_s {
    ngx_http_zwfw_platform_t  *platform;
    ngx_log_t                 *log;
    ngx_http_zwfw_ear_t       *ears;
    ngx_uint_t                 nears;
    ngx_uint_t                 version;     /* of the masters they are at */
};


static void ngx_http_zwfw_hear_at(ngx_http_zwfw_hear_t *hear);
static void ngx_http_zwfw_hear_tell(ngx_http_zwfw_hear_t *hear);
static void ngx_http_zwfw_ear_key(ngx_http_zwfw_ear_t *ear);
static void ngx_http_zwfw_ear_beat(ngx_http_zwfw_ear_t *ear);
static void ngx_http_zwfw_ear_beaten(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_ear_ready(void *data);
static void ngx_http_zwfw_ear_away(void *data);
static void ngx_http_zwfw_ear_heard(void *data, ngx_str_t *key);


ngx_http_zwfw_hear_t *
ngx_http_zwfw_hear_create(ngx_cycle_t *cycle, ngx_http_zwfw_platform_t *pf)
{
    u_char                *p;
    size_t                 len;
    ngx_uint_t             i, n;
    ngx_http_zwfw_ear_t   *ear;
    ngx_http_zwfw_hear_t  *hear;

    n = ngx_http_zwfw_redis_clustered(pf->redis) ? NGX_HTTP_ZWFW_MASTERS : 1;
    len = pf->prefix.len + sizeof("s:{}beat:") - 1 + NGX_INT_T_LEN
          + sizeof(pf->shared->node);

    hear = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_hear_t));
    ear = ngx_pcalloc(cycle->pool, n * sizeof(ngx_http_zwfw_ear_t));
    p = ngx_pnalloc(cycle->pool, n * len);

    if (hear == NULL || ear == NULL || p == NULL) {
        return NULL;
    }

    hear->platform = pf;
    hear->log = cycle->log;
    hear->ears = ear;

    for (i = 0; i < n; i++, ear++, p += len) {
        ear->hear = hear;

        ear->track.key = ngx_http_zwfw_ear_heard;
        ear->track.ready = ngx_http_zwfw_ear_ready;
        ear->track.lost = ngx_http_zwfw_ear_away;
        ear->track.data = ear;

        ngx_str_set(&ear->words[0], "SET");
        ear->words[1].data = p;
        ngx_str_set(&ear->words[2], "1");
        ngx_str_set(&ear->words[3], "PX");
        ngx_str_set(&ear->words[4], "5000");

        ear->beat.nwords = 5;
        ear->beat.words = ear->words;
        ear->beat.done = ngx_http_zwfw_ear_beaten;
        ear->beat.data = ear;
    }

    return hear;
}


void
ngx_http_zwfw_hear(ngx_http_zwfw_hear_t *hear)
{
    ngx_uint_t              i, n, version;
    ngx_http_zwfw_redis_t  *masters[NGX_HTTP_ZWFW_MASTERS];

    n = ngx_http_zwfw_redis_masters(hear->platform->redis, masters, &version);

    if (version != hear->version) {
        ngx_http_zwfw_hear_stop(hear);

        for (i = 0; i < n; i++) {
            hear->ears[i].master = masters[i];
            ngx_http_zwfw_ear_key(&hear->ears[i]);
        }

        hear->nears = n;
        hear->version = version;

        ngx_http_zwfw_hear_at(hear);

        for (i = 0; i < n; i++) {
            (void) ngx_http_zwfw_redis_track(masters[i], &hear->ears[i].track);
        }
    }

    for (i = 0; i < n; i++) {
        ngx_http_zwfw_ear_beat(&hear->ears[i]);
    }
}


/* what was dropped meanwhile is unknown to who listens next */

void
ngx_http_zwfw_hear_stop(ngx_http_zwfw_hear_t *hear)
{
    ngx_uint_t            i;
    ngx_http_zwfw_ear_t  *ear;

    for (i = 0; i < hear->nears; i++) {
        ear = &hear->ears[i];

        ngx_http_zwfw_redis_forget(ear->master, &ear->beat);
        ngx_http_zwfw_redis_untrack(ear->master, &ear->track);

        ear->ready = 0;
        ear->waiting = 0;
        ear->heard = 0;
        ear->tag = 0;
    }

    hear->nears = 0;
    hear->version = 0;
}


/* tells all workers which masters are listened to */

static void
ngx_http_zwfw_hear_at(ngx_http_zwfw_hear_t *hear)
{
    ngx_uint_t                 i;
    ngx_http_zwfw_platform_t  *pf;

    pf = hear->platform;

    ngx_shmtx_lock(&pf->slab->mutex);

    for (i = 0; i < NGX_HTTP_ZWFW_MASTERS; i++) {
        pf->shared->masters[i] = (i < hear->nears)
                       ? ngx_http_zwfw_redis_id(hear->ears[i].master) : 0;
    }

    ngx_shmtx_unlock(&pf->slab->mutex);

    ngx_http_zwfw_known_beat(pf, 0);
    ngx_http_zwfw_known_empty(pf);
}


ngx_uint_t
ngx_http_zwfw_heard(ngx_http_zwfw_platform_t *pf, uint32_t master)
{
    ngx_uint_t  i, heard;

    if (master == 0) {
        return 1;
    }

    heard = 0;

    ngx_shmtx_lock(&pf->slab->mutex);

    for (i = 0; i < NGX_HTTP_ZWFW_MASTERS && !heard; i++) {
        heard = (pf->shared->masters[i] == master);
    }

    ngx_shmtx_unlock(&pf->slab->mutex);

    return heard;
}


/* the oldest beat of all is what counts */

static void
ngx_http_zwfw_hear_tell(ngx_http_zwfw_hear_t *hear)
{
    ngx_uint_t  i;
    ngx_msec_t  beat, heard;

    beat = 0;

    for (i = 0; i < hear->nears; i++) {
        heard = hear->ears[i].heard;

        if (heard == 0) {
            return;
        }

        if (beat == 0 || (ngx_msec_int_t) (heard - beat) < 0) {
            beat = heard;
        }
    }

    ngx_http_zwfw_known_beat(hear->platform, beat);
}


/* "<prefix>s:beat:<node>", in a cluster "<prefix>s:{<tag>}beat:<node>" */

static void
ngx_http_zwfw_ear_key(ngx_http_zwfw_ear_t *ear)
{
    u_char                    *p;
    ngx_str_t                 *key;
    ngx_http_zwfw_platform_t  *pf;

    pf = ear->hear->platform;
    key = &ear->words[1];

    p = ngx_sprintf(key->data, "%Vs:", &pf->prefix);

    ear->track.prefix.data = key->data;
    ear->track.prefix.len = p - key->data;

    if (ngx_http_zwfw_redis_clustered(pf->redis)) {
        ear->tag = ngx_http_zwfw_redis_tag(pf->redis, ear->master, ear->tag);
        p = ngx_sprintf(p, "{%ui}", ear->tag);
    }

    p = ngx_sprintf(p, "beat:%*s", sizeof(pf->shared->node), pf->shared->node);
    key->len = p - key->data;
}


/* one beat at a time, so that what is heard is the one that was sent */

static void
ngx_http_zwfw_ear_beat(ngx_http_zwfw_ear_t *ear)
{
    ngx_http_zwfw_hear_t  *hear;

    hear = ear->hear;

    if (!ear->ready || ear->beat.operation) {
        return;
    }

    if (!ear->waiting) {
        ngx_http_zwfw_ear_key(ear);

        ear->sent = ngx_current_msec;
        ear->waiting = 1;

        if (ngx_http_zwfw_redis_ask(ear->master, &ear->beat) != NGX_OK) {
            ear->waiting = 0;
        }

        return;
    }

    if (ngx_current_msec - ear->sent < NGX_HTTP_ZWFW_DEAF) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, hear->log, 0,
                  "zwfw: no invalidation was heard from redis for platform "
                  "\"%V\", listening anew", &hear->platform->name);

    ear->ready = 0;
    ear->waiting = 0;
    ear->heard = 0;

    ngx_http_zwfw_redis_untrack(ear->master, &ear->track);
    (void) ngx_http_zwfw_redis_track(ear->master, &ear->track);
}


static void
ngx_http_zwfw_ear_beaten(ngx_http_zwfw_command_t *c)
{
    ngx_http_zwfw_ear_t  *ear = c->data;

    if (c->rc != NGX_OK) {
        ear->waiting = 0;
    }
}


/* what was dropped before is unknown: nothing known before counts */

static void
ngx_http_zwfw_ear_ready(void *data)
{
    ngx_http_zwfw_ear_t  *ear = data;

    ngx_http_zwfw_known_empty(ear->hear->platform);

    ear->ready = 1;
    ear->waiting = 0;

    ngx_http_zwfw_ear_beat(ear);
}


static void
ngx_http_zwfw_ear_away(void *data)
{
    ngx_http_zwfw_ear_t  *ear = data;

    ear->ready = 0;
    ear->waiting = 0;
    ear->heard = 0;

    ngx_http_zwfw_known_beat(ear->hear->platform, 0);
}


/* a session, a beat, or who has written; NULL: everything */

static void
ngx_http_zwfw_ear_heard(void *data, ngx_str_t *key)
{
    ngx_http_zwfw_ear_t  *ear = data;

    u_char                     hash[NGX_HTTP_ZWFW_HASH];
    ngx_str_t                 *beat;
    ngx_http_zwfw_platform_t  *pf;

    pf = ear->hear->platform;

    if (key == NULL) {
        ngx_http_zwfw_known_empty(pf);
        return;
    }

    beat = &ear->words[1];

    if (key->len == beat->len
        && ngx_memcmp(key->data, beat->data, beat->len) == 0)
    {
        if (ear->waiting) {
            ear->waiting = 0;
            ear->heard = ear->sent;
            ngx_http_zwfw_hear_tell(ear->hear);
        }

        return;
    }

    if (ngx_http_zwfw_session_of_key(pf, key, hash) == NGX_OK) {
        ngx_http_zwfw_known_drop(pf, hash);
        return;
    }

    (void) ngx_http_zwfw_seen_heard(pf, key);
}
