#include "tests/support/unit.h"

#include "collector/store/admin.h"
#include "collector/store/apply_words.h"
#include "tests/support/mirror_equal.h"
#include "tests/support/three_hosts.h"

enum whose { ROOTS, USERS };

static enum apply_verdict facts_in(int64_t incarnation, uint64_t bytes, enum whose whose)
{
    struct rec_layer_facts f = {.diff = rig_digest('L', 1),
                                .content_bytes = bytes,
                                .nominal_bytes = bytes * 2,
                                .files = 3,
                                .directories = 4,
                                .os_release = "ID=debian\n",
                                .of_user = whose == USERS};
    enum apply_verdict verdict = 0;
    struct err err;

    assert_ok(
        RIG_APPLY(&rig, apply_layer_facts(rig.store, incarnation, &f, 1030000, &verdict, &err)));
    assert_mirror_as_file(&rig);
    return verdict;
}

static enum apply_verdict facts(int64_t incarnation, uint64_t bytes)
{
    return facts_in(incarnation, bytes, ROOTS);
}

/* The host holds image 1 in a store of this user's. */
static void hold(int64_t incarnation, uint32_t owner)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest id;

    rig_config(&rig, layers, 1, &id);
    c->store.owner = owner;
    rig_image(&rig, c, &id, true);
    rig_inventory(&rig, incarnation, 1, c, 1010);
}

static int know_layer(void **state)
{
    struct digest id;
    const char *text;

    open_rig(state);
    text = rig_config(&rig, layers, 1, &id);
    rig_document(&rig, one, &id, text, 0, 1020);
    return 0;
}

static int64_t nominal(void)
{
    return rig_number(&rig, "SELECT coalesce(max(nominal_bytes), -1) FROM layer");
}

static int64_t state(void)
{
    return rig_number(&rig, "SELECT max(fact_state) FROM layer");
}

static int64_t words(void)
{
    return rig_number(&rig, "SELECT count(*) FROM disputed_word");
}

static int64_t events(const char *kind)
{
    char query[96];

    snprintf(query, sizeof(query), "SELECT count(*) FROM event WHERE kind = '%s'", kind);
    return rig_number(&rig, query);
}

static size_t layers_asked_of(int64_t incarnation)
{
    struct apply_look look = {.incarnation_id = incarnation, .now_s = 1010, .most = 8};
    struct apply_missing out;
    struct err err;

    assert_ok(RIG_APPLY(&rig, apply_missing(rig.store, &look, rig.arena, &out, &err)));
    return out.layer_count;
}

static size_t configs_asked_of(int64_t incarnation)
{
    struct apply_look look = {.incarnation_id = incarnation, .now_s = 1010, .most = 8};
    struct apply_missing out;
    struct err err;

    assert_ok(RIG_APPLY(&rig, apply_missing(rig.store, &look, rig.arena, &out, &err)));
    return out.document_count;
}

/* Of one image, told otherwise: its first `count` layers. */
static enum apply_verdict tell(int64_t incarnation, size_t count, uint32_t rules)
{
    struct digest ignored, id = rig_digest('I', 1);
    enum apply_verdict verdict = rig_document(
        &rig, incarnation, &id, rig_config(&rig, layers, count, &ignored), rules, 1020);

    assert_mirror_as_file(&rig);
    return verdict;
}

static int64_t layer_count(void)
{
    return rig_number(&rig, "SELECT coalesce(max(i.layer_count), -1) FROM image i JOIN document d"
                            " ON d.digest = i.digest WHERE d.state <> 1");
}

static void hold_document(int64_t incarnation)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest id = rig_digest('I', 1);

    rig_image(&rig, c, &id, true);
    rig_inventory(&rig, incarnation, 1, c, 1010);
}

/* ---- facts of a layer ------------------------------------------------------------------------ */

static void a_third_host_settles_what_two_dispute(void **unused)
{
    (void)unused;
    facts(one, 100);
    assert_int_equal(facts(two, 101), APPLY_DISPUTED);
    assert_int_equal(state(), 3);
    assert_int_equal(facts(three, 100), APPLY_CONFIRMED);
    assert_int_equal(state(), 2);
    assert_int_equal(nominal(), 200);
    assert_int_equal(words(), 0);
    assert_int_equal(rig_number(&rig, "SELECT fact_incarnation FROM layer"), one);
    assert_int_equal(rig_number(&rig, "SELECT confirm_incarnation FROM layer"), three);
    assert_string_equal(rig_text(&rig, "SELECT text FROM event WHERE kind = 'facts-settled'"),
                        "web-3 (10.0.0.3) measures the layer as another host does: both are "
                        "believed; the other is web-1 (10.0.0.1)");
    assert_int_equal(facts(two, 101), APPLY_MISMATCH);
    assert_int_equal(nominal(), 200);
}

static void a_host_that_differs_from_all_settles_nothing(void **unused)
{
    (void)unused;
    facts(one, 100);
    facts(two, 101);
    assert_int_equal(facts(three, 102), APPLY_DISPUTED);
    assert_int_equal(state(), 3);
    assert_int_equal(words(), 3);
    assert_int_equal(facts(two, 102), APPLY_CONFIRMED); /* it measured again */
    assert_int_equal(nominal(), 204);
}

/* Else a machine that lies would be believed once it was set up anew. */
static void a_host_confirms_itself_in_no_life(void **unused)
{
    int64_t again;

    (void)unused;
    facts(one, 100);
    again = rig_hello(&rig, 4, "web-1", 5000);
    assert_int_not_equal(again, one);
    assert_int_equal(facts(again, 100), APPLY_WEAKER);
    assert_int_equal(state(), 1);
    assert_int_equal(facts(again, 101), APPLY_TAKEN); /* nor does it contradict itself */
    assert_int_equal(facts(two, 102), APPLY_DISPUTED);
    assert_int_equal(facts(one, 102), APPLY_CONFIRMED); /* its last word counts */
}

static void neither_does_it_settle_a_dispute_with_itself(void **unused)
{
    int64_t again;

    (void)unused;
    facts(one, 100);
    facts(two, 101);
    again = rig_hello(&rig, 4, "web-2", 5000);
    assert_int_equal(facts(again, 101), APPLY_DISPUTED);
    assert_int_equal(state(), 3);
    assert_int_equal(words(), 2);
}

static void further_hosts_are_asked_while_it_is_disputed(void **unused)
{
    int64_t again;

    (void)unused;
    hold(one, 0);
    hold(two, 0);
    hold(three, 0);
    facts(one, 100);
    assert_int_equal(layers_asked_of(one), 0);
    assert_int_equal(layers_asked_of(two), 1);
    facts(two, 101);
    assert_int_equal(layers_asked_of(one), 0);
    assert_int_equal(layers_asked_of(two), 0);
    assert_int_equal(layers_asked_of(three), 1);
    facts(three, 102);
    assert_int_equal(layers_asked_of(three), 0);
    again = rig_hello(&rig, 4, "web-3", 5000);
    hold(again, 0);
    assert_int_equal(layers_asked_of(again), 0); /* the same host */
}

static void hosts_that_all_differ_are_asked_up_to_a_limit(void **unused)
{
    char name[16];
    int64_t host = 0;

    (void)unused;
    for (unsigned n = 0; n < WORDS_MAX; n++) {
        enum apply_verdict verdict;

        snprintf(name, sizeof(name), "many-%u", n);
        host = rig_hello(&rig, 10 + n, name, 1000);
        verdict = facts(host, 1000 + n);
        assert_int_equal(verdict, n == 0               ? APPLY_TAKEN
                                  : n == WORDS_MAX - 1 ? APPLY_MISMATCH
                                                       : APPLY_DISPUTED);
    }
    hold(one, 0);
    assert_int_equal(layers_asked_of(one), 0);
    assert_int_equal(facts(one, 7), APPLY_MISMATCH);
    assert_int_equal(words(), WORDS_MAX);
    assert_int_equal(facts(two, 1003), APPLY_CONFIRMED); /* unasked, it is still heard */
}

static void a_retired_host_disputes_nothing(void **unused)
{
    uint64_t retired;
    struct err err;

    (void)unused;
    hold(one, 0);
    facts(one, 100);
    facts(two, 101);
    assert_ok(admin_retire(rig.store, "web-2", 2000, &retired, &err));
    assert_mirror_as_file(&rig);
    assert_int_equal(words(), 0);
    assert_int_equal(layers_asked_of(one), 1);
    assert_int_equal(facts(one, 100), APPLY_TAKEN);
    assert_int_equal(state(), 1);
    assert_int_equal(nominal(), 200);
    assert_int_equal(rig_check(&rig, NULL), 0);
}

/* Nobody could retire it once more. */
static void a_host_that_is_gone_disputes_nothing(void **unused)
{
    uint64_t retired;
    struct err err;

    (void)unused;
    facts(one, 100);
    tell(one, 4, 1);
    assert_ok(admin_retire(rig.store, "web-1", 2000, &retired, &err));
    assert_int_equal(facts(two, 101), APPLY_TAKEN);
    assert_int_equal(nominal(), 202);
    assert_int_equal(events("facts-replaced"), 1);
    assert_int_equal(tell(two, 3, 1), APPLY_TAKEN);
    assert_int_equal(layer_count(), 3);
    assert_int_equal(events("document-replaced"), 1);
}

static void the_base_of_a_content_manifest_is_no_part_of_a_word(void **unused)
{
    struct rec_layer_facts f = {
        .diff = rig_digest('L', 1), .files = 3, .os_release = "", .base_layers = 3};
    enum apply_verdict verdict;
    struct err err;

    (void)unused;
    assert_ok(RIG_APPLY(&rig, apply_layer_facts(rig.store, one, &f, 1030000, &verdict, &err)));
    facts(two, 101);
    f.base_layers = 0; /* an older agent */
    assert_ok(RIG_APPLY(&rig, apply_layer_facts(rig.store, three, &f, 1030000, &verdict, &err)));
    assert_int_equal(verdict, APPLY_CONFIRMED);
    assert_int_equal(rig_number(&rig, "SELECT base_layers IS NULL AND files = 3 FROM layer"), 1);
}

/* Each further word is told, and none twice. */
static void every_word_of_a_dispute_is_an_event(void **unused)
{
    (void)unused;
    facts(one, 100);
    facts(two, 101);
    assert_int_equal(events("facts-mismatch"), 2);
    facts(three, 102);
    facts(three, 102);
    assert_int_equal(events("facts-mismatch"), 3);
}

static void when_root_is_gone_users_are_asked(void **unused)
{
    uint64_t retired;
    struct err err;

    (void)unused;
    hold(three, 1000);
    facts(one, 100);
    facts(two, 101);
    assert_ok(admin_retire(rig.store, "web-[12]", 2000, &retired, &err));
    assert_int_equal(retired, 2);
    assert_int_equal(layers_asked_of(three), 1);
    assert_int_equal(facts_in(three, 100, USERS), APPLY_TAKEN);
    assert_int_equal(rig_check(&rig, NULL), 0);
}

/* A file of schema 4 has none. */
static void a_dispute_without_words_is_asked_anew(void **unused)
{
    (void)unused;
    facts(one, 100);
    facts(two, 101);
    rig_execute(&rig, "DELETE FROM disputed_word");
    hold(one, 0);
    assert_int_equal(layers_asked_of(one), 1);
    assert_int_equal(facts(one, 100), APPLY_TAKEN);
    assert_int_equal(facts(three, 100), APPLY_CONFIRMED);
}

/* ---- of a user's store ----------------------------------------------------------------------- */

/* Its user can write into its layers. */
static void root_goes_before_a_user(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(two, 101, ROOTS), APPLY_TAKEN);
    assert_int_equal(nominal(), 202);
    assert_int_equal(state(), 1);
    assert_int_equal(events("facts-replaced"), 1);
    assert_int_equal(facts_in(one, 100, USERS), APPLY_WEAKER);
    assert_int_equal(events("facts-mismatch"), 1);
    assert_int_equal(facts_in(three, 101, USERS), APPLY_WEAKER); /* nor does it confirm */
    assert_int_equal(state(), 1);
    assert_int_equal(nominal(), 202);
    assert_int_equal(facts_in(three, 101, ROOTS), APPLY_CONFIRMED);
    assert_int_equal(facts_in(one, 100, USERS), APPLY_WEAKER);
    assert_int_equal(nominal(), 202);
}

static void root_takes_the_place_of_a_user_who_said_the_same(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(two, 100, ROOTS), APPLY_TAKEN);
    assert_int_equal(state(), 1);
    assert_int_equal(events("facts-replaced"), 0);
    assert_int_equal(facts_in(one, 100, ROOTS), APPLY_CONFIRMED);
}

/* Which is how a user's changed layer shows on most hosts. */
static void root_goes_before_a_user_of_the_same_host(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(one, 101, ROOTS), APPLY_TAKEN);
    assert_int_equal(nominal(), 202);
    assert_int_equal(events("facts-replaced"), 1);
    assert_int_equal(facts_in(one, 101, ROOTS), APPLY_WEAKER);
    assert_int_equal(events("facts-replaced"), 1);
}

static void root_goes_before_two_users(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(two, 100, USERS), APPLY_CONFIRMED);
    assert_int_equal(rig_number(&rig, "SELECT fact_of_user FROM layer"), 1);
    assert_int_equal(facts_in(three, 101, ROOTS), APPLY_TAKEN);
    assert_int_equal(nominal(), 202);
    assert_int_equal(state(), 1);
    assert_int_equal(rig_number(&rig, "SELECT fact_of_user FROM layer"), 0);
}

static void root_goes_before_users_who_dispute(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(two, 102, USERS), APPLY_DISPUTED);
    assert_int_equal(facts_in(three, 101, ROOTS), APPLY_TAKEN);
    assert_int_equal(nominal(), 202);
    assert_int_equal(words(), 0);
}

static void users_settle_no_dispute_of_root(void **unused)
{
    (void)unused;
    facts(one, 100);
    facts(two, 101);
    assert_int_equal(facts_in(three, 100, USERS), APPLY_WEAKER);
    assert_int_equal(state(), 3);
    assert_int_equal(words(), 2);
}

static void a_host_puts_its_own_root_before_its_user(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    assert_int_equal(facts_in(one, 100, ROOTS), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT fact_of_user FROM layer"), 0);
    assert_int_equal(facts_in(one, 300, USERS), APPLY_WEAKER);
    assert_int_equal(nominal(), 200);
}

static void root_is_asked_where_users_said_it(void **unused)
{
    (void)unused;
    hold(one, 1000);
    hold(two, 1000);
    hold(three, 0);
    facts_in(one, 100, USERS);
    assert_int_equal(layers_asked_of(two), 1);
    facts_in(two, 100, USERS);
    assert_int_equal(layers_asked_of(one), 0);
    assert_int_equal(layers_asked_of(two), 0);
    assert_int_equal(layers_asked_of(three), 1);
    facts_in(three, 100, ROOTS);
    assert_int_equal(layers_asked_of(three), 0);
}

/* It was pulled by its user first. */
static void root_is_asked_on_the_same_host_too(void **unused)
{
    (void)unused;
    facts_in(one, 100, USERS);
    hold(one, 0);
    assert_int_equal(layers_asked_of(one), 1);
    facts_in(one, 100, ROOTS);
    assert_int_equal(layers_asked_of(one), 0);
}

static void users_are_not_asked_what_root_said(void **unused)
{
    (void)unused;
    hold(three, 1000);
    facts(one, 100);
    assert_int_equal(layers_asked_of(three), 0);
    facts(two, 101);
    assert_int_equal(layers_asked_of(three), 0);
}

/* ---- documents ------------------------------------------------------------------------------- */

static void a_third_host_settles_a_disputed_document(void **unused)
{
    (void)unused;
    hold_document(three);
    tell(one, 4, 1);
    assert_int_equal(tell(two, 3, 1), APPLY_DISPUTED);
    assert_int_equal(layer_count(), -1);
    assert_int_equal(configs_asked_of(three), 1);
    assert_int_equal(tell(three, 4, 1), APPLY_CONFIRMED);
    assert_int_equal(configs_asked_of(three), 0);
    assert_int_equal(layer_count(), 4);
    assert_int_equal(words(), 0);
    assert_int_equal(rig_number(&rig, "SELECT incarnation_id FROM document WHERE state = 3"), one);
    assert_int_equal(rig_number(&rig, "SELECT confirm_incarnation FROM document WHERE state = 3"),
                     three);
    assert_int_equal(events("document-settled"), 1);
    assert_int_equal(tell(two, 3, 1), APPLY_MISMATCH);
    assert_int_equal(rig_check(&rig, NULL), 0);
}

static void newer_rules_end_a_dispute(void **unused)
{
    (void)unused;
    tell(one, 4, 1);
    tell(two, 3, 1);
    assert_int_equal(tell(three, 4, 2), APPLY_TAKEN);
    assert_int_equal(words(), 0);
    assert_int_equal(layer_count(), 4);
    assert_int_equal(tell(one, 4, 1), APPLY_WEAKER);
    assert_int_equal(tell(two, 4, 2), APPLY_CONFIRMED);
}

static void a_host_confirms_no_document_of_its_own(void **unused)
{
    int64_t again;

    (void)unused;
    tell(one, 4, 1);
    again = rig_hello(&rig, 4, "web-1", 5000);
    hold_document(again);
    assert_int_equal(configs_asked_of(again), 0);
    assert_int_equal(tell(again, 4, 1), APPLY_WEAKER);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM document WHERE state = 2"), 1);
}

static void a_retired_host_disputes_no_document(void **unused)
{
    uint64_t retired;
    struct err err;

    (void)unused;
    hold_document(one);
    tell(one, 4, 1);
    tell(two, 3, 1);
    assert_ok(admin_retire(rig.store, "web-2", 2000, &retired, &err));
    assert_mirror_as_file(&rig);
    assert_int_equal(configs_asked_of(one), 1);
    assert_int_equal(tell(one, 4, 1), APPLY_TAKEN);
    assert_int_equal(layer_count(), 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, know_layer, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(a_third_host_settles_what_two_dispute),
        TEST(a_host_that_differs_from_all_settles_nothing),
        TEST(a_host_confirms_itself_in_no_life),
        TEST(neither_does_it_settle_a_dispute_with_itself),
        TEST(further_hosts_are_asked_while_it_is_disputed),
        TEST(hosts_that_all_differ_are_asked_up_to_a_limit),
        TEST(a_retired_host_disputes_nothing),
        TEST(a_host_that_is_gone_disputes_nothing),
        TEST(the_base_of_a_content_manifest_is_no_part_of_a_word),
        TEST(every_word_of_a_dispute_is_an_event),
        TEST(when_root_is_gone_users_are_asked),
        TEST(a_dispute_without_words_is_asked_anew),
        TEST(root_goes_before_a_user),
        TEST(root_takes_the_place_of_a_user_who_said_the_same),
        TEST(root_goes_before_a_user_of_the_same_host),
        TEST(root_goes_before_two_users),
        TEST(root_goes_before_users_who_dispute),
        TEST(users_settle_no_dispute_of_root),
        TEST(a_host_puts_its_own_root_before_its_user),
        TEST(root_is_asked_where_users_said_it),
        TEST(root_is_asked_on_the_same_host_too),
        TEST(users_are_not_asked_what_root_said),
        TEST(a_third_host_settles_a_disputed_document),
        TEST(newer_rules_end_a_dispute),
        TEST(a_host_confirms_no_document_of_its_own),
        TEST(a_retired_host_disputes_no_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
