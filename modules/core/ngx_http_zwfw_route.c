
/*
 * The rows of all slices as one tree of path segments
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_add_route(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf, ngx_http_zwfw_slice_t *slice,
    ngx_http_zwfw_route_t *rt);
static ngx_int_t ngx_http_zwfw_check_route(ngx_conf_t *cf,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt);
static ngx_uint_t ngx_http_zwfw_check_limits(ngx_http_zwfw_route_t *rt);
static ngx_http_zwfw_row_t *ngx_http_zwfw_row(ngx_conf_t *cf,
    ngx_http_zwfw_route_t *rt);
static ngx_http_zwfw_node_t *ngx_http_zwfw_grow(ngx_conf_t *cf,
    ngx_http_zwfw_node_t *node, ngx_str_t *path);
static ngx_http_zwfw_node_t *ngx_http_zwfw_branch(ngx_conf_t *cf,
    ngx_http_zwfw_node_t *node, ngx_str_t *segment);
static ngx_uint_t ngx_http_zwfw_has_face(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *rt);
static ngx_http_zwfw_node_t *ngx_http_zwfw_walk(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_node_t *node, u_char *p, u_char *last);
static ngx_http_zwfw_node_t *ngx_http_zwfw_child(ngx_http_zwfw_node_t *node,
    ngx_str_t *segment);
static ngx_int_t ngx_http_zwfw_allowed(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_node_t *node);
static void ngx_http_zwfw_ignore(ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_query(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


ngx_int_t
ngx_http_zwfw_add(ngx_conf_t *cf, ngx_http_zwfw_slice_t *slice)
{
    ngx_http_zwfw_slice_t      **s;
    ngx_http_zwfw_main_conf_t   *mcf;

    if (slice->abi != &ngx_http_zwfw_abi_1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "slice \"%V\" was built for another core",
                           &slice->name);
        return NGX_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);

    s = ngx_array_push(&mcf->slices);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = slice;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_routes(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t               i;
    ngx_http_zwfw_route_t   *rt;
    ngx_http_zwfw_slice_t  **slice;

    mcf->root = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_node_t));
    if (mcf->root == NULL) {
        return NGX_ERROR;
    }

    slice = mcf->slices.elts;

    for (i = 0; i < mcf->slices.nelts; i++) {
        for (rt = slice[i]->routes; rt->method; rt++) {
            if (ngx_http_zwfw_check_route(cf, slice[i], rt) != NGX_OK
                || ngx_http_zwfw_add_route(cf, mcf, slice[i], rt) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_check_route(ngx_conf_t *cf, ngx_http_zwfw_slice_t *slice,
    ngx_http_zwfw_route_t *rt)
{
    const char  *wrong;

    wrong = NULL;

    if (rt->who == 0) {
        wrong = "has no audience";

    } else if (rt->level > 5) {
        wrong = "has a level above 5";

    } else if (rt->path.len == 0 || rt->path.data[0] != '/') {
        wrong = "has a path without a slash";

    } else if (rt->method != NGX_HTTP_GET && rt->method != NGX_HTTP_POST) {
        wrong = "is neither GET nor POST";

    } else if (rt->call.len && rt->steps) {
        wrong = "has a call and steps";

    } else if (rt->method == NGX_HTTP_GET && rt->class == NGX_HTTP_ZWFW_WRITE)
    {
        wrong = "is a GET that writes";

    } else if (rt->cache.time
               && (rt->method != NGX_HTTP_GET
                   || !(rt->who & NGX_HTTP_ZWFW_ANYONE) || rt->level
                   || rt->reads.len))
    {
        wrong = "has a shared page that is not for everybody";

    } else if (!ngx_http_zwfw_check_limits(rt)) {
        wrong = "has a limit neither by uid nor by address nor by a field";
    }

    if (wrong == NULL) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "zwfw: route \"%V\" of slice \"%V\" %s",
                  &rt->path, &slice->name, wrong);

    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_zwfw_check_limits(ngx_http_zwfw_route_t *rt)
{
    ngx_str_t     *by;
    ngx_uint_t     i;
    zwfw_field_t  *f;

    for (i = 0; i < NGX_HTTP_ZWFW_LIMITS && rt->limit[i].count; i++) {
        by = &rt->limit[i].by;

        if (ngx_http_zwfw_limit_before(&rt->limit[i])) {
            continue;
        }

        for (f = rt->fields; f && f->type; f++) {
            if (f->name.len == by->len
                && ngx_strncmp(f->name.data, by->data, by->len) == 0)
            {
                break;
            }
        }

        if (f == NULL || f->type == NULL) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_zwfw_add_route(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt)
{
    ngx_str_t              path;
    ngx_http_zwfw_row_t  **place;
    ngx_http_zwfw_node_t  *node;

    node = mcf->root;
    path = rt->path;

    if (path.len > 1 && path.data[1] == '/') {
        path.data++;
        path.len--;

    } else {
        node = ngx_http_zwfw_branch(cf, node, &slice->name);
    }

    if (node) {
        node = ngx_http_zwfw_grow(cf, node, &path);
    }

    if (node == NULL) {
        return NGX_ERROR;
    }

    place = (rt->method == NGX_HTTP_GET) ? &node->get : &node->post;

    if (*place) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw: route \"%V\" of slice \"%V\" is there twice",
                      &rt->path, &slice->name);
        return NGX_ERROR;
    }

    *place = ngx_http_zwfw_row(cf, rt);
    node->slice = slice;

    return *place ? NGX_OK : NGX_ERROR;
}


static ngx_http_zwfw_row_t *
ngx_http_zwfw_row(ngx_conf_t *cf, ngx_http_zwfw_route_t *rt)
{
    ngx_uint_t            n;
    zwfw_field_t         *f, *args, *body;
    ngx_http_zwfw_row_t  *row;

    for (n = 1, f = rt->fields; f && f->type; f++) {
        n++;
    }

    row = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_row_t));
    args = ngx_pcalloc(cf->pool, n * sizeof(zwfw_field_t));
    body = ngx_pcalloc(cf->pool, n * sizeof(zwfw_field_t));

    if (row == NULL || args == NULL || body == NULL) {
        return NULL;
    }

    /* zeroed members are the null fields at the ends */

    row->route = rt;
    row->args = args;
    row->body = body;

    for (f = rt->fields; f && f->type; f++) {
        if (f->flags & (ZWFW_FIELD_PATH|ZWFW_FIELD_QUERY)) {
            *args++ = *f;

        } else {
            *body++ = *f;
        }
    }

    return row;
}


static ngx_http_zwfw_node_t *
ngx_http_zwfw_grow(ngx_conf_t *cf, ngx_http_zwfw_node_t *node,
    ngx_str_t *path)
{
    u_char     *p, *last;
    ngx_str_t   segment;

    p = path->data;
    last = path->data + path->len;

    while (p < last) {
        p++;
        segment.data = p;

        while (p < last && *p != '/') {
            p++;
        }

        segment.len = p - segment.data;

        if (segment.len == 0) {
            continue;
        }

        node = ngx_http_zwfw_branch(cf, node, &segment);
        if (node == NULL) {
            return NULL;
        }
    }

    return node;
}


static ngx_http_zwfw_node_t *
ngx_http_zwfw_branch(ngx_conf_t *cf, ngx_http_zwfw_node_t *node,
    ngx_str_t *segment)
{
    ngx_http_zwfw_node_t  *child, **place;

    for (place = &node->child; *place; place = &(*place)->next) {
        if ((*place)->segment.len == segment->len
            && ngx_strncmp((*place)->segment.data, segment->data, segment->len)
               == 0)
        {
            return *place;
        }

        if ((*place)->segment.data[0] == '{') {
            break;
        }
    }

    child = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_node_t));
    if (child == NULL) {
        return NULL;
    }

    if (*place && segment->data[0] == '{') {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw: \"%V\" and \"%V\" stand at the same place of a "
                      "path", &(*place)->segment, segment);
        return NULL;
    }

    child->segment = *segment;
    child->next = *place;
    *place = child;

    return child;
}


/* match: which row answers? */

ngx_int_t
ngx_http_zwfw_step_match(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char                     *p, *last;
    ngx_http_zwfw_node_t       *node;
    ngx_http_zwfw_state_t      *state = ctx->core;
    ngx_http_zwfw_loc_conf_t   *lcf;
    ngx_http_zwfw_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_zwfw_core_module);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw match \"%V\"", &r->uri);

    ctx->args = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    if (ctx->args == NULL) {
        return NGX_ERROR;
    }

    p = r->uri.data + lcf->mount.len;
    last = r->uri.data + r->uri.len;

    if (p > last) {
        p = last;
    }

    node = ngx_http_zwfw_walk(ctx, mcf->root, p, last);

    if (node == NULL || (node->get == NULL && node->post == NULL)) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    ctx->slice = node->slice;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        state->row = node->get;

    } else if (r->method == NGX_HTTP_POST) {
        state->row = node->post;
    }

    if (state->row == NULL) {
        return ngx_http_zwfw_allowed(r, ctx, node);
    }

    if (!ngx_http_zwfw_has_face(ctx, state->row->route)) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    ctx->route = state->row->route;

    return ngx_http_zwfw_query(r, ctx);
}


/* a row without a call answers no JSON, a GET without a page no page */

static ngx_uint_t
ngx_http_zwfw_has_face(ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_route_t *rt)
{
    if (rt->steps) {
        return 1;
    }

    if (ctx->page) {
        return rt->page.len || rt->method == NGX_HTTP_POST;
    }

    return rt->call.len > 0;
}


/* names in braces take their value from the path */

static ngx_http_zwfw_node_t *
ngx_http_zwfw_walk(ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_node_t *node,
    u_char *p, u_char *last)
{
    zwfw_str_t   name, value;
    ngx_str_t    segment;

    while (p < last) {
        p++;
        segment.data = p;

        while (p < last && *p != '/') {
            p++;
        }

        segment.len = p - segment.data;

        if (segment.len == 0) {
            if (p < last) {
                return NULL;
            }

            break;
        }

        node = ngx_http_zwfw_child(node, &segment);
        if (node == NULL) {
            return NULL;
        }

        if (node->segment.data[0] != '{') {
            continue;
        }

        name.data = node->segment.data + 1;
        name.len = node->segment.len - 2;
        value.len = segment.len;
        value.data = ngx_pstrdup(ctx->mem.pool, &segment);

        if (value.data == NULL
            || ngx_http_zwfw_put(ctx, ctx->args, &name, &value) != NGX_OK)
        {
            return NULL;
        }
    }

    return node;
}


static ngx_http_zwfw_node_t *
ngx_http_zwfw_child(ngx_http_zwfw_node_t *node, ngx_str_t *segment)
{
    for (node = node->child; node; node = node->next) {
        if (node->segment.data[0] == '{'
            || (node->segment.len == segment->len
                && ngx_memcmp(node->segment.data, segment->data, segment->len)
                   == 0))
        {
            return node;
        }
    }

    return NULL;
}


/* no row for this method: says which there are */

static ngx_int_t
ngx_http_zwfw_allowed(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_node_t *node)
{
    ngx_str_t               allow;
    ngx_uint_t              get, post;
    ngx_table_elt_t        *h;
    ngx_http_zwfw_state_t  *state = ctx->core;

    get = node->get && ngx_http_zwfw_has_face(ctx, node->get->route);
    post = node->post && ngx_http_zwfw_has_face(ctx, node->post->route);

    if (get && post) {
        ngx_str_set(&allow, "GET, HEAD, OPTIONS, POST");

    } else if (get) {
        ngx_str_set(&allow, "GET, HEAD, OPTIONS");

    } else if (post) {
        ngx_str_set(&allow, "OPTIONS, POST");

    } else {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    /* a reload, or the end of a log-in: to the page with the form */

    if (ctx->page && !get && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        && ngx_http_zwfw_back(r, ctx, node->post->route) == NGX_OK)
    {
        state->location = state->back;
        ctx->status = NGX_HTTP_SEE_OTHER;
        ctx->step = ngx_http_zwfw_send_steps;
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Allow");
    h->value = allow;

    if (r->method == NGX_HTTP_OPTIONS) {
        ctx->status = NGX_HTTP_NO_CONTENT;
        ctx->step = ngx_http_zwfw_send_steps;
        return NGX_OK;
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_ALLOWED, "method_not_allowed",
                                NULL);
}


/* links to pages are shared, and get more parameters on their way */

static void
ngx_http_zwfw_ignore(ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t            *arg, *next;
    zwfw_field_t           *f;
    ngx_http_zwfw_state_t  *state = ctx->core;

    for (arg = ctx->args->child; arg; arg = next) {
        next = arg->next;

        for (f = state->row->args; f->type; f++) {
            if (f->name.len == arg->key.len
                && ngx_memcmp(f->name.data, arg->key.data, arg->key.len) == 0)
            {
                break;
            }
        }

        if (f->type == NULL) {
            zwfw_json_remove(ctx->args, arg);
        }
    }
}


static ngx_int_t
ngx_http_zwfw_query(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    int                 rc;
    ngx_str_t           field;
    zwfw_json_error_t   error;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    rc = zwfw_form_parse(&ctx->mem, r->args.data, r->args.len, ctx->args,
                         &error);

    if (rc == ZWFW_OK) {
        if (ctx->page && ctx->route->method == NGX_HTTP_GET) {
            ngx_http_zwfw_ignore(ctx);
        }

        return NGX_OK;
    }

    if (rc == ZWFW_ERROR) {
        return NGX_ERROR;
    }

    field.len = error.field.len;
    field.data = error.field.data;

    return ngx_http_zwfw_refuse(r, NGX_HTTP_BAD_REQUEST, error.code, &field);
}


/* the GET row whose page has the form that was posted; NULL: none */

ngx_http_zwfw_route_t *
ngx_http_zwfw_form_route(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *posted)
{
    ngx_str_t              *form;
    ngx_http_zwfw_route_t  *rt;

    form = &posted->form;

    if (form->len == 0) {
        return NULL;
    }

    for (rt = ctx->slice->routes; rt->method; rt++) {
        if (rt->method == NGX_HTTP_GET && rt->path.len == form->len
            && ngx_strncmp(rt->path.data, form->data, form->len) == 0)
        {
            return rt;
        }
    }

    return NULL;
}
