#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/apply_config.h"
#include "collector/store/apply_event.h"
#include "collector/store/apply_manifest.h"
#include "collector/store/apply_provenance.h"
#include "collector/store/apply_words.h"
#include "collector/store/content.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000

enum {
    DOCUMENT_GET,
    DOCUMENT_HOSTS,
    DOCUMENT_BYTES,
    DOCUMENT_RECAST,
    DOCUMENT_PUT,
    DOCUMENT_CONFIRM,
};

static const char *const sql[] = {
    /* A manifest and an index of one digest are one document: what it is, its bytes say. */
    [DOCUMENT_GET] = "SELECT state, rules, cuts, incarnation_id, bytes = ?, kind FROM document "
                     "WHERE (kind = ?2 OR (?2 IN (2, 3) AND kind IN (2, 3))) AND digest = ?3",
    /* Of who sends it, and of who said it first. */
    [DOCUMENT_HOSTS] = "SELECT a.host_id, b.host_id,"
                       " h.retired_s IS NOT NULL OR h.ended_s IS NOT NULL FROM incarnation a "
                       "LEFT JOIN incarnation b ON b.id = ?2 "
                       "LEFT JOIN host h ON h.id = b.host_id WHERE a.id = ?1",
    [DOCUMENT_BYTES] = "SELECT bytes, cuts FROM document WHERE kind = ? AND digest = ?",
    [DOCUMENT_RECAST] = "UPDATE document SET kind = ? WHERE kind = ? AND digest = ?",
    [DOCUMENT_PUT] = "INSERT INTO document (kind, digest, state, rules, cuts, incarnation_id,"
                     " received_s, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                     "ON CONFLICT (kind, digest) DO UPDATE SET state = excluded.state,"
                     " rules = excluded.rules, cuts = excluded.cuts,"
                     " incarnation_id = excluded.incarnation_id, confirm_incarnation = NULL,"
                     " received_s = excluded.received_s, bytes = excluded.bytes",
    [DOCUMENT_CONFIRM] = "UPDATE document SET state = ?, confirm_incarnation = ? "
                         "WHERE kind = ? AND digest = ?",
};
const struct store_sql store_sql_document = STORE_SQL(sql);

/* One document that came in, with what is stored under its digest. */
struct incoming {
    struct store *store;
    int64_t incarnation_id;
    enum rec_document_kind kind;
    const struct digest *digest;
    const uint8_t *data;
    size_t len;
    uint32_t rules, cuts;
    int64_t now_ms;
    const struct manifest *manifest; /* NULL: it is none, or */
    struct err unread;               /* why it cannot be read */

    int state; /* of the stored one */
    enum rec_document_kind stored_kind;
    int64_t by;
    int64_t host_id;
    bool by_same_host; /* however often that was set up anew */
    bool by_gone;      /* who said it is retired, or another host has its name */
    uint32_t stored_rules;
    bool same; /* it says what this one says */
};

static int load_hosts(struct incoming *in, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(in->store, STORE_SET_document, DOCUMENT_HOSTS);

    stmt_int(&st, in->incarnation_id);
    stmt_int(&st, in->by);
    if (stmt_row(&st, err) < 0)
        return -1;
    in->host_id = stmt_get_int(&st, 0);
    in->by_same_host = in->host_id == stmt_get_int(&st, 1);
    in->by_gone = stmt_get_int(&st, 2) != 0;
    return 0;
}

static int load_stored(struct incoming *in, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(in->store, STORE_SET_document, DOCUMENT_GET);
    int found;

    stmt_blob(&st, in->data, in->len);
    stmt_int(&st, in->kind);
    stmt_digest(&st, in->digest);
    found = stmt_row(&st, err);
    if (found <= 0)
        return found;
    in->state = (int)stmt_get_int(&st, 0);
    in->stored_rules = (uint32_t)stmt_get_int(&st, 1);
    in->by = stmt_get_int(&st, 3);
    in->stored_kind = (enum rec_document_kind)stmt_get_int(&st, 5);
    in->same = in->stored_rules == in->rules && stmt_get_int(&st, 2) == in->cuts &&
               stmt_get_int(&st, 4) != 0;
    return 0;
}

static const char *subject_of(const struct incoming *in, char out[DIGEST_TEXT])
{
    return digest_text(in->digest, out);
}

static bool is_manifest(enum rec_document_kind kind)
{
    return kind == REC_DOC_MANIFEST || kind == REC_DOC_INDEX;
}

static int tell_unreadable(const struct incoming *in, const char *event, const struct err *why,
                           struct err *err)
{
    char subject[DIGEST_TEXT];

    if (why->kind == ERR_NONE)
        return 0;
    return apply_event(in->store, in->incarnation_id, event, subject_of(in, subject), why->text,
                       in->now_ms, err);
}

/* Puts what a believed or unconfirmed document says into the tables. */
static int read_document(const struct incoming *in, struct err *err)
{
    struct err why;

    if (is_manifest(in->kind)) {
        if (apply_manifest(in->store, in->digest, in->manifest, err) != 0)
            return -1;
        return tell_unreadable(in, "manifest-unreadable", &in->unread, err);
    }
    if (in->kind == REC_DOC_ATTESTATION)
        return apply_provenance_statement(in->store, in->digest, in->data, in->len, err);
    if (in->kind != REC_DOC_CONFIG)
        return 0;
    if (apply_config(in->store, in->digest, in->data, in->len, in->now_ms / MS_PER_SECOND, &why,
                     err) != 0)
        return -1;
    return tell_unreadable(in, "config-unreadable", &why, err);
}

/* Withdraws what a disputed one said. */
static int withdraw_document(const struct incoming *in, struct err *err)
{
    if (is_manifest(in->kind))
        return apply_manifest(in->store, in->digest, NULL, err);
    if (in->kind == REC_DOC_ATTESTATION)
        return apply_provenance_statement(in->store, in->digest, NULL, 0, err);
    if (in->kind != REC_DOC_CONFIG)
        return 0;
    return apply_config_dispute(in->store, in->digest, in->now_ms / MS_PER_SECOND, err);
}

/* Who could still say something new about a config. */
static int note_ask(const struct incoming *in, int state, bool open, struct err *err)
{
    int64_t image_id;

    if (in->kind != REC_DOC_CONFIG)
        return 0;
    if (content_image(in->store, in->digest, 0, in->now_ms / MS_PER_SECOND, &image_id, err) != 0)
        return -1;
    return mirror_set_image_ask(in->store->mirror, image_id,
                                words_ask_for_config(state, in->host_id, open), err);
}

/* Of two hosts' cut documents one may be a manifest and the other an index. */
static int recast(const struct incoming *in, struct err *err)
{
    struct stmt st = stmt_use(in->store, STORE_SET_document, DOCUMENT_RECAST);

    if (in->state == DOCUMENT_NONE || in->stored_kind == in->kind)
        return 0;
    stmt_int(&st, in->kind);
    stmt_int(&st, in->stored_kind);
    stmt_digest(&st, in->digest);
    return stmt_run(&st, err);
}

static struct words_subject words_of(const struct incoming *in)
{
    return (struct words_subject){.kind = in->kind, .digest = in->digest};
}

/* In place of what was there, and was disputed perhaps. `by` says so. */
static int put_as(const struct incoming *in, int state, int64_t by, struct err *err)
{
    struct words_subject subject = words_of(in);
    struct stmt st;

    if (words_drop(in->store, &subject, err) != 0 || recast(in, err) != 0)
        return -1;
    st = stmt_use(in->store, STORE_SET_document, DOCUMENT_PUT);
    stmt_int(&st, in->kind);
    stmt_digest(&st, in->digest);
    stmt_int(&st, state);
    stmt_int(&st, in->rules);
    stmt_int(&st, in->cuts);
    stmt_int(&st, by);
    stmt_int(&st, in->now_ms / MS_PER_SECOND);
    stmt_blob(&st, in->data, in->len);
    if (stmt_run(&st, err) != 0 || note_ask(in, state, true, err) != 0)
        return -1;
    return read_document(in, err);
}

static int put(const struct incoming *in, int state, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_TAKEN;
    return put_as(in, state, in->incarnation_id, err);
}

static int second_opinion(const struct incoming *in, enum rec_document_kind kind, int state,
                          struct err *err)
{
    struct stmt st = stmt_use(in->store, STORE_SET_document, DOCUMENT_CONFIRM);

    stmt_int(&st, state);
    stmt_int(&st, in->incarnation_id);
    stmt_int(&st, kind);
    stmt_digest(&st, in->digest);
    if (stmt_run(&st, err) != 0)
        return -1;
    return note_ask(in, state, true, err);
}

/* ---- bytes that were not cut: the digest proves them ----------------------------------------- */

static int take_whole(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    if (in->state != DOCUMENT_PROVEN)
        return put(in, DOCUMENT_PROVEN, verdict, err);
    *verdict = APPLY_KNOWN;
    return 0;
}

static int tell_lie(const struct incoming *in, const struct digest *real, struct err *err)
{
    char text[ERR_TEXT_MAX], claimed[DIGEST_TEXT], found[DIGEST_TEXT];

    snprintf(text, sizeof(text), "the document's %zu bytes have the digest %s", in->len,
             digest_text(real, found));
    return apply_event(in->store, in->incarnation_id, "document-lie",
                       digest_text(in->digest, claimed), text, in->now_ms, err);
}

/* ---- redacted ones: two hosts must say the same ---------------------------------------------- */

static int tell_pair(const struct incoming *in, const char *kind, const char *what, int64_t one,
                     int64_t other, struct err *err)
{
    char subject[DIGEST_TEXT];

    return apply_event_pair(in->store, kind, subject_of(in, subject), what, one, other, in->now_ms,
                            err);
}

/* Two others agreed before, and stay believed. */
static int differ(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_MISMATCH;
    return tell_pair(in, "document-mismatch", "redacts the document otherwise than two others do",
                     in->incarnation_id, in->by, err);
}

/* Two hosts that cut by other rules do not dispute; so a word is the bytes and the cuts. */
static struct digest word_of(const void *data, size_t len, uint32_t cuts)
{
    struct digest word = digest_of(data, len);
    char text[DIGEST_TEXT + 16], hex[DIGEST_TEXT];

    snprintf(text, sizeof(text), "%" PRIu32 " %s", cuts, digest_text(&word, hex));
    return digest_of(text, strlen(text));
}

static int load_stored_word(const struct incoming *in, struct digest *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(in->store, STORE_SET_document, DOCUMENT_BYTES);
    const void *bytes;
    size_t len;

    stmt_int(&st, in->stored_kind);
    stmt_digest(&st, in->digest);
    if (stmt_row(&st, err) < 0)
        return -1;
    bytes = stmt_get_blob(&st, 0, &len);
    *out = word_of(bytes, len, (uint32_t)stmt_get_int(&st, 1));
    return 0;
}

static int begin_dispute(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    static const char what[] = "redacts the document otherwise: neither is believed";
    struct digest one, other = word_of(in->data, in->len, in->cuts);
    struct words_subject subject = words_of(in);
    struct words_answer answer;

    *verdict = APPLY_DISPUTED;
    if (tell_pair(in, "document-mismatch", what, in->incarnation_id, in->by, err) != 0 ||
        tell_pair(in, "document-mismatch", what, in->by, in->incarnation_id, err) != 0 ||
        load_stored_word(in, &one, err) != 0 || words_drop(in->store, &subject, err) != 0 ||
        words_say(in->store, &subject, in->by, &one, &answer, err) != 0 ||
        words_say(in->store, &subject, in->incarnation_id, &other, &answer, err) != 0 ||
        second_opinion(in, in->stored_kind, DOCUMENT_DISPUTED, err) != 0)
        return -1;
    return withdraw_document(in, err);
}

static int confirm(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_CONFIRMED;
    return second_opinion(in, in->stored_kind, DOCUMENT_CONFIRMED, err);
}

/* Another host said just this. */
static int settle(const struct incoming *in, int64_t agrees, enum apply_verdict *verdict,
                  struct err *err)
{
    *verdict = APPLY_CONFIRMED;
    if (tell_pair(in, "document-settled",
                  "redacts the document as another host does: both are believed",
                  in->incarnation_id, agrees, err) != 0 ||
        put_as(in, DOCUMENT_SAID, agrees, err) != 0)
        return -1;
    return second_opinion(in, in->kind, DOCUMENT_CONFIRMED, err);
}

/* Rules as they go before others: newer ones do. A version that is not known here is that of a
 * newer agent, or any number that a host made up: it goes before none, and every known one before
 * it. */
static uint32_t rank(uint32_t rules)
{
    return rules <= REC_REDACTION_RULES ? rules : 0;
}

static const char newer_rules[] = "redacts the document by rules that go before another host's";

/* Its words count from now on, and those of the host before it no more. */
static int replace(const struct incoming *in, const char *why, enum apply_verdict *verdict,
                   struct err *err)
{
    if (tell_pair(in, "document-replaced", why, in->incarnation_id, in->by, err) != 0)
        return -1;
    return put(in, DOCUMENT_SAID, verdict, err);
}

/* A second host's words on what one host said. Other rules cut otherwise: the newer ones count, and
 * wait for a second host themselves. */
static int compare_said(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    if (in->same)
        return confirm(in, verdict, err);
    if (rank(in->rules) > rank(in->stored_rules))
        return replace(in, newer_rules, verdict, err);
    if (in->rules == in->stored_rules && in->by_gone)
        return replace(in, "redacts the document otherwise than a host that is gone", verdict, err);
    if (in->rules == in->stored_rules)
        return begin_dispute(in, verdict, err);
    *verdict = APPLY_WEAKER;
    return 0;
}

/* A further host's. */
static int say_in_dispute(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    struct digest word = word_of(in->data, in->len, in->cuts);
    struct words_subject subject = words_of(in);
    struct words_answer answer;

    if (rank(in->rules) > rank(in->stored_rules))
        return replace(in, newer_rules, verdict, err);
    if (in->rules != in->stored_rules) {
        *verdict = APPLY_WEAKER;
        return 0;
    }
    if (words_say(in->store, &subject, in->incarnation_id, &word, &answer, err) != 0)
        return -1;
    if (answer.first)
        return put(in, DOCUMENT_SAID, verdict, err);
    if (answer.agrees != 0)
        return settle(in, answer.agrees, verdict, err);
    *verdict = answer.full ? APPLY_MISMATCH : APPLY_DISPUTED;
    if (answer.news &&
        tell_pair(in, "document-mismatch", "redacts the document otherwise than others",
                  in->incarnation_id, in->by, err) != 0)
        return -1;
    return note_ask(in, DOCUMENT_DISPUTED, !answer.full, err);
}

static int take_redacted(const struct incoming *in, enum apply_verdict *verdict, struct err *err)
{
    *verdict = APPLY_KNOWN;
    switch (in->state) {
    case DOCUMENT_NONE:
        return put(in, DOCUMENT_SAID, verdict, err);
    case DOCUMENT_SAID:
        if (!in->by_same_host)
            return compare_said(in, verdict, err);
        *verdict = APPLY_WEAKER;
        return in->same ? 0 : put(in, DOCUMENT_SAID, verdict, err);
    case DOCUMENT_CONFIRMED:
        if (in->same || in->rules != in->stored_rules)
            return 0;
        return differ(in, verdict, err);
    case DOCUMENT_DISPUTED:
        return say_in_dispute(in, verdict, err);
    default: /* proven needs no redacted form */
        return 0;
    }
}

/* ---- either ---------------------------------------------------------------------------------- */

/* Whether it is a manifest or an index, its bytes say. */
static int parse_manifest(struct incoming *in, struct manifest *out, struct arena *arena,
                          struct err *err)
{
    in->unread = (struct err){.kind = ERR_NONE};
    if (manifest_parse(out, in->data, in->len, arena, &in->unread) == 0) {
        in->manifest = out;
        in->kind = out->kind;
        return 0;
    }
    return in->unread.kind == ERR_NO_MEMORY ? err_set(err, ERR_NO_MEMORY, "read a manifest") : 0;
}

int apply_document(struct store *s, int64_t incarnation_id, enum rec_document_kind kind,
                   const struct digest *digest, const uint8_t *data, size_t len, uint32_t rules,
                   uint32_t cuts, int64_t now_ms, enum apply_verdict *verdict, struct err *err)
{
    struct incoming in = {
        .store = s,
        .incarnation_id = incarnation_id,
        .kind = kind,
        .digest = digest,
        .data = data,
        .len = len,
        .rules = rules,
        .cuts = cuts,
        .now_ms = now_ms,
        .state = DOCUMENT_NONE,
    };
    AUTO(arena_close) struct arena *arena = NULL;
    struct digest real = digest_of(data, len);
    struct manifest manifest;

    if (rules == 0 && !digest_eq(&real, digest)) {
        *verdict = APPLY_LIE;
        return tell_lie(&in, &real, err);
    }
    if (arena_open(&arena, MANIFEST_ARENA_BYTES, err) != 0 ||
        (kind == REC_DOC_MANIFEST && parse_manifest(&in, &manifest, arena, err) != 0) ||
        load_stored(&in, err) != 0 || load_hosts(&in, err) != 0)
        return -1;
    return rules == 0 ? take_whole(&in, verdict, err) : take_redacted(&in, verdict, err);
}
