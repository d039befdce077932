/* What the command "scan" says of one store, as JSON and as a table. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/scan_report.h"
#include "agent/scan_table.h"
#include "common/cleanup.h"
#include "tests/support/fake_engine.h"

static int setup(void **state)
{
    (void)state;
    fake_engine_reset();
    fake_engine_put("/a", "one two");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_engine_reset();
    return 0;
}

static json_t *report_of(const struct inventory *inv)
{
    const struct scan_report_store in = {.store = &inv->stores[0]};

    return scan_report_store(&in);
}

/* The table of a report with this store alone; takes the store over. Heap. */
static char *table_of(json_t *store)
{
    AUTO_JSON json_t *report = json_pack("{s:{s:s}, s:[o]}", "host", "name", "h", "stores", store);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    scan_table_print(report, out);
    fclose(out);
    return text;
}

static void containers_are_told_with_their_pods(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;
    AUTO_JSON json_t *store = NULL;
    AUTO_FREE char *table = NULL;
    struct rec_container *c;
    const json_t *item;

    (void)state;
    fake_engine_run("/a", REC_RUNNING, "web");
    inv = fake_engine_inventory("/a");
    c = inv->stores[0].shared->reading->use.containers;
    item = json_array_get(json_arr(store = report_of(inv), "containers"), 0);
    assert_string_equal(json_str(item, "name"), "web");
    assert_string_equal(json_str(item, "state"), "running");
    assert_true(json_is_null(json_object_get(item, "kube_namespace")));
    assert_true(json_is_null(json_object_get(item, "kube_pod")));
    c->kube_namespace = "shop";
    c->kube_pod = "web-0";
    table = table_of(report_of(inv));
    assert_non_null(strstr(table, "shop/web-0"));
}

static void origins_and_copies_are_told(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;
    AUTO_JSON json_t *store = NULL;
    AUTO_FREE char *table = NULL;
    const json_t *origins;

    (void)state;
    fake_engine_origins("/a", 2);
    inv = fake_engine_inventory("/a");
    store = report_of(inv);
    origins = json_arr(store, "origins");
    assert_int_equal(json_array_size(origins), 2);
    assert_string_equal(json_str(json_array_get(origins, 1), "repository"), FAKE_REPOSITORY);
    assert_non_null(json_str(json_array_get(origins, 1), "diff"));
    assert_int_equal(json_int(store, "copies", -1), 0);
    assert_string_equal(json_str(store, "read_from"), "disk");
    table = table_of(report_of(inv));
    assert_non_null(strstr(table, "2 origins of layers"));
}

static void an_image_is_told_with_all_its_repo_digests(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    struct rec_repo_digest digest = {"docker.io/library/one", {{1}}};
    struct rec_image *image = &inv->stores[0].shared->reading->content.images[0];
    AUTO_FREE char *table = NULL;

    (void)state;
    image->repo_digests = &digest;
    image->repo_digest_count = 1;
    table = table_of(report_of(inv));
    assert_non_null(strstr(table, "docker.io/library/one@sha256:01"));
}

/* Its ID is no digest of a config, and nobody is asked for one. */
static void an_image_without_a_config_has_no_layers(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    AUTO_JSON json_t *store = NULL;
    const json_t *image;

    (void)state;
    inv->stores[0].shared->reading->content.images[0].identity = REC_BY_MANIFEST;
    store = report_of(inv);
    image = json_array_get(json_arr(store, "images"), 0);
    assert_string_equal(json_str(image, "identity"), "manifest");
    assert_true(json_is_null(json_object_get(image, "layers")));
}

static void whose_store_it_is_stands_in_its_head(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    AUTO_FREE char *table = NULL;

    (void)state;
    inv->stores[0].root.by_api = true;
    inv->stores[0].store.engine = "cri-o";
    inv->stores[0].store.space = "k8s.io";
    inv->stores[0].store.owner = 1000;
    inv->stores[0].store.state = REC_STORE_ORPHANED;
    table = table_of(report_of(inv));
    assert_non_null(strstr(
        table, "cri-o 1  fakefs  namespace k8s.io  /a  of uid 1000  (by its API)  orphaned"));
}

static void a_store_that_was_never_read_is_null_all_over(void **state)
{
    static const char *const keys[] = {"images",  "containers", "copies",
                                       "origins", "exceptions", "spaces"};
    AUTO(inventory_unref) struct inventory *was = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *inv = NULL;
    AUTO_JSON json_t *store = NULL;
    struct inventory_standing standing = {
        .root = &was->stores[0].root, .state = REC_STORE_UNREADABLE, .error = "permission denied"};
    struct err err = {0};

    (void)state;
    assert_ok(inventory_open(&inv, 1, &err));
    assert_ok(inventory_add(inv, &standing, &err));
    inventory_finish(inv);
    store = report_of(inv);
    assert_string_equal(json_str(store, "state"), "unreadable");
    assert_string_equal(json_str(store, "error"), "permission denied");
    for (size_t i = 0; i < unit_count(keys); i++)
        assert_true(json_is_null(json_object_get(store, keys[i])));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(containers_are_told_with_their_pods),
        T(origins_and_copies_are_told),
        T(an_image_is_told_with_all_its_repo_digests),
        T(an_image_without_a_config_has_no_layers),
        T(whose_store_it_is_stands_in_its_head),
        T(a_store_that_was_never_read_is_null_all_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
