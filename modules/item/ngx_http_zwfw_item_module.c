
/*
 * Items: what the administration offers, and under which conditions.
 * GB/T 39047, 5.2.1.4 and 5.2.2.2
 */


#include "ngx_http_zwfw.h"


/* of a version that is written or judged: how often it was changed when the
   asking one saw it */

#define ngx_http_zwfw_item_revision                                           \
    { zwfw_string("revision"), zwfw_type_integer, ZWFW_FIELD_REQUIRED,        \
      2147483647, NULL, NULL }

#define ngx_http_zwfw_item_code                                               \
    { zwfw_string("code"), zwfw_type_code,                                    \
      ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, 31, NULL, NULL }

#define ngx_http_zwfw_item_reason                                             \
    { zwfw_string("reason"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 500, NULL,  \
      NULL }


static ngx_int_t ngx_http_zwfw_item_init(ngx_conf_t *cf);


static zwfw_field_t  ngx_http_zwfw_item_show_fields[] = {
      ngx_http_zwfw_item_code,
    { zwfw_string("version"), zwfw_type_integer, ZWFW_FIELD_QUERY, 2147483647,
      NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_find_fields[] = {
    { zwfw_string("q"), zwfw_type_line, ZWFW_FIELD_QUERY, 60, NULL, NULL },
    { zwfw_string("region"), zwfw_type_code, ZWFW_FIELD_QUERY, 6, NULL, NULL },
    { zwfw_string("object"), zwfw_type_code, ZWFW_FIELD_QUERY, 1, NULL, NULL },
    { zwfw_string("type"), zwfw_type_code, ZWFW_FIELD_QUERY, 2, NULL, NULL },
    { zwfw_string("topic"), zwfw_type_code, ZWFW_FIELD_QUERY, 3, NULL, NULL },
    { zwfw_string("catalog"), zwfw_type_code, ZWFW_FIELD_QUERY, 12, NULL,
      NULL },
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_topic_fields[] = {
    { zwfw_string("audience"), zwfw_type_code, ZWFW_FIELD_QUERY, 10, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_list_fields[] = {
    { zwfw_string("type"), zwfw_type_code, ZWFW_FIELD_QUERY, 2, NULL, NULL },
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_own_fields[] = {
      zwfw_field_state,
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_new_fields[] = {
    { zwfw_string("catalog_code"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 12,
      NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_id_fields[] = {
      zwfw_field_id,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_act_fields[] = {
      zwfw_field_id,
      ngx_http_zwfw_item_revision,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_save_fields[] = {
      zwfw_field_id,
      ngx_http_zwfw_item_revision,
    { zwfw_string("name"), zwfw_type_line, 0, 200, NULL, NULL },
    { zwfw_string("project_type"), zwfw_type_code, 0, 1, NULL, NULL },
    { zwfw_string("anticipate_day"), zwfw_type_integer, 0, 3650, NULL, NULL },
    { zwfw_string("anticipate_type"), zwfw_type_code, 0, 1, NULL, NULL },
    { zwfw_string("promise_day"), zwfw_type_integer, 0, 3650, NULL, NULL },
    { zwfw_string("promise_type"), zwfw_type_code, 0, 1, NULL, NULL },
    { zwfw_string("fee"), zwfw_type_boolean, 0, 0, NULL, NULL },
    { zwfw_string("online"), zwfw_type_boolean, 0, 0, NULL, NULL },
    { zwfw_string("real_level"), zwfw_type_integer, 0, 5, NULL, NULL },
    { zwfw_string("effective_on"), zwfw_type_date, 0, 0, NULL, NULL },
    { zwfw_string("objects"), zwfw_type_line, 0, 20, NULL, NULL },
    { zwfw_string("topics"), zwfw_type_line, 0, 200, NULL, NULL },
    { zwfw_string("keywords"), zwfw_type_line, 0, 500, NULL, NULL },
    { zwfw_string("picked"), zwfw_type_object, 0, 4096, NULL, NULL },
    { zwfw_string("guide"), zwfw_type_object, 0, 65536, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_reject_fields[] = {
      zwfw_field_id,
      ngx_http_zwfw_item_revision,
      ngx_http_zwfw_item_reason,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_offer_fields[] = {
      ngx_http_zwfw_item_code,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_resume_fields[] = {
      ngx_http_zwfw_item_code,
      zwfw_field_version,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_item_reason_fields[] = {
      ngx_http_zwfw_item_code,
      zwfw_field_version,
      ngx_http_zwfw_item_reason,
      zwfw_null_field
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_item_routes[] = {

    /* 5.2.1.4 and 5.2.1.5, publishing and search */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("//"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .call = ngx_string("item_home"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/home"),
      .cache = { ngx_string("item"), 60 } },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_item_find_fields,
      .call = ngx_string("item_search"),
      .class = NGX_HTTP_ZWFW_SLOW,
      .page = ngx_string("item/search"),
      .cache = { ngx_string("item"), 60 } },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/topics"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_item_topic_fields,
      .call = ngx_string("item_topics"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/topics"),
      .cache = { ngx_string("item"), 60 } },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/catalog"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_item_list_fields,
      .call = ngx_string("item_catalog"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/catalog"),
      .cache = { ngx_string("item"), 60 } },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{code}"),
      .who = NGX_HTTP_ZWFW_ANYONE,
      .fields = ngx_http_zwfw_item_show_fields,
      .call = ngx_string("item_show"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/show"),
      .cache = { ngx_string("item/{code}"), 60 } },

    /* 5.2.2.2 a, writing and approving */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/manage"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER
             |NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_own_fields,
      .call = ngx_string("item_own_list"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/manage") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/pending"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_own_fields,
      .call = ngx_string("item_pending_list"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/pending") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER,
      .fields = ngx_http_zwfw_item_new_fields,
      .call = ngx_string("item_save"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/manage"),
      .next = ngx_string("/item/drafts/{id}") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/drafts/{id}"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER
             |NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_id_fields,
      .call = ngx_string("item_draft_show"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/draft") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts/{id}"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER,
      .fields = ngx_http_zwfw_item_save_fields,
      .call = ngx_string("item_save"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/drafts/{id}"),
      .next = ngx_string("/item/drafts/{id}") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts/{id}/submit"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER,
      .fields = ngx_http_zwfw_item_save_fields,
      .call = ngx_string("item_submit"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/drafts/{id}"),
      .next = ngx_string("/item/drafts/{id}") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts/{id}/drop"),
      .who = NGX_HTTP_ZWFW_ITEM_MANAGER,
      .fields = ngx_http_zwfw_item_act_fields,
      .call = ngx_string("item_drop"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/drafts/{id}"),
      .next = ngx_string("/item/manage") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts/{id}/approve"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_act_fields,
      .call = ngx_string("item_approve"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/drafts/{id}"),
      .next = ngx_string("/item/drafts/{id}") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/drafts/{id}/reject"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_reject_fields,
      .call = ngx_string("item_reject"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/drafts/{id}"),
      .next = ngx_string("/item/drafts/{id}") },

    /* taken away: asked about before it is done */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{code}/suspend"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_offer_fields,
      .call = ngx_string("item_offered"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/suspend") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{code}/suspend"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_reason_fields,
      .call = ngx_string("item_suspend"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{code}/suspend"),
      .next = ngx_string("/item/{code}") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{code}/resume"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_resume_fields,
      .call = ngx_string("item_resume"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{code}/suspend"),
      .next = ngx_string("/item/{code}") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{code}/cancel"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_offer_fields,
      .call = ngx_string("item_offered"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("item/cancel") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{code}/cancel"),
      .who = NGX_HTTP_ZWFW_ITEM_EDITOR,
      .fields = ngx_http_zwfw_item_reason_fields,
      .call = ngx_string("item_cancel"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{code}/cancel"),
      .next = ngx_string("/item/{code}") },

      ngx_http_zwfw_null_route
};


/* versions whose day has come */

static ngx_http_zwfw_job_t  ngx_http_zwfw_item_jobs[] = {
    { .name = ngx_string("item_switch"),
      .interval = 1000,
      .call = ngx_string("item_switch") },

      ngx_http_zwfw_null_job
};


/* staff begins with its work, and finds the home page by the name of the
   platform */

static ngx_http_zwfw_nav_t  ngx_http_zwfw_item_nav[] = {
    { ngx_string("//"), ngx_string("home"), 10, NGX_HTTP_ZWFW_NATURAL, 0,
      ngx_null_string },
    { ngx_string("/manage"), ngx_string("manage"), 24, 0,
      NGX_HTTP_ZWFW_ITEM_MANAGER, ngx_string("/drafts/") },
    { ngx_string("/pending"), ngx_string("pending"), 26, 0,
      NGX_HTTP_ZWFW_ITEM_EDITOR, ngx_null_string },
    { ngx_string("/topics"), ngx_string("topics"), 50, 0, 0,
      ngx_string("/") },
      ngx_http_zwfw_null_nav
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_item_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("item"),
    ngx_http_zwfw_item_routes,
    ngx_http_zwfw_item_jobs,
    ngx_http_zwfw_item_nav
};


static ngx_http_module_t  ngx_http_zwfw_item_module_ctx = {
    ngx_http_zwfw_item_init,               /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_item_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_item_module_ctx,        /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_zwfw_item_init(ngx_conf_t *cf)
{
    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_item_slice);
}
