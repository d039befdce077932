/* docker_api: the daemon's HTTP API, version 1.40 to 1.44 ("Docker Engine API", /_ping). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/api_client.h"
#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"

/* 1.44 is the newest that 28 speaks without surprises and the oldest that 29.0 accepts. */
#define API_MINOR_MAX 44
#define API_MINOR_MIN 24

struct docker_api {
    struct api_client *client;
    int socket_fd;
    long minor;
};

/* "1.41" of the header Api-Version. */
static int settle_version(struct docker_api *api, struct err *err)
{
    char version[32];
    char *end;

    if (api_client_get_header(api->client, "/_ping", "Api-Version", version, sizeof(version),
                              err) != 0)
        return -1;
    if (strncmp(version, "1.", 2) != 0)
        return err_set(err, ERR_VERSION, "not Docker's API 1: Api-Version '%s'", version);
    api->minor = strtol(version + 2, &end, 10);
    if (*end != '\0' || api->minor < API_MINOR_MIN)
        return err_set(err, ERR_VERSION, "Docker's API %s is not spoken", version);
    if (api->minor > API_MINOR_MAX)
        api->minor = API_MINOR_MAX;
    return 0;
}

int docker_api_open(struct docker_api **out, const struct engine_root *root, const char *socket,
                    int64_t timeout_ms, struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = calloc(1, sizeof(*api));

    if (api == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to ask %s", socket);
    api->socket_fd = engine_open(root, socket, O_PATH, err);
    if (api->socket_fd < 0) {
        if (err != NULL && err->kind == ERR_NOT_FOUND)
            err->kind = ERR_UNAVAILABLE;
        return -1;
    }
    if (api_client_open(&api->client, api->socket_fd, socket, timeout_ms, err) != 0 ||
        settle_version(api, err) != 0)
        return -1;
    *out = steal(&api);
    return 0;
}

void docker_api_close(struct docker_api **api)
{
    struct docker_api *a = *api;

    *api = NULL;
    if (a == NULL)
        return;
    api_client_close(&a->client);
    cleanup_fd(&a->socket_fd);
    free(a);
}

void docker_api_renew(struct docker_api *api, int64_t timeout_ms)
{
    api_client_renew(api->client, timeout_ms);
}

int docker_api_is_podman(struct docker_api *api, bool *podman, struct err *err)
{
    char version[32];

    if (api_client_get_header(api->client, "/_ping", "Libpod-Api-Version", version, sizeof(version),
                              err) != 0)
        return -1;
    *podman = version[0] != '\0';
    return 0;
}

int docker_api_get(struct docker_api *api, const char *path, json_t **out, struct err *err)
{
    char versioned[256];

    snprintf(versioned, sizeof(versioned), "/v1.%ld%s", api->minor, path);
    return api_client_get(api->client, versioned, out, err);
}
