
/*
 * The log phase: what is kept of a request.  Nothing waits here, and nothing
 * that names a person is copied.  GB/T 39047, 5.2.2.4
 */


#include "ngx_http_zwfw_monitor.h"


#define NGX_HTTP_ZWFW_MONITOR_ZONE   (8 * 3600)     /* Asia/Shanghai */
#define NGX_HTTP_ZWFW_MONITOR_CHARS  60             /* of search words */


/* headers that nginx does not look up by itself */

typedef struct {
    ngx_str_t                  agent;
    ngx_str_t                  referrer;
    ngx_uint_t                 private;     /* not to be tracked */
} ngx_http_zwfw_asked_t;


static void ngx_http_zwfw_visit_counters(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_route(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_asked(ngx_http_request_t *r,
    ngx_http_zwfw_asked_t *asked);
static ngx_int_t ngx_http_zwfw_visit_keys(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m);
static ngx_int_t ngx_http_zwfw_visit_key(ngx_http_request_t *r,
    const char *name, time_t day, u_char *key);
static void ngx_http_zwfw_visit_visitor(ngx_http_request_t *r,
    ngx_http_zwfw_monitor_t *m, ngx_http_zwfw_asked_t *asked,
    ngx_http_zwfw_record_t *rec);
static ngx_http_zwfw_agent_t *ngx_http_zwfw_visit_agent(
    ngx_http_zwfw_monitor_t *m, ngx_str_t *header, uint64_t hash);
static void ngx_http_zwfw_visit_session(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_session_t *s, ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_record_t *rec);
static void ngx_http_zwfw_visit_arg(zwfw_json_t *args, const char *name,
    size_t len, char *out, size_t size);
static int32_t ngx_http_zwfw_visit_hits(ngx_str_t *answer);
static void ngx_http_zwfw_visit_told(ngx_http_zwfw_visit_t *v,
    ngx_http_zwfw_record_t *rec);
static char *ngx_http_zwfw_visit_text(char *out, size_t size, u_char *p,
    size_t len);


ngx_int_t
ngx_http_zwfw_monitor_log(ngx_http_request_t *r)
{
    ngx_http_zwfw_ctx_t           *ctx;
    ngx_http_zwfw_asked_t          asked;
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
    ngx_http_zwfw_visit_asked(r, &asked);

    if (!asked.private && ngx_http_zwfw_visit_keys(r, m) == NGX_OK) {
        ngx_http_zwfw_visit_visitor(r, m, &asked, rec);

        if (ctx && ctx->session) {
            ngx_http_zwfw_visit_session(m, ctx->session, rec);
        }

        if (ctx && ctx->route && rec->status < NGX_HTTP_BAD_REQUEST) {
            ngx_http_zwfw_visit_args(ctx, rec);
            ngx_http_zwfw_visit_told(&ctx->visit, rec);
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
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    /* the long texts need no more than an end */

    ngx_memzero(&rec->at, offsetof(ngx_http_zwfw_record_t, route)
                          - offsetof(ngx_http_zwfw_record_t, at));
    rec->item[0] = '\0';
    rec->words[0] = '\0';

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    rec->at = (int64_t) r->start_sec * 1000 + r->start_msec;
    rec->latency = (int32_t) ngx_max(ms, 0);
    rec->bytes = r->connection->sent;
    rec->status = (int32_t) (r->err_status ? r->err_status
                                           : r->headers_out.status);
    rec->level = NGX_HTTP_ZWFW_MONITOR_NONE;
    rec->hits = NGX_HTTP_ZWFW_MONITOR_NONE;
    rec->rank = NGX_HTTP_ZWFW_MONITOR_NONE;
    rec->funnel = NGX_HTTP_ZWFW_MONITOR_NONE;
    rec->dwell = NGX_HTTP_ZWFW_MONITOR_NONE;

    ngx_http_zwfw_visit_route(r, ctx, rec);

    if (ctx) {
        (void) ngx_http_zwfw_visit_text(rec->channel, sizeof(rec->channel),
                                        ctx->channel.data, ctx->channel.len);
    }
}


/* "GET /item/{code}", "GET /api/item/{code}"; elsewhere the location's name:
   never what was asked for, which may name people */

static void
ngx_http_zwfw_visit_route(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_record_t *rec)
{
    char                      *p, *last;
    ngx_http_zwfw_route_t     *rt;
    ngx_http_core_loc_conf_t  *clcf;

    p = rec->route;
    last = p + sizeof(rec->route);
    rt = ctx ? ctx->route : NULL;

    if (r->method == NGX_HTTP_UNKNOWN) {
        *p++ = '-';

    } else {
        p = ngx_http_zwfw_visit_text(p, last - p, r->method_name.data,
                                     r->method_name.len);
    }

    *p++ = ' ';

    if (rt == NULL) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
        (void) ngx_http_zwfw_visit_text(p, last - p, clcf->name.data,
                                        clcf->name.len);
        return;
    }

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


static void
ngx_http_zwfw_visit_asked(ngx_http_request_t *r,
    ngx_http_zwfw_asked_t *asked)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    ngx_memzero(asked, sizeof(ngx_http_zwfw_asked_t));

    if (r->headers_in.user_agent) {
        asked->agent = r->headers_in.user_agent->value;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash == 0) {
                continue;
            }

            if (h[i].key.len == sizeof("Referer") - 1
                && ngx_strncmp(h[i].lowcase_key, "referer",
                               sizeof("referer") - 1) == 0)
            {
                asked->referrer = h[i].value;

            } else if (h[i].value.len == 1 && h[i].value.data[0] == '1'
                       && ((h[i].key.len == sizeof("DNT") - 1
                            && ngx_strncmp(h[i].lowcase_key, "dnt",
                                           sizeof("dnt") - 1) == 0)
                           || (h[i].key.len == sizeof("Sec-GPC") - 1
                               && ngx_strncmp(h[i].lowcase_key, "sec-gpc",
                                              sizeof("sec-gpc") - 1) == 0)))
            {
                asked->private = 1;
            }
        }
    }
}


/* once a day; the visitor of yesterday is another one today */

static ngx_int_t
ngx_http_zwfw_visit_keys(ngx_http_request_t *r, ngx_http_zwfw_monitor_t *m)
{
    time_t  day;

    day = (ngx_time() + NGX_HTTP_ZWFW_MONITOR_ZONE) / 86400;

    if (m->day == day) {
        return NGX_OK;
    }

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
    ngx_http_zwfw_monitor_t *m, ngx_http_zwfw_asked_t *asked,
    ngx_http_zwfw_record_t *rec)
{
    u_char                 *p, mark[8 + NGX_SOCKADDR_STRLEN];
    uint64_t                hash;
    ngx_str_t              *addr;
    ngx_http_zwfw_agent_t  *agent;

    zwfw_visit_hash(m->visitor_key, asked->agent.data, asked->agent.len, mark);
    ngx_memcpy(&hash, mark, 8);

    addr = &r->connection->addr_text;
    p = ngx_cpymem(mark + 8, addr->data,
                   ngx_min(addr->len, NGX_SOCKADDR_STRLEN));

    zwfw_visit_hash(m->visitor_key, mark, p - mark, rec->visitor);

    agent = ngx_http_zwfw_visit_agent(m, &asked->agent, hash);

    rec->device = agent->device;
    (void) ngx_http_zwfw_visit_text(rec->browser, sizeof(rec->browser),
                                    agent->browser.data, agent->browser.len);
    (void) ngx_http_zwfw_visit_text(rec->system, sizeof(rec->system),
                                    agent->system.data, agent->system.len);

    rec->referrer = zwfw_visit_referrer(asked->referrer.data,
                                        asked->referrer.len,
                                        r->headers_in.server.data,
                                        r->headers_in.server.len);
}


/* to look through a header takes long: a worker knows the last ones */

static ngx_http_zwfw_agent_t *
ngx_http_zwfw_visit_agent(ngx_http_zwfw_monitor_t *m, ngx_str_t *header,
    uint64_t hash)
{
    ngx_http_zwfw_agent_t  *agent;

    agent = &m->agents[hash % NGX_HTTP_ZWFW_MONITOR_AGENTS];

    if (agent->hash != hash || hash == 0) {
        agent->hash = hash;
        agent->device = zwfw_visit_device(header->data, header->len);
        ngx_http_zwfw_agent(header, &agent->browser, &agent->system);
    }

    return agent;
}


static void
ngx_http_zwfw_visit_session(ngx_http_zwfw_monitor_t *m,
    ngx_http_zwfw_session_t *s, ngx_http_zwfw_record_t *rec)
{
    zwfw_visit_hash(m->session_key, s->id.data, s->id.len, rec->session);
    zwfw_visit_hash(m->uid_key, s->uid.data, s->uid.len, rec->uid);

    rec->level = (int32_t) s->level;

    (void) ngx_http_zwfw_visit_text(rec->region, sizeof(rec->region),
                                    s->region.data, s->region.len);

    if (s->who & NGX_HTTP_ZWFW_STAFF) {
        ngx_memcpy(rec->user_type, "staff", sizeof("staff"));

    } else if (s->who & NGX_HTTP_ZWFW_NATURAL) {
        ngx_memcpy(rec->user_type, "natural", sizeof("natural"));
    }
}


/* of arguments that were checked and accepted */

static void
ngx_http_zwfw_visit_args(ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_record_t *rec)
{
    zwfw_json_t  *words;

    if (ctx->slice->name.len == 4
        && ngx_strncmp(ctx->slice->name.data, "item", 4) == 0)
    {
        ngx_http_zwfw_visit_arg(ctx->args, "code", 4, rec->item,
                                sizeof(rec->item));

    } else {
        ngx_http_zwfw_visit_arg(ctx->args, "item", 4, rec->item,
                                sizeof(rec->item));
        ngx_http_zwfw_visit_arg(ctx->body, "item", 4, rec->item,
                                sizeof(rec->item));
    }

    if (rec->region[0] == '\0') {
        ngx_http_zwfw_visit_arg(ctx->args, "region", 6, rec->region,
                                sizeof(rec->region));
    }

    words = zwfw_json_get(ctx->args, "q", 1);

    /* what everybody may search for; staff types numbers of cases */

    if (words && words->type == ZWFW_JSON_STRING
        && (ctx->route->who & NGX_HTTP_ZWFW_ANYONE))
    {
        zwfw_visit_words(words->value.data, words->value.len,
                         NGX_HTTP_ZWFW_MONITOR_CHARS, (u_char *) rec->words,
                         sizeof(rec->words));
        rec->hits = ngx_http_zwfw_visit_hits(&ctx->answer);
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
    ngx_http_zwfw_record_t *rec)
{
    if (v->item.len) {
        (void) ngx_http_zwfw_visit_text(rec->item, sizeof(rec->item),
                                        v->item.data, v->item.len);
    }

    (void) ngx_http_zwfw_visit_text(rec->case_type, sizeof(rec->case_type),
                                    v->case_type.data, v->case_type.len);
    (void) ngx_http_zwfw_visit_text(rec->age_band, sizeof(rec->age_band),
                                    v->age_band.data, v->age_band.len);

    if (v->rank) {
        rec->rank = (int32_t) v->rank;
    }

    if (v->funnel) {
        rec->funnel = (int32_t) v->funnel;
    }

    if (v->dwell) {
        rec->dwell = (int32_t) v->dwell;
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
