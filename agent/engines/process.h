/*
 * process: when a process of the host started, from /proc, to tell whether a pid that an engine
 * wrote down is still the process it meant.
 *
 * Threads: any; a view belongs to one thread.
 */
#ifndef AGENT_ENGINES_PROCESS_H
#define AGENT_ENGINES_PROCESS_H

#include <stdint.h>

#include "agent/engines/engine.h"

/* The host's /proc: below the root's host prefix where one is mounted there, else our own. (In a
 * container that does not share the host's pid namespace our own shows other processes: their
 * start times do not fit, and nothing false follows.) */
struct process_view {
    int proc_fd;     /* -1: no /proc */
    int64_t boot_ms; /* wall time of the boot */
};

/* Without any /proc the view knows no process. Always close it. */
void process_view_open(struct process_view *view, const struct engine_root *root);
void process_view_close(struct process_view *view);

/* Wall time at which `pid` started (to about a second). ERR_NOT_FOUND where it does not live, is a
 * zombie, or cannot be seen. */
int process_started(const struct process_view *view, long pid, int64_t *wall_ms, struct err *err);

#endif
