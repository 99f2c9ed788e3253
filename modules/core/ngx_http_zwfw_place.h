
/*
 * What the block of a platform names: folders, secrets, channels, overrides
 */


#ifndef _NGX_HTTP_ZWFW_PLACE_H_INCLUDED_
#define _NGX_HTTP_ZWFW_PLACE_H_INCLUDED_


#include "ngx_http_zwfw_core.h"


/* place.c: a folder that is there; that workers can write to; a file with a
   secret that others cannot read */
char *ngx_http_zwfw_set_folder(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *name, ngx_str_t *folder);
ngx_int_t ngx_http_zwfw_writable(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *folder);
ngx_int_t ngx_http_zwfw_secret(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_fd_t fd, ngx_str_t *file);

/* channel.c */
char *ngx_http_zwfw_open_channels(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_uint_t ngx_http_zwfw_is_channel(ngx_str_t *name);
ngx_int_t ngx_http_zwfw_set_channel(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_loc_conf_t *lcf) ZWFW_HOT;
ngx_int_t ngx_http_zwfw_channel_open(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx) ZWFW_HOT;
ngx_int_t ngx_http_zwfw_channel_words(ngx_http_zwfw_platform_t *pf);

/* override.c: reads tokens, refuses what overrides nothing; words over words;
   the steps of their row */
ngx_int_t ngx_http_zwfw_override(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf);
ngx_int_t ngx_http_zwfw_override_words(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, zwfw_json_t *words, zwfw_json_t *over);
extern ngx_http_zwfw_step_pt  ngx_http_zwfw_tokens_steps[];


#endif /* _NGX_HTTP_ZWFW_PLACE_H_INCLUDED_ */
