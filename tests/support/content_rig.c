#include "tests/support/content_rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/support/unit.h"

static int read_blob(void *context, const struct digest *digest, struct buf *out, struct err *err)
{
    struct content_rig *r = context;

    r->reads++;
    return content_blob_read(r->fd, digest, out, err);
}

void content_rig_pass(struct content_rig *r)
{
    arena_close(&r->last.arena);
    r->kept = content_look_keep(&r->look);
    r->last = r->reading;
    r->reading = (struct engine_reading){0};
    check(arena_open(&r->reading.arena, 256 << 20, NULL) == 0);
    buf_close(&r->pass.file);
    r->pass = (struct pass){.root = &r->root, .reading = &r->reading, .arena = r->reading.arena};
    buf_init(&r->pass.file, 16 << 20);
    r->look = (struct content_look){.pass = &r->pass,
                                    .last = r->last.arena != NULL ? &r->kept : NULL,
                                    .read = read_blob,
                                    .context = r};
    r->reads = 0;
    check(content_blobs_list(&r->look.blobs, r->fd, "blobs", r->pass.arena, NULL) == 0);
}

int content_rig_setup(void **state)
{
    struct content_rig *r = calloc(1, sizeof(*r));
    char path[PATH_MAX], below[PATH_MAX];

    check(r != NULL);
    tempdir_open(&r->dir);
    oci_store_open(&r->store, &r->dir, "layout");
    r->root = oci_store_root(&r->store);
    r->fd = open(tempdir_path(&r->dir, oci_store_below(&r->store, "blobs/sha256", below), path),
                 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(r->fd >= 0);
    *state = r;
    return 0;
}

int content_rig_teardown(void **state)
{
    struct content_rig *r = *state;

    arena_close(&r->last.arena);
    arena_close(&r->reading.arena);
    buf_close(&r->pass.file);
    close(r->fd);
    oci_store_close(&r->store);
    tempdir_close(&r->dir);
    free(r);
    return 0;
}

struct content_found content_rig_at(struct content_rig *r, const struct digest *digest,
                                    const char *media_type)
{
    const struct image_descriptor target = {.digest = *digest, .media_type = media_type};
    struct content_found found = {0};
    struct err err;

    assert_ok(content_look_at(&r->look, &target, &found, &err));
    return found;
}

void content_rig_remove(struct content_rig *r, const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];

    check(unlinkat(r->fd, digest_hex(digest, hex), 0) == 0);
}

void content_rig_spoil(struct content_rig *r, const struct digest *digest, const char *text)
{
    char path[PATH_MAX];

    content_rig_remove(r, digest);
    tempdir_write_text(&r->dir, oci_store_blob_path(&r->store, digest, path), text);
}

void content_rig_assert_problem(const struct content_rig *r, size_t number, const char *subject,
                                const char *words)
{
    assert_true(number < r->pass.problem_count);
    assert_non_null(strstr(r->pass.problems[number].subject, subject));
    if (strstr(r->pass.problems[number].text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, r->pass.problems[number].text);
}

struct content_rig_platforms content_rig_platforms(struct content_rig *r)
{
    static const char *const amd[] = {"a", "b", NULL}, *const arm[] = {"a", "c", "a", NULL};
    struct content_rig_platforms p = {.amd_config = oci_store_config(&r->store, "amd64", amd),
                                      .arm_config = oci_store_config(&r->store, "arm64", arm)};
    char text[2][OCI_STORE_DESCRIPTOR], both[3 * OCI_STORE_DESCRIPTOR];

    p.amd = oci_store_manifest(&r->store, &p.amd_config, amd);
    p.arm = oci_store_manifest(&r->store, &p.arm_config, arm);
    snprintf(both, sizeof(both), "%s,%s", oci_store_descriptor(&p.amd, OCI_MANIFEST, "", text[0]),
             oci_store_descriptor(&p.arm, OCI_MANIFEST, "", text[1]));
    p.index = oci_store_index(&r->store, both);
    return p;
}
