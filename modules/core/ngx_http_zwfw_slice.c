
/*
 * What core itself answers: health, the words, the OpenAPI document, audit
 */


#include "ngx_http_zwfw_place.h"


static ngx_int_t ngx_http_zwfw_health(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_health_store(ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *health, const char *name, ngx_uint_t up);
static ngx_int_t ngx_http_zwfw_words(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


static ngx_http_zwfw_step_pt  ngx_http_zwfw_health_steps[] = {
    ngx_http_zwfw_health,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_words_steps[] = {
    ngx_http_zwfw_words,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static zwfw_field_t  ngx_http_zwfw_words_fields[] = {
    { zwfw_string("slice"), zwfw_type_code,
      ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, 20, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_audit_fields[] = {
    { zwfw_string("from"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("to"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("action"), zwfw_type_line, ZWFW_FIELD_QUERY, 63, NULL,
      NULL },
    { zwfw_string("uid"), zwfw_type_uuid, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("staff"), zwfw_type_line, ZWFW_FIELD_QUERY, 50, NULL, NULL },
      zwfw_field_after,
    { zwfw_string("limit"), zwfw_type_count, ZWFW_FIELD_QUERY, 1000, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_audit_export_fields[] = {
    { zwfw_string("from"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("to"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("action"), zwfw_type_line, ZWFW_FIELD_QUERY, 63, NULL,
      NULL },
    { zwfw_string("uid"), zwfw_type_uuid, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("staff"), zwfw_type_line, ZWFW_FIELD_QUERY, 50, NULL, NULL },
      zwfw_null_field
};


/* of the e-mail address only the blind index is used */

static zwfw_field_t  ngx_http_zwfw_audit_person_fields[] = {
    { zwfw_string("email"), zwfw_type_email, ZWFW_FIELD_REQUIRED, 100, NULL,
      "lookup" },
    { zwfw_string("from"), zwfw_type_date, 0, 0, NULL, NULL },
    { zwfw_string("to"), zwfw_type_date, 0, 0, NULL, NULL },
    { zwfw_string("action"), zwfw_type_line, 0, 63, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_audit_check_fields[] = {
    { zwfw_string("from"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
    { zwfw_string("to"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
      zwfw_null_field
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_core_routes[] = {

    /* operation: is the platform well? */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//health"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .steps = ngx_http_zwfw_health_steps,
      .page = ngx_string("core/health"),
      .reply = ngx_string("{\"x-statuses\":[\"503\"],\"type\":\"object\","
          "\"additionalProperties\":false,"
          "\"required\":[\"status\",\"platform\",\"postgres\",\"redis\","
          "\"schema\"],\"properties\":{"
          "\"status\":{\"enum\":[\"ok\",\"degraded\"]},"
          "\"platform\":{\"type\":\"string\"},"
          "\"postgres\":{\"enum\":[\"up\",\"down\"]},"
          "\"redis\":{\"enum\":[\"up\",\"down\"]},"
          "\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
          "\"required\":[\"node\"],\"properties\":{"
          "\"node\":{\"type\":\"integer\"},"
          "\"database\":{\"type\":\"integer\"},"
          "\"oldest\":{\"type\":\"integer\"}}}}}") },

    /* this node and its workers, also while the database is away; jobs */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//status"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .steps = ngx_http_zwfw_status_steps,
      .page = ngx_string("core/status"),
      .reply = ngx_string("{\"type\":\"object\","
          "\"additionalProperties\":false,"
          "\"required\":[\"node\",\"workers\",\"totals\"],"
          "\"properties\":{"
          "\"node\":{\"type\":\"string\"},"
          "\"totals\":{\"type\":\"object\"},"
          "\"workers\":{\"type\":\"array\",\"items\":{"
          "\"type\":\"object\","
          "\"required\":[\"worker\",\"pid\",\"silent\"],"
          "\"properties\":{"
          "\"worker\":{\"type\":\"integer\"},"
          "\"pid\":{\"type\":\"integer\"},"
          "\"silent\":{\"type\":\"boolean\"}}}}}}") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//jobs"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .call = ngx_string("core_jobs"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("core/jobs") },

    /* the rows and fields of all slices, for programs */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//openapi.json"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .steps = ngx_http_zwfw_openapi_steps,
      .reply = ngx_string("{\"type\":\"object\","
          "\"required\":[\"openapi\",\"info\",\"paths\"]}") },

    /* Chinese texts of the codes of a slice */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//words/{slice}"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_words_fields,
      .steps = ngx_http_zwfw_words_steps,
      .reply = ngx_string("{\"type\":\"object\","
          "\"additionalProperties\":{\"type\":\"object\","
          "\"additionalProperties\":{\"type\":\"string\"}}}") },

    /* what a platform looks like */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//tokens.css"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .steps = ngx_http_zwfw_tokens_steps,
      .reply = ngx_string("text/css") },

    /* the audit trail: seen, taken along, and proved to be whole */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//audit"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .fields = ngx_http_zwfw_audit_fields,
      .call = ngx_string("audit_list"),
      .class = NGX_HTTP_ZWFW_SLOW,
      .page = ngx_string("core/audit"),
      .reads = ngx_string("audit") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("//audit"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .fields = ngx_http_zwfw_audit_person_fields,
      .call = ngx_string("audit_person"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("//audit"),
      .next = ngx_string("/audit?uid={uid}&from={from}&to={to}"
                         "&action={action}") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//audit/export"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .fields = ngx_http_zwfw_audit_export_fields,
      .class = NGX_HTTP_ZWFW_SLOW,
      .steps = ngx_http_zwfw_audit_steps,
      .reply = ngx_string("text/csv"),
      .reads = ngx_string("audit") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//audit/check"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .fields = ngx_http_zwfw_audit_check_fields,
      .call = ngx_string("audit_check"),
      .class = NGX_HTTP_ZWFW_SLOW,
      .page = ngx_string("core/audit_check") },

    /* keys: which of them are still needed */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//keys"),
      .who = NGX_HTTP_ZWFW_OPERATOR,
      .class = NGX_HTTP_ZWFW_SLOW,
      .steps = ngx_http_zwfw_keys_steps,
      .reply = ngx_string("keys_show"),
      .page = ngx_string("core/keys") },

    /* 5.2.1, what everybody may read */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//help"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .page = ngx_string("core/help") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//accessibility"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .page = ngx_string("core/accessibility") },

      ngx_http_zwfw_null_route
};


static ngx_http_zwfw_job_t  ngx_http_zwfw_core_jobs[] = {

    /* replies that nobody may ask for again */

    { ngx_string("core_sweep"), 3600000, ngx_string("core_sweep"), NULL },

    /* stored files that nobody uses */

    { ngx_string("files_sweep"), 3600000, ngx_null_string,
      ngx_http_zwfw_files_sweep },

    /* what is under older keys */

    { ngx_string("keys_roll"), 60000, ngx_null_string,
      ngx_http_zwfw_keys_roll },

      ngx_http_zwfw_null_job
};


static ngx_http_zwfw_nav_t  ngx_http_zwfw_core_nav[] = {
    { ngx_string("//audit"), ngx_string("audit"), 40, 0, 0,
      ngx_string("//audit/") },
    { ngx_string("//keys"), ngx_string("keys"), 42, 0, 0, ngx_null_string },
    { ngx_string("//health"), ngx_string("health"), 44,
      NGX_HTTP_ZWFW_OPERATOR, 0, ngx_null_string },
    { ngx_string("//help"), ngx_string("help"), 90, 0, 0, ngx_null_string },
      ngx_http_zwfw_null_nav
};


ngx_http_zwfw_slice_t  ngx_http_zwfw_core_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("core"),
    ngx_http_zwfw_core_routes,
    ngx_http_zwfw_core_jobs,
    ngx_http_zwfw_core_nav
};


/* 200 when all stores answer, else 503 with the same body */

static ngx_int_t
ngx_http_zwfw_health(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t                      status;
    ngx_uint_t                     pg, redis;
    zwfw_json_t                   *health, *schema;
    ngx_http_zwfw_pg_state_t       state;
    ngx_http_zwfw_redis_state_t    rstate;

    ngx_http_zwfw_pg_state(ctx->platform->pg, NGX_HTTP_ZWFW_READ, &state);
    ngx_http_zwfw_redis_state(ctx->platform->redis, &rstate);

    pg = (state.connected > 0 && !state.open);
    redis = (rstate.connected && !rstate.open);

    if (pg && redis) {
        ngx_str_set(&status, "ok");

    } else {
        ngx_str_set(&status, "degraded");
        ctx->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        ctx->retry = 1;
    }

    health = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    if (health == NULL
        || zwfw_json_add(&ctx->mem, health, "status", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &status) == NULL
        || zwfw_json_add(&ctx->mem, health, "platform", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->platform->name) == NULL
        || ngx_http_zwfw_health_store(ctx, health, "postgres", pg) != NGX_OK
        || ngx_http_zwfw_health_store(ctx, health, "redis", redis) != NGX_OK)
    {
        return NGX_ERROR;
    }

    schema = zwfw_json_add(&ctx->mem, health, "schema", ZWFW_JSON_OBJECT,
                           NULL);

    if (schema == NULL
        || ngx_http_zwfw_add_number(r, schema, "node", NGX_HTTP_ZWFW_SCHEMA)
           != NGX_OK
        || (state.schema >= 0
            && (ngx_http_zwfw_add_number(r, schema, "database", state.schema)
                != NGX_OK
                || ngx_http_zwfw_add_number(r, schema, "oldest", state.oldest)
                   != NGX_OK)))
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_answer(r, health);
}


static ngx_int_t
ngx_http_zwfw_health_store(ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *health,
    const char *name, ngx_uint_t up)
{
    ngx_str_t  word;

    if (up) {
        ngx_str_set(&word, "up");

    } else {
        ngx_str_set(&word, "down");
    }

    return zwfw_json_add(&ctx->mem, health, name, ZWFW_JSON_STRING,
                         (zwfw_str_t *) &word)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_words(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *slice, *words;

    slice = zwfw_json_get(ctx->args, "slice", 5);
    words = zwfw_json_get(ctx->platform->words, (char *) slice->value.data,
                          slice->value.len);

    if (words == NULL) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    return ngx_http_zwfw_answer(r, words);
}
