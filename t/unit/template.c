
/*
 * Templates: the cases of the public specification (arguments: its files),
 * then what the specification leaves open, filters, bounds
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_kit.h"


typedef struct {
    const char    *name;
    const char    *data;
    const char    *template;
    const char    *expected;     /* NULL: declined */
} case_t;


typedef struct {
    const char    *filter;
    const char    *data;
    const char    *expected;
} filter_case_t;


static void test_spec(const char *file);
static void test_spec_case(kit_t *kit, const char *file, zwfw_json_t *root);
static void test_cases(void);
static void test_errors(void);
static void test_filters(void);
static void test_roots(void);
static void test_holes(void);
static int hole(void *data, zwfw_str_t *name);
static void test_depth(void);
static int nested(kit_t *kit, const char *text, unsigned depth);
static void test_output(void);
static void test_steps(void);
static void test_memory(void);
static void test_names(void);
static void test_deep(void);
static zwfw_json_t *deep_tree(zwfw_json_type_e type);
static void seen(void *data, zwfw_str_t *name);
static zwfw_json_t *json(const char *text);
static zwfw_template_t *compile(kit_t *kit, const char *text);
static void partial(kit_t *kit, const char *name, const char *text);
static void is_rendered(kit_t *kit, int rc, const char *expected,
    const char *name);
static void is_same(kit_t *kit, int rc, zwfw_str_t *expected,
    const char *name);


static case_t  cases[] = {

    { "all five characters are escaped", "{\"a\":\"<a href=\\\"'&'\\\">\"}",
      "{{a}}", "&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;" },

    { "words of JSON",
      "{\"a\":true,\"b\":false,\"c\":null,\"d\":[1],\"e\":{}}",
      "{{a}}|{{b}}|{{c}}|{{d}}|{{e}}", "true|false|||" },

    { "an empty string is false, zero and an empty object are true",
      "{\"a\":\"\",\"b\":0,\"c\":{}}",
      "{{#a}}a{{/a}}{{^a}}A{{/a}}{{#b}}b{{/b}}{{#c}}c{{/c}}", "Abc" },

    { "an array has a count unless it is empty",
      "{\"a\":[7,8],\"b\":[],\"c\":[[1]],\"count\":\"outer\"}",
      "{{a.count}}{{#a.count}}#{{.}}{{/a.count}}[{{b.count}}{{b.x}}{{a.x}}]"
      "{{#c}}{{count}}{{/c}}", "2#2[]outer" },

    { "null hides an outer value", "{\"a\":\"outer\",\"b\":{\"a\":null}}",
      "{{#b}}[{{a}}]{{/b}}", "[]" },

    { "a value of one character and a name of many",
      "{\"status\":\"x\",\"statu\":\"y\",\"statuses\":\"z\"}",
      "{{status}}", "x" },

    { "Chinese names and texts", "{\"事项\":\"开办餐饮店\"}",
      "《{{事项}}》", "《开办餐饮店》" },

    { "white space before the mark", "{\"a\":[1,2]}",
      "{{ #a }}{{ . }}{{ /a }}", "12" },

    { "a comment over several lines", "{}", "a\n  {{! b\n c }}\nd\n",
      "a\nd\n" },

    { "a block without parent within its own content", "{}",
      "{{<frame}}{{$main}}x{{$main}}y{{/main}}{{/main}}{{/frame}}",
      "[xy]" },

    { "parents within the content of a block", "{\"n\":\"名\"}",
      "{{<frame}}{{$main}}<{{<frame}}{{$main}}{{n}}{{/main}}{{/frame}}>"
      "{{/main}}{{/frame}}", "[<[名]>]" },

    { "an empty content is a content", "{}",
      "{{<frame}}{{$main}}{{/main}}{{/frame}}", "[]" },

    { "a section directly in a parent is ignored", "{\"a\":true}",
      "{{<frame}}{{#a}}{{$main}}x{{/main}}{{/a}}{{/frame}}", "[default]" },

    { "a deeper content keeps its shape", "{\"a\":[1,2]}",
      "{{<page}}\n  {{$main}}\n    <ul>\n    {{#a}}\n      <li>{{.}}</li>\n"
      "    {{/a}}\n\n    </ul>\n  {{/main}}\n{{/page}}\n",
      "<main>\n  <ul>\n    <li>1</li>\n    <li>2</li>\n\n  </ul>\n</main>\n" },

    { "indentations add up", "{\"a\":\"x\\ny\"}",
      "  {{>outer}}\n", "  (\n    {\n    x\ny\n    }\n  )\n" },

    { "a parent without its line to itself", "{}",
      "  {{<frame}}{{/frame}} x\n", "  [default] x\n" },

    { "unknown partials and parents", "{}",
      "a{{>none}}b{{<none}}{{$x}}y{{/x}}{{/none}}c", "abc" },

    { "a filter", "{\"a\":{\"at\":\"2026-11-23T02:00:00+00:00\"}}",
      "{{a.at|date}} {{ a.at | datetime }}",
      "2026年11月23日 2026年11月23日 10:00" },

    { "a filter gets the last part of the name, of \".\" the section's",
      "{\"a\":{\"state\":\"s1\"},\"b\":[\"x\"]}",
      "{{a.state|word}} {{{a.state|word}}} {{#b}}{{.|word}}{{/b}}",
      "&lt;state=s1&gt; <state=s1> &lt;b=x&gt;" },

    { "a filter of a section with a dotted name",
      "{\"a\":{\"states\":[\"x\",\"y\"]}}",
      "{{#a.states}}{{{.|word}}}{{/a.states}}", "<states=x><states=y>" },

    { "a filter of the root", "\"x\"", "{{{.|word}}}", "<.=x>" },

    { "a filtered missing value is empty", "{\"b\":null}",
      "[{{a|word}}{{a.b|date}}{{b|word}}{{b|yuan}}]", "[]" },

    { "an unknown filter", "{\"a\":1}", "{{a|nothing}}", NULL },

    { "an unknown filter of a missing value", "{}", "{{a|nothing}}", NULL },

    { NULL, NULL, NULL, NULL }
};


static case_t  errors[] = {
    { "an open tag", NULL, "a\nb{{c", "2: a tag is not closed" },
    { "an open raw tag", NULL, "{{{c}}", "1: a tag is not closed" },
    { "an open section", NULL, "{{#a}}\n{{#b}}\n{{/b}}",
      "1: \"a\" is not closed" },
    { "a wrong end", NULL, "\n{{#a}}{{/b}}", "2: \"/b\" closes \"a\"" },
    { "an end alone", NULL, "{{/b}}", "1: \"/b\" closes nothing" },
    { "no name", NULL, "{{}}", "1: a tag has no name" },
    { "a name with a space", NULL, "{{a b}}", "1: bad name \"a b\"" },
    { "an empty part of a name", NULL, "{{a..b}}", "1: bad name \"a..b\"" },
    { "a dot at the end", NULL, "{{#a.}}{{/a.}}", "1: bad name \"a.\"" },
    { "a dot at the start", NULL, "{{.a}}", "1: bad name \".a\"" },
    { "bad delimiters", NULL, "{{=a=}}", "1: bad delimiters" },
    { "three delimiters", NULL, "{{=a b c=}}", "1: bad delimiters" },
    { "a filter without name", NULL, "{{a|}}", "1: bad filter" },
    { "two filters", NULL, "{{a|b|c}}", "1: bad filter" },
    { "a filter without value", NULL, "{{|b}}", "1: a tag has no name" },
    { "a filter of a section", NULL, "{{#a|b}}{{/a|b}}",
      "1: a section has no filter" },
    { "a dynamic name", NULL, "{{>*a}}",
      "1: dynamic names are not supported" },
    { NULL, NULL, NULL, NULL }
};


static filter_case_t  filters[] = {
    { "date", "\"2026-11-23T02:00:00.123456+00:00\"", "2026年11月23日" },
    { "date", "\"2026-11-22T16:00:00+00:00\"", "2026年11月23日" },
    { "date", "\"2026-11-22T15:59:59.999999Z\"", "2026年11月22日" },
    { "date", "\"2026-11-23\"", "2026年11月23日" },
    { "date", "\"2026-01-05\"", "2026年1月5日" },
    { "date", "\"2025-12-31T23:30:00+00:00\"", "2026年1月1日" },
    { "date", "\"2024-02-28T20:00:00Z\"", "2024年2月29日" },
    { "date", "\"2023-02-29\"", "2023-02-29" },
    { "date", "\"2026-13-01\"", "2026-13-01" },
    { "date", "\"infinity\"", "infinity" },
    { "date", "\"2026-11-23T10:00:00+0\"", "2026-11-23T10:00:00+0" },
    { "date", "\"\"", "" },
    { "date", "17", "17" },
    { "date", "{\"a\":1}", "" },
    { "datetime", "\"2026-11-23T10:00:00+08:00\"", "2026年11月23日 10:00" },
    { "datetime", "\"2026-11-23 10:05+08\"", "2026年11月23日 10:05" },
    { "datetime", "\"2026-11-23T10:05:59.5\"", "2026年11月23日 10:05" },
    { "datetime", "\"2026-01-01T01:00:00+1400\"", "2025年12月31日 19:00" },
    { "datetime", "\"2026-03-01T00:00:00+09:30\"", "2026年2月28日 22:30" },
    { "datetime", "\"2026-01-01T01:00:00-05:30\"", "2026年1月1日 14:30" },
    { "datetime", "\"1900-01-01T00:00:00+08:05:43\"",
      "1899年12月31日 23:54" },
    { "datetime", "\"2026-11-23\"", "2026年11月23日" },
    { "datetime", "\"2026-11-23T24:00:00Z\"", "2026-11-23T24:00:00Z" },
    { "datetime", "\"2026-11-23T10:00:00+08:00x\"",
      "2026-11-23T10:00:00+08:00x" },
    { "yuan", "123456", "1,234.56 元" },
    { "yuan", "0", "0.00 元" },
    { "yuan", "-0", "0.00 元" },
    { "yuan", "7", "0.07 元" },
    { "yuan", "70", "0.70 元" },
    { "yuan", "100", "1.00 元" },
    { "yuan", "99999", "999.99 元" },
    { "yuan", "100000", "1,000.00 元" },
    { "yuan", "9007199254740991", "90,071,992,547,409.91 元" },
    { "yuan", "-123456789", "-1,234,567.89 元" },
    { "yuan", "\"123456\"", "1,234.56 元" },
    { "yuan", "1.5", "1.5" },
    { "yuan", "\"免费\"", "免费" },
    { "yuan", "\"-\"", "-" },
    { "mask", "\"990101199003070014\"", "9****4" },
    { "mask", "\"99010119900307007X\"", "9****X" },
    { "mask", "\"990101900307001\"", "9****1" },
    { "mask", "\"E99000001\"", "E****1" },
    { "mask", "\"19900001234\"", "199****1234" },
    { "mask", "19900001234", "199****1234" },
    { "mask", "\"+8619900001234\"", "199****1234" },
    { "mask", "\"zhangsan@example.com\"", "zha****@example.com" },
    { "mask", "\"abc@example.com\"", "ab****@example.com" },
    { "mask", "\"a@example.com\"", "****@example.com" },
    { "mask", "\"@张三\"", "*张三" },
    { "mask", "\"张三丰\"", "*三丰" },
    { "mask", "\"张\"", "*" },
    { "mask", "\"12\"", "****" },
    { "mask", "\"\"", "" },
    { NULL, NULL, NULL }
};


int
main(void)
{
    unsigned  i;

    for (i = 0; kit_files[i]; i++) {
        test_spec(kit_files[i]);
    }

    test_cases();
    test_errors();
    test_filters();
    test_roots();
    test_holes();
    test_depth();
    test_output();
    test_steps();
    test_memory();
    test_names();

    test_deep();

    return tap_done();
}


static void
test_spec(const char *file)
{
    kit_t         kit;
    zwfw_json_t  *root;

    kit_init(&kit);

    root = kit_cases(file);

    tap_ok(root && root->count >= 10, "%s has cases", file);

    for (root = root ? root->child : NULL; root; root = root->next) {
        test_spec_case(&kit, file, root);
        kit.npartials = 0;
    }

    kit_done(&kit);
}


static void
test_spec_case(kit_t *kit, const char *file, zwfw_json_t *root)
{
    int               rc;
    char              name[128];
    zwfw_str_t        expected;
    zwfw_json_t      *text, *child;
    zwfw_template_t  *t;

    child = zwfw_json_get(root, "partials", 8);

    for (child = child ? child->child : NULL; child; child = child->next) {
        t = kit_compile(kit, child->value.data, child->value.len);
        kit_partial(kit, &child->key, t);
    }

    text = zwfw_json_get(root, "template", 8);
    expected = zwfw_json_get(root, "expected", 8)->value;

    t = kit_compile(kit, text->value.data, text->value.len);
    rc = t ? kit_render(kit, t, zwfw_json_get(root, "data", 4)) : 1;

    text = zwfw_json_get(root, "name", 4);
    snprintf(name, sizeof(name), "%s: %.*s", file, (int) text->value.len,
             text->value.data);

    is_same(kit, rc, &expected, name);
}


static void
test_cases(void)
{
    int               rc;
    kit_t             kit;
    case_t           *c;
    zwfw_template_t  *t;

    kit_init(&kit);

    partial(&kit, "frame", "[{{$main}}default{{/main}}]");
    partial(&kit, "page", "<main>\n  {{$main}}\n  {{/main}}\n</main>\n");
    partial(&kit, "outer", "(\n  {{>inner}}\n)\n");
    partial(&kit, "inner", "{\n{{{a}}}\n}\n");

    for (c = cases; c->name; c++) {
        t = compile(&kit, c->template);
        rc = t ? kit_render(&kit, t, json(c->data)) : 1;
        is_rendered(&kit, rc, c->expected, c->name);
    }

    kit_done(&kit);
}


static void
test_errors(void)
{
    char             *text;
    kit_t             kit;
    size_t            i;
    case_t           *c;
    zwfw_str_t        s;
    zwfw_template_t  *t;

    kit_init(&kit);

    for (c = errors; c->name; c++) {
        t = compile(&kit, c->template);
        tap_ok(t == NULL && strcmp(kit.error, c->expected) == 0,
               "refused: %s: %s", c->name, kit.error);
    }

    text = calloc(1, 1000);

    for (i = 0; i < 33; i++) {
        strcat(text, "{{#a}}\n");
    }

    t = compile(&kit, text);
    tap_ok(t == NULL
           && strcmp(kit.error, "33: sections nest deeper than 32") == 0,
           "refused: 33 open sections: %s", kit.error);

    s.data = (unsigned char *) "{{";
    s.len = 2;

    tap_ok(zwfw_template_compile(tap_mem, &s, NULL, 0) == NULL,
           "refused without a place for the error");

    free(text);
    kit_done(&kit);
}


static void
test_filters(void)
{
    int               rc;
    char              text[64];
    kit_t             kit;
    filter_case_t    *c;
    zwfw_template_t  *t;

    kit_init(&kit);

    for (c = filters; c->filter; c++) {
        snprintf(text, sizeof(text), "{{{.|%s}}}", c->filter);

        t = compile(&kit, text);
        rc = t ? kit_render(&kit, t, json(c->data)) : 1;

        snprintf(text, sizeof(text), "%s: %s", c->filter, c->data);
        is_rendered(&kit, rc, c->expected, text);
    }

    kit_done(&kit);
}


static void
test_roots(void)
{
    int               rc;
    kit_t             kit;
    zwfw_json_t      *roots[2];
    zwfw_template_t  *t;

    kit_init(&kit);

    roots[0] = json("{\"a\":1,\"b\":2,\"p\":{\"x\":8}}");
    roots[1] = json("{\"b\":3,\"c\":[4,5],\"p\":{\"y\":9}}");

    t = compile(&kit, "{{a}}{{b}}{{#c}}{{.}}{{a}}{{b}}{{/c}}"
                      "[{{p.x}}{{p.y}}]{{#.}}{{b}}{{/.}}");

    (void) kit_render(&kit, t, NULL);
    tap_ok(kit.len == 2, "no root");

    kit.len = 0;
    rc = zwfw_template_render(t, roots, 2, &kit.render);
    is_rendered(&kit, rc, "13413513[9]3", "the last root comes first");

    kit_done(&kit);
}


static void
test_holes(void)
{
    int               rc;
    kit_t             kit;
    zwfw_template_t  *t;

    kit_init(&kit);
    partial(&kit, "hole/user", "nobody");
    partial(&kit, "list", "<{{>hole/user}}\n{{>hole/user}}\n>");

    t = compile(&kit, "a {{>hole/user}} b {{>hole/}}\n  {{>list}}");

    rc = kit_render(&kit, t, NULL);
    is_rendered(&kit, rc, "a nobody b \n  <nobody\n  nobody>",
                "a hole is a partial when nobody fills it");

    kit.render.hole = hole;

    rc = kit_render(&kit, t, NULL);
    is_rendered(&kit, rc, "a (hole/user) b \n  <(hole/user)\n  (hole/user)>",
                "a hole is reported");

    kit_done(&kit);
}


static int
hole(void *data, zwfw_str_t *name)
{
    kit_t *kit = data;

    kit->out[kit->len++] = '(';
    memcpy(kit->out + kit->len, name->data, name->len);
    kit->len += name->len;
    kit->out[kit->len++] = ')';

    return ZWFW_OK;
}


static void
test_depth(void)
{
    kit_t  kit;

    kit_init(&kit);

    partial(&kit, "partial", "{{#n}}.{{>partial}}{{/n}}");
    partial(&kit, "parent",
            "{{#n}}.{{<parent}}{{$a}}{{/a}}{{/parent}}{{/n}}");
    partial(&kit, "given",
            "{{#n}}.{{<frame}}{{$a}}{{>given}}{{/a}}{{/frame}}{{/n}}");
    partial(&kit, "frame", "{{$a}}{{/a}}");

    is_rendered(&kit, nested(&kit, "{{>partial}}", 20), "...................",
                "20 partials deep");
    tap_ok(nested(&kit, "{{>partial}}", 21) == ZWFW_DECLINED,
           "21 partials deep");

    is_rendered(&kit, nested(&kit, "{{>parent}}", 20), "...................",
                "20 parents deep");
    tap_ok(nested(&kit, "{{>parent}}", 21) == ZWFW_DECLINED,
           "21 parents deep");

    is_rendered(&kit, nested(&kit, "{{>given}}", 10), ".........",
                "10 parents and partials deep");
    tap_ok(nested(&kit, "{{>given}}", 12) == ZWFW_DECLINED,
           "23 parents and partials deep");

    kit_done(&kit);
}


/* renders over {"n":{"n":{"n":null}}}, so many deep */

static int
nested(kit_t *kit, const char *text, unsigned depth)
{
    char              data[256];
    unsigned          i;
    zwfw_template_t  *t;

    data[0] = '\0';

    for (i = 0; i < depth; i++) {
        strcat(data, "{\"n\":");
    }

    strcat(data, "null");

    for (i = 0; i < depth; i++) {
        strcat(data, "}");
    }

    t = compile(kit, text);

    return t ? kit_render(kit, t, json(data)) : 1;
}


static void
test_output(void)
{
    int               rc;
    kit_t             kit;
    size_t            i;
    zwfw_str_t        s;
    zwfw_json_t      *array;
    zwfw_template_t  *t;

    kit_init(&kit);

    s.len = 1024;
    s.data = tap_mem->alloc(NULL, s.len);
    memset(s.data, 'x', s.len);

    array = zwfw_json_new(tap_mem, ZWFW_JSON_ARRAY, NULL);

    for (i = 0; i < 4096; i++) {
        zwfw_json_append(array, NULL,
                         zwfw_json_new(tap_mem, ZWFW_JSON_STRING, &s));
    }

    t = compile(&kit, "{{#.}}{{.}}{{/.}}");
    rc = kit_render(&kit, t, array);
    tap_ok(rc == ZWFW_OK && kit.len == 4 * 1024 * 1024, "4 MiB are written");
    tap_ok(kit.writes == 4096,
           "a text without special characters is one write");

    t = compile(&kit, "{{#.}}{{.}}{{/.}}.");
    rc = kit_render(&kit, t, array);
    tap_ok(rc == ZWFW_DECLINED, "one byte more is declined");

    t = compile(&kit, "a\nb\nc {{! d }}");
    rc = kit_render(&kit, t, array);
    tap_ok(rc == ZWFW_OK && kit.writes == 1, "a literal is one write");

    partial(&kit, "lines", "a\nb{{x}}<");
    array = json("{\"x\":\"<&\"}");
    t = compile(&kit, "  {{>lines}}\nz{{#x}}{{$b}}{{x}}{{/b}}{{/x}}");

    for (i = 1; i < 12; i++) {
        kit.fail = i;
        rc = kit_render(&kit, t, array);

        if (rc != ZWFW_ERROR) {
            break;
        }
    }

    tap_ok(rc == ZWFW_OK && i == kit.writes + 1,
           "an error of each write is passed on");

    kit_done(&kit);
}


/* what could run for years without writing a byte */

static void
test_steps(void)
{
    kit_t         kit;
    size_t        i;
    zwfw_str_t    key = zwfw_string("a");
    zwfw_json_t  *root, *array;

    kit_init(&kit);

    root = zwfw_json_new(tap_mem, ZWFW_JSON_OBJECT, NULL);
    array = zwfw_json_new(tap_mem, ZWFW_JSON_ARRAY, NULL);

    zwfw_json_append(root, &key, array);

    for (i = 0; i < 1000; i++) {
        zwfw_json_append(array, NULL,
                         zwfw_json_new(tap_mem, ZWFW_JSON_NULL, NULL));
    }

    tap_ok(kit_render(&kit, compile(&kit, "{{#a}}{{#a}}{{#a}}{{b}}{{/a}}{{/a}}"
                                          "{{/a}}"), root)
           == ZWFW_DECLINED, "a thousand times a thousand times a thousand");

    tap_ok(kit_render(&kit, compile(&kit, "{{#a}}{{#a}}{{/a}}{{/a}}"), root)
           == ZWFW_OK, "a thousand times a thousand");

    partial(&kit, "p", "{{>p2}}{{>p2}}{{>p2}}");
    partial(&kit, "p2", "{{>p}}{{>p}}{{>p}}");

    tap_ok(kit_render(&kit, compile(&kit, "{{>p}}"), root) == ZWFW_DECLINED,
           "partials of each other");

    for (i = 0; i < 20000; i++) {
        zwfw_json_append(root, &key,
                         zwfw_json_new(tap_mem, ZWFW_JSON_NULL, NULL));
    }

    tap_ok(kit_render(&kit, compile(&kit, "{{#a}}{{b}}{{c}}{{d}}{{/a}}"), root)
           == ZWFW_DECLINED, "missing names in a large object");

    kit_done(&kit);
}


static void
test_memory(void)
{
    int               rc;
    kit_t             kit;
    unsigned          i;
    zwfw_json_t      *root;
    zwfw_template_t  *t;

    const char   data[] = "{\"x\":\"2026-11-23\",\"y\":[1]}";
    const char  *text = "{{<p}}{{$b}}\n  a\n  {{#x}}\n  {{x|mask}}{{x|date}}"
                        "{{x|yuan}}{{y.count}}\n  {{/x}}\n  {{/b}}{{/p}}"
                        "{{a}}{{b}}{{c}}"
                        "{{d}}{{e}}{{f}}{{g}}{{h}}{{i}}{{j}}{{k}}{{l}}";

    rc = ZWFW_ERROR;

    for (i = 0; i < 100 && rc == ZWFW_ERROR; i++) {
        kit_init(&kit);
        tap_mem_reset(i);

        root = kit_json(data, sizeof(data) - 1);
        partial(&kit, "p", "{{$b}}{{/b}}");
        t = compile(&kit, text);

        if (root && t && kit.partials[0].template) {
            rc = kit_render(&kit, t, root);

        } else if (kit.error[0] && !strstr(kit.error, "out of memory")) {
            rc = ZWFW_DECLINED;
        }

        kit_done(&kit);
    }

    tap_ok(rc == ZWFW_OK && i > 10, "each of %u allocations may fail", i);
}


static void
test_names(void)
{
    char              found[64];
    kit_t             kit;
    zwfw_template_t  *t;

    kit_init(&kit);

    t = compile(&kit, "{{>a/b}}{{#x}}{{<c}}{{$d}}{{>e}}{{y|date}}{{/d}}{{/c}}"
                      "{{/x}}{{{z | mask}}}{{w}}");

    found[0] = '\0';
    zwfw_template_names(t, seen, found);
    tap_ok(strcmp(found, "a/b c e ") == 0, "names: %s", found);

    found[0] = '\0';
    zwfw_template_filters(t, seen, found);
    tap_ok(strcmp(found, "date mask ") == 0, "filters: %s", found);

    kit_done(&kit);
}


static void
seen(void *data, zwfw_str_t *name)
{
    char *found = data;

    strncat(found, (char *) name->data, name->len);
    strcat(found, " ");
}


static zwfw_json_t *
json(const char *text)
{
    zwfw_json_t  *root;

    root = kit_json(text, strlen(text));
    if (root == NULL) {
        abort();
    }

    return root;
}


static zwfw_template_t *
compile(kit_t *kit, const char *text)
{
    return kit_compile(kit, text, strlen(text));
}


/* the name is a literal */

static void
partial(kit_t *kit, const char *name, const char *text)
{
    zwfw_str_t  s;

    s.len = strlen(name);
    s.data = (unsigned char *) name;

    kit_partial(kit, &s, compile(kit, text));
}


static void
is_rendered(kit_t *kit, int rc, const char *expected, const char *name)
{
    zwfw_str_t  s;

    if (expected == NULL) {
        tap_ok(rc == ZWFW_DECLINED, "%s", name);
        return;
    }

    s.len = strlen(expected);
    s.data = (unsigned char *) expected;

    is_same(kit, rc, &s, name);
}


static void
is_same(kit_t *kit, int rc, zwfw_str_t *expected, const char *name)
{
    int  good;

    good = (rc == ZWFW_OK && kit->len == expected->len
            && (kit->len == 0
                || memcmp(kit->out, expected->data, kit->len) == 0));

    tap_ok(good, "%s", name);

    if (!good) {
        fprintf(stderr, "rc %d %s\ngot  <%.*s>\nwant <%.*s>\n", rc,
                kit->error, (int) kit->len, (char *) kit->out,
                (int) expected->len, (char *) expected->data);
    }
}


static void
test_deep(void)
{
    kit_t             kit;
    zwfw_str_t        self = zwfw_string("self");
    zwfw_template_t  *t;

    kit_init(&kit);

    t = kit_compile(&kit, "({{#.}}{{a}}{{>self}}{{/.}})", 28);
    kit_partial(&kit, &self, t);

    tap_ok(kit_render(&kit, t, deep_tree(ZWFW_JSON_ARRAY))
           == ZWFW_DECLINED, "arrays a million deep");

    tap_ok(kit_render(&kit, t, deep_tree(ZWFW_JSON_OBJECT))
           == ZWFW_DECLINED, "objects a million deep");

    t = kit_compile(&kit, "{{a.a.a.a}}{{#a}}{{a}}{{/a}}", 28);

    tap_ok(kit_render(&kit, t, deep_tree(ZWFW_JSON_OBJECT)) == ZWFW_OK
           && kit.len == 0, "a template that does not follow them");

    kit_done(&kit);
}


static zwfw_json_t *
deep_tree(zwfw_json_type_e type)
{
    size_t        i;
    zwfw_str_t    key = zwfw_string("a");
    zwfw_json_t  *json, *parent;

    json = zwfw_json_new(tap_mem, ZWFW_JSON_NULL, NULL);

    for (i = 0; i < 1000000; i++) {
        parent = zwfw_json_new(tap_mem, type, NULL);
        zwfw_json_append(parent, type == ZWFW_JSON_OBJECT ? &key : NULL,
                         json);
        json = parent;
    }

    return json;
}
