
/*
 * Variables for configurations: what is known of the request
 */


#include "ngx_http_zwfw_session.h"


static ngx_int_t ngx_http_zwfw_variable_route(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_zwfw_ctx_t *ngx_http_zwfw_variable_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zwfw_variable_channel(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zwfw_variable_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zwfw_variable_acting(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_zwfw_session_t *ngx_http_zwfw_variable_session(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_variable_level(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zwfw_variable_path(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_zwfw_variable_set(ngx_http_variable_value_t *v,
    ngx_str_t *s);


static ngx_http_variable_t  ngx_http_zwfw_variables[] = {

    { ngx_string("zwfw_route"), NULL, ngx_http_zwfw_variable_route, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_request_id"), NULL, ngx_http_zwfw_variable_id, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_channel"), NULL, ngx_http_zwfw_variable_channel, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_user_id"), NULL, ngx_http_zwfw_variable_user, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_acting_for"), NULL, ngx_http_zwfw_variable_acting, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_level"), NULL, ngx_http_zwfw_variable_level, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("zwfw_path"), NULL, ngx_http_zwfw_variable_path, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_zwfw_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_zwfw_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* "case/{id}/accept": no identifiers of people in statistics */

static ngx_int_t
ngx_http_zwfw_variable_route(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    ngx_str_t             route;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (ctx == NULL || ctx->route == NULL) {
        return ngx_http_zwfw_variable_set(v, NULL);
    }

    p = ngx_pnalloc(r->pool, ctx->slice->name.len + ctx->route->path.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    route.data = p;
    route.len = ngx_sprintf(p, "%V%V", &ctx->slice->name, &ctx->route->path)
                - p;

    return ngx_http_zwfw_variable_set(v, &route);
}


/* where a platform is selected, before or without a handler of ours */

static ngx_http_zwfw_ctx_t *
ngx_http_zwfw_variable_ctx(ngx_http_request_t *r)
{
    return ngx_http_zwfw_platform(r) ? ngx_http_zwfw_ctx(r) : NULL;
}


static ngx_int_t
ngx_http_zwfw_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_zwfw_variable_ctx(r);

    return ngx_http_zwfw_variable_set(v, ctx ? ngx_http_zwfw_request_id(r)
                                             : NULL);
}


static ngx_int_t
ngx_http_zwfw_variable_channel(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_zwfw_variable_ctx(r);

    return ngx_http_zwfw_variable_set(v, ctx ? &ctx->channel : NULL);
}


static ngx_int_t
ngx_http_zwfw_variable_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_zwfw_session_t  *s;

    s = ngx_http_zwfw_variable_session(r);

    return ngx_http_zwfw_variable_set(v, s ? &s->uid : NULL);
}


/* everybody acts in the own name */

static ngx_int_t
ngx_http_zwfw_variable_acting(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    return ngx_http_zwfw_variable_set(v, NULL);
}


/* behind a guard also where a redirect or an include has led to */

static ngx_http_zwfw_session_t *
ngx_http_zwfw_variable_session(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (ctx && ctx->session) {
        return ctx->session;
    }

    return ngx_http_zwfw_session_kept(r, ngx_http_zwfw_platform(r));
}


static ngx_int_t
ngx_http_zwfw_variable_level(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                   *p;
    ngx_str_t                 level;
    ngx_http_zwfw_session_t  *s;

    s = ngx_http_zwfw_variable_session(r);

    if (s == NULL) {
        return ngx_http_zwfw_variable_set(v, NULL);
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    level.data = p;
    level.len = ngx_sprintf(p, "%ui", s->level) - p;

    return ngx_http_zwfw_variable_set(v, &level);
}


/* as it was sent: what cannot be read has no $request_uri, and of HTTP/2 not
   even a request line */

static ngx_int_t
ngx_http_zwfw_variable_path(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char     *last;
    ngx_str_t   path;

    r = r->main;

    if (r->unparsed_uri.len) {
        return ngx_http_zwfw_variable_set(v, &r->unparsed_uri);
    }

    if (r->http_version >= NGX_HTTP_VERSION_20) {
        path.data = r->uri_start;
        path.len = r->uri_end - r->uri_start;

        return ngx_http_zwfw_variable_set(v, &path);
    }

    /* what there is of "GET /case/..." */

    last = r->request_line.data + r->request_line.len;
    path.data = ngx_strlchr(r->request_line.data, last, ' ');

    if (path.data == NULL) {
        return ngx_http_zwfw_variable_set(v, NULL);
    }

    path.data++;
    path.len = last - path.data;

    return ngx_http_zwfw_variable_set(v, &path);
}


static ngx_int_t
ngx_http_zwfw_variable_set(ngx_http_variable_value_t *v, ngx_str_t *s)
{
    if (s == NULL || s->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = s->len;
    v->data = s->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
