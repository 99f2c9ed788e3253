
/*
 * Monitoring of visits: each request leaves a record on its way through the
 * log phase, and a ledger says whether all of them arrived.
 * GB/T 39047, 5.2.2.4
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_MONITOR_LEAST  8192   /* bytes of a ring */


static char *ngx_http_zwfw_monitor_ring(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_zwfw_monitor_preconf(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_monitor_postconf(ngx_conf_t *cf);
static void *ngx_http_zwfw_monitor_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_zwfw_monitor_init_main_conf(ngx_conf_t *cf,
    void *conf);
static void *ngx_http_zwfw_monitor_create_conf(ngx_conf_t *cf);
static char *ngx_http_zwfw_monitor_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_zwfw_monitor_init(ngx_cycle_t *cycle);
static void ngx_http_zwfw_monitor_exit(ngx_cycle_t *cycle);


static zwfw_field_t  ngx_http_zwfw_monitor_day_fields[] = {
    { zwfw_string("day"), zwfw_type_date, ZWFW_FIELD_QUERY, 0, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_monitor_list_fields[] = {
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_monitor_live_steps[] = {
    ngx_http_zwfw_monitor_live,     /* out of shared memory                 */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_monitor_routes[] = {

    /* 5.2.2.4, what was visited */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/"),
      .who = NGX_HTTP_ZWFW_OPERATOR|NGX_HTTP_ZWFW_SUPERVISOR,
      .fields = ngx_http_zwfw_monitor_day_fields,
      .call = ngx_string("monitor_overview"),
      .class = NGX_HTTP_ZWFW_SLOW,
      .page = ngx_string("monitor/overview") },

    /* is all of it there?  In the database, and in the memory of this node */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/ledger"),
      .who = NGX_HTTP_ZWFW_OPERATOR|NGX_HTTP_ZWFW_SUPERVISOR,
      .fields = ngx_http_zwfw_monitor_list_fields,
      .call = ngx_string("monitor_ledger"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("monitor/ledger") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/live"),
      .who = NGX_HTTP_ZWFW_OPERATOR|NGX_HTTP_ZWFW_SUPERVISOR,
      .steps = ngx_http_zwfw_monitor_live_steps,
      .reply = ngx_string("{\"type\":\"object\","
          "\"additionalProperties\":false,\"required\":[\"items\",\"node\"],"
          "\"properties\":{\"node\":{\"type\":\"string\"},"
          "\"files\":{\"type\":\"integer\"},"
          "\"aside\":{\"type\":\"integer\"},"
          "\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
          "\"additionalProperties\":false,"
          "\"required\":[\"ring\",\"expected\",\"stored\",\"spilled\","
          "\"pending\",\"refused\",\"lost\",\"room\"],\"properties\":{"
          "\"ring\":{\"type\":\"integer\"},"
          "\"expected\":{\"type\":\"integer\"},"
          "\"stored\":{\"type\":\"integer\"},"
          "\"spilled\":{\"type\":\"integer\"},"
          "\"pending\":{\"type\":\"integer\"},"
          "\"refused\":{\"type\":\"integer\"},"
          "\"lost\":{\"type\":\"integer\"},"
          "\"room\":{\"type\":\"integer\"}}}}}}"),
      .page = ngx_string("monitor/live") },

      ngx_http_zwfw_null_route
};


/* partitions of the months to come, old batches */

static ngx_http_zwfw_job_t  ngx_http_zwfw_monitor_jobs[] = {
    { .name = ngx_string("monitor_sweep"),
      .interval = 3600000,
      .call = ngx_string("monitor_sweep") },

    { .name = ngx_null_string }
};


static ngx_http_zwfw_nav_t  ngx_http_zwfw_monitor_nav[] = {
    { ngx_string("/"), ngx_string("overview"), 30, 0, NGX_HTTP_ZWFW_OPERATOR,
      ngx_string("/") },
      ngx_http_zwfw_null_nav
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_monitor_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("monitor"),
    ngx_http_zwfw_monitor_routes,
    ngx_http_zwfw_monitor_jobs,
    ngx_http_zwfw_monitor_nav
};


static ngx_command_t  ngx_http_zwfw_monitor_commands[] = {

    { ngx_string("zwfw_monitor"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_zwfw_monitor_conf_t, enabled),
      NULL },

    { ngx_string("zwfw_monitor_ring"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_monitor_ring,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_zwfw_monitor_main_conf_t, ring),
      NULL },

    { ngx_string("zwfw_monitor_spill"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_zwfw_monitor_spill_conf,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zwfw_monitor_module_ctx = {
    ngx_http_zwfw_monitor_preconf,         /* preconfiguration */
    ngx_http_zwfw_monitor_postconf,        /* postconfiguration */

    ngx_http_zwfw_monitor_create_main_conf,    /* create main configuration */
    ngx_http_zwfw_monitor_init_main_conf,  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zwfw_monitor_create_conf,     /* create location configuration */
    ngx_http_zwfw_monitor_merge_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_monitor_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_monitor_module_ctx,     /* module context */
    ngx_http_zwfw_monitor_commands,        /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_zwfw_monitor_init,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_zwfw_monitor_exit,            /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_http_zwfw_monitor_t *
ngx_http_zwfw_monitor_find(ngx_http_zwfw_monitor_main_conf_t *mmcf,
    ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t                 i;
    ngx_http_zwfw_monitor_t  **m;

    m = mmcf->monitors.elts;

    for (i = 0; i < mmcf->monitors.nelts; i++) {
        if (m[i]->platform == pf) {
            return m[i];
        }
    }

    return NULL;
}


static char *
ngx_http_zwfw_monitor_ring(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_monitor_main_conf_t  *mmcf = conf;

    char  *rv;

    rv = ngx_conf_set_size_slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK && mmcf->ring < NGX_HTTP_ZWFW_MONITOR_LEAST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"zwfw_monitor_ring\" is too small, it takes at "
                           "least 8k");
        return NGX_CONF_ERROR;
    }

    return rv;
}


static ngx_int_t
ngx_http_zwfw_monitor_preconf(ngx_conf_t *cf)
{
    if (ngx_http_zwfw_add_metrics(cf, ngx_http_zwfw_monitor_metrics)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_monitor_slice);
}


/* nothing is collected, nothing is added */

static ngx_int_t
ngx_http_zwfw_monitor_postconf(ngx_conf_t *cf)
{
    ngx_http_handler_pt                *h;
    ngx_http_core_main_conf_t          *cmcf;
    ngx_http_zwfw_monitor_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_zwfw_monitor_module);

    if (mmcf->monitors.nelts == 0) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_zwfw_monitor_log;

    return NGX_OK;
}


static void *
ngx_http_zwfw_monitor_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_zwfw_monitor_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_monitor_main_conf_t));

    if (mmcf == NULL
        || ngx_array_init(&mmcf->monitors, cf->pool, 4, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mmcf->spill = { 0, NULL };
     */

    mmcf->ring = NGX_CONF_UNSET_SIZE;

    return mmcf;
}


static char *
ngx_http_zwfw_monitor_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_zwfw_monitor_main_conf_t  *mmcf = conf;

    ngx_conf_init_size_value(mmcf->ring, 4 * 1024 * 1024);

    return NGX_CONF_OK;
}


static void *
ngx_http_zwfw_monitor_create_conf(ngx_conf_t *cf)
{
    ngx_http_zwfw_monitor_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_monitor_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->monitor = NULL;
     */

    mcf->enabled = NGX_CONF_UNSET;

    return mcf;
}


/* where no platform is selected, there is nobody to tell */

static char *
ngx_http_zwfw_monitor_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_zwfw_monitor_conf_t  *prev = parent;
    ngx_http_zwfw_monitor_conf_t  *conf = child;

    ngx_http_zwfw_monitor_t            **m;
    ngx_http_core_loc_conf_t            *clcf;
    ngx_http_zwfw_platform_t            *pf;
    ngx_http_zwfw_monitor_main_conf_t   *mmcf;

    ngx_conf_merge_value(conf->enabled, prev->enabled, 0);

    pf = ngx_http_zwfw_conf_platform(cf);

    if (!conf->enabled || pf == NULL) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (ngx_http_zwfw_visit_name(cf, &clcf->name, &conf->name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_zwfw_monitor_module);

    conf->monitor = ngx_http_zwfw_monitor_find(mmcf, pf);

    if (conf->monitor) {
        return NGX_CONF_OK;
    }

    m = ngx_array_push(&mmcf->monitors);
    if (m == NULL) {
        return NGX_CONF_ERROR;
    }

    *m = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_monitor_t));
    if (*m == NULL) {
        return NGX_CONF_ERROR;
    }

    (*m)->platform = pf;
    (*m)->spill = mmcf->spill;
    (*m)->max_size = mmcf->max_size;
    conf->monitor = *m;

    return ngx_http_zwfw_monitor_zone(cf, *m, mmcf->ring) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_zwfw_monitor_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                           i;
    ngx_http_zwfw_monitor_t            **m;
    ngx_http_zwfw_monitor_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_zwfw_monitor_module);

    if (mmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    m = mmcf->monitors.elts;

    for (i = 0; i < mmcf->monitors.nelts; i++) {
        if (ngx_http_zwfw_monitor_start(cycle, m[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_monitor_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t                           i;
    ngx_http_zwfw_monitor_t            **m;
    ngx_http_zwfw_monitor_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_zwfw_monitor_module);
    if (mmcf == NULL) {
        return;
    }

    m = mmcf->monitors.elts;

    for (i = 0; i < mmcf->monitors.nelts; i++) {
        ngx_http_zwfw_monitor_stop(m[i]);
    }
}
