#include <stdlib.h>
#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/apply_words.h"
#include "collector/store/closing.h"
#include "collector/store/labels.h"
#include "collector/store/place.h"
#include "collector/store/store_private.h"
#include "common/buf.h"

#define MS_PER_SECOND 1000

enum {
    INCARNATION_BY_UUID,
    INCARNATION_ADD,
    INCARNATION_SET,
    INCARNATION_END,
    INCARNATION_OF_HOST,
    HOST_BY_NAME,
    HOST_ADD,
    HOST_SET,
    HOST_END,
    HOST_NAME,
    SUM_COUNT,
    SUMS,
};

static const char *const sql[] = {
    [INCARNATION_BY_UUID] = "SELECT id, host_id, fingerprint, address, generation "
                            "FROM incarnation WHERE uuid = ?",
    [INCARNATION_ADD] = "INSERT INTO incarnation (uuid, host_id, fingerprint, first_s, last_s) "
                        "VALUES (?, ?, ?, ?, ?)",
    [INCARNATION_SET] =
        "UPDATE incarnation SET last_s = max(last_s, ?), ended_s = NULL, address = ?,"
        " agent_version = ?, os = ?, kernel = ?, arch = ?, skew_ms = ? WHERE id = ?",
    [INCARNATION_END] = "UPDATE incarnation SET ended_s = ? WHERE id = ?",
    [INCARNATION_OF_HOST] = "SELECT id, last_s, address, fingerprint FROM incarnation "
                            "WHERE host_id = ? AND ended_s IS NULL AND id <> ? LIMIT 1",
    [HOST_BY_NAME] = "SELECT id FROM host WHERE name = ? AND ended_s IS NULL",
    [HOST_ADD] = "INSERT INTO host (name, first_s, last_s) VALUES (?, ?, ?)",
    [HOST_SET] = "UPDATE host SET name = ?, cluster = ?, labels = ?, lifetime = ?,"
                 " last_s = max(last_s, ?), retired_s = NULL, ended_s = NULL WHERE id = ?",
    [HOST_END] = "UPDATE host SET ended_s = ? WHERE id = ?",
    [HOST_NAME] = "SELECT name FROM host WHERE id = ?",
    [SUM_COUNT] = "SELECT count(*) FROM store WHERE incarnation_id = ? AND gone_s IS NULL",
    [SUMS] = "SELECT key, sum FROM store WHERE incarnation_id = ? AND gone_s IS NULL",
};
const struct store_sql store_sql_hello = STORE_SQL(sql);

/* One hello while it is placed. */
struct arrival {
    struct store *store;
    const struct rec_hello *hello;
    const struct apply_caller *caller;
    int64_t now_s;
};

/* An incarnation that stands in the way of another one. */
struct rival {
    int64_t id, last_s;
    const char *address;
    struct digest fingerprint;
};

static int cmp_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* A machine whose agent lost its state comes back at once: its fingerprint says that it is the same
 * one, and nobody else speaks for it. */
static bool alive(const struct arrival *a, const struct rival *r)
{
    const struct apply_caller *c = a->caller;

    if (c->live_count > 0 && bsearch(&r->id, c->live, c->live_count, sizeof(r->id), cmp_id) != NULL)
        return true;
    return r->last_s > a->now_s - c->silence_s &&
           !digest_eq(&r->fingerprint, &a->hello->fingerprint);
}

/* ---- who is in the way ----------------------------------------------------------------------- */

/* 1 with the incarnation that stands for a host (other than `but`), 0 none, -1. Its address is in
 * the arena of `text`. */
static int find_rival(const struct arrival *a, int64_t host_id, int64_t but, struct arena *texts,
                      struct rival *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(a->store, STORE_SET_hello, INCARNATION_OF_HOST);
    int found;

    stmt_int(&st, host_id);
    stmt_int(&st, but);
    found = stmt_row(&st, err);
    if (found <= 0)
        return found;
    out->id = stmt_get_int(&st, 0);
    out->last_s = stmt_get_int(&st, 1);
    out->address = stmt_copy_text(&st, 2, texts, err);
    if (out->address == NULL || stmt_get_digest(&st, 3, &out->fingerprint, err) != 0)
        return -1;
    return 1;
}

static int end_incarnation(const struct arrival *a, int64_t id, struct err *err)
{
    struct stmt st = stmt_use(a->store, STORE_SET_hello, INCARNATION_END);

    stmt_int(&st, a->now_s);
    stmt_int(&st, id);
    if (stmt_run(&st, err) != 0)
        return -1;
    return closing_incarnation(a->store, id, err);
}

/* Ends the incarnation that stands for the host, unless it is alive. */
static int replace_rival(const struct arrival *a, int64_t host_id, int64_t but, struct arena *arena,
                         struct err *err)
{
    struct rival rival;
    int found = find_rival(a, host_id, but, arena, &rival, err);

    if (found <= 0)
        return found;
    if (alive(a, &rival))
        return err_set(
            err, ERR_CONFLICT,
            "two live machines report as host \"%s\": one from %s, one from %s; give one "
            "of them another name, or stop it",
            a->caller->host_name, rival.address, a->caller->address);
    if (end_incarnation(a, rival.id, err) != 0)
        return -1;
    return apply_event(a->store, rival.id, "host-rebuilt", a->caller->host_name,
                       "another machine reports under this name now; what this one held is closed",
                       a->caller->now_ms, err);
}

/* ---- the host's row -------------------------------------------------------------------------- */

/* 1 with the host that has the name now, 0 none, -1. */
static int host_by_name(const struct arrival *a, int64_t *id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(a->store, STORE_SET_hello, HOST_BY_NAME);
    int found;

    stmt_text(&st, a->caller->host_name);
    found = stmt_row(&st, err);
    if (found > 0)
        *id = stmt_get_int(&st, 0);
    return found;
}

static int add_host(const struct arrival *a, int64_t *id, struct err *err)
{
    struct stmt st = stmt_use(a->store, STORE_SET_hello, HOST_ADD);

    stmt_text(&st, a->caller->host_name);
    stmt_int(&st, a->now_s);
    stmt_int(&st, a->now_s);
    if (stmt_run(&st, err) != 0)
        return -1;
    *id = store_last_id(a->store);
    return mirror_add_host(a->store->mirror, *id, err);
}

/* Takes the name from another host that fell silent and whose name a known machine has now. */
static int claim_name(const struct arrival *a, int64_t host_id, struct arena *arena,
                      struct err *err)
{
    struct stmt st;
    int64_t other;
    int found = host_by_name(a, &other, err);

    if (found <= 0 || other == host_id)
        return found < 0 ? -1 : 0;
    if (replace_rival(a, other, 0, arena, err) != 0)
        return -1;
    st = stmt_use(a->store, STORE_SET_hello, HOST_END);
    stmt_int(&st, a->now_s);
    stmt_int(&st, other);
    if (stmt_run(&st, err) != 0 || words_forget_host(a->store, other, err) != 0)
        return -1;
    return place_count_host(a->store, other, false, err);
}

static int set_host(const struct arrival *a, int64_t host_id, struct err *err)
{
    AUTO_FREE char *labels = labels_text(a->hello->labels, a->hello->label_count, err);
    struct stmt st;

    if (labels == NULL)
        return -1;
    st = stmt_use(a->store, STORE_SET_hello, HOST_SET);
    stmt_text(&st, a->caller->host_name);
    stmt_text(&st, a->hello->cluster);
    stmt_text(&st, labels);
    stmt_int(&st, a->hello->lifetime);
    stmt_int(&st, a->now_s);
    stmt_int(&st, host_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    return place_count_host(a->store, host_id, true, err);
}

static int note_rename(const struct arrival *a, int64_t host_id, int64_t incarnation_id,
                       struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(a->store, STORE_SET_hello, HOST_NAME);

    stmt_int(&st, host_id);
    if (stmt_row(&st, err) < 0)
        return -1;
    if (strcmp(stmt_get_text(&st, 0), a->caller->host_name) == 0)
        return 0;
    return apply_event(a->store, incarnation_id, "host-renamed", stmt_get_text(&st, 0),
                       a->caller->host_name, a->caller->now_ms, err);
}

/* ---- the incarnation's row ------------------------------------------------------------------- */

static int add_incarnation(const struct arrival *a, int64_t host_id, int64_t *id, struct err *err)
{
    const struct rec_hello *h = a->hello;
    struct stmt st = stmt_use(a->store, STORE_SET_hello, INCARNATION_ADD);

    stmt_blob(&st, h->incarnation.bytes, sizeof(h->incarnation.bytes));
    stmt_int(&st, host_id);
    stmt_digest(&st, &h->fingerprint);
    stmt_int(&st, a->now_s);
    stmt_int(&st, a->now_s);
    if (stmt_run(&st, err) != 0)
        return -1;
    *id = store_last_id(a->store);
    return 0;
}

static int set_incarnation(const struct arrival *a, int64_t id, struct err *err)
{
    const struct rec_hello *h = a->hello;
    struct stmt st = stmt_use(a->store, STORE_SET_hello, INCARNATION_SET);

    stmt_int(&st, a->now_s);
    stmt_text(&st, a->caller->address);
    stmt_text(&st, h->agent_version);
    stmt_text(&st, h->os);
    stmt_text(&st, h->kernel);
    stmt_text(&st, h->arch);
    stmt_int(&st, h->clock_ms - a->caller->now_ms);
    stmt_int(&st, id);
    return stmt_run(&st, err);
}

/* A machine that is known: 1, 0 it is new, -1. */
static int find_incarnation(const struct arrival *a, struct apply_identity *out, struct err *err)
{
    const struct rec_hello *h = a->hello;
    AUTO(stmt_end) struct stmt st = stmt_use(a->store, STORE_SET_hello, INCARNATION_BY_UUID);
    struct digest fingerprint;
    int found;

    stmt_blob(&st, h->incarnation.bytes, sizeof(h->incarnation.bytes));
    found = stmt_row(&st, err);
    if (found <= 0)
        return found;
    if (stmt_get_digest(&st, 2, &fingerprint, err) != 0)
        return -1;
    if (!digest_eq(&fingerprint, &h->fingerprint))
        return err_set(
            err, ERR_CONFLICT,
            "two machines report as one: the identity of the one at %s was copied to the "
            "one at %s; remove the agent's state there, it makes a new identity",
            stmt_get_text(&st, 3), a->caller->address);
    out->incarnation_id = stmt_get_int(&st, 0);
    out->host_id = stmt_get_int(&st, 1);
    out->generation = (uint64_t)stmt_get_int(&st, 4);
    return 1;
}

static int place_known(const struct arrival *a, struct arena *arena, struct apply_identity *out,
                       struct err *err)
{
    if (claim_name(a, out->host_id, arena, err) != 0 ||
        replace_rival(a, out->host_id, out->incarnation_id, arena, err) != 0)
        return -1;
    return note_rename(a, out->host_id, out->incarnation_id, err);
}

static int place_new(const struct arrival *a, struct arena *arena, struct apply_identity *out,
                     struct err *err)
{
    int found = host_by_name(a, &out->host_id, err);

    if (found < 0)
        return -1;
    if (found == 0 && add_host(a, &out->host_id, err) != 0)
        return -1;
    if (replace_rival(a, out->host_id, 0, arena, err) != 0)
        return -1;
    return add_incarnation(a, out->host_id, &out->incarnation_id, err);
}

/* ---- what is held of it ---------------------------------------------------------------------- */

static int load_sums(struct store *s, struct arena *arena, struct apply_identity *out,
                     struct err *err)
{
    AUTO(stmt_end) struct stmt total = stmt_use(s, STORE_SET_hello, SUM_COUNT);
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_hello, SUMS);
    size_t room;
    int more;

    stmt_int(&total, out->incarnation_id);
    if (stmt_row(&total, err) < 0)
        return -1;
    room = (size_t)stmt_get_int(&total, 0);
    out->sums = arena_array(arena, room, sizeof(*out->sums), err);
    if (out->sums == NULL)
        return -1;
    stmt_int(&st, out->incarnation_id);
    while ((more = stmt_row(&st, err)) > 0 && out->sum_count < room) {
        struct rec_store_sum *sum = &out->sums[out->sum_count++];

        if (stmt_get_id(&st, 0, sum->key.bytes, err) != 0 ||
            stmt_get_sum(&st, 1, &sum->sum, err) != 0)
            return -1;
    }
    return more < 0 ? -1 : 0;
}

int apply_hello(struct store *s, const struct rec_hello *hello, const struct apply_caller *caller,
                struct arena *arena, struct apply_identity *out, struct err *err)
{
    struct arrival a = {s, hello, caller, caller->now_ms / MS_PER_SECOND};
    int known;

    *out = (struct apply_identity){0};
    known = find_incarnation(&a, out, err);
    if (known < 0)
        return -1;
    if ((known ? place_known(&a, arena, out, err) : place_new(&a, arena, out, err)) != 0)
        return -1;
    if (set_host(&a, out->host_id, err) != 0 || set_incarnation(&a, out->incarnation_id, err) != 0)
        return -1;
    return load_sums(s, arena, out, err);
}
