
/*
 * check: is it well said?  The fields of the row, the form token, and the
 * sealing of personal identifiers
 */


#include "ngx_http_zwfw_core.h"
#include "zwfw_cookie.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_zwfw_check_wrong(ngx_http_zwfw_ctx_t *ctx);
static ngx_uint_t ngx_http_zwfw_check_sealed(zwfw_json_t *json);
static ngx_int_t ngx_http_zwfw_check_args(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_check_token(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_check_key(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_check_digest(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_invalid(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_take(ngx_http_zwfw_ctx_t *ctx,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_zwfw_seal_fields(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_field_t *fields, zwfw_json_t *object);
static ngx_int_t ngx_http_zwfw_seal_field(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_field_t *field, zwfw_json_t *value);


static ngx_str_t  ngx_http_zwfw_sealed = ngx_string("sealed");


ngx_int_t
ngx_http_zwfw_step_check(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    int                     rc;
    ngx_http_zwfw_route_t  *rt;
    ngx_http_zwfw_state_t  *state = ctx->core;

    rt = ctx->route;

    ctx->errors = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    if (ctx->errors == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_zwfw_check_args(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (rt->method != NGX_HTTP_POST) {
        return ctx->errors->child ? ngx_http_zwfw_invalid(r, ctx) : NGX_OK;
    }

    rc = ngx_http_zwfw_check_token(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_check_key(r, ctx);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = zwfw_field_check(&ctx->mem, state->row->body, ctx->body,
                          ctx->errors);

    if (rc == ZWFW_ERROR || ngx_http_zwfw_check_wrong(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->errors->child) {
        return ngx_http_zwfw_invalid(r, ctx);
    }

    if (ngx_http_zwfw_check_sealed(ctx->body)) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_ZWFW_UNPROCESSABLE,
                                    "bad_name", &ngx_http_zwfw_sealed);
    }

    if (ngx_http_zwfw_check_digest(r, ctx) != NGX_OK
        || ngx_http_zwfw_uuid(r->pool, &ctx->new_id) != NGX_OK
        || zwfw_json_add(&ctx->mem, ctx->args, "new_id", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->new_id) == NULL
        || ngx_http_zwfw_seal_fields(r, ctx, state->row->body, ctx->body)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* parts that were refused as they came have their code already */

static ngx_int_t
ngx_http_zwfw_check_wrong(ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t            *wrong, *error;
    ngx_http_zwfw_state_t  *state = ctx->core;

    wrong = state->wrong ? state->wrong->child : NULL;

    for ( /* void */ ; wrong; wrong = wrong->next) {
        error = zwfw_json_get(ctx->errors, (char *) wrong->key.data,
                              wrong->key.len);

        if (error) {
            error->value = wrong->value;
            continue;
        }

        if (ngx_http_zwfw_put(ctx, ctx->errors, &wrong->key, &wrong->value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* only we seal: a client's "sealed" would be opened in an answer */

static ngx_uint_t
ngx_http_zwfw_check_sealed(zwfw_json_t *json)
{
    zwfw_json_t  *child;

    for (child = json->child; child; child = child->next) {
        if (child->key.len == ngx_http_zwfw_sealed.len
            && ngx_strncmp(child->key.data, ngx_http_zwfw_sealed.data,
                           child->key.len) == 0)
        {
            return 1;
        }

        if (ngx_http_zwfw_check_sealed(child)) {
            return 1;
        }
    }

    return 0;
}


/* a bad path is a thing that is not there; what else is wrong is told together
   with the body */

static ngx_int_t
ngx_http_zwfw_check_args(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    int                     rc;
    ngx_str_t               field;
    zwfw_field_t           *f;
    ngx_http_zwfw_state_t  *state = ctx->core;

    rc = zwfw_field_check(&ctx->mem, state->row->args, ctx->args,
                          ctx->errors);

    if (rc == ZWFW_OK) {
        return NGX_OK;
    }

    if (rc == ZWFW_ERROR) {
        return NGX_ERROR;
    }

    for (f = state->row->args; f->type; f++) {
        if ((f->flags & ZWFW_FIELD_PATH)
            && zwfw_json_get(ctx->errors, (char *) f->name.data, f->name.len))
        {
            field.len = f->name.len;
            field.data = f->name.data;
            return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found",
                                        &field);
        }
    }

    return NGX_OK;
}


/* what a session's cookie asks to change, a page of ours has asked */

static ngx_int_t
ngx_http_zwfw_check_token(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   given, own, uid;

    ngx_http_zwfw_given_token(r, ctx, &given);

    if (ctx->session == NULL) {
        return NGX_OK;
    }

    /* a page's says behind a dot whose it is */

    own = given;

    if (own.len > ZWFW_TOKEN && own.data[ZWFW_TOKEN] == '.') {
        own.len = ZWFW_TOKEN;
    }

    rc = ngx_http_zwfw_check_form_token(r, &own);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* of a page that the same person opened before the last log-in */

    if (ctx->page && ctx->route->form.len
        && ngx_http_zwfw_token_owner(r, &given, &uid) == NGX_OK
        && uid.len == ctx->session->uid.len
        && ngx_memcmp(uid.data, ctx->session->uid.data, uid.len) == 0)
    {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_CONFLICT, "form_restored",
                                    NULL);
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "bad_token", NULL);
}


void
ngx_http_zwfw_given_token(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *given)
{
    ngx_str_t  *header;

    header = ngx_http_zwfw_header(r, (u_char *) "x-csrf-token",
                                  sizeof("x-csrf-token") - 1);

    if (ngx_http_zwfw_take(ctx, "_token", given) != NGX_OK) {
        ngx_str_null(given);
    }

    if (header) {
        *given = *header;
    }
}


/* Idempotency-Key, or the hidden field of a form; of no meaning to a row that
   does not write */

static ngx_int_t
ngx_http_zwfw_check_key(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               key, *header;
    ngx_uint_t              i;
    ngx_http_zwfw_state_t  *state = ctx->core;

    header = ngx_http_zwfw_header(r, (u_char *) "idempotency-key",
                                  sizeof("idempotency-key") - 1);

    if (ngx_http_zwfw_take(ctx, "_key", &key) != NGX_OK) {
        ngx_str_null(&key);
    }

    if (header) {
        key = *header;
    }

    if (key.data == NULL || ctx->route->class != NGX_HTTP_ZWFW_WRITE) {
        return NGX_OK;
    }

    for (i = 0; i < key.len; i++) {
        if (key.data[i] <= ' ' || key.data[i] > '~') {
            break;
        }
    }

    if (i < key.len || key.len < 8 || key.len > 64) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST,
                                    "bad_idempotency_key", NULL);
    }

    state->once = key;

    return NGX_OK;
}


/*
 * Of what was asked, before new_id and fresh nonces make it differ.  Strangers
 * do not share keys: the key of nobody is one together with the whole request,
 * so that only who knows that, with its password, gets its reply again
 */

static ngx_int_t
ngx_http_zwfw_check_digest(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p, *text, *key;
    size_t                  len;
    ngx_int_t               rc;
    ngx_str_t               value, *what;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->once.len == 0) {
        return NGX_OK;
    }

    what = ctx->route->call.len ? &ctx->route->call : &ctx->route->path;

    len = what->len + zwfw_json_size(ctx->args) + zwfw_json_size(ctx->body)
          + state->once.len;

    text = ngx_pnalloc(r->pool, len);
    key = ngx_pnalloc(r->pool, sizeof(state->digest));

    if (text == NULL || key == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text, what->data, what->len);
    p = zwfw_json_write(p, ctx->args);
    p = zwfw_json_write(p, ctx->body);

    value.data = text;
    value.len = p - text;

    rc = ngx_http_zwfw_pseudonym(r, "once", &value, state->digest);

    if (rc == NGX_OK && ctx->session == NULL) {
        p = ngx_cpymem(p, state->once.data, state->once.len);
        value.len = p - text;

        rc = ngx_http_zwfw_pseudonym(r, "nobody", &value, key);

        state->once.data = key;
        state->once.len = sizeof(state->digest) - 1;
    }

    OPENSSL_cleanse(text, len);

    return rc;
}


/* the first error is the field of the refusal */

static ngx_int_t
ngx_http_zwfw_invalid(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t     field;
    zwfw_json_t  *error;

    error = ctx->errors->child;

    field.len = error->key.len;
    field.data = error->key.data;

    return ngx_http_zwfw_refuse(r, NGX_HTTP_ZWFW_UNPROCESSABLE,
                                (char *) error->value.data, &field);
}


/* takes a string member out of the body */

static ngx_int_t
ngx_http_zwfw_take(ngx_http_zwfw_ctx_t *ctx, const char *name,
    ngx_str_t *value)
{
    zwfw_json_t  *member;

    member = zwfw_json_get(ctx->body, name, ngx_strlen(name));

    if (member == NULL || member->type != ZWFW_JSON_STRING) {
        return NGX_DECLINED;
    }

    value->len = member->value.len;
    value->data = member->value.data;

    zwfw_json_remove(ctx->body, member);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_seal_fields(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_field_t *fields, zwfw_json_t *object)
{
    zwfw_json_t  *value, *member;

    for ( /* void */ ; fields && fields->type; fields++) {
        value = zwfw_json_get(object, (char *) fields->name.data,
                              fields->name.len);

        if (value == NULL) {
            continue;
        }

        if (fields->seal
            && ngx_http_zwfw_seal_field(r, ctx, fields, value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (fields->fields == NULL) {
            continue;
        }

        if (value->type == ZWFW_JSON_OBJECT) {
            if (ngx_http_zwfw_seal_fields(r, ctx, fields->fields, value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        for (member = value->child; member; member = member->next) {
            if (ngx_http_zwfw_seal_fields(r, ctx, fields->fields, member)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * "x" becomes {"sealed": "zs1:...", "index": ["2:...", "1:..."]}: the value
 * for its column and row, and its blind indexes, newest key first.  The row
 * is {id} of the path, or the new one
 */

static ngx_int_t
ngx_http_zwfw_seal_field(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_field_t *field, zwfw_json_t *value)
{
    ngx_uint_t            i;
    ngx_str_t             plain, place, sealed, index;
    zwfw_json_t          *id, *list;
    ngx_http_zwfw_key_t  *key;

    plain.len = value->value.len;
    plain.data = value->value.data;

    id = zwfw_json_get(ctx->args, "id", 2);

    place.data = ngx_pnalloc(r->pool, ngx_strlen(field->seal) + 1
                                      + (id ? id->value.len
                                            : ctx->new_id.len));
    if (place.data == NULL) {
        return NGX_ERROR;
    }

    place.len = ngx_sprintf(place.data, "%s:%V", field->seal,
                            id ? (ngx_str_t *) &id->value : &ctx->new_id)
                - place.data;

    if (ngx_http_zwfw_seal(r->pool, ngx_http_zwfw_newest_key(ctx->platform),
                           &place, &plain, &sealed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    value->type = ZWFW_JSON_OBJECT;

    list = zwfw_json_add(&ctx->mem, value, "sealed", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &sealed);
    if (list == NULL) {
        return NGX_ERROR;
    }

    list = zwfw_json_add(&ctx->mem, value, "index", ZWFW_JSON_ARRAY, NULL);
    key = ctx->platform->keys.elts;

    for (i = ctx->platform->keys.nelts; list && i--; /* void */) {
        if (ngx_http_zwfw_index_by(r->pool, &key[i], &plain, &index) != NGX_OK
            || zwfw_json_add(&ctx->mem, list, NULL, ZWFW_JSON_STRING,
                             (zwfw_str_t *) &index) == NULL)
        {
            return NGX_ERROR;
        }
    }

    OPENSSL_cleanse(plain.data, plain.len);

    return list ? NGX_OK : NGX_ERROR;
}
