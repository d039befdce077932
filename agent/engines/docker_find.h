/*
 * docker_find: what the files share that find Docker's stores. Private to them.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_DOCKER_FIND_H
#define AGENT_ENGINES_DOCKER_FIND_H

#include "agent/engines/docker.h"

#define DOCKER_SPACE "moby" /* docker's namespace in containerd, unless told otherwise */

enum { DOCKER_ENTRIES_MAX = 100000 }; /* names of one directory that is looked through */

struct docker_finder {
    const struct engine_options *options;
    struct engine_roots *roots;
    struct engine_root like; /* what every root found here has in common: driver and host */
};

/* ---- docker_places.c ------------------------------------------------------------------------- */

/* Adds a store unless it is known under another name (a symlink, a bind mount); the known one then
 * learns the socket. */
int docker_place_add(struct engine_roots *roots, const struct engine_root *root, struct err *err);
/* The known root of the same store, or NULL. */
struct engine_root *docker_place_known(struct engine_roots *roots, const struct engine_root *root);
/* Adds what lies at a place where no operator promised anything: what is not there is no error. */
int docker_place_try(const struct docker_finder *f, const char *path, const char *socket,
                     struct err *err);

/* Names the docker at `data_root` as the one whose images the containerd stores of namespace
 * `space` hold: those of snapshotter `storage` (NULL: all) of the containerd at the socket
 * `address` (NULL: docker's own, or the one at the usual place). Only stores that are found already
 * and have no docker yet. */
size_t docker_claim(const struct docker_finder *f, const char *data_root, const char *space,
                    const char *storage, const char *address);

/* ---- docker_find.c --------------------------------------------------------------------------- */

/* Asks the daemon at `socket` where it keeps images, and adds that. `place` is its data root as the
 * host names it, NULL: as the daemon does. Silence is no error: the disk is read anyway. */
int docker_ask(const struct docker_finder *f, const char *socket, const char *place,
               struct err *err);

/* ---- docker_daemons.c ------------------------------------------------------------------------ */

/* "data-root" ("graph" before 17.05) of a daemon.json; "" where it says nothing. */
void docker_config_root(const struct docker_finder *f, const char *path, char out[ENGINE_PATH_MAX]);
/* Adds the roots of all running dockerd processes. */
int docker_daemons_find(const struct docker_finder *f, struct err *err);

#endif
