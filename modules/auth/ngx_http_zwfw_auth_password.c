
/*
 * Registration and login by e-mail address and password: level 1 of table 1
 */


#include "ngx_http_zwfw_auth.h"


#define NGX_HTTP_ZWFW_AUTH_PASSWORD  (72 * 4)   /* characters, as bytes */


/* what the thread gets and gives back */

typedef struct {
    size_t      len;
    u_char      password[NGX_HTTP_ZWFW_AUTH_PASSWORD];
    u_char      hash[128];
    ngx_int_t   rc;
} ngx_http_zwfw_auth_work_t;


static ngx_int_t ngx_http_zwfw_auth_take(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_auth_work_t **work);
static void ngx_http_zwfw_auth_make(void *data);
static void ngx_http_zwfw_auth_verify(void *data);
static void ngx_http_zwfw_auth_wipe(void *data);
static ngx_int_t ngx_http_zwfw_auth_say(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_auth_put(ngx_http_zwfw_ctx_t *ctx,
    const char *name, ngx_str_t *value);
static ngx_uint_t ngx_http_zwfw_auth_weak(ngx_http_zwfw_auth_work_t *work);


/* of no password: an unknown address takes as long as a known one */

static u_char  ngx_http_zwfw_auth_nobody[] =
    "scrypt$15$8$3$00000000000000000000000000000000$"
    "0000000000000000000000000000000000000000000000000000000000000000";


ngx_int_t
ngx_http_zwfw_auth_hash(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_auth_work_t  *work;

    static ngx_str_t  field = ngx_string("password");

    if (ngx_http_zwfw_auth_take(r, ctx, &work) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_auth_weak(work)) {
        return ngx_http_zwfw_refuse(r, 422, "weak_password", &field);
    }

    return ngx_http_zwfw_work(r, ngx_http_zwfw_auth_make, work,
                              sizeof(ngx_http_zwfw_auth_work_t));
}


/* letters alone or digits alone are guessed too soon, and so is what many
   people take */

static ngx_uint_t
ngx_http_zwfw_auth_weak(ngx_http_zwfw_auth_work_t *work)
{
    size_t      i;
    u_char      c;
    ngx_uint_t  digits, kinds;
    u_char      seen[256];

    static const char  **name, *common[] = {
        "password", "passw0rd", "p@ssw0rd", "abc123", "abcd1234", "a123456",
        "123456a", "1234abcd", "qwer1234", "qwerty", "1q2w3e4r", "1qaz2wsx",
        "asdf1234", "zxcvbnm", "admin123", "iloveyou", "woaini", "5201314",
        "111111", "123123", "654321", "888888", "666666", NULL
    };

    digits = 0;
    kinds = 0;
    ngx_memzero(seen, sizeof(seen));

    for (i = 0; i < work->len; i++) {
        c = ngx_tolower(work->password[i]);

        digits += (c >= '0' && c <= '9');
        kinds += !seen[c];
        seen[c] = 1;
    }

    if (digits == 0 || digits == work->len || kinds < 5) {
        return 1;
    }

    for (name = common; *name; name++) {
        i = ngx_strlen(*name);

        /* with two or three more it is no better */

        if (work->len < i + 4
            && ngx_strlcasestrn(work->password, work->password + work->len,
                                (u_char *) *name, i - 1))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_zwfw_auth_take(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_auth_work_t **work)
{
    zwfw_json_t                *password;
    ngx_pool_cleanup_t         *cln;
    ngx_http_zwfw_auth_work_t  *w;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_zwfw_auth_work_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_http_zwfw_auth_work_t));

    cln->handler = ngx_http_zwfw_auth_wipe;
    ctx->data = w;
    *work = w;

    password = zwfw_json_get(ctx->body, "password", 8);

    if (password->value.len > NGX_HTTP_ZWFW_AUTH_PASSWORD) {
        return NGX_ERROR;
    }

    w->len = password->value.len;
    ngx_memcpy(w->password, password->value.data, w->len);
    ngx_explicit_memzero(password->value.data, w->len);

    zwfw_json_remove(ctx->body, password);

    return NGX_OK;
}


static void
ngx_http_zwfw_auth_wipe(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_http_zwfw_auth_work_t));
}


/* in a thread */

static void
ngx_http_zwfw_auth_make(void *data)
{
    ngx_http_zwfw_auth_work_t  *work = data;

    ngx_str_t  password;

    password.len = work->len;
    password.data = work->password;

    work->rc = ngx_http_zwfw_password_hash(&password, work->hash);
}


static void
ngx_http_zwfw_auth_verify(void *data)
{
    ngx_http_zwfw_auth_work_t  *work = data;

    ngx_str_t  password;

    password.len = work->len;
    password.data = work->password;

    work->rc = ngx_http_zwfw_password_verify(&password, work->hash);
}


ngx_int_t
ngx_http_zwfw_auth_create(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                   hash;
    ngx_http_zwfw_auth_work_t  *work = ctx->data;

    static ngx_str_t  call = ngx_string("auth_register");

    if (work->rc != NGX_OK) {
        return NGX_ERROR;
    }

    hash.data = work->hash;
    hash.len = ngx_strlen(work->hash);

    if (ngx_http_zwfw_auth_put(ctx, "password", &hash) != NGX_OK
        || ngx_http_zwfw_auth_say(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_WRITE, &call, ctx->args,
                              ctx->body);
}


ngx_int_t
ngx_http_zwfw_auth_find(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *email, *body;

    static ngx_str_t  call = ngx_string("auth_find");

    email = zwfw_json_get(ctx->body, "email", 5);
    body = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (body == NULL) {
        return NGX_ERROR;
    }

    /* one member is shared by two trees, so the second is written out now */

    body->child = zwfw_json_get(email, "index", 5);
    body->last = body->child;
    body->count = 1;

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_READ, &call, NULL, body);
}


ngx_int_t
ngx_http_zwfw_auth_compare(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t                *answer, *hash;
    ngx_http_zwfw_auth_work_t  *work;

    answer = ngx_http_zwfw_answered(r);

    if (answer == NULL || ngx_http_zwfw_auth_take(r, ctx, &work) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(work->hash, ngx_http_zwfw_auth_nobody,
               sizeof(ngx_http_zwfw_auth_nobody));

    hash = zwfw_json_get(answer, "password", 8);

    if (hash && hash->value.len < sizeof(work->hash)) {
        ngx_memcpy(work->hash, hash->value.data, hash->value.len);
        work->hash[hash->value.len] = '\0';
    }

    return ngx_http_zwfw_work(r, ngx_http_zwfw_auth_verify, work,
                              sizeof(ngx_http_zwfw_auth_work_t));
}


ngx_int_t
ngx_http_zwfw_auth_enter(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_auth_work_t  *work = ctx->data;

    static ngx_str_t  call = ngx_string("auth_enter");

    if (zwfw_json_add(&ctx->mem, ctx->body, "right",
                      work->rc == NGX_OK ? ZWFW_JSON_TRUE : ZWFW_JSON_FALSE,
                      NULL) == NULL
        || ngx_http_zwfw_auth_say(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_WRITE, &call, ctx->args,
                              ctx->body);
}


/* where the person comes from, and with which browser; "next" is ours */

static ngx_int_t
ngx_http_zwfw_auth_say(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t     network, device;
    zwfw_json_t  *next;

    next = zwfw_json_get(ctx->body, "next", 4);

    if (next) {
        ngx_http_zwfw_next(r, (ngx_str_t *) &next->value);
        zwfw_json_remove(ctx->body, next);
    }

    network.len = 32;
    network.data = ngx_pnalloc(r->pool, network.len);

    if (network.data == NULL
        || ngx_http_zwfw_peer(r, "login", 1, network.data) != NGX_OK
        || ngx_http_zwfw_auth_put(ctx, "network", &network) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_device(r, &device) == NGX_OK
        && ngx_http_zwfw_auth_put(ctx, "device", &device) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_new_device(r, &device) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_auth_put(ctx, "new_device", &device);
}


static ngx_int_t
ngx_http_zwfw_auth_put(ngx_http_zwfw_ctx_t *ctx, const char *name,
    ngx_str_t *value)
{
    return zwfw_json_add(&ctx->mem, ctx->body, name, ZWFW_JSON_STRING,
                         (zwfw_str_t *) value)
           ? NGX_OK : NGX_ERROR;
}
