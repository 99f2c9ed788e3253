
/*
 * What session.c, login.c and shared.c share
 */


#ifndef _NGX_HTTP_ZWFW_SESSION_H_INCLUDED_
#define _NGX_HTTP_ZWFW_SESSION_H_INCLUDED_


#include "ngx_http_zwfw_known.h"
#include "zwfw_cookie.h"


#define NGX_HTTP_ZWFW_TAG  2                /* characters */


/* name of our cookie here; NULL: none is taken over plain http */
ngx_str_t *ngx_http_zwfw_cookie_name(ngx_http_request_t *r) ZWFW_HOT;

/* the one token of the request; NGX_DECLINED: none, several or a bad one */
ngx_int_t ngx_http_zwfw_cookie_token(ngx_http_request_t *r,
    ngx_str_t *token);

/* how many cookies have this name; *value is the last one's */
ngx_table_elt_t *ngx_http_zwfw_cookie_header(ngx_http_request_t *r,
    ngx_uint_t i) ZWFW_HOT;
ngx_uint_t ngx_http_zwfw_cookies(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value) ZWFW_HOT;

/* the one token that a cookie of this name has; returns as above */
ngx_int_t ngx_http_zwfw_find_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token);

/* the text of Set-Cookie with a new token, which stands in it; age is empty or
   "; Max-Age=..." */
ngx_int_t ngx_http_zwfw_new_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *age, ngx_str_t *cookie, ngx_str_t *token);

/* what follows the value in Set-Cookie */
ngx_str_t *ngx_http_zwfw_cookie_attributes(ngx_str_t *name);

/* name of the cookie that knows a browser; NULL as above */
ngx_str_t *ngx_http_zwfw_device_name(ngx_http_request_t *r) ZWFW_HOT;

/*
 * login.c, for logout.c.  finish() goes on with the request.
 *
 *     NGX_AGAIN     Redis is away
 *     NGX_DECLINED  not there, or not this user's
 */
void ngx_http_zwfw_login_finish(ngx_http_request_t *r, ngx_int_t rc);
ngx_int_t ngx_http_zwfw_login_set_cookie(ngx_http_request_t *r,
    ngx_str_t *cookie);

/* a script over the sessions of who asks: KEYS[1] is their list, ARGV the
   prefix of keys, the id of this session, and what stands before and behind an
   id in the key of its session */
ngx_int_t ngx_http_zwfw_login_each(ngx_http_request_t *r, ngx_str_t *script,
    void (*done)(ngx_http_zwfw_command_t *c));

/* logout.c: the command that ends a session of a user; own: it need not be in
   the list */
ngx_int_t ngx_http_zwfw_logout_words(ngx_http_request_t *r, ngx_str_t *uid,
    ngx_str_t *id, ngx_uint_t own);

/* this node forgets the session at once; the others hear of it */
void ngx_http_zwfw_login_drop(ngx_http_zwfw_ctx_t *ctx, ngx_str_t *id);

/*
 * Asks who it is, by cookie.
 *
 *     NGX_OK        ctx->session is set, or is NULL: nobody
 *     NGX_AGAIN     asked; ctx->resume() goes on
 *     NGX_DECLINED  refused: the store of sessions is away (503)
 */
ngx_int_t ngx_http_zwfw_session(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx) ZWFW_HOT;

/* ---- recall.c: what a connection remembers ---- */

/* who it was before with this token; NULL: find() knows.  As long as the
   request */
ngx_http_zwfw_session_t *ngx_http_zwfw_recall(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *token) ZWFW_HOT;
void ngx_http_zwfw_remember(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *token,
    ngx_http_zwfw_known_t *known) ZWFW_RARE;


/* ---- permit.c, session.c ---- */

/* may they?  NGX_OK or NGX_DECLINED: refused, 401, 403 or 428 */
ngx_int_t ngx_http_zwfw_allow(ngx_http_request_t *r, ngx_uint_t who,
    ngx_uint_t level) ZWFW_HOT;

/* keeps ctx->session for internal redirects and subrequests */
ngx_int_t ngx_http_zwfw_session_keep(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx) ZWFW_HOT;

/* what a guard of this platform has found before; NULL: nobody */
ngx_http_zwfw_session_t *ngx_http_zwfw_session_kept(ngx_http_request_t *r,
    ngx_http_zwfw_platform_t *pf) ZWFW_HOT;

/* 64 hex, lower case, as bytes; NGX_DECLINED: it is something else */
ngx_int_t ngx_http_zwfw_session_bytes(ngx_str_t *id, u_char *hash);

/*
 * "<prefix>s:{<id>}" for 's', "<prefix>t:{<id>}" for 't', "<prefix>u:<id>" for
 * 'u'; in a cluster "<prefix>s:{<tag>}<id>" and so on: the keys of a person
 * have the same tag, two characters with which their tokens begin, and so stand
 * in one slot
 */
ngx_int_t ngx_http_zwfw_session_key(ngx_http_request_t *r, u_char kind,
    ngx_str_t *id, u_char *tag, ngx_str_t *key);

/* the tag of a user */
void ngx_http_zwfw_session_tag(ngx_str_t *uid, u_char *tag);

/* the session of a key of kind 's'; NGX_DECLINED: it is something else */
ngx_int_t ngx_http_zwfw_session_of_key(ngx_http_zwfw_platform_t *pf,
    ngx_str_t *key, u_char *hash);

/*
 * A session as it stands in Redis.
 *
 *     NGX_OK        known->session is set, its strings are in the pool
 *     NGX_DECLINED  it is no session of ours
 *     NGX_ERROR     no memory
 */
ngx_int_t ngx_http_zwfw_session_parse(ngx_http_zwfw_ctx_t *ctx,
    ngx_str_t *text, ngx_http_zwfw_known_t *known, ngx_str_t *agent);


#endif /* _NGX_HTTP_ZWFW_SESSION_H_INCLUDED_ */
