/*
 * containerd_api_parse: the messages of containerd's API (proto/containerd.proto) to a state. Every
 * one takes one message's bytes, of which nothing is believed: what is no such message is
 * ERR_PROTOCOL, more than containerd.h allows is ERR_LIMIT, and an entry that cannot be understood
 * is a problem of its namespace.
 *
 * A list that comes in several messages is appended to; containerd_state_sort() sorts it.
 *
 * Private to containerd_api*.c. Threads: pure.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_API_PARSE_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_API_PARSE_H

#include "agent/engines/containerd/containerd.h"

/* Names, each once, in the arena of the state that they are for. */
struct containerd_api_names {
    const char *items[CONTAINERD_SNAPSHOTTERS_MAX];
    size_t count;
};

/* Adds a name unless it is there. ERR_LIMIT. */
int containerd_api_name(struct containerd_state *state, struct containerd_api_names *names,
                        const char *name, size_t len, struct err *err);

/* VersionResponse: state->version. */
int containerd_parse_version(struct containerd_state *state, const uint8_t *data, size_t len,
                             struct err *err);
/* ListNamespacesResponse: state->namespaces. */
int containerd_parse_namespaces(struct containerd_state *state, const uint8_t *data, size_t len,
                                struct err *err);
/* PluginsResponse: the snapshotters that run. */
int containerd_parse_plugins(struct containerd_state *state, struct containerd_api_names *names,
                             const uint8_t *data, size_t len, struct err *err);
/* ListImagesResponse, ListContentResponse, ListContainersResponse: the lists of that name. */
int containerd_parse_images(struct containerd_state *state, struct containerd_namespace *ns,
                            const uint8_t *data, size_t len, struct err *err);
int containerd_parse_blobs(struct containerd_state *state, struct containerd_namespace *ns,
                           const uint8_t *data, size_t len, struct err *err);
int containerd_parse_containers(struct containerd_state *state, struct containerd_namespace *ns,
                                const uint8_t *data, size_t len, struct err *err);
/* ListSnapshotsResponse: of one snapshotter. */
int containerd_parse_snapshots(struct containerd_state *state,
                               struct containerd_snapshotter *snapshotter, const uint8_t *data,
                               size_t len, struct err *err);
/* ListTasksResponse, after the containers: who of them runs. */
int containerd_parse_tasks(struct containerd_namespace *ns, const uint8_t *data, size_t len,
                           struct err *err);
/* ReadContentResponse: the piece that follows what *out holds, to its end. */
int containerd_parse_piece(struct buf *out, const uint8_t *data, size_t len, struct err *err);

/* ListSnapshotsRequest and ReadContentRequest (from the first byte to the last). */
int containerd_make_snapshots_request(struct buf *out, const char *snapshotter, struct err *err);
int containerd_make_read_request(struct buf *out, const struct digest *digest, struct err *err);
/* PluginsRequest for all snapshotters. */
int containerd_make_plugins_request(struct buf *out, struct err *err);

#endif
