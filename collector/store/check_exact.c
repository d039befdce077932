#include "collector/store/check_private.h"

/*
 * What the counters count, told once more in plain SQL from the tables of reports alone: this is
 * their definition, and shares no code with the writer's. Numbers are those of record.h.
 */

/* What counts: present stores of hosts that are neither retired nor ended. */
#define HERE                                                                                       \
    "here (store_id, host_id, owner, engine) AS ("                                                 \
    " SELECT s.id, h.id, s.owner, s.engine FROM store s"                                           \
    " JOIN incarnation i ON i.id = s.incarnation_id JOIN host h ON h.id = i.host_id"               \
    " WHERE s.gone_s IS NULL AND h.retired_s IS NULL AND h.ended_s IS NULL)"

/* The images that lie there. */
#define LISTED                                                                                     \
    "listed (store_id, host_id, listing_id, image_id, unpacked, parent_id) AS ("                   \
    " SELECT e.store_id, e.host_id, l.id, l.image_id, l.unpacked, l.parent_id FROM here e"         \
    " JOIN presence p ON p.store_id = e.store_id AND p.gone_s IS NULL"                             \
    " JOIN listing l ON l.id = p.listing_id)"

/* Each chain once a store: those of unpacked images, and extra ones. Missing are those that an
 * exception or a measurement did not find on the disk. */
#define PROMISED                                                                                   \
    "promised (store_id, chain_id) AS ("                                                           \
    " SELECT l.store_id, k.chain_id FROM listed l JOIN image_chain k ON k.image_id = l.image_id"   \
    " WHERE l.unpacked <> 0 UNION SELECT x.store_id, x.chain_id FROM exception x"                  \
    " JOIN here e ON e.store_id = x.store_id WHERE x.kind = 1),"                                   \
    "lying (store_id, chain_id, allocated_bytes, missing) AS ("                                    \
    " SELECT r.store_id, r.chain_id, c.allocated_bytes,"                                           \
    "  coalesce(x.kind = 2, 0) OR coalesce(c.missing, 0) FROM promised r"                          \
    " LEFT JOIN exception x ON x.store_id = r.store_id AND x.chain_id = r.chain_id"                \
    " LEFT JOIN copy c ON c.store_id = r.store_id AND c.chain_id = r.chain_id)"

/* The copies of each layer on each host, and in how many different places. */
#define PLACES                                                                                     \
    "places (layer_id, copies, stores, engines, users) AS ("                                       \
    " SELECT coalesce(c.layer_id, c.claimed_layer_id) AS layer, count(*),"                         \
    "  count(DISTINCT e.store_id), count(DISTINCT e.owner || ' ' || e.engine),"                    \
    "  count(DISTINCT e.owner) FROM lying y JOIN here e ON e.store_id = y.store_id"                \
    " JOIN chain c ON c.id = y.chain_id WHERE NOT y.missing AND layer IS NOT NULL"                 \
    " GROUP BY e.host_id, layer)"

/* The rows of `table` against those of the definition `expected`; zeros are as good as no row. */
#define DIFFERENCES(table, columns, any, text)                                                     \
    "SELECT '" table ": plain SQL has ' || " text " || ', not the table' FROM ("                   \
    "SELECT " columns " FROM expected WHERE " any " EXCEPT SELECT " columns " FROM " table ")"     \
    " UNION ALL "                                                                                  \
    "SELECT '" table ": the table has ' || " text " || ', not plain SQL' FROM ("                   \
    "SELECT " columns " FROM " table " WHERE " any " EXCEPT SELECT " columns " FROM expected)"

#define LEDGER_COLUMNS "uniq, replicas, parents, stores, engines, users"

enum { CHAINS, LAYERS, LISTINGS, IMAGES, FLEET, LEDGER, RULES };

static const char *const sql[] = {
    [CHAINS] = "WITH " HERE "," LISTED "," PROMISED ","
               "expected (chain_id, copies, measured, allocated_bytes, missing) AS MATERIALIZED ("
               " SELECT chain_id, sum(NOT missing),"
               "  count(*) FILTER (WHERE NOT missing AND allocated_bytes IS NOT NULL),"
               "  coalesce(sum(allocated_bytes) FILTER (WHERE NOT missing), 0), sum(missing)"
               " FROM lying GROUP BY chain_id) " DIFFERENCES(
                   "count_chain", "chain_id, copies, measured, allocated_bytes, missing",
                   "copies <> 0 OR measured <> 0 OR allocated_bytes <> 0 OR missing <> 0",
                   "printf('chain %d: copies %d, measured %d, allocated_bytes %d, missing %d',"
                   " chain_id, copies, measured, allocated_bytes, missing)"),
    [LAYERS] = "WITH " HERE "," LISTED "," PROMISED "," PLACES ","
               "expected (layer_id, parents, stores, engines, users) AS MATERIALIZED ("
               " SELECT layer_id, sum(copies - stores), sum(stores - engines),"
               "  sum(engines - users), sum(users - 1) FROM places GROUP BY layer_id) " DIFFERENCES(
                   "count_layer", "layer_id, parents, stores, engines, users",
                   "parents <> 0 OR stores <> 0 OR engines <> 0 OR users <> 0",
                   "printf('layer %d: parents %d, stores %d, engines %d, users %d', layer_id,"
                   " parents, stores, engines, users)"),
    [LISTINGS] = "WITH " HERE "," LISTED ","
                 "expected (listing_id, stores) AS MATERIALIZED ("
                 " SELECT listing_id, count(*) FROM listed GROUP BY listing_id) " DIFFERENCES(
                     "count_listing", "listing_id, stores", "stores <> 0",
                     "printf('listing %d: stores %d', listing_id, stores)"),
    [IMAGES] =
        "WITH " HERE "," LISTED ","
        "again (image_id, n) AS (SELECT image_id, sum(stores - 1) FROM ("
        " SELECT image_id, count(DISTINCT store_id) AS stores FROM listed"
        " GROUP BY host_id, image_id) GROUP BY image_id),"
        /* A nameless image that another one of the same store names as its parent. */
        "parent (image_id, n) AS (SELECT l.image_id, count(*) FROM listed l"
        " WHERE NOT EXISTS (SELECT 1 FROM listing_name n WHERE n.listing_id = l.listing_id)"
        "  AND (l.store_id, l.image_id) IN (SELECT store_id, parent_id FROM listed"
        "   WHERE parent_id IS NOT NULL AND parent_id <> image_id) GROUP BY l.image_id),"
        "used (image_id, n, running, unknown) AS (SELECT c.image_id, count(*),"
        "  count(*) FILTER (WHERE c.state = 1), count(*) FILTER (WHERE c.state = 3)"
        " FROM container c JOIN here e ON e.store_id = c.store_id GROUP BY c.image_id),"
        "expected (image_id, again, parent_in, containers, running, unknown) AS MATERIALIZED ("
        " SELECT i.id, coalesce(a.n, 0), coalesce(p.n, 0), coalesce(u.n, 0),"
        "  coalesce(u.running, 0), coalesce(u.unknown, 0) FROM image i"
        " LEFT JOIN again a ON a.image_id = i.id LEFT JOIN parent p ON p.image_id = i.id"
        " LEFT JOIN used u ON u.image_id = i.id) " DIFFERENCES(
            "count_image", "image_id, again, parent_in, containers, running, unknown",
            "again <> 0 OR parent_in <> 0 OR containers <> 0 OR running <> 0 OR unknown <> 0",
            "printf('image %d: again %d, parent_in %d, containers %d, running %d, unknown %d',"
            " image_id, again, parent_in, containers, running, unknown)"),
    [FLEET] =
        "WITH " HERE ","
        "expected (id, blobs_kept, blobs_only, orphans, upper_bounds) AS MATERIALIZED ("
        " SELECT 1, coalesce(sum(p.bytes) FILTER (WHERE p.class = 2 AND p.kind <> 'only'), 0),"
        "  coalesce(sum(p.bytes) FILTER (WHERE p.class = 2 AND p.kind = 'only'), 0),"
        "  coalesce(sum(p.bytes) FILTER (WHERE p.class = 3), 0),"
        "  count(DISTINCT p.store_id) FILTER (WHERE p.class IN (2, 3) AND p.upper_bound <> 0)"
        " FROM space p JOIN here e ON e.store_id = p.store_id) " DIFFERENCES(
            "count_fleet", "id, blobs_kept, blobs_only, orphans, upper_bounds",
            "blobs_kept <> 0 OR blobs_only <> 0 OR orphans <> 0 OR upper_bounds <> 0",
            "printf('blobs_kept %d, blobs_only %d, orphans %d, upper_bounds %d', blobs_kept,"
            " blobs_only, orphans, upper_bounds)"),
    /* The terms of docs/command.md in nominal bytes: from copies, and from the counters. */
    [LEDGER] =
        "WITH " HERE "," LISTED "," PROMISED "," PLACES ","
        "each (" LEDGER_COLUMNS ") AS (SELECT n.nominal_bytes,"
        "  (count(*) - 1) * n.nominal_bytes, sum(p.copies - p.stores) * n.nominal_bytes,"
        "  sum(p.stores - p.engines) * n.nominal_bytes, sum(p.engines - p.users) * n.nominal_bytes,"
        "  sum(p.users - 1) * n.nominal_bytes FROM places p JOIN layer n ON n.id = p.layer_id"
        " WHERE n.nominal_bytes IS NOT NULL GROUP BY p.layer_id),"
        "stored (layer_id, copies) AS (SELECT coalesce(c.layer_id, c.claimed_layer_id) AS layer,"
        "  sum(k.copies) FROM count_chain k JOIN chain c ON c.id = k.chain_id GROUP BY layer),"
        "counted (" LEDGER_COLUMNS ") AS (SELECT n.nominal_bytes, (s.copies - 1"
        "   - coalesce(k.parents + k.stores + k.engines + k.users, 0)) * n.nominal_bytes,"
        "  coalesce(k.parents, 0) * n.nominal_bytes, coalesce(k.stores, 0) * n.nominal_bytes,"
        "  coalesce(k.engines, 0) * n.nominal_bytes, coalesce(k.users, 0) * n.nominal_bytes"
        " FROM stored s JOIN layer n ON n.id = s.layer_id"
        " LEFT JOIN count_layer k ON k.layer_id = s.layer_id"
        " WHERE s.copies > 0 AND n.nominal_bytes IS NOT NULL),"
        "terms (source, " LEDGER_COLUMNS ") AS ("
        " SELECT 'copies', coalesce(sum(uniq), 0), coalesce(sum(replicas), 0),"
        "  coalesce(sum(parents), 0), coalesce(sum(stores), 0), coalesce(sum(engines), 0),"
        "  coalesce(sum(users), 0) FROM each"
        " UNION ALL SELECT 'counters', coalesce(sum(uniq), 0), coalesce(sum(replicas), 0),"
        "  coalesce(sum(parents), 0), coalesce(sum(stores), 0), coalesce(sum(engines), 0),"
        "  coalesce(sum(users), 0) FROM counted) "
        "SELECT printf('ledger: %s tell unique %d, replicas %d, duplicates by parents %d, stores"
        " %d, engines %d, users %d bytes', source, " LEDGER_COLUMNS ") FROM terms"
        " WHERE (SELECT count(*) FROM (SELECT DISTINCT " LEDGER_COLUMNS " FROM terms)) > 1",
};
const struct store_sql store_sql_check_exact = STORE_SQL(sql);

int check_exact(struct checking *c, struct err *err)
{
    for (int rule = 0; c->thorough && rule < RULES; rule++) {
        if (check_rows_of(c, STORE_SET_check_exact, rule, err) != 0)
            return -1;
        c->result->checked++;
    }
    return 0;
}
