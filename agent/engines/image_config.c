#include "agent/engines/image_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_walk.h"

void image_config_close(struct image_config *config)
{
    free(config->diff_ids);
    *config = (struct image_config){0};
}

/* What was met on the way; each of it may be there once. */
struct reader {
    struct json_walk walk;
    struct image_config *config;
    size_t room; /* of config->diff_ids */
    bool met_rootfs, met_diff_ids;
    bool has_rootfs; /* and it is an object */
};

static int once(bool *met, const char *what, struct err *err)
{
    if (*met)
        return err_set(err, ERR_CORRUPT, "no image config: %s twice", what);
    *met = true;
    return 0;
}

static int make_room(struct reader *r, struct err *err)
{
    size_t room = r->room == 0 ? 16 : r->room * 2;
    struct digest *grown;

    if (r->config->diff_count == IMAGE_CONFIG_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "at least %d layers: at most %d are read",
                       IMAGE_CONFIG_LAYERS_MAX + 1, IMAGE_CONFIG_LAYERS_MAX);
    if (r->config->diff_count < r->room)
        return 0;
    grown = realloc(r->config->diff_ids, room * sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu layers", room);
    r->config->diff_ids = grown;
    r->room = room;
    return 0;
}

static int read_diff_id(struct reader *r, struct err *err)
{
    struct image_config *config = r->config;
    size_t position = config->diff_count;
    struct json_span span;
    char text[DIGEST_TEXT + 1];

    if (make_room(r, err) != 0)
        return -1;
    if (json_walk_peek(&r->walk) != '"')
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids[%zu] is no text", position);
    if (json_walk_string(&r->walk, &span, err) != 0)
        return -1;
    if (!json_span_ascii(&span, text, sizeof(text)) ||
        digest_parse(&config->diff_ids[position], text, strlen(text), false, NULL) != 0)
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids[%zu] is no sha256 digest", position);
    config->diff_count++;
    return 0;
}

static int read_diff_ids(struct reader *r, struct err *err)
{
    int rc;

    if (once(&r->met_diff_ids, "rootfs.diff_ids", err) != 0)
        return -1;
    if (json_walk_peek(&r->walk) == 'n') /* an image without any layer, as Go writes it */
        return json_walk_skip(&r->walk, err);
    if (json_walk_peek(&r->walk) != '[')
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids is no list");
    if (json_walk_enter(&r->walk, err) != 0)
        return -1;
    while ((rc = json_walk_item(&r->walk, err)) == 1) {
        if (read_diff_id(r, err) != 0)
            return -1;
    }
    return rc;
}

static int read_rootfs(struct reader *r, struct err *err)
{
    struct json_span key;
    int rc;

    if (once(&r->met_rootfs, "rootfs", err) != 0)
        return -1;
    r->has_rootfs = json_walk_peek(&r->walk) == '{';
    if (!r->has_rootfs)
        return json_walk_skip(&r->walk, err);
    if (json_walk_enter(&r->walk, err) != 0)
        return -1;
    while ((rc = json_walk_member(&r->walk, &key, err)) == 1) {
        rc = json_span_is(&key, "diff_ids") ? read_diff_ids(r, err) : json_walk_skip(&r->walk, err);
        if (rc != 0)
            return -1;
    }
    return rc;
}

static int read_document(struct reader *r, struct err *err)
{
    struct json_span key;
    int rc;

    if (json_walk_peek(&r->walk) != '{')
        return json_walk_skip(&r->walk, err);
    if (json_walk_enter(&r->walk, err) != 0)
        return -1;
    while ((rc = json_walk_member(&r->walk, &key, err)) == 1) {
        rc = json_span_is(&key, "rootfs") ? read_rootfs(r, err) : json_walk_skip(&r->walk, err);
        if (rc != 0)
            return -1;
    }
    return rc;
}

int image_config_parse(struct image_config *out, const char *data, size_t len, struct err *err)
{
    AUTO(image_config_close) struct image_config config = {0};
    struct reader r = {.config = &config};

    if (json_walk_open(&r.walk, data, len, err) != 0 || read_document(&r, err) != 0 ||
        json_walk_end(&r.walk, err) != 0)
        return -1;
    if (!r.has_rootfs)
        return err_set(err, ERR_CORRUPT, "no image config: it has no rootfs");
    *out = config;
    config = (struct image_config){0};
    return 0;
}
