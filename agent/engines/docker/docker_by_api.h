/*
 * docker_by_api: the store of a docker, or of a podman by its compatible API, as the daemon's HTTP
 * API tells it (1.24 to 1.44): for a root whose files cannot be read (root->by_api).
 *
 * What comes out has the shape of a reading from disk, and less in it: layers have no directories,
 * there are no documents and no space, and nobody knows since when a container runs. Of a docker
 * with the containerd image store the API tells neither configs' digests nor, at a bearable cost,
 * layers: its images are known by the digest that they were named by (REC_BY_MANIFEST), without
 * copies.
 *
 * The cost is the daemon's: with 500 images 35 to 48 ms for the list, which each reading asks for,
 * and 120 ms for their layers, once; 4 s for the list of a containerd image store, and up to 3 s
 * for podman's. So the token is no question to the daemon at all but the time, in steps: a reading
 * per step, that is.
 *
 * Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_BY_API_H
#define AGENT_ENGINES_DOCKER_DOCKER_BY_API_H

#include "agent/engines/engine.h"

enum {
    DOCKER_BY_API_STEP_MS = 60 * 1000,       /* a change is seen so late at most */
    DOCKER_BY_API_SLOW_STEP_MS = 600 * 1000, /* podman, and roots with a containerd namespace */
    DOCKER_BY_API_PATIENCES = 24, /* api_timeout_ms is for one answer: so many for a reading */
};

/* engine_driver.token for such a root: the number of the step of the monotonic clock. Asks nobody.
 */
int docker_by_api_token(const struct engine_root *root, struct engine_token *out, struct err *err);

/* engine_driver.read for such a root. Asks root->socket, or else the options' docker_socket. Fills
 * in the root's storage where it has none, its version, and "podman" as its engine. Layers of
 * images that `last` knew are taken from there: an image never changes.
 *
 * ERR_CONFLICT: the daemon uses another storage now. ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_DENIED,
 * ERR_LIMIT, ERR_PROTOCOL: of what is asked for all images. A single image or container that
 * cannot be understood is a problem. The store's key is of the daemon's own ID (podman makes up
 * another one each time: of its data root) and the storage. */
int docker_by_api_read(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *last, struct engine_reading **out,
                       struct err *err);

#endif
