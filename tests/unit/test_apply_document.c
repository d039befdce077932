#include "tests/support/unit.h"

#include "common/buf.h"
#include "tests/support/three_hosts.h"

static void a_proven_config_becomes_chains_history_and_labels(void **state)
{
    struct digest id, top = rig_chain(layers, 4);
    const char *text = rig_config(&rig, layers, 4, &id);
    char hex[DIGEST_HEX + 1];

    (void)state;
    assert_int_equal(rig_document(&rig, one, &id, text, 0, 1020), APPLY_TAKEN);
    assert_int_equal(rig_document(&rig, two, &id, text, 0, 1020), APPLY_KNOWN);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM layer"), 3);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM chain"), 4);
    assert_int_equal(rig_number(&rig, "SELECT max(depth) FROM chain"), 4);
    assert_string_equal(rig_text(&rig, "SELECT lower(hex(c.digest)) FROM image i JOIN chain c "
                                       "ON c.id = i.chain_id"),
                        digest_hex(&top, hex));
    assert_string_equal(rig_text(&rig, "SELECT os || arch || created || created_s || layer_count "
                                       "FROM image"),
                        "linuxamd642026-03-02T10:00:00Z17724456004");
    assert_string_equal(rig_text(&rig, "SELECT created_by FROM image_history"), "ADD");
    assert_string_equal(rig_text(&rig, "SELECT key || value FROM image_label"), "a1");
}

static void bytes_without_their_digest_are_a_lie(void **state)
{
    struct digest id;
    const char *text = rig_config(&rig, layers, 4, &id);
    struct digest other = rig_digest('I', 5);

    (void)state;
    assert_int_equal(rig_document(&rig, two, &other, text, 0, 1020), APPLY_LIE);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM document"), 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM layer"), 0);
    assert_string_equal(
        rig_text(&rig,
                 "SELECT e.kind || ' ' || h.name FROM event e JOIN host h ON h.id = e.host_id"),
        "document-lie web-2");
}

static void a_document_that_is_no_config_is_kept_and_told(void **state)
{
    static const char text[] = "{\"layers\":[]}";
    struct digest id = digest_of(text, strlen(text));

    (void)state;
    assert_int_equal(rig_document(&rig, one, &id, text, 0, 1020), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT parsed FROM image"), 2);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM document"), 1);
    assert_string_equal(rig_text(&rig, "SELECT kind FROM event"), "config-unreadable");
}

/* A config of an image whose lowest layer is said to be what is really the chain of layers[0..1],
 * with one more layer on it. */
static const char *pretend(struct digest *id)
{
    struct digest chain = rig_chain(layers, 2), above = rig_digest('L', 9);
    char one_hex[DIGEST_TEXT], other_hex[DIGEST_TEXT];
    struct buf text;
    const char *copy;
    struct err err;

    buf_init(&text, 1 << 16);
    assert_ok(buf_printf(&text, &err,
                         "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"
                         "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
                         digest_text(&chain, one_hex), digest_text(&above, other_hex)));
    *id = digest_of(text.data, text.len);
    copy = arena_text(rig.arena, buf_str(&text), text.len, NULL);
    buf_close(&text);
    return copy;
}

static void hold_both(const struct digest *real, const struct digest *pretender)
{
    for (int64_t host = one; host <= two; host++) {
        struct rec_content *c = rig_content(&rig, 1);

        rig_name(&rig, rig_image(&rig, c, real, true), "real:1");
        rig_name(&rig, rig_image(&rig, c, pretender, true), "other:1");
        rig_sort(c);
        rig_inventory(&rig, host, 1, c, 1010);
    }
}

static void assert_real_chains(const char *depths)
{
    assert_string_equal(
        rig_text(&rig, "SELECT group_concat(depth) FROM (SELECT depth FROM chain ORDER BY depth)"),
        depths);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM image WHERE parsed = 1"), 1);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM image WHERE parsed = 2"), 1);
    assert_int_equal(rig_number(&rig, "SELECT sum(copies) FROM count_chain"), 8);
}

/* ChainIDs of public images are known to all, and one of a single layer is that layer's digest. */
static void nobody_gives_out_a_known_chain_as_a_layer(void **state)
{
    struct digest real, pretender;
    const char *text = rig_config(&rig, layers, 4, &real), *other = pretend(&pretender);

    (void)state;
    hold_both(&real, &pretender);
    rig_document(&rig, one, &real, text, 0, 1020);
    rig_document(&rig, two, &pretender, other, 0, 1020);
    assert_real_chains("1,2,3,4");
    assert_string_equal(rig_text(&rig, "SELECT kind FROM event"), "config-unreadable");
}

static void who_gave_out_a_chain_as_a_layer_is_withdrawn(void **state)
{
    struct digest real, pretender;
    const char *text = rig_config(&rig, layers, 4, &real), *other = pretend(&pretender);

    (void)state;
    hold_both(&real, &pretender);
    rig_document(&rig, two, &pretender, other, 0, 1020);
    assert_int_equal(rig_number(&rig, "SELECT max(depth) FROM chain"), 2);
    rig_document(&rig, one, &real, text, 0, 1030);
    /* What it put on the chain lies on it truly, one deeper than it said. */
    assert_real_chains("1,2,3,3,4");
}

static void a_redacted_document_is_confirmed_by_a_second_host(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);

    (void)state;
    assert_int_equal(rig_document(&rig, one, &id, text, 1, 1020), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 2);
    assert_int_equal(rig_number(&rig, "SELECT parsed FROM image"), 1);
    assert_int_equal(rig_document(&rig, one, &id, text, 1, 1020), APPLY_WEAKER);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 2);
    assert_int_equal(rig_document(&rig, two, &id, text, 1, 1020), APPLY_CONFIRMED);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 3);
    assert_int_equal(rig_number(&rig, "SELECT confirm_incarnation FROM document"), two);
    assert_int_equal(rig_document(&rig, three, &id, text, 1, 1020), APPLY_KNOWN);
}

static void two_hosts_that_redact_otherwise_are_both_not_believed(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, 1, 1020);
    assert_int_equal(rig_document(&rig, two, &id, other, 1, 1020), APPLY_DISPUTED);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 4);
    assert_int_equal(rig_number(&rig, "SELECT parsed FROM image"), 3);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM image_chain"), 0);
    assert_int_equal(rig_number(&rig, "SELECT layer_count IS NULL FROM image"), 1);
    assert_int_equal(rig_number(&rig, "SELECT text LIKE 'web-2%web-1%' FROM event WHERE kind = "
                                      "'document-mismatch'"),
                     1);
}

static void a_third_voice_does_not_undo_what_two_confirmed(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, 1, 1020);
    rig_document(&rig, two, &id, text, 1, 1020);
    assert_int_equal(rig_document(&rig, three, &id, other, 1, 1020), APPLY_MISMATCH);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 3);
    assert_int_equal(rig_number(&rig, "SELECT parsed FROM image"), 1);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM event"), 1);
}

static void older_rules_give_no_second_opinion(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, 2, 1020);
    assert_int_equal(rig_document(&rig, two, &id, text, 1, 1020), APPLY_WEAKER);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 2);
    assert_int_equal(rig_document(&rig, three, &id, text, 2, 1020), APPLY_CONFIRMED);
    assert_int_equal(rig_document(&rig, two, &id, text, 1, 1020), APPLY_KNOWN);
}

static void newer_rules_wait_for_a_second_host_anew(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, 1, 1020);
    assert_int_equal(rig_document(&rig, two, &id, other, 2, 1020), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT rules FROM document"), 2);
    assert_int_equal(rig_document(&rig, one, &id, text, 1, 1020), APPLY_WEAKER);
    assert_int_equal(rig_document(&rig, one, &id, other, 2, 1020), APPLY_CONFIRMED);
    assert_int_equal(rig_number(&rig, "SELECT layer_count FROM image"), 3);
}

static void newer_rules_that_cut_otherwise_are_told_as_an_event(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, 1, 1020);
    rig_document(&rig, two, &id, other, 2, 1020);
    assert_string_equal(rig_text(&rig, "SELECT e.kind || ' ' || h.name FROM event e "
                                       "JOIN host h ON h.id = e.host_id"),
                        "document-replaced web-2");
    assert_int_equal(rig_number(&rig, "SELECT text LIKE 'web-2%web-1%' FROM event"), 1);
}

/* Such a number may be that of a newer agent, or made up. */
static void rules_that_nobody_knows_replace_nothing(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, one, &id, text, REC_REDACTION_RULES, 1020);
    assert_int_equal(rig_document(&rig, two, &id, other, 4000000000U, 1020), APPLY_WEAKER);
    assert_int_equal(rig_number(&rig, "SELECT layer_count FROM image"), 4);
    assert_int_equal(rig_document(&rig, three, &id, text, REC_REDACTION_RULES, 1020),
                     APPLY_CONFIRMED);
    assert_int_equal(rig_document(&rig, two, &id, other, 4000000000U, 1020), APPLY_KNOWN);
    assert_int_equal(rig_number(&rig, "SELECT layer_count FROM image"), 4);
}

static void rules_that_nobody_knows_give_way_to_known_ones(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);
    const char *other = rig_config(&rig, layers, 3, &ignored);

    (void)state;
    rig_document(&rig, two, &id, other, 4000000000U, 1020);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 2);
    assert_int_equal(rig_document(&rig, three, &id, other, 4000000001U, 1020), APPLY_WEAKER);
    assert_int_equal(rig_document(&rig, one, &id, text, 1, 1020), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT layer_count FROM image"), 4);
    assert_int_equal(rig_number(&rig, "SELECT incarnation_id FROM document"), one);
}

/* In a fleet whose agents are all newer than the collector. */
static void two_hosts_with_rules_that_nobody_knows_confirm_each_other(void **state)
{
    struct digest ignored, id = rig_digest('I', 1);
    const char *text = rig_config(&rig, layers, 4, &ignored);

    (void)state;
    assert_int_equal(rig_document(&rig, one, &id, text, REC_REDACTION_RULES + 1, 1020),
                     APPLY_TAKEN);
    assert_int_equal(rig_document(&rig, two, &id, text, REC_REDACTION_RULES + 1, 1020),
                     APPLY_CONFIRMED);
}

static void the_whole_document_settles_a_dispute(void **state)
{
    struct digest id, ignored;
    const char *whole = rig_config(&rig, layers, 4, &id);
    const char *a = rig_config(&rig, layers, 3, &ignored);
    const char *b = rig_config(&rig, layers, 2, &ignored);

    (void)state;
    rig_document(&rig, one, &id, a, 1, 1020);
    rig_document(&rig, two, &id, b, 1, 1020);
    assert_int_equal(rig_document(&rig, three, &id, whole, 0, 1030), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document"), 1);
    assert_int_equal(rig_number(&rig, "SELECT layer_count FROM image WHERE parsed = 1"), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_proven_config_becomes_chains_history_and_labels),
        TEST(bytes_without_their_digest_are_a_lie),
        TEST(a_document_that_is_no_config_is_kept_and_told),
        TEST(nobody_gives_out_a_known_chain_as_a_layer),
        TEST(who_gave_out_a_chain_as_a_layer_is_withdrawn),
        TEST(a_redacted_document_is_confirmed_by_a_second_host),
        TEST(two_hosts_that_redact_otherwise_are_both_not_believed),
        TEST(a_third_voice_does_not_undo_what_two_confirmed),
        TEST(older_rules_give_no_second_opinion),
        TEST(newer_rules_wait_for_a_second_host_anew),
        TEST(newer_rules_that_cut_otherwise_are_told_as_an_event),
        TEST(rules_that_nobody_knows_replace_nothing),
        TEST(rules_that_nobody_knows_give_way_to_known_ones),
        TEST(two_hosts_with_rules_that_nobody_knows_confirm_each_other),
        TEST(the_whole_document_settles_a_dispute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
