/*
 * config_parse: reads an image config (OCI image spec, config.md; docker's image spec v1.2 is the
 * same for what is read here).
 *
 * What real builders write is accepted: no history, history that does not match the layers, no or a
 * senseless time, null where a list is due, one layer twice. What has no rootfs of type "layers" is
 * no image config. Texts are cleaned as records are (common/record.h) and cut at their limits.
 *
 * Ownership: everything points into the arena. Threads: pure.
 */
#ifndef COLLECTOR_STORE_CONFIG_PARSE_H
#define COLLECTOR_STORE_CONFIG_PARSE_H

#include "common/arena.h"
#include "common/record.h"

enum {
    CONFIG_LAYERS_MAX = 1024,
    CONFIG_HISTORY_MAX = 20000,
    CONFIG_LABELS_MAX = 1000,
    CONFIG_WORD_BYTES = 256,       /* os, architecture, variant, a time */
    CONFIG_LINE_BYTES = 4096,      /* author, comment, a label's key */
    CONFIG_TEXT_BYTES = 64 << 10,  /* one created_by, one label's value */
    CONFIG_ARENA_BYTES = 64 << 20, /* enough for all that one document can hold */
};

struct config_step { /* one entry of history; NULL: not said */
    const char *created, *created_by, *comment;
    bool empty; /* it made no layer */
};

struct config {
    const char *os, *arch, *variant; /* NULL: not said */
    const char *author;
    const char *created; /* as it stands there */
    bool has_created;    /* it is a time, and not the zero time of year 1 */
    int64_t created_s;
    struct digest *diffs; /* the lowest layer first */
    size_t diff_count;
    struct config_step *steps;
    size_t step_count;
    struct rec_pair *labels; /* sorted by key, unique */
    size_t label_count;
    const char *build_info; /* moby.buildkit.buildinfo.v1 as it stands there; NULL: not said */
};

/* ERR_CORRUPT: not an image config, and why. ERR_LIMIT: more than is taken. */
int config_parse(struct config *out, const uint8_t *data, size_t len, struct arena *arena,
                 struct err *err);

#endif
