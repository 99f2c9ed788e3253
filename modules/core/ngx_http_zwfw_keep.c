
/*
 * A form that came when its session had just ended, or from a level that is
 * too low: what was typed is kept in Redis, sealed, for its person alone, and
 * is shown again, once, after the log-in.  And the way back to a form
 */


#include "ngx_http_zwfw_session.h"

#include <openssl/crypto.h>
#include <hiredis/read.h>


#define NGX_HTTP_ZWFW_KEEP    65536         /* bytes of a form */
#define NGX_HTTP_ZWFW_OWNED   512           /* of a token with its owner */


/* the texts of a multipart form, and its boundary; files are passed over */

typedef struct {
    ngx_http_zwfw_ctx_t       *ctx;
    zwfw_str_t                 name;
    zwfw_str_t                 text;
    zwfw_json_error_t         *error;
    unsigned                   file:1;
} ngx_http_zwfw_parts_t;


static ngx_int_t ngx_http_zwfw_keep_store(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_keep_owner(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *uid);
static ngx_int_t ngx_http_zwfw_keep_seal(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *uid, ngx_str_t *sealed);
static ngx_int_t ngx_http_zwfw_keep_key(ngx_http_request_t *r,
    ngx_str_t *ticket, ngx_str_t *uid, ngx_str_t *key);
static ngx_int_t ngx_http_zwfw_keep_ticket(ngx_http_request_t *r,
    ngx_str_t *ticket);
static void ngx_http_zwfw_kept(ngx_http_zwfw_command_t *c);
static void ngx_http_zwfw_keep_found(ngx_http_zwfw_command_t *c);
static ngx_int_t ngx_http_zwfw_keep_open(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *sealed);
static ngx_http_zwfw_route_t *ngx_http_zwfw_keep_posted(
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *path);
static ngx_int_t ngx_http_zwfw_place(ngx_http_request_t *r, const char *kind,
    ngx_str_t *of, ngx_str_t *place);
static int ngx_http_zwfw_part(void *data, zwfw_str_t *name,
    zwfw_str_t *filename, zwfw_str_t *type);
static int ngx_http_zwfw_part_bytes(void *data, const unsigned char *p,
    size_t len);
static int ngx_http_zwfw_part_end(void *data);
static ngx_int_t ngx_http_zwfw_back_query(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_route_t *form, ngx_str_t *path);


static ngx_http_zwfw_step_pt  ngx_http_zwfw_keep_steps[] = {
    ngx_http_zwfw_step_body,        /* at most 64 KiB      asks client      */
    ngx_http_zwfw_keep_store,       /* whose was it?       asks Redis       */
    ngx_http_zwfw_step_reply,       /* the refusal, with the way back       */
    ngx_http_zwfw_step_send
};


/* where a refused form is read before it is answered; NULL: it is not */

ngx_http_zwfw_step_pt *
ngx_http_zwfw_keep_list(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    off_t                   len;
    ngx_str_t               cookie;
    ngx_http_zwfw_state_t  *state = ctx->core;

    len = r->headers_in.content_length_n;

    /* a browser that nobody has logged in with is a stranger's */

    if (ngx_http_zwfw_cookie_token(r, &cookie) != NGX_OK
        && ngx_http_zwfw_device(r, &cookie) != NGX_OK)
    {
        return NULL;
    }

    if (!ctx->page || ctx->route == NULL || ctx->body
        || ctx->route->method != NGX_HTTP_POST || ctx->route->form.len == 0
        || (ctx->status != NGX_HTTP_UNAUTHORIZED
            && ctx->status != NGX_HTTP_ZWFW_PRECONDITION_REQUIRED)
        || len <= 0 || len > NGX_HTTP_ZWFW_KEEP || r->headers_in.chunked)
    {
        return NULL;
    }

    state->keeping = 1;
    state->why.status = ctx->status;
    state->why.code = ctx->code;
    state->why.field = ctx->field;

    return ngx_http_zwfw_keep_steps;
}


/* whatever fails here, the refusal is answered: only nothing is kept */

static ngx_int_t
ngx_http_zwfw_keep_store(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               uid, ticket, *words;
    ngx_http_zwfw_state_t  *state = ctx->core;

    words = state->words;

    if (ngx_http_zwfw_keep_owner(r, ctx, &uid) != NGX_OK
        || ngx_http_zwfw_back(r, ctx, ctx->route) != NGX_OK
        || ngx_http_zwfw_keep_ticket(r, &ticket) != NGX_OK
        || ngx_http_zwfw_keep_key(r, &ticket, &uid, &words[1]) != NGX_OK
        || ngx_http_zwfw_keep_seal(r, ctx, &uid, &words[2]) != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_str_set(&words[0], "SET");
    ngx_str_set(&words[3], "EX");
    ngx_str_set(&words[4], "900");

    state->entry = ngx_pnalloc(r->pool, sizeof(ngx_str_t));
    if (state->entry == NULL) {
        return NGX_OK;
    }

    *(ngx_str_t *) state->entry = ticket;

    state->command->nwords = 5;
    state->command->words = words;
    state->command->done = ngx_http_zwfw_kept;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* the page that the form came from says whose it is; who is logged in may only
   send what is theirs */

static ngx_int_t
ngx_http_zwfw_keep_owner(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *uid)
{
    ngx_str_t  token;

    ngx_http_zwfw_given_token(r, ctx, &token);

    if (ngx_http_zwfw_token_owner(r, &token, uid) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ctx->session
        && (ctx->session->uid.len != uid->len
            || ngx_memcmp(ctx->session->uid.data, uid->data, uid->len) != 0))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* "/{id}/save", a line feed, and the typed values */

static ngx_int_t
ngx_http_zwfw_keep_seal(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *uid, ngx_str_t *sealed)
{
    u_char     *p;
    ngx_str_t   plain, place;

    ngx_http_zwfw_page_hide(ctx->route->fields, ctx->body);

    plain.data = ngx_pnalloc(r->pool, ctx->route->path.len + 1
                                      + zwfw_json_size(ctx->body));

    if (plain.data == NULL
        || ngx_http_zwfw_place(r, "form", uid, &place) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(plain.data, "%V\n", &ctx->route->path);
    plain.len = zwfw_json_write(p, ctx->body) - plain.data;

    return ngx_http_zwfw_seal(r->pool, ngx_http_zwfw_newest_key(ctx->platform),
                              &place, &plain, sealed);
}


/* the key has a digest of ticket and person: the ticket opens nothing for
   another one, and does not use it up */

static ngx_int_t
ngx_http_zwfw_keep_key(ngx_http_request_t *r, ngx_str_t *ticket,
    ngx_str_t *uid, ngx_str_t *key)
{
    u_char                *p, hex[33];
    ngx_str_t              value;
    ngx_http_zwfw_ctx_t   *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    value.data = ngx_pnalloc(r->pool, ticket->len + 1 + uid->len);
    p = ngx_pnalloc(r->pool, ctx->platform->prefix.len + sizeof("form:") + 32);

    if (value.data == NULL || p == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%V:%V", ticket, uid) - value.data;

    if (ngx_http_zwfw_pseudonym(r, "form", &value, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    key->data = p;
    key->len = ngx_sprintf(p, "%Vform:%*s", &ctx->platform->prefix,
                           (size_t) 32, hex)
               - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_keep_ticket(ngx_http_request_t *r, ngx_str_t *ticket)
{
    u_char     random[32];
    ngx_str_t  src;

    src.data = random;
    src.len = sizeof(random);

    ticket->data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(src.len));

    if (ticket->data == NULL
        || ngx_http_zwfw_random(random, sizeof(random)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_encode_base64url(ticket, &src);

    return NGX_OK;
}


/* the way back leads to what was kept */

static void
ngx_http_zwfw_kept(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    u_char                 *p;
    ngx_str_t              *ticket, back;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;
    ticket = state->entry;
    back = state->back;

    p = ngx_pnalloc(r->pool, back.len + sizeof("?_form=") + ticket->len);

    if (c->rc == NGX_OK && p) {
        state->kept = 1;
        state->back.data = p;
        state->back.len = ngx_sprintf(p, "%V%c_form=%V", &back,
                                      ngx_strlchr(back.data,
                                                  back.data + back.len, '?')
                                      ? '&' : '?', ticket)
                          - p;
    }

    ngx_http_zwfw_resume(r);
}


/* resume: is what was typed before the log-in to be shown again? */

ngx_int_t
ngx_http_zwfw_step_resume(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               ticket;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (!ctx->page || ctx->session == NULL || r->method != NGX_HTTP_GET
        || ctx->route->call.len == 0 || ctx->route->page.len == 0
        || ctx->route->cache.time
        || ngx_http_arg(r, (u_char *) "_form", 5, &ticket) != NGX_OK
        || zwfw_cookie_token((zwfw_str_t *) &ticket) != ZWFW_OK)
    {
        return NGX_OK;
    }

    if (ngx_http_zwfw_keep_key(r, &ticket, &ctx->session->uid,
                               &state->words[1])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&state->words[0], "GETDEL");

    state->command->nwords = 2;
    state->command->words = state->words;
    state->command->done = ngx_http_zwfw_keep_found;

    return ngx_http_zwfw_ask_redis(r, ctx);
}


/* the page is shown as one that was refused: with the values, and a sentence
   that says why it is not the usual one */

static void
ngx_http_zwfw_keep_found(ngx_http_zwfw_command_t *c)
{
    ngx_http_request_t  *r = c->data;

    ngx_int_t               rc;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    if (c->rc != NGX_OK) {
        ctx->retry = 1;
        (void) ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "session_store_away", NULL);
        ngx_http_zwfw_resume(r);
        return;
    }

    rc = (c->reply.type == REDIS_REPLY_STRING)
         ? ngx_http_zwfw_keep_open(r, ctx, &c->reply.value) : NGX_DECLINED;

    ctx->refused = 1;
    ctx->status = NGX_HTTP_OK;
    ctx->step = ngx_http_zwfw_form_steps;
    state->form = ctx->route;

    if (rc == NGX_OK) {
        ngx_str_set(&ctx->code, "form_restored");

    } else {
        ngx_str_set(&ctx->code, "form_gone");
        state->posted = ctx->route;
    }

    ngx_http_zwfw_resume(r);
}


static ngx_int_t
ngx_http_zwfw_keep_open(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *sealed)
{
    u_char                 *lf;
    ngx_str_t               plain, place, path;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ngx_http_zwfw_place(r, "form", &ctx->session->uid, &place) != NGX_OK
        || ngx_http_zwfw_unseal(r->pool, ctx->platform, &place, sealed, &plain)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    lf = ngx_strlchr(plain.data, plain.data + plain.len, '\n');
    if (lf == NULL) {
        return NGX_DECLINED;
    }

    path.data = plain.data;
    path.len = lf - plain.data;

    state->posted = ngx_http_zwfw_keep_posted(ctx, &path);
    if (state->posted == NULL) {
        return NGX_DECLINED;
    }

    state->values.data = lf + 1;
    state->values.len = plain.data + plain.len - state->values.data;

    return NGX_OK;
}


/* the row that the form was sent to; the page must be that of its form */

static ngx_http_zwfw_route_t *
ngx_http_zwfw_keep_posted(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *path)
{
    ngx_http_zwfw_route_t  *rt;

    for (rt = ctx->slice->routes; rt->method; rt++) {
        if (rt->method == NGX_HTTP_POST && rt->path.len == path->len
            && ngx_memcmp(rt->path.data, path->data, path->len) == 0)
        {
            return ngx_http_zwfw_form_route(ctx, rt) == ctx->route ? rt : NULL;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_zwfw_place(ngx_http_request_t *r, const char *kind, ngx_str_t *of,
    ngx_str_t *place)
{
    place->data = ngx_pnalloc(r->pool, ngx_strlen(kind) + 1 + of->len);
    if (place->data == NULL) {
        return NGX_ERROR;
    }

    place->len = ngx_sprintf(place->data, "%s:%V", kind, of) - place->data;

    return NGX_OK;
}


/* "<form token>.<uid>.<created>.<32 hex>": the last part proves whose it is
   when the session is over.  The same on each page of a session */

ngx_int_t
ngx_http_zwfw_page_token(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char               *p, hex[33];
    ngx_str_t             own;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (ngx_http_zwfw_form_token(r, &own) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, own.len + ctx->session->uid.len + NGX_TIME_T_LEN
                             + 3 + 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    token->data = p;
    p = ngx_sprintf(p, "%V.%V.%T", &own, &ctx->session->uid,
                    ctx->session->created);
    token->len = p - token->data;

    if (ngx_http_zwfw_pseudonym(r, "token", token, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    token->len = ngx_sprintf(p, ".%*s", (size_t) 32, hex) - token->data;

    return NGX_OK;
}


/* NGX_DECLINED: no token of a page of ours, or older than any session */

ngx_int_t
ngx_http_zwfw_token_owner(ngx_http_request_t *r, ngx_str_t *token,
    ngx_str_t *uid)
{
    u_char                    *dot, *end, hex[33];
    time_t                     since;
    ngx_str_t                  said;
    ngx_http_zwfw_platform_t  *pf;

    pf = ngx_http_zwfw_platform(r);

    if (token->len <= ZWFW_TOKEN + 33 || token->len > NGX_HTTP_ZWFW_OWNED
        || token->data[ZWFW_TOKEN] != '.')
    {
        return NGX_DECLINED;
    }

    end = token->data + token->len - 33;
    said.data = token->data;
    said.len = end - token->data;

    if (*end != '.'
        || ngx_http_zwfw_pseudonym(r, "token", &said, hex) != NGX_OK
        || CRYPTO_memcmp(end + 1, hex, 32) != 0)
    {
        return NGX_DECLINED;
    }

    uid->data = token->data + ZWFW_TOKEN + 1;

    dot = ngx_strlchr(uid->data, end, '.');
    if (dot == NULL) {
        return NGX_DECLINED;
    }

    uid->len = dot - uid->data;
    since = ngx_atotm(dot + 1, end - dot - 1);

    /* it may have been opened at the end of its session's life */

    if (since == NGX_ERROR || since + 2 * pf->life < ngx_time()) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the texts of a multipart body that is in memory; files are not kept */

int
ngx_http_zwfw_keep_parts(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text, zwfw_json_error_t *error)
{
    int                        rc;
    ngx_str_t                 *type;
    zwfw_str_t                 boundary;
    zwfw_multipart_t          *mp;
    ngx_http_zwfw_parts_t      parts;
    zwfw_multipart_handler_t   handler;

    type = &r->headers_in.content_type->value;

    error->code = "bad_multipart";
    error->field.len = 0;

    if (zwfw_multipart_boundary(type->data, type->len, &boundary) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    ngx_memzero(&parts, sizeof(ngx_http_zwfw_parts_t));

    parts.ctx = ctx;
    parts.error = error;
    parts.text.data = ngx_pnalloc(r->pool, text->len);

    handler.part = ngx_http_zwfw_part;
    handler.bytes = ngx_http_zwfw_part_bytes;
    handler.end = ngx_http_zwfw_part_end;
    handler.data = &parts;

    mp = zwfw_multipart_create(&ctx->mem, &boundary, &handler);

    if (mp == NULL || parts.text.data == NULL) {
        return ZWFW_DECLINED;
    }

    rc = zwfw_multipart_feed(mp, text->data, text->len, error);

    if (rc == ZWFW_OK) {
        rc = zwfw_multipart_finish(mp, error);
    }

    return rc == ZWFW_OK ? zwfw_form_done(ctx->body, error) : rc;
}


/* a file always has a type */

static int
ngx_http_zwfw_part(void *data, zwfw_str_t *name, zwfw_str_t *filename,
    zwfw_str_t *type)
{
    ngx_http_zwfw_parts_t  *parts = data;

    parts->name = *name;
    parts->file = (filename->len || type->len);
    parts->text.len = 0;

    return ZWFW_OK;
}


static int
ngx_http_zwfw_part_bytes(void *data, const unsigned char *p, size_t len)
{
    ngx_http_zwfw_parts_t  *parts = data;

    if (!parts->file) {
        ngx_memcpy(parts->text.data + parts->text.len, p, len);
        parts->text.len += len;
    }

    return ZWFW_OK;
}


static int
ngx_http_zwfw_part_end(void *data)
{
    ngx_http_zwfw_parts_t  *parts = data;

    zwfw_json_t  *value;

    if (parts->file) {
        return ZWFW_OK;
    }

    value = zwfw_json_new(&parts->ctx->mem, ZWFW_JSON_STRING, &parts->text);
    if (value == NULL) {
        return ZWFW_ERROR;
    }

    return zwfw_form_put(&parts->ctx->mem, parts->ctx->body, &parts->name,
                         value, parts->error);
}


/*
 * Sets state->back, where the form of a POST row is.
 *
 *     NGX_OK        it is set
 *     NGX_DECLINED  it has no form, or the form is of something that only the
 *                   body would name
 */

ngx_int_t
ngx_http_zwfw_back(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *rt)
{
    ngx_str_t               pattern, path;
    ngx_http_zwfw_route_t  *form;

    form = ngx_http_zwfw_form_route(ctx, rt);
    if (form == NULL) {
        return NGX_DECLINED;
    }

    pattern = form->path;

    if (pattern.len > 1 && pattern.data[1] == '/') {
        pattern.data++;
        pattern.len--;

    } else {
        pattern.len += 1 + ctx->slice->name.len;
        pattern.data = ngx_pnalloc(r->pool, pattern.len);
        if (pattern.data == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf(pattern.data, "/%V%V", &ctx->slice->name,
                           &form->path);
    }

    if (ngx_http_zwfw_fill(r, &pattern, ctx->args, &path) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_zwfw_back_query(r, ctx, form, &path);
}


/* what the form's page asks for beside its path */

static ngx_int_t
ngx_http_zwfw_back_query(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *form, ngx_str_t *path)
{
    u_char                 *p;
    size_t                  len;
    ngx_uint_t              sep;
    zwfw_json_t            *value;
    zwfw_field_t           *f;
    ngx_http_zwfw_state_t  *state = ctx->core;

    len = path->len;

    for (f = form->fields; f && f->type; f++) {
        len += f->name.len + 2 + 3 * 64;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    state->back.data = p;
    p = ngx_cpymem(p, path->data, path->len);
    sep = '?';

    for (f = form->fields; f && f->type; f++) {
        if (!(f->flags & ZWFW_FIELD_QUERY)) {
            continue;
        }

        value = ngx_http_zwfw_form_arg(ctx, f);

        if (value == NULL || value->value.len > 64) {
            if (f->flags & ZWFW_FIELD_REQUIRED) {
                ngx_str_null(&state->back);
                return NGX_DECLINED;
            }

            continue;
        }

        p = ngx_sprintf(p, "%c%V=", (int) sep, (ngx_str_t *) &f->name);
        p = (u_char *) ngx_escape_uri(p, value->value.data, value->value.len,
                                      NGX_ESCAPE_URI_COMPONENT);
        sep = '&';
    }

    state->back.len = p - state->back.data;

    return NGX_OK;
}


/* "/login?next=", and the path to come back to, which may be empty */

ngx_int_t
ngx_http_zwfw_login_path(ngx_http_request_t *r, ngx_str_t *back,
    ngx_str_t *path)
{
    u_char     *p;
    uintptr_t   escape;

    escape = 2 * ngx_escape_uri(NULL, back->data, back->len,
                                NGX_ESCAPE_URI_COMPONENT);

    p = ngx_pnalloc(r->pool, sizeof("/login?next=") + back->len + escape);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;
    p = ngx_cpymem(p, "/login?next=", sizeof("/login?next=") - 1);
    p = (u_char *) ngx_escape_uri(p, back->data, back->len,
                                  NGX_ESCAPE_URI_COMPONENT);
    path->len = p - path->data;

    return NGX_OK;
}
