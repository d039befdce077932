/*
 * containerd_db: containerd's two kinds of bolt files as a state. Layouts: containerd's
 * metadata/buckets.go and snapshots/storage/bolt.go, which 1.6 and 2.x share.
 *
 * Entries that cannot be understood are problems of their namespace; a file that is broken as such
 * is an error.
 *
 * Private to agent/engines/containerd*.c. Threads: pure over an open file.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_DB_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_DB_H

#include "agent/engines/bolt.h"
#include "agent/engines/containerd/containerd.h"

/* Fills an empty state from a meta.db, sorted. Of snapshots, what their snapshotter knows is not
 * told (kind and id 0). ERR_CORRUPT, ERR_LIMIT. */
int containerd_db_state(struct containerd_state *state, struct bolt *db, struct err *err);

/* One entry of a snapshotter's own metadata.db. */
struct containerd_key {
    const char *name;          /* "<namespace>/<n>/<key>" */
    enum containerd_kind kind; /* 0: the entry is broken */
    uint64_t id;               /* of its directory, 1 and up */
};

struct containerd_keys {
    struct containerd_key *items; /* sorted by name, unique; the state's arena */
    size_t count;
};

/* Reads a metadata.db. A broken entry has no kind. ERR_CORRUPT, ERR_LIMIT. */
int containerd_db_keys(struct containerd_keys *out, struct containerd_state *state, struct bolt *db,
                       struct err *err);

/* Gives the snapshots of this snapshotter, in every namespace, their kinds and ids. One that its
 * snapshotter does not know, or of which the entry is broken, keeps 0: a problem; but not where a
 * layer is just being unpacked in it ("extract-..."), since the snapshotter commits it, under
 * another key, before meta.db says so. */
int containerd_db_join(struct containerd_state *state, const char *snapshotter,
                       const struct containerd_keys *keys, struct err *err);

#endif
