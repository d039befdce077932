/*
 * uplink_rig: an uplink and a fake collector on one loop, and a fake engine with the store "/a"
 * that holds the images "one" and "two".
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_UPLINK_RIG_H
#define TESTS_SUPPORT_UPLINK_RIG_H

#include "agent/uplink.h"
#include "tests/support/fake_collector.h"
#include "tests/support/run_until.h"

struct uplink_rig {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out;
    struct fake_collector collector;
    struct uplink *uplink;
    unsigned synced, measures;
    struct digest measured; /* the layer wanted last */
    bool closed;
};

/* For cmocka. The teardown fails where a handle is left. */
int uplink_rig_setup(void **state);
int uplink_rig_teardown(void **state);

/* The setup starts it already. */
void uplink_rig_start(struct uplink_rig *f);
void uplink_rig_stop(struct uplink_rig *f);

/* Gives the uplink the inventory of these stores as they are now. */
void uplink_rig_report(struct uplink_rig *f, const char *paths);

/* Some turns of the loop with a pause, for what must not happen. */
void uplink_rig_idle(struct uplink_rig *f);

#endif
