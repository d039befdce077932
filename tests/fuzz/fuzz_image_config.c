/* An image config as it may lie on any disk. What a tree of it would be read as is never refused.
 */
#include <string.h>

#include "agent/engines/image_config.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(image_config_close) struct image_config config = {0};
    struct err err = {.kind = ERR_NONE};

    if (image_config_parse(&config, (const char *)data, size, &err) != 0) {
        AUTO_JSON json_t *tree = json_parse((const char *)data, size, NULL);

        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        check(tree == NULL || strncmp(err.text, "JSON", 4) != 0);
        return 0;
    }
    check(config.diff_count <= IMAGE_CONFIG_LAYERS_MAX);
    return 0;
}
