/* What containerd's names, labels and configuration say. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

#define HEX "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"

static void a_name_is_a_name_a_repo_digest_or_an_id(void **state)
{
    static const struct {
        const char *name;
        bool is_name, is_repository;
        const char *repository;
    } cases[] = {
        {"docker.io/library/debian:12", true, false, "docker.io/library/debian"},
        {"registry.k8s.io/pause@sha256:" HEX, false, true, "registry.k8s.io/pause"},
        {"registry.k8s.io/pause@sha256:" OTHER, true, false, "registry.k8s.io/pause"},
        {"localhost:5000/a/b:1", true, false, "localhost:5000/a/b"},
        {"sha256:" HEX, false, false, ""},
        {"moby-dangling@sha256:" HEX, false, false, ""},
        {"import-2024-01-02@sha256:" HEX, true, false, ""}, /* not the full name of anything */
        {"debian:12", true, false, ""},
        {"any text", true, false, ""},
        {"", true, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct containerd_image record = {.name = cases[i].name};
        struct containerd_name parsed;

        assert_int_equal(digest_parse(&record.target, HEX, DIGEST_HEX, true, NULL), 0);
        containerd_name_parse(&parsed, &record);
        assert_int_equal(parsed.is_name, cases[i].is_name);
        assert_int_equal(parsed.is_repository, cases[i].is_repository);
        assert_string_equal(parsed.repository, cases[i].repository);
    }
}

static void a_source_label_names_its_repositories(void **state)
{
    static const struct {
        const char *key, *value, *repository;
        bool is;
    } cases[] = {
        {"docker.io", "library/debian", "docker.io/library/debian", true},
        {"docker.io", "a,library/debian,b", "docker.io/library/debian", true},
        {"docker.io", "library/debian2", "docker.io/library/debian", false},
        {"docker.io", "debian", "docker.io/library/debian", false},
        {"docker.io", "", "docker.io/library/debian", false},
        {"ghcr.io", "library/debian", "docker.io/library/debian", false},
        {"127.0.0.1:5000", "a/b", "127.0.0.1:5000/a/b", true},
        {"127.0.0.1", "a/b", "127.0.0.1:5000/a/b", true}, /* some clients leave the port out */
        {"127.0.0.1:5001", "a/b", "127.0.0.1:5000/a/b", false},
        {"127.0.0", "a/b", "127.0.0.1:5000/a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        char key[128];
        struct containerd_label label = {.key = key, .value = cases[i].value};
        const struct containerd_labels labels = {.items = &label, .count = 1};

        snprintf(key, sizeof(key), "containerd.io/distribution.source.%s", cases[i].key);
        assert_int_equal(containerd_source_is(&labels, cases[i].repository), cases[i].is);
    }
}

static void a_configuration_tells_its_places_among_all_else(void **state)
{
    static const struct {
        const char *text, *root, *state, *address;
    } cases[] = {
        {"", "", "", ""},
        {"version = 2\nroot = \"/a\"\nstate='/b'\n[grpc]\n  address = \"/c\"\n", "/a", "/b", "/c"},
        {"root=\"/a\" # here\n\tstate\t=\t\"/b\"", "/a", "/b", ""},
        {"#root = \"/a\"\nrootless = \"/b\"\nroots = \"/c\"\n", "", "", ""},
        {"[plugins]\n root = \"/a\"\n[grpc]\n[debug]\n address = \"/d\"\n", "", "", ""},
        {"[ grpc ]\naddress = \"/c\"\n[grpc.x]\naddress = \"/d\"\n", "", "", "/c"},
        {"root = \"/a\\\"b\"\nstate = \"/b\n", "", "", ""},
        {"root = 3\nstate = \"\x01\"\nroot", "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        AUTO_FREE struct containerd_config *config = malloc(sizeof(*config));

        containerd_config_parse(config, cases[i].text, strlen(cases[i].text));
        assert_string_equal(config->root, cases[i].root);
        assert_string_equal(config->state, cases[i].state);
        assert_string_equal(config->address, cases[i].address);
    }
}

static void an_extension_that_is_none_says_nothing(void **state)
{
    static const char key[] = "io.cri-containerd.container.metadata";
    static const struct {
        const char *bytes;
        size_t len;
        bool has_image;
    } cases[] = {
        {"", 0, false},
        {"\x12", 1, false},
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, false},
        {"\x12\x7f{}", 4, false},
        {"\x12\x02{}", 4, false},
        {"\x12\x10{\"Metadata\":[1]}", 18, false},
        {"\x12\x26{\"Metadata\":{\"ImageRef\":\"sha256:123\"}}", 40, false},
        {"\x12\x6f{\"Metadata\":{\"ImageRef\":\"sha256:" HEX "\"}}", 101, false},
        {"\x12\x63{\"Metadata\":{\"ImageRef\":\"sha256:" HEX "\"}}", 101, true},
        {"\x0a\x01x\x12\x63{\"Metadata\":{\"ImageRef\":\"sha256:" HEX "\"}}", 104, true},
        {"\x08\x01\x12\x63{\"Metadata\":{\"ImageRef\":\"sha256:" HEX "\"}}", 103, false},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct containerd_container c = {.has_image_id = false};

        containerd_container_extension(&c, key, strlen(key), cases[i].bytes, cases[i].len);
        if (c.has_image_id != cases[i].has_image)
            fail_msg("case %zu", i);
    }
}

static void equals_are_dropped_and_found_again(void **state)
{
    AUTO(containerd_state_close) struct containerd_state *s = NULL;
    struct containerd_namespace *ns;
    struct err err;

    (void)state;
    assert_ok(containerd_state_open(&s, &err));
    for (size_t i = 0; i < 3; i++) {
        ns = containerd_add(s, &s->namespaces, s->namespace_count, sizeof(*ns), 3, &err);
        assert_non_null(ns);
        ns->name = i == 0 ? "z" : "a";
        s->namespace_count++;
    }
    assert_null(containerd_add(s, &s->namespaces, s->namespace_count, sizeof(*ns), 3, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    containerd_state_sort(s);
    assert_int_equal(s->namespace_count, 2);
    assert_string_equal(containerd_namespace_of(s, "z")->name, "z");
    assert_null(containerd_namespace_of(s, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_name_a_repo_digest_or_an_id),
        cmocka_unit_test(a_source_label_names_its_repositories),
        cmocka_unit_test(a_configuration_tells_its_places_among_all_else),
        cmocka_unit_test(an_extension_that_is_none_says_nothing),
        cmocka_unit_test(equals_are_dropped_and_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
