
/*
 * sweep: stored files that no row uses are removed after a day.  In turns: a
 * thread collects old names, SQL says which of them nobody uses, a thread
 * removes those
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_SWEEP_AGE    86400    /* seconds */
#define NGX_HTTP_ZWFW_SWEEP_NAMES  1000     /* of one turn */


typedef struct {
    ngx_pool_t                *pool;        /* of all turns */
    ngx_pool_t                *turn;        /* of this one */
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_chore_t      chore;
    zwfw_vault_t               vault;
    zwfw_vault_scan_t          scan;
    char                     **unused;      /* to be removed */
    ngx_uint_t                 nunused;
    ngx_uint_t                 removed;
    ngx_int_t                  rc;          /* of the thread */
    ngx_str_t                  args;
    ngx_str_t                  body;
    ngx_http_zwfw_told_pt      done;
    void                      *data;
} ngx_http_zwfw_sweep_t;


static ngx_http_zwfw_sweep_t *ngx_http_zwfw_sweep_create(
    ngx_http_zwfw_platform_t *pf);
static ngx_uint_t ngx_http_zwfw_sweep_worked(ngx_http_zwfw_sweep_t *s);
static void ngx_http_zwfw_sweep_scan(void *data);
static void ngx_http_zwfw_sweep_ask(void *data);
static ngx_int_t ngx_http_zwfw_sweep_args(ngx_http_zwfw_sweep_t *s);
static void ngx_http_zwfw_sweep_answered(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static ngx_int_t ngx_http_zwfw_sweep_unused(ngx_http_zwfw_sweep_t *s,
    ngx_str_t *answer);
static void ngx_http_zwfw_sweep_remove(void *data);
static void ngx_http_zwfw_sweep_again(void *data);
static void ngx_http_zwfw_sweep_end(ngx_http_zwfw_sweep_t *s, ngx_int_t rc);


static ngx_str_t  ngx_http_zwfw_sweep_call = ngx_string("files_unused");


ngx_int_t
ngx_http_zwfw_files_sweep(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_told_pt done, void *data)
{
    ngx_http_zwfw_sweep_t  *s;

    s = ngx_http_zwfw_sweep_create(pf);
    if (s == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_chore_post(&s->chore, ngx_http_zwfw_sweep_scan,
                                 ngx_http_zwfw_sweep_ask)
        != NGX_OK)
    {
        ngx_destroy_pool(s->pool);
        return NGX_ERROR;
    }

    s->done = done;
    s->data = data;

    return NGX_OK;
}


static ngx_http_zwfw_sweep_t *
ngx_http_zwfw_sweep_create(ngx_http_zwfw_platform_t *pf)
{
    ngx_pool_t             *pool;
    ngx_http_zwfw_sweep_t  *s;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    s = ngx_pcalloc(pool, sizeof(ngx_http_zwfw_sweep_t));

    if (s == NULL
        || ngx_http_zwfw_chore_init(&s->chore, pool, pf, s) != NGX_OK
        || ngx_http_zwfw_vault(pool, pf, &s->vault) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    s->pool = pool;
    s->platform = pf;
    s->scan.before = ngx_time() - NGX_HTTP_ZWFW_SWEEP_AGE;
    ngx_str_set(&s->body, "{}");

    return s;
}


/* the thread is done: 1 when it goes on */

static ngx_uint_t
ngx_http_zwfw_sweep_worked(ngx_http_zwfw_sweep_t *s)
{
    if (s->rc == ZWFW_DECLINED) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, s->vault.error,
                      "zwfw: files of \"%V\" could not be swept: %s failed",
                      &s->platform->files, s->vault.what);
    }

    if (s->rc != ZWFW_OK || ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_http_zwfw_sweep_end(s, NGX_ERROR);
        return 0;
    }

    return 1;
}


/* in the thread */

static void
ngx_http_zwfw_sweep_scan(void *data)
{
    ngx_http_zwfw_sweep_t  *s = data;

    s->rc = zwfw_vault_enter(&s->vault);

    if (s->rc == ZWFW_OK && s->scan.next == 0) {
        s->rc = zwfw_vault_clean(&s->vault, s->scan.before);
    }

    if (s->rc == ZWFW_OK) {
        s->rc = zwfw_vault_scan(&s->vault, &s->scan,
                                NGX_HTTP_ZWFW_SWEEP_NAMES);
    }

    zwfw_vault_leave(&s->vault);
}


static void
ngx_http_zwfw_sweep_ask(void *data)
{
    ngx_http_zwfw_sweep_t  *s = data;

    if (!ngx_http_zwfw_sweep_worked(s)) {
        return;
    }

    if (s->scan.count == 0) {
        ngx_http_zwfw_sweep_end(s, NGX_OK);
        return;
    }

    s->turn = ngx_create_pool(16384, ngx_cycle->log);

    if (s->turn == NULL
        || ngx_http_zwfw_sweep_args(s) != NGX_OK
        || ngx_http_zwfw_tell(s->platform, NGX_HTTP_ZWFW_SLOW,
                              &ngx_http_zwfw_sweep_call, &s->args, &s->body,
                              ngx_http_zwfw_sweep_answered, s)
           != NGX_OK)
    {
        ngx_http_zwfw_sweep_end(s, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_zwfw_sweep_args(ngx_http_zwfw_sweep_t *s)
{
    u_char    *p;
    unsigned   i;

    p = ngx_pnalloc(s->turn, sizeof("{\"addresses\":[]}")
                             + s->scan.count * (ZWFW_VAULT_ADDRESS + 3));
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->args.data = p;
    p = ngx_cpymem(p, "{\"addresses\":[", sizeof("{\"addresses\":[") - 1);

    for (i = 0; i < s->scan.count; i++) {
        p = ngx_sprintf(p, "%s\"%s\"", i ? "," : "", s->scan.names[i]);
    }

    p = ngx_cpymem(p, "]}", 3);
    s->args.len = p - s->args.data - 1;

    return NGX_OK;
}


static void
ngx_http_zwfw_sweep_answered(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_sweep_t  *s = data;

    if (rc != NGX_OK
        || ngx_http_zwfw_sweep_unused(s, answer) != NGX_OK
        || ngx_http_zwfw_chore_post(&s->chore, ngx_http_zwfw_sweep_remove,
                                    ngx_http_zwfw_sweep_again)
           != NGX_OK)
    {
        ngx_http_zwfw_sweep_end(s, NGX_ERROR);
    }
}


/* only what is named goes: an answer that is not understood removes nothing */

static ngx_int_t
ngx_http_zwfw_sweep_unused(ngx_http_zwfw_sweep_t *s, ngx_str_t *answer)
{
    zwfw_mem_t          mem;
    zwfw_json_t        *json, *list, *name;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 4, 1000000, 1000000, 24 };

    mem.alloc = ngx_http_zwfw_alloc;
    mem.pool = s->turn;

    if (zwfw_json_parse(&mem, answer->data, answer->len, &limits, &json,
                        &error)
        != ZWFW_OK)
    {
        return NGX_ERROR;
    }

    list = zwfw_json_get(json, "addresses", 9);
    if (list == NULL || list->type != ZWFW_JSON_ARRAY) {
        return NGX_ERROR;
    }

    s->nunused = 0;
    s->unused = ngx_palloc(s->turn, (list->count + 1) * sizeof(char *));
    if (s->unused == NULL) {
        return NGX_ERROR;
    }

    for (name = list->child; name; name = name->next) {
        if (name->type != ZWFW_JSON_STRING
            || name->value.len != ZWFW_VAULT_ADDRESS)
        {
            return NGX_ERROR;
        }

        s->unused[s->nunused++] = (char *) name->value.data;
    }

    return NGX_OK;
}


/* in the thread */

static void
ngx_http_zwfw_sweep_remove(void *data)
{
    ngx_uint_t              i;
    ngx_http_zwfw_sweep_t  *s = data;

    s->rc = zwfw_vault_enter(&s->vault);

    for (i = 0; i < s->nunused && s->rc == ZWFW_OK; i++) {
        s->rc = zwfw_vault_remove(&s->vault, s->unused[i], s->scan.before);
    }

    s->removed += i;

    zwfw_vault_leave(&s->vault);
}


static void
ngx_http_zwfw_sweep_again(void *data)
{
    ngx_http_zwfw_sweep_t  *s = data;

    if (!ngx_http_zwfw_sweep_worked(s)) {
        return;
    }

    ngx_destroy_pool(s->turn);
    s->turn = NULL;

    if (ngx_http_zwfw_chore_post(&s->chore, ngx_http_zwfw_sweep_scan,
                                 ngx_http_zwfw_sweep_ask)
        != NGX_OK)
    {
        ngx_http_zwfw_sweep_end(s, NGX_ERROR);
    }
}


static void
ngx_http_zwfw_sweep_end(ngx_http_zwfw_sweep_t *s, ngx_int_t rc)
{
    void                   *data;
    ngx_str_t               none;
    ngx_http_zwfw_told_pt   done;

    if (s->removed) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "zwfw: %ui files of \"%V\" that nobody used were removed",
                      s->removed, &s->platform->files);
    }

    done = s->done;
    data = s->data;

    if (s->turn) {
        ngx_destroy_pool(s->turn);
    }

    zwfw_vault_scan_free(&s->scan);
    ngx_destroy_pool(s->pool);

    ngx_str_null(&none);
    done(data, rc, &none);
}
