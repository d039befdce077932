/* containerd_daemons: stores from running daemons' command lines and their config.toml. K3s, docker
 * and microk8s start a containerd of their own, which is found like any other. */
#include <string.h>

#include "agent/engines/containerd/containerd_find.h"
#include "agent/engines/host_file.h"
#include "common/cleanup.h"

#define DEFAULT_CONFIG "/etc/containerd/config.toml"
#define DEFAULT_ROOT "/var/lib/containerd"
#define DEFAULT_STATE "/run/containerd"
#define DEFAULT_ADDRESS "/run/containerd/containerd.sock"
#define CONFIG_BYTES (1u << 20)

static void read_config(const struct daemon *d, const char *path, struct containerd_config *out)
{
    AUTO(buf_close) struct buf file;
    char place[ENGINE_PATH_MAX];

    *out = (struct containerd_config){.root = ""};
    buf_init(&file, CONFIG_BYTES);
    if (daemon_path(d, path, place) && host_file_read(&file, d->like, place, d->user, NULL) == 0)
        containerd_config_parse(out, buf_str(&file), file.len);
}

/* The first that says something. */
static const char *first_of(const char *flag, const char *configured, const char *otherwise)
{
    if (flag != NULL && flag[0] != '\0')
        return flag;
    return configured[0] != '\0' ? configured : otherwise;
}

/* What is not there (yet) is named as it would be below the daemon's chroot; "" for what is not the
 * daemon's to speak of. */
static bool named(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX])
{
    if (!daemon_place(d, path, out) && !daemon_path(d, path, out))
        return false;
    if (!daemon_owns(d, out))
        out[0] = '\0';
    return true;
}

static int add_daemon(void *arg, const struct daemon *d, struct err *err)
{
    static const char *const config_names[] = {"--config", "-c", NULL};
    static const char *const root_names[] = {"--root", NULL};
    static const char *const state_names[] = {"--state", NULL};
    static const char *const address_names[] = {"--address", "-a", NULL};
    const struct containerd_finder *f = arg;
    char root[ENGINE_PATH_MAX], state[ENGINE_PATH_MAX], address[ENGINE_PATH_MAX];
    struct containerd_config config;
    struct containerd_place place;

    read_config(d, first_of(daemon_option(d, config_names), "", DEFAULT_CONFIG), &config);
    if (!daemon_place(d, first_of(daemon_option(d, root_names), config.root, DEFAULT_ROOT), root) ||
        !daemon_owns(d, root) ||
        !named(d, first_of(daemon_option(d, state_names), config.state, DEFAULT_STATE), state) ||
        !named(d, first_of(daemon_option(d, address_names), config.address, DEFAULT_ADDRESS),
               address) ||
        !containerd_place_set(&place, root, state, address))
        return 0;
    place.trust = d->user == 0 ? CONTAINERD_PROMISED : CONTAINERD_HOME;
    place.user = d->user;
    return containerd_place_add(f, &place, err);
}

int containerd_daemons_find(const struct containerd_finder *f, enum daemons_whose whose,
                            struct err *err)
{
    return daemons_each(&f->like, "containerd", whose, add_daemon, (void *)f, err);
}
