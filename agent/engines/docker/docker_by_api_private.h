/*
 * docker_by_api_private: what docker_by_api*.c share: one reading through the API under way, and
 * the answers to records, which are pure functions.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_BY_API_PRIVATE_H
#define AGENT_ENGINES_DOCKER_DOCKER_BY_API_PRIVATE_H

#include "agent/engines/pass.h"
#include "common/json.h"

/* The layers of an image, bottom first. */
struct docker_api_layers {
    struct digest image;
    const struct digest *diffs;
    size_t count;
};

/* What a reading leaves for the next: sorted by image, in the reading's arena. */
struct docker_api_kept {
    struct docker_api_layers *items;
    size_t count;
};

/* What a daemon says of itself. */
struct docker_api_daemon {
    char storage[64], version[64];
    bool podman;
    bool in_containerd; /* the containerd image store */
    struct rec_key key;
};

/* From /info. ERR_PROTOCOL where a field is missing that everything rests on. */
int docker_api_daemon_parse(struct docker_api_daemon *out, const json_t *info, bool podman,
                            struct err *err);

/* From /images/json: content.images, sorted, without layers. What is broken is a problem. */
int docker_api_images_parse(struct pass *p, const json_t *images, bool in_containerd,
                            struct err *err);

/* From /containers/json: use.containers. What is broken is a problem. */
int docker_api_containers_parse(struct pass *p, const json_t *containers, struct err *err);

/* From /images/{id}/json: RootFS.Layers, in the arena. ERR_CORRUPT, ERR_LIMIT. */
int docker_api_layers_parse(struct docker_api_layers *out, const json_t *image, struct arena *arena,
                            struct err *err);

/* A sum over what of /images/json becomes records: whether the list is the same. */
struct setsum docker_api_images_sum(const json_t *images);

#endif
