/*
 * agent: the daemon. Owns the loop and everything below it: scan, uplink, measurer.
 *
 * Threads: agent_run() blocks its caller, which becomes the loop's thread.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/options.h"

/* Reports this host until SIGTERM or SIGINT; returns 0 after a clean stop. A second signal ends the
 * process at once, for a store that hangs cannot be waited for. */
int agent_run(const struct options *options, struct err *err);

/* Checks what only the machine can tell: its name and the certificates' files. Changes nothing. For
 * --check-config. */
int agent_check(const struct options *options, struct err *err);

#endif
