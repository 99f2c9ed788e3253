
/*
 * Uploads: a body becomes the same tree however it is cut; its files are as
 * they were told, and are kept only when nothing is wrong
 */


#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "zwfw_upload.h"


#define FUZZ_PIECES  64


static void run(zwfw_upload_t *u, zwfw_str_t *body, unsigned step, int fd);
static void accepted(zwfw_upload_t *u);
static void file(zwfw_upload_t *u, zwfw_json_t *json);
static void same(zwfw_upload_t *a, zwfw_upload_t *b);
static unsigned clear(void);
static int remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw);


static char              folder[256];
static unsigned          removed;
static unsigned char     key[32] = "some key of exactly thirty-two ";
static zwfw_vault_key_t  keys[] = { { 1, key, key } };


static zwfw_field_t  members[] = {
    { zwfw_string("kind"), zwfw_type_code, 0, 20, NULL, NULL },
    { zwfw_string("file"), zwfw_type_file, 0, 60, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  fields[] = {
    { zwfw_string("note"), zwfw_type_text, 0, 500, NULL, NULL },
    { zwfw_string("letter"), zwfw_type_file, 0, 30, NULL, NULL },
    { zwfw_string("materials"), zwfw_type_list, 0, 10, members, NULL },
      zwfw_null_field
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            fd;
    unsigned       n;
    zwfw_str_t     body;
    zwfw_upload_t  whole, cut;

    if (*folder == '\0') {
        fuzz_must(getenv("FUZZ_FOLDER") != NULL, "FUZZ_FOLDER is set");
        snprintf(folder, sizeof(folder), "%s/", getenv("FUZZ_FOLDER"));
    }

    body = tap_copy(data, size);

    run(&whole, &body, body.len, -1);
    n = clear();

    if (whole.rc == ZWFW_OK) {
        accepted(&whole);

    } else {
        fuzz_must(whole.rc == ZWFW_DECLINED, "read or refused");
        fuzz_must(whole.status == 400 || whole.status == 413, "a status");
        fuzz_must(whole.error.code != NULL, "and a code");
    }

    fuzz_must(n == 0 || (whole.rc == ZWFW_OK && whole.errors->child == NULL),
              "files are kept when nothing is wrong");

    run(&cut, &body, body.len / FUZZ_PIECES + 1 + fuzz_dice(&body, 9), -1);
    fuzz_must(clear() == n, "the same number of files");
    same(&whole, &cut);
    zwfw_upload_free(&cut);

    fd = memfd_create("body", 0);
    fuzz_must(write(fd, data, size) == (ssize_t) size, "written");
    run(&cut, &body, body.len / FUZZ_PIECES + 1 + fuzz_dice(&body, 99), fd);
    close(fd);
    fuzz_must(clear() == n, "the same number of files");
    same(&whole, &cut);
    zwfw_upload_free(&cut);

    zwfw_upload_free(&whole);
    tap_mem_reset(TAP_MEM_ALL);

    return 0;
}


static void
run(zwfw_upload_t *u, zwfw_str_t *body, unsigned step, int fd)
{
    size_t                at, len;
    unsigned              n;
    zwfw_str_t            s;
    zwfw_upload_piece_t   pieces[FUZZ_PIECES + 1];

    memset(u, 0, sizeof(zwfw_upload_t));
    memset(pieces, 0, sizeof(pieces));

    n = 0;

    for (at = 0; at < body->len; at += len) {
        len = body->len - at < step ? body->len - at : step;
        s = tap_copy(body->data + at, len);

        pieces[n].p = fd == -1 ? s.data : NULL;
        pieces[n].len = len;
        pieces[n].fd = fd;
        pieces[n++].offset = at;
    }

    u->vault.folder = folder;
    u->vault.index = key;
    u->vault.keys = keys;
    u->vault.nkeys = 1;
    u->vault.dir = -1;
    u->fields = fields;
    u->boundary.data = (unsigned char *) "b";
    u->boundary.len = 1;
    u->pieces = pieces;
    u->npieces = n;

    zwfw_upload_run(u);
}


static void
accepted(zwfw_upload_t *u)
{
    zwfw_json_t  *list, *row, *error;

    fuzz_tree(u->root, ZWFW_FORM_DEPTH + 1);

    for (error = u->errors->child; error; error = error->next) {
        fuzz_must(fuzz_among((char *) error->value.data, " bad_file_type"
                             " file_too_large too_long unknown_field"
                             " bad_type "), "a code that is documented");
    }

    file(u, zwfw_json_get(u->root, "letter", 6));

    list = zwfw_json_get(u->root, "materials", 9);

    for (row = list ? list->child : NULL; row; row = row->next) {
        file(u, zwfw_json_get(row, "file", 4));
    }
}


static void
file(zwfw_upload_t *u, zwfw_json_t *json)
{
    char          text[24];
    zwfw_json_t  *name, *size, *sm3, *type;

    if (json == NULL || json->type != ZWFW_JSON_OBJECT
        || json->value.len == 0 || u->errors->child)
    {
        return;
    }

    name = zwfw_json_get(json, "name", 4);
    size = zwfw_json_get(json, "size", 4);
    sm3 = zwfw_json_get(json, "sm3", 3);
    type = zwfw_json_get(json, "type", 4);

    fuzz_must(name && size && sm3 && type && json->count == 5,
              "a file has five members");
    fuzz_must(sm3->value.len == 64, "a digest");

    snprintf(text, sizeof(text), "%.*s", (int) size->value.len,
             (char *) size->value.data);
    fuzz_must(atoi(text) >= 8 && atoi(text) <= 60, "not too large");

    fuzz_must(name->value.len > 4
              && memrchr(name->value.data, '.', name->value.len),
              "a name that says what it is");
    fuzz_must(memchr(type->value.data, '/', type->value.len) != NULL,
              "a media type");
}


static void
same(zwfw_upload_t *a, zwfw_upload_t *b)
{
    fuzz_must(a->rc == b->rc, "the same result");

    if (a->rc == ZWFW_OK) {
        fuzz_must(fuzz_same(a->errors, b->errors), "the same errors");
        fuzz_must(fuzz_same(a->root, b->root), "the same tree");
        return;
    }

    fuzz_must(a->status == b->status
              && strcmp(a->error.code, b->error.code) == 0
              && fuzz_equal(&a->error.field, &b->error.field),
              "the same refusal");
}


/* takes all files away; how many there were */

static unsigned
clear(void)
{
    removed = 0;
    nftw(folder, remove_one, 8, FTW_DEPTH|FTW_PHYS);

    return removed;
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;

    if (type == FTW_F) {
        fuzz_must(strstr(path, "/tmp/") == NULL
                  || strncmp(path, "/tmp/", 5) == 0, "nothing is left over");
        removed += (unlink(path) == 0);

    } else if (type == FTW_DP && ftw->level) {
        rmdir(path);
    }

    return 0;
}
