
/*
 * zwfw_upload.h: bodies with files become trees, or nothing of them is kept
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "zwfw_upload.h"


#define TEST_BODY  2000000
#define PDF        "%PDF-1.7 content"


typedef struct {
    const char  *name;
    const char  *code;
    int          status;       /* 0: the part only, the body is read */
    const char  *field;        /* "": none */
    const char  *body;         /* "#" begins a line of the boundary */
} test_bad_t;


static void test_start(zwfw_upload_t *u, zwfw_upload_piece_t *pieces,
    unsigned npieces);
static size_t test_body(const char *text, char *out);
static unsigned test_files(void);
static char *test_tree(zwfw_upload_t *u);
static const char *test_code(zwfw_upload_t *u);
static void test_one(void);
static void test_many(void);
static void test_pieces(void);
static void test_in_file(void);
static void test_empty(void);
static void test_bad(void);
static void test_others(void);
static void test_too_large(void);
static void test_texts(void);
static void test_away(void);
static void test_short(void);
static void test_types(void);
static void test_limit(void);


static char            test_folder[64];
static char            test_buffer[TEST_BODY];
static unsigned char   test_key[32] = "some key of exactly thirty-two ";
static zwfw_vault_key_t  test_keys[] = { { 1, test_key, test_key } };


static zwfw_field_t  test_members[] = {
    { zwfw_string("kind"), zwfw_type_code, 0, 20, NULL, NULL },
    { zwfw_string("file"), zwfw_type_file, 0, 100000, NULL, NULL },
      zwfw_null_field
};

static zwfw_field_t  test_group[] = {
    { zwfw_string("photo"), zwfw_type_file, 0, 50, NULL, NULL },
    { zwfw_string("name"), zwfw_type_text, 0, 50, NULL, NULL },
      zwfw_null_field
};

static zwfw_field_t  test_fields[] = {
    { zwfw_string("id"), zwfw_type_file, ZWFW_FIELD_PATH, 1000, NULL, NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 500, NULL, NULL },
    { zwfw_string("letter"), zwfw_type_file, 0, 200000, NULL, NULL },
    { zwfw_string("person"), zwfw_type_group, 0, 0, test_group, NULL },
    { zwfw_string("materials"), zwfw_type_list, 0, 10, test_members, NULL },
      zwfw_null_field
};


int
main(void)
{
    char  command[128];

    snprintf(test_folder, sizeof(test_folder), "/tmp/zwfw-upload-XXXXXX");

    if (mkdtemp(test_folder) == NULL) {
        printf("Bail out!  no folder\n");
        return 1;
    }

    strcat(test_folder, "/");

    test_bad();
    test_others();
    test_too_large();
    test_texts();
    test_empty();
    test_away();
    test_short();
    test_one();
    test_many();
    test_pieces();
    test_in_file();
    test_types();
    test_limit();

    snprintf(command, sizeof(command), "rm -rf %s", test_folder);

    if (system(command) != 0) {
        printf("# %s is left\n", test_folder);
    }

    return tap_done();
}


static void
test_start(zwfw_upload_t *u, zwfw_upload_piece_t *pieces, unsigned npieces)
{
    memset(u, 0, sizeof(zwfw_upload_t));

    u->vault.folder = test_folder;
    u->vault.index = test_key;
    u->vault.keys = test_keys;
    u->vault.nkeys = 1;
    u->vault.dir = -1;
    u->fields = test_fields;
    u->boundary.data = (unsigned char *) "frontier";
    u->boundary.len = 8;
    u->pieces = pieces;
    u->npieces = npieces;

    zwfw_upload_run(u);
}


/* lines end with \n; "#" is a boundary, "#." the last, a part is
   "#name" or "#name;filename", then its content */

static size_t
test_body(const char *text, char *out)
{
    char        *p;
    size_t       n;
    const char  *s, *end, *semicolon;

    p = out;

    for (s = text; *s; s = *end ? end + 1 : end) {
        end = strchrnul(s, '\n');
        n = end - s;

        if (*s != '#') {
            p = mempcpy(p, s, n);
            p = mempcpy(p, "\r\n", 2);
            continue;
        }

        if (n == 2 && s[1] == '.') {
            p += sprintf(p, "--frontier--\r\n");
            continue;
        }

        semicolon = memchr(s, ';', n);

        if (semicolon) {
            p += sprintf(p, "--frontier\r\nContent-Disposition: form-data; "
                         "name=\"%.*s\"; filename=\"%.*s\"\r\n\r\n",
                         (int) (semicolon - s - 1), s + 1,
                         (int) (end - semicolon - 1), semicolon + 1);
            continue;
        }

        p += sprintf(p, "--frontier\r\nContent-Disposition: form-data; "
                     "name=\"%.*s\"\r\n\r\n", (int) n - 1, s + 1);
    }

    return p - out;
}


static unsigned
test_files(void)
{
    char      command[128];
    FILE     *pipe;
    unsigned  n;

    snprintf(command, sizeof(command), "find %s -type f | wc -l",
             test_folder);

    n = 1000000;
    pipe = popen(command, "r");

    if (pipe == NULL || fscanf(pipe, "%u", &n) != 1) {
        n = 1000000;
    }

    pclose(pipe);

    return n;
}


/* addresses and digests become letters, to be freed */

static char *
test_tree(zwfw_upload_t *u)
{
    char    *text, *p;
    size_t   len;

    if (u->rc != ZWFW_OK) {
        return strdup(u->error.code ? u->error.code : "no code");
    }

    len = zwfw_json_size(u->root);
    text = malloc(len + 1);
    zwfw_json_write((unsigned char *) text, u->root);
    text[len] = '\0';

    while ((p = strstr(text, "\"file\":\"")) != NULL) {
        p[1] = 'F';
        memset(p + 8, 'a', 64);
    }

    while ((p = strstr(text, "\"sm3\":\"")) != NULL) {
        p[1] = 'S';
        memset(p + 7, 'd', 64);
    }

    return text;
}


/* of the first part, or of the body, that is refused; NULL: none is */

static const char *
test_code(zwfw_upload_t *u)
{
    if (u->rc == ZWFW_OK) {
        return u->errors->child ? (char *) u->errors->child->value.data : NULL;
    }

    return u->rc == ZWFW_DECLINED ? u->error.code : "no code";
}


#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define D64  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"


static void
test_one(void)
{
    char                 *text;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));

    piece.p = (unsigned char *) test_buffer;
    piece.len = test_body("#note\nhello\n#letter;C:\\a\\Plan.PDF\n" PDF
                          "\n#.", test_buffer);
    test_start(&u, &piece, 1);

    text = test_tree(&u);
    tap_is(text, strlen(text),
           "{\"note\":\"hello\",\"letter\":{\"File\":\"" A64 "\","
           "\"name\":\"Plan.PDF\",\"size\":16,\"type\":\"application/pdf\","
           "\"Sm3\":\"" D64 "\"}}", "a field and a file");
    free(text);
    zwfw_upload_free(&u);

    tap_ok(test_files() == 1, "the file is stored");
}


static void
test_many(void)
{
    char                 *text;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));

    piece.p = (unsigned char *) test_buffer;
    piece.len = test_body("#materials.1.file;b.pdf\n" PDF " b\n"
                          "#materials.0.kind\nx\n"
                          "#materials.0.file;a.pdf\n" PDF "\n"
                          "#person.photo;\n\n"
                          "#person.name\nA\n#.", test_buffer);
    test_start(&u, &piece, 1);

    text = test_tree(&u);
    tap_is(text, strlen(text),
           "{\"materials\":[{\"kind\":\"x\",\"file\":{\"File\":\"" A64 "\","
           "\"name\":\"a.pdf\",\"size\":16,\"type\":\"application/pdf\","
           "\"Sm3\":\"" D64 "\"}},{\"file\":{\"File\":\"" A64 "\","
           "\"name\":\"b.pdf\",\"size\":18,\"type\":\"application/pdf\","
           "\"Sm3\":\"" D64 "\"}}],\"person\":{\"name\":\"A\"}}",
           "files of a list, an empty one is absent");
    free(text);
    zwfw_upload_free(&u);

    tap_ok(test_files() == 2, "equal content is stored once");
}


/* a body cut into pieces of n bytes */

static void
test_pieces(void)
{
    char                 *text, *first;
    size_t                i, n, len;
    unsigned              same, count;
    zwfw_upload_t         u;
    zwfw_upload_piece_t  *pieces;

    len = test_body("#note\nhello\n#letter;p.pdf\n" PDF "\n\n\r\n--front\n#.",
                    test_buffer);
    pieces = calloc(len, sizeof(zwfw_upload_piece_t));
    first = NULL;
    same = 0;

    for (n = 1; n <= len; n++) {
        for (i = 0, count = 0; i < len; i += n, count++) {
            pieces[count].p = (unsigned char *) test_buffer + i;
            pieces[count].len = (len - i < n) ? len - i : n;
        }

        test_start(&u, pieces, count);
        text = test_tree(&u);
        zwfw_upload_free(&u);

        if (first == NULL) {
            first = strdup(text);
        }

        same += (strcmp(first, text) == 0);
        free(text);
    }

    tap_ok(same == len && first[0] == '{', "pieces of any length");
    free(first);
    free(pieces);
}


/* memory first, then a file from an offset, longer than a piece */

static void
test_in_file(void)
{
    FILE                 *file;
    size_t                len, i;
    zwfw_json_t          *size;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   pieces[2];

    len = test_body("#letter;p.pdf\n" PDF, test_buffer) - 2;

    for (i = 0; i < 150000; i++) {
        test_buffer[len++] = (char) (i * 31 + i / 255);
    }

    len += sprintf(test_buffer + len, "\r\n--frontier--\r\n");

    file = tmpfile();
    fwrite("before", 1, 6, file);
    fwrite(test_buffer + 100, 1, len - 100, file);
    fflush(file);

    memset(pieces, 0, sizeof(pieces));

    pieces[0].p = (unsigned char *) test_buffer;
    pieces[0].len = 100;
    pieces[1].fd = fileno(file);
    pieces[1].offset = 6;
    pieces[1].len = len - 100;

    test_start(&u, pieces, 2);
    size = zwfw_json_find(u.root, "letter.size", 11);
    tap_ok(u.rc == ZWFW_OK && size
           && size->value.len == 6
           && memcmp(size->value.data, "150016", 6) == 0,
           "a body in memory and in a file");

    zwfw_upload_free(&u);
    fclose(file);
}


static void
test_empty(void)
{
    char                 *text;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));

    piece.p = (unsigned char *) test_buffer;
    piece.len = test_body("#letter;\n\n#materials.0.file;x.pdf\n\n#note\n\n#.",
                          test_buffer);
    test_start(&u, &piece, 1);
    text = test_tree(&u);
    tap_is(text, strlen(text), "{}", "no file was chosen");
    free(text);
    zwfw_upload_free(&u);

    test_start(&u, NULL, 0);
    tap_code(u.error.code, "bad_multipart", "no body");
    zwfw_upload_free(&u);
}


static test_bad_t  test_bads[] = {

    { "a file where none belongs", "unknown_field", 0, "other",
      "#letter;a.pdf\n" PDF "\n#other;b.pdf\n" PDF "\n#." },

    { "a file of a field of the path", "unknown_field", 0, "id",
      "#id;b.pdf\n" PDF "\n#." },

    { "a file below a file", "unknown_field", 0, "letter.file",
      "#letter.file;b.pdf\n" PDF "\n#." },

    { "a file for a text", "bad_type", 0, "note",
      "#note;b.pdf\n" PDF "\n#." },

    { "a file for a list", "bad_type", 0, "materials.0",
      "#materials.0;b.pdf\n" PDF "\n#." },

    { "a type that is not allowed", "bad_file_type", 0,
      "materials.0.file",
      "#letter;a.pdf\n" PDF "\n#materials.0.file;a.exe\nMZ123456789\n#." },

    { "a name that does not fit the content", "bad_file_type", 0, "letter",
      "#letter;a.html\n" PDF "\n#." },

    { "a content that does not fit the name", "bad_file_type", 0, "letter",
      "#letter;a.png\n" PDF "\n#." },

    { "a file without a name", "bad_file_type", 0, "letter",
      "#letter;\n" PDF "\n#." },

    { "a file too short for any type", "bad_file_type", 0, "letter",
      "#letter;a.pdf\n%PDF-1\n#." },

    { "one that is too large as well, in one piece", "bad_file_type", 0,
      "person.photo",
      "#person.photo;a.png\n" PDF PDF PDF PDF "\n#." },

    { "the end is missing", "bad_multipart", 400, "letter",
      "#letter;a.pdf\n" PDF "\n" },

    { "a part is cut off", "bad_multipart", 400, "letter",
      "#note\nx\n#letter;a.pdf\n" PDF " abcdefghij" },

    { "twice the same", "duplicate_key", 400, "letter",
      "#letter;a.pdf\n" PDF "\n#letter;b.pdf\n" PDF "\n#." },

    { "a hole in a list", "bad_name", 400, "materials.0",
      "#materials.1.file;a.pdf\n" PDF "\n#." }
};


static void
test_bad(void)
{
    char                  field[64];
    size_t                i;
    zwfw_str_t           *name;
    test_bad_t           *t;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));
    piece.p = (unsigned char *) test_buffer;

    for (i = 0; i < sizeof(test_bads) / sizeof(test_bads[0]); i++) {
        t = &test_bads[i];

        piece.len = test_body(t->body, test_buffer);
        test_start(&u, &piece, 1);

        name = u.rc == ZWFW_OK && u.errors->child ? &u.errors->child->key
                                                  : &u.error.field;

        snprintf(field, sizeof(field), "%.*s", (int) name->len,
                 name->len ? (char *) name->data : "");

        tap_code(test_code(&u), t->code, t->name);
        tap_ok(u.status == t->status && strcmp(field, t->field) == 0,
               "status %d, field \"%s\"", u.status, field);

        zwfw_upload_free(&u);
    }

    tap_ok(test_files() == 0, "nothing of them is kept");
}


/* each wrong part is told, and the tree has all the others */

static void
test_others(void)
{
    char                 *text;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));
    piece.p = (unsigned char *) test_buffer;
    piece.len = test_body("#note\nhello\n#letter;a.pdf\n" PDF "\n"
                          "#materials.0.file;b.exe\nMZ123456789\n"
                          "#materials.0.kind\nx\n"
                          "#materials.1.file;c.pdf\n" PDF "\n"
                          "#materials.2.file;d.png\n" PDF "\n"
                          "#person.photo;e.pdf\n" PDF PDF PDF PDF "\n"
                          "#person.name\nA\n#.", test_buffer);
    test_start(&u, &piece, 1);

    text = test_tree(&u);
    tap_is(text, strlen(text),
           "{\"note\":\"hello\",\"letter\":{\"File\":\"" A64 "\","
           "\"name\":\"a.pdf\",\"size\":16,\"type\":\"application/pdf\","
           "\"Sm3\":\"" D64 "\"},"
           "\"materials\":[{\"file\":{\"name\":\"b.exe\"},"
           "\"kind\":\"x\"},{\"file\":{\"name\":\"c.pdf\",\"size\":16}},"
           "{\"file\":{\"name\":\"d.png\"}}],"
           "\"person\":{\"photo\":{\"name\":\"e.pdf\"},"
           "\"name\":\"A\"}}",
           "what was typed is there, and the names of files");
    free(text);

    text = malloc(zwfw_json_size(u.errors) + 1);
    *zwfw_json_write((unsigned char *) text, u.errors) = '\0';
    tap_is(text, strlen(text),
           "{\"materials.0.file\":\"bad_file_type\","
           "\"materials.2.file\":\"bad_file_type\","
           "\"person.photo\":\"file_too_large\"}", "all that is wrong");
    free(text);

    zwfw_upload_free(&u);
    tap_ok(test_files() == 0, "no file is kept");
}


static void
test_too_large(void)
{
    size_t                len, most;
    unsigned              n;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));
    piece.p = (unsigned char *) test_buffer;

    for (n = 0; n < 2; n++) {
        most = 50 + n;

        len = test_body("#person.photo;p.pdf\n" PDF, test_buffer) - 2;
        memset(test_buffer + len, 'x', most - 16);
        len += most - 16;
        piece.len = len + sprintf(test_buffer + len,
                                  "\r\n--frontier--\r\n");

        test_start(&u, &piece, 1);
        tap_code(test_code(&u), n ? "file_too_large" : NULL,
                 n ? "a byte too many" : "a full file");
        zwfw_upload_free(&u);

        if (n == 0 && system("rm -rf /tmp/zwfw-upload-*/??") != 0) {
            printf("Bail out!  rm\n");
        }
    }

    tap_ok(test_files() == 0, "it is not kept");
}


static void
test_texts(void)
{
    char                 *p;
    unsigned              i, parts;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));
    piece.p = (unsigned char *) test_buffer;

    p = test_buffer + sprintf(test_buffer, "--frontier\r\nContent-Disposition: "
                              "form-data; name=\"note\"\r\n\r\n");

    for (i = 0; i < ZWFW_UPLOAD_TEXT; i++) {
        p = mempcpy(p, "\xe9\x95\xbf", 3);
    }

    p += sprintf(p, "\r\n--frontier--\r\n");
    piece.len = p - test_buffer;

    test_start(&u, &piece, 1);
    tap_code(test_code(&u), "too_long", "a text is too long");
    tap_is((char *) u.errors->child->key.data, u.errors->child->key.len,
           "note", "it is named");
    tap_ok(u.root->child->value.len % 3 == 0
           && u.root->child->value.len > ZWFW_UPLOAD_TEXT - 6,
           "its beginning is kept, up to a whole character");
    zwfw_upload_free(&u);

    for (parts = 16; parts < 18; parts++) {
        p = test_buffer;

        for (i = 0; i < parts; i++) {
            p += sprintf(p, "%s--frontier\r\nContent-Disposition: form-data; "
                         "name=\"x%u\"\r\n\r\n", i ? "\r\n" : "", i);
            memset(p, 'x', ZWFW_UPLOAD_TEXT);
            p += ZWFW_UPLOAD_TEXT;
        }

        p += sprintf(p, "\r\n--frontier--\r\n");
        piece.len = p - test_buffer;

        test_start(&u, &piece, 1);
        tap_code(u.rc == ZWFW_OK ? NULL : u.error.code,
                 parts == 16 ? NULL : "too_large", "many texts");
        zwfw_upload_free(&u);
    }
}


static void
test_away(void)
{
    char                  folder[64];
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memcpy(folder, test_folder, sizeof(folder));
    strcpy(test_folder, "/tmp/zwfw-there-is-no-such-folder/");

    memset(&piece, 0, sizeof(piece));
    piece.p = (unsigned char *) test_buffer;

    piece.len = test_body("#note\nx\n#.", test_buffer);
    test_start(&u, &piece, 1);
    tap_ok(u.rc == ZWFW_OK, "a body without files needs no folder");
    zwfw_upload_free(&u);

    piece.len = test_body("#letter;a.pdf\n" PDF "\n#.", test_buffer);
    test_start(&u, &piece, 1);
    tap_code(u.error.code, "files_away", "the folder is away");
    tap_ok(u.status == 503 && u.vault.what && u.vault.error == ENOENT
           && u.error.field.len == 0, "and it is said why");
    zwfw_upload_free(&u);

    memcpy(test_folder, folder, sizeof(folder));
}


/* the temporary file of a body is shorter than nginx said */

static void
test_short(void)
{
    FILE                 *file;
    zwfw_upload_t         u;
    zwfw_upload_piece_t   piece;

    memset(&piece, 0, sizeof(piece));

    file = tmpfile();
    fwrite("--frontier", 1, 10, file);
    fflush(file);

    piece.fd = fileno(file);
    piece.len = 100;

    test_start(&u, &piece, 1);
    tap_ok(u.rc == ZWFW_ERROR && u.vault.what, "a body that cannot be read");
    zwfw_upload_free(&u);
    fclose(file);
}


static void
test_types(void)
{
    size_t       i;
    zwfw_str_t   name;
    const char  *type;

    static const char  *types[][3] = {
        { "a.jpg",  "\xff\xd8\xff\xe0" "1234", "image/jpeg" },
        { "a.JPEG", "\xff\xd8\xff\xe1" "1234", "image/jpeg" },
        { "a.png",  "\x89PNG\r\n\x1a\n", "image/png" },
        { "\xe8\xaf\x81.Pdf", "%PDF-1.4", "application/pdf" },
        { "a.ofd",  "PK\x03\x04" "1234", "application/ofd" },
        { "a.ofd",  "PK\x05\x06" "1234", "none" },
        { "a.jpg",  "%PDF-1.4", "none" },
        { "a.svg",  "<svg xml", "none" },
        { ".pdf",   "%PDF-1.4", "none" },
        { "pdf",    "%PDF-1.4", "none" },
        { "a.pdf.", "%PDF-1.4", "none" }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        name.data = (unsigned char *) types[i][0];
        name.len = strlen(types[i][0]);
        type = zwfw_upload_type(&name, (unsigned char *) types[i][1], 8);

        tap_is(type ? type : "none", strlen(type ? type : "none"),
               types[i][2], types[i][0]);
    }
}


static void
test_limit(void)
{
    static zwfw_field_t  huge[] = {
        { zwfw_string("m"), zwfw_type_list, 0, (size_t) 1 << 40,
          test_members, NULL },
          zwfw_null_field
    };

    tap_ok(zwfw_upload_limit(test_fields)
           == 200000 + 50 + 10 * 100000, "all files together");
    tap_ok(zwfw_upload_limit(NULL) == 0
           && zwfw_upload_limit(test_fields + 5) == 0, "no files");
    tap_ok(zwfw_upload_limit(huge) == (uint64_t) 1 << 40, "no overflow");
}
