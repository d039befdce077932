#include "tests/support/unit.h"

#include "collector/rules/yaml_values.h"
#include "collector/rules/yaml_write.h"
#include "common/cleanup.h"

#define ARENA_BYTES ((size_t)256 << 20)

struct fixture {
    struct arena *arena;
    struct yaml yaml;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    assert_ok(arena_open(&f.arena, ARENA_BYTES, &err));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    return 0;
}

static int parse(struct fixture *f, const char *text, struct err *err)
{
    return yaml_parse(&f->yaml, "p.yaml", text, strlen(text), f->arena, err);
}

static void a_document_is_a_tree_with_places(void **state)
{
    struct fixture *f = *state;
    const struct yaml_node *rules, *name;
    struct err err;

    assert_ok(
        parse(f, "# head\nmode: \"a b\"\nrules:\n  - name: x:1\n  - {name: 'y', n: }\n", &err));
    assert_int_equal(f->yaml.root->kind, YAML_MAP);
    assert_int_equal(f->yaml.root->count, 2);
    assert_string_equal(yaml_get(f->yaml.root, "mode")->text, "a b");
    assert_true(yaml_get(f->yaml.root, "mode")->quoted);
    assert_null(yaml_get(f->yaml.root, "none"));
    rules = yaml_get(f->yaml.root, "rules");
    assert_int_equal(rules->kind, YAML_LIST);
    assert_int_equal(rules->count, 2);
    name = yaml_get(&rules->items[0], "name");
    assert_string_equal(name->text, "x:1");
    assert_false(name->quoted);
    assert_int_equal(name->line, 4);
    assert_int_equal(name->column, 11);
    assert_string_equal(yaml_get(&rules->items[1], "n")->text, "");
}

static void json_is_read_too(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(parse(f, "{\"mode\": \"white list\", \"rules\": [{\"name\": \"\\u00e4\"}]}", &err));
    assert_string_equal(yaml_get(&yaml_get(f->yaml.root, "rules")->items[0], "name")->text,
                        "\xC3\xA4");
}

static void an_empty_file_has_no_root(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(parse(f, "", &err));
    assert_null(f->yaml.root);
    assert_ok(parse(f, "# only a comment\n", &err));
    assert_null(f->yaml.root);
}

static void what_hides_its_meaning_is_refused_where_it_stands(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"a: &x 1\nb: *x\n", "p.yaml:1:4: an anchor"},
        {"base: *debian\n", "p.yaml:1:7: an alias"},
        {"base: *\n", "p.yaml:1:7: an alias (*): write the value itself, or put it into quotes"},
        {"base: *.example.com/base/*\n", "p.yaml:1:7: an alias (*)"},
        {"a:\n- */x\n", "p.yaml:2:3: an alias (*)"},
        {"a: [*/x]\n", "p.yaml:1:5: an alias (*)"},
        {"ok: 1\na: \"b\nc: 1\nd: 1\n", "p.yaml:2:4: a quote that nothing closes"},
        {"a: !!int 1\n", "p.yaml:1:4: a tag"},
        {"- !x {}\n", "p.yaml:1:3: a tag"},
        {"a:\n  <<: {b: 1}\n", "p.yaml:2:3: a merge key"},
        {"a: 1\n---\nb: 2\n", "p.yaml:2:1: a second document"},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", "%TAG"},
        {"[a, b]: c\n", "p.yaml:1:1: expected a word as a key"},
        {"a: \"x\\0y\"\n", "p.yaml:1:4: a control character"},
        {"a: \"\\e[31m\"\n", "p.yaml:1:4: a control character"},
        {"a: [1, 2\nb: 3\n", "no YAML"},
        {"a:\n\t- b\n", "p.yaml:2:1: a tab: indent with blanks"},
        {"a:\n  - b:\n  \t c: d\n", "a tab: indent with blanks"},
        {"a: b: c\n", "p.yaml:1:5: no YAML"},
        {"ok: 1\nbad: \xFF\n", "p.yaml:2:6: a byte that is no text"},
    };
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(parse(f, cases[i].text, &err), ERR_USAGE, cases[i].words);
}

static void depth_size_and_number_are_limited(void **state)
{
    struct fixture *f = *state;
    char deep[64];
    AUTO_FREE char *many = malloc(2 * YAML_NODES_MAX + 16);
    struct err err;

    memset(deep, '[', sizeof(deep));
    assert_fails(yaml_parse(&f->yaml, "p.yaml", deep, sizeof(deep), f->arena, &err), ERR_USAGE,
                 "p.yaml:1:17: lists and maps within each other");
    assert_non_null(many);
    many[0] = '[';
    for (size_t i = 0; i < YAML_NODES_MAX; i++)
        memcpy(many + 1 + 2 * i, "1,", 2);
    assert_fails(yaml_parse(&f->yaml, "p.yaml", many, 1 + 2 * YAML_NODES_MAX, f->arena, &err),
                 ERR_LIMIT, "over 1000000 values");
    assert_fails(yaml_parse(&f->yaml, "p.yaml", many, YAML_BYTES_MAX + 1, f->arena, &err),
                 ERR_LIMIT, "over the limit");
}

static void a_wrong_key_names_the_nearest_one(void **state)
{
    static const char *const known[] = {"accept", "reject", NULL};
    struct fixture *f = *state;
    struct err err;

    assert_ok(parse(f, "accept: 1\n\n  \nrejct: 2\n", &err));
    assert_fails(yaml_only(&f->yaml, f->yaml.root, known, &err), ERR_USAGE,
                 "p.yaml:4:1: \"rejct\" is not known here; did you mean \"reject\"?");
    assert_ok(parse(f, "quite-else: 1\n", &err));
    assert_fails(yaml_only(&f->yaml, f->yaml.root, known, &err), ERR_USAGE,
                 "expected one of accept, reject");
    assert_ok(parse(f, "accept: 1\nreject: 2\naccept: 3\n", &err));
    assert_fails(yaml_only(&f->yaml, f->yaml.root, known, &err), ERR_USAGE,
                 "p.yaml:3:1: \"accept\" stands here twice, first in line 1");
    assert_ok(parse(f, "x: 1\ny: 2\n", &err));
    assert_ok(yaml_only(&f->yaml, f->yaml.root, NULL, &err));
}

static void values_say_what_was_expected(void **state)
{
    struct fixture *f = *state;
    const struct yaml_node *root;
    struct digest digest;
    const char *text;
    size_t count;
    struct err err;

    assert_ok(
        parse(f,
              "list: [a]\nempty:\nnone: []\nmap: {a: b}\ndigest: sha256:12\n"
              "loud: sha256:ABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCD\n"
              "blank: \" \"\n",
              &err));
    root = f->yaml.root;
    assert_fails(yaml_text(&f->yaml, yaml_get(root, "list"), "a word", &text, &err), ERR_USAGE,
                 "p.yaml:1:7: expected a word, found a list");
    assert_fails(yaml_text(&f->yaml, yaml_get(root, "empty"), "a word", &text, &err), ERR_USAGE,
                 "expected a word, found nothing");
    assert_fails(yaml_required(&f->yaml, root, "gone", "a word", &text, &err), ERR_USAGE,
                 "\"gone\" is missing: expected a word");
    assert_fails(yaml_texts(&f->yaml, yaml_get(root, "none"), "words", 9, &count, &err), ERR_USAGE,
                 "found an empty list");
    assert_fails(yaml_texts(&f->yaml, yaml_get(root, "map"), "words", 9, &count, &err), ERR_USAGE,
                 "found a map");
    assert_fails(yaml_digest(&f->yaml, yaml_get(root, "digest"), &digest, &err), ERR_USAGE,
                 "p.yaml:5:9: expected a digest");
    assert_fails(yaml_digest(&f->yaml, yaml_get(root, "loud"), &digest, &err), ERR_USAGE,
                 "p.yaml:6:7: expected a digest in lower case");
    assert_fails(yaml_text(&f->yaml, yaml_get(root, "blank"), "a word", &text, &err), ERR_USAGE,
                 "p.yaml:7:8: expected a word, found only blanks");
    assert_fails(yaml_expect(&f->yaml, NULL, YAML_MAP, "a map", &err), ERR_USAGE, "p.yaml:1:1:");
}

static void every_text_is_read_as_it_was_written(void **state)
{
    static const char *const texts[] = {"debian:12",
                                        "*",
                                        "*/x",
                                        "a: b",
                                        "- x",
                                        "#",
                                        "x #y",
                                        "\"",
                                        "\\",
                                        "a\nb\n",
                                        "\t",
                                        "ends:",
                                        " leads",
                                        "true",
                                        "12",
                                        "~",
                                        "{",
                                        "&a",
                                        "!b",
                                        "%c",
                                        "@d",
                                        "`e",
                                        "'",
                                        "?",
                                        ":",
                                        "|",
                                        "gr\xC3\xBCn",
                                        "\xE2\x80\xA8",
                                        "\xEF\xBB\xBF",
                                        "\xF0\x9F\x90\x8B",
                                        "a,b",
                                        "[x]"};
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(texts); i++) {
        AUTO(buf_close) struct buf b;

        buf_init(&b, 1000);
        assert_ok(yaml_write_pair(&b, "", "key", texts[i], &err));
        assert_ok(parse(f, buf_str(&b), &err));
        assert_string_equal(yaml_get(f->yaml.root, "key")->text, texts[i]);
    }
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(yaml_read(&f->yaml, "/nowhere/p.yaml", f->arena, &err), ERR_NOT_FOUND,
                 "/nowhere/p.yaml");
    assert_int_equal(yaml_read(&f->yaml, "/", f->arena, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_is_a_tree_with_places, setup, teardown),
        cmocka_unit_test_setup_teardown(json_is_read_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_has_no_root, setup, teardown),
        cmocka_unit_test_setup_teardown(what_hides_its_meaning_is_refused_where_it_stands, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(depth_size_and_number_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_key_names_the_nearest_one, setup, teardown),
        cmocka_unit_test_setup_teardown(values_say_what_was_expected, setup, teardown),
        cmocka_unit_test_setup_teardown(every_text_is_read_as_it_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_not_found, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
