/* docker_find: where graph-driver stores lie on this host. Asked, in this order: the configuration,
 * root's running daemons' command lines, the daemon on its socket, daemon.json, the default place,
 * users' daemons. */
#include <string.h>

#include "agent/engines/docker/docker_find.h"
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

    if (engine_path_set(root.path, path, err) != 0)
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

int docker_find(const struct engine_options *options, struct engine_roots *roots, struct err *err)
{
    struct docker_finder f = {
        .options = options, .roots = roots, .like = {.driver = &docker_driver}};
    char configured[ENGINE_PATH_MAX];

    copy_text(f.like.host, sizeof(f.like.host), options->host_root);
    for (size_t i = 0; i < options->docker_roots.count; i++) {
        if (add_configured(&f, options->docker_roots.items[i], err) != 0)
            return -1;
    }
    /* Processes first: they tell how their paths are to be understood. */
    if ((options->find && docker_daemons_find(&f, DAEMONS_OF_ROOT, err) != 0) ||
        (options->docker_socket != NULL && options->docker_socket[0] != '\0' && options->use_api &&
         docker_ask(&f, options->docker_socket, NULL, err) != 0))
        return -1;
    if (!options->find)
        return 0;
    docker_config_root(&f, DEFAULT_CONFIG, configured);
    if ((configured[0] != '\0' && docker_place_try(&f, configured, "", err) != 0) ||
        docker_place_try(&f, DEFAULT_ROOT, "", err) != 0)
        return -1;
    docker_claim(&f, configured[0] != '\0' ? configured : DEFAULT_ROOT, DOCKER_SPACE, NULL, NULL);
    /* Users' last, who may not speak of what nobody sees. */
    return docker_add_unseen(&f, err) != 0 ? -1 : docker_daemons_find(&f, DAEMONS_OF_USERS, err);
}
