
/*
 * A connection remembers who its last request came from: the next one with the
 * same cookie needs no digest, and no copy of the session, as long as the table
 * of sessions says that nothing of it has changed.
 *
 * Of HTTP/1 only, whose requests follow one another: what is remembered changes
 * when no request uses it
 */


#include "ngx_http_zwfw_session.h"


typedef struct {
    u_char                      token[ZWFW_TOKEN];
    ngx_http_zwfw_platform_t   *platform;   /* NULL: nobody */
    ngx_http_zwfw_known_t       known;
    u_char                      text[NGX_HTTP_ZWFW_KNOWN_ENTRY];
} ngx_http_zwfw_recall_t;


static ngx_http_zwfw_recall_t *ngx_http_zwfw_recall_find(
    ngx_connection_t *c);
static ngx_http_zwfw_recall_t *ngx_http_zwfw_recall_create(
    ngx_connection_t *c);
static ngx_uint_t ngx_http_zwfw_recall_equal(u_char *one, u_char *other);
static void ngx_http_zwfw_recall_wipe(void *data);


ngx_http_zwfw_session_t *
ngx_http_zwfw_recall(ngx_http_request_t *r, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *token)
{
    ngx_http_zwfw_recall_t  *recall;

    recall = ngx_http_zwfw_recall_find(r->connection);

    if (recall == NULL || recall->platform != pf
        || !ngx_http_zwfw_recall_equal(recall->token, token->data)
        || ngx_http_zwfw_known_still(pf, &recall->known) != NGX_OK)
    {
        return NULL;
    }

    return &recall->known.session;
}


/*
 * The first request is the only one of many connections.  Only where a request
 * comes in nothing of it uses what is remembered: subrequests, and another
 * location that it is sent to, may still have who it was
 */

void
ngx_http_zwfw_remember(ngx_http_request_t *r, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *token, ngx_http_zwfw_known_t *known)
{
    ngx_connection_t        *c;
    ngx_http_zwfw_recall_t  *recall;

    c = r->connection;

    if (r->http_version >= NGX_HTTP_VERSION_20 || c->requests < 2
        || r != r->main || r->internal)
    {
        return;
    }

    recall = ngx_http_zwfw_recall_find(c);

    if (recall == NULL) {
        recall = ngx_http_zwfw_recall_create(c);
    }

    if (recall == NULL) {
        return;
    }

    recall->platform = NULL;

    if (ngx_http_zwfw_known_copy(&recall->known, known, recall->text,
                                 sizeof(recall->text))
        == NGX_OK)
    {
        ngx_memcpy(recall->token, token->data, ZWFW_TOKEN);
        recall->platform = pf;
    }
}


static ngx_http_zwfw_recall_t *
ngx_http_zwfw_recall_find(ngx_connection_t *c)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = c->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_zwfw_recall_wipe) {
            return cln->data;
        }
    }

    return NULL;
}


/* who has no memory asks the table each time */

static ngx_http_zwfw_recall_t *
ngx_http_zwfw_recall_create(ngx_connection_t *c)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_zwfw_recall_t  *recall;

    cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_http_zwfw_recall_t));
    if (cln == NULL) {
        return NULL;
    }

    recall = cln->data;
    recall->platform = NULL;

    cln->handler = ngx_http_zwfw_recall_wipe;

    return recall;
}


/* takes as long for each pair: a proxy may send several people over one
   connection */

static ngx_uint_t
ngx_http_zwfw_recall_equal(u_char *one, u_char *other)
{
    u_char      differ;
    ngx_uint_t  i;

    differ = 0;

    for (i = 0; i < ZWFW_TOKEN; i++) {
        differ |= one[i] ^ other[i];
    }

    return differ == 0;
}


static void
ngx_http_zwfw_recall_wipe(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_http_zwfw_recall_t));
}
