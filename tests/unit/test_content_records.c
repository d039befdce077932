/* The table of blobs, and the records that come of it. */
#include "tests/support/unit.h"

#include "agent/engines/content_records.h"
#include "common/cleanup.h"
#include "tests/support/content_rig.h"

static const char *const one[] = {"a", "b", NULL};

static void assert_digest(const struct digest *a, const struct digest *b)
{
    assert_memory_equal(a->bytes, b->bytes, DIGEST_BYTES);
}

/* ---- blobs ----------------------------------------------------------------------------------- */

static void names_that_are_no_blobs_are_strays(void **state)
{
    struct content_rig *r = *state;
    struct digest blob = oci_store_blob(&r->store, "b");
    char path[PATH_MAX];

    tempdir_write_text(&r->dir, oci_store_below(&r->store, "blobs/sha256/tmp1", path), "t");
    tempdir_mkdir(&r->dir, oci_store_blob_path(&r->store, &(struct digest){{1}}, path));
    content_rig_pass(r);
    assert_int_equal(r->look.blobs.count, 1);
    assert_int_equal(r->look.blobs.items[0].size, 1);
    assert_digest(&r->look.blobs.items[0].digest, &blob);
    assert_int_equal(r->look.blobs.stray_count, 2);
    assert_false(r->look.blobs.strays[0].is_file);
    assert_true(r->look.blobs.strays[1].is_file);
    assert_string_equal(r->look.blobs.strays[1].name, "tmp1");
}

static void a_blob_is_given_only_with_its_digest(void **state)
{
    struct content_rig *r = *state;
    struct digest blob = oci_store_blob(&r->store, "b");
    AUTO(buf_close) struct buf out;
    struct err err;

    buf_init(&out, 100);
    assert_ok(content_blob_verified(r->fd, &blob, &out, &err));
    assert_string_equal(buf_str(&out), "b");
    content_rig_spoil(r, &blob, "c");
    assert_fails(content_blob_verified(r->fd, &blob, &out, &err), ERR_CORRUPT, "another digest");
    assert_int_equal(out.len, 0);
}

/* ---- records --------------------------------------------------------------------------------- */

static void put(struct content_records *records, const struct content_found *found, bool unpacked,
                const char *name, const char *repository, const struct digest *target)
{
    struct err err;

    for (size_t i = 0; i < found->image_count; i++)
        assert_ok(content_records_put(records, &found->images[i], unpacked, name, repository,
                                      target, &err));
}

static void names_of_one_image_are_merged_and_sorted(void **state)
{
    struct content_rig *r = *state;
    struct content_rig_platforms p = content_rig_platforms(r);
    AUTO(content_records_close) struct content_records records = {0};
    const struct rec_content *content = &r->reading.content;
    const struct rec_image *amd;
    struct content_found index, manifest;
    struct err err;

    content_rig_pass(r);
    records.pass = &r->pass;
    index = content_rig_at(r, &p.index, OCI_INDEX);
    manifest = content_rig_at(r, &p.amd, OCI_MANIFEST);
    put(&records, &index, false, "r.io/b:2", "r.io/b", &p.index);
    put(&records, &manifest, true, "r.io/a:1", "r.io/a", &p.amd);
    put(&records, &manifest, false, "r.io/a:1", NULL, &p.amd);
    put(&records, &manifest, false, NULL, "r.io/a", &p.amd);
    assert_ok(content_records_finish(&records, &err));
    assert_int_equal(content->image_count, 2);
    assert_true(rec_image_cmp(&content->images[0], &content->images[1]) < 0);
    amd = &content->images[!digest_eq(&content->images[0].id, &p.amd_config)];
    assert_digest(&amd->id, &p.amd_config);
    assert_int_equal(amd->identity, REC_BY_CONFIG);
    assert_true(amd->unpacked);
    assert_int_equal(amd->name_count, 2);
    assert_string_equal(amd->names[0], "r.io/a:1");
    assert_string_equal(amd->names[1], "r.io/b:2");
    assert_int_equal(amd->repo_digest_count, 3); /* a@manifest, b@index, b@manifest */
    assert_string_equal(amd->repo_digests[0].repository, "r.io/a");
    assert_digest(&amd->repo_digests[0].digest, &p.amd);
    assert_string_equal(amd->repo_digests[2].repository, "r.io/b");
}

static void names_past_what_is_allowed_are_a_problem(void **state)
{
    struct content_rig *r = *state;
    struct digest manifest = oci_store_image(&r->store, "amd64", one);
    AUTO(content_records_close) struct content_records records = {0};
    char name[REC_NAME_BYTES + 2] = "";
    struct content_found found;
    struct err err;

    content_rig_pass(r);
    records.pass = &r->pass;
    found = content_rig_at(r, &manifest, OCI_MANIFEST);
    memset(name, 'x', REC_NAME_BYTES + 1);
    put(&records, &found, false, name, NULL, &manifest);
    put(&records, &found, false, "a\nb", NULL, &manifest);
    assert_int_equal(r->pass.problem_count, 2);
    content_rig_assert_problem(r, 1, "image sha256:", "no text");
    for (int i = 0; i < REC_NAMES_MAX + 3; i++) {
        const char *many = pass_text(&r->pass, &err, "n:%d", i);

        put(&records, &found, false, many, NULL, &manifest);
    }
    assert_ok(content_records_finish(&records, &err));
    assert_int_equal(r->reading.content.image_count, 1);
    assert_int_equal(r->reading.content.images[0].name_count, REC_NAMES_MAX);
    content_rig_assert_problem(r, 2, "image sha256:", "3 names more than the limit of 1000");
}

#define with_rig(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, content_rig_setup, content_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_rig(names_that_are_no_blobs_are_strays),
        with_rig(a_blob_is_given_only_with_its_digest),
        with_rig(names_of_one_image_are_merged_and_sorted),
        with_rig(names_past_what_is_allowed_are_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
