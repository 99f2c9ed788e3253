
/*
 * What nginx itself refuses where rows answer, as a body beyond all limits or
 * too many connections, is answered as a page or a problem of ours: the
 * request comes back to its location as to an error page.  error_page may
 * lead to one from elsewhere, see conf/site.conf
 */


#include "ngx_http_zwfw_session.h"


static ngx_int_t ngx_http_zwfw_error_who(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_error_tell(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_uint_t ngx_http_zwfw_error_is_set(ngx_array_t *pages,
    ngx_int_t status);


typedef struct {
    ngx_int_t    status;
    const char  *code;
    ngx_uint_t   retry;         /* seconds */
} ngx_http_zwfw_error_t;


static ngx_http_zwfw_error_t  ngx_http_zwfw_errors[] = {
    { NGX_HTTP_BAD_REQUEST, "bad_request", 0 },
    { NGX_HTTP_FORBIDDEN, "not_allowed", 0 },
    { NGX_HTTP_NOT_FOUND, "not_found", 0 },
    { NGX_HTTP_NOT_ALLOWED, "method_not_allowed", 0 },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "too_large", 0 },
    { NGX_HTTP_REQUEST_URI_TOO_LARGE, "uri_too_long", 0 },
    { NGX_HTTP_MISDIRECTED_REQUEST, "wrong_host", 0 },
    { NGX_HTTP_TOO_MANY_REQUESTS, "too_many_requests", 1 },
    { 431, "header_too_large", 0 },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, "internal_error", 0 },
    { NGX_HTTP_SERVICE_UNAVAILABLE, "unavailable", 1 },
    { 0, NULL, 0 }
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_error_steps[] = {
    ngx_http_zwfw_error_who,        /* for the head of the page, asks Redis */
    ngx_http_zwfw_error_tell
};


/* those that the configuration names stay its own */

ngx_int_t
ngx_http_zwfw_error_pages(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_array_t            *pages;
    ngx_http_err_page_t    *page;
    ngx_http_zwfw_error_t  *e;

    pages = ngx_array_create(cf->pool, 8, sizeof(ngx_http_err_page_t));
    if (pages == NULL) {
        return NGX_ERROR;
    }

    if (clcf->error_pages && clcf->error_pages->nelts) {
        page = ngx_array_push_n(pages, clcf->error_pages->nelts);
        if (page == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(page, clcf->error_pages->elts,
                   clcf->error_pages->nelts * sizeof(ngx_http_err_page_t));
    }

    for (e = ngx_http_zwfw_errors; e->status; e++) {
        if (ngx_http_zwfw_error_is_set(pages, e->status)) {
            continue;
        }

        page = ngx_array_push(pages);
        if (page == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(page, sizeof(ngx_http_err_page_t));

        page->status = e->status;
        page->overwrite = -1;
        page->value.value = clcf->name;
    }

    clcf->error_pages = pages;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_zwfw_error_is_set(ngx_array_t *pages, ngx_int_t status)
{
    ngx_uint_t            i;
    ngx_http_err_page_t  *page;

    page = pages->elts;

    for (i = 0; i < pages->nelts; i++) {
        if (page[i].status == status) {
            return 1;
        }
    }

    return 0;
}


ngx_http_zwfw_step_pt *
ngx_http_zwfw_error_list(ngx_http_request_t *r)
{
    ngx_http_zwfw_error_t     *e;
    ngx_http_core_loc_conf_t  *clcf;

    if (!r->internal) {
        return NULL;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len != clcf->name.len
        || ngx_memcmp(r->uri.data, clcf->name.data, r->uri.len) != 0)
    {
        return NULL;
    }

    for (e = ngx_http_zwfw_errors; e->status; e++) {
        if ((ngx_int_t) r->err_status == e->status) {
            return ngx_http_zwfw_error_steps;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_zwfw_error_who(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    return ngx_http_zwfw_session(r, ctx);
}


static ngx_int_t
ngx_http_zwfw_error_tell(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_error_t  *e;

    for (e = ngx_http_zwfw_errors;
         e[1].status && e->status != (ngx_int_t) r->err_status;
         e++)
    {
        /* void */
    }

    ctx->retry = e->retry;

    return ngx_http_zwfw_refuse(r, e->status, e->code, NULL);
}
