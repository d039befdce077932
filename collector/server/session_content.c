#include <string.h>

#include "collector/server/session_private.h"
#include "common/cleanup.h"

enum { BATCH_MAX = 256 }; /* items of one want */

static void on_document_done(struct ingest *i, const struct err *err);
static void on_layer_facts_done(struct ingest *i, const struct err *err);
static void on_missing_done(struct ingest *i, const struct err *err);

/* ---- asking ---------------------------------------------------------------------------------- */

static void announce(struct session *s, const struct wants_item *item)
{
    struct err err;

    if (wants_announce(s->set->wants, &s->wants, item, &err) != 0)
        session_warn(s, "want-dropped", "subject", "", err.text);
}

void session_announce(struct session *s, const struct apply_missing *missing)
{
    if (s->half_closed || s->state == SESSION_ENDING)
        return;
    for (size_t n = 0; s->gives_documents && n < missing->document_count; n++) {
        struct wants_item item = {.kind = missing->documents[n].kind,
                                  .digest = missing->documents[n].digest};

        if (item.kind != REC_DOC_ATTESTATION || s->gives_attestations)
            announce(s, &item);
    }
    for (size_t n = 0; s->measures && n < missing->layer_count; n++) {
        struct wants_item item = {.digest = missing->layers[n].diff,
                                  .chain = missing->layers[n].chain,
                                  .of_root = missing->layer_of_root[n]};

        announce(s, &item);
    }
    /* A full answer is not the whole one. The rest of the manifests follows at the next look; that
     * of the others when these are told: until then the answer stays the same, so nothing
     * hurries. */
    s->more_is_missing =
        (s->gives_documents && missing->documents_full) || (s->measures && missing->layers_full);
    if (s->more_is_missing)
        session_refresh_later(s);
}

static void ask_for_documents(struct session *s, const struct wants_item *items, size_t count)
{
    struct rec_wanted wanted[BATCH_MAX];
    struct wire_collector_msg m = {
        .kind = WIRE_WANT,
        .want = {.lease_ms = (uint32_t)s->set->options->lease_ms, .items = wanted, .count = count},
    };

    for (size_t n = 0; n < count; n++)
        wanted[n] = (struct rec_wanted){.kind = items[n].kind, .digest = items[n].digest};
    session_send(s, &m);
}

static void ask_for_layers(struct session *s, const struct wants_item *items, size_t count)
{
    struct rec_measure_wanted wanted[BATCH_MAX];
    struct wire_collector_msg m = {
        .kind = WIRE_MEASURE,
        .measure = {.lease_ms = (uint32_t)s->set->options->measure_lease_ms,
                    .items = wanted,
                    .count = count},
    };

    for (size_t n = 0; n < count; n++)
        wanted[n] = (struct rec_measure_wanted){.diff = items[n].digest, .chain = items[n].chain};
    session_send(s, &m);
}

void session_ask(struct session *s)
{
    struct wants_item items[BATCH_MAX];
    uint64_t now = sessions_now(s->set);
    size_t count;

    count = wants_take(s->set->wants, &s->wants, WANTS_DOCUMENTS, items, BATCH_MAX, now);
    if (count > 0)
        ask_for_documents(s, items, count);
    if (s->state == SESSION_ENDING)
        return;
    count = wants_take(s->set->wants, &s->wants, WANTS_LAYERS, items, BATCH_MAX, now);
    if (count > 0)
        ask_for_layers(s, items, count);
}

void session_refresh_later(struct session *s)
{
    if (s->state != SESSION_ENDING && list_empty(&s->stale))
        list_push(&s->set->stale, &s->stale);
}

void session_refresh_anew(struct session *s)
{
    s->look_anew = true;
    session_refresh_later(s);
}

bool session_refresh(struct session *s)
{
    uint64_t now = sessions_now(s->set);
    bool busy = s->job_count > 0 || wants_leased(&s->wants) > 0 || s->more_is_missing;
    struct ingest *i;
    struct err err;

    if (list_empty(&s->stale) || s->half_closed || s->state != SESSION_UP ||
        !list_empty(&s->waiting) || (busy && now - s->refresh_ms < SESSION_REFRESH_MS))
        return false;
    if (ingest_missing(&i, s->look_anew, &err) != 0)
        return false;
    list_remove(&s->stale);
    s->look_anew = false;
    s->refresh_ms = now;
    session_submit(s, i, on_missing_done);
    return true;
}

static void on_missing_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);

    if (s != NULL && err == NULL)
        session_announce(s, &i->missing);
    else if (s != NULL)
        session_fail(s, err);
    session_after_job(set, s);
}

/* What was learned may lead to more: a config tells of layers, an index of manifests. Those who
 * hold it look again. */
static void refresh_holders(struct sessions *set, const struct ingest *i)
{
    struct wants_session *holders[WANTS_HOLDERS_MAX];
    size_t count = wants_holders(set->wants, i->kind, &i->digest, holders);

    for (size_t n = 0; n < count; n++) {
        struct session *s = list_entry(holders[n], struct session, wants);

        if (i->leads_on) /* they were asked for the manifests of this image before */
            session_refresh_anew(s);
        else
            session_refresh_later(s);
    }
}

/* ---- documents ------------------------------------------------------------------------------- */

void session_drop_piecework(struct session *s)
{
    sessions_release(s->set, s->piecework.data.len);
    buf_close(&s->piecework.data);
    s->piecework.active = false;
}

static bool is_same(const struct rec_document *a, const struct rec_document *b)
{
    return a->kind == b->kind && digest_eq(&a->digest, &b->digest);
}

/* A document whose lease has gone elsewhere meanwhile makes room for the next one. */
static int begin_document(struct session *s, const struct rec_document *piece, struct err *err)
{
    struct session_piecework *p = &s->piecework;

    if (p->active && wants_is_leased(s->set->wants, &s->wants, p->head.kind, &p->head.digest))
        return err_set(err, ERR_PROTOCOL, "a document begins within another one");
    session_drop_piecework(s);
    if (piece->offset != 0 || piece->total > REC_DOCUMENT_BYTES)
        return err_set(err, ERR_PROTOCOL, "a document begins at byte %u of %u", piece->offset,
                       piece->total);
    p->active = true;
    p->head = *piece;
    return 0;
}

static int add_piece(struct session *s, const struct rec_document *piece, struct err *err)
{
    struct session_piecework *p = &s->piecework;

    if ((!p->active || !is_same(&p->head, piece)) && begin_document(s, piece, err) != 0)
        return -1;
    if (piece->offset != p->data.len || piece->total != p->head.total ||
        piece->len > piece->total - piece->offset)
        return err_set(err, ERR_PROTOCOL, "a document's piece at byte %u of %u does not fit",
                       piece->offset, piece->total);
    if (sessions_hold(s->set, piece->len, err) != 0)
        return -1;
    if (buf_add(&p->data, piece->data, piece->len, err) == 0)
        return 0;
    sessions_release(s->set, piece->len);
    return -1;
}

int session_take_document(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    const struct rec_document *piece = &(*m)->document;
    struct session_piecework *p = &s->piecework;
    uint64_t now = sessions_now(s->set);
    struct ingest *i;
    size_t held;

    if (!wants_is_leased(s->set->wants, &s->wants, piece->kind, &piece->digest)) {
        s->ignored++;
        return 0;
    }
    if (add_piece(s, piece, err) != 0)
        return -1;
    wants_progress(&s->wants, WANTS_DOCUMENTS, now);
    held = p->data.len;
    if (held < p->head.total)
        return 0;
    if (ingest_document(&i, &p->head, &p->data, err) != 0)
        return -1;
    sessions_release(s->set, held);
    p->active = false;
    wants_delivered(s->set->wants, &s->wants, i->kind, &i->digest, now);
    session_submit(s, i, on_document_done);
    return 0;
}

/* What becomes of a want whose job failed: a fault of the host goes to another one, ours to
 * whoever is there. */
static enum wants_outcome outcome_of_error(const struct err *err)
{
    return session_is_peers_fault(err->kind) ? WANTS_FAILED : WANTS_LOST;
}

static enum wants_outcome outcome_of_verdict(enum apply_verdict verdict, bool needs_confirmation)
{
    if (verdict == APPLY_LIE)
        return WANTS_FAILED;
    if (verdict == APPLY_WEAKER || verdict == APPLY_DISPUTED)
        return WANTS_SAID;
    return verdict == APPLY_TAKEN && needs_confirmation ? WANTS_CONFIRM : WANTS_DONE;
}

/* Tells the host, and the log, that it was not believed. */
static void tell_verdict(struct session *s, enum apply_verdict verdict, const struct digest *digest)
{
    bool lie = verdict == APPLY_LIE, disputed = verdict == APPLY_DISPUTED;
    const char *text = lie ? "the bytes do not have this digest: another host is asked"
                           : "another host said something else: this is not believed";
    char subject[DIGEST_TEXT];

    if (!lie && !disputed && verdict != APPLY_MISMATCH)
        return;
    digest_text(digest, subject);
    session_warn(s, lie ? "wrong-digest" : "mismatch", "subject", subject, text);
    session_reject(s, lie ? REC_REJECT_WRONG_DIGEST : REC_REJECT_MISMATCH, 0, subject, text);
}

static void on_document_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);
    enum wants_outcome outcome =
        err != NULL ? outcome_of_error(err) : outcome_of_verdict(i->verdict, i->rules != 0);

    if (err == NULL && i->verdict == APPLY_TAKEN)
        refresh_holders(set, i);
    wants_settle(set->wants, i->kind, &i->digest, i->incarnation_id, outcome, sessions_now(set));
    if (s != NULL && err == NULL)
        tell_verdict(s, i->verdict, &i->digest);
    else if (s != NULL)
        session_fail(s, err);
    session_after_job(set, s);
}

/* ---- layer facts ----------------------------------------------------------------------------- */

/* Drops what this host was not asked, or says twice, and marks the rest as delivered. */
static void keep_asked_facts(struct session *s, struct wire_agent_msg *m)
{
    struct rec_layer_facts *items = m->layer_facts.items;
    size_t kept = 0;

    for (size_t n = 0; n < m->layer_facts.count; n++) {
        if (!wants_is_leased(s->set->wants, &s->wants, 0, &items[n].diff)) {
            s->ignored++;
            continue;
        }
        wants_delivered(s->set->wants, &s->wants, 0, &items[n].diff, sessions_now(s->set));
        items[kept++] = items[n];
    }
    m->layer_facts.count = kept;
}

int session_take_layer_facts(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    struct ingest *i;

    if (ingest_layer_facts(&i, m, err) != 0)
        return -1;
    keep_asked_facts(s, i->msg);
    if (i->msg->layer_facts.count == 0) {
        ingest_close(&i);
        return 0;
    }
    session_submit(s, i, on_layer_facts_done);
    return 0;
}

/* Whatever users' stores tell, a store of root's may tell more. */
static enum wants_outcome outcome_of_facts(enum apply_verdict verdict, bool of_user)
{
    if (!of_user || verdict == APPLY_TAKEN)
        return outcome_of_verdict(verdict, true);
    return verdict == APPLY_CONFIRMED ? WANTS_ROOTS : WANTS_SAID;
}

static void on_layer_facts_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);

    for (size_t n = 0; n < i->msg->layer_facts.count; n++) {
        const struct digest *diff = &i->msg->layer_facts.items[n].diff;
        bool of_user = i->msg->layer_facts.items[n].of_user;
        enum wants_outcome outcome =
            err != NULL ? outcome_of_error(err) : outcome_of_facts(i->verdicts[n], of_user);

        wants_settle(set->wants, 0, diff, i->incarnation_id, outcome, sessions_now(set));
        if (s != NULL && err == NULL)
            tell_verdict(s, i->verdicts[n], diff);
    }
    if (s != NULL && err != NULL)
        session_fail(s, err);
    session_after_job(set, s);
}

int session_take_declined(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    uint64_t now = sessions_now(s->set);
    char subject[DIGEST_TEXT];

    (void)err;
    for (size_t n = 0; n < (*m)->declined.count; n++) {
        const struct rec_declined *d = &(*m)->declined.items[n];

        if (!wants_refused(s->set->wants, &s->wants, d->kind, &d->digest, now)) {
            s->ignored++;
            continue;
        }
        log_event(LOG_DEBUG, "declined", "host", s->name, "subject",
                  digest_text(&d->digest, subject), "reason", d->reason, NULL);
    }
    sessions_pump(s->set);
    return 0;
}
