/* An image config as it may lie on any disk. */
#include "agent/engines/image_config.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(image_config_close) struct image_config config = {0};
    struct err err = {.kind = ERR_NONE};

    if (image_config_parse(&config, (const char *)data, size, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return 0;
    }
    check(config.diff_count <= IMAGE_CONFIG_LAYERS_MAX);
    check(config.history_layers <= config.history_count);
    return 0;
}
