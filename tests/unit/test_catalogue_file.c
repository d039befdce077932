#include "tests/support/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "collector/rules/catalogue_change.h"
#include "collector/rules/catalogue_file.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char whole[] = "# Kept by Ann.\n"
                            "\n"
                            "bases: # not kept\n"
                            "  - name: debian:12\n"
                            "    platform: linux/arm64\n"
                            "    family: debian\n"
                            "    version: 12\n"
                            "    digest: " B "\n"
                            "    created: 2026-03-02\n"
                            "    source: fleet\n"
                            "    added: 2026-03-03T10:00:00Z\n"
                            "    layers:\n"
                            "      - " A "\n"
                            "      - " B "\n"
                            "  - name: quay.io/acme/base@" A "\n"
                            "    chain: " A "\n"
                            "    layers: [" A "]\n"
                            "families:\n"
                            "  debian: Debian GNU/Linux\n"
                            "  quay.io/acme/*: acme\n"
                            "trust:\n"
                            "  registries: [quay.io, docker.io/library/?*]\n"
                            "  stores:\n"
                            "    - host: build-*\n"
                            "    - {host: \"*\", root: /var/lib/docker}\n";

struct fixture {
    struct arena *arena;
    struct tempdir dir;
    struct catalogue c;
    char path[PATH_MAX];
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    assert_ok(arena_open(&f.arena, ARENA_BYTES, &err));
    tempdir_open(&f.dir);
    tempdir_path(&f.dir, "catalogue.yaml", f.path);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    tempdir_close(&f->dir);
    return 0;
}

static int parse(struct fixture *f, const char *text, struct err *err)
{
    return catalogue_parse(&f->c, "c.yaml", text, strlen(text), f->arena, err);
}

static struct digest parsed(const char *text)
{
    struct digest d;
    struct err err;

    assert_ok(digest_parse(&d, text, strlen(text), false, &err));
    return d;
}

static void assert_whole(const struct catalogue *c)
{
    struct digest a = parsed(A), b = parsed(B), chain = digest_chain(&a, &b);

    assert_int_equal(c->base_count, 2);
    assert_string_equal(c->bases[0].name, "docker.io/library/debian:12");
    assert_string_equal(c->bases[0].platform, "linux/arm64");
    assert_string_equal(c->bases[0].family, "debian");
    assert_string_equal(c->bases[0].version, "12");
    assert_string_equal(c->bases[0].source, "fleet");
    assert_int_equal(c->bases[0].created_s, 1772409600);
    assert_int_equal(c->bases[0].added_s, 1772532000);
    assert_int_equal(c->bases[0].layers, 2);
    assert_true(digest_eq(&c->bases[0].chain, &chain));
    assert_true(digest_eq(&c->bases[0].digest, &b));
    assert_string_equal(c->bases[1].name, "quay.io/acme/base@" A);
    assert_true(digest_eq(&c->bases[1].digest, &a));
    assert_string_equal(c->bases[1].platform, "");
    assert_int_equal(c->family_count, 2);
    assert_string_equal(c->families[0].pattern, "docker.io/library/debian");
    assert_string_equal(c->families[0].family, "Debian GNU/Linux");
    assert_int_equal(c->registry_count, 2);
    assert_string_equal(c->registries[0], "quay.io/*");
    assert_int_equal(c->namer_count, 2);
    assert_string_equal(c->namers[0].host, "build-*");
    assert_string_equal(c->namers[0].root, "");
    assert_string_equal(c->namers[1].root, "/var/lib/docker");
}

static void a_whole_catalogue_is_read(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(parse(f, whole, &err));
    assert_whole(&f->c);
}

static void a_file_that_is_not_there_is_an_empty_catalogue_unless_it_must_exist(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(catalogue_read(&f->c, f->path, false, f->arena, &err));
    assert_int_equal(f->c.base_count, 0);
    assert_fails(catalogue_read(&f->c, f->path, true, f->arena, &err), ERR_NOT_FOUND,
                 "catalogue.yaml");
    tempdir_write_text(&f->dir, "catalogue.yaml", "");
    assert_ok(catalogue_read(&f->c, f->path, true, f->arena, &err));
    assert_int_equal(f->c.base_count, 0);
}

static int change_nothing(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    (void)c;
    (void)data;
    (void)arena;
    (void)err;
    return 0;
}

static void a_new_file_is_for_the_owner_and_the_group_of_the_folder(void **state)
{
    const mode_t before = umask(0077);
    struct fixture *f = *state;
    char lock[PATH_MAX];
    struct stat folder, st;
    struct err err;

    assert_ok(catalogue_edit(f->path, change_nothing, NULL, f->arena, &err));
    umask(before);
    assert_int_equal(stat(f->dir.path, &folder), 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_gid, folder.st_gid);
    assert_int_equal(stat(tempdir_path(&f->dir, "catalogue.yaml.lock", lock), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(chmod(lock, 0440), 0); /* another user's: it can only be read */
    assert_ok(catalogue_edit(f->path, change_nothing, NULL, f->arena, &err));
}

static void a_link_that_leads_to_nothing_is_no_empty_catalogue(void **state)
{
    struct fixture *f = *state;
    char link[PATH_MAX];
    struct err err;

    assert_int_equal(symlink("nowhere.yaml", tempdir_path(&f->dir, "link.yaml", link)), 0);
    assert_fails(catalogue_read(&f->c, link, false, f->arena, &err), ERR_IO,
                 "link.yaml: a link that leads to nothing");
    assert_fails(catalogue_edit(link, change_nothing, NULL, f->arena, &err), ERR_IO,
                 "link.yaml: a link that leads to nothing");
}

static void writing_keeps_head_mode_and_link(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_close) struct buf text;
    char link[PATH_MAX];
    struct stat st;
    struct err err;

    tempdir_write_text(&f->dir, "catalogue.yaml", whole);
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(symlink("catalogue.yaml", tempdir_path(&f->dir, "link.yaml", link)), 0);
    assert_ok(catalogue_edit(link, change_nothing, NULL, f->arena, &err));
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    buf_init(&text, 1 << 20);
    assert_ok(buf_read_file_at(&text, AT_FDCWD, f->path, &err));
    assert_int_equal(strncmp(buf_str(&text), "# Kept by Ann.\n\nbases:\n", 23), 0);
    assert_ok(catalogue_read(&f->c, f->path, true, f->arena, &err));
    assert_whole(&f->c);
}

static int add_registry(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    const char **list = arena_array(arena, c->registry_count + 1, sizeof(*list), err);

    assert_non_null(list);
    if (c->registry_count > 0)
        memcpy(list, c->registries, c->registry_count * sizeof(*list));
    list[c->registry_count++] = data;
    c->registries = list;
    return 0;
}

static int refuse(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    (void)data;
    (void)arena;
    c->registry_count = 0;
    return err_set(err, ERR_NOT_FOUND, "nothing there");
}

static void a_change_sees_the_one_before_and_a_refused_one_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(catalogue_edit(f->path, add_registry, "a.example.com/*", f->arena, &err));
    assert_ok(catalogue_edit(f->path, add_registry, "b.example.com/*", f->arena, &err));
    assert_fails(catalogue_edit(f->path, refuse, NULL, f->arena, &err), ERR_NOT_FOUND, "nothing");
    assert_ok(catalogue_read(&f->c, f->path, true, f->arena, &err));
    assert_int_equal(f->c.registry_count, 2);
    assert_string_equal(f->c.registries[0], "a.example.com/*");
    assert_string_equal(f->c.registries[1], "b.example.com/*");
}

static void a_file_with_an_error_is_not_written_over(void **state)
{
    struct fixture *f = *state;
    struct err err;

    tempdir_write_text(&f->dir, "catalogue.yaml", "bases: [\n");
    assert_fails(catalogue_edit(f->path, add_registry, "x/*", f->arena, &err), ERR_USAGE,
                 "no YAML");
}

#define BASE(text) "bases:\n  - name: debian:12\n" text

static void a_bad_file_names_the_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"base: []\n", "c.yaml:1:1: \"base\" is not known here; did you mean \"bases\"?"},
        {"bases: debian\n", "c.yaml:1:8: expected a list of bases, found a text"},
        {"bases: [{layers: [" A "]}]\n", "\"name\" is missing"},
        {"bases: [{name: debian, layers: [" A "]}]\n",
         "c.yaml:1:16: expected an image's name with its tag"},
        {"bases: [{name: 'a:1@" A "', digest: " B "}]\n", "the digest that the name ends with"},
        {BASE(""), "c.yaml:2:5: expected layers"},
        {BASE("    layers: []\n"), "c.yaml:3:13: expected 1 to 1024 layers"},
        {BASE("    layers: [sha256:1]\n"), "c.yaml:3:14: expected a digest"},
        {BASE("    layers: [" A ", " B "]\n    chain: " A "\n"),
         "c.yaml:4:12: the chain does not fit the layers: expected sha256:"},
        {BASE("    layers: [" A "]\n    created: monday\n"), "c.yaml:4:14: time \"monday\""},
        {"families: {quay.io/x:1: x}\n", "has a tag"},
        {"families: {x: }\n", "expected a family"},
        {BASE("    layers: [" A "]\n    platform: amd64\n"),
         "c.yaml:4:15: expected a platform, as linux/amd64, found \"amd64\""},
        {BASE("    layers: [" A "]\n    family: \" \"\n"), "found only blanks"},
        {BASE("    layers: [" A "]\n  - name: docker.io/library/debian:12\n    layers: [" A "]\n"),
         "c.yaml:4:5: the same base stands in line 2 already"},
        {"trust: [quay.io]\n", "c.yaml:1:8: expected trust"},
        {"trust: {registry: [quay.io]}\n", "did you mean \"registries\"?"},
        {"trust: {stores: [{root: /x}]}\n", "\"host\" is missing"},
    };
    struct fixture *f = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(parse(f, cases[i].text, &err), ERR_USAGE, cases[i].words);
}

static void it_lies_beside_the_database(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_string_equal(catalogue_beside("/var/lib/x/census.db", f->arena, &err),
                        "/var/lib/x/catalogue.yaml");
    assert_string_equal(catalogue_beside("census.db", f->arena, &err), "catalogue.yaml");
}

static void putting_a_base_twice_keeps_what_the_second_does_not_say(void **state)
{
    struct fixture *f = *state;
    static const struct catalogue_said nothing, both = {.family = true, .version = true};
    struct catalogue_base b;
    struct err err;

    assert_ok(parse(f, whole, &err));
    assert_ok(catalogue_reserve(&f->c, 2, f->arena, &err));
    b = f->c.bases[0];
    b.family = b.version = "";
    b.added_s = 1;
    assert_int_equal(catalogue_put(&f->c, &b, &nothing), CATALOGUE_UNCHANGED);
    assert_string_equal(f->c.bases[0].family, "debian");
    assert_int_equal(f->c.bases[0].added_s, 1772532000);
    b.version = "12.1";
    assert_int_equal(catalogue_put(&f->c, &b, &nothing), CATALOGUE_CHANGED);
    b.family = b.version = "";
    assert_int_equal(catalogue_put(&f->c, &b, &both), CATALOGUE_CHANGED);
    assert_string_equal(f->c.bases[0].family, "");
    assert_string_equal(f->c.bases[0].version, "");
    b.chain = b.diffs[0];
    assert_int_equal(catalogue_put(&f->c, &b, &nothing), CATALOGUE_ADDED);
    assert_int_equal(catalogue_versions(&f->c, &b), 2);
    b.platform = "linux/amd64";
    assert_int_equal(catalogue_put(&f->c, &b, &nothing), CATALOGUE_ADDED);
    assert_int_equal(f->c.base_count, 4);
}

static size_t picked(struct fixture *f, const char *text)
{
    struct catalogue_pick pick;
    size_t count = 0;
    struct err err;

    assert_ok(catalogue_pick(&pick, text, &err));
    for (size_t i = 0; i < f->c.base_count; i++)
        count += catalogue_picks(&pick, &f->c.bases[i]);
    return count;
}

static void bases_are_picked_by_name_and_by_chain(void **state)
{
    struct fixture *f = *state;
    struct catalogue_pick pick;
    struct err err;

    assert_ok(parse(f, whole, &err));
    assert_int_equal(picked(f, "debian:12"), 1);
    assert_int_equal(picked(f, "docker.io/library/debian"), 1);
    assert_int_equal(picked(f, "debian:1"), 0);
    assert_int_equal(picked(f, "debian-slim"), 0);
    assert_int_equal(picked(f, "quay.io/acme/base"), 1);
    assert_int_equal(picked(f, A), 1);
    assert_int_equal(picked(f, "sha256:aaaaaa"), 1);
    assert_int_equal(picked(f, "sha256:aaaaab"), 0);
    assert_int_equal(picked(f, "facade"), 0);
    assert_fails(catalogue_pick(&pick, "sha256:aa", &err), ERR_USAGE, "expected a chain");
    catalogue_take(&f->c, 0);
    assert_int_equal(f->c.base_count, 1);
    assert_int_equal(picked(f, "debian:12"), 0);
}

static void trust_is_given_once_and_taken_back(void **state)
{
    const struct catalogue_namer store = {.host = "build-*", .root = ""};
    const struct catalogue_namer other = {.host = "build-*", .root = "/x"};
    struct fixture *f = *state;
    bool found;
    struct err err;

    assert_ok(parse(f, whole, &err));
    assert_ok(catalogue_trust_registry(&f->c, "quay.io/*", &found, f->arena, &err));
    assert_true(found);
    assert_ok(catalogue_trust_registry(&f->c, "ghcr.io/*", &found, f->arena, &err));
    assert_false(found);
    assert_int_equal(f->c.registry_count, 3);
    assert_true(catalogue_distrust_registry(&f->c, "quay.io/*"));
    assert_false(catalogue_distrust_registry(&f->c, "quay.io/*"));
    assert_string_equal(f->c.registries[1], "ghcr.io/*");
    assert_ok(catalogue_trust_store(&f->c, &store, &found, f->arena, &err));
    assert_true(found);
    assert_false(catalogue_distrust_store(&f->c, &other));
    assert_true(catalogue_distrust_store(&f->c, &store));
    assert_int_equal(f->c.namer_count, 1);
}

static void a_source_is_a_catalogue_or_a_list(void **state)
{
    struct fixture *f = *state;
    struct catalogue_source source;
    struct err err;

    tempdir_write_text(&f->dir, "catalogue.yaml", whole);
    assert_ok(catalogue_read_source(&source, f->path, f->arena, &err));
    assert_whole(&source.catalogue);
    tempdir_write_text(&f->dir, "catalogue.yaml", "- debian:12\n- alpine:3\n");
    assert_ok(catalogue_read_source(&source, f->path, f->arena, &err));
    assert_int_equal(source.name_count, 2);
    assert_string_equal(source.names[1], "alpine:3");
    tempdir_write_text(&f->dir, "catalogue.yaml", "[{name: a:1, layers: [" A "]}]\n");
    assert_ok(catalogue_read_source(&source, f->path, f->arena, &err));
    assert_int_equal(source.catalogue.base_count, 1);
    tempdir_write_text(&f->dir, "catalogue.yaml", "debian:12\n");
    assert_fails(catalogue_read_source(&source, f->path, f->arena, &err), ERR_USAGE,
                 "expected a catalogue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_catalogue_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_file_that_is_not_there_is_an_empty_catalogue_unless_it_must_exist, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_file_is_for_the_owner_and_the_group_of_the_folder,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_that_leads_to_nothing_is_no_empty_catalogue, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(writing_keeps_head_mode_and_link, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_change_sees_the_one_before_and_a_refused_one_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_an_error_is_not_written_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_file_names_the_place_and_what_was_expected, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(putting_a_base_twice_keeps_what_the_second_does_not_say,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(bases_are_picked_by_name_and_by_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(trust_is_given_once_and_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_is_a_catalogue_or_a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(it_lies_beside_the_database, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
