
/*
 * SHA-256 of short texts, on every request.  EVP takes several times longer
 * than the digest itself, so these are libcrypto's own functions underneath it;
 * a token fits into one block, which is given to the innermost of them
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include "ngx_http_zwfw_core.h"

#include <openssl/sha.h>


#define NGX_HTTP_ZWFW_SHA_ONE  (SHA256_CBLOCK - 9)  /* bytes in one block */


static void ngx_http_zwfw_sha256_one(ngx_str_t *text, u_char *hash) ZWFW_HOT;


ngx_int_t
ngx_http_zwfw_sha256(ngx_str_t *parts, ngx_uint_t n, u_char *hash)
{
    SHA256_CTX  sha;
    ngx_uint_t  i;

    if (n == 1 && parts->len <= NGX_HTTP_ZWFW_SHA_ONE) {
        ngx_http_zwfw_sha256_one(parts, hash);
        return NGX_OK;
    }

    if (SHA256_Init(&sha) != 1) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (SHA256_Update(&sha, parts[i].data, parts[i].len) != 1) {
            return NGX_ERROR;
        }
    }

    return SHA256_Final(hash, &sha) == 1 ? NGX_OK : NGX_ERROR;
}


/* FIPS 180-4: from its first values, with the end of the text and its length
   in bits */

static void
ngx_http_zwfw_sha256_one(ngx_str_t *text, u_char *hash)
{
    u_char      block[SHA256_CBLOCK];
    uint32_t    n;
    ngx_uint_t  i;
    SHA256_CTX  sha;

    static const SHA_LONG  first[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };

    ngx_memcpy(sha.h, first, sizeof(first));

    ngx_memzero(block, sizeof(block));
    ngx_memcpy(block, text->data, text->len);

    block[text->len] = 0x80;
    block[SHA256_CBLOCK - 2] = (u_char) (text->len >> 5);
    block[SHA256_CBLOCK - 1] = (u_char) (text->len << 3);

    SHA256_Transform(&sha, block);

    for (i = 0; i < 8; i++) {
        n = htonl(sha.h[i]);
        ngx_memcpy(hash + 4 * i, &n, 4);
    }
}
