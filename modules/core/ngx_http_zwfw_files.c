
/*
 * temporary, replaced by the real one
 */


#include "ngx_http_zwfw_core.h"


off_t
ngx_http_zwfw_files_limit(zwfw_field_t *fields)
{
    return 0;
}


ngx_int_t
ngx_http_zwfw_files(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    return NGX_ERROR;
}
