
/*
 * The directives of core: platforms, and where they answer
 */


#include "ngx_http_zwfw_place.h"


static char *ngx_http_zwfw_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_pages_folder(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_uint_t ngx_http_zwfw_bounded(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_answers(ngx_conf_t *cf,
    ngx_http_zwfw_loc_conf_t *lcf);
static char *ngx_http_zwfw_check_use(ngx_conf_t *cf,
    ngx_http_zwfw_loc_conf_t *lcf);
static const char *ngx_http_zwfw_misplaced(ngx_http_core_loc_conf_t *clcf,
    ngx_http_zwfw_loc_conf_t *lcf);
static char *ngx_http_zwfw_check_place(ngx_conf_t *cf,
    ngx_http_zwfw_loc_conf_t *lcf);
static char *ngx_http_zwfw_check_channel(ngx_conf_t *cf,
    ngx_http_zwfw_loc_conf_t *lcf);
static char *ngx_http_zwfw_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_check_metrics(ngx_conf_t *cf,
    ngx_http_zwfw_loc_conf_t *lcf);
static ngx_int_t ngx_http_zwfw_check_files(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf, ngx_uint_t n);
static ngx_int_t ngx_http_zwfw_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_zwfw_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_zwfw_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_zwfw_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_zwfw_init_process(ngx_cycle_t *cycle);
static void ngx_http_zwfw_exit_process(ngx_cycle_t *cycle);


ngx_uint_t  ngx_http_zwfw_abi_1 = 1;


static ngx_command_t  ngx_http_zwfw_commands[] = {

    { ngx_string("zwfw_platform"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_zwfw_platform_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zwfw_use"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_zwfw_loc_conf_t, use),
      NULL },

    { ngx_string("zwfw_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_zwfw_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zwfw_pages"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_pages_folder,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zwfw_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_zwfw_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("zwfw_channel"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_zwfw_loc_conf_t, channel),
      NULL },

    { ngx_string("zwfw_insecure_cookies"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_zwfw_loc_conf_t, insecure),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zwfw_core_module_ctx = {
    ngx_http_zwfw_preconfiguration,        /* preconfiguration */
    ngx_http_zwfw_postconfiguration,       /* postconfiguration */

    ngx_http_zwfw_create_main_conf,        /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zwfw_create_loc_conf,         /* create location configuration */
    ngx_http_zwfw_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_core_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_core_module_ctx,        /* module context */
    ngx_http_zwfw_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_zwfw_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_zwfw_exit_process,            /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_zwfw_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_loc_conf_t  *lcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->face) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another content handler";
    }

    clcf->handler = ngx_http_zwfw_handler;

    lcf->face = NGX_HTTP_ZWFW_API;
    lcf->bounded = ngx_http_zwfw_bounded(cf);
    lcf->mount = clcf->name;

    if (lcf->mount.len && lcf->mount.data[lcf->mount.len - 1] == '/') {
        lcf->mount.len--;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_zwfw_pages_folder(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_loc_conf_t  *lcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->face) {
        return "is duplicate";
    }

    value = cf->args->elts;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another content handler";
    }

    clcf->handler = ngx_http_zwfw_handler;

    lcf->face = NGX_HTTP_ZWFW_PAGES;
    lcf->bounded = ngx_http_zwfw_bounded(cf);

    return ngx_http_zwfw_set_folder(cf, &value[0], &value[1], &lcf->folder);
}


/*
 * Whether client_max_body_size stands above in this location or its server:
 * when configurations are merged, a default of 1m looks like a wish for 1m
 */

static ngx_uint_t
ngx_http_zwfw_bounded(ngx_conf_t *cf)
{
    ngx_http_conf_ctx_t        *ctx;
    ngx_http_core_loc_conf_t   *clcf, *of_server;
    ngx_http_core_srv_conf_t   *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ctx = cscf->ctx;
    of_server = ctx->loc_conf[ngx_http_core_module.ctx_index];

    return clcf->client_max_body_size != NGX_CONF_UNSET
           || of_server->client_max_body_size != NGX_CONF_UNSET;
}


/*
 * Rows bound their bodies themselves, and say so in Chinese; nginx would be
 * asked first, and of HTTP/2 again for its error page.  A bound that is not
 * its default counts.  Text bodies are read in memory only
 */

static ngx_int_t
ngx_http_zwfw_answers(ngx_conf_t *cf, ngx_http_zwfw_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    lcf->most = NGX_HTTP_ZWFW_BODIES;

    if (clcf->client_max_body_size
        && (lcf->bounded
            || mcf->http->client_max_body_size != NGX_CONF_UNSET
            || clcf->client_max_body_size != NGX_HTTP_ZWFW_BODY))
    {
        lcf->most = ngx_min(clcf->client_max_body_size, lcf->most);
    }

    clcf->client_max_body_size = 0;

    if (clcf->client_body_buffer_size < NGX_HTTP_ZWFW_BODY + 4096) {
        clcf->client_body_buffer_size = NGX_HTTP_ZWFW_BODY + 4096;
    }

    clcf->client_body_in_file_only = 0;

    return ngx_http_zwfw_error_pages(cf, clcf);
}


/* where the two faces may stand: paths of pages and links are absolute */

static char *
ngx_http_zwfw_check_place(ngx_conf_t *cf, ngx_http_zwfw_loc_conf_t *lcf)
{
    const char                *wrong;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    wrong = ngx_http_zwfw_misplaced(clcf, lcf);

    if (wrong == NULL) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in location \"%V\" %s",
                  lcf->face == NGX_HTTP_ZWFW_API ? "zwfw_api" : "zwfw_pages",
                  &clcf->name, wrong);

    return NGX_CONF_ERROR;
}


static const char *
ngx_http_zwfw_misplaced(ngx_http_core_loc_conf_t *clcf,
    ngx_http_zwfw_loc_conf_t *lcf)
{
    if (clcf->handler != ngx_http_zwfw_handler) {
        return "stands beside another content handler";
    }

    if (clcf->name.len == 0 || clcf->name.data[0] != '/') {
        return "takes a location that is a path";
    }

#if (NGX_PCRE)

    if (clcf->regex) {
        return "takes a location that is no regular expression";
    }

#endif

    if (clcf->exact_match) {
        return "takes a location that is no exact match";
    }

    if (lcf->face == NGX_HTTP_ZWFW_PAGES) {
        return clcf->name.len == 1 ? NULL : "takes the location \"/\"";
    }

    return clcf->name.data[clcf->name.len - 1] == '/'
           ? NULL : "takes a location that ends with a slash";
}


static char *
ngx_http_zwfw_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_loc_conf_t  *lcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->metrics) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another content handler";
    }

    clcf->handler = ngx_http_zwfw_metrics_handler;

    lcf->metrics = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_zwfw_check_metrics(ngx_conf_t *cf, ngx_http_zwfw_loc_conf_t *lcf)
{
    const char                 *wrong;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_zwfw_main_conf_t  *mcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);

    wrong = NULL;

    if (clcf->handler != ngx_http_zwfw_metrics_handler || lcf->face) {
        wrong = "stands beside another content handler";

    } else if (mcf->platforms.nelts == 0) {
        wrong = "has no zwfw_platform to tell of";
    }

    if (wrong == NULL) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "zwfw_metrics in location \"%V\" %s", &clcf->name, wrong);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_zwfw_preconfiguration(ngx_conf_t *cf)
{
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);
    mcf->http = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (ngx_http_zwfw_add_variables(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_add_metrics(cf, ngx_http_zwfw_core_metrics) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_core_slice);
}


static ngx_int_t
ngx_http_zwfw_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);

    if (mcf->platforms.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_zwfw_routes(cf, mcf) != NGX_OK
        || ngx_http_zwfw_navs(cf, mcf) != NGX_OK
        || ngx_http_zwfw_guard_init(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (ngx_http_zwfw_site(cf, mcf, pf[i]) != NGX_OK
            || ngx_http_zwfw_check_files(cf, mcf, i) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a platform sweeps what its own database does not know out of the folder */

static ngx_int_t
ngx_http_zwfw_check_files(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_uint_t n)
{
    ngx_str_t                   *a, *b;
    ngx_uint_t                   i;
    ngx_http_zwfw_platform_t   **pf;

    static ngx_str_t  directive = ngx_string("files");

    pf = mcf->platforms.elts;
    a = &pf[n]->files;

    for (i = 0; i < n; i++) {
        b = &pf[i]->files;

        if (pf[i]->pg != pf[n]->pg && a->len == b->len
            && ngx_strncmp(a->data, b->data, a->len) == 0)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"files\" of zwfw_platform \"%V\" and \"%V\" are "
                          "the same folder", &pf[i]->name, &pf[n]->name);
            return NGX_ERROR;
        }
    }

    return ngx_http_zwfw_writable(cf, &directive, a);
}


static void *
ngx_http_zwfw_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->root = NULL;
     *     mcf->http = NULL;
     */

    if (ngx_array_init(&mcf->platforms, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->slices, cf->pool, 16, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&mcf->metrics, cf->pool, 4, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_http_zwfw_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_zwfw_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->use, mount, folder = { 0, NULL };
     *     lcf->platform = NULL;
     *     lcf->most = 0;
     *     lcf->channel = NULL;
     *     lcf->face, metrics, bounded = 0;
     */

    lcf->insecure = NGX_CONF_UNSET;

    return lcf;
}


static char *
ngx_http_zwfw_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_zwfw_loc_conf_t  *prev = parent;
    ngx_http_zwfw_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    if (conf->use.data && conf->use.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_use takes the name of a zwfw_platform");
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_str_value(conf->use, prev->use, "");
    ngx_conf_merge_value(conf->insecure, prev->insecure, 0);

    if (conf->channel == NULL) {
        conf->channel = prev->channel;
    }

    if (ngx_http_zwfw_check_use(cf, conf) != NGX_CONF_OK
        || ngx_http_zwfw_check_channel(cf, conf) != NGX_CONF_OK
        || (conf->metrics
            && ngx_http_zwfw_check_metrics(cf, conf) != NGX_CONF_OK))
    {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->face == 0) {

        /* "if" and "limit_except" are of the location around them */

        if (clcf->noname) {
            conf->face = prev->face;
            conf->mount = prev->mount;
            conf->bounded = prev->bounded;
        }

        return conf->face == 0 || ngx_http_zwfw_answers(cf, conf) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_http_zwfw_check_place(cf, conf) != NGX_CONF_OK
        || ngx_http_zwfw_answers(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return conf->folder.len
           ? ngx_http_zwfw_site_folder(cf, conf->platform, &conf->folder)
           : NGX_CONF_OK;
}


/* the platform that is named, and whether one has to be */

static char *
ngx_http_zwfw_check_use(ngx_conf_t *cf, ngx_http_zwfw_loc_conf_t *lcf)
{
    ngx_http_zwfw_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);

    if (lcf->use.len) {
        lcf->platform = ngx_http_zwfw_find_platform(mcf, &lcf->use);

        if (lcf->platform == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "zwfw_use: there is no zwfw_platform \"%V\"",
                          &lcf->use);
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->face && lcf->platform == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s: no zwfw_use says which platform answers",
                      lcf->face == NGX_HTTP_ZWFW_API ? "zwfw_api"
                                                     : "zwfw_pages");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* a constant that is no channel */

static char *
ngx_http_zwfw_check_channel(ngx_conf_t *cf, ngx_http_zwfw_loc_conf_t *lcf)
{
    if (lcf->channel == NULL || lcf->channel->lengths
        || ngx_http_zwfw_is_channel(&lcf->channel->value))
    {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "zwfw_channel: unknown channel \"%V\", it takes pc, mobile, "
                  "app, hall, terminal, hotline or a variable",
                  &lcf->channel->value);

    return NGX_CONF_ERROR;
}


ngx_http_zwfw_platform_t *
ngx_http_zwfw_conf_platform(ngx_conf_t *cf)
{
    ngx_http_zwfw_loc_conf_t  *lcf;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_zwfw_core_module);

    return lcf->platform;
}


ngx_uint_t
ngx_http_zwfw_conf_rows(ngx_conf_t *cf)
{
    ngx_http_zwfw_loc_conf_t  *lcf;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_zwfw_core_module);

    return lcf->face != 0;
}


static ngx_int_t
ngx_http_zwfw_init_process(ngx_cycle_t *cycle)
{
    ngx_http_zwfw_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_zwfw_core_module);

    if (mcf == NULL || mcf->platforms.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_zwfw_tells_init();

    if (ngx_http_zwfw_pg_init(cycle) != NGX_OK
        || ngx_http_zwfw_redis_init(cycle) != NGX_OK
        || ngx_http_zwfw_shared_init(cycle, mcf) != NGX_OK
        || ngx_http_zwfw_lines_init(cycle, mcf) != NGX_OK
        || ngx_http_zwfw_caches_init(cycle, mcf) != NGX_OK
        || ngx_http_zwfw_jobs_init(cycle, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_zwfw_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_zwfw_core_module);

    if (mcf == NULL || mcf->platforms.nelts == 0) {
        return;
    }

    ngx_http_zwfw_caches_exit(mcf);
    ngx_http_zwfw_lines_exit(cycle, mcf);
    ngx_http_zwfw_shared_exit(cycle, mcf);
    ngx_http_zwfw_redis_exit(cycle);
    ngx_http_zwfw_pg_exit(cycle);
    ngx_http_zwfw_tells_exit();
}
