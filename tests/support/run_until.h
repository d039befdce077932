/*
 * run_until: waiting in a test without sleeping: the loop runs until something holds.
 *
 * `f` points to any fixture with a uv_loop_t `loop` and a bool `timed_out`, which the fixture's own
 * watchdog timer sets (after 20 seconds everywhere); then the test fails and names the condition.
 */
#ifndef TESTS_SUPPORT_RUN_UNTIL_H
#define TESTS_SUPPORT_RUN_UNTIL_H

#include <uv.h>

#include "tests/support/unit.h"

#define run_until(f, cond)                                                                         \
    do {                                                                                           \
        while (!(cond) && !(f)->timed_out)                                                         \
            uv_run(&(f)->loop, UV_RUN_ONCE);                                                       \
        if (!(cond))                                                                               \
            fail_msg("waited in vain for: %s", #cond);                                             \
    } while (0)

#endif
