/* Reading a whole graph-driver store, right and broken. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"

#define HEX_OF_NO_LAYER "1234567890123456789012345678901234567890123456789012345678901234"

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    f->root = docker_store_root(&f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static const struct rec_content *read_store(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->content;
}

static const struct rec_image *image(const struct fixture *f, const struct digest *id)
{
    const struct rec_content *c = &f->reading->content;
    struct rec_image key = {.id = *id};

    return bsearch(&key, c->images, c->image_count, sizeof(key), rec_image_cmp);
}

static void assert_problem(const struct fixture *f, const char *subject, const char *words)
{
    const struct rec_store *s = &f->reading->content.store;

    assert_int_equal(s->state, REC_STORE_CORRUPT);
    for (size_t i = 0; i < s->problem_count; i++) {
        if (strstr(s->problems[i].subject, subject) && strstr(s->problems[i].text, words))
            return;
    }
    fail_msg("no problem with %s about %s; the first: %s", words, subject, s->error);
}

static void write_layer(const struct fixture *f, const struct digest *chain, const char *file,
                        const char *text)
{
    char name[256], path[PATH_MAX], hex[DIGEST_HEX + 1];

    snprintf(name, sizeof(name), "layerdb/sha256/%s/%s", digest_hex(chain, hex), file);
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, name, path), text);
}

static void remove_metadata(const struct fixture *f, const char *dir, const struct digest *d,
                            const char *rest)
{
    char name[256], below[PATH_MAX], path[PATH_MAX], hex[DIGEST_HEX + 1];

    snprintf(name, sizeof(name), "%s/%s%s", dir, digest_hex(d, hex), rest);
    docker_store_metadata(&f->store, name, below);
    assert_int_equal(unlink(tempdir_path(&f->dir, below, path)), 0);
}

/* ---- a store as it should be --------------------------------------------------------------------
 */

static void an_empty_store_is_read(void **state)
{
    struct fixture *f = *state;
    const struct rec_content *c = read_store(f);

    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_string_equal(c->store.engine, "docker");
    assert_string_equal(c->store.driver, "overlay2");
    assert_string_equal(c->store.root, f->root.path);
    assert_int_equal(c->store.owner, geteuid());
    assert_true(c->store.block_size > 0);
    assert_int_equal(c->image_count, 0);
    assert_int_equal(c->exception_count, 0);
    assert_int_equal(f->reading->copy_count, 0);
    assert_int_equal(f->reading->space_root_count, 2);
}

static void images_have_their_names_parents_and_repo_digests(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {docker_store_diff("base"), docker_store_diff("app")};
    struct digest base = docker_store_image(&f->store, diffs, 1, 3);
    struct digest app = docker_store_image(&f->store, diffs, 2, 5);
    char ref[128], text[DIGEST_TEXT];
    const struct rec_content *c;

    docker_store_parent(&f->store, &app, &base);
    docker_store_name(&f->store, "inv/app", "inv/app:2", &app);
    docker_store_name(&f->store, "inv/app", "inv/app:1", &app);
    snprintf(ref, sizeof(ref), "inv/app@%s", digest_text(&diffs[0], text));
    docker_store_name(&f->store, "inv/app", ref, &app);
    c = read_store(f);
    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_int_equal(c->image_count, 2);
    assert_int_equal(image(f, &base)->name_count, 0);
    assert_int_equal(image(f, &app)->name_count, 2);
    assert_string_equal(image(f, &app)->names[0], "inv/app:1");
    assert_string_equal(image(f, &app)->names[1], "inv/app:2");
    assert_string_equal(image(f, &app)->repo_digests[0].repository, "docker.io/inv/app");
    assert_true(digest_eq(&image(f, &app)->repo_digests[0].digest, &diffs[0]));
    assert_true(image(f, &app)->has_parent);
    assert_true(digest_eq(&image(f, &app)->parent, &base));
    assert_true(image(f, &app)->unpacked);
}

static void one_layer_on_two_parents_is_two_copies(void **state)
{
    struct fixture *f = *state;
    struct digest one[] = {docker_store_diff("base 1"), docker_store_diff("same")};
    struct digest two[] = {docker_store_diff("base 2"), docker_store_diff("same")};

    docker_store_image(&f->store, one, 2, 0);
    docker_store_image(&f->store, two, 2, 0);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 4);
    for (size_t i = 1; i < 4; i++)
        assert_true(digest_cmp(&f->reading->copies[i - 1].chain, &f->reading->copies[i].chain) < 0);
}

static void the_same_layer_twice_in_one_image_is_two_copies(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {docker_store_diff("x"), docker_store_diff("x")};
    struct digest id = docker_store_image(&f->store, diffs, 2, 0);

    read_store(f);
    assert_int_equal(f->reading->copy_count, 2);
    assert_true(digest_eq(&f->reading->copies[0].diff, &f->reading->copies[1].diff));
    assert_true(image(f, &id)->unpacked);
    assert_int_equal(f->reading->content.exception_count, 0);
}

static void copies_name_their_directories(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("built");
    char expected[PATH_MAX];
    struct stat st;

    docker_store_layer(&f->store, NULL, &diff, "5288vemwtq9oixyo0307rc0vc");
    docker_store_config(&f->store, &diff, 1, 0);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 1);
    tempdir_path(&f->dir, "docker/overlay2/5288vemwtq9oixyo0307rc0vc/diff", expected);
    assert_string_equal(f->reading->copies[0].directory, expected);
    assert_int_equal(stat(expected, &st), 0);
    assert_true(f->reading->copies[0].needed);
}

static void a_long_history_and_an_image_without_layers_are_read(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    struct digest long_one = docker_store_image(&f->store, &diff, 1, 300);
    struct digest empty = docker_store_image(&f->store, NULL, 0, 1);

    assert_int_equal(read_store(f)->store.state, REC_STORE_OK);
    assert_non_null(image(f, &long_one));
    assert_true(image(f, &empty)->unpacked);
}

static void a_layer_without_image_is_extra(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("half-pulled");
    struct digest chain = docker_store_layer(&f->store, NULL, &diff, NULL);
    const struct rec_content *c = read_store(f);

    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_int_equal(c->exception_count, 1);
    assert_int_equal(c->exceptions[0].kind, REC_CHAIN_EXTRA);
    assert_true(digest_eq(&c->exceptions[0].chain, &chain));
    assert_false(f->reading->copies[0].needed);
}

static void layers_being_removed_are_not_there(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX];

    docker_store_metadata(
        &f->store,
        "layerdb/sha256/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1-removing",
        name);
    tempdir_mkdir(&f->dir, name);
    assert_int_equal(read_store(f)->store.state, REC_STORE_OK);
    assert_int_equal(f->reading->copy_count, 0);
}

static void document_gives_the_verified_config(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    struct digest id = docker_store_image(&f->store, &diff, 1, 2), found;
    AUTO(buf_close) struct buf bytes;
    char name[256], path[PATH_MAX], hex[DIGEST_HEX + 1];
    struct err err;

    buf_init(&bytes, REC_DOCUMENT_BYTES);
    assert_ok(docker_driver.document(&f->root, REC_DOC_CONFIG, &id, &bytes, &err));
    found = digest_of(bytes.data, bytes.len);
    assert_true(digest_eq(&found, &id));
    assert_fails(docker_driver.document(&f->root, REC_DOC_MANIFEST, &id, &bytes, &err),
                 ERR_NOT_FOUND, "no image config");
    assert_fails(docker_driver.document(&f->root, REC_DOC_CONFIG, &diff, &bytes, &err),
                 ERR_NOT_FOUND, "sha256:");
    snprintf(name, sizeof(name), "imagedb/content/sha256/%s", digest_hex(&id, hex));
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, name, path), "{}");
    assert_fails(docker_driver.document(&f->root, REC_DOC_CONFIG, &id, &bytes, &err), ERR_CORRUPT,
                 "does not have that digest");
    assert_int_equal(bytes.len, 0);
}

/* ---- broken ones ----------------------------------------------------------------------------- */

static void a_corrupt_config_hides_no_other(void **state)
{
    struct fixture *f = *state;
    struct digest one = docker_store_diff("1"), two = docker_store_diff("2");
    struct digest bad = docker_store_image(&f->store, &one, 1, 0);
    struct digest good = docker_store_image(&f->store, &two, 1, 0);
    char name[256], path[PATH_MAX], hex[DIGEST_HEX + 1];

    docker_store_name(&f->store, "a", "a:1", &bad);
    docker_store_name(&f->store, "b", "b:1", &good);
    snprintf(name, sizeof(name), "imagedb/content/sha256/%s", digest_hex(&bad, hex));
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, name, path), "{\"root");
    assert_int_equal(read_store(f)->image_count, 1);
    assert_int_equal(image(f, &good)->name_count, 1);
    assert_problem(f, hex, "corrupt config");
    assert_problem(f, "name a:1", "is not here");
    assert_int_equal(f->reading->content.exceptions[0].kind, REC_CHAIN_EXTRA);
}

static void a_document_that_is_no_image_config_is_a_problem(void **state)
{
    struct fixture *f = *state;
    struct digest id = docker_store_diff("{\"no\":\"rootfs\"}");
    char name[256], path[PATH_MAX], hex[DIGEST_HEX + 1];

    snprintf(name, sizeof(name), "imagedb/content/sha256/%s", digest_hex(&id, hex));
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, name, path),
                       "{\"no\":\"rootfs\"}");
    assert_int_equal(read_store(f)->image_count, 0);
    assert_problem(f, hex, "no rootfs");
}

static void broken_layerdb_files_are_problems_and_their_chains_missing(void **state)
{
    static const struct {
        const char *file, *text, *words;
    } cases[] = {
        {"diff", "", "digest"},
        {"diff", "sha256:12", "digest"},
        {"parent", "sha256:", "digest"},
        {"cache-id", "", "not the name"},
        {"cache-id", "../../../../etc", "not the name"},
        {"parent", "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "another chainID"},
    };
    struct fixture *f = *state;
    struct digest diffs[] = {docker_store_diff("base"), docker_store_diff("app")};
    struct digest id = docker_store_image(&f->store, diffs, 2, 0);
    struct digest top = digest_chain(&diffs[0], &diffs[1]);
    char text[DIGEST_TEXT], made[DIGEST_HEX + 1];

    for (size_t i = 0; i < unit_count(cases); i++) {
        write_layer(f, &top, "diff", digest_text(&diffs[1], text));
        write_layer(f, &top, "parent", digest_text(&diffs[0], text));
        write_layer(f, &top, "cache-id", docker_store_cache_id(&top, made));
        assert_int_equal(read_store(f)->store.state, REC_STORE_OK);
        write_layer(f, &top, cases[i].file, cases[i].text);
        read_store(f);
        assert_problem(f, "layerdb entry", cases[i].words);
        assert_problem(f, "image sha256:", "1 of its 2 layers");
        assert_true(image(f, &id)->unpacked);
        assert_int_equal(f->reading->content.exception_count, 1);
        assert_int_equal(f->reading->content.exceptions[0].kind, REC_CHAIN_MISSING);
        assert_true(digest_eq(&f->reading->content.exceptions[0].chain, &top));
        assert_int_equal(f->reading->copy_count, 1);
    }
}

static void a_lost_layerdb_file_is_a_problem(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("base");

    docker_store_image(&f->store, &diff, 1, 0);
    remove_metadata(f, "layerdb/sha256", &diff, "/cache-id");
    read_store(f);
    assert_problem(f, "layerdb entry", "cache-id");
}

static void an_entry_that_is_no_directory_hides_no_other(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("base");
    char name[PATH_MAX], file[PATH_MAX];

    docker_store_image(&f->store, &diff, 1, 0);
    snprintf(name, sizeof(name), "layerdb/sha256/%s", HEX_OF_NO_LAYER);
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, name, file), "no directory");
    tempdir_write_text(&f->dir, docker_store_below(&f->store, "containers/" HEX_OF_NO_LAYER, file),
                       "no directory");
    assert_int_equal(read_store(f)->image_count, 1);
    assert_problem(f, "layerdb entry", "not a regular file");
    assert_problem(f, "container", "not a regular file");
}

static void an_image_with_no_layer_here_is_not_unpacked(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {docker_store_diff("a"), docker_store_diff("b")};
    struct digest id = docker_store_config(&f->store, diffs, 2, 0);

    read_store(f);
    assert_false(image(f, &id)->unpacked);
    assert_int_equal(f->reading->content.exception_count, 0);
    assert_problem(f, "image sha256:", "2 of its 2 layers");
}

static void two_layers_in_one_directory_are_counted_once(void **state)
{
    struct fixture *f = *state;
    struct digest one = docker_store_diff("1"), two = docker_store_diff("2");

    docker_store_layer(&f->store, NULL, &one, "5288vemwtq9oixyo0307rc0vc");
    docker_store_layer(&f->store, NULL, &two, "5288vemwtq9oixyo0307rc0vc");
    read_store(f);
    assert_int_equal(f->reading->copy_count, 1);
    assert_problem(f, "layerdb entry", "same directory");
}

static void names_of_dead_images_are_problems(void **state)
{
    struct fixture *f = *state;
    struct digest gone = docker_store_diff("gone");

    docker_store_name(&f->store, "inv/dead", "inv/dead:1", &gone);
    assert_int_equal(read_store(f)->image_count, 0);
    assert_problem(f, "name inv/dead:1", "is not here");
}

static void problems_past_the_maximum_are_counted(void **state)
{
    struct fixture *f = *state;
    struct digest gone = docker_store_diff("gone");

    for (int i = 0; i < REC_PROBLEMS_MAX + 5; i++) {
        char name[64];

        snprintf(name, sizeof(name), "dead:%d", i);
        docker_store_name(&f->store, "dead", name, &gone);
    }
    assert_int_equal(read_store(f)->store.problem_count, REC_PROBLEMS_MAX);
    assert_int_equal(f->reading->content.store.problems_more, 5);
}

static void a_broken_repositories_file_fails_the_reading(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    char path[PATH_MAX];
    struct err err;

    docker_store_image(&f->store, &diff, 1, 0);
    tempdir_write_text(&f->dir, docker_store_metadata(&f->store, "repositories.json", path),
                       "{\"Repositories\":{\"a\"");
    assert_fails(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err), ERR_CORRUPT,
                 "repositories.json");
    assert_null(f->reading);
}

static void a_copy_whose_directory_is_lost_is_a_problem(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    char path[PATH_MAX], moved[PATH_MAX];

    docker_store_layer(&f->store, NULL, &diff, "5288vemwtq9oixyo0307rc0vc");
    docker_store_config(&f->store, &diff, 1, 0);
    assert_int_equal(
        rename(tempdir_path(&f->dir, "docker/overlay2/5288vemwtq9oixyo0307rc0vc", path),
               tempdir_path(&f->dir, "elsewhere", moved)),
        0);
    read_store(f);
    assert_problem(f, "layerdb entry", "is not there");
    assert_int_equal(f->reading->copy_count, 1);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_empty_store_is_read),
        with_store(images_have_their_names_parents_and_repo_digests),
        with_store(one_layer_on_two_parents_is_two_copies),
        with_store(the_same_layer_twice_in_one_image_is_two_copies),
        with_store(copies_name_their_directories),
        with_store(a_long_history_and_an_image_without_layers_are_read),
        with_store(a_layer_without_image_is_extra),
        with_store(layers_being_removed_are_not_there),
        with_store(document_gives_the_verified_config),
        with_store(a_corrupt_config_hides_no_other),
        with_store(a_document_that_is_no_image_config_is_a_problem),
        with_store(broken_layerdb_files_are_problems_and_their_chains_missing),
        with_store(a_lost_layerdb_file_is_a_problem),
        with_store(an_entry_that_is_no_directory_hides_no_other),
        with_store(an_image_with_no_layer_here_is_not_unpacked),
        with_store(two_layers_in_one_directory_are_counted_once),
        with_store(names_of_dead_images_are_problems),
        with_store(problems_past_the_maximum_are_counted),
        with_store(a_broken_repositories_file_fails_the_reading),
        with_store(a_copy_whose_directory_is_lost_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
