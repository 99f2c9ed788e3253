
/*
 * reply: what came of it, as JSON, page, redirect or problem
 */


#include "ngx_http_zwfw_core.h"


static ngx_int_t ngx_http_zwfw_reply_json(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_reply_problem(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_problem_errors(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *problem);
static ngx_str_t *ngx_http_zwfw_said(ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *code, ngx_str_t *kind);
static void ngx_http_zwfw_kind(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *field,
    ngx_str_t *kind, size_t *size);
static ngx_str_t ngx_http_zwfw_sized(ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *word, size_t size);
static ngx_int_t ngx_http_zwfw_error_page(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_reply_page(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_reply_next(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_reply_login(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_opened(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_open_value(ngx_http_request_t *r,
    zwfw_json_t *json, zwfw_json_t *list);
static ngx_int_t ngx_http_zwfw_not_opened(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_str_t *place, ngx_int_t rc);


/* the widest answer is the OpenAPI document's: the schemas of all rows */

zwfw_json_limits_t  ngx_http_zwfw_answer_limits = { 40, 200000, 100000, 40 };


/* reply: what came of it */

ngx_int_t
ngx_http_zwfw_step_reply(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_str_t               name;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "zwfw reply %ui \"%V\"", ctx->status, &ctx->code);

    if (!ctx->refused || state->form) {
        rc = ngx_http_zwfw_opened(r, ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ctx->page) {
        return ctx->refused ? ngx_http_zwfw_reply_problem(r, ctx)
                            : ngx_http_zwfw_reply_json(r, ctx);
    }

    if (state->form) {
        return ngx_http_zwfw_reply_page(r, ctx, &state->form->page);
    }

    if (ctx->refused) {
        if (ctx->status == NGX_HTTP_UNAUTHORIZED
            && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
        {
            return ngx_http_zwfw_reply_login(r, ctx);
        }

        if (ngx_http_zwfw_error_page(r, ctx, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_zwfw_reply_page(r, ctx, &name);
    }

    if (ctx->route->method == NGX_HTTP_POST && ctx->route->next.len) {
        return ngx_http_zwfw_reply_next(r, ctx);
    }

    if (ctx->route->page.len == 0) {
        return ngx_http_zwfw_reply_json(r, ctx);
    }

    return ngx_http_zwfw_reply_page(r, ctx, &ctx->route->page);
}


static ngx_int_t
ngx_http_zwfw_reply_json(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_set(&r->headers_out.content_type, "application/json");

    return NGX_OK;
}


/* RFC 9457 */

static ngx_int_t
ngx_http_zwfw_reply_problem(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    u_char        status[NGX_INT_T_LEN];
    ngx_str_t     detail;
    zwfw_str_t    number;
    zwfw_json_t  *problem;

    detail = ngx_http_zwfw_sentence(ctx, &ctx->code, &ctx->field);

    number.data = status;
    number.len = ngx_sprintf(status, "%ui", ctx->status) - status;

    problem = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (problem == NULL
        || zwfw_json_add(&ctx->mem, problem, "status", ZWFW_JSON_NUMBER,
                         &number) == NULL
        || zwfw_json_add(&ctx->mem, problem, "code", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->code) == NULL
        || (ctx->field.len
            && zwfw_json_add(&ctx->mem, problem, "field", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &ctx->field) == NULL)
        || zwfw_json_add(&ctx->mem, problem, "detail", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &detail) == NULL
        || ngx_http_zwfw_problem_errors(ctx, problem) != NGX_OK
        || zwfw_json_add(&ctx->mem, problem, "request_id", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->request_id) == NULL)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/problem+json");

    return ngx_http_zwfw_answer(r, problem);
}


/* all fields that are wrong, when there are more than the first */

static ngx_int_t
ngx_http_zwfw_problem_errors(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *problem)
{
    ngx_str_t     code, text;
    zwfw_json_t  *list, *error, *one;

    if (ctx->errors == NULL || ctx->errors->count < 2) {
        return NGX_OK;
    }

    list = zwfw_json_add(&ctx->mem, problem, "errors", ZWFW_JSON_ARRAY, NULL);

    for (error = ctx->errors->child; list && error; error = error->next) {
        code.len = error->value.len;
        code.data = error->value.data;
        text = ngx_http_zwfw_sentence(ctx, &code, (ngx_str_t *) &error->key);

        one = zwfw_json_add(&ctx->mem, list, NULL, ZWFW_JSON_OBJECT, NULL);

        if (one == NULL
            || zwfw_json_add(&ctx->mem, one, "field", ZWFW_JSON_STRING,
                             &error->key) == NULL
            || zwfw_json_add(&ctx->mem, one, "code", ZWFW_JSON_STRING,
                             &error->value) == NULL
            || zwfw_json_add(&ctx->mem, one, "detail", ZWFW_JSON_STRING,
                             (zwfw_str_t *) &text) == NULL)
        {
            return NGX_ERROR;
        }
    }

    return list ? NGX_OK : NGX_ERROR;
}


/*
 * The Chinese sentence of an error code at a field, which may be empty: of
 * "bad_value.phone" if there is one, for the type says what would fit; else of
 * the code; else the code
 */

ngx_str_t
ngx_http_zwfw_sentence(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *code,
    ngx_str_t *field)
{
    size_t      size;
    ngx_str_t  *word, kind;

    ngx_http_zwfw_kind(ctx, field, &kind, &size);

    word = kind.len ? ngx_http_zwfw_said(ctx, code, &kind) : NULL;

    if (word == NULL) {
        word = ngx_http_zwfw_said(ctx, code, NULL);
    }

    return word ? ngx_http_zwfw_sized(ctx, word, size) : *code;
}


/* ".json" at the end: where those who program are told something else than
   those who look at a page */

static ngx_str_t *
ngx_http_zwfw_said(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *code, ngx_str_t *kind)
{
    u_char     *p;
    ngx_str_t  *word, *slice, name;

    static ngx_str_t  group = ngx_string("error");

    slice = ctx->slice ? &ctx->slice->name : NULL;

    name.data = ctx->mem.alloc(ctx->mem.pool, code->len + sizeof("..json")
                                              + (kind ? kind->len : 0));
    if (name.data == NULL) {
        return NULL;
    }

    p = ngx_cpymem(name.data, code->data, code->len);

    if (kind) {
        *p++ = '.';
        p = ngx_cpymem(p, kind->data, kind->len);
    }

    if (!ctx->page) {
        name.len = ngx_cpymem(p, ".json", 5) - name.data;

        word = ngx_http_zwfw_word(ctx->platform, slice, &group, &name);
        if (word) {
            return word;
        }
    }

    name.len = p - name.data;

    return ngx_http_zwfw_word(ctx->platform, slice, &group, &name);
}


/* type and size of a field: of the tables, or as SQL said; of a file the
   mebibytes */

static void
ngx_http_zwfw_kind(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *field,
    ngx_str_t *kind, size_t *size)
{
    u_char                 *space, *last;
    ngx_int_t               most;
    zwfw_json_t            *said;
    zwfw_field_t           *f;
    ngx_http_zwfw_state_t  *state = ctx->core;

    *size = 0;
    ngx_str_null(kind);

    if (field->len == 0) {
        return;
    }

    said = state->kinds ? zwfw_json_get(state->kinds, (char *) field->data,
                                        field->len)
                        : NULL;

    if (said) {
        last = said->value.data + said->value.len;
        space = ngx_strlchr(said->value.data, last, ' ');
        kind->data = said->value.data;
        kind->len = (space ? space : last) - kind->data;
        most = space ? ngx_atoi(space + 1, last - space - 1) : NGX_ERROR;
        *size = (most == NGX_ERROR) ? 0 : most;
        return;
    }

    for (f = ctx->route ? ctx->route->fields : NULL; f && f->type; f++) {
        if (f->name.len == field->len
            && ngx_memcmp(f->name.data, field->data, field->len) == 0)
        {
            break;
        }
    }

    if (ctx->route && (f == NULL || f->type == NULL)) {
        f = zwfw_field_find(ctx->route->fields, (zwfw_str_t *) field);
    }

    if (f) {
        kind->len = f->type->name.len;
        kind->data = f->type->name.data;
        *size = (f->type == zwfw_type_file) ? f->size / (1024 * 1024)
                                            : f->size;
    }
}


/* "{size}" becomes the number */

static ngx_str_t
ngx_http_zwfw_sized(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *word, size_t size)
{
    u_char     *p, *mark;
    ngx_str_t   text;

    static ngx_str_t  name = ngx_string("{size}");

    mark = ngx_strnstr(word->data, (char *) name.data, word->len);

    p = mark ? ctx->mem.alloc(ctx->mem.pool, word->len + NGX_INT64_LEN) : NULL;

    if (p == NULL) {
        return *word;
    }

    text.data = p;

    p = ngx_cpymem(p, word->data, mark - word->data);
    p = ngx_sprintf(p, "%uz", size);
    mark += name.len;
    p = ngx_cpymem(p, mark, word->data + word->len - mark);

    text.len = p - text.data;

    return text;
}


/* "<slice>/error_<code>", "core/error_<code>" for a code that has a page of its
   own */

static ngx_int_t
ngx_http_zwfw_error_page(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *name)
{
    ngx_str_t   folders[2];
    ngx_uint_t  i;

    ngx_str_set(&folders[1], "core");
    folders[0] = ctx->slice ? ctx->slice->name : folders[1];

    for (i = 0; i < 2; i++) {
        name->data = ngx_pnalloc(r->pool, folders[i].len + sizeof("/error_")
                                          - 1 + ctx->code.len);
        if (name->data == NULL) {
            return NGX_ERROR;
        }

        name->len = ngx_sprintf(name->data, "%V/error_%V", &folders[i],
                                &ctx->code)
                    - name->data;

        if (ngx_http_zwfw_find_page(ctx->platform, name)) {
            return NGX_OK;
        }
    }

    ngx_str_set(name, "core/error");

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_reply_page(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *name)
{
    ngx_array_t             holes;
    ngx_http_zwfw_text_t    out;
    ngx_http_zwfw_state_t  *state = ctx->core;

    ngx_memzero(&out, sizeof(ngx_http_zwfw_text_t));

    if (state->cache_key.len && !ctx->refused) {
        if (ngx_array_init(&holes, r->pool, 4, sizeof(ngx_http_zwfw_hole_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        out.holes = &holes;
    }

    if (ngx_http_zwfw_page(r, name, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "text/html");

    if (out.holes) {
        return ngx_http_zwfw_cache_keep(r, ctx, &out);
    }

    ctx->answer = out.text;

    return NGX_OK;
}


/* 303 to the page that follows a success */

static ngx_int_t
ngx_http_zwfw_reply_next(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t            *answer;
    ngx_http_zwfw_state_t  *state = ctx->core;

    answer = ngx_http_zwfw_answered(r);
    if (answer == NULL) {
        return NGX_ERROR;
    }

    if (state->location.len == 0
        && ngx_http_zwfw_fill(r, &ctx->route->next, answer, &state->location)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->status = NGX_HTTP_SEE_OTHER;
    ngx_str_null(&ctx->answer);

    return NGX_OK;
}


/* 303 to the login with the path to come back to */

static ngx_int_t
ngx_http_zwfw_reply_login(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_http_zwfw_state_t  *state = ctx->core;

    if (ngx_http_zwfw_login_path(r, &r->unparsed_uri, &state->location)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->status = NGX_HTTP_SEE_OTHER;

    return NGX_OK;
}


/* "/case/{id}": names are members of the answer, then of the path */

ngx_int_t
ngx_http_zwfw_fill(ngx_http_request_t *r, ngx_str_t *pattern,
    zwfw_json_t *answer, ngx_str_t *filled)
{
    u_char               *p, *s, *last, *end, *name;
    zwfw_json_t          *value;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    p = ngx_pnalloc(r->pool, 2 * pattern->len + 512);
    if (p == NULL) {
        return NGX_ERROR;
    }

    filled->data = p;
    s = pattern->data;
    last = s + pattern->len;

    while (s < last) {
        end = (*s == '{') ? ngx_strlchr(s, last, '}') : NULL;

        if (end == NULL) {
            *p++ = *s++;
            continue;
        }

        name = s + 1;
        s = end + 1;

        value = zwfw_json_get(answer, (char *) name, end - name);

        if (value == NULL) {
            value = zwfw_json_get(ctx->args, (char *) name, end - name);
        }

        if (value == NULL || value->value.len > 64
            || p - filled->data > (ssize_t) pattern->len + 256)
        {
            return NGX_ERROR;
        }

        p = (u_char *) ngx_escape_uri(p, value->value.data, value->value.len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    filled->len = p - filled->data;

    return NGX_OK;
}


/* {"sealed": [column, row, value]} in an answer becomes the plain value; where
   that cannot be opened, the fourth member if there is one */

static ngx_int_t
ngx_http_zwfw_opened(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t     rc;
    zwfw_json_t  *json;

    static u_char  mark[] = "\"sealed\"";

    if (ctx->answer.len < sizeof(mark)
        || memmem(ctx->answer.data, ctx->answer.len, mark, sizeof(mark) - 1)
           == NULL)
    {
        return NGX_OK;
    }

    json = ngx_http_zwfw_answered(r);

    rc = json ? ngx_http_zwfw_open(r, json) : NGX_ERROR;

    return rc == NGX_OK ? ngx_http_zwfw_answer(r, json) : rc;
}


ngx_int_t
ngx_http_zwfw_open(ngx_http_request_t *r, zwfw_json_t *json)
{
    ngx_int_t     rc;
    zwfw_json_t  *child;

    if (json->type == ZWFW_JSON_OBJECT && json->count == 1
        && json->child->type == ZWFW_JSON_ARRAY
        && (json->child->count == 3 || json->child->count == 4)
        && json->child->key.len == 6
        && ngx_strncmp(json->child->key.data, "sealed", 6) == 0)
    {
        return ngx_http_zwfw_open_value(r, json, json->child);
    }

    for (child = json->child; child; child = child->next) {
        rc = ngx_http_zwfw_open(r, child);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_open_value(ngx_http_request_t *r, zwfw_json_t *json,
    zwfw_json_t *list)
{
    ngx_int_t             rc;
    ngx_str_t             place, value, *column, *row, *sealed;
    zwfw_json_t          *third;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    third = list->child->next->next;

    column = (ngx_str_t *) &list->child->value;
    row = (ngx_str_t *) &list->child->next->value;
    sealed = (ngx_str_t *) &third->value;

    place.data = ngx_pnalloc(r->pool, column->len + 1 + row->len);
    if (place.data == NULL) {
        return NGX_ERROR;
    }

    place.len = ngx_sprintf(place.data, "%V:%V", column, row) - place.data;

    rc = ngx_http_zwfw_unseal(r->pool, ctx->platform, &place, sealed, &value);

    if ((rc == NGX_AGAIN || rc == NGX_DECLINED) && third->next) {
        value.len = third->next->value.len;
        value.data = third->next->value.data;
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        return ngx_http_zwfw_not_opened(r, ctx, &place, rc);
    }

    json->type = ZWFW_JSON_STRING;
    json->value.len = value.len;
    json->value.data = value.data;
    json->child = NULL;
    json->last = NULL;
    json->count = 0;

    return NGX_OK;
}


/* nothing is shown in its place: somebody would take that for the value */

static ngx_int_t
ngx_http_zwfw_not_opened(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *place, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                  "zwfw: the value of \"%V\" could not be opened: %s, "
                  "request %V",
                  place, rc == NGX_AGAIN ? "its key is not in the key file"
                                         : "it was changed",
                  &ctx->request_id);

    if (rc == NGX_AGAIN) {
        ctx->retry = NGX_HTTP_ZWFW_NO_KEY;
        return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "key_missing", NULL);
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                "value_damaged", NULL);
}


/* a tree as the answer */

ngx_int_t
ngx_http_zwfw_answer(ngx_http_request_t *r, zwfw_json_t *json)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    ctx->answer.data = ngx_pnalloc(r->pool, zwfw_json_size(json));
    if (ctx->answer.data == NULL) {
        return NGX_ERROR;
    }

    ctx->answer.len = zwfw_json_write(ctx->answer.data, json)
                      - ctx->answer.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_add_number(ngx_http_request_t *r, zwfw_json_t *object,
    const char *name, ngx_uint_t n)
{
    u_char               *p;
    zwfw_str_t            text;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "%ui", n) - p;

    return zwfw_json_add(&ctx->mem, object, name, ZWFW_JSON_NUMBER, &text)
           ? NGX_OK : NGX_ERROR;
}


zwfw_json_t *
ngx_http_zwfw_answered(ngx_http_request_t *r)
{
    zwfw_json_t          *json;
    zwfw_json_error_t     error;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    if (ctx->answer.len == 0) {
        return zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);
    }

    if (zwfw_json_parse(&ctx->mem, ctx->answer.data, ctx->answer.len,
                        &ngx_http_zwfw_answer_limits, &json, &error)
        != ZWFW_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "zwfw: an answer is no JSON: %s, request %V",
                      error.code, &ctx->request_id);
        return NULL;
    }

    return json;
}


/* begins with one slash and no backslash; visible ASCII only */

void
ngx_http_zwfw_next(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_uint_t              i;
    ngx_http_zwfw_ctx_t    *ctx;
    ngx_http_zwfw_state_t  *state;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    state = ctx->core;

    if (path->len == 0 || path->data[0] != '/'
        || (path->len > 1 && path->data[1] == '/'))
    {
        return;
    }

    for (i = 0; i < path->len; i++) {
        if (path->data[i] <= ' ' || path->data[i] >= 0x7f
            || path->data[i] == '\\')
        {
            return;
        }
    }

    state->location.data = ngx_pstrdup(r->pool, path);

    if (state->location.data) {
        state->location.len = path->len;
    }
}
