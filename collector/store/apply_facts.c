#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/apply_event.h"
#include "collector/store/store_private.h"

/* Values of layer.fact_state. */
enum { FACTS_UNKNOWN = 0, FACTS_SAID = 1, FACTS_CONFIRMED = 2, FACTS_DISPUTED = 3 };

enum { FACTS_GET, FACTS_PUT, FACTS_CONFIRM, FACTS_DISPUTE };

static const char *const sql[] = {
    [FACTS_GET] = "SELECT id, fact_state, fact_incarnation, content_bytes, nominal_bytes, files,"
                  " directories, os_release, base_layers FROM layer WHERE diff = ?",
    [FACTS_PUT] = "UPDATE layer SET fact_state = 1, content_bytes = ?, nominal_bytes = ?,"
                  " files = ?, directories = ?, os_release = ?, base_layers = ?,"
                  " fact_incarnation = ? WHERE id = ?",
    [FACTS_CONFIRM] = "UPDATE layer SET fact_state = 2, confirm_incarnation = ?1, "
                      "base_layers = CASE WHEN base_layers = ?2 THEN ?2 END WHERE id = ?3",
    [FACTS_DISPUTE] = "UPDATE layer SET fact_state = 3, content_bytes = NULL, nominal_bytes = NULL,"
                      " files = NULL, directories = NULL, os_release = NULL,"
                      " base_layers = NULL, confirm_incarnation = ? WHERE id = ?",
};
const struct store_sql store_sql_facts = STORE_SQL(sql);

struct stored {
    int64_t layer_id;
    int state;
    int64_t by;
    int64_t base_layers; /* 0 not said */
    bool same;           /* but for base_layers */
};

/* Agents of before do not say how many layers the base has: that contradicts nobody, and confirms
 * nothing. */
static bool contradicts_base(const struct stored *was, uint32_t told)
{
    return was->base_layers != 0 && told != 0 && was->base_layers != told;
}

/* 1 the layer is known, 0 not, -1. */
static int load_stored(struct store *s, const struct rec_layer_facts *f, struct stored *out,
                       struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_facts, FACTS_GET);
    int found;

    stmt_digest(&st, &f->diff);
    found = stmt_row(&st, err);
    if (found <= 0)
        return found;
    out->layer_id = stmt_get_int(&st, 0);
    out->state = (int)stmt_get_int(&st, 1);
    out->by = stmt_get_int(&st, 2);
    out->same = stmt_get_int(&st, 3) == (int64_t)f->content_bytes &&
                stmt_get_int(&st, 4) == (int64_t)f->nominal_bytes &&
                stmt_get_int(&st, 5) == (int64_t)f->files &&
                stmt_get_int(&st, 6) == (int64_t)f->directories &&
                strcmp(stmt_get_text(&st, 7), f->os_release) == 0;
    out->base_layers = stmt_get_int(&st, 8);
    return 1;
}

static int put(struct store *s, int64_t incarnation_id, const struct rec_layer_facts *f,
               int64_t layer_id, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_facts, FACTS_PUT);

    stmt_int(&st, (int64_t)f->content_bytes);
    stmt_int(&st, (int64_t)f->nominal_bytes);
    stmt_int(&st, (int64_t)f->files);
    stmt_int(&st, (int64_t)f->directories);
    stmt_text(&st, f->os_release);
    stmt_int_if(&st, f->base_layers > 0, f->base_layers);
    stmt_int(&st, incarnation_id);
    stmt_int(&st, layer_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    return mirror_set_layer_ask(s->mirror, layer_id, (uint32_t)incarnation_id, err);
}

static int settle(struct store *s, int index, int64_t incarnation_id,
                  const struct rec_layer_facts *f, int64_t layer_id, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_facts, index);

    stmt_int(&st, incarnation_id);
    if (index == FACTS_CONFIRM)
        stmt_int_if(&st, f->base_layers > 0, f->base_layers);
    stmt_int(&st, layer_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    return mirror_set_layer_ask(s->mirror, layer_id, MIRROR_ASK_NOBODY, err);
}

static int tell_mismatch(struct store *s, int64_t incarnation_id, const struct stored *was,
                         const struct rec_layer_facts *f, int64_t now_ms, struct err *err)
{
    bool settled = was->state == FACTS_CONFIRMED;
    char subject[DIGEST_TEXT];
    const char *what = settled ? "measures the layer otherwise than two others do"
                               : "measures the layer otherwise: neither is believed";

    digest_text(&f->diff, subject);
    if (apply_event_pair(s, "facts-mismatch", subject, what, incarnation_id, was->by, now_ms,
                         err) != 0)
        return -1;
    return settled ? 0
                   : apply_event_pair(s, "facts-mismatch", subject, what, was->by, incarnation_id,
                                      now_ms, err);
}

/* The host's own words once more: it may have measured again. */
static int say_again(struct store *s, int64_t incarnation_id, const struct stored *was,
                     const struct rec_layer_facts *facts, enum apply_verdict *verdict,
                     struct err *err)
{
    if (was->same && was->base_layers == facts->base_layers)
        return 0;
    *verdict = APPLY_TAKEN;
    return put(s, incarnation_id, facts, was->layer_id, err);
}

int apply_layer_facts(struct store *s, int64_t incarnation_id, const struct rec_layer_facts *facts,
                      int64_t now_ms, enum apply_verdict *verdict, struct err *err)
{
    struct stored was = {0};
    int found = load_stored(s, facts, &was, err);

    if (found < 0)
        return -1;
    *verdict = APPLY_KNOWN;
    /* Nobody asked for a layer that nothing names. */
    if (found == 0 || was.state == FACTS_DISPUTED)
        return 0;
    if (was.state == FACTS_UNKNOWN) {
        *verdict = APPLY_TAKEN;
        return put(s, incarnation_id, facts, was.layer_id, err);
    }
    if (was.state == FACTS_SAID && was.by == incarnation_id)
        return say_again(s, incarnation_id, &was, facts, verdict, err);
    if (was.same && !contradicts_base(&was, facts->base_layers)) {
        if (was.state == FACTS_CONFIRMED)
            return 0;
        *verdict = APPLY_CONFIRMED;
        return settle(s, FACTS_CONFIRM, incarnation_id, facts, was.layer_id, err);
    }
    *verdict = APPLY_MISMATCH;
    if (tell_mismatch(s, incarnation_id, &was, facts, now_ms, err) != 0)
        return -1;
    return was.state == FACTS_CONFIRMED
               ? 0
               : settle(s, FACTS_DISPUTE, incarnation_id, facts, was.layer_id, err);
}
