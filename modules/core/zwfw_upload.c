
/*
 * A multipart body becomes the tree of a form; its files go to the vault
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zwfw_upload.h"
#include "zwfw_utf8.h"


#define ZWFW_UPLOAD_BLOCK  16384
#define ZWFW_UPLOAD_HEAD   8           /* bytes that tell a type */
#define ZWFW_UPLOAD_MOST   ((uint64_t) 1 << 40)
#define ZWFW_UPLOAD_WRONG  50          /* parts that are told of */


struct zwfw_upload_block_s {
    zwfw_upload_block_t  *next;
    size_t                used;        /* behind this struct */
    size_t                size;
};


struct zwfw_upload_file_s {
    zwfw_upload_file_t   *next;
    zwfw_vault_file_t     file;
    const char           *type;
};


typedef struct {
    const char           *suffix;
    zwfw_str_t            magic;
    const char           *type;
} zwfw_upload_type_t;


static void *zwfw_upload_alloc(void *pool, size_t size);
static int zwfw_upload_parse(zwfw_upload_t *u);
static int zwfw_upload_piece(zwfw_upload_t *u, zwfw_multipart_t *mp,
    zwfw_upload_piece_t *piece, unsigned char *buf);
static int zwfw_upload_fill(zwfw_upload_t *u, zwfw_upload_piece_t *piece,
    size_t done, unsigned char *buf, size_t len);
static int zwfw_upload_feed(zwfw_upload_t *u, zwfw_multipart_t *mp,
    const unsigned char *p, size_t len);
static int zwfw_upload_keep(zwfw_upload_t *u);
static int zwfw_upload_refuse(zwfw_upload_t *u, int status, const char *code);
static int zwfw_upload_wrong(zwfw_upload_t *u, const char *code);
static int zwfw_upload_away(zwfw_upload_t *u, int rc);

static int zwfw_upload_part(void *data, zwfw_str_t *name,
    zwfw_str_t *filename, zwfw_str_t *type);
static int zwfw_upload_bytes(void *data, const unsigned char *p, size_t len);
static int zwfw_upload_text(zwfw_upload_t *u, const unsigned char *p,
    size_t len);
static int zwfw_upload_content(zwfw_upload_t *u, const unsigned char *p,
    size_t len);
static int zwfw_upload_begin(zwfw_upload_t *u);
static int zwfw_upload_end(void *data);
static int zwfw_upload_end_text(zwfw_upload_t *u);
static int zwfw_upload_put(zwfw_upload_t *u, zwfw_json_t *value);
static zwfw_json_t *zwfw_upload_object(zwfw_upload_t *u);
static zwfw_json_t *zwfw_upload_member(zwfw_upload_t *u, zwfw_json_t *object,
    const char *key, zwfw_json_type_e type, const char *text);


/* what may be handed in: the name and the content must say the same */

static zwfw_upload_type_t  zwfw_upload_types[] = {
    { ".jpg",  zwfw_string("\xff\xd8\xff"), "image/jpeg" },
    { ".jpeg", zwfw_string("\xff\xd8\xff"), "image/jpeg" },
    { ".png",  zwfw_string("\x89PNG\r\n\x1a\n"), "image/png" },
    { ".pdf",  zwfw_string("%PDF-"), "application/pdf" },
    { ".ofd",  zwfw_string("PK\x03\x04"), "application/ofd" },
    { ".docx", zwfw_string("PK\x03\x04"),
      "application/vnd.openxmlformats-officedocument"
      ".wordprocessingml.document" },
    { ".xlsx", zwfw_string("PK\x03\x04"),
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
    { NULL, zwfw_null_string, NULL }
};


void
zwfw_upload_run(zwfw_upload_t *u)
{
    zwfw_upload_file_t  *file;

    u->mem.alloc = zwfw_upload_alloc;
    u->mem.pool = u;

    u->rc = zwfw_upload_parse(u);

    if (u->rc == ZWFW_OK && u->errors->child == NULL) {
        u->rc = zwfw_upload_keep(u);
    }

    for (file = u->files; file; file = file->next) {
        zwfw_vault_drop(&file->file);
    }

    zwfw_vault_leave(&u->vault);
}


void
zwfw_upload_free(zwfw_upload_t *u)
{
    zwfw_upload_block_t  *block;

    while ((block = u->blocks) != NULL) {
        u->blocks = block->next;
        free(block);
    }
}


static void *
zwfw_upload_alloc(void *pool, size_t size)
{
    size_t                room;
    unsigned char        *p;
    zwfw_upload_t        *u = pool;
    zwfw_upload_block_t  *block;

    size = (size + 15) & ~ (size_t) 15;
    block = u->blocks;

    if (block == NULL || block->size - block->used < size) {
        room = (size > ZWFW_UPLOAD_BLOCK) ? size : ZWFW_UPLOAD_BLOCK;

        block = malloc(((sizeof(zwfw_upload_block_t) + 15)
                        & ~ (size_t) 15) + room);
        if (block == NULL) {
            return NULL;
        }

        block->next = u->blocks;
        block->used = 0;
        block->size = room;
        u->blocks = block;
    }

    p = (unsigned char *) block
        + ((sizeof(zwfw_upload_block_t) + 15) & ~ (size_t) 15) + block->used;
    block->used += size;

    return p;
}


static int
zwfw_upload_parse(zwfw_upload_t *u)
{
    int                        rc;
    unsigned                   i;
    unsigned char             *buf;
    zwfw_multipart_t          *mp;
    zwfw_json_error_t          error;
    zwfw_multipart_handler_t   handler;

    handler.part = zwfw_upload_part;
    handler.bytes = zwfw_upload_bytes;
    handler.end = zwfw_upload_end;
    handler.data = u;

    u->root = zwfw_json_new(&u->mem, ZWFW_JSON_OBJECT, NULL);
    u->errors = zwfw_json_new(&u->mem, ZWFW_JSON_OBJECT, NULL);
    u->text = zwfw_upload_alloc(u, ZWFW_UPLOAD_TEXT);
    buf = zwfw_upload_alloc(u, ZWFW_VAULT_PIECE);
    mp = zwfw_multipart_create(&u->mem, &u->boundary, &handler);

    if (u->root == NULL || u->errors == NULL || u->text == NULL || buf == NULL
        || mp == NULL)
    {
        return ZWFW_ERROR;
    }

    for (i = 0; i < u->npieces; i++) {
        rc = zwfw_upload_piece(u, mp, &u->pieces[i], buf);
        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    rc = zwfw_multipart_finish(mp, &error);

    if (rc == ZWFW_OK) {
        rc = zwfw_form_done(u->root, &error);
    }

    if (rc == ZWFW_DECLINED) {
        u->error = error;
        u->status = 400;
    }

    return rc;
}


static int
zwfw_upload_piece(zwfw_upload_t *u, zwfw_multipart_t *mp,
    zwfw_upload_piece_t *piece, unsigned char *buf)
{
    int     rc;
    size_t  done, len;

    if (piece->p) {
        return zwfw_upload_feed(u, mp, piece->p, piece->len);
    }

    for (done = 0; done < piece->len; done += len) {
        len = (piece->len - done < ZWFW_VAULT_PIECE) ? piece->len - done
                                                     : ZWFW_VAULT_PIECE;

        rc = zwfw_upload_fill(u, piece, done, buf, len);

        if (rc == ZWFW_OK) {
            rc = zwfw_upload_feed(u, mp, buf, len);
        }

        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    return ZWFW_OK;
}


static int
zwfw_upload_fill(zwfw_upload_t *u, zwfw_upload_piece_t *piece, size_t done,
    unsigned char *buf, size_t len)
{
    ssize_t  n;

    while (len) {
        n = pread(piece->fd, buf, len, piece->offset + done);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            u->vault.error = (n == -1) ? errno : 0;
            u->vault.what = "pread() of the body";
            return ZWFW_ERROR;
        }

        buf += n;
        done += n;
        len -= n;
    }

    return ZWFW_OK;
}


static int
zwfw_upload_feed(zwfw_upload_t *u, zwfw_multipart_t *mp,
    const unsigned char *p, size_t len)
{
    int                rc;
    zwfw_json_error_t  error;

    memset(&error, 0, sizeof(zwfw_json_error_t));

    rc = zwfw_multipart_feed(mp, p, len, &error);

    /* without a code it was one of ours that refused */

    if (rc == ZWFW_DECLINED && error.code) {
        u->error = error;
        u->status = 400;
    }

    return rc;
}


static int
zwfw_upload_keep(zwfw_upload_t *u)
{
    int                  rc;
    zwfw_upload_file_t  *file;

    for (file = u->files; file; file = file->next) {
        rc = zwfw_vault_keep(&file->file);
        if (rc != ZWFW_OK) {
            return zwfw_upload_away(u, rc);
        }
    }

    return ZWFW_OK;
}


/* names the part */

static int
zwfw_upload_refuse(zwfw_upload_t *u, int status, const char *code)
{
    u->status = status;
    u->error.code = code;
    u->error.field = u->name;

    return ZWFW_DECLINED;
}


/* the part is, the body goes on: what else is wrong is told as well */

static int
zwfw_upload_wrong(zwfw_upload_t *u, const char *code)
{
    zwfw_str_t    value;
    zwfw_json_t  *error;

    u->skip = 1;

    if (u->errors->count >= ZWFW_UPLOAD_WRONG) {
        return ZWFW_OK;
    }

    value.data = (unsigned char *) code;
    value.len = strlen(code);

    error = zwfw_json_new(&u->mem, ZWFW_JSON_STRING, &value);
    if (error == NULL) {
        return ZWFW_ERROR;
    }

    zwfw_json_append(u->errors, &u->name, error);

    return ZWFW_OK;
}


static int
zwfw_upload_away(zwfw_upload_t *u, int rc)
{
    if (rc == ZWFW_DECLINED) {
        memset(&u->name, 0, sizeof(zwfw_str_t));
        return zwfw_upload_refuse(u, 503, "files_away");
    }

    return rc;
}


/* a media type is what makes a part a file */

static int
zwfw_upload_part(void *data, zwfw_str_t *name, zwfw_str_t *filename,
    zwfw_str_t *type)
{
    zwfw_upload_t  *u = data;

    u->name = *name;
    u->filename = *filename;
    u->field = NULL;
    u->file = NULL;
    u->length = 0;
    u->size = 0;
    u->typed = (type->len != 0);
    u->skip = 0;

    if (!u->typed) {
        return ZWFW_OK;
    }

    u->field = zwfw_field_find(u->fields, name);

    if (u->field == NULL) {
        return zwfw_upload_wrong(u, "unknown_field");
    }

    if (u->field->type != zwfw_type_file) {
        return zwfw_upload_wrong(u, "bad_type");
    }

    return ZWFW_OK;
}


static int
zwfw_upload_bytes(void *data, const unsigned char *p, size_t len)
{
    zwfw_upload_t  *u = data;

    if (u->skip) {
        return ZWFW_OK;
    }

    return u->typed ? zwfw_upload_content(u, p, len)
                    : zwfw_upload_text(u, p, len);
}


static int
zwfw_upload_text(zwfw_upload_t *u, const unsigned char *p, size_t len)
{
    size_t  n;

    n = ZWFW_UPLOAD_TEXT - u->length;

    if (n > len) {
        n = len;
    }

    if (n > ZWFW_UPLOAD_TEXTS - u->texts) {
        return zwfw_upload_refuse(u, 413, "too_large");
    }

    memcpy(u->text + u->length, p, n);
    u->length += n;
    u->texts += n;

    return (n < len) ? zwfw_upload_wrong(u, "too_long") : ZWFW_OK;
}


/*
 * Once something is wrong, files are looked at, but no longer stored.  The type
 * comes before the size: however the body is cut, the same is wrong
 */

static int
zwfw_upload_content(zwfw_upload_t *u, const unsigned char *p, size_t len)
{
    int     rc;
    size_t  n;

    u->size += len;

    if (u->length < ZWFW_UPLOAD_HEAD) {
        n = ZWFW_UPLOAD_HEAD - u->length;

        if (n > len) {
            n = len;
        }

        memcpy(u->text + u->length, p, n);
        u->length += n;
        p += n;
        len -= n;

        if (u->length < ZWFW_UPLOAD_HEAD) {
            return ZWFW_OK;
        }

        rc = zwfw_upload_begin(u);
        if (rc != ZWFW_OK || u->skip) {
            return rc;
        }
    }

    if (u->size > u->field->size) {
        return zwfw_upload_wrong(u, "file_too_large");
    }

    if (u->file == NULL) {
        return ZWFW_OK;
    }

    return zwfw_upload_away(u, zwfw_vault_write(&u->file->file, p, len));
}


/* the first bytes are here */

static int
zwfw_upload_begin(zwfw_upload_t *u)
{
    int                  rc;
    const char          *type;
    zwfw_upload_file_t  *file;

    type = zwfw_upload_type(&u->filename, u->text, u->length);
    if (type == NULL) {
        return zwfw_upload_wrong(u, "bad_file_type");
    }

    if (u->errors->child) {
        return ZWFW_OK;
    }

    if (u->vault.buffer == NULL) {
        rc = zwfw_vault_enter(&u->vault);
        if (rc != ZWFW_OK) {
            return zwfw_upload_away(u, rc);
        }
    }

    file = zwfw_upload_alloc(u, sizeof(zwfw_upload_file_t));
    if (file == NULL) {
        return ZWFW_ERROR;
    }

    file->type = type;
    file->next = u->files;
    u->files = file;
    u->file = file;

    rc = zwfw_vault_create(&u->vault, &file->file);

    if (rc == ZWFW_OK) {
        rc = zwfw_vault_write(&file->file, u->text, u->length);
    }

    return zwfw_upload_away(u, rc);
}


const char *
zwfw_upload_type(zwfw_str_t *filename, const unsigned char *p, size_t len)
{
    size_t               i, n;
    zwfw_upload_type_t  *t;

    for (t = zwfw_upload_types; t->suffix; t++) {
        n = strlen(t->suffix);

        if (filename->len <= n || len < t->magic.len
            || memcmp(p, t->magic.data, t->magic.len) != 0)
        {
            continue;
        }

        for (i = 0; i < n; i++) {

            if ((filename->data[filename->len - n + i] | 0x20)
                != (t->suffix[i] | 0x20))
            {
                break;
            }
        }

        if (i == n) {
            return t->type;
        }
    }

    return NULL;
}


static int
zwfw_upload_end(void *data)
{
    int             rc;
    zwfw_json_t    *value;
    zwfw_upload_t  *u = data;

    if (!u->typed) {
        return zwfw_upload_end_text(u);
    }

    /* no file was chosen */

    if (u->size == 0 && !u->skip) {
        return ZWFW_OK;
    }

    if (u->length < ZWFW_UPLOAD_HEAD && !u->skip) {
        rc = zwfw_upload_wrong(u, "bad_file_type");
        if (rc != ZWFW_OK) {
            return rc;
        }
    }

    if (u->file && !u->skip) {
        rc = zwfw_vault_finish(&u->file->file);
        if (rc != ZWFW_OK) {
            return zwfw_upload_away(u, rc);
        }
    }

    value = zwfw_upload_object(u);

    return value ? zwfw_upload_put(u, value) : ZWFW_ERROR;
}


static int
zwfw_upload_end_text(zwfw_upload_t *u)
{
    zwfw_str_t   part;
    zwfw_json_t  text;

    part.data = u->text;
    part.len = u->length;

    memset(&text, 0, sizeof(zwfw_json_t));

    text.type = ZWFW_JSON_STRING;
    text.value.data = u->text;
    text.value.len = u->skip ? zwfw_utf8_cut(&part, u->length - 3) : u->length;

    return zwfw_upload_put(u, &text);
}


static int
zwfw_upload_put(zwfw_upload_t *u, zwfw_json_t *value)
{
    int  rc;

    rc = zwfw_form_put(&u->mem, u->root, &u->name, value, &u->error);

    if (rc == ZWFW_DECLINED) {
        u->status = 400;
    }

    return rc;
}


/* one that is not stored keeps the place of its row; without a size the check
   of fields finds it there */

static zwfw_json_t *
zwfw_upload_object(zwfw_upload_t *u)
{
    char                 size[24];
    zwfw_json_t         *object;
    zwfw_upload_file_t  *file;

    file = u->errors->child ? NULL : u->file;

    snprintf(size, sizeof(size), "%llu", (unsigned long long) u->size);

    object = zwfw_json_new(&u->mem, ZWFW_JSON_OBJECT, NULL);

    if (object == NULL
        || (file
            && zwfw_upload_member(u, object, "file", ZWFW_JSON_STRING,
                                  file->file.address) == NULL)
        || zwfw_json_add(&u->mem, object, "name", ZWFW_JSON_STRING,
                         &u->filename) == NULL
        || (!u->skip
            && zwfw_upload_member(u, object, "size", ZWFW_JSON_NUMBER, size)
               == NULL))
    {
        return NULL;
    }

    if (file
        && (zwfw_upload_member(u, object, "type", ZWFW_JSON_STRING, file->type)
            == NULL
            || zwfw_upload_member(u, object, "sm3", ZWFW_JSON_STRING,
                                  file->file.sm3) == NULL))
    {
        return NULL;
    }

    return object;
}


static zwfw_json_t *
zwfw_upload_member(zwfw_upload_t *u, zwfw_json_t *object, const char *key,
    zwfw_json_type_e type, const char *text)
{
    zwfw_str_t  copy;

    copy.len = strlen(text);
    copy.data = zwfw_upload_alloc(u, copy.len);

    if (copy.data == NULL) {
        return NULL;
    }

    memcpy(copy.data, text, copy.len);

    return zwfw_json_add(&u->mem, object, key, type, &copy);
}


uint64_t
zwfw_upload_limit(zwfw_field_t *fields)
{
    uint64_t       sum, one;
    zwfw_field_t  *f;

    sum = 0;

    for (f = fields; f && f->type; f++) {

        if (f->flags & (ZWFW_FIELD_PATH|ZWFW_FIELD_QUERY)) {
            continue;
        }

        if (f->type == zwfw_type_file) {
            one = f->size;

        } else {
            one = zwfw_upload_limit(f->fields);
        }

        if (f->type == zwfw_type_list && f->size
            && one > ZWFW_UPLOAD_MOST / f->size)
        {
            return ZWFW_UPLOAD_MOST;
        }

        sum += (f->type == zwfw_type_list) ? one * f->size : one;

        if (sum > ZWFW_UPLOAD_MOST) {
            return ZWFW_UPLOAD_MOST;
        }
    }

    return sum;
}
