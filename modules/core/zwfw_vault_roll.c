
/*
 * Files at rest: how they come under a newer key of the platform
 */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "zwfw_vault_crypt.h"


static int zwfw_vault_begin_roll(zwfw_vault_file_t *f,
    unsigned char *header);
static int zwfw_vault_rewrite(zwfw_vault_file_t *from, zwfw_vault_file_t *to,
    unsigned char *header);
static int zwfw_vault_copy(zwfw_vault_file_t *from, zwfw_vault_file_t *to);
static int zwfw_vault_replace(zwfw_vault_file_t *f);


int
zwfw_vault_roll(zwfw_vault_t *v, const char *address, int *rolled)
{
    int                rc;
    unsigned char      header[ZWFW_VAULT_HEADER];
    zwfw_vault_file_t  from, to;

    *rolled = 0;

    memset(&from, 0, sizeof(zwfw_vault_file_t));
    memset(&to, 0, sizeof(zwfw_vault_file_t));

    from.vault = v;
    from.fd = -1;
    to.vault = v;
    to.fd = -1;

    memcpy(from.address, address, ZWFW_VAULT_ADDRESS);

    rc = zwfw_vault_begin_roll(&from, header);

    if (rc == ZWFW_OK && from.fd != -1) {
        rc = zwfw_vault_rewrite(&from, &to, header);
        *rolled = (rc == ZWFW_OK);
    }

    zwfw_vault_drop(&to);
    zwfw_vault_close(&from);

    return rc;
}


/* f->fd is -1 when there is nothing to do */

static int
zwfw_vault_begin_roll(zwfw_vault_file_t *f, unsigned char *header)
{
    int            rc;
    char           path[ZWFW_VAULT_PATH];
    zwfw_vault_t  *v;

    v = f->vault;

    zwfw_vault_path(f->address, path);

    f->fd = openat(v->dir, path, O_RDONLY|O_NOFOLLOW|O_CLOEXEC);

    if (f->fd == -1) {
        return (errno == ENOENT) ? ZWFW_OK : zwfw_vault_failed(v, "openat()");
    }

    rc = zwfw_vault_get(f, header, ZWFW_VAULT_HEADER, 0);
    if (rc != ZWFW_OK) {
        return rc;
    }

    if (zwfw_vault_number(header) >= v->keys[v->nkeys - 1].number) {
        close(f->fd);
        f->fd = -1;
        return ZWFW_OK;
    }

    rc = zwfw_vault_unwrap(f, header);
    if (rc != ZWFW_OK) {
        return rc;
    }

    return zwfw_vault_length(f);
}


/* the content stays as it is encrypted: its own key is wrapped anew */

static int
zwfw_vault_rewrite(zwfw_vault_file_t *from, zwfw_vault_file_t *to,
    unsigned char *header)
{
    int  rc;

    memcpy(to->address, from->address, sizeof(to->address));
    memcpy(to->secret, from->secret, sizeof(to->secret));
    to->size = from->size;

    if (zwfw_vault_wrap(to, header) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    rc = zwfw_vault_temp_file(to);

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_put(to, header, ZWFW_VAULT_HEADER, 0);
    }

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_copy(from, to);
    }

    return (rc == ZWFW_OK) ? zwfw_vault_replace(to) : rc;
}


static int
zwfw_vault_copy(zwfw_vault_file_t *from, zwfw_vault_file_t *to)
{
    int             rc;
    size_t          len;
    uint64_t        done;
    unsigned char  *buf;

    buf = from->vault->buffer;

    for (done = 0; done < from->size; done += len) {
        len = (from->size - done < ZWFW_VAULT_PIECE) ? from->size - done
                                                     : ZWFW_VAULT_PIECE;

        rc = zwfw_vault_get(from, buf, len, ZWFW_VAULT_HEADER + done);

        if (rc == ZWFW_OK) {
            rc = zwfw_vault_put(to, buf, len, ZWFW_VAULT_HEADER + done);
        }

        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    return ZWFW_OK;
}


/* it is young then, as one that has just been stored: nobody removes it */

static int
zwfw_vault_replace(zwfw_vault_file_t *f)
{
    char           path[ZWFW_VAULT_PATH];
    zwfw_vault_t  *v;

    v = f->vault;

    if (fsync(f->fd) == -1) {
        return zwfw_vault_failed(v, "fsync()");
    }

    zwfw_vault_path(f->address, path);

    if (renameat(v->dir, f->temp, v->dir, path) == -1) {
        return zwfw_vault_failed(v, "renameat()");
    }

    f->temp[0] = '\0';

    return zwfw_vault_sync(v, path, 5);
}
