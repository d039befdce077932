/* Who uses the images of a store of containerd's. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "agent/engines/process.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/containerd_store.h"

static const char *const ab[] = {"base", "a", NULL};
static const char *const abc[] = {"base", "a", "b", NULL};

struct fixture {
    struct tempdir dir;
    struct containerd_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    containerd_store_open(&f->store, &f->dir, "overlayfs");
    f->root = containerd_store_root(&f->store, "default");
    f->options.container_names = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    containerd_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static const struct rec_content *read_store(struct fixture *f)
{
    struct err err;

    containerd_store_write(&f->store);
    engine_reading_close(&f->reading);
    assert_ok(containerd_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->content;
}

static void assert_fine(const struct rec_content *c)
{
    assert_string_equal(c->store.error, "");
    assert_int_equal(c->store.state, REC_STORE_OK);
}

/* An image of these layers with a name, known to a namespace, its layers unpacked. Returns the
 * config's digest. */
static struct digest add_image(struct fixture *f, const char *ns, const char *name,
                               const char *const *layers)
{
    struct oci_store *content = &f->store.content;
    struct digest config = oci_store_config(content, "amd64", layers);
    struct digest manifest = oci_store_manifest(content, &config, layers);

    containerd_store_know_all(&f->store, ns);
    containerd_store_name(&f->store, ns, name, &manifest, OCI_MANIFEST);
    containerd_store_unpack(&f->store, ns, layers);
    return config;
}

static const struct rec_container *container(const struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->reading->use.container_count; i++) {
        if (strcmp(f->reading->use.containers[i].id, id) == 0)
            return &f->reading->use.containers[i];
    }
    return NULL;
}

static void a_container_uses_what_it_was_made_from_though_the_name_moved_on(void **state)
{
    struct fixture *f = *state;
    struct digest old = add_image(f, "default", "docker.io/t/a:old", ab);
    struct digest top = containerd_store_unpack(&f->store, "default", ab);
    char key[DIGEST_TEXT];

    add_image(f, "default", "docker.io/t/a:1", abc);
    containerd_store_snapshot(&f->store, "default", "c1", digest_text(&top, key), 'a');
    containerd_store_container(&f->store, "default", "c1", "docker.io/t/a:1", "c1");
    containerd_store_container(&f->store, "default", "c2", "docker.io/t/a:1", "gone");
    containerd_store_container(&f->store, "default", "c3", "docker.io/t/none:1", "gone");
    assert_fine(read_store(f));
    assert_int_equal(f->reading->use.container_count, 2); /* of c3's image nothing is left */
    assert_memory_equal(&container(f, "c1")->image, &old, sizeof(old));
    assert_memory_not_equal(&container(f, "c2")->image, &old, sizeof(old)); /* by name, then */
    assert_int_equal(container(f, "c1")->state, REC_STOPPED);
    assert_int_equal(f->reading->copy_count, 3); /* the container's own is none */
}

static void a_container_of_kubernetes_says_image_pod_and_namespace(void **state)
{
    struct fixture *f = *state;
    struct digest first = add_image(f, "default", "docker.io/t/a:1", ab);
    char text[DIGEST_TEXT], json[256];
    struct bolt_made *c =
        containerd_store_container(&f->store, "default", "c1", "docker.io/t/b:1", "gone");
    struct bolt_made *labels = bolt_made_bucket(c, "labels");
    uint8_t any[300] = {0x0a, 1, 'x', 0x12};
    size_t len;

    add_image(f, "default", "docker.io/t/b:1", abc);
    bolt_made_put_text(labels, "io.kubernetes.pod.name", "web-1");
    bolt_made_put_text(labels, "io.kubernetes.pod.namespace", "shop");
    bolt_made_put_text(labels, "io.kubernetes.container.name", "nginx");
    len = (size_t)snprintf(json, sizeof(json),
                           "{\"Version\":\"v1\",\"Metadata\":{\"ImageRef\":"
                           "\"%s\"}}",
                           digest_text(&first, text));
    any[4] = (uint8_t)len; /* a varint of one byte */
    assert_true(len < 128);
    memcpy(any + 5, json, len);
    bolt_made_put(bolt_made_bucket(c, "extensions"), "io.cri-containerd.container.metadata", any,
                  5 + len);
    assert_fine(read_store(f));
    assert_memory_equal(&container(f, "c1")->image, &first, sizeof(first));
    assert_string_equal(container(f, "c1")->name, "nginx");
    assert_string_equal(container(f, "c1")->kube_pod, "web-1");
    assert_string_equal(container(f, "c1")->kube_namespace, "shop");
    f->options.container_names = false;
    assert_fine(read_store(f));
    assert_string_equal(container(f, "c1")->kube_pod, "");
}

static void a_container_runs_while_its_first_process_is_the_one_that_was_started(void **state)
{
    struct fixture *f = *state;
    const char *file = "run/" CONTAINERD_TASKS "/default/c1/init.pid";
    struct process_view view;
    int64_t started_ms, age_ms;
    struct timespec times[2];
    char pid[32], path[PATH_MAX];
    struct err err;

    add_image(f, "default", "docker.io/t/a:1", ab);
    containerd_store_container(&f->store, "default", "c1", "docker.io/t/a:1", "gone");
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    tempdir_write_text(&f->dir, file, pid);
    process_view_open(&view, &f->root);
    assert_ok(process_started(&view, getpid(), &started_ms, &err));
    process_view_close(&view);
    times[0] = times[1] = (struct timespec){.tv_sec = started_ms / 1000 + 1};
    assert_int_equal(utimensat(AT_FDCWD, tempdir_path(&f->dir, file, path), times, 0), 0);
    read_store(f);
    assert_int_equal(container(f, "c1")->state, REC_RUNNING);
    age_ms = clock_wall_ms() - started_ms;
    assert_in_range(container(f, "c1")->since_age_ms, 0, age_ms);
    assert_true(age_ms - container(f, "c1")->since_age_ms < 1000);
    times[0].tv_sec = times[1].tv_sec = started_ms / 1000 - 100; /* somebody else has the pid now */
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    read_store(f);
    assert_int_equal(container(f, "c1")->state, REC_STOPPED);
    assert_int_equal(container(f, "c1")->since_age_ms, -1);
    f->root.run[0] = '\0';
    read_store(f);
    assert_int_equal(container(f, "c1")->state, REC_RUN_UNKNOWN);
}

/* A child that lives until it is told to go; its task's file as the shim writes it. */
static pid_t start_task(struct fixture *f, const char *id)
{
    char file[128], pid[32];
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    snprintf(file, sizeof(file), "run/" CONTAINERD_TASKS "/default/%s/init.pid", id);
    snprintf(pid, sizeof(pid), "%ld", (long)child);
    tempdir_write_text(&f->dir, file, pid);
    return child;
}

static void the_token_tells_that_a_task_ended_though_no_file_changed(void **state)
{
    struct fixture *f = *state;
    struct engine_token before, again, after;
    pid_t child = start_task(f, "c1");
    struct err err;

    add_image(f, "default", "docker.io/t/a:1", ab);
    read_store(f);
    assert_ok(containerd_driver.token(&f->root, &before, &err));
    assert_ok(containerd_driver.token(&f->root, &again, &err));
    assert_int_equal(before.len, again.len);
    assert_memory_equal(before.bytes, again.bytes, before.len);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(containerd_driver.token(&f->root, &after, &err));
    assert_int_equal(before.len, after.len);
    assert_memory_not_equal(before.bytes, after.bytes, before.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_container_uses_what_it_was_made_from_though_the_name_moved_on),
        TEST(a_container_of_kubernetes_says_image_pod_and_namespace),
        TEST(a_container_runs_while_its_first_process_is_the_one_that_was_started),
        TEST(the_token_tells_that_a_task_ended_though_no_file_changed),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
