#include "collector/store/apply_words.h"

#include "collector/store/mirror.h"
#include "collector/store/store_private.h"
#include "common/cleanup.h"

enum { WORDS_SEE, WORDS_SAY, WORDS_DROP, WORDS_OF_HOST, WORDS_LAYER, WORDS_UNKNOWN, WORDS_IMAGE };

static const char *const sql[] = {
    [WORDS_SEE] = "SELECT w.incarnation_id, w.word = ?3, w.host_id = i.host_id FROM disputed_word w"
                  " JOIN incarnation i ON i.id = ?4 WHERE w.kind = ?1 AND w.digest = ?2",
    [WORDS_SAY] = "INSERT INTO disputed_word (kind, digest, word, incarnation_id, host_id) "
                  "SELECT ?1, ?2, ?3, id, host_id FROM incarnation WHERE id = ?4 "
                  "ON CONFLICT (kind, digest, host_id) DO UPDATE SET word = excluded.word,"
                  " incarnation_id = excluded.incarnation_id",
    [WORDS_DROP] = "DELETE FROM disputed_word WHERE kind = ? AND digest = ?",
    [WORDS_OF_HOST] = "SELECT kind, digest FROM disputed_word WHERE host_id = ? LIMIT 1",
    [WORDS_LAYER] = "SELECT id FROM layer WHERE diff = ? AND fact_state = 3",
    [WORDS_UNKNOWN] = "UPDATE layer SET fact_state = 0, fact_of_user = 0, fact_incarnation = NULL,"
                      " confirm_incarnation = NULL WHERE id = ?",
    [WORDS_IMAGE] = "SELECT id FROM image WHERE digest = ?",
};
const struct store_sql store_sql_words = STORE_SQL(sql);

uint32_t words_ask_for_config(int state, int64_t host, bool open)
{
    if (state == DOCUMENT_NONE || (state == DOCUMENT_DISPUTED && open))
        return MIRROR_ASK_ANYBODY;
    return state == DOCUMENT_SAID ? (uint32_t)host : MIRROR_ASK_NOBODY;
}

uint32_t words_ask_for_facts(int state, bool of_user, int64_t host, bool open)
{
    if (state == FACTS_UNKNOWN)
        return MIRROR_ASK_ANYBODY;
    if (state == FACTS_SAID)
        return (uint32_t)host | (of_user ? MIRROR_ASK_USERS : 0);
    if (state == FACTS_DISPUTED && open)
        return of_user ? MIRROR_ASK_ANYBODY : MIRROR_ASK_ROOTS;
    return of_user ? MIRROR_ASK_ROOTS : MIRROR_ASK_NOBODY;
}

/* Of a manifest and an index, one. */
static int64_t kind_of(const struct words_subject *subject)
{
    return subject->kind == REC_DOC_INDEX ? REC_DOC_MANIFEST : subject->kind;
}

static struct stmt use(struct store *s, int index, const struct words_subject *subject)
{
    struct stmt st = stmt_use(s, STORE_SET_words, index);

    stmt_int(&st, kind_of(subject));
    stmt_digest(&st, subject->digest);
    return st;
}

/* *others: hosts that have a word, but this one. */
static int see(struct store *s, const struct words_subject *subject, int64_t incarnation_id,
               const struct digest *word, struct words_answer *out, size_t *others, struct err *err)
{
    AUTO(stmt_end) struct stmt st = use(s, WORDS_SEE, subject);
    int more;

    stmt_digest(&st, word);
    stmt_int(&st, incarnation_id);
    *out = (struct words_answer){.first = true, .news = true};
    *others = 0;
    while ((more = stmt_row(&st, err)) > 0) {
        out->first = false;
        if (stmt_get_int(&st, 2) != 0) {
            out->news = stmt_get_int(&st, 1) == 0;
            continue;
        }
        ++*others;
        if (stmt_get_int(&st, 1) != 0)
            out->agrees = stmt_get_int(&st, 0);
    }
    return more;
}

int words_say(struct store *s, const struct words_subject *subject, int64_t incarnation_id,
              const struct digest *word, struct words_answer *out, struct err *err)
{
    struct stmt st;
    size_t others;

    if (see(s, subject, incarnation_id, word, out, &others, err) != 0)
        return -1;
    if (out->agrees != 0)
        return 0;
    out->full = others + 1 >= WORDS_MAX;
    if (others >= WORDS_MAX)
        return 0;
    st = use(s, WORDS_SAY, subject);
    stmt_digest(&st, word);
    stmt_int(&st, incarnation_id);
    return stmt_run(&st, err);
}

int words_drop(struct store *s, const struct words_subject *subject, struct err *err)
{
    struct stmt st = use(s, WORDS_DROP, subject);

    return stmt_run(&st, err);
}

/* The layer's row by its diffID, or the image's: 1, 0 none, -1. */
static int find(struct store *s, int index, const struct digest *digest, int64_t *id,
                struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_words, index);
    int found;

    stmt_digest(&st, digest);
    found = stmt_row(&st, err);
    *id = found > 0 ? stmt_get_int(&st, 0) : 0;
    return found;
}

static int forget_facts(struct store *s, const struct digest *diff, struct err *err)
{
    int64_t id;
    int found = find(s, WORDS_LAYER, diff, &id, err);
    struct stmt st;

    if (found <= 0)
        return found;
    st = stmt_use(s, STORE_SET_words, WORDS_UNKNOWN);
    stmt_int(&st, id);
    if (stmt_run(&st, err) != 0)
        return -1;
    return mirror_set_layer_ask(s->mirror, id, words_ask_for_facts(FACTS_UNKNOWN, false, 0, true),
                                err);
}

/* Facts are not known again; a document stays withdrawn until the next word on it. */
static int ask_anew(struct store *s, const struct words_subject *subject, struct err *err)
{
    int64_t id;
    int found;

    if (subject->kind == 0)
        return forget_facts(s, subject->digest, err);
    if (subject->kind != REC_DOC_CONFIG) /* asked for by the tables alone */
        return 0;
    found = find(s, WORDS_IMAGE, subject->digest, &id, err);
    if (found <= 0)
        return found;
    return mirror_set_image_ask(s->mirror, id, words_ask_for_config(DOCUMENT_DISPUTED, 0, true),
                                err);
}

/* 1 with something that the host disputes, 0 nothing, -1. */
static int next_of_host(struct store *s, int64_t host_id, struct words_subject *subject,
                        struct digest *digest, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_words, WORDS_OF_HOST);
    int more;

    stmt_int(&st, host_id);
    more = stmt_row(&st, err);
    if (more <= 0)
        return more;
    subject->kind = (enum rec_document_kind)stmt_get_int(&st, 0);
    subject->digest = digest;
    return stmt_get_digest(&st, 1, digest, err) == 0 ? 1 : -1;
}

int words_forget_host(struct store *s, int64_t host_id, struct err *err)
{
    struct words_subject subject;
    struct digest digest;
    int more;

    while ((more = next_of_host(s, host_id, &subject, &digest, err)) > 0)
        if (words_drop(s, &subject, err) != 0 || ask_anew(s, &subject, err) != 0)
            return -1;
    return more;
}
