/*
 * storage: the driver for containers/storage, which podman, buildah, skopeo and CRI-O keep their
 * images in; root's, and each user's own. Private to agent/engines; everybody else uses
 * storage_driver.
 *
 * The store, below the graph root (/var/lib/containers/storage) with <drv> the graph driver:
 *   <drv>-images/images.json                          images and their names      storage_images
 *   <drv>-images/<id>/<big data>                      configs, manifests, indexes
 *   <drv>-layers/layers.json, volatile-layers.json    layers                      storage_layers
 *   <drv>-containers/containers.json,                 use                         storage_use
 *     volatile-containers.json
 *   <drv>/<layer>/                                    the files                   storage_space
 *   <drv>-images/images.lock, and so on               64 bytes, others with each change
 * and below the run root (/run/containers/storage), which a reboot empties:
 *   <drv>-layers/mountpoints.json, <drv>-containers/<id>/userdata/pidfile
 *   volatile-layers.json and volatile-containers.json of a store that does not outlive a reboot
 *
 * A layer's ID here is no chainID: which chain it is follows from the config of an image that
 * stands on it, by position.
 *
 * The engines take fcntl locks on the .lock files. None is taken here, nor is one of these files
 * held open for longer than it takes to read it: JSON files are replaced by renaming, and a pass
 * counts only when the token is the same before and after it. Nothing is ever written.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_STORAGE_STORAGE_H
#define AGENT_ENGINES_STORAGE_STORAGE_H

#include "agent/engines/file_stamp.h"
#include "agent/engines/image_manifest.h"
#include "agent/engines/pass.h"
#include "agent/engines/storage/storage_conf.h"
#include "agent/engines/storage/storage_formats.h"

enum {
    STORAGE_LOCK_BYTES = 64,
    STORAGE_ENTRIES_MAX = 400000, /* of one directory */
    STORAGE_SETTLE_MS = 1500,     /* an image this young may still be in the making */
};

extern const struct engine_driver storage_driver;

/* ---- storage.c: places ----------------------------------------------------------------------- */

/* Where a graph driver keeps its directories: <drv>[/<dirs>]/<layer>[/<files>]. */
struct storage_layout {
    const char *driver;
    const char *dirs;  /* "" or a directory of <root>/<drv> */
    const char *files; /* "" where the entry is the layer's directory itself */
    bool known;        /* false: layers are no directories that can be measured (zfs) */
    bool own_device;   /* each entry is a file system of its own (a subvolume) */
    bool whole_tree;   /* each entry holds the lower layers' files too (a copy, a snapshot) */
};

/* The graph drivers in the order in which stores are looked for, ended by NULL names. */
extern const struct storage_layout storage_layouts[];
/* NULL for an unknown graph driver. */
const struct storage_layout *storage_layout_of(const char *storage);

/* Opens <path>/<storage><suffix> as a directory: "-images", "-layers", "-containers" or "". */
int storage_open(const struct engine_root *root, const char *suffix, struct err *err);
/* The same, with *fd -1 and 0 where it is not there. */
int storage_open_optional(const struct engine_root *root, const char *suffix, int *fd,
                          struct err *err);
/* Opens <run>/<storage><suffix>; *fd is -1 where there is none. */
int storage_open_run(const struct engine_root *root, const char *suffix, int *fd, struct err *err);

/* ---- storage_token.c ------------------------------------------------------------------------- */

/* As engine_driver has them; *youngest_ns as pass_source.token. */
int storage_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                  struct err *err);
/* Of engine_driver. */
int storage_watches(const struct engine_root *root, struct engine_paths *out, struct err *err);
/* Whether `name`, below `fd`, was changed within the last STORAGE_SETTLE_MS. */
bool storage_is_fresh(int fd, const char *name);

/* ---- one pass over the store (storage_read.c) ------------------------------------------------ */

/* A layer of the store under way to becoming a copy. */
struct storage_node {
    const struct storage_layer *layer; /* not broken */
    struct digest chain, diff;
    const struct storage_node *below; /* that its chain was computed with; NULL: not known */
    bool has_chain;
    bool needed; /* by an image that is unpacked */
    bool of_container;
    bool is_copy;   /* of all with its chain, the one that is reported as the copy */
    bool gone_over; /* by storage_settle: its chain was looked for */
};

/* A manifest or index that an image has. */
struct storage_manifest {
    struct digest digest;
    struct image_manifest parsed;
};

/* What an image's record does not hold: for its containers, and for the blob info cache. */
struct storage_kept_image {
    struct digest entry; /* its ID in images.json */
    struct digest id;    /* of its record */
    const struct storage_image *listed;
    struct digest *diffs; /* by its config, bottom first */
    size_t diff_count;
    struct storage_manifest *manifests;
    size_t manifest_count;
    bool by_config;
    struct file_stamp stamp; /* of its directory; zeros where anything in it was broken */
};

enum { STORAGE_LAYER_LISTS = 3 }; /* layers.json, and both volatile-layers.json */

/* What a pass leaves for the next one: containers/storage puts a new file in the place of an old
 * one, so a file, and an image's directory, tells by its times whether what is in it stands. */
struct storage_kept {
    struct storage_kept_image *images; /* sorted by entry */
    size_t count;
    struct storage_images list; /* sorted by ID */
    struct storage_layers layers[STORAGE_LAYER_LISTS];
    struct file_stamp list_stamp, layers_stamps[STORAGE_LAYER_LISTS];
};

struct storage_pass {
    struct pass base;
    const struct storage_layout *layout;
    struct storage_images images;
    struct storage_node *nodes; /* sorted by the layer's ID */
    size_t node_count;
    struct storage_node *others; /* of other stores that this one rests on, sorted likewise */
    size_t other_count;
    bool others_read;
    struct storage_containers containers;
    bool containers_known;           /* all that list containers could be read */
    struct storage_kept_image *kept; /* of the images that are reported, sorted by entry */
    size_t kept_count;
    struct storage_kept *next;       /* what this pass leaves */
    const struct storage_kept *last; /* what the last pass of this very store left, or NULL */
};

/* Of engine_driver. */
int storage_read(struct engine_root *root, const struct engine_options *options,
                 const struct engine_reading *last, struct engine_reading **out, struct err *err);

/* The steps of a pass, in this order. */
int storage_read_layers(struct storage_pass *p, struct err *err);
int storage_read_containers(struct storage_pass *p, struct err *err);
int storage_read_images(struct storage_pass *p, struct err *err);
int storage_settle_layers(struct storage_pass *p, struct err *err); /* chains that no image needs */
int storage_read_use(struct storage_pass *p, struct err *err);
int storage_read_space(struct storage_pass *p, struct err *err);
int storage_read_origins(struct storage_pass *p, struct err *err);

/* storage_kept.c. Sets p->last and p->next. */
int storage_kept_open(struct storage_pass *p, struct err *err);
/* Copies a list into the memory of this reading. */
int storage_kept_images(struct storage_pass *p, const struct storage_images *from,
                        struct storage_images *to, struct err *err);
int storage_kept_layers(struct storage_pass *p, const struct storage_layers *from,
                        struct storage_layers *to, struct err *err);
/* What the last pass kept of this image, if all of it stands; or NULL. *stamp is
 * that of its directory below `images`. */
const struct storage_kept_image *storage_kept_find(const struct storage_pass *p, int images,
                                                   const struct storage_image *entry,
                                                   struct file_stamp *stamp);
/* Copies it, but for what images.json tells, into the memory of this reading. */
int storage_kept_copy(struct storage_pass *p, const struct storage_kept_image *from,
                      struct storage_kept_image *to, struct err *err);

/* Reads a file of at most JSON_BYTES_MAX into p->base.file. *there is false, and the buffer empty,
 * where there is none. */
int storage_load(struct storage_pass *p, int fd, const char *name, bool *there, struct err *err);

/* storage_layers.c, storage_settle.c. NULL where the store has no such layer. */
struct storage_node *storage_node_of(const struct storage_pass *p, const struct digest *id);
/* What an image makes known of the layers that it stands on. Marks those of an
 * unpacked image as needed, and notes what is missing. */
int storage_place_image(struct storage_pass *p, const char *subject,
                        const struct storage_image *entry, const struct digest *diffs, size_t count,
                        struct rec_image *image, struct err *err);

/* ---- storage_find.c, storage_users.c --------------------------------------------------------- */

/* Of engine_driver. */
int storage_find(const struct engine_options *options, struct engine_roots *roots, struct err *err);

/* Adds a root for each graph driver that has images below root->path, with the fields of *root;
 * one that is there already, under this or another name, keeps its first name. */
int storage_expand(const struct engine_root *root, struct engine_roots *roots, struct err *err);

/* storage_libpod.c: puts the run root that podman notes for this graph root into root->run; leaves
 * it alone where podman notes none. */
void storage_libpod_run_root(struct engine_root *root);

/* The configuration that the stores of this user rest on: the system's files, and of a user other
 * than root (NULL: root) his own instead. What cannot be read says nothing. */
int storage_conf_of(const struct engine_root *like, const struct storage_user *user,
                    struct storage_conf *conf, struct arena *arena, struct err *err);

/* Reads `file` and then <file>.d/<name>.conf, in the order of names, over *conf. */
int storage_conf_read_all(const struct engine_root *like, const char *file,
                          struct storage_conf *conf, struct arena *arena, struct err *err);

/* Every user of the host's /etc/passwd with a home directory, root too. */
struct storage_users {
    struct storage_user *items; /* of the arena */
    size_t count;
};
int storage_users_read(struct storage_users *out, const struct engine_root *like,
                       struct arena *arena, struct err *err);

#endif
