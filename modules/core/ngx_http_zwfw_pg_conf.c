
/*
 * PostgreSQL at configuration time: what a connection string may say, and the
 * pools of a cycle
 */


#include "ngx_http_zwfw_pg.h"


static void ngx_http_zwfw_pg_unlink(void *data);
static ngx_int_t ngx_http_zwfw_pg_same(ngx_http_zwfw_pg_conf_t *a,
    ngx_http_zwfw_pg_conf_t *b);
static ngx_http_zwfw_pg_t *ngx_http_zwfw_pg_create(ngx_conf_t *cf,
    ngx_http_zwfw_pg_conf_t *conf, ngx_str_t *options);
static ngx_int_t ngx_http_zwfw_pg_check(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_str_t *options);
static const char *ngx_http_zwfw_pg_option(PQconninfoOption *opts,
    const char *keyword);
static ngx_int_t ngx_http_zwfw_pg_check_hosts(ngx_conf_t *cf,
    const char *hosts, const char *addrs);


char  *ngx_http_zwfw_pg_uses[] = { "read", "write", "slow", "listen" };

ngx_http_zwfw_pg_t  *ngx_http_zwfw_pgs;


ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_add(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf)
{
    ngx_str_t            options;
    ngx_pool_cleanup_t  *cln;
    ngx_http_zwfw_pg_t  *pg;

    for (pg = ngx_http_zwfw_pgs; pg; pg = pg->next) {
        if (pg->cycle == cf->cycle
            && ngx_http_zwfw_pg_same(&pg->conf, conf) == NGX_OK)
        {
            return pg;
        }
    }

    if (ngx_http_zwfw_pg_check(cf, &conf->conninfo, &options) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    pg = ngx_http_zwfw_pg_create(cf, conf, &options);

    if (cln == NULL || pg == NULL) {
        return NULL;
    }

    pg->next = ngx_http_zwfw_pgs;
    ngx_http_zwfw_pgs = pg;

    cln->handler = ngx_http_zwfw_pg_unlink;
    cln->data = pg;

    return pg;
}


/* a cycle goes: one that was never started, or that a reload has replaced */

static void
ngx_http_zwfw_pg_unlink(void *data)
{
    ngx_http_zwfw_pg_t  **p;

    for (p = &ngx_http_zwfw_pgs; *p; p = &(*p)->next) {
        if (*p == data) {
            *p = (*p)->next;
            return;
        }
    }
}


static ngx_int_t
ngx_http_zwfw_pg_same(ngx_http_zwfw_pg_conf_t *a, ngx_http_zwfw_pg_conf_t *b)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ZWFW_CLASSES; i++) {
        if (a->connections[i] != b->connections[i]
            || a->timeout[i] != b->timeout[i])
        {
            return NGX_DECLINED;
        }
    }

    if (a->depth != b->depth || a->waiting != b->waiting
        || a->conninfo.len != b->conninfo.len
        || ngx_memcmp(a->conninfo.data, b->conninfo.data, a->conninfo.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_create(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf,
    ngx_str_t *options)
{
    u_char              *p, *last;
    size_t               size;
    ngx_uint_t           i;
    ngx_msec_t           timeout;
    ngx_http_zwfw_pg_t  *pg;

    pg = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_pg_t));
    if (pg == NULL) {
        return NULL;
    }

    pg->cycle = cf->cycle;
    pg->conf = *conf;
    pg->schema = -1;
    ngx_queue_init(&pg->listeners);

    size = options->len + NGX_INT_T_LEN
           + sizeof("zwfw listen") + sizeof(" -c statement_timeout=")
           + sizeof(" -c lock_timeout=200");

    for (i = 0; i < NGX_HTTP_ZWFW_PG_USES; i++) {

        p = ngx_pnalloc(cf->pool, size);
        if (p == NULL) {
            return NULL;
        }

        last = p + size;
        pg->title[i] = (char *) p;
        p = ngx_slprintf(p, last, "zwfw %s%Z", ngx_http_zwfw_pg_uses[i]);

        /* the server gives up before us: its connection stays */

        timeout = (i == NGX_HTTP_ZWFW_PG_LISTEN) ? NGX_HTTP_ZWFW_PG_CONNECT
                                                 : conf->timeout[i];
        timeout = ngx_max(timeout - timeout / 10, 1);

        pg->options[i] = (char *) p;
        ngx_slprintf(p, last, "%V -c statement_timeout=%M%s%Z", options,
                     timeout, (i == NGX_HTTP_ZWFW_WRITE)
                              ? " -c lock_timeout=200" : "");
    }

    return pg;
}


/* a name would be resolved by libpq while the worker stands still */

static ngx_int_t
ngx_http_zwfw_pg_check(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_str_t *options)
{
    char              *err;
    ngx_int_t          rc;
    ngx_str_t          value;
    PQconninfoOption  *opts;

    err = NULL;
    rc = NGX_ERROR;

    opts = PQconninfoParse((char *) conninfo->data, &err);
    if (opts == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"postgres\" parameter: %s",
                           err ? err : "no memory");
        PQfreemem(err);
        return NGX_ERROR;
    }

    if (*ngx_http_zwfw_pg_option(opts, "service")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"service\" is not supported in \"postgres\"");
        goto done;
    }

    value.data = (u_char *) ngx_http_zwfw_pg_option(opts, "options");
    value.len = ngx_strlen(value.data);

    options->len = value.len;
    options->data = ngx_pstrdup(cf->pool, &value);

    if (options->data) {
        rc = ngx_http_zwfw_pg_check_hosts(cf,
                                    ngx_http_zwfw_pg_option(opts, "host"),
                                    ngx_http_zwfw_pg_option(opts, "hostaddr"));
    }

done:

    PQconninfoFree(opts);

    return rc;
}


static const char *
ngx_http_zwfw_pg_option(PQconninfoOption *opts, const char *keyword)
{
    for ( /* void */ ; opts->keyword; opts++) {
        if (ngx_strcmp(opts->keyword, keyword) == 0) {
            return opts->val ? opts->val : "";
        }
    }

    return "";
}


static ngx_int_t
ngx_http_zwfw_pg_check_hosts(ngx_conf_t *cf, const char *hosts,
    const char *addrs)
{
    size_t       host, addr;
    ngx_str_t    name;
    ngx_addr_t   parsed;

    for ( ;; ) {
        host = strcspn(hosts, ",");
        addr = strcspn(addrs, ",");

        name.len = addr ? addr : host;
        name.data = (u_char *) (addr ? addrs : hosts);

        /* an empty host is the default socket, "@" an abstract one */

        if (name.len && name.data[0] != '/' && name.data[0] != '@'
            && ngx_parse_addr(cf->pool, &parsed, name.data, name.len)
               != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "host \"%V\" in \"postgres\" must be "
                               "an IP address or a socket directory", &name);
            return NGX_ERROR;
        }

        hosts += host;
        addrs += addr;

        if (*hosts == '\0' && *addrs == '\0') {
            return NGX_OK;
        }

        hosts += (*hosts == ',');
        addrs += (*addrs == ',');
    }
}
