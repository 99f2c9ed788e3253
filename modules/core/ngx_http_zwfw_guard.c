
/*
 * What guards and foreign upstreams need: refusals in the access phase, and
 * requests without identity headers or cookies of ours
 */


#include "ngx_http_zwfw_session.h"


static ngx_int_t ngx_http_zwfw_hide_cookie(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx) ZWFW_HOT;
static ngx_int_t ngx_http_zwfw_strip(ngx_http_request_t *r) ZWFW_HOT;
static ngx_uint_t ngx_http_zwfw_identity(ngx_str_t *name);
static ngx_int_t ngx_http_zwfw_unlink(ngx_http_request_t *r,
    ngx_list_part_t *part, ngx_uint_t i);
static void ngx_http_zwfw_cut_cookie(ngx_str_t *value, ngx_str_t *name,
    ngx_str_t *device) ZWFW_HOT;


ngx_int_t
ngx_http_zwfw_guard_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_zwfw_strip;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_guard(ngx_http_request_t *r, ngx_uint_t who, ngx_uint_t level)
{
    ngx_int_t             rc;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_zwfw_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->resume = ngx_http_core_run_phases;

    rc = ngx_http_zwfw_session(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_allow(r, who, level);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_zwfw_hide_cookie(r, ctx);
    }

    return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}


/* a guard's refusal: our page for a browser, a problem for others */

ngx_int_t
ngx_http_zwfw_answer_refusal(ngx_http_request_t *r)
{
    ngx_str_t            *accept;
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    accept = ngx_http_zwfw_header(r, (u_char *) "accept",
                                  sizeof("accept") - 1);

    ctx->page = (accept
                 && ngx_strlcasestrn(accept->data, accept->data + accept->len,
                                     (u_char *) "text/html",
                                     sizeof("text/html") - 2)
                    != NULL);

    if (ngx_http_zwfw_begin(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* nor does room to write run the phases again */

    r->write_event_handler = ngx_http_request_empty_handler;

    /* the access phase finalizes nothing on NGX_DONE: no count of our own */

    ngx_http_zwfw_run(r);

    return NGX_DONE;
}


/* X-Zwfw-User and the like are ours to say: each spelling goes at once */

static ngx_int_t
ngx_http_zwfw_strip(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part, *prev;
    ngx_table_elt_t  *h;

    prev = NULL;
    part = &r->headers_in.headers.part;

    while (part) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_http_zwfw_identity(&h[i].key)) {
                break;
            }
        }

        if (i == part->nelts) {
            prev = part;
            part = part->next;
            continue;
        }

        if (ngx_http_zwfw_unlink(r, part, i) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* only the first part may be empty: loops over headers rely on it */

        if (part->nelts == 0 && prev) {
            prev->next = part->next;

            if (r->headers_in.headers.last == part) {
                r->headers_in.headers.last = prev;
                r->headers_in.headers.nalloc = prev->nelts;
            }

            part = prev;
        }
    }

    return NGX_DECLINED;
}


/* "x-zwfw-", in any case, with any sign in the place of "-": an upstream may
   take each for "_" */

static ngx_uint_t
ngx_http_zwfw_identity(ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    static u_char  prefix[] = "x-zwfw-";

    if (name->len < sizeof(prefix) - 1) {
        return 0;
    }

    for (i = 0; i < sizeof(prefix) - 1; i++) {
        c = ngx_tolower(name->data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            c = '-';
        }

        if (c != prefix[i]) {
            return 0;
        }
    }

    return 1;
}


/*
 * Takes header i out of a part: others keep their places, as nginx points at
 * them, so the part is split in two around it
 */

static ngx_int_t
ngx_http_zwfw_unlink(ngx_http_request_t *r, ngx_list_part_t *part,
    ngx_uint_t i)
{
    ngx_list_t       *list;
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    list = &r->headers_in.headers;
    h = part->elts;

    if (i == 0) {
        part->elts = &h[1];
        part->nelts--;

    } else if (i == part->nelts - 1) {
        part->nelts--;

    } else {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = &h[i + 1];
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;

        part->nelts = i;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;
        }
    }

    /* no room is left behind the last: the next header gets a part */

    list->nalloc = list->last->nelts;

    return NGX_OK;
}


/* the upstream behind a guard does not get our cookie */

static ngx_int_t
ngx_http_zwfw_hide_cookie(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_str_t        *name, *device;
    ngx_table_elt_t  *h;

    name = ngx_http_zwfw_cookie_name(r);
    if (name == NULL) {
        return NGX_OK;
    }

    if (ctx->session && ngx_http_zwfw_session_keep(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    device = ngx_http_zwfw_device_name(r);

    for (i = 0; (h = ngx_http_zwfw_cookie_header(r, i)) != NULL; i++) {
        ngx_http_zwfw_cut_cookie(&h->value, name, device);
    }

    return NGX_OK;
}


/* "a=1; zwfw=x; b=2" becomes "a=1; b=2" */

static void
ngx_http_zwfw_cut_cookie(ngx_str_t *value, ngx_str_t *name,
    ngx_str_t *device)
{
    u_char  *p, *last, *end, *to;

    p = value->data;
    last = p + value->len;
    to = p;

    while (p < last) {
        while (p < last && (*p == ' ' || *p == '\t' || *p == ';')) {
            p++;
        }

        end = memchr(p, ';', last - p);

        if (end == NULL) {
            end = last;
        }

        if (p == end
            || zwfw_cookie_value(p, end, (zwfw_str_t *) name)
            || zwfw_cookie_value(p, end, (zwfw_str_t *) device))
        {
            p = end;
            continue;
        }

        if (to != value->data) {
            *to++ = ';';
            *to++ = ' ';
        }

        to = ngx_movemem(to, p, end - p);
        p = end;
    }

    value->len = to - value->data;
}
