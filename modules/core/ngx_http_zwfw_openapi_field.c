
/*
 * The OpenAPI document: parameters and bodies, from the fields of a row.  A
 * form has the same fields as the JSON, each under its dotted path
 */


#include "ngx_http_zwfw_openapi.h"


static void ngx_http_zwfw_openapi_parameters(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, zwfw_json_t *operation);
static ngx_uint_t ngx_http_zwfw_openapi_required(zwfw_field_t *fields);
static ngx_uint_t ngx_http_zwfw_openapi_files(zwfw_field_t *fields);
static void ngx_http_zwfw_openapi_object(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *object, zwfw_field_t *fields);
static void ngx_http_zwfw_openapi_field(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, zwfw_str_t *key, zwfw_field_t *f);
static void ngx_http_zwfw_openapi_size(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *schema, zwfw_field_t *f);
static void ngx_http_zwfw_openapi_form(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *content, const char *type, zwfw_field_t *fields);


/* the inputs of a form, as they are gathered */

typedef struct {
    ngx_http_zwfw_openapi_t   *o;
    zwfw_json_t               *properties;
    zwfw_json_t               *patterns;    /* names with a number in them */
    zwfw_json_t               *required;
    unsigned                   upload:1;    /* the form carries files */
    unsigned                   pattern:1;   /* within a list */
} ngx_http_zwfw_openapi_form_t;


static void ngx_http_zwfw_openapi_inputs(ngx_http_zwfw_openapi_form_t *form,
    zwfw_field_t *fields, ngx_str_t *prefix, ngx_uint_t required);
static void ngx_http_zwfw_openapi_input(ngx_http_zwfw_openapi_form_t *form,
    zwfw_field_t *f, ngx_str_t *name, ngx_uint_t required);
static ngx_int_t ngx_http_zwfw_openapi_name(
    ngx_http_zwfw_openapi_form_t *form, ngx_str_t *prefix, zwfw_str_t *name,
    const char *end, ngx_str_t *full);


void
ngx_http_zwfw_openapi_asked(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, zwfw_json_t *operation)
{
    zwfw_json_t  *body, *content, *schema;

    ngx_http_zwfw_openapi_parameters(o, row, operation);

    if (row->route->method != NGX_HTTP_POST || row->body->type == NULL) {
        return;
    }

    body = ngx_http_zwfw_openapi_add(o, operation, "requestBody",
                                     ZWFW_JSON_OBJECT);

    if (ngx_http_zwfw_openapi_required(row->body)) {
        (void) ngx_http_zwfw_openapi_add(o, body, "required", ZWFW_JSON_TRUE);
    }

    content = ngx_http_zwfw_openapi_add(o, body, "content", ZWFW_JSON_OBJECT);

    schema = ngx_http_zwfw_openapi_add(o, content, "application/json",
                                       ZWFW_JSON_OBJECT);
    schema = ngx_http_zwfw_openapi_add(o, schema, "schema", ZWFW_JSON_OBJECT);
    ngx_http_zwfw_openapi_object(o, schema, row->body);

    ngx_http_zwfw_openapi_form(o, content,
                               "application/x-www-form-urlencoded", row->body);

    if (ngx_http_zwfw_openapi_files(row->body)) {
        ngx_http_zwfw_openapi_form(o, content, "multipart/form-data",
                                   row->body);
    }
}


static void
ngx_http_zwfw_openapi_parameters(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, zwfw_json_t *operation)
{
    zwfw_str_t     schema = zwfw_string("schema");
    ngx_str_t      in;
    ngx_uint_t     once;
    zwfw_json_t   *parameters, *parameter;
    zwfw_field_t  *f;

    once = (row->route->class == NGX_HTTP_ZWFW_WRITE);

    if (!once && row->args->type == NULL) {
        return;
    }

    parameters = ngx_http_zwfw_openapi_add(o, operation, "parameters",
                                           ZWFW_JSON_ARRAY);

    for (f = row->args; f->type; f++) {
        parameter = ngx_http_zwfw_openapi_add(o, parameters, NULL,
                                              ZWFW_JSON_OBJECT);

        ngx_http_zwfw_openapi_string(o, parameter, "name",
                                     (ngx_str_t *) &f->name);

        if (f->flags & ZWFW_FIELD_PATH) {
            ngx_str_set(&in, "path");

        } else {
            ngx_str_set(&in, "query");
        }

        ngx_http_zwfw_openapi_string(o, parameter, "in", &in);

        if (f->flags & (ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED)) {
            (void) ngx_http_zwfw_openapi_add(o, parameter, "required",
                                             ZWFW_JSON_TRUE);
        }

        ngx_http_zwfw_openapi_field(o, parameter, &schema, f);
    }

    if (once) {
        (void) ngx_http_zwfw_openapi_text(o, parameters, NULL,
                     "{\"$ref\":\"#/components/parameters/idempotency_key\"}");
    }
}


static ngx_uint_t
ngx_http_zwfw_openapi_required(zwfw_field_t *fields)
{
    for ( /* void */ ; fields->type; fields++) {
        if (fields->flags & ZWFW_FIELD_REQUIRED) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_zwfw_openapi_files(zwfw_field_t *fields)
{
    for ( /* void */ ; fields->type; fields++) {
        if (fields->type == zwfw_type_file
            || (fields->fields && ngx_http_zwfw_openapi_files(fields->fields)))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_zwfw_openapi_object(ngx_http_zwfw_openapi_t *o, zwfw_json_t *object,
    zwfw_field_t *fields)
{
    ngx_str_t      type = ngx_string("object");
    zwfw_json_t   *required, *properties;
    zwfw_field_t  *f;

    if (zwfw_json_get(object, "type", 4) == NULL) {
        ngx_http_zwfw_openapi_string(o, object, "type", &type);
    }

    (void) ngx_http_zwfw_openapi_add(o, object, "additionalProperties",
                                     ZWFW_JSON_FALSE);

    if (ngx_http_zwfw_openapi_required(fields)) {
        required = ngx_http_zwfw_openapi_add(o, object, "required",
                                             ZWFW_JSON_ARRAY);

        for (f = fields; f->type; f++) {
            if (f->flags & ZWFW_FIELD_REQUIRED) {
                ngx_http_zwfw_openapi_string(o, required, NULL,
                                             (ngx_str_t *) &f->name);
            }
        }
    }

    properties = ngx_http_zwfw_openapi_add(o, object, "properties",
                                           ZWFW_JSON_OBJECT);

    for (f = fields; f->type; f++) {
        ngx_http_zwfw_openapi_field(o, properties, &f->name, f);
    }
}


/* the schema of one field: that of its type, its size and its own fields */

static void
ngx_http_zwfw_openapi_field(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    zwfw_str_t *key, zwfw_field_t *f)
{
    u_char       *p;
    zwfw_json_t  *schema, *items;

    p = ngx_pnalloc(o->request->pool, ngx_strlen(f->type->schema) + 3);

    if (p == NULL) {
        o->failed = 1;
        return;
    }

    ngx_sprintf(p, "{%s}%Z", f->type->schema);

    schema = ngx_http_zwfw_openapi_text(o, NULL, NULL, (char *) p);

    if (parent == NULL || schema == NULL) {
        return;
    }

    zwfw_json_append(parent, key, schema);

    ngx_http_zwfw_openapi_size(o, schema, f);

    if (f->fields == NULL) {
        return;
    }

    if (f->type == zwfw_type_list) {
        items = ngx_http_zwfw_openapi_add(o, schema, "items",
                                          ZWFW_JSON_OBJECT);
        ngx_http_zwfw_openapi_object(o, items, f->fields);
        return;
    }

    ngx_http_zwfw_openapi_object(o, schema, f->fields);
}


/* what size means depends on the type: see zwfw_field.h */

static void
ngx_http_zwfw_openapi_size(ngx_http_zwfw_openapi_t *o, zwfw_json_t *schema,
    zwfw_field_t *f)
{
    u_char       *p;
    ngx_str_t     text;
    const char   *name;
    zwfw_json_t  *type;

    type = zwfw_json_get(schema, "type", 4);

    if (type == NULL || f->size == 0) {
        return;
    }

    if (f->type == zwfw_type_object) {
        (void) ngx_http_zwfw_openapi_add(o, schema, "additionalProperties",
                                         ZWFW_JSON_TRUE);
    }

    if (f->type == zwfw_type_file || f->type == zwfw_type_object) {

        p = ngx_pnalloc(o->request->pool, sizeof("At most  bytes.")
                                          + NGX_SIZE_T_LEN);
        if (p == NULL) {
            o->failed = 1;
            return;
        }

        text.data = p;
        text.len = ngx_sprintf(p, "At most %uz bytes.", f->size) - p;

        ngx_http_zwfw_openapi_string(o, schema, "description", &text);
        return;
    }

    switch (type->value.data[0]) {

    case 's':
        name = "maxLength";
        break;

    case 'i':
        name = "maximum";
        break;

    case 'a':
        name = "maxItems";
        break;

    default:
        return;
    }

    if (zwfw_json_get(schema, name, ngx_strlen(name)) == NULL) {
        ngx_http_zwfw_openapi_number(o, schema, name, f->size);
    }
}


static void
ngx_http_zwfw_openapi_form(ngx_http_zwfw_openapi_t *o, zwfw_json_t *content,
    const char *type, zwfw_field_t *fields)
{
    ngx_str_t                      prefix;
    zwfw_str_t                     name;
    zwfw_json_t                   *schema;
    ngx_http_zwfw_openapi_form_t   form;

    ngx_memzero(&form, sizeof(ngx_http_zwfw_openapi_form_t));

    form.o = o;
    form.upload = (type[0] == 'm');
    form.properties = ngx_http_zwfw_openapi_text(o, NULL, NULL,
                              "{\"_token\":{\"type\":\"string\"},"
                              "\"_key\":{\"type\":\"string\",\"minLength\":8,"
                              "\"maxLength\":64}}");
    form.patterns = zwfw_json_new(&o->ctx->mem, ZWFW_JSON_OBJECT, NULL);
    form.required = zwfw_json_new(&o->ctx->mem, ZWFW_JSON_ARRAY, NULL);

    schema = ngx_http_zwfw_openapi_add(o, content, type, ZWFW_JSON_OBJECT);
    schema = ngx_http_zwfw_openapi_text(o, schema, "schema",
                     "{\"type\":\"object\",\"additionalProperties\":false}");

    if (form.properties == NULL || form.patterns == NULL
        || form.required == NULL || schema == NULL)
    {
        o->failed = 1;
        return;
    }

    ngx_str_null(&prefix);
    ngx_http_zwfw_openapi_inputs(&form, fields, &prefix, 1);

    if (form.required->count) {
        name = (zwfw_str_t) zwfw_string("required");
        zwfw_json_append(schema, &name, form.required);
    }

    name = (zwfw_str_t) zwfw_string("properties");
    zwfw_json_append(schema, &name, form.properties);

    if (form.patterns->count) {
        name = (zwfw_str_t) zwfw_string("patternProperties");
        zwfw_json_append(schema, &name, form.patterns);
    }
}


static void
ngx_http_zwfw_openapi_inputs(ngx_http_zwfw_openapi_form_t *form,
    zwfw_field_t *fields, ngx_str_t *prefix, ngx_uint_t required)
{
    ngx_str_t      name;
    ngx_uint_t     need, pattern;
    zwfw_field_t  *f;

    for (f = fields; f->type; f++) {
        need = required && (f->flags & ZWFW_FIELD_REQUIRED);
        pattern = form->pattern;

        if (f->fields == NULL) {
            ngx_http_zwfw_openapi_input(form, f, prefix, need);
            continue;
        }

        if (f->type == zwfw_type_list) {
            form->pattern = 1;
            need = 0;
        }

        if (ngx_http_zwfw_openapi_name(form, prefix, &f->name,
                                       f->type == zwfw_type_list
                                       ? "\\.[0-9]+\\." : ".", &name)
            != NGX_OK)
        {
            return;
        }

        ngx_http_zwfw_openapi_inputs(form, f->fields, &name, need);

        form->pattern = pattern;
    }
}


/* one input; an object of any members is many; a file is itself or an id */

static void
ngx_http_zwfw_openapi_input(ngx_http_zwfw_openapi_form_t *form,
    zwfw_field_t *f, ngx_str_t *prefix, ngx_uint_t required)
{
    ngx_str_t     name;
    ngx_uint_t    pattern;
    const char   *end, *text;
    zwfw_json_t  *inputs, *schema;

    pattern = form->pattern;
    end = pattern ? "$" : "";
    text = NULL;

    if (f->type == zwfw_type_object) {
        form->pattern = 1;
        required = 0;
        end = "\\.";
        text = "{\"type\":\"string\"}";

    } else if (f->type == zwfw_type_file && form->upload) {
        text = "{\"type\":\"string\",\"format\":\"binary\"}";
    }

    if (ngx_http_zwfw_openapi_name(form, prefix, &f->name, end, &name)
        != NGX_OK)
    {
        return;
    }

    inputs = form->pattern ? form->patterns : form->properties;
    form->pattern = pattern;

    if (required) {
        ngx_http_zwfw_openapi_string(form->o, form->required, NULL, &name);
    }

    if (text == NULL) {
        ngx_http_zwfw_openapi_field(form->o, inputs, (zwfw_str_t *) &name, f);
        return;
    }

    schema = ngx_http_zwfw_openapi_text(form->o, NULL, NULL, text);

    if (schema) {
        zwfw_json_append(inputs, (zwfw_str_t *) &name, schema);
    }
}


/* "applicant.name"; in a list a pattern, "^materials\.[0-9]+\.file$" */

static ngx_int_t
ngx_http_zwfw_openapi_name(ngx_http_zwfw_openapi_form_t *form,
    ngx_str_t *prefix, zwfw_str_t *name, const char *end, ngx_str_t *full)
{
    u_char  *p, *s, *last;

    full->data = ngx_pnalloc(form->o->request->pool,
                             2 * prefix->len + name->len + ngx_strlen(end) + 2);
    if (full->data == NULL) {
        form->o->failed = 1;
        return NGX_ERROR;
    }

    p = full->data;
    s = prefix->data;
    last = s + prefix->len;

    if (form->pattern && (s == last || *s != '^')) {
        *p++ = '^';

        /* what was a name until here becomes a pattern */

        for ( /* void */ ; s < last; s++) {
            if (*s == '.') {
                *p++ = '\\';
            }

            *p++ = *s;
        }
    }

    p = ngx_cpymem(p, s, last - s);
    p = ngx_cpymem(p, name->data, name->len);

    if (form->pattern && *end == '.') {
        *p++ = '\\';
    }

    p = ngx_cpymem(p, end, ngx_strlen(end));

    full->len = p - full->data;

    return NGX_OK;
}


zwfw_json_t *
ngx_http_zwfw_openapi_add(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    const char *key, zwfw_json_type_e type)
{
    zwfw_json_t  *json;

    if (parent == NULL) {
        return NULL;
    }

    json = zwfw_json_add(&o->ctx->mem, parent, key, type, NULL);
    if (json == NULL) {
        o->failed = 1;
    }

    return json;
}


zwfw_json_t *
ngx_http_zwfw_openapi_named(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    zwfw_str_t *key, zwfw_json_type_e type)
{
    zwfw_json_t  *json;

    json = ngx_http_zwfw_openapi_add(o, parent, NULL, type);

    if (json) {
        json->key = *key;
    }

    return json;
}


void
ngx_http_zwfw_openapi_string(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    const char *key, ngx_str_t *value)
{
    zwfw_json_t  *json;

    json = ngx_http_zwfw_openapi_add(o, parent, key, ZWFW_JSON_STRING);

    if (json) {
        json->value = *(zwfw_str_t *) value;
    }
}


void
ngx_http_zwfw_openapi_number(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    const char *key, ngx_uint_t n)
{
    u_char       *p;
    zwfw_json_t  *json;

    json = ngx_http_zwfw_openapi_add(o, parent, key, ZWFW_JSON_NUMBER);
    p = ngx_pnalloc(o->request->pool, NGX_INT_T_LEN);

    if (json == NULL || p == NULL) {
        o->failed = 1;
        return;
    }

    json->value.data = p;
    json->value.len = ngx_sprintf(p, "%ui", n) - p;
}


zwfw_json_t *
ngx_http_zwfw_openapi_text(ngx_http_zwfw_openapi_t *o, zwfw_json_t *parent,
    const char *key, const char *text)
{
    zwfw_str_t          name;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 32, 5000, 1000, 20 };

    if (zwfw_json_parse(&o->ctx->mem, (u_char *) text, ngx_strlen(text),
                        &limits, &json, &error)
        != ZWFW_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, o->request->connection->log, 0,
                      "zwfw: a schema is no JSON: %s", text);
        o->failed = 1;
        return NULL;
    }

    if (parent == NULL) {
        return json;
    }

    if (key == NULL) {
        zwfw_json_append(parent, NULL, json);
        return json;
    }

    name.data = (u_char *) key;
    name.len = ngx_strlen(key);

    zwfw_json_append(parent, &name, json);

    return json;
}
