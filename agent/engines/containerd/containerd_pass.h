/*
 * containerd_pass: one pass over one store of containerd's, a (namespace, snapshotter): what its
 * steps share. Files that several stores of one containerd share (blobs, metadata) count for
 * exactly one of them, the first by namespace and snapshotter in byte order that knows them.
 *
 * Private to agent/engines/containerd*.c. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_CONTAINERD_CONTAINERD_PASS_H
#define AGENT_ENGINES_CONTAINERD_CONTAINERD_PASS_H

#include "agent/engines/containerd/containerd_db.h"
#include "agent/engines/content_records.h"

struct process_view;

/* Below a containerd's root. */
#define CONTAINERD_METADATA "io.containerd.metadata.v1.bolt"
#define CONTAINERD_CONTENT "io.containerd.content.v1.content"
#define CONTAINERD_SNAPSHOTTER "io.containerd.snapshotter.v1." /* and its name */
#define CONTAINERD_DEFAULT_SNAPSHOTTER "overlayfs"
/* Below a containerd's state directory, and then <namespace>/<container>/init.pid. */
#define CONTAINERD_TASKS "io.containerd.runtime.v2.task"

/* Where a snapshotter keeps the files of snapshot <id>: snapshots/<id>[/<files>]. */
struct containerd_layout {
    const char *snapshotter;
    const char *files;
    bool whole_tree; /* with those of the layers below */
};

/* NULL where layers lie in no directory that can be measured. */
const struct containerd_layout *containerd_layout_of(const char *snapshotter);

/* An image record and what it leads to. */
struct containerd_target {
    const struct containerd_image *record;
    struct content_found found;
};

/* What is known of a snapshot beyond its record: for each of the snapshotter's, in its order. */
struct containerd_layer {
    struct digest chain; /* where is_layer: its key is one */
    struct digest diff;  /* where has_diff */
    bool is_layer, has_diff;
    bool needed; /* by an image that is unpacked here */
};

/* An image that is listed in this store, by the chain of its uppermost layer. */
struct containerd_top {
    struct digest chain, image;
};

/* The two files that a state is made of; of a snapshotter that has none, zeros. */
struct containerd_versions {
    struct bolt_version meta, keys;
};

/* What is left for the next pass, which takes all of it over where the files stand. It is never
 * changed again. From the disk it lies in the state's arena, which is the reading's `layers` too;
 * by API in the reading's, and only `content` means something. */
struct containerd_kept {
    struct content_kept content; /* the blobs that the namespace knows, with their documents */
    struct containerd_versions versions;
    struct content_blobs files; /* all that were there */
    bool whole;                 /* nothing was wrong: there is nothing to be told anew */
    struct containerd_state *state;
    struct containerd_keys keys;

    /* As in the pass. */
    struct containerd_target *targets;
    struct containerd_layer *layers;
    struct containerd_top *tops;
    size_t top_count;
    bool *kept;
    struct rec_exception *exceptions;
    size_t exception_count;
    /* As in the reading, which has copies: whoever gets that may cut the names in it. */
    struct rec_image *images;
    size_t image_count;
    struct engine_copy *copies;
    size_t copy_count;
    struct rec_origin *origins;
    size_t origin_count;
};

struct containerd_pass {
    struct pass base;
    const struct containerd_kept *last; /* NULL: none */
    bool stands;                        /* the store is as it was then */
    struct containerd_state *state;
    struct containerd_versions versions; /* not by API */
    const struct containerd_namespace *ns;
    const struct containerd_snapshotter *snapshotter;
    struct containerd_keys keys;            /* of the snapshotter's own file; none by API */
    const struct containerd_layout *layout; /* may be NULL */
    bool first;                             /* store of this containerd */
    bool first_of_namespace, first_of_snapshotter;
    bool alone;             /* the only store of this containerd, */
    bool alone_snapshotter; /* of this snapshotter */

    int content_fd;           /* blobs/sha256; -1 by API, and where there is none */
    struct content_blobs all; /* every file there; of `look`: those of this namespace */
    struct content_look look;
    struct containerd_target *targets; /* of each of the namespace's images, in its order */
    struct containerd_layer *layers;
    struct containerd_top *tops; /* sorted by chain */
    size_t top_count;
    bool *kept; /* of the namespace's blobs: also unpacked here */
};

/* The snapshotters of a namespace that are stores of their own, in byte order. */
size_t containerd_stores_of(const struct containerd_namespace *ns,
                            const char *out[CONTAINERD_SNAPSHOTTERS_MAX]);

/* Opens a directory below the containerd's root. */
int containerd_open_below(const struct engine_root *root, const char *below, struct err *err);
/* The same; *fd -1 where it is not there. */
int containerd_open_optional(const struct engine_root *root, const char *below, int *fd,
                             struct err *err);

/* The state from a containerd's files, snapshots joined for one snapshotter ("": for none). */
int containerd_state_read(struct containerd_state **out, struct containerd_keys *keys,
                          struct containerd_versions *versions, const struct engine_root *root,
                          const char *snapshotter, struct err *err);
/* Which ones those files are now, without reading them: microseconds. */
int containerd_state_versions(struct containerd_versions *out, const struct engine_root *root,
                              const char *snapshotter, struct err *err);

/* The steps of a pass, in this order. The first three rest on nothing but the two files and the
 * blobs, and are left out where those stand. */
int containerd_read_images(struct containerd_pass *p, struct err *err);
int containerd_read_layers(struct containerd_pass *p, struct err *err);
int containerd_read_origins(struct containerd_pass *p, struct err *err);
int containerd_read_use(struct containerd_pass *p, struct err *err);
int containerd_read_space(struct containerd_pass *p, struct err *err);

/* Lists the files of the content store, into the pass's arena. */
int containerd_list_blobs(struct containerd_pass *p, struct err *err);

/* Whether the two files and every blob are what they were in the last pass: p->stands. */
int containerd_recall(struct containerd_pass *p, struct err *err);
/* What the first steps found, for the next pass. NULL with *err. */
const struct containerd_kept *containerd_keep(struct containerd_pass *p, struct err *err);
/* Gives the reading, and the steps that follow, what was kept. */
int containerd_take(struct containerd_pass *p, const struct containerd_kept *kept, struct err *err);

/* The layer of a snapshot of this store, by its key; NULL where it is none, or not committed. */
struct containerd_layer *containerd_layer_of(const struct containerd_pass *p,
                                             const struct digest *chain);
/* Whether all layers of an image lie in this store. */
bool containerd_is_unpacked(const struct containerd_pass *p, const struct content_image *image);

/* What a record's name says. */
struct containerd_name {
    bool is_name;       /* that a person could use; else CRI's ID of an image, or a repo digest */
    bool is_repository; /* repository@digest: */
    char repository[REC_NAME_BYTES + 1];
};

void containerd_name_parse(struct containerd_name *out, const struct containerd_image *record);
/* Whether labels say that a blob was fetched from (or pushed to) this repository. */
bool containerd_source_is(const struct containerd_labels *labels, const char *repository);

/* ---- containerd_config.c: pure --------------------------------------------------------------- */

/* What containerd's config.toml says about places; "" where it says nothing. */
struct containerd_config {
    char root[ENGINE_PATH_MAX], state[ENGINE_PATH_MAX], address[ENGINE_PATH_MAX];
};

/* Reads three lines of it, tolerating all others: `root` and `state` before the first table, and
 * `address` in [grpc]. Values with escapes or control characters are left out. */
void containerd_config_parse(struct containerd_config *out, const char *data, size_t len);

/* ---- the driver's functions, as engine.h says ------------------------------------------------ */

/* Adds a root for each (namespace, snapshotter) with anything in it. */
int containerd_find(const struct engine_options *options, struct engine_roots *roots,
                    struct err *err);
/* The versions of the two files, and stamps of the tasks' directory and docker's containers;
 * *youngest_ns is the latest time in it (Unix nanoseconds), 0 none. */
int containerd_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                     struct err *err);
/* meta.db and those directories. */
int containerd_watches(const struct engine_root *root, struct engine_paths *out, struct err *err);
/* Reads one store, and with it what the namespaces share. */
int containerd_read(struct engine_root *root, const struct engine_options *options,
                    const struct engine_reading *last, struct engine_reading **out,
                    struct err *err);
/* Compares names, and containers where they are containerd's own, with the API's. */
int containerd_cross_check(struct engine_root *root, const struct engine_options *options,
                           const struct engine_reading *reading, struct engine_findings *findings,
                           struct err *err);

/* How large a bolt file of this root is read, in bytes: a user's is limited more than the system's.
 */
size_t containerd_file_max(const struct engine_root *root);

/* Whether the task of this container runs, by its init.pid below the open directory of tasks: as a
 * process that lives and began when that was written. */
bool containerd_task_runs(int tasks, const char *id, const struct process_view *view,
                          int64_t *started_ms);

#endif
