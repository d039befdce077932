/*
 * ingest: the jobs that the collector gives to its writer (store/writer.h): one validated message
 * of one host each, with everything that it needs, and its results.
 *
 * A job is made on the loop, run() by the writer's thread, and handed to `done` on the loop after
 * its transaction is durable or has failed; it is freed when `done` returns. What lies in a job is
 * the writer's between submission and `done`, except `session` and `in_session`, which stay the
 * loop's.
 *
 * Threads: as said; everything in this header is called on the loop.
 */
#ifndef COLLECTOR_SERVER_INGEST_H
#define COLLECTOR_SERVER_INGEST_H

#include "collector/server/ingest_gather.h"
#include "collector/store/apply.h"
#include "collector/store/writer.h"
#include "common/buf.h"
#include "common/wire.h"

enum {
    INGEST_MISSING_MAX = 4096,   /* configs, manifests, and layers, that one job looks for */
    INGEST_ARENA_MAX = 64 << 20, /* bytes of one job's results */
    INGEST_ADDRESS_BYTES = 128,
};

struct session;

struct ingest {
    struct store_job job;                                  /* first */
    void (*done)(struct ingest *i, const struct err *err); /* err NULL: durable */
    void *arg;                                             /* the submitter's */
    struct session *session;                               /* NULL: none, or it has ended */
    struct list in_session;
    uint64_t inventories; /* that its stream had begun when it was submitted */
    bool submitted;       /* false while it waits for room in the writer's queue */

    /* ---- what it is about ---- */
    int64_t incarnation_id, now_ms;
    struct wire_agent_msg *msg; /* hello, difference, use, facts, ... */
    struct gather *gather;      /* a whole inventory */
    bool look_for_missing;      /* afterwards, in the same job */
    bool look_anew;             /* also for what this host was asked for before */
    uint64_t generation;        /* inventory and difference */

    char *host_name; /* hello */
    char address[INGEST_ADDRESS_BYTES];
    int64_t silence_s;
    int64_t *live;
    size_t live_count;

    enum rec_document_kind kind; /* document */
    struct digest digest;
    struct buf data;
    uint32_t rules, cuts;

    struct apply_life *lives; /* life */
    size_t life_count;

    struct {
        char *kind, *subject, *text;
    } event;

    int64_t ephemeral_s, retire_s; /* housekeeping */

    /* ---- results ---- */
    struct arena *arena;
    struct apply_identity identity;
    struct apply_missing missing;
    enum apply_verdict verdict;   /* document */
    bool leads_on;                /* document: a manifest that names others */
    enum apply_verdict *verdicts; /* one for each of msg->layer_facts */
    uint64_t hosts;               /* host count */
};

/* Each makes a job and, on 0, takes what it is given through a pointer to a pointer. */

/* `live` are the incarnations with open streams under this name; copied. */
int ingest_hello(struct ingest **out, struct wire_agent_msg **hello, const char *host_name,
                 const char *address, const int64_t *live, size_t live_count, struct err *err);
int ingest_inventory(struct ingest **out, struct gather **gather, struct err *err);
int ingest_difference(struct ingest **out, struct wire_agent_msg **difference, struct err *err);
/* Use, origins, copies or spaces: what has no answer. */
int ingest_report(struct ingest **out, struct wire_agent_msg **report, struct err *err);
/* `data` is emptied. */
int ingest_document(struct ingest **out, const struct rec_document *head, struct buf *data,
                    struct err *err);
int ingest_layer_facts(struct ingest **out, struct wire_agent_msg **facts, struct err *err);
/* Only looks for what this host could tell; `anew`: apply.h's apply_look says. */
int ingest_missing(struct ingest **out, bool anew, struct err *err);

/* Jobs of no session. The texts are copied. */
int ingest_event(struct ingest **out, int64_t incarnation_id, const char *kind, const char *subject,
                 const char *text, struct err *err);
/* Takes the array (malloc'ed). */
int ingest_lives(struct ingest **out, struct apply_life **lives, size_t count, struct err *err);
/* Counts the hosts that are present. */
int ingest_host_count(struct ingest **out, struct err *err);
int ingest_housekeeping(struct ingest **out, int64_t ephemeral_s, int64_t retire_s,
                        struct err *err);

/* Frees a job that was not submitted. */
void ingest_close(struct ingest **i);

#endif
