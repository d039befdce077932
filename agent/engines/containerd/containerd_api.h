/*
 * containerd_api: what a containerd knows, asked of its gRPC API (1.6 to 2.x) over its unix socket;
 * for where its files cannot be read. It is asked for lists only, nothing that writes or walks
 * directories; documents are read one by one, when the driver wants one that it does not know.
 *
 * Threads: any; it blocks, so never on a loop's.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_API_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_API_H

#include "agent/engines/containerd/containerd.h"

enum {
    CONTAINERD_API_MESSAGE_BYTES = 32 << 20, /* twice what containerd sends unless told otherwise */
    CONTAINERD_API_ANSWER_BYTES = 512 << 20, /* CONTAINERD_BLOBS_MAX blobs, with labels */
    CONTAINERD_API_PATIENCES = 24, /* api_timeout_ms is for one answer: so many for a reading */
};

/* Asks for everything: the version, then of each namespace its images, blobs, snapshots, containers
 * and tasks, one list after the other: what changes meanwhile may be in one list and not in
 * another. The socket is root->socket, or else the options'. The state keeps the connection for
 * content(), which serves blobs of any of its namespaces.
 *
 * A container's has_task is true where containerd told which tasks there are, with pid 0 for one
 * that has none or none that runs.
 *
 * ERR_UNAVAILABLE (no socket known, nobody listens), ERR_TIMEOUT, ERR_DENIED, ERR_LIMIT,
 * ERR_PROTOCOL, and ERR_VERSION where containerd runs without one of the services. */
int containerd_api_state(const struct engine_root *root, const struct engine_options *options,
                         struct containerd_state **out, struct err *err);

/* The bytes of one blob that the namespace root->space knows, replacing those in *out; not
 * verified. One call, for who has no state at hand. ERR_NOT_FOUND. */
int containerd_api_document(const struct engine_root *root, const struct engine_options *options,
                            const struct digest *digest, struct buf *out, struct err *err);

/* The daemon's version ("1.6.20"), cut to `size` with the NUL: one call, the cheapest there is. */
int containerd_api_version(const struct engine_root *root, const struct engine_options *options,
                           char *version, size_t size, struct err *err);

/* engine_driver.answers: the same, without the version. */
int containerd_api_answers(const struct engine_root *root, const struct engine_options *options,
                           struct err *err);

#endif
