#include "tests/support/unit.h"

#include "tests/support/read_rig.h"

enum { USER = 1000, FORGED = 7, IN_INDEX = 8, INDEX = 9, LAYERS = 3 };

/* What manifests say of a base counts for an image where a store of root's lists it with them. */
static struct read_rig rig;

static int open_rig(void **state)
{
    (void)state;
    read_rig_open(&rig);
    rig.db.damaged = true; /* no document says what the tests write */
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    read_rig_close(&rig);
    return 0;
}

/* A manifest 'M' of an image with an annotation. */
static void write_manifest_of(unsigned image, unsigned manifest, int layers, const char *reference)
{
    const struct digest digest = rig_digest('M', manifest);
    char hex[DIGEST_HEX + 1], config[DIGEST_HEX + 1], sql[1024];

    digest_hex(&digest, hex);
    digest_hex(&rig.ids[image], config);
    snprintf(sql, sizeof(sql),
             "INSERT INTO manifest (digest, config, layer_count) VALUES (x'%s', x'%s', %d);"
             "INSERT INTO manifest_evidence (manifest, source, seq, reference)"
             " VALUES (x'%s', 1, 0, '%s')",
             hex, config, layers, hex, reference);
    rig_execute(&rig.db, sql);
}

static void write_manifest(unsigned manifest, int layers, const char *reference)
{
    write_manifest_of(APP, manifest, layers, reference);
}

/* How many rows APP has after a reading. */
static uint32_t read_rows_of_app(void)
{
    read_rig_read(&rig);
    return rig.fleet.images[read_rig_image(&rig, APP)].evidence.count;
}

static void a_manifest_that_nobody_lists_says_nothing_of_the_image_it_names(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(FORGED, LAYERS, "forged");
    assert_int_equal(read_rows_of_app(), 0);
    write_manifest(1, LAYERS, "listed");
    assert_int_equal(read_rows_of_app(), 1);
    assert_string_equal(rig.fleet.evidence[0].reference, "listed");
}

static void a_manifest_that_only_users_list_says_nothing(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.build, 1, 0, APP, "app:1", 0, 1010);
    read_rig_report(&rig, rig.web, 1, USER, APP, "app:1", FORGED, 1010);
    write_manifest(FORGED, LAYERS, "forged");
    assert_int_equal(read_rows_of_app(), 0);
}

static void a_manifest_that_root_lists_another_image_with_says_nothing(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, OTHER, "other:1", FORGED, 1010);
    write_manifest(FORGED, LAYERS, "forged");
    assert_int_equal(read_rows_of_app(), 0);
}

static void a_manifest_of_other_layers_says_nothing(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", FORGED, 1010);
    write_manifest(FORGED, LAYERS + 1, "forged");
    assert_int_equal(read_rows_of_app(), 0);
}

static void a_listed_index_vouches_for_the_manifests_that_it_attests(void **state)
{
    const struct digest in_index = rig_digest('M', 1), subject = rig_digest('M', IN_INDEX);
    char hex[DIGEST_HEX + 1], hex_subject[DIGEST_HEX + 1], sql[512];

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(IN_INDEX, LAYERS, "of the index");
    assert_int_equal(read_rows_of_app(), 0);
    digest_hex(&in_index, hex);
    digest_hex(&subject, hex_subject);
    snprintf(sql, sizeof(sql),
             "INSERT INTO attestation (in_index, manifest, subject)"
             " VALUES (x'%s', randomblob(32), x'%s'), (randomblob(32), randomblob(32), x'%s')",
             hex, hex_subject, hex_subject);
    rig_execute(&rig.db, sql);
    assert_int_equal(read_rows_of_app(), 1);
}

/* A statement 'S' of attestation 'A' with a material. */
static void write_statement(unsigned attestation, unsigned statement, const char *reference)
{
    const struct digest manifest = rig_digest('A', attestation), own = rig_digest('S', statement);
    char hex[DIGEST_HEX + 1], hex_own[DIGEST_HEX + 1], sql[512];

    digest_hex(&manifest, hex);
    digest_hex(&own, hex_own);
    snprintf(sql, sizeof(sql),
             "INSERT INTO provenance (manifest, statement) VALUES (x'%s', x'%s');"
             "INSERT INTO material (statement, seq, reference) VALUES (x'%s', 0, '%s')",
             hex, hex_own, hex_own, reference);
    rig_execute(&rig.db, sql);
}

/* Index 'M' has attestation 'A', which is about manifest 'M' of APP. */
static void write_attestation_in(unsigned in_index, unsigned attestation, unsigned about)
{
    const struct digest index = rig_digest('M', in_index), subject = rig_digest('M', about);
    const struct digest manifest = rig_digest('A', attestation);
    char hex_index[DIGEST_HEX + 1], hex[DIGEST_HEX + 1], hex_subject[DIGEST_HEX + 1], sql[512];

    digest_hex(&index, hex_index);
    digest_hex(&manifest, hex);
    digest_hex(&subject, hex_subject);
    snprintf(sql, sizeof(sql),
             "INSERT INTO attestation (in_index, manifest, subject)"
             " VALUES (x'%s', x'%s', x'%s')",
             hex_index, hex, hex_subject);
    rig_execute(&rig.db, sql);
}

static void write_subject(unsigned statement, unsigned about)
{
    const struct digest own = rig_digest('S', statement), subject = rig_digest('M', about);
    char hex[DIGEST_HEX + 1], hex_subject[DIGEST_HEX + 1], sql[512];

    digest_hex(&own, hex);
    digest_hex(&subject, hex_subject);
    snprintf(sql, sizeof(sql), "INSERT INTO statement_subject VALUES (x'%s', x'%s')", hex,
             hex_subject);
    rig_execute(&rig.db, sql);
}

/* What APP has after a reading: "a b". */
static const char *references_of_app(void)
{
    static char out[4096];
    size_t at = 0;

    read_rows_of_app();
    out[0] = '\0';
    for (size_t i = 0; i < rig.fleet.evidence_count; i++) {
        assert_int_equal(rig.fleet.evidence[i].image, read_rig_image(&rig, APP));
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s", i > 0 ? " " : "",
                               rig.fleet.evidence[i].reference);
    }
    return out;
}

static void statements_tell_of_the_manifests_that_their_attestation_is_about(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", INDEX, 1005);
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(1, LAYERS, "annotated");
    write_statement(1, 1, "b");
    write_statement(1, 2, "a");
    write_statement(2, 3, "of another attestation");
    write_attestation_in(INDEX, 2, 9);
    assert_string_equal(references_of_app(), "annotated");
    write_attestation_in(FORGED, 1, 1); /* an index that nobody lists the image with */
    assert_string_equal(references_of_app(), "annotated");
    write_attestation_in(INDEX, 1, 1);
    assert_string_equal(references_of_app(), "annotated a b");
}

static void a_statement_about_others_says_nothing(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", INDEX, 1005);
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(1, LAYERS, "annotated");
    write_statement(1, 1, "a");
    write_attestation_in(INDEX, 1, 1);
    write_subject(1, 9);
    assert_string_equal(references_of_app(), "annotated");
    write_subject(1, 1);
    assert_string_equal(references_of_app(), "annotated a");
}

static void an_attestation_of_an_unlisted_index_says_nothing_beside_a_listed_one(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", INDEX, 1005);
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(1, LAYERS, "annotated");
    write_statement(1, 1, "forged");
    write_statement(2, 2, "listed");
    write_attestation_in(FORGED, 1, 1);
    write_attestation_in(INDEX, 2, 1);
    assert_string_equal(references_of_app(), "annotated listed");
}

static void statements_without_materials_take_no_room(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", INDEX, 1005);
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(1, LAYERS, "annotated");
    write_attestation_in(INDEX, 1, 1);
    for (unsigned i = 1; i <= 100; i++)
        write_statement(1, i, "none");
    rig_execute(&rig.db, "DELETE FROM material");
    write_statement(1, 200, "a");
    assert_string_equal(references_of_app(), "annotated a");
}

static void of_many_statements_the_first_count(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", INDEX, 1005);
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 1, 1010);
    write_manifest(1, LAYERS, "annotated");
    write_attestation_in(INDEX, 1, 1);
    for (unsigned i = 1; i <= 20; i++) {
        char reference[32];

        snprintf(reference, sizeof(reference), "base-%03u", i);
        write_statement(1, i, reference);
    }
    assert_int_equal(read_rows_of_app(), 1 + 16);
}

static void of_many_rows_the_first_count(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 300; i++) {
        char reference[32];

        read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", i, 1010 + i);
        snprintf(reference, sizeof(reference), "base-%03u", i);
        write_manifest(i, LAYERS, reference);
    }
    assert_int_equal(read_rows_of_app(), 256);
    for (unsigned i = 0; i < 256; i++) {
        char reference[32];

        snprintf(reference, sizeof(reference), "base-%03u", i + 1);
        assert_string_equal(rig.fleet.evidence[i].reference, reference);
    }
}

static void assert_zebra_is_last(size_t rows)
{
    const struct fleet_evidence *last;

    assert_int_equal(read_rows_of_app(), rows);
    last = &rig.fleet.evidence[rows - 1];
    assert_string_equal(last->reference, "zebra");
    assert_int_equal(last->said.count, 1);
}

/* As many listings of `store` of web-1, each with a manifest of its own. */
static void list_many(unsigned store, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char reference[32];

        read_rig_report(&rig, rig.web, store, 0, APP, "app:1", i, 1010 + i);
        snprintf(reference, sizeof(reference), "base-%04u", i);
        write_manifest(i, LAYERS, reference);
    }
}

static void nobody_crowds_out_what_another_host_lists(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 80; i++) {
        read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", i, 1010 + i);
        write_manifest(i, LAYERS, i % 2 == 0 ? "a" : "b"); /* doubles take no room */
    }
    for (unsigned store = 1; store <= 4; store++)
        list_many(store, 1000 + 80 * store, 80);
    read_rig_report(&rig, rig.build, 1, 0, APP, "app:1", 200, 2500);
    write_manifest(200, LAYERS, "zebra");
    assert_zebra_is_last(256 + 1); /* of one host, whatever its stores */
    assert_string_equal(rig.fleet.evidence[1].reference, "b");
    assert_int_equal(rig.fleet.evidence[1].said.count, 40);
    assert_int_equal(
        rig.fleet.said[rig.fleet.evidence_said[rig.fleet.evidence[256].said.first]].root.store,
        rig.fleet.hosts[read_rig_host_index(&rig, "build-1")].stores.first);
}

/* What a host may say is of each image. */
static void many_rows_of_one_image_leave_room_for_the_next(void **state)
{
    (void)state;
    for (unsigned store = 1; store <= 4; store++)
        list_many(store, 1000 + 80 * store, 80);
    read_rig_report(&rig, rig.web, 1, 0, OTHER, "other:1", FORGED, 2500);
    write_manifest_of(OTHER, FORGED, 1, "own");
    assert_int_equal(read_rows_of_app(), 256);
    assert_int_equal(rig.fleet.images[read_rig_image(&rig, OTHER)].evidence.count, 1);
}

/* The listing is known by who had it first. */
static void nobody_crowds_out_what_he_was_the_first_to_list(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, APP, "app:1", 200, 1005);
    list_many(1, 101, 80);
    read_rig_report(&rig, rig.build, 1, 0, APP, "app:1", 200, 1500);
    write_manifest(200, LAYERS, "zebra");
    assert_zebra_is_last(80 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
        T(a_manifest_that_nobody_lists_says_nothing_of_the_image_it_names),
        T(a_manifest_that_only_users_list_says_nothing),
        T(a_manifest_that_root_lists_another_image_with_says_nothing),
        T(a_manifest_of_other_layers_says_nothing),
        T(a_listed_index_vouches_for_the_manifests_that_it_attests),
        T(statements_tell_of_the_manifests_that_their_attestation_is_about),
        T(a_statement_about_others_says_nothing),
        T(an_attestation_of_an_unlisted_index_says_nothing_beside_a_listed_one),
        T(statements_without_materials_take_no_room),
        T(of_many_statements_the_first_count),
        T(of_many_rows_the_first_count),
        T(nobody_crowds_out_what_another_host_lists),
        T(many_rows_of_one_image_leave_room_for_the_next),
        T(nobody_crowds_out_what_he_was_the_first_to_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
