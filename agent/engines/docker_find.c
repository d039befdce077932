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

/* What /info says of where the daemon keeps images. */
struct daemon_info {
    const char *path, *storage, *version; /* borrowed from the document */
    const char *containerd;               /* its socket, NULL not told */
    const char *space;                    /* containerd namespace */
    bool in_containerd;                   /* the containerd image store */
};

/* DriverStatus is a list of pairs; the containerd image store says so in "driver-type". */
static bool keeps_in_containerd(const json_t *info)
{
    const json_t *status = json_object_get(info, "DriverStatus");
    const json_t *pair;
    size_t i;

    json_array_foreach (status, i, pair) {
        const char *key = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));

        if (key != NULL && value != NULL && strcmp(key, "driver-type") == 0 &&
            strcmp(value, "io.containerd.snapshotter.v1") == 0)
            return true;
    }
    return false;
}

static void parse_info(struct daemon_info *out, const json_t *info)
{
    const json_t *containerd = json_obj(info, "Containerd");

    *out = (struct daemon_info){
        .path = json_str(info, "DockerRootDir"),
        .storage = json_str(info, "Driver"),
        .version = json_str(info, "ServerVersion"),
        .containerd = json_str(containerd, "Address"),
        .space = json_str(json_obj(containerd, "Namespaces"), "Containers"),
        .in_containerd = keeps_in_containerd(info),
    };
    if (out->space == NULL)
        out->space = DOCKER_SPACE;
}

static bool is_in_use(const struct engine_root *root, const struct daemon_info *daemon,
                      const char *path)
{
    return !daemon->in_containerd && strcmp(root->storage, daemon->storage) == 0 &&
           strcmp(root->path, path) == 0;
}

/* A store in the daemon's root that it does not use (another graph driver's, or all of them where
 * it keeps images in containerd) is orphaned, and the daemon is not asked about it: it would know
 * nothing of it. */
static int take_expanded(const struct docker_finder *f, struct engine_root *r,
                         const struct daemon_info *daemon, const char *path, const char *socket,
                         bool *used, struct err *err)
{
    if (is_in_use(r, daemon, path)) {
        copy_text(r->socket, sizeof(r->socket), socket);
        copy_text(r->version, sizeof(r->version), daemon->version);
        r->api_answers = true;
        *used = true;
    } else if (strcmp(r->path, path) == 0) {
        r->orphaned = true;
    }
    if (!f->options->find && docker_place_known(f->roots, r) == NULL)
        return 0; /* only configured stores; these learn their socket */
    return docker_place_add(f->roots, r, err);
}

/* The daemon answers and its disk cannot be read: it lies elsewhere, or is not for us to see. */
static int add_by_api(const struct docker_finder *f, const struct engine_root *like,
                      const struct daemon_info *daemon, const char *socket, struct err *err)
{
    struct engine_root root = *like;

    copy_text(root.storage, sizeof(root.storage), daemon->storage);
    copy_text(root.socket, sizeof(root.socket), socket);
    copy_text(root.version, sizeof(root.version), daemon->version);
    copy_text(root.space, sizeof(root.space), daemon->in_containerd ? daemon->space : "");
    root.api_answers = root.by_api = true;
    return engine_roots_add(f->roots, &root, err);
}

static int add_from_info(const struct docker_finder *f, const json_t *info, const char *socket,
                         const char *place, struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    struct daemon_info daemon;
    bool used = false;
    int rc = 0;

    parse_info(&daemon, info);
    if (daemon.path == NULL || daemon.storage == NULL ||
        engine_path_set(root.path, place != NULL ? place : daemon.path, NULL) != 0)
        return 0;
    if (daemon.in_containerd)
        used = docker_claim(f, root.path, daemon.space, daemon.storage, daemon.containerd) > 0;
    docker_expand(&root, &found, NULL); /* what cannot be seen is not found */
    for (size_t i = 0; i < found.count && rc == 0; i++)
        rc = take_expanded(f, &found.items[i], &daemon, root.path, socket, &used, err);
    if (rc == 0 && !used && f->options->find)
        rc = add_by_api(f, &root, &daemon, socket, err);
    engine_roots_free(&found);
    return rc;
}

int docker_ask(const struct docker_finder *f, const char *socket, const char *place,
               struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = NULL;
    AUTO_JSON json_t *info = NULL;

    if (docker_api_open(&api, &f->like, socket, f->options->api_timeout_ms, NULL) != 0 ||
        docker_api_get(api, "/info", &info, NULL) != 0)
        return 0;
    return add_from_info(f, info, socket, place, err);
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
    if (options->docker_socket != NULL && options->docker_socket[0] != '\0' && options->use_api &&
        docker_ask(&f, options->docker_socket, NULL, err) != 0)
        return -1;
    if (!options->find)
        return 0;
    docker_config_root(&f, DEFAULT_CONFIG, configured);
    if (docker_daemons_find(&f, err) != 0 ||
        (configured[0] != '\0' && docker_place_try(&f, configured, "", err) != 0) ||
        docker_place_try(&f, DEFAULT_ROOT, "", err) != 0)
        return -1;
    docker_claim(&f, configured[0] != '\0' ? configured : DEFAULT_ROOT, DOCKER_SPACE, NULL, NULL);
    return 0;
}
