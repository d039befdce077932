#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/server/session_private.h"
#include "common/check.h"
#include "common/cleanup.h"

/*
 * What happens on a stream, in the order in which it happens.
 */
static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg);
static void on_half_closed(struct grpc_call *call, void *arg);
static void on_closed(struct grpc_call *call, int status, const char *message, void *arg);

static const struct grpc_handler stream_events = {
    .on_message = on_message,
    .on_half_closed = on_half_closed,
    .on_closed = on_closed,
};

#define TO(state) (1u << SESSION_##state)

static const unsigned allowed_moves[SESSION_STATES] = {
    [SESSION_NEW] = TO(GREETING) | TO(ENDING),
    [SESSION_GREETING] = TO(UP) | TO(ENDING),
    [SESSION_UP] = TO(COLLECTING) | TO(ENDING),
    [SESSION_COLLECTING] = TO(UP) | TO(ENDING),
    [SESSION_ENDING] = 0,
};

/* What each kind of message does, and in which states it may come. */
static const struct {
    const char *name;
    unsigned states;
    int (*take)(struct session *s, struct wire_agent_msg **m, struct err *err);
} kinds[] = {
    [WIRE_HELLO] = {"hello", TO(NEW), session_take_hello},
    [WIRE_INVENTORY_BEGIN] = {"inventory begin", TO(UP), session_take_begin},
    [WIRE_INVENTORY_PART] = {"inventory part", TO(COLLECTING), session_take_part},
    [WIRE_INVENTORY_END] = {"inventory end", TO(COLLECTING), session_take_end},
    [WIRE_DIFFERENCE] = {"difference", TO(UP), session_take_difference},
    [WIRE_USE] = {"use", TO(UP) | TO(COLLECTING), session_take_report},
    [WIRE_DOCUMENT] = {"document", TO(UP) | TO(COLLECTING), session_take_document},
    [WIRE_LAYER_FACTS] = {"layer facts", TO(UP) | TO(COLLECTING), session_take_layer_facts},
    [WIRE_COPIES] = {"copies", TO(UP) | TO(COLLECTING), session_take_report},
    [WIRE_SPACES] = {"spaces", TO(UP) | TO(COLLECTING), session_take_report},
    [WIRE_DECLINED] = {"declined", TO(UP) | TO(COLLECTING), session_take_declined},
    [WIRE_HEARTBEAT] = {"heartbeat", TO(UP) | TO(COLLECTING), session_take_heartbeat},
    [WIRE_ORIGINS] = {"origins", TO(UP) | TO(COLLECTING), session_take_report},
};

static const char *const state_names[SESSION_STATES] = {
    [SESSION_NEW] = "before the hello",       [SESSION_GREETING] = "before the welcome",
    [SESSION_UP] = "outside of an inventory", [SESSION_COLLECTING] = "within an inventory",
    [SESSION_ENDING] = "after the end",
};

void session_move(struct session *s, enum session_state to)
{
    check(allowed_moves[s->state] & (1u << to));
    s->state = to;
}

int sessions_accept(struct sessions *set, struct grpc_call *call, struct err *err)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for one more stream");
    s->set = set;
    s->call = call;
    s->heard_ms = sessions_now(set);
    list_init(&s->stale);
    list_init(&s->blocked);
    list_init(&s->jobs);
    list_init(&s->waiting);
    list_init(&s->namesakes);
    buf_init(&s->piecework.data, REC_DOCUMENT_BYTES);
    list_push(&set->nameless, &s->node);
    set->count++;
    grpc_call_set(call, &stream_events, s);
    return 0;
}

/* ---- messages in ----------------------------------------------------------------------------- */

/* Reads the stream exactly while its jobs find room and its host is known. */
static void adjust_flow(struct session *s)
{
    bool pause = s->state == SESSION_GREETING || !list_empty(&s->waiting) ||
                 s->job_count >= SESSION_JOBS_MAX;

    if (s->call == NULL || pause == s->paused)
        return;
    s->paused = pause;
    if (pause)
        grpc_call_pause(s->call);
    else
        grpc_call_resume(s->call);
}

static int take_message(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    enum wire_agent_kind kind = (*m)->kind;

    s->life.unknown += (*m)->unknown + (kind == WIRE_AGENT_UNKNOWN);
    if (kind == WIRE_AGENT_UNKNOWN)
        return 0;
    if ((kinds[kind].states & (1u << s->state)) == 0)
        return err_set(err, ERR_PROTOCOL, "message out of order: %s %s", kinds[kind].name,
                       state_names[s->state]);
    return kinds[kind].take(s, m, err);
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    struct session *s = arg;
    struct err err;

    (void)call;
    if (s->state == SESSION_ENDING)
        return;
    if (wire_agent_decode(&m, data, len, &err) != 0 || take_message(s, &m, &err) != 0)
        session_fail(s, &err);
    if (s->state != SESSION_NEW) /* nothing else puts the hello off */
        sessions_heard(s->set, s);
    adjust_flow(s);
}

/* The host says no more; it still gets its answers. */
static void on_half_closed(struct grpc_call *call, void *arg)
{
    struct session *s = arg;

    (void)call;
    s->half_closed = true;
    wants_leave(s->set->wants, &s->wants);
    if (s->state == SESSION_COLLECTING)
        session_end(s, GRPC_INVALID_ARGUMENT, "the stream ended within an inventory");
    else if (s->job_count == 0)
        session_end(s, GRPC_OK, "");
    sessions_pump(s->set);
}

/* ---- messages out ---------------------------------------------------------------------------- */

void session_send(struct session *s, const struct wire_collector_msg *m)
{
    AUTO(buf_close) struct buf bytes;
    struct err err;

    buf_init(&bytes, REC_MESSAGE_BYTES);
    if (s->call == NULL || s->state == SESSION_ENDING)
        return;
    if (wire_collector_encode(m, &bytes, &err) == 0 &&
        grpc_call_send(s->call, bytes.data, bytes.len, &err) == 0)
        return;
    if (err.kind == ERR_BUSY)
        session_end(s, GRPC_RESOURCE_EXHAUSTED, "the host does not read what it is told");
    else
        session_fail(s, &err);
}

void session_reject(struct session *s, enum rec_reject_code code, uint64_t generation,
                    const char *subject, const char *text)
{
    struct wire_collector_msg m = {
        .kind = WIRE_REJECTION,
        .rejection = {.code = code, .generation = generation, .subject = subject, .text = text},
    };

    session_send(s, &m);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

bool session_submit_waiting(struct session *s)
{
    struct err err;

    while (!list_empty(&s->waiting)) {
        struct ingest *i = list_entry(s->waiting.next, struct ingest, in_session);

        if (writer_submit(s->set->writer, &i->job, &err) != 0)
            return false;
        list_remove(&i->in_session);
        list_push(&s->jobs, &i->in_session);
    }
    list_remove(&s->blocked);
    adjust_flow(s);
    return true;
}

void session_submit(struct session *s, struct ingest *i,
                    void (*done)(struct ingest *i, const struct err *err))
{
    i->done = done;
    i->arg = s->set;
    i->session = s;
    if (i->incarnation_id == 0)
        i->incarnation_id = s->incarnation_id;
    list_push(&s->waiting, &i->in_session);
    i->inventories = s->inventories;
    s->job_count++;
    if (!session_submit_waiting(s) && list_empty(&s->blocked))
        list_push(&s->set->blocked, &s->blocked);
    adjust_flow(s);
}

struct session *session_job_back(struct ingest *i)
{
    struct session *s = i->session;

    if (s == NULL)
        return NULL;
    list_remove(&i->in_session);
    i->session = NULL;
    s->job_count--;
    return s->state == SESSION_ENDING ? NULL : s;
}

/* A job came back: there is room in the writer's queue again. */
static void submit_blocked(struct sessions *set)
{
    while (!list_empty(&set->blocked))
        if (!session_submit_waiting(list_entry(set->blocked.next, struct session, blocked)))
            return;
}

void session_after_job(struct sessions *set, struct session *s)
{
    if (s != NULL && s->state != SESSION_ENDING) {
        session_refresh(s);
        if (s->half_closed && s->job_count == 0)
            session_end(s, GRPC_OK, "");
        adjust_flow(s);
    }
    submit_blocked(set);
    sessions_pump(set);
}

/* ---- the end --------------------------------------------------------------------------------- */

bool session_is_peers_fault(enum err_kind kind)
{
    switch (kind) {
    case ERR_PROTOCOL:
    case ERR_LIMIT:
    case ERR_CONFLICT:
    case ERR_CORRUPT:
    case ERR_MOVED:
    case ERR_NOT_FOUND:
    case ERR_DENIED:
    case ERR_VERSION:
        return true;
    default:
        return false;
    }
}

void session_fail(struct session *s, const struct err *err)
{
    if (session_is_peers_fault(err->kind)) {
        session_end(s, grpc_status_of(err->kind), err->text);
        return;
    }
    if (gate_pass(&s->set->log_gate, sessions_now(s->set)))
        log_error(LOG_ERROR, "report-not-kept", err, "host", s->name, NULL);
    session_end(s, GRPC_UNAVAILABLE,
                "the collector could not keep the report: its log says why; try again");
}

/* What a stream holds of others' things goes back at once, not when the peer has closed. */
static void let_go(struct session *s)
{
    sessions_keep_life(s->set, s);
    sessions_unregister(s->set, s);
    wants_leave(s->set->wants, &s->wants);
    list_remove(&s->stale);
    session_drop_gather(s);
    session_drop_piecework(s);
}

/* Jobs that the writer has not seen are given up; they settle their wants in `done`. */
static void give_up_waiting(struct session *s)
{
    const struct err canceled = {.kind = ERR_CANCELED, .text = "the stream ended"};

    list_remove(&s->blocked);
    while (!list_empty(&s->waiting)) {
        struct ingest *i = list_entry(s->waiting.next, struct ingest, in_session);

        list_remove(&i->in_session);
        i->session = NULL;
        s->job_count--;
        i->done(i, &canceled);
        ingest_close(&i);
    }
}

void session_end(struct session *s, enum grpc_status status, const char *why)
{
    bool bad = status != GRPC_OK && status != GRPC_ABORTED && status != GRPC_UNAVAILABLE;

    if (s->state == SESSION_ENDING)
        return;
    if (bad)
        session_warn(s, "stream-ended", "status", grpc_status_name(status), why);
    else
        log_event(LOG_DEBUG, "stream-ended", "host", s->name, "why", why, NULL);
    session_move(s, SESSION_ENDING);
    let_go(s);
    give_up_waiting(s);
    grpc_call_finish(s->call, status, why);
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct session *s = arg;
    struct sessions *set = s->set;

    (void)call;
    if (s->state != SESSION_ENDING) {
        log_event(LOG_INFO, "host-disconnected", "host", s->name, "status",
                  grpc_status_name(status), "why", message, NULL);
        s->call = NULL;
        session_move(s, SESSION_ENDING);
        let_go(s);
        give_up_waiting(s);
    }
    list_each_safe (it, next, &s->jobs) {
        list_entry(it, struct ingest, in_session)->session = NULL;
        list_remove(it);
    }
    list_remove(&s->node);
    set->count--;
    free(s->name);
    free(s);
    sessions_pump(set);
}
