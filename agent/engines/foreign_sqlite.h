/*
 * foreign_sqlite: reads a SQLite file that belongs to somebody else (podman 5's db.sql, the blob
 * info cache of containers/image), and leaves no trace beside it.
 *
 * The file is copied, with its write-ahead log or rollback journal, into a private directory, and
 * the copy counts only if none of them changed meanwhile. SQLite then recovers the copy as it would
 * have recovered the original. No lock is taken on anybody's file. No extension is loaded, nothing
 * in the schema is trusted, and each question ends after a limited number of steps and rows.
 *
 * The only user of sqlite3.h in the agent. Threads: a handle belongs to one thread at a time; all
 * calls block on disk.
 */
#ifndef AGENT_ENGINES_FOREIGN_SQLITE_H
#define AGENT_ENGINES_FOREIGN_SQLITE_H

#include <stddef.h>

#include "common/error.h"

struct foreign_sqlite;

/* Copies `name` below `dirfd` (a regular file, no symlink) with all that belongs to it, at most
 * `max` bytes together. ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_LIMIT; ERR_CORRUPT where it is no
 * database; ERR_MOVED where it changed under several attempts. */
int foreign_sqlite_open(struct foreign_sqlite **out, int dirfd, const char *name, size_t max,
                        struct err *err);
/* Accepts NULL in *db, and sets it NULL; removes the copy. */
void foreign_sqlite_close(struct foreign_sqlite **db);

/* One row: its columns as texts, NULL where a value is NULL; valid during the call. -1 with *err
 * ends the question with that error. */
typedef int foreign_sqlite_row(void *arg, const char *const *columns, struct err *err);

enum { FOREIGN_SQLITE_COLUMNS = 8 }; /* of a question, at most */

/* Asks one of our own SELECTs, of a table that the file may not have: ERR_NOT_FOUND then.
 * ERR_LIMIT past `max_rows` or the number of steps, ERR_CORRUPT where the file is damaged. */
int foreign_sqlite_ask(struct foreign_sqlite *db, const char *select, size_t max_rows,
                       foreign_sqlite_row *row, void *arg, struct err *err);

#endif
