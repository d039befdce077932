#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/export/export.h"
#include "collector/report/names.h"
#include "collector/report/report.h"
#include "collector/rules/policy_file.h"
#include "collector/store/admin.h"
#include "tests/support/store_rig.h"

#define NOW_S 2000
#define DEBIAN "docker.io/library/debian:12"

static struct store_rig rig;
static struct digest old_debian, new_debian, shop;
static struct catalogue catalogue;
static char *printed;

/* Two builds of debian lie under one name on two hosts, both pulled, the new one also under
 * another; the shop stands on the old one. */
static int open_fleet(void **state)
{
    static const unsigned layers[] = {1, 2};
    static const unsigned newer[] = {3};
    struct digest *const ids[] = {&old_debian, &new_debian};

    (void)state;
    rig_open(&rig);
    catalogue = (struct catalogue){0};
    rig_config(&rig, layers, 1, &old_debian);
    rig_config(&rig, layers, 2, &shop);
    rig_config(&rig, newer, 1, &new_debian);
    for (unsigned i = 0; i < 2; i++) {
        int64_t host = rig_hello(&rig, i + 1, i == 0 ? "web-1" : "web-2", 1000);
        struct rec_content *c = rig_content(&rig, i + 1);
        struct rec_image *image = rig_image(&rig, c, ids[i], true);

        rig_name(&rig, image, DEBIAN);
        rig_repo_digest(&rig, image, "docker.io/library/debian", i + 1);
        if (i == 0)
            rig_name(&rig, rig_image(&rig, c, &shop, true), "registry.example.com/shop:1");
        rig_inventory(&rig, host, 1, c, NOW_S);
        rig_document(&rig, host, ids[i],
                     rig_config(&rig, i == 0 ? layers : newer, 1, &(struct digest){{0}}), 0, NOW_S);
        if (i == 0)
            rig_document(&rig, host, &shop, rig_config(&rig, layers, 2, &(struct digest){{0}}), 0,
                         NOW_S);
    }
    return 0;
}

static int close_fleet(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    rig_close(&rig);
    return 0;
}

/* An answer points into itself, so it stays where it is. */
static struct answer *ask(const struct report *report, struct report_request request)
{
    struct answer *a = arena_alloc(rig.arena, sizeof(*a), NULL);
    struct store *reader = NULL;
    struct err err;

    request.now_s = NOW_S;
    request.fresh_within_s = 2000;
    request.catalogue = &catalogue;
    assert_non_null(a);
    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(report_run(a, report, &request, reader, rig.arena, &err));
    store_close(&reader);
    return a;
}

static const struct sheet_cell *cell(const struct answer *a, size_t row, const char *key)
{
    const struct sheet *s = a->rows;

    assert_true(row < s->row_count);
    for (size_t i = 0; i < s->column_count; i++)
        if (strcmp(s->columns[i].key, key) == 0)
            return &s->cells[row * s->column_count + i];
    fail_msg("no column %s", key);
    return NULL;
}

static const char *print(const struct answer *a, int width)
{
    size_t len;
    FILE *out;
    struct err err;

    free(printed);
    out = open_memstream(&printed, &len);
    assert_ok(export_answer(a, EXPORT_TABLE, &(struct export_target){out, out, width}, &err));
    fclose(out);
    return printed;
}

static struct answer *check_by(const char *text)
{
    struct policy *policy = arena_alloc(rig.arena, sizeof(*policy), NULL);
    struct err err;

    assert_non_null(policy);
    assert_ok(policy_parse(policy, "policy.yaml", text, strlen(text), rig.arena, &err));
    return ask(&report_policy_check, (struct report_request){.policy = policy});
}

static void violations_of_one_name_are_told_apart_by_their_ids(void **state)
{
    char first[DIGEST_TEXT], second[DIGEST_TEXT];
    struct answer *a = check_by("mode: white list\nrules: []\n");

    (void)state;
    assert_int_equal(a->rows->row_count, 3);
    snprintf(first, sizeof(first), "%.12s", digest_hex(&old_debian, (char[DIGEST_TEXT]){0}));
    snprintf(second, sizeof(second), "%.12s", digest_hex(&new_debian, (char[DIGEST_TEXT]){0}));
    for (int width = 0; width <= 120; width += 40) {
        print(a, width);
        assert_non_null(strstr(printed, first));
        assert_non_null(strstr(printed, second));
    }
}

static void violations_of_several_names_need_no_ids(void **state)
{
    const struct digest lowest = rig_digest('L', 1);
    char text[DIGEST_TEXT], policy[256];
    struct answer *a;

    (void)state;
    snprintf(policy, sizeof(policy),
             "mode: black list\nrules:\n  - name: no old ones\n    reject: {chain: \"%s\"}\n",
             digest_text(&lowest, text));
    a = check_by(policy);
    assert_int_equal(a->rows->row_count, 2);
    assert_null(strstr(print(a, 0), "IMAGE ID"));
}

static void a_family_says_whose_word_all_its_names_are(void **state)
{
    struct catalogue_base base = {.name = "docker.io/library/debian:13",
                                  .chain = rig_digest('L', 3),
                                  .layers = 1,
                                  .platform = "",
                                  .family = "",
                                  .version = "",
                                  .source = "",
                                  .added_s = 1500};
    const struct report_request request = {.level = LEVEL_FAMILY};
    const struct answer *a = ask(&report_bases, request);

    (void)state;
    assert_string_equal(cell(a, 0, "base")->text, "debian");
    assert_string_equal(cell(a, 0, "named_by")->text, "pulled");
    assert_true(cell(a, 0, "chain_id")->known);
    assert_true(cell(a, 0, "genesis_diff_id")->known);

    catalogue = (struct catalogue){.bases = &base, .base_count = 1};
    a = ask(&report_bases, request);
    assert_int_equal(a->rows->row_count, 1);
    assert_string_equal(cell(a, 0, "named_by")->text, "mixed");
    assert_int_equal(cell(a, 0, "chain_ids")->texts.count, 2);
    assert_false(cell(a, 0, "chain_id")->known);
    assert_false(cell(a, 0, "genesis_diff_id")->known);
}

static void a_narrow_table_of_bases_keeps_how_far_behind_they_are(void **state)
{
    const struct answer *a = ask(&report_bases, (struct report_request){0});

    (void)state;
    a->rows->cells[0] = cell_text("127.0.0.1:5077/library/debian:12 as of 2026-11-24");
    assert_non_null(strstr(print(a, 80), "BEHIND"));
    assert_non_null(strstr(printed, "/debian:12 as of 2026-11-24 "));
    assert_null(strstr(printed, "NOMINAL ONCE"));
}

static void the_catalogue_shows_families_once_one_is_set(void **state)
{
    struct catalogue_base base = {.name = DEBIAN,
                                  .platform = "",
                                  .family = "",
                                  .layers = 1,
                                  .version = "",
                                  .source = "",
                                  .added_s = 1500};

    (void)state;
    catalogue = (struct catalogue){.bases = &base, .base_count = 1};
    assert_null(strstr(print(ask(&report_catalogue, (struct report_request){0}), 0), "FAMILY"));
    base.family = "os";
    base.version = "12.9";
    print(ask(&report_catalogue, (struct report_request){0}), 0);
    assert_non_null(strstr(printed, "FAMILY  VERSION"));
    assert_non_null(strstr(printed, "os      12.9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fleet, close_fleet)
        TEST(violations_of_one_name_are_told_apart_by_their_ids),
        TEST(violations_of_several_names_need_no_ids),
        TEST(a_family_says_whose_word_all_its_names_are),
        TEST(a_narrow_table_of_bases_keeps_how_far_behind_they_are),
        TEST(the_catalogue_shows_families_once_one_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
