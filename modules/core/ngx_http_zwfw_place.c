
/*
 * Folders and files that directives name: they are there, the workers can use
 * them, and nobody else reads secrets
 */


#include "ngx_http_zwfw_place.h"

#include <pwd.h>


static ngx_uint_t ngx_http_zwfw_may_use(ngx_file_info_t *fi, uid_t uid,
    gid_t gid);


/* a folder that is there, kept with a slash at the end */

char *
ngx_http_zwfw_set_folder(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *name, ngx_str_t *folder)
{
    u_char           *p;
    ngx_err_t         err;
    ngx_str_t         full;
    ngx_file_info_t   fi;

    full = *name;

    if (full.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" takes the name of a folder", directive);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &full, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, full.len + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    folder->data = p;
    p = ngx_cpymem(p, full.data, full.len);

    if (p[-1] != '/') {
        *p++ = '/';
    }

    *p = '\0';
    folder->len = p - folder->data;

    /* with the slash at its end: of a file it is ENOTDIR */

    if (ngx_file_info(folder->data, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        ngx_log_error(NGX_LOG_EMERG, cf->log, err,
                      "\"%V\" takes a folder that is there, not \"%V\"",
                      directive, &full);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_zwfw_own_folder(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *name, ngx_str_t *folder)
{
    ngx_file_info_t  fi;

    if (name->len == 0 || name->data[0] != '/') {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" takes an absolute path, not \"%V\"",
                      directive, name);
        return NGX_ERROR;
    }

    if (ngx_http_zwfw_set_folder(cf, directive, name, folder) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(folder->data, &fi) == NGX_FILE_ERROR
        || (fi.st_mode & 077))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\": others can come to \"%V\", its mode must be "
                      "0700", directive, folder);
        return NGX_ERROR;
    }

    return ngx_http_zwfw_writable(cf, directive, folder);
}


/* the account of workers, as far as it is said before http{} */

ngx_int_t
ngx_http_zwfw_writable(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *folder)
{
    uid_t             uid;
    gid_t             gid;
    struct passwd    *pw;
    ngx_uint_t        level;
    ngx_core_conf_t  *ccf;
    ngx_file_info_t   fi;

    if (geteuid() != 0) {
        if (access((char *) folder->data, W_OK|X_OK) == 0) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "\"%V\": nothing can be written to \"%V\"",
                      directive, folder);
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    level = NGX_LOG_EMERG;

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        uid = ccf->user;
        gid = ccf->group;

    } else {

        /* "user" may still follow */

        pw = getpwnam(NGX_USER);
        if (pw == NULL) {
            return NGX_OK;
        }

        level = NGX_LOG_WARN;
        uid = pw->pw_uid;
        gid = pw->pw_gid;
    }

    if (ngx_file_info(folder->data, &fi) != NGX_FILE_ERROR
        && ngx_http_zwfw_may_use(&fi, uid, gid))
    {
        return NGX_OK;
    }

    ngx_log_error(level, cf->log, 0,
                  "\"%V\": workers cannot write to \"%V\", give it to their "
                  "account", directive, folder);

    return level == NGX_LOG_EMERG ? NGX_ERROR : NGX_OK;
}


static ngx_uint_t
ngx_http_zwfw_may_use(ngx_file_info_t *fi, uid_t uid, gid_t gid)
{
    mode_t  mode;

    mode = fi->st_mode;

    if (uid == 0) {
        return 1;
    }

    if (fi->st_uid == uid) {
        mode >>= 6;

    } else if (fi->st_gid == gid) {
        mode >>= 3;
    }

    return (mode & 3) == 3;
}


/* a secret in a file: others neither read nor write it, the group may read */

ngx_int_t
ngx_http_zwfw_secret(ngx_conf_t *cf, ngx_str_t *directive, ngx_fd_t fd,
    ngx_str_t *file)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%V: " ngx_fd_info_n " \"%V\" failed",
                           directive, file);
        return NGX_ERROR;
    }

    if (ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V: \"%V\" is a folder",
                           directive, file);
        return NGX_ERROR;
    }

    if (ngx_is_file(&fi) && (fi.st_mode & 027)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: others can come to \"%V\", its mode must be "
                           "0600", directive, file);
        return NGX_ERROR;
    }

    return NGX_OK;
}
