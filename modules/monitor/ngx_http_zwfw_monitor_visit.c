
/*
 * The log phase: what is kept of a request.  Nothing waits here, and nothing
 * that names a person is copied.  GB/T 39047, 5.2.2.4
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_MONITOR_ZONE   (8 * 3600)     /* Asia/Shanghai */
#define NGX_HTTP_ZWFW_MONITOR_CHARS  60             /* of search words */
#define NGX_HTTP_ZWFW_MONITOR_METHOD  12            /* bytes, with a space */


static void ngx_http_zwfw_visit_counters(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec);
static char *ngx_http_zwfw_visit_method(ngx_http_request_t *r,
    ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_route(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec) ZWFW_RARE;
static ngx_uint_t ngx_http_zwfw_visit_private(ngx_http_request_t *r);
static ngx_int_t ngx_http_zwfw_visit_keys(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m);
static ngx_int_t ngx_http_zwfw_visit_new_keys(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, time_t day) ZWFW_RARE;
static ngx_int_t ngx_http_zwfw_visit_key(ngx_http_request_t *r,
    const char *name, time_t day, u_char *key);
static void ngx_http_zwfw_visit_visitor(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_new_visitor(ngx_http_zwfw_monitor_t *m,
    ngx_str_t *addr, ngx_http_zwfw_agent_t *agent) ZWFW_RARE;
static ngx_http_zwfw_agent_t *ngx_http_zwfw_visit_agent(
    ngx_http_zwfw_monitor_t *m, ngx_str_t *header);
static void ngx_http_zwfw_visit_new_agent(ngx_http_zwfw_monitor_t *m,
    ngx_str_t *header, ngx_http_zwfw_agent_t *agent) ZWFW_RARE;
static void ngx_http_zwfw_visit_more(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec) ZWFW_RARE;
static void ngx_http_zwfw_visit_session(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_session_t *s, ngx_http_zwfw_more_t *more);
static void ngx_http_zwfw_visit_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_more_t *more);
static void ngx_http_zwfw_visit_arg(zwfw_json_t *args, const char *name,
    size_t len, char *out, size_t size);
static int32_t ngx_http_zwfw_visit_hits(ngx_str_t *answer);
static void ngx_http_zwfw_visit_told(ngx_http_zwfw_visit_t *v,
    ngx_http_zwfw_more_t *more);
static char *ngx_http_zwfw_visit_text(char *out, size_t size, u_char *p,
    size_t len);


ngx_int_t
ngx_http_zwfw_monitor_log(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t           *ctx;
    ngx_http_zwfw_record_t        *rec;
    ngx_http_zwfw_monitor_t       *m;
    ngx_http_zwfw_monitor_conf_t  *mcf;

    mcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_monitor_module);
    m = mcf->monitor;

    if (m == NULL || m->rings == NULL || r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    rec = ngx_http_zwfw_monitor_room(m);

    if (rec == NULL) {
        ngx_http_zwfw_monitor_wake(m);
        return NGX_OK;
    }

    ngx_http_zwfw_visit_counters(r, ctx, rec);

    if (!ngx_http_zwfw_visit_private(r)
        && ngx_http_zwfw_visit_keys(r, m) == NGX_OK)
    {
        ngx_http_zwfw_visit_visitor(r, m, rec);

        if (ctx && (ctx->session || ctx->route)) {
            ngx_http_zwfw_visit_more(m, ctx, rec);
        }
    }

    ngx_http_zwfw_monitor_written(m, rec);
    ngx_http_zwfw_monitor_wake(m);

    return NGX_OK;
}


/* what is kept of everybody */

static void
ngx_http_zwfw_visit_counters(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_record_t *rec)
{
    char                          *name;
    ngx_time_t                    *tp;
    ngx_msec_int_t                 ms;
    ngx_http_zwfw_monitor_conf_t  *mcf;

    mcf = ngx_http_get_module_loc_conf(r, ngx_http_zwfw_monitor_module);

    ngx_memzero(rec->visitor, offsetof(ngx_http_zwfw_record_t, route)
                              - offsetof(ngx_http_zwfw_record_t, visitor));

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    rec->at = (int64_t) r->start_sec * 1000 + r->start_msec;
    rec->latency = (int32_t) ngx_max(ms, 0);
    rec->bytes = r->connection->sent;
    rec->status = (int32_t) (r->err_status ? r->err_status
                                           : r->headers_out.status);

    if (ctx && ctx->route) {
        ngx_http_zwfw_visit_route(r, ctx, rec);

    } else {
        name = ngx_http_zwfw_visit_method(r, rec);
        ngx_memcpy(name, mcf->name.data, mcf->name.len + 1);
    }

    if (ctx) {
        (void) ngx_http_zwfw_visit_text(rec->channel, sizeof(rec->channel),
                                        ctx->channel.data, ctx->channel.len);
    }
}


/* "GET /item/{code}", "GET /api/item/{code}"; elsewhere the location's name:
   never what was asked for, which may name people */

ngx_int_t
ngx_http_zwfw_visit_name(ngx_conf_t *cf, ngx_str_t *location, ngx_str_t *name)
{
    size_t  size;

    size = ngx_min(location->len,
                   sizeof(((ngx_http_zwfw_record_t *) NULL)->route)
                   - NGX_HTTP_ZWFW_MONITOR_METHOD) + 1;

    name->data = ngx_pnalloc(cf->pool, size);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_zwfw_visit_text((char *) name->data, size, location->data,
                                    location->len);
    name->len = size - 1;

    return NGX_OK;
}


/* returns where the rest goes */

static char *
ngx_http_zwfw_visit_method(ngx_http_request_t *r, ngx_http_zwfw_record_t *rec)
{
    char  *p;

    p = rec->route;

    if (r->method == NGX_HTTP_UNKNOWN
        || r->method_name.len > NGX_HTTP_ZWFW_MONITOR_METHOD - 2)
    {
        *p++ = '-';

    } else {
        p = (char *) ngx_cpymem(p, r->method_name.data, r->method_name.len);
    }

    *p++ = ' ';

    return p;
}


static void
ngx_http_zwfw_visit_route(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_record_t *rec)
{
    char                   *p, *last;
    ngx_http_zwfw_route_t  *rt;

    rt = ctx->route;
    last = rec->route + sizeof(rec->route);
    p = ngx_http_zwfw_visit_method(r, rec);

    if (!ctx->page) {
        p = ngx_http_zwfw_visit_text(p, last - p, (u_char *) "/api",
                                     sizeof("/api") - 1);
    }

    if (rt->path.len > 1 && rt->path.data[1] == '/') {
        (void) ngx_http_zwfw_visit_text(p, last - p, rt->path.data + 1,
                                        rt->path.len - 1);
        return;
    }

    *p++ = '/';
    p = ngx_http_zwfw_visit_text(p, last - p, ctx->slice->name.data,
                                 ctx->slice->name.len);
    (void) ngx_http_zwfw_visit_text(p, last - p, rt->path.data,
                                    rt->path.len);
}


/* who does not want to be tracked: "DNT: 1" or "Sec-GPC: 1" */

static ngx_uint_t
ngx_http_zwfw_visit_private(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].value.len != 1 || h[i].value.data[0] != '1'
                || h[i].hash == 0)
            {
                continue;
            }

            if ((h[i].key.len == sizeof("DNT") - 1
                 && ngx_strncmp(h[i].lowcase_key, "dnt",
                                sizeof("dnt") - 1) == 0)
                || (h[i].key.len == sizeof("Sec-GPC") - 1
                    && ngx_strncmp(h[i].lowcase_key, "sec-gpc",
                                   sizeof("sec-gpc") - 1) == 0))
            {
                return 1;
            }
        }
    }

    return 0;
}


/* once a day; the visitor of yesterday is another one today */

static ngx_int_t
ngx_http_zwfw_visit_keys(ngx_http_request_t *r, ngx_http_zwfw_monitor_t *m)
{
    time_t  day;

    day = (ngx_time() + NGX_HTTP_ZWFW_MONITOR_ZONE) / 86400;

    return m->day == day ? NGX_OK : ngx_http_zwfw_visit_new_keys(r, m, day);
}


static ngx_int_t
ngx_http_zwfw_visit_new_keys(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, time_t day)
{
    if (ngx_http_zwfw_visit_key(r, "visitor", day, m->visitor_key) != NGX_OK
        || ngx_http_zwfw_visit_key(r, "session", 0, m->session_key) != NGX_OK
        || ngx_http_zwfw_visit_key(r, "uid", 0, m->uid_key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    m->day = day;
    ngx_memzero(m->agents, sizeof(m->agents));

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_visit_key(ngx_http_request_t *r, const char *name, time_t day,
    u_char *key)
{
    u_char      hex[32], text[16 + NGX_TIME_T_LEN];
    ngx_str_t   value;
    ngx_uint_t  i;

    value.data = text;
    value.len = ngx_sprintf(text, "%s %T", name, day) - text;

    if (ngx_http_zwfw_pseudonym(r, "monitor", &value, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < 16; i++) {
        key[i] = (u_char) ngx_hextoi(&hex[2 * i], 2);
    }

    return NGX_OK;
}


/* who it may be: an address with a user agent, of this day; and the classes
   of what the browser says */

static void
ngx_http_zwfw_visit_visitor(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, ngx_http_zwfw_record_t *rec)
{
    ngx_str_t              *addr, *referer;
    ngx_http_zwfw_agent_t  *agent;

    static ngx_str_t  none = ngx_string("");

    agent = ngx_http_zwfw_visit_agent(m, r->headers_in.user_agent
                                         ? &r->headers_in.user_agent->value
                                         : &none);

    addr = &r->connection->addr_text;

    if (agent->addr_len != addr->len
        || ngx_memcmp(agent->addr, addr->data, addr->len) != 0)
    {
        ngx_http_zwfw_visit_new_visitor(m, addr, agent);
    }

    ngx_memcpy(rec->visitor, agent->visitor, sizeof(rec->visitor));
    rec->device = agent->device;
    ngx_memcpy(rec->browser, agent->browser, sizeof(rec->browser));
    ngx_memcpy(rec->system, agent->system, sizeof(rec->system));

    referer = r->headers_in.referer ? &r->headers_in.referer->value : &none;

    rec->referrer = zwfw_visit_referrer(referer->data, referer->len,
                                        r->headers_in.server.data,
                                        r->headers_in.server.len);
}


static void
ngx_http_zwfw_visit_new_visitor(ngx_http_zwfw_monitor_t *m, ngx_str_t *addr,
    ngx_http_zwfw_agent_t *agent)
{
    u_char  *p, text[sizeof(agent->mark) + sizeof(agent->addr)];

    agent->addr_len = (u_char) ngx_min(addr->len, sizeof(agent->addr));
    ngx_memcpy(agent->addr, addr->data, agent->addr_len);

    p = ngx_cpymem(text, agent->mark, sizeof(agent->mark));
    p = ngx_cpymem(p, agent->addr, agent->addr_len);

    zwfw_visit_hash(m->visitor_key, text, p - text, agent->visitor);
}


/* to look through a header takes long: a worker knows the last ones */

static ngx_http_zwfw_agent_t *
ngx_http_zwfw_visit_agent(ngx_http_zwfw_monitor_t *m, ngx_str_t *header)
{
    ngx_uint_t              i, n;
    ngx_http_zwfw_agent_t  *agent;

    n = header->len;

    for (i = 0; i < 4 && header->len; i++) {
        n = n * 31 + header->data[(header->len - 1) * (i + 1) / 4];
    }

    agent = &m->agents[n % NGX_HTTP_ZWFW_MONITOR_AGENTS];

    if (agent->device == ZWFW_DEVICE_NONE || agent->len != header->len
        || ngx_memcmp(agent->header, header->data,
                      ngx_min(header->len, sizeof(agent->header)))
           != 0)
    {
        ngx_http_zwfw_visit_new_agent(m, header, agent);
    }

    return agent;
}


/* of a long one the rest may be another the next time: it is not kept */

static void
ngx_http_zwfw_visit_new_agent(ngx_http_zwfw_monitor_t *m, ngx_str_t *header,
    ngx_http_zwfw_agent_t *agent)
{
    u_char     hash[16];
    ngx_str_t  browser, system;

    zwfw_visit_hash(m->visitor_key, header->data, header->len, hash);
    ngx_memcpy(agent->mark, hash, sizeof(agent->mark));

    ngx_http_zwfw_agent(header, &browser, &system);

    (void) ngx_http_zwfw_visit_text(agent->browser, sizeof(agent->browser),
                                    browser.data, browser.len);
    (void) ngx_http_zwfw_visit_text(agent->system, sizeof(agent->system),
                                    system.data, system.len);

    agent->addr_len = 0;
    agent->device = zwfw_visit_device(header->data, header->len);
    agent->len = header->len <= sizeof(agent->header) ? header->len
                                                      : (size_t) -1;
    ngx_memcpy(agent->header, header->data,
               ngx_min(header->len, sizeof(agent->header)));
}


/* of somebody known, and of a row */

static void
ngx_http_zwfw_visit_more(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec)
{
    ngx_http_zwfw_more_t  *more;

    more = ngx_http_zwfw_monitor_more(m, rec);

    /* the long text needs no more than an end */

    ngx_memzero(more, offsetof(ngx_http_zwfw_more_t, words) + 1);

    more->level = NGX_HTTP_ZWFW_MONITOR_NONE;
    more->hits = NGX_HTTP_ZWFW_MONITOR_NONE;
    more->rank = NGX_HTTP_ZWFW_MONITOR_NONE;
    more->funnel = NGX_HTTP_ZWFW_MONITOR_NONE;
    more->dwell = NGX_HTTP_ZWFW_MONITOR_NONE;

    if (ctx->session) {
        ngx_http_zwfw_visit_session(m, ctx->session, more);
    }

    if (ctx->route && rec->status < NGX_HTTP_BAD_REQUEST) {
        ngx_http_zwfw_visit_args(ctx, more);
        ngx_http_zwfw_visit_told(&ctx->visit, more);
    }
}


static void
ngx_http_zwfw_visit_session(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_session_t *s, ngx_http_zwfw_more_t *more)
{
    zwfw_visit_hash(m->session_key, s->id.data, s->id.len, more->session);
    zwfw_visit_hash(m->uid_key, s->uid.data, s->uid.len, more->uid);

    more->level = (int32_t) s->level;

    (void) ngx_http_zwfw_visit_text(more->region, sizeof(more->region),
                                    s->region.data, s->region.len);

    if (s->who & NGX_HTTP_ZWFW_STAFF) {
        ngx_memcpy(more->user_type, "staff", sizeof("staff"));

    } else if (s->who & NGX_HTTP_ZWFW_NATURAL) {
        ngx_memcpy(more->user_type, "natural", sizeof("natural"));
    }
}


/* of arguments that were checked and accepted */

static void
ngx_http_zwfw_visit_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_more_t *more)
{
    zwfw_json_t  *words;

    if (ctx->slice->name.len == 4
        && ngx_strncmp(ctx->slice->name.data, "item", 4) == 0)
    {
        ngx_http_zwfw_visit_arg(ctx->args, "code", 4, more->item,
                                sizeof(more->item));

    } else {
        ngx_http_zwfw_visit_arg(ctx->args, "item", 4, more->item,
                                sizeof(more->item));
        ngx_http_zwfw_visit_arg(ctx->body, "item", 4, more->item,
                                sizeof(more->item));
    }

    if (more->region[0] == '\0') {
        ngx_http_zwfw_visit_arg(ctx->args, "region", 6, more->region,
                                sizeof(more->region));
    }

    words = zwfw_json_get(ctx->args, "q", 1);

    /* what everybody may search for; staff types numbers of cases */

    if (words && words->type == ZWFW_JSON_STRING
        && (ctx->route->who & NGX_HTTP_ZWFW_ANYONE))
    {
        zwfw_visit_words(words->value.data, words->value.len,
                         NGX_HTTP_ZWFW_MONITOR_CHARS, (u_char *) more->words,
                         sizeof(more->words));
        more->hits = ngx_http_zwfw_visit_hits(&ctx->answer);
    }
}


/* one that is too long is no code */

static void
ngx_http_zwfw_visit_arg(zwfw_json_t *args, const char *name, size_t len,
    char *out, size_t size)
{
    zwfw_json_t  *value;

    value = zwfw_json_get(args, name, len);

    if (value && value->type == ZWFW_JSON_STRING && value->value.len < size) {
        (void) ngx_http_zwfw_visit_text(out, size, value->value.data,
                                        value->value.len);
    }
}


/* "count" of the list itself, not of what is in it; a page that came from the
   cache does not say */

static int32_t
ngx_http_zwfw_visit_hits(ngx_str_t *answer)
{
    u_char      *p, *last;
    ngx_int_t    n;
    ngx_uint_t   depth;

    depth = 0;
    last = answer->data + answer->len;

    for (p = answer->data; p < last; p++) {
        switch (*p) {

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            depth--;
            break;

        case '"':
            if (depth == 1 && last - p > 8
                && ngx_strncmp(p, "\"count\"", 7) == 0)
            {
                for (p += 7; p < last && (*p == ':' || *p == ' '); p++) {
                    /* void */
                }

                for (n = 0; p < last && *p >= '0' && *p <= '9'; p++) {
                    n = n * 10 + (*p - '0');
                }

                return (int32_t) n;
            }

            for (p++; p < last && *p != '"'; p++) {
                p += (*p == '\\');
            }

            break;
        }
    }

    return NGX_HTTP_ZWFW_MONITOR_NONE;
}


/* what the slice says itself counts more */

static void
ngx_http_zwfw_visit_told(ngx_http_zwfw_visit_t *v,
    ngx_http_zwfw_more_t *more)
{
    if (v->item.len) {
        (void) ngx_http_zwfw_visit_text(more->item, sizeof(more->item),
                                        v->item.data, v->item.len);
    }

    (void) ngx_http_zwfw_visit_text(more->case_type, sizeof(more->case_type),
                                    v->case_type.data, v->case_type.len);
    (void) ngx_http_zwfw_visit_text(more->age_band, sizeof(more->age_band),
                                    v->age_band.data, v->age_band.len);

    if (v->rank) {
        more->rank = (int32_t) v->rank;
    }

    if (v->funnel) {
        more->funnel = (int32_t) v->funnel;
    }

    if (v->dwell) {
        more->dwell = (int32_t) v->dwell;
    }
}


/* codes only: cut to size, what is not ASCII has no place in them.  Returns
   where the NUL stands */

static char *
ngx_http_zwfw_visit_text(char *out, size_t size, u_char *p, size_t len)
{
    for (len = ngx_min(len, size - 1); len; len--, p++) {
        *out++ = (char) (*p < 0x80 ? *p : '?');
    }

    *out = '\0';

    return out;
}
