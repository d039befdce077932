/*
 * rig: a collector's writer with made-up hosts, for benchmarks of what lies behind the network.
 *
 * Hosts and images are those of tests/fleet. Every function ends the program with status 1 and a
 * message where something fails: a benchmark has nothing to tell then.
 *
 * Memory: some 400 bytes a host and 4 for each of its images, the records of the jobs that are out,
 * and those of ten thousand inventories while they are reported.
 *
 * Threads: the loop's; jobs run on the writer's.
 */
#ifndef TESTS_BENCH_RIG_H
#define TESTS_BENCH_RIG_H

#include <uv.h>

#include "collector/store/apply.h"
#include "collector/store/writer.h"
#include "tests/fleet/holding.h"

struct bench_size {
    size_t hosts, images, per_host;
    size_t batch; /* most jobs in one transaction; 0: the writer's own limit */
};

/* One store on one host. */
struct bench_host {
    uint32_t number;
    uint32_t *images; /* what it holds: indices in the catalogue, `per_host` of them */
    struct rec_store store;
    struct rec_store_sum sum; /* of what it holds now */
    int64_t incarnation_id;
    uint64_t generation; /* last one made */
};

struct bench_rig {
    uv_loop_t loop;
    struct writer *writer;
    struct arena *arena; /* records of differences, until bench_forget() */
    struct cat_images *catalogue;
    struct bench_size size;
    struct bench_host *hosts;
    uint64_t rng;
    int64_t now_ms; /* by the jobs' clock; only changed while none is out. 0: the real time */
    size_t out;     /* jobs that are not back */
};

/* One report of one host. */
struct bench_job {
    struct store_job job; /* first */
    struct bench_rig *rig;
    struct bench_host *host;
    const struct rec_layer_facts *facts;     /* facts of a layer, */
    const struct cat_image *document;        /* or a document, */
    const struct rec_difference *difference; /* or a difference, */
    const struct rec_content *content;       /* or an inventory; else a hello */
    uint32_t come;                           /* of a difference: the image that the host has now */
    uint64_t due_ns, out_ns, back_ns;        /* uv_hrtime(); due_ns is the caller's */
};

/* A new database at `path` where every host has said hello, and every image's document and every
 * layer's facts are known, but no host holds anything yet. `now_ms`: as in the rig. */
void bench_open(struct bench_rig *r, const char *path, const struct bench_size *size,
                int64_t now_ms);
/* Ends the writer, which leaves the database whole. */
void bench_close(struct bench_rig *r);

/* Gives a job to the writer; false where the writer's queue is full. */
bool bench_submit(struct bench_job *j);
/* Runs the loop until every job is back. */
void bench_drain(struct bench_rig *r);
/* Submits all, waiting where the queue is full, and drains: nanoseconds until all are durable. */
uint64_t bench_run(struct bench_job *jobs, size_t count);

/* Reports the whole inventory of every host, and waits until all is durable: nanoseconds. */
uint64_t bench_inventories(struct bench_rig *r);

/* `count` differences, each of a host drawn by lot: one image leaves, another one comes. They are
 * to be submitted in this order. The list is the caller's to free, before bench_forget(). */
struct bench_job *bench_differences(struct bench_rig *r, size_t count);
/* Frees the records of differences that are back. */
void bench_forget(struct bench_rig *r);

/* Ends the program unless rc is 0. */
void bench_must(int rc, const struct err *err, const char *what);
/* A positive number of the command line. */
size_t bench_number(const char *text);
/* The value below which `share` (0 to 1) of them lie; sorts them. */
uint64_t bench_quantile(uint64_t *values, size_t count, double share);

#endif
