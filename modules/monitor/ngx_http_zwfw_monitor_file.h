
/*
 * Files of the spill: a batch each, as api.monitor_store takes it.  Nothing
 * here touches a pool, a log or the event loop: it runs in threads, and once
 * more when a worker ends
 */


#ifndef _NGX_HTTP_ZWFW_MONITOR_FILE_H_INCLUDED_
#define _NGX_HTTP_ZWFW_MONITOR_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_ZWFW_FILE_NAME   256       /* bytes, NUL included */
#define NGX_HTTP_ZWFW_FILE_NAMES  64        /* of one look */


/* what a name says; names of a platform sort by age */

typedef struct {
    ngx_uint_t                 epoch;
    ngx_uint_t                 first;
    ngx_uint_t                 last;
    ngx_uint_t                 ring;
    u_char                     node[16];
} ngx_http_zwfw_file_key_t;


typedef struct {
    ngx_str_t                  folder;      /* ends with a slash and NUL */
    off_t                      max_size;    /* of all that is in it */
    u_char                     name[NGX_HTTP_ZWFW_FILE_NAME];
    ngx_str_t                  args;
    ngx_str_t                  body;
    u_char                    *text;        /* of malloc(), which args and body
                                               of a file that was read are in */
    const char                *suffix;      /* to be set aside with */
    void                      *owner;       /* of the caller */

    ngx_int_t                  rc;
    ngx_err_t                  err;
    const char                *what;        /* failed */
} ngx_http_zwfw_file_t;


/* a look at the folder */

typedef struct {
    ngx_str_t                  folder;
    ngx_str_t                 *platform;
    void                      *owner;       /* of the caller */
    ngx_fd_t                   lock;        /* held while it is not -1 */
    ngx_uint_t                 files;       /* that wait */
    ngx_uint_t                 aside;
    ngx_uint_t                 nnames;
    ngx_int_t                  rc;
    ngx_err_t                  err;
    const char                *what;
    u_char                     names[NGX_HTTP_ZWFW_FILE_NAMES]
                                    [NGX_HTTP_ZWFW_FILE_NAME];
} ngx_http_zwfw_look_t;


void ngx_http_zwfw_file_name(u_char *name, ngx_str_t *platform,
    ngx_http_zwfw_file_key_t *key);

/* NGX_DECLINED: not a batch of this platform */
ngx_int_t ngx_http_zwfw_file_key(u_char *name, ngx_str_t *platform,
    ngx_http_zwfw_file_key_t *key);

/*
 * Writes it, so that it is there after a power failure, or not at all.
 *
 *     NGX_OK        it is there
 *     NGX_DECLINED  the folder would have more than max_size
 *     NGX_ERROR     what and err say why
 */
void ngx_http_zwfw_file_save(void *data);

/*
 * Reads it; the caller frees text.
 *
 *     NGX_OK        args and body are as they were written
 *     NGX_DECLINED  it is damaged
 *     NGX_ERROR     it cannot be read
 */
void ngx_http_zwfw_file_read(void *data);

void ngx_http_zwfw_file_remove(void *data);

/* keeps it under another name, for people to look at */
void ngx_http_zwfw_file_set_aside(void *data);

/*
 * The oldest batches of a platform.  Who looks holds its lock until the fd is
 * closed or the process is killed; what a killed writer has left goes.
 *
 *     NGX_OK        names are there, or there is none
 *     NGX_DECLINED  somebody else holds the lock
 *     NGX_ERROR     what and err say why
 */
void ngx_http_zwfw_file_look(void *data);


#endif /* _NGX_HTTP_ZWFW_MONITOR_FILE_H_INCLUDED_ */
