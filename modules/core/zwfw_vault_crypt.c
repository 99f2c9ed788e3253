
/*
 * Files at rest: keys, headers, names
 */


#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "zwfw_vault_crypt.h"


#define ZWFW_VAULT_NUMBER   4          /* places in the header */
#define ZWFW_VAULT_SIZE     8
#define ZWFW_VAULT_NONCE    16
#define ZWFW_VAULT_WRAPPED  32
#define ZWFW_VAULT_OWN_MAC  112


static int zwfw_vault_own_mac(zwfw_vault_file_t *f, zwfw_vault_key_t *key,
    const unsigned char *header, unsigned char *mac);
static int zwfw_vault_ctr(const unsigned char *key, const unsigned char *nonce,
    const unsigned char *in, unsigned char *out);
static zwfw_vault_key_t *zwfw_vault_key(zwfw_vault_t *v, uint64_t number);
static void zwfw_vault_store(unsigned char *p, uint64_t n, unsigned len);
static uint64_t zwfw_vault_load(const unsigned char *p, unsigned len);


static const unsigned char  zwfw_vault_magic[] = { 'Z', 'W', 'F', '1' };


int
zwfw_vault_failed(zwfw_vault_t *v, const char *what)
{
    v->error = errno;
    v->what = what;

    return ZWFW_DECLINED;
}


int
zwfw_vault_damaged(zwfw_vault_t *v, const char *what)
{
    v->error = 0;
    v->what = what;

    return ZWFW_DECLINED;
}


int
zwfw_vault_is_address(const char *s)
{
    unsigned  i;

    for (i = 0; i < ZWFW_VAULT_ADDRESS; i++) {

        if ((s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f')) {
            return 0;
        }
    }

    return s[i] == '\0';
}


void
zwfw_vault_path(const char *address, char *path)
{
    memcpy(path, address, 2);
    path[2] = '/';
    memcpy(path + 3, address + 2, 2);
    path[5] = '/';
    memcpy(path + 6, address, ZWFW_VAULT_ADDRESS);
    path[6 + ZWFW_VAULT_ADDRESS] = '\0';
}


int
zwfw_vault_temp(char *name)
{
    unsigned char  random[16];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return ZWFW_ERROR;
    }

    memcpy(name, "tmp/", 4);
    zwfw_vault_hex(name + 4, random, sizeof(random));

    return ZWFW_OK;
}


void
zwfw_vault_hex(char *hex, const unsigned char *p, size_t len)
{
    static const char  digits[] = "0123456789abcdef";

    while (len--) {
        *hex++ = digits[*p >> 4];
        *hex++ = digits[*p++ & 0x0f];
    }

    *hex = '\0';
}


EVP_MAC_CTX *
zwfw_vault_hmac(const unsigned char *key)
{
    EVP_MAC      *mac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SM3",
                                                 0);
    params[1] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);

    if (ctx == NULL || EVP_MAC_init(ctx, key, ZWFW_VAULT_MAC, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* each key encrypts one file, so that its counter may begin at 0 */

EVP_CIPHER_CTX *
zwfw_vault_cipher(const unsigned char *key)
{
    EVP_CIPHER_CTX  *ctx;

    static const unsigned char  zero[16];

    ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL
        || EVP_EncryptInit_ex(ctx, EVP_sm4_ctr(), NULL, key, zero) != 1)
    {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


int
zwfw_vault_final(EVP_MAC_CTX *mac, unsigned char *out)
{
    size_t  n;

    if (EVP_MAC_final(mac, out, &n, ZWFW_VAULT_MAC) != 1
        || n != ZWFW_VAULT_MAC)
    {
        return ZWFW_ERROR;
    }

    return ZWFW_OK;
}


int
zwfw_vault_wrap(zwfw_vault_file_t *f, unsigned char *header)
{
    zwfw_vault_key_t  *key;

    key = &f->vault->keys[f->vault->nkeys - 1];

    memcpy(header, zwfw_vault_magic, sizeof(zwfw_vault_magic));
    zwfw_vault_store(header + ZWFW_VAULT_NUMBER, key->number, 4);
    zwfw_vault_store(header + ZWFW_VAULT_SIZE, f->size, 8);

    if (RAND_bytes(header + ZWFW_VAULT_NONCE, 16) != 1) {
        return ZWFW_ERROR;
    }

    if (zwfw_vault_ctr(key->seal, header + ZWFW_VAULT_NONCE, f->secret,
                       header + ZWFW_VAULT_WRAPPED)
        != ZWFW_OK)
    {
        return ZWFW_ERROR;
    }

    return zwfw_vault_own_mac(f, key, header, header + ZWFW_VAULT_OWN_MAC);
}


uint64_t
zwfw_vault_number(const unsigned char *header)
{
    return zwfw_vault_load(header + ZWFW_VAULT_NUMBER, 4);
}


int
zwfw_vault_unwrap(zwfw_vault_file_t *f, const unsigned char *header)
{
    unsigned char      mac[ZWFW_VAULT_MAC];
    zwfw_vault_key_t  *key;

    if (memcmp(header, zwfw_vault_magic, sizeof(zwfw_vault_magic)) != 0) {
        return zwfw_vault_damaged(f->vault, "it is no file of this kind");
    }

    key = zwfw_vault_key(f->vault, zwfw_vault_number(header));
    if (key == NULL) {
        f->vault->nokey = 1;
        return zwfw_vault_damaged(f->vault, "its key is not there");
    }

    if (zwfw_vault_own_mac(f, key, header, mac) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (CRYPTO_memcmp(mac, header + ZWFW_VAULT_OWN_MAC, sizeof(mac)) != 0) {
        return zwfw_vault_damaged(f->vault, "its header was changed");
    }

    f->size = zwfw_vault_load(header + ZWFW_VAULT_SIZE, 8);

    return zwfw_vault_ctr(key->seal, header + ZWFW_VAULT_NONCE,
                          header + ZWFW_VAULT_WRAPPED, f->secret);
}


static int
zwfw_vault_own_mac(zwfw_vault_file_t *f, zwfw_vault_key_t *key,
    const unsigned char *header, unsigned char *mac)
{
    size_t         n;
    unsigned char  text[5 + ZWFW_VAULT_ADDRESS + 1 + ZWFW_VAULT_OWN_MAC];

    memcpy(text, "file:", 5);
    memcpy(text + 5, f->address, ZWFW_VAULT_ADDRESS + 1);
    memcpy(text + 5 + ZWFW_VAULT_ADDRESS + 1, header, ZWFW_VAULT_OWN_MAC);

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key->mac, ZWFW_VAULT_MAC,
                  text, sizeof(text), mac, ZWFW_VAULT_MAC, &n)
        == NULL)
    {
        return ZWFW_ERROR;
    }

    return ZWFW_OK;
}


/* of a secret */

static int
zwfw_vault_ctr(const unsigned char *key, const unsigned char *nonce,
    const unsigned char *in, unsigned char *out)
{
    int              n, rc;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();

    if (ctx
        && EVP_EncryptInit_ex(ctx, EVP_sm4_ctr(), NULL, key, nonce) == 1
        && EVP_EncryptUpdate(ctx, out, &n, in, ZWFW_VAULT_SECRET) == 1)
    {
        rc = ZWFW_OK;

    } else {
        rc = ZWFW_ERROR;
    }

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


static zwfw_vault_key_t *
zwfw_vault_key(zwfw_vault_t *v, uint64_t number)
{
    unsigned  i;

    for (i = 0; i < v->nkeys; i++) {

        if (v->keys[i].number == number) {
            return &v->keys[i];
        }
    }

    return NULL;
}


/* big-endian */

static void
zwfw_vault_store(unsigned char *p, uint64_t n, unsigned len)
{
    while (len--) {
        p[len] = n & 0xff;
        n >>= 8;
    }
}


static uint64_t
zwfw_vault_load(const unsigned char *p, unsigned len)
{
    uint64_t  n;

    n = 0;

    while (len--) {
        n = n << 8 | *p++;
    }

    return n;
}


void
zwfw_vault_forget(zwfw_vault_file_t *f)
{
    OPENSSL_cleanse(f->secret, sizeof(f->secret));

    EVP_MD_CTX_free(f->digest);
    EVP_MAC_CTX_free(f->naming);
    EVP_MAC_CTX_free(f->mac);
    EVP_CIPHER_CTX_free(f->cipher);

    f->digest = NULL;
    f->naming = NULL;
    f->mac = NULL;
    f->cipher = NULL;
}
