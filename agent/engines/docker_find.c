/* docker_find: where graph-driver stores lie on this host. Asked, in this order: the configuration,
 * the daemon on its socket, running daemons' command lines, daemon.json, the default place. */
#include <string.h>

#include "agent/engines/docker_find.h"
#include "common/cleanup.h"

#define DEFAULT_ROOT "/var/lib/docker"
#define DEFAULT_CONFIG "/etc/docker/daemon.json"

/* A root from the configuration is always one of the roots, so that read() can say what is wrong
 * with it. */
static int add_configured(const struct docker_finder *f, const char *path, struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    struct err why = {0};
    int rc = 0;

    if (docker_place_set(root.path, path, err) != 0)
        return -1;
    if (docker_expand(&root, &found, &why) != 0 || found.count == 0)
        rc = engine_roots_add(f->roots, &root, err);
    for (size_t i = 0; i < found.count && rc == 0; i++)
        rc = docker_place_add(f->roots, &found.items[i], err);
    engine_roots_free(&found);
    return rc;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* A daemon that uses another store (containerd's) than one that lies in its root is not asked about
 * that one later: it would know nothing of it. */
static int add_from_info(const struct docker_finder *f, const json_t *info, const char *socket,
                         struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    const char *path = json_str(info, "DockerRootDir");
    const char *storage = json_str(info, "Driver");
    int rc = 0;

    if (path == NULL || storage == NULL || docker_place_set(root.path, path, NULL) != 0 ||
        docker_expand(&root, &found, NULL) != 0)
        return 0;
    for (size_t i = 0; i < found.count && rc == 0; i++) {
        struct engine_root *r = &found.items[i];

        if (strcmp(r->storage, storage) == 0 && strcmp(r->path, root.path) == 0) {
            copy_text(r->socket, sizeof(r->socket), socket);
            copy_text(r->version, sizeof(r->version), json_str(info, "ServerVersion"));
            r->api_answers = true;
        }
        if (!f->options->find && docker_place_known(f->roots, r) == NULL)
            continue; /* only configured stores; these learn their socket */
        rc = docker_place_add(f->roots, r, err);
    }
    engine_roots_free(&found);
    return rc;
}

/* Silence is no error: the disk is read anyway. */
static int ask_socket(const struct docker_finder *f, const char *socket, struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = NULL;
    AUTO_JSON json_t *info = NULL;

    if (docker_api_open(&api, &f->like, socket, f->options->api_timeout_ms, NULL) != 0 ||
        docker_api_get(api, "/info", &info, NULL) != 0)
        return 0;
    return add_from_info(f, info, socket, err);
}

int docker_find(const struct engine_options *options, struct engine_roots *roots, struct err *err)
{
    struct docker_finder f = {
        .options = options, .roots = roots, .like = {.driver = &docker_driver}};
    char configured[ENGINE_PATH_MAX];

    copy_text(f.like.host, sizeof(f.like.host), options->host_root);
    for (size_t i = 0; i < options->docker_root_count; i++) {
        if (add_configured(&f, options->docker_roots[i], err) != 0)
            return -1;
    }
    if (options->docker_socket != NULL && options->docker_socket[0] != '\0' && options->use_api &&
        ask_socket(&f, options->docker_socket, err) != 0)
        return -1;
    if (!options->find)
        return 0;
    docker_config_root(&f, DEFAULT_CONFIG, configured);
    if (docker_daemons_find(&f, err) != 0 ||
        (configured[0] != '\0' && docker_place_try(&f, configured, "", err) != 0))
        return -1;
    return docker_place_try(&f, DEFAULT_ROOT, "", err);
}
