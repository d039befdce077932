#include "tests/support/unit.h"

#include <unistd.h>

#include "tests/support/content_rig.h"

enum { LATER_US = 50000 /* more than PASS_MOVING_NS */ };

static const char *const one[] = {"a", "b", NULL};
static const char *const other[] = {"a", "c", "a", NULL};

static bool is_named(const struct content_rig *r, const struct digest *digest)
{
    const struct content_blob *blob = content_blobs_find(&r->look.blobs, digest);

    assert_non_null(blob);
    return blob->named;
}

static void assert_digest(const struct digest *a, const struct digest *b)
{
    assert_memory_equal(a->bytes, b->bytes, DIGEST_BYTES);
}

/* ---- images ---------------------------------------------------------------------------------- */

static void a_manifest_leads_to_its_config_and_layers(void **state)
{
    struct content_rig *r = *state;
    struct digest config = oci_store_config(&r->store, "amd64", other);
    struct digest manifest = oci_store_manifest(&r->store, &config, other);
    struct digest a = oci_store_diff("a"), c = oci_store_diff("c");
    struct digest layer = oci_store_layer(&r->store, "c"), chain;
    struct content_found found;

    content_rig_pass(r);
    found = content_rig_at(r, &manifest, OCI_MANIFEST);
    assert_true(found.here);
    assert_int_equal(found.image_count, 1);
    assert_digest(&found.images[0].id, &config);
    assert_int_equal(found.images[0].identity, REC_BY_CONFIG);
    assert_digest(&found.images[0].manifest, &manifest);
    assert_int_equal(found.images[0].diff_count, 3);
    assert_digest(&found.images[0].diffs[1], &c);
    assert_digest(&found.images[0].chains[0], &a);
    chain = digest_chain(&a, &c);
    assert_digest(&found.images[0].chains[1], &chain);
    chain = digest_chain(&chain, &a);
    assert_digest(&found.images[0].chains[2], &chain);
    assert_int_equal(found.images[0].layer_count, 3);
    assert_digest(&found.images[0].layers[1].digest, &layer);
    assert_true(is_named(r, &manifest) && is_named(r, &config) && is_named(r, &layer));
    assert_int_equal(r->pass.problem_count, 0);
}

static void an_index_is_an_image_for_each_platform_that_is_here(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct content_found found;

    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 2);
    assert_int_equal(found.absent, 0);
    assert_true(found.images[0].in_index);
    content_rig_remove(r, &p.arm);
    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_digest(&found.images[0].id, &p.amd_config);
    assert_digest(&found.images[0].manifest, &p.amd);
    assert_int_equal(found.absent, 1);
    assert_int_equal(r->pass.problem_count, 0);
}

static void a_platform_without_its_config_is_absent(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct content_found found;

    content_rig_remove(r, &p.amd_config);
    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_digest(&found.images[0].id, &p.arm_config);
    assert_int_equal(found.absent, 1);
}

static void an_index_of_which_nothing_is_here_is_listed_by_its_digest(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct content_found found;

    content_rig_remove(r, &p.amd);
    content_rig_remove(r, &p.arm_config);
    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    assert_digest(&found.images[0].id, &p.index);
    assert_int_equal(found.absent, 2);
}

static void a_target_that_is_not_here_says_so(void **state)
{
    struct content_rig *r = *state;
    struct digest nothing = oci_store_diff("nothing");

    content_rig_pass(r);
    assert_false(content_rig_at(r, &nothing, OCI_MANIFEST).here);
    assert_int_equal(r->pass.problem_count, 0);
}

static void an_attestation_is_no_image_and_its_blobs_are_named(void **state)
{
    struct content_rig *r = *state;
    struct digest image = oci_store_image(&r->store, "amd64", one);
    struct digest statement = oci_store_image(&r->store, "unknown", other);
    struct digest part = oci_store_layer(&r->store, "c");
    char text[2][OCI_STORE_DESCRIPTOR], both[3 * OCI_STORE_DESCRIPTOR];
    struct content_found found;
    struct digest index;

    snprintf(both, sizeof(both), "%s,%s", oci_store_descriptor(&image, OCI_MANIFEST, "", text[0]),
             oci_store_descriptor(&statement, OCI_MANIFEST,
                                  ",\"platform\":{\"os\":\"unknown\"},\"annotations\":{"
                                  "\"vnd.docker.reference.type\":\"attestation-manifest\"}",
                                  text[1]));
    index = oci_store_index(&r->store, both);
    content_rig_pass(r);
    found = content_rig_at(r, &index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.attestations, 1);
    assert_true(is_named(r, &statement) && is_named(r, &part));
}

static void an_artifact_is_listed_by_its_manifest(void **state)
{
    struct content_rig *r = *state;
    struct digest chart = oci_store_blob(&r->store, "a chart");
    struct content_found found;
    char text[OCI_STORE_DESCRIPTOR], json[2 * OCI_STORE_DESCRIPTOR];
    struct digest manifest;

    snprintf(json, sizeof(json), "{\"schemaVersion\":2,\"config\":%s,\"layers\":[]}",
             oci_store_descriptor(&chart, "application/vnd.cncf.helm.config.v1+json", "", text));
    manifest = oci_store_blob(&r->store, json);
    content_rig_pass(r);
    found = content_rig_at(r, &manifest, "");
    assert_int_equal(found.image_count, 1);
    assert_true(found.images[0].artifact);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    assert_digest(&found.images[0].id, &manifest);
    assert_true(is_named(r, &chart));
    assert_int_equal(r->pass.problem_count, 0);
}

static void an_image_without_its_config_is_listed_by_its_manifest(void **state)
{
    struct content_rig *r = *state;
    struct digest config = oci_store_config(&r->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&r->store, &config, one);
    struct content_found found;

    content_rig_remove(r, &config);
    content_rig_pass(r);
    found = content_rig_at(r, &manifest, OCI_MANIFEST);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    assert_true(found.images[0].config_absent);
    assert_int_equal(r->pass.problem_count, 0);
    content_rig_pass(r);
    r->look.complete = true;
    content_rig_at(r, &manifest, OCI_MANIFEST);
    content_rig_assert_problem(r, 0, "manifest sha256:", "its config is not here");
}

static void what_a_blob_is_not_read_as_is_only_named(void **state)
{
    struct content_rig *r = *state;
    struct digest blob = oci_store_blob(&r->store, "anything");
    struct content_found found;

    content_rig_pass(r);
    found = content_rig_at(r, &blob, "text/plain");
    assert_true(found.here);
    assert_int_equal(found.image_count, 0);
    assert_true(is_named(r, &blob));
    assert_int_equal(r->reads + r->pass.problem_count, 0);
}

/* ---- what is broken -------------------------------------------------------------------------- */

static void a_broken_config_is_told_once_however_many_lead_there(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct content_found found;

    content_rig_spoil(r, &p.amd_config, "{\"rootfs\":{}}");
    content_rig_pass(r);
    found = content_rig_at(r, &p.amd, OCI_MANIFEST);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    assert_false(found.images[0].config_absent);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_digest(&found.images[0].id, &p.arm_config);
    assert_int_equal(r->pass.problem_count, 1);
    content_rig_assert_problem(r, 0, "config sha256:", "its bytes have another digest");
}

static void a_broken_manifest_is_left_out(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct digest garbage = oci_store_blob(&r->store, "{\"schemaVersion\":2,");
    struct content_found found;

    content_rig_spoil(r, &p.amd, "");
    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.absent, 1);
    content_rig_assert_problem(r, 0, "manifest sha256:", "another digest");
    found = content_rig_at(r, &garbage, OCI_MANIFEST);
    assert_true(found.here);
    assert_int_equal(found.image_count, 0);
    content_rig_assert_problem(r, 1, "manifest sha256:", "JSON");
}

static void a_descriptor_that_claims_something_else_leads_nowhere(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);

    content_rig_pass(r);
    assert_int_equal(content_rig_at(r, &p.index, OCI_MANIFEST).image_count, 0);
    content_rig_assert_problem(r, 0, "manifest sha256:", "another media type");
    assert_int_equal(content_rig_at(r, &p.amd, OCI_INDEX).image_count, 0);
    assert_int_equal(r->pass.problem_count, 2);
    assert_int_equal(content_rig_at(r, &p.amd_config, OCI_MANIFEST).image_count, 0);
    content_rig_assert_problem(r, 2, "manifest sha256:", "neither a manifest nor an index");
}

static void a_config_that_tells_of_other_layers_is_a_problem(void **state)
{
    struct content_rig *r = *state;
    struct digest config = oci_store_config(&r->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&r->store, &config, other);

    content_rig_pass(r);
    assert_int_equal(content_rig_at(r, &manifest, OCI_MANIFEST).image_count, 1);
    content_rig_assert_problem(r, 0, "manifest sha256:", "3 layers, and its config tells of 2");
}

static void schema_1_is_listed_and_a_problem(void **state)
{
    struct content_rig *r = *state;
    struct digest manifest = oci_store_blob(&r->store, "{\"schemaVersion\":1,\"fsLayers\":[]}");
    struct content_found found;

    content_rig_pass(r);
    found = content_rig_at(r, &manifest, "");
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    content_rig_assert_problem(r, 0, "manifest sha256:", "schema 1");
}

static struct digest wrap(struct content_rig *r, const struct digest *inner, const char *media_type)
{
    char text[OCI_STORE_DESCRIPTOR];

    return oci_store_index(&r->store, oci_store_descriptor(inner, media_type, "", text));
}

static void indexes_lie_in_each_other_only_so_deep(void **state)
{
    struct content_rig *r = *state;
    struct digest image = oci_store_image(&r->store, "amd64", one);
    struct digest at_depth[CONTENT_DEPTH_MAX + 1];
    struct content_found found;

    at_depth[0] = wrap(r, &image, OCI_MANIFEST);
    for (int i = 1; i <= CONTENT_DEPTH_MAX; i++)
        at_depth[i] = wrap(r, &at_depth[i - 1], OCI_INDEX);
    content_rig_pass(r);
    assert_int_equal(
        content_rig_at(r, &at_depth[CONTENT_DEPTH_MAX - 1], OCI_INDEX).images[0].identity,
        REC_BY_CONFIG);
    assert_int_equal(r->pass.problem_count, 0);
    found = content_rig_at(r, &at_depth[CONTENT_DEPTH_MAX], OCI_INDEX);
    assert_int_equal(found.image_count, 1);
    assert_int_equal(found.images[0].identity, REC_BY_MANIFEST);
    content_rig_assert_problem(r, 0, "manifest sha256:", "more than 4 indexes");
}

/* Each level doubles the ways; each blob is met once. */
static void many_ways_to_one_image_are_one_image(void **state)
{
    struct content_rig *r = *state;
    struct digest inner = oci_store_image(&r->store, "amd64", one);
    const char *media_type = OCI_MANIFEST;
    char text[OCI_STORE_DESCRIPTOR], many[64 * OCI_STORE_DESCRIPTOR];

    for (int depth = 0; depth < CONTENT_DEPTH_MAX; depth++) {
        size_t len = 0;

        for (int i = 0; i < 50; i++)
            len += (size_t)snprintf(many + len, sizeof(many) - len, "%s%s", i > 0 ? "," : "",
                                    oci_store_descriptor(&inner, media_type, "", text));
        inner = oci_store_index(&r->store, many);
        media_type = OCI_INDEX;
    }
    content_rig_pass(r);
    assert_int_equal(content_rig_at(r, &inner, OCI_INDEX).image_count, 1);
    assert_true(r->look.followed < 1000);
}

/* ---- looking again --------------------------------------------------------------------------- */

static void what_stands_is_not_read_again(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    struct content_found found;

    usleep(LATER_US);
    content_rig_pass(r);
    content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(r->reads, 5);
    content_rig_at(r, &p.index, OCI_INDEX);
    content_rig_at(r, &p.amd, OCI_MANIFEST);
    assert_int_equal(r->reads, 5);
    content_rig_pass(r);
    found = content_rig_at(r, &p.index, OCI_INDEX);
    assert_int_equal(r->reads, 0);
    assert_int_equal(found.image_count, 2);
    content_rig_pass(r); /* what was taken is kept too */
    found = content_rig_at(r, &p.amd, OCI_MANIFEST);
    assert_int_equal(r->reads, 0);
    assert_digest(&found.images[0].id, &p.amd_config);
    assert_int_equal(found.images[0].diff_count, 2);
    assert_string_equal(found.images[0].layers[1].media_type, OCI_LAYER);
}

static void a_file_that_was_replaced_is_read_again(void **state)
{
    struct content_rig *r = *state;
    struct digest config = oci_store_config(&r->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&r->store, &config, one);

    usleep(LATER_US);
    content_rig_pass(r);
    content_rig_at(r, &manifest, OCI_MANIFEST);
    content_rig_spoil(r, &config, "garbage");
    content_rig_pass(r);
    assert_int_equal(content_rig_at(r, &manifest, OCI_MANIFEST).images[0].identity,
                     REC_BY_MANIFEST);
    assert_int_equal(r->reads, 1);
    assert_int_equal(r->pass.problem_count, 1);
    content_rig_pass(r); /* what is broken is told anew */
    content_rig_at(r, &manifest, OCI_MANIFEST);
    assert_int_equal(r->pass.problem_count, 1);
}

static void what_has_gone_since_it_was_listed_counts_as_vanished(void **state)
{
    struct content_rig *r = *state;
    struct digest manifest = oci_store_image(&r->store, "amd64", one);

    content_rig_pass(r);
    content_rig_remove(r, &manifest);
    assert_int_equal(content_rig_at(r, &manifest, OCI_MANIFEST).image_count, 0);
    assert_int_equal(r->pass.vanished, 1);
}

#define with_rig(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, content_rig_setup, content_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_rig(a_manifest_leads_to_its_config_and_layers),
        with_rig(an_index_is_an_image_for_each_platform_that_is_here),
        with_rig(a_platform_without_its_config_is_absent),
        with_rig(an_index_of_which_nothing_is_here_is_listed_by_its_digest),
        with_rig(a_target_that_is_not_here_says_so),
        with_rig(an_attestation_is_no_image_and_its_blobs_are_named),
        with_rig(an_artifact_is_listed_by_its_manifest),
        with_rig(an_image_without_its_config_is_listed_by_its_manifest),
        with_rig(what_a_blob_is_not_read_as_is_only_named),
        with_rig(a_broken_config_is_told_once_however_many_lead_there),
        with_rig(a_broken_manifest_is_left_out),
        with_rig(a_descriptor_that_claims_something_else_leads_nowhere),
        with_rig(a_config_that_tells_of_other_layers_is_a_problem),
        with_rig(schema_1_is_listed_and_a_problem),
        with_rig(indexes_lie_in_each_other_only_so_deep),
        with_rig(many_ways_to_one_image_are_one_image),
        with_rig(what_stands_is_not_read_again),
        with_rig(a_file_that_was_replaced_is_read_again),
        with_rig(what_has_gone_since_it_was_listed_counts_as_vanished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
