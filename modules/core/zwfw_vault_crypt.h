
/*
 * What the files of the vault share; others use zwfw_vault.h
 */


#ifndef _ZWFW_VAULT_CRYPT_H_INCLUDED_
#define _ZWFW_VAULT_CRYPT_H_INCLUDED_


#include "zwfw_vault.h"


#define ZWFW_VAULT_PATH  (6 + ZWFW_VAULT_ADDRESS + 1)
#define ZWFW_VAULT_MAC   32


/* return ZWFW_DECLINED; the first keeps errno, which the second has none of */
int zwfw_vault_failed(zwfw_vault_t *v, const char *what);
int zwfw_vault_damaged(zwfw_vault_t *v, const char *what);

/* exactly 64 hexadecimals, lower case */
int zwfw_vault_is_address(const char *s);

/* "ab/cd/abcd..." */
void zwfw_vault_path(const char *address, char *path);

/* "tmp/" and 32 random hexadecimals, NUL-terminated */
int zwfw_vault_temp(char *name);

/* NULL: OpenSSL failed */
EVP_MAC_CTX *zwfw_vault_hmac(const unsigned char *key);
EVP_CIPHER_CTX *zwfw_vault_cipher(const unsigned char *key);

int zwfw_vault_final(EVP_MAC_CTX *mac, unsigned char *out);

/*
 * Writes the header of f, whose address, size and secret are set, around the
 * mac that stands in it already.
 */
int zwfw_vault_wrap(zwfw_vault_file_t *f, unsigned char *header);

/* checks a header; sets size and secret */
int zwfw_vault_unwrap(zwfw_vault_file_t *f, const unsigned char *header);

#define ZWFW_VAULT_BODY_MAC  80        /* its place in the header */

/* number of the platform's key */
uint64_t zwfw_vault_number(const unsigned char *header);

/* pieces of a file; of the content as it is stored */
int zwfw_vault_get(zwfw_vault_file_t *f, unsigned char *p, size_t len,
    off_t offset);
int zwfw_vault_put(zwfw_vault_file_t *f, const unsigned char *p, size_t len,
    off_t offset);

/* is the file as long as its header says? */
int zwfw_vault_length(zwfw_vault_file_t *f);

/* opens f->temp */
int zwfw_vault_temp_file(zwfw_vault_file_t *f);

/* the folder of the first len bytes of a path is on the disk */
int zwfw_vault_sync(zwfw_vault_t *v, const char *path, size_t len);

/* wipes the secret and frees the contexts */
void zwfw_vault_forget(zwfw_vault_file_t *f);

/* NUL-terminated */
void zwfw_vault_hex(char *hex, const unsigned char *p, size_t len);


#endif /* _ZWFW_VAULT_CRYPT_H_INCLUDED_ */
