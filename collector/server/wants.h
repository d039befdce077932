/*
 * wants: what the fleet is still asked for, and whom. Pure: no loop, no database, time is passed
 * in (monotonic milliseconds).
 *
 * An entry is one document, or the content facts of one layer. It is leased to one session at a
 * time, so that a document that lies on ten thousand hosts is asked for once. A lease ends by
 * delivery, by refusal, by the session's end, when the session brought nothing for the length of a
 * lease, or after WANTS_LEASES_MAX lengths whatever it brought (a host that trickles keeps nothing
 * from the fleet); then another session that holds the content is asked. An entry remembers a
 * bounded number of sessions that hold it and of hosts that failed for it; those are asked again
 * only after `retry_ms`. A host that only declined a config or a layer may have it soon (an image
 * goes and comes back between two looks): it is asked again when its report changes, and otherwise
 * after `decline_ms`, then twice as long each time.
 *
 *     PENDING -> LEASED -> DELIVERED (a job is with the writer) -> settled: gone, or PENDING again
 *
 * Ownership: the registry owns entries; a struct wants_session is its session's, between
 * wants_join() and wants_leave().
 *
 * Threads: the loop's.
 */
#ifndef COLLECTOR_SERVER_WANTS_H
#define COLLECTOR_SERVER_WANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/record.h"

enum {
    WANTS_HOLDERS_MAX = 8,   /* sessions remembered for one entry */
    WANTS_LEASES_MAX = 20,   /* lengths of a lease that it may grow to by progress */
    WANTS_REFUSALS_MAX = 16, /* hosts that fail for one entry before it rests for retry_ms */
};

enum wants_class { WANTS_DOCUMENTS, WANTS_LAYERS, WANTS_CLASSES };

struct wants_limits {
    size_t entries_max;               /* announcements past it are dropped, and come again */
    size_t leased_max[WANTS_CLASSES]; /* of one session at a time */
    uint64_t lease_ms[WANTS_CLASSES]; /* without any delivery of that class */
    uint64_t retry_ms;                /* before a host that failed is asked again */
    uint64_t decline_ms;              /* before one that declined is, the first time */
};
/* What the collector runs with unless told otherwise. */
void wants_limits_default(struct wants_limits *limits);

/* One thing that a session could tell. */
struct wants_item {
    enum rec_document_kind kind; /* 0: the content facts of a layer */
    struct digest digest;        /* of the document; diffID of the layer */
    struct digest chain;         /* layers: one place where that session has it */
    bool of_root;                /* layers: it has it in a store of root's */
};

/* A session's part in the registry; embedded in the session. */
struct wants_session {
    int64_t incarnation;

    /* private to wants */
    struct {
        struct list open;   /* holders whose entry may be asked of this session now */
        struct list leases; /* entries, oldest lease first */
        size_t leased;
        uint64_t progress_ms; /* last delivery */
    } of[WANTS_CLASSES];
    struct list idle;      /* holders whose entry may not */
    struct list ready;     /* in the registry, while there is something to take */
    struct list owing;     /* in the registry, while something is leased */
    struct list declined;  /* holders that it declined to give, until they are asked again */
    struct list declining; /* in the registry, while there are any */
    uint64_t again_ms;     /* when that is */
    uint64_t pause_ms;     /* how long that takes now */
    bool joined;
};

struct wants;

/* An empty registry; `limits` is copied. */
int wants_open(struct wants **out, const struct wants_limits *limits, struct err *err);
/* All sessions have left before. */
void wants_close(struct wants **w);

/* The session begins to take part; `s` stays where it is until wants_leave(). */
void wants_join(struct wants *w, struct wants_session *s, int64_t incarnation);
/* The session is over: what was leased to it goes to others. Harmless when it never joined
 * (zeroed) or has left. */
void wants_leave(struct wants *w, struct wants_session *s);

/* The session holds this, and the database lacks it. Announcing again is harmless. */
int wants_announce(struct wants *w, struct wants_session *s, const struct wants_item *item,
                   struct err *err);

/* The session that is to be asked next, or NULL. It stays first until wants_take() has taken all
 * that it may. */
struct wants_session *wants_next(struct wants *w);

/* Leases up to `max` entries of a class to the session and returns how many are in items[]. */
size_t wants_take(struct wants *w, struct wants_session *s, enum wants_class class,
                  struct wants_item *items, size_t max, uint64_t now_ms);

/* Whether the session was asked for this and has not answered. */
bool wants_is_leased(const struct wants *w, const struct wants_session *s,
                     enum rec_document_kind kind, const struct digest *digest);

/* A piece of a leased document came: the session's leases of that class start anew. */
void wants_progress(struct wants_session *s, enum wants_class class, uint64_t now_ms);

/* It came whole and a job has it. From here to wants_settle() nobody is asked. */
void wants_delivered(struct wants *w, struct wants_session *s, enum rec_document_kind kind,
                     const struct digest *digest, uint64_t now_ms);

/* The session cannot or will not give what is leased to it. False when it is not. */
bool wants_refused(struct wants *w, struct wants_session *s, enum rec_document_kind kind,
                   const struct digest *digest, uint64_t now_ms);

/* What the session's host holds has changed: what it declined before it may have now. */
void wants_changed(struct wants *w, struct wants_session *s);

enum wants_outcome {
    WANTS_DONE,    /* known now: nobody is asked any more */
    WANTS_CONFIRM, /* taken; another session is asked for the same */
    WANTS_ROOTS,   /* taken, and it is of users' stores: those are asked that have it in root's */
    WANTS_FAILED,  /* not believed: another one is asked, and this one not before retry_ms */
    WANTS_SAID,    /* it said what it can say, which is not enough: another one is asked, and this
                      one only if it announces it once more, not before retry_ms */
    WANTS_LOST,    /* not stored, and not by the host's fault: anybody is asked again */
};

/* The end of a delivery by `incarnation` (the session may be gone). */
void wants_settle(struct wants *w, enum rec_document_kind kind, const struct digest *digest,
                  int64_t incarnation, enum wants_outcome outcome, uint64_t now_ms);

/* Sessions that are known to hold an entry, at most WANTS_HOLDERS_MAX. */
size_t wants_holders(const struct wants *w, enum rec_document_kind kind,
                     const struct digest *digest, struct wants_session **out);

/* Takes back leases that ran out, and lets hosts that failed long ago, or declined, try again.
 * Returns how many leases ran out. */
size_t wants_expire(struct wants *w, uint64_t now_ms);

/* Whether an entry has nobody left to ask while holders of it had been turned away for want of
 * room: the sessions should announce again. Asking clears it. */
bool wants_is_starved(struct wants *w);

size_t wants_count(const struct wants *w);          /* entries */
size_t wants_leased(const struct wants_session *s); /* entries that it owes, of all classes */

#endif
