/* docker_daemons: roots from running daemons' command lines and their daemon.json. */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker_find.h"
#include "common/cleanup.h"

#define DEFAULT_ROOT "/var/lib/docker"
#define DEFAULT_CONFIG "/etc/docker/daemon.json"
#define COMMAND_LINE_BYTES (64u << 10)
#define CONFIG_BYTES (1u << 20)

/* What one dockerd was told; texts point into its command line. */
struct daemon_flags {
    const char *data_root; /* NULL not told */
    const char *config;
    const char *socket;
};

/* The value of an option as "--name=value" or "--name" "value"; NULL where it is another one. */
static const char *option_value(const char *arg, const char *next, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0)
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    return arg[len] == '\0' ? next : NULL;
}

static const char *first_value(const char *arg, const char *next, const char *const *names)
{
    const char *value = NULL;

    for (; *names != NULL && value == NULL; names++)
        value = option_value(arg, next, *names);
    return value;
}

static void parse_flags(struct daemon_flags *out, const struct buf *line)
{
    static const char *const data_root[] = {"--data-root", "--graph", "-g", NULL};
    static const char *const config[] = {"--config-file", NULL};
    static const char *const host[] = {"--host", "-H", NULL};
    const char *end = buf_str(line) + line->len;

    *out = (struct daemon_flags){0};
    for (const char *arg = buf_str(line); arg < end; arg += strlen(arg) + 1) {
        const char *next = arg + strlen(arg) + 1 < end ? arg + strlen(arg) + 1 : NULL;
        const char *value;

        if ((value = first_value(arg, next, data_root)) != NULL)
            out->data_root = value;
        if ((value = first_value(arg, next, config)) != NULL)
            out->config = value;
        value = first_value(arg, next, host);
        if (value != NULL && strncmp(value, "unix://", 7) == 0 && out->socket == NULL)
            out->socket = value + 7;
    }
}

void docker_config_root(const struct docker_finder *f, const char *path, char out[ENGINE_PATH_MAX])
{
    AUTO(buf_close) struct buf file;
    AUTO_JSON json_t *document = NULL;
    AUTO_FREE char *copy = strdup(path);
    char *slash = copy != NULL ? strrchr(copy, '/') : NULL;
    AUTO_FD int dir = -1;
    const char *value;

    out[0] = '\0';
    buf_init(&file, CONFIG_BYTES);
    if (slash == NULL)
        return;
    *slash = '\0';
    dir = engine_open(&f->like, copy[0] != '\0' ? copy : "/", O_RDONLY | O_DIRECTORY, NULL);
    if (dir < 0 || buf_read_file_at(&file, dir, slash + 1, NULL) != 0)
        return;
    document = json_parse(buf_str(&file), file.len, NULL);
    value = json_str(document, "data-root");
    if (value == NULL)
        value = json_str(document, "graph");
    snprintf(out, ENGINE_PATH_MAX, "%s", value != NULL ? value : "");
}

/* A daemon may run in a chroot: its paths are below what /proc/<pid>/root points to. In another
 * mount namespace the host may have something else at that path, so the daemon's own view of it
 * must be the same directory. */
static bool host_path_of(const struct docker_finder *f, int proc, const char *pid, const char *path,
                         char out[ENGINE_PATH_MAX])
{
    char link[64], chroot_dir[ENGINE_PATH_MAX], theirs_path[2 * ENGINE_PATH_MAX];
    struct stat ours, theirs;
    AUTO_FD int fd = -1;
    ssize_t len;

    snprintf(link, sizeof(link), "%s/root", pid);
    len = readlinkat(proc, link, chroot_dir, sizeof(chroot_dir) - 1);
    if (len <= 0)
        return false;
    chroot_dir[len] = '\0';
    if (snprintf(out, ENGINE_PATH_MAX, "%s%s", len > 1 ? chroot_dir : "", path) >= ENGINE_PATH_MAX)
        return false;
    fd = engine_open(&f->like, out, O_PATH | O_DIRECTORY, NULL);
    snprintf(theirs_path, sizeof(theirs_path), "%s%s", link, path);
    return fd >= 0 && fstat(fd, &ours) == 0 && fstatat(proc, theirs_path, &theirs, 0) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static int look_at_daemon(const struct docker_finder *f, int proc, const char *pid, struct err *err)
{
    AUTO(buf_close) struct buf line;
    struct daemon_flags flags;
    char path[64], configured[ENGINE_PATH_MAX], place[ENGINE_PATH_MAX];
    char socket[ENGINE_PATH_MAX] = "";
    const char *root;

    buf_init(&line, COMMAND_LINE_BYTES);
    snprintf(path, sizeof(path), "%s/cmdline", pid);
    if (buf_read_file_at(&line, proc, path, NULL) != 0)
        return 0;
    parse_flags(&flags, &line);
    docker_config_root(f, flags.config != NULL ? flags.config : DEFAULT_CONFIG, configured);
    root = flags.data_root != NULL ? flags.data_root : configured;
    if (root[0] == '\0')
        root = DEFAULT_ROOT;
    if (root[0] != '/' || !host_path_of(f, proc, pid, root, place))
        return 0;
    if (flags.socket != NULL) /* the chroot is what stands before the root in `place` */
        snprintf(socket, sizeof(socket), "%.*s%s", (int)(strlen(place) - strlen(root)), place,
                 flags.socket);
    return docker_place_try(f, place, socket, err);
}

static bool is_dockerd(int proc, const char *pid)
{
    AUTO(buf_close) struct buf name;
    char path[64];

    buf_init(&name, 64);
    snprintf(path, sizeof(path), "%s/comm", pid);
    return buf_read_file_at(&name, proc, path, NULL) == 0 &&
           strcmp(buf_str(&name), "dockerd\n") == 0;
}

int docker_daemons_find(const struct docker_finder *f, struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    AUTO_FD int proc = engine_open(&f->like, "/proc", O_RDONLY | O_DIRECTORY, NULL);

    if (proc < 0 || dirlist_read(&entries, proc, DOCKER_ENTRIES_MAX, "/proc", NULL) != 0)
        return 0;
    for (size_t i = 0; i < entries.count; i++) {
        const char *pid = entries.names[i];

        if (!isdigit((unsigned char)pid[0]) || strlen(pid) > 20 || !is_dockerd(proc, pid))
            continue;
        if (look_at_daemon(f, proc, pid, err) != 0)
            return -1;
    }
    return 0;
}
