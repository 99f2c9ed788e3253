
/*
 * Files at rest: how those that nobody needs are found and removed
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zwfw_vault_crypt.h"


#define ZWFW_VAULT_FOLDERS  65536


static int zwfw_vault_scan_folder(zwfw_vault_t *v, zwfw_vault_scan_t *s);
static int zwfw_vault_scan_add(zwfw_vault_scan_t *s, const char *name);
static int zwfw_vault_is_old(int dir, const char *name, time_t before);
static DIR *zwfw_vault_list(zwfw_vault_t *v, const char *path);


int
zwfw_vault_scan(zwfw_vault_t *v, zwfw_vault_scan_t *s, unsigned most)
{
    int  rc;

    s->count = 0;

    while (s->next < ZWFW_VAULT_FOLDERS && s->count < most) {
        rc = zwfw_vault_scan_folder(v, s);
        if (rc != ZWFW_OK) {
            return rc;
        }

        s->next++;
    }

    return ZWFW_OK;
}


static int
zwfw_vault_scan_folder(zwfw_vault_t *v, zwfw_vault_scan_t *s)
{
    int             rc;
    DIR            *dir;
    char            path[6];
    struct dirent  *entry;

    snprintf(path, sizeof(path), "%02x/%02x", s->next >> 8 & 0xff,
             s->next & 0xff);

    dir = zwfw_vault_list(v, path);

    if (dir == NULL && errno == ENOENT) {
        return ZWFW_OK;
    }

    if (dir == NULL) {
        return zwfw_vault_failed(v, "opendir()");
    }

    rc = ZWFW_OK;

    while (rc == ZWFW_OK && (entry = readdir(dir)) != NULL) {

        if (zwfw_vault_is_address(entry->d_name)
            && zwfw_vault_is_old(dirfd(dir), entry->d_name, s->before))
        {
            rc = zwfw_vault_scan_add(s, entry->d_name);
        }
    }

    closedir(dir);

    return rc;
}


static int
zwfw_vault_scan_add(zwfw_vault_scan_t *s, const char *name)
{
    void      *names;
    unsigned   room;

    if (s->count == s->room) {
        room = s->room ? 2 * s->room : 256;

        names = realloc(s->names, room * sizeof(s->names[0]));
        if (names == NULL) {
            return ZWFW_ERROR;
        }

        s->names = names;
        s->room = room;
    }

    memcpy(s->names[s->count++], name, ZWFW_VAULT_ADDRESS + 1);

    return ZWFW_OK;
}


void
zwfw_vault_scan_free(zwfw_vault_scan_t *s)
{
    free(s->names);
    s->names = NULL;
    s->room = 0;
    s->count = 0;
}


static int
zwfw_vault_is_old(int dir, const char *name, time_t before)
{
    struct stat  st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
           && S_ISREG(st.st_mode) && st.st_mtime < before;
}


static DIR *
zwfw_vault_list(zwfw_vault_t *v, const char *path)
{
    int   fd;
    DIR  *dir;

    fd = openat(v->dir, path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return NULL;
    }

    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
    }

    return dir;
}


/*
 * The file is taken out of its place and looked at again there: one that was
 * put into the place meanwhile is another file, or is put back
 */

int
zwfw_vault_remove(zwfw_vault_t *v, const char *address, time_t before)
{
    char  path[ZWFW_VAULT_PATH], temp[37];

    zwfw_vault_path(address, path);

    if (!zwfw_vault_is_old(v->dir, path, before)) {
        return ZWFW_OK;
    }

    if (zwfw_vault_temp(temp) != ZWFW_OK) {
        return ZWFW_ERROR;
    }

    if (renameat(v->dir, path, v->dir, temp) == -1) {
        return (errno == ENOENT) ? ZWFW_OK
                                 : zwfw_vault_failed(v, "renameat()");
    }

    if (!zwfw_vault_is_old(v->dir, temp, before)) {
        return (renameat(v->dir, temp, v->dir, path) == -1)
               ? zwfw_vault_failed(v, "renameat()") : ZWFW_OK;
    }

    if (unlinkat(v->dir, temp, 0) == -1) {
        return zwfw_vault_failed(v, "unlinkat()");
    }

    return ZWFW_OK;
}


int
zwfw_vault_clean(zwfw_vault_t *v, time_t before)
{
    int             rc;
    DIR            *dir;
    struct dirent  *entry;

    dir = zwfw_vault_list(v, "tmp");

    if (dir == NULL) {
        return (errno == ENOENT) ? ZWFW_OK
                                 : zwfw_vault_failed(v, "opendir()");
    }

    rc = ZWFW_OK;

    while (rc == ZWFW_OK && (entry = readdir(dir)) != NULL) {

        if (zwfw_vault_is_old(dirfd(dir), entry->d_name, before)
            && unlinkat(dirfd(dir), entry->d_name, 0) == -1
            && errno != ENOENT)
        {
            rc = zwfw_vault_failed(v, "unlinkat()");
        }
    }

    closedir(dir);

    return rc;
}
