
/*
 * The steps of accounts, in ngx_http_zwfw_auth_password.c and
 * ngx_http_zwfw_auth_session.c
 */


#ifndef _NGX_HTTP_ZWFW_AUTH_H_INCLUDED_
#define _NGX_HTTP_ZWFW_AUTH_H_INCLUDED_


#include "ngx_http_zwfw.h"


/* registration and login by password */
ngx_int_t ngx_http_zwfw_auth_hash(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_create(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_find(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_compare(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_enter(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);

/* sessions */
ngx_int_t ngx_http_zwfw_auth_open(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_welcome(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_leave(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_left(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_leave_others(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_left_others(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_list(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_account(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
ngx_int_t ngx_http_zwfw_auth_token(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


#endif /* _NGX_HTTP_ZWFW_AUTH_H_INCLUDED_ */
