/*
 * content_rig: passes over the blobs of a layout of a test's own making, as a driver makes them,
 * each with what the one before it kept.
 *
 * Every function ends the program, or the test, where something fails that must not.
 */
#ifndef TESTS_SUPPORT_CONTENT_RIG_H
#define TESTS_SUPPORT_CONTENT_RIG_H

#include "agent/engines/content_records.h"
#include "tests/support/oci_store.h"

struct content_rig {
    struct tempdir dir;
    struct oci_store store;
    struct engine_root root;
    struct engine_reading reading, last;
    struct content_kept kept;
    struct pass pass;
    struct content_look look;
    int fd;       /* of the blobs */
    size_t reads; /* of blobs in this pass */
};

/* For cmocka: *state is the rig. */
int content_rig_setup(void **state);
int content_rig_teardown(void **state);

/* Ends the pass, and begins the next one. Call it before the first one too. */
void content_rig_pass(struct content_rig *r);

/* Follows one target. */
struct content_found content_rig_at(struct content_rig *r, const struct digest *digest,
                                    const char *media_type);

/* Takes a blob away, or puts other bytes in its place. */
void content_rig_remove(struct content_rig *r, const struct digest *digest);
void content_rig_spoil(struct content_rig *r, const struct digest *digest, const char *text);

/* The pass's problem of this number is about `subject` and says `words`. */
void content_rig_assert_problem(const struct content_rig *r, size_t number, const char *subject,
                                const char *words);

/* An index of two platforms' images. */
struct content_rig_platforms {
    struct digest index, amd, arm, amd_config, arm_config;
};
struct content_rig_platforms content_rig_platforms(struct content_rig *r);

#endif
