
/*
 * The pages and words of a platform, read once at start-up
 */


#include "ngx_http_zwfw_place.h"


static ngx_int_t ngx_http_zwfw_site_slice(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *slice, const char *sub);
static ngx_int_t ngx_http_zwfw_site_page(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *file);
static ngx_int_t ngx_http_zwfw_site_words(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *slice);
static zwfw_json_t *ngx_http_zwfw_site_words_of(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *folder, ngx_str_t *slice);
static ngx_int_t ngx_http_zwfw_site_rows(ngx_conf_t *cf,
    ngx_http_zwfw_main_conf_t *mcf, ngx_http_zwfw_platform_t *pf);
static void ngx_http_zwfw_site_name(void *data, zwfw_str_t *name);
static void ngx_http_zwfw_site_filter(void *data, zwfw_str_t *name);
static ngx_int_t ngx_http_zwfw_site_read(ngx_conf_t *cf,
    ngx_http_zwfw_platform_t *pf, ngx_str_t *file, ngx_str_t *text);


typedef struct {
    ngx_conf_t                *cf;
    ngx_http_zwfw_platform_t  *platform;
    ngx_str_t                 *page;
    ngx_uint_t                 wrong;
} ngx_http_zwfw_site_check_t;


/* zwfw_pages names the folder of its platform: one for each platform */

char *
ngx_http_zwfw_site_folder(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *folder)
{
    if (pf->html.len == 0) {
        pf->html = *folder;
    }

    if (pf->html.len != folder->len
        || ngx_strncmp(pf->html.data, folder->data, folder->len) != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_pages: platform \"%V\" has its pages in \"%V\" "
                      "already, not in \"%V\"",
                      &pf->name, &pf->html, folder);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_zwfw_site(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_platform_t *pf)
{
    ngx_str_t                folder;
    ngx_uint_t               i;
    ngx_http_zwfw_slice_t  **slice;

    static ngx_str_t  directive = ngx_string("html");

    if (pf->html.len == 0) {
        ngx_str_set(&folder, "html");

        if (ngx_http_zwfw_set_folder(cf, &directive, &folder, &pf->html)
            != NGX_CONF_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_zwfw_override(cf, pf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&pf->pages, &pf->sentinel, ngx_str_rbtree_insert_value);

    pf->mem.alloc = ngx_http_zwfw_alloc;
    pf->mem.pool = cf->pool;

    pf->words = zwfw_json_new(&pf->mem, ZWFW_JSON_OBJECT, NULL);
    if (pf->words == NULL) {
        return NGX_ERROR;
    }

    slice = mcf->slices.elts;

    for (i = 0; i < mcf->slices.nelts; i++) {
        if (ngx_http_zwfw_site_slice(cf, pf, &slice[i]->name, "") != NGX_OK
            || ngx_http_zwfw_site_slice(cf, pf, &slice[i]->name, "hole/")
               != NGX_OK
            || ngx_http_zwfw_site_words(cf, pf, &slice[i]->name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_zwfw_nav_words(cf, mcf, pf) != NGX_OK
        || ngx_http_zwfw_channel_words(pf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_zwfw_site_rows(cf, mcf, pf);
}


/* compiles html/<slice>/<sub>*.html */

static ngx_int_t
ngx_http_zwfw_site_slice(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *slice, const char *sub)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_str_t    name, file;
    ngx_glob_t   gl;

    p = ngx_pnalloc(cf->pool, pf->html.len + slice->len + ngx_strlen(sub)
                              + sizeof("/*.html"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V%V/%s*.html%Z", &pf->html, slice, sub);

    ngx_memzero(&gl, sizeof(ngx_glob_t));
    gl.pattern = p;
    gl.log = cf->log;
    gl.test = 1;

    if (ngx_open_glob(&gl) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      ngx_open_glob_n " \"%s\" failed", p);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ngx_read_glob(&gl, &name) == NGX_OK) {
        file.len = name.len - pf->html.len;
        file.data = ngx_pstrdup(cf->pool, &name);

        if (file.data == NULL) {
            rc = NGX_ERROR;
            break;
        }

        file.data += pf->html.len;

        rc = ngx_http_zwfw_site_page(cf, pf, &file);
    }

    ngx_close_glob(&gl);

    return rc;
}


/* "item/show.html" becomes the template "item/show" */

static ngx_int_t
ngx_http_zwfw_site_page(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *file)
{
    char                   error[256];
    ngx_str_t              text;
    ngx_http_zwfw_page_t  *page;

    page = ngx_pcalloc(cf->pool, sizeof(ngx_http_zwfw_page_t));

    if (page == NULL || ngx_http_zwfw_site_read(cf, pf, file, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    page->sn.str.data = file->data;
    page->sn.str.len = file->len - (sizeof(".html") - 1);

    /* "core/hole/user" is asked for as "hole/user" */

    if (ngx_strncmp(file->data, "core/hole/", sizeof("core/hole/") - 1) == 0) {
        page->sn.str.data += sizeof("core/") - 1;
        page->sn.str.len -= sizeof("core/") - 1;
    }

    page->template = zwfw_template_compile(&pf->mem, (zwfw_str_t *) &text,
                                           error, sizeof(error));

    if (page->template == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_pages: template \"%V\": line %s", file, error);
        return NGX_ERROR;
    }

    page->sn.node.key = ngx_crc32_short(page->sn.str.data, page->sn.str.len);
    ngx_rbtree_insert(&pf->pages, &page->sn.node);

    return NGX_OK;
}


ngx_http_zwfw_page_t *
ngx_http_zwfw_find_page(ngx_http_zwfw_platform_t *pf, ngx_str_t *name)
{
    return (ngx_http_zwfw_page_t *)
           ngx_str_rbtree_lookup(&pf->pages, name,
                                 ngx_crc32_short(name->data, name->len));
}


/* html/<slice>/words.json: group, code, Chinese text */

static ngx_int_t
ngx_http_zwfw_site_words(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *slice)
{
    zwfw_json_t  *words, *over;

    words = ngx_http_zwfw_site_words_of(cf, pf, &pf->html, slice);
    if (words == NULL) {
        return NGX_ERROR;
    }

    if (pf->override.len) {
        over = ngx_http_zwfw_site_words_of(cf, pf, &pf->override, slice);

        if (over == NULL
            || ngx_http_zwfw_override_words(cf, pf, words, over) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    zwfw_json_append(pf->words, (zwfw_str_t *) slice, words);

    return NGX_OK;
}


/* an override need not have some */

static zwfw_json_t *
ngx_http_zwfw_site_words_of(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *folder, ngx_str_t *slice)
{
    ngx_str_t           name, text;
    zwfw_json_t        *words;
    ngx_file_info_t     fi;
    zwfw_json_error_t   error;

    static zwfw_json_limits_t  limits = { 3, 10000, 2000, 20 };

    name.data = ngx_pnalloc(cf->pool, folder->len + slice->len
                                      + sizeof("/words.json"));
    if (name.data == NULL) {
        return NULL;
    }

    name.len = ngx_sprintf(name.data, "%V%V/words.json%Z", folder, slice)
               - name.data - 1;

    if (folder == &pf->override
        && ngx_file_info(name.data, &fi) == NGX_FILE_ERROR)
    {
        return zwfw_json_new(&pf->mem, ZWFW_JSON_OBJECT, NULL);
    }

    if (ngx_http_zwfw_read_file(cf, &name, &text) != NGX_OK) {
        return NULL;
    }

    if (zwfw_json_parse(&pf->mem, text.data, text.len, &limits, &words,
                        &error)
        != ZWFW_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_pages: words \"%V\": %s at \"%V\"", &name,
                      error.code, (ngx_str_t *) &error.field);
        return NULL;
    }

    return words;
}


/* group and code in the words of a slice, then in those of core; NULL */

ngx_str_t *
ngx_http_zwfw_word(ngx_http_zwfw_platform_t *pf, ngx_str_t *slice,
    ngx_str_t *group, ngx_str_t *code)
{
    zwfw_json_t  *word;

    word = NULL;

    if (slice) {
        word = zwfw_json_get(pf->words, (char *) slice->data, slice->len);
        word = zwfw_json_get(word, (char *) group->data, group->len);
        word = zwfw_json_get(word, (char *) code->data, code->len);
    }

    if (word == NULL) {
        word = zwfw_json_get(pf->words, "core", 4);
        word = zwfw_json_get(word, (char *) group->data, group->len);
        word = zwfw_json_get(word, (char *) code->data, code->len);
    }

    return word ? (ngx_str_t *) &word->value : NULL;
}


ngx_str_t *
ngx_http_zwfw_error_word(ngx_http_zwfw_platform_t *pf, ngx_str_t *code)
{
    ngx_str_t    *word;
    zwfw_json_t  *slice;

    static ngx_str_t  group = ngx_string("error");

    word = NULL;
    slice = pf->words ? pf->words->child : NULL;

    for ( /* void */ ; slice && word == NULL; slice = slice->next) {
        word = ngx_http_zwfw_word(pf, (ngx_str_t *) &slice->key, &group, code);
    }

    return word;
}


/* every page of a row, partial and filter is there, or nginx does not start */

static ngx_int_t
ngx_http_zwfw_site_rows(ngx_conf_t *cf, ngx_http_zwfw_main_conf_t *mcf,
    ngx_http_zwfw_platform_t *pf)
{
    ngx_uint_t                   i;
    ngx_rbtree_node_t           *node;
    ngx_http_zwfw_page_t        *page;
    ngx_http_zwfw_route_t       *rt;
    ngx_http_zwfw_slice_t      **slice;
    ngx_http_zwfw_site_check_t   check;

    check.cf = cf;
    check.platform = pf;
    check.wrong = 0;

    slice = mcf->slices.elts;

    for (i = 0; i < mcf->slices.nelts; i++) {
        for (rt = slice[i]->routes; rt->method; rt++) {
            if (rt->page.len) {
                check.page = &rt->path;
                ngx_http_zwfw_site_name(&check, (zwfw_str_t *) &rt->page);
            }
        }
    }

    if (pf->pages.root == &pf->sentinel) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zwfw_pages: no templates in \"%V\"", &pf->html);
        return NGX_ERROR;
    }

    for (node = ngx_rbtree_min(pf->pages.root, &pf->sentinel);
         node;
         node = ngx_rbtree_next(&pf->pages, node))
    {
        page = (ngx_http_zwfw_page_t *) node;
        check.page = &page->sn.str;

        zwfw_template_names(page->template, ngx_http_zwfw_site_name, &check);
        zwfw_template_filters(page->template, ngx_http_zwfw_site_filter,
                              &check);
    }

    return check.wrong ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_zwfw_site_name(void *data, zwfw_str_t *name)
{
    ngx_http_zwfw_site_check_t  *check = data;

    if (ngx_http_zwfw_find_page(check->platform, (ngx_str_t *) name) == NULL) {
        check->wrong = 1;
        ngx_log_error(NGX_LOG_EMERG, check->cf->log, 0,
                      "zwfw_pages: there is no template \"%V\" in \"%V\", "
                      "which \"%V\" names",
                      (ngx_str_t *) name, &check->platform->html, check->page);
    }
}


static void
ngx_http_zwfw_site_filter(void *data, zwfw_str_t *name)
{
    ngx_http_zwfw_site_check_t  *check = data;

    ngx_str_t  *f;

    static ngx_str_t  filters[] = {
        ngx_string("date"), ngx_string("datetime"), ngx_string("yuan"),
        ngx_string("word"), ngx_string("mask"), ngx_null_string
    };

    for (f = filters; f->len; f++) {
        if (f->len == name->len
            && ngx_strncmp(f->data, name->data, f->len) == 0)
        {
            return;
        }
    }

    check->wrong = 1;
    ngx_log_error(NGX_LOG_EMERG, check->cf->log, 0,
                  "zwfw_pages: unknown filter \"%V\" in template \"%V\"",
                  (ngx_str_t *) name, check->page);
}


/* from the folder of overrides when it is there, else from the pages */

static ngx_int_t
ngx_http_zwfw_site_read(ngx_conf_t *cf, ngx_http_zwfw_platform_t *pf,
    ngx_str_t *file, ngx_str_t *text)
{
    u_char           *p;
    ngx_str_t         name;
    ngx_file_info_t   fi;

    p = ngx_pnalloc(cf->pool, ngx_max(pf->override.len, pf->html.len)
                              + file->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name.data = p;

    if (pf->override.len) {
        name.len = ngx_sprintf(p, "%V%V%Z", &pf->override, file) - p - 1;

        if (ngx_file_info(name.data, &fi) != NGX_FILE_ERROR) {
            return ngx_http_zwfw_read_file(cf, &name, text);
        }
    }

    name.len = ngx_sprintf(p, "%V%V%Z", &pf->html, file) - p - 1;

    return ngx_http_zwfw_read_file(cf, &name, text);
}


ngx_int_t
ngx_http_zwfw_read_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "zwfw_pages: " ngx_open_file_n " \"%V\" failed", name);

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);
        }

        return NGX_ERROR;
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_pnalloc(cf->pool, text->len + 1);

    n = text->data ? ngx_read_fd(fd, text->data, text->len) : -1;

    (void) ngx_close_file(fd);

    if (n != (ssize_t) text->len) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "zwfw_pages: " ngx_read_fd_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}
