
/*
 * A worker that dies while it holds a lock, for t/faults_lock.t: a location
 * with "lock_and_die <zone>" takes the lock of the shared memory whose name
 * begins so, and kills its worker
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


static char *ngx_http_zwfw_lock(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_http_zwfw_lock_create_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_lock_handler(ngx_http_request_t *r);


static ngx_command_t  ngx_http_zwfw_lock_commands[] = {

    { ngx_string("lock_and_die"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_zwfw_lock,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zwfw_lock_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zwfw_lock_create_conf,        /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_lock_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_lock_module_ctx,        /* module context */
    ngx_http_zwfw_lock_commands,           /* module directives */
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


static void *
ngx_http_zwfw_lock_create_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_str_t));
}


static char *
ngx_http_zwfw_lock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_zwfw_lock_handler;

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


static ngx_int_t
ngx_http_zwfw_lock_handler(ngx_http_request_t *r)
{
    ngx_str_t        *name;
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;
    ngx_slab_pool_t  *pool;

    name = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_lock_module);

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
