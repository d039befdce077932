/*
 * containerd_find: what the files share that find containerd's stores.
 *
 * Private to agent/engines/containerd*.c. Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_FIND_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_FIND_H

#include "agent/engines/containerd/containerd_pass.h"
#include "agent/engines/daemons.h"

struct containerd_finder {
    const struct engine_options *options;
    struct engine_roots *roots;
    struct engine_root like; /* what every root found here has in common: driver and host */
    bool learns_only;        /* adds no place, only what is told of known ones */
};

/* Why there should be a containerd. */
enum containerd_trust {
    CONTAINERD_PROMISED, /* the operator or a running daemon says so: what cannot be read is a root
                            too, so that read() can say what is wrong with it */
    CONTAINERD_USUAL,    /* a well-known place: the same where it is there, but not for us to see */
    CONTAINERD_HOME,     /* a user's home or daemon: what we may not see is nothing */
};

/* One containerd: where it keeps things, as the host names the places; "" unknown. */
struct containerd_place {
    char root[ENGINE_PATH_MAX], run[ENGINE_PATH_MAX], socket[ENGINE_PATH_MAX];
    enum containerd_trust trust;
    uint32_t user; /* as in struct engine_root */
};

/* Fills a place, the system's and usual; false where `root` is no absolute path, or one of them is
 * too long. */
bool containerd_place_set(struct containerd_place *out, const char *root, const char *run,
                          const char *socket);
/* Adds the stores that are there. One that is known under another name only learns from this one
 * what it did not know. */
int containerd_place_add(const struct containerd_finder *f, const struct containerd_place *place,
                         struct err *err);

/* Adds the stores of all running containerd processes of these. */
int containerd_daemons_find(const struct containerd_finder *f, enum daemons_whose whose,
                            struct err *err);

#endif
