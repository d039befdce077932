/*
 * apply_config: an image's config in the tables: image, chains, layers, history, labels.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_CONFIG_H
#define COLLECTOR_STORE_APPLY_CONFIG_H

#include "collector/store/statements.h"

/* Values of image.parsed. */
enum {
    CONFIG_NOT_HERE = 0,
    CONFIG_READ = 1,
    CONFIG_NO_CONFIG = 2, /* the document is here, and is not an image config */
    CONFIG_DISPUTED = 3,
};

/* Replaces all that was read of the image before. A document that is no config, or past the limits,
 * leaves CONFIG_NO_CONFIG and *why; that is no failure. */
int apply_config(struct store *s, const struct digest *image, const uint8_t *data, size_t len,
                 int64_t now_s, struct err *why, struct err *err);

/* Withdraws all that was read of it. */
int apply_config_dispute(struct store *s, const struct digest *image, int64_t now_s,
                         struct err *err);

#endif
