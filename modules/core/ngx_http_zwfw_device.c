
/*
 * The browser that somebody has logged in with before, known by a cookie that
 * outlives sessions and opens nothing; and where a request comes from, as far
 * as it counts for limits
 */


#include "ngx_http_zwfw_session.h"


#define NGX_HTTP_ZWFW_DEVICE_AGE   "15552000"   /* s, 180 days */


static ngx_int_t ngx_http_zwfw_device_id(ngx_http_request_t *r,
    ngx_str_t *token, ngx_str_t *id);


ngx_str_t *
ngx_http_zwfw_device_name(ngx_http_request_t *r)
{
    ngx_str_t  *name;

    static ngx_str_t  insecure = ngx_string("zwfw-device");
    static ngx_str_t  secure = ngx_string("__Host-zwfw-device");

    name = ngx_http_zwfw_cookie_name(r);
    if (name == NULL) {
        return NULL;
    }

    return name->len == sizeof("zwfw") - 1 ? &insecure : &secure;
}


ngx_int_t
ngx_http_zwfw_device(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_str_t  *name, token;

    name = ngx_http_zwfw_device_name(r);

    if (name == NULL || ngx_http_zwfw_find_cookie(r, name, &token) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_zwfw_device_id(r, &token, id);
}


/* each log-in makes another: one that was planted becomes known to nobody */

ngx_int_t
ngx_http_zwfw_new_device(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_str_t              *name, token;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    static ngx_str_t  age = ngx_string("; Max-Age=" NGX_HTTP_ZWFW_DEVICE_AGE);

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    name = ngx_http_zwfw_device_name(r);
    if (name == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_new_cookie(r, name, &age, &state->device, &token)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_device_id(r, &token, id);
}


static ngx_int_t
ngx_http_zwfw_device_id(ngx_http_request_t *r, ngx_str_t *token,
    ngx_str_t *id)
{
    u_char  hash[NGX_HTTP_ZWFW_HASH];

    id->len = 2 * NGX_HTTP_ZWFW_HASH;
    id->data = ngx_pnalloc(r->pool, id->len);

    if (id->data == NULL
        || ngx_http_zwfw_sha256(token, 1, hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(id->data, hash, NGX_HTTP_ZWFW_HASH);

    return NGX_OK;
}


/* a line of IPv6 has a /56 */

ngx_int_t
ngx_http_zwfw_peer(ngx_http_request_t *r, const char *purpose,
    ngx_uint_t wide, u_char *hex)
{
    u_char     *p, buf[2 * NGX_SOCKADDR_STRLEN];
    ngx_str_t   network, text;

    network = ngx_http_zwfw_network(r->connection);

    if (wide && (network.len == 4 || network.len == 8)) {
        network.len--;
    }

    p = ngx_hex_dump(buf, network.data,
                     ngx_min(network.len, NGX_SOCKADDR_STRLEN));

    text.data = buf;
    text.len = p - buf;

    return ngx_http_zwfw_pseudonym(r, purpose, &text, hex);
}
