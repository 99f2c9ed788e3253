
/*
 * roll: what is sealed under older keys comes under the newest, while all is
 * served.  In turns: SQL names a hundred values, a thread opens them with the
 * old key and seals them with the new, SQL stores those that nobody changed
 * meanwhile; then the same with the folder of files.  A run that is cut off
 * goes on where it was: what is done is under the new key
 */


#include "ngx_http_zwfw_core.h"

#include <openssl/crypto.h>


#define NGX_HTTP_ZWFW_ROLL_TIME   45000     /* ms; the lease is longer */
#define NGX_HTTP_ZWFW_ROLL_FILES  16        /* of one turn, or a folder */
#define NGX_HTTP_ZWFW_ROLL_AFTER  256       /* bytes of a place */


typedef struct {
    ngx_str_t                  id;
    ngx_str_t                  sealed;
    ngx_str_t                  fresh;       /* empty: it was not opened */
    ngx_str_t                  blind;
} ngx_http_zwfw_value_t;


typedef struct {
    ngx_pool_t                *pool;        /* of all turns */
    ngx_pool_t                *turn;        /* of this one */
    zwfw_mem_t                 mem;         /* of the turn */
    ngx_http_zwfw_platform_t  *platform;
    ngx_http_zwfw_chore_t      chore;
    ngx_msec_t                 began;

    ngx_str_t                  name;        /* of the column */
    ngx_http_zwfw_value_t     *values;
    ngx_uint_t                 nvalues;
    ngx_str_t                  after;       /* JSON, in place */
    u_char                     place[NGX_HTTP_ZWFW_ROLL_AFTER];

    zwfw_vault_t               vault;
    zwfw_vault_scan_t          scan;
    ngx_int_t                  rc;          /* of the walk's thread */
    ngx_uint_t                 bad;         /* files of the turn */

    ngx_uint_t                 rolled;
    ngx_uint_t                 files;
    ngx_uint_t                 failed;      /* values and files */
    ngx_http_zwfw_told_pt      done;
    void                      *data;
} ngx_http_zwfw_roll_t;


static ngx_http_zwfw_roll_t *ngx_http_zwfw_roll_create(
    ngx_http_zwfw_platform_t *pf);
static ngx_int_t ngx_http_zwfw_roll_turn(ngx_http_zwfw_roll_t *roll);
static ngx_uint_t ngx_http_zwfw_roll_stops(ngx_http_zwfw_roll_t *roll);
static ngx_int_t ngx_http_zwfw_roll_tell(ngx_http_zwfw_roll_t *roll,
    ngx_uint_t class, ngx_str_t *call, ngx_str_t *args, zwfw_json_t *body,
    ngx_http_zwfw_told_pt done);
static void ngx_http_zwfw_roll_values(ngx_http_zwfw_roll_t *roll);
static void ngx_http_zwfw_roll_due(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static ngx_int_t ngx_http_zwfw_roll_take(ngx_http_zwfw_roll_t *roll,
    zwfw_json_t *json);
static ngx_int_t ngx_http_zwfw_roll_place(ngx_http_zwfw_roll_t *roll,
    zwfw_json_t *json);
static void ngx_http_zwfw_roll_seal(void *data);
static ngx_int_t ngx_http_zwfw_roll_value(ngx_http_zwfw_roll_t *roll,
    ngx_http_zwfw_value_t *v);
static void ngx_http_zwfw_roll_store(void *data);
static zwfw_json_t *ngx_http_zwfw_roll_body(ngx_http_zwfw_roll_t *roll);
static void ngx_http_zwfw_roll_stored(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_roll_walk(ngx_http_zwfw_roll_t *roll);
static void ngx_http_zwfw_roll_from(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_roll_files(void *data);
static void ngx_http_zwfw_roll_walked(void *data);
static zwfw_json_t *ngx_http_zwfw_roll_answer(ngx_http_zwfw_roll_t *roll,
    ngx_str_t *answer);
static void ngx_http_zwfw_roll_end(ngx_http_zwfw_roll_t *roll, ngx_int_t rc);
static ngx_int_t ngx_http_zwfw_keys_args(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


static ngx_str_t  ngx_http_zwfw_roll_due_call = ngx_string("keys_due");
static ngx_str_t  ngx_http_zwfw_roll_call = ngx_string("keys_roll");
static ngx_str_t  ngx_http_zwfw_roll_files_call = ngx_string("keys_files");


/* the page of keys: which of this node's are still needed */

ngx_http_zwfw_step_pt  ngx_http_zwfw_keys_steps[] = {
    ngx_http_zwfw_keys_args,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


ngx_int_t
ngx_http_zwfw_keys_roll(ngx_http_zwfw_platform_t *pf,
    ngx_http_zwfw_told_pt done, void *data)
{
    ngx_http_zwfw_roll_t  *roll;

    roll = ngx_http_zwfw_roll_create(pf);
    if (roll == NULL) {
        return NGX_ERROR;
    }

    roll->done = done;
    roll->data = data;

    ngx_http_zwfw_roll_values(roll);

    return NGX_OK;
}


static ngx_http_zwfw_roll_t *
ngx_http_zwfw_roll_create(ngx_http_zwfw_platform_t *pf)
{
    ngx_pool_t            *pool;
    ngx_http_zwfw_roll_t  *roll;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    roll = ngx_pcalloc(pool, sizeof(ngx_http_zwfw_roll_t));

    if (roll == NULL
        || ngx_http_zwfw_chore_init(&roll->chore, pool, pf, roll) != NGX_OK
        || ngx_http_zwfw_vault(pool, pf, &roll->vault) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    roll->pool = pool;
    roll->platform = pf;
    roll->began = ngx_current_msec;
    roll->mem.alloc = ngx_http_zwfw_alloc;

    ngx_str_set(&roll->after, "[\"\",0,\"\"]");

    return roll;
}


static ngx_int_t
ngx_http_zwfw_roll_turn(ngx_http_zwfw_roll_t *roll)
{
    if (roll->turn) {
        ngx_destroy_pool(roll->turn);
    }

    roll->turn = ngx_create_pool(16384, ngx_cycle->log);
    roll->mem.pool = roll->turn;

    return roll->turn ? NGX_OK : NGX_ERROR;
}


/* the next run goes on */

static ngx_uint_t
ngx_http_zwfw_roll_stops(ngx_http_zwfw_roll_t *roll)
{
    return ngx_exiting || ngx_quit || ngx_terminate
           || ngx_current_msec - roll->began > NGX_HTTP_ZWFW_ROLL_TIME;
}


static ngx_int_t
ngx_http_zwfw_roll_tell(ngx_http_zwfw_roll_t *roll, ngx_uint_t class,
    ngx_str_t *call, ngx_str_t *args, zwfw_json_t *body,
    ngx_http_zwfw_told_pt done)
{
    ngx_str_t  text;

    ngx_str_set(&text, "{}");

    if (body) {
        text.data = ngx_pnalloc(roll->turn, zwfw_json_size(body));
        if (text.data == NULL) {
            return NGX_ERROR;
        }

        text.len = zwfw_json_write(text.data, body) - text.data;
    }

    return ngx_http_zwfw_tell(roll->platform, class, call, args, &text, done,
                              roll);
}


/* values: which are due? */

static void
ngx_http_zwfw_roll_values(ngx_http_zwfw_roll_t *roll)
{
    u_char     buf[NGX_HTTP_ZWFW_ROLL_AFTER + 64];
    ngx_str_t  args;

    args.data = buf;
    args.len = ngx_sprintf(buf, "{\"key\":%ui,\"after\":%V}",
                   ngx_http_zwfw_newest_key(roll->platform)->number,
                   &roll->after)
               - buf;

    if (ngx_http_zwfw_roll_stops(roll)) {
        ngx_http_zwfw_roll_end(roll, NGX_OK);
        return;
    }

    if (ngx_http_zwfw_roll_turn(roll) != NGX_OK
        || ngx_http_zwfw_roll_tell(roll, NGX_HTTP_ZWFW_SLOW,
                                   &ngx_http_zwfw_roll_due_call, &args, NULL,
                                   ngx_http_zwfw_roll_due)
           != NGX_OK)
    {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
    }
}


static void
ngx_http_zwfw_roll_due(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_roll_t  *roll = data;

    zwfw_json_t  *json;

    json = (rc == NGX_OK) ? ngx_http_zwfw_roll_answer(roll, answer) : NULL;

    if (json == NULL) {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
        return;
    }

    if (json->count == 0) {
        ngx_http_zwfw_roll_walk(roll);
        return;
    }

    if (ngx_http_zwfw_roll_take(roll, json) != NGX_OK
        || ngx_http_zwfw_chore_post(&roll->chore, ngx_http_zwfw_roll_seal,
                                    ngx_http_zwfw_roll_store)
           != NGX_OK)
    {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_zwfw_roll_take(ngx_http_zwfw_roll_t *roll, zwfw_json_t *json)
{
    zwfw_json_t            *list, *one;
    ngx_http_zwfw_value_t  *v;

    list = zwfw_json_get(json, "values", 6);

    if (list == NULL
        || ngx_http_zwfw_roll_place(roll, json) != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = ngx_pcalloc(roll->turn, (list->count + 1)
                                * sizeof(ngx_http_zwfw_value_t));
    if (v == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zwfw_get_text(json, "name", &roll->name);

    roll->values = v;
    roll->nvalues = list->count;

    for (one = list->child; one; one = one->next, v++) {
        ngx_http_zwfw_get_text(one, "id", &v->id);
        ngx_http_zwfw_get_text(one, "value", &v->sealed);
    }

    return NGX_OK;
}


/* where the next answer begins, kept over the turns */

static ngx_int_t
ngx_http_zwfw_roll_place(ngx_http_zwfw_roll_t *roll, zwfw_json_t *json)
{
    zwfw_json_t  *after;

    after = zwfw_json_get(json, "after", 5);

    if (after == NULL || zwfw_json_size(after) > sizeof(roll->place)) {
        return NGX_ERROR;
    }

    roll->after.data = roll->place;
    roll->after.len = zwfw_json_write(roll->place, after) - roll->place;

    return NGX_OK;
}


/* in the thread; the pool of the turn is its own meanwhile */

static void
ngx_http_zwfw_roll_seal(void *data)
{
    ngx_uint_t             i;
    ngx_http_zwfw_roll_t  *roll = data;

    for (i = 0; i < roll->nvalues; i++) {
        if (ngx_http_zwfw_roll_value(roll, &roll->values[i]) != NGX_OK) {
            roll->values[i].fresh.len = 0;
        }
    }
}


static ngx_int_t
ngx_http_zwfw_roll_value(ngx_http_zwfw_roll_t *roll,
    ngx_http_zwfw_value_t *v)
{
    ngx_int_t             rc;
    ngx_str_t             place, plain;
    ngx_http_zwfw_key_t  *key;

    key = ngx_http_zwfw_newest_key(roll->platform);

    place.data = ngx_pnalloc(roll->turn, roll->name.len + 1 + v->id.len);
    if (place.data == NULL) {
        return NGX_ERROR;
    }

    place.len = ngx_sprintf(place.data, "%V:%V", &roll->name, &v->id)
                - place.data;

    rc = ngx_http_zwfw_unseal(roll->turn, roll->platform, &place, &v->sealed,
                              &plain);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_zwfw_index_by(roll->turn, key, &plain, &v->blind);

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_seal(roll->turn, key, &place, &plain, &v->fresh);
    }

    OPENSSL_cleanse(plain.data, plain.len);

    return rc;
}


static void
ngx_http_zwfw_roll_store(void *data)
{
    ngx_str_t              args;
    zwfw_json_t           *body;
    ngx_http_zwfw_roll_t  *roll = data;

    ngx_str_set(&args, "{}");

    body = ngx_http_zwfw_roll_body(roll);

    if (body == NULL
        || ngx_http_zwfw_roll_tell(roll, NGX_HTTP_ZWFW_WRITE,
                                   &ngx_http_zwfw_roll_call, &args, body,
                                   ngx_http_zwfw_roll_stored)
           != NGX_OK)
    {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
    }
}


static zwfw_json_t *
ngx_http_zwfw_roll_body(ngx_http_zwfw_roll_t *roll)
{
    ngx_uint_t              i;
    zwfw_json_t            *body, *list, *one;
    ngx_http_zwfw_value_t  *v;

    body = zwfw_json_new(&roll->mem, ZWFW_JSON_OBJECT, NULL);

    if (body == NULL
        || zwfw_json_add(&roll->mem, body, "name", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &roll->name) == NULL)
    {
        return NULL;
    }

    list = zwfw_json_add(&roll->mem, body, "values", ZWFW_JSON_ARRAY, NULL);

    for (i = 0; i < roll->nvalues && list; i++) {
        v = &roll->values[i];

        if (v->fresh.len == 0) {
            roll->failed++;
            continue;
        }

        one = zwfw_json_add(&roll->mem, list, NULL, ZWFW_JSON_OBJECT, NULL);

        if (one == NULL
            || zwfw_json_add(&roll->mem, one, "id", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &v->id) == NULL
            || zwfw_json_add(&roll->mem, one, "old", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &v->sealed) == NULL
            || zwfw_json_add(&roll->mem, one, "new", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &v->fresh) == NULL
            || zwfw_json_add(&roll->mem, one, "blind", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &v->blind) == NULL)
        {
            return NULL;
        }
    }

    return list ? body : NULL;
}


static void
ngx_http_zwfw_roll_stored(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_roll_t  *roll = data;

    zwfw_json_t  *json;

    json = (rc == NGX_OK) ? ngx_http_zwfw_roll_answer(roll, answer) : NULL;
    json = zwfw_json_get(json, "rolled", 6);

    if (json == NULL) {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
        return;
    }

    roll->rolled += ngx_atoi(json->value.data, json->value.len);

    ngx_http_zwfw_roll_values(roll);
}


/* files: with one key there is nothing to bring them to; NULL: the first */

static void
ngx_http_zwfw_roll_walk(ngx_http_zwfw_roll_t *roll)
{
    u_char     buf[128];
    ngx_str_t  args;

    if (roll->platform->keys.nelts == 1 || ngx_http_zwfw_roll_stops(roll)) {
        ngx_http_zwfw_roll_end(roll, NGX_OK);
        return;
    }

    args.data = buf;
    args.len = ngx_sprintf(buf, "{\"key\":%ui,\"next\":%ui,\"failed\":%ui}",
                   ngx_http_zwfw_newest_key(roll->platform)->number,
                   (ngx_uint_t) roll->scan.next, roll->bad)
               - buf;

    roll->bad = 0;

    if (ngx_http_zwfw_roll_turn(roll) != NGX_OK
        || ngx_http_zwfw_roll_tell(roll, NGX_HTTP_ZWFW_WRITE,
                                   &ngx_http_zwfw_roll_files_call, &args,
                                   NULL, ngx_http_zwfw_roll_from)
           != NGX_OK)
    {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
    }
}


static void
ngx_http_zwfw_roll_from(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_roll_t  *roll = data;

    zwfw_json_t  *json;

    json = (rc == NGX_OK) ? ngx_http_zwfw_roll_answer(roll, answer) : NULL;

    if (json == NULL) {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
        return;
    }

    json = zwfw_json_get(json, "from", 4);

    if (json == NULL) {
        ngx_http_zwfw_roll_end(roll, NGX_OK);
        return;
    }

    roll->scan.next = ngx_atoi(json->value.data, json->value.len);
    roll->scan.before = ngx_time() + 86400;

    if (ngx_http_zwfw_chore_post(&roll->chore, ngx_http_zwfw_roll_files,
                                 ngx_http_zwfw_roll_walked)
        != NGX_OK)
    {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
    }
}


/* in the thread */

static void
ngx_http_zwfw_roll_files(void *data)
{
    int                    rolled;
    unsigned               i;
    ngx_http_zwfw_roll_t  *roll = data;

    roll->vault.what = NULL;
    roll->rc = zwfw_vault_enter(&roll->vault);

    if (roll->rc == ZWFW_OK) {
        roll->rc = zwfw_vault_scan(&roll->vault, &roll->scan,
                                   NGX_HTTP_ZWFW_ROLL_FILES);
    }

    for (i = 0; i < roll->scan.count && roll->rc == ZWFW_OK; i++) {
        if (zwfw_vault_roll(&roll->vault, roll->scan.names[i], &rolled)
            != ZWFW_OK)
        {
            roll->bad++;
            continue;
        }

        roll->files += rolled;
    }

    zwfw_vault_leave(&roll->vault);
}


static void
ngx_http_zwfw_roll_walked(void *data)
{
    ngx_http_zwfw_roll_t  *roll = data;

    if (roll->vault.what) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, roll->vault.error,
                      "zwfw: files of \"%V\" could not be brought under the "
                      "newest key: %s",
                      &roll->platform->files, roll->vault.what);
    }

    if (roll->rc != ZWFW_OK) {
        ngx_http_zwfw_roll_end(roll, NGX_ERROR);
        return;
    }

    roll->failed += roll->bad;

    ngx_http_zwfw_roll_walk(roll);
}


/* in the pool of the turn */

static zwfw_json_t *
ngx_http_zwfw_roll_answer(ngx_http_zwfw_roll_t *roll, ngx_str_t *answer)
{
    ngx_str_t           text;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 5, 10000, 1000, 24 };

    text.len = answer->len;
    text.data = ngx_pstrdup(roll->turn, answer);

    if (text.data == NULL
        || zwfw_json_parse(&roll->mem, text.data, text.len, &limits, &json,
                           &error)
           != ZWFW_OK)
    {
        return NULL;
    }

    return json;
}


static void
ngx_http_zwfw_roll_end(ngx_http_zwfw_roll_t *roll, ngx_int_t rc)
{
    void                   *data;
    ngx_str_t               none;
    ngx_http_zwfw_told_pt   done;

    if (roll->rolled || roll->files) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "zwfw: %ui values and %ui files of platform \"%V\" were "
                      "brought under key %ui",
                      roll->rolled, roll->files, &roll->platform->name,
                      ngx_http_zwfw_newest_key(roll->platform)->number);
    }

    if (roll->failed) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "zwfw: %ui values or files of platform \"%V\" stay under "
                      "an older key: it is not in the key file, or they were "
                      "changed",
                      roll->failed, &roll->platform->name);
    }

    done = roll->done;
    data = roll->data;

    if (roll->turn) {
        ngx_destroy_pool(roll->turn);
    }

    zwfw_vault_scan_free(&roll->scan);
    ngx_destroy_pool(roll->pool);

    ngx_str_null(&none);
    done(data, rc, &none);
}


/* keys: the numbers in the file of this node, and the one in use */

static ngx_int_t
ngx_http_zwfw_keys_args(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char               *p;
    ngx_uint_t            i;
    zwfw_str_t            number;
    zwfw_json_t          *list;
    ngx_http_zwfw_key_t  *key;

    static ngx_str_t  call = ngx_string("keys_show");

    list = zwfw_json_add(&ctx->mem, ctx->args, "keys", ZWFW_JSON_ARRAY, NULL);
    key = ctx->platform->keys.elts;

    number.len = 0;

    for (i = 0; i < ctx->platform->keys.nelts && list; i++) {
        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        number.data = p;
        number.len = ngx_sprintf(p, "%ui", key[i].number) - p;

        if (zwfw_json_add(&ctx->mem, list, NULL, ZWFW_JSON_NUMBER, &number)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    if (list == NULL
        || zwfw_json_add(&ctx->mem, ctx->args, "key", ZWFW_JSON_NUMBER,
                         &number) == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_SLOW, &call, ctx->args, NULL);
}
