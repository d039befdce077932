/*
 * docker_find: what the files share that find Docker's stores. Private to them.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_DOCKER_FIND_H
#define AGENT_ENGINES_DOCKER_FIND_H

#include "agent/engines/docker.h"

enum { DOCKER_ENTRIES_MAX = 100000 }; /* names of one directory that is looked through */

struct docker_finder {
    const struct engine_options *options;
    struct engine_roots *roots;
    struct engine_root like; /* what every root found here has in common: driver and host */
};

/* ---- docker_places.c ------------------------------------------------------------------------- */

/* Cuts slashes at the end; ERR_USAGE for what is no absolute path or too long. */
int docker_place_set(char out[ENGINE_PATH_MAX], const char *path, struct err *err);
/* Adds a store unless it is known under another name (a symlink, a bind mount); the known one then
 * learns the socket. */
int docker_place_add(struct engine_roots *roots, const struct engine_root *root, struct err *err);
/* The known root of the same store, or NULL. */
struct engine_root *docker_place_known(struct engine_roots *roots, const struct engine_root *root);
/* Adds what lies at a place where no operator promised anything: what is not there is no error. */
int docker_place_try(const struct docker_finder *f, const char *path, const char *socket,
                     struct err *err);

/* ---- docker_daemons.c ------------------------------------------------------------------------ */

/* "data-root" ("graph" before 17.05) of a daemon.json; "" where it says nothing. */
void docker_config_root(const struct docker_finder *f, const char *path, char out[ENGINE_PATH_MAX]);
/* Adds the roots of all running dockerd processes. */
int docker_daemons_find(const struct docker_finder *f, struct err *err);

#endif
