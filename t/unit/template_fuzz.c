
/*
 * Templates: ten thousand damaged texts, rendered over hostile trees when
 * they compile.  The texts come from the files of the specification.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_kit.h"


#define FUZZ_ROUNDS  10000
#define FUZZ_SEEDS   256
#define FUZZ_SEED    1024
#define FUZZ_SIZE    4096


typedef struct {
    size_t           len;
    unsigned char    text[FUZZ_SIZE];
} fuzz_t;


typedef struct {
    size_t           len;
    unsigned char    text[FUZZ_SEED];
} seed_t;


static void load(const char *file);
static void add_seed(zwfw_json_t *text);
static void fuzz(void);
static void fuzz_round(kit_t *kit, zwfw_json_t *root);
static void damage(fuzz_t *f);
static void splice(fuzz_t *f, const void *text, size_t len);
static zwfw_json_t *deep_tree(zwfw_json_type_e type);
static void test_deep(void);
static uint32_t dice(uint32_t sides);


static seed_t    seeds[FUZZ_SEEDS];
static unsigned  nseeds;
static uint64_t  state = 20261123;
static unsigned  compiled;
static unsigned  rendered;
static unsigned  refused;
static unsigned  odd;            /* answers that must not be */


static const char  *tokens[] = {
    "{{", "}}", "{{{", "}}}", "{{#a}}", "{{/a}}", "{{^a}}", "{{>p}}",
    "{{<p}}", "{{/p}}", "{{$b}}", "{{/b}}", "{{=| |=}}", "|={{ }}=|",
    "{{! ", "{{.}}", "{{#.}}", "{{/.}}", "{{a|date}}", "{{a.a|mask}}",
    "{{&a}}", "\n", "\r\n", "  ", "\t", "\xff", "{{a|yuan}}", "=", "a.b"
};


int
main(void)
{
    unsigned  i;

    for (i = 0; kit_files[i]; i++) {
        load(kit_files[i]);
    }

    tap_mem_reset(TAP_MEM_ALL);
    tap_ok(nseeds > 100, "%u texts to begin with", nseeds);

    fuzz();

    tap_ok(compiled > 1000 && refused > 1000, "%u texts compiled, %u refused",
           compiled, refused);
    tap_ok(rendered > 1000, "%u rendered", rendered);
    tap_ok(odd == 0, "nothing but an answer or a refusal");

    test_deep();

    return tap_done();
}


static void
load(const char *file)
{
    zwfw_json_t  *root, *partial;

    root = kit_cases(file);

    for (root = root ? root->child : NULL; root; root = root->next) {
        add_seed(zwfw_json_get(root, "template", 8));

        partial = zwfw_json_get(root, "partials", 8);
        partial = partial ? partial->child : NULL;

        for ( /* void */ ; partial; partial = partial->next) {
            add_seed(partial);
        }
    }
}


static void
add_seed(zwfw_json_t *text)
{
    if (text && nseeds < FUZZ_SEEDS && text->value.len <= FUZZ_SEED) {
        seeds[nseeds].len = text->value.len;
        memcpy(seeds[nseeds].text, text->value.data, text->value.len);
        nseeds++;
    }
}


static void
fuzz(void)
{
    kit_t         kit;
    unsigned      i;
    zwfw_json_t  *root;

    static const char  data[] =
        "{\"a\":[{\"a\":1,\"b\":\"<\"},{\"a\":[[],[0]]},null,\"\",\"x\\ny\"],"
        "\"b\":{\"c\":{\"a\":\"2026-11-23\"}},\"boolean\":true,\"list\":[1],"
        "\"foo\":\"b\",\"nodes\":[{\"nodes\":[]}],"
        "\"text\":\"\\ud83d\\ude00\"}";

    for (i = 0; i < FUZZ_ROUNDS; i++) {
        kit_init(&kit);

        root = kit_json(data, sizeof(data) - 1);
        fuzz_round(&kit, root);

        kit_done(&kit);
    }
}


/* two damaged texts, the second is every partial of the first and itself */

static void
fuzz_round(kit_t *kit, zwfw_json_t *root)
{
    int               rc;
    fuzz_t            f;
    unsigned          i;
    zwfw_template_t  *t, *p;

    static zwfw_str_t  names[] = {
        zwfw_string("p"), zwfw_string("parent"), zwfw_string("include"),
        zwfw_string("partial"), zwfw_string("text"), zwfw_string("node")
    };

    damage(&f);
    t = kit_compile(kit, f.text, f.len);

    if (t == NULL) {
        refused++;
        odd += (kit->error[0] < '1' || kit->error[0] > '9');
        return;
    }

    compiled++;

    damage(&f);
    p = kit_compile(kit, f.text, f.len);

    for (i = 0; p && i < sizeof(names) / sizeof(names[0]); i++) {
        kit_partial(kit, &names[i], dice(4) ? p : t);
    }

    rc = kit_render(kit, t, root);

    rendered += (rc == ZWFW_OK);
    odd += (rc != ZWFW_OK && rc != ZWFW_DECLINED);
}


static void
damage(fuzz_t *f)
{
    size_t     at, len;
    seed_t    *seed;
    unsigned   n;

    f->len = 0;
    seed = &seeds[dice(nseeds)];

    splice(f, seed->text, seed->len);

    for (n = dice(4) + 1; n; n--) {

        switch (dice(5)) {

        case 0:
            if (f->len) {
                f->text[dice(f->len)] = dice(256);
            }

            break;

        case 1:
            at = dice(f->len + 1);
            len = dice(f->len - at + 1);
            memmove(f->text + at, f->text + at + len, f->len - at - len);
            f->len -= len;
            break;

        case 2:
            seed = &seeds[dice(nseeds)];
            splice(f, seed->text, seed->len);
            break;

        default:
            len = dice(sizeof(tokens) / sizeof(tokens[0]));
            splice(f, tokens[len], strlen(tokens[len]));
        }
    }
}


/* puts the text somewhere into the other */

static void
splice(fuzz_t *f, const void *text, size_t len)
{
    size_t  at;

    if (len > FUZZ_SIZE - f->len) {
        return;
    }

    at = dice(f->len + 1);

    memmove(f->text + at + len, f->text + at, f->len - at);
    memcpy(f->text + at, text, len);

    f->len += len;
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


/* the same numbers every time */

static uint32_t
dice(uint32_t sides)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return (uint32_t) (state >> 32) % sides;
}
