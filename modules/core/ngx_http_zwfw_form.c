
/*
 * form: a form that was refused is shown again with what was typed
 */


#include "ngx_http_zwfw_core.h"


static zwfw_json_t *ngx_http_zwfw_form_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_route_t *form);


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
        value = zwfw_json_get(ctx->args, (char *) f->name.data, f->name.len);

        if (value == NULL) {
            value = zwfw_json_get(ctx->body, (char *) f->name.data,
                                  f->name.len);
        }

        if (value == NULL || value->type != ZWFW_JSON_STRING) {
            continue;
        }

        if (zwfw_json_add(&ctx->mem, args, (char *) f->name.data,
                          ZWFW_JSON_STRING, &value->value)
            == NULL)
        {
            return NULL;
        }
    }

    return args;
}
