/* containerd_find: where containerd's stores lie on this host. Asked, in this order: our own
 * configuration, root's running daemons' command lines and configurations, the well-known places,
 * users' daemons, users' homes. */
#include "agent/engines/containerd/containerd_find.h"

#include <string.h>

#include "agent/engines/containerd/containerd_api.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

#define USERS_ARENA_BYTES ((size_t)4 << 20)

static const struct {
    const char *root, *run, *socket;
} well_known[] = {
    {"/var/lib/containerd", "/run/containerd", "/run/containerd/containerd.sock"},
    {"/var/lib/docker/containerd/daemon", "/run/docker/containerd/daemon",
     "/run/docker/containerd/containerd.sock"},
    {"/var/lib/rancher/k3s/agent/containerd", "/run/k3s/containerd",
     "/run/k3s/containerd/containerd.sock"},
    {"/var/lib/rancher/rke2/agent/containerd", "/run/k3s/containerd",
     "/run/k3s/containerd/containerd.sock"},
    {"/var/lib/k0s/containerd", "/run/k0s/containerd", "/run/k0s/containerd.sock"},
    {"/var/snap/microk8s/common/var/lib/containerd", "/var/snap/microk8s/common/run/containerd",
     "/var/snap/microk8s/common/run/containerd.sock"},
    {"/var/snap/docker/common/var-lib-docker/containerd/daemon",
     "/run/snap.docker/containerd/daemon", "/run/snap.docker/containerd/containerd.sock"},
};

/* Below a user's home: nerdctl's rootless containerd, and rootless docker's. They run in mount
 * namespaces of their own, where their state and sockets are. */
static const char *const in_homes[] = {
    ".local/share/containerd",
    ".local/share/docker/containerd/daemon",
};

static int add_well_known(const struct containerd_finder *f, struct err *err)
{
    struct containerd_place place;

    for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++) {
        const char *socket = well_known[i].socket;

        if (i == 0 && f->options->containerd_socket != NULL)
            socket = f->options->containerd_socket;
        if (containerd_place_set(&place, well_known[i].root, well_known[i].run, socket) &&
            containerd_place_add(f, &place, err) != 0)
            return -1;
    }
    return 0;
}

static int add_home(const struct containerd_finder *f, const struct storage_user *user,
                    struct err *err)
{
    struct containerd_place place;
    char path[ENGINE_PATH_MAX];

    for (size_t i = 0; i < sizeof(in_homes) / sizeof(in_homes[0]); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", user->home, in_homes[i]) >= (int)sizeof(path) ||
            !containerd_place_set(&place, path, "", ""))
            continue;
        place.trust = CONTAINERD_HOME;
        place.user = user->uid;
        if (containerd_place_add(f, &place, err) != 0)
            return -1;
    }
    return 0;
}

static int add_homes(const struct containerd_finder *f, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct storage_users users = {0};

    if (arena_open(&arena, USERS_ARENA_BYTES, err) != 0)
        return -1;
    if (storage_users_read(&users, &f->like, arena, NULL) != 0)
        return 0;
    for (size_t i = 0; i < users.count; i++) {
        if (add_home(f, &users.items[i], err) != 0)
            return -1;
    }
    return 0;
}

/* Of a place that the configuration names, a running daemon or the well-known places may know the
 * socket. */
static int add_configured(const struct containerd_finder *f, const char *path, struct err *err)
{
    struct containerd_place place;
    const char *run = "", *socket = "";

    for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++) {
        if (strcmp(well_known[i].root, path) == 0) {
            run = well_known[i].run;
            socket = well_known[i].socket;
        }
    }
    if (!containerd_place_set(&place, path, run, socket))
        return err_set(err, ERR_USAGE, "'%.100s' is no absolute path", path);
    place.trust = CONTAINERD_PROMISED;
    return containerd_place_add(f, &place, err);
}

/* Stores of one containerd ask it once. */
static void ask_version(const struct containerd_finder *f, size_t index)
{
    struct engine_root *root = &f->roots->items[index];

    for (size_t i = 0; i < index; i++) {
        const struct engine_root *other = &f->roots->items[i];

        if (other->driver != &containerd_driver || strcmp(other->socket, root->socket) != 0)
            continue;
        root->api_answers = other->api_answers;
        memcpy(root->version, other->version, sizeof(root->version));
        return;
    }
    root->api_answers =
        containerd_api_version(root, f->options, root->version, sizeof(root->version), NULL) == 0;
}

static void ask_versions(const struct containerd_finder *f)
{
    for (size_t i = 0; i < f->roots->count && f->options->use_api; i++) {
        const struct engine_root *root = &f->roots->items[i];

        if (root->driver == &containerd_driver && root->socket[0] != '\0' && !root->api_answers)
            ask_version(f, i);
    }
}

static int find(struct containerd_finder *f, struct err *err)
{
    const struct engine_texts *configured = &f->options->containerd_roots;

    for (size_t i = 0; i < configured->count; i++) {
        if (add_configured(f, configured->items[i], err) != 0)
            return -1;
    }
    f->learns_only = !f->options->find;
    if (containerd_daemons_find(f, DAEMONS_OF_ROOT, err) != 0 ||
        (!f->learns_only && add_well_known(f, err) != 0) ||
        containerd_daemons_find(f, DAEMONS_OF_USERS, err) != 0)
        return -1;
    return f->learns_only ? 0 : add_homes(f, err);
}

int containerd_find(const struct engine_options *options, struct engine_roots *roots,
                    struct err *err)
{
    struct containerd_finder f = {
        .options = options, .roots = roots, .like = {.driver = &containerd_driver}};

    snprintf(f.like.host, sizeof(f.like.host), "%s",
             options->host_root != NULL ? options->host_root : "");
    if (find(&f, err) != 0)
        return -1;
    ask_versions(&f);
    return 0;
}
