
/*
 * override: words, templates and design tokens that win over those of html.
 * Words and tokens are overridden one by one, templates as files
 */


#include "ngx_http_zwfw_place.h"


#define NGX_HTTP_ZWFW_TOKENS  65536


static ngx_int_t ngx_http_zwfw_override_files(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, const char *pattern);
static ngx_int_t ngx_http_zwfw_override_file(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_override_group(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, zwfw_json_t *words, zwfw_json_t *group);
static ngx_int_t ngx_http_zwfw_override_known(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf);
static ngx_int_t ngx_http_zwfw_tokens(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


ngx_http_zwfw_step_pt  ngx_http_zwfw_tokens_steps[] = {
    ngx_http_zwfw_tokens,
    ngx_http_zwfw_step_send
};


/* what would change nothing is a mistake in its name */

ngx_int_t
ngx_http_zwfw_override(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    ngx_str_t        name;
    ngx_file_info_t  fi;

    if (pf->override.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_override_files(cf, pf, "*/*.html") != NGX_OK
        || ngx_http_zwfw_override_files(cf, pf, "*/hole/*.html") != NGX_OK
        || ngx_http_zwfw_override_files(cf, pf, "*/*.json") != NGX_OK
        || ngx_http_zwfw_override_files(cf, pf, "assets/*") != NGX_OK)
    {
        return NGX_ERROR;
    }

    name.data = ngx_pnalloc(cf->pool, pf->override.len
                                      + sizeof("assets/tokens.css"));
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    name.len = ngx_sprintf(name.data, "%Vassets/tokens.css%Z", &pf->override)
               - name.data - 1;

    if (ngx_file_info(name.data, &fi) == NGX_FILE_ERROR) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_read_file(cf, &name, &pf->tokens) != NGX_OK) {
        return NGX_ERROR;
    }

    if (pf->tokens.len == 0 || pf->tokens.len > NGX_HTTP_ZWFW_TOKENS) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "override: \"%V\" is empty or too long", &name);
        return NGX_ERROR;
    }

    return ngx_http_zwfw_override_known(cf, pf);
}


static ngx_int_t
ngx_http_zwfw_override_files(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    const char *pattern)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_str_t    name;
    ngx_glob_t   gl;

    p = ngx_pnalloc(cf->pool, pf->override.len + ngx_strlen(pattern) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V%s%Z", &pf->override, pattern);

    ngx_memzero(&gl, sizeof(ngx_glob_t));
    gl.pattern = p;
    gl.log = cf->log;
    gl.test = 1;

    if (ngx_open_glob(&gl) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "override: " ngx_open_glob_n " \"%s\" failed", p);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ngx_read_glob(&gl, &name) == NGX_OK) {
        rc = ngx_http_zwfw_override_file(cf, pf, &name);
    }

    ngx_close_glob(&gl);

    return rc;
}


static ngx_int_t
ngx_http_zwfw_override_file(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *name)
{
    u_char           *p;
    ngx_str_t         file;
    ngx_file_info_t   fi;

    static u_char  assets[] = "assets/", tokens[] = "assets/tokens.css";

    file.data = name->data + pf->override.len;
    file.len = name->len - pf->override.len;

    p = ngx_pnalloc(cf->pool, pf->html.len + file.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V%V%Z", &pf->html, &file);

    if (ngx_file_info(p, &fi) != NGX_FILE_ERROR
        && (ngx_strncmp(file.data, assets, sizeof(assets) - 1) != 0
            || (file.len == sizeof(tokens) - 1
                && ngx_strncmp(file.data, tokens, file.len) == 0)))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "override: \"%V\" in \"%V\" takes the place of nothing in "
                  "\"%V\"", &file, &pf->override, &pf->html);

    return NGX_ERROR;
}


/* puts the words of an override over those of html, one by one */

ngx_int_t
ngx_http_zwfw_override_words(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    zwfw_json_t *words, zwfw_json_t *over)
{
    zwfw_json_t  *group;

    for (group = over->child; group; group = group->next) {
        if (ngx_http_zwfw_override_group(cf, pf, words, group) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_override_group(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    zwfw_json_t *words, zwfw_json_t *group)
{
    zwfw_json_t  *word, *old, *of;

    of = zwfw_json_get(words, (char *) group->key.data, group->key.len);

    for (word = group->child; word; word = word->next) {
        old = zwfw_json_get(of, (char *) word->key.data, word->key.len);

        if (old == NULL || word->type != ZWFW_JSON_STRING) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "override: \"%V\" has no word \"%V.%V\"",
                          &pf->html, (ngx_str_t *) &group->key,
                          (ngx_str_t *) &word->key);
            return NGX_ERROR;
        }

        old->value = word->value;
    }

    return NGX_OK;
}


/* "--name:" of the override that the tokens of html do not have */

static ngx_int_t
ngx_http_zwfw_override_known(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    u_char     *p, *last, *end;
    ngx_str_t   name, base;

    name.data = ngx_pnalloc(cf->pool, pf->html.len
                                      + sizeof("assets/tokens.css"));
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    name.len = ngx_sprintf(name.data, "%Vassets/tokens.css%Z", &pf->html)
               - name.data - 1;

    if (ngx_http_zwfw_read_file(cf, &name, &base) != NGX_OK) {
        return NGX_ERROR;
    }

    p = pf->tokens.data;
    last = p + pf->tokens.len;

    while (last - p > 2) {
        if (p[0] != '-' || p[1] != '-') {
            p++;
            continue;
        }

        for (end = p + 2; end < last; end++) {
            if ((*end < 'a' || *end > 'z') && (*end < '0' || *end > '9')
                && *end != '-')
            {
                break;
            }
        }

        if (end < last && *end == ':'
            && memmem(base.data, base.len, p, end + 1 - p) == NULL)
        {
            name.data = p;
            name.len = end - p;
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "override: \"%Vassets/tokens.css\" has no token "
                          "\"%V\"", &pf->html, &name);
            return NGX_ERROR;
        }

        p = end;
    }

    return NGX_OK;
}


/* GET /tokens.css: pages link to it after the tokens of html */

static ngx_int_t
ngx_http_zwfw_tokens(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    if (ctx->platform->tokens.len == 0) {
        return ngx_http_zwfw_refuse(r, NGX_HTTP_NOT_FOUND, "not_found", NULL);
    }

    r->headers_out.content_type = ctx->route->reply;
    ctx->answer = ctx->platform->tokens;

    return NGX_OK;
}
