
/*
 * reply, the page face: the row's template over the very same JSON
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_page_user(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_roles(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *user);
static ngx_int_t ngx_http_zwfw_page_platform(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_query(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_problem(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_back(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_wait(ngx_http_request_t *r,
    ngx_uint_t seconds, ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_page_number(ngx_http_request_t *r,
    ngx_uint_t n, zwfw_str_t *text);
static ngx_int_t ngx_http_zwfw_page_errors(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page);
static ngx_int_t ngx_http_zwfw_page_error(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *list, zwfw_json_t *tree, zwfw_str_t *field, ngx_str_t *code);
static ngx_int_t ngx_http_zwfw_page_values(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page);
static int ngx_http_zwfw_page_write(void *data, const u_char *p, size_t len);
static zwfw_template_t *ngx_http_zwfw_page_partial(void *data,
    zwfw_str_t *name);
static int ngx_http_zwfw_page_hole(void *data, zwfw_str_t *name);
static int ngx_http_zwfw_page_filter(void *data, zwfw_str_t *filter,
    zwfw_str_t *key, zwfw_json_t *value, zwfw_str_t *result);
static ngx_int_t ngx_http_zwfw_page_member(ngx_http_request_t *r,
    zwfw_str_t *path, ngx_str_t *member);


/* renders a template over data and page.* into out */

ngx_int_t
ngx_http_zwfw_render(ngx_http_request_t *r, ngx_str_t *name,
    zwfw_json_t *data, zwfw_json_t *page, ngx_http_zwfw_text_t *out)
{
    int                    rc;
    zwfw_json_t           *roots[2];
    zwfw_render_t          render;
    ngx_http_zwfw_ctx_t   *ctx;
    ngx_http_zwfw_page_t  *template;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    template = ngx_http_zwfw_find_page(ctx->platform, name);
    if (template == NULL) {
        return NGX_ERROR;
    }

    roots[0] = data;
    roots[1] = page;

    out->request = r;

    render.mem = &ctx->mem;
    render.write = ngx_http_zwfw_page_write;
    render.partial = ngx_http_zwfw_page_partial;
    render.hole = out->holes ? ngx_http_zwfw_page_hole : NULL;
    render.filter = ngx_http_zwfw_page_filter;
    render.data = out;

    rc = zwfw_template_render(template->template, roots, 2, &render);

    if (rc != ZWFW_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "zwfw: template \"%V\" could not be rendered, request "
                      "%V", name, &ctx->request_id);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the whole page of this request */

ngx_int_t
ngx_http_zwfw_page(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_zwfw_text_t *out)
{
    zwfw_json_t            *data, *page;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    data = ngx_http_zwfw_answered(r);
    page = ngx_http_zwfw_page_context(r, out->holes == NULL);

    if (data == NULL || page == NULL) {
        return NGX_ERROR;
    }

    if (state->form
        && ngx_http_zwfw_form_inputs(ctx, data, page->child) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_render(r, name, data, page, out);
}


/* {"page": {...}}; without the personal parts for shared copies */

zwfw_json_t *
ngx_http_zwfw_page_context(ngx_http_request_t *r, ngx_uint_t personal)
{
    ngx_str_t             key;
    zwfw_json_t          *root, *page;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    root = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    if (root == NULL) {
        return NULL;
    }

    page = zwfw_json_add(&ctx->mem, root, "page", ZWFW_JSON_OBJECT, NULL);

    if (page == NULL
        || zwfw_json_add(&ctx->mem, page, "path", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &r->uri) == NULL
        || zwfw_json_add(&ctx->mem, page, "region", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->platform->region) == NULL
        || ngx_http_zwfw_page_platform(ctx, page) != NGX_OK
        || ngx_http_zwfw_page_problem(r, ctx, page) != NGX_OK
        || ngx_http_zwfw_page_query(ctx, page) != NGX_OK)
    {
        return NULL;
    }

    if (!personal) {
        return root;
    }

    if (ngx_http_zwfw_uuid(r->pool, &key) != NGX_OK
        || zwfw_json_add(&ctx->mem, page, "idempotency", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &key) == NULL
        || zwfw_json_add(&ctx->mem, page, "request_id", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->request_id) == NULL
        || ngx_http_zwfw_page_user(r, ctx, page) != NGX_OK
        || ngx_http_zwfw_page_nav(r, ctx, page) != NGX_OK)
    {
        return NULL;
    }

    return root;
}


static ngx_int_t
ngx_http_zwfw_page_user(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page)
{
    ngx_str_t     token;
    zwfw_json_t  *user;

    if (ctx->session == NULL) {
        return NGX_OK;
    }

    user = zwfw_json_add(&ctx->mem, page, "user", ZWFW_JSON_OBJECT, NULL);

    if (user == NULL
        || zwfw_json_add(&ctx->mem, user, "uid", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->session->uid) == NULL
        || zwfw_json_add(&ctx->mem, user, "name", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->session->name) == NULL
        || ngx_http_zwfw_page_roles(ctx, user) != NGX_OK
        || ngx_http_zwfw_page_token(r, &token) != NGX_OK
        || zwfw_json_add(&ctx->mem, page, "token", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &token) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* page.user.clerk and its like, and page.user.staff */

static ngx_int_t
ngx_http_zwfw_page_roles(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *user)
{
    ngx_str_t    name;
    ngx_uint_t   bit;

    for (bit = NGX_HTTP_ZWFW_NATURAL; bit < NGX_HTTP_ZWFW_USER; bit <<= 1) {
        name = ngx_http_zwfw_who_name(bit);

        if ((ctx->session->who & bit) && name.len
            && zwfw_json_add(&ctx->mem, user, (char *) name.data,
                             ZWFW_JSON_TRUE, NULL) == NULL)
        {
            return NGX_ERROR;
        }
    }

    if ((ctx->session->who & NGX_HTTP_ZWFW_STAFF)
        && zwfw_json_add(&ctx->mem, user, "staff", ZWFW_JSON_TRUE, NULL)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_page_platform(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page)
{
    zwfw_str_t                 tokens = zwfw_string("yes");
    zwfw_json_t               *platform;
    ngx_http_zwfw_platform_t  *pf;

    pf = ctx->platform;

    platform = zwfw_json_add(&ctx->mem, page, "platform", ZWFW_JSON_OBJECT,
                             NULL);

    if (platform == NULL
        || zwfw_json_add(&ctx->mem, platform, "name", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &pf->name) == NULL
        || zwfw_json_add(&ctx->mem, platform, "title", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &pf->title) == NULL
        || zwfw_json_add(&ctx->mem, platform, "kind", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &pf->kind) == NULL
        || zwfw_json_add(&ctx->mem, platform, "code", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &pf->code) == NULL)
    {
        return NGX_ERROR;
    }

    if (pf->tokens.len
        && zwfw_json_add(&ctx->mem, platform, "tokens", ZWFW_JSON_STRING,
                         &tokens) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* page.query, and page.chosen.<field>.<value>, as templates cannot compare */

static ngx_int_t
ngx_http_zwfw_page_query(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page)
{
    zwfw_str_t    name = zwfw_string("query");
    zwfw_json_t  *chosen, *arg, *field, *yes;

    if (ctx->args == NULL) {
        return NGX_OK;
    }

    zwfw_json_append(page, &name, ctx->args);

    chosen = zwfw_json_add(&ctx->mem, page, "chosen", ZWFW_JSON_OBJECT, NULL);
    if (chosen == NULL) {
        return NGX_ERROR;
    }

    for (arg = ctx->args->child; arg; arg = arg->next) {
        field = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
        yes = zwfw_json_new(&ctx->mem, ZWFW_JSON_TRUE, NULL);

        if (field == NULL || yes == NULL) {
            return NGX_ERROR;
        }

        zwfw_json_append(field, &arg->value, yes);
        zwfw_json_append(chosen, &arg->key, field);
    }

    return NGX_OK;
}


/* page.status, code, detail, wait, is, errors, error.<field>, values */

static ngx_int_t
ngx_http_zwfw_page_problem(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page)
{
    ngx_str_t     text, wait;
    zwfw_str_t    status;
    zwfw_json_t  *is;

    if (!ctx->refused) {
        return NGX_OK;
    }

    text = ngx_http_zwfw_sentence(ctx, &ctx->code, &ctx->field);
    is = zwfw_json_add(&ctx->mem, page, "is", ZWFW_JSON_OBJECT, NULL);

    if (is == NULL
        || ngx_http_zwfw_page_number(r, ctx->status, &status) != NGX_OK
        || ngx_http_zwfw_page_wait(r, ctx->retry, &wait) != NGX_OK
        || zwfw_json_add(&ctx->mem, page, "status", ZWFW_JSON_NUMBER, &status)
           == NULL
        || zwfw_json_add(&ctx->mem, page, "code", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->code) == NULL
        || zwfw_json_add(&ctx->mem, page, "detail", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &text) == NULL
        || (ctx->retry
            && zwfw_json_add(&ctx->mem, page, "wait", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &wait) == NULL))
    {
        return NGX_ERROR;
    }

    /* page.is.401 and its like, as templates cannot compare */

    if (zwfw_json_add(&ctx->mem, is, (char *) status.data, ZWFW_JSON_TRUE,
                      NULL) == NULL
        || ngx_http_zwfw_page_back(r, ctx, page) != NGX_OK
        || ngx_http_zwfw_page_errors(ctx, page) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_page_values(ctx, page);
}


/* page.back: where to go on, the form of what was posted; page.login: the same
   behind a log-in; page.posted; page.kept: what was typed waits there */

static ngx_int_t
ngx_http_zwfw_page_back(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *page)
{
    ngx_str_t               login, *back;
    ngx_http_zwfw_state_t  *state = ctx->core;

    back = &state->back;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        *back = r->uri;

        /* with its query, but never the host of a "//host" */

        if (r->unparsed_uri.len > 1 && r->unparsed_uri.data[1] != '/'
            && r->unparsed_uri.data[1] != '\\')
        {
            *back = r->unparsed_uri;
        }

    } else if (back->len == 0 && ctx->route && ctx->slice
               && ngx_http_zwfw_back(r, ctx, ctx->route) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_login_path(r, back, &login) != NGX_OK
        || (back->len
            && zwfw_json_add(&ctx->mem, page, "back", ZWFW_JSON_STRING,
                             (zwfw_str_t *) back) == NULL)
        || zwfw_json_add(&ctx->mem, page, "login", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &login) == NULL
        || (r->method == NGX_HTTP_POST
            && zwfw_json_add(&ctx->mem, page, "posted", ZWFW_JSON_TRUE, NULL)
               == NULL)
        || (state->kept
            && zwfw_json_add(&ctx->mem, page, "kept", ZWFW_JSON_TRUE, NULL)
               == NULL))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "45 秒", and from two minutes on "30 分钟" */

static ngx_int_t
ngx_http_zwfw_page_wait(ngx_http_request_t *r, ngx_uint_t seconds,
    ngx_str_t *text)
{
    text->data = ngx_pnalloc(r->pool, NGX_INT_T_LEN + sizeof(" 分钟"));
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = (seconds < 120
                 ? ngx_sprintf(text->data, "%ui 秒", seconds)
                 : ngx_sprintf(text->data, "%ui 分钟", (seconds + 59) / 60))
                - text->data;

    return NGX_OK;
}


/* digits, and a NUL that is not counted */

static ngx_int_t
ngx_http_zwfw_page_number(ngx_http_request_t *r, ngx_uint_t n,
    zwfw_str_t *text)
{
    text->data = ngx_pnalloc(r->pool, NGX_INT_T_LEN + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data, "%ui%Z", n) - text->data - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_page_errors(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page)
{
    zwfw_json_t  *list, *tree, *error;

    list = zwfw_json_add(&ctx->mem, page, "errors", ZWFW_JSON_ARRAY, NULL);
    tree = zwfw_json_add(&ctx->mem, page, "error", ZWFW_JSON_OBJECT, NULL);

    if (list == NULL || tree == NULL) {
        return NGX_ERROR;
    }

    if (ctx->errors && ctx->errors->child) {
        for (error = ctx->errors->child; error; error = error->next) {
            if (ngx_http_zwfw_page_error(ctx, list, tree, &error->key,
                                         (ngx_str_t *) &error->value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    if (ctx->field.len == 0) {
        return NGX_OK;
    }

    return ngx_http_zwfw_page_error(ctx, list, tree,
                                    (zwfw_str_t *) &ctx->field, &ctx->code);
}


static ngx_int_t
ngx_http_zwfw_page_error(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *list,
    zwfw_json_t *tree, zwfw_str_t *field, ngx_str_t *code)
{
    ngx_str_t           text;
    zwfw_json_t        *error, *value;
    zwfw_json_error_t   ignored;

    text = ngx_http_zwfw_sentence(ctx, code, (ngx_str_t *) field);

    error = zwfw_json_add(&ctx->mem, list, NULL, ZWFW_JSON_OBJECT, NULL);
    value = zwfw_json_new(&ctx->mem, ZWFW_JSON_STRING, (zwfw_str_t *) &text);

    if (error == NULL || value == NULL
        || zwfw_json_add(&ctx->mem, error, "field", ZWFW_JSON_STRING, field)
           == NULL
        || zwfw_json_add(&ctx->mem, error, "text", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &text) == NULL)
    {
        return NGX_ERROR;
    }

    if (zwfw_form_put(&ctx->mem, tree, field, value, &ignored) == ZWFW_ERROR) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what was typed is shown again, but no password */

static ngx_int_t
ngx_http_zwfw_page_values(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *page)
{
    zwfw_str_t              name = zwfw_string("values");
    zwfw_json_t            *values;
    zwfw_json_error_t       error;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (state->values.len == 0 || state->form == NULL) {
        return NGX_OK;
    }

    if (zwfw_json_parse(&ctx->mem, state->values.data, state->values.len,
                        &ngx_http_zwfw_answer_limits, &values, &error)
        != ZWFW_OK)
    {
        return NGX_OK;
    }

    ngx_http_zwfw_page_hide(state->posted ? state->posted->fields
                                          : ctx->route->fields, values);
    zwfw_json_append(page, &name, values);

    return NGX_OK;
}


void
ngx_http_zwfw_page_hide(zwfw_field_t *fields, zwfw_json_t *values)
{
    zwfw_json_t  *value;

    for ( /* void */ ; fields && fields->type; fields++) {
        if (fields->type != zwfw_type_secret) {
            continue;
        }

        value = zwfw_json_get(values, (char *) fields->name.data,
                              fields->name.len);
        if (value) {
            zwfw_json_remove(values, value);
        }
    }
}


static int
ngx_http_zwfw_page_write(void *data, const u_char *p, size_t len)
{
    ngx_http_zwfw_text_t  *out = data;

    u_char  *text;
    size_t   size;

    if (out->text.len + len > out->size) {
        size = ngx_max(out->size * 2, out->text.len + len + 16384);

        text = ngx_palloc(out->request->pool, size);
        if (text == NULL) {
            return ZWFW_ERROR;
        }

        ngx_memcpy(text, out->text.data, out->text.len);

        if (out->size) {
            (void) ngx_pfree(out->request->pool, out->text.data);
        }

        out->text.data = text;
        out->size = size;
    }

    ngx_memcpy(out->text.data + out->text.len, p, len);
    out->text.len += len;

    return ZWFW_OK;
}


static zwfw_template_t *
ngx_http_zwfw_page_partial(void *data, zwfw_str_t *name)
{
    ngx_http_zwfw_text_t  *out = data;

    ngx_http_zwfw_ctx_t   *ctx;
    ngx_http_zwfw_page_t  *page;

    ctx = ngx_http_get_module_ctx(out->request, ngx_http_zwfw_core_module);
    page = ngx_http_zwfw_find_page(ctx->platform, (ngx_str_t *) name);

    return page ? page->template : NULL;
}


/* a personal part: remembered, filled for each request */

static int
ngx_http_zwfw_page_hole(void *data, zwfw_str_t *name)
{
    ngx_http_zwfw_text_t  *out = data;

    ngx_http_zwfw_hole_t  *hole;

    hole = ngx_array_push(out->holes);
    if (hole == NULL) {
        return ZWFW_ERROR;
    }

    hole->offset = out->text.len;
    hole->name.len = name->len;
    hole->name.data = name->data;

    return ZWFW_OK;
}


static int
ngx_http_zwfw_page_filter(void *data, zwfw_str_t *filter, zwfw_str_t *key,
    zwfw_json_t *value, zwfw_str_t *result)
{
    ngx_http_zwfw_text_t  *out = data;

    ngx_str_t             code, *word;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(out->request, ngx_http_zwfw_core_module);

    switch (filter->data[0]) {

    case 'd':
        return filter->len == 4 ? zwfw_filter_date(&ctx->mem, value, result)
                                : zwfw_filter_datetime(&ctx->mem, value,
                                                       result);
    case 'y':
        return zwfw_filter_yuan(&ctx->mem, value, result);

    case 'm':
        return zwfw_filter_mask(&ctx->mem, value, result);

    default:
        break;
    }

    if (value == NULL) {
        result->len = 0;
        return ZWFW_OK;
    }

    word = ngx_http_zwfw_word(ctx->platform,
                              ctx->slice ? &ctx->slice->name : NULL,
                              (ngx_str_t *) key, (ngx_str_t *) &value->value);

    if (word == NULL
        && ngx_http_zwfw_page_member(out->request, &value->value, &code)
           == NGX_OK)
    {
        word = ngx_http_zwfw_word(ctx->platform,
                                  ctx->slice ? &ctx->slice->name : NULL,
                                  (ngx_str_t *) key, &code);
    }

    /* the code of a refusal may be one of any slice */

    if (word == NULL && key->len == 4 && ngx_memcmp(key->data, "code", 4) == 0)
    {
        word = ngx_http_zwfw_error_word(ctx->platform,
                                        (ngx_str_t *) &value->value);
    }

    *result = word ? *(zwfw_str_t *) word : value->value;

    return ZWFW_OK;
}


/* "materials.0.name" as "materials.name"; NGX_DECLINED: no row is in it */

static ngx_int_t
ngx_http_zwfw_page_member(ngx_http_request_t *r, zwfw_str_t *path,
    ngx_str_t *member)
{
    u_char  *p, *end, *last;

    if (ngx_strlchr(path->data, path->data + path->len, '.') == NULL) {
        return NGX_DECLINED;
    }

    member->len = 0;
    member->data = ngx_pnalloc(r->pool, path->len);
    if (member->data == NULL) {
        return NGX_DECLINED;
    }

    last = path->data + path->len;

    for (p = path->data; p < last; p = end) {
        end = ngx_strlchr(p + 1, last, '.');
        end = end ? end : last;

        if (*p == '.' && ngx_atoi(p + 1, end - p - 1) != NGX_ERROR) {
            continue;
        }

        ngx_memcpy(member->data + member->len, p, end - p);
        member->len += end - p;
    }

    return (member->len < path->len) ? NGX_OK : NGX_DECLINED;
}
