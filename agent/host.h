/*
 * host: who this host is: its name, system, machine and incarnation.
 *
 * The incarnation is made at the first start and kept in STATE_DIR/identity with hashes of the
 * machine's own marks (machine-id, DMI product UUID). Where a mark that is known on both sides has
 * changed, this is a copy of that machine, and it gets an incarnation of its own. A mark that
 * cannot be read today says nothing.
 *
 * Threads: start-up only (blocks on disk).
 */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

#include <stdbool.h>

#include "common/record.h"

struct host {
    char name[254];
    char os[256];     /* "Debian GNU/Linux 12 (bookworm)", else "linux" */
    char kernel[128]; /* "6.1.0-18-amd64" */
    char arch[72];    /* as OCI says: "amd64", "arm64" */
    struct rec_id incarnation;
    struct digest fingerprint;
    bool marked; /* the machine has at least one mark of its own */
};

/* Name, system and fingerprint; `host_root` is the prefix under which the host's root is seen ("":
 * here), `name` what the operator calls it (NULL: its own name). Writes nothing. */
int host_describe(struct host *out, const char *host_root, const char *name, struct err *err);

/* Loads or makes the incarnation (mode 0600; written aside, synced, renamed). Makes the directory
 * where it is missing. ERR_CORRUPT: the file is not one of ours, the text says what to do;
 * ERR_DENIED, ERR_IO: it cannot be read or written. */
int host_incarnate(struct host *host, const char *host_root, const char *state_dir,
                   struct err *err);

#endif
