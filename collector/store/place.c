#include "collector/store/place.h"

#include <stdio.h>
#include <string.h>

#include "collector/store/listing.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000

enum {
    HOST_GET,
    INCARNATION_ADVANCE,
    STORE_GET,
    STORE_COUNT,
    STORE_ADD,
    STORE_SET,
    STORE_SET_SUM,
    HOST_OF,
    PROBLEM_CLEAR,
    PROBLEM_ADD,
};

static const char *const sql[] = {
    [HOST_GET] = "SELECT host_id, generation, observed_s, last_s, ended_s IS NOT NULL "
                 "FROM incarnation WHERE id = ?",
    [INCARNATION_ADVANCE] =
        "UPDATE incarnation SET generation = ?, observed_s = max(observed_s, ?),"
        " last_s = max(last_s, ?) WHERE id = ?",
    [STORE_GET] = "SELECT id, gone_s IS NULL, state, look_s, sum FROM store "
                  "WHERE incarnation_id = ? AND key = ?",
    [STORE_COUNT] = "SELECT count(*) FROM store WHERE incarnation_id = ? AND gone_s IS NULL",
    [STORE_ADD] =
        "INSERT INTO store (engine, version, driver, space, root, owner, fs_type,"
        " block_size, state, error, sample, manifests, problems_more, state_s, sum, first_s, "
        "look_s,"
        " incarnation_id, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [STORE_SET] =
        "UPDATE store SET engine = ?, version = ?, driver = ?, space = ?, root = ?,"
        " owner = ?, fs_type = ?, block_size = ?, state = ?, error = ?, sample = ?,"
        " manifests = ?, problems_more = ?, state_s = CASE ? WHEN 0 THEN state_s ELSE ? END,"
        " gone_s = NULL, gone_after_s = NULL WHERE id = ?",
    [STORE_SET_SUM] = "UPDATE store SET sum = ?, look_s = max(look_s, ?) WHERE id = ?",
    [HOST_OF] = "SELECT host_id FROM incarnation WHERE id = ?",
    [PROBLEM_CLEAR] = "DELETE FROM problem WHERE store_id = ?",
    [PROBLEM_ADD] = "INSERT INTO problem (store_id, seq, subject, text) VALUES (?, ?, ?, ?)",
};
const struct store_sql store_sql_place = STORE_SQL(sql);

int place_host(struct store *s, int64_t incarnation_id, struct place_host *out, struct err *err)
{
    AUTO(stmt_end) struct stmt get = stmt_use(s, STORE_SET_place, HOST_GET);
    int found;

    stmt_int(&get, incarnation_id);
    found = stmt_row(&get, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no incarnation %lld",
                       (long long)incarnation_id);
    if (stmt_get_int(&get, 4) != 0)
        return err_set(err, ERR_CONFLICT,
                       "another machine has taken this host's place: say hello "
                       "again");
    out->incarnation_id = incarnation_id;
    out->host_id = stmt_get_int(&get, 0);
    out->generation = (uint64_t)stmt_get_int(&get, 1);
    out->observed_s = stmt_get_int(&get, 2);
    out->last_s = stmt_get_int(&get, 3);
    return 0;
}

int place_count_host(struct store *s, int64_t host_id, bool counted, struct err *err)
{
    if (mirror_host(s->mirror, host_id)->counted == counted)
        return 0;
    if (tally_take(s->tally, s->mirror, host_id, err) != 0)
        return -1;
    return mirror_set_counted(s->mirror, host_id, counted, err);
}

int64_t place_time(const struct place_host *host, int64_t age_ms, int64_t now_ms)
{
    int64_t at_ms = age_ms > 0 ? now_ms - age_ms : now_ms;
    int64_t at_s = at_ms / MS_PER_SECOND;

    return at_s > host->observed_s ? at_s : host->observed_s;
}

int place_advance(struct store *s, const struct place_host *host, uint64_t generation, int64_t at_s,
                  int64_t now_s, struct err *err)
{
    struct stmt advance = stmt_use(s, STORE_SET_place, INCARNATION_ADVANCE);

    stmt_int(&advance, (int64_t)generation);
    stmt_int(&advance, at_s);
    stmt_int(&advance, now_s);
    stmt_int(&advance, host->incarnation_id);
    return stmt_run(&advance, err);
}

int place_store(struct store *s, int64_t incarnation_id, const struct rec_key *key,
                struct place_store *out, struct err *err)
{
    AUTO(stmt_end) struct stmt get = stmt_use(s, STORE_SET_place, STORE_GET);
    int found;

    stmt_int(&get, incarnation_id);
    stmt_blob(&get, key->bytes, sizeof(key->bytes));
    found = stmt_row(&get, err);
    if (found <= 0)
        return found;
    out->id = stmt_get_int(&get, 0);
    out->present = stmt_get_int(&get, 1) != 0;
    out->state = (enum rec_store_state)stmt_get_int(&get, 2);
    out->look_s = stmt_get_int(&get, 3);
    return stmt_get_sum(&get, 4, &out->sum, err) != 0 ? -1 : 1;
}

int place_count(struct store *s, int64_t incarnation_id, size_t *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_place, STORE_COUNT);

    stmt_int(&st, incarnation_id);
    if (stmt_row(&st, err) < 0)
        return -1;
    *out = (size_t)stmt_get_int(&st, 0);
    return 0;
}

int place_present(struct store *s, int64_t incarnation_id, const struct rec_key *key, int64_t *id,
                  struct err *err)
{
    char text[PLACE_KEY_TEXT];
    struct place_store found;
    int there = place_store(s, incarnation_id, key, &found, err);

    if (there < 0)
        return -1;
    if (there == 0 || !found.present)
        return err_set(err, ERR_NOT_FOUND, "the host has no %s", place_key_text(key, text));
    *id = found.id;
    return 0;
}

static void bind_attributes(struct stmt *st, const struct rec_store *r)
{
    stmt_text(st, r->engine);
    stmt_text(st, r->version);
    stmt_text(st, r->driver);
    stmt_text(st, r->space);
    stmt_text(st, r->root);
    stmt_int(st, r->owner);
    stmt_text(st, r->fs_type);
    stmt_int(st, r->block_size);
    stmt_int(st, r->state);
    stmt_text(st, r->error);
    stmt_int(st, r->sample);
    stmt_int(st, r->manifests);
    stmt_int(st, (int64_t)r->problems_more);
}

/* Now it is a store of root's, or of another user's, that lists what it holds. */
static int note_listings(struct store *s, int64_t store_id, int64_t at_s, struct err *err)
{
    const struct mirror_store *held = mirror_store(s->mirror, store_id);

    for (uint32_t i = 0; i < held->listing_count; i++)
        if (listing_said(s, held->listings[i], store_id, at_s, err) != 0)
            return -1;
    return 0;
}

/* What the counters need to know of a store; only a real change costs them anything. */
static int note_place(struct store *s, int64_t store_id, const struct rec_store *r, int64_t at_s,
                      struct err *err)
{
    if (mirror_is_place(s->mirror, store_id, r->owner, r->engine))
        return 0;
    if (tally_take_store(s->tally, s->mirror, store_id, err) != 0 ||
        mirror_set_place(s->mirror, store_id, r->owner, r->engine, err) != 0)
        return -1;
    return note_listings(s, store_id, at_s, err);
}

static int host_of(struct store *s, int64_t incarnation_id, int64_t *host_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_place, HOST_OF);
    int found;

    stmt_int(&st, incarnation_id);
    found = stmt_row(&st, err);
    *host_id = stmt_get_int(&st, 0);
    return found < 0 ? -1 : 0;
}

static int add_store(struct store *s, int64_t incarnation_id, const struct rec_store *r,
                     int64_t at_s, int64_t *id, struct err *err)
{
    static const uint8_t empty[32];
    struct stmt add = stmt_use(s, STORE_SET_place, STORE_ADD);
    int64_t host_id;

    if (host_of(s, incarnation_id, &host_id, err) != 0)
        return -1;
    bind_attributes(&add, r);
    stmt_int(&add, at_s);
    stmt_blob(&add, empty, sizeof(empty));
    stmt_int(&add, at_s);
    stmt_int(&add, at_s);
    stmt_int(&add, incarnation_id);
    stmt_blob(&add, r->key.bytes, sizeof(r->key.bytes));
    if (stmt_run(&add, err) != 0)
        return -1;
    *id = store_last_id(s);
    return mirror_add_store(s->mirror, *id, host_id, err);
}

static int set_store(struct store *s, const struct place_store *old, const struct rec_store *r,
                     int64_t at_s, struct err *err)
{
    struct stmt set = stmt_use(s, STORE_SET_place, STORE_SET);

    bind_attributes(&set, r);
    stmt_int(&set, !old->present || old->state != r->state);
    stmt_int(&set, at_s);
    stmt_int(&set, old->id);
    return stmt_run(&set, err);
}

static int put_problems(struct store *s, int64_t store_id, const struct rec_store *r,
                        struct err *err)
{
    struct stmt clear = stmt_use(s, STORE_SET_place, PROBLEM_CLEAR);

    stmt_int(&clear, store_id);
    if (stmt_run(&clear, err) != 0)
        return -1;
    for (size_t i = 0; i < r->problem_count; i++) {
        struct stmt add = stmt_use(s, STORE_SET_place, PROBLEM_ADD);

        stmt_int(&add, store_id);
        stmt_int(&add, (int64_t)i);
        stmt_text(&add, r->problems[i].subject);
        stmt_text(&add, r->problems[i].text);
        if (stmt_run(&add, err) != 0)
            return -1;
    }
    return 0;
}

static int hash_text(struct buf *b, const char *text, struct err *err)
{
    return buf_add(b, text, strlen(text) + 1, err);
}

/* A hash of all that place_put() writes. */
static int hash_attributes(struct store *s, const struct rec_store *r, uint64_t *out,
                           struct err *err)
{
    const char *const texts[] = {r->engine, r->version, r->driver, r->space,
                                 r->root,   r->fs_type, r->error};
    const uint64_t numbers[] = {r->owner,     r->block_size,    r->state,        r->sample,
                                r->manifests, r->problem_count, r->problems_more};
    struct buf *b = &s->scratch;

    buf_reset(b);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (hash_text(b, texts[i], err) != 0)
            return -1;
    for (size_t i = 0; i < r->problem_count; i++)
        if (hash_text(b, r->problems[i].subject, err) != 0 ||
            hash_text(b, r->problems[i].text, err) != 0)
            return -1;
    if (buf_add(b, numbers, sizeof(numbers), err) != 0)
        return -1;
    *out = mirror_hash(s->mirror, b->data, b->len);
    return 0;
}

int place_put(struct store *s, int64_t incarnation_id, const struct rec_store *r, int64_t at_s,
              struct place_store *out, struct err *err)
{
    int found = place_store(s, incarnation_id, &r->key, out, err);
    uint64_t hash;

    if (found < 0 || hash_attributes(s, r, &hash, err) != 0)
        return -1;
    if (found > 0 && out->present && mirror_store(s->mirror, out->id)->attributes == hash)
        return 0;
    if (found == 0) {
        *out = (struct place_store){.state = r->state, .look_s = at_s};
        if (add_store(s, incarnation_id, r, at_s, &out->id, err) != 0)
            return -1;
    } else if (set_store(s, out, r, at_s, err) != 0) {
        return -1;
    }
    if (note_place(s, out->id, r, at_s, err) != 0 || put_problems(s, out->id, r, err) != 0)
        return -1;
    return mirror_set_attributes(s->mirror, out->id, hash, err);
}

bool place_is_look(enum rec_store_state state)
{
    return state != REC_STORE_UNREADABLE && state != REC_STORE_MOVING;
}

int place_set_sum(struct store *s, int64_t store_id, const struct setsum *sum, int64_t look_s,
                  struct err *err)
{
    struct stmt set = stmt_use(s, STORE_SET_place, STORE_SET_SUM);
    uint8_t bytes[32];

    setsum_bytes(sum, bytes);
    stmt_blob(&set, bytes, sizeof(bytes));
    stmt_int(&set, look_s);
    stmt_int(&set, store_id);
    return stmt_run(&set, err);
}

const char *place_key_text(const struct rec_key *key, char out[PLACE_KEY_TEXT])
{
    size_t len = (size_t)snprintf(out, PLACE_KEY_TEXT, "store ");

    for (size_t i = 0; i < sizeof(key->bytes); i++)
        len += (size_t)snprintf(out + len, PLACE_KEY_TEXT - len, "%02x", key->bytes[i]);
    return out;
}
