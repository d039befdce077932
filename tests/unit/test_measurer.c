#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/measurer.h"
#include "agent/options.h"
#include "agent/scan_print.h"
#include "agent/scan_table.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/log.h"
#include "common/uvx.h"
#include "tests/support/docker_store.h"
#include "tests/support/run_until.h"
#include "tests/support/tempdir.h"

#define WATCHDOG_MS 20000
#define LAYERS 3

struct fixture {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out, closed;
    struct tempdir dir;
    struct docker_store store;
    struct digest diffs[LAYERS];
    struct engine_root root;
    struct measurer *measurer;
    size_t copies, missing, facts, spaces, declined;
    char declined_why[128];
    uint64_t allocated, total; /* of all copies; of the roots as a whole */
    struct digest fact_of;
    bool fact_of_user;
};

static void on_watchdog(uv_timer_t *timer)
{
    ((struct fixture *)timer->data)->timed_out = true;
}

static void hear_copies(struct fixture *f, const struct rec_copies *c)
{
    for (size_t i = 0; i < c->copy_count; i++) {
        f->copies += !c->copies[i].missing;
        f->missing += c->copies[i].missing;
        f->allocated += c->copies[i].allocated_bytes;
    }
}

static void on_report(const struct wire_agent_msg *m, void *arg)
{
    struct fixture *f = arg;

    if (m->kind == WIRE_COPIES) {
        hear_copies(f, &m->copies);
    } else if (m->kind == WIRE_LAYER_FACTS) {
        f->facts++;
        f->fact_of = m->layer_facts.items[0].diff;
        f->fact_of_user = m->layer_facts.items[0].of_user;
    } else if (m->kind == WIRE_DECLINED) {
        f->declined++;
        snprintf(f->declined_why, sizeof(f->declined_why), "%s", m->declined.items[0].reason);
    } else if (m->kind == WIRE_SPACES) {
        f->spaces++;
        for (size_t i = 0; i < m->spaces.space_count; i++)
            if (m->spaces.spaces[i].klass == REC_SPACE_TOTAL)
                f->total = m->spaces.spaces[i].bytes;
    }
}

static void on_closed(void *arg)
{
    ((struct fixture *)arg)->closed = true;
}

static const struct engine_options no_api = {.host_root = "", .docker_socket = ""};

/* A store as it lies there, read by the real driver; by_api: as if its files could not be seen. */
static void add_store(struct inventory *inv, struct engine_root *root, bool by_api)
{
    struct engine_reading *reading = NULL;
    struct inventory_reading *shared = NULL;
    struct inventory_standing standing = {.root = root, .error = ""};
    struct err err = {0};

    assert_ok(root->driver->read(root, &no_api, NULL, &reading, &err));
    for (size_t i = 0; by_api && i < reading->copy_count; i++)
        reading->copies[i].directory = reading->copies[i].entry = NULL;
    if (by_api)
        reading->space_count = reading->space_root_count = 0;
    assert_ok(inventory_reading_open(&shared, reading, &err));
    standing.reading = shared;
    assert_ok(inventory_add(inv, &standing, &err));
    inventory_reading_unref(&shared);
}

/* The fixture's store, and `beside` where there is one. */
static struct inventory *read_stores(struct fixture *f, struct engine_root *beside)
{
    struct inventory *inv = NULL;
    struct err err = {0};

    assert_ok(inventory_open(&inv, 2, &err));
    if (beside != NULL)
        add_store(inv, beside, false);
    add_store(inv, &f->root, false);
    inventory_finish(inv);
    return inv;
}

static void measure(struct fixture *f)
{
    AUTO(inventory_unref) struct inventory *inv = read_stores(f, NULL);

    measurer_set_inventory(f->measurer, inv);
}

static int setup(void **state)
{
    static const struct measurer_events events = {.on_report = on_report};
    struct fixture *f = calloc(1, sizeof(*f));
    const struct measurer_options options = {.entries_per_second = 0};
    struct err err = {0};

    log_setup(2, LOG_ERROR, LOG_TEXT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->watchdog);
    f->watchdog.data = f;
    uv_timer_start(&f->watchdog, on_watchdog, WATCHDOG_MS, 0);
    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    for (int i = 0; i < LAYERS; i++)
        f->diffs[i] = docker_store_diff((const char[]){'d', (char)('0' + i), '\0'});
    struct digest image = docker_store_image(&f->store, f->diffs, LAYERS, LAYERS);

    docker_store_name(&f->store, "a", "a:1", &image);
    f->root = docker_store_root(&f->store);
    *state = f;
    return measurer_open(&f->measurer, &f->loop, &options, &events, f, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int rc;

    measurer_close(f->measurer, on_closed, f);
    run_until(f, f->closed);
    uv_close((uv_handle_t *)&f->watchdog, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rc = uvx_loop_close(&f->loop, &err);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return rc;
}

static void every_copy_is_told_once_and_then_the_spaces(void **state)
{
    struct fixture *f = *state;

    measure(f);
    run_until(f, f->spaces == 1);
    assert_int_equal(f->copies, LAYERS);
    assert_true(f->allocated > 0 && f->total > f->allocated);
    measure(f);
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    assert_int_equal(f->copies, LAYERS);
}

static void a_new_stream_hears_everything_again(void **state)
{
    struct fixture *f = *state;

    measure(f);
    run_until(f, f->spaces == 1);
    measurer_replay(f->measurer);
    run_until(f, f->spaces == 2);
    assert_int_equal(f->copies, 2 * LAYERS);
}

static void a_new_copy_is_told_alone(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {f->diffs[0], docker_store_diff("new")};

    measure(f);
    run_until(f, f->spaces == 1);
    docker_store_image(&f->store, diffs, unit_count(diffs), unit_count(diffs));
    measure(f);
    run_until(f, f->copies == LAYERS + 1);
}

static void wanted_facts_are_given(void **state)
{
    struct fixture *f = *state;
    struct rec_measure_wanted want = {.diff = f->diffs[1], .chain = f->diffs[1]};

    measure(f);
    run_until(f, f->spaces == 1);
    measurer_want(f->measurer, &want, 1); /* at another chain than the one it lies at */
    run_until(f, f->facts == 1);
    assert_true(digest_eq(&f->fact_of, &f->diffs[1]));
}

/* Sparse files of 8 TiB each, more than the wire takes, and hardly a block on the disk. */
static void a_layer_that_claims_too_much_is_declined(void **state)
{
    struct fixture *f = *state;
    struct rec_measure_wanted want = {.diff = f->diffs[0], .chain = f->diffs[0]};
    char id[DIGEST_HEX + 1], name[PATH_MAX], path[PATH_MAX];

    docker_store_cache_id(&f->diffs[0], id);
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof(name), "overlay2/%s/diff/sparse%d", id, i);
        tempdir_write_text(&f->dir, docker_store_below(&f->store, name, path), "");
        tempdir_path(&f->dir, docker_store_below(&f->store, name, path), name);
        assert_int_equal(truncate(name, 1LL << 43), 0);
    }
    measure(f);
    measurer_want(f->measurer, &want, 1);
    run_until(f, f->declined == 1);
    assert_int_equal(f->facts, 0);
}

/* The fixture's image, in a store of the driver vfs beside it. */
static struct engine_root add_vfs(struct fixture *f, struct docker_store *store)
{
    struct digest image;

    docker_store_open(store, &f->dir, "vfs", "vfs");
    image = docker_store_image(store, f->diffs, LAYERS, LAYERS);
    docker_store_name(store, "a", "a:1", &image);
    return docker_store_root(store);
}

static void a_whole_tree_says_nothing_of_the_layer_unless_it_is_the_first(void **state)
{
    struct fixture *f = *state;
    struct docker_store vfs;
    const struct digest chain = digest_chain(&f->diffs[0], &f->diffs[1]);
    const struct rec_measure_wanted first = {.diff = f->diffs[0], .chain = f->diffs[0]};
    const struct rec_measure_wanted second = {.diff = f->diffs[1], .chain = chain};

    f->root = add_vfs(f, &vfs);
    measure(f);
    run_until(f, f->spaces == 1);
    assert_int_equal(f->copies, LAYERS);
    assert_true(f->allocated > 0);
    measurer_want(f->measurer, &second, 1);
    run_until(f, f->declined == 1);
    assert_non_null(strstr(f->declined_why, "whole-tree"));
    measurer_want(f->measurer, &first, 1);
    run_until(f, f->facts == 1);
    assert_true(digest_eq(&f->fact_of, &f->diffs[0]));
    docker_store_close(&vfs);
}

static void a_layer_that_lies_in_a_whole_tree_is_told_from_another_store(void **state)
{
    struct fixture *f = *state;
    struct docker_store vfs;
    struct engine_root root = add_vfs(f, &vfs);
    AUTO(inventory_unref) struct inventory *both = read_stores(f, &root);
    AUTO(inventory_unref) struct inventory *alone = NULL;
    struct engine_root other = f->root;
    const struct digest chain = digest_chain(&f->diffs[0], &f->diffs[1]);
    const struct rec_measure_wanted wants[] = {{.diff = f->diffs[1], .chain = chain},
                                               {.diff = f->diffs[1], .chain = f->diffs[2]}};

    f->root = root;
    alone = read_stores(f, NULL);
    f->root = other;
    measurer_set_inventory(f->measurer, alone); /* known first, it would be asked first */
    run_until(f, f->spaces == 1);
    measurer_set_inventory(f->measurer, both);
    run_until(f, f->spaces == 2);
    measurer_want(f->measurer, wants, unit_count(wants));
    run_until(f, f->facts + f->declined == unit_count(wants));
    assert_int_equal(f->declined, 0);
    docker_store_close(&vfs);
}

/* The fixture's image, in a store of another user's beside it. */
static struct engine_root add_users(struct fixture *f, struct docker_store *store)
{
    char path[PATH_MAX];
    struct digest image;

    docker_store_open(store, &f->dir, "users", "overlay2");
    image = docker_store_image(store, f->diffs, LAYERS, LAYERS);
    docker_store_name(store, "a", "a:1", &image);
    tempdir_path(&f->dir, "users/image/overlay2", path);
    assert_int_equal(chown(path, 1234, 1234), 0);
    return docker_store_root(store);
}

static void facts_say_whether_they_are_of_a_users_store(void **state)
{
    struct fixture *f = *state;
    struct docker_store users;
    struct engine_root other, root = f->root;
    AUTO(inventory_unref) struct inventory *alone = NULL;
    AUTO(inventory_unref) struct inventory *both = NULL;
    const struct rec_measure_wanted want = {.diff = f->diffs[1], .chain = f->diffs[2]};

    if (geteuid() != 0) {
        print_message("only root gives a store to another user\n");
        skip();
    }
    other = add_users(f, &users);
    both = read_stores(f, &other);
    f->root = other;
    alone = read_stores(f, NULL);
    f->root = root;
    measurer_set_inventory(f->measurer, alone);
    run_until(f, f->spaces == 1);
    measurer_want(f->measurer, &want, 1);
    run_until(f, f->facts == 1);
    assert_true(f->fact_of_user);
    measurer_set_inventory(f->measurer, both);
    run_until(f, f->spaces == 2);
    measurer_want(f->measurer, &want, 1); /* known first, the user's would be asked first */
    run_until(f, f->facts == 2);
    assert_false(f->fact_of_user);
    docker_store_close(&users);
}

static void a_layer_that_is_not_here_is_declined(void **state)
{
    struct fixture *f = *state;
    struct rec_measure_wanted want = {.diff = docker_store_diff("elsewhere")};

    measure(f);
    measurer_want(f->measurer, &want, 1);
    run_until(f, f->declined == 1);
}

static void a_layer_that_only_an_api_tells_of_is_declined(void **state)
{
    struct fixture *f = *state;
    struct rec_measure_wanted want = {.diff = f->diffs[0], .chain = f->diffs[0]};
    AUTO(inventory_unref) struct inventory *unseen = NULL;
    struct err err = {0};

    assert_ok(inventory_open(&unseen, 1, &err));
    add_store(unseen, &f->root, true);
    inventory_finish(unseen);
    measurer_set_inventory(f->measurer, unseen);
    measurer_want(f->measurer, &want, 1);
    run_until(f, f->spaces == 1 && f->declined == 1);
    assert_non_null(strstr(f->declined_why, "cannot be seen"));
    assert_int_equal(f->copies + f->missing + f->facts, 0);
    measure(f); /* its files can be read now */
    run_until(f, f->copies == LAYERS);
    measurer_want(f->measurer, &want, 1);
    run_until(f, f->facts == 1);
}

static void closing_in_the_middle_is_allowed(void **state)
{
    measure(*state); /* teardown closes it at once */
}

/* ---- the command "scan" ---------------------------------------------------------------------- */

static char *print_scan(struct fixture *f, const char *form, int expected)
{
    char *argv[] = {(char *)"layercensus-agent", (char *)"scan", (char *)"--root", f->root.path,
                    (char *)"--no-api",          (char *)"-o",   (char *)form};
    AUTO(options_free) struct options options = {0};
    struct cli_result result;
    struct err err = {0};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_ok(cli_parse(&options_program, unit_count(argv), argv, &options, &result, &err));
    assert_ok(options_check(&options, false, &err));
    assert_int_equal(scan_print(&options, out, &err), expected);
    fclose(out);
    return text;
}

static void scan_prints_stores_images_and_measured_layers(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *text = print_scan(f, "json", 0);
    struct err err = {0};
    AUTO_JSON json_t *report = json_parse(text, strlen(text), &err);
    const json_t *store = json_array_get(json_arr(report, "stores"), 0);
    const json_t *image = json_array_get(json_arr(store, "images"), 0);
    const json_t *layer = json_array_get(json_arr(image, "layers"), LAYERS - 1);
    char diff[DIGEST_TEXT];

    assert_non_null(json_obj(report, "host"));
    assert_string_equal(json_str(store, "engine"), "docker");
    assert_string_equal(json_str(store, "state"), "ok");
    assert_string_equal(json_string_value(json_array_get(json_arr(image, "names"), 0)), "a:1");
    assert_int_equal(json_array_size(json_arr(image, "layers")), LAYERS);
    assert_string_equal(json_str(layer, "diff"), digest_text(&f->diffs[LAYERS - 1], diff));
    assert_non_null(json_str(layer, "directory"));
    assert_true(json_int(layer, "allocated_bytes", -1) > 0);
    assert_true(json_array_size(json_arr(store, "spaces")) > 0);
}

static void scan_says_of_a_whole_tree_only_what_it_allocates(void **state)
{
    struct fixture *f = *state;
    struct docker_store vfs;

    f->root = add_vfs(f, &vfs);
    AUTO_FREE char *text = print_scan(f, "json", 0);
    struct err err = {0};
    AUTO_JSON json_t *report = json_parse(text, strlen(text), &err);
    const json_t *store = json_array_get(json_arr(report, "stores"), 0);
    const json_t *image = json_array_get(json_arr(store, "images"), 0);

    for (size_t i = 0; i < LAYERS; i++) {
        const json_t *layer = json_array_get(json_arr(image, "layers"), i);

        assert_true(json_int(layer, "allocated_bytes", -1) > 0);
        assert_int_equal(json_is_null(json_object_get(layer, "content_bytes")), i > 0);
        assert_int_equal(json_is_null(json_object_get(layer, "nominal_bytes")), i > 0);
        assert_int_equal(json_is_null(json_object_get(layer, "files")), i > 0);
    }
    docker_store_close(&vfs);
}

static void scan_prints_a_table_for_people(void **state)
{
    AUTO_FREE char *text = print_scan(*state, "table", 0);

    assert_non_null(strstr(text, "IMAGE"));
    assert_non_null(strstr(text, "a:1"));
    assert_non_null(strstr(text, "roots"));
    assert_non_null(strstr(text, "KiB"));
}

static void a_table_shows_the_year_one_as_no_date(void **state)
{
    AUTO_JSON json_t *report = json_pack("{s:[{s:[{s:s}, {s:s}]}]}", "stores", "images", "created",
                                         "0001-01-01T00:00:00Z", "created", "2024-05-06T07:08:09Z");
    AUTO_FREE char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    scan_table_print(report, out);
    fclose(out);
    assert_null(strstr(text, "0001"));
    assert_non_null(strstr(text, "2024-05-06"));
}

static void scan_without_a_store_says_so(void **state)
{
    struct fixture *f = *state;

    snprintf(f->root.path, sizeof(f->root.path), "/nonexistent/docker");
    AUTO_FREE char *text = print_scan(f, "json", -1);

    assert_non_null(text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_copy_is_told_once_and_then_the_spaces),
        T(a_new_stream_hears_everything_again),
        T(a_new_copy_is_told_alone),
        T(wanted_facts_are_given),
        T(a_layer_that_claims_too_much_is_declined),
        T(a_whole_tree_says_nothing_of_the_layer_unless_it_is_the_first),
        T(a_layer_that_lies_in_a_whole_tree_is_told_from_another_store),
        T(facts_say_whether_they_are_of_a_users_store),
        T(a_layer_that_is_not_here_is_declined),
        T(a_layer_that_only_an_api_tells_of_is_declined),
        T(closing_in_the_middle_is_allowed),
        T(scan_prints_stores_images_and_measured_layers),
        T(scan_says_of_a_whole_tree_only_what_it_allocates),
        T(scan_prints_a_table_for_people),
        T(a_table_shows_the_year_one_as_no_date),
        T(scan_without_a_store_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
