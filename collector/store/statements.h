/*
 * statements: how the files of this folder keep and run their SQL. Private to collector/store.
 *
 * Each .c file that needs SQL has one static table, a "set", indexed by an enum of its own; every
 * set is named once in statement_sets.h, and all statements of all sets are prepared when a store
 * opens, so that a typo fails at start. A set in three steps:
 *
 *     statement_sets.h:  X(hosts, STORE_READS)
 *     hosts.c:           enum { HOST_BY_NAME, HOST_COUNT };
 *                        static const char *const sql[] = {[HOST_BY_NAME] = "SELECT ..."};
 *                        const struct store_sql store_sql_hosts = STORE_SQL(sql);
 *     use:               AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_hosts,
 * HOST_BY_NAME); stmt_text(&st, name); while ((more = stmt_row(&st, err)) > 0) id =
 * stmt_get_int(&st, 0);
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_STATEMENTS_H
#define COLLECTOR_STORE_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/statement_sets.h"
#include "collector/store/store.h"
#include "common/arena.h"
#include "common/cleanup.h" /* AUTO(stmt_end) */
#include "common/digest.h"

struct sqlite3_stmt;

/* One file's statements, by the file's own enum. */
struct store_sql {
    const char *const *texts;
    size_t count;
};
#define STORE_SQL(array)                                                                           \
    {                                                                                              \
        (array), sizeof(array) / sizeof((array)[0])                                                \
    }

/* Which connections prepare a set. */
enum { STORE_WRITES = 1, STORE_READS = 2, STORE_BOTH = 3 };

#define STORE_SET_ID(name, where) STORE_SET_##name,
enum store_set { STORE_SETS(STORE_SET_ID) STORE_SET_COUNT };
#undef STORE_SET_ID

#define STORE_SET_DECLARE(name, where) extern const struct store_sql store_sql_##name;
/* store_sql_<name>: defined in the file whose statements they are. */
STORE_SETS(STORE_SET_DECLARE)
#undef STORE_SET_DECLARE

/* One use of a prepared statement: bind in order, step, read the columns. Fields are private. */
struct stmt {
    struct store *store;
    struct sqlite3_stmt *handle;
    int bound;  /* parameters bound so far */
    int failed; /* the first status of SQLite that was not good, told by the next step */
};

/* Never fails. A statement has one use at a time: a second one before stmt_end() is a bug. */
struct stmt stmt_use(struct store *s, enum store_set set, int index);
/* Resets the statement and forgets what was bound. Twice is allowed. */
void stmt_end(struct stmt *st);

/* Bind the next parameter. Texts and bytes are not copied: they must stay until stmt_end(), or the
 * end of stmt_run(). A NULL text or digest binds NULL. */
void stmt_int(struct stmt *st, int64_t value);
void stmt_null(struct stmt *st);
void stmt_int_if(struct stmt *st, bool given, int64_t value); /* else NULL */
void stmt_text(struct stmt *st, const char *text);
void stmt_blob(struct stmt *st, const void *data, size_t len);
void stmt_digest(struct stmt *st, const struct digest *d);

/* The next row: 1 there is one, 0 there is none, -1 with *err. */
int stmt_row(struct stmt *st, struct err *err);

/* Runs to the end, ignoring rows, and leaves the statement ready to be bound again. */
int stmt_run(struct stmt *st, struct err *err);

/* Columns of the current row. Texts and blobs are SQLite's until the next step: copy them.
 * NULL reads as 0 and "". */
int64_t stmt_get_int(const struct stmt *st, int column);
bool stmt_is_null(const struct stmt *st, int column);
const char *stmt_get_text(const struct stmt *st, int column);
const void *stmt_get_blob(const struct stmt *st, int column, size_t *len);
/* A copy in the arena; NULL with *err. */
const char *stmt_copy_text(const struct stmt *st, int column, struct arena *arena, struct err *err);
/* ERR_CORRUPT where the column does not hold 32 (16) bytes: the file is damaged. */
int stmt_get_digest(const struct stmt *st, int column, struct digest *out, struct err *err);
int stmt_get_sum(const struct stmt *st, int column, struct setsum *out, struct err *err);
int stmt_get_id(const struct stmt *st, int column, uint8_t out[16], struct err *err);

/* Of the last insert, and the rows that the last statement changed. */
int64_t store_last_id(const struct store *s);
int64_t store_changed(const struct store *s);

/* Fills *err from a status of SQLite, with what it means for the operator. Returns -1. */
int store_fail(struct store *s, int status, struct err *err, const char *doing);

/* Prepares every set that the connection needs; finalises them all. */
int statements_open(struct store *s, struct err *err);
void statements_close(struct store *s);

#endif
