#include "collector/store/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/check_private.h"

/* The statements of rules: each row is a finding, told by its only column. */
enum {
    FOREIGN_KEYS,
    STORE_INTERVALS,
    DETAILS_OF_GONE_STORE,
    STORES_OF_ENDED,
    TWO_INCARNATIONS,
    FACTS,
    OPINIONS,
    WORDS,
    RULE_COUNT,
    TABLES = RULE_COUNT,
    WHOLE_FILE,
    ROWS,
};

/* Every table but presence, which check_presence() reads whole, row by row, faster than SQLite
 * does it. */
#define ALL_BUT_PRESENCE "t.type = 'table' AND t.name <> 'presence'"

#define OF_GONE(table)                                                                             \
    "SELECT printf('" table ": rows of store %d, which is gone', s.id) FROM store s "              \
    "WHERE s.gone_s IS NOT NULL AND EXISTS (SELECT 1 FROM " table " t WHERE t.store_id = s.id)"
#define AND_OF_GONE(table) " UNION ALL " OF_GONE(table)

static const char *const sql[] = {
    [FOREIGN_KEYS] =
        "SELECT printf('%s: row %d names a row of %s that is not there', f.\"table\","
        " coalesce(f.rowid, -1), f.parent) FROM sqlite_schema t, pragma_foreign_key_check(t.name) f"
        " WHERE " ALL_BUT_PRESENCE,
    [STORE_INTERVALS] = "SELECT printf('store: %d, from %d: last look %d, gone %d', id, first_s,"
                        " gone_after_s, gone_s) FROM store WHERE gone_s < first_s"
                        " OR (gone_s IS NULL) <> (gone_after_s IS NULL) OR gone_after_s > gone_s",
    [DETAILS_OF_GONE_STORE] = OF_GONE("copy") AND_OF_GONE("container") AND_OF_GONE("space")
        AND_OF_GONE("exception") AND_OF_GONE("problem") AND_OF_GONE("origin"),
    [STORES_OF_ENDED] =
        "SELECT printf('store: %d is present, and incarnation %d of its host has "
        "ended', s.id, i.id) FROM incarnation i JOIN store s "
        "ON s.incarnation_id = i.id WHERE i.ended_s IS NOT NULL AND s.gone_s IS NULL",
    [TWO_INCARNATIONS] = "SELECT printf('host: %d has %d incarnations at once', host_id, count(*)) "
                         "FROM incarnation WHERE ended_s IS NULL GROUP BY host_id "
                         "HAVING count(*) > 1",
    [FACTS] = "SELECT printf('layer: %s has fact state %d, and nominal bytes %s', "
              "lower(hex(diff)), fact_state, coalesce(nominal_bytes, 'none')) FROM layer "
              "WHERE (fact_state IN (1, 2)) <> (nominal_bytes IS NOT NULL) "
              "OR (fact_state IN (2, 3)) <> (confirm_incarnation IS NOT NULL)",
    [OPINIONS] = "SELECT printf('document: %s has state %d, and %s second opinion', "
                 "lower(hex(digest)), state, iif(confirm_incarnation IS NULL, 'no', 'a')) "
                 "FROM document WHERE (state IN (3, 4)) <> (confirm_incarnation IS NOT NULL) "
                 "OR (state = 1) <> (rules = 0)",
    [WORDS] =
        "SELECT printf('disputed_word: %s of kind %d is not disputed', lower(hex(digest)), kind)"
        " FROM disputed_word w GROUP BY kind, digest HAVING NOT iif(kind = 0,"
        " EXISTS (SELECT 1 FROM layer l WHERE l.diff = w.digest AND l.fact_state = 3),"
        " EXISTS (SELECT 1 FROM document d WHERE d.digest = w.digest AND d.state = 4"
        "  AND d.kind IN (w.kind, iif(w.kind = 2, 3, w.kind))))",
    [TABLES] = "SELECT q.quick_check FROM sqlite_schema t, pragma_quick_check(t.name) q "
               "WHERE " ALL_BUT_PRESENCE,
    [WHOLE_FILE] = "PRAGMA integrity_check",
    [ROWS] = "SELECT (SELECT count(*) FROM layer) + (SELECT count(*) FROM incarnation)",
};
const struct store_sql store_sql_check = STORE_SQL(sql);

void check_find(struct checking *c, const char *fmt, ...)
{
    char line[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    c->result->findings++;
    c->found(line, c->arg);
}

void check_more(struct checking *c, uint64_t count)
{
    if (count <= CHECK_LINES_MAX)
        return;
    check_find(c, "and %llu more like these", (unsigned long long)count - CHECK_LINES_MAX);
    c->result->findings += count - CHECK_LINES_MAX - 1;
}

static int check_file(struct checking *c, struct err *err)
{
    AUTO(stmt_end)
    struct stmt st = stmt_use(c->store, STORE_SET_check, c->thorough ? WHOLE_FILE : TABLES);
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        if (strcmp(stmt_get_text(&st, 0), "ok") != 0)
            check_find(c, "file: %s", stmt_get_text(&st, 0));
    c->result->checked++;
    return more;
}

int check_rows_of(struct checking *c, enum store_set set, int index, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, set, index);
    uint64_t rows = 0;
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        if (++rows <= CHECK_LINES_MAX)
            check_find(c, "%s", stmt_get_text(&st, 0));
    check_more(c, rows);
    return more;
}

static int check_rules(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt rows = stmt_use(c->store, STORE_SET_check, ROWS);

    for (int rule = 0; rule < RULE_COUNT; rule++)
        if (check_rows_of(c, STORE_SET_check, rule, err) != 0)
            return -1;
    if (stmt_row(&rows, err) < 0)
        return -1;
    c->result->checked += (uint64_t)stmt_get_int(&rows, 0);
    return 0;
}

/* A part that stops at damage is a finding; the other parts go on. */
static int run_part(struct checking *c, int (*part)(struct checking *, struct err *),
                    struct err *err)
{
    struct err own = {.kind = ERR_NONE};

    if (part(c, &own) == 0)
        return 0;
    if (own.kind == ERR_CORRUPT) {
        check_find(c, "file: %s", own.text);
        return 0;
    }
    if (err != NULL)
        *err = own;
    return -1;
}

int store_check(struct store *s, bool thorough, struct check_result *out,
                void (*found)(const char *line, void *arg), void *arg, struct err *err)
{
    static int (*const parts[])(struct checking *, struct err *) = {
        check_file,   check_rules,     check_presence, check_chains, check_documents,
        check_images, check_manifests, check_evidence, check_counts, check_exact,
    };
    struct checking c = {s, out, thorough, found, arg};
    int rc = 0;

    *out = (struct check_result){0};
    /* One snapshot for all of it, while the writer goes on. */
    if (store_begin(s, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
        rc = run_part(&c, parts[i], err);
    store_rollback(s);
    return rc;
}
