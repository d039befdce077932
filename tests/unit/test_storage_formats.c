/* The JSON and TOML files around a store of containers/storage, read from bytes. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/engines/storage/storage_conf.h"
#include "agent/engines/storage/storage_formats.h"
#include "common/cleanup.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int setup(void **state)
{
    return arena_open((struct arena **)state, 1 << 20, NULL);
}

static int teardown(void **state)
{
    arena_close((struct arena **)state);
    return 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void an_image_has_names_and_big_data(void **state)
{
    static const char json[] =
        "[{\"id\":\"" A64 "\",\"names\":[\"localhost/a:1\"],\"names-history\":[\"localhost/b:1\"],"
        "\"layer\":\"" B64 "\",\"big-data-names\":[\"sha256:" B64 "\",\"sha256:" A64 "\","
        "\"manifest-sha256:" B64 "\",\"manifest\",\"signature-" B64 "\"]}]";
    struct storage_images images;
    const struct storage_image *i;
    struct err err;

    assert_ok(storage_images_parse(&images, json, strlen(json), *state, &err));
    assert_int_equal(images.count, 1);
    i = &images.items[0];
    assert_null(i->broken);
    assert_string_equal(i->id_text, A64);
    assert_int_equal(i->name_count, 1);
    assert_string_equal(i->names[0], "localhost/a:1");
    assert_int_equal(i->history_count, 1);
    assert_string_equal(i->history[0], "localhost/b:1");
    assert_true(i->has_manifest && i->has_config && i->has_top);
    assert_true(digest_eq(&i->config, &i->id)); /* of two, the one that it is named for */
    assert_int_equal(i->manifest_count, 1);
    assert_true(digest_eq(&i->manifests[0], &i->top));
}

static void names_of_the_past_are_no_names(void **state)
{
    static const char json[] = "[{\"id\":\"" A64 "\",\"names-history\":[\"localhost/b:1\"]}]";
    struct storage_images images;
    struct err err;

    assert_ok(storage_images_parse(&images, json, strlen(json), *state, &err));
    assert_int_equal(images.items[0].name_count, 0);
    assert_int_equal(images.items[0].history_count, 1);
}

/* Values of other types, escapes, and text that is no name: each is read for what it is worth. */
static void odd_members_break_no_other(void **state)
{
    static const char json[] =
        "[{\"big-data-digests\":{\"x\":1,\"manifest\":\"sha256:" B64 "\"},\"layer\":null,"
        "\"big-data-names\":[7,\"sha256:short\",\"manifest-sha256:short\",\"sha256:" B64 "\"],"
        "\"names\":[\"a\\u002fb\",\"\\u00e9\",\"\xc3\xa9\"],\"names-history\":null,"
        "\"new\":{\"deep\":[[]]},\"id\":\"" A64 "\"},"
        "{\"id\":\"" A64 "\",\"names\":{},\"layer\":\"" B64 "\"}]";
    struct storage_images images;
    const struct storage_image *i;
    struct err err;

    assert_ok(storage_images_parse(&images, json, strlen(json), *state, &err));
    assert_int_equal(images.count, 2);
    i = &images.items[0];
    assert_null(i->broken);
    assert_int_equal(i->name_count, 3);
    assert_string_equal(i->names[0], "a/b");
    assert_string_equal(i->names[2], "\xc3\xa9");
    assert_true(i->has_current && i->has_config && !i->has_top && !i->has_manifest);
    assert_true(digest_eq(&i->current, &i->config));
    assert_int_equal(i->manifest_count + i->history_count, 0);
    assert_true(images.items[1].has_top);
    assert_int_equal(images.items[1].name_count, 0);
}

static void a_list_is_read_to_its_end(void **state)
{
    static const char *const bad[] = {"[{\"id\":\"" A64 "\"}", "[{\"id\":\"" A64 "\"}]x",
                                      "[{\"id\"}]", "[,]"};
    struct storage_images images;
    struct storage_layers layers;
    struct err err;

    for (size_t i = 0; i < unit_count(bad); i++) {
        assert_fails(storage_images_parse(&images, bad[i], strlen(bad[i]), *state, &err),
                     ERR_CORRUPT, "JSON byte");
        assert_fails(storage_layers_parse(&layers, bad[i], strlen(bad[i]), *state, &err),
                     ERR_CORRUPT, "JSON byte");
    }
}

static void nothing_is_an_empty_list(void **state)
{
    static const char *const nothing[] = {"", "null", "[]"};
    struct storage_images images;
    struct storage_layers layers;
    struct storage_containers containers;
    struct storage_mounts mounts;
    struct err err;

    for (size_t i = 0; i < unit_count(nothing); i++) {
        size_t len = strlen(nothing[i]);

        assert_ok(storage_images_parse(&images, nothing[i], len, *state, &err));
        assert_ok(storage_layers_parse(&layers, nothing[i], len, *state, &err));
        assert_ok(storage_containers_parse(&containers, nothing[i], len, *state, &err));
        assert_ok(storage_mounts_parse(&mounts, nothing[i], len, *state, &err));
        assert_int_equal(images.count + layers.count + containers.count + mounts.count, 0);
    }
    assert_fails(storage_layers_parse(&layers, "{}", 2, *state, &err), ERR_CORRUPT, "no list");
}

static void a_layer_may_have_no_diff_digest(void **state)
{
    static const char json[] =
        "[{\"id\":\"" A64 "\",\"parent\":\"" B64 "\",\"flags\":{\"incomplete\":true}},"
        "{\"id\":\"" B64 "\",\"diff-digest\":\"sha256:" B64 "\"}]";
    struct storage_layers layers;
    struct err err;

    assert_ok(storage_layers_parse(&layers, json, strlen(json), *state, &err));
    assert_true(layers.items[0].has_parent && layers.items[0].incomplete);
    assert_false(layers.items[0].has_diff);
    assert_true(layers.items[1].has_diff && !layers.items[1].incomplete);
    assert_true(digest_eq(&layers.items[0].parent, &layers.items[1].diff));
}

/* What CRI-O keeps in a container's metadata. */
static void pods_are_told_by_the_metadata_of_cri_o(void **state)
{
    static const struct {
        const char *metadata, *space, *pod;
    } cases[] = {
        {"{\\\"pod-name\\\":\\\"k8s_web-1_shop_uid-1_0\\\"}", "shop", "web-1"},
        {"{\\\"pod-name\\\":\\\"k8s_web-1_shop_uid-1_0\\\",\\\"namespace\\\":\\\"own\\\"}", "own",
         "web-1"},
        {"{\\\"pod-name\\\":\\\"plain\\\",\\\"namespace\\\":\\\"shop\\\"}", "shop", "plain"},
        {"{\\\"image-name\\\":\\\"localhost/base:1\\\"}", "", ""},
        {"no JSON", "", ""},
        {"", "", ""},
    };

    for (size_t i = 0; i < unit_count(cases); i++) {
        struct storage_containers containers;
        char json[1024];
        struct err err;

        snprintf(json, sizeof(json),
                 "[{\"id\":\"" A64 "\",\"names\":[\"c1\",\"x\"],\"image\":\"" B64
                 "\",\"layer\":\"" B64 "\",\"metadata\":\"%s\"}]",
                 cases[i].metadata);
        assert_ok(storage_containers_parse(&containers, json, strlen(json), *state, &err));
        assert_null(containers.items[0].broken);
        assert_string_equal(containers.items[0].name, "c1");
        assert_string_equal(containers.items[0].kube_namespace, cases[i].space);
        assert_string_equal(containers.items[0].kube_pod, cases[i].pod);
    }
}

static void only_what_is_mounted_counts_as_mounted(void **state)
{
    static const char json[] = "[{\"id\":\"" B64 "\",\"path\":\"/x\",\"count\":1},"
                               "{\"id\":\"" A64 "\",\"path\":\"/y\",\"count\":2},"
                               "{\"id\":\"" A64 "\",\"path\":\"/z\",\"count\":0},"
                               "{\"id\":\"short\",\"count\":1}]";
    struct storage_mounts mounts;
    struct err err;

    assert_ok(storage_mounts_parse(&mounts, json, strlen(json), *state, &err));
    assert_int_equal(mounts.count, 2);
    assert_true(digest_cmp(&mounts.items[0], &mounts.items[1]) < 0);
}

static void big_data_is_kept_under_its_name_or_its_base64(void **state)
{
    static const struct {
        const char *key, *file;
    } cases[] = {
        {"manifest", "manifest"}, {"instances.json", "instances.json"},
        {"A", "=QQ=="},           {"sha256:ab", "=c2hhMjU2OmFi"},
        {"a-b", "=YS1i"},         {"a-bc", "=YS1iYw=="},
    };
    char out[STORAGE_BIG_DATA_NAME];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_string_equal(storage_big_data_name(cases[i].key, out), cases[i].file);
}

/* ---- TOML ------------------------------------------------------------------------------------ */

static void storage_conf_is_read(void **state)
{
    static const char text[] = "# A comment\n"
                               "[storage]\n"
                               "  driver = \"overlay\" # why not\n"
                               "graphroot = '/data/containers'\n"
                               "\"runroot\"=\"/run/c\\\"s\"\n"
                               "rootless_storage_path = \"$HOME/store\"\n"
                               "[storage.options]\n"
                               "graphroot = \"/not/this\"\n"
                               "additionalimagestores = [ # read-only\n"
                               "  \"/usr/lib/images\",\n"
                               "  # \"/none\",\n"
                               "  '/mnt/shared',\n"
                               "]\n"
                               "[storage.options.overlay]\n"
                               "mount_program = \"/usr/bin/fuse-overlayfs\"\n"
                               "[crio]\n"
                               "storage_driver = \"vfs\"\n";
    struct storage_conf conf = {0};
    struct err err;

    assert_ok(storage_conf_parse(&conf, text, strlen(text), *state, &err));
    assert_string_equal(conf.graph_root, "/data/containers");
    assert_string_equal(conf.run_root, "/run/c\"s");
    assert_string_equal(conf.driver, "vfs");
    assert_string_equal(conf.rootless_path, "$HOME/store");
    assert_null(conf.image_store);
    assert_int_equal(conf.store_count, 2);
    assert_string_equal(conf.stores[0], "/usr/lib/images");
    assert_string_equal(conf.stores[1], "/mnt/shared");
}

static void a_later_file_stands_over_an_earlier_one(void **state)
{
    static const char first[] = "[storage]\ngraphroot=\"/a\"\nrunroot=\"/r\"\n";
    static const char second[] = "[storage]\ngraphroot=\"/b\"\n";
    struct storage_conf conf = {0};
    struct err err;

    assert_ok(storage_conf_parse(&conf, first, strlen(first), *state, &err));
    assert_ok(storage_conf_parse(&conf, second, strlen(second), *state, &err));
    assert_string_equal(conf.graph_root, "/b");
    assert_string_equal(conf.run_root, "/r");
}

static void what_is_not_understood_is_passed_over(void **state)
{
    static const char *const junk[] = {
        "graphroot = \"/a\"\n",            /* in no table */
        "[storage\ngraphroot=/unquoted\n", /* nothing closed */
        "[storage]\ngraphroot = \"/a\n",   /* a string that has no end */
        "[storage]\ngraphroot = 17\n",     /* no text */
        "[[storage]]\n= = =\n[",           /* no key */
        "[storage]\ngraphroot = \"\"\n",   /* nothing */
        "[storage.options]\nadditionalimagestores = [[1],{a=",
    };
    static const char good[] = "\n[storage]\nrunroot = \"/run/x\"\n";

    for (size_t i = 0; i < unit_count(junk); i++) {
        struct storage_conf conf = {0};
        char text[256];
        struct err err;

        assert_ok(storage_conf_parse(&conf, junk[i], strlen(junk[i]), *state, &err));
        assert_null(conf.graph_root);
        assert_int_equal(conf.store_count, 0);
        if (i == unit_count(junk) - 1)
            break; /* a list that has no end takes all with it */
        snprintf(text, sizeof(text), "%s%s", junk[i], good);
        assert_ok(storage_conf_parse(&conf, text, strlen(text), *state, &err));
        assert_string_equal(conf.run_root, "/run/x");
    }
}

static void variables_are_put_into_paths(void **state)
{
    static const struct storage_user user = {.name = "ann", .home = "/home/ann", .uid = 1000};
    static const struct {
        const char *path, *expanded; /* NULL: no path */
    } cases[] = {
        {"/srv/images", "/srv/images"},
        {"$HOME/store", "/home/ann/store"},
        {"${HOME}/store", "/home/ann/store"},
        {"~/store", "/home/ann/store"},
        {"/srv/$USER-$UID", "/srv/ann-1000"},
        {"/srv/$SECRET", NULL},
        {"/srv/${HOME", NULL},
        {"relative", NULL},
        {"~other/store", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < unit_count(cases); i++) {
        const char *found = storage_conf_expand(cases[i].path, &user, *state);

        if (cases[i].expanded == NULL)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].expanded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_image_has_names_and_big_data),
        TEST(names_of_the_past_are_no_names),
        TEST(odd_members_break_no_other),
        TEST(a_list_is_read_to_its_end),
        TEST(nothing_is_an_empty_list),
        TEST(a_layer_may_have_no_diff_digest),
        TEST(pods_are_told_by_the_metadata_of_cri_o),
        TEST(only_what_is_mounted_counts_as_mounted),
        TEST(big_data_is_kept_under_its_name_or_its_base64),
        TEST(storage_conf_is_read),
        TEST(a_later_file_stands_over_an_earlier_one),
        TEST(what_is_not_understood_is_passed_over),
        TEST(variables_are_put_into_paths),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
