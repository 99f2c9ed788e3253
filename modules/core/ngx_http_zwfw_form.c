
/*
 * form: a form that was refused is shown again with what was typed
 */


#include "ngx_http_zwfw_core.h"


static zwfw_json_t *ngx_http_zwfw_form_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *form);
static ngx_uint_t ngx_http_zwfw_form_posts(ngx_http_zwfw_route_t *rt,
    zwfw_str_t *name);
static ngx_int_t ngx_http_zwfw_form_input(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, zwfw_str_t *name, zwfw_json_t *page);
static ngx_uint_t ngx_http_zwfw_form_meant(zwfw_json_t *values,
    zwfw_str_t *name, zwfw_str_t *field);
static ngx_int_t ngx_http_zwfw_form_option(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, zwfw_str_t *option, zwfw_json_t *typed);
static ngx_int_t ngx_http_zwfw_form_wrong(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *object, zwfw_json_t *error);


ngx_int_t
ngx_http_zwfw_step_form(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t            *args;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw form %V", &state->form->path);

    ngx_str_null(&ctx->answer);

    if (state->form->call.len == 0) {
        return NGX_OK;
    }

    args = ngx_http_zwfw_form_args(ctx, state->form);
    if (args == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, state->form->class, &state->form->call, args,
                              NULL);
}


/* the fields of the form's row, from the path, the query or the body */

static zwfw_json_t *
ngx_http_zwfw_form_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *form)
{
    zwfw_json_t   *args, *value;
    zwfw_field_t  *f;

    args = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    for (f = form->fields; args && f && f->type; f++) {
        value = ngx_http_zwfw_form_arg(ctx, f);

        if (value && zwfw_json_add(&ctx->mem, args, (char *) f->name.data,
                                   ZWFW_JSON_STRING, &value->value)
                     == NULL)
        {
            return NULL;
        }
    }

    return args;
}


zwfw_json_t *
ngx_http_zwfw_form_arg(ngx_http_zwfw_ctx_t *ctx, zwfw_field_t *field)
{
    zwfw_json_t  *value;

    value = zwfw_json_get(ctx->args, (char *) field->name.data,
                          field->name.len);

    if (value == NULL && ctx->body) {
        value = zwfw_json_get(ctx->body, (char *) field->name.data,
                              field->name.len);
    }

    return (value && value->type == ZWFW_JSON_STRING) ? value : NULL;
}


/*
 * Inputs that the answer itself describes, {"input": "form.scope", ...}: a
 * template cannot look up a name that is data, so they get what was typed as
 * "value" and what is wrong with it as "error", and their "label" goes to
 * page.errors.  One of several, {"input": .., "option": ..}, is "chosen" when
 * it was.  json is no deeper than the limits of an answer
 */

ngx_int_t
ngx_http_zwfw_form_inputs(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *json,
    zwfw_json_t *page)
{
    zwfw_json_t  *child, *name;

    for (child = json->child; child; child = child->next) {
        if (ngx_http_zwfw_form_inputs(ctx, child, page) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    name = zwfw_json_get(json, "input", sizeof("input") - 1);

    if (name == NULL || name->type != ZWFW_JSON_STRING) {
        return NGX_OK;
    }

    return ngx_http_zwfw_form_input(ctx, json, &name->value, page);
}


/* is it a field of the form that was posted, or only shown on its page? */

static ngx_uint_t
ngx_http_zwfw_form_posts(ngx_http_zwfw_route_t *rt, zwfw_str_t *name)
{
    size_t         len;
    u_char        *dot;
    zwfw_field_t  *f;

    dot = ngx_strlchr(name->data, name->data + name->len, '.');
    len = dot ? (size_t) (dot - name->data) : name->len;

    for (f = rt->fields; f && f->type; f++) {
        if (f->name.len == len
            && ngx_memcmp(f->name.data, name->data, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_zwfw_form_input(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    zwfw_str_t *name, zwfw_json_t *page)
{
    zwfw_json_t            *values, *typed, *old, *option, *error, *field;
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (!ngx_http_zwfw_form_posts(state->posted ? state->posted : ctx->route,
                                  name))
    {
        return NGX_OK;
    }

    values = zwfw_json_get(page, "values", sizeof("values") - 1);
    typed = zwfw_json_find(values, (char *) name->data, name->len);
    option = zwfw_json_get(object, "option", sizeof("option") - 1);

    if (option) {
        return values ? ngx_http_zwfw_form_option(ctx, object, &option->value,
                                                  typed)
                      : NGX_OK;
    }

    old = zwfw_json_get(object, "value", sizeof("value") - 1);

    if (values && old) {
        zwfw_json_remove(object, old);
    }

    if (typed && typed->type == ZWFW_JSON_STRING
        && zwfw_json_add(&ctx->mem, object, "value", ZWFW_JSON_STRING,
                         &typed->value)
           == NULL)
    {
        return NGX_ERROR;
    }

    error = zwfw_json_get(page, "errors", sizeof("errors") - 1);

    for (error = error ? error->child : NULL; error; error = error->next) {
        field = zwfw_json_get(error, "field", sizeof("field") - 1);

        if (ngx_http_zwfw_form_meant(values, name, &field->value)
            && ngx_http_zwfw_form_wrong(ctx, object, error) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* is the field this input?  "materials.M01" stands for all rows of a list that
   were typed with this code, so for "materials.3.file", too */

static ngx_uint_t
ngx_http_zwfw_form_meant(zwfw_json_t *values, zwfw_str_t *name,
    zwfw_str_t *field)
{
    size_t        n;
    u_char       *dot, *end, *last;
    zwfw_json_t  *row, *code;

    if (field->len == name->len
        && ngx_memcmp(field->data, name->data, name->len) == 0)
    {
        return 1;
    }

    last = field->data + field->len;
    dot = ngx_strlchr(field->data, last, '.');
    end = dot ? ngx_strlchr(dot + 1, last, '.') : NULL;

    if (end == NULL) {
        return 0;
    }

    n = dot + 1 - field->data;

    if (name->len < n || ngx_memcmp(name->data, field->data, n) != 0) {
        return 0;
    }

    row = zwfw_json_find(values, (char *) field->data, end - field->data);
    code = row ? zwfw_json_get(row, "code", sizeof("code") - 1) : NULL;

    return code && code->type == ZWFW_JSON_STRING
           && code->value.len == name->len - n
           && ngx_memcmp(code->value.data, name->data + n, name->len - n) == 0;
}


static ngx_int_t
ngx_http_zwfw_form_option(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    zwfw_str_t *option, zwfw_json_t *typed)
{
    zwfw_json_t  *chosen;

    chosen = zwfw_json_get(object, "chosen", sizeof("chosen") - 1);

    if (chosen) {
        zwfw_json_remove(object, chosen);
    }

    if (typed == NULL
        || typed->type != ZWFW_JSON_STRING
        || typed->value.len != option->len
        || ngx_memcmp(typed->value.data, option->data, option->len) != 0)
    {
        return NGX_OK;
    }

    return zwfw_json_add(&ctx->mem, object, "chosen", ZWFW_JSON_TRUE, NULL)
           ? NGX_OK : NGX_ERROR;
}


/* the first error of an input stands beside it, the list has all of them */

static ngx_int_t
ngx_http_zwfw_form_wrong(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *object,
    zwfw_json_t *error)
{
    zwfw_json_t  *text, *label;

    text = zwfw_json_get(error, "text", sizeof("text") - 1);
    label = zwfw_json_get(object, "label", sizeof("label") - 1);

    if ((zwfw_json_get(object, "error", sizeof("error") - 1) == NULL
         && zwfw_json_add(&ctx->mem, object, "error", ZWFW_JSON_STRING,
                          &text->value) == NULL)
        || (label
            && zwfw_json_add(&ctx->mem, error, "label", ZWFW_JSON_STRING,
                             &label->value) == NULL))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
