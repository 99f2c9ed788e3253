
/*
 * zwfw_field.h: each type at its limits, and tables of fields
 */


#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tap.h"
#include "zwfw_field.h"
#include "zwfw_form.h"


typedef struct {
    zwfw_type_t  *type;
    size_t        size;
    const char   *json;
    const char   *code;        /* NULL: accepted */
    const char   *written;     /* NULL: as it was */
} test_value_t;


typedef struct {
    const char   *json;
    const char   *errors;      /* NULL: accepted */
    const char   *written;     /* NULL: as it was */
} test_body_t;


static zwfw_json_t *test_parse(const char *text, size_t len);
static void test_written(zwfw_json_t *json, const char *want,
    const char *name);
static void test_value(test_value_t *t);
static void test_values(void);
static void test_lengths(void);
static void test_length(zwfw_type_t *type, size_t most, const char *before,
    const char *unit, const char *after, const char *code);
static void test_idnumber(void);
static void test_idnumber_of(time_t day, const char *code, const char *name);
static void test_object(void);
static void test_file(void);
static zwfw_json_t *test_upload(const char *size, const char *name);
static void test_schemas(void);
static void test_bodies(void);
static void test_form(void);
static void test_many_errors(void);
static void test_again(void);
static void test_memory(void);


static zwfw_json_limits_t  test_limits = { 32, 5000, 1000, 100 };


static test_value_t  test_table[] = {
    { zwfw_type_uuid, 0, "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\"", NULL,
      NULL },
    { zwfw_type_uuid, 0, "\" 0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B\\n\"", NULL,
      "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\"" },
    { zwfw_type_uuid, 0, "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5\"",
      "bad_value", NULL },
    { zwfw_type_uuid, 0, "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0\"",
      "bad_value", NULL },
    { zwfw_type_uuid, 0, "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g\"",
      "bad_value", NULL },
    { zwfw_type_uuid, 0, "\"0190a1b2_c3d4-7e5f-8a9b-0c1d2e3f4a5b\"",
      "bad_value", NULL },
    { zwfw_type_uuid, 0, "\"0190a1b2-c3d4-7e5f-8a9b0-c1d2e3f4a5b\"",
      "bad_value", NULL },
    { zwfw_type_uuid, 0, "1", "bad_type", NULL },
    { zwfw_type_uuid, 0, "null", "bad_type", NULL },

    { zwfw_type_text, 9, "\"\\u3000 甲\\r\\n乙\\t丙\\n \\u00a0\"", NULL,
      "\"甲\\n乙\\t丙\"" },
    { zwfw_type_text, 9, "\"a\\rb\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u0001b\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u001fb\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u007fb\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u0080b\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u009fb\"", "bad_character", NULL },
    { zwfw_type_text, 9, "\"a\\u00a0b\"", NULL, "\"a\xc2\xa0" "b\"" },
    { zwfw_type_text, 3, "\"a\\r\\nb\"", NULL, "\"a\\nb\"" },
    { zwfw_type_text, 2, "\"a\\r\\nb\"", "too_long", NULL },
    { zwfw_type_text, 9, "{}", "bad_type", NULL },
    { zwfw_type_text, 9, "null", "bad_type", NULL },
    { zwfw_type_text, 9, "1", "bad_type", NULL },

    { zwfw_type_line, 9, "\"\\n 甲 乙 \\t\"", NULL, "\"甲 乙\"" },
    { zwfw_type_line, 9, "\"a\\nb\"", "bad_character", NULL },
    { zwfw_type_line, 9, "\"a\\tb\"", "bad_character", NULL },
    { zwfw_type_line, 9, "\"a\\r\\nb\"", "bad_character", NULL },
    { zwfw_type_line, 9, "true", "bad_type", NULL },

    { zwfw_type_code, 20, "\"aZ09._-\"", NULL, NULL },
    { zwfw_type_code, 20, "\" a \"", NULL, "\"a\"" },
    { zwfw_type_code, 20, "\"a b\"", "bad_value", NULL },
    { zwfw_type_code, 20, "\"a/b\"", "bad_value", NULL },
    { zwfw_type_code, 20, "\"a\\u0001\"", "bad_value", NULL },
    { zwfw_type_code, 20, "\"中\"", "bad_value", NULL },
    { zwfw_type_code, 20, "12", "bad_type", NULL },

    { zwfw_type_integer, 0, "0", NULL, NULL },
    { zwfw_type_integer, 0, "\"0\"", NULL, "0" },
    { zwfw_type_integer, 0, "\" 12 \"", NULL, "12" },
    { zwfw_type_integer, 0, "9007199254740991", NULL, NULL },
    { zwfw_type_integer, 0, "9007199254740992", "too_large", NULL },
    { zwfw_type_integer, 0, "\"9007199254740991\"", NULL,
      "9007199254740991" },
    { zwfw_type_integer, 0, "\"9007199254740992\"", "too_large", NULL },
    { zwfw_type_integer, 0, "\"99999999999999999999999\"", "too_large",
      NULL },
    { zwfw_type_integer, 100, "100", NULL, NULL },
    { zwfw_type_integer, 100, "101", "too_large", NULL },
    { zwfw_type_integer, 100, "\"101\"", "too_large", NULL },
    { zwfw_type_integer, 100, "-1", "too_small", NULL },
    { zwfw_type_integer, 100, "\"-1\"", "too_small", NULL },
    { zwfw_type_integer, 100, "-0", "too_small", NULL },
    { zwfw_type_integer, 100, "1.0", "bad_value", NULL },
    { zwfw_type_integer, 100, "1e1", "bad_value", NULL },
    { zwfw_type_integer, 100, "-1.5", "bad_value", NULL },
    { zwfw_type_integer, 100, "\"012\"", "bad_value", NULL },
    { zwfw_type_integer, 100, "\"+1\"", "bad_value", NULL },
    { zwfw_type_integer, 100, "\"-\"", "bad_value", NULL },
    { zwfw_type_integer, 100, "\"1 2\"", "bad_value", NULL },
    { zwfw_type_integer, 100, "\"１\"", "bad_value", NULL },
    { zwfw_type_integer, 100, "true", "bad_type", NULL },
    { zwfw_type_integer, 100, "[1]", "bad_type", NULL },

    { zwfw_type_count, 100, "1", NULL, NULL },
    { zwfw_type_count, 100, "\"100\"", NULL, "100" },
    { zwfw_type_count, 100, "0", "too_small", NULL },
    { zwfw_type_count, 100, "\"0\"", "too_small", NULL },
    { zwfw_type_count, 100, "-1", "too_small", NULL },
    { zwfw_type_count, 100, "101", "too_large", NULL },
    { zwfw_type_count, 100, "true", "bad_type", NULL },

    { zwfw_type_boolean, 0, "true", NULL, NULL },
    { zwfw_type_boolean, 0, "false", NULL, NULL },
    { zwfw_type_boolean, 0, "\"true\"", NULL, "true" },
    { zwfw_type_boolean, 0, "\"on\"", NULL, "true" },
    { zwfw_type_boolean, 0, "\"false\"", NULL, "false" },
    { zwfw_type_boolean, 0, "\"off\"", "bad_value", NULL },
    { zwfw_type_boolean, 0, "\"True\"", "bad_value", NULL },
    { zwfw_type_boolean, 0, "\"1\"", "bad_value", NULL },
    { zwfw_type_boolean, 0, "1", "bad_type", NULL },
    { zwfw_type_boolean, 0, "null", "bad_type", NULL },

    { zwfw_type_date, 0, "\"2026-11-23\"", NULL, NULL },
    { zwfw_type_date, 0, "\"2024-02-29\"", NULL, NULL },
    { zwfw_type_date, 0, "\"2000-02-29\"", NULL, NULL },
    { zwfw_type_date, 0, "\"0001-01-01\"", NULL, NULL },
    { zwfw_type_date, 0, "\"9999-12-31\"", NULL, NULL },
    { zwfw_type_date, 0, "\"2023-02-29\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"1900-02-29\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026-04-31\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026-12-32\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026-00-10\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026-13-10\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026-10-00\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"0000-01-01\"", "bad_date", NULL },
    { zwfw_type_date, 0, "\"2026/11/23\"", "bad_value", NULL },
    { zwfw_type_date, 0, "\"2026-11-2\"", "bad_value", NULL },
    { zwfw_type_date, 0, "\"2026-1a-23\"", "bad_value", NULL },
    { zwfw_type_date, 0, "\"20261123\"", "bad_value", NULL },
    { zwfw_type_date, 0, "20261123", "bad_type", NULL },

    /* the standard's own examples, and invented ones */

    { zwfw_type_idnumber, 0, "\"11010519491231002X\"", NULL, NULL },
    { zwfw_type_idnumber, 0, "\"440524188001010014\"", NULL, NULL },
    { zwfw_type_idnumber, 0, "\" 11010519491231002x \"", NULL,
      "\"11010519491231002X\"" },
    { zwfw_type_idnumber, 0, "\"110105194912310021\"", "bad_check_digit",
      NULL },
    { zwfw_type_idnumber, 0, "\"110105194912310020\"", "bad_check_digit",
      NULL },
    { zwfw_type_idnumber, 0, "\"11010591949123002X\"", "bad_check_digit",
      NULL },
    { zwfw_type_idnumber, 0, "\"110105491231002\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"11010519491231002\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"11010519491231002XX\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"1101051949123100XX\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"11010519491231002Y\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"01010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"10010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"16010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"24010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"38010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"47010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"55010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"66010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"72010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "\"84010519491231002X\"", "bad_value", NULL },
    { zwfw_type_idnumber, 0, "1", "bad_type", NULL },

    { zwfw_type_phone, 0, "\"13000000000\"", NULL, NULL },
    { zwfw_type_phone, 0, "\"19999999999\"", NULL, NULL },
    { zwfw_type_phone, 0, "\"10000000000\"", NULL, NULL },
    { zwfw_type_phone, 0, "\"10000009999\"", NULL, NULL },
    { zwfw_type_phone, 0, "\" 13000000000 \"", NULL, "\"13000000000\"" },
    { zwfw_type_phone, 0, "\"10000010000\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "\"12999999999\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "\"23000000000\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "\"1300000000\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "\"130000000000\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "\"1300000000a\"", "bad_value", NULL },
    { zwfw_type_phone, 0, "13000000000", "bad_type", NULL },

    { zwfw_type_email, 100, "\" Zhang.San+x@Mail.Example.COM \"", NULL,
      "\"zhang.san+x@mail.example.com\"" },
    { zwfw_type_email, 0, "\"a@b.cn\"", NULL, NULL },
    { zwfw_type_email, 0, "\"a@b-c.xn--fiqs8s\"", NULL, NULL },
    { zwfw_type_email, 6, "\"a@b.cn\"", NULL, NULL },
    { zwfw_type_email, 5, "\"a@b.cn\"", "too_long", NULL },
    { zwfw_type_email, 0, "\"a\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b.\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b..cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@-b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b-.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@127.0.0.1\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b@c.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\".a@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a.@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a..b@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a b@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a,b@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"<a@b.cn>\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"a@b.cn\\r\\nBcc: c@d.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "\"张@b.cn\"", "bad_value", NULL },
    { zwfw_type_email, 0, "1", "bad_type", NULL },

    { zwfw_type_name, 0, "\" 张三 \"", NULL, "\"张三\"" },
    { zwfw_type_name, 0, "\"阿卜杜拉·买买提\"", NULL, NULL },
    { zwfw_type_name, 0, "\"O'Neil-Smith, \"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"J. O'Neil-Smith\"", NULL, NULL },
    { zwfw_type_name, 0, "\"\\ud87e\\udc00\\ue000\"", NULL,
      "\"\xf0\xaf\xa0\x80\xee\x80\x80\"" },
    { zwfw_type_name, 0, "\"张\"", "too_short", NULL },
    { zwfw_type_name, 0, "\"张3\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张３\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张\\n三\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张\\u202e三\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张\\u200b三\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张\\ufeff三\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"张\\u0085三\"", "bad_character", NULL },
    { zwfw_type_name, 0, "\"<b>张\"", "bad_character", NULL },
    { zwfw_type_name, 0, "[]", "bad_type", NULL },

    { zwfw_type_secret, 10, "\" 密码1234 \"", NULL, NULL },
    { zwfw_type_secret, 10, "\"1234567\"", "too_short", NULL },
    { zwfw_type_secret, 10, "\"密密密密密密密\"", "too_short", NULL },
    { zwfw_type_secret, 10, "\"密密密密密密密密密密\"", NULL, NULL },
    { zwfw_type_secret, 10, "\"密密密密密密密密密密密\"", "too_long", NULL },
    { zwfw_type_secret, 10, "\"1234567\\n\"", "bad_character", NULL },
    { zwfw_type_secret, 10, "12345678", "bad_type", NULL },

    { zwfw_type_cursor, 10, "\"aZ09_-\"", NULL, NULL },
    { zwfw_type_cursor, 10, "\"a=\"", "bad_value", NULL },
    { zwfw_type_cursor, 10, "\"a+\"", "bad_value", NULL },
    { zwfw_type_cursor, 10, "\"a/\"", "bad_value", NULL },
    { zwfw_type_cursor, 10, "1", "bad_type", NULL },

    { zwfw_type_object, 7, "{\"a\":1}", NULL, NULL },
    { zwfw_type_object, 6, "{\"a\":1}", "too_large", NULL },
    { zwfw_type_object, 99, "{ \"a\" : [ 1 , 2 ] }", NULL,
      "{\"a\":[1,2]}" },
    { zwfw_type_object, 99, "[]", "bad_type", NULL },
    { zwfw_type_object, 99, "\"{}\"", "bad_type", NULL },
    { zwfw_type_object, 99, "null", "bad_type", NULL },

    { zwfw_type_group, 0, "[]", "bad_type", NULL },
    { zwfw_type_group, 0, "\"x\"", "bad_type", NULL },
    { zwfw_type_list, 2, "{}", "bad_type", NULL },
    { zwfw_type_list, 2, "\"x\"", "bad_type", NULL },
    { zwfw_type_list, 2, "[{},{}]", NULL, NULL },
    { zwfw_type_list, 2, "[{},{},{}]", "too_many", NULL },

    { zwfw_type_file, 9, "\"0190A1B2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\"", NULL,
      "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\"" },
    { zwfw_type_file, 9, "\"../etc/passwd\"", "bad_value", NULL },
    { zwfw_type_file, 9, "1", "bad_type", NULL },
    { zwfw_type_file, 9, "{\"file\":\"x\",\"name\":\"x\",\"size\":1,"
      "\"type\":\"image/png\",\"sm3\":\"00\"}", "bad_type", NULL }
};


static zwfw_type_t  *test_types[] = {
    zwfw_type_uuid, zwfw_type_text, zwfw_type_line, zwfw_type_code,
    zwfw_type_integer, zwfw_type_count, zwfw_type_boolean, zwfw_type_date,
    zwfw_type_idnumber, zwfw_type_phone, zwfw_type_email, zwfw_type_name,
    zwfw_type_secret, zwfw_type_cursor, zwfw_type_object, zwfw_type_group,
    zwfw_type_list, zwfw_type_file
};


static zwfw_field_t  test_person[] = {
    { zwfw_string("name"), zwfw_type_name, ZWFW_FIELD_REQUIRED, 0, NULL,
      NULL },
    { zwfw_string("phone"), zwfw_type_phone, 0, 0, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  test_material[] = {
    { zwfw_string("code"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 10, NULL,
      NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 10, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  test_optional[] = {
    { zwfw_string("x"), zwfw_type_text, 0, 10, NULL, NULL },
      zwfw_null_field
};


static zwfw_field_t  test_fields[] = {
    { zwfw_string("item"), zwfw_type_code, ZWFW_FIELD_REQUIRED, 10, NULL,
      NULL },
    { zwfw_string("note"), zwfw_type_text, 0, 10, NULL, NULL },
    { zwfw_string("who"), zwfw_type_group, ZWFW_FIELD_REQUIRED, 0,
      test_person, NULL },
    { zwfw_string("agent"), zwfw_type_group, 0, 0, test_person, NULL },
    { zwfw_string("materials"), zwfw_type_list, ZWFW_FIELD_REQUIRED, 2,
      test_material, NULL },
    { zwfw_string("count"), zwfw_type_integer, 0, 9, NULL, NULL },
      zwfw_null_field
};


static test_body_t  test_bodies_table[] = {
    { "{\"item\":\"a\",\"who\":{\"name\":\"张三\"},"
      "\"materials\":[{\"code\":\"1\"}]}", NULL, NULL },

    /* empty is absent */

    { "{\"item\":\" a \",\"note\":\"  \",\"who\":{\"name\":\" 张三\","
      "\"phone\":\"\"},\"materials\":[{\"code\":\"1\",\"note\":\" n \"}],"
      "\"count\":\"3\"}", NULL,
      "{\"item\":\"a\",\"who\":{\"name\":\"张三\"},"
      "\"materials\":[{\"code\":\"1\",\"note\":\"n\"}],\"count\":3}" },
    { "{\"item\":\"a\",\"note\":\"\",\"who\":{\"name\":\"张三\"},"
      "\"materials\":[{\"code\":\"1\"}],\"count\":\" \"}", NULL,
      "{\"item\":\"a\",\"who\":{\"name\":\"张三\"},"
      "\"materials\":[{\"code\":\"1\"}]}" },

    /* missing */

    { "{}", "{\"item\":\"missing\",\"who.name\":\"missing\","
      "\"materials\":\"missing\"}", NULL },
    { "{\"item\":\"\\u3000\",\"who\":{\"name\":\"\"},\"materials\":[]}",
      "{\"item\":\"missing\",\"who.name\":\"missing\","
      "\"materials\":\"missing\"}", NULL },
    { "{\"item\":\"a\",\"who\":{\"name\":\"张三\"},\"agent\":{},"
      "\"materials\":[{\"code\":\"1\"},{}]}",
      "{\"agent.name\":\"missing\",\"materials.1.code\":\"missing\"}",
      NULL },

    /* null is not absent */

    { "{\"item\":null,\"note\":null,\"who\":null,\"materials\":null,"
      "\"count\":null}",
      "{\"item\":\"bad_type\",\"note\":\"bad_type\",\"who\":\"bad_type\","
      "\"materials\":\"bad_type\",\"count\":\"bad_type\"}", NULL },

    /* unknown */

    { "{\"item\":\"a\",\"who\":{\"name\":\"张三\",\"x\":1},\"y\":{},"
      "\"materials\":[{\"code\":\"1\",\"z\":\"\"}],\"\":1,\"Item\":2}",
      "{\"who.x\":\"unknown_field\",\"materials.0.z\":\"unknown_field\","
      "\"y\":\"unknown_field\",\"\":\"unknown_field\","
      "\"Item\":\"unknown_field\"}", NULL },

    /* wrong */

    { "{\"item\":\"a b\",\"note\":\"12345678901\",\"who\":[],"
      "\"agent\":{\"name\":\"x\",\"phone\":\"1\"},\"count\":10,"
      "\"materials\":[1,{\"code\":\"12345678901\"}]}",
      "{\"item\":\"bad_value\",\"note\":\"too_long\",\"who\":\"bad_type\","
      "\"agent.name\":\"too_short\",\"agent.phone\":\"bad_value\","
      "\"materials.0\":\"bad_type\",\"materials.1.code\":\"too_long\","
      "\"count\":\"too_large\"}", NULL },
    { "{\"item\":\"a\",\"who\":{\"name\":\"张三\"},"
      "\"materials\":[{},{},{}]}", "{\"materials\":\"too_many\"}", NULL },

    { "[]", "{\"\":\"bad_type\"}", NULL },
    { "1", "{\"\":\"bad_type\"}", NULL }
};


int
main(void)
{
    test_values();
    test_lengths();
    test_idnumber();
    test_object();
    test_file();
    test_schemas();
    test_bodies();
    test_form();
    test_many_errors();
    test_again();
    test_memory();

    return tap_done();
}


static zwfw_json_t *
test_parse(const char *text, size_t len)
{
    zwfw_str_t          s;
    zwfw_json_t        *json;
    zwfw_json_error_t   error;

    s = tap_copy(text, len);

    if (zwfw_json_parse(tap_mem, s.data, s.len, &test_limits, &json, &error)
        != ZWFW_OK)
    {
        tap_ok(0, "the test itself: %.*s", (int) len, text);
        return zwfw_json_new(tap_mem, ZWFW_JSON_NULL, NULL);
    }

    return json;
}


static void
test_written(zwfw_json_t *json, const char *want, const char *name)
{
    zwfw_str_t  s;

    s.len = zwfw_json_size(json);
    s.data = tap_mem->alloc(tap_mem->pool, s.len);
    zwfw_json_write(s.data, json);

    tap_is(s.data, s.len, want, name);
}


static void
test_value(test_value_t *t)
{
    char          name[1200];
    zwfw_json_t  *json;

    snprintf(name, sizeof(name), "%s %zu %.80s", t->type->name.data, t->size,
             t->json);

    json = test_parse(t->json, strlen(t->json));
    tap_code(t->type->check(tap_mem, json, t->size), t->code, name);

    if (t->code == NULL) {
        test_written(json, t->written ? t->written : t->json, name);
    }

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_values(void)
{
    size_t  i;

    for (i = 0; i < sizeof(test_table) / sizeof(test_table[0]); i++) {
        test_value(&test_table[i]);
    }
}


/* characters are counted, not bytes */

static void
test_lengths(void)
{
    test_length(zwfw_type_text, 500, "", "字", "", "too_long");
    test_length(zwfw_type_line, 20, "", "é", "", "too_long");
    test_length(zwfw_type_code, 31, "", "c", "", "too_long");
    test_length(zwfw_type_cursor, 64, "", "c", "", "too_long");
    test_length(zwfw_type_name, 50, "", "张", "", "too_long");
    test_length(zwfw_type_secret, 64, "", "密", "", "too_long");
    test_length(zwfw_type_email, 64, "", "a", "@b.cn", "bad_value");
    test_length(zwfw_type_email, 63, "a@", "b", ".cn", "bad_value");
}


static void
test_length(zwfw_type_t *type, size_t most, const char *before,
    const char *unit, const char *after, const char *code)
{
    char          text[4096], *p;
    size_t        i, n;
    test_value_t  t;

    for (n = most; n <= most + 1; n++) {
        p = text;
        p += sprintf(p, "\"%s", before);

        for (i = 0; i < n; i++) {
            p += sprintf(p, "%s", unit);
        }

        sprintf(p, "%s\"", after);

        t.type = type;
        t.size = (type == zwfw_type_email) ? 0 : most;
        t.json = text;
        t.code = (n > most) ? code : NULL;
        t.written = NULL;

        test_value(&t);
    }
}


/* born today in Shanghai, or tomorrow */

static void
test_idnumber(void)
{
    time_t  now;

    now = time(NULL) + 8 * 3600;

    test_idnumber_of(now, NULL, "born today");
    test_idnumber_of(now - 86400, NULL, "born yesterday");
    test_idnumber_of(now + 86400, "bad_date", "born tomorrow");
    test_idnumber_of(now + 86400 * 366, "bad_date", "born in a year");
    test_idnumber_of(-5364662400, NULL, "born on 1800-01-01");
    test_idnumber_of(-5364662400 - 86400, "bad_date", "born the day before");
    test_idnumber_of(0, "bad_date", "born on the 30th of February");
}


static void
test_idnumber_of(time_t day, const char *code, const char *name)
{
    char          text[128];
    unsigned      i, sum, weight;
    struct tm     tm;
    zwfw_json_t  *json;

    gmtime_r(&day, &tm);

    if (day == 0) {
        strcpy(text, "\"99010120000230001");

    } else {
        snprintf(text, sizeof(text), "\"990101%04d%02d%02d001",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    }

    /* weights are powers of two, from the right */

    sum = 0;
    weight = 1;

    for (i = 17; i >= 1; i--) {
        weight = weight * 2 % 11;
        sum += (text[i] - '0') * weight;
    }

    text[18] = "10X98765432"[sum % 11];
    strcpy(text + 19, "\"");

    json = test_parse(text, strlen(text));
    tap_code(zwfw_type_idnumber->check(tap_mem, json, 0), code, name);

    /* any other check digit is wrong */

    text[18] = (text[18] == '0') ? '1' : '0';

    json = test_parse(text, strlen(text));
    tap_code(zwfw_type_idnumber->check(tap_mem, json, 0), "bad_check_digit",
             name);

    tap_mem_reset(TAP_MEM_ALL);
}


/* objects and arrays within each other count, 8 of them */

static void
test_object(void)
{
    static const char  good[] = "{\"a\":[[[[[[{\"b\":1}]]]]]]}";
    static const char  bad[] = "{\"a\":[[[[[[{\"b\":[]}]]]]]]}";

    zwfw_json_t  *json;

    json = test_parse(good, sizeof(good) - 1);
    tap_code(zwfw_type_object->check(tap_mem, json, 100), NULL,
             "an object of depth 8");

    json = test_parse(bad, sizeof(bad) - 1);
    tap_code(zwfw_type_object->check(tap_mem, json, 100), "too_deep",
             "an object of depth 9");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_file(void)
{
    char          name[1024], *p;
    unsigned      n;
    zwfw_json_t  *file;

    file = test_upload("1000", "a.png");
    tap_code(zwfw_type_file->check(tap_mem, file, 1000), NULL,
             "a file of 1000 bytes");
    tap_code(zwfw_type_file->check(tap_mem, file, 999), "too_large",
             "a file of one byte more");

    p = name;

    for (n = 0; n < 255; n++) {
        p += sprintf(p, "名");
    }

    tap_code(zwfw_type_file->check(tap_mem, test_upload("1", name), 9), NULL,
             "a file's name of 255 characters");

    strcpy(p, "x");
    tap_code(zwfw_type_file->check(tap_mem, test_upload("1", name), 9),
             "too_long", "a file's name of 256 characters");

    tap_mem_reset(TAP_MEM_ALL);
}


/* puts a file as core does, and takes it out of the tree */

static zwfw_json_t *
test_upload(const char *size, const char *name)
{
    zwfw_str_t          s;
    zwfw_json_t        *root, *file;
    zwfw_json_error_t   error;

    root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    file = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

    s = tap_str(name);
    zwfw_json_add(tap_mem, file, "name", ZWFW_JSON_STRING, &s);
    s = tap_str(size);
    zwfw_json_add(tap_mem, file, "size", ZWFW_JSON_NUMBER, &s);

    s = tap_str("photo");
    zwfw_form_put(tap_mem, root, &s, file, &error);
    zwfw_form_done(root, &error);

    return zwfw_json_get(root, "photo", 5);
}


static void
test_schemas(void)
{
    char          text[1024];
    size_t        i;
    zwfw_json_t  *json;

    for (i = 0; i < sizeof(test_types) / sizeof(test_types[0]); i++) {
        snprintf(text, sizeof(text), "{%s}", test_types[i]->schema);

        json = test_parse(text, strlen(text));

        tap_ok(zwfw_json_get(json, "type", 4) != NULL,
               "the schema of %s is JSON and has a type",
               test_types[i]->name.data);

        tap_mem_reset(TAP_MEM_ALL);
    }
}


static void
test_bodies(void)
{
    int           rc;
    char          name[64];
    size_t        i;
    test_body_t  *t;
    zwfw_json_t  *json, *errors;

    for (i = 0; i < sizeof(test_bodies_table) / sizeof(test_bodies_table[0]);
         i++)
    {
        t = &test_bodies_table[i];

        json = test_parse(t->json, strlen(t->json));
        errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

        rc = zwfw_field_check(tap_mem, test_fields, json, errors);

        tap_ok(rc == (t->errors ? ZWFW_DECLINED : ZWFW_OK),
               "body %zu is checked", i);

        snprintf(name, sizeof(name), "body %zu: its errors", i);
        test_written(errors, t->errors ? t->errors : "{}", name);

        if (t->errors == NULL) {
            snprintf(name, sizeof(name), "body %zu is normalised", i);
            test_written(json, t->written ? t->written : t->json, name);
        }

        tap_mem_reset(TAP_MEM_ALL);
    }
}


/* a form is checked by the same table */

static void
test_form(void)
{
    static const char  text[] =
        "materials.1.code=2&materials.0.code=1&who.name=+%E5%BC%A0%E4%B8%89"
        "&item=a&agent.name=&agent.phone=&count=3&note=a%0D%0Ab";

    int                 rc;
    zwfw_str_t          s;
    zwfw_json_t        *root, *errors;
    zwfw_json_error_t   error;

    root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    s = tap_str(text);

    rc = zwfw_form_parse(tap_mem, s.data, s.len, root, &error);
    tap_ok(rc == ZWFW_OK, "a form is read");

    rc = zwfw_field_check(tap_mem, test_fields, root, errors);
    tap_ok(rc == ZWFW_OK, "a form is checked");

    test_written(root, "{\"materials\":[{\"code\":\"1\"},{\"code\":\"2\"}],"
                 "\"who\":{\"name\":\"张三\"},\"item\":\"a\",\"count\":3,"
                 "\"note\":\"a\\nb\"}", "a form is normalised");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_many_errors(void)
{
    int           rc;
    char          text[8192], *p;
    unsigned      n;
    zwfw_json_t  *json, *errors;

    p = text;
    p += sprintf(p, "{\"x\":1,\"");
    memset(p, 'k', 99);
    p += 99;
    p += sprintf(p, "中\":1");

    for (n = 0; n < 100; n++) {
        p += sprintf(p, ",\"u%u\":1", n);
    }

    sprintf(p, "}");

    json = test_parse(text, strlen(text));
    errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

    rc = zwfw_field_check(tap_mem, test_optional, json, errors);

    tap_ok(rc == ZWFW_DECLINED, "a body with 102 mistakes");
    tap_ok(errors->count == 50, "has 50 errors");
    tap_ok(errors->child->next->key.len == 99,
           "a long name is cut between characters");

    rc = zwfw_field_check(tap_mem, test_optional, json, errors);

    tap_ok(rc == ZWFW_DECLINED && errors->count == 50, "and no more than 50");

    tap_mem_reset(TAP_MEM_ALL);
}


/* errors of several objects go into one, and are not those of the next */

static void
test_again(void)
{
    int           rc;
    zwfw_json_t  *json, *errors;

    errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

    json = test_parse("{\"q\":1}", 7);
    rc = zwfw_field_check(tap_mem, test_optional, json, errors);
    tap_ok(rc == ZWFW_DECLINED, "a bad query");

    json = test_parse("{\"x\":\"1\"}", 9);
    rc = zwfw_field_check(tap_mem, test_optional, json, errors);
    tap_ok(rc == ZWFW_OK, "and a good body");

    json = test_parse("{\"q\":1,\"x\":1}", 13);
    rc = zwfw_field_check(tap_mem, test_optional, json, errors);
    tap_ok(rc == ZWFW_DECLINED, "and a bad one");

    test_written(errors, "{\"q\":\"unknown_field\",\"x\":\"bad_type\"}",
                 "no error is told twice");

    tap_mem_reset(TAP_MEM_ALL);
}


static void
test_memory(void)
{
    static const char  text[] = "{\"item\":1,\"z\":1,\"materials\":[{}]}";

    int           rc;
    unsigned      n, wrong;
    zwfw_json_t  *json, *errors;

    wrong = 0;

    for (n = 0; n < 100; n++) {
        tap_mem_reset(TAP_MEM_ALL);
        json = test_parse(text, sizeof(text) - 1);
        errors = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);

        tap_mem_left(n);
        rc = zwfw_field_check(tap_mem, test_fields, json, errors);
        tap_mem_left(TAP_MEM_ALL);

        if (rc == ZWFW_DECLINED) {
            break;
        }

        wrong += (rc != ZWFW_ERROR);
    }

    tap_ok(wrong == 0 && n == 8, "out of memory at each of %u allocations",
           n);

    tap_mem_reset(TAP_MEM_ALL);
}
