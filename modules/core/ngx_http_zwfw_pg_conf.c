
/*
 * PostgreSQL at configuration time: what a connection string may say, and the
 * pools of a cycle
 */


#include "ngx_http_zwfw_pg.h"


static void ngx_http_zwfw_pg_unlink(void *data);
static ngx_int_t ngx_http_zwfw_pg_same(ngx_http_zwfw_pg_conf_t *a,
    ngx_http_zwfw_pg_conf_t *b);
static ngx_http_zwfw_pg_t *ngx_http_zwfw_pg_create(ngx_conf_t *cf,
    ngx_http_zwfw_pg_conf_t *conf);
static ngx_int_t ngx_http_zwfw_pg_check(ngx_conf_t *cf,
    ngx_http_zwfw_pg_t *pg, ngx_str_t *options);
static ngx_int_t ngx_http_zwfw_pg_options(ngx_conf_t *cf,
    ngx_http_zwfw_pg_t *pg, ngx_str_t *options);
static const char *ngx_http_zwfw_pg_option(PQconninfoOption *opts,
    const char *keyword);
static ngx_int_t ngx_http_zwfw_pg_check_hosts(ngx_conf_t *cf,
    const char *hosts, const char *addrs);
static ngx_int_t ngx_http_zwfw_pg_hosts(ngx_conf_t *cf,
    ngx_http_zwfw_pg_t *pg, PQconninfoOption *opts);
static ngx_int_t ngx_http_zwfw_pg_list(ngx_conf_t *cf,
    ngx_http_zwfw_pg_t *pg, PQconninfoOption *opts, const char *keyword,
    size_t offset);
static ngx_int_t ngx_http_zwfw_pg_role(ngx_conf_t *cf,
    ngx_http_zwfw_pg_t *pg, const char *role);


char  *ngx_http_zwfw_pg_uses[] = {
    "read", "write", "slow", "standby", "listen"
};

ngx_http_zwfw_pg_t  *ngx_http_zwfw_pgs;


ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_add(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_zwfw_pg_t  *pg;

    for (pg = ngx_http_zwfw_pgs; pg; pg = pg->next) {
        if (pg->cycle == cf->cycle
            && ngx_http_zwfw_pg_same(&pg->conf, conf) == NGX_OK)
        {
            return pg;
        }
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    pg = ngx_http_zwfw_pg_create(cf, conf);

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

    if (a->depth != b->depth || a->waiting != b->waiting || a->lag != b->lag
        || a->conninfo.len != b->conninfo.len
        || ngx_memcmp(a->conninfo.data, b->conninfo.data, a->conninfo.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_http_zwfw_pg_t *
ngx_http_zwfw_pg_create(ngx_conf_t *cf, ngx_http_zwfw_pg_conf_t *conf)
{
    ngx_str_t            options;
    ngx_http_zwfw_pg_t  *pg;

    pg = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_pg_t));
    if (pg == NULL) {
        return NULL;
    }

    pg->cycle = cf->cycle;
    pg->conf = *conf;
    pg->schema = -1;
    ngx_queue_init(&pg->listeners);

    if (ngx_http_zwfw_pg_check(cf, pg, &options) != NGX_OK
        || ngx_http_zwfw_pg_options(cf, pg, &options) != NGX_OK)
    {
        return NULL;
    }

    return pg;
}


static ngx_int_t
ngx_http_zwfw_pg_options(ngx_conf_t *cf, ngx_http_zwfw_pg_t *pg,
    ngx_str_t *options)
{
    u_char                   *p, *last;
    size_t                    size;
    ngx_uint_t                i;
    ngx_msec_t                timeout;
    ngx_http_zwfw_pg_conf_t  *conf;

    conf = &pg->conf;

    size = options->len + NGX_INT_T_LEN
           + sizeof("zwfw standby") + sizeof(" -c statement_timeout=")
           + sizeof(" -c lock_timeout=200");

    for (i = 0; i < NGX_HTTP_ZWFW_PG_USES; i++) {

        p = ngx_pnalloc(cf->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        last = p + size;
        pg->title[i] = (char *) p;
        p = ngx_slprintf(p, last, "zwfw %s%Z", ngx_http_zwfw_pg_uses[i]);

        /* the server gives up before us: its connection stays */

        timeout = NGX_HTTP_ZWFW_PG_CONNECT;

        if (i != NGX_HTTP_ZWFW_PG_LISTEN) {
            timeout = conf->timeout[ngx_http_zwfw_pg_class(i)];
        }

        timeout = ngx_max(timeout - timeout / 10, 1);

        pg->options[i] = (char *) p;
        ngx_slprintf(p, last, "%V -c statement_timeout=%M%s%Z", options,
                     timeout, (i == NGX_HTTP_ZWFW_WRITE)
                              ? " -c lock_timeout=200" : "");
    }

    return NGX_OK;
}


/* a name would be resolved by libpq while the worker stands still */

static ngx_int_t
ngx_http_zwfw_pg_check(ngx_conf_t *cf, ngx_http_zwfw_pg_t *pg,
    ngx_str_t *options)
{
    char              *err;
    ngx_int_t          rc;
    ngx_str_t          value;
    PQconninfoOption  *opts;

    err = NULL;
    rc = NGX_ERROR;

    opts = PQconninfoParse((char *) pg->conf.conninfo.data, &err);
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

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_pg_hosts(cf, pg, opts);
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


/*
 * Several hosts are tried one by one: libpq itself would stay with one that
 * does not answer, and with one that has no connection left
 */

static ngx_int_t
ngx_http_zwfw_pg_hosts(ngx_conf_t *cf, ngx_http_zwfw_pg_t *pg,
    PQconninfoOption *opts)
{
    ngx_uint_t                  i;
    const char                 *p, *list;
    ngx_http_zwfw_pg_server_t  *server;

    list = ngx_http_zwfw_pg_option(opts, "hostaddr");

    if (*list == '\0') {
        list = ngx_http_zwfw_pg_option(opts, "host");
    }

    pg->nservers = 1;

    for (p = list; *p; p++) {
        pg->nservers += (*p == ',');
    }

    pg->servers = ngx_pcalloc(cf->pool, pg->nservers
                                        * sizeof(ngx_http_zwfw_pg_server_t));
    if (pg->servers == NULL) {
        return NGX_ERROR;
    }

    if (pg->nservers == 1) {

        /* conninfo is all that is said of it */

        return NGX_OK;
    }

    server = pg->servers;

    if (ngx_http_zwfw_pg_list(cf, pg, opts, "host",
                              offsetof(ngx_http_zwfw_pg_server_t, host))
        != NGX_OK
        || ngx_http_zwfw_pg_list(cf, pg, opts, "hostaddr",
                                 offsetof(ngx_http_zwfw_pg_server_t, addr))
           != NGX_OK
        || ngx_http_zwfw_pg_list(cf, pg, opts, "port",
                                 offsetof(ngx_http_zwfw_pg_server_t, port))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < pg->nservers; i++) {
        if (server[i].host == NULL) {
            server[i].host = server[i].addr;
        }
    }

    return ngx_http_zwfw_pg_role(cf, pg,
                       ngx_http_zwfw_pg_option(opts, "target_session_attrs"));
}


/* one for each server, or, of ports, one for all of them */

static ngx_int_t
ngx_http_zwfw_pg_list(ngx_conf_t *cf, ngx_http_zwfw_pg_t *pg,
    PQconninfoOption *opts, const char *keyword, size_t offset)
{
    size_t       len;
    ngx_str_t    value;
    ngx_uint_t   i, all;
    const char  *list;

    list = ngx_http_zwfw_pg_option(opts, keyword);

    if (*list == '\0') {
        return NGX_OK;
    }

    all = (strchr(list, ',') == NULL && ngx_strcmp(keyword, "port") == 0);

    for (i = 0; i < pg->nservers; i++) {
        len = strcspn(list, ",");

        if (len == 0 || (!all && (list[len] == ',') != (i < pg->nservers - 1)))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" in \"postgres\" must name each of "
                               "%ui servers", keyword, pg->nservers);
            return NGX_ERROR;
        }

        value.len = len;
        value.data = (u_char *) list;

        value.data = (u_char *) ngx_http_zwfw_cstring(cf->pool, &value);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        *(const char **) ((u_char *) &pg->servers[i] + offset) =
                                                    (const char *) value.data;

        if (!all) {
            list += len + (list[len] == ',');
        }
    }

    return NGX_OK;
}


/* who is asked for writes is not to be chosen; whether a standby is read, is */

static ngx_int_t
ngx_http_zwfw_pg_role(ngx_conf_t *cf, ngx_http_zwfw_pg_t *pg,
    const char *role)
{
    if (*role == '\0' || ngx_strcmp(role, "prefer-standby") == 0) {
        pg->standby = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(role, "read-write") == 0
        || ngx_strcmp(role, "primary") == 0)
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"target_session_attrs\" of several servers in "
                       "\"postgres\" must be \"prefer-standby\" or "
                       "\"read-write\", not \"%s\"", role);

    return NGX_ERROR;
}
