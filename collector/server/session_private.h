/*
 * session: one stream of one host. Private to session*.c.
 *
 *     session.c         states, messages in, messages out, the end
 *     session_hello.c   who is it: certificate, identity, takeover, welcome
 *     session_report.c  inventories, differences and what has no answer
 *     session_content.c what the host is asked for: documents and layer facts
 *     sessions.c        all of them together
 *
 * Threads: the loop's.
 */
#ifndef COLLECTOR_SERVER_SESSION_PRIVATE_H
#define COLLECTOR_SERVER_SESSION_PRIVATE_H

#include "collector/server/ingest.h"
#include "collector/server/sessions.h"
#include "common/log.h"

enum {
    SESSION_JOBS_MAX = 32,         /* with the writer; then the stream is not read */
    SESSION_HELLO_MS = 10000,      /* within which a stream says who it is */
    SESSION_TAKEOVERS_MAX = 3,     /* within two heartbeats: two machines with one identity */
    SESSION_REFRESH_MS = 5000,     /* at most so often a busy session announces anew */
    SESSION_SKEW_MS = 86400 * 1000 /* a clock further off is told to the host */
};

enum session_state {
    SESSION_NEW,        /* nothing heard yet */
    SESSION_GREETING,   /* the hello is with the writer */
    SESSION_UP,         /* welcome was said */
    SESSION_COLLECTING, /* between begin and end of a whole inventory */
    SESSION_ENDING,     /* a status was given; nothing is heard any more */
    SESSION_STATES
};

/* A document that arrives in pieces. */
struct session_piecework {
    bool active;
    struct rec_document head; /* of the first piece; its data is not used */
    struct buf data;
};

struct session {
    struct sessions *set;
    struct grpc_call *call;
    enum session_state state;
    struct list node;    /* set->nameless until the hello, then set->heard */
    struct list blocked; /* set->blocked while `waiting` is not empty */
    struct list jobs;    /* struct ingest.in_session: with the writer */
    struct list waiting; /* the same: not yet accepted by the writer */
    size_t job_count;    /* both */
    bool paused, half_closed;

    char *name; /* under which the host is filed; NULL before the hello */
    struct rec_id incarnation;
    struct digest fingerprint;
    int64_t incarnation_id; /* 0 before the welcome */
    bool by_incarnation;    /* in the set's tree */
    bool by_name;
    struct list namesakes; /* sessions of the same name; one of them is in the tree */
    unsigned takeovers;    /* of this identity, since */
    uint64_t takeover_ms;
    bool gives_documents, gives_attestations, measures;

    uint64_t heard_ms;
    struct apply_life life;
    bool life_is_new;
    int64_t look_s;   /* the newest look that was passed on */
    uint64_t ignored; /* messages and documents that nobody asked for */

    struct gather *gather;   /* while COLLECTING */
    size_t gather_held;      /* of set->memory */
    unsigned contradictions; /* in a row */
    bool resync_asked;
    uint64_t inventories; /* begun on this stream */

    struct wants_session wants;
    struct session_piecework piecework;
    struct list stale;    /* set->stale while a look for what is missing is due */
    bool more_is_missing; /* than one look for what is missing can tell */
    bool look_anew;       /* the next look is to tell again what it told before */
    uint64_t refresh_ms;
};

/* ---- session.c ------------------------------------------------------------------------------- */

/* Allowed moves are in a table; another one is a bug. */
void session_move(struct session *s, enum session_state to);

/* Ends the stream with a status and a reason for the host, and logs it once. Harmless when it is
 * ending. The session lives until its stream is closed. */
void session_end(struct session *s, enum grpc_status status, const char *why);

/* Ends it because of a failed message: the peer's fault with the status of its kind, ours with
 * UNAVAILABLE, so that the host tries again. */
void session_fail(struct session *s, const struct err *err);

/* Whether an error of a job lies in what the host said, and not in our disk or memory. */
bool session_is_peers_fault(enum err_kind kind);

/* Encodes and sends. A host that does not read what it is told loses its stream. */
void session_send(struct session *s, const struct wire_collector_msg *m);
void session_reject(struct session *s, enum rec_reject_code code, uint64_t generation,
                    const char *subject, const char *text);

/* Gives a job to the writer, now or when there is room, with `done` to follow on the loop. */
void session_submit(struct session *s, struct ingest *i,
                    void (*done)(struct ingest *i, const struct err *err));
/* First thing in each `done`: takes the job from its session, which may be NULL: it is over. */
struct session *session_job_back(struct ingest *i);
/* Last thing in each `done`. */
void session_after_job(struct sessions *set, struct session *s);
/* Tries to submit what waits. False while the writer has no room. */
bool session_submit_waiting(struct session *s);

/* Bytes of memory that this session holds for something unfinished; ERR_LIMIT. */
int sessions_hold(struct sessions *set, size_t bytes, struct err *err);
void sessions_release(struct sessions *set, size_t bytes);

/* ---- session_hello.c ------------------------------------------------------------------------- */

/* session_take_...(): what the host said, each for one kind of message. They may take *m over (it
 * is NULL then). An error is the host's fault, or ours, and ends the stream: session_fail(). */
int session_take_hello(struct session *s, struct wire_agent_msg **m, struct err *err);

/* ---- session_report.c ------------------------------------------------------------------------ */

/* See session_take_hello(). */
int session_take_begin(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_part(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_end(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_difference(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_report(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_heartbeat(struct session *s, struct wire_agent_msg **m, struct err *err);
/* Forgets an inventory that is not complete, and the memory held for it. */
void session_drop_gather(struct session *s);

/* ---- session_content.c ----------------------------------------------------------------------- */

/* See session_take_hello(). */
int session_take_document(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_layer_facts(struct session *s, struct wire_agent_msg **m, struct err *err);
int session_take_declined(struct session *s, struct wire_agent_msg **m, struct err *err);
/* What the database lacks and this host has. */
void session_announce(struct session *s, const struct apply_missing *missing);
/* From now on a look for what is missing is due. */
void session_refresh_later(struct session *s);
/* The same, and what was announced before is to be announced again. */
void session_refresh_anew(struct session *s);
/* Looks, if that is due and the session has nothing else to do. Whether it did. */
bool session_refresh(struct session *s);
/* Sends what the registry has for it. */
void session_ask(struct session *s);
/* The same for a document that is not complete. */
void session_drop_piecework(struct session *s);

/* ---- sessions.c ------------------------------------------------------------------------------ */

/* Monotonic milliseconds, as in wants.h. */
uint64_t sessions_now(const struct sessions *set);
/* Whether one more line, or event, may be written now. */
bool gate_pass(struct gate *g, uint64_t now_ms);
/* A warning about a host, with its name and address, and what else there is under `key`; at a
 * bounded rate. */
void session_warn(struct session *s, const char *event, const char *key, const char *value,
                  const char *text);
/* An event for the database; at a bounded rate. */
void sessions_event(struct sessions *set, int64_t incarnation_id, const char *kind,
                    const char *subject, const char *text);
/* Asks hosts while there is something to ask. */
void sessions_pump(struct sessions *set);
/* The host has just spoken. */
void sessions_heard(struct sessions *set, struct session *s);
/* Keeps the signs of life of a session that is over. */
void sessions_keep_life(struct sessions *set, struct session *s);

/* The session that has this identity, or NULL. */
struct session *sessions_by_incarnation(const struct sessions *set, const struct rec_id *id);
/* Takes the session's identity and name into the trees, where nobody has the identity. */
int sessions_register(struct sessions *set, struct session *s, struct err *err);
void sessions_unregister(struct sessions *set, struct session *s);
/* Incarnations that are up under this name, besides the session itself; at most `max`. */
size_t sessions_live(const struct session *s, int64_t *out, size_t max);

#endif
