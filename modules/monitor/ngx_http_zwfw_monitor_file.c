
/*
 * Files of the spill.  A name is the key of its batch; the first line has
 * a checksum of all that follows and of the name, and both lengths
 */


#include "ngx_http_zwfw_monitor_file.h"

#include <dirent.h>
#include <sys/file.h>


#define NGX_HTTP_ZWFW_FILE_HEAD  "zwfw-visits 1 %08xD %010uz %010uz\n"
#define NGX_HTTP_ZWFW_FILE_HEAD_LEN  (14 + 8 + 1 + 10 + 1 + 10 + 1)
#define NGX_HTTP_ZWFW_FILE_MOST  8388608    /* bytes of a file that is read */


static void ngx_http_zwfw_file_failed(ngx_http_zwfw_file_t *f,
    const char *what);
static ngx_fd_t ngx_http_zwfw_file_create(ngx_http_zwfw_file_t *f, int dir,
    char *name, size_t size);
static ngx_int_t ngx_http_zwfw_file_room(ngx_http_zwfw_file_t *f, int dir,
    size_t size);
static ngx_int_t ngx_http_zwfw_file_write(ngx_http_zwfw_file_t *f, int fd);
static ngx_int_t ngx_http_zwfw_file_all(int fd, u_char *p, size_t len,
    ngx_uint_t out);
static ngx_int_t ngx_http_zwfw_file_whole(ngx_http_zwfw_file_t *f,
    size_t size);
static uint32_t ngx_http_zwfw_file_sum(u_char *name, ngx_str_t *args,
    ngx_str_t *body);
static ngx_int_t ngx_http_zwfw_file_digits(u_char **p, size_t n,
    ngx_uint_t *value);
static ngx_int_t ngx_http_zwfw_look_lock(ngx_http_zwfw_look_t *look, int dir);
static void ngx_http_zwfw_look_read(ngx_http_zwfw_look_t *look, DIR *dir);
static void ngx_http_zwfw_look_add(ngx_http_zwfw_look_t *look, u_char *name);
static void ngx_http_zwfw_look_left(int dir, char *name);
static ngx_uint_t ngx_http_zwfw_ends(const char *name, const char *suffix);


void
ngx_http_zwfw_file_name(u_char *name, ngx_str_t *platform,
    ngx_http_zwfw_file_key_t *key)
{
    *ngx_snprintf(name, NGX_HTTP_ZWFW_FILE_NAME - 1,
                  "%V-%015ui-%015ui-%015ui-%04ui-%*s", platform, key->epoch,
                  key->first, key->last, key->ring, sizeof(key->node),
                  key->node) = '\0';
}


ngx_int_t
ngx_http_zwfw_file_key(u_char *name, ngx_str_t *platform,
    ngx_http_zwfw_file_key_t *key)
{
    u_char  *p;

    if (ngx_strncmp(name, platform->data, platform->len) != 0) {
        return NGX_DECLINED;
    }

    p = name + platform->len;

    if (ngx_http_zwfw_file_digits(&p, 15, &key->epoch) != NGX_OK
        || ngx_http_zwfw_file_digits(&p, 15, &key->first) != NGX_OK
        || ngx_http_zwfw_file_digits(&p, 15, &key->last) != NGX_OK
        || ngx_http_zwfw_file_digits(&p, 4, &key->ring) != NGX_OK
        || *p != '-' || ngx_strlen(p + 1) != sizeof(key->node)
        || key->first > key->last)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(key->node, p + 1, sizeof(key->node));

    return NGX_OK;
}


/* "-" and n digits */

static ngx_int_t
ngx_http_zwfw_file_digits(u_char **p, size_t n, ngx_uint_t *value)
{
    if (**p != '-') {
        return NGX_DECLINED;
    }

    *value = 0;

    for ((*p)++; n; n--, (*p)++) {
        if (**p < '0' || **p > '9') {
            return NGX_DECLINED;
        }

        *value = *value * 10 + (**p - '0');
    }

    return NGX_OK;
}


static void
ngx_http_zwfw_file_failed(ngx_http_zwfw_file_t *f, const char *what)
{
    f->rc = NGX_ERROR;
    f->err = ngx_errno;
    f->what = what;
}


/*
 * The file gets its name when it is on the disk, so a name has a whole file;
 * the name is on the disk when the folder is
 */

void
ngx_http_zwfw_file_save(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    int     fd, dir;
    char    name[NGX_HTTP_ZWFW_FILE_NAME + sizeof(".tmp")];
    size_t  size;

    f->rc = NGX_OK;

    dir = open((char *) f->folder.data, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (dir == -1) {
        ngx_http_zwfw_file_failed(f, "open()");
        return;
    }

    size = NGX_HTTP_ZWFW_FILE_HEAD_LEN + f->args.len + f->body.len;
    *ngx_sprintf((u_char *) name, "%s.tmp", f->name) = '\0';

    fd = ngx_http_zwfw_file_create(f, dir, name, size);

    if (fd != -1) {
        if (ngx_http_zwfw_file_write(f, fd) != NGX_OK) {
            ngx_http_zwfw_file_failed(f, "write()");

        } else if (fsync(fd) == -1) {
            ngx_http_zwfw_file_failed(f, "fsync()");

        } else if (renameat(dir, name, dir, (char *) f->name) == -1) {
            ngx_http_zwfw_file_failed(f, "rename()");

        } else if (fsync(dir) == -1) {
            ngx_http_zwfw_file_failed(f, "fsync() of the folder");
            (void) unlinkat(dir, (char *) f->name, 0);
        }

        if (f->rc != NGX_OK) {
            (void) unlinkat(dir, name, 0);
        }

        (void) close(fd);
    }

    (void) close(dir);
}


/* room for all of it, or no file; the folder is locked meanwhile, so that two
   writers do not take the same room */

static ngx_fd_t
ngx_http_zwfw_file_create(ngx_http_zwfw_file_t *f, int dir, char *name,
    size_t size)
{
    int  fd, err;

    if (flock(dir, LOCK_EX) == -1) {
        ngx_http_zwfw_file_failed(f, "flock()");
        return -1;
    }

    if (ngx_http_zwfw_file_room(f, dir, size) != NGX_OK) {
        return -1;
    }

    fd = openat(dir, name, O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC,
                0600);
    if (fd == -1) {
        ngx_http_zwfw_file_failed(f, "open()");
        return -1;
    }

    /* who looks sees by this lock that the writer lives */

    (void) flock(fd, LOCK_EX|LOCK_NB);

    err = posix_fallocate(fd, 0, size);

    if (err) {
        f->rc = NGX_ERROR;
        f->err = err;
        f->what = "posix_fallocate()";
        (void) unlinkat(dir, name, 0);
        (void) close(fd);
        return -1;
    }

    (void) flock(dir, LOCK_UN);

    return fd;
}


static ngx_int_t
ngx_http_zwfw_file_room(ngx_http_zwfw_file_t *f, int dir, size_t size)
{
    int             fd;
    DIR            *d;
    off_t           sum;
    struct stat     st;
    struct dirent  *de;

    fd = openat(dir, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    d = fd == -1 ? NULL : fdopendir(fd);

    if (d == NULL) {
        ngx_http_zwfw_file_failed(f, "opendir()");

        if (fd != -1) {
            (void) close(fd);
        }

        return NGX_ERROR;
    }

    sum = size;

    while ((de = readdir(d)) != NULL) {
        if (fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
        {
            sum += st.st_size;
        }
    }

    (void) closedir(d);

    if (sum > f->max_size) {
        f->rc = NGX_DECLINED;
        f->err = 0;
        f->what = "max_size";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_zwfw_file_write(ngx_http_zwfw_file_t *f, int fd)
{
    u_char  head[NGX_HTTP_ZWFW_FILE_HEAD_LEN + 1];

    (void) ngx_sprintf(head, NGX_HTTP_ZWFW_FILE_HEAD,
                       ngx_http_zwfw_file_sum(f->name, &f->args, &f->body),
                       f->args.len, f->body.len);

    if (ngx_http_zwfw_file_all(fd, head, NGX_HTTP_ZWFW_FILE_HEAD_LEN, 1)
        != NGX_OK
        || ngx_http_zwfw_file_all(fd, f->args.data, f->args.len, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_file_all(fd, f->body.data, f->body.len, 1);
}


/* reads or writes so many bytes */

static ngx_int_t
ngx_http_zwfw_file_all(int fd, u_char *p, size_t len, ngx_uint_t out)
{
    ssize_t  n;

    while (len) {
        n = out ? write(fd, p, len) : read(fd, p, len);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        p += n;
        len -= n;
    }

    return NGX_OK;
}


static uint32_t
ngx_http_zwfw_file_sum(u_char *name, ngx_str_t *args, ngx_str_t *body)
{
    uint32_t  crc;

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, name, ngx_strlen(name));
    ngx_crc32_update(&crc, args->data, args->len);
    ngx_crc32_update(&crc, body->data, body->len);
    ngx_crc32_final(crc);

    return crc;
}


void
ngx_http_zwfw_file_read(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    int          fd;
    char         path[NGX_MAX_PATH];
    struct stat  st;

    f->rc = NGX_OK;
    f->text = NULL;

    *ngx_snprintf((u_char *) path, sizeof(path) - 1, "%V%s", &f->folder,
                  f->name) = '\0';

    fd = open(path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1 || fstat(fd, &st) == -1) {
        ngx_http_zwfw_file_failed(f, "open()");

    } else if (!S_ISREG(st.st_mode) || st.st_size < NGX_HTTP_ZWFW_FILE_HEAD_LEN
               || st.st_size > NGX_HTTP_ZWFW_FILE_MOST)
    {
        f->rc = NGX_DECLINED;

    } else {
        f->text = malloc(st.st_size);

        if (f->text == NULL) {
            ngx_http_zwfw_file_failed(f, "malloc()");

        } else if (ngx_http_zwfw_file_all(fd, f->text, st.st_size, 0)
                   != NGX_OK)
        {
            ngx_http_zwfw_file_failed(f, "read()");

        } else {
            f->rc = ngx_http_zwfw_file_whole(f, st.st_size);
        }
    }

    if (fd != -1) {
        (void) close(fd);
    }
}


/* the first line is written again, and is the one that is there */

static ngx_int_t
ngx_http_zwfw_file_whole(ngx_http_zwfw_file_t *f, size_t size)
{
    u_char     head[NGX_HTTP_ZWFW_FILE_HEAD_LEN + 1];
    ngx_int_t  n;

    n = ngx_atoi(f->text + 23, 10);

    if (n == NGX_ERROR || (size_t) n > size - NGX_HTTP_ZWFW_FILE_HEAD_LEN) {
        return NGX_DECLINED;
    }

    f->args.data = f->text + NGX_HTTP_ZWFW_FILE_HEAD_LEN;
    f->args.len = n;
    f->body.data = f->args.data + n;
    f->body.len = size - NGX_HTTP_ZWFW_FILE_HEAD_LEN - n;

    (void) ngx_sprintf(head, NGX_HTTP_ZWFW_FILE_HEAD,
                       ngx_http_zwfw_file_sum(f->name, &f->args, &f->body),
                       f->args.len, f->body.len);

    return ngx_memcmp(head, f->text, NGX_HTTP_ZWFW_FILE_HEAD_LEN) == 0
           ? NGX_OK : NGX_DECLINED;
}


/* that it is gone need not be on the disk: sent again, it changes nothing */

void
ngx_http_zwfw_file_remove(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    char  path[NGX_MAX_PATH];

    f->rc = NGX_OK;

    *ngx_snprintf((u_char *) path, sizeof(path) - 1, "%V%s", &f->folder,
                  f->name) = '\0';

    if (unlink(path) == -1 && ngx_errno != NGX_ENOENT) {
        ngx_http_zwfw_file_failed(f, "unlink()");
    }
}


void
ngx_http_zwfw_file_set_aside(void *data)
{
    ngx_http_zwfw_file_t  *f = data;

    char  from[NGX_MAX_PATH], to[NGX_MAX_PATH];

    f->rc = NGX_OK;

    *ngx_snprintf((u_char *) from, sizeof(from) - 1, "%V%s", &f->folder,
                  f->name) = '\0';
    *ngx_snprintf((u_char *) to, sizeof(to) - 1, "%V%s%s", &f->folder,
                  f->name, f->suffix) = '\0';

    if (rename(from, to) == -1) {
        ngx_http_zwfw_file_failed(f, "rename()");
    }
}


void
ngx_http_zwfw_file_look(void *data)
{
    ngx_http_zwfw_look_t  *look = data;

    DIR  *dir;

    look->rc = NGX_OK;
    look->files = 0;
    look->aside = 0;
    look->nnames = 0;

    dir = opendir((char *) look->folder.data);

    if (dir == NULL) {
        look->rc = NGX_ERROR;
        look->err = ngx_errno;
        look->what = "opendir()";
        return;
    }

    look->rc = ngx_http_zwfw_look_lock(look, dirfd(dir));

    if (look->rc == NGX_OK) {
        ngx_http_zwfw_look_read(look, dir);
    }

    (void) closedir(dir);
}


/* the lock of a process that was killed is free */

static ngx_int_t
ngx_http_zwfw_look_lock(ngx_http_zwfw_look_t *look, int dir)
{
    char  name[NGX_HTTP_ZWFW_FILE_NAME];

    if (look->lock != NGX_INVALID_FILE) {
        return NGX_OK;
    }

    *ngx_snprintf((u_char *) name, sizeof(name) - 1, "%V.lock",
                  look->platform) = '\0';

    look->lock = openat(dir, name, O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (look->lock == NGX_INVALID_FILE) {
        look->err = ngx_errno;
        look->what = "open()";
        return NGX_ERROR;
    }

    if (flock(look->lock, LOCK_EX|LOCK_NB) == 0) {
        return NGX_OK;
    }

    (void) close(look->lock);
    look->lock = NGX_INVALID_FILE;

    return NGX_DECLINED;
}


/* a writer cannot begin while it looks */

static void
ngx_http_zwfw_look_read(ngx_http_zwfw_look_t *look, DIR *dir)
{
    u_char                    *name;
    struct dirent             *de;
    ngx_http_zwfw_file_key_t   key;

    (void) flock(dirfd(dir), LOCK_EX);

    while ((de = readdir(dir)) != NULL) {
        name = (u_char *) de->d_name;

        if (ngx_http_zwfw_file_key(name, look->platform, &key) == NGX_OK) {
            look->files++;
            ngx_http_zwfw_look_add(look, name);
            continue;
        }

        if (ngx_strncmp(name, look->platform->data, look->platform->len) != 0
            || name[look->platform->len] != '-')
        {
            continue;
        }

        if (ngx_http_zwfw_ends(de->d_name, ".tmp")) {
            ngx_http_zwfw_look_left(dirfd(dir), de->d_name);
        }

        look->aside += ngx_http_zwfw_ends(de->d_name, ".bad")
                       || ngx_http_zwfw_ends(de->d_name, ".refused");
    }
}


/* keeps the oldest ones, in their order */

static void
ngx_http_zwfw_look_add(ngx_http_zwfw_look_t *look, u_char *name)
{
    ngx_uint_t  i;

    i = look->nnames;

    if (i == NGX_HTTP_ZWFW_FILE_NAMES) {
        i--;

        if (ngx_strcmp(name, look->names[i]) > 0) {
            return;
        }

    } else {
        look->nnames++;
    }

    for ( /* void */ ; i && ngx_strcmp(name, look->names[i - 1]) < 0; i--) {
        ngx_memcpy(look->names[i], look->names[i - 1],
                   NGX_HTTP_ZWFW_FILE_NAME);
    }

    (void) ngx_cpystrn(look->names[i], name, NGX_HTTP_ZWFW_FILE_NAME);
}


/* nobody writes it any more: its batch is in its ring still */

static void
ngx_http_zwfw_look_left(int dir, char *name)
{
    int  fd;

    fd = openat(dir, name, O_RDONLY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == 0) {
        (void) unlinkat(dir, name, 0);
    }

    (void) close(fd);
}


static ngx_uint_t
ngx_http_zwfw_ends(const char *name, const char *suffix)
{
    size_t  len, end;

    len = ngx_strlen(name);
    end = ngx_strlen(suffix);

    return len > end && ngx_strcmp(name + len - end, suffix) == 0;
}
