#include "agent/engines/image_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"

void image_config_close(struct image_config *config)
{
    free(config->diff_ids);
    *config = (struct image_config){0};
}

static int read_diff_id(struct digest *out, const json_t *value, size_t position, struct err *err)
{
    const char *text = json_string_value(value);

    if (text == NULL)
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids[%zu] is no text", position);
    if (digest_parse(out, text, strlen(text), false, err) != 0)
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids[%zu] is no sha256 digest", position);
    return 0;
}

static int read_diff_ids(struct image_config *config, const json_t *rootfs, struct err *err)
{
    const json_t *ids = json_object_get(rootfs, "diff_ids");
    size_t count = json_array_size(ids);

    if (ids == NULL || json_is_null(ids)) /* an image without any layer, as Go writes it */
        return 0;
    if (!json_is_array(ids))
        return err_set(err, ERR_CORRUPT, "rootfs.diff_ids is no list");
    if (count > IMAGE_CONFIG_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "%zu layers: at most %d are read", count,
                       IMAGE_CONFIG_LAYERS_MAX);
    config->diff_ids = calloc(count + 1, sizeof(*config->diff_ids));
    if (config->diff_ids == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu layers", count);
    for (size_t i = 0; i < count; i++) {
        if (read_diff_id(&config->diff_ids[i], json_array_get(ids, i), i, err) != 0)
            return -1;
    }
    config->diff_count = count;
    return 0;
}

static void count_history(struct image_config *config, const json_t *document)
{
    const json_t *history = json_arr(document, "history");

    config->history_count = json_array_size(history);
    for (size_t i = 0; i < config->history_count; i++) {
        if (!json_flag(json_array_get(history, i), "empty_layer", 0))
            config->history_layers++;
    }
}

int image_config_parse(struct image_config *out, const char *data, size_t len, struct err *err)
{
    AUTO(image_config_close) struct image_config config = {0};
    AUTO_JSON json_t *document = json_parse(data, len, err);
    const json_t *rootfs = json_obj(document, "rootfs");

    if (document == NULL)
        return -1;
    if (rootfs == NULL)
        return err_set(err, ERR_CORRUPT, "no image config: it has no rootfs");
    if (read_diff_ids(&config, rootfs, err) != 0)
        return -1;
    count_history(&config, document);
    *out = config;
    config = (struct image_config){0};
    return 0;
}
