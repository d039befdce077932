/*
 * uplink_private: what the uplink*.c files share; nobody else includes it.
 *
 * uplink.c owns the connection and its states; uplink_report.c tells the inventory, uplink_use.c
 * use and origins; uplink_documents.c reads and sends what the collector wants. The latter three
 * make messages one at a time, when uplink.c asks them for the next.
 */
#ifndef AGENT_UPLINK_PRIVATE_H
#define AGENT_UPLINK_PRIVATE_H

#include "agent/uplink.h"
#include "common/backoff.h"
#include "common/list.h"

enum report_step {
    REPORT_NONE,  /* nothing under way */
    REPORT_BEGIN, /* a whole inventory: begin, then parts, then end */
    REPORT_PARTS,
    REPORT_END,
    REPORT_SENT, /* waits for its acknowledgement */
};

struct uplink_report {
    struct inventory *current; /* the newest */
    struct inventory *acked;   /* what the collector holds as acked_generation, or NULL */
    struct inventory *flight;  /* what is under way as flight_generation, or NULL */
    uint64_t acked_generation, flight_generation;
    uint64_t last_generation; /* the highest ever used or heard of */
    enum report_step step;
    size_t store; /* of flight: the one whose next part begins at `at` */
    struct inventory_cursor at;
    struct wire_collector_msg *welcome; /* until there is an inventory to compare with, or NULL */
    bool greeted;                       /* this stream's welcome was acted upon */
    bool synced;                        /* this stream's first report was acknowledged */
    bool refused;       /* the collector rejected the last report: wait for a newer inventory */
    bool takes_origins; /* this stream's collector keeps them */

    /* use, and origins with it */
    struct inventory *used;  /* whose use this stream knows, or NULL */
    struct inventory *using; /* whose use is being told, or NULL */
    size_t use_store;
    bool use_told, origins_told; /* of that store */
    size_t origin;               /* the next one to tell */
    uint64_t next_use_ns;
};

struct uplink_documents {
    struct rec_wanted *wanted; /* ring of UPLINK_WANTS_MAX */
    size_t first, count;
    uv_work_t work;
    bool reading;                /* the work item is under way */
    unsigned stream;             /* the stream that it is for */
    struct inventory *inventory; /* the work item's reference */
    /* the document being read, then sent */
    struct rec_wanted item;
    struct buf data;
    uint32_t cuts;
    int failed;
    struct err err;
    bool sending;
    uint32_t offset;
};

struct uplink {
    uv_loop_t *loop;
    struct uplink_options options;
    struct uplink_events events;
    void *arg;
    enum uplink_state state;
    unsigned stream;      /* counts connections, to know late answers of an old one */
    uv_timer_t timer;     /* IDLE: next attempt; until UP: deadline; UP: heartbeat */
    uv_timer_t use_timer; /* the next report of use */
    unsigned open;        /* timers, client and work item that are not closed yet */
    struct grpc_client *client;
    struct tls_ticket ticket; /* of the newest TLS session, for the next connection */
    struct grpc_call *call;
    struct backoff backoff;
    bool patient;            /* refused for who we are: wait long */
    struct err last_failure; /* logged once */
    unsigned resyncs;        /* since the last acknowledgement */
    uint64_t looked_ns;
    struct buf out; /* one encoded message */
    bool blocked;   /* it waits in `out` for on_writable */
    struct list outbox;
    size_t outbox_bytes;
    struct uplink_report report;
    struct uplink_documents documents;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* ---- uplink.c -------------------------------------------------------------------------------- */

/* Encodes and sends one message; blocked or failed states are kept in *u. */
void uplink_transmit(struct uplink *u, const struct wire_agent_msg *m);
/* The two halves of it. */
int uplink_encode(struct uplink *u, const struct wire_agent_msg *m, struct err *err);
void uplink_flush(struct uplink *u);
/* Sends what there is, until nothing is left or the call's queue is full. */
void uplink_pump(struct uplink *u);
/* Takes the connection down; the next attempt follows. */
void uplink_fail(struct uplink *u, const struct err *err);
/* The callback of u->use_timer. */
void uplink_on_use_timer(uv_timer_t *timer);
/* The greeting is over; whatever is sent less often than this is filled up with heartbeats. */
void uplink_up(struct uplink *u, uint64_t heartbeat_ms);
/* This stream has common ground: measurements may follow. */
void uplink_synced(struct uplink *u);
/* One thing less is open; in CLOSING the last one frees the uplink. */
void uplink_closed_one(struct uplink *u);

/* ---- uplink_hear.c --------------------------------------------------------------------------- */

/* Acts upon a message of a known kind that came in order; may take it over. */
void uplink_hear(struct uplink *u, struct wire_collector_msg **m);

/* ---- uplink_report.c ------------------------------------------------------------------------- */

/* A stream ended: forget what was only true on it. */
void report_reset(struct uplink_report *r);
void report_free(struct uplink_report *r);
/* The newest inventory; takes a reference of its own. */
void report_set_current(struct uplink_report *r, struct inventory *inv);
/* Takes the message over. */
void report_welcome(struct uplink_report *r, struct wire_collector_msg **m);
/* False where it is about a report that was given up. */
bool report_acknowledged(struct uplink_report *r, uint64_t generation);
/* Nothing is in common any more: the next report is a whole inventory. */
void report_resync(struct uplink_report *r);
/* The same, and not before there is a newer inventory. */
void report_rejected(struct uplink_report *r, uint64_t generation);
/* Sends the next message of a report; false where there is none now. */
bool report_next(struct uplink *u);
int64_t report_age_ms(uint64_t since_ns);

/* ---- uplink_use.c ---------------------------------------------------------------------------- */

/* The same, of use and origins. */
bool report_next_use(struct uplink *u);

/* ---- uplink_documents.c ---------------------------------------------------------------------- */

/* Makes the empty ring of what is wanted. */
int documents_init(struct uplink *u, struct err *err);
/* A stream ended: nothing is wanted any more, and what is being read comes too late. */
void documents_reset(struct uplink_documents *d);
void documents_free(struct uplink_documents *d);
/* The collector asks for these; what the ring has no room for it will ask again. */
void documents_want(struct uplink *u, const struct rec_wanted *items, size_t count);
/* Sends the next piece, or starts reading the next document; false where nothing was sent. */
bool documents_next(struct uplink *u);

#endif
