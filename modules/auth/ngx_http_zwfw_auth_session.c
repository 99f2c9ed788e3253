
/*
 * From an account to a session, and out of it
 */


#include "ngx_http_zwfw_auth.h"


static ngx_int_t ngx_http_zwfw_auth_refused(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, zwfw_json_t *answer);
static void ngx_http_zwfw_auth_person(zwfw_json_t *answer,
    ngx_http_zwfw_session_t *s);


/* what auth_register or auth_enter answered becomes a session */

ngx_int_t
ngx_http_zwfw_auth_open(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t              *answer;
    ngx_http_zwfw_session_t  *s;

    answer = ngx_http_zwfw_answered(r);
    s = ngx_pcalloc(r->pool, sizeof(ngx_http_zwfw_session_t));

    if (answer == NULL || s == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_auth_refused(r, ctx, answer) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_http_zwfw_auth_person(answer, s);

    if (s->who == 0) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_FORBIDDEN, "not_allowed",
                                    NULL);
    }

    s->channel = ctx->channel;

    return ngx_http_zwfw_login(r, s);
}


static ngx_int_t
ngx_http_zwfw_auth_refused(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    zwfw_json_t *answer)
{
    zwfw_json_t  *retry;
    ngx_str_t     outcome;

    static ngx_str_t  field = ngx_string("password");

    ngx_http_zwfw_get_text(answer, "outcome", &outcome);

    if (outcome.len == 2) {
        return NGX_OK;
    }

    if (outcome.len == 5) {
        return ngx_http_zwfw_refuse(r, 422, "wrong_login", &field);
    }

    retry = zwfw_json_get(answer, "retry", 5);

    if (retry) {
        ctx->retry = ngx_atoi(retry->value.data, retry->value.len);
    }

    return ngx_http_zwfw_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                "account_locked", NULL);
}


static void
ngx_http_zwfw_auth_person(zwfw_json_t *answer, ngx_http_zwfw_session_t *s)
{
    u_char       *p, *last, *comma;
    ngx_str_t     kind, role;
    zwfw_json_t  *level;

    ngx_http_zwfw_get_text(answer, "uid", &s->uid);
    ngx_http_zwfw_get_text(answer, "name", &s->name);
    ngx_http_zwfw_get_text(answer, "bodies", &s->body);
    ngx_http_zwfw_get_text(answer, "region", &s->region);
    ngx_http_zwfw_get_text(answer, "roles", &s->roles);
    ngx_http_zwfw_get_text(answer, "kind", &kind);

    if (s->body.len == 0) {
        ngx_http_zwfw_get_text(answer, "body", &s->body);
    }

    level = zwfw_json_get(answer, "level", 5);
    s->level = (level && level->value.len == 1)
               ? (ngx_uint_t) (level->value.data[0] - '0') : 0;

    if (kind.len == 7) {
        s->who = ngx_http_zwfw_who(&kind);
        return;
    }

    p = s->roles.data;
    last = p + s->roles.len;

    while (p < last) {
        comma = ngx_strlchr(p, last, ',');
        role.data = p;
        role.len = (comma ? comma : last) - p;
        p = comma ? comma + 1 : last;

        s->who |= ngx_http_zwfw_who(&role);
    }
}


/* who came in, for mobile apps: the token that their posts carry */

ngx_int_t
ngx_http_zwfw_auth_welcome(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *answer, *outcome;

    answer = ngx_http_zwfw_answered(r);
    if (answer == NULL) {
        return NGX_ERROR;
    }

    ngx_http_zwfw_home(r);

    outcome = zwfw_json_get(answer, "outcome", 7);

    if (outcome) {
        zwfw_json_remove(answer, outcome);
    }

    if (ngx_http_zwfw_answer(r, answer) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_auth_token(r, ctx);
}


ngx_int_t
ngx_http_zwfw_auth_account(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    static ngx_str_t  call = ngx_string("auth_me");

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_READ, &call, ctx->args, NULL);
}


ngx_int_t
ngx_http_zwfw_auth_token(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t     token;
    zwfw_json_t  *answer;

    answer = ngx_http_zwfw_answered(r);

    if (answer == NULL
        || ngx_http_zwfw_form_token(r, &token) != NGX_OK
        || zwfw_json_add(&ctx->mem, answer, "token", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &token) == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_answer(r, answer);
}


ngx_int_t
ngx_http_zwfw_auth_leave(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *id;

    id = zwfw_json_get(ctx->args, "id", 2);

    return ngx_http_zwfw_logout(r, id ? (ngx_str_t *) &id->value
                                      : &ctx->session->id);
}


ngx_int_t
ngx_http_zwfw_auth_left(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    static ngx_str_t  call = ngx_string("auth_left");

    if (zwfw_json_get(ctx->args, "id", 2) == NULL
        && zwfw_json_add(&ctx->mem, ctx->args, "id", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &ctx->session->id) == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_WRITE, &call, ctx->args, NULL);
}


ngx_int_t
ngx_http_zwfw_auth_leave_others(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx)
{
    return ngx_http_zwfw_logout_others(r);
}


/* other browsers are strangers from now on */

ngx_int_t
ngx_http_zwfw_auth_left_others(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx)
{
    ngx_str_t  device;

    static ngx_str_t  call = ngx_string("auth_left_others");

    if (ngx_http_zwfw_device(r, &device) == NGX_OK
        && zwfw_json_add(&ctx->mem, ctx->args, "device", ZWFW_JSON_STRING,
                         (zwfw_str_t *) &device) == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_WRITE, &call, ctx->args, NULL);
}


ngx_int_t
ngx_http_zwfw_auth_list(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    return ngx_http_zwfw_sessions(r);
}
