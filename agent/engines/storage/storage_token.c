/* storage_token: what differs whenever the store may have changed, and where that shows. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define MS_PER_SECOND 1000
#define NS_PER_MS 1000000
#define PIDFILE "userdata/pidfile"

/* One of the store's directories: its lock file, and the JSON files whose stamps count too, for
 * an engine that died between writing one and writing the lock. */
struct part {
    const char *suffix, *lock;
    const char *files[3];
};

static const struct part parts[] = {
    {"-images", "images.lock", {"images.json"}},
    {"-layers", "layers.lock", {"layers.json", "volatile-layers.json"}},
    {"-containers", "containers.lock", {"containers.json", "volatile-containers.json"}},
};

/* The same below the run root; no lock of a mount is a change of the store. */
static const struct part run_parts[] = {
    {"-layers", NULL, {"mountpoints.json", "volatile-layers.json"}},
    {"-containers", NULL, {"volatile-containers.json"}},
};

/* The stamps of all of it are more than a token holds: `all` has them one after the other, and its
 * sum goes into the token. */
static int put_file(struct setsum *all, int fd, const char *name, unsigned position,
                    int64_t *youngest_ns, struct err *err)
{
    struct engine_token one = {.len = 0};

    pass_token_put(&one, &position, sizeof(position));
    if (pass_token_stat(&one, fd, name, youngest_ns, err) != 0)
        return -1;
    setsum_add(all, one.bytes, one.len);
    return 0;
}

/* An empty lock file is one that nothing was ever changed under. */
static int put_lock(struct setsum *all, int fd, const char *name, unsigned position,
                    struct err *err)
{
    uint8_t bytes[sizeof(position) + STORAGE_LOCK_BYTES] = {0};
    AUTO_FD int lock = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (lock < 0 && errno != ENOENT)
        return err_errno(err, ERR_IO, errno, "open %s", name);
    if (lock >= 0 && read(lock, bytes + sizeof(position), STORAGE_LOCK_BYTES) < 0)
        return err_errno(err, ERR_IO, errno, "read %s", name);
    memcpy(bytes, &position, sizeof(position));
    setsum_add(all, bytes, sizeof(bytes));
    return 0;
}

static int put_part(struct setsum *all, int fd, const struct part *part, unsigned position,
                    int64_t *youngest_ns, struct err *err)
{
    if (part->lock != NULL && put_lock(all, fd, part->lock, position, err) != 0)
        return -1;
    for (unsigned i = 0; i < 3 && part->files[i] != NULL; i++) {
        if (put_file(all, fd, part->files[i], position + i + 1, youngest_ns, err) != 0)
            return -1;
    }
    return 0;
}

/* A container's start and end change its pidfile, after its mount. */
static int put_pidfiles(struct setsum *all, int fd, int64_t *youngest_ns, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};

    if (dirlist_read(&list, fd, REC_CONTAINERS_MAX, "the run root's containers", err) != 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        char path[NAME_MAX + sizeof(PIDFILE) + 1];
        struct digest name = digest_of(list.names[i], strlen(list.names[i]));
        unsigned position;

        memcpy(&position, name.bytes, sizeof(position));
        snprintf(path, sizeof(path), "%s/" PIDFILE, list.names[i]);
        if (put_file(all, fd, path, position, youngest_ns, err) != 0)
            return -1;
    }
    return 0;
}

static int put_store(const struct engine_root *root, struct setsum *all, int64_t *youngest_ns,
                     struct err *err)
{
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        AUTO_FD int fd = -1;

        if (storage_open_optional(root, parts[i].suffix, &fd, err) != 0 ||
            (fd >= 0 && put_part(all, fd, &parts[i], 16 * i, youngest_ns, err) != 0))
            return -1;
    }
    for (unsigned i = 0; i < sizeof(run_parts) / sizeof(run_parts[0]); i++) {
        AUTO_FD int fd = -1;

        if (storage_open_run(root, run_parts[i].suffix, &fd, err) != 0)
            return -1;
        if (fd >= 0 && put_part(all, fd, &run_parts[i], 16 * (i + 8), youngest_ns, err) != 0)
            return -1;
        if (fd >= 0 && i == 1 && put_pidfiles(all, fd, youngest_ns, err) != 0)
            return -1;
    }
    return 0;
}

bool storage_is_fresh(int fd, const char *name)
{
    int64_t now_ms = clock_wall_ms();
    int64_t then_ms;
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    then_ms = (int64_t)st.st_ctim.tv_sec * MS_PER_SECOND + st.st_ctim.tv_nsec / NS_PER_MS;
    return then_ms <= now_ms && now_ms - then_ms < STORAGE_SETTLE_MS;
}

/* What is left out of a reading because it may not be finished yet is due when images.json is no
 * longer fresh, though nothing changes then: so that is part of the token. */
int storage_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                  struct err *err)
{
    AUTO_FD int images = storage_open(root, "-images", err);
    struct setsum all = {{0}};
    uint8_t bytes[32];
    bool fresh;

    *out = (struct engine_token){.len = 0};
    *youngest_ns = 0;
    if (images < 0)
        return -1;
    fresh = storage_is_fresh(images, "images.json");
    if (put_store(root, &all, youngest_ns, err) != 0)
        return err_wrap(err, "%s%s", root->host, root->path);
    setsum_bytes(&all, bytes);
    pass_token_put(out, bytes, sizeof(bytes));
    pass_token_put(out, &fresh, sizeof(fresh));
    return 0;
}

/* ---- watches --------------------------------------------------------------------------------- */

static int watch(struct engine_paths *out, const char *place, const struct engine_root *root,
                 const char *below, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (out->count >= ENGINE_WATCHES_MAX ||
        snprintf(path, sizeof(path), "%s/%s%s", place, root->storage, below) >= (int)sizeof(path))
        return 0;
    return engine_paths_add(out, path, err);
}

static int watch_containers(const struct engine_root *root, struct engine_paths *out,
                            struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int fd = -1;

    if (storage_open_run(root, "-containers", &fd, err) != 0)
        return -1;
    if (fd < 0)
        return 0;
    if (dirlist_read(&list, fd, REC_CONTAINERS_MAX, root->run, err) != 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        char below[NAME_MAX + 64];

        snprintf(below, sizeof(below), "-containers/%s/userdata", list.names[i]);
        if (watch(out, root->run, root, below, err) != 0)
            return -1;
    }
    return 0;
}

int storage_watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (watch(out, root->path, root, parts[i].suffix, err) != 0)
            return -1;
    }
    if (root->run[0] == '\0')
        return 0;
    if (watch(out, root->run, root, "-layers", err) != 0 ||
        watch(out, root->run, root, "-containers", err) != 0)
        return -1;
    return watch_containers(root, out, err);
}
