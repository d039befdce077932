/*
 * bare_insert FROM TO STORES-A-TRANSACTION: the floor of ingest. Takes the rows of all presence
 * tables of the database FROM (those called "presence...", whose first column is the store) into
 * memory, makes a new database TO with the collector's schema and everything else that FROM holds,
 * and puts those rows in with one prepared statement a table, store after store, in the order of
 * the keys, which is the fastest. The settings are the collector's; foreign keys are checked, as
 * the collector does, in a second database only ("checked"). Only the transactions are timed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/bench/floor.h"

enum { TABLES_MAX = 8, COLUMNS_MAX = 16 };

struct table {
    char name[64];
    int columns;
    sqlite3_value **cells; /* `columns` a row */
    size_t count, room;    /* rows */
    size_t next;           /* to be put in */
    sqlite3_stmt *insert;
};

struct tables {
    struct table list[TABLES_MAX];
    size_t count;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK)
        return st;
    fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    exit(1);
}

/* ---- the rows -------------------------------------------------------------------------------- */

static void load_rows(sqlite3 *db, struct table *t)
{
    char sql[128];
    sqlite3_stmt *st;

    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" ORDER BY 1", t->name);
    st = prepare(db, sql);
    t->columns = sqlite3_column_count(st);
    check(t->columns <= COLUMNS_MAX);
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (t->count == t->room) {
            t->room = t->room * 2 + 1024;
            t->cells = realloc(t->cells, t->room * (size_t)t->columns * sizeof(*t->cells));
            check(t->cells != NULL);
        }
        for (int i = 0; i < t->columns; i++)
            t->cells[t->count * (size_t)t->columns + (size_t)i] =
                sqlite3_value_dup(sqlite3_column_value(st, i));
        t->count++;
    }
    sqlite3_finalize(st);
}

static void load(const char *path, struct tables *tables)
{
    sqlite3 *db;
    sqlite3_stmt *st;

    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    st = prepare(db, "SELECT name FROM sqlite_master WHERE type = 'table' "
                     "AND name LIKE 'presence%' ORDER BY name");
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct table *t = &tables->list[tables->count++];

        check(tables->count <= TABLES_MAX);
        snprintf(t->name, sizeof(t->name), "%s", (const char *)sqlite3_column_text(st, 0));
        load_rows(db, t);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void free_rows(struct table *t)
{
    for (size_t i = 0; i < t->count * (size_t)t->columns; i++)
        sqlite3_value_free(t->cells[i]);
    free(t->cells);
}

/* ---- the database ---------------------------------------------------------------------------- */

static void copy_others(sqlite3 *db)
{
    sqlite3_stmt *st =
        prepare(db, "SELECT printf('INSERT OR REPLACE INTO main.\"%w\" SELECT * FROM "
                    "source.\"%w\"', name, name) FROM source.sqlite_master "
                    "WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                    "AND name NOT LIKE 'presence%'");

    while (sqlite3_step(st) == SQLITE_ROW)
        floor_sql(db, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
}

static sqlite3 *make(const char *from, const char *to)
{
    struct store *store;
    struct err err;
    sqlite3 *db;
    char sql[4200];

    bench_must(store_open_writer(&store, to, &err), &err, to);
    store_close(&store);
    check(sqlite3_open(to, &db) == SQLITE_OK);
    floor_sql(db, FLOOR_PRAGMAS);
    snprintf(sql, sizeof(sql), "ATTACH '%s' AS source", from);
    floor_sql(db, sql);
    copy_others(db);
    floor_sql(db, "DETACH source; PRAGMA wal_checkpoint(TRUNCATE)");
    return db;
}

static void prepare_insert(sqlite3 *db, struct table *t)
{
    char sql[256];
    int len = snprintf(sql, sizeof(sql), "INSERT INTO \"%s\" VALUES (?", t->name);

    for (int i = 1; i < t->columns; i++)
        len += snprintf(sql + len, sizeof(sql) - (size_t)len, ", ?");
    snprintf(sql + len, sizeof(sql) - (size_t)len, ")");
    t->insert = prepare(db, sql);
    t->next = 0;
}

static void put_row(sqlite3 *db, struct table *t)
{
    sqlite3_value **cells = &t->cells[t->next++ * (size_t)t->columns];

    for (int i = 0; i < t->columns; i++)
        check(sqlite3_bind_value(t->insert, i + 1, cells[i]) == SQLITE_OK);
    if (sqlite3_step(t->insert) != SQLITE_DONE) {
        fprintf(stderr, "%s: %s\n", t->name, sqlite3_errmsg(db));
        exit(1);
    }
    sqlite3_reset(t->insert);
}

static int64_t next_store(const struct table *t)
{
    return sqlite3_value_int64(t->cells[t->next * (size_t)t->columns]);
}

/* All rows of one store, the one that the first table names next; false: it has no more. */
static bool put_store(sqlite3 *db, struct tables *tables)
{
    const struct table *first = &tables->list[0];
    int64_t store;

    if (first->next == first->count)
        return false;
    store = next_store(first);
    for (size_t i = 0; i < tables->count; i++)
        while (tables->list[i].next < tables->list[i].count &&
               next_store(&tables->list[i]) == store)
            put_row(db, &tables->list[i]);
    return true;
}

static double insert(sqlite3 *db, struct tables *tables, size_t batch)
{
    uint64_t begun;
    bool more = true;

    for (size_t i = 0; i < tables->count; i++)
        prepare_insert(db, &tables->list[i]);
    begun = uv_hrtime();
    while (more) {
        floor_sql(db, "BEGIN IMMEDIATE");
        for (size_t i = 0; i < batch && more; i++)
            more = put_store(db, tables);
        floor_sql(db, "COMMIT");
    }
    begun = uv_hrtime() - begun;
    for (size_t i = 0; i < tables->count; i++)
        sqlite3_finalize(tables->list[i].insert);
    return (double)begun / 1e9;
}

int main(int argc, char **argv)
{
    struct tables tables = {.count = 0};
    double seconds[2];
    size_t rows = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: bare_insert FROM TO STORES-A-TRANSACTION\n");
        return 2;
    }
    load(argv[1], &tables);
    for (size_t i = 0; i < tables.count; i++)
        rows += tables.list[i].count;
    if (rows == 0) {
        fprintf(stderr, "%s has no rows in tables called presence...\n", argv[1]);
        return 1;
    }
    for (int keys = 0; keys < 2; keys++) {
        char path[4096];
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s.%d", argv[2], keys);
        db = make(argv[1], path);
        floor_sql(db, keys ? "PRAGMA foreign_keys = ON" : "PRAGMA foreign_keys = OFF");
        seconds[keys] = insert(db, &tables, bench_number(argv[3]));
        sqlite3_close(db);
    }
    printf("{\"rows\": %zu, \"seconds\": %.6f, \"checked_seconds\": %.6f}\n", rows, seconds[0],
           seconds[1]);
    for (size_t i = 0; i < tables.count; i++)
        free_rows(&tables.list[i]);
    return 0;
}
