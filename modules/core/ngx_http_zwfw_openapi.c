
/*
 * GET openapi.json: OpenAPI 3.1 of all rows that answer JSON, in the order of
 * the tree of routes.  Fields describe what is asked, the comments of SQL
 * functions what is answered
 */


#include "ngx_http_zwfw_openapi.h"


static ngx_int_t ngx_http_zwfw_openapi_ask(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_openapi_write(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static zwfw_json_t *ngx_http_zwfw_openapi_doc(ngx_http_zwfw_openapi_t *o);
static void ngx_http_zwfw_openapi_tags(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_main_conf_t *mcf, zwfw_json_t *doc);
static void ngx_http_zwfw_openapi_walk(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_node_t *node);
static ngx_uint_t ngx_http_zwfw_openapi_has(ngx_http_zwfw_row_t *row);
static void ngx_http_zwfw_openapi_path(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_node_t *node);
static ngx_int_t ngx_http_zwfw_openapi_url(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt, zwfw_str_t *url);
static void ngx_http_zwfw_openapi_row(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_row_t *row,
    zwfw_json_t *item);
static ngx_int_t ngx_http_zwfw_openapi_id(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt, ngx_str_t *id);
static void ngx_http_zwfw_openapi_about(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *id, zwfw_json_t *operation);
static u_char *ngx_http_zwfw_openapi_who(u_char *p, u_char *last,
    ngx_uint_t who);
static void ngx_http_zwfw_openapi_security(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, zwfw_json_t *operation);
static void ngx_http_zwfw_openapi_replies(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, ngx_str_t *id, zwfw_json_t *operation);
static ngx_uint_t ngx_http_zwfw_openapi_cases(ngx_http_zwfw_row_t *row);
static void ngx_http_zwfw_openapi_reply(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *id, zwfw_json_t *responses);
static void ngx_http_zwfw_openapi_content(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *responses, zwfw_str_t *status, ngx_str_t *type,
    ngx_str_t *schema);
static zwfw_json_t *ngx_http_zwfw_openapi_schema(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *name);


/* which refusals a row has; a query that it does not know is one of all */

#define NGX_HTTP_ZWFW_ALWAYS   0x0001
#define NGX_HTTP_ZWFW_KNOWN    0x0002       /* it asks for a session */
#define NGX_HTTP_ZWFW_PLACED   0x0004       /* its path has a name */
#define NGX_HTTP_ZWFW_POSTED   0x0008
#define NGX_HTTP_ZWFW_LEVELED  0x0010
#define NGX_HTTP_ZWFW_LIMITED  0x0020


typedef struct {
    const char  *status;
    ngx_uint_t   when;
} ngx_http_zwfw_openapi_case_t;


static ngx_http_zwfw_openapi_case_t  ngx_http_zwfw_openapi_case_list[] = {
    { "400", NGX_HTTP_ZWFW_ALWAYS },
    { "401", NGX_HTTP_ZWFW_KNOWN },
    { "403", NGX_HTTP_ZWFW_KNOWN|NGX_HTTP_ZWFW_POSTED },
    { "404", NGX_HTTP_ZWFW_PLACED },
    { "409", NGX_HTTP_ZWFW_POSTED },
    { "413", NGX_HTTP_ZWFW_POSTED },
    { "422", NGX_HTTP_ZWFW_ALWAYS },
    { "428", NGX_HTTP_ZWFW_LEVELED },
    { "429", NGX_HTTP_ZWFW_LIMITED },
    { "503", NGX_HTTP_ZWFW_ALWAYS },
    { "default", NGX_HTTP_ZWFW_ALWAYS },
    { NULL, 0 }
};


static const char  ngx_http_zwfw_openapi_head[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"version\":\"1\","
    "\"license\":{\"name\":\"BSD-2-Clause\",\"identifier\":\"BSD-2-Clause\"}"
    "}}";


static const char  ngx_http_zwfw_openapi_components[] =
    "{\"securitySchemes\":{"
    "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\","
    "\"name\":\"__Host-zwfw\",\"description\":"
    "\"Set by a log-in. Over plain http, where that is allowed: zwfw.\"},"
    "\"csrf\":{\"type\":\"apiKey\",\"in\":\"header\","
    "\"name\":\"X-CSRF-Token\",\"description\":"
    "\"Bound to the session; forms carry it as _token.\"}},"

    "\"parameters\":{\"idempotency_key\":{\"name\":\"Idempotency-Key\","
    "\"in\":\"header\",\"description\":"
    "\"The same key gets the same answer for 24 hours.\",\"schema\":"
    "{\"type\":\"string\",\"minLength\":8,\"maxLength\":64}}},"

    "\"responses\":{\"Problem\":{\"description\":"
    "\"Refused; see code. Its text is in the words, group error.\","
    "\"content\":{\"application/problem+json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/Problem\"}}}}},"

    "\"schemas\":{\"Problem\":{\"type\":\"object\","
    "\"additionalProperties\":false,"
    "\"required\":[\"status\",\"code\",\"detail\",\"request_id\"],"
    "\"properties\":{\"status\":{\"type\":\"integer\"},"
    "\"code\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]*$\"},"
    "\"field\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,"
    "\"required\":[\"field\",\"code\",\"detail\"],"
    "\"properties\":{\"field\":{\"type\":\"string\"},"
    "\"code\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}},"
    "\"request_id\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\"}"
    "}}}}";


static ngx_str_t  ngx_http_zwfw_openapi_call = ngx_string("core_schemas");


ngx_http_zwfw_step_pt  ngx_http_zwfw_openapi_steps[] = {
    ngx_http_zwfw_openapi_ask,      /* api.core_schemas: replies            */
    ngx_http_zwfw_openapi_write,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


/* it describes the API, so it is found there only */

static ngx_int_t
ngx_http_zwfw_openapi_ask(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    if (ctx->page) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_SLOW,
                              &ngx_http_zwfw_openapi_call, NULL, NULL);
}


static ngx_int_t
ngx_http_zwfw_openapi_write(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t                *doc;
    ngx_http_zwfw_openapi_t     o;
    ngx_http_zwfw_loc_conf_t   *lcf;

    ngx_memzero(&o, sizeof(ngx_http_zwfw_openapi_t));

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_core_module);

    o.request = r;
    o.ctx = ctx;
    o.mount = lcf->mount;

    o.replies = ngx_http_zwfw_answered(r);
    if (o.replies == NULL) {
        return NGX_ERROR;
    }

    doc = ngx_http_zwfw_openapi_doc(&o);

    if (o.failed) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_answer(r, doc);
}


static zwfw_json_t *
ngx_http_zwfw_openapi_doc(ngx_http_zwfw_openapi_t *o)
{
    zwfw_json_t                *doc, *components, *server;
    ngx_http_zwfw_platform_t   *pf;
    ngx_http_zwfw_main_conf_t  *mcf;

    pf = o->ctx->platform;
    mcf = ngx_http_get_module_main_conf(o->request, ngx_http_zwfw_core_module);

    doc = ngx_http_zwfw_openapi_text(o, NULL, NULL,
                                     ngx_http_zwfw_openapi_head);

    ngx_http_zwfw_openapi_string(o, zwfw_json_get(doc, "info", 4), "title",
                                 &pf->title);

    server = ngx_http_zwfw_openapi_add(o, doc, "servers", ZWFW_JSON_ARRAY);
    server = ngx_http_zwfw_openapi_add(o, server, NULL, ZWFW_JSON_OBJECT);
    ngx_http_zwfw_openapi_string(o, server, "url", &pf->base_url);

    ngx_http_zwfw_openapi_tags(o, mcf, doc);

    o->paths = ngx_http_zwfw_openapi_add(o, doc, "paths", ZWFW_JSON_OBJECT);
    o->ids = zwfw_json_new(&o->ctx->mem, ZWFW_JSON_OBJECT, NULL);

    components = ngx_http_zwfw_openapi_text(o, doc, "components",
                                            ngx_http_zwfw_openapi_components);
    o->schemas = zwfw_json_get(components, "schemas", 7);

    if (o->paths == NULL || o->ids == NULL || o->schemas == NULL) {
        o->failed = 1;
        return NULL;
    }

    ngx_http_zwfw_openapi_walk(o, mcf->root);

    return doc;
}


/* a tag for each slice; its text is one of core's words */

static void
ngx_http_zwfw_openapi_tags(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_main_conf_t *mcf, zwfw_json_t *doc)
{
    ngx_str_t               *word;
    ngx_uint_t               i;
    zwfw_json_t             *tags, *tag;
    ngx_http_zwfw_slice_t  **slice;

    static ngx_str_t  group = ngx_string("slice");

    tags = ngx_http_zwfw_openapi_add(o, doc, "tags", ZWFW_JSON_ARRAY);
    slice = mcf->slices.elts;

    for (i = 0; i < mcf->slices.nelts; i++) {
        tag = ngx_http_zwfw_openapi_add(o, tags, NULL, ZWFW_JSON_OBJECT);
        ngx_http_zwfw_openapi_string(o, tag, "name", &slice[i]->name);

        word = ngx_http_zwfw_word(o->ctx->platform, NULL, &group,
                                  &slice[i]->name);
        if (word) {
            ngx_http_zwfw_openapi_string(o, tag, "description", word);
        }
    }
}


static void
ngx_http_zwfw_openapi_walk(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_node_t *node)
{
    if (ngx_http_zwfw_openapi_has(node->get)
        || ngx_http_zwfw_openapi_has(node->post))
    {
        ngx_http_zwfw_openapi_path(o, node);
    }

    for (node = node->child; node; node = node->next) {
        ngx_http_zwfw_openapi_walk(o, node);
    }
}


/* a row without call and steps is a page only; "/api/" itself is no path that
   a document may name */

static ngx_uint_t
ngx_http_zwfw_openapi_has(ngx_http_zwfw_row_t *row)
{
    return row && ngx_strcmp(row->route->path.data, "//") != 0
           && (row->route->steps || row->route->call.len);
}


static void
ngx_http_zwfw_openapi_path(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_node_t *node)
{
    zwfw_str_t            url;
    zwfw_json_t          *item;
    ngx_http_zwfw_row_t  *row;

    row = ngx_http_zwfw_openapi_has(node->get) ? node->get : node->post;
    item = zwfw_json_new(&o->ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (item == NULL
        || ngx_http_zwfw_openapi_url(o, node->slice, row->route, &url)
           != NGX_OK)
    {
        o->failed = 1;
        return;
    }

    zwfw_json_append(o->paths, &url, item);

    if (row == node->get) {
        ngx_http_zwfw_openapi_row(o, node->slice, row, item);
    }

    if (ngx_http_zwfw_openapi_has(node->post)) {
        ngx_http_zwfw_openapi_row(o, node->slice, node->post, item);
    }
}


/* without a slash at the end, which makes no difference */

static ngx_int_t
ngx_http_zwfw_openapi_url(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt, zwfw_str_t *url)
{
    u_char  *p;

    p = ngx_pnalloc(o->request->pool, o->mount.len + slice->name.len
                                      + rt->path.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    url->data = p;
    p = ngx_cpymem(p, o->mount.data, o->mount.len);

    if (rt->path.len > 1 && rt->path.data[1] == '/') {
        p = ngx_cpymem(p, rt->path.data + 1, rt->path.len - 1);

    } else {
        p = ngx_sprintf(p, "/%V%V", &slice->name, &rt->path);
    }

    if (p[-1] == '/' && p - url->data > 1) {
        p--;
    }

    url->len = p - url->data;

    return NGX_OK;
}


static void
ngx_http_zwfw_openapi_row(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_row_t *row,
    zwfw_json_t *item)
{
    ngx_str_t               id;
    zwfw_json_t            *operation, *tags;
    ngx_http_zwfw_route_t  *rt;

    rt = row->route;

    if (ngx_http_zwfw_openapi_id(o, slice, rt, &id) != NGX_OK) {
        o->failed = 1;
        return;
    }

    operation = ngx_http_zwfw_openapi_add(o, item,
                                          rt->method == NGX_HTTP_POST ? "post"
                                                                      : "get",
                                          ZWFW_JSON_OBJECT);

    tags = ngx_http_zwfw_openapi_add(o, operation, "tags", ZWFW_JSON_ARRAY);
    ngx_http_zwfw_openapi_string(o, tags, NULL, &slice->name);

    ngx_http_zwfw_openapi_about(o, rt, &id, operation);
    ngx_http_zwfw_openapi_security(o, rt, operation);
    ngx_http_zwfw_openapi_asked(o, row, operation);
    ngx_http_zwfw_openapi_replies(o, row, &id, operation);
}


/* the call; or slice, method and path: "core_get_words_slice" */

static ngx_int_t
ngx_http_zwfw_openapi_id(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_slice_t *slice, ngx_http_zwfw_route_t *rt, ngx_str_t *id)
{
    u_char       c, *p;
    ngx_uint_t   i;

    *id = rt->call;

    if (id->len == 0 || zwfw_json_get(o->ids, (char *) id->data, id->len)) {

        p = ngx_pnalloc(o->request->pool, slice->name.len + rt->path.len
                                          + sizeof("_post_"));
        if (p == NULL) {
            return NGX_ERROR;
        }

        id->data = p;
        p = ngx_sprintf(p, "%V_%s", &slice->name,
                        rt->method == NGX_HTTP_POST ? "post" : "get");

        for (i = 0; i < rt->path.len; i++) {
            c = rt->path.data[i];

            if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
                *p++ = c;

            } else if (p[-1] != '_') {
                *p++ = '_';
            }
        }

        if (p[-1] == '_') {
            p--;
        }

        id->len = p - id->data;
    }

    (void) ngx_http_zwfw_openapi_named(o, o->ids, (zwfw_str_t *) id,
                                       ZWFW_JSON_TRUE);

    return NGX_OK;
}


static void
ngx_http_zwfw_openapi_about(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *id, zwfw_json_t *operation)
{
    u_char      *p, *last;
    ngx_uint_t   i;
    ngx_str_t    text;

    text.data = ngx_pnalloc(o->request->pool, id->len + 512);
    if (text.data == NULL) {
        o->failed = 1;
        return;
    }

    text.len = id->len;

    for (i = 0; i < id->len; i++) {
        text.data[i] = (id->data[i] == '_') ? ' ' : id->data[i];
    }

    ngx_http_zwfw_openapi_string(o, operation, "operationId", id);
    ngx_http_zwfw_openapi_string(o, operation, "summary", &text);

    text.data += text.len;
    last = text.data + 512;

    p = ngx_http_zwfw_openapi_who(text.data, last, rt->who);

    if (rt->level) {
        p = ngx_slprintf(p, last, " Real-name level %ui at least.",
                         rt->level);
    }

    for (i = 0; i < NGX_HTTP_ZWFW_LIMITS && rt->limit[i].count; i++) {
        p = ngx_slprintf(p, last, " At most %ui in %T s by %V.",
                         rt->limit[i].count, rt->limit[i].period,
                         &rt->limit[i].by);
    }

    if (rt->reads.len) {
        p = ngx_slprintf(p, last, " Its reading is audited.");
    }

    text.len = p - text.data;

    ngx_http_zwfw_openapi_string(o, operation, "description", &text);
}


static u_char *
ngx_http_zwfw_openapi_who(u_char *p, u_char *last, ngx_uint_t who)
{
    ngx_str_t    name;
    ngx_uint_t   bit;
    const char  *between;

    if (who & NGX_HTTP_ZWFW_ANYONE) {
        return ngx_slprintf(p, last, "For anyone.");
    }

    name = ngx_http_zwfw_who_name(who);

    if (name.len) {
        return ngx_slprintf(p, last, "For %V.", &name);
    }

    between = "For ";

    for (bit = NGX_HTTP_ZWFW_NATURAL; bit < NGX_HTTP_ZWFW_USER; bit <<= 1) {
        if (who & bit) {
            name = ngx_http_zwfw_who_name(bit);
            p = ngx_slprintf(p, last, "%s%V", between, &name);
            between = ", ";
        }
    }

    return ngx_slprintf(p, last, ".");
}


static void
ngx_http_zwfw_openapi_security(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, zwfw_json_t *operation)
{
    const char  *text;

    text = "[{\"session\":[]}]";

    if (rt->method == NGX_HTTP_POST) {
        text = "[{\"session\":[],\"csrf\":[]}]";

        if (rt->who & NGX_HTTP_ZWFW_ANYONE) {
            text = "[{},{\"session\":[],\"csrf\":[]}]";
        }

    } else if (rt->who & NGX_HTTP_ZWFW_ANYONE) {
        text = "[]";
    }

    (void) ngx_http_zwfw_openapi_text(o, operation, "security", text);
}


static void
ngx_http_zwfw_openapi_replies(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, ngx_str_t *id, zwfw_json_t *operation)
{
    ngx_uint_t                     when;
    zwfw_json_t                   *responses;
    ngx_http_zwfw_openapi_case_t  *c;

    responses = ngx_http_zwfw_openapi_add(o, operation, "responses",
                                          ZWFW_JSON_OBJECT);
    if (responses == NULL) {
        return;
    }

    ngx_http_zwfw_openapi_reply(o, row->route, id, responses);

    when = ngx_http_zwfw_openapi_cases(row);

    for (c = ngx_http_zwfw_openapi_case_list; c->status; c++) {
        if ((c->when & when)
            && zwfw_json_get(responses, c->status, ngx_strlen(c->status))
               == NULL)
        {
            (void) ngx_http_zwfw_openapi_text(o, responses, c->status,
                             "{\"$ref\":\"#/components/responses/Problem\"}");
        }
    }
}


static ngx_uint_t
ngx_http_zwfw_openapi_cases(ngx_http_zwfw_row_t *row)
{
    ngx_uint_t              when;
    zwfw_field_t           *f;
    ngx_http_zwfw_route_t  *rt;

    rt = row->route;
    when = NGX_HTTP_ZWFW_ALWAYS;

    for (f = rt->fields; f && f->type; f++) {
        if (f->flags & ZWFW_FIELD_PATH) {
            when |= NGX_HTTP_ZWFW_PLACED;
        }
    }

    if (!(rt->who & NGX_HTTP_ZWFW_ANYONE)) {
        when |= NGX_HTTP_ZWFW_KNOWN;
    }

    if (rt->method == NGX_HTTP_POST) {
        when |= NGX_HTTP_ZWFW_POSTED;
    }

    if (rt->level) {
        when |= NGX_HTTP_ZWFW_LEVELED;
    }

    if (rt->limit[0].count) {
        when |= NGX_HTTP_ZWFW_LIMITED;
    }

    return when;
}


/* of steps the row says it, of a call the comment on its function does */

static void
ngx_http_zwfw_openapi_reply(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *id, zwfw_json_t *responses)
{
    ngx_str_t     type, *name, *reply;
    zwfw_str_t    ok = zwfw_string("200");
    zwfw_json_t  *schema, *statuses, *status;

    ngx_str_set(&type, "application/json");

    reply = &rt->reply;

    if (reply->len && reply->data[0] == '{') {
        name = id;

    } else if (ngx_strlchr(reply->data, reply->data + reply->len, '/')) {
        ngx_http_zwfw_openapi_content(o, responses, &ok, reply, NULL);
        return;

    } else if (reply->len) {
        name = reply;

    } else {
        name = rt->call.len ? &rt->call : id;
    }

    schema = ngx_http_zwfw_openapi_schema(o, rt, name);

    ngx_http_zwfw_openapi_content(o, responses, &ok, &type,
                                  schema ? name : NULL);

    /* the same is answered with other statuses, too */

    statuses = zwfw_json_get(schema, "x-statuses", 10);
    if (statuses == NULL) {
        return;
    }

    zwfw_json_remove(schema, statuses);

    for (status = statuses->child; status; status = status->next) {
        ngx_http_zwfw_openapi_content(o, responses, &status->value, &type,
                                      name);
    }
}


static void
ngx_http_zwfw_openapi_content(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *responses, zwfw_str_t *status, ngx_str_t *type,
    ngx_str_t *schema)
{
    u_char       *p;
    ngx_str_t     text;
    zwfw_json_t  *response, *content;

    ngx_str_set(&text, "The answer.");

    response = ngx_http_zwfw_openapi_named(o, responses, status,
                                           ZWFW_JSON_OBJECT);
    ngx_http_zwfw_openapi_string(o, response, "description", &text);

    content = ngx_http_zwfw_openapi_add(o, response, "content",
                                        ZWFW_JSON_OBJECT);
    content = ngx_http_zwfw_openapi_named(o, content, (zwfw_str_t *) type,
                                          ZWFW_JSON_OBJECT);

    if (schema == NULL) {
        if (ngx_strncmp(type->data, "text/", 5) == 0) {
            (void) ngx_http_zwfw_openapi_text(o, content, "schema",
                                              "{\"type\":\"string\"}");
        }

        return;
    }

    p = ngx_pnalloc(o->request->pool, sizeof("#/components/schemas/")
                                      + schema->len);
    if (p == NULL) {
        o->failed = 1;
        return;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "#/components/schemas/%V", schema) - p;

    content = ngx_http_zwfw_openapi_add(o, content, "schema",
                                        ZWFW_JSON_OBJECT);
    ngx_http_zwfw_openapi_string(o, content, "$ref", &text);
}


/* among the components, under its name; NULL: there is none */

static zwfw_json_t *
ngx_http_zwfw_openapi_schema(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_route_t *rt, ngx_str_t *name)
{
    zwfw_json_t  *schema;

    schema = zwfw_json_get(o->schemas, (char *) name->data, name->len);
    if (schema) {
        return schema;
    }

    if (rt->reply.len && rt->reply.data[0] == '{') {
        schema = ngx_http_zwfw_openapi_text(o, NULL, NULL,
                                            (char *) rt->reply.data);

    } else {
        schema = zwfw_json_get(o->replies, (char *) name->data, name->len);

        if (schema) {
            zwfw_json_remove(o->replies, schema);
        }
    }

    if (schema) {
        zwfw_json_append(o->schemas, (zwfw_str_t *) name, schema);
    }

    return schema;
}
