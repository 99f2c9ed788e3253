
/*
 * The "redis" directive's value: "unix:/path" or "1.2.3.4:6379", then
 * " db=N" and " password=<file>"; or the addresses of sentinels, with commas,
 * and " master=<name>", or of nodes of a cluster and " cluster".  Names of
 * hosts are refused: hiredis would look them up on the event loop
 */


#include "ngx_http_zwfw_place.h"
#include "ngx_http_zwfw_redis.h"


static ngx_int_t ngx_http_zwfw_redis_parse(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis);
static ngx_int_t ngx_http_zwfw_redis_fits(ngx_conf_t *cf,
    ngx_http_zwfw_redis_t *redis);
static void ngx_http_zwfw_redis_word(ngx_str_t *text, u_char separator,
    ngx_str_t *word);
static ngx_int_t ngx_http_zwfw_redis_host(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis);
static ngx_int_t ngx_http_zwfw_redis_seed(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis, ngx_url_t *u);
static ngx_int_t ngx_http_zwfw_redis_option(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis);
static ngx_int_t ngx_http_zwfw_redis_password(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *password);
static ssize_t ngx_http_zwfw_redis_read(ngx_conf_t *cf, ngx_str_t *file,
    u_char *p, size_t size);
static ngx_uint_t ngx_http_zwfw_redis_is(ngx_str_t *name, const char *option);
static ngx_uint_t ngx_http_zwfw_redis_same(ngx_http_zwfw_redis_t *a,
    ngx_http_zwfw_redis_t *b);
static ngx_uint_t ngx_http_zwfw_redis_at(ngx_http_zwfw_address_t *a,
    ngx_http_zwfw_address_t *b);
static ngx_uint_t ngx_http_zwfw_redis_equal(ngx_str_t *a, ngx_str_t *b);


ngx_http_zwfw_redis_t *
ngx_http_zwfw_redis_add(ngx_conf_t *cf, ngx_str_t *address,
    ngx_msec_t timeout)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_redis_t       *redis;
    ngx_http_zwfw_platform_t   **pf;
    ngx_http_zwfw_main_conf_t   *mcf;

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_redis_t));

    if (redis == NULL
        || ngx_array_init(&redis->seeds, cf->pool, 1,
                          sizeof(ngx_http_zwfw_address_t))
           != NGX_OK)
    {
        return NULL;
    }

    redis->address.timeout = timeout;

    if (ngx_http_zwfw_redis_parse(cf, address, redis) != NGX_OK) {
        return NULL;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_zwfw_core_module);
    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        if (pf[i]->redis && ngx_http_zwfw_redis_same(pf[i]->redis, redis)) {
            return pf[i]->redis;
        }
    }

    return redis;
}


/* the options say what the addresses are */

static ngx_int_t
ngx_http_zwfw_redis_parse(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis)
{
    ngx_str_t                 rest, hosts, word;
    ngx_http_zwfw_address_t  *seeds;

    rest = *value;
    ngx_http_zwfw_redis_word(&rest, ' ', &hosts);

    while (rest.len) {
        ngx_http_zwfw_redis_word(&rest, ' ', &word);

        if (ngx_http_zwfw_redis_option(cf, &word, redis) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    do {
        ngx_http_zwfw_redis_word(&hosts, ',', &word);

        if (ngx_http_zwfw_redis_host(cf, &word, redis) != NGX_OK) {
            return NGX_ERROR;
        }

    } while (hosts.len);

    if (redis->master.len == 0 && !redis->clustered) {
        seeds = redis->seeds.elts;
        redis->address = seeds[0];
    }

    return ngx_http_zwfw_redis_fits(cf, redis);
}


static ngx_int_t
ngx_http_zwfw_redis_fits(ngx_conf_t *cf, ngx_http_zwfw_redis_t *redis)
{
    const char  *text;

    if (redis->master.len && redis->clustered) {
        text = "\"redis\" takes \"master=<name>\" or \"cluster\", not both";

    } else if (redis->seeds.nelts > 1 && redis->master.len == 0
               && !redis->clustered)
    {
        text = "several addresses in \"redis\" take \"master=<name>\", of "
               "sentinels, or \"cluster\"";

    } else if (redis->sentinel_password.len && redis->master.len == 0) {
        text = "\"sentinel_password\" in \"redis\" takes \"master=<name>\"";

    } else if (redis->address.db.len && redis->clustered) {
        text = "\"db\" in \"redis\" cannot be chosen of a cluster";

    } else {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, text);

    return NGX_ERROR;
}


/* takes what stands before the first separators off the text; a space is any
   white space, as in postgres */

static void
ngx_http_zwfw_redis_word(ngx_str_t *text, u_char separator, ngx_str_t *word)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last && *p != separator && (separator != ' ' || *p > ' ')) {
        p++;
    }

    word->data = text->data;
    word->len = p - text->data;

    while (p < last && (*p == separator || (separator == ' ' && *p <= ' '))) {
        p++;
    }

    text->data = p;
    text->len = last - p;
}


static ngx_int_t
ngx_http_zwfw_redis_host(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis)
{
    ngx_url_t                 u;
    ngx_uint_t                i;
    ngx_http_zwfw_address_t  *seeds;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *value;
    u.default_port = redis->master.len ? 26379 : 6379;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1 || u.wildcard
        || u.uri.len
        || ((redis->master.len || redis->clustered) && u.family == AF_UNIX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\" in \"redis\", it takes an "
                           "IP address with a port or \"unix:\" and a path, "
                           "no name of a host; of sentinels and clusters no "
                           "path", value);
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_redis_seed(cf, value, redis, &u) != NGX_OK) {
        return NGX_ERROR;
    }

    seeds = redis->seeds.elts;

    for (i = 0; i + 1 < redis->seeds.nelts; i++) {
        if (ngx_http_zwfw_redis_at(&seeds[i],
                                   &seeds[redis->seeds.nelts - 1]))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate address \"%V\" in \"redis\"",
                               value);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_redis_seed(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis, ngx_url_t *u)
{
    u_char                   *p;
    ngx_str_t                 host;
    ngx_http_zwfw_address_t  *a;

    a = ngx_array_push(&redis->seeds);
    if (a == NULL) {
        return NGX_ERROR;
    }

    *a = redis->address;
    a->name = *value;

    if (redis->master.len) {
        ngx_str_null(&a->db);
        a->password = redis->sentinel_password;
    }

    if (u->family == AF_UNIX) {
        host.data = value->data + sizeof("unix:") - 1;
        host.len = value->len - (sizeof("unix:") - 1);

    } else {
        host = u->host;
        a->port = u->port;

        if (host.data[0] == '[') {
            host.data++;
            host.len -= 2;
        }
    }

    p = ngx_pnalloc(cf->pool, host.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, host.data, host.len + 1);
    a->host = (char *) p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_redis_option(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_zwfw_redis_t *redis)
{
    ngx_int_t   n;
    ngx_str_t   name, text;

    text = *value;
    ngx_http_zwfw_redis_word(&text, '=', &name);

    if (ngx_http_zwfw_redis_is(&name, "db") && redis->address.db.len == 0) {
        n = ngx_atoi(text.data, text.len);

        if (n >= 0 && n <= 65535) {
            redis->address.db = text;
            return NGX_OK;
        }

    } else if (ngx_http_zwfw_redis_is(&name, "password") && text.len
               && redis->address.password.len == 0)
    {
        return ngx_http_zwfw_redis_password(cf, &text,
                                            &redis->address.password);

    } else if (ngx_http_zwfw_redis_is(&name, "sentinel_password") && text.len
               && redis->sentinel_password.len == 0)
    {
        return ngx_http_zwfw_redis_password(cf, &text,
                                            &redis->sentinel_password);

    } else if (ngx_http_zwfw_redis_is(&name, "master") && text.len
               && redis->master.len == 0)
    {
        redis->master = text;
        return NGX_OK;

    } else if (ngx_http_zwfw_redis_is(value, "cluster") && !redis->clustered) {
        redis->clustered = 1;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"redis\", it takes \"db=<number>\", "
                       "\"password=<file>\", \"cluster\", \"master=<name>\" "
                       "and \"sentinel_password=<file>\", once each", value);

    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_zwfw_redis_is(ngx_str_t *name, const char *option)
{
    return name->len == ngx_strlen(option)
           && ngx_memcmp(name->data, option, name->len) == 0;
}


static ngx_int_t
ngx_http_zwfw_redis_password(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *password)
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

    password->data = p;

    while (n > 0 && (p[n - 1] == LF || p[n - 1] == CR)) {
        n--;
    }

    if (n == 0 || n == size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the password file \"%V\" of \"redis\" is empty or "
                           "too long", &file);
        return NGX_ERROR;
    }

    password->len = n;

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
ngx_http_zwfw_redis_same(ngx_http_zwfw_redis_t *a, ngx_http_zwfw_redis_t *b)
{
    ngx_uint_t                i;
    ngx_http_zwfw_address_t  *one, *other;

    if (a->seeds.nelts != b->seeds.nelts
        || a->address.timeout != b->address.timeout
        || a->clustered != b->clustered
        || !ngx_http_zwfw_redis_equal(&a->master, &b->master)
        || !ngx_http_zwfw_redis_equal(&a->address.db, &b->address.db)
        || !ngx_http_zwfw_redis_equal(&a->address.password,
                                      &b->address.password)
        || !ngx_http_zwfw_redis_equal(&a->sentinel_password,
                                      &b->sentinel_password))
    {
        return 0;
    }

    one = a->seeds.elts;
    other = b->seeds.elts;

    for (i = 0; i < a->seeds.nelts; i++) {
        if (!ngx_http_zwfw_redis_at(&one[i], &other[i])) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_zwfw_redis_at(ngx_http_zwfw_address_t *a, ngx_http_zwfw_address_t *b)
{
    return a->port == b->port && ngx_strcmp(a->host, b->host) == 0;
}


static ngx_uint_t
ngx_http_zwfw_redis_equal(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_strncmp(a->data, b->data, a->len) == 0;
}
