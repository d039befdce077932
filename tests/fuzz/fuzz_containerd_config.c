/* Any text as containerd's config.toml. */
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct containerd_config config;

    containerd_config_parse(&config, (const char *)data, size);
    check(memchr(config.root, '\0', sizeof(config.root)) != NULL);
    check(memchr(config.state, '\0', sizeof(config.state)) != NULL);
    check(memchr(config.address, '\0', sizeof(config.address)) != NULL);
    return 0;
}
