
/*
 * multipart/form-data: the header block of a part, and the boundary
 */


#include <string.h>

#include "zwfw_multipart.h"
#include "zwfw_utf8.h"


#define ZWFW_MULTIPART_BOUNDARY  70


static const char *zwfw_multipart_lines(unsigned char *head, size_t len,
    zwfw_multipart_part_t *part);
static const char *zwfw_multipart_field(zwfw_str_t *line,
    zwfw_multipart_part_t *part);
static const char *zwfw_multipart_disposition(zwfw_str_t *value,
    zwfw_multipart_part_t *part);
static const char *zwfw_multipart_type(zwfw_str_t *value,
    zwfw_multipart_part_t *part);
static const char *zwfw_multipart_encoding(zwfw_str_t *value);
static const char *zwfw_multipart_name(zwfw_str_t *name);
static const char *zwfw_multipart_filename(zwfw_str_t *name);
static const char *zwfw_multipart_text(zwfw_str_t *text, const char *code);
static int zwfw_multipart_param(zwfw_str_t *rest, zwfw_str_t *key,
    zwfw_str_t *value);
static int zwfw_multipart_quoted(zwfw_str_t *rest, zwfw_str_t *value);
static void zwfw_multipart_token(zwfw_str_t *rest, zwfw_str_t *token);
static int zwfw_multipart_skip(zwfw_str_t *rest, unsigned char c);
static void zwfw_multipart_space(zwfw_str_t *rest);
static void zwfw_multipart_unquote(zwfw_str_t *s);
static unsigned char zwfw_multipart_percent(const unsigned char *p);
static int zwfw_multipart_is(zwfw_str_t *s, const char *lower);


static zwfw_str_t  zwfw_multipart_octets =
    zwfw_string("application/octet-stream");


const char *
zwfw_multipart_read(unsigned char *head, size_t len,
    zwfw_multipart_part_t *part)
{
    const char  *code;

    memset(part, 0, sizeof(zwfw_multipart_part_t));

    code = zwfw_multipart_lines(head, len, part);

    if (code == NULL) {
        code = zwfw_multipart_name(&part->name);
    }

    if (code) {
        memset(&part->name, 0, sizeof(zwfw_str_t));
        return code;
    }

    /* a filename is what makes a part a file */

    if (part->filename.data == NULL) {
        memset(&part->type, 0, sizeof(zwfw_str_t));

    } else if (part->type.data == NULL) {
        part->type = zwfw_multipart_octets;
    }

    return zwfw_multipart_filename(&part->filename);
}


static const char *
zwfw_multipart_lines(unsigned char *head, size_t len,
    zwfw_multipart_part_t *part)
{
    const char     *code;
    zwfw_str_t      line;
    unsigned char  *p, *end;

    for (p = head; *p != '\r'; p = end + 2) {

        /* each line ends with CRLF, the last one is empty */

        end = memchr(p, '\r', head + len - p);

        line.data = p;
        line.len = end - p;

        code = zwfw_multipart_field(&line, part);
        if (code) {
            return code;
        }
    }

    return NULL;
}


/* one line; a folded one has no token at its beginning */

static const char *
zwfw_multipart_field(zwfw_str_t *line, zwfw_multipart_part_t *part)
{
    zwfw_str_t  name;

    zwfw_multipart_token(line, &name);

    if (name.len == 0 || !zwfw_multipart_skip(line, ':')) {
        return "bad_multipart";
    }

    zwfw_multipart_space(line);

    if (zwfw_multipart_is(&name, "content-disposition")) {
        return zwfw_multipart_disposition(line, part);
    }

    if (zwfw_multipart_is(&name, "content-type")) {
        return zwfw_multipart_type(line, part);
    }

    if (zwfw_multipart_is(&name, "content-transfer-encoding")) {
        return zwfw_multipart_encoding(line);
    }

    return NULL;
}


static const char *
zwfw_multipart_disposition(zwfw_str_t *value, zwfw_multipart_part_t *part)
{
    zwfw_str_t   token, key, text, *target;

    zwfw_multipart_token(value, &token);

    if (part->disposed || !zwfw_multipart_is(&token, "form-data")) {
        return "bad_multipart";
    }

    part->disposed = 1;

    for ( ;; ) {
        zwfw_multipart_space(value);

        if (value->len == 0) {
            return NULL;
        }

        if (zwfw_multipart_param(value, &key, &text) != ZWFW_OK
            || key.data[key.len - 1] == '*')
        {
            return "bad_multipart";
        }

        if (zwfw_multipart_is(&key, "name")) {
            target = &part->name;

        } else if (zwfw_multipart_is(&key, "filename")) {
            target = &part->filename;

        } else {
            continue;
        }

        if (target->data) {
            return "bad_multipart";
        }

        *target = text;
        zwfw_multipart_unquote(target);
    }
}


/* keeps the media type in lower case, without its parameters */

static const char *
zwfw_multipart_type(zwfw_str_t *value, zwfw_multipart_part_t *part)
{
    size_t      i;
    zwfw_str_t  type, subtype, key, text;

    if (part->type.data) {
        return "bad_multipart";
    }

    zwfw_multipart_token(value, &type);

    if (type.len == 0 || !zwfw_multipart_skip(value, '/')) {
        return "bad_multipart";
    }

    zwfw_multipart_token(value, &subtype);

    if (subtype.len == 0) {
        return "bad_multipart";
    }

    for ( ;; ) {
        zwfw_multipart_space(value);

        if (value->len == 0) {
            break;
        }

        if (zwfw_multipart_param(value, &key, &text) != ZWFW_OK) {
            return "bad_multipart";
        }
    }

    type.len += 1 + subtype.len;

    for (i = 0; i < type.len; i++) {

        if (type.data[i] >= 'A' && type.data[i] <= 'Z') {
            type.data[i] |= 0x20;
        }
    }

    part->type = type;

    return NULL;
}


/* nothing is decoded, so nothing may be encoded */

static const char *
zwfw_multipart_encoding(zwfw_str_t *value)
{
    zwfw_str_t  token;

    zwfw_multipart_token(value, &token);
    zwfw_multipart_space(value);

    if (value->len == 0
        && (zwfw_multipart_is(&token, "binary")
            || zwfw_multipart_is(&token, "8bit")
            || zwfw_multipart_is(&token, "7bit")))
    {
        return NULL;
    }

    return "bad_multipart";
}


static const char *
zwfw_multipart_name(zwfw_str_t *name)
{
    if (name->data == NULL) {
        return "bad_multipart";
    }

    if (name->len == 0 || name->len > ZWFW_FORM_NAME) {
        return "bad_name";
    }

    return zwfw_multipart_text(name, "bad_name");
}


/* keeps the last component, which must be one */

static const char *
zwfw_multipart_filename(zwfw_str_t *name)
{
    size_t  i;

    if (name->data == NULL || name->len == 0) {
        return NULL;
    }

    for (i = name->len; i; i--) {

        if (name->data[i - 1] == '/' || name->data[i - 1] == '\\') {
            name->data += i;
            name->len -= i;
            break;
        }
    }

    if (name->len == 0 || zwfw_multipart_is(name, ".")
        || zwfw_multipart_is(name, ".."))
    {
        return "bad_name";
    }

    return zwfw_multipart_text(name, "bad_character");
}


/* code is for control characters */

static const char *
zwfw_multipart_text(zwfw_str_t *text, const char *code)
{
    uint32_t              c;
    const char           *found;
    const unsigned char  *p, *last;

    if (text->len == 0) {
        return NULL;
    }

    found = NULL;
    p = text->data;
    last = p + text->len;

    while (p < last) {
        c = zwfw_utf8_next(&p, last);

        if (c == ZWFW_UTF8_BAD) {
            return "bad_utf8";
        }

        if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            found = code;
        }
    }

    return found;
}


int
zwfw_multipart_boundary(const unsigned char *header, size_t len,
    zwfw_str_t *boundary)
{
    zwfw_str_t  rest, token, key, text;

    rest.data = (unsigned char *) header;
    rest.len = len;

    memset(boundary, 0, sizeof(zwfw_str_t));

    zwfw_multipart_space(&rest);
    zwfw_multipart_token(&rest, &token);

    if (!zwfw_multipart_is(&token, "multipart")
        || !zwfw_multipart_skip(&rest, '/'))
    {
        return ZWFW_DECLINED;
    }

    zwfw_multipart_token(&rest, &token);

    if (!zwfw_multipart_is(&token, "form-data")) {
        return ZWFW_DECLINED;
    }

    for ( ;; ) {
        zwfw_multipart_space(&rest);

        if (rest.len == 0) {
            break;
        }

        if (zwfw_multipart_param(&rest, &key, &text) != ZWFW_OK) {
            return ZWFW_DECLINED;
        }

        if (!zwfw_multipart_is(&key, "boundary")) {
            continue;
        }

        if (boundary->data || !zwfw_multipart_legal(&text)) {
            return ZWFW_DECLINED;
        }

        *boundary = text;
    }

    return boundary->data ? ZWFW_OK : ZWFW_DECLINED;
}


/* takes "; key=value" off the rest; quotes are taken off, escapes are not */

static int
zwfw_multipart_param(zwfw_str_t *rest, zwfw_str_t *key, zwfw_str_t *value)
{
    zwfw_multipart_space(rest);

    if (!zwfw_multipart_skip(rest, ';')) {
        return ZWFW_DECLINED;
    }

    zwfw_multipart_space(rest);
    zwfw_multipart_token(rest, key);

    if (key->len == 0 || !zwfw_multipart_skip(rest, '=')) {
        return ZWFW_DECLINED;
    }

    if (zwfw_multipart_skip(rest, '"')) {
        return zwfw_multipart_quoted(rest, value);
    }

    zwfw_multipart_token(rest, value);

    return value->len ? ZWFW_OK : ZWFW_DECLINED;
}


/* a backslash escapes only a quote and itself: browsers send others as is */

static int
zwfw_multipart_quoted(zwfw_str_t *rest, zwfw_str_t *value)
{
    size_t  i;

    for (i = 0; i < rest->len; i++) {

        if (rest->data[i] == '"') {
            value->data = rest->data;
            value->len = i;
            rest->data += i + 1;
            rest->len -= i + 1;
            return ZWFW_OK;
        }

        if (rest->data[i] == '\\' && i + 1 < rest->len
            && (rest->data[i + 1] == '"' || rest->data[i + 1] == '\\'))
        {
            i++;
        }
    }

    return ZWFW_DECLINED;
}


static void
zwfw_multipart_token(zwfw_str_t *rest, zwfw_str_t *token)
{
    size_t         n;
    unsigned char  c;

    for (n = 0; n < rest->len; n++) {
        c = rest->data[n];

        if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c)) {
            break;
        }
    }

    token->data = rest->data;
    token->len = n;

    if (n) {
        rest->data += n;
        rest->len -= n;
    }
}


static int
zwfw_multipart_skip(zwfw_str_t *rest, unsigned char c)
{
    if (rest->len == 0 || *rest->data != c) {
        return 0;
    }

    rest->data++;
    rest->len--;

    return 1;
}


static void
zwfw_multipart_space(zwfw_str_t *rest)
{
    while (zwfw_multipart_skip(rest, ' ')
           || zwfw_multipart_skip(rest, '\t'))
    {
        /* void */
    }
}


/* in place: \" and \\, and %22 %0D %0A as browsers write them */

static void
zwfw_multipart_unquote(zwfw_str_t *s)
{
    size_t          left;
    unsigned char  *p, *out, *last;

    if (s->len == 0) {
        return;
    }

    out = s->data;
    last = s->data + s->len;

    for (p = s->data; p < last; p++) {
        left = last - p;

        if (*p == '\\' && left > 1 && (p[1] == '"' || p[1] == '\\')) {
            *out++ = *++p;
            continue;
        }

        if (*p == '%' && left > 2 && zwfw_multipart_percent(p + 1)) {
            *out++ = zwfw_multipart_percent(p + 1);
            p += 2;
            continue;
        }

        *out++ = *p;
    }

    s->len = out - s->data;
}


/* 0: not one of the three */

static unsigned char
zwfw_multipart_percent(const unsigned char *p)
{
    if (p[0] == '2' && p[1] == '2') {
        return '"';
    }

    if (p[0] != '0') {
        return 0;
    }

    switch (p[1] | 0x20) {

    case 'd':
        return '\r';

    case 'a':
        return '\n';

    default:
        return 0;
    }
}


static int
zwfw_multipart_is(zwfw_str_t *s, const char *lower)
{
    size_t         i;
    unsigned char  c;

    if (s->len != strlen(lower)) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (c != (unsigned char) lower[i]) {
            return 0;
        }
    }

    return 1;
}


int
zwfw_multipart_legal(zwfw_str_t *boundary)
{
    size_t         i;
    unsigned char  c;

    if (boundary->len == 0 || boundary->len > ZWFW_MULTIPART_BOUNDARY) {
        return 0;
    }

    for (i = 0; i < boundary->len; i++) {
        c = boundary->data[i];

        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            || (c && strchr("'()+_,-./:=? ", c)))
        {
            continue;
        }

        return 0;
    }

    return boundary->data[boundary->len - 1] != ' ';
}
