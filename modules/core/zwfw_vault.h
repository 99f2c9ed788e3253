
/*
 * Files at rest: encrypted, each under a key of its own, named by what they
 * hold.  For threads: blocks, and touches nothing of nginx.
 *
 * A file <folder>/<2 hex>/<2 hex>/<address> is a header of 144 bytes and the
 * ciphertext (SM4-CTR):
 *
 *       0   4   "ZWF1"
 *       4   4   number of the platform's key, big-endian
 *       8   8   bytes of the content, big-endian
 *      16  16   nonce of the next
 *      32  48   SM4 key and HMAC key of this file, under the platform's key
 *      80  32   HMAC-SM3 of the ciphertext, under the key of this file
 *     112  32   HMAC-SM3 of "file:", the address, NUL and all that is before,
 *               under the platform's key: no file passes for another one
 *
 * The address is HMAC-SM3 of the content under a key of the platform: equal
 * content is stored once, and a name tells nothing to who has not the key.
 */


#ifndef _ZWFW_VAULT_H_INCLUDED_
#define _ZWFW_VAULT_H_INCLUDED_


#include <stdint.h>
#include <time.h>

#include <openssl/evp.h>

#include "zwfw_mem.h"


#define ZWFW_VAULT_ADDRESS  64
#define ZWFW_VAULT_HEADER   144
#define ZWFW_VAULT_SECRET   48
#define ZWFW_VAULT_PIECE    65536


typedef struct {
    uint32_t              number;
    const unsigned char  *seal;       /* 16 bytes, SM4 */
    const unsigned char  *mac;        /* 32 bytes */
} zwfw_vault_key_t;


/* for one thread at a time */

typedef struct {
    const char           *folder;     /* with a slash at the end */
    const unsigned char  *index;      /* 32 bytes, of addresses */
    zwfw_vault_key_t     *keys;       /* newest last */
    unsigned              nkeys;

    int                   dir;        /* of the folder; -1: not entered */
    unsigned char        *buffer;     /* a piece */
    const char           *what;       /* did not work; static; NULL: all did */
    int                   error;      /* errno of it; 0: content is damaged */
    unsigned              nokey;      /* the key of a file is not there */
} zwfw_vault_t;


typedef struct {
    zwfw_vault_t         *vault;
    int                   fd;         /* -1: none */
    uint64_t              size;       /* of the content, bytes */
    uint64_t              done;       /* of it are read */
    EVP_MD_CTX           *digest;
    EVP_MAC_CTX          *naming;
    EVP_MAC_CTX          *mac;
    EVP_CIPHER_CTX       *cipher;
    unsigned char         secret[ZWFW_VAULT_SECRET];
    char                  temp[37];   /* "tmp/..."; empty: it is in place */
    char                  address[ZWFW_VAULT_ADDRESS + 1];
    char                  sm3[65];
} zwfw_vault_file_t;


/* a walk through the vault */

typedef struct {
    unsigned              next;       /* folder, 0 to 65536: the end */
    time_t                before;     /* younger files are passed over */
    char                (*names)[ZWFW_VAULT_ADDRESS + 1];
    unsigned              count;
    unsigned              room;
} zwfw_vault_scan_t;


/*
 * All of them return
 *
 *     ZWFW_OK
 *     ZWFW_DECLINED  the folder or a file did not work: vault->what, error
 *     ZWFW_ERROR     out of memory, or OpenSSL failed
 */

/* opens the folder; folder, index and keys are set, the rest is zero */
int zwfw_vault_enter(zwfw_vault_t *v);
void zwfw_vault_leave(zwfw_vault_t *v);

/* a new file beside the vault; drop() removes it unless it was kept */
int zwfw_vault_create(zwfw_vault_t *v, zwfw_vault_file_t *f);
int zwfw_vault_write(zwfw_vault_file_t *f, const unsigned char *p, size_t len);

/* it is complete and on the disk: size, address and sm3 are known */
int zwfw_vault_finish(zwfw_vault_file_t *f);

/* puts it into its place, where equal content may be already */
int zwfw_vault_keep(zwfw_vault_file_t *f);
void zwfw_vault_drop(zwfw_vault_file_t *f);

/*
 * Opens a file and checks every byte of it; address is NUL-terminated.
 * read() fills in the next len bytes, no more than are left; close() as well
 * after a refusal.
 */
int zwfw_vault_open(zwfw_vault_t *v, const char *address,
    zwfw_vault_file_t *f);
int zwfw_vault_read(zwfw_vault_file_t *f, unsigned char *p, size_t len);
void zwfw_vault_close(zwfw_vault_file_t *f);

/*
 * Collects names of old files, folder by folder from s->next, until there
 * are most or more; none: that was all.
 */
int zwfw_vault_scan(zwfw_vault_t *v, zwfw_vault_scan_t *s, unsigned most);
void zwfw_vault_scan_free(zwfw_vault_scan_t *s);

/*
 * Brings a file under the newest key, as a new file in its place: whoever
 * reads it reads on.  rolled: it was under an older one; a file that is not
 * there, or under a newer key, is passed over.
 */
int zwfw_vault_roll(zwfw_vault_t *v, const char *address, int *rolled);

/* removes a file unless it is young: then somebody has stored it again */
int zwfw_vault_remove(zwfw_vault_t *v, const char *address, time_t before);

/* removes old files beside the vault, of uploads that were cut off */
int zwfw_vault_clean(zwfw_vault_t *v, time_t before);


#endif /* _ZWFW_VAULT_H_INCLUDED_ */
