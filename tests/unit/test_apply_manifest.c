/* Which blobs layers are transferred as: what is asked for, and what becomes of it. */
#include "tests/support/unit.h"

#include "common/buf.h"
#include "tests/support/three_hosts.h"

static struct err err;

/* The manifest of a config with so many layers, blobs rig_digest('B', first) and up, of 100, 101
 * and so on bytes; its digest. */
static const char *make_manifest(const struct digest *config, unsigned first, size_t count,
                                 struct digest *id)
{
    struct buf text;
    char hex[DIGEST_TEXT];
    const char *copy;

    buf_init(&text, 1 << 16);
    assert_ok(buf_printf(&text, &err,
                         "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\"},"
                         "\"layers\":[",
                         digest_text(config, hex)));
    for (unsigned i = 0; i < count; i++) {
        struct digest blob = rig_digest('B', first + i);

        assert_ok(buf_printf(&text, &err,
                             "%s{\"mediaType\":\"tar+gzip\",\"digest\":\"%s\","
                             "\"size\":%u}",
                             i > 0 ? "," : "", digest_text(&blob, hex), 100 + i));
    }
    assert_ok(buf_add_str(&text, "]}", &err));
    *id = digest_of(text.data, text.len);
    copy = arena_text(rig.arena, buf_str(&text), text.len, NULL);
    buf_close(&text);
    return copy;
}

static enum apply_verdict give(int64_t host, const struct digest *id, const char *text,
                               uint32_t rules)
{
    enum apply_verdict verdict = 0;

    assert_ok(
        RIG_APPLY(&rig, apply_document(rig.store, host, REC_DOC_MANIFEST, id, (const uint8_t *)text,
                                       strlen(text), rules, rules, 1020000, &verdict, &err)));
    return verdict;
}

/* The host holds one image by this ID, pulled from a repository by this manifest. */
static void hold(int64_t host, const struct digest *image, const struct digest *manifest,
                 enum rec_identity identity, bool gives)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct rec_image *i = rig_image(&rig, c, image, true);

    i->identity = identity;
    i->unpacked = identity == REC_BY_CONFIG;
    c->store.manifests = gives;
    if (manifest != NULL) {
        rig_repo_digest(&rig, i, "docker.io/app", 1);
        i->repo_digests[0].digest = *manifest;
    }
    rig_sort(c);
    rig_inventory(&rig, host, 1, c, 1010);
}

static struct apply_missing look(int64_t host, size_t most, int64_t now_s, bool anew)
{
    struct apply_look l = {.incarnation_id = host, .now_s = now_s, .most = most, .anew = anew};
    struct apply_missing found;

    assert_ok(RIG_APPLY(&rig, apply_missing(rig.store, &l, rig.arena, &found, &err)));
    return found;
}

/* What one host is asked for that was not asked yet: "M" a manifest, "m" to confirm one; "C", "c" a
 * config. */
static const char *missing(int64_t host, size_t most, const struct digest *first)
{
    struct apply_missing found = look(host, most, 1010, true);
    static char kinds[32];

    assert_true(found.document_count < sizeof(kinds));
    for (size_t i = 0; i < found.document_count; i++) {
        kinds[i] = found.documents[i].kind == REC_DOC_CONFIG ? 'C' : 'M';
        kinds[i] += found.document_confirms[i] ? 'a' - 'A' : 0;
        if (first != NULL && kinds[i] != 'C')
            assert_true(digest_eq(&found.documents[i].digest, first));
    }
    kinds[found.document_count] = '\0';
    return kinds;
}

static void assert_blobs(const char *expected)
{
    assert_string_equal(
        rig_text(&rig, "SELECT coalesce(group_concat(t, ' '), '') FROM (SELECT printf('%d:%d:%d', "
                       "position, bytes, confirmed) AS t FROM layer_blob ORDER BY manifest, "
                       "position)"),
        expected);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static void a_manifest_is_asked_of_hosts_that_can_give_it(void **state)
{
    struct digest image, id;
    const char *text;

    (void)state;
    rig_config(&rig, layers, 2, &image);
    text = make_manifest(&image, 1, 2, &id);
    hold(one, &image, &id, REC_BY_CONFIG, true);
    hold(two, &image, &id, REC_BY_CONFIG, false);
    assert_string_equal(missing(one, 8, &id), "CM");
    assert_string_equal(missing(two, 8, NULL), "C");
    assert_string_equal(missing(one, 1, NULL), "CM");
    assert_int_equal(give(one, &id, text, 0), APPLY_TAKEN);
    assert_string_equal(missing(one, 8, NULL), "C");
    assert_string_equal(missing(one, 8, NULL), "C");
    hold(three, &image, &id, REC_BY_CONFIG, true);
    assert_string_equal(missing(three, 8, NULL), "C");
}

static void an_image_known_by_its_manifest_asks_for_it(void **state)
{
    struct digest config = rig_digest('I', 1), id;
    const char *text = make_manifest(&config, 1, 2, &id);

    (void)state;
    hold(one, &id, NULL, REC_BY_MANIFEST, true);
    assert_string_equal(missing(one, 8, &id), "M");
    give(one, &id, text, 0);
    assert_string_equal(missing(one, 8, NULL), "");
}

static void a_store_that_comes_to_give_manifests_is_asked(void **state)
{
    struct digest image, id;
    struct rec_content *c = rig_content(&rig, 1);

    (void)state;
    rig_config(&rig, layers, 2, &image);
    make_manifest(&image, 1, 2, &id);
    hold(one, &image, &id, REC_BY_CONFIG, false);
    assert_string_equal(missing(one, 8, NULL), "C");
    rig_repo_digest(&rig, rig_image(&rig, c, &image, true), "docker.io/app", 1);
    c->images[0].repo_digests[0].digest = id;
    c->store.manifests = true;
    rig_inventory(&rig, one, 2, c, 1030);
    assert_string_equal(missing(one, 8, &id), "CM");
}

static void a_cut_manifest_is_asked_of_a_second_host(void **state)
{
    struct digest image, ignored, id = rig_digest('M', 7);
    const char *text;

    (void)state;
    rig_config(&rig, layers, 2, &image);
    text = make_manifest(&image, 1, 2, &ignored);
    hold(one, &image, &id, REC_BY_CONFIG, true);
    hold(two, &image, &id, REC_BY_CONFIG, true);
    assert_int_equal(give(one, &id, text, 1), APPLY_TAKEN);
    assert_string_equal(missing(one, 8, NULL), "C");
    assert_string_equal(missing(two, 8, &id), "Cm");
    assert_int_equal(give(two, &id, text, 1), APPLY_CONFIRMED);
    assert_string_equal(missing(two, 8, NULL), "C");
}

/* ---- when it is asked for again -------------------------------------------------------------- */

/* The host holds images known by their manifests alone: those of these numbers. */
static void hold_manifests(int64_t host, uint64_t generation, unsigned first, unsigned count)
{
    struct rec_content *c = rig_content(&rig, 1);

    for (unsigned i = 0; i < count; i++) {
        struct digest id = rig_digest('M', first + i);

        rig_image(&rig, c, &id, false)->identity = REC_BY_MANIFEST;
    }
    c->store.manifests = true;
    rig_sort(c);
    rig_inventory(&rig, host, generation, c, 1010);
}

static size_t told(int64_t host, int64_t now_s)
{
    return look(host, 100, now_s, false).document_count;
}

static void a_manifest_that_nobody_gives_is_told_once_an_hour(void **state)
{
    (void)state;
    hold_manifests(one, 1, 1, 3);
    assert_int_equal(told(one, 2000), 3);
    assert_int_equal(told(one, 2000), 0);
    assert_int_equal(told(one, 2000 + APPLY_ASK_AGAIN_S - 1), 0);
    assert_int_equal(told(one, 2000 + APPLY_ASK_AGAIN_S), 3);
    assert_int_equal(told(one, 2000 + APPLY_ASK_AGAIN_S), 0);
    assert_int_equal(told(one, 1000), 3); /* a clock that was set back holds nothing up */
}

static void each_host_is_told_of_the_same_listing(void **state)
{
    (void)state;
    hold_manifests(one, 1, 1, 3);
    assert_int_equal(told(one, 2000), 3);
    hold_manifests(two, 1, 1, 3);
    assert_int_equal(told(two, 2000), 3);
    assert_int_equal(told(one, 2000), 0);
}

static void a_new_stream_is_told_again(void **state)
{
    (void)state;
    hold_manifests(one, 1, 1, 3);
    assert_int_equal(told(one, 2000), 3);
    assert_int_equal(look(one, 100, 2000, true).document_count, 3);
    assert_int_equal(told(one, 2000), 0);
}

static void only_listings_that_come_anew_are_told(void **state)
{
    struct digest newest = rig_digest('M', 4);
    struct apply_missing found;

    (void)state;
    hold_manifests(one, 1, 1, 3);
    assert_int_equal(told(one, 2000), 3);
    hold_manifests(one, 2, 1, 4);
    found = look(one, 100, 2000, false);
    assert_int_equal(found.document_count, 1);
    assert_true(digest_eq(&found.documents[0].digest, &newest));
    hold_manifests(one, 3, 3, 2);
    assert_int_equal(told(one, 2000), 0);
    hold_manifests(one, 4, 1, 4);
    assert_int_equal(told(one, 2000), 2); /* those that were away */
    hold_manifests(one, 5, 1, 0);
    hold_manifests(one, 6, 1, 4);
    assert_int_equal(told(one, 2000), 4);
}

static void marks_go_back_with_their_transaction(void **state)
{
    struct apply_look l = {.incarnation_id = one, .now_s = 2000, .most = 100};
    struct apply_missing found;

    (void)state;
    hold_manifests(one, 1, 1, 3);
    rig_begin(&rig);
    assert_ok(apply_missing(rig.store, &l, rig.arena, &found, &err));
    assert_int_equal(found.document_count, 3);
    rig_end(&rig, -1);
    assert_int_equal(told(one, 2000), 3);
}

static void later_listings_get_their_turn(void **state)
{
    static const size_t counts[] = {2, 2, 1, 0};
    bool seen[5] = {false};

    (void)state;
    hold_manifests(one, 1, 1, 5);
    for (size_t n = 0; n < 4; n++) {
        struct apply_missing found = look(one, 2, 2000, false);

        assert_int_equal(found.document_count, counts[n]);
        assert_int_equal(found.documents_full, n < 2);
        for (size_t i = 0; i < found.document_count; i++)
            for (unsigned k = 0; k < 5; k++) {
                struct digest id = rig_digest('M', 1 + k);

                seen[k] |= digest_eq(&found.documents[i].digest, &id);
            }
    }
    for (size_t k = 0; k < 5; k++)
        assert_true(seen[k]);
}

static void configs_leave_manifests_their_room(void **state)
{
    struct rec_content *c = rig_content(&rig, 1);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct digest id = rig_digest('I', i), manifest = rig_digest('M', i);
        struct rec_image *image = rig_image(&rig, c, &id, true);

        rig_repo_digest(&rig, image, "docker.io/app", 1);
        image->repo_digests[0].digest = manifest;
    }
    c->store.manifests = true;
    rig_sort(c);
    rig_inventory(&rig, one, 1, c, 1010);
    assert_int_equal(look(one, 2, 2000, false).document_count, 4);
    assert_int_equal(look(one, 2, 2000, false).document_count, 3);
    assert_int_equal(look(one, 2, 2000, false).document_count, 2);
}

/* More than an answer holds: the rest of them waits an hour, the other listings do not. */
static void a_listing_of_many_digests_holds_up_nobody(void **state)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest wide = rig_digest('M', 1), other = rig_digest('M', 2);
    struct rec_image *image = rig_image(&rig, c, &wide, false);
    size_t count = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        rig_repo_digest(&rig, image, "docker.io/app", 10 + i);
    image->identity = REC_BY_MANIFEST;
    rig_image(&rig, c, &other, false)->identity = REC_BY_MANIFEST;
    c->store.manifests = true;
    rig_sort(c);
    rig_inventory(&rig, one, 1, c, 1010);
    for (size_t n = 0; n < 2; n++) {
        struct apply_missing found = look(one, 2, 2000, false);

        for (size_t i = 0; i < found.document_count; i++)
            count += digest_eq(&found.documents[i].digest, &other);
    }
    assert_int_equal(count, 1);
    assert_int_equal(told(one, 2000), 0);
}

/* ---- what becomes of it ---------------------------------------------------------------------- */

static void blobs_are_known_when_both_documents_are(void **state)
{
    struct digest image, id;
    const char *config = rig_config(&rig, layers, 4, &image);
    const char *text = make_manifest(&image, 1, 4, &id);

    (void)state;
    assert_int_equal(give(one, &id, text, 0), APPLY_TAKEN);
    assert_blobs("");
    rig_document(&rig, one, &image, config, 0, 1020);
    assert_blobs("0:100:1 1:101:1 2:102:1 3:103:1");
    assert_int_equal(rig_number(&rig, "SELECT count(DISTINCT layer_id) FROM layer_blob"), 3);
    assert_int_equal(give(two, &id, text, 0), APPLY_KNOWN);
}

static void the_order_in_which_they_come_does_not_matter(void **state)
{
    struct digest image, id, other;
    const char *config = rig_config(&rig, layers, 2, &image);
    const char *text = make_manifest(&image, 1, 2, &id);

    (void)state;
    rig_document(&rig, one, &image, config, 0, 1020);
    assert_blobs("");
    give(one, &id, text, 0);
    assert_blobs("0:100:1 1:101:1");
    text = make_manifest(&image, 11, 2, &other); /* the same layers compressed otherwise */
    give(two, &other, text, 0);
    assert_blobs("0:100:1 1:101:1 0:100:1 1:101:1");
    assert_int_equal(rig_number(&rig, "SELECT count(DISTINCT blob) FROM layer_blob"), 4);
}

static void a_manifest_of_another_count_says_nothing_of_layers(void **state)
{
    struct digest image, fewer, more;
    const char *config = rig_config(&rig, layers, 2, &image);

    (void)state;
    rig_document(&rig, one, &image, config, 0, 1020);
    give(one, &fewer, make_manifest(&image, 1, 1, &fewer), 0);
    give(one, &more, make_manifest(&image, 1, 3, &more), 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest"), 2);
    assert_blobs("");
}

static void an_index_is_stored_as_one(void **state)
{
    static const char text[] = "{\"schemaVersion\":2,\"manifests\":[]}";
    struct digest image = rig_digest('I', 1), id = digest_of(text, strlen(text));

    (void)state;
    hold(one, &image, &id, REC_BY_CONFIG, true);
    assert_int_equal(give(one, &id, text, 0), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT kind FROM document"), 3);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM event"), 0);
    assert_string_equal(missing(one, 8, NULL), "C");
}

static void what_is_no_manifest_is_kept_and_told(void **state)
{
    static const char text[] = "{\"config\":{},\"layers\":7}";
    struct digest image = rig_digest('I', 1), id = digest_of(text, strlen(text));

    (void)state;
    hold(one, &image, &id, REC_BY_CONFIG, true);
    assert_int_equal(give(one, &id, text, 0), APPLY_TAKEN);
    assert_string_equal(rig_text(&rig, "SELECT kind FROM event"), "manifest-unreadable");
    assert_int_equal(rig_number(&rig, "SELECT kind FROM document"), 2);
    assert_string_equal(missing(one, 8, NULL), "C");
}

static void bytes_without_their_digest_are_a_lie(void **state)
{
    struct digest image = rig_digest('I', 1), ignored, id = rig_digest('M', 7);

    (void)state;
    assert_int_equal(give(one, &id, make_manifest(&image, 1, 2, &ignored), 0), APPLY_LIE);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM document"), 0);
}

static void a_cut_one_counts_as_unconfirmed_until_it_is(void **state)
{
    struct digest image, ignored, id = rig_digest('M', 7);
    const char *config = rig_config(&rig, layers, 2, &image);
    const char *text = make_manifest(&image, 1, 2, &ignored);

    (void)state;
    rig_document(&rig, one, &image, config, 0, 1020);
    give(one, &id, text, 1);
    assert_blobs("0:100:0 1:101:0");
    give(two, &id, text, 1);
    assert_blobs("0:100:1 1:101:1");
}

static void two_hosts_that_differ_are_both_not_believed(void **state)
{
    struct digest image, ignored, id = rig_digest('M', 7);
    const char *config = rig_config(&rig, layers, 2, &image);

    (void)state;
    rig_document(&rig, one, &image, config, 0, 1020);
    give(one, &id, make_manifest(&image, 1, 2, &ignored), 1);
    assert_int_equal(give(two, &id, make_manifest(&image, 5, 2, &ignored), 1), APPLY_DISPUTED);
    assert_blobs("");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest_blob"), 0);
    assert_int_equal(rig_number(&rig, "SELECT state FROM document WHERE kind = 2"), 4);
}

/* Who has said his word has nothing to add, and keeps nobody else from it. */
static void a_disputed_manifest_is_asked_of_a_third_host(void **state)
{
    struct digest image, ignored, id = rig_digest('M', 7);
    const char *config = rig_config(&rig, layers, 2, &image), *text;

    (void)state;
    rig_document(&rig, one, &image, config, 0, 1020);
    hold(one, &image, &id, REC_BY_CONFIG, true);
    hold(two, &image, &id, REC_BY_CONFIG, true);
    hold(three, &image, &id, REC_BY_CONFIG, true);
    text = make_manifest(&image, 1, 2, &ignored);
    give(one, &id, text, 1);
    give(two, &id, make_manifest(&image, 5, 2, &ignored), 1);
    assert_string_equal(missing(one, 8, NULL), "");
    assert_string_equal(missing(two, 8, NULL), "");
    assert_string_equal(missing(three, 8, &id), "m");
    assert_int_equal(give(three, &id, make_manifest(&image, 1, 2, &ignored), 1), APPLY_CONFIRMED);
    assert_string_equal(missing(three, 8, NULL), "");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest_blob"), 2);
}

/* Which of the two it is, only its bytes say: it stays one document all the same. */
static void a_manifest_here_and_an_index_there_contradict(void **state)
{
    struct digest image = rig_digest('I', 1), ignored, id = rig_digest('M', 7);

    (void)state;
    give(one, &id, make_manifest(&image, 1, 2, &ignored), 1);
    assert_int_equal(give(two, &id, "{\"manifests\":[]}", 1), APPLY_DISPUTED);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM document"), 1);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest"), 0);
}

static void newer_rules_may_show_that_it_is_an_index(void **state)
{
    struct digest image = rig_digest('I', 1), ignored, id = rig_digest('M', 7);

    (void)state;
    give(one, &id, make_manifest(&image, 1, 2, &ignored), 1);
    assert_int_equal(give(two, &id, "{\"manifests\":[]}", 2), APPLY_TAKEN);
    assert_int_equal(rig_number(&rig, "SELECT kind FROM document"), 3);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM manifest"), 0);
}

static void a_withdrawn_image_takes_its_layers_blobs_along(void **state)
{
    struct digest image, ignored, id, real = rig_digest('I', 9);
    const char *config = rig_config(&rig, layers, 2, &image);

    (void)state;
    rig_document(&rig, one, &real, config, 1, 1020); /* the same layers under a cut config */
    give(one, &id, make_manifest(&real, 1, 2, &id), 0);
    assert_blobs("0:100:0 1:101:0");
    rig_document(&rig, two, &real, rig_config(&rig, layers, 3, &ignored), 1, 1030);
    assert_blobs("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_is_asked_of_hosts_that_can_give_it),
        TEST(an_image_known_by_its_manifest_asks_for_it),
        TEST(a_store_that_comes_to_give_manifests_is_asked),
        TEST(a_cut_manifest_is_asked_of_a_second_host),
        TEST(a_manifest_that_nobody_gives_is_told_once_an_hour),
        TEST(each_host_is_told_of_the_same_listing),
        TEST(a_new_stream_is_told_again),
        TEST(only_listings_that_come_anew_are_told),
        TEST(marks_go_back_with_their_transaction),
        TEST(later_listings_get_their_turn),
        TEST(configs_leave_manifests_their_room),
        TEST(a_listing_of_many_digests_holds_up_nobody),
        TEST(blobs_are_known_when_both_documents_are),
        TEST(the_order_in_which_they_come_does_not_matter),
        TEST(a_manifest_of_another_count_says_nothing_of_layers),
        TEST(an_index_is_stored_as_one),
        TEST(what_is_no_manifest_is_kept_and_told),
        TEST(bytes_without_their_digest_are_a_lie),
        TEST(a_cut_one_counts_as_unconfirmed_until_it_is),
        TEST(two_hosts_that_differ_are_both_not_believed),
        TEST(a_disputed_manifest_is_asked_of_a_third_host),
        TEST(a_manifest_here_and_an_index_there_contradict),
        TEST(newer_rules_may_show_that_it_is_an_index),
        TEST(a_withdrawn_image_takes_its_layers_blobs_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
