
/*
 * SHA-256 of short texts, on every request.  EVP takes several times longer
 * than the digest itself, so this is libcrypto's own function underneath it
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include "ngx_http_zwfw_core.h"

#include <openssl/sha.h>


ngx_int_t
ngx_http_zwfw_sha256(ngx_str_t *parts, ngx_uint_t n, u_char *hash)
{
    SHA256_CTX  sha;
    ngx_uint_t  i;

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
