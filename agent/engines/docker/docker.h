/*
 * docker: the driver for Docker's graph-driver store (every release up to 28, and 29 where it was
 * upgraded in place). Private to agent/engines; everybody else uses docker_driver.
 *
 * The store, below <root> (/var/lib/docker) and with <drv> the graph driver (overlay2):
 *   image/<drv>/repositories.json                   names and repo digests          docker_refs
 *   image/<drv>/imagedb/content/sha256/<imageID>    image configs, verified         docker_images
 *   image/<drv>/imagedb/metadata/sha256/<imageID>/parent
 *   image/<drv>/layerdb/sha256/<chainID>/{diff,parent,cache-id}                     docker_layers
 *   image/<drv>/layerdb/mounts/<containerID>/{mount-id,init-id}
 *   image/<drv>/distribution/v2metadata-by-diffid/  origins of layers               docker_origins
 *   <drv>/<cache-id>/                               the files                       docker_space
 *   containers/<id>/config.v2.json                  use                             docker_use
 * Docker replaces each file atomically and renames whole layer directories; it has no lock that a
 * reader could take. A pass over the store therefore counts only when the token is the same before
 * and after it. Nothing is ever written here.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_H
#define AGENT_ENGINES_DOCKER_DOCKER_H

#include "agent/engines/dirlist.h"
#include "agent/engines/docker/docker_kept.h"
#include "agent/engines/pass.h"
#include "common/json.h"

enum {
    DOCKER_LAYERS_MAX = 200000,     /* entries of layerdb */
    DOCKER_REFS_MAX = 200000,       /* names and repo digests together */
    DOCKER_ORIGINS_MAX = 1000,      /* repositories noted of one layer */
    DOCKER_SMALL_FILE_BYTES = 1024, /* diff, parent, cache-id, mount-id */
};

extern const struct engine_driver docker_driver;

/* ---- docker.c: places ------------------------------------------------------------------------ */

/* Where a graph driver keeps its directories: <drv>[/<dirs>]/<id>[/<files>]. */
struct docker_layout {
    const char *driver;
    const char *dirs;  /* "" or a directory of <root>/<drv> */
    const char *files; /* "" where the entry is the layer's directory itself */
    bool own_device;   /* each entry is a file system of its own (a subvolume) */
    bool whole_tree;   /* each entry holds the lower layers' files too (a copy, a snapshot) */
};

/* NULL for a graph driver whose layers are no directories that we know. */
const struct docker_layout *docker_layout_of(const char *storage);

/* -1 and ERR_NOT_FOUND: a place that was named, with no graph driver's store in it. */
int docker_no_store(const struct engine_root *root, struct err *err);

/* Opens <path>/image/<storage>/<below> as a directory; -1 with *err. */
int docker_open_metadata(const struct engine_root *root, const char *below, struct err *err);
/* The same, with *fd -1 and 0 where it is not there. */
int docker_open_optional(const struct engine_root *root, const char *below, int *fd,
                         struct err *err);
/* Opens <path>/<below> as a directory; -1 with *err. */
int docker_open_below(const struct engine_root *root, const char *below, struct err *err);

/* The names in one of these directories, open at `fd`. */
int docker_list(const struct engine_root *root, int fd, const char *below, size_t max,
                struct dirlist *out, struct err *err);

/* ---- docker_token.c -------------------------------------------------------------------------- */

/* engine_driver.token; *youngest_ns is the latest change time in it (Unix nanoseconds). */
int docker_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                 struct err *err);
/* engine_driver.watches. */
int docker_watches(const struct engine_root *root, struct engine_paths *out, struct err *err);

/* ---- one pass over the store (docker_read.c) ------------------------------------------------- */

#define DOCKER_NO_LAYER SIZE_MAX

struct docker_layer {
    struct digest chain, diff, parent; /* parent: the chain below it */
    bool has_parent;
    bool needed;  /* by an image that is unpacked */
    bool whole;   /* it and all below it are known to be there and needed */
    size_t below; /* index of the parent, or DOCKER_NO_LAYER */
    const char *cache_id;
    struct file_stamp stamp; /* of its directory in layerdb */
};

struct docker_ref;

struct docker_pass {
    struct pass base;
    const struct docker_layout *layout;  /* NULL: layers have no directories */
    struct buf small;                    /* scratch: of a digest or a name */
    const struct docker_kept *last_kept; /* of base.last; NULL with it */
    struct docker_kept *kept;            /* what this pass leaves for the next; filled as it goes */

    struct docker_layer *layers; /* valid entries, sorted by chain */
    size_t layer_count;
    bool layers_stand;   /* they are those of `last`, in the same order */
    const char **mounts; /* directories of containers, sorted */
    size_t mount_count;
    struct docker_ref *refs; /* sorted by image */
    size_t ref_count;
};

/* Reads <dir>/<file> below `fd` whole into one of the pass's buffers. */
int docker_read_file(struct buf *into, int fd, const char *dir, const char *file, struct err *err);

/* The steps of a pass, in this order. */
int docker_read_layers(struct docker_pass *p, struct err *err);
int docker_read_mounts(struct docker_pass *p, struct err *err);
int docker_read_refs(struct docker_pass *p, struct err *err);
int docker_read_images(struct docker_pass *p, struct err *err);
int docker_read_origins(struct docker_pass *p, struct err *err);
int docker_read_space(struct docker_pass *p, struct err *err);

/* NULL where layerdb has no valid entry of this chain. */
struct docker_layer *docker_layer_of(const struct docker_pass *p, const struct digest *chain);
/* The same in an array that is sorted by chain. */
struct docker_layer *docker_layer_in(struct docker_layer *layers, size_t count,
                                     const struct digest *chain);
/* Marks the layer of this chain and all below it as needed; false, with nothing promised, where
 * one of them is not in layerdb. */
bool docker_need_chain(struct docker_pass *p, const struct digest *top);

/* ---- formats, pure --------------------------------------------------------------------------- */

/* [0-9a-z]{25} (BuildKit) or [0-9a-f]{64} with or without "-init". */
bool docker_cache_id_valid(const char *id);
/* Exactly 64 lower hex digits. */
bool docker_hex_valid(const char *name);

/* qsort and bsearch over arrays of texts, bytewise. */
int docker_compare_texts(const void *a, const void *b);

enum docker_ref_kind { DOCKER_REF_NAME, DOCKER_REF_DIGEST, DOCKER_REF_BROKEN };

/* One entry of repositories.json. */
struct docker_ref {
    enum docker_ref_kind kind;
    struct digest image;    /* which it points to; unset when BROKEN */
    const char *text;       /* the name as Docker stores it; repository of a repo digest, normal */
    struct digest manifest; /* of DIGEST */
};

/* Reads the repositories of one file of v2metadata-by-diffid, sorted and each once. ERR_CORRUPT,
 * ERR_LIMIT past DOCKER_ORIGINS_MAX. */
int docker_origins_parse(const char ***out, size_t *count, const char *data, size_t len,
                         struct arena *arena, struct err *err);

/* Reads repositories.json into an array in the arena, sorted by image, kind, text and manifest.
 * ERR_CORRUPT where the file as such is broken; a broken entry is one of the array. */
int docker_refs_parse(struct docker_ref **out, size_t *count, const char *data, size_t len,
                      struct arena *arena, struct err *err);

/* ---- docker_find.c, docker_check.c ----------------------------------------------------------- */

/* Adds a root for each graph driver that has a store below root->path, with the fields of *root.
 * Nothing is added where the place is not there; ERR_DENIED and the like where it cannot be seen.
 */
int docker_expand(const struct engine_root *root, struct engine_roots *roots, struct err *err);
int docker_find(const struct engine_options *options, struct engine_roots *roots, struct err *err);
int docker_read(struct engine_root *root, const struct engine_options *options,
                const struct engine_reading *last, struct engine_reading **out, struct err *err);
int docker_answers(const struct engine_root *root, const struct engine_options *options,
                   struct err *err);
int docker_cross_check(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *reading, struct engine_findings *findings,
                       struct err *err);

/* ---- docker_api.c: the daemon's side --------------------------------------------------------- */

struct docker_api;

/* Opens `socket` below the root's host prefix and settles the API version by /_ping. */
int docker_api_open(struct docker_api **out, const struct engine_root *root, const char *socket,
                    int64_t timeout_ms, struct err *err);
void docker_api_close(struct docker_api **api);
/* See api_client_renew(). */
void docker_api_renew(struct docker_api *api, int64_t timeout_ms);
/* Whether it is podman that answers like docker: by another /_ping. */
int docker_api_is_podman(struct docker_api *api, bool *podman, struct err *err);
/* GET /v<version><path>. */
int docker_api_get(struct docker_api *api, const char *path, json_t **out, struct err *err);

#endif
