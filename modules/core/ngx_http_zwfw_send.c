
/*
 * send: headers, the same on every answer of ours, and the pieces of the body
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_send_wanted(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_send_hash(ngx_http_zwfw_state_t *state);
static ngx_int_t ngx_http_zwfw_etag(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static void ngx_http_zwfw_send_unread(ngx_http_request_t *r);
static void ngx_http_zwfw_status_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_headers(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


static ngx_str_t  ngx_http_zwfw_csp = ngx_string(
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
);


/* send */

ngx_int_t
ngx_http_zwfw_step_send(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->out == NULL) {
        state->last = &state->out;

        if (ngx_http_zwfw_out(r, ctx, ctx->answer.data, ctx->answer.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_out.status = ctx->status ? ctx->status : NGX_HTTP_OK;

    rc = ngx_http_zwfw_send_wanted(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_zwfw_send_unread(r);
    ngx_http_zwfw_status_line(r);
    r->headers_out.content_length_n = state->length;

    ngx_http_zwfw_count(ctx->platform, NGX_HTTP_ZWFW_COUNT_2XX
                                       + r->headers_out.status / 100 - 2);

    ngx_http_zwfw_trail(r, ctx);

    if (ngx_http_zwfw_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (state->out == NULL) {
        r->header_only = 1;
    }

    ctx->rc = ngx_http_send_header(r);

    if (ctx->rc == NGX_ERROR || ctx->rc > NGX_OK || r->header_only) {
        return NGX_DONE;
    }

    for (cl = state->out; cl->next; cl = cl->next) { /* void */ }

    b = cl->buf;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    ctx->rc = ngx_http_output_filter(r, state->out);

    return NGX_DONE;
}


/*
 * If-Match, which nginx would answer with a page of its own; nothing says when
 * an answer was changed last, so that it ignores If-Unmodified-Since
 */

static ngx_int_t
ngx_http_zwfw_send_wanted(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p, *last, etag[34];
    ngx_str_t              *wanted;
    ngx_http_zwfw_state_t  *state = ctx->core;

    wanted = r->headers_in.if_match ? &r->headers_in.if_match->value : NULL;

    r->headers_in.if_match = NULL;
    r->headers_in.if_unmodified_since = NULL;

    /* validators are of what is read: what was done is not undone by one */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        r->disable_not_modified = 1;
        return NGX_OK;
    }

    if (wanted == NULL || r->headers_out.status != NGX_HTTP_OK
        || (wanted->len == 1 && wanted->data[0] == '*'))
    {
        return NGX_OK;
    }

    if (ngx_http_zwfw_send_hash(state) != NGX_OK) {
        return NGX_ERROR;
    }

    etag[0] = '"';
    *ngx_hex_dump(etag + 1, state->hash, 16) = '"';
    last = wanted->data + wanted->len;

    p = memmem(wanted->data, wanted->len, etag, sizeof(etag));

    /* compared strongly: a weak one is none, nor is a part of another */

    if (p && (p == wanted->data || p[-1] == ' ' || p[-1] == ',')
        && (p + sizeof(etag) == last || p[sizeof(etag)] == ' '
            || p[sizeof(etag)] == ','))
    {
        return NGX_OK;
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_PRECONDITION_FAILED,
                                "precondition_failed", NULL);
}


/* what was refused early has not been read: it is no next request, and who
   waits to be asked for it is not asked */

static void
ngx_http_zwfw_send_unread(ngx_http_request_t *r)
{
    if (r->headers_in.expect && !r->expect_tested) {
        r->expect_tested = 1;
        r->keepalive = 0;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }
}


/* what nginx has no words for */

static void
ngx_http_zwfw_status_line(ngx_http_request_t *r)
{
    switch (r->headers_out.status) {

    case NGX_HTTP_ZWFW_UNPROCESSABLE:
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");
        break;

    case NGX_HTTP_ZWFW_PRECONDITION_REQUIRED:
        ngx_str_set(&r->headers_out.status_line, "428 Precondition Required");
        break;

    default:
        break;
    }
}


static ngx_int_t
ngx_http_zwfw_headers(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p;
    ngx_str_t               value;
    ngx_uint_t              ok;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_str_set(&r->headers_out.charset, "utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ok = (r->headers_out.status == NGX_HTTP_OK
          && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)));

    if (ctx->session || !ok) {
        ngx_str_set(&value, "no-store");

    } else {
        ngx_str_set(&value, "no-cache");
    }

    if (ngx_http_zwfw_add_header(r, "Cache-Control", &value) != NGX_OK
        || ngx_http_zwfw_add_header(r, "X-Request-Id", &ctx->request_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ok && ngx_http_zwfw_etag(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (state->location.len) {
        if (ngx_http_zwfw_add_header(r, "Location", &state->location)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->retry) {
        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%ui", ctx->retry) - p;

        if (ngx_http_zwfw_add_header(r, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_zwfw_saw(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_security_headers(r, ctx->page);
}


/* the same on every answer of ours, pages have a policy as well */

ngx_int_t
ngx_http_zwfw_security_headers(ngx_http_request_t *r, ngx_uint_t page)
{
    ngx_str_t  nosniff = ngx_string("nosniff");
    ngx_str_t  referrer = ngx_string("same-origin");
    ngx_str_t  frame = ngx_string("DENY");
    ngx_str_t  opener = ngx_string("same-origin");
    ngx_str_t  hsts = ngx_string("max-age=31536000");

    if (ngx_http_zwfw_add_header(r, "X-Content-Type-Options", &nosniff)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl
        && ngx_http_zwfw_add_header(r, "Strict-Transport-Security", &hsts)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

#endif

    if (!page) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_add_header(r, "Content-Security-Policy",
                                 &ngx_http_zwfw_csp) != NGX_OK
        || ngx_http_zwfw_add_header(r, "Referrer-Policy", &referrer) != NGX_OK
        || ngx_http_zwfw_add_header(r, "X-Frame-Options", &frame) != NGX_OK
        || ngx_http_zwfw_add_header(r, "Cross-Origin-Opener-Policy", &opener)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* name is static, the value lives in r->pool */

ngx_int_t
ngx_http_zwfw_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.len = value->len;
    h->value.data = ngx_pstrdup(r->pool, value);

    if (h->value.data == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* of the bytes */

static ngx_int_t
ngx_http_zwfw_send_hash(ngx_http_zwfw_state_t *state)
{
    ngx_str_t     parts[2];
    ngx_chain_t  *cl;

    for (cl = state->hashed ? NULL : state->out; cl; cl = cl->next) {
        parts[0].data = state->hash;
        parts[0].len = sizeof(state->hash);
        parts[1].data = cl->buf->pos;
        parts[1].len = cl->buf->last - cl->buf->pos;

        if (ngx_http_zwfw_sha256(parts, 2, state->hash) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    state->hashed = 1;

    return NGX_OK;
}


/* strong; nginx answers If-None-Match itself */

static ngx_int_t
ngx_http_zwfw_etag(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                 *p;
    ngx_table_elt_t        *h;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ngx_http_zwfw_send_hash(state) != NGX_OK) {
        return NGX_ERROR;
    }

    h = ngx_list_push(&r->headers_out.headers);
    p = ngx_pnalloc(r->pool, 34);

    if (h == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "ETag");
    h->value.data = p;
    *p++ = '"';
    p = ngx_hex_dump(p, state->hash, 16);
    *p++ = '"';
    h->value.len = p - h->value.data;

    r->headers_out.etag = h;

    return NGX_OK;
}


/* a request header by its lower case name; NULL: none */

ngx_str_t *
ngx_http_zwfw_header(ngx_http_request_t *r, u_char *name, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncmp(h[i].lowcase_key, name, len) == 0)
        {
            return &h[i].value;
        }
    }
}
