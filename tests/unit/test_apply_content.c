#include "tests/support/unit.h"

#include "tests/support/three_hosts.h"

/* The host holds this one image in its store 1. */
static void hold(int64_t incarnation, const struct digest *id)
{
    struct rec_content *c = rig_content(&rig, 1);
    char query[96];

    snprintf(query, sizeof(query), "SELECT generation + 1 FROM incarnation WHERE id = %lld",
             (long long)incarnation);
    rig_image(&rig, c, id, true);
    rig_inventory(&rig, incarnation, (uint64_t)rig_number(&rig, query), c, 1010);
}

static struct apply_missing missing(int64_t incarnation, size_t most)
{
    struct apply_look look = {.incarnation_id = incarnation, .now_s = 1010, .most = most};
    struct apply_missing out;
    struct err err;

    assert_ok(RIG_APPLY(&rig, apply_missing(rig.store, &look, rig.arena, &out, &err)));
    return out;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static enum apply_verdict facts_with_base(int64_t incarnation, unsigned layer, uint64_t bytes,
                                          uint32_t base_layers)
{
    struct rec_layer_facts f = {.diff = rig_digest('L', layer),
                                .content_bytes = bytes,
                                .nominal_bytes = bytes * 2,
                                .files = 3,
                                .directories = 4,
                                .os_release = "ID=debian\n",
                                .base_layers = base_layers};
    enum apply_verdict verdict = 0;
    struct err err;

    assert_ok(
        RIG_APPLY(&rig, apply_layer_facts(rig.store, incarnation, &f, 1030000, &verdict, &err)));
    return verdict;
}

static enum apply_verdict facts(int64_t incarnation, unsigned layer, uint64_t bytes)
{
    return facts_with_base(incarnation, layer, bytes, 0);
}

static void know_layers(void)
{
    struct digest id;
    const char *text = rig_config(&rig, layers, 4, &id);

    hold(one, &id);
    hold(two, &id);
    rig_document(&rig, one, &id, text, 0, 1020);
}

static void facts_are_confirmed_by_a_second_host(void **state)
{
    (void)state;
    know_layers();
    assert_int_equal(facts(one, 1, 100), APPLY_TAKEN);
    assert_int_equal(facts(one, 1, 100), APPLY_WEAKER);
    assert_int_equal(facts(one, 1, 150), APPLY_TAKEN); /* it measured again */
    assert_int_equal(facts(two, 1, 150), APPLY_CONFIRMED);
    assert_int_equal(facts(three, 1, 150), APPLY_KNOWN);
    assert_int_equal(facts(three, 1, 151), APPLY_MISMATCH);
    assert_int_equal(rig_number(&rig, "SELECT nominal_bytes FROM layer WHERE fact_state = 2"), 300);
    assert_int_equal(facts(one, 77, 1), APPLY_KNOWN); /* no image names it */
}

static int64_t base_layers_told(void)
{
    return rig_number(&rig, "SELECT coalesce(max(base_layers), -1) FROM layer");
}

/* Where the two that confirm the rest do not both say it, it is not believed; the rest is. */
static void how_many_layers_a_base_has_is_believed_of_two(void **state)
{
    (void)state;
    know_layers();
    assert_int_equal(facts_with_base(one, 1, 100, 0), APPLY_TAKEN);
    assert_int_equal(base_layers_told(), -1);
    assert_int_equal(facts_with_base(one, 1, 101, 3), APPLY_TAKEN);
    assert_int_equal(base_layers_told(), 3);
    assert_int_equal(facts_with_base(two, 1, 101, 3), APPLY_CONFIRMED);
    assert_int_equal(facts_with_base(three, 1, 101, 4), APPLY_KNOWN);
    assert_int_equal(base_layers_told(), 3);
    assert_int_equal(facts_with_base(one, 2, 100, 3), APPLY_TAKEN);
    assert_int_equal(facts_with_base(two, 2, 100, 4), APPLY_CONFIRMED);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM layer WHERE base_layers = 3"), 1);
}

/* Older agents do not say it. That makes nobody a liar, and confirms no number that one host may
 * have made up. */
static void silence_about_the_base_neither_contradicts_nor_confirms(void **state)
{
    (void)state;
    know_layers();
    assert_int_equal(facts_with_base(one, 1, 100, 0), APPLY_TAKEN);
    assert_int_equal(facts_with_base(two, 1, 100, 3), APPLY_CONFIRMED);
    assert_int_equal(base_layers_told(), -1);
    assert_int_equal(facts_with_base(three, 1, 100, 3), APPLY_KNOWN);
    assert_int_equal(facts_with_base(one, 2, 100, 5), APPLY_TAKEN);
    assert_int_equal(base_layers_told(), 5);
    assert_int_equal(facts_with_base(two, 2, 100, 0), APPLY_CONFIRMED);
    assert_int_equal(base_layers_told(), -1);
}

static void a_host_takes_back_what_it_said_of_the_base(void **state)
{
    (void)state;
    know_layers();
    assert_int_equal(facts_with_base(one, 1, 100, 3), APPLY_TAKEN);
    assert_int_equal(facts_with_base(one, 1, 100, 0), APPLY_TAKEN);
    assert_int_equal(base_layers_told(), -1);
    assert_int_equal(facts_with_base(one, 1, 100, 2), APPLY_TAKEN);
    assert_int_equal(base_layers_told(), 2);
    assert_int_equal(facts_with_base(one, 1, 100, 2), APPLY_WEAKER);
}

static void facts_that_differ_are_withdrawn(void **state)
{
    (void)state;
    know_layers();
    facts(one, 1, 100);
    assert_int_equal(facts(two, 1, 101), APPLY_DISPUTED);
    assert_int_equal(
        rig_number(&rig, "SELECT count(*) FROM layer WHERE fact_state = 3 AND files IS NULL"), 1);
    assert_int_equal(rig_number(&rig, "SELECT text LIKE 'web-2%web-1%' FROM event"), 1);
    assert_int_equal(rig_number(&rig, "SELECT count(DISTINCT host_id) FROM event"), 2);
}

/* ---- what is missing ------------------------------------------------------------------------- */

static void what_is_missing_is_documents_first_and_layers_then(void **state)
{
    struct digest id;
    const char *text = rig_config(&rig, layers, 4, &id);
    struct apply_missing m;

    (void)state;
    hold(one, &id);
    hold(two, &id);
    m = missing(one, 10);
    assert_int_equal(m.document_count, 1);
    assert_true(digest_eq(&m.documents[0].digest, &id));
    assert_false(m.document_confirms[0]);
    assert_int_equal(m.layer_count, 0);
    assert_int_equal(missing(three, 10).document_count, 0);

    rig_document(&rig, one, &id, text, 0, 1020);
    m = missing(one, 10);
    assert_int_equal(m.document_count, 0);
    assert_int_equal(m.layer_count, 3);
    assert_int_equal(missing(one, 2).layer_count, 2);

    facts(one, 1, 100);
    assert_int_equal(missing(one, 10).layer_count, 2); /* its own word is not asked for again */
    m = missing(two, 10);
    assert_int_equal(m.layer_count, 3);
    assert_true(m.layer_of_root[0] && m.layer_of_root[1] && m.layer_of_root[2]);
    facts(two, 1, 100);
    assert_int_equal(missing(two, 10).layer_count, 2);
}

static void one_layer_more_than_a_few_is_asked_for_like_a_few(void **state)
{
    unsigned many[80];

    (void)state;
    for (unsigned n = 0; n < unit_count(many); n++)
        many[n] = 100 + n;
    for (unsigned count = 20; count <= unit_count(many); count += 20) {
        int64_t host = rig_hello(&rig, 10 + count,
                                 count == 20   ? "a"
                                 : count == 40 ? "b"
                                 : count == 60 ? "c"
                                               : "d",
                                 1000);
        struct digest id;
        const char *text = rig_config(&rig, many, count, &id);

        hold(host, &id);
        rig_document(&rig, host, &id, text, 0, 1020);
        assert_int_equal(missing(host, 200).layer_count, count);
        assert_int_equal(missing(host, 10).layer_count, 10);
        assert_true(missing(host, 10).layers_full);
        assert_false(missing(host, 200).layers_full);
    }
}

static void a_redacted_document_is_asked_of_another_host(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 1, &ignored);
    struct apply_missing m;

    (void)state;
    hold(one, &id);
    hold(two, &id);
    rig_document(&rig, one, &id, text, 1, 1020);
    assert_int_equal(missing(one, 10).document_count, 0);
    m = missing(two, 10);
    assert_int_equal(m.document_count, 1);
    assert_true(m.document_confirms[0]);
    rig_document(&rig, two, &id, text, 1, 1020);
    assert_int_equal(missing(two, 10).document_count, 0);
}

static void chains_beside_the_images_are_asked_for_and_missing_ones_are_not(void **state)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest id, extra = rig_digest('C', 9), extra_diff = rig_digest('L', 9);
    struct digest gone = rig_chain(layers, 1), gone_diff = rig_digest('L', 1);
    const char *text = rig_config(&rig, layers, 2, &id);
    struct apply_missing m;

    (void)state;
    rig_image(&rig, c, &id, true);
    rig_exception(&rig, c, REC_CHAIN_EXTRA, &extra, &extra_diff);
    rig_exception(&rig, c, REC_CHAIN_MISSING, &gone, &gone_diff);
    rig_inventory(&rig, one, 1, c, 1010);
    rig_document(&rig, one, &id, text, 0, 1020);
    m = missing(one, 10);
    assert_int_equal(m.layer_count, 2);
    for (size_t i = 0; i < m.layer_count; i++)
        assert_false(digest_eq(&m.layers[i].diff, &gone_diff));
}

/* ---- use and measurements -------------------------------------------------------------------- */

static void use_replaces_what_was_said_before(void **state)
{
    struct digest id = rig_digest('I', 1);
    struct rec_container list[] = {
        {id, "b", "db", "shop", "db-0", REC_RUNNING, 5000},
        {id, "a", "", "", "", REC_STOPPED, -1},
    };
    struct rec_use use = {rig_key(1), 0, list, 2};
    struct err err;

    (void)state;
    hold(one, &id);
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 2000000, &err)));
    assert_string_equal(
        rig_text(&rig, "SELECT group_concat(container || coalesce(since_s, '')) FROM container"),
        "a,b1995");
    assert_string_equal(
        rig_text(&rig, "SELECT group_concat(kube_namespace || '/' || kube_pod) FROM container"),
        "/,shop/db-0");
    list[0].kube_pod = "db-1";
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 2000000, &err)));
    assert_string_equal(rig_text(&rig, "SELECT kube_pod FROM container_now WHERE name = 'db'"),
                        "db-1");
    list[0].id = "c";
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 3000000, &err)));
    assert_string_equal(rig_text(&rig, "SELECT group_concat(container) FROM container"), "a,c");
    use.key = rig_key(2);
    assert_fails(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 3000000, &err)), ERR_NOT_FOUND,
                 "no store");
}

static void a_reference_does_not_change_what_an_image_is_known_by(void **state)
{
    struct digest id = rig_digest('M', 1);
    struct rec_content *c = rig_content(&rig, 1);
    struct rec_container list[] = {{id, "a", "", "", "", REC_RUNNING, -1}};
    struct rec_use use = {rig_key(1), 0, list, 1};
    struct err err;

    (void)state;
    rig_image(&rig, c, &id, true)->identity = REC_BY_MANIFEST;
    rig_inventory(&rig, one, 1, c, 1010);
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 2000000, &err)));
    assert_int_equal(rig_number(&rig, "SELECT identity FROM image"), REC_BY_MANIFEST);
    assert_int_equal(missing(one, 10).document_count, 0);
}

static void a_start_that_only_wobbles_is_no_change(void **state)
{
    struct digest id = rig_digest('I', 1);
    struct rec_container list[] = {{id, "a", "", "", "", REC_RUNNING, 60000}};
    struct rec_use use = {rig_key(1), 0, list, 1};
    struct err err;

    (void)state;
    hold(one, &id);
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 2000000, &err)));
    assert_ok(RIG_APPLY(&rig, apply_use(rig.store, one, &use, 2002000, &err)));
    assert_int_equal(rig_number(&rig, "SELECT since_s FROM container"), 1940);
}

static void copies_are_kept_until_nothing_explains_them(void **state)
{
    struct digest id;
    const char *text = rig_config(&rig, layers, 2, &id);
    struct rec_copy_facts list[] = {{rig_chain(layers, 1), 4096, false},
                                    {rig_chain(layers, 2), 8192, false}};
    struct rec_copies copies = {rig_key(1), list, 2};
    struct err err;

    (void)state;
    hold(one, &id);
    rig_document(&rig, one, &id, text, 0, 1020);
    assert_ok(RIG_APPLY(&rig, apply_copies(rig.store, one, &copies, &err)));
    list[1].allocated_bytes = 12288;
    assert_ok(RIG_APPLY(&rig, apply_copies(rig.store, one, &copies, &err)));
    assert_int_equal(rig_number(&rig, "SELECT sum(allocated_bytes) FROM copy"), 16384);
    rig_inventory(&rig, one, 2, rig_content(&rig, 1), 1030);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM copy"), 0);
}

static void copies_of_one_store_have_a_limit(void **state)
{
    static struct rec_copy_facts list[REC_BATCH_MAX];
    struct rec_copies copies = {rig_key(1), list, REC_BATCH_MAX};
    struct digest id = rig_digest('I', 1);
    struct err err;

    (void)state;
    hold(one, &id);
    for (uint32_t n = 0; n <= REC_COPIES_MAX; n += REC_BATCH_MAX) {
        for (uint32_t i = 0; i < REC_BATCH_MAX; i++) {
            uint32_t number = n + i;

            list[i].chain = digest_of(&number, sizeof(number));
        }
        if (n + REC_BATCH_MAX <= REC_COPIES_MAX)
            assert_ok(RIG_APPLY(&rig, apply_copies(rig.store, one, &copies, &err)));
    }
    assert_fails(RIG_APPLY(&rig, apply_copies(rig.store, one, &copies, &err)), ERR_LIMIT, "copies");
    assert_true(rig_number(&rig, "SELECT count(*) FROM copy") <= REC_COPIES_MAX);
}

static void spaces_replace_what_was_said_before(void **state)
{
    struct rec_space list[] = {{REC_SPACE_TOTAL, "roots", 100, 1, false},
                               {REC_SPACE_ORPHANS, "leftover", 10, 1, true}};
    struct rec_spaces spaces = {rig_key(1), 1000, 5, 4, list, 2};
    struct digest id = rig_digest('I', 1);
    struct err err;

    (void)state;
    hold(one, &id);
    assert_ok(RIG_APPLY(&rig, apply_spaces(rig.store, one, &spaces, 2000000, &err)));
    spaces.space_count = 1;
    assert_ok(RIG_APPLY(&rig, apply_spaces(rig.store, one, &spaces, 2000000, &err)));
    assert_string_equal(rig_text(&rig, "SELECT group_concat(kind) FROM space"), "roots");
    assert_string_equal(
        rig_text(&rig,
                 "SELECT copies_total || ' ' || copies_measured || ' ' || spaces_s FROM store"),
        "5 4 1999");
}

static void only_the_newest_events_are_kept(void **state)
{
    struct err err;

    (void)state;
    rig_begin(&rig);
    for (int i = 0; i < 10050; i++)
        assert_ok(apply_event(rig.store, one, "test", "subject", "text", 1000, &err));
    rig_end(&rig, 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM event"), 10000);
    assert_int_equal(rig_number(&rig, "SELECT min(id) FROM event"), 51);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(facts_are_confirmed_by_a_second_host),
        TEST(how_many_layers_a_base_has_is_believed_of_two),
        TEST(silence_about_the_base_neither_contradicts_nor_confirms),
        TEST(a_host_takes_back_what_it_said_of_the_base),
        TEST(facts_that_differ_are_withdrawn),
        TEST(what_is_missing_is_documents_first_and_layers_then),
        TEST(one_layer_more_than_a_few_is_asked_for_like_a_few),
        TEST(a_redacted_document_is_asked_of_another_host),
        TEST(chains_beside_the_images_are_asked_for_and_missing_ones_are_not),
        TEST(use_replaces_what_was_said_before),
        TEST(a_reference_does_not_change_what_an_image_is_known_by),
        TEST(a_start_that_only_wobbles_is_no_change),
        TEST(copies_are_kept_until_nothing_explains_them),
        TEST(copies_of_one_store_have_a_limit),
        TEST(spaces_replace_what_was_said_before),
        TEST(only_the_newest_events_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
