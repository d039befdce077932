#include "collector/store/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/check_private.h"

/* The statements of rules: each row is a finding, told by its only column. */
enum {
    FOREIGN_KEYS,
    IMAGE_INTERVALS,
    NAME_INTERVALS,
    REPO_DIGEST_INTERVALS,
    IMAGE_OVERLAPS,
    NAME_OVERLAPS,
    REPO_DIGEST_OVERLAPS,
    STORE_INTERVALS,
    OPEN_IN_GONE_STORE,
    LOOSE_NAMES,
    LOOSE_REPO_DIGESTS,
    DETAILS_OF_GONE_STORE,
    STORES_OF_ENDED,
    TWO_INCARNATIONS,
    FACTS,
    OPINIONS,
    LEDGER,
    RULE_COUNT,
    INTEGRITY = RULE_COUNT,
    ROWS,
};

#define INTERVALS(table)                                                                           \
    "SELECT printf('" table ": store %d, image %d, from %d: last look %d, gone %d', store_id,"     \
    " image_id, from_s, gone_after_s, gone_s) FROM " table " WHERE (gone_s IS NULL) <> "           \
    "(gone_after_s IS NULL) OR gone_s < from_s OR gone_after_s > gone_s OR gone_after_s < from_s"

#define OVERLAPS(table, keys)                                                                      \
    "SELECT printf('" table ": store %d, image %d: the interval from %d ends at %s, the next "     \
    "begins at %d', store_id, image_id, from_s, coalesce(gone_s, 'never'), next_s) FROM "          \
    "(SELECT store_id, image_id, from_s, gone_s, lead(from_s) OVER "                               \
    "(PARTITION BY " keys " ORDER BY from_s) AS next_s FROM " table ") "                           \
    "WHERE next_s IS NOT NULL AND (gone_s IS NULL OR gone_s > next_s)"

#define LOOSE(table)                                                                               \
    "SELECT printf('" table ": store %d, image %d: present, and the image is not', t.store_id,"    \
    " t.image_id) FROM " table " t WHERE t.gone_s IS NULL AND NOT EXISTS (SELECT 1 FROM presence " \
    "p WHERE p.store_id = t.store_id AND p.image_id = t.image_id AND p.gone_s IS NULL)"

#define OF_GONE(table)                                                                             \
    "SELECT printf('" table ": rows of store %d, which is gone', s.id) FROM store s "              \
    "WHERE s.gone_s IS NOT NULL AND EXISTS (SELECT 1 FROM " table " t WHERE t.store_id = s.id)"

static const char *const sql[] = {
    [FOREIGN_KEYS] = "SELECT printf('%s: row %d names a row of %s that is not there', \"table\","
                     " coalesce(rowid, -1), parent) FROM pragma_foreign_key_check",
    [IMAGE_INTERVALS] = INTERVALS("presence"),
    [NAME_INTERVALS] = INTERVALS("presence_name"),
    [REPO_DIGEST_INTERVALS] = INTERVALS("presence_repo_digest"),
    [IMAGE_OVERLAPS] = OVERLAPS("presence", "store_id, image_id"),
    [NAME_OVERLAPS] = OVERLAPS("presence_name", "store_id, image_id, name_id"),
    [REPO_DIGEST_OVERLAPS] =
        OVERLAPS("presence_repo_digest", "store_id, image_id, name_id, digest"),
    [STORE_INTERVALS] = "SELECT printf('store: %d, from %d: last look %d, gone %d', id, first_s,"
                        " gone_after_s, gone_s) FROM store WHERE gone_s < first_s"
                        " OR (gone_s IS NULL) <> (gone_after_s IS NULL) OR gone_after_s > gone_s",
    [OPEN_IN_GONE_STORE] =
        "SELECT printf('presence: store %d is gone, image %d in it is not', s.id, p.image_id) "
        "FROM store s JOIN presence p ON p.store_id = s.id "
        "WHERE s.gone_s IS NOT NULL AND p.gone_s IS NULL",
    [LOOSE_NAMES] = LOOSE("presence_name"),
    [LOOSE_REPO_DIGESTS] = LOOSE("presence_repo_digest"),
    [DETAILS_OF_GONE_STORE] =
        OF_GONE("copy") " UNION ALL " OF_GONE("container") " UNION ALL " OF_GONE(
            "space") " UNION ALL " OF_GONE("exception") " UNION ALL " OF_GONE("problem"),
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
    /* unique + replicas + duplicates (design, section 9) against the sum over all copies. */
    [LEDGER] =
        "WITH held (store_id, chain_id) AS ("
        " SELECT p.store_id, ic.chain_id FROM presence p"
        " JOIN image_chain ic ON ic.image_id = p.image_id"
        " WHERE p.gone_s IS NULL AND p.unpacked = 1"
        " EXCEPT SELECT store_id, chain_id FROM exception WHERE kind = 2"
        " UNION SELECT store_id, chain_id FROM exception WHERE kind = 1),"
        "copies (host_id, layer_id, n) AS ("
        " SELECT i.host_id, l.id, l.nominal_bytes FROM held h JOIN store s ON s.id = h.store_id"
        " JOIN incarnation i ON i.id = s.incarnation_id JOIN chain c ON c.id = h.chain_id"
        " JOIN layer l ON l.id = c.layer_id WHERE l.nominal_bytes IS NOT NULL),"
        "here (layer_id, n, c) AS ("
        " SELECT layer_id, n, count(*) FROM copies GROUP BY host_id, layer_id),"
        "parts (part) AS ("
        " SELECT n + (count(*) - 1) * n + (sum(c) - count(*)) * n FROM here GROUP BY layer_id),"
        "sums (by_copy, by_part) AS ("
        " SELECT coalesce((SELECT sum(n) FROM copies), 0), coalesce((SELECT sum(part) FROM parts),"
        " 0)) "
        "SELECT printf('ledger: copies sum up to %d bytes, unique + replicas + duplicates to %d',"
        " by_copy, by_part) FROM sums WHERE by_copy <> by_part",
    [INTEGRITY] = "PRAGMA integrity_check",
    [ROWS] = "SELECT (SELECT count(*) FROM presence) + (SELECT count(*) FROM presence_name) +"
             " (SELECT count(*) FROM presence_repo_digest) + (SELECT count(*) FROM layer) +"
             " (SELECT count(*) FROM incarnation)",
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

static int check_file(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check, INTEGRITY);
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        if (strcmp(stmt_get_text(&st, 0), "ok") != 0)
            check_find(c, "file: %s", stmt_get_text(&st, 0));
    c->result->checked++;
    return more;
}

static int check_rule(struct checking *c, int rule, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check, rule);
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        check_find(c, "%s", stmt_get_text(&st, 0));
    return more;
}

static int check_rules(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt rows = stmt_use(c->store, STORE_SET_check, ROWS);

    for (int rule = 0; rule < RULE_COUNT; rule++)
        if (check_rule(c, rule, err) != 0)
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

int store_check(struct store *s, struct check_result *out,
                void (*found)(const char *line, void *arg), void *arg, struct err *err)
{
    static int (*const parts[])(struct checking *, struct err *) = {
        check_file, check_rules, check_sums, check_chains, check_documents, check_images,
    };
    struct checking c = {s, out, found, arg};
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
