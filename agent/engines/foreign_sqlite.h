/*
 * foreign_sqlite: reads tables of a SQLite file that belongs to somebody else (podman 5's db.sql,
 * the blob info cache of containers/image), who may wish the agent ill.
 *
 * The file is read into memory, and counts only if it did not change meanwhile. SQLite sees that
 * memory alone, read-only: it opens, makes, locks and removes no file, so that nothing in the file
 * or beside it can make it do so. It recovers nothing either: while a rollback journal stands
 * beside the file, the file is being changed, or its last change broke off, and is not read. What
 * stands in a write-ahead log is not read: neither of those programs keeps one.
 *
 * No SQL of the file's is run: what is asked for are plain columns of a plain table. Views, virtual
 * tables and tables with generated columns are refused before anything of them is computed. The
 * size of the schema and of each value, the rows, the steps and the processor time are limited.
 *
 * The only user of sqlite3.h in the agent. Threads: a handle belongs to one thread; opening blocks
 * on disk.
 */
#ifndef AGENT_ENGINES_FOREIGN_SQLITE_H
#define AGENT_ENGINES_FOREIGN_SQLITE_H

#include <stddef.h>

#include "common/error.h"

struct foreign_sqlite;

/* Reads `name` below `dirfd` (a regular file, no symlink), at most `max` bytes, which the handle
 * keeps. ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_LIMIT; ERR_CORRUPT where it is no database, or a
 * damaged one; ERR_VERSION where a write-ahead log stands beside it; ERR_MOVED where it changed
 * under several attempts, or a rollback journal stands beside it. */
int foreign_sqlite_open(struct foreign_sqlite **out, int dirfd, const char *name, size_t max,
                        struct err *err);
/* Accepts NULL in *db, and sets it NULL. */
void foreign_sqlite_close(struct foreign_sqlite **db);

/* One row: its columns as texts, NULL where a value is NULL; valid during the call. -1 with *err
 * ends the question with that error. */
typedef int foreign_sqlite_row(void *arg, const char *const *columns, struct err *err);

enum { FOREIGN_SQLITE_COLUMNS = 8 }; /* of a question, at most */

/* Asks for `columns` (names of ours, a NULL after the last) of every row of `table`, in any order.
 * ERR_NOT_FOUND where the file has no such table, or no such column in it; a view and a virtual
 * table are none. ERR_LIMIT past `max_rows` or the time; ERR_CORRUPT where the file is damaged, or
 * the table has columns that are computed. */
int foreign_sqlite_ask(struct foreign_sqlite *db, const char *table, const char *const *columns,
                       size_t max_rows, foreign_sqlite_row *row, void *arg, struct err *err);

#endif
