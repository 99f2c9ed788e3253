
/*
 * What the files of the OpenAPI document share
 */


#ifndef _NGX_HTTP_ZWFW_OPENAPI_H_INCLUDED_
#define _NGX_HTTP_ZWFW_OPENAPI_H_INCLUDED_


#include "ngx_http_zwfw_core.h"


typedef struct {
    ngx_http_request_t        *request;
    ngx_http_zwfw_ctx_t       *ctx;
    ngx_str_t                  mount;       /* of the API */
    zwfw_json_t               *replies;     /* schemas, by call */
    zwfw_json_t               *paths;
    zwfw_json_t               *schemas;     /* of the components */
    zwfw_json_t               *ids;         /* given so far */
    unsigned                   failed:1;    /* no memory, or a bad text */
} ngx_http_zwfw_openapi_t;


/* what is asked: parameters and bodies, from the fields of a row */
void ngx_http_zwfw_openapi_asked(ngx_http_zwfw_openapi_t *o,
    ngx_http_zwfw_row_t *row, zwfw_json_t *operation);

/*
 * The rest appends to parent, under key unless parent is an array.  Without
 * a parent nothing is done, so that only the end looks at o->failed.
 */

/* an empty object or array, or a boolean */
zwfw_json_t *ngx_http_zwfw_openapi_add(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, const char *key, zwfw_json_type_e type);

/* the same under a key that is no literal; it is not copied */
zwfw_json_t *ngx_http_zwfw_openapi_named(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, zwfw_str_t *key, zwfw_json_type_e type);

/* value lives as long as the request */
void ngx_http_zwfw_openapi_string(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, const char *key, ngx_str_t *value);

void ngx_http_zwfw_openapi_number(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, const char *key, ngx_uint_t n);

/* a JSON text as a tree; parent may be NULL here: it is only returned */
zwfw_json_t *ngx_http_zwfw_openapi_text(ngx_http_zwfw_openapi_t *o,
    zwfw_json_t *parent, const char *key, const char *text);


#endif /* _NGX_HTTP_ZWFW_OPENAPI_H_INCLUDED_ */
