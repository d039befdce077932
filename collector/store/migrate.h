/*
 * migrate: brings a database to this program's schema. Steps are only ever appended; each runs in
 * one transaction with its PRAGMA user_version, so that a crash leaves a whole version behind.
 *
 * Threads: start-up only, on the connection's thread.
 */
#ifndef COLLECTOR_STORE_MIGRATE_H
#define COLLECTOR_STORE_MIGRATE_H

#include <sqlite3.h>
#include <stddef.h>

#include "common/error.h"

#define MIGRATE_APPLICATION_ID 0x4C43656E /* "LCen", in the file's header */

/* The steps of this program; their count is STORE_SCHEMA_VERSION. */
extern const char *const migrate_steps[];

/* Reads whose file it is and its version; 0 is an empty file. ERR_CORRUPT where it is a database
 * of something else, ERR_VERSION where it is newer than `newest`: the text names the newest backup
 * beside it that fits. Changes nothing. */
int migrate_version(sqlite3 *db, const char *path, int newest, int *version, struct err *err);

/* Runs steps[version .. count - 1], where `version` is what the file has. Writes the backup
 * "PATH.v<version>-<time>.bak" first, unless the file is empty. */
int migrate_run(sqlite3 *db, const char *path, int version, const char *const *steps, size_t count,
                struct err *err);

/* Makes the views again where their text is not the one that this database was given last. */
int migrate_views(sqlite3 *db, const char *path, const char *views, struct err *err);

/* Copies `db` to a new file, durable when it returns; a half-written one is removed. ERR_CONFLICT
 * when the target exists. */
int migrate_backup(sqlite3 *db, const char *target, struct err *err);

/* *err from the connection's last failure, as store_fail() does. Returns -1. */
int migrate_fail(sqlite3 *db, int status, const char *path, struct err *err, const char *doing);

#endif
