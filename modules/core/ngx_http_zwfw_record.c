
/*
 * A session as it stands in Redis: an object of JSON, written by login.c
 */


#include "ngx_http_zwfw_session.h"
#include "zwfw_record.h"


#define NGX_HTTP_ZWFW_RECORD_NUMBERS  4
#define NGX_HTTP_ZWFW_RECORD_MEMBERS  11


static ngx_int_t ngx_http_zwfw_record_read(ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text, zwfw_member_t *members);
static ngx_int_t ngx_http_zwfw_record_tree(ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text, zwfw_member_t *members);


ngx_int_t
ngx_http_zwfw_session_parse(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *text,
    ngx_http_zwfw_known_t *known, ngx_str_t *agent)
{
    ngx_int_t                 rc, n[NGX_HTTP_ZWFW_RECORD_NUMBERS];
    ngx_str_t                 number[NGX_HTTP_ZWFW_RECORD_NUMBERS];
    ngx_uint_t                i;
    ngx_http_zwfw_session_t  *s;

    s = &known->session;

    zwfw_member_t  members[NGX_HTTP_ZWFW_RECORD_MEMBERS] = {
        { "uid", 0, (zwfw_str_t *) &s->uid },
        { "name", 0, (zwfw_str_t *) &s->name },
        { "body", 0, (zwfw_str_t *) &s->body },
        { "region", 0, (zwfw_str_t *) &s->region },
        { "roles", 0, (zwfw_str_t *) &s->roles },
        { "channel", 0, (zwfw_str_t *) &s->channel },
        { "who", 1, (zwfw_str_t *) &number[0] },
        { "level", 1, (zwfw_str_t *) &number[1] },
        { "created", 1, (zwfw_str_t *) &number[2] },
        { "expires", 1, (zwfw_str_t *) &number[3] },
        { "agent", 0, (zwfw_str_t *) agent }
    };

    rc = ngx_http_zwfw_record_read(ctx, text, members);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < NGX_HTTP_ZWFW_RECORD_NUMBERS; i++) {
        n[i] = ngx_atoi(number[i].data, number[i].len);

        if (n[i] == NGX_ERROR) {
            return NGX_DECLINED;
        }
    }

    s->who = n[0];
    s->level = n[1];
    s->created = n[2];
    known->expires = n[3];

    return (s->uid.len == 0 || s->level > 5) ? NGX_DECLINED : NGX_OK;
}


/* in a copy: the text is the reply's, and is gone with it */

static ngx_int_t
ngx_http_zwfw_record_read(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *text,
    zwfw_member_t *members)
{
    u_char      *p;
    ngx_uint_t   i;

    p = ctx->mem.alloc(ctx->mem.pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);

    for (i = 0; i < NGX_HTTP_ZWFW_RECORD_MEMBERS; i++) {
        members[i].value->len = 0;
    }

    if (zwfw_record_read(p, text->len, members, NGX_HTTP_ZWFW_RECORD_MEMBERS)
        == ZWFW_OK)
    {
        return NGX_OK;
    }

    return ngx_http_zwfw_record_tree(ctx, text, members);
}


/* one with escapes, of a device whose name has quotes or the like */

static ngx_int_t
ngx_http_zwfw_record_tree(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *text,
    zwfw_member_t *members)
{
    int                 rc;
    ngx_uint_t          i;
    zwfw_json_t        *json, *value;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 1, 32, 32, 20 };

    rc = zwfw_json_parse(&ctx->mem, text->data, text->len, &limits, &json,
                         &error);
    if (rc != ZWFW_OK) {
        return rc == ZWFW_ERROR ? NGX_ERROR : NGX_DECLINED;
    }

    for (i = 0; i < NGX_HTTP_ZWFW_RECORD_MEMBERS; i++) {
        members[i].value->len = 0;

        value = zwfw_json_get(json, members[i].name,
                              ngx_strlen(members[i].name));

        if (value && value->type == (members[i].number ? ZWFW_JSON_NUMBER
                                                       : ZWFW_JSON_STRING))
        {
            *members[i].value = value->value;
        }
    }

    return NGX_OK;
}
