
/*
 * Keys and what is done with them: SM4-CTR with HMAC-SM3, blind indexes,
 * pseudonyms, form tokens, scrypt
 */


#include "ngx_http_zwfw_place.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>


#define NGX_HTTP_ZWFW_NONCE   16
#define NGX_HTTP_ZWFW_SCRYPT  15            /* log2 of N; r 8 */
#define NGX_HTTP_ZWFW_TIMES   3             /* p */
#define NGX_HTTP_ZWFW_KEYS    4096          /* bytes of a key file */
#define NGX_HTTP_ZWFW_STORE   4096          /* random bytes for ids */


static ssize_t ngx_http_zwfw_read_keys(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, u_char *buf);
static ngx_int_t ngx_http_zwfw_key_line(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, u_char *p, u_char *last);
static ngx_int_t ngx_http_zwfw_derive(u_char *master, const char *label,
    u_char *key, size_t len);
static ngx_int_t ngx_http_zwfw_hex(u_char *dst, u_char *src, size_t len);
static ngx_http_zwfw_key_t *ngx_http_zwfw_find_key(
    ngx_http_zwfw_platform_t *pf, ngx_int_t number);
static ngx_int_t ngx_http_zwfw_token_by(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx, ngx_http_zwfw_key_t *key, ngx_str_t *token);
static ngx_int_t ngx_http_zwfw_ctr(u_char *key, u_char *nonce, u_char *in,
    size_t len, u_char *out);
static ngx_int_t ngx_http_zwfw_seal_mac(ngx_http_zwfw_key_t *key,
    ngx_str_t *place, u_char *sealed, size_t len, u_char *mac);
static ngx_int_t ngx_http_zwfw_scrypt(ngx_str_t *password, u_char *salt,
    ngx_uint_t log2n, ngx_uint_t times, u_char *digest);


/*
 * The key file: a line "<number> <64 hexadecimals>" for each key, the last
 * one is used for new values, all of them for reading.  Numbers go up: what is
 * under a lower one is brought under the last
 */

ngx_int_t
ngx_http_zwfw_keys(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf)
{
    u_char      *p, *last, *end, buf[NGX_HTTP_ZWFW_KEYS];
    ssize_t      n;
    ngx_int_t    rc;

    if (ngx_array_init(&pf->keys, cf->pool, 2, sizeof(ngx_http_zwfw_key_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = ngx_http_zwfw_read_keys(cf, pf, buf);
    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    rc = NGX_OK;
    end = buf + n;

    for (p = buf; p < end && rc == NGX_OK; p = last + 1) {
        last = ngx_strlchr(p, end, '\n');

        if (last == NULL) {
            last = end;
        }

        if (last > p && *p != '#') {
            rc = ngx_http_zwfw_key_line(cf, pf, p, last);
        }
    }

    OPENSSL_cleanse(buf, sizeof(buf));

    if (rc == NGX_OK && pf->keys.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "keys: no key in \"%V\"",
                           &pf->keys_file);
        return NGX_ERROR;
    }

    return rc;
}


static ssize_t
ngx_http_zwfw_read_keys(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    u_char *buf)
{
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_int_t  rc;

    static ngx_str_t  directive = ngx_string("keys");

    fd = ngx_open_file(pf->keys_file.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "keys: " ngx_open_file_n " \"%V\" failed",
                           &pf->keys_file);
        return NGX_ERROR;
    }

    rc = ngx_http_zwfw_secret(cf, &directive, fd, &pf->keys_file);
    n = (rc == NGX_OK) ? ngx_read_fd(fd, buf, NGX_HTTP_ZWFW_KEYS) : 0;

    (void) ngx_close_file(fd);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (n <= 0 || n == NGX_HTTP_ZWFW_KEYS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "keys: \"%V\" is empty or too long",
                           &pf->keys_file);
        return NGX_ERROR;
    }

    return n;
}


static ngx_int_t
ngx_http_zwfw_key_line(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    u_char *p, u_char *last)
{
    u_char               *space, master[32], token[32];
    ngx_int_t             number, rc;
    ngx_http_zwfw_key_t  *key;

    space = ngx_strlchr(p, last, ' ');
    number = space ? ngx_atoi(p, space - p) : NGX_ERROR;

    if (number < 1 || last - space - 1 != 64
        || ngx_http_zwfw_hex(master, space + 1, 32) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "keys: \"%V\" takes lines of a number and 64 "
                           "hexadecimals", &pf->keys_file);
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_find_key(pf, number)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "keys: \"%V\" has the number %i twice",
                           &pf->keys_file, number);
        return NGX_ERROR;
    }

    key = ngx_array_push(&pf->keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->number = number;

    rc = NGX_OK;

    if (ngx_http_zwfw_derive(master, "seal", key->seal, 16) != NGX_OK
        || ngx_http_zwfw_derive(master, "mac", key->mac, 32) != NGX_OK
        || ngx_http_zwfw_derive(master, "index", key->index, 32) != NGX_OK
        || ngx_http_zwfw_derive(master, "token", token, 32) != NGX_OK
        || ngx_http_zwfw_hmac_init(cf->pool, &key->token, token) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "keys: OpenSSL has no HMAC-SM3");
        rc = NGX_ERROR;
    }

    OPENSSL_cleanse(master, sizeof(master));
    OPENSSL_cleanse(token, sizeof(token));

    return rc;
}


static ngx_int_t
ngx_http_zwfw_derive(u_char *master, const char *label, u_char *key,
    size_t len)
{
    u_char      mac[NGX_HTTP_ZWFW_MAC];
    ngx_int_t   rc;

    rc = ngx_http_zwfw_hmac(master, (u_char *) label, ngx_strlen(label), mac);

    ngx_memcpy(key, mac, len);
    OPENSSL_cleanse(mac, sizeof(mac));

    return rc;
}


ngx_int_t
ngx_http_zwfw_random(u_char *p, size_t len)
{
    return RAND_bytes(p, len) == 1 ? NGX_OK : NGX_ERROR;
}


/*
 * 16 bytes of an id, which is no secret: taken from a store, as asking for
 * them costs more than all else that an id needs.  A process that was forked
 * has a store of its own
 */

ngx_int_t
ngx_http_zwfw_random_id(u_char *id)
{
    static size_t     left;
    static ngx_pid_t  owner;
    static u_char     store[NGX_HTTP_ZWFW_STORE];

    if (left == 0 || owner != ngx_pid) {

        if (ngx_http_zwfw_random(store, sizeof(store)) != NGX_OK) {
            left = 0;
            return NGX_ERROR;
        }

        left = sizeof(store);
        owner = ngx_pid;
    }

    left -= 16;
    ngx_memcpy(id, store + left, 16);

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_hex(u_char *dst, u_char *src, size_t len)
{
    ngx_int_t  n;

    while (len--) {
        n = ngx_hextoi(src, 2);
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        *dst++ = (u_char) n;
        src += 2;
    }

    return NGX_OK;
}


ngx_http_zwfw_key_t *
ngx_http_zwfw_newest_key(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_key_t  *key;

    key = pf->keys.elts;

    return &key[pf->keys.nelts - 1];
}


/* of what has no number beside it: stays while other keys come and go */

ngx_http_zwfw_key_t *
ngx_http_zwfw_steady_key(ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t            i;
    ngx_http_zwfw_key_t  *key, *oldest;

    key = pf->keys.elts;
    oldest = key;

    for (i = 1; i < pf->keys.nelts; i++) {
        if (key[i].number < oldest->number) {
            oldest = &key[i];
        }
    }

    return oldest;
}


/* a UUIDv7: 48 bits of milliseconds, the rest random */

ngx_int_t
ngx_http_zwfw_uuid(ngx_pool_t *pool, ngx_str_t *uuid)
{
    u_char     *p, id[16];
    uint64_t    ms;
    ngx_time_t *tp;
    ngx_uint_t  i;

    if (ngx_http_zwfw_random_id(id) != NGX_OK) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();
    ms = (uint64_t) tp->sec * 1000 + tp->msec;

    for (i = 0; i < 6; i++) {
        id[i] = (u_char) (ms >> (40 - 8 * i));
    }

    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);

    p = ngx_pnalloc(pool, 36);
    if (p == NULL) {
        return NGX_ERROR;
    }

    uuid->data = p;
    uuid->len = 36;

    for (i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }

        p = ngx_hex_dump(p, &id[i], 1);
    }

    return NGX_OK;
}


/* the form token of a session, 43 characters; its key never leaves nginx */

ngx_int_t
ngx_http_zwfw_form_token(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_http_zwfw_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);

    return ngx_http_zwfw_token_by(r, ctx,
                                  ngx_http_zwfw_newest_key(ctx->platform),
                                  token);
}


/* is it one of this session, under any key? */

ngx_int_t
ngx_http_zwfw_check_form_token(ngx_http_request_t *r, ngx_str_t *given)
{
    ngx_str_t             token;
    ngx_uint_t            i;
    ngx_http_zwfw_ctx_t  *ctx;
    ngx_http_zwfw_key_t  *key;

    ctx = ngx_http_get_module_ctx(r, ngx_http_zwfw_core_module);
    key = ctx->platform->keys.elts;

    for (i = 0; i < ctx->platform->keys.nelts; i++) {
        if (ngx_http_zwfw_token_by(r, ctx, &key[i], &token) != NGX_OK) {
            return NGX_ERROR;
        }

        if (given->len == token.len
            && CRYPTO_memcmp(given->data, token.data, token.len) == 0)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_zwfw_token_by(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx,
    ngx_http_zwfw_key_t *key, ngx_str_t *token)
{
    u_char     *p, mac[NGX_HTTP_ZWFW_MAC];
    ngx_str_t   src;

    if (ngx_http_zwfw_hmac_by(&key->token, ctx->session->id.data,
                              ctx->session->id.len, mac)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, ngx_base64_encoded_length(sizeof(mac)));
    if (p == NULL) {
        return NGX_ERROR;
    }

    src.data = mac;
    src.len = sizeof(mac);
    token->data = p;

    ngx_encode_base64url(token, &src);

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_pseudonym(ngx_http_request_t *r, const char *purpose,
    ngx_str_t *value, u_char *hex)
{
    size_t                     len;
    u_char                    *p, *data, mac[NGX_HTTP_ZWFW_MAC];
    ngx_http_zwfw_key_t       *key;
    ngx_http_zwfw_platform_t  *pf;

    pf = ngx_http_zwfw_platform(r);
    key = ngx_http_zwfw_steady_key(pf);

    len = ngx_strlen(purpose) + 1 + value->len;

    data = ngx_pnalloc(r->pool, len);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(data, purpose, ngx_strlen(purpose) + 1);
    ngx_memcpy(p, value->data, value->len);

    if (ngx_http_zwfw_hmac_by(&key->token, data, len, mac) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, mac, 16);

    return NGX_OK;
}


/* "<number>:<64 hex>" under one key: what is stored and looked for */

ngx_int_t
ngx_http_zwfw_index_by(ngx_pool_t *pool, ngx_http_zwfw_key_t *key,
    ngx_str_t *value, ngx_str_t *index)
{
    u_char  *p, mac[NGX_HTTP_ZWFW_MAC];

    if (ngx_http_zwfw_hmac(key->index, value->data, value->len, mac)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, NGX_INT_T_LEN + 1 + 2 * NGX_HTTP_ZWFW_MAC);
    if (p == NULL) {
        return NGX_ERROR;
    }

    index->data = p;
    p = ngx_sprintf(p, "%ui:", key->number);
    index->len = ngx_hex_dump(p, mac, sizeof(mac)) - index->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_ctr(u_char *key, u_char *nonce, u_char *in, size_t len,
    u_char *out)
{
    int              n;
    ngx_int_t        rc;
    EVP_CIPHER_CTX  *cipher;

    cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_EncryptInit_ex(cipher, EVP_sm4_ctr(), NULL, key, nonce) == 1
        && EVP_EncryptUpdate(cipher, out, &n, in, (int) len) == 1)
    {
        rc = NGX_OK;
    }

    EVP_CIPHER_CTX_free(cipher);

    return rc;
}


/* the MAC covers where the value belongs: "users.email:<row id>" */

static ngx_int_t
ngx_http_zwfw_seal_mac(ngx_http_zwfw_key_t *key, ngx_str_t *place,
    u_char *sealed, size_t len, u_char *mac)
{
    u_char     *data;
    ngx_int_t   rc;

    data = ngx_alloc(place->len + 1 + len, ngx_cycle->log);
    if (data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(data, place->data, place->len);
    data[place->len] = '\0';
    ngx_memcpy(data + place->len + 1, sealed, len);

    rc = ngx_http_zwfw_hmac(key->mac, data, place->len + 1 + len, mac);

    ngx_free(data);

    return rc;
}


static ngx_http_zwfw_key_t *
ngx_http_zwfw_find_key(ngx_http_zwfw_platform_t *pf, ngx_int_t number)
{
    ngx_uint_t            i;
    ngx_http_zwfw_key_t  *key;

    key = pf->keys.elts;

    for (i = 0; i < pf->keys.nelts; i++) {
        if ((ngx_int_t) key[i].number == number) {
            return &key[i];
        }
    }

    return NULL;
}


/* "zs1:<number>:<base64url of nonce, text, mac>" */

ngx_int_t
ngx_http_zwfw_seal(ngx_pool_t *pool, ngx_http_zwfw_key_t *key,
    ngx_str_t *place, ngx_str_t *value, ngx_str_t *sealed)
{
    u_char     *p, *raw;
    size_t      len;
    ngx_str_t   src, dst;

    if (value->len > 65536) {
        return NGX_ERROR;
    }

    len = NGX_HTTP_ZWFW_NONCE + value->len;

    raw = ngx_pnalloc(pool, len + NGX_HTTP_ZWFW_MAC);
    p = ngx_pnalloc(pool, sizeof("zs1::") + NGX_INT_T_LEN
                          + ngx_base64_encoded_length(len
                                                      + NGX_HTTP_ZWFW_MAC));
    if (raw == NULL || p == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_random(raw, NGX_HTTP_ZWFW_NONCE) != NGX_OK
        || ngx_http_zwfw_ctr(key->seal, raw, value->data, value->len,
                             raw + NGX_HTTP_ZWFW_NONCE)
           != NGX_OK
        || ngx_http_zwfw_seal_mac(key, place, raw, len, raw + len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    sealed->data = p;
    p = ngx_sprintf(p, "zs1:%ui:", key->number);

    src.data = raw;
    src.len = len + NGX_HTTP_ZWFW_MAC;
    dst.data = p;

    ngx_encode_base64url(&dst, &src);

    sealed->len = p + dst.len - sealed->data;

    return NGX_OK;
}


/*
 *     NGX_AGAIN     its key is not in the key file
 *     NGX_DECLINED  not sealed by us, for another place, or changed
 */

ngx_int_t
ngx_http_zwfw_unseal(ngx_pool_t *pool, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *place, ngx_str_t *sealed, ngx_str_t *value)
{
    u_char               *p, *last, mac[NGX_HTTP_ZWFW_MAC];
    size_t                len;
    ngx_int_t             number;
    ngx_str_t             src, raw;
    ngx_http_zwfw_key_t  *key;

    last = sealed->data + sealed->len;

    if (sealed->len < 6 || ngx_strncmp(sealed->data, "zs1:", 4) != 0) {
        return NGX_DECLINED;
    }

    p = ngx_strlchr(sealed->data + 4, last, ':');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    number = ngx_atoi(sealed->data + 4, p - sealed->data - 4);

    src.data = p + 1;
    src.len = last - src.data;

    raw.data = ngx_pnalloc(pool, ngx_base64_decoded_length(src.len));
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&raw, &src) != NGX_OK
        || raw.len < NGX_HTTP_ZWFW_NONCE + NGX_HTTP_ZWFW_MAC)
    {
        return NGX_DECLINED;
    }

    len = raw.len - NGX_HTTP_ZWFW_MAC;
    key = ngx_http_zwfw_find_key(pf, number);

    if (key == NULL) {
        return number > 0 ? NGX_AGAIN : NGX_DECLINED;
    }

    if (ngx_http_zwfw_seal_mac(key, place, raw.data, len, mac) != NGX_OK
        || CRYPTO_memcmp(mac, raw.data + len, NGX_HTTP_ZWFW_MAC) != 0)
    {
        return NGX_DECLINED;
    }

    value->len = len - NGX_HTTP_ZWFW_NONCE;
    value->data = raw.data + NGX_HTTP_ZWFW_NONCE;

    return ngx_http_zwfw_ctr(key->seal, raw.data, value->data, value->len,
                             value->data);
}


/* SM3 of data as 64 hexadecimals and a NUL */

ngx_int_t
ngx_http_zwfw_digest(u_char *data, size_t len, u_char *hex)
{
    u_char  digest[32];

    if (EVP_Digest(data, len, digest, NULL, EVP_sm3(), NULL) != 1) {
        return NGX_ERROR;
    }

    *ngx_hex_dump(hex, digest, sizeof(digest)) = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_scrypt(ngx_str_t *password, u_char *salt, ngx_uint_t log2n,
    ngx_uint_t times, u_char *digest)
{
    uint64_t      n, memory;
    uint32_t      r, p;
    EVP_KDF      *kdf;
    ngx_int_t     rc;
    OSSL_PARAM    params[7];
    EVP_KDF_CTX  *kctx;

    n = (uint64_t) 1 << log2n;
    r = 8;
    p = times;
    memory = 256 * 1024 * 1024;

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
                                                  password->data,
                                                  password->len);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt,
                                                  16);
    params[2] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n);
    params[3] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r);
    params[4] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p);
    params[5] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM,
                                            &memory);
    params[6] = OSSL_PARAM_construct_end();

    kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    kctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

    rc = (kctx && EVP_KDF_derive(kctx, digest, 32, params) == 1) ? NGX_OK
                                                                 : NGX_ERROR;

    EVP_KDF_CTX_free(kctx);
    EVP_KDF_free(kdf);

    return rc;
}


ngx_int_t
ngx_http_zwfw_password_hash(ngx_str_t *password, u_char *hash)
{
    u_char  *p, salt[16], digest[32];

    if (ngx_http_zwfw_random(salt, sizeof(salt)) != NGX_OK
        || ngx_http_zwfw_scrypt(password, salt, NGX_HTTP_ZWFW_SCRYPT,
                                NGX_HTTP_ZWFW_TIMES, digest)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(hash, "scrypt$%d$8$%d$", NGX_HTTP_ZWFW_SCRYPT,
                    NGX_HTTP_ZWFW_TIMES);
    p = ngx_hex_dump(p, salt, sizeof(salt));
    *p++ = '$';
    p = ngx_hex_dump(p, digest, sizeof(digest));
    *p = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_zwfw_password_verify(ngx_str_t *password, u_char *hash)
{
    u_char     *p, salt[16], digest[32], stored[32];
    ngx_int_t   log2n;

    if (ngx_strlen(hash) != 7 + 2 + 5 + 32 + 1 + 64
        || ngx_strncmp(hash, "scrypt$", 7) != 0)
    {
        return NGX_ERROR;
    }

    log2n = ngx_atoi(hash + 7, 2);
    p = hash + 14;

    if (log2n < 10 || log2n > 17
        || ngx_strncmp(hash + 9, "$8$", 3) != 0
        || hash[12] < '1' || hash[12] > '4' || hash[13] != '$'
        || ngx_http_zwfw_hex(salt, p, sizeof(salt)) != NGX_OK
        || ngx_http_zwfw_hex(stored, p + 33, sizeof(stored)) != NGX_OK
        || ngx_http_zwfw_scrypt(password, salt, log2n, hash[12] - '0', digest)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return CRYPTO_memcmp(digest, stored, sizeof(digest)) == 0 ? NGX_OK
                                                              : NGX_DECLINED;
}
