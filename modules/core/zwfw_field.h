
/*
 * Fields of requests: their types and the check of a whole body against a
 * table of fields.  No nginx types
 */


#ifndef _ZWFW_FIELD_H_INCLUDED_
#define _ZWFW_FIELD_H_INCLUDED_


#include "zwfw_json.h"


typedef struct zwfw_type_s  zwfw_type_t;

struct zwfw_type_s {
    zwfw_str_t          name;    /* "uuid" */
    const char         *schema;  /* JSON Schema members, without braces */

    /* checks, and may normalise in place, one value: NULL, or a static error
       code: "bad_type", "bad_value", "bad_character", "bad_utf8", "bad_date",
       "bad_check_digit", "too_short", "too_long", "too_small", "too_large",
       "too_many", "too_deep" */
    const char        *(*check)(zwfw_mem_t *mem, zwfw_json_t *value,
                                size_t size);
};


/*
 * size:  text, code, email, secret: characters at most (not bytes);
 *        integer, count: greatest value (0: 2^53 - 1), least 0, 1;
 *        object: bytes of its JSON at most, depth at most 8;
 *        list: members at most;  file: bytes at most.
 *
 * Forms send only strings: integer takes "12" as 12, boolean takes "true",
 * "false", "on".  text is trimmed and NFC is not attempted; control
 * characters but \n and \t are "bad_character"; "\r\n" becomes "\n".
 */

extern zwfw_type_t  zwfw_type_uuid[];       /* lower case, normalised */
extern zwfw_type_t  zwfw_type_text[];
extern zwfw_type_t  zwfw_type_line[];       /* text without \n and \t */
extern zwfw_type_t  zwfw_type_code[];       /* [0-9A-Za-z._-]+ */
extern zwfw_type_t  zwfw_type_integer[];
extern zwfw_type_t  zwfw_type_count[];      /* integer that is not 0 */
extern zwfw_type_t  zwfw_type_boolean[];
extern zwfw_type_t  zwfw_type_date[];       /* YYYY-MM-DD, a real day */
extern zwfw_type_t  zwfw_type_idnumber[];   /* GB 11643, "x" becomes "X" */
extern zwfw_type_t  zwfw_type_phone[];      /* 1[3-9] and 9 digits;
                                               1000000 and 4: invented */
extern zwfw_type_t  zwfw_type_email[];      /* lower case */
extern zwfw_type_t  zwfw_type_name[];       /* of a person: 2-50, no digits */
extern zwfw_type_t  zwfw_type_secret[];     /* 8 to size, not trimmed */
extern zwfw_type_t  zwfw_type_cursor[];     /* base64url, at most size */
extern zwfw_type_t  zwfw_type_object[];     /* any JSON object */
extern zwfw_type_t  zwfw_type_group[];      /* object with fields of its own */
extern zwfw_type_t  zwfw_type_list[];       /* array of objects with fields */
extern zwfw_type_t  zwfw_type_file[];       /* uuid of an own file, or core's
                                               {file,name,size,type,sm3} */


typedef struct zwfw_field_s  zwfw_field_t;

struct zwfw_field_s {
    zwfw_str_t          name;
    zwfw_type_t        *type;
    unsigned            flags;
    size_t              size;
    zwfw_field_t       *fields;  /* of a group or of a list's members */
    const char         *seal;    /* "users.email": stored encrypted there */
};


#define ZWFW_FIELD_REQUIRED  0x0001
#define ZWFW_FIELD_PATH      0x0002         /* set by core from the path */
#define ZWFW_FIELD_QUERY     0x0004         /* of a GET, or of a POST's URL */

#define zwfw_null_field  { zwfw_null_string, NULL, 0, 0, NULL, NULL }


/* rows that stand in many tables: the thing of the path, and the number of its
   last change that the asking one saw; which part of a list */

#define zwfw_field_id                                                        \
    { zwfw_string("id"), zwfw_type_uuid, ZWFW_FIELD_PATH|ZWFW_FIELD_REQUIRED, \
      0, NULL, NULL }

#define zwfw_field_version                                                   \
    { zwfw_string("version"), zwfw_type_integer, ZWFW_FIELD_REQUIRED,        \
      2147483647, NULL, NULL }

#define zwfw_field_state                                                     \
    { zwfw_string("state"), zwfw_type_code, ZWFW_FIELD_QUERY, 20, NULL, NULL }

#define zwfw_field_after                                                     \
    { zwfw_string("after"), zwfw_type_cursor, ZWFW_FIELD_QUERY, 200, NULL,   \
      NULL }

#define zwfw_field_limit                                                     \
    { zwfw_string("limit"), zwfw_type_count, ZWFW_FIELD_QUERY, 100, NULL,    \
      NULL }


/*
 * Checks an object against a table that ends with zwfw_null_field; values are
 * normalised in place.  Errors are appended to errors as members
 * {"<dotted path>": "<code>"}, at most 50: "missing", "unknown_field" and the
 * codes of the types.  A JSON null is "bad_type".  An empty string, also one
 * that is empty when trimmed, and an empty list are absent and are removed.
 * Of a required group that is absent the required members are "missing".
 *
 *     ZWFW_OK        all is well
 *     ZWFW_DECLINED  errors has at least one member
 *     ZWFW_ERROR     out of memory
 */
int zwfw_field_check(zwfw_mem_t *mem, zwfw_field_t *fields,
    zwfw_json_t *object, zwfw_json_t *errors);

/* the field of a body at a dotted path, "materials.0.file"; NULL: none */
zwfw_field_t *zwfw_field_find(zwfw_field_t *fields, zwfw_str_t *path);


#endif /* _ZWFW_FIELD_H_INCLUDED_ */
