
/*
 * Whether a standby may be read.  Each worker asks it how far it has replayed,
 * and the primary how far there is to go: a standby that is behind for longer
 * than postgres_lag is not read, and who has written reads there when it has
 * replayed that.  No request waits for these questions
 */


#include "ngx_http_zwfw_pg.h"


static void ngx_http_zwfw_standby_probe(ngx_event_t *ev);
static ngx_uint_t ngx_http_zwfw_standby_ask(ngx_http_zwfw_pg_t *pg,
    ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_standby_flushed(ngx_http_zwfw_query_t *q);
static void ngx_http_zwfw_standby_replayed(ngx_http_zwfw_query_t *q);


/* all that was acknowledged by then stands before this position */

static ngx_str_t  ngx_http_zwfw_standby_flushed_sql = ngx_string(
    "SELECT pg_current_wal_flush_lsn() - '0/0'"
);

/* all transactions below the first number are over, and show what they did */

static ngx_str_t  ngx_http_zwfw_standby_replayed_sql = ngx_string(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())"
    " || ' ' || (pg_last_wal_replay_lsn() - '0/0')"
);


void
ngx_http_zwfw_standby_init(ngx_http_zwfw_pg_t *pg)
{
    ngx_http_zwfw_query_t       *q;
    ngx_http_zwfw_pg_standby_t  *replay;

    replay = &pg->replay;

    q = &replay->flushed;
    ngx_str_set(&q->name, "zwfw_flushed");
    q->sql = ngx_http_zwfw_standby_flushed_sql;
    q->class = NGX_HTTP_ZWFW_READ;
    q->done = ngx_http_zwfw_standby_flushed;
    q->data = replay;

    q = &replay->replayed;
    ngx_str_set(&q->name, "zwfw_replayed");
    q->sql = ngx_http_zwfw_standby_replayed_sql;
    q->class = NGX_HTTP_ZWFW_PG_STANDBY;
    q->done = ngx_http_zwfw_standby_replayed;
    q->data = replay;

    replay->timer.handler = ngx_http_zwfw_standby_probe;
    replay->timer.data = pg;
    replay->timer.log = ngx_cycle->log;
    replay->timer.cancelable = 1;
}


void
ngx_http_zwfw_standby_exit(ngx_http_zwfw_pg_t *pg)
{
    if (pg->replay.timer.timer_set) {
        ngx_del_timer(&pg->replay.timer);
    }
}


void
ngx_http_zwfw_standby_found(ngx_http_zwfw_pg_t *pg)
{
    ngx_http_zwfw_pg_standby_t  *replay;

    replay = &pg->replay;

    replay->known = 0;
    replay->seen = 0;
    replay->goal = 0;

    ngx_add_timer(&replay->timer, 1);
}


ngx_uint_t
ngx_http_zwfw_standby_serves(ngx_http_zwfw_pg_t *pg, uint64_t seen)
{
    ngx_http_zwfw_pgpool_t  *pool;

    pool = &pg->pools[NGX_HTTP_ZWFW_PG_STANDBY];

    return ngx_http_zwfw_pg_standby_up(pg)
           && pool->nwaiting < pg->conf.waiting
           && seen < pg->replay.seen;
}


ngx_uint_t
ngx_http_zwfw_pg_standby_up(ngx_http_zwfw_pg_t *pg)
{
    ngx_http_zwfw_pgpool_t      *pool;
    ngx_http_zwfw_pg_standby_t  *replay;

    pool = &pg->pools[NGX_HTTP_ZWFW_PG_STANDBY];
    replay = &pg->replay;

    return pool->ready && !pool->open && replay->known
           && (replay->goal == 0
               || ngx_current_msec - replay->since <= pg->conf.lag);
}


ngx_uint_t
ngx_http_zwfw_pg_standby(ngx_http_zwfw_pg_t *pg)
{
    return pg->standby;
}


static void
ngx_http_zwfw_standby_probe(ngx_event_t *ev)
{
    ngx_http_zwfw_pg_t          *pg;
    ngx_http_zwfw_pg_standby_t  *replay;

    pg = ev->data;
    replay = &pg->replay;

    /* without one there is nothing to ask; the next one is found */

    if (pg->pools[NGX_HTTP_ZWFW_PG_STANDBY].ready == 0) {
        return;
    }

    if (!replay->asking_flushed) {
        replay->asked = ngx_current_msec;
        replay->asking_flushed = ngx_http_zwfw_standby_ask(pg,
                                                         &replay->flushed);
    }

    if (!replay->asking_replayed) {
        replay->asking_replayed = ngx_http_zwfw_standby_ask(pg,
                                                          &replay->replayed);
    }

    ngx_add_timer(ev, NGX_HTTP_ZWFW_PG_PROBE);
}


static ngx_uint_t
ngx_http_zwfw_standby_ask(ngx_http_zwfw_pg_t *pg, ngx_http_zwfw_query_t *q)
{
    return ngx_http_zwfw_pg_ask(pg, q) == NGX_OK;
}


/* an older goal that is not reached yet says for how long it was not */

static void
ngx_http_zwfw_standby_flushed(ngx_http_zwfw_query_t *q)
{
    ngx_int_t                    position;
    ngx_http_zwfw_pg_standby_t  *replay;

    replay = q->data;
    replay->asking_flushed = 0;

    position = ngx_atoi(q->value.data, q->value.len);

    if (q->rc == NGX_OK && position != NGX_ERROR && replay->goal == 0) {
        replay->goal = position;
        replay->since = replay->asked;
    }
}


static void
ngx_http_zwfw_standby_replayed(ngx_http_zwfw_query_t *q)
{
    u_char                      *space, *last;
    ngx_int_t                    below, position;
    ngx_http_zwfw_pg_standby_t  *replay;

    replay = q->data;
    replay->asking_replayed = 0;

    if (q->rc != NGX_OK || q->value.len == 0) {
        return;
    }

    last = q->value.data + q->value.len;
    space = ngx_strlchr(q->value.data, last, ' ');

    if (space == NULL) {
        return;
    }

    below = ngx_atoi(q->value.data, space - q->value.data);
    position = ngx_atoi(space + 1, last - space - 1);

    if (below == NGX_ERROR || position == NGX_ERROR) {
        return;
    }

    replay->seen = below;

    if (replay->goal && (uint64_t) position >= replay->goal) {
        replay->goal = 0;
        replay->known = 1;
    }
}
