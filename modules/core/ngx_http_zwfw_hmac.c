
/*
 * HMAC-SM3 with keys of 32 bytes: of a key that is used seldom; and of one that
 * each page with a form is signed by, whose first blocks are digested once, as
 * libcrypto's own HMAC takes four times as long
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_BLOCK  64             /* of SM3 */


static void ngx_http_zwfw_hmac_cleanup(void *data);
static EVP_MD_CTX *ngx_http_zwfw_hmac_pad(u_char *key, u_char pad);


ngx_int_t
ngx_http_zwfw_hmac(u_char *key, u_char *data, size_t len, u_char *mac)
{
    size_t  n;

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, NGX_HTTP_ZWFW_MAC,
                  data, len, mac, NGX_HTTP_ZWFW_MAC, &n)
        == NULL)
    {
        return NGX_ERROR;
    }

    return n == NGX_HTTP_ZWFW_MAC ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_zwfw_hmac_init(ngx_pool_t *pool, ngx_http_zwfw_hmac_t *hmac,
    u_char *key)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_zwfw_hmac_t  *kept;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_zwfw_hmac_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    hmac->inner = ngx_http_zwfw_hmac_pad(key, 0x36);
    hmac->outer = ngx_http_zwfw_hmac_pad(key, 0x5c);
    hmac->work = EVP_MD_CTX_new();

    kept = cln->data;
    *kept = *hmac;
    cln->handler = ngx_http_zwfw_hmac_cleanup;

    return (hmac->inner && hmac->outer && hmac->work) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_zwfw_hmac_cleanup(void *data)
{
    ngx_http_zwfw_hmac_t  *hmac = data;

    EVP_MD_CTX_free(hmac->inner);
    EVP_MD_CTX_free(hmac->outer);
    EVP_MD_CTX_free(hmac->work);
}


static EVP_MD_CTX *
ngx_http_zwfw_hmac_pad(u_char *key, u_char pad)
{
    int          rc;
    u_char       block[NGX_HTTP_ZWFW_BLOCK];
    ngx_uint_t   i;
    EVP_MD_CTX  *md;

    ngx_memset(block, pad, sizeof(block));

    for (i = 0; i < NGX_HTTP_ZWFW_MAC; i++) {
        block[i] ^= key[i];
    }

    md = EVP_MD_CTX_new();

    rc = md && EVP_DigestInit_ex(md, EVP_sm3(), NULL) == 1
         && EVP_DigestUpdate(md, block, sizeof(block)) == 1;

    OPENSSL_cleanse(block, sizeof(block));

    if (!rc) {
        EVP_MD_CTX_free(md);
        return NULL;
    }

    return md;
}


ngx_int_t
ngx_http_zwfw_hmac_by(ngx_http_zwfw_hmac_t *hmac, u_char *data, size_t len,
    u_char *mac)
{
    EVP_MD_CTX  *work;

    work = hmac->work;

    if (EVP_MD_CTX_copy_ex(work, hmac->inner) != 1
        || EVP_DigestUpdate(work, data, len) != 1
        || EVP_DigestFinal_ex(work, mac, NULL) != 1
        || EVP_MD_CTX_copy_ex(work, hmac->outer) != 1
        || EVP_DigestUpdate(work, mac, NGX_HTTP_ZWFW_MAC) != 1
        || EVP_DigestFinal_ex(work, mac, NULL) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
