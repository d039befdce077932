/* storage_users: who may have a store of his own, and what the configuration says of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/host_file.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

#define PASSWD_BYTES (1 << 20)
#define USERS_MAX 4096
#define DROP_INS_MAX 256
#define ROOT_GRAPH "/var/lib/containers/storage"
#define ROOT_RUN "/run/containers/storage"
#define USER_GRAPH "~/.local/share/containers/storage"

static const struct storage_user system_user = {.name = "root", .home = "/root", .uid = 0};

/* ---- users ----------------------------------------------------------------------------------- */

/* name:password:uid:gid:comment:home:shell (passwd(5)), in place. */
static bool read_line(char *line, struct storage_user *out)
{
    char *fields[7] = {line};
    unsigned long uid;
    char *end;

    for (size_t i = 1; i < 7; i++) {
        fields[i] = strchr(fields[i - 1], ':');
        if (fields[i] == NULL)
            return false;
        *fields[i]++ = '\0';
    }
    errno = 0;
    uid = strtoul(fields[2], &end, 10);
    if (errno != 0 || end == fields[2] || *end != '\0' || uid > UINT32_MAX || fields[5][0] != '/')
        return false;
    *out = (struct storage_user){.name = fields[0], .home = fields[5], .uid = (unsigned)uid};
    return true;
}

/* No passwd file: nobody but root. */
int storage_users_read(struct storage_users *out, const struct engine_root *like,
                       struct arena *arena, struct err *err)
{
    AUTO(buf_close) struct buf file;
    char *text, *line;

    buf_init(&file, PASSWD_BYTES);
    *out = (struct storage_users){0};
    out->items = arena_array(arena, USERS_MAX, sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    if (host_file_read(&file, like, "/etc/passwd", 0, NULL) != 0)
        return 0;
    text = arena_text(arena, buf_str(&file), file.len, err);
    if (text == NULL)
        return -1;
    while ((line = strsep(&text, "\n")) != NULL && out->count < USERS_MAX)
        out->count += read_line(line, &out->items[out->count]);
    return 0;
}

/* ---- configuration --------------------------------------------------------------------------- */

/* A file that this user has put there (0: the system). */
static int read_conf(const struct engine_root *like, const char *path, uint32_t user,
                     struct storage_conf *conf, struct arena *arena, struct err *err)
{
    AUTO(buf_close) struct buf file;

    buf_init(&file, STORAGE_CONF_BYTES);
    if (host_file_read(&file, like, path, user, NULL) != 0)
        return 0;
    return storage_conf_parse(conf, buf_str(&file), file.len, arena, err);
}

int storage_conf_read_all(const struct engine_root *like, const char *file,
                          struct storage_conf *conf, struct arena *arena, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    char path[ENGINE_PATH_MAX];
    AUTO_FD int fd = -1;

    snprintf(path, sizeof(path), "%s.d", file);
    if (read_conf(like, file, 0, conf, arena, err) != 0)
        return -1;
    fd = engine_open(like, path, O_RDONLY | O_DIRECTORY, NULL);
    if (fd < 0 || dirlist_read(&list, fd, DROP_INS_MAX, path, NULL) != 0)
        return 0;
    for (size_t i = 0; i < list.count; i++) {
        size_t len = strlen(list.names[i]);

        snprintf(path, sizeof(path), "%s.d/%s", file, list.names[i]);
        if (len > 5 && strcmp(list.names[i] + len - 5, ".conf") == 0 &&
            read_conf(like, path, 0, conf, arena, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_there(const struct engine_root *like, const char *path)
{
    AUTO_FD int fd = engine_open(like, path, O_PATH | O_DIRECTORY, NULL);

    return fd >= 0;
}

/* Where a rootless engine keeps what does not outlive a reboot, if nobody told it: the first of
 * these that it could make (containers/storage: getRootlessRuntimeDir, and what podman 4 does). */
static const char *user_run_root(const struct engine_root *like, const struct storage_user *user,
                                 struct arena *arena)
{
    static const char *const places[] = {
        "/run/user/$UID/containers",
        "/tmp/podman-run-$UID/containers",
        "/tmp/containers-user-$UID/containers",
        "/tmp/storage-run-$UID/containers",
    };
    const char *path;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        path = storage_conf_expand(places[i], user, arena);
        if (path != NULL && is_there(like, path))
            return path;
    }
    return storage_conf_expand(places[0], user, arena);
}

/* Of the system's configuration a user has all but the places. */
static int read_user_conf(const struct engine_root *like, const struct storage_user *user,
                          struct storage_conf *conf, struct arena *arena, struct err *err)
{
    const char *own = storage_conf_expand("~/.config/containers/storage.conf", user, arena);

    conf->graph_root = conf->run_root = conf->image_store = NULL;
    if (own != NULL && read_conf(like, own, user->uid, conf, arena, err) != 0)
        return -1;
    if (conf->graph_root == NULL)
        conf->graph_root = conf->rootless_path != NULL ? conf->rootless_path : USER_GRAPH;
    if (conf->run_root == NULL)
        conf->run_root = user_run_root(like, user, arena);
    return 0;
}

static const char *expanded(const char *path, const struct storage_user *user, struct arena *arena)
{
    return path != NULL ? storage_conf_expand(path, user, arena) : NULL;
}

static void expand_all(struct storage_conf *conf, const struct storage_user *user,
                       struct arena *arena)
{
    size_t kept = 0;

    conf->graph_root = expanded(conf->graph_root, user, arena);
    conf->run_root = expanded(conf->run_root, user, arena);
    conf->image_store = expanded(conf->image_store, user, arena);
    for (size_t i = 0; i < conf->store_count; i++) {
        conf->stores[kept] = expanded(conf->stores[i], user, arena);
        kept += conf->stores[kept] != NULL;
    }
    conf->store_count = kept;
}

int storage_conf_of(const struct engine_root *like, const struct storage_user *user,
                    struct storage_conf *conf, struct arena *arena, struct err *err)
{
    *conf = (struct storage_conf){0};
    if (storage_conf_read_all(like, "/usr/share/containers/storage.conf", conf, arena, err) != 0 ||
        storage_conf_read_all(like, "/etc/containers/storage.conf", conf, arena, err) != 0 ||
        (user != NULL && read_user_conf(like, user, conf, arena, err) != 0))
        return -1;
    if (conf->graph_root == NULL)
        conf->graph_root = ROOT_GRAPH;
    if (conf->run_root == NULL)
        conf->run_root = ROOT_RUN;
    expand_all(conf, user != NULL ? user : &system_user, arena);
    return 0;
}
