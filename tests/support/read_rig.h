/*
 * read_rig: a database that made-up hosts report three images to, and what a reader makes of it.
 *
 * Functions that return nothing fail the test where something goes wrong.
 */
#ifndef TESTS_SUPPORT_READ_RIG_H
#define TESTS_SUPPORT_READ_RIG_H

#include "collector/store/read_fleet.h"
#include "tests/support/store_rig.h"

enum { BASE, APP, OTHER, IMAGES };

extern const unsigned read_rig_layers[IMAGES][3];
extern const size_t read_rig_depths[IMAGES];

struct read_rig {
    struct store_rig db;
    struct digest ids[IMAGES]; /* whose configs are here */
    int64_t web, build;        /* incarnations of "web-1" and "build-1", which said hello at 1000 */
    uint64_t generation;
    struct read_options options;
    struct store *reader; /* NULL before the first reading */
    struct fleet fleet;   /* the last reading's */
    struct reading *reading;
};

/* A new database with the two hosts and the configs; and its end, with store_check(). */
void read_rig_open(struct read_rig *r);
void read_rig_close(struct read_rig *r);

/* A host's only store is `key` now, with one image under a name, or none where it is NULL; with a
 * repo digest of "docker.io/x" where it is not 0. */
void read_rig_report(struct read_rig *r, int64_t incarnation, unsigned key, uint32_t owner,
                     int image, const char *name, unsigned digest, int64_t at_s);

/* Ends the last reading and begins a transaction; the same, and reads the fleet. */
void read_rig_begin(struct read_rig *r);
void read_rig_read(struct read_rig *r);
void read_rig_read_as_of(struct read_rig *r, int64_t at_s);

/* What was read: a host by its name, its index, and the index of an image. */
const struct fleet_host *read_rig_host(const struct read_rig *r, const char *name);
uint32_t read_rig_host_index(const struct read_rig *r, const char *name);
uint32_t read_rig_image(const struct read_rig *r, int image);

/* The only image of a host's first store, with its only name: "0:debian:12"; "" nothing. In a text
 * that the next call changes. */
const char *read_rig_held(const struct read_rig *r, const struct fleet *f, const char *host);

#endif
