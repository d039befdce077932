#include <inttypes.h>
#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/apply_event.h"
#include "collector/store/apply_words.h"
#include "collector/store/store_private.h"
#include "common/buf.h"

enum { FACTS_GET, FACTS_HOST, FACTS_PUT, FACTS_CONFIRM, FACTS_DISPUTE };

static const char *const sql[] = {
    [FACTS_GET] = "SELECT l.id, fact_state, fact_incarnation, content_bytes, nominal_bytes, files,"
                  " directories, os_release, base_layers, fact_of_user, i.host_id,"
                  " h.retired_s IS NOT NULL OR h.ended_s IS NOT NULL FROM layer l "
                  "LEFT JOIN incarnation i ON i.id = l.fact_incarnation "
                  "LEFT JOIN host h ON h.id = i.host_id WHERE l.diff = ?",
    [FACTS_HOST] = "SELECT host_id FROM incarnation WHERE id = ?",
    [FACTS_PUT] = "UPDATE layer SET fact_state = 1, content_bytes = ?, nominal_bytes = ?,"
                  " files = ?, directories = ?, os_release = ?, base_layers = ?,"
                  " fact_incarnation = ?, fact_of_user = ?, confirm_incarnation = NULL "
                  "WHERE id = ?",
    [FACTS_CONFIRM] = "UPDATE layer SET fact_state = 2, confirm_incarnation = ?1, "
                      "base_layers = CASE WHEN base_layers = ?2 THEN ?2 END WHERE id = ?3",
    [FACTS_DISPUTE] = "UPDATE layer SET fact_state = 3, content_bytes = NULL, nominal_bytes = NULL,"
                      " files = NULL, directories = NULL, os_release = NULL,"
                      " base_layers = NULL, confirm_incarnation = ? WHERE id = ?",
};
const struct store_sql store_sql_facts = STORE_SQL(sql);

/* Facts that a host tells, with what is stored of the layer. */
struct telling {
    struct store *store;
    int64_t incarnation_id, host_id;
    const struct rec_layer_facts *facts;
    int64_t now_ms;

    int64_t layer_id;
    int state;
    int64_t by, by_host;        /* who said first what stands there, or is disputed */
    bool by_gone;               /* that host is retired, or another one has its name */
    bool of_user;               /* so did nobody from a store of root's */
    struct rec_layer_facts was; /* os_release "" */
    struct digest was_word;
    bool same; /* but for base_layers */
};

/* All of it as one digest, so that two can be compared when the facts themselves are gone; without
 * base_layers, which agents of before do not say. */
static int word_of(const struct rec_layer_facts *f, const char *os_release, struct digest *out,
                   struct err *err)
{
    AUTO(buf_close) struct buf text;

    buf_init(&text, 2 * REC_OS_RELEASE_BYTES);
    if (buf_printf(&text, err, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n%s",
                   f->content_bytes, f->nominal_bytes, f->files, f->directories, os_release) != 0)
        return -1;
    *out = digest_of(text.data, text.len);
    return 0;
}

static bool says_the_same(const struct rec_layer_facts *a, const struct rec_layer_facts *b)
{
    return a->content_bytes == b->content_bytes && a->nominal_bytes == b->nominal_bytes &&
           a->files == b->files && a->directories == b->directories;
}

/* 1 there is such a layer, 0 not, -1. */
static int load_layer(struct telling *t, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(t->store, STORE_SET_facts, FACTS_GET);
    int found;

    stmt_digest(&st, &t->facts->diff);
    found = stmt_row(&st, err);
    if (found <= 0)
        return found;
    t->layer_id = stmt_get_int(&st, 0);
    t->state = (int)stmt_get_int(&st, 1);
    t->by = stmt_get_int(&st, 2);
    t->was = (struct rec_layer_facts){.content_bytes = (uint64_t)stmt_get_int(&st, 3),
                                      .nominal_bytes = (uint64_t)stmt_get_int(&st, 4),
                                      .files = (uint64_t)stmt_get_int(&st, 5),
                                      .directories = (uint64_t)stmt_get_int(&st, 6),
                                      .base_layers = (uint32_t)stmt_get_int(&st, 8)};
    t->of_user = stmt_get_int(&st, 9) != 0;
    t->by_host = stmt_get_int(&st, 10);
    t->by_gone = stmt_get_int(&st, 11) != 0;
    t->same = says_the_same(&t->was, t->facts) &&
              strcmp(stmt_get_text(&st, 7), t->facts->os_release) == 0;
    return word_of(&t->was, stmt_get_text(&st, 7), &t->was_word, err) == 0 ? 1 : -1;
}

static int load_host(struct telling *t, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(t->store, STORE_SET_facts, FACTS_HOST);

    stmt_int(&st, t->incarnation_id);
    if (stmt_row(&st, err) < 0)
        return -1;
    t->host_id = stmt_get_int(&st, 0);
    return 0;
}

/* ---- what becomes of the layer's row --------------------------------------------------------- */

static int ask(const struct telling *t, int state, bool open, struct err *err)
{
    uint32_t whom = words_ask_for_facts(state, t->facts->of_user, t->host_id, open);

    return mirror_set_layer_ask(t->store->mirror, t->layer_id, whom, err);
}

static int put_as(const struct telling *t, int64_t incarnation_id, struct err *err)
{
    struct stmt st = stmt_use(t->store, STORE_SET_facts, FACTS_PUT);
    const struct rec_layer_facts *f = t->facts;

    stmt_int(&st, (int64_t)f->content_bytes);
    stmt_int(&st, (int64_t)f->nominal_bytes);
    stmt_int(&st, (int64_t)f->files);
    stmt_int(&st, (int64_t)f->directories);
    stmt_text(&st, f->os_release);
    stmt_int_if(&st, f->base_layers > 0, f->base_layers);
    stmt_int(&st, incarnation_id);
    stmt_int(&st, f->of_user);
    stmt_int(&st, t->layer_id);
    return stmt_run(&st, err);
}

static int put(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_TAKEN;
    return put_as(t, t->incarnation_id, err) == 0 ? ask(t, FACTS_SAID, false, err) : -1;
}

static int confirm(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    struct stmt st = stmt_use(t->store, STORE_SET_facts, FACTS_CONFIRM);
    uint32_t base_layers = t->facts->base_layers;

    *verdict = APPLY_CONFIRMED;
    stmt_int(&st, t->incarnation_id);
    stmt_int_if(&st, base_layers > 0, base_layers);
    stmt_int(&st, t->layer_id);
    return stmt_run(&st, err) == 0 ? ask(t, FACTS_CONFIRMED, false, err) : -1;
}

static int dispute(const struct telling *t, struct err *err)
{
    struct stmt st = stmt_use(t->store, STORE_SET_facts, FACTS_DISPUTE);

    stmt_int(&st, t->incarnation_id);
    stmt_int(&st, t->layer_id);
    return stmt_run(&st, err) == 0 ? ask(t, FACTS_DISPUTED, true, err) : -1;
}

/* ---- two hosts ------------------------------------------------------------------------------- */

static int tell_pair(const struct telling *t, const char *kind, const char *what, int64_t one,
                     int64_t other, struct err *err)
{
    char subject[DIGEST_TEXT];

    return apply_event_pair(t->store, kind, digest_text(&t->facts->diff, subject), what, one, other,
                            t->now_ms, err);
}

static int begin_dispute(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    static const char what[] = "measures the layer otherwise: neither is believed";
    struct words_subject subject = {.digest = &t->facts->diff};
    struct words_answer answer;
    struct digest word;

    *verdict = APPLY_DISPUTED;
    if (word_of(t->facts, t->facts->os_release, &word, err) != 0 ||
        tell_pair(t, "facts-mismatch", what, t->incarnation_id, t->by, err) != 0 ||
        tell_pair(t, "facts-mismatch", what, t->by, t->incarnation_id, err) != 0 ||
        words_drop(t->store, &subject, err) != 0 ||
        words_say(t->store, &subject, t->by, &t->was_word, &answer, err) != 0 ||
        words_say(t->store, &subject, t->incarnation_id, &word, &answer, err) != 0)
        return -1;
    return dispute(t, err);
}

/* Another host said just this. */
static int settle(const struct telling *t, int64_t agrees, enum apply_verdict *verdict,
                  struct err *err)
{
    struct rec_layer_facts facts = *t->facts;
    struct telling both = *t;

    facts.base_layers = 0; /* is no part of their words */
    both.facts = &facts;
    if (tell_pair(t, "facts-settled", "measures the layer as another host does: both are believed",
                  t->incarnation_id, agrees, err) != 0 ||
        put_as(&both, agrees, err) != 0)
        return -1;
    return confirm(&both, verdict, err);
}

static int say_in_dispute(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    struct words_subject subject = {.digest = &t->facts->diff};
    struct words_answer answer;
    struct digest word;

    if (word_of(t->facts, t->facts->os_release, &word, err) != 0 ||
        words_say(t->store, &subject, t->incarnation_id, &word, &answer, err) != 0)
        return -1;
    *verdict = answer.full ? APPLY_MISMATCH : APPLY_DISPUTED;
    if (answer.agrees == 0 && !answer.first) {
        if (answer.news &&
            tell_pair(t, "facts-mismatch", "measures the layer otherwise than others",
                      t->incarnation_id, t->by, err) != 0)
            return -1;
        return ask(t, FACTS_DISPUTED, !answer.full, err);
    }
    if (words_drop(t->store, &subject, err) != 0)
        return -1;
    return answer.first ? put(t, verdict, err) : settle(t, answer.agrees, verdict, err);
}

/* ---- of one user's store and of root's ------------------------------------------------------- */

/* Whoever it was that told it from a user's store; the host itself, most often. */
static int tell_displaced(const struct telling *t, struct err *err)
{
    static const char here[] =
        "the layer is measured in root's store, and otherwise than before in "
        "a user's: root's counts";
    static const char there[] = "measures the layer in root's store, and otherwise than another "
                                "host in a user's: root's counts";
    char subject[DIGEST_TEXT];

    if (t->by_host != t->host_id)
        return tell_pair(t, "facts-replaced", there, t->incarnation_id, t->by, err);
    return apply_event(t->store, t->incarnation_id, "facts-replaced",
                       digest_text(&t->facts->diff, subject), here, t->now_ms, err);
}

/* Root's word on what nobody told from a store of root's. */
static int displace(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    struct words_subject subject = {.digest = &t->facts->diff};

    if (words_drop(t->store, &subject, err) != 0 || (!t->same && tell_displaced(t, err) != 0))
        return -1;
    return put(t, verdict, err);
}

/* A user's word on what was told from root's. Disputed facts are not here to be compared with. */
static int pass_over(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    static const char what[] = "measures the layer in a user's store, and otherwise than another "
                               "host in root's: root's counts";

    *verdict = APPLY_WEAKER;
    if (t->state == FACTS_DISPUTED || t->same || t->by_host == t->host_id)
        return 0;
    return tell_pair(t, "facts-mismatch", what, t->incarnation_id, t->by, err);
}

/* ---- by what is known ------------------------------------------------------------------------ */

/* The host's own words once more: it may have measured again. */
static int say_again(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_WEAKER;
    return t->same && t->was.base_layers == t->facts->base_layers ? 0 : put(t, verdict, err);
}

/* Who is gone says nothing more, and nobody could retire it. */
static int succeed(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    if (tell_pair(t, "facts-replaced", "measures the layer otherwise than a host that is gone",
                  t->incarnation_id, t->by, err) != 0)
        return -1;
    return put(t, verdict, err);
}

static int compare_said(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    if (t->by_host == t->host_id)
        return say_again(t, verdict, err);
    if (t->same)
        return confirm(t, verdict, err);
    return t->by_gone ? succeed(t, verdict, err) : begin_dispute(t, verdict, err);
}

static int compare_confirmed(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    if (t->same)
        return 0;
    *verdict = APPLY_MISMATCH;
    return tell_pair(t, "facts-mismatch", "measures the layer otherwise than two others do",
                     t->incarnation_id, t->by, err);
}

static int compare(const struct telling *t, enum apply_verdict *verdict, struct err *err)
{
    if (t->of_user && !t->facts->of_user)
        return displace(t, verdict, err);
    if (t->facts->of_user && !t->of_user)
        return pass_over(t, verdict, err);
    if (t->state == FACTS_SAID)
        return compare_said(t, verdict, err);
    return t->state == FACTS_CONFIRMED ? compare_confirmed(t, verdict, err)
                                       : say_in_dispute(t, verdict, err);
}

int apply_layer_facts(struct store *s, int64_t incarnation_id, const struct rec_layer_facts *facts,
                      int64_t now_ms, enum apply_verdict *verdict, struct err *err)
{
    struct telling t = {
        .store = s, .incarnation_id = incarnation_id, .facts = facts, .now_ms = now_ms};
    int found = load_layer(&t, err);

    *verdict = APPLY_KNOWN;
    if (found <= 0) /* nobody asked for a layer that nothing names */
        return found;
    if (load_host(&t, err) != 0)
        return -1;
    return t.state == FACTS_UNKNOWN ? put(&t, verdict, err) : compare(&t, verdict, err);
}
