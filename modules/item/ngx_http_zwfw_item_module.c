
/*
 * Items: what the administration offers, and under which conditions.
 * GB/T 39047, 5.2.1.4 and 5.2.2.2
 */


#include "ngx_http_zwfw.h"


static ngx_int_t ngx_http_zwfw_item_init(ngx_conf_t *cf);


static zwfw_field_t  ngx_http_zwfw_item_code_fields[] = {
    { zwfw_string("code"), zwfw_type_code,
      ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, 31, NULL, NULL },
      zwfw_null_field
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_item_routes[] = {

    /* 5.2.1.4, publishing of items */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{code}"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_item_code_fields,
      .call = ngx_string("item_show"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/show"),
      .cache = { ngx_string("item/{code}"), 60 } },

      ngx_http_zwfw_null_route
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_item_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("item"),
    ngx_http_zwfw_item_routes,
    NULL
};


static ngx_http_module_t  ngx_http_zwfw_item_module_ctx = {
    ngx_http_zwfw_item_init,               /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_item_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_item_module_ctx,        /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_zwfw_item_init(ngx_conf_t *cf)
{
    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_item_slice);
}
