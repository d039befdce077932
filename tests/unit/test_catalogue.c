#include "tests/support/unit.h"

#include "collector/census/catalogue.h"

static void a_pattern_holds_any_text_and_any_byte(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "docker.io/library/debian", true},
        {"docker.io/library/?*", "docker.io/library/debian", true},
        {"docker.io/library/?*", "docker.io/library/", false},
        {"docker.io/*/debian", "docker.io/library/debian", true},
        {"docker.io/*/debian", "docker.io/debian", false},
        {"*debian", "docker.io/library/debian-debian", true},
        {"*a*b*c", "xaxbxbxc", true},
        {"*a*b*c", "xaxcxb", false},
        {"debian:1?", "debian:12", true},
        {"debian:1?", "debian:1", false},
        {"debian**", "debian", true},
        {"[a-z]", "a", false},
        {"[a-z]", "[a-z]", true},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(rows); i++)
        if (catalogue_matches(rows[i].pattern, rows[i].text) != rows[i].fits)
            fail_msg("\"%s\" of \"%s\"", rows[i].pattern, rows[i].text);
}

static void a_registrys_pattern_is_never_fulfilled_by_a_path_elsewhere(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } rows[] = {
        {"*.example.com/base/*", "a.example.com/base/x:1", true},
        {"*.example.com/base/*", "a.b.example.com/base/x/y:1", true},
        {"*.example.com/base/*", "docker.io/a.example.com/base/x:1", false},
        {"*.example.com/base/*", "evil.io/a.example.com/base/x:1", false},
        {"*.example.com/*", "ghcr.io/evil/a.example.com/x", false},
        {"reg*y.example.com/x", "reg/y.example.com/x", false},
        {"reg?stry.example.com/x", "registry.example.com/x", true},
        {"reg?stry.example.com/x", "reg/stry.example.com/x", false},
        {"reg?stry.example.com/x", "docker.io/registry.example.com/x", false},
        {"*.example.com/*/x:1", "a.example.com/b/c/x:1", true},
        {"docker.io/*/debian:*", "docker.io/a/b/debian:12@sha256:0", true},
        {"docker.io/*", "evil.io/docker.io/x", false},
        {"*/debian:12", "docker.io/library/debian:12", true},
        {"*:latest", "docker.io/library/debian:latest", true},
        {"*", "docker.io/library/debian:12", true},
        {"*.example.com/*", "no-slash.example.com", false},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(rows); i++)
        if (catalogue_matches_name(rows[i].pattern, rows[i].name) != rows[i].fits)
            fail_msg("\"%s\" of \"%s\"", rows[i].pattern, rows[i].name);
}

static void a_trusted_registry_is_one_of_that_name(void **state)
{
    const char *registries[] = {"*.example.com/*"};
    struct catalogue_family families[] = {{"*.example.com/os", "ours"}};
    struct catalogue c = {
        .registries = registries, .registry_count = 1, .families = families, .family_count = 1};

    (void)state;
    assert_true(catalogue_trusts_repository(&c, "a.example.com/x"));
    assert_false(catalogue_trusts_repository(&c, "ghcr.io/evil/a.example.com/x"));
    assert_string_equal(catalogue_family_of(&c, "a.example.com/os"), "ours");
    assert_null(catalogue_family_of(&c, "ghcr.io/a.example.com/os"));
}

static void many_stars_do_not_make_it_slow(void **state)
{
    char pattern[201], text[100001];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern) - 1; i++)
        pattern[i] = "*a"[i % 2];
    pattern[sizeof(pattern) - 2] = 'b';
    pattern[sizeof(pattern) - 1] = '\0';
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(
        catalogue_matches(pattern, text)); /* exponential where it goes back to all stars */
}

static void a_host_is_trusted_with_what_its_root_owns(void **state)
{
    struct catalogue_namer namers[] = {{"build-*", ""}, {"ci", "/home/builder/*"}, {"loose", "*"}};
    struct catalogue c = {.namers = namers, .namer_count = unit_count(namers)};

    (void)state;
    assert_true(catalogue_trusts_store(&c, "build-1", "/var/lib/docker", 0));
    assert_false(catalogue_trusts_store(&c, "build-1", "/home/joe/containers", 1000));
    assert_false(catalogue_trusts_store(&c, "web-1", "/var/lib/docker", 0));
    assert_true(catalogue_trusts_store(&c, "ci", "/home/builder/containers", 1000));
    assert_false(catalogue_trusts_store(&c, "ci", "/home/joe/containers", 1000));
    assert_false(catalogue_trusts_store(&c, "ci", "/var/lib/docker", 0));
    assert_true(catalogue_trusts_store(&c, "loose", "/var/lib/docker", 0));
    assert_false(catalogue_trusts_store(&c, "loose", "/home/joe/containers", 1000));
}

static void registries_and_families_go_by_patterns_of_repositories(void **state)
{
    const char *registries[] = {"docker.io/library/?*", "registry.example.com:5000/?*"};
    struct catalogue_family families[] = {{"docker.io/library/debian", "debian"},
                                          {"docker.io/library/*", "official"},
                                          {"docker.io/library/python", "never reached"}};
    struct catalogue c = {.registries = registries,
                          .registry_count = unit_count(registries),
                          .families = families,
                          .family_count = unit_count(families)};

    (void)state;
    assert_true(catalogue_trusts_repository(&c, "docker.io/library/debian"));
    assert_true(catalogue_trusts_repository(&c, "registry.example.com:5000/team/app"));
    assert_false(catalogue_trusts_repository(&c, "docker.io/joe/debian"));
    assert_string_equal(catalogue_family_of(&c, "docker.io/library/debian"), "debian");
    assert_string_equal(catalogue_family_of(&c, "docker.io/library/python"), "official");
    assert_null(catalogue_family_of(&c, "quay.io/x/y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_holds_any_text_and_any_byte),
        cmocka_unit_test(a_registrys_pattern_is_never_fulfilled_by_a_path_elsewhere),
        cmocka_unit_test(a_trusted_registry_is_one_of_that_name),
        cmocka_unit_test(many_stars_do_not_make_it_slow),
        cmocka_unit_test(a_host_is_trusted_with_what_its_root_owns),
        cmocka_unit_test(registries_and_families_go_by_patterns_of_repositories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
