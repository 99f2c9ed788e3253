
/*
 * Files at rest: how they are written
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "zwfw_vault_crypt.h"


#define ZWFW_VAULT_FILES  (O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC)


static int zwfw_vault_begin(zwfw_vault_file_t *f);
static int zwfw_vault_digests(zwfw_vault_file_t *f, unsigned char *header);
static int zwfw_vault_folders(zwfw_vault_t *v, const char *path);
static int zwfw_vault_folder(zwfw_vault_t *v, const char *path);


int
zwfw_vault_enter(zwfw_vault_t *v)
{
    v->buffer = malloc(ZWFW_VAULT_PIECE);
    v->dir = -1;

    if (v->buffer == NULL) {
        return ZWFW_ERROR;
    }

    v->dir = open(v->folder, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (v->dir == -1) {
        return zwfw_vault_failed(v, "open() of the folder");
    }

    return ZWFW_OK;
}


void
zwfw_vault_leave(zwfw_vault_t *v)
{
    if (v->buffer && v->dir != -1) {
        close(v->dir);
    }

    free(v->buffer);
    v->buffer = NULL;
    v->dir = -1;
}


int
zwfw_vault_create(zwfw_vault_t *v, zwfw_vault_file_t *f)
{
    memset(f, 0, sizeof(zwfw_vault_file_t));

    f->vault = v;
    f->fd = -1;

    if (zwfw_vault_begin(f) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    return zwfw_vault_temp_file(f);
}


static int
zwfw_vault_begin(zwfw_vault_file_t *f)
{
    if (RAND_bytes(f->secret, ZWFW_VAULT_SECRET) != 1) {
        return ZWFW_ERROR;
    }

    f->digest = EVP_MD_CTX_new();
    f->naming = zwfw_vault_hmac(f->vault->index);
    f->cipher = zwfw_vault_cipher(f->secret);
    f->mac = zwfw_vault_hmac(f->secret + 16);

    if (f->digest == NULL || f->naming == NULL || f->cipher == NULL
        || f->mac == NULL
        || EVP_DigestInit_ex(f->digest, EVP_sm3(), NULL) != 1

        /* an address is no blind index of a value */

        || EVP_MAC_update(f->naming, (const unsigned char *) "file", 5) != 1)
    {
        return ZWFW_ERROR;
    }

    return ZWFW_OK;
}


int
zwfw_vault_temp_file(zwfw_vault_file_t *f)
{
    char           name[sizeof(f->temp)];
    zwfw_vault_t  *v;

    v = f->vault;

    if (zwfw_vault_temp(name) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    f->fd = openat(v->dir, name, ZWFW_VAULT_FILES, 0600);

    if (f->fd == -1 && errno == ENOENT) {
        if (zwfw_vault_folder(v, "tmp") != ZWFW_OK) {
            return ZWFW_DECLINED;
        }

        f->fd = openat(v->dir, name, ZWFW_VAULT_FILES, 0600);
    }

    if (f->fd == -1) {
        return zwfw_vault_failed(v, "openat() of a new file");
    }

    memcpy(f->temp, name, sizeof(f->temp));

    return ZWFW_OK;
}


int
zwfw_vault_write(zwfw_vault_file_t *f, const unsigned char *p, size_t len)
{
    int             n, rc;
    size_t          size;
    unsigned char  *buf;

    buf = f->vault->buffer;

    while (len) {
        size = (len < ZWFW_VAULT_PIECE) ? len : ZWFW_VAULT_PIECE;

        if (EVP_DigestUpdate(f->digest, p, size) != 1
            || EVP_MAC_update(f->naming, p, size) != 1
            || EVP_EncryptUpdate(f->cipher, buf, &n, p, (int) size) != 1
            || EVP_MAC_update(f->mac, buf, size) != 1)
        {
            return ZWFW_ERROR;
        }

        rc = zwfw_vault_put(f, buf, size, ZWFW_VAULT_HEADER + f->size);
        if (rc != ZWFW_OK) {
            return rc;
        }

        f->size += size;
        p += size;
        len -= size;
    }

    return ZWFW_OK;
}


int
zwfw_vault_put(zwfw_vault_file_t *f, const unsigned char *p, size_t len,
    off_t offset)
{
    ssize_t  n;

    while (len) {
        n = pwrite(f->fd, p, len, offset);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            return zwfw_vault_failed(f->vault, "pwrite()");
        }

        p += n;
        len -= n;
        offset += n;
    }

    return ZWFW_OK;
}


int
zwfw_vault_finish(zwfw_vault_file_t *f)
{
    int            rc;
    unsigned char  header[ZWFW_VAULT_HEADER];

    if (zwfw_vault_digests(f, header) != ZWFW_OK
        || zwfw_vault_wrap(f, header) != ZWFW_OK)
    {
        return ZWFW_ERROR;
    }

    zwfw_vault_forget(f);

    rc = zwfw_vault_put(f, header, sizeof(header), 0);
    if (rc != ZWFW_OK) {
        return rc;
    }

    if (fsync(f->fd) == -1) {
        return zwfw_vault_failed(f->vault, "fsync()");
    }

    rc = close(f->fd);
    f->fd = -1;

    return (rc == -1) ? zwfw_vault_failed(f->vault, "close()") : ZWFW_OK;
}


static int
zwfw_vault_digests(zwfw_vault_file_t *f, unsigned char *header)
{
    unsigned char  sm3[32], name[ZWFW_VAULT_MAC];

    if (EVP_DigestFinal_ex(f->digest, sm3, NULL) != 1
        || zwfw_vault_final(f->naming, name) != ZWFW_OK
        || zwfw_vault_final(f->mac, header + ZWFW_VAULT_BODY_MAC) != ZWFW_OK)
    {
        return ZWFW_ERROR;
    }

    zwfw_vault_hex(f->sm3, sm3, sizeof(sm3));
    zwfw_vault_hex(f->address, name, sizeof(name));

    return ZWFW_OK;
}


/*
 * Equal content is replaced, not looked for: so the file in place is young,
 * and nobody who removes old ones takes it away
 */

int
zwfw_vault_keep(zwfw_vault_file_t *f)
{
    int            rc;
    char           path[ZWFW_VAULT_PATH];
    zwfw_vault_t  *v;

    v = f->vault;
    zwfw_vault_path(f->address, path);

    rc = renameat(v->dir, f->temp, v->dir, path);

    if (rc == -1 && errno == ENOENT) {
        if (zwfw_vault_folders(v, path) != ZWFW_OK) {
            return ZWFW_DECLINED;
        }

        rc = renameat(v->dir, f->temp, v->dir, path);
    }

    if (rc == -1) {
        return zwfw_vault_failed(v, "renameat()");
    }

    f->temp[0] = '\0';

    return zwfw_vault_sync(v, path, 5);
}


/* "ab" and "ab/cd" of a path */

static int
zwfw_vault_folders(zwfw_vault_t *v, const char *path)
{
    char  folder[6];

    memcpy(folder, path, 5);

    folder[2] = '\0';

    if (zwfw_vault_folder(v, folder) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    folder[2] = '/';
    folder[5] = '\0';

    if (zwfw_vault_folder(v, folder) != ZWFW_OK) {
        return ZWFW_DECLINED;
    }

    return zwfw_vault_sync(v, folder, 2);
}


/* another one may make it at the same time */

static int
zwfw_vault_folder(zwfw_vault_t *v, const char *path)
{
    if (mkdirat(v->dir, path, 0700) == -1 && errno != EEXIST) {
        return zwfw_vault_failed(v, "mkdirat()");
    }

    return zwfw_vault_sync(v, ".", 1);
}


/* what was put into a folder is there after a crash as well */

int
zwfw_vault_sync(zwfw_vault_t *v, const char *path, size_t len)
{
    int   fd, rc;
    char  folder[6];

    memcpy(folder, path, len);
    folder[len] = '\0';

    fd = openat(v->dir, folder, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return zwfw_vault_failed(v, "openat() of a folder");
    }

    rc = (fsync(fd) == -1) ? zwfw_vault_failed(v, "fsync() of a folder")
                           : ZWFW_OK;

    close(fd);

    return rc;
}


void
zwfw_vault_drop(zwfw_vault_file_t *f)
{
    if (f->fd != -1) {
        close(f->fd);
        f->fd = -1;
    }

    if (f->temp[0]) {
        unlinkat(f->vault->dir, f->temp, 0);
        f->temp[0] = '\0';
    }

    zwfw_vault_forget(f);
}
