#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/report/policy_propose.h"
#include "collector/report/report.h"
#include "collector/rules/policy_file.h"
#include "collector/store/admin.h"
#include "tests/support/store_rig.h"

#define NOW_S 2000
#define DEBIAN "docker.io/library/debian:12"
#define SHOP "registry.example.com/shop:1"
#define LONE "registry.example.com/lone:1"

static struct store_rig rig;
static int64_t build, web_1, web_2;
static struct digest debian, shop, lone, tool, mystery;
static struct catalogue catalogue;
static struct catalogue_namer namer = {.host = "build-*", .root = ""};

/* ---- a small fleet --------------------------------------------------------------------------- */

static void put(struct rec_content *c, const struct digest *id, const char *name, bool pulled)
{
    struct rec_image *image = rig_image(&rig, c, id, true);

    if (name != NULL)
        rig_name(&rig, image, name);
    if (pulled)
        rig_repo_digest(&rig, image, "docker.io/library/debian", 1);
}

static void run_one(int64_t incarnation, unsigned key, const struct digest *image,
                    enum rec_run_state state)
{
    struct rec_container container = {.image = *image,
                                      .id = "c1",
                                      .name = "one",
                                      .kube_namespace = "",
                                      .kube_pod = "",
                                      .state = state,
                                      .since_age_ms = -1};
    const struct rec_use use = {
        .key = rig_key(key), .containers = &container, .container_count = 1};
    struct err err;

    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, incarnation, &use, NOW_S * 1000, &err)));
}

static void tell(int64_t incarnation, const unsigned *layers, size_t count, struct digest *id)
{
    const char *text = rig_config(&rig, layers, count, id);

    rig_document(&rig, incarnation, id, text, 0, NOW_S);
}

/* debian on the build host; shop on debian, which lies on both others; lone and tool on web-2, on
 * layers that nobody names; and an image whose config nobody has told yet. */
static int open_fleet(void **state)
{
    static const unsigned layers[] = {1, 2, 3, 4, 5};
    struct rec_content *c;

    (void)state;
    rig_open(&rig);
    catalogue = (struct catalogue){.namers = &namer, .namer_count = 1};
    build = rig_hello(&rig, 1, "build-1", 1000);
    web_1 = rig_hello(&rig, 2, "web-1", 1000);
    web_2 = rig_hello(&rig, 3, "web-2", 1000);
    rig_config(&rig, layers, 1, &debian);
    rig_config(&rig, layers, 2, &shop);
    rig_config(&rig, layers + 2, 2, &lone);
    rig_config(&rig, layers + 4, 1, &tool);
    mystery = rig_digest('I', 99);

    c = rig_content(&rig, 1);
    put(c, &debian, DEBIAN, true);
    rig_inventory(&rig, build, 1, c, NOW_S);
    c = rig_content(&rig, 2);
    put(c, &shop, SHOP, false);
    rig_inventory(&rig, web_1, 1, c, NOW_S);
    c = rig_content(&rig, 3);
    put(c, &shop, SHOP, false);
    put(c, &lone, LONE, false);
    put(c, &tool, NULL, false);
    put(c, &mystery, "registry.example.com/mystery:1", false);
    rig_inventory(&rig, web_2, 1, c, NOW_S);

    tell(build, layers, 1, &debian);
    tell(web_1, layers, 2, &shop);
    tell(web_2, layers + 2, 2, &lone);
    tell(web_2, layers + 4, 1, &tool);
    run_one(web_2, 3, &lone, REC_RUNNING);
    run_one(web_1, 2, &shop, REC_STOPPED);
    return 0;
}

static int close_fleet(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

static const struct policy *parse(const char *text)
{
    struct policy *policy = arena_alloc(rig.arena, sizeof(*policy), NULL);
    struct err err;

    assert_non_null(policy);
    assert_ok(policy_parse(policy, "policy.yaml", text, strlen(text), rig.arena, &err));
    return policy;
}

static struct report_request request_with(const struct policy *policy, const char *subject)
{
    return (struct report_request){.subject = subject,
                                   .now_s = NOW_S,
                                   .fresh_within_s = 2000,
                                   .catalogue = &catalogue,
                                   .policy = policy};
}

static int run(struct answer *a, const struct report *report, const struct report_request *request,
               struct err *err)
{
    struct store *reader = NULL;
    int rc;

    assert_int_equal(store_open_reader(&reader, rig.path, err), 0);
    rc = report_run(a, report, request, reader, rig.arena, err);
    store_close(&reader);
    return rc;
}

/* An answer points into itself, so it stays where it is. */
static struct answer *ask(const struct report *report, const struct policy *policy,
                          const char *subject)
{
    const struct report_request request = request_with(policy, subject);
    struct answer *a = arena_alloc(rig.arena, sizeof(*a), NULL);
    struct err err;

    assert_non_null(a);
    assert_ok(run(a, report, &request, &err));
    return a;
}

static const struct sheet *sheet_of(const struct answer *a, const char *key)
{
    for (size_t i = 0; i < a->sheet_count; i++)
        if (strcmp(a->sheets[i].key, key) == 0)
            return &a->sheets[i];
    fail_msg("no sheet %s", key);
    return NULL;
}

static const struct sheet_cell *cell(const struct sheet *s, size_t row, const char *key)
{
    assert_true(row < s->row_count);
    for (size_t i = 0; i < s->column_count; i++)
        if (strcmp(s->columns[i].key, key) == 0)
            return &s->cells[row * s->column_count + i];
    fail_msg("no column %s", key);
    return NULL;
}

static int64_t number(const struct answer *a, const char *sheet, size_t row, const char *key)
{
    const struct sheet_cell *c = cell(sheet_of(a, sheet), row, key);

    assert_true(c->known);
    return c->number;
}

static const char *text(const struct answer *a, const char *sheet, size_t row, const char *key)
{
    const struct sheet_cell *c = cell(sheet_of(a, sheet), row, key);

    return c->known ? c->text : "";
}

/* The row of a sheet whose first cell is this. */
static size_t row_of(const struct answer *a, const char *sheet, const char *first)
{
    const struct sheet *s = sheet_of(a, sheet);

    for (size_t i = 0; i < s->row_count; i++)
        if (strcmp(s->cells[i * s->column_count].text, first) == 0)
            return i;
    fail_msg("no row %s in %s", first, sheet);
    return 0;
}

static bool has_note(const struct answer *a, const char *words)
{
    for (size_t i = 0; i < a->note_count; i++)
        if (strstr(a->notes[i], words) != NULL)
            return true;
    return false;
}

/* ---- check ----------------------------------------------------------------------------------- */

static void a_check_lists_each_image_that_breaks_a_rule_with_its_hosts(void **state)
{
    struct answer *a = ask(&report_policy_check,
                           parse("mode: black list\n"
                                 "rules:\n"
                                 "  - name: no debian\n"
                                 "    reject:\n"
                                 "      base: debian\n"),
                           NULL);
    size_t row = row_of(a, "rows", SHOP);

    (void)state;
    assert_int_equal(a->rows->row_count, 2);
    assert_int_equal(number(a, "rows", row, "hosts"), 2);
    assert_string_equal(text(a, "rows", row, "where"), "web-1, web-2");
    assert_string_equal(text(a, "rows", row, "use"), "stopped");
    assert_int_equal(number(a, "rows", row, "containers_stopped"), 1);
    assert_int_equal(number(a, "rows", row, "built_locally"), 1);
    assert_string_equal(text(a, "rows", row, "rule"), "no debian");
    assert_string_equal(text(a, "rows", row, "evidence"),
                        "layer 1 is debian:12, as build-1 says, which is trusted to name");
    row = row_of(a, "rows", DEBIAN);
    assert_int_equal(number(a, "rows", row, "built_locally"), 0);
    assert_string_equal(text(a, "rows", row, "use"), "unused");
    assert_int_equal(number(a, "totals", 0, "images"), 5);
    assert_int_equal(number(a, "totals", 0, "violations"), 2);
    assert_int_equal(number(a, "totals", 0, "accepted"), 3);
    assert_int_equal(number(a, "totals", 0, "hosts_violating"), 3);
    assert_int_equal(number(a, "rules", 0, "images"), 2);
    assert_int_equal(number(a, "rules", 0, "hosts"), 3);
    assert_int_equal(number(a, "rules", 0, "containers_running"), 0);
}

static void a_check_without_a_policy_is_refused(void **state)
{
    const struct report_request request = request_with(NULL, NULL);
    struct answer a;
    struct err err;

    (void)state;
    assert_fails(run(&a, &report_policy_check, &request, &err), ERR_USAGE, "no policy");
}

static void the_limit_and_the_labels_of_the_request_hold(void **state)
{
    struct report_request request = request_with(parse("mode: white list\nrules: []\n"), NULL);
    const struct rec_pair label = {.key = "env", .value = "prod"};
    struct answer a;
    struct err err;

    (void)state;
    rig_execute(&rig, "UPDATE host SET labels = '{\"env\":\"prod\"}' WHERE name = 'web-1'");
    request.limit = 2;
    assert_ok(run(&a, &report_policy_check, &request, &err));
    assert_int_equal(a.rows->row_count, 2);
    assert_int_equal(a.rows->total, 5);
    request.labels = &label;
    request.label_count = 1;
    assert_ok(run(&a, &report_policy_check, &request, &err));
    assert_int_equal(a.rows->total, 1);
    assert_string_equal(text(&a, "rows", 0, "image"), SHOP);
    assert_int_equal(number(&a, "rows", 0, "hosts"), 1);
}

static void a_rule_for_some_hosts_tells_only_of_those(void **state)
{
    struct answer *a;

    (void)state;
    rig_execute(&rig, "UPDATE host SET labels = '{\"env\":\"prod\"}' WHERE name = 'web-2'");
    a = ask(&report_policy_check,
            parse("mode: black list\n"
                  "rules:\n"
                  "  - name: no debian in production\n"
                  "    reject: {base: debian}\n"
                  "    on: {env: prod}\n"),
            NULL);
    assert_int_equal(a->rows->row_count, 1);
    assert_string_equal(text(a, "rows", 0, "image"), SHOP);
    assert_int_equal(number(a, "rows", 0, "hosts"), 1);
    assert_string_equal(text(a, "rows", 0, "where"), "web-2");
    assert_string_equal(text(a, "rows", 0, "use"), "unused"); /* it is web-1 that has one */
    assert_int_equal(number(a, "totals", 0, "images"), 5);
    assert_int_equal(number(a, "totals", 0, "violations"), 1);
    assert_int_equal(number(a, "rules", 0, "hosts"), 1);
}

static void what_is_excused_expired_or_useless_is_told(void **state)
{
    struct answer *a = ask(&report_policy_check,
                           parse("mode: white list\n"
                                 "rules:\n"
                                 "  - name: debian\n"
                                 "    accept: {base: debian}\n"
                                 "  - name: typo\n"
                                 "    accept: {base: debain}\n"
                                 "exceptions:\n"
                                 "  - image: lone\n"
                                 "    owner: shop\n"
                                 "    reason: until it is moved\n"
                                 "    expires: 2999-01-01\n"
                                 "  - image: elsewhere:1\n"
                                 "    owner: shop\n"
                                 "    reason: it was needed\n"
                                 "    expires: 1969-12-31\n"),
                           NULL);

    (void)state;
    assert_int_equal(number(a, "totals", 0, "violations"), 3);
    assert_int_equal(number(a, "totals", 0, "accepted"), 2);
    assert_int_equal(sheet_of(a, "exceptions")->row_count, 2);
    assert_string_equal(text(a, "exceptions", 0, "state"), "unused");
    assert_string_equal(text(a, "exceptions", 1, "state"), "expired");
    assert_true(has_note(a, "Rules that match nothing, by what counts: typo."));
    assert_true(has_note(a, "elsewhere:1 (1969-12-31)"));
    assert_true(has_note(a, "Exceptions that excuse nothing: "));
    assert_true(has_note(a, "Everything on disk is judged"));
}

static void an_exception_by_id_excuses_and_says_who_answers_for_it(void **state)
{
    char yaml[512], id[DIGEST_TEXT];
    struct answer *a;

    (void)state;
    snprintf(yaml, sizeof(yaml),
             "mode: white list\nrules: []\nexceptions:\n  - image: \"%s\"\n    owner: shop\n"
             "    reason: until it is moved\n    expires: 2999-01-01\n",
             digest_text(&lone, id));
    a = ask(&report_policy_check, parse(yaml), NULL);
    assert_int_equal(sheet_of(a, "excused")->row_count, 1);
    assert_string_equal(text(a, "excused", 0, "image"), LONE);
    assert_string_equal(text(a, "excused", 0, "exception_owner"), "shop");
    assert_string_equal(text(a, "excused", 0, "exception_expires"), "2999-01-01");
    assert_string_equal(text(a, "excused", 0, "where"), "web-2");
    assert_string_equal(text(a, "excused", 0, "use"), "running");
    assert_int_equal(number(a, "exceptions", 0, "images"), 1);
    assert_int_equal(number(a, "totals", 0, "excused"), 1);
}

static void a_fleet_whose_names_do_not_count_is_told_what_to_do(void **state)
{
    struct answer *a;

    (void)state;
    catalogue.namer_count = 0;
    a = ask(&report_policy_check,
            parse("mode: white list\nrules:\n  - name: debian\n"
                  "    accept: {base: debian}\n"),
            NULL);
    assert_true(has_note(a, "No name in the fleet counts for policy"));
    assert_int_equal(number(a, "totals", 0, "violations"), 5);
    assert_int_equal(number(a, "totals", 0, "seen_as"), 2);
    assert_string_equal(text(a, "rows", row_of(a, "rows", SHOP), "seen_as"),
                        "debian:12 on build-1");
}

static void what_is_gone_and_hosts_that_are_retired_count_for_nothing(void **state)
{
    static const char rules[] = "mode: white list\nrules:\n  - name: debian\n"
                                "    accept: {base: debian}\n";
    uint64_t retired;
    struct answer *a;
    struct err err;

    (void)state;
    a = ask(&report_policy_check, parse(rules), NULL);
    assert_int_equal(number(a, "totals", 0, "images"), 5);
    rig_inventory(&rig, web_1, 2, rig_content(&rig, 2), NOW_S); /* its shop is gone */
    assert_ok(admin_retire(rig.store, "web-2", NOW_S, &retired, &err));
    a = ask(&report_policy_check, parse(rules), NULL);
    assert_int_equal(number(a, "totals", 0, "images"), 1); /* debian on build-1 */
    assert_int_equal(cell(&a->coverage, 0, "hosts")->number, 2);
    assert_int_equal(cell(&a->coverage, 0, "hosts_retired")->number, 1);
}

static void a_check_of_the_past_judges_what_was_there_then(void **state)
{
    struct report_request request = request_with(parse("mode: white list\nrules: []\n"), NULL);
    struct answer a;
    struct err err;

    (void)state;
    request.now_s = NOW_S + 1000;
    request.as_of_s = NOW_S + 1;
    assert_ok(run(&a, &report_policy_check, &request, &err));
    assert_int_equal(a.rows->row_count, 5);
    assert_string_equal(text(&a, "rows", row_of(&a, "rows", SHOP), "where"), "web-1, web-2");
    assert_false(cell(sheet_of(&a, "totals"), 0, "containers_violating")->known);
}

/* ---- explain --------------------------------------------------------------------------------- */

static void explain_tells_each_rule_in_order_and_the_verdict_where_it_differs(void **state)
{
    struct answer *a;

    (void)state;
    rig_execute(&rig, "UPDATE host SET labels = '{\"env\":\"prod\"}' WHERE name = 'web-2'");
    a = ask(&report_policy_explain,
            parse("mode: black list\n"
                  "rules:\n"
                  "  - name: unknown\n"
                  "    reject: {unknown: base}\n"
                  "  - name: no debian\n"
                  "    reject: {base: debian}\n"
                  "    on: {env: prod}\n"),
            SHOP);
    assert_string_equal(a->sentence, SHOP " falls under different rules on different hosts.");
    assert_int_equal(a->rows->row_count, 2);
    assert_string_equal(text(a, "rows", 0, "rule"), "unknown");
    assert_int_equal(number(a, "rows", 0, "matches"), 0);
    assert_string_equal(text(a, "rows", 0, "why"), "its core build has a name that counts");
    assert_int_equal(number(a, "rows", 1, "matches"), 1);
    assert_int_equal(sheet_of(a, "verdicts")->row_count, 2);
    assert_string_equal(text(a, "verdicts", 0, "outcome"), "accepted");
    assert_string_equal(text(a, "verdicts", 0, "where"), "web-1");
    assert_string_equal(text(a, "verdicts", 1, "outcome"), "violation");
    assert_string_equal(text(a, "verdicts", 1, "scope"), "env=prod");
    assert_string_equal(text(a, "verdicts", 1, "where"), "web-2");
    assert_string_equal(text(a, "line", 0, "name"), "debian:12");
    assert_int_equal(number(a, "line", 0, "counts"), 1);
}

static void exceptions_are_shown_once_and_as_they_are_written(void **state)
{
    static const char rules[] =
        "mode: white list\nexceptions: [{image: debian, owner: a, reason: b, expires: 2000-01-01}, "
        "{image: suse, owner: a, reason: b, expires: 2000-01-01}]\n";
    static const struct report *const both[] = {&report_policy_check, &report_policy_explain};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct answer *a = ask(both[i], parse(rules), i == 0 ? NULL : SHOP);

        assert_int_equal(sheet_of(a, "exceptions")->row_count, 2);
        assert_string_equal(text(a, "exceptions", 0, "image"), "debian");
        assert_string_equal(text(a, "exceptions", 1, "image"), "suse");
        assert_int_equal(has_note(a, "excuse nothing: suse."), i == 0);
    }
}

/* ---- init ------------------------------------------------------------------------------------ */

/* Writes the white list of today, reads it again, and checks the fleet by it. */
static struct answer *check_by_todays_list(size_t *rules)
{
    struct answer *a = ask(&report_policy_init, NULL, NULL);
    struct policy policy;
    char *written = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&written, &len);
    struct err err;

    assert_non_null(out);
    assert_ok(policy_propose(&policy, a, rig.arena, &err));
    assert_ok(policy_write(&policy, out, &err));
    fclose(out);
    *rules = policy.rule_count;
    a = ask(&report_policy_check, parse(written), NULL);
    free(written);
    return a;
}

static void a_fleet_passes_the_white_list_that_was_just_written_of_it(void **state)
{
    struct answer *a;
    size_t rules;

    (void)state;
    a = check_by_todays_list(&rules);
    assert_int_equal(a->rows->row_count, 0);
    assert_int_equal(number(a, "totals", 0, "accepted"), 5);
    assert_int_equal(rules, 4); /* debian by name, lone and tool by chain, the unknown by its ID */
    assert_int_equal(number(a, "rules", row_of(a, "rules", DEBIAN), "images"), 2);
    assert_false(has_note(a, "Rules that match nothing"));
}

static void a_declared_base_that_nobody_holds_passes_todays_list_by_a_rule_of_its_own(void **state)
{
    struct answer *a;
    size_t rules;

    (void)state;
    rig.damaged = true; /* no config says so */
    rig_execute(&rig, "INSERT INTO base_evidence (image_id, source, seq, role, reference)"
                      " SELECT image_id, 2, 0, 1, 'registry.example.com/nobodys:1' FROM"
                      " (SELECT min(id) AS image_id FROM image WHERE parsed = 1)");
    a = check_by_todays_list(&rules);
    assert_int_equal(a->rows->row_count, 0);
    assert_int_equal(rules, 5);
    assert_string_equal(text(a, "rules", 4, "rule"), "declared bases that nothing verifies");
}

static void what_is_accepted_on_one_hosts_word_is_counted(void **state)
{
    struct answer *a;
    size_t rules;

    (void)state;
    a = check_by_todays_list(&rules);
    assert_int_equal(number(a, "totals", 0, "accepted_unconfirmed"), 0);
    rig.damaged = true; /* nothing was cut from it */
    rig_execute(&rig, "UPDATE document SET state = 2 WHERE id = (SELECT min(id) FROM document)");
    a = check_by_todays_list(&rules);
    assert_int_equal(number(a, "totals", 0, "accepted_unconfirmed"), 1);
    assert_true(has_note(a, "1 accepted image rests on one host's word"));
}

static void a_canceled_request_ends_in_an_error(void **state)
{
    struct report_request request = request_with(parse("mode: white list\nrules: []\n"), NULL);
    atomic_bool canceled = false;
    struct answer a;
    struct err err;

    (void)state;
    request.canceled = &canceled;
    assert_ok(run(&a, &report_policy_check, &request, &err));
    atomic_store(&canceled, true);
    assert_int_equal(run(&a, &report_policy_check, &request, &err), -1);
    assert_int_equal(err.kind, ERR_CANCELED);
}

static void without_names_that_count_todays_white_list_has_chains(void **state)
{
    struct answer *a;
    size_t rules;

    (void)state;
    catalogue.namer_count = 0;
    a = check_by_todays_list(&rules);
    assert_int_equal(a->rows->row_count, 0);
    assert_int_equal(number(a, "totals", 0, "accepted"), 5);
    assert_non_null(strstr(text(a, "rules", 0, "rule"), "image ")); /* they go by name */
    assert_non_null(strstr(text(a, "rules", 1, "rule"), "debian:12"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_fleet, close_fleet)
        T(a_check_lists_each_image_that_breaks_a_rule_with_its_hosts),
        T(a_check_without_a_policy_is_refused),
        T(the_limit_and_the_labels_of_the_request_hold),
        T(a_rule_for_some_hosts_tells_only_of_those),
        T(what_is_excused_expired_or_useless_is_told),
        T(an_exception_by_id_excuses_and_says_who_answers_for_it),
        T(a_fleet_whose_names_do_not_count_is_told_what_to_do),
        T(what_is_gone_and_hosts_that_are_retired_count_for_nothing),
        T(a_check_of_the_past_judges_what_was_there_then),
        T(exceptions_are_shown_once_and_as_they_are_written),
        T(explain_tells_each_rule_in_order_and_the_verdict_where_it_differs),
        T(a_fleet_passes_the_white_list_that_was_just_written_of_it),
        T(a_declared_base_that_nobody_holds_passes_todays_list_by_a_rule_of_its_own),
        T(what_is_accepted_on_one_hosts_word_is_counted),
        T(a_canceled_request_ends_in_an_error),
        T(without_names_that_count_todays_white_list_has_chains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
