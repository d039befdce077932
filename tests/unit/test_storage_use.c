/* The containers of a store of containers/storage, and layers that lie in other stores. */
#include "tests/support/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "tests/support/storage_store.h"

struct fixture {
    struct tempdir dir;
    struct storage_store store;
    struct engine_root root;
    struct engine_options options;
    struct storage_made image;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct digest diffs[] = {storage_store_diff("base")};

    tempdir_open(&f->dir);
    storage_store_open(&f->store, &f->dir, "storage", "overlay");
    f->root = storage_store_root(&f->store);
    f->options.container_names = true;
    f->image = storage_store_image(&f->store, diffs, 1, "[\"localhost/base:1\"]");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    storage_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static const struct rec_use *read_use(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    return &f->reading->use;
}

/* The state of the one container there is. */
static enum rec_run_state state_of(struct fixture *f)
{
    const struct rec_use *use = read_use(f);

    assert_int_equal(use->container_count, 1);
    return use->containers[0].state;
}

static void write_pidfile(const struct fixture *f, char digit, long pid)
{
    char below[DIGEST_TEXT + 64], name[PATH_MAX], text[32];
    char id[DIGEST_HEX + 1] = {0};

    memset(id, digit, DIGEST_HEX);
    snprintf(below, sizeof(below), "-containers/%s/userdata/pidfile", id);
    snprintf(text, sizeof(text), "%ld", pid);
    tempdir_write_text(&f->dir, storage_store_run_name(&f->store, below, name), text);
}

static void mount(const struct fixture *f, const struct digest *layer)
{
    char name[PATH_MAX], json[256], hex[DIGEST_HEX + 1];

    snprintf(json, sizeof(json), "[{\"id\":\"%s\",\"path\":\"/m\",\"count\":1}]",
             digest_hex(layer, hex));
    tempdir_write_text(&f->dir, storage_store_run_name(&f->store, "-layers/mountpoints.json", name),
                       json);
}

/* ---- running --------------------------------------------------------------------------------- */

static void a_container_whose_process_lives_runs(void **state)
{
    struct fixture *f = *state;
    pid_t child = fork(); /* its start and the pidfile's time are the same moment */

    if (child == 0) {
        pause();
        _exit(0);
    }
    storage_store_container(&f->store, '1', &f->image, "");
    write_pidfile(f, '1', child);
    assert_int_equal(state_of(f), REC_RUNNING);
    assert_true(f->reading->use.containers[0].since_age_ms >= 0);
    assert_true(f->reading->use.containers[0].since_age_ms < 60000);
    assert_true(digest_eq(&f->reading->use.containers[0].image, &f->image.id));
    assert_string_equal(f->reading->use.containers[0].name, "c1");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(state_of(f), REC_STOPPED);
}

static void a_pidfile_of_another_time_is_not_believed(void **state)
{
    struct fixture *f = *state;

    storage_store_container(&f->store, '1', &f->image, "");
    write_pidfile(f, '1', 1); /* init, which began long before the file was written */
    assert_int_equal(state_of(f), REC_STOPPED);
}

static void what_is_mounted_and_cannot_be_seen_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct digest layer = storage_store_container(&f->store, '1', &f->image, "");

    write_pidfile(f, '1', 0);
    mount(f, &layer);
    assert_int_equal(state_of(f), REC_RUN_UNKNOWN);
    assert_int_equal(f->reading->use.containers[0].since_age_ms, -1);
}

static void without_a_run_root_nothing_is_known(void **state)
{
    struct fixture *f = *state;

    storage_store_container(&f->store, '1', &f->image, "");
    assert_int_equal(state_of(f), REC_RUN_UNKNOWN); /* it is not there */
    f->root.run[0] = '\0';
    assert_int_equal(state_of(f), REC_RUN_UNKNOWN);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void names_and_pods_can_be_switched_off(void **state)
{
    struct fixture *f = *state;
    const struct rec_container *c;

    storage_store_container(&f->store, '1', &f->image,
                            "{\\\"pod-name\\\":\\\"k8s_web_shop_uid_0\\\"}");
    c = &read_use(f)->containers[0];
    assert_string_equal(c->name, "c1");
    assert_string_equal(c->kube_namespace, "shop");
    assert_string_equal(c->kube_pod, "web");
    f->options.container_names = false;
    c = &read_use(f)->containers[0];
    assert_string_equal(c->name, "");
    assert_string_equal(c->kube_namespace, "");
    assert_string_equal(c->kube_pod, "");
}

/* As CRI-O has them: containers and their layers that do not outlive a reboot. */
static void volatile_containers_count(void **state)
{
    struct fixture *f = *state;
    char json[512], name[PATH_MAX], image[DIGEST_HEX + 1], layer[DIGEST_HEX + 1];
    char top[DIGEST_HEX + 1], directory[PATH_MAX];
    struct digest id = storage_store_diff("its layer");

    digest_hex(&id, layer);
    snprintf(json, sizeof(json), "[{\"id\":\"%s\",\"parent\":\"%s\"}]", layer,
             digest_hex(&f->image.top, top));
    tempdir_write_text(&f->dir, storage_store_name(&f->store, "-layers/volatile-layers.json", name),
                       json);
    snprintf(json, sizeof(json), "[{\"id\":\"%s\",\"image\":\"%s\",\"layer\":\"%s\"}]", layer,
             digest_hex(&f->image.id, image), layer);
    tempdir_write_text(
        &f->dir, storage_store_run_name(&f->store, "-containers/volatile-containers.json", name),
        json);
    snprintf(directory, sizeof(directory), "/%s/diff", layer);
    tempdir_mkdir(&f->dir, storage_store_name(&f->store, directory, name));
    assert_int_equal(read_use(f)->container_count, 1);
    assert_string_equal(f->reading->use.containers[0].name, "");
    assert_int_equal(f->reading->space_count, 1);
    assert_string_equal(f->reading->spaces[0].kind, "container-writable");
}

static void a_container_from_scratch_uses_no_image(void **state)
{
    struct fixture *f = *state;
    struct storage_made scratch = f->image;
    char name[PATH_MAX], json[512], id[DIGEST_HEX + 1], layer[DIGEST_HEX + 1];
    struct digest own = storage_store_container(&f->store, '1', &scratch, "");

    snprintf(json, sizeof(json), "[{\"id\":\"%s\",\"image\":\"\",\"layer\":\"%s\"}]",
             digest_hex(&f->image.id, id), digest_hex(&own, layer));
    tempdir_write_text(&f->dir, storage_store_name(&f->store, "-containers/containers.json", name),
                       json);
    assert_int_equal(read_use(f)->container_count, 0);
    assert_string_equal(f->reading->spaces[0].kind, "container-writable");
}

/* ---- layers in other stores ------------------------------------------------------------------ */

static void layers_of_an_additional_store_are_elsewhere_and_not_lost(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("app")};
    struct storage_store shared;
    struct storage_made app;
    char name[PATH_MAX], json[512], hex[DIGEST_HEX + 1], top[DIGEST_HEX + 1];
    const struct rec_content *c;

    storage_store_open(&shared, &f->dir, "shared", "overlay");
    storage_store_layer(&shared, NULL, &diffs[0], "");
    app = storage_store_image(&f->store, diffs, 2, "[\"localhost/app:1\"]");
    snprintf(json, sizeof(json),
             "[{\"id\":\"%s\",\"parent\":\"%s\",\"diff-digest\":\"sha256:%s\"}]",
             digest_hex(&app.top, top), digest_hex(&diffs[0], hex), digest_hex(&diffs[1], name));
    tempdir_write_text(&f->dir, storage_store_name(&f->store, "-layers/layers.json", name), json);
    tempdir_write_text(&f->dir, "etc/containers/storage.conf",
                       "[storage.options]\nadditionalimagestores = [\"/shared\"]\n");
    snprintf(f->root.host, sizeof(f->root.host), "%s", f->dir.path);
    snprintf(f->root.path, sizeof(f->root.path), "/storage");
    snprintf(f->root.run, sizeof(f->root.run), "/storage-run");
    read_use(f);
    c = &f->reading->content;
    assert_int_equal(c->image_count, 2);
    assert_int_equal(f->reading->copy_count, 1);
    assert_int_equal(c->exception_count, 1);
    assert_int_equal(c->exceptions[0].kind, REC_CHAIN_MISSING);
    for (size_t i = 0; i < c->image_count; i++)
        assert_int_equal(c->images[i].unpacked, digest_eq(&c->images[i].id, &app.id));
    storage_store_close(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_container_whose_process_lives_runs),
        TEST(a_pidfile_of_another_time_is_not_believed),
        TEST(what_is_mounted_and_cannot_be_seen_is_unknown),
        TEST(without_a_run_root_nothing_is_known),
        TEST(names_and_pods_can_be_switched_off),
        TEST(volatile_containers_count),
        TEST(a_container_from_scratch_uses_no_image),
        TEST(layers_of_an_additional_store_are_elsewhere_and_not_lost),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
