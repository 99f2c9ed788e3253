
/*
 * Accounts and sessions, and the guard of any location.
 * GB/T 39047, 5.2.1.2, 5.2.1.3, 5.2.3.2, table 1
 */


#include "ngx_http_zwfw_auth.h"


typedef struct {
    ngx_flag_t   enabled;
    ngx_uint_t   who;
    ngx_uint_t   level;
} ngx_http_zwfw_auth_conf_t;


static char *ngx_http_zwfw_auth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_zwfw_auth_who(ngx_conf_t *cf,
    ngx_http_zwfw_auth_conf_t *acf, ngx_str_t *value);
static ngx_int_t ngx_http_zwfw_auth_part(ngx_http_request_t *r) ZWFW_HOT;
static ngx_int_t ngx_http_zwfw_auth_access(ngx_http_request_t *r) ZWFW_HOT;
static ngx_int_t ngx_http_zwfw_auth_status(ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_auth_preconf(ngx_conf_t *cf);
static ngx_int_t ngx_http_zwfw_auth_postconf(ngx_conf_t *cf);
static void *ngx_http_zwfw_auth_create_conf(ngx_conf_t *cf);
static char *ngx_http_zwfw_auth_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);


/* replies that C makes; those of SQL stand in comments on their functions */

#define NGX_HTTP_ZWFW_AUTH_PERSON                                             \
    "{\"type\":\"object\",\"additionalProperties\":false,"                    \
    "\"required\":[\"uid\",\"name\",\"kind\",\"level\",\"token\"],"           \
    "\"properties\":{\"uid\":{\"type\":\"string\",\"format\":\"uuid\"},"      \
    "\"name\":{\"type\":\"string\"},"                                         \
    "\"kind\":{\"enum\":[\"natural\",\"staff\"]},"                            \
    "\"level\":{\"type\":\"integer\"},\"roles\":{\"type\":\"string\"},"       \
    "\"body\":{\"type\":\"string\",\"format\":\"uuid\"},"                     \
    "\"bodies\":{\"type\":\"string\"},"                                       \
    "\"region\":{\"type\":\"string\"},\"token\":{\"type\":\"string\"}}}"

#define NGX_HTTP_ZWFW_AUTH_SESSIONS                                           \
    "{\"type\":\"object\",\"additionalProperties\":false,"                    \
    "\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\"," \
    "\"items\":{\"type\":\"object\",\"additionalProperties\":false,"          \
    "\"required\":[\"id\",\"created\",\"channel\",\"current\"],"              \
    "\"properties\":{\"id\":{\"type\":\"string\"},"                           \
    "\"created\":{\"type\":\"string\",\"format\":\"date-time\"},"             \
    "\"channel\":{\"type\":\"string\"},\"browser\":{\"type\":\"string\"},"    \
    "\"system\":{\"type\":\"string\"},"                                       \
    "\"current\":{\"type\":\"boolean\"}}}}}}"


static zwfw_field_t  ngx_http_zwfw_auth_page_fields[] = {
    { zwfw_string("next"), zwfw_type_line, ZWFW_FIELD_QUERY, 500, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_auth_login_fields[] = {
    { zwfw_string("email"), zwfw_type_email, ZWFW_FIELD_REQUIRED, 100, NULL,
      "users.email" },
    { zwfw_string("password"), zwfw_type_secret, ZWFW_FIELD_REQUIRED, 72,
      NULL, NULL },
    { zwfw_string("next"), zwfw_type_line, 0, 500, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_auth_register_fields[] = {
    { zwfw_string("email"), zwfw_type_email, ZWFW_FIELD_REQUIRED, 100, NULL,
      "users.email" },
    { zwfw_string("password"), zwfw_type_secret, ZWFW_FIELD_REQUIRED, 72,
      NULL, NULL },
    { zwfw_string("name"), zwfw_type_name, ZWFW_FIELD_REQUIRED, 50, NULL,
      NULL },
    { zwfw_string("consent"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 7, NULL,
      NULL },
    { zwfw_string("next"), zwfw_type_line, 0, 500, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_auth_end_fields[] = {
    { zwfw_string("id"), zwfw_type_code,
      ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, 64, NULL, NULL },
      zwfw_null_field
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_register_steps[] = {
    ngx_http_zwfw_auth_hash,        /* scrypt, in the thread pool           */
    ngx_http_zwfw_auth_create,      /* api.auth_register: account, consent  */
    ngx_http_zwfw_auth_open,        /* session in Redis, cookie             */
    ngx_http_zwfw_auth_welcome,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_login_steps[] = {
    ngx_http_zwfw_auth_find,        /* api.auth_find: the stored hash       */
    ngx_http_zwfw_auth_compare,     /* scrypt, in the thread pool           */
    ngx_http_zwfw_auth_enter,       /* api.auth_enter: counts, locks        */
    ngx_http_zwfw_auth_open,        /* session in Redis, cookie             */
    ngx_http_zwfw_auth_welcome,
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_logout_steps[] = {
    ngx_http_zwfw_auth_leave,       /* session out of Redis, cookie         */
    ngx_http_zwfw_auth_left,        /* api.auth_left: audit                 */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_others_steps[] = {
    ngx_http_zwfw_auth_leave_others,    /* all other sessions out of Redis  */
    ngx_http_zwfw_auth_left_others,     /* api.auth_left_others: audit      */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_sessions_steps[] = {
    ngx_http_zwfw_auth_list,        /* from Redis                           */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_auth_me_steps[] = {
    ngx_http_zwfw_auth_account,     /* api.auth_me                          */
    ngx_http_zwfw_auth_token,       /* what forms of this session carry     */
    ngx_http_zwfw_step_reply,
    ngx_http_zwfw_step_send
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_auth_routes[] = {

    /* 5.2.1.2, registration */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//register"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_auth_page_fields,
      .call = ngx_string("auth_notice"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("auth/register") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("//register"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_auth_register_fields,
      .class = NGX_HTTP_ZWFW_WRITE,
      .steps = ngx_http_zwfw_auth_register_steps,
      .reply = ngx_string(NGX_HTTP_ZWFW_AUTH_PERSON),
      .form = ngx_string("//register"),
      .next = ngx_string("/"),
      .limit = { { 100, 3600, ngx_string("address") },
                 { 20, 3600, ngx_string("email") } } },

    /* 5.2.1.3, login */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//login"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_auth_page_fields,
      .page = ngx_string("auth/login") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("//login"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_auth_login_fields,
      .steps = ngx_http_zwfw_auth_login_steps,
      .reply = ngx_string(NGX_HTTP_ZWFW_AUTH_PERSON),
      .form = ngx_string("//login"),
      .next = ngx_string("/"),
      .limit = { { 300, 600, ngx_string("address") },
                 { 60, 600, ngx_string("email") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("//logout"),
      .who = NGX_HTTP_ZWFW_USER,
      .steps = ngx_http_zwfw_auth_logout_steps,
      .reply = ngx_string("auth_left"),
      .next = ngx_string("/") },

    /* 5.2.1.9, the own account and its sessions */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/me"),
      .who = NGX_HTTP_ZWFW_USER,
      .steps = ngx_http_zwfw_auth_me_steps,
      .reply = ngx_string("auth_me") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/sessions"),
      .who = NGX_HTTP_ZWFW_USER,
      .steps = ngx_http_zwfw_auth_sessions_steps,
      .reply = ngx_string(NGX_HTTP_ZWFW_AUTH_SESSIONS),
      .page = ngx_string("auth/sessions") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/sessions/{id}/end"),
      .who = NGX_HTTP_ZWFW_USER,
      .fields = ngx_http_zwfw_auth_end_fields,
      .steps = ngx_http_zwfw_auth_logout_steps,
      .reply = ngx_string("auth_left"),
      .next = ngx_string("/auth/sessions") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/sessions/end"),
      .who = NGX_HTTP_ZWFW_USER,
      .steps = ngx_http_zwfw_auth_others_steps,
      .reply = ngx_string("auth_left_others"),
      .next = ngx_string("/auth/sessions") },

    /* Personal Information Protection Law: the notice and its version */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//privacy"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .call = ngx_string("auth_notice"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("auth/privacy") },

      ngx_http_zwfw_null_route
};


static ngx_http_zwfw_job_t  ngx_http_zwfw_auth_jobs[] = {
    { .name = ngx_string("auth_sweep"),
      .interval = 3600000,
      .call = ngx_string("auth_sweep") },

      ngx_http_zwfw_null_job
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_auth_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("auth"),
    ngx_http_zwfw_auth_routes,
    ngx_http_zwfw_auth_jobs,
    NULL
};


static ngx_command_t  ngx_http_zwfw_auth_commands[] = {

    { ngx_string("zwfw_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_zwfw_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_zwfw_auth_module_ctx = {
    ngx_http_zwfw_auth_preconf,            /* preconfiguration */
    ngx_http_zwfw_auth_postconf,           /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_zwfw_auth_create_conf,        /* create location configuration */
    ngx_http_zwfw_auth_merge_conf          /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_auth_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_auth_module_ctx,        /* module context */
    ngx_http_zwfw_auth_commands,           /* module directives */
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


/* zwfw_auth off | who=<audience>[,<audience>...] [level>=<0-5>] */

static char *
ngx_http_zwfw_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_zwfw_auth_conf_t  *acf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_int_t    level;
    ngx_uint_t   skip;

    if (acf->enabled != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && value[1].len == 3
        && ngx_strncmp(value[1].data, "off", 3) == 0)
    {
        acf->enabled = 0;
        return NGX_CONF_OK;
    }

    acf->enabled = 1;

    if (value[1].len < 5 || ngx_strncmp(value[1].data, "who=", 4) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"zwfw_auth\", it "
                           "takes off or who=...", &value[1]);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_zwfw_auth_who(cf, acf, &value[1]);

    if (rv != NGX_CONF_OK || cf->args->nelts == 2) {
        return rv;
    }

    skip = 0;

    if (ngx_strncmp(value[2].data, "level>=", 7) == 0) {
        skip = 7;

    } else if (ngx_strncmp(value[2].data, "level=", 6) == 0) {
        skip = 6;
    }

    level = skip ? ngx_atoi(value[2].data + skip, value[2].len - skip)
                 : NGX_ERROR;

    if (level == NGX_ERROR || level > 5) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"zwfw_auth\", it "
                           "takes level>=0 to level>=5", &value[2]);
        return NGX_CONF_ERROR;
    }

    acf->level = level;

    return NGX_CONF_OK;
}


static char *
ngx_http_zwfw_auth_who(ngx_conf_t *cf, ngx_http_zwfw_auth_conf_t *acf,
    ngx_str_t *value)
{
    u_char      *p, *last, *comma;
    ngx_str_t    name;
    ngx_uint_t   who;

    p = value->data + sizeof("who=") - 1;
    last = value->data + value->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        name.data = p;
        name.len = (comma ? comma : last) - p;

        who = ngx_http_zwfw_who(&name);

        if (who == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown audience \"%V\" in \"zwfw_auth\"",
                               &name);
            return NGX_CONF_ERROR;
        }

        acf->who |= who;

        if (comma == NULL) {
            return NGX_CONF_OK;
        }

        p = comma + 1;
    }
}


/* the guard: pages and foreign upstreams; our own rows have their own gate */

static ngx_int_t
ngx_http_zwfw_auth_access(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_zwfw_ctx_t        *ctx;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_zwfw_auth_conf_t  *acf;

    acf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_auth_module);

    if (!acf->enabled) {
        return NGX_DECLINED;
    }

    rc = ngx_http_zwfw_guard(r, acf->who, acf->level);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY && ctx->status < 500) {
        return ngx_http_zwfw_auth_status(ctx);
    }

    return ngx_http_zwfw_answer_refusal(r);
}


/*
 * A subrequest of SSI, auth_request or mirror, which skips the access phase:
 * whoever made it gets the status
 */

static ngx_int_t
ngx_http_zwfw_auth_part(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_zwfw_ctx_t        *ctx;
    ngx_http_zwfw_auth_conf_t  *acf;

    if (r == r->main) {
        return NGX_DECLINED;
    }

    acf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_auth_module);

    if (!acf->enabled) {
        return NGX_DECLINED;
    }

    rc = ngx_http_zwfw_guard(r, acf->who, acf->level);

    if (rc == NGX_OK) {
        return NGX_DECLINED;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    return ctx->status < 500 ? ngx_http_zwfw_auth_status(ctx)
                             : (ngx_int_t) ctx->status;
}


/* those that nginx understands of a guard */

static ngx_int_t
ngx_http_zwfw_auth_status(ngx_http_zwfw_ctx_t *ctx)
{
    return ctx->status == NGX_HTTP_UNAUTHORIZED ? NGX_HTTP_UNAUTHORIZED
                                                : NGX_HTTP_FORBIDDEN;
}


static ngx_int_t
ngx_http_zwfw_auth_preconf(ngx_conf_t *cf)
{
    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_auth_slice);
}


static ngx_int_t
ngx_http_zwfw_auth_postconf(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_zwfw_auth_access;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_zwfw_auth_part;

    return NGX_OK;
}


static void *
ngx_http_zwfw_auth_create_conf(ngx_conf_t *cf)
{
    ngx_http_zwfw_auth_conf_t  *acf;

    acf = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_auth_conf_t));
    if (acf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     acf->who = 0;
     *     acf->level = 0;
     */

    acf->enabled = NGX_CONF_UNSET;

    return acf;
}


static char *
ngx_http_zwfw_auth_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_zwfw_auth_conf_t  *prev = parent;
    ngx_http_zwfw_auth_conf_t  *conf = child;

    if (ngx_http_zwfw_conf_rows(cf)) {

        if (conf->enabled == 1) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "zwfw_auth: stands beside zwfw_api or zwfw_pages, "
                          "whose rows say themselves who may ask");
            return NGX_CONF_ERROR;
        }

        /* a guard of the whole server does not close its own login */

        conf->enabled = 0;
        return NGX_CONF_OK;
    }

    if (conf->enabled == NGX_CONF_UNSET && prev->enabled != NGX_CONF_UNSET) {
        *conf = *prev;
    }

    ngx_conf_merge_value(conf->enabled, prev->enabled, 0);

    if (conf->enabled && ngx_http_zwfw_conf_platform(cf) == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_auth: no zwfw_use says whose sessions are meant");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
