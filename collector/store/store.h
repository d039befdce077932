/*
 * store: the database, one SQLite file in WAL mode. Only this folder contains SQL, and no function
 * takes SQL text: every operation has a name, and all statements are prepared when it opens.
 *
 * Writing (apply.h) happens on the one writer thread; reading (read.h) on connections of its own,
 * read-only.
 *
 * Threads: a struct store is one connection and belongs to one thread at a time.
 */
#ifndef COLLECTOR_STORE_STORE_H
#define COLLECTOR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/record.h"

#define STORE_SCHEMA_VERSION 5

struct store;

/* Opens for writing: makes the file (mode 0640) when it is not there, migrates an older schema
 * after writing a backup beside it ("FILE.v<old>-<time>.bak"), takes an exclusive lock file
 * "FILE.lock" (flock) against a second collector (ERR_CONFLICT names its pid), synchronous=FULL,
 * WAL, foreign keys on. ERR_VERSION for a newer file says which backup to restore; ERR_DENIED for a
 * read-only file or folder; ERR_CORRUPT for a file that is not a database of ours. Blocks: start-up
 * only. */
int store_open_writer(struct store **out, const char *path, struct err *err);

/* Opens read-only; ERR_NOT_FOUND says how to make one. Works while a collector writes, and without
 * one. ERR_VERSION for another schema version. */
int store_open_reader(struct store **out, const char *path, struct err *err);

/* Finalises and closes; a writer checkpoints (TRUNCATE) and releases the lock. */
void store_close(struct store **s);

/* The file, as it was given at opening. */
const char *store_path(const struct store *s);

/* The collector's ID, made with the database. */
int store_collector_id(struct store *s, struct rec_id *out, struct err *err);

/* Transactions of the writer. begin = BEGIN IMMEDIATE; on a reader plain BEGIN, so that several
 * statements see one state (end it with store_rollback). A commit that fails is rolled back. Where
 * SQLite itself took the transaction back (a full disk), mark and commit fail with that error. */
int store_begin(struct store *s, struct err *err);
int store_commit(struct store *s, struct err *err);
void store_rollback(struct store *s);
/* A savepoint for one job inside the transaction: undo takes back what it did, keep releases it. */
int store_mark(struct store *s, struct err *err);
int store_mark_keep(struct store *s, struct err *err);
void store_mark_undo(struct store *s);

/* Any thread, while the store is open: makes the statement that runs there, or each of them until
 * it is closed by its owner, fail with ERR_IO "interrupted". */
void store_interrupt(struct store *s);

/* A passive checkpoint; *left gets the number of WAL frames not yet copied. Called off the
 * writer's path (checkpoint.h). */
int store_checkpoint(struct store *s, int *left, struct err *err);

/* The writer: whether the log has become so long that somebody has to wait for a checkpoint. One
 * that runs beside a busy writer never reaches its end, and only then the log begins anew. */
bool store_log_is_long(const struct store *s);

/* Copies the whole database to a new file, consistent, while the writer goes on (SQLite backup
 * API). ERR_CONFLICT when the target exists. */
int store_backup(struct store *s, const char *target, struct err *err);

#endif
