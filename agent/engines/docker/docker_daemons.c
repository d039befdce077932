/* docker_daemons: roots from running daemons' command lines and their daemon.json. */
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker/docker_find.h"
#include "agent/engines/host_file.h"
#include "common/cleanup.h"

#define DEFAULT_ROOT "/var/lib/docker"
#define DEFAULT_CONFIG "/etc/docker/daemon.json"
#define CONFIG_BYTES (1u << 20)

void docker_config_root(const struct docker_finder *f, const char *path, char out[ENGINE_PATH_MAX])
{
    AUTO(buf_close) struct buf file;
    AUTO_JSON json_t *document = NULL;
    const char *value;

    out[0] = '\0';
    buf_init(&file, CONFIG_BYTES);
    if (host_file_read(&file, &f->like, path, f->like.user, NULL) != 0)
        return;
    document = json_parse(buf_str(&file), file.len, NULL);
    value = json_str(document, "data-root");
    if (value == NULL)
        value = json_str(document, "graph");
    snprintf(out, ENGINE_PATH_MAX, "%s", value != NULL ? value : "");
}

/* A path that the daemon was told, as the host names it; "" where it was told none, or something
 * that is not its own. What is not there (yet) is named as it would be below its chroot. */
static void told_path(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX])
{
    if (path == NULL || (!daemon_place(d, path, out) && !daemon_path(d, path, out)) ||
        !daemon_owns(d, out))
        out[0] = '\0';
}

static int add_daemon(void *arg, const struct daemon *d, struct err *err)
{
    static const char *const data_root[] = {"--data-root", "--graph", "-g", NULL};
    static const char *const config[] = {"--config-file", NULL};
    static const char *const host[] = {"--host", "-H", NULL};
    static const char *const containerd_names[] = {"--containerd", NULL};
    static const char *const space_names[] = {"--containerd-namespace", NULL};
    struct docker_finder *f = arg;
    const char *root = daemon_option(d, data_root);
    const char *file = daemon_option(d, config);
    const char *containerd = daemon_option(d, containerd_names);
    const char *space = daemon_option(d, space_names);
    char configured[ENGINE_PATH_MAX], place[ENGINE_PATH_MAX], socket[ENGINE_PATH_MAX];
    char path[ENGINE_PATH_MAX];
    struct stat st;
    bool told;

    f->like.user = d->user;
    configured[0] = '\0';
    if (root == NULL && daemon_path(d, file != NULL ? file : DEFAULT_CONFIG, path))
        docker_config_root(f, path, configured);
    if (root == NULL)
        root = configured[0] != '\0' ? configured : DEFAULT_ROOT;
    if (!daemon_place(d, root, place) || !daemon_owns(d, place))
        return 0;
    told_path(d, daemon_option_with(d, host, "unix://"), socket);
    told = containerd != NULL && daemon_stat(d, containerd, &st);
    /* Its command line says which containerd, older daemons' API does not. */
    docker_claim(f, place, space != NULL ? space : DOCKER_SPACE, NULL, told ? &st : NULL);
    if (socket[0] != '\0' && f->options->use_api && docker_ask(f, socket, d, err) != 0)
        return -1;
    return docker_place_try(f, place, socket, err);
}

int docker_daemons_find(struct docker_finder *f, enum daemons_whose whose, struct err *err)
{
    int rc = daemons_each(&f->like, "dockerd", whose, add_daemon, f, err);

    f->like.user = 0;
    return rc;
}
