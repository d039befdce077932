/*
 * mirror_equal: compares what the writer keeps in memory with what it would read from the file.
 */
#ifndef TESTS_SUPPORT_MIRROR_EQUAL_H
#define TESTS_SUPPORT_MIRROR_EQUAL_H

#include "tests/support/store_rig.h"

/* Between two transactions: fails the test where the mirror that the store keeps up is another one
 * than that which its file makes, in rows, lists, dictionary or counters. */
void assert_mirror_as_file(struct store_rig *r);

#endif
