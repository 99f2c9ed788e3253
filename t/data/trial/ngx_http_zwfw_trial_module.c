
/*
 * What tests do inside of a worker.
 *
 *     lock_and_die <zone>;   a location that takes the lock of the shared
 *                            memory whose name begins so, and kills its worker
 *     GET /api/trial/visit   tells of a visit all that a slice may tell
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_zwfw.h"


static char *ngx_http_zwfw_trial_lock(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_zwfw_trial_preconf(ngx_conf_t *cf);
static void *ngx_http_zwfw_trial_create_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_trial_die(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_trial_tell(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);


static ngx_http_zwfw_step_pt  ngx_http_zwfw_trial_steps[] = {
    ngx_http_zwfw_trial_tell,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_trial_routes[] = {

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/visit"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .steps = ngx_http_zwfw_trial_steps,
      .reply = ngx_string("{\"type\":\"object\"}") },

      ngx_http_zwfw_null_route
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_trial_slice = {
    &ngx_http_zwfw_abi_1, ngx_string("trial"), ngx_http_zwfw_trial_routes,
    NULL, NULL
};


static ngx_command_t  ngx_http_zwfw_trial_commands[] = {

    { ngx_string("lock_and_die"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_trial_lock,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zwfw_trial_module_ctx = {
    ngx_http_zwfw_trial_preconf,           /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zwfw_trial_create_conf,        /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_trial_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_trial_module_ctx,        /* module context */
    ngx_http_zwfw_trial_commands,           /* module directives */
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
ngx_http_zwfw_trial_preconf(ngx_conf_t *cf)
{
    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_trial_slice);
}


static void *
ngx_http_zwfw_trial_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_str_t));
}


static char *
ngx_http_zwfw_trial_lock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_zwfw_trial_die;

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


static ngx_int_t
ngx_http_zwfw_trial_die(ngx_http_request_t *r)
{
    ngx_str_t        *name;
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;
    ngx_slab_pool_t  *pool;

    name = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_trial_module);

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
    zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NGX_HTTP_NOT_FOUND;
            }

            part = part->next;
            zone = part->elts;
            i = 0;
        }

        if (zone[i].shm.name.len >= name->len
            && ngx_strncmp(zone[i].shm.name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    pool = (ngx_slab_pool_t *) zone[i].shm.addr;

    ngx_shmtx_lock(&pool->mutex);

    (void) raise(SIGKILL);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_trial_tell(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    zwfw_json_t  *answer;

    ngx_str_set(&ctx->visit.item, "11990100MB0DEM172G3002099009000");
    ngx_str_set(&ctx->visit.case_type, "2");
    ngx_str_set(&ctx->visit.age_band, "30-39");
    ctx->visit.rank = 3;
    ctx->visit.funnel = 4;
    ctx->visit.dwell = 5600;

    answer = zwfw_json_new(&ctx->mem, ZWFW_JSON_OBJECT, NULL);

    return answer ? ngx_http_zwfw_answer(r, answer) : NGX_ERROR;
}
