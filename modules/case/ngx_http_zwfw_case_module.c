
/*
 * Cases: apply, receive, accept, decide, query.
 * GB/T 39047, 5.2.1.6 and 5.2.2.3
 */


#include "ngx_http_zwfw.h"


#define NGX_HTTP_ZWFW_CASE_FILE  (20 * 1024 * 1024)     /* bytes of a file */


static ngx_int_t ngx_http_zwfw_case_file(ngx_http_request_t *r,
    ngx_http_zwfw_ctx_t *ctx);
static ngx_int_t ngx_http_zwfw_case_init(ngx_conf_t *cf);


/* fields of lists */

static zwfw_field_t  ngx_http_zwfw_case_own_fields[] = {
      zwfw_field_state,
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_inbox_fields[] = {
      zwfw_field_state,
    { zwfw_string("q"), zwfw_type_code, ZWFW_FIELD_QUERY, 50, NULL, NULL },
    { zwfw_string("due"), zwfw_type_code, ZWFW_FIELD_QUERY, 20, NULL, NULL },
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_all_fields[] = {
      zwfw_field_state,
    { zwfw_string("overdue"), zwfw_type_boolean, ZWFW_FIELD_QUERY, 0, NULL,
      NULL },
    { zwfw_string("body"), zwfw_type_uuid, ZWFW_FIELD_QUERY, 0, NULL, NULL },
      zwfw_field_after,
      zwfw_field_limit,
      zwfw_null_field
};


/* what an applicant says; what is missing is told by SQL, all at once */

static zwfw_field_t  ngx_http_zwfw_case_person[] = {
    { zwfw_string("name"), zwfw_type_name, 0, 50, NULL, NULL },
    { zwfw_string("id_number"), zwfw_type_idnumber, 0, 18, NULL,
      "cases.id_number" },
    { zwfw_string("phone"), zwfw_type_phone, 0, 11, NULL, "cases.phone" },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_material[] = {
    { zwfw_string("code"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 20, NULL,
      NULL },
    { zwfw_string("file"), zwfw_type_file, 0, NGX_HTTP_ZWFW_CASE_FILE, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_new_fields[] = {
    { zwfw_string("item"), zwfw_type_code,
      ZWFW_FIELD_QUERY|ZWFW_FIELD_REQUIRED, 31, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_begin_fields[] = {
    { zwfw_string("item"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 31, NULL,
      NULL },
    { zwfw_string("applicant"), zwfw_type_group, 0, 0,
      ngx_http_zwfw_case_person, NULL },
    { zwfw_string("form"), zwfw_type_object, 0, 65536, NULL, NULL },
    { zwfw_string("materials"), zwfw_type_list, 0, 200,
      ngx_http_zwfw_case_material, NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 500, NULL, NULL },
      zwfw_null_field
};


/* acts on one case */

static zwfw_field_t  ngx_http_zwfw_case_id_fields[] = {
      zwfw_field_id,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_file_fields[] = {
      zwfw_field_id,
    { zwfw_string("file"), zwfw_type_uuid,
      ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, 0, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_act_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_save_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("applicant"), zwfw_type_group, 0, 0,
      ngx_http_zwfw_case_person, NULL },
    { zwfw_string("form"), zwfw_type_object, 0, 65536, NULL, NULL },
    { zwfw_string("materials"), zwfw_type_list, 0, 200,
      ngx_http_zwfw_case_material, NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 500, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_reason_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("reason"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_notice[] = {
    { zwfw_string("material"), zwfw_type_code, 0, 20, NULL, NULL },
    { zwfw_string("field"), zwfw_type_code, 0, 50, NULL, NULL },
    { zwfw_string("text"), zwfw_type_text, 0, 500, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_correct_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("items"), zwfw_type_list, ZWFW_FIELD_REQUIRED, 50,
      ngx_http_zwfw_case_notice, NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 1000, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_reject_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("reason"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
    { zwfw_string("remedy"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_result[] = {
    { zwfw_string("name"), zwfw_type_line, ZWFW_FIELD_REQUIRED, 100, NULL,
      NULL },
    { zwfw_string("number"), zwfw_type_line, 0, 50, NULL, NULL },
    { zwfw_string("valid_until"), zwfw_type_date, 0, 0, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_grant_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("result"), zwfw_type_group, ZWFW_FIELD_REQUIRED, 0,
      ngx_http_zwfw_case_result, NULL },
    { zwfw_string("opinion"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
      zwfw_null_field
};


static zwfw_field_t  ngx_http_zwfw_case_refuse_fields[] = {
      zwfw_field_id,
      zwfw_field_version,
    { zwfw_string("reason"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
    { zwfw_string("remedy"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
    { zwfw_string("opinion"), zwfw_type_text, ZWFW_FIELD_REQUIRED, 1000, NULL,
      NULL },
      zwfw_null_field
};


static ngx_http_zwfw_step_pt  ngx_http_zwfw_case_file_steps[] = {
    ngx_http_zwfw_case_file,        /* api.case_file: right, name, type     */
    ngx_http_zwfw_step_file         /* verified and decrypted in a thread   */
};


static ngx_http_zwfw_route_t  ngx_http_zwfw_case_routes[] = {

    /* 5.2.2.3, application */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/new"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_new_fields,
      .call = ngx_string("case_new"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/new") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_begin_fields,
      .call = ngx_string("case_apply"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/new"),
      .next = ngx_string("/case/{id}"),
      .limit = { { 60, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/draft"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_begin_fields,
      .call = ngx_string("case_draft"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/new"),
      .next = ngx_string("/case/{id}/edit"),
      .limit = { { 60, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{id}/edit"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_id_fields,
      .call = ngx_string("case_edit"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/edit") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/save"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_save_fields,
      .call = ngx_string("case_save"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/edit"),
      .next = ngx_string("/case/{id}/edit"),
      .limit = { { 300, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/submit"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_save_fields,
      .call = ngx_string("case_submit"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/edit"),
      .next = ngx_string("/case/{id}"),
      .limit = { { 120, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/drop"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_act_fields,
      .call = ngx_string("case_drop"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .next = ngx_string("/case/"),
      .limit = { { 120, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/resubmit"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_save_fields,
      .call = ngx_string("case_resubmit"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/edit"),
      .next = ngx_string("/case/{id}"),
      .limit = { { 120, 3600, ngx_string("uid") } } },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/withdraw"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_reason_fields,
      .call = ngx_string("case_withdraw"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}"),
      .next = ngx_string("/case/{id}"),
      .limit = { { 120, 3600, ngx_string("uid") } } },

    /* 5.2.1.6, query of the own cases */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_own_fields,
      .call = ngx_string("case_own_list"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/list") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/mine"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .call = ngx_string("case_mine"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/mine") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{id}"),
      .who = NGX_HTTP_ZWFW_NATURAL,
      .level = 1,
      .fields = ngx_http_zwfw_case_id_fields,
      .call = ngx_string("case_show"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/show") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{id}/receipt"),
      .who = NGX_HTTP_ZWFW_NATURAL|NGX_HTTP_ZWFW_CLERK
             |NGX_HTTP_ZWFW_APPROVER,
      .level = 1,
      .fields = ngx_http_zwfw_case_id_fields,
      .call = ngx_string("case_receipt"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/receipt"),
      .reads = ngx_string("case") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{id}/files/{file}"),
      .who = NGX_HTTP_ZWFW_NATURAL|NGX_HTTP_ZWFW_CLERK
             |NGX_HTTP_ZWFW_APPROVER,
      .level = 1,
      .fields = ngx_http_zwfw_case_file_fields,
      .steps = ngx_http_zwfw_case_file_steps,
      .reply = ngx_string("application/octet-stream"),
      .reads = ngx_string("case"),
      .limit = { { 1200, 3600, ngx_string("uid") } } },

    /* 5.2.2.3, receiving and accepting */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/inbox"),
      .who = NGX_HTTP_ZWFW_CLERK|NGX_HTTP_ZWFW_APPROVER,
      .fields = ngx_http_zwfw_case_inbox_fields,
      .call = ngx_string("case_inbox"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/inbox"),
      .reads = ngx_string("case") },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/{id}/work"),
      .who = NGX_HTTP_ZWFW_CLERK|NGX_HTTP_ZWFW_APPROVER,
      .fields = ngx_http_zwfw_case_id_fields,
      .call = ngx_string("case_work"),
      .class = NGX_HTTP_ZWFW_READ,
      .page = ngx_string("case/work"),
      .reads = ngx_string("case") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/receive"),
      .who = NGX_HTTP_ZWFW_CLERK,
      .fields = ngx_http_zwfw_case_act_fields,
      .call = ngx_string("case_receive"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/correct"),
      .who = NGX_HTTP_ZWFW_CLERK,
      .fields = ngx_http_zwfw_case_correct_fields,
      .call = ngx_string("case_correct"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/accept"),
      .who = NGX_HTTP_ZWFW_CLERK,
      .fields = ngx_http_zwfw_case_act_fields,
      .call = ngx_string("case_accept"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/reject"),
      .who = NGX_HTTP_ZWFW_CLERK,
      .fields = ngx_http_zwfw_case_reject_fields,
      .call = ngx_string("case_reject"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    /* 5.2.2.3, decision */

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/grant"),
      .who = NGX_HTTP_ZWFW_APPROVER,
      .fields = ngx_http_zwfw_case_grant_fields,
      .call = ngx_string("case_grant"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("/{id}/refuse"),
      .who = NGX_HTTP_ZWFW_APPROVER,
      .fields = ngx_http_zwfw_case_refuse_fields,
      .call = ngx_string("case_refuse"),
      .class = NGX_HTTP_ZWFW_WRITE,
      .form = ngx_string("/{id}/work"),
      .next = ngx_string("/case/{id}/work") },

    /* 5.2.2.5, the supervisor's view: numbers, and cases without names */

    { .method = NGX_HTTP_GET,
      .path = ngx_string("/overview"),
      .who = NGX_HTTP_ZWFW_SUPERVISOR,
      .fields = ngx_http_zwfw_case_all_fields,
      .call = ngx_string("case_overview"),
      .class = NGX_HTTP_ZWFW_SLOW,
      .page = ngx_string("case/overview"),
      .limit = { { 1200, 3600, ngx_string("uid") } } },

      ngx_http_zwfw_null_route
};


/*
 * 行政许可法 32: nothing said in five working days is acceptance; 82: these
 * are counted by the notice of holidays
 */

static ngx_http_zwfw_job_t  ngx_http_zwfw_case_jobs[] = {
    { .name = ngx_string("case_deem"),
      .interval = 60000,
      .call = ngx_string("case_deem") },

    { .name = ngx_string("case_recount"),
      .interval = 10000,
      .call = ngx_string("case_recount") },

      ngx_http_zwfw_null_job
};


static ngx_http_zwfw_nav_t  ngx_http_zwfw_case_nav[] = {
    { ngx_string("/mine"), ngx_string("own"), 60, 0, 0, ngx_string("/") },
    { ngx_string("/inbox"), ngx_string("inbox"), 20, 0,
      NGX_HTTP_ZWFW_CLERK|NGX_HTTP_ZWFW_APPROVER, ngx_string("/") },
    { ngx_string("/overview"), ngx_string("overview"), 22, 0,
      NGX_HTTP_ZWFW_SUPERVISOR, ngx_null_string },
      ngx_http_zwfw_null_nav
};


static ngx_http_zwfw_slice_t  ngx_http_zwfw_case_slice = {
    &ngx_http_zwfw_abi_1,
    ngx_string("case"),
    ngx_http_zwfw_case_routes,
    ngx_http_zwfw_case_jobs,
    ngx_http_zwfw_case_nav
};


static ngx_http_module_t  ngx_http_zwfw_case_module_ctx = {
    ngx_http_zwfw_case_init,               /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_zwfw_case_module = {
    NGX_MODULE_V1,
    &ngx_http_zwfw_case_module_ctx,        /* module context */
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
ngx_http_zwfw_case_file(ngx_http_request_t *r, ngx_http_zwfw_ctx_t *ctx)
{
    static ngx_str_t  call = ngx_string("case_file");

    return ngx_http_zwfw_call(r, NGX_HTTP_ZWFW_READ, &call, ctx->args, NULL);
}


static ngx_int_t
ngx_http_zwfw_case_init(ngx_conf_t *cf)
{
    return ngx_http_zwfw_add(cf, &ngx_http_zwfw_case_slice);
}
