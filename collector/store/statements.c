#include "collector/store/statements.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/migrate.h"
#include "collector/store/store_private.h"
#include "common/check.h"

#define SET_ROW(name, where) [STORE_SET_##name] = {&store_sql_##name, (where), #name},
static const struct {
    const struct store_sql *sql;
    int where;
    const char *name;
} sets[STORE_SET_COUNT] = {STORE_SETS(SET_ROW)};
#undef SET_ROW

/* ---- preparing ------------------------------------------------------------------------------- */

static int prepare_set(struct store *s, enum store_set set, struct err *err)
{
    const struct store_sql *sql = sets[set].sql;

    s->sets[set] = calloc(sql->count, sizeof(sqlite3_stmt *));
    if (s->sets[set] == NULL)
        return err_set(err, ERR_NO_MEMORY, "statements of %s", s->path);
    for (size_t i = 0; i < sql->count; i++) {
        int status;

        check(sql->texts[i] != NULL);
        status = sqlite3_prepare_v3(s->db, sql->texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &s->sets[set][i], NULL);
        if (status == SQLITE_ERROR) /* a table or view that this program expects is not there */
            return err_set(err, ERR_VERSION,
                           "%s does not fit this program (%s statement %zu: %s): start the "
                           "collector of this version once, so that it brings the file up to date",
                           s->path, sets[set].name, i, sqlite3_errmsg(s->db));
        if (status != SQLITE_OK)
            return store_fail(s, status, err, "prepare statements of");
    }
    return 0;
}

int statements_open(struct store *s, struct err *err)
{
    int where = s->writes ? STORE_WRITES : STORE_READS;

    for (int set = 0; set < STORE_SET_COUNT; set++)
        if ((sets[set].where & where) != 0 && prepare_set(s, (enum store_set)set, err) != 0)
            return -1;
    return 0;
}

void statements_close(struct store *s)
{
    for (int set = 0; set < STORE_SET_COUNT; set++) {
        for (size_t i = 0; s->sets[set] != NULL && i < sets[set].sql->count; i++)
            sqlite3_finalize(s->sets[set][i]);
        free(s->sets[set]);
        s->sets[set] = NULL;
    }
}

/* ---- using ----------------------------------------------------------------------------------- */

int store_fail(struct store *s, int status, struct err *err, const char *doing)
{
    struct err own;

    migrate_fail(s->db, status, s->path, &own, doing);
    /* SQLite takes the whole transaction back by itself where it could not go on with it (a full
     * disk, no memory): the savepoints are gone with it, and no later job may go on as if not. */
    if (s->in_transaction && s->lost.kind == ERR_NONE && sqlite3_get_autocommit(s->db))
        s->lost = own;
    if (err != NULL)
        *err = own;
    return -1;
}

struct stmt stmt_use(struct store *s, enum store_set set, int index)
{
    check(s->sets[set] != NULL && (size_t)index < sets[set].sql->count);
    check(!sqlite3_stmt_busy(s->sets[set][index]));
    return (struct stmt){.store = s, .handle = s->sets[set][index]};
}

void stmt_end(struct stmt *st)
{
    sqlite3_reset(st->handle);
    sqlite3_clear_bindings(st->handle);
    st->bound = 0;
    st->failed = SQLITE_OK;
}

static void note(struct stmt *st, int status)
{
    if (st->failed == SQLITE_OK)
        st->failed = status;
}

void stmt_int(struct stmt *st, int64_t value)
{
    note(st, sqlite3_bind_int64(st->handle, ++st->bound, value));
}

void stmt_null(struct stmt *st)
{
    note(st, sqlite3_bind_null(st->handle, ++st->bound));
}

void stmt_int_if(struct stmt *st, bool given, int64_t value)
{
    if (given)
        stmt_int(st, value);
    else
        stmt_null(st);
}

void stmt_text(struct stmt *st, const char *text)
{
    note(st, sqlite3_bind_text(st->handle, ++st->bound, text, -1, SQLITE_STATIC));
}

void stmt_blob(struct stmt *st, const void *data, size_t len)
{
    /* A NULL pointer would bind NULL: no bytes are a value too. */
    note(st, sqlite3_bind_blob64(st->handle, ++st->bound, len > 0 ? data : "", len, SQLITE_STATIC));
}

void stmt_digest(struct stmt *st, const struct digest *d)
{
    if (d == NULL)
        stmt_null(st);
    else
        stmt_blob(st, d->bytes, sizeof(d->bytes));
}

/* SQLite took the transaction back by itself: what would run now would stand alone. */
static int refuse(const struct store *s, struct err *err)
{
    if (err != NULL)
        *err = s->lost;
    return -1;
}

int stmt_row(struct stmt *st, struct err *err)
{
    int status = st->failed;

    if (st->store->in_transaction && st->store->lost.kind != ERR_NONE)
        return refuse(st->store, err);

    if (status == SQLITE_OK) {
        check(st->bound == sqlite3_bind_parameter_count(st->handle));
        status = sqlite3_step(st->handle);
    }
    if (status == SQLITE_ROW)
        return 1;
    if (status == SQLITE_DONE)
        return 0;
    return store_fail(st->store, status, err, st->store->writes ? "write" : "read");
}

int stmt_run(struct stmt *st, struct err *err)
{
    int more;

    do {
        more = stmt_row(st, err);
    } while (more > 0);
    stmt_end(st);
    return more;
}

/* ---- reading a row --------------------------------------------------------------------------- */

int64_t stmt_get_int(const struct stmt *st, int column)
{
    return sqlite3_column_int64(st->handle, column);
}

bool stmt_is_null(const struct stmt *st, int column)
{
    return sqlite3_column_type(st->handle, column) == SQLITE_NULL;
}

const char *stmt_get_text(const struct stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st->handle, column);

    return text != NULL ? text : "";
}

const void *stmt_get_blob(const struct stmt *st, int column, size_t *len)
{
    const void *data = sqlite3_column_blob(st->handle, column);

    *len = (size_t)sqlite3_column_bytes(st->handle, column);
    return data;
}

const char *stmt_copy_text(const struct stmt *st, int column, struct arena *arena, struct err *err)
{
    const char *text = stmt_get_text(st, column);

    return arena_text(arena, text, strlen(text), err);
}

static int get_bytes(const struct stmt *st, int column, void *out, size_t want, struct err *err)
{
    size_t len;
    const void *data = stmt_get_blob(st, column, &len);

    if (len != want)
        return err_set(err, ERR_CORRUPT,
                       "%s: column %s holds %zu bytes, expected %zu: the file is damaged, run "
                       "'layercensus-collector check'",
                       st->store->path, sqlite3_column_name(st->handle, column), len, want);
    memcpy(out, data, want);
    return 0;
}

int stmt_get_digest(const struct stmt *st, int column, struct digest *out, struct err *err)
{
    return get_bytes(st, column, out->bytes, sizeof(out->bytes), err);
}

int stmt_get_sum(const struct stmt *st, int column, struct setsum *out, struct err *err)
{
    uint8_t bytes[32];

    if (get_bytes(st, column, bytes, sizeof(bytes), err) != 0)
        return -1;
    setsum_from_bytes(out, bytes);
    return 0;
}

int stmt_get_id(const struct stmt *st, int column, uint8_t out[16], struct err *err)
{
    return get_bytes(st, column, out, 16, err);
}

int64_t store_last_id(const struct store *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

int64_t store_changed(const struct store *s)
{
    return sqlite3_changes64(s->db);
}
