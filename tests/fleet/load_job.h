/*
 * load_job: what one host reports, as a job of the collector's own writer
 * (collector/store/writer.h).
 *
 * The job is also the collector's part of the conversation: whatever it would ask this host for
 * then is given in the same transaction.
 *
 * Threads: made and freed on the loop, run on the writer's.
 */
#ifndef TESTS_FLEET_LOAD_JOB_H
#define TESTS_FLEET_LOAD_JOB_H

#include "collector/store/apply.h"
#include "collector/store/writer.h"
#include "tests/fleet/holding.h"

/* One host. The loop is ahead of the writer: `generation` is the last one made. */
struct load_host {
    char name[64];
    const char *arch;
    const struct script_host *script; /* NULL: none */
    struct holding holding;
    uint64_t generation;
    size_t event;           /* the next one of the script */
    int64_t incarnation_id; /* the writer's, from the hello on */
};

enum load_kind {
    LOAD_ARRIVAL, /* hello and the whole inventory */
    LOAD_EVENT,   /* a difference */
    LOAD_END,     /* containers, and a last sign of life */
};

struct load_job {
    struct store_job job; /* first */
    void *arg;            /* the submitter's */
    enum load_kind kind;
    struct load_host *host;
    struct arena *arena;
    int64_t at_ms;
    struct rec_hello hello;
    struct rec_content content;
    struct rec_store_sum sum;
    struct rec_store_change change;
    struct rec_difference difference;
    struct rec_use use;
};

/* Makes the next report of the host; job.done is the caller's to fill. An event moves the host's
 * holding and its place in the script. */
int load_job_open(struct load_job **out, enum load_kind kind, struct load_host *host, int64_t at_ms,
                  struct err *err);
void load_job_close(struct load_job **j);

#endif
