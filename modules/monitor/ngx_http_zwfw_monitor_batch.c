
/*
 * A batch as the database reads it: an array a column.  One in which nothing
 * is known is left out
 */


#include "ngx_http_zwfw_monitor.h"


typedef enum {
    NGX_HTTP_ZWFW_COLUMN_BIG = 0,           /* int64_t */
    NGX_HTTP_ZWFW_COLUMN_NUMBER,            /* int32_t */
    NGX_HTTP_ZWFW_COLUMN_ID,                /* 16 bytes */
    NGX_HTTP_ZWFW_COLUMN_TEXT,              /* ends with NUL */
    NGX_HTTP_ZWFW_COLUMN_CLASS              /* u_char, of words */
} ngx_http_zwfw_column_e;


typedef struct {
    ngx_str_t                  name;
    ngx_http_zwfw_column_e     type;
    unsigned                   more;        /* it is in the other part */
    size_t                     offset;      /* in its part of a record */
    size_t                     size;        /* bytes in JSON, at most */
    const char               **words;
} ngx_http_zwfw_column_t;


static ngx_uint_t ngx_http_zwfw_column_more(ngx_http_zwfw_ring_t *ring,
    ngx_uint_t i, ngx_uint_t count);
static ngx_uint_t ngx_http_zwfw_column_known(ngx_http_zwfw_column_t *c,
    ngx_http_zwfw_ring_t *ring, ngx_uint_t i, ngx_uint_t count);
static u_char *ngx_http_zwfw_column_field(ngx_http_zwfw_column_t *c,
    ngx_http_zwfw_ring_t *ring, ngx_uint_t i);
static u_char *ngx_http_zwfw_column_write(u_char *p,
    ngx_http_zwfw_column_t *c, ngx_http_zwfw_ring_t *ring, ngx_uint_t i,
    ngx_uint_t count);
static u_char *ngx_http_zwfw_column_value(u_char *p,
    ngx_http_zwfw_column_t *c, u_char *field);
static u_char *ngx_http_zwfw_column_number(u_char *p, int64_t n);
static u_char *ngx_http_zwfw_column_text(u_char *p, u_char *field);


#define NGX_HTTP_ZWFW_COLUMN(field)                                           \
    0, offsetof(ngx_http_zwfw_record_t, field)

#define NGX_HTTP_ZWFW_COLUMN_SIZE(field)                                      \
    2 * sizeof(((ngx_http_zwfw_record_t *) NULL)->field) + 2

#define NGX_HTTP_ZWFW_MORE(field)                                             \
    1, offsetof(ngx_http_zwfw_more_t, field)

#define NGX_HTTP_ZWFW_MORE_SIZE(field)                                        \
    2 * sizeof(((ngx_http_zwfw_more_t *) NULL)->field) + 2


static const char  *ngx_http_zwfw_referrers[] = {
    NULL, "direct", "search", "internal", "external"
};

static const char  *ngx_http_zwfw_devices[] = {
    NULL, "pc", "mobile", "tablet", "bot"
};


static ngx_http_zwfw_column_t  ngx_http_zwfw_columns[] = {

    { ngx_string("at"), NGX_HTTP_ZWFW_COLUMN_BIG,
      NGX_HTTP_ZWFW_COLUMN(at), NGX_INT64_LEN, NULL },

    { ngx_string("route"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_COLUMN(route), NGX_HTTP_ZWFW_COLUMN_SIZE(route), NULL },

    { ngx_string("channel"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_COLUMN(channel), NGX_HTTP_ZWFW_COLUMN_SIZE(channel),
      NULL },

    { ngx_string("status"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_COLUMN(status), NGX_INT32_LEN, NULL },

    { ngx_string("latency"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_COLUMN(latency), NGX_INT32_LEN, NULL },

    { ngx_string("bytes"), NGX_HTTP_ZWFW_COLUMN_BIG,
      NGX_HTTP_ZWFW_COLUMN(bytes), NGX_INT64_LEN, NULL },

    { ngx_string("item"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(item), NGX_HTTP_ZWFW_MORE_SIZE(item), NULL },

    { ngx_string("case_type"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(case_type), NGX_HTTP_ZWFW_MORE_SIZE(case_type),
      NULL },

    { ngx_string("region"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(region), NGX_HTTP_ZWFW_MORE_SIZE(region), NULL },

    { ngx_string("referrer"), NGX_HTTP_ZWFW_COLUMN_CLASS,
      NGX_HTTP_ZWFW_COLUMN(referrer), 10, ngx_http_zwfw_referrers },

    { ngx_string("browser"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_COLUMN(browser), NGX_HTTP_ZWFW_COLUMN_SIZE(browser),
      NULL },

    { ngx_string("system"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_COLUMN(system), NGX_HTTP_ZWFW_COLUMN_SIZE(system), NULL },

    { ngx_string("device"), NGX_HTTP_ZWFW_COLUMN_CLASS,
      NGX_HTTP_ZWFW_COLUMN(device), 10, ngx_http_zwfw_devices },

    { ngx_string("visitor"), NGX_HTTP_ZWFW_COLUMN_ID,
      NGX_HTTP_ZWFW_COLUMN(visitor), 34, NULL },

    { ngx_string("session"), NGX_HTTP_ZWFW_COLUMN_ID,
      NGX_HTTP_ZWFW_MORE(session), 34, NULL },

    { ngx_string("uid"), NGX_HTTP_ZWFW_COLUMN_ID,
      NGX_HTTP_ZWFW_MORE(uid), 34, NULL },

    { ngx_string("user_type"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(user_type), NGX_HTTP_ZWFW_MORE_SIZE(user_type),
      NULL },

    { ngx_string("level"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_MORE(level), NGX_INT32_LEN, NULL },

    { ngx_string("age_band"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(age_band), NGX_HTTP_ZWFW_MORE_SIZE(age_band),
      NULL },

    { ngx_string("words"), NGX_HTTP_ZWFW_COLUMN_TEXT,
      NGX_HTTP_ZWFW_MORE(words), NGX_HTTP_ZWFW_MORE_SIZE(words), NULL },

    { ngx_string("hits"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_MORE(hits), NGX_INT32_LEN, NULL },

    { ngx_string("rank"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_MORE(rank), NGX_INT32_LEN, NULL },

    { ngx_string("funnel"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_MORE(funnel), NGX_INT32_LEN, NULL },

    { ngx_string("dwell"), NGX_HTTP_ZWFW_COLUMN_NUMBER,
      NGX_HTTP_ZWFW_MORE(dwell), NGX_INT32_LEN, NULL },

    { ngx_null_string, 0, 0, 0, 0, NULL }
};


void
ngx_http_zwfw_monitor_key(ngx_http_zwfw_ring_t *ring,
    ngx_http_zwfw_file_key_t *key)
{
    ngx_str_t  node;

    node = ngx_http_zwfw_node(ring->monitor->platform);

    key->epoch = ring->monitor->shared->epoch;
    key->first = ring->slot->tail;
    key->last = ring->slot->batch;
    key->ring = ring->index;

    ngx_memcpy(key->node, node.data, sizeof(key->node));
}


ngx_int_t
ngx_http_zwfw_monitor_args(ngx_pool_t *pool, ngx_http_zwfw_file_key_t *key,
    ngx_http_zwfw_told_t *told, const char *file, ngx_str_t *args)
{
    u_char  *p;

    p = ngx_pnalloc(pool, 256 + 8 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    args->data = p;

    p = ngx_sprintf(p, "{\"node\":\"%*s\",\"epoch\":%ui,\"ring\":%ui,"
                    "\"first\":%ui,\"last\":%ui,\"expected\":%uA,"
                    "\"lost\":%uA,\"refused\":%uA,\"spilled\":%uA",
                    sizeof(key->node), key->node, key->epoch, key->ring,
                    key->first, key->last, told->events, told->lost,
                    told->refused, told->spilled);

    if (file) {
        p = ngx_sprintf(p, ",\"file\":\"%s\"", file);
    }

    *p++ = '}';
    args->len = p - args->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_monitor_body(ngx_pool_t *pool, ngx_uint_t records,
    ngx_str_t *body)
{
    size_t                   size;
    ngx_http_zwfw_column_t  *c;

    size = sizeof("{}");

    for (c = ngx_http_zwfw_columns; c->name.len; c++) {
        size += c->name.len + sizeof("\"\":[],")
                + records * (c->size + sizeof("null,"));
    }

    body->data = ngx_pnalloc(pool, size);

    return body->data ? NGX_OK : NGX_ERROR;
}


void
ngx_http_zwfw_monitor_columns(ngx_http_zwfw_ring_t *ring, ngx_uint_t first,
    ngx_uint_t last, ngx_str_t *body)
{
    u_char                  *p;
    ngx_uint_t               count, i, more;
    ngx_http_zwfw_column_t  *c;

    p = body->data;
    *p++ = '{';

    i = first % ring->monitor->capacity;
    count = last - first;
    more = ngx_http_zwfw_column_more(ring, i, count);

    for (c = ngx_http_zwfw_columns; c->name.len; c++) {
        if (c->more <= more
            && ngx_http_zwfw_column_known(c, ring, i, count))
        {
            p = ngx_http_zwfw_column_write(p, c, ring, i, count);
            *p++ = ',';
        }
    }

    if (p[-1] == ',') {
        p--;
    }

    *p++ = '}';
    body->len = p - body->data;
}


/* has one of them another part? */

static ngx_uint_t
ngx_http_zwfw_column_more(ngx_http_zwfw_ring_t *ring, ngx_uint_t i,
    ngx_uint_t count)
{
    for ( /* void */ ; count; count--) {
        if (ring->records[i].more) {
            return 1;
        }

        if (++i == ring->monitor->capacity) {
            i = 0;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_zwfw_column_known(ngx_http_zwfw_column_t *c,
    ngx_http_zwfw_ring_t *ring, ngx_uint_t i, ngx_uint_t count)
{
    for ( /* void */ ; count; count--) {
        if (ngx_http_zwfw_column_field(c, ring, i)) {
            return 1;
        }

        if (++i == ring->monitor->capacity) {
            i = 0;
        }
    }

    return 0;
}


/* NULL: it is not known */

static u_char *
ngx_http_zwfw_column_field(ngx_http_zwfw_column_t *c,
    ngx_http_zwfw_ring_t *ring, ngx_uint_t i)
{
    u_char  *field;

    static u_char  zero[16];

    if (!c->more) {
        field = (u_char *) &ring->records[i] + c->offset;

    } else if (ring->records[i].more) {
        field = (u_char *) &ring->more[i] + c->offset;

    } else {
        return NULL;
    }

    switch (c->type) {

    case NGX_HTTP_ZWFW_COLUMN_BIG:
        return field;

    case NGX_HTTP_ZWFW_COLUMN_NUMBER:
        return *(int32_t *) field != NGX_HTTP_ZWFW_MONITOR_NONE ? field : NULL;

    case NGX_HTTP_ZWFW_COLUMN_ID:
        return ngx_memcmp(field, zero, sizeof(zero)) != 0 ? field : NULL;

    default: /* NGX_HTTP_ZWFW_COLUMN_TEXT, NGX_HTTP_ZWFW_COLUMN_CLASS */
        return *field ? field : NULL;
    }
}


static u_char *
ngx_http_zwfw_column_write(u_char *p, ngx_http_zwfw_column_t *c,
    ngx_http_zwfw_ring_t *ring, ngx_uint_t i, ngx_uint_t count)
{
    u_char  *field;

    *p++ = '"';
    p = ngx_cpymem(p, c->name.data, c->name.len);
    p = ngx_cpymem(p, "\":[", sizeof("\":[") - 1);

    for ( /* void */ ; count; count--) {
        field = ngx_http_zwfw_column_field(c, ring, i);

        if (field) {
            p = ngx_http_zwfw_column_value(p, c, field);

        } else {
            p = ngx_cpymem(p, "null", sizeof("null") - 1);
        }

        *p++ = ',';

        if (++i == ring->monitor->capacity) {
            i = 0;
        }
    }

    p[-1] = ']';

    return p;
}


static u_char *
ngx_http_zwfw_column_value(u_char *p, ngx_http_zwfw_column_t *c,
    u_char *field)
{
    const char  *word;

    switch (c->type) {

    case NGX_HTTP_ZWFW_COLUMN_BIG:
        return ngx_http_zwfw_column_number(p, *(int64_t *) field);

    case NGX_HTTP_ZWFW_COLUMN_NUMBER:
        return ngx_http_zwfw_column_number(p, *(int32_t *) field);

    case NGX_HTTP_ZWFW_COLUMN_ID:
        *p++ = '"';
        p = ngx_hex_dump(p, field, 16);
        *p++ = '"';
        return p;

    case NGX_HTTP_ZWFW_COLUMN_TEXT:
        return ngx_http_zwfw_column_text(p, field);

    default: /* NGX_HTTP_ZWFW_COLUMN_CLASS */
        word = c->words[*field];
        *p++ = '"';
        p = ngx_cpymem(p, word, ngx_strlen(word));
        *p++ = '"';
        return p;
    }
}


/* ngx_sprintf() takes three times as long, of which there are five a visit */

static u_char *
ngx_http_zwfw_column_number(u_char *p, int64_t n)
{
    u_char    *digit, text[NGX_INT64_LEN];
    uint64_t   rest;

    rest = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;
    digit = text + sizeof(text);

    do {
        *--digit = (u_char) ('0' + rest % 10);
        rest /= 10;
    } while (rest);

    if (n < 0) {
        *--digit = '-';
    }

    return ngx_cpymem(p, digit, text + sizeof(text) - digit);
}


/* nothing here should have a control character; one would spoil the batch */

static u_char *
ngx_http_zwfw_column_text(u_char *p, u_char *field)
{
    *p++ = '"';

    for ( /* void */ ; *field; field++) {
        if (*field == '"' || *field == '\\') {
            *p++ = '\\';
        }

        *p++ = *field < 0x20 ? '?' : *field;
    }

    *p++ = '"';

    return p;
}
