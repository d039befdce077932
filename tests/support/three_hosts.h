/*
 * three_hosts: the fixture of tests of what reports do to the database: one database, three hosts
 * that have said hello. A file that includes it has its own.
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_THREE_HOSTS_H
#define TESTS_SUPPORT_THREE_HOSTS_H

#include "tests/support/store_rig.h"

static struct store_rig rig;
static int64_t one, two, three; /* incarnations of three hosts */

static const unsigned layers[] = {1, 2, 2, 3}; /* a layer may stand there twice */

/* cmocka setup and teardown. */
static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    one = rig_hello(&rig, 1, "web-1", 1000);
    two = rig_hello(&rig, 2, "web-2", 1000);
    three = rig_hello(&rig, 3, "web-3", 1000);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

#endif
