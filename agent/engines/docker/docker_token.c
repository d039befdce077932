/* docker_token: a few stats that differ whenever the store may have changed. */
#include "agent/engines/docker/docker.h"
#include "agent/engines/docker/docker_use.h"
#include "common/cleanup.h"

static const char *const watched[] = {
    "repositories.json", "imagedb/content/sha256", "imagedb/metadata/sha256",
    "layerdb/sha256",    "layerdb/mounts",         "distribution/v2metadata-by-diffid/sha256",
};

int docker_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                 struct err *err)
{
    AUTO_FD int fd = docker_open_metadata(root, "", err);

    *out = (struct engine_token){0};
    *youngest_ns = 0;
    if (fd < 0)
        return -1;
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (pass_token_stat(out, fd, watched[i], youngest_ns, err) != 0)
            return -1;
    }
    return docker_use_token(root, root->path, out, youngest_ns, err);
}

int docker_watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    char path[ENGINE_PATH_MAX + 128];

    /* repositories.json is renamed into the directory that is first. */
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        snprintf(path, sizeof(path), "%s/image/%s%s%s", root->path, root->storage,
                 i == 0 ? "" : "/", i == 0 ? "" : watched[i]);
        if (engine_paths_add(out, path, err) != 0)
            return -1;
    }
    return docker_use_watches(root, root->path, out, err);
}
