#include <inttypes.h>
#include <stdio.h>

#include "collector/server/session_private.h"
#include "common/cleanup.h"
#include "common/clock.h"

static void on_report_done(struct ingest *i, const struct err *err);
static void on_unacknowledged_done(struct ingest *i, const struct err *err);

/* ---- a whole inventory ----------------------------------------------------------------------- */

void session_drop_gather(struct session *s)
{
    gather_close(&s->gather);
    sessions_release(s->set, s->gather_held);
    s->gather_held = 0;
}

static void ask_for_everything(struct session *s, const char *why)
{
    struct wire_collector_msg m = {.kind = WIRE_RESYNC, .resync = why};

    if (s->resync_asked)
        return;
    s->resync_asked = true;
    session_send(s, &m);
}

/* A difference that an inventory has overtaken meanwhile is of no interest: everything is on its
 * way already. */
static void ask_after(struct session *s, const struct ingest *i, const char *why)
{
    if (i->inventories == s->inventories)
        ask_for_everything(s, why);
    else
        s->ignored++;
}

/* An inventory that contradicts itself is asked for once more; twice in a row is too much. */
static void tell_contradiction(struct session *s, uint64_t generation, const struct err *err)
{
    session_warn(s, "inventory-refused", "subject", "", err->text);
    sessions_event(s->set, s->incarnation_id, "inventory", s->name, err->text);
    session_reject(s, REC_REJECT_INVENTORY, generation, s->name, err->text);
    if (++s->contradictions > 1)
        session_end(s, GRPC_INVALID_ARGUMENT, err->text);
    else
        ask_for_everything(s, err->text);
}

int session_take_begin(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    if (gather_open(&s->gather, &(*m)->begin, err) != 0)
        return -1;
    s->resync_asked = false;
    s->inventories++;
    session_move(s, SESSION_COLLECTING);
    return 0;
}

int session_take_part(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    size_t before = gather_bytes(s->gather);
    size_t more;

    if (gather_part(s->gather, m, err) != 0)
        return -1;
    more = gather_bytes(s->gather) - before;
    if (sessions_hold(s->set, more, err) != 0)
        return -1;
    s->gather_held += more;
    return 0;
}

int session_take_end(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    uint64_t generation = (*m)->end.generation;
    struct ingest *i;
    struct err why;

    session_move(s, SESSION_UP);
    if (gather_finish(s->gather, m, &why) != 0) {
        session_drop_gather(s);
        if (why.kind == ERR_CONFLICT) {
            tell_contradiction(s, generation, &why);
            return 0;
        }
        *err = why;
        return -1;
    }
    if (ingest_inventory(&i, &s->gather, err) != 0)
        return -1;
    session_drop_gather(s);
    session_submit(s, i, on_report_done);
    return 0;
}

/* ---- differences ----------------------------------------------------------------------------- */

int session_take_difference(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    struct ingest *i;

    if (s->resync_asked) {
        s->ignored++; /* under way before the host heard that everything is wanted */
        return 0;
    }
    if (ingest_difference(&i, m, err) != 0)
        return -1;
    session_submit(s, i, on_report_done);
    return 0;
}

static void acknowledge(struct session *s, const struct ingest *i)
{
    struct wire_collector_msg m = {.kind = WIRE_ACKNOWLEDGEMENT, .acknowledged = i->generation};

    s->contradictions = 0;
    session_send(s, &m);
    wants_changed(s->set->wants, &s->wants);
    session_announce(s, &i->missing);
}

/* Only here a generation is acknowledged: its transaction is durable. */
static void on_report_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);

    if (s != NULL && err == NULL)
        acknowledge(s, i);
    else if (s != NULL && err->kind == ERR_MOVED)
        ask_after(s, i, err->text);
    else if (s != NULL && err->kind == ERR_CONFLICT)
        tell_contradiction(s, i->generation, err);
    else if (s != NULL)
        session_fail(s, err);
    session_after_job(set, s);
}

/* ---- what has no answer ---------------------------------------------------------------------- */

int session_take_report(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    struct ingest *i;

    if (ingest_report(&i, m, err) != 0)
        return -1;
    session_submit(s, i, on_unacknowledged_done);
    return 0;
}

/* A report about a store that is not known (its inventory was refused, or is on its way again) is
 * without loss: the host repeats it. */
static void on_unacknowledged_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);

    if (s != NULL && err != NULL && err->kind == ERR_NOT_FOUND) {
        s->ignored++;
        log_error(LOG_DEBUG, "report-ignored", err, "host", s->name, NULL);
    } else if (s != NULL && err != NULL) {
        session_fail(s, err);
    }
    session_after_job(set, s);
}

int session_take_heartbeat(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    int64_t age_ms = (*m)->heartbeat.look_age_ms;
    int64_t look_s = (clock_wall_ms() - age_ms) / 1000;

    (void)err;
    /* One look is told by many heartbeats, and rounded by each in its own way. */
    if (age_ms >= 0 && look_s > s->look_s + 1)
        s->look_s = s->life.look_s = look_s;
    return 0;
}
