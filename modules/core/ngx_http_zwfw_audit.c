
/*
 * GET audit/export: the audit trail as CSV, for spreadsheets.  The list is
 * read page by page, newest first, and sent when all of it is there; it holds
 * 10000 rows at most, and says so where more would follow
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_AUDIT_ROWS     10000  /* at most, the rest is cut off */
#define NGX_HTTP_ZWFW_AUDIT_PAGE     "1000"
#define NGX_HTTP_ZWFW_AUDIT_PART     65536
#define NGX_HTTP_ZWFW_AUDIT_CODES    16
#define NGX_HTTP_ZWFW_AUDIT_COLUMNS  18


typedef struct {
    const char                *key;         /* of a row of the list */
    ngx_str_t                  title;
    ngx_uint_t                 word;        /* its text, not its code */
} ngx_http_zwfw_audit_column_t;


typedef struct {
    ngx_uint_t                 rows;
    ngx_array_t                parts;       /* ngx_str_t, of CSV */
    size_t                     room;        /* left in the last part */
    zwfw_json_t               *after;       /* among the arguments */
} ngx_http_zwfw_audit_t;


static ngx_int_t ngx_http_zwfw_audit_ask(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_http_zwfw_audit_t *ngx_http_zwfw_audit_begin(
    ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_audit_take(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_audit_page(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_mem_t *mem, zwfw_json_t *list);
static ngx_int_t ngx_http_zwfw_audit_next(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *next);
static ngx_int_t ngx_http_zwfw_audit_row(ngx_http_zwfw_ctx_t *ctx,
    zwfw_mem_t *mem, zwfw_json_t *row);
static ngx_int_t ngx_http_zwfw_audit_text(ngx_http_zwfw_ctx_t *ctx,
    zwfw_mem_t *mem, ngx_http_zwfw_audit_column_t *column,
    zwfw_json_t *value, ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_audit_words(ngx_http_zwfw_ctx_t *ctx,
    zwfw_mem_t *mem, ngx_http_zwfw_audit_column_t *column, ngx_str_t *text);
static ngx_int_t ngx_http_zwfw_audit_line(ngx_http_zwfw_audit_t *audit,
    ngx_str_t *cells, ngx_uint_t n);
static u_char *ngx_http_zwfw_audit_cell(u_char *p, ngx_str_t *text);
static ngx_str_t *ngx_http_zwfw_audit_part(ngx_http_zwfw_audit_t *audit,
    size_t size);
static ngx_int_t ngx_http_zwfw_audit_end(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


static ngx_http_zwfw_audit_column_t  ngx_http_zwfw_audit_columns[] = {
    { "id", ngx_string("序号"), 0 },
    { "at", ngx_string("时间"), 0 },
    { "person", ngx_string("人员"), 0 },
    { "account", ngx_string("账户"), 0 },
    { "person_kind", ngx_string("身份"), 1 },
    { "uid", ngx_string("人员编号"), 0 },
    { "role", ngx_string("角色"), 1 },
    { "body_name", ngx_string("机构"), 0 },
    { "action", ngx_string("操作"), 1 },
    { "action", ngx_string("操作代码"), 0 },
    { "object", ngx_string("对象"), 1 },
    { "object_name", ngx_string("对象名称"), 0 },
    { "object_id", ngx_string("对象编号"), 0 },
    { "outcome", ngx_string("结果"), 1 },
    { "detail", ngx_string("详情"), 0 },
    { "channel", ngx_string("渠道"), 1 },
    { "request_id", ngx_string("问题编号"), 0 },
    { "hash", ngx_string("校验值"), 0 }
};


static ngx_str_t  ngx_http_zwfw_audit_call = ngx_string("audit_list");

static ngx_str_t  ngx_http_zwfw_audit_cut = ngx_string(
    "只导出了最近的 10000 条，更早的没有导出。请缩小日期范围，再次导出"
);


/* ask and take repeat until there is no next page */

ngx_http_zwfw_step_pt  ngx_http_zwfw_audit_steps[] = {
    ngx_http_zwfw_audit_ask,        /* api.audit_list                       */
    ngx_http_zwfw_audit_take,
    ngx_http_zwfw_step_send
};


static ngx_int_t
ngx_http_zwfw_audit_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    if (ctx->data == NULL) {
        ctx->data = ngx_http_zwfw_audit_begin(r, ctx);

        if (ctx->data == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_zwfw_call(r, ctx->route->class, &ngx_http_zwfw_audit_call,
                              ctx->args, NULL);
}


static ngx_http_zwfw_audit_t *
ngx_http_zwfw_audit_begin(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               titles[NGX_HTTP_ZWFW_AUDIT_COLUMNS], *part;
    ngx_uint_t              i;
    zwfw_str_t              limit = zwfw_string(NGX_HTTP_ZWFW_AUDIT_PAGE);
    ngx_http_zwfw_audit_t  *audit;

    audit = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_audit_t));

    if (audit == NULL
        || ngx_array_init(&audit->parts, r->pool, 64, sizeof(ngx_str_t))
           != NGX_OK
        || zwfw_json_add(&ctx->mem, ctx->args, "limit", ZWFW_JSON_NUMBER,
                         &limit) == NULL)
    {
        return NULL;
    }

    /* without this mark spreadsheets do not take it for UTF-8 */

    part = ngx_http_zwfw_audit_part(audit, 3);
    if (part == NULL) {
        return NULL;
    }

    ngx_memcpy(part->data, "\xef\xbb\xbf", 3);
    part->len = 3;
    audit->room -= 3;

    for (i = 0; i < NGX_HTTP_ZWFW_AUDIT_COLUMNS; i++) {
        titles[i] = ngx_http_zwfw_audit_columns[i].title;
    }

    if (ngx_http_zwfw_audit_line(audit, titles, NGX_HTTP_ZWFW_AUDIT_COLUMNS)
        != NGX_OK)
    {
        return NULL;
    }

    return audit;
}


/* a page as a tree is large, and gone when its rows are written */

static ngx_int_t
ngx_http_zwfw_audit_take(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_int_t           rc;
    zwfw_mem_t          mem;
    ngx_pool_t         *pool;
    zwfw_json_t        *list;
    zwfw_json_error_t   error;

    pool = ngx_create_pool(16384, r->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    mem.alloc = ctx->mem.alloc;
    mem.pool = pool;

    rc = NGX_ERROR;

    if (zwfw_json_parse(&mem, ctx->answer.data, ctx->answer.len,
                        &ngx_http_zwfw_answer_limits, &list, &error)
        == ZWFW_OK)
    {
        rc = ngx_http_zwfw_open(r, list);

        if (rc == NGX_OK) {
            rc = ngx_http_zwfw_audit_page(r, ctx, &mem, list);
        }
    }

    ngx_destroy_pool(pool);

    (void) ngx_pfree(r->pool, ctx->answer.data);
    ngx_str_null(&ctx->answer);

    return rc;
}


static ngx_int_t
ngx_http_zwfw_audit_page(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_mem_t *mem, zwfw_json_t *list)
{
    zwfw_json_t            *row, *items, *next;
    ngx_http_zwfw_audit_t  *audit = ctx->data;

    items = zwfw_json_get(list, "items", 5);
    next = zwfw_json_get(list, "next", 4);

    if (items == NULL) {
        return NGX_ERROR;
    }

    for (row = items->child; row; row = row->next) {
        if (ngx_http_zwfw_audit_row(ctx, mem, row) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    audit->rows += items->count;

    if (next == NULL) {
        return ngx_http_zwfw_audit_end(r, ctx);
    }

    if (audit->rows < NGX_HTTP_ZWFW_AUDIT_ROWS) {
        return ngx_http_zwfw_audit_next(r, ctx, next);
    }

    if (ngx_http_zwfw_audit_line(audit, &ngx_http_zwfw_audit_cut, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_audit_end(r, ctx);
}


static ngx_int_t
ngx_http_zwfw_audit_next(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *next)
{
    ngx_http_zwfw_audit_t  *audit = ctx->data;

    if (audit->after == NULL) {
        audit->after = zwfw_json_add(&ctx->mem, ctx->args, "after",
                                     ZWFW_JSON_STRING, NULL);

        if (audit->after == NULL) {
            return NGX_ERROR;
        }
    }

    audit->after->value.len = next->value.len;
    audit->after->value.data = ngx_pstrdup(r->pool,
                                           (ngx_str_t *) &next->value);

    if (audit->after->value.data == NULL) {
        return NGX_ERROR;
    }

    ctx->step = ngx_http_zwfw_audit_steps;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_audit_row(ngx_http_zwfw_ctx_t *ctx, zwfw_mem_t *mem,
    zwfw_json_t *row)
{
    ngx_str_t                      cells[NGX_HTTP_ZWFW_AUDIT_COLUMNS];
    ngx_uint_t                     i;
    zwfw_json_t                   *value;
    ngx_http_zwfw_audit_column_t  *c;

    for (i = 0; i < NGX_HTTP_ZWFW_AUDIT_COLUMNS; i++) {
        c = &ngx_http_zwfw_audit_columns[i];
        value = zwfw_json_get(row, c->key, ngx_strlen(c->key));

        if (ngx_http_zwfw_audit_text(ctx, mem, c, value, &cells[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_zwfw_audit_line(ctx->data, cells,
                                    NGX_HTTP_ZWFW_AUDIT_COLUMNS);
}


static ngx_int_t
ngx_http_zwfw_audit_text(ngx_http_zwfw_ctx_t *ctx, zwfw_mem_t *mem,
    ngx_http_zwfw_audit_column_t *column, zwfw_json_t *value,
    ngx_str_t *text)
{
    ngx_str_null(text);

    if (value == NULL || value->type == ZWFW_JSON_NULL) {
        return NGX_OK;
    }

    if (value->type == ZWFW_JSON_OBJECT) {
        text->data = mem->alloc(mem->pool, zwfw_json_size(value));
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        text->len = zwfw_json_write(text->data, value) - text->data;
        return NGX_OK;
    }

    text->len = value->value.len;
    text->data = value->value.data;

    return column->word ? ngx_http_zwfw_audit_words(ctx, mem, column, text)
                        : NGX_OK;
}


/* of each code, as a person has several roles */

static ngx_int_t
ngx_http_zwfw_audit_words(ngx_http_zwfw_ctx_t *ctx, zwfw_mem_t *mem,
    ngx_http_zwfw_audit_column_t *column, ngx_str_t *text)
{
    u_char      *p, *s, *last, *comma;
    size_t       size;
    ngx_str_t    group, code, *word;
    ngx_uint_t   n, i;
    ngx_str_t    words[NGX_HTTP_ZWFW_AUDIT_CODES];

    static ngx_str_t  between = ngx_string("、");

    group.data = (u_char *) column->key;
    group.len = ngx_strlen(column->key);

    s = text->data;
    last = s + text->len;
    size = 0;
    comma = s;

    for (n = 0; comma && n < NGX_HTTP_ZWFW_AUDIT_CODES; n++) {
        comma = ngx_strlchr(s, last, ',');

        code.data = s;
        code.len = (comma ? comma : last) - s;
        s = (comma ? comma : last) + 1;

        word = ngx_http_zwfw_word(ctx->platform, &ctx->slice->name, &group,
                                  &code);

        words[n] = word ? *word : code;
        size += words[n].len + between.len;
    }

    p = mem->alloc(mem->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < n; i++) {
        p = i ? ngx_cpymem(p, between.data, between.len) : p;
        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_audit_line(ngx_http_zwfw_audit_t *audit, ngx_str_t *cells,
    ngx_uint_t n)
{
    u_char      *p, *begin;
    size_t       size;
    ngx_str_t   *part;
    ngx_uint_t   i;

    size = 2;

    for (i = 0; i < n; i++) {
        size += 2 * cells[i].len + sizeof("\"'\",") - 1;
    }

    part = ngx_http_zwfw_audit_part(audit, size);
    if (part == NULL) {
        return NGX_ERROR;
    }

    begin = part->data + part->len;
    p = begin;

    for (i = 0; i < n; i++) {
        p = ngx_http_zwfw_audit_cell(p, &cells[i]);
        *p++ = ',';
    }

    p[-1] = '\r';
    *p++ = '\n';

    part->len += p - begin;
    audit->room -= p - begin;

    return NGX_OK;
}


/* what a spreadsheet would take for a formula becomes a text */

static u_char *
ngx_http_zwfw_audit_cell(u_char *p, ngx_str_t *text)
{
    u_char      *s;
    ngx_uint_t   i;

    s = text->data;

    *p++ = '"';

    if (text->len && ngx_strchr("=+-@\t\r\n", *s)) {
        *p++ = '\'';
    }

    for (i = 0; i < text->len; i++) {
        if (s[i] == '"') {
            *p++ = '"';
        }

        *p++ = s[i];
    }

    *p++ = '"';

    return p;
}


/* one with so much room at its end */

static ngx_str_t *
ngx_http_zwfw_audit_part(ngx_http_zwfw_audit_t *audit, size_t size)
{
    ngx_str_t  *part;

    if (audit->room >= size) {
        part = audit->parts.elts;
        return &part[audit->parts.nelts - 1];
    }

    part = ngx_array_push(&audit->parts);
    if (part == NULL) {
        return NULL;
    }

    audit->room = ngx_max(size, NGX_HTTP_ZWFW_AUDIT_PART);

    part->len = 0;
    part->data = ngx_pnalloc(audit->parts.pool, audit->room);

    return part->data ? part : NULL;
}


static ngx_int_t
ngx_http_zwfw_audit_end(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t               name, *part;
    ngx_uint_t              i;
    ngx_http_zwfw_state_t  *state = ctx->core;
    ngx_http_zwfw_audit_t  *audit = ctx->data;

    state->last = &state->out;
    part = audit->parts.elts;

    for (i = 0; i < audit->parts.nelts; i++) {
        if (ngx_http_zwfw_out(r, ctx, part[i].data, part[i].len) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    r->headers_out.content_type = ctx->route->reply;

    ngx_str_set(&name, "attachment; filename=\"audit.csv\"");

    return ngx_http_zwfw_add_header(r, "Content-Disposition", &name);
}
