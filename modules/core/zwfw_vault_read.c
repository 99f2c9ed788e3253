
/*
 * Files at rest: how they are read
 */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "zwfw_vault_crypt.h"


static int zwfw_vault_check(zwfw_vault_file_t *f, const unsigned char *want);


int
zwfw_vault_open(zwfw_vault_t *v, const char *address, zwfw_vault_file_t *f)
{
    int            rc;
    char           path[ZWFW_VAULT_PATH];
    unsigned char  header[ZWFW_VAULT_HEADER];

    memset(f, 0, sizeof(zwfw_vault_file_t));

    f->vault = v;
    f->fd = -1;

    if (!zwfw_vault_is_address(address)) {
        return zwfw_vault_damaged(v, "it has no address");
    }

    memcpy(f->address, address, ZWFW_VAULT_ADDRESS);
    zwfw_vault_path(f->address, path);

    f->fd = openat(v->dir, path, O_RDONLY|O_NOFOLLOW|O_CLOEXEC);
    if (f->fd == -1) {
        return zwfw_vault_failed(v, "openat()");
    }

    rc = zwfw_vault_get(f, header, sizeof(header), 0);

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_unwrap(f, header);
    }

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_length(f);
    }

    if (rc != ZWFW_OK) {
        return rc;
    }

    return zwfw_vault_check(f, header + ZWFW_VAULT_BODY_MAC);
}


int
zwfw_vault_length(zwfw_vault_file_t *f)
{
    struct stat  st;

    if (fstat(f->fd, &st) == -1) {
        return zwfw_vault_failed(f->vault, "fstat()");
    }

    if ((uint64_t) st.st_size != ZWFW_VAULT_HEADER + f->size) {
        return zwfw_vault_damaged(f->vault, "its length was changed");
    }

    return ZWFW_OK;
}


int
zwfw_vault_get(zwfw_vault_file_t *f, unsigned char *p, size_t len,
    off_t offset)
{
    ssize_t  n;

    while (len) {
        n = pread(f->fd, p, len, offset);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            return zwfw_vault_failed(f->vault, "pread()");
        }

        if (n == 0) {
            return zwfw_vault_damaged(f->vault, "it is cut off");
        }

        p += n;
        len -= n;
        offset += n;
    }

    return ZWFW_OK;
}


/* the whole ciphertext, before a byte of it is decrypted */

static int
zwfw_vault_check(zwfw_vault_file_t *f, const unsigned char *want)
{
    int             rc;
    size_t          len;
    uint64_t        done;
    unsigned char  *buf, mac[ZWFW_VAULT_MAC];

    buf = f->vault->buffer;

    f->mac = zwfw_vault_hmac(f->secret + 16);
    f->cipher = zwfw_vault_cipher(f->secret);

    if (f->mac == NULL || f->cipher == NULL) {
        return ZWFW_ERROR;
    }

    for (done = 0; done < f->size; done += len) {
        len = (f->size - done < ZWFW_VAULT_PIECE) ? f->size - done
                                                  : ZWFW_VAULT_PIECE;

        rc = zwfw_vault_get(f, buf, len, ZWFW_VAULT_HEADER + done);
        if (rc != ZWFW_OK) {
            return rc;
        }

        if (EVP_MAC_update(f->mac, buf, len) != 1) {
            return ZWFW_ERROR;
        }
    }

    if (zwfw_vault_final(f->mac, mac) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (CRYPTO_memcmp(mac, want, sizeof(mac)) != 0) {
        return zwfw_vault_damaged(f->vault, "its content was changed");
    }

    OPENSSL_cleanse(f->secret, sizeof(f->secret));

    return ZWFW_OK;
}


int
zwfw_vault_read(zwfw_vault_file_t *f, unsigned char *p, size_t len)
{
    int  n, rc;

    rc = zwfw_vault_get(f, p, len, ZWFW_VAULT_HEADER + f->done);
    if (rc != ZWFW_OK) {
        return rc;
    }

    if (EVP_EncryptUpdate(f->cipher, p, &n, p, (int) len) != 1) {
        return ZWFW_ERROR;
    }

    f->done += len;

    return ZWFW_OK;
}


void
zwfw_vault_close(zwfw_vault_file_t *f)
{
    if (f->vault == NULL) {
        return;
    }

    if (f->fd != -1) {
        close(f->fd);
        f->fd = -1;
    }

    zwfw_vault_forget(f);
}
