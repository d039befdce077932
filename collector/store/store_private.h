/*
 * store_private: what a store is made of. Private to collector/store: store.c and statements.c
 * own it, what reports do (apply_*.c and below) reads and changes the mirror.
 */
#ifndef COLLECTOR_STORE_STORE_PRIVATE_H
#define COLLECTOR_STORE_STORE_PRIVATE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "collector/store/mirror.h"
#include "collector/store/statements.h"
#include "collector/store/tally.h"
#include "common/buf.h"

#define STORE_SCRATCH_MAX (4u << 20) /* bytes: above one listing, and a store's attributes */

struct store {
    sqlite3 *db;
    char *path;
    bool writes;
    int lock_fd;                          /* the writer's "FILE.lock"; -1 none */
    int file_fd;                          /* the writer's own descriptor of FILE, locked; -1 none */
    bool in_transaction;                  /* between store_begin() and its end */
    struct err lost;                      /* why SQLite itself took back the running transaction */
    sqlite3_stmt **sets[STORE_SET_COUNT]; /* NULL where this connection does not prepare it */

    /* The writer's. */
    struct mirror *mirror;          /* NULL: to be read from the file before the next transaction */
    int log_frames;                 /* pages in the write-ahead log after the last commit */
    struct undo_mark begun, marked; /* the mirror at the transaction's begin, at the job's */
    struct tally *tally;            /* what hosts add to its counters */
    struct buf scratch;             /* for what is hashed */
};

#endif
