#include "tests/support/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/scan_root.h"
#include "common/cleanup.h"
#include "tests/support/scan_rig.h"

/* ---- what hangs ------------------------------------------------------------------------------ */

static void three_stores_that_hang_delay_no_other(void **state)
{
    static const char *const hanging[] = {"/a", "/b", "/c"};
    struct scan_rig *f = *state;

    fake_engine_put("/b", "x");
    fake_engine_put("/c", "x");
    fake_engine_put("/d", "x");
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    for (size_t i = 0; i < unit_count(hanging); i++)
        fake_engine_hang(hanging[i], true);
    for (size_t i = 0; i < unit_count(hanging); i++)
        scan_rig_until_hung(f, hanging[i]);
    fake_engine_put("/d", "x y");
    run_until(f, scan_rig_images(f, "/d") == 2);
    fake_engine_put("/d", "x y z");
    run_until(f, scan_rig_images(f, "/d") == 3);
    assert_int_equal(f->last->store_count, 4);
    for (size_t i = 0; i < unit_count(hanging); i++)
        fake_engine_hang(hanging[i], false);
    scan_rig_looks(f, 1);
}

/* A driver that finds nothing, and hangs in it while the gate is closed. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool closed;
    unsigned waiting;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static int gate_find(const struct engine_options *options, struct engine_roots *roots,
                     struct err *err)
{
    (void)options;
    (void)roots;
    (void)err;
    pthread_mutex_lock(&gate.lock);
    gate.waiting++;
    while (gate.closed)
        pthread_cond_wait(&gate.opened, &gate.lock);
    gate.waiting--;
    pthread_mutex_unlock(&gate.lock);
    return 0;
}

static void gate_set(bool closed)
{
    pthread_mutex_lock(&gate.lock);
    gate.closed = closed;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
}

static unsigned gate_waiting(void)
{
    unsigned n;

    pthread_mutex_lock(&gate.lock);
    n = gate.waiting;
    pthread_mutex_unlock(&gate.lock);
    return n;
}

static void a_finding_that_hangs_delays_no_other(void **state)
{
    static const struct engine_driver gate_driver = {.name = "gate", .find = gate_find};
    static const struct engine_driver *const drivers[] = {&gate_driver, &fake_driver, NULL};
    struct scan_rig *f = *state;

    f->drivers = drivers;
    f->full_ms = 4 * LOOK_MS;
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    gate_set(true);
    run_until(f, gate_waiting() == 1);
    fake_engine_put("/a", "one");
    fake_engine_put("/b", "new");
    run_until(f, scan_rig_images(f, "/a") == 1 && scan_rig_store(f, "/b") != NULL);
    assert_int_equal(gate_waiting(), 1);
    gate_set(false);
    run_until(f, gate_waiting() == 0);
}

/* ---- told by the kernel ---------------------------------------------------------------------- */

/* The store "/a" with an hour between two looks, and its directory watched. */
static void start_watched(struct scan_rig *f)
{
    char path[PATH_MAX];

    tempdir_mkdir(&f->dir, "store");
    fake_engine_watch("/a", tempdir_path(&f->dir, "store", path));
    f->look_ms = NEVER_MS;
    scan_rig_start(f);
    run_until(f, f->inventories == 1 && fake_engine_looks("/a") == 2); /* the second for watches */
}

static void a_change_is_noticed_without_waiting_for_the_interval(void **state)
{
    struct scan_rig *f = *state;

    start_watched(f);
    fake_engine_put("/a", "one two three");
    tempdir_write_text(&f->dir, "store/image", "three");
    run_until(f, f->inventories == 2);
    assert_int_equal(scan_rig_images(f, "/a"), 3);
}

static void a_directory_made_anew_is_watched_again(void **state)
{
    struct scan_rig *f = *state;
    char path[PATH_MAX];

    start_watched(f);
    assert_int_equal(rmdir(tempdir_path(&f->dir, "store", path)), 0);
    tempdir_mkdir(&f->dir, "store");
    run_until(f, fake_engine_looks("/a") == 4); /* of the change, and of the new watch */
    fake_engine_put("/a", "one");
    tempdir_write_text(&f->dir, "store/image", "one");
    run_until(f, f->inventories == 2);
    assert_int_equal(scan_rig_images(f, "/a"), 1);
}

static void a_directory_that_comes_with_a_reading_is_watched(void **state)
{
    struct scan_rig *f = *state;
    char paths[2 * PATH_MAX], one[PATH_MAX], two[PATH_MAX];

    start_watched(f);
    snprintf(paths, sizeof(paths), "%s %s", tempdir_path(&f->dir, "store", one),
             tempdir_path(&f->dir, "store/new", two));
    fake_engine_watch("/a", paths);
    fake_engine_put("/a", "one");
    tempdir_mkdir(&f->dir, "store/new");
    run_until(f, f->inventories == 2 && fake_engine_looks("/a") == 4);
    fake_engine_put("/a", "one two three");
    tempdir_write_text(&f->dir, "store/new/image", "three");
    run_until(f, f->inventories == 3);
    assert_int_equal(scan_rig_images(f, "/a"), 3);
}

static void changes_without_end_put_no_look_off(void **state)
{
    struct scan_rig *f = *state;
    char path[PATH_MAX];
    unsigned before;

    start_watched(f);
    before = fake_engine_looks("/a");
    while (fake_engine_looks("/a") < before + 2 && !f->timed_out) {
        tempdir_write_text(&f->dir, "store/passing", "x");
        assert_int_equal(unlink(tempdir_path(&f->dir, "store/passing", path)), 0);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    assert_false(f->timed_out);
}

static void only_what_the_kernel_does_not_see_is_looked_at_often(void **state)
{
    struct scan_root root = {.watched = true};

    (void)state;
    assert_int_equal(scan_root_patience(&root, NEVER_MS), NEVER_MS);
    assert_int_equal(scan_root_patience(&root, LOOK_MS), LOOK_MS);
    root.watched = false;
    assert_int_equal(scan_root_patience(&root, NEVER_MS), SCAN_UNWATCHED_MS);
    assert_int_equal(scan_root_patience(&root, LOOK_MS), LOOK_MS);
    root.root.by_api = true;
    assert_int_equal(scan_root_patience(&root, NEVER_MS), NEVER_MS);
    root.err.kind = ERR_DENIED;
    assert_int_equal(scan_root_patience(&root, NEVER_MS), SCAN_UNWATCHED_MS);
    root = (struct scan_root){.watched = true, .moving_ns = 1};
    assert_int_equal(scan_root_patience(&root, NEVER_MS), SCAN_UNWATCHED_MS);
}

/* ---- found again ----------------------------------------------------------------------------- */

static void what_a_finding_learnt_of_a_known_store_counts(void **state)
{
    static const struct engine_root found = {.host = "/host",
                                             .socket = "/run/new.sock",
                                             .run = "/run/containerd",
                                             .docker = "/var/lib/docker",
                                             .engine = "cri-o",
                                             .version = "2",
                                             .told = true};
    struct scan_root root = {.next_full_ns = 5, .root = {.socket = "/run/old.sock"}};
    struct engine_root changed = found;

    (void)state;
    assert_true(scan_root_take_found(&root, &found));
    assert_int_equal(root.next_full_ns, 0);
    assert_string_equal(root.root.host, found.host);
    assert_string_equal(root.root.socket, found.socket);
    assert_string_equal(root.root.run, found.run);
    assert_string_equal(root.root.docker, found.docker);
    assert_string_equal(root.root.engine, found.engine);
    assert_string_equal(root.root.version, found.version);
    assert_false(scan_root_take_found(&root, &found));
    changed.socket[0] = '\0';
    assert_false(scan_root_take_found(&root, &changed));
    changed.engine[0] = changed.version[0] = '\0'; /* not told is no news */
    changed.by_api = true;
    assert_true(scan_root_take_found(&root, &changed));
    assert_string_equal(root.root.engine, found.engine);
    assert_string_equal(root.root.version, found.version);
    assert_true(root.root.by_api);
}

static void a_finding_while_the_engine_is_down_forgets_nothing(void **state)
{
    static const struct engine_root known = {.socket = "/run/engine.sock",
                                             .run = "/run/engine",
                                             .docker = "/var/lib/docker",
                                             .by_api = true,
                                             .orphaned = true};
    static const struct engine_root silent = {.storage = "overlay2", .docker = "/the/default"};
    struct scan_root root = {.next_full_ns = 5, .root = known};
    struct engine_root speaking = silent;

    (void)state;
    root.root.orphaned = false;
    assert_false(scan_root_take_found(&root, &silent));
    assert_int_equal(root.next_full_ns, 5);
    assert_string_equal(root.root.socket, known.socket);
    assert_string_equal(root.root.run, known.run);
    assert_string_equal(root.root.docker, known.docker);
    assert_true(root.root.by_api);
    root.root.orphaned = true;
    assert_false(scan_root_take_found(&root, &silent));
    assert_true(root.root.orphaned);
    speaking.told = true;
    assert_true(scan_root_take_found(&root, &speaking));
    assert_false(root.root.orphaned || root.root.by_api);
}

static void the_socket_of_a_store_read_by_api_is_worth_a_look(void **state)
{
    static const struct engine_root found = {
        .socket = "/run/engine.sock", .by_api = true, .told = true};
    struct scan_root root = {.root = {.by_api = true}}; /* as one from before a restart */

    (void)state;
    assert_true(scan_root_take_found(&root, &found));
    assert_false(scan_root_take_found(&root, &found));
}

static void a_store_that_its_engine_left_has_no_socket(void **state)
{
    static const struct engine_root left = {.told = true, .orphaned = true};
    struct scan_root root = {.root = {.socket = "/run/engine.sock"}};

    (void)state;
    assert_true(scan_root_take_found(&root, &left));
    assert_string_equal(root.root.socket, "");
}

static void a_finding_that_matters_unsettles_until_a_look_that_began_after_it(void **state)
{
    static const struct engine_root left = {.driver = &fake_driver, .told = true, .orphaned = true};
    struct scan_root *root = calloc(1, sizeof(*root));

    (void)state;
    root->root.driver = root->job.root.driver = &fake_driver;
    root->job.failed = -1;
    scan_root_finish(root, 1);
    assert_true(scan_root_is_settled(root));
    root->job.tellings = root->tellings; /* a look begins, */
    assert_true(scan_root_take_found(root, &left));
    scan_root_finish(root, 2); /* ... and ends too late to know */
    assert_false(scan_root_is_settled(root));
    root->job.tellings = root->tellings;
    scan_root_finish(root, 3);
    assert_true(scan_root_is_settled(root));
    free(root);
}

/* Remembers "/a" as it is now, in this state. */
static void remember(struct scan_rig *f, enum rec_store_state stands)
{
    AUTO(inventory_unref) struct inventory *before = fake_engine_inventory("/a");
    struct err err = {0};

    before->stores[0].shared->reading->content.store.state = stands;
    assert_ok(memory_save(f->dir.path, before, NULL, &err));
    assert_ok(memory_load(&f->memory, f->dir.path, fake_drivers, &err));
}

static void after_a_restart_an_orphaned_store_stays_so_without_its_engine(void **state)
{
    struct scan_rig *f = *state;

    remember(f, REC_STORE_ORPHANED);
    fake_engine_daemon("/a", false);
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    scan_rig_looks(f, 3);
    assert_int_equal(scan_rig_state(f, "/a"), REC_STORE_ORPHANED);
    fake_engine_daemon("/a", true);
}

static void after_a_restart_the_first_inventory_knows_what_engines_say(void **state)
{
    struct scan_rig *f = *state;

    remember(f, REC_STORE_OK);
    fake_engine_orphan("/a", true);
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(scan_rig_state(f, "/a"), REC_STORE_ORPHANED);
}

static void a_change_in_one_namespace_finds_new_ones_soon(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_space("/a", "k8s.io");
    f->find_gap_ms = 1;
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/b", "new");
    fake_engine_space("/b", "default");
    fake_engine_put("/a", "one two"); /* which is no news but for its token */
    run_until(f, scan_rig_store(f, "/b") != NULL);
}

static void a_store_whose_engine_left_it_is_told_so(void **state)
{
    struct scan_rig *f = *state;

    f->full_ms = 4 * LOOK_MS;
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(scan_rig_state(f, "/a"), REC_STORE_OK);
    fake_engine_orphan("/a", true);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_ORPHANED);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_rig_setup, scan_rig_teardown)
    const struct CMUnitTest tests[] = {
        T(three_stores_that_hang_delay_no_other),
        T(a_finding_that_hangs_delays_no_other),
        T(a_change_is_noticed_without_waiting_for_the_interval),
        T(a_directory_made_anew_is_watched_again),
        T(a_directory_that_comes_with_a_reading_is_watched),
        T(changes_without_end_put_no_look_off),
        T(only_what_the_kernel_does_not_see_is_looked_at_often),
        T(what_a_finding_learnt_of_a_known_store_counts),
        T(a_finding_while_the_engine_is_down_forgets_nothing),
        T(the_socket_of_a_store_read_by_api_is_worth_a_look),
        T(a_store_that_its_engine_left_has_no_socket),
        T(a_finding_that_matters_unsettles_until_a_look_that_began_after_it),
        T(after_a_restart_an_orphaned_store_stays_so_without_its_engine),
        T(after_a_restart_the_first_inventory_knows_what_engines_say),
        T(a_change_in_one_namespace_finds_new_ones_soon),
        T(a_store_whose_engine_left_it_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
