
/*
 * The channel that a request comes by, decided by configuration, and whether
 * it is open.  GB/T 39047, 5.1
 */


#include "ngx_http_zwfw_place.h"


#define NGX_HTTP_ZWFW_CHANNEL_RETRY  3600   /* seconds */


static ngx_uint_t ngx_http_zwfw_channel_bit(ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_channel_names(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *names);


/* the first one is the default */

static ngx_str_t  ngx_http_zwfw_channels[] = {
    ngx_string("pc"), ngx_string("mobile"), ngx_string("app"),
    ngx_string("hall"), ngx_string("terminal"), ngx_string("hotline"),
    ngx_null_string
};


/* channels <name> ...: those that are open */

char *
ngx_http_zwfw_open_channels(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_platform_t  *pf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, bit;

    if (pf->channels) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        bit = ngx_http_zwfw_channel_bit(&value[i]);

        if (bit == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown channel \"%V\" in \"channels\", it "
                               "takes pc, mobile, app, hall, terminal, "
                               "hotline", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (pf->channels & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "channel \"%V\" twice in \"channels\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        pf->channels |= bit;
    }

    return NGX_CONF_OK;
}


/* 0: there is no such channel */

static ngx_uint_t
ngx_http_zwfw_channel_bit(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_zwfw_channels[i].len; i++) {
        if (ngx_http_zwfw_channels[i].len == name->len
            && ngx_strncmp(ngx_http_zwfw_channels[i].data, name->data,
                           name->len) == 0)
        {
            return 1 << i;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_zwfw_is_channel(ngx_str_t *name)
{
    return ngx_http_zwfw_channel_bit(name) != 0;
}


ngx_int_t
ngx_http_zwfw_set_channel(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_loc_conf_t *lcf)
{
    if (lcf->channel == NULL) {
        ctx->channel = ngx_http_zwfw_channels[0];
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, lcf->channel, &ctx->channel) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a constant was checked when the configuration was read */

    if (lcf->channel->lengths && !ngx_http_zwfw_is_channel(&ctx->channel)) {
        ctx->channel = ngx_http_zwfw_channels[0];
    }

    return NGX_OK;
}


/* NGX_OK or NGX_DECLINED: refused */

ngx_int_t
ngx_http_zwfw_channel_open(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_uint_t  open;

    open = ctx->platform->channels;

    if (open == 0 || (open & ngx_http_zwfw_channel_bit(&ctx->channel))) {
        return NGX_OK;
    }

    ctx->retry = NGX_HTTP_ZWFW_CHANNEL_RETRY;

    return ngx_http_zwfw_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                "channel_closed", NULL);
}


/* the sentence for closed channels names those that are open */

ngx_int_t
ngx_http_zwfw_channel_words(ngx_http_zwfw_platform_t *pf)
{
    u_char        *p, *mark, *last;
    ngx_str_t      names, text;
    zwfw_json_t   *word;

    static u_char  place[] = "{channels}";

    word = zwfw_json_get(pf->words, "core", 4);
    word = zwfw_json_get(word, "error", 5);
    word = zwfw_json_get(word, "channel_closed", 14);

    if (word == NULL || word->value.len < sizeof(place) - 1) {
        return NGX_OK;
    }

    mark = memmem(word->value.data, word->value.len, place,
                  sizeof(place) - 1);

    if (mark == NULL) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_channel_names(pf, &names) != NGX_OK) {
        return NGX_ERROR;
    }

    p = pf->mem.alloc(pf->mem.pool, word->value.len + names.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = word->value.data + word->value.len;

    text.data = p;
    p = ngx_cpymem(p, word->value.data, mark - word->value.data);
    p = ngx_cpymem(p, names.data, names.len);
    mark += sizeof(place) - 1;
    p = ngx_cpymem(p, mark, last - mark);
    text.len = p - text.data;

    word->value.len = text.len;
    word->value.data = text.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_channel_names(ngx_http_zwfw_platform_t *pf, ngx_str_t *names)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *name[sizeof(ngx_http_zwfw_channels) / sizeof(ngx_str_t)];
    ngx_uint_t   i, n;

    static ngx_str_t  group = ngx_string("channel");
    static ngx_str_t  comma = ngx_string("、");

    len = 0;
    n = 0;

    for (i = 0; ngx_http_zwfw_channels[i].len; i++) {
        if (pf->channels && !(pf->channels & (1 << i))) {
            continue;
        }

        name[n] = ngx_http_zwfw_word(pf, NULL, &group,
                                     &ngx_http_zwfw_channels[i]);
        if (name[n] == NULL) {
            name[n] = &ngx_http_zwfw_channels[i];
        }

        len += name[n++]->len + comma.len;
    }

    p = pf->mem.alloc(pf->mem.pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    names->data = p;

    for (i = 0; i < n; i++) {
        if (i) {
            p = ngx_cpymem(p, comma.data, comma.len);
        }

        p = ngx_cpymem(p, name[i]->data, name[i]->len);
    }

    names->len = p - names->data;

    return NGX_OK;
}
