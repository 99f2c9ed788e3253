
/*
 * nav: the main navigation of pages, of what the slices offer, each person
 * what is open to them; and where somebody goes who has just come in
 */


#include "ngx_http_zwfw_core.h"


/* an entry, found in the table of routes at start-up */

typedef struct {
    ngx_http_zwfw_nav_t       *nav;
    ngx_str_t                  slice;
    ngx_str_t                  path;        /* of the page, "/case/inbox" */
    ngx_str_t                  under;       /* empty: none */
    ngx_uint_t                 who;
} ngx_http_zwfw_link_t;


static ngx_int_t ngx_http_zwfw_nav_add(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf, ngx_http_zwfw_slice_t *slice,
    ngx_http_zwfw_nav_t *nav);
static ngx_http_zwfw_route_t *ngx_http_zwfw_nav_route(
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_nav_t *nav);
static ngx_int_t ngx_http_zwfw_nav_path(ngx_conf_t *cf,
    ngx_http_zwfw_slice_t *slice, ngx_str_t *from, ngx_str_t *path);
static ngx_int_t ngx_http_zwfw_nav_compare(const void *one, const void *two);
static ngx_http_zwfw_link_t *ngx_http_zwfw_nav_here(ngx_http_request_t *r,
    ngx_http_zwfw_main_conf_t *mcf, ngx_uint_t who, ngx_uint_t *exactly);
static ngx_uint_t ngx_http_zwfw_nav_same(ngx_str_t *uri, ngx_str_t *path);
static ngx_uint_t ngx_http_zwfw_nav_who(ngx_http_zwfw_ctx_t *ctx);


static ngx_str_t  ngx_http_zwfw_nav_group = ngx_string("nav");


ngx_int_t
ngx_http_zwfw_navs(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t               i;
    ngx_http_zwfw_nav_t     *nav;
    ngx_http_zwfw_slice_t  **slice;

    if (ngx_array_init(&mcf->navs, cf->pool, 16, sizeof(ngx_http_zwfw_link_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    slice = mcf->slices.elts;

    for (i = 0; i < mcf->slices.nelts; i++) {
        for (nav = slice[i]->nav; nav && nav->path.len; nav++) {
            if (ngx_http_zwfw_nav_add(cf, mcf, slice[i], nav) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    ngx_sort(mcf->navs.elts, mcf->navs.nelts, sizeof(ngx_http_zwfw_link_t),
             ngx_http_zwfw_nav_compare);

    return NGX_OK;
}


/* shown to nobody whom the row refuses */

static ngx_int_t
ngx_http_zwfw_nav_add(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_nav_t *nav)
{
    ngx_http_zwfw_link_t   *link;
    ngx_http_zwfw_route_t  *rt;

    rt = ngx_http_zwfw_nav_route(slice, nav);

    if (rt == NULL
        || (!(rt->who & NGX_HTTP_ZWFW_ANYONE) && (nav->who & ~rt->who)))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw: the navigation of slice \"%V\" leads to \"%V\", "
                      "which %s", &slice->name, &nav->path,
                      rt ? "is not open to all who see it" : "is no page");
        return NGX_ERROR;
    }

    link = ngx_array_push(&mcf->navs);
    if (link == NULL) {
        return NGX_ERROR;
    }

    link->nav = nav;
    link->slice = slice->name;
    link->who = nav->who ? nav->who : rt->who;

    ngx_str_null(&link->under);

    if (nav->under.len
        && ngx_http_zwfw_nav_path(cf, slice, &nav->under, &link->under)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_nav_path(cf, slice, &nav->path, &link->path);
}


static ngx_http_zwfw_route_t *
ngx_http_zwfw_nav_route(ngx_http_zwfw_slice_t *slice,
    ngx_http_zwfw_nav_t *nav)
{
    ngx_http_zwfw_route_t  *rt;

    for (rt = slice->routes; rt->method; rt++) {
        if (rt->method == NGX_HTTP_GET && rt->page.len
            && rt->path.len == nav->path.len
            && ngx_strncmp(rt->path.data, nav->path.data, nav->path.len) == 0)
        {
            return rt;
        }
    }

    return NULL;
}


/* "/inbox" of case is "/case/inbox", "//help" is "/help" */

static ngx_int_t
ngx_http_zwfw_nav_path(ngx_conf_t *cf, ngx_http_zwfw_slice_t *slice,
    ngx_str_t *from, ngx_str_t *path)
{
    u_char  *p;

    if (from->len > 1 && from->data[1] == '/') {
        path->data = from->data + 1;
        path->len = from->len - 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, 1 + slice->name.len + from->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;
    path->len = ngx_sprintf(p, "/%V%V", &slice->name, from) - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_nav_compare(const void *one, const void *two)
{
    const ngx_http_zwfw_link_t  *a = one;
    const ngx_http_zwfw_link_t  *b = two;

    return (ngx_int_t) a->nav->place - (ngx_int_t) b->nav->place;
}


/* each entry has its word on each platform, or nginx does not start */

ngx_int_t
ngx_http_zwfw_nav_words(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t             i;
    ngx_http_zwfw_link_t  *link;

    link = mcf->navs.elts;

    for (i = 0; i < mcf->navs.nelts; i++) {
        if (ngx_http_zwfw_word(pf, &link[i].slice, &ngx_http_zwfw_nav_group,
                               &link[i].nav->word)
            == NULL)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "zwfw_pages: words of \"%V\" have no \"%V\" in "
                          "\"nav\"", &link[i].slice, &link[i].nav->word);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* page.nav: path, text, and whether one is there or below it */

ngx_int_t
ngx_http_zwfw_page_nav(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page)
{
    ngx_str_t                  *text;
    ngx_uint_t                  i, who, exactly;
    zwfw_json_t                *list, *one;
    ngx_http_zwfw_link_t       *link, *here;
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);

    who = ngx_http_zwfw_nav_who(ctx);
    here = ngx_http_zwfw_nav_here(r, mcf, who, &exactly);

    list = zwfw_json_add(&ctx->mem, page, "nav", ZWFW_JSON_ARRAY, NULL);
    link = mcf->navs.elts;

    for (i = 0; i < mcf->navs.nelts && list; i++) {
        if (!(link[i].who & who)) {
            continue;
        }

        text = ngx_http_zwfw_word(ctx->platform, &link[i].slice,
                                  &ngx_http_zwfw_nav_group,
                                  &link[i].nav->word);

        one = zwfw_json_add(&ctx->mem, list, NULL, ZWFW_JSON_OBJECT, NULL);

        if (one == NULL
            || zwfw_json_add(&ctx->mem, one, "path", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &link[i].path) == NULL
            || zwfw_json_add(&ctx->mem, one, "text", ZWFW_JSON_STRING,
                             (zwfw_str_t *) text) == NULL
            || (here == &link[i]
                && zwfw_json_add(&ctx->mem, one, exactly ? "here" : "below",
                                 ZWFW_JSON_TRUE, NULL) == NULL))
        {
            return NGX_ERROR;
        }
    }

    return list ? NGX_OK : NGX_ERROR;
}


/* the entry of this page; else the one that it stands below, the nearest */

static ngx_http_zwfw_link_t *
ngx_http_zwfw_nav_here(ngx_http_request_t *r, ngx_http_zwfw_main_conf_t *mcf,
    ngx_uint_t who, ngx_uint_t *exactly)
{
    ngx_str_t             *under;
    ngx_uint_t             i;
    ngx_http_zwfw_link_t  *link, *nearest;

    nearest = NULL;
    link = mcf->navs.elts;

    for (i = 0; i < mcf->navs.nelts; i++) {
        if (!(link[i].who & who)) {
            continue;
        }

        if (ngx_http_zwfw_nav_same(&r->uri, &link[i].path)) {
            *exactly = 1;
            return &link[i];
        }

        under = &link[i].under;

        if (under->len && r->uri.len >= under->len
            && ngx_strncmp(r->uri.data, under->data, under->len) == 0
            && (nearest == NULL || nearest->under.len < under->len))
        {
            nearest = &link[i];
        }
    }

    *exactly = 0;

    return nearest;
}


/* with or without a slash at the end */

static ngx_uint_t
ngx_http_zwfw_nav_same(ngx_str_t *uri, ngx_str_t *path)
{
    size_t  len, n;

    len = uri->len;
    n = path->len;

    if (len > 1 && uri->data[len - 1] == '/') {
        len--;
    }

    if (n > 1 && path->data[n - 1] == '/') {
        n--;
    }

    return len == n && ngx_strncmp(uri->data, path->data, n) == 0;
}


/* who is not known may become a natural person */

static ngx_uint_t
ngx_http_zwfw_nav_who(ngx_http_zwfw_ctx_t *ctx)
{
    return NGX_HTTP_ZWFW_ANYONE
           | (ctx->session ? ctx->session->who : NGX_HTTP_ZWFW_NATURAL);
}


void
ngx_http_zwfw_home(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_zwfw_ctx_t        *ctx;
    ngx_http_zwfw_link_t       *link;
    ngx_http_zwfw_state_t      *state;
    ngx_http_zwfw_main_conf_t  *mcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    if (state->location.len || ctx->session == NULL) {
        return;
    }

    link = mcf->navs.elts;

    for (i = 0; i < mcf->navs.nelts; i++) {
        if (link[i].nav->home & ctx->session->who) {
            state->location = link[i].path;
            return;
        }
    }
}
