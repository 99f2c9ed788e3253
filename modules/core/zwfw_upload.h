
/*
 * A multipart body becomes the tree of a form; its files go to the vault.
 * For threads: blocks, and touches nothing of nginx
 */


#ifndef _ZWFW_UPLOAD_H_INCLUDED_
#define _ZWFW_UPLOAD_H_INCLUDED_


#include <sys/types.h>

#include "zwfw_field.h"
#include "zwfw_form.h"
#include "zwfw_vault.h"


#define ZWFW_UPLOAD_TEXT   65536       /* bytes of one part that is no file */
#define ZWFW_UPLOAD_TEXTS  1048576     /* of all of them */


/* of a body: in memory, or in a file */

typedef struct {
    const unsigned char        *p;     /* NULL: in a file */
    size_t                      len;
    int                         fd;
    off_t                       offset;
} zwfw_upload_piece_t;


typedef struct zwfw_upload_file_s   zwfw_upload_file_t;
typedef struct zwfw_upload_block_s  zwfw_upload_block_t;


typedef struct {
    zwfw_vault_t                vault; /* of the caller; not entered */
    zwfw_field_t               *fields;
    zwfw_str_t                  boundary;
    zwfw_upload_piece_t        *pieces;
    unsigned                    npieces;

    int                         rc;
    zwfw_json_t                *root;  /* ZWFW_OK: an object */
    zwfw_json_t                *errors;    /* ZWFW_OK: {"<name>": "<code>"} of
                                              parts that are refused */
    int                         status;    /* ZWFW_DECLINED: 400, 413;
                                              503: see vault.what */
    zwfw_json_error_t           error;

    /* of upload.c; root, errors, error and these live until it is freed */

    zwfw_mem_t                  mem;
    zwfw_upload_block_t        *blocks;
    zwfw_upload_file_t         *files;
    zwfw_upload_file_t         *file;  /* the part is one */
    zwfw_str_t                  name;  /* of the part */
    zwfw_str_t                  filename;
    zwfw_field_t               *field;
    unsigned char              *text;  /* of the part, or begin of its file */
    size_t                      length;    /* of text */
    size_t                      texts;
    uint64_t                    size;  /* of the part's file */
    unsigned                    typed:1;   /* the part is a file */
    unsigned                    skip:1;    /* the part is refused */
} zwfw_upload_t;


/*
 * Reads the pieces; sets rc.  At the place of a file the tree has an object
 * {file, name, size, type, sm3}; an empty file is absent.
 *
 * A part that is refused ("bad_file_type", "file_too_large", "too_long",
 * "unknown_field", "bad_type") is skipped, and the rest is read: errors has
 * them, at most 50.  The tree then has {name} at the place of such a file and
 * {name, size} of the others, which are not kept.
 *
 *     ZWFW_OK        root is set; without errors its files are in the vault
 *     ZWFW_DECLINED  status and error are set
 *     ZWFW_ERROR     out of memory, OpenSSL failed, or (vault.what) the body
 *                    could not be read
 */
void zwfw_upload_run(zwfw_upload_t *u);

void zwfw_upload_free(zwfw_upload_t *u);

/*
 * The media type of a file by its first bytes, at most 8 are looked at, which
 * must fit the end of its name; NULL: it is not allowed.
 */
const char *zwfw_upload_type(zwfw_str_t *filename, const unsigned char *p,
    size_t len);

/* the most bytes that files of these fields may have, at most 2^40; 0: none */
uint64_t zwfw_upload_limit(zwfw_field_t *fields);


#endif /* _ZWFW_UPLOAD_H_INCLUDED_ */
