/*
 * image_config: what the agent needs of an image config (OCI image spec, config.md): the layers.
 * Everything else is the collector's to read, from the document's bytes.
 *
 * Threads: pure.
 */
#ifndef AGENT_ENGINES_IMAGE_CONFIG_H
#define AGENT_ENGINES_IMAGE_CONFIG_H

#include <stddef.h>

#include "common/digest.h"

enum {
    IMAGE_CONFIG_LAYERS_MAX = 4096, /* engines stop at about 128 */
};

struct image_config {
    struct digest *diff_ids; /* heap; bottom layer first; the same one may come twice */
    size_t diff_count;       /* 0: an image from scratch with nothing added */
};

/* Reads `len` bytes of JSON in one go, without a tree (json_walk.h). ERR_CORRUPT where it is no
 * JSON or no image config (no `rootfs`), ERR_LIMIT past json.h's limits or IMAGE_CONFIG_LAYERS_MAX.
 * Errors quote nothing of the document. Release with image_config_close(), which also takes a
 * zeroed struct. */
int image_config_parse(struct image_config *out, const char *data, size_t len, struct err *err);
void image_config_close(struct image_config *config);

#endif
