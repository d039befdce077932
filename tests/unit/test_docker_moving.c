/* A store that changes, or vanishes, while it is read. */
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"

enum { IMAGES = 20 };

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
    struct digest images[IMAGES];
    atomic_bool stop;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    for (int i = 0; i < IMAGES; i++) {
        char name[32];
        struct digest diff;

        snprintf(name, sizeof(name), "image:%d", i);
        diff = docker_store_diff(name);
        f->images[i] = docker_store_image(&f->store, &diff, 1, 1);
        docker_store_name(&f->store, "image", name, &f->images[i]);
    }
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

static void move(const struct fixture *f, const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];

    rename(tempdir_path(&f->dir, from, a), tempdir_path(&f->dir, to, b));
}

static void token(struct fixture *f, struct engine_token *out)
{
    struct err err;

    assert_ok(docker_driver.token(&f->root, out, &err));
    assert_true(out->len > 0);
}

/* Longer than the tick of the kernel's clock for change times. */
static void wait_a_tick(void)
{
    usleep(20000);
}

static void the_token_stays_while_nothing_changes(void **state)
{
    struct fixture *f = *state;
    struct engine_token a, b;
    struct err err;

    token(f, &a);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    token(f, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.bytes, b.bytes, a.len);
    assert_memory_equal(a.bytes, f->reading->token.bytes, a.len);
}

static void change_name(struct fixture *f)
{
    docker_store_name(&f->store, "other", "other:1", &f->images[0]);
}

static void change_image(struct fixture *f)
{
    docker_store_config(&f->store, NULL, 0, 7);
}

static void change_layer(struct fixture *f)
{
    struct digest diff = docker_store_diff("new");

    docker_store_layer(&f->store, NULL, &diff, NULL);
}

static void change_container(struct fixture *f)
{
    docker_store_container(&f->store, 'a', &f->images[0], "{}");
}

static void change_container_state(struct fixture *f)
{
    char path[PATH_MAX];

    tempdir_write_text(&f->dir,
                       docker_store_below(&f->store,
                                          "containers/"
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                          "aaaaaaaa/config.v2.json",
                                          path),
                       "{\"other\":1}");
}

static void every_change_changes_the_token(void **state)
{
    static void (*const changes[])(struct fixture * f) = {
        change_name, change_image, change_layer, change_container, change_container_state,
    };
    struct fixture *f = *state;
    struct engine_token before, after;

    for (size_t i = 0; i < unit_count(changes); i++) {
        token(f, &before);
        wait_a_tick();
        changes[i](f);
        token(f, &after);
        assert_true(before.len != after.len || memcmp(before.bytes, after.bytes, after.len) != 0);
    }
}

static void a_store_that_vanished_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct engine_token t;
    AUTO(buf_close) struct buf bytes;
    struct err err;

    buf_init(&bytes, REC_DOCUMENT_BYTES);
    move(f, "docker", "gone");
    assert_fails(docker_driver.token(&f->root, &t, &err), ERR_NOT_FOUND, "docker");
    assert_fails(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err), ERR_NOT_FOUND,
                 "docker");
    assert_fails(docker_driver.document(&f->root, REC_DOC_CONFIG, &f->images[0], &bytes, &err),
                 ERR_NOT_FOUND, "docker");
}

/* As Docker does it: the new file beside the old one, and a rename over it. */
static void replace_names(struct fixture *f, const char *text)
{
    tempdir_write_text(&f->dir, "docker/image/overlay2/.tmp-repositories.json1", text);
    move(f, "docker/image/overlay2/.tmp-repositories.json1",
         "docker/image/overlay2/repositories.json");
}

/* Removes an image and adds it again, in Docker's order, until told to stop. */
static void *remove_and_add(void *arg)
{
    struct fixture *f = arg;
    char config[256], layer[256], named[512], hex[DIGEST_HEX + 1], text[DIGEST_TEXT];
    struct digest diff = docker_store_diff("image:0");

    snprintf(config, sizeof(config), "docker/image/overlay2/imagedb/content/sha256/%s",
             digest_hex(&f->images[0], hex));
    snprintf(layer, sizeof(layer), "docker/image/overlay2/layerdb/sha256/%s",
             digest_hex(&diff, hex));
    snprintf(named, sizeof(named), "{\"Repositories\":{\"image\":{\"image:0\":\"%s\"}}}",
             digest_text(&f->images[0], text));
    while (!atomic_load(&f->stop)) {
        replace_names(f, "{\"Repositories\":{}}");
        move(f, config, "config");
        move(f, layer, "layer");
        move(f, "layer", layer);
        move(f, "config", config);
        replace_names(f, named);
        usleep(500);
    }
    return NULL;
}

static void no_reading_is_half_a_state(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    struct err err;

    assert_int_equal(pthread_create(&thread, NULL, remove_and_add, f), 0);
    for (int i = 0; i < 5; i++) {
        const struct rec_store *store;

        engine_reading_close(&f->reading);
        assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
        store = &f->reading->content.store;
        if (store->state != REC_STORE_MOVING)
            assert_int_equal(store->problem_count, 0);
    }
    atomic_store(&f->stop, true);
    pthread_join(thread, NULL);
    engine_reading_close(&f->reading);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_int_equal(f->reading->content.image_count, IMAGES);
}

/* Takes the whole store away and brings it back, as an unmount does. */
static void *vanish_and_return(void *arg)
{
    struct fixture *f = arg;

    while (!atomic_load(&f->stop)) {
        move(f, "docker", "away");
        usleep(300);
        move(f, "away", "docker");
        usleep(1500);
    }
    return NULL;
}

static void a_store_that_vanishes_meanwhile_is_an_error_or_whole(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    struct err err;

    assert_int_equal(pthread_create(&thread, NULL, vanish_and_return, f), 0);
    for (int i = 0; i < 20; i++) {
        engine_reading_close(&f->reading);
        if (docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err) != 0)
            assert_int_equal(err.kind, ERR_NOT_FOUND);
        else if (f->reading->content.store.state == REC_STORE_OK)
            assert_int_equal(f->reading->content.image_count, IMAGES);
    }
    atomic_store(&f->stop, true);
    pthread_join(thread, NULL);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(the_token_stays_while_nothing_changes),
        with_store(every_change_changes_the_token),
        with_store(a_store_that_vanished_is_not_found),
        with_store(no_reading_is_half_a_state),
        with_store(a_store_that_vanishes_meanwhile_is_an_error_or_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
