/*
 * containerd: the driver for containerd's stores, of 1.6 and 2.x: plain, below Kubernetes (CRI,
 * K3s) and as docker's image store. One root is one (namespace, snapshotter) of one containerd.
 *
 * What a containerd knows comes as one struct containerd_state, from one of two sources: its files
 * (containerd_db.c, without locks, the daemon running or not), or its API (containerd_api.h) where
 * the files cannot be read. All that follows (images, copies, use, space) is the same for both.
 *
 * Private to agent/engines/containerd*.c. Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_H

#include "agent/engines/pass.h"

extern const struct engine_driver containerd_driver;

enum {
    CONTAINERD_NAMESPACES_MAX = 64,
    CONTAINERD_SNAPSHOTTERS_MAX = 16, /* of one namespace */
    CONTAINERD_IMAGES_MAX = 100000,   /* records of one namespace: up to three for one image */
    CONTAINERD_BLOBS_MAX = 500000,    /* of one namespace */
    CONTAINERD_SNAPSHOTS_MAX = REC_COPIES_MAX, /* of one snapshotter and namespace */
    CONTAINERD_LABELS_MAX = 1024,              /* kept of one thing */
    CONTAINERD_NAME_BYTES = 253,               /* of a pod, namespace or container: a DNS name's */
    CONTAINERD_TEXT_BYTES = 4096,              /* one key, name or label value; labels' own limit */
};

/* ---- the state of one containerd ------------------------------------------------------------- */

/* What is kept of the labels of blobs and images (containerd_label_wanted()). */
struct containerd_label {
    const char *key, *value;
};

struct containerd_labels {
    struct containerd_label *items; /* in the engine's order */
    size_t count;
};

/* One record of an image: a name and where it points. CRI has up to three for one image. */
struct containerd_image {
    const char *name;
    const char *media_type; /* of the target, "" not told */
    struct digest target;
    uint64_t size; /* of the target document */
};

/* A blob that the namespace knows. Its file may be gone, or be there for several namespaces. */
struct containerd_blob {
    struct digest digest;
    uint64_t size;
    struct containerd_labels labels;
};

enum containerd_kind { /* numbers as containerd's files and API have them */
                       CONTAINERD_VIEW = 1,
                       CONTAINERD_ACTIVE = 2,
                       CONTAINERD_COMMITTED = 3,
};

struct containerd_snapshot {
    const char *key;           /* in the namespace: of an image's layer its chainID as text */
    const char *parent;        /* another snapshot's key, "" none */
    const char *name;          /* the snapshotter's own key for it, "" not told (API) */
    enum containerd_kind kind; /* 0: not told (the snapshotter's own file is broken) */
    uint64_t id;               /* its directory is snapshots/<id>; 0: not told (API) */
};

struct containerd_snapshotter {
    const char *name;                      /* "overlayfs" */
    struct containerd_snapshot *snapshots; /* sorted by key, unique */
    size_t count;
};

struct containerd_container {
    const char *id;
    const char *image;        /* a record's name, "" none */
    const char *snapshotter;  /* "" where docker runs it */
    const char *snapshot_key; /* "" likewise */
    bool has_image_id;        /* CRI says which image, by its config's digest */
    struct digest image_id;
    const char *name;                      /* as CRI's or nerdctl's labels say, "" none */
    const char *kube_namespace, *kube_pod; /* "" none */
    bool sandbox;                          /* CRI's pause container */
    bool has_task;                         /* API only: */
    long pid;                              /* its process where has_task, 0 stopped */
};

struct containerd_namespace {
    const char *name;
    struct containerd_image *images; /* sorted by name, unique */
    size_t image_count;
    struct containerd_blob *blobs; /* sorted by digest, unique */
    size_t blob_count;
    struct containerd_snapshotter *snapshotters; /* sorted by name, unique; may be none */
    size_t snapshotter_count;
    struct containerd_container *containers;
    size_t container_count;
    struct rec_problem *problems; /* entries that could not be understood */
    size_t problem_count, problems_more;
    size_t unjoined; /* snapshots that their snapshotter does not know: of its file's other moment,
                        or lost; each is a problem too */
};

/* A containerd at one moment, all its namespaces. From its files it is never changed once it was
 * read, and several readings may have a part in its arena. */
struct containerd_state {
    struct arena *arena;                     /* owns all of it, this struct too */
    struct containerd_namespace *namespaces; /* sorted by name, unique */
    size_t namespace_count;
    const char *version; /* of the daemon, from the API; "" unknown */
    /* The bytes of a blob, replacing those in *out; not verified. ERR_NOT_FOUND. NULL: it is a
     * file. `source` is the one who filled the state, and freed by close(), which may be NULL. */
    int (*content)(struct containerd_state *state, const struct digest *digest, struct buf *out,
                   struct err *err);
    void (*close)(struct containerd_state *state);
    void *source;
};

/* An empty state with an arena of its own. */
int containerd_state_open(struct containerd_state **out, struct err *err);
/* Accepts NULL, and sets it NULL. */
void containerd_state_close(struct containerd_state **state);
/* Sorts what is promised to be sorted; of equals the first stays. */
void containerd_state_sort(struct containerd_state *state);
/* A new, zeroed last one of an array in the state's arena, which grows by doubling: *items has
 * `count` of `size` bytes so far. The caller counts it. NULL with ERR_LIMIT past `max`. */
void *containerd_add(struct containerd_state *state, void *items, size_t count, size_t size,
                     size_t max, struct err *err);
/* Names an entry of a namespace that cannot be understood, for the reading to report. */
int containerd_state_problem(struct containerd_state *state, struct containerd_namespace *ns,
                             struct err *err, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Text in the state's arena, cleaned as records want it (rec_text_clean). */
const char *containerd_text(struct containerd_state *state, const void *data, size_t len,
                            struct err *err);

/* Whether a label of a blob says something that is used here: its uncompressed digest, where it
 * came from, which snapshots it stands for. */
bool containerd_label_wanted(const char *key, size_t len);

/* Takes into a container what one of its labels says (names of the pod, kind "sandbox"). */
int containerd_container_label(struct containerd_state *state, struct containerd_container *c,
                               const char *key, size_t key_len, const char *value, size_t value_len,
                               struct err *err);
/* The same of an extension: "io.cri-containerd.container.metadata" is an Any (protobuf) whose JSON
 * has the ImageRef. What is not understood is left. */
void containerd_container_extension(struct containerd_container *c, const char *key, size_t key_len,
                                    const void *value, size_t value_len);

/* NULL where there is none. */
struct containerd_namespace *containerd_namespace_of(const struct containerd_state *state,
                                                     const char *name);
const struct containerd_image *containerd_image_of(const struct containerd_namespace *ns,
                                                   const char *name);
const struct containerd_blob *containerd_blob_of(const struct containerd_namespace *ns,
                                                 const struct digest *digest);
const struct containerd_snapshotter *
containerd_snapshotter_of(const struct containerd_namespace *ns, const char *name);
const struct containerd_snapshot *
containerd_snapshot_of(const struct containerd_snapshotter *snapshotter, const char *key);
const char *containerd_label_of(const struct containerd_labels *labels, const char *key);

#endif
