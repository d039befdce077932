/*
 * docker_find: what the files share that find Docker's stores. Private to them.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_FIND_H
#define AGENT_ENGINES_DOCKER_DOCKER_FIND_H

#include "agent/engines/daemons.h"
#include "agent/engines/docker/docker.h"

#define DOCKER_SPACE "moby" /* docker's namespace in containerd, unless told otherwise */

enum {
    DOCKER_ENTRIES_MAX = 100000, /* names of one directory that is looked through */
    DOCKER_ASKED_MAX = 8,        /* daemons of one host that are read by API */
};

/* A daemon that answered. */
struct docker_asked {
    dev_t device; /* of its socket */
    ino_t inode;
    bool used;               /* its store is found */
    struct engine_root root; /* as it is read where it is not */
};

struct docker_finder {
    const struct engine_options *options;
    struct engine_roots *roots;
    struct engine_root like; /* what every root found now has in common: driver, host and user */
    struct docker_asked asked[DOCKER_ASKED_MAX];
    size_t asked_count;
};

/* ---- docker_places.c ------------------------------------------------------------------------- */

/* Adds a store unless it is known under another name (a symlink, a bind mount); the known one then
 * learns the socket. What a user leads to must be his. */
int docker_place_add(struct engine_roots *roots, const struct engine_root *root, struct err *err);
/* The known root of the same store, or NULL. */
struct engine_root *docker_place_known(struct engine_roots *roots, const struct engine_root *root);
/* Adds what lies at a place where no operator promised anything: what is not there is no error. */
int docker_place_try(const struct docker_finder *f, const char *path, const char *socket,
                     struct err *err);

/* Names the docker at `data_root` as the one whose images the containerd stores of namespace
 * `space` hold: those of snapshotter `storage` (NULL: all) of the containerd that listens at this
 * socket (NULL: docker's own, or the one at the usual place). Only stores that are found already
 * and have no docker yet. Returns how many are this docker's, by this claim or an earlier one. */
size_t docker_claim(const struct docker_finder *f, const char *data_root, const char *space,
                    const char *storage, const struct stat *socket);

/* ---- docker_ask.c ---------------------------------------------------------------------------- */

/* Asks the daemon at `socket` where it keeps images, and adds that. `d` tells how its paths are to
 * be understood; NULL: as the host's, and nothing is asked twice. Silence is no error: the disk is
 * read anyway. */
int docker_ask(struct docker_finder *f, const char *socket, const struct daemon *d,
               struct err *err);
/* Adds, as read by API, the stores of the daemons asked that are not found on this host's disk:
 * they lie elsewhere, or are not for us to see. */
int docker_add_unseen(const struct docker_finder *f, struct err *err);

/* ---- docker_daemons.c ------------------------------------------------------------------------ */

/* "data-root" ("graph" before 17.05) of a daemon.json; "" where it says nothing. */
void docker_config_root(const struct docker_finder *f, const char *path, char out[ENGINE_PATH_MAX]);
/* Adds the roots of all running dockerd processes of these. */
int docker_daemons_find(struct docker_finder *f, enum daemons_whose whose, struct err *err);

#endif
