/* repositories.json, a list of a layer's origins, or config.v2.json: the first byte says which. */
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "agent/engines/docker/docker_use.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_refs(const char *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    struct docker_ref *refs = NULL;
    size_t count = 0;

    check(arena_open(&arena, 64 << 20, &err) == 0);
    if (docker_refs_parse(&refs, &count, data, size, arena, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return;
    }
    for (size_t i = 0; i < count; i++)
        check(refs[i].text != NULL &&
              (i == 0 || digest_cmp(&refs[i - 1].image, &refs[i].image) <= 0));
}

static void read_origins(const char *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    const char **repositories = NULL;
    size_t count = 0;

    check(arena_open(&arena, 64 << 20, &err) == 0);
    if (docker_origins_parse(&repositories, &count, data, size, arena, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return;
    }
    check(count <= DOCKER_ORIGINS_MAX);
    for (size_t i = 1; i < count; i++)
        check(strcmp(repositories[i - 1], repositories[i]) < 0);
}

static void read_container(const char *data, size_t size)
{
    struct docker_container container;
    struct err err = {.kind = ERR_NONE};

    if (docker_container_parse(&container, data, size, &err) != 0)
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
    else
        check(memchr(container.name, '\0', sizeof(container.name)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == '{')
        read_refs((const char *)data, size);
    else if (data[0] == '[')
        read_origins((const char *)data, size);
    else
        read_container((const char *)data + 1, size - 1);
    return 0;
}
