/*
 * floor: what the machine does at best, measured beside what it is compared with.
 *
 * Every function ends the program with status 1 and a message where something fails.
 *
 * Threads: the caller's; blocks.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <sqlite3.h>

#include "tests/bench/rig.h"

/* The collector's settings of a database, without its checks of foreign keys. */
#define FLOOR_PRAGMAS                                                                              \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"         \
    "PRAGMA cache_size = -65536;"

/* Appends 4 KiB to a file beside the database and calls fdatasync, `count` times: nanoseconds of
 * each. */
void floor_sync(const char *database, uint64_t *ns, size_t count);

/* Ends the program unless it succeeds. */
void floor_sql(sqlite3 *db, const char *sql);

/* One narrow row (host, image, since) for each image that a host holds, in a database of its own
 * "DATABASE.bare", with the collector's settings. */
struct floor_rows {
    sqlite3 *db;
    sqlite3_stmt *upsert;
};

void floor_rows_open(struct floor_rows *f, const struct bench_rig *r, const char *database);
/* Upserts the row that each difference brings, in their order, `batch` in a transaction:
 * nanoseconds. */
uint64_t floor_rows_upsert(struct floor_rows *f, const struct bench_job *jobs, size_t count,
                           size_t batch);
void floor_rows_close(struct floor_rows *f);

#endif
