
/*
 * zwfw_platform: the block, its directives and what they must be
 */


#include "ngx_http_zwfw_place.h"


static ngx_http_zwfw_platform_t *ngx_http_zwfw_platform_create(
    ngx_conf_t *cf, ngx_str_t *name);
static char *ngx_http_zwfw_platform_check(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf);
static char *ngx_http_zwfw_platform_stores(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf);
static ngx_uint_t ngx_http_zwfw_is_host(u_char *p, u_char *last);
static char *ngx_http_zwfw_digits(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_one_of_kinds(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_folder(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_connections(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_timeouts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_bounds(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_zwfw_least_time(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_zwfw_least_cache(ngx_conf_t *cf, void *post,
    void *data);


/* the directives inside of a zwfw_platform block */

static ngx_conf_num_bounds_t  ngx_http_zwfw_threads_bounds = {
    ngx_http_zwfw_bounds, 1, 1024
};

static ngx_conf_num_bounds_t  ngx_http_zwfw_waiting_bounds = {
    ngx_http_zwfw_bounds, 1, 65536
};

static ngx_conf_num_bounds_t  ngx_http_zwfw_depth_bounds = {
    ngx_http_zwfw_bounds, 1, 32
};


static ngx_conf_post_t  ngx_http_zwfw_time_post = {
    ngx_http_zwfw_least_time
};

static ngx_conf_post_t  ngx_http_zwfw_cache_post = {
    ngx_http_zwfw_least_cache
};


static ngx_command_t  ngx_http_zwfw_platform_commands[] = {

    { ngx_string("code"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_digits,
      0,
      offsetof(ngx_http_zwfw_platform_t, code),
      NULL },

    { ngx_string("region"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_digits,
      0,
      offsetof(ngx_http_zwfw_platform_t, region),
      NULL },

    { ngx_string("kind"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_one_of_kinds,
      0,
      offsetof(ngx_http_zwfw_platform_t, kind),
      NULL },

    { ngx_string("name"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, title),
      NULL },

    { ngx_string("channels"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_1MORE,
      ngx_http_zwfw_open_channels,
      0,
      0,
      NULL },

    { ngx_string("base_url"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_url,
      0,
      offsetof(ngx_http_zwfw_platform_t, base_url),
      NULL },

    { ngx_string("html"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_folder,
      0,
      offsetof(ngx_http_zwfw_platform_t, html),
      NULL },

    { ngx_string("override"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_folder,
      0,
      offsetof(ngx_http_zwfw_platform_t, override),
      NULL },

    { ngx_string("files"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_folder,
      0,
      offsetof(ngx_http_zwfw_platform_t, files),
      NULL },

    { ngx_string("keys"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, keys_file),
      NULL },

    { ngx_string("postgres"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, pg_conf.conninfo),
      NULL },

    { ngx_string("postgres_connections"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE3,
      ngx_http_zwfw_connections,
      0,
      0,
      NULL },

    { ngx_string("postgres_timeout"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE12,
      ngx_http_zwfw_timeouts,
      0,
      0,
      NULL },

    { ngx_string("postgres_depth"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, pg_conf.depth),
      &ngx_http_zwfw_depth_bounds },

    { ngx_string("postgres_waiting"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, pg_conf.waiting),
      &ngx_http_zwfw_waiting_bounds },

    { ngx_string("postgres_lag"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, pg_conf.lag),
      &ngx_http_zwfw_time_post },

    { ngx_string("redis"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, redis_address),
      NULL },

    { ngx_string("redis_timeout"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, redis_timeout),
      &ngx_http_zwfw_time_post },

    { ngx_string("session_idle"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, idle),
      NULL },

    { ngx_string("session_life"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, life),
      NULL },

    { ngx_string("zone_size"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, zone_size),
      NULL },

    { ngx_string("page_cache"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, page_cache),
      &ngx_http_zwfw_cache_post },

    { ngx_string("thread_pool"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, pool_name),
      NULL },

    { ngx_string("threads"),
      NGX_HTTP_ZWFW_PLATFORM_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_zwfw_platform_t, threads),
      &ngx_http_zwfw_threads_bounds },

      ngx_null_command
};


ngx_module_t  ngx_http_zwfw_platform_module = {
    NGX_MODULE_V1,
    NULL,                                  /* module context */
    ngx_http_zwfw_platform_commands,       /* module directives */
    NGX_HTTP_ZWFW_PLATFORM_MODULE,         /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_str_t  ngx_http_zwfw_kinds[] = {
    ngx_string("national"),
    ngx_string("province"),
    ngx_string("ministry"),
    ngx_null_string
};


char *
ngx_http_zwfw_platform_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_main_conf_t *mcf = conf;

    char                       *rv;
    void                       *confs[1], *ctx;
    ngx_str_t                  *value;
    ngx_conf_t                  save;
    ngx_http_zwfw_platform_t   *pf, **p;

    value = cf->args->elts;

    if (ngx_http_zwfw_find_platform(mcf, &value[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zwfw_platform \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    pf = ngx_http_zwfw_platform_create(cf, &value[1]);
    if (pf == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_array_push(&mcf->platforms);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    pf->index = mcf->platforms.nelts - 1;
    *p = pf;

    (void) ngx_count_modules(cf->cycle, NGX_HTTP_ZWFW_PLATFORM_MODULE);

    save = *cf;

    confs[0] = pf;
    ctx = confs;

    cf->ctx = &ctx;
    cf->module_type = NGX_HTTP_ZWFW_PLATFORM_MODULE;
    cf->cmd_type = NGX_HTTP_ZWFW_PLATFORM_CONF;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_zwfw_platform_check(cf, pf);
}


ngx_http_zwfw_platform_t *
ngx_http_zwfw_find_platform(ngx_http_zwfw_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_http_zwfw_platform_t  **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (pf[i]->name.len == name->len
            && ngx_strncmp(pf[i]->name.data, name->data, name->len) == 0)
        {
            return pf[i];
        }
    }

    return NULL;
}


static ngx_http_zwfw_platform_t *
ngx_http_zwfw_platform_create(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char                    *p;
    ngx_uint_t                 i;
    ngx_http_zwfw_platform_t  *pf;

    if (name->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zwfw_platform takes a name");
        return NULL;
    }

    for (i = 0; i < name->len; i++) {
        if ((name->data[i] < 'a' || name->data[i] > 'z')
            && (name->data[i] < '0' || name->data[i] > '9'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zwfw_platform: invalid name \"%V\", it takes "
                               "lower case letters and digits", name);
            return NULL;
        }
    }

    pf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_platform_t));
    if (pf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     pf->code, kind, title, region, base_url, html = { 0, NULL };
     *     pf->redis_address, keys_file, files, override = { 0, NULL };
     *     pf->channels = 0;
     *     pf->pg_conf.connections, timeout = { 0, 0, 0 };
     */

    p = ngx_pnalloc(cf->pool, sizeof("zwfw::") - 1 + name->len);
    if (p == NULL) {
        return NULL;
    }

    pf->name = *name;
    pf->prefix.data = p;
    pf->prefix.len = ngx_sprintf(p, "zwfw:%V:", name) - p;

    pf->redis_timeout = NGX_CONF_UNSET_MSEC;
    pf->idle = NGX_CONF_UNSET;
    pf->life = NGX_CONF_UNSET;
    pf->zone_size = NGX_CONF_UNSET_SIZE;
    pf->page_cache = NGX_CONF_UNSET_SIZE;
    pf->threads = NGX_CONF_UNSET_UINT;
    pf->pg_conf.depth = NGX_CONF_UNSET_UINT;
    pf->pg_conf.waiting = NGX_CONF_UNSET_UINT;
    pf->pg_conf.lag = NGX_CONF_UNSET_MSEC;

    return pf;
}


static char *
ngx_http_zwfw_platform_check(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t   i;
    ngx_str_t    missing[] = {
        ngx_string("code"), ngx_string("kind"), ngx_string("base_url"),
        ngx_string("postgres"), ngx_string("redis"), ngx_string("keys"),
        ngx_string("files")
    };
    ngx_str_t   *value[] = {
        &pf->code, &pf->kind, &pf->base_url, &pf->pg_conf.conninfo,
        &pf->redis_address, &pf->keys_file, &pf->files
    };

    for (i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
        if (value[i]->len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no \"%V\" in zwfw_platform \"%V\"",
                               &missing[i], &pf->name);
            return NGX_CONF_ERROR;
        }
    }

    if (pf->region.len == 0) {
        pf->region = pf->code;
    }

    if (pf->title.len == 0) {
        ngx_str_set(&pf->title, "政务服务平台");
    }

    ngx_conf_init_msec_value(pf->redis_timeout, 1000);
    ngx_conf_init_value(pf->idle, 1800);
    ngx_conf_init_value(pf->life, 43200);
    ngx_conf_init_size_value(pf->zone_size, 8 * 1024 * 1024);
    ngx_conf_init_size_value(pf->page_cache, 16 * 1024 * 1024);
    ngx_conf_init_uint_value(pf->threads, 32);
    ngx_conf_init_uint_value(pf->pg_conf.depth, 32);
    ngx_conf_init_uint_value(pf->pg_conf.waiting, 1024);
    ngx_conf_init_msec_value(pf->pg_conf.lag, 5000);

    if (pf->life < pf->idle || pf->idle < 60) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "session_idle of zwfw_platform \"%V\" must be at "
                           "least 60s and at most session_life", &pf->name);
        return NGX_CONF_ERROR;
    }

    return ngx_http_zwfw_platform_stores(cf, pf);
}


static char *
ngx_http_zwfw_platform_stores(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t  i;

    static ngx_uint_t  connections[NGX_HTTP_ZWFW_CLASSES] = { 1, 4, 1 };
    static ngx_msec_t  timeouts[NGX_HTTP_ZWFW_CLASSES] = { 1000, 1000, 10000 };

    for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
        if (pf->pg_conf.connections[i] == 0) {
            pf->pg_conf.connections[i] = connections[i];
        }

        if (pf->pg_conf.timeout[i] == 0) {
            pf->pg_conf.timeout[i] = timeouts[i];
        }
    }

    if (ngx_conf_full_name(cf->cycle, &pf->keys_file, 1) != NGX_OK
        || ngx_http_zwfw_keys(cf, pf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    pf->pool = ngx_thread_pool_add(cf, pf->pool_name.len ? &pf->pool_name
                                                         : NULL);
    if (pf->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    pf->pg = ngx_http_zwfw_pg_add(cf, &pf->pg_conf);
    if (pf->pg == NULL) {
        return NGX_CONF_ERROR;
    }

    pf->redis = ngx_http_zwfw_redis_add(cf, &pf->redis_address,
                                        pf->redis_timeout);
    if (pf->redis == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_zwfw_shared_add(cf, pf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* names, addresses and a port: no path, no query, no account */

static ngx_uint_t
ngx_http_zwfw_is_host(u_char *p, u_char *last)
{
    for ( /* void */ ; p < last; p++) {
        if ((*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z')
            && (*p < '0' || *p > '9') && *p != '.' && *p != '-'
            && *p != ':' && *p != '[' && *p != ']')
        {
            return 0;
        }
    }

    return 1;
}


/* six digits of GB/T 2260, or the code of a ministry */

static char *
ngx_http_zwfw_digits(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t   *value, *field;

    value = cf->args->elts;
    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    if (value[1].len != 6 || ngx_atoi(value[1].data, 6) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V %V\", it takes six digits",
                           &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    *field = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_zwfw_one_of_kinds(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_platform_t  *pf = conf;

    ngx_str_t   *value, *kind;

    if (pf->kind.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (kind = ngx_http_zwfw_kinds; kind->len; kind++) {
        if (value[1].len == kind->len
            && ngx_strncmp(value[1].data, kind->data, kind->len) == 0)
        {
            pf->kind = *kind;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"kind %V\", it takes national, province "
                       "or ministry", &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_zwfw_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_platform_t  *pf = conf;

    size_t       skip;
    u_char      *p, *last;
    ngx_str_t   *value;

    if (pf->base_url.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    skip = 0;

    if (ngx_strncmp(value[1].data, "https://", 8) == 0) {
        skip = 8;

    } else if (ngx_strncmp(value[1].data, "http://", 7) == 0) {
        skip = 7;
    }

    p = value[1].data + skip;
    last = value[1].data + value[1].len;

    if (skip == 0 || p == last || !ngx_http_zwfw_is_host(p, last)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"base_url %V\", it takes a scheme and a "
                           "host without a slash at the end", &value[1]);
        return NGX_CONF_ERROR;
    }

    pf->base_url = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_zwfw_folder(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t   *value, *field;

    value = cf->args->elts;
    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    return ngx_http_zwfw_set_folder(cf, &value[0], &value[1], field);
}


/* postgres_connections <read> <write> <slow>, of each worker */

static char *
ngx_http_zwfw_connections(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_platform_t  *pf = conf;

    ngx_int_t    n;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (pf->pg_conf.connections[0]) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
        n = ngx_atoi(value[i + 1].data, value[i + 1].len);

        if (n < 1 || n > 64) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number \"%V\" in "
                               "\"postgres_connections\", it takes 1 to 64",
                               &value[i + 1]);
            return NGX_CONF_ERROR;
        }

        pf->pg_conf.connections[i] = n;
    }

    return NGX_CONF_OK;
}


/* postgres_timeout <read and write> [<slow>] */

static char *
ngx_http_zwfw_timeouts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_platform_t  *pf = conf;

    ngx_int_t    ms;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (pf->pg_conf.timeout[0]) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        ms = ngx_parse_time(&value[i], 0);

        if (ms == NGX_ERROR || ms < 100) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"postgres_timeout\", "
                               "it takes at least 100ms", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (i == 1) {
            pf->pg_conf.timeout[NGX_HTTP_ZWFW_READ] = ms;
            pf->pg_conf.timeout[NGX_HTTP_ZWFW_WRITE] = ms;

        } else {
            pf->pg_conf.timeout[NGX_HTTP_ZWFW_SLOW] = ms;
        }
    }

    return NGX_CONF_OK;
}


/* ngx_conf_check_num_bounds() does not say which directive it means */

static char *
ngx_http_zwfw_bounds(ngx_conf_t *cf, void *post, void *data)
{
    ngx_conf_num_bounds_t  *bounds = post;
    ngx_int_t              *n = data;

    ngx_str_t  *value;

    if (*n >= bounds->low && *n <= bounds->high) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid number \"%V\" in \"%V\", it takes %i to %i",
                       &value[1], &value[0], bounds->low, bounds->high);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_zwfw_least_time(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *ms = data;

    ngx_str_t  *value;

    if (*ms >= 100) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid time \"%V\" in \"%V\", it takes at least "
                       "100ms", &value[1], &value[0]);

    return NGX_CONF_ERROR;
}


/* a page takes at most a quarter of it: with less it would never keep one */

static char *
ngx_http_zwfw_least_cache(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    ngx_str_t  *value;

    if (*size == 0 || *size >= 262144) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid size \"%V\" in \"%V\", it takes 0 or at "
                       "least 256k", &value[1], &value[0]);

    return NGX_CONF_ERROR;
}
