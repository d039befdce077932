#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/report/policy_propose.h"
#include "collector/report/report.h"
#include "collector/rules/policy_file.h"
#include "collector/store/admin.h"
#include "tests/support/store_rig.h"

#define NOW_S 2000

static struct store_rig rig;
static struct catalogue catalogue;
static unsigned hosts;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    hosts = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* A host of its own with an image of these layers, which has the name (NULL: none). */
static void put(const unsigned *layers, size_t count, const char *name)
{
    unsigned key = ++hosts;
    struct rec_content *c = rig_content(&rig, key);
    struct rec_image *image;
    struct digest id;
    const char *config = rig_config(&rig, layers, count, &id);
    int64_t incarnation;
    char host[16];

    snprintf(host, sizeof(host), "host-%u", key);
    incarnation = rig_hello(&rig, key, host, 1000);
    image = rig_image(&rig, c, &id, true);
    if (name != NULL)
        rig_name(&rig, image, name);
    rig_inventory(&rig, incarnation, 1, c, NOW_S);
    rig_document(&rig, incarnation, &id, config, 0, NOW_S);
}

static const struct policy *parse(const char *text)
{
    struct policy *policy = arena_alloc(rig.arena, sizeof(*policy), NULL);
    struct err err;

    assert_non_null(policy);
    assert_ok(policy_parse(policy, "policy.yaml", text, strlen(text), rig.arena, &err));
    return policy;
}

static struct answer *ask(const struct report *report, const struct policy *policy)
{
    const struct report_request request = {
        .now_s = NOW_S, .fresh_within_s = 2000, .catalogue = &catalogue, .policy = policy};
    struct answer *a = arena_alloc(rig.arena, sizeof(*a), NULL);
    struct store *reader = NULL;
    struct err err;

    assert_non_null(a);
    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(report_run(a, report, &request, reader, rig.arena, &err));
    store_close(&reader);
    return a;
}

/* The white list of today as a file has it; the caller frees it. */
static char *write_todays_list(void)
{
    struct policy policy;
    char *written = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&written, &len);
    struct err err;

    assert_non_null(out);
    assert_ok(policy_propose(&policy, ask(&report_policy_init, NULL), rig.arena, &err));
    assert_ok(policy_write(&policy, out, &err));
    fclose(out);
    return written;
}

static size_t violations(const char *written)
{
    return ask(&report_policy_check, parse(written))->rows->row_count;
}

/* alder on two layers, an image on it, and what its build left behind after the first layer. */
static void a_step_of_a_core_builds_making_is_accepted_by_itself(void **state)
{
    static const unsigned alder[] = {6, 7, 8}, other[] = {6, 9};
    char *written;

    (void)state;
    put(alder, 2, "registry.example.com/alder:1");
    put(alder, 3, "registry.example.com/on-alder:1");
    put(alder, 1, NULL);
    written = write_todays_list();
    assert_int_equal(violations(written), 0);
    assert_non_null(strstr(written, "seen as registry.example.com/alder:1"));
    assert_null(strstr(written, "unnamed"));
    put(other, 2, "registry.example.com/other:1");
    assert_int_equal(violations(written), 1);
    free(written);
}

static void what_builds_left_behind_is_accepted_by_itself(void **state)
{
    static const unsigned left[] = {1, 2}, left_too[] = {1, 3}, named[] = {1, 4};
    char *written;

    (void)state;
    put(left, 2, NULL);
    put(left_too, 2, NULL);
    written = write_todays_list();
    assert_int_equal(violations(written), 0);
    put(named, 2, "registry.example.com/named:1");
    assert_int_equal(violations(written), 1);
    free(written);
    written = write_todays_list(); /* an image with a name is of that core build now */
    assert_non_null(strstr(written, "unnamed"));
    assert_null(strstr(written, "image:"));
    free(written);
}

/* An answer of init as a fleet of many core builds would give it. */
static void a_fleet_of_too_many_core_builds_shares_rules(void **state)
{
    enum { ROWS = 5000 };
    static const struct sheet_column columns[] = {
        {"rule", "RULE", CELL_TEXT, false},
        {"base", "NAME", CELL_TEXT, false},
        {"chain", "CHAIN", CELL_DIGEST, false},
        {"image_id", "IMAGE ID", CELL_DIGEST, false},
        {NULL, NULL, 0, false},
    };
    struct answer a = {.report = "policy init", .arena = rig.arena};
    static const struct digest chain = {{1}};
    size_t chains = 0, bases = 0;
    struct policy policy;
    struct err err;

    (void)state;
    answer_sheet(&a, "rows", NULL, false, columns);
    for (int i = 0; i < ROWS; i++) {
        struct sheet_cell *row = sheet_row(&a, a.rows, &err);

        assert_non_null(row);
        row[0] = cell_text("a rule");
        row[i % 2 + 1] =
            i % 2 == 0 ? cell_text("docker.io/library/debian:12") : cell_digest(&chain);
    }
    assert_ok(policy_propose(&policy, &a, rig.arena, &err));
    assert_true(policy.rule_count <= POLICY_RULES_MAX);
    for (size_t i = 0; i < policy.rule_count; i++) {
        bases += policy.rules[i].bases.count;
        chains += policy.rules[i].chains.count;
    }
    assert_int_equal(bases, ROWS / 2);
    assert_int_equal(chains, ROWS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_step_of_a_core_builds_making_is_accepted_by_itself),
        T(what_builds_left_behind_is_accepted_by_itself),
        T(a_fleet_of_too_many_core_builds_shares_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
