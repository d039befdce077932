/*
 * docker_kept: what a pass over a store leaves for the next one, so that what stands unchanged is
 * not read twice: the things themselves and the stamps of the files that they rest on.
 *
 * Docker never writes into one of these files; it renames a new one over it, and renames whole
 * directories. So these stamps tell:
 *   repositories.json                      its own
 *   imagedb/content/sha256/<imageID>       its own
 *   layerdb/sha256/<chainID> with files    its own, or that of layerdb/sha256 for all at once
 *   <drv>, what lies in it                 its own
 *   distribution/v2metadata-by-diffid/...  its own, or that of the directory for all at once
 * Who writes *into* a file below metadata or layerdb is not seen by them. A pass with nothing kept
 * reads all of it. Containers and their mounts are never kept: they change all the time. Nor are
 * images' parents, which are put into directories that are there already, with no stamp but their
 * own.
 *
 * Private to docker*.c.
 */
#ifndef AGENT_ENGINES_DOCKER_DOCKER_KEPT_H
#define AGENT_ENGINES_DOCKER_DOCKER_KEPT_H

#include "agent/engines/file_stamp.h"
#include "common/digest.h"
#include "common/error.h"

/* An image of which all layers were there and nothing was wrong. */
struct docker_kept_image {
    struct digest id, top; /* top: chainID of its uppermost layer */
    bool has_layers;
    struct file_stamp config;
};

/* What Docker noted of the repositories that hold a layer. */
struct docker_origin_file {
    struct digest diff;
    const char **repositories; /* sorted, unique; with their registries */
    size_t count;
    struct file_stamp stamp;
};

/* A directory's stamp stays zero where anything in it was broken: then each pass says so anew. */
struct docker_kept {
    struct docker_layer *layers; /* as those of the pass */
    size_t layer_count;
    struct file_stamp layerdb;
    struct docker_ref *refs;
    size_t ref_count;
    struct file_stamp repositories;
    struct docker_kept_image *images; /* sorted by id */
    size_t image_count;
    struct file_stamp contents;
    const char **mounts;
    size_t mount_count;
    size_t space_count; /* of the reading's spaces: what lies in <drv> */
    bool buildkit;
    struct file_stamp entries;          /* of <drv>[/<dirs>] */
    struct docker_origin_file *origins; /* sorted by diff */
    size_t origin_count;
    struct file_stamp origins_stamp; /* of their directory */
};

/* The image of this ID, or NULL; `kept` may be NULL. */
const struct docker_kept_image *docker_kept_image(const struct docker_kept *kept,
                                                  const struct digest *id);
/* The layer of this chain, or NULL; `kept` may be NULL. */
const struct docker_layer *docker_kept_layer(const struct docker_kept *kept,
                                             const struct digest *chain);

#endif
