/*
 * greeting: what a simulated host says of itself, whoever carries it to the collector.
 *
 * Threads: plain data.
 */
#ifndef TESTS_FLEET_GREETING_H
#define TESTS_FLEET_GREETING_H

#include "common/record.h"

/* Machine and incarnation follow from the name; generation and clock are the caller's to fill. The
 * texts are kept by reference. */
struct rec_hello greeting(const char *name, const char *cluster, const char *arch);

#endif
