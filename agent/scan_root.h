/*
 * scan_root: one store and its work item. Private to scan*.c.
 *
 * Threads: scan_root_work() runs in the pool and touches only root->job; everything else belongs
 * to the loop, which leaves the job alone while it is outstanding.
 */
#ifndef AGENT_SCAN_ROOT_H
#define AGENT_SCAN_ROOT_H

#include "agent/scan.h"
#include "agent/scan_watch.h"

/* One look: what is asked, and what came out. */
struct scan_job {
    uv_work_t work;
    bool outstanding;
    const struct engine_options *options;
    struct engine_root root; /* the job's copy: a driver may note what it learnt */
    /* asked */
    bool full;           /* read even if the token is the old one */
    bool afresh;         /* ... and all of it, also what stands unchanged by its times */
    bool check;          /* ask the API afterwards whether it answers */
    bool compare;        /* ... and what it has, which costs the daemon more than the rest of us */
    bool seen_listening; /* before: only then a missing listener means anything */
    bool rewatch;        /* take the watches again, even if nothing was read */
    unsigned tellings;   /* the root's when it began */
    struct engine_token known;
    struct inventory_reading *last; /* what was read before, or NULL; not owned */
    struct scan_watch *watch;       /* the root's, or NULL */
    /* found */
    int failed;
    struct err err;
    bool changed;                      /* the token is not the one of the last reading */
    struct inventory_reading *reading; /* NULL: nothing changed */
    bool checked;                      /* the API was asked */
    bool compared;                     /* ... what it has, and it said so */
    struct err check_err;              /* kind ERR_NONE: it answered */
    struct engine_findings findings;
    int listening;               /* 1, 0, or -1 unknown */
    bool rewatched;              /* watches were taken: */
    struct scan_watched watched; /* ... with this */
};

struct scan_root {
    struct list node;
    struct scan *scan;
    struct scan_job job;
    struct engine_root root;
    struct inventory_reading *last; /* last good reading, or NULL */
    struct scan_watch *watch;       /* NULL: none could be opened */
    bool watched;                   /* the kernel tells of every change */
    bool rewatch_wanted;            /* something watched has gone, or is to come */
    bool watch_logged;              /* why it does not tell */
    bool looked;                    /* had an outcome */
    unsigned tellings, heeded;      /* how often a finding asked for reading all of it, and how many
                                       of these a look has answered since */
    bool down;                      /* its engine does not answer */
    bool alias;                     /* another root is the same store: not reported */
    bool has_key;                   /* of a store never read */
    struct rec_key key;
    struct err err;        /* why it cannot be read; kind ERR_NONE: it can */
    uint64_t absent_ns;    /* since when it is not there, 0: it is */
    uint64_t moving_ns;    /* since when each reading was torn, 0: the last one was whole */
    uint64_t look_ns;      /* when the last look began, 0 never */
    uint64_t next_look_ns; /* when to look if nothing is told before */
    uint64_t next_full_ns; /* when to read all of it afresh */
    uint64_t next_down_ns; /* when to read it though nothing changed, while its engine is down */
    uint64_t checked_ns;   /* when its API was asked last, 0 never */
    bool check_wanted;     /* changed since */
    bool compare_wanted;   /* changed since the API was asked what it has */
    bool seen_listening;   /* its socket was in /proc/net/unix: that shows this network namespace */
};

/* In the pool: token, reading, cross-check, listener. */
void scan_root_work(struct scan_job *job);

/* Whether somebody listens at a unix socket, from /proc/net/unix text; -1 when the text cannot be
 * read. "/var/run" and "/run" are one place. */
int scan_socket_listening(const char *host_root, const char *path);

/* What a finding told of a known store: what it does not tell is not forgotten, and whether the
 * store is orphaned or to be read by API only its engine can say. True where all of it is to be
 * read at once. */
bool scan_root_take_found(struct scan_root *root, const struct engine_root *found);

/* Whether the last look was the store's state as far as findings tell. */
bool scan_root_is_settled(const struct scan_root *root);

/* Says once why the kernel cannot tell of all changes. */
void scan_root_log_unwatched(struct scan_root *root, const struct err *why);

/* How long the store may go unlooked at where nothing tells of a change, in ms. */
int64_t scan_root_patience(const struct scan_root *root, int64_t look_ms);

/* Notes the job's outcome in the root; true where the inventory may have changed. */
bool scan_root_finish(struct scan_root *root, uint64_t now_ns);

/* How the store stands, for the inventory; false where nothing can be said of it. */
bool scan_root_standing(const struct scan_root *root, struct inventory_standing *out,
                        char error[REC_TEXT_BYTES]);

#endif
