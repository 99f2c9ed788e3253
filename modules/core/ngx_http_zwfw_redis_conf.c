
/*
 * The "redis" directive's value: "unix:/path" or "1.2.3.4:6379", then
 * " db=N" and " password=<file>".  Names of hosts are refused: hiredis would
 * look them up on the event loop
 */


#include "ngx_http_zwfw_place.h"
#include "ngx_http_zwfw_redis.h"


static ngx_int_t ngx_http_zwfw_redis_parse(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a);
static ngx_int_t ngx_http_zwfw_redis_host(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a);
static ngx_int_t ngx_http_zwfw_redis_option(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a);
static ngx_int_t ngx_http_zwfw_redis_password(ngx_conf_t *cf,
    ngx_str_t *name, ngx_http_zwfw_address_t *a);
static ssize_t ngx_http_zwfw_redis_read(ngx_conf_t *cf, ngx_str_t *file,
    u_char *p, size_t size);
static ngx_uint_t ngx_http_zwfw_redis_same(ngx_http_zwfw_address_t *a,
    ngx_http_zwfw_address_t *b);


ngx_http_zwfw_redis_t *
ngx_http_zwfw_redis_add(ngx_conf_t *cf, ngx_str_t *address,
    ngx_msec_t timeout)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_redis_t       *redis;
    ngx_http_zwfw_address_t      a;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    ngx_memzero(&a, sizeof(ngx_http_zwfw_address_t));
    a.timeout = timeout;

    if (ngx_http_zwfw_redis_parse(cf, address, &a) != NGX_OK) {
        return NULL;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);
    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (pf[i]->redis
            && ngx_http_zwfw_redis_same(&pf[i]->redis->address, &a))
        {
            return pf[i]->redis;
        }
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->address = a;

    return redis;
}


static ngx_int_t
ngx_http_zwfw_redis_parse(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a)
{
    u_char     *p, *last;
    ngx_str_t   word;

    p = value->data;
    last = p + value->len;

    while (p < last) {
        word.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word.len = p - word.data;

        while (p < last && *p == ' ') {
            p++;
        }

        if (a->host == NULL) {
            if (ngx_http_zwfw_redis_host(cf, &word, a) != NGX_OK) {
                return NGX_ERROR;
            }

        } else if (ngx_http_zwfw_redis_option(cf, &word, a) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_redis_host(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a)
{
    u_char     *p;
    ngx_url_t   u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *value;
    u.default_port = 6379;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1 || u.wildcard
        || u.uri.len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\" in \"redis\", it takes an "
                           "IP address with a port or \"unix:\" and a path, "
                           "no name of a host", value);
        return NGX_ERROR;
    }

    a->name = *value;

    if (u.family == AF_UNIX) {
        value->data += sizeof("unix:") - 1;
        value->len -= sizeof("unix:") - 1;

    } else {
        *value = u.host;
        a->port = u.port;

        if (value->data[0] == '[') {
            value->data++;
            value->len -= 2;
        }
    }

    p = ngx_pnalloc(cf->pool, value->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, value->data, value->len + 1);
    a->host = (char *) p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_redis_option(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_address_t *a)
{
    ngx_int_t  n;
    ngx_str_t  name;

    if (value->len > 3 && ngx_strncmp(value->data, "db=", 3) == 0
        && a->db.len == 0)
    {
        n = ngx_atoi(value->data + 3, value->len - 3);

        if (n >= 0 && n <= 65535) {
            a->db.data = value->data + 3;
            a->db.len = value->len - 3;
            return NGX_OK;
        }

    } else if (value->len > 9
               && ngx_strncmp(value->data, "password=", 9) == 0
               && a->password.len == 0)
    {
        name.data = value->data + 9;
        name.len = value->len - 9;

        return ngx_http_zwfw_redis_password(cf, &name, a);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"redis\", it takes \"db=<number>\" "
                       "and \"password=<file>\", once each", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_zwfw_redis_password(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_zwfw_address_t *a)
{
    ssize_t     n;
    u_char     *p;
    ngx_str_t   file;

    enum { size = 512 };

    file.len = name->len;
    file.data = ngx_pnalloc(cf->pool, name->len + 1);
    p = ngx_pnalloc(cf->pool, size);

    if (file.data == NULL || p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(file.data, name->data, name->len + 1);

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_http_zwfw_redis_read(cf, &file, p, size);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    a->password.data = p;

    while (n > 0 && (p[n - 1] == LF || p[n - 1] == CR)) {
        n--;
    }

    if (n == 0 || n == size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the password file \"%V\" of \"redis\" is empty or "
                           "too long", &file);
        return NGX_ERROR;
    }

    a->password.len = n;

    return NGX_OK;
}


static ssize_t
ngx_http_zwfw_redis_read(ngx_conf_t *cf, ngx_str_t *file, u_char *p,
    size_t size)
{
    ssize_t   n;
    ngx_fd_t  fd;

    static ngx_str_t  directive = ngx_string("redis");

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    n = (fd == NGX_INVALID_FILE) ? NGX_ERROR : ngx_read_fd(fd, p, size);

    if (fd != NGX_INVALID_FILE
        && ngx_http_zwfw_secret(cf, &directive, fd, file) != NGX_OK)
    {
        n = NGX_ERROR;

    } else if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read the password file \"%V\" of "
                           "\"redis\"", file);
    }

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    return n;
}


static ngx_uint_t
ngx_http_zwfw_redis_same(ngx_http_zwfw_address_t *a,
    ngx_http_zwfw_address_t *b)
{
    return ngx_strcmp(a->host, b->host) == 0
           && a->port == b->port
           && a->timeout == b->timeout
           && a->db.len == b->db.len
           && ngx_strncmp(a->db.data, b->db.data, a->db.len) == 0
           && a->password.len == b->password.len
           && ngx_strncmp(a->password.data, b->password.data,
                          a->password.len) == 0;
}
