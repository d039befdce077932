/*
 * keeper: writes the newest inventory to memory.h's files, off the loop, one write at a time.
 *
 * Threads: the loop's.
 */
#ifndef AGENT_KEEPER_H
#define AGENT_KEEPER_H

#include <stdbool.h>
#include <uv.h>

#include "agent/memory.h"

/* Embedded by its owner; private. */
struct keeper {
    uv_loop_t *loop;
    const char *state_dir;
    uv_work_t work;
    bool writing;
    int failed;
    struct err err;
    bool failure_logged;
    struct inventory *next;    /* to be written, or NULL */
    struct inventory *current; /* being written */
    struct inventory *saved;   /* what the files say */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* `state_dir` outlives it. */
void keeper_init(struct keeper *k, uv_loop_t *loop, const char *state_dir);

/* Takes its own reference; what comes while a write is under way replaces what waits. */
void keeper_put(struct keeper *k, struct inventory *inv);

/* Waits for the write under way and the one that waits, then calls on_closed, at once where there
 * is none. */
void keeper_close(struct keeper *k, void (*on_closed)(void *arg), void *arg);

#endif
