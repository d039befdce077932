/*
 * docker_use: the containers of one docker, from <data root>/containers/<id>/config.v2.json: for
 * the graph driver's store below the same data root, and for the store of containerd's that docker
 * keeps its images in (docker 29 by default; earlier ones with features.containerd-snapshotter).
 *
 * Private to agent/engines. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_USE_H
#define AGENT_ENGINES_DOCKER_DOCKER_USE_H

#include "agent/engines/pass.h"

/* What config.v2.json says of a container. */
struct docker_container {
    struct digest
        image; /* image ID; with containerd's store the manifest or index it was named by */
    struct digest manifest; /* with containerd's store: the platform's */
    bool has_manifest;
    char storage[64];                        /* graph driver or snapshotter, "" not told */
    char name[256];                          /* without the leading '/' */
    char kube_namespace[256], kube_pod[256]; /* "" none */
    bool running;                            /* also paused, restarting */
    long pid;                                /* 0 none */
    int64_t since_ms;                        /* wall time of the state; -1 unknown */
};

/* Pure. ERR_CORRUPT, ERR_LIMIT. */
int docker_container_parse(struct docker_container *out, const char *data, size_t len,
                           struct err *err);

/* The ID of the image that the container runs. */
typedef struct digest docker_image_fn(void *arg, const struct docker_container *container);

/* Puts the containers of the docker at `data_root` (a path of the host) that run from the root's
 * storage into the reading's use. image_of NULL: what they name is the ID. A broken one is a
 * problem. */
int docker_use_read(struct pass *p, const char *data_root, docker_image_fn *image_of, void *arg,
                    struct err *err);

/* Adds to a token what changes when a container comes, goes, starts or stops; at most 56 bytes. */
int docker_use_token(const struct engine_root *root, const char *data_root,
                     struct engine_token *out, int64_t *youngest_ns, struct err *err);

/* Adds the directories in which that shows. */
int docker_use_watches(const struct engine_root *root, const char *data_root,
                       struct engine_paths *out, struct err *err);

#endif
