#include "tests/support/unit.h"

#include <unistd.h>

#include "collector/rules/patterns.h"
#include "collector/rules/policy_file.h"
#include "common/cleanup.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char whole[] = "# ours\n"
                            "mode: white list\n"
                            "rules:\n"
                            "  - name: company\n"
                            "    accept:\n"
                            "      base: [\"debian\", registry.example.com/base/*, alpine:3]\n"
                            "      family: debian\n"
                            "      version: ['12', '13']\n"
                            "      origin: quay.io\n"
                            "    on: {team: shop}\n"
                            "  - name: old\n"
                            "    reject:\n"
                            "      older-than: 90d\n"
                            "      digest: " DIGEST_A "\n"
                            "      chain:\n"
                            "        - " DIGEST_A "\n"
                            "  - name: nobody-knows\n"
                            "    accept: {unknown: base}\n"
                            "  - name: claims\n"
                            "    accept: {unknown: declaration}\n"
                            "  - name: either\n"
                            "    accept: {unknown: [base, declaration]}\n"
                            "  - name: alone\n"
                            "    accept: {image: " DIGEST_A "}\n"
                            "exceptions:\n"
                            "  - image: shop/cart\n"
                            "    rule: old\n"
                            "    owner: Ann\n"
                            "    reason: |\n"
                            "      moves in\n"
                            "      spring\n"
                            "    expires: 2026-12-31\n"
                            "  - image: " DIGEST_A "\n"
                            "    owner: Bob\n"
                            "    reason: \"a: test\"\n"
                            "    expires: '1970-01-01'\n"
                            "    on: {team: shop, \"a b\": \"#1\"}\n";

struct fixture {
    struct arena *arena;
    struct policy policy;
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
    return policy_parse(&f->policy, "p.yaml", text, strlen(text), f->arena, err);
}

static void assert_words(const struct policy_words *words, size_t count,
                         const char *const *expected)
{
    assert_int_equal(words->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(words->items[i], expected[i]);
}

static void assert_whole(const struct policy *p)
{
    static const char *const bases[] = {"docker.io/library/debian:*", "docker.io/library/debian@*",
                                        "registry.example.com/base/*",
                                        "docker.io/library/alpine:3"};
    static const char *const versions[] = {"12", "13"};
    static const char *const origins[] = {"quay.io/*"};
    struct digest digest;
    struct err err;

    assert_ok(digest_parse(&digest, DIGEST_A, strlen(DIGEST_A), false, &err));
    assert_int_equal(p->mode, POLICY_WHITE_LIST);
    assert_int_equal(p->rule_count, 6);
    assert_string_equal(p->rules[0].name, "company");
    assert_true(p->rules[0].accept);
    assert_words(&p->rules[0].bases, 4, bases);
    assert_words(&p->rules[0].versions, 2, versions);
    assert_words(&p->rules[0].origins, 1, origins);
    assert_string_equal(p->rules[0].families.items[0], "debian");
    assert_int_equal(p->rules[0].label_count, 1);
    assert_string_equal(p->rules[0].labels[0].value, "shop");
    assert_false(p->rules[1].accept);
    assert_int_equal(p->rules[1].older_than_s, 90 * 86400);
    assert_int_equal(p->rules[1].digests.count, 1);
    assert_true(digest_eq(&p->rules[1].chains.items[0], &digest));
    assert_true(p->rules[2].unknown && !p->rules[2].unverified);
    assert_true(!p->rules[3].unknown && p->rules[3].unverified);
    assert_true(p->rules[4].unknown && p->rules[4].unverified);
    assert_int_equal(p->rules[5].images.count, 1);
    assert_true(digest_eq(&p->rules[5].images.items[0], &digest));
    assert_int_equal(p->exception_count, 3);
    assert_string_equal(p->exceptions[0].image, "docker.io/shop/cart:*");
    assert_string_equal(p->exceptions[1].image, "docker.io/shop/cart@*");
    assert_int_equal(p->exceptions[0].line, p->exceptions[1].line);
    assert_string_equal(p->exceptions[0].rule, "old");
    assert_string_equal(p->exceptions[0].reason, "moves in\nspring\n");
    assert_int_equal(p->exceptions[0].expires_s, 1798761600); /* 2027-01-01T00:00:00Z */
    assert_string_equal(p->exceptions[2].image, DIGEST_A);
    assert_string_equal(p->exceptions[2].rule, "");
    assert_int_equal(p->exceptions[2].expires_s, 86400);
    assert_string_equal(p->exceptions[2].labels[1].key, "a b");
    assert_string_equal(p->exceptions[2].labels[1].value, "#1");
}

static void a_whole_policy_is_read(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(parse(f, whole, &err));
    assert_whole(&f->policy);
    assert_int_equal(f->policy.rules[1].line, 11);
}

static void what_is_written_is_read_again(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    FILE *out;
    struct err err;

    assert_ok(parse(f, whole, &err));
    out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_ok(policy_write(&f->policy, out, &err));
    fclose(out);
    assert_non_null(strstr(text, "- docker.io/library/debian\n"));
    assert_non_null(strstr(text, "older-than: 90d\n"));
    assert_ok(parse(f, text, &err));
    assert_whole(&f->policy);
}

static void only_names_of_images_are_shortened_when_written(void **state)
{
    static const char text[] = "mode: black list\n"
                               "rules:\n"
                               "  - name: r\n"
                               "    reject:\n"
                               "      base: debian\n"
                               "      family: ['x:*', 'x@*']\n"
                               "      version: ['12:*', '12@*']\n";
    static const char *const bases[] = {"docker.io/library/debian:*", "docker.io/library/debian@*"},
                             *const families[] = {"x:*", "x@*"},
                             *const versions[] = {"12:*", "12@*"};
    struct fixture *f = *state;
    AUTO_FREE char *written = NULL;
    size_t len;
    FILE *out = open_memstream(&written, &len);
    struct err err;

    assert_ok(parse(f, text, &err));
    assert_ok(policy_write(&f->policy, out, &err));
    assert_int_equal(fclose(out), 0);
    assert_ok(parse(f, written, &err));
    assert_words(&f->policy.rules[0].bases, unit_count(bases), bases);
    assert_words(&f->policy.rules[0].families, unit_count(families), families);
    assert_words(&f->policy.rules[0].versions, unit_count(versions), versions);
}

static void modes_are_known_in_every_usual_spelling(void **state)
{
    static const struct {
        const char *text;
        enum policy_mode mode;
    } cases[] = {
        {"mode: wild west", POLICY_WILD_WEST},   {"mode: Wild-West", POLICY_WILD_WEST},
        {"mode: blacklist", POLICY_BLACK_LIST},  {"mode: black list\nrules:\n", POLICY_BLACK_LIST},
        {"mode: white_list", POLICY_WHITE_LIST},
    };
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(parse(f, cases[i].text, &err));
        assert_int_equal(f->policy.mode, cases[i].mode);
    }
}

#define RULE(text) "mode: black list\nrules:\n  - name: x\n" text
#define WHITE(text) "mode: white list\nrules:\n  - name: x\n" text
#define EXCEPTION(text)                                                                            \
    "mode: black list\nrules: [{name: old, reject: {unknown: base}}]\n"                            \
    "exceptions:\n  - image: x:1\n" text

static void a_bad_file_names_the_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "p.yaml:1:1: expected a policy"},
        {"- a\n", "p.yaml:1:1: expected a policy, as mode: black list, found a list"},
        {"rules: []\n", "p.yaml:1:1: \"mode\" is missing"},
        {"mode: whit list\n", "p.yaml:1:7: expected a mode: wild west, black list or white list, "
                              "found \"whit list\"; did you mean \"white list\"?"},
        {"mode: grey\n", "found \"grey\""},
        {"mode: wild\n", "did you mean \"wild west\"?"},
        {"mode: wld west\n", "did you mean \"wild west\"?"},
        {"mode: black\n", "did you mean \"black list\"?"},
        {"mode: wild west\nrule: []\n", "p.yaml:2:1: \"rule\" is not known here; did you mean "
                                        "\"rules\"?"},
        {"mode: wild west\nmode: black list\n", "p.yaml:2:1: \"mode\" stands here twice"},
        {RULE(""), "p.yaml:3:5: rule \"x\": expected accept: or reject:, found neither"},
        {RULE("    accept: {unknown: base}\n    reject: {unknown: base}\n"), "found both"},
        {RULE("    reject: {}\n"), "p.yaml:4:13: expected conditions"},
        {RULE("    reject: debian\n"), "p.yaml:4:13: expected conditions, as base: debian:12, "
                                       "found a text"},
        {RULE("    reject: {older: 3d}\n"), "p.yaml:4:14: \"older\" is not known here; did you "
                                            "mean \"older-than\"?"},
        {RULE("    reject: {older-than: 90}\n"), "p.yaml:4:26: expected an age with its unit"},
        {RULE("    reject: {older-than: 3 months}\n"), "expected an age with its unit"},
        {RULE("    reject: {older-than: 0d}\n"), "expected an age with its unit"},
        {RULE("    reject: {unknown: yes}\n"), "expected the word \"base\""},
        {RULE("    reject: {unknown: [base, it]}\n"), "found \"it\""},
        {RULE("    reject: {base: Debian:12}\n"), "p.yaml:4:20: \"docker.io/library/Debian:12\" "
                                                  "could match no"},
        {RULE("    reject: {base: \"\"}\n"), "found nothing"},
        {RULE("    reject: {base: quay.io}\n"), "is a registry"},
        {RULE("    reject: {base: '*.example.com'}\n"), "is a registry"},
        {RULE("    reject: {origin: \"debian:12\"}\n"), "p.yaml:4:22: \"debian:12\" has a tag"},
        {RULE("    reject: {digest: 12ab}\n"), "expected a digest"},
        {RULE("    reject: {image: shop}\n"), "expected a digest"},
        {RULE("    reject: {image: " DIGEST_A ", base: debian}\n"), "image and base do not go"},
        {RULE("    reject: {base: []}\n"), "found an empty list"},
        {RULE("    reject: {base: [[a]]}\n"), "p.yaml:4:21: expected an image's name"},
        {RULE("    reject: {unknown: base}\n    on: shop\n"), "p.yaml:5:9: expected labels"},
        {RULE("    reject: {unknown: base}\n    on: {a: 1, a: 2}\n"), "stands here twice"},
        {RULE("    reject: {unknown: base}\n  - name: x\n    reject: {unknown: base}\n"),
         "p.yaml:5:11: a rule named \"x\" stands in line 3 already"},
        {EXCEPTION("    reason: r\n    expires: 2026-01-01\n"), "p.yaml:4:5: \"owner\" is missing"},
        {EXCEPTION("    owner: o\n    expires: 2026-01-01\n"), "\"reason\" is missing"},
        {EXCEPTION("    owner: o\n    reason: r\n"), "\"expires\" is missing"},
        {EXCEPTION("    owner: o\n    reason: r\n    expires: 2026-02-30\n"),
         "p.yaml:7:14: expected the last day that it holds, as 2026-12-31"},
        {EXCEPTION("    owner: o\n    reason: r\n    expires: 2026-02-03T10:00:00Z\n"),
         "expected the last day"},
        {EXCEPTION("    rule: odl\n    owner: o\n"), "p.yaml:5:11: no rule is named \"odl\"; did "
                                                     "you mean \"old\"?"},
    };
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(parse(f, cases[i].text, &err), ERR_USAGE, cases[i].words);
}

static void a_white_list_accepts_nothing_by_its_age_alone(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(
        parse(f, WHITE("    accept: {older-than: 1d}\n"), &err), ERR_USAGE,
        "p.yaml:4:13: rule \"x\": an age alone accepts nothing: add what it is the age of, "
        "as base: debian:12");
    assert_ok(parse(f, WHITE("    accept: {older-than: 1d, family: debian}\n"), &err));
    assert_ok(parse(f, WHITE("    accept: {older-than: 1d, unknown: declaration}\n"), &err));
    assert_ok(parse(f, WHITE("    reject: {older-than: 1d}\n"), &err));
    assert_ok(parse(f, RULE("    accept: {older-than: 1d}\n"), &err));
}

static void a_pipe_is_read_as_a_file_is(void **state)
{
    static const char text[] = "mode: black list\n";
    struct fixture *f = *state;
    char path[32];
    int ends[2];
    struct err err;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_ok(policy_read_stream(&f->policy, path, f->arena, &err));
    close(ends[0]);
    assert_int_equal(f->policy.mode, POLICY_BLACK_LIST);
    assert_fails(policy_read_stream(&f->policy, "/dev/zero", f->arena, &err), ERR_LIMIT,
                 "/dev/zero");
    assert_fails(policy_read_stream(&f->policy, "/dev", f->arena, &err), ERR_CORRUPT,
                 "/dev: not a regular file");
}

static void patterns_get_their_normal_form(void **state)
{
    static const struct {
        const char *text, *first, *second;
    } cases[] = {
        {"debian:12", "docker.io/library/debian:12", NULL},
        {"debian:*", "docker.io/library/debian:*", NULL},
        {"debian", "docker.io/library/debian:*", "docker.io/library/debian@*"},
        {"debian*", "docker.io/library/debian*", NULL},
        {"debi?n", "docker.io/library/debi?n:*", "docker.io/library/debi?n@*"},
        {"debian@*", "docker.io/library/debian@*", NULL},
        {"debian@" DIGEST_A, "docker.io/library/debian@" DIGEST_A, NULL},
        {"acme/*", "docker.io/acme/*", NULL},
        {"docker.io/*", "docker.io/*", NULL},
        {"docker.io/debian:1?", "docker.io/library/debian:1?", NULL},
        {"index.docker.io/acme/x:1", "docker.io/acme/x:1", NULL},
        {"localhost:5000/x:1", "localhost:5000/x:1", NULL},
        {"reg.example.com:*/x:1", "reg.example.com:*/x:1", NULL},
        {"*.example.com/base/*:1", "*.example.com/base/*:1", NULL},
        {"*", "*", NULL},
        {"*:latest", "*:latest", NULL},
        {"*/debian", "*/debian:*", "*/debian@*"},
    };
    struct fixture *f = *state;
    struct pattern_forms forms;
    size_t len;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(pattern_of_images(&forms, cases[i].text, f->arena, &err));
        assert_int_equal(forms.count, cases[i].second != NULL ? 2 : 1);
        assert_string_equal(forms.items[0], cases[i].first);
        if (cases[i].second == NULL)
            continue;
        assert_string_equal(forms.items[1], cases[i].second);
        assert_true(pattern_is_pair(forms.items[0], forms.items[1], &len));
    }
    assert_false(pattern_is_pair("a/b:*", "a/c@*", &len));
    assert_false(pattern_is_pair("a/b:1:*", "a/b:1@*", &len));
}

static void repositories_are_patterns_without_a_tag(void **state)
{
    static const char *const cases[][2] = {
        {"debian", "docker.io/library/debian"},
        {"debian*", "docker.io/library/debian*"},
        {"acme/cart", "docker.io/acme/cart"},
        {"quay.io", "quay.io/*"},
        {"index.docker.io", "docker.io/*"},
        {"localhost:5000", "localhost:5000/*"},
        {"*.example.com", "*.example.com/*"},
        {"registry.example.com/?*", "registry.example.com/?*"},
        {"docker.io/library/?*", "docker.io/library/?*"},
        {"*", "*"},
    };
    struct fixture *f = *state;
    const char *out;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(pattern_of_repositories(&out, cases[i][0], f->arena, &err));
        assert_string_equal(out, cases[i][1]);
    }
    assert_fails(pattern_of_repositories(&out, "a@" DIGEST_A, f->arena, &err), ERR_USAGE, "tag");
    assert_fails(pattern_of_repositories(&out, "", f->arena, &err), ERR_USAGE, "nothing");
    assert_fails(pattern_of_repositories(&out, "quay.io/.*", f->arena, &err), ERR_USAGE,
                 "could match no image's name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_policy_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(only_names_of_images_are_shortened_when_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(modes_are_known_in_every_usual_spelling, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_file_names_the_place_and_what_was_expected, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_white_list_accepts_nothing_by_its_age_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pipe_is_read_as_a_file_is, setup, teardown),
        cmocka_unit_test_setup_teardown(patterns_get_their_normal_form, setup, teardown),
        cmocka_unit_test_setup_teardown(repositories_are_patterns_without_a_tag, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
