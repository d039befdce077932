/*
 * scan_rig: a scan of the fake engine's stores, with its loop, for the tests of scan.
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_SCAN_RIG_H
#define TESTS_SUPPORT_SCAN_RIG_H

#include "agent/memory.h"
#include "agent/scan.h"
#include "tests/support/fake_engine.h"
#include "tests/support/run_until.h"
#include "tests/support/tempdir.h"

#define NEVER_MS 3600000
#define LOOK_MS 50

struct scan_rig {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out, closed;
    struct tempdir dir;
    struct scan *scan;
    struct memory memory;

    /* for scan_rig_start() to say; what setup makes of them is in brackets */
    int64_t look_ms, absent_ms, full_ms;        /* LOOK_MS, NEVER_MS, NEVER_MS */
    int64_t find_gap_ms;                        /* SCAN_FIND_GAP_MS */
    const struct engine_driver *const *drivers; /* fake_drivers */
    struct engine_texts skip;                   /* none */
    bool use_api;                               /* no */

    /* what it told */
    struct inventory *last;
    unsigned inventories, looks;
};

/* For cmocka_unit_test_setup_teardown(): *state is a rig, the store "/a" has "one two". */
int scan_rig_setup(void **state);
int scan_rig_teardown(void **state);

/* Opens the scan with what the rig says. */
void scan_rig_start(struct scan_rig *f);
/* Closes it, and does not wait: f->closed tells. */
void scan_rig_close(struct scan_rig *f);
/* Closes it and waits. */
void scan_rig_stop(struct scan_rig *f);

/* Until that many more whole rounds of looks were made. */
void scan_rig_looks(struct scan_rig *f, unsigned count);
/* Until a look at the store hangs. */
void scan_rig_until_hung(struct scan_rig *f, const char *path);

/* In the last inventory: NULL and 0 where the store is not in it. */
const struct inventory_store *scan_rig_store(const struct scan_rig *f, const char *path);
enum rec_store_state scan_rig_state(const struct scan_rig *f, const char *path);
size_t scan_rig_images(const struct scan_rig *f, const char *path);

#endif
